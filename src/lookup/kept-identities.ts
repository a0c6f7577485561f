/**
 * Identities of what was published here, from when it is logged until it is indexed. They stand in three arrays that are used
 * again and again: thousands of small objects that wait would be copied by each collection of new ones. What has no
 * room is not kept.
 */
import {
  addRows,
  type BodyIdentities,
  type IdentityColumns,
  identityColumns,
  type IndexTable,
} from './record-rows.ts'
import type { Tail } from './tail.ts'

/** 11 bytes each: three megabytes. */
const RECORDS = 1 << 18
const BATCHES = 1 << 12
const FREE = -1

export class KeptIdentities {
  #columns: IdentityColumns | undefined
  /** Log index, first record and number of records of each batch, by the last bits of its log index. */
  readonly #indexes = new Float64Array(BATCHES).fill(FREE)
  readonly #starts = new Uint32Array(BATCHES)
  readonly #counts = new Uint32Array(BATCHES)
  #batches = 0
  /** Where the oldest records begin, and where the next go. */
  #head = 0
  #tail = 0

  /** Batches come in the order of their log indexes. */
  keep(index: bigint, identities: BodyIdentities): void {
    const slot = Number(index) % BATCHES
    const start = this.#room(identities.count)
    if (start === undefined || this.#indexes[slot] !== FREE) return
    this.#columns ??= identityColumns(RECORDS)
    identities.copyTo(this.#columns, start)
    this.#indexes[slot] = Number(index)
    this.#starts[slot] = start
    this.#counts[slot] = identities.count
    this.#batches++
    this.#tail = start + identities.count
  }

  /** Adds the rows of a batch, and forgets them. Batches are taken in the order in which they came. @returns how many records it has; undefined when it is not here */
  take(index: bigint, tails: Readonly<Record<IndexTable, Tail>>): number | undefined {
    const slot = Number(index) % BATCHES
    if (this.#indexes[slot] !== Number(index)) return undefined
    const [from, count] = [this.#starts[slot]!, this.#counts[slot]!]
    addRows(this.#columns!, { from, count, index }, tails)
    this.#indexes[slot] = FREE
    this.#batches--
    this.#head = from + count
    return count
  }

  clear(): void {
    this.#indexes.fill(FREE)
    this.#batches = 0
  }

  /** Where so many records have room. */
  #room(count: number): number | undefined {
    if (this.#batches === 0) this.#head = this.#tail = 0
    const wraps = this.#batches > 0 && this.#tail <= this.#head
    if (wraps) return this.#tail + count <= this.#head ? this.#tail : undefined
    if (this.#tail + count <= RECORDS) return this.#tail
    return this.#batches > 0 && count <= this.#head ? 0 : undefined
  }
}
