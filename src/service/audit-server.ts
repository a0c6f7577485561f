/**
 * The HTTPS side of a node: its log as static files for auditors (static-log.ts), and witnessing of its
 * children's logs (witness-http.ts). Off unless node.yaml has an `audit` block. TLS 1.3 with the node's
 * certificate. Hash tiles and checkpoints are given without a client certificate when the block says
 * `public`; nothing else is.
 *
 * Requests are attacker-controlled: paths are matched whole, nothing is decoded or normalized.
 */
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { formatAddress } from '../base/address.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { Context } from '../commit/context.ts'
import { identityOfPeer, type PeerIdentity } from '../pki/identity.ts'
import type { TlsMaterial } from '../pki/material.ts'
import { Arrivals, networkOf } from '../wire/arrivals.ts'
import { type Account, Budgets } from '../wire/budgets.ts'
import { tcpSocketOf } from '../wire/grpc-internals.ts'
import { secureContext, secureContextOptions } from '../wire/tls.ts'
import { type AuditAccess, authorizeAudit } from './authorize.ts'
import { type HttpAnswer, plain } from './http-answer.ts'
import { standingOf } from './standing.ts'
import {
  acceptsGzip,
  compress,
  parseStaticPath,
  readStatic,
  type StaticPath,
} from './static-log.ts'
import { ADD_CHECKPOINT_BYTES_MAX, addCheckpoint } from './witness-http.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 60_000
/** Milliseconds that an answer may take, and what a slow line carries in each: 32 KiB/s. */
const SEND_MS = 30_000
const SEND_BYTES_PER_MS = 32
const HEADER_BYTES_MAX = 8_192
const CHECKPOINT_AGE_S = 2
const IMMUTABLE_AGE_S = 31_536_000
const RETRY_AFTER_S = 5

export interface AuditServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Gives checkpoints and hash tiles without a client certificate. */
  readonly public: boolean
  readonly material: TlsMaterial
  readonly context: () => Context
  /** Whether this node may sign now; nothing is cosigned before. */
  readonly maySign: () => boolean
  readonly maxConnections: number
  readonly clock: Clock
  readonly log: { warn(fields: object, message: string): void }
}

/** Who is at the other end of a connection, read once from its certificate. */
interface Holder {
  readonly identity: PeerIdentity
  readonly notAfterMs: number
}

export class AuditServer {
  readonly #options: AuditServerOptions
  readonly #https: Server
  readonly #holders = new WeakMap<TLSSocket, Holder | undefined>()
  readonly #sockets = new Set<Socket>()
  readonly #arrivals: Arrivals
  readonly #budgets: Budgets
  /** Those with a finished handshake. */
  readonly #open = new Set<TLSSocket>()
  /** The roots, PEM, that chains lead to now. */
  #pinned: readonly string[]
  #closing: Promise<void> | undefined

  /** @throws HuxinError config_invalid when the material cannot be used or the port cannot be had */
  static async listen(options: AuditServerOptions): Promise<AuditServer> {
    secureContext(options.material)
    const server = new AuditServer(options)
    const host = options.host.replaceAll(/[[\]]/g, '')
    await new Promise<void>((resolve, reject) => {
      server.#https.once('error', (error) =>
        reject(
          new HuxinError(
            'config_invalid',
            error.message.includes('EADDRINUSE')
              ? text`${formatAddress(options)} (audit.listen) cannot be had: another process listens there; is the node running?`
              : text`cannot listen on ${formatAddress(options)} (audit.listen): ${textOf(error)}`,
            { cause: error },
          ),
        ),
      )
      server.#https.listen(options.port, host, resolve)
    })
    return server
  }

  private constructor(options: AuditServerOptions) {
    this.#options = options
    this.#pinned = options.material.rootsPem
    this.#https = createServer(
      {
        ...secureContextOptions(options.material),
        requestCert: true,
        // Where anybody may read, a certificate that does not verify is none.
        rejectUnauthorized: !options.public,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#budgets = new Budgets({
      connections: options.maxConnections,
      connectionsPerPeer: Math.max(1, Math.floor(options.maxConnections / 4)),
      callsPerPeer: 0,
      bytes: 0,
      bytesPerPeer: 0,
    })
    this.#arrivals = new Arrivals({
      perAddress: 128,
      all: 512,
      silentMs: HANDSHAKE_TIMEOUT_MS,
      clock: options.clock,
      onDropped: () => undefined,
    })
    this.#arrivals.watch(this.#https)
    // A reader that stops reading does not keep its bundle in memory.
    this.#https.timeout = IDLE_TIMEOUT_MS
    this.#https.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#https.on('secureConnection', (socket: TLSSocket) => this.#admit(socket))
  }

  get port(): number {
    return (this.#https.address() as AddressInfo | null)?.port ?? 0
  }

  /** New handshakes use it. Throws config_invalid and keeps the last good one. */
  updateMaterial(material: TlsMaterial): void {
    secureContext(material)
    this.#https.setSecureContext(secureContextOptions(material))
    this.#pinned = material.rootsPem
  }

  /** Cuts the open connections of those whose certificate counts no more. @returns how many */
  dropPeers(refused: (peer: PeerIdentity) => boolean): number {
    const dropped = [...this.#open].filter((socket) => {
      const holder = this.#holders.get(socket)
      return holder !== undefined && refused(holder.identity)
    })
    for (const socket of dropped) socket.destroy()
    return dropped.length
  }

  /** Takes no new requests, waits up to `graceMs` for those in progress, then cuts them. May be called twice. */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  /** Counts a connection, by its certificate or, without one of this node or its kin, by its network; parent, children and operators have a reserve. */
  #admit(socket: TLSSocket): void {
    const raw = tcpSocketOf(socket)
    if (raw) this.#arrivals.settle(raw)
    const account = this.#accountOf(socket)
    if (!this.#budgets.take(account, 'connections', 1)) {
      this.#budgets.give(account, 'connections', 0)
      return void socket.destroy()
    }
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#budgets.give(account, 'connections', 1)
    })
  }

  #accountOf(socket: TLSSocket): Account {
    try {
      const identity = this.#holderAt(socket)?.identity
      const standing = identity && standingOf(this.#options.context(), identity)
      if (identity && standing !== undefined && standing !== 'foreign')
        return this.#budgets.account(
          `${identity.nodeName} ${identity.role} ${identity.name}`,
          standing,
        )
    } catch {
      // A certificate that names nobody is told so when it asks for something.
    }
    return this.#budgets.account(networkOf(socket.remoteAddress ?? ''), 'own')
  }

  async #close(graceMs: number): Promise<void> {
    this.#arrivals.close()
    const done = new Promise<void>((resolve) => this.#https.close(() => resolve()))
    this.#https.closeIdleConnections()
    const cancelCut = this.#options.clock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy()
    })
    await done
    cancelCut()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch((error: unknown) =>
      this.#failed(error, request.url ?? ''),
    )
    if (response.destroyed) return
    // A request that was answered before it was read to its end is not followed by another.
    const last = this.#closing || !request.complete ? { Connection: 'close' } : {}
    response.writeHead(answer.status, {
      'Content-Length': answer.body.length,
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
      ...answer.headers,
      ...last,
    })
    const cancel = this.#options.clock.after(SEND_MS + answer.body.length / SEND_BYTES_PER_MS, () =>
      request.socket.destroy(),
    )
    response.once('close', cancel)
    response.end(answer.body)
  }

  async #answer(request: IncomingMessage): Promise<HttpAnswer> {
    if (request.url === '/add-checkpoint') return this.#cosign(request)
    const path = parseStaticPath(request.url ?? '')
    if (!path) return plain(404, 'no such resource')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(405, 'GET and HEAD are answered here', { Allow: 'GET, HEAD' })
    return this.#read(path, request)
  }

  async #read(path: StaticPath, request: IncomingMessage): Promise<HttpAnswer> {
    const access: AuditAccess = path.kind === 'entries' ? 'entries' : 'tree'
    const anybody = this.#options.public && access === 'tree'
    const context = this.#options.context()
    if (!anybody) authorizeAudit(context, this.#holder(request), access)
    const found = await readStatic(context, path)
    if (!found)
      return plain(404, `the signed tree of ${context.log().signed.size} entries has no such tile`)
    const zipped = path.kind === 'entries' && acceptsGzip(request.headers['accept-encoding'] ?? '')
    return {
      status: 200,
      headers: {
        'Content-Type': found.contentType,
        'Cache-Control': `${anybody ? 'public' : 'private'}, max-age=${found.immutable ? `${IMMUTABLE_AGE_S}, immutable` : CHECKPOINT_AGE_S}`,
        ...(path.kind === 'entries' ? { Vary: 'Accept-Encoding' } : {}),
        ...(zipped ? { 'Content-Encoding': 'gzip' } : {}),
      },
      body: zipped ? await compress(found.bytes) : found.bytes,
    }
  }

  async #cosign(request: IncomingMessage): Promise<HttpAnswer> {
    if (request.method !== 'POST') return plain(405, 'POST is answered here', { Allow: 'POST' })
    const context = this.#options.context()
    authorizeAudit(context, this.#holder(request), 'add-checkpoint')
    const body = await readBody(request, ADD_CHECKPOINT_BYTES_MAX)
    if (!body) return plain(413, `at most ${ADD_CHECKPOINT_BYTES_MAX} bytes are read`)
    if (!this.#options.maySign())
      throw new HuxinError(
        'not_ready',
        text`this node signs nothing before it has heard from its parent`,
      )
    return addCheckpoint(context, body)
  }

  /** Undefined without a certificate that is valid now: a connection outlives its certificate. */
  #holder(request: IncomingMessage): PeerIdentity | undefined {
    const holder = this.#holderAt(request.socket as TLSSocket)
    return holder && this.#options.clock.nowMs() <= holder.notAfterMs ? holder.identity : undefined
  }

  #holderAt(socket: TLSSocket): Holder | undefined {
    if (!this.#holders.has(socket)) this.#holders.set(socket, holderOf(socket, this.#pinned))
    return this.#holders.get(socket)
  }

  #failed(error: unknown, path: string): HttpAnswer {
    if (isHuxinError(error) && error.kind === 'denied') return plain(403, error.message)
    if (isHuxinError(error) && (error.kind === 'unavailable' || error.code === 'store_failed'))
      return plain(503, error.message, { 'Retry-After': RETRY_AFTER_S })
    this.#options.log.warn(
      { path: path.slice(0, 200), error: messageOf(error) },
      'a request over HTTPS failed inside',
    )
    return plain(500, isHuxinError(error) ? error.message : 'failed inside the node; see its log')
  }
}

/** Undefined when it is larger. */
async function readBody(
  request: IncomingMessage,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const parts: Buffer[] = []
  let bytes = 0
  // The answer still has to go out on this connection.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > bytesMax) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** A resumed TLS 1.3 session counts as authorized even when it never had a certificate: that one must be there too. */
function holderOf(socket: TLSSocket, pinned: readonly string[]): Holder | undefined {
  const certificate = socket.authorized ? socket.getPeerCertificate(true) : undefined
  return (
    certificate?.raw && {
      identity: identityOfPeer(certificate, pinned),
      notAfterMs: Date.parse(certificate.valid_to),
    }
  )
}
