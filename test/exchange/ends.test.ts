/** What ends by the calendar: an erasure on its day, and a body in transit that its child never fetched. */
import t from 'tap'
import { civilDate } from '../../src/base/clock.ts'
import { amend } from '../../src/publish/amend.ts'
import { bodyState, findBatch, findByRecordId } from '../../src/query/query.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { findings, holders, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'

const DAY_MS = 86_400_000

t.setTimeout(0)

t.test('what ends on a day', async (t) => {
  const clock = new MovableClock()
  const federation = await TestFederation.start(
    [
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
      { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
    ],
    { clock },
  )
  t.teardown(() => federation.stop())
  const all = ['330000', '330100', '330106']
  await federation.until('the catalog is everywhere', () =>
    all.every(
      (id) => federation.node(id).context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
    ),
  )
  const county = federation.node('330106')
  const counts = (recordId: string): Promise<number[]> =>
    Promise.all(
      all.map(async (id) => (await findByRecordId(federation.node(id).context, recordId)).length),
    )

  await t.test('an erasure destroys nothing before its day, and everything on it', async (t) => {
    const { batch } = await publishRecords(
      county.context,
      many(3, (i) => industryRecord(i, { prefix: 'day' })),
      ['330000/**'],
    )
    await federation.until('it is everywhere', async () =>
      (await counts('day-0')).every((count) => count === 1),
    )
    const inTwoDays = civilDate(clock.nowMs() + 2 * DAY_MS)
    const { batch: erasing } = await amend(county.context, {
      provider: BODY,
      source: { kind: 'self' },
      changes: [0, 1].map((position) => ({
        action: 'erase',
        batchId: batch!.id,
        position,
        effectiveOn: inTwoDays,
        basis: 'erase/test',
        document: '',
      })),
    })
    await federation.until('everybody knows of it', async () =>
      (
        await Promise.all(all.map((id) => federation.node(id).context.ledger().known(erasing!.id)))
      ).every(Boolean),
    )
    t.same(await counts('day-0'), [1, 1, 1], 'it is served as before')
    t.same(
      (await findByRecordId(county.context, 'day-1')).map(({ standing }) => standing),
      ['current'],
    )
    t.same(await findings(federation), [])

    // Also a batch that comes after its erasure: a node that joins later is told first what was erased.
    clock.pass(3 * DAY_MS)
    await federation.until('the day has come', async () =>
      (await counts('day-0')).every((count) => count === 0),
    )
    t.same(await counts('day-2'), [1, 1, 1])
    await federation.until(
      'it is gone from every disk',
      async () => (await holders(federation, '浙江测试企业0有限公司')).length === 0,
    )
    t.same(await findings(federation), [])
  })

  await t.test('a body in transit to a suspended child is dropped after its time', async (t) => {
    await setMemberStatus(federation.node('330100').context, {
      member: county.context.self,
      status: 'suspended',
      act: { actor: '李四', reason: '核查', document: '杭〔2026〕1号' },
      source: { kind: 'self' },
    })
    const { batch } = await publishRecords(
      federation.node('330000').context,
      [industryRecord(9, { prefix: 'transit' })],
      ['330106'],
    )
    const city = federation.node('330100')
    await federation.until(
      'it is at the city',
      async () => (await findBatch(city.context, batch!.id)) !== undefined,
    )
    const state = async (): Promise<string> =>
      bodyState(city.context, (await findBatch(city.context, batch!.id))!)
    t.equal(await state(), 'transit')
    clock.pass(29 * DAY_MS)
    await city.sweep()
    t.equal(await state(), 'transit', 'it waits for a month')
    clock.pass(3 * DAY_MS)
    await federation.until('it is dropped', async () => (await state()) === 'dropped')
    t.match(
      city.alarms.list().join('\n'),
      /transit zj\.example\/330106: bodies in transit to zj\.example\/330106 were dropped, because it did not fetch them within 30 days/,
    )
    t.same(await findings(federation), [])
  })
})
