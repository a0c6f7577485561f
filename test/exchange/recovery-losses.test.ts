/** What can be lost at a node, and how `huxin node recover` brings it back: the disk, the key, a snapshot with work that never left. */
import t from 'tap'
import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hex } from '../../src/base/bytes.ts'
import { amend } from '../../src/publish/amend.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { approveMember } from '../../src/members/members.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { joinNode } from '../../src/node/setup.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import {
  CITY,
  COUNTY,
  federationOf,
  has,
  PROVINCE,
  recover,
  send,
  startAgain,
  well,
} from '../support/recovery.ts'

t.setTimeout(0)

t.test(
  'a restored snapshot: what the parent acknowledged is back, and the work that never left is listed',
  async (t) => {
    const federation = await federationOf(t)
    const folder = federation.folderOf('330106')
    await send(federation, '330106', '330000', 'up')
    await federation.until('it is up', () => has(federation, '330000', 'up'))
    // The link is gone: what is published now stays here.
    const { port } = federation.node('330106')
    const parentPort = federation.node('330100').port
    await federation.node('330100').close()
    const stuck = await send(federation, '330106', '330000', 'stuck')
    const own = await send(federation, '330106', '330106', 'own')
    await amend(federation.node('330106').context, {
      provider: BODY,
      source: { kind: 'self' },
      changes: [
        {
          action: 'erase',
          batchId: own.batch!.id,
          position: 1,
          effectiveOn: '2026-01-01',
          basis: 'erase/test',
          document: '',
        },
      ],
    })
    await federation.node('330106').close()
    await cp(join(folder, 'data'), join(folder, 'snapshot'), { recursive: true })
    await federation.startNode('330100', {
      config: {
        ...federation.node('330100').config,
        listen: { host: '127.0.0.1', port: parentPort },
      },
    })
    await federation.startNode('330106')
    await federation.until('it serves', () => federation.node('330106').state === 'serving')
    await send(federation, '330106', '330000', 'late')
    await federation.until(
      'the parent cosigned it all',
      async () =>
        (await has(federation, '330000', 'late', 'stuck')) &&
        (await cosignedSize(federation.node('330106').context, federation.name('330100'))) ===
          federation.node('330106').context.log().signed.size,
    )
    await federation.node('330106').close()
    await rm(join(folder, 'data'), { recursive: true })
    await cp(join(folder, 'snapshot'), join(folder, 'data'), { recursive: true })
    await federation.startNode('330106')
    await federation.until(
      'the rollback is noticed',
      () => federation.node('330106').state === 'broken',
    )
    await federation.node('330106').close()
    const recovery = await recover(federation, '330106')
    t.match(recovery, { oldEpoch: 1, newEpoch: 2, application: undefined })
    t.ok(recovery.parentSize > recovery.localSize)
    t.same(
      recovery.unsent.filter((line) => line.startsWith(hex(stuck.batch!.id))),
      [`${hex(stuck.batch!.id)} evaluation 3`],
      'in the snapshot this batch has no receipt',
    )
    await startAgain(federation, '330106', port)
    await federation.until('all of it is back', () =>
      has(federation, '330106', 'up', 'stuck', 'late'),
    )
    await federation.until(
      'what stayed here is published again, and the old database is gone',
      async () =>
        (await has(federation, '330106', 'own')) &&
        !(await readdir(join(folder, 'data', '1'))).includes('db'),
    )
    t.equal((await findByRecordId(federation.node('330106').context, 'own-0')).length, 1, 'once')
    t.same(
      await findByRecordId(federation.node('330106').context, 'own-1'),
      [],
      'but what was erased',
    )
    await send(federation, '330106', '330000', 'new')
    await federation.until('the new epoch sends', () => has(federation, '330000', 'new'))
    await well(federation)
    const { size } = federation.node('330106').context.log()
    await federation.restart('330106')
    await well(federation)
    t.equal(
      federation.node('330106').context.log().size,
      size,
      'after the recovery its own batches do not come back again',
    )
    t.same(await findings(federation), [])
  },
)

t.test(
  'a lost disk of a county that came in late: all that went through the parent is back, once',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY])
    await send(federation, '330000', '330100/**', 'before')
    await federation.until('it is at the city', () => has(federation, '330100', 'before'))
    await federation.add(COUNTY)
    await federation.until(
      'the catalog is there',
      () => federation.node('330106').context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
    )
    await federation.until('it knows itself', async () => {
      // Before that the answer is "later", not a refusal.
      const code = await codeOf(send(federation, '330106', '330000', 'up'))
      if (code !== '' && code !== 'member_unknown') t.fail(code)
      return code === ''
    })
    await send(federation, '330000', '330100/**', 'down')
    const erasing = await send(federation, '330106', '330100/**', 'part')
    await amend(federation.node('330106').context, {
      provider: BODY,
      source: { kind: 'client', name: 'test' },
      changes: [
        {
          action: 'erase',
          batchId: erasing.batch!.id,
          position: 0,
          effectiveOn: '2026-01-01',
          basis: 'erase/test',
          document: '',
        },
      ],
    })
    await federation.until(
      'it is all there',
      async () =>
        (await has(federation, '330000', 'up')) &&
        (await has(federation, '330106', 'down')) &&
        (await findByRecordId(federation.node('330100').context, 'part-0')).length === 0,
    )
    const { port } = federation.node('330106')
    await federation.node('330106').close()
    await rm(join(federation.folderOf('330106'), 'data'), { recursive: true })
    t.match(await recover(federation, '330106'), { newEpoch: 2, localSize: 0n, unsent: [] })
    await startAgain(federation, '330106', port)
    await federation.until('all of it is back', () =>
      has(federation, '330106', 'up', 'down', 'part'),
    )
    t.same(
      await findByRecordId(federation.node('330106').context, 'part-0'),
      [],
      'what was erased stays erased',
    )
    const twice = await publishRecords(
      federation.node('330106').context,
      many(3, (i) => industryRecord(i, { prefix: 'up' })),
      ['330000'],
      { skipExisting: true },
    )
    t.match(
      twice,
      { published: 0, existing: 3 },
      'what it published before the loss is not published twice',
    )
    await send(federation, '330106', '330000', 'new')
    await send(federation, '330000', '330100/**', 'again')
    await federation.until(
      'both directions go on',
      async () =>
        (await has(federation, '330000', 'new')) && (await has(federation, '330106', 'again')),
    )
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test(
  "a lost key: the application goes to the parent's parent, and the answer begins the new epoch",
  async (t) => {
    const federation = await federationOf(t)
    const folder = federation.folderOf('330106')
    await send(federation, '330106', '330000', 'up')
    await send(federation, '330000', '330106', 'down')
    await federation.until(
      'it is there',
      async () =>
        (await has(federation, '330000', 'up')) && (await has(federation, '330106', 'down')),
    )
    const { port } = federation.node('330106')
    await federation.node('330106').close()
    await rm(join(folder, 'keys'), { recursive: true })
    const recovery = await recover(federation, '330106')
    t.match(recovery, { oldEpoch: 1, unsent: [], application: join(folder, 'application.txt') })
    t.ok(recovery.localSize > 0n)
    const act = { actor: '张三', reason: '密钥丢失', document: '测〔2026〕9号' }
    const application = await readFile(recovery.application!)
    const { joinFile } = await approveMember(federation.node('330000').context, {
      application,
      act,
      rekey: true,
      anchors: federation.node('330000').join.anchors,
      parentAddress: '127.0.0.1:1',
      source: { kind: 'self' },
    })
    await joinNode(folder, joinFile)
    await federation.until(
      'the parent knows',
      () => federation.node('330100').context.ledger().federation.member('330106')?.epoch === 2,
    )
    await startAgain(federation, '330106', port)
    t.equal(federation.node('330106').context.epoch, 2)
    await federation.until('all of it is back', () => has(federation, '330106', 'up', 'down'))
    await send(federation, '330106', '330000', 'new')
    await send(federation, '330000', '330106', 'again')
    await federation.until(
      'both directions go on',
      async () =>
        (await has(federation, '330000', 'new')) && (await has(federation, '330106', 'again')),
    )
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test(
  'a rebuild asks no clock: the rows are the same a year before and a year after',
  async (t) => {
    const clock = new MovableClock()
    const federation = await TestFederation.start([PROVINCE], { store: 'disk', clock })
    t.teardown(() => federation.stop())
    const node = federation.node('330000')
    const { batch } = await send(federation, '330000', '330000', 'one')
    await amend(node.context, {
      provider: BODY,
      source: { kind: 'client', name: 'test' },
      changes: [
        {
          action: 'erase',
          batchId: batch!.id,
          position: 1,
          effectiveOn: '2026-01-01',
          basis: 'erase/test',
          document: '',
        },
      ],
    })
    await node.context.indexer.caughtUp()
    const before = await derivedRows(node.context.store)
    const { now } = Date
    t.teardown(() => Promise.resolve(void (Date.now = now)))
    for (const days of [-365, 365]) {
      clock.set(days * 86_400_000)
      Date.now = () => now() + days * 86_400_000
      await rebuildStore(node.context.store, node.genesis())
      t.equal(await derivedRows(node.context.store), before)
    }
    Date.now = now
    clock.set(0)
    t.same(await findings(federation), [])
  },
)
