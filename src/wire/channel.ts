/**
 * The dialing side: one connection to one node, kept and restored. The server is known by the node
 * name in its certificate; host names are ignored, so it may be reached through any address or
 * forwarder, or through an HTTP CONNECT proxy. Proxies named by the environment are not used.
 *
 * Pings go out every keepaliveMs even without calls, so that middleboxes which cut idle connections
 * leave it alone, and a connection that swallows everything is noticed within keepaliveMs +
 * keepaliveTimeoutMs. grpc-js reconnects on the next call with exponential backoff and jitter; it
 * has no limit on the time that connecting takes, so a connection that hangs half-way is given up
 * here, after connectTimeoutMs, and begun anew.
 */
import { isIP } from 'node:net'
import {
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import {
  type ChannelOptions,
  Client,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { onAbort } from '../base/abort.ts'
import { asBuffer } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { HuxinError, messageOf } from '../base/errors.ts'
import { mapped, text, textOf } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { identityOfPeer, type PeerIdentity } from '../pki/identity.ts'
import type { TlsMaterial } from '../pki/material.ts'
import { encodeMessage } from './encode.ts'
import { forgetEndedRequests, keepCallsAfterGoaway } from './grpc-internals.ts'
import { asBytes, messageBytesMax, pathOf } from './service.ts'
import { errorOfStatus } from './status.ts'
import { secureContext } from './tls.ts'

export interface WireChannelOptions {
  /** `host:port`, an IPv6 host in brackets. */
  readonly address: string
  /** `<trust domain>/<node id>`; undefined accepts any node of the federation. */
  readonly expectedNodeName: string | undefined
  /** Asked of the server's certificate at each handshake, and again by `review`; throws where it does not count. */
  readonly checkServer?: (server: PeerIdentity) => void
  readonly material: TlsMaterial
  readonly clock: Clock
  /** `http://[user:password@]host:port` of an HTTP CONNECT proxy. */
  readonly proxy?: string
  /** Milliseconds between pings; default 30 s. */
  readonly keepaliveMs?: number
  /** Milliseconds without an answer to a ping until the connection is given up; default 10 s. */
  readonly keepaliveTimeoutMs?: number
  /** Longest wait between two attempts to connect, before jitter; default 10 s. */
  readonly backoffMsMax?: number
  /** Milliseconds that connecting may take, handshakes included; default 20 s. */
  readonly connectTimeoutMs?: number
}

export type ChannelState = 'idle' | 'connecting' | 'ready' | 'failing' | 'closed'

export interface CallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** One method per rpc; throws HuxinError only. */
export type TypedClient<M extends GenServiceMethods> = {
  readonly [K in keyof M]: (
    request: MessageInitShape<M[K]['input']>,
    options: CallOptions,
  ) => Promise<MessageShape<M[K]['output']>>
}

const KEEPALIVE_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
const BACKOFF_MS_MIN = 500
const BACKOFF_MS_MAX = 10_000
const CONNECT_TIMEOUT_MS = 20_000
/** What grpc-js adds to the reason of a failed connection: when it was tried, and how the name was resolved. */
const ATTEMPT = /(?: \(\d{4}-[^)]*Z\))?\. Resolution note: $/

/**
 * One grpc-js client. grpc-js makes one more attempt to connect after close() when it was waiting to;
 * a retired link lets that attempt fail, so that no connection is left that nobody uses.
 */
interface Link {
  readonly grpc: Client
  retired: boolean
  /** Whose certificate was taken last. */
  server: PeerIdentity | undefined
  /** Calls in progress. */
  readonly calls: Set<ClientUnaryCall>
}

function retire(link: Link): void {
  link.retired = true
  link.grpc.close()
}

export class WireChannel {
  readonly #options: WireChannelOptions
  #material: TlsMaterial
  #link: Link
  #closed = false
  #cancelWatch: (() => void) | undefined

  /** Connects on the first call. Throws config_invalid when the material or the proxy cannot be used. */
  static dial(options: WireChannelOptions): WireChannel {
    keepCallsAfterGoaway()
    forgetEndedRequests()
    return new WireChannel(options)
  }

  private constructor(options: WireChannelOptions) {
    this.#options = options
    this.#material = options.material
    this.#link = this.#connect(BACKOFF_MS_MIN)
  }

  get state(): ChannelState {
    return this.#closed
      ? 'closed'
      : stateNames[this.#link.grpc.getChannel().getConnectivityState(false)]
  }

  /** A typed client of one service over this channel; any number may share it. */
  client<M extends GenServiceMethods>(service: GenService<M>): TypedClient<M> {
    return Object.fromEntries(
      service.methods.map((method) => [
        method.localName,
        (request: MessageInitShape<DescMethod['input']>, options: CallOptions) =>
          this.#call(method, request, options),
      ]),
    ) as unknown as TypedClient<M>
  }

  /** Later calls use a new connection with it; calls in progress end on the old one. Throws config_invalid and keeps the last good one. */
  updateMaterial(material: TlsMaterial): void {
    secureContext(material)
    this.#material = material
    this.#replace(BACKOFF_MS_MIN)
  }

  /** Cuts the connection when the certificate that the server showed counts no more; the next call dials anew. */
  review(): void {
    const link = this.#link
    if (!link.server || this.#closed || refusalOf(this.#options, link.server) === undefined) return
    this.#replace(BACKOFF_MS_MIN)
    for (const call of [...link.calls]) call.cancel()
  }

  /** Fails calls that wait for a connection; lets those in progress end. */
  close(): void {
    this.#closed = true
    this.#cancelWatch?.()
    retire(this.#link)
  }

  async #call(
    method: DescMethod,
    request: MessageInitShape<DescMethod['input']>,
    options: CallOptions,
  ): Promise<MessageShape<DescMethod['output']>> {
    const { timeoutMs, signal } = options
    if (this.#closed)
      throw new HuxinError(
        'peer_unreachable',
        text`the channel to ${this.#options.address} is closed`,
      )
    if (signal?.aborted) throw new HuxinError('cancelled', text`the caller gave the call up`)
    const bytes = encode(method, request)
    const deadline = this.#options.clock.nowMs() + timeoutMs
    const response = await new Promise<Uint8Array>((resolve, reject) => {
      const link = this.#link
      const finish = (error: ServiceError | null, answer?: Uint8Array): void => {
        forget?.()
        link.calls.delete(call)
        if (error || !answer)
          reject(
            error
              ? this.#errorOf(error)
              : new HuxinError('internal', text`${pathOf(method)} gave no answer`),
          )
        else resolve(answer)
      }
      const call = link.grpc.makeUnaryRequest(
        pathOf(method),
        asBuffer,
        asBytes,
        bytes,
        new Metadata(),
        { deadline },
        finish,
      )
      link.calls.add(call)
      const forget = signal && onAbort(signal, () => call.cancel())
      this.#watchConnecting()
    })
    return decode(method, response)
  }

  #errorOf(error: ServiceError): HuxinError {
    const received = errorOfStatus(error)
    if (received.code !== 'peer_unreachable' && received.code !== 'deadline_exceeded')
      return received
    const { address, expectedNodeName = 'node', proxy } = this.#options
    const through = proxy === undefined ? '' : text` through proxy ${parseProxy(proxy).host}`
    return new HuxinError(
      received.code,
      text`${expectedNodeName} at ${address}${through}: ${mapped(received.text, withoutAttempt)}`,
      { details: received.details },
    )
  }

  /** Gives a connection up that is not ready in time. grpc-js would wait for ever, refusing calls meanwhile. */
  #watchConnecting(): void {
    if (this.#cancelWatch || this.state === 'ready') return
    const {
      clock,
      connectTimeoutMs = CONNECT_TIMEOUT_MS,
      backoffMsMax = BACKOFF_MS_MAX,
    } = this.#options
    this.#cancelWatch = clock.after(connectTimeoutMs, () => {
      this.#cancelWatch = undefined
      if (this.state === 'connecting' || this.state === 'failing') this.#replace(backoffMsMax)
    })
  }

  #replace(backoffMsMin: number): void {
    const old = this.#link
    this.#link = this.#connect(backoffMsMin)
    retire(old)
  }

  #connect(backoffMsMin: number): Link {
    const { target, options } = route(this.#options.address, this.#options.proxy)
    const link: Omit<Link, 'grpc'> = { retired: false, server: undefined, calls: new Set() }
    const pinned = this.#material.rootsPem
    const tls = credentials.createFromSecureContext(secureContext(this.#material), {
      checkServerIdentity: (_host, certificate) => {
        if (link.retired) return new Error('the channel is closed')
        try {
          const server = identityOfPeer(certificate, pinned)
          const refusal = refusalOf(this.#options, server)
          if (refusal === undefined) link.server = server
          return refusal
        } catch (error) {
          return new Error(messageOf(error))
        }
      },
    })
    return Object.assign(link, {
      grpc: new Client(target, tls, { ...options, ...this.#channelOptions(backoffMsMin) }),
    })
  }

  #channelOptions(backoffMsMin: number): ChannelOptions {
    const {
      keepaliveMs = KEEPALIVE_MS,
      keepaliveTimeoutMs = KEEPALIVE_TIMEOUT_MS,
      backoffMsMax = BACKOFF_MS_MAX,
    } = this.#options
    return {
      'grpc.enable_http_proxy': 0,
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': Math.min(backoffMsMin, backoffMsMax),
      'grpc.max_reconnect_backoff_ms': backoffMsMax,
      'grpc.max_receive_message_length': messageBytesMax,
      'grpc.max_send_message_length': messageBytesMax,
      'grpc-node.flow_control_window': limits.windowBytes,
    }
  }
}

function encode(method: DescMethod, request: MessageInitShape<DescMethod['input']>): Uint8Array {
  try {
    return encodeMessage(method.input, request)
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the request is not a ${method.input.typeName}: ${textOf(error)}`,
    )
  }
}

function decode(method: DescMethod, response: Uint8Array): MessageShape<DescMethod['output']> {
  try {
    return fromBinary(method.output, response)
  } catch (error) {
    throw new HuxinError(
      'internal',
      text`the answer is not a ${method.output.typeName}: ${textOf(error)}`,
    )
  }
}

const stateNames: Readonly<Record<connectivityState, ChannelState>> = {
  [connectivityState.IDLE]: 'idle',
  [connectivityState.CONNECTING]: 'connecting',
  [connectivityState.READY]: 'ready',
  [connectivityState.TRANSIENT_FAILURE]: 'failing',
  [connectivityState.SHUTDOWN]: 'closed',
}

/** Why a server is not the one that is wanted; undefined when it is. Replaces the check of host names. */
function refusalOf(
  { expectedNodeName, checkServer }: WireChannelOptions,
  server: PeerIdentity,
): Error | undefined {
  const { role, nodeName } = server
  if (role !== 'node')
    return new Error(`the server shows a certificate of role ${role}, not of a node`)
  if (expectedNodeName !== undefined && nodeName !== expectedNodeName)
    return new Error(`the server is ${nodeName}, expected ${expectedNodeName}`)
  try {
    checkServer?.(server)
    return undefined
  } catch (error) {
    return new Error(messageOf(error))
  }
}

/** Where to connect, and what grpc-js must be told when that is a proxy. */
function route(
  address: string,
  proxy: string | undefined,
): { target: string; options: ChannelOptions } {
  const match = /^(\[[0-9a-f:.]+\]|[^:/\s]+):(\d{1,5})$/i.exec(address)
  if (!match)
    throw new HuxinError(
      'config_invalid',
      text`address ${JSON.stringify(address)} is not host:port`,
    )
  // RFC 6066 forbids an IP address as server name, and Node warns of it; the name is not checked.
  const numeric = isIP(match[1]!.replace(/^\[|\]$/g, '')) !== 0
  const options = {
    'grpc.default_authority': address,
    ...(numeric ? { 'grpc.ssl_target_name_override': 'node.huxin.invalid' } : {}),
  }
  if (proxy === undefined) return { target: `dns:${address}`, options }
  const { host, credentials: login } = parseProxy(proxy)
  return {
    target: `dns:${host}`,
    options: {
      ...options,
      'grpc.http_connect_target': `dns:${address}`,
      ...(login === '' ? {} : { 'grpc.http_connect_creds': login }),
    },
  }
}

/** What grpc-js says of a connection, without the times of its attempt. */
function withoutAttempt(words: string): string {
  return words.replace(ATTEMPT, '').replace('Last error: undefined', 'the proxy refuses to connect')
}

function parseProxy(proxy: string): { host: string; credentials: string } {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  if (url?.protocol !== 'http:' || url.hostname === '')
    throw new HuxinError('config_invalid', text`proxy is not http://host:port`)
  const login =
    url.username === ''
      ? ''
      : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { host: `${url.hostname}:${url.port === '' ? '80' : url.port}`, credentials: login }
}
