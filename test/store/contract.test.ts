/** What `src/store/store.ts` promises, of every engine. The numbers are those of its guarantees. */
import t, { type Test } from 'tap'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/random.ts'
import { bodyKey, prefixRange, tables } from '../../src/store/keys.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import { MemoryEngine } from '../../src/store/memory/engine.ts'
import type { Engine, KeyRange, Reader, Store } from '../../src/store/store.ts'
import { codeOf } from '../support/checks.ts'

const key = (text: string): Buffer => Buffer.from(text, 'latin1')
const put = (name: string, value = name) => ({ key: key(name), value: key(value) })
const gone = (name: string) => ({ key: key(name), value: undefined })
const everything = { gte: Buffer.of(0), lt: Buffer.of(0xff, 0xff, 0xff) }

async function rowsOf(reader: Reader, range: KeyRange = everything): Promise<string[]> {
  return (await reader.range(range)).map(
    ([name, value]) =>
      `${Buffer.from(name).toString('latin1')}=${Buffer.from(value).toString('latin1')}`,
  )
}

interface Place {
  readonly engine: Engine
  readonly folder: string
  readonly open: () => Promise<Store>
}

const engines: readonly {
  readonly name: string
  readonly place: (t: Test) => Promise<{ engine: Engine; folder: string }>
}[] = [
  {
    name: 'leveldb',
    place: async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'huxin-contract-'))
      t.teardown(() => rm(folder, { recursive: true, force: true }))
      return { engine: levelEngine, folder: join(folder, 'db') }
    },
  },
  { name: 'memory', place: async () => ({ engine: new MemoryEngine(), folder: 'db' }) },
]

for (const { name, place } of engines) {
  const promise = (title: string, check: (t: Test, place: Place) => Promise<void>): void => {
    void t.test(`${name}: ${title}`, async (t) => {
      const { engine, folder } = await place(t)
      const open = async (): Promise<Store> => {
        const store = await engine.open(folder, { create: await engine.isFresh(folder) })
        t.teardown(() => store.close())
        return store
      }
      await check(t, { engine, folder, open })
    })
  }

  promise(
    '1 and 2: commits that expect a value, asked for at once, are judged one after the other, and none is halved',
    async (t, { open }) => {
      const store = await open()
      await store.commit([put('size', '0')])
      const codes = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          codeOf(
            store.commit(
              [put('size', '1'), put(`a${i}`), put(`b${i}`), put('b9'), gone('b9')],
              put('size', '0'),
            ),
          ),
        ),
      )
      t.same(codes.filter((code) => code === '').length, 1, 'one finds what it expects')
      t.same([...new Set(codes)].sort(), ['', 'log_conflict'])
      const winner = codes.indexOf('')
      t.same(await rowsOf(store), [`a${winner}=a${winner}`, `b${winner}=b${winner}`, 'size=1'])
      for (const [expect, code] of [
        [gone('size'), 'log_conflict'],
        [put('size', '10'), 'log_conflict'],
        [put('none', ''), 'log_conflict'],
        [gone('none'), ''],
        [put('size', '1'), ''],
      ] as const) {
        t.equal(await codeOf(store.commit([put('x')], expect)), code)
      }
    },
  )

  promise(
    '4 and 6: a snapshot and a range show one moment, whatever is written meanwhile',
    async (t, { open }) => {
      const store = await open()
      await store.commit(Array.from({ length: 1_000 }, (_, i) => put(`k${1_000 + i}`, '0')))
      const before = await rowsOf(store)
      const snapshot = store.snapshot()
      const reading = rowsOf(store)
      const writing = Promise.all(
        Array.from({ length: 4 }, (_, w) =>
          store.commit(
            Array.from({ length: 1_000 }, (_, i) =>
              i % 3 === 0 ? gone(`k${1_000 + i}`) : put(`k${1_000 + i}`, String(w + 1)),
            ),
          ),
        ),
      )
      for (let i = 0; i < 20; i++)
        t.equal(
          new Set(
            (await rowsOf(store))
              .filter((row) => !row.endsWith('=0'))
              .map((row) => row.split('=')[1]),
          ).size <= 1,
          true,
          'a range never shows parts of two commits',
        )
      await writing
      t.same(await reading, before, 'a range that began before')
      t.same(await rowsOf(snapshot), before)
      t.same(await snapshot.get(key('k1000')), key('0'))
      t.equal(await store.get(key('k1000')), undefined)
      t.equal((await store.range(everything)).length, 666)
      await snapshot.close()
      t.equal(await codeOf(snapshot.range(everything)), 'not_ready', 'a closed one shows nothing')
    },
  )

  promise('5: keys sort as unsigned bytes, and ranges go both ways', async (t, { open }) => {
    const store = await open()
    const random = new SeededRandom('contract')
    const model = new Map<string, string>()
    for (let round = 0; round < 30; round++) {
      const ops = Array.from({ length: 60 }, () => {
        const name = Array.from({ length: 1 + random.below(3) }, () =>
          String.fromCharCode(85 * random.below(4)),
        ).join('')
        return random.below(3) === 0 ? gone(name) : put(name, String(round))
      })
      for (const op of ops)
        if (op.value) model.set(op.key.toString('latin1'), op.value.toString())
        else model.delete(op.key.toString('latin1'))
      await store.write(ops)
    }
    const sorted = [...model]
      .map(([name, value]) => `${name}=${value}`)
      .sort((a, b) => Buffer.compare(key(a.split('=')[0]!), key(b.split('=')[0]!)))
    const all = { gte: Buffer.of(0), lt: Buffer.of(0xff, 0xff, 0xff, 0xff) }
    t.ok(sorted.length > 20)
    t.same(await rowsOf(store, all), sorted)
    t.same(await rowsOf(store, { ...all, reverse: true }), [...sorted].reverse())
    t.same(await rowsOf(store, { ...all, limit: 7 }), sorted.slice(0, 7))
    t.same(
      await rowsOf(store, { ...all, limit: 7, reverse: true }),
      [...sorted].reverse().slice(0, 7),
    )
    for (const row of sorted) {
      const at = key(row.split('=')[0]!)
      t.same(
        await rowsOf(store, { gte: at, lt: all.lt, limit: 2 }),
        sorted.slice(sorted.indexOf(row), sorted.indexOf(row) + 2),
      )
      t.same(
        await rowsOf(store, { gte: all.gte, lt: at, reverse: true, limit: 1 }),
        sorted.slice(0, sorted.indexOf(row)).slice(-1),
      )
    }
    t.same(
      await rowsOf(store, { gte: key('b'), lt: key('a') }),
      [],
      'a range that ends before it begins is empty',
    )
    const some = await rowsOf(store, { ...all, bytesMax: 1 })
    t.ok(some.length >= 1)
    t.same(some, sorted.slice(0, some.length))
    await store.clear({ gte: Buffer.of(85), lt: Buffer.of(170) })
    t.same(
      await rowsOf(store, all),
      sorted.filter((row) => row.charCodeAt(0) < 85 || row.charCodeAt(0) >= 170),
    )
  })

  promise('7: a caller may change what it gave and what it got', async (t, { open }) => {
    const store = await open()
    const [name, value, body] = [key('name'), key('value'), Buffer.alloc(40_000, 7)]
    await store.commit([
      { key: name, value },
      { key: bodyKey(1n), value: body },
    ])
    for (const bytes of [name, value, body]) bytes.fill(0)
    const readings = async (): Promise<Uint8Array[]> => [
      (await store.get(key('name')))!,
      (await store.getMany([key('name')]))[0]!,
      (await store.part(bodyKey(1n), 5, 8))!,
      (await store.get(bodyKey(1n)))!,
      ...(await store.range(everything)).flat(),
    ]
    const before = (await readings()).map((bytes) => Buffer.from(bytes))
    for (const bytes of await readings()) bytes.fill(0)
    t.same(
      (await readings()).map((bytes) => Buffer.from(bytes)),
      before,
    )
    t.same(before[0], key('value'))
    t.same(before[3], Buffer.alloc(40_000, 7))
  })

  promise(
    '5: a large body stands as a head and parts, the same rows in every engine',
    async (t, { open }) => {
      const store = await open()
      await store.commit([{ key: bodyKey(3n), value: Buffer.alloc(40_000, 1) }])
      t.same(
        (await store.range(prefixRange(tables.body))).map(([, value]) => value.length),
        [6, 16_384, 16_384, 7_232],
      )
      await store.commit([{ key: bodyKey(3n), value: Buffer.alloc(10, 1) }])
      t.equal((await store.range(prefixRange(tables.body))).length, 1)
      t.equal(await store.part(bodyKey(4n), 0, 1), undefined)
    },
  )

  promise(
    '8: destroying what was deleted waits for who still sees it, and leaves what stands',
    async (t, { open }) => {
      const store = await open()
      await store.commit([put('s1'), put('s2')])
      const snapshot = store.snapshot()
      await store.commit([gone('s1')])
      let isDone = false
      const destroying = store.destroyDeleted(prefixRange(key('s'))).then(() => {
        isDone = true
      })
      t.same(await rowsOf(snapshot), ['s1=s1', 's2=s2'])
      t.equal(isDone, false)
      await snapshot.close()
      await destroying
      t.same(await rowsOf(store), ['s2=s2'])
    },
  )

  promise(
    '3, 9 and 10: a database is open once, closed when it is closed, and is what it was when it is opened again',
    async (t, { engine, folder, open }) => {
      t.equal(
        await codeOf(engine.open(folder, { create: false })),
        'store_corrupt',
        'there is none',
      )
      t.same([await engine.isMade(folder), await engine.isFresh(folder)], [false, true])
      const store = await open()
      t.same([await engine.isMade(folder), await engine.isFresh(folder)], [true, false])
      await store.commit([put('a'), put('empty', '')])
      t.equal(await codeOf(engine.open(folder, { create: true })), 'store_locked')
      await store.reopen()
      t.same(await rowsOf(store), ['a=a', 'empty='])
      const snapshot = store.snapshot()
      await store.close()
      await store.close()
      t.same(
        await Promise.all(
          [store.write([put('a')]), store.commit([put('a')]), store.clear(everything)].map(codeOf),
        ),
        ['store_failed', 'store_failed', 'store_failed'],
      )
      const reads = await Promise.all(
        [
          store.get(key('a')),
          store.getMany([key('a')]),
          store.part(key('a'), 0, 1),
          store.range(everything),
          store.commit([], put('a')),
          store.destroyDeleted(everything),
          snapshot.get(key('a')),
          snapshot.range(everything),
        ].map(codeOf),
      )
      t.same(
        reads,
        reads.map(() => 'not_ready'),
      )
      t.throws(() => store.snapshot(), { code: 'not_ready' })
      const other = await open()
      t.equal(
        await codeOf(store.reopen()),
        'store_locked',
        'who closed it has no more right to it than anybody',
      )
      await store.close()
      t.equal(
        await codeOf(engine.open(folder, { create: true })),
        'store_locked',
        'nor does a second close let go of it',
      )
      t.same(await rowsOf(other), ['a=a', 'empty='])
    },
  )
}

t.test(
  'memory, 3: a loss of power leaves what was committed, and whoever had it open has it no more',
  async (t) => {
    const engine = new MemoryEngine()
    const store = await engine.open('db', { create: true })
    await store.commit([put('a')])
    await store.write([put('b')])
    await store.commit([put('c')])
    await store.write([put('d'), gone('a')])
    engine.losePower('db')
    t.equal(await codeOf(store.get(key('a'))), 'not_ready')
    t.equal(await codeOf(store.commit([put('e')])), 'store_failed')
    const again = await engine.open('db', { create: false })
    t.same(
      await rowsOf(again),
      ['a=a', 'b=b', 'c=c'],
      'a commit makes durable what was written before it',
    )
    await again.write([put('f')])
    engine.losePower('db')
    t.same(await rowsOf(await engine.open('db', { create: false })), ['a=a', 'b=b', 'c=c'])
  },
)
