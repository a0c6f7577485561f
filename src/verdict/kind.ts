/**
 * Room `verdict`: what a node thinks of a batch, as of its first receipt. This file says what a kind of batch is;
 * each stands in a file of its own (`kinds/`).
 *
 * Pure reading of the ledger: the same batch judged anywhere with the same catalog gives the same verdict. "Not yet
 * knowing" a member or an item is not a verdict: it is unavailable and the batch is sent again.
 */
import type { TurnClock } from '../base/clock.ts'
import type { Text } from '../base/text.ts'
import type { Body } from '../batch/body.ts'
import type { Judged } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { KindTable } from '../batch/kinds.ts'
import type { Ledger, StoredKind } from '../ledger/ledger.ts'
import type { IdPlaces } from '../lookup/record-rows.ts'
import type { CompiledItem, RecordFault } from '../record/item.ts'
import type { Refused } from './refusal.ts'

/** As of when, and by which edition of the rules, a batch is judged. */
export interface Terms extends Judged {
  /** The edition under which a node on the way logged it first; that of this program when absent. */
  readonly rules?: string
}

/** Replaceable for tests that need a node with other rules. Long work takes turns by the clock; may note where record ids are, where it is given room for that. */
export type CheckRecords = (
  compiled: CompiledItem,
  body: Body,
  how: { readonly clock: TurnClock; readonly ids?: IdPlaces },
) => readonly RecordFault[] | Promise<readonly RecordFault[]>

/** What a judgement works with. */
export interface Judging {
  readonly kinds: Kinds
  readonly checkRecords: CheckRecords
  /** Long work takes turns by it. */
  readonly clock: TurnClock
}

/** A batch that goes where its kind may go: its header is authentic, and its body has the header's root. */
export interface BatchInQuestion {
  readonly ledger: Ledger
  readonly header: BatchHeader
  readonly body: Body
  readonly terms: Terms
}

/** What is asked of a batch where it stands in the order of the log. */
export interface OrderedQuestion extends Pick<BatchInQuestion, 'ledger' | 'header' | 'body'> {
  readonly kinds: Kinds
  readonly rules: string
  /** The header of a batch that is in the log or before this one in the round; undefined when it is not here. */
  readonly headerOf: (batchId: Uint8Array) => Promise<BatchHeader | undefined>
  /** Keeps the evidence of two statements of a member with one serial, signed by the same members. */
  readonly keepConflict: (
    earlier: Uint8Array,
    later: Uint8Array,
    signers: readonly string[],
  ) => Promise<void>
}

/** What the node that publishes a batch asks besides what all ask: what it does not know itself is a slip of the pen. */
export interface OwnBatch extends Pick<BatchInQuestion, 'ledger' | 'body'> {
  readonly clock: TurnClock
}

/** One kind of batch. Everything that depends on the kind is here. */
export interface Kind extends StoredKind {
  /** Why a batch is refused; undefined when it is accepted. Its records are checked in turns with whatever else the node does. */
  readonly judge: (
    batch: BatchInQuestion,
    judging: Judging,
  ) => Promise<Refused | undefined> | Refused | undefined
  /** The same for what can only be judged in the order of the log; inside a round of the writer. */
  readonly judgeInOrder?: (asked: OrderedQuestion) => Promise<Refused | undefined>
  readonly judgeOwn?: (batch: OwnBatch) => Promise<Refused | undefined>
  /** The last look at own records, inside the round that logs them. */
  readonly checkOwnInOrder?: (ledger: Ledger, records: readonly Uint8Array[]) => void
  /** Nodes judge everything else by it: what it said stands, or nodes would differ. */
  readonly lasting?: true
  /** What to do in the place of an amendment, where that is not what holds for all: as a refusal says it, and to whoever asks here. */
  readonly instead?: { readonly refused: Text; readonly asked: Text }
  /** How a record is shown to people, where it is neither a credit record nor bytes. */
  readonly shown?: (record: Uint8Array) => string
}

export type Kinds = KindTable<Kind>
