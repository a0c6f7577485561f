/** Receipts of higher tiers, kept in an order that children read. */
import { concat, fromBe64, be64, utf8 } from '../base/bytes.ts'
import { prefixRange, receiptKey, tables } from '../store/keys.ts'
import type { Op } from '../store/store.ts'
import { idOf } from '../ledger/ledger.ts'
import type { Context } from '../commit/context.ts'
import { decodeReceipt, encodeReceipt, type StoredReceipt } from './receipts.ts'

/** Receipts of one node of a higher tier. */
export interface ReceiptsOf {
  readonly node: string
  readonly receipts: readonly StoredReceipt[]
}

/**
 * Keeps receipts of higher tiers, in an order that children read, together with `more` rows. Not fsynced:
 * losing all of it costs asking again. One writing at a time: a position is seen only after all before it.
 * @throws HuxinError store_failed
 */
export function keepReceipts(
  context: Context,
  groups: readonly ReceiptsOf[],
  more: readonly Op[],
): Promise<void> {
  return context.oneAtATime.run('receipts', () => keepReceiptsNow(context, groups, more))
}

async function keepReceiptsNow(
  context: Context,
  groups: readonly ReceiptsOf[],
  more: readonly Op[],
): Promise<void> {
  const ops: Op[] = []
  let position = await nextReceiptPosition(context)
  for (const { node, receipts } of groups) {
    for (const receipt of receipts) {
      const key = receiptKey(receipt.batchId, node)
      if (await context.store.get(key)) continue
      ops.push({ key, value: encodeReceipt(receipt) })
      ops.push({
        key: concat(tables.receiptOrder, be64(position)),
        value: concat(receipt.batchId, utf8(node)),
      })
      position++
    }
  }
  try {
    await context.store.write([...ops, ...more])
  } catch (error) {
    // It may have happened: what comes next may not take the same positions.
    context.receiptOrder.next = undefined
    throw error
  }
  context.receiptOrder.next = position
}

/** Where the next receipt goes in the order. */
export async function nextReceiptPosition(context: Context): Promise<bigint> {
  const ahead = context.receiptOrder.next
  if (ahead !== undefined) return ahead
  const { gte, lt } = prefixRange(tables.receiptOrder)
  const [last] = await context.store.range({ gte, lt, limit: 1, reverse: true })
  context.receiptOrder.next ??= last ? fromBe64(last[0], 1) + 1n : 0n
  return context.receiptOrder.next
}

/** Receipts of higher tiers, after a position, for batches that came from a child's subtree. */
export async function receiptsFor(
  context: Context,
  child: string,
  after: bigint,
): Promise<{ receipts: StoredReceipt[]; next: bigint }> {
  // Asked with every look into the log, and mostly there is none.
  if (after >= (await nextReceiptPosition(context))) return { receipts: [], next: after }
  const { lt } = prefixRange(tables.receiptOrder)
  const rows = await context.store.range({
    gte: concat(tables.receiptOrder, be64(after)),
    lt,
    limit: 256,
  })
  const receipts: StoredReceipt[] = []
  let next = after
  for (const [key, value] of rows) {
    next = fromBe64(key, 1) + 1n
    const id = value.subarray(0, 32)
    const known = await context.ledger().known(id)
    if (!known) continue
    const logged = await context.recent.find(known.indexes[0]!)
    if (!logged) continue
    const { header } = logged.batch
    if (!context.ledger().federation.isWithin(header.origin, idOf(child))) continue
    const stored = await context.store.get(
      receiptKey(id, Buffer.from(value.subarray(32)).toString()),
    )
    if (stored) receipts.push(decodeReceipt(id, stored))
  }
  return { receipts, next }
}
