/** What a record has in the tables that follow behind: identities by which it is found, and the few rows of recognition. */
import { hash } from 'node:crypto'
import { asBuffer, be32, concat, equalBytes, utf8 } from '../base/bytes.ts'
import { isHuxinError } from '../base/errors.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { bodyRoot, parseBody, recordAt, type RecordSpans, recordSpans } from '../batch/body.ts'
import type { KindForm, KindTable } from '../batch/kinds.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { leafHash } from '../merkle/hash.ts'
import { type Lanes, secretLanes } from '../merkle/sha256-lanes.ts'
import { peekRecord } from '../record/peek.ts'
import { ends, found, RECORD_ID, scan, starts, SUBJECT_ID } from '../record/scan.ts'
import { bodyKey, tables, tileKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import type { IndexedRecord, Ledger } from '../ledger/ledger.ts'
import { HIGH_BITS, type Identity, packPlace, weightOf } from './segments.ts'
import type { Tail } from './tail.ts'

/** The two tables of the record index. */
export type IndexTable = 'recordId' | 'subject'
export const indexTables: readonly IndexTable[] = ['recordId', 'subject']

/** One record at its place. */
export interface PlacedRecord extends IndexedRecord {
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

// What stands before key and text in the message that is hashed: a type of subject, or one of these.
const RECORD_ID_TAG = 0xff
const LARGE_TYPE_TAG = 0xfe
/** Records hashed in one go: their bytes stay below what the vector hasher keeps. */
const PIECE = 2_048
const HASH_BYTES = 32

/** First 38 bits of SHA-256 over 0xff, the 32-byte key and the record id. */
export function recordIdentity(key: Uint8Array, recordId: string): Identity {
  return identityAt(recordIdDigest(key, recordId))
}

/**
 * Where record id and subject of each record of a body stand, five words each: start and end of both, and the type of the
 * subject; the ends are 0 where that is not known.
 */
export type IdPlaces = Uint32Array
const PLACE_WORDS = 5

export function noPlaces(count: number): IdPlaces {
  return new Uint32Array(PLACE_WORDS * count)
}

/** Whether the ids of a record were found. */
export function isPlaced(places: IdPlaces, i: number): boolean {
  return places[PLACE_WORDS * i + 1]! > 0
}

/** Notes where the record that was scanned last has its ids, which are ASCII and both there. */
export function notePlaces(places: IdPlaces, i: number): void {
  const at = PLACE_WORDS * i
  places[at] = starts[RECORD_ID]!
  places[at + 1] = ends[RECORD_ID]!
  places[at + 2] = starts[SUBJECT_ID]!
  places[at + 3] = ends[SUBJECT_ID]!
  places[at + 4] = found.subjectType
}

/** First 38 bits of SHA-256 over the type in one byte, the 32-byte key and the id; types that have no byte stand before the id. */
export function subjectIdentity(key: Uint8Array, type: number, id: string): Identity {
  return identityAt(subjectDigest(key, type, id))
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
export function recordRows(
  { kinds }: Pick<Ledger, 'kinds'>,
  placed: PlacedRecord,
): RecordRows | undefined {
  const peek = peekRecord(placed.record)
  if (!peek) return undefined
  return {
    recordId: recordIdentity(placed.subjectKey, peek.recordId),
    subject:
      peek.subjectId === ''
        ? undefined
        : subjectIdentity(placed.subjectKey, peek.subjectType, peek.subjectId),
    ops: kinds.of(placed.batch.header)?.recordRows?.(placed, peek.family) ?? [],
  }
}

/** True for batches whose records are in the index of the nodes that keep them. */
export function isIndexed(
  { kinds }: { readonly kinds: KindTable<KindForm> },
  { header }: Pick<SealedHeader, 'header'>,
): boolean {
  return kinds.of(header)?.indexed === true
}

/**
 * Adds the rows of the entry at `index` to the tails. What cannot be read has none, fsck says why.
 * @returns weight of the entry, which follows from the log alone, number of records, and rows of recognition
 */
export async function readRows(
  source: RowSource,
  index: bigint,
  bytes: Uint8Array,
  tails: Readonly<Record<IndexTable, Tail>>,
): Promise<{ weight: number; records: number; ops: Op[] }> {
  const batch = headerOf(bytes)
  const weight = weightOf(batch?.header.records ?? 0)
  if (source.onDamage && !(await isWhole(source, index, { bytes, batch }))) source.onDamage(index)
  const body =
    batch?.verdict.accepted &&
    isIndexed(source.ledger, batch) &&
    source.ledger.routes(batch.header, batch.source).kept
      ? await bodyAt(source.store, index)
      : undefined
  if (!batch || !body) return { weight, records: 0, ops: [] }
  BodyIdentities.of(body, source.subjectKey).addTo(tails, index)
  const ops: Op[] = []
  const more = source.ledger.kinds.of(batch.header)?.recordRows !== undefined
  for (let position = 0; more && position < body.count; position++) {
    const record = recordAt(body, position)
    if (record)
      ops.push(
        ...(recordRows(source.ledger, {
          batch,
          index,
          position,
          record,
          subjectKey: source.subjectKey,
        })?.ops ?? []),
      )
  }
  return { weight, records: body.count, ops }
}

function headerOf(
  bytes: Uint8Array,
): (SealedHeader & Pick<Entry, 'source' | 'verdict'>) | undefined {
  try {
    const { source, verdict, header } = parseEntry(bytes)
    return { ...parseHeaderNote(header), source, verdict }
  } catch {
    return undefined
  }
}

/** Whether an entry has the leaf hash of its tile, and its body, where this node keeps it, the root of its header. */
async function isWhole(
  { store, ledger }: RowSource,
  index: bigint,
  { bytes, batch }: { bytes: Uint8Array; batch: ReturnType<typeof headerOf> },
): Promise<boolean> {
  const tile = await store.get(tileKey(0, index / 256n))
  const at = HASH_BYTES * Number(index % 256n)
  if (!batch || !tile || !equalBytes(leafHash(bytes), tile.subarray(at, at + HASH_BYTES)))
    return false
  if (
    !batch.verdict.accepted ||
    !isIndexed(ledger, batch) ||
    !ledger.routes(batch.header, batch.source).kept
  )
    return true
  const stored = await store.get(bodyKey(index))
  try {
    return stored !== undefined && equalBytes(bodyRoot(parseBody(stored)), batch.header.root)
  } catch (error) {
    if (isHuxinError(error, 'body_malformed') || isHuxinError(error, 'message_too_large'))
      return false
    throw error
  }
}

async function bodyAt(store: Reader, index: bigint): Promise<RecordSpans | undefined> {
  try {
    const stored = await store.get(bodyKey(index))
    return stored && recordSpans(stored)
  } catch (error) {
    if (
      isHuxinError(error, 'body_malformed') ||
      isHuxinError(error, 'message_too_large') ||
      isHuxinError(error, 'store_corrupt')
    )
      return undefined
    throw error
  }
}

/** Identities of records side by side, 11 bytes for each: what it has, and of its record id, then its subject, the first bits and the rest. */
export interface IdentityColumns {
  readonly kinds: Uint8Array
  readonly highs: Uint8Array
  readonly words: Uint32Array
}

export function identityColumns(records: number): IdentityColumns {
  return {
    kinds: new Uint8Array(records),
    highs: new Uint8Array(2 * records),
    words: new Uint32Array(2 * records),
  }
}

/** Adds the rows of the batch at a log index, whose first record is at `from`. */
export function addRows(
  { kinds, highs, words }: IdentityColumns,
  { from, count, index }: { from: number; count: number; index: bigint },
  tails: Readonly<Record<IndexTable, Tail>>,
): void {
  const [first, zero] = packPlace({ index, position: 0 })
  for (let position = 0; position < count; position++) {
    const i = from + position
    const kind = kinds[i]!
    if (kind === ABSENT) continue
    tails.recordId.add(highs[2 * i]!, words[2 * i]!, first, zero + position)
    if (kind === WITH_SUBJECT)
      tails.subject.add(highs[2 * i + 1]!, words[2 * i + 1]!, first, zero + position)
  }
}

/** The identities of the records of a body. */
export class BodyIdentities {
  readonly count: number
  readonly #columns: IdentityColumns

  /**
   * Hashes the ids of a body. `places`: those that were found before. `more`: takes 64 more bits of the hash of each record id, two
   * words each; of one that does not decode 0.
   */
  static of(
    body: RecordSpans,
    key: Uint8Array,
    { places, more }: { places?: IdPlaces; more?: Uint32Array } = {},
  ): BodyIdentities {
    const identities = new BodyIdentities(body.count)
    const vector = secretLanes()
    for (let from = 0; from < body.count; from += PIECE)
      identities.#addPiece(body, {
        from,
        to: Math.min(from + PIECE, body.count),
        key,
        places,
        more,
        vector,
      })
    return identities
  }

  private constructor(count: number) {
    this.count = count
    this.#columns = identityColumns(count)
  }

  /** Undefined for a record that was erased or does not decode. */
  recordId(i: number): Identity | undefined {
    const { kinds, highs, words } = this.#columns
    return kinds[i] === ABSENT ? undefined : { high: highs[2 * i]!, word: words[2 * i]! }
  }

  /** Adds the rows of a body whose entry stands at `index`. */
  addTo(tails: Readonly<Record<IndexTable, Tail>>, index: bigint): void {
    addRows(this.#columns, { from: 0, count: this.count, index }, tails)
  }

  copyTo({ kinds, highs, words }: IdentityColumns, at: number): void {
    kinds.set(this.#columns.kinds, at)
    highs.set(this.#columns.highs, 2 * at)
    words.set(this.#columns.words, 2 * at)
  }

  #addPiece(
    body: RecordSpans,
    {
      from,
      to,
      key,
      places,
      more,
      vector,
    }: Piece & { more: Uint32Array | undefined; vector: Lanes | undefined },
  ): void {
    const { kinds } = this.#columns
    const digests = vector
      ? hashWiped(vector, body, { from, to, key, places }, kinds.subarray(from, to))
      : kinds.fill(SLOWLY, from, to)
    for (let i = from; i < to; i++) {
      if (kinds[i] === SLOWLY) this.#addSlowly(recordAt(body, i), { i, key, more })
      else if (kinds[i] !== ABSENT) this.#set(i, digests, 2 * HASH_BYTES * (i - from), more)
    }
  }

  #set(i: number, digests: Uint8Array, at: number, more: Uint32Array | undefined): void {
    this.#setOne(2 * i, digests, at)
    if (this.#columns.kinds[i] === WITH_SUBJECT) this.#setOne(2 * i + 1, digests, at + HASH_BYTES)
    if (!more) return
    more[2 * i] = fourBytes(digests, at + MORE_AT)
    more[2 * i + 1] = fourBytes(digests, at + MORE_AT + 4)
  }

  #setOne(at: number, digests: Uint8Array, from: number): void {
    this.#columns.highs[at] = highAt(digests, from)
    this.#columns.words[at] = wordAt(digests, from)
  }

  #addSlowly(
    record: Uint8Array | undefined,
    { i, key, more }: { i: number; key: Uint8Array; more: Uint32Array | undefined },
  ): void {
    const peek = record && peekRecord(record)
    this.#columns.kinds[i] = !peek ? ABSENT : peek.subjectId === '' ? WITHOUT_SUBJECT : WITH_SUBJECT
    if (!peek) return
    const digests = [
      recordIdDigest(key, peek.recordId),
      ...(peek.subjectId === '' ? [] : [subjectDigest(key, peek.subjectType, peek.subjectId)]),
    ]
    this.#set(i, Buffer.concat(digests), 0, more)
  }
}

/** Bytes of a digest that are not in the identity. */
const MORE_AT = 8

function fourBytes(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

/** Records of a body that are hashed in one go. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly key: Uint8Array
  readonly places: IdPlaces | undefined
}

const ABSENT = 0
const WITHOUT_SUBJECT = 1
const WITH_SUBJECT = 2
const SLOWLY = 3

/** The digests of a piece; neither the key nor what was hashed with it is left behind. */
function hashWiped(vector: Lanes, body: RecordSpans, piece: Piece, kinds: Uint8Array): Buffer {
  try {
    return hashPiece(vector, body, piece, kinds)
  } finally {
    vector.wipe()
  }
}

/** Digests of record id and subject of each record of a piece, two each; what is unusual is left to be read slowly. */
function hashPiece(
  vector: Lanes,
  { bytes, spans }: RecordSpans,
  { from, to, key, places }: Piece,
  kinds: Uint8Array,
): Buffer {
  let begin = 0
  let end = 0
  for (let i = from; i < to; i++) {
    if (begin === 0) begin = spans[2 * i]!
    end = Math.max(end, spans[2 * i + 1]!)
  }
  vector.load(bytes.subarray(begin, end), 2 * (to - from), key)
  const keyAt = end - begin
  const subjects = noPlaces(to - from)
  for (let i = from; i < to; i++) {
    const k = i - from
    if (spans[2 * i] === 0) continue
    kinds[k] = SLOWLY
    const at = PLACE_WORDS * k
    if (places && isPlaced(places, i))
      subjects.set(places.subarray(PLACE_WORDS * i, PLACE_WORDS * (i + 1)), at)
    else if (
      scan(bytes, spans[2 * i]!, spans[2 * i + 1]!) &&
      ascii(bytes, RECORD_ID) &&
      ascii(bytes, SUBJECT_ID)
    )
      notePlaces(subjects, k)
    else continue
    // An absent one is at 0.
    const idEnd = subjects[at + 1]!
    vector.add(
      RECORD_ID_TAG,
      keyAt,
      key.length,
      idEnd === 0 ? 0 : subjects[at]! - begin,
      idEnd - subjects[at]!,
      2 * k,
    )
    kinds[k] = subjects[at + 3]! > subjects[at + 2]! ? WITH_SUBJECT : WITHOUT_SUBJECT
  }
  // After all record ids: messages of as many blocks go together.
  for (let k = 0; k < to - from; k++) {
    const at = PLACE_WORDS * k
    if (kinds[k] === WITH_SUBJECT)
      vector.add(
        subjects[at + 4]!,
        keyAt,
        key.length,
        subjects[at + 2]! - begin,
        subjects[at + 3]! - subjects[at + 2]!,
        2 * k + 1,
      )
  }
  vector.finish()
  return vector.results(2 * (to - from))
}

function ascii(bytes: Uint8Array, slot: number): boolean {
  const end = ends[slot]!
  for (let i = starts[slot]!; i < end; i++) if (bytes[i]! > 0x7f) return false
  return true
}

function recordIdDigest(key: Uint8Array, recordId: string): Uint8Array {
  return digestOf(RECORD_ID_TAG, key, recordId)
}

function subjectDigest(key: Uint8Array, type: number, id: string): Uint8Array {
  return type >= 0 && type < 0x80
    ? digestOf(type, key, id)
    : digestOf(LARGE_TYPE_TAG, key, `${type}\n${id}`)
}

function digestOf(tag: number, key: Uint8Array, text: string): Uint8Array {
  return Buffer.from(
    hash('sha256', concat(Uint8Array.of(tag), key, utf8(text)), 'binary'),
    'latin1',
  )
}

/** The identity that a digest begins with. */
function identityAt(digest: Uint8Array): Identity {
  return { high: highAt(digest, 0), word: wordAt(digest, 0) }
}

function highAt(digest: Uint8Array, at: number): number {
  return digest[at]! >>> (8 - HIGH_BITS)
}

/** The 32 bits after the first 6. */
function wordAt(digest: Uint8Array, at: number): number {
  return (
    ((digest[at]! << 30) |
      (digest[at + 1]! << 22) |
      (digest[at + 2]! << 14) |
      (digest[at + 3]! << 6) |
      (digest[at + 4]! >>> 2)) >>>
    0
  )
}

/** First 16 bytes of SHA-256. */
function short(data: string): Uint8Array {
  return Buffer.from(hash('sha256', data, 'binary').slice(0, 16), 'latin1')
}
