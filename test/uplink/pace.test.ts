import t from 'tap'
import type { Clock } from '../../src/base/clock.ts'
import { Pace } from '../../src/uplink/pace.ts'

/** A clock whose timers pass at once, and what it says. */
function quickClock(): Clock & { now: number } {
  const clock = {
    now: 0,
    nowMs: () => clock.now,
    monotonicMs: () => clock.now,
    turn: () => Promise.resolve(),
    after: (ms: number, call: () => void) => {
      clock.now += ms
      queueMicrotask(call)
      return () => undefined
    },
  }
  return clock
}

t.test(
  'a parent that answers long polls at once, with nothing, is asked a few times a second at most',
  async (t) => {
    const clock = quickClock()
    const pace = new Pace(clock)
    const { signal } = new AbortController()
    let calls = 0
    for (; clock.now < 60_000; calls++) {
      const sinceMs = clock.now
      clock.now += 1
      await pace.rest({ gotOn: false, sinceMs, signal })
    }
    t.ok(calls < 75, `${calls} calls in a minute`)
  },
)

t.test(
  'answers that bring something, or that were waited for, are followed by the next question at once',
  async (t) => {
    const clock = quickClock()
    const pace = new Pace(clock)
    const { signal } = new AbortController()
    for (let i = 0; i < 1_000; i++) await pace.rest({ gotOn: true, sinceMs: clock.now, signal })
    t.equal(clock.now, 0)
    for (let i = 0; i < 100; i++) {
      const sinceMs = clock.now
      clock.now += 45_000
      await pace.rest({ gotOn: false, sinceMs, signal })
    }
    t.equal(clock.now, 4_500_000)
    for (let i = 0; i < 3; i++) await pace.rest({ gotOn: false, sinceMs: clock.now, signal })
    t.equal(clock.now, 4_500_000, 'news of others may wake it')
    await pace.rest({ gotOn: false, sinceMs: clock.now, signal })
    t.ok(clock.now > 4_500_000)
  },
)
