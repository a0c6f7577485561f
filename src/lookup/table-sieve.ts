/** The sieve over one table of the record index: filled once by reading the table, and kept up to date by what is added. */
import { prefixRange } from '../store/keys.ts'
import type { Snapshot, Store } from '../store/store.ts'
import { eachRow, parseBucketKey, type Shape } from './segments.ts'
import { Sieve } from './sieve.ts'
import type { Tail } from './tail.ts'

/** Buckets read at once. */
const PIECE = 64

export interface TableSieveOptions {
  readonly store: Store
  readonly shape: Shape
  readonly prefix: Uint8Array
  readonly tail: Tail
  /** A bucket without its check value. @throws HuxinError store_corrupt */
  readonly open: (key: Uint8Array, stored: Uint8Array) => Uint8Array
}

export class TableSieve {
  readonly #options: TableSieveOptions
  /** What is added goes into it, also while it is filled with what was there before. */
  #sieve: Sieve | undefined
  #filled: Promise<Sieve> | undefined
  #ready: Sieve | undefined
  #isFilling = false

  constructor(options: TableSieveOptions) {
    this.#options = options
  }

  /** Tells whether an identity may be in the index of about so many records; costs one reading of the table the first time. */
  async filled(records: bigint): Promise<Sieve> {
    const before = await this.#filled?.catch(() => undefined)
    if (before && before === this.#sieve && !before.isFull) return before
    const { store, tail } = this.#options
    const sieve = new Sieve(records)
    tail.identities((high, word) => sieve.add(high, word))
    this.#sieve = sieve
    this.#filled = this.#fill(sieve, store.snapshot())
    return this.#filled
  }

  /** The sieve, when it is filled; until then it is filled beside other work. */
  now(records: bigint): Sieve | undefined {
    if (this.#ready && !this.#ready.isFull) return this.#ready
    if (this.#isFilling) return this.#ready
    this.#isFilling = true
    void this.filled(records)
      .then(
        (sieve) => {
          this.#ready = sieve
        },
        () => undefined,
      )
      .finally(() => {
        this.#isFilling = false
      })
    // One that is full says "perhaps" more often.
    return this.#ready
  }

  /** Rows were added to the tail after the first `before`. */
  added(before: number): void {
    for (const sieve of new Set([this.#sieve, this.#ready]))
      if (sieve) this.#options.tail.identities((high, word) => sieve.add(high, word), before)
  }

  /** The table begins anew. */
  forget(): void {
    this.#sieve = undefined
    this.#ready = undefined
  }

  async #fill(sieve: Sieve, snapshot: Snapshot): Promise<Sieve> {
    const { prefix, shape, open } = this.#options
    try {
      const { gte, lt } = prefixRange(prefix)
      for (let from = gte; ;) {
        const rows = await snapshot.range({ gte: from, lt, limit: PIECE })
        for (const [key, stored] of rows) {
          const { level, bucket } = parseBucketKey(key)!
          eachRow(open(key, stored), (word) =>
            sieve.add(bucket >>> (level * shape.fanInBits), word),
          )
        }
        if (rows.length < PIECE) return sieve
        from = Buffer.concat([rows.at(-1)![0], Buffer.of(0)])
      }
    } finally {
      await snapshot.close()
    }
  }
}
