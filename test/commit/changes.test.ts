/** Who waits for the log to grow is woken by it, once, and by nothing else. */
import t from 'tap'
import { Changes } from '../../src/commit/changes.ts'
import { HeldClock } from '../support/clock.ts'

/** What was woken so far, by name. */
function waiting(
  changes: Changes,
  woken: string[],
): (name: string, topics: readonly string[], signal?: AbortSignal) => Promise<void> {
  return (name, topics, signal) =>
    changes.next(topics, 1_000, signal).then(() => {
      woken.push(name)
    })
}

t.test(
  'an announcement wakes whoever waits for its topic among others, and leaves no timer and no waiter',
  async (t) => {
    const clock = new HeldClock()
    const changes = new Changes(clock)
    const woken: string[] = []
    const wait = waiting(changes, woken)
    const both = wait('both', ['log', 'receipts'])
    const other = wait('other', ['spine'])
    changes.announce(['receipts', 'log'])
    await both
    t.same(woken, ['both'])
    t.equal(clock.timers.size, 1)
    changes.announce(['log', 'receipts', 'normal'])
    changes.announce(['spine'])
    await other
    t.same(woken, ['both', 'other'])
    t.equal(clock.timers.size, 0)
  },
)

t.test(
  'waiting ends with its time, with its signal, and at once when there is nothing to wait for',
  async (t) => {
    const clock = new HeldClock()
    const changes = new Changes(clock)
    const giver = new AbortController()
    const woken: string[] = []
    const wait = waiting(changes, woken)
    const late = wait('late', ['log'])
    const given = wait('given up', ['log'], giver.signal)
    giver.abort()
    await given
    for (const fire of [...clock.timers]) fire()
    await late
    t.same(woken, ['given up', 'late'])
    await wait('aborted', ['log'], giver.signal)
    await changes.next(['log'], 0)
    t.equal(clock.timers.size, 0)
  },
)

t.test('what was announced while one looked elsewhere shows in the count', (t) => {
  const changes = new Changes(new HeldClock())
  const before = changes.count('normal')
  changes.announce(['bulk'])
  t.equal(changes.count('normal'), before)
  changes.announce(['normal', 'log'])
  changes.announce(['normal'])
  t.equal(changes.count('normal'), before + 2)
  t.end()
})

t.test('one who waits again while others are woken waits for the next announcement', async (t) => {
  const changes = new Changes(new HeldClock())
  let turns = 0
  const loop = (async () => {
    for (; turns < 3; turns++) await changes.next(['log'], 1_000)
  })()
  for (let i = 1; i <= 3; i++) {
    changes.announce(['log'])
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(turns, i)
  }
  await loop
})
