/** `huxin log status`: who cosigned how much, and finality by a policy of the reader's own. */
import t, { type Test } from 'tap'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { judgeByPolicy } from '../../src/cli/log-status.ts'
import { cosigners } from '../../src/witness/cosigned.ts'
import { leafHash, nodeHash } from '../../src/merkle/hash.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { generateSigner, type Signer } from '../../src/note/key.ts'
import { parseNote } from '../../src/note/note.ts'
import { parsePolicy } from '../../src/note/policy.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { freePort, runHere } from './program.ts'

const PLACES: readonly Place[] = [
  { id: '330100', tier: 'province', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
  { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] },
]

interface Status {
  readonly log: string
  readonly size: string
  readonly cosigners: readonly { node: string; size: string; behind: string; time?: string }[]
  readonly policy?: {
    readonly final: boolean
    readonly finalSize: string
    readonly witnesses: readonly { name: string; size: string }[]
  }
}

t.test(
  "huxin log status shows each cosigner with what it lacks, and whether the reader's policy is met",
  async (t) => {
    const federation = await TestFederation.start(PLACES, { store: 'disk' })
    t.teardown(() => federation.stop())
    // A port that the command can find in node.yaml.
    const port = await freePort()
    const config = federation.node('330100').config
    await federation.node('330100').close()
    const yaml = join(config.folder, 'node.yaml')
    await writeFile(
      yaml,
      (await readFile(yaml, 'utf8')).replace('listen: 127.0.0.1:0', `listen: 127.0.0.1:${port}`),
    )
    await federation.startNode('330100')
    for (const id of ['330106', '330110']) {
      await federation.writeConfig(PLACES.find((place) => place.id === id)!)
      await federation.node(id).close()
      await federation.startNode(id)
    }
    const city = federation.node('330100')
    const allCosigned = (names: readonly string[]) => async (): Promise<boolean> =>
      (await cosigners(city.context))
        .filter(({ node }) => names.includes(node))
        .every(({ last }) => last?.size === city.context.log().signed.size)
    await federation.until(
      'both counties cosigned',
      allCosigned(['330106', '330110'].map((id) => federation.name(id))),
    )

    const policyFile = join(federation.folder, 'policy.txt')
    const witness = (id: string): string =>
      `witness w${id} ${federation.node(id).context.cosigner.vkey}`
    const lines = [`log ${city.context.log().vkey}`, witness('330106'), witness('330110')]
    const run = async (
      policy?: readonly string[],
      more: readonly string[] = ['--json'],
    ): Promise<{ code: number | null; status: Status; out: string; err: string }> => {
      if (policy) await writeFile(policyFile, `${policy.join('\n')}\n`)
      const { code, out, err } = await runHere([
        'log',
        'status',
        '--node',
        config.folder,
        ...(policy ? ['--policy', policyFile] : []),
        ...more,
      ])
      return {
        code,
        out,
        err,
        status: (more.includes('--json') && out !== '' ? JSON.parse(out) : {}) as Status,
      }
    }
    const both = [...lines, 'group g all w330106 w330110', 'quorum g']
    const either = [...lines, 'group g any w330106 w330110', 'quorum g']

    await t.test('nobody is behind, and a policy that wants all of them is met', async (t) => {
      const { code, status } = await run(both)
      const size = String(city.context.log().signed.size)
      t.equal(code, 0)
      t.match(status, {
        log: city.context.log().origin,
        size,
        policy: {
          final: true,
          finalSize: size,
          quorum: 'g',
          witnesses: [
            { name: 'w330106', size },
            { name: 'w330110', size },
          ],
        },
      })
      t.same(
        status.cosigners.map(({ node, behind }) => [node, behind]),
        [
          ['zj.example/330106', '0'],
          ['zj.example/330110', '0'],
        ],
      )
      t.match(status.cosigners[0]!.time, /^20\d\d-/)
    })

    const before = city.context.log().signed.size
    await federation.node('330110').close()
    federation.nodes.delete('330110')
    for (let i = 0; i < 3; i++) {
      // Nothing of it is for the county, whose loop that cosigns is woken all the same.
      const county = federation.node('330106')
      let woken = false
      void county.context.changes.next(['spine'], 60_000).then(() => {
        woken = true
      })
      await publishRecords(city.context, [industryRecord(i)], ['330100'])
      await federation.until(
        'the county follows',
        () => county.uplink?.follower.verified.size === city.context.log().size,
      )
      await federation.until('it is woken', () => woken, 5_000)
      await federation.until('it cosigns', allCosigned([federation.name('330106')]))
    }

    await t.test(
      'one that is away falls behind, and only a policy that can do without it is met',
      async (t) => {
        const all = await run(both)
        t.equal(all.code, 1)
        t.match(all.status.policy, { final: false, finalSize: String(before) })
        t.same(
          all.status.cosigners.map(({ node, size, behind }) => [node, size, behind]),
          [
            ['zj.example/330106', String(before + 3n), '0'],
            ['zj.example/330110', String(before), '3'],
          ],
        )
        t.match(await run(either), {
          code: 0,
          status: { policy: { final: true, finalSize: String(before + 3n) } },
        })
        t.match(await run([...lines, 'quorum none']), {
          code: 0,
          status: { policy: { final: true } },
        })
        t.match(await run(), { code: 0, status: { policy: undefined } })
      },
    )

    await t.test('people read the same in both languages', async (t) => {
      t.match(
        (await run(both, [])).out,
        new RegExp(
          `zj\\.example/330110 +${before} +3 .*\n\nby the policy: not final; final up to ${before} entries \\(quorum g\\)\n  w330106  ${before + 3n}\n`,
          's',
        ),
      )
      t.match((await run(both, ['--lang', 'zh'])).out, `未终局，已终局至 ${before} 条`)
    })

    await t.test('a policy that knows other keys is not met by the names', async (t) => {
      const stranger = generateSigner(federation.name('330106'), 'cosignature').vkey
      t.match(await run([lines[0]!, `witness w ${stranger}`, 'quorum w']), {
        code: 1,
        status: { policy: { final: false, finalSize: '0' } },
      })
      const otherLog = await run([
        `log ${generateSigner(city.context.self, 'ed25519').vkey}`,
        ...lines.slice(1),
        'quorum none',
      ])
      t.match([otherLog.code, otherLog.err], [1, /signature_invalid/])
      t.equal((await run(['quorum nobody'])).code, 2)
    })

    t.same(await findings(federation), [])
  },
)

t.test('what a node shows is judged by its signatures and proofs alone', async (t: Test) => {
  const log = generateSigner('a.example/1', 'ed25519')
  const witness = generateSigner('b.example/2', 'cosignature')
  const policy = parsePolicy(Buffer.from(`log ${log.vkey}\nwitness w ${witness.vkey}\nquorum w\n`))
  const leaves = [0, 1, 2].map((i) => leafHash(Uint8Array.of(i)))
  const roots = [leaves[0]!, nodeHash(leaves[0]!, leaves[1]!)]
  const note = (
    size: number,
    root: Uint8Array,
    origin = 'a.example/1/1',
    signer: Signer = log,
  ): Uint8Array => signCheckpoint({ origin, size: BigInt(size), root }, signer)
  const cosigned = (bytes: Uint8Array): Uint8Array =>
    addSignatureLines(bytes, [cosign(parseNote(bytes).text, witness, 1n)])
  const newest = note(2, roots[1]!)
  const prove = async (): Promise<readonly Uint8Array[]> => [leaves[1]!]
  t.match(
    await judgeByPolicy(policy, { newest, cosigned: [cosigned(note(1, roots[0]!))], prove }),
    { final: false, finalSize: 1n },
  )
  t.match(await judgeByPolicy(policy, { newest, cosigned: [cosigned(newest)], prove }), {
    final: true,
    finalSize: 2n,
  })
  t.match(await judgeByPolicy(policy, { newest: cosigned(newest), cosigned: [], prove }), {
    final: true,
    finalSize: 2n,
  })
  t.match(await judgeByPolicy(policy, { newest, cosigned: [], prove }), {
    final: false,
    finalSize: 0n,
  })
  t.match(
    await judgeByPolicy(policy, {
      newest,
      cosigned: [cosigned(note(1, roots[0]!, 'a.example/1/2'))],
      prove,
    }),
    { final: false, finalSize: 0n },
    'another epoch',
  )
  t.equal(
    await codeOf(
      judgeByPolicy(policy, { newest, cosigned: [cosigned(note(1, leaves[2]!))], prove }),
    ),
    'proof_invalid',
    'a tree that it did not grow from',
  )
  t.equal(
    await codeOf(
      judgeByPolicy(policy, { newest, cosigned: [cosigned(note(2, leaves[2]!))], prove }),
    ),
    'proof_invalid',
    'two trees of one size',
  )
  for (const origin of [
    'a.example/1x',
    'a.example/1/',
    'a.example/1/01',
    'a.example/1/1/1',
    'a.example/1/x',
    'a.example',
  ]) {
    t.equal(
      await codeOf(
        judgeByPolicy(policy, { newest: note(2, roots[1]!, origin), cosigned: [], prove }),
      ),
      'signature_invalid',
      `the key of a.example/1 speaks not for ${origin}`,
    )
  }
})
