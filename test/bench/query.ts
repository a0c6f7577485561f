/** Part `query`: a department looks up records by subject and by record id, beside a raw call that answers with as many bytes. */
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { uscc } from '../support/records.ts'
import { type Bench, countCpu, type Figure } from './figure.ts'
import { Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, waitIndexed } from './records.ts'
import { rawCall, withRawClient } from './stream-limit.ts'

const BATCH = 1_000
const CALLERS = [1, 16, 64] as const
const WARM_CALLS = 1_000
const SECONDS = 3
const WARM_CALLERS = 16
const WARM_SECONDS = 2
/** An answer with one record. */
const ANSWER_BYTES = 480

interface Measured {
  readonly perSecond: number
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function query({ records: total }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE])
  await processes.start()
  await send(
    processes,
    '330000',
    batchesOf(total, BATCH, () => '330000'),
    8,
  )
  await waitIndexed(processes, '330000')
  const channel = await processes.channel('330000', 'client-bench')
  const client = channel.client(RecordService)
  // Numbers that are spread over all batches, the same in each run.
  const pick = (call: number): number => Math.imul(call, 0x9e37_79b1) >>> 0
  const asks = {
    'by subject': (call: number) =>
      client.getRecords(
        { subject: { type: SubjectType.ENTERPRISE, id: uscc(pick(call) % total) } },
        { timeoutMs: 20_000 },
      ),
    'by record id': (call: number) =>
      client.getRecords({ recordId: `r-${pick(call) % total}` }, { timeoutMs: 20_000 }),
  }
  const figures: Figure[] = []
  // A node that has just started compiles what it runs; those that have run for a while are measured.
  for (const ask of Object.values(asks))
    await measure(async (call) => void (await ask(call)), WARM_CALLERS, WARM_SECONDS)
  await withRawClient(process.env['TMPDIR'] ?? '/tmp', async (raw) => {
    for (const callers of CALLERS) {
      const beside = await measure(() => rawCall(raw, ANSWER_BYTES), callers)
      for (const [name, ask] of Object.entries(asks)) {
        const look = async (call: number): Promise<void> => {
          const { records } = await ask(call)
          if (records.length !== 1 || records[0]!.standing !== 'current')
            throw new Error(`lookup ${call} gave ${records.length} records`)
        }
        await measure(look, callers, 0.3)
        const counted = await countCpu(processes)
        const found = await measure(look, callers, SECONDS, WARM_CALLS)
        const { seconds: _, ...cpu } = await counted()
        figures.push({
          part: 'query',
          figure: `${name}, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
          value: found.perSecond,
          unit: 'lookups/s',
          limits: [{ what: 'raw call', value: beside.perSecond }],
          cpu,
          note: `p50 ${found.p50Ms.toFixed(2)}, p99 ${found.p99Ms.toFixed(1)} ms (raw ${beside.p50Ms.toFixed(2)}, ${beside.p99Ms.toFixed(1)}); node ${((1e6 * cpu.nodes) / found.calls).toFixed(0)} us of processor a lookup`,
        })
      }
    }
  })
  channel.close()
  await processes.tearDown()
  return figures
}

/** Calls side by side for some seconds. */
async function measure(
  call: (number: number) => Promise<void>,
  callers: number,
  seconds = SECONDS,
  first = 0,
): Promise<Measured> {
  const times: number[] = []
  const start = performance.now()
  const end = start + 1000 * seconds
  let next = first
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < end) {
        const begun = performance.now()
        await call(next++)
        times.push(performance.now() - begun)
      }
    }),
  )
  const elapsed = (performance.now() - start) / 1000
  times.sort((a, b) => a - b)
  return {
    perSecond: times.length / elapsed,
    calls: times.length,
    p50Ms: times[Math.floor(times.length * 0.5)]!,
    p99Ms: times[Math.floor(times.length * 0.99)]!,
  }
}
