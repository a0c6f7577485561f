/** Large bodies are stored in parts: whole for whoever asks, in pieces for whoever wants a piece, and nothing is left of what was replaced. */
import t from 'tap'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { be32 } from '../../src/base/bytes.ts'
import { bodyRoot, encodeBody, parseBody } from '../../src/batch/body.ts'
import { bodyKey, entryKey, prefixRange, tables } from '../../src/store/keys.ts'
import { PART_BYTES } from '../../src/store/parts.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { SeededRandom, systemRandom } from '../../src/base/random.ts'

async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-parts-'))
  const store = await levelEngine.open(folder, { create: true })
  try {
    await work(store)
  } finally {
    await store.close()
    await rm(folder, { recursive: true })
  }
}

function body(bytes: number, seed = 'body'): Buffer {
  const value = Buffer.from(new SeededRandom(`${seed} ${bytes}`).fill(new Uint8Array(bytes)))
  value[0] = 0x0a
  return value
}

const key = bodyKey(7n)
const rows = (store: Store): Promise<[Uint8Array, Uint8Array][]> =>
  store.range(prefixRange(tables.body))

t.test('a value is what was put, whole and in pieces', async (t) => {
  await withStore(async (store) => {
    for (const length of [
      1,
      10,
      PART_BYTES,
      PART_BYTES + 1,
      3 * PART_BYTES,
      3 * PART_BYTES + 5,
      300_000,
    ]) {
      const value = body(length)
      await store.commit([{ key, value }])
      t.same(await store.get(key), value, `${length} bytes`)
      t.equal(
        (await rows(store)).length,
        length <= PART_BYTES ? 1 : 1 + Math.ceil(length / PART_BYTES),
      )
      for (const [start, end] of [
        [0, 1],
        [0, length],
        [PART_BYTES - 1, PART_BYTES + 1],
        [length - 1, length + 10],
        [length, length + 1],
        [0, 0xffff_ffff],
      ] as const) {
        t.same(
          await store.part(key, start, end),
          value.subarray(start, end),
          `${length} bytes from ${start} to ${end}`,
        )
      }
    }
    const snapshot = store.snapshot()
    await store.commit([{ key, value: body(20, 'after') }])
    t.same(await snapshot.get(key), body(300_000), 'a snapshot shows what was there')
    t.same(await snapshot.part(key, 100_000, 100_010), body(300_000).subarray(100_000, 100_010))
    await snapshot.close()
    const many = await store.getMany([...Array.from({ length: 70 }, (_, i) => bodyKey(BigInt(i)))])
    t.same(many[7], body(20, 'after'))
    await store.commit([{ key, value: body(90_000) }])
    t.same(
      (await store.getMany(Array.from({ length: 70 }, (_, i) => bodyKey(BigInt(i)))))[7],
      body(90_000),
      'many at once',
    )
    t.equal(await store.part(bodyKey(8n), 0, 1), undefined)
  })
})

t.test('nothing is left of a value that was replaced or removed', async (t) => {
  await withStore(async (store) => {
    for (const value of [body(100_000), body(40_000), body(5), body(200_000), undefined]) {
      await store.commit([{ key, value }])
      const expected =
        value === undefined
          ? 0
          : value.length <= PART_BYTES
            ? 1
            : 1 + Math.ceil(value.length / PART_BYTES)
      t.equal((await rows(store)).length, expected, `${value?.length} bytes`)
      t.same(await store.get(key), value)
    }
    const large = Buffer.alloc(2 * PART_BYTES, 1)
    await store.commit([{ key: entryKey(1n), value: large }])
    t.equal(
      (await store.range(prefixRange(tables.entry))).length,
      1,
      'other tables stay as they are',
    )
  })
})

t.test(
  'a value of which a part is missing, or whose head states another length, is none: its head is given',
  async (t) => {
    await withStore(async (store) => {
      const value = body(50_000)
      await store.commit([{ key, value }])
      const [[, head], ...parts] = (await rows(store)) as [
        [Uint8Array, Uint8Array],
        ...[Uint8Array, Uint8Array][],
      ]
      for (const [name, part] of parts) {
        for (const left of [undefined, part.subarray(1)]) {
          await store.write([{ key: name, value: left }])
          t.same(await store.get(key), head)
        }
        await store.write([{ key: name, value: part }])
        t.same(await store.get(key), value, 'put back')
      }
      for (const bit of [1, 0x80]) {
        const other = Buffer.from(head)
        other[other.length - 1]! ^= bit
        await store.write([{ key, value: other }])
        t.same(await store.get(key), other)
      }
    })
  },
)

t.test(
  'a byte of a part that changed on the disk is in the value: the root of the batch tells',
  async (t) => {
    await withStore(async (store) => {
      const changed = encodeBody([body(40_000), body(40_000, 'second')], systemRandom)
      const value = Buffer.from(changed.bytes)
      await store.commit([{ key, value }])
      const [name, part] = (await rows(store))[2]!
      const bad = Buffer.from(part)
      bad[500]! ^= 1
      await store.write([{ key: name, value: bad }])
      const read = await store.get(key)
      t.equal(read!.length, value.length)
      t.notSame(bodyRoot(parseBody(read!)), bodyRoot(changed))
    })
  },
)

t.test(
  'a value whose head has a check value, as it was written before, is read and checked',
  async (t) => {
    await withStore(async (store) => {
      const value = body(20_000)
      const head = (check: number): Buffer =>
        Buffer.concat([Buffer.of(0, 1), be32(value.length), be32(check)])
      const parts = [value.subarray(0, PART_BYTES), value.subarray(PART_BYTES)].map((part, i) => ({
        key: Buffer.concat([key, be32(i)]),
        value: part,
      }))
      await store.write([{ key, value: head(crc32(value)) }, ...parts])
      t.same(await store.get(key), value)
      t.same(await store.part(key, 16_000, 17_000), value.subarray(16_000, 17_000))
      await store.write([{ key, value: head((crc32(value) ^ 1) >>> 0) }])
      t.notSame(await store.get(key), value)
      await store.commit([{ key, value: body(5) }])
      t.equal((await rows(store)).length, 1)
    })
  },
)

t.test('a copy of all rows is a copy of all values, as a backup makes it', async (t) => {
  await withStore(async (store) => {
    const value = body(100_000)
    await store.commit([{ key, value }])
    const copied = await rows(store)
    await withStore(async (other) => {
      for (const [name, row] of copied) await other.write([{ key: name, value: row }])
      t.same(await other.get(key), value)
      await other.commit([{ key, value: body(3) }])
      t.equal((await rows(other)).length, 1)
    })
  })
})

t.test(
  'what is put after everything that is there needs no look, also in a folder that was opened again',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'huxin-parts-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const first = await levelEngine.open(folder, { create: true })
    await first.commit([
      { key: bodyKey(3n), value: body(90_000) },
      { key: bodyKey(9n), value: body(90_000) },
    ])
    await first.commit([{ key: bodyKey(3n), value: body(20) }])
    t.equal(
      (await rows(first)).length,
      1 + 1 + Math.ceil(90_000 / PART_BYTES),
      'one before the last',
    )
    // As a backup gives it back.
    const raw = await first.range(prefixRange(tables.body))
    await first.close()
    const again = await levelEngine.open(folder, { create: false })
    await again.commit([{ key: bodyKey(9n), value: body(20) }])
    t.equal((await rows(again)).length, 2, 'the last one')
    await again.commit(
      raw
        .map(([name, value]) => ({
          key: Buffer.concat([bodyKey(12n), Buffer.from(name).subarray(9)]),
          value,
        }))
        .slice(1),
    )
    await again.commit([{ key: bodyKey(12n), value: body(30) }])
    t.equal((await rows(again)).length, 3, 'one that came in parts')
    await again.close()
  },
)
