/**
 * Certificates of a running node: its own files, read again when they change (a bad one leaves the last good one and an
 * alarm), and those of others, looked at again whenever a statement or a revocation comes.
 */
import type { Clock } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import { type Alarms, alarmText } from '../alarm/alarms.ts'
import { checkCertificate, reviewAuthorities } from '../members/authority.ts'
import type { Changes } from '../commit/changes.ts'
import type { Context } from '../commit/context.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { type TlsMaterial, TlsMaterialWatcher } from '../pki/material.ts'
import type { NodeConfig } from './config.ts'
import type { NodeLog } from './node-log.ts'

interface Watched {
  readonly config: NodeConfig
  readonly clock: Clock
  readonly changes: Changes
  readonly alarms: Alarms
  readonly log: NodeLog
  /** Called with each material that replaces another. */
  readonly onChange: (material: TlsMaterial) => void
}

/** @throws HuxinError config_invalid when the files cannot be used at first */
export function watchCertificates({ config, clock, changes, alarms, log, onChange }: Watched): Promise<TlsMaterialWatcher> {
  return TlsMaterialWatcher.open({
    files: { certificateFile: config.tls.certificate, keyFile: config.tls.key, rootFiles: config.tls.roots },
    nodeName: config.node,
    clock,
    onChange: (material) => {
      onChange(material)
      changes.announce(['certificate'])
      log.info({ serial: material.identity.serial }, 'certificate files were read again')
    },
    onAlarm: (what) => {
      if (what === undefined) alarms.clear('certificate')
      else alarms.raise('certificate', '', what)
    },
  })
}

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
export async function reviewLoop({ context, holders, reviewParent, signal }: ReviewOptions): Promise<void> {
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
