/** A node between others loses its disk, its snapshot or its key: nothing that its parent acknowledged is lost, and its children go on by themselves. */
import t from 'tap'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { findings } from '../support/checks.ts'
import {
  accusations,
  CITY,
  COUNTY,
  federationOf,
  has,
  loseDisk,
  OTHER,
  PROVINCE,
  recover,
  send,
  startAgain,
  startAt,
  well,
} from '../support/recovery.ts'

t.setTimeout(0)

t.test(
  'a lost disk of a city: what it had acknowledged to its counties is back, and their lanes go on',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY, OTHER])
    await send(federation, '330106', '330000', 'up')
    await send(federation, '330106', '330100', 'kept')
    await send(federation, '330106', '330110', 'across')
    await send(federation, '330000', '330106', 'down')
    await send(federation, '330100', '330000', 'own')
    await federation.until(
      'it is all there',
      async () =>
        (await has(federation, '330000', 'up', 'own')) &&
        (await has(federation, '330100', 'kept')) &&
        (await has(federation, '330110', 'across')) &&
        (await has(federation, '330106', 'down')),
    )
    const port = await loseDisk(federation, '330100')
    await recover(federation, '330100')
    await startAgain(federation, '330100', port)
    await federation.until('its own is back, and what its county had sent', () =>
      has(federation, '330100', 'own', 'kept'),
    )
    await send(federation, '330106', '330000', 'up2')
    await send(federation, '330106', '330110', 'across2')
    await send(federation, '330000', '330106', 'down2')
    await federation.until(
      'every lane goes on',
      async () =>
        (await has(federation, '330000', 'up2')) &&
        (await has(federation, '330110', 'across2')) &&
        (await has(federation, '330106', 'down2')),
    )
    t.ok(await has(federation, '330000', 'up', 'own'), 'and nothing is twice')
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
  },
)

t.test(
  'batches to places inside and outside at once leave holes, which the counties fill; what only the city had comes again',
  async (t) => {
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
    await federation.until(
      'it is all there',
      async () =>
        (await has(federation, '330000', 'both1', 'all4', 'both5', 'city')) &&
        (await has(federation, '330106', 'city', 'down')) &&
        (await has(federation, '330100', 'in0', 'both1', 'in2', 'in3', 'all4', 'both5')) &&
        (await has(federation, '330110', 'side0', 'both1', 'all4', 'down')),
    )
    // The city acknowledges this and cannot hand it up any more.
    const provincePort = federation.node('330000').port
    await federation.node('330000').close()
    const held = await send(federation, '330106', '330000 330110', 'held')
    await federation.until(
      'the city acknowledged it',
      async () =>
        (await receiptsOf(federation.node('330106').context, held.batch!.id)).length === 1,
    )
    const port = await loseDisk(federation, '330100')
    await startAt(federation, '330000', provincePort)
    await send(federation, '330106', '330000 330100', 'away')
    // The province waits for its only child, which is told that it lost everything by recovering.
    t.equal(federation.node('330000').state, 'starting')
    await recover(federation, '330100')
    await startAgain(federation, '330100', port)
    await federation.until(
      'it is all there again',
      async () =>
        (await has(federation, '330000', 'held', 'away')) &&
        (await has(federation, '330110', 'held')) &&
        (await has(
          federation,
          '330100',
          'in0',
          'both1',
          'in2',
          'in3',
          'all4',
          'both5',
          'city',
          'down',
          'away',
        )),
    )
    await send(federation, '330106', '330000 330100 330110', 'new')
    await send(federation, '330110', '330106', 'back')
    await send(federation, '330100', '330000/**', 'fresh')
    for (const id of ['330106', '330110', '330100']) await federation.node(id).exchangeHeads()
    await federation.until(
      'every lane goes on',
      async () =>
        (await has(federation, '330000', 'new', 'fresh')) &&
        (await has(federation, '330100', 'new')) &&
        (await has(federation, '330110', 'new', 'fresh')) &&
        (await has(federation, '330106', 'back', 'fresh')),
    )
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
    const { context, uplink, genesis } = {
      context: federation.node('330100').context,
      uplink: federation.node('330100').uplink!,
      genesis: federation.node('330100').genesis(),
    }
    await context.indexer.caughtUp()
    await uplink.stop()
    const before = await derivedRows(context.store)
    await rebuildStore(context.store, genesis)
    t.equal(await derivedRows(context.store), before, 'a rebuild gives the same rows')
  },
)

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
  await federation.until(
    'the province cosigned it all',
    async () =>
      (await has(federation, '330000', 'two')) &&
      (await has(federation, '330106', 'down')) &&
      (await cosignedSize(federation.node('330100').context, federation.name('330000'))) ===
        federation.node('330100').context.log().signed.size,
  )
  await federation.node('330100').close()
  await rm(join(folder, 'data'), { recursive: true })
  await cp(join(folder, 'snapshot'), join(folder, 'data'), { recursive: true })
  await startAt(federation, '330100', port)
  await federation.until(
    'the rollback is noticed',
    () => federation.node('330100').state === 'broken',
  )
  await send(federation, '330106', '330000 330100', 'three')
  await federation.node('330100').close()
  t.match(await recover(federation, '330100'), { oldEpoch: 1, newEpoch: 2 })
  await startAgain(federation, '330100', port)
  await federation.until(
    'all of it is back, and what came meanwhile is up',
    async () =>
      (await has(federation, '330100', 'one', 'two', 'three')) &&
      (await has(federation, '330000', 'three')),
  )
  await send(federation, '330000', '330106', 'again')
  await federation.until('both directions go on', () => has(federation, '330106', 'again'))
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
})
