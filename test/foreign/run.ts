/**
 * `npm run test:foreign`: Go's C2SP tools against a running federation, and this code against a log, proofs and
 * cosignatures that Go made. Wants `go` and, the first time, the Go module proxy; so it is no part of `npm test`.
 * `-- --write` makes `vectors.json` anew, which `npm test` reads.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { newFileKey, type Secret } from '../../src/archive/file-key.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { issueEvidence } from '../../src/rights/evidence.ts'
import { cosignedCheckpoint, cosignedSize } from '../../src/witness/cosigned.ts'
import { witnessState } from '../../src/witness/cosigning.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import {
  proveConsistency,
  proveInclusion,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../src/merkle/proof.ts'
import { tilePath, tileWidth } from '../../src/merkle/tile.ts'
import { writeBackup } from '../../src/node/backup.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { formatVkey, generateSigner, parseVkey } from '../../src/note/key.ts'
import { openCosignedCheckpoint, parsePolicy } from '../../src/note/policy.ts'
import { logVkey, parseTlogProof } from '../../src/note/tlog-proof.ts'
import { runHere } from '../cli/program.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'

const here = join(process.cwd(), 'test/foreign')
const AUDIT = 'audit:\n  listen: 127.0.0.1:0\n  public: true\n'
const PROVINCE: Place = {
  id: '330000',
  tier: 'province',
  parent: '000000',
  divisions: ['330000'],
  hosts: ['127.0.0.1'],
}
const PLACES: readonly Place[] = [
  { id: '000000', tier: 'nation', divisions: ['000000'] },
  PROVINCE,
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
]
/** A member whose log Tessera keeps. */
const TESSERA: Place = { id: '330900', tier: 'city', parent: '330000', divisions: ['330900'] }

if (spawnSync('go', ['version']).status !== 0) {
  process.stderr.write(
    'test:foreign needs Go 1.26 or newer on the PATH (https://go.dev/dl/); nothing was tested\n',
  )
  process.exit(2)
}
const folder = await mkdtemp(join(tmpdir(), 'huxin-foreign-'))
const children = new Set<ChildProcess>()
let federation: TestFederation | undefined
try {
  await main()
} finally {
  for (const child of children) child.kill()
  await federation?.stop()
  await rm(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  await run('go', ['build', '-o', join(folder, 'foreign'), '.'], { cwd: here })
  await checkVectors()
  if (process.argv.includes('--write')) return
  await differentialEd25519()
  federation = await TestFederation.start(PLACES, { store: 'disk' })
  await federation.writeConfig(PROVINCE, AUDIT)
  await federation.restart('330000')
  await federation.confirmed()
  await federation.until('the catalog is everywhere', () =>
    PLACES.every(({ id }) => federation!.node(id).context.ledger().catalog.item(INDUSTRY_ITEM)),
  )
  await auditedByGo(federation)
  await proofsCheckedByGo(federation)
  await evidenceCheckedByGo(federation)
  await cosignedByGo(federation)
  await tesseraWitnessedHere(federation)
  await backupOpenedByGo(federation)
  same('every store is what fsck wants', await findings(federation), [])
}

/** A backup, opened by age and tar: each file of the folder is in it as it is. */
async function backupOpenedByGo(federation: TestFederation): Promise<void> {
  const { config, context } = federation.node('330100')
  const identity = await generateIdentity()
  const secrets: readonly (readonly [Secret, string[]])[] = [
    [
      { kind: 'passphrase', text: 'correct horse battery' },
      ['--passphrase', 'correct horse battery'],
    ],
    [
      { kind: 'key', bytes: Buffer.from(await identityToRecipient(identity)) },
      ['--identity', identity],
    ],
  ]
  for (const [secret, words] of secrets) {
    const file = join(folder, `${secret.kind}.backup`)
    await writeBackup(
      { config, epoch: context.epoch, log: context.log(), store: context.store },
      file,
      await newFileKey(secret),
    )
    const entries = (await foreign('unpack', ['--file', file, ...words])) as Record<string, string>
    const wanted = createHash('sha256')
      .update(await readFile(join(config.folder, 'keys/1/note.key')))
      .digest('hex')
    same(
      `age opens a backup by ${secret.kind}, and tar reads it`,
      [entries['keys/1/note.key'], 'rows/000000001' in entries, 'backup.json' in entries],
      [wanted, true, true],
    )
  }
}

/** `vectors.json` is what the program makes; its log is the one that Tessera publishes. */
async function checkVectors(): Promise<void> {
  const tessera = (
    await run('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/transparency-dev/tessera'], {
      cwd: here,
    })
  ).trim()
  const kept = join(here, 'vectors.json')
  const made = process.argv.includes('--write') ? kept : join(folder, 'vectors.json')
  await foreign('vectors', ['--out', made, '--testdata', join(tessera, 'testdata/log')])
  same(
    'the vectors that npm test reads are what Go makes and judges, and its log is the one that Tessera publishes',
    (await readFile(made)).equals(await readFile(kept)),
    true,
  )
}

/** Random signatures and what becomes of them, by the thousand. */
async function differentialEd25519(): Promise<void> {
  const at = process.argv.indexOf('--seed')
  const seed = at < 0 ? String(process.pid) : process.argv[at + 1]!
  const random = new SeededRandom(seed)
  const bytes = (count: number): Buffer => Buffer.from(random.fill(new Uint8Array(count)))
  const rows = Array.from({ length: 5_000 }, () => {
    const signer = generateSigner('x', 'ed25519', bytes(32))
    const message = bytes(random.below(80))
    const signature = Buffer.from(signer.sign(message))
    const key = Buffer.from(parseVkey(signer.vkey).publicKey)
    const where = random.pick([signature, signature, key, message, Buffer.alloc(1)])
    for (let flips = random.below(3); flips > 0 && where.length > 0; flips--)
      where[random.below(where.length)]! ^= 1 << random.below(8)
    return {
      public: key.toString('hex'),
      message: message.toString('hex'),
      signature: signature.toString('hex'),
    }
  })
  const verdicts = JSON.parse(
    await foreignText('ed25519', [], rows.map((row) => JSON.stringify(row)).join('\n')),
  ) as boolean[]
  const ours = rows.map((row) =>
    parseVkey(formatVkey('x', 'ed25519', Buffer.from(row.public, 'hex'))).verify(
      Buffer.from(row.message, 'hex'),
      Buffer.from(row.signature, 'hex'),
    ),
  )
  same(
    `${rows.length} Ed25519 verdicts are Go's (seed ${seed}), ${ours.filter(Boolean).length} of them valid`,
    ours
      .map((verdict, i) => (verdict === verdicts[i] ? '' : JSON.stringify(rows[i])))
      .filter(Boolean),
    [],
  )
}

interface Audited {
  readonly size: number
  readonly root: string
  readonly consistentTo: number
  readonly proofHashes: number
  readonly streamed: number
  readonly proved: number
}

/** A static log over HTTPS: by Tessera's fsck and client and by torchwood's client, at two sizes. */
async function auditedByGo(all: TestFederation): Promise<void> {
  const province = all.node('330000')
  const { context } = province
  const certs = join(all.pki.folder, '330000')
  const audit = (): Promise<Audited> =>
    foreign('audit', [
      '--url',
      `https://127.0.0.1:${province.auditPort}/`,
      '--vkey',
      context.log().vkey,
      '--origin',
      context.log().origin,
      '--state',
      join(folder, 'checkpoint'),
      '--ca',
      join(all.pki.folder, 'root.crt'),
      '--cert',
      join(certs, `operator-${slug('张三')}.crt`),
      '--key',
      join(certs, `operator-${slug('张三')}.key`),
    ])
  const publish = (count: number, prefix: string) =>
    Promise.all(
      Array.from({ length: count }, (_, i) =>
        publishRecords(context, [industryRecord(i, { prefix })], ['330000']),
      ),
    )
  await publish(300, 'a')
  const first = await audit()
  same(
    "Tessera's fsck and torchwood's client find the log whole",
    [first.size > 300, BigInt(first.streamed) === BigInt(first.size), first.proved > 10],
    [true, true, true],
  )
  await publish(400, 'b')
  const second = await audit()
  same(
    'and whole again after it grew, its beginning the tree that they kept',
    [second.size > 700, second.consistentTo, second.proofHashes > 0],
    [true, first.size, true],
  )
  same(
    'under the root that was signed',
    Buffer.from(second.root, 'base64').equals(await context.log().root(BigInt(second.size))),
    true,
  )
}

/** `.tlog-proof` files of a node, under a policy, by formats, merkle and sumdb/tlog. */
async function proofsCheckedByGo(all: TestFederation): Promise<void> {
  const { context } = all.node('330000')
  for (const id of ['000000', '330100'])
    await all.until(
      `${id} cosigned`,
      async () => (await cosignedSize(context, all.name(id))) === context.log().size,
    )
  const key = logVkey(context.log().origin, context.log().verifier)
  const cosigner = (id: string): string => all.node(id).context.cosigner.vkey
  const policyFile = join(folder, 'policy.txt')
  const strict = `log ${key}\nwitness nation ${cosigner('000000')} https://nation.example/\nwitness city ${cosigner('330100')} https://city.example/\ngroup both all nation city\nquorum both\n`
  const check = async (proof: string, entry: string, policy: string): Promise<unknown> => {
    await writeFile(policyFile, policy)
    return foreign('proof', [
      '--proof',
      proof,
      '--entry',
      entry,
      '--vkey',
      key,
      '--policy',
      policyFile,
    ])
  }
  for (const index of [0, 255, 256, 500, Number(context.log().size) - 1]) {
    const [proof, entry] = [join(folder, `${index}.tlog-proof`), join(folder, `${index}.entry`)]
    const { code, err } = await runHere([
      'log',
      'prove',
      String(index),
      '-o',
      proof,
      '--node',
      all.folderOf('330000'),
      '--address',
      `127.0.0.1:${all.node('330000').port}`,
    ])
    same(`huxin log prove ${index}`, [code, err], [0, ''])
    const found = (await check(proof, entry, strict)) as { index: number; satisfied: boolean }
    same(
      `formats, merkle and sumdb verify the proof of entry ${index}, cosigned by nation and city`,
      [found.index, found.satisfied],
      [index, true],
    )
  }
  const stranger = generateSigner('stranger.example', 'cosignature')
  const unmet = (await check(
    join(folder, '0.tlog-proof'),
    join(folder, '0.entry'),
    `${strict.replace('quorum both', '')}witness stranger ${stranger.vkey} https://s.example/\nquorum stranger\n`,
  )) as { satisfied: boolean }
  same('and say when the quorum is not there', unmet.satisfied, false)
  const other = await check(join(folder, '0.tlog-proof'), join(folder, '255.entry'), strict).catch(
    () => 'refused',
  )
  same('and refuse another entry', other, 'refused')
}

/** The walk through a file of evidence in proto/README.md, by hand and then by Go, with the commands that stand there. */
async function evidenceCheckedByGo(all: TestFederation): Promise<void> {
  const { context } = all.node('330000')
  const { batch } = await publishRecords(
    context,
    [industryRecord(1, { prefix: 'evidence' })],
    ['330000'],
  )
  await all.until(
    'the nation cosigned',
    async () => (await cosignedSize(context, all.name('000000'))) === context.log().size,
  )
  const { file, roots } = await issueEvidence(context, {
    wanted: { batchId: batch!.id, position: 0 },
    purpose: 'judicial',
    document: '（2026）浙0106民初12号',
    caller: 'test',
  })
  const readme = await readFile(join(process.cwd(), 'proto/README.md'), 'utf8')
  const script = [...readme.matchAll(/^```sh by-(?:hand|go)\n([\s\S]*?)^```$/gm)]
    .map((match) => match[1]!)
    .join('')
  const walk = await mkdtemp(join(folder, 'walk-'))
  await writeFile(join(walk, 'evidence.txt'), file)
  const names = `ROOT='${roots[0]}' ORIGIN=${context.self} HUB=${context.self} COSIGNER=${all.name('000000')} HUXIN='${process.cwd()}'\n`
  const out = await run('bash', ['-c', names + script], { cwd: walk })
  same(
    'the commands in proto/README.md verify evidence by hand and by Go',
    [out.includes('the entry is in the log'), out.trimEnd().endsWith('"satisfied":true}')],
    [true, true],
  )
}

/** A witness made with formats cosigns our checkpoint; a policy here counts it. */
async function cosignedByGo(all: TestFederation): Promise<void> {
  const { context } = all.node('330000')
  const file = join(folder, 'checkpoint.txt')
  await writeFile(file, await cosignedCheckpoint(context))
  const { note, vkey } = (await foreign('cosign', [
    '--checkpoint',
    file,
    '--vkey',
    context.log().vkey,
  ])) as { note: string; vkey: string }
  const policy = parsePolicy(
    Buffer.from(`log ${context.log().vkey}\nwitness go ${vkey}\nquorum go\n`),
  )
  same(
    'a cosignature that formats made counts here',
    openCosignedCheckpoint(Buffer.from(note), policy).witnesses,
    ['go'],
  )
}

interface Appended {
  readonly size: number
  readonly cosignedAt: number
  readonly checkpoint: string
}

/** Tessera keeps the log of a member and asks this node, over HTTPS, to witness it; then its log is verified here. */
async function tesseraWitnessedHere(all: TestFederation): Promise<void> {
  await all.init(TESSERA)
  const province = all.node('330000')
  const origin = `${all.name(TESSERA.id)}/1`
  const dir = join(folder, 'tessera')
  await mkdir(dir)
  const witness = province.context.cosigner.vkey
  const policy = join(folder, 'witnesses.txt')
  await writeFile(
    policy,
    `witness province ${witness} https://127.0.0.1:${province.auditPort}/\nquorum province\n`,
  )
  const certs = join(all.pki.folder, TESSERA.id)
  const append = (entries: number, prefix: string): Promise<Appended> =>
    foreign('append', [
      '--dir',
      dir,
      '--skey',
      join(all.folderOf(TESSERA.id), 'keys/1/note.key'),
      '--origin',
      origin,
      '--policy',
      policy,
      '--witness',
      witness,
      '--entries',
      String(entries),
      '--prefix',
      prefix,
      '--ca',
      join(all.pki.folder, 'root.crt'),
      '--cert',
      join(certs, 'node.crt'),
      '--key',
      join(certs, 'node.key'),
    ])
  const logKey = parseVkey(
    all.node('330000').context.ledger().federation.member(all.name(TESSERA.id))!.noteVkey,
  )
  const read = readerOf(dir)
  let before: { size: bigint; root: Uint8Array } | undefined
  for (const [count, prefix] of [
    [1, 'first '],
    [299, 'more '],
    [350, 'and more '],
  ] as const) {
    const { size, checkpoint } = await append(count, prefix)
    const tree = openCheckpoint(Buffer.from(checkpoint), [logKey, parseVkey(witness)], origin)
    same(
      `Tessera's checkpoint of ${size} entries is cosigned by this node, by Go's word and by ours`,
      tree.size,
      BigInt(size),
    )
    same('the node keeps it', (await witnessState(province.context, origin))!.size, tree.size)
    same(
      'its tiles have its root',
      Buffer.from(await treeRoot(tree.size, read(tree.size))).equals(tree.root),
      true,
    )
    if (before) {
      verifyConsistency({
        oldSize: before.size,
        newSize: tree.size,
        oldRoot: before.root,
        newRoot: tree.root,
        proof: await proveConsistency(before.size, tree.size, read(tree.size)),
      })
    }
    before = tree
  }
  const entries = await entriesOf(dir, before!.size)
  for (const index of [0n, 1n, 255n, 256n, 649n]) {
    const proof = await proveInclusion(index, before!.size, read(before!.size))
    verifyInclusion({
      index,
      size: before!.size,
      leafHash: leafHash(entries[Number(index)]!),
      proof,
      root: before!.root,
    })
    const file = join(folder, 'go.tlog-proof')
    await foreign('prove', [
      '--dir',
      dir,
      '--vkey',
      formatVkey(logKey.name, 'ed25519', logKey.publicKey),
      '--origin',
      origin,
      '--index',
      String(index),
      '--out',
      file,
    ])
    const written = parseTlogProof(await readFile(file))
    same(
      `the proof of entry ${index} that Tessera wrote is the one made here from its tiles`,
      written.proof.map((hash) => Buffer.from(hash).toString('hex')),
      proof.map((hash) => Buffer.from(hash).toString('hex')),
    )
  }
  same('no alarm was raised', province.alarms.list(), [])
}

/** Tiles as Tessera left them, of a tree of that size. */
function readerOf(dir: string) {
  return (size: bigint) =>
    (tiles: readonly { level: number; index: bigint }[]): Promise<Uint8Array[]> =>
      Promise.all(
        tiles.map(({ level, index }) =>
          readFile(join(dir, tilePath(level, index, tileWidth(level, index, size)))),
        ),
      )
}

async function entriesOf(dir: string, size: bigint): Promise<Buffer[]> {
  const entries: Buffer[] = []
  for (let index = 0n; index * 256n < size; index++) {
    const bundle = await readFile(
      join(dir, tilePath(0, index, tileWidth(0, index, size)).replace('tile/0/', 'tile/entries/')),
    )
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
      entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)))
  }
  return entries
}

function slug(name: string): string {
  return encodeURIComponent(name).replaceAll('%', '').toLowerCase()
}

function same(what: string, found: unknown, wanted: unknown): void {
  const [there, expected] = [found, wanted].map((value) => JSON.stringify(value, bigints))
  if (there !== expected) throw new Error(`${what}: ${there}, wanted ${expected}`)
  process.stdout.write(`ok   ${what}\n`)
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

async function foreign<T>(command: string, words: readonly string[]): Promise<T> {
  return JSON.parse(await foreignText(command, words, '')) as T
}

function foreignText(command: string, words: readonly string[], input: string): Promise<string> {
  return run(join(folder, 'foreign'), [command, ...words], { input })
}

/** Runs a program; its standard output. */
function run(
  program: string,
  words: readonly string[],
  { cwd = folder, input = '' }: { cwd?: string; input?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
    children.add(child)
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.once('error', reject)
    child.once('close', (code) => {
      children.delete(child)
      if (code === 0) resolve(out)
      else reject(new Error(`${program} ${words[0]} ended with ${code}:\n${err.slice(-4_000)}`))
    })
    // It may have ended before it read anything.
    child.stdin.on('error', () => undefined).end(input)
  })
}
