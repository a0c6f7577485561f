/**
 * Room `wire`: gRPC over mutual TLS 1.3, between typed protobuf-es messages on our side and grpc-js
 * on the network's. It owns connections, identity of the peer, limits, keepalive, and how errors
 * travel; it knows no domain rule. Who may call what is asked of `authorize`, on every call.
 *
 * - service.ts   what a service is: methods over bytes, typed by the generated descriptor
 * - server.ts    listens; identity per connection, authorization per call, health, reflection
 * - arrivals.ts  connections before their handshake · connections.ts  after it
 * - budgets.ts   what one caller and all may take · passage.ts  one call and what is held for it
 * - slices.ts    calls that came together begin a few at a time
 * - channel.ts   dials one node and keeps the connection
 * - status.ts    HuxinError ⇄ gRPC status
 * - health.ts    grpc.health.v1
 * - grpc-internals.ts  what grpc-js does not offer
 *
 * Invariants: unary calls only; no call is served without a certificate that chains to the pinned
 * roots and names exactly one huxin identity; the caller's identity comes from there and nowhere
 * else; a number in a request is never negative; bytes fields of a decoded message are views of the received buffer, so copy what outlives
 * the call; a message is at most limits.messageBytesMax. A call may run twice when a connection
 * breaks and the caller tries again: whatever changes something is idempotent by its own key.
 *
 * Attacker-controlled: everything a peer sends, before and after the handshake. Host names are not
 * looked at: a server is who its certificate says (node id), wherever it is reached.
 * Deliberately not here: streams, compression (WAN links may add it outside), revocation lists (whether a
 * certificate counts is asked on every call instead), retries of calls.
 */
import {
  type DescFile,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { encodeMessage } from './encode.ts'

/** What a handler knows of its caller. */
export interface CallContext {
  readonly peer: PeerIdentity
  /** Aborted when the caller gave up, the connection broke or the deadline passed; also after the answer. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970 UTC by this machine's clock; undefined when the caller set none. */
  readonly deadlineMs: number | undefined
  /** Counts bytes that are gathered for the answer. Throws overloaded when the caller has no room for them. */
  hold(bytes: number): void
}

export type Handlers<M extends GenServiceMethods> = {
  [K in keyof M]: (
    request: MessageShape<M[K]['input']>,
    context: CallContext,
  ) => Promise<MessageInitShape<M[K]['output']>>
}

/** One method over bytes. */
export interface BoundMethod {
  readonly name: string
  /** `/package.Service/Method` */
  readonly path: string
  /** Throws argument_invalid when the request is no such message, and what the handler throws. */
  call(request: Uint8Array, context: CallContext): Promise<Uint8Array>
}

/** A service with its handlers, ready to be served. */
export interface ServiceBinding {
  readonly typeName: string
  readonly file: DescFile
  readonly methods: readonly BoundMethod[]
}

/** Binds one handler to each method of a generated service. All methods are unary. */
export function defineService<M extends GenServiceMethods>(
  service: GenService<M>,
  handlers: Handlers<M>,
): ServiceBinding {
  const methods = service.methods.map((method) => {
    const handler = handlers[method.localName] as AnyHandler | undefined
    if (!handler || method.methodKind !== 'unary')
      throw new HuxinError('internal', text`${pathOf(method)} has no unary handler`)
    return bindMethod(method, (request, context) => handler.call(handlers, request, context))
  })
  return { typeName: service.typeName, file: service.file, methods }
}

type AnyHandler = (
  request: unknown,
  context: CallContext,
) => Promise<MessageInitShape<DescMethod['output']>>

function bindMethod(method: DescMethod, handler: AnyHandler): BoundMethod {
  const positions = positionsOf(method.input)
  return {
    name: method.name,
    path: pathOf(method),
    call: async (request, context) =>
      encodeMessage(
        method.output,
        await handler(decodeRequest(method, positions, request), context),
      ),
  }
}

function decodeRequest(
  method: DescMethod,
  positions: readonly Position[],
  bytes: Uint8Array,
): unknown {
  let request: Record<string, unknown>
  try {
    request = fromBinary(method.input, bytes) as unknown as Record<string, unknown>
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the request is not a ${method.input.typeName}: ${textOf(error)}`,
    )
  }
  for (const { property, path } of positions) {
    const value = request[property] as bigint | number
    if (value >= 0) continue
    const message = text`${value} is negative: 0 or more is wanted`
    throw new HuxinError('argument_invalid', text`${path}: ${message}`, {
      fields: [{ path, message }],
    })
  }
  return request
}

interface Position {
  readonly property: string
  /** As in the proto file. */
  readonly path: string
}

/** Numbers of a request: positions, sizes, limits and times, none of which is ever negative. */
function positionsOf(message: DescMessage): Position[] {
  return message.fields
    .filter(
      ({ fieldKind, scalar }) =>
        fieldKind === 'scalar' && (scalar === ScalarType.INT32 || scalar === ScalarType.INT64),
    )
    .map(({ localName, name }) => ({ property: localName, path: name }))
}

/** `/package.Service/Method` */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

/** Bytes of one gRPC message, with room for what encloses a package of limits.messageBytesMax. */
export const messageBytesMax = limits.messageBytesMax + 65_536

/** The same memory as a plain Uint8Array, so that bytes fields of a decoded message are plain too. */
export function asBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
}
