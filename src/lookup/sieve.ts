/**
 * Which record ids may be in the index: an import asks for every record, most of which are new. A Bloom
 * filter in memory, one block of 512 bits for an identity and six bits of it, of at most 8 megabytes however many there
 * are: at 10 million records one new record in thirty is looked up for nothing.
 */
import type { Identity } from './segments.ts'

const BITS_PER_RECORD = 16n
const BYTES_MIN = 1 << 20
const BYTES_MAX = 1 << 23
const BLOCK_WORDS = 16
const PROBES = 6

export class Sieve {
  readonly #words: Uint32Array
  readonly #mask: number
  readonly #room: number
  #count = 0

  /** For twice as many records as there are. */
  constructor(records: bigint) {
    let bytes = BYTES_MIN
    while (bytes < BYTES_MAX && BigInt(bytes) * 8n < 2n * records * BITS_PER_RECORD) bytes *= 2
    this.#words = new Uint32Array(bytes / 4)
    this.#mask = bytes / (4 * BLOCK_WORDS) - 1
    this.#room = bytes === BYTES_MAX ? Infinity : (bytes * 8) / Number(BITS_PER_RECORD)
  }

  /** A larger one would tell more. */
  get isFull(): boolean {
    return this.#count > this.#room
  }

  add(high: number, word: number): void {
    this.#count++
    const block = blockOf(high, word) & this.#mask
    let bits = bitsOf(high, word)
    for (let i = 0; i < PROBES; i++) {
      bits = next(bits)
      this.#words[block * BLOCK_WORDS + (bits >>> 28)]! |= 1 << ((bits >>> 23) & 31)
    }
  }

  /** No false "no". */
  mayHave({ high, word }: Identity): boolean {
    const block = blockOf(high, word) & this.#mask
    let bits = bitsOf(high, word)
    for (let i = 0; i < PROBES; i++) {
      bits = next(bits)
      if ((this.#words[block * BLOCK_WORDS + (bits >>> 28)]! & (1 << ((bits >>> 23) & 31))) === 0)
        return false
    }
    return true
  }
}

/** Identities are hashes: parts of one are independent hashes of it. */
function blockOf(high: number, word: number): number {
  return (word ^ (high << 20)) >>> 6
}

function bitsOf(high: number, word: number): number {
  return Math.imul(word ^ (high * 0x9e37_79b1), 0x85eb_ca6b) ^ (word >>> 15)
}

/** A step of a linear congruential generator, of which the first bits are used. */
function next(bits: number): number {
  return (Math.imul(bits, 1_664_525) + 1_013_904_223) | 0
}
