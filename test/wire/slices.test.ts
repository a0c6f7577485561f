import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { Slices } from '../../src/wire/slices.ts'

t.test(
  'of many calls that come together a few begin at once, the others in their order in later turns, and the last after a few',
  async (t) => {
    const slices = new Slices(systemClock)
    const begun: number[] = []
    for (let i = 0; i < 200; i++) slices.add(() => begun.push(i))
    t.equal(begun.length, 4, 'answers of these go out while the next are worked on')
    // One that comes later is no sooner.
    await systemClock.turn()
    slices.add(() => begun.push(200))
    const sizes: number[] = []
    for (let turn = 0; begun.length < 201 && turn < 100; turn++) {
      const before = begun.length
      await systemClock.turn()
      sizes.push(begun.length - before)
    }
    t.same(
      begun,
      Array.from({ length: 201 }, (_, i) => i),
    )
    t.ok(sizes.every((size) => size <= 4 + 200 / 8))
    t.ok(sizes.length <= 24, `${sizes.length} turns`)
  },
)

t.test('calls that come one after the other begin at once', async (t) => {
  const slices = new Slices(systemClock)
  for (let i = 0; i < 20; i++) {
    let begun = false
    slices.add(() => {
      begun = true
    })
    t.ok(begun)
    await systemClock.turn()
  }
})
