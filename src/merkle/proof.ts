/**
 * Inclusion and consistency proofs: made from tiles (RFC 6962 section 2.1), verified as RFC 9162
 * sections 2.1.3.2 and 2.1.4.2 say.
 */
import { equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { emptyRoot, HASH_BYTES, nodeHash, rootOfLeaves } from './hash.ts'
import { locateNode, rootOfRange, type TileCoordinate } from './tile.ts'

/**
 * Reads tiles as they are stored now; they may be wider than the tree asked about. One batched call a
 * proof. @throws HuxinError store_corrupt when one is missing
 */
export type ReadTiles = (tiles: readonly TileCoordinate[]) => Promise<readonly Uint8Array[]>

/** A perfect subtree: 2^height leaves from index × 2^height. */
interface Subtree {
  readonly height: number
  readonly index: bigint
}

/**
 * Roots of perfect subtrees of one log, by `<height>/<index>`, which never change: a log that grows proves
 * entry after entry with the same ones. Give each log its own. It keeps the SUBTREES_MAX that came last.
 */
export type SubtreeMemo = Map<string, Uint8Array>

export const SUBTREES_MAX = 4_096

/** PATH(index, D[size]), the leaf's sibling first. @throws HuxinError argument_invalid */
export async function proveInclusion(
  index: bigint,
  size: bigint,
  readTiles: ReadTiles,
  memo?: SubtreeMemo,
): Promise<Uint8Array[]> {
  checkIndex(index, size)
  return resolve(inclusionRanges(index, 0n, size), readTiles, memo)
}

/** PROOF(oldSize, D[newSize]); empty when the sizes are equal. @throws HuxinError argument_invalid */
export async function proveConsistency(
  oldSize: bigint,
  newSize: bigint,
  readTiles: ReadTiles,
  memo?: SubtreeMemo,
): Promise<Uint8Array[]> {
  if (oldSize < 1n || oldSize > newSize)
    throw new HuxinError(
      'argument_invalid',
      text`no consistency proof leads from ${oldSize} to ${newSize} entries`,
    )
  return resolve(consistencyRanges(oldSize, 0n, newSize, true), readTiles, memo)
}

/** Root of the first `size` leaves. */
export async function treeRoot(size: bigint, readTiles: ReadTiles): Promise<Uint8Array> {
  if (size === 0n) return emptyRoot()
  return (await resolve([[0n, size]], readTiles))[0]!
}

/** @throws HuxinError proof_invalid */
export function verifyInclusion(claim: {
  readonly index: bigint
  readonly size: bigint
  readonly leafHash: Uint8Array
  readonly proof: readonly Uint8Array[]
  readonly root: Uint8Array
}): void {
  const { index, size, proof } = claim
  if (index < 0n || index >= size) throw invalid(text`entry ${index} is not in a tree of ${size}`)
  const wanted = inclusionRanges(index, 0n, size).length
  if (proof.length !== wanted)
    throw invalid(
      text`inclusion proof has ${proof.length} hashes, entry ${index} of tree size ${size} needs ${wanted}`,
    )
  checkHashes([...proof, claim.leafHash, claim.root])
  let [first, last] = [index, size - 1n]
  let root = claim.leafHash
  for (const hash of proof) {
    if ((first & 1n) === 1n || first === last) {
      root = nodeHash(hash, root)
      while ((first & 1n) === 0n && first !== 0n) [first, last] = [first >> 1n, last >> 1n]
    } else {
      root = nodeHash(root, hash)
    }
    ;[first, last] = [first >> 1n, last >> 1n]
  }
  if (last !== 0n || !equalBytes(root, claim.root))
    throw invalid(
      text`inclusion proof of entry ${index} does not lead to the root of tree size ${size}`,
    )
}

/** Size 0 is never proved: whoever knows nothing asks for nothing. @throws HuxinError proof_invalid */
export function verifyConsistency(claim: {
  readonly oldSize: bigint
  readonly newSize: bigint
  readonly oldRoot: Uint8Array
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}): void {
  const { oldSize, newSize, oldRoot, newRoot } = claim
  if (oldSize < 1n || oldSize > newSize)
    throw invalid(text`no consistency proof leads from ${oldSize} to ${newSize} entries`)
  const wanted = consistencyRanges(oldSize, 0n, newSize, true).length
  if (claim.proof.length !== wanted)
    throw invalid(
      text`consistency proof has ${claim.proof.length} hashes, ${oldSize} to ${newSize} needs ${wanted}`,
    )
  checkHashes([...claim.proof, oldRoot, newRoot])
  if (oldSize === newSize) {
    if (!equalBytes(oldRoot, newRoot))
      throw invalid(text`two trees of size ${oldSize} have different roots`)
    return
  }
  const found = foldConsistency(
    oldSize,
    newSize,
    isPowerOfTwo(oldSize) ? [oldRoot, ...claim.proof] : claim.proof,
  )
  if (!found || !equalBytes(found.oldRoot, oldRoot) || !equalBytes(found.newRoot, newRoot)) {
    throw invalid(
      text`consistency proof does not lead from the root of ${oldSize} to the root of ${newSize} entries`,
    )
  }
}

/** The roots to which a consistency proof leads, 0 < oldSize < newSize, its first hash being that of a subtree of both trees. */
export function foldConsistency(
  oldSize: bigint,
  newSize: bigint,
  path: readonly Uint8Array[],
): { readonly oldRoot: Uint8Array; readonly newRoot: Uint8Array } | undefined {
  let [first, last] = [oldSize - 1n, newSize - 1n]
  while ((first & 1n) === 1n) [first, last] = [first >> 1n, last >> 1n]
  let oldRoot = path[0]!
  let newRoot = path[0]!
  for (const hash of path.slice(1)) {
    if (last === 0n) return undefined
    if ((first & 1n) === 1n || first === last) {
      oldRoot = nodeHash(hash, oldRoot)
      newRoot = nodeHash(hash, newRoot)
      while ((first & 1n) === 0n && first !== 0n) [first, last] = [first >> 1n, last >> 1n]
    } else {
      newRoot = nodeHash(newRoot, hash)
    }
    ;[first, last] = [first >> 1n, last >> 1n]
  }
  return last === 0n ? { oldRoot, newRoot } : undefined
}

/** PATH over leaf hashes held in memory, n × 32 bytes. @throws HuxinError argument_invalid */
export function proveInclusionInMemory(index: number, leafHashes: Uint8Array): Uint8Array[] {
  const size = BigInt(leafHashes.length / HASH_BYTES)
  checkIndex(BigInt(index), size)
  return inclusionRanges(BigInt(index), 0n, size).map(([from, to]) =>
    rootOfLeaves(leafHashes.subarray(Number(from) * HASH_BYTES, Number(to) * HASH_BYTES)),
  )
}

export type Range = readonly [from: bigint, to: bigint]

/** The ranges of leaves whose roots make PATH. */
function inclusionRanges(index: bigint, from: bigint, to: bigint): Range[] {
  if (to - from <= 1n) return []
  const middle = from + splitPoint(to - from)
  return index < middle
    ? [...inclusionRanges(index, from, middle), [middle, to]]
    : [...inclusionRanges(index, middle, to), [from, middle]]
}

/** The ranges of leaves whose roots make SUBPROOF. */
export function consistencyRanges(
  oldSize: bigint,
  from: bigint,
  to: bigint,
  complete: boolean,
): Range[] {
  if (oldSize === to) return complete ? [] : [[from, to]]
  const middle = from + splitPoint(to - from)
  return oldSize <= middle
    ? [...consistencyRanges(oldSize, from, middle, complete), [middle, to]]
    : [...consistencyRanges(oldSize, middle, to, false), [from, middle]]
}

export function isPowerOfTwo(n: bigint): boolean {
  return (n & (n - 1n)) === 0n
}

/** Largest power of two below n, n > 1. */
function splitPoint(n: bigint): bigint {
  return 1n << BigInt((n - 1n).toString(2).length - 1)
}

async function resolve(
  ranges: readonly Range[],
  readTiles: ReadTiles,
  memo?: SubtreeMemo,
): Promise<Uint8Array[]> {
  const subtrees = ranges.map(perfectSubtrees)
  const known = new Map<string, Uint8Array>()
  const wanted = new Map<string, TileCoordinate>()
  for (const { height, index } of subtrees.flat()) {
    const name = `${height}/${index}`
    const before = memo?.get(name)
    const { level, index: tile } = locateNode(height, index)
    if (before) known.set(name, before)
    else wanted.set(`${level}/${tile}`, { level, index: tile })
  }
  const read = await readTiles([...wanted.values()])
  const tiles = new Map([...wanted.keys()].map((name, i) => [name, read[i]]))
  const rootOf = ({ height, index }: Subtree): Uint8Array => {
    const name = `${height}/${index}`
    const before = known.get(name)
    if (before) return before
    const place = locateNode(height, index)
    const tile = tiles.get(`${place.level}/${place.index}`)
    if (!tile)
      throw new HuxinError(
        'store_corrupt',
        text`tile ${place.level}/${place.index} is missing; run huxin fsck`,
      )
    const root = rootOfRange(tile, place.from, place.count)
    if (memo && place.count > 2) remember(memo, name, root)
    return root
  }
  return subtrees.map((list) =>
    list.map(rootOf).reduceRight((right, left) => nodeHash(left, right)),
  )
}

function remember(memo: SubtreeMemo, name: string, root: Uint8Array): void {
  if (memo.size >= SUBTREES_MAX) memo.delete(memo.keys().next().value!)
  // A copy of its own: a root is a slice of a larger piece of memory, and would keep all of it.
  memo.set(name, Uint8Array.from(root))
}

/** A range that begins on a boundary of the tree as perfect subtrees, largest first. */
function perfectSubtrees([from, to]: Range): Subtree[] {
  const list: Subtree[] = []
  for (let at = from; at < to;) {
    const height = (to - at).toString(2).length - 1
    list.push({ height, index: at >> BigInt(height) })
    at += 1n << BigInt(height)
  }
  return list
}

function checkIndex(index: bigint, size: bigint): void {
  if (index < 0n || index >= size)
    throw new HuxinError('argument_invalid', text`there is no entry ${index} in a tree of ${size}`)
}

function checkHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== HASH_BYTES))
    throw invalid(text`a hash of the proof is not 32 bytes`)
}

function invalid(what: Said): HuxinError {
  return new HuxinError('proof_invalid', what)
}
