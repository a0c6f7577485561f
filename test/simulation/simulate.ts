/** `npm run simulate -- --seed N --histories N`: random histories, one after the other; a seed that fails is printed, and replays. */
import { parseArgs } from 'node:util'
import { HistoryFailed, runHistory } from './history.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string', default: '100' },
    log: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed)
const histories = Number(values.histories)
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(histories) || histories < 1) {
  process.stderr.write('usage: npm run simulate -- [--seed N] [--histories N] [--short] [--log]\n')
  process.exit(2)
}
const failed: number[] = []
for (let seed = first; seed < first + histories; seed++) {
  try {
    const begin = process.cpuUsage()
    const report = await runHistory(String(seed), values)
    const { user } = process.cpuUsage(begin)
    if (!values.quiet)
      process.stdout.write(
        `seed ${seed}: ${report.nodes} nodes, ${report.acknowledged} batches, ${report.amended} amended, ${report.kills} kills, ${report.cuts} cuts, ${report.rotations} rotations, ${report.steps} steps, ${report.seconds} s in ${(user / 1e6).toFixed(2)} s\n`,
      )
  } catch (error) {
    if (!(error instanceof HistoryFailed)) throw error
    failed.push(seed)
    process.stdout.write(`${error.message}\n`)
    if (values.log) process.stdout.write(`${error.lines.join('\n')}\n`)
  }
}
process.stdout.write(
  `${histories - failed.length} histories held, ${failed.length} failed${failed.length > 0 ? `: npm run simulate -- --seed ${failed[0]!} --histories 1${values.short ? ' --short' : ''} --log (all: ${failed.join(' ')})` : ''}\n`,
)
process.exitCode = failed.length > 0 ? 1 : 0
