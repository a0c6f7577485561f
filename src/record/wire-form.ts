/** Strict well-formedness of the wire format of a Record, driven by its descriptor. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { RecordSchema } from '../gen/huxin/v1/record_pb.ts'
import { characterCount } from './forms.ts'

const VARINT = 0
const LENGTH = 2

/** What the fields of a message look like on the wire; undefined for fields that are not known. */
interface FieldForm {
  readonly wire: number
  readonly text: boolean
  readonly message: MessageForm | undefined
}
type MessageForm = readonly (FieldForm | undefined)[]

/** A place in bytes that is being read. */
interface Reading {
  readonly bytes: Uint8Array
  at: number
}

/** True when the bytes are a record in strict wire format. Total; reads each byte at most three times. */
export function wellFormed(bytes: Uint8Array): boolean {
  return messageWellFormed({ bytes, at: 0 }, bytes.length, recordForm)
}

function messageWellFormed(reading: Reading, end: number, form: MessageForm): boolean {
  while (reading.at < end) {
    const tag = varint(reading, end)
    if (tag < 8 || tag > 0xffffffff) return false
    const wire = tag % 8
    const field = form[Math.floor(tag / 8)]
    if (field && field.wire !== wire) return false
    if (!valueWellFormed(reading, end, wire, field)) return false
  }
  return true
}

function valueWellFormed(
  reading: Reading,
  end: number,
  wire: number,
  field: FieldForm | undefined,
): boolean {
  if (wire === VARINT) return varint(reading, end) >= 0
  const size = wire === LENGTH ? varint(reading, end) : wire === 1 ? 8 : wire === 5 ? 4 : -1
  const stop = reading.at + size
  if (size < 0 || stop > end) return false
  if (field?.message) return messageWellFormed(reading, stop, field.message)
  const good = !field?.text || characterCount(reading.bytes, reading.at, stop) >= 0
  reading.at = stop
  return good
}

/** The varint at the place, or -1 when it does not end within ten bytes or before `end`. */
function varint(reading: Reading, end: number): number {
  let value = 0
  let scale = 1
  for (let i = 0; i < 10 && reading.at < end; i++) {
    const byte = reading.bytes[reading.at++]!
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 128
  }
  return -1
}

function formOf(message: DescMessage): MessageForm {
  const form: (FieldForm | undefined)[] = []
  for (const field of message.fields) form[field.number] = fieldForm(field)
  return form
}

function fieldForm(field: DescField): FieldForm {
  if (field.fieldKind === 'message')
    return { wire: LENGTH, text: false, message: formOf(field.message) }
  const scalar =
    field.fieldKind === 'scalar' || (field.fieldKind === 'list' && field.listKind === 'scalar')
      ? field.scalar
      : undefined
  if (scalar === ScalarType.STRING) return { wire: LENGTH, text: true, message: undefined }
  if (scalar === ScalarType.BYTES) return { wire: LENGTH, text: false, message: undefined }
  if (field.fieldKind === 'list' || field.fieldKind === 'map')
    throw new Error(`${field.name}: write its wire form here first`)
  return { wire: VARINT, text: false, message: undefined }
}

const recordForm = formOf(RecordSchema)
