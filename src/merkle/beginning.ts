/**
 * Whether two trees can be of one log. A consistency proof that fails says nothing: whoever brings it may
 * have made it up. A beginning says it: the same hashes (RFC 6962 section 2.1.2), with the root of the first
 * `oldSize` leaves in front where the proof leaves it out (oldSize a power of two). When they lead to the
 * root of the larger tree, they are hashes of it, and so they lead to the one root that its first `oldSize`
 * leaves have. Another root of that size is then of another log.
 */
import { equalBytes } from '../base/bytes.ts'
import { appendLeaves, emptyFrontier, type Frontier, frontierRoot } from './frontier.ts'
import { HASH_BYTES } from './hash.ts'
import { consistencyRanges, foldConsistency, isPowerOfTwo, type Range } from './proof.ts'

/** A size and the root that somebody signed for it. */
export interface TreeHead {
  readonly size: bigint
  /** 32 bytes. */
  readonly root: Uint8Array
}

/**
 * `one`: the smaller tree is the beginning of the larger. `two`: it is not, which is proved. `open`: nothing
 * is proved. Any trees, any hashes; nothing is thrown.
 */
export function compareTrees(
  smaller: TreeHead,
  larger: TreeHead,
  beginning: readonly Uint8Array[],
): 'one' | 'two' | 'open' {
  if (smaller.size === larger.size) return equalBytes(smaller.root, larger.root) ? 'one' : 'two'
  if (smaller.size > larger.size) return 'open'
  // Every log begins with the empty tree.
  if (smaller.size === 0n) return 'one'
  if (
    beginning.length !== beginningRanges(smaller.size, larger.size).length ||
    beginning.some(({ length }) => length !== HASH_BYTES)
  )
    return 'open'
  const found = foldConsistency(smaller.size, larger.size, beginning)
  if (!found || !equalBytes(found.newRoot, larger.root)) return 'open'
  return equalBytes(found.oldRoot, smaller.root) ? 'one' : 'two'
}

/** The beginning that a consistency proof makes, where it names every hash; a power of two is led from by a hash that it does not name. */
export function beginningOfProof(
  oldSize: bigint,
  proof: readonly Uint8Array[],
): readonly Uint8Array[] {
  return isPowerOfTwo(oldSize) ? [] : proof
}

/** The ranges of leaves whose roots make the beginning; together they are all of the larger tree. 0 < oldSize < newSize. */
function beginningRanges(oldSize: bigint, newSize: bigint): Range[] {
  const proof = consistencyRanges(oldSize, 0n, newSize, true)
  return isPowerOfTwo(oldSize) ? [[0n, oldSize], ...proof] : proof
}

/** Makes a beginning out of all leaf hashes of the larger tree, in order, in pieces of any length. */
export class BeginningProver {
  readonly #ranges: { readonly from: bigint; readonly to: bigint; frontier: Frontier }[]
  #size = 0n

  constructor(oldSize: bigint, newSize: bigint) {
    this.#ranges = beginningRanges(oldSize, newSize).map(([from, to]) => ({
      from,
      to,
      frontier: emptyFrontier,
    }))
  }

  /** Leaf hashes so far. */
  get size(): bigint {
    return this.#size
  }

  /** n × 32 bytes. */
  add(leafHashes: Uint8Array): void {
    const end = this.#size + BigInt(leafHashes.length / HASH_BYTES)
    for (const range of this.#ranges) {
      const from = range.from > this.#size ? range.from : this.#size
      const to = range.to < end ? range.to : end
      if (from >= to) continue
      range.frontier = appendLeaves(
        range.frontier,
        leafHashes.subarray(
          Number(from - this.#size) * HASH_BYTES,
          Number(to - this.#size) * HASH_BYTES,
        ),
      )
    }
    this.#size = end
  }

  /** Call when all are in. */
  beginning(): Uint8Array[] {
    return this.#ranges.map(({ frontier }) => frontierRoot(frontier))
  }
}
