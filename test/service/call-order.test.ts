/** Calls of a series are taken in the order of their numbers, whatever order they are complete in. */
import t from 'tap'
import { CallOrder } from '../../src/service/call-order.ts'
import { HeldClock } from '../support/clock.ts'

const none = new AbortController().signal

/** Lets a call take its turn and enter; says so in `entered`. */
function call(
  order: CallOrder,
  entered: string[],
  series: string,
  number: number,
  signal = none,
): Promise<void> {
  return order.turn('zj.example/330106', series, number, { signal }).then(() => {
    entered.push(`${series}${number}`)
    order.entered('zj.example/330106', series, number)
  })
}

t.test('whatever order calls come in, they enter in that of their numbers', async (t) => {
  for (const arrivals of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 0, 3, 2],
    [2, 3, 0, 1],
  ]) {
    const clock = new HeldClock()
    const order = new CallOrder(clock)
    const entered: string[] = []
    await Promise.all(arrivals.map((number) => call(order, entered, 'a', number)))
    t.same(entered, ['a0', 'a1', 'a2', 'a3'], `arrived as ${arrivals.join(' ')}`)
    t.equal(clock.timers.size, 0, 'no timer is left')
  }
})

t.test('a series waits for no other, nor a caller for another caller', async (t) => {
  const order = new CallOrder(new HeldClock())
  const entered: string[] = []
  const late = call(order, entered, 'a', 1)
  await call(order, entered, 'b', 0)
  await order.turn('zj.example/330182', 'a', 0, { signal: none })
  t.same(entered, ['b0'])
  await Promise.all([call(order, entered, 'a', 0), late])
  t.same(entered, ['b0', 'a0', 'a1'])
})

t.test(
  'one that is lost is not waited for for ever, and those after it keep their order',
  async (t) => {
    const clock = new HeldClock()
    const order = new CallOrder(clock)
    const entered: string[] = []
    const three = call(order, entered, 'a', 3)
    const one = call(order, entered, 'a', 1)
    const two = call(order, entered, 'a', 2)
    await Promise.resolve()
    t.same(entered, [])
    const [, firstToEnd] = [...clock.timers]
    firstToEnd!()
    await Promise.all([one, two, three])
    t.same(entered, ['a1', 'a2', 'a3'])
  },
)

t.test('a call that is given up waits no longer', async (t) => {
  const clock = new HeldClock()
  const order = new CallOrder(clock)
  const given = new AbortController()
  const waiting = order.turn('zj.example/330106', 'a', 5, given)
  given.abort()
  await waiting
  t.equal(clock.timers.size, 0)
})

t.test('series without end are forgotten, and what waited in them goes on', async (t) => {
  const order = new CallOrder(new HeldClock())
  const entered: string[] = []
  const stuck = call(order, entered, 'first', 1)
  for (let i = 0; i < 40; i++) await call(order, [], `s${i}`, 0)
  await stuck
  t.same(entered, ['first1'])
})
