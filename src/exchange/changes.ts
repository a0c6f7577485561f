/** Who waits for what: long polls and loops wake when the log grows, without anyone asking in turns. */
import type { Clock } from '../base/clock.ts'

export class Changes {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Wakes everyone who waits for one of these topics. */
  announce(topics: Iterable<string>): void {
    for (const topic of topics) {
      const waiting = this.#waiting.get(topic)
      if (!waiting) continue
      this.#waiting.delete(topic)
      for (const wake of waiting) wake()
    }
  }

  /** Resolves at the next announcement of the topic, after `waitMs`, or when the signal is aborted. */
  next(topic: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || waitMs <= 0) return resolve()
      const waiting = this.#waiting.get(topic) ?? new Set()
      this.#waiting.set(topic, waiting)
      const wake = (): void => {
        cancel()
        waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const cancel = this.#clock.after(waitMs, wake)
      waiting.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }
}
