/** What a node asks of its own records beyond the rules: no person as a body, no damaged text, no number that readers change. */
import t from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { utf8 } from '../../src/base/bytes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { encodeBody } from '../../src/batch/body.ts'
import { ownFindings } from '../../src/publish/own-records.ts'
import { damageSigns, isErrorValue } from '../../src/record/damage.ts'
import { noPlaces } from '../../src/lookup/record-rows.ts'
import { checkAllRecords } from '../../src/verdict/check-records.ts'
import { type CatalogItem, CatalogItemSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { EvaluationKind, RecordSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { compileItem } from '../../src/record/item.ts'
import { scaleId } from '../../src/record/scales.ts'
import { isUscc, syntheticUscc } from '../../src/record/uscc.ts'

const none = { 'x-personal-data': 'none' }
const item: CatalogItem = create(CatalogItemSchema, {
  ...starterItems[0]!,
  $typeName: undefined as never,
  columns: [],
  attributesSchema: JSON.stringify({
    type: 'object',
    additionalProperties: false,
    properties: {
      text: { type: 'string', ...none },
      amount: { type: 'number', multipleOf: 0.01, ...none },
      whole: { type: 'integer', ...none },
      list: { type: 'array', items: { type: 'string', ...none }, ...none },
    },
  }),
})
const compiled = compileItem(item, (id) => starterScales.find((scale) => scaleId(scale) === id))
const GOOD = '91330102TT0000015K'

interface Fields {
  id?: string
  name?: string
  domain?: string
  evaluator?: string
  attributes?: string
}

function record({
  id = GOOD,
  name = '甲公司',
  domain = '道路运输',
  evaluator = '11330825TT00000903',
  attributes = '',
}: Fields): Uint8Array {
  return toBinary(
    RecordSchema,
    create(RecordSchema, {
      recordId: 'r-1',
      subject: { type: SubjectType.ENTERPRISE, id, name },
      attributes: utf8(attributes),
      content: {
        case: 'evaluationResult',
        value: {
          kind: EvaluationKind.INDUSTRY,
          domain,
          scale: 'zj/five-grade@2020',
          grade: 'A',
          model: 'zj/industry@1',
          evaluatedOn: '2026-06-30',
          validFrom: '2026-07-01',
          validTo: '2027-06-30',
          evaluator,
        },
      },
    }),
  )
}

/** Findings of records that every node accepts: none of these rests on a verdict. */
async function found(records: readonly Fields[]) {
  const body = encodeBody(records.map(record), new SeededRandom('own'))
  const places = noPlaces(body.count)
  const faults = await checkAllRecords(compiled, body, { clock: systemClock, ids: places })
  t.same(faults, [], 'the rules take them')
  const own = await ownFindings(compiled, body, { idPlaces: places, clock: systemClock })
  const said = (list: typeof own.faults): string[] =>
    list.map(({ index, path, code }) => `${index} ${path} ${code}`)
  return {
    faults: said(own.faults),
    warnings: said(own.warnings),
    warningCount: own.warningCount,
    messages: own.faults.map(({ message }) => message),
  }
}

const nothing = { faults: [], warnings: [], warningCount: 0, messages: [] }

t.test(
  'every error value and every escape of a control character has a sign, and the length of a name is none',
  (t) => {
    const signs = (text: string): number => [...damageSigns(utf8(text))].length
    for (const value of [
      'N/A',
      'N/D',
      'REF!',
      'VALUE!',
      'DIV/0!',
      'NAME?',
      'NULL!',
      'NUM!',
      'SPILL!',
      'CALC!',
      'FIELD!',
      'BLOCKED!',
      'CONNECT!',
      'UNKNOWN!',
      'BUSY!',
      'GETTING_DATA',
      'PYTHON!',
      'EXTERNAL!',
      '##',
    ]) {
      for (const text of [`#${value}`, `#${value.toLowerCase()}`])
        t.ok(isErrorValue(text) && signs(text) > 0, text)
    }
    for (let point = 0; point < 0x20; point++) {
      // Lines may end in a text of an attribute.
      if ([0x09, 0x0a, 0x0d].includes(point)) continue
      t.ok(signs(JSON.stringify(String.fromCodePoint(point))) > 0, `U+${point.toString(16)}`)
    }
    for (const length of [0x23, 0x5c]) {
      const name = '公'.repeat(length / 3) + 'x'.repeat(length % 3)
      t.equal([...damageSigns(record({ name }))].length, 0, `a name of ${length} bytes`)
    }
    t.end()
  },
)

t.test('ordinary records are not looked at, and nothing is found', async (t) => {
  t.same(
    await found([
      {},
      { name: '3#楼（中国）物业公司' },
      { name: '阿·里·巴' },
      { attributes: '{"text":"第一行\\n第二行","amount":8.69}' },
      { attributes: '{"text":"a\u202eb"}' },
    ]),
    nothing,
  )
})

t.test('characters and values that no right text has are refused, with their place', async (t) => {
  const bad: readonly (readonly [Fields, string, string])[] = [
    [{ name: '龙游\ufffd\ufffd公司' }, 'subject.name', 'U+FFFD (3)'],
    [{ name: '王\u202e三商行' }, 'subject.name', 'U+202E (2)'],
    [{ name: '王\u2066三商行' }, 'subject.name', 'U+2066 (2)'],
    [{ name: '王\ufffe商行' }, 'subject.name', 'U+FFFE (2)'],
    [{ name: '#N/A' }, 'subject.name', '#N/A (1)'],
    [{ domain: '#REF!' }, 'evaluation_result.domain', '#REF! (1)'],
    [{ attributes: '{"text":"a\\u0000b"}' }, 'attributes.text', 'U+0000 (2)'],
    [{ attributes: '{"text":"a\\ud800b"}' }, 'attributes.text', 'U+D800 (2)'],
    [{ attributes: '{"text":"\\u001b]0;x"}' }, 'attributes.text', 'U+001B (1)'],
    [{ attributes: '{"text":"\\u009b31m"}' }, 'attributes.text', 'U+009B (1)'],
    [{ attributes: '{"text":"\u009b31m"}' }, 'attributes.text', 'U+009B (1)'],
    [{ attributes: '{"text":"a\u007fb"}' }, 'attributes.text', 'U+007F (2)'],
    [{ attributes: '{"list":["好","#DIV/0!"]}' }, 'attributes.list[1]', '#DIV/0! (1)'],
  ]
  const { faults, messages } = await found([{}, ...bad.flatMap(([fields]) => [fields, {}])])
  t.same(
    faults,
    bad.map(([, path], i) => `${2 * i + 1} ${path} text_damaged`),
  )
  for (const [i, [, , detail]] of bad.entries())
    t.ok(messages[i]!.endsWith(detail), `${messages[i]} tells ${detail}`)
  t.same(
    await found([{ name: '王\u{20bb7}\u4dae商行' }, { name: '\uf92c某商行' }]),
    nothing,
    'rare and compatibility characters are right',
  )
})

t.test(
  'a number that readers with doubles would change is refused, and one that they have exactly is not',
  async (t) => {
    for (const attributes of [
      '{"whole":12345678901234567890}',
      '{"whole":9007199254740993}',
      '{"whole": -9007199254740993 }',
    ]) {
      t.same((await found([{ attributes }])).faults, ['0 attributes number_inexact'], attributes)
    }
    for (const attributes of [
      '{"whole":9007199254740991}',
      '{"whole":1e2}',
      '{"whole":-0}',
      '{"text":"12345678901234567890"}',
      '{"amount":8.69}',
    ]) {
      t.same(await found([{ attributes }]), nothing, attributes)
    }
  },
)

t.test(
  'the number of a person is no code of a body, also where the check of a code holds by chance',
  async (t) => {
    // Nobody alive was born in 1901.
    const persons = Array.from({ length: 900 }, (_, i) =>
      syntheticCitizenId(`33010219010101${String(i + 1).padStart(3, '0')}`),
    ).filter(isUscc)
    t.ok(persons.length > 2, `${persons.length} of 900 pass as codes`)
    for (const id of persons) {
      t.same((await found([{}, { id }])).faults, ['1 subject.id code_personal'])
      t.same((await found([{}, { evaluator: id }, {}])).faults, [
        '1 evaluation_result.evaluator code_personal',
      ])
    }
  },
)

t.test('irregular codes that were issued are taken, and warned of', async (t) => {
  // Published by their registries with a check character that the formula does not give.
  const issued = ['91350203M0001QKT19', '91350211M0000XUF46', '91350203M0001FUE2P']
  const pair = syntheticUscc('54330106', 'TT000001')
  const answer = await found([
    {},
    ...issued.map((id) => ({ id })),
    {},
    { id: pair },
    { id: '91330102TT0000016N' },
  ])
  t.same(answer, {
    ...nothing,
    warningCount: 5,
    warnings: [
      '1 subject.id uscc_outer_check',
      '2 subject.id uscc_outer_check',
      '3 subject.id uscc_outer_check',
      '5 subject.id uscc_class_unknown',
      '6 subject.id uscc_inner_check',
    ],
  })
  t.same((await found([{ evaluator: issued[0]! }, {}])).warnings, [
    '0 evaluation_result.evaluator uscc_outer_check',
  ])
  const many = await found(Array.from({ length: 40 }, () => ({ id: issued[0]! })))
  t.same([many.warnings.length, many.warningCount], [16, 40])
})
