/** What a node does when a write failed: it may have happened, and the database stays failed until it is opened again. */
import { type Clock, sleep } from '../base/clock.ts'
import { type HuxinError, isHuxinError } from '../base/errors.ts'
import { type Alarms, alarmText } from '../alarm/alarms.ts'
import type { Store } from '../store/store.ts'

export interface ReloadOptions {
  readonly store: Pick<Store, 'reopen'>
  readonly alarms: Alarms
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Reads everything that memory holds from the store, and signs what is durable and unsigned. */
  readonly load: () => Promise<void>
  /** The store turned out to be another one, or an old one. */
  readonly onBroken: (error: HuxinError) => void
}

const RETRY_MS = 100
const RETRY_MS_MAX = 5_000

/** Opens and reads until it works, or the signal, or the store is no longer that of this log. */
export async function reload(
  error: unknown,
  { store, alarms, clock, signal, load, onBroken }: ReloadOptions,
): Promise<void> {
  alarms.raise('store', '', alarmText(error))
  for (let delayMs = RETRY_MS; !signal.aborted; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
    try {
      await store.reopen()
      await load()
      alarms.clear('store')
      return
    } catch (again) {
      alarms.raise('store', '', alarmText(again))
      if (isHuxinError(again, 'log_forked') || isHuxinError(again, 'log_behind'))
        return onBroken(again)
      await sleep(clock, delayMs, signal)
    }
  }
}
