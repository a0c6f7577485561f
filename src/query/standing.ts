/**
 * How records stand today. Everything that is asked for once is kept while one question is answered: what amended a
 * batch, whether it was refused, and which versions of a record id there are. State holds dates; whether something is in
 * force is decided here, against today's civil date.
 */
import { civilDate, Turns } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import type { SealedHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import type { Record as CreditRecord } from '../gen/huxin/v1/record_pb.ts'
import { isInEffect, type StoredAmendment } from '../ledger/amendments.ts'
import type { KnownBatch } from '../ledger/ledger.ts'
import { recordIdentity } from '../lookup/record-rows.ts'
import type { Place } from '../lookup/segments.ts'
import { decodeRecord } from '../record/record.ts'
import type { Context } from '../commit/context.ts'
import type { CheckedEntry, CheckedRecord } from '../commit/record-reader.ts'
import { compareVersions, seriesName, seriesPrefix, type Version } from './series.ts'

export type Standing =
  | 'current'
  | 'superseded'
  | 'withdrawn'
  | 'repaired'
  | 'erased'
  | 'refused'
  | 'expired'
  | 'not_yet'
  | 'damaged'

/** A record whose standing is asked. */
export interface Placed extends Place {
  readonly batch: SealedHeader
  /** Undefined once erased. */
  readonly record: CreditRecord | undefined
}

/** How a record stands. */
export interface Stands {
  readonly standing: Standing
  /** Civil date from which it stands withdrawn, repaired, erased or expired; '' otherwise. */
  readonly on: string
  /** Nobody is given its content any more: it was withdrawn, repaired or erased or has expired, or a later version was or has. */
  readonly ended: boolean
  readonly disputed: boolean
}

/** The newest version of each series that has a record id. */
interface Versions {
  readonly newest: ReadonlyMap<string, Version>
  /** Places that do not read well: any of them may be the newest of its series. Undefined: nothing is known of it. */
  readonly damaged: readonly (SealedHeader | undefined)[]
}

/** Answers for one call, or for as long as nothing is logged meanwhile. */
export class Standings {
  readonly #context: Context
  readonly #turns: Turns
  readonly #today: string
  readonly #amendments = new Map<string, Promise<ReadonlyMap<number, readonly StoredAmendment[]>>>()
  readonly #known = new Map<string, Promise<KnownBatch | undefined>>()
  readonly #versions = new Map<string, Promise<Versions>>()

  constructor(context: Context, turns = new Turns(context.clock)) {
    this.#context = context
    this.#turns = turns
    this.#today = civilDate(context.clock.nowMs())
  }

  /** What this node serves of an entry: nothing that is only in transit, not understood, or was refused at once. @throws HuxinError store_corrupt */
  async served(index: bigint): Promise<CheckedEntry | undefined> {
    const found = await this.#context.records.entry(index)
    if (!found?.entry.verdict.accepted || !this.#context.kinds.of(found.batch.header))
      return undefined
    const { header } = found.batch
    const ledger = this.#context.ledger()
    if (header.item !== undefined && ledger.catalog.beyond(header.item)) return undefined
    return ledger.routes(header, found.entry.source).kept ? found : undefined
  }

  /** The record at a place. @throws HuxinError store_corrupt | cancelled */
  read({ index, position }: Place): Promise<CheckedRecord | undefined> {
    return this.#context.records.read(index, position, this.#turns)
  }

  /** @throws HuxinError store_corrupt when it cannot be told | cancelled */
  async of({ batch, index, position, record }: Placed): Promise<Stands> {
    const amendments = (await this.amendmentsOf(batch)).get(position) ?? []
    const disputed = this.#since(amendments, AmendmentAction.OBJECT) !== ''
    if ((await this.knownOf(batch))?.refused)
      return { standing: 'refused', on: '', ended: false, disputed }
    const ended = this.#end(amendments)
    if (ended) return { ...ended, ended: true, disputed }
    if (!record) return { standing: 'erased', on: '', ended: true, disputed }
    const later = await this.#laterThan({ batch, index, position, record })
    if (later === 'damaged') return { standing: 'damaged', on: '', ended: false, disputed }
    if (later)
      return { standing: 'superseded', on: '', ended: await this.#hasEnded(later), disputed }
    const standing = this.#inForce(record)
    return {
      standing,
      on: standing === 'expired' ? dayAfterEnd(record) : '',
      ended: standing === 'expired',
      disputed,
    }
  }

  /** How amendments ended a record, and from which day on. */
  #end(amendments: readonly StoredAmendment[]): { standing: Standing; on: string } | undefined {
    if (amendments.length === 0) return undefined
    for (const [action, standing] of ENDS) {
      const on = this.#since(amendments, action)
      if (on !== '') return { standing, on }
    }
    return undefined
  }

  /** The day from which an action is in effect; '' while none is. */
  #since(amendments: readonly StoredAmendment[], action: number): string {
    let first = ''
    for (const row of amendments) {
      if (
        row.action === action &&
        isInEffect(row, this.#today) &&
        (first === '' || row.effectiveOn < first)
      )
        first = row.effectiveOn
    }
    return first
  }

  async #hasEnded({ batch, position, record }: Version): Promise<boolean> {
    return (
      this.#end((await this.amendmentsOf(batch)).get(position) ?? []) !== undefined ||
      this.#inForce(record) === 'expired'
    )
  }

  #inForce({ content }: CreditRecord): Standing {
    if (content.case !== 'evaluationResult') return 'current'
    const { validFrom, validTo } = content.value
    if (this.#today > validTo) return 'expired'
    return this.#today < validFrom ? 'not_yet' : 'current'
  }

  /** A later version of its series replaces a record, also when that was withdrawn since; where one cannot be read, nobody can say. */
  async #laterThan(version: Version): Promise<Version | 'damaged' | undefined> {
    const { recordId } = version.record
    const places = await this.#context.indexer.find(
      'recordId',
      recordIdentity(this.#context.subjectKey, recordId),
    )
    if (places.every((place) => isSame(place, version))) return undefined
    const { newest, damaged } = await this.#versionsOf(recordId, places)
    const last = newest.get(seriesName(version.batch, version.record))
    if (last && !isSame(last, version) && compareVersions(last, version) > 0) return last
    const prefix = seriesPrefix(version.batch.header)
    return damaged.some((batch) => batch === undefined || seriesPrefix(batch.header) === prefix)
      ? 'damaged'
      : undefined
  }

  #versionsOf(recordId: string, places: readonly Place[]): Promise<Versions> {
    return keep(this.#versions, recordId, () => this.#readVersions(recordId, places))
  }

  async #readVersions(recordId: string, places: readonly Place[]): Promise<Versions> {
    const newest = new Map<string, Version>()
    const damaged: (SealedHeader | undefined)[] = []
    for (const place of places) {
      if (this.#turns.over) await this.#turns.next()
      const version = await this.#version(place, damaged)
      if (version?.record.recordId !== recordId) continue
      const name = seriesName(version.batch, version.record)
      const before = newest.get(name)
      if (!before || compareVersions(version, before) > 0) newest.set(name, version)
    }
    return { newest, damaged }
  }

  /** What counts as a version: not what was refused or erased. */
  async #version(
    place: Place,
    damaged: (SealedHeader | undefined)[],
  ): Promise<Version | undefined> {
    let batch: SealedHeader | undefined
    try {
      batch = (await this.served(place.index))?.batch
      if (!batch || (await this.knownOf(batch))?.refused) return undefined
      const bytes = (await this.read(place))?.bytes
      return bytes && { ...place, batch, record: decodeRecord(bytes) }
    } catch (error) {
      if (!isHuxinError(error, 'store_corrupt')) throw error
      damaged.push(batch)
      return undefined
    }
  }

  /** What amended a batch, by position. */
  amendmentsOf(batch: SealedHeader): Promise<ReadonlyMap<number, readonly StoredAmendment[]>> {
    return keep(this.#amendments, batch.idText, async () => {
      const byPosition = new Map<number, StoredAmendment[]>()
      for (const amendment of await this.#context
        .ledger()
        .amendments(batch.id, batch.header.origin)) {
        const there = byPosition.get(amendment.position)
        if (there) there.push(amendment)
        else byPosition.set(amendment.position, [amendment])
      }
      return byPosition
    })
  }

  /** What this log holds of a batch. */
  knownOf(batch: SealedHeader): Promise<KnownBatch | undefined> {
    return keep(this.#known, batch.idText, () => this.#context.ledger().known(batch.id))
  }
}

/** What ends a record, the strongest first. */
const ENDS: readonly (readonly [number, Standing])[] = [
  [AmendmentAction.ERASE, 'erased'],
  [AmendmentAction.WITHDRAW, 'withdrawn'],
  [AmendmentAction.REPAIR, 'repaired'],
]
const DAY_MS = 86_400_000

function dayAfterEnd({ content }: CreditRecord): string {
  return content.case === 'evaluationResult'
    ? new Date(Date.parse(content.value.validTo) + DAY_MS).toISOString().slice(0, 10)
    : ''
}

function isSame(a: Place, b: Place): boolean {
  return a.index === b.index && a.position === b.position
}

function keep<T>(kept: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const there = kept.get(name)
  if (there) return there
  const made = make()
  kept.set(name, made)
  return made
}
