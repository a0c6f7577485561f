/** Part `relay`: a department publishes at a county, until everything is durable at the province. */
import type { Bench, Figure } from './figure.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords } from './records.ts'

export async function relay({ records: total }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  await processes.start()
  const status = await processes.status('330000')
  const before = (await status()).recordCount
  const batches = batchesOf(total, 1000, () => '330000')
  const begun = performance.now()
  const cpu = await processes.cpuSeconds()
  await Promise.all([send(processes, '330106', batches, 4), untilRecords(status, before + BigInt(total))])
  const seconds = (performance.now() - begun) / 1000
  const hub = await status()
  const used = await processes.cpuSeconds()
  await processes.tearDown()
  return [{ part: 'relay', figure: 'county → city → province, durable there', value: total / seconds, unit: 'records/s', floor: 60_000, note: `hub ${Math.round(Number(hub.memoryBytes) / 1e6)} MB; CPU ${(used.nodes - cpu.nodes).toFixed(1)} s in nodes, ${(used.client - cpu.client).toFixed(1)} s in client, of ${(2 * seconds).toFixed(1)} s` }]
}
