import type { RowView } from '../commit/row-view.ts'
import type { LaneHead } from '../ledger/lanes.ts'
import type { Shape } from '../lookup/segments.ts'
import type { RowRegister } from '../store/rows.ts'
import type { FederationState } from '../topology/federation.ts'
import type { Kinds } from '../verdict/kind.ts'

/** What a fresh fold starts from. */
export interface Genesis {
  readonly self: string
  readonly federation: () => FederationState
  readonly lanes: ReadonlyMap<string, LaneHead>
  readonly subjectKey: Uint8Array
  /** Every family of rows that this program writes. */
  readonly rows: RowRegister<RowView>
  readonly kinds: Kinds
  /** Sizes of the record index, where they are not the usual ones. */
  readonly shape?: Shape
}
