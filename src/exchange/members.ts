/**
 * Acts on members: admit, suspend, retire, re-key. A parent speaks for its children by signed
 * statements that flow to the whole federation on the control lane.
 */
import { hex } from '../base/bytes.ts'
import { civilDate } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Signer } from '../note/key.ts'
import { signNote } from '../note/note.ts'
import { type Application, formatJoinFile, type JoinHead, type TrustAnchor, verifyApplication, verifyRenewal } from '../topology/join.ts'
import { formatStatement, type Member, type MemberStatement } from '../topology/member.ts'
import { intersectsSubtree } from '../topology/target.ts'
import type { Context } from './context.ts'
import { cosignedCheckpoint, witnessState } from './links.ts'
import { publish } from './publish.ts'
import { parseLaneKey } from '../topology/lane.ts'

/** Who acts, why, and on which document. */
export interface PersonalAct {
  readonly actor: string
  readonly reason: string
  readonly document: string
}

export const PROTOCOL_VERSION = 1_000

/** Years for which a member statement is made valid. */
const VALID_YEARS = 10

/** The statement with which a root begins: it speaks for itself. */
export function rootStatement(statement: Omit<MemberStatement, 'serial' | 'previous' | 'parent' | 'status'>, signer: Signer): Uint8Array {
  return signNote(formatStatement({ ...statement, serial: 0, previous: undefined, parent: undefined, status: 'active' }), [signer])
}

/**
 * Admits a child from its application and gives the join file. The same application again gives the
 * same member. With `rekey`, a member that lost its keys comes back as a new epoch.
 * @throws HuxinError argument_invalid | statement_invalid
 */
export async function approveMember(
  context: Context,
  { application: bytes, act, rekey, anchors, parentAddress, source }: {
    application: Uint8Array; act: PersonalAct; rekey: boolean; anchors: readonly TrustAnchor[]; parentAddress: string; source: EntrySource
  },
): Promise<{ joinFile: Uint8Array; statement: Uint8Array }> {
  checkAct(act)
  const application = verifyApplication(bytes)
  if (application.parent !== context.self) {
    throw new HuxinError('argument_invalid', `the application of ${application.member} names the parent ${application.parent}, this is ${context.self}`)
  }
  const before = context.ledger().federation.member(application.member)
  const same = before !== undefined && before.noteVkey === application.noteVkey && before.cosignVkey === application.cosignVkey
  if (before && !same && !rekey) {
    throw new HuxinError('argument_invalid', `${application.member} is a member already, with other keys: if it lost them, approve it with --rekey`)
  }
  const heads = laneHeads(context, application)
  const statement = same ? before.noteBytes : await publishStatement(context, draft(context, application, act, before), source)
  const federation = context.ledger().federation
  const joinFile = formatJoinFile({
    anchors,
    statements: federation.lineage(application.member).map(({ noteBytes }) => noteBytes),
    parentCheckpoint: await cosignedCheckpoint(context),
    heads,
    parentAddress,
    protocol: PROTOCOL_VERSION,
  })
  return { joinFile, statement }
}

/** Changes the status of a child. @throws HuxinError argument_invalid */
export async function setMemberStatus(
  context: Context,
  { member: name, status, act, source }: { member: string; status: 'active' | 'suspended' | 'retired'; act: PersonalAct; source: EntrySource },
): Promise<Uint8Array> {
  checkAct(act)
  const member = context.ledger().federation.member(name)
  if (!member) throw new HuxinError('argument_invalid', `${name} is no member of this federation: see huxin member list`)
  if (member.parent !== context.self) throw new HuxinError('argument_invalid', `${member.name} is a child of ${member.parent ?? 'nobody'}: only its parent changes its status`)
  if (!['active', 'suspended', 'retired'].includes(status)) throw new HuxinError('argument_invalid', `status ${status} is not one of active, suspended, retired`)
  return publishStatement(context, { ...next(member), status, ...act }, source)
}

/**
 * Gives a child that lost its log a new epoch. Signed by the old note key, so no person is needed.
 * @throws HuxinError signature_invalid | argument_invalid
 */
export async function renewMember(context: Context, child: string, renewalBytes: Uint8Array): Promise<{ statement: Uint8Array; lastCheckpoint: Uint8Array }> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', `${child} is not known here`)
  const last = await witnessState(context, `${child}/${member.epoch}`)
  const renewal = verifyRenewal(renewalBytes, member)
  const done = member.noteVkey === renewal.noteVkey && member.epoch === renewal.oldEpoch + 1
  if (!done && renewal.oldEpoch !== member.epoch) {
    throw new HuxinError('argument_invalid', `${child} asks to leave epoch ${renewal.oldEpoch}, in force is ${member.epoch}`)
  }
  const statement = done ? member.noteBytes : await publishStatement(context, {
    ...next(member), epoch: member.epoch + 1, noteVkey: renewal.noteVkey, cosignVkey: renewal.cosignVkey,
    actor: child, reason: `recovery: ${renewal.reason}`, document: '-',
  }, { kind: 'self' }, renewal.coSignatureFor)
  return { statement, lastCheckpoint: last?.note ?? new Uint8Array() }
}

function draft(context: Context, application: Application, act: PersonalAct, before: Member | undefined): MemberStatement {
  const today = civilDate(context.clock.nowMs())
  const base = before ? next(before) : { serial: 0, previous: undefined, epoch: 0 }
  return {
    member: application.member,
    serial: base.serial,
    previous: base.previous,
    tier: application.tier,
    parent: context.self,
    divisions: application.divisions,
    body: application.body,
    host: application.host,
    epoch: base.epoch + 1,
    noteVkey: application.noteVkey,
    cosignVkey: application.cosignVkey,
    validFrom: today,
    validTo: `${Number(today.slice(0, 4)) + VALID_YEARS}-12-31`,
    status: 'active',
    ...act,
  }
}

/** The statement after the one in force, unchanged but for serial and previous. */
function next(member: Member): MemberStatement {
  return {
    member: member.name,
    serial: member.serial + 1,
    previous: member.statementHash,
    tier: member.tier,
    parent: member.parent,
    divisions: member.divisions,
    body: member.body,
    host: member.host,
    epoch: member.epoch,
    noteVkey: member.noteVkey,
    cosignVkey: member.cosignVkey,
    validFrom: member.validFrom,
    validTo: member.validTo,
    status: member.status,
    actor: '-',
    document: '-',
    reason: '-',
  }
}

async function publishStatement(context: Context, statement: MemberStatement, source: EntrySource, alsoSigned?: (text: string) => string | undefined): Promise<Uint8Array> {
  void alsoSigned
  const note = signNote(formatStatement(statement), [context.noteSigner])
  await publish(context, {
    kind: 'member', item: undefined, provider: context.body, targets: ['**'], batchClass: 'control', records: [note], source,
  })
  return note
}

/** Heads of the lanes that will reach the new member, so that it knows where they stand. */
function laneHeads(context: Context, application: Application): JoinHead[] {
  const heads: JoinHead[] = []
  for (const [lane, head] of context.ledger().lanes) {
    const parsed = parseLaneKey(lane)
    if (!parsed || parsed.batchClass === 'control') continue
    const ancestors = parsed.target === '**' || intersectsSubtree(parsed.target, application.member, context.ledger().federation) ||
      reachesBelow(context, parsed.target)
    if (ancestors) heads.push({ lane, number: head.number, batchId: hex(head.id) })
  }
  return heads
}

/** True when a subtree target covers this node, and so every child of it. */
function reachesBelow(context: Context, target: string): boolean {
  return target.endsWith('/**') && context.ledger().federation.isWithin(context.self, target.slice(0, -3))
}

function checkAct({ actor, reason, document }: PersonalAct): void {
  for (const [name, value] of Object.entries({ reason, document })) {
    if (value.trim() === '') throw new HuxinError('argument_invalid', `an act on members or catalog states its ${name}: give --${name}`)
  }
  for (const value of [actor, reason, document]) {
    if (/[\x00-\x1f\x7f]/.test(value) || value.length > 500) throw new HuxinError('argument_invalid', 'actor, reason and document are single lines of at most 500 characters')
  }
}
