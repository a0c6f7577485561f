/**
 * Grafting: a root gets a parent. Ids, log origins and evidence stay what they are; one member statement of
 * the root, signed by itself and by its parent, is what changes. Three steps, because two operators have to
 * want it: the root proposes, the parent signs and publishes, the root publishes too. Every node of both
 * federations has pinned the other root key before (`huxin node pin`).
 */
import type { PersonalAct } from '../publish/actor.ts'
import { base64, fromBase64, utf8, utf8Text } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { EntrySource } from '../batch/entry.ts'
import { addSignatureLines } from '../note/cosignature.ts'
import { parseNote, signNote } from '../note/note.ts'
import { formatStatement, type MemberStatement, parseStatement } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import { checkAct, nextStatement, publishNote } from './members.ts'

const STATEMENTS_MAX = 1_000

/**
 * The statement by which this root gets a parent, with the chain that it follows.
 * @returns huxin/graft/v1
 * @throws HuxinError argument_invalid
 */
export function proposeGraft(
  context: Context,
  { parent, act }: { parent: string; act: PersonalAct },
): Uint8Array {
  checkAct(act)
  const { federation } = context.ledger()
  const self = federation.member(context.self)
  if (!self || self.serial < 0)
    throw new HuxinError(
      'not_ready',
      text`${context.self} has not said anything of itself yet: start it first`,
    )
  if (self.parent !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`${context.self} has the parent ${self.parent}: only a root is grafted`,
    )
  if (federation.member(parent)?.name !== parent)
    throw new HuxinError(
      'argument_invalid',
      text`no root ${parent} is pinned here: huxin node pin, at every node, and start again`,
    )
  const note = signNote(formatStatement({ ...nextStatement(self), parent, ...act }), [
    context.noteSigner,
  ])
  return formatGraft([...federation.history(context.self), note])
}

/**
 * Signs the proposal of a root and publishes it, with the statements that it follows.
 * @returns huxin/graft/v1: the statements of this node and those above it, and the statement with both signatures
 * @throws HuxinError argument_invalid | statement_invalid | statement_malformed | note_malformed
 */
export async function approveGraft(
  context: Context,
  file: Uint8Array,
  source: EntrySource,
): Promise<Uint8Array> {
  const { statements, graft, note } = parseGraft(file)
  if (graft.parent !== context.self)
    throw new HuxinError(
      'argument_invalid',
      text`the graft of ${graft.member} names the parent ${graft.parent ?? '-'}, this is ${context.self}`,
    )
  const { federation } = context.ledger()
  if (!federation.member(graft.member))
    throw new HuxinError(
      'argument_invalid',
      text`no root ${graft.member} is pinned here: huxin node pin, at every node, and start again`,
    )
  const [line] = parseNote(signNote(parseNote(note).text, [context.noteSigner])).signatures
  const signed = addSignatureLines(note, [line!.line])
  await publishMissing(context, [...statements, signed], source)
  return formatGraft([
    ...federation.lineage(context.self).flatMap(({ name }) => federation.history(name)),
    signed,
  ])
}

/**
 * Publishes what the parent answered.
 * @returns the parent
 * @throws HuxinError argument_invalid | statement_invalid | statement_malformed | note_malformed
 */
export async function takeGraft(
  context: Context,
  file: Uint8Array,
  source: EntrySource,
): Promise<string> {
  const { statements, graft, note } = parseGraft(file)
  if (graft.member !== context.self || graft.parent === undefined)
    throw new HuxinError(
      'argument_invalid',
      text`the file grafts ${graft.member}, this is ${context.self}`,
    )
  await publishMissing(context, [...statements, note], source)
  return graft.parent
}

/** All of it must follow before any of it is said. */
async function publishMissing(
  context: Context,
  notes: readonly Uint8Array[],
  source: EntrySource,
): Promise<void> {
  context.ledger().federation.checkStatements(notes)
  for (const note of notes) {
    if (context.ledger().federation.compareSerial(note).kind !== 'duplicate')
      await publishNote(context, note, source)
  }
}

function formatGraft(statements: readonly Uint8Array[]): Uint8Array {
  return utf8(
    `${JSON.stringify({ format: 'huxin/graft/v1', statements: statements.map(base64) }, undefined, 2)}\n`,
  )
}

/** The last statement is the graft. Nothing is verified. @throws HuxinError argument_invalid | statement_malformed | note_malformed */
function parseGraft(file: Uint8Array): {
  statements: readonly Uint8Array[]
  graft: MemberStatement
  note: Uint8Array
} {
  const bad = (): HuxinError =>
    new HuxinError(
      'argument_invalid',
      text`the file is not of format huxin/graft/v1: it is what huxin member graft writes`,
    )
  if (file.length > limits.messageBytesMax) throw bad()
  let json: unknown
  try {
    json = JSON.parse(utf8Text(file) ?? '')
  } catch {
    throw bad()
  }
  const { format, statements: list } =
    typeof json === 'object' && json !== null
      ? (json as { format?: unknown; statements?: unknown })
      : {}
  if (
    format !== 'huxin/graft/v1' ||
    !Array.isArray(list) ||
    list.length < 2 ||
    list.length > STATEMENTS_MAX
  )
    throw bad()
  const statements = list.map((text: unknown) => {
    const bytes = typeof text === 'string' ? fromBase64(text) : undefined
    if (!bytes) throw bad()
    return bytes
  })
  const note = statements.pop()!
  return { statements, graft: parseStatement(parseNote(note).text), note }
}
