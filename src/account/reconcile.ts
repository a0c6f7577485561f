/** Reconciliation: what is owed to each neighbour, and what it confirmed with its signature. */
import { type BatchClass, batchClasses } from '../topology/lane.ts'
import { laneIndexKey } from '../store/keys.ts'
import { fromBe64 } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { EntryRoute } from '../ledger/entry-route.ts'
import { parseVkey } from '../note/key.ts'
import { parseLaneKey } from '../topology/lane.ts'
import { parseReceiptNote, type ReceiptNote } from '../topology/receipt.ts'
import { childReceipt } from '../witness/delivery.ts'
import type { Context } from '../commit/context.ts'
import { entitled } from '../exchange/serve.ts'

export interface ReconcileRow {
  readonly node: string
  /** Batches of records that are due to it. */
  readonly due: number
  readonly received: number
  readonly returned: number
  readonly inTransit: number
  readonly dueRecords: number
  readonly receivedRecords: number
}

const SCAN_ROWS = 1_000
const WAITING_MAX = 10_000

/** One row for each child of this node. */
export async function reconcile(context: Context): Promise<ReconcileRow[]> {
  const children = context.ledger().federation.children(context.self)
  const rows: ReconcileRow[] = []
  for (const child of children) rows.push(await reconcileChild(context, child.name))
  return rows
}

async function reconcileChild(context: Context, child: string): Promise<ReconcileRow> {
  const held = await childReceipt(context, child)
  let due = 0
  let received = 0
  let returned = 0
  let dueRecords = 0
  let receivedRecords = 0
  for (const batchClass of batchClasses) {
    if (batchClass === 'control') continue
    for await (const { index, route } of classRoutes(context, batchClass, 0n)) {
      if (!route.accepted && context.ledger().federation.isWithin(route.origin, child)) returned++
      if (
        !route.accepted ||
        !entitled(context.ledger(), child, { route, batchClass, index, includeOwn: false })
      )
        continue
      due++
      dueRecords += route.records
      if (!held || held.receipt.classes[batchClass] <= index) continue
      received++
      receivedRecords += route.records
    }
  }
  return {
    node: child,
    due,
    received,
    returned,
    inTransit: due - received,
    dueRecords,
    receivedRecords,
  }
}

/** Who may have the entries of one class from `start` to the end of the log, read a piece at a time. */
async function* classRoutes(
  context: Context,
  batchClass: BatchClass,
  start: bigint,
): AsyncGenerator<{ index: bigint; route: EntryRoute }> {
  for (let from = start, end = context.log().size; from < end;) {
    const { rows, next } = await context.recent.readRoutes(batchClass, {
      start: from,
      end,
      limit: SCAN_ROWS,
    })
    yield* rows
    from = next
  }
}

/**
 * Entries that are due to a child and that it has not signed for, by class. Counted from the log each
 * time, because nothing is kept for a child; of each class, at most 10,000 entries are looked at. `held`: its newest receipt.
 */
export async function waitingFor(
  context: Context,
  child: string,
  held: { readonly receipt: ReceiptNote } | undefined,
): Promise<Record<BatchClass, number>> {
  const waiting = { control: 0, amendment: 0, normal: 0, bulk: 0 }
  for (const batchClass of batchClasses) {
    let seen = 0
    for await (const { index, route } of classRoutes(
      context,
      batchClass,
      held?.receipt.classes[batchClass] ?? 0n,
    )) {
      if (entitled(context.ledger(), child, { route, batchClass, index, includeOwn: false }))
        waiting[batchClass]++
      if (++seen >= WAITING_MAX) break
    }
  }
  return waiting
}

/** Batches of records that are due to a child and that it has not signed for. Costs as much as `waitingFor`. */
export async function recordsWaitingFor(context: Context, child: string): Promise<number> {
  const { normal, bulk } = await waitingFor(context, child, await childReceipt(context, child))
  return normal + bulk
}

/** What this node knows of one batch of a lane. */
export interface LaneTrace {
  readonly node: string
  readonly held: boolean
  readonly index: bigint
  /** Receipt notes of the next hops that confirmed it. */
  readonly receiptNotes: readonly Uint8Array[]
  readonly batchId: Uint8Array | undefined
}

/** Looks a batch up by lane and number. @throws HuxinError argument_invalid */
export async function traceLane(
  context: Context,
  lane: string,
  number: bigint,
): Promise<LaneTrace> {
  const parsed = parseLaneKey(lane)
  if (!parsed)
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(lane)} is not a lane: "<origin> <epoch> <target> <class>" is wanted`,
    )
  const at = await context.store.get(laneIndexKey(lane, number))
  if (!at)
    return { node: context.self, held: false, index: -1n, receiptNotes: [], batchId: undefined }
  const index = fromBe64(at)
  const logged = await context.recent.find(index)
  const receiptNotes: Uint8Array[] = []
  if (logged) {
    const { entry, batch } = logged
    for (const child of context.ledger().routes(batch.header, entry.source).children) {
      const held = await childReceipt(context, child)
      if (held && held.receipt.classes[batch.header.batchClass] > index)
        receiptNotes.push(held.note)
    }
  }
  return { node: context.self, held: true, index, receiptNotes, batchId: logged?.batch.id }
}

/**
 * Of the receipt notes that a node shows for a batch, those that prove what it says: a member signed that
 * it has everything of the class in that node's log beyond that index. The rest is talk.
 */
export function provenReceipts(
  context: Context,
  { node, index, receiptNotes }: Pick<LaneTrace, 'node' | 'index' | 'receiptNotes'>,
  batchClass: BatchClass,
): { from: string; note: Uint8Array }[] {
  const { federation } = context.ledger()
  return receiptNotes.flatMap((note) => {
    const claimed = /^from (\S+)$/m.exec(Buffer.from(note).toString())?.[1]
    const member = claimed === undefined ? undefined : federation.member(claimed)
    if (!member) return []
    try {
      const receipt = parseReceiptNote(
        note,
        member.epochs.map(({ noteVkey }) => parseVkey(noteVkey)),
      )
      return receipt.from === member.name &&
        receipt.log.startsWith(`${node}/`) &&
        receipt.classes[batchClass] > index
        ? [{ from: receipt.from, note }]
        : []
    } catch (error) {
      if (!isHuxinError(error)) throw error
      return []
    }
  })
}
