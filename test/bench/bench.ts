/**
 * `npm run bench`: ingest, relay, fan-out, catch-up, trickle; every node in a process of its own, mutual
 * TLS, everything durable before it is acknowledged, full validation. Flags: names of the parts to run,
 * --records N (per part), --json.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { loadConfig } from '../../src/node/config.ts'
import { systemRandom } from '../../src/base/random.ts'
import { Node } from '../../src/node/node.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { industryRecord, INDUSTRY_ITEM, many, NATIONAL_ITEM, nationalRecord } from '../support/records.ts'
import { type MachineLimits, measureLimits } from './limits.ts'

interface Figure {
  readonly part: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  readonly floor?: number
  readonly limit?: string
  readonly note?: string
}

const args = process.argv.slice(2)
const asJson = args.includes('--json')
const recordsAt = args.indexOf('--records')
const RECORDS = recordsAt < 0 ? 200_000 : Number(args[recordsAt + 1])
const parts = args.filter((arg, i) => !arg.startsWith('--') && (recordsAt < 0 || i !== recordsAt + 1))
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part)
const figures: Figure[] = []

/** Processes of a federation that was set up in this process and then closed. */
class Processes {
  readonly federation: TestFederation
  readonly ports = new Map<string, number>()
  readonly running = new Map<string, ChildProcess>()
  readonly #places: readonly Place[]

  private constructor(federation: TestFederation, places: readonly Place[]) {
    this.federation = federation
    this.#places = places
  }

  static async setUp(places: readonly Place[]): Promise<Processes> {
    const federation = await TestFederation.start(places)
    await federation.until('the catalog is everywhere', () => [...federation.nodes.values()].every((node) => node.context.ledger().catalog.item(INDUSTRY_ITEM)))
    const processes = new Processes(federation, places)
    for (const node of [...federation.nodes.values()].reverse()) await node.close()
    federation.nodes.clear()
    for (const place of places) {
      processes.ports.set(place.id, await freePort())
      await processes.#configure(place)
    }
    return processes
  }

  async #configure(place: Place): Promise<void> {
    const file = join(this.federation.folderOf(place.id), 'node.yaml')
    const text = await readFile(file, 'utf8')
    const { writeFile } = await import('node:fs/promises')
    const parent = place.parent === undefined ? text : text.replace(/address: .*/, `address: 127.0.0.1:${this.ports.get(place.parent)}`)
    await writeFile(file, parent.replace(/listen: .*/, `listen: 127.0.0.1:${this.ports.get(place.id)}`))
  }

  async start(ids: readonly string[] = this.#places.map(({ id }) => id)): Promise<void> {
    for (const id of ids) await this.spawn(id)
    for (const id of ids) await this.#ready(id)
  }

  async spawn(id: string): Promise<void> {
    const script = fileURLToPath(new URL('node-process.js', import.meta.url))
    const flags = [id, 'all'].includes(process.env['HUXIN_BENCH_PROF'] ?? '') ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof', `--cpu-prof-name=${id}.cpuprofile`] : []
    const child = spawn(process.execPath, [...(process.env['HUXIN_BENCH_FLAGS'] ?? '').split(' ').filter(Boolean), ...flags, script, this.federation.folderOf(id)], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.running.set(id, child)
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', (chunk) => { if (String(chunk).includes('listening')) resolve() })
      if (process.env['GCLOG']) child.stdout!.pipe(createWriteStream('/tmp/gc-' + id + '.log'))
      child.once('exit', (code) => reject(new Error(`node ${id} ended with ${code}`)))
    })
  }

  async #ready(id: string): Promise<void> {
    const status = await this.status(id)
    for (let i = 0; i < 500; i++) {
      const { state } = await status()
      if (state === 'serving' || state === 'degraded') return
      await pause(10)
    }
    throw new Error(`node ${id} does not come up`)
  }

  async channel(id: string, role: 'client-bench' | 'operator'): Promise<WireChannel> {
    const folder = join(this.federation.pki.folder, id)
    const { readdir } = await import('node:fs/promises')
    const file = (await readdir(folder)).find((name) => name.startsWith(role) && name.endsWith('.crt'))!
    const { material } = await loadTlsMaterial({
      certificateFile: join(folder, file), keyFile: join(folder, file.replace('.crt', '.key')), rootFiles: [join(this.federation.pki.folder, 'root.crt')],
    }, Date.now())
    return WireChannel.dial({ address: `127.0.0.1:${this.ports.get(id)}`, expectedNodeName: this.federation.name(id), material, clock: systemClock })
  }

  async status(id: string) {
    const admin = (await this.channel(id, 'operator')).client(AdminService)
    return () => admin.getStatus({}, { timeoutMs: 20_000 })
  }

  /** CPU seconds used so far by every node and by this process. */
  async cpuSeconds(): Promise<{ nodes: number; client: number }> {
    let ticks = 0
    for (const { pid } of this.running.values()) {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
    }
    const { user, system } = process.cpuUsage()
    return { nodes: ticks / 100, client: (user + system) / 1e6 }
  }

  async stop(ids: readonly string[] = [...this.running.keys()]): Promise<void> {
    for (const id of ids) {
      const child = this.running.get(id)
      this.running.delete(id)
      if (!child || child.exitCode !== null) continue
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.removeAllListeners('exit')
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      void ended
    }
  }

  async tearDown(): Promise<void> {
    await this.stop()
    await rm(this.federation.folder, { recursive: true, force: true })
  }
}

/** Publishes batches through RecordService, several calls in flight. */
async function send(processes: Processes, id: string, batches: { target: string; records: Uint8Array[]; batchClass?: string }[], inFlight: number): Promise<void> {
  const channel = await processes.channel(id, 'client-bench')
  const client = channel.client(RecordService)
  let next = 0
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (next < batches.length) {
      const { target, records, batchClass } = batches[next++]!
      const answer = await client.publish({ item: INDUSTRY_ITEM, provider: BODY, targets: [target], records, batchClass: batchClass ?? 'bulk' }, { timeoutMs: 60_000 })
      if (answer.refusal) throw new Error(answer.refusal.message)
    }
  }))
  channel.close()
}

function batchesOf(count: number, size: number, target: (i: number) => string): { target: string; records: Uint8Array[] }[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({ target: target(i), records: many(size, industryRecord, i * size) }))
}

async function untilRecords(status: () => Promise<{ recordCount: bigint }>, count: bigint): Promise<void> {
  while ((await status()).recordCount < count) await pause(40)
}

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const COUNTY: Place = { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] }

async function ingest(limits: MachineLimits): Promise<void> {
  for (const [size, count, inFlight] of [[1, 3_000, 64], [100, RECORDS / 4, 16], [1000, RECORDS, 8]] as const) {
    const processes = await Processes.setUp([PROVINCE])
    await processes.start()
    const status = await processes.status('330000')
    const batches = batchesOf(count, size, () => '330000')
    await send(processes, '330000', batchesOf(2 * size, size, () => '330000').map(({ target, records }) => ({ target, records: records.map((_, i) => industryRecord(i, { prefix: 'warm' })) })), 2)
    const bytes = batches[0]!.records[0]!.length
    const start = performance.now()
    await send(processes, '330000', batches, inFlight)
    const seconds = (performance.now() - start) / 1000
    let view = await status()
    while (view.indexedSize < view.logSize) {
      await pause(20)
      view = await status()
    }
    const indexed = (performance.now() - start) / 1000
    figures.push({
      part: 'ingest', figure: `${size} records a call`, value: count / seconds, unit: 'records/s', ...(size === 1000 ? { floor: 120_000 } : {}),
      limit: `disk ${rate(limits.diskBytesPerSecond / bytes)}, SHA-256 ${rate(limits.hashesPerSecond / 2)}`,
      note: `index caught up after ${(indexed - seconds).toFixed(2)} s more (${rate(count / indexed)} in all); ${Math.round(Number(view.memoryBytes) / 1e6)} MB`,
    })
    await processes.tearDown()
  }
}

async function relay(): Promise<void> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  await processes.start()
  const status = await processes.status('330000')
  const before = (await status()).recordCount
  const batches = batchesOf(RECORDS, 1000, () => '330000')
  const begun = performance.now()
  const cpu = await processes.cpuSeconds()
  await Promise.all([send(processes, '330106', batches, 4), untilRecords(status, before + BigInt(RECORDS))])
  const seconds = (performance.now() - begun) / 1000
  const hub = await status()
  const used = await processes.cpuSeconds()
  figures.push({ part: 'relay', figure: 'county → city → province, durable there', value: RECORDS / seconds, unit: 'records/s', floor: 60_000, note: `hub ${Math.round(Number(hub.memoryBytes) / 1e6)} MB; CPU ${(used.nodes - cpu.nodes).toFixed(1)} s in nodes, ${(used.client - cpu.client).toFixed(1)} s in client, of ${(2 * seconds).toFixed(1)} s` })
  await processes.tearDown()
}

async function fanOut(): Promise<void> {
  const children: Place[] = Array.from({ length: 11 }, (_, i) => ({ id: `33${String(i + 1).padStart(2, '0')}00`, tier: 'city', parent: '330000', divisions: [`33${String(i + 1).padStart(2, '0')}00`] }))
  const processes = await Processes.setUp([PROVINCE, ...children])
  await processes.start()
  const statuses = await Promise.all(children.map(({ id }) => processes.status(id)))
  const counts = await Promise.all(statuses.map(async (status) => (await status()).recordCount))
  const deliver = async (batches: { target: string; records: Uint8Array[] }[]): Promise<void> => {
    for (const [k, { id }] of children.entries()) counts[k] = counts[k]! + BigInt(batches.filter(({ target }) => target === id).length * 1000)
    await send(processes, '330000', batches, 8)
  }
  const arrived = (): Promise<unknown> => Promise.all(statuses.map((status, k) => untilRecords(status, counts[k]!)))
  // Nodes that have run for a while stand still, as if they were cut off, until the hub has everything.
  await deliver(batchesOf(88_000, 1000, (i) => children[i % 11]!.id))
  await arrived()
  for (const { id } of children) processes.running.get(id)!.kill('SIGSTOP')
  await deliver(batchesOf(RECORDS, 1000, (i) => children[i % 11]!.id).map(({ target, records }, k) => ({ target, records: records.map((_, i) => industryRecord(1000 * k + i, { prefix: 'f' })) })))
  await waitIndexed(processes, '330000')
  const cpu = await processes.cpuSeconds()
  const start = performance.now()
  for (const { id } of children) processes.running.get(id)!.kill('SIGCONT')
  await arrived()
  const seconds = (performance.now() - start) / 1000
  const used = await processes.cpuSeconds()
  figures.push({ part: 'fan-out', figure: 'one hub, 11 children, in all', value: RECORDS / seconds, unit: 'records/s', floor: 120_000, note: `CPU ${(used.nodes - cpu.nodes).toFixed(1)} s of ${(2 * seconds).toFixed(1)} s` })
  await processes.tearDown()
}

async function liveFanOut(): Promise<void> {
  const children: Place[] = Array.from({ length: 11 }, (_, i) => ({ id: `33${String(i + 1).padStart(2, '0')}00`, tier: 'city', parent: '330000', divisions: [`33${String(i + 1).padStart(2, '0')}00`] }))
  const processes = await Processes.setUp([PROVINCE, ...children])
  await processes.start()
  const statuses = await Promise.all(children.map(({ id }) => processes.status(id)))
  const before = await Promise.all(statuses.map(async (status) => (await status()).recordCount))
  const batches = batchesOf(RECORDS, 1000, (i) => children[i % 11]!.id)
  const due = children.map((_, k) => BigInt(batches.filter((_batch, i) => i % 11 === k).length * 1000))
  const start = performance.now()
  await Promise.all([send(processes, '330000', batches, 8), ...statuses.map((status, k) => untilRecords(status, before[k]! + due[k]!))])
  const seconds = (performance.now() - start) / 1000
  figures.push({ part: 'fan-out', figure: 'while the hub takes them in', value: RECORDS / seconds, unit: 'records/s' })
  await processes.tearDown()
}

async function catchUp(): Promise<void> {
  const processes = await Processes.setUp([PROVINCE, CITY])
  await processes.start()
  const before = (await (await processes.status('330100'))()).recordCount
  await processes.stop(['330100'])
  await send(processes, '330000', batchesOf(RECORDS, 1000, () => '330100'), 8)
  await waitIndexed(processes, '330000')
  await processes.start(['330100'])
  const start = performance.now()
  await untilRecords(await processes.status('330100'), before + BigInt(RECORDS))
  const seconds = (performance.now() - start) / 1000
  figures.push({ part: 'catch-up', figure: `child away while ${RECORDS} records gather`, value: RECORDS / seconds, unit: 'records/s', floor: 120_000 })
  await processes.tearDown()
}

const WARM_RECORDS = 4_000

/** The province runs in this process, so that one clock times both ends. */
async function trickle(): Promise<void> {
  const processes = await Processes.setUp([PROVINCE, CITY, COUNTY])
  const province = await Node.start({
    config: await loadConfig(processes.federation.folderOf('330000')), clock: systemClock, random: systemRandom,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  await processes.start(['330100', '330106'])
  const count = 1_000
  const sent: number[] = []
  const arrived: number[] = []
  const { context } = province
  // A node that has just started compiles its code while it works: one that has run for a while is measured.
  const warm = Array.from({ length: WARM_RECORDS }, (_, i) => ({ target: '330000', records: [industryRecord(i, { prefix: 'warm' })], batchClass: 'normal' }))
  const cold = context.ledger().recordCount
  await Promise.all([send(processes, '330106', warm, 32), (async () => {
    while (context.ledger().recordCount < cold + BigInt(WARM_RECORDS)) await pause(20)
  })()])
  await pause(1_000)
  const base = context.ledger().recordCount
  const watching = (async () => {
    while (arrived.length < count) {
      await context.changes.next('normal', 5_000)
      const now = performance.now()
      while (base + BigInt(arrived.length) < context.ledger().recordCount) arrived.push(now)
    }
  })()
  const channel = await processes.channel('330106', 'client-bench')
  const client = channel.client(RecordService)
  const cpu = await processes.cpuSeconds()
  const begin = performance.now()
  const calls: Promise<unknown>[] = []
  for (let i = 0; i < count; i++) {
    const due = begin + i * 10
    const wait = due - performance.now()
    if (wait > 0) await pause(wait)
    sent.push(performance.now())
    calls.push(client.publish({ item: INDUSTRY_ITEM, provider: BODY, targets: ['330000'], records: [industryRecord(i)] }, { timeoutMs: 20_000 }))
  }
  await Promise.all(calls)
  await watching
  const used = await processes.cpuSeconds()
  const latencies = sent.map((time, i) => arrived[i]! - time).sort((a, b) => a - b)
  const at = (q: number): number => latencies[Math.floor(latencies.length * q)]!
  figures.push({ part: 'trickle', figure: '100 single records/s over two hops, p50', value: at(0.5), unit: 'ms', note: `CPU ${(used.nodes - cpu.nodes).toFixed(1)} s in city and county, ${(used.client - cpu.client).toFixed(1)} s in province and client, of ${((2 * (performance.now() - begin)) / 1000).toFixed(1)} s` })
  figures.push({ part: 'trickle', figure: 'the same, p99', value: at(0.99), unit: 'ms', floor: 25, note: 'goal 8 ms; lower is better' })
  channel.close()
  await processes.stop()
  await province.close()
  await processes.tearDown()
}

async function idle(): Promise<void> {
  const processes = await Processes.setUp([PROVINCE, CITY])
  await processes.start()
  await pause(1_000)
  const { memoryBytes } = await (await processes.status('330100'))()
  figures.push({ part: 'idle', figure: 'memory of an idle node', value: Number(memoryBytes) / 1e6, unit: 'MB', floor: 150 })
  await processes.tearDown()
}

async function waitIndexed(processes: Processes, id: string): Promise<void> {
  const status = await processes.status(id)
  for (let view = await status(); view.indexedSize < view.logSize; view = await status()) await pause(20)
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function rate(value: number): string {
  return `${Math.round(value / 1000)} k/s`
}

const scratch = process.env['TMPDIR'] ?? '/tmp'
const limits = measureLimits(scratch)
figures.push({ part: 'limits', figure: 'sequential write with fdatasync, 256 KB each', value: limits.diskBytesPerSecond / 1e6, unit: 'MB/s' })
figures.push({ part: 'limits', figure: 'fdatasync of 4 KB', value: limits.syncMs, unit: 'ms' })
figures.push({ part: 'limits', figure: 'SHA-256 of 250 bytes', value: limits.hashesPerSecond, unit: '/s' })
if (wants('ingest')) await ingest(limits)
if (wants('relay')) await relay()
if (wants('fan-out')) await fanOut()
if (wants('fan-out-live')) await liveFanOut()
if (wants('catch-up')) await catchUp()
if (wants('trickle')) await trickle()
if (wants('idle')) await idle()
if (asJson) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`)
else {
  for (const { part, figure, value, unit, floor, limit, note } of figures) {
    const shown = value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1)
    process.stdout.write(`${part.padEnd(10)} ${figure.padEnd(46)} ${shown.padStart(12)} ${unit.padEnd(10)}${floor === undefined ? '' : ` floor ${floor.toLocaleString('en-US')}`}${limit ? `  limit: ${limit}` : ''}${note ? `  (${note})` : ''}\n`)
  }
}
void NATIONAL_ITEM
void nationalRecord
process.exit(0)
