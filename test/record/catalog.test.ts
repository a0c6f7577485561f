import { clone, create, type MessageInitShape } from '@bufbuild/protobuf'
import t from 'tap'
import {
  type CatalogItem,
  CatalogItemSchema,
  GradeMappingSchema,
  type GradeScale,
  GradeScaleSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  type EvaluationResult,
  EvaluationResultSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterMappings, starterScales } from '../../src/record/data/scales.ts'
import { faultTable } from '../../src/record/fault.ts'
import { compileItem, itemFaults, type RecordFault } from '../../src/record/item.ts'
import {
  gradeFaults,
  mapGrade,
  mappingApplies,
  mappingFaults,
  scaleFaults,
  scaleId,
} from '../../src/record/scales.ts'

const scaleOf = (id: string): GradeScale => starterScales.find((scale) => scaleId(scale) === id)!
const codes = (faults: readonly RecordFault[]): readonly string[] =>
  faults.map(({ path, code }) => `${path} ${code}`)
const [zjFive, toCn] = [scaleOf('zj/five-grade@2020'), scaleOf('cn/comprehensive@2025')]
const fiveToCn = starterMappings.find(({ id }) => id === 'zj-5-to-cn')!

t.test('the starter scales are those of the domain and sound', async (t) => {
  t.same(
    Object.fromEntries(starterScales.map((scale) => [scaleId(scale), scale.grades.join(' ')])),
    {
      'cn/comprehensive@2025': 'A B C D',
      'cn/comprehensive@2019': '优 良 中 差',
      'zj/five-type@2018': '优秀 良好 中等 较差',
      'zj/five-grade@2020': 'A B C D E',
      'zj/person-score@2018': '',
      'cn/tax@2014': 'A B M C D',
    },
  )
  for (const scale of starterScales) t.same(scaleFaults(scale), [], scaleId(scale))
})

t.test('a scale that cannot be used says why', async (t) => {
  const cases: readonly (readonly [string, (scale: GradeScale) => void])[] = [
    [
      'grades required',
      (s) => {
        s.grades = []
      },
    ],
    [
      'grades duplicate',
      (s) => {
        s.grades = ['A', 'A']
      },
    ],
    [
      'grades grade_unexpected',
      (s) => {
        s.scoreOnly = true
      },
    ],
    [
      'grades[0] text_form',
      (s) => {
        s.grades = ['\u0007']
      },
    ],
    [
      'id id_form',
      (s) => {
        s.version = ''
      },
    ],
    [
      'subject_types required',
      (s) => {
        s.subjectTypes = []
      },
    ],
    [
      'subject_types value_unknown',
      (s) => {
        s.subjectTypes = [SubjectType.UNSPECIFIED]
      },
    ],
    [
      'score_from score_form',
      (s) => {
        s.scoreFrom = '1e3'
      },
    ],
    [
      'score_to range',
      (s) => {
        s.scoreTo = '-1'
      },
    ],
    [
      'effective_from date_form',
      (s) => {
        s.effectiveFrom = '2025-02-29'
      },
    ],
    [
      'effective_to date_order',
      (s) => {
        s.effectiveTo = '2019-12-31'
      },
    ],
    [
      'legal_document required',
      (s) => {
        s.legalDocument = ''
      },
    ],
  ]
  for (const [expected, change] of cases) {
    const scale = clone(GradeScaleSchema, zjFive)
    change(scale)
    t.same(codes(scaleFaults(scale)), [expected])
  }
})

t.test('the starter mappings are total, and five grades to four lose one', async (t) => {
  for (const mapping of starterMappings) {
    t.same(
      mappingFaults(mapping, scaleOf(mapping.fromScale), scaleOf(mapping.toScale)),
      [],
      mapping.id,
    )
  }
  t.same(
    zjFive.grades.map((grade) => mapGrade(fiveToCn, grade)),
    ['A', 'B', 'C', 'D', 'D'],
  )
})

t.test('a grade is never guessed', async (t) => {
  for (const grade of ['F', 'a', '', ' A', 'toString', '__proto__', '优秀'])
    t.equal(mapGrade(fiveToCn, grade), undefined, grade)
})

t.test('a mapping that is not total, leaves its scale, or turns round is faulty', async (t) => {
  const holed = clone(GradeMappingSchema, fiveToCn)
  holed.pairs = { A: 'A', B: 'B', C: 'C', D: 'E', F: 'D' }
  t.same(codes(mappingFaults(holed, zjFive, toCn)), [
    'pairs mapping_not_total',
    'pairs grade_unknown',
    'pairs grade_unknown',
  ])
  t.match(codes(mappingFaults(fiveToCn, toCn, zjFive)), [
    'from_scale mapping_scale',
    'to_scale mapping_scale',
  ])
  const person = scaleOf('zj/person-score@2018')
  t.ok(codes(mappingFaults(fiveToCn, person, toCn)).includes('from_scale mapping_subjects'))
})

t.test(
  'a mapping applies to the subjects that both scales grade, and never to a person',
  async (t) => {
    t.equal(mappingApplies(zjFive, toCn, SubjectType.ENTERPRISE), true)
    t.equal(mappingApplies(zjFive, toCn, SubjectType.GOVERNMENT_BODY), false)
    t.equal(
      mappingApplies(
        scaleOf('zj/person-score@2018'),
        scaleOf('zj/person-score@2018'),
        SubjectType.NATURAL_PERSON,
      ),
      false,
    )
  },
)

const result = (over: MessageInitShape<typeof EvaluationResultSchema>): EvaluationResult =>
  create(EvaluationResultSchema, {
    scale: 'zj/five-grade@2020',
    grade: 'A',
    evaluatedOn: '2026-03-31',
    validFrom: '2026-04-01',
    validTo: '2027-03-31',
    ...over,
  })

t.test('grade and score are checked against their own scale', async (t) => {
  const person = scaleOf('zj/person-score@2018')
  t.same(gradeFaults(zjFive, result({ score: '850.5' })), [])
  t.same(codes(gradeFaults(zjFive, result({ grade: 'F' }))), [
    'evaluation_result.grade grade_unknown',
  ])
  t.same(codes(gradeFaults(zjFive, result({ grade: '' }))), ['evaluation_result.grade required'])
  t.same(codes(gradeFaults(zjFive, result({ score: '1000.000001' }))), [
    'evaluation_result.score score_range',
  ])
  t.same(codes(gradeFaults(zjFive, result({ score: '-0.1' }))), [
    'evaluation_result.score score_range',
  ])
  for (const score of [
    '1e2',
    '01',
    '.5',
    '5.',
    '+5',
    '1.1234567',
    '1234567890',
    ' 5',
    '-',
    '--1',
  ]) {
    t.same(
      codes(gradeFaults(zjFive, result({ score }))),
      ['evaluation_result.score score_form'],
      score,
    )
  }
  t.same(
    gradeFaults(person, result({ scale: 'zj/person-score@2018', grade: '', score: '850' })),
    [],
  )
  t.same(codes(gradeFaults(person, result({ scale: 'zj/person-score@2018' }))), [
    'evaluation_result.grade grade_unexpected',
    'evaluation_result.score required',
  ])
  t.same(codes(gradeFaults(toCn, result({}))), ['evaluation_result.scale scale_not_allowed'])
})

t.test('a mapping keeps the order of grades; two may become one', async (t) => {
  const turned = (pairs: Record<string, string>): readonly string[] =>
    codes(mappingFaults({ ...clone(GradeMappingSchema, fiveToCn), pairs }, zjFive, toCn))
  t.same(turned({ A: 'A', B: 'A', C: 'C', D: 'C', E: 'D' }), [])
  t.same(turned({ A: 'D', B: 'C', C: 'B', D: 'A', E: 'A' }), ['pairs mapping_order'])
  t.same(turned({ A: 'A', B: 'C', C: 'B', D: 'D', E: 'D' }), ['pairs mapping_order'])
})

t.test('the starter items are sound and compile', async (t) => {
  t.same(
    starterItems.map(({ id, edition }) => `${id}@${edition}`),
    [
      'zj/industry-evaluation@2026.1',
      'cn/comprehensive-evaluation@2026.1',
      'cn/recognition@2026.1',
    ],
  )
  for (const item of starterItems) {
    t.same(itemFaults(item), [], item.id)
    t.same(compileItem(item, scaleOf).missingScales, [], item.id)
  }
  t.same(compileItem(starterItems[0]!, () => undefined).missingScales, ['zj/five-grade@2020'])
})

t.test('an item that cannot be used says why', async (t) => {
  const cases: readonly (readonly [string, (item: CatalogItem) => void])[] = [
    [
      'id id_form',
      (i) => {
        i.id = 'ZJ/industry'
      },
    ],
    [
      'id id_form',
      (i) => {
        i.edition = ''
      },
    ],
    [
      'name_zh required',
      (i) => {
        i.nameZh = ''
      },
    ],
    [
      'name_en text_form',
      (i) => {
        i.nameEn = 'a\nb'
      },
    ],
    [
      'kind value_unknown',
      (i) => {
        i.kind = 'case'
        i.scales = []
        i.columns = []
      },
    ],
    [
      'originators required',
      (i) => {
        i.originators = []
      },
    ],
    [
      'originators pattern_form',
      (i) => {
        i.originators = ['tier:town']
      },
    ],
    [
      'recipients pattern_form',
      (i) => {
        i.recipients = ['330000/*']
      },
    ],
    [
      'recipients duplicate',
      (i) => {
        i.recipients = ['**', '**']
      },
    ],
    [
      'subject_types duplicate',
      (i) => {
        i.subjectTypes = [1, 1]
      },
    ],
    [
      'legal_basis required',
      (i) => {
        i.legalBasis = ''
      },
    ],
    [
      'effective_from date_form',
      (i) => {
        i.effectiveFrom = '2026/01/01'
      },
    ],
    [
      'effective_to date_order',
      (i) => {
        i.effectiveTo = '2025-12-31'
      },
    ],
    [
      'scales required',
      (i) => {
        i.scales = []
      },
    ],
    [
      'scales id_form',
      (i) => {
        i.scales = ['zj/five-grade']
      },
    ],
    [
      'purposes required',
      (i) => {
        i.purposes = []
      },
    ],
    [
      'purposes code_form',
      (i) => {
        i.purposes = ['Any Purpose']
      },
    ],
    [
      'retention_years range',
      (i) => {
        i.retentionYears = -1
      },
    ],
    [
      'columns[0].field column_field',
      (i) => {
        i.columns[0]!.field = 'subject.phone'
      },
    ],
    [
      'columns[0].type column_type',
      (i) => {
        i.columns[0]!.type = 'float'
      },
    ],
    [
      'columns[1].values required',
      (i) => {
        i.columns[1]!.values = {}
      },
    ],
    [
      'columns[1] duplicate',
      (i) => {
        i.columns[1]!.headerZh = i.columns[0]!.headerZh
      },
    ],
    [
      'columns[0].field column_field',
      (i) => {
        i.columns[0]!.field = 'attributes.unheard_of'
      },
    ],
  ]
  for (const [expected, change] of cases) {
    const item = clone(CatalogItemSchema, starterItems[0]!)
    change(item)
    t.same(codes(itemFaults(item)), [expected])
    t.throws(() => compileItem(item, scaleOf), { code: 'record_invalid' })
  }
})

const closed = { type: 'object', additionalProperties: false }
const text = { type: 'string', 'x-personal-data': 'none' }
const one = (property: object): object => ({
  ...closed,
  properties: { a: { ...text, ...property } },
})

t.test('an attributes schema is closed, marked and bounded at every depth', async (t) => {
  const deep = (levels: number): object =>
    levels === 0
      ? text
      : { ...closed, 'x-personal-data': 'none', properties: { a: deep(levels - 1) } }
  const at = 'attributes_schema.properties.a'
  const cases: readonly (readonly [schema: unknown, expected: readonly string[]])[] = [
    [closed, []],
    [one({ pattern: '^[A-T][0-9]{0,4}$' }), []],
    [one({ pattern: '^(?:a|b)?c+$', maxLength: 10 }), []],
    [one({ type: 'array', items: { ...closed, properties: { b: text } } }), []],
    [[], ['attributes_schema schema_json']],
    [{ type: 'object' }, ['attributes_schema schema_closed']],
    [{ ...closed, type: 'array', items: text }, ['attributes_schema.type schema_invalid']],
    [{ ...closed, properties: { a: { type: 'string' } } }, [`${at} schema_personal_data`]],
    [one({ 'x-personal-data': 'maybe' }), [`${at} schema_personal_data`]],
    [
      one({ type: 'array', items: { ...closed, properties: { b: { type: 'string' } } } }),
      [`${at}.items.properties.b schema_personal_data`],
    ],
    [one({ type: 'object', properties: {} }), [`${at} schema_closed`]],
    [one({ type: 'array' }), [`${at}.items required`]],
    [one({ type: ['string', 'null'] }), [`${at}.type schema_invalid`]],
    [one({ maxLength: { $data: '/b' } }), [`${at}.maxLength schema_keyword`]],
    [one({ $ref: '#' }), [`${at}.$ref schema_keyword`]],
    [one({ anyOf: [{}] }), [`${at}.anyOf schema_keyword`]],
    [{ ...closed, patternProperties: {} }, ['attributes_schema.patternProperties schema_keyword']],
    [
      { ...closed, $schema: 'http://json-schema.org/draft-07/schema#' },
      ['attributes_schema.$schema schema_keyword'],
    ],
    [one({ pattern: '^(a)\\1$' }), [`${at}.pattern schema_pattern`]],
    [one({ pattern: `^${'a'.repeat(200)}$` }), [`${at}.pattern schema_pattern`]],
    [one({ pattern: '^(a{0,50}){0,50}$' }), [`${at}.pattern schema_pattern`]],
    [one({ format: 'unheard-of' }), ['attributes_schema schema_invalid']],
    [one({ minLength: 'two' }), ['attributes_schema schema_invalid']],
    [{ ...closed, required: ['unheard_of'] }, ['attributes_schema schema_invalid']],
    [deep(8), []],
    [deep(9), [`attributes_schema${'.properties.a'.repeat(9)} schema_too_large`]],
    [one({ description: 'x'.repeat(70_000) }), ['attributes_schema schema_too_large']],
  ]
  for (const [schema, expected] of cases) {
    const item = clone(CatalogItemSchema, starterItems[0]!)
    item.columns = []
    item.attributesSchema = JSON.stringify(schema)
    t.same(codes(itemFaults(item)), expected, JSON.stringify(schema).slice(0, 100))
  }
})

t.test(
  'a pattern with look-around is not published any more, and is judged as it was',
  async (t) => {
    const item = clone(CatalogItemSchema, starterItems[0]!)
    item.columns = []
    for (const pattern of [
      '^(?=.*[0-9])[a-z0-9]{1,20}$',
      '^(?!x)[a-z]{1,9}$',
      '^[a-z]{1,9}(?<=y)$',
      '^(?<!x)a$',
    ]) {
      item.attributesSchema = JSON.stringify({
        ...closed,
        properties: {
          list: {
            type: 'array',
            'x-personal-data': 'none',
            items: { ...text, maxLength: 20, pattern },
          },
        },
      })
      t.same(codes(itemFaults(item)), [])
      t.same(
        codes(itemFaults(item, { own: true })),
        ['attributes_schema.properties.list.items.pattern schema_pattern'],
        pattern,
      )
    }
    for (const pattern of ['^[(?=]{1,3}$', '^\\(?=?$', '^(?<year>[0-9]{4})$']) {
      item.attributesSchema = JSON.stringify(one({ pattern }))
      t.same(codes(itemFaults(item, { own: true })), [], pattern)
    }
    for (const shipped of starterItems) t.same(codes(itemFaults(shipped, { own: true })), [])
  },
)

t.test('every fault is explained in both languages', async (t) => {
  for (const [code, [english, chinese]] of Object.entries(faultTable)) {
    t.match(english, /^[\x20-\x7e]+$/, code)
    t.match(chinese, /\p{Script=Han}/u, code)
  }
})
