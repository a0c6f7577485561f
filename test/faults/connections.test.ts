import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import type { ParentCalls } from '../../src/uplink/parent.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import { publishRecords } from '../support/checks.ts'
import { TestFederation } from '../support/federation.ts'
import { bothWays, clean, FOUR, held, passes, serving, startFour } from '../support/four.ts'
import { NodeProcesses } from '../support/processes.ts'
import { industryRecord } from '../support/records.ts'
import { Relay } from '../wire/testbed.ts'
import { tookMs } from '../support/own-time.ts'
import type { TestOptions } from '../support/ports.ts'

const COUNTY = FOUR[2]!
/** Of a link whose network is as bad as in these tests, in milliseconds. */
const QUICK = { link: { keepaliveMs: 100, keepaliveTimeoutMs: 200 } }

// The whole file, on a slow machine.
t.setTimeout(120_000)

async function relay(
  t: Test,
  federation: TestFederation,
  options: { idleMsMax?: number } = {},
): Promise<Relay> {
  const opened = await Relay.open(federation.node('330100').port, options)
  t.teardown(() => opened.close())
  return opened
}

/** Starts the county anew, with another way to its parent. */
async function reroute(
  federation: TestFederation,
  address: string,
  { proxy, ...options }: TestOptions & { proxy?: string } = {},
): Promise<void> {
  await federation.node('330106').close()
  await federation.writeConfig(COUNTY, '', address, proxy)
  await federation.startNode('330106', options)
}

function reasons(federation: TestFederation): string[] {
  return federation.lines.filter((line) =>
    line.startsWith('330106 warn the parent cannot be reached'),
  )
}

t.test(
  'a county connects through an HTTP CONNECT proxy, says when it is refused there, and comes back',
  async (t) => {
    const federation = await startFour(t)
    const connectProxy = { requests: [] as string[], refuse: false }
    const proxy = await Relay.open(0, { connectProxy })
    t.teardown(() => proxy.close())
    const { port } = federation.node('330100')
    await reroute(federation, `127.0.0.1:${port}`, {
      proxy: `http://county:s%40cret@${proxy.address}`,
    })
    await serving(federation)
    await bothWays(federation)
    t.equal(connectProxy.requests.length, 1, 'one connection carries everything')
    t.match(connectProxy.requests[0], `CONNECT 127.0.0.1:${port} HTTP/1.1`)

    connectProxy.refuse = true
    proxy.cut()
    await federation.until('the county says why', () => reasons(federation).length > 0)
    t.match(
      reasons(federation)[0],
      new RegExp(`"code":"peer_unreachable".*through proxy ${proxy.address}: .*`),
    )
    await federation.until('it names the proxy', () =>
      reasons(federation).some((line) => line.includes('the proxy refuses to connect')),
    )
    t.notMatch(federation.lines.join(), 's@cret')
    t.equal(federation.node('330106').uplink!.state, 'away')
    await publishRecords(
      federation.node('330106').context,
      [industryRecord(1, { prefix: 'proxied' })],
      ['330000'],
    )
    await passes(federation, '330110', '330000')
    t.notOk(await held(federation, '330000', 'proxied-1'))
    connectProxy.refuse = false
    await federation.until('it goes up', () => held(federation, '330000', 'proxied-1'))
    await clean(t, federation)
  },
)

t.test(
  'pings keep the link through a middlebox that cuts what is idle, and without them it comes back each time',
  async (t) => {
    const federation = await startFour(t)
    const middlebox = await relay(t, federation, { idleMsMax: 1_000 })
    await reroute(federation, middlebox.address, QUICK)
    await serving(federation)
    await bothWays(federation)
    const carried = middlebox.chunks
    await federation.until('twenty pings have passed', () => middlebox.chunks >= carried + 40)
    t.equal(middlebox.cuts, 0)
    t.equal(middlebox.accepted, 1, 'one connection carries everything')
    await bothWays(federation)

    const impatient = await relay(t, federation, { idleMsMax: 300 })
    await reroute(federation, impatient.address)
    await serving(federation)
    for (let round = 1; round <= 3; round++) {
      await federation.until(`cut ${round}`, () => impatient.cuts >= round)
      await bothWays(federation)
      await passes(federation, '330110', '330000')
    }
    await clean(t, federation)
  },
)

t.test('whatever breaks the link, everything arrives both ways, once, in order', async (t) => {
  const federation = await startFour(t)
  const line = await relay(t, federation)
  await reroute(federation, line.address, QUICK)
  await serving(federation)
  const random = new SeededRandom('breaks')
  const county = federation.node('330106').context
  const province = federation.node('330000').context
  const ids: Uint8Array[] = []
  for (let round = 0; round < 12; round++) {
    const record = (prefix: string): Uint8Array[] => [industryRecord(round, { prefix })]
    ids.push((await publishRecords(county, record('up'), ['330000'])).batch!.id)
    ids.push((await publishRecords(province, record('down'), ['330106'])).batch!.id)
    ids.push(
      (await publishRecords(county, record('both'), ['330000', '330110'], { batchClass: 'bulk' }))
        .batch!.id,
    )
    const after = line.chunks + random.below(12)
    await federation
      .until('some of it has passed', () => line.chunks >= after, 5_000)
      .catch(() => undefined)
    if (round % 4 === 3) {
      line.freeze()
      const { accepted } = line
      await federation.until('the dead connection is given up', () => line.accepted > accepted)
      line.thaw()
    }
    line.cut()
  }
  await passes(federation, '330110', '330000')
  for (let round = 0; round < 12; round++) {
    await federation.until(
      `round ${round} is up`,
      async () =>
        (await held(federation, '330000', `up-${round}`)) &&
        (await held(federation, '330110', `both-${round}`)),
    )
    await federation.until(`round ${round} is down`, () =>
      held(federation, '330106', `down-${round}`),
    )
  }
  for (const [id, { context }] of federation.nodes) {
    const found = await Promise.all(ids.map((batch) => findBatch(context, batch)))
    for (const one of found) if (one) t.equal(one.indexes.length, 1, `${id}: one entry`)
    t.equal(
      found.filter((one) => one !== undefined).length,
      id === '330110' ? 12 : 36,
      `${id}: what passes there`,
    )
  }
  await clean(t, federation)
})

t.test('a dead child and a slow one do not keep anything from the others', async (t) => {
  const federation = await startFour(t)
  const line = await relay(t, federation)
  let open = (): void => undefined
  let gate: Promise<void> = Promise.resolve()
  await reroute(federation, line.address, {
    ...QUICK,
    wrapStore: (store) =>
      new Proxy(store, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          const bound = value.bind(target) as (...given: unknown[]) => unknown
          return name === 'commit'
            ? (...given: unknown[]) => gate.then(() => bound(...given))
            : bound
        },
      }),
  })
  await serving(federation)
  await bothWays(federation)
  const province = federation.node('330000').context
  const everyone = async (prefix: string): Promise<void> => {
    for (let i = 0; i < 20; i++)
      await publishRecords(province, [industryRecord(i, { prefix })], ['330100/**'])
  }

  gate = new Promise((resolve) => {
    open = resolve
  })
  await everyone('slow')
  await federation.until('the other has all', () => held(federation, '330110', 'slow-19'))
  await passes(federation, '330110', '330000')
  t.equal(
    await findBatch(
      federation.node('330106').context,
      (await findByRecordId(province, 'slow-0'))[0]!.batch.id,
    ),
    undefined,
    'the slow one has nothing yet',
  )
  open()
  await federation.until('the slow one has all', () => held(federation, '330106', 'slow-19'))

  line.freeze()
  await everyone('dead')
  await federation.until('the other has all', () => held(federation, '330110', 'dead-19'))
  await passes(federation, '330110', '330000')
  t.notOk(await held(federation, '330106', 'dead-0'))
  line.thaw()
  line.cut()
  await federation.until('it is not dead any more, and has all', () =>
    held(federation, '330106', 'dead-19'),
  )
  await clean(t, federation)
})

t.test('a county tries its parent ever more rarely, and comes when it is back', async (t) => {
  const federation = await startFour(t)
  const times: number[] = []
  const closed = createServer((socket) => {
    times.push(performance.now())
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  await reroute(federation, `127.0.0.1:${port}`)
  await federation.until('it has tried four times', () => times.length >= 4)
  const gaps = times.slice(1).map((time, i) => time - times[i]!)
  t.ok(
    gaps[0]! > 300 && gaps[1]! > 500 && gaps[2]! > 800,
    `milliseconds between attempts: ${gaps.map(Math.round).join(', ')}`,
  )
  t.equal(reasons(federation).length, 1, 'one reason is said once')
  await passes(federation, '330110', '330000')
  closed.close()
  const back = await Relay.open(federation.node('330100').port, {}, port)
  t.teardown(() => back.close())
  await serving(federation)
  await bothWays(federation)
  await clean(t, federation)
})

t.test(
  'the waits between attempts double up to a limit, and no two nodes wait alike',
  async (t) => {
    const federation = await TestFederation.start(FOUR.slice(0, 1), {
      store: 'disk',
      catalog: false,
    })
    t.teardown(() => federation.stop())
    const waits = async (random: () => number): Promise<number[]> => {
      const delays: number[] = []
      const clock: Clock = {
        ...systemClock,
        after: (delayMs, callback) => {
          // Not a wait: after this long without a failure a loop counts as well.
          if (delayMs === 2_000) return () => undefined
          delays.push(delayMs)
          const soon = setImmediate(callback)
          return () => clearImmediate(soon)
        },
      }
      const unreachable = (): Promise<never> =>
        Promise.reject(new HuxinError('peer_unreachable', 'nobody there'))
      let tries = 0
      const uplink = new Uplink({
        context: federation.node('330000').context,
        door: federation.node('330000').door,
        parent: 'zj.example/000000',
        trust: () => undefined,
        clock,
        retryMsMax: 5_000,
        random,
        calls: {
          recall: () => {
            if (++tries === 9) void uplink.stop()
            return unreachable()
          },
        } as unknown as ParentCalls,
        onRecall: unreachable,
        recovering: () => false,
        frozen: () => false,
        onCaughtUp: () => Promise.resolve(),
        onAway: () => undefined,
      })
      uplink.start()
      await federation.until('it was stopped', () => uplink.state === 'stopped')
      await uplink.stop()
      return delays
    }
    t.same(await waits(() => 1), [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
    t.same(await waits(() => 0), [50, 100, 200, 400, 800, 1_600, 2_500, 2_500])
  },
)

t.test(
  'a county ends soon after it is told, also when its parent takes connections and says nothing',
  async (t) => {
    const processes = await NodeProcesses.setUp(FOUR.slice(0, 2))
    t.teardown(() => processes.tearDown())
    const [parent, child] = FOUR
    // A process that hangs, or a load balancer without a server behind it.
    const silent = createServer((socket) => socket.on('error', () => undefined).resume())
    silent.listen(processes.port(parent!.id), '127.0.0.1')
    const asked = once(silent, 'connection')
    await processes.start(child!.id)
    const [socket] = (await asked) as [Socket]
    await once(socket, 'data')
    const seconds = (await tookMs(() => processes.kill(child!.id, 'SIGTERM'))) / 1_000
    t.ok(seconds < 10, `it took ${seconds.toFixed(1)} s`)
    t.match(processes.said(child!.id), 'node is stopped')
    silent.close()
  },
)
