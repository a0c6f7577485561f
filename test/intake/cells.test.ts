/** Cells of departments' files: what is certain is taken and said, what is not is named, nothing is guessed. */
import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { ColumnSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { type CellReading, type CellSettings, readCell } from '../../src/intake/cells.ts'
import { readCode } from '../../src/intake/codes.ts'
import { readDate } from '../../src/intake/dates.ts'
import { readDecimal, readInteger } from '../../src/intake/numbers.ts'
import { fromTextCell, toTextCell } from '../../src/intake/text-cell.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import {
  certainDamage,
  likelyDamage,
  likelyNameDamage,
  privateUse,
  rightText,
} from '../../src/record/damage.ts'
import { decodeRecordId, encodeRecordId } from '../../src/record/record-id.ts'
import { OPEN_END } from '../../src/record/text.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'

/** The value that a reading gives, or the code of its fault. */
const outcome = ({ value, fault }: CellReading): string | number | undefined =>
  fault ? `! ${fault.code}` : value

t.test(
  'the date forms of Excel, WPS, databases and people are taken where they mean one day',
  async (t) => {
    const good = [
      '2026-06-30',
      '2026-6-30',
      '2026/6/30',
      '2026/06/30',
      '2026.6.30',
      '2026.06.30',
      '2026年6月30日',
      '2026年06月30号',
      '2026年6月30',
      '20260630',
      '20260630.0',
      '２０２６-０６-３０',
      ' 2026-06-30 ',
      '2026－6－30',
      '2026—6—30',
      '2026–06–30',
      "'2026-06-30",
      '2026 年 6 月 30 日',
      '二〇二六年六月三十日',
      '二○二六年六月三十日',
      '二零二六年六月三十日',
      '2026/6/30 0:00',
      '2026-06-30 00:00:00',
      '2026-06-30T00:00:00',
      '2026-06-30T00:00:00+08:00',
      '2026-06-30 00:00:00.000',
      '20260630 00:00:00',
      '20260630000000',
      '2026/06/30 15:30:00',
      '2026/6/30 ０：００',
      '2026年6月30日 星期二',
      '2026年6月30日 0时0分',
      '2026/6/30 上午 12:00:00',
      '2026年6月30日上午10:00',
    ]
    for (const cell of good) t.equal(readDate(cell).date, '2026-06-30', JSON.stringify(cell))
    t.equal(readDate('2024/2/29').date, '2024-02-29')
    t.equal(readDate('二〇二六年十一月二十一日').date, '2026-11-21')
    t.equal(readDate('二〇二六年十月十日').date, '2026-10-10')
  },
)

t.test('a date that is not certain is named for what it is', async (t) => {
  const bad: readonly (readonly [string, string])[] = [
    ['2026-02-30', 'date_unreal'],
    ['2026-13-01', 'date_unreal'],
    ['2025/2/29', 'date_unreal'],
    ['20260631', 'date_unreal'],
    ['45838', 'date_serial'],
    ['46203.0', 'date_serial'],
    ['30/6/2026', 'date_order_unclear'],
    ['6/30/2026', 'date_order_unclear'],
    ['06.30.2026', 'date_order_unclear'],
    ['26-6-30', 'date_two_digit_year'],
    ['26.6.30', 'date_two_digit_year'],
    ['30-Jun-26', 'date_two_digit_year'],
    ['26年6月30日', 'date_two_digit_year'],
    ['2026年06月', 'date_no_day'],
    ['2026-06', 'date_no_day'],
    ['202606', 'date_no_day'],
    ['2026', 'date_no_day'],
    ['2026-06-30T16:00:00Z', 'date_zone'],
    ['2026-06-30T00:00:00+09:00', 'date_zone'],
    ['2026-06-30 25:00', 'date_form'],
    ['2026-6/30', 'date_form'],
    ['2026年6-30', 'date_form'],
    ['June 30, 2026', 'date_form'],
    ['昨天', 'date_form'],
    ['长期', 'date_open'],
    ['2026-06-30至2027-06-30', 'date_form'],
    ['x', 'date_form'],
  ]
  for (const [cell, code] of bad) {
    const { date, fault } = readDate(cell)
    t.same([date, fault?.code], [undefined, code], cell)
    t.match(fault?.text.zh, /\p{Script=Han}/u)
    t.notMatch(fault?.text.en, /\p{Script=Han}/u)
  }
  t.match(readDate('45838').fault?.text.zh, /2025-06-30/)
  t.match(readDate('46203.0').fault?.text.en, /2026-06-30/)
})

t.test('an open end is recorded as one where the field may have none', async (t) => {
  for (const cell of [
    '长期',
    '长期有效',
    '永久',
    '无固定期限',
    '至长期',
    '2099-12-31',
    '2099/12/31',
    '20991231',
    '9999-12-31',
  ])
    t.equal(readDate(cell, { openEnd: true }).date, OPEN_END, cell)
  t.equal(readDate('2099/12/30').date, '2099-12-30')
  t.same(
    readDate('2099-12-31'),
    { date: '2099-12-31' },
    'where a date cannot be open-ended it is a day',
  )
})

t.test('a profile says what a serial number and an order of day and month are', async (t) => {
  t.equal(readDate('45838', { form: 'serial-1900' }).date, '2025-06-30')
  t.equal(readDate('44376', { form: 'serial-1904' }).date, '2025-06-30')
  t.equal(readDate('30/6/2026', { form: 'day-first' }).date, '2026-06-30')
  t.equal(readDate('6/30/2026', { form: 'month-first' }).date, '2026-06-30')
  t.equal(readDate('30/6/2026', { form: 'month-first' }).fault?.code, 'date_unreal')
})

t.test('numbers lose what a spreadsheet adds, and nothing else', async (t) => {
  const decimals: readonly (readonly [string, string])[] = [
    ['95.5', '95.5'],
    ['95.50', '95.50'],
    ['８８.５０', '88.50'],
    ['1,234', '1234'],
    ['1,234,567.89', '1234567.89'],
    ['１，２３４', '1234'],
    ['-0.5', '-0.5'],
    ["'95.5", '95.5'],
    ['999999999999.999999', '999999999999.999999'],
    ['18228000000.00', '18228000000.00'],
    ['95.1200000000', '95.120000'],
    ['0', '0'],
    ['100', '100'],
  ]
  for (const [cell, text] of decimals) t.equal(readDecimal(cell).text, text, cell)
  const bad: readonly (readonly [string, string])[] = [
    ['95%', 'number_percent'],
    ['1e3', 'spreadsheet_scientific'],
    ['1.2E+05', 'spreadsheet_scientific'],
    ['007', 'number_form'],
    ['95分', 'number_unit'],
    ['3万元', 'number_unit'],
    ['1,23', 'number_groups'],
    ['95.1234567', 'number_fine'],
    ['1000000000000', 'number_large'],
    ['.5', 'number_form'],
    ['一', 'number_form'],
    ['1 2', 'number_form'],
    ['(5)', 'number_form'],
    ['--1', 'number_form'],
  ]
  for (const [cell, code] of bad)
    t.same([readDecimal(cell).text, readDecimal(cell).fault?.code], [undefined, code], cell)
  const percents: readonly (readonly [string, string, string])[] = [
    ['95%', '95', '0.95'],
    ['９５％', '95', '0.95'],
    ['100%', '100', '1'],
    ['0.5%', '0.5', '0.005'],
    ['12.34 %', '12.34', '0.1234'],
    ['5%', '5', '0.05'],
    ['1,234%', '1,234%', '1,234%'],
  ]
  for (const [cell, number, fraction] of percents.slice(0, -1)) {
    t.equal(readDecimal(cell, 'number').text, number, cell)
    t.equal(readDecimal(cell, 'fraction').text, fraction, cell)
  }
})

t.test('whole numbers may have .0 and thousands', async (t) => {
  for (const [cell, text] of [
    ['1,234', '1234'],
    ['1.0', '1'],
    ['1.00', '1'],
    ['１２', '12'],
    ['-1', '-1'],
    ['0', '0'],
    ['999999999999999', '999999999999999'],
  ] as const)
    t.equal(readInteger(cell).text, text, cell)
  for (const [cell, code] of [
    ['1.5', 'integer_form'],
    ['一', 'number_form'],
    ['1次', 'number_unit'],
    ['12:0', 'number_form'],
    ['9007199254740993', 'number_large'],
    ['1E+05', 'spreadsheet_scientific'],
    ['01', 'number_form'],
  ] as const) {
    t.equal(readInteger(cell).fault?.code, code, cell)
  }
})

const GOOD = syntheticUscc('91330825', 'MA004016')
const digits = '914403001922038216'

t.test(
  'codes are freed of what a spreadsheet wraps around them, and of blanks where the check says so',
  async (t) => {
    for (const cell of [
      GOOD,
      `="${GOOD}"`,
      `"${GOOD}"`,
      `'${GOOD}`,
      `\u2018${GOOD}`,
      `＇${GOOD}`,
      GOOD.toLowerCase(),
      ` ${GOOD}\u00a0`,
      `\u200b${GOOD}`,
      `${GOOD.slice(0, 8)} ${GOOD.slice(8)}`,
      `${GOOD.slice(0, 8)}\u200b${GOOD.slice(8)}`,
      `${GOOD}\t`,
    ]) {
      t.equal(readCode('uscc', cell).code, GOOD, JSON.stringify(cell))
    }
    t.same(
      readCode('uscc', `="${GOOD}"`).notices?.map(({ code }) => code),
      ['excel_wrapping'],
    )
    t.same(
      readCode('uscc', `${GOOD.slice(0, 4)} ${GOOD.slice(4)}`).notices?.map(({ code }) => code),
      ['inner_blank'],
    )
    t.same(
      readCode('uscc', '91350203M0001QKT19').notices?.map(({ code }) => code),
      ['uscc_outer_check'],
    )
    t.same(readCode('uscc', digits).notices, [])
  },
)

t.test('what is wrong with a code is pointed at, and the code is not quoted', async (t) => {
  const swap = (at: number, one: string): string =>
    `${GOOD.slice(0, at)}${one}${GOOD.slice(at + 1)}`
  const bad: readonly (readonly [string, string, RegExp])[] = [
    [swap(3, 'O'), 'uscc_form', /character 4 is "O", a digit is wanted there; is 0 meant\?/],
    [swap(1, 'I'), 'uscc_form', /character 2 is "I", which no code has; is 1 meant\?/],
    [swap(6, 'Z'), 'uscc_form', /character 7 is "Z".*is 2 meant\?/],
    [swap(9, 'S'), 'uscc_form', /character 10 is "S".*is 5 meant\?/],
    [swap(8, '\u041c'), 'uscc_form', /character 9 is U\+041C.*is M meant\?/],
    [swap(8, '\u0391'), 'uscc_form', /character 9 is U\+0391.*is A meant\?/],
    [swap(10, '?'), 'uscc_form', /character 11 is "\?", which no code has/],
    [`${GOOD.slice(0, 8)} ${GOOD.slice(8, 16)}`, 'inner_blank', /character 9 is a blank/],
    [GOOD.slice(0, 17), 'uscc_form', /it has 17 characters, 18 are wanted/],
    [`${GOOD}1`, 'uscc_form', /it has 19 characters/],
    ['龙游县交通运输局', 'uscc_form', /a name and no code/],
    ['330825000012345', 'registration_number_legacy', /15-digit/],
    ['12345678-9', 'organization_code_legacy', /9-character/],
    ['9.13308E+17', 'spreadsheet_scientific', /scientific/],
    ['913308250000123000', 'spreadsheet_rounded', /000/],
    [swap(12, GOOD[12] === '3' ? '4' : '3'), 'uscc_check', /check character/],
    [syntheticCitizenId('33010219010101001'), 'code_personal', /number of a person/],
    ['330825199001011234', 'uscc_check', /looks like the number of a person/],
  ]
  for (const [cell, code, en] of bad) {
    const { fault } = readCode('uscc', cell)
    t.equal(fault?.code, code, cell)
    t.match(fault?.text.en, en)
    t.match(fault?.text.zh, /\p{Script=Han}/u)
    t.notMatch(
      `${fault?.text.en}${fault?.text.zh}`.replaceAll(' ', ''),
      /\d{9}|[0-9A-Z]{14}/,
      'no code is quoted',
    )
  }
})

t.test(
  'numbers of persons are read so, and a text in a spreadsheet keeps its last digits',
  async (t) => {
    const id = syntheticCitizenId('33010218000101001')
    t.equal(readCode('citizen_id', `'${id}`).code, id)
    t.equal(readCode('citizen_id', '33010218000101008x').code, '33010218000101008X')
    t.match(
      readCode('citizen_id', `${id.slice(0, 5)}O${id.slice(6)}`).fault?.text.en,
      /character 6 is "O", a digit is wanted there; is 0 meant\?/,
    )
    t.equal(readCode('citizen_id', '330102180001010013').fault?.code, 'citizen_id_check')
    t.equal(readCode('citizen_id', '330102000101001').fault?.code, 'citizen_id_legacy')
    const round = Array.from({ length: 372 }, (_, i) =>
      syntheticCitizenId(
        `3301021890${String(1 + (i % 12)).padStart(2, '0')}${String(1 + (Math.floor(i / 12) % 28)).padStart(2, '0')}${i % 10}00`,
      ),
    ).find((one) => one.endsWith('000'))!
    t.equal(readCode('citizen_id', round).fault?.code, 'spreadsheet_rounded')
    t.equal(readCode('citizen_id', `="${round}"`).code, round)
    t.equal(readCode('citizen_id', round, true).code, round, 'a file that no spreadsheet had')
  },
)

const column = (more: object) =>
  create(ColumnSchema, {
    field: 'attributes.note',
    headerZh: '备注',
    headerEn: 'Note',
    type: 'text',
    ...more,
  })
const read = (
  more: object,
  cell: string,
  settings: CellSettings = {},
  schema: Record<string, unknown> = { type: 'string' },
): CellReading => readCell({ column: column(more), header: '备注', schema, settings }, cell)

t.test(
  'a sign for nothing is empty where the cell may be, and a fault where it may not',
  async (t) => {
    for (const cell of [
      '-',
      '—',
      '——',
      '--',
      '/',
      '\\',
      'N/A',
      'n/a',
      'NULL',
      '无',
      '暂无',
      '***',
      'nan',
      '？',
    ]) {
      for (const type of ['text', 'integer', 'decimal', 'date', 'uscc']) {
        const reading = read({ type }, cell)
        t.same(
          [reading.value, reading.notices?.map(({ code }) => code)],
          ['', ['placeholder']],
          `${type} ${cell}`,
        )
      }
      t.equal(outcome(read({ required: true }, cell)), '! placeholder', cell)
    }
    t.equal(outcome(read({ required: true }, ' ')), '! missing')
    t.equal(outcome(read({}, '无锡')), '无锡')
    t.equal(
      outcome(read({ type: 'enum', values: { 无: 'NONE', 有: 'SOME' } }, '无')),
      'NONE',
      'where it is a value it is one',
    )
  },
)

t.test('errors of formulas are refused in every column', async (t) => {
  for (const cell of [
    '#N/A',
    '#REF!',
    '#VALUE!',
    '#DIV/0!',
    '#NAME?',
    '#NULL!',
    '#NUM!',
    '########',
    '#n/a',
  ]) {
    for (const type of ['text', 'integer', 'decimal', 'date', 'uscc', 'enum'])
      t.equal(
        outcome(read({ type, values: type === 'enum' ? { 有: 'SOME' } : {} }, cell)),
        '! text_damaged',
        `${type} ${cell}`,
      )
  }
  t.equal(outcome(read({}, '#1号楼')), '#1号楼')
})

t.test('attributes get the type of their schema, exactly', async (t) => {
  t.equal(outcome(read({ type: 'decimal' }, '8.69', {}, { type: 'number' })), 8.69)
  t.equal(outcome(read({ type: 'decimal' }, '100', {}, { type: 'number' })), 100)
  t.equal(outcome(read({ type: 'decimal' }, '18228000000.00')), '18228000000.00')
  t.equal(outcome(read({ type: 'decimal' }, '999999999999.999999')), '999999999999.999999')
  t.equal(
    outcome(read({ type: 'decimal' }, '999999999999.999999', {}, { type: 'number' })),
    '! number_inexact',
  )
  t.equal(outcome(read({ type: 'integer' }, '1,234', {}, { type: 'integer' })), 1234)
  t.equal(outcome(read({ type: 'integer' }, '12')), '12')
  t.equal(outcome(read({ type: 'decimal' }, '95%', {}, { type: 'number', maximum: 1 })), 0.95)
  t.equal(
    outcome(read({ type: 'decimal' }, '95%', {}, { type: 'number', title: '合格率（%）' })),
    95,
  )
  t.equal(
    outcome(read({ type: 'decimal' }, '95%', { percent: 'fraction' }, { type: 'number' })),
    0.95,
  )
  t.equal(
    outcome(read({ type: 'decimal', field: 'evaluation_result.score' }, '95.5')),
    '95.5',
    'a score is a text',
  )
})

t.test(
  'texts that are damaged are refused with the place of the character; likely damage can be accepted',
  async (t) => {
    const name = { field: 'subject.name', required: true }
    const bad: readonly (readonly [string, string, RegExp])[] = [
      ['龙游\ufffd\ufffd公司', 'text_damaged', /第 3 个字是乱码/],
      ['王\u202e三', 'text_damaged', /第 2 个字.*U\+202E/],
      ['甲\n乙公司', 'text_damaged', /第 2 个字是换行/],
      ['甲\u0000乙', 'text_damaged', /控制字符/],
      ['龙游????公司', 'text_odd', /自第 3 个字起是问号/],
      ['锟斤拷有限公司', 'text_odd', /乱码/],
      ['榫欐父娴嬭瘯3101鏈夐檺鍏\ue5e5徃', 'text_odd', /乱码|造字/],
      ['杩愯緭', 'text_odd', /乱码/],
      ['=HYPERLINK("x")', 'text_odd', /公式/],
      ['12345', 'text_odd', /全是数字/],
      ['１２３', 'text_odd', /全是数字/],
      ['……！！', 'text_odd', /没有文字/],
      ['王\u200b三商行', 'text_odd', /不可见/],
      ['é¾\u0099æ¸¸å\u0085¬å\u008f¸', 'text_damaged', /控制字符/],
    ]
    for (const [cell, code, zh] of bad.filter(([cell]) => !cell.includes('\ue5e5'))) {
      const { fault } = read(name, cell)
      t.equal(fault?.code, code, cell)
      t.match(fault?.text.zh, zh)
      t.notMatch(fault?.text.en, /\p{Script=Han}/u)
      const accepted = read(name, cell, { acceptOdd: true })
      t.equal(accepted.fault?.code, code === 'text_odd' ? undefined : code, `${cell}, accepted`)
    }
    for (const cell of [
      '龙游（中国）有限公司',
      '龙游(中国)有限公司',
      '张三',
      '龙游　全角空格有限公司',
      '+86公司',
      '7-11便利店',
      'Café商行',
      '3M中国',
      '王\u{20bb7}\u4dae商行',
      '\uf92c某商行',
      'cafe\u0301',
      '联通',
      '阿·里',
    ]) {
      t.same([outcome(read(name, cell)), read(name, cell).notices], [cell, []], cell)
    }
    const own = read(name, '王\ue863商行')
    t.same([own.value, own.notices?.map(({ code }) => code)], ['王\ue863商行', ['private_use']])
    t.equal(outcome(read({}, '第一行\n第二行')), '第一行\n第二行', 'an attribute may have lines')
  },
)

t.test('Chinese that was read in a wrong encoding is known by what it was', async (t) => {
  const wrongly = (text: string): string => new TextDecoder('gb18030').decode(Buffer.from(text))
  for (const text of ['龙游测试有限公司', '运输', '道路运输', '浙江省龙游县竹业（集团）有限公司']) {
    t.equal(rightText(wrongly(text)), text)
    t.equal(rightText(text), undefined, text)
    t.equal(likelyDamage(wrongly(text))?.kind, 'mojibake')
  }
  t.equal(likelyNameDamage('龙游测试有限公司'), undefined)
  t.equal(
    rightText(
      '龙游'
        .split('')
        .map((one) => Buffer.from(one).toString('latin1'))
        .join(''),
    ) ?? '',
    '龙游',
  )
  t.equal(certainDamage('甲公司'), undefined)
  t.equal(privateUse('甲公司'), undefined)
})

t.test('words of a department stand for values by its profile', async (t) => {
  const values = new Map([
    [
      'attributes.note',
      new Map([
        ['优秀', 'A'],
        ['a级', 'A'],
      ]),
    ],
  ])
  t.equal(outcome(read({}, '优秀', { values })), 'A')
  t.equal(outcome(read({}, 'Ａ级 ', { values })), 'A')
  t.equal(outcome(read({}, '良好', { values })), '良好')
  t.equal(
    outcome(
      read({ type: 'enum', values: { 综合: 'COMPREHENSIVE' } }, '全面', {
        values: new Map([['attributes.note', new Map([['全面', 'COMPREHENSIVE']])]]),
      }),
    ),
    'COMPREHENSIVE',
  )
})

t.test('a number with Chinese in it becomes a record id that can be read back', async (t) => {
  const id = { field: 'record_id' }
  const reading = read(id, '龙交信〔2026〕1号')
  t.same(
    reading.notices?.map(({ code }) => code),
    ['record_id_encoded'],
  )
  t.match(reading.value, /^xn--20261-[a-z0-9]+$/)
  t.equal(decodeRecordId(String(reading.value)), '龙交信〔2026〕1号')
  t.equal(outcome(read(id, 'R-２０２６（1）')), 'R-2026(1)', 'width alone is no Chinese')
  t.equal(outcome(read(id, '龙'.repeat(80))), '! record_id_form')
  // RFC 3492, section 7.1, (B) and (K).
  t.equal(encodeRecordId('他们为什么不说中文'), 'xn--ihqwcrb4cv8a8dqg056pqjye')
  t.equal(
    encodeRecordId('安室奈美恵-with-SUPER-MONKEYS'),
    'xn---with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n',
  )
  for (const text of ['浙衢龙交罚决〔2026〕第0001号', 'a', '1-2', '〔〕', '𠮷号', '甲1乙2丙3'])
    t.equal(decodeRecordId(encodeRecordId(text)!), text)
  for (const other of ['xn--', 'xn--a', 'xn--99999999', 'xn--20261-!', 'x-1'])
    t.equal(encodeRecordId(decodeRecordId(other)), other, other)
})

t.test('cells that a spreadsheet would change come back as they were', async (t) => {
  for (const cell of [
    '=1',
    '@x',
    '+1',
    '-甲',
    '-5',
    '007',
    '0571',
    '914403001922038216',
    '123456789012',
    '12345',
    '1-2',
    '3/4',
    '2026-06-30',
    '1e5',
    "'x",
    "'007",
    "''=1",
    '',
    '甲',
    '\tx',
    '91330825MA00040168',
  ]) {
    t.equal(fromTextCell(toTextCell(cell)), cell, JSON.stringify(cell))
  }
  for (const cell of ['007', '914403001922038216', '1-2', '=1'])
    t.equal(toTextCell(cell), `'${cell}`)
  for (const cell of ['12345', '2026-06-30', '-5', '甲']) t.equal(toTextCell(cell), cell)
})
