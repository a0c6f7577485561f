/**
 * Everything this program needs of grpc-js (and of node:tls) that they do not offer, in one place. grpc-js is
 * pinned exactly, and test/wire/connection.test.ts fails when one of these stops being true:
 * - `Server.http2Servers`: the listening HTTP/2 servers, for the connection window (no option on
 *   the server side; 64 KiB give 0.6 MB/s at 60 ms), the connection cap and TLS refusals.
 * - `call.stream.session` of the innermost server call: which connection a call came on.
 * - listeners of a server that are moved behind ours: TLS begins with a connection's first byte.
 * - `data` listeners of a call's stream: ours stands before that of grpc-js, and does not start its flow.
 * - the metadata of a call is one object from the first interceptor to the handler: the call's passage travels with it.
 *   In a WeakMap it would outlive the call, since what an old map leads to is not collected with new objects.
 * - `call.incomingEncoding`: how a request is compressed; grpc-js takes the header out of the metadata.
 * - `Http2Transport.canSendPing`: Node.js pings no session that has been told to close, and grpc-js takes that for
 *   a dead connection, which fails every call that still runs on it.
 * - Node's `AsyncResource.bind`, which its HTTP/2 client calls for each request, gives the bound function two accessors made
 *   by util.deprecate. Each of them changes the prototype of a function, for which V8 makes a hidden class, and hidden
 *   classes live until a full collection: so every request did, with its streams, messages and callbacks, about 13 kB a
 *   call with both ends, which collections of new objects copied twice. The accessors are deprecated (DEP0172).
 * - a subclass of ServerCredentials, the only way to TLS 1.3, a handshake timeout, the stream
 *   window and certificates replaced while running. It is the one inheritance of the room.
 */
import { AsyncResource } from 'node:async_hooks'
import { createRequire } from 'node:module'
import type {
  Http2SecureServer,
  SecureServerOptions,
  ServerHttp2Stream,
  ServerHttp2Session,
} from 'node:http2'
import type { Server as TcpServer, Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import {
  type Metadata,
  type Server,
  ServerCredentials,
  type ServerInterceptingCallInterface,
} from '@grpc/grpc-js'
import type { Clock } from '../base/clock.ts'

/** The HTTP/2 servers that a bound Server listens with; never empty. */
export function http2ServersOf(server: Server): readonly Http2SecureServer[] {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2SecureServer, unknown> }
  const servers = [...(http2Servers?.keys() ?? [])]
  if (servers.length === 0) throw new Error('this release of grpc-js has no Server.http2Servers')
  return servers
}

/** The connection of a call as the first interceptor gets it; undefined once it is gone. */
export function sessionOfCall(
  call: ServerInterceptingCallInterface,
): ServerHttp2Session | undefined {
  return (call as unknown as { stream?: { session?: ServerHttp2Session } }).stream?.session
}

/** The stream of a call as the first interceptor gets it. */
export function streamOfCall(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return (call as unknown as { stream?: ServerHttp2Stream }).stream
}

/** How the request of a call is compressed: `identity` is not at all. */
export function encodingOfCall(call: ServerInterceptingCallInterface): string {
  return (call as unknown as { incomingEncoding?: string }).incomingEncoding ?? 'identity'
}

const COMPANION = Symbol('companion')

/** Gives an object to the metadata of a call to carry. */
export function accompany(metadata: Metadata, companion: object): void {
  ;(metadata as { [COMPANION]?: object })[COMPANION] = companion
}

export function companionOf(metadata: Metadata): object | undefined {
  return (metadata as { [COMPANION]?: object })[COMPANION]
}

/** Calls back with each piece of a request before grpc-js has it. The stream is paused, and stays so. */
export function beforeData(stream: ServerHttp2Stream, listener: (piece: Buffer) => void): void {
  stream.prependListener('data', listener)
}

/** Milliseconds in which an answer goes out that came before the whole request. */
const ANSWER_MS = 5_000

/**
 * Ends a stream that was answered before its request was read to its end: the peer stops sending it. What it
 * sends meanwhile is dropped. Not at once: nghttp2 drops an answer that waits when its stream is reset.
 */
export function endStream(stream: ServerHttp2Stream, clock: Clock): void {
  stream.once(
    'close',
    clock.after(ANSWER_MS, () => stream.close()),
  )
}

/** Puts `intercept` before everything that a TLS server does with a new TCP connection. */
export function interceptConnections(
  server: TcpServer,
  intercept: (socket: Socket, proceed: () => void) => void,
): void {
  const listeners = server.listeners('connection') as ((socket: Socket) => void)[]
  if (listeners.length === 0)
    throw new Error('this release of Node.js takes TLS connections otherwise')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) =>
    intercept(socket, () => {
      for (const listener of listeners) listener.call(server, socket)
    }),
  )
}

/** The TCP socket below a TLS socket. */
export function tcpSocketOf(socket: TLSSocket): Socket | undefined {
  return (socket as unknown as { _parent?: Socket })._parent
}

/** Where a connection whose handshake failed came from; Node forgets it, except in the socket below. */
export function remoteAddressOf(socket: TLSSocket): string {
  return socket.remoteAddress ?? tcpSocketOf(socket)?.remoteAddress ?? ''
}

/**
 * Whether a release of Node.js loses the certificates between a caller's own and the root (nodejs/node#65579), by which a
 * server knows who issued what a caller shows.
 */
export function losesChains(version: string): boolean {
  return version === '24.21.0' || version.startsWith('26.8.')
}

/** Server credentials with every option of node:tls, replaceable while connections are open. */
export class LiveServerCredentials extends ServerCredentials {
  constructor(options: SecureServerOptions, context: SecureContextOptions) {
    super(options, context)
  }

  /** For new handshakes; open connections stay as they are. `context` must be known to be good. */
  replace(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context)
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}

/** Requests of this process leave nothing behind that only a full collection finds. Once for the process, which loses `asyncResource` of bound functions. */
export function forgetEndedRequests(): void {
  AsyncResource.prototype.bind = bindWithoutAccessors
}

/** As Node's, but for `asyncResource`, which is gone, and `length`, which is 0. */
function bindWithoutAccessors<Bound extends (...args: never[]) => unknown>(
  this: AsyncResource,
  bound: Bound,
  thisArg?: unknown,
): Bound {
  return inScopeOf(this, bound, thisArg)
}

function inScopeOf<Bound extends (...args: never[]) => unknown>(
  resource: AsyncResource,
  bound: Bound,
  thisArg: unknown,
): Bound {
  return function (this: unknown, ...args: never[]) {
    return resource.runInAsyncScope(bound as never, thisArg === undefined ? this : thisArg, ...args)
  } as Bound
}

interface Transport {
  readonly session: { readonly closed: boolean }
  canSendPing: (this: Transport) => boolean
}

interface Connector {
  createSession: (this: Connector, ...options: unknown[]) => Promise<Transport>
}

const MENDED = Symbol('mended')

/** Calls on a connection that its server closes in order (GOAWAY) run to their end: it is not pinged any more. Once for the process. */
export function keepCallsAfterGoaway(): void {
  const { Http2SubchannelConnector } = createRequire(import.meta.url)(
    '@grpc/grpc-js/build/src/transport.js',
  ) as { Http2SubchannelConnector: { prototype: Connector } }
  const connector = Http2SubchannelConnector.prototype as Connector & { [MENDED]?: boolean }
  if (connector[MENDED]) return
  connector[MENDED] = true
  const { createSession } = connector
  connector.createSession = async function (this: Connector, ...options) {
    const transport = await createSession.apply(this, options)
    pingOpenSessions(Object.getPrototypeOf(transport) as Transport & { [MENDED]?: boolean })
    return transport
  }
}

function pingOpenSessions(transports: Transport & { [MENDED]?: boolean }): void {
  if (transports[MENDED]) return
  transports[MENDED] = true
  const { canSendPing } = transports
  if (typeof canSendPing !== 'function')
    throw new Error('this release of grpc-js has no Http2Transport.canSendPing')
  transports.canSendPing = function (this: Transport) {
    return !this.session.closed && canSendPing.call(this)
  }
}
