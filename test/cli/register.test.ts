/** `huxin provider`, `huxin client`, `huxin approval` and who is named where: against a running node, in both languages and as JSON. */
import t from 'tap'
import { basename, join } from 'node:path'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'
import { caller } from '../support/callers.ts'
import { findings } from '../support/checks.ts'
import { TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { runHere } from './program.ts'

t.setTimeout(0)

const HEALTH = syntheticUscc('11330000', 'TT000090')
const act = ['--reason', '新接入', '--document', '浙信〔2026〕7号']
const federation = await TestFederation.start(
  [{ id: '330000', tier: 'province', divisions: ['330000'] }],
  { store: 'disk' },
)
t.teardown(() => federation.stop())
const at = [
  '--node',
  federation.folderOf('330000'),
  '--address',
  `127.0.0.1:${federation.node('330000').port}`,
]

async function does(
  t: Tap,
  words: readonly string[],
  out: RegExp,
  language = 'en',
): Promise<string> {
  const ran = await runHere([...words, ...at, '--lang', language])
  t.match(ran, { code: 0, err: '', out }, `${words.join(' ')} ${ran.err}`)
  return ran.out
}

async function fails(t: Tap, words: readonly string[], code: number, err: RegExp): Promise<void> {
  t.match(await runHere([...words, ...at, '--lang', 'en']), { code, err }, words.join(' '))
}

async function json(words: readonly string[]): Promise<unknown> {
  const { out } = await runHere([...words, ...at, '--json'])
  return JSON.parse(out) as unknown
}

type Tap = Pick<typeof t, 'match' | 'equal' | 'same'>

t.test('bodies and clients are entered, listed, suspended and ended', async (t) => {
  const { certificateFile } = await issueDevelopmentLeaf(federation.pki, {
    tier: 'province',
    role: 'client',
    nodeId: '330000',
    name: '卫健前置机',
  })
  await does(t, ['client', 'list'], /^no client is registered: enter one with huxin client add\n$/)
  await does(t, ['client', 'list'], /^尚未登记客户端/, 'zh')
  await fails(
    t,
    ['client', 'add', 'x', '--body', HEALTH, ...act],
    1,
    /^error provider_denied .*enter it first with huxin provider add\n$/,
  )
  await does(
    t,
    ['provider', 'add', HEALTH, '省卫生健康委', ...act],
    new RegExp(`^${HEALTH}: active; logged as [0-9a-f]{64}\\n$`),
  )
  await does(
    t,
    ['provider', 'add', HEALTH, '省卫生健康委', ...act],
    new RegExp(`^${HEALTH}：正常；名册原已如此\\n$`),
    'zh',
  )
  await does(
    t,
    ['provider', 'list'],
    new RegExp(`\\(this node\\) +active\\n${HEALTH} +省卫生健康委 +active\\n$`),
  )
  t.match(await json(['provider', 'list']), [
    { status: 'active' },
    { body: HEALTH, name: '省卫生健康委', status: 'active' },
  ])

  await does(
    t,
    [
      'client',
      'add',
      '--body',
      HEALTH,
      '--certificate',
      certificateFile,
      '--role',
      'publish',
      '--role',
      'query',
      ...act,
    ],
    new RegExp(`^卫健前置机 acts for ${HEALTH}; logged as `),
  )
  await does(
    t,
    ['client', 'list'],
    new RegExp(
      `^client +body +may +certificates +status\\n[─ ]+\\n卫健前置机 +${HEALTH} +publish, query +[0-9A-F]+ +active\\n$`,
    ),
  )
  await does(
    t,
    ['client', 'list'],
    new RegExp(`卫健前置机 +${HEALTH} +报送、查询 +[0-9A-F]+ +正常\\n$`),
    'zh',
  )
  t.match(await json(['client', 'list']), [
    {
      name: '卫健前置机',
      body: HEALTH,
      roles: ['publish', 'query'],
      serials: [/^[0-9A-F]+$/],
      status: 'active',
    },
  ])
  for (const [verb, status] of [
    ['suspend', 'suspended'],
    ['activate', 'active'],
    ['remove', 'ended'],
  ] as const) {
    await does(
      t,
      ['client', verb, '卫健前置机', ...act],
      new RegExp(`^卫健前置机: ${status}; logged as `),
    )
    t.match(await json(['client', 'list']), [{ status, body: HEALTH }])
  }
  await does(t, ['provider', 'remove', HEALTH, ...act], new RegExp(`^${HEALTH}: ended; logged as `))

  await fails(t, ['client', 'suspend', 'nobody', ...act], 1, /^error not_found /)
  await fails(
    t,
    ['client', 'add', 'x', '--body', HEALTH, '--role', 'rule', ...act],
    2,
    /Allowed choices are amend \(变更\), publish \(报送\), query \(查询\)/,
  )
  await fails(
    t,
    ['client', 'add', 'other', '--body', HEALTH, '--certificate', certificateFile, ...act],
    2,
    /is the certificate of client 卫健前置机 of zj\.example\/330000: give that of client other of zj\.example\/330000/,
  )
  await fails(
    t,
    [
      'client',
      'add',
      '--body',
      HEALTH,
      '--certificate',
      join(federation.folder, 'nodes', '330000', 'node.yaml'),
      ...act,
    ],
    2,
    /is no certificate of a client/,
  )
  await fails(t, ['client', 'add', '--body', HEALTH, ...act], 2, /name the client/)
})

t.test(
  'an erasure waits for another operator, and machines and persons are told apart',
  async (t) => {
    await federation.registerClient('330000')
    const client = await caller(t, federation, '330000', {
      role: 'client',
      name: 'bench',
      tier: 'province',
    })
    const { batchId } = await client.records.publish(
      { item: INDUSTRY_ITEM, targets: ['330000'], records: [industryRecord(1)] },
      { timeoutMs: 30_000 },
    )
    const batch = Buffer.from(batchId).toString('hex')
    await does(t, ['show', batch], /\nfrom: client bench\n/)
    await does(t, ['show', batch], /\n来自：本级客户端 bench\n/, 'zh')
    await does(t, ['log', 'list', '--limit', '1000'], /evaluation .* client bench +accepted\n/)
    await does(t, ['log', 'list', '--limit', '1000'], /名册 .* 本级操作员 张三 +已入账\n/, 'zh')

    await does(t, ['approval', 'list'], /^nothing waits for a second person\n$/)
    await does(t, ['approval', 'list'], /^没有待双人办理的事项\n$/, 'zh')
    await fails(
      t,
      ['amend', 'erase', batch, '0', '--basis', 'erase/court'],
      2,
      /^error argument_invalid .*give --document\n$/,
    )
    const said = await does(
      t,
      ['amend', 'erase', batch, '0', '--basis', 'erase/court', '--document', '浙法〔2026〕1号'],
      /^e-1 · .*\nnothing is published yet: another operator grants it with huxin approval grant [0-9a-f]{64}\n$/,
    )
    const id = said.trim().slice(-64)
    await does(
      t,
      ['approval', 'list'],
      new RegExp(`${id} +erase: 1 +张三 +\\S+ \\S+ \\S+ +waiting`),
    )
    await does(
      t,
      ['approval', 'list'],
      new RegExp(`${id} +删除：1 条 +张三 +\\S+ \\S+ \\S+ +待批准`),
      'zh',
    )
    await does(
      t,
      ['approval', 'show', id],
      new RegExp(
        `^waiting; asked for by 张三[\\s\\S]*erase +${batch} +0 +\\S+ +erase/court +浙法〔2026〕1号\\n$`,
      ),
    )
    t.match(await json(['approval', 'show', id]), {
      id,
      state: 'waiting',
      proposer: '张三',
      changes: [{ action: 'erase', batchId: batch, position: 0 }],
    })
    await fails(
      t,
      ['approval', 'grant', id, ...act],
      1,
      /^error role_denied .*another operator grants it, with a certificate in another name \(--as\)\n$/,
    )
    await fails(t, ['approval', 'show', 'ff'], 2, /64 hexadecimal digits/)
    const li = await issueDevelopmentLeaf(federation.pki, {
      tier: 'province',
      role: 'operator',
      nodeId: '330000',
      name: '李四',
    })
    await does(
      t,
      ['approval', 'grant', id, '--as', '李四', ...act],
      /^granted; 1 change\(s\) go to the whole federation\n$/,
    )
    await fails(
      t,
      ['approval', 'list'],
      2,
      /several operators have certificates here \(张三 \(operator-\S+\.crt\), 李四 \(operator-\S+\.crt\)\): say who you are, with --as <name> or HUXIN_AS\n$/,
    )
    await fails(
      t,
      ['approval', 'list', '--as', '王五'],
      2,
      /nobody named 王五 has a certificate beside that of the node; these persons have one: 张三 \(\S+\), 李四 \(\S+\)\n$/,
    )
    for (const as of [li.certificateFile, basename(li.certificateFile)])
      t.match(
        await json(['approval', 'list', '--as', as]),
        [{ id, state: 'published', decision: { actor: '李四' } }],
        as,
      )

    const { batchId: second } = await client.records.publish(
      { item: INDUSTRY_ITEM, targets: ['330000'], records: [industryRecord(2)] },
      { timeoutMs: 30_000 },
    )
    const waits = (await json([
      'amend',
      'erase',
      Buffer.from(second).toString('hex'),
      '0',
      '--basis',
      'x',
      '--document',
      'd',
      '--as',
      '张三',
    ])) as { approval: string }
    await does(
      t,
      ['approval', 'reject', waits.approval, '--as', '张三', ...act],
      /^已驳回，未发布任何变更\n$/,
      'zh',
    )
    t.same(await findings(federation), [])
  },
)
