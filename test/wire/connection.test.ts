import { getEventListeners, once } from 'node:events'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Server } from '@grpc/grpc-js'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { limits } from '../../src/base/limits.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { http2ServersOf, losesChains } from '../../src/wire/grpc-internals.ts'
import { issuer } from './certificates.ts'
import {
  call,
  closing,
  county,
  dial,
  failure,
  federation,
  hub,
  listen,
  recordService,
  Relay,
  until,
} from './testbed.ts'
import { tookMs } from '../support/own-time.ts'

t.test('certificates of both sides are replaced without disturbing open connections', async (t) => {
  const serials: string[] = []
  let finish = (): void => undefined
  const opened = await listen({
    services: [
      recordService({
        publish: async (_request, { peer }) => ({ existing: serials.push(peer.serial) }),
        getBatch: () =>
          new Promise((resolve) => {
            finish = () => resolve({ bodyState: 'held' })
          }),
      }),
    ],
  })
  const channel = dial(opened.address)
  const client = channel.client(RecordService)
  const next = issuer('zj.test')
  const newHub = next.node('330000')
  const newCounty = next.node('330825')
  await closing([channel, opened], async () => {
    await client.publish({}, call)
    const waiting = client.getBatch({}, call)
    opened.server.updateMaterial({ ...newHub, rootsPem: [...hub.rootsPem, ...newHub.rootsPem] })
    await client.publish({}, call)
    t.equal(opened.server.connectedPeers().length, 1, 'the connection stays')

    channel.updateMaterial({ ...newCounty, rootsPem: newCounty.rootsPem })
    await client.publish({}, call)
    finish()
    t.equal((await waiting).bodyState, 'held', 'a call in progress ends on the old connection')
    t.same(serials, [county.identity.serial, county.identity.serial, newCounty.identity.serial])

    const old = dial(opened.address)
    t.equal(
      (await failure(old.client(RecordService).publish({}, call))).code,
      'peer_unreachable',
      'a client that pins only the old root',
    )
    old.close()

    t.throws(() => opened.server.updateMaterial({ ...hub, keyPem: county.keyPem }), {
      code: 'config_invalid',
    })
    t.throws(() => channel.updateMaterial({ ...county, keyPem: hub.keyPem }), {
      code: 'config_invalid',
    })
    await client.publish({}, call)
    const another = dial(opened.address, { material: newCounty })
    await another.client(RecordService).publish({}, call)
    another.close()
    t.equal(serials.length, 5, 'the last good material stays in use')
  })
})

t.test(
  'dropping a peer closes its connections and no other, and it comes back by itself',
  async (t) => {
    const opened = await listen()
    const [a, b] = [
      dial(opened.address),
      dial(opened.address, { material: federation.node('330100') }),
    ]
    await closing([a, b, opened], async () => {
      await a.client(RecordService).publish({}, call)
      await b.client(RecordService).publish({}, call)
      opened.server.dropPeers(({ nodeName }) => nodeName === 'zj.test/330825')
      await until(() => a.state !== 'ready')
      t.match(opened.server.connectedPeers(), [{ nodeName: 'zj.test/330100' }])
      t.equal(b.state, 'ready')
      await a.client(RecordService).publish({}, call)
      opened.server.dropPeers(({ serial }) => serial === county.identity.serial)
      await until(() => a.state !== 'ready')
      t.equal(opened.server.connectedPeers().length, 1)
    })
  },
)

t.test('a channel connects through an HTTP CONNECT proxy', async (t) => {
  const opened = await listen()
  const requests: string[] = []
  const proxy = await Relay.open(0, { connectProxy: { requests } })
  const refusing = await Relay.open(0, { connectProxy: { requests: [], refuse: true } })
  const channel = dial(opened.address, { proxy: `http://county:s%40cret@${proxy.address}` })
  const refused = dial(opened.address, { proxy: `http://${refusing.address}` })
  await closing([channel, refused, opened, proxy, refusing], async () => {
    t.equal(
      (await channel.client(RecordService).publish({ records: [Uint8Array.of(1)] }, call))
        .published,
      1,
    )
    t.match(
      requests[0],
      new RegExp(`^CONNECT 127\\.0\\.0\\.1:${opened.server.port} HTTP/1\\.1\\r\\n`),
    )
    t.match(
      requests[0],
      `Proxy-Authorization: Basic ${Buffer.from('county:s@cret').toString('base64')}`,
    )
    t.equal(
      (await failure(refused.client(RecordService).publish({}, call))).code,
      'peer_unreachable',
    )
  })
})

t.test('proxies named by the environment are not used', async (t) => {
  const opened = await listen()
  const proxy = await Relay.open(0, { connectProxy: { requests: [], refuse: true } })
  process.env['https_proxy'] = `http://${proxy.address}`
  const channel = dial(opened.address)
  await closing([channel, opened, proxy], async () => {
    await channel.client(RecordService).publish({}, call)
    t.equal(proxy.accepted, 0)
  })
  delete process.env['https_proxy']
})

t.test('pings keep a connection that a middlebox would cut for being idle', async (t) => {
  const opened = await listen()
  const middlebox = await Relay.open(opened.server.port, { idleMsMax: 400 })
  const silent = dial(middlebox.address, { keepaliveMs: 60_000 })
  await closing([silent, opened, middlebox], async () => {
    await silent.client(RecordService).publish({}, call)
    await until(() => middlebox.cuts === 1)
    t.pass('without pings it is cut')

    const pinging = dial(middlebox.address, { keepaliveMs: 100 })
    await pinging.client(RecordService).publish({}, call)
    const carried = middlebox.chunks
    await until(() => middlebox.chunks >= carried + 16)
    t.equal(middlebox.cuts, 1, 'eight pings long nothing was cut')
    t.equal(pinging.state, 'ready')
    pinging.close()

    await silent.client(RecordService).publish({}, call)
    t.pass('a channel whose connection was cut connects again on the next call')
  })
})

t.test(
  'a connection that swallows everything fails its calls after the ping timeout',
  async (t) => {
    const opened = await listen({
      services: [recordService({ getBatch: () => new Promise(() => undefined) })],
    })
    const relay = await Relay.open(opened.server.port)
    const channel = dial(relay.address, { keepaliveMs: 100, keepaliveTimeoutMs: 100 })
    await closing([channel, opened, relay], async () => {
      await channel.client(RecordService).publish({}, call)
      const waiting = failure(channel.client(RecordService).getBatch({}, { timeoutMs: 600_000 }))
      relay.freeze()
      t.equal((await waiting).code, 'peer_unreachable')
    })
  },
)

t.test('a connection that hangs half-way is given up and begun anew', async (t) => {
  const opened = await listen()
  const relay = await Relay.open(opened.server.port)
  relay.freeze()
  const channel = dial(relay.address, { connectTimeoutMs: 200, backoffMsMax: 50 })
  await closing([channel, opened, relay], async () => {
    t.equal(
      (await failure(channel.client(RecordService).publish({}, { timeoutMs: 600_000 }))).code,
      'peer_unreachable',
    )
    relay.thaw()
    t.equal((await channel.client(RecordService).publish({}, call)).published, 0)
    t.ok(relay.accepted >= 2)
  })
})

t.test('a channel comes back when its server does, on the same port', async (t) => {
  const first = await listen()
  const { port } = first.server
  const channel = dial(first.address, { backoffMsMax: 50 })
  const client = channel.client(RecordService)
  await client.publish({}, call)
  await first.server.close(0)
  t.equal((await failure(client.publish({}, call))).code, 'peer_unreachable')
  const second = await listen({ port })
  await closing([channel, second], async () => {
    let failures = 0
    for (;;) {
      const error = await client.publish({}, call).then(
        () => undefined,
        (reason: unknown) => reason as { code: string },
      )
      if (!error) break
      t.equal(error.code, 'peer_unreachable')
      failures++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.ok(failures < 100)
    t.equal(channel.state, 'ready')
  })
})

t.test(
  'a closed channel leaves no connection, even when its server comes back later',
  async (t) => {
    const opened = await listen()
    const gone = await Relay.open(opened.server.port)
    const { address, port } = gone
    gone.close()
    const channel = dial(address, { backoffMsMax: 200 })
    await failure(channel.client(RecordService).publish({}, call))
    channel.close()
    const relay = await Relay.open(opened.server.port, {}, port)
    await closing([opened, relay], async () => {
      await until(() => relay.accepted === 1)
      await until(() => relay.open === 0)
      t.same(opened.server.connectedPeers(), [])
    })
  },
)

t.test('listeners on a long-lived signal do not pile up', async (t) => {
  const opened = await listen()
  const channel = dial(opened.address)
  const { signal } = new AbortController()
  await closing([channel, opened], async () => {
    for (let i = 0; i < 20; i++)
      await channel.client(RecordService).publish({}, { ...call, signal })
    t.ok(getEventListeners(signal, 'abort').length <= 1)
  })
})

t.test('windows are wide both ways: far more passes per round trip than 64 KiB', async (t) => {
  const size = 3_000_000
  const opened = await listen({
    services: [recordService({ getBatch: async () => ({ entries: [new Uint8Array(size)] }) })],
  })
  const relay = await Relay.open(opened.server.port, { delayMs: 20 })
  const channel = dial(relay.address)
  const client = channel.client(RecordService)
  await closing([channel, opened, relay], async () => {
    await client.publish({}, call)
    const begin = performance.now()
    await client.publish({}, call)
    const roundTripMs = performance.now() - begin
    t.ok(roundTripMs >= 40)
    const up = await tookMs(() =>
      Promise.all(
        Array.from({ length: 4 }, () => client.publish({ records: [new Uint8Array(size)] }, call)),
      ),
    )
    const down = await tookMs(() =>
      Promise.all(Array.from({ length: 4 }, () => client.getBatch({}, call))),
    )
    const narrowMs = ((4 * size) / 65_535) * roundTripMs
    t.ok(
      up < narrowMs / 5,
      `up: ${Math.round(up)} ms, a 64 KiB window would take ${Math.round(narrowMs)} ms`,
    )
    t.ok(down < narrowMs / 5, `down: ${Math.round(down)} ms`)
  })
})

t.test(
  'releases of Node.js that lose the certificates of callers are known, and this one does not',
  async (t) => {
    t.same(
      [
        '20.19.0',
        '20.20.2',
        '22.23.3',
        '24.20.0',
        '24.21.0',
        '24.21.1',
        '26.8.0',
        '26.8.2',
        '26.9.0',
      ].filter(losesChains),
      ['24.21.0', '26.8.0', '26.8.2'],
    )
    const opened = await listen()
    const channel = dial(opened.address)
    await closing([channel, opened], async () => {
      await channel.client(RecordService).publish({}, call)
      t.match(
        opened.server.connectedPeers().map(({ issuer }) => issuer),
        [/^[0-9a-f]{64}$/],
      )
    })
  },
)

t.test('grpc-js still has the internals that this room uses', async (t) => {
  const opened = await listen()
  const channel = dial(opened.address)
  await closing([channel, opened], async () => {
    t.throws(() => http2ServersOf(new Server()), /http2Servers/)
    await channel.client(RecordService).publish({}, call)
    t.equal(opened.server.connectedPeers().length, 1, 'sessions are seen and calls find theirs')
    t.equal(limits.windowBytes, 4_194_304)
  })
})

t.test(
  'a call on a connection that its server closes in order is answered, and the next one goes over a new connection',
  async (t) => {
    let sessions = 0
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const server = createSecureServer({
      cert: hub.certificateChainPem,
      key: hub.keyPem,
      ca: [...hub.rootsPem],
      requestCert: true,
    })
    server.on('session', () => sessions++)
    server.on('stream', (stream, headers) => {
      const answer = (): void => {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc' },
          { waitForTrailers: true },
        )
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.alloc(5))
      }
      stream.on('error', () => undefined).resume()
      if (headers[':path']!.endsWith('/GetRecords')) return answer()
      stream.session!.goaway(0)
      void finished.then(answer)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const channel = dial(`127.0.0.1:${(server.address() as AddressInfo).port}`, {
      keepaliveMs: 100,
      keepaliveTimeoutMs: 100,
    })
    await closing([channel, { close: () => server.close() }], async () => {
      const client = channel.client(RecordService)
      const slow = client.getBatch({}, call)
      await until(() => sessions === 1)
      // Pings fall due meanwhile, several times.
      const startedMs = systemClock.monotonicMs()
      let fresh = 0
      while (systemClock.monotonicMs() - startedMs < 600)
        fresh += (await client.getRecords({}, call)).records.length === 0 ? 1 : 0
      t.ok(fresh > 0)
      t.equal(sessions, 2)
      finish()
      t.equal((await slow).bodyState, '')
    })
  },
)
