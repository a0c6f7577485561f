/** Who waits on a signal is told once, and leaves nothing behind when it no longer waits. */
import { getEventListeners } from 'node:events'
import t from 'tap'
import { onAbort } from '../../src/base/abort.ts'
import { holdProcess, sleep, systemClock } from '../../src/base/clock.ts'

t.test('everyone who waits is told once, and who has gone is not', (t) => {
  const giver = new AbortController()
  const told: string[] = []
  const forget = onAbort(giver.signal, () => told.push('gone'))
  onAbort(giver.signal, () => told.push('first'))
  onAbort(giver.signal, () => {
    told.push('second')
    // Being told and forgetting is the same to a caller.
    forget()
  })
  forget()
  forget()
  giver.abort()
  giver.abort()
  t.same(told, ['first', 'second'])
  t.end()
})

t.test(
  'a signal that is aborted already calls back, and not before the function is there that forgets it',
  async (t) => {
    const signal = AbortSignal.abort()
    const told: string[] = []
    onAbort(signal, () => told.push('told'))
    const forget = onAbort(signal, () => told.push('forgotten'))
    t.same(told, [])
    forget()
    await Promise.resolve()
    t.same(told, ['told'])
  },
)

t.test('one who forgets another while both are told keeps it from being told', (t) => {
  const giver = new AbortController()
  const told: string[] = []
  let forgetSecond = (): void => undefined
  onAbort(giver.signal, () => {
    told.push('first')
    forgetSecond()
  })
  forgetSecond = onAbort(giver.signal, () => told.push('second'))
  giver.abort()
  t.same(told, ['first'])
  t.end()
})

t.test('a signal on which thousands have waited has one listener', async (t) => {
  const release = holdProcess()
  const giver = new AbortController()
  for (let i = 0; i < 2_000; i++) onAbort(giver.signal, () => t.fail('nobody waits any more'))()
  for (let i = 0; i < 20; i++) await sleep(systemClock, 0, giver.signal)
  t.equal(getEventListeners(giver.signal, 'abort').length, 1)
  giver.abort()
  release()
})
