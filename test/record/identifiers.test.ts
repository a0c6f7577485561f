import t from 'tap'
import { SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import {
  citizenIdFault,
  isAdult,
  isCitizenId,
  mask,
  syntheticCitizenId,
} from '../../src/record/citizen-id.ts'
import { allDivisions, findDivision, successorsOf } from '../../src/record/divisions.ts'
import { subjectIdFault, subjectIdWarnings } from '../../src/record/subject.ts'
import { codeCell, damagedIdentifier, matchingForm, nameCell } from '../../src/record/text.ts'
import { isUscc, syntheticUscc, usccDoubt, usccFault } from '../../src/record/uscc.ts'

const publicCodes = [
  '91330100799655058B',
  '914403001922038216',
  '9144030071526726XG',
  '91110000802100433B',
  '91100000100003962T',
  '91330000747735638J',
  '12100000470095016Q',
  '12100000400000624D',
]

const syntheticCodes = [
  '91330102TT0000015K',
  '91330782TT00000239',
  '92330383TT0000031T',
  '93331127TT000004XE',
  '51330000TT00000583',
  '52330300TT0000066A',
  '53100000TT0000074Q',
  '12330113TT0000082L',
  '11330825TT00000903',
  '71330103TT00000A9R',
  '31330106TT00000B74',
  'N2330110TT00000C51',
  '91429004TT00000D3K',
  '91441900TT00000E18',
  '91659001TT00000FXL',
]

const syntheticIds = [
  '330102180001010012',
  '330102180001010020',
  '33010218000101008X',
  '330782184902280039',
  '331127182002290121',
  '441900183112317771',
  '659001181808088086',
]

t.test('published and synthetic unified social credit codes pass', async (t) => {
  for (const code of [...publicCodes, ...syntheticCodes]) t.equal(usccFault(code), undefined, code)
})

t.test('a unified social credit code says what is wrong with it', async (t) => {
  const cases: readonly (readonly [code: string, fault: string])[] = [
    ['91320100250571846X', 'uscc_check'],
    ['91330102TT0000051K', 'uscc_check'],
    ['91330102tt0000015K', 'uscc_form'],
    ['91330102TT0000015', 'uscc_form'],
    ['91330102TT0000015KK', 'uscc_form'],
    ['91330102TT000001OK', 'uscc_form'],
    ['9133A102TT0000015K', 'uscc_form'],
    ['９1330102TT0000015K', 'uscc_form'],
    ['', 'uscc_form'],
    // A department or class that is not in the table, and another irregularity.
    ['94330102TT0000016D', 'uscc_class'],
    ['94330102TT0000015B', 'uscc_check'],
  ]
  for (const [code, fault] of cases) t.equal(usccFault(code), fault, code)
})

t.test('a wrong inner check passes as a warning', async (t) => {
  // 91330102TT0000015K with the inner check 5 made 6 and the outer check recomputed by hand:
  // the sum grows by weight 28, so the check falls from 19 (K) to 19 - 28 = 22 mod 31, which is N.
  const code = '91330102TT0000016N'
  t.equal(usccFault(code), undefined)
  t.equal(usccDoubt(code), 'uscc_inner_check')
  t.equal(subjectIdFault(SubjectType.ENTERPRISE, code), undefined)
  t.same(subjectIdWarnings(SubjectType.ENTERPRISE, code, false), ['uscc_inner_check'])
})

t.test('one irregularity that registries have issued is a doubt, two are a fault', async (t) => {
  for (const code of ['91350203M0001QKT19', '91350211M0000XUF46', '91350203M0001FUE2P']) {
    t.equal(usccDoubt(code), 'uscc_outer_check', code)
    t.same(subjectIdWarnings(SubjectType.ENTERPRISE, code, false), ['uscc_outer_check'])
    t.equal(isUscc(code), true)
    t.equal(subjectIdFault(SubjectType.ENTERPRISE, code), undefined)
    t.equal(subjectIdFault(SubjectType.PUBLIC_INSTITUTION, code), 'uscc_check')
    // A slip in the characters of the subject breaks both checks.
    for (const at of [9, 12])
      t.equal(
        usccFault(`${code.slice(0, at)}${code[at] === '3' ? '4' : '3'}${code.slice(at + 1)}`),
        'uscc_check',
        `${code} with another character ${at + 1}`,
      )
  }
  for (const pair of ['94', 'B1', 'Y9', '54', '55', '79', 'A1', 'G1', 'J1']) {
    const code = syntheticUscc(`${pair}330102`, 'TT000001')
    t.equal(usccFault(code), undefined, pair)
  }
  t.equal(usccDoubt(syntheticUscc('54330102', 'TT000001')), 'uscc_class_unknown')
})

t.test('the number of a person never passes as a doubtful code', async (t) => {
  for (const [at, province] of ['33', '11', '37', '51'].entries()) {
    let passed = 0
    for (let i = 0; i < 400; i++) {
      const id = syntheticCitizenId(`${province}010219010101${String(i + 1).padStart(3, '0')}`)
      t.equal(
        usccDoubt(id) === 'uscc_outer_check' || usccDoubt(id) === 'uscc_class_unknown',
        false,
        id,
      )
      if (isUscc(id)) passed++
      t.equal(isCitizenId(id), true)
    }
    t.ok(passed < 40, `${passed} of 400 numbers of ${at} have the check of a code by chance`)
  }
  for (const code of [...publicCodes, ...syntheticCodes]) t.equal(isCitizenId(code), false, code)
  t.equal(isCitizenId(syntheticCitizenId('91010219010101001')), false, 'no address begins with 91')
})

t.test('synthetic codes get both checks', async (t) => {
  t.equal(syntheticUscc('91330102', 'TT000001'), '91330102TT0000015K')
  t.equal(syntheticUscc('93331127', 'TT000004'), '93331127TT000004XE')
  t.equal(syntheticUscc('71330103', 'TT00000A'), '71330103TT00000A9R')
  t.equal(syntheticUscc('91659001', 'TT00000F'), '91659001TT00000FXL')
  t.throws(() => syntheticUscc('91330102', 'TT00001'), RangeError)
  t.throws(() => syntheticUscc('91330102', 'TT00000I'), RangeError)
})

t.test('citizen identity numbers pass', async (t) => {
  for (const id of syntheticIds) {
    t.equal(citizenIdFault(id), undefined, id)
    t.equal(syntheticCitizenId(id.slice(0, 17)), id)
  }
})

t.test('a citizen identity number says what is wrong with it', async (t) => {
  const cases: readonly (readonly [id: string, fault: string])[] = [
    ['330102180001010013', 'citizen_id_check'],
    ['33010218000101008x', 'citizen_id_form'],
    ['33010218000101X08X', 'citizen_id_form'],
    ['330102180001010', 'citizen_id_form'],
    ['030102180001010012', 'citizen_id_form'],
    ['３30102180001010012', 'citizen_id_form'],
    [syntheticCitizenId('33010219000229001'), 'citizen_id_birth'],
    [syntheticCitizenId('33010218001301001'), 'citizen_id_birth'],
    [syntheticCitizenId('33010218000100001'), 'citizen_id_birth'],
    [syntheticCitizenId('33010217991231001'), 'citizen_id_birth'],
  ]
  for (const [id, fault] of cases) t.equal(citizenIdFault(id), fault, id)
})

t.test('the stated type decides how an identifier is read, never the identifier', async (t) => {
  const both = '330102180001010012'
  t.equal(subjectIdFault(SubjectType.NATURAL_PERSON, both), undefined)
  t.not(
    subjectIdFault(SubjectType.ENTERPRISE, both),
    'uscc_check',
    'it passes the outer check of GB 32100',
  )
  t.equal(subjectIdFault(SubjectType.NATURAL_PERSON, '91330102TT0000015K'), 'citizen_id_form')
})

t.test('identifiers of former forms are named as such', async (t) => {
  t.equal(subjectIdFault(SubjectType.NATURAL_PERSON, '330102000101001'), 'citizen_id_legacy')
  t.equal(subjectIdFault(SubjectType.ENTERPRISE, '330100000012345'), 'registration_number_legacy')
  t.equal(subjectIdFault(SubjectType.ENTERPRISE, '79965505-8'), 'organization_code_legacy')
  t.equal(subjectIdFault(SubjectType.PUBLIC_INSTITUTION, '71526726X'), 'organization_code_legacy')
})

t.test('an unusual class for the stated type is a warning', async (t) => {
  const usual: readonly (readonly [string, SubjectType])[] = [
    ['91330102TT0000015K', SubjectType.ENTERPRISE],
    ['93331127TT000004XE', SubjectType.ENTERPRISE],
    ['51330000TT00000583', SubjectType.SOCIAL_ORGANIZATION],
    ['71330103TT00000A9R', SubjectType.SOCIAL_ORGANIZATION],
    ['31330106TT00000B74', SubjectType.SOCIAL_ORGANIZATION],
    ['N2330110TT00000C51', SubjectType.SOCIAL_ORGANIZATION],
    ['12330113TT0000082L', SubjectType.PUBLIC_INSTITUTION],
    ['11330825TT00000903', SubjectType.GOVERNMENT_BODY],
  ]
  for (const [code, type] of usual) t.same(subjectIdWarnings(type, code, false), [], code)
  t.same(subjectIdWarnings(SubjectType.GOVERNMENT_BODY, '12330113TT0000082L', false), [
    'subject_type_class',
  ])
  t.same(subjectIdWarnings(SubjectType.ENTERPRISE, '92330383TT0000031T', true), [])
  t.same(subjectIdWarnings(SubjectType.ENTERPRISE, '92330383TT0000031T', false), [
    'individual_business_class',
  ])
  t.same(subjectIdWarnings(SubjectType.ENTERPRISE, '91330102TT0000015K', true), [
    'individual_business_class',
  ])
})

t.test('eighteen begins on the birthday, and on 1 March for 29 February', async (t) => {
  t.equal(isAdult(20080615, 20260614), false)
  t.equal(isAdult(20080615, 20260615), true)
  t.equal(isAdult(20080229, 20260228), false)
  t.equal(isAdult(20080229, 20260301), true)
  t.equal(isAdult(20300101, 20260301), false)
})

t.test('a masked identifier shows two characters at each end', async (t) => {
  t.equal(mask('330102180001010012'), '33**************12')
  t.equal(mask('12345'), '12*45')
  t.equal(mask('1234'), '****')
  t.equal(mask(''), '')
})

t.test('Zhejiang has 11 cities and 90 county-level units', async (t) => {
  const used = allDivisions().filter(({ code, withdrawn }) => code.startsWith('33') && !withdrawn)
  t.equal(used.filter(({ level }) => level === 'city').length, 11)
  const counties = used.filter(({ level }) => level === 'county')
  t.equal(counties.length, 90)
  t.equal(counties.filter(({ nameZh }) => nameZh.endsWith('区')).length, 37)
  t.equal(counties.filter(({ nameZh }) => nameZh.endsWith('市')).length, 20)
  t.equal(counties.filter(({ nameZh }) => nameZh.endsWith('县')).length, 33)
  const perCity = Object.fromEntries(
    used
      .filter(({ level }) => level === 'city')
      .map(({ code }) => [code, counties.filter(({ city }) => city === code).length]),
  )
  t.same(perCity, {
    330100: 13,
    330200: 10,
    330300: 12,
    330400: 7,
    330500: 5,
    330600: 6,
    330700: 9,
    330800: 6,
    330900: 4,
    331000: 9,
    331100: 9,
  })
})

t.test('divisions are found with their city where they have one', async (t) => {
  t.match(findDivision('330825'), { nameZh: '龙游县', level: 'county', city: '330800' })
  t.match(findDivision('330106'), { nameZh: '西湖区', level: 'county', city: '330100' })
  t.match(findDivision('331127'), { nameZh: '景宁畲族自治县' })
  t.match(findDivision('429004'), { nameZh: '仙桃市', level: 'county', city: undefined })
  t.match(findDivision('441900'), { nameZh: '东莞市', level: 'city' })
  t.match(findDivision('659001'), { nameZh: '石河子市', level: 'county', city: undefined })
  t.match(findDivision('310000'), { nameZh: '上海市', level: 'province' })
  t.equal(findDivision('110100')?.placeholder, true)
  t.equal(findDivision('100000'), findDivision('000000'))
  t.equal(findDivision('330199'), undefined)
})

t.test('withdrawn divisions name their successors', async (t) => {
  const codes = (code: string): readonly string[] =>
    successorsOf(code).map((division) => division.code)
  t.same(codes('330103'), ['330105'])
  t.same(codes('330104'), ['330102', '330114'])
  t.same(codes('330204'), ['330212'])
  t.same(codes('331021'), ['331083'])
  t.same(codes('330106'), ['330106'])
  t.same(codes('999999'), [])
  t.equal(findDivision('330103')?.withdrawn, true)
  t.equal(findDivision('330110')?.territoryChanged, true, 'one code, two territories')
})

t.test(
  'codes are normalized, names only trimmed; what is compared is brought to one form',
  async (t) => {
    t.equal(codeCell('　９１330102ｔｔ0000015k\u200b'), '91330102TT0000015K')
    t.equal(nameCell(' （杭州）Ａ公司　'), '（杭州）Ａ公司')
    for (const name of ['e\u0301', '\uf92c某商行', '\u{2f800}', '王\u{20bb7}'])
      t.equal(nameCell(name), name, 'code point for code point')
    t.equal(matchingForm(' Ａ级 '), 'a级')
    t.equal(matchingForm('\uf92c某'), matchingForm('\u90ce某'))
    t.equal(matchingForm('e\u0301'), matchingForm('\u00c9'))
  },
)

t.test('damage done by a spreadsheet is named, never repaired', async (t) => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['3.30102E+17', 'spreadsheet_scientific'],
    ['3.30102e17', 'spreadsheet_scientific'],
    ['9E+17', 'spreadsheet_scientific'],
    ['330102180001010000', 'spreadsheet_rounded'],
    ['330102180001010000.00', 'spreadsheet_rounded'],
    ...[...publicCodes, ...syntheticCodes, ...syntheticIds].map((id) => [id, undefined] as const),
    ['', undefined],
  ]
  for (const [cell, damage] of cases) t.equal(damagedIdentifier(cell), damage, JSON.stringify(cell))
})
