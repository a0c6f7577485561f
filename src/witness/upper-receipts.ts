/**
 * Receipts of the nodes above the parent, as the parent hands them down: each is checked before it is kept. A false one
 * would stand where the true one belongs, and would be shown as evidence and to neighbours.
 *
 * Kept is what shows the entry of a batch of this log in the log of a node that is, or once was, above this one, under
 * the key of its epoch, within the tree at which that log was frozen, and not dated after the epoch had ended.
 */
import { hex } from '../base/bytes.ts'
import { formatTime } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { parseNote } from '../note/note.ts'
import { receiptKey } from '../store/keys.ts'
import type { FederationState } from '../topology/federation.ts'
import { parseStatement } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import type { ReceiptsOf } from './kept-receipts.ts'
import { receiptLog, type StoredReceipt, verifyReceipt } from './receipts.ts'

/** What became of receipts that were handed down; those that are kept already are in none of the lists. */
export interface UpperReceipts {
  readonly proven: readonly ReceiptsOf[]
  /** Why each of the others is not one, with batch and log. */
  readonly wrong: Text[]
  /** What is not known here, or not yet: the batch, the member, its epoch, or that it is above this node. */
  readonly unknown: readonly Text[]
}

/** Receipts checked in one turn: 5 ms when each has a checkpoint of its own. */
const TURN = 8

/** @throws HuxinError store_corrupt | not_ready */
export async function checkUpperReceipts(
  context: Context,
  unverified: readonly StoredReceipt[],
): Promise<UpperReceipts> {
  const proven = new Map<string, StoredReceipt[]>()
  const wrong: Text[] = []
  const unknown: Text[] = []
  for (const [i, receipt] of unverified.entries()) {
    if (i > 0 && i % TURN === 0) await context.clock.turn()
    const log = receiptLog(receipt)
    const what = text`of ${hex(receipt.batchId).slice(0, 16)}… in ${log?.origin ?? text`no log`}`
    if (receipt.batchId.length !== 32 || !log) {
      wrong.push(text`${what}: it names no batch or no log`)
      continue
    }
    if (await context.store.get(receiptKey(receipt.batchId, log.node))) continue
    const batch = await batchOf(context, receipt.batchId)
    const above = isOrWasAbove(context.ledger().federation, context.self, log.node)
    if (!batch || !above) {
      unknown.push(
        batch
          ? text`${what}: ${log.node} is not above ${context.self}`
          : text`${what}: the batch is not in this log`,
      )
      continue
    }
    try {
      check(context, batch, receipt)
      proven.set(log.node, [...(proven.get(log.node) ?? []), receipt])
    } catch (error) {
      if (!isHuxinError(error)) throw error
      ;(isHuxinError(error, 'member_unknown') ? unknown : wrong).push(text`${what}: ${error}`)
    }
  }
  return { proven: [...proven].map(([node, receipts]) => ({ node, receipts })), wrong, unknown }
}

function check(context: Context, batch: SealedHeader, receipt: StoredReceipt): void {
  const { member, epoch, timeMs } = verifyReceipt(context.ledger(), batch, receipt)
  const ended = context.ledger().periods.epochEnded(member.name, epoch, timeMs)
  if (ended !== undefined)
    throw new HuxinError('proof_invalid', text`its entry is of ${formatTime(timeMs)}, and ${ended}`)
}

/** The batch as it stands in this log. */
async function batchOf(context: Context, id: Uint8Array): Promise<SealedHeader | undefined> {
  const known = await context.ledger().known(id)
  if (!known) return undefined
  return (await context.recent.find(known.indexes[0]!))?.batch
}

/** A node that moved has receipts of those it was below before. */
function isOrWasAbove(federation: FederationState, self: string, node: string): boolean {
  if (node === self) return false
  if (federation.isWithin(self, node)) return true
  const below = new Set([self])
  for (const name of below) {
    for (const note of federation.history(name)) {
      const { parent } = parseStatement(parseNote(note).text)
      if (parent !== undefined) below.add(parent)
    }
  }
  return below.has(node)
}
