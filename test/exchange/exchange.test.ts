import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { parseBody } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { finalSize } from '../../src/witness/cosigned.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { publish } from '../../src/publish/publish.ts'
import { bodyState, findBatch, findByRecordId } from '../../src/query/query.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { systemClock } from '../../src/base/clock.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { bodyKey } from '../../src/store/keys.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { codeOf, compactAll, findings, forge, holders, publishRecords } from '../support/checks.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import {
  INDUSTRY_ITEM,
  industryRecord,
  many,
  NATIONAL_ITEM,
  nationalRecord,
} from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

const EVERYONE = SEVEN.map(({ id }) => id).sort()

async function held(federation: TestFederation, id: string, recordId: string): Promise<boolean> {
  return (await findByRecordId(federation.node(id).context, recordId)).length > 0
}

async function servers(federation: TestFederation, recordId: string): Promise<string[]> {
  const ids: string[] = []
  for (const id of EVERYONE) if (await held(federation, id, recordId)) ids.push(id)
  return ids
}

/** Waits until every node knows the catalog. */
async function settled(federation: TestFederation): Promise<void> {
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
}

t.test('records between honest nodes', async (t) => {
  const federation = await TestFederation.start(SEVEN, { store: 'disk' })
  t.teardown(() => federation.stop())
  await settled(federation)

  await t.test('what goes up is served at origin and target and nowhere between', async (t) => {
    await publishRecords(
      federation.node('330106').context,
      many(3, (i) => industryRecord(i, { prefix: 'up' })),
      ['330000'],
    )
    await federation.until('the province has it', () => held(federation, '330000', 'up-2'))
    t.same(await servers(federation, 'up-1'), ['330000', '330106'])
  })

  await t.test(
    'a request that is made twice at once is published once, and both get the same answer',
    async (t) => {
      const { context } = federation.node('330106')
      const request = (prefix: string, skipExisting: boolean) =>
        publishRecords(
          context,
          many(3, (i) => industryRecord(i, { prefix })),
          ['330100'],
          { requestId: prefix, skipExisting },
        )
      for (const skipExisting of [false, true]) {
        const { size } = context.log()
        const answers = await Promise.all(
          Array.from({ length: 5 }, () => request(`twice-${skipExisting}`, skipExisting)),
        )
        t.equal(context.log().size, size + 1n)
        t.equal(new Set(answers.map(({ batch }) => batch?.idText)).size, 1)
        t.ok(
          answers.every(
            ({ batch, published, index }) => batch && published === 3 && index === size,
          ),
        )
      }
      t.equal(
        await codeOf(
          Promise.all(
            ['bad id', 'good'].map((target) =>
              publishRecords(context, [industryRecord(1)], [target], { requestId: 'failing' }),
            ),
          ),
        ),
        'argument_invalid',
      )
      t.equal(
        (await publishRecords(context, [industryRecord(1)], ['330100'], { requestId: 'failing' }))
          .published,
        1,
        'one that failed is no answer to the next',
      )
    },
  )

  await t.test('what goes down to a subtree is served by all of it', async (t) => {
    const { context } = federation.node('000000')
    await publish(context, {
      kind: 'evaluation',
      item: NATIONAL_ITEM,
      provider: BODY,
      targets: ['330100/**'],
      batchClass: 'bulk',
      records: many(3, nationalRecord),
      source: { kind: 'client', name: 'test' },
    })
    await federation.until(
      'both counties have it',
      async () =>
        (await held(federation, '330106', 'n-2')) && (await held(federation, '330110', 'n-2')),
    )
    t.same(await servers(federation, 'n-1'), ['000000', '330100', '330106', '330110'])
  })

  await t.test(
    'what goes sideways is on the disks of its way until it has arrived, then at both ends only',
    async (t) => {
      const name = '浙江测试企业424242有限公司'
      const published = await publishRecords(
        federation.node('330106').context,
        [industryRecord(424_242, { prefix: 'side' })],
        ['330782'],
      )
      const id = published.batch!.id
      await federation.until('the far county has it', () =>
        held(federation, '330782', 'side-424242'),
      )
      t.same(await servers(federation, 'side-424242'), ['330106', '330782'])
      t.same(
        await holders(federation, name),
        ['330000', '330100', '330106', '330700', '330782'],
        'the way holds it, the others never do',
      )
      for (const between of ['330100', '330000', '330700']) {
        const found = await findBatch(federation.node(between).context, id)
        t.equal(bodyState(federation.node(between).context, found!), 'transit', between)
      }
      for (const between of ['330100', '330000', '330700']) {
        const { context } = federation.node(between)
        await federation.until(`${between} drops it`, async () => {
          await federation.node(between).sweep(0)
          return bodyState(context, (await findBatch(context, id))!) === 'dropped'
        })
      }
      t.same(
        await holders(federation, name),
        ['330106', '330782'],
        'only origin and target hold its bytes',
      )
      t.same(await servers(federation, 'side-424242'), ['330106', '330782'])
      const { context } = federation.node('330000')
      const found = await findBatch(context, id)
      t.equal(parseBody((await context.store.get(bodyKey(found!.index)))!).erased, 1)
    },
  )

  await t.test('the receipts of every node above come back to the origin', async (t) => {
    const { context } = federation.node('330106')
    const published = await publishRecords(
      context,
      [industryRecord(1, { prefix: 'receipt' })],
      ['000000'],
    )
    const nodes = async (): Promise<string[]> =>
      (await receiptsOf(context, published.batch!.id)).map(({ node }) => node).sort()
    await federation.until(
      "the nation's receipt is at the county",
      async () => (await nodes()).length === 3,
    )
    t.same(await nodes(), ['zj.example/000000', 'zj.example/330000', 'zj.example/330100'])
  })

  await t.test('every log becomes final up to its end', async (t) => {
    await federation.until('all logs are final', async () => {
      for (const { context } of federation.nodes.values())
        if ((await finalSize(context)) !== context.log().size) return false
      return true
    })
    for (const [id, { context }] of federation.nodes) t.ok(context.log().size > 0n, id)
  })

  await t.test(
    'a kind or a header line of a later version is carried, marked, and not served',
    async (t) => {
      const { context } = federation.node('330106')
      const kind = await publishRecords(
        context,
        [industryRecord(1, { prefix: 'later' })],
        ['330782'],
        { kind: 'x-weather' },
      )
      t.equal(kind.refusal, undefined)
      const { batch, body } = forge(context, [industryRecord(2, { prefix: 'later' })], ['330782'], {
        extra: ['x-mood good'],
      })
      await doorOf(context).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'self' },
      })
      const far = federation.node('330782').context
      for (const id of [kind.batch!.id, batch.id]) {
        await federation.until('it arrives', async () => (await findBatch(far, id)) !== undefined)
        const found = await findBatch(far, id)
        t.equal(found!.refused, false)
        t.equal(found!.body!.erased, 0, 'the bytes are all there')
      }
      t.equal(await held(federation, '330782', 'later-1'), false)
      t.equal(await held(federation, '330782', 'later-2'), false)
      t.equal(await held(federation, '330106', 'later-2'), false)
    },
  )

  await t.test(
    'a target that no item allows, an origin it does not name, and a date before it are refused to the publisher',
    async (t) => {
      const act = { actor: '张三', reason: 'test', document: '测〔2026〕9号' }
      const template = starterItems[0]!
      const items = [
        { ...template, edition: 'future', effectiveFrom: '2099-01-01' },
        { ...template, edition: 'past', effectiveFrom: '2020-01-01', effectiveTo: '2020-12-31' },
        { ...template, edition: 'near', recipients: ['330100/**'] },
      ]
      await publish(federation.node('330000').context, {
        kind: 'catalog',
        item: undefined,
        provider: BODY,
        targets: ['**'],
        batchClass: 'control',
        source: { kind: 'self' },
        records: items.map((value) =>
          encodeCatalogRecord(
            create(CatalogRecordSchema, { content: { case: 'item', value }, act }),
          ),
        ),
      })
      const { context } = federation.node('330106')
      await federation.until(
        'the editions are here',
        () => context.ledger().catalog.item('zj/industry-evaluation@near') !== undefined,
      )
      const size = context.log().size
      const table = [
        { item: 'zj/industry-evaluation@future', target: '330000', code: 'item_not_in_force' },
        { item: 'zj/industry-evaluation@past', target: '330000', code: 'item_not_in_force' },
        { item: 'zj/industry-evaluation@near', target: '330782', code: 'target_not_allowed' },
        { item: 'zj/industry-evaluation@near', target: '**', code: 'target_not_allowed' },
        { item: NATIONAL_ITEM, target: '330000', code: 'origin_not_allowed' },
        { item: 'cn/recognition@2026.1', target: '330000', code: 'item_kind_mismatch' },
      ]
      for (const { item, target, code } of table) {
        const published = await publishRecords(
          context,
          [industryRecord(1, { prefix: 'no' })],
          [target],
          { item },
        )
        t.equal(published.refusal?.code, code, `${item} to ${target}`)
        t.equal(published.batch, undefined)
      }
      t.equal(context.log().size, size, 'nothing was logged')
      t.equal(
        (
          await publishRecords(context, [industryRecord(1, { prefix: 'yes' })], ['330110'], {
            item: 'zj/industry-evaluation@near',
          })
        ).refusal,
        undefined,
      )
      t.equal(
        await codeOf(publishRecords(context, [industryRecord(1)], ['999999'])),
        'argument_invalid',
      )
    },
  )

  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})

t.test(
  'an item that is not known yet is unavailable, and nothing is lost once it is published',
  async (t) => {
    const federation = await TestFederation.start(SEVEN, { store: 'disk', catalog: false })
    t.teardown(() => federation.stop())
    const { context } = federation.node('330106')
    await federation.until(
      'the county may sign',
      () => federation.node('330106').state === 'serving',
    )
    t.equal(await codeOf(publishRecords(context, [industryRecord(1)], ['330000'])), 'item_unknown')
    const city = federation.node('330100').context
    const { batch, body } = forge(context, [industryRecord(1)], ['330000'])
    const inbound = {
      header: batch.note,
      body: body.bytes,
      source: { kind: 'child', node: context.self },
    } as const
    t.equal(await codeOf(doorOf(city).accept(inbound)), 'item_unknown')
    t.equal(await findBatch(city, batch.id), undefined, 'what is not judged is not logged')
    await federation.publishCatalog('000000')
    await settled(federation)
    const accepted = await doorOf(city).accept(inbound)
    t.equal(accepted.refusal, undefined)
    t.equal(accepted.repeated, false)
    await federation.until('the province has it', () => held(federation, '330000', 'e-1'))
  },
)

t.test('a batch that the province refuses after county and city accepted it', async (t) => {
  const blind = { checkRecords: () => [] }
  const federation = await TestFederation.start(SEVEN.slice(0, 2), { store: 'disk' })
  t.teardown(() => federation.stop())
  for (const place of SEVEN.slice(2))
    await federation.add(place, ['330100', '330106'].includes(place.id) ? blind : {})
  await settled(federation)
  const { context } = federation.node('330106')
  const good = many(2, (i) => industryRecord(i, { prefix: 'mixed' }))
  const published = await publishRecords(
    context,
    [
      good[0]!,
      industryRecord(7, { prefix: 'mixed', grade: 'Z' }),
      good[1]!,
      industryRecord(8, { prefix: 'mixed', grade: '' }),
    ],
    ['330110', '330782', '330000'],
  )
  t.equal(published.refusal, undefined, 'the county sees nothing wrong')
  const id = published.batch!.id
  const next = await publishRecords(
    context,
    [industryRecord(9, { prefix: 'next' })],
    ['330110', '330782', '330000'],
  )

  await federation.until(
    'the batch after it is at both targets',
    async () =>
      (await held(federation, '330782', 'next-9')) && (await held(federation, '330110', 'next-9')),
  )
  const refusedAt = async (node: string): Promise<boolean> =>
    (await findBatch(federation.node(node).context, id))?.refused ?? false
  for (const node of ['330000', '330100', '330106', '330700', '330782', '330110']) {
    await federation.until(`${node} knows the refusal`, () => refusedAt(node))
  }
  const province = await findBatch(federation.node('330000').context, id)
  t.same(province!.entry.verdict.accepted, false)
  t.match(province!.entry.verdict, { code: 'record_invalid' })
  t.equal(province!.indexes.length, 1)
  for (const node of ['330100', '330106']) {
    const there = federation.node(node).context
    const found = await findBatch(there, id)
    t.equal(found!.indexes.length, 2, `${node} accepted it and logged the refusal later`)
    const verdicts = await Promise.all(
      found!.indexes.map(
        async (index) => parseEntry((await there.log().entry(index))!).verdict.accepted,
      ),
    )
    t.same(verdicts, [true, false])
  }
  t.same(
    (await findByRecordId(context, 'mixed-1')).map(({ standing }) => standing),
    ['refused'],
    'a good record of a refused batch stands refused too',
  )
  t.equal(await held(federation, '330782', 'mixed-0'), false)
  t.notOk(
    (await findByRecordId(federation.node('330110').context, 'mixed-0')).some(
      ({ standing }) => standing === 'current',
    ),
  )

  await federation.registerClient('330106')
  const certs = `${federation.pki.folder}/330106`
  const { material } = await loadTlsMaterial(
    {
      certificateFile: `${certs}/client-bench.crt`,
      keyFile: `${certs}/client-bench.key`,
      rootFiles: [`${federation.pki.folder}/root.crt`],
    },
    systemClock.nowMs(),
  )
  const channel = WireChannel.dial({
    address: `127.0.0.1:${federation.node('330106').port}`,
    expectedNodeName: context.self,
    material,
    clock: systemClock,
  })
  t.teardown(() => channel.close())
  const answer = await channel
    .client(RecordService)
    .getBatch({ batchId: id }, { timeoutMs: 10_000 })
  t.equal(answer.bodyState, 'refused')
  t.equal(answer.refusal?.code, 'record_invalid')
  t.equal(answer.refusal?.faultCount, 2)
  t.same(
    answer.refusal?.faults.map(({ index, path }) => [index, path]),
    [
      [1, 'evaluation_result.grade'],
      [3, 'evaluation_result.grade'],
    ],
  )
  t.ok(next.batch)
  await compactAll(federation)
  t.same(await findings(federation), [])
})
