/**
 * Cosigning the log of a neighbour (C2SP tlog-witness): a cosignature says "the largest consistent tree I have seen", is
 * persisted before it is given, and is never given on two inconsistent trees.
 */
import { concat, equalBytes, fromBe64, be64 } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { beginningOfProof, compareTrees } from '../merkle/beginning.ts'
import { verifyConsistency } from '../merkle/proof.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { cosign } from '../note/cosignature.ts'
import { parseVkey, type Verifier } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { prefixRange, tables, textKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import { type FrozenTree, type Member, predecessorOf } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import { witnessedOps } from './first-receipt.ts'
import { keepFork, onlyLinesOf } from './forks.ts'

/** The tree of another log that this node cosigned last. */
export interface WitnessState {
  readonly size: bigint
  readonly root: Uint8Array
  /** The checkpoint note. */
  readonly note: Uint8Array
}

export async function witnessState(
  { store }: { store: Reader },
  logOrigin: string,
): Promise<WitnessState | undefined> {
  const value = await store.get(textKey(tables.witness, logOrigin))
  if (!value) return undefined
  const state = { size: fromBe64(value), root: value.subarray(8, 40), note: value.subarray(40) }
  const { size, root } = parseCheckpoint(parseNote(state.note).text)
  if (size !== state.size || !equalBytes(root, state.root))
    throw new HuxinError(
      'store_corrupt',
      text`what is kept of the log ${logOrigin} is not the tree of its checkpoint; run huxin fsck`,
    )
  return state
}

export function witnessOp(logOrigin: string, state: WitnessState): Op {
  return {
    key: textKey(tables.witness, logOrigin),
    value: concat(be64(state.size), state.root, state.note),
  }
}

/** The newest checkpoint of a neighbour's log, of its newest epoch, that was verified here; empty when none. @throws HuxinError store_corrupt */
export async function newestSeen({ store }: { store: Reader }, node: string): Promise<Uint8Array> {
  const begin = textKey(tables.witness, `${node}/`)
  const rows = await store.range(prefixRange(begin))
  const epoch = Math.max(
    0,
    ...rows.map(([key]) => Number(Buffer.from(key.subarray(begin.length)).toString())),
  )
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
export function cosignChild(
  context: Context,
  child: string,
  asked: CosigningAsked,
): Promise<{ line: string } | { knownSize: bigint }> {
  return context.oneAtATime.run(`cosign ${child}`, () => cosignOnce(context, child, asked))
}

async function cosignOnce(
  context: Context,
  child: string,
  asked: CosigningAsked,
): Promise<{ line: string } | { knownSize: bigint }> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', text`${child} is not known here`)
  const { origin, verifier, frozen } = witnessedLog(member, asked.checkpoint)
  const tree = openCheckpoint(asked.checkpoint, [verifier], origin)
  checkNotBeyond(context, child, {
    tree,
    frozen: frozen?.size ?? context.ledger().frozen.get(origin),
    root: frozen?.root,
  })
  // A log that goes on from a frozen one is seen to do so before it is cosigned.
  const seen = await witnessState(context, origin)
  const last = seen ?? predecessorOf(member, origin)?.tree
  const knownSize = last?.size ?? 0n
  if (asked.broughtBy === 'child' && tree.size < knownSize) {
    context.alarms.raise(
      'rollback',
      child,
      text`${child} shows a log of ${tree.size} entries after one of ${knownSize}: it was restored from a copy and must recover`,
    )
    throw new HuxinError(
      'log_behind',
      text`${child} was seen with ${knownSize} entries and now shows ${tree.size}: run huxin node recover`,
      { details: { known: String(knownSize) } },
    )
  }
  const note = onlyLinesOf(asked.checkpoint, verifier)
  const proven = seen ? await isFork(context, child, { asked, last: seen, tree, note }) : false
  if (asked.oldSize !== knownSize) return { knownSize }
  if (proven)
    throw new HuxinError(
      'log_forked',
      text`${child} signed two different logs, of ${knownSize} and of ${tree.size} entries`,
    )
  checkExtends(context, child, { asked, tree, last })
  const witnessed = await witnessedOps(context.store, origin, tree.size, context.clock.nowMs())
  await context.writer.save([
    witnessOp(origin, { size: tree.size, root: tree.root, note }),
    ...witnessed,
  ])
  context.alarms.clear('unproven', child)
  context.alarms.clear('rollback', child)
  return {
    line: cosign(
      parseNote(note).text,
      context.cosigner,
      BigInt(Math.floor(context.clock.nowMs() / 1000)),
    ),
  }
}

/** Whether what is shown proves that the child signed two logs, whoever brings it; then the proof is kept. */
async function isFork(
  context: Context,
  child: string,
  {
    asked,
    last,
    tree,
    note,
  }: { asked: CosigningAsked; last: WitnessState; tree: Checkpoint; note: Uint8Array },
): Promise<boolean> {
  const beginning =
    asked.oldSize === last.size ? beginningOfProof(last.size, asked.consistency) : []
  if (compareTrees(last, tree, beginning) !== 'two') return false
  const fork = {
    log: tree.origin,
    first: last.note,
    second: note,
    beginning: tree.size === last.size ? [] : beginning,
  }
  const file = await keepFork(context, child, fork)
  context.alarms.raise(
    'fork',
    child,
    text`${child} signed two different logs, of ${last.size} and of ${tree.size} entries: ${file} proves it (huxin verify)`,
  )
  return true
}

/** The log of a child that a checkpoint names: that of its epoch, or a frozen one before it. */
export function witnessedLog(
  member: Member,
  unverifiedCheckpoint: Uint8Array,
): { origin: string; verifier: Verifier; frozen: FrozenTree | undefined } {
  const { text } = parseNote(unverifiedCheckpoint)
  const claimed = text.slice(0, text.indexOf('\n'))
  const row = member.epochs.find(
    ({ epoch, frozen }) => frozen && claimed === `${member.name}/${epoch}`,
  )
  return {
    origin: `${member.name}/${row?.epoch ?? member.epoch}`,
    verifier: parseVkey(row?.noteVkey ?? member.noteVkey),
    frozen: row?.frozen,
  }
}

/** A frozen log has no larger tree. @throws HuxinError log_forked */
function checkNotBeyond(
  context: Context,
  child: string,
  {
    tree,
    frozen,
    root,
  }: { tree: Checkpoint; frozen: bigint | undefined; root: Uint8Array | undefined },
): void {
  if (
    frozen === undefined ||
    tree.size < frozen ||
    (tree.size === frozen && (!root || equalBytes(root, tree.root)))
  )
    return
  context.alarms.raise(
    'frozen_child',
    child,
    text`a checkpoint of ${tree.origin} over ${tree.size} entries is signed, and that log was frozen at ${frozen}: its old key was used again; it is not cosigned`,
  )
  throw new HuxinError(
    'log_forked',
    text`the log ${tree.origin} was frozen at ${frozen} entries: a checkpoint over ${tree.size} is not of it`,
  )
}

/** @throws HuxinError proof_invalid */
function checkExtends(
  context: Context,
  child: string,
  { asked, tree, last }: { asked: CosigningAsked; tree: Checkpoint; last: FrozenTree | undefined },
): void {
  const knownSize = last?.size ?? 0n
  try {
    if (tree.size < knownSize)
      throw new HuxinError(
        'proof_invalid',
        text`no proof leads from ${knownSize} back to ${tree.size} entries`,
      )
    if (!last || last.size === 0n) {
      if (asked.consistency.length > 0)
        throw new HuxinError(
          'proof_invalid',
          text`from 0 entries on no proof is wanted, it has ${asked.consistency.length} hashes`,
        )
    } else {
      verifyConsistency({
        oldSize: last.size,
        newSize: tree.size,
        oldRoot: last.root,
        newRoot: tree.root,
        proof: asked.consistency,
      })
    }
  } catch (error) {
    if (!isHuxinError(error, 'proof_invalid')) throw error
    // A wrong proof proves nothing against the log; from the log itself it is worth a look.
    if (asked.broughtBy === 'child') {
      context.alarms.raise(
        'unproven',
        child,
        text`${child} shows a log of ${tree.size} entries and does not prove that it extends the one of ${knownSize}: ${error}`,
      )
    }
    throw error
  }
}
