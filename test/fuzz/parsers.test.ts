/**
 * Every parser of what others send gives a result, or an error of the product's own, and does so at once: on
 * arbitrary bytes, on valid ones that were changed, and on texts that were changed and signed again by who may
 * sign them. `--seconds N --seed TEXT` for a long run; the default is what `npm test` has time for.
 */
import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asBuffer, base64, be64, utf8, utf8Text } from '../../src/base/bytes.ts'
import { isHuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { encodeBody, parseBody } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { judgeCheckpoint, judgeEvidence, verifyProofByPolicy } from '../../src/evidence/finality.ts'
import { formatEvidence, parseEvidence } from '../../src/evidence/file.ts'
import { verifyFork } from '../../src/evidence/fork.ts'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import type { Context } from '../../src/commit/context.ts'
import { receiptNode } from '../../src/witness/receipts.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { decodeCatalogRecord, encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { decodeAmendments } from '../../src/ledger/amendments.ts'
import { decodeAccesses } from '../../src/kinds/access.ts'
import { decodeHeads } from '../../src/kinds/heads.ts'
import { compareTrees } from '../../src/merkle/beginning.ts'
import { decodeFrontier } from '../../src/merkle/frontier.ts'
import { verifyConsistency, verifyInclusion } from '../../src/merkle/proof.ts'
import { parseTilePath } from '../../src/merkle/tile.ts'
import { parseCheckpoint } from '../../src/note/checkpoint.ts'
import { cosign } from '../../src/note/cosignature.ts'
import { generateSigner, parseSignerKey, parseVkey, type Signer } from '../../src/note/key.ts'
import { parseNote, parseSignatureLine, signatureLine } from '../../src/note/note.ts'
import { parsePolicy, quorumReached } from '../../src/note/policy.ts'
import { formatTlogProof, parseTlogProof, withLogName } from '../../src/note/tlog-proof.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { checkRecordBytes, compileItem, itemFaults } from '../../src/record/item.ts'
import { peekRecord } from '../../src/record/peek.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { scan } from '../../src/record/scan.ts'
import { parseStaticPath } from '../../src/service/static-log.ts'
import { addCheckpoint } from '../../src/service/witness-http.ts'
import { FederationState } from '../../src/topology/federation.ts'
import { formatJoinFile, parseJoinFile, verifyApplication } from '../../src/topology/join.ts'
import { parseLaneKey } from '../../src/topology/lane.ts'
import { parseStatement } from '../../src/topology/member.ts'
import { parseReceiptNote } from '../../src/topology/receipt.ts'
import { parseTarget } from '../../src/topology/target.ts'
import { runHere } from '../cli/program.ts'
import { examples } from '../docs/examples.ts'
import { INDUSTRY_ITEM, industryRecord, nationalRecord } from '../support/records.ts'
import { mutated, otherWord } from './mutate.ts'

const option = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined
const seconds = Number(option('--seconds') ?? 5)
const seed = option('--seed') ?? 'parsers'
const random = new SeededRandom(seed)
/** Milliseconds that one input may take, on a machine that does other things besides. */
const INPUT_MS_MAX = 2_000

/** Processor time since. */
function usedMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

const keys = {
  county: generateSigner('zj.example/330825', 'ed25519', Buffer.alloc(32, 1)),
  countyCosigner: generateSigner('zj.example/330825', 'cosignature', Buffer.alloc(32, 2)),
  city: generateSigner('zj.example/330800', 'ed25519', Buffer.alloc(32, 3)),
}
const example = examples()
const root = keys.city.vkey
const bytesOf = (name: string): Buffer => Buffer.from(example[name]!)
const evidenceParts = parseEvidence(bytesOf('evidence'))
const statementOf = (member: string): Uint8Array =>
  evidenceParts.parts.find(({ name }) => name.startsWith(`statement ${member}`))!.bytes
const statements = [statementOf('zj.example/330800'), statementOf('zj.example/330825')]
const federation = FederationState.from([{ name: keys.city.name, vkey: root }])
federation.applyStatement(statements[0]!)
const joinFile = formatJoinFile({
  anchors: [{ name: keys.city.name, vkey: root }],
  statements,
  parentCheckpoint: bytesOf('checkpoint'),
  heads: [{ lane: 'zj.example/330800 1 ** control', number: 3n, batchId: 'ab'.repeat(32) }],
  parentAddress: '127.0.0.1:7443',
  protocol: 1000,
})
const policyText = `log ${root}\nwitness county ${keys.countyCosigner.vkey} https://w.example/\ngroup all-of-them all county\nquorum all-of-them\n`
const policy = parsePolicy(utf8(policyText))
const item = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!
const compiled = compileItem(item, (id) =>
  starterScales.find((scale) => `${scale.id}@${scale.version}` === id),
)
const catalogRecords = [
  ...starterItems.slice(0, 3).map((value) => ({ case: 'item' as const, value })),
  ...starterScales.slice(0, 2).map((value) => ({ case: 'scale' as const, value })),
].map((content) => encodeCatalogRecord(create(CatalogRecordSchema, { content })))
const submission = Buffer.concat([
  utf8(`old 0\n${base64(Buffer.alloc(32))}\n\n`),
  bytesOf('checkpoint'),
])
/** What a witness asks its node before it reads or writes anything: a child that is known, and no more. */
const witness = {
  self: 'zj.example/330000',
  ledger: () => ({
    federation: {
      children: () => [
        {
          name: keys.city.name,
          epoch: 1,
          epochs: [],
          noteVkey: keys.city.vkey,
          status: 'suspended',
        },
      ],
    },
  }),
} as unknown as Context

/** Signs a text whatever it is, as no honest program would. */
function signAny(text: string, ...signers: readonly Signer[]): Buffer {
  return Buffer.from(
    `${text}\n${signers.map((signer) => `${signatureLine(signer.name, signer.keyId, signer.sign(utf8(text)))}\n`).join('')}`,
  )
}
const textOf = (bytes: Uint8Array): string => utf8Text(bytes) ?? asBuffer(bytes).toString('latin1')

interface Target {
  readonly name: string
  /** Makes an input. */
  readonly input: () => Uint8Array
  readonly parse: (bytes: Uint8Array) => unknown
  /** An input that is taken. */
  readonly valid?: Uint8Array
}
const of = (
  name: string,
  seeds: readonly [Uint8Array, ...Uint8Array[]],
  parse: Target['parse'],
): Target => ({ name, input: () => mutated(seeds, random), parse, valid: seeds[0] })
/** The text of an example, changed and signed again. */
const again = (name: string, signer: Signer, parse: Target['parse']): Target => ({
  name: `${name} signed again`,
  input: () => signAny(otherWord(parseNote(bytesOf(name)).text, random), signer),
  parse,
  valid: bytesOf(name),
})

function proofParts(bytes: Uint8Array): boolean {
  const hashes = Array.from({ length: bytes.length % 70 }, (_, i) =>
    bytes.subarray(i, i + random.pick([32, 32, 32, 31])),
  )
  const number = (at: number): bigint =>
    asBuffer(Buffer.concat([bytes, Buffer.alloc(8)])).readBigInt64BE(Math.min(at, bytes.length)) >>
    BigInt(random.below(64))
  const [a, b, hash] = [number(0), number(8), Buffer.alloc(32, bytes[0] ?? 0)]
  compareTrees({ size: a < 0n ? -a : a, root: hash }, { size: b < 0n ? -b : b, root: hash }, hashes)
  for (const check of [
    () => verifyInclusion({ index: a, size: b, leafHash: hash, proof: hashes, root: hash }),
    () =>
      verifyConsistency({ oldSize: a, newSize: b, oldRoot: hash, newRoot: hash, proof: hashes }),
  ])
    ownErrors(check)
  return true
}

/** Runs, and lets errors of the product's own pass that say something about the input. */
function ownErrors(run: () => unknown): void {
  try {
    run()
  } catch (error) {
    if (!isHuxinError(error) || error.kind === 'broken') throw error
  }
}

const targets: readonly Target[] = [
  of('note', [bytesOf('header'), bytesOf('checkpoint'), statements[0]!], parseNote),
  of('signature line', [utf8(bytesOf('checkpoint').toString().split('\n')[4]!)], (bytes) =>
    parseSignatureLine(textOf(bytes)),
  ),
  of('vkey', [utf8(root), utf8(keys.countyCosigner.vkey)], (bytes) => parseVkey(textOf(bytes))),
  of(
    'signer key',
    [utf8('PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz')],
    (bytes) => parseSignerKey(textOf(bytes)),
  ),
  of('checkpoint', [utf8(parseNote(bytesOf('checkpoint')).text)], (bytes) =>
    parseCheckpoint(textOf(bytes)),
  ),
  of('checkpoint under a policy', [bytesOf('checkpoint')], (bytes) =>
    judgeCheckpoint(bytes, policy),
  ),
  again('checkpoint', keys.city, (bytes) => [
    judgeCheckpoint(bytes, parsePolicy(utf8(`log ${root}\nquorum none\n`))),
    withLogName(bytes, parseVkey(root)),
  ]),
  of('tlog-proof', [bytesOf('tlog-proof')], (bytes) =>
    verifyProofByPolicy({ proof: bytes, entry: bytesOf('entry'), policy }),
  ),
  of('policy', [utf8(policyText)], (bytes) => quorumReached(parsePolicy(bytes), ['county'])),
  of('header', [bytesOf('header')], parseHeaderNote),
  again('header', keys.county, parseHeaderNote),
  of('entry', [bytesOf('entry')], (bytes) => parseHeaderNote(parseEntry(bytes).header)),
  of('body', [Buffer.from(example['body']!.replaceAll('\n', ''), 'hex')], parseBody),
  of('statement', [statements[0]!, statements[1]!], (bytes) =>
    parseStatement(parseNote(bytes).text),
  ),
  again('member', keys.city, (bytes) => federation.fork().applyStatement(bytes)),
  of('application', [bytesOf('application')], verifyApplication),
  again('application', keys.county, verifyApplication),
  of('join file', [joinFile], parseJoinFile),
  of('delivery receipt', [bytesOf('receipt')], (bytes) =>
    parseReceiptNote(bytes, [parseVkey(keys.county.vkey)]),
  ),
  again('receipt', keys.county, (bytes) => parseReceiptNote(bytes, [parseVkey(keys.county.vkey)])),
  of('receipt of a batch', [bytesOf('tlog-proof')], (proof) =>
    receiptNode({ batchId: new Uint8Array(32), entryPrefix: new Uint8Array(), proof }),
  ),
  of('evidence', [bytesOf('evidence')], (bytes) => [
    verifyEvidence(bytes, [root]),
    judgeEvidence(bytes, policy),
  ]),
  {
    name: 'evidence of a lying issuer',
    input: lyingEvidence,
    parse: (bytes) => [verifyEvidence(bytes, [root]), judgeEvidence(bytes, policy)],
    valid: bytesOf('evidence'),
  },
  of('fork', [bytesOf('fork')], (bytes) => verifyFork(bytes, [root])),
  of(
    'tile path',
    [utf8('tile/0/x001/x234/067.p/8'), utf8('tile/entries/000')],
    (bytes) => parseTilePath(textOf(bytes)) && parseStaticPath(`/${textOf(bytes)}`),
  ),
  of(
    'target and lane',
    [utf8('330100/**'), utf8('**'), utf8('zj.example/330825 1 330000/** normal')],
    (bytes) => parseTarget(textOf(bytes)) ?? parseLaneKey(textOf(bytes)),
  ),
  of('frontier', [Buffer.concat([be64(3n), Buffer.alloc(64)])], decodeFrontier),
  of('proofs', [Buffer.concat([be64(5n), be64(9n), Buffer.alloc(80)])], proofParts),
  of('record', [industryRecord(1), nationalRecord(2)], (bytes) => {
    for (const look of [() => scan(bytes), () => peekRecord(bytes), () => decodeRecord(bytes)])
      ownErrors(look)
    return checkRecordBytes(compiled, bytes).length === 0
  }),
  of(
    'heads, amendments, access records',
    [Buffer.from('0a0733333030303010011a20', 'hex'), Buffer.alloc(60, 0x0a), industryRecord(3)],
    (bytes) => {
      const body = encodeBody([bytes.length > 0 ? bytes : Uint8Array.of(0)], random)
      for (const decode of [decodeHeads, decodeAmendments, decodeAccesses])
        ownErrors(() => decode(body))
      return true
    },
  ),
  of('catalog record', [catalogRecords[0]!, ...catalogRecords.slice(1)], (bytes) => {
    const { content } = decodeCatalogRecord(bytes)
    if (content.case === 'item' && itemFaults(content.value).length === 0)
      compileItem(content.value, () => undefined)
    return true
  }),
]

/** A file whose issuer changed a part, or what it says of it, and signed that. */
function lyingEvidence(): Uint8Array {
  const { issuance, parts } = evidenceParts
  const at = random.below(parts.length)
  const lied = parts.map((part, i) => {
    if (i !== at) return part
    const { bytes, name } = part
    if (name.startsWith('statement'))
      return { name, bytes: signAny(otherWord(parseNote(bytes).text, random), keys.city) }
    if (name.startsWith('proof') && random.below(2) === 0) return { name, bytes: lyingProof(bytes) }
    return {
      name,
      bytes:
        random.below(2) === 0 ? mutated([bytes], random) : utf8(otherWord(textOf(bytes), random)),
    }
  })
  try {
    return formatEvidence(
      random.below(4) > 0
        ? issuance
        : {
            ...issuance,
            record: { position: random.below(3), leafHash: random.fill(new Uint8Array(32)) },
          },
      lied,
      keys.city,
    )
  } catch {
    return new Uint8Array()
  }
}

/** Cosigned at a time that nobody expects, of a checkpoint that is signed again. */
function lyingProof(bytes: Uint8Array): Uint8Array {
  const proof = parseTlogProof(bytes)
  const text =
    random.below(2) === 0
      ? parseNote(proof.checkpointNote).text
      : otherWord(parseNote(proof.checkpointNote).text, random)
  const time = random.pick([
    0n,
    1n,
    8_640_000_000_000n,
    8_640_000_000_001n,
    2n ** 53n,
    2n ** 63n - 1n,
  ])
  return formatTlogProof({
    ...proof,
    checkpointNote: Buffer.concat([
      signAny(text, keys.city),
      utf8(`${cosign(text, keys.countyCosigner, time)}\n`),
    ]),
  })
}

const counts = new Map<string, { accepted: number; refused: number }>()
function record(name: string, accepted: boolean): void {
  const count = counts.get(name) ?? { accepted: 0, refused: 0 }
  counts.set(
    name,
    accepted
      ? { ...count, accepted: count.accepted + 1 }
      : { ...count, refused: count.refused + 1 },
  )
}

t.setTimeout((seconds + 60) * 1_000)

t.test(`parsers of unverified input for ${seconds} s, --seed ${seed}`, (t) => {
  let slowest = { ms: 0, name: '' }
  const failures: string[] = []
  for (
    const end = performance.now() + seconds * 700;
    performance.now() < end && failures.length < 5;
  ) {
    for (const { name, input, parse } of targets) {
      const bytes = input()
      const begin = performance.now()
      const used = process.cpuUsage()
      try {
        const result = parse(bytes)
        record(name, result !== undefined && result !== false)
      } catch (error) {
        record(name, false)
        if (!isHuxinError(error) || error.kind === 'broken')
          failures.push(
            `${name}: ${error instanceof Error ? error.stack : String(error)}\n${Buffer.from(bytes).toString('base64').slice(0, 20_000)}`,
          )
      }
      const ms = Math.min(performance.now() - begin, usedMs(used))
      if (ms > slowest.ms) slowest = { ms, name }
    }
  }
  t.same(failures, [])
  for (const { name, parse, valid } of targets)
    if (valid) t.ok(parse(valid), `${name}: a valid one is taken`)
  t.ok(
    slowest.ms < INPUT_MS_MAX,
    `the slowest input took ${Math.round(slowest.ms)} ms (${slowest.name})`,
  )
  t.same(
    targets
      .filter(
        ({ name }) =>
          counts.get(name)!.refused === 0 &&
          !['proofs', 'heads, amendments, access records'].includes(name),
      )
      .map(({ name }) => name),
    [],
    'some of each are refused',
  )
  t.comment(
    `${[...counts.values()].reduce((sum, { accepted, refused }) => sum + accepted + refused, 0)} inputs`,
  )
  t.end()
})

t.test('the program and the witness answer any file and any body', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-fuzz-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [file, policyFile] = [join(folder, 'f.tlog-proof'), join(folder, 'policy.txt')]
  await writeFile(policyFile, policyText)
  await writeFile(join(folder, 'f.entry'), example['entry']!)
  const seeds = [bytesOf('evidence'), bytesOf('fork'), bytesOf('tlog-proof')]
  const failures: string[] = []
  let runs = 0
  for (
    const end = performance.now() + seconds * 300;
    performance.now() < end && failures.length < 5;
    runs++
  ) {
    const bytes = random.below(3) === 0 ? lyingEvidence() : mutated(seeds, random)
    await writeFile(file, bytes)
    const { code, err } = await runHere([
      'verify',
      file,
      '--root',
      root,
      ...(random.below(2) === 0 ? ['--policy', policyFile] : []),
      ...(random.below(2) === 0 ? ['--json'] : []),
      '--lang',
      random.pick(['en', 'zh']),
    ])
    if (code !== 0 && code !== 1 && code !== 2)
      failures.push(
        `exit ${code}: ${err}\n${Buffer.from(bytes).toString('base64').slice(0, 20_000)}`,
      )
    const posted = mutated([submission], random)
    const answer = await addCheckpoint(witness, posted).catch((error: unknown) => error)
    if (answer instanceof Error || ![400, 403, 404].includes((answer as { status: number }).status))
      failures.push(
        `add-checkpoint: ${String(answer)}\n${Buffer.from(posted).toString('base64').slice(0, 20_000)}`,
      )
  }
  t.same(failures, [])
  t.ok(runs > 20, `${runs} runs`)
})
