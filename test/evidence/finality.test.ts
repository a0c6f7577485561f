/** `huxin verify --policy`: proofs that Go wrote and evidence, judged by the reader's own witnesses and quorum. */
import t from 'tap'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { evidenceFaults } from '../../src/evidence/faults.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { generateSigner, parseVkey } from '../../src/note/key.ts'
import { parseNote } from '../../src/note/note.ts'
import { formatTlogProof, logVkey, parseTlogProof } from '../../src/note/tlog-proof.ts'
import { runHere, runProgram } from '../cli/program.ts'
import { examples } from '../docs/examples.ts'

const home = await mkdtemp(join(tmpdir(), 'huxin-final-'))
t.teardown(() => rm(home, { recursive: true, force: true }))
const { log } = JSON.parse(
  await readFile(join(process.cwd(), 'test/foreign/vectors.json'), 'utf8'),
) as { log: { vkey: string; entries: string[]; proofs: string[]; policy: string } }
const witness = (name: string) =>
  generateSigner(`${name}.example`, 'cosignature', Buffer.alloc(32, name.charCodeAt(1)))

/** The proof of entry 6, which w1 and w2 cosigned, cosigned by these as well. */
function proofWith(...names: readonly string[]): string {
  const { checkpointNote, ...rest } = parseTlogProof(Buffer.from(log.proofs[6]!))
  const { text } = parseNote(checkpointNote)
  return Buffer.from(
    formatTlogProof({
      ...rest,
      checkpointNote: addSignatureLines(
        checkpointNote,
        names.map((name) => cosign(text, witness(name), 1_795_396_448n)),
      ),
    }),
  ).toString()
}

/** Runs `huxin verify` on a proof with its entry beside it. */
async function verified(
  proof: string,
  policy: string,
  { entry = log.entries[6]!, words = [] as readonly string[] } = {},
): Promise<{ code: number | null; out: string; err: string; fault: string }> {
  await writeFile(join(home, 'p.tlog-proof'), proof)
  await writeFile(join(home, 'p.entry'), entry)
  await writeFile(join(home, 'policy.txt'), policy)
  const ran = await runHere([
    'verify',
    join(home, 'p.tlog-proof'),
    '--policy',
    join(home, 'policy.txt'),
    '--lang',
    'en',
    ...words,
  ])
  const json = JSON.parse(
    (
      await runHere([
        'verify',
        join(home, 'p.tlog-proof'),
        '--policy',
        join(home, 'policy.txt'),
        '--json',
        ...words,
      ])
    ).out,
  ) as { error?: { details: { fault?: string } } }
  return { ...ran, fault: json.error?.details.fault ?? 'none' }
}

t.test(
  'a proof that Go wrote is final when the quorum has cosigned it, on a machine with nothing but the files',
  async (t) => {
    await verified(proofWith('w4'), log.policy)
    const { code, out, err } = await runProgram(
      ['verify', join(home, 'p.tlog-proof'), '--policy', join(home, 'policy.txt'), '--lang', 'en'],
      { HOME: home },
    )
    t.match([code, err], [0, ''])
    t.match(
      out,
      /^PROVEN: this is entry 6 of the log example\.com\/log\/testdata\nFINAL by your policy: the tree of 15 cosigned by w1, w2, w4 \(quorum all-tiers\)\n/,
    )
    t.match(
      (
        await runHere([
          'verify',
          join(home, 'p.tlog-proof'),
          '--policy',
          join(home, 'policy.txt'),
          '--lang',
          'zh',
        ])
      ).out,
      /^已证明：该条目是日志 .*\n按您的策略已终局：共 15 条的日志由 w1、w2、w4 见证（法定 all-tiers）/,
    )
    const json = JSON.parse(
      (
        await runHere([
          'verify',
          join(home, 'p.tlog-proof'),
          '--policy',
          join(home, 'policy.txt'),
          '--json',
        ])
      ).out,
    ) as object
    t.match(json, {
      proven: true,
      final: true,
      index: '6',
      size: '15',
      witnesses: ['w1', 'w2', 'w4'],
      quorum: 'all-tiers',
    })
    t.match(
      await verified(proofWith(), log.policy.replace('quorum all-tiers', 'quorum none')),
      { code: 0, fault: 'none' },
      'a policy that wants nobody',
    )
    t.match(await verified(proofWith(), log.policy.replace('quorum all-tiers', 'quorum cities')), {
      code: 0,
      out: /quorum cities/,
    })
  },
)

t.test('each way of not being final has its own message', async (t) => {
  const stranger = generateSigner('example.com/log/testdata', 'ed25519')
  const other = generateSigner('example.com/other', 'ed25519')
  const good = proofWith('w4')
  const forged = (text: string): string =>
    text.replace(
      /(— w4\.example .{30})(.)/,
      (_, head: string, letter: string) => `${head}${letter === 'A' ? 'B' : 'A'}`,
    )
  const rows: readonly (readonly [string, string, string, string, RegExp])[] = [
    [
      'too few witnesses',
      proofWith(),
      log.policy,
      'policy_quorum',
      /too few witnesses .* cosigned by w1, w2, wanted is all-tiers, 2 of cities, w4/,
    ],
    [
      'one of the cities',
      proofWith('w4').replace(/— w1\.example .*\n/, ''),
      log.policy,
      'policy_quorum',
      /cosigned by w2, w4/,
    ],
    [
      'nobody',
      good.replace(/— w\d\.example .*\n/g, ''),
      log.policy,
      'policy_quorum',
      /cosigned by none/,
    ],
    [
      'a log that the policy does not name',
      good,
      log.policy.replace(log.vkey, other.vkey),
      'policy_log',
      /does not know this log: example\.com\/log\/testdata; it knows example\.com\/other/,
    ],
    [
      'a policy without logs',
      good,
      log.policy.replace(/^log .*\n/, ''),
      'policy_log',
      /it knows none/,
    ],
    [
      "the log's name with another key",
      good,
      log.policy.replace(log.vkey, stranger.vkey),
      'policy_signature',
      /not signed with the key that the policy has for this log/,
    ],
    [
      'a signature of the log that is off by a letter',
      good.replace(
        /(— example\.com\/log\/testdata .{20})(.)/,
        (_, head: string, letter: string) => `${head}${letter === 'A' ? 'B' : 'A'}`,
      ),
      log.policy,
      'policy_signature',
      /does not verify/,
    ],
    [
      'a cosignature that is off by a letter',
      forged(good),
      log.policy,
      'policy_cosignature',
      /a cosignature of a witness of the policy does not verify: w4 on the checkpoint/,
    ],
    [
      'another proof',
      proofWith('w4').replace(/^index 6$/m, 'index 7'),
      log.policy,
      'not_logged',
      /not in the log that was signed: example\.com\/log\/testdata 7/,
    ],
    [
      'a hash of the path',
      good.replace(
        /(index 6\n)(.)/,
        (_, head: string, letter: string) => `${head}${letter === 'A' ? 'B' : 'A'}`,
      ),
      log.policy,
      'not_logged',
      /not in the log/,
    ],
    [
      'a proof of garbage',
      'c2sp.org/tlog-proof@v1\nindex x\n\n',
      log.policy,
      'part_malformed',
      /has no index line/,
    ],
    [
      'a checkpoint of garbage',
      'c2sp.org/tlog-proof@v1\nindex 0\n\ntrust me\n',
      log.policy,
      'part_malformed',
      /checkpoint/,
    ],
  ]
  for (const [what, proof, policy, fault, message] of rows) {
    const ran = await verified(proof, policy)
    t.match(ran, { code: 1, out: '', err: message, fault }, what)
  }
  t.match(
    await verified(good, log.policy, { entry: log.entries[7]! }),
    { code: 1, fault: 'not_logged' },
    'another entry',
  )
  t.match(
    await verified(good, 'quorum nobody\n'),
    { code: 2, err: /line 1 names "nobody", which is not defined before/ },
    'a wrong policy',
  )
  t.equal(
    new Set(
      Object.entries(evidenceFaults)
        .filter(([fault]) => fault.startsWith('policy_'))
        .flatMap(([, { meaning, meaningZh }]) => [meaning, meaningZh]),
    ).size,
    8,
  )
})

t.test('says what it is missing', async (t) => {
  await verified(proofWith('w4'), log.policy)
  t.match(await runHere(['verify', join(home, 'p.tlog-proof'), '--lang', 'en']), {
    code: 2,
    err: /a \.tlog-proof is judged by a policy .*: give --policy/,
  })
  t.match(
    await runHere([
      'verify',
      join(home, 'p.tlog-proof'),
      '--policy',
      join(home, 'absent'),
      '--lang',
      'en',
    ]),
    { code: 2, err: /absent cannot be read/ },
  )
  await writeFile(join(home, 'other.bin'), log.entries[6]!)
  t.match(
    await runHere([
      'verify',
      join(home, 'p.tlog-proof'),
      '--policy',
      join(home, 'policy.txt'),
      '--entry',
      join(home, 'other.bin'),
      '--lang',
      'en',
    ]),
    { code: 0 },
  )
})

t.test('evidence is verified by its root key and judged by a policy besides', async (t) => {
  const { evidence, vkeys, fork } = examples()
  const [, cosigner, city] = vkeys!.split('\n') as [string, string, string, string]
  const file = join(home, 'evidence.txt')
  const policyFile = join(home, 'policy.txt')
  await writeFile(file, evidence!)
  const judged = async (policy: string, ...words: readonly string[]) => {
    await writeFile(policyFile, policy)
    return runHere(['verify', file, '--root', city, '--policy', policyFile, ...words])
  }
  for (const logKey of [city, logVkey('zj.example/330800/1', parseVkey(city))]) {
    const policy = `log ${logKey}\nwitness county ${cosigner}\nquorum county\n`
    t.match(
      await judged(policy, '--lang', 'en'),
      {
        code: 0,
        out: /^PROVEN: record 0[\s\S]*\nFINAL by your policy: zj\.example\/330800\/1, entry 0, the tree of 1 cosigned by county \(quorum county\)\n$/,
      },
      'the key as members name it, and as tools do',
    )
    t.match(JSON.parse((await judged(policy, '--json')).out), {
      proven: true,
      final: true,
      policy: [{ log: 'zj.example/330800/1', final: true, witnesses: ['county'] }],
    })
  }
  const nobody = generateSigner('nobody.example', 'cosignature')
  t.match(
    await judged(`log ${city}\nwitness nobody ${nobody.vkey}\nquorum nobody\n`, '--lang', 'en'),
    { code: 1, out: '', err: /too few witnesses .* cosigned by none, wanted is nobody/ },
  )
  t.match(
    await judged(`log ${city}\nwitness nobody ${nobody.vkey}\nquorum nobody\n`, '--lang', 'zh'),
    { code: 1, err: /见证策略所列见证方签名不足/ },
  )
  t.match(await judged(`log ${log.vkey}\nquorum none\n`, '--lang', 'en'), {
    code: 1,
    err: /the policy does not know this log: zj\.example\/330800\/1/,
  })
  await writeFile(file, evidence!.replace('purpose judicial', 'purpose other'))
  t.match(
    await judged(`log ${city}\nquorum none\n`, '--lang', 'en'),
    { code: 1, err: /issuance/ },
    'a policy does not replace the verification',
  )
  await writeFile(file, fork!)
  t.match(await judged(`log ${city}\nquorum none\n`, '--lang', 'en'), {
    code: 2,
    err: /a policy says nothing of a fork/,
  })
})
