/** A process of its own that opens a folder and reads keys, which LevelDB may end: `node reading-child.js <folder> <key> …` */
import { levelEngine } from '../../src/store/leveldb/engine.ts'

const [folder = '', ...keys] = process.argv.slice(2)
const store = await levelEngine.open(folder, { create: false })
for (const key of keys) await store.get(Buffer.from(key)).catch(() => undefined)
await store.close()
