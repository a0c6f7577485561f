/** The loops of a link, over calls that the test answers. */
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import type { ParentCalls } from '../../src/uplink/parent.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import { MovableClock } from '../support/clock.ts'
import { TestFederation } from '../support/federation.ts'

t.test(
  'after any error of a loop the parent is asked again who it is: it may have another log by now',
  async (t) => {
    const federation = await TestFederation.start(
      [{ id: '330000', tier: 'province', divisions: ['330000'] }],
      { catalog: false },
    )
    t.teardown(() => federation.stop())
    const silent = (_request: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new HuxinError('cancelled', 'stopped')), {
          once: true,
        }),
      )
    let epoch = 0
    const calls = {
      recall: () =>
        Promise.resolve({
          protocol: 1_000,
          logOrigin: `zj.example/000000/${++epoch}`,
          timeMs: BigInt(Date.now()),
          lastCheckpoint: new Uint8Array(),
          laneHeads: [],
          epoch: 1,
          statements: [],
        }),
      readLog: (request: unknown, signal: AbortSignal) =>
        epoch < 3
          ? Promise.reject(new HuxinError('log_behind', 'an older copy'))
          : silent(request, signal),
      readBodies: silent,
      submit: silent,
      witness: silent,
      readLane: silent,
      renew: silent,
    } as unknown as ParentCalls
    const done = (): Promise<void> => Promise.resolve()
    const uplink = new Uplink({
      context: federation.node('330000').context,
      door: federation.node('330000').door,
      parent: 'zj.example/000000',
      trust: () => undefined,
      clock: systemClock,
      retryMsMax: 50,
      random: () => 0,
      calls,
      onRecall: done,
      recovering: () => false,
      frozen: () => false,
      onCaughtUp: done,
      onAway: () => undefined,
    })
    uplink.start()
    await federation.until(
      'the newest log is followed',
      () => uplink.follower.log === 'zj.example/000000/3',
    )
    t.equal(epoch, 3)
    await uplink.stop()
  },
)

t.test('a parent that is away for a minute is an alarm, until it answers', async (t) => {
  const federation = await TestFederation.start(
    [{ id: '330000', tier: 'province', divisions: ['330000'] }],
    { catalog: false },
  )
  t.teardown(() => federation.stop())
  const { context } = federation.node('330000')
  const clock = new MovableClock()
  let [asked, away] = [0, true]
  const silent = (_request: unknown, signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(new HuxinError('cancelled', 'stopped')), {
        once: true,
      }),
    )
  const recall = () => {
    asked++
    if (away) return Promise.reject(new HuxinError('peer_unreachable', 'nobody listens there'))
    return Promise.resolve({
      protocol: 1_000,
      logOrigin: 'zj.example/000000/1',
      timeMs: BigInt(Date.now()),
      lastCheckpoint: new Uint8Array(),
      laneHeads: [],
      epoch: 1,
      statements: [],
    })
  }
  const calls = {
    recall,
    readLog: silent,
    readBodies: silent,
    submit: silent,
    witness: silent,
    readLane: silent,
    renew: silent,
  } as unknown as ParentCalls
  const done = (): Promise<void> => Promise.resolve()
  const uplink = new Uplink({
    context,
    door: federation.node('330000').door,
    parent: 'zj.example/000000',
    trust: () => undefined,
    clock,
    retryMsMax: 50,
    random: () => 0,
    calls,
    onRecall: done,
    recovering: () => false,
    frozen: () => false,
    onCaughtUp: done,
    onAway: () => undefined,
  })
  uplink.start()
  await federation.until('it was asked twice', () => asked > 1)
  t.notOk(context.alarms.has('away'))
  clock.pass(61_000)
  await federation.until('that is an alarm', () => context.alarms.has('away'))
  t.match(
    context.alarms.list().join(),
    /away: zj\.example\/000000 has not been reached since 20\d\d-.*Z: nobody listens there/,
  )
  away = false
  await federation.until('it is over', () => !context.alarms.has('away'))
  t.equal(uplink.state, 'connected')
  await uplink.stop()
})
