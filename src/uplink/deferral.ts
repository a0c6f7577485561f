/** Receipts of nodes above that cannot be checked yet: they are left with the parent and asked for again, ever more rarely, for a while. */
import type { Clock } from '../base/clock.ts'

/** Milliseconds until they are asked for again, at first and at most. */
const MS_MIN = 500
const MS_MAX = 30_000
/** Milliseconds for which they are, at least: the parent itself learns a new key of a log above it a moment before its own log has it. */
const PATIENCE_MS = 600_000

/** Receipts that wait for what they are checked by. */
interface Deferred {
  readonly sinceMs: number
  /** Entries of the parent's log by then: what an honest parent's receipts rest on is among them. */
  readonly size: bigint
  readonly delayMs: number
  readonly againMs: number
}

export class Deferral {
  readonly #clock: Clock
  /** Entries of the parent's log that have passed the door here. */
  readonly #passed: () => bigint
  #deferred: Deferred | undefined

  constructor(clock: Clock, passed: () => bigint) {
    this.#clock = clock
    this.#passed = passed
  }

  /** Milliseconds for which receipts are not asked for. */
  restMs(): number {
    return Math.max(0, (this.#deferred?.againMs ?? 0) - this.#clock.monotonicMs())
  }

  /**
   * Asks for them again later. `size` is that of the parent's log.
   * @returns false when what is unknown has not come by the time at which it should have
   */
  again(size: bigint): boolean {
    const nowMs = this.#clock.monotonicMs()
    const {
      sinceMs,
      size: wanted,
      delayMs,
    } = this.#deferred ?? { sinceMs: nowMs, size, delayMs: MS_MIN / 2 }
    if (nowMs - sinceMs > PATIENCE_MS && this.#passed() >= wanted) return false
    const doubled = Math.min(delayMs * 2, MS_MAX)
    this.#deferred = { sinceMs, size: wanted, delayMs: doubled, againMs: nowMs + doubled }
    return true
  }

  end(): void {
    this.#deferred = undefined
  }
}
