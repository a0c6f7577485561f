import t from 'tap'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { amend } from '../../src/exchange/amend.ts'
import type { Context } from '../../src/exchange/context.ts'
import { finalSize, receiptsOf } from '../../src/exchange/links.ts'
import { nextStatement, setMemberStatus } from '../../src/exchange/members.ts'
import { publish } from '../../src/exchange/publish.ts'
import { findBatch, findByRecordId } from '../../src/exchange/query.ts'
import { recoverNode } from '../../src/node/setup.ts'
import { verifyConsistency } from '../../src/merkle/proof.ts'
import { parseVkey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { formatStatement, type Member } from '../../src/topology/member.ts'
import { entryKey } from '../../src/store/keys.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { BODY, type Place, SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, NATIONAL_ITEM, nationalRecord } from '../support/records.ts'

t.setTimeout(150_000)

const source = { kind: 'client', name: 'test' } as const
const act = { actor: '张三', reason: 'test', document: '测〔2026〕8号' }

async function held(federation: TestFederation, id: string, recordId: string): Promise<boolean> {
  return (await findByRecordId(federation.node(id).context, recordId)).length > 0
}

async function settled(federation: TestFederation): Promise<void> {
  await federation.until('the catalog is everywhere', () => [...federation.nodes.values()].every((node) => node.context.ledger().catalog.item(INDUSTRY_ITEM)))
}

async function allFinal(federation: TestFederation): Promise<boolean> {
  for (const { context } of federation.nodes.values()) if (await finalSize(context) !== context.log().size) return false
  return true
}

t.test('twenty counties, two cities and a province in one process', async (t) => {
  const counties = Array.from({ length: 20 }, (_, i): Place => {
    const city = i < 10 ? '3301' : '3302'
    const id = `${city}${String(i % 10 + 1).padStart(2, '0')}`
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
  await federation.until('every node may sign', () => [...federation.nodes.values()].every(({ state }) => state === 'serving'))
  await federation.until('every node knows all members', () => [...federation.nodes.values()].every(({ context }) => context.ledger().federation.all().length === 23))

  const far = (i: number): string => counties[(i + 10) % 20]!.id
  await Promise.all(counties.map(({ id }, i) => publishRecords(federation.node(id).context, many(5, (k) => industryRecord(k, { prefix: id })), ['330000', far(i)])))
  await publishRecords(federation.node('330000').context, [industryRecord(1, { prefix: 'all' })], ['330000/**'])
  for (const [i, { id }] of counties.entries()) {
    await federation.until(`${id} reached the province and ${far(i)}, and hears the province`, async () =>
      await held(federation, '330000', `${id}-4`) && await held(federation, far(i), `${id}-4`) && await held(federation, id, 'all-1'))
  }
  for (const { id } of counties) {
    const holders = (await Promise.all([...federation.nodes.keys()].map(async (node) => (await held(federation, node, `${id}-0`) ? node : '')))).filter(Boolean)
    t.equal(holders.length, 3, `${id}: origin, province and one far county, nobody else`)
  }
  await federation.until('all logs are final', () => allFinal(federation))
  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})

t.test('a federation rooted at a province is grafted under a nation', async (t) => {
  const federation = await TestFederation.start([{ id: '330000', tier: 'province', divisions: ['330000'] }, ...SEVEN.slice(2)])
  t.teardown(() => federation.stop())
  await settled(federation)
  const province = (): Context => federation.node('330000').context
  const county = (): Context => federation.node('330106').context
  const before = await publishRecords(county(), many(3, (i) => industryRecord(i, { prefix: 'old' })), ['330000', '330782'])
  await federation.until('it is at both targets', async () => await held(federation, '330000', 'old-2') && await held(federation, '330782', 'old-2'))
  await amend(county(), { provider: BODY, source, changes: [{ action: 'withdraw', batchId: before.batch!.id, position: 1, effectiveOn: '2026-01-05', basis: 'correction/source', document: '' }] })
  await federation.until('the province\'s receipt is at the county', async () => (await receiptsOf(county(), before.batch!.id)).some(({ node }) => node === 'zj.example/330000'))
  await federation.until('all logs are final', () => allFinal(federation))

  const kept = new Map<string, { origin: string; vkey: string; size: bigint; root: Uint8Array; entries: Uint8Array[] }>()
  for (const [id, { context }] of federation.nodes) {
    const { signed } = context.log()
    const rows = await context.store.range({ gte: entryKey(0n), lt: entryKey(signed.size) })
    kept.set(id, { origin: context.log().origin, vkey: context.log().vkey, size: signed.size, root: signed.root, entries: rows.map(([, entry]) => entry) })
  }
  const evidence = await (async () => {
    const found = (await findBatch(province(), before.batch!.id))!
    const leaf = (await province().log().entry(found.index))!
    return { leaf, proof: await province().log().prove(found.index, province().log().signed) }
  })()

  // A nation that stands beside, with a log of its own.
  const nationPlace: Place = { id: '000000', tier: 'nation', divisions: ['000000'] }
  const nation = (await federation.add(nationPlace)).context
  const nationVkey = nation.log().vkey
  const pin = async (id: string, anchor: { name: string; vkey: string }): Promise<void> => {
    const file = join(federation.folderOf(id), 'join.json')
    const join_ = JSON.parse(await readFile(file, 'utf8')) as { anchors: object[] }
    join_.anchors.push(anchor)
    await writeFile(file, JSON.stringify(join_))
  }
  // Operators pin the other root, everywhere, before anything is said.
  for (const id of kept.keys()) await pin(id, { name: 'zj.example/000000', vkey: nationVkey })
  await pin('000000', { name: 'zj.example/330000', vkey: kept.get('330000')!.vkey })
  await Promise.all([...kept.keys(), '000000'].map((id) => federation.restart(id)))

  const [nationFirst] = federation.node('000000').context.ledger().federation.history('000000')
  const [provinceFirst] = province().ledger().federation.history('330000')
  const graft = signNote(
    formatStatement({ ...nextStatement(province().ledger().federation.member('330000')!), parent: 'zj.example/000000', ...act }),
    [province().noteSigner, federation.node('000000').context.noteSigner],
  )
  const say = async (id: string, statements: readonly Uint8Array[]): Promise<void> => {
    for (const statement of statements) {
      await publish(federation.node(id).context, { kind: 'member', item: undefined, provider: BODY, targets: ['**'], batchClass: 'control', records: [statement], source })
    }
  }
  const alone = signNote(
    formatStatement({ ...nextStatement(province().ledger().federation.member('330000')!), parent: 'zj.example/000000', ...act }), [federation.node('000000').context.noteSigner],
  )
  await say('000000', [provinceFirst!])
  t.equal(await codeOf(say('000000', [alone])), 'statement_invalid', 'a nation alone grafts nobody')
  await say('000000', [graft])
  await say('330000', [nationFirst!, graft])
  await federation.writeConfig({ id: '330000', tier: 'province', parent: '000000', divisions: ['330000'] })
  await federation.restart('330000')

  await federation.until('the nation knows every member', () => federation.node('000000').context.ledger().federation.all().length === 7)
  await federation.until('every node has the nation above it', () => [...federation.nodes.values()].every(({ context }) =>
    context.ledger().federation.lineage(context.self)[0]?.name === 'zj.example/000000'))
  await settled(federation)
  const above = federation.node('000000').context
  await federation.until('amendments of before reach the nation too', async () => (await above.ledger().amendments(before.batch!.id, 'zj.example/330106')).length === 1)
  t.notOk(await held(federation, '000000', 'old-0'), 'records of before do not')

  await publishRecords(county(), [industryRecord(9, { prefix: 'new' })], ['000000', '330782'])
  await federation.until('records go up to the nation', async () => await held(federation, '000000', 'new-9') && await held(federation, '330782', 'new-9'))
  await publish(above, { kind: 'evaluation', item: NATIONAL_ITEM, provider: BODY, targets: ['330000/**'], batchClass: 'bulk', records: many(2, nationalRecord), source })
  for (const id of kept.keys()) await federation.until(`results come down to ${id}`, () => held(federation, id, 'n-1'))

  for (const [id, { origin, vkey, size, root, entries }] of kept) {
    const log = federation.node(id).context.log()
    t.equal(log.origin, origin, `${id} keeps its id and its log`)
    t.equal(log.vkey, vkey)
    t.ok(log.signed.size > size)
    verifyConsistency({ oldSize: size, newSize: log.signed.size, oldRoot: root, newRoot: log.signed.root, proof: await log.proveConsistency(size, log.signed.size) })
    const rows = await federation.node(id).context.store.range({ gte: entryKey(0n), lt: entryKey(size) })
    t.same(rows.map(([, entry]) => entry), entries, `${id} keeps every entry byte for byte`)
  }
  verifyTlogProof({ proofBytes: evidence.proof, leaf: evidence.leaf, origin: kept.get('330000')!.origin, logVerifier: parseVkey(kept.get('330000')!.vkey) })
  const receipts = await receiptsOf(county(), before.batch!.id)
  t.same(receipts.map(({ node }) => node).sort(), ['zj.example/330000', 'zj.example/330100'])
  for (const { node, receipt } of receipts) {
    const { origin, vkey } = kept.get(node.slice(-6))!
    verifyTlogProof({ proofBytes: receipt.proof, leaf: Buffer.concat([receipt.entryPrefix, before.batch!.note]), origin, logVerifier: parseVkey(vkey) })
  }
  await federation.until('all logs are final, the province\'s by the nation', () => allFinal(federation))
  await federation.until('no alarm is left of the restarts', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
})

t.test('what is said of members flows to the whole federation', async (t) => {
  const federation = await TestFederation.start(SEVEN)
  t.teardown(() => federation.stop())
  await settled(federation)
  const city = (): Context => federation.node('330700').context
  const name = 'zj.example/330783'
  const everywhere = (what: string, holds: (member: Member | undefined) => boolean): Promise<void> =>
    federation.until(`every node knows: ${what}`, () => [...federation.nodes.values()].every(({ context }) => holds(context.ledger().federation.member(name))))
  const send = (recordId: string): Promise<unknown> => publishRecords(federation.node('330783').context, [industryRecord(1, { prefix: recordId })], ['330000', '330106'])
  const arrived = async (recordId: string): Promise<boolean> => await held(federation, '330000', `${recordId}-1`) && await held(federation, '330106', `${recordId}-1`)

  await t.test('a county joins a running federation', async (t) => {
    await federation.add({ id: '330783', tier: 'county', parent: '330700', divisions: ['330783'] })
    await everywhere('330783 has joined', (member) => member?.serial === 0 && member.status === 'active' && member.parent === 'zj.example/330700')
    await settled(federation)
    t.equal(federation.node('330783').context.ledger().federation.all().length, 8, 'it knows everyone too')
    await federation.until('it may sign', () => federation.node('330783').state === 'serving')
    await send('joined')
    await federation.until('it exchanges records', () => arrived('joined'))
  })

  await t.test('a suspended county is refused at its city, keeps its work, and goes on when it is active again', async (t) => {
    await setMemberStatus(city(), { member: name, status: 'suspended', act, source })
    // The county itself hears it when it may call again.
    await federation.until('every other node knows it', () => [...federation.nodes].every(([id, { context }]) => id === '330783' || context.ledger().federation.member(name)?.status === 'suspended'))
    const size = city().log().size
    await send('suspended')
    await federation.until('it is told so', () => federation.node('330783').alarms.list().some((line) => line.includes('is suspended')))
    const { batch, body } = forge(federation.node('330783').context, [industryRecord(2)], ['330000'])
    t.equal(await codeOf(city().door.accept({ header: batch.note, body: body.bytes, source: { kind: 'child', node: name } })), 'member_suspended')
    t.equal(city().log().size, size, 'nothing of it was logged at the city')
    await publishRecords(federation.node('330782').context, [industryRecord(3, { prefix: 'beside' })], ['330106'])
    await federation.until('the county beside it goes on', () => held(federation, '330106', 'beside-3'))
    await setMemberStatus(city(), { member: name, status: 'active', act, source })
    await everywhere('330783 is active', (member) => member?.serial === 2 && member.status === 'active')
    await federation.until('what it wrote meanwhile arrives', () => arrived('suspended'))
    await federation.until('no alarm is left', () => federation.alarms().length === 0)
  })

  await t.test('a county that recovers is re-keyed as a new epoch, and its earlier batches still verify', async (t) => {
    const before = federation.node('330783')
    const { noteVkey } = city().ledger().federation.member(name)!
    await before.close()
    await recoverNode(federation.folderOf('330783'), { clock: systemClock, random: systemRandom })
    await federation.startNode('330783')
    await everywhere('330783 has epoch 2', (member) => member?.epoch === 2 && member.serial === 3 && member.noteVkey !== noteVkey && member.epochs.length === 2)
    await federation.until('it has its earlier batches back', () => held(federation, '330783', 'joined-1'))
    await federation.until('it may sign', () => federation.node('330783').state === 'serving')
    await send('rekeyed')
    await federation.until('the new epoch is exchanged', () => arrived('rekeyed'))
    t.equal(federation.node('330783').context.log().origin, `${name}/2`)
  })

  await t.test('a retired county stays retired', async (t) => {
    await setMemberStatus(city(), { member: name, status: 'retired', act, source })
    await federation.until('every other node knows it', () => [...federation.nodes].every(([id, { context }]) => id === '330783' || context.ledger().federation.member(name)?.status === 'retired'))
    await federation.until('it is told so', () => federation.node('330783').alarms.list().some((line) => line.includes('is retired')))
    t.equal(await codeOf(setMemberStatus(city(), { member: name, status: 'active', act, source })), 'statement_invalid')
    await send('retired')
    await publishRecords(federation.node('330782').context, [industryRecord(4, { prefix: 'last' })], ['330000', '330106'])
    await federation.until('the others go on', () => arrived('last').then(() => held(federation, '330106', 'last-4')))
    t.equal(await held(federation, '330106', 'retired-1'), false)
    t.equal(await codeOf(setMemberStatus(federation.node('330000').context, { member: name, status: 'active', act, source })), 'argument_invalid', 'a grandparent does not speak for it')
  })

  t.same(await findings(federation), [])
})
