/**
 * The fault table: every write of a node, failed in every way, then a restart, or no restart. The writes are
 * counted in a run without a fault (`support/write-points.ts`), over one of everything that a node does
 * (`support/busy-city.ts`). After each: what was acknowledged is there once, whoever sends again gets the
 * first receipt, everything that was ever signed is one chain, and fsck is clean.
 */
import t, { type Test } from 'tap'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { equalBytes, hex } from '../../src/base/bytes.ts'
import { isHuxinError } from '../../src/base/errors.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { tables, textKey } from '../../src/store/keys.ts'
import { publishRecords } from '../support/checks.ts'
import { type Acknowledged, BusyCity, type City, type Step } from '../support/busy-city.ts'
import { industryRecord } from '../support/records.ts'
import {
  type Failing,
  type Fault,
  type Point,
  pointName,
  WritePoints,
} from '../support/write-points.ts'

/** Written by the clock, and again all the time: nothing rests on it. A write of alarms that fails is met in node/alarms-start. */
const BY_THE_CLOCK = /^write meta (probe|quota|alarm)( |$)/
/** Of a file's write, how much was done; one after the other. */
const TORN: readonly number[] = [0.02, 0.5, 0.99]
/** `--all`: every write in every way, each time that it is made. */
const ALL = process.argv.includes('--all')
/** Rows at once: most of a row is waiting for the disk. */
const AT_ONCE = 3
/** Tries of somebody who sends again, and milliseconds between two. */
const TRIES = 200
const TRY_MS = 10

t.setTimeout(0)

const howName = (how: Failing): string => (typeof how === 'string' ? how : `torn at ${how.torn}`)

/** Runs the steps until one fails. @returns how many were done */
async function runSteps(city: City, steps: readonly Step[], from = 0): Promise<number> {
  for (let i = from; i < steps.length; i++) {
    try {
      await steps[i]!.run(city)
    } catch (error) {
      if (!isHuxinError(error)) throw error
      return i
    }
  }
  return steps.length
}

/** As somebody who sends again until he is answered. */
async function goOn(city: City, steps: readonly Step[], from: number): Promise<string> {
  let at = from
  for (let attempt = 0; attempt < TRIES; attempt++) {
    at = await runSteps(city, steps, at)
    if (at === steps.length) return ''
    await sleep(systemClock, TRY_MS)
    // What the node does by itself every two seconds when it notices that nothing is written.
    await city.node.context.writer
      .save([{ key: textKey(tables.meta, 'probe'), value: Buffer.of(48) }])
      .catch(() => undefined)
  }
  return `${steps[at]!.name} is never done: ${await steps[at]!.run(city).then(() => '', String)}`
}

/** What is wrong with a city that did everything. */
async function faultsOf(
  city: City,
  acknowledged: readonly Acknowledged[],
  { signed, recordIds }: { signed: readonly Uint8Array[]; recordIds: readonly string[] },
): Promise<string[]> {
  const {
    node: { context },
  } = city
  const log = context.log()
  const faults: string[] = []
  await context.indexer.caughtUp()
  faults.push(...(await checkStore(context.store, log, city.node.genesis())).findings)
  for (const id of recordIds) {
    const { length } = await findByRecordId(context, id)
    if (length !== 1) faults.push(`record ${id} stands ${length} times`)
  }
  const first = new Map<string, Acknowledged>()
  for (const answer of acknowledged) {
    const { what, id, index, receipt } = answer
    const before = first.get(what) ?? answer
    first.set(what, before)
    if (!equalBytes(before.id, id) || before.index !== index)
      faults.push(
        `${what}: answered with batch ${hex(before.id)} at ${before.index}, then with ${hex(id)} at ${index}`,
      )
    const leaf = await log.entry(index)
    if (!leaf || !equalBytes(leaf.subarray(0, receipt.entryPrefix.length), receipt.entryPrefix))
      faults.push(`${what}: the log has another entry at ${index} than was acknowledged`)
    else
      verifyTlogProof({
        proofBytes: receipt.proof,
        leaf,
        origin: log.origin,
        logVerifier: log.verifier,
      })
  }
  for (const note of [...signed, log.signed.note]) {
    const { size, root } = openCheckpoint(note, [log.verifier], log.origin)
    if (size > log.signed.size)
      faults.push(`a tree of ${size} entries was signed, the log has ${log.signed.size}`)
    else if (size > 0n && !equalBytes(await log.root(size), root))
      faults.push(`another tree of ${size} entries was signed`)
  }
  if (log.signed.size !== log.size)
    faults.push(`${log.size} entries, ${log.signed.size} of them signed`)
  if (city.node.alarms.has('store') || city.node.state === 'broken')
    faults.push(`the node is ${city.node.state}: ${city.node.alarms.list().join('; ')}`)
  return faults
}

/** What is published when all is done. */
const AFTER: Step = {
  name: 'a department publishes afterwards',
  run: async ({ node }) =>
    void (await publishRecords(node.context, [industryRecord(1, { prefix: 'after' })], ['330000'], {
      requestId: 'after',
    })),
}

/** One row of the table. @returns what is wrong */
async function row(
  busy: BusyCity,
  fault: Fault,
  steps: readonly Step[],
  baseline?: string,
): Promise<string[]> {
  const folder = await busy.copy(baseline)
  const points = new WritePoints(fault, BY_THE_CLOCK)
  let city: City | undefined
  const acknowledged: Acknowledged[] = []
  let at = 0
  try {
    city = await busy.start(folder, points).catch((error: unknown) => {
      if (isHuxinError(error, 'store_failed')) return undefined
      throw error
    })
    if (city) at = await runSteps(city, steps)
    if (points.hit === '') return ['the write was not met again']
    const before = city?.node.context.log().signed.size ?? 0n
    acknowledged.push(...(city?.acknowledged ?? []))
    if (fault.fatal || !city) {
      await city?.node.close()
      const { own } = city ?? {}
      city = await busy.start(folder)
      city.own = own
    }
    const shrunk =
      city.node.context.log().signed.size < before
        ? [`${city.node.context.log().signed.size} entries are signed after ${before}`]
        : []
    // Not the first that was never answered alone: whatever was answered before may be asked again too.
    const never = await goOn(city, [...steps, AFTER], Math.min(at, Math.max(steps.length - 1, 0)))
    if (never !== '') return [...shrunk, never]
    for (const step of steps.slice(0, at)) await step.run(city)
    return [
      ...shrunk,
      ...(await faultsOf(city, [...acknowledged, ...city.acknowledged], {
        signed: points.signed,
        recordIds: [...(steps.length > 0 ? busy.recordIds : []), 'after-1'],
      })),
    ]
  } finally {
    await city?.node.close()
    await busy.discard(folder)
  }
}

/** The ways in which a write can fail: all of them the first time that such a write is made, then one after the other. */
function waysOf({ nth, file }: Point, fatal: boolean): Failing[] {
  const ways: Failing[] = ['lost', 'kept', ...(file ? [{ torn: TORN[nth % TORN.length]! }] : [])]
  return nth === 0 || ALL ? ways : [ways[(nth + (fatal ? 0 : 1)) % ways.length]!]
}

/** Fails every point, in every way. */
async function table(
  t: Test,
  busy: BusyCity,
  points: readonly Point[],
  { fatal, steps, baseline }: { fatal: boolean; steps: readonly Step[]; baseline?: string },
): Promise<void> {
  const rows = points.flatMap((point) =>
    waysOf(point, fatal).map((how): Fault => ({ point, how, fatal })),
  )
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let fault = rows.shift(); fault; fault = rows.shift())
        t.same(
          await row(busy, fault, steps, baseline).catch((error: unknown) => [String(error)]),
          [],
          `${pointName(fault.point)}: ${howName(fault.how)}`,
        )
    }),
  )
}

t.test('every write of a node', async (t) => {
  const busy = await BusyCity.prepare()
  t.teardown(() => busy.stop())
  const counted = new WritePoints(undefined, BY_THE_CLOCK)
  const folder = await busy.copy()
  const city = await busy.start(folder, counted)
  for (const step of busy.steps) await step.run(city)
  t.same(
    await faultsOf(city, city.acknowledged, { signed: counted.signed, recordIds: busy.recordIds }),
    [],
    'without a fault',
  )
  await city.node.close()
  await busy.discard(folder)
  const { points } = counted
  t.comment(points.map(pointName).join('\n'))
  await t.test('the machine stops there and starts again', (t) =>
    table(t, busy, points, { fatal: true, steps: busy.steps }),
  )
  await t.test('the write alone fails, and the node goes on', (t) =>
    table(t, busy, points, { fatal: false, steps: busy.steps }),
  )
})
