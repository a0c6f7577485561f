/**
 * The network of a simulation. Messages are encoded and decoded as on the wire, errors travel as the status and the details that
 * gRPC would carry, identities come from the network. Between two ends every message may take its time, be lost, come twice, or
 * find the line cut; a call is lost in silence or with a broken connection.
 */
import { fromBinary, type DescMethod, type MessageInitShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { Metadata, status } from '@grpc/grpc-js'
import { onAbort } from '../../src/base/abort.ts'
import { HuxinError, isHuxinError, messageOf } from '../../src/base/errors.ts'
import { text } from '../../src/base/text.ts'
import type { Link, Listener, Transport, TransportEnd } from '../../src/node/ports.ts'
import type { PeerIdentity } from '../../src/pki/identity.ts'
import type { TypedClient, WireChannelOptions } from '../../src/wire/channel.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import type { WireServerOptions } from '../../src/wire/server.ts'
import { type BoundMethod, pathOf } from '../../src/wire/service.ts'
import { errorOfStatus, statusOfError } from '../../src/wire/status.ts'
import type { Process } from './machine.ts'
import type { VirtualTime } from './time.ts'

/** What becomes of one message. */
export interface Passage {
  readonly delayMs: number
  /** It does not arrive: the connection breaks with it, or nobody hears anything. */
  readonly lost?: 'broken' | 'silent'
  /** It arrives once more, so much later. */
  readonly againMs?: number
}

export interface Message {
  readonly child: string
  /** `/package.Service/Method` */
  readonly path: string
  readonly way: 'request' | 'answer'
}

export interface NetworkFaults {
  /** Asked for each message between a child and its parent. */
  passage(message: Message): Passage
}

/** Milliseconds after which a connection that swallows everything is given up. */
const SILENCE_MS = 40_000

const ENDED = new HuxinError('cancelled', text`the call has ended`)

type Status = { readonly code: number; readonly details: string; readonly metadata?: Metadata }

const unavailable: Status = {
  code: status.UNAVAILABLE,
  details: 'read ECONNRESET',
  metadata: new Metadata(),
}

/** A call under way, at its client. */
interface Flight {
  fail(why: Status): void
}

interface Listening {
  readonly options: Omit<WireServerOptions, 'material'>
  readonly identity: PeerIdentity
  readonly process: Process
  readonly methods: ReadonlyMap<string, BoundMethod>
  readonly links: Set<SimulatedLink>
  /** Calls that are answered now. */
  readonly under: Set<Promise<unknown>>
}

export class Network {
  readonly time: VirtualTime
  faults: NetworkFaults = { passage: () => ({ delayMs: 1 }) }
  /** Errors of handlers that are none of the table: each is a fault of the program. */
  readonly internalErrors: string[] = []
  readonly #listening = new Map<string, Listening>()

  constructor(time: VirtualTime) {
    this.time = time
  }

  /** The transport of a process, which shows this identity. */
  transport(process: Process, identity: PeerIdentity): Transport {
    const end: TransportEnd = {
      identity,
      listen: async (options) => this.#listen(process, identity, options),
      serveAudit: () =>
        Promise.reject(new HuxinError('config_invalid', text`a simulated network has no HTTPS`)),
      dial: (options) => new SimulatedLink(this, { process, identity, options }),
      reload: async () => undefined,
      close: () => undefined,
    }
    return { open: async () => end }
  }

  at(node: string | undefined): Listening | undefined {
    const listening = node === undefined ? undefined : this.#listening.get(node)
    return listening?.process.alive ? listening : undefined
  }

  /** The process of a node is gone: whoever called it hears that its connection broke. */
  broke(node: string): void {
    const listening = this.#listening.get(node)
    this.#listening.delete(node)
    for (const link of listening?.links ?? []) link.break()
  }

  #listen(
    process: Process,
    identity: PeerIdentity,
    options: Omit<WireServerOptions, 'material'>,
  ): Listener {
    const methods = new Map(
      options.services.flatMap(({ methods }) => methods.map((method) => [method.path, method])),
    )
    const listening: Listening = {
      options,
      identity,
      process,
      methods,
      links: new Set(),
      under: new Set(),
    }
    this.#listening.set(identity.nodeName, listening)
    return {
      port: 7_443,
      connectedPeers: () => [...listening.links].map((link) => link.identity),
      setAllServing: () => undefined,
      dropPeers: (refused) => {
        const dropped = [...listening.links].filter((link) => refused(link.identity))
        for (const link of dropped) link.break()
        return dropped.length
      },
      close: async (graceMs) => {
        if (this.#listening.get(identity.nodeName) === listening)
          this.#listening.delete(identity.nodeName)
        await Promise.race([Promise.allSettled([...listening.under]), this.time.sleep(graceMs)])
        for (const link of listening.links) link.break()
      },
    }
  }
}

interface LinkEnds {
  readonly process: Process
  readonly identity: PeerIdentity
  readonly options: Omit<WireChannelOptions, 'material'>
}

/** The connection that a child keeps to its parent. */
class SimulatedLink implements Link {
  readonly #network: Network
  readonly #ends: LinkEnds
  readonly #flights = new Set<Flight>()
  #server: Listening | undefined
  #closed = false

  constructor(network: Network, ends: LinkEnds) {
    this.#network = network
    this.#ends = ends
  }

  get identity(): PeerIdentity {
    return this.#ends.identity
  }

  client<M extends GenServiceMethods>(service: GenService<M>): TypedClient<M> {
    return Object.fromEntries(
      service.methods.map((method) => [
        method.localName,
        (
          request: MessageInitShape<DescMethod['input']>,
          how: { timeoutMs: number; signal?: AbortSignal },
        ) => this.#call(method, request, how),
      ]),
    ) as unknown as TypedClient<M>
  }

  review(): void {
    if (this.#server && this.#refusal(this.#server) !== undefined) this.break()
  }

  close(): void {
    this.#closed = true
    this.#server?.links.delete(this)
  }

  /** The connection ends, and with it every call on it. */
  break(): void {
    this.#server?.links.delete(this)
    this.#server = undefined
    for (const flight of [...this.#flights]) flight.fail(unavailable)
  }

  async #call(
    method: DescMethod,
    request: MessageInitShape<DescMethod['input']>,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<unknown> {
    const { process, options } = this.#ends
    if (this.#closed)
      throw new HuxinError('peer_unreachable', text`the channel to ${options.address} is closed`)
    if (signal?.aborted) throw new HuxinError('cancelled', text`the caller gave the call up`)
    const bytes = Buffer.from(encodeMessage(method.input, request))
    const answer = await process
      .hear(this.#fly(method, bytes, { timeoutMs, signal }))
      .catch((error: unknown) => {
        if (!isHuxinError(error) || !['peer_unreachable', 'deadline_exceeded'].includes(error.code))
          throw error
        throw new HuxinError(
          error.code,
          text`${options.expectedNodeName ?? 'node'} at ${options.address}: ${error.text}`,
          { details: error.details },
        )
      })
    return fromBinary(method.output, answer)
  }

  #fly(
    method: DescMethod,
    bytes: Uint8Array,
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
  ): Promise<Uint8Array> {
    const { time, faults } = this.#network
    const gaveUp = new AbortController()
    return new Promise<Uint8Array>((resolve, reject) => {
      const flight: Flight = {
        fail: (why) => {
          if (!this.#flights.delete(flight)) return
          gaveUp.abort(ENDED)
          cancel()
          forget?.()
          reject(
            errorOfStatus({
              code: why.code,
              details: why.details,
              metadata: why.metadata ?? new Metadata(),
            }),
          )
        },
      }
      const land = (answer: Uint8Array): void => {
        if (!this.#flights.delete(flight)) return
        cancel()
        forget?.()
        resolve(answer)
      }
      this.#flights.add(flight)
      const cancel = time.after(timeoutMs, () =>
        flight.fail({ code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded' }),
      )
      const forget =
        signal &&
        onAbort(signal, () =>
          flight.fail({ code: status.CANCELLED, details: 'Cancelled on client' }),
        )
      const passage = (way: Message['way']): Passage =>
        faults.passage({ child: this.identity.nodeName, path: pathOf(method), way })
      const there = passage('request')
      if (there.lost)
        return void time.after(there.lost === 'broken' ? there.delayMs : SILENCE_MS, () =>
          this.break(),
        )
      const arrive = (): void => {
        if (!this.#flights.has(flight) || !this.#ends.process.alive) return
        this.#serve(
          {
            path: pathOf(method),
            bytes,
            deadlineMs: time.nowMs + timeoutMs,
            signal: gaveUp.signal,
          },
          (answer) => {
            const back = passage('answer')
            if (back.lost)
              return void time.after(back.lost === 'broken' ? back.delayMs : SILENCE_MS, () =>
                this.break(),
              )
            time.after(back.delayMs, () =>
              answer instanceof Uint8Array ? land(answer) : flight.fail(answer),
            )
          },
        )
      }
      time.after(there.delayMs, arrive)
      if (there.againMs !== undefined) time.after(there.delayMs + there.againMs, arrive)
    })
  }

  /** What the parent makes of a request that arrived. */
  #serve(
    {
      path,
      bytes,
      deadlineMs,
      signal,
    }: { path: string; bytes: Uint8Array; deadlineMs: number; signal: AbortSignal },
    answer: (answer: Uint8Array | Status) => void,
  ): void {
    const server = this.#connect()
    if (typeof server === 'string') return answer({ code: status.UNAVAILABLE, details: server })
    const { options, methods, process } = server
    const reply = (what: Uint8Array | Status): void => {
      if (process.alive) answer(what)
    }
    const failed = (error: unknown): void => reply(this.#statusOf(options, path, error))
    try {
      options.authorize(this.identity, path)
    } catch (error) {
      return failed(error)
    }
    const method = methods.get(path)
    if (!method) return reply({ code: status.UNIMPLEMENTED, details: path })
    const doing = method.call(Uint8Array.from(bytes), {
      peer: this.identity,
      signal,
      deadlineMs,
      hold: () => undefined,
    })
    server.under.add(doing)
    const done = (): void => void server.under.delete(doing)
    doing.then(done, done)
    doing.then((response) => reply(Buffer.from(response)), failed)
  }

  /** The far end, connected when it was not; otherwise why there is none. */
  #connect(): Listening | string {
    const server = this.#network.at(this.#ends.options.expectedNodeName)
    if (!server) return 'connect ECONNREFUSED'
    if (this.#server === server) return server
    const refusal = this.#refusal(server)
    if (refusal !== undefined) return refusal
    this.#server = server
    server.links.add(this)
    return server
  }

  #refusal({ identity }: Listening): string | undefined {
    try {
      this.#ends.options.checkServer?.(identity)
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  #statusOf(options: Listening['options'], path: string, error: unknown): Status {
    if (isHuxinError(error)) return statusOfError(error)
    this.#network.internalErrors.push(
      `${path}: ${error instanceof Error ? error.stack : String(error)}`,
    )
    options.onInternalError?.(error, path)
    return statusOfError(
      new HuxinError('internal', text`${path} failed inside the server; see its log`),
    )
  }
}
