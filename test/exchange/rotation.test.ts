/** A log that is frozen by a final entry, and the next epoch that goes on from it: at a root, in the middle, at the edge. */
import t from 'tap'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { finalSize } from '../../src/witness/cosigned.ts'
import { witnessState } from '../../src/witness/cosigning.ts'
import { HuxinError } from '../../src/base/errors.ts'
import type { Context } from '../../src/commit/context.ts'
import { freezeLog } from '../../src/members/freeze.ts'
import { generateSigner } from '../../src/note/key.ts'
import { FederationState } from '../../src/topology/federation.ts'
import { keyText } from '../../src/store/keys.ts'
import { findings } from '../support/checks.ts'
import { startLying, VICTIM } from '../support/lies.ts'
import {
  accusations,
  CITY,
  COUNTY,
  federationOf,
  has,
  OTHER,
  PROVINCE,
  send,
  well,
} from '../support/recovery.ts'
import { ACT, inEpoch, rotate, succeeded } from '../support/rotation.ts'

t.setTimeout(0)

for (const [title, id] of [
  ['a root', '330000'],
  ['a city', '330100'],
  ['a county', '330106'],
] as const) {
  t.test(
    `${title} freezes its log and goes on in a new epoch: nothing is lost, nothing comes twice, everybody follows`,
    async (t) => {
      const federation = await federationOf(t, [PROVINCE, CITY, COUNTY, OTHER])
      await send(federation, '330106', '330000 330100 330110', 'up')
      await send(federation, '330000', '330106 330110', 'down')
      await send(federation, id, id, 'local')
      await federation.until(
        'it is everywhere',
        async () =>
          (await has(federation, '330000', 'up')) &&
          (await has(federation, '330106', 'down')) &&
          (await has(federation, '330110', 'up', 'down')),
      )
      const sizes = new Map(
        [...federation.nodes].map(([name, node]) => [name, node.context.log().size]),
      )
      const tree = await rotate(federation, id)
      await inEpoch(federation, id, 2)
      t.ok(tree.size > sizes.get(id)!)
      t.ok(
        await has(federation, id, 'local', ...(id === '330100' ? ['up'] : ['up', 'down'])),
        'records stay shown',
      )
      await send(federation, '330106', '330000 330100 330110', 'up2')
      await send(federation, '330000', '330106 330110', 'down2')
      await send(federation, id, '330000 330100 330106 330110', 'new')
      await federation.until(
        'every lane goes on',
        async () =>
          (await has(federation, '330000', 'up2', 'new')) &&
          (await has(federation, '330106', 'down2', 'new')) &&
          (await has(federation, '330110', 'up2', 'down2', 'new')) &&
          (await has(federation, '330100', 'up2', 'new')),
      )
      await federation.until(
        'the new log is final',
        async () =>
          (await finalSize(federation.node(id).context)) === federation.node(id).context.log().size,
      )
      await well(federation)
      t.same(await accusations(federation), [])
      t.same(await findings(federation), [])
      const node = federation.node(id)
      await node.context.indexer.caughtUp()
      await node.uplink?.stop()
      const before = await derivedRows(node.context.store)
      await rebuildStore(node.context.store, node.genesis())
      t.equal(await derivedRows(node.context.store), before, 'a rebuild gives the same rows')
    },
  )
}

t.test(
  'fsck tells a log of the parent whose statement has not come from one that nobody vouches for',
  async (t) => {
    const { federation, lies } = await startLying(t, 'disk')
    const { context, genesis } = {
      context: federation.node(VICTIM).context,
      genesis: federation.node(VICTIM).genesis(),
    }
    const { rotation } = federation.node('330000')
    lies.tell('readBodies', () => {
      throw new HuxinError('not_ready', 'later')
    })
    await federation.until(
      'it is final',
      async () =>
        (await finalSize(federation.node('330000').context)) ===
        federation.node('330000').context.log().size,
    )
    await rotation.rotate(ACT, { kind: 'self' })
    await succeeded(federation, '330000')
    await federation.restart('330000', { wrapServices: lies.wrap })
    const next = 'zj.example/330000/2'
    await federation.until(
      'the next log is followed',
      async () =>
        (await witnessState(context, next))?.size ===
        federation.node('330000').context.log().signed.size,
    )
    t.equal(context.ledger().federation.member('330000')!.epoch, 1)
    t.same(await findings(federation), [])
    const unshown = {
      snapshot: () => {
        const snapshot = context.store.snapshot()
        return {
          ...snapshot,
          range: async (range: Parameters<typeof snapshot.range>[0]) =>
            (await snapshot.range(range)).filter(
              ([key]) => !keyText(key).startsWith('meta ahead/'),
            ),
        }
      },
    }
    t.match((await checkStore(unshown, context.log(), genesis)).findings, [
      new RegExp(`^witness ${next}: ${next} is the log of no member that is known here$`),
    ])
    lies.stop()
    await inEpoch(federation, '330000', 2)
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test('a log is not frozen before the statement of its own node is in it', async (t) => {
  const state = FederationState.from([
    { name: 'zj.example/330000', vkey: generateSigner('zj.example/330000', 'ed25519').vkey },
  ])
  const context = {
    self: 'zj.example/330106',
    epoch: 1,
    checkClock: () => undefined,
    log: () => ({ origin: 'zj.example/330106/1' }),
    ledger: () => ({ frozen: new Map(), federation: state }),
  } as unknown as Context
  await t.rejects(freezeLog(context, { act: ACT, source: { kind: 'self' } }), {
    code: 'not_ready',
    message: /statement of zj.example\/330106 in epoch 1/,
  })
  const root = {
    ...context,
    self: 'zj.example/330000',
    epoch: 2,
    log: () => ({ origin: 'zj.example/330000/2' }),
  } as unknown as Context
  await t.rejects(freezeLog(root, { act: ACT, source: { kind: 'self' } }), {
    code: 'not_ready',
    message: /in epoch 2/,
  })
})
