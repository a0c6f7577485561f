/** What the tests of this room share: certificates, a service to call, and bad networks between two ports. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'
import type { BudgetLimits } from '../../src/wire/budgets.ts'
import { WireChannel, type WireChannelOptions } from '../../src/wire/channel.ts'
import { WireServer, type WireServerOptions } from '../../src/wire/server.ts'
import { defineService, type Handlers, type ServiceBinding } from '../../src/wire/service.ts'
import { issuer } from './certificates.ts'

export const nodeName = 'zj.test/330000'
export const federation = issuer('zj.test')
export const hub = federation.node('330000')
export const county = federation.node('330825')

type RecordHandlers = Handlers<typeof RecordService.method>

const unused = (): Promise<never> =>
  Promise.reject(new HuxinError('not_found', 'not part of this test'))

/** RecordService with the handlers given; the others answer not_found. */
export function recordService(handlers: Partial<RecordHandlers> = {}): ServiceBinding {
  return defineService(RecordService, {
    publish: async (request) => ({ published: request.records.length }),
    amend: unused,
    getRecords: unused,
    getBatch: unused,
    listCatalog: unused,
    listRecognitions: unused,
    ...handlers,
  })
}

export const budgets: BudgetLimits = {
  connections: 100,
  connectionsPerPeer: 100,
  callsPerPeer: 300,
  bytes: 200 << 20,
  bytesPerPeer: 100 << 20,
}

export interface Refusal {
  readonly reason: string
  readonly remoteAddress: string
}

export interface TestServer {
  readonly server: WireServer
  readonly address: string
  readonly refusals: Refusal[]
  readonly internalErrors: unknown[]
}

export async function listen(options: Partial<WireServerOptions> = {}): Promise<TestServer> {
  const refusals: Refusal[] = []
  const internalErrors: unknown[] = []
  const server = await WireServer.listen({
    host: '127.0.0.1',
    port: 0,
    material: hub,
    services: [recordService()],
    authorize: () => undefined,
    budgets,
    standing: () => 'kin',
    clock: systemClock,
    log: { warn: () => undefined },
    onTlsRefused: (reason, remoteAddress) => refusals.push({ reason, remoteAddress }),
    onInternalError: (error) => internalErrors.push(error),
    ...options,
  })
  return { server, address: `127.0.0.1:${server.port}`, refusals, internalErrors }
}

export function dial(address: string, options: Partial<WireChannelOptions> = {}): WireChannel {
  return WireChannel.dial({
    address,
    expectedNodeName: nodeName,
    material: county,
    clock: systemClock,
    ...options,
  })
}

export const call = { timeoutMs: 20_000 }

/** Runs `steps`, then closes what was opened, whatever happened. */
export async function closing<T>(
  opened: readonly ({ close(): void } | TestServer)[],
  steps: () => Promise<T>,
): Promise<T> {
  try {
    return await steps()
  } finally {
    for (const one of opened) await ('server' in one ? one.server.close(0) : one.close())
  }
}

/** The code with which `promise` fails. */
export async function failure(promise: Promise<unknown>): Promise<HuxinError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof HuxinError) return error
  throw error
}

/** Resolves when `holds` does, asked at every turn of the event loop that brings something. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A clock that can be put forward. */
export function movableClock(): Clock & { aheadMs: number } {
  return {
    ...systemClock,
    aheadMs: 0,
    nowMs() {
      return systemClock.nowMs() + this.aheadMs
    },
  }
}

/** A TCP forwarder in front of a port, with the faults of networks. */
export class Relay {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #frozen = false
  #targetPort: number
  /** Connections cut for being idle. */
  cuts = 0
  /** Connections taken. */
  accepted = 0
  /** Chunks carried. */
  chunks = 0

  static async open(
    targetPort: number,
    options: { delayMs?: number; idleMsMax?: number; connectProxy?: ConnectProxy } = {},
    port = 0,
  ): Promise<Relay> {
    const relay = new Relay(targetPort, options)
    relay.#server.listen(port, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  private constructor(
    targetPort: number,
    options: { delayMs?: number; idleMsMax?: number; connectProxy?: ConnectProxy },
  ) {
    this.#targetPort = targetPort
    this.#server = createServer((near) => {
      this.accepted++
      if (options.connectProxy)
        near.once('data', (head) =>
          this.#tunnel(near, head.toString('latin1'), options.connectProxy!),
        )
      else this.#join(near, connect(this.#targetPort, '127.0.0.1'), options)
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections carried now. */
  get open(): number {
    return this.#pairs.size
  }

  /** Where later connections go. */
  aim(port: number): void {
    this.#targetPort = port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** From now on nothing passes, and nobody is told. */
  freeze(): void {
    this.#frozen = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** Carries new connections again. */
  thaw(): void {
    this.#frozen = false
  }

  /** Breaks what is connected. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #tunnel(near: Socket, head: string, proxy: ConnectProxy): void {
    proxy.requests.push(head)
    const target = /^CONNECT ([^\s:]+):(\d+) HTTP\/1\.1\r\n/.exec(head)
    if (!target || proxy.refuse) return void near.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const far = connect(Number(target[2]), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n')
      this.#join(near, far, {})
    })
  }

  #join(
    near: Socket,
    far: Socket,
    { delayMs = 0, idleMsMax = 0 }: { delayMs?: number; idleMsMax?: number },
  ): void {
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay()
      from.on('data', (chunk) => {
        this.chunks++
        if (this.#frozen) return
        if (delayMs === 0) to.write(chunk)
        else setTimeout(() => to.write(chunk), delayMs)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#pairs.delete(pair)
        to.destroy()
      })
      if (idleMsMax > 0)
        from.setTimeout(idleMsMax, () => {
          if (!from.destroyed && !to.destroyed) this.cuts++
          from.destroy()
          to.destroy()
        })
    }
    if (this.#frozen) this.freeze()
  }
}

export interface ConnectProxy {
  readonly requests: string[]
  readonly refuse?: boolean
}

export type { TlsMaterial }
