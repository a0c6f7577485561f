/** How a caller stands to this node, which decides what is kept for it when many call (wire/budgets.ts). */
import type { Context } from '../commit/context.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { Standing } from '../wire/budgets.ts'

/** Parent, active children and operators of this node are kin, its clients and auditors own; whoever else has a certificate is foreign. */
export function standingOf(context: Context, peer: PeerIdentity): Standing {
  if (peer.nodeName === context.self) return peer.role === 'operator' ? 'kin' : 'own'
  if (peer.role !== 'node') return 'foreign'
  const { federation } = context.ledger()
  const member = federation.member(peer.nodeName)
  if (!member || member.name !== peer.nodeName) return 'foreign'
  if (federation.member(context.self)?.parent === peer.nodeName) return 'kin'
  return member.parent === context.self && member.status === 'active' ? 'kin' : 'foreign'
}
