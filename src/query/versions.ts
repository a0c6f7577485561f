/**
 * Earlier versions of records that are to be erased: erasing a version erases all earlier ones of its series, as the
 * query orders them (series.ts). Each record id is looked up once and each batch read once, however many of their records are
 * sought, and long work is done in turns.
 */
import { parseLogged } from '../batch/logged.ts'
import type { Turns } from '../base/clock.ts'
import { recordAt, recordSpans } from '../batch/body.ts'
import type { SealedHeader } from '../batch/seal.ts'
import type { Record as CreditRecord } from '../gen/huxin/v1/record_pb.ts'
import { isIndexed, recordIdentity } from '../lookup/record-rows.ts'
import { decodeRecord } from '../record/record.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { Context } from '../commit/context.ts'
import { compareVersions, seriesName, type Version } from './series.ts'

/** What is to become of a record. */
interface Dated {
  /** YYYY-MM-DD. */
  readonly effectiveOn: string
}

/** Records of one batch that are to be erased. */
export interface Sought<T extends Dated> {
  readonly batch: SealedHeader
  /** Log index of its accepting entry. */
  readonly index: bigint
  /** By position. */
  readonly changes: ReadonlyMap<number, T>
}

/** Records of one batch that are earlier versions; `value` is that of the record which they are versions of, the one that binds first. */
export interface EarlierBatch<T> {
  readonly batchId: Uint8Array
  readonly bodyBytes: number
  readonly records: readonly { readonly position: number; readonly value: T }[]
}

/** A version that is to be erased. */
interface Erased<T> {
  readonly version: Version
  readonly own: T
  /** Of it and those after it that are to be erased, the one that binds first. */
  value: T
}

/** Versions to be erased, by series, oldest first. */
type Series<T> = ReadonlyMap<string, readonly Erased<T>[]>

/**
 * The batches that hold earlier versions, those first that were logged first. What is erased already is not among them.
 * @throws HuxinError cancelled
 */
export async function* earlierBatches<T extends Dated>(
  context: Context,
  sought: readonly Sought<T>[],
  turns: Turns,
): AsyncGenerator<EarlierBatch<T>> {
  // Only an erasure asks for versions: a withdrawal does not wait for the index.
  if (sought.length === 0) return
  await context.indexer.caughtUp()
  const series = await seriesOf(context, sought, turns)
  const places = await findPlaces(context, series, turns)
  for (const index of [...places.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    if (turns.over) await turns.next()
    const found = await readBatch(context, index, { positions: places.get(index)!, series, turns })
    if (found && found.records.length > 0) yield found
  }
}

async function seriesOf<T extends Dated>(
  { store, kinds }: Context,
  sought: readonly Sought<T>[],
  turns: Turns,
): Promise<Series<T>> {
  const series = new Map<string, Erased<T>[]>()
  for (const { batch, index, changes } of sought) {
    const stored = isIndexed({ kinds }, batch) ? await store.get(bodyKey(index)) : undefined
    const body = stored && recordSpans(stored)
    for (const [position, value] of changes) {
      if (turns.over) await turns.next()
      const record = body && position < body.count ? decoded(recordAt(body, position)) : undefined
      if (!record) continue
      const name = seriesName(batch, record)
      const row = series.get(name) ?? []
      row.push({ version: { batch, index, position, record }, own: value, value })
      series.set(name, row)
    }
  }
  for (const row of series.values()) {
    row.sort((a, b) => compareVersions(a.version, b.version))
    for (let i = row.length - 2; i >= 0; i--)
      if (row[i + 1]!.value.effectiveOn < row[i]!.value.effectiveOn)
        row[i]!.value = row[i + 1]!.value
  }
  return series
}

/** Positions by log index where the record ids of these series stand. */
async function findPlaces(
  context: Context,
  series: Series<Dated>,
  turns: Turns,
): Promise<Map<bigint, Set<number>>> {
  const places = new Map<bigint, Set<number>>()
  for (const recordId of new Set(
    [...series.values()].map(([first]) => first!.version.record.recordId),
  )) {
    if (turns.over) await turns.next()
    for (const { index, position } of await context.indexer.find(
      'recordId',
      recordIdentity(context.subjectKey, recordId),
    )) {
      const row = places.get(index)
      if (row) row.add(position)
      else places.set(index, new Set([position]))
    }
  }
  return places
}

async function readBatch<T extends Dated>(
  { store, ledger }: Context,
  index: bigint,
  { positions, series, turns }: { positions: ReadonlySet<number>; series: Series<T>; turns: Turns },
): Promise<EarlierBatch<T> | undefined> {
  const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
  if (!bytes || !stored) return undefined
  const { entry, batch } = parseLogged(index, bytes)
  if (
    !entry.verdict.accepted ||
    !isIndexed(ledger(), batch) ||
    !ledger().routes(batch.header, entry.source).kept
  )
    return undefined
  const body = recordSpans(stored)
  const records: { position: number; value: T }[] = []
  for (const position of positions) {
    if (turns.over) await turns.next()
    const record = position < body.count ? decoded(recordAt(body, position)) : undefined
    const value =
      record &&
      valueFor(series.get(seriesName(batch, record)) ?? [], { batch, index, position, record })
    if (value) records.push({ position, value })
  }
  return { batchId: batch.id, bodyBytes: stored.length, records }
}

/** What is to become of a version, because of later ones of its series; undefined when nothing that is not asked for already. */
function valueFor<T extends Dated>(row: readonly Erased<T>[], version: Version): T | undefined {
  let from = 0
  for (let to = row.length; from < to;) {
    const middle = (from + to) >>> 1
    if (compareVersions(row[middle]!.version, version) > 0) to = middle
    else from = middle + 1
  }
  const later = row[from]?.value
  const before = row[from - 1]
  const isAsked =
    before !== undefined &&
    before.version.index === version.index &&
    before.version.position === version.position
  return later && isAsked && before.own.effectiveOn <= later.effectiveOn ? undefined : later
}

function decoded(bytes: Uint8Array | undefined): CreditRecord | undefined {
  try {
    return bytes && decodeRecord(bytes)
  } catch {
    return undefined
  }
}
