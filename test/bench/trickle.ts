/** Part `trickle`: single records over two hops, and how long each takes. */
import type { Context } from '../../src/commit/context.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { loadConfig } from '../../src/node/config.ts'
import { tuneMemory } from '../../src/node/memory.ts'
import { Node } from '../../src/node/node.ts'
import { BODY } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure, type Part, pause } from './figure.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'
import { send } from './records.ts'
import { partOf } from './script.ts'
import { systemPorts } from '../../src/node/system-ports.ts'

const WARM_RECORDS = 4_000

/**
 * The province runs in the process that publishes, so that one clock times both ends; in one of its own, which no other part
 * has filled with what it left.
 */
export const trickle: Part = (bench) => partOf('trickle-process.js', bench)

export async function measureTrickle({ limits }: Bench): Promise<Figure[]> {
  tuneMemory()
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  const province = await Node.start({
    ...systemPorts,
    config: await loadConfig(processes.federation.folderOf('330000')),
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
    },
  })
  await processes.start(['330100', '330106'])
  const { context } = province
  const channel = await processes.channel('330106', 'client-bench')
  const client = channel.client(RecordService)
  // A node that has just started compiles its code while it works: one that has run for a while, at this pace too, is measured.
  const warm = Array.from({ length: WARM_RECORDS }, (_, i) => ({
    target: '330000',
    records: [industryRecord(i, { prefix: 'warm' })],
    batchClass: 'normal',
  }))
  const cold = context.ledger().recordCount
  await Promise.all([
    send(processes, '330106', warm, 32),
    (async () => {
      while (context.ledger().recordCount < cold + BigInt(WARM_RECORDS)) await pause(20)
    })(),
  ])
  await pause(1_000)
  const publish =
    (prefix: string) =>
    (i: number): Promise<unknown> =>
      client.publish(
        {
          item: INDUSTRY_ITEM,
          provider: BODY,
          targets: ['330000'],
          records: [industryRecord(i, { prefix })],
        },
        { timeoutMs: 20_000 },
      )
  await paced(context, 600, publish('pace'))
  const counted = await countCpu(processes)
  const latencies = (await paced(context, 1_000, publish('t'))).sort((a, b) => a - b)
  const { seconds: _seconds, ...cpu } = await counted()
  const at = (q: number): number => latencies[Math.floor(latencies.length * q)]!
  channel.close()
  await processes.stop()
  await province.close()
  await processes.tearDown()
  return [
    {
      part: 'trickle',
      figure: '100 single records/s over two hops, p50',
      value: at(0.5),
      unit: 'ms',
      cpu,
      limits: [{ what: 'six fdatasync', value: 6 * limits.syncMs }],
      note: 'the province runs in the client',
    },
    {
      part: 'trickle',
      figure: 'the same, p99',
      value: at(0.99),
      unit: 'ms',
      floor: 25,
      limits: [{ what: 'six fdatasync', value: 6 * limits.syncMs }],
      note: 'goal 8 ms',
    },
  ]
}

/** Publishes one record every ten milliseconds. @returns milliseconds from each call to its record being durable at the province */
async function paced(
  context: Context,
  count: number,
  publish: (i: number) => Promise<unknown>,
): Promise<number[]> {
  const sent: number[] = []
  const arrived: number[] = []
  // Each record is one entry; what is under a signed checkpoint is durable.
  const base = context.log().signed.size
  const watching = (async () => {
    while (arrived.length < count) {
      await context.changes.next(['normal'], 5_000)
      const now = performance.now()
      while (base + BigInt(arrived.length) < context.log().signed.size) arrived.push(now)
    }
  })()
  const begin = performance.now()
  const calls: Promise<unknown>[] = []
  for (let i = 0; i < count; i++) {
    const wait = begin + i * 10 - performance.now()
    if (wait > 0) await pause(wait)
    sent.push(performance.now())
    calls.push(publish(i))
  }
  await Promise.all(calls)
  await watching
  return sent.map((time, i) => arrived[i]! - time)
}
