/** The encoder of heavy messages writes what the library's encoder writes. */
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf'
import t from 'tap'
import {
  GetStatusResponseSchema,
  IssueEvidenceRequestSchema,
} from '../../src/gen/huxin/v1/admin_service_pb.ts'
import {
  PackageSchema,
  ReadBodiesRequestSchema,
  ReadBodiesResponseSchema,
  ReadLaneResponseSchema,
  ReadLogResponseSchema,
  RecallResponseSchema,
  SubmitRequestSchema,
  SubmitResponseSchema,
  WitnessRequestSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { PublishRequestSchema } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { encodeMessage } from '../../src/wire/encode.ts'

function same<D extends DescMessage>(desc: D, init: MessageInitShape<D>): void {
  t.same(
    Buffer.from(encodeMessage(desc, init)),
    Buffer.from(toBinary(desc, create(desc, init))),
    desc.typeName,
  )
}

const some = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7)

t.test('messages of the exchange, empty, full and of every length of a length', async () => {
  same(SubmitRequestSchema, {})
  same(SubmitRequestSchema, { packages: [] })
  for (const bytes of [0, 1, 127, 128, 16_383, 16_384, 2_097_152]) {
    same(SubmitRequestSchema, {
      packages: [
        { header: some(bytes), body: some(3), judged: '2026-11-23T01:14:07Z zj.example/330825' },
        {},
      ],
    })
  }
  same(SubmitResponseSchema, {
    outcomes: [
      { receipt: { batchId: some(32), entryPrefix: some(200), proof: some(900) } },
      { errorCode: 'lane_gap', errorMessage: '批次号不连续 😀' },
      {
        laneHeads: [
          { lane: 'a 1 b bulk', number: -1n, batchId: some(0) },
          { lane: '', number: 2n ** 62n },
        ],
      },
    ],
  })
  same(ReadBodiesResponseSchema, {
    deliveries: [
      { index: 127n, entry: some(5), body: some(300), incomplete: true },
      { index: 128n, refusal: some(1) },
    ],
    next: 2n ** 40n,
  })
  same(ReadBodiesRequestSchema, {
    batchClass: 'normal',
    start: 1n,
    bytesMax: 0x7fff_ffff,
    waitMs: -1,
    includeOwn: false,
  })
  same(ReadLogResponseSchema, {
    leafHashes: some(3_200),
    checkpoint: some(300),
    upperReceipts: [{}],
    receiptsNext: 16_384n,
  })
  same(ReadLaneResponseSchema, {
    package: {},
    traces: [{ node: 'n', held: true, index: -5n, receiptNotes: [some(0), some(2)] }],
  })
  same(WitnessRequestSchema, { oldSize: 3n, consistency: [some(32), some(32)] })
  same(RecallResponseSchema, { protocol: 1_000, timeMs: 1_795_000_000_000n, epoch: -2_147_483_648 })
  same(PublishRequestSchema, {
    item: 'zj/例@1',
    targets: ['a', '', '330100/**'],
    records: [some(200), some(0)],
    batchClass: 'bulk',
  })
})

t.test(
  'messages it has no plan for, and those with fields nobody knows, are left to the library',
  async () => {
    same(GetStatusResponseSchema, { node: 'zj.example/330000', parent: { node: 'x' } })
    for (const init of [{ position: 0 }, { position: 3 }, {}])
      same(IssueEvidenceRequestSchema, { batchId: some(32), purpose: 'judicial', ...init })
    const message = create(SubmitRequestSchema, {})
    message.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(5) }]
    same(SubmitRequestSchema, message)
    const pack = create(PackageSchema, { body: some(3) })
    pack.$unknown = [{ no: 98, wireType: 2, data: Uint8Array.of(1, 5) }]
    same(ReadLaneResponseSchema, { package: pack })
  },
)

t.test(
  'a value of the wrong type and a text that is no Unicode are errors, not other bytes',
  async (t) => {
    const wrong = (init: unknown): unknown =>
      encodeMessage(SubmitRequestSchema, init as MessageInitShape<typeof SubmitRequestSchema>)
    t.throws(() => wrong({ packages: [{ body: 'text' }] }), /body is not bytes/)
    t.throws(() => wrong({ packages: [{ judged: 7 }] }), /judged is not a text/)
    t.throws(() => wrong({ packages: [{ judged: 'a\ud800' }] }), /lone surrogate/)
    t.throws(
      () => encodeMessage(ReadBodiesRequestSchema, { start: 1 as unknown as bigint }),
      /start is not a bigint/,
    )
  },
)
