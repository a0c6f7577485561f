/** The worked examples of proto/README.md, made by the code from fixed seeds. */
import { createHash } from 'node:crypto'
import { errorTable } from '../../src/base/errors.ts'
import { alarmTable } from '../../src/alarm/alarm-table.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { bodyRoot, encodeBody, leafHashAt, recordAt } from '../../src/batch/body.ts'
import { formatEntry } from '../../src/batch/entry.ts'
import { sealHeader } from '../../src/batch/seal.ts'
import { formatEvidence, formatPathPart, formatRecordPart } from '../../src/evidence/file.ts'
import { formatFork } from '../../src/evidence/fork.ts'
import { appendLeaves, emptyFrontier, frontierRoot } from '../../src/merkle/frontier.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import { proveInclusionInMemory } from '../../src/merkle/proof.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { generateSigner, parseVkey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { formatTlogProof, withLogName } from '../../src/note/tlog-proof.ts'
import { signFreeze } from '../../src/topology/freeze.ts'
import { signApplication } from '../../src/topology/join.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { formatReceiptNote } from '../../src/topology/receipt.ts'

const TIME = Date.parse('2026-11-23T01:14:07Z')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Every example by name. */
export function examples(): Readonly<Record<string, string>> {
  const county = generateSigner('zj.example/330825', 'ed25519', new Uint8Array(32).fill(1))
  const countyCosigner = generateSigner(
    'zj.example/330825',
    'cosignature',
    new Uint8Array(32).fill(2),
  )
  const city = generateSigner('zj.example/330800', 'ed25519', new Uint8Array(32).fill(3))
  const cityCosigner = generateSigner(
    'zj.example/330800',
    'cosignature',
    new Uint8Array(32).fill(4),
  )
  const body = encodeBody(
    [Buffer.from('first record'), Buffer.from('second')],
    new SeededRandom('proto/README.md'),
  )
  const batch = sealHeader(
    {
      origin: 'zj.example/330825',
      epoch: 1,
      provider: '11330825TT00000903',
      batchClass: 'normal',
      kind: 'evaluation',
      item: 'zj/industry-evaluation@2026.1',
      lanes: [
        { target: '330000/**', number: 0n, previous: undefined },
        { target: '330106', number: 41n, previous: new Uint8Array(32).fill(0xab) },
      ],
      createdMs: TIME,
      records: body.count,
      root: bodyRoot(body),
      extra: [],
    },
    county,
  )
  const entry = formatEntry({
    timeMs: TIME + 1_000,
    source: { kind: 'child', node: 'zj.example/330825' },
    judged: { timeMs: TIME + 1_000, node: 'zj.example/330800' },
    rules: '2026.1',
    verdict: { accepted: true },
    header: batch.note,
  })
  const tree = appendLeaves(emptyFrontier, leafHash(entry))
  const checkpoint = signCheckpoint(
    { origin: 'zj.example/330800/1', size: 1n, root: frontierRoot(tree) },
    city,
  )
  const cosigned = addSignatureLines(checkpoint, [
    cosign(parseNote(checkpoint).text, countyCosigner, 1_795_396_448n),
  ])
  const member = {
    member: 'zj.example/330825',
    tier: 'county',
    divisions: ['330825'],
    body: '11330825TT00000903',
    host: undefined,
    noteVkey: county.vkey,
    cosignVkey: countyCosigner.vkey,
  } as const
  const statement = signNote(
    formatStatement({
      ...member,
      serial: 0,
      previous: undefined,
      parent: 'zj.example/330800',
      epoch: 1,
      validFrom: '2026-01-01',
      validTo: '2036-12-31',
      status: 'active',
      actor: '张三',
      document: '浙信〔2026〕12号',
      reason: '新接入',
    }),
    [city],
  )
  const rootStatement = signNote(
    formatStatement({
      member: 'zj.example/330800',
      tier: 'city',
      divisions: ['330800'],
      body: '11330800TT00000904',
      host: undefined,
      noteVkey: city.vkey,
      cosignVkey: cityCosigner.vkey,
      serial: 0,
      previous: undefined,
      parent: undefined,
      epoch: 1,
      validFrom: '2026-01-01',
      validTo: '2036-12-31',
      status: 'active',
      actor: '-',
      document: '-',
      reason: 'root',
    }),
    [city],
  )
  const evidence = formatEvidence(
    {
      issuer: 'zj.example/330800',
      epoch: 1,
      issuedMs: TIME + 86_400_000,
      purpose: 'judicial',
      document: '（2026）浙0825民初12号',
      access: new Uint8Array(32).fill(0xcd),
      batchId: batch.id,
      record: { position: 0, leafHash: leafHashAt(body, 0) },
    },
    [
      {
        name: 'record',
        bytes: formatRecordPart({
          salt: body.bytes.subarray(4, 20),
          bytes: Buffer.from('first record'),
        }),
      },
      {
        name: 'path',
        bytes: formatPathPart({
          index: 0,
          size: body.count,
          proof: proveInclusionInMemory(0, body.leafHashes),
        }),
      },
      { name: 'entry zj.example/330800/1 0', bytes: entry },
      {
        name: 'proof zj.example/330800/1 0',
        bytes: formatTlogProof({
          index: 0n,
          proof: [],
          checkpointNote: withLogName(cosigned, parseVkey(city.vkey)),
        }),
      },
      { name: 'statement zj.example/330800 0', bytes: rootStatement },
      { name: 'statement zj.example/330825 0', bytes: statement },
    ],
    city,
  )
  const one = signCheckpoint(
    { origin: 'zj.example/330825/1', size: 3n, root: new Uint8Array(32).fill(0x11) },
    county,
  )
  const other = signCheckpoint(
    { origin: 'zj.example/330825/1', size: 3n, root: new Uint8Array(32).fill(0x22) },
    county,
  )
  const fork = formatFork(
    { log: 'zj.example/330825/1', first: one, second: other, beginning: [] },
    [
      { name: 'statement zj.example/330800 0', bytes: rootStatement },
      { name: 'statement zj.example/330825 0', bytes: statement },
    ],
  )
  const freezeBody = encodeBody(
    [
      signFreeze(
        {
          log: 'zj.example/330800/1',
          size: 2n,
          actor: '张三',
          document: '浙信〔2027〕4号',
          reason: '计划内更换密钥',
        },
        city,
      ),
    ],
    new SeededRandom('final entry'),
  )
  const freezeEntry = formatEntry({
    timeMs: TIME + 3_000,
    source: { kind: 'self' },
    judged: { timeMs: TIME + 3_000, node: 'zj.example/330800' },
    rules: '2026.1',
    verdict: { accepted: true },
    header: sealHeader(
      {
        origin: 'zj.example/330800',
        epoch: 1,
        provider: '11330800TT00000904',
        batchClass: 'control',
        kind: 'freeze',
        item: undefined,
        lanes: [{ target: '**', number: 1n, previous: new Uint8Array(32).fill(0xab) }],
        createdMs: TIME + 3_000,
        records: 1,
        root: bodyRoot(freezeBody),
        extra: [],
      },
      city,
    ).note,
  })
  const final = { size: 2n, root: frontierRoot(appendLeaves(tree, leafHash(freezeEntry))) }
  const nextCity = generateSigner('zj.example/330800', 'ed25519', new Uint8Array(32).fill(5))
  const transition = signNote(
    formatStatement({
      member: 'zj.example/330800',
      tier: 'city',
      divisions: ['330800'],
      body: '11330800TT00000904',
      host: undefined,
      noteVkey: nextCity.vkey,
      cosignVkey: generateSigner('zj.example/330800', 'cosignature', new Uint8Array(32).fill(6))
        .vkey,
      serial: 1,
      previous: createHash('sha256').update(parseNote(rootStatement).text).digest(),
      parent: undefined,
      epoch: 2,
      validFrom: '2026-01-01',
      validTo: '2036-12-31',
      status: 'active',
      actor: '张三',
      document: '浙信〔2027〕4号',
      reason: '计划内更换密钥',
      frozen: final,
    }),
    [city, nextCity],
  )
  return {
    fork: text(fork),
    freeze: text(recordAt(freezeBody, 0)!),
    'final-entry': text(freezeEntry),
    'final-checkpoint': text(signCheckpoint({ origin: 'zj.example/330800/1', ...final }, city)),
    transition: text(transition),
    'next-checkpoint': text(signCheckpoint({ origin: 'zj.example/330800/2', ...final }, nextCity)),
    body: hexDump(body.bytes),
    'batch-id': Buffer.from(batch.id).toString('hex'),
    header: text(batch.note),
    entry: text(entry),
    checkpoint: text(cosigned),
    'tlog-proof': text(formatTlogProof({ index: 0n, proof: [], checkpointNote: cosigned })),
    evidence: text(evidence),
    member: text(statement),
    application: text(signApplication({ ...member, parent: 'zj.example/330800' }, county)),
    receipt: text(
      formatReceiptNote(
        {
          from: 'zj.example/330825',
          log: 'zj.example/330800/1',
          size: 1n,
          classes: { control: 1n, amendment: 0n, normal: 1n, bulk: 0n },
          own: { log: 'zj.example/330825/1', size: 1n, root: leafHash(entry) },
          timeMs: TIME + 2_000,
        },
        [county],
      ),
    ),
    vkeys: [county.vkey, countyCosigner.vkey, city.vkey, cityCosigner.vkey].join('\n'),
  }
}

/** The table of error codes, as markdown. */
export function errorRows(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { kind, status, retry, meaning, meaningZh }]) =>
      `| \`${code}\` | ${kind} | ${status} | ${retry} | ${meaning} | ${meaningZh} |`,
  )
  return [
    '| code | kind | gRPC status | retry | meaning | 含义 |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

/** The table of alarms as nodes/README.md has it, and as its Chinese edition does. */
export function alarmRows(language: 'en' | 'zh' = 'en'): string {
  const severities = { warning: '告警', fault: '故障' }
  const rows = Object.entries(alarmTable).map(
    ([code, { severity, subject, meaning, meaningZh, remedy, remedyZh }]) => {
      const name = `\`${code}\`${subject === '' ? '' : ` ${subject}`}`
      return language === 'zh'
        ? `| ${name} | ${severities[severity]} | ${meaningZh} | ${remedyZh} |`
        : `| ${name} | ${severity} | ${meaning} | ${remedy} |`
    },
  )
  return [
    language === 'zh' ? '| 告警 | 级别 | 含义 | 处理 |' : '| alarm | severity | meaning | do |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function hexDump(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .match(/.{1,64}/g)!
    .join('\n')
}
