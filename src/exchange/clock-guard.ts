/**
 * Notices that somebody moved the clock: the wall clock is compared with one that nobody can set. After
 * a jump nothing is written until the parent's clock confirms the new time, or the node is restarted.
 */
import type { Clock } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

export class ClockGuard {
  readonly #clock: Clock
  /** Wall clock minus monotonic clock when the time was last trusted. */
  #offsetMs: number
  #refused: string | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.nowMs() - clock.monotonicMs()
  }

  /** @throws HuxinError clock_wrong */
  check(): void {
    const jumpMs = this.#clock.nowMs() - this.#clock.monotonicMs() - this.#offsetMs
    if (this.#refused === undefined && Math.abs(jumpMs) <= limits.clockOffsetMsMax) {
      // Small corrections (NTP) are followed.
      this.#offsetMs += jumpMs
      return
    }
    const what = this.#refused ?? `the clock jumped by ${Math.round(jumpMs / 1000)} s`
    throw new HuxinError('clock_wrong', `${what}: nothing is written until it is set right and the parent confirms it, or the node is restarted`)
  }

  /** Somebody trusted says that the time is right. */
  confirm(): void {
    this.#offsetMs = this.#clock.nowMs() - this.#clock.monotonicMs()
    this.#refused = undefined
  }

  /** Somebody trusted says that the time is wrong. */
  refuse(what: string): void {
    this.#refused = what
  }
}
