/**
 * Time of a simulation. It passes only when nothing is left to do at the moment: all that is ready runs first, in the order in
 * which it became ready, then those who gave up their turn, then the next timer. So the order of everything
 * follows from the order of timers, and that from the seed.
 *
 * Whatever worked outside of the ports, on the platform's thread pool or by its timers, would come back whenever the machine likes:
 * it is looked for at every step and fails the run.
 */
import type { Clock } from '../../src/base/clock.ts'

/** Monday, 23 November 2026, nine o'clock in China. */
const START_MS = Date.UTC(2026, 10, 23, 1)
/** Timers of one moment that may run before something is said to turn in circles. */
const STEPS_PER_MOMENT_MAX = 200_000
/** What the platform calls its work that comes back by itself. */
const OUTSIDE = /FSReq|Request|Zlib|Resolve/

interface Timer {
  readonly atMs: number
  readonly sequence: number
  callback: (() => void) | undefined
}

const isBefore = (a: Timer, b: Timer): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)

export class VirtualTime {
  #nowMs = START_MS
  #sequence = 0
  #steps = 0
  #sinceMoved = 0
  /** A binary heap: each comes before its two followers. */
  readonly #timers: Timer[] = []
  #turns: (() => void)[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  /** Milliseconds since the beginning. */
  get passedMs(): number {
    return this.#nowMs - START_MS
  }

  /** Timers that ran. */
  get steps(): number {
    return this.#steps
  }

  /** The clock of those who live as long as `lives` says so: afterwards nothing of theirs comes back. */
  clock(lives: () => boolean = () => true): Clock {
    const living = (callback: () => void) => (): void => {
      if (lives()) callback()
    }
    return {
      nowMs: () => Math.floor(this.#nowMs),
      monotonicMs: () => this.#nowMs - START_MS,
      after: (delayMs, callback) => this.after(delayMs, living(callback)),
      turn: () => new Promise((resolve) => void this.#turns.push(living(resolve))),
    }
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      callback,
    }
    this.#push(timer)
    return () => {
      timer.callback = undefined
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve))
  }

  /** Lets time pass until something has settled. */
  async run<T>(doing: Promise<T>): Promise<T> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    doing.then(settle, settle)
    for (;;) {
      await drained()
      if (settled) return doing
      this.#step()
    }
  }

  #step(): void {
    const outside = process.getActiveResourcesInfo().filter((name) => OUTSIDE.test(name))
    if (outside.length > 0)
      throw new Error(
        `something works outside of the ports of the simulation: ${outside.join(', ')}`,
      )
    if (this.#turns.length > 0) {
      const turns = this.#turns
      this.#turns = []
      for (const turn of turns) turn()
      return
    }
    for (;;) {
      const timer = this.#pop()
      if (!timer) throw new Error('nothing is left that could happen, and somebody still waits')
      if (!timer.callback) continue
      this.#sinceMoved = timer.atMs > this.#nowMs ? 0 : this.#sinceMoved + 1
      if (this.#sinceMoved > STEPS_PER_MOMENT_MAX)
        throw new Error(
          `time stands still at ${new Date(this.#nowMs).toISOString()}: something turns in circles`,
        )
      this.#nowMs = timer.atMs
      this.#steps++
      timer.callback()
      return
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.push(timer) - 1
    for (
      let above = (at - 1) >> 1;
      at > 0 && isBefore(timer, heap[above]!);
      above = (at - 1) >> 1
    ) {
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#timers
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || first === last) return first
    let at = 0
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first
  }
}

/** Resolves when everything that was ready has run. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
