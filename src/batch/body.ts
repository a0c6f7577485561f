/**
 * The body of a batch: its records with their salts, or, where a record was erased, its leaf hash.
 *
 * Canonical form (a subset of protobuf, message huxin.v1.Body): each leaf is field 1, in order; a
 * leaf is either field 1 (16 bytes of salt) then field 2 (1 to 65,536 bytes of record), or field 3
 * alone (32 bytes of hash); every length is a minimal varint; nothing else. So one body has one
 * encoding, and a foreign protobuf library writes exactly it.
 *
 * Leaf hash = SHA-256(0x00 ‖ salt ‖ record). The salt hides a guessable record behind its hash, so
 * that hashes may stay for ever when records may not.
 */
import { hash } from 'node:crypto'
import { asBuffer, equalBytes } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import { rootOfLeaves } from '../merkle/hash.ts'
import { lanes } from '../merkle/sha256-lanes.ts'

export const SALT_BYTES = 16
const HASH_BYTES = 32
/** From so many records on, leaves are hashed four at a time. */
const LANES_MIN = 8
const scratch = Buffer.alloc(1 + SALT_BYTES + limits.recordBytesMax)

/** A body and what was computed from it. `bytes` is what travels and is stored. */
export interface Body {
  readonly bytes: Uint8Array
  readonly count: number
  /** Concatenated leaf hashes, 32 bytes each. */
  readonly leafHashes: Uint8Array
  /** How many leaves are hashes alone. */
  readonly erased: number
  /** Offsets into bytes: start and end of record i at 2i and 2i+1; both 0 when erased. */
  readonly spans: Uint32Array
}

/** Where the records of a body are, unhashed. */
export type RecordSpans = Pick<Body, 'bytes' | 'count' | 'erased' | 'spans'>

/** Bytes of record i as encoded at its origin, without copying; undefined when erased. */
export function recordAt(
  body: Pick<Body, 'bytes' | 'spans'>,
  index: number,
): Uint8Array | undefined {
  const start = body.spans[2 * index]!
  return start === 0 ? undefined : body.bytes.subarray(start, body.spans[2 * index + 1])
}

/** Leaf hash of a record with its salt, 32 bytes. */
export function recordLeafHash(salt: Uint8Array, record: Uint8Array): Uint8Array {
  const into = Buffer.allocUnsafe(HASH_BYTES)
  scratch.set(salt, 1)
  scratch.set(record, 1 + SALT_BYTES)
  scratch[0] = 0
  into.write(
    hash('sha256', scratch.subarray(0, 1 + SALT_BYTES + record.length), 'binary'),
    0,
    HASH_BYTES,
    'latin1',
  )
  return into
}

/** Bytes from the beginning of a record's salt to the beginning of the record. */
export function saltDistance(recordBytes: number): number {
  return SALT_BYTES + 1 + varintBytes(recordBytes)
}

/** Leaf hash of record i, 32 bytes. */
export function leafHashAt(body: Body, index: number): Uint8Array {
  return body.leafHashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
}

/** RFC 6962 root of the body's leaves. */
export function bodyRoot(body: Body): Uint8Array {
  return rootOfLeaves(body.leafHashes)
}

/** Records named in one error. */
const FAULTS_NAMED_MAX = 32

/** @throws HuxinError argument_invalid (empty) | message_too_large, naming the records by their places */
export function checkRecordSizes(records: readonly Uint8Array[]): void {
  const fields: { path: string; message: Said }[] = []
  for (let i = 0; i < records.length && fields.length < FAULTS_NAMED_MAX; i++) {
    const { length } = records[i]!
    if (length < 1 || length > limits.recordBytesMax)
      fields.push({
        path: `records[${i}]`,
        message: text`the record has ${length} bytes, allowed are 1 to ${limits.recordBytesMax}`,
      })
  }
  const [first] = fields
  if (!first) return
  const empty = fields.every(
    ({ path }) => records[Number(path.slice('records['.length, -1))]!.length === 0,
  )
  const others =
    fields.length > 1
      ? text`; ${fields.length - 1}${fields.length === FAULTS_NAMED_MAX ? text` or more` : ''} others too`
      : ''
  throw new HuxinError(
    empty ? 'argument_invalid' : 'message_too_large',
    text`${first.path}: ${first.message}${others}`,
    { fields },
  )
}

/**
 * Encodes records (1 to 100,000, each 1 to 65,536 bytes) with fresh salts.
 * @throws HuxinError argument_invalid | message_too_large
 */
export function encodeBody(records: readonly Uint8Array[], random: Random): Body {
  checkRecordSizes(records)
  let size = 0
  for (const record of records) {
    const leaf = recordLeafBytes(record.length)
    size += 1 + varintBytes(leaf) + leaf
  }
  checkSize(records.length, size)
  const salts = random.fill(Buffer.allocUnsafe(SALT_BYTES * records.length))
  const bytes = Buffer.allocUnsafe(size)
  const spans = new Uint32Array(2 * records.length)
  let at = 0
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    bytes[at++] = 0x0a
    at = writeVarint(bytes, at, recordLeafBytes(record.length))
    bytes[at++] = 0x0a
    bytes[at++] = SALT_BYTES
    // So few bytes are copied faster than a view of them is made.
    for (let from = i * SALT_BYTES; from < (i + 1) * SALT_BYTES; from++) bytes[at++] = salts[from]!
    bytes[at++] = 0x12
    at = writeVarint(bytes, at, record.length)
    bytes.set(record, at)
    spans[2 * i] = at
    at += record.length
    spans[2 * i + 1] = at
  }
  return { bytes, count: records.length, leafHashes: hashLeaves(bytes, spans), erased: 0, spans }
}

/**
 * Parses a body and hashes its leaves.
 * @throws HuxinError body_malformed | message_too_large
 */
export function parseBody(unverified: Uint8Array): Body {
  const bytes = asBuffer(unverified)
  const bounds = leafBounds(bytes)
  const { count, erased, spans } = findRecords(bytes, bounds)
  const leafHashes = hashLeaves(bytes, spans)
  if (erased > 0) {
    for (let i = 0; i < count; i++)
      if (spans[2 * i] === 0)
        bytes.copy(leafHashes, i * HASH_BYTES, bounds[2 * i]! + 2, bounds[2 * i + 1])
  }
  return { bytes, count, leafHashes, erased, spans }
}

/**
 * Finds the records of a body and hashes nothing, for those who only read what was verified.
 * @throws HuxinError body_malformed | message_too_large
 */
export function recordSpans(stored: Uint8Array): RecordSpans {
  const bytes = asBuffer(stored)
  return findRecords(bytes, leafBounds(bytes))
}

function findRecords(bytes: Buffer, bounds: readonly number[]): RecordSpans {
  const count = bounds.length / 2
  checkSize(count, bytes.length)
  const spans = new Uint32Array(2 * count)
  let erased = 0
  for (let i = 0; i < count; i++) {
    const at = bounds[2 * i]!
    const end = bounds[2 * i + 1]!
    const tag = bytes[at]
    if (tag === 0x1a) {
      if (bytes[at + 1] !== HASH_BYTES || end !== at + 2 + HASH_BYTES)
        throw malformed(i, text`has a hash that is not 32 bytes alone`)
      erased++
      continue
    }
    if (tag !== 0x0a || bytes[at + 1] !== SALT_BYTES)
      throw malformed(i, text`does not begin with a salt of 16 bytes`)
    let cursor = at + 2 + SALT_BYTES
    if (cursor >= end || bytes[cursor++] !== 0x12)
      throw malformed(i, text`has no record after its salt`)
    const [length, recordStart] = readVarint(bytes, cursor, i)
    if (length < 1 || length > limits.recordBytesMax || recordStart + length !== end)
      throw malformed(i, text`has a record of the wrong length`)
    spans[2 * i] = recordStart
    spans[2 * i + 1] = end
  }
  return { bytes, count, erased, spans }
}

/**
 * The same body with some records reduced to their leaf hashes; the root stays the same.
 * `which` undefined means all of them.
 */
export function eraseLeaves(body: Body, which?: ReadonlySet<number>): Uint8Array {
  const parts: Uint8Array[] = []
  for (let i = 0; i < body.count; i++) {
    const record = recordAt(body, i)
    if (record === undefined || which === undefined || which.has(i)) {
      parts.push(Buffer.from([0x0a, HASH_BYTES + 2, 0x1a, HASH_BYTES]), leafHashAt(body, i))
      continue
    }
    const leaf = recordLeafBytes(record.length)
    const end = body.spans[2 * i + 1]!
    parts.push(body.bytes.subarray(end - leaf - varintBytes(leaf) - 1, end))
  }
  return Buffer.concat(parts)
}

/** True when `candidate` completes `stored`: the same leaves, and every record that `stored` still has. */
export function sameLeaves(a: Body, b: Body): boolean {
  return equalBytes(a.leafHashes, b.leafHashes)
}

/**
 * Where every `leaves`-th leaf of a body begins, and where the last one ends. Nothing else is looked at.
 * @throws HuxinError body_malformed
 */
export function leafStarts(stored: Uint8Array, leaves: number): Uint32Array {
  const bytes = asBuffer(stored)
  const starts: number[] = []
  let at = 0
  for (let leaf = 0; at < bytes.length; leaf++) {
    if (leaf % leaves === 0) starts.push(at)
    at = leafAt(bytes, at, leaf)[1]
  }
  return Uint32Array.of(...starts, bytes.length)
}

/** Start and end of the content of the leaf at an offset. */
function leafAt(bytes: Buffer, at: number, leaf: number): [start: number, end: number] {
  if (bytes[at] !== 0x0a) throw malformed(leaf, text`does not begin with tag 1`)
  const [length, start] = readVarint(bytes, at + 1, leaf)
  if (start + length > bytes.length) throw malformed(leaf, text`is cut off`)
  return [start, start + length]
}

/** Start and end of each leaf, one after the other. */
function leafBounds(bytes: Buffer): number[] {
  const bounds: number[] = []
  let at = 0
  while (at < bytes.length) {
    const [start, end] = leafAt(bytes, at, bounds.length / 2)
    bounds.push(start, end)
    at = end
  }
  return bounds
}

/** Leaf hashes of the records at `spans`; those of erased ones are left open. */
function hashLeaves(bytes: Buffer, spans: Uint32Array): Buffer {
  const count = spans.length / 2
  const vector = count < LANES_MIN ? undefined : lanes()
  const into = vector ? undefined : Buffer.allocUnsafe(HASH_BYTES * count)
  vector?.load(bytes, count)
  for (let i = 0; i < count; i++) {
    const start = spans[2 * i]!
    if (start === 0) continue
    const end = spans[2 * i + 1]!
    const saltAt = start - 1 - varintBytes(end - start) - SALT_BYTES
    if (vector) vector.add(0, saltAt, SALT_BYTES, start, end - start, i)
    else hashLeaf(bytes, saltAt, start, end, into!, i * HASH_BYTES)
  }
  vector?.finish()
  return into ?? vector!.results(count)
}

function hashLeaf(
  bytes: Uint8Array,
  saltAt: number,
  start: number,
  end: number,
  into: Buffer,
  at: number,
): void {
  scratch[0] = 0
  scratch.set(bytes.subarray(saltAt, saltAt + SALT_BYTES), 1)
  scratch.set(bytes.subarray(start, end), 1 + SALT_BYTES)
  into.write(
    hash('sha256', scratch.subarray(0, 1 + SALT_BYTES + end - start), 'binary'),
    at,
    HASH_BYTES,
    'latin1',
  )
}

function recordLeafBytes(recordBytes: number): number {
  return 2 + SALT_BYTES + 1 + varintBytes(recordBytes) + recordBytes
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

function readVarint(bytes: Buffer, start: number, leaf: number): [value: number, next: number] {
  let value = 0
  let at = start
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = bytes[at++]
    if (byte === undefined) throw malformed(leaf, text`is cut off`)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      if (byte === 0 && shift > 0) throw malformed(leaf, text`has a length that is not minimal`)
      return [value, at]
    }
  }
  throw malformed(leaf, text`has a length over its limit`)
}

function checkSize(count: number, bytes: number): void {
  if (count < 1 || count > limits.batchRecordsMax) {
    throw new HuxinError(
      'body_malformed',
      text`a body has ${count} records, allowed are 1 to ${limits.batchRecordsMax}`,
    )
  }
  if (bytes > limits.bodyBytesMax) {
    throw new HuxinError(
      'message_too_large',
      text`a body has ${bytes} bytes, at most ${limits.bodyBytesMax}: use smaller batches`,
    )
  }
}

function malformed(leaf: number, what: Said): HuxinError {
  return new HuxinError('body_malformed', text`body: leaf ${leaf} ${what}`)
}
