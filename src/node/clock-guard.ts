/**
 * Notices that the clock is wrong: the wall clock is compared with one that nobody can set, from the
 * time that was trusted last, which is the parent's when the two differ. While they differ nothing is
 * written; it goes on by itself once the clock is set right, or others say that it is right now,
 * or the node is restarted. A clock that is behind the log at a start was never right: a log does not go on
 * before its own last entry.
 *
 * A machine that was paused looks like one whose clock was set ahead: the clock that nobody can set stood still. A node asks its
 * parent. A root has none: more than half of its active children have to show the time that its own clock shows, each by
 * its own, since the jump was noticed. One child, or a root whose clock alone is wrong, moves nothing.
 *
 * What is followed without a word is five minutes in a day: many small steps are one large one.
 */
import { type Clock, durationOf } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'

const DAY_MS = 86_400_000
/** What a neighbour showed counts so long. */
const SHOWN_MS = 300_000

export class ClockGuard {
  readonly #clock: Clock
  readonly #voters: () => readonly string[]
  /** Trusted time minus monotonic clock, and when that was laid down, by the monotonic clock. */
  #offsetMs: number
  #sinceMs: number
  /** Time of the log's last entry, while the clock has not reached it; 0 when it has. */
  #notBeforeMs = 0
  /** When it was noticed that they differ, by the monotonic clock: what was shown before counts for nothing. */
  #wrongSinceMs = Infinity
  /** Who showed which time: minus our monotonic clock, and when. */
  readonly #shown = new Map<string, { readonly offsetMs: number; readonly atMs: number }>()

  /** `voters` are those whose clocks count, more than half of them; a node with a parent has none. */
  constructor(clock: Clock, voters: () => readonly string[] = () => []) {
    this.#clock = clock
    this.#voters = voters
    this.#offsetMs = clock.nowMs() - clock.monotonicMs()
    this.#sinceMs = clock.monotonicMs()
  }

  /** Call at the start with the time of the log's last entry; nothing is trusted before the clock has reached it. */
  notBefore(ms: number): void {
    this.#notBeforeMs = ms
  }

  /** @throws HuxinError clock_wrong */
  check(): void {
    if (this.#notBeforeMs > 0) this.#reach()
    const aheadMs = this.#aheadMs()
    if (Math.abs(aheadMs) <= limits.clockOffsetMsMax) {
      this.#wrongSinceMs = Infinity
      // Corrections (NTP) are followed, so much a day.
      if (this.#clock.monotonicMs() - this.#sinceMs >= DAY_MS) this.#trust(this.#clock.nowMs())
      return
    }
    this.#wrongSinceMs = Math.min(this.#wrongSinceMs, this.#clock.monotonicMs())
    if (this.#isShown()) return this.#trust(this.#clock.nowMs())
    throw new HuxinError(
      'clock_wrong',
      text`the clock is ${durationOf(Math.abs(aheadMs))} ${aheadMs > 0 ? text`ahead of` : text`behind`} the time trusted so far: nothing is written until it is set right, or the parent, at a root more than half of the children, show the same, or the node is restarted`,
    )
  }

  #reach(): void {
    const behindMs = this.#notBeforeMs - this.#clock.nowMs()
    if (behindMs > limits.clockOffsetMsMax) {
      throw new HuxinError(
        'clock_wrong',
        text`the clock is ${durationOf(behindMs)} behind the last entry of this log: nothing is written until it is set right, or the parent confirms it (--alone overrides)`,
      )
    }
    this.#notBeforeMs = 0
    this.#trust(this.#clock.nowMs())
  }

  /** Milliseconds since 1970, also while the clock is wrong. */
  trustedMs(): number {
    return Math.round(
      Math.abs(this.#aheadMs()) <= limits.clockOffsetMsMax
        ? this.#clock.nowMs()
        : this.#clock.monotonicMs() + this.#offsetMs,
    )
  }

  /** The parent says what time it is: it decides when the two differ. */
  hear(parentMs: number): void {
    this.#notBeforeMs = 0
    const nowMs = this.#clock.nowMs()
    this.#trust(Math.abs(parentMs - nowMs) <= limits.clockOffsetMsMax ? nowMs : parentMs)
  }

  /** The clock of somebody else shows that time now. */
  show(who: string, ms: number): void {
    const atMs = this.#clock.monotonicMs()
    if (this.#voters().includes(who)) this.#shown.set(who, { offsetMs: ms - atMs, atMs })
  }

  #trust(ms: number): void {
    this.#sinceMs = this.#clock.monotonicMs()
    this.#offsetMs = ms - this.#sinceMs
  }

  #aheadMs(): number {
    return this.#clock.nowMs() - this.#clock.monotonicMs() - this.#offsetMs
  }

  /** Whether more than half of those who count show what the clock shows. */
  #isShown(): boolean {
    const voters = this.#voters()
    const monotonicMs = this.#clock.monotonicMs()
    const offsetMs = this.#clock.nowMs() - monotonicMs
    const agreed = voters.filter((who) => {
      const shown = this.#shown.get(who)
      return (
        shown &&
        shown.atMs >= this.#wrongSinceMs &&
        monotonicMs - shown.atMs <= SHOWN_MS &&
        Math.abs(shown.offsetMs - offsetMs) <= limits.clockOffsetMsMax
      )
    })
    return agreed.length * 2 > voters.length
  }
}
