/**
 * Bodies in transit: a node that is neither origin nor target keeps a body only until every next hop
 * has given its receipt, plus a grace period; then the records are reduced to their leaf hashes, and
 * the bytes are compacted away, as are those of erased records. Header, entry, root and proofs stay as
 * they were.
 */
import { be32, equalBytes } from '../base/bytes.ts'
import { yieldTurn } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import { eraseLeaves, parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { openHeader } from '../batch/seal.ts'
import { checkedValue } from '../store/checked.ts'
import { bodyKey, entryKey, indexAtEnd, indexKey, prefixRange, receiptKey, tables, textKey } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import type { Context } from './context.ts'
import { childReceipt } from './links.ts'
import type { LoggedEntry } from './recent.ts'

const SWEEP_ROWS = 1_024
/** Entries looked at in one turn of the event loop. */
const SWEEP_TURN = 32

/** When each body was first seen to have left for good, by the clock that nobody sets; forgotten at a restart, which only delays. */
const leftAt = new WeakMap<Context, Map<bigint, number>>()

/**
 * The note that a body has bytes to be rewritten on disk. It goes into the commit that changes the body,
 * so that a crash before the rewriting does not leave them. It says how many records of the body are hashes by then,
 * so that one erased while an earlier one is rewritten is seen to be another.
 */
export function spoiledOp(index: bigint, erased: number): Op {
  const key = indexKey(spoiledPrefix, index)
  return { key, value: checkedValue(key, be32(erased)) }
}

const spoiledPrefix = textKey(tables.meta, 'spoiled/')
/** Bodies closer than this are rewritten in one go. */
const NEAR = 4_096n

/** Rewrites on disk what was erased or dropped since the last time. @returns how many bodies */
export async function compactSpoiled(context: Context): Promise<number> {
  const rows = await context.store.range({ ...prefixRange(spoiledPrefix), limit: SWEEP_ROWS })
  for (let from = 0; from < rows.length;) {
    let to = from + 1
    while (to < rows.length && indexAtEnd(rows[to]![0]) - indexAtEnd(rows[to - 1]![0]) < NEAR) to++
    const piece = rows.slice(from, to)
    await context.store.compact(bodyKey(indexAtEnd(piece[0]![0])), bodyKey(indexAtEnd(piece.at(-1)![0]) + 1n))
    await removeNotes(context, piece)
    from = to
  }
  return rows.length
}

/** In the writer's turn, and only those that stand as they were: the commit that renews one may be under way. */
async function removeNotes(context: Context, notes: readonly (readonly [Uint8Array, Uint8Array])[]): Promise<void> {
  try {
    await context.writer.propose(0, async (_, view) => {
      const now = await Promise.all(notes.map(([key]) => view.get(key)))
      const ops = notes.filter(([, value], i) => now[i] && equalBytes(now[i], value)).map(([key]): Op => ({ key, value: undefined }))
      return { entries: [], ops, remember: () => undefined }
    })
  } catch (error) {
    // A node that is broken erases nothing more.
    if (!isHuxinError(error) || error.retry !== 'stop') throw error
    await context.store.write(notes.map(([key]) => ({ key, value: undefined })))
  }
}

/**
 * Drops the transit bodies that every next hop has, `graceMs` after that was first seen.
 * @returns how many were dropped
 */
export async function sweepTransit(context: Context, graceMs: number): Promise<number> {
  const seen = leftAt.get(context) ?? new Map<bigint, number>()
  leftAt.set(context, seen)
  const rows = await context.store.range({ ...prefixRange(tables.transit), limit: SWEEP_ROWS })
  let dropped = 0
  for (const [i, [key]] of rows.entries()) {
    const index = indexAtEnd(key)
    const now = context.clock.nowMs()
    const since = seen.get(index)
    if (since !== undefined && now - since < graceMs) continue
    // Looking at a thousand entries takes a tenth of a second: others first.
    if (i % SWEEP_TURN === SWEEP_TURN - 1) await yieldTurn()
    if (!await arrivedEverywhere(context, index)) continue
    if (since === undefined) seen.set(index, now)
    if (now - (since ?? now) < graceMs) continue
    await context.writer.propose(0, async (_, view) => {
      const stored = await view.get(bodyKey(index))
      context.recent.forget(index)
      const body = stored && parseBody(stored)
      return {
        entries: [],
        ops: body ? [{ key: bodyKey(index), value: eraseLeaves(body) }, { key, value: undefined }, spoiledOp(index, body.count)] : [{ key, value: undefined }],
        remember: () => undefined,
      }
    })
    seen.delete(index)
    dropped++
  }
  return dropped
}

/** True when every next hop of the batch has confirmed it. */
async function arrivedEverywhere(context: Context, index: bigint): Promise<boolean> {
  const logged = context.recent.entry(index) ?? await readEntry(context, index)
  if (!logged) return false
  const { entry, batch } = logged
  const ledger = context.ledger()
  const { children, up } = ledger.routes(batch.header, entry.source)
  const parent = ledger.federation.member(context.self)?.parent
  if (up && (parent === undefined || !await context.store.get(receiptKey(batch.id, parent)))) return false
  for (const child of children) {
    const member = ledger.federation.member(child)
    if (member?.status === 'retired') continue
    const held = await childReceipt(context, child)
    if (!held || held.receipt.classes[batch.header.batchClass] <= index) return false
  }
  return true
}

async function readEntry(context: Context, index: bigint): Promise<Pick<LoggedEntry, 'entry' | 'batch'> | undefined> {
  const bytes = await context.store.get(entryKey(index))
  if (!bytes) return undefined
  const entry = parseEntry(bytes)
  return { entry, batch: openHeader(entry.header) }
}
