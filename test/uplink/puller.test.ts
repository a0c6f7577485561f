/** What one delivery of a page comes to while the next one is waited for. */
import t from 'tap'
import type { Context } from '../../src/commit/context.ts'
import type { Door } from '../../src/exchange/door.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Follower } from '../../src/uplink/follower.ts'
import type { LinkOptions } from '../../src/uplink/link.ts'
import { Puller } from '../../src/uplink/puller.ts'
import { logged } from '../support/entries.ts'

t.test(
  'a delivery that does not pass the door while the next one waits for the spine ends the loop with its error, and nothing else',
  async (t) => {
    const compared: bigint[] = []
    const follower = {
      log: 'zj.example/330100/1',
      verified: { size: 10n },
      compare: async (_log: string, index: bigint) => {
        compared.push(index)
        // Long enough for the first one to fail, and for the process to notice that nobody heard of it.
        for (let turn = 0; index > 1n && turn < 5; turn++)
          await new Promise((resolve) => setImmediate(resolve))
        return true
      },
    } as unknown as Follower
    const deliveries = [logged(1n), logged(2n)].map(({ index, bytes }) => ({
      index,
      entry: bytes,
      body: new Uint8Array(),
      refusal: new Uint8Array(),
      incomplete: false,
    }))
    const options = {
      clock: systemClock,
      frozen: () => false,
      recovering: () => false,
      keys: { inherited: async () => undefined },
      calls: { readBodies: async () => ({ deliveries, next: 3n }) },
      context: {
        store: { range: async () => [], get: async () => undefined },
      } as unknown as Context,
      door: {
        accept: () => Promise.reject(new HuxinError('not_ready', 'the database is opened again')),
      } as unknown as Door,
    } as unknown as LinkOptions
    const puller = new Puller(options, 'normal', { follower, control: undefined })
    await t.rejects(
      puller.run(new AbortController().signal, () => undefined),
      { code: 'not_ready' },
    )
    t.same(compared, [1n, 2n])
  },
)

t.test(
  'a node that is stopped before it knows itself, and before it has asked for anything, ends',
  async (t) => {
    const stop = new AbortController()
    const reading = async (): Promise<[]> => {
      stop.abort()
      return []
    }
    const context = {
      self: 'zj.example/330106',
      store: { range: reading, get: async () => undefined },
      ledger: () => ({ federation: { member: () => undefined } }),
    } as unknown as Context
    const options = {
      clock: systemClock,
      frozen: () => false,
      recovering: () => false,
      keys: { inherited: async () => undefined },
      context,
      calls: { readBodies: () => t.fail('it asks') },
    } as unknown as LinkOptions
    const follower = { log: 'zj.example/330100/1', verified: { size: 0n } } as unknown as Follower
    const control = new Puller(options, 'control', { follower, control: undefined })
    await new Puller(options, 'normal', { follower, control }).run(stop.signal, () => undefined)
    t.ok(stop.signal.aborted)
  },
)
