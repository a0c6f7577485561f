/** The tiles as the entries give them, held against those that are stored. */
import { equalBytes } from '../base/bytes.ts'
import { text } from '../base/text.ts'
import { growTiles, rightEdgeTiles } from '../merkle/tile.ts'
import { entryKey, keyText, prefixRange, tables, tileKey } from '../store/keys.ts'
import type { Reader } from '../store/store.ts'
import type { Find } from './finding.ts'
import { countRows } from './check-derived.ts'

const REBUILD = text`run huxin node rebuild`

export class TileCheck {
  readonly #store: Reader
  readonly #find: Find
  #size = 0n
  #edge = new Map<string, Uint8Array>()
  readonly #names = new Set<string>()
  /** Tiles that differ: their keys, and the entries of those that differ at level 0. */
  readonly #different: { key: Uint8Array; entries: readonly bigint[] }[] = []

  constructor(store: Reader, find: Find) {
    this.#store = store
    this.#find = find
  }

  /** The next leaf hashes; all of them but the last piece are full tiles. */
  async add(leaves: readonly Uint8Array[], { last }: { last: boolean }): Promise<void> {
    if (leaves.length === 0) return
    const changed = growTiles(this.#size, Buffer.concat(leaves), this.#edge)
    this.#size += BigInt(leaves.length)
    for (const [name, tile] of changed) {
      this.#edge.set(name, tile)
      this.#names.add(name)
      if (tile.length === 8192) await this.#compare(name, tile)
    }
    this.#edge = new Map(
      rightEdgeTiles(this.#size).map(({ level, index }) => [
        `${level}/${index}`,
        this.#edge.get(`${level}/${index}`)!,
      ]),
    )
    if (last) for (const [name, tile] of this.#edge) await this.#compare(name, tile)
  }

  /** Says which of the two is wrong where tiles and entries differ: not the entries, when they have the signed root. */
  finish(entriesAreSigned: boolean): void {
    for (const { key, entries } of this.#different) {
      if (entriesAreSigned) this.#find(key, text`it is not what the entries give: ${REBUILD}`)
      else
        for (const index of entries)
          this.#find(entryKey(index), text`its leaf hash is not the one in ${keyText(key)}`)
    }
  }

  /** Tiles that the log does not have. */
  async strays(): Promise<void> {
    const count = await countRows(this.#store, prefixRange(tables.tile))
    if (count !== this.#names.size)
      this.#find(
        tables.tile,
        text`${count} rows are stored, ${this.#names.size} follow from the log: ${REBUILD}`,
      )
  }

  async #compare(name: string, tile: Uint8Array): Promise<void> {
    const [level = '', index = ''] = name.split('/')
    const key = tileKey(Number(level), BigInt(index))
    const stored = (await this.#store.get(key)) ?? new Uint8Array()
    if (equalBytes(stored, tile)) return
    const entries: bigint[] = []
    for (let at = 0; level === '0' && at < tile.length; at += 32) {
      if (!equalBytes(tile.subarray(at, at + 32), stored.subarray(at, at + 32)))
        entries.push(BigInt(index) * 256n + BigInt(at / 32))
    }
    this.#different.push({ key, entries })
  }
}
