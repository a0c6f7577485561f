/**
 * What Go's tools made and judged (`vectors.json`, which `npm run test:foreign -- --write` makes anew), held
 * against this code. Where the two differ, this one is the stricter, and each such row is named here.
 */
import t from 'tap'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hex, utf8 } from '../../src/base/bytes.ts'
import { isHuxinError } from '../../src/base/errors.ts'
import { leafHash, rootOfLeaves } from '../../src/merkle/hash.ts'
import {
  proveConsistency,
  proveInclusion,
  proveInclusionInMemory,
  verifyConsistency,
  verifyInclusion,
} from '../../src/merkle/proof.ts'
import { entriesPath, growTiles, parseTilePath, tilePath, tilesOf } from '../../src/merkle/tile.ts'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign, verifyCosignatureLine } from '../../src/note/cosignature.ts'
import { formatVkey, generateSigner, parseSignerKey, parseVkey } from '../../src/note/key.ts'
import { parseNote, parseSignatureLine, verifyNote } from '../../src/note/note.ts'
import {
  openCosignedCheckpoint,
  openWitnessedCheckpoint,
  parsePolicy,
  quorumReached,
} from '../../src/note/policy.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../src/note/tlog-proof.ts'

interface Vectors {
  readonly ed25519: readonly {
    name: string
    public: string
    message: string
    signature: string
    valid: boolean
    smallOrder?: boolean
  }[]
  readonly notes: {
    good: string
    rows: readonly { name: string; note: string; one: Verdict; both: Verdict }[]
    raised: string
    truncated: string
  }
  readonly keys: readonly { key: string; note: boolean; cosi: boolean }[]
  readonly checkpoints: readonly { text: string; torchwood: boolean; formats: boolean }[]
  readonly cosignatures: readonly {
    name: string
    vkey: string
    text: string
    line: string
    valid: boolean
    time: string
  }[]
  readonly log: {
    vkey: string
    entries: string[]
    checkpoints: string[]
    proofs: string[]
    policy: string
    satisfied: readonly { witnesses: string; satisfied: boolean }[]
  }
  readonly tiles: {
    paths: readonly { path: string; valid: boolean; level: number; index: number; width: number }[]
    digest: string
  }
  readonly proofs: {
    inclusion: string
    consistency: string
    hashes: string[]
    rows: readonly {
      name: string
      inclusion: boolean
      from: string
      size: number
      fromHash: number
      root: number
      proof: number[]
      valid: boolean
    }[]
  }
}
/** Opened, malformed, no signature by a known key, a known key's signature that does not verify. */
type Verdict = 'o' | 'm' | 'u' | 'i'

const path = join(process.cwd(), 'test/foreign/vectors.json')
const vectors = JSON.parse(await readFile(path, 'utf8')) as Vectors
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const ENOCH = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'

/** True when it returns, false when it throws an error of the product's own; anything else is thrown on. */
function holds(act: () => unknown): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (isHuxinError(error) && error.kind === 'invalid') return false
    throw error
  }
}

t.test(
  'Ed25519 verdicts are those of Go, and keys of small order are refused when they are configured',
  (t) => {
    const points = new Set(
      vectors.ed25519.filter(({ smallOrder }) => smallOrder).map((row) => row.public),
    )
    /** R is of small order: Go and OpenSSL 3.0 take such a signature, OpenSSL 3.5 does not, and so it is refused here. */
    const degenerate = (signature: string): boolean => points.has(signature.slice(0, 64))
    for (const row of vectors.ed25519) {
      const [key, message, signature] = [row.public, row.message, row.signature].map((text) =>
        Buffer.from(text, 'hex'),
      ) as [Buffer, Buffer, Buffer]
      const raw = createPublicKey({
        key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]),
        format: 'der',
        type: 'spki',
      })
      if (!degenerate(row.signature))
        t.equal(verify(null, message, raw, signature), row.valid, row.name)
      const vkey = formatVkey('x', 'ed25519', key)
      if (row.smallOrder)
        t.notOk(
          holds(() => parseVkey(vkey)),
          `${row.name} is refused`,
        )
      else
        t.equal(
          parseVkey(vkey).verify(message, signature),
          row.valid && !degenerate(row.signature),
          `${row.name} by its vkey`,
        )
    }
    t.ok(vectors.ed25519.some((row) => row.valid && !row.smallOrder && degenerate(row.signature)))
    t.ok(
      vectors.ed25519.filter(({ valid }) => valid).length > 20 &&
        vectors.ed25519.some(({ name }) => name === 'mixed-order-published'),
    )
    t.equal(
      new Set(vectors.ed25519.filter(({ smallOrder }) => smallOrder).map((row) => row.public)).size,
      14,
      'every encoding of every point of small order',
    )
    t.end()
  },
)

const opened = (note: Uint8Array, ...vkeys: readonly string[]): Verdict => {
  try {
    verifyNote(parseNote(note), vkeys.map(parseVkey))
    return 'o'
  } catch (error) {
    if (isHuxinError(error, 'note_malformed')) return 'm'
    if (!isHuxinError(error, 'signature_invalid')) throw error
    return error.message.startsWith('no signature') ? 'u' : 'i'
  }
}

t.test('notes are opened and refused as Go opens and refuses them', (t) => {
  /** What Go lets pass: it does not ask for the one form of base64, and of two lines of one key it looks at the first alone. */
  const stricter: Readonly<Record<string, Verdict>> = {
    'base64-with-stray-bits': 'm',
    'good-then-wrong': 'i',
  }
  for (const { name, note, one, both } of vectors.notes.rows) {
    const bytes = Buffer.from(note, 'base64')
    t.same(
      [opened(bytes, PETER), opened(bytes, PETER, ENOCH)],
      [stricter[name] ?? one, stricter[name] ?? both],
      name,
    )
  }
  const good = Buffer.from(vectors.notes.good, 'base64')
  const letters = (count: number, change: (i: number) => Buffer): string =>
    Array.from({ length: count }, (_, i) => opened(change(i), PETER)).join('')
  const raised = letters(good.length, (i) =>
    Buffer.concat([good.subarray(0, i), Buffer.of(good[i]! + 1), good.subarray(i + 1)]),
  )
  // The last digit of the base64, of which Go ignores two bits.
  const last = good.length - 3
  t.equal(vectors.notes.raised[last], 'o')
  t.equal(raised, `${vectors.notes.raised.slice(0, last)}m${vectors.notes.raised.slice(last + 1)}`)
  t.equal(
    letters(good.length, (i) => good.subarray(0, i)),
    vectors.notes.truncated,
  )
  t.end()
})

t.test('verifier keys are read as Go reads them, in their one form', (t) => {
  const stricter = (key: string): boolean =>
    key.endsWith('\n') || /\+[0-9A-F]*[A-F][0-9A-F]*\+/.test(key)
  for (const { key, note, cosi } of vectors.keys) {
    const type = holds(() => parseVkey(key)) ? parseVkey(key).type : undefined
    if (stricter(key)) t.equal(type, undefined, JSON.stringify(key))
    else
      t.equal(
        type,
        note ? 'ed25519' : cosi && key.startsWith('witness') ? 'cosignature' : undefined,
        JSON.stringify(key),
      )
  }
  t.end()
})

t.test(
  'a checkpoint that is read here is read by torchwood and by formats; the others have a reason',
  (t) => {
    const stricter: readonly RegExp[] = [/^\n/, /\n.*\n.*\n./, /\nBw.*d=\n/, /^o\n0\nBw/]
    for (const { text, torchwood, formats } of vectors.checkpoints) {
      const ours = holds(() => parseCheckpoint(text))
      if (ours) t.ok(torchwood && formats, JSON.stringify(text))
      else if (torchwood)
        t.ok(
          stricter.some((form) => form.test(text)),
          `${JSON.stringify(text)} is refused for a reason`,
        )
      else t.pass()
    }
    t.ok(vectors.checkpoints.filter(({ text }) => holds(() => parseCheckpoint(text))).length > 4)
    t.end()
  },
)

t.test(
  'cosignatures are verified as formats and torchwood verify them, byte order and all',
  (t) => {
    for (const { name, vkey, text, line, valid, time } of vectors.cosignatures) {
      const found = verifyCosignatureLine(text, parseSignatureLine(line), parseVkey(vkey))
      t.same(found?.timeSeconds, valid ? BigInt(time) : undefined, name)
    }
    const wit1 = generateSigner(
      'Wit1',
      'cosignature',
      Buffer.from('AeadRiG7XM4XiieCHzD8lxysXMwcViy5nYsoXURWGrlE', 'base64').subarray(1),
    )
    for (const { vkey, text, line, valid, time } of vectors.cosignatures)
      if (valid && vkey === wit1.vkey) t.equal(cosign(text, wit1, BigInt(time)), line)
    t.end()
  },
)

t.test(
  "the sixteen checkpoints of Tessera's test log open, and are signed here byte for byte",
  (t) => {
    const { vkey, entries, checkpoints } = vectors.log
    const signer = parseSignerKey(
      'PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg',
    )
    const arena = Buffer.concat(entries.map((entry) => leafHash(utf8(entry))))
    t.equal(checkpoints.length, 16)
    for (const [size, note] of checkpoints.entries()) {
      const checkpoint = openCheckpoint(Buffer.from(note), [parseVkey(vkey)], signer.name)
      t.same(
        [checkpoint.size, hex(checkpoint.root)],
        [BigInt(size), hex(rootOfLeaves(arena.subarray(0, size * 32)))],
        `size ${size}`,
      )
      t.equal(Buffer.from(signCheckpoint(checkpoint, signer)).toString(), note)
    }
    t.end()
  },
)

t.test(
  'proofs written by formats are read, prove their entry, and are written here byte for byte',
  (t) => {
    const { vkey, entries, proofs, policy } = vectors.log
    const arena = Buffer.concat(entries.map((entry) => leafHash(utf8(entry))))
    const rules = parsePolicy(Buffer.from(policy))
    for (const [index, text] of proofs.entries()) {
      const proofBytes = Buffer.from(text)
      const { checkpoint, note } = verifyTlogProof({
        proofBytes,
        leaf: utf8(entries[index]!),
        origin: 'example.com/log/testdata',
        logVerifier: parseVkey(vkey),
      })
      t.equal(checkpoint.size, 15n)
      t.same(openWitnessedCheckpoint(note, rules).witnesses, ['w1', 'w2'])
      t.notOk(
        holds(() => openCosignedCheckpoint(note, rules)),
        'not the quorum',
      )
      t.equal(
        Buffer.from(
          formatTlogProof({
            ...parseTlogProof(proofBytes),
            proof: proveInclusionInMemory(index, arena),
          }),
        ).toString(),
        text,
      )
      t.notOk(
        holds(() =>
          verifyTlogProof({
            proofBytes,
            leaf: utf8(entries[(index + 1) % 15]!),
            origin: 'example.com/log/testdata',
            logVerifier: parseVkey(vkey),
          }),
        ),
      )
    }
    t.end()
  },
)

t.test('a policy is reached by the same witnesses as in Go', (t) => {
  const { policy, satisfied, checkpoints } = vectors.log
  const rules = parsePolicy(Buffer.from(policy))
  const newest = Buffer.from(checkpoints[15]!)
  const { text } = parseNote(newest)
  for (const { witnesses, satisfied: wanted } of satisfied) {
    const names = witnesses.split(' ').filter((name) => name !== '')
    const lines = names.map((name) =>
      cosign(
        text,
        generateSigner(`${name}.example`, 'cosignature', Buffer.alloc(32, name.charCodeAt(1))),
        1_795_396_448n,
      ),
    )
    const { witnesses: found } = openWitnessedCheckpoint(addSignatureLines(newest, lines), rules)
    t.same(found, names)
    t.equal(quorumReached(rules, found), wanted, witnesses)
  }
  t.ok(satisfied.some((row) => row.satisfied) && satisfied.some((row) => !row.satisfied))
  t.end()
})

t.test(
  'tile paths are read as torchwood reads them, and every tree of 1 to 600 entries has the tiles of sumdb',
  (t) => {
    for (const { path: tile, valid, level, index, width } of vectors.tiles.paths) {
      // The specification ends at level 63, torchwood does not.
      t.same(
        parseTilePath(tile),
        valid && level <= 63 ? { level, index: BigInt(index), width } : undefined,
        JSON.stringify(tile),
      )
    }
    const digest = createHash('sha256')
    for (let size = 1n; size <= 600n; size++) {
      digest.update(
        `${size} ${[...tilesOf(size)]
          .map(({ level, index, width }) => tilePath(level, index, width))
          .sort()
          .join(' ')}\n`,
      )
    }
    t.equal(digest.digest('hex'), vectors.tiles.digest)
    t.equal(entriesPath(70_000n, 112), 'tile/entries/x070/000.p/112')
    t.end()
  },
)

t.test(
  'all proofs of the trees of up to 130 entries are those of golang.org/x/mod/sumdb/tlog',
  async (t) => {
    const arena = Buffer.concat(Array.from({ length: 130 }, (_, i) => leafHash(Uint8Array.of(i))))
    const tiles = growTiles(0n, arena, new Map())
    const read = async (wanted: readonly { level: number; index: bigint }[]) =>
      wanted.map(({ level, index }) => tiles.get(`${level}/${index}`)!)
    const [inclusion, consistency] = [createHash('sha256'), createHash('sha256')]
    for (let size = 1n; size <= 130n; size++) {
      for (let from = 0n; from < size; from++) {
        inclusion.update(
          `${from} ${size}${(await proveInclusion(from, size, read)).map((hash) => ` ${hex(hash)}`).join('')}\n`,
        )
        consistency.update(
          `${from + 1n} ${size}${(await proveConsistency(from + 1n, size, read)).map((hash) => ` ${hex(hash)}`).join('')}\n`,
        )
      }
    }
    t.same(
      [inclusion.digest('hex'), consistency.digest('hex')],
      [vectors.proofs.inclusion, vectors.proofs.consistency],
    )
  },
)

t.test('changed proofs are judged as transparency-dev/merkle judges them', (t) => {
  const hashes = vectors.proofs.hashes.map((text) => Buffer.from(text, 'base64'))
  let refused = 0
  for (const row of vectors.proofs.rows) {
    const [from, size] = [BigInt(row.from), BigInt(row.size)]
    const [fromHash, root, proof] = [
      hashes[row.fromHash]!,
      hashes[row.root]!,
      row.proof.map((i) => hashes[i]!),
    ]
    const ours = holds(() =>
      row.inclusion
        ? verifyInclusion({ index: from, size, leafHash: fromHash, proof, root })
        : verifyConsistency({
            oldSize: from,
            newSize: size,
            oldRoot: fromHash,
            newRoot: root,
            proof,
          }),
    )
    // Nothing is proved from no entries: whoever knows nothing asks for nothing (tlog-witness).
    const wanted = row.valid && (row.inclusion || from > 0n)
    if (!ours) refused++
    t.equal(ours, wanted, row.name)
  }
  t.ok(refused > 300, `${refused} refused`)
  t.end()
})
