/**
 * Room `record`: what one credit record may say. It owns the record families of
 * `proto/huxin/v1/record.proto`, the identifiers of their subjects (GB 32100-2015, GB 11643-1999),
 * administrative divisions (GB/T 2260), grade scales and their one-way mappings, and the checking of a
 * record against its catalog item.
 *
 * Everything here is pure: the same bytes and the same catalog give the same faults on every node and
 * on every day, because a refusal is logged and replayed. So nothing here reads a clock.
 *
 * Record bytes are attacker-controlled. Rules that hold throughout:
 * - A record is checked, hashed and stored as the bytes it was born in; nothing re-encodes it.
 * - The wire format is read more strictly than the protobuf library does: a known field in another
 *   wire type, a nested field that runs past its message, a group, or text that is not UTF-8 makes the
 *   record malformed, since two readers could otherwise see two different records in the same bytes.
 *   Unknown fields are tolerated.
 * - Faults never quote an identifier of a person, a name, or an attribute value. See `fault.ts`.
 * - The type of a subject is always stated; it is never inferred from its identifier.
 * - A grade is never guessed, defaulted, inverted or compared across scales.
 *
 * `rules.ts` says in full what a good record is and gives every fault. `fast.ts` accepts the common good
 * record without decoding it and leaves every other one to the rules; what it accepts has no fault.
 *
 * Not here: who may send what to whom, and when (`exchange`); expiry, repair and queries.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type Record, RecordSchema } from '../gen/huxin/v1/record_pb.ts'
import { wellFormed } from './wire-form.ts'

/** The families of records: the members of the oneof `content`. */
export type RecordFamily = 'evaluation' | 'request' | 'confirmation' | 'cataloged' | 'unknown'

const families: Readonly<{ [content: string]: RecordFamily }> = {
  evaluationResult: 'evaluation',
  recognitionRequest: 'request',
  recognitionConfirmation: 'confirmation',
  catalogedRecord: 'cataloged',
}

/**
 * Decodes a record. Unknown fields are tolerated; nothing is validated beyond the wire format.
 * @throws HuxinError record_invalid
 */
export function decodeRecord(bytes: Uint8Array): Record {
  if (bytes.length > limits.recordBytesMax) {
    throw new HuxinError(
      'record_invalid',
      text`a record has ${bytes.length} bytes, at most ${limits.recordBytesMax} are allowed`,
    )
  }
  if (!wellFormed(bytes))
    throw new HuxinError(
      'record_invalid',
      text`a record is not a well-formed protobuf message of huxin.v1.Record`,
    )
  try {
    return fromBinary(RecordSchema, bytes)
  } catch (error) {
    throw new HuxinError('record_invalid', text`a record does not decode: ${textOf(error)}`)
  }
}

/** The family of a decoded record; `unknown` when it has no content that this version knows. */
export function familyOf(record: Record): RecordFamily {
  return families[record.content.case ?? ''] ?? 'unknown'
}
