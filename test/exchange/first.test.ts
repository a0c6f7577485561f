import t from 'tap'
import { publish } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { SEVEN, TestFederation, BODY } from '../support/federation.ts'
import { industryRecord, INDUSTRY_ITEM, many } from '../support/records.ts'

t.test('a record published at one county is read at a county of another city', async (t) => {
  const federation = await TestFederation.start(SEVEN)
  t.teardown(() => federation.stop())
  const { context } = federation.node('330106')
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  const published = await publish(context, {
    kind: 'evaluation',
    item: INDUSTRY_ITEM,
    provider: BODY,
    targets: ['330782'],
    batchClass: 'normal',
    records: many(10, industryRecord),
    source: { kind: 'client', name: 'test' },
  })
  t.equal(published.refusal, undefined)
  await federation.until(
    'the record is at the far county',
    async () => (await findByRecordId(federation.node('330782').context, 'e-3')).length > 0,
  )
  t.equal(
    (await findByRecordId(federation.node('330000').context, 'e-3')).length,
    0,
    'a node on the way does not serve it',
  )
  t.same(federation.alarms(), [])
})
