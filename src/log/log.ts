/**
 * Room `log`: the node's signed, append-only log over the store. It owns what is signed as a tree:
 * entries, tiles (C2SP tlog-tiles), the checkpoint (C2SP tlog-checkpoint, Ed25519), proofs (RFC 6962),
 * and the order of a commit:
 *
 * 1. `stage` computes the store operations of an append; nothing has changed yet.
 * 2. The caller (`commit/writer`) makes them durable together with everything that belongs to the
 *    entries, compare-and-set on the log size.
 * 3. `seal` re-reads the right edge from the store, recomputes the root, signs it, and writes the
 *    checkpoint outside the database. Only then may anything be acknowledged.
 *
 * Invariants: no two checkpoints of one origin are inconsistent; sizes never go down; a node whose
 * store is older than its last signed checkpoint does not sign. One caller appends at a time; reads
 * may run beside it. After a crash, entries that are durable but not under a signed checkpoint are
 * sealed at the next start: nobody was told of them, and nobody may be told otherwise.
 */
import { be64, concat, equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { appendLeaves, type Frontier, frontierRoot } from '../merkle/frontier.ts'
import { leafHash } from '../merkle/hash.ts'
import {
  proveConsistency,
  proveInclusion,
  type SubtreeMemo,
  treeRoot,
  verifyInclusion,
} from '../merkle/proof.ts'
import {
  frontierFromTiles,
  growTiles,
  rightEdgeTiles,
  type TileCoordinate,
} from '../merkle/tile.ts'
import { type Checkpoint, openCheckpoint, signCheckpoint } from '../note/checkpoint.ts'
import { parseVkey, type Signer, type Verifier } from '../note/key.ts'
import { formatTlogProof } from '../note/tlog-proof.ts'
import { entryKey, tileKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import { sizeRow } from './rows.ts'
import type { FrozenTree } from '../topology/member.ts'
import type { CheckpointSlot } from './slot.ts'

/** Full tiles that reads keep in memory, 8 KB each. */
export const TILES_CACHED_MAX = 512
export const sizeKey = sizeRow.key()

export interface LogOptions {
  readonly store: Store
  /** Origin line: `<trust domain>/<node id>/<epoch>`. */
  readonly origin: string
  /** The log key; its name is the node's name. */
  readonly signer: Signer
  readonly slot: CheckpointSlot
  /** The frozen tree of the log before, when this one goes on from it. */
  readonly continues?: FrozenTree | undefined
}

/** A signed tree: what proofs are made against. */
export interface SignedTree {
  readonly size: bigint
  readonly root: Uint8Array
  /** The checkpoint note. */
  readonly note: Uint8Array
}

/** An append that is computed and not yet durable. */
export interface StagedAppend {
  readonly ops: readonly Op[]
  /** What the store must hold before, for compare-and-set. */
  readonly expect: Op
  readonly leafHashes: readonly Uint8Array[]
  /** Takes the append over into memory; call after it is durable. */
  apply(): void
}

export class Log {
  readonly origin: string
  readonly verifier: Verifier
  readonly vkey: string
  readonly #store: Store
  readonly #signer: Signer
  readonly #slot: CheckpointSlot
  #frontier: Frontier
  #signed: SignedTree
  /** Full tiles by `<level>/<index>`, that used last at the end. */
  readonly #tiles = new Map<string, Uint8Array>()
  /** The partial tiles, which are the right edge. */
  #edge = new Map<string, Uint8Array>()
  /** For proofs alone: what is signed is hashed anew from the store. */
  readonly #subtrees: SubtreeMemo = new Map()

  private constructor(options: LogOptions, frontier: Frontier, signed: SignedTree) {
    this.origin = options.origin
    this.#store = options.store
    this.#signer = options.signer
    this.#slot = options.slot
    this.vkey = options.signer.vkey
    this.verifier = parseVkey(options.signer.vkey)
    this.#frontier = frontier
    this.#signed = signed
  }

  /**
   * Opens the log of a store and checks it against the last signed checkpoint.
   * @throws HuxinError log_behind | log_forked | store_corrupt
   */
  static async open(options: LogOptions): Promise<Log> {
    const size = await storedSize(options.store)
    const readTiles = (tiles: readonly TileCoordinate[]): Promise<readonly Uint8Array[]> =>
      readStoredTiles(options.store, tiles)
    const last = await lastSignedTree(options)
    if (last && last.size > size) {
      throw new HuxinError(
        'log_behind',
        text`the log has ${size} entries but a checkpoint over ${last.size} was signed: the database is an old copy; nothing is signed; run huxin node recover`,
      )
    }
    if (last && last.size > 0n && !equalBytes(await treeRoot(last.size, readTiles), last.root)) {
      throw new HuxinError(
        'log_forked',
        text`the first ${last.size} entries do not have the root that was signed; nothing is signed; run huxin fsck`,
      )
    }
    if (!last && options.continues) await checkContinues(options.continues, size, readTiles)
    else if (!last && size > 0n) {
      throw new HuxinError(
        'log_behind',
        text`the log has ${size} entries and no signed checkpoint beside it; nothing is signed; run huxin node recover`,
      )
    }
    const edge = await loadEdge(options.store, size)
    const frontier = frontierFromTiles(size, (tile) => edge.get(tileName(tile)) ?? missing(tile))
    if (last) await checkUnsigned(options.store, last.size, frontier, readTiles)
    const log = new Log(
      options,
      frontier,
      last ?? { size: -1n, root: new Uint8Array(32), note: new Uint8Array() },
    )
    log.#edge = partialEdge(size, edge)
    return log
  }

  /** Number of durable entries; may be ahead of the signed tree for a moment. */
  get size(): bigint {
    return this.#frontier.size
  }

  /** The newest signed tree. */
  get signed(): SignedTree {
    return this.#signed
  }

  /** Computes an append. `entries` are at most 65,535 bytes each. */
  stage(entries: readonly Uint8Array[]): StagedAppend {
    const oldSize = this.#frontier.size
    const leafHashes = entries.map(leafHash)
    const leaves = concat(...leafHashes)
    const tiles = growTiles(oldSize, leaves, this.#edge)
    const frontier = appendLeaves(this.#frontier, leaves)
    const ops: Op[] = entries.map((value, i) => ({ key: entryKey(oldSize + BigInt(i)), value }))
    for (const [name, value] of tiles) ops.push({ key: tileKeyOf(name), value })
    ops.push({ key: sizeKey, value: be64(frontier.size) })
    const expect = { key: sizeKey, value: oldSize === 0n ? undefined : be64(oldSize) }
    const apply = (): void => {
      this.#frontier = frontier
      for (const [name, value] of tiles) {
        this.#edge.set(name, value)
        this.#cache(name, value)
      }
      this.#edge = partialEdge(frontier.size, this.#edge)
    }
    return { ops, expect, leafHashes, apply }
  }

  /**
   * Signs the tree as it stands in the store. Idempotent when nothing was appended.
   * @throws HuxinError store_corrupt when the stored right edge is not what was computed; store_failed
   */
  async seal(): Promise<SignedTree> {
    const { size } = this.#frontier
    if (size === this.#signed.size) return this.#signed
    const edge = await loadEdge(this.#store, size)
    const stored = frontierRoot(
      frontierFromTiles(size, (tile) => edge.get(tileName(tile)) ?? missing(tile)),
    )
    const root = frontierRoot(this.#frontier)
    if (!equalBytes(stored, root)) {
      throw new HuxinError(
        'store_corrupt',
        text`the stored tree of ${size} entries has root ${hex(stored)}, not ${hex(root)}; nothing is signed; run huxin fsck`,
      )
    }
    const note = signCheckpoint({ origin: this.origin, size, root }, this.#signer)
    await this.#slot.write(note)
    this.#signed = { size, root, note }
    return this.#signed
  }

  /** The entry at `index`; undefined past the end. */
  entry(index: bigint): Promise<Uint8Array | undefined> {
    return this.#store.get(entryKey(index))
  }

  /** Whether these bytes are the entry at `index`: under the signed tree, or by its tile while that is not signed yet. */
  async holds(index: bigint, entry: Uint8Array): Promise<boolean> {
    const hash = leafHash(entry)
    const { size, root } = this.#signed
    if (index >= size) {
      // What is just being logged is in the store before it is in memory.
      const tile = await this.#store.get(tileKey(0, index / 256n))
      const at = Number(index % 256n) * 32
      return tile !== undefined && equalBytes(hash, tile.subarray(at, at + 32))
    }
    try {
      verifyInclusion({
        index,
        size,
        leafHash: hash,
        proof: await proveInclusion(index, size, this.readTiles, this.#subtrees),
        root,
      })
      return true
    } catch (error) {
      if (isHuxinError(error, 'proof_invalid')) return false
      throw error
    }
  }

  /** Entries from `start`, at most `limit`. */
  async entries(start: bigint, limit: number): Promise<Uint8Array[]> {
    const rows = await this.#store.range({
      gte: entryKey(start),
      lt: entryKey(start + BigInt(limit)),
    })
    return rows.map(([, value]) => value)
  }

  /** Concatenated leaf hashes of the entries from start to end, exclusive. */
  async leafHashes(start: bigint, end: bigint): Promise<Uint8Array> {
    const tiles: TileCoordinate[] = []
    for (let index = start / 256n; index * 256n < end; index++) tiles.push({ level: 0, index })
    const hashes = concat(...(await this.readTiles(tiles)))
    const from = Number(start % 256n) * 32
    return hashes.subarray(from, from + Number(end - start) * 32)
  }

  /** A tlog-proof of the entry at `index` under a signed tree. */
  async prove(
    index: bigint,
    tree: SignedTree = this.#signed,
    checkpointNote: Uint8Array = tree.note,
  ): Promise<Uint8Array> {
    const proof = await proveInclusion(index, tree.size, this.readTiles, this.#subtrees)
    return formatTlogProof({ index, proof, checkpointNote })
  }

  proveConsistency(oldSize: bigint, newSize: bigint): Promise<readonly Uint8Array[]> {
    return proveConsistency(oldSize, newSize, this.readTiles, this.#subtrees)
  }

  /** Root of the first `size` entries. */
  root(size: bigint): Promise<Uint8Array> {
    return treeRoot(size, this.readTiles)
  }

  /** Tiles as stored, from the cache where possible. */
  readonly readTiles = async (tiles: readonly TileCoordinate[]): Promise<readonly Uint8Array[]> => {
    const found = tiles.map((tile) => this.#remembered(tileName(tile)))
    const absent = tiles.filter((_, i) => found[i] === undefined)
    if (absent.length > 0) {
      const read = await readStoredTiles(this.#store, absent)
      for (let i = 0, next = 0; i < tiles.length; i++) {
        if (found[i] !== undefined) continue
        found[i] = read[next++]!
        if (found[i]!.length === 8192) this.#cache(tileName(tiles[i]!), found[i]!)
      }
    }
    return found as Uint8Array[]
  }

  #remembered(name: string): Uint8Array | undefined {
    const tile = this.#edge.get(name) ?? this.#tiles.get(name)
    // Every proof uses tiles of the upper levels: those of entries that nobody asks for again go first.
    if (tile) this.#cache(name, tile)
    return tile
  }

  #cache(name: string, tile: Uint8Array): void {
    if (tile.length < 8192) return
    this.#tiles.delete(name)
    this.#tiles.set(name, tile)
    if (this.#tiles.size > TILES_CACHED_MAX) this.#tiles.delete(this.#tiles.keys().next().value!)
  }
}

/** Number of entries that the store says it holds. */
export async function storedSize(store: Store): Promise<bigint> {
  const bytes = await store.get(sizeKey)
  return bytes === undefined ? 0n : fromBe64(bytes)
}

/** The newest tree that was signed with this key, from the file beside the database. @throws HuxinError log_forked */
export async function lastSignedTree({
  slot,
  signer,
  origin,
}: Pick<LogOptions, 'slot' | 'signer' | 'origin'>): Promise<SignedTree | undefined> {
  const verifier = parseVkey(signer.vkey)
  const opened = (note: Uint8Array): Checkpoint | undefined => {
    try {
      return openCheckpoint(note, [verifier], origin)
    } catch {
      // A slot torn by a crash; the other one is whole.
      return undefined
    }
  }
  const [note, other] = await slot.read((bytes) => opened(bytes)?.size)
  const last = note && opened(note)
  const before = other && opened(other)
  if (last && before && last.size === before.size && !equalBytes(last.root, before.root)) {
    throw new HuxinError(
      'log_forked',
      text`two different trees of ${last.size} entries were signed; nothing is signed; run huxin node recover`,
    )
  }
  return last && { size: last.size, root: last.root, note: note! }
}

/** A log that was never signed begins with the frozen one before it, whole and nothing else. @throws HuxinError log_behind | log_forked */
async function checkContinues(
  frozen: FrozenTree,
  size: bigint,
  readTiles: (tiles: readonly TileCoordinate[]) => Promise<readonly Uint8Array[]>,
): Promise<void> {
  if (size !== frozen.size) {
    throw new HuxinError(
      'log_behind',
      text`the log has ${size} entries and goes on from one that was frozen at ${frozen.size}; nothing is signed; run huxin node recover`,
    )
  }
  if (equalBytes(await treeRoot(size, readTiles), frozen.root)) return
  throw new HuxinError(
    'log_forked',
    text`the ${size} entries do not have the root at which the log before was frozen; nothing is signed; run huxin fsck`,
  )
}

/** What is durable and not yet signed will be: its tiles must be those of its entries. @throws HuxinError store_corrupt */
async function checkUnsigned(
  store: Store,
  signed: bigint,
  frontier: Frontier,
  readTiles: (tiles: readonly TileCoordinate[]) => Promise<readonly Uint8Array[]>,
): Promise<void> {
  if (signed >= frontier.size) return
  const rows = await store.range({ gte: entryKey(signed), lt: entryKey(frontier.size) })
  const edge = rightEdgeTiles(signed)
  const tiles = new Map((await readTiles(edge)).map((bytes, i) => [tileName(edge[i]!), bytes]))
  const before = frontierFromTiles(signed, (tile) => tiles.get(tileName(tile)) ?? missing(tile))
  const computed = appendLeaves(before, concat(...rows.map(([, entry]) => leafHash(entry))))
  if (computed.size === frontier.size && equalBytes(frontierRoot(computed), frontierRoot(frontier)))
    return
  throw new HuxinError(
    'store_corrupt',
    text`the entries from ${signed} to ${frontier.size}, which are not signed yet, are not those of the stored tiles; nothing is signed; run huxin fsck`,
  )
}

async function loadEdge(store: Store, size: bigint): Promise<Map<string, Uint8Array>> {
  const tiles = rightEdgeTiles(size)
  const bytes = await readStoredTiles(store, tiles)
  return new Map(tiles.map((tile, i) => [tileName(tile), bytes[i]!]))
}

/** Only the partial tiles of a tree of that size. */
function partialEdge(
  size: bigint,
  tiles: ReadonlyMap<string, Uint8Array>,
): Map<string, Uint8Array> {
  return new Map(
    rightEdgeTiles(size).map((tile) => [
      tileName(tile),
      tiles.get(tileName(tile)) ?? missing(tile),
    ]),
  )
}

async function readStoredTiles(
  store: Store,
  tiles: readonly TileCoordinate[],
): Promise<readonly Uint8Array[]> {
  const read = await store.getMany(tiles.map((tile) => tileKey(tile.level, tile.index)))
  return read.map((bytes, i) => bytes ?? missing(tiles[i]!))
}

function missing(tile: TileCoordinate): never {
  throw new HuxinError(
    'store_corrupt',
    text`tile ${tileName(tile)} is missing from the store; run huxin fsck`,
  )
}

function tileName(tile: TileCoordinate): string {
  return `${tile.level}/${tile.index}`
}

function tileKeyOf(name: string): Uint8Array {
  const [level = '', index = ''] = name.split('/')
  return tileKey(Number(level), BigInt(index))
}
