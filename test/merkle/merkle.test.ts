import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { fromHex, hex } from '../../src/base/bytes.ts'
import { isHuxinError } from '../../src/base/errors.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import {
  appendLeaves,
  decodeFrontier,
  emptyFrontier,
  encodeFrontier,
  frontierRoot,
} from '../../src/merkle/frontier.ts'
import {
  emptyRoot,
  HASH_BYTES,
  leafHash,
  leafHashInto,
  nodeHash,
  rootOfLeaves,
} from '../../src/merkle/hash.ts'
import {
  proveConsistency,
  proveInclusion,
  proveInclusionInMemory,
  type ReadTiles,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../src/merkle/proof.ts'
import {
  entriesPath,
  frontierFromTiles,
  growTiles,
  locateNode,
  parseTilePath,
  rightEdgeTiles,
  tilePath,
  tilesOf,
  tileWidth,
} from '../../src/merkle/tile.ts'

const rfcLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const rfcRoots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const rfcLeafHashes = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7',
  '07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7',
  'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
]
const rfcArena = Buffer.concat(rfcLeaves.map((data) => leafHash(fromHex(data)!)))

const numbered = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      leafHash(Buffer.from([i & 0xff, (i >> 8) & 0xff, i >> 16])),
    ),
  )
const leaves600 = numbered(600)
const first = (arena: Uint8Array, size: number): Uint8Array => arena.subarray(0, size * HASH_BYTES)

/** RFC 6962 section 2.1 word for word, with node:crypto alone. */
function naiveTree(arena: Uint8Array): (from: number, to: number) => Buffer {
  const known = new Map<string, Buffer>()
  const root = (from: number, to: number): Buffer => {
    if (from === to) return createHash('sha256').digest()
    if (to - from === 1) return Buffer.from(arena.subarray(from * 32, to * 32))
    const name = `${from}-${to}`
    const had = known.get(name)
    if (had) return had
    const made = createHash('sha256')
      .update('\x01')
      .update(root(from, from + split(to - from)))
      .update(root(from + split(to - from), to))
      .digest()
    known.set(name, made)
    return made
  }
  return root
}

function split(n: number): number {
  let k = 1
  while (2 * k < n) k *= 2
  return k
}

function naivePath(
  root: ReturnType<typeof naiveTree>,
  index: number,
  from: number,
  to: number,
): Buffer[] {
  if (to - from === 1) return []
  const k = from + split(to - from)
  return index < k
    ? [...naivePath(root, index, from, k), root(k, to)]
    : [...naivePath(root, index, k, to), root(from, k)]
}

function naiveProof(
  root: ReturnType<typeof naiveTree>,
  old: number,
  span: readonly [number, number],
  whole: boolean,
): Buffer[] {
  const [from, to] = span
  if (old === to) return whole ? [] : [root(from, to)]
  const k = from + split(to - from)
  return old <= k
    ? [...naiveProof(root, old, [from, k], whole), root(k, to)]
    : [...naiveProof(root, old, [k, to], false), root(from, k)]
}

/** Every tile of the tree, made from scratch out of the naive roots. */
function naiveTiles(root: ReturnType<typeof naiveTree>, size: number): Map<string, Buffer> {
  const tiles = new Map<string, Buffer>()
  for (let level = 0, span = 1; Math.floor(size / span) > 0; level++, span *= 256) {
    const hashes = Array.from({ length: Math.floor(size / span) }, (_, i) =>
      root(i * span, (i + 1) * span),
    )
    for (let index = 0; index * 256 < hashes.length; index++)
      tiles.set(`${level}/${index}`, Buffer.concat(hashes.slice(index * 256, (index + 1) * 256)))
  }
  return tiles
}

function reader(tiles: ReadonlyMap<string, Uint8Array>): ReadTiles & { calls: number } {
  const read = async (wanted: Parameters<ReadTiles>[0]): Promise<Uint8Array[]> => {
    read.calls++
    return wanted.map(({ level, index }) => tiles.get(`${level}/${index}`)!)
  }
  read.calls = 0
  return read
}

const hexes = (hashes: readonly Uint8Array[]): string => hashes.map(hex).join(' ')
const text = (tiles: ReadonlyMap<string, Uint8Array>): Record<string, string> =>
  Object.fromEntries(
    [...tiles].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, bytes]) => [name, hex(bytes)]),
  )

function throwsCode(t: Test, code: ErrorCode, act: () => unknown, title: string): void {
  try {
    act()
    t.fail(`${title}: nothing was thrown`)
  } catch (error) {
    t.ok(isHuxinError(error, code), `${title}: ${String(error)}`)
  }
}

t.test('roots are those of RFC 6962, from leaves, from a frontier and from tiles', async (t) => {
  t.equal(hex(emptyRoot()), rfcRoots[0])
  for (const [size, root] of rfcRoots.entries()) {
    const arena = first(rfcArena, size)
    t.equal(hex(rootOfLeaves(arena)), root, `leaves, size ${size}`)
    t.equal(hex(frontierRoot(appendLeaves(emptyFrontier, arena))), root, `frontier, size ${size}`)
    t.equal(
      hex(await treeRoot(BigInt(size), reader(growTiles(0n, arena, new Map())))),
      root,
      `tiles, size ${size}`,
    )
  }
})

t.test('leaf hashes are those of RFC 6962, allocated or written into an arena', async (t) => {
  const arena = Buffer.alloc(HASH_BYTES + 7)
  for (const [i, wanted] of rfcLeafHashes.entries()) {
    const data = fromHex(rfcLeaves[i]!)!
    t.equal(hex(leafHash(data)), wanted)
    leafHashInto(data, arena, 7)
    t.equal(hex(arena), '00000000000000' + wanted)
  }
  for (const length of [4095, 4096, 4097, 65_535]) {
    const data = Buffer.alloc(length, 0xe5)
    t.equal(
      hex(leafHash(data)),
      createHash('sha256').update('\0').update(data).digest('hex'),
      `${length} bytes`,
    )
  }
  t.equal(hex(leafHash(new Uint8Array())), rfcLeafHashes[0], 'a long leaf leaves nothing behind')
})

t.test('hashing leaves does not change them', async (t) => {
  const arena = Buffer.from(leaves600)
  rootOfLeaves(arena)
  appendLeaves(emptyFrontier, arena)
  growTiles(0n, arena, new Map())
  t.ok(arena.equals(leaves600))
})

t.test('a returned hash does not change when its source does', async (t) => {
  const arena = Buffer.from(first(rfcArena, 1))
  const root = rootOfLeaves(arena)
  const frontier = appendLeaves(emptyFrontier, arena)
  const encoded = Buffer.from(encodeFrontier(frontier))
  const decoded = decodeFrontier(encoded)!
  arena.fill(0)
  encoded.fill(0)
  t.equal(hex(root), rfcRoots[1])
  t.equal(hex(frontierRoot(frontier)), rfcRoots[1])
  t.equal(hex(frontierRoot(decoded)), rfcRoots[1])
})

t.test('leaf hashes that are not whole are an error inside the program', async (t) => {
  throwsCode(t, 'internal', () => rootOfLeaves(new Uint8Array(33)), 'root')
  throwsCode(t, 'internal', () => appendLeaves(emptyFrontier, new Uint8Array(31)), 'frontier')
})

t.test('proofs over the RFC 6962 leaves are the known ones', async (t) => {
  const heads = (proof: readonly Uint8Array[]): string =>
    proof.map((hash) => hex(hash).slice(0, 8)).join(' ')
  const tiles = reader(growTiles(0n, rfcArena, new Map()))
  t.equal(heads(await proveInclusion(0n, 8n, tiles)), '96a296d2 5f083f0a 6b47aaf2')
  t.equal(heads(await proveInclusion(5n, 8n, tiles)), 'bc1a0643 ca854ea1 d37ee418')
  t.equal(heads(await proveInclusion(2n, 3n, tiles)), 'fac54203')
  t.equal(heads(await proveConsistency(1n, 8n, tiles)), '96a296d2 5f083f0a 6b47aaf2')
  t.equal(heads(await proveConsistency(6n, 8n, tiles)), '0ebc5d34 ca854ea1 d37ee418')
  t.equal(heads(await proveConsistency(2n, 5n, tiles)), '5f083f0a bc1a0643')
  t.equal(heads(await proveConsistency(4n, 8n, tiles)), '6b47aaf2')
  t.equal(heads(await proveConsistency(3n, 7n, tiles)), '0298d122 07506a85 fac54203 837dbb15')
  t.same(await proveConsistency(5n, 5n, tiles), [])
})

t.test(
  'the published consistency proof from 2 to 5 verifies, and with its roots swapped does not',
  async (t) => {
    // transparency-dev/merkle testdata/consistency/3/happy-path.json
    const claim = {
      oldSize: 2n,
      newSize: 5n,
      oldRoot: Buffer.from('+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=', 'base64'),
      newRoot: Buffer.from('Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=', 'base64'),
      proof: [
        'Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=',
        'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=',
      ].map((hash) => Buffer.from(hash, 'base64')),
    }
    t.doesNotThrow(() => verifyConsistency(claim))
    throwsCode(
      t,
      'proof_invalid',
      () => verifyConsistency({ ...claim, oldRoot: claim.newRoot, newRoot: claim.oldRoot }),
      'swapped roots',
    )
  },
)

t.test(
  'all subtree roots and inclusion proofs up to 130 leaves fold into the published digests',
  async (t) => {
    // draft-ietf-plants-merkle-tree-certs, appendix "Subtree Test Vectors"; leaves are one byte each.
    const arena = Buffer.concat(Array.from({ length: 130 }, (_, i) => leafHash(Uint8Array.of(i))))
    const roots = createHash('sha256')
    const paths = createHash('sha256')
    for (let end = 1; end <= 130; end++) {
      for (let start = 0; start < end; start++) {
        let ceiling = 1
        while (ceiling < end - start) ceiling *= 2
        if (start % ceiling !== 0) continue
        const subtree = arena.subarray(start * HASH_BYTES, end * HASH_BYTES)
        roots.update(`[${start}, ${end}) ${hex(rootOfLeaves(subtree))}\n`)
        for (let index = start; index < end; index++) {
          const proof = proveInclusionInMemory(index - start, subtree).map(
            (hash) => ` ${hex(hash)}`,
          )
          paths.update(`${index} [${start}, ${end})${proof.join('')}\n`)
        }
      }
    }
    t.equal(roots.digest('hex'), '94a95384a8c69acea9b50d035a58285b3a777cb7a724005faa5e1f1e1190007f')
    t.equal(paths.digest('hex'), 'ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f')
  },
)

t.test('every inclusion proof up to 130 leaves equals the naive one and verifies', async (t) => {
  const root = naiveTree(leaves600)
  const tiles = reader(naiveTiles(root, 130))
  let wrong = 0
  for (let size = 1; size <= 130; size++) {
    for (let index = 0; index < size; index++) {
      const proof = await proveInclusion(BigInt(index), BigInt(size), tiles)
      const wanted = hexes(naivePath(root, index, 0, size))
      if (
        hexes(proof) !== wanted ||
        hexes(proveInclusionInMemory(index, first(leaves600, size))) !== wanted
      )
        wrong++
      verifyInclusion({
        index: BigInt(index),
        size: BigInt(size),
        leafHash: root(index, index + 1),
        proof,
        root: root(0, size),
      })
    }
  }
  t.equal(wrong, 0)
  t.equal(tiles.calls, (130 * 131) / 2, 'one batched read for each proof')
})

t.test('every consistency proof up to 130 leaves equals the naive one and verifies', async (t) => {
  const root = naiveTree(leaves600)
  const tiles = reader(naiveTiles(root, 130))
  let wrong = 0
  for (let newSize = 1; newSize <= 130; newSize++) {
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const proof = await proveConsistency(BigInt(oldSize), BigInt(newSize), tiles)
      if (hexes(proof) !== hexes(naiveProof(root, oldSize, [0, newSize], true))) wrong++
      verifyConsistency({
        oldSize: BigInt(oldSize),
        newSize: BigInt(newSize),
        oldRoot: root(0, oldSize),
        newRoot: root(0, newSize),
        proof,
      })
    }
  }
  t.equal(wrong, 0)
})

t.test('for sizes 0 to 600 the tiles, widths and right edges are those of the tree', async (t) => {
  const root = naiveTree(leaves600)
  let tiles = new Map<string, Uint8Array>()
  for (let size = 0; size <= 600; size++) {
    const wanted = naiveTiles(root, size)
    const made = [...tilesOf(BigInt(size))]
    const expected = [...wanted].map(([name, bytes]) => `${name} ${bytes.length / HASH_BYTES}`)
    const partial = [...wanted]
      .filter(([, bytes]) => bytes.length < 256 * HASH_BYTES)
      .map(([name]) => name)
    const edge = rightEdgeTiles(BigInt(size)).map(({ level, index }) => `${level}/${index}`)
    const same =
      made.map(({ level, index, width }) => `${level}/${index} ${width}`).join() ===
        expected.join() &&
      partial.join() === edge.join() &&
      made.every(
        ({ level, index, width }) =>
          tileWidth(level, index, BigInt(size)) === width &&
          tileWidth(level, index + 9n, BigInt(size)) === 0,
      )
    if (!same) t.fail(`tiles of size ${size}: ${expected.join()}, edge ${edge.join()}`)
    // Grown one leaf at a time out of the edge alone.
    const grown = [...wanted].every(([name, bytes]) =>
      bytes.equals(tiles.get(name) ?? new Uint8Array()),
    )
    if (!grown || tiles.size !== wanted.size) t.fail(`grown tiles of size ${size}`)
    const frontier = frontierFromTiles(BigInt(size), ({ level, index }) =>
      tiles.get(`${level}/${index}`)!,
    )
    if (!root(0, size).equals(frontierRoot(frontier))) t.fail(`frontier of size ${size}`)
    const next = growTiles(
      BigInt(size),
      leaves600.subarray(size * HASH_BYTES, (size + 1) * HASH_BYTES),
      new Map(edge.map((name) => [name, tiles.get(name)!])),
    )
    tiles = new Map([...tiles, ...next])
  }
  t.pass('all sizes')
})

t.test('growing by any number of leaves returns exactly the tiles that change', async (t) => {
  const random = new SeededRandom('grow')
  const root = naiveTree(leaves600)
  for (let round = 0; round < 60; round++) {
    const before = random.below(600)
    const after = before + random.below(601 - before)
    const had = naiveTiles(root, before)
    const changed = [...naiveTiles(root, after)].filter(
      ([name, bytes]) => !bytes.equals(had.get(name) ?? new Uint8Array()),
    )
    const grown = growTiles(
      BigInt(before),
      leaves600.subarray(before * HASH_BYTES, after * HASH_BYTES),
      had,
    )
    t.same(text(grown), text(new Map(changed)), `${before} to ${after}`)
  }
})

t.test(
  'a tree of 70,000 leaves has the tiles of the specification, and proofs across three levels verify',
  async (t) => {
    const arena = numbered(70_000)
    const tiles = growTiles(0n, arena, new Map())
    const widths = (level: number): number[] =>
      [...tiles]
        .filter(([name]) => name.startsWith(`${level}/`))
        .map(([, bytes]) => bytes.length / HASH_BYTES)
    t.same(
      [widths(0).length, widths(0).filter((width) => width === 256).length, widths(0).at(-1)],
      [274, 273, 112],
    )
    t.same(widths(1), [256, 17])
    t.same(widths(2), [1])
    t.same(widths(3), [])
    t.same(
      [...tilesOf(256n)],
      [
        { level: 0, index: 0n, width: 256 },
        { level: 1, index: 0n, width: 1 },
      ],
    )
    const read = reader(tiles)
    const root = rootOfLeaves(arena)
    t.equal(hex(await treeRoot(70_000n, read)), hex(root))
    t.equal(hex(frontierRoot(appendLeaves(emptyFrontier, arena))), hex(root))
    for (const index of [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
      const proof = await proveInclusion(BigInt(index), 70_000n, read)
      t.doesNotThrow(
        () =>
          verifyInclusion({
            index: BigInt(index),
            size: 70_000n,
            leafHash: arena.subarray(index * 32, index * 32 + 32),
            proof,
            root,
          }),
        `entry ${index}`,
      )
    }
    for (const oldSize of [1, 256, 300, 65_535, 65_536, 65_537, 69_999]) {
      // The old root too comes out of tiles that have become wider since.
      const oldRoot = await treeRoot(BigInt(oldSize), read)
      t.equal(hex(oldRoot), hex(rootOfLeaves(first(arena, oldSize))), `root of ${oldSize}`)
      const proof = await proveConsistency(BigInt(oldSize), 70_000n, read)
      t.doesNotThrow(
        () =>
          verifyConsistency({
            oldSize: BigInt(oldSize),
            newSize: 70_000n,
            oldRoot,
            newRoot: root,
            proof,
          }),
        `from ${oldSize}`,
      )
    }
  },
)

t.test('nodes are found in tiles as tlog-tiles says', async (t) => {
  t.same(locateNode(0, 5n), { level: 0, index: 0n, from: 5, count: 1 })
  t.same(locateNode(0, 256n), { level: 0, index: 1n, from: 0, count: 1 })
  t.same(locateNode(3, 33n), { level: 0, index: 1n, from: 8, count: 8 })
  t.same(locateNode(7, 1n), { level: 0, index: 0n, from: 128, count: 128 })
  t.same(locateNode(8, 1n), { level: 1, index: 0n, from: 1, count: 1 })
  t.same(locateNode(62, 1n), { level: 7, index: 0n, from: 64, count: 64 })
})

t.test('tile paths are canonical in both directions', async (t) => {
  t.equal(tilePath(0, 1_234_067n), 'tile/0/x001/x234/067')
  t.equal(tilePath(0, 0n), 'tile/0/000')
  t.equal(tilePath(7, 999n, 1), 'tile/7/999.p/1')
  t.equal(tilePath(1, 1000n, 255), 'tile/1/x001/000.p/255')
  t.equal(entriesPath(273n, 112), 'tile/entries/273.p/112')
  t.equal(entriesPath(70_000n), 'tile/entries/x070/000')
  t.same(parseTilePath('tile/0/x001/x234/067'), { level: 0, index: 1_234_067n, width: 256 })
  t.same(parseTilePath('tile/63/000.p/1'), { level: 63, index: 0n, width: 1 })
  t.same(parseTilePath('tile/entries/x070/000.p/112'), { level: -1, index: 70_000n, width: 112 })
  t.same(parseTilePath(tilePath(3, 2n ** 64n - 1n)), {
    level: 3,
    index: 2n ** 64n - 1n,
    width: 256,
  })
  const refused = [
    '',
    'tile',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/x000/000',
    'tile/0/x000',
    'tile/0/001/x002',
    'tile/0/x001/02',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/01/000',
    'tile/8/0/000',
    'tile/data/000',
    'tile/Entries/000',
    '/tile/0/000',
    'tile/0/000/',
    'tile/0/000.p',
    'tile/0/000.p/',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/1/',
    'tile/0/000.p/999',
    'tile/0/000\n',
    tilePath(0, 2n ** 64n),
    `tile/0/${'x001/'.repeat(10_000)}000`,
  ]
  for (const path of refused)
    t.equal(parseTilePath(path), undefined, JSON.stringify(path.slice(0, 60)))
})

t.test('any tile path that parses is written back the same', async (t) => {
  const random = new SeededRandom('paths')
  const levels = ['entries', '0', '7', '63', '64', '07', '']
  const groups = ['x001/', 'x000/', 'x999/', '001/', 'x01/', '']
  const ends = ['000', '067', '999', '00', 'x000']
  const widths = ['', '', '.p/1', '.p/255', '.p/256', '.p/0', '.p/']
  let parsed = 0
  for (let round = 0; round < 1000; round++) {
    const path = `tile/${random.pick(levels)}/${random.pick(groups)}${random.pick(groups)}${random.pick(ends)}${random.pick(widths)}`
    const tile = parseTilePath(path)
    if (!tile) continue
    parsed++
    t.equal(
      tile.level < 0
        ? entriesPath(tile.index, tile.width)
        : tilePath(tile.level, tile.index, tile.width),
      path,
    )
  }
  t.ok(parsed > 50, `${parsed} parsed`)
})

t.test('a frontier survives its encoding, and only the canonical encoding is read', async (t) => {
  const random = new SeededRandom('frontier')
  let frontier = emptyFrontier
  t.equal(hex(encodeFrontier(frontier)), '0000000000000000')
  while (frontier.size < 600n) {
    const count = Math.min(1 + random.below(40), 600 - Number(frontier.size))
    const at = Number(frontier.size) * HASH_BYTES
    const before = encodeFrontier(frontier)
    const next = appendLeaves(frontier, leaves600.subarray(at, at + count * HASH_BYTES))
    t.equal(
      hex(encodeFrontier(frontier)),
      hex(before),
      'appending leaves the frontier before as it was',
    )
    frontier = next
    const bytes = encodeFrontier(frontier)
    t.equal(
      hex(frontierRoot(decodeFrontier(bytes)!)),
      hex(rootOfLeaves(first(leaves600, Number(frontier.size)))),
      `size ${frontier.size}`,
    )
    t.equal(decodeFrontier(bytes.subarray(0, -1)), undefined)
    t.equal(decodeFrontier(bytes.subarray(0, -HASH_BYTES)), undefined)
    t.equal(decodeFrontier(Buffer.concat([bytes, Buffer.alloc(HASH_BYTES)])), undefined)
    t.equal(decodeFrontier(bytes.subarray(0, 7)), undefined)
  }
  t.equal(frontier.size, 600n)
  const other = Buffer.from(encodeFrontier(frontier))
  other[7] = other[7]! ^ 1
  t.equal(decodeFrontier(other), undefined, 'a size with another number of subtrees')
})

t.test('mutated inclusion proofs are refused', async (t) => {
  const root = naiveTree(leaves600)
  for (const [index, size] of [
    [0, 1],
    [0, 8],
    [5, 8],
    [2, 3],
    [1, 5],
    [6, 7],
    [129, 130],
  ] as const) {
    const claim = {
      index: BigInt(index),
      size: BigInt(size),
      leafHash: root(index, index + 1),
      proof: naivePath(root, index, 0, size),
      root: root(0, size),
    }
    t.doesNotThrow(() => verifyInclusion(claim), `${index} of ${size} as it is`)
    const { proof } = claim
    const garbage = Buffer.alloc(32, 0x5a)
    const mutated: Record<string, Partial<Parameters<typeof verifyInclusion>[0]>> = {
      'index-plus-1': { index: claim.index + 1n },
      'index-minus-1': { index: claim.index - 1n },
      'index-xor-2': { index: claim.index ^ 2n },
      'index-past-end': { index: claim.size },
      'size-times-2': { size: claim.size * 2n },
      'size-halved': { size: claim.size / 2n },
      'size-zero': { size: 0n },
      'wrong-leaf': { leafHash: garbage },
      'wrong-root': { root: garbage },
      'empty-root': { root: emptyRoot() },
      'short-root': { root: claim.root.subarray(0, 31) },
      'short-leaf': { leafHash: claim.leafHash.subarray(0, 31) },
      'trailing-garbage': { proof: [...proof, garbage] },
      'preceding-garbage': { proof: [garbage, ...proof] },
      'trailing-root': { proof: [...proof, claim.root] },
      'preceding-leaf': { proof: [claim.leafHash, ...proof] },
      ...(proof.length > 0
        ? {
            'removed-component': { proof: proof.slice(1) },
            'truncated-proof': { proof: proof.slice(0, -1) },
            'empty-proof': { proof: [] },
          }
        : {}),
      ...(proof.length > 1 ? { 'reversed-proof': { proof: proof.toReversed() } } : {}),
      ...Object.fromEntries(
        proof.map((_, i) => [
          `modified-proof-${i}`,
          { proof: proof.map((hash, at) => (at === i ? flip(hash) : hash)) },
        ]),
      ),
      ...Object.fromEntries(
        proof.map((_, i) => [
          `long-hash-${i}`,
          { proof: proof.map((hash, at) => (at === i ? Buffer.concat([hash, hash]) : hash)) },
        ]),
      ),
    }
    for (const [name, change] of Object.entries(mutated))
      throwsCode(
        t,
        'proof_invalid',
        () => verifyInclusion({ ...claim, ...change }),
        `${index} of ${size} ${name}`,
      )
  }
})

t.test('mutated consistency proofs are refused', async (t) => {
  const root = naiveTree(leaves600)
  for (const [old, size] of [
    [1, 8],
    [6, 8],
    [2, 5],
    [4, 8],
    [3, 7],
    [5, 5],
    [64, 130],
    [127, 130],
  ] as const) {
    const claim = {
      oldSize: BigInt(old),
      newSize: BigInt(size),
      oldRoot: root(0, old),
      newRoot: root(0, size),
      proof: naiveProof(root, old, [0, size], true),
    }
    t.doesNotThrow(() => verifyConsistency(claim), `${old} to ${size} as it is`)
    const { proof } = claim
    const garbage = Buffer.alloc(32, 0x5a)
    const mutated: Record<string, Partial<Parameters<typeof verifyConsistency>[0]>> = {
      'old-size-plus-1': { oldSize: claim.oldSize + 1n },
      'old-size-minus-1': { oldSize: claim.oldSize - 1n },
      'old-size-xor-2': { oldSize: claim.oldSize ^ 2n },
      'old-size-zero': { oldSize: 0n },
      'old-size-zero-empty-root': { oldSize: 0n, oldRoot: emptyRoot(), proof: [] },
      'new-size-halved': { newSize: claim.newSize / 2n },
      'new-size-times-2': { newSize: claim.newSize * 2n },
      'wrong-old-root': { oldRoot: garbage },
      'wrong-new-root': { newRoot: garbage },
      'short-old-root': { oldRoot: claim.oldRoot.subarray(1) },
      'trailing-garbage': { proof: [...proof, garbage] },
      'preceding-garbage': { proof: [garbage, ...proof] },
      'trailing-old-root': { proof: [...proof, claim.oldRoot] },
      'preceding-old-root': { proof: [claim.oldRoot, ...proof] },
      ...(old < size
        ? {
            'swapped-roots': { oldRoot: claim.newRoot, newRoot: claim.oldRoot },
            'empty-proof': { proof: [] },
            'truncated-proof': { proof: proof.slice(0, -1) },
          }
        : {}),
      ...Object.fromEntries(
        proof.map((_, i) => [
          `modified-proof-${i}`,
          { proof: proof.map((hash, at) => (at === i ? flip(hash) : hash)) },
        ]),
      ),
    }
    for (const [name, change] of Object.entries(mutated))
      throwsCode(
        t,
        'proof_invalid',
        () => verifyConsistency({ ...claim, ...change }),
        `${old} to ${size} ${name}`,
      )
  }
})

t.test('a refused proof says what it needs', async (t) => {
  const claim = {
    index: 2n,
    size: 7n,
    leafHash: emptyRoot(),
    root: emptyRoot(),
    proof: [emptyRoot()],
  }
  t.throws(() => verifyInclusion(claim), {
    message: 'inclusion proof has 1 hashes, entry 2 of tree size 7 needs 3',
  })
  t.throws(
    () =>
      verifyConsistency({
        oldSize: 3n,
        newSize: 7n,
        oldRoot: emptyRoot(),
        newRoot: emptyRoot(),
        proof: [],
      }),
    { message: 'consistency proof has 0 hashes, 3 to 7 needs 4' },
  )
})

t.test('proofs of the largest trees are refused without work', async (t) => {
  const size = 2n ** 63n - 1n
  throwsCode(
    t,
    'proof_invalid',
    () =>
      verifyInclusion({
        index: size - 1n,
        size,
        leafHash: emptyRoot(),
        root: emptyRoot(),
        proof: Array.from({ length: 62 }, emptyRoot),
      }),
    'inclusion',
  )
  throwsCode(
    t,
    'proof_invalid',
    () =>
      verifyConsistency({
        oldSize: 5n,
        newSize: size,
        oldRoot: emptyRoot(),
        newRoot: emptyRoot(),
        proof: Array.from({ length: 63 }, emptyRoot),
      }),
    'consistency',
  )
})

t.test('what is not in the tree is not proved', async (t) => {
  const tiles = reader(growTiles(0n, rfcArena, new Map()))
  await t.rejects(proveInclusion(8n, 8n, tiles), { code: 'argument_invalid' })
  await t.rejects(proveInclusion(-1n, 8n, tiles), { code: 'argument_invalid' })
  await t.rejects(proveInclusion(0n, 0n, tiles), { code: 'argument_invalid' })
  await t.rejects(proveConsistency(0n, 8n, tiles), { code: 'argument_invalid' })
  await t.rejects(proveConsistency(0n, 0n, tiles), { code: 'argument_invalid' })
  await t.rejects(proveConsistency(8n, 7n, tiles), { code: 'argument_invalid' })
  throwsCode(
    t,
    'argument_invalid',
    () => proveInclusionInMemory(8, rfcArena),
    'past the end in memory',
  )
  throwsCode(
    t,
    'argument_invalid',
    () => proveInclusionInMemory(-1, rfcArena),
    'before the start in memory',
  )
})

t.test(
  'a tile that is missing or of the wrong width is store_corrupt, never a wrong root',
  async (t) => {
    const tiles = growTiles(0n, leaves600, new Map())
    const without = (name: string): Map<string, Uint8Array> =>
      new Map([...tiles].filter(([key]) => key !== name))
    const narrowed = (name: string): Map<string, Uint8Array> =>
      new Map(
        [...tiles].map(([key, bytes]) => [
          key,
          key === name ? bytes.subarray(0, -HASH_BYTES) : bytes,
        ]),
      )
    await t.rejects(proveInclusion(599n, 600n, reader(without('0/2'))), { code: 'store_corrupt' })
    await t.rejects(proveInclusion(0n, 600n, reader(narrowed('1/0'))), { code: 'store_corrupt' })
    await t.rejects(proveConsistency(300n, 600n, reader(without('0/1'))), { code: 'store_corrupt' })
    await t.rejects(treeRoot(600n, reader(narrowed('0/2'))), { code: 'store_corrupt' })
    throwsCode(
      t,
      'store_corrupt',
      () =>
        frontierFromTiles(600n, ({ level, index }) => narrowed('0/2').get(`${level}/${index}`)!),
      'frontier',
    )
    throwsCode(
      t,
      'store_corrupt',
      () => growTiles(600n, first(leaves600, 1), without('0/2')),
      'grown without the edge',
    )
    throwsCode(
      t,
      'store_corrupt',
      () => growTiles(600n, first(leaves600, 1), narrowed('0/2')),
      'grown from a narrow edge',
    )
    throwsCode(
      t,
      'store_corrupt',
      () => growTiles(599n, first(leaves600, 1), tiles),
      'grown from the edge of a larger tree',
    )
    throwsCode(
      t,
      'store_corrupt',
      () => growTiles(600n, first(leaves600, 200), without('1/0')),
      'grown without the edge one level up',
    )
  },
)

t.test('a node hash is not a leaf hash', async (t) => {
  const left = leafHash(Uint8Array.of(1))
  const right = leafHash(Uint8Array.of(2))
  t.equal(
    hex(nodeHash(left, right)),
    createHash('sha256').update('\x01').update(left).update(right).digest('hex'),
  )
  t.not(hex(nodeHash(left, right)), hex(leafHash(Buffer.concat([left, right]))))
})

function flip(hash: Uint8Array): Buffer {
  const other = Buffer.from(hash)
  other[4] = other[4]! ^ 1
  return other
}
