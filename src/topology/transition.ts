/** Who signs a planned change of epoch, in which a log goes on from a frozen one. */
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { parseVkey } from '../note/key.ts'
import { type UnverifiedNote, verifyNote } from '../note/note.ts'
import type { Member, MemberStatement } from './member.ts'

/**
 * The old key says who follows, the new one that it is held, the parent (a root: itself) that it saw the frozen tree.
 * @throws HuxinError statement_invalid
 */
export function checkTransition(
  note: UnverifiedNote,
  statement: MemberStatement,
  { before, speaker }: { before: Member; speaker: Member },
): void {
  if (before.parent !== statement.parent)
    throw invalid(statement, text`moves and goes on from a frozen log at once`)
  if (!isSignedBy(note, speaker)) throw invalid(statement, text`is not signed by ${speaker.name}`)
  if (!isSignedBy(note, before))
    throw invalid(
      statement,
      text`goes on from a frozen log and is not signed with the old key of ${before.name}`,
    )
  if (!isSignedBy(note, statement))
    throw invalid(
      statement,
      text`goes on from a frozen log and is not signed with the new key of ${before.name}`,
    )
}

export function isSignedBy(
  note: UnverifiedNote,
  { noteVkey }: { readonly noteVkey: string },
): boolean {
  try {
    return verifyNote(note, [parseVkey(noteVkey)]).verified.length > 0
  } catch {
    return false
  }
}

export function invalid({ member, serial }: MemberStatement, what: Said): HuxinError {
  return new HuxinError('statement_invalid', text`statement ${serial} of ${member} ${what}`)
}
