/** Keeps a loop that asks the parent from running hot when answers that should wait for news come at once and bring none. */
import { type Clock, sleep } from '../base/clock.ts'

/** Answers in a row that may come at once: news of others wakes a call too. */
const FREE = 3
/** Milliseconds after which an answer was waited for. */
const WAITED_MS = 400
const REST_MS_MIN = 25
const REST_MS_MAX = 1_000

export class Pace {
  readonly #clock: Clock
  #atOnce = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rests before the next question, longer each time, until an answer brings something or takes its time. */
  async rest({
    gotOn,
    sinceMs,
    signal,
  }: {
    readonly gotOn: boolean
    readonly sinceMs: number
    readonly signal: AbortSignal
  }): Promise<void> {
    if (gotOn || this.#clock.monotonicMs() - sinceMs >= WAITED_MS) {
      this.#atOnce = 0
      return
    }
    if (++this.#atOnce <= FREE) return
    await sleep(
      this.#clock,
      Math.min(REST_MS_MIN * 2 ** (this.#atOnce - FREE - 1), REST_MS_MAX),
      signal,
    )
  }
}
