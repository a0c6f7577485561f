/**
 * Bodies in transit: a node that is neither origin nor target keeps a body only until every next hop
 * has given its receipt, plus a grace period; then the records are reduced to their leaf hashes, and
 * the bytes are compacted away, as are those of erased records. Header, entry, root and proofs stay as
 * they were.
 */
import { be32, concat, equalBytes } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { eraseLeaves, parseBody } from '../batch/body.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import {
  bodyKey,
  indexAtEnd,
  indexKey,
  prefixRange,
  PRESENT,
  receiptKey,
  tables,
} from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { defineRows, indexKeys } from '../store/rows.ts'
import type { RowView } from '../commit/row-view.ts'
import type { BatchClass } from '../topology/lane.ts'
import type { Context } from '../commit/context.ts'
import { childReceipt } from '../witness/delivery.ts'

/** Rows read in one piece, and entries looked at in one sweep: a tenth of a second. */
const SWEEP_ROWS = 1_024
/** Rows read in one sweep: those of a neighbour that is away, and of bodies whose time has not come, are passed over. */
const SWEEP_ROWS_MAX = 65_536
/** Entries looked at in one turn of the event loop. */
const SWEEP_TURN = 32
/** Bodies dropped by one write: as many are in memory. */
const DROP_TURN = 16
/** Bodies that are remembered as having left; what leaves beyond them has its time counted later. 40 MB at most. */
const LEFT_MAX = 1 << 20

/**
 * The note that a body has bytes to be rewritten on disk. It goes into the commit that changes the body,
 * so that a crash before the rewriting does not leave them. It says how many records of the body are hashes by then,
 * so that one erased while an earlier one is rewritten is seen to be another.
 */
export function spoiledOp(index: bigint, erased: number): Op {
  const key = indexKey(spoiledRows.prefix, index)
  return { key, value: checkedValue(key, be32(erased)) }
}

/** Log index → how many records of the body are hashes. */
export const spoiledRows = defineRows<RowView>({
  table: 'meta',
  name: 'spoiled',
  keys: indexKeys,
  check: async ({ key, value }, { store }) => {
    // Those of former versions say no number.
    if (
      (openChecked(key, value) === undefined && !equalBytes(value, PRESENT)) ||
      !(await store.get(bodyKey(indexAtEnd(key))))
    )
      throw new HuxinError('store_corrupt', text`it names no body`)
  },
})
/** Bodies closer than this are rewritten in one go. */
const NEAR = 4_096n

/** Rewrites on disk what was erased or dropped since the last time. @returns how many bodies */
export async function compactSpoiled(context: Context): Promise<number> {
  const rows = await context.store.range({ ...spoiledRows.range, limit: SWEEP_ROWS })
  for (let from = 0; from < rows.length;) {
    let to = from + 1
    while (to < rows.length && indexAtEnd(rows[to]![0]) - indexAtEnd(rows[to - 1]![0]) < NEAR) to++
    const piece = rows.slice(from, to)
    await context.store.destroyDeleted({
      gte: bodyKey(indexAtEnd(piece[0]![0])),
      lt: bodyKey(indexAtEnd(piece.at(-1)![0]) + 1n),
    })
    await removeNotes(context, piece)
    from = to
  }
  return rows.length
}

/** In the writer's turn, and only those that stand as they were: the commit that renews one may be under way. */
async function removeNotes(
  context: Context,
  notes: readonly (readonly [Uint8Array, Uint8Array])[],
): Promise<void> {
  try {
    await context.writer.propose(0, async (_, view) => {
      const now = await Promise.all(notes.map(([key]) => view.get(key)))
      const ops = notes
        .filter(([, value], i) => now[i] && equalBytes(now[i], value))
        .map(([key]): Op => ({ key, value: undefined }))
      return { entries: [], ops, remember: () => undefined }
    })
  } catch (error) {
    // A node that is broken erases nothing more.
    if (!isHuxinError(error) || error.retry !== 'stop') throw error
    await context.store.write(notes.map(([key]) => ({ key, value: undefined })))
  }
}

/**
 * Drops transit bodies, piece by piece: each sweep goes on where the one before ended, and begins anew at the end, so that
 * those that wait for a neighbour that is away are in nobody's way. Keeps in memory when each was first seen to have left
 * for good; forgotten at a restart, which only delays.
 */
export class TransitSweep {
  readonly #context: Context
  /** Log index → milliseconds of the clock. */
  readonly #left = new Map<number, number>()
  /** Log index → what was wanted when it was looked at last: while it still is, the entry is not parsed again. */
  readonly #wanted = new Map<number, Wanted>()
  /** Key after the last one looked at. */
  #from: Uint8Array | undefined
  readonly #keepMs: number

  /** `keepMs` is for how long a body waits for a child that does not fetch it. */
  constructor(context: Context, keepMs: number) {
    this.#context = context
    this.#keepMs = keepMs
  }

  /**
   * Goes on through the bodies in transit and drops those that every next hop has, `graceMs` after that was first seen,
   * and those that a child has not fetched in time: it is suspended or gone, and the origin still has them.
   * Not concurrently.
   * @returns how many were dropped
   */
  async sweep(graceMs: number): Promise<number> {
    const confirmed = new Confirmed(this.#context)
    const { gte, lt } = prefixRange(tables.transit)
    let dropped = 0
    let looked = 0
    for (let read = 0; looked < SWEEP_ROWS && read < SWEEP_ROWS_MAX;) {
      const rows = await this.#context.store.range({
        gte: this.#from ?? gte,
        lt,
        limit: SWEEP_ROWS,
      })
      const due: bigint[] = []
      for (const [key] of rows) {
        const index = indexAtEnd(key)
        if (!this.#mayBeDue(index, graceMs) || (await this.#stillWaits(index, confirmed))) continue
        // Looking at a thousand entries takes a tenth of a second: others first.
        if (++looked % SWEEP_TURN === 0) await this.#context.clock.turn()
        const wanted = await confirmed.wanted(index)
        if (wanted === undefined ? this.#isDue(index, graceMs) : this.#isLate(wanted))
          due.push(index)
        else if (wanted?.child !== undefined && this.#wanted.size < LEFT_MAX)
          this.#wanted.set(Number(index), wanted)
      }
      dropped += await this.#drop(due)
      read += rows.length
      this.#from = rows.length < SWEEP_ROWS ? undefined : concat(rows.at(-1)![0], Uint8Array.of(0))
      if (!this.#from) break
      await this.#context.clock.turn()
    }
    return dropped
  }

  #mayBeDue(index: bigint, graceMs: number): boolean {
    const since = this.#left.get(Number(index))
    return since === undefined || this.#context.clock.nowMs() - since >= graceMs
  }

  async #stillWaits(index: bigint, confirmed: Confirmed): Promise<boolean> {
    const wanted = this.#wanted.get(Number(index))
    if (!wanted || this.#isLate(wanted)) return false
    if (await confirmed.lacks(index, wanted)) return true
    this.#wanted.delete(Number(index))
    return false
  }

  /** A child has had its time. What goes up waits for ever: below, only this node can give it. */
  #isLate({ child, sinceMs }: Wanted): boolean {
    if (child === undefined || this.#context.clock.nowMs() - sinceMs < this.#keepMs) return false
    this.#context.alarms.raise(
      'transit',
      child,
      text`bodies in transit to ${child} were dropped, because it did not fetch them within ${Math.round(this.#keepMs / DAY_MS)} days (transitDaysMax): when it comes back it says which are incomplete, and their origins publish them again`,
    )
    return true
  }

  /** It has left for good. */
  #isDue(index: bigint, graceMs: number): boolean {
    if (graceMs <= 0) return true
    const at = Number(index)
    const since = this.#left.get(at)
    if (since === undefined && this.#left.size < LEFT_MAX)
      this.#left.set(at, this.#context.clock.nowMs())
    return since !== undefined && this.#context.clock.nowMs() - since >= graceMs
  }

  async #drop(indexes: readonly bigint[]): Promise<number> {
    for (let from = 0; from < indexes.length; from += DROP_TURN) {
      const some = indexes.slice(from, from + DROP_TURN)
      // Those of one round of the writer have one trip to the disk.
      await Promise.all(some.map((index) => dropBody(this.#context, index)))
      for (const index of some) {
        this.#left.delete(Number(index))
        this.#wanted.delete(Number(index))
      }
    }
    return indexes.length
  }
}

async function dropBody(context: Context, index: bigint): Promise<void> {
  const key = indexKey(tables.transit, index)
  await context.writer.propose(0, async (_, view) => {
    const stored = await view.get(bodyKey(index))
    context.recent.forget(index)
    const body = stored && parseBody(stored)
    return {
      entries: [],
      ops: body
        ? [
            { key: bodyKey(index), value: eraseLeaves(body) },
            { key, value: undefined },
            spoiledOp(index, body.count),
          ]
        : [{ key, value: undefined }],
      remember: () => undefined,
    }
  })
}

/** Whose receipt is wanting, for which class; without a child it is the parent's, or the entry itself cannot be read. */
interface Wanted {
  readonly child: string | undefined
  readonly batchClass: BatchClass
  /** Since when it waits, milliseconds since 1970; of those that share one object the day is the same. */
  readonly sinceMs: number
}

const NOTHING: Wanted = { child: undefined, batchClass: 'normal', sinceMs: 0 }
const DAY_MS = 86_400_000

/** What the next hops have confirmed, as it stands during one sweep. */
class Confirmed {
  readonly #context: Context
  readonly #receipts = new Map<string, ReturnType<typeof childReceipt>>()
  readonly #interned = new Map<string, Wanted>()

  constructor(context: Context) {
    this.#context = context
  }

  /** The first receipt for a batch that is wanting still; undefined when every next hop has confirmed it. */
  async wanted(index: bigint): Promise<Wanted | undefined> {
    const context = this.#context
    const logged = context.recent.entry(index) ?? (await context.recent.find(index))
    if (!logged) return NOTHING
    const { entry, batch } = logged
    const { batchClass } = batch.header
    const ledger = context.ledger()
    const { children, up } = ledger.routes(batch.header, entry.source)
    const parent = ledger.federation.member(context.self)?.parent
    if (up && (parent === undefined || !(await context.store.get(receiptKey(batch.id, parent)))))
      return NOTHING
    for (const child of children) {
      const wanted = this.#wantedOf(child, batchClass, entry.timeMs)
      if (await this.lacks(index, wanted)) return wanted
    }
    return undefined
  }

  /** Whether the child has not confirmed what stands at `index` of its class, and will still be asked to. */
  async lacks(index: bigint, { child, batchClass }: Wanted): Promise<boolean> {
    if (
      child === undefined ||
      this.#context.ledger().federation.member(child)?.status === 'retired'
    )
      return false
    const held = await this.#receiptOf(child)
    return !held || held.receipt.classes[batchClass] <= index
  }

  /** One object for all batches of a class that a child is to have. */
  #wantedOf(child: string, batchClass: BatchClass, timeMs: number): Wanted {
    const day = Math.floor(timeMs / DAY_MS)
    const key = `${child} ${batchClass} ${day}`
    const one = this.#interned.get(key) ?? { child, batchClass, sinceMs: day * DAY_MS }
    this.#interned.set(key, one)
    return one
  }

  #receiptOf(child: string): ReturnType<typeof childReceipt> {
    const known = this.#receipts.get(child) ?? childReceipt(this.#context, child)
    this.#receipts.set(child, known)
    return known
  }
}
