/** Clocks that jump, an hour and a year either way. */
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { codeOf, findings } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { catalogEverywhere, federationOf, publishOne, standing, well } from '../support/faults.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const COUNTY: Place = { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] }

const HOUR_MS = 3_600_000
const YEAR_MS = 365 * 24 * HOUR_MS
const jumps = [
  ['an hour ahead', HOUR_MS],
  ['an hour back', -HOUR_MS],
  ['a year ahead', YEAR_MS],
  ['a year back', -YEAR_MS],
] as const

t.setTimeout(0)

/** Entries of a log with a time outside the test: when taken in, when judged first, when made. */
async function wildTimes(federation: TestFederation, fromMs: number): Promise<string[]> {
  const wild: string[] = []
  for (const [id, { context }] of federation.nodes) {
    for (let index = 0n; index < context.log().size; index++) {
      const entry = parseEntry((await context.log().entry(index))!)
      const times = [
        entry.timeMs,
        entry.judged.timeMs,
        parseHeaderNote(entry.header).header.createdMs,
      ]
      if (times.some((ms) => ms < fromMs - 1_000 || ms > systemClock.nowMs() + 1_000))
        wild.push(`${id} ${index}`)
    }
  }
  return wild
}

t.test(
  'a clock that jumps while a node runs: nothing is taken in until it is right, and then it goes on by itself',
  async (t) => {
    const begin = Math.floor(systemClock.nowMs() / 1000) * 1000
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
    const clocks = new Map<string, MovableClock>()
    for (const id of ['330000', '330100', '330106']) {
      clocks.set(id, new MovableClock())
      await federation.restart(id, { clock: clocks.get(id)! })
    }
    await well(federation)
    const alarmAt = (id: string): boolean =>
      federation
        .alarms()
        .some((line) => line.startsWith(`${id}: clock: clock_wrong: the clock is `))
    for (const [name, ms] of jumps) {
      const key = name.replaceAll(' ', '-')
      clocks.get('330106')!.set(ms)
      t.equal(
        await codeOf(publishOne(federation, '330106', `county-${key}`)),
        'clock_wrong',
        `${name} at the county`,
      )
      t.ok(alarmAt('330106'))
      clocks.get('330106')!.set(0)
      await publishOne(federation, '330106', `county-${key}`)

      // A relay and a hub: nobody publishes there, and their own clock tells them.
      for (const id of ['330100', '330000']) {
        clocks.get(id)!.set(ms)
        await federation.until(`${id} says that its clock is wrong`, () => alarmAt(id))
        const { size } = federation.node(id).context.log()
        await publishOne(federation, '330106', `below-${id}-${key}`)
        await federation.until('the batch was offered', () =>
          federation
            .alarms()
            .some((line) => line.includes('push normal: batch') && line.includes('clock_wrong')),
        )
        t.equal(
          federation.node(id).context.log().size,
          size,
          `${name} at ${id}: nothing is taken in`,
        )
        clocks.get(id)!.set(0)
        await federation.until(
          'it comes through',
          async () => (await standing(federation, '330000', `below-${id}-${key}-0`)) === 1,
        )
      }
      t.equal(await standing(federation, '330000', `county-${key}-0`), 1)
    }
    await well(federation)
    t.same(await wildTimes(federation, begin), [])
    t.same(await findings(federation), [])
  },
)

t.test('a root whose machine was paused goes on by itself, and so do those below', async (t) => {
  const begin = Math.floor(systemClock.nowMs() / 1000) * 1000
  const federation = await TestFederation.start([PROVINCE, CITY], {
    store: 'disk',
    link: { recallMs: 200 },
  })
  t.teardown(() => federation.stop())
  await catalogEverywhere(federation)
  const clock = new MovableClock()
  await federation.restart('330000', { clock })
  await well(federation)
  clock.pass(-10 * 60_000)
  clock.set(10 * 60_000)
  await federation.until('it was noticed', () =>
    federation.lines.some((line) => line.startsWith('330000') && line.includes('clock_wrong')),
  )
  await federation.until(
    'it goes on',
    async () => (await codeOf(publishOne(federation, '330000', 'after', '330100'))) === '',
  )
  await federation.until(
    'the city has it',
    async () => (await standing(federation, '330100', 'after-0')) === 1,
  )
  await publishOne(federation, '330100', 'up')
  await federation.until(
    'the province has it',
    async () => (await standing(federation, '330000', 'up-0')) === 1,
  )
  // A clock that is wrong is not right because a child is asked.
  clock.set(10 * 60_000 + HOUR_MS)
  await federation.until('it is wrong again', () =>
    federation.alarms().some((line) => line.startsWith('330000: clock: clock_wrong')),
  )
  t.equal(await codeOf(publishOne(federation, '330000', 'wrong')), 'clock_wrong')
  clock.set(10 * 60_000)
  await well(federation)
  t.same(await wildTimes(federation, begin), [])
  t.same(await findings(federation), [])
})

t.test('a node that starts with a wrong clock writes nothing until it is set right', async (t) => {
  const begin = Math.floor(systemClock.nowMs() / 1000) * 1000
  const federation = await federationOf(t, [PROVINCE, CITY])
  const clock = new MovableClock()
  clock.set(HOUR_MS)
  await federation.restart('330100', { clock })
  await federation.until('the parent says what time it is', () =>
    federation.alarms().some((line) => line.startsWith('330100: clock: clock_wrong')),
  )
  t.equal(await codeOf(publishOne(federation, '330100', 'start')), 'clock_wrong')
  clock.set(0)
  await publishOne(federation, '330100', 'start')
  await federation.until(
    'it is up',
    async () => (await standing(federation, '330000', 'start-0')) === 1,
  )
  await well(federation)
  clock.set(-YEAR_MS)
  await t.rejects(
    federation.restart('330100', { clock }),
    { code: 'config_invalid', message: /is this machine's clock right/ },
    'before its certificate begins',
  )
  t.same(await wildTimes(federation, begin), [])
  t.same(await findings(federation), [])
})

t.test(
  'a root that starts with a clock behind the last entry of its log writes nothing until it is set right, or is told to go on alone',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE])
    const clock = new MovableClock()
    // Nobody tells a root that its clock is ahead: the log has an entry of then.
    clock.set(HOUR_MS)
    await federation.restart('330000', { clock })
    await publishOne(federation, '330000', 'ahead')
    clock.set(0)
    await federation.restart('330000', { clock })
    t.equal(await codeOf(publishOne(federation, '330000', 'back')), 'clock_wrong')
    t.match(
      federation.alarms().join('\n'),
      /330000: clock: clock_wrong: the clock is (?:59 min 5\d s|1 h) behind the last entry of this log/,
    )
    clock.set(HOUR_MS)
    await publishOne(federation, '330000', 'right')
    await well(federation)
    clock.set(0)
    await federation.restart('330000', { clock, alone: true })
    await publishOne(federation, '330000', 'alone')
    await well(federation)
    t.same(await findings(federation), [])
  },
)
