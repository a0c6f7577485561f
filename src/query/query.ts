/**
 * Reading records and how they stand: what a record reader has checked (`record-reader.ts`), with its standing today
 * (`standing.ts`). Nothing held in transit, not understood, or refused is served. An answer comes in pages, each of them
 * bounded in records, bytes and places looked at; work of more than a few milliseconds takes turns with everything else and
 * ends when the caller is gone.
 */
import { equalBytes } from '../base/bytes.ts'
import { Turns } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type Body, bodyRoot, parseBody } from '../batch/body.ts'
import type { Entry } from '../batch/entry.ts'
import type { SealedHeader } from '../batch/seal.ts'
import type { Record as CreditRecord } from '../gen/huxin/v1/record_pb.ts'
import { type IndexTable, recordIdentity, subjectIdentity } from '../lookup/record-rows.ts'
import type { Identity, Place } from '../lookup/segments.ts'
import { decodeRecord } from '../record/record.ts'
import { bodyKey, keyText } from '../store/keys.ts'
import type { Context } from '../commit/context.ts'
import { type Standing, Standings, type Stands } from './standing.ts'

export type { Standing } from './standing.ts'

/** A record at its place, with its standing today. */
export interface FoundRecord extends Place {
  readonly batch: SealedHeader
  readonly entry: Entry
  /** Encoded record; undefined once erased. */
  readonly bytes: Uint8Array | undefined
  readonly record: CreditRecord | undefined
  readonly leafHash: Uint8Array
  readonly standing: Standing
  readonly on: string
  readonly ended: boolean
  readonly disputed: boolean
}

/** A place where a record should be whose bytes are wrong. */
export interface DamagedRecord extends Place {
  /** Undefined when the entry is wrong too. */
  readonly batch: SealedHeader | undefined
  readonly standing: 'damaged'
}

/** A batch of this log. */
export interface FoundBatch {
  readonly batch: SealedHeader
  readonly entry: Entry
  readonly index: bigint
  readonly indexes: readonly bigint[]
  readonly refused: boolean
  /** Undefined when refused. */
  readonly body: Body | undefined
}

/** What is looked for. */
export type Wanted =
  | { readonly recordId: string }
  | { readonly subject: { readonly type: number; readonly id: string } }

/** How much of an answer is wanted. */
export interface PageOptions {
  /** Records at most. */
  readonly size: number
  /** Bytes of records after which there is no other. */
  readonly bytesMax?: number
  /** The last place of the page before. */
  readonly after?: Place | undefined
  readonly turns?: Turns
}

/** Records, newest first. */
export interface Page<R = FoundRecord | DamagedRecord> {
  readonly records: readonly R[]
  /** Where to go on when the answer was cut. */
  readonly next: Place | undefined
}

/** Places looked at for one page: records that were erased or are not served are no answer, but cost as much. */
const PLACES_MAX = 20_000
/** What a record of an answer has around it. */
const FIELDS_BYTES = 400

/** Reads a batch by id; undefined when this node never logged it. @throws HuxinError store_corrupt */
export async function findBatch(context: Context, id: Uint8Array): Promise<FoundBatch | undefined> {
  const known = await context.ledger().known(id)
  const index = known?.indexes[0]
  const found = index === undefined ? undefined : await context.records.entry(index)
  if (!known || index === undefined || !found) return undefined
  const { entry, batch } = found
  const stored = entry.verdict.accepted ? await context.store.get(bodyKey(index)) : undefined
  return {
    batch,
    entry,
    index,
    indexes: known.indexes,
    refused: known.refused,
    body: stored && checkedBody(index, batch, stored),
  }
}

function checkedBody(index: bigint, { header }: SealedHeader, stored: Uint8Array): Body {
  try {
    const body = parseBody(stored)
    if (equalBytes(bodyRoot(body), header.root)) return body
  } catch {
    // What does not parse was not accepted.
  }
  throw new HuxinError(
    'store_corrupt',
    text`${keyText(bodyKey(index))}: it is not what was logged: run huxin fsck --repair`,
  )
}

/** Records with a record id, newest first. @throws HuxinError store_corrupt */
export function findByRecordId(
  context: Context,
  recordId: string,
  limit = 100,
): Promise<FoundRecord[]> {
  return findAll(context, { recordId }, limit)
}

/** Records about a subject, newest first. @throws HuxinError store_corrupt */
export function findBySubject(
  context: Context,
  type: number,
  id: string,
  limit = 100,
): Promise<FoundRecord[]> {
  return findAll(context, { subject: { type, id } }, limit)
}

async function findAll(context: Context, wanted: Wanted, size: number): Promise<FoundRecord[]> {
  const { records } = await findPage(context, wanted, { size })
  return records.map((found) => {
    if ('entry' in found) return found
    throw new HuxinError(
      'store_corrupt',
      text`${keyText(bodyKey(found.index))}: record ${found.position} is not what was logged: run huxin fsck --repair`,
    )
  })
}

/** One page of an answer. @throws HuxinError store_corrupt when the index is damaged | cancelled */
export async function findPage(
  context: Context,
  wanted: Wanted,
  { size, bytesMax = Infinity, after, turns = new Turns(context.clock) }: PageOptions,
): Promise<Page> {
  await context.indexer.caughtUp()
  const { table, identity } = sought(context, wanted)
  const places = await context.indexer.find(table, identity)
  const standings = new Standings(context, turns)
  const records: (FoundRecord | DamagedRecord)[] = []
  let bytes = 0
  const from = after ? places.findIndex((place) => isBefore(place, after)) : 0
  for (let i = from < 0 ? places.length : from; i < places.length; i++) {
    if (turns.over) await turns.next()
    const place = places[i]!
    const found = await readOrDamaged(context, place, standings)
    const isWanted =
      found && (!('entry' in found) || (found.record && matches(wanted, found.record)))
    const more = isWanted ? FIELDS_BYTES + ('entry' in found ? (found.bytes?.length ?? 0) : 0) : 0
    // The one that does not fit begins the next page.
    if (isWanted && records.length > 0 && bytes + more > bytesMax)
      return { records, next: places[i - 1] }
    if (isWanted) records.push(found)
    bytes += more
    if ((records.length >= size || i - from >= PLACES_MAX) && i + 1 < places.length)
      return { records, next: place }
  }
  return { records, next: undefined }
}

function sought(
  { subjectKey }: Context,
  wanted: Wanted,
): { table: IndexTable; identity: Identity } {
  if ('recordId' in wanted)
    return { table: 'recordId', identity: recordIdentity(subjectKey, wanted.recordId) }
  return {
    table: 'subject',
    identity: subjectIdentity(subjectKey, wanted.subject.type, wanted.subject.id),
  }
}

/** Identities are short: two may have the same. */
function matches(wanted: Wanted, record: CreditRecord): boolean {
  if ('recordId' in wanted) return record.recordId === wanted.recordId
  return record.subject?.id === wanted.subject.id && record.subject.type === wanted.subject.type
}

/** True for a place that comes after another one, newest first. */
function isBefore(place: Place, other: Place): boolean {
  return (
    place.index < other.index || (place.index === other.index && place.position < other.position)
  )
}

async function readOrDamaged(
  context: Context,
  place: Place,
  standings: Standings,
): Promise<FoundRecord | DamagedRecord | undefined> {
  try {
    return await readPlace(context, place.index, place.position, standings)
  } catch (error) {
    if (!isHuxinError(error, 'store_corrupt')) throw error
    return {
      ...place,
      batch: await standings.served(place.index).then(
        (found) => found?.batch,
        () => undefined,
      ),
      standing: 'damaged',
    }
  }
}

/** One record at its place; undefined when this node does not serve it. @throws HuxinError store_corrupt | cancelled */
export async function readPlace(
  context: Context,
  index: bigint,
  position: number,
  standings = new Standings(context),
): Promise<FoundRecord | undefined> {
  const served = await standings.served(index)
  const read = served && (await standings.read({ index, position }))
  if (!read) return undefined
  const { bytes, leafHash } = read
  const { batch, entry } = served
  const record = bytes && decodeRecord(bytes)
  const { standing, on, ended, disputed } = await standings.of({ batch, index, position, record })
  return { batch, entry, index, position, bytes, record, leafHash, standing, on, ended, disputed }
}

/** How the record at a place of a batch stands, as far as this node knows; the body is not needed. */
export function standingOf(
  context: Context,
  placed: Place & { readonly batch: SealedHeader; readonly record: CreditRecord | undefined },
): Promise<Stands> {
  return new Standings(context).of(placed)
}

/** Log index and position at the end of a key. */
export function placeOf(key: Uint8Array): { index: bigint; position: number } {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  return {
    index: bytes.readBigUInt64BE(key.length - 12),
    position: bytes.readUInt32BE(key.length - 4),
  }
}

/** What state the body of a batch is in here. */
export function bodyState(
  context: Context,
  found: FoundBatch,
): 'held' | 'transit' | 'dropped' | 'refused' {
  if (!found.body) return 'refused'
  const { kept } = context.ledger().routes(found.batch.header, found.entry.source)
  if (kept) return 'held'
  return found.body.erased === found.body.count ? 'dropped' : 'transit'
}
