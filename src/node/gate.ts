/**
 * Whether this node may sign now. Not before its parent has said what it last saw of this log, not after
 * that turned out to be another log, not while the clock is wrong. Decides by what it is told; writes nothing.
 */
import { equalBytes } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { type Alarms, alarmText } from '../exchange/alarms.ts'
import { ClockGuard } from '../exchange/clock-guard.ts'
import type { Decision } from '../exchange/writer.ts'
import type { Log } from '../log/log.ts'
import { openCheckpoint } from '../note/checkpoint.ts'
import type { Recalled } from '../uplink/uplink.ts'

export interface GateOptions {
  readonly clock: Clock
  readonly alarms: Alarms
  readonly log: () => Log
  readonly epoch: number
  /** Size at which this log was frozen; undefined while it is not. */
  readonly frozenAt: () => bigint | undefined
  /** The log goes on from a frozen one and has no entry of its own yet. */
  readonly mustBegin: () => boolean
  /** A root, or a node that was told to start alone, asks nobody. */
  readonly asksNobody: boolean
}

export class Gate {
  readonly #options: GateOptions
  readonly #clockGuard: ClockGuard
  #recalled = false
  #broken: HuxinError | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#clockGuard = new ClockGuard(options.clock)
  }

  /** Why this log may never be written again in this epoch. */
  get broken(): HuxinError | undefined {
    return this.#broken
  }

  get maySign(): boolean {
    return !this.#broken && (this.#options.asksNobody || this.#recalled)
  }

  /** Whether entries other than the first of a successor may be written. */
  get mayAppend(): boolean {
    return this.maySign && this.#options.frozenAt() === undefined && !this.#options.mustBegin()
  }

  /** @throws HuxinError log_frozen | clock_wrong | not_ready, or why the node is broken */
  mayWrite({ entries, begins }: Pick<Decision, 'entries' | 'begins'>): void {
    if (this.#broken) throw new HuxinError(this.#broken.code, this.#broken.message)
    if (entries.length === 0) return
    const frozen = this.#options.frozenAt()
    if (frozen !== undefined) {
      throw new HuxinError('log_frozen', `the log ${this.#options.log().origin} is frozen at ${frozen} entries: its successor takes what comes now (huxin log status)`)
    }
    if (begins !== true && this.#options.mustBegin()) throw new HuxinError('not_ready', `the log ${this.#options.log().origin} has not begun yet: send again in a moment`)
    this.checkClock()
    if (!this.maySign) {
      throw new HuxinError('not_ready', 'this node has not heard from its parent since it started and signs nothing before: is the link up? (huxin node status; --alone overrides)')
    }
  }

  /** Nothing is signed from here on. */
  break(error: HuxinError): void {
    this.#broken = error
  }

  /** Compares clock and log with what the parent says of them. @throws HuxinError log_behind | log_forked */
  async recall(seen: Recalled): Promise<void> {
    this.#clockGuard.hear(seen.parentTimeMs)
    this.clockIsRight()
    try {
      // The next epoch of a frozen log may be signed already, with the answer lost: nothing is written here until it is taken.
      const next = this.#options.frozenAt() !== undefined && seen.epoch === this.#options.epoch + 1
      if (seen.epoch > this.#options.epoch && !next) {
        throw new HuxinError('log_behind', `the federation has epoch ${seen.epoch} of this node, the keys here are of epoch ${this.#options.epoch}: run huxin node recover`)
      }
      if (seen.lastCheckpoint.length > 0) await this.#compareLog(seen.lastCheckpoint)
    } catch (error) {
      if (isHuxinError(error, 'log_behind') || isHuxinError(error, 'log_forked')) {
        this.#broken = error
        this.#options.alarms.raise('log', error.message)
      }
      throw error
    }
    this.#recalled = true
  }

  /** Raises and clears the alarm of the clock. @throws HuxinError clock_wrong */
  checkClock(): void {
    const { alarms } = this.#options
    try {
      this.#clockGuard.check()
      alarms.clear('clock')
    } catch (error) {
      alarms.raise('clock', alarmText(error))
      throw error
    }
  }

  clockIsRight(): boolean {
    try {
      this.checkClock()
      return true
    } catch {
      return false
    }
  }

  /** Milliseconds since 1970, also while the clock is wrong. */
  trustedMs(): number {
    return this.#clockGuard.trustedMs()
  }

  async #compareLog(checkpoint: Uint8Array): Promise<void> {
    const log = this.#options.log()
    const seen = openCheckpoint(checkpoint, [log.verifier], log.origin)
    if (seen.size > log.size) {
      throw new HuxinError('log_behind', `the parent has seen ${seen.size} entries of this log, there are ${log.size}: ` +
        'the database is an old copy (a rollback, not fraud); nothing is signed; run huxin node recover')
    }
    if (seen.size > 0n && !equalBytes(await log.root(seen.size), seen.root)) {
      throw new HuxinError('log_forked', `the first ${seen.size} entries of this log are not those that the parent saw; nothing is signed; run huxin node recover`)
    }
  }
}
