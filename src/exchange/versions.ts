/**
 * Earlier versions of records that are to be erased: erasing a version erases all earlier ones of its series. A
 * series has one owner: origin, provider, item (all editions), record id, subject. Each batch is read once, however many of
 * its records are sought, and long work is done in turns.
 */
import type { Turns } from '../base/clock.ts'
import { hex } from '../base/bytes.ts'
import { parseEntry } from '../batch/entry.ts'
import { recordAt, recordSpans } from '../batch/body.ts'
import type { BatchHeader } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import { isIndexed, recordIdentity } from '../ledger/record-rows.ts'
import { peekRecord } from '../record/peek.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { Context } from './context.ts'

/** Records of one batch that are to be erased. */
export interface Sought<T> {
  readonly batch: SealedHeader
  /** Log index of its accepting entry. */
  readonly index: bigint
  /** By position. */
  readonly changes: ReadonlyMap<number, T>
}

/** Records of one batch that are earlier versions; `value` is that of the record which they are versions of. */
export interface EarlierBatch<T> {
  readonly batchId: Uint8Array
  readonly bodyBytes: number
  readonly records: readonly { readonly position: number; readonly value: T }[]
}

interface Candidate<T> {
  readonly series: string
  readonly position: number
  readonly value: T
}

/**
 * The batches that hold earlier versions, oldest first. What is erased already is not among them.
 * @throws HuxinError cancelled
 */
export async function* earlierBatches<T>(context: Context, sought: readonly Sought<T>[], turns: Turns): AsyncGenerator<EarlierBatch<T>> {
  // Only an erasure asks for versions: a withdrawal does not wait for the index.
  if (sought.length === 0) return
  await context.indexer.caughtUp()
  const places = new Map<bigint, Candidate<T>[]>()
  for (const one of sought) await findPlaces(context, one, { places, turns })
  for (const index of [...places.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    if (turns.over) await turns.next()
    const found = await readBatch(context, index, places.get(index)!)
    if (found && found.records.length > 0) yield found
  }
}

/** Where records with the ids of those that are sought stand before them. */
async function findPlaces<T>(context: Context, { batch, index, changes }: Sought<T>, { places, turns }: { places: Map<bigint, Candidate<T>[]>; turns: Turns }): Promise<void> {
  const stored = isIndexed(batch) ? await context.store.get(bodyKey(index)) : undefined
  const body = stored && recordSpans(stored)
  for (const [position, value] of changes) {
    if (turns.over) await turns.next()
    const record = body && position < body.count ? recordAt(body, position) : undefined
    const peek = record && peekRecord(record)
    if (!peek) continue
    const series = seriesOf(batch.header, peek)
    for (const place of await context.indexer.find('recordId', recordIdentity(context.subjectKey, peek.recordId))) {
      if (place.index > index || (place.index === index && place.position >= position)) continue
      const row = places.get(place.index) ?? []
      row.push({ series, position: place.position, value })
      places.set(place.index, row)
    }
  }
}

async function readBatch<T>({ store, ledger }: Context, index: bigint, candidates: readonly Candidate<T>[]): Promise<EarlierBatch<T> | undefined> {
  const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
  if (!bytes || !stored) return undefined
  const entry = parseEntry(bytes)
  const batch = openHeader(entry.header)
  if (!entry.verdict.accepted || !isIndexed(batch) || !ledger().routes(batch.header, entry.source).kept) return undefined
  const body = recordSpans(stored)
  const records = candidates.flatMap(({ series, position, value }) => {
    const record = position < body.count ? recordAt(body, position) : undefined
    const peek = record && peekRecord(record)
    return peek && seriesOf(batch.header, peek) === series ? [{ position, value }] : []
  })
  return { batchId: batch.id, bodyBytes: stored.length, records }
}

function seriesOf({ origin, provider, item = '' }: BatchHeader, { recordId, subjectType, subjectId }: { recordId: string; subjectType: number; subjectId: string }): string {
  return [origin, provider, item.slice(0, item.lastIndexOf('@')), subjectType, hex(Buffer.from(subjectId)), recordId].join(' ')
}
