/**
 * Part `soak`, by name only: three tiers under a mixed light load for --minutes N. What a node keeps in memory of its own
 * must come to an end: the least of each quarter of the time is compared, because between two collections memory only grows.
 */
import { readdir } from 'node:fs/promises'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { BODY } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { type Bench, type Figure, pause } from './figure.ts'
import { residentOf } from './memory.ts'
import { CITY, COUNTY, Processes, PROVINCE } from './processes.ts'

const PLACES = [PROVINCE, CITY, COUNTY]
const SAMPLE_MS = 5_000
const PUBLISH_MS = 100
const READ_MS = 200
const CONNECT_MS = 300
const AMEND_EVERY = 50
const CALL = { timeoutMs: 60_000 }

/** What was seen of one node at one moment. */
interface Sample {
  readonly ownBytes: number
  readonly handles: number
}

export async function soak({ minutes }: Bench): Promise<Figure[]> {
  const processes = await Processes.setUp(PLACES)
  await processes.start()
  const endMs = performance.now() + minutes * 60_000
  const done = { published: 0, reads: 0, connections: 0, amended: 0 }
  const samples = new Map(PLACES.map(({ id }): [string, Sample[]] => [id, []]))
  await Promise.all([
    publishing(processes, endMs, done),
    reading(processes, endMs, done),
    connecting(processes, endMs, done),
    sampling(processes, endMs, samples),
  ])
  const figures = [...samples].flatMap(([id, seen]) => figuresOf(id, seen))
  await processes.tearDown()
  return [
    ...figures,
    {
      part: 'soak',
      figure: 'records published one by one',
      value: done.published,
      unit: '',
      note: `and ${done.reads} lookups, ${done.connections} connections, ${done.amended} amendments in ${minutes} minutes`,
    },
  ]
}

interface Done {
  published: number
  reads: number
  connections: number
  amended: number
}

async function publishing(processes: Processes, endMs: number, done: Done): Promise<void> {
  const channel = await processes.channel(COUNTY.id, 'client-bench')
  const client = channel.client(RecordService)
  while (performance.now() < endMs) {
    const records = [industryRecord(done.published, { prefix: 'soak' })]
    const answer = await client.publish(
      {
        item: INDUSTRY_ITEM,
        provider: BODY,
        targets: ['330000/**'],
        records,
        requestId: `soak-${done.published}`,
      },
      CALL,
    )
    if (answer.refusal) throw new Error(answer.refusal.message)
    if (done.published++ % AMEND_EVERY === 0) {
      await client.amend(
        { changes: [{ action: 'withdraw', batchId: answer.batchId, index: 0, basis: 'soak' }] },
        CALL,
      )
      done.amended++
    }
    await pause(PUBLISH_MS)
  }
  channel.close()
}

async function reading(processes: Processes, endMs: number, done: Done): Promise<void> {
  const channel = await processes.channel(PROVINCE.id, 'client-bench')
  const client = channel.client(RecordService)
  while (performance.now() < endMs) {
    await client.getRecords(
      { recordId: `soak-${Math.floor(Math.random() * (done.published + 1))}` },
      CALL,
    )
    done.reads++
    await pause(READ_MS)
  }
  channel.close()
}

/** Departments that connect for one call, and operators who look. */
async function connecting(processes: Processes, endMs: number, done: Done): Promise<void> {
  while (performance.now() < endMs) {
    const channel = await processes.channel(CITY.id, 'client-bench')
    await channel.client(RecordService).getRecords({ recordId: 'nothing' }, CALL)
    channel.close()
    done.connections++
    await pause(CONNECT_MS)
  }
}

async function sampling(
  processes: Processes,
  endMs: number,
  samples: ReadonlyMap<string, Sample[]>,
): Promise<void> {
  while (performance.now() < endMs) {
    for (const [id, seen] of samples) {
      const { pid } = processes.running.get(id)!.child
      seen.push({
        ownBytes: (await residentOf(pid!)).own,
        handles: (await readdir(`/proc/${pid}/fd`)).length,
      })
    }
    await pause(SAMPLE_MS)
  }
}

function figuresOf(id: string, samples: readonly Sample[]): Figure[] {
  const quarter = Math.ceil(samples.length / 4)
  const least = [0, 1, 2, 3].map((i) =>
    Math.min(...samples.slice(i * quarter, (i + 1) * quarter).map(({ ownBytes }) => ownBytes)),
  )
  const handles = samples.map((one) => one.handles)
  return [
    {
      part: 'soak',
      figure: `${id}: own memory, least of the last quarter`,
      value: least[3]! / 1e6,
      unit: 'MB',
      note: `quarters before: ${least
        .slice(0, 3)
        .map((bytes) => (bytes / 1e6).toFixed(1))
        .join(', ')} MB; handles ${Math.min(...handles)} to ${Math.max(...handles)}`,
    },
  ]
}
