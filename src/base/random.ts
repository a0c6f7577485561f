/** Randomness, passed in so that tests can fix it. */
import { randomFillSync } from 'node:crypto'

export interface Random {
  /** Fills the bytes with cryptographically strong randomness and returns them. */
  fill(bytes: Uint8Array): Uint8Array
}

export const systemRandom: Random = { fill: (bytes) => randomFillSync(bytes) }

/** A reproducible sequence for tests and synthetic data (xorshift128+ seeded by text). Not for secrets. */
export class SeededRandom implements Random {
  #a: number
  #b: number

  constructor(seed: string) {
    let hash = 2166136261
    for (const char of seed) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619)
    this.#a = hash >>> 0 || 1
    this.#b = (hash ^ 0x9e3779b9) >>> 0 || 2
  }

  /** An integer from 0 to 2^32-1. */
  next(): number {
    let a = this.#a
    const b = this.#b
    this.#a = b
    a ^= a << 23
    a ^= a >>> 17
    a ^= b ^ (b >>> 26)
    this.#b = a >>> 0
    return (this.#b + b) >>> 0
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
