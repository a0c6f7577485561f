import t from 'tap'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Context } from '../../src/commit/context.ts'
import { childReceipt } from '../../src/witness/delivery.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { waitingFor } from '../../src/account/reconcile.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { loadConfig } from '../../src/node/config.ts'
import { recoverNode } from '../../src/node/setup.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import type { Member } from '../../src/topology/member.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { SEVEN, TestFederation } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { act, held, settled, source } from '../support/settled.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(150_000)

t.test('what is said of members flows to the whole federation', async (t) => {
  const federation = await TestFederation.start(SEVEN, { store: 'disk' })
  t.teardown(() => federation.stop())
  await settled(federation)
  const city = (): Context => federation.node('330700').context
  const name = 'zj.example/330783'
  const everywhere = (
    what: string,
    holds: (member: Member | undefined) => boolean,
  ): Promise<void> =>
    federation.until(`every node knows: ${what}`, () =>
      [...federation.nodes.values()].every(({ context }) =>
        holds(context.ledger().federation.member(name)),
      ),
    )
  const send = (recordId: string): Promise<unknown> =>
    publishRecords(
      federation.node('330783').context,
      [industryRecord(1, { prefix: recordId })],
      ['330000', '330106'],
    )
  const arrived = async (recordId: string): Promise<boolean> =>
    (await held(federation, '330000', `${recordId}-1`)) &&
    (await held(federation, '330106', `${recordId}-1`))

  await t.test('a county joins a running federation', async (t) => {
    await federation.add({ id: '330783', tier: 'county', parent: '330700', divisions: ['330783'] })
    await everywhere(
      '330783 has joined',
      (member) =>
        member?.serial === 0 && member.status === 'active' && member.parent === 'zj.example/330700',
    )
    await settled(federation)
    t.equal(
      federation.node('330783').context.ledger().federation.all().length,
      8,
      'it knows everyone too',
    )
    await federation.until('it may sign', () => federation.node('330783').state === 'serving')
    await send('joined')
    await federation.until('it exchanges records', () => arrived('joined'))
  })

  await t.test(
    'a suspended county is refused at its city, keeps its work, and goes on when it is active again',
    async (t) => {
      await setMemberStatus(city(), { member: name, status: 'suspended', act, source })
      // The county itself hears it when it may call again.
      await federation.until('every other node knows it', () =>
        [...federation.nodes].every(
          ([id, { context }]) =>
            id === '330783' || context.ledger().federation.member(name)?.status === 'suspended',
        ),
      )
      const size = city().log().size
      await send('suspended')
      await federation.until('it is told so', () =>
        federation
          .node('330783')
          .alarms.list()
          .includes('suspended: zj.example/330700 has suspended this node: test (测〔2026〕8号)'),
      )
      const { batch, body } = forge(
        federation.node('330783').context,
        [industryRecord(2)],
        ['330000'],
      )
      t.equal(
        await codeOf(
          doorOf(city()).accept({
            header: batch.note,
            body: body.bytes,
            source: { kind: 'child', node: name },
          }),
        ),
        'member_suspended',
      )
      t.equal(city().log().size, size, 'nothing of it was logged at the city')
      await publishRecords(
        federation.node('330782').context,
        [industryRecord(3, { prefix: 'beside' })],
        ['330106'],
      )
      await federation.until('the county beside it goes on', () =>
        held(federation, '330106', 'beside-3'),
      )
      await setMemberStatus(city(), { member: name, status: 'active', act, source })
      await everywhere(
        '330783 is active',
        (member) => member?.serial === 2 && member.status === 'active',
      )
      await federation.until('what it wrote meanwhile arrives', () => arrived('suspended'))
      await federation.until('no alarm is left', () => federation.alarms().length === 0)
    },
  )

  await t.test(
    'a county that recovers is re-keyed as a new epoch, and its earlier batches still verify',
    async (t) => {
      const before = federation.node('330783')
      const { noteVkey } = city().ledger().federation.member(name)!
      await before.close()
      await recoverNode(federation.folderOf('330783'), { clock: systemClock, random: systemRandom })
      await federation.startNode('330783')
      await everywhere(
        '330783 has epoch 2',
        (member) =>
          member?.epoch === 2 &&
          member.serial === 3 &&
          member.noteVkey !== noteVkey &&
          member.epochs.length === 2,
      )
      await federation.until('it has its earlier batches back', () =>
        held(federation, '330783', 'joined-1'),
      )
      await federation.until('it may sign', () => federation.node('330783').state === 'serving')
      await send('rekeyed')
      await federation.until('the new epoch is exchanged', () => arrived('rekeyed'))
      t.equal(federation.node('330783').context.log().origin, `${name}/2`)
    },
  )

  await t.test('a retired county stays retired', async (t) => {
    await setMemberStatus(city(), { member: name, status: 'retired', act, source })
    await federation.until('every other node knows it', () =>
      [...federation.nodes].every(
        ([id, { context }]) =>
          id === '330783' || context.ledger().federation.member(name)?.status === 'retired',
      ),
    )
    await federation.until('it is told so', () =>
      federation
        .node('330783')
        .alarms.list()
        .some((line) => line.startsWith('suspended: zj.example/330700 has retired this node')),
    )
    t.equal(
      await codeOf(setMemberStatus(city(), { member: name, status: 'active', act, source })),
      'statement_invalid',
    )
    await send('retired')
    await publishRecords(
      federation.node('330782').context,
      [industryRecord(4, { prefix: 'last' })],
      ['330000', '330106'],
    )
    await federation.until('the others go on', () =>
      arrived('last').then(() => held(federation, '330106', 'last-4')),
    )
    t.equal(await held(federation, '330106', 'retired-1'), false)
    t.equal(
      await codeOf(
        setMemberStatus(federation.node('330000').context, {
          member: name,
          status: 'active',
          act,
          source,
        }),
      ),
      'argument_invalid',
      'a grandparent does not speak for it',
    )
  })

  t.same(await findings(federation), [])
})

t.test('a child that is away for days costs its parent nothing but the log', async (t) => {
  let daysLater = 0
  const shift = (): number => daysLater * 86_400_000
  const clock: Clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + shift(),
    monotonicMs: () => systemClock.monotonicMs() + shift(),
  }
  const federation = await TestFederation.start(
    [
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330106', tier: 'county', parent: '330000', divisions: ['330106'] },
      { id: '330110', tier: 'county', parent: '330000', divisions: ['330110'] },
    ],
    { store: 'disk', clock },
  )
  t.teardown(() => federation.stop())
  await settled(federation)
  const { context } = federation.node('330000')
  const name = 'zj.example/330106'
  await federation.until(
    'the county signed for everything',
    async () => (await childReceipt(context, name))?.receipt.classes.control === context.log().size,
  )
  t.equal(await waitingShown(federation, name), 0n)
  const { port } = federation.node('330106')
  await federation.node('330106').close()

  // Batches as large as they may be, of a kind that nobody opens.
  const large = (): Uint8Array[] =>
    Array.from({ length: 50 }, () => systemRandom.fill(new Uint8Array(64_000)))
  const days = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      daysLater += 0.1
      await publishRecords(context, large(), ['330106'], { kind: 'x-weather' })
    }
    await context.indexer.caughtUp()
  }
  await days(12)
  const before = await memoryBytes()
  await days(25)
  const grown = (await memoryBytes()) - before
  t.ok(grown < 12_000_000, `80 MB were written for it, memory grew by ${grown} bytes`)
  t.equal(await waitingShown(federation, name), 37n, 'the log alone says what is due')
  t.same(await waitingFor(context, name, await childReceipt(context, name)), {
    control: 0,
    amendment: 0,
    normal: 37,
    bulk: 0,
  })
  t.same(
    await waitingFor(
      context,
      'zj.example/330110',
      await childReceipt(context, 'zj.example/330110'),
    ),
    { control: 0, amendment: 0, normal: 0, bulk: 0 },
  )

  const config = await loadConfig(federation.folderOf('330106'))
  const { context: county } = await federation.startNode('330106', {
    config: { ...config, listen: { host: '127.0.0.1', port } },
  })
  await federation.until(
    'the county has caught up',
    () => county.ledger().lanes.get(`zj.example/330000 1 330106 normal`)?.number === 36n,
    40_000,
  )
  await federation.until(
    'and signed for it',
    async () => (await waitingShown(federation, name)) === 0n,
  )
  t.same(await findings(federation), [])
})

/** What `huxin node status` at the province shows as waiting for a child. */
async function waitingShown(
  federation: TestFederation,
  child: string,
): Promise<bigint | undefined> {
  const certs = join(federation.pki.folder, '330000')
  const operator = (await readdir(certs))
    .find((file) => /^operator-.*\.crt$/.test(file))!
    .slice(0, -4)
  const { material } = await loadTlsMaterial(
    {
      certificateFile: `${certs}/${operator}.crt`,
      keyFile: `${certs}/${operator}.key`,
      rootFiles: [`${federation.pki.folder}/root.crt`],
    },
    systemClock.nowMs(),
  )
  const channel = WireChannel.dial({
    address: `127.0.0.1:${federation.node('330000').port}`,
    expectedNodeName: 'zj.example/330000',
    material,
    clock: systemClock,
  })
  try {
    const { children } = await channel.client(AdminService).getStatus({}, { timeoutMs: 10_000 })
    return children.find(({ node }) => node === child)?.waiting
  } finally {
    channel.close()
  }
}

/** Memory that is reachable: heap, and buffers outside it. */
async function memoryBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
