/** A machine's clock that a test sets; timers and the monotonic clock go on as they are. */
import { type Clock, systemClock } from '../../src/base/clock.ts'

export class MovableClock implements Clock {
  #aheadMs = 0

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs
  }

  monotonicMs(): number {
    return systemClock.monotonicMs()
  }

  after(delayMs: number, callback: () => void): () => void {
    return systemClock.after(delayMs, callback)
  }

  /** Sets the clock so far from the right time; 0 sets it right. */
  set(aheadMs: number): void {
    this.#aheadMs = aheadMs
  }
}
