/** Damage at rest: the scrub finds it by itself, and it is repaired from a neighbour by what the log proves and nothing else. */
import t, { type Test } from 'tap'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { parseBody } from '../../src/batch/body.ts'
import { openChecked } from '../../src/store/checked.ts'
import { amend } from '../../src/publish/amend.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { findRepairs, repairRunning } from '../../src/fsck/repair.ts'
import { Scrub } from '../../src/fsck/scrub.ts'
import { checkFolder, repairFolder } from '../../src/node/maintenance.ts'
import { bodyKey, tables, textKey } from '../../src/store/keys.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
]
const CITY = '330100'

t.setTimeout(0)

async function start(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(PLACES, { store: 'disk' })
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context, state }) => state === 'serving' && context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

/** A batch of the province that is at the city; its log index there. */
async function sent(
  federation: TestFederation,
  name: string,
): Promise<{ id: Uint8Array; index: bigint }> {
  const { batch } = await publishRecords(
    federation.node('330000').context,
    many(3, (i) => industryRecord(i, { prefix: name })),
    [CITY],
  )
  const { context } = federation.node(CITY)
  await federation.until(
    `${name} is there`,
    async () => (await findByRecordId(context, `${name}-2`)).length === 1,
  )
  return { id: batch!.id, index: (await context.ledger().known(batch!.id))!.indexes[0]! }
}

/** Turns a bit in the body of an entry of a stopped node. */
async function damage(folder: string, index: bigint): Promise<void> {
  const db = new Level<Buffer, Buffer>(join(folder, 'data', '1', 'db'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
    compression: false,
  })
  await db.open()
  const key = Buffer.from(bodyKey(index))
  const value = Buffer.from((await db.get(key))!)
  value[40] = value[40]! ^ 4
  await db.put(key, value, { sync: true })
  await db.close()
}

t.test(
  'a damaged body is found by the scrub, raises an alarm, and is taken back from the parent',
  async (t) => {
    const federation = await start(t)
    const { index } = await sent(federation, 'one')
    await federation.node(CITY).close()
    await damage(federation.folderOf(CITY), index)
    const node = await federation.startNode(CITY)
    await federation.until('it serves', () => node.state === 'serving')
    const { context } = node
    const scrub = new Scrub(context)
    t.notOk(node.alarms.has('scrub'))
    // A byte a time: it goes on where it stood.
    const cursor = textKey(tables.meta, 'scrub/next')
    for (let i = 1n; i <= index; i++) {
      await scrub.run(1)
      t.equal(
        Buffer.from(openChecked(cursor, await context.store.get(cursor))!).readBigUInt64BE(),
        i,
      )
    }
    t.notOk(node.alarms.has('scrub'), 'all before it is well')
    await scrub.run(1)
    t.match(node.alarms.list().join('\n'), `scrub: body ${index}: is not what was logged`)
    const { damaged } = await checkStore(context.store, context.log(), node.genesis())
    t.same(damaged, [index])
    const other = await context.store.get(bodyKey(0n))
    const wrong = await findRepairs(damaged, {
      store: context.store,
      ledger: context.ledger(),
      ask: async () => other,
    })
    t.same(wrong, [{ index, op: undefined }], 'what does not match is not put back')
    t.same(
      await repairRunning(context, damaged, (lane, number) =>
        node.uplink!.readPackage(lane, number),
      ),
      [index],
    )
    for (const i of [0, 1, 2])
      t.equal((await findByRecordId(context, `one-${i}`)).length, 1, 'what was put back is found')
    await scrub.run(1)
    t.notOk(node.alarms.has('scrub'), 'the alarm is over')
    t.same(await findings(federation), [])
  },
)

t.test(
  'a repair from an old copy of a neighbour does not bring back what was erased since',
  async (t) => {
    const federation = await start(t)
    const { id, index } = await sent(federation, 'one')
    const copy = join(federation.folder, 'nodes', 'copy')
    await federation.node('330000').close()
    await cp(federation.folderOf('330000'), copy, { recursive: true })
    const config = {
      ...federation.node('330000').config,
      listen: { host: '127.0.0.1', port: federation.node('330000').port },
    }
    const province = await federation.startNode('330000', { config })
    await federation.until('the province may sign', () => province.state === 'serving')
    await amend(province.context, {
      provider: BODY,
      source: { kind: 'client', name: 'test' },
      changes: [
        {
          action: 'erase',
          batchId: id,
          position: 1,
          effectiveOn: '2026-01-01',
          basis: 'test',
          document: '',
        },
      ],
    })
    await federation.until(
      'it is erased at the city',
      async () => (await findByRecordId(federation.node(CITY).context, 'one-1')).length === 0,
    )
    await federation.node(CITY).close()
    const folder = federation.folderOf(CITY)
    await damage(folder, index)
    t.match((await checkFolder(folder)).findings, [`body ${index}: the body of`])
    const { repaired, report } = await repairFolder(folder, copy)
    t.same(repaired, [index])
    t.same(report.findings, [])
    const node = await federation.startNode(CITY)
    const body = parseBody((await node.context.store.get(bodyKey(index)))!)
    t.equal(body.erased, 1)
    t.same(await findByRecordId(node.context, 'one-1'), [])
    t.equal((await findByRecordId(node.context, 'one-0')).length, 1)
    await federation.until('no alarm stands', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)
