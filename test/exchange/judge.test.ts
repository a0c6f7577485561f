import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { encodeBody } from '../../src/batch/body.ts'
import { checkAllRecords } from '../../src/exchange/judge.ts'
import { compileItem } from '../../src/record/item.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'

t.test('a batch of a hundred thousand bad records is judged in turns with everything else', async (t) => {
  const item = starterItems.find(({ kind }) => kind === 'evaluation')!
  const compiled = compileItem(item, (id) => starterScales.find((scale) => `${scale.id}@${scale.version}` === id))
  const body = encodeBody(Array.from({ length: 100_000 }, () => Uint8Array.of(0x0a)), systemRandom)
  let lastMs = systemClock.monotonicMs()
  let longestMs = 0
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, systemClock.monotonicMs() - lastMs)
    lastMs = systemClock.monotonicMs()
  }, 1)
  const faults = await checkAllRecords(compiled, body)
  clearInterval(timer)
  t.equal(new Set(faults.map(({ index }) => index)).size, 100_000)
  t.ok(longestMs < 100, `others waited ${longestMs.toFixed(1)} ms`)
})
