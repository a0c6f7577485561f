/**
 * Files that prove that a log's key signed two logs: of every kind of fork, tampered with in every way, and of
 * pairs that are none; with nothing but the file and the root key.
 */
import t from 'tap'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isHuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { evidenceFaults } from '../../src/evidence/faults.ts'
import type { EvidencePart } from '../../src/evidence/file.ts'
import { formatFork, type Fork, verifyFork } from '../../src/evidence/fork.ts'
import { BeginningProver, compareTrees } from '../../src/merkle/beginning.ts'
import { leafHash, rootOfLeaves } from '../../src/merkle/hash.ts'
import { proveConsistency } from '../../src/merkle/proof.ts'
import { growTiles } from '../../src/merkle/tile.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { generateSigner, type Signer } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { withLogName } from '../../src/note/tlog-proof.ts'
import { parseVkey } from '../../src/note/key.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { runHere, runProgram } from '../cli/program.ts'

const ROOT = 'zj.example/330000'
const NODE = 'zj.example/330100'
const LOG = `${NODE}/1`
const keys = {
  root: generateSigner(ROOT, 'ed25519', Buffer.alloc(32, 1)),
  node: generateSigner(NODE, 'ed25519', Buffer.alloc(32, 2)),
  other: generateSigner(NODE, 'ed25519', Buffer.alloc(32, 3)),
}
const cosigner = generateSigner(ROOT, 'cosignature', Buffer.alloc(32, 4))
const [root] = [keys.root.vkey]

function statement(member: string, noteVkey: string): EvidencePart {
  const place =
    member === ROOT
      ? ({ tier: 'province', parent: undefined, divisions: ['330000'] } as const)
      : ({ tier: 'city', parent: ROOT, divisions: ['330100'] } as const)
  return {
    name: `statement ${member} 0`,
    bytes: signNote(
      formatStatement({
        member,
        serial: 0,
        previous: undefined,
        ...place,
        body: '11330825TT00000903',
        host: undefined,
        epoch: 1,
        noteVkey,
        cosignVkey: generateSigner(member, 'cosignature', Buffer.alloc(32, 5)).vkey,
        validFrom: '2026-01-01',
        validTo: '2036-12-31',
        status: 'active',
        actor: '-',
        document: '-',
        reason: '-',
      }),
      [keys.root],
    ),
  }
}
const statements = [statement(ROOT, root), statement(NODE, keys.node.vkey)]

/** Leaf hashes of a log whose entries from `fork` on are others. */
function leaves(count: number, fork = count, branch = 'b'): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      leafHash(Buffer.from(i < fork ? `entry ${i}` : `${branch} ${i}`)),
    ),
  )
}
const note = (arena: Uint8Array, signer: Signer = keys.node, origin = LOG): Uint8Array =>
  signCheckpoint({ origin, size: BigInt(arena.length / 32), root: rootOfLeaves(arena) }, signer)

/** The beginning that a log shows of its first `size` entries, fed in pieces. */
function beginning(size: number, arena: Uint8Array, piece = 7): Uint8Array[] {
  const prover = new BeginningProver(BigInt(size), BigInt(arena.length / 32))
  for (let at = 0; at < arena.length; at += piece * 32)
    prover.add(arena.subarray(at, at + piece * 32))
  return prover.beginning()
}

/** A fork after `fork` entries: the first tree of `m` entries, the second of `n`. */
function forked(m: number, n: number, fork: number): Fork {
  const [one, two] = [leaves(m), leaves(n, fork)]
  return {
    log: LOG,
    first: note(one),
    second: note(two),
    beginning: m === n ? [] : beginning(m, two),
  }
}

const seen = new Map<string, string>()
function faultOf(bytes: Uint8Array | string, roots: readonly string[] = [root]): string {
  try {
    verifyFork(Buffer.from(bytes), roots)
    return 'none'
  } catch (error) {
    if (!isHuxinError(error, 'evidence_invalid')) return `not a fault: ${String(error)}`
    seen.set(error.details['fault']!, error.message)
    return /^\p{Script=Han}.*：/u.test(error.messageZh)
      ? error.details['fault']!
      : 'no Chinese message'
  }
}

t.test(
  'two trees of any sizes are told apart as the definition says, and a wrong beginning proves nothing',
  async (t) => {
    const wrong: string[] = []
    for (let n = 1; n <= 40; n++) {
      for (let m = 1; m <= n; m++) {
        for (const fork of new Set([0, m - 1, m, n - 1])) {
          const [one, two] = [leaves(m), leaves(n, fork)]
          const hashes = m === n ? [] : beginning(m, two, 1 + (n % 9))
          const [smaller, larger] = [one, two].map((arena) => ({
            size: BigInt(arena.length / 32),
            root: rootOfLeaves(arena),
          })) as [{ size: bigint; root: Uint8Array }, { size: bigint; root: Uint8Array }]
          const wanted = fork < m ? 'two' : 'one'
          if (compareTrees(smaller, larger, hashes) !== wanted)
            wrong.push(`${m} ${n} ${fork} is not ${wanted}`)
          if (m === n) continue
          for (const other of [
            [],
            hashes.slice(1),
            [...hashes, hashes[0]!],
            hashes.with(0, Buffer.alloc(32)),
            hashes.with(-1, Buffer.alloc(31)),
            beginning(m, leaves(n, 0, 'c')),
          ]) {
            if (compareTrees(smaller, larger, other) !== 'open')
              wrong.push(`${m} ${n} ${fork} with other hashes`)
          }
          if (compareTrees(larger, smaller, hashes) !== 'open') wrong.push(`${n} before ${m}`)
        }
      }
    }
    t.same(wrong, [])
    const empty = { size: 0n, root: rootOfLeaves(new Uint8Array()) }
    t.equal(
      compareTrees(empty, { size: 3n, root: Buffer.alloc(32) }, []),
      'one',
      'every log begins with nothing',
    )
  },
)

t.test(
  'a beginning is the consistency proof, with the root of a power of two in front',
  async (t) => {
    const arena = leaves(40)
    const tiles = growTiles(0n, arena, new Map())
    for (let m = 1; m < 40; m++) {
      const proof = await proveConsistency(BigInt(m), 40n, async (wanted) =>
        wanted.map(({ level, index }) => tiles.get(`${level}/${index}`)!),
      )
      const hashes =
        (m & (m - 1)) === 0 ? [rootOfLeaves(arena.subarray(0, m * 32)), ...proof] : proof
      t.same(
        beginning(m, arena).map((hash) => Buffer.from(hash).toString('hex')),
        hashes.map((hash) => Buffer.from(hash).toString('hex')),
        `${m}`,
      )
    }
  },
)

t.test(
  'a fork is proved at one size and at two, powers of two among them, from the root key alone',
  async (t) => {
    for (const [m, n, fork] of [
      [1, 1, 0],
      [5, 5, 4],
      [8, 8, 3],
      [1, 2, 0],
      [3, 7, 2],
      [4, 9, 0],
      [64, 130, 63],
      [129, 130, 128],
    ] as const) {
      const proven = verifyFork(formatFork(forked(m, n, fork), statements), [root])
      t.match(
        proven,
        {
          log: LOG,
          first: { size: BigInt(m) },
          second: { size: BigInt(n) },
          keys: [keys.node.vkey],
          roots: [root],
        },
        `${m} and ${n}`,
      )
    }
    t.equal(
      faultOf(formatFork(forked(3, 7, 2), [...statements, statement(ROOT, root)])),
      'part_added',
    )
    const own = {
      ...forked(5, 5, 4),
      log: `${ROOT}/1`,
      first: note(leaves(5), keys.root, `${ROOT}/1`),
      second: note(leaves(5, 4), keys.root, `${ROOT}/1`),
    }
    t.match(
      verifyFork(formatFork(own, [statements[0]!]), [root]),
      { keys: [root] },
      "the root's own log",
    )
    t.match(verifyFork(formatFork(own, []), [root]), { keys: [root] }, 'whose key is the root key')
  },
)

t.test(
  "lines beside the log's change nothing: cosignatures, and the same key under the name of the log",
  (t) => {
    const fork = forked(5, 5, 4)
    const second = addSignatureLines(withLogName(fork.second, parseVkey(keys.node.vkey)), [
      cosign(parseNote(fork.second).text, cosigner, 1n),
    ])
    t.match(verifyFork(formatFork({ ...fork, second }, statements), [root]), {
      keys: [keys.node.vkey],
    })
    t.end()
  },
)

t.test('what is no fork is called none, and what is not proved is called unproved', (t) => {
  const [three, seven] = [leaves(3), leaves(7)]
  const pair = (first: Uint8Array, second: Uint8Array, hashes: Uint8Array[] = []): string =>
    faultOf(
      formatFork(
        { log: LOG, first: note(first), second: note(second), beginning: hashes },
        statements,
      ),
    )
  t.equal(pair(three, three), 'not_a_fork', 'one tree twice')
  t.equal(pair(three, seven, beginning(3, seven)), 'not_a_fork', 'a log that grew')
  t.equal(pair(new Uint8Array(), seven), 'not_a_fork', 'a log that began')
  t.equal(pair(three, seven), 'fork_unproven', 'an older checkpoint is no fork')
  t.equal(pair(three, leaves(7, 2)), 'fork_unproven', 'a fork that nobody shows')
  t.equal(
    pair(three, leaves(7, 2), beginning(3, seven)),
    'fork_unproven',
    'a beginning of another tree',
  )
  t.equal(pair(three, leaves(7, 2), [Buffer.alloc(32)]), 'fork_unproven', 'a beginning made up')
  t.equal(
    pair(leaves(4), leaves(7, 2), beginning(4, leaves(7, 2)).slice(1)),
    'fork_unproven',
    'a consistency proof alone, from a power of two',
  )
  t.match(
    [seen.get('not_a_fork'), seen.get('fork_unproven')],
    [/the two checkpoints are of one log: this is no fork: .*/, /no proof of a fork/],
  )
  t.end()
})

t.test('whoever changes, removes, adds or moves anything is told what is wrong', (t) => {
  const honest = Buffer.from(formatFork(forked(3, 7, 2), statements)).toString()
  t.equal(faultOf(honest), 'none')
  const [head = '', ...pieces] = honest.split(/^(?==== )/m)
  const without = (begin: string): string =>
    [head, ...pieces.filter((piece) => !piece.startsWith(`=== ${begin}`))].join('')
  const swapped = (i: number, j: number): string =>
    [head, ...pieces.with(i, pieces[j]!).with(j, pieces[i]!)].join('')
  const renamed = Buffer.from(
    formatFork({ ...forked(3, 7, 2), first: note(leaves(3), keys.other) }, statements),
  )
  const rows: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['nothing', '', 'not_evidence'],
    ['another version', honest.replace('fork/v1', 'fork/v2'), 'not_evidence'],
    ['too long', honest.padEnd((4 << 20) + 1), 'not_evidence'],
    ['no end', honest.replace('=== end\n', ''), 'cut_off'],
    ['half of it', honest.slice(0, honest.length / 2), 'cut_off'],
    ['more after the end', `${honest}\n`, 'cut_off'],
    ['no first checkpoint', without('checkpoint 1'), 'part_removed'],
    ['no second checkpoint', without('checkpoint 2'), 'part_removed'],
    ['no beginning', without('beginning'), 'fork_unproven'],
    ['no statement of the log', without(`statement ${NODE}`), 'log_unknown'],
    ['no statements', without('statement'), 'log_unknown'],
    ['no statement of the root', without(`statement ${ROOT}`), 'statement_invalid'],
    ['checkpoints exchanged', swapped(0, 1), 'part_moved'],
    [
      'checkpoints exchanged with their names',
      honest
        .replace('checkpoint 1', 'checkpoint 3')
        .replace('checkpoint 2', 'checkpoint 1')
        .replace('checkpoint 3', 'checkpoint 2'),
      'part_moved',
    ],
    [
      'the larger one first',
      Buffer.from(
        formatFork(
          { ...forked(3, 7, 2), first: note(leaves(7, 2)), second: note(leaves(3)) },
          statements,
        ),
      ),
      'part_moved',
    ],
    ['the beginning later', swapped(2, 3), 'part_moved'],
    [
      'a part of another kind',
      honest.replace('=== end', '=== opinion\nguilty\n=== end'),
      'part_added',
    ],
    ['another log named', honest.replace(`log ${LOG}`, `log ${ROOT}/1`), 'log_other'],
    ['another epoch named', honest.replace(`log ${LOG}`, `log ${NODE}/2`), 'log_unknown'],
    ['no log named', honest.replace(`log ${LOG}`, 'log'), 'part_malformed'],
    [
      'a line more',
      honest.replace(`log ${LOG}\n`, `log ${LOG}\nseen yesterday\n`),
      'part_malformed',
    ],
    ['a size', honest.replace(/\n7\n/, '\n8\n'), 'checkpoint_signature'],
    [
      'a root',
      honest.replace(/\n3\n(.)/, (_, letter: string) => `\n3\n${letter === 'A' ? 'B' : 'A'}`),
      'checkpoint_signature',
    ],
    ['a checkpoint by another key', renamed, 'checkpoint_signature'],
    [
      'a cosignature alone',
      Buffer.from(
        formatFork(
          {
            ...forked(3, 7, 2),
            first: Buffer.from(
              `${parseNote(note(leaves(3))).text}\n${cosign(parseNote(note(leaves(3))).text, cosigner, 1n)}\n`,
            ),
          },
          statements,
        ),
      ),
      'checkpoint_signature',
    ],
    [
      'a hash of the beginning',
      honest.replace(
        /(=== beginning\n)(.)/,
        (_, line: string, letter: string) => `${line}${letter === 'A' ? 'B' : 'A'}`,
      ),
      'fork_unproven',
    ],
    [
      'a beginning of garbage',
      honest.replace(/(=== beginning\n)[^\n]*/, '$1once upon a time'),
      'part_malformed',
    ],
    [
      'a note of garbage',
      honest.replace(/(=== checkpoint 1\n)[^=]*/, '$1trust me\n'),
      'part_malformed',
    ],
    [
      'a statement with another key',
      honest.replace(`note ${keys.node.vkey}`, `note ${keys.other.vkey}`),
      'statement_invalid',
    ],
  ]
  for (const [what, file, fault] of rows) t.equal(faultOf(file), fault, what)
  t.equal(faultOf(honest, [keys.other.vkey]), 'root_unknown', 'another root')
  t.equal(faultOf(honest, []), 'root_unknown', 'no root')
  const random = new SeededRandom('fork')
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(honest)
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    const fault = faultOf(bytes)
    // A bit of a line that nobody knows the key of may change; there is none here.
    if (!Object.hasOwn(evidenceFaults, fault)) t.fail(`change ${i}: ${fault}`)
  }
  t.end()
})

t.test(
  'the program says what a file proves and what it does not, on an empty machine',
  async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'huxin-fork-'))
    t.teardown(() => rm(home, { recursive: true, force: true }))
    const file = join(home, 'fork.txt')
    await writeFile(file, formatFork(forked(3, 7, 2), statements))
    const english = await runProgram(['verify', file, '--root', root, '--lang', 'en'], {
      HOME: home,
    })
    t.match([english.code, english.err], [0, ''])
    t.match(
      english.out,
      /^PROVEN: the holder of the key below signed two different logs, both as zj\.example\/330100\/1/,
    )
    t.match(english.out, /It does NOT show which of the two is the true one, who holds the key/)
    t.ok(english.out.includes(keys.node.vkey))
    t.match(
      (await runHere(['verify', file, '--root', root, '--lang', 'zh'])).out,
      /^已证明：下列公钥的持有者以 zj\.example\/330100\/1 的名义签名了两份不同的日志/,
    )
    t.match(JSON.parse((await runHere(['verify', file, '--root', root, '--json'])).out), {
      proven: true,
      fork: true,
      log: LOG,
      first: { size: '3' },
      second: { size: '7' },
      keys: [keys.node.vkey],
    })
    await writeFile(
      file,
      formatFork(
        {
          log: LOG,
          first: note(leaves(3)),
          second: note(leaves(7)),
          beginning: beginning(3, leaves(7)),
        },
        statements,
      ),
    )
    t.match(await runHere(['verify', file, '--root', root, '--lang', 'en']), {
      code: 1,
      out: '',
      err: /this is no fork: of 3 and of 7 entries, the smaller one the beginning of the larger/,
    })
    t.match(await runHere(['verify', file, '--root', root, '--lang', 'zh']), {
      code: 1,
      err: /不构成分叉：/,
    })
    await writeFile(
      file,
      formatFork(
        { log: LOG, first: note(leaves(3)), second: note(leaves(7)), beginning: [] },
        statements,
      ),
    )
    t.match(await runHere(['verify', file, '--root', root, '--lang', 'en']), {
      code: 1,
      err: /no proof of a fork: of 3 and of 7 entries, and no part "beginning"/,
    })
    t.match(await runHere(['verify', file, '--lang', 'en']), {
      code: 2,
      err: /say which root key you trust: give --root/,
    })
  },
)
