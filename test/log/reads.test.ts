/** How much of the store a log reads to prove and to sign, whatever its size; never how long it takes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SeededRandom } from '../../src/base/random.ts'
import { TILES_CACHED_MAX } from '../../src/log/log.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import {
  proveConsistency,
  proveInclusion,
  type ReadTiles,
  type SubtreeMemo,
  SUBTREES_MAX,
  verifyConsistency,
  verifyInclusion,
} from '../../src/merkle/proof.ts'
import { rightEdgeTiles } from '../../src/merkle/tile.ts'
import { parseTlogProof } from '../../src/note/tlog-proof.ts'
import { tileKey } from '../../src/store/keys.ts'
import { BenchLog, smallEntry } from '../bench/bench-log.ts'
import { codeOf } from '../support/checks.ts'

/** Around the ends of tiles, and where a third level begins. */
const SIZES = [1, 2, 255, 256, 257, 5_000, 65_535, 65_536, 65_537, 100_003].map(BigInt)

async function openLog(t: Test): Promise<BenchLog> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-log-'))
  const bench = await BenchLog.open(folder)
  t.teardown(async () => {
    await bench.close()
    await rm(folder, { recursive: true, force: true })
  })
  return bench
}

/** Levels of tiles that a tree of that size has. */
function levelsOf(size: bigint): number {
  return Math.ceil(size.toString(2).length / 8)
}

async function append(bench: BenchLog, count: number): Promise<void> {
  const from = bench.log.size
  const staged = bench.log.stage(
    Array.from({ length: count }, (_, i) => smallEntry(from + BigInt(i))),
  )
  await bench.store.commit(staged.ops, staged.expect)
  staged.apply()
}

t.test('a checkpoint reads the right edge anew, one tile a level, and nothing else', async (t) => {
  const bench = await openLog(t)
  for (const size of SIZES) {
    await bench.fill(size - 1n, smallEntry)
    t.equal(await bench.counter.during(() => append(bench, 1)), 0, `appending to ${size - 1n}`)
    t.equal(
      await bench.counter.during(() => bench.log.seal()),
      rightEdgeTiles(size).length,
      `signing ${size}`,
    )
    t.equal(await bench.counter.during(() => bench.log.seal()), 0, `signing ${size} again`)
    t.ok(rightEdgeTiles(size).length <= levelsOf(size))
    t.equal(bench.log.signed.size, size)
  }
})

t.test('what stands in the store is signed, not what is remembered of it', async (t) => {
  const bench = await openLog(t)
  await bench.fill(70_000n, smallEntry)
  for (const { level, index } of rightEdgeTiles(70_001n)) {
    await append(bench, 1)
    const key = tileKey(level, index)
    const tile = Buffer.from((await bench.store.get(key))!)
    await bench.store.write([
      { key, value: Buffer.concat([Buffer.of(tile[0]! ^ 1), tile.subarray(1)]) },
    ])
    t.equal(await codeOf(bench.log.seal()), 'store_corrupt', `level ${level}`)
    await bench.store.write([{ key, value: tile }])
    await bench.log.seal()
  }
})

t.test(
  'a proof reads two tiles a level at most, one when it is of the newest tree, and then none',
  async (t) => {
    const bench = await openLog(t)
    const random = new SeededRandom('reads')
    for (const size of SIZES.filter((size) => size > 1n)) {
      await bench.fill(size, smallEntry)
      const levels = levelsOf(size)
      const { log } = bench
      for (let i = 0; i < 8; i++) {
        const old = BigInt(1 + random.below(Number(size)))
        const index = BigInt(random.below(Number(old)))
        const leaf = leafHash(smallEntry(index))
        for (const [treeSize, most] of [
          [size, levels],
          [old, 2 * levels - 1],
        ] as const) {
          const what = `entry ${index} under ${treeSize} of ${size}`
          await bench.forget()
          const tree = { size: treeSize, root: await log.root(treeSize), note: log.signed.note }
          let proof: readonly Uint8Array[] = []
          const proving = async (): Promise<void> => {
            proof = parseTlogProof(await bench.log.prove(index, tree)).proof
          }
          atMost(t, await bench.counter.during(proving), most, what)
          verifyInclusion({ index, size: treeSize, leafHash: leaf, proof, root: tree.root })
          t.equal(await bench.counter.during(proving), 0, `${what}, again`)
        }
        await bench.forget()
        const claim = {
          oldSize: old,
          newSize: size,
          oldRoot: await log.root(old),
          newRoot: log.signed.root,
        }
        let proof: readonly Uint8Array[] = []
        const proving = async (): Promise<void> => {
          proof = await bench.log.proveConsistency(old, size)
        }
        atMost(t, await bench.counter.during(proving), levels, `${old} to ${size}`)
        verifyConsistency({ ...claim, proof })
        t.equal(await bench.counter.during(proving), 0, `${old} to ${size}, again`)
      }
    }
  },
)

function atMost(t: Test, reads: number, most: number, what: string): void {
  t.ok(reads <= most, `${what}: ${reads} reads, at most ${most}`)
}

t.test('what proofs and reads remember has an end', async (t) => {
  const bench = await openLog(t)
  const tiles = TILES_CACHED_MAX + 40
  await bench.fill(BigInt(256 * tiles), smallEntry)
  await bench.forget()
  const read = (index: number): Promise<number> =>
    bench.counter.during(() => bench.log.readTiles([{ level: 0, index: BigInt(index) }]))
  for (let i = 0; i < tiles; i++) {
    t.equal(await read(i), 1)
    t.equal(await read(0), 0, 'what is used again and again stays')
  }
  t.equal(await read(tiles - TILES_CACHED_MAX + 1), 0, 'the newest are there')
  t.equal(await read(1), 1, 'the oldest is not')

  const tile = new Uint8Array(8192)
  const readTiles: ReadTiles = async (wanted) => wanted.map(() => tile)
  const memo: SubtreeMemo = new Map()
  const random = new SeededRandom('memo')
  for (let i = 0; i < 300; i++) {
    const size = 1n + BigInt(random.next())
    await proveInclusion(BigInt(random.next()) % size, size, readTiles, memo)
    await proveConsistency(1n + (BigInt(random.next()) % size), size, readTiles, memo)
  }
  t.equal(memo.size, SUBTREES_MAX)
  t.ok(
    [...memo.values()].every((root) => root.buffer.byteLength === 32),
    'none of them keeps more memory than its own',
  )
})
