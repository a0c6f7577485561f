/** A process of its own for the tests of the store: opens a folder, and writes until the system lets it no more. */
import { isHuxinError } from '../../src/base/errors.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'

const [folder = '', count = '0'] = process.argv.slice(2)
const said: string[] = []
const keep = async (doing: () => Promise<unknown>): Promise<boolean> => {
  try {
    await doing()
    return true
  } catch (error) {
    said.push(isHuxinError(error) ? error.code : `not a HuxinError: ${String(error)}`)
    return false
  }
}
let written = 0
await keep(async () => {
  const store = await levelEngine.open(folder, { create: true })
  const round = (i: number) =>
    store.commit([
      { key: Buffer.from(`a${i}`), value: Buffer.alloc(40_000, i) },
      { key: Buffer.from(`b${i}`), value: Buffer.alloc(40_000, i) },
    ])
  while (written < Number(count) && (await keep(() => round(written)))) written++
  if (written < Number(count)) {
    await keep(() => round(written))
    await keep(() => store.write([{ key: Buffer.from('c'), value: Buffer.alloc(1) }]))
  }
  await store.close()
})
process.stdout.write(JSON.stringify({ written, said }))
