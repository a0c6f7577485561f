/** Who and what a record is about, read without decoding it. */
import { asBuffer } from '../base/bytes.ts'
import { decodeRecord, familyOf, type RecordFamily } from './record.ts'
import { ends, found, RECORD_ID, scan, starts, SUBJECT_ID } from './scan.ts'

/** What a ledger needs to know of a record to file it. */
export interface RecordPeek {
  readonly recordId: string
  /** SubjectType, 0 when not stated. */
  readonly subjectType: number
  readonly subjectId: string
  readonly family: RecordFamily
}

/**
 * Who and what a record is about, without decoding it; undefined when it is malformed. Does not look into
 * the parts that it does not need, so only `checkRecordBytes` says that a record is good.
 */
export function peekRecord(bytes: Uint8Array): RecordPeek | undefined {
  if (!scan(bytes)) return peekSlowly(bytes)
  const recordId = asciiAt(bytes, RECORD_ID)
  const subjectId = asciiAt(bytes, SUBJECT_ID)
  if (recordId === undefined || subjectId === undefined) return peekSlowly(bytes)
  return { recordId, subjectType: found.subjectType, subjectId, family: found.family }
}

function peekSlowly(bytes: Uint8Array): RecordPeek | undefined {
  try {
    const record = decodeRecord(bytes)
    return {
      recordId: record.recordId,
      subjectType: record.subject?.type ?? 0,
      subjectId: record.subject?.id ?? '',
      family: familyOf(record),
    }
  } catch {
    return undefined
  }
}

function asciiAt(bytes: Uint8Array, slot: number): string | undefined {
  const start = starts[slot]!
  const end = ends[slot]!
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return undefined
  return asBuffer(bytes).toString('latin1', start, end)
}
