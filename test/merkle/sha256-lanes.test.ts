/** Four messages at once give what the platform's digest gives, whatever their lengths and order. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { SeededRandom } from '../../src/base/random.ts'
import { lanes } from '../../src/merkle/sha256-lanes.ts'

const SEED = '20261124'
const hasher = lanes()!

function random(bytes: number, seed = SEED): Buffer {
  return Buffer.from(new SeededRandom(seed).fill(new Uint8Array(bytes)))
}

function digest(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

t.test('vectors are supported here and the kernel agrees with the platform', async (t) => {
  t.ok(lanes())
  t.equal(lanes(), hasher, 'it is made once')
})

t.test('the published digest of "abc" comes out of every lane', async (t) => {
  // FIPS 180-4, example of the secure hash standard: SHA-256("abc").
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  hasher.load(Buffer.from('bc'), 4)
  for (let lane = 0; lane < 4; lane++) hasher.add(0x61, 0, 1, 1, 1, lane)
  hasher.finish()
  const results = hasher.results(4)
  for (let lane = 0; lane < 4; lane++)
    t.equal(results.toString('hex', 32 * lane, 32 * lane + 32), expected)
})

t.test('every length up to 400 and every number of messages up to 9', async (t) => {
  const input = random(500)
  hasher.load(input, 400)
  for (let size = 0; size < 400; size++) hasher.add(0, 10, size, 0, 0, size)
  hasher.finish()
  const results = hasher.results(400)
  const wrong = Array.from({ length: 400 }, (_, size) => size).filter(
    (size) =>
      !results
        .subarray(32 * size, 32 * size + 32)
        .equals(digest(Uint8Array.of(0), input.subarray(10, 10 + size))),
  )
  t.same(wrong, [])
  for (let count = 1; count <= 9; count++) {
    hasher.load(input, count)
    for (let i = 0; i < count; i++) hasher.add(i, i, 40 * i, 3 * i, 16, i)
    hasher.finish()
    for (let i = 0; i < count; i++) {
      t.same(
        hasher.results(count).subarray(32 * i, 32 * i + 32),
        digest(Uint8Array.of(i), input.subarray(i, 41 * i), input.subarray(3 * i, 3 * i + 16)),
        `message ${i} of ${count}`,
      )
    }
  }
})

t.test(
  'messages of mixed lengths, the longest record among them, and an input larger than what is kept',
  async (t) => {
    const input = random(3 << 20)
    const choices = random(4 * 300, `${SEED} places`)
    const places = Array.from({ length: 300 }, (_, i) => ({
      from: choices.readUInt32BE(4 * i) % 2_000_000,
      size: i % 50 === 0 ? 65_536 : (i * 97) % 700,
    }))
    hasher.load(input, places.length)
    for (const [i, { from, size }] of places.entries()) hasher.add(0, from, 16, from + 20, size, i)
    hasher.finish()
    const results = hasher.results(places.length)
    const wrong = places.filter(
      ({ from, size }, i) =>
        !results
          .subarray(32 * i, 32 * i + 32)
          .equals(
            digest(
              Uint8Array.of(0),
              input.subarray(from, from + 16),
              input.subarray(from + 20, from + 20 + size),
            ),
          ),
    )
    t.same(wrong, [])
    t.throws(() => hasher.add(0, 0, 70_000, 0, 1, 0), /too long/)
  },
)

t.test('roots of trees of 1 to 300 leaves are those of the recursive definition', async (t) => {
  const leaves = random(32 * 300)
  const root = (from: number, to: number): Buffer => {
    if (to - from === 1) return leaves.subarray(32 * from, 32 * to)
    let split = 1
    while (2 * split < to - from) split *= 2
    return digest(Uint8Array.of(1), root(from, from + split), root(from + split, to))
  }
  const wrong = Array.from({ length: 300 }, (_, i) => i + 1).filter(
    (count) => !hasher.root(leaves.subarray(0, 32 * count)).equals(root(0, count)),
  )
  t.same(wrong, [])
})
