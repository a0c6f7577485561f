/** What is trusted of a clock, and who says that it is right. */
import t from 'tap'
import { ClockGuard } from '../../src/node/clock-guard.ts'
import { RECALL_MS } from '../../src/uplink/uplink.ts'
import { MovableClock } from '../support/clock.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

function wrong(guard: ClockGuard): boolean {
  try {
    guard.check()
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'clock_wrong'
  }
}

/** The clock that nobody can set stood still; the other one is right. */
function pause(clock: MovableClock, ms: number): void {
  clock.pass(-ms)
  clock.set(ms)
}

t.test(
  'a paused machine goes on when more than half of those below show its time since',
  async (t) => {
    const clock = new MovableClock()
    const voters = ['a', 'b', 'c', 'd']
    const guard = new ClockGuard(clock, () => voters)
    for (const who of voters) guard.show(who, clock.nowMs())
    t.notOk(wrong(guard))
    pause(clock, 10 * MINUTE_MS)
    t.ok(wrong(guard), 'what they showed before it was noticed says nothing')
    t.ok(
      Math.abs(guard.trustedMs() - (clock.nowMs() - 10 * MINUTE_MS)) < 1_000,
      'meanwhile it tells the time that it trusts',
    )
    guard.show('a', clock.nowMs())
    guard.show('b', clock.nowMs() + MINUTE_MS)
    guard.show('somebody', clock.nowMs())
    t.ok(wrong(guard), 'two of four are not more than half, and others do not count')
    guard.show('d', clock.nowMs() - 20 * MINUTE_MS)
    t.ok(wrong(guard))
    guard.show('d', clock.nowMs())
    t.notOk(wrong(guard))
    t.ok(Math.abs(guard.trustedMs() - clock.nowMs()) < 1_000)
  },
)

t.test(
  'a paused root goes on within two minutes, whenever it was noticed, by what its children ask every minute',
  async (t) => {
    const voters = ['a', 'b', 'c']
    for (const noticedMs of [0, 1_000, 29_000, 59_000]) {
      const clock = new MovableClock()
      const guard = new ClockGuard(clock, () => voters)
      pause(clock, 10 * MINUTE_MS)
      let wentOnMs = 0
      for (let ms = 0; wentOnMs === 0 && ms <= 10 * MINUTE_MS; ms += 1_000) {
        // Each child asks at its own second of the minute, with its own clock.
        voters.forEach((who, i) => {
          if (ms % RECALL_MS === 7_000 + 20_000 * i) guard.show(who, clock.nowMs())
        })
        if (ms >= noticedMs && !wrong(guard)) wentOnMs = ms
        clock.pass(1_000)
        clock.set(10 * MINUTE_MS)
      }
      t.ok(
        wentOnMs > 0 && wentOnMs - noticedMs <= 2 * MINUTE_MS,
        `noticed after ${noticedMs} ms, right ${wentOnMs - noticedMs} ms later`,
      )
    }
  },
)

t.test(
  'a clock that was set wrong is not right because time passes, nor because one child has the same',
  async (t) => {
    for (const ms of [HOUR_MS, -HOUR_MS, 365 * 24 * HOUR_MS]) {
      const clock = new MovableClock()
      const guard = new ClockGuard(clock, () => ['a', 'b', 'c'])
      const right = (): number => clock.nowMs() - ms
      clock.set(ms)
      for (const who of ['a', 'b', 'c']) guard.show(who, right())
      t.ok(wrong(guard))
      guard.show('a', clock.nowMs())
      t.ok(wrong(guard))
      clock.pass(48 * HOUR_MS)
      t.ok(wrong(guard))
      clock.set(0)
      t.notOk(wrong(guard), 'set right it is right')
    }
    const late = new MovableClock()
    const stale = new ClockGuard(late, () => ['a'])
    stale.show('a', late.nowMs() + HOUR_MS)
    late.set(HOUR_MS)
    t.ok(wrong(stale), 'a child that was wrong in the same way before does not make it right')
    const alone = new MovableClock()
    const guard = new ClockGuard(alone)
    pause(alone, 10 * MINUTE_MS)
    t.ok(wrong(guard), 'nobody below says anything')
  },
)

t.test('five minutes a day are followed, in however many steps', async (t) => {
  const clock = new MovableClock()
  const guard = new ClockGuard(clock)
  let ahead = 0
  let steps = 0
  for (; steps < 1_000 && !wrong(guard); steps++) clock.set((ahead += 299_000))
  t.equal(steps, 2, 'the second step of one day is too much')
  clock.set(299_000)
  for (let day = 1; day < 20; day++) {
    t.notOk(wrong(guard), `day ${day}`)
    clock.pass(24 * HOUR_MS)
    t.notOk(wrong(guard))
    clock.set(299_000 + day * 250_000)
  }
  clock.set(0)
  t.ok(wrong(guard))
})
