/**
 * Up to when this node has what others did to records, and whether that is good enough to give their content. A copy that was
 * restored, a node that is starting, broken or cut off for long may lack a repair or an erasure, and gives none.
 *
 * The time is kept in the store, so that a restored copy knows how old it is.
 */
import { be64, fromBe64 } from '../base/bytes.ts'
import { limits } from '../base/limits.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Store } from '../store/store.ts'
import { confirmedRow } from './own-rows.ts'

export interface ConfirmationOptions {
  readonly store: Store
  /** Milliseconds after which it is too long ago. */
  readonly afterMs: number
  /** Where nothing is kept: the time of the last entry. */
  readonly otherwiseMs: number
  readonly nowMs: () => number
  /** Nothing speaks against this log, and nothing comes back to it from others. */
  readonly isOpen: () => boolean
  /** An operator answers for it. */
  readonly isAlone: () => boolean
  /** Up to when it has heard since it was started; undefined while it has not. */
  readonly heardMs: () => number | undefined
}

const SAVE_MS = 60_000
const key = confirmedRow.key()

export class Confirmation {
  readonly #options: ConfirmationOptions
  #keptMs: number

  private constructor(options: ConfirmationOptions, keptMs: number) {
    this.#options = options
    this.#keptMs = keptMs
  }

  static async open(options: ConfirmationOptions): Promise<Confirmation> {
    const value = openChecked(key, await options.store.get(key))
    return new Confirmation(
      options,
      value?.length === 8 ? Number(fromBe64(value)) : options.otherwiseMs,
    )
  }

  /** Milliseconds since 1970. Nothing was heard after now: a time that was kept while the clock was wrong says nothing. */
  get ms(): number {
    const { heardMs, otherwiseMs, nowMs, afterMs } = this.#options
    const latestMs = nowMs() + limits.clockOffsetMsMax
    const heard = [this.#keptMs, heardMs() ?? 0].filter((ms) => ms > 0 && ms <= latestMs)
    if (heard.length > 0) return Math.max(...heard)
    return otherwiseMs <= latestMs ? otherwiseMs : latestMs - limits.clockOffsetMsMax - afterMs - 1
  }

  /** The same while no content may be given. */
  get unconfirmedSinceMs(): number | undefined {
    const { isOpen, isAlone, heardMs, nowMs, afterMs } = this.#options
    if (!isOpen() || (heardMs() === undefined && !isAlone())) return this.ms
    return nowMs() - this.ms > afterMs ? this.ms : undefined
  }

  /** Keeps the time, each minute at most, or now. Losing the last minute costs nothing. */
  async save(now = false): Promise<void> {
    const { ms } = this
    const isWrong = this.#keptMs > this.#options.nowMs() + limits.clockOffsetMsMax
    if (!isWrong && (ms <= this.#keptMs || (!now && ms - this.#keptMs < SAVE_MS))) return
    await this.#options.store.write([
      { key, value: checkedValue(key, be64(BigInt(Math.round(ms)))) },
    ])
    this.#keptMs = ms
  }
}
