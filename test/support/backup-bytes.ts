/**
 * A script: `node backup-bytes.js <folder>` makes a database of large values, backs it up, and prints by how many
 * megabytes this process grew meanwhile, and how many the backup has. In a process of its own, because memory is the process's.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/random.ts'
import { newFileKey } from '../../src/archive/file-key.ts'
import { writeBackup } from '../../src/node/backup.ts'
import type { NodeConfig } from '../../src/node/config.ts'
import { tuneMemory } from '../../src/node/memory.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'

const VALUES = 100
const VALUE_BYTES = 3_300_000

/** Megabytes of this process that are no files. */
async function anonymousMb(): Promise<number> {
  const kb = /^RssAnon:\s+(\d+)/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1]
  return Math.round(Number(kb) / 1_000)
}

tuneMemory()
const [folder = ''] = process.argv.slice(2)
const store = await levelEngine.open(join(folder, 'db'), { create: true })
const random = new SeededRandom('values')
const value = random.fill(new Uint8Array(VALUE_BYTES))
for (let i = 0; i < VALUES; i++)
  await store.write([{ key: Buffer.from(`k${String(i).padStart(4, '0')}`), value }])
const key = await newFileKey({ kind: 'key', bytes: random.fill(new Uint8Array(32)) })
const idle = await anonymousMb()
let peak = idle
let looking: Promise<unknown> = Promise.resolve()
const source = {
  config: { folder, node: 'zj.example/330000' } as NodeConfig,
  epoch: 1,
  log: { signed: { size: 0n, root: new Uint8Array(32), note: new Uint8Array() } },
  store,
}
let mb = 0
await writeBackup(
  source as unknown as Parameters<typeof writeBackup>[0],
  join(folder, 'made'),
  key,
  {
    onProgress: (bytes) => {
      mb = Math.round(bytes / 1e6)
      looking = looking.then(anonymousMb).then((now) => {
        peak = Math.max(peak, now)
      })
    },
  },
)
await looking
await store.close()
process.stdout.write(JSON.stringify({ grown: peak - idle, mb }))
