/** A machine's clock that a test sets; timers go on as they are. */
import { type Clock, systemClock } from '../../src/base/clock.ts'

export class MovableClock implements Clock {
  #aheadMs = 0
  #passedMs = 0

  nowMs(): number {
    return systemClock.nowMs() + this.#passedMs + this.#aheadMs
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#passedMs
  }

  after(delayMs: number, callback: () => void): () => void {
    return systemClock.after(delayMs, callback)
  }

  turn(): Promise<void> {
    return systemClock.turn()
  }

  /** Lets time pass, which the monotonic clock notices too; timers do not. */
  pass(ms: number): void {
    this.#passedMs += ms
  }

  /** Sets the clock so far from the right time; 0 sets it right. */
  set(aheadMs: number): void {
    this.#aheadMs = aheadMs
  }
}

/** A clock whose timers fire when the test says so. */
export class HeldClock implements Clock {
  readonly timers = new Set<() => void>()

  nowMs(): number {
    return 0
  }

  monotonicMs(): number {
    return 0
  }

  after(_delayMs: number, callback: () => void): () => void {
    this.timers.add(callback)
    return () => this.timers.delete(callback)
  }

  turn(): Promise<void> {
    return systemClock.turn()
  }
}
