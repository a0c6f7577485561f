import { connect as tcpConnect, createServer, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { once } from 'node:events'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { networkOf } from '../../src/wire/arrivals.ts'
import { type Account, Budgets } from '../../src/wire/budgets.ts'
import { type Answer, Http2Peer } from '../support/http2-peer.ts'
import {
  budgets,
  call,
  closing,
  county,
  dial,
  failure,
  federation,
  listen,
  nodeName,
  recordService,
  until,
} from './testbed.ts'
import { tookMs } from '../support/own-time.ts'

const PUBLISH = '/huxin.v1.RecordService/Publish'
const BATCH = '/huxin.v1.RecordService/GetBatch'
const HEALTH = '/grpc.health.v1.Health/Check'
const department = federation.client('330000', 'loans')
const stranger = federation.client('330782', 'x')
const offered = (peer: Http2Peer): number => peer.session.remoteSettings.maxConcurrentStreams!
const standing = ({
  nodeName: node,
  role,
}: {
  nodeName: string
  role: string
}): 'kin' | 'own' | 'foreign' => (role === 'node' ? 'kin' : node === nodeName ? 'own' : 'foreign')

t.test('a budget keeps a reserve for kin, a tenth for strangers, and counts exactly', (t) => {
  const all = new Budgets({
    connections: 100,
    connectionsPerPeer: 90,
    callsPerPeer: 20,
    bytes: 90,
    bytesPerPeer: 50,
  })
  const takeAll = (account: Account, resource: 'connections' | 'calls' | 'bytes'): number => {
    let taken = 0
    while (all.take(account, resource, 1)) taken++
    return taken
  }
  const own = all.account('own', 'own')
  const other = all.account('other', 'own')
  const child = all.account('child', 'kin')
  const strangers = ['a', 'b', 'c', 'd'].map((name) => all.account(name, 'foreign'))
  t.same(
    strangers.map((account) => takeAll(account, 'connections')),
    [4, 4, 2, 0],
  )
  t.equal(takeAll(own, 'connections'), 74, "of 100, sixteen are kept and ten are the strangers'")
  t.equal(takeAll(other, 'connections'), 0)
  t.equal(takeAll(child, 'connections'), 16)
  t.same(
    [takeAll(own, 'calls'), takeAll(other, 'calls'), takeAll(strangers[0]!, 'calls')],
    [40, 40, 32],
    'calls are counted by caller, and taken up to twice what is offered',
  )
  t.equal(takeAll(own, 'bytes'), 50)
  t.equal(takeAll(other, 'bytes'), 10, 'a third of all bytes is kept')
  t.equal(takeAll(child, 'bytes'), 30)
  all.account('own', 'kin')
  t.equal(own.standing, 'kin')
  t.equal(takeAll(other, 'bytes'), 0, 'the whole is taken')
  all.give(own, 'bytes', 50)
  t.equal(
    takeAll(other, 'bytes'),
    40,
    'what one gave back is there for others, up to what one may have',
  )
  for (const [account, [connections, calls, bytes]] of [
    [own, [74, 40, 0]],
    [other, [0, 40, 50]],
    [child, [16, 0, 30]],
    ...strangers.map((account, i) => [account, [[4, 4, 2, 0][i]!, i === 0 ? 32 : 0, 0]] as const),
  ] as const) {
    all.give(account, 'connections', connections)
    all.give(account, 'calls', calls)
    all.give(account, 'bytes', bytes)
  }
  t.same([all.size, all.bytes], [0, 0], 'nothing is left of who has gone')
  t.end()
})

t.test('one network is one address', (t) => {
  t.same(
    [
      '10.0.0.1',
      '::ffff:10.0.0.1',
      '2001:db8:1:2:3:4:5:6',
      '2001:db8:1:2::9',
      '::1',
      'fe80::1%eth0',
      '',
    ].map(networkOf),
    ['10.0.0.1', '10.0.0.1', '2001:db8:1:2', '2001:db8:1:2', '0:0:0:0', 'fe80:0:0:0', ''],
  )
  t.end()
})

t.test('a compressed request is refused before it is read, in every encoding', async (t) => {
  const opened = await listen({ standing })
  const peer = await Http2Peer.open(opened.server.port, county)
  await closing([peer, opened], async () => {
    for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip', '']) {
      const { status, message, details } = await peer.unary(
        PUBLISH,
        gzipSync(Buffer.alloc(1_000)),
        { 'grpc-encoding': encoding },
      )
      t.equal(status, 12, encoding)
      t.match(message, 'the request is compressed')
      t.match(details, 'COMPRESSION_REFUSED')
    }
    t.equal((await peer.unary(PUBLISH, Buffer.alloc(0), { 'grpc-encoding': 'identity' })).status, 0)
  })
})

t.test(
  'a message over its limit is refused with our code as soon as it is announced, one to health above a few kilobytes',
  async (t) => {
    const opened = await listen({ standing })
    const peer = await Http2Peer.open(opened.server.port, department)
    await closing([peer, opened], async () => {
      for (const [path, announced, sent] of [
        [PUBLISH, 4_500_000, 0],
        [PUBLISH, 0xffff_ffff, 0],
        [HEALTH, 5_000, 0],
        [HEALTH, 4_000, 8_000],
      ] as const) {
        const { status, details } = await peer.half(path, announced, sent).answer
        t.equal(status, 8, `${path} ${announced}`)
        t.match(details, 'MESSAGE_TOO_LARGE')
      }
      t.equal((await peer.unary(HEALTH, Buffer.alloc(0))).status, 0)
    })
  },
)

t.test(
  'a client that makes many calls at once meets no refusal: it is offered what is taken, and queues the rest itself',
  async (t) => {
    let most = 0
    const opened = await listen({
      standing,
      budgets: { ...budgets, callsPerPeer: 24 },
      services: [
        recordService({
          getBatch: async () => {
            most = Math.max(most, opened.server.held.calls)
            for (let i = 0; i < 5; i++) await systemClock.turn()
            return {}
          },
        }),
      ],
    })
    const peers = [
      await Http2Peer.open(opened.server.port, department),
      await Http2Peer.open(opened.server.port, stranger),
    ]
    await closing([{ close: () => peers.forEach((peer) => peer.close()) }, opened], async () => {
      const statuses = (peer: Http2Peer): Promise<(number | undefined)[]> =>
        Promise.all(
          Array.from(
            { length: 201 },
            async () => (await peer.unary(BATCH, Buffer.alloc(0))).status,
          ),
        )
      const all = Array.from({ length: 201 }, () => 0)
      t.same(await statuses(peers[0]!), all)
      t.ok(most > 16 && most <= 24, `${most} at once`)
      t.same(peers.map(offered), [24, 16], 'a stranger is offered less')
      t.same(await statuses(peers[1]!), all)
      const early = statuses(peers[0]!)
      peers.push(
        await Http2Peer.open(opened.server.port, department),
        await Http2Peer.open(opened.server.port, department),
      )
      t.same((await Promise.all([early, ...peers.slice(2).map(statuses)])).flat(), [
        ...all,
        ...all,
        ...all,
      ])
      await until(() => offered(peers[0]!) === 8)
      t.same(peers.map(offered), [8, 16, 8, 8], 'several connections share what one may have')
      peers[3]!.close()
      await until(() => offered(peers[0]!) === 12)
    })
  },
)

t.test(
  'calls under way have a limit for each caller, whatever its connections, and others are served',
  async (t) => {
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const opened = await listen({
      standing,
      budgets: { ...budgets, callsPerPeer: 10 },
      services: [recordService({ getBatch: () => finished.then(() => ({})) })],
    })
    const peers: Http2Peer[] = []
    const honest = dial(opened.address)
    await closing(
      [{ close: () => peers.forEach((peer) => peer.close()) }, honest, opened],
      async () => {
        const waiting: Promise<Answer>[] = []
        // Each connection uses what it is offered at first, and none gives way to the next.
        for (let taken = 0, of = 1; taken < 20; of++) {
          const peer = await Http2Peer.open(opened.server.port, department)
          peers.push(peer)
          for (let i = 0; i < Math.floor(10 / of) && taken < 20; i++, taken++)
            waiting.push(peer.unary(BATCH, Buffer.alloc(0)))
          await until(() => opened.server.held.calls === taken)
        }
        const last = await Http2Peer.open(opened.server.port, department)
        peers.push(last)
        const refused = await last.unary(PUBLISH, Buffer.alloc(0))
        t.equal(refused.status, 8)
        t.match(refused.message, 'has 20 calls under way, at most 20')
        t.equal((await honest.client(RecordService).publish({}, call)).published, 0)
        finish()
        t.ok((await Promise.all(waiting)).every(({ status }) => status === 0))
        t.equal((await last.unary(PUBLISH, Buffer.alloc(0))).status, 0)
        await until(() => opened.server.held.calls === 0)
        t.equal(opened.server.held.bytes, 0)
      },
    )
  },
)

t.test(
  'half messages are held up to the budget of their sender, the rest is refused, and all is given back when it goes',
  async (t) => {
    const opened = await listen({ standing, budgets: { ...budgets, bytesPerPeer: 8 << 20 } })
    const peers = [
      await Http2Peer.open(opened.server.port, department),
      await Http2Peer.open(opened.server.port, department),
    ]
    const honest = dial(opened.address)
    await closing([...peers, honest, opened], async () => {
      const halves = peers.flatMap((peer) =>
        Array.from({ length: 20 }, () => peer.half(PUBLISH, 4_000_000, 1_000_000).answer),
      )
      let refused = 0
      let message = ''
      for (const half of halves)
        void half.then((answer) => {
          if (answer.status !== 8) return
          refused++
          message = answer.message
        })
      await until(() => refused >= 30)
      t.match(message, 'bytes are held here for calls of')
      t.ok(opened.server.held.bytes <= 8 << 20, `${opened.server.held.bytes} bytes`)
      t.equal(
        (await honest.client(RecordService).publish({ records: [new Uint8Array(3_000_000)] }, call))
          .published,
        1,
      )
      for (const peer of peers) peer.close()
      await until(() => opened.server.held.bytes === 0)
      t.equal(opened.server.held.calls, 0)
    })
  },
)

t.test(
  'answers that nobody reads are held up to a budget, the next ones are refused, and stalled ones are cut',
  async (t) => {
    const clock = {
      ...systemClock,
      aheadMs: 0,
      monotonicMs() {
        return systemClock.monotonicMs() + this.aheadMs
      },
    }
    const opened = await listen({
      standing,
      clock,
      budgets: { ...budgets, bytesPerPeer: 8 << 20 },
      services: [
        recordService({ getBatch: async () => ({ entries: [new Uint8Array(1_000_000)] }) }),
      ],
    })
    const peer = await Http2Peer.open(opened.server.port, department, { windowBytes: 0 })
    const honest = dial(opened.address)
    await closing([peer, honest, opened], async () => {
      const answers = Array.from({ length: 40 }, () => peer.unary(BATCH, Buffer.alloc(0)))
      const refused = await Promise.any(answers)
      t.equal(refused.status, 8)
      await until(() => opened.server.held.calls <= 8)
      t.ok(opened.server.held.bytes <= 8 << 20, `${opened.server.held.bytes} bytes`)
      t.equal((await honest.client(RecordService).getBatch({}, call)).entries.length, 1)
      clock.aheadMs = 70_000
      const all = await Promise.all(answers)
      t.ok(
        all.some(({ status }) => status === undefined),
        'what was never read is cut',
      )
      t.equal(opened.server.held.bytes, 0)
    })
  },
)

t.test(
  "a request that does not come in time is refused, one that comes at a slow line's pace is not",
  async (t) => {
    const clock = {
      ...systemClock,
      aheadMs: 0,
      monotonicMs() {
        return systemClock.monotonicMs() + this.aheadMs
      },
    }
    const opened = await listen({ standing, clock })
    const peer = await Http2Peer.open(opened.server.port, department)
    await closing([peer, opened], async () => {
      const silent = peer.half(PUBLISH, 1_000_000, 10)
      const slow = peer.half(PUBLISH, 2_000_000, 1_900_000)
      await until(() => opened.server.held.bytes > 1_900_000)
      clock.aheadMs = 40_000
      const { status, details } = await silent.answer
      t.equal(status, 4)
      t.match(details, 'DEADLINE_EXCEEDED')
      t.notOk(slow.stream.closed, 'at 32 KiB a second it has a minute more')
      clock.aheadMs = 200_000
      t.equal((await slow.answer).status, 4)
    })
  },
)

t.test(
  'who is denied costs nothing: its request is refused before a byte is taken, and its stream ends',
  async (t) => {
    const opened = await listen({
      standing,
      authorize: ({ role }) => {
        if (role !== 'node') throw new HuxinError('role_denied', 'no')
      },
    })
    const peer = await Http2Peer.open(opened.server.port, stranger)
    await closing([peer, opened], async () => {
      const denied = await Promise.all(
        Array.from({ length: 50 }, () => peer.half(PUBLISH, 4_000_000, 3_000_000).answer),
      )
      t.ok(
        denied.every(({ status }) => status === 7),
        'with an answer',
      )
      t.equal(opened.server.held.bytes, 0)
    })
  },
)

t.test(
  'a caller over its number of connections takes the place of its own idle one, and never that of another',
  async (t) => {
    const opened = await listen({ standing, budgets: { ...budgets, connectionsPerPeer: 4 } })
    const honest = dial(opened.address)
    const peers: Http2Peer[] = []
    await closing(
      [{ close: () => peers.forEach((peer) => peer.close()) }, honest, opened],
      async () => {
        await honest.client(RecordService).publish({}, call)
        for (let i = 0; i < 8; i++) {
          const peer = await Http2Peer.open(opened.server.port, department)
          peers.push(peer)
          t.equal((await peer.unary(PUBLISH, Buffer.alloc(0))).status, 0, 'the newest is served')
        }
        await until(() => peers.filter((peer) => peer.open).length === 4)
        t.same(
          peers.map((peer) => peer.open),
          [false, false, false, false, true, true, true, true],
        )
        for (const peer of peers) if (peer.open) peer.half(PUBLISH, 100, 10)
        await until(() => opened.server.held.calls === 4)
        const fifth = await Http2Peer.open(opened.server.port, department)
        peers.push(fifth)
        await fifth.closed
        t.match(
          opened.refusals.at(-1)?.reason,
          /^too many connections/,
          'when all are busy the new one is refused',
        )
        t.equal((await honest.client(RecordService).publish({}, call)).published, 0)
        for (const peer of peers) peer.close()
        await until(() => opened.server.connectedPeers().length === 1)
      },
    )
  },
)

t.test('silent TCP connections fill their own table only: whoever speaks gets in', async (t) => {
  const opened = await listen({
    standing,
    handshakes: { perAddress: 50, all: 60 },
    budgets: { ...budgets, connections: 20 },
  })
  const silent = new Set<Socket>()
  let holding = true
  const hold = (): void => {
    if (!holding) return
    const socket = tcpConnect(opened.server.port, '127.0.0.1')
    silent.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      silent.delete(socket)
      setImmediate(hold)
    })
  }
  await closing(
    [{ close: () => silent.forEach((socket) => socket.destroy()) }, opened],
    async () => {
      for (let i = 0; i < 70; i++) hold()
      await until(() => opened.refusals.length > 100)
      for (let i = 0; i < 5; i++) {
        const honest = dial(opened.address)
        t.equal((await honest.client(RecordService).publish({}, call)).published, 0)
        honest.close()
      }
      t.ok(opened.server.held.handshakes <= 60)
      holding = false
      for (const socket of silent) socket.destroy()
      await until(() => opened.server.held.handshakes === 0)
    },
  )
})

t.test(
  'connections that break while an answer is on its way are given back, and closing does not wait for them',
  async (t) => {
    const opened = await listen({ standing, budgets: { ...budgets, connections: 10 } })
    let cut = false
    const forward = createServer((down) => {
      const up = tcpConnect(opened.server.port, '127.0.0.1')
      down.on('data', (data) => up.write(data))
      up.on('data', (data) => {
        if (!cut) return void down.write(data)
        cut = false
        setTimeout(() => {
          down.destroy()
          up.destroy()
        }, 5)
      })
      for (const socket of [down, up]) socket.on('error', () => undefined)
      down.on('close', () => up.destroy())
      up.on('close', () => down.destroy())
    }).listen(0, '127.0.0.1')
    await once(forward, 'listening')
    await closing([{ close: () => forward.close() }], async () => {
      for (let i = 0; i < 25; i++) {
        const channel = dial(`127.0.0.1:${(forward.address() as { port: number }).port}`, {
          material: department,
        })
        await channel.client(RecordService).publish({}, call)
        cut = true
        await failure(channel.client(RecordService).publish({}, { timeoutMs: 300 })).catch(
          () => undefined,
        )
        channel.close()
      }
      await until(() => opened.server.connectedPeers().length === 0)
      t.ok((await tookMs(() => opened.server.close(2_000))) < 1_000)
      t.same(opened.server.held, { calls: 0, bytes: 0, handshakes: 0 })
    })
  },
)

t.test('TLS without HTTP/2, and HTTP/2 without a call, do not last', async () => {
  const clock = {
    ...systemClock,
    aheadMs: 0,
    monotonicMs() {
      return systemClock.monotonicMs() + this.aheadMs
    },
  }
  const opened = await listen({ standing, clock })
  const { certificateChainPem: cert, keyPem: key, rootsPem } = department
  const bare = tlsConnect({
    host: '127.0.0.1',
    port: opened.server.port,
    cert,
    key,
    ca: [...rootsPem],
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  })
  bare.on('error', () => undefined).resume()
  const idle = await Http2Peer.open(opened.server.port, department)
  await closing([idle, { close: () => bare.destroy() }, opened], async () => {
    await until(() => opened.server.connectedPeers().length === 2)
    clock.aheadMs = 15_000
    await once(bare, 'close')
    clock.aheadMs = 65_000
    await idle.closed
  })
})
