/** A process of its own that opens a folder and reads keys, which LevelDB may end: `node reading-child.js <folder> <key> …` */
import { openStore } from '../../src/store/leveldb/engine.ts'

const [folder = '', ...keys] = process.argv.slice(2)
const store = await openStore(folder, { create: false })
for (const key of keys) await store.get(Buffer.from(key)).catch(() => undefined)
await store.close()
