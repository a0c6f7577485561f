/** Part `catch-up`: a child comes back to what gathered while it was away. */
import type { Bench, Figure } from './figure.ts'
import { CITY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, waitIndexed } from './records.ts'

export async function catchUp({ records: total }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY])
  await processes.start()
  const before = (await (await processes.status('330100'))()).recordCount
  await processes.stop(['330100'])
  await send(processes, '330000', batchesOf(total, 1000, () => '330100'), 8)
  await waitIndexed(processes, '330000')
  await processes.start(['330100'])
  const start = performance.now()
  await untilRecords(await processes.status('330100'), before + BigInt(total))
  const seconds = (performance.now() - start) / 1000
  await processes.tearDown()
  return [{ part: 'catch-up', figure: `child away while ${total} records gather`, value: total / seconds, unit: 'records/s', floor: 120_000 }]
}
