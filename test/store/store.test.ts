import t, { type Test } from 'tap'
import { execFile } from 'node:child_process'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { batchClasses } from '../../src/topology/lane.ts'
import {
  classKey,
  entryKey,
  indexAtEnd,
  laneIndexKey,
  placeKey,
  prefixRange,
  tables,
  textKey,
  tileKey,
} from '../../src/store/keys.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { codeOf } from '../support/checks.ts'

const key = (text: string): Uint8Array => Buffer.from(text)
const put = (name: string, value = name) => ({ key: key(name), value: key(value) })
const gone = (name: string) => ({ key: key(name), value: undefined })

async function folderOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-store-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'db')
}

async function open(t: Test, folder?: string): Promise<Store> {
  const store = await levelEngine.open(folder ?? (await folderOf(t)), { create: true })
  t.teardown(() => store.close())
  return store
}

async function all(store: Store): Promise<string[]> {
  return (await store.range({ gte: Buffer.of(0), lt: Buffer.of(0xff, 0xff) })).map(
    ([name, value]) => `${Buffer.from(name).toString()}=${Buffer.from(value).toString()}`,
  )
}

/** Runs child.ts, with at most so many blocks a file when `blocks` is given. */
async function elsewhere(
  folder: string,
  count: number,
  blocks?: number,
): Promise<{ written: number; said: string[] }> {
  const script = fileURLToPath(new URL('child.js', import.meta.url))
  const limit = blocks === undefined ? '' : `ulimit -f ${blocks}; `
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-c', `${limit}exec "$0" "$@"`, process.execPath, script, folder, String(count)],
    { timeout: 30_000 },
  )
  return JSON.parse(stdout) as { written: number; said: string[] }
}

t.test('a commit with an expectation writes all of it or nothing', async (t) => {
  const store = await open(t)
  await store.commit([put('size', '1'), put('a')])
  const table = [
    { title: 'absent, and it is there', expect: gone('size'), code: 'log_conflict' },
    { title: 'another value', expect: put('size', '2'), code: 'log_conflict' },
    { title: 'a value that begins the same', expect: put('size', '10'), code: 'log_conflict' },
    { title: 'a value, and it is absent', expect: put('other', '1'), code: 'log_conflict' },
    { title: 'an empty value, and it is absent', expect: put('other', ''), code: 'log_conflict' },
    { title: 'its value', expect: put('size', '1'), code: '' },
    { title: 'absent, and it is absent', expect: gone('other'), code: '' },
  ]
  for (const { title, expect, code } of table) {
    const before = await all(store)
    t.equal(await codeOf(store.commit([put('new', title), gone('a')], expect)), code, title)
    if (code !== '') t.same(await all(store), before, 'nothing was written')
  }
  t.same(await all(store), ['new=absent, and it is absent', 'size=1'])
})

t.test('later operations of one commit win, and all of them outlive a reopening', async (t) => {
  const store = await open(t)
  await store.commit([
    put('a', '1'),
    put('a', '2'),
    put('b'),
    gone('b'),
    gone('c'),
    put('c'),
    put('empty', ''),
  ])
  await store.write([put('d')])
  const expected = ['a=2', 'c=c', 'd=d', 'empty=']
  t.same(await all(store), expected)
  await store.reopen()
  t.same(await all(store), expected)
  t.equal(await store.get(key('b')), undefined)
  t.equal((await store.get(key('empty')))?.length, 0)
})

t.test('many keys are read in the order asked, however many', async (t) => {
  const store = await open(t)
  await store.commit(Array.from({ length: 100 }, (_, i) => put(`k${i}`)))
  for (const count of [0, 1, 64, 65, 100]) {
    const names = Array.from({ length: count }, (_, i) => `k${(i * 37) % 130}`)
    const values = await store.getMany(names.map(key))
    t.same(
      values.map((value) => value && Buffer.from(value).toString()),
      names.map((name) => (Number(name.slice(1)) < 100 ? name : undefined)),
      `${count} keys`,
    )
  }
})

t.test('ranges', async (t) => {
  const store = await open(t)
  await store.commit(['a', 'b1', 'b2', 'b3', 'c'].map((name) => put(name)))
  const names = async (range: Parameters<Store['range']>[0]) =>
    (await store.range(range)).map(([name]) => Buffer.from(name).toString())
  t.same(await names({ gte: key('b1'), lt: key('b3') }), ['b1', 'b2'], 'without the end')
  t.same(await names({ ...prefixRange(key('b')), limit: 2 }), ['b1', 'b2'])
  t.same(await names({ ...prefixRange(key('b')), limit: 2, reverse: true }), ['b3', 'b2'])
  t.same(await names({ ...prefixRange(key('d')) }), [])
  await store.clear(prefixRange(key('b')))
  t.same(await all(store), ['a=a', 'c=c'])
})

t.test('keys sort as the log does, and a table ends where the next begins', async (t) => {
  const indexes = [0n, 1n, 255n, 256n, 65_535n, 65_536n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n]
  const rows: readonly (readonly [
    title: string,
    keys: readonly Uint8Array[],
    prefix: Uint8Array,
  ])[] = [
    ['entries', indexes.map(entryKey), tables.entry],
    [
      'tiles',
      [0, 1, 7].flatMap((level) => indexes.map((index) => tileKey(level, index))),
      tables.tile,
    ],
    [
      'classes',
      batchClasses.flatMap((batchClass) => indexes.map((index) => classKey(batchClass, index))),
      tables.classIndex,
    ],
    [
      'a lane',
      indexes.map((index) => laneIndexKey('zj.example/330106 1 ** normal', index)),
      tables.laneIndex,
    ],
    [
      'places',
      indexes.flatMap((index) =>
        [0, 255, 256, 99_999].map((position) => placeKey(tables.recognition, index, position)),
      ),
      tables.recognition,
    ],
  ]
  const store = await open(t)
  for (const [title, keys, prefix] of rows) {
    await store.commit([...keys].reverse().map((name) => ({ key: name, value: new Uint8Array() })))
    const found = await store.range(prefixRange(prefix))
    t.same(
      found.map(([name]) => Buffer.from(name).toString('hex')),
      keys.map((name) => Buffer.from(name).toString('hex')),
      title,
    )
  }
  for (const index of indexes) t.equal(indexAtEnd(entryKey(index)), index)
  const inside = (name: Uint8Array, prefix: Uint8Array): boolean => {
    const { gte, lt } = prefixRange(prefix)
    return Buffer.compare(name, gte) >= 0 && Buffer.compare(name, lt) < 0
  }
  t.equal(
    inside(
      laneIndexKey('zj.example/1 1 1 bulk', 5n),
      laneIndexKey('zj.example/1 1 1 bulk', 0n).subarray(0, -8),
    ),
    true,
  )
  t.equal(
    inside(
      laneIndexKey('zj.example/1 1 1 bulky', 5n),
      laneIndexKey('zj.example/1 1 1 bulk', 0n).subarray(0, -8),
    ),
    false,
    'one lane is not in the range of another that its name begins with',
  )
  t.same(prefixRange(Buffer.of(1, 0xff, 0xff)).lt, Buffer.of(2))
  const names = Object.values(tables).map((name) => Buffer.from(name).toString())
  t.equal(new Set(names).size, names.length, 'no two tables have one name')
  t.equal(textKey(tables.meta, 'é').length, 3)
})

t.test('a folder belongs to one process, and to one store of it', async (t) => {
  const folder = await folderOf(t)
  const store = await levelEngine.open(folder, { create: true })
  await store.commit([put('a')])
  t.equal(await codeOf(levelEngine.open(folder, { create: true })), 'store_locked')
  t.same(await elsewhere(folder, 1), { written: 0, said: ['store_locked'] })
  t.same(await all(store), ['a=a'], 'who has it goes on')
  await store.close()
  t.same(
    await elsewhere(folder, 1),
    { written: 1, said: [] },
    'once it is let go, another may have it',
  )
})

t.test('what is not there or does not open is not taken for a new database', async (t) => {
  const folder = await folderOf(t)
  t.equal(await codeOf(levelEngine.open(folder, { create: false })), 'store_corrupt')
  const store = await levelEngine.open(folder, { create: true })
  await store.commit([put('a')])
  await store.close()
  await writeFile(join(folder, 'CURRENT'), 'MANIFEST-999999\n')
  t.equal(await codeOf(levelEngine.open(folder, { create: false })), 'store_corrupt')
})

t.test(
  'a write that the system refuses is answered store_failed until the store is opened again, and no commit is halved',
  async (t) => {
    const folder = await folderOf(t)
    const { written, said } = await elsewhere(folder, 200, 2_048)
    t.ok(written > 5 && written < 200, `${written} commits were written`)
    t.same(said, ['store_failed', 'store_failed', 'store_failed'])
    const store = await open(t, folder)
    for (let i = 0; i < written; i++) {
      const values = await store.getMany([key(`a${i}`), key(`b${i}`)])
      t.same(
        values.map((value) => value && [value.length, value[0]]),
        [
          [40_000, i],
          [40_000, i],
        ],
        `commit ${i}`,
      )
    }
    const [a, b] = await store.getMany([key(`a${written}`), key(`b${written}`)])
    t.equal(a === undefined, b === undefined, 'the one that failed is there whole or not at all')
    t.equal(await codeOf(store.commit([put('after')])), '')
  },
)

t.test('a store that is closed fails with a code of the table', async (t) => {
  const store = await levelEngine.open(await folderOf(t), { create: true })
  await store.close()
  t.equal(await codeOf(store.write([put('a')])), 'store_failed')
  t.equal(await codeOf(store.commit([put('a')])), 'store_failed')
  t.equal(await codeOf(store.get(key('a'))), 'not_ready')
  t.equal(await codeOf(store.range(prefixRange(key('a')))), 'not_ready')
  await store.reopen()
  t.equal(await codeOf(store.commit([put('a')])), '')
  await store.close()
})

async function isOnDisk(folder: string, text: string): Promise<boolean> {
  const files = await Promise.all(
    (await readdir(folder)).map((name) =>
      readFile(join(folder, name)).catch(() => Buffer.alloc(0)),
    ),
  )
  return files.some((bytes) => bytes.includes(text))
}

t.test('what was deleted is in no file once its range is rewritten', async (t) => {
  const folder = await folderOf(t)
  const store = await open(t, folder)
  const onDisk = (text: string): Promise<boolean> => isOnDisk(folder, text)
  await store.commit([put('s1', 'a secret'), put('s2', 'no secret')])
  await store.destroyDeleted({ gte: key('s'), lt: key('t') })
  await store.commit([gone('s1')])
  t.equal(await onDisk('a secret'), true)
  await store.destroyDeleted({ gte: key('s'), lt: key('t') })
  t.equal(await onDisk('a secret'), false)
  t.same(await all(store), ['s2=no secret'])
})

t.test('nor is it when somebody reads meanwhile, however long', async (t) => {
  const folder = await folderOf(t)
  const store = await open(t, folder)
  for (let i = 0; i < 8; i++)
    await store.write([{ key: key(`s${i + 10}`), value: Buffer.alloc(1 << 20, i) }])
  for (const reads of ['a snapshot', 'many keys', 'a range'] as const) {
    await store.commit([put('s0', `a secret of ${reads}`)])
    await store.destroyDeleted({ gte: key('s'), lt: key('t') })
    const names = new Set(await readdir(folder))
    const snapshot = store.snapshot()
    const reading =
      reads === 'many keys'
        ? store.getMany(Array.from({ length: 80 }, (_, i) => key(`s${(i % 8) + 10}`)))
        : reads === 'a range'
          ? store.range({ gte: key('s'), lt: key('t') })
          : undefined
    if (reading) await snapshot.close()
    await store.commit([gone('s0')])
    const compacting = store.destroyDeleted({ gte: key('s'), lt: key('t') })
    // It ends while the files are being written anew, or before they are.
    if (!reading) await lastLargeFile(folder, names)
    await (reading ?? snapshot.close())
    await compacting
    t.equal(await isOnDisk(folder, `a secret of ${reads}`), false, reads)
  }
})

t.test('nor when somebody writes meanwhile, without a pause', async (t) => {
  const folder = await folderOf(t)
  const store = await open(t, folder)
  let writing = true
  const writers = Array.from({ length: 3 }, async (_, writer) => {
    for (let i = 0; writing; i++) await store.commit([put(`w${writer}`, String(i))])
  })
  for (let i = 0; i < 20; i++) {
    await store.commit([put('s0', `a secret of ${i}`)])
    await store.commit([gone('s0')])
    await store.destroyDeleted({ gte: key('s'), lt: key('t') })
    t.equal(await isOnDisk(folder, `a secret of ${i}`), false, String(i))
  }
  writing = false
  await Promise.all(writers)
})

/** Waits until a compaction writes its last large file, the second, or for long enough when it waits itself. */
async function lastLargeFile(folder: string, before: ReadonlySet<string>): Promise<void> {
  const large = new Set<string>()
  for (let turn = 0; turn < 1_000 && large.size < 2; turn++) {
    for (const name of (await readdir(folder)).filter((one) => !before.has(one))) {
      if (
        (await stat(join(folder, name)).then(
          ({ size }) => size,
          () => 0,
        )) >
        1 << 20
      )
        large.add(name)
    }
  }
}

t.test(
  'a journal that cannot be read is not gone on without: what was synced last is there when it can',
  async (t) => {
    const folder = await folderOf(t)
    const store = await levelEngine.open(folder, { create: true })
    await store.commit([put('synced')])
    await store.close()
    const journal = join(
      folder,
      (await readdir(folder)).find((name) => /^\d+\.log$/.test(name))!,
    )
    await rename(journal, `${journal}.away`)
    await mkdir(journal)
    t.equal(await codeOf(levelEngine.open(folder, { create: false })), 'store_failed')
    await rmdir(journal)
    await rename(`${journal}.away`, journal)
    t.same(await all(await open(t, folder)), ['synced=synced'])
  },
)
