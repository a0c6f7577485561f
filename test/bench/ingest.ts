/** Part `ingest`: a department publishes at the province, 1, 100 and 1000 records a call. */
import { industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure, pause } from './figure.ts'
import { recordLimits } from './limits.ts'
import { Processes, PROVINCE } from './processes.ts'
import { batchesOf, send } from './records.ts'

export async function ingest({ records: total, limits }: Bench): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [size, count, inFlight] of [
    [1, 3_000, 64],
    [100, total / 4, 16],
    [1000, total, 8],
  ] as const) {
    const processes = await Processes.setUp([PROVINCE])
    await processes.start()
    const status = await processes.status('330000')
    const batches = batchesOf(count, size, () => '330000')
    await send(
      processes,
      '330000',
      batchesOf(2 * size, size, () => '330000').map(({ target, records }) => ({
        target,
        records: records.map((_, i) => industryRecord(i, { prefix: 'warm' })),
      })),
      2,
    )
    const bytes = batches[0]!.records[0]!.length
    const disk = await processes.diskBytes('330000')
    const start = performance.now()
    const counted = await countCpu(processes)
    await send(processes, '330000', batches, inFlight)
    const { seconds, ...cpu } = await counted()
    let view = await status()
    while (view.indexedSize < view.logSize) {
      await pause(20)
      view = await status()
    }
    const indexed = (performance.now() - start) / 1000
    figures.push({
      part: 'ingest',
      figure: `${size} records a call`,
      value: count / seconds,
      unit: 'records/s',
      ...(size === 1000 ? { floor: 120_000 } : {}),
      limits: recordLimits(limits, bytes, { network: true }),
      cpu,
      diskBytesPerRecord: ((await processes.diskBytes('330000')) - disk) / count,
      note: `index caught up ${(indexed - seconds).toFixed(2)} s later; ${Math.round(Number(view.memoryBytes) / 1e6)} MB`,
    })
    await processes.tearDown()
  }
  return figures
}
