/** What every use case works with: the parts of one running node, wired by `node`. */
import type { Clock } from '../base/clock.ts'
import type { OneAtATime } from '../base/one-at-a-time.ts'
import type { Random } from '../base/random.ts'
import type { Body } from '../batch/body.ts'
import type { Indexer } from '../lookup/indexer.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Log } from '../log/log.ts'
import type { Signer } from '../note/key.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { Op, Store } from '../store/store.ts'
import type { FederationState } from '../topology/federation.ts'
import type { Alarms } from '../alarm/alarms.ts'
import type { Changes } from './changes.ts'
import type { BatchClass } from '../topology/lane.ts'
import type { CheckRecords, Kinds } from '../verdict/kind.ts'
import type { Quotas } from './quotas.ts'
import type { Recent } from './recent.ts'
import type { RecordReader } from './record-reader.ts'
import type { RoundView, Writer } from './writer.ts'

/** A batch of amendments in the log. */
export interface ErasingAmendment {
  /** Full name of the node that amends. */
  readonly by: string
  readonly index: bigint
  readonly body: Body
}

export interface Context {
  /** Full name of this node. */
  readonly self: string
  readonly epoch: number
  /** Unified social credit code of the body that operates this node. */
  readonly body: string
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly changes: Changes
  readonly writer: Writer
  /** What members may put into this log. */
  readonly quotas: Quotas
  readonly indexer: Indexer
  readonly recent: Recent
  readonly records: RecordReader
  readonly alarms: Alarms
  readonly noteSigner: Signer
  readonly cosigner: Signer
  /** Key of the subject index, secret to this node. */
  readonly subjectKey: Uint8Array
  readonly checkRecords: CheckRecords
  readonly kinds: Kinds
  /** Use cases of this node that must not run at once, by a key of theirs. */
  readonly oneAtATime: OneAtATime
  /** Where the next receipt of a higher tier goes in their order; undefined until somebody has looked. */
  readonly receiptOrder: { next: bigint | undefined }
  /** Operations that destroy the records which an amendment erases; inside a round of the writer. */
  readonly eraseOps: (amendment: ErasingAmendment, view: RoundView) => Promise<Op[]>
  /** The time that neighbours are told: not the clock's while that is known to be wrong. */
  readonly trustedMs: () => number
  /** Up to when this node has what others did to records, milliseconds since 1970. */
  readonly confirmedMs: () => number
  /** The same while it is too long ago, or this node is not ready, so that no content of records is given; undefined otherwise. */
  readonly unconfirmedSinceMs: () => number | undefined
  /** Call before a judgement that is not written. @throws HuxinError clock_wrong */
  readonly checkClock: () => void
  /** Call before records are taken. @throws HuxinError disk_full */
  readonly checkRoom: (batchClass: BatchClass) => void
  readonly ledger: () => Ledger
  readonly log: () => Log
  /** The members that the join file vouches for. */
  readonly joined: FederationState
  /** The certificate that this node shows now. */
  readonly certificate: () => PeerIdentity
  /** Keeps a file of evidence, unless one of that name is there. @returns where it is */
  readonly keepEvidence: (name: string, content: Uint8Array) => Promise<string>
  /** Where a file of evidence is, when it was kept since the start. */
  readonly evidenceAt: (name: string) => string | undefined
}
