/**
 * Files of evidence: issued by a hub, by the origin and by a node in between, verified by a process that has
 * nothing but the file and the root key; every way of tampering; the inclusion proof by hand.
 */
import t from 'tap'
import { spawn } from 'node:child_process'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { isHuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { entryPrefixLength } from '../../src/batch/entry.ts'
import { sealHeader } from '../../src/batch/seal.ts'
import { evidenceFaults } from '../../src/evidence/faults.ts'
import { type EvidencePart, formatEvidence, parseEvidence } from '../../src/evidence/file.ts'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import { amend } from '../../src/publish/amend.ts'
import { callerPseudonym, type EvidenceRequest, issueEvidence } from '../../src/rights/evidence.ts'
import { setMemberStatus, nextStatement } from '../../src/members/members.ts'
import { judge } from '../../src/verdict/judge.ts'
import { cosignedCheckpoint, cosignedSize } from '../../src/witness/cosigned.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { AccessRecordSchema } from '../../src/gen/huxin/v1/access_pb.ts'
import { SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { subjectPseudonym } from '../../src/lookup/record-rows.ts'
import { decodeAccesses } from '../../src/kinds/access.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import { verifyInclusion } from '../../src/merkle/proof.ts'
import { signCheckpoint, parseCheckpoint } from '../../src/note/checkpoint.ts'
import { generateSigner, type Signer } from '../../src/note/key.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { openCosignedCheckpoint, parsePolicy } from '../../src/note/policy.ts'
import { formatTlogProof, logVkey, parseTlogProof } from '../../src/note/tlog-proof.ts'
import { tables, textKey } from '../../src/store/keys.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { runHere, runProgram } from '../cli/program.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, uscc } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '000000', tier: 'nation', divisions: ['000000'] },
  { id: '330000', tier: 'province', parent: '000000', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const RECORDS = 21
const ask = { purpose: 'judicial', document: '（2026）浙0106民初12号', caller: '张三' } as const

t.setTimeout(120_000)
const federation = await TestFederation.start(PLACES)
const home = await mkdtemp(join(tmpdir(), 'huxin-court-'))
t.teardown(async () => {
  await federation.stop()
  await rm(home, { recursive: true, force: true })
})
await federation.until('the catalog is everywhere', () =>
  [...federation.nodes.values()].every(({ context }) =>
    context.ledger().catalog.item(INDUSTRY_ITEM),
  ),
)
const hub = federation.node('330000').context
const root = federation.node('000000').context.noteSigner.vkey
const { batch } = await publishRecords(
  federation.node('330106').context,
  many(RECORDS, (i) => industryRecord(i)),
  ['330000'],
)
const batchId = batch!.id
await federation.until(
  'the hub has the batch',
  async () => (await findBatch(hub, batchId)) !== undefined,
)
const index = (await findBatch(hub, batchId))!.index
for (const id of ['000000', '330100'])
  await federation.until(
    `${id} has cosigned it`,
    async () => (await cosignedSize(hub, federation.name(id))) > index,
  )

const issue = (
  wanted: EvidenceRequest['wanted'],
  context = hub,
): ReturnType<typeof issueEvidence> => issueEvidence(context, { ...ask, wanted })

t.test('a file convinces a process that has nothing but the file and the root key', async (t) => {
  const { file } = await issue({ recordId: 'e-7' })
  await writeFile(join(home, 'evidence.txt'), file)
  const { code, out, err } = await runProgram(
    ['verify', join(home, 'evidence.txt'), '--root', root, '--lang', 'en'],
    { HOME: home },
  )
  t.match([code, err], [0, ''])
  t.match(out, /^PROVEN: record 7 is in batch/)
})

t.test(
  'it says what it proves, that this is not whether the record is in force, then by whom and when, in both languages',
  async (t) => {
    const file = join(home, 'both.txt')
    await writeFile(file, (await issue({ batchId, position: 3 })).file)
    const english = (await runHere(['verify', file, '--root', root, '--lang', 'en'])).out.split(
      '\n',
    )
    t.match(
      english[0],
      /^PROVEN: record 3 is in batch [0-9a-f]{64}, which zj\.example\/330106 signed/,
    )
    t.match(english[1], /^It does NOT show that the record is in force/)
    const text = english.join('\n')
    for (const said of [
      'sealed by zj.example/330106 (epoch 1), 20',
      'logged by zj.example/330000/1: entry ',
      'cosigned by zj.example/000000 20',
      'issued by zj.example/330000, 20',
      ask.document,
      root,
    ])
      t.ok(text.includes(said), said)
    const chinese = (await runHere(['verify', file, '--root', root, '--lang', 'zh'])).out.split(
      '\n',
    )
    t.match(chinese[0], /^已证明：第 3 号记录/)
    t.match(chinese[1], /^不说明记录现行有效/)
    const json = JSON.parse((await runHere(['verify', file, '--root', root, '--json'])).out) as {
      showsInForce: boolean
      record: { content: { recordId: string } }
      logs: { cosigners: { name: string }[] }[]
    }
    t.equal(json.showsInForce, false)
    t.equal(json.record.content.recordId, 'e-3')
    t.ok(
      json.logs[0]!.cosigners.some(({ name }) => name === federation.name('000000')),
      'the nation cosigned',
    )
  },
)

t.test('evidence of a batch alone shows no record', async (t) => {
  const { file } = await issue({ batchId })
  t.equal(verifyEvidence(file, [root]).record, undefined)
  t.notMatch(Buffer.from(file).toString(), /^=== (?:record|path)$/m)
})

t.test(
  'the origin shows its own log and the receipts of the logs above it; they are checked alike',
  async (t) => {
    const origin = federation.node('330106').context
    await federation.until(
      "the hub's receipt is back",
      async () =>
        verifyEvidence((await issue({ batchId, position: 1 }, origin)).file, [root]).logs.length ===
        3,
    )
    const { logs, issuance } = verifyEvidence(
      (await issue({ batchId, position: 1 }, origin)).file,
      [root],
    )
    t.same(logs.map(({ log }) => log).sort(), [
      'zj.example/330000/1',
      'zj.example/330100/1',
      'zj.example/330106/1',
    ])
    t.equal(issuance.issuer, 'zj.example/330106')
  },
)

t.test(
  'a node that only passes a batch on proves the record by its hash and never shows it',
  async (t) => {
    const { file } = await issue({ batchId, position: 2 }, federation.node('330100').context)
    const { record } = verifyEvidence(file, [root])
    t.equal(record!.bytes, undefined)
    t.same(
      record!.leafHash,
      verifyEvidence((await issue({ batchId, position: 2 })).file, [root]).record!.leafHash,
    )
  },
)

t.test(
  'an access record is logged first, stays here, and holds no name and no identifier',
  async (t) => {
    const before = hub.log().size
    const { access, file } = await issue({ recordId: 'e-5' })
    t.equal(hub.log().size, before + 1n)
    const found = (await findBatch(hub, access))!
    t.match(found.batch.header, { kind: 'access', item: undefined, lanes: [{ target: '330000' }] })
    t.same(
      Buffer.from(verifyEvidence(file, [root]).issuance.access),
      Buffer.from(access),
      'the file names it',
    )
    const [record] = decodeAccesses(found.body!)
    t.match(record, { act: 'evidence', position: 5, purpose: ask.purpose, document: ask.document })
    t.same(Buffer.from(record!.batchId), Buffer.from(batchId))
    t.same(
      Buffer.from(record!.subject),
      Buffer.from(subjectPseudonym(hub.subjectKey, SubjectType.ENTERPRISE, uscc(5))),
      'the subject can be told who asked',
    )
    t.same(Buffer.from(record!.caller), Buffer.from(callerPseudonym(hub, ask.caller)))
    const stored = Buffer.concat([(await hub.log().entry(found.index))!, found.body!.bytes])
    for (const secret of [uscc(5), '测试企业', ask.caller, encodeURIComponent(ask.caller), 'e-5'])
      t.notOk(stored.includes(secret), secret)
    await publishRecords(hub, [industryRecord(900)], ['**'])
    await federation.until('everyone has what came after', () =>
      all(
        ['000000', '330100', '330106'],
        async (id) => (await findByRecordId(federation.node(id).context, 'e-900')).length > 0,
      ),
    )
    for (const id of ['000000', '330100', '330106'])
      t.equal(
        await findBatch(federation.node(id).context, access),
        undefined,
        `${id} does not have it`,
      )
  },
)

t.test('an access record that goes anywhere is refused', async (t) => {
  const record = toBinary(
    AccessRecordSchema,
    create(AccessRecordSchema, {
      act: 'evidence',
      batchId,
      caller: new Uint8Array(16),
      purpose: 'x',
      document: 'y',
    }),
  )
  const {
    batch: { header },
    body,
  } = forge(hub, [record], ['000000'], { kind: 'access', item: undefined })
  const judged = { timeMs: 0, node: hub.self }
  t.equal(
    (await judge({ ledger: hub.ledger(), header, body, terms: judged }, hub))?.code,
    'target_not_allowed',
  )
  const bad = forge(
    hub,
    [toBinary(AccessRecordSchema, create(AccessRecordSchema, { act: 'evidence' }))],
    ['330000'],
    { kind: 'access', item: undefined },
  )
  t.equal(
    (
      await judge(
        { ledger: hub.ledger(), header: bad.batch.header, body: bad.body, terms: judged },
        hub,
      )
    )?.code,
    'record_invalid',
  )
})

t.test(
  'evidence is asked for by one thing that is there, for a purpose, on a document',
  async (t) => {
    const size = hub.log().size
    const wrong: readonly (readonly [Partial<EvidenceRequest>, string])[] = [
      [{ wanted: { recordId: 'nobody' } }, 'not_found'],
      [{ wanted: { batchId: new Uint8Array(32), position: 0 } }, 'not_found'],
      [{ wanted: { batchId, position: RECORDS } }, 'argument_invalid'],
      [{ purpose: '' }, 'argument_invalid'],
      [{ purpose: 'Zhang San asked' }, 'argument_invalid'],
      [{ document: ' ' }, 'argument_invalid'],
      [{ document: 'a\nb' }, 'argument_invalid'],
      [{ document: '关于11010519491231002X' }, 'argument_invalid'],
    ]
    for (const [request, code] of wrong)
      t.equal(
        await codeOf(issueEvidence(hub, { ...ask, wanted: { batchId, position: 0 }, ...request })),
        code,
        JSON.stringify(request),
      )
    await t.rejects(
      issueEvidence(hub, { ...ask, wanted: { batchId, position: 0 }, purpose: 'curiosity' }),
      {
        code: 'argument_invalid',
        message: `purpose "curiosity" is not allowed for ${INDUSTRY_ITEM}; allowed are graded-supervision, random-inspection, administrative-approval, mutual-recognition, judicial`,
      },
      'a purpose that the item does not have',
    )
    t.equal(hub.log().size, size, 'nothing was logged')
    await publishRecords(hub, [industryRecord(901)], ['330000'])
    await publishRecords(hub, [industryRecord(901, { grade: 'B' })], ['330000'])
    t.equal(
      await codeOf(issue({ recordId: 'e-901' })),
      'argument_invalid',
      'two versions: one has to be named',
    )
  },
)

/** Part of a file by the beginning of its name. */
function part(parts: readonly EvidencePart[], begin: string): EvidencePart {
  return parts.find(({ name }) => name.startsWith(begin))!
}

/** A file in its pieces: the issuance note, then `=== <name>` and text, as text. */
function pieces(file: Uint8Array): { note: string; parts: { name: string; text: string }[] } {
  const [note = '', ...rest] = Buffer.from(file).toString().split(/^=== /m)
  return {
    note,
    parts: rest.map((piece) => ({
      name: piece.slice(0, piece.indexOf('\n')),
      text: piece.slice(piece.indexOf('\n') + 1),
    })),
  }
}

function glue({ note, parts }: ReturnType<typeof pieces>): string {
  return note + parts.map(({ name, text }) => `=== ${name}\n${text}`).join('')
}

/** The file with the text of one part made anew. */
function withPart(file: Uint8Array, begin: string, change: (text: string) => string): string {
  const { note, parts } = pieces(file)
  return glue({
    note,
    parts: parts.map(({ name, text }) => ({
      name,
      text: name.startsWith(begin) ? change(text) : text,
    })),
  })
}

/** Another digit or letter in the place of the last one before a match. */
function spoil(text: string, after: RegExp): string {
  const at = after.exec(text)!
  const end = at.index + at[0].length
  return (
    text.slice(0, end) +
    (text[end] === 'A' ? 'B' : text[end] === '0' ? '1' : text[end]! >= 'a' ? '0' : 'A') +
    text.slice(end + 1)
  )
}

const honest = (await issue({ recordId: 'e-7' })).file
const another = (await issue({ recordId: 'e-8' })).file
const seen = new Map<string, string>()

/** The fault with which a file is refused. */
function faultOf(bytes: Uint8Array | string, roots: readonly string[] = [root]): string {
  try {
    verifyEvidence(Buffer.from(bytes), roots)
    return 'none'
  } catch (error) {
    if (!isHuxinError(error, 'evidence_invalid')) return `not a fault: ${String(error)}`
    const fault = error.details['fault']!
    seen.set(fault, error.message)
    if (!/^\p{Script=Han}.*：/u.test(error.messageZh)) return `${fault} has no Chinese message`
    return fault
  }
}

const stranger = generateSigner('zj.example/000000', 'ed25519')
const partOf = (file: Uint8Array, begin: string): string =>
  pieces(file).parts.find(({ name }) => name.startsWith(begin))!.text
const without = (begin: string): string => {
  const { note, parts } = pieces(honest)
  return glue({ note, parts: parts.filter(({ name }) => !name.startsWith(begin)) })
}

t.test('whoever changes, removes, adds, moves or exchanges anything is told what is wrong', (t) => {
  t.equal(faultOf(honest), 'none')
  const { note, parts } = pieces(honest)
  const rows: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['not even text', Buffer.from([0xff, 0x00]), 'not_evidence'],
    ['empty', '', 'not_evidence'],
    [
      'another format',
      Buffer.from(honest).toString().replace('evidence/v1', 'evidence/v2'),
      'not_evidence',
    ],
    [
      'the last line is missing',
      Buffer.from(honest).toString().replace('=== end\n', ''),
      'cut_off',
    ],
    ['half of it', honest.subarray(0, honest.length / 2), 'cut_off'],
    ['something after the end', `${Buffer.from(honest).toString()}\n`, 'cut_off'],
    ['the record is removed', without('record'), 'part_removed'],
    ['the path is removed', without('path'), 'part_removed'],
    ['the entry is removed', without('entry'), 'part_removed'],
    ['the proof is removed', without('proof'), 'part_removed'],
    [
      'the statement of the origin is removed',
      without('statement zj.example/330106'),
      'part_removed',
    ],
    [
      'the statement of the root is removed',
      without('statement zj.example/000000'),
      'part_removed',
    ],
    [
      'a part is added',
      glue({ note, parts: [{ name: 'opinion', text: 'guilty\n' }, ...parts] }),
      'part_added',
    ],
    ['a part stands twice', glue({ note, parts: [parts[0]!, ...parts] }), 'part_added'],
    [
      'two parts are exchanged',
      glue({ note, parts: [parts[1]!, parts[0]!, ...parts.slice(2)] }),
      'part_moved',
    ],
    [
      'a digit of the salt',
      withPart(honest, 'record', (text) => spoil(text, /salt /)),
      'record_changed',
    ],
    [
      'a letter of the record',
      withPart(honest, 'record', (text) => spoil(text, /record ..../)),
      'record_changed',
    ],
    [
      'the record becomes its hash',
      withPart(
        honest,
        'record',
        () =>
          `hash ${Buffer.from(verifyEvidence(honest, [root]).record!.leafHash).toString('hex')}\n`,
      ),
      'record_changed',
    ],
    [
      'the record of another file',
      withPart(honest, 'record', () => partOf(another, 'record')),
      'record_changed',
    ],
    [
      'a hash of the path',
      withPart(honest, 'path', (text) => spoil(text, /size \d+\n../)),
      'path_changed',
    ],
    [
      'the path of another file',
      withPart(honest, 'path', () => partOf(another, 'path')),
      'path_changed',
    ],
    [
      'the verdict',
      withPart(honest, 'entry', (text) =>
        text.replace('verdict accepted', `verdict refused record_invalid sha256:${'0'.repeat(64)}`),
      ),
      'entry_changed',
    ],
    [
      'the time of acceptance',
      withPart(honest, 'entry', (text) => text.replace(/time \d{4}/, 'time 2020')),
      'entry_changed',
    ],
    [
      'the provider in the header',
      withPart(honest, 'entry', (text) => text.replace(BODY, '11330825TT00000904')),
      'entry_changed',
    ],
    [
      'the size of the log',
      withPart(honest, 'proof', (text) => text.replace(/(zj\.example\/330000\/1\n)\d+/, '$19')),
      'proof_changed',
    ],
    [
      'a cosignature is removed',
      withPart(honest, 'proof', (text) => text.replace(/— zj\.example\/000000 .*\n/, '')),
      'proof_changed',
    ],
    [
      'the key of the origin',
      withPart(honest, 'statement zj.example/330106', (text) =>
        text.replace(/^note .*$/m, `note ${generateSigner('zj.example/330106', 'ed25519').vkey}`),
      ),
      'statement_invalid',
    ],
    [
      'the statement of another',
      withPart(honest, 'statement zj.example/330106', () =>
        partOf(honest, 'statement zj.example/330100'),
      ),
      'statement_invalid',
    ],
    [
      'the statement is no statement',
      withPart(honest, 'statement zj.example/330106', () => 'trust me\n'),
      'statement_invalid',
    ],
    [
      'a statement with a line of a stranger',
      withPart(
        honest,
        'statement zj.example/330106',
        (text) => `${text}— someone ${Buffer.alloc(68).toString('base64')}\n`,
      ),
      'statement_changed',
    ],
    [
      'the purpose',
      Buffer.from(honest).toString().replace('purpose judicial', 'purpose commercial'),
      'issuance_signature',
    ],
    ['the document', Buffer.from(honest).toString().replace('12号', '13号'), 'issuance_signature'],
    [
      'the time of issue',
      Buffer.from(honest)
        .toString()
        .replace(/issued 20../, 'issued 2019'),
      'issuance_signature',
    ],
    [
      'the issuer',
      Buffer.from(honest)
        .toString()
        .replace('issuer zj.example/330000 1', 'issuer zj.example/330106 1'),
      'issuance_signature',
    ],
    ['the issuance of another file', glue({ note: pieces(another).note, parts }), 'record_changed'],
    [
      'the issuance is not signed',
      Buffer.from(honest)
        .toString()
        .replace(/\n— zj\.example\/330000 .*\n(?==== record)/, '\n'),
      'issuance_malformed',
    ],
    [
      'a line of the issuance is gone',
      Buffer.from(honest)
        .toString()
        .replace(/^access .*\n/m, ''),
      'issuance_malformed',
    ],
  ]
  for (const [what, file, fault] of rows) t.equal(faultOf(file), fault, what)
  t.equal(faultOf(honest, [stranger.vkey]), 'root_unknown', 'a root of that name with another key')
  t.equal(
    faultOf(honest, [generateSigner('gd.example/440000', 'ed25519').vkey]),
    'root_unknown',
    'another root',
  )
  t.equal(faultOf(honest, []), 'root_unknown', 'no root')
  t.end()
})

t.test('an issuer that lies is told from what it shows: its word proves nothing', async (t) => {
  const { issuance, parts } = parseEvidence(honest)
  const other = parseEvidence(another)
  const signer = hub.noteSigner
  const lie = (
    changed: Partial<typeof issuance>,
    change: (parts: readonly EvidencePart[]) => readonly EvidencePart[] = (same) => same,
  ): Uint8Array => formatEvidence({ ...issuance, ...changed }, change(parts), signer)
  const swap =
    (begin: string, bytes: Uint8Array) =>
    (all: readonly EvidencePart[]): EvidencePart[] =>
      all.map((one) => (one.name.startsWith(begin) ? { ...one, bytes } : one))
  const rename =
    (from: string, to: string) =>
    (all: readonly EvidencePart[]): EvidencePart[] =>
      all.map((one) => ({ ...one, name: one.name.replace(from, to) }))
  const text = (begin: string): string => Buffer.from(part(parts, begin).bytes).toString()
  const entryName = part(parts, 'entry').name.slice('entry '.length)
  t.equal(faultOf(lie({})), 'none', 'signed again it is the same evidence')

  /** An entry in a log that the hub made for the purpose. */
  const ownLog = (entry: Uint8Array, key = signer, origin = hub.log().origin): EvidencePart[] => {
    const checkpointNote = signCheckpoint({ origin, size: 1n, root: leafHash(entry) }, key)
    return [
      { name: `entry ${origin} 0`, bytes: entry },
      {
        name: `proof ${origin} 0`,
        bytes: formatTlogProof({ index: 0n, proof: [], checkpointNote }),
      },
    ]
  }
  const rest = parts.filter(({ name }) => !/^(?:entry|proof) /.test(name))
  const inOwnLog =
    (
      entry: Uint8Array,
      key = signer,
      origin?: string,
    ): ((all: readonly EvidencePart[]) => EvidencePart[]) =>
    () => [...rest.slice(0, 2), ...ownLog(entry, key, origin), ...rest.slice(2)]
  const entry = part(parts, 'entry').bytes
  const forged = forge(hub, [industryRecord(666)], ['330000'], {
    origin: federation.name('330106'),
  })
  const forgedEntry = Buffer.from(
    `${text('entry').slice(0, entryPrefixLength(entry))}${Buffer.from(forged.batch.note).toString()}`,
  )
  const [, cosignLine = ''] = /^(— zj\.example\/000000 .*)$/m.exec(text('proof'))!
  const forgedLine = `— zj.example/000000 ${Buffer.concat([Buffer.from(cosignLine.split(' ')[2]!, 'base64').subarray(0, 12), Buffer.alloc(64, 7)]).toString('base64')}`

  // The next epoch of the hub, with another end of its log than the one that is shown.
  const next = generateSigner(hub.self, 'ed25519')
  const member = hub.ledger().federation.member(hub.self)!
  const endsAt =
    (size: bigint, signers = [signer, next, federation.node('000000').context.noteSigner]) =>
    (all: readonly EvidencePart[]): EvidencePart[] => [
      ...all,
      {
        name: `statement ${hub.self} ${member.serial + 1}`,
        bytes: signNote(
          formatStatement({
            ...nextStatement(member),
            epoch: 2,
            noteVkey: next.vkey,
            cosignVkey: generateSigner(hub.self, 'cosignature').vkey,
            frozen: { size, root: new Uint8Array(32) },
          }),
          signers,
        ),
      },
    ]

  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ['a log beyond its end', lie({}, endsAt(1n)), 'log_frozen'],
    [
      'a log of the size of its end, and another root',
      lie(
        {},
        endsAt(
          parseCheckpoint(parseNote(parseTlogProof(part(parts, 'proof').bytes).checkpointNote).text)
            .size,
        ),
      ),
      'log_frozen',
    ],
    ['a log that ended later', lie({}, endsAt(1_000_000n)), 'none'],
    [
      'a next epoch that the old key did not sign',
      lie({}, endsAt(1_000_000n, [next, federation.node('000000').context.noteSigner])),
      'statement_invalid',
    ],
    [
      'a next epoch that the new key did not sign',
      lie({}, endsAt(1_000_000n, [signer, federation.node('000000').context.noteSigner])),
      'statement_invalid',
    ],
    [
      'a record that is not of the leaf',
      lie({}, swap('record', part(other.parts, 'record').bytes)),
      'record_other',
    ],
    [
      'another record in its place',
      lie(
        { record: { position: 7, leafHash: other.issuance.record!.leafHash } },
        swap('record', part(other.parts, 'record').bytes),
      ),
      'record_not_in_batch',
    ],
    [
      'another position',
      lie({ record: { ...issuance.record!, position: 8 } }),
      'record_not_in_batch',
    ],
    [
      'the path of another',
      lie({}, swap('path', part(other.parts, 'path').bytes)),
      'record_not_in_batch',
    ],
    [
      'a record that is garbage',
      lie({}, swap('record', Buffer.from('record hello\n'))),
      'part_malformed',
    ],
    [
      'a path that is garbage',
      lie({}, swap('path', Buffer.from('straight on\n'))),
      'part_malformed',
    ],
    [
      'an entry that is garbage',
      lie({}, swap('entry', Buffer.from('huxin/entry/v1\n'))),
      'part_malformed',
    ],
    [
      'an entry with another verdict',
      lie(
        {},
        swap(
          'entry',
          Buffer.from(
            text('entry').replace(
              'verdict accepted',
              `verdict refused record_invalid sha256:${'0'.repeat(64)}`,
            ),
          ),
        ),
      ),
      'not_logged',
    ],
    [
      'a proof under another index',
      lie({}, rename(entryName, `${hub.log().origin} 9`)),
      'log_other',
    ],
    [
      'a proof of another log',
      lie({}, rename(hub.log().origin, 'zj.example/330100/1')),
      'log_other',
    ],
    [
      'a log of an epoch that never was',
      lie({}, rename(hub.log().origin, 'zj.example/330000/2')),
      'log_unknown',
    ],
    [
      'a log with a key of its own',
      lie({}, inOwnLog(entry, generateSigner(hub.self, 'ed25519'))),
      'checkpoint_signature',
    ],
    [
      'a cosignature that was never given',
      lie({}, swap('proof', Buffer.from(text('proof').replace(cosignLine, forgedLine)))),
      'cosignature_invalid',
    ],
    [
      'a batch that its origin never signed',
      lie({ batchId: forged.batch.id, record: undefined }, (all) =>
        inOwnLog(forgedEntry)(all).slice(2),
      ),
      'header_signature',
    ],
    ['another batch than it says', lie({ batchId: forged.batch.id }), 'batch_other'],
    [
      'no statement of the origin',
      lie({}, (all) => all.filter(({ name }) => !name.includes('330106 '))),
      'header_signature',
    ],
    [
      'statements out of order',
      lie({}, (all) => [...all.slice(0, 4), ...all.slice(4).reverse()]),
      'statement_invalid',
    ],
    ['no log', lie({}, () => rest), 'no_log'],
    [
      'an entry without its proof',
      lie({}, (all) => all.filter(({ name }) => !name.startsWith('proof'))),
      'part_removed',
    ],
    ['no record, although it says one', lie({}, (all) => all.slice(1)), 'part_removed'],
    ['a purpose that is no code', lie({ purpose: 'He must pay' }), 'issuance_malformed'],
  ]
  for (const [what, file, fault] of rows) t.equal(faultOf(file), fault, what)
})

t.test('each fault was seen, and each has a message of its own', (t) => {
  // The others are those of other files and of policies (fork.test.ts, finality.test.ts).
  t.same(
    [...seen.keys()].sort(),
    Object.keys(evidenceFaults)
      .filter((fault) => !/fork|^policy_/.test(fault))
      .sort(),
  )
  for (const language of ['meaning', 'meaningZh'] as const)
    t.equal(
      new Set(Object.values(evidenceFaults).map((row) => row[language])).size,
      Object.keys(evidenceFaults).length,
    )
  t.end()
})

t.test(
  "a file that was tampered with is refused by the program with exit code 1, in the reader's language",
  async (t) => {
    const file = join(home, 'tampered.txt')
    await writeFile(
      file,
      withPart(honest, 'record', () => partOf(another, 'record')),
    )
    const english = await runProgram(['verify', file, '--root', root, '--lang', 'en'], {
      HOME: home,
    })
    t.match(
      [english.code, english.out, english.err],
      [1, '', /the record is not the one that was issued: record has SHA-256/],
    )
    t.match(
      (await runHere(['verify', file, '--root', root, '--lang', 'zh'])).err,
      /记录与出具时不同：record 的 SHA-256/,
    )
    t.match(JSON.parse((await runHere(['verify', file, '--root', root, '--json'])).out), {
      error: { code: 'evidence_invalid', details: { fault: 'record_changed' } },
    })
    t.match(await runHere(['verify', file, '--root', 'nonsense']), {
      code: 2,
      err: /--root "nonsense" is no root key/,
    })
    t.match(await runHere(['verify', join(home, 'absent'), '--root', root]), { code: 2 })
  },
)

t.test('arbitrary bytes give a fault and nothing else', (t) => {
  const random = new SeededRandom('evidence')
  for (let i = 0; i < 500; i++) {
    const bytes = Buffer.from(honest)
    for (let k = 0; k <= i % 3; k++) {
      const [at, value] = [
        Buffer.from(random.fill(new Uint8Array(4))).readUInt32BE() % bytes.length,
        random.fill(new Uint8Array(1))[0]!,
      ]
      bytes[at] = value
    }
    const fault = bytes.equals(honest) ? 'none' : faultOf(bytes)
    if (!Object.hasOwn(evidenceFaults, fault) && !(fault === 'none' && bytes.equals(honest)))
      t.fail(`change ${i}: ${fault}`)
  }
  t.end()
})

t.test('an erased record is proved by its hash', async (t) => {
  const origin = federation.node('330106').context
  const { file: before } = await issue({ batchId, position: 9 })
  await amend(origin, {
    provider: BODY,
    changes: [
      {
        action: 'erase',
        batchId,
        position: 9,
        effectiveOn: '2026-01-05',
        basis: 'test',
        document: '-',
      },
    ],
    source: { kind: 'self' },
  })
  await federation.until(
    'the hub erased it',
    async () => (await findByRecordId(hub, 'e-9')).length === 0,
  )
  t.equal(await codeOf(issue({ recordId: 'e-9' })), 'not_found')
  const { file } = await issue({ batchId, position: 9 })
  const proven = verifyEvidence(file, [root])
  t.equal(proven.record!.bytes, undefined)
  t.same(
    Buffer.from(proven.record!.leafHash),
    Buffer.from(verifyEvidence(before, [root]).record!.leafHash),
    'the hash of what was there',
  )
  t.notMatch(Buffer.from(file).toString(), /^salt /m)
  await writeFile(join(home, 'erased.txt'), file)
  t.match(await runHere(['verify', join(home, 'erased.txt'), '--root', root, '--lang', 'en']), {
    code: 0,
    out: /erased or not held by the issuer; its salted hash is [0-9a-f]{64}/,
  })
})

t.test(
  'by hand, with SHA-256 and Ed25519 alone: the record is in the batch, the entry in the log, the log signed',
  (t) => {
    const sha256 = (...bytes: readonly Uint8Array[]): Buffer =>
      createHash('sha256').update(Buffer.concat(bytes)).digest()
    /** RFC 9162 section 2.1.3.2 as it is written there. */
    const rootOf = (
      leaf: Uint8Array,
      leafIndex: number,
      treeSize: number,
      hashes: readonly Uint8Array[],
    ): Buffer => {
      let [fn, sn] = [leafIndex, treeSize - 1]
      let r: Buffer = Buffer.from(leaf)
      for (const p of hashes) {
        if (sn === 0) throw new Error('too many hashes')
        if (fn % 2 === 1 || fn === sn) {
          r = sha256(Uint8Array.of(1), p, r)
          while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1]
        } else r = sha256(Uint8Array.of(1), r, p)
        ;[fn, sn] = [fn >> 1, sn >> 1]
      }
      if (sn !== 0) throw new Error('too few hashes')
      return r
    }
    const ed25519 = (key: string, message: string, signature: Uint8Array): boolean => {
      const raw = Buffer.from(/^[^+]*\+[0-9a-f]{8}\+(.*)$/.exec(key)![1]!, 'base64').subarray(1)
      const publicKey = createPublicKey({
        key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]),
        format: 'der',
        type: 'spki',
      })
      return verify(null, Buffer.from(message), publicKey, signature)
    }
    const [record, path, entry, proof] = ['record', 'path', 'entry', 'proof'].map((begin) =>
      partOf(honest, begin),
    ) as [string, string, string, string]
    const [, salt = '', bytes = ''] = /^salt (.*)\nrecord (.*)\n$/.exec(record)!
    const leaf = sha256(Uint8Array.of(0), Buffer.from(salt, 'base64'), Buffer.from(bytes, 'base64'))
    const [position, size, ...siblings] = path.trimEnd().split('\n')
    const batchRoot = rootOf(
      leaf,
      Number(position!.slice(6)),
      Number(size!.slice(5)),
      siblings.map((line) => Buffer.from(line, 'base64')),
    )
    t.ok(
      entry.includes(`\nrecords ${RECORDS} sha256:${batchRoot.toString('hex')}\n`),
      'the batch that the origin sealed',
    )

    const header = entry.slice(entry.indexOf('\n\n') + 2)
    const originKey = /^note (.*)$/m.exec(partOf(honest, 'statement zj.example/330106'))![1]!
    const headerText = header.slice(0, header.lastIndexOf('\n\n') + 1)
    t.ok(
      ed25519(
        originKey,
        headerText,
        Buffer.from(/ (\S+)\n$/.exec(header)![1]!, 'base64').subarray(4),
      ),
      'its origin signed it',
    )
    t.same(sha256(Buffer.from(headerText)), Buffer.from(batchId), 'the batch id')

    const [head = '', ...checkpoint] = proof.split('\n\n')
    const [, entryIndex, ...hashes] = head.split('\n')
    const [checkpointLines = '', signatures = ''] = [checkpoint[0], checkpoint[1]]
    const [origin, treeSize, treeRoot] = checkpointLines.split('\n')
    t.equal(origin, 'zj.example/330000/1')
    const found = rootOf(
      sha256(Uint8Array.of(0), Buffer.from(entry)),
      Number(entryIndex!.slice(6)),
      Number(treeSize),
      hashes.map((line) => Buffer.from(line, 'base64')),
    )
    t.equal(found.toString('base64'), treeRoot, 'the entry is in the tree')
    const hubKey = /^note (.*)$/m.exec(partOf(honest, 'statement zj.example/330000'))![1]!
    for (const name of ['zj.example/330000', 'zj.example/330000/1']) {
      const line = signatures.split('\n').find((one) => one.startsWith(`— ${name} `))!
      t.ok(
        ed25519(
          hubKey,
          `${checkpointLines}\n`,
          Buffer.from(line.split(' ')[2]!, 'base64').subarray(4),
        ),
        `the log signed the tree, as ${name}`,
      )
    }
    const nation = partOf(honest, 'statement zj.example/000000')
    const cosigned = Buffer.from(
      signatures
        .split('\n')
        .find((line) => line.startsWith('— zj.example/000000 '))!
        .split(' ')[2]!,
      'base64',
    )
    t.ok(
      ed25519(
        /^cosign (.*)$/m.exec(nation)![1]!,
        `cosignature/v1\ntime ${cosigned.readBigUInt64BE(4)}\n${checkpointLines}\n`,
        cosigned.subarray(12),
      ),
      'the nation cosigned it',
    )
    const signed = nation.slice(0, nation.lastIndexOf('\n\n') + 1)
    t.ok(
      ed25519(root, signed, Buffer.from(/ (\S+)\n$/.exec(nation)![1]!, 'base64').subarray(4)),
      "the root key signed the nation's statement",
    )
    t.end()
  },
)

t.test(
  'the proof in a file is a .tlog-proof for tools that know C2SP and nothing of this product',
  (t) => {
    const {
      checkpointNote,
      index: entryIndex,
      proof,
    } = parseTlogProof(Buffer.from(partOf(honest, 'proof')))
    const nation = /^cosign (.*)$/m.exec(partOf(honest, 'statement zj.example/000000'))![1]!
    const logKey = logVkey('zj.example/330000/1', hub.log().verifier)
    const policy = parsePolicy(
      Buffer.from(`log ${logKey}\nwitness nation ${nation}\nquorum nation\n`),
    )
    const { checkpoint, witnesses } = openCosignedCheckpoint(checkpointNote, policy)
    t.same(witnesses, ['nation'])
    verifyInclusion({
      index: entryIndex,
      size: checkpoint.size,
      leafHash: leafHash(Buffer.from(partOf(honest, 'entry'))),
      proof,
      root: checkpoint.root,
    })
    t.end()
  },
)

t.test(
  'keys that changed since: what was sealed and logged with the old ones is still proved, in the order of the changes only',
  (t) => {
    const [rootName, name] = ['gd.example/440000', 'gd.example/440100'] as const
    const [oldRoot, newRoot] = [
      generateSigner(rootName, 'ed25519'),
      generateSigner(rootName, 'ed25519'),
    ]
    const [oldKey, newKey] = [generateSigner(name, 'ed25519'), generateSigner(name, 'ed25519')]
    const base = {
      body: BODY,
      host: undefined,
      validFrom: '2026-01-01',
      validTo: '2036-12-31',
      status: 'active',
      actor: '-',
      document: '-',
      reason: '-',
    } as const
    const of = (
      member: string,
      serial: number,
      before: Uint8Array | undefined,
      key: Signer,
      epoch: number,
      signers: readonly Signer[],
    ): EvidencePart => ({
      name: `statement ${member} ${serial}`,
      bytes: signNote(
        formatStatement({
          ...base,
          member,
          serial,
          previous: before && createHash('sha256').update(parseNote(before).text).digest(),
          epoch,
          noteVkey: key.vkey,
          cosignVkey: generateSigner(member, 'cosignature', new Uint8Array(32).fill(9)).vkey,
          ...(member === rootName
            ? { tier: 'province', parent: undefined, divisions: ['440000'] }
            : { tier: 'city', parent: rootName, divisions: ['440100'] }),
        }),
        signers,
      ),
    })
    const root0 = of(rootName, 0, undefined, oldRoot, 1, [oldRoot])
    const child0 = of(name, 0, undefined, oldKey, 1, [oldRoot])
    const root1 = of(rootName, 1, root0.bytes, newRoot, 1, [oldRoot])
    const child1 = of(name, 1, child0.bytes, newKey, 2, [newRoot, oldKey])
    const sealed = sealHeader(
      { ...verifyEvidence(honest, [root]).header, origin: name, epoch: 1 },
      oldKey,
    )
    const entry = Buffer.concat([
      Buffer.from(partOf(honest, 'entry').split('\n\n')[0]!),
      Buffer.from('\n\n'),
      sealed.note,
    ])
    const origin = `${rootName}/1`
    const proof = formatTlogProof({
      index: 0n,
      proof: [],
      checkpointNote: signCheckpoint({ origin, size: 1n, root: leafHash(entry) }, oldRoot),
    })
    const file = (statements: readonly EvidencePart[], signer = newRoot): Uint8Array =>
      formatEvidence(
        {
          issuer: rootName,
          epoch: 1,
          issuedMs: 0,
          ...ask,
          access: batchId,
          batchId: sealed.id,
          record: undefined,
        },
        [
          { name: `entry ${origin} 0`, bytes: entry },
          { name: `proof ${origin} 0`, bytes: proof },
          ...statements,
        ],
        signer,
      )
    t.equal(faultOf(file([root0, child0, root1, child1]), [oldRoot.vkey]), 'none')
    t.equal(
      faultOf(file([root0, root1, child0, child1]), [oldRoot.vkey]),
      'statement_invalid',
      'the child was admitted with the old key',
    )
    t.equal(
      faultOf(file([root0, child0, child1, root1]), [oldRoot.vkey]),
      'statement_invalid',
      'and renewed with the new one',
    )
    t.equal(
      faultOf(file([root0, child0, root1]), [oldRoot.vkey]),
      'none',
      'what came after does not matter',
    )
    t.equal(
      faultOf(file([root0, child0, root1, child1]), [newRoot.vkey]),
      'root_unknown',
      'it begins at the first key',
    )
    t.equal(
      faultOf(file([root0, child0], newRoot), [oldRoot.vkey]),
      'issuance_signature',
      "nobody says that this is the issuer's key",
    )
    t.end()
  },
)

t.test('every statement of a member is in the file, in the order of the log', async (t) => {
  const city = federation.node('330100').context
  for (const status of ['suspended', 'active'] as const)
    await setMemberStatus(city, {
      member: '330106',
      status,
      act: { actor: '张三', reason: 'test', document: '测〔2026〕3号' },
      source: { kind: 'self' },
    })
  await federation.until(
    'the hub knows',
    () => hub.ledger().federation.member('330106')!.serial === 2,
  )
  const { file } = await issue({ batchId, position: 0 })
  t.same(
    pieces(file)
      .parts.map(({ name }) => name)
      .filter((name) => name.includes('330106')),
    [
      'statement zj.example/330106 0',
      'statement zj.example/330106 1',
      'statement zj.example/330106 2',
    ],
  )
  t.equal(faultOf(file), 'none')
})

t.test(
  'by hand, with the commands in proto/README.md: sed, base64, sha256sum and openssl',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const readme = await readFile(join(process.cwd(), 'proto/README.md'), 'utf8')
    const script = [...readme.matchAll(/^```sh by-hand\n([\s\S]*?)^```$/gm)]
      .map((match) => match[1]!)
      .join('')
    const folder = await mkdtemp(join(tmpdir(), 'huxin-hand-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const byHand = async (
      file: string | Uint8Array,
      key: string,
    ): Promise<{ code: number | null; out: string }> => {
      await writeFile(join(folder, 'evidence.txt'), file)
      return runShell(
        folder,
        `ROOT='${key}' ORIGIN=zj.example/330106 HUB=zj.example/330000 COSIGNER=zj.example/000000\n${script}`,
      )
    }
    const { code, out } = await byHand(honest, root)
    t.equal(code, 0, out)
    t.equal(
      [...out.matchAll(/Signature Verified Successfully/g)].length,
      7,
      'four statements, header, checkpoint, cosignature',
    )
    t.match(out, /\nthe record is in the batch\nthe entry is in the log\n$/)
    t.not((await byHand(honest, stranger.vkey)).code, 0, 'another root')
    t.not(
      (
        await byHand(
          withPart(honest, 'record', () => partOf(another, 'record')),
          root,
        )
      ).code,
      0,
      'another record',
    )
    t.not(
      (
        await byHand(
          withPart(honest, 'entry', (text) => text.replace(/time \d{4}/, 'time 2020')),
          root,
        )
      ).code,
      0,
      'another time',
    )
  },
)

t.test(
  'a log that more neighbours have cosigned than a note has room for is shown with as many as fit, its parent among them',
  async (t) => {
    const city = federation.node('330100').context
    await federation.until(
      'the hub has cosigned all of it',
      async () => (await cosignedSize(city, hub.self)) === city.log().signed.size,
    )
    const { text } = parseNote(city.log().signed.note)
    for (let i = 0; i < 70; i++) {
      const name = `aa.example/${100 + i}`
      const note = addSignatureLines(city.log().signed.note, [
        cosign(text, generateSigner(name, 'cosignature'), 1_795_000_000n),
      ])
      await city.store.write([{ key: textKey(tables.cosigned, name), value: note }])
    }
    t.equal(parseNote(await cosignedCheckpoint(city)).signatures.length, 64)
    const [log] = verifyEvidence((await issue({ batchId }, city)).file, [root]).logs
    t.same(
      [log!.cosigners.map(({ name }) => name).includes(hub.self), log!.unchecked.length > 50],
      [true, true],
    )
    // They are no members: fsck would name each.
    for (let i = 0; i < 70; i++)
      await city.store.write([
        { key: textKey(tables.cosigned, `aa.example/${100 + i}`), value: undefined },
      ])
  },
)

t.test('every store is what fsck wants', async (t) => {
  t.same(await findings(federation), [])
  t.same(
    await readdir(home),
    ['both.txt', 'erased.txt', 'evidence.txt', 'tampered.txt'],
    'verifying leaves nothing behind',
  )
})

function runShell(cwd: string, script: string): Promise<{ code: number | null; out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', script], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '' },
    })
    let out = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        out += text
      })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out }))
  })
}

async function all(
  ids: readonly string[],
  condition: (id: string) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(ids.map(condition))).every(Boolean)
}
