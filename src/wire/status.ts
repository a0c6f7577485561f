/**
 * Errors on the wire, both ways. A HuxinError travels as the gRPC status of its row in the error
 * table plus `grpc-status-details-bin`: google.rpc.Status with one google.rpc.ErrorInfo (AIP-193),
 * reason = the code in upper case, domain = "huxin", metadata = the details; a google.rpc.RetryInfo
 * where the table says "later"; a google.rpc.LocalizedMessage in Chinese (zh-CN); a google.rpc.BadRequest where
 * the error names fields, each with its Chinese where all have room. The messages are small and fixed, so they are written by hand.
 *
 * Texts may hold anything that a caller sent. grpc-js percent-encodes the message and throws on half a
 * surrogate pair, which would end the process. grpc-java ends the *connection* when trailers pass 8 KiB.
 * So texts are well-formed here, and everything together is cut to TRAILER_BYTES_MAX as it stands on the wire.
 *
 * Statuses without our ErrorInfo come from grpc-js itself, from a middlebox or from foreign
 * software; statusCodes says what they mean here.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Metadata, status } from '@grpc/grpc-js'
import {
  type ErrorCode,
  errorTable,
  type FieldFault,
  HuxinError,
  isErrorCode,
} from '../base/errors.ts'
import { oneLine } from '../base/printable.ts'
import { bilingual, foreign, mapped, type Text } from '../base/text.ts'

const DETAILS_KEY = 'grpc-status-details-bin'
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.'
const ERROR_INFO_TYPE = `${TYPE_PREFIX}ErrorInfo`
const RETRY_INFO_TYPE = `${TYPE_PREFIX}RetryInfo`
const BAD_REQUEST_TYPE = `${TYPE_PREFIX}BadRequest`
const LOCALIZED_TYPE = `${TYPE_PREFIX}LocalizedMessage`
const DOMAIN = 'huxin'
const LOCALE = 'zh-CN'
/** Bytes of `grpc-message` as it is sent, percent-encoded: a Chinese character is nine. */
const MESSAGE_SENT_BYTES_MAX = 2_900
/** Bytes of the details before base64, which makes 4/3 of them. With names, statuses and 32 bytes a header the trailers stay below 8 KiB. */
const DETAILS_BYTES_MAX = 3_200
/** Bytes of a text in the details: the message once more, one detail, one field's fault. */
const MESSAGE_BYTES_MAX = 1_350
const TEXT_BYTES_MAX = 600
/** Bytes of the details that the first of them leave to those behind: to the Chinese message, two hundred characters, and to the fields. */
const LOCALIZED_BYTES = 650
const FIELDS_BYTES = 500
const DETAILS_MAX = 16
const FIELDS_MAX = 32
/** Seconds after which a call may be repeated. */
const RETRY_SECONDS = 1

/** What grpc-js sends: its ServerStatusResponse. */
export interface WireStatus {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

/** The status that carries `error`. Long messages, details and lists of fields are cut. */
export function statusOfError(error: HuxinError): WireStatus {
  const { status: code } = errorTable[error.code]
  const message = error.message.toWellFormed()
  const metadata = new Metadata()
  metadata.set(DETAILS_KEY, Buffer.from(encodeStatus(code, message, error)))
  return { code, details: cut(message, MESSAGE_SENT_BYTES_MAX, sentBytes), metadata }
}

/** The error that a failed call means; never throws. */
export function errorOfStatus(received: {
  code: number
  details: string
  metadata?: Metadata
}): HuxinError {
  const packed = received.metadata?.get(DETAILS_KEY)[0]
  const known = packed instanceof Buffer ? decodeStatus(packed) : undefined
  if (known) return new HuxinError(known.code, mapped(known.said, oneLine), known)
  return new HuxinError(
    codeOfStatus(received.code, received.details),
    foreign(oneLine(received.details)),
  )
}

function codeOfStatus(code: number, details: string): ErrorCode {
  if (code === status.RESOURCE_EXHAUSTED)
    return /larger than/.test(details) ? 'message_too_large' : 'overloaded'
  // A connection that ends below a call, and a server that stops while one waits.
  if (code === status.INTERNAL && /RST_STREAM/.test(details)) return 'peer_unreachable'
  return statusCodes[code] ?? 'internal'
}

const statusCodes: Readonly<Record<number, ErrorCode>> = {
  [status.CANCELLED]: 'cancelled',
  [status.INVALID_ARGUMENT]: 'argument_invalid',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.NOT_FOUND]: 'not_found',
  [status.PERMISSION_DENIED]: 'role_denied',
  [status.UNIMPLEMENTED]: 'not_found',
  [status.UNAVAILABLE]: 'peer_unreachable',
  [status.UNAUTHENTICATED]: 'unauthenticated',
}

function encodeStatus(code: number, message: string, error: HuxinError): Uint8Array {
  const details = [packed(ERROR_INFO_TYPE, encodeErrorInfo(error))]
  if (errorTable[error.code].retry === 'later')
    details.push(packed(RETRY_INFO_TYPE, encodeRetryInfo()))
  const head = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(code)
    .tag(2, WireType.LengthDelimited)
    .string(cut(message, MESSAGE_BYTES_MAX, utf8Bytes))
    .finish()
  const left = (): number =>
    DETAILS_BYTES_MAX - head.length - details.reduce((sum, { length }) => sum + length, 0)
  const chinese = error.messageZh.toWellFormed()
  const room = left() - (error.fields.length > 0 ? FIELDS_BYTES : 0) - LOCALIZED_TYPE.length - 24
  if (chinese !== message && room > 0)
    details.push(packed(LOCALIZED_TYPE, encodeLocalized(chinese, room)))
  if (error.fields.length > 0)
    details.push(
      packed(
        BAD_REQUEST_TYPE,
        encodeBadRequest(error.fields, left() - BAD_REQUEST_TYPE.length - 16),
      ),
    )
  return Buffer.concat([head, ...details])
}

/** One entry of google.rpc.Status.details: google.protobuf.Any. */
function packed(type: string, value: Uint8Array): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(3, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(type)
  writer.tag(2, WireType.LengthDelimited).bytes(value)
  return writer.join().finish()
}

function encodeErrorInfo(error: HuxinError): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(error.code.toUpperCase())
  writer.tag(2, WireType.LengthDelimited).string(DOMAIN)
  const entries = Object.entries(error.details)
    .slice(0, DETAILS_MAX)
    .map(([key, value]) => pair(3, key, value))
  const bytesMax =
    DETAILS_BYTES_MAX -
    MESSAGE_BYTES_MAX -
    2 * ERROR_INFO_TYPE.length -
    LOCALIZED_BYTES -
    (error.fields.length > 0 ? FIELDS_BYTES : 0)
  return Buffer.concat([writer.finish(), ...fitting(entries, bytesMax)])
}

function encodeRetryInfo(): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .fork()
    .tag(1, WireType.Varint)
    .int64(RETRY_SECONDS)
    .join()
    .finish()
}

/** google.rpc.LocalizedMessage of at most so many bytes and its frame. */
function encodeLocalized(chinese: string, bytesMax: number): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(LOCALE)
    .tag(2, WireType.LengthDelimited)
    .string(cut(chinese, Math.min(bytesMax, MESSAGE_BYTES_MAX), utf8Bytes))
    .finish()
}

/** The fields that have room, all of them with their Chinese or none. */
function encodeBadRequest(fields: readonly FieldFault[], bytesMax: number): Uint8Array {
  const shown = fields.slice(0, FIELDS_MAX)
  const chinese = shown.map(({ path, message, messageZh }) =>
    pair(1, path, message, (messageZh ?? message).toWellFormed()),
  )
  if (chinese.reduce((sum, { length }) => sum + length, 0) <= bytesMax)
    return Buffer.concat(chinese)
  return Buffer.concat(
    fitting(
      shown.map(({ path, message }) => pair(1, path, message)),
      bytesMax,
    ),
  )
}

/** A message of two texts, as field `field` of another: an entry of a map, a field violation, which may have Chinese beside it. */
function pair(field: number, first: string, second: string, chinese = second): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(field, WireType.LengthDelimited).fork()
  writer
    .tag(1, WireType.LengthDelimited)
    .string(cut(first.toWellFormed(), TEXT_BYTES_MAX, utf8Bytes))
  writer
    .tag(2, WireType.LengthDelimited)
    .string(cut(second.toWellFormed(), TEXT_BYTES_MAX, utf8Bytes))
  // google.rpc.BadRequest.FieldViolation.localized_message.
  if (chinese !== second)
    writer.tag(4, WireType.LengthDelimited).bytes(encodeLocalized(chinese, TEXT_BYTES_MAX))
  return writer.join().finish()
}

/** The pieces that fit, in their order; one that is too large does not keep a smaller one out. */
function fitting(pieces: readonly Uint8Array[], bytesMax: number): Uint8Array[] {
  let left = bytesMax
  return pieces.filter(({ length }) => {
    if (length > left) return false
    left -= length
    return true
  })
}

interface ReceivedError {
  readonly code: ErrorCode
  readonly said: Text
  readonly details: Record<string, string>
  readonly fields: readonly FieldFault[]
}

/** Undefined when there is no ErrorInfo of ours with a code we know. */
function decodeStatus(bytes: Uint8Array): ReceivedError | undefined {
  try {
    let message = ''
    let chinese: string | undefined
    let info: { code: ErrorCode; details: Record<string, string> } | undefined
    const fields: FieldFault[] = []
    eachField(bytes, (field, value) => {
      if (field === 2) message = text(value)
      if (field !== 3) return
      const { type, content } = decodeAny(value)
      if (type === ERROR_INFO_TYPE) info ??= decodeErrorInfo(content)
      if (type === LOCALIZED_TYPE) chinese ??= decodeLocalized(content)
      if (type === BAD_REQUEST_TYPE) fields.push(...decodeBadRequest(content))
    })
    return info && { ...info, said: bilingual(message, chinese ?? message), fields }
  } catch {
    return undefined
  }
}

function decodeAny(bytes: Uint8Array): { type: string; content: Uint8Array } {
  let type = ''
  let content: Uint8Array = new Uint8Array()
  eachField(bytes, (field, value) => {
    if (field === 1) type = text(value)
    if (field === 2) content = value
  })
  return { type, content }
}

function decodeErrorInfo(
  bytes: Uint8Array,
): { code: ErrorCode; details: Record<string, string> } | undefined {
  let code = ''
  let domain = ''
  const details = new Map<string, string>()
  eachField(bytes, (field, value) => {
    if (field === 1) code = text(value).toLowerCase()
    if (field === 2) domain = text(value)
    if (field === 3) details.set(...decodePair(value))
  })
  return domain === DOMAIN && isErrorCode(code)
    ? { code, details: Object.fromEntries(details) }
    : undefined
}

function decodeBadRequest(bytes: Uint8Array): FieldFault[] {
  const fields: FieldFault[] = []
  eachField(bytes, (field, value) => {
    if (field !== 1 || fields.length === FIELDS_MAX) return
    const [path, message] = decodePair(value)
    let chinese: string | undefined
    eachField(value, (field, localized) => {
      if (field === 4) chinese = decodeLocalized(localized)
    })
    fields.push(chinese === undefined ? { path, message } : { path, message, messageZh: chinese })
  })
  return fields
}

/** The text of a google.rpc.LocalizedMessage in Chinese; undefined for one in another language. */
function decodeLocalized(bytes: Uint8Array): string | undefined {
  const [locale, said] = decodePair(bytes)
  return /^zh\b/i.test(locale) ? said : undefined
}

function decodePair(bytes: Uint8Array): [string, string] {
  const pair: [string, string] = ['', '']
  eachField(bytes, (field, value) => {
    if (field === 1) pair[0] = text(value)
    if (field === 2) pair[1] = text(value)
  })
  return pair
}

/** Calls back for every length-delimited field; skips the others. Throws on malformed bytes. */
function eachField(bytes: Uint8Array, visit: (field: number, value: Uint8Array) => void): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (wireType === WireType.LengthDelimited) visit(field, reader.bytes())
    else reader.skip(wireType, field)
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** The longest beginning of whole characters that has at most `bytesMax`, with "…" where something is left out. */
function cut(value: string, bytesMax: number, bytesOf: (text: string) => number): string {
  // A character has at least one byte, so that what lies behind is never looked at.
  const head = value.slice(0, bytesMax + 1)
  if (value.length <= bytesMax && bytesOf(value) <= bytesMax) return value
  const room = bytesMax - bytesOf('…')
  let bytes = 0
  let end = 0
  for (const character of head.toWellFormed()) {
    bytes += bytesOf(character)
    if (bytes > room) break
    end += character.length
  }
  return `${value.slice(0, end)}…`.toWellFormed()
}

function utf8Bytes(text: string): number {
  return Buffer.byteLength(text)
}

function sentBytes(text: string): number {
  return encodeURI(text).length
}
