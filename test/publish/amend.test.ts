import t, { type Test } from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { be64 } from '../../src/base/bytes.ts'
import { leafHashAt, recordAt } from '../../src/batch/body.ts'
import { amend, type RecordChange } from '../../src/publish/amend.ts'
import { findBatch, findByRecordId, findBySubject } from '../../src/query/query.ts'
import {
  answerRecognition,
  listRecognitions,
  requestRecognition,
} from '../../src/recognition/recognize.ts'
import type { Context } from '../../src/commit/context.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { RESTORES } from '../../src/batch/header.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { AmendmentAction, AmendmentSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { type Subject, SubjectSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { amendmentKey, tables, textKey } from '../../src/store/keys.ts'
import {
  amendmentByHand,
  codeOf,
  compactAll,
  erasedCount,
  findings,
  type Forged,
  forge,
  holders,
  publishRecords,
} from '../support/checks.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, uscc } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(0)

const source = { kind: 'self' } as const

async function start(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(SEVEN, { store: 'disk' })
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

function change(
  batchId: Uint8Array,
  position: number,
  action: RecordChange['action'],
  more: Partial<RecordChange> = {},
): RecordChange {
  return {
    action,
    batchId,
    position,
    effectiveOn: '2026-01-05',
    basis: 'repair/order36',
    document: '测〔2026〕3号',
    ...more,
  }
}

async function standings(
  federation: TestFederation,
  id: string,
  recordId: string,
): Promise<string[]> {
  return (await findByRecordId(federation.node(id).context, recordId)).map(
    ({ standing, disputed }) => `${standing}${disputed ? ' disputed' : ''}`,
  )
}

/** Waits until every node's log has the batch. */
function everywhere(federation: TestFederation, id: Uint8Array): Promise<void> {
  return federation.until('the batch is in every log', async () => {
    for (const node of federation.nodes.values())
      if (!(await node.context.ledger().known(id))) return false
    return true
  })
}

t.test('amendments reach every node', async (t) => {
  const federation = await start(t)
  const { context } = federation.node('330106')
  const published = await publishRecords(
    context,
    many(5, (i) => industryRecord(i, { prefix: 'a' })),
    ['330782', '330000'],
  )
  const id = published.batch!.id
  await federation.until(
    'both targets have it',
    async () =>
      (await standings(federation, '330782', 'a-0')).length > 0 &&
      (await standings(federation, '330000', 'a-0')).length > 0,
  )

  await t.test('withdraw, repair and object, at origin and targets alike', async (t) => {
    const amended = await amend(context, {
      provider: BODY,
      source,
      changes: [change(id, 0, 'withdraw'), change(id, 1, 'repair'), change(id, 2, 'object')],
    })
    t.equal(amended.refusal, undefined)
    await everywhere(federation, amended.batch!.id)
    for (const node of ['330106', '330782', '330000']) {
      t.same(await standings(federation, node, 'a-0'), ['withdrawn'], node)
      t.same(await standings(federation, node, 'a-1'), ['repaired'], node)
      t.same(await standings(federation, node, 'a-2'), ['current disputed'], node)
      t.same(await standings(federation, node, 'a-3'), ['current'], node)
    }
  })

  await t.test('one that takes effect later changes nothing before its day', async (t) => {
    const amended = await amend(context, {
      provider: BODY,
      source,
      changes: [change(id, 3, 'withdraw', { effectiveOn: '2099-01-01' })],
    })
    await everywhere(federation, amended.batch!.id)
    t.same(await standings(federation, '330782', 'a-3'), ['current'])
  })

  await t.test('a node above the origin may amend, one beside or below it may not', async (t) => {
    const above = federation.node('330000').context
    t.equal(
      await codeOf(
        amend(federation.node('330782').context, {
          provider: BODY,
          source,
          changes: [change(id, 4, 'withdraw')],
        }),
      ),
      'amendment_invalid',
    )
    t.equal(
      await codeOf(amend(above, { provider: BODY, source, changes: [change(id, 5, 'withdraw')] })),
      'not_found',
    )
    t.equal(
      await codeOf(
        amend(above, {
          provider: BODY,
          source,
          changes: [change(new Uint8Array(32), 0, 'withdraw')],
        }),
      ),
      'not_found',
    )
    t.equal(
      await codeOf(
        amend(above, {
          provider: BODY,
          source,
          changes: [change(id, 4, 'withdraw', { effectiveOn: '2026-02-30' })],
        }),
      ),
      'argument_invalid',
    )
    t.equal(
      await codeOf(
        amend(above, {
          provider: BODY,
          source,
          changes: [change(id, 4, 'withdraw', { basis: '' })],
        }),
      ),
      'argument_invalid',
    )
    const amended = await amend(above, {
      provider: BODY,
      source,
      changes: [change(id, 4, 'withdraw')],
    })
    await everywhere(federation, amended.batch!.id)
    t.same(await standings(federation, '330106', 'a-4'), ['withdrawn'])
    t.same(await standings(federation, '330782', 'a-4'), ['withdrawn'])
  })

  await t.test('one by a node that may not, made by hand, changes nothing anywhere', async (t) => {
    const victim = await publishRecords(context, [industryRecord(90, { prefix: 'v' })], ['330782'])
    await federation.until(
      'the target has it',
      async () => (await standings(federation, '330782', 'v-90')).length > 0,
    )
    const liar = federation.node('330110').context
    const { batch: lie, body } = amendmentByHand(
      liar,
      victim.batch!.id,
      0,
      AmendmentAction.WITHDRAW,
    )
    await doorOf(liar).accept({ header: lie.note, body: body.bytes, source: { kind: 'self' } })
    await federation.until(
      'the lie is judged at the province',
      async () =>
        (await findBatch(federation.node('330000').context, lie.id)) !== undefined ||
        federation.alarms().length > 0,
    )
    const after = await publishRecords(liar, [industryRecord(91, { prefix: 'v' })], ['330782'])
    t.equal(after.refusal, undefined)
    await federation.until(
      "the liar's next batch arrives",
      async () => (await standings(federation, '330782', 'v-91')).length > 0,
    )
    t.same(await standings(federation, '330782', 'v-90'), ['current'])
    t.same(await standings(federation, '330106', 'v-90'), ['current'])
  })

  await t.test(
    'a withdrawal is undone by who made it, or from above, and at every node alike',
    async (t) => {
      const { batch } = await publishRecords(
        context,
        many(5, (i) => industryRecord(i, { prefix: 'u' })),
        ['330782', '330000'],
      )
      const above = federation.node('330000').context
      const record = (
        position: number,
        action: RecordChange['action'],
      ): Parameters<typeof amend>[1] => ({
        provider: BODY,
        source,
        changes: [change(batch!.id, position, action)],
      })
      const everyone = async (position: number, expected: string): Promise<void> => {
        for (const node of ['330106', '330782', '330000'])
          t.same(
            await standings(federation, node, `u-${position}`),
            [expected],
            `u-${position} at ${node}`,
          )
      }
      t.equal(
        await codeOf(amend(context, record(0, 'restore'))),
        'amendment_invalid',
        'it is not withdrawn',
      )
      const mine = await amend(context, { ...record(0, 'withdraw'), requestId: 'wrong' })
      await everywhere(federation, mine.batch!.id)
      await everyone(0, 'withdrawn')
      t.equal(
        await codeOf(amend(context, record(0, 'withdraw'))),
        'amendment_invalid',
        'a second time says nothing',
      )
      t.equal(
        (await amend(context, { ...record(0, 'withdraw'), requestId: 'wrong' })).batch!.idText,
        mine.batch!.idText,
        'a repeated call is answered',
      )
      const undone = await amend(context, { ...record(0, 'restore'), requestId: 'right' })
      t.same(undone.batch!.header.extra, ['x-action restore'])
      await everywhere(federation, undone.batch!.id)
      await everyone(0, 'current')
      t.equal(
        (await amend(context, { ...record(0, 'restore'), requestId: 'right' })).batch!.idText,
        undone.batch!.idText,
      )
      const again = await amend(context, record(0, 'withdraw'))
      await everywhere(federation, again.batch!.id)
      await everyone(0, 'withdrawn')
      await everywhere(federation, (await amend(above, record(0, 'restore'))).batch!.id)
      await everyone(0, 'current')

      await everywhere(federation, (await amend(above, record(1, 'withdraw'))).batch!.id)
      t.equal(
        await codeOf(amend(context, record(1, 'restore'))),
        'amendment_invalid',
        'what a node above withdrew stays so',
      )
      const liar = forgeRestoration(context, batch!.id, 1, [
        (await history(context, batch!.id, 1))[0]!,
      ])
      await doorOf(context).accept({
        header: liar.batch.note,
        body: liar.body.bytes,
        source: { kind: 'self' },
      })
      await everywhere(federation, liar.batch.id)
      await everyone(1, 'withdrawn')

      await everywhere(federation, (await amend(context, record(2, 'repair'))).batch!.id)
      t.equal(
        await codeOf(amend(context, record(2, 'restore'))),
        'amendment_invalid',
        'what was repaired stays so',
      )
      t.equal(
        await codeOf(
          amend(context, {
            ...record(2, 'object'),
            changes: [change(batch!.id, 3, 'object'), change(batch!.id, 0, 'restore')],
          }),
        ),
        'argument_invalid',
      )
      t.equal(
        await codeOf(
          amend(context, {
            ...record(2, 'object'),
            changes: [change(batch!.id, 3, 'object'), change(batch!.id, 3, 'withdraw')],
          }),
        ),
        'argument_invalid',
      )
      const clerk = { kind: 'client', name: 'clerk', body: BODY } as const
      const byClerk = { kind: 'client', name: 'clerk' } as const
      const { batch: clerks } = await publishRecords(
        context,
        [industryRecord(7, { prefix: 'u' })],
        ['330782'],
        { source: byClerk },
      )
      const theirs = {
        provider: BODY,
        source: byClerk,
        by: clerk,
        changes: [change(clerks!.id, 0, 'withdraw')],
      }
      await amend(context, theirs)
      t.equal(
        (await amend(context, { ...theirs, changes: [change(clerks!.id, 0, 'restore')] }))
          .published,
        1,
        'a client undoes its own withdrawal',
      )
      await amend(context, { ...theirs, source, by: undefined })
      t.equal(
        await codeOf(amend(context, { ...theirs, changes: [change(clerks!.id, 0, 'restore')] })),
        'role_denied',
        "and nobody else's",
      )

      // One that takes effect later.
      const day = (
        position: number,
        action: RecordChange['action'],
        effectiveOn: string,
      ): Parameters<typeof amend>[1] => ({
        provider: BODY,
        source,
        changes: [change(batch!.id, position, action, { effectiveOn })],
      })
      await amend(context, record(3, 'withdraw'))
      await everywhere(
        federation,
        (await amend(context, day(3, 'restore', '2099-01-01'))).batch!.id,
      )
      await everyone(3, 'withdrawn')
      t.equal(
        await codeOf(amend(context, day(3, 'restore', '2099-01-02'))),
        'amendment_invalid',
        'it is restored by then',
      )
      await everywhere(federation, (await amend(context, record(3, 'restore'))).batch!.id)
      await everyone(3, 'current')
      // More withdrawals than one amendment names.
      for (let i = 40; i > 24; i--) await amend(context, day(3, 'withdraw', `20${i}-01-01`))
      await everywhere(
        federation,
        (await amend(context, day(3, 'withdraw', '2024-01-01'))).batch!.id,
      )
      await everyone(3, 'withdrawn')
      await everywhere(
        federation,
        (await amend(context, { ...record(3, 'restore'), requestId: 'all' })).batch!.id,
      )
      await everyone(3, 'current')
      t.same((await history(context, batch!.id, 3)).length, 1 + 2 + 17 + 2)

      // A restoration that comes before the withdrawal that it undoes.
      const late = amendmentByHand(context, batch!.id, 4, AmendmentAction.WITHDRAW)
      const early = forgeRestoration(above, batch!.id, 4, [late.batch.id])
      await doorOf(above).accept({
        header: early.batch.note,
        body: early.body.bytes,
        source: { kind: 'self' },
      })
      await everywhere(federation, early.batch.id)
      await doorOf(context).accept({
        header: late.batch.note,
        body: late.body.bytes,
        source: { kind: 'self' },
      })
      await everywhere(federation, late.batch.id)
      await everyone(4, 'current')
    },
  )

  await t.test(
    'a restoration that a program before carried unread is read after the upgrade',
    async (t) => {
      const { batch } = await publishRecords(
        context,
        [industryRecord(1, { prefix: 'w' })],
        ['330782', '330000'],
      )
      const changes = (action: RecordChange['action']): Parameters<typeof amend>[1] => ({
        provider: BODY,
        source,
        changes: [change(batch!.id, 0, action)],
      })
      await amend(context, changes('withdraw'))
      const undone = await amend(context, changes('restore'))
      await everywhere(federation, undone.batch!.id)
      const { store, ledger } = federation.node('330782').context
      const index = (await ledger().known(undone.batch!.id))!.indexes[0]!
      await store.commit([
        { key: amendmentKey(batch!.id, 0, index), value: undefined },
        { key: textKey(tables.meta, 'restorations'), value: undefined },
        { key: textKey(tables.state, 'records'), value: be64(ledger().recordCount - 1n) },
      ])
      t.same(
        await standings(federation, '330782', 'w-1'),
        ['withdrawn'],
        'as a program before has it',
      )
      const again = await federation.restart('330782')
      await federation.until('it serves again', () => again.state === 'serving')
      t.same(await standings(federation, '330782', 'w-1'), ['current'])
    },
  )
  t.same(await findings(federation), [])
})

/** Batch ids of the amendments that were made of a record. */
async function history(
  { ledger, log }: Context,
  batchId: Uint8Array,
  position: number,
): Promise<Uint8Array[]> {
  const rows = (await ledger().amendmentHistory(batchId, () => true)).filter(
    (row) => row.position === position,
  )
  return Promise.all(
    rows.map(
      async ({ index }) => parseHeaderNote(parseEntry((await log().entry(index))!).header).id,
    ),
  )
}

/** A restoration that no use case looked at. */
function forgeRestoration(
  context: Context,
  batchId: Uint8Array,
  index: number,
  withdrawals: Uint8Array[],
): Forged {
  const record = toBinary(
    AmendmentSchema,
    create(AmendmentSchema, {
      action: AmendmentAction.RESTORE,
      batchId,
      index,
      effectiveOn: '2026-01-05',
      basis: 'test',
      document: '-',
      withdrawals,
    }),
  )
  return forge(context, [record], ['**'], {
    kind: 'amendment',
    item: undefined,
    batchClass: 'amendment',
    extra: [RESTORES],
  })
}

t.test('erasing', async (t) => {
  const federation = await start(t)
  const { context } = federation.node('330106')
  const name = '浙江测试企业515151有限公司'

  await t.test(
    'destroys the bytes of every version at every holder, and every proof still holds',
    async (t) => {
      const versions = []
      for (const grade of ['A', 'B', 'C']) {
        versions.push(
          await publishRecords(
            context,
            [industryRecord(1), industryRecord(515_151, { prefix: 'x', grade })],
            ['330782', '330100/**'],
          ),
        )
      }
      await federation.until(
        'the targets have all versions',
        async () =>
          (await standings(federation, '330782', 'x-515151')).length === 3 &&
          (await standings(federation, '330110', 'x-515151')).length === 3,
      )
      t.same(await standings(federation, '330782', 'x-515151'), [
        'current',
        'superseded',
        'superseded',
      ])
      t.same(await holders(federation, name), [
        '330000',
        '330100',
        '330106',
        '330110',
        '330700',
        '330782',
      ])
      const hashes = await Promise.all(
        versions.map(async ({ batch }) =>
          leafHashAt((await findBatch(context, batch!.id))!.body!, 1),
        ),
      )

      const amended = await amend(context, {
        provider: BODY,
        source,
        changes: [change(versions[2]!.batch!.id, 1, 'erase')],
      })
      t.equal(amended.batch!.header.records, 3, 'earlier versions are named too')
      await everywhere(federation, amended.batch!.id)
      for (const node of ['330106', '330782', '330110', '330100']) {
        t.same(await findByRecordId(federation.node(node).context, 'x-515151'), [], node)
        t.same(
          await findBySubject(federation.node(node).context, SubjectType.ENTERPRISE, uscc(515_151)),
          [],
          node,
        )
        t.same(
          await standings(federation, node, 'e-1'),
          ['current', 'superseded', 'superseded'],
          `${node}: the others of the batches stand`,
        )
      }
      for (const { context: there } of federation.nodes.values()) {
        for (const [i, { batch }] of versions.entries()) {
          const found = await findBatch(there, batch!.id)
          if (!found) continue
          t.equal(recordAt(found.body!, 1), undefined)
          t.same(leafHashAt(found.body!, 1), hashes[i], 'the leaf hash stays')
        }
      }
      await federation.until(
        'the bytes are gone from every disk',
        async () => (await holders(federation, name)).length === 0,
      )
      t.same(await holders(federation, uscc(515_151)), [])
      for (const node of ['330106', '330782', '330110', '330100'])
        t.equal(await erasedCount(federation.node(node)), 3n, node)
      t.same(await findings(federation), [])
    },
  )

  await t.test('an erased record that is sent again, by whomever, stays erased', async (t) => {
    const far = federation.node('330782').context
    const { batch, body } = forge(
      context,
      [industryRecord(616_161, { prefix: 'again' })],
      ['330782'],
    )
    await doorOf(context).accept({ header: batch.note, body: body.bytes, source: { kind: 'self' } })
    await federation.until(
      'the target has it',
      async () => (await standings(federation, '330782', 'again-616161')).length > 0,
    )
    const amended = await amend(context, {
      provider: BODY,
      source,
      changes: [change(batch.id, 0, 'erase')],
    })
    await everywhere(federation, amended.batch!.id)
    for (const source of [
      { kind: 'fetched', node: 'zj.example/330700' },
      { kind: 'child', node: 'zj.example/330106' },
      { kind: 'self' },
    ] as const) {
      const again = await doorOf(far).accept({ header: batch.note, body: body.bytes, source })
      t.equal(again.repeated, true)
    }
    t.same(await findByRecordId(far, 'again-616161'), [])
    t.equal((await findBatch(far, batch.id))!.body!.erased, 1)
  })

  /** Holds the writer back until both passed every check, so that they are written in one round. */
  async function together(node: string, doing: () => Promise<unknown>[]): Promise<void> {
    let open = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const blocked = federation.node(node).context.writer.propose(0, async () => {
      await gate
      return { entries: [], ops: [], remember: () => undefined }
    })
    const done = doing()
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    open()
    await Promise.all([blocked, ...done])
  }

  await t.test(
    'an erasure that is written just before its batch erases it on arrival',
    async (t) => {
      const city = federation.node('330100').context
      const { batch, body } = forge(
        context,
        [industryRecord(717_171, { prefix: 'early' })],
        ['330110', '330100'],
      )
      const erasure = amendmentByHand(context, batch.id, 0, AmendmentAction.ERASE)
      await together('330100', () => [
        doorOf(city).accept({
          header: erasure.batch.note,
          body: erasure.body.bytes,
          source: { kind: 'child', node: context.self },
        }),
        doorOf(city).accept({
          header: batch.note,
          body: body.bytes,
          source: { kind: 'fetched', node: 'zj.example/330000' },
        }),
      ])
      t.equal((await findBatch(city, batch.id))!.body!.erased, 1)
      const far = federation.node('330110').context
      await federation.until(
        'the county below has it',
        async () => (await findBatch(far, batch.id)) !== undefined,
      )
      t.equal((await findBatch(far, batch.id))!.body!.erased, 1)
      // What the city was told by hand, its origin has to know too.
      await doorOf(context).accept({
        header: erasure.batch.note,
        body: erasure.body.bytes,
        source: { kind: 'self' },
      })
      await doorOf(context).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'self' },
      })
      t.same(await holders(federation, '浙江测试企业717171有限公司'), [])
    },
  )

  await t.test(
    'two erasures of one batch that are written together both stay, as does one beside its batch',
    async (t) => {
      const published = await publishRecords(
        context,
        many(3, (i) => industryRecord(818_180 + i, { prefix: 'both' })),
        ['330110'],
      )
      const id = published.batch!.id
      const fresh = forge(
        context,
        many(2, (i) => industryRecord(919_190 + i, { prefix: 'fresh' })),
        ['330782'],
      )
      await together('330106', () => [
        amend(context, { provider: BODY, source, changes: [change(id, 0, 'erase')] }),
        amend(context, { provider: BODY, source, changes: [change(id, 2, 'erase')] }),
        doorOf(context)
          .accept({ header: fresh.batch.note, body: fresh.body.bytes, source: { kind: 'self' } })
          .then(),
        doorOf(context).accept({ ...erasing(fresh.batch.id), source: { kind: 'self' } }),
      ])
      const left = async (node: string, batchId: Uint8Array): Promise<boolean[]> => {
        const { body } = (await findBatch(federation.node(node).context, batchId))!
        return Array.from({ length: body!.count }, (_, i) => recordAt(body!, i) !== undefined)
      }
      t.same(await left('330106', id), [false, true, false])
      t.same(await left('330106', fresh.batch.id), [true, false])
      await federation.until(
        'the other county erases',
        async () =>
          (await findBatch(federation.node('330110').context, id)) !== undefined &&
          (await left('330110', id)).filter(Boolean).length === 1,
      )
      t.same(await left('330110', id), [false, true, false])
      t.same(await findByRecordId(context, 'both-818180'), [])
      t.same(await findByRecordId(context, 'fresh-919191'), [])
      t.same(await standings(federation, '330106', 'both-818181'), ['current'])
    },
  )

  function erasing(batchId: Uint8Array): { header: Uint8Array; body: Uint8Array } {
    const { batch, body } = amendmentByHand(context, batchId, 1, AmendmentAction.ERASE)
    return { header: batch.note, body: body.bytes }
  }
  await compactAll(federation)
  t.same(await findings(federation), [])
})

t.test('recognition', async (t) => {
  const federation = await start(t)
  const holder = federation.node('330106').context
  const asker = federation.node('330782').context
  const subject = (i: number): Subject =>
    create(SubjectSchema, {
      type: SubjectType.ENTERPRISE,
      id: uscc(i),
      name: `浙江测试企业${i}有限公司`,
    })

  /** Publishes a result at the holder, asks for it from the far county, answers. */
  async function recognize(i: number): Promise<{ requestId: string; batchId: Uint8Array }> {
    const published = await publishRecords(holder, [industryRecord(i, { prefix: 'r' })], ['330100'])
    const asked = await requestRecognition(asker, {
      holder: holder.self,
      item: INDUSTRY_ITEM,
      resultRecordId: `r-${i}`,
      subject: subject(i),
      purpose: 'mutual-recognition',
      legalBasis: '省内互认办法',
      mapping: '',
      ageDaysMax: 0,
      source,
    })
    t.equal(asked.refusal, undefined)
    await federation.until(
      'the request is at the holder',
      async () =>
        (await listRecognitions(holder, { requestRecordId: asked.recordId, openOnly: true }))
          .length === 1,
    )
    const answered = await answerRecognition(holder, {
      requestRecordId: asked.recordId,
      decision: 'recognized',
      conditions: '',
      validUntil: '',
      source,
    })
    t.equal(answered.refusal, undefined)
    await federation.until(
      'the confirmation is at the asker',
      async () => (await confirmations(asker, asked.recordId)).length === 1,
    )
    return { requestId: asked.recordId, batchId: published.batch!.id }
  }

  async function confirmations(context: typeof holder, requestRecordId: string) {
    const [found] = await listRecognitions(context, { requestRecordId, openOnly: false })
    return found?.confirmations ?? []
  }

  /** Waits until the confirmation fell at both ends, and gives what each says of it. */
  async function fallen(requestId: string): Promise<{ validity: string; fellAtMs: number }[]> {
    const both = async () =>
      (
        await Promise.all([holder, asker].map((context) => confirmations(context, requestId)))
      ).flat()
    await federation.until('it fell at both ends', async () => {
      const rows = await both()
      return (
        rows.length === 2 &&
        rows.every(({ validity, fellAtMs }) => validity !== 'valid' && fellAtMs > 0)
      )
    })
    return both()
  }

  await t.test('a confirmation pins its source and is valid at both ends', async (t) => {
    const { requestId, batchId } = await recognize(1)
    for (const context of [holder, asker]) {
      const [row] = await confirmations(context, requestId)
      t.equal(row!.validity, 'valid')
      t.equal(row!.fellAtMs, 0)
      const content = row!.confirmation.record!.content
      if (content.case !== 'recognitionConfirmation') throw new Error('not a confirmation')
      t.same([...content.value.sourceBatchId], [...batchId])
      t.equal(content.value.sourceGrade, 'A')
      t.equal(content.value.validUntil, '2027-06-30')
    }
    t.same(
      await listRecognitions(holder, { requestRecordId: '', openOnly: true }),
      [],
      'nothing is left open',
    )
  })

  await t.test('it falls when its source is withdrawn', async (t) => {
    const { requestId, batchId } = await recognize(2)
    await amend(holder, { provider: BODY, source, changes: [change(batchId, 0, 'withdraw')] })
    for (const row of await fallen(requestId)) t.equal(row.validity, 'source_withdrawn')
  })

  await t.test('it falls when its source is erased', async (t) => {
    const { requestId, batchId } = await recognize(3)
    await amend(holder, { provider: BODY, source, changes: [change(batchId, 0, 'erase')] })
    for (const row of await fallen(requestId)) t.equal(row.validity, 'source_withdrawn')
  })

  await t.test(
    'it falls when its source has a newer version, of which the asker knows nothing',
    async (t) => {
      const { requestId } = await recognize(4)
      const before = Date.now() - 2_000
      await publishRecords(holder, [industryRecord(4, { prefix: 'r', grade: 'C' })], ['330100'])
      const [atHolder, atAsker] = await fallen(requestId)
      t.equal(atHolder!.validity, 'source_superseded')
      t.equal(atAsker!.validity, 'withdrawn')
      t.ok(atAsker!.fellAtMs > before && atAsker!.fellAtMs <= Date.now())
    },
  )

  await t.test('an objection alone does not make it fall', async (t) => {
    const { requestId, batchId } = await recognize(5)
    const amended = await amend(holder, {
      provider: BODY,
      source,
      changes: [change(batchId, 0, 'object')],
    })
    await everywhere(federation, amended.batch!.id)
    for (const context of [holder, asker])
      t.equal((await confirmations(context, requestId))[0]!.validity, 'valid')
  })

  await t.test('an answer stands alone: another is taken when it was withdrawn', async (t) => {
    const { requestId } = await recognize(6)
    const again = (decision: 'recognized' | 'not_recognized') =>
      answerRecognition(holder, {
        requestRecordId: requestId,
        decision,
        conditions: '',
        validUntil: '',
        source,
      })
    t.equal(await codeOf(again('not_recognized')), 'argument_invalid')
    const [first] = await confirmations(holder, requestId)
    await amend(holder, {
      provider: BODY,
      source,
      changes: [change(first!.confirmation.batch.id, first!.confirmation.position, 'withdraw')],
    })
    const both = await Promise.all([again('not_recognized'), again('recognized')].map(codeOf))
    t.same(both, ['', 'argument_invalid'], 'of two at once the first')
    t.same((await confirmations(holder, requestId)).map(({ validity }) => validity).sort(), [
      'valid',
      'withdrawn',
    ])
  })

  await t.test('what is not recognized wants no mapping', async (t) => {
    await publishRecords(holder, [industryRecord(7, { prefix: 'r' })], ['330100'])
    const asked = await requestRecognition(asker, {
      holder: holder.self,
      item: INDUSTRY_ITEM,
      resultRecordId: 'r-7',
      subject: subject(7),
      purpose: 'mutual-recognition',
      legalBasis: '-',
      mapping: 'zj-5-to-cn@1',
      ageDaysMax: 0,
      source,
    })
    await federation.until(
      'the request is at the holder',
      async () =>
        (await listRecognitions(holder, { requestRecordId: asked.recordId })).length === 1,
    )
    const answered = await answerRecognition(holder, {
      requestRecordId: asked.recordId,
      decision: 'not_recognized',
      conditions: '',
      validUntil: '',
      source,
    })
    t.equal(answered.refusal, undefined)
    const [row] = await confirmations(holder, asked.recordId)
    t.equal(row!.confirmation.record!.recordId, answered.recordId)
  })

  await t.test('what cannot be asked or answered says so', async (t) => {
    const ask = {
      holder: holder.self,
      item: INDUSTRY_ITEM,
      resultRecordId: 'r-1',
      subject: subject(1),
      purpose: 'mutual-recognition',
      legalBasis: '-',
      mapping: '',
      ageDaysMax: 0,
      source,
    }
    t.equal(
      await codeOf(requestRecognition(asker, { ...ask, purpose: 'curiosity' })),
      'argument_invalid',
    )
    t.equal(
      await codeOf(requestRecognition(asker, { ...ask, mapping: 'nothing@1' })),
      'item_unknown',
    )
    t.equal(
      await codeOf(requestRecognition(asker, { ...ask, holder: 'zj.example/999999' })),
      'argument_invalid',
    )
    t.equal(
      await codeOf(requestRecognition(asker, { ...ask, item: 'zj/nothing@1' })),
      'item_unknown',
    )
    t.equal(
      await codeOf(
        answerRecognition(holder, {
          requestRecordId: 'rq-none',
          decision: 'recognized',
          conditions: '',
          validUntil: '',
          source,
        }),
      ),
      'not_found',
    )
  })
  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})

t.test(
  'what is erased while an earlier erasure of its batch is rewritten on disk is gone too',
  async (t) => {
    const federation = await TestFederation.start(
      [{ id: '330000', tier: 'province', divisions: ['330000'] }],
      { store: 'disk' },
    )
    t.teardown(() => federation.stop())
    let meanwhile = (): Promise<unknown> => Promise.resolve()
    const node = await federation.restart('330000', {
      wrapStore: (store) => ({
        ...store,
        destroyDeleted: async (range) => {
          await store.destroyDeleted(range)
          const doing = meanwhile
          meanwhile = () => Promise.resolve()
          await doing()
        },
      }),
    })
    const { context } = node
    const name = (i: number): string => `浙江测试企业${616_260 + i}有限公司`
    const { batch } = await publishRecords(
      context,
      many(2, (i) => industryRecord(616_260 + i)),
      ['330000'],
    )
    const erase = (position: number): Promise<unknown> =>
      amend(context, { provider: BODY, source, changes: [change(batch!.id, position, 'erase')] })
    let both = false
    meanwhile = () =>
      erase(1).then(() => {
        both = true
      })
    await erase(0)
    await federation.until('both are erased', () => both)
    for (const i of [0, 1])
      await federation.until(
        `the bytes of ${i} are gone`,
        async () => (await holders(federation, name(i))).length === 0,
      )
    t.same(await findings(federation), [])
  },
)
