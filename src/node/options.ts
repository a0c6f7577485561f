/** What a node is started with. */
import type { CheckRecords, Kinds } from '../verdict/kind.ts'
import type { NodeConfig } from './config.ts'
import type { LinkTimes } from './dial.ts'
import type { NodeLog } from './node-log.ts'
import type { Ports } from './ports.ts'

export interface NodeOptions extends Ports {
  readonly config: NodeConfig
  readonly log: NodeLog
  /**
   * Starts without asking the parent, or at a root the children, what they last saw; the operator takes responsibility, and it is
   * logged. A root that was cosigned wants the number of entries that a child has cosigned.
   */
  readonly alone?: boolean | bigint
  /** Takes lost batches back from the parent (after `huxin node recover`). */
  readonly recovering?: boolean
  readonly checkRecords?: CheckRecords
  /** Kinds of batches, where they are not those of this version. */
  readonly kinds?: Kinds
  readonly transitGraceMs?: number
  readonly link?: LinkTimes
}
