import t from 'tap'
import { SeededRandom } from '../../src/base/random.ts'
import { encodeBody } from '../../src/batch/body.ts'
import { KeptIdentities } from '../../src/lookup/kept-identities.ts'
import { BodyIdentities } from '../../src/lookup/record-rows.ts'
import { Tail } from '../../src/lookup/tail.ts'
import { industryRecord, many } from '../support/records.ts'

const key = new Uint8Array(32).fill(7)
const random = new SeededRandom('kept')
const identitiesOf = (count: number, from: number): BodyIdentities =>
  BodyIdentities.of(encodeBody(many(count, industryRecord, from), random), key)
const rowsOf = (add: (tails: { recordId: Tail; subject: Tail }) => unknown): unknown => {
  const tails = { recordId: new Tail(), subject: new Tail() }
  add(tails)
  return [tails.recordId.buckets(), tails.subject.buckets()]
}

t.test(
  'what is kept comes back as it was, in whatever sizes, while its room is used again and again',
  (t) => {
    const sizes = [1, 7, 300, 2, 1_000, 40]
    const bodies = sizes.map((size, i) => identitiesOf(size, 1_000 * i))
    const kept = new KeptIdentities()
    let put = 0
    let taken = 0
    let wrong = 0
    let refused = 0
    let records = 0
    const waiting: boolean[] = []
    // Up to 1,400 batches of 225 records wait: more than there is room for.
    for (const [ahead, until] of [
      [1_400, 4_200],
      [10, 6_000],
      [0, 6_000],
    ] as const) {
      while (taken < until) {
        for (; put < until && put - taken <= ahead; put++)
          kept.keep(BigInt(put), bodies[put % bodies.length]!)
        const tails = { recordId: new Tail(), subject: new Tail() }
        const count = kept.take(BigInt(taken), tails)
        waiting.push(count !== undefined)
        if (count === undefined) refused++
        else {
          records += count
          const found = [tails.recordId.buckets(), tails.subject.buckets()]
          const expected = rowsOf((all) => bodies[taken % bodies.length]!.addTo(all, BigInt(taken)))
          if (taken % 37 === 0 && JSON.stringify(found) !== JSON.stringify(expected)) wrong++
          if (count !== sizes[taken % sizes.length]) wrong++
        }
        taken++
      }
    }
    t.equal(wrong, 0)
    t.ok(refused > 0, `${refused} had no room`)
    t.ok(records > 4 * (1 << 18) * 0.5, `${records} records were kept`)
    t.ok(waiting.slice(-1_000).every(Boolean), 'where little waits, all of it has room')
    t.equal(
      kept.take(3n, { recordId: new Tail(), subject: new Tail() }),
      undefined,
      'what was taken is gone',
    )
    t.end()
  },
)

t.test('what was to be logged and was not is forgotten', (t) => {
  const kept = new KeptIdentities()
  kept.keep(5n, identitiesOf(3, 0))
  kept.clear()
  const none = rowsOf((tails) => t.equal(kept.take(5n, tails), undefined))
  t.same(
    none,
    rowsOf(() => undefined),
  )
  kept.keep(5n, identitiesOf(2, 50))
  t.same(
    rowsOf((tails) => kept.take(5n, tails)),
    rowsOf((tails) => identitiesOf(2, 50).addTo(tails, 5n)),
  )
  kept.keep(5n + 4_096n, identitiesOf(1, 0))
  t.equal(kept.take(5n + 4_096n, { recordId: new Tail(), subject: new Tail() }), 1)
  t.end()
})
