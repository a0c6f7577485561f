/** What takes a second person: over real gRPC, with a certificate for each person. */
import t from 'tap'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { hex } from '../../src/base/bytes.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { recordAt } from '../../src/batch/body.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { OperatorActSchema } from '../../src/gen/huxin/v1/access_pb.ts'
import { ActSchema, AmendmentSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { ApprovalSchema } from '../../src/gen/huxin/v1/register_pb.ts'
import { checkedValue, openChecked } from '../../src/store/checked.ts'
import { entryKey, tables, textKey } from '../../src/store/keys.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { type Caller, provinceAndCity } from '../support/callers.ts'
import { codeOf, compactAll, findings, holders } from '../support/checks.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { nodeOf } from '../support/doors.ts'

t.setTimeout(0)

const CALL = { timeoutMs: 120_000 }
const act = { reason: '已核实', document: '测〔2026〕9号' }
const { federation, province, client, operator } = await provinceAndCity(t)
const zhang = await operator('张三')

let last = 0
async function publish(
  prefix: string,
  grade = 'A',
  i = ++last,
): Promise<{ batchId: Uint8Array; id: string; i: number }> {
  const { batchId } = await zhang.records.publish(
    {
      item: INDUSTRY_ITEM,
      targets: ['330000', '330100'],
      records: [industryRecord(i, { prefix, grade })],
    },
    CALL,
  )
  return { batchId, id: `${prefix}-${i}`, i }
}

async function erase(by: Caller, batchId: Uint8Array, requestId = ''): Promise<Uint8Array> {
  const { approvalId, batchId: made } = await by.records.amend(
    {
      requestId,
      changes: [
        { action: 'erase', batchId, index: 0, basis: 'erase/court', document: '测〔2026〕8号' },
      ],
    },
    CALL,
  )
  return approvalId.length > 0 ? approvalId : made
}

/** The acts at the end of the province's log, newest last: what, who, on what. */
async function acts(
  count: number,
): Promise<{ act: string; actor: string; document: string; about: string; from: string }[]> {
  const found = []
  for (
    let index = province().log().signed.size - 1n;
    index >= 0n && found.length < count;
    index--
  ) {
    const entry = parseEntry((await province().store.get(entryKey(index)))!)
    const { id, header } = parseHeaderNote(entry.header)
    if (header.kind !== 'act') continue
    const {
      act: what,
      person,
      batchId,
    } = fromBinary(OperatorActSchema, recordAt((await findBatch(province(), id))!.body!, 0)!)
    found.push({
      act: what,
      actor: person!.actor,
      document: person!.document,
      about: hex(batchId),
      from:
        entry.source.kind === 'operator'
          ? decodeURIComponent(entry.source.name)
          : entry.source.kind,
    })
  }
  return found.reverse()
}

/** Changes the row of an approval, as time or a failure would. */
async function changeRow(
  id: Uint8Array,
  change: MessageInitShape<typeof ApprovalSchema>,
): Promise<void> {
  const key = textKey(tables.meta, `approval/${hex(id)}`)
  const row = fromBinary(ApprovalSchema, openChecked(key, await province().store.get(key))!)
  await province().writer.save([
    {
      key,
      value: checkedValue(
        key,
        toBinary(ApprovalSchema, create(ApprovalSchema, { ...row, ...change } as typeof row)),
      ),
    },
  ])
}

t.test('an erasure waits for another person, and both are on record', async (t) => {
  const li = await operator('李四')
  const older = await publish('x', 'A', 515_151)
  const { batchId, id } = await publish('x', 'B', 515_151)
  const name = '浙江测试企业515151有限公司'
  const approval = await erase(zhang, batchId, 'e-1')
  await federation.until(
    'the city has both',
    async () => (await findByRecordId(federation.node('330100').context, id)).length === 2,
  )
  t.equal((await findByRecordId(province(), id)).length, 2, 'nothing is erased yet')
  t.same(
    await erase(zhang, batchId, 'e-1'),
    approval,
    'again under one request id: the same approval',
  )
  t.equal(
    await codeOf(erase(zhang, older.batchId, 'e-1')),
    'argument_invalid',
    'the request id is taken',
  )
  t.match((await li.admin.listApprovals({}, CALL)).approvals, [
    {
      state: 'waiting',
      proposer: '张三',
      changeCount: 1,
      changes: [{ action: 'erase', batchId, document: '测〔2026〕8号' }],
    },
  ])

  t.equal(
    await codeOf(zhang.admin.grantApproval({ id: approval, act }, CALL)),
    'role_denied',
    'not who asked for it',
  )
  t.equal(
    await codeOf((await operator('张三')).admin.grantApproval({ id: approval, act }, CALL)),
    'role_denied',
    'nor with another certificate in the same name',
  )
  t.equal(
    await codeOf(li.admin.grantApproval({ id: approval, act: { reason: 'x' } }, CALL)),
    'argument_invalid',
    'a document is wanted',
  )
  t.equal(await codeOf(li.admin.grantApproval({ id: new Uint8Array(32), act }, CALL)), 'not_found')
  t.equal(
    await codeOf(li.admin.grantApproval({ id: new Uint8Array(3), act }, CALL)),
    'argument_invalid',
  )
  t.equal((await findByRecordId(province(), id)).length, 2)

  const { published } = await li.admin.grantApproval({ id: approval, act }, CALL)
  t.equal(published!.published, 2, 'the earlier version is erased too')
  await federation.until('it is erased at both', async () =>
    (
      await Promise.all(
        [...federation.nodes.values()].map(
          async ({ context }) => (await findByRecordId(context, id)).length,
        ),
      )
    ).every((count) => count === 0),
  )
  await federation.until(
    'the city has the amendment',
    async () =>
      (await findBatch(federation.node('330100').context, published!.batchId)) !== undefined,
  )
  const { body } = (await findBatch(federation.node('330100').context, published!.batchId))!
  for (let i = 0; i < 2; i++)
    t.same(
      hex(fromBinary(AmendmentSchema, recordAt(body!, i)!).approval),
      hex(approval),
      'the amendment says at every node that two persons stand behind it',
    )
  t.notOk(
    Buffer.from(body!.bytes).includes('张三') || Buffer.from(body!.bytes).includes('李四'),
    'and names neither',
  )
  t.same(await acts(2), [
    {
      act: 'amendment-propose',
      actor: '张三',
      document: '测〔2026〕8号',
      about: hex(approval),
      from: '张三',
    },
    {
      act: 'amendment-grant',
      actor: '李四',
      document: '测〔2026〕9号',
      about: hex(approval),
      from: '李四',
    },
  ])

  t.same(
    (await li.admin.grantApproval({ id: approval, act }, CALL)).published!.batchId,
    published!.batchId,
    'granted again: the same batch',
  )
  t.same(await erase(zhang, batchId, 'e-1'), published!.batchId, 'asked for again: the same batch')
  t.equal(
    await codeOf(zhang.admin.rejectApproval({ id: approval, act }, CALL)),
    'argument_invalid',
    'too late',
  )
  await compactAll(federation)
  t.same(await holders(federation, name), [], 'no byte of it is left')
})

t.test('one person rejects, and nothing is published', async (t) => {
  const { batchId, id } = await publish('r')
  const approval = await erase(zhang, batchId)
  const { actBatchId } = await (
    await operator('王五')
  ).admin.rejectApproval({ id: approval, act }, CALL)
  t.equal(actBatchId.length, 32)
  t.match(await acts(1), [{ act: 'amendment-reject', actor: '王五' }])
  t.equal(
    (await zhang.admin.rejectApproval({ id: approval, act }, CALL)).actBatchId.length,
    0,
    'again: nothing',
  )
  t.equal(
    await codeOf((await operator('李四')).admin.grantApproval({ id: approval, act }, CALL)),
    'argument_invalid',
  )
  t.match(await findByRecordId(province(), id), [{ standing: 'current' }])
})

t.test('what somebody asked for whose certificate was revoked since is not granted', async (t) => {
  const wu = await operator('吴九')
  const li = await operator('李四')
  const { batchId, id } = await publish('v')
  const [first, second] = [await erase(wu, batchId), await erase(wu, batchId)]
  await zhang.admin.revokeCertificate({ role: 'operator', serial: wu.serial, act }, CALL)
  t.equal(
    await codeOf(li.admin.grantApproval({ id: first, act }, CALL)),
    'role_denied',
    'by serial number',
  )
  await zhang.admin.reinstateCertificate({ role: 'operator', serial: wu.serial, act }, CALL)
  await zhang.admin.revokeCertificate({ role: 'operator', name: '吴九', act }, CALL)
  t.equal(await codeOf(li.admin.grantApproval({ id: second, act }, CALL)), 'role_denied', 'by name')
  t.match(await findByRecordId(province(), id), [{ standing: 'current' }])
  for (const one of [first, second]) await li.admin.rejectApproval({ id: one, act }, CALL)
})

t.test(
  'what waits outlives a restart, and what was granted just before a failure is published by whoever grants it again',
  async (t) => {
    const { batchId, id } = await publish('s')
    const approval = await erase(zhang, batchId)
    await federation.restart('330000')
    await federation.until(
      'the province signs again',
      () => federation.node('330000').state !== 'starting',
    )
    const wang = await operator('王五')
    t.match((await wang.admin.listApprovals({ id: approval }, CALL)).approvals, [
      { state: 'waiting', proposer: '张三' },
    ])

    // As it stands after the act of granting was logged and before the amendment was.
    await changeRow(approval, {
      state: 'granted',
      decision: create(ActSchema, { actor: '李四', ...act }),
      expiresMs: 1n,
    })
    const { published } = await wang.admin.grantApproval({ id: approval, act }, CALL)
    t.equal(published!.published, 1)
    t.same(
      (await findBatch(province(), published!.batchId))!.entry.source,
      { kind: 'operator', name: encodeURIComponent('李四') },
      'in the name of who granted it',
    )
    t.same(await findByRecordId(province(), id), [])
  },
)

t.test('nobody grants what is over, and it is gone with the next proposal', async (t) => {
  const chen = await operator('陈七')
  const { batchId } = await publish('o')
  const { batchId: other } = await publish('o')
  const approval = await erase(chen, batchId)
  const rows = async (): Promise<number> =>
    (
      await province().store.range({
        gte: textKey(tables.meta, 'approval/'),
        lt: textKey(tables.meta, 'approval0'),
      })
    ).length
  t.ok((await rows()) > 1)
  const { expiresMs, proposedMs } = (await chen.admin.listApprovals({ id: approval }, CALL))
    .approvals[0]!
  t.equal(expiresMs - proposedMs, 7n * 86_400_000n)
  await changeRow(approval, { expiresMs: 1n })
  const before = await rows()
  t.equal(
    await codeOf((await operator('李四')).admin.grantApproval({ id: approval, act }, CALL)),
    'not_found',
  )
  t.notOk(
    (await chen.admin.listApprovals({}, CALL)).approvals.some(
      ({ id }) => hex(id) === hex(approval),
    ),
  )
  const second = await erase(chen, other)
  t.ok((await rows()) < before + 1, 'its row is gone')
  await changeRow(second, { expiresMs: 1n })
  const between = await rows()
  await nodeOf(province()).approvals.sweep()
  t.equal(await rows(), between - 1, 'and with the hourly sweep')
})

t.test('what waits is bounded', async (t) => {
  const chen = await operator('陈七')
  const { batchId } = await publish('b')
  const waits = async (): Promise<number> =>
    (await chen.admin.listApprovals({}, CALL)).approvals.filter(({ state }) => state === 'waiting')
      .length
  const before = await waits()
  const asked = await Promise.all(Array.from({ length: 110 }, () => codeOf(erase(chen, batchId))))
  t.equal(await waits(), 100)
  t.equal(asked.filter((code) => code === '').length + before, 100)
  t.same([...new Set(asked)].sort(), ['', 'overloaded'])
  t.same(await findings(federation), [])
})

t.test('a node says what takes two persons', async (t) => {
  const { batchId } = await publish('p')
  await appendFile(
    join(federation.folderOf('330000'), 'node.yaml'),
    'approvals: { erase: false, amend: true }\n',
  )
  await federation.restart('330000')
  await federation.until(
    'the province signs again',
    () => federation.node('330000').state !== 'starting',
  )
  t.same(federation.node('330000').config.approvals, { erase: false, amend: true, days: 7 })
  const chen = await operator('陈七')
  const amend = (action: string) =>
    chen.records.amend(
      { changes: [{ action, batchId, index: 0, basis: 'test/basis', document: 'd' }] },
      CALL,
    )
  t.equal(await codeOf(amend('object')), 'overloaded', 'it would wait, and there is no room')
  for (const { id } of (await chen.admin.listApprovals({}, CALL)).approvals)
    await chen.admin.rejectApproval({ id, act }, CALL)
  const { approvalId } = await amend('object')
  t.equal(approvalId.length, 32)
  t.equal(
    (await (await operator('李四')).admin.grantApproval({ id: approvalId, act }, CALL)).published!
      .published,
    1,
  )
  await federation.registerClient('330000', 'bench')
  const bench = await client('bench')
  const own = await bench.records.publish(
    {
      item: INDUSTRY_ITEM,
      targets: ['330000'],
      records: [industryRecord(++last, { prefix: 'c' })],
    },
    CALL,
  )
  t.equal(
    (
      await bench.records.amend(
        { changes: [{ action: 'withdraw', batchId: own.batchId, index: 0, basis: 'x' }] },
        CALL,
      )
    ).batchId.length,
    32,
    "a client's own are no matter of persons",
  )
  t.same(await findings(federation), [])
})

t.test('a full disk takes no records, and two persons still erase', async (t) => {
  const { batchId, id } = await publish('f')
  const file = join(federation.folderOf('330000'), 'node.yaml')
  await writeFile(
    file,
    `${(await readFile(file, 'utf8')).replace(/^approvals: .*\n/m, '')}disk: { reserveBytes: 1000000000000000 }\n`,
  )
  await federation.restart('330000')
  await federation.until(
    'the province signs again',
    () => federation.node('330000').state !== 'starting',
  )
  const [chen, li] = [await operator('陈七'), await operator('李四')]
  t.equal(
    await codeOf(
      chen.records.publish(
        {
          item: INDUSTRY_ITEM,
          targets: ['330000'],
          records: [industryRecord(++last, { prefix: 'f' })],
        },
        CALL,
      ),
    ),
    'disk_full',
  )
  const approval = await erase(chen, batchId)
  t.equal((await li.admin.grantApproval({ id: approval, act }, CALL)).published!.published, 1)
  t.same(await findByRecordId(province(), id), [])
  t.same(await findings(federation), [])
})
