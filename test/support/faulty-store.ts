/** A store whose disk fails on purpose: before a write reaches it, or after. */
import { HuxinError } from '../../src/base/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** What becomes of writes: done, not done, or done but reported as failed. */
export type DiskState = 'good' | 'full' | 'lying'

export class FaultyDisk {
  state: DiskState = 'good'
  /** Writes that were answered with an error. */
  failures = 0

  /** Give this as `wrapStore`. */
  readonly wrap = (store: Store): Store => {
    const failing = async (write: () => Promise<void>): Promise<void> => {
      if (this.state === 'good') return write()
      if (this.state === 'lying') await write()
      this.failures++
      throw new HuxinError('store_failed', 'the database did not write: No space left on device')
    }
    return {
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      part: (key, start, end) => store.part(key, start, end),
      range: (range) => store.range(range),
      commit: (ops, expect) => failing(() => store.commit(ops, expect)),
      write: (ops) => failing(() => store.write(ops)),
      snapshot: () => store.snapshot(),
      clear: (range) => store.clear(range),
      destroyDeleted: (range) => store.destroyDeleted(range),
      async reopen() {
        await store.reopen()
      },
      close: () => store.close(),
    }
  }
}
