/**
 * Who may call which service, and read what over HTTPS, by the certificate alone. Asked on every call, because an open connection
 * outlives a suspension, a revocation and a change of authorities. ExchangeService adds its own rule (a child of this node, active).
 */
import { HuxinError } from '../base/errors.ts'
import { type Said, term, text } from '../base/text.ts'
import { checkCertificate } from '../members/authority.ts'
import type { Context } from '../commit/context.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { checkClient } from './client-register.ts'

const rules: Readonly<Record<string, readonly PeerIdentity['role'][]>> = {
  'huxin.v1.ExchangeService': ['node'],
  'huxin.v1.RecordService': ['client', 'operator'],
  'huxin.v1.AdminService': ['operator'],
  'huxin.v1.LogService': ['operator', 'auditor'],
  // What the services are is no secret: it is in proto/.
  'grpc.reflection.v1.ServerReflection': ['client', 'operator', 'auditor'],
  'grpc.reflection.v1alpha.ServerReflection': ['client', 'operator', 'auditor'],
}

/** What is served over HTTPS beside gRPC (audit-server.ts). */
export type AuditAccess = 'tree' | 'entries' | 'add-checkpoint'

const auditRules: Readonly<Record<AuditAccess, readonly PeerIdentity['role'][]>> = {
  tree: ['operator', 'auditor', 'client', 'node'],
  entries: ['operator', 'auditor'],
  'add-checkpoint': ['operator', 'auditor', 'node'],
}

/**
 * A node that calls ExchangeService is checked there: what it has seen of this node's log is heard before, also from one
 * that an old copy does not know.
 * @throws HuxinError role_denied | unauthenticated | client_unknown | client_suspended
 */
export function authorizeCall(context: Context, peer: PeerIdentity, path: string): void {
  const service = path.slice(1, path.lastIndexOf('/'))
  checkRole(
    context,
    peer,
    Object.hasOwn(rules, service) ? rules[service]! : ['operator'],
    text`call ${service}`,
  )
  if (peer.role !== 'node') checkCertificate(context, peer)
  checkClient(context, peer, path)
}

/**
 * `peer` is undefined without a certificate. A node may be any active member, because all of them may witness.
 * @throws HuxinError unauthenticated | role_denied | member_suspended | client_unknown | client_suspended
 */
export function authorizeAudit(
  context: Context,
  peer: PeerIdentity | undefined,
  access: AuditAccess,
): void {
  const allowed = auditRules[access]
  if (!peer)
    throw new HuxinError(
      'unauthenticated',
      text`a valid certificate is wanted, of role ${allowed.map(term)}`,
    )
  checkRole(context, peer, allowed, text`use ${access}`)
  checkCertificate(context, peer)
  checkClient(context, peer, access)
  const status = context.ledger().federation.member(peer.nodeName)?.status
  if (peer.role === 'node' && status !== 'active')
    throw new HuxinError(
      'member_suspended',
      text`${peer.nodeName} is ${status === undefined ? text`not known here` : term(status)}`,
    )
}

function checkRole(
  context: Context,
  peer: PeerIdentity,
  allowed: readonly PeerIdentity['role'][],
  what: Said,
): void {
  if (!allowed.includes(peer.role)) {
    throw new HuxinError(
      'role_denied',
      text`a certificate of role ${term(peer.role)} may not ${what}; allowed are ${allowed.map(term)}`,
    )
  }
  if (peer.role !== 'node' && peer.nodeName !== context.self) {
    throw new HuxinError(
      'role_denied',
      text`the certificate was issued for ${peer.nodeName}, this is ${context.self}`,
    )
  }
}
