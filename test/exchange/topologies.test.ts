import { create } from '@bufbuild/protobuf'
import t from 'tap'
import { amend } from '../../src/publish/amend.ts'
import type { Context } from '../../src/commit/context.ts'
import { finalSize } from '../../src/witness/cosigned.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { approveGraft, proposeGraft, takeGraft } from '../../src/members/graft.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import { type CatalogItem, CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { verifyConsistency } from '../../src/merkle/proof.ts'
import { parseVkey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { pinRoot } from '../../src/node/setup.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { entryKey } from '../../src/store/keys.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { BODY, type Place, SEVEN, TestFederation } from '../support/federation.ts'
import {
  INDUSTRY_ITEM,
  industryRecord,
  many,
  NATIONAL_ITEM,
  nationalRecord,
} from '../support/records.ts'
import { act, held, settled, source } from '../support/settled.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(150_000)

async function allFinal(federation: TestFederation): Promise<boolean> {
  for (const { context } of federation.nodes.values())
    if ((await finalSize(context)) !== context.log().size) return false
  return true
}

t.test('twenty counties, two cities and a province in one process', async (t) => {
  const counties = Array.from({ length: 20 }, (_, i): Place => {
    const city = i < 10 ? '3301' : '3302'
    const id = `${city}${String((i % 10) + 1).padStart(2, '0')}`
    return { id, tier: 'county', parent: `${city}00`, divisions: [id] }
  })
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    { id: '330200', tier: 'city', parent: '330000', divisions: ['330200'] },
  ])
  t.teardown(() => federation.stop())
  await Promise.all(counties.map((county) => federation.add(county)))
  await settled(federation)
  await federation.until('every node may sign', () =>
    [...federation.nodes.values()].every(({ state }) => state === 'serving'),
  )
  await federation.until('every node knows all members', () =>
    [...federation.nodes.values()].every(
      ({ context }) => context.ledger().federation.all().length === 23,
    ),
  )

  const far = (i: number): string => counties[(i + 10) % 20]!.id
  await Promise.all(
    counties.map(({ id }, i) =>
      publishRecords(
        federation.node(id).context,
        many(5, (k) => industryRecord(k, { prefix: id })),
        ['330000', far(i)],
      ),
    ),
  )
  await publishRecords(
    federation.node('330000').context,
    [industryRecord(1, { prefix: 'all' })],
    ['330000/**'],
  )
  for (const [i, { id }] of counties.entries()) {
    await federation.until(
      `${id} reached the province and ${far(i)}, and hears the province`,
      async () =>
        (await held(federation, '330000', `${id}-4`)) &&
        (await held(federation, far(i), `${id}-4`)) &&
        (await held(federation, id, 'all-1')),
    )
  }
  for (const { id } of counties) {
    const holders = (
      await Promise.all(
        [...federation.nodes.keys()].map(async (node) =>
          (await held(federation, node, `${id}-0`)) ? node : '',
        ),
      )
    ).filter(Boolean)
    t.equal(holders.length, 3, `${id}: origin, province and one far county, nobody else`)
  }
  await federation.until('all logs are final', () => allFinal(federation))
  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})

t.test('a federation rooted at a province is grafted under a nation', async (t) => {
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
    ...SEVEN.slice(2),
  ])
  t.teardown(() => federation.stop())
  await settled(federation)
  const province = (): Context => federation.node('330000').context
  const county = (): Context => federation.node('330106').context
  const before = await publishRecords(
    county(),
    many(3, (i) => industryRecord(i, { prefix: 'old' })),
    ['330000', '330782'],
  )
  await federation.until(
    'it is at both targets',
    async () =>
      (await held(federation, '330000', 'old-2')) && (await held(federation, '330782', 'old-2')),
  )
  await amend(county(), {
    provider: BODY,
    source,
    changes: [
      {
        action: 'withdraw',
        batchId: before.batch!.id,
        position: 1,
        effectiveOn: '2026-01-05',
        basis: 'correction/source',
        document: '',
      },
    ],
  })
  await federation.until("the province's receipt is at the county", async () =>
    (await receiptsOf(county(), before.batch!.id)).some(({ node }) => node === 'zj.example/330000'),
  )
  await federation.until('all logs are final', () => allFinal(federation))

  const kept = new Map<
    string,
    { origin: string; vkey: string; size: bigint; root: Uint8Array; entries: Uint8Array[] }
  >()
  for (const [id, { context }] of federation.nodes) {
    const { signed } = context.log()
    const rows = await context.store.range({ gte: entryKey(0n), lt: entryKey(signed.size) })
    kept.set(id, {
      origin: context.log().origin,
      vkey: context.log().vkey,
      size: signed.size,
      root: signed.root,
      entries: rows.map(([, entry]) => entry),
    })
  }
  const evidence = await (async () => {
    const found = (await findBatch(province(), before.batch!.id))!
    const leaf = (await province().log().entry(found.index))!
    return { leaf, proof: await province().log().prove(found.index, province().log().signed) }
  })()

  // A nation that stands beside, with a log of its own.
  const nationPlace: Place = { id: '000000', tier: 'nation', divisions: ['000000'] }
  const nationVkey = (await federation.add(nationPlace)).context.log().vkey
  const provinceVkey = kept.get('330000')!.vkey
  const above = (): Context => federation.node('000000').context
  // The province stood in for the nation; the nation has an edition of its own of what the province published, and says it first to itself.
  const template = starterItems.find(({ id }) => id === 'cn/comprehensive-evaluation')!
  const offer = (context: Context, changed: Partial<CatalogItem>) =>
    publish(context, {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source,
      records: [
        encodeCatalogRecord(
          create(CatalogRecordSchema, {
            act,
            content: { case: 'item', value: { ...template, ...changed } },
          }),
        ),
      ],
    })
  t.equal((await offer(above(), { legalBasis: '国〔2026〕8号' })).refusal, undefined)
  t.equal(
    (await offer(province(), { edition: '2026.5', legalBasis: '浙〔2026〕5号' })).refusal,
    undefined,
  )
  const basis = (context: Context, id: string): string | undefined =>
    context.ledger().catalog.item(id)?.legalBasis
  t.equal(
    await codeOf((async () => proposeGraft(province(), { parent: 'zj.example/000000', act }))()),
    'argument_invalid',
    'nobody is grafted under a root that is not pinned',
  )
  // Operators pin the other root, everywhere, before anything is said.
  for (const id of kept.keys()) await pinRoot(federation.folderOf(id), nationVkey)
  const proposedEarly = await (async () => {
    await federation.restart('330000')
    return proposeGraft(province(), { parent: 'zj.example/000000', act })
  })()
  t.equal(
    await codeOf(approveGraft(above(), proposedEarly, source)),
    'argument_invalid',
    'nor does a nation take a root that it has not pinned',
  )
  await pinRoot(federation.folderOf('000000'), provinceVkey)
  await pinRoot(federation.folderOf('000000'), provinceVkey)
  await Promise.all([...kept.keys(), '000000'].map((id) => federation.restart(id)))
  await federation.until('every node may sign', () =>
    [...federation.nodes.values()].every(({ state }) => state !== 'starting'),
  )

  const proposal = proposeGraft(province(), { parent: 'zj.example/000000', act })
  const unsigned = JSON.parse(Buffer.from(proposal).toString()) as { statements: string[] }
  const text = parseNote(Buffer.from(unsigned.statements.pop()!, 'base64')).text
  unsigned.statements.push(Buffer.from(signNote(text, [above().noteSigner])).toString('base64'))
  t.equal(
    await codeOf(approveGraft(above(), Buffer.from(JSON.stringify(unsigned)), source)),
    'statement_invalid',
    'a nation alone grafts nobody',
  )
  t.equal(above().ledger().federation.all().length, 1, 'and says nothing of it')
  t.equal(
    await codeOf(takeGraft(province(), proposal, source)),
    'member_unknown',
    'nor does a province graft itself: it has not heard of the nation',
  )
  t.equal(
    await codeOf(approveGraft(province(), proposal, source)),
    'argument_invalid',
    'only the parent that is named approves',
  )
  const answer = await approveGraft(above(), proposal, source)
  t.same(
    await approveGraft(above(), proposal, source),
    answer,
    'approved again it is the same answer',
  )
  t.equal(await codeOf(takeGraft(above(), answer, source)), 'argument_invalid')
  t.equal(await takeGraft(province(), answer, source), 'zj.example/000000')
  t.equal(
    await takeGraft(province(), answer, source),
    'zj.example/000000',
    'taken again it changes nothing',
  )
  t.equal(province().ledger().federation.member('330000')!.serial, 1)
  t.equal(
    await codeOf((async () => proposeGraft(province(), { parent: 'zj.example/000000', act }))()),
    'argument_invalid',
    'who has a parent is no root',
  )
  await federation.writeConfig({
    id: '330000',
    tier: 'province',
    parent: '000000',
    divisions: ['330000'],
  })
  await federation.restart('330000')

  await federation.until(
    'the nation knows every member',
    () => federation.node('000000').context.ledger().federation.all().length === 7,
  )
  await federation.until('every node has the nation above it', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().federation.lineage(context.self)[0]?.name === 'zj.example/000000',
    ),
  )
  await settled(federation)
  await federation.until(
    'amendments of before reach the nation too',
    async () =>
      (await above().ledger().amendments(before.batch!.id, 'zj.example/330106')).length === 1,
  )
  t.notOk(await held(federation, '000000', 'old-0'), 'records of before do not')

  await federation.until(
    "the nation's own edition is in force everywhere, also at the nation, which has been told of the other",
    () =>
      [...federation.nodes.values()].every(
        ({ context }) =>
          basis(context, NATIONAL_ITEM) === '国〔2026〕8号' &&
          basis(context, 'cn/comprehensive-evaluation@2026.5') === '浙〔2026〕5号' &&
          context.ledger().catalog.item(INDUSTRY_ITEM),
      ),
  )
  t.equal(
    (await offer(above(), { edition: '2026.5', legalBasis: '国〔2026〕9号' })).refusal,
    undefined,
  )
  await federation.until('and so is one that it publishes later', () =>
    [...federation.nodes.values()].every(
      ({ context }) => basis(context, 'cn/comprehensive-evaluation@2026.5') === '国〔2026〕9号',
    ),
  )
  const late = forge(
    province(),
    [
      encodeCatalogRecord(
        create(CatalogRecordSchema, {
          act,
          content: { case: 'item', value: { ...template, edition: '2026.6' } },
        }),
      ),
    ],
    ['**'],
    {
      kind: 'catalog',
      item: undefined,
      batchClass: 'control',
      createdMs: Date.now() + 600_000,
    },
  )
  t.ok(
    (
      await doorOf(province()).accept({
        header: late.batch.note,
        body: late.body.bytes,
        source: { kind: 'self' },
      })
    ).refusal,
    'what the province publishes for the nation after its graft is refused',
  )
  t.equal(
    (await offer(province(), { id: 'zj/own', edition: '1' })).refusal,
    undefined,
    'its own it goes on publishing',
  )

  await publishRecords(county(), [industryRecord(9, { prefix: 'new' })], ['000000', '330782'])
  await federation.until(
    'records go up to the nation',
    async () =>
      (await held(federation, '000000', 'new-9')) && (await held(federation, '330782', 'new-9')),
  )
  await publish(above(), {
    kind: 'evaluation',
    item: NATIONAL_ITEM,
    provider: BODY,
    targets: ['330000/**'],
    batchClass: 'bulk',
    records: many(2, nationalRecord),
    source,
  })
  for (const id of kept.keys())
    await federation.until(`results come down to ${id}`, () => held(federation, id, 'n-1'))

  for (const [id, { origin, vkey, size, root, entries }] of kept) {
    const log = federation.node(id).context.log()
    t.equal(log.origin, origin, `${id} keeps its id and its log`)
    t.equal(log.vkey, vkey)
    t.ok(log.signed.size > size)
    verifyConsistency({
      oldSize: size,
      newSize: log.signed.size,
      oldRoot: root,
      newRoot: log.signed.root,
      proof: await log.proveConsistency(size, log.signed.size),
    })
    const rows = await federation
      .node(id)
      .context.store.range({ gte: entryKey(0n), lt: entryKey(size) })
    t.same(
      rows.map(([, entry]) => entry),
      entries,
      `${id} keeps every entry byte for byte`,
    )
  }
  verifyTlogProof({
    proofBytes: evidence.proof,
    leaf: evidence.leaf,
    origin: kept.get('330000')!.origin,
    logVerifier: parseVkey(kept.get('330000')!.vkey),
  })
  const receipts = await receiptsOf(county(), before.batch!.id)
  t.same(receipts.map(({ node }) => node).sort(), ['zj.example/330000', 'zj.example/330100'])
  for (const { node, receipt } of receipts) {
    const { origin, vkey } = kept.get(node.slice(-6))!
    verifyTlogProof({
      proofBytes: receipt.proof,
      leaf: Buffer.concat([receipt.entryPrefix, before.batch!.note]),
      origin,
      logVerifier: parseVkey(vkey),
    })
  }
  await federation.until("all logs are final, the province's by the nation", () =>
    allFinal(federation),
  )
  await federation.until('no alarm is left of the restarts', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
})
