/** Parts `fan-out` and `fan-out-live`: one hub, eleven children. */
import type { Place } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure } from './figure.ts'
import { recordLimits } from './limits.ts'
import { Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, WARM_BATCHES, waitIndexed } from './records.ts'

const CHILDREN: readonly Place[] = Array.from({ length: 11 }, (_, i) => {
  const id = `33${String(i + 1).padStart(2, '0')}00`
  return { id, tier: 'city', parent: '330000', divisions: [id] }
})

export async function fanOut({ records: total, limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, ...CHILDREN])
  await processes.start()
  const statuses = await Promise.all(CHILDREN.map(({ id }) => processes.status(id)))
  const counts = await Promise.all(statuses.map(async (status) => (await status()).recordCount))
  const deliver = async (batches: { target: string; records: Uint8Array[] }[]): Promise<void> => {
    for (const [k, { id }] of CHILDREN.entries())
      counts[k] = counts[k]! + BigInt(batches.filter(({ target }) => target === id).length * 1000)
    await send(processes, '330000', batches, 8)
  }
  const arrived = (): Promise<unknown> =>
    Promise.all(statuses.map((status, k) => untilRecords(status, counts[k]!)))
  // Nodes that have run for a while stand still, as if they were cut off, until the hub has everything.
  await deliver(batchesOf(WARM_BATCHES * 11_000, 1000, (i) => CHILDREN[i % 11]!.id, 'warm'))
  await arrived()
  for (const { id } of CHILDREN) processes.running.get(id)!.child.kill('SIGSTOP')
  await deliver(batchesOf(total, 1000, (i) => CHILDREN[i % 11]!.id))
  await waitIndexed(processes, '330000')
  const counted = await countCpu(processes)
  for (const { id } of CHILDREN) processes.running.get(id)!.child.kill('SIGCONT')
  await arrived()
  const { seconds, ...cpu } = await counted()
  await processes.tearDown()
  return [
    {
      part: 'fan-out',
      figure: 'one hub, 11 children, in all',
      value: total / seconds,
      unit: 'records/s',
      floor: 120_000,
      limits: recordLimits(limits, industryRecord(0).length, { network: true }),
      cpu,
    },
  ]
}

export async function liveFanOut({ records: total, limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, ...CHILDREN])
  await processes.start()
  const statuses = await Promise.all(CHILDREN.map(({ id }) => processes.status(id)))
  const before = await Promise.all(statuses.map(async (status) => (await status()).recordCount))
  const batches = batchesOf(total, 1000, (i) => CHILDREN[i % 11]!.id)
  const due = CHILDREN.map((_, k) =>
    BigInt(batches.filter((_batch, i) => i % 11 === k).length * 1000),
  )
  const counted = await countCpu(processes)
  await Promise.all([
    send(processes, '330000', batches, 8),
    ...statuses.map((status, k) => untilRecords(status, before[k]! + due[k]!)),
  ])
  const { seconds, ...cpu } = await counted()
  await processes.tearDown()
  return [
    {
      part: 'fan-out-live',
      figure: 'while the hub takes them in',
      value: total / seconds,
      unit: 'records/s',
      limits: recordLimits(limits, batches[0]!.records[0]!.length, { network: true }),
      cpu,
    },
  ]
}
