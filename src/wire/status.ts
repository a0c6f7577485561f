/**
 * Errors on the wire, both ways. A HuxinError travels as the gRPC status of its row in the error
 * table plus `grpc-status-details-bin`: google.rpc.Status with one google.rpc.ErrorInfo (AIP-193),
 * reason = the code in upper case, domain = "huxin", metadata = the details. The two messages are
 * small and fixed, so they are written by hand.
 *
 * Statuses without our ErrorInfo come from grpc-js itself, from a middlebox or from foreign
 * software; statusCodes says what they mean here.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Metadata, status } from '@grpc/grpc-js'
import { type ErrorCode, errorTable, HuxinError, isErrorCode } from '../base/errors.ts'

const DETAILS_KEY = 'grpc-status-details-bin'
const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo'
const DOMAIN = 'huxin'
/** Characters of a message; trailers must stay below 16 KiB, and a Chinese character is 9 bytes there. */
const MESSAGE_CHARS_MAX = 600
const DETAIL_CHARS_MAX = 300
const DETAILS_MAX = 16

/** What grpc-js sends: its ServerStatusResponse. */
export interface WireStatus {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

/** The status that carries `error`. Long messages and details are cut. */
export function statusOfError(error: HuxinError): WireStatus {
  const { status: code } = errorTable[error.code]
  const details = cut(error.message, MESSAGE_CHARS_MAX)
  const metadata = new Metadata()
  metadata.set(DETAILS_KEY, Buffer.from(encodeStatus(code, details, error)))
  return { code, details, metadata }
}

/** The error that a failed call means; never throws. */
export function errorOfStatus(received: { code: number; details: string; metadata?: Metadata }): HuxinError {
  const packed = received.metadata?.get(DETAILS_KEY)[0]
  const info = packed instanceof Buffer ? decodeStatus(packed) : undefined
  if (info) return new HuxinError(info.code, info.message, { details: info.details })
  return new HuxinError(codeOfStatus(received.code, received.details), received.details)
}

function codeOfStatus(code: number, details: string): ErrorCode {
  if (code === status.RESOURCE_EXHAUSTED) return /larger than/.test(details) ? 'message_too_large' : 'overloaded'
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
  const writer = new BinaryWriter()
  writer.tag(1, WireType.Varint).int32(code)
  writer.tag(2, WireType.LengthDelimited).string(message)
  writer.tag(3, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(ERROR_INFO_TYPE)
  writer.tag(2, WireType.LengthDelimited).fork()
  encodeErrorInfo(writer, error)
  return writer.join().join().finish()
}

function encodeErrorInfo(writer: BinaryWriter, error: HuxinError): void {
  writer.tag(1, WireType.LengthDelimited).string(error.code.toUpperCase())
  writer.tag(2, WireType.LengthDelimited).string(DOMAIN)
  for (const [key, value] of Object.entries(error.details).slice(0, DETAILS_MAX)) {
    writer.tag(3, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(cut(key, DETAIL_CHARS_MAX))
    writer.tag(2, WireType.LengthDelimited).string(cut(value, DETAIL_CHARS_MAX))
    writer.join()
  }
}

interface ReceivedError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Record<string, string>
}

/** Undefined when there is no ErrorInfo of ours with a code we know. */
function decodeStatus(bytes: Uint8Array): ReceivedError | undefined {
  try {
    let message = ''
    let info: { code: ErrorCode; details: Record<string, string> } | undefined
    eachField(bytes, (field, value) => {
      if (field === 2) message = text(value)
      if (field === 3) info ??= decodeAny(value)
    })
    return info && { ...info, message }
  } catch {
    return undefined
  }
}

function decodeAny(bytes: Uint8Array): { code: ErrorCode; details: Record<string, string> } | undefined {
  let type = ''
  let content: Uint8Array = new Uint8Array()
  eachField(bytes, (field, value) => {
    if (field === 1) type = text(value)
    if (field === 2) content = value
  })
  return type === ERROR_INFO_TYPE ? decodeErrorInfo(content) : undefined
}

function decodeErrorInfo(bytes: Uint8Array): { code: ErrorCode; details: Record<string, string> } | undefined {
  let code = ''
  let domain = ''
  const details = new Map<string, string>()
  eachField(bytes, (field, value) => {
    if (field === 1) code = text(value).toLowerCase()
    if (field === 2) domain = text(value)
    if (field === 3) details.set(...decodeEntry(value))
  })
  return domain === DOMAIN && isErrorCode(code) ? { code, details: Object.fromEntries(details) } : undefined
}

function decodeEntry(bytes: Uint8Array): [string, string] {
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

function cut(value: string, charsMax: number): string {
  return value.length <= charsMax ? value : `${value.slice(0, charsMax - 1)}…`
}
