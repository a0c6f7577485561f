import type { LaneHead } from '../ledger/lanes.ts'
import type { Shape } from '../lookup/segments.ts'
import type { FederationState } from '../topology/federation.ts'

/** What a fresh fold starts from. */
export interface Genesis {
  readonly self: string
  readonly federation: () => FederationState
  readonly lanes: ReadonlyMap<string, LaneHead>
  readonly subjectKey: Uint8Array
  /** Sizes of the record index, where they are not the usual ones. */
  readonly shape?: Shape
}
