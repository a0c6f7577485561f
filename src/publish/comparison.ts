/**
 * What the records of an import are beside what this node published before: each is compared with the newest version
 * of its series (series.ts), the one that holds, and never with one that was replaced. So a correction back to a former
 * value is an update, and importing a file again, or the rest of one after an interruption, adds nothing. A record
 * id leads to the places where it may stand; a body is read once for all of its records. What was refused
 * or erased since is no version any more and may be published again; what was withdrawn or repaired is not.
 */
import { civilDate } from '../base/clock.ts'
import { equalBytes } from '../base/bytes.ts'
import { recordAt, type RecordSpans, recordSpans } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { isInEffect, type StoredAmendment } from '../ledger/amendments.ts'
import { type IndexTable, isIndexed, recordIdentity } from '../lookup/record-rows.ts'
import type { Identity, Place } from '../lookup/segments.ts'
import type { FaultCode } from '../record/fault.ts'
import { derivedIdsOf, isDerivedId } from '../record/record-id.ts'
import { peekRecord, type RecordPeek } from '../record/peek.ts'
import { decodeRecord } from '../record/record.ts'
import { bodyKey, entryKey } from '../store/keys.ts'
import type { BatchClass } from '../topology/lane.ts'
import { targetWithin } from '../topology/target.ts'
import type { Context } from '../commit/context.ts'
import { type Contradiction, Contradictions } from './contradiction.ts'
import { compareVersions, recordDate, seriesPrefix, type Version } from '../query/series.ts'

/** From so many records on it pays to sift first. */
const SIFT_MIN = 16
/** Batches kept while one request is answered: a megabyte or two in most. */
const BATCHES_MAX = 8

/** Replaced records that are shown, and bytes of them. */
const SHOWN_MAX = 20
const SHOWN_BYTES_MAX = 256 << 10

/** Under which records are to be published. */
export interface Publishing {
  readonly item: string | undefined
  readonly provider: string
  /** Sorted. */
  readonly targets: readonly string[]
  readonly batchClass: BatchClass
  /** Only what was logged before this entry counts. */
  readonly before?: bigint
}

/**
 * What a record is beside what stands: not there, there as it is, there but not at all of its targets, or there with other
 * content, which a few outcomes hold. A refused one would not hold, or may not be published again.
 */
export type Outcome =
  | { readonly kind: 'new' | 'unchanged' | 'widened' }
  | { readonly kind: 'updated'; readonly replaced: Uint8Array | undefined }
  | { readonly kind: 'refused'; readonly code: FaultCode; readonly detail: string }

/** A record beside which another result holds, by its place in the list. */
export interface Contradicted extends Contradiction {
  readonly position: number
}

export interface Comparison {
  /** For each record. */
  readonly outcomes: readonly Outcome[]
  readonly contradicted: readonly Contradicted[]
  /** A batch that is sealed before this time, milliseconds since 1970, might be ordered before what it replaces. */
  readonly sealFromMs: number
}

/** For each record, what it is beside what was published here before. */
export async function compare(
  context: Context,
  publishing: Publishing,
  records: readonly Uint8Array[],
): Promise<Comparison> {
  await context.indexer.caughtUp()
  const sift = async (table: IndexTable): Promise<(identity: Identity) => boolean> => {
    const sieve = records.length < SIFT_MIN ? undefined : await context.indexer.sieve(table)
    return (identity) => sieve?.mayHave(identity) ?? true
  }
  const mayStand = await sift('recordId')
  const comparer = new Comparer(context, publishing)
  const outcomes: Outcome[] = []
  for (const record of records) outcomes.push(await comparer.outcomeOf(record, mayStand))
  const ids = new Set(
    outcomes.some(({ kind }) => kind === 'new')
      ? records.map((record) => peekRecord(record)?.recordId)
      : [],
  )
  for (const [i, record] of records.entries()) {
    if (
      outcomes[i]!.kind === 'new' &&
      (await comparer.standsUnderFormerId(record, { ids, mayStand }))
    )
      outcomes[i] = { kind: 'refused', code: 'record_id_former', detail: '' }
  }
  const contradictions = new Contradictions(context, {
    mayStand: await sift('subject'),
    before: publishing.before,
  })
  const contradicted: Contradicted[] = []
  for (const [i, record] of records.entries()) {
    if (outcomes[i]!.kind !== 'new' && outcomes[i]!.kind !== 'updated') continue
    const other = await contradictions.of(record)
    if (other) contradicted.push({ position: i, ...other })
  }
  return { outcomes, contradicted, sealFromMs: comparer.sealFromMs }
}

/** A batch that this node published and that stands. */
interface Standing {
  readonly batch: SealedHeader
  readonly body: RecordSpans
  readonly amendments: readonly StoredAmendment[]
}

/** A version that stands there. */
interface Found extends Place {
  readonly bytes: Uint8Array
  readonly batch: SealedHeader
  readonly amendments: readonly StoredAmendment[]
}

class Comparer {
  readonly #context: Context
  readonly #publishing: Publishing
  readonly #prefix: string
  readonly #today: string
  /** By log index, the one used last at the end; undefined for those that do not count. */
  readonly #batches = new Map<bigint, Standing | undefined>()
  #shown = 0
  #shownBytes = 0
  #sealFromMs = 0

  constructor(context: Context, publishing: Publishing) {
    this.#context = context
    this.#publishing = publishing
    this.#prefix = seriesPrefix({
      origin: context.self,
      provider: publishing.provider,
      item: publishing.item,
    })
    this.#today = civilDate(context.clock.nowMs())
  }

  get sealFromMs(): number {
    return this.#sealFromMs
  }

  async outcomeOf(record: Uint8Array, mayStand: (identity: Identity) => boolean): Promise<Outcome> {
    const peek = peekRecord(record)
    if (!peek) return { kind: 'new' }
    const identity = recordIdentity(this.#context.subjectKey, peek.recordId)
    if (!mayStand(identity)) return { kind: 'new' }
    const newest = await this.#newestOf(
      peek,
      await this.#context.indexer.find('recordId', identity),
    )
    if (!newest) return { kind: 'new' }
    return this.#besideNewest(record, newest)
  }

  /** Whether a record with a derived id is in under the one that it had before kind and scale were part of it, with the same of both. */
  async standsUnderFormerId(
    record: Uint8Array,
    {
      ids,
      mayStand,
    }: { ids: ReadonlySet<string | undefined>; mayStand: (identity: Identity) => boolean },
  ): Promise<boolean> {
    const { item, provider } = this.#publishing
    const peek = peekRecord(record)
    const known = item === undefined ? undefined : this.#context.ledger().catalog.item(item)
    if (!peek || !known || !isDerivedId(peek.recordId)) return false
    const decoded = decodeRecord(record)
    const { id, former } = derivedIdsOf(known, provider, decoded)
    // Another record of the call is the one of that id.
    if (id !== peek.recordId || id === former || ids.has(former)) return false
    const identity = recordIdentity(this.#context.subjectKey, former)
    const newest = mayStand(identity)
      ? await this.#newestOf(
          { ...peek, recordId: former },
          await this.#context.indexer.find('recordId', identity),
        )
      : undefined
    return (
      newest !== undefined && derivedIdsOf(known, provider, decodeRecord(newest.bytes)).id === id
    )
  }

  #besideNewest(record: Uint8Array, newest: Found): Outcome {
    const ended = this.#endOf(newest)
    const place = `${newest.batch.idText} ${newest.position}`
    const isEqual = equalBytes(record, newest.bytes)
    if (isEqual && ended === AmendmentAction.WITHDRAW)
      return { kind: 'refused', code: 'record_withdrawn', detail: place }
    if (isEqual && ended === undefined && newest.batch.header.item === this.#publishing.item) {
      if (this.#reaches(newest.batch)) return { kind: 'unchanged' }
      this.#sealAfter(newest.batch)
      return { kind: 'widened' }
    }
    const [date, before] = [
      recordDate(decodeRecord(record)),
      recordDate(decodeRecord(newest.bytes)),
    ]
    // What was repaired is used by nobody any more; a new decision has a date of its own.
    if (ended === AmendmentAction.REPAIR && date <= before)
      return { kind: 'refused', code: 'record_repaired', detail: place }
    if (date < before) return { kind: 'refused', code: 'version_older', detail: before }
    this.#sealAfter(newest.batch)
    return { kind: 'updated', replaced: this.#show(newest.bytes) }
  }

  /** Batches of one second are ordered by their numbers only where their first lane is the same. */
  #sealAfter({ header: { createdMs, lanes, batchClass } }: SealedHeader): void {
    const isOneLane =
      batchClass === this.#publishing.batchClass && lanes[0]?.target === this.#publishing.targets[0]
    this.#sealFromMs = Math.max(this.#sealFromMs, isOneLane ? createdMs : createdMs + 1_000)
  }

  /** A copy: what is kept would hold the whole batch. */
  #show(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#shown >= SHOWN_MAX || this.#shownBytes + bytes.length > SHOWN_BYTES_MAX)
      return undefined
    this.#shown++
    this.#shownBytes += bytes.length
    return Uint8Array.from(bytes)
  }

  /** What ended a record by today. */
  #endOf({ amendments, position }: Found): AmendmentAction | undefined {
    const has = (wanted: AmendmentAction): boolean =>
      amendments.some(
        (row) => row.position === position && row.action === wanted && isInEffect(row, this.#today),
      )
    return has(AmendmentAction.REPAIR)
      ? AmendmentAction.REPAIR
      : has(AmendmentAction.WITHDRAW)
        ? AmendmentAction.WITHDRAW
        : undefined
  }

  async #newestOf(peek: RecordPeek, places: readonly Place[]): Promise<Found | undefined> {
    const found: Found[] = []
    for (const place of places) {
      const standing = await this.#standingAt(place.index)
      const bytes =
        standing && place.position < standing.body.count
          ? recordAt(standing.body, place.position)
          : undefined
      const there = bytes && peekRecord(bytes)
      if (
        there?.recordId === peek.recordId &&
        there.subjectType === peek.subjectType &&
        there.subjectId === peek.subjectId
      )
        found.push({ ...place, bytes: bytes!, ...standing! })
    }
    if (found.length < 2) return found[0]
    const versions = found.map((one): Version & { found: Found } => ({
      ...one,
      record: decodeRecord(one.bytes),
      found: one,
    }))
    return versions.reduce((newest, one) => (compareVersions(one, newest) > 0 ? one : newest)).found
  }

  async #standingAt(index: bigint): Promise<Standing | undefined> {
    if (this.#publishing.before !== undefined && index >= this.#publishing.before) return undefined
    const known = this.#batches.has(index)
    const standing = known ? this.#batches.get(index) : await this.#read(index)
    if (known) this.#batches.delete(index)
    else if (this.#batches.size >= BATCHES_MAX)
      this.#batches.delete(this.#batches.keys().next().value!)
    this.#batches.set(index, standing)
    return standing
  }

  async #read(index: bigint): Promise<Standing | undefined> {
    const { store } = this.#context
    const ledger = this.#context.ledger()
    const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!bytes || !stored) return undefined
    const { verdict, header } = parseEntry(bytes)
    const batch = parseHeaderNote(header)
    // By the origin, not by the way: what came back after a recovery was published here too.
    if (
      !verdict.accepted ||
      !isIndexed(ledger, batch) ||
      seriesPrefix(batch.header) !== this.#prefix
    )
      return undefined
    if ((await ledger.known(batch.id))?.refused !== false) return undefined
    return {
      batch,
      body: recordSpans(stored),
      amendments: await ledger.amendments(batch.id, batch.header.origin),
    }
  }

  /** Whether everybody to whom the record is to go now has it; this node has what it published. */
  #reaches({ header: { lanes } }: SealedHeader): boolean {
    const { federation, selfId } = this.#context.ledger()
    return this.#publishing.targets.every(
      (target) =>
        target === selfId || lanes.some((lane) => targetWithin(target, lane.target, federation)),
    )
  }
}
