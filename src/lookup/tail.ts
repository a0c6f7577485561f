/** The rows of one table of the record index since the last segment, in memory: see segments.ts. */
import {
  HIGH_BITS,
  type Identity,
  LOW,
  packPlace,
  type Place,
  ROW_BYTES,
  TOP,
  unpackPlace,
  viewOf,
} from './segments.ts'

const NONE = -1
const SLOTS = 1 << 14
/** No place has it: an index of 40 bits ends before. */
const REMOVED = 0xffff_ffff
const ORDINAL_BITS = 26

/** The rows of one table since the last segment, in memory. Rows are added in the order of their places. */
export class Tail {
  #count = 0
  readonly #heads = new Int32Array(SLOTS).fill(NONE)
  #next = new Int32Array(1_024)
  #high = new Uint8Array(1_024)
  #word = new Uint32Array(1_024)
  #first = new Uint32Array(1_024)
  #second = new Uint32Array(1_024)

  /** `first` and `second` are those of packPlace. */
  add(high: number, word: number, first: number, second: number): void {
    if (this.#count === this.#word.length) this.#grow()
    const at = this.#count++
    const slot = slotOf(high, word)
    this.#high[at] = high
    this.#word[at] = word
    this.#first[at] = first
    this.#second[at] = second
    this.#next[at] = this.#heads[slot]!
    this.#heads[slot] = at
  }

  /** Places of an identity, newest first. */
  find(identity: Identity): Place[] {
    const places: Place[] = []
    this.#each(identity, (at) => {
      places.push(unpackPlace(this.#first[at]!, this.#second[at]!))
    })
    return places
  }

  remove(identity: Identity, place: Place): void {
    const [first, second] = packPlace(place)
    this.#each(identity, (at) => {
      if (this.#first[at] === first && this.#second[at] === second) this.#first[at] = REMOVED
    })
  }

  /** Every identity. */
  all(): Identity[] {
    return Array.from({ length: this.#count }, (_, i) => ({
      high: this.#high[i]!,
      word: this.#word[i]!,
    }))
  }

  clear(): void {
    this.#count = 0
    this.#heads.fill(NONE)
  }

  /** Rows added, those that were removed included. */
  get count(): number {
    return this.#count
  }

  /** Calls with every identity but the first `before`. */
  identities(visit: (high: number, word: number) => void, before = 0): void {
    for (let i = before; i < this.#count; i++) visit(this.#high[i]!, this.#word[i]!)
  }

  /** The buckets of level 0 that are not empty, in order. */
  buckets(): [bucket: number, rows: Uint8Array][] {
    const keys = new BigUint64Array(this.#count)
    const words = new Uint32Array(keys.buffer)
    let count = 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#first[i] === REMOVED) continue
      const word = this.#word[i]!
      words[2 * count + TOP] = (this.#high[i]! << 26) | (word >>> HIGH_BITS)
      words[2 * count + LOW] = (word << ORDINAL_BITS) | i
      count++
    }
    keys.subarray(0, count).sort()
    const into = Buffer.allocUnsafe(ROW_BYTES * count)
    const view = viewOf(into)
    const found: [number, Uint8Array][] = []
    let start = 0
    for (let i = 0; i < count; i++) {
      const at = words[2 * i + LOW]! & ((1 << ORDINAL_BITS) - 1)
      const bucket = this.#high[at]!
      view.setUint32(ROW_BYTES * i, this.#word[at]!)
      view.setUint32(ROW_BYTES * i + 4, this.#first[at]!)
      view.setUint32(ROW_BYTES * i + 8, this.#second[at]!)
      if (i + 1 < count && words[2 * i + 2 + TOP]! >>> 26 === bucket) continue
      found.push([bucket, into.subarray(start, ROW_BYTES * (i + 1))])
      start = ROW_BYTES * (i + 1)
    }
    return found
  }

  #each({ high, word }: Identity, visit: (at: number) => void): void {
    for (let at = this.#heads[slotOf(high, word)]!; at !== NONE; at = this.#next[at]!) {
      if (this.#high[at] === high && this.#word[at] === word && this.#first[at] !== REMOVED)
        visit(at)
    }
  }

  #grow(): void {
    const size = 2 * this.#count
    const grown = <A extends Int32Array | Uint8Array | Uint32Array>(into: A, from: A): A => {
      into.set(from)
      return into
    }
    this.#next = grown(new Int32Array(size), this.#next)
    this.#high = grown(new Uint8Array(size), this.#high)
    this.#word = grown(new Uint32Array(size), this.#word)
    this.#first = grown(new Uint32Array(size), this.#first)
    this.#second = grown(new Uint32Array(size), this.#second)
  }
}

function slotOf(high: number, word: number): number {
  return ((high << 8) ^ word) & (SLOTS - 1)
}
