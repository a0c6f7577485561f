/** The listening side: one port, TLS 1.3 with a client certificate, authorization on every call. */
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  type Metadata, type sendUnaryData, Server, type ServerInterceptingCallInterface, ServerInterceptingCall,
  type ServerInterceptor, type ServerUnaryCall,
} from '@grpc/grpc-js'
import { asBuffer } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { identityOfPeer, type PeerIdentity } from '../pki/identity.ts'
import type { TlsMaterial } from '../pki/material.ts'
import { http2ServersOf, LiveServerCredentials, remoteAddressOf, sessionOfCall } from './grpc-internals.ts'
import { Health } from './health.ts'
import { reflectionOf } from './reflection.ts'
import { asBytes, type BoundMethod, type CallContext, messageBytesMax, type ServiceBinding } from './service.ts'
import { statusOfError, type WireStatus } from './status.ts'
import { secureContext, secureContextOptions } from './tls.ts'

/** Reason of ended calls: making one for each, with its stack, costs more than the rest of ending it. */
const ENDED = new HuxinError('cancelled', 'the call has ended')
const HEALTH_PREFIX = '/grpc.health.v1.Health/'
const HANDSHAKE_TIMEOUT_MS = 10_000
/** Milliseconds in which somebody whose certificate does not count may ask why. */
const REFUSED_MS = 5_000
const KEEPALIVE_MS = 60_000
const KEEPALIVE_TIMEOUT_MS = 20_000
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
  /** Open TCP connections; more are closed as they come. */
  readonly maxConnections: number
  /** Calls in progress on one connection; a client queues the rest. */
  readonly maxConcurrentStreams: number
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
  /** Key of its TCP connection. */
  readonly remote: string
  readonly identity: PeerIdentity
  readonly notAfterMs: number
}

export class WireServer {
  readonly #options: WireServerOptions
  readonly #grpc: Server
  readonly #credentials: LiveServerCredentials
  readonly #health: Health
  readonly #peers = new Map<ServerHttp2Session, Peer>()
  /** Every TCP connection, by remote address and port. */
  readonly #sockets = new Map<string, Socket>()
  readonly #callers = new WeakMap<Metadata, PeerIdentity>()
  readonly #mayLog: () => boolean
  /** The roots, PEM, that chains lead to now. */
  #pinned: readonly string[]
  #port = 0
  #closing: Promise<void> | undefined

  /** Throws config_invalid when the material cannot be used or the port cannot be had. */
  static async listen(options: WireServerOptions): Promise<WireServer> {
    const server = new WireServer(options)
    await server.#bind()
    return server
  }

  private constructor(options: WireServerOptions) {
    secureContext(options.material)
    this.#options = options
    this.#pinned = options.material.rootsPem
    this.#mayLog = rateLimit(options.clock, LOG_LINES_MAX, LOG_WINDOW_MS)
    this.#credentials = new LiveServerCredentials({
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      settings: { initialWindowSize: limits.windowBytes, maxConcurrentStreams: options.maxConcurrentStreams },
    }, secureContextOptions(options.material))
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
    return [...this.#peers.values()].map(({ identity }) => identity)
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
    for (const service of ['', ...this.#options.services.map(({ typeName }) => typeName)]) this.setServing(service, serving)
  }

  /** Cuts the open connections of those whose certificate counts no more, with the calls that wait. @returns how many */
  dropPeers(refused: (peer: PeerIdentity) => boolean): number {
    const dropped = [...this.#peers].filter(([, { identity }]) => refused(identity))
    for (const [session] of dropped) this.#cut(session)
    return dropped.length
  }

  /** Takes no new calls, waits up to `graceMs` for those in progress, then cuts them. May be called twice. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    this.setAllServing(false)
    const done = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()))
    const established = new Set([...this.#peers.values()].map(({ remote }) => remote))
    for (const [remote, socket] of this.#sockets) if (!established.has(remote)) socket.destroy()
    const cancelCut = this.#options.clock.after(graceMs, () => {
      for (const session of this.#peers.keys()) this.#cut(session)
    })
    await done
    cancelCut()
    this.#grpc.forceShutdown()
  }

  /** Also the socket: a session already told to close waits for the peer to hang up, and a dead peer never does. */
  #cut(session: ServerHttp2Session): void {
    const peer = this.#peers.get(session)
    session.destroy()
    if (peer) this.#sockets.get(peer.remote)?.destroy()
  }

  async #bind(): Promise<void> {
    const { host, port } = this.#options
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#grpc.bindAsync(address, this.#credentials, (error, bound) => {
        if (error) reject(new HuxinError('config_invalid', `cannot listen on ${address}: ${error.message}`, { cause: error }))
        else resolve(bound)
      })
    })
    for (const http2Server of http2ServersOf(this.#grpc)) this.#watch(http2Server)
  }

  #watch(http2Server: Http2SecureServer): void {
    http2Server.maxConnections = this.#options.maxConnections
    http2Server.on('drop', (dropped?: { remoteAddress?: string }) => {
      this.#refused('too many connections', dropped?.remoteAddress)
    })
    http2Server.on('connection', (socket: Socket) => {
      const remote = remoteOf(socket)
      this.#sockets.set(remote, socket)
      socket.once('close', () => this.#sockets.delete(remote))
    })
    http2Server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const { authorizationError } = socket as { authorizationError?: Error | string }
      this.#refused(authorizationError ? verifyReason(String(authorizationError)) : error.code ?? error.message, remoteAddressOf(socket))
    })
    http2Server.on('session', (session: ServerHttp2Session) => this.#admit(session))
  }

  #admit(session: ServerHttp2Session): void {
    session.setLocalWindowSize(limits.windowBytes)
    const socket = session.socket as TLSSocket
    try {
      const peer = peerOf(socket, this.#pinned)
      this.#peers.set(session, peer)
      session.once('close', () => this.#peers.delete(session))
      if (this.#options.counts?.(peer.identity) === false) this.#options.clock.after(REFUSED_MS, () => this.#cut(session))
    } catch (error) {
      this.#refused(messageOf(error), socket.remoteAddress)
      session.destroy()
    }
  }

  #refused(reason: string, remoteAddress = ''): void {
    this.#options.onTlsRefused?.(reason, remoteAddress)
    if (this.#mayLog()) this.#options.log.warn({ reason, remoteAddress }, 'connection refused')
  }

  /** First interceptor of every call: who calls, and may they. */
  readonly #gate: ServerInterceptor = (method, call) => new ServerInterceptingCall(call, {
    start: (next) => next({
      onReceiveMetadata: (metadata, forward) => {
        try {
          this.#callers.set(metadata, this.#authorized(call, method.path))
          forward(metadata)
        } catch (error) {
          call.sendStatus(this.#statusOf(error, method.path))
        }
      },
    }),
  })

  #authorized(call: ServerInterceptingCallInterface, path: string): PeerIdentity {
    const session = sessionOfCall(call)
    const peer = session && this.#peers.get(session)
    if (!peer) throw new HuxinError('unauthenticated', 'the connection has no identity')
    if (this.#options.clock.nowMs() > peer.notAfterMs) {
      throw new HuxinError('unauthenticated', `the certificate of ${peer.identity.nodeName} expired while connected; renew it and connect again`)
    }
    if (!path.startsWith(HEALTH_PREFIX)) this.#options.authorize(peer.identity, path)
    return peer.identity
  }

  #serve(service: ServiceBinding): void {
    const definitions = Object.fromEntries(service.methods.map((method) => [method.name, definitionOf(method)]))
    const handlers = Object.fromEntries(service.methods.map((method) => [method.name, this.#handlerOf(method)]))
    this.#grpc.addService(definitions, handlers)
  }

  #handlerOf(method: BoundMethod) {
    return (call: ServerUnaryCall<Uint8Array, Uint8Array>, answer: sendUnaryData<Uint8Array>): void => {
      const peer = this.#callers.get(call.metadata)
      if (!peer) return answer(statusOfError(new HuxinError('unauthenticated', 'the call has no identity')))
      method.call(call.request, new Call(call, peer)).then(
        (response) => answer(null, response),
        (error: unknown) => answer(this.#statusOf(error, method.path)),
      )
    }
  }

  #statusOf(error: unknown, path: string): WireStatus {
    if (isHuxinError(error)) return statusOfError(error)
    this.#options.onInternalError?.(error, path)
    return statusOfError(new HuxinError('internal', `${path} failed inside the server; see its log`))
  }
}

/** Node.js names only some of OpenSSL's reasons. */
function verifyReason(code: string): string {
  return code === 'UNSPECIFIED' ? 'UNSPECIFIED: the chain breaks a name constraint or has an issuer that is no CA' : code
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function peerOf(socket: TLSSocket, pinned: readonly string[]): Peer {
  const certificate = socket.authorized ? socket.getPeerCertificate(true) : undefined
  if (!certificate?.raw) throw new HuxinError('unauthenticated', 'the connection has no verified certificate')
  return { remote: remoteOf(socket), identity: identityOfPeer(certificate, pinned), notAfterMs: Date.parse(certificate.valid_to) }
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
  #abort: AbortController | undefined

  constructor(call: ServerUnaryCall<Uint8Array, Uint8Array>, peer: PeerIdentity) {
    const deadline = Number(call.getDeadline())
    this.peer = peer
    this.deadlineMs = Number.isFinite(deadline) ? deadline : undefined
    this.#call = call
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
