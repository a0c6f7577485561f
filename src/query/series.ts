/**
 * Versions of one record. A series is what one origin says of one subject for one provider under one record id of one
 * catalog item, in all of its editions and over all epochs of the origin. Its versions are ordered by what every node
 * knows of them: the date of the record itself, then the order in which the origin sealed them, never by when they came
 * here. So no other origin replaces a record, and a node that was away for a month says the same as its neighbours.
 */
import type { BatchHeader } from '../batch/header.ts'
import type { SealedHeader } from '../batch/seal.ts'
import type { Record as CreditRecord } from '../gen/huxin/v1/record_pb.ts'
import type { Place } from '../lookup/segments.ts'

/** A record as a version of its series. */
export interface Version extends Place {
  readonly batch: SealedHeader
  readonly record: CreditRecord
}

/** An item without its edition; '' for none. */
export function itemId(item: string | undefined): string {
  return item === undefined ? '' : item.slice(0, item.lastIndexOf('@'))
}

/** What a series is called, without the record id and whom it is about: what a header says of it. */
export function seriesPrefix({
  origin,
  provider,
  item,
}: Pick<BatchHeader, 'origin' | 'provider' | 'item'>): string {
  return `${origin} ${provider} ${itemId(item)}`
}

/** What the series of a record is called. */
export function seriesName(
  { header }: Pick<SealedHeader, 'header'>,
  { recordId, subject }: Pick<CreditRecord, 'recordId' | 'subject'>,
): string {
  return JSON.stringify([seriesPrefix(header), recordId, subject?.type ?? 0, subject?.id ?? ''])
}

/** The date of which a record speaks, YYYY-MM-DD. */
export function recordDate({ content }: CreditRecord): string {
  switch (content.case) {
    case 'evaluationResult':
      return content.value.evaluatedOn
    case 'catalogedRecord':
      return content.value.decidedOn
    case 'recognitionRequest':
      return content.value.requestedOn
    case 'recognitionConfirmation':
      return content.value.confirmedOn
    default:
      return ''
  }
}

/** Below 0 when `a` comes before `b`; 0 only for one place. The same at every node. */
export function compareVersions(a: Version, b: Version): number {
  return (
    compare(recordDate(a.record), recordDate(b.record)) ||
    compareHeaders(a.batch, b.batch) ||
    a.position - b.position
  )
}

/**
 * The order in which one origin sealed two batches. Its clock may go on in the same second: then the number in the lane
 * that both have first decides, and between batches of different lanes the batch id, which is no order in time but the same everywhere.
 */
function compareHeaders(a: SealedHeader, b: SealedHeader): number {
  const first = ({ header }: SealedHeader): bigint => header.lanes[0]?.number ?? 0n
  return (
    a.header.epoch - b.header.epoch ||
    a.header.createdMs - b.header.createdMs ||
    compare(first(a), first(b)) ||
    compare(a.idText, b.idText)
  )
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}
