import t from 'tap'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { amend } from '../../src/publish/amend.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { findSilences, reportHeads } from '../../src/publish/heads.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import {
  LaneHeadSchema,
  ReadBodiesResponseSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { reportedKey } from '../../src/store/keys.ts'
import type { ServiceBinding } from '../../src/wire/service.ts'
import { findings, forge, publishRecords } from '../support/checks.ts'
import { SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(90_000)

const COUNTY = 'zj.example/330782'
const LANE = 'zj.example/330106 1 330782 normal'

async function start(hidden: (item: string) => boolean): Promise<TestFederation> {
  // A city that leaves out of its answers what is hidden; nothing else of it is changed.
  const withhold = (services: readonly ServiceBinding[]): readonly ServiceBinding[] =>
    services.map((service) => ({
      ...service,
      methods: service.methods.map((method) => ({
        ...method,
        async call(request, context) {
          const answer = await method.call(request, context)
          if (method.name !== 'ReadBodies') return answer
          const response = fromBinary(ReadBodiesResponseSchema, answer)
          response.deliveries = response.deliveries.filter(({ entry }) => {
            const { header } = parseHeaderNote(parseEntry(entry).header)
            return header.origin !== 'zj.example/330106' || !hidden(header.kind)
          })
          return toBinary(ReadBodiesResponseSchema, response)
        },
      })),
    }))
  const federation = await TestFederation.start([], { catalog: false })
  for (const place of SEVEN)
    await federation.add(place, place.id === '330700' ? { wrapServices: withhold } : {})
  await federation.publishCatalog('000000')
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  await federation.until('every node may sign', () =>
    [...federation.nodes.values()].every(({ state }) => state === 'serving'),
  )
  return federation
}

/** What the province knows by the county's own word of a lane to it. */
async function told(federation: TestFederation, lane: string): Promise<bigint | undefined> {
  const value = await federation.node('330000').context.store.get(reportedKey(COUNTY, lane))
  return value && Buffer.from(value).readBigUInt64BE()
}

function send(federation: TestFederation, i: number): Promise<unknown> {
  return publishRecords(
    federation.node('330106').context,
    [industryRecord(i, { prefix: 'to' })],
    ['330782'],
  )
}

t.test(
  'a lane whose tail a city keeps silent is noticed by the province, and by nobody while all is well',
  async (t) => {
    let hiding = false
    const federation = await start(() => hiding)
    t.teardown(() => federation.stop())
    const province = federation.node('330000')
    await send(federation, 1)
    await federation.until(
      'it arrives',
      async () => (await findByRecordId(federation.node('330782').context, 'to-1')).length > 0,
    )
    const exchange = async (): Promise<void> => {
      await federation.node('330782').exchangeHeads(0)
      await province.exchangeHeads(0)
    }
    await federation.node('330782').exchangeHeads(0)
    await federation.until(
      "the county's word is at the province",
      async () => (await told(federation, LANE)) === 0n,
    )
    for (const id of ['330100', '330700', '330106', '330110', '330000'])
      await federation.node(id).exchangeHeads(0)
    await federation.until(
      'nobody lacks anything',
      async () => (await findSilences(province.context, 0)).length === 0,
    )
    t.equal(
      await reportHeads(federation.node('330782').context),
      0,
      'what did not change is not said again',
    )

    hiding = true
    await send(federation, 2)
    await federation.until(
      'it is at the city',
      () => federation.node('330700').context.ledger().lanes.get(LANE)?.number === 1n,
    )
    await exchange()
    t.equal((await findSilences(province.context, 60_000)).length, 0, 'it is given time')
    const [silence] = await findSilences(province.context, 0)
    t.equal(silence?.node, COUNTY)
    t.match(
      silence?.message,
      new RegExp(`^lane ${LANE} stands at 0 there; number 1 was logged here at `),
    )
    t.ok(province.alarms.has('silence', COUNTY))
    t.same(federation.node('330782').alarms.list(), [], 'the county itself cannot know')

    // The city is honest again, and the next batch shows the county the gap, which it closes.
    hiding = false
    await send(federation, 3)
    await federation.until(
      'it has both',
      async () =>
        (await findByRecordId(federation.node('330782').context, 'to-2')).length > 0 &&
        (await findByRecordId(federation.node('330782').context, 'to-3')).length > 0,
    )
    await federation.node('330782').exchangeHeads(0)
    await federation.until(
      'its word is at the province',
      async () => (await told(federation, LANE)) === 2n,
    )
    await province.exchangeHeads(0)
    t.notOk(province.alarms.has('silence', COUNTY), 'the alarm is over')
    await federation.until(
      'no alarm is left',
      () => federation.alarms().filter((line) => !line.includes('silence')).length === 0,
    )
    t.same(await findings(federation), [])

    const { context, uplink } = province
    await context.indexer.caughtUp()
    await uplink?.stop()
    const before = await derivedRows(context.store)
    await rebuildStore(context.store, province.genesis())
    t.equal(await derivedRows(context.store), before, 'what was told is a fold of the log')
  },
)

t.test('a withdrawal that a city keeps silent from the beginning is noticed too', async (t) => {
  const federation = await start((kind) => kind === 'amendment')
  t.teardown(() => federation.stop())
  const { context } = federation.node('330106')
  const { batch } = await publishRecords(
    context,
    [industryRecord(1, { prefix: 'wrong' })],
    ['330782'],
  )
  await federation.until(
    'the record arrives',
    async () => (await findByRecordId(federation.node('330782').context, 'wrong-1')).length > 0,
  )
  await federation.node('330782').exchangeHeads(0)
  await federation.until(
    "the county's word is at the province",
    async () => (await told(federation, LANE)) === 0n,
  )
  await amend(context, {
    provider: context.body,
    source: { kind: 'self' },
    changes: [
      {
        action: 'withdraw',
        batchId: batch!.id,
        position: 0,
        effectiveOn: '2026-01-05',
        basis: 'correction/source',
        document: '',
      },
    ],
  })
  const lane = 'zj.example/330106 1 ** amendment'
  await federation.until(
    'it is at the city',
    () => federation.node('330700').context.ledger().lanes.get(lane) !== undefined,
  )
  const found = await findSilences(federation.node('330000').context, 0)
  t.match(
    found.find(({ node }) => node === COUNTY)?.message,
    new RegExp(
      '^lane zj.example/330106 1 \\*\\* amendment stands at nothing there; number 0 was logged here',
    ),
  )
})

t.test('heads that name no lane are refused', async (t) => {
  const federation = await start(() => false)
  t.teardown(() => federation.stop())
  const { context } = federation.node('330106')
  const { batch, body } = forge(
    context,
    [
      toBinary(
        LaneHeadSchema,
        create(LaneHeadSchema, { lane: 'no lane', number: 1n, batchId: new Uint8Array(32) }),
      ),
    ],
    ['330100'],
    { kind: 'heads', item: undefined },
  )
  const city = federation.node('330100').context
  const accepted = await doorOf(city).accept({
    header: batch.note,
    body: body.bytes,
    source: { kind: 'child', node: context.self },
  })
  t.ok(accepted.refusal)
  t.same(await findings(federation), [])
})
