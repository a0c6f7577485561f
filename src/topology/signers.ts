/** Who has to sign a member's statement: whoever speaks for the member, and whoever the change takes something from or gives something to. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { UnverifiedNote } from '../note/note.ts'
import type { Member, MemberStatement } from './member.ts'
import { checkTransition, invalid, isSignedBy } from './transition.ts'

/** The members that are known. */
interface Members {
  /** One whose statement is known. */
  readonly spoken: (name: string) => Member | undefined
  /** The same, or a pinned root that has not spoken yet. */
  readonly root: (name: string) => Member | undefined
}

/** A statement, and what the one before it said of the member. */
interface Stated {
  readonly before: Member | undefined
  readonly statement: MemberStatement
  readonly note: UnverifiedNote
}

/** @throws HuxinError member_unknown | statement_invalid */
export function checkSigners(members: Members, { before, statement, note }: Stated): void {
  if (before?.status === 'retired' && statement.status !== 'retired')
    throw invalid(statement, text`brings back a retired member`)
  const speaker = speakerOf(members, before, statement)
  if (before && statement.frozen) return checkTransition(note, statement, { before, speaker })
  const newEpoch = before !== undefined && before.epoch !== statement.epoch
  const above = speaker.parent === undefined ? undefined : members.spoken(speaker.parent)
  // The parent's parent stands in where the member's key is lost.
  if (newEpoch && above && before.parent === statement.parent && isSignedBy(note, above)) return
  const signers = [
    speaker,
    ...newParent(members, before, statement),
    ...oldKey(before, statement, above),
  ]
  const absent = signers.find((signer) => !isSignedBy(note, signer))
  if (absent)
    throw invalid(
      statement,
      text`is not signed by ${absent.name}${newEpoch && above ? text` (a new epoch is signed by ${speaker.name} and the old key, or by ${above.name})` : ''}`,
    )
}

/** The parent that the member had until now; a root itself. */
function speakerOf(
  members: Members,
  before: Member | undefined,
  statement: MemberStatement,
): Member {
  const parent = before ? before.parent : statement.parent
  const speaker = parent === undefined ? members.root(statement.member) : members.spoken(parent)
  if (!speaker) throw new HuxinError('member_unknown', text`${parent ?? ''} is not known yet`)
  return speaker
}

/** The parent to which a member moves agrees. */
function newParent(
  members: Members,
  before: Member | undefined,
  { parent }: MemberStatement,
): readonly Member[] {
  return before && before.parent !== parent && parent !== undefined ? [members.spoken(parent)!] : []
}

/** Keys change with the old one; of an epoch that a root begins after a loss nobody has it. */
function oldKey(
  before: Member | undefined,
  { epoch, noteVkey, cosignVkey }: MemberStatement,
  above: Member | undefined,
): readonly Member[] {
  if (!before) return []
  if (before.epoch !== epoch) return above ? [before] : []
  return before.noteVkey !== noteVkey || before.cosignVkey !== cosignVkey ? [before] : []
}
