/** A store that counts what is read from it: every key asked for, found or not, and every range. */
import type { Reader, Store } from '../../src/store/store.ts'

export class ReadCounter {
  reads = 0

  /** Give this as `wrapStore`. */
  readonly wrap = (store: Store): Store => ({
    ...this.#counting(store),
    commit: (ops, expect) => store.commit(ops, expect),
    write: (ops) => store.write(ops),
    snapshot: () => {
      const snapshot = store.snapshot()
      return { ...this.#counting(snapshot), close: () => snapshot.close() }
    },
    clear: (range) => store.clear(range),
    destroyDeleted: (range) => store.destroyDeleted(range),
    reopen: () => store.reopen(),
    close: () => store.close(),
  })

  /** How many reads `doing` makes; nothing else may read meanwhile. */
  async during(doing: () => Promise<unknown>): Promise<number> {
    const before = this.reads
    await doing()
    return this.reads - before
  }

  #counting(reader: Reader): Reader {
    return {
      get: (key) => {
        this.reads++
        return reader.get(key)
      },
      getMany: (keys) => {
        this.reads += keys.length
        return reader.getMany(keys)
      },
      part: (key, start, end) => {
        this.reads++
        return reader.part(key, start, end)
      },
      range: (range) => {
        this.reads++
        return reader.range(range)
      },
    }
  }
}
