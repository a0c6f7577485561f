/**
 * Acts on members: admit, suspend, retire, re-key. A parent speaks for its children by signed
 * statements that flow to the whole federation on the control lane.
 */
import type { PersonalAct } from '../publish/actor.ts'
import { equalBytes, hex } from '../base/bytes.ts'
import { civilDate } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { addSignatureLines } from '../note/cosignature.ts'
import { parseVkey, type Signer } from '../note/key.ts'
import { parseNote, signNote, verifyNote } from '../note/note.ts'
import { holdsPersonalNumber } from '../record/personal.ts'
import {
  type Application,
  formatJoinFile,
  type JoinHead,
  type TrustAnchor,
  verifyApplication,
} from '../topology/join.ts'
import {
  AUTHORITIES_MAX,
  CATALOG_PREFIX,
  formatStatement,
  type FrozenTree,
  type Member,
  type MemberStatement,
  parseStatement,
  PREFIXES_MAX,
  statementOfEpoch,
} from '../topology/member.ts'
import { intersectsSubtree } from '../topology/target.ts'
import type { Context } from '../commit/context.ts'
import { cosignedCheckpoint } from '../witness/cosigned.ts'
import { witnessState } from '../witness/cosigning.ts'
import { publish } from '../publish/publish.ts'
import { parseLaneKey } from '../topology/lane.ts'

export const PROTOCOL_VERSION = 1_000

/** Years for which a member statement is made valid. */
const VALID_YEARS = 10

/** The statement with which a root begins: it speaks for itself. */
export function rootStatement(
  statement: Omit<MemberStatement, 'serial' | 'previous' | 'parent' | 'status'>,
  signer: Signer,
): Uint8Array {
  return signNote(
    formatStatement({
      ...statement,
      serial: 0,
      previous: undefined,
      parent: undefined,
      status: 'active',
    }),
    [signer],
  )
}

/**
 * Admits a child from its application and gives the join file. The same application again gives the
 * same member. With `rekey`, a member that lost its keys comes back as a new epoch.
 * @throws HuxinError argument_invalid | statement_invalid
 */
export async function approveMember(
  context: Context,
  {
    application: bytes,
    act,
    rekey,
    anchors,
    parentAddress,
    source,
  }: {
    application: Uint8Array
    act: PersonalAct
    rekey: boolean
    anchors: readonly TrustAnchor[]
    parentAddress: string
    source: EntrySource
  },
): Promise<{ joinFile: Uint8Array; statement: Uint8Array }> {
  checkAct(act)
  const application = verifyApplication(bytes)
  const before = context.ledger().federation.member(application.member)
  const grandparent =
    rekey &&
    before?.parent !== undefined &&
    context.ledger().federation.member(before.parent)?.parent === context.self
  if (application.parent !== context.self && !grandparent) {
    throw new HuxinError(
      'argument_invalid',
      text`the application of ${application.member} names the parent ${application.parent}, this is ${context.self}`,
    )
  }
  const same =
    before !== undefined &&
    before.noteVkey === application.noteVkey &&
    before.cosignVkey === application.cosignVkey
  if (before && !same && !rekey) {
    throw new HuxinError(
      'argument_invalid',
      text`${application.member} is a member already, with other keys: if it lost them, approve it with --rekey`,
    )
  }
  // A member that comes back reads from its first admission on; where its lanes stood then it learns from their batches.
  const heads = before && rekey ? [] : await laneHeads(context, application)
  const statement = same
    ? before.noteBytes
    : await publishStatement(context, draft(context, application, act, before), source)
  const federation = context.ledger().federation
  const joinFile = formatJoinFile({
    anchors,
    // Whole chains: a key above may have changed since it was pinned.
    statements: federation
      .lineage(application.member)
      .flatMap(({ name }) => federation.history(name)),
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
  {
    member: name,
    status,
    act,
    source,
  }: {
    member: string
    status: 'active' | 'suspended' | 'retired'
    act: PersonalAct
    source: EntrySource
  },
): Promise<Uint8Array> {
  checkAct(act)
  const member = context.ledger().federation.member(name)
  if (!member)
    throw new HuxinError(
      'argument_invalid',
      text`${name} is no member of this federation: see huxin member list`,
    )
  if (member.parent !== context.self)
    throw new HuxinError(
      'argument_invalid',
      text`${member.name} is a child of ${member.parent ?? text`nobody`}: only its parent changes its status`,
    )
  if (!['active', 'suspended', 'retired'].includes(status))
    throw new HuxinError(
      'argument_invalid',
      text`status ${status} is not one of active, suspended, retired`,
    )
  if (member.status === status)
    throw new HuxinError(
      'argument_invalid',
      text`${member.name} is ${term(status)} already, by its statement ${member.serial}`,
    )
  return publishStatement(context, { ...nextStatement(member), status, ...act }, source)
}

/**
 * Names the authorities that may issue certificates in the name of a child, or of this node where it is a root: to its
 * node, clients, operators and auditors. `issuer` is who issued the certificate of the person who asks.
 * @throws HuxinError argument_invalid, also where this node or that person would be locked out
 */
export async function setAuthorities(
  context: Context,
  {
    member: name,
    authorities,
    act,
    issuer,
    source,
  }: {
    member: string
    authorities: readonly string[]
    act: PersonalAct
    issuer: string
    source: EntrySource
  },
): Promise<Uint8Array> {
  checkAct(act)
  const member = context.ledger().federation.member(name)
  if (!member || member.serial < 0)
    throw new HuxinError(
      'argument_invalid',
      text`${name} is no member of this federation: see huxin member list`,
    )
  if ((member.parent ?? member.name) !== context.self)
    throw new HuxinError(
      'argument_invalid',
      text`${member.name} is a child of ${member.parent ?? text`nobody`}: its parent names its authorities (a root: itself)`,
    )
  const sorted = [...new Set(authorities)].sort()
  if (
    sorted.length < 1 ||
    sorted.length > AUTHORITIES_MAX ||
    !sorted.every((one) => /^[0-9a-f]{64}$/.test(one))
  ) {
    throw new HuxinError(
      'argument_invalid',
      text`give 1 to ${AUTHORITIES_MAX} authorities, each as the SHA-256 of its public key, 64 hexadecimal digits`,
    )
  }
  const locked =
    member.name === context.self &&
    [context.certificate().issuer, issuer].find((one) => !sorted.includes(one))
  if (locked) {
    throw new HuxinError(
      'argument_invalid',
      text`the authority sha256:${locked} issued the certificate of ${context.self} or yours, and is not among those: name it too until both are renewed, or nobody can reach this node`,
    )
  }
  return publishStatement(
    context,
    { ...nextStatement(member), authorities: sorted, ...act },
    source,
  )
}

/**
 * Names the prefixes of catalog ids that a child owns beside those of its place; at a root also its own.
 * @throws HuxinError argument_invalid | statement_invalid
 */
export async function setMemberCatalog(
  context: Context,
  {
    member: name,
    prefixes,
    act,
    source,
  }: { member: string; prefixes: readonly string[]; act: PersonalAct; source: EntrySource },
): Promise<Uint8Array> {
  checkAct(act)
  const member = context.ledger().federation.member(name)
  if (!member)
    throw new HuxinError(
      'argument_invalid',
      text`${name} is no member of this federation: see huxin member list`,
    )
  const speaker = member.parent ?? member.name
  if (speaker !== context.self)
    throw new HuxinError(
      'argument_invalid',
      text`the prefixes of ${member.name} are named by ${speaker}, not by ${context.self}`,
    )
  const bad = prefixes.find((prefix) => !CATALOG_PREFIX.test(prefix))
  if (bad !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(bad.slice(0, 40))} is no catalog prefix: 1 to 32 lower-case letters, digits and "-" are wanted, without the "/"`,
    )
  const sorted = [...new Set(prefixes)].sort()
  if (sorted.length > PREFIXES_MAX)
    throw new HuxinError(
      'argument_invalid',
      text`${sorted.length} prefixes, at most ${PREFIXES_MAX}`,
    )
  return publishStatement(
    context,
    { ...nextStatement(member), catalog: sorted.length > 0 ? sorted : undefined, ...act },
    source,
  )
}

/**
 * Gives a child that lost its log a new epoch: it drafts the statement and signs it with its old note
 * key, and this node adds its own signature. No person is needed; the statement goes to everyone.
 * @throws HuxinError signature_invalid | argument_invalid | statement_malformed
 */
export async function renewMember(
  context: Context,
  child: string,
  renewal: Uint8Array,
): Promise<{ statement: Uint8Array; lastCheckpoint: Uint8Array }> {
  const member = context.ledger().federation.member(child)
  if (!member) throw new HuxinError('member_unknown', text`${child} is not known here`)
  const note = parseNote(renewal)
  const draft = parseStatement(note.text)
  const old = member.epochs.find(({ epoch }) => epoch === draft.epoch - 1)
  const last = await witnessState(context, `${child}/${draft.epoch - 1}`)
  const lastCheckpoint = last?.note ?? new Uint8Array()
  if (member.epoch === draft.epoch && member.noteVkey === draft.noteVkey) {
    return {
      statement:
        statementOfEpoch(context.ledger().federation.history(child), draft.epoch) ??
        member.noteBytes,
      lastCheckpoint,
    }
  }
  const expected = {
    ...nextStatement(member),
    epoch: member.epoch + 1,
    noteVkey: draft.noteVkey,
    cosignVkey: draft.cosignVkey,
    actor: draft.actor,
    document: draft.document,
    reason: draft.reason,
    frozen: draft.frozen,
  }
  if (formatStatement(expected) !== note.text) {
    throw new HuxinError(
      'argument_invalid',
      text`the statement that ${child} asks for is not the one after serial ${member.serial}: recover again with the newest state`,
    )
  }
  if (old) verifyNote(note, [parseVkey(old.noteVkey)])
  if (draft.frozen)
    checkFrozen(context, { child, epoch: member.epoch, frozen: draft.frozen, seen: last })
  const [line] = parseNote(signNote(note.text, [context.noteSigner])).signatures
  const statement = addSignatureLines(renewal, [line!.line])
  await publishNote(context, statement, { kind: 'self' })
  return { statement, lastCheckpoint }
}

/** The tree that a child goes on from is the one that its final entry ends, as this node cosigned it. */
function checkFrozen(
  context: Context,
  {
    child,
    epoch,
    frozen,
    seen,
  }: { child: string; epoch: number; frozen: FrozenTree; seen: FrozenTree | undefined },
): void {
  const log = `${child}/${epoch}`
  const final = context.ledger().frozen.get(log)
  if (final !== frozen.size) {
    throw new HuxinError(
      'argument_invalid',
      text`${child} names a final tree of ${frozen.size} entries, and ${final === undefined ? text`no final entry` : text`the final entry of ${final}`} of ${log} came here`,
    )
  }
  if (!seen || seen.size !== frozen.size || !equalBytes(seen.root, frozen.root)) {
    context.alarms.raise(
      'frozen_child',
      child,
      text`${child} wants to go on from another tree of ${log} than the one of ${seen?.size ?? 0} entries that was cosigned here`,
    )
    throw new HuxinError(
      'log_forked',
      text`the tree of ${log} that ${child} names is not the one that was cosigned here, of ${seen?.size ?? 0} entries`,
    )
  }
}

function draft(
  context: Context,
  application: Application,
  act: PersonalAct,
  before: Member | undefined,
): MemberStatement {
  const today = civilDate(context.clock.nowMs())
  const base = before ? nextStatement(before) : { serial: 0, previous: undefined, epoch: 0 }
  return {
    member: application.member,
    serial: base.serial,
    previous: base.previous,
    tier: application.tier,
    parent: application.parent,
    divisions: application.divisions,
    body: application.body,
    host: application.host,
    epoch: base.epoch + 1,
    noteVkey: application.noteVkey,
    cosignVkey: application.cosignVkey,
    // A member that lost its keys keeps what its statement says beside them.
    authorities: before?.authorities ?? application.authorities,
    catalog: before?.catalog,
    validFrom: today,
    validTo: `${Number(today.slice(0, 4)) + VALID_YEARS}-12-31`,
    status: 'active',
    ...act,
  }
}

/** The statement after the one in force, unchanged but for serial and previous. */
export function nextStatement(member: Member): MemberStatement {
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
    authorities: member.authorities,
    catalog: member.catalog,
  }
}

async function publishStatement(
  context: Context,
  statement: MemberStatement,
  source: EntrySource,
): Promise<Uint8Array> {
  const note = signNote(formatStatement(statement), [context.noteSigner])
  await publishNote(context, note, source)
  return note
}

/** Publishes one statement to everybody. */
export async function publishNote(
  context: Context,
  note: Uint8Array,
  source: EntrySource,
): Promise<void> {
  await publish(context, {
    kind: 'member',
    item: undefined,
    provider: context.body,
    targets: ['**'],
    batchClass: 'control',
    records: [note],
    source,
  })
}

/** Heads of the lanes that will reach the new member, so that it knows where they stand. */
async function laneHeads(context: Context, application: Application): Promise<JoinHead[]> {
  const heads: JoinHead[] = []
  for await (const [lane, head] of context.ledger().lanes.heads()) {
    const parsed = parseLaneKey(lane)
    if (!parsed || parsed.batchClass === 'control') continue
    const ancestors =
      parsed.target === '**' ||
      intersectsSubtree(parsed.target, application.member, context.ledger().federation) ||
      reachesBelow(context, parsed.target)
    if (ancestors) heads.push({ lane, number: head.number, batchId: hex(head.id) })
  }
  return heads
}

/** True when a subtree target covers this node, and so every child of it. */
function reachesBelow(context: Context, target: string): boolean {
  return (
    target.endsWith('/**') &&
    context.ledger().federation.isWithin(context.self, target.slice(0, -3))
  )
}

/** @throws HuxinError argument_invalid */
export function checkAct({ actor, reason, document }: PersonalAct): void {
  for (const [name, value] of Object.entries({ reason, document })) {
    if (value.trim() === '')
      throw new HuxinError(
        'argument_invalid',
        text`an act of a person states its ${name}: give --${name}`,
      )
  }
  for (const value of [actor, reason, document]) {
    if (/[\x00-\x1f\x7f]/.test(value) || value.length > 500)
      throw new HuxinError(
        'argument_invalid',
        text`actor, reason and document are single lines of at most 500 characters`,
      )
    if (value !== actor && holdsPersonalNumber(value))
      throw new HuxinError(
        'argument_invalid',
        text`reason and document may not hold the number of a person: they are logged, and nobody can erase them`,
      )
  }
}

/** What a member is told that is not active, with why, on which document, and who decided: nobody else gives it the statement. */
export function notActive({ name, status, reason, document, actor }: Member): HuxinError {
  const said = status === 'retired' ? text`${name} is retired` : text`${name} is suspended`
  return new HuxinError('member_suspended', said, { details: { status, reason, document, actor } })
}
