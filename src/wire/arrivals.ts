/**
 * TCP connections before their handshake is done, when nobody knows whose they are. They have a table of
 * their own beside the established ones, so that a flood of them fills nothing else. A connection gets a TLS
 * socket only with its first byte: until then it costs a file handle and a few kilobytes.
 *
 * When the table is full for an address or for all, the oldest connection goes that has said nothing;
 * where all have begun to speak, the oldest of them. An honest caller speaks at once and is through
 * after two round trips, so it gets in while a flood keeps the table full.
 */
import type { Server, Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { interceptConnections } from './grpc-internals.ts'

export interface ArrivalsOptions {
  /** Connections in handshake from one address (IPv6: one network of 64 bits). */
  readonly perAddress: number
  /** Connections in handshake, of all addresses. */
  readonly all: number
  /** Milliseconds from TCP accept to the first byte; the handshake has a time of its own. */
  readonly silentMs: number
  readonly clock: Clock
  /** A connection went before its handshake was done. */
  onDropped(reason: string, remoteAddress: string): void
}

interface Arrival {
  readonly socket: Socket
  readonly address: string
  spoke: boolean
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  readonly #sockets = new Map<Socket, Arrival>()
  /** In order of arrival. */
  readonly #byAddress = new Map<string, Set<Arrival>>()

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** Connections in handshake. */
  get size(): number {
    return this.#sockets.size
  }

  /** Stands before the TLS of `server`; call it before connections come. */
  watch(server: Server): void {
    interceptConnections(server, (socket, proceed) => this.#arrive(socket, proceed))
  }

  /** The handshake of a connection is done, or the connection is refused. */
  settle(socket: Socket): void {
    const arrival = this.#sockets.get(socket)
    if (!arrival) return
    this.#sockets.delete(socket)
    const same = this.#byAddress.get(arrival.address)
    same?.delete(arrival)
    if (same?.size === 0) this.#byAddress.delete(arrival.address)
  }

  /** Ends what has not finished its handshake. */
  close(): void {
    for (const socket of [...this.#sockets.keys()]) socket.destroy()
  }

  #arrive(socket: Socket, proceed: () => void): void {
    const arrival: Arrival = {
      socket,
      address: networkOf(socket.remoteAddress ?? ''),
      spoke: false,
    }
    const same = this.#byAddress.get(arrival.address) ?? new Set()
    if (same.size >= this.#options.perAddress) this.#drop(same)
    else if (this.#sockets.size >= this.#options.all) this.#drop(this.#largest())
    this.#sockets.set(socket, arrival)
    this.#byAddress.set(arrival.address, same.add(arrival))
    const cancel = this.#options.clock.after(this.#options.silentMs, () => this.#silent(arrival))
    socket.once('close', () => {
      cancel()
      this.settle(socket)
    })
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      cancel()
      if (socket.destroyed || socket.readableLength === 0) return void socket.destroy()
      arrival.spoke = true
      proceed()
    })
  }

  #silent(arrival: Arrival): void {
    this.#options.onDropped('nothing was said in time', arrival.socket.remoteAddress ?? '')
    arrival.socket.destroy()
  }

  #drop(among: ReadonlySet<Arrival>): void {
    let oldest: Arrival | undefined
    for (const arrival of among) {
      oldest ??= arrival
      if (arrival.spoke) continue
      oldest = arrival
      break
    }
    if (!oldest) return
    this.#options.onDropped('too many connections in handshake', oldest.socket.remoteAddress ?? '')
    this.settle(oldest.socket)
    oldest.socket.destroy()
  }

  /** Those of the address that has the most. */
  #largest(): ReadonlySet<Arrival> {
    let largest: ReadonlySet<Arrival> = new Set()
    for (const same of this.#byAddress.values()) if (same.size > largest.size) largest = same
    return largest
  }
}

/** IPv4 as it is; of IPv6 the first 64 bits, which one subscriber has for itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped) return mapped[1]!
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const zeros =
    tail === undefined
      ? 0
      : 8 - groups.length - tail.split(':').filter((group) => group !== '').length
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...(tail ?? '').split(':')]
    .slice(0, 4)
    .join(':')
}
