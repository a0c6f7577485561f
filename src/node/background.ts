/** What a running node does by itself: sweeps transit bodies, proves its health, reviews recognitions, reads its log again. */
import { equalBytes } from '../base/bytes.ts'
import { sleep } from '../base/clock.ts'
import { isHuxinError, messageOf } from '../base/errors.ts'
import { alarmText } from '../alarm/alarms.ts'
import type { Approvals } from '../members/approvals.ts'
import type { Context } from '../commit/context.ts'
import type { Door } from '../exchange/door.ts'
import { KeptAlarms } from './kept-alarms.ts'
import { hashRequestIds } from '../publish/request-ids.ts'
import { Scrub } from '../fsck/scrub.ts'
import { hasConfirmations, reviewConfirmations } from '../recognition/recognize.ts'
import { removeFormerEpochs } from './former-epochs.ts'
import type { NodeLog } from './node-log.ts'
import type { Disk } from './ports.ts'
import { probeRow } from './own-rows.ts'

export interface BackgroundOptions {
  readonly context: Context
  readonly door: Door
  readonly approvals: Approvals
  readonly maySign: () => boolean
  /** Whether entries may be written now. */
  readonly mayAppend: () => boolean
  readonly clockIsRight: () => boolean
  /** Looks how much room the disk has. */
  readonly lookAtDisk: () => Promise<void>
  /** Says why nothing is signed, while nothing is. */
  readonly reviewGate: () => void
  /** Looks at those around this node. */
  readonly reviewNeighbours: () => Promise<void>
  readonly sweep: () => Promise<unknown>
  /** Milliseconds between two exchanges of lane heads. */
  readonly headsMs: number
  readonly exchangeHeads: () => Promise<void>
  /** Bytes of the log to read again in a day. */
  readonly scrubBytesPerDay: number
  readonly onHealth: (ready: boolean) => void
  /** The node's folder, and the epoch that it runs in. */
  readonly folder: string
  readonly disk: Disk
  readonly epoch: number
  readonly log: NodeLog
  /** True while what others hold of this node comes back. */
  readonly recovering: () => boolean
  readonly signal: AbortSignal
}

const SWEEP_MS = 2_000
const HEALTH_MS = 2_000
const UNHEALTHY_MS = 200
const SCRUB_MS = 10_000
const NEIGHBOURS_MS = 5_000
const ALARMS_MS = 2_000
const DAY_MS = 86_400_000
const REVIEW_MS_MAX = 3_600_000

/** Runs until the signal; each promise ends then. */
export function startBackground(options: BackgroundOptions): Promise<void>[] {
  return [
    sweepLoop(options),
    healthLoop(options),
    reviewLoop(options),
    headsLoop(options),
    scrubLoop(options),
    neighboursLoop(options),
    alarmsLoop(options),
    formerEpochs(options),
    hashOldRequestIds(options),
  ]
}

function formerEpochs(options: BackgroundOptions): Promise<void> {
  return removeFormerEpochs({ ...options, clock: options.context.clock })
}

/** Once: rows of earlier programs hold what callers chose. */
async function hashOldRequestIds({ context, log }: BackgroundOptions): Promise<void> {
  await hashRequestIds(context).then(
    (hashed) =>
      hashed > 0 && log.info({ requests: hashed }, 'request ids are stored as keyed hashes'),
    (error: unknown) =>
      log.warn(
        { reason: messageOf(error) },
        'request ids of an earlier program could not be hashed; the next start tries again',
      ),
  )
}

async function sweepLoop({ context, door, sweep, signal }: BackgroundOptions): Promise<void> {
  while (!signal.aborted) {
    await sleep(context.clock, SWEEP_MS, signal)
    if (signal.aborted) return
    await door
      .eraseDue()
      .then(sweep)
      .then(
        () => context.alarms.clear('sweep'),
        (error: unknown) => context.alarms.raise('sweep', '', alarmText(error)),
      )
    // While the database is opened again there is nothing to read.
    await door.review().catch(() => undefined)
  }
}

async function headsLoop({
  context,
  approvals,
  headsMs,
  exchangeHeads,
  signal,
}: BackgroundOptions): Promise<void> {
  while (!signal.aborted) {
    await sleep(context.clock, headsMs, signal)
    if (signal.aborted) return
    await approvals.sweep().catch(() => undefined)
    await exchangeHeads().then(
      () => context.alarms.clear('heads'),
      (error: unknown) => context.alarms.raise('heads', '', alarmText(error)),
    )
  }
}

async function neighboursLoop({
  context,
  reviewNeighbours,
  clockIsRight,
  signal,
}: BackgroundOptions): Promise<void> {
  while (!signal.aborted) {
    await sleep(context.clock, NEIGHBOURS_MS, signal)
    if (signal.aborted || !clockIsRight()) continue
    // While the database is opened again there is nothing to read.
    await reviewNeighbours().catch(() => undefined)
  }
}

/** Alarms that stand over a start, and places that did not read well. The last look is made while the node stops. */
async function alarmsLoop({ context, signal }: BackgroundOptions): Promise<void> {
  let kept: KeptAlarms | undefined
  for (let last = false; !last;) {
    last = signal.aborted
    // While the database is opened again there is nothing to read.
    try {
      kept ??= await KeptAlarms.open(context)
      await kept.review()
      await context.records.review()
    } catch {}
    await sleep(context.clock, ALARMS_MS, signal)
  }
}

/** A little often, so that nothing acknowledged waits for it. */
async function scrubLoop({ context, scrubBytesPerDay, signal }: BackgroundOptions): Promise<void> {
  // What was read beyond its share is waited for.
  let ahead = 0
  const scrub = new Scrub(context)
  while (!signal.aborted && scrubBytesPerDay > 0) {
    await sleep(context.clock, SCRUB_MS, signal)
    ahead -= (scrubBytesPerDay * SCRUB_MS) / DAY_MS
    if (signal.aborted || ahead >= 0) continue
    // While the database is opened again there is nothing to read.
    ahead += await scrub.run(-ahead, signal).catch(() => 0)
    ahead = Math.max(ahead, -scrubBytesPerDay / 24)
  }
}

/** Ready means: a real key was written and read, and a real note can be signed, within the last seconds. */
async function healthLoop({
  context,
  maySign,
  clockIsRight,
  lookAtDisk,
  reviewGate,
  onHealth,
  signal,
}: BackgroundOptions): Promise<void> {
  while (!signal.aborted) {
    await lookAtDisk()
    reviewGate()
    const ready = maySign() && clockIsRight() && (await probe(context))
    onHealth(ready)
    await sleep(context.clock, ready ? HEALTH_MS : UNHEALTHY_MS, signal)
  }
}

async function probe(context: Context): Promise<boolean> {
  const value = Buffer.from(String(context.clock.nowMs()))
  const key = probeRow.key()
  try {
    await context.store.write([{ key, value }])
    const read = await context.store.get(key)
    const signature = context.noteSigner.sign(value)
    return (
      read !== undefined &&
      equalBytes(read, value) &&
      context.log().verifier.verify(value, signature)
    )
  } catch (error) {
    // A database that failed once stays failed: a round of the writer opens it again.
    if (isHuxinError(error, 'store_failed'))
      await context.writer.save([{ key, value }]).catch(() => undefined)
    return false
  }
}

/** Withdraws confirmations whose source fell, soon after it falls. */
async function reviewLoop({ context, mayAppend, signal }: BackgroundOptions): Promise<void> {
  const topics = ['amendment', 'normal', 'bulk']
  const review = confirmationReview(context)
  while (!signal.aborted) {
    const counted = (): number =>
      topics.reduce((sum, topic) => sum + context.changes.count(topic), 0)
    // Before the review: what comes while it runs is reviewed next.
    const before = counted()
    const done = !mayAppend() || (await review())
    if (counted() === before)
      await context.changes.next(topics, done ? REVIEW_MS_MAX : SWEEP_MS, signal)
    await sleep(context.clock, 50, signal)
  }
}

/** A review of the confirmations; it returns false when it has to be tried again. */
function confirmationReview(context: Context): () => Promise<boolean> {
  /** How often recognitions had been announced, as they are when they are logged and when the store is read again, while there was no confirmation. */
  let noneAt: number | undefined
  return async () => {
    const announced = context.changes.count('recognition')
    if (announced === noneAt) return true
    try {
      const complete = context.indexer.isCaughtUp
      if (await hasConfirmations(context)) {
        await context.indexer.caughtUp()
        await reviewConfirmations(context)
      } else if (complete) noneAt = announced
      context.alarms.clear('recognition')
      return true
    } catch (error) {
      context.alarms.raise('recognition', '', alarmText(error))
      return false
    }
  }
}
