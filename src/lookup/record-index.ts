/**
 * The record index in the store: segments of `segments.ts`, and the rows since the last of them in memory.
 * A closed segment and the progress that counts it are one write; a merged one counts when all of its
 * buckets are there, and what it was merged from is removed after that. So a crash leaves at most
 * buckets that do not count, which `load` removes, and the memory is read again from the log.
 *
 * One caller changes it, the `Indexer`, one call after the other; `find` may be called at any time.
 */
import { asBuffer } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import { formerOwn, keyText, prefixRange, tables } from '../store/keys.ts'
import type { KeyRange, Op, Store } from '../store/store.ts'
import { indexedRow } from './rows.ts'
import { type IndexTable, indexTables } from './record-rows.ts'
import {
  bucketKey,
  bucketOf,
  bucketsOf,
  decodeProgress,
  encodeProgress,
  findRows,
  type Identity,
  levelToMerge,
  liveSegments,
  mergeBuckets,
  type Place,
  type Progress,
  ROW_BYTES,
  type Shape,
  withoutRow,
} from './segments.ts'
import { TableSieve } from './table-sieve.ts'
import { Tail } from './tail.ts'

export const indexedKey = indexedRow.key()

/** Rows merged in one write: some milliseconds, so that others get their turn between two. */
const PIECE_ROWS = 32_768
/** Rows for which a bucket counts, however few it has. */
const BUCKET_ROWS = 256
/** Tables that are made from bodies alone: all of them begin anew together. */
const FROM_BODIES: readonly Uint8Array[] = [
  tables.recordId,
  tables.subject,
  tables.recognition,
  tables.confirmation,
  tables.citation,
  formerOwn,
]

/** A row of the index. */
export interface IndexRow {
  readonly table: IndexTable
  readonly identity: Identity
  readonly place: Place
}

/** Value of the row that says what an index consists of. */
export function progressValue(progress: Progress): Uint8Array {
  return checkedValue(indexedKey, encodeProgress(progress))
}

/** What the stored row says; undefined when there is none, it is damaged, or the index has another form. */
export function openProgress(stored: Uint8Array | undefined, shape: Shape): Progress | undefined {
  const value = openChecked(indexedKey, stored)
  return value && decodeProgress(value, shape)
}

/** Progress before the first segment. */
export function noProgress({ levels }: Shape): Progress {
  return { boundary: 0n, made: Array.from({ length: levels }, () => 0) }
}

export class RecordIndex {
  readonly #store: Store
  readonly #shape: Shape
  readonly #pieceRows: number
  readonly tails: Readonly<Record<IndexTable, Tail>> = { recordId: new Tail(), subject: new Tail() }
  readonly sieves: Readonly<Record<IndexTable, TableSieve>>
  #progress: Progress
  /** The merge under way: its level, and how many buckets of both tables are done. */
  #merging: { readonly level: number; readonly done: number } | undefined
  /**
   * Buckets of level 0 that were read, without their check values, by segment, bucket and table; undefined for those that
   * are empty. All of them together are six megabytes, and a lookup wants fifteen.
   */
  readonly #newest = new Map<number, Uint8Array | undefined>()
  /** Counts what makes a bucket of before another one. */
  #changes = 0
  /** A bucket does not have its check value: the index has to begin anew. */
  damaged = false

  constructor(store: Store, shape: Shape, pieceRows = PIECE_ROWS) {
    this.#store = store
    this.#shape = shape
    this.#pieceRows = pieceRows
    this.#progress = noProgress(shape)
    const sieveOf = (table: IndexTable): TableSieve =>
      new TableSieve({
        store,
        shape,
        prefix: tables[table],
        tail: this.tails[table],
        open: (key, stored) => this.#open(key, stored),
      })
    this.sieves = { recordId: sieveOf('recordId'), subject: sieveOf('subject') }
  }

  /** Entries in segments; those after it are in memory. */
  get boundary(): bigint {
    return this.#progress.boundary
  }

  get mergeIsDue(): boolean {
    return levelToMerge(this.#progress, this.#shape) !== undefined
  }

  /** Begins with what the store has; with nothing when that is damaged or of another form. */
  async load(): Promise<void> {
    for (const table of indexTables) this.tails[table].clear()
    this.#merging = undefined
    for (const table of indexTables) this.sieves[table].forget()
    this.#forget()
    const row = await this.#store.get(indexedKey)
    const stored = this.damaged ? undefined : openProgress(row, this.#shape)
    const anew = this.damaged || row !== undefined
    this.damaged = false
    this.#progress = stored ?? noProgress(this.#shape)
    if (stored) return this.#removeUncounted()
    // The row that says how far it is goes first, so that nothing counts what is half removed.
    if (row) await this.#store.write([{ key: indexedKey, value: undefined }])
    for (const table of anew ? FROM_BODIES : FROM_BODIES.slice(0, 2))
      await this.#clear(prefixRange(table))
  }

  /** Places of an identity, newest first. They may be those of another: compare the record there. @throws HuxinError store_corrupt */
  async find(table: IndexTable, identity: Identity): Promise<Place[]> {
    for (;;) {
      const progress = this.#progress
      const places = [
        ...this.tails[table].find(identity),
        ...(await this.#findNewest(table, identity)),
      ]
      const keys = this.#liveKeys(table, identity, 1)
      const buckets = keys.length === 0 ? [] : await this.#store.getMany(keys)
      // What was merged meanwhile may be gone from where it was.
      if (progress !== this.#progress) continue
      for (const [i, stored] of buckets.entries())
        if (stored) places.push(...findRows(this.#open(keys[i]!, stored), identity))
      return places
    }
  }

  /** Places in segments of level 0, newest first. */
  async #findNewest(table: IndexTable, identity: Identity): Promise<Place[]> {
    const places: Place[] = []
    const { from, to } = liveSegments(this.#progress, 0, this.#shape)
    const bucket = bucketOf(identity, 0, this.#shape)
    for (let segment = to - 1; segment >= from; segment--) {
      const name =
        (segment * bucketsOf(0, this.#shape) + bucket) * indexTables.length +
        indexTables.indexOf(table)
      const rows = this.#newest.has(name)
        ? this.#newest.get(name)
        : await this.#readNewest(name, bucketKey(tables[table], { level: 0, segment, bucket }))
      if (rows) places.push(...findRows(rows, identity))
    }
    return places
  }

  async #readNewest(name: number, key: Uint8Array): Promise<Uint8Array | undefined> {
    const before = this.#changes
    const stored = await this.#store.get(key)
    const rows = stored && this.#open(key, stored)
    if (before === this.#changes) this.#newest.set(name, rows)
    return rows
  }

  #forget(): void {
    this.#changes++
    this.#newest.clear()
  }

  /** An entry was added to the tails; how many rows they had before it. */
  added(before: Readonly<Record<IndexTable, number>>): void {
    for (const table of indexTables) this.sieves[table].added(before[table])
  }

  /** Makes a segment of what is in memory: the entries before `boundary`. */
  async close(boundary: bigint): Promise<void> {
    const { made } = this.#progress
    const progress = {
      boundary,
      made: made.map((count, level) => (level === 0 ? count + 1 : count)),
    }
    const ops: Op[] = []
    for (const table of indexTables) {
      for (const [bucket, rows] of this.tails[table].buckets())
        ops.push(bucketOp(tables[table], { level: 0, segment: made[0]!, bucket }, rows))
    }
    ops.push({ key: indexedKey, value: progressValue(progress) })
    await this.#store.write(ops)
    this.#progress = progress
    for (const table of indexTables) this.tails[table].clear()
  }

  /** Does a part of the merge that is due, if there is one. @throws HuxinError store_corrupt */
  async mergePiece(): Promise<void> {
    const level = this.#merging?.level ?? levelToMerge(this.#progress, this.#shape)
    if (level === undefined) return
    const buckets = bucketsOf(level, this.#shape)
    const ops: Op[] = []
    let done = this.#merging?.done ?? 0
    for (let rows = 0; done < indexTables.length * buckets && rows < this.#pieceRows; done++) {
      rows += await this.#mergeBucket(
        indexTables[Math.floor(done / buckets)]!,
        { level, bucket: done % buckets },
        ops,
      )
    }
    if (done < indexTables.length * buckets) {
      await this.#store.write(ops)
      this.#merging = { level, done }
      return
    }
    const { boundary, made } = this.#progress
    const progress = {
      boundary,
      made: made.map((count, at) => (at === level + 1 ? count + 1 : count)),
    }
    await this.#store.write([...ops, { key: indexedKey, value: progressValue(progress) }])
    const { from } = liveSegments(this.#progress, level, this.#shape)
    this.#progress = progress
    this.#merging = undefined
    if (level === 0) this.#forget()
    for (const table of indexTables)
      await this.#store.clear(segmentRange(table, level, from, from + (1 << this.#shape.fanInBits)))
  }

  /** Removes rows, wherever they are, in one write with `also`. Those that are not there do not matter. */
  async remove(rows: readonly IndexRow[], also: readonly Op[]): Promise<void> {
    const changed = new Map<string, Op>()
    for (const { table, identity, place } of rows) {
      this.tails[table].remove(identity, place)
      const keys = [...this.#liveKeys(table, identity), ...this.#mergedKey(table, identity)]
      for (const key of keys) {
        const name = asBuffer(key).toString('latin1')
        const stored = changed.has(name) ? changed.get(name)!.value : await this.#store.get(key)
        const bucket = stored && withoutRow(this.#open(key, stored), identity, place)
        if (bucket)
          changed.set(
            name,
            bucket.length > 0
              ? { key, value: checkedValue(key, bucket) }
              : { key, value: undefined },
          )
      }
    }
    await this.#store.write([...changed.values(), ...also])
    this.#forget()
  }

  async #mergeBucket(
    table: IndexTable,
    { level, bucket }: { level: number; bucket: number },
    ops: Op[],
  ): Promise<number> {
    const fanIn = 1 << this.#shape.fanInBits
    const { from } = liveSegments(this.#progress, level, this.#shape)
    const keys = Array.from({ length: fanIn }, (_, i) =>
      bucketKey(tables[table], { level, segment: from + i, bucket }),
    )
    const stored = await this.#store.getMany(keys)
    const merged = mergeBuckets(
      stored.map((value, i) => value && this.#open(keys[i]!, value)),
      level,
      this.#shape,
    )
    const segment = this.#progress.made[level + 1]!
    let rows = BUCKET_ROWS
    for (const [i, bytes] of merged.entries()) {
      rows += bytes.length / ROW_BYTES
      if (bytes.length > 0)
        ops.push(
          bucketOp(tables[table], { level: level + 1, segment, bucket: bucket * fanIn + i }, bytes),
        )
    }
    return rows
  }

  /** Buckets that may have an identity, of the lowest level and those above it, newest segment first. */
  #liveKeys(table: IndexTable, identity: Identity, lowest = 0): Uint8Array[] {
    const keys: Uint8Array[] = []
    for (let level = lowest; level < this.#shape.levels; level++) {
      const { from, to } = liveSegments(this.#progress, level, this.#shape)
      const bucket = bucketOf(identity, level, this.#shape)
      for (let segment = to - 1; segment >= from; segment--)
        keys.push(bucketKey(tables[table], { level, segment, bucket }))
    }
    return keys
  }

  /** The bucket of a merge under way that has an identity, or will. */
  #mergedKey(table: IndexTable, identity: Identity): Uint8Array[] {
    if (!this.#merging) return []
    const level = this.#merging.level + 1
    return [
      bucketKey(tables[table], {
        level,
        segment: this.#progress.made[level]!,
        bucket: bucketOf(identity, level, this.#shape),
      }),
    ]
  }

  #open(key: Uint8Array, stored: Uint8Array): Uint8Array {
    const bucket = openChecked(key, stored)
    if (bucket && bucket.length % ROW_BYTES === 0) return bucket
    this.damaged = true
    throw new HuxinError(
      'store_corrupt',
      text`${keyText(key)} of the record index is damaged: it is made anew, ask again later`,
    )
  }

  /** Buckets of merges that were not finished, and of segments that were merged. */
  async #removeUncounted(): Promise<void> {
    for (const table of indexTables) {
      for (let level = 0; level < this.#shape.levels; level++) {
        const { from, to } = liveSegments(this.#progress, level, this.#shape)
        await this.#clear(segmentRange(table, level, 0, from))
        await this.#clear({
          gte: segmentRange(table, level, to, to).gte,
          lt: Buffer.of(tables[table][0]!, level + 1),
        })
      }
    }
  }

  /** A start writes nothing where there is nothing to remove. */
  async #clear(range: KeyRange): Promise<void> {
    if ((await this.#store.range({ ...range, limit: 1 })).length > 0) await this.#store.clear(range)
  }
}

function bucketOp(
  table: Uint8Array,
  at: { level: number; segment: number; bucket: number },
  rows: Uint8Array,
): Op {
  const key = bucketKey(table, at)
  return { key, value: checkedValue(key, rows) }
}

function segmentRange(table: IndexTable, level: number, from: number, to: number): KeyRange {
  return {
    gte: bucketKey(tables[table], { level, segment: from, bucket: 0 }),
    lt: bucketKey(tables[table], { level, segment: to, bucket: 0 }),
  }
}
