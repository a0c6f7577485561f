/**
 * The form of the record index: where a record id or a subject stands in the log. Pure; `record-index.ts`
 * keeps it in the store.
 *
 * An identity is 38 bits of a keyed hash, a place is log index and position in the batch, and a row of
 * the index is a pair of them. Rows are gathered in segments of consecutive log entries. A segment of
 * level 0 ends with the entry at which the weight since the one before it reaches `weight`; a segment of
 * the next level is what `fanIn` segments of one level hold. So which segments there are follows from
 * the log alone.
 *
 * In a segment the identity says where its rows are: its first bits are the number of a bucket, of which
 * a level has 64 * fanIn^level, and a bucket is one row of the store. Identities are hashes, so buckets of
 * every level have about as many rows, and one read finds all that a segment has. A bucket holds its
 * rows sorted by identity and place, 12 bytes each: bits 6 to 37 of the identity (those before are in
 * its number), 5 bytes of log index, 3 bytes of position, big-endian; then its check value
 * (`store/checked.ts`). An empty bucket is no row. So a bucket is a function of the records that stand
 * in its segment: erasing one changes one bucket of each table, to what it had been without it.
 *
 * Identities are short. Two may collide, one in 10,000 lookups at 10 million records, so whoever looks
 * something up compares the record at the place. Nobody can make them collide without the key.
 */
import { asBuffer, be64, concat } from '../base/bytes.ts'

/** Bits of an identity: the first 6, and the 32 that follow. */
export interface Identity {
  readonly high: number
  readonly word: number
}

/** Where a record stands: log index, and position in its batch. */
export interface Place {
  readonly index: bigint
  readonly position: number
}

/** The sizes of an index; every index of a node has the same. */
export interface Shape {
  /** Weight of a segment of level 0. An entry weighs as much as its records and 15. */
  readonly weight: number
  /** Segments that are merged into one, as a power of 2. */
  readonly fanInBits: number
  /** The last level is never merged, so that a bucket stays small even if all records were of one subject. */
  readonly levels: number
}

/** 16,384, 262,144 and 4,194,304 records: 10 million are in 2 + 6 + 2 segments. */
export const standardShape: Shape = { weight: 16_384, fanInBits: 4, levels: 3 }

/** What an index consists of. */
export interface Progress {
  /** Entries in segments. */
  readonly boundary: bigint
  /** Segments made of each level, those that were merged since included. */
  readonly made: readonly number[]
}

export const HIGH_BITS = 6
export const ROW_BYTES = 12
const VERSION = 2
const ENTRY_WEIGHT = 15
/** Where a 64-bit number has its low and its high half, when it is read as two numbers. */
export const [LOW, TOP] = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0]

/** What an entry with so many records adds to a segment. */
export function weightOf(records: number): number {
  return records + ENTRY_WEIGHT
}

/** Segments of a level that are there, from `from` to `to`, exclusive; those before were merged. */
export function liveSegments(
  { made }: Progress,
  level: number,
  { fanInBits, levels }: Shape,
): { from: number; to: number } {
  return { from: level + 1 < levels ? made[level + 1]! << fanInBits : 0, to: made[level]! }
}

/** The lowest level of which there are enough segments to be merged; undefined when there is none. */
export function levelToMerge(progress: Progress, shape: Shape): number | undefined {
  for (let level = 0; level + 1 < shape.levels; level++) {
    const { from, to } = liveSegments(progress, level, shape)
    if (to - from >= 1 << shape.fanInBits) return level
  }
  return undefined
}

/** Number of buckets of a segment. */
export function bucketsOf(level: number, { fanInBits }: Shape): number {
  return 1 << (HIGH_BITS + level * fanInBits)
}

/** The bucket of a level that has an identity. */
export function bucketOf({ high, word }: Identity, level: number, { fanInBits }: Shape): number {
  const bits = level * fanInBits
  return bits === 0 ? high : (high << bits) | (word >>> (32 - bits))
}

/** Key of a bucket. */
export function bucketKey(
  table: Uint8Array,
  { level, segment, bucket }: { level: number; segment: number; bucket: number },
): Uint8Array {
  const key = Buffer.allocUnsafe(10)
  key[0] = table[0]!
  key[1] = level
  key.writeUInt32BE(segment, 2)
  key.writeUInt32BE(bucket, 6)
  return key
}

/** The parts of a key of `bucketKey`; undefined when it has another form. */
export function parseBucketKey(
  key: Uint8Array,
): { level: number; segment: number; bucket: number } | undefined {
  if (key.length !== 10) return undefined
  const bytes = asBuffer(key)
  return { level: bytes[1]!, segment: bytes.readUInt32BE(2), bucket: bytes.readUInt32BE(6) }
}

/** `version`, entries in segments, segments made of each level: what the store holds of progress. */
export function encodeProgress({ boundary, made }: Progress): Uint8Array {
  const counts = Buffer.alloc(4 * made.length)
  made.forEach((count, level) => counts.writeUInt32BE(count, 4 * level))
  return concat(Uint8Array.of(VERSION), be64(boundary), counts)
}

/** Undefined for another version or form. */
export function decodeProgress(value: Uint8Array, { levels }: Shape): Progress | undefined {
  const bytes = asBuffer(value)
  if (bytes.length !== 9 + 4 * levels || bytes[0] !== VERSION) return undefined
  return {
    boundary: bytes.readBigUInt64BE(1),
    made: Array.from({ length: levels }, (_, level) => bytes.readUInt32BE(9 + 4 * level)),
  }
}

/** The two words of a place as a bucket has it: 40 bits of index, 24 of position. */
export function packPlace({ index, position }: Place): [number, number] {
  const at = Number(index)
  return [Math.floor(at / 256), ((at % 256) * 0x1000000 + position) >>> 0]
}

export function unpackPlace(first: number, second: number): Place {
  return { index: BigInt(first) * 256n + BigInt(second >>> 24), position: second & 0xffffff }
}

/** Places of an identity in a bucket, newest first. */
export function findRows(bucket: Uint8Array, { word }: Identity): Place[] {
  const view = viewOf(bucket)
  const places: Place[] = []
  for (
    let at = firstRow(view, word);
    at < view.byteLength && view.getUint32(at) === word;
    at += ROW_BYTES
  ) {
    places.push(unpackPlace(view.getUint32(at + 4), view.getUint32(at + 8)))
  }
  return places.reverse()
}

/** The bucket without one row; undefined when it does not have it. */
export function withoutRow(
  bucket: Uint8Array,
  { word }: Identity,
  place: Place,
): Uint8Array | undefined {
  const view = viewOf(bucket)
  const [first, second] = packPlace(place)
  for (
    let at = firstRow(view, word);
    at < view.byteLength && view.getUint32(at) === word;
    at += ROW_BYTES
  ) {
    if (view.getUint32(at + 4) === first && view.getUint32(at + 8) === second)
      return concat(bucket.subarray(0, at), bucket.subarray(at + ROW_BYTES))
  }
  return undefined
}

/** True when a bucket has a row, given as it is stored. */
export function hasRow(bucket: Uint8Array, row: Uint8Array): boolean {
  const view = viewOf(bucket)
  const word = viewOf(row).getUint32(0)
  for (
    let at = firstRow(view, word);
    at < view.byteLength && view.getUint32(at) === word;
    at += ROW_BYTES
  ) {
    if (asBuffer(row).compare(bucket, at, at + ROW_BYTES) === 0) return true
  }
  return false
}

/** Calls with the 32 last bits of the identity of every row. @returns false when the bucket is not sorted or has no whole rows */
export function eachRow(bucket: Uint8Array, visit: (word: number) => void): boolean {
  const view = viewOf(bucket)
  if (view.byteLength % ROW_BYTES !== 0) return false
  for (let at = 0; at < view.byteLength; at += ROW_BYTES) {
    if (at > 0 && asBuffer(bucket).compare(bucket, at, at + ROW_BYTES, at - ROW_BYTES, at) >= 0)
      return false
    visit(view.getUint32(at))
  }
  return true
}

/**
 * Divides what a bucket of a level holds in all segments that are merged, oldest first, into the buckets
 * of the next level that take its place: as many as there are segments. Empty ones have no bytes.
 */
export function mergeBuckets(
  sources: readonly (Uint8Array | undefined)[],
  level: number,
  { fanInBits }: Shape,
): Uint8Array[] {
  const all = Buffer.concat(sources.filter((source) => source !== undefined))
  const from = viewOf(all)
  const count = all.length / ROW_BYTES
  const keys = new BigUint64Array(count)
  const words = new Uint32Array(keys.buffer)
  for (let i = 0; i < count; i++) {
    words[2 * i + TOP] = from.getUint32(ROW_BYTES * i)
    words[2 * i + LOW] = i
  }
  // Sources are in the order of places, so their order decides among equals.
  keys.sort()
  const into = Buffer.allocUnsafe(all.length)
  const to = viewOf(into)
  const shift = 32 - (level + 1) * fanInBits
  const mask = (1 << fanInBits) - 1
  const ends = new Uint32Array(mask + 1)
  for (let i = 0; i < count; i++) {
    const source = words[2 * i + LOW]! * ROW_BYTES
    const word = words[2 * i + TOP]!
    to.setUint32(ROW_BYTES * i, word)
    to.setUint32(ROW_BYTES * i + 4, from.getUint32(source + 4))
    to.setUint32(ROW_BYTES * i + 8, from.getUint32(source + 8))
    ends[(word >>> shift) & mask] = ROW_BYTES * (i + 1)
  }
  let start = 0
  return Array.from(ends, (end) => {
    const bucket = into.subarray(start, Math.max(start, end))
    start += bucket.length
    return bucket
  })
}

/** Offset of the first row whose word is not below. */
function firstRow(view: DataView, word: number): number {
  let low = 0
  let high = Math.floor(view.byteLength / ROW_BYTES)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (view.getUint32(middle * ROW_BYTES) < word) low = middle + 1
    else high = middle
  }
  return low * ROW_BYTES
}

/** A view of the whole rows. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length - (bytes.length % ROW_BYTES))
}
