/** Part `relay`: a department publishes at a county, until everything is durable at the province. */
import { type Bench, countCpu, type Figure } from './figure.ts'
import { recordLimits } from './limits.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, WARM_BATCHES, waitIndexed } from './records.ts'

export async function relay({ records: total, limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  await processes.start()
  const status = await processes.status('330000')
  const cold = (await status()).recordCount
  await Promise.all([
    send(
      processes,
      '330106',
      batchesOf(WARM_BATCHES * 1000, 1000, () => '330000', 'warm'),
      4,
    ),
    untilRecords(status, cold + BigInt(WARM_BATCHES * 1000)),
  ])
  await Promise.all([waitIndexed(processes, '330000'), waitIndexed(processes, '330106')])
  const before = (await status()).recordCount
  const batches = batchesOf(total, 1000, () => '330000')
  const disk = await processes.diskBytes('330000')
  const counted = await countCpu(processes)
  await Promise.all([
    send(processes, '330106', batches, 4),
    untilRecords(status, before + BigInt(total)),
  ])
  const { seconds, ...cpu } = await counted()
  const hub = await status()
  await waitIndexed(processes, '330000')
  const diskBytesPerRecord = ((await processes.diskBytes('330000')) - disk) / total
  await processes.tearDown()
  return [
    {
      part: 'relay',
      figure: 'county → city → province, durable there',
      value: total / seconds,
      unit: 'records/s',
      floor: 60_000,
      limits: recordLimits(limits, batches[0]!.records[0]!.length, { network: true }),
      cpu,
      diskBytesPerRecord,
      note: `hub ${Math.round(Number(hub.memoryBytes) / 1e6)} MB`,
    },
  ]
}
