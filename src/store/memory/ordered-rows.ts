/**
 * An ordered map in memory: sorted chunks of rows. A key is looked for by halving, among the chunks and then in one; an insertion moves
 * at most a chunk. A frozen copy costs nothing: it shares the chunks, and a chunk is copied when it is next written.
 *
 * Keys are Latin-1 strings of their bytes: these compare as unsigned bytes do, and faster than buffers.
 */
const CHUNK_ROWS = 256

interface Chunk {
  /** The map that may write it. */
  owner: object
  keys: string[]
  values: Buffer[]
}

/** Bounds of a range, as keys. */
export interface RowBounds {
  readonly from: string
  readonly to: string
}

export class OrderedRows {
  #chunks: Chunk[]
  #owner: object = {}
  #isShared: boolean

  /** Empty, or over chunks of another that are copied before they are written. */
  constructor(chunks?: Chunk[]) {
    this.#chunks = chunks ?? []
    this.#isShared = chunks !== undefined
  }

  /** The rows as they are now, whatever is written here later. */
  frozen(): OrderedRows {
    // Neither owns a chunk from now on.
    this.#owner = {}
    this.#isShared = true
    return new OrderedRows(this.#chunks)
  }

  get(key: string): Buffer | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)]
    if (!chunk) return undefined
    const at = lowerBound(chunk.keys, key)
    return chunk.keys[at] === key ? chunk.values[at] : undefined
  }

  set(key: string, value: Buffer): void {
    const i = Math.max(0, this.#chunkOf(key))
    if (this.#chunks.length === 0)
      this.#ownChunks().push({ owner: this.#owner, keys: [], values: [] })
    const chunk = this.#ownChunk(i)
    const at = lowerBound(chunk.keys, key)
    if (chunk.keys[at] === key) {
      chunk.values[at] = value
      return
    }
    chunk.keys.splice(at, 0, key)
    chunk.values.splice(at, 0, value)
    if (chunk.keys.length > CHUNK_ROWS) this.#divide(i, at)
  }

  delete(key: string): void {
    const i = this.#chunkOf(key)
    const found = this.#chunks[i]
    const at = found ? lowerBound(found.keys, key) : 0
    if (found?.keys[at] !== key) return
    const chunk = this.#ownChunk(i)
    chunk.keys.splice(at, 1)
    chunk.values.splice(at, 1)
    if (chunk.keys.length === 0) this.#ownChunks().splice(i, 1)
  }

  /** Rows from `from` on and before `to`, in order or backwards. Nothing may be written while it is read. */
  *rows({ from, to }: RowBounds, reverse = false): Generator<readonly [string, Buffer]> {
    if (reverse) {
      for (let i = this.#chunkOf(to); i >= 0; i--) {
        const { keys, values } = this.#chunks[i]!
        for (let at = lowerBound(keys, to) - 1; at >= 0; at--) {
          if (keys[at]! < from) return
          yield [keys[at]!, values[at]!]
        }
      }
      return
    }
    for (let i = Math.max(0, this.#chunkOf(from)); i < this.#chunks.length; i++) {
      const { keys, values } = this.#chunks[i]!
      for (let at = lowerBound(keys, from); at < keys.length; at++) {
        if (keys[at]! >= to) return
        yield [keys[at]!, values[at]!]
      }
    }
  }

  /** The last chunk whose first key is not above `key`; -1 when there is none. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.keys[0]! <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #ownChunks(): Chunk[] {
    if (this.#isShared) this.#chunks = [...this.#chunks]
    this.#isShared = false
    return this.#chunks
  }

  #ownChunk(i: number): Chunk {
    const chunk = this.#chunks[i]!
    if (chunk.owner === this.#owner) return chunk
    const own = { owner: this.#owner, keys: [...chunk.keys], values: [...chunk.values] }
    this.#ownChunks()[i] = own
    return own
  }

  /** In halves; a chunk that grew at its end keeps what it has, so that rows that come in order fill their chunks. */
  #divide(i: number, at: number): void {
    const chunk = this.#chunks[i]!
    const from = at === chunk.keys.length - 1 ? at : chunk.keys.length >>> 1
    const upper = {
      owner: this.#owner,
      keys: chunk.keys.splice(from),
      values: chunk.values.splice(from),
    }
    this.#ownChunks().splice(i + 1, 0, upper)
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
