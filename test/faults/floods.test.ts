/**
 * Floods against nodes that run as an operator starts them, in a process of their own: what each may cost in memory, and that
 * honest callers are served meanwhile. Only loopback, and each bounded in number and time.
 */
import { readFile } from 'node:fs/promises'
import { connect as tcpConnect, type Socket } from 'node:net'
import { availableParallelism, loadavg } from 'node:os'
import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { HuxinError, isHuxinError } from '../../src/base/errors.ts'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import {
  ExchangeService,
  ReadBodiesRequestSchema,
  SubmitRequestSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { issueLeaf, validityDays } from '../../src/pki/issue.ts'
import type { PeerRole } from '../../src/pki/identity.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { DOMAIN, type Place } from '../support/federation.ts'
import { framed, Http2Peer } from '../support/http2-peer.ts'
import { NodeProcesses, until } from '../support/processes.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { tookMs } from '../support/own-time.ts'

const HUB = '330000'
const PLACES: readonly Place[] = [
  { id: HUB, tier: 'province', divisions: [HUB] },
  { id: '330100', tier: 'city', parent: HUB, divisions: ['330100'] },
  { id: '330700', tier: 'city', parent: HUB, divisions: ['330700'] },
]
const HEALTH = '/grpc.health.v1.Health/Check'
const READ_BODIES = '/huxin.v1.ExchangeService/ReadBodies'
const SUBMIT = '/huxin.v1.ExchangeService/Submit'
const GROWTH_MB_MAX = 300
const SERVED_MS_MAX = 2_000

/** One hub, an honest child and operator, and whoever floods it. */
class Ground {
  readonly processes: NodeProcesses
  readonly port: number
  readonly #pid: number
  readonly #child: WireChannel
  readonly #operator: WireChannel

  static async open(): Promise<Ground> {
    const processes = await NodeProcesses.setUp(PLACES)
    await processes.start(HUB)
    const child = WireChannel.dial({
      address: `127.0.0.1:${processes.port(HUB)}`,
      expectedNodeName: `${DOMAIN}/${HUB}`,
      material: await certificate(processes, 'city', 'node', '330700'),
      clock: systemClock,
      backoffMsMax: 200,
    })
    return new Ground(processes, child, await processes.operator(HUB))
  }

  private constructor(processes: NodeProcesses, child: WireChannel, operator: WireChannel) {
    this.processes = processes
    this.port = processes.port(HUB)
    this.#pid = processes.pid(HUB)
    this.#child = child
    this.#operator = operator
  }

  async memoryMb(): Promise<number> {
    return (
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${this.#pid}/status`, 'utf8'))![1]) / 1_024
    )
  }

  /** Milliseconds in which a child and an operator are served, both on connections of their own. @throws when one is not */
  async serve(): Promise<number> {
    const startedMs = systemClock.monotonicMs()
    await Promise.all([
      this.#child
        .client(ExchangeService)
        .recall({ protocol: 1_000, logOrigin: `${DOMAIN}/330700/1` }, { timeoutMs: 10_000 }),
      this.#operator.client(AdminService).getStatus({}, { timeoutMs: 10_000 }),
    ])
    return systemClock.monotonicMs() - startedMs
  }

  /** What a node says first when it connects. */
  async recall(material: TlsMaterial): Promise<void> {
    const channel = WireChannel.dial({
      address: `127.0.0.1:${this.port}`,
      expectedNodeName: `${DOMAIN}/${HUB}`,
      material,
      clock: systemClock,
    })
    await channel
      .client(ExchangeService)
      .recall(
        { protocol: 1_000, logOrigin: `${material.identity.nodeName}/1` },
        { timeoutMs: 10_000 },
      )
      .finally(() => channel.close())
  }

  /** The same over connections that are made now. */
  async serveAnew(): Promise<number> {
    const channel = await this.processes.operator(HUB)
    const startedMs = systemClock.monotonicMs()
    await channel
      .client(AdminService)
      .getStatus({}, { timeoutMs: 10_000 })
      .finally(() => channel.close())
    return systemClock.monotonicMs() - startedMs
  }

  close(): void {
    this.#child.close()
    this.#operator.close()
  }
}

async function certificate(
  processes: NodeProcesses,
  tier: string,
  role: PeerRole,
  nodeId: string,
  name = '',
): Promise<TlsMaterial> {
  const { folder } = processes.federation.pki
  const issuer = {
    certificatePem: await readFile(`${folder}/ca-${tier}.crt`, 'utf8'),
    keyPem: await readFile(`${folder}/ca-${tier}.key`, 'utf8'),
  }
  const validity = validityDays(systemClock.nowMs(), 30)
  const { certificatePem, keyPem } = issueLeaf({
    issuer,
    role,
    trustDomain: DOMAIN,
    nodeId,
    name,
    validity,
    random: systemRandom,
  })
  return {
    certificateChainPem: certificatePem + issuer.certificatePem,
    keyPem,
    rootsPem: [await readFile(`${folder}/root.crt`, 'utf8')],
    notAfterMs: validity.toMs,
    identity: {
      trustDomain: DOMAIN,
      role,
      nodeId,
      name,
      serial: '',
      issuer: '',
      notBeforeMs: validity.fromMs,
      notAfterMs: validity.toMs,
      nodeName: `${DOMAIN}/${nodeId}`,
    },
  }
}

t.test('floods', async (t) => {
  const ground = await Ground.open()
  t.teardown(() => ground.processes.tearDown())
  t.teardown(() => ground.close())
  const stranger = await certificate(ground.processes, 'county', 'client', '330782', 'x')
  const department = await certificate(ground.processes, 'province', 'client', HUB, 'bench')
  const city = await certificate(ground.processes, 'city', 'node', '330100')
  // The hub signs when its children have shown what they saw.
  for (const material of [city, await certificate(ground.processes, 'city', 'node', '330700')])
    await ground.recall(material)
  await ground.serve()

  /** Runs a flood, and looks meanwhile what it costs and who is served. */
  const bears = (
    title: string,
    flood: (opened: (peer: Http2Peer) => Http2Peer) => Promise<unknown>,
  ): Promise<unknown> =>
    t.test(title, async (t) => {
      const beforeMb = await ground.memoryMb()
      // Where others take the processors, too, everything takes longer.
      const servedMsMax = SERVED_MS_MAX * Math.max(1, loadavg()[0]! / availableParallelism())
      const peers: Http2Peer[] = []
      let over = false
      let peakMb = 0
      let slowestMs = 0
      const watch = (async () => {
        while (!over) {
          peakMb = Math.max(peakMb, await ground.memoryMb())
          slowestMs = Math.max(slowestMs, await ground.serve(), await ground.serveAnew())
        }
      })()
      // It is awaited below; until then its failure is nobody's.
      watch.catch(() => undefined)
      try {
        await flood((peer) => {
          peers.push(peer)
          return peer
        })
        slowestMs = Math.max(slowestMs, await ground.serveAnew())
        peakMb = Math.max(peakMb, await ground.memoryMb())
      } finally {
        over = true
        await watch
        for (const peer of peers) peer.close()
      }
      t.ok(
        peakMb - beforeMb < GROWTH_MB_MAX,
        `memory ${Math.round(beforeMb)} → ${Math.round(peakMb)} MB`,
      )
      t.ok(slowestMs < servedMsMax, `child and operator were served in ${Math.round(slowestMs)} ms`)
      t.comment(
        `${Math.round(beforeMb)} → ${Math.round(peakMb)} MB, slowest ${Math.round(slowestMs)} ms`,
      )
    })

  for (const [who, material, path] of [
    ['a client of elsewhere', stranger, HEALTH],
    ['a client of this node', department, '/huxin.v1.RecordService/Publish'],
    ['a child', city, SUBMIT],
  ] as const) {
    await bears(`half messages of 4 MiB on 200 streams of ${who}`, async (opened) => {
      for (let connection = 0; connection < 2; connection++) {
        const peer = opened(await Http2Peer.open(ground.port, material))
        const halves = Array.from(
          { length: 100 },
          () => peer.half(path, (4 << 20) - 64, 2_000_000).answer,
        )
        // All but what fits into the budget is answered.
        let answered = 0
        for (const half of halves) void half.then(() => answered++)
        await until(
          () => `${answered} of 100 were refused`,
          () => answered >= 60,
        )
      }
    })
  }

  await t.test('bulk records wait at the hub for the city that floods it', async () => {
    const client = await ground.processes.client(HUB, { retryForMs: 5_000 })
    for (let i = 0; i < 6; i++)
      await client.publish({
        item: INDUSTRY_ITEM,
        targets: ['330100'],
        batchClass: 'bulk',
        records: many(8_000, (n) => industryRecord(n, { prefix: `flood${i}` })),
      })
    client.close()
  })

  await bears('600 pages that a child asks for and never reads', async (opened) => {
    const request = toBinary(
      ReadBodiesRequestSchema,
      create(ReadBodiesRequestSchema, {
        batchClass: 'bulk',
        start: 0n,
        bytesMax: 3_500_000,
        waitMs: 0,
      }),
    )
    let refused = 0
    for (let connection = 0; connection < 3; connection++) {
      const peer = opened(await Http2Peer.open(ground.port, city, { windowBytes: 0 }))
      for (let i = 0; i < 200; i++)
        void peer.unary(READ_BODIES, request).then(({ status }) => status === 8 && refused++)
    }
    await until(
      () => `${refused} of 600 were refused`,
      () => refused >= 500,
    )
  })

  await bears(
    '120 numbered calls of a child that wait for one that never comes',
    async (opened) => {
      const message = toBinary(
        SubmitRequestSchema,
        create(SubmitRequestSchema, {
          packages: [{ header: new Uint8Array(1), body: new Uint8Array(4_000_000) }],
          series: 's',
          number: 100,
        }),
      )
      let refused = 0
      for (let connection = 0; connection < 2; connection++) {
        const peer = opened(await Http2Peer.open(ground.port, city))
        for (let i = 0; i < 60; i++)
          void peer.unary(SUBMIT, message).then(({ status }) => status === 8 && refused++)
      }
      await until(
        () => `${refused} of 120 were refused`,
        () => refused >= 90,
      )
    },
  )

  await bears('gzip bombs of every caller', async (opened) => {
    for (const material of [stranger, department, city]) {
      const peer = opened(await Http2Peer.open(ground.port, material))
      const bomb = framed(gzipSync(Buffer.alloc(32 << 20)), true)
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => {
          const { stream, answer } = peer.call(material === city ? SUBMIT : HEALTH, {
            'grpc-encoding': 'gzip',
          })
          stream.resume()
          stream.end(bomb)
          return answer
        }),
      )
      t.ok(
        answers.every(({ status }) => status === 12),
        'compressed requests are refused',
      )
    }
  })

  await bears('1,000 watchers of health and 1,000 long polls', async (opened) => {
    const poll = toBinary(
      ReadBodiesRequestSchema,
      create(ReadBodiesRequestSchema, {
        batchClass: 'normal',
        start: 1_000n,
        bytesMax: 1_000,
        waitMs: 45_000,
      }),
    )
    for (const [material, path, request] of [
      [department, '/grpc.health.v1.Health/Watch', Buffer.alloc(0)],
      [city, READ_BODIES, poll],
    ] as const) {
      for (let connection = 0; connection < 4; connection++) {
        const peer = opened(await Http2Peer.open(ground.port, material, { windowBytes: 0 }))
        for (let i = 0; i < 250; i++) void peer.unary(path, request)
      }
    }
  })

  await bears(
    '120 connections of one certificate, of elsewhere and of this node',
    async (opened) => {
      for (const [material, most] of [
        [stranger, 4],
        [department, 16],
      ] as const) {
        const peers: Http2Peer[] = []
        for (let i = 0; i < 60; i += 20)
          peers.push(
            ...(await Promise.all(
              Array.from({ length: 20 }, async () =>
                opened(await Http2Peer.open(ground.port, material)),
              ),
            )),
          )
        await until(
          () => `${peers.filter((peer) => peer.open).length} are open`,
          () => peers.filter((peer) => peer.open).length <= most,
        )
      }
    },
  )

  await bears('1,100 silent TCP connections that are opened again as they are closed', async () => {
    const silent = new Set<Socket>()
    let holding = true
    let again = 0
    const hold = (): void => {
      if (!holding) return
      const socket = tcpConnect(ground.port, '127.0.0.1')
      silent.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        silent.delete(socket)
        again++
        setTimeout(hold, 50)
      })
    }
    for (let i = 0; i < 1_100; i++) hold()
    await until(
      () => `${again} were closed`,
      () => again > 1_000,
    )
    for (let i = 0; i < 5; i++) await ground.serveAnew()
    holding = false
    for (const socket of silent) socket.destroy()
  })

  await t.test(
    'nothing is left of them: the node serves, and ends at once when it is told',
    async (t) => {
      const found = await (
        await ground.processes.client(HUB)
      )
        .getRecords({ recordId: 'flood0-1' })
        .catch((error: unknown) =>
          isHuxinError(error) ? error : new HuxinError('internal', String(error)),
        )
      t.notOk(found instanceof HuxinError, found instanceof HuxinError ? found.message : 'found')
      t.ok((await tookMs(() => ground.processes.kill(HUB, 'SIGTERM'))) < 10_000)
      t.match(ground.processes.said(HUB), 'stopped')
    },
  )
})
