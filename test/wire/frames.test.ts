/** HTTP/2 by hand, frame by frame: what no client sends, as fast as it can be written. Bounded in number, over loopback. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { budgets, call, closing, dial, federation, listen, until } from './testbed.ts'

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION] = [
  0, 1, 2, 3, 4, 6, 8, 9,
]
const END_HEADERS = 4
const MB = 1 << 20
const ROUNDS = 50
const STALLED_MS = 20

function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A header without Huffman code that no table keeps. */
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.of(0, name.length),
    Buffer.from(name),
    Buffer.of(value.length),
    Buffer.from(value),
  ])
/** POST over https: indices 3 and 7 of the static table. */
const REQUEST = Buffer.concat([
  Buffer.of(0x83, 0x87),
  literal(':path', '/grpc.health.v1.Health/Check'),
  literal(':authority', 'x'),
  literal('content-type', 'application/grpc'),
  literal('te', 'trailers'),
])
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(SETTINGS, 0, 0),
])
const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

/** Frames of one write; `round` counts the writes of a connection. */
const floods: readonly (readonly [title: string, write: (round: number) => Buffer])[] = [
  [
    'streams that are opened and reset',
    (round) =>
      times(100, (i) =>
        Buffer.concat([
          frame(HEADERS, END_HEADERS, stream(round, i)),
          frame(RST_STREAM, 0, stream(round, i), Buffer.of(0, 0, 0, 8)),
        ]),
      ),
  ],
  [
    'streams that make the server reset them',
    (round) =>
      times(100, (i) =>
        Buffer.concat([
          frame(HEADERS, END_HEADERS, stream(round, i), REQUEST),
          frame(WINDOW_UPDATE, 0, stream(round, i), Buffer.alloc(4)),
        ]),
      ),
  ],
  [
    'headers without end',
    (round) =>
      round === 0
        ? frame(HEADERS, 0, 1, REQUEST)
        : times(20, () =>
            frame(
              CONTINUATION,
              0,
              1,
              times(100, () => literal('a', 'b')),
            ),
          ),
  ],
  [
    'headers that go on with nothing',
    (round) =>
      round === 0 ? frame(HEADERS, 0, 1, REQUEST) : times(500, () => frame(CONTINUATION, 0, 1)),
  ],
  ['settings', () => times(500, () => frame(SETTINGS, 0, 0, Buffer.of(0, 4, 0, 0, 255, 255)))],
  ['pings', () => times(500, () => frame(PING, 0, 0, Buffer.alloc(8)))],
  [
    'priorities of streams that are none',
    () => times(500, (i) => frame(PRIORITY, 0, 2 * i + 1, Buffer.of(0, 0, 0, 0, 1))),
  ],
  [
    'empty pieces of a request',
    (round) =>
      round === 0 ? frame(HEADERS, END_HEADERS, 1, REQUEST) : times(500, () => frame(DATA, 0, 1)),
  ],
  [
    'a header that is repeated by its number in the table',
    (round) =>
      frame(
        HEADERS,
        END_HEADERS,
        stream(round, 0),
        Buffer.concat([
          REQUEST,
          Buffer.of(0x40, 1, 0x7a, 0x7f, 0xa1, 0x1e),
          Buffer.alloc(4_000, 97),
          Buffer.alloc(12_000, 0xbe),
        ]),
      ),
  ],
  [
    'more streams than one connection may have',
    (round) => times(200, (i) => frame(HEADERS, END_HEADERS, stream(round, i), REQUEST)),
  ],
]

function stream(round: number, i: number): number {
  return 2 * (200 * round + i) + 1
}

/** Writes a flood until the server ends the connection or takes no more, ROUNDS times at most. */
async function flood(port: number, write: (round: number) => Buffer): Promise<void> {
  const { certificateChainPem: cert, keyPem: key, rootsPem } = federation.client('330782', 'x')
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    cert,
    key,
    ca: [...rootsPem],
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  })
  let gone = false
  socket
    .on('error', () => undefined)
    .once('close', () => {
      gone = true
    })
  socket.resume()
  await once(socket, 'secureConnect')
  socket.write(HELLO)
  for (let round = 0; round < ROUNDS && !gone; round++) {
    if (!socket.write(write(round)))
      await Promise.race([
        once(socket, 'drain'),
        once(socket, 'close'),
        new Promise((resolve) => setTimeout(resolve, STALLED_MS)),
      ]).catch(() => undefined)
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.destroy()
}

t.test('frames that no client sends stop nobody, and nothing is left of them', async (t) => {
  const clock = {
    ...systemClock,
    aheadMs: 0,
    monotonicMs() {
      return systemClock.monotonicMs() + this.aheadMs
    },
  }
  const opened = await listen({
    standing: ({ nodeName: node }) => (node.endsWith('330782') ? 'foreign' : 'kin'),
    budgets: { ...budgets, connections: 20 },
    clock,
  })
  const honest = dial(`127.0.0.1:${opened.server.port}`)
  await closing([honest, opened], async () => {
    const records = honest.client(RecordService)
    await records.publish({}, call)
    const before = process.memoryUsage().rss
    for (const [title, write] of floods) {
      const flooding = Promise.all([
        flood(opened.server.port, write),
        flood(opened.server.port, write),
      ])
      let over = false
      let served = 0
      void flooding.then(() => {
        over = true
      })
      for (; !over; served++) await records.publish({}, call)
      await flooding
      t.ok(served > 0, title)
    }
    t.ok(process.memoryUsage().rss - before < 200 * MB, 'memory')
    // Node.js does not notice that a peer is gone whose headers were too many: it goes when it made no call in time.
    clock.aheadMs = 65_000
    await until(() => opened.server.connectedPeers().length === 1)
    t.same(
      [opened.server.held, opened.server.connectedPeers()[0]!.nodeId, opened.internalErrors],
      [{ calls: 0, bytes: 0, handshakes: 0 }, '330825', []],
    )
  })
})
