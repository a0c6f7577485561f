/** Part `idle`: what a node takes that has nothing to do. */
import { countCpu, type Figure, pause } from './figure.ts'
import { CITY, Processes, PROVINCE } from './processes.ts'

export async function idle(): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY])
  await processes.start()
  await pause(1_000)
  const counted = await countCpu(processes)
  await pause(2_000)
  const { nodes, seconds } = await counted()
  const { memoryBytes } = await (await processes.status('330100'))()
  await processes.tearDown()
  return [
    {
      part: 'idle',
      figure: 'memory of an idle node',
      value: Number(memoryBytes) / 1e6,
      unit: 'MB',
      floor: 150,
    },
    {
      part: 'idle',
      figure: 'processor time of an idle node',
      value: (1000 * nodes) / 2 / seconds,
      unit: 'ms/s CPU',
      note: 'mean of a parent and its child',
    },
  ]
}
