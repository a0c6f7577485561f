/**
 * The log read by period and by what stands in it. The time of an entry is its writer's, and a clock that was mended may
 * have gone back: a period is found by bisection with a day to spare on both sides, and each entry is looked at. Every
 * walk is in pieces, and ends where its caller says; nothing is kept between them.
 */
import { Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import type { EntryRoute } from '../ledger/entry-route.ts'
import { entryKey } from '../store/keys.ts'
import { batchClasses } from '../topology/lane.ts'
import type { Context } from '../commit/context.ts'
import type { LoggedEntry } from '../batch/logged.ts'

/** Milliseconds by which the times of two entries may be out of order. */
const DISORDER_MS = 86_400_000

/** From `sinceMs` inclusive to `untilMs` exclusive, milliseconds since 1970 UTC. */
export interface Period {
  readonly sinceMs: number
  readonly untilMs: number
}

/** Indexes between which every entry of a period stands, by some 20 reads each. @throws HuxinError store_corrupt */
export async function indexesOf(
  context: Context,
  { sinceMs, untilMs }: Period,
): Promise<{ start: bigint; end: bigint }> {
  const { size } = context.log().signed
  const start = await firstFrom(context, sinceMs - DISORDER_MS, size)
  const end = await firstFrom(context, untilMs + DISORDER_MS, size)
  return { start, end: end < start ? start : end }
}

/** An index before which an entry is earlier than `ms`, and at which one is not. */
async function firstFrom(context: Context, ms: number, size: bigint): Promise<bigint> {
  let low = 0n
  for (let high = size; low < high;) {
    const middle = (low + high) / 2n
    if ((await timeAt(context, middle)) < ms) low = middle + 1n
    else high = middle
  }
  return low
}

async function timeAt(context: Context, index: bigint): Promise<number> {
  const bytes = context.recent.bytes(index) ?? (await context.store.get(entryKey(index)))
  if (!bytes) throw missing(index)
  return parseEntry(bytes).timeMs
}

function missing(index: bigint): HuxinError {
  return new HuxinError(
    'store_corrupt',
    text`entry ${index} is missing from the store; run huxin fsck`,
  )
}

/** What is looked for. Everything left out fits. */
export interface Sought extends Period {
  /** Node id or full name: batches that were born there or below it. */
  readonly origin: string | undefined
  readonly kinds: readonly string[]
  /** `accepted`, `refused`, or the code of a refusal. */
  readonly verdict: string | undefined
  /** `<item>` or `<item>@<edition>`. */
  readonly item: string | undefined
  readonly provider: string | undefined
}

/** How much one call may look at. */
export interface Reach {
  /** Below this index; undefined begins with the newest. */
  readonly before: bigint | undefined
  /** Entries found at most. */
  readonly size: number
  readonly turns: Turns
}

export interface Search {
  /** Newest first. */
  readonly found: readonly LoggedEntry[]
  /** Where to go on, below this index; undefined when nothing is left. */
  readonly next: bigint | undefined
}

/** Entries whose rows are read at once. */
const PIECE = 2_048n
/** Pieces that one call looks at. */
const PIECES_MAX = 8
/** Entries that are parsed at once. */
const PARSED_AT_ONCE = 64

/**
 * Entries of the log that fit, newest first. One call looks at some 16,000 entries, and may find none among them. Rows of
 * the class index say origin and verdict, so that an entry that cannot fit is not read.
 * @throws HuxinError store_corrupt | cancelled
 */
export async function searchLog(
  context: Context,
  sought: Sought,
  { before, size, turns }: Reach,
): Promise<Search> {
  const { start, end } = await indexesOf(context, sought)
  const found: LoggedEntry[] = []
  let high = before !== undefined && before < end ? before : end
  for (let pieces = 0; high > start; pieces++) {
    if (pieces === PIECES_MAX) return { found, next: high }
    const low = high - PIECE > start ? high - PIECE : start
    const indexes = await likely(context, sought, { start: low, end: high }, turns)
    for (let i = 0; i < indexes.length; i += PARSED_AT_ONCE) {
      for (const logged of await context.recent.readAll(indexes.slice(i, i + PARSED_AT_ONCE))) {
        if (!fits(sought, logged)) continue
        found.push(logged)
        if (found.length === size)
          return { found, next: logged.index > start ? logged.index : undefined }
      }
      if (turns.over) await turns.next()
    }
    high = low
  }
  return { found, next: undefined }
}

/** Indexes of a piece whose rows do not speak against them, newest first. */
async function likely(
  context: Context,
  { origin, verdict }: Sought,
  { start, end }: { start: bigint; end: bigint },
  turns: Turns,
): Promise<bigint[]> {
  const { federation } = context.ledger()
  const mayFit = ({ accepted, origin: born }: EntryRoute): boolean =>
    (verdict === undefined || accepted === (verdict === 'accepted')) &&
    (origin === undefined ||
      born === origin ||
      born.endsWith(`/${origin}`) ||
      federation.isWithin(born, origin))
  const indexes: bigint[] = []
  for (const batchClass of batchClasses) {
    const { rows } = await context.recent.readRoutes(batchClass, {
      start,
      end,
      limit: Number(end - start) + 1,
    })
    for (const { index, route } of rows) if (mayFit(route)) indexes.push(index)
    if (turns.over) await turns.next()
  }
  return indexes.sort((a, b) => (a < b ? 1 : -1))
}

function fits(
  { sinceMs, untilMs, kinds, verdict, item, provider }: Sought,
  { entry, batch: { header } }: LoggedEntry,
): boolean {
  if (entry.timeMs < sinceMs || entry.timeMs >= untilMs) return false
  if (kinds.length > 0 && !kinds.includes(header.kind)) return false
  if (provider !== undefined && header.provider !== provider) return false
  if (item !== undefined && header.item !== item && header.item?.startsWith(`${item}@`) !== true)
    return false
  return (
    verdict === undefined ||
    verdict === 'accepted' ||
    verdict === 'refused' ||
    (!entry.verdict.accepted && entry.verdict.code === verdict)
  )
}
