/** The frontier of a tree: the roots of its perfect subtrees, enough to append and to know the root. */
import { be64, concat, fromBe64 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { emptyRoot, HASH_BYTES, nodeHash } from './hash.ts'

/** Immutable. `hashes` are the roots of the perfect subtrees, largest (leftmost) first. */
export interface Frontier {
  readonly size: bigint
  readonly hashes: readonly Uint8Array[]
}

export const emptyFrontier: Frontier = { size: 0n, hashes: [] }

/** The frontier after appending leaves given by their hashes, n × 32 bytes. */
export function appendLeaves(frontier: Frontier, leafHashes: Uint8Array): Frontier {
  assert(leafHashes.length % HASH_BYTES === 0, text`leaf hashes are n × 32 bytes`)
  const hashes = [...frontier.hashes]
  let { size } = frontier
  for (let at = 0; at < leafHashes.length; at += HASH_BYTES) {
    let node: Uint8Array = Uint8Array.from(leafHashes.subarray(at, at + HASH_BYTES))
    for (let rest = size; rest & 1n; rest >>= 1n) node = nodeHash(hashes.pop()!, node)
    hashes.push(node)
    size++
  }
  return { size, hashes }
}

/** Root of the tree. */
export function frontierRoot({ hashes }: Frontier): Uint8Array {
  if (hashes.length === 0) return emptyRoot()
  return hashes.reduceRight((right, left) => nodeHash(left, right))
}

/** Size as eight bytes big-endian, then the hashes. */
export function encodeFrontier({ size, hashes }: Frontier): Uint8Array {
  return concat(be64(size), ...hashes)
}

/** Decodes encodeFrontier; undefined for anything else. */
export function decodeFrontier(bytes: Uint8Array): Frontier | undefined {
  if (bytes.length < 8 || (bytes.length - 8) % HASH_BYTES !== 0) return undefined
  const size = fromBe64(bytes)
  const count = (bytes.length - 8) / HASH_BYTES
  if (count !== size.toString(2).replaceAll('0', '').length) return undefined
  return {
    size,
    hashes: Array.from({ length: count }, (_, i) =>
      Uint8Array.from(bytes.subarray(8 + i * HASH_BYTES, 8 + (i + 1) * HASH_BYTES)),
    ),
  }
}
