/** The newest end of the log: what is held is what was logged, parsed or not, and what is not held is read from the store. */
import t from 'tap'
import { hex, utf8 } from '../../src/base/bytes.ts'
import type { LoggedEntry } from '../../src/batch/logged.ts'
import { Recent } from '../../src/commit/recent.ts'
import { routeOf } from '../../src/ledger/entry-route.ts'
import type { Store } from '../../src/store/store.ts'
import { logged } from '../support/entries.ts'

/** To compare bytes whatever kind of array they are in. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part instanceof Uint8Array
      ? hex(part)
      : isBuffer(part)
        ? hex(Uint8Array.from(part.data))
        : typeof part === 'bigint'
          ? `${part}`
          : part,
  )
}

/** As Buffer.toJSON gives it. */
function isBuffer(part: unknown): part is { data: number[] } {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === 'Buffer'
}

/** A store that counts what it is asked and has nothing. */
function emptyStore(): { store: Store; asked: () => number } {
  let asked = 0
  const none = async <T>(value: T): Promise<T> => {
    asked++
    return value
  }
  const store = {
    get: () => none(undefined),
    getMany: (keys: readonly unknown[]) => none(keys.map(() => undefined)),
    range: () => none([]),
  } as unknown as Store
  return { store, asked: () => asked }
}

function filled(
  from: bigint,
  to: bigint,
  bodyBytes = 10,
): { recent: Recent; asked: () => number; entries: Map<bigint, LoggedEntry> } {
  const { store, asked } = emptyStore()
  const recent = new Recent(store)
  const entries = new Map<bigint, LoggedEntry>()
  for (let index = from; index < to; index++) {
    const one = logged(index)
    entries.set(index, one)
    recent.add(one, new Uint8Array(bodyBytes).fill(Number(index % 251n)))
  }
  return { recent, asked, entries }
}

t.test('a thousand entries are held as they were logged, the old ones parsed again', async (t) => {
  const { recent, asked, entries } = filled(5n, 1_505n)
  t.equal(recent.entry(480n), undefined, 'the oldest have gone')
  for (const index of [481n, 900n, 1_496n, 1_497n, 1_504n]) {
    t.equal(shown(recent.entry(index)), shown(entries.get(index)))
    t.equal(shown(recent.bytes(index)), shown(entries.get(index)!.bytes))
    t.equal((await recent.body(index))[0], Number(index % 251n))
  }
  t.equal(recent.entry(1_505n), undefined)
  t.equal(asked(), 0)
  await t.rejects(recent.body(480n), { code: 'store_corrupt' })
  t.equal(asked(), 1)
})

t.test(
  'a class is read in order, page by page, and its routes are those of the headers',
  async (t) => {
    const { recent, asked, entries } = filled(0n, 100n)
    const found: bigint[] = []
    for (let start = 10n; start < 90n;) {
      const range = { start, end: 90n, limit: 7 }
      const page = await recent.readClass('bulk', range)
      const routes = await recent.readRoutes('bulk', range)
      t.strictSame(
        routes.rows,
        page.entries.map(({ index }) => ({
          index,
          route: routeOf(entries.get(index)!.entry, entries.get(index)!.batch.header),
        })),
      )
      t.equal(routes.next, page.next)
      found.push(...page.entries.map(({ index }) => index))
      start = page.next
    }
    t.same(
      found,
      Array.from({ length: 26 }, (_, i) => BigInt(12 + 3 * i)),
    )
    t.equal(asked(), 0)
  },
)

t.test('what reaches before or after what is held is read from the store', async (t) => {
  const { recent, asked } = filled(50n, 60n)
  await recent.readClass('normal', { start: 49n, end: 60n, limit: 5 })
  await recent.readRoutes('normal', { start: 50n, end: 61n, limit: 5 })
  t.equal(asked(), 3)
})

t.test('a gap in the log, a body that was changed and a reset begin anew', (t) => {
  const { recent, entries } = filled(0n, 10n)
  recent.forget(70n)
  t.ok(recent.entry(3n), 'what is not held changes nothing')
  recent.add(logged(12n), utf8('x'))
  t.equal(recent.entry(9n), undefined)
  t.equal(recent.entry(12n)?.index, 12n)
  recent.forget(12n)
  t.equal(recent.entry(12n), undefined)
  recent.add(entries.get(3n)!, utf8('x'))
  t.equal(recent.entry(3n)?.index, 3n)
  recent.clear()
  t.equal(recent.entry(3n), undefined)
  t.end()
})

t.test('large bodies push the oldest out', (t) => {
  const { recent } = filled(0n, 40n, 1 << 20)
  t.equal(recent.entry(16n), undefined)
  t.ok(recent.entry(17n))
  t.end()
})

t.test(
  'an entry is found in memory, then in the store, and one that is nowhere is not there',
  async (t) => {
    const { recent, asked, entries } = filled(50n, 60n)
    t.equal(shown(await recent.find(55n)), shown(entries.get(55n)))
    t.equal(asked(), 0, 'nothing is asked for what is held')
    t.equal(await recent.find(49n), undefined)
    t.equal(asked(), 1)
    const stored = [logged(3n), logged(9n)]
    const reading = new Recent({
      get: async () => stored[0]!.bytes,
      getMany: async () => stored.map(({ bytes }) => bytes),
    } as unknown as Store)
    t.equal(shown(await reading.find(3n)), shown(stored[0]))
    t.equal(shown(await reading.readAll([3n, 9n])), shown(stored))
    await t.rejects(recent.readAll([1n]), { code: 'store_corrupt' })
  },
)
