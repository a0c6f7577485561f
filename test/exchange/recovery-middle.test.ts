/** A node between others loses its disk, its snapshot or its key: nothing that its parent acknowledged is lost, and its children go on by themselves. */
import t from 'tap'
import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { derivedRows, rebuildStore } from '../../src/exchange/check.ts'
import { cosignedSize, receiptsOf } from '../../src/exchange/links.ts'
import { approveMember } from '../../src/exchange/members.ts'
import { joinNode } from '../../src/node/setup.ts'
import { findings } from '../support/checks.ts'
import type { Place, TestFederation } from '../support/federation.ts'
import { CITY, COUNTY, federationOf, has, OTHER, PROVINCE, recover, send, startAgain, well } from '../support/recovery.ts'

const NATION: Place = { id: '000000', tier: 'nation', divisions: ['000000'] }
const BELOW: Place = { ...PROVINCE, parent: '000000' }

t.setTimeout(0)

/** Stops a node and takes its database away. @returns its port, which its children know */
async function loseDisk(federation: TestFederation, id: string): Promise<number> {
  const { port } = federation.node(id)
  await federation.node(id).close()
  await rm(join(federation.folderOf(id), 'data'), { recursive: true })
  return port
}

/** Starts a node that was stopped, at the port that its children know. */
async function startAt(federation: TestFederation, id: string, port: number): Promise<void> {
  await federation.startNode(id, { config: { ...federation.node(id).config, listen: { host: '127.0.0.1', port } } })
}

/** What nobody may be accused of: quarantines and evidence files of every node. */
async function accusations(federation: TestFederation): Promise<string[]> {
  const found: string[] = []
  for (const [id, node] of federation.nodes) {
    found.push(...[...node.context.ledger().quarantined].map((origin) => `${id}: ${origin} is under quarantine`))
    const files = await readdir(federation.folderOf(id), { recursive: true })
    found.push(...files.filter((file) => /evidence.+/.test(file)).map((file) => `${id}: ${file}`))
  }
  return found
}

t.test('a lost disk of a city: what it had acknowledged to its counties is back, and their lanes go on', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY, OTHER])
  await send(federation, '330106', '330000', 'up')
  await send(federation, '330106', '330100', 'kept')
  await send(federation, '330106', '330110', 'across')
  await send(federation, '330000', '330106', 'down')
  await send(federation, '330100', '330000', 'own')
  await federation.until('it is all there', async () => await has(federation, '330000', 'up', 'own') && await has(federation, '330100', 'kept') &&
    await has(federation, '330110', 'across') && await has(federation, '330106', 'down'))
  const { port } = federation.node('330100')
  await federation.node('330100').close()
  await rm(join(federation.folderOf('330100'), 'data'), { recursive: true })
  await recover(federation, '330100')
  await startAgain(federation, '330100', port)
  await federation.until('its own is back, and what its county had sent', () => has(federation, '330100', 'own', 'kept'))
  await send(federation, '330106', '330000', 'up2')
  await send(federation, '330106', '330110', 'across2')
  await send(federation, '330000', '330106', 'down2')
  await federation.until('every lane goes on', async () => await has(federation, '330000', 'up2') && await has(federation, '330110', 'across2') && await has(federation, '330106', 'down2'))
  t.ok(await has(federation, '330000', 'up', 'own'), 'and nothing is twice')
  await well(federation)
  t.same(await findings(federation), [])
})

t.test('batches to places inside and outside at once leave holes, which the counties fill; what only the city had comes again', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY, OTHER])
  await send(federation, '330106', '330100', 'in0')
  await send(federation, '330106', '330110', 'side0')
  await send(federation, '330106', '330000 330100 330110', 'both1')
  await send(federation, '330106', '330100', 'in2')
  await send(federation, '330106', '330100', 'in3')
  await send(federation, '330106', '330000/**', 'all4')
  await send(federation, '330106', '330000 330100', 'both5')
  await send(federation, '330100', '330000 330106', 'city')
  await send(federation, '330000', '330100/**', 'down')
  for (const id of ['330106', '330110', '330100']) await federation.node(id).exchangeHeads()
  await federation.until('it is all there', async () => await has(federation, '330000', 'both1', 'all4', 'both5', 'city') && await has(federation, '330106', 'city', 'down') &&
    await has(federation, '330100', 'in0', 'both1', 'in2', 'in3', 'all4', 'both5') && await has(federation, '330110', 'side0', 'both1', 'all4', 'down'))
  // The city acknowledges this and cannot hand it up any more.
  const provincePort = federation.node('330000').port
  await federation.node('330000').close()
  const held = await send(federation, '330106', '330000 330110', 'held')
  await federation.until('the city acknowledged it', async () => (await receiptsOf(federation.node('330106').context, held.batch!.id)).length === 1)
  const port = await loseDisk(federation, '330100')
  await startAt(federation, '330000', provincePort)
  await send(federation, '330106', '330000 330100', 'away')
  await recover(federation, '330100')
  await startAgain(federation, '330100', port)
  await federation.until('it is all there again', async () => await has(federation, '330000', 'held', 'away') && await has(federation, '330110', 'held') &&
    await has(federation, '330100', 'in0', 'both1', 'in2', 'in3', 'all4', 'both5', 'city', 'down', 'away'))
  await send(federation, '330106', '330000 330100 330110', 'new')
  await send(federation, '330110', '330106', 'back')
  await send(federation, '330100', '330000/**', 'fresh')
  for (const id of ['330106', '330110', '330100']) await federation.node(id).exchangeHeads()
  await federation.until('every lane goes on', async () => await has(federation, '330000', 'new', 'fresh') && await has(federation, '330100', 'new') &&
    await has(federation, '330110', 'new', 'fresh') && await has(federation, '330106', 'back', 'fresh'))
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
  const { context, uplink, genesis } = { context: federation.node('330100').context, uplink: federation.node('330100').uplink!, genesis: federation.node('330100').genesis() }
  await context.indexer.caughtUp()
  await uplink.stop()
  const before = await derivedRows(context.store)
  await rebuildStore(context.store, genesis)
  t.equal(await derivedRows(context.store), before, 'a rebuild gives the same rows')
})

t.test('a restored snapshot of a city: its counties follow it into the new epoch', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
  const folder = federation.folderOf('330100')
  await send(federation, '330106', '330000 330100', 'one')
  await federation.until('it is up', () => has(federation, '330000', 'one'))
  const { port } = federation.node('330100')
  await federation.node('330100').close()
  await cp(join(folder, 'data'), join(folder, 'snapshot'), { recursive: true })
  await startAt(federation, '330100', port)
  await send(federation, '330106', '330000 330100', 'two')
  await send(federation, '330000', '330106', 'down')
  await federation.until('the province cosigned it all', async () => await has(federation, '330000', 'two') && await has(federation, '330106', 'down') &&
    await cosignedSize(federation.node('330100').context, federation.name('330000')) === federation.node('330100').context.log().signed.size)
  await federation.node('330100').close()
  await rm(join(folder, 'data'), { recursive: true })
  await cp(join(folder, 'snapshot'), join(folder, 'data'), { recursive: true })
  await startAt(federation, '330100', port)
  await federation.until('the rollback is noticed', () => federation.node('330100').state === 'broken')
  await send(federation, '330106', '330000 330100', 'three')
  await federation.node('330100').close()
  t.match(await recover(federation, '330100'), { oldEpoch: 1, newEpoch: 2 })
  await startAgain(federation, '330100', port)
  await federation.until('all of it is back, and what came meanwhile is up', async () => await has(federation, '330100', 'one', 'two', 'three') && await has(federation, '330000', 'three'))
  await send(federation, '330000', '330106', 'again')
  await federation.until('both directions go on', () => has(federation, '330106', 'again'))
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
})

t.test('a lost key of a city: its county takes the new key, which the nation signed, from the statements that the city shows', async (t) => {
  const federation = await federationOf(t, [NATION, BELOW, CITY, COUNTY])
  const folder = federation.folderOf('330100')
  await send(federation, '330106', '330000 330100', 'up')
  await send(federation, '330000', '330106', 'down')
  await federation.until('it is there', async () => await has(federation, '330000', 'up') && await has(federation, '330106', 'down'))
  const { port } = federation.node('330100')
  await federation.node('330100').close()
  await rm(join(folder, 'keys'), { recursive: true })
  const { application } = await recover(federation, '330100')
  const nation = federation.node('000000')
  const { joinFile } = await approveMember(nation.context, {
    application: await readFile(application!), act: { actor: '张三', reason: '密钥丢失', document: '测〔2026〕9号' }, rekey: true, anchors: nation.join.anchors,
    parentAddress: '127.0.0.1:1', source: { kind: 'self' },
  })
  await joinNode(folder, joinFile)
  await federation.until('the parent knows', () => federation.node('330000').context.ledger().federation.member('330100')?.epoch === 2)
  t.equal(federation.node('330106').context.ledger().federation.member('330100')?.epoch, 1, 'the county cannot have heard')
  await startAgain(federation, '330100', port)
  await federation.until('all of it is back', () => has(federation, '330100', 'up'))
  await send(federation, '330106', '330000 330100', 'new')
  await send(federation, '330000', '330106', 'again')
  await federation.until('both directions go on', async () => await has(federation, '330000', 'new') && await has(federation, '330100', 'new') && await has(federation, '330106', 'again'))
  t.equal(federation.node('330106').context.ledger().federation.member('330100')?.epoch, 2)
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
})

t.test('a city, then its county, then the province lose their disks: each takes back what the next has, also what that took back', async (t) => {
  const federation = await federationOf(t, [NATION, BELOW, CITY, COUNTY])
  const lose = async (id: string): Promise<void> => {
    const port = await loseDisk(federation, id)
    await recover(federation, id)
    await startAgain(federation, id, port)
    await well(federation)
  }
  await send(federation, '330106', '000000', 'far')
  await send(federation, '330106', '330000', 'near')
  await send(federation, '330106', '330000 330100', 'both')
  await send(federation, '000000', '330106', 'down')
  await federation.until('it is there', async () => await has(federation, '000000', 'far') && await has(federation, '330000', 'near', 'both') && await has(federation, '330106', 'down'))
  await lose('330100')
  await lose('330106')
  await federation.until('the county has its own back', () => has(federation, '330106', 'far', 'near', 'both', 'down'))
  await lose('330000')
  await federation.until('the city gave the province what it had once taken back from it', () => has(federation, '330000', 'near', 'both'))
  await send(federation, '330106', '000000 330000 330100', 'new')
  await send(federation, '000000', '330106', 'again')
  await federation.until('both directions go on', async () => await has(federation, '000000', 'new') && await has(federation, '330000', 'new') && await has(federation, '330106', 'again'))
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
})
