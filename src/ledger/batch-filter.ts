/** A Bloom filter over batch ids, one megabyte: no false "no", few false "yes". */
export class BatchFilter {
  readonly #bits = new Uint8Array(1 << 20)

  add(id: Uint8Array): void {
    for (const bit of bitsOf(id)) this.#bits[bit >>> 3] = this.#bits[bit >>> 3]! | (1 << (bit & 7))
  }

  mayHave(id: Uint8Array): boolean {
    return bitsOf(id).every((bit) => ((this.#bits[bit >>> 3]! >>> (bit & 7)) & 1) === 1)
  }
}

/** Batch ids are hashes: two slices of one are two independent hashes of it. */
function bitsOf(id: Uint8Array): number[] {
  return [0, 3].map(
    (at) => ((id[at]! << 15) | (id[at + 1]! << 7) | (id[at + 2]! >>> 1)) & 0x7f_ffff,
  )
}
