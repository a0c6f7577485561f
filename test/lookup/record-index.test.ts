/** The record index of a node: importing again, erasing at any moment, rebuilding, and fsck of every row, with segments small enough to be many. */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { amend } from '../../src/publish/amend.ts'
import { checkStore } from '../../src/fsck/check.ts'
import type { Genesis } from '../../src/fsck/genesis.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { erasedNote } from '../../src/lookup/erased.ts'
import { Indexer } from '../../src/lookup/indexer.ts'
import { indexedKey } from '../../src/lookup/record-index.ts'
import { recordIdentity } from '../../src/lookup/record-rows.ts'
import type { Shape } from '../../src/lookup/segments.ts'
import type { Node } from '../../src/node/node.ts'
import { rowRegister } from '../../src/node/rows.ts'
import { prefixRange, tables, textKey } from '../../src/store/keys.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { industryRecord, many } from '../support/records.ts'

const SMALL: Shape = { weight: 60, fanInBits: 1, levels: 3 }
const PROVINCE = { id: '330000', tier: 'province', divisions: ['330000'] } as const

async function start(t: Test): Promise<{ federation: TestFederation; node: Node }> {
  const federation = await TestFederation.start([PROVINCE])
  t.teardown(() => federation.stop())
  return { federation, node: federation.node('330000') }
}

function send(
  { context }: Node,
  prefix: string,
  count = 10,
  more: Parameters<typeof publishRecords>[3] = {},
) {
  return publishRecords(
    context,
    many(count, (i) => industryRecord(i, { prefix })),
    ['330000'],
    more,
  )
}

function erase({ context }: Node, batchId: Uint8Array, position: number) {
  return amend(context, {
    provider: BODY,
    source: { kind: 'client', name: 'test' },
    changes: [
      {
        action: 'erase',
        batchId,
        position,
        effectiveOn: '2026-01-01',
        basis: 'erase/test',
        document: '',
      },
    ],
  })
}

/** An indexer with small segments on the store of a node whose own has stopped. */
async function small(node: Node): Promise<Indexer> {
  const { store, subjectKey, ledger, log } = node.context
  await node.context.indexer.close()
  await store.write([{ key: indexedKey, value: undefined }])
  const indexer = new Indexer({
    store,
    ledger,
    subjectKey,
    size: () => log().signed.size,
    clock: systemClock,
    shape: SMALL,
  })
  await indexer.load()
  return indexer
}

const said = async ({ context }: Node, genesis: Genesis): Promise<readonly string[]> =>
  (await checkStore(context.store, context.log(), genesis)).findings

t.test('the same records again add nothing, unless they were erased since', async (t) => {
  const { federation, node } = await start(t)
  const skip = { skipExisting: true }
  const { batch, ...first } = await send(node, 'a', 40, skip)
  t.match(first, { published: 40, existing: 0 })
  t.match(await send(node, 'a', 40, skip), { published: 0, existing: 40, batch: undefined })
  t.match(await send(node, 'a', 45, skip), { published: 5, existing: 40 }, 'a file that has grown')
  t.match(
    await send(node, 'a', 3, skip),
    { published: 0, existing: 3 },
    'so few that nothing is sifted',
  )
  const mixed = [
    industryRecord(44, { prefix: 'a' }),
    industryRecord(0, { prefix: 'b' }),
    industryRecord(0, { prefix: 'b' }),
    industryRecord(3, { prefix: 'a', grade: 'B' }),
  ]
  t.match(
    await publishRecords(node.context, mixed, ['330000'], skip),
    { published: 2, existing: 2 },
    'in another order, twice in one request, and changed',
  )
  await erase(node, batch!.id, 7)
  t.match(
    await send(node, 'a', 45, skip),
    { published: 2, existing: 43, beside: { updated: 1 } },
    'what was erased may be published again, and what was changed is changed back',
  )
  t.match(await send(node, 'a', 45, skip), { published: 0, existing: 45 })
  t.equal((await findByRecordId(node.context, 'a-7')).length, 1)
  t.same(await findings(federation), [])
})

t.test(
  'is the same whatever was published, erased and looked up when, and as a rebuild makes it',
  async (t) => {
    const { node } = await start(t)
    const genesis = { ...node.genesis(), shape: SMALL }
    const random = new SeededRandom('index')
    const indexer = await small(node)
    const batches: Uint8Array[] = []
    for (let i = 0; i < 40; i++) {
      batches.push((await send(node, `p${i % 7}`, 1 + random.below(12))).batch!.id)
      if (random.below(3) === 0) await erase(node, random.pick(batches), 0)
      if (random.below(2) === 0) await indexer.caughtUp()
      if (random.below(4) === 0) await indexer.finish()
      t.same(await said(node, genesis), [], `after ${i}`)
    }
    await indexer.finish()
    t.same(
      await node.context.store.range(prefixRange(textKey(tables.state, 'erased/'))),
      [],
      'no erased record waits',
    )
    t.same(await said(node, genesis), [])
    const before = await derivedRows(node.context.store)
    const again = await small(node)
    await again.finish()
    t.equal(await derivedRows(node.context.store), before, 'a new index')
    await rebuildStore(node.context.store, genesis)
    t.equal(await derivedRows(node.context.store), before, 'a rebuild')
    await indexer.close()
    await again.close()
  },
)

t.test('fsck names every row that is damaged, missing or too many', async (t) => {
  const { node } = await start(t)
  const { store, subjectKey } = node.context
  const genesis = { ...node.genesis(), shape: SMALL }
  const sent = []
  for (let i = 0; i < 33; i++) sent.push(await send(node, `p${i}`))
  const indexer = await small(node)
  await indexer.finish()
  await indexer.close()
  t.same(await said(node, genesis), [])
  const rows = (
    await Promise.all(
      [tables.recordId, tables.subject].map((table) => store.range(prefixRange(table))),
    )
  ).flat()
  const levels = new Set(rows.map(([key]) => key[1]))
  t.same(levels, new Set([0, 1, 2]), 'there are segments of every level')
  const random = new SeededRandom('flip')
  for (const [key, value] of rows.filter((_, i) => i % 37 === 0)) {
    const damaged = Buffer.from(value)
    const at = random.below(damaged.length)
    damaged[at] = damaged[at]! ^ (1 << random.below(8))
    for (const instead of [damaged, undefined]) {
      await store.write([{ key, value: instead }])
      const lines = await said(node, genesis)
      if (!lines.some((line) => line.startsWith(`${rowRegister.text(key)}: `)))
        t.fail(`${rowRegister.text(key)} is not named`, { lines })
    }
    await store.write([{ key, value }])
  }
  const [[, value]] = rows as [[Uint8Array, Uint8Array]]
  const stray = Buffer.concat([tables.subject, Buffer.from([0, 0, 0, 9, 9, 0, 0, 0, 1])])
  const note = erasedNote(
    { index: sent[0]!.index, position: 1 },
    { recordId: recordIdentity(subjectKey, 'p0-1'), subject: undefined, ops: [] },
  )
  for (const op of [
    { key: stray, value },
    note,
    { key: note.key, value: note.value!.subarray(1) },
  ]) {
    await store.write([op])
    t.match(await said(node, genesis), [`${rowRegister.text(op.key)}: `])
    await store.write([{ key: op.key, value: undefined }])
  }
  t.same(await said(node, genesis), [], 'after')
})

t.test('a folder of another version is indexed anew, and answers when that is done', async (t) => {
  const { federation, node } = await start(t)
  await send(node, 'old', 20)
  const { port } = node
  await node.context.indexer.caughtUp()
  await node.context.store.write([
    { key: indexedKey, value: Buffer.from('0000000000000003', 'hex') },
    { key: Buffer.concat([tables.recordId, Buffer.alloc(28, 1)]), value: Buffer.alloc(16) },
    { key: Buffer.concat([Buffer.from('d'), Buffer.alloc(16, 1)]), value: Buffer.alloc(12) },
  ])
  t.not((await findings(federation)).length, 0)
  await node.close()
  const again = await federation.startNode('330000', {
    config: { ...node.config, listen: { host: '127.0.0.1', port } },
  })
  t.equal((await findByRecordId(again.context, 'old-19')).length, 1)
  t.same(await findings(federation), [])
})
