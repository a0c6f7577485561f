import { create, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { encodeBody } from '../../src/batch/body.ts'
import { checkAllRecords } from '../../src/verdict/check-records.ts'
import {
  CatalogedRecordSchema,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { compileItem } from '../../src/record/item.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { withLoopDelay } from '../support/loop-delay.ts'
import { uscc } from '../support/records.ts'

t.test(
  'a batch of a hundred thousand bad records is judged in turns with everything else',
  async (t) => {
    const item = starterItems.find(({ kind }) => kind === 'evaluation')!
    const compiled = compileItem(item, (id) =>
      starterScales.find((scale) => `${scale.id}@${scale.version}` === id),
    )
    const body = encodeBody(
      Array.from({ length: 100_000 }, () => Uint8Array.of(0x0a)),
      systemRandom,
    )
    const { value: faults, worstMs } = await withLoopDelay(async () =>
      checkAllRecords(compiled, body, { clock: systemClock }),
    )
    t.equal(new Set(faults.map(({ index }) => index)).size, 100_000)
    t.ok(worstMs < 150, `the loop worked for ${worstMs.toFixed(1)} ms at a time`)
  },
)

t.test('a few records that take long, as well', async (t) => {
  const none = { 'x-personal-data': 'none' }
  const element = {
    type: 'object',
    additionalProperties: false,
    ...none,
    properties: { x: { type: 'integer', ...none } },
  }
  const attributesSchema = JSON.stringify({
    type: 'object',
    additionalProperties: false,
    properties: { a: { type: 'array', uniqueItems: true, items: element, ...none } },
  })
  const compiled = compileItem(
    {
      ...starterItems[0]!,
      id: 'zj/sets',
      kind: 'record',
      scales: [],
      columns: [],
      subjectTypes: [SubjectType.ENTERPRISE],
      attributesSchema,
    },
    () => undefined,
  )
  const attributes = Buffer.from(
    JSON.stringify({ a: Array.from({ length: 5_000 }, (_, x) => ({ x })) }),
  )
  const record = (i: number): Uint8Array =>
    toBinary(
      RecordSchema,
      create(RecordSchema, {
        recordId: `set-${i}`,
        subject: create(SubjectSchema, {
          type: SubjectType.ENTERPRISE,
          id: uscc(i),
          name: '浙江测试有限公司',
        }),
        content: {
          case: 'catalogedRecord',
          value: create(CatalogedRecordSchema, { decidedOn: '2026-05-01' }),
        },
        attributes,
      }),
    )
  const body = encodeBody(
    Array.from({ length: 60 }, (_, i) => record(i)),
    systemRandom,
  )
  const { value, worstMs } = await withLoopDelay(async () =>
    checkAllRecords(compiled, body, { clock: systemClock }),
  )
  t.same(value, [])
  t.ok(worstMs < 150, `the loop worked for ${worstMs.toFixed(1)} ms at a time`)
})
