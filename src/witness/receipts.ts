/** Receipts of other logs as they travel and are stored: the entry without its header, and a tlog-proof. */
import { concat, equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type Entry, entryPrefixLength, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { SignedTree } from '../log/log.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { parseTlogProof, verifyTlogProof } from '../note/tlog-proof.ts'
import type { Op } from '../store/store.ts'
import { entryKey, prefixRange, receiptKey, tables, textKey } from '../store/keys.ts'
import { defineRows, hashKeys } from '../store/rows.ts'
import { logKey, type RowView } from '../commit/row-view.ts'
import type { Member } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import type { LoggedEntry } from '../batch/logged.ts'

/** A receipt as it travels (message Receipt) and is stored. */
export interface StoredReceipt {
  readonly batchId: Uint8Array
  readonly entryPrefix: Uint8Array
  readonly proof: Uint8Array
}

export function encodeReceipt({ entryPrefix, proof }: StoredReceipt): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(entryPrefix.length)
  return concat(length, entryPrefix, proof)
}

export function decodeReceipt(batchId: Uint8Array, value: Uint8Array): StoredReceipt {
  const end = 4 + Buffer.from(value.subarray(0, 4)).readUInt32BE()
  return { batchId, entryPrefix: value.subarray(4, end), proof: value.subarray(end) }
}

/** The log that a receipt proves, from the checkpoint in its proof; nothing of it is verified. */
export function receiptLog({
  proof,
}: Pick<StoredReceipt, 'proof'>):
  | { readonly origin: string; readonly node: string; readonly epoch: number }
  | undefined {
  const text = Buffer.from(proof).toString()
  const origin = text.slice(text.indexOf('\n\n') + 2).split('\n', 1)[0] ?? ''
  const match = /^([a-z0-9.-]+\/[a-z0-9-]+)\/([1-9][0-9]*)$/.exec(origin)
  return match ? { origin, node: match[1]!, epoch: Number(match[2]) } : undefined
}

/** Name of the node whose log a receipt proves. */
export function receiptNode(receipt: StoredReceipt): string | undefined {
  return receiptLog(receipt)?.node
}

/** A receipt that was verified. */
export interface ProvenReceipt {
  /** Whose log it is. */
  readonly member: Member
  readonly epoch: number
  /** Origin line of the log. */
  readonly log: string
  readonly index: bigint
  readonly leaf: Uint8Array
  readonly entry: Entry
  /** When that node logged the batch, by its own entry. */
  readonly timeMs: number
  /** The checkpoint note. */
  readonly note: Uint8Array
}

/**
 * Checks that a receipt shows the entry of a batch in the log of a member, under the key of that log's epoch, and not beyond the tree
 * at which the log was frozen. Whose receipt counts for what is for the caller to say.
 * @throws HuxinError proof_invalid | signature_invalid | note_malformed | entry_malformed; member_unknown when the log
 *   is that of a member, or of an epoch, that is not known here yet
 */
export function verifyReceipt(
  ledger: Pick<Ledger, 'federation' | 'frozen'>,
  batch: SealedHeader,
  receipt: StoredReceipt,
): ProvenReceipt {
  const claimed = receiptLog(receipt)
  const member = claimed && ledger.federation.member(claimed.node)
  if (!claimed || !member)
    throw new HuxinError(
      'member_unknown',
      text`the receipt of batch ${batch.idText} is of the log of no member that is known here`,
    )
  const { node, epoch, origin } = claimed
  const keys = member.epochs.find((row) => row.epoch === epoch)
  if (!keys)
    throw new HuxinError('member_unknown', text`epoch ${epoch} of ${node} is not known here yet`)
  if (!equalBytes(receipt.batchId, batch.id))
    throw new HuxinError(
      'proof_invalid',
      text`the receipt is of another batch than ${batch.idText}`,
    )
  const leaf = concat(receipt.entryPrefix, batch.note)
  const { index, note, checkpoint } = verifyTlogProof({
    proofBytes: receipt.proof,
    leaf,
    origin,
    logVerifier: parseVkey(keys.noteVkey),
  })
  checkWithin(checkpoint, {
    size: keys.frozen?.size ?? ledger.frozen.get(origin),
    root: keys.frozen?.root,
  })
  const entry = parseEntry(leaf)
  if (!equalBytes(entry.header, batch.note))
    throw new HuxinError(
      'proof_invalid',
      text`the entry of the receipt is not of batch ${batch.idText}`,
    )
  return { member, epoch, log: origin, index, leaf, entry, timeMs: entry.timeMs, note }
}

/** A log that was frozen has no larger tree, and one of its last size. */
function checkWithin(
  { origin, size, root }: Checkpoint,
  end: { readonly size: bigint | undefined; readonly root: Uint8Array | undefined },
): void {
  if (
    end.size === undefined ||
    size < end.size ||
    (size === end.size && (!end.root || equalBytes(root, end.root)))
  )
    return
  throw new HuxinError(
    'proof_invalid',
    text`the log ${origin} was frozen at ${end.size} entries: the receipt's tree of ${size} is not of it`,
  )
}

/** The row of the receipt that was shown with a batch; it goes into the commit of the batch, which may go on at once. */
export function shownOp(receipt: StoredReceipt): Op {
  return { key: shownKey(receipt.batchId), value: encodeReceipt(receipt) }
}

/** The receipt that was shown with a batch, by its id. */
export const shownRows = defineRows<RowView>({
  table: 'meta',
  name: 'shown',
  keys: hashKeys,
  check: ({ rest, value }, view) =>
    checkReceipt(view, receiptKey(rest, receiptLog(decodeReceipt(rest, value))?.node ?? ''), value),
})

/** The receipt proves that the batch's entry is in the log of that node; of a batch that is not here, only who signed is seen. */
export async function checkReceipt(
  { store, ledger, federation }: RowView,
  key: Uint8Array,
  value: Uint8Array,
): Promise<void> {
  const [id, node] = [key.subarray(1, 33), Buffer.from(key.subarray(33)).toString()]
  const receipt = decodeReceipt(id, value)
  const log = receiptLog(receipt)
  if (!log || log.node !== node)
    throw new HuxinError('store_corrupt', text`it is no receipt of ${node}`)
  const known = await ledger.known(id)
  const entry = known && (await store.get(entryKey(known.indexes[0]!)))
  if (!entry) {
    openCheckpoint(
      parseTlogProof(receipt.proof).checkpointNote,
      [logKey(federation, log.origin)],
      log.origin,
    )
    return
  }
  const batch = parseHeaderNote(parseEntry(entry).header)
  if (!equalBytes(batch.id, id))
    throw new HuxinError('store_corrupt', text`it is of a batch that the log has under another id`)
  verifyReceipt({ federation, frozen: ledger.frozen }, batch, receipt)
}

function shownKey(batchId: Uint8Array): Uint8Array {
  return shownRows.key(batchId)
}

/** Every receipt that is kept of one batch, by node. */
export async function receiptsOf(
  context: Context,
  id: Uint8Array,
): Promise<{ node: string; receipt: StoredReceipt }[]> {
  const prefix = concat(tables.receipt, id)
  const rows = await context.store.range(prefixRange(prefix))
  const receipts = rows.map(([key, value]) => ({
    node: Buffer.from(key.subarray(33)).toString(),
    receipt: decodeReceipt(id, value),
  }))
  const row = await context.store.get(shownKey(id))
  const shown = row && decodeReceipt(id, row)
  const node = shown && receiptNode(shown)
  return node === undefined || receipts.some((kept) => kept.node === node)
    ? receipts
    : [...receipts, { node, receipt: shown! }]
}

/** The receipt of a logged batch. */
export async function receiptFor(
  context: Context,
  batchId: Uint8Array,
  index: bigint,
  tree = context.log().signed,
): Promise<StoredReceipt> {
  const entry = context.recent.bytes(index) ?? (await context.log().entry(index))
  if (!entry)
    throw new HuxinError(
      'store_corrupt',
      text`entry ${index} is missing from the store; run huxin fsck`,
    )
  return {
    batchId,
    entryPrefix: entry.subarray(0, entryPrefixLength(entry)),
    proof: await context.log().prove(index, tree),
  }
}

/**
 * The receipt that shows best how long a batch has been logged: the earliest of those that are kept, or
 * that of the log here, which for a batch of this node says nothing. `reader` is a neighbour that cosigns this
 * log, and wants to see what it has cosigned.
 */
export async function earliestReceipt(
  context: Context,
  { index, entry, batch }: Pick<LoggedEntry, 'index' | 'entry' | 'batch'>,
  reader?: string,
): Promise<StoredReceipt | undefined> {
  const kept = (await receiptsOf(context, batch.id)).map(({ receipt }) => ({
    receipt,
    timeMs: parseEntry(concat(receipt.entryPrefix, batch.note)).timeMs,
  }))
  kept.sort((a, b) => a.timeMs - b.timeMs)
  const [earliest] = kept
  if (batch.header.origin === context.self) return earliest?.receipt
  return earliest && earliest.timeMs <= entry.timeMs
    ? earliest.receipt
    : receiptFor(context, batch.id, index, await treeFor(context, index, reader))
}

async function treeFor(
  context: Context,
  index: bigint,
  reader: string | undefined,
): Promise<SignedTree> {
  const log = context.log()
  const note =
    reader === undefined ? undefined : await context.store.get(textKey(tables.cosigned, reader))
  if (!note || parseCheckpoint(parseNote(note).text).origin !== log.origin) return log.signed
  const { size, root } = openCheckpoint(note, [log.verifier], log.origin)
  return index < size ? { size, root, note } : log.signed
}
