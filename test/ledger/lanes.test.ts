import t, { type Test } from 'tap'
import { be64, concat } from '../../src/base/bytes.ts'
import { Lanes, type LaneView } from '../../src/ledger/lanes.ts'
import { entryKey, laneIndexKey, tables, textKey } from '../../src/store/keys.ts'
import { openMemoryStore } from '../../src/store/memory/engine.ts'
import type { Op, Store } from '../../src/store/store.ts'
import { logged } from '../support/entries.ts'

const id = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const headOp = (lane: string, number: bigint, n: number): Op => ({
  key: textKey(tables.lane, lane),
  value: concat(be64(number), id(n)),
})

async function opened(t: Test): Promise<Store> {
  const store = await openMemoryStore()
  t.teardown(() => store.close())
  return store
}

const viewOf = (store: Store, staged: readonly Op[] = []): LaneView => ({
  get: async (key) =>
    staged.findLast((op) => Buffer.compare(op.key, key) === 0)?.value ?? store.get(key),
  staged: (prefix) =>
    staged.filter(({ key }) => Buffer.from(key).subarray(0, prefix.length).equals(prefix)),
})

t.test(
  'a lane is found in the store, in the round under way, and where it stood when the node was admitted',
  async (t) => {
    const store = await opened(t)
    const genesis = new Map([
      ['g/1 1 ** normal', { number: 4n, id: id(4) }],
      ['b/1 1 ** normal', { number: 1n, id: id(1) }],
    ])
    await store.commit([headOp('a/1 1 ** normal', 7n, 7), headOp('b/1 1 ** normal', 2n, 2)])
    const lanes = new Lanes({ store, genesis, whole: false })
    t.equal(lanes.get('a/1 1 ** normal'), undefined, 'nothing is read before it is asked for')
    t.match(await lanes.find('a/1 1 ** normal', viewOf(store)), { number: 7n, open: true })
    t.match(lanes.get('a/1 1 ** normal'), { number: 7n })
    t.match(await lanes.find('g/1 1 ** normal', viewOf(store)), { number: 4n, open: true })
    t.match(
      await lanes.find('b/1 1 ** normal', viewOf(store)),
      { number: 2n },
      'what came since counts',
    )
    t.match(
      await lanes.find('c/1 1 ** normal', viewOf(store, [headOp('c/1 1 ** normal', 0n, 1)])),
      { number: 0n, open: true },
    )
    t.equal(await lanes.read('d/1 1 ** normal'), undefined)
    const heads: string[] = []
    for await (const [lane, { number }] of lanes.heads()) heads.push(`${lane} ${number}`)
    t.same(heads, ['g/1 1 ** normal 4', 'a/1 1 ** normal 7', 'b/1 1 ** normal 2'])
    t.equal(await lanes.count('a/1 ', 10), 1)
  },
)

t.test(
  'of a lane in which everything was refused the numbers tell where it stands, and it is not open',
  async (t) => {
    const store = await opened(t)
    const { bytes, batch } = logged(9n)
    const lane = 'a/1 1 330106 normal'
    await store.commit([
      { key: entryKey(9n), value: bytes },
      { key: laneIndexKey(lane, 0n), value: be64(8n) },
      { key: laneIndexKey(lane, 1n), value: be64(9n) },
      { key: laneIndexKey(`${lane}x`, 5n), value: be64(9n) },
    ])
    const lanes = new Lanes({ store, genesis: new Map(), whole: false })
    t.same(await lanes.find(lane, viewOf(store)), { number: 1n, id: batch.id, open: false })
    t.equal(await lanes.count('a/1 ', 10), 0)
    const late = new Lanes({ store, genesis: new Map(), whole: false })
    await t.rejects(
      late.find(lane, viewOf(store, [{ key: laneIndexKey(lane, 2n), value: be64(10n) }])),
      { code: 'overloaded' },
      'its entry is not written yet',
    )
  },
)

t.test(
  'memory holds the last few thousand, whatever passes, and never an older place than was set',
  async (t) => {
    const store = await opened(t)
    const lanes = new Lanes({ store, genesis: new Map(), whole: false })
    const count = 30_000
    for (let from = 0; from < count; from += 10_000) {
      await store.commit(
        Array.from({ length: 10_000 }, (_, i) =>
          headOp(`a/1 1 n${from + i} normal`, BigInt(from + i), 1),
        ),
      )
    }
    for (let i = 0; i < count; i++)
      if ((await lanes.find(`a/1 1 n${i} normal`, viewOf(store)))!.number !== BigInt(i))
        t.fail(`lane ${i}`)
    const held = Array.from({ length: count }, (_, i) => lanes.get(`a/1 1 n${i} normal`)).filter(
      (standing) => standing !== undefined,
    ).length
    t.ok(held <= 8_192 && held >= 4_096, `${held} are held`)
    const slow: LaneView = {
      get: async (key) => {
        const value = await store.get(key)
        lanes.set('a/1 1 n0 normal', { number: 100n, id: id(2), open: true })
        return value
      },
      staged: () => [],
    }
    t.match(await lanes.find('a/1 1 n0 normal', slow), { number: 100n })
    t.equal(await lanes.count('a/1 1 ', 1_500), 1_500)
    const whole = new Lanes({
      store,
      genesis: new Map([['g', { number: 1n, id: id(1) }]]),
      whole: true,
    })
    t.equal(
      await whole.find('a/1 1 n5 normal', viewOf(store)),
      undefined,
      'a fold from entry 0 looks into no row',
    )
    t.match(whole.get('g'), { number: 1n, open: true })
  },
)
