import t, { type Test } from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { OperatorActSchema } from '../../src/gen/huxin/v1/access_pb.ts'
import { findBatch } from '../../src/query/query.ts'
import { publish } from '../../src/publish/publish.ts'
import { defaultQuotas, type QuotaLimits } from '../../src/commit/quotas.ts'
import { loadConfig, parseConfig } from '../../src/node/config.ts'
import { codeOf, findings, type Forged, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { FOUR, passes } from '../support/four.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { packed, Rogue } from '../support/rogue.ts'
import { doorOf } from '../support/doors.ts'

const ROGUE = '330182'

/** Four nodes, and a county in the hands of the test. */
async function start(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(FOUR)
  t.teardown(() => federation.stop())
  await federation.init({ id: ROGUE, tier: 'county', parent: '330100', divisions: [ROGUE] })
  await federation.until('catalog and members are everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined &&
        context.ledger().federation.member(ROGUE) !== undefined,
    ),
  )
  return federation
}

/** Starts a node again with other quotas. */
async function limit(
  federation: TestFederation,
  id: string,
  quotas: Partial<QuotaLimits>,
): Promise<void> {
  const node = federation.node(id)
  const { port } = node
  await node.close()
  const config = await loadConfig(federation.folderOf(id))
  await federation.startNode(id, {
    config: {
      ...config,
      listen: { host: '127.0.0.1', port },
      quotas: { ...defaultQuotas, ...quotas },
    },
  })
  await federation.until(`${id} serves`, () => federation.node(id).state !== 'starting')
}

let serial = 0

t.test('a member that uses up a quota is told so, and nobody else notices', async (t) => {
  const federation = await start(t)
  await limit(federation, '330100', { refusedPerHour: 10, lanes: 5, unreadBytesPerDay: 50_000 })
  const rogue = await Rogue.at(federation, ROGUE, '330100')
  t.teardown(() => rogue.close())
  const city = (): TestFederation['nodes'] extends Map<string, infer N> ? N : never =>
    federation.node('330100')
  const bad = (): Forged => rogue.forge([industryRecord(serial++, { grade: 'Z' })], ['330000'])

  await t.test('lanes: no more are opened, those that are there go on', async (t) => {
    const targets = ['330000', '330100', '330106', '330110', '**']
    for (const target of targets)
      t.equal(
        (await rogue.send(packed(rogue.forge([industryRecord(serial++)], [target])))).code,
        '',
        target,
      )
    t.match(federation.alarms(), [
      /^330100: quota zj.example\/330182 lanes: zj.example\/330182 has 5 lanes here and may have 5/,
    ])
    const size = city().context.log().size
    const more = await rogue.send(packed(rogue.forge([industryRecord(serial++)], ['330100/**'])))
    t.equal(more.code, 'quota_exceeded', more.outcome.errorMessage)
    t.match(more.outcome.errorMessage, /quotas\.lanes/)
    t.equal(city().context.log().size, size)
    t.equal(
      (await rogue.send(packed(rogue.forge([industryRecord(serial++)], ['330106'])))).code,
      '',
    )
    await passes(federation, '330106', '330000')
  })

  await t.test(
    'refused batches open no lanes, have their numbers, and are so many in an hour',
    async (t) => {
      const first = rogue.forge([industryRecord(serial++, { grade: 'Z' })], ['330106/**'])
      t.equal((await rogue.send(packed(first))).code, 'record_invalid')
      const lane = `${rogue.name} 1 330106/** normal`
      t.match(city().context.ledger().lanes.get(lane), { number: 0n, open: false })
      const heads: string[] = []
      for await (const [name] of city().context.ledger().lanes.heads()) heads.push(name)
      t.notOk(heads.includes(lane))
      t.equal(
        (
          await rogue.send(
            packed(rogue.forge([industryRecord(serial++, { grade: 'Z' })], ['330106/**'])),
          )
        ).code,
        'record_invalid',
        'the next number follows',
      )
      await federation.until(
        'the county has both',
        async () =>
          (await federation.node('330106').context.ledger().lanes.read(lane))?.number === 1n,
      )
      for (let i = 2; i < 10; i++) t.equal((await rogue.send(packed(bad()))).code, 'record_invalid')
      t.ok(
        federation
          .alarms()
          .some((line) =>
            /^330100: quota zj.example\/330182 refusedPerHour: .* has used 9 of 10/.test(line),
          ),
      )
      t.ok(
        federation
          .alarms()
          .includes(
            '330100: refusals zj.example/330182: 10 batches of zj.example/330182 were refused in this hour',
          ),
      )
      const size = city().context.log().size
      for (const forged of [bad(), rogue.forge([industryRecord(serial++)], ['330000'])]) {
        const answer = await rogue.send(packed(forged))
        t.equal(answer.code, 'quota_exceeded', answer.outcome.errorMessage)
        t.match(answer.outcome.errorMessage, /send the batch again at \d{4}-/)
      }
      t.equal(city().context.log().size, size, 'nothing of it is logged')
      await passes(federation, '330106', '330000')
      await passes(federation, '330110', '330106')
    },
  )

  await t.test('a start is no way around it', async (t) => {
    await federation.until('the counts are kept', async () => {
      await doorOf(city().context).review()
      return (await city().context.store.get(Buffer.from(`pquota/${rogue.name}`))) !== undefined
    })
    await limit(federation, '330100', { refusedPerHour: 10 })
    const again = await Rogue.at(federation, ROGUE, '330100')
    t.teardown(() => again.close())
    t.equal(
      (await again.send(packed(again.forge([industryRecord(serial++)], ['330000'])))).code,
      'quota_exceeded',
    )
  })
  t.same(await findings(federation), [])
})

t.test(
  'what a node itself publishes has its quota too, and acts have one of their own',
  async (t) => {
    const federation = await start(t)
    const { context } = federation.node('330106')
    await limit(federation, '330106', { unreadBytesPerDay: 4_000 })
    const county = federation.node('330106').context
    const unread = () =>
      publish(county, {
        kind: 'x-weather',
        item: undefined,
        provider: BODY,
        targets: ['330000'],
        batchClass: 'normal',
        records: [Buffer.alloc(3_000)],
        source: { kind: 'client', name: 'test' },
      })
    t.equal((await unread()).refusal, undefined)
    t.equal(await codeOf(unread()), 'quota_exceeded')
    await passes(federation, '330106', '330000')
    t.equal(context.self, county.self)
    await limit(federation, '330106', { entriesPerDay: 3 })
    const limited = federation.node('330106').context
    while ((await codeOf(publishRecords(limited, [industryRecord(serial++)], ['330000']))) === '')
      t.ok(serial < 100)
    t.equal(
      await codeOf(publishRecords(limited, [industryRecord(serial++)], ['330000'])),
      'quota_exceeded',
    )
    t.equal(
      await codeOf(
        publish(limited, {
          kind: 'x-act',
          item: undefined,
          provider: BODY,
          targets: ['**'],
          batchClass: 'amendment',
          records: [Buffer.from('x')],
          source: { kind: 'self' },
        }),
      ),
      '',
      'amendments go on',
    )
    const record = toBinary(
      OperatorActSchema,
      create(OperatorActSchema, {
        act: 'amendment-propose',
        member: limited.self,
        batchId: Buffer.alloc(32, 7),
        person: { actor: '张三', reason: 'test', document: '测〔2026〕9号' },
      }),
    )
    t.equal(
      await codeOf(
        publish(limited, {
          kind: 'act',
          item: undefined,
          provider: BODY,
          targets: ['330106'],
          batchClass: 'normal',
          records: [record],
          source: { kind: 'operator', name: 'x' },
        }),
      ),
      '',
      'what persons do goes on, or no erasure would',
    )
    t.same(await findings(federation), [])
  },
)

t.test(
  'an origin whose quota is used up further up waits at its city, and the others of that city go on',
  async (t) => {
    const federation = await start(t)
    await limit(federation, '330000', { entriesPerDay: 6 })
    const sent: Uint8Array[] = []
    for (let i = 0; i < 9; i++)
      sent.push(
        (
          await publishRecords(
            federation.node('330106').context,
            [industryRecord(serial++)],
            ['330000'],
          )
        ).batch!.id,
      )
    await federation.until('the city says that its county waits', () =>
      federation
        .alarms()
        .some((line) =>
          /^330100: held normal zj.example\/330106: what zj.example\/330106 sends waits, .*quota_exceeded/.test(
            line,
          ),
        ),
    )
    for (let i = 0; i < 3; i++) await passes(federation, '330110', '330000')
    const there = await Promise.all(
      sent.map(
        async (id) => (await findBatch(federation.node('330000').context, id)) !== undefined,
      ),
    )
    t.same(
      there,
      [...there].sort((a, b) => Number(b) - Number(a)),
      'in order',
    )
    t.ok(there.filter(Boolean).length <= 6)
    await federation.restart('330100')
    await passes(federation, '330110', '330000')
    await limit(federation, '330000', {})
    for (const id of sent)
      await federation.until(
        'all of it is there',
        async () => (await findBatch(federation.node('330000').context, id)) !== undefined,
      )
    await federation.until('no alarm stands', () => federation.alarms().length === 0)
    t.same(await findings(federation), [])
  },
)

t.test('quotas in node.yaml', async (t) => {
  const yaml = (quotas: string): string =>
    `node: zj.example/330000\ntier: province\nbody: ${BODY}\ntls: { certificate: a, key: b, roots: [c] }\n${quotas}`
  t.same(parseConfig(yaml(''), '/x').config?.quotas, defaultQuotas)
  t.same(parseConfig(yaml('quotas: { lanes: 100 }'), '/x').config?.quotas, {
    ...defaultQuotas,
    lanes: 100,
  })
  t.match(
    parseConfig(yaml('quotas: { lanes: 1, many: 2 }'), '/x').faults.map(({ path }) => path),
    ['quotas.many', 'quotas.lanes'],
  )
})
