/**
 * Which certificates count here. TLS says that a certificate leads to a pinned root; that is too little, because every
 * issuing CA under the root could then speak for every node. What counts beyond that:
 *
 * - it was issued by an authority that the newest statement of the member whom it names lists (`authorities`);
 * - nobody who may say so has revoked it (`revocation.ts`).
 *
 * Who may say it: authorities are part of a member statement, which the parent signs. Asked where certificates are
 * verified: on every call, and of the parent's certificate when this node dials it. Costs two look-ups in memory.
 */
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { Member } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import { revokedText } from './revocation.ts'

/** What a certificate is checked against. */
export type CertificateContext = Pick<Context, 'self' | 'ledger' | 'joined' | 'certificate'>

/**
 * Checks a certificate that TLS verified. Says nothing of the role's rights.
 * @throws HuxinError unauthenticated when it is revoked or its issuer may not speak for its holder; role_denied for a holder that is no member
 */
export function checkCertificate(context: CertificateContext, peer: PeerIdentity): void {
  const revoked = context.ledger().revocations.of(peer)
  if (revoked) throw new HuxinError('unauthenticated', revokedText(revoked, peer))
  const member = newestOf(context, peer.nodeName)
  if (!member)
    throw new HuxinError(
      'role_denied',
      text`${peer.nodeName} is no member of this federation: it must be admitted first (huxin member approve)`,
    )
  const own = peer.nodeName === context.self ? context.certificate().issuer : undefined
  checkIssuer(member, peer, own)
}

/**
 * The part that needs a statement and nothing else. `otherwise` is who issues in the name of a member whose statement
 * names no authority; undefined lets any pass, as statements of before 0.2 did.
 * @throws HuxinError unauthenticated
 */
export function checkIssuer(
  { name, authorities }: Pick<Member, 'name' | 'authorities'>,
  peer: PeerIdentity,
  otherwise?: string,
): void {
  const allowed = authorities ?? (otherwise === undefined ? undefined : [otherwise])
  if (!allowed || (peer.issuer !== '' && allowed.includes(peer.issuer))) return
  throw new HuxinError(
    'unauthenticated',
    text`the certificate ${peer.serial} of ${term(peer.role)} ${peer.name === '' ? name : JSON.stringify(peer.name)} was issued by ${peer.issuer === '' ? text`an authority that did not come with it` : text`the authority sha256:${peer.issuer}`}, which may not issue in the name of ${name}: ${authorities ? text`its statement names sha256:${authorities.join(', sha256:')}` : text`only the authority of its own certificate may, sha256:${otherwise ?? ''}`}; have it issued there, or let the parent name the other one (huxin member authorities)`,
  )
}

/** The newest that is known of a member: from the log, or while that is behind from the join file. */
export function newestOf(
  { ledger, joined }: Pick<CertificateContext, 'ledger' | 'joined'>,
  name: string,
): Member | undefined {
  const known = [ledger().federation.member(name), joined.member(name)].filter(
    (member) => member?.name === name && member.serial >= 0,
  )
  return known.reduce(
    (newest, member) => (newest && newest.serial >= member!.serial ? newest : member),
    undefined,
  )
}

/** Raises an alarm where any authority may issue in the name of a neighbour, and where this node's own certificate does not count. */
export function reviewAuthorities(context: CertificateContext & Pick<Context, 'alarms'>): void {
  const { federation } = context.ledger()
  try {
    checkCertificate(context, context.certificate())
    context.alarms.clear('own_certificate')
  } catch (error) {
    if (isHuxinError(error, 'unauthenticated'))
      context.alarms.raise(
        'own_certificate',
        '',
        text`${error}; until then its neighbours refuse it`,
      )
  }
  const parent = newestOf(context, context.self)?.parent
  const neighbours = [
    ...(parent === undefined ? [] : [parent]),
    ...federation
      .children(context.self)
      .filter(({ status }) => status !== 'retired')
      .map(({ name }) => name),
  ]
  const open = neighbours.filter((name) => {
    const member = newestOf(context, name)
    return member !== undefined && member.authorities === undefined
  })
  if (open.length === 0) return context.alarms.clear('authorities')
  context.alarms.raise(
    'authorities',
    '',
    text`the statements of ${open} name no authority, so that every CA under the pinned roots can issue certificates in their names`,
  )
}
