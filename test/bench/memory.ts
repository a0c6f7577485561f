/**
 * Part `memory`, by name only: a county sends a million records to the hub, or more with --records, and the
 * hub's memory is read on the way. It is to become flat: what a node keeps in memory of its log has an end.
 */
import { readFile } from 'node:fs/promises'
import { industryRecord } from '../support/records.ts'
import { type Bench, countCpu, type Figure, pause } from './figure.ts'
import { recordLimits } from './limits.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'
import { batchesOf, send, untilRecords, waitIndexed } from './records.ts'

const MARKS = [100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000]
const RECORDS_MIN = 1_000_000
const SAMPLE_MS = 100
const PIECE = 20_000

export async function memory({ records, limits }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  await processes.start()
  const status = await processes.status('330000')
  const before = (await status()).recordCount
  const hub = new Highest(processes.running.get('330000')!.child.pid!)
  const figures: Figure[] = []
  const counted = await countCpu(processes)
  let sent = 0
  const marks = MARKS.filter((mark) => mark <= Math.max(RECORDS_MIN, records))
  for (const mark of marks) {
    for (; sent < mark; sent += PIECE) {
      await send(
        processes,
        '330106',
        batchesOf(PIECE, 1000, () => '330000').map(({ target, records }, k) => ({
          target,
          records: records.map((_, i) => industryRecord(sent + 1000 * k + i)),
        })),
        4,
      )
    }
    await untilRecords(status, before + BigInt(mark))
    const arriving = hub.take()
    await waitIndexed(processes, '330000')
    await pause(500)
    const now = await residentOf(hub.pid)
    figures.push({
      part: 'memory',
      figure: `hub, ${mark.toLocaleString('en-US')} records relayed and indexed`,
      value: now.own / 1e6,
      unit: 'MB',
      note: `and ${megabytes(now.files)} MB of files that the system maps and takes back; at most ${megabytes(arriving.own)} and ${megabytes(arriving.files)} MB while they came`,
    })
  }
  const { seconds, ...cpu } = await counted()
  await hub.stop()
  await processes.tearDown()
  return [
    ...figures,
    {
      part: 'memory',
      figure: 'relayed meanwhile, waiting for the index',
      value: marks.at(-1)! / seconds,
      unit: 'records/s',
      limits: recordLimits(limits, industryRecord(0).length, { network: true }),
      cpu,
    },
  ]
}

/** Resident bytes of a process. */
interface Resident {
  /** Its own memory. */
  readonly own: number
  /** Pages of files that it maps: those of the database, and its program. */
  readonly files: number
}

/** Looks at a process again and again and remembers its largest sizes. */
class Highest {
  readonly pid: number
  #highest: Resident = { own: 0, files: 0 }
  #stopped = false
  readonly #watching: Promise<void>

  constructor(pid: number) {
    this.pid = pid
    this.#watching = this.#watch()
  }

  /** The largest sizes since the last take. */
  take(): Resident {
    const highest = this.#highest
    this.#highest = { own: 0, files: 0 }
    return highest
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watching
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const { own, files } = await residentOf(this.pid)
      this.#highest = {
        own: Math.max(this.#highest.own, own),
        files: Math.max(this.#highest.files, files),
      }
      await pause(SAMPLE_MS)
    }
  }
}

/** Linux. */
export async function residentOf(pid: number): Promise<Resident> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const bytesOf = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { own: bytesOf('RssAnon'), files: bytesOf('RssFile') }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6)
}
