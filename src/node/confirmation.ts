/**
 * Up to when this node has what others did to records, and whether that is good enough to give their content. A copy that was
 * restored, a node that is starting, broken or cut off for long may lack a repair or an erasure, and gives none.
 *
 * The time is kept in the store, so that a restored copy knows how old it is.
 */
import { be64, fromBe64 } from '../base/bytes.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { tables, textKey } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

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
const key = textKey(tables.meta, 'confirmed')

export class Confirmation {
  readonly #options: ConfirmationOptions
  #keptMs: number

  private constructor(options: ConfirmationOptions, keptMs: number) {
    this.#options = options
    this.#keptMs = keptMs
  }

  static async open(options: ConfirmationOptions): Promise<Confirmation> {
    const value = openChecked(key, await options.store.get(key))
    return new Confirmation(options, value?.length === 8 ? Number(fromBe64(value)) : options.otherwiseMs)
  }

  /** Milliseconds since 1970. */
  get ms(): number {
    return Math.max(this.#keptMs, this.#options.heardMs() ?? 0)
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
    if (ms <= this.#keptMs || (!now && ms - this.#keptMs < SAVE_MS)) return
    await this.#options.store.write([{ key, value: checkedValue(key, be64(BigInt(Math.round(ms)))) }])
    this.#keptMs = ms
  }
}
