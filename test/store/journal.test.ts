import t, { type Test } from 'tap'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/random.ts'
import { crc32c, findDamage } from '../../src/store/leveldb/journal.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import { codeOf } from '../support/checks.ts'

const BLOCK = 32_768
const random = new SeededRandom('journal')
const bytes = (count: number): Buffer => Buffer.from(random.fill(new Uint8Array(count)))

interface Made {
  readonly folder: string
  readonly file: string
  readonly journal: Buffer
}

/** A database that was stopped: one commit for each size, all of them in its journal. */
async function made(t: Test, sizes: readonly number[]): Promise<Made> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-journal-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const store = await levelEngine.open(folder, { create: true })
  for (const [i, size] of sizes.entries())
    await store.commit([{ key: Buffer.from(`k${i}`), value: bytes(size) }])
  await store.close()
  const file = join(
    folder,
    (await readdir(folder)).find((name) => /^\d+\.log$/.test(name))!,
  )
  return { folder, file, journal: await readFile(file) }
}

/** Where the records begin and end. */
function records(journal: Buffer): { at: number; end: number }[] {
  const found = []
  for (let at = 0; at + 7 <= journal.length;) {
    const end = at + 7 + journal.readUInt16LE(at + 4)
    found.push({ at, end })
    at = BLOCK - (end % BLOCK) < 7 ? Math.ceil(end / BLOCK) * BLOCK : end
  }
  return found
}

function turned(journal: Buffer, bit: number): Buffer {
  const other = Buffer.from(journal)
  other[bit >> 3]! ^= 1 << (bit & 7)
  return other
}

t.test('CRC-32C has the values of RFC 3720, B.4', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
})

t.test('each bit of a journal turned: it is found unless it is in the last record', async (t) => {
  const { journal } = await made(t, [1, 40, 200, 3, 90])
  const last = records(journal).at(-1)!
  t.equal(findDamage(journal), undefined)
  const missed: number[] = []
  for (let bit = 0; bit < journal.length * 8; bit++) {
    const at = findDamage(turned(journal, bit))
    const record = records(journal).find(({ end }) => bit >> 3 < end)!
    // Of the last one only its length tells that it was whole.
    const found = record.at === last.at ? [undefined, last.at].includes(at) : at === record.at
    if (!found) missed.push(bit)
  }
  t.same(missed, [])
})

t.test(
  'bits turned in a journal of many blocks: every one is found, where its record begins',
  async (t) => {
    const { journal } = await made(t, [100, 32_000, 700, 32_734, 100_000, 5, 40_000, 20])
    const all = records(journal)
    t.equal(findDamage(journal), undefined)
    const last = all.at(-1)!
    const missed: string[] = []
    const look = (bit: number): void => {
      const record = all.find(({ at, end }) => bit >> 3 >= at && bit >> 3 < end)
      const at = findDamage(turned(journal, bit))
      // What is left over at the end of a block is never read.
      if (at !== record?.at) missed.push(`bit ${bit} of the record at ${record?.at}: ${at}`)
    }
    for (const { at } of all.filter((record) => record !== last))
      for (let bit = 0; bit < 56; bit++) look(at * 8 + bit)
    for (let i = 0; i < 400; i++) look(random.below(last.at * 8))
    t.same(missed, [])
  },
)

t.test('a journal cut off anywhere is torn and not damaged, and opens', async (t) => {
  const { folder, file, journal } = await made(t, [100, 33_000, 400, 20])
  const found = []
  for (let length = 0; length <= journal.length; length++)
    if (length < 300 || length > BLOCK - 300) found.push(findDamage(journal.subarray(0, length)))
  t.same(
    found.filter((at) => at !== undefined),
    [],
  )
  for (const length of [journal.length - 5, BLOCK + 3, 90]) {
    await writeFile(file, journal.subarray(0, length))
    const copy = await levelEngine.open(folder, { create: false })
    t.equal(await copy.get(Buffer.from('k3')), undefined)
    await copy.close()
    for (const name of await readdir(folder)) await rm(join(folder, name))
    await (await levelEngine.open(folder, { create: true })).close()
  }
})

t.test(
  'what was not written is zeros, also when what came after it was written: that is no damage',
  async (t) => {
    const { journal } = await made(t, [5_000, 5_000, 70_000, 50])
    const found = []
    for (let sector = 0; sector < journal.length; sector += 512) {
      const hole = Buffer.from(journal)
      hole.fill(0, sector, Math.min(sector + 512, hole.length))
      found.push(findDamage(hole))
    }
    t.same(
      found.filter((at) => at !== undefined),
      [],
    )
    t.equal(
      findDamage(Buffer.concat([journal, Buffer.alloc(70_000)])),
      undefined,
      'a file that is longer than what was written',
    )
  },
)

t.test('sectors of zeros before a commit that was acknowledged are damage', async (t) => {
  const sizes = [5_000, 60_000, 5_000, 70_000, 50, 40_000, 300]
  const { journal } = await made(t, sizes)
  const all = records(journal)
  /** Where the commit of each key ends. */
  const ends = sizes.map((_, i) => {
    let at = -1
    for (let found = -1; at < i; found++)
      if ([1, 4].includes(journal[all[found + 1]!.at + 6]!) && ++at === i)
        return all[found + 1]!.end
    return 0
  })
  const isOf =
    (i: number) =>
    (key: Uint8Array): boolean =>
      Buffer.from(key).toString() === `k${i}`
  let found = 0
  for (const [i, end] of ends.entries()) {
    for (let sector = 0; sector < journal.length; sector += 512) {
      const hole = Buffer.from(journal)
      hole.fill(0, sector, Math.min(sector + 512, hole.length))
      const at = findDamage(hole, isOf(i))
      t.equal(findDamage(hole), undefined, 'of what was not acknowledged it may be the end')
      if (at === undefined) continue
      found++
      t.ok(at <= sector + 512 && sector < end, `k${i} after a hole at ${sector}: ${at}`)
    }
  }
  // LevelDB reads on in the next block: from there on a commit that is whole tells.
  const hole = Buffer.from(journal)
  hole.fill(0, 1_024, 1_536)
  t.equal(findDamage(hole, isOf(6)), 0)
  t.equal(findDamage(hole, isOf(0)), undefined, 'its own loss is seen in the size of the log')
  t.ok(found > 100, `${found}`)
  t.equal(
    findDamage(journal, () => true),
    undefined,
  )
})

t.test('any bytes have an answer', async (t) => {
  for (let i = 0; i < 300; i++)
    t.equal(
      findDamage(bytes(random.below(70_000)), () => true),
      undefined,
    )
})

t.test('a database with a damaged journal is not opened, and stays as it is', async (t) => {
  const { folder, file, journal } = await made(t, [100, 200, 300])
  await writeFile(file, turned(journal, 8 * 40))
  const before = await readdir(folder)
  t.equal(await codeOf(levelEngine.open(folder, { create: false })), 'store_corrupt')
  await t.rejects(levelEngine.open(folder, { create: false }), {
    message: /000003\.log is damaged at byte 0, and whole commits follow/,
  })
  t.same(await readdir(folder), before)
  await writeFile(file, journal)
  const store = await levelEngine.open(folder, { create: false })
  t.equal((await store.get(Buffer.from('k2')))?.length, 300)
  await store.close()
})
