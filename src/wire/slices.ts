/**
 * Calls that came together begin a few at a time. Their requests arrive in one piece of TLS, and HTTP/2 sends answers
 * when the event loop comes round: without slices the caller waits until the last of sixty is answered, and then this node waits
 * until the caller has read sixty answers, so that each of the two machines works half of the time.
 *
 * Calls begin in the order in which they came, one by itself at once. What waits is on the account of its caller.
 */
import type { Clock } from '../base/clock.ts'

/** Calls that begin in one turn of the event loop, at least. */
const SLICE_CALLS = 4
/** Of those that wait, the part that begins in addition: each turn with answers costs a write of its own. */
const SLICE_SHARE = 1 / 8

export class Slices {
  readonly #clock: Pick<Clock, 'turn'>
  readonly #waiting: (() => void)[] = []
  /** Calls that may begin in this turn. */
  #room = SLICE_CALLS
  #turning = false

  constructor(clock: Pick<Clock, 'turn'>) {
    this.#clock = clock
  }

  /** Calls `begin` now or in a later turn. */
  add(begin: () => void): void {
    if (this.#room === 0) {
      this.#waiting.push(begin)
      return
    }
    this.#room--
    if (!this.#turning) {
      this.#turning = true
      void this.#clock.turn().then(() => this.#turn())
    }
    begin()
  }

  #turn(): void {
    this.#turning = false
    this.#room = SLICE_CALLS + Math.floor(this.#waiting.length * SLICE_SHARE)
    for (const begin of this.#waiting.splice(0, this.#room)) this.add(begin)
  }
}
