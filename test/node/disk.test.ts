/** Room on the disk: warned of before it ends, and kept for what may not wait. */
import t from 'tap'
import { systemFiles } from '../../src/base/files.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Alarms } from '../../src/alarm/alarms.ts'
import { amend } from '../../src/publish/amend.ts'
import { DiskSpace } from '../../src/node/disk.ts'
import { codeOf, findings } from '../support/checks.ts'
import { federationOf, publishOne, standing, well } from '../support/faults.ts'
import { BODY, type Place } from '../support/federation.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
/** More than any disk has. */
const ALL = 1e15

t.setTimeout(0)

t.test('little room is an alarm, less of it refuses records and nothing else', async (t) => {
  const alarms = new Alarms({
    log: { warn: () => undefined, info: () => undefined },
    clock: systemClock,
  })
  const look = async (
    warnBytes: number | undefined,
    reserveBytes: number | undefined,
    folder = '.',
  ): Promise<string[]> => {
    alarms.clear('disk')
    alarms.clear('disk_full')
    const disk = new DiskSpace({ folder, warnBytes, reserveBytes, files: systemFiles, alarms })
    t.equal(
      await codeOf((async () => disk.check('normal'))()),
      '',
      'before it looked nothing is refused',
    )
    await disk.look()
    return Promise.all(
      (['normal', 'bulk', 'amendment', 'control'] as const).map((one) =>
        codeOf((async () => disk.check(one))()),
      ),
    )
  }
  t.same(await look(0, 0), ['', '', '', ''])
  t.same(alarms.list(), [])
  t.same(await look(ALL, 0), ['', '', '', ''])
  t.match(
    alarms.list().join(),
    /^disk: \d+ MB are free of \d+ MB at \., less than 1000000000 MB \(disk\.warnBytes\)/,
  )
  t.same(await look(undefined, ALL), ['disk_full', 'disk_full', '', ''])
  t.match(
    alarms.list().join(),
    /^disk_full: \d+ MB are free .* and 1000000000 MB \(disk\.reserveBytes\) are kept/,
  )
  t.same(
    await look(ALL, ALL, '/there/is/no/such/folder'),
    ['', '', '', ''],
    'where it cannot be said nothing is refused',
  )
})

t.test(
  'a node whose disk is nearly full takes amendments and no records, from departments and neighbours, and goes on when there is room',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY])
    await publishOne(federation, '330000', 'before', '330100')
    await federation.until(
      'it is there',
      async () => (await standing(federation, '330100', 'before-0')) === 1,
    )
    await federation.writeConfig(CITY, `disk:\n  warnBytes: 0\n  reserveBytes: ${ALL}\n`)
    await federation.restart('330100')
    await federation.until('it says so', () =>
      federation.alarms().some((line) => line.startsWith('330100: disk_full: ')),
    )
    t.equal(await codeOf(publishOne(federation, '330100', 'refused')), 'disk_full')
    const down = await publishOne(federation, '330000', 'down', '330100')
    await amend(federation.node('330000').context, {
      provider: BODY,
      source: { kind: 'client', name: 'test' },
      changes: [
        {
          action: 'withdraw',
          batchId: down.batch!.id,
          position: 0,
          effectiveOn: '2026-01-05',
          basis: 'test',
          document: '测〔2026〕3号',
        },
      ],
    })
    const { context } = federation.node('330100')
    await federation.until(
      'the amendment is there',
      async () =>
        (await context.ledger().amendments(down.batch!.id, federation.name('330000'))).length === 1,
    )
    t.equal(await standing(federation, '330100', 'down-0'), 0)
    await federation.writeConfig(CITY, 'disk:\n  reserveBytes: 0\n')
    await federation.restart('330100')
    await federation.until(
      'what waited is there',
      async () => (await standing(federation, '330100', 'down-0')) === 1,
    )
    await publishOne(federation, '330100', 'refused')
    await well(federation)
    t.same(await findings(federation), [])
  },
)
