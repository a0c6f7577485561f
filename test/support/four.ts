/** Four nodes in a line with a neighbour, and how the tests of faults see that what should go on goes on. */
import type { Test } from 'tap'
import { findByRecordId } from '../../src/query/query.ts'
import { findings, publishRecords } from './checks.ts'
import { type Place, TestFederation } from './federation.ts'
import { INDUSTRY_ITEM, industryRecord } from './records.ts'

/** A province, a city and its two counties: one is troubled, the other sees that the rest goes on. */
export const FOUR: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
  { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] },
]

/** Starts the four; the catalog is everywhere. */
export async function startFour(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(FOUR)
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(({ context }) =>
      context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

/** Waits until the troubled county has heard from its parent. */
export async function serving(federation: TestFederation): Promise<void> {
  await federation.until('the county may sign', () => federation.node('330106').state === 'serving')
}

let sent = 0

/** One record goes all the way. */
export async function passes(federation: TestFederation, from: string, to: string): Promise<void> {
  const prefix = `pass${sent++}`
  await publishRecords(federation.node(from).context, [industryRecord(1, { prefix })], [to])
  await federation.until(`${prefix} of ${from} is at ${to}`, () =>
    held(federation, to, `${prefix}-1`),
  )
}

/** One record of the troubled county goes up, one comes down to it. */
export async function bothWays(federation: TestFederation): Promise<void> {
  await passes(federation, '330106', '330000')
  await passes(federation, '330000', '330106')
}

export async function held(
  federation: TestFederation,
  id: string,
  recordId: string,
): Promise<boolean> {
  return (await findByRecordId(federation.node(id).context, recordId)).length > 0
}

/** No alarm stands any more, and every store is what fsck wants. */
export async function clean(t: Test, federation: TestFederation): Promise<void> {
  await federation.until('no alarm stands', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
}
