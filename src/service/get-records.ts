/**
 * GetRecords: who may ask is any client or operator of this node; an answer has at most a thousand records and 3.5 MB,
 * and says where it was cut. A question that cannot have an answer is an error with the path of its field: "nothing is
 * known" is only said where something could be known.
 */
import { hex } from '../base/bytes.ts'
import { Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { Context } from '../commit/context.ts'
import {
  type DamagedRecord,
  findPage,
  type FoundRecord,
  readPlace,
  type Wanted,
} from '../query/query.ts'
import type { GetRecordsRequest, RecordPlace } from '../gen/huxin/v1/record_service_pb.ts'
import type { Place } from '../lookup/segments.ts'
import { HASH_BYTES } from '../merkle/hash.ts'
import { fault } from '../record/fault.ts'
import { isRecordId, ofText } from '../record/forms.ts'
import { subjectIdFault } from '../record/subject.ts'
import type { CallContext } from '../wire/service.ts'
import { pageSizeOf, pageToken, positionOf } from './pages.ts'

const SIZE_DEFAULT = 100
const SUBJECT_TYPES = 5
const NO_BYTES = new Uint8Array()
/** Standings that what is not known yet may change. */
const IN_DOUBT: readonly string[] = ['current', 'not_yet']

export async function getRecords(
  context: Context,
  request: GetRecordsRequest,
  call: Pick<CallContext, 'signal'>,
) {
  if (request.place) return recordAt(context, request, request.place)
  const wanted = wantedOf(request)
  // The key of this node makes a token that nobody else can.
  const listOf = (): string => `records ${hex(context.subjectKey)} ${JSON.stringify(wanted)}`
  const after = request.pageToken === '' ? undefined : positionOf(listOf(), request)
  const { records, next } = await findPage(context, wanted, {
    size: sizeOf(request),
    bytesMax: limits.readBytesMax,
    after: after === undefined ? undefined : placeOf(after),
    turns: new Turns(context.clock, () => call.signal),
  })
  const sinceMs = context.unconfirmedSinceMs()
  return {
    records: records.map((found) => givenRecord(found, sinceMs)),
    nextPageToken: next ? pageToken(listOf(), `${next.index}.${next.position}`) : '',
    ...unconfirmed(sinceMs),
  }
}

async function recordAt(
  context: Context,
  { recordId, subject }: GetRecordsRequest,
  { batchId, index: position }: RecordPlace,
) {
  if (recordId !== '' || subject)
    throw wrong('place', 'give record_id, subject or place, and one of them alone')
  if (batchId.length !== HASH_BYTES)
    throw wrong('place.batch_id', `a batch id has ${HASH_BYTES} bytes`)
  const index = (await context.ledger().known(batchId))?.indexes[0]
  const found = index === undefined ? undefined : await readPlace(context, index, position)
  const sinceMs = context.unconfirmedSinceMs()
  return {
    records: found ? [givenRecord(found, sinceMs)] : [],
    nextPageToken: '',
    ...unconfirmed(sinceMs),
  }
}

/** The field of an answer that says so. */
export function unconfirmed(sinceMs: number | undefined): { unconfirmedSinceMs?: bigint } {
  return sinceMs === undefined ? {} : { unconfirmedSinceMs: BigInt(Math.round(sinceMs)) }
}

/** A record as anybody is given it: of one that has ended its label and date, while nobody can say whether one has, no content of any. */
export function givenRecord(
  found: FoundRecord | DamagedRecord,
  unconfirmedSinceMs: number | undefined,
) {
  const stored = storedRecord(found)
  if (!('entry' in found) || (!found.ended && unconfirmedSinceMs === undefined)) return stored
  const standing =
    unconfirmedSinceMs !== undefined && IN_DOUBT.includes(found.standing)
      ? 'unconfirmed'
      : found.standing
  return { ...stored, standing, standingOn: found.on, record: NO_BYTES }
}

/** What is asked, when it can have an answer. @throws HuxinError argument_invalid */
function wantedOf({ recordId, subject }: GetRecordsRequest): Wanted {
  if (recordId !== '' && subject) throw wrong('subject', text`give record_id or subject, not both`)
  if (recordId !== '') {
    if (!ofText(isRecordId, recordId))
      throw wrong('record_id', fault(0, 'record_id', 'record_id_form').message)
    return { recordId }
  }
  if (!subject) throw wrong('record_id', text`give a record_id or a subject`)
  const { type, id } = subject
  if (type < 1 || type > SUBJECT_TYPES)
    throw wrong(
      'subject.type',
      text`give the type of the subject, 1 to ${SUBJECT_TYPES}: it does not follow from the id`,
    )
  if (id === '')
    throw wrong('subject.id', text`give the id of the subject: its name is not looked for`)
  const code = subjectIdFault(type, id)
  if (code) throw wrong('subject.id', fault(0, 'subject.id', code).message)
  return { subject: { type, id } }
}

/** The older field goes on meaning what it meant. @throws HuxinError argument_invalid */
function sizeOf({ limit, pageSize }: GetRecordsRequest): number {
  if (limit < 0) throw wrong('limit', text`${limit} is negative: give 1 to 1000, or leave it out`)
  if (limit > 0 && pageSize > 0) throw wrong('page_size', text`give page_size or limit, not both`)
  return pageSizeOf({ pageSize: limit > 0 ? limit : pageSize }, SIZE_DEFAULT)
}

function wrong(field: string, what: Said): HuxinError {
  return new HuxinError('argument_invalid', text`${field}: ${what}`, { details: { field } })
}

/** @throws HuxinError argument_invalid */
function placeOf(position: string): Place {
  const match = /^(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,5})$/.exec(position)
  if (!match) throw wrong('page_token', text`it is not one of this list`)
  return { index: BigInt(match[1]!), position: Number(match[2]) }
}

/** A record with its content; one whose bytes are wrong here with its place alone. */
export function storedRecord(found: FoundRecord | DamagedRecord) {
  const header = found.batch?.header
  return {
    batchId: found.batch?.id ?? new Uint8Array(),
    index: found.position,
    logIndex: found.index,
    item: header?.item ?? '',
    origin: header ? `${header.origin} ${header.epoch}` : '',
    provider: header?.provider ?? '',
    standing: found.standing,
    ...('entry' in found
      ? {
          record: found.bytes ?? new Uint8Array(),
          disputed: found.disputed,
          leafHash: found.leafHash,
        }
      : { record: new Uint8Array(), disputed: false, leafHash: new Uint8Array() }),
  }
}
