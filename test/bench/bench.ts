/**
 * `npm run bench`: every part of the system beside what the machine can do; every node in a process of its
 * own, mutual TLS, everything durable before it is acknowledged, full validation. Arguments: names of the
 * parts to run, --records N (per part), --json.
 */
import { catchUp } from './catch-up.ts'
import { fanOut, liveFanOut } from './fan-out.ts'
import { type Figure, formatFigure, type Part } from './figure.ts'
import { idle } from './idle.ts'
import { ingest } from './ingest.ts'
import { measureLimits } from './limits.ts'
import { relay } from './relay.ts'
import { trickle } from './trickle.ts'

const parts: Readonly<Record<string, Part>> = {
  ingest, relay, 'fan-out': fanOut, 'fan-out-live': liveFanOut, 'catch-up': catchUp, trickle, idle,
}

const args = process.argv.slice(2)
const asJson = args.includes('--json')
const recordsAt = args.indexOf('--records')
const records = recordsAt < 0 ? 200_000 : Number(args[recordsAt + 1])
const named = args.filter((arg, i) => !arg.startsWith('--') && (recordsAt < 0 || i !== recordsAt + 1))
const figures: Figure[] = []

function take(more: readonly Figure[]): void {
  figures.push(...more)
  if (!asJson) process.stdout.write(more.map(formatFigure).join(''))
}

const limits = measureLimits(process.env['TMPDIR'] ?? '/tmp')
take([
  { part: 'limits', figure: 'sequential write with fdatasync, 256 KB each', value: limits.diskBytesPerSecond / 1e6, unit: 'MB/s' },
  { part: 'limits', figure: 'fdatasync of 4 KB', value: limits.syncMs, unit: 'ms' },
  { part: 'limits', figure: 'SHA-256 of 250 bytes', value: limits.hashesPerSecond, unit: '/s' },
])
for (const [name, run] of Object.entries(parts)) if (named.length === 0 || named.includes(name)) take(await run({ records, limits }))
if (asJson) process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`)
process.exit(0)
