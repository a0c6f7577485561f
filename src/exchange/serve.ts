/**
 * What a parent gives its children: the spine of its log, and the entries they are entitled to with
 * bodies. Reads only, from positions that the child keeps: a child away for days costs nothing here,
 * and a slow one slows nobody.
 *
 * Entitled is a child to a batch when one of its targets lies in the child's subtree, or when it came
 * from there and was refused or is asked for again after a loss; from its admission on, except for
 * control batches, which everyone gets from the first.
 */
import type { BatchClass } from '../topology/lane.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { parseBody } from '../batch/body.ts'
import { formatJudged } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import { intersectsSubtree } from '../topology/target.ts'
import type { EntryRoute } from '../ledger/entry-route.ts'
import { idOf, type Ledger } from '../ledger/ledger.ts'
import type { Context } from '../commit/context.ts'
import { lapse } from '../witness/first-receipt.ts'
import { earliestReceipt, receiptFor, type StoredReceipt } from '../witness/receipts.ts'
import { type LoggedEntry, parseLogged } from '../batch/logged.ts'

/** An entry with what belongs to it. */
export interface Delivered {
  readonly index: bigint
  readonly entry: Uint8Array
  readonly body: Uint8Array
  readonly refusal: Uint8Array
  readonly incomplete: boolean
  /** Set when the batch would not be taken today, and for what a child takes back. */
  readonly receipt?: StoredReceipt
}

export interface ReadBodies {
  readonly batchClass: BatchClass
  readonly start: bigint
  readonly bytesMax: number
  readonly waitMs: number
  readonly includeOwn: boolean
  readonly signal: AbortSignal
  /** Counts bytes of the page against the child, before more of them are read. Throws overloaded. */
  hold(bytes: number): void
}

/** Entries looked at in one go, at first and at most. */
const SCAN_ROWS_MIN = 16
const SCAN_ROWS_MAX = 512
/** Milliseconds for which growth that the child does not wait for is gathered. */
const SPINE_SETTLE_MS = 200

function deliveredTopic(child: string): string {
  return `delivered ${child}`
}

/** A piece of the spine from `start`, waiting for growth when there is none. */
export async function readSpine(
  context: Context,
  child: string,
  {
    start,
    limit,
    waitMs,
    signal,
    receiptsAfter,
  }: {
    start: bigint
    limit: number
    waitMs: number
    signal: AbortSignal
    receiptsAfter: () => Promise<boolean>
  },
): Promise<{ leafHashes: Uint8Array; checkpoint: Uint8Array }> {
  const log = context.log()
  if (start < 0n || start > log.signed.size) {
    throw new HuxinError(
      'log_behind',
      text`the log of ${context.self} has ${log.signed.size} entries, ${start} were asked for: it may have been restored; see its status`,
    )
  }
  if (!(await receiptsAfter()) && start === context.log().signed.size) {
    const delivered = deliveredTopic(child)
    const before = context.changes.count(delivered)
    await context.changes.next(
      ['log', 'receipts', delivered],
      Math.min(waitMs, limits.pollWaitMsMax),
      signal,
    )
    // Only a delivery waits for the spine; what else has grown is told a little later, together.
    if (waitMs > 0 && context.changes.count(delivered) === before)
      await context.changes.next([delivered], SPINE_SETTLE_MS, signal)
  }
  const tree = context.log().signed
  const end = start + BigInt(Math.min(Math.max(limit, 1), limits.spineLeavesMax))
  const leafHashes = await context.log().leafHashes(start, end < tree.size ? end : tree.size)
  return { leafHashes, checkpoint: tree.note }
}

/** Entries of one class that `child` is entitled to, waiting for the first when there are none. */
export async function readBodies(
  context: Context,
  child: string,
  wanted: ReadBodies,
): Promise<{ deliveries: Delivered[]; next: bigint }> {
  const deadline = context.clock.monotonicMs() + Math.min(wanted.waitMs, limits.pollWaitMsMax)
  for (let start = wanted.start; ;) {
    const before = context.changes.count(wanted.batchClass)
    const found = await scan(context, child, { ...wanted, start })
    if (found.deliveries.length > 0) {
      context.changes.announce([deliveredTopic(child)])
      context.indexer.defer()
    }
    if (found.deliveries.length > 0 || wanted.signal.aborted) return found
    start = found.next
    const left = deadline - context.clock.monotonicMs()
    if (left <= 0) return found
    // Something may have come since the scan began.
    if (context.changes.count(wanted.batchClass) === before)
      await context.changes.next([wanted.batchClass], left, wanted.signal)
  }
}

async function scan(
  context: Context,
  child: string,
  wanted: ReadBodies,
): Promise<{ deliveries: Delivered[]; next: bigint }> {
  const { batchClass, start, bytesMax, includeOwn, signal } = wanted
  const end = context.log().signed.size
  const deliveries: Delivered[] = []
  let bytes = 0
  let next = start
  for (
    let limit = SCAN_ROWS_MIN;
    next < end && !signal.aborted;
    limit = Math.min(2 * limit, SCAN_ROWS_MAX)
  ) {
    const page = await context.recent.readRoutes(batchClass, { start: next, end, limit })
    for (const { index, route } of page.rows) {
      if (!entitled(context.ledger(), child, { route, batchClass, index, includeOwn })) {
        next = index + 1n
        continue
      }
      const delivered = await deliver(
        context,
        child,
        await context.recent.logged(index),
        includeOwn,
      )
      const size =
        delivered.entry.length +
        delivered.body.length +
        delivered.refusal.length +
        (delivered.receipt?.proof.length ?? 0)
      if (deliveries.length > 0 && bytes + size > Math.min(bytesMax, limits.readBytesMax))
        return { deliveries, next }
      // Where there is no room for the first of a page there is none for the call; what is gathered is an answer.
      if (!holds(wanted, size, deliveries.length === 0)) return { deliveries, next }
      deliveries.push(delivered)
      bytes += size
      next = index + 1n
    }
    next = page.next
  }
  return { deliveries, next }
}

function holds(wanted: ReadBodies, size: number, first: boolean): boolean {
  try {
    wanted.hold(size)
    return true
  } catch (error) {
    if (first) throw error
    return false
  }
}

async function deliver(
  context: Context,
  child: string,
  logged: LoggedEntry,
  includeOwn: boolean,
): Promise<Delivered> {
  const { index, entry, batch } = logged
  const stored = await context.recent.body(index)
  const none = new Uint8Array()
  const ledger = context.ledger()
  // Control comes in order: what it rests on is known by then, and the keys of this log may not be.
  const takenBack =
    includeOwn &&
    batch.header.batchClass !== 'control' &&
    ledger.federation.isWithin(batch.header.origin, child)
  const receipt = takenBack
    ? await receiptFor(context, batch.id, index)
    : lapse(ledger, batch.header, context.clock.nowMs())
      ? await earliestReceipt(context, logged)
      : undefined
  const shown = receipt ? { receipt } : {}
  return entry.verdict.accepted
    ? {
        index,
        entry: logged.bytes,
        body: stored,
        refusal: none,
        incomplete: isDropped(stored),
        ...shown,
      }
    : { index, entry: logged.bytes, body: none, refusal: stored, incomplete: false, ...shown }
}

/** Tag of a leaf hash where the first leaf begins. */
const HASH_TAG = 0x1a

/** True when no record is left in a body. */
export function isDropped(stored: Uint8Array): boolean {
  if (stored[2] !== HASH_TAG) return false
  const body = parseBody(stored)
  return body.erased === body.count
}

/** Whether a child may have an entry in full. One that is retired is due what was logged before that, and fetches nothing. */
export function entitled(
  ledger: Ledger,
  child: string,
  {
    route,
    batchClass,
    index,
    includeOwn,
  }: { route: EntryRoute; batchClass: BatchClass; index: bigint; includeOwn: boolean },
): boolean {
  const childId = idOf(child)
  const ownBranch = ledger.federation.isWithin(route.origin, childId)
  if (ownBranch && includeOwn) return true
  if (ownBranch && route.child === child) return false
  if (batchClass !== 'control' && index < (ledger.admissions.get(child) ?? 0n)) return false
  if (index >= (ledger.retirements.get(child)?.index ?? index + 1n)) return false
  if (ownBranch && !route.accepted) return true
  return route.targets.some((target) => intersectsSubtree(target, childId, ledger.federation))
}

/** A batch as it travels. */
export interface FoundPackage {
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly refusal: Uint8Array
  readonly judged: string
  readonly receipt?: StoredReceipt
}

/** A batch as it is handed to a child that asks for a place of a lane; undefined when it is not here, or not for this child. */
export async function packageFor(
  context: Context,
  child: string,
  index: bigint,
): Promise<FoundPackage | undefined> {
  const [entryBytes, stored] = await context.store.getMany([entryKey(index), bodyKey(index)])
  if (!entryBytes || !stored) return undefined
  const { entry, batch } = parseLogged(index, entryBytes)
  const { header } = batch
  if (!isFor(context, child, batch)) return undefined
  const none = new Uint8Array()
  const wanted =
    (entry.verdict.accepted && isDropped(stored)) ||
    lapse(context.ledger(), header, context.clock.nowMs())
  const receipt = wanted ? await earliestReceipt(context, { index, entry, batch }) : undefined
  const more = { judged: formatJudged(entry.judged), ...(receipt ? { receipt } : {}) }
  return entry.verdict.accepted
    ? { header: entry.header, body: stored, refusal: none, ...more }
    : { header: entry.header, body: none, refusal: stored, ...more }
}

/** Whether a target of a batch lies in the child's subtree. */
export function isEntitled(context: Context, child: string, note: Uint8Array): boolean {
  return isFor(context, child, parseHeaderNote(note))
}

function isFor(context: Context, child: string, { header }: SealedHeader): boolean {
  return header.lanes.some(({ target }) =>
    intersectsSubtree(target, idOf(child), context.ledger().federation),
  )
}
