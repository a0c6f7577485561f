/**
 * Bodies in transit: a node that is neither origin nor target keeps a body only until every next hop
 * has given its receipt, plus a grace period; then the records are reduced to their leaf hashes, and
 * the bytes are compacted away. Header, entry, root and proofs stay as they were.
 */
import { eraseLeaves, parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { openHeader } from '../batch/seal.ts'
import { bodyKey, entryKey, indexAtEnd, prefixRange, receiptKey, tables } from '../store/keys.ts'
import type { Context } from './context.ts'
import { childReceipt } from './links.ts'

const SWEEP_ROWS = 1_024

/** When each body was first seen to have left for good; forgotten at a restart, which only delays. */
const leftAt = new WeakMap<Context, Map<bigint, number>>()

/**
 * Drops the transit bodies that every next hop has, `graceMs` after that was first seen.
 * @returns how many were dropped
 */
export async function sweepTransit(context: Context, graceMs: number): Promise<number> {
  const seen = leftAt.get(context) ?? new Map<bigint, number>()
  leftAt.set(context, seen)
  const rows = await context.store.range({ ...prefixRange(tables.transit), limit: SWEEP_ROWS })
  let dropped = 0
  let first: bigint | undefined
  let last: bigint | undefined
  for (const [key] of rows) {
    const index = indexAtEnd(key)
    if (!await arrivedEverywhere(context, index)) continue
    const since = seen.get(index) ?? context.clock.nowMs()
    seen.set(index, since)
    if (context.clock.nowMs() - since < graceMs) continue
    await context.writer.propose(0, async () => {
      const stored = await context.store.get(bodyKey(index))
      context.recent.forget(index)
      return {
        entries: [],
        ops: stored ? [{ key: bodyKey(index), value: eraseLeaves(parseBody(stored)) }, { key, value: undefined }] : [{ key, value: undefined }],
        remember: () => undefined,
      }
    })
    seen.delete(index)
    first ??= index
    last = index
    dropped++
  }
  if (first !== undefined && last !== undefined) await context.store.compact(bodyKey(first), bodyKey(last + 1n))
  return dropped
}

/** True when every next hop of the batch has confirmed it. */
async function arrivedEverywhere(context: Context, index: bigint): Promise<boolean> {
  const bytes = await context.store.get(entryKey(index))
  if (!bytes) return false
  const entry = parseEntry(bytes)
  const batch = openHeader(entry.header)
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
