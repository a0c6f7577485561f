/** Profiles of departments: their own columns, words, defaults and forms, checked before a row is read. */
import t from 'tap'
import { create, fromBinary } from '@bufbuild/protobuf'
import { type GradeScale, GradeScaleSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RecordSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { HeaderNames, mapHeader } from '../../src/intake/header.ts'
import {
  isProfileName,
  parseProfile,
  type Profile,
  resolveProfile,
} from '../../src/intake/profile.ts'
import { RowReader } from '../../src/intake/rows.ts'
import { readGrade, readSubjectType } from '../../src/intake/words.ts'
import { lenient } from '../../src/cli/import/profiles.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { compileItem } from '../../src/record/item.ts'
import { scaleId } from '../../src/record/scales.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'

const scaleOf = (id: string): GradeScale | undefined =>
  starterScales.find((scale) => scaleId(scale) === id)
const compiled = compileItem(starterItems[0]!, scaleOf)
const BODY = '11330825TT00000903'

const YAML = `
title: 龙游县交通运输局
item: zj/industry-evaluation@2026.1
targets: ['330000']
provider: '${BODY}'
encoding: gb18030
columns:
  证照号: 统一社会信用代码
  名称: subject.name
  考核结果: 评价等级
defaults:
  行业领域: 道路运输
  评价单位代码: '${BODY}'
  有效期止: 长期
values:
  评价等级: { 优秀: A, 良好: B, 不合格: E }
dates: serial-1900
`

const parsed = (text: string): Profile => {
  const { profile, faults } = parseProfile(text)
  t.same(
    faults.map(({ path, text: said }) => `${path}: ${said.en}`),
    [],
  )
  return profile!
}

/** Reads rows of a file with a header as a profile says. */
function read(profile: Profile, header: readonly string[], rows: readonly (readonly string[])[]) {
  const { resolved, faults } = resolveProfile(profile, compiled)
  t.same(faults, [])
  const mapping = mapHeader(
    new HeaderNames(lenient(compiled.item, resolved), resolved.names),
    header,
    false,
  )
  const reader = new RowReader({
    compiled,
    mapping,
    provider: BODY,
    settings: resolved.cells,
    defaults: resolved.defaults,
  })
  return rows.map((cells, i) => {
    const result = reader.read({ line: i + 2, cells })
    if ('faults' in result) return result.faults.map(({ column, code }) => `${column} ${code}`)
    const { subject, content } = fromBinary(RecordSchema, result.record)
    return content.case === 'evaluationResult'
      ? {
          id: subject?.id,
          name: subject?.name,
          business: subject?.individualBusiness,
          ...content.value,
        }
      : undefined
  })
}

t.test("a file with a department's own columns, words and dates becomes records", async (t) => {
  const id = syntheticUscc('91330825', 'MA004016')
  const [good, other, bad] = read(
    parsed(YAML),
    ['证照号', '名称', '考核结果', '评价日期', '有效期起'],
    [
      [id, '甲公司', '优秀', '46203', '2026-7-1'],
      [id, '乙公司', 'b', '2026年6月30日', '46204'],
      [id, '丙公司', '一般', '46203', '2026-7-1'],
    ],
  )
  t.match(good, {
    id,
    name: '甲公司',
    grade: 'A',
    domain: '道路运输',
    evaluator: BODY,
    evaluatedOn: '2026-06-30',
    validFrom: '2026-07-01',
    validTo: '9999-12-31',
  })
  t.match(other, { grade: 'B', validFrom: '2026-07-01' })
  t.same(bad, ['考核结果 grade_unknown'])
})

t.test('a cell that the file has stands before the default of the profile', async (t) => {
  const id = syntheticUscc('91330825', 'MA004016')
  const header = ['证照号', '名称', '考核结果', '评价日期', '有效期起', '行业领域']
  const rows = read(parsed(YAML), header, [
    [id, '甲公司', 'A', '2026-6-30', '2026-7-1', '环保'],
    [id, '甲公司', 'A', '2026-6-30', '2026-7-1', ''],
  ])
  t.match(rows, [{ domain: '环保' }, { domain: '道路运输' }])
})

t.test('a line break in a cell whose form is wrong is said', (t) => {
  const header = [
    '记录编号',
    '统一社会信用代码',
    '主体名称',
    '行业领域',
    '评价等级',
    '评价日期',
    '有效期起',
    '有效期止',
    '评价单位代码',
    '行业代码',
  ]
  const reader = new RowReader({
    compiled,
    mapping: mapHeader(new HeaderNames(compiled.item), header, false),
    provider: BODY,
    settings: {},
  })
  const faultsOf = (industry: string) => {
    const result = reader.read({
      line: 2,
      cells: [
        'x-1',
        syntheticUscc('91330825', 'MA004016'),
        '甲公司',
        '运输',
        'A',
        '2026-06-30',
        '2026-07-01',
        '2027-06-30',
        BODY,
        industry,
      ],
    })
    return 'faults' in result ? result.faults : []
  }
  t.same(faultsOf('G5430\n'), [], 'at the end it means nothing')
  t.match(faultsOf('G\n5430'), [
    {
      column: '行业代码',
      code: 'attributes_schema',
      reason: /; the cell has a line break \(Alt\+Enter\)$/,
      reasonZh: /形式不符，应符合 .*；单元格内有换行（Alt\+Enter）$/,
    },
  ])
  t.notMatch(faultsOf('G 5430')[0]!.reasonZh, /换行/)
  t.end()
})

t.test('every fault of a profile is told with its place, in both languages', async (t) => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['', ['']],
    ['- a', ['']],
    ['a: [', ['']],
    ['title: ""', ['title']],
    ['provider: 11330825', ['provider']],
    ['provider: "9133"', ['provider']],
    ['clas: bulk', ['clas']],
    ['class: fast', ['class']],
    ['targets: 330000', ['targets']],
    ['targets: [330000]', ['targets']],
    ['columns: [a]', ['columns']],
    ['columns: { a: 1, b: 2 }', ['columns.a', 'columns.b']],
    ['values: { 评价等级: A }', ['values.评价等级']],
    ['values: { 评价等级: { 优: 1 } }', ['values.评价等级.优']],
    ['dates: excel', ['dates']],
    ['percent: 1', ['percent']],
    ['verbatim: "yes"', ['verbatim']],
    ['__proto__: { a: b }', ['__proto__']],
    [`title: ${'x'.repeat(300_000)}`, ['']],
  ]
  for (const [text, paths] of cases) {
    const { profile, faults } = parseProfile(text)
    t.equal(profile, undefined, text.slice(0, 40))
    t.same(
      faults.map(({ path }) => path),
      paths,
      text.slice(0, 40),
    )
    for (const { text: said } of faults) {
      t.match(said.zh, /\p{Script=Han}/u)
      t.notMatch(said.en, /\p{Script=Han}/u)
    }
  }
})

t.test(
  'a profile is held against the item: columns, values and defaults that it cannot have',
  async (t) => {
    const { faults } = resolveProfile(
      parsed(`
columns: { 甲: 无此列 }
defaults: { 评价日期: 昨天, 评价单位代码: '9133O825MA00130192', 主体类型: 企业 }
values: { 评价等级: { 优秀: A, 合格: 合格 }, 评价类别: { 全面: COMPREHENSIVE, 部分: 部分 }, 乙: { a: b } }
`),
      compiled,
    )
    t.same(
      faults.map(({ path }) => path),
      [
        'columns.甲',
        'defaults.评价日期',
        'defaults.评价单位代码',
        'values.评价等级.合格',
        'values.评价类别.部分',
        'values.乙',
      ],
    )
    t.match(faults[0]?.text.zh, /没有“无此列”列，可用的有：记录编号、/)
  },
)

t.test('names of profiles are those of files, and of nothing beside them', async (t) => {
  for (const name of ['交通局', 'traffic-2026', '住建局 企业', 'a.b'])
    t.equal(isProfileName(name), true, name)
  for (const name of ['', '../x', 'a/b', '.x', 'a\\b', 'a..b', 'x'.repeat(65), 'a\nb'])
    t.equal(isProfileName(name), false, name)
})

t.test(
  'grades are read as they are written, with 级 behind, or by the labels of the scale',
  async (t) => {
    const labelled = create(GradeScaleSchema, {
      id: 'zj/five',
      version: '1',
      grades: ['A', 'B', 'C'],
      labels: { 优秀: 'A', 良好: 'B' },
    })
    const grade = (scale: GradeScale | undefined, cell: string): string | undefined => {
      const { fields, fault } = readGrade(scale, cell)
      return fault ? `! ${fault.code}` : (fields?.['evaluation_result.grade'] ?? cell)
    }
    for (const [cell, expected] of [
      ['A', 'A'],
      ['a', 'A'],
      ['Ａ', 'A'],
      ['A级', 'A'],
      ['Ｂ 级', 'B'],
      ['c等', 'C'],
      ['优秀', 'A'],
      ['良好', 'B'],
      ['优', '! grade_unknown'],
      ['良', '! grade_unknown'],
      ['AA', '! grade_unknown'],
      ['A+', '! grade_unknown'],
      ['一级', '! grade_unknown'],
    ] as const) {
      t.equal(grade(labelled, cell), expected, cell)
    }
    t.equal(
      grade(scaleOf('zj/five-grade@2020'), '优秀'),
      '! grade_unknown',
      'a scale without labels gives none',
    )
    t.equal(grade(scaleOf('zj/five-type@2018'), '优秀'), '优秀')
    t.equal(grade(scaleOf('zj/five-type@2018'), '优'), '! grade_unknown', 'nothing is guessed')
    t.equal(grade(undefined, '优秀'), '优秀', 'an unknown scale is for the rules')
  },
)

t.test('words for types of subjects stand where the class of the code agrees', async (t) => {
  const item = starterItems[0]!
  const [individual, cooperative, company] = [
    syntheticUscc('92330825', 'MA001308'),
    syntheticUscc('93330825', 'MA001325'),
    syntheticUscc('91330825', 'MA001300'),
  ]
  t.same(readSubjectType(item, '个体工商户', individual).fields, {
    'subject.type': 'ENTERPRISE',
    'subject.individual_business': 'true',
  })
  t.same(readSubjectType(item, '农民专业合作社', cooperative).fields, {
    'subject.type': 'ENTERPRISE',
  })
  t.same(readSubjectType(item, '民办非企业单位', syntheticUscc('52330825', 'MA001324')).fields, {
    'subject.type': 'SOCIAL_ORGANIZATION',
  })
  t.equal(readSubjectType(item, '个体工商户', company).fault?.code, 'subject_type_class')
  t.equal(readSubjectType(item, '自然人', individual).fault?.code, 'subject_type')
  t.match(readSubjectType(item, '自然人', individual).fault?.text.zh, /不适用于自然人/)
  t.equal(readSubjectType(item, '公司', company).fault?.code, 'enum_value')
  t.same(
    readSubjectType(item, 'ENTERPRISE', company),
    {},
    'what the item itself has is read by the item',
  )
  const row = read(
    {},
    [
      '主体类型',
      '统一社会信用代码',
      '主体名称',
      '行业领域',
      '评价等级',
      '评价日期',
      '有效期起',
      '有效期止',
      '评价单位代码',
    ],
    [
      [
        '个体工商户',
        individual,
        '张三小吃店',
        '餐饮',
        'A',
        '2026-6-30',
        '2026-7-1',
        '2027-6-30',
        BODY,
      ],
    ],
  )
  t.match(row, [{ id: individual, business: true }])
  t.equal(SubjectType.ENTERPRISE, 1)
})
