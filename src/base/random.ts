/** Randomness, passed in so that tests can fix it. */
import { randomFillSync } from 'node:crypto'

export interface Random {
  /** Fills the bytes with cryptographically strong randomness and returns them. */
  fill(bytes: Uint8Array): Uint8Array
}

export const systemRandom: Random = { fill: (bytes) => randomFillSync(bytes) }

/** A reproducible sequence for tests and synthetic data (mulberry32 seeded by text). Not for secrets. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: string) {
    let hash = 2166136261
    for (const char of seed) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619)
    this.#state = hash >>> 0
  }

  /** An integer from 0 to 2^32-1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor((this.next() / 2 ** 32) * below)
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next() >>> 24
    return bytes
  }
}
