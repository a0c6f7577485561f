/**
 * Part `memory`, by name only: a county sends a million records to the hub, and the hub's memory is read at
 * 100,000, 200,000, 500,000 and at the end. It is to be flat: what a node keeps in memory of its log has an end.
 */
import { readFile } from 'node:fs/promises'
import { industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure, pause } from './figure.ts'
import { recordLimits } from './limits.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, waitIndexed } from './records.ts'

const MARKS = [100_000, 200_000, 500_000, 1_000_000]
const SAMPLE_MS = 100
const PIECE = 20_000

export async function memory({ limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  await processes.start()
  const status = await processes.status('330000')
  const before = (await status()).recordCount
  const hub = new Highest(processes.running.get('330000')!.child.pid!)
  const figures: Figure[] = []
  const counted = await countCpu(processes)
  let sent = 0
  for (const mark of MARKS) {
    for (; sent < mark; sent += PIECE) {
      await send(processes, '330106', batchesOf(PIECE, 1000, () => '330000').map(({ target, records }, k) => ({
        target, records: records.map((_, i) => industryRecord(sent + 1000 * k + i)),
      })), 4)
    }
    await untilRecords(status, before + BigInt(mark))
    const arriving = hub.take()
    await waitIndexed(processes, '330000')
    await pause(500)
    figures.push({
      part: 'memory', figure: `hub, ${mark.toLocaleString('en-US')} records relayed and indexed`, value: await rssOf(hub.pid) / 1e6, unit: 'MB',
      note: `at most ${Math.round(arriving / 1e6)} MB while they came`,
    })
  }
  const { seconds, ...cpu } = await counted()
  await hub.stop()
  await processes.tearDown()
  const last = MARKS.at(-1)!
  return [...figures, {
    part: 'memory', figure: 'relayed meanwhile, waiting for the index', value: last / seconds, unit: 'records/s',
    limits: recordLimits(limits, industryRecord(0).length, { network: true }), cpu,
  }]
}

/** Looks at a process again and again and remembers its largest size. */
class Highest {
  readonly pid: number
  #highest = 0
  #stopped = false
  readonly #watching: Promise<void>

  constructor(pid: number) {
    this.pid = pid
    this.#watching = this.#watch()
  }

  /** The largest size since the last take, bytes. */
  take(): number {
    const highest = this.#highest
    this.#highest = 0
    return highest
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watching
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      this.#highest = Math.max(this.#highest, await rssOf(this.pid))
      await pause(SAMPLE_MS)
    }
  }
}

/** Resident bytes of a process. Linux. */
async function rssOf(pid: number): Promise<number> {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return 1024 * Number(kilobytes)
}
