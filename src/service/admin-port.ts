/** What the services for operators need of the running node. */
import type { PersonalAct } from '../publish/actor.ts'
import type { Text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Genesis } from '../fsck/genesis.ts'
import type { SignedTree } from '../log/log.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { TrustAnchor } from '../topology/join.ts'
import type { ApprovalPort } from './approval-calls.ts'

/** What these services need of the running node. */
export interface AdminPort extends ApprovalPort {
  readonly state: string
  readonly port: number
  readonly join: { readonly anchors: readonly TrustAnchor[] }
  readonly config: {
    readonly tier: string
    readonly advertise: string | undefined
    readonly listen: { readonly host: string }
    readonly parent: { readonly node: string } | undefined
  }
  readonly uplink: UplinkView | undefined
  lastContactMs(child: string): number
  genesis(): Genesis
  readonly backups: BackupPort
  readonly rotation: RotationPort
  connected(): readonly PeerIdentity[]
}

/** What these services need of the end of a log. */
export interface RotationPort {
  freeze(act: PersonalAct, source: EntrySource): Promise<SignedTree>
  rotate(
    act: PersonalAct,
    source: EntrySource,
    options: { readonly keepKeys: boolean },
  ): Promise<SignedTree>
}

/** What these services need of the backups of the node. */
export interface BackupPort {
  readonly state: {
    readonly state: string
    readonly file: string
    readonly bytes: number
    readonly contents: { readonly size: bigint; readonly rows: number } | undefined
    readonly error: Text | undefined
  }
  begin(key: { readonly head: Uint8Array; readonly key: Uint8Array }): BackupPort['state']
}

export interface UplinkView {
  readonly state: string
  readonly suspension:
    | {
        readonly status: string
        readonly reason: string
        readonly document: string
        readonly actor: string
        readonly sinceMs: number
      }
    | undefined
  readonly lastContactMs: number
  readonly clockOffsetMs: number
  readonly follower: { readonly verified: { readonly size: bigint } }
  waiting(): Promise<number>
  readPackage(
    lane: string,
    number: bigint,
  ): Promise<{ readonly body: Uint8Array; readonly refusal: Uint8Array } | undefined>
  traceAbove(
    lane: string,
    number: bigint,
  ): Promise<readonly { node: string; held: boolean; index: bigint; receiptNotes: Uint8Array[] }[]>
}
