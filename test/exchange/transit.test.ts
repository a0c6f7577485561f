/** Bodies in transit: dropped when every next hop has them, whoever else is away. */
import t from 'tap'
import { bodyState, findBatch } from '../../src/query/query.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { federationOf, well } from '../support/faults.ts'
import type { Place } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const AWAY: Place = { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] }
const HERE: Place = { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] }
/** More than a sweep looks at. */
const WAITING = 1_100

t.setTimeout(0)

t.test(
  'a body is dropped when its county has it, also behind more than a thousand that wait for another',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, AWAY, HERE])
    // The sweeps are the test's own.
    await federation.restart('330100', { transitGraceMs: 3_600_000 })
    await well(federation)
    await federation.node('330106').close()
    federation.nodes.delete('330106')
    const province = federation.node('330000').context
    const publish = (count: number, prefix: string, target: string) =>
      Promise.all(
        Array.from(
          { length: count },
          async (_, i) =>
            (await publishRecords(province, [industryRecord(i, { prefix })], [target])).batch!.id,
        ),
      )
    const waiting = await publish(WAITING, 'away', '330106')
    const due = await publish(20, 'here', '330110')
    const city = federation.node('330100')
    const states = async (ids: readonly Uint8Array[]): Promise<string[]> => {
      const found = await Promise.all(ids.map((id) => findBatch(city.context, id)))
      return [...new Set(found.map((one) => (one ? bodyState(city.context, one) : 'not there')))]
    }
    await federation.until('the county has its own', async () =>
      (await Promise.all(due.map((id) => findBatch(federation.node('330110').context, id)))).every(
        Boolean,
      ),
    )
    let dropped = 0
    await federation.until('they are dropped', async () => {
      dropped += await city.sweep(0)
      return dropped >= due.length
    })
    t.equal(dropped, due.length)
    t.same(await states(due), ['dropped'])
    t.same(
      await states([waiting[0]!, waiting.at(-1)!]),
      ['transit'],
      'those of the county that is away are kept for it',
    )

    await federation.startNode('330106')
    await federation.until('those are dropped too', async () => {
      dropped += await city.sweep(0)
      return dropped >= due.length + WAITING
    })
    t.same(await states(waiting), ['dropped'])
    t.equal(
      (
        await Promise.all(waiting.map((id) => findBatch(federation.node('330106').context, id)))
      ).filter(Boolean).length,
      WAITING,
      'it has all of its own',
    )

    await t.test(
      'the time after which they go counts from when they had left, and begins anew with each',
      async (t) => {
        const [id] = await publish(1, 'late', '330110')
        await federation.until(
          'it is on its way',
          async () => (await states([id!]))[0] === 'transit',
        )
        await federation.until(
          'the county has it',
          async () => (await findBatch(federation.node('330110').context, id!)) !== undefined,
        )
        t.equal(await city.sweep(3_600_000), 0)
        t.equal(await city.sweep(3_600_000), 0)
        t.same(await states([id!]), ['transit'])
        await federation.until('an hour is over', async () => (await city.sweep(0)) === 1)
        t.same(await states([id!]), ['dropped'])
      },
    )
    await well(federation)
    t.same(await findings(federation), [])
  },
)
