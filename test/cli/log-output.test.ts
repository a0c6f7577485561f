/** The log lines of a node, where standard output does not take them. */
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import t from 'tap'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { LogOutput } from '../../src/cli/log-output.ts'
import { NodeProcesses } from '../support/processes.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const line = (number: number): string => `${JSON.stringify({ number, text: 'x'.repeat(980) })}\n`

t.setTimeout(0)

t.test('lines come out in order, many in one piece', async (t) => {
  const pieces: string[] = []
  const output = new LogOutput({ put: async (text) => void pieces.push(text), nowMs: () => 0 })
  for (let i = 0; i < 200; i++) output.write(line(i))
  while (pieces.join('').length < 200 * line(0).length) await turn()
  t.equal(pieces.join(''), Array.from({ length: 200 }, (_, i) => line(i)).join(''))
  t.ok(pieces.length < 10)
})

t.test(
  'while nobody takes lines a megabyte of them waits, the rest is counted, and the count is said',
  async (t) => {
    const out: string[] = []
    let take: (() => void) | undefined
    const output = new LogOutput({
      put: (text) =>
        new Promise((done) => {
          take = () => {
            take = undefined
            out.push(text)
            done()
          }
        }),
      nowMs: () => 1_700_000_000_000,
    })
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
    for (let i = 0; i < 100_000; i++) output.write(line(i))
    t.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 60e6)
    t.ok(output.dropped > 98_000)
    const { dropped } = output
    for (let i = 0; i < 30; i++) {
      take?.()
      await turn()
    }
    output.write(line(100_000))
    await turn()
    take!()
    await turn()
    t.equal(output.dropped, 0)
    const lines = out
      .join('')
      .split('\n')
      .filter((text) => text !== '')
      .map(
        (text) =>
          JSON.parse(text) as { number?: number; dropped?: number; level?: number; time?: number },
      )
    t.match(
      lines.filter((one) => one.dropped !== undefined),
      [{ level: 40, time: 1_700_000_000_000, dropped }],
    )
    const numbers = lines.flatMap(({ number }) => (number === undefined ? [] : [number]))
    t.same(
      numbers,
      [...Array.from({ length: 100_000 - dropped }, (_, i) => i), 100_000],
      'the first ones are all there',
    )
  },
)

t.test('lines that were refused are counted, and what comes later is whole', async (t) => {
  const out: string[] = []
  let full = true
  const output = new LogOutput({
    put: async (text) => {
      out.push(full ? text.slice(0, 5) : text)
      if (full) throw new Error('ENOSPC: no space left on device, write')
    },
    nowMs: () => 0,
  })
  output.write(line(0))
  await turn()
  output.write(line(1))
  await turn()
  t.equal(output.dropped, 2)
  full = false
  output.write(line(2))
  await turn()
  t.equal(output.dropped, 0)
  const texts = out
    .join('')
    .split('\n')
    .filter((text) => text !== '')
  t.same(texts.slice(-1), [line(2).trim()])
  t.match(JSON.parse(texts.at(-2)!), { dropped: 2, reason: /no space left/ })
})

t.test('a node goes on when its standard output is full, or its reader has ended', async (t) => {
  const place = { id: '330000', tier: 'province', divisions: ['330000'] } as const
  const processes = await NodeProcesses.setUp([place])
  t.teardown(() => processes.tearDown())
  const full = process.platform === 'linux' ? await open('/dev/full', 'w') : undefined
  for (const stdout of full ? ([full.fd, 'unread'] as const) : (['unread'] as const)) {
    await processes.start(place.id, { stdout })
    const operator = await processes.operator(place.id)
    for (let i = 0; i < 5; i++) {
      // No TLS: the node warns.
      await new Promise<void>((resolve) => {
        const socket = connect(processes.port(place.id), '127.0.0.1', () =>
          socket.end('GET / HTTP/1.1\r\n\r\n'),
        )
        socket
          .on('error', () => resolve())
          .on('close', () => resolve())
          .resume()
      })
      t.equal(
        (await operator.client(AdminService).getStatus({}, { timeoutMs: 10_000 })).state,
        'serving',
      )
    }
    operator.close()
    await processes.kill(place.id, 'SIGTERM')
    t.notMatch(processes.said(place.id), /Error/)
  }
  await full?.close()
})
