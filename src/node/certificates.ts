/** Certificates of others, looked at again whenever a statement or a revocation comes. */
import { isHuxinError } from '../base/errors.ts'
import { alarmText } from '../alarm/alarms.ts'
import { checkCertificate, reviewAuthorities } from '../members/authority.ts'
import type { Context } from '../commit/context.ts'
import type { PeerIdentity } from '../pki/identity.ts'

/** Whether a certificate counts here, whatever its role may do. One of nobody that is known may still be heard. */
export function counts(context: Context, peer: PeerIdentity): boolean {
  try {
    checkCertificate(context, peer)
    return true
  } catch (error) {
    return !isHuxinError(error, 'unauthenticated')
  }
}

/** Checks what the parent shows at a handshake; a certificate that does not count is an alarm. @throws HuxinError */
export function checkParent(context: Context, parent: PeerIdentity): void {
  try {
    checkCertificate(context, parent)
    context.alarms.clear('parent_certificate')
  } catch (error) {
    context.alarms.raise('parent_certificate', '', alarmText(error))
    throw error
  }
}

export interface ReviewOptions {
  readonly context: Context
  /** Those who hold connections: they cut what is refused. */
  readonly holders: () => readonly (Pick<ConnectionHolder, 'dropPeers'> | undefined)[]
  /** Looks again at the parent's certificate. */
  readonly reviewParent: () => void
  readonly signal: AbortSignal
}

export interface ConnectionHolder {
  dropPeers(refused: (peer: PeerIdentity) => boolean): number
}

const REVIEW_MS_MAX = 60_000

/** Cuts open connections as soon as what is logged says that their certificate counts no more. Ends with the signal. */
export async function reviewLoop({
  context,
  holders,
  reviewParent,
  signal,
}: ReviewOptions): Promise<void> {
  const topics = ['control', 'certificate']
  const counted = (): number => topics.reduce((sum, topic) => sum + context.changes.count(topic), 0)
  while (!signal.aborted) {
    const before = counted()
    reviewAuthorities(context)
    for (const holder of holders()) holder?.dropPeers((peer) => !counts(context, peer))
    reviewParent()
    if (counted() === before) await context.changes.next(topics, REVIEW_MS_MAX, signal)
  }
}
