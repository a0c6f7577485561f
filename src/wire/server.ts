/** The listening side: one port, TLS 1.3 with a client certificate, authorization on every call. */
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  type sendUnaryData,
  Server,
  type ServerInterceptingCallInterface,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerUnaryCall,
} from '@grpc/grpc-js'
import { asBuffer } from '../base/bytes.ts'
import { formatAddress } from '../base/address.ts'
import type { Clock } from '../base/clock.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { identityOfPeer, type PeerIdentity } from '../pki/identity.ts'
import type { TlsMaterial } from '../pki/material.ts'
import { Arrivals } from './arrivals.ts'
import { type BudgetLimits, Budgets, type Standing } from './budgets.ts'
import { Connections } from './connections.ts'
import {
  accompany,
  companionOf,
  encodingOfCall,
  endStream,
  http2ServersOf,
  LiveServerCredentials,
  losesChains,
  remoteAddressOf,
  sessionOfCall,
  streamOfCall,
} from './grpc-internals.ts'
import { Health } from './health.ts'
import { Passage } from './passage.ts'
import { reflectionOf } from './reflection.ts'
import {
  asBytes,
  type BoundMethod,
  type CallContext,
  messageBytesMax,
  type ServiceBinding,
} from './service.ts'
import { Slices } from './slices.ts'
import { statusOfError, type WireStatus } from './status.ts'
import { secureContext, secureContextOptions } from './tls.ts'

/** Reason of ended calls: making one for each, with its stack, costs more than the rest of ending it. */
const ENDED = new HuxinError('cancelled', text`the call has ended`)
const REFLECTION_PREFIX = '/grpc.reflection.'
const MESSAGE_PREFIX_BYTES = 5
const HEALTH_PREFIX = '/grpc.health.v1.Health/'
const HANDSHAKE_TIMEOUT_MS = 10_000
/** Milliseconds in which somebody whose certificate does not count may ask why. */
const REFUSED_MS = 5_000
const KEEPALIVE_MS = 60_000
const KEEPALIVE_TIMEOUT_MS = 20_000
const HANDSHAKES = { perAddress: 512, all: 1_024 }
/** Bytes of a request to health: the name of a service; and of all requests on one stream of reflection. */
const HEALTH_BYTES_MAX = 4_096
const REFLECTION_BYTES_MAX = 262_144
const REFLECTION_MS_MAX = 600_000
const LOG_LINES_MAX = 20
const LOG_WINDOW_MS = 10_000

export interface WireServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly material: TlsMaterial
  readonly services: readonly ServiceBinding[]
  /**
   * Asked on every call, reflection included, health not: an open connection outlives a suspension.
   * Throws the HuxinError to answer with. `path` is `/package.Service/Method`.
   */
  authorize(peer: PeerIdentity, path: string): void
  /** Whether a certificate counts at all. One that does not is told why on each call, and cut soon. */
  counts?(peer: PeerIdentity): boolean
  /** What callers may take, one and all. */
  readonly budgets: BudgetLimits
  /** TCP connections in handshake, beside those of `budgets`: from one address, and of all. */
  readonly handshakes?: { readonly perAddress: number; readonly all: number }
  /** How a caller stands to this node, asked again while it is connected. */
  standing(peer: PeerIdentity): Standing
  readonly clock: Clock
  readonly log: { warn(fields: object, message: string): void }
  /** Milliseconds from TCP accept to the end of the TLS handshake; default 10 s. */
  readonly handshakeTimeoutMs?: number
  /** Answers grpc.reflection.v1 and v1alpha. */
  readonly reflection?: boolean
  /** A connection was refused: OpenSSL's reason, or what is wrong with the identity. */
  onTlsRefused?(reason: string, remoteAddress: string): void
  /** A handler threw something that is not a HuxinError; the caller is told only "internal". */
  onInternalError?(error: unknown, path: string): void
}

/** The far end of one connection, read once from its certificate. */
interface Peer {
  readonly identity: PeerIdentity
  readonly notAfterMs: number
}

export class WireServer {
  readonly #options: WireServerOptions
  readonly #grpc: Server
  readonly #credentials: LiveServerCredentials
  readonly #health: Health
  readonly #budgets: Budgets
  readonly #arrivals: Arrivals
  readonly #connections: Connections
  readonly #slices: Slices
  /** Every TCP connection, by remote address and port. */
  readonly #sockets = new Map<string, Socket>()
  readonly #mayLog: () => boolean
  /** The roots, PEM, that chains lead to now. */
  #pinned: readonly string[]
  #port = 0
  #closing: Promise<void> | undefined

  /** Throws config_invalid when the material cannot be used or the port cannot be had. */
  static async listen(options: WireServerOptions): Promise<WireServer> {
    const { node } = process.versions
    if (losesChains(node)) {
      throw new HuxinError(
        'config_invalid',
        text`Node.js ${node} does not show who issued the certificates of callers (a fault of that release): run the node with another one, 22 for example`,
      )
    }
    const server = new WireServer(options)
    await server.#bind()
    return server
  }

  private constructor(options: WireServerOptions) {
    secureContext(options.material)
    this.#options = options
    this.#slices = new Slices(options.clock)
    this.#pinned = options.material.rootsPem
    this.#mayLog = rateLimit(options.clock, LOG_LINES_MAX, LOG_WINDOW_MS)
    const handshakeMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS
    this.#arrivals = new Arrivals({
      ...(options.handshakes ?? HANDSHAKES),
      silentMs: handshakeMs,
      clock: options.clock,
      onDropped: (reason, remoteAddress) => this.#refused(reason, remoteAddress),
    })
    this.#budgets = new Budgets(options.budgets)
    this.#connections = new Connections({
      budgets: this.#budgets,
      clock: options.clock,
      standing: (peer) => options.standing(peer),
    })
    this.#credentials = new LiveServerCredentials(
      {
        requestCert: true,
        rejectUnauthorized: true,
        handshakeTimeout: handshakeMs,
        settings: {
          initialWindowSize: limits.windowBytes,
          maxConcurrentStreams: this.#budgets.streams(),
        },
      },
      secureContextOptions(options.material),
    )
    this.#grpc = new Server({
      'grpc.max_receive_message_length': messageBytesMax,
      'grpc.max_send_message_length': messageBytesMax,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.enable_channelz': 0,
      interceptors: [this.#gate],
    })
    for (const service of options.services) this.#serve(service)
    this.#health = new Health(options.services.map(({ typeName }) => typeName))
    this.#health.addToServer(this.#grpc)
    if (options.reflection) reflectionOf(options.services).addToServer(this.#grpc)
  }

  get port(): number {
    return this.#port
  }

  /** Who is connected now; one entry per connection. */
  connectedPeers(): readonly PeerIdentity[] {
    return this.#connections.all.map(({ identity }) => identity)
  }

  /** What is held now: calls under way, bytes for them, connections in handshake. */
  get held(): { readonly calls: number; readonly bytes: number; readonly handshakes: number } {
    const calls = this.#connections.all.reduce((sum, connection) => sum + connection.calls.size, 0)
    return { calls, bytes: this.#budgets.bytes, handshakes: this.#arrivals.size }
  }

  /** New handshakes use it; open connections are not disturbed. Throws config_invalid and keeps the last good one. */
  updateMaterial(material: TlsMaterial): void {
    secureContext(material)
    this.#credentials.replace(secureContextOptions(material))
    this.#pinned = material.rootsPem
  }

  /** What grpc.health.v1 says of a service; '' is the whole server. All start as not serving. */
  setServing(service: string, serving: boolean): void {
    this.#health.setServing(service, serving)
  }

  /** The same of the whole server and every service of it. */
  setAllServing(serving: boolean): void {
    for (const service of ['', ...this.#options.services.map(({ typeName }) => typeName)])
      this.setServing(service, serving)
  }

  /** Cuts the open connections of those whose certificate counts no more, with the calls that wait. @returns how many */
  dropPeers(refused: (peer: PeerIdentity) => boolean): number {
    const dropped = this.#connections.all.filter(({ identity }) => refused(identity))
    for (const connection of dropped) this.#connections.cut(connection)
    return dropped.length
  }

  /** Takes no new calls, waits up to `graceMs` for those in progress, then cuts them. May be called twice. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    this.setAllServing(false)
    // What it says when it is done is not waited for: it waits for sessions that Node.js never closes.
    this.#grpc.tryShutdown(() => undefined)
    this.#arrivals.close()
    const cancelCut = this.#options.clock.after(graceMs, () => {
      for (const connection of this.#connections.all) this.#connections.cut(connection)
    })
    await this.#connections.empty()
    cancelCut()
    this.#connections.close()
    this.#grpc.forceShutdown()
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  async #bind(): Promise<void> {
    const { host, port } = this.#options
    const address = formatAddress({ host, port })
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#grpc.bindAsync(address, this.#credentials, (error, bound) => {
        if (error)
          reject(
            new HuxinError(
              'config_invalid',
              error.message.includes('EADDRINUSE')
                ? text`${address} cannot be had: another process listens there; is the node running?`
                : text`cannot listen on ${address}: ${textOf(error)}`,
              { cause: error },
            ),
          )
        else resolve(bound)
      })
    })
    for (const http2Server of http2ServersOf(this.#grpc)) this.#watch(http2Server)
  }

  #watch(http2Server: Http2SecureServer): void {
    this.#arrivals.watch(http2Server)
    http2Server.on('connection', (socket: Socket) => {
      const remote = remoteOf(socket)
      this.#sockets.set(remote, socket)
      socket.once('close', () => this.#sockets.delete(remote))
    })
    http2Server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const { authorizationError } = socket as { authorizationError?: Error | string }
      this.#refused(
        authorizationError
          ? verifyReason(String(authorizationError))
          : (error.code ?? error.message),
        remoteAddressOf(socket),
      )
    })
    http2Server.on('session', (session: ServerHttp2Session) => this.#admit(session))
  }

  #admit(session: ServerHttp2Session): void {
    session.setLocalWindowSize(limits.windowBytes)
    const tls = session.socket as TLSSocket
    const socket = this.#sockets.get(remoteOf(tls))
    if (socket) this.#arrivals.settle(socket)
    try {
      if (!socket) throw new HuxinError('peer_unreachable', text`the connection is gone`)
      const peer = peerOf(tls, this.#pinned)
      const refusal = this.#connections.admit({ session, socket, ...peer })
      if (refusal !== undefined) this.#refused(refusal, tls.remoteAddress)
      else if (this.#options.counts?.(peer.identity) === false)
        this.#options.clock.after(REFUSED_MS, () => this.#connections.cut({ session, socket }))
    } catch (error) {
      this.#refused(messageOf(error), tls.remoteAddress)
      session.destroy()
      socket?.destroy()
    }
  }

  #refused(reason: string, remoteAddress = ''): void {
    this.#options.onTlsRefused?.(reason, remoteAddress)
    if (this.#mayLog()) this.#options.log.warn({ reason, remoteAddress }, 'connection refused')
  }

  /** First interceptor of every call: who calls, and may they, before a byte of the request is taken. */
  readonly #gate: ServerInterceptor = (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, forward) => {
            try {
              accompany(metadata, this.#begin(call, method.path))
              forward(metadata)
            } catch (error) {
              call.sendStatus(this.#statusOf(error, method.path))
              const stream = streamOfCall(call)
              if (stream) endStream(stream, this.#options.clock)
            }
          },
        }),
    })

  #begin(call: ServerInterceptingCallInterface, path: string): Passage {
    const session = sessionOfCall(call)
    const stream = streamOfCall(call)
    const caller = session && this.#connections.of(session)
    if (!caller || !stream)
      throw new HuxinError('unauthenticated', text`the connection has no identity`)
    if (this.#options.clock.nowMs() > caller.notAfterMs) {
      throw new HuxinError(
        'unauthenticated',
        text`the certificate of ${caller.identity.nodeName} expired while connected; renew it and connect again`,
      )
    }
    caller.called = true
    if (!path.startsWith(HEALTH_PREFIX)) this.#options.authorize(caller.identity, path)
    const encoding = encodingOfCall(call)
    if (encoding !== 'identity')
      throw new HuxinError(
        'compression_refused',
        text`the request is compressed (grpc-encoding ${JSON.stringify(encoding.slice(0, 40))}): send it as it is`,
      )
    return Passage.begin({ caller, call, stream, clock: this.#options.clock, ...roomOf(path) })
  }

  #serve(service: ServiceBinding): void {
    const definitions = Object.fromEntries(
      service.methods.map((method) => [method.name, definitionOf(method)]),
    )
    const handlers = Object.fromEntries(
      service.methods.map((method) => [method.name, this.#handlerOf(method)]),
    )
    this.#grpc.addService(definitions, handlers)
  }

  #handlerOf(method: BoundMethod) {
    return (
      call: ServerUnaryCall<Uint8Array, Uint8Array>,
      answer: sendUnaryData<Uint8Array>,
    ): void => {
      const passage = companionOf(call.metadata)
      if (!(passage instanceof Passage))
        return answer(
          statusOfError(new HuxinError('unauthenticated', text`the call has no identity`)),
        )
      const fail = (error: unknown): void => answer(this.#statusOf(error, method.path))
      this.#slices.add(
        () =>
          void method.call(call.request, new Call(call, passage)).then((response) => {
            try {
              passage.answer(response.length)
            } catch (error) {
              return fail(error)
            }
            answer(null, response)
          }, fail),
      )
    }
  }

  #statusOf(error: unknown, path: string): WireStatus {
    if (isHuxinError(error)) return statusOfError(error)
    this.#options.onInternalError?.(error, path)
    return statusOfError(
      new HuxinError('internal', text`${path} failed inside the server; see its log`),
    )
  }
}

/** What the request of a method may have. */
function roomOf(path: string): { bytesMax: number; receiveMs?: number } {
  if (path.startsWith(HEALTH_PREFIX)) return { bytesMax: HEALTH_BYTES_MAX }
  if (path.startsWith(REFLECTION_PREFIX))
    return { bytesMax: REFLECTION_BYTES_MAX, receiveMs: REFLECTION_MS_MAX }
  return { bytesMax: messageBytesMax + MESSAGE_PREFIX_BYTES }
}

/** Node.js names only some of OpenSSL's reasons. */
function verifyReason(code: string): string {
  return code === 'UNSPECIFIED'
    ? 'UNSPECIFIED: the chain breaks a name constraint or has an issuer that is no CA'
    : code
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function peerOf(socket: TLSSocket, pinned: readonly string[]): Peer {
  const certificate = socket.authorized ? socket.getPeerCertificate(true) : undefined
  if (!certificate?.raw)
    throw new HuxinError('unauthenticated', text`the connection has no verified certificate`)
  return {
    identity: identityOfPeer(certificate, pinned),
    notAfterMs: Date.parse(certificate.valid_to),
  }
}

function definitionOf(method: BoundMethod) {
  return {
    path: method.path,
    originalName: method.name,
    requestStream: false,
    responseStream: false,
    requestSerialize: asBuffer,
    requestDeserialize: asBytes,
    responseSerialize: asBuffer,
    responseDeserialize: asBytes,
  }
}

/**
 * What a handler is told of one call. A class, because an accessor of an object literal is kept by the hidden class of
 * each such object, and with it the call, until the whole heap is collected.
 */
class Call implements CallContext {
  readonly peer: PeerIdentity
  readonly deadlineMs: number | undefined
  readonly #call: ServerUnaryCall<Uint8Array, Uint8Array>
  readonly #passage: Passage
  #abort: AbortController | undefined

  constructor(call: ServerUnaryCall<Uint8Array, Uint8Array>, passage: Passage) {
    const deadline = Number(call.getDeadline())
    this.peer = passage.identity
    this.#passage = passage
    this.deadlineMs = Number.isFinite(deadline) ? deadline : undefined
    this.#call = call
  }

  hold(bytes: number): void {
    this.#passage.hold(bytes)
  }

  get signal(): AbortSignal {
    return (this.#abort ??= this.#controller()).signal
  }

  #controller(): AbortController {
    const controller = new AbortController()
    if (this.#call.cancelled) controller.abort(ENDED)
    else this.#call.once('cancelled', () => controller.abort(ENDED))
    return controller
  }
}

/** At most `count` times true in `windowMs`. */
function rateLimit(clock: Clock, count: number, windowMs: number): () => boolean {
  let startMs = -windowMs
  let used = 0
  return () => {
    if (clock.monotonicMs() - startMs >= windowMs) {
      startMs = clock.monotonicMs()
      used = 0
    }
    return used++ < count
  }
}
