/**
 * Who may call which service, by the certificate alone. Asked on every call, because an open connection
 * outlives a suspension. ExchangeService adds its own rule (a child of this node, active).
 */
import { HuxinError } from '../base/errors.ts'
import type { Context } from '../exchange/context.ts'
import type { PeerIdentity } from '../pki/identity.ts'

const rules: Readonly<Record<string, readonly PeerIdentity['role'][]>> = {
  'huxin.v1.ExchangeService': ['node'],
  'huxin.v1.RecordService': ['client', 'operator'],
  'huxin.v1.AdminService': ['operator'],
  'huxin.v1.LogService': ['operator', 'client', 'node'],
}

/** @throws HuxinError role_denied */
export function authorizeCall(context: Context, peer: PeerIdentity, path: string): void {
  const service = path.slice(1, path.lastIndexOf('/'))
  const allowed = rules[service] ?? ['operator']
  if (!allowed.includes(peer.role)) {
    throw new HuxinError('role_denied', `a certificate of role ${peer.role} may not call ${service}; allowed are ${allowed.join(', ')}`)
  }
  if (peer.role !== 'node' && peer.nodeName !== context.self) {
    throw new HuxinError('role_denied', `the certificate was issued for ${peer.nodeName}, this is ${context.self}`)
  }
}
