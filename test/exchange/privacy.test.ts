import t from 'tap'
import { bodyState, findBatch, findByRecordId } from '../../src/query/query.ts'
import { SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { recordIdentity, subjectIdentity } from '../../src/lookup/record-rows.ts'
import { derivedTables, prefixRange, tables } from '../../src/store/keys.ts'
import type { ServiceBinding } from '../../src/wire/service.ts'
import { compactAll, findings, holders, publishRecords } from '../support/checks.ts'
import { SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, uscc } from '../support/records.ts'

t.setTimeout(60_000)

/** The id or the name of any synthetic subject. */
const SUBJECT = /91\d{6}TT\d{6}|有限公司/

const PATH = ['330106', '330100', '330000', '330700', '330782']
const BETWEEN = ['330100', '330000', '330700']

async function held(federation: TestFederation, id: string, recordId: string): Promise<boolean> {
  return (await findByRecordId(federation.node(id).context, recordId)).length > 0
}

/** Ids of the nodes whose store has one of the texts in any key or value, of whatever table. */
async function storesWith(federation: TestFederation, texts: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const [id, { context }] of federation.nodes) {
    const rows = (
      await Promise.all(
        [...Object.values(tables), ...derivedTables].map((table) =>
          context.store.range(prefixRange(table)),
        ),
      )
    ).flat()
    if (
      rows.some((row) =>
        row.some((bytes) => texts.some((text) => Buffer.from(bytes).includes(text))),
      )
    )
      ids.push(id)
  }
  return [...new Set(ids)].sort()
}

t.test(
  'a result for a county of another city goes by way of the province, and nobody else ever sees it',
  async (t) => {
    const name = '浙江测试企业515151有限公司'
    const secrets = [name, uscc(515_151), 'aside-515151']
    // Who was handed the bytes over the wire, by request or by answer.
    const saw = new Set<string>()
    const overhear =
      (self: string) =>
      (services: readonly ServiceBinding[]): readonly ServiceBinding[] =>
        services.map((service) => ({
          ...service,
          methods: service.methods.map((method) => ({
            ...method,
            async call(request, context) {
              const answer = await method.call(request, context)
              for (const [bytes, receiver] of [
                [request, self],
                [answer, context.peer.nodeName.slice(-6)],
              ] as const) {
                if (secrets.some((text) => Buffer.from(bytes).includes(text))) saw.add(receiver)
              }
              return answer
            },
          })),
        }))
    const federation = await TestFederation.start([], { store: 'disk', catalog: false })
    t.teardown(() => federation.stop())
    for (const place of SEVEN) await federation.add(place, { wrapServices: overhear(place.id) })
    await federation.publishCatalog('000000')
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.values()].every((node) =>
        node.context.ledger().catalog.item(INDUSTRY_ITEM),
      ),
    )

    const { batch } = await publishRecords(
      federation.node('330106').context,
      [industryRecord(515_151, { prefix: 'aside' })],
      ['330782'],
    )
    await federation.until('it is at the far county', () =>
      held(federation, '330782', 'aside-515151'),
    )
    t.same(await storesWith(federation, secrets), [...PATH].sort(), 'the way holds it')
    for (const secret of secrets)
      t.same(await holders(federation, secret), [...PATH].sort(), 'and so do its disks')
    for (const id of BETWEEN) {
      const { context } = federation.node(id)
      const found = (await findBatch(context, batch!.id))!
      t.equal(bodyState(context, found), 'transit', `${id} has it in transit only`)
      t.equal(await held(federation, id, 'aside-515151'), false, `${id} does not answer from it`)
      await context.indexer.caughtUp()
      t.same(
        await context.indexer.find('recordId', recordIdentity(context.subjectKey, 'aside-515151')),
        [],
        `${id} has no index of it`,
      )
      t.same(
        await context.indexer.find(
          'subject',
          subjectIdentity(context.subjectKey, SubjectType.ENTERPRISE, uscc(515_151)),
        ),
        [],
        `${id} has no index of its subject`,
      )
    }
    for (const id of BETWEEN) {
      await federation.until(`${id} drops it`, async () => {
        await federation.node(id).sweep(0)
        return (
          bodyState(
            federation.node(id).context,
            (await findBatch(federation.node(id).context, batch!.id))!,
          ) === 'dropped'
        )
      })
    }
    await compactAll(federation)
    t.same(
      await storesWith(federation, secrets),
      ['330106', '330782'],
      'origin and target alone hold it',
    )
    for (const secret of secrets) t.same(await holders(federation, secret), ['330106', '330782'])
    t.same([...saw].sort(), PATH.slice(1).sort(), 'it was handed to the way and to nobody else')
    t.same(federation.alarms(), [])
    t.same(await findings(federation), [])
  },
)

t.test('no log line holds the id or the name of a subject, whatever goes wrong', async (t) => {
  const blind = { checkRecords: () => [] }
  const federation = await TestFederation.start(SEVEN.slice(0, 2), { store: 'disk' })
  t.teardown(() => federation.stop())
  for (const place of SEVEN.slice(2))
    await federation.add(place, ['330100', '330106'].includes(place.id) ? blind : {})
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  const { context } = federation.node('330106')
  const bad = [
    industryRecord(1, { prefix: 'bad', grade: 'Z' }),
    industryRecord(2, { prefix: 'bad', grade: uscc(2) }),
  ]
  t.equal(
    (await publishRecords(context, bad, ['330782', '330110'])).refusal,
    undefined,
    'the county sees nothing wrong',
  )
  await federation.until(
    'it is refused by the province',
    async () => (await findByRecordId(context, 'bad-1'))[0]?.standing === 'refused',
  )
  t.equal(
    (await publishRecords(federation.node('330110').context, bad, ['330000'])).refusal?.code,
    'record_invalid',
  )
  // A gap: the city's word is not believed, and alarms are raised on the way.
  const { port } = federation.node('330700')
  const config = { ...federation.node('330700').config, listen: { host: '127.0.0.1', port } }
  await federation.node('330700').close()
  for (let i = 3; i < 5; i++)
    await publishRecords(context, [industryRecord(i, { prefix: 'gap' })], ['330782'])
  let hiding = true
  await federation.startNode('330700', {
    config,
    wrapServices: (services) =>
      services.map((service) => ({
        ...service,
        methods: service.methods.map((method) => ({
          ...method,
          async call(request, call) {
            if (hiding && method.name === 'ReadBodies') throw new Error('a fault inside')
            return method.call(request, call)
          },
        })),
      })),
  })
  await federation.until(
    'the county below has an alarm',
    () => federation.node('330782').alarms.list().length > 0,
  )
  hiding = false
  await federation.until('it goes on', () => held(federation, '330782', 'gap-4'))
  await federation.until('no alarm is left', () => federation.alarms().length === 0)

  t.ok(federation.lines.some((line) => line.includes('node is started')))
  t.ok(federation.lines.some((line) => line.includes('a call failed inside')))
  t.same(
    federation.lines.filter((line) => SUBJECT.test(line)),
    [],
  )
  for (const record of bad)
    t.ok(SUBJECT.test(Buffer.from(record).toString()), 'the pattern finds what it looks for')
  t.same(await findings(federation), [])
})
