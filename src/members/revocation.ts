/**
 * Revocation: certificates that count no more, by serial number or by name.
 *
 * Who may say it: the node that the certificates name, or one above it. Who reads it: everybody, but for what a node
 * says of its own clients, operators and auditors, which stays in its log, because names are persons. What it
 * costs: one control batch; memory for 1,000 certificates of a node. What is left: the entry; `reinstate` ends it.
 *
 * A name is revoked up to a moment, so that a certificate that is issued afterwards counts: a person goes on with a new
 * key. It takes effect with the entry, at each node as it comes: open connections are cut then (`node/certificates.ts`).
 */
import { create } from '@bufbuild/protobuf'
import type { PersonalAct } from '../publish/actor.ts'
import { HuxinError } from '../base/errors.ts'
import { text, type Text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { ActSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { type Revocation, RevocationSchema } from '../gen/huxin/v1/revocation_pb.ts'
import { encodeRevocation, type StandingRevocation } from '../ledger/revocations.ts'
import { canonicalSerial, type PeerIdentity, spiffeUri } from '../pki/identity.ts'
import type { Context } from '../commit/context.ts'
import { checkAct } from './members.ts'
import { publish } from '../publish/publish.ts'
import { revocationFault } from '../kinds/revocation.ts'
import { refusalText } from '../verdict/refusal.ts'

/** Which certificates. */
export interface CertificateSelector {
  /** Full name or id; '' for this node. */
  readonly node: string
  readonly role: string
  readonly name: string
  /** Hexadecimal, with or without colons; '' for every certificate of the name. */
  readonly serial: string
}

export interface RevocationAct {
  readonly act: PersonalAct
  readonly source: EntrySource
}

/**
 * Revokes certificates of this node, or of one below it. `caller` is who asks; `own` says that the caller's certificate
 * may be among them.
 * @throws HuxinError argument_invalid | not_ready | store_failed
 */
export async function revokeCertificates(
  context: Context,
  selector: CertificateSelector,
  { caller, own, ...by }: RevocationAct & { caller: PeerIdentity; own: boolean },
): Promise<{ batchId: Uint8Array; everywhere: boolean }> {
  const named = namedBy(context, selector)
  const validFromMsMax = named.serial === '' ? BigInt(context.clock.nowMs()) : 0n
  const revocation = create(RevocationSchema, {
    ...named,
    validFromMsMax,
    lifted: false,
    act: create(ActSchema, by.act),
  })
  const meets =
    caller.nodeName === named.node &&
    caller.role === named.role &&
    (named.serial === ''
      ? caller.name === named.name
      : canonicalSerial(caller.serial) === named.serial)
  if (meets && !own)
    throw new HuxinError(
      'argument_invalid',
      text`the certificate that you use is among them, and nobody may be left who can reinstate it: let another operator revoke it, or say --own, and have a new one issued`,
    )
  return say(context, revocation, by)
}

/** Ends it. @throws HuxinError argument_invalid | not_found | not_ready | store_failed */
export async function reinstateCertificates(
  context: Context,
  selector: CertificateSelector,
  by: RevocationAct,
): Promise<{ batchId: Uint8Array }> {
  const named = namedBy(context, selector)
  const standing = context.ledger().revocations.standing(named)
  if (standing.length === 0)
    throw new HuxinError(
      'not_found',
      text`no such certificate of ${named.node} is revoked: see huxin certificate list`,
    )
  const above = standing.find((one) => !context.ledger().federation.isWithin(one.by, context.self))
  if (above)
    throw new HuxinError('argument_invalid', text`${above.by} revoked it, and reinstates it itself`)
  const validFromMsMax = named.serial === '' ? standing[0]!.revocation.validFromMsMax : 0n
  return say(
    context,
    create(RevocationSchema, {
      ...named,
      validFromMsMax,
      lifted: true,
      act: create(ActSchema, by.act),
    }),
    by,
  )
}

/** What a caller with a revoked certificate is told. */
export function revokedText(
  { revocation: { act, serial }, by, timeMs }: StandingRevocation,
  peer: PeerIdentity,
): Text {
  return text`the certificate ${peer.serial} of ${spiffeUri(peer)} was revoked by ${by} at ${new Date(timeMs).toISOString()}${serial === '' ? text`, with every other of its name that was valid by then` : ''}: ${JSON.stringify(act?.reason ?? '')} (${act?.document ?? ''}); have a new one issued${serial === '' ? text`, valid from a later moment` : ''}`
}

async function say(
  context: Context,
  revocation: Revocation,
  { act, source }: RevocationAct,
): Promise<{ batchId: Uint8Array; everywhere: boolean }> {
  checkAct(act)
  const fault = revocationFault(revocation)
  if (fault !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`the revocation ${fault}: give --role, and --serial or --name`,
    )
  const everywhere = revocation.node !== context.self || revocation.role === 'node'
  const published = await publish(context, {
    kind: 'revocation',
    item: undefined,
    provider: context.body,
    targets: [everywhere ? '**' : context.ledger().selfId],
    batchClass: 'control',
    records: [encodeRevocation(revocation)],
    source,
  })
  if (published.refusal) throw new HuxinError('argument_invalid', refusalText(published.refusal))
  return { batchId: published.batch!.id, everywhere }
}

function namedBy(
  context: Context,
  { node, role, name, serial }: CertificateSelector,
): CertificateSelector {
  const { federation } = context.ledger()
  const member = federation.member(node === '' ? context.self : node)
  if (!member)
    throw new HuxinError(
      'argument_invalid',
      text`${node} is no member of this federation: see huxin member list`,
    )
  if (!federation.isWithin(member.name, context.self))
    throw new HuxinError(
      'argument_invalid',
      text`${member.name} does not lie below ${context.self}: it revokes its certificates itself, or a node above it does`,
    )
  return { node: member.name, role, name, serial: canonicalSerial(serial) }
}
