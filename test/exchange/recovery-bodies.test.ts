/** Records that only passed: whoever relayed them has dropped them when the hub loses its disk, and the lanes must go on. */
import t from 'tap'
import { findBatch } from '../../src/query/query.ts'
import { amend } from '../../src/publish/amend.ts'
import { repairRunning } from '../../src/fsck/repair.ts'
import { findings } from '../support/checks.ts'
import { BODY } from '../support/federation.ts'
import {
  CITY,
  COUNTY,
  federationOf,
  has,
  loseDisk,
  PROVINCE,
  recover,
  send,
  startAgain,
  startAt,
} from '../support/recovery.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(0)

t.test(
  'a province that loses its disk after a city dropped what it had passed on: the batches come again without their records, and what follows goes on',
  async (t) => {
    const federation = await federationOf(t, [
      { id: '000000', tier: 'nation', divisions: ['000000'] },
      { ...PROVINCE, parent: '000000' },
      CITY,
      { id: '330700', tier: 'city', parent: '330000', divisions: ['330700'] },
      COUNTY,
    ])
    const [city, county] = [federation.node('330100'), federation.node('330106')]
    const awayPort = federation.node('330700').port
    await federation.until('everybody serves', () =>
      [...federation.nodes.values()].every(({ state }) => state === 'serving'),
    )
    await federation.node('330700').close()
    const away = await send(federation, '330106', '330700', 'away')
    const hub = await send(federation, '330106', '330000', 'hub')
    await federation.until(
      'the province has both',
      async () =>
        (await findBatch(federation.node('330000').context, away.batch!.id)) !== undefined &&
        has(federation, '330000', 'hub'),
    )
    await federation.until('the city drops them', async () => {
      await city.sweep(0)
      const bodies = await Promise.all(
        [away, hub].map(async ({ batch }) => (await findBatch(city.context, batch!.id))!.body!),
      )
      return bodies.every(({ erased, count }) => erased === count)
    })

    const port = await loseDisk(federation, '330000')
    await recover(federation, '330000')
    await startAgain(federation, '330000', port)
    const province = federation.node('330000').context
    await federation.until(
      'the city pushes them again',
      async () =>
        (await findBatch(province, hub.batch!.id)) !== undefined &&
        (await findBatch(province, away.batch!.id)) !== undefined,
    )
    for (const { batch } of [hub, away]) {
      const { entry, body } = (await findBatch(province, batch!.id))!
      const first = (await findBatch(city.context, batch!.id))!.entry
      t.match(
        entry,
        { verdict: { accepted: true }, judged: first.judged },
        'accepted as it was, as of then',
      )
      t.equal(body!.erased, 3, 'a header with the hashes of its records')
    }
    t.same(
      federation
        .alarms()
        .filter((line) => line.includes('incomplete'))
        .map((line) => line.split(':', 2).join(':')),
      ['330000: incomplete zj.example/330106'],
      'who should have the records says that it has not',
    )

    await send(federation, '330106', '330000', 'next')
    await federation.until(
      'the class goes on',
      async () => (await has(federation, '330000', 'next')) && (await city.uplink!.waiting()) === 0,
    )
    await startAt(federation, '330700', awayPort)
    await send(federation, '330106', '330700', 'after')
    await federation.until('it goes on downwards too', () => has(federation, '330700', 'after'))
    const late = (await findBatch(federation.node('330700').context, away.batch!.id))!
    t.match([late.entry.verdict.accepted, late.body!.erased], [true, 3])
    t.match(
      federation.node('330700').alarms.list().join('\n'),
      /incomplete zj\.example\/330106: some of the 3 records of batch [0-9a-f]{64} of zj\.example\/330106, or all, are not here/,
    )

    await send(federation, '330106', '330000 330700', 'again')
    await federation.until(
      'the origin publishes them again',
      async () => (await has(federation, '330000', 'again')) && has(federation, '330700', 'again'),
    )
    t.equal((await findBatch(county.context, hub.batch!.id))!.body!.erased, 0)
    await federation.until('every node has heard of the new epoch', () =>
      [...federation.nodes.values()].every(
        ({ context }) => context.ledger().federation.member('330000')!.epoch === 2,
      ),
    )
    const lost = await findings(federation)
    t.same(
      [
        lost.length,
        lost.filter((line) =>
          /^(?:330000|330700): body \d+: record \d of [0-9a-f]{64} is lost: no amendment erased it$/.test(
            line,
          ),
        ).length,
      ],
      [6, 6],
      'fsck says what is lost, and finds nothing else',
    )

    // What came back, or was erased, is missed no more; the alarm ends with the last of it.
    const said = (id: string): boolean =>
      federation.node(id).alarms.has('incomplete', 'zj.example/330106')
    const whole = (await findBatch(county.context, away.batch!.id))!.body!.bytes
    t.same(
      await repairRunning(federation.node('330700').context, [late.index], () =>
        Promise.resolve({ body: whole, refusal: new Uint8Array() }),
      ),
      [late.index],
    )
    await federation.until('what came back ends the alarm', () => !said('330700'))
    t.ok(said('330000'))
    const erase = async (positions: readonly number[]): Promise<void> => {
      const changes = positions.map((position) => ({
        action: 'erase' as const,
        batchId: hub.batch!.id,
        position,
        effectiveOn: '2026-01-05',
        basis: 'test',
        document: '-',
      }))
      const { batch } = await amend(county.context, {
        provider: BODY,
        source: { kind: 'self' },
        changes,
      })
      await federation.until(
        'the hub knows',
        async () => (await province.ledger().known(batch!.id)) !== undefined,
      )
    }
    await erase([0, 1])
    await doorOf(province).review()
    t.ok(said('330000'), 'one record is missed still')
    await erase([2])
    await federation.until('what was erased ends it', () => !said('330000'))
    await federation.until(
      'every node knows',
      async () => (await findings(federation)).length === 0,
    )
  },
)
