/** What the loops of one link work with. */
import type { Clock } from '../base/clock.ts'
import type { HuxinError } from '../base/errors.ts'
import type { Context } from '../commit/context.ts'
import type { Door } from '../exchange/door.ts'
import type { FederationState } from '../topology/federation.ts'
import type { ParentCalls } from './parent.ts'
import type { ParentKeys } from './parent-keys.ts'

/** Lanes that are kept: of all origins, of each, and of each although all have as many as they may. */
export interface AsideRoom {
  readonly all: number
  readonly each: number
  readonly few: number
}

export interface UplinkOptions {
  readonly context: Context
  /** Takes what comes from above. */
  readonly door: Door
  /** Full name of the parent. */
  readonly parent: string
  /** What the join file says of the members above, until the log says more. */
  readonly trust: () => FederationState | undefined
  readonly calls: ParentCalls
  readonly clock: Clock
  /** Milliseconds between two tries after a failure, at most. */
  readonly retryMsMax: number
  /** Milliseconds between two comparisons of clocks and logs with the parent; a minute where it is not given. */
  readonly recallMs?: number | undefined
  readonly random: () => number
  /** Milliseconds after which a parent that is away is an alarm; a minute where it is not given. */
  readonly awayMs?: number | undefined
  /** Milliseconds that what a batch waits for may take before somebody is told. */
  readonly patienceMs?: number
  /** Lanes that may wait for what is missing. */
  readonly asideRoom?: AsideRoom
  /** Compares our log with what the parent saw; throws log_behind or log_forked. */
  readonly onRecall: (seen: Recalled) => Promise<void>
  /** True while this node's log is frozen: nothing is pulled, because nothing can be logged. */
  readonly frozen: () => boolean
  /** True while lost batches are taken back. */
  readonly recovering: () => boolean
  /** Called once when all that the parent held at the start is here. */
  readonly onCaughtUp: () => Promise<void>
  /** The parent cannot be reached, and why; again when the reason changes. */
  readonly onAway: (error: HuxinError) => void
}

/** The same with the keys of the parent's log, which the loops share. */
export interface LinkOptions extends UplinkOptions {
  readonly keys: ParentKeys
}

/** What the parent remembers of us. */
export interface Recalled {
  readonly protocol: number
  readonly parentLog: string
  readonly parentTimeMs: number
  readonly lastCheckpoint: Uint8Array
  readonly epoch: number
  /** What the parent says of itself and of those above it; unverified. */
  readonly unverifiedStatements: readonly Uint8Array[]
}
