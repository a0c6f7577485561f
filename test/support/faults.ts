/** What the tests of faulty machines share: a federation that is well, and one record at a time. */
import { findByRecordId } from '../../src/query/query.ts'
import { publishRecords } from './checks.ts'
import { type Place, TestFederation } from './federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from './records.ts'

interface Teardown {
  teardown(stop: () => Promise<void>): void
}

export async function federationOf(t: Teardown, places: readonly Place[]): Promise<TestFederation> {
  const federation = await TestFederation.start(places, { store: 'disk' })
  t.teardown(() => federation.stop())
  await catalogEverywhere(federation)
  return federation
}

export async function catalogEverywhere(federation: TestFederation): Promise<void> {
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
}

/** How often a record stands at a node. */
export async function standing(
  federation: TestFederation,
  id: string,
  recordId: string,
): Promise<number> {
  const { context } = federation.node(id)
  await context.indexer.caughtUp()
  return (await findByRecordId(context, recordId)).length
}

export function publishOne(
  federation: TestFederation,
  id: string,
  name: string,
  target = '330000',
  count = 1,
) {
  return publishRecords(
    federation.node(id).context,
    many(count, (i) => industryRecord(i, { prefix: name })),
    [target],
    { requestId: name },
  )
}

export async function well(federation: TestFederation): Promise<void> {
  await federation.until(
    'every node serves without an alarm',
    () =>
      federation.alarms().length === 0 &&
      [...federation.nodes.values()].every(({ state }) => state === 'serving'),
  )
}
