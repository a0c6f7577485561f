/** The record index against a naive one: every size, every step, erasures whenever they come, and crashes between two writes. */
import t, { type Test } from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import { RecordIndex } from '../../src/lookup/record-index.ts'
import { type IndexTable, indexTables } from '../../src/lookup/record-rows.ts'
import {
  bucketOf,
  decodeProgress,
  eachRow,
  encodeProgress,
  findRows,
  hasRow,
  type Identity,
  levelToMerge,
  liveSegments,
  mergeBuckets,
  packPlace,
  type Place,
  ROW_BYTES,
  type Shape,
  standardShape,
  withoutRow,
} from '../../src/lookup/segments.ts'
import { Sieve } from '../../src/lookup/sieve.ts'
import { Tail } from '../../src/lookup/tail.ts'
import { prefixRange, tables } from '../../src/store/keys.ts'
import { openMemoryStore } from '../../src/store/memory/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { SeededRandom } from '../support/federation.ts'

/** Several pieces for a merge. */
const PIECE = 20_000
const SMALL: Shape = { weight: 40, fanInBits: 1, levels: 4 }

interface Row {
  readonly identity: Identity
  readonly place: Place
}

/** Few identities, so that many have several rows, at the ends of every range too. */
function randomIdentity(random: SeededRandom): Identity {
  const word = random.pick([
    0,
    1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    random.below(8) << 28,
    random.below(0xffff_ffff),
  ])
  return { high: random.pick([0, 1, 31, 32, 63, random.below(64)]), word: word >>> 0 }
}

function add(tail: Tail, { identity, place }: Row): void {
  tail.add(identity.high, identity.word, ...packPlace(place))
}

const text = (places: readonly Place[]): string =>
  places.map(({ index, position }) => `${index}/${position}`).join(' ')
const same = (a: Identity, b: Identity): boolean => a.high === b.high && a.word === b.word
const newest = (rows: readonly Row[], identity: Identity): Place[] =>
  rows
    .filter((row) => same(row.identity, identity))
    .map(({ place }) => place)
    .reverse()

async function open(t: Test): Promise<Store> {
  const store = await openMemoryStore()
  t.teardown(() => store.close())
  return store
}

async function stored(store: Store): Promise<string[]> {
  const rows = (
    await Promise.all(
      [tables.recordId, tables.subject, tables.state].map((table) =>
        store.range(prefixRange(table)),
      ),
    )
  ).flat()
  return rows.map(
    ([key, value]) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`,
  )
}

t.test('places of every size are packed in order', (t) => {
  const random = new SeededRandom('places')
  const indexes = [0n, 1n, 255n, 256n, 65_535n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n - 257n]
  const places = indexes.flatMap((index) => [0, 1, 99_999].map((position) => ({ index, position })))
  const tail = new Tail()
  const identity = randomIdentity(random)
  for (const place of places) add(tail, { identity, place })
  const [[bucket, rows] = [0, Buffer.alloc(0)], ...more] = tail.buckets()
  t.equal(bucket, identity.high)
  t.same(more, [])
  t.same(findRows(rows, identity), places.toReversed())
  t.end()
})

t.test('buckets of every size are sorted, and lose one row at a time', (t) => {
  for (const size of [0, 1, 2, 3, 7, 63, 64, 65, 1_023, 1_024, 1_025, 5_000]) {
    const random = new SeededRandom(`bucket ${size}`)
    const tail = new Tail()
    let rows: Row[] = Array.from({ length: size }, (_, i) => ({
      identity: randomIdentity(random),
      place: { index: BigInt(i >> 2), position: i & 3 },
    }))
    for (const row of rows) add(tail, row)
    t.same(
      rows.slice(0, 50).map(({ identity }) => text(tail.find(identity))),
      rows.slice(0, 50).map(({ identity }) => text(newest(rows, identity))),
    )
    const buckets = new Map(tail.buckets())
    t.equal(
      [...buckets.values()].reduce((sum, bytes) => sum + bytes.length, 0),
      ROW_BYTES * size,
    )
    for (const bytes of buckets.values()) {
      let before = -1
      const sorted = eachRow(bytes, (word) => {
        if (word < before) t.fail('not sorted')
        before = word
      })
      if (!sorted) t.fail(`${size} rows: not sorted`)
    }
    const found: string[] = []
    const expected: string[] = []
    for (const row of rows.filter((_, i) => i % Math.ceil(size / 40) === 0)) {
      const bytes = buckets.get(row.identity.high)!
      found.push(text(findRows(bytes, row.identity)))
      expected.push(text(newest(rows, row.identity)))
      const left = withoutRow(bytes, row.identity, row.place)!
      if (withoutRow(left, row.identity, row.place)) t.fail('it is there twice')
      rows = rows.filter((other) => other !== row)
      buckets.set(row.identity.high, left)
      tail.remove(row.identity, row.place)
      found.push(text(findRows(left, row.identity)), text(tail.find(row.identity)))
      expected.push(text(newest(rows, row.identity)), text(newest(rows, row.identity)))
    }
    t.same(found, expected, `${size} rows`)
    t.same(
      new Map(tail.buckets()),
      new Map([...buckets].filter(([, bytes]) => bytes.length > 0)),
      'as if they had never been added',
    )
    tail.clear()
    t.same(tail.buckets(), [])
  }
  t.end()
})

t.test('what is merged is what one segment of all of it would be', (t) => {
  for (const fanInBits of [1, 3, 4]) {
    const shape = { ...SMALL, fanInBits, levels: 3 }
    const random = new SeededRandom(`merge ${fanInBits}`)
    const all: Row[] = []
    let level = Array.from({ length: 1 << (2 * fanInBits) }, (_, segment) => {
      const tail = new Tail()
      for (let i = random.below(60); i > 0; i--) {
        const row = {
          identity: randomIdentity(random),
          place: { index: BigInt(segment), position: 100 - i },
        }
        all.push(row)
        add(tail, row)
      }
      return new Map<number, Uint8Array>(tail.buckets())
    })
    for (let from = 0; from < 2; from++) {
      level = Array.from({ length: level.length >> fanInBits }, (_, n) => {
        const sources = level.slice(n << fanInBits, (n + 1) << fanInBits)
        const into = new Map<number, Uint8Array>()
        for (let bucket = 0; bucket < 64 << (from * fanInBits); bucket++) {
          for (const [i, bytes] of mergeBuckets(
            sources.map((source) => source.get(bucket)),
            from,
            shape,
          ).entries())
            into.set((bucket << fanInBits) + i, bytes)
        }
        return into
      })
      const some = all.filter((_, i) => i % 7 === 0)
      const found = some.map(({ identity }) =>
        level
          .flatMap((segment) =>
            findRows(segment.get(bucketOf(identity, from + 1, shape))!, identity).reverse(),
          )
          .reverse(),
      )
      t.same(
        found.map(text),
        some.map(({ identity }) => text(newest(all, identity))),
      )
      t.equal(
        level.reduce(
          (sum, segment) =>
            sum + [...segment.values()].reduce((bytes, { length }) => bytes + length, 0),
          0,
        ),
        ROW_BYTES * all.length,
      )
    }
    const [row] = [...level[0]!.values()].filter(({ length }) => length > 0)
    t.ok(hasRow(row!, row!.subarray(0, ROW_BYTES)))
    t.notOk(hasRow(row!, Buffer.alloc(ROW_BYTES, 1)))
  }
  t.end()
})

t.test('which segments there are follows from how many were closed', (t) => {
  for (const shape of [SMALL, standardShape]) {
    let progress = { boundary: 0n, made: Array.from({ length: shape.levels }, () => 0) }
    for (let closed = 1; closed <= 5_000; closed++) {
      progress = {
        boundary: BigInt(closed),
        made: progress.made.map((count, level) => (level === 0 ? closed : count)),
      }
      for (
        let level = levelToMerge(progress, shape);
        level !== undefined;
        level = levelToMerge(progress, shape)
      ) {
        const into = level + 1
        progress = {
          ...progress,
          made: progress.made.map((count, at) => (at === into ? count + 1 : count)),
        }
      }
      let covered = 0
      let live = 0
      for (let level = shape.levels - 1; level >= 0; level--) {
        const { from, to } = liveSegments(progress, level, shape)
        if (from << (level * shape.fanInBits) !== covered)
          t.fail(`${closed}: level ${level} begins at ${from}, ${covered} are covered`)
        if (level < shape.levels - 1 && to - from >= 1 << shape.fanInBits) t.fail('a merge is due')
        covered = to << (level * shape.fanInBits)
        live += to - from
      }
      if (covered !== closed) t.fail(`${closed} closed, ${covered} covered`)
      if (shape === standardShape && closed === 610)
        t.equal(live, 2 + 6 + 2, 'ten million records are in ten segments')
    }
    t.same(decodeProgress(encodeProgress(progress), shape), progress)
    t.equal(decodeProgress(encodeProgress(progress).subarray(1), shape), undefined)
    t.equal(decodeProgress(Buffer.alloc(8, 1), shape), undefined, 'the form of the first version')
  }
  t.end()
})

/** Does what an `Indexer` does, a row an entry. */
async function run(
  index: RecordIndex,
  rows: readonly Row[],
  from: bigint,
  every: number,
): Promise<void> {
  for (const row of rows.slice(Number(from))) {
    const before = { recordId: index.tails.recordId.count, subject: index.tails.subject.count }
    for (const table of indexTables) add(index.tails[table], row)
    index.added(before)
    if ((row.place.index + 1n) % BigInt(every) === 0n) await index.close(row.place.index + 1n)
  }
}

t.test('an index in the store', async (t) => {
  const EVERY = 7
  const random = new SeededRandom('index')
  const rows: Row[] = Array.from({ length: 200 }, (_, i) => ({
    identity: randomIdentity(random),
    place: { index: BigInt(i), position: random.below(100) },
  }))
  const rebuilt = async (t: Test, kept: readonly Row[]): Promise<string[]> => {
    const store = await open(t)
    const index = new RecordIndex(store, SMALL, PIECE)
    await index.load()
    for (const row of rows) {
      if (kept.includes(row)) for (const table of indexTables) add(index.tails[table], row)
      if ((row.place.index + 1n) % BigInt(EVERY) === 0n) await index.close(row.place.index + 1n)
    }
    while (index.mergeIsDue) await index.mergePiece()
    return stored(store)
  }
  const answers = async (
    t: Test,
    index: RecordIndex,
    kept: readonly Row[],
    table: IndexTable,
  ): Promise<void> => {
    const found = await Promise.all(rows.map(({ identity }) => index.find(table, identity)))
    t.same(
      found.map(text),
      rows.map(({ identity }) => text(newest(kept, identity))),
    )
  }

  await t.test(
    'answers as a list does, before, between and after merges, and after it is loaded again',
    async (t) => {
      const store = await open(t)
      const index = new RecordIndex(store, SMALL, PIECE)
      await index.load()
      await run(index, rows, 0n, EVERY)
      await answers(t, index, rows, 'recordId')
      let pieces = 0
      for (; index.mergeIsDue; pieces++) {
        await index.mergePiece()
        await answers(t, index, rows, 'subject')
      }
      t.ok(pieces > 10)
      t.same(await stored(store), await rebuilt(t, rows))
      const again = new RecordIndex(store, SMALL, PIECE)
      await again.load()
      t.equal(again.boundary, 196n)
      await run(again, rows, again.boundary, EVERY)
      await answers(t, again, rows, 'recordId')
    },
  )

  await t.test('is the same whatever was erased when', async (t) => {
    for (let round = 0; round < 3; round++) {
      const seed = new SeededRandom(`erase ${round}`)
      const store = await open(t)
      const index = new RecordIndex(store, SMALL, PIECE)
      await index.load()
      let kept = [...rows]
      const erase = async (row: Row): Promise<void> => {
        kept = kept.filter((other) => other !== row)
        await index.remove(
          indexTables.map((table) => ({ table, ...row })),
          [],
        )
      }
      for (const row of rows) {
        if (kept.includes(row)) for (const table of indexTables) add(index.tails[table], row)
        if ((row.place.index + 1n) % BigInt(EVERY) === 0n) await index.close(row.place.index + 1n)
        if (seed.below(3) === 0) await index.mergePiece()
        if (seed.below(4) === 0) await erase(rows[seed.below(Number(row.place.index) + 1)]!)
      }
      for (; index.mergeIsDue; await index.mergePiece()) await erase(seed.pick(rows))
      await answers(t, index, kept, 'recordId')
      t.same(await stored(store), await rebuilt(t, kept), `round ${round}`)
    }
  })

  await t.test('goes on after every write that was the last one', async (t) => {
    const expected = await rebuilt(t, rows)
    for (let writes = 0, done = false; !done; writes += 1 + (writes >> 2)) {
      const store = await open(t)
      let left = writes
      const failing = async (write: () => Promise<void>): Promise<void> => {
        if (left-- <= 0) throw new HuxinError('store_failed', 'no more')
        await write()
      }
      const crashing: Store = {
        ...store,
        write: (ops) => failing(() => store.write(ops)),
        clear: (range) => failing(() => store.clear(range)),
      }
      const work = async (index: RecordIndex): Promise<void> => {
        await index.load()
        for (const row of rows.slice(Number(index.boundary))) {
          await run(index, [row], 0n, EVERY)
          await index.mergePiece()
        }
        while (index.mergeIsDue) await index.mergePiece()
      }
      done = await work(new RecordIndex(crashing, SMALL, PIECE)).then(
        () => true,
        () => false,
      )
      const index = new RecordIndex(store, SMALL, PIECE)
      await work(index)
      t.same(await stored(store), expected, `after ${writes} writes`)
    }
  })

  await t.test(
    'begins anew when a bucket is damaged, or when it has the form of another version',
    async (t) => {
      const store = await open(t)
      const index = new RecordIndex(store, SMALL, PIECE)
      await index.load()
      await run(index, rows, 0n, EVERY)
      const [[key, value]] = (await store.range({ ...prefixRange(tables.recordId), limit: 1 })) as [
        [Uint8Array, Uint8Array],
      ]
      const damaged = Buffer.from(value)
      damaged[3]! ^= 1
      await store.write([{ key, value: damaged }])
      const errors = await Promise.all(
        rows.map(({ identity }) =>
          index.find('recordId', identity).then(
            () => '',
            (error: HuxinError) => error.code,
          ),
        ),
      )
      t.ok(errors.includes('store_corrupt'))
      t.ok(errors.includes(''), 'others are found')
      t.ok(index.damaged)
      await index.load()
      t.equal(index.boundary, 0n)
      t.same(await stored(store), [])
      const old = {
        key: Buffer.concat([tables.state, Buffer.from('indexed')]),
        value: Buffer.alloc(8, 1),
      }
      await store.write([
        old,
        { key: Buffer.concat([tables.subject, Buffer.alloc(28)]), value: Buffer.alloc(0) },
        { key: Buffer.from('d of the first version'), value: Buffer.alloc(12) },
      ])
      await index.load()
      t.same(await stored(store), [])
      t.equal(await store.get(Buffer.from('d of the first version')), undefined)
    },
  )

  await t.test(
    'has a sieve that lets everything pass that is there, also what is added while it is made',
    async (t) => {
      const store = await open(t)
      const index = new RecordIndex(store, SMALL, PIECE)
      await index.load()
      await run(index, rows.slice(0, 120), 0n, EVERY)
      const making = indexTables.map((table) => index.sieves[table].filled(120n))
      await run(index, rows.slice(120), 0n, EVERY)
      for (const [i, sieve] of (await Promise.all(making)).entries()) {
        t.ok(rows.every(({ identity }) => sieve.mayHave(identity)))
        t.equal(await index.sieves[indexTables[i]!].filled(120n), sieve, 'it is made once')
      }
    },
  )
})

t.test('a sieve has no false no and few false yes', (t) => {
  const random = new SeededRandom('sieve')
  const sieve = new Sieve(100_000n)
  const identities = Array.from({ length: 100_000 }, () => ({
    high: random.below(64),
    word: random.below(2 ** 32 - 1),
  }))
  for (const { high, word } of identities) sieve.add(high, word)
  t.ok(identities.every((identity) => sieve.mayHave(identity)))
  t.notOk(sieve.isFull)
  const wrong = Array.from({ length: 100_000 }, () => ({
    high: random.below(64),
    word: random.below(2 ** 32 - 1),
  })).filter((identity) => sieve.mayHave(identity)).length
  t.ok(wrong < 500, `${wrong} of 100,000 pass for nothing`)
  for (let i = 0; i < 1_000_000; i++) sieve.add(i & 63, Math.imul(i, 0x9e37_79b1) >>> 0)
  t.ok(sieve.isFull, 'a larger one is made when there are more than it has room for')
  t.end()
})
