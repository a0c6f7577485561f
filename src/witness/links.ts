/**
 * What passes between neighbours besides batches: receipts, cosignatures, lane heads.
 *
 * Witnessing follows C2SP tlog-witness: a cosignature says "the largest consistent tree I have seen",
 * is persisted before it is given, and is never given on two inconsistent trees.
 */
import { concat, equalBytes, fromBe64, be64, utf8 } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { openHeader } from '../batch/seal.ts'
import { beginningOfProof, compareTrees } from '../merkle/beginning.ts'
import { isPowerOfTwo, verifyConsistency } from '../merkle/proof.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { addSignatureLines, cosign, verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { prefixRange, receiptKey, tables, textKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import { parseReceiptNote, type ReceiptNote } from '../topology/receipt.ts'
import { type FrozenTree, type Member, predecessorOf } from '../topology/member.ts'
import { idOf } from '../ledger/ledger.ts'
import type { Context } from '../commit/context.ts'
import { witnessedOps } from './first-receipt.ts'
import { keepFork, onlyLinesOf } from './forks.ts'
import { decodeReceipt, encodeReceipt, type StoredReceipt } from './receipts.ts'

/** The tree of another log that this node cosigned last. */
export interface WitnessState {
  readonly size: bigint
  readonly root: Uint8Array
  /** The checkpoint note. */
  readonly note: Uint8Array
}

export async function witnessState({ store }: { store: Reader }, logOrigin: string): Promise<WitnessState | undefined> {
  const value = await store.get(textKey(tables.witness, logOrigin))
  if (!value) return undefined
  const state = { size: fromBe64(value), root: value.subarray(8, 40), note: value.subarray(40) }
  const { size, root } = parseCheckpoint(parseNote(state.note).text)
  if (size !== state.size || !equalBytes(root, state.root)) throw new HuxinError('store_corrupt', text`what is kept of the log ${logOrigin} is not the tree of its checkpoint; run huxin fsck`)
  return state
}

export function witnessOp(logOrigin: string, state: WitnessState): Op {
  return { key: textKey(tables.witness, logOrigin), value: concat(be64(state.size), state.root, state.note) }
}

/** The newest checkpoint of a neighbour's log, of its newest epoch, that was verified here; empty when none. @throws HuxinError store_corrupt */
export async function newestSeen({ store }: { store: Reader }, node: string): Promise<Uint8Array> {
  const begin = textKey(tables.witness, `${node}/`)
  const rows = await store.range(prefixRange(begin))
  const epoch = Math.max(0, ...rows.map(([key]) => Number(Buffer.from(key.subarray(begin.length)).toString())))
  return (await witnessState({ store }, `${node}/${epoch}`))?.note ?? new Uint8Array()
}

/** A checkpoint handed in for cosigning. */
export interface CosigningAsked {
  /** Size that the proof leads from. */
  readonly oldSize: bigint
  readonly consistency: readonly Uint8Array[]
  /** The checkpoint note. */
  readonly checkpoint: Uint8Array
  /** Who brings it: the child over its link, or anybody, who may bring an old one or a wrong proof. */
  readonly broughtBy: 'child' | 'anybody'
}

/**
 * Cosigns a child's checkpoint, after it is durable that this node did. Compare and persist are one step: of one log one at a time.
 * @returns the cosignature line, or the size that the child must prove from
 * @throws HuxinError signature_invalid | proof_invalid | log_forked (it is proved, and the proof kept) | log_behind
 */
export function cosignChild(context: Context, child: string, asked: CosigningAsked): Promise<{ line: string } | { knownSize: bigint }> {
  return context.oneAtATime.run(`cosign ${child}`, () => cosignOnce(context, child, asked))
}

async function cosignOnce(context: Context, child: string, asked: CosigningAsked): Promise<{ line: string } | { knownSize: bigint }> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', text`${child} is not known here`)
  const { origin, verifier, frozen } = witnessedLog(member, asked.checkpoint)
  const tree = openCheckpoint(asked.checkpoint, [verifier], origin)
  checkNotBeyond(context, child, { tree, frozen: frozen?.size ?? context.ledger().frozen.get(origin), root: frozen?.root })
  // A log that goes on from a frozen one is seen to do so before it is cosigned.
  const seen = await witnessState(context, origin)
  const last = seen ?? predecessorOf(member, origin)?.tree
  const knownSize = last?.size ?? 0n
  if (asked.broughtBy === 'child' && tree.size < knownSize) {
    context.alarms.raise('rollback', child, text`${child} shows a log of ${tree.size} entries after one of ${knownSize}: it was restored from a copy and must recover`)
    throw new HuxinError('log_behind', text`${child} was seen with ${knownSize} entries and now shows ${tree.size}: run huxin node recover`, { details: { known: String(knownSize) } })
  }
  const note = onlyLinesOf(asked.checkpoint, verifier)
  const proven = seen ? await isFork(context, child, { asked, last: seen, tree, note }) : false
  if (asked.oldSize !== knownSize) return { knownSize }
  if (proven) throw new HuxinError('log_forked', text`${child} signed two different logs, of ${knownSize} and of ${tree.size} entries`)
  checkExtends(context, child, { asked, tree, last })
  const witnessed = await witnessedOps(context.store, origin, tree.size, context.clock.nowMs())
  await context.writer.save([witnessOp(origin, { size: tree.size, root: tree.root, note }), ...witnessed])
  context.alarms.clear('unproven', child)
  context.alarms.clear('rollback', child)
  return { line: cosign(parseNote(note).text, context.cosigner, BigInt(Math.floor(context.clock.nowMs() / 1000))) }
}

/** Whether what is shown proves that the child signed two logs, whoever brings it; then the proof is kept. */
async function isFork(
  context: Context, child: string,
  { asked, last, tree, note }: { asked: CosigningAsked; last: WitnessState; tree: Checkpoint; note: Uint8Array },
): Promise<boolean> {
  const beginning = asked.oldSize === last.size ? beginningOfProof(last.size, asked.consistency) : []
  if (compareTrees(last, tree, beginning) !== 'two') return false
  const fork = { log: tree.origin, first: last.note, second: note, beginning: tree.size === last.size ? [] : beginning }
  const file = await keepFork(context, child, fork)
  context.alarms.raise('fork', child, text`${child} signed two different logs, of ${last.size} and of ${tree.size} entries: ${file} proves it (huxin verify)`)
  return true
}

/** The log of a child that a checkpoint names: that of its epoch, or a frozen one before it. */
export function witnessedLog(member: Member, unverifiedCheckpoint: Uint8Array): { origin: string; verifier: Verifier; frozen: FrozenTree | undefined } {
  const { text } = parseNote(unverifiedCheckpoint)
  const claimed = text.slice(0, text.indexOf('\n'))
  const row = member.epochs.find(({ epoch, frozen }) => frozen && claimed === `${member.name}/${epoch}`)
  return { origin: `${member.name}/${row?.epoch ?? member.epoch}`, verifier: parseVkey(row?.noteVkey ?? member.noteVkey), frozen: row?.frozen }
}

/** A frozen log has no larger tree. @throws HuxinError log_forked */
function checkNotBeyond(context: Context, child: string, { tree, frozen, root }: { tree: Checkpoint; frozen: bigint | undefined; root: Uint8Array | undefined }): void {
  if (frozen === undefined || tree.size < frozen || (tree.size === frozen && (!root || equalBytes(root, tree.root)))) return
  context.alarms.raise('frozen_child', child, text`a checkpoint of ${tree.origin} over ${tree.size} entries is signed, and that log was frozen at ${frozen}: its old key was used again; it is not cosigned`)
  throw new HuxinError('log_forked', text`the log ${tree.origin} was frozen at ${frozen} entries: a checkpoint over ${tree.size} is not of it`)
}

/** @throws HuxinError proof_invalid */
function checkExtends(context: Context, child: string, { asked, tree, last }: { asked: CosigningAsked; tree: Checkpoint; last: FrozenTree | undefined }): void {
  const knownSize = last?.size ?? 0n
  try {
    if (tree.size < knownSize) throw new HuxinError('proof_invalid', text`no proof leads from ${knownSize} back to ${tree.size} entries`)
    if (!last || last.size === 0n) {
      if (asked.consistency.length > 0) throw new HuxinError('proof_invalid', text`from 0 entries on no proof is wanted, it has ${asked.consistency.length} hashes`)
    } else {
      verifyConsistency({ oldSize: last.size, newSize: tree.size, oldRoot: last.root, newRoot: tree.root, proof: asked.consistency })
    }
  } catch (error) {
    if (!isHuxinError(error, 'proof_invalid')) throw error
    // A wrong proof proves nothing against the log; from the log itself it is worth a look.
    if (asked.broughtBy === 'child') {
      context.alarms.raise('unproven', child, text`${child} shows a log of ${tree.size} entries and does not prove that it extends the one of ${knownSize}: ${error}`)
    }
    throw error
  }
}

/** Keeps a neighbour's cosignature on one of our checkpoints. @throws HuxinError signature_invalid | log_forked */
export async function keepCosignature(context: Context, neighbour: string, cosigned: Uint8Array): Promise<void> {
  const member = context.ledger().federation.member(neighbour)
  if (!member) throw new HuxinError('member_unknown', text`${neighbour} is not known here`)
  const log = context.log()
  const tree = openCheckpoint(cosigned, [log.verifier], log.origin)
  const verifier = parseVkey(member.cosignVkey)
  const note = parseNote(cosigned)
  const valid = note.signatures.some((signature) => verifyCosignatureLine(note.text, signature, verifier) !== undefined)
  if (!valid) throw new HuxinError('signature_invalid', text`the checkpoint carries no valid cosignature of ${neighbour}`)
  const { signed } = log
  if (tree.size > signed.size) {
    context.alarms.raise('two_trees', neighbour, text`${neighbour} cosigned ${tree.size} entries that are signed with this node's key, this log has ${signed.size}: it is an old copy, or another copy of this node is running`)
    throw new HuxinError('log_behind', text`${neighbour} cosigned a tree of ${tree.size} entries of this log, which has ${signed.size}`)
  }
  if (!equalBytes(tree.size === signed.size ? signed.root : await log.root(tree.size), tree.root)) {
    const file = await keepOwnFork(context, tree, onlyLinesOf(cosigned, log.verifier))
    context.alarms.raise('two_trees', neighbour, text`${neighbour} was shown two trees: it cosigned one of ${tree.size} entries that is signed with this node's key and is not of this log (${file} proves it); a copy of this node is running, or its key was stolen`)
    throw new HuxinError('log_forked', text`the tree of ${tree.size} entries that ${neighbour} cosigned is not one of the log ${log.origin}`)
  }
  const before = await cosignedSize(context, neighbour)
  if (tree.size < before) return
  // Losing it costs asking again.
  await context.store.write([{ key: textKey(tables.cosigned, neighbour), value: cosigned }])
}

/** Somebody signed another log with this node's key: kept beside this node's own. */
async function keepOwnFork(context: Context, { size }: Checkpoint, note: Uint8Array): Promise<string> {
  const log = context.log()
  const own = log.signed
  const proof = size === own.size ? [] : await log.proveConsistency(size, own.size)
  const beginning = size === own.size || !isPowerOfTwo(size) ? proof : [await log.root(size), ...proof]
  return keepFork(context, context.self, { log: log.origin, first: note, second: own.note, beginning })
}

/** Size of our tree that a neighbour cosigned last; 0 when none. */
export async function cosignedSize(context: Context, neighbour: string): Promise<bigint> {
  const note = await context.store.get(textKey(tables.cosigned, neighbour))
  if (!note) return 0n
  return openCheckpoint(note, [context.log().verifier], context.log().origin).size
}

/** Active children that ever cosigned this log: those who know something of it. */
export async function cosigningChildren(context: Context): Promise<readonly string[]> {
  const children = context.ledger().federation.children(context.self).filter(({ status }) => status === 'active')
  const notes = await context.store.getMany(children.map(({ name }) => textKey(tables.cosigned, name)))
  return children.filter((_, i) => notes[i] !== undefined).map(({ name }) => name)
}

/** A neighbour that cosigns our log. */
export interface Cosigner {
  readonly node: string
  readonly vkey: string
  /** What it cosigned last; undefined when nothing of this epoch by its present key. */
  readonly last: { readonly size: bigint; readonly timeSeconds: bigint; readonly note: Uint8Array } | undefined
}

/** The parent, then the active children, with what each cosigned last. */
export async function cosigners(context: Context): Promise<readonly Cosigner[]> {
  const { federation } = context.ledger()
  const parent = federation.member(context.self)?.parent
  const children = federation.children(context.self).filter(({ status }) => status === 'active')
  const members = [parent === undefined ? undefined : federation.member(parent), ...children].filter((member) => member !== undefined)
  return Promise.all(members.map(async ({ name, cosignVkey }) => {
    const note = await context.store.get(textKey(tables.cosigned, name))
    return { node: name, vkey: cosignVkey, last: note && lastCosigned(context, note, cosignVkey) }
  }))
}

function lastCosigned(context: Context, note: Uint8Array, vkey: string): Cosigner['last'] {
  try {
    const { size } = openCheckpoint(note, [context.log().verifier], context.log().origin)
    const { text, signatures } = parseNote(note)
    const verifier = parseVkey(vkey)
    const [time] = signatures.map((signature) => verifyCosignatureLine(text, signature, verifier)).filter((found) => found !== undefined)
    return time && { size, timeSeconds: time.timeSeconds, note }
  } catch (error) {
    // Of the epoch before.
    if (isHuxinError(error, 'signature_invalid')) return undefined
    throw error
  }
}

/**
 * Size up to which our log is final: cosigned by the parent, or, at a root, by more than half of its
 * children.
 */
export async function finalSize(context: Context): Promise<bigint> {
  const { federation } = context.ledger()
  const parent = federation.member(context.self)?.parent
  if (parent !== undefined) return cosignedSize(context, parent).catch(() => 0n)
  const children = federation.children(context.self).filter(({ status }) => status === 'active')
  if (children.length === 0) return context.log().signed.size
  const sizes = await Promise.all(children.map(({ name }) => cosignedSize(context, name).catch(() => 0n)))
  sizes.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  return sizes[Math.floor(children.length / 2)] ?? 0n
}

/** The newest checkpoint with every cosignature that stands on exactly that tree, as many as a note may have. */
export async function cosignedCheckpoint(context: Context): Promise<Uint8Array> {
  const { signed } = context.log()
  const lines: string[] = []
  for (const [, note] of await context.store.range(prefixRange(tables.cosigned))) {
    const parsed = parseNote(note)
    if (parsed.text !== parseNote(signed.note).text) continue
    lines.push(...parsed.signatures.filter(({ keyId }) => keyId !== context.log().verifier.keyId).map(({ line }) => line))
  }
  return lines.length === 0 ? signed.note : addSignatureLines(signed.note, lines.slice(0, limits.noteSignaturesMax - 1))
}

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
export function keepReceipts(context: Context, groups: readonly ReceiptsOf[], more: readonly Op[]): Promise<void> {
  return context.oneAtATime.run('receipts', () => keepReceiptsNow(context, groups, more))
}

async function keepReceiptsNow(context: Context, groups: readonly ReceiptsOf[], more: readonly Op[]): Promise<void> {
  const ops: Op[] = []
  let position = await nextReceiptPosition(context)
  for (const { node, receipts } of groups) {
    for (const receipt of receipts) {
      const key = receiptKey(receipt.batchId, node)
      if (await context.store.get(key)) continue
      ops.push({ key, value: encodeReceipt(receipt) })
      ops.push({ key: concat(tables.receiptOrder, be64(position)), value: concat(receipt.batchId, utf8(node)) })
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
export async function receiptsFor(context: Context, child: string, after: bigint): Promise<{ receipts: StoredReceipt[]; next: bigint }> {
  // Asked with every look into the log, and mostly there is none.
  if (after >= await nextReceiptPosition(context)) return { receipts: [], next: after }
  const { lt } = prefixRange(tables.receiptOrder)
  const rows = await context.store.range({ gte: concat(tables.receiptOrder, be64(after)), lt, limit: 256 })
  const receipts: StoredReceipt[] = []
  let next = after
  for (const [key, value] of rows) {
    next = fromBe64(key, 1) + 1n
    const id = value.subarray(0, 32)
    const known = await context.ledger().known(id)
    if (!known) continue
    const held = context.recent.entry(known.indexes[0]!)
    const entry = held ? undefined : await context.log().entry(known.indexes[0]!)
    if (!held && !entry) continue
    const { header } = held?.batch ?? openHeader(parseEntry(entry!).header)
    if (!context.ledger().federation.isWithin(header.origin, idOf(child))) continue
    const stored = await context.store.get(receiptKey(id, Buffer.from(value.subarray(32)).toString()))
    if (stored) receipts.push(decodeReceipt(id, stored))
  }
  return { receipts, next }
}

/** Keeps a child's signed delivery receipt, if it says more than the last. @throws HuxinError signature_invalid */
export async function keepChildReceipt(context: Context, child: string, noteBytes: Uint8Array): Promise<ReceiptNote> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', text`${child} is not known here`)
  const receipt = parseReceiptNote(noteBytes, [parseVkey(member.noteVkey)])
  if (receipt.from !== child || receipt.log !== context.log().origin) {
    throw new HuxinError('signature_invalid', text`the receipt is of ${receipt.from} for ${receipt.log}, not of ${child} for ${context.log().origin}`)
  }
  // The child repeats its receipt with the next exchange.
  await context.store.write([{ key: textKey(tables.childReceipt, child), value: noteBytes }])
  return receipt
}

/** The newest delivery receipt of a child. */
export async function childReceipt(context: Context, child: string): Promise<{ receipt: ReceiptNote; note: Uint8Array } | undefined> {
  const note = await context.store.get(textKey(tables.childReceipt, child))
  const member = context.ledger().federation.member(child)
  if (!note || !member) return undefined
  try {
    return { receipt: parseReceiptNote(note, [parseVkey(member.noteVkey)]), note }
  } catch {
    return undefined
  }
}
