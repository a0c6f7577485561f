/**
 * The order of calls that are under way together. A connection carries the messages of several calls
 * side by side, so that a later one may be complete first; its batches would look as if those before
 * them had been left out. The caller numbers the calls of a series; each waits here until the one
 * before it has entered the door.
 *
 * It only saves sending again: who numbers wrongly, or never sends a number, waits and is then judged
 * as it comes. What waits is bounded by the calls and the bytes that one caller may have under way (wire/budgets.ts).
 */
import { onAbort } from '../base/abort.ts'
import type { Clock } from '../base/clock.ts'

/** Milliseconds that a call waits for the one before it, which may have been lost on its way. */
const WAIT_MS = 20_000
/** Series remembered for one caller: one for each class, and those that were just given up. */
const SERIES_MAX = 32

interface Series {
  /** Calls that have entered without a gap. */
  entered: number
  readonly waiting: Map<number, () => void>
}

export class CallOrder {
  readonly #clock: Clock
  readonly #series = new Map<string, Map<string, Series>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Resolves when it is the turn of call `number` of a series, after WAIT_MS, or when the call is given
   * up. Say `entered` once it has entered, in the same turn of the event loop.
   */
  async turn(
    caller: string,
    series: string,
    number: number,
    call: { readonly signal: AbortSignal },
  ): Promise<void> {
    const state = this.#state(caller, series)
    // Only who waits needs a signal.
    if (number <= state.entered || call.signal.aborted) return
    await new Promise<void>((resolve) => {
      const go = (): void => {
        cancel()
        forget()
        state.waiting.delete(number)
        resolve()
      }
      const cancel = this.#clock.after(WAIT_MS, go)
      const forget = onAbort(call.signal, go)
      // A number that is sent twice goes on at once: only one of them can be meant.
      state.waiting.get(number)?.()
      state.waiting.set(number, go)
    })
  }

  /** The call has entered: the next one may. */
  entered(caller: string, series: string, number: number): void {
    const state = this.#state(caller, series)
    // The series that is used last is forgotten last.
    this.#series.get(caller)!.delete(series)
    this.#series.get(caller)!.set(series, state)
    state.entered = Math.max(state.entered, number + 1)
    for (const [waiting, go] of [...state.waiting]) if (waiting <= state.entered) go()
  }

  #state(caller: string, name: string): Series {
    let all = this.#series.get(caller)
    if (!all) this.#series.set(caller, (all = new Map()))
    let state = all.get(name)
    if (!state) {
      all.set(name, (state = { entered: 0, waiting: new Map() }))
      const [oldest] = all.keys()
      if (all.size > SERIES_MAX && oldest !== undefined) {
        for (const go of [...all.get(oldest)!.waiting.values()]) go()
        all.delete(oldest)
      }
    }
    return state
  }
}
