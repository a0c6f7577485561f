/**
 * Reading records and how they stand. State holds dates; whether something is in force is decided here,
 * against today's civil date. Nothing held in transit, not understood, or refused is served.
 */
import { civilDate } from '../base/clock.ts'
import { hex } from '../base/bytes.ts'
import { type Body, leafHashAt, parseBody, recordAt, recordSpans } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import type { Record as CreditRecord } from '../gen/huxin/v1/record_pb.ts'
import { type IndexTable, recordIdentity, subjectIdentity } from '../ledger/record-rows.ts'
import type { Identity, Place } from '../ledger/segments.ts'
import { peekRecord } from '../record/peek.ts'
import { decodeRecord } from '../record/record.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { Context } from './context.ts'

export type Standing = 'current' | 'superseded' | 'withdrawn' | 'repaired' | 'erased' | 'refused' | 'expired' | 'not_yet'

/** A record at its place, with its standing today. */
export interface FoundRecord {
  readonly batch: SealedHeader
  readonly entry: Entry
  readonly index: bigint
  readonly position: number
  /** Encoded record; undefined once erased. */
  readonly bytes: Uint8Array | undefined
  readonly record: CreditRecord | undefined
  readonly leafHash: Uint8Array
  readonly standing: Standing
  readonly disputed: boolean
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

/** Reads a batch by id; undefined when this node never logged it. */
export async function findBatch(context: Context, id: Uint8Array): Promise<FoundBatch | undefined> {
  const known = await context.ledger().known(id)
  if (!known) return undefined
  const index = known.indexes[0]!
  const [entryBytes, stored] = await context.store.getMany([entryKey(index), bodyKey(index)])
  if (!entryBytes) return undefined
  const entry = parseEntry(entryBytes)
  const body = entry.verdict.accepted && stored ? parseBody(stored) : undefined
  return { batch: openHeader(entry.header), entry, index, indexes: known.indexes, refused: known.refused, body }
}

/** Records with a record id, newest first. */
export function findByRecordId(context: Context, recordId: string, limit = 100): Promise<FoundRecord[]> {
  const identity = recordIdentity(context.subjectKey, recordId)
  return readPlaces(context, { table: 'recordId', identity, limit }, (record) => record.recordId === recordId)
}

/** Records about a subject, newest first. */
export function findBySubject(context: Context, type: number, id: string, limit = 100): Promise<FoundRecord[]> {
  const identity = subjectIdentity(context.subjectKey, type, id)
  return readPlaces(context, { table: 'subject', identity, limit }, ({ subject }) => subject?.id === id && subject.type === type)
}

/** One record at its place; undefined when this node does not serve it. */
export async function readPlace(context: Context, index: bigint, position: number): Promise<FoundRecord | undefined> {
  const [entryBytes, stored] = await context.store.getMany([entryKey(index), bodyKey(index)])
  if (!entryBytes || !stored) return undefined
  const entry = parseEntry(entryBytes)
  const batch = openHeader(entry.header)
  const { item } = batch.header
  if (!entry.verdict.accepted || !understood(batch.header) || (item !== undefined && context.ledger().catalog.beyond(item))) return undefined
  if (!context.ledger().routes(batch.header, entry.source).kept) return undefined
  const body = parseBody(stored)
  if (position >= body.count) return undefined
  const bytes = recordAt(body, position)
  const record = bytes && decodeRecord(bytes)
  const { standing, disputed } = await standingOf(context, { batch, index, position, record })
  return { batch, entry, index, position, bytes, record, leafHash: leafHashAt(body, position), standing, disputed }
}

/** How the record at a place of a batch stands, as far as this node knows; the body is not needed. */
export async function standingOf(
  context: Context,
  { batch, index, position, record }: { batch: SealedHeader; index: bigint; position: number; record: CreditRecord | undefined },
): Promise<{ standing: Standing; disputed: boolean }> {
  const today = civilDate(context.clock.nowMs())
  const amendments = (await context.ledger().amendments(batch.id, batch.header.origin))
    .filter((amendment) => amendment.position === position && amendment.effectiveOn <= today)
  const has = (action: number): boolean => amendments.some((amendment) => amendment.action === action)
  const disputed = has(AmendmentAction.OBJECT)
  const known = await context.ledger().known(batch.id)
  if (known?.refused) return { standing: 'refused', disputed }
  if (has(AmendmentAction.ERASE)) return { standing: 'erased', disputed }
  if (has(AmendmentAction.WITHDRAW)) return { standing: 'withdrawn', disputed }
  if (has(AmendmentAction.REPAIR)) return { standing: 'repaired', disputed }
  if (!record) return { standing: 'erased', disputed }
  if (await superseded(context, batch, index, position, record.recordId)) return { standing: 'superseded', disputed }
  if (record.content.case === 'evaluationResult') {
    const { validFrom, validTo } = record.content.value
    if (today > validTo) return { standing: 'expired', disputed }
    if (today < validFrom) return { standing: 'not_yet', disputed }
  }
  return { standing: 'current', disputed }
}

/** A later record with the same id, item and provider replaces this one. */
async function superseded(context: Context, batch: SealedHeader, index: bigint, position: number, recordId: string): Promise<boolean> {
  const places = await context.indexer.find('recordId', recordIdentity(context.subjectKey, recordId))
  for (const place of places) {
    if (place.index < index || (place.index === index && place.position <= position)) return false
    if (await isOfSeries(context, place, { batch, recordId })) return true
  }
  return false
}

async function isOfSeries({ store }: Context, { index, position }: Place, { batch, recordId }: { batch: SealedHeader; recordId: string }): Promise<boolean> {
  const [entryBytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
  if (!entryBytes || !stored) return false
  const { header } = openHeader(parseEntry(entryBytes).header)
  if (header.provider !== batch.header.provider || (header.item ?? '') !== (batch.header.item ?? '')) return false
  const body = recordSpans(stored)
  const record = position < body.count ? recordAt(body, position) : undefined
  return record !== undefined && peekRecord(record)?.recordId === recordId
}

async function readPlaces(context: Context, { table, identity, limit }: { table: IndexTable; identity: Identity; limit: number }, wanted: (record: CreditRecord) => boolean): Promise<FoundRecord[]> {
  await context.indexer.caughtUp()
  const places = await context.indexer.find(table, identity)
  const found: FoundRecord[] = []
  for (const { index, position } of places) {
    const record = await readPlace(context, index, position)
    if (record?.record && wanted(record.record)) found.push(record)
    if (found.length >= limit) break
  }
  return found
}

/** Log index and position at the end of a key. */
export function placeOf(key: Uint8Array): { index: bigint; position: number } {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  return { index: bytes.readBigUInt64BE(key.length - 12), position: bytes.readUInt32BE(key.length - 4) }
}

/** What state the body of a batch is in here. */
export function bodyState(context: Context, found: FoundBatch): 'held' | 'transit' | 'dropped' | 'refused' {
  if (!found.body) return 'refused'
  const { kept } = context.ledger().routes(found.batch.header, found.entry.source)
  if (kept) return 'held'
  return found.body.erased === found.body.count ? 'dropped' : 'transit'
}

/** Short name of a batch for people. */
export function shortId(id: Uint8Array): string {
  return hex(id).slice(0, 12)
}
