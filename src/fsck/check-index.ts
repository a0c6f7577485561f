/**
 * The record index, computed again from the log a segment at a time and held against the one that is stored:
 * every row that the log gives is there, there are no more of them, and every bucket is sorted, whole
 * and where it belongs. Rows of recognition are compared one by one.
 */
import { equalBytes } from '../base/bytes.ts'
import { text } from '../base/text.ts'
import { erasedNotes, type ErasedRows, openErasedNote } from '../lookup/erased.ts'
import { indexedKey, noProgress, openProgress } from '../lookup/record-index.ts'
import { type IndexTable, indexTables, readRows, type RowSource } from '../lookup/record-rows.ts'
import {
  bucketKey,
  bucketOf,
  bucketsOf,
  eachRow,
  findRows,
  hasRow,
  HIGH_BITS,
  liveSegments,
  parseBucketKey,
  type Progress,
  ROW_BYTES,
  type Shape,
} from '../lookup/segments.ts'
import { Tail } from '../lookup/tail.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { openChecked } from '../store/checked.ts'
import { bodyKey, entryKey, indexAtEnd, prefixRange, tables } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import type { Find } from './finding.ts'

const PIECE = 1_000
const REBUILD = text`run huxin node rebuild`

/** Number of rows of recognition that follow from the log, by the first byte of their table. */
export type Counts = Map<number, number>

export class IndexCheck {
  readonly #source: RowSource
  readonly #store: Reader
  readonly #shape: Shape
  readonly #find: Find
  readonly #tails: Record<IndexTable, Tail> = { recordId: new Tail(), subject: new Tail() }
  readonly #follow: Record<IndexTable, number> = { recordId: 0, subject: 0 }
  readonly #counts: Counts = new Map()
  #progress: Progress
  #segments = 0
  #lastBoundary = 0n

  constructor(source: RowSource, shape: Shape, find: Find) {
    this.#source = source
    this.#store = source.store
    this.#shape = shape
    this.#find = find
    this.#progress = noProgress(shape)
  }

  /** Compares everything. Rows are counted only where nothing is missing before. @returns how many rows of recognition may be there */
  async run(size: bigint, whole: boolean): Promise<Counts> {
    const stored = await this.#store.get(indexedKey)
    const progress = openProgress(stored, this.#shape)
    this.#progress = progress ?? this.#progress
    await this.#entries(size)
    if (stored && !progress) {
      this.#find(
        indexedKey,
        text`it is damaged or of another version: a node that starts makes the index anew, or ${REBUILD}`,
      )
      return this.#counts
    }
    const pending = await this.#notes()
    for (const table of indexTables) {
      const rows = (await this.#buckets(table)) - pending[table]
      if (whole && rows !== this.#follow[table])
        this.#find(
          tables[table],
          text`${rows} rows are stored, ${this.#follow[table]} follow from the log: ${REBUILD}`,
        )
    }
    return this.#counts
  }

  async #entries(size: bigint): Promise<void> {
    let weight = 0
    for (let from = 0n; from < size; from += BigInt(PIECE)) {
      for (const [key, bytes] of await this.#store.range({
        gte: entryKey(from),
        lt: entryKey(from + BigInt(PIECE)),
      })) {
        const index = indexAtEnd(key)
        const rows = await readRows(this.#source, index, bytes, this.#tails)
        await this.#compare(index, rows.ops)
        weight += rows.weight
        if (weight < this.#shape.weight) continue
        weight = 0
        await this.#segment(index + 1n)
      }
    }
    const { made, boundary } = this.#progress
    if (this.#segments >= made[0]! && this.#lastBoundary === boundary) return
    this.#find(
      indexedKey,
      text`it counts ${made[0]!} segments up to entry ${boundary}, the log gives ${this.#segments} up to ${this.#lastBoundary}: ${REBUILD}`,
    )
  }

  /** Rows of recognition are stored before their segment is. */
  async #compare(index: bigint, ops: readonly Op[]): Promise<void> {
    for (const { key, value } of ops) {
      const there = await this.#store.get(key)
      if (there) this.#counts.set(key[0]!, (this.#counts.get(key[0]!) ?? 0) + 1)
      if (there ? !equalBytes(there, value!) : index < this.#progress.boundary) {
        this.#find(
          key,
          text`${there ? text`it is not what the log gives` : text`it is missing`}: ${REBUILD}`,
        )
      }
    }
  }

  /** The entries before `boundary` make the next segment. */
  async #segment(boundary: bigint): Promise<void> {
    const at = this.#segments++
    if (at < this.#progress.made[0]!) {
      this.#lastBoundary = boundary
      const level = this.#levelOf(at)
      if (level !== undefined) {
        for (const table of indexTables)
          await this.#rowsOf(table, level, at >>> (level * this.#shape.fanInBits))
      }
    }
    for (const table of indexTables) this.#tails[table].clear()
  }

  /** The level on which a segment is now. */
  #levelOf(at: number): number | undefined {
    for (let level = 0; level < this.#shape.levels; level++) {
      const { from, to } = liveSegments(this.#progress, level, this.#shape)
      const segment = at >>> (level * this.#shape.fanInBits)
      if (segment >= from && segment < to) return level
    }
    return undefined
  }

  async #rowsOf(table: IndexTable, level: number, segment: number): Promise<void> {
    let key: Uint8Array | undefined
    let stored: Uint8Array | undefined
    let last = -1
    for (const [high, rows] of this.#tails[table].buckets()) {
      for (let at = 0; at < rows.length; at += ROW_BYTES) {
        const row = rows.subarray(at, at + ROW_BYTES)
        const bucket = bucketOf(
          { high, word: Buffer.from(row.buffer, row.byteOffset).readUInt32BE() },
          level,
          this.#shape,
        )
        if (bucket !== last) {
          key = bucketKey(tables[table], { level, segment, bucket })
          stored = openChecked(key, await this.#store.get(key))
          last = bucket
        }
        this.#follow[table]++
        if (!stored || !hasRow(stored, row))
          this.#find(key!, text`it lacks a record of the log or is damaged: ${REBUILD}`)
        if (!stored) return
      }
    }
  }

  /** What erased records still have. */
  async #notes(): Promise<Record<IndexTable, number>> {
    const pending = { recordId: 0, subject: 0 }
    for (let from = erasedNotes.gte; ;) {
      const notes = await this.#store.range({ ...erasedNotes, gte: from, limit: PIECE })
      for (const [key, stored] of notes) {
        const note = openErasedNote(key, stored)
        if (!note || !(await this.#isErased(note)))
          this.#find(key, text`it names no record that was erased: ${REBUILD}`)
        if (!note) continue
        for (const { table, identity } of note.rows)
          if (await this.#has(note, table, identity)) pending[table]++
        for (const row of note.keys) {
          if (await this.#store.get(row))
            this.#counts.set(row[0]!, (this.#counts.get(row[0]!) ?? 0) + 1)
        }
      }
      if (notes.length < PIECE) return pending
      from = Buffer.concat([notes.at(-1)![0], Buffer.of(0)])
    }
  }

  async #isErased({ place }: ErasedRows): Promise<boolean> {
    const stored = await this.#store.get(bodyKey(place.index))
    try {
      const body = stored && parseBody(stored)
      return (
        body !== undefined &&
        place.position < body.count &&
        recordAt(body, place.position) === undefined
      )
    } catch {
      return true // The walk has said what is wrong with the body.
    }
  }

  async #has(
    { place }: ErasedRows,
    table: IndexTable,
    identity: ErasedRows['rows'][number]['identity'],
  ): Promise<boolean> {
    for (let level = 0; level < this.#shape.levels; level++) {
      const { from, to } = liveSegments(this.#progress, level, this.#shape)
      for (let segment = from; segment < to; segment++) {
        const key = bucketKey(tables[table], {
          level,
          segment,
          bucket: bucketOf(identity, level, this.#shape),
        })
        const stored = openChecked(key, await this.#store.get(key))
        if (
          stored &&
          findRows(stored, identity).some(
            ({ index, position }) => index === place.index && position === place.position,
          )
        )
          return true
      }
    }
    return false
  }

  /** Looks at every bucket. @returns the rows of those that count */
  async #buckets(table: IndexTable): Promise<number> {
    const { gte, lt } = prefixRange(tables[table])
    let rows = 0
    for (let from = gte; ;) {
      const stored = await this.#store.range({ gte: from, lt, limit: PIECE })
      for (const [key, value] of stored) rows += this.#rowsIn(key, value)
      if (stored.length < PIECE) return rows
      from = Buffer.concat([stored.at(-1)![0], Buffer.of(0)])
    }
  }

  #rowsIn(key: Uint8Array, stored: Uint8Array): number {
    const at = parseBucketKey(key)
    const range =
      at && at.level < this.#shape.levels && at.bucket < bucketsOf(at.level, this.#shape)
        ? liveSegments(this.#progress, at.level, this.#shape)
        : undefined
    // A merge may be under way: what it made does not count yet, what it was made from does no more.
    if (at && range && (at.segment < range.from || (at.level > 0 && at.segment === range.to)))
      return 0
    if (!at || !range || at.segment >= range.to) {
      this.#find(key, text`there is no such segment: ${REBUILD}`)
      return 0
    }
    const rows = openChecked(key, stored)
    const bits = at.level * this.#shape.fanInBits
    let right = true
    const sorted =
      rows &&
      eachRow(rows, (word) => {
        right &&= bucketOf({ high: at.bucket >>> bits, word }, at.level, this.#shape) === at.bucket
      })
    if (!sorted || !right || at.bucket >>> bits >= 1 << HIGH_BITS)
      this.#find(key, text`it is damaged: ${REBUILD}`)
    return rows ? rows.length / ROW_BYTES : 0
  }
}
