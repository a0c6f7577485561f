/**
 * Tiles (C2SP tlog-tiles): a tile at level L holds up to 256 hashes, each the root of 256^L leaves.
 * Full tiles never change; the right edge has at most one partial tile a level.
 */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Frontier } from './frontier.ts'
import { HASH_BYTES, nodeHash, rootOfLeaves } from './hash.ts'

export const TILE_WIDTH = 256
const WIDTH = 256n
const FULL_BYTES = TILE_WIDTH * HASH_BYTES

export interface TileCoordinate {
  /** 0 to 63; trees below 2^64 leaves use 0 to 7. */
  readonly level: number
  readonly index: bigint
}

/** How many hashes tile (level, index) of a tree of `size` leaves has: 0 to 256. */
export function tileWidth(level: number, index: bigint, size: bigint): number {
  const hashes = size >> BigInt(8 * level)
  const left = hashes - index * WIDTH
  return left <= 0n ? 0 : left >= WIDTH ? TILE_WIDTH : Number(left)
}

/** `tile/0/x001/x234/067`, with `.p/<width>` for a partial tile. */
export function tilePath(level: number, index: bigint, width = TILE_WIDTH): string {
  return `tile/${level}/${indexPath(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Path of an entry bundle, which lies beside tile (0, index). */
export function entriesPath(index: bigint, width = TILE_WIDTH): string {
  return `tile/entries/${indexPath(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** Parses tilePath and entriesPath; `level` is -1 for entries. Undefined for anything not canonical. */
export function parseTilePath(
  path: string,
): { level: number; index: bigint; width: number } | undefined {
  const match =
    /^tile\/(entries|0|[1-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(
      path,
    )
  if (!match) return undefined
  const index = BigInt(match[2]!.replaceAll(/[x/]/g, ''))
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3])
  if (width > 255 && match[3] !== undefined) return undefined
  if (index > 0xffff_ffff_ffff_ffffn || indexPath(index) !== match[2]) return undefined
  return { level: match[1] === 'entries' ? -1 : Number(match[1]), index, width }
}

/** The partial tiles of a tree of that size, lowest level first. */
export function rightEdgeTiles(size: bigint): TileCoordinate[] {
  const tiles: TileCoordinate[] = []
  for (let level = 0, hashes = size; hashes > 0n; level++, hashes >>= 8n) {
    if (hashes % WIDTH !== 0n) tiles.push({ level, index: hashes / WIDTH })
  }
  return tiles
}

/** Every tile of a tree of that size, with its width. For small trees and tests. */
export function* tilesOf(size: bigint): Generator<TileCoordinate & { width: number }> {
  for (let level = 0; size >> BigInt(8 * level) > 0n; level++) {
    for (let index = 0n; tileWidth(level, index, size) > 0; index++)
      yield { level, index, width: tileWidth(level, index, size) }
  }
}

/** Where node `index` at `height` above the leaves is found: hashes [from, from + count) of a tile. */
export function locateNode(
  height: number,
  index: bigint,
): TileCoordinate & { from: number; count: number } {
  const level = Math.floor(height / 8)
  const rest = BigInt(height % 8)
  const first = index << rest
  return { level, index: first / WIDTH, from: Number(first % WIDTH), count: 1 << Number(rest) }
}

/**
 * Every tile that changes when leaves are appended, at all levels. `rightEdge` holds the partial tiles
 * of the tree before, by `<level>/<index>`; it may hold others.
 * @throws HuxinError store_corrupt when one of them is missing or not as wide as that tree's
 */
export function growTiles(
  oldSize: bigint,
  leafHashes: Uint8Array,
  rightEdge: ReadonlyMap<string, Uint8Array>,
): Map<string, Uint8Array> {
  const changed = new Map<string, Uint8Array>()
  let hashes = Buffer.from(leafHashes)
  for (let level = 0, before = oldSize; hashes.length > 0; level++, before >>= 8n) {
    const above: Uint8Array[] = []
    let at = 0
    for (let index = before / WIDTH; at < hashes.length; index++) {
      const name = `${level}/${index}`
      const had = at === 0 ? edgeTile(rightEdge, name, Number(before % WIDTH)) : new Uint8Array()
      const room = FULL_BYTES - had.length
      const tile = Buffer.concat([had, hashes.subarray(at, at + room)])
      at += room
      changed.set(name, tile)
      if (tile.length === FULL_BYTES) above.push(rootOfLeaves(tile))
    }
    hashes = Buffer.concat(above)
  }
  return changed
}

function edgeTile(
  rightEdge: ReadonlyMap<string, Uint8Array>,
  name: string,
  width: number,
): Uint8Array {
  if (width === 0) return new Uint8Array()
  const tile = rightEdge.get(name)
  if (tile?.length !== width * HASH_BYTES) {
    throw new HuxinError(
      'store_corrupt',
      text`tile ${name} has ${tile ? tile.length / HASH_BYTES : text`no`} hashes, the tree needs ${width}; run huxin fsck`,
    )
  }
  return tile
}

/**
 * The frontier of a tree of that size, from its partial tiles, which may be stored wider.
 * @throws HuxinError store_corrupt when one is too narrow
 */
export function frontierFromTiles(
  size: bigint,
  getTile: (tile: TileCoordinate) => Uint8Array,
): Frontier {
  const hashes: Uint8Array[] = []
  for (const tile of rightEdgeTiles(size).reverse()) {
    const bytes = getTile(tile)
    const width = Number((size >> BigInt(8 * tile.level)) % WIDTH)
    let from = 0
    for (let bit = 128; bit > 0; bit >>= 1) {
      if ((width & bit) === 0) continue
      hashes.push(rootOfRange(bytes, from, bit))
      from += bit
    }
  }
  return { size, hashes }
}

/** Root of `count` (a power of two) hashes of a tile. @throws HuxinError store_corrupt when it has not as many */
export function rootOfRange(tile: Uint8Array, from: number, count: number): Uint8Array {
  if (tile.length < (from + count) * HASH_BYTES) {
    throw new HuxinError(
      'store_corrupt',
      text`a tile has ${tile.length / HASH_BYTES} hashes, ${from + count} are needed; run huxin fsck`,
    )
  }
  const range = tile.subarray(from * HASH_BYTES, (from + count) * HASH_BYTES)
  if (count === 1) return Uint8Array.from(range)
  if (count === 2) return nodeHash(range.subarray(0, HASH_BYTES), range.subarray(HASH_BYTES))
  return rootOfLeaves(range)
}

function indexPath(index: bigint): string {
  const digits = index.toString()
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/.{3}/g) ?? []
  return groups.map((group, i) => (i + 1 < groups.length ? `x${group}` : group)).join('/')
}
