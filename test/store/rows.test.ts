/** The register of row families: it has all of them, and one that is added to it is checked, named and rebuilt. */
import t, { type Test } from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { be64 } from '../../src/base/bytes.ts'
import type { RowView } from '../../src/commit/row-view.ts'
import { checkStore } from '../../src/fsck/check.ts'
import type { Genesis } from '../../src/fsck/genesis.ts'
import { rebuildStore } from '../../src/fsck/rebuild.ts'
import { kinds } from '../../src/kinds/kinds.ts'
import { Log } from '../../src/log/log.ts'
import { rowRegister } from '../../src/node/rows.ts'
import { formatSignerKey, parseSignerKey } from '../../src/note/key.ts'
import { checkedValue } from '../../src/store/checked.ts'
import { keyText, tables, textKey } from '../../src/store/keys.ts'
import { openMemoryStore } from '../../src/store/memory/engine.ts'
import {
  defineRows,
  hasCheckValue,
  indexKeys,
  onlyKey,
  type RowFamily,
  RowRegister,
  textKeys,
} from '../../src/store/rows.ts'
import type { Store } from '../../src/store/store.ts'
import { FederationState } from '../../src/topology/federation.ts'

const kept = defineRows({ table: 'meta', name: 'case', keys: indexKeys, check: hasCheckValue(8) })
const counted = defineRows({ table: 'meta', name: 'case-count', keys: onlyKey, derived: 'last' })

/** A node's empty log, checked and rebuilt with further families. */
async function openBench(
  t: Test,
  added: readonly RowFamily<RowView>[],
): Promise<{
  store: Store
  findings: () => Promise<readonly string[]>
  rebuild: () => Promise<bigint>
}> {
  const store = await openMemoryStore()
  t.teardown(() => store.close())
  const signer = parseSignerKey(formatSignerKey('example.com/log', 'ed25519', new Uint8Array(32)))
  const log = await Log.open({
    store,
    origin: 'example.com/log/1',
    signer,
    slot: { read: async () => [], write: async () => undefined, close: async () => undefined },
  })
  const rows = new RowRegister<RowView>([...rowRegister.families, ...added])
  const genesis: Genesis = {
    self: 'log',
    federation: () => FederationState.from([]),
    lanes: new Map(),
    subjectKey: new Uint8Array(32),
    kinds,
    rows,
  }
  await rebuildStore(store, genesis)
  await log.seal()
  return {
    store,
    findings: async () => (await checkStore(store, log, genesis)).findings,
    rebuild: () => rebuildStore(store, genesis),
  }
}

t.test('a family that is listed is checked by fsck and named in its words', async (t) => {
  const { store, findings } = await openBench(t, [kept, counted])
  const key = kept.key(be64(7n))
  await store.commit([{ key, value: checkedValue(key, be64(1n)) }])
  t.same(await findings(), [], 'a whole row')
  await store.commit([{ key, value: be64(1n) }])
  t.same(await findings(), ['meta case 7: it does not have its check value'])
  await store.commit([
    { key, value: undefined },
    { key: kept.key('x'), value: be64(1n) },
  ])
  t.same(await findings(), ['meta case/x: it is no row that is known'], 'a key of another form')
  await store.commit([
    { key: kept.key('x'), value: undefined },
    { key: counted.key(), value: be64(1n) },
  ])
  t.same(
    await findings(),
    ['meta case-count: nothing in the log gives it: run huxin node rebuild'],
    'a derived row that nothing gives',
  )
})

t.test(
  'a rebuild leaves primary rows and drops derived ones, in whichever table they stand',
  async (t) => {
    const { store, rebuild } = await openBench(t, [kept, counted])
    const key = kept.key(be64(7n))
    const value = checkedValue(key, be64(1n))
    await store.commit([
      { key, value },
      { key: counted.key(), value: be64(1n) },
    ])
    await rebuild()
    t.same(await store.get(key), Buffer.from(value))
    t.equal(await store.get(counted.key()), undefined)
  },
)

t.test('without its family a row is found to be unknown, and reads as its bytes', async (t) => {
  const { store, findings } = await openBench(t, [])
  await store.commit([
    { key: textKey(tables.meta, 'case/x'), value: be64(1n) },
    { key: textKey(tables.state, 'case/x'), value: be64(1n) },
  ])
  t.same(await findings(), [
    'state case/x: it is no state that is known',
    'meta case/x: it is no row that is known',
  ])
  t.equal(rowRegister.text(textKey(tables.meta, 'case/x')), keyText(textKey(tables.meta, 'case/x')))
})

t.test(
  'families that share rows, tables without one and primary rows in derived tables are refused',
  async (t) => {
    const { families } = rowRegister
    t.throws(
      () =>
        new RowRegister([
          ...families,
          defineRows({ table: 'meta', name: 'push', keys: textKeys, check: hasCheckValue() }),
        ]),
      /table meta/,
      'twice',
    )
    t.throws(
      () => new RowRegister([...families, defineRows({ table: 'meta', check: hasCheckValue() })]),
      /table meta/,
      'a whole table beside parts of it',
    )
    t.throws(
      () => new RowRegister(families.filter(({ table }) => table !== 'lane')),
      /table lane/,
      'a table without a family',
    )
    t.throws(
      () =>
        new RowRegister([
          ...families,
          defineRows({ table: 'state', name: 'case', keys: textKeys, check: hasCheckValue() }),
        ]),
      /would lose/,
    )
  },
)

t.test(
  'every family of the source is listed, and no room makes keys of parts of a table without one',
  async (t) => {
    const src = join(process.cwd(), 'src')
    const defined: string[] = []
    for (const path of (await readdir(src, { recursive: true })).filter(
      (one) => one.endsWith('.ts') && !one.startsWith('store/'),
    )) {
      const code = await readFile(join(src, path), 'utf8')
      const made = [
        ...code.matchAll(/\bdefineRows(?:<\w+>)?\(\{\s*table: '(\w+)'(?:,\s*name: '([a-z-]+)')?/g),
      ]
      t.equal(
        made.length,
        code.split(/\bdefineRows(?:<\w+>)?\(/).length - 1,
        `${path}: table and name come first`,
      )
      defined.push(...made.map(([, table, name]) => `${table} ${name ?? ''}`))
      if (path !== 'fsck/check-derived.ts')
        t.notMatch(code, /tables\.(?:meta|state)\b/, `${path} names its rows by their family`)
      t.notMatch(
        code,
        /utf8\('[px][a-z-]*\/?'\)|Buffer\.from\('[px]'\)/,
        `${path} writes no table by its byte`,
      )
    }
    t.same(
      defined.sort(),
      rowRegister.families.map(({ table, name }) => `${table} ${name ?? ''}`).sort(),
    )
    t.ok(defined.length > 50, 'families were found')
  },
)
