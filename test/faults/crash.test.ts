/**
 * kill -9 of any node at any moment, under load. A county, its city and the province are processes of
 * their own; departments publish at each of them all the time and remember every acknowledgement; nodes
 * are killed while they serve and while they start. Which, when and for how long comes from a seed.
 *
 * `node dist/test/faults/crash.test.js --kills 50 --seed 7` (npm run test:long) is the long form.
 */
import t from 'tap'
import { fromBinary } from '@bufbuild/protobuf'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { equalBytes, hex } from '../../src/base/bytes.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { parseBody, recordAt } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import type { HuxinClient } from '../../src/client/record-client.ts'
import type { Context } from '../../src/commit/context.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { LogService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { RecordSchema } from '../../src/gen/huxin/v1/record_pb.ts'
import type { PublishResponse } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { bodyKey } from '../../src/store/keys.ts'
import { findings } from '../support/checks.ts'
import { BODY, type Place, type TestFederation } from '../support/federation.ts'
import { NodeProcesses, until } from '../support/processes.ts'
import { industryRecord, INDUSTRY_ITEM, many } from '../support/records.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const COUNTY: Place = { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] }
const CHAIN = [PROVINCE, CITY, COUNTY].map(({ id }) => id)

const kills = flag('--kills', 6)
const seed = flag('--seed', Math.floor(Math.random() * 1_000_000))
/** Acknowledgements between two kills, at least: it is load that is cut off. */
const ACKNOWLEDGED_BETWEEN = 8
const PACE_MS = 25

function flag(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

/** A batch that a node acknowledged. */
interface Acknowledged {
  readonly origin: string
  readonly target: string
  readonly recordIds: readonly string[]
  readonly answer: PublishResponse
}

/** Departments that publish, each waiting for the acknowledgement of one batch before the next. */
class Load {
  readonly acknowledged: Acknowledged[] = []
  readonly withdrawn: { id: Uint8Array; index: number }[] = []
  readonly faults: string[] = []
  #ended = false
  readonly #departments: Promise<void>[] = []

  begin(
    client: HuxinClient,
    { origin, target, name }: { origin: string; target: string; name: string },
  ): void {
    this.#departments.push(
      this.#publish(client, { origin, target, name }).catch((error: unknown) => {
        this.faults.push(`${name}: ${String(error)}`)
      }),
    )
  }

  async end(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#departments)
  }

  async #publish(
    client: HuxinClient,
    { origin, target, name }: { origin: string; target: string; name: string },
  ): Promise<void> {
    for (let i = 0; !this.#ended; i++) {
      const count = 1 + ((i * 7) % 20)
      const records = many(count, (k) => industryRecord(k, { prefix: `${name}-${i}` }))
      const answer = await client.publish({
        item: INDUSTRY_ITEM,
        provider: BODY,
        targets: [target],
        records,
        batchClass: i % 5 === 0 ? 'bulk' : 'normal',
      })
      if (answer.refusal) throw new Error(`refused: ${answer.refusal.message}`)
      this.acknowledged.push({
        origin,
        target,
        recordIds: records.map((_, k) => `${name}-${i}-${k}`),
        answer,
      })
      if (i % 10 === 9) await this.#withdraw(client, answer.batchId)
      await sleep(systemClock, PACE_MS)
    }
  }

  async #withdraw(client: HuxinClient, id: Uint8Array): Promise<void> {
    await client.amend({
      provider: BODY,
      changes: [
        {
          action: 'withdraw',
          batchId: id,
          index: 0,
          effectiveOn: '2026-01-05',
          basis: 'error/test',
          document: '-',
        },
      ],
    })
    this.withdrawn.push({ id, index: 0 })
  }
}

/** Reads each node's checkpoint all the time, in the order in which it shows them. */
class Watch {
  readonly seen = new Map<string, Uint8Array[]>(CHAIN.map((id) => [id, []]))
  readonly #stop = new AbortController()
  #watching: Promise<unknown> = Promise.resolve()

  async begin(processes: NodeProcesses): Promise<void> {
    const channels = await Promise.all(CHAIN.map((id) => processes.operator(id)))
    this.#watching = Promise.all(
      channels.map(async (channel, i) => {
        const log = channel.client(LogService)
        const notes = this.seen.get(CHAIN[i]!)!
        while (!this.#stop.signal.aborted) {
          const checkpoint = await log.getCheckpoint({}, { timeoutMs: 2_000 }).then(
            (answer) => answer.checkpoint,
            () => undefined,
          )
          if (checkpoint && !equalBytes(checkpoint, notes.at(-1) ?? new Uint8Array()))
            notes.push(checkpoint)
          await sleep(systemClock, 40)
        }
        channel.close()
      }),
    )
  }

  async end(): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }
}

/** Kills nodes one after the other, and starts each again after a while. @returns what was done, a line each */
async function rampage(
  processes: NodeProcesses,
  load: Load,
  random: SeededRandom,
): Promise<string[]> {
  const story: string[] = []
  for (let kill = 0; kill < kills; kill++) {
    const before = load.acknowledged.length
    await until(
      () =>
        `the departments get no answers after ${kill} kills\n${story.join('\n')}\n${load.faults.join('\n')}\n${CHAIN.map((id) => processes.said(id)).join('\n')}`,
      () => load.acknowledged.length >= before + ACKNOWLEDGED_BETWEEN || load.faults.length > 0,
      60_000,
    )
    if (load.faults.length > 0) break
    const id = random.pick(CHAIN)
    const [serving, down, starting] = [
      random.below(600),
      random.below(400),
      random.below(3) === 0 ? random.below(700) : -1,
    ]
    story.push(
      `${id} after ${serving} ms, down for ${down} ms${starting < 0 ? '' : `, and again ${starting} ms into its start`}`,
    )
    await sleep(systemClock, serving)
    await processes.kill(id)
    await sleep(systemClock, down)
    if (starting >= 0 && kill + 1 < kills) {
      kill++
      const beginning = processes.start(id)
      await sleep(systemClock, starting)
      await processes.kill(id)
      await beginning
    }
    await processes.start(id)
  }
  return story
}

/** How often each record stands accepted in a log where it is kept. */
async function recordCounts(context: Context): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let index = 0n; index < context.log().size; index++) {
    const entry = parseEntry((await context.log().entry(index))!)
    const { header } = parseHeaderNote(entry.header)
    if (
      header.kind !== 'evaluation' ||
      !entry.verdict.accepted ||
      !context.ledger().routes(header, entry.source).kept
    )
      continue
    const body = parseBody((await context.store.get(bodyKey(index)))!)
    for (let i = 0; i < body.count; i++) {
      const { recordId } = fromBinary(RecordSchema, recordAt(body, i)!)
      counts.set(recordId, (counts.get(recordId) ?? 0) + 1)
    }
  }
  return counts
}

/** What is wrong with the checkpoints of a log that were seen: each must extend those before it and be a tree of the log as it is now. */
async function chainFaults(
  { log, self }: Context,
  notes: readonly Uint8Array[],
): Promise<string[]> {
  const faults: string[] = []
  let before = 0n
  for (const note of notes) {
    const { size, root } = openCheckpoint(note, [log().verifier], log().origin)
    if (size < before) faults.push(`${self} showed ${size} entries after ${before}`)
    if (size > log().size) faults.push(`${self} showed ${size} entries and has ${log().size}`)
    else if (size > 0n && !equalBytes(await log().root(size), root))
      faults.push(`${self} showed another tree of ${size} entries`)
    before = size
  }
  return faults
}

/** What became of the acknowledged batches, against what was promised. */
async function acknowledgementFaults(
  federation: TestFederation,
  { acknowledged, withdrawn }: Load,
): Promise<string[]> {
  const faults: string[] = []
  const counts = new Map<string, Map<string, number>>()
  for (const id of CHAIN) counts.set(id, await recordCounts(federation.node(id).context))
  for (const { origin, target, recordIds, answer } of acknowledged) {
    for (const id of new Set([origin, ...(target === '**' ? CHAIN : [target])])) {
      for (const recordId of recordIds) {
        const count = counts.get(id)!.get(recordId) ?? 0
        if (count !== 1) faults.push(`record ${recordId} stands ${count} times at ${id}`)
      }
    }
    const { log } = federation.node(origin).context
    const at = await federation.node(origin).context.ledger().known(answer.batchId)
    const entry = at && (await log().entry(at.indexes[0]!))
    if (!entry) faults.push(`batch ${hex(answer.batchId)} is not in the log of ${origin}`)
    // Throws when the receipt that was given then does not hold.
    else
      verifyTlogProof({
        proofBytes: answer.receipt!.proof,
        leaf: entry,
        origin: log().origin,
        logVerifier: log().verifier,
      })
  }
  const known = new Set(acknowledged.flatMap(({ recordIds }) => recordIds))
  for (const [id, there] of counts)
    for (const recordId of there.keys())
      if (!known.has(recordId)) faults.push(`record ${recordId} at ${id} was never acknowledged`)
  for (const { id, index } of withdrawn) {
    for (const node of CHAIN) {
      const rows = await federation
        .node(node)
        .context.ledger()
        .amendmentsBy(id, () => true)
      if (rows.filter((row) => row.position === index).length !== 1)
        faults.push(`the withdrawal of ${hex(id)} stands ${rows.length} times at ${node}`)
    }
  }
  return faults
}

/** What has not come where it was sent, or has not got its receipts from above; '' when all is well. */
async function underWay(
  federation: TestFederation,
  { acknowledged, withdrawn }: Load,
): Promise<string> {
  for (const { origin, target, recordIds, answer } of acknowledged.toReversed()) {
    for (const id of target === '**' ? CHAIN : [target])
      if (!(await federation.node(id).context.ledger().known(answer.batchId)))
        return `${recordIds[0]} from ${origin} is not at ${id}`
    const above = CHAIN.slice(0, CHAIN.indexOf(origin)).filter(
      (id) => target === '**' || CHAIN.indexOf(id) >= CHAIN.indexOf(target),
    )
    const receipts = await receiptsOf(federation.node(origin).context, answer.batchId)
    if (receipts.length < above.length)
      return `${recordIds[0]} from ${origin} has receipts of ${receipts.map(({ node }) => node).join(', ') || 'nobody'}, due are ${above.join(', ')}`
  }
  for (const { id } of withdrawn) {
    for (const node of CHAIN)
      if (
        (
          await federation
            .node(node)
            .context.ledger()
            .amendmentsBy(id, () => true)
        ).length === 0
      )
        return `the withdrawal of ${hex(id)} is not at ${node}`
  }
  return ''
}

t.setTimeout(0)
t.test(
  `${kills} kills of any node at any moment lose nothing acknowledged, double nothing, and leave one log each`,
  async (t) => {
    t.setTimeout(0)
    t.comment(`seed ${seed}`)
    const random = new SeededRandom(String(seed))
    const processes = await NodeProcesses.setUp([PROVINCE, CITY, COUNTY])
    t.teardown(() => processes.tearDown())
    await Promise.all(CHAIN.map((id) => processes.start(id)))
    const load = new Load()
    const watch = new Watch()
    await watch.begin(processes)
    const ways = [
      ['330106', '330000'],
      ['330106', '**'],
      ['330000', '330106'],
      ['330100', '330000'],
      ['330100', '330106'],
    ] as const
    for (const [i, [origin, target]] of ways.entries())
      load.begin(await processes.client(origin), { origin, target, name: `w${i}` })
    const story = await rampage(processes, load, random)
    for (const line of story) t.comment(line)
    await load.end()
    t.same(load.faults, [], 'every department got its answers')
    await watch.end()
    for (const id of CHAIN) await processes.kill(id)

    const federation = await processes.adopt()
    let late = ''
    await until(
      () => `${late}\n${federation.alarms().join('\n')}`,
      async () => (late = await underWay(federation, load)) === '',
      60_000,
    )
    t.comment(
      `${load.acknowledged.length} batches, ${load.withdrawn.length} withdrawals, ${[...watch.seen.values()].flat().length} checkpoints seen`,
    )
    t.same(
      await acknowledgementFaults(federation, load),
      [],
      'nothing is lost and nothing is twice',
    )
    for (const id of CHAIN)
      t.same(
        await chainFaults(federation.node(id).context, watch.seen.get(id)!),
        [],
        `the checkpoints of ${id} form one chain`,
      )
    t.same(await findings(federation), [], 'fsck is clean everywhere')
    await federation.until('no alarm stands', () => federation.alarms().length === 0)
    t.same(
      [...federation.nodes.values()].map(({ state }) => state),
      ['serving', 'serving', 'serving'],
    )
  },
)
