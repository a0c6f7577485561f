/**
 * Notices that the clock is wrong: the wall clock is compared with one that nobody can set, from the
 * time that was trusted last, which is the parent's when the two differ. While they differ nothing is
 * written; it goes on by itself once the clock is set right, or the parent says that it is right now,
 * or the node is restarted. A clock that is behind the log at a start was never right: a log does not go on
 * before its own last entry.
 */
import type { Clock } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

export class ClockGuard {
  readonly #clock: Clock
  /** Trusted time minus monotonic clock. */
  #offsetMs: number
  /** Time of the log's last entry, while the clock has not reached it; 0 when it has. */
  #notBeforeMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.nowMs() - clock.monotonicMs()
  }

  /** Call at the start with the time of the log's last entry; nothing is trusted before the clock has reached it. */
  notBefore(ms: number): void {
    this.#notBeforeMs = ms
  }

  /** @throws HuxinError clock_wrong */
  check(): void {
    if (this.#notBeforeMs > 0) this.#reach()
    const aheadMs = this.#clock.nowMs() - this.#clock.monotonicMs() - this.#offsetMs
    if (Math.abs(aheadMs) <= limits.clockOffsetMsMax) {
      // Small corrections (NTP) are followed.
      this.#offsetMs += aheadMs
      return
    }
    throw new HuxinError('clock_wrong', `the clock is ${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the time trusted so far: ` +
      'nothing is written until it is set right, or the parent confirms it, or the node is restarted')
  }

  #reach(): void {
    const behindMs = this.#notBeforeMs - this.#clock.nowMs()
    if (behindMs > limits.clockOffsetMsMax) {
      throw new HuxinError('clock_wrong', `the clock is ${Math.round(behindMs / 1000)} s behind the last entry of this log: ` +
        'nothing is written until it is set right, or the parent confirms it (--alone overrides)')
    }
    this.#notBeforeMs = 0
    this.#offsetMs = this.#clock.nowMs() - this.#clock.monotonicMs()
  }

  /** Milliseconds since 1970, also while the clock is wrong. */
  trustedMs(): number {
    const aheadMs = this.#clock.nowMs() - this.#clock.monotonicMs() - this.#offsetMs
    return Math.round(Math.abs(aheadMs) <= limits.clockOffsetMsMax ? this.#clock.nowMs() : this.#clock.monotonicMs() + this.#offsetMs)
  }

  /** The parent says what time it is: it decides when the two differ. */
  hear(parentMs: number): void {
    this.#notBeforeMs = 0
    const nowMs = this.#clock.nowMs()
    const agreed = Math.abs(parentMs - nowMs) <= limits.clockOffsetMsMax
    this.#offsetMs = (agreed ? nowMs : parentMs) - this.#clock.monotonicMs()
  }
}
