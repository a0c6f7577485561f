/** Part `catch-up`: a child comes back to what gathered while it was away. */
import { industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure } from './figure.ts'
import { recordLimits } from './limits.ts'
import { CITY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, waitIndexed } from './records.ts'

export async function catchUp({ records: total, limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY])
  await processes.start()
  const before = (await (await processes.status('330100'))()).recordCount
  await processes.stop(['330100'])
  await send(
    processes,
    '330000',
    batchesOf(total, 1000, () => '330100'),
    8,
  )
  await waitIndexed(processes, '330000')
  const disk = await processes.diskBytes('330100')
  await processes.start(['330100'])
  const counted = await countCpu(processes)
  await untilRecords(await processes.status('330100'), before + BigInt(total))
  const { seconds, ...cpu } = await counted()
  await waitIndexed(processes, '330100')
  const diskBytesPerRecord = ((await processes.diskBytes('330100')) - disk) / total
  await processes.tearDown()
  return [
    {
      part: 'catch-up',
      figure: `child away while ${total} records gather`,
      value: total / seconds,
      unit: 'records/s',
      floor: 120_000,
      limits: recordLimits(limits, industryRecord(0).length, { network: true }),
      cpu,
      diskBytesPerRecord,
    },
  ]
}
