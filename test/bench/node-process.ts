/** One node in a process of its own, for benchmarks: `node node-process.js <folder>`; stops at SIGTERM. */
import { loadConfig } from '../../src/node/config.ts'
import { tuneMemory } from '../../src/node/memory.ts'
import { Node } from '../../src/node/node.ts'
import { systemPorts } from '../../src/node/system-ports.ts'

const quiet = { debug: () => undefined, info: () => undefined, warn: report, error: report }
tuneMemory()
const node = await Node.start({
  config: await loadConfig(process.argv[2]!),
  ...systemPorts,
  log: quiet,
})
process.stdout.write(`listening ${node.port}\n`)
process.on('SIGTERM', () => {
  void node.close().then(() => process.exit(0))
})

function report(fields: object, message: string): void {
  if (process.env['HUXIN_BENCH_LOG'])
    process.stderr.write(`${process.argv[2]} ${message} ${JSON.stringify(fields)}\n`)
}
