/**
 * Batches that come late: their key, membership or item has ended since they were first received. Taken
 * on proof that they were received in time, whoever carries them, and on nobody's word.
 */
import t, { type Test } from 'tap'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { civilDate } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { nextStatement } from '../../src/members/members.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import { witnessState } from '../../src/witness/cosigning.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import type { Signer } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { makeKeys } from '../../src/node/keys.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { formatStatement, type MemberStatement } from '../../src/topology/member.ts'
import { act, arrives, type Changed, FAR, forgedReceipt, fresh } from '../support/attacks.ts'
import { findings, type Forged } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM } from '../support/records.ts'
import { CITY, COUNTY, PROVINCE } from '../support/recovery.ts'
import { inEpoch, rotate } from '../support/rotation.ts'
import { packed, Rogue } from '../support/rogue.ts'

t.setTimeout(0)

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const RELAY = '330900'
const BELOW = '330902'

interface Scene {
  readonly federation: TestFederation
  readonly clock: MovableClock
  /** The county below the relay, in the hands of the test, with the key of its first epoch. */
  readonly below: Rogue
  /** A statement on that county by the relay. */
  say(changed: Partial<MemberStatement>, ...signers: Signer[]): Promise<void>
}

/** The seven, a city, a county below it, an edition that ended long ago and one that ends tomorrow. */
async function start(t: Test): Promise<Scene> {
  const clock = new MovableClock()
  const federation = await TestFederation.start(SEVEN, { store: 'disk', clock })
  t.teardown(() => federation.stop())
  const template = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!
  const items = [
    { ...template, edition: 'past', effectiveFrom: '2020-01-01', effectiveTo: '2020-12-31' },
    {
      ...template,
      edition: 'ending',
      effectiveFrom: '2020-01-01',
      effectiveTo: civilDate(clock.nowMs() + DAY_MS),
    },
  ]
  await publish(federation.node('330000').context, {
    kind: 'catalog',
    item: undefined,
    provider: BODY,
    targets: ['**'],
    batchClass: 'control',
    source: { kind: 'self' },
    records: items.map((value) =>
      encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'item', value }, act })),
    ),
  })
  await federation.add({ id: RELAY, tier: 'city', parent: '330000', divisions: [RELAY] })
  await federation.until(
    'the relay serves',
    () =>
      federation.node(RELAY).context.ledger().federation.member(RELAY) !== undefined &&
      federation.node(RELAY).state === 'serving',
  )
  await federation.init({ id: BELOW, tier: 'county', parent: RELAY, divisions: [BELOW] })
  await federation.until('members and catalog are known everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().catalog.item('zj/industry-evaluation@ending') &&
        context.ledger().federation.member(BELOW),
    ),
  )
  const below = await Rogue.at(federation, BELOW, RELAY)
  t.teardown(() => below.close())
  const say = async (changed: Partial<MemberStatement>, ...signers: Signer[]): Promise<void> => {
    const { context } = federation.node(RELAY)
    const next = nextStatement(context.ledger().federation.member(BELOW)!)
    await publish(context, {
      kind: 'member',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source: { kind: 'self' },
      records: [
        signNote(formatStatement({ ...next, ...act, ...changed }), [
          context.noteSigner,
          ...signers,
        ]),
      ],
    })
    await federation.until('every node knows', () =>
      [...federation.nodes.values()].every(
        ({ context: { ledger } }) => ledger().federation.member(BELOW)!.serial === next.serial,
      ),
    )
  }
  return { federation, clock, below, say }
}

/** Time passes, and the province sees what the relay's log holds then. */
async function passes({ federation, clock }: Scene, ms: number): Promise<void> {
  clock.pass(ms)
  const [relay, province] = [federation.node(RELAY).context, federation.node('330000').context]
  await publish(relay, {
    kind: 'x-seen',
    item: undefined,
    provider: BODY,
    targets: [RELAY],
    batchClass: 'normal',
    source: { kind: 'self' },
    records: [Buffer.of(1)],
  })
  await federation.until(
    'the province cosigned the relay',
    async () =>
      (await witnessState(province, relay.log().origin))?.size === relay.log().signed.size,
  )
}

/** Stops the relay and gives the test its place. */
async function takeOver(t: Test, { federation }: Scene): Promise<{ relay: Rogue; size: number }> {
  const { log } = federation.node(RELAY).context
  const size = Number(log().signed.size)
  await federation.node(RELAY).close()
  federation.nodes.delete(RELAY)
  const relay = await Rogue.at(federation, RELAY, '330000')
  t.teardown(() => relay.close())
  return { relay, size }
}

/** What an attack with a batch of the county that would not be taken today comes to. */
async function attack(
  t: Test,
  scene: Scene,
  make: (relay: Rogue) => Forged,
  { beforeMs, code }: { beforeMs: number; code: string },
): Promise<void> {
  const { federation } = scene
  const province = federation.node('330000').context
  const { relay, size } = await takeOver(t, scene)
  const origin = federation.name(BELOW)
  const judged = `${new Date(beforeMs).toISOString().slice(0, 19)}Z ${relay.name}`

  await t.test('on its word alone it is not taken, and not logged', async (t) => {
    const logged = province.log().size
    const answer = await relay.send({ ...packed(make(relay)), judged })
    t.equal(answer.code, 'receipt_wanted', answer.outcome.errorMessage)
    t.equal(province.log().size, logged)
  })
  const forgeries = [
    {
      title: 'a receipt of its own log in another tree than the province has seen',
      receipt: (forged: Forged) =>
        forgedReceipt(forged, relay.keys.note, { index: 0, timeMs: beforeMs, origin }),
    },
    {
      title: 'a receipt that the county gives itself',
      receipt: (forged: Forged) =>
        forgedReceipt(forged, scene.below.keys.note, { index: size + 9, timeMs: beforeMs, origin }),
    },
    {
      title: 'a receipt of a node that was not on the way',
      receipt: (forged: Forged) =>
        forgedReceipt(forged, federation.node('330782').context.noteSigner, {
          index: 0,
          timeMs: beforeMs,
          origin,
        }),
    },
    {
      title: 'a receipt of another batch',
      receipt: () =>
        forgedReceipt(make(relay), relay.keys.note, { index: size, timeMs: beforeMs, origin }),
    },
  ]
  for (const { title, receipt } of forgeries) {
    await t.test(`${title} counts for nothing`, async (t) => {
      const logged = province.log().size
      const forged = make(relay)
      const answer = await relay.send({ ...packed(forged), judged, receipt: receipt(forged) })
      t.equal(answer.code, 'proof_invalid', answer.outcome.errorMessage)
      t.equal(province.log().size, logged)
    })
  }
  await t.test(
    "dated back in the relay's own log, at a place that was empty when the province looked, it is refused everywhere",
    async (t) => {
      const forged = make(relay)
      const receipt = forgedReceipt(forged, relay.keys.note, {
        index: size,
        timeMs: beforeMs,
        origin,
      })
      const answer = await relay.send({ ...packed(forged), judged, receipt })
      t.equal(answer.code, code, answer.outcome.errorMessage)
      t.match(answer.refusal!.message, /was seen at .* without entry/)
      for (const id of ['330000', '330700', FAR]) {
        await arrives(federation, forged, id)
        t.match(
          (await findBatch(federation.node(id).context, forged.batch.id))!.entry.verdict,
          { accepted: false, code },
          id,
        )
      }
    },
  )
  t.same(await findings(federation), [])
}

t.test('the key of an ended epoch, in the hands of a relay', async (t) => {
  const scene = await start(t)
  const { federation, clock, below } = scene
  const beforeMs = clock.nowMs()
  await passes(scene, HOUR_MS)
  const next = await makeKeys(
    join(federation.folderOf(BELOW), 'keys', '2'),
    federation.name(BELOW),
    { random: systemRandom },
  )
  await scene.say(
    { epoch: 2, noteVkey: next.note.vkey, cosignVkey: next.cosign.vkey },
    below.keys.note,
  )
  await passes(scene, 2 * HOUR_MS)
  await t.test("nor does the county's own city take it", async (t) => {
    const city = federation.node(RELAY).context
    const logged = city.log().size
    const answer = await below.send(packed(fresh(below)))
    t.equal(answer.code, 'receipt_wanted', answer.outcome.errorMessage)
    t.equal(city.log().size, logged)
    t.equal(
      (await below.send(packed(fresh(below, { epoch: 2, signer: next.note })))).code,
      '',
      'with its new key it goes on',
    )
  })
  await passes(scene, 0)
  await attack(t, scene, (relay) => fresh(relay, { origin: below.name, signer: below.keys.note }), {
    beforeMs,
    code: 'member_not_in_force',
  })
})

t.test('a suspended county, in the hands of a relay', async (t) => {
  const scene = await start(t)
  const beforeMs = scene.clock.nowMs()
  await passes(scene, HOUR_MS)
  await scene.say({ status: 'suspended' })
  await passes(scene, 2 * HOUR_MS)
  await attack(
    t,
    scene,
    (relay) => fresh(relay, { origin: scene.below.name, signer: scene.below.keys.note }),
    { beforeMs, code: 'member_not_in_force' },
  )
})

t.test('an item that is in force no more, in the hands of a relay', async (t) => {
  const scene = await start(t)
  await passes(scene, HOUR_MS)
  await attack(
    t,
    scene,
    (relay) =>
      fresh(relay, {
        origin: scene.below.name,
        signer: scene.below.keys.note,
        item: 'zj/industry-evaluation@past',
      }),
    { beforeMs: Date.parse('2020-06-01'), code: 'item_not_in_force' },
  )
})

t.test(
  'what was received in time is taken everywhere, however late it goes up and down',
  async (t) => {
    const scene = await start(t)
    const { federation, clock, below } = scene
    const { port } = federation.node('330000')
    const { config } = federation.node('330000')
    await federation.node('330000').close()
    const inTime: Changed = { item: 'zj/industry-evaluation@ending' }
    const held = fresh(below, inTime, ['000000', FAR])
    t.equal((await below.send(packed(held))).code, '', 'the city takes it while its link is down')
    const { timeMs } = (await findBatch(federation.node(RELAY).context, held.batch.id))!.entry
    clock.pass(3 * DAY_MS)
    t.equal(
      (await below.send(packed(fresh(below, inTime)))).code,
      'item_not_in_force',
      'three days later it takes no more',
    )
    await federation.startNode('330000', {
      config: { ...config, listen: { host: '127.0.0.1', port } },
    })
    for (const id of ['330000', '000000', '330700', FAR]) {
      await arrives(federation, held, id)
      const { entry } = (await findBatch(federation.node(id).context, held.batch.id))!
      t.match(
        entry,
        { verdict: { accepted: true }, judged: { timeMs, node: federation.name(RELAY) } },
        id,
      )
      t.ok(entry.timeMs > timeMs + 2 * DAY_MS, 'and says itself how late it came')
    }
    // Who joins or comes back later still takes it from above.
    const county = await federation.restart(FAR)
    t.equal((await findBatch(county.context, held.batch.id))!.refused, false)
    const entry = await county.context
      .log()
      .entry((await findBatch(county.context, held.batch.id))!.index)
    t.match(parseEntry(entry!).verdict, { accepted: true })
    await federation.until('every alarm is over', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)

t.test(
  'who joins two tiers below a root that rotated takes what was logged before, though nothing of the nodes between is known yet',
  async (t) => {
    const clock = new MovableClock()
    const federation = await TestFederation.start(
      [
        { id: '000000', tier: 'nation', divisions: ['000000'] },
        { ...PROVINCE, parent: '000000' },
        CITY,
      ],
      { store: 'disk', clock },
    )
    t.teardown(() => federation.stop())
    const begun = (id: string): boolean =>
      federation.node(id).context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.keys()].every(begun),
    )
    await rotate(federation, '000000')
    await inEpoch(federation, '000000', 2)
    await federation.init(COUNTY)
    clock.pass(HOUR_MS)
    await federation.startNode(COUNTY.id)
    await federation.until('the county has the catalog', () => begun(COUNTY.id))
    await federation.until('every alarm is over', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)
