/** What neighbours cosigned of this node's log: kept when it is verified, and what is final by it. */
import { equalBytes } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { text } from '../base/text.ts'
import { isPowerOfTwo } from '../merkle/proof.ts'
import { type Checkpoint, openCheckpoint } from '../note/checkpoint.ts'
import { addSignatureLines, verifyCosignatureLine } from '../note/cosignature.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { prefixRange, tables, textKey } from '../store/keys.ts'
import type { Context } from '../commit/context.ts'
import type { Member } from '../topology/member.ts'
import { foreseen } from './ahead.ts'
import { keepFork, onlyLinesOf } from './forks.ts'

/** Keeps a neighbour's cosignature on one of our checkpoints. @throws HuxinError signature_invalid | log_forked */
export async function keepCosignature(
  context: Context,
  neighbour: string,
  cosigned: Uint8Array,
): Promise<void> {
  const member = context.ledger().federation.member(neighbour)
  if (!member) throw new HuxinError('member_unknown', text`${neighbour} is not known here`)
  const log = context.log()
  const tree = openCheckpoint(cosigned, [log.verifier], log.origin)
  if (
    !isCosignedBy(cosigned, member.cosignVkey) &&
    !isCosignedBy(cosigned, await vkeyAhead(context, member))
  )
    throw new HuxinError(
      'signature_invalid',
      text`the checkpoint carries no valid cosignature of ${neighbour}`,
    )
  const { signed } = log
  if (tree.size > signed.size) {
    context.alarms.raise(
      'two_trees',
      neighbour,
      text`${neighbour} cosigned ${tree.size} entries that are signed with this node's key, this log has ${signed.size}: it is an old copy, or another copy of this node is running`,
    )
    throw new HuxinError(
      'log_behind',
      text`${neighbour} cosigned a tree of ${tree.size} entries of this log, which has ${signed.size}`,
    )
  }
  if (!equalBytes(tree.size === signed.size ? signed.root : await log.root(tree.size), tree.root)) {
    const file = await keepOwnFork(context, tree, onlyLinesOf(cosigned, log.verifier))
    context.alarms.raise(
      'two_trees',
      neighbour,
      text`${neighbour} was shown two trees: it cosigned one of ${tree.size} entries that is signed with this node's key and is not of this log (${file} proves it); a copy of this node is running, or its key was stolen`,
    )
    throw new HuxinError(
      'log_forked',
      text`the tree of ${tree.size} entries that ${neighbour} cosigned is not one of the log ${log.origin}`,
    )
  }
  const before = await cosignedSize(context, neighbour)
  if (tree.size < before) return
  // Losing it costs asking again.
  await context.store.write([{ key: textKey(tables.cosigned, neighbour), value: cosigned }])
}

function isCosignedBy(cosigned: Uint8Array, vkey: string | undefined): boolean {
  if (vkey === undefined) return false
  const { text, signatures } = parseNote(cosigned)
  const verifier = parseVkey(vkey)
  return signatures.some(
    (signature) => verifyCosignatureLine(text, signature, verifier) !== undefined,
  )
}

/** The parent's newest key by what it shows of itself: a log that is frozen hears of no other. */
async function vkeyAhead(context: Context, { name }: Member): Promise<string | undefined> {
  const { federation } = context.ledger()
  return federation.member(context.self)?.parent === name
    ? (await foreseen(context.store, federation)).member(name)?.cosignVkey
    : undefined
}

/** Somebody signed another log with this node's key: kept beside this node's own. */
async function keepOwnFork(
  context: Context,
  { size }: Checkpoint,
  note: Uint8Array,
): Promise<string> {
  const log = context.log()
  const own = log.signed
  const proof = size === own.size ? [] : await log.proveConsistency(size, own.size)
  const beginning =
    size === own.size || !isPowerOfTwo(size) ? proof : [await log.root(size), ...proof]
  return keepFork(context, context.self, {
    log: log.origin,
    first: note,
    second: own.note,
    beginning,
  })
}

/** Size of our tree that a neighbour cosigned last; 0 when none. */
export async function cosignedSize(context: Context, neighbour: string): Promise<bigint> {
  const note = await context.store.get(textKey(tables.cosigned, neighbour))
  if (!note) return 0n
  return openCheckpoint(note, [context.log().verifier], context.log().origin).size
}

/** Active children that ever cosigned this log: those who know something of it. */
export async function cosigningChildren(context: Context): Promise<readonly string[]> {
  const children = context
    .ledger()
    .federation.children(context.self)
    .filter(({ status }) => status === 'active')
  const notes = await context.store.getMany(
    children.map(({ name }) => textKey(tables.cosigned, name)),
  )
  return children.filter((_, i) => notes[i] !== undefined).map(({ name }) => name)
}

/** A neighbour that cosigns our log. */
export interface Cosigner {
  readonly node: string
  readonly vkey: string
  /** What it cosigned last; undefined when nothing of this epoch by its present key. */
  readonly last:
    | { readonly size: bigint; readonly timeSeconds: bigint; readonly note: Uint8Array }
    | undefined
}

/** The parent, then the active children, with what each cosigned last. */
export async function cosigners(context: Context): Promise<readonly Cosigner[]> {
  const { federation } = context.ledger()
  const parent = federation.member(context.self)?.parent
  const children = federation.children(context.self).filter(({ status }) => status === 'active')
  const members = [
    parent === undefined ? undefined : federation.member(parent),
    ...children,
  ].filter((member) => member !== undefined)
  return Promise.all(
    members.map(async ({ name, cosignVkey }) => {
      const note = await context.store.get(textKey(tables.cosigned, name))
      return { node: name, vkey: cosignVkey, last: note && lastCosigned(context, note, cosignVkey) }
    }),
  )
}

function lastCosigned(context: Context, note: Uint8Array, vkey: string): Cosigner['last'] {
  try {
    const { size } = openCheckpoint(note, [context.log().verifier], context.log().origin)
    const { text, signatures } = parseNote(note)
    const verifier = parseVkey(vkey)
    const [time] = signatures
      .map((signature) => verifyCosignatureLine(text, signature, verifier))
      .filter((found) => found !== undefined)
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
  const sizes = await Promise.all(
    children.map(({ name }) => cosignedSize(context, name).catch(() => 0n)),
  )
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
    lines.push(
      ...parsed.signatures
        .filter(({ keyId }) => keyId !== context.log().verifier.keyId)
        .map(({ line }) => line),
    )
  }
  return lines.length === 0
    ? signed.note
    : addSignatureLines(signed.note, lines.slice(0, limits.noteSignaturesMax - 1))
}
