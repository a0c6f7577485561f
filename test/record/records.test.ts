import { clone, create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { concat, fromHex, utf8 } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { text } from '../../src/base/text.ts'
import { CatalogItemSchema, type GradeScale } from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  EvaluationKind,
  type EvaluationResult,
  type RecognitionConfirmationSchema,
  RecognitionDecision,
  type RecognitionRequestSchema,
  type Record,
  RecordSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { certainlyGood, sharedForms } from '../../src/record/fast.ts'
import { fault, gather } from '../../src/record/fault.ts'
import { characterCount } from '../../src/record/forms.ts'
import {
  checkRecordBytes,
  compileItem,
  type RecordFault,
  recordWarnings,
} from '../../src/record/item.ts'
import { peekRecord } from '../../src/record/peek.ts'
import { decodeRecord, familyOf } from '../../src/record/record.ts'
import { reportRecord, type RulePlan } from '../../src/record/rules.ts'
import { scaleId } from '../../src/record/scales.ts'
import { attributesRule } from '../../src/record/schema.ts'
import { keywordText } from '../../src/record/schema-words.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'

const scaleOf = (id: string): GradeScale | undefined =>
  starterScales.find((scale) => scaleId(scale) === id)
const [industryItem, nationalItem, recognitionItem] = starterItems as [
  (typeof starterItems)[0],
  (typeof starterItems)[0],
  (typeof starterItems)[0],
]
const industry = compileItem(industryItem!, scaleOf)
const recognition = compileItem(recognitionItem!, scaleOf)

const personItem = create(CatalogItemSchema, {
  ...industryItem!,
  id: 'zj/person-evaluation',
  subjectTypes: [SubjectType.NATURAL_PERSON],
  scales: ['zj/person-score@2018'],
  columns: [],
})
const person = compileItem(personItem, scaleOf)

const catalogedItem = create(CatalogItemSchema, {
  ...industryItem!,
  id: 'zj/penalty',
  kind: 'record',
  scales: [],
  columns: [],
})
const cataloged = compileItem(catalogedItem, scaleOf)

const codes = (faults: readonly RecordFault[]): readonly string[] =>
  faults.map(({ path, code }) => `${path} ${code}`)

function evaluationRecord(): Record {
  return create(RecordSchema, {
    recordId: 'zj-2026-00000001',
    subject: {
      type: SubjectType.ENTERPRISE,
      id: '91330102TT0000015K',
      name: '杭州示例科技有限公司',
    },
    content: {
      case: 'evaluationResult',
      value: {
        kind: EvaluationKind.INDUSTRY,
        domain: '道路运输',
        scale: 'zj/five-grade@2020',
        grade: 'B',
        score: '850.5',
        model: 'zj/industry-transport@3',
        evaluatedOn: '2026-03-31',
        validFrom: '2026-04-01',
        validTo: '2027-03-31',
        evaluator: '11330825TT00000903',
      },
    },
    attributes: utf8('{"industry_code":"G5430","inspected_count":3}'),
  })
}

function personRecord(): Record {
  const record = evaluationRecord()
  record.subject!.type = SubjectType.NATURAL_PERSON
  record.subject!.id = '330102180001010012'
  record.subject!.name = '测试甲'
  Object.assign(resultOf(record), {
    kind: EvaluationKind.COMPREHENSIVE,
    domain: '',
    scale: 'zj/person-score@2018',
    grade: '',
    score: '850',
  })
  return record
}

function resultOf(record: Record): EvaluationResult {
  if (record.content.case !== 'evaluationResult') throw new Error('no evaluation')
  return record.content.value
}

const planOf = ({ kind, subjectTypes, scales, attributesSchema }: typeof personItem): RulePlan => ({
  kind,
  subjectTypes,
  allowedScales: scales,
  scaleOf,
  attributes: attributesRule(attributesSchema),
})

/** What the full rules say of bytes, without the fast check. */
function ruleFaults(plan: RulePlan, bytes: Uint8Array): readonly RecordFault[] {
  let record: Record
  try {
    record = decodeRecord(bytes)
  } catch {
    return [fault(0, '', 'record_malformed')]
  }
  return gather(0, (report) => reportRecord(plan, record, report))
}

t.test('a good evaluation has no fault and is accepted without decoding', async (t) => {
  const bytes = toBinary(RecordSchema, evaluationRecord())
  t.same(checkRecordBytes(industry, bytes), [])
  t.same(recordWarnings(bytes), [])
  const scale = scaleOf('zj/five-grade@2020')!
  const accepts = (date: number): boolean =>
    certainlyGood(
      {
        subjectTypes: 0b10,
        scales: [
          {
            id: utf8(scaleId(scale)),
            grades: scale.grades.map(utf8),
            scoreOnly: false,
            subjectTypes: 0b10,
            scoreFrom: 0,
            scoreTo: 1e9,
            effectiveFrom: date,
            effectiveTo: 99_999_999,
          },
        ],
        ...sharedForms(),
        attributesGood: (source, start, end) =>
          Buffer.from(source.subarray(start, end)).toString() ===
          '{"industry_code":"G5430","inspected_count":3}',
      },
      bytes,
    )
  t.equal(accepts(20260331), true)
  t.equal(accepts(20260401), false)
})

t.test('the evaluator is looked at again whenever it is another one', (t) => {
  const { evaluatorGood: good } = sharedForms()
  const codes = [
    '11330825TT00000903',
    '11330825TT00000913',
    '11330825TT00000903',
    '11330825TT0000090',
    '',
    '11330825TT00000903',
  ]
  t.same(
    codes.map((code) => good(utf8(`x${code}y`), 1, 1 + code.length)),
    [true, false, true, false, false, true],
  )
  t.end()
})

t.test('a record with a bad field names the field and the reason', async (t) => {
  const long = '长'.repeat(201)
  const cases: readonly (readonly [
    expected: readonly string[],
    change: (record: Record, result: EvaluationResult) => void,
  ])[] = [
    [
      [],
      (r) => {
        r.subject!.name = '长'.repeat(200)
      },
    ],
    [
      [],
      (r) => {
        r.attributes = new Uint8Array()
      },
    ],
    [
      [],
      (r) => {
        r.recordId = 'x'.repeat(64)
      },
    ],
    [
      [],
      (_, e) => {
        e.validTo = '9999-12-31'
      },
    ],
    [
      [],
      (_, e) => {
        e.score = ''
      },
    ],
    [
      [],
      (r) => {
        r.subject!.id = '91330102TT0000016N'
      },
    ],
    [
      ['record_id record_id_form'],
      (r) => {
        r.recordId = ''
      },
    ],
    [
      ['record_id record_id_form'],
      (r) => {
        r.recordId = 'x'.repeat(65)
      },
    ],
    [
      ['record_id record_id_form'],
      (r) => {
        r.recordId = '编号'
      },
    ],
    [
      ['record_id record_id_form'],
      (r) => {
        r.recordId = ' 1'
      },
    ],
    [
      ['subject required', 'evaluation_result.scale scale_subject_type'],
      (r) => {
        delete r.subject
      },
    ],
    [
      ['subject.type subject_type', 'evaluation_result.scale scale_subject_type'],
      (r) => {
        r.subject!.type = SubjectType.UNSPECIFIED
      },
    ],
    [
      ['subject.type subject_type', 'evaluation_result.scale scale_subject_type'],
      (r) => {
        r.subject!.type = 33 as SubjectType
      },
    ],
    [
      [
        'subject.type subject_type',
        'subject.id citizen_id_form',
        'evaluation_result.scale scale_subject_type',
      ],
      (r) => {
        r.subject!.type = SubjectType.NATURAL_PERSON
      },
    ],
    [
      ['subject.id uscc_check'],
      (r) => {
        r.subject!.id = '91320100250571846X'
      },
    ],
    [
      ['subject.id required'],
      (r) => {
        r.subject!.id = ''
      },
    ],
    [
      ['subject.id uscc_form'],
      (r) => {
        r.subject!.id = '９1330102TT0000015K'
      },
    ],
    [
      ['subject.id uscc_class'],
      (r) => {
        r.subject!.id = '94330102TT0000016D'
      },
    ],
    [
      [],
      (r) => {
        r.subject!.id = syntheticUscc('94330102', 'TT000001')
      },
    ],
    [
      ['subject.id organization_code_legacy'],
      (r) => {
        r.subject!.id = 'TT0000015'
      },
    ],
    [
      ['subject.name required'],
      (r) => {
        r.subject!.name = ''
      },
    ],
    [
      ['subject.name too_long'],
      (r) => {
        r.subject!.name = long
      },
    ],
    [
      ['subject.name text_form'],
      (r) => {
        r.subject!.name = 'a\u0000b'
      },
    ],
    [
      ['subject.name text_form'],
      (r) => {
        r.subject!.name = 'a\u0085b'
      },
    ],
    [
      ['evaluation_result.kind value_unknown'],
      (_, e) => {
        e.kind = 0
      },
    ],
    [
      ['evaluation_result.domain required'],
      (_, e) => {
        e.domain = ''
      },
    ],
    [
      ['evaluation_result.domain too_long'],
      (_, e) => {
        e.domain = '长'.repeat(33)
      },
    ],
    [
      ['evaluation_result.scale required'],
      (_, e) => {
        e.scale = ''
      },
    ],
    [
      ['evaluation_result.scale scale_not_allowed'],
      (_, e) => {
        e.scale = 'cn/comprehensive@2025'
      },
    ],
    [
      ['evaluation_result.grade grade_unknown'],
      (_, e) => {
        e.grade = 'F'
      },
    ],
    [
      ['evaluation_result.grade required'],
      (_, e) => {
        e.grade = ''
      },
    ],
    [
      ['evaluation_result.score score_form'],
      (_, e) => {
        e.score = '8e2'
      },
    ],
    [
      ['evaluation_result.score score_range'],
      (_, e) => {
        e.score = '1001'
      },
    ],
    [
      ['evaluation_result.model id_form'],
      (_, e) => {
        e.model = 'zj/industry-transport'
      },
    ],
    [
      ['evaluation_result.evaluated_on date_form'],
      (_, e) => {
        e.evaluatedOn = '2026-02-29'
      },
    ],
    [
      ['evaluation_result.evaluated_on required', 'evaluation_result.scale scale_not_in_force'],
      (_, e) => {
        e.evaluatedOn = ''
      },
    ],
    [
      ['evaluation_result.scale scale_not_in_force'],
      (_, e) => {
        e.evaluatedOn = '2019-12-31'
      },
    ],
    [
      ['evaluation_result.valid_to date_order'],
      (_, e) => {
        e.validTo = '2026-03-31'
      },
    ],
    [
      ['evaluation_result.valid_to date_order'],
      (_, e) => {
        e.evaluatedOn = '2027-04-01'
      },
    ],
    [
      ['evaluation_result.evaluator uscc_check'],
      (_, e) => {
        e.evaluator = '11330825TT00000913'
      },
    ],
    [
      [],
      (_, e) => {
        e.evaluator = '11330825TT00000904'
      },
    ],
    [
      ['evaluation_result.evaluator required'],
      (_, e) => {
        e.evaluator = ''
      },
    ],
    [
      ['content family_mismatch'],
      (r) => {
        r.content = { case: 'catalogedRecord', value: { decidedOn: '2026-01-01' } as never }
      },
    ],
    [
      ['content family_mismatch'],
      (r) => {
        r.content = { case: undefined }
      },
    ],
  ]
  for (const [expected, change] of cases) {
    const record = evaluationRecord()
    change(record, resultOf(record))
    if (record.content.case === 'catalogedRecord')
      record.content = create(RecordSchema, {
        content: { case: 'catalogedRecord', value: { decidedOn: '2026-01-01' } },
      }).content
    t.same(codes(industry.check(record)), expected, change.toString())
  }
})

t.test('attributes are checked against the schema, all faults at once', async (t) => {
  const cases: readonly (readonly [json: string, expected: readonly string[]])[] = [
    ['{}', []],
    ['{"inspected_count":100000}', []],
    [
      '{"industry_code":"5430","inspected_count":-1}',
      [
        'attributes.industry_code attributes_schema',
        'attributes.inspected_count attributes_schema',
      ],
    ],
    ['{"inspected_count":1.5}', ['attributes.inspected_count attributes_schema']],
    ['{"phone":"13800000000"}', ['attributes attributes_schema']],
    ['{"__proto__":1}', ['attributes attributes_schema']],
    ['{"inspected_count":1,"inspected_count":2}', ['attributes attributes_duplicate']],
    ['{"inspected_count":1,"inspected\\u005fcount":2}', ['attributes attributes_duplicate']],
    ['[]', ['attributes attributes_json']],
    ['null', ['attributes attributes_json']],
    ['{', ['attributes attributes_json']],
    ['\ufeff{}', ['attributes attributes_json']],
    ['['.repeat(60_000), ['attributes attributes_json']],
  ]
  for (const [json, expected] of cases) {
    for (const again of ['first', 'again']) {
      const record = evaluationRecord()
      record.attributes = utf8(json)
      t.same(codes(industry.check(record)), expected, `${again} ${json.slice(0, 60)}`)
    }
  }
  const record = evaluationRecord()
  record.attributes = Uint8Array.of(0x7b, 0xff, 0x7d)
  t.same(codes(industry.check(record)), ['attributes attributes_json'])
})

t.test('a schema with a required attribute refuses a record without attributes', async (t) => {
  const item = clone(CatalogItemSchema, industryItem!)
  item.attributesSchema = item.attributesSchema.replace(
    '"properties"',
    '"required":["industry_code"],"properties"',
  )
  const record = evaluationRecord()
  record.attributes = new Uint8Array()
  t.same(codes(compileItem(item, scaleOf).check(record)), ['attributes attributes_schema'])
})

t.test('a scale that the catalog does not have yet is said to be unknown', async (t) => {
  const compiled = compileItem(industryItem!, () => undefined)
  t.same(codes(compiled.check(evaluationRecord())), ['evaluation_result.scale scale_unknown'])
})

t.test('a property named like a member of every object counts only when it is there', async (t) => {
  const item = clone(CatalogItemSchema, industryItem!)
  item.columns = []
  item.attributesSchema =
    '{"type":"object","additionalProperties":false,"required":["constructor"],' +
    '"properties":{"constructor":{"type":"string","x-personal-data":"none"}}}'
  const compiled = compileItem(item, scaleOf)
  const record = evaluationRecord()
  record.attributes = utf8('{"constructor":"a"}')
  t.same(compiled.check(record), [])
  record.attributes = utf8('{}')
  t.same(codes(compiled.check(record)), ['attributes attributes_schema'])
})

t.test('a retired scale grades nothing after its last day', async (t) => {
  const item = clone(CatalogItemSchema, nationalItem!)
  item.scales = ['cn/comprehensive@2019']
  const record = evaluationRecord()
  Object.assign(resultOf(record), {
    scale: 'cn/comprehensive@2019',
    grade: '良',
    score: '',
    evaluatedOn: '2025-05-31',
  })
  record.attributes = new Uint8Array()
  const compiled = compileItem(item, scaleOf)
  t.same(compiled.check(record), [])
  resultOf(record).evaluatedOn = '2025-06-01'
  t.same(codes(compiled.check(record)), ['evaluation_result.scale scale_not_in_force'])
})

t.test('a natural person has a score, no grade, and is of age', async (t) => {
  const cases: readonly (readonly [
    expected: readonly string[],
    change: (record: Record, result: EvaluationResult) => void,
  ])[] = [
    [[], () => {}],
    [
      ['evaluation_result.grade grade_unexpected'],
      (_, e) => {
        e.grade = 'A'
      },
    ],
    [
      ['evaluation_result.score required'],
      (_, e) => {
        e.score = ''
      },
    ],
    [
      ['subject.id citizen_id_check'],
      (r) => {
        r.subject!.id = '330102180001010013'
      },
    ],
    [
      ['subject.id citizen_id_birth'],
      (r) => {
        r.subject!.id = syntheticCitizenId('33010219000229001')
      },
    ],
    [
      ['subject.id citizen_id_legacy'],
      (r) => {
        r.subject!.id = '330102000101001'
      },
    ],
    [
      ['record_id record_id_personal'],
      (r) => {
        r.recordId = `zj-${r.subject!.id}`
      },
    ],
    [
      [],
      (r) => {
        r.subject!.id = syntheticCitizenId('33010220080331001')
      },
    ],
    [
      ['evaluation_result.evaluated_on minor'],
      (r) => {
        r.subject!.id = syntheticCitizenId('33010220080401001')
      },
    ],
    [
      ['subject.type subject_type', 'evaluation_result.scale scale_subject_type'],
      (r) => {
        r.subject!.type = SubjectType.ENTERPRISE
        r.subject!.id = '91330102TT0000015K'
      },
    ],
  ]
  for (const [expected, change] of cases) {
    const record = personRecord()
    change(record, resultOf(record))
    t.same(codes(person.check(record)), expected, change.toString())
  }
})

t.test('faults never quote identifiers, names or attribute values', async (t) => {
  const secrets = ['330102180001010013', '机密姓名', '机密值', 'secretname', '13812345678']
  const record = personRecord()
  record.subject!.id = secrets[0]!
  record.subject!.name = `${secrets[1]}\u0007`
  record.recordId = ` ${secrets[0]}`
  Object.assign(resultOf(record), {
    domain: secrets[1]!.repeat(20),
    grade: secrets[1],
    scale: secrets[1],
    model: secrets[0],
    evaluator: secrets[0],
  })
  record.attributes = utf8(
    JSON.stringify({ industry_code: secrets[2], [secrets[3]!]: secrets[4], [secrets[4]!]: 1 }),
  )
  const faults = person.check(record)
  t.ok(faults.length >= 8)
  for (const secret of secrets) t.notOk(JSON.stringify(faults).includes(secret), secret)
  t.match(faults.find(({ path }) => path === 'subject.id')!.message, /33\*{14}13$/)
  t.match(faults.find(({ path }) => path === 'subject.id')!.messageZh, /校验位错误：33\*{14}13$/)
})

t.test('at most sixteen faults are given for one record, with its position', async (t) => {
  const record = evaluationRecord()
  record.attributes = utf8(
    JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x${i}`, i]))),
  )
  const faults = checkRecordBytes(industry, toBinary(RecordSchema, record), 7)
  t.equal(faults.length, 16)
  t.ok(faults.every(({ index }) => index === 7))
})

type RequestInit = MessageInitShape<typeof RecognitionRequestSchema>
type ConfirmationInit = MessageInitShape<typeof RecognitionConfirmationSchema>
const subject = {
  type: SubjectType.ENTERPRISE,
  id: '91330102TT0000015K',
  name: '杭州示例科技有限公司',
}

function request(over: Partial<RequestInit>): Record {
  const value = {
    requester: 'zj.example/330825',
    holder: 'zj.example/330106',
    item: 'zj/industry-evaluation@2026.1',
    purpose: 'mutual-recognition',
    legalBasis: '政务数据共享条例',
    requestedOn: '2026-05-01',
    deadline: '2026-05-11',
    acceptedScales: ['cn/comprehensive@2025'],
    mapping: 'zj-5-to-cn@1',
    ...over,
  } as RequestInit
  return create(RecordSchema, {
    recordId: 'q-1',
    subject,
    content: { case: 'recognitionRequest', value },
  })
}

function confirmation(over: Partial<ConfirmationInit>): Record {
  const value = {
    requestRecordId: 'q-1',
    requester: 'zj.example/330825',
    confirmer: 'zj.example/330106',
    decision: RecognitionDecision.RECOGNIZED,
    sourceBatchId: new Uint8Array(32),
    sourceIndex: 0,
    sourceHash: new Uint8Array(32),
    sourceItem: 'zj/industry-evaluation@2026.1',
    sourceScale: 'zj/five-grade@2020',
    sourceGrade: 'E',
    mapping: 'zj-5-to-cn@1',
    mappedGrade: 'D',
    validUntil: '2027-03-31',
    confirmedOn: '2026-05-02',
    ...over,
  } as ConfirmationInit
  return create(RecordSchema, {
    recordId: 'c-1',
    subject,
    content: { case: 'recognitionConfirmation', value },
  })
}

t.test('a recognition request is complete', async (t) => {
  const cases: readonly (readonly [string, Partial<RequestInit>])[] = [
    ['requester node_form', { requester: '330825' }],
    ['holder required', { holder: '' }],
    ['item id_form', { item: 'zj/industry-evaluation' }],
    ['result_record_id record_id_form', { resultRecordId: '记录' }],
    ['purpose code_form', { purpose: 'Any' }],
    ['legal_basis required', { legalBasis: '' }],
    ['accepted_scales[0] id_form', { acceptedScales: ['any'] }],
    ['age_days_max range', { ageDaysMax: -1 }],
    ['requested_on date_form', { requestedOn: '2026-5-1' }],
    ['deadline date_order', { deadline: '2026-04-30' }],
    ['mapping id_form', { mapping: 'any' }],
  ]
  t.same(recognition.check(request({})), [])
  for (const [expected, over] of cases)
    t.same(codes(recognition.check(request(over))), [`recognition_request.${expected}`])
  t.same(codes(industry.check(request({}))), ['content family_mismatch'])
})

t.test('a confirmation pins its source, or has none', async (t) => {
  const none = {
    decision: RecognitionDecision.NO_RESULT,
    sourceBatchId: new Uint8Array(),
    sourceHash: new Uint8Array(),
    sourceItem: '',
    sourceScale: '',
    sourceGrade: '',
    mapping: '',
    mappedGrade: '',
    validUntil: '',
  }
  const cases: readonly (readonly [string, Partial<ConfirmationInit>])[] = [
    ['request_record_id record_id_form', { requestRecordId: '' }],
    ['decision value_unknown', { decision: 9 as RecognitionDecision }],
    ['source_batch_id range', { sourceBatchId: new Uint8Array(31) }],
    ['source_hash range', { sourceHash: new Uint8Array() }],
    ['source_item required', { sourceItem: '' }],
    ['source_scale id_form', { sourceScale: 'zj' }],
    ['source_grade required', { sourceGrade: '' }],
    ['mapping required', { mapping: '' }],
    ['mapped_grade unexpected', { decision: RecognitionDecision.NOT_RECOGNIZED }],
    ['conditions required', { decision: RecognitionDecision.RECOGNIZED_WITH_CONDITIONS }],
    ['conditions too_long', { conditions: '长'.repeat(1001) }],
    ['valid_until required', { validUntil: '' }],
    ['valid_until date_order', { validUntil: '2026-05-01' }],
    ['confirmed_on required', { confirmedOn: '' }],
    ['source_grade unexpected', { ...none, sourceGrade: 'A' }],
    ['source_hash unexpected', { ...none, sourceHash: new Uint8Array(32) }],
  ]
  t.same(recognition.check(confirmation({})), [])
  t.same(recognition.check(confirmation(none)), [])
  t.same(
    recognition.check(
      confirmation({
        sourceScale: 'zj/person-score@2018',
        sourceGrade: '',
        mapping: '',
        mappedGrade: '',
      }),
    ),
    [],
  )
  for (const [expected, over] of cases)
    t.same(codes(recognition.check(confirmation(over))), [`recognition_confirmation.${expected}`])
})

t.test('a cataloged record says when it was decided', async (t) => {
  const record = create(RecordSchema, {
    recordId: 'p-1',
    subject,
    content: {
      case: 'catalogedRecord',
      value: { decidedOn: '2026-01-05', document: '浙市监罚〔2026〕1号' },
    },
  })
  t.same(cataloged.check(record), [])
  record.content = create(RecordSchema, {
    content: { case: 'catalogedRecord', value: { document: 'x'.repeat(129) } },
  }).content
  t.same(codes(cataloged.check(record)), [
    'cataloged_record.decided_on required',
    'cataloged_record.document too_long',
  ])
})

t.test('bytes that two readers could read differently are malformed', async (t) => {
  const cases: readonly (readonly [hex: string, why: string])[] = [
    ['0a', 'no length'],
    ['0a05414141', 'a length beyond the end'],
    ['08ffffffffffffffffffff01', 'a varint of eleven bytes'],
    ['0801', 'record_id as a varint'],
    ['0801393801380138013801', 'record_id as a varint, where a lenient reader finds "9"'],
    ['1001', 'subject as a varint'],
    ['0d41414141', 'record_id as four bytes'],
    ['0a01ff', 'record_id that is not UTF-8'],
    ['0a03eda080', 'record_id with a surrogate'],
    ['0a02c080', 'record_id with an overlong form'],
    ['1202120541424344450a0131', 'subject.id that runs past its subject'],
    ['00', 'field number 0'],
    ['3b3c', 'an unknown group'],
    ['06', 'a wire type that does not exist'],
    ['0204', 'field number 0 with a length'],
    ['3900000000000000', 'eight bytes of which one is missing'],
  ]
  for (const [hex, why] of cases) {
    const bytes = fromHex(hex)!
    t.same(codes(checkRecordBytes(industry, bytes)), [' record_malformed'], why)
    t.equal(peekRecord(bytes), undefined, why)
    t.throws(() => decodeRecord(bytes), { code: 'record_invalid' }, why)
  }
  const hidden = concat(fromHex('22030a01ff')!, toBinary(RecordSchema, evaluationRecord()))
  t.same(
    codes(checkRecordBytes(industry, hidden)),
    [' record_malformed'],
    'bad text in a content that a later one replaces',
  )
  const unread = fromHex('12031a01ff')!
  t.same(
    codes(checkRecordBytes(industry, unread)),
    [' record_malformed'],
    'subject.name that is not UTF-8',
  )
  t.same(peekRecord(unread)?.subjectId, '', 'peeking does not look at names')
  t.same(codes(checkRecordBytes(industry, new Uint8Array(65_537))), [' record_too_large'])
})

t.test('UTF-8 is counted in code points as a TextDecoder decodes it', async (t) => {
  const random = new SeededRandom('utf-8')
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const seeds = ['a', 'é', '杭', '𠮷', '\ud7ff', '\ue000', '\u{10ffff}', '\u07ff', '\u0800'].map(
    utf8,
  )
  let valid = 0
  for (let i = 0; i < 4000; i++) {
    const bytes = Uint8Array.from(
      concat(...Array.from({ length: 1 + random.below(4) }, () => random.pick(seeds))),
    )
    if (random.below(2) === 0) bytes[random.below(bytes.length)] = random.below(256)
    let expected = -1
    try {
      expected = [...decoder.decode(bytes)].length
      valid++
    } catch {}
    if (characterCount(bytes, 0, bytes.length) !== expected)
      t.fail(Buffer.from(bytes).toString('hex'))
  }
  t.ok(valid > 1000 && valid < 3900, `${valid} of 4000 were valid`)
})

/** A good record of the industry item with random fields; some fields spoiled. */
function randomRecord(random: SeededRandom): Record {
  const record = random.below(4) === 0 ? personRecord() : evaluationRecord()
  const result = resultOf(record)
  const about = record.subject!
  record.recordId = `r-${random.next()}`
  record.attributes = utf8(
    random.pick([
      '',
      '{}',
      '{"inspected_count":4}',
      '{"industry_code":"A"}',
      '{"inspected_count":-4}',
      '{"a":1}',
      '[',
    ]),
  )
  if (random.below(3) === 0) result.grade = random.pick(['A', 'B', 'E', 'F', ''])
  if (random.below(3) === 0)
    result.score = random.pick(['', '0', '999.999999', '1000', '1000.1', '-1', 'x'])
  const spoil: readonly (() => void)[] = [
    () => {
      about.id = random.pick([
        '91330102TT0000016N',
        '91330102TT0000017K',
        'N2330110TT00000C51',
        '330102180001010020',
      ])
    },
    () => {
      about.type = random.below(7) as SubjectType
    },
    () => {
      about.name = random.pick([
        '',
        ' a',
        'a',
        '名'.repeat(200),
        '名'.repeat(201),
        'a\u0080',
        '\u00a0',
      ])
    },
    () => {
      about.individualBusiness = true
    },
    () => {
      result.kind = random.below(4) as EvaluationKind
    },
    () => {
      result.domain = random.pick(['', '域', '域'.repeat(32), '域'.repeat(33)])
    },
    () => {
      result.scale = random.pick(['zj/five-grade@2020', 'zj/person-score@2018', 'zj/none@1', ''])
    },
    () => {
      result.model = random.pick([
        'a@1',
        '@1',
        'a/b/c@1',
        `${'a'.repeat(65)}@1`,
        `${'a'.repeat(33)}/b@1`,
        'a@',
        `a@${'1'.repeat(33)}`,
      ])
    },
    () => {
      result.evaluatedOn = random.pick([
        '2019-12-31',
        '2020-01-01',
        '2027-04-01',
        '0000-01-01',
        '2026-3-31',
      ])
    },
    () => {
      result.validFrom = random.pick(['2026-01-01', '2027-03-31', '2027-04-01', ''])
    },
    () => {
      result.validTo = random.pick(['9999-12-31', '2026-03-31', '2026-03-30', '2026-02-30'])
    },
    () => {
      result.evaluator = random.pick([
        '',
        '11330825TT00000904',
        '11330825TT00000913',
        '91330102TT0000016N',
      ])
    },
    () => {
      record.recordId = random.pick(['', ' ', 'a b', about.id, `x${about.id}`, '号'])
    },
    () => {
      delete record.subject
    },
    () => {
      record.content = { case: undefined }
    },
    () => {
      record.content = request({}).content
    },
  ]
  for (let n = random.below(3); n > 0; n--) random.pick(spoil)()
  return record
}

/** Fields that no version knows, of every wire type, with short and long tags. */
const unknownFields = [
  '3801',
  '38ffffffff0f',
  '390102030405060708',
  '3a03616263',
  '3d01020304',
  'c03e01',
  'fa3e00',
  '8080010a',
].map((one) => fromHex(one)!)

/** The record in pieces: encoded twice, cut into messages that merge, with unknown fields between. */
function encodeOddly(record: Record, random: SeededRandom): Uint8Array {
  const whole = toBinary(RecordSchema, record)
  const other = toBinary(RecordSchema, randomRecord(random))
  const unknown = random.pick(unknownFields)
  switch (random.below(6)) {
    case 0:
      return concat(other, whole)
    case 1:
      return concat(whole, unknown)
    case 2:
      return concat(unknown, whole, unknown)
    case 3:
      return concat(Uint8Array.of(0x12, unknown.length), unknown, whole)
    case 4:
      return concat(whole, Uint8Array.of(0x1a, unknown.length), unknown)
    default:
      return whole
  }
}

t.test('the fast check and the full rules agree on any bytes', async (t) => {
  const random = new SeededRandom('fast and slow')
  const plans = [
    [industry, planOf(industryItem!)],
    [person, planOf(personItem)],
  ] as const
  const seen = { good: 0, faulty: 0, malformed: 0 }
  for (let i = 0; i < 4000; i++) {
    let bytes = Uint8Array.from(encodeOddly(randomRecord(random), random))
    const damage = random.below(10)
    if (damage === 0) bytes = bytes.subarray(0, random.below(bytes.length))
    if (damage === 1) bytes[random.below(bytes.length)] = random.below(256)
    for (const [compiled, plan] of plans) {
      const [fast, slow] = [checkRecordBytes(compiled, bytes), ruleFaults(plan, bytes)]
      if (JSON.stringify(fast) !== JSON.stringify(slow))
        t.same(fast, slow, Buffer.from(bytes).toString('hex'))
      seen[
        slow.length === 0 ? 'good' : slow[0]!.code === 'record_malformed' ? 'malformed' : 'faulty'
      ]++
    }
  }
  t.ok(seen.good > 400 && seen.faulty > 1000 && seen.malformed > 200, JSON.stringify(seen))
})

t.test('peeking and decoding agree on any bytes', async (t) => {
  const random = new SeededRandom('peek')
  let malformed = 0
  for (let i = 0; i < 4000; i++) {
    let bytes = Uint8Array.from(encodeOddly(randomRecord(random), random))
    if (random.below(4) === 0) bytes = bytes.subarray(0, random.below(bytes.length))
    const peek = peekRecord(bytes)
    let expected: unknown
    try {
      decodeRecord(bytes)
      const record = fromBinary(RecordSchema, bytes)
      expected = {
        recordId: record.recordId,
        subjectType: record.subject?.type ?? 0,
        subjectId: record.subject?.id ?? '',
        family: familyOf(record),
      }
    } catch {
      malformed++
    }
    if (JSON.stringify(peek) !== JSON.stringify(expected))
      t.same(peek, expected, Buffer.from(bytes).toString('hex'))
  }
  t.ok(malformed > 300 && malformed < 2000, `${malformed} of 4000 were malformed`)
})

t.test('every family is peeked at', async (t) => {
  t.same(peekRecord(toBinary(RecordSchema, evaluationRecord())), {
    recordId: 'zj-2026-00000001',
    subjectType: 1,
    subjectId: '91330102TT0000015K',
    family: 'evaluation',
  })
  t.match(peekRecord(toBinary(RecordSchema, request({}))), { recordId: 'q-1', family: 'request' })
  t.match(peekRecord(toBinary(RecordSchema, confirmation({}))), {
    recordId: 'c-1',
    family: 'confirmation',
  })
  t.same(peekRecord(new Uint8Array()), {
    recordId: '',
    subjectType: 0,
    subjectId: '',
    family: 'unknown',
  })
})

t.test('every cut of a good record is refused', async (t) => {
  const bytes = toBinary(RecordSchema, evaluationRecord())
  const attributesFrom = bytes.length - 47
  for (let size = 0; size < bytes.length; size++) {
    const faults = checkRecordBytes(industry, bytes.subarray(0, size))
    // Without its last field, the optional attributes, the record is whole again.
    t.equal(faults.length === 0, size === attributesFrom, `${size} of ${bytes.length} bytes`)
  }
})

t.test('a doubtful record is warned about and not refused', async (t) => {
  const record = evaluationRecord()
  record.subject!.type = SubjectType.GOVERNMENT_BODY
  record.subject!.individualBusiness = true
  resultOf(record).evaluator = '91330102TT0000016N'
  t.same(industry.check(record), [])
  t.same(codes(recordWarnings(toBinary(RecordSchema, record))), [
    'subject.id subject_type_class',
    'subject.individual_business individual_business_class',
    'evaluation_result.evaluator uscc_inner_check',
  ])
})

t.test('a national evaluation is checked on the national scale', async (t) => {
  const record = evaluationRecord()
  Object.assign(resultOf(record), {
    kind: EvaluationKind.COMPREHENSIVE,
    domain: '',
    scale: 'cn/comprehensive@2025',
    grade: 'D',
    score: '',
  })
  record.attributes = new Uint8Array()
  const national = compileItem(nationalItem!, scaleOf)
  t.same(national.check(record), [])
  resultOf(record).grade = 'E'
  t.same(codes(national.check(record)), ['evaluation_result.grade grade_unknown'])
})

t.test('the detail of a fault is in the language of its sentence', async (t) => {
  t.match(fault(0, 'title', 'too_long', text`${300} characters, at most ${200}`), {
    message: /: 300 characters, at most 200$/,
    messageZh: /：有 300 个字符，至多 200 个$/,
  })
  t.equal(fault(0, 'kind', 'value_unknown').messageZh, '取值不在定义范围内')
  for (const [keyword, params, zh] of [
    ['maximum', { limit: 5 }, '不得大于 5'],
    ['type', { type: ['string', 'null'] }, '应为文本或空值'],
    ['format', { format: 'date' }, '不是日期（YYYY-MM-DD）'],
    ['not', {}, '不符合要求'],
  ] as const) {
    t.equal(keywordText({ keyword, params }).zh, zh)
  }
})
