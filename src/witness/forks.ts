/**
 * Two logs under one key: the moment two checkpoints that cannot be of one tree are seen, they are kept as a
 * file that proves it to anybody (evidence/fork.ts). The first proof against a log stays; more of them prove
 * nothing more, and whoever forks could fill the disk with them.
 */
import { formatFork, type Fork } from '../evidence/fork.ts'
import type { Verifier } from '../note/key.ts'
import { formatNote, parseNote } from '../note/note.ts'
import type { Context } from '../commit/context.ts'
import { showStatements } from './statements.ts'

/** Writes the proof, with the statements that lead to the key of `member`, whose log it is. @returns where it is */
export async function keepFork(context: Context, member: string, fork: Fork): Promise<string> {
  const name = `fork-${fork.log.replaceAll('/', '-')}.txt`
  // It may be shown again and again.
  const there = context.evidenceAt(name)
  if (there !== undefined) return there
  const statements = await showStatements(context, new Set([member]))
  return context.keepEvidence(name, formatFork(fork, statements))
}

/** A note with those of its lines that claim to be by this key: lines that nobody verified make a note useless to who knows their key. */
export function onlyLinesOf(noteBytes: Uint8Array, { name, keyId }: Verifier): Uint8Array {
  const { text, signatures } = parseNote(noteBytes)
  return formatNote(
    text,
    signatures.filter((line) => line.name === name && line.keyId === keyId).map(({ line }) => line),
  )
}
