/** Damaged tables: LevelDB would end this process where it reads a sector of zeros among its keys. */
import t, { type Test } from 'tap'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import { findTableDamage } from '../../src/store/leveldb/table-files.ts'
import { codeOf } from '../support/checks.ts'

const random = new SeededRandom('tables')
const key = (i: number): Buffer => Buffer.from(`k${String(i).padStart(4, '0')}`)
const SECTOR = 512
const ROWS = 60

/** A database whose rows are in one table, and that was closed. */
async function made(t: Test): Promise<{ folder: string; name: string; table: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-tables-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const store = await levelEngine.open(folder, { create: true })
  for (let i = 0; i < ROWS; i++)
    await store.commit([{ key: key(i), value: random.fill(new Uint8Array(150)) }])
  await store.destroyDeleted({ gte: Buffer.of(0), lt: Buffer.of(0xff) })
  await store.close()
  const [name, ...others] = (await readdir(folder)).filter((one) => /\.(ldb|sst)$/.test(one))
  t.same(others, [])
  return { folder, name: name!, table: await readFile(join(folder, name!)) }
}

const opens = (folder: string, whole = false): Promise<string> =>
  codeOf(levelEngine.open(folder, { create: false, whole }).then((store) => store.close()))

t.test(
  'bits of a table turned are found, but in the end that says nothing; where others are found by it, without reading the rest',
  async (t) => {
    const { folder, name, table } = await made(t)
    t.equal(await findTableDamage(folder, { whole: true }), undefined)
    const file = join(folder, name)
    const missed: number[] = []
    const quick: number[] = []
    for (let bit = 0; bit < table.length * 8; bit += 53) {
      const byte = table[bit >> 3]!
      const handle = await open(file, 'r+')
      await handle.write(Buffer.of(byte ^ (1 << (bit & 7))), 0, 1, bit >> 3)
      if (!(await findTableDamage(folder, { whole: true }))) missed.push(bit >> 3)
      else if (await findTableDamage(folder, { whole: false })) quick.push(bit >> 3)
      await handle.write(Buffer.of(byte), 0, 1, bit >> 3)
      await handle.close()
    }
    t.same(
      missed.filter((at) => at < table.length - 48),
      [],
    )
    t.ok(
      missed.every((at) => table[at] === 0),
      'what is missed is filled up with zeros before the last eight bytes',
    )
    t.ok(
      quick.length > 20 && quick.length < table.length / 53,
      `${quick.length} turned bits lead to the rest`,
    )
    t.equal(await findTableDamage(folder, { whole: true }), undefined)
  },
)

t.test(
  'a table with a sector of zeros, or cut off anywhere, is refused with its place and what to do, and never read',
  async (t) => {
    const { folder, name, table } = await made(t)
    const file = join(folder, name)
    for (let at = 0; at < table.length - SECTOR; at += SECTOR) {
      await writeFile(
        file,
        Buffer.concat([table.subarray(0, at), Buffer.alloc(SECTOR), table.subarray(at + SECTOR)]),
      )
      t.equal(await opens(folder, true), 'store_corrupt', `zeros from ${at} on`)
    }
    for (const length of [0, 1, 47, 48, 4_000, table.length - 1]) {
      await writeFile(file, table)
      await truncate(file, length)
      t.equal(await opens(folder), 'store_corrupt', `${length} bytes`)
    }
    await writeFile(
      file,
      Buffer.concat([table.subarray(0, 600), Buffer.alloc(SECTOR), table.subarray(600 + SECTOR)]),
    )
    await t.rejects(levelEngine.open(folder, { create: false, whole: true }), {
      message: /table .* is damaged at byte \d+.*huxin node recover, or restore the newest backup/,
    })
    await writeFile(file, table)
    t.equal(await opens(folder, true), '')
  },
)

t.test(
  'after a process that did not close it a database is checked whole, by itself',
  async (t) => {
    const { folder, name, table } = await made(t)
    const killed = `${folder}-killed`
    t.teardown(() => rm(killed, { recursive: true, force: true }))
    const store = await levelEngine.open(folder, { create: false })
    await cp(folder, killed, { recursive: true })
    await store.close()
    t.equal(await opens(killed), '', 'one that is whole opens')
    await cp(folder, killed, { recursive: true })
    await writeFile(
      join(killed, name),
      Buffer.concat([table.subarray(0, 600), Buffer.alloc(SECTOR), table.subarray(600 + SECTOR)]),
    )
    // It was closed since: only what leads to the rest is read, and the damage is met by whoever reads there.
    const script = fileURLToPath(new URL('reading-child.js', import.meta.url))
    const ended = await promisify(execFile)(process.execPath, [
      script,
      killed,
      ...Array.from({ length: ROWS }, (_, i) => key(i).toString()),
    ]).then(
      () => 'read',
      () => 'ended',
    )
    t.equal(ended, 'ended', 'LevelDB ends the process')
    t.equal(await opens(killed), 'store_corrupt', 'the next start says why')
  },
)

t.test('any manifest and any table have an answer', async (t) => {
  const { folder, name, table } = await made(t)
  const manifest = (await readdir(folder)).find((one) => one.startsWith('MANIFEST'))!
  const stated = await readFile(join(folder, manifest))
  for (let i = 0; i < 300; i++) {
    const [file, good] = i % 2 === 0 ? [manifest, stated] : [name, table]
    const bad = Buffer.from(
      good.subarray(0, random.below(3) === 0 ? random.below(good.length) : good.length),
    )
    for (let n = random.below(6); n > 0 && bad.length > 0; n--)
      bad[random.below(bad.length)] = random.below(256)
    await writeFile(join(folder, file), bad)
    await findTableDamage(folder, { whole: true })
    await writeFile(join(folder, file), good)
  }
  t.equal(await findTableDamage(folder, { whole: true }), undefined)
})
