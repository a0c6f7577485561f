/** Long work takes turns, and the harness that measures it notices work that does not. */
import t from 'tap'
import { systemClock, Turns } from '../../src/base/clock.ts'
import { codeOf } from '../support/checks.ts'
import { withLoopDelay } from '../support/loop-delay.ts'
import { Patience, processorMs, spentMs, tookMs } from '../support/own-time.ts'

/** Milliseconds of processor time that nobody can interrupt. */
function busy(ms: number): void {
  const used = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  }
  const before = used()
  while (used() - before < ms);
}

t.test(
  'work that takes turns delays others by a turn, work that does not by all of it',
  async (t) => {
    const turns = new Turns(systemClock)
    const kind = await withLoopDelay(async () => {
      for (let i = 0; i < 300; i++) {
        busy(1)
        if (turns.over) await turns.next()
      }
    })
    const rude = await withLoopDelay(async () => busy(300))
    t.ok(
      rude.worstMs > 250 && rude.wallMs > 250,
      `without turns ${rude.worstMs} and ${rude.wallMs} ms`,
    )
    t.ok(kind.worstMs < 150, `with turns ${kind.worstMs} ms`)
  },
)

t.test('work that nobody wants any more ends at its next turn', async (t) => {
  const given = new AbortController()
  const turns = new Turns(systemClock, () => given.signal)
  await turns.next()
  given.abort()
  t.equal(await codeOf(turns.next()), 'cancelled')
})

t.test(
  'a process counts its work and its waiting, and not the queue for the processor',
  async (t) => {
    const work = (): void => {
      // By the clock on the wall a process in the queue would have worked less.
      const endMs = processorMs() + 60
      while (processorMs() < endMs);
    }
    t.ok(spentMs(work) >= 55)
    t.ok((await tookMs(async () => work())) >= 55)
    const waiting = new Promise<void>((resolve) => setTimeout(resolve, 120))
    t.ok((await tookMs(() => waiting)) >= 30)
    // A process that stands in the queue is one that sleeps and whose clock goes on.
    const stopped = await tookMs(
      async () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400),
    )
    t.ok(stopped < 200, `${stopped} ms of 400 in which it did not run`)
    const patience = new Patience(50)
    t.notOk(patience.over)
    while (!patience.over) await new Promise((resolve) => setTimeout(resolve, 5))
    patience.end()
  },
)
