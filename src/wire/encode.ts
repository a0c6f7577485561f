/**
 * Encodes messages whose weight is in bytes fields: measured first, then written once into memory of
 * exactly that size. The library's encoder grows its memory and copies every nested message once more,
 * which for batches of a quarter megabyte costs more than all the rest of a call; its copies also count
 * as external memory and make the garbage collector run over the whole heap.
 *
 * The bytes are those of the library's encoder (a test compares them): fields in order, defaults left
 * out. A message with anything else than the plain kinds of the exchange (a map, a choice, an optional
 * scalar, a float, unknown fields) is left to the library.
 */
import {
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'

type Kind = 'bytes' | 'text' | 'int' | 'long' | 'flag' | 'message'

interface FieldPlan {
  readonly name: string
  /** Tag with wire type, as one varint. */
  readonly tag: number
  readonly kind: Kind
  readonly repeated: boolean
  readonly message: Plan | undefined
}

interface Plan {
  readonly fields: readonly FieldPlan[]
}

type Init = Readonly<Record<string, unknown>>

const plans = new WeakMap<DescMessage, Plan | null>()

/**
 * Encodes a message given as its initializer.
 * @throws Error when a value has the wrong type, as the library does
 */
export function encodeMessage<D extends DescMessage>(
  desc: D,
  init: MessageInitShape<D>,
): Uint8Array {
  const plan = planOf(desc)
  if (!plan || hasUnknown(init)) return toBinary(desc, create(desc, init))
  const sizes: number[] = []
  const size = measure(plan, init as Init, sizes)
  if (Number.isNaN(size)) return toBinary(desc, create(desc, init))
  const writer: Writer = { bytes: Buffer.allocUnsafeSlow(size), at: 0, sizes, next: 0 }
  write(plan, init as Init, writer)
  if (writer.at !== size)
    throw new HuxinError('internal', text`${desc.typeName} changed while it was encoded`)
  return writer.bytes
}

function planOf(desc: DescMessage): Plan | undefined {
  const known = plans.get(desc)
  if (known !== undefined) return known ?? undefined
  const fields: (FieldPlan | undefined)[] = [...desc.fields]
    .sort((a, b) => a.number - b.number)
    .map(fieldPlan)
  const plan = fields.every((field) => field !== undefined) ? { fields } : null
  plans.set(desc, plan)
  return plan ?? undefined
}

function fieldPlan(field: DescField): FieldPlan | undefined {
  const repeated = field.fieldKind === 'list'
  // The choice that stands for an optional scalar is none to the library: its default is written when it is set.
  if (
    field.oneof !== undefined ||
    field.proto.proto3Optional ||
    field.number > 15 ||
    field.fieldKind === 'map' ||
    field.fieldKind === 'enum'
  )
    return undefined
  const message =
    field.fieldKind === 'message' || (repeated && field.listKind === 'message')
      ? field.message
      : undefined
  const plan = message && planOf(message)
  const kind = message ? plan && 'message' : kindOf(field.scalar)
  // Numbers in lists are packed; the exchange has none.
  if (kind === undefined || (repeated && !['bytes', 'text', 'message'].includes(kind)))
    return undefined
  const wireType = kind === 'int' || kind === 'long' || kind === 'flag' ? 0 : 2
  return {
    name: field.localName,
    tag: (field.number << 3) | wireType,
    kind,
    repeated,
    message: plan,
  }
}

function kindOf(scalar: ScalarType | undefined): Kind | undefined {
  switch (scalar) {
    case ScalarType.BYTES:
      return 'bytes'
    case ScalarType.STRING:
      return 'text'
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return 'int'
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return 'long'
    case ScalarType.BOOL:
      return 'flag'
    default:
      return undefined
  }
}

function hasUnknown(init: unknown): boolean {
  return (
    typeof init === 'object' && init !== null && '$unknown' in init && init.$unknown !== undefined
  )
}

/**
 * Bytes of a message; the sizes of its texts and nested messages are noted in the order of writing. NaN when
 * a nested message has unknown fields.
 */
function measure(plan: Plan, init: Init, sizes: number[]): number {
  let size = 0
  for (const field of plan.fields) {
    const value = init[field.name]
    if (value === undefined) continue
    if (!field.repeated) {
      size += measureOne(field, value, sizes, false)
      continue
    }
    for (const one of value as readonly unknown[]) size += measureOne(field, one, sizes, true)
  }
  return size
}

/** Bytes of one value with its tag and length; 0 for a default outside a list. */
function measureOne(
  { kind, message, name }: FieldPlan,
  value: unknown,
  sizes: number[],
  inList: boolean,
): number {
  switch (kind) {
    case 'bytes': {
      if (!(value instanceof Uint8Array)) throw new TypeError(`${name} is not bytes`)
      return value.length === 0 && !inList ? 0 : 1 + varintBytes(value.length) + value.length
    }
    case 'text': {
      if (typeof value !== 'string') throw new TypeError(`${name} is not a text`)
      if (/\p{Surrogate}/u.test(value)) throw new TypeError(`${name} has a lone surrogate`)
      if (value === '' && !inList) return 0
      const length = Buffer.byteLength(value)
      sizes.push(length)
      return 1 + varintBytes(length) + length
    }
    case 'int': {
      if (!Number.isInteger(value)) throw new TypeError(`${name} is not a whole number`)
      return value === 0 ? 0 : 1 + ((value as number) < 0 ? 10 : varintBytes(value as number))
    }
    case 'long': {
      if (typeof value !== 'bigint') throw new TypeError(`${name} is not a bigint`)
      return value === 0n ? 0 : 1 + longBytes(value)
    }
    case 'flag':
      return value === true ? 2 : 0
    case 'message': {
      if (hasUnknown(value)) return Number.NaN
      const at = sizes.push(0) - 1
      const length = measure(message!, value as Init, sizes)
      sizes[at] = length
      return 1 + varintBytes(length) + length
    }
  }
}

interface Writer {
  readonly bytes: Buffer
  at: number
  readonly sizes: readonly number[]
  /** Of sizes, the one used next. */
  next: number
}

function write(plan: Plan, init: Init, writer: Writer): void {
  for (const field of plan.fields) {
    const value = init[field.name]
    if (value === undefined) continue
    if (!field.repeated) writeOne(field, value, writer, false)
    else for (const one of value as readonly unknown[]) writeOne(field, one, writer, true)
  }
}

function writeOne(
  { kind, tag, message }: FieldPlan,
  value: unknown,
  writer: Writer,
  inList: boolean,
): void {
  const { bytes } = writer
  switch (kind) {
    case 'bytes': {
      const source = value as Uint8Array
      if (source.length === 0 && !inList) return
      bytes[writer.at++] = tag
      varint(writer, source.length)
      bytes.set(source, writer.at)
      writer.at += source.length
      return
    }
    case 'text': {
      if (value === '' && !inList) return
      bytes[writer.at++] = tag
      varint(writer, writer.sizes[writer.next++]!)
      writer.at += bytes.write(value as string, writer.at)
      return
    }
    case 'int': {
      if (value === 0) return
      bytes[writer.at++] = tag
      if ((value as number) < 0) long(writer, BigInt(value as number))
      else varint(writer, value as number)
      return
    }
    case 'long': {
      if (value === 0n) return
      bytes[writer.at++] = tag
      long(writer, value as bigint)
      return
    }
    case 'flag': {
      if (value !== true) return
      bytes[writer.at++] = tag
      bytes[writer.at++] = 1
      return
    }
    case 'message': {
      bytes[writer.at++] = tag
      varint(writer, writer.sizes[writer.next++]!)
      write(message!, value as Init, writer)
    }
  }
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

function longBytes(value: bigint): number {
  let bytes = 1
  for (let rest = BigInt.asUintN(64, value) >> 7n; rest > 0n; rest >>= 7n) bytes++
  return bytes
}

function varint(writer: Writer, value: number): void {
  let rest = value
  while (rest > 0x7f) {
    writer.bytes[writer.at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  writer.bytes[writer.at++] = rest
}

function long(writer: Writer, value: bigint): void {
  let rest = BigInt.asUintN(64, value)
  while (rest > 0x7fn) {
    writer.bytes[writer.at++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  writer.bytes[writer.at++] = Number(rest)
}
