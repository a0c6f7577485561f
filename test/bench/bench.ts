/**
 * `npm run bench`: every part of the system beside what the machine can do; every node in a process of its
 * own, mutual TLS, everything durable before it is acknowledged, full validation. Arguments: names of parts
 * (without: all but `memory` and `soak`), and
 *
 *   --records N         records of each part that moves records; 200,000
 *   --log-size N[,N]    entries of the logs of part log; 10,000, 100,000 and 1,000,000
 *   --log-folder DIR    keeps those logs there for the next run
 *   --minutes N         how long part soak takes; 120
 *   --json              figures as JSON
 */
import { parseArgs } from 'node:util'
import { catchUp } from './catch-up.ts'
import { fanOut, liveFanOut } from './fan-out.ts'
import { type Figure, formatFigure, type Part } from './figure.ts'
import { idle } from './idle.ts'
import { ingest } from './ingest.ts'
import { measureLimits } from './limits.ts'
import { log } from './log.ts'
import { memory } from './memory.ts'
import { query } from './query.ts'
import { relay } from './relay.ts'
import { soak } from './soak.ts'
import { trickle } from './trickle.ts'

interface Choice {
  readonly run: Part
  /** Moves records over links: the raw stream is measured beside it. */
  readonly network?: boolean
  readonly byNameOnly?: boolean
}

const parts: Readonly<Record<string, Choice>> = {
  log: { run: log },
  ingest: { run: ingest, network: true },
  query: { run: query },
  relay: { run: relay, network: true },
  'fan-out': { run: fanOut, network: true },
  'fan-out-live': { run: liveFanOut, network: true },
  'catch-up': { run: catchUp, network: true },
  trickle: { run: trickle },
  idle: { run: idle },
  memory: { run: memory, network: true, byNameOnly: true },
  soak: { run: soak, byNameOnly: true },
}

const { values: flags, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '200000' },
    'log-size': { type: 'string', default: '10000,100000,1000000' },
    'log-folder': { type: 'string' },
    minutes: { type: 'string', default: '120' },
    json: { type: 'boolean', default: false },
  },
})
const unknown = named.filter((name) => !(name in parts))
if (unknown.length > 0) {
  process.stderr.write(
    `there is no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}\n`,
  )
  process.exit(2)
}
const chosen = Object.entries(parts)
  .filter(([name, { byNameOnly }]) => (named.length === 0 ? !byNameOnly : named.includes(name)))
  .map(([, choice]) => choice)
const figures: Figure[] = []

function take(more: readonly Figure[]): void {
  figures.push(...more)
  if (!flags.json) process.stdout.write(more.map(formatFigure).join(''))
}

const start = performance.now()
const limits = await measureLimits(process.env['TMPDIR'] ?? '/tmp', {
  network: chosen.some(({ network }) => network),
})
take([
  {
    part: 'limits',
    figure: 'sequential write with fdatasync, 256 KB each',
    value: limits.diskBytesPerSecond / 1e6,
    unit: 'MB/s',
  },
  { part: 'limits', figure: 'fdatasync of 4 KB', value: limits.syncMs, unit: 'ms' },
  { part: 'limits', figure: 'SHA-256 of 250 bytes', value: limits.hashesPerSecond, unit: '/s' },
  ...(limits.streamBytesPerSecond > 0
    ? [
        {
          part: 'limits',
          figure: 'grpc-js stream, mutual TLS, 256 KB messages',
          value: limits.streamBytesPerSecond / 1e6,
          unit: 'MB/s',
        },
      ]
    : []),
])
const logSizes = flags['log-size'].split(',').map(BigInt)
for (const { run } of chosen)
  take(
    await run({
      records: Number(flags.records),
      logSizes,
      logFolder: flags['log-folder'],
      minutes: Number(flags.minutes),
      limits,
    }),
  )
take([
  { part: 'all', figure: 'the whole run', value: (performance.now() - start) / 1000, unit: 's' },
])
if (flags.json) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`)
process.exit(0)
