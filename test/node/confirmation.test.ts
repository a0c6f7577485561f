/** The time up to which a node knows what was done to records, as it is kept in the store. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Confirmation, type ConfirmationOptions } from '../../src/node/confirmation.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'

const HOUR_MS = 3_600_000
const NOW_MS = Date.parse('2026-11-30T08:00:00Z')

t.test('a time that was kept while the clock was wrong delays nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-test-'))
  const store = await levelEngine.open(join(folder, 'db'), { create: true })
  t.teardown(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  let [nowMs, heardMs]: [number, number | undefined] = [NOW_MS, undefined]
  const options: ConfirmationOptions = {
    store,
    afterMs: 24 * HOUR_MS,
    otherwiseMs: NOW_MS - 2 * HOUR_MS,
    nowMs: () => nowMs,
    isOpen: () => true,
    isAlone: () => true,
    heardMs: () => heardMs,
  }
  // The clock is a year ahead.
  nowMs = heardMs = NOW_MS + 365 * 24 * HOUR_MS
  const wrong = await Confirmation.open(options)
  await wrong.save(true)
  t.equal(wrong.ms, heardMs)
  // It is set right, in this run and after a start.
  nowMs = NOW_MS
  for (const one of [wrong, await Confirmation.open(options)]) {
    t.equal(one.ms, options.otherwiseMs, 'the time of the last entry counts')
    nowMs = NOW_MS + 23 * HOUR_MS
    t.equal(one.unconfirmedSinceMs, options.otherwiseMs)
    nowMs = NOW_MS
  }
  t.not(
    (await Confirmation.open({ ...options, otherwiseMs: heardMs })).unconfirmedSinceMs,
    undefined,
    'nor does an entry of that time',
  )
  // What is heard then is kept in its place.
  heardMs = NOW_MS + HOUR_MS / 30
  const right = await Confirmation.open(options)
  await right.save()
  heardMs = undefined
  t.equal((await Confirmation.open(options)).ms, NOW_MS + HOUR_MS / 30)
})
