/** What a record has in the tables that follow behind: identities by which it is found, and the few rows of recognition. */
import { hash } from 'node:crypto'
import { asBuffer, be32, concat, equalBytes, utf8 } from '../base/bytes.ts'
import { isHuxinError } from '../base/errors.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { bodyRoot, parseBody, recordAt, type RecordSpans, recordSpans } from '../batch/body.ts'
import { understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { leafHash } from '../merkle/hash.ts'
import { lanes, type Lanes } from '../merkle/sha256-lanes.ts'
import { peekRecord, type RecordPeek } from '../record/peek.ts'
import { decodeRecord } from '../record/record.ts'
import { ends, found, RECORD_ID, scan, starts, SUBJECT_ID } from '../record/scan.ts'
import { bodyKey, placeKey, tables, tileKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import type { Ledger } from './ledger.ts'
import { HIGH_BITS, type Identity, packPlace, weightOf } from './segments.ts'
import type { Tail } from './tail.ts'

/** The two tables of the record index. */
export type IndexTable = 'recordId' | 'subject'
export const indexTables: readonly IndexTable[] = ['recordId', 'subject']

/** One record at its place. */
export interface PlacedRecord {
  readonly batch: SealedHeader
  readonly index: bigint
  readonly position: number
  readonly record: Uint8Array
  /** Key of this node's record index. */
  readonly subjectKey: Uint8Array
}

/** What a record has in the tables. */
export interface RecordRows {
  readonly recordId: Identity
  /** Undefined when it is about nobody. */
  readonly subject: Identity | undefined
  /** Rows of recognition. */
  readonly ops: readonly Op[]
}

/** What rows are made from. */
export interface RowSource {
  readonly store: Reader
  readonly ledger: Ledger
  readonly subjectKey: Uint8Array
  /** Looks whether entry and body are what was logged, and is told of one that is not: its records may not be found. */
  readonly onDamage?: ((index: bigint) => void) | undefined
}

/** The kinds of batches whose records are found by record id and subject. */
const KINDS: readonly string[] = ['evaluation', 'recognition', 'record']

// What stands before key and text in the message that is hashed: a type of subject, or one of these.
const RECORD_ID_TAG = 0xff
const LARGE_TYPE_TAG = 0xfe
/** Records hashed in one go: their bytes stay below what the vector hasher keeps. */
const PIECE = 2_048
const HASH_BYTES = 32

/** First 38 bits of SHA-256 over 0xff, the 32-byte key and the record id. */
export function recordIdentity(key: Uint8Array, recordId: string): Identity {
  return identityOf(RECORD_ID_TAG, key, recordId)
}

/** Where the record id of each record of a body stands: start and end, both 0 where that is not known. */
export type IdPlaces = Uint32Array

/**
 * Keyed hashes of the record ids of a body, 32 bytes each; of one that does not decode all 0. The first 38 bits are the identity.
 * `places`: record ids of ASCII that were found before.
 */
export function recordIdHashes(body: RecordSpans, key: Uint8Array, places: IdPlaces = new Uint32Array(2 * body.count)): Buffer {
  // A buffer of its own, so that its words are aligned.
  const into = Buffer.from(new ArrayBuffer(HASH_BYTES * body.count))
  const vector = lanes()
  for (let from = 0; from < body.count; from += PIECE) {
    const to = Math.min(from + PIECE, body.count)
    const slowly = vector ? hashIds(vector, body, { from, to, key, places, into }) : Array.from({ length: to - from }, (_, i) => from + i)
    for (const i of slowly) {
      const peek = peekRecord(recordAt(body, i)!)
      into.fill(0, HASH_BYTES * i, HASH_BYTES * (i + 1))
      if (peek) into.write(hash('sha256', concat(Uint8Array.of(RECORD_ID_TAG), key, utf8(peek.recordId)), 'binary'), HASH_BYTES * i, 'latin1')
    }
  }
  return into
}

/** @returns records whose ids are unusual and were not hashed */
function hashIds(vector: Lanes, { bytes, spans }: RecordSpans, { from, to, key, places, into }: { from: number; to: number; key: Uint8Array; places: IdPlaces; into: Buffer }): number[] {
  const slowly: number[] = []
  const begin = spans[2 * from]!
  const end = spans[2 * to - 1]!
  vector.load(bytes.subarray(begin, end), to - from, key)
  for (let i = from; i < to; i++) {
    let idStart = places[2 * i]!
    let idEnd = places[2 * i + 1]!
    if (idEnd === 0) {
      if (!scan(bytes, spans[2 * i]!, spans[2 * i + 1]!) || !ascii(bytes, RECORD_ID)) {
        slowly.push(i)
        continue
      }
      idStart = starts[RECORD_ID]!
      idEnd = ends[RECORD_ID]!
    }
    // An absent one is at 0.
    vector.add(RECORD_ID_TAG, end - begin, key.length, idEnd === 0 ? 0 : idStart - begin, idEnd - idStart, i - from)
  }
  vector.finish()
  vector.results(to - from).copy(into, HASH_BYTES * from)
  return slowly
}

/** The identity that a hash begins with. */
export function identityAt(hashes: Uint8Array, i: number): Identity {
  return { high: highAt(hashes, HASH_BYTES * i), word: wordAt(hashes, HASH_BYTES * i) }
}

/** First 38 bits of SHA-256 over the type in one byte, the 32-byte key and the id; types that have no byte stand before the id. */
export function subjectIdentity(key: Uint8Array, type: number, id: string): Identity {
  return type >= 0 && type < 0x80 ? identityOf(type, key, id) : identityOf(LARGE_TYPE_TAG, key, `${type}\n${id}`)
}

/**
 * Keyed hash of a subject as access records show it, 16 bytes: useless outside this node. Half of the
 * digest is never shown, so that it cannot be extended.
 */
export function subjectPseudonym(subjectKey: Uint8Array, type: number, id: string): Uint8Array {
  return short(`${asBuffer(subjectKey).toString('hex')}\n${type}\n${id}`)
}

/** Key of the confirmations that answer a request. */
export function confirmationKey(requestRecordId: string): Uint8Array {
  return concat(tables.confirmation, short(requestRecordId))
}

/** Key of the confirmations that cite a source record. */
export function citationKey(batchId: Uint8Array, position: number): Uint8Array {
  return concat(tables.citation, batchId, be32(position))
}

/** Everything that one record has; undefined when it is malformed. */
export function recordRows(placed: PlacedRecord): RecordRows | undefined {
  const peek = peekRecord(placed.record)
  if (!peek) return undefined
  return {
    recordId: recordIdentity(placed.subjectKey, peek.recordId),
    subject: peek.subjectId === '' ? undefined : subjectIdentity(placed.subjectKey, peek.subjectType, peek.subjectId),
    ops: placed.batch.header.kind === 'recognition' ? recognitionRows(placed, peek) : [],
  }
}

/** True for batches whose records are in the index of the nodes that keep them. */
export function isIndexed({ header }: SealedHeader): boolean {
  return understood(header) && KINDS.includes(header.kind)
}

/**
 * Adds the rows of the entry at `index` to the tails. What cannot be read has none, fsck says why.
 * @returns weight of the entry, which follows from the log alone, number of records, and rows of recognition
 */
export async function readRows(source: RowSource, index: bigint, bytes: Uint8Array, tails: Readonly<Record<IndexTable, Tail>>): Promise<{ weight: number; records: number; ops: Op[] }> {
  const batch = headerOf(bytes)
  const weight = weightOf(batch?.header.records ?? 0)
  if (source.onDamage && !await isWhole(source, index, { bytes, batch })) source.onDamage(index)
  const body = batch?.verdict.accepted && isIndexed(batch) && source.ledger.routes(batch.header, batch.source).kept ? await bodyAt(source.store, index) : undefined
  if (!batch || !body) return { weight, records: 0, ops: [] }
  addIdentities(body, index, source.subjectKey, tails)
  const ops: Op[] = []
  for (let position = 0; batch.header.kind === 'recognition' && position < body.count; position++) {
    const record = recordAt(body, position)
    if (record) ops.push(...recordRows({ batch, index, position, record, subjectKey: source.subjectKey })?.ops ?? [])
  }
  return { weight, records: body.count, ops }
}

function headerOf(bytes: Uint8Array): (SealedHeader & Pick<Entry, 'source' | 'verdict'>) | undefined {
  try {
    const { source, verdict, header } = parseEntry(bytes)
    return { ...openHeader(header), source, verdict }
  } catch {
    return undefined
  }
}

/** Whether an entry has the leaf hash of its tile, and its body, where this node keeps it, the root of its header. */
async function isWhole({ store, ledger }: RowSource, index: bigint, { bytes, batch }: { bytes: Uint8Array; batch: ReturnType<typeof headerOf> }): Promise<boolean> {
  const tile = await store.get(tileKey(0, index / 256n))
  const at = HASH_BYTES * Number(index % 256n)
  if (!batch || !tile || !equalBytes(leafHash(bytes), tile.subarray(at, at + HASH_BYTES))) return false
  if (!batch.verdict.accepted || !isIndexed(batch) || !ledger.routes(batch.header, batch.source).kept) return true
  const stored = await store.get(bodyKey(index))
  try {
    return stored !== undefined && equalBytes(bodyRoot(parseBody(stored)), batch.header.root)
  } catch (error) {
    if (isHuxinError(error, 'body_malformed') || isHuxinError(error, 'message_too_large')) return false
    throw error
  }
}

async function bodyAt(store: Reader, index: bigint): Promise<RecordSpans | undefined> {
  try {
    const stored = await store.get(bodyKey(index))
    return stored && recordSpans(stored)
  } catch (error) {
    if (isHuxinError(error, 'body_malformed') || isHuxinError(error, 'message_too_large') || isHuxinError(error, 'store_corrupt')) return undefined
    throw error
  }
}

function addIdentities(body: RecordSpans, index: bigint, subjectKey: Uint8Array, tails: Readonly<Record<IndexTable, Tail>>): void {
  const vector = lanes()
  const [first, zero] = packPlace({ index, position: 0 })
  for (let from = 0; from < body.count; from += PIECE) {
    const to = Math.min(from + PIECE, body.count)
    const kinds = new Uint8Array(to - from)
    const digests = vector ? hashPiece(vector, body, { from, to, subjectKey, kinds }) : undefined
    for (let i = from; i < to; i++) {
      const at = 2 * HASH_BYTES * (i - from)
      const kind = digests ? kinds[i - from]! : SLOWLY
      if (kind === SLOWLY) addSlowly(recordAt(body, i), [first, zero + i], subjectKey, tails)
      if (kind === SLOWLY || kind === ABSENT) continue
      tails.recordId.add(highAt(digests!, at), wordAt(digests!, at), first, zero + i)
      if (kind === WITH_SUBJECT) tails.subject.add(highAt(digests!, at + HASH_BYTES), wordAt(digests!, at + HASH_BYTES), first, zero + i)
    }
  }
}

const ABSENT = 0
const WITHOUT_SUBJECT = 1
const WITH_SUBJECT = 2
const SLOWLY = 3

/** Digests of record id and subject of each record of a piece, two each; what is unusual is left to be read slowly. */
function hashPiece(vector: Lanes, { bytes, spans }: RecordSpans, { from, to, subjectKey, kinds }: { from: number; to: number; subjectKey: Uint8Array; kinds: Uint8Array }): Buffer {
  let begin = 0
  let end = 0
  for (let i = from; i < to; i++) {
    if (begin === 0) begin = spans[2 * i]!
    end = Math.max(end, spans[2 * i + 1]!)
  }
  vector.load(bytes.subarray(begin, end), 2 * (to - from), subjectKey)
  const keyAt = end - begin
  const subjects = new Int32Array(3 * (to - from))
  for (let i = from; i < to; i++) {
    const k = i - from
    if (spans[2 * i] === 0) continue
    kinds[k] = SLOWLY
    if (!scan(bytes, spans[2 * i]!, spans[2 * i + 1]!) || !ascii(bytes, RECORD_ID) || !ascii(bytes, SUBJECT_ID)) continue
    vector.add(RECORD_ID_TAG, keyAt, subjectKey.length, starts[RECORD_ID]! - begin, ends[RECORD_ID]! - starts[RECORD_ID]!, 2 * k)
    const size = ends[SUBJECT_ID]! - starts[SUBJECT_ID]!
    kinds[k] = size > 0 ? WITH_SUBJECT : WITHOUT_SUBJECT
    subjects[3 * k] = found.subjectType
    subjects[3 * k + 1] = starts[SUBJECT_ID]! - begin
    subjects[3 * k + 2] = size
  }
  // After all record ids: messages of as many blocks go together.
  for (let k = 0; k < to - from; k++) {
    if (kinds[k] === WITH_SUBJECT) vector.add(subjects[3 * k]!, keyAt, subjectKey.length, subjects[3 * k + 1]!, subjects[3 * k + 2]!, 2 * k + 1)
  }
  vector.finish()
  return vector.results(2 * (to - from))
}

function addSlowly(record: Uint8Array | undefined, [first, second]: readonly [number, number], subjectKey: Uint8Array, tails: Readonly<Record<IndexTable, Tail>>): void {
  const peek = record && peekRecord(record)
  if (!peek) return
  const id = recordIdentity(subjectKey, peek.recordId)
  tails.recordId.add(id.high, id.word, first, second)
  if (peek.subjectId === '') return
  const subject = subjectIdentity(subjectKey, peek.subjectType, peek.subjectId)
  tails.subject.add(subject.high, subject.word, first, second)
}

function ascii(bytes: Uint8Array, slot: number): boolean {
  const end = ends[slot]!
  for (let i = starts[slot]!; i < end; i++) if (bytes[i]! > 0x7f) return false
  return true
}

function identityOf(tag: number, key: Uint8Array, text: string): Identity {
  const digest = Buffer.from(hash('sha256', concat(Uint8Array.of(tag), key, utf8(text)), 'binary'), 'latin1')
  return { high: highAt(digest, 0), word: wordAt(digest, 0) }
}

function highAt(digest: Uint8Array, at: number): number {
  return digest[at]! >>> (8 - HIGH_BITS)
}

/** The 32 bits after the first 6. */
function wordAt(digest: Uint8Array, at: number): number {
  return ((digest[at]! << 30) | (digest[at + 1]! << 22) | (digest[at + 2]! << 14) | (digest[at + 3]! << 6) | (digest[at + 4]! >>> 2)) >>> 0
}

function recognitionRows({ batch, index, position, record }: PlacedRecord, peek: RecordPeek): Op[] {
  const rows: Op[] = [{ key: placeKey(tables.recognition, index, position), value: utf8(peek.family) }]
  if (peek.family !== 'confirmation') return rows
  const { content } = decodeRecord(record)
  if (content.case !== 'recognitionConfirmation') return rows
  rows.push({ key: placeKey(confirmationKey(content.value.requestRecordId), index, position), value: batch.id })
  if (content.value.sourceBatchId.length === 32) {
    rows.push({ key: placeKey(citationKey(content.value.sourceBatchId, content.value.sourceIndex), index, position), value: batch.id })
  }
  return rows
}

/** First 16 bytes of SHA-256. */
function short(data: string): Uint8Array {
  return Buffer.from(hash('sha256', data, 'binary').slice(0, 16), 'latin1')
}
