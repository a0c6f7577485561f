/** The checkpoint beside the database: torn writes, one after the other, never cost the newest one that was whole. */
import t, { type Test } from 'tap'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/random.ts'
import { lastSignedTree } from '../../src/log/log.ts'
import { type CheckpointSlot, openSlot } from '../../src/log/slot.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { formatSignerKey, parseSignerKey } from '../../src/note/key.ts'
import { codeOf } from '../support/checks.ts'

const NAME = 'zj.example/330000'
const origin = `${NAME}/1`
const signer = parseSignerKey(formatSignerKey(NAME, 'ed25519', new Uint8Array(32).fill(7)))
const note = (size: bigint, fill = 1): Uint8Array =>
  signCheckpoint({ origin, size, root: new Uint8Array(32).fill(fill) }, signer)

async function fileOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-slot-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'checkpoint.signed')
}

async function using<T>(file: string, work: (slot: CheckpointSlot) => Promise<T>): Promise<T> {
  const slot = await openSlot(file)
  try {
    return await work(slot)
  } finally {
    await slot.close()
  }
}

/** As a node does at each start. */
const newest = async (slot: CheckpointSlot): Promise<bigint | undefined> =>
  (await lastSignedTree({ slot, signer, origin }))?.size

t.test('what was written is read, by the same slot and after a restart', async (t) => {
  const file = await fileOf(t)
  t.equal(await using(file, newest), undefined)
  for (const size of [1n, 2n, 5n, 6n]) {
    t.equal(
      await using(file, async (slot) => {
        await newest(slot)
        await slot.write(note(size))
        return newest(slot)
      }),
      size,
    )
    t.equal(await using(file, newest), size)
  }
})

t.test('torn at any byte, twice in a row, the newest whole checkpoint stays', async (t) => {
  const file = await fileOf(t)
  await using(file, async (slot) => {
    await slot.write(note(8n))
    await slot.write(note(9n))
  })
  const whole = await readFile(file)
  const after = async (from: Buffer, size: bigint): Promise<Buffer> => {
    await writeFile(file, from)
    await using(file, async (slot) => {
      await newest(slot)
      await slot.write(note(size))
    })
    return readFile(file)
  }
  const torn = (before: Buffer, done: Buffer, bytes: number): Buffer => {
    const first = done.findIndex((byte, i) => byte !== before[i])
    const start = first - (first % 4096)
    return Buffer.concat([done.subarray(0, start + bytes), before.subarray(start + bytes)])
  }
  const random = new SeededRandom('torn')
  const once = await after(whole, 10n)
  for (let bytes = 0; bytes < 300; bytes++) {
    const first = torn(whole, once, bytes)
    await writeFile(file, first)
    const left = await using(file, newest)
    if (left !== 9n && left !== 10n) t.fail(`after ${bytes} bytes of the first: ${left}`)
    const again = await after(first, 11n)
    await writeFile(file, torn(first, again, random.below(300)))
    const second = await using(file, newest)
    if (second === undefined || second < left!)
      t.fail(`after ${bytes} bytes of the first and some of the second: ${second}, ${left} before`)
  }
  t.pass('every byte')
})

t.test(
  'one bit turned anywhere gives an older checkpoint at worst, and never another',
  async (t) => {
    const file = await fileOf(t)
    await using(file, async (slot) => {
      await slot.write(note(8n))
      await slot.write(note(9n))
    })
    const whole = await readFile(file)
    const random = new SeededRandom('slot bits')
    for (let at = 0; at < whole.length; at += whole[at] === 0 ? 97 : 1) {
      const flipped = Buffer.from(whole)
      flipped[at] = flipped[at]! ^ (1 << random.below(8))
      await writeFile(file, flipped)
      const left = await using(file, newest)
      if (left !== 8n && left !== 9n) t.fail(`byte ${at}: ${left}`)
    }
    t.pass('every byte that is written')
  },
)

t.test('two trees of one size are a fork, whichever is newer', async (t) => {
  const file = await fileOf(t)
  await using(file, async (slot) => {
    await slot.write(note(9n, 1))
    await slot.write(note(9n, 2))
  })
  t.equal(await codeOf(using(file, newest)), 'log_forked')
})

t.test('a file that cannot be opened for writing is said as that', async (t) => {
  // A folder stands where the file should be.
  t.equal(await codeOf(openSlot(tmpdir())), 'store_failed')
})
