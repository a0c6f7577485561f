/** Reads a table and prints the most live memory that it took. A script of its own, for --expose-gc. */
import { openTable } from '../../src/intake/open.ts'
import { starterItems } from '../../src/record/data/items.ts'

const file = process.argv[2]!
let peakBytes = 0
let rows = 0
for await (const row of (
  await openTable(file, { item: starterItems[0]!, encoding: 'auto', ignoreExtra: false })
).rows) {
  if (row.fault) throw new Error(`line ${row.line} cannot be read`)
  if (++rows % 5_000 > 0) continue
  globalThis.gc!()
  const { heapUsed, external } = process.memoryUsage()
  peakBytes = Math.max(peakBytes, heapUsed + external)
}
process.stdout.write(JSON.stringify({ peakBytes, rows }))
