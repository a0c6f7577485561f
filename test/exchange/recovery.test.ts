import t from 'tap'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { amend } from '../../src/publish/amend.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { publish } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { recoverNode } from '../../src/node/setup.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import { industryRecord, INDUSTRY_ITEM, many } from '../support/records.ts'

const source = { kind: 'client', name: 'test' } as const

async function federationWithCatalog(t: {
  teardown(stop: () => Promise<void>): void
}): Promise<TestFederation> {
  const federation = await TestFederation.start(
    SEVEN.slice(1).map((place) =>
      place.id === '330000'
        ? { id: '330000', tier: 'province' as const, divisions: ['330000'] }
        : place,
    ),
    { store: 'disk' },
  )
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

function send(
  federation: TestFederation,
  id: string,
  targets: string[],
  prefix: string,
  count = 20,
) {
  return publish(federation.node(id).context, {
    kind: 'evaluation',
    item: INDUSTRY_ITEM,
    provider: BODY,
    targets,
    batchClass: 'normal',
    records: many(count, (i) => industryRecord(i, { prefix })),
    source,
  })
}

t.test(
  'a county whose snapshot was restored refuses to sign, recovers as a new epoch, and has everything back',
  async (t) => {
    const federation = await federationWithCatalog(t)
    await send(federation, '330106', ['330000'], 'one')
    await federation.until(
      'first batch is up',
      async () => (await findByRecordId(federation.node('330000').context, 'one-1')).length > 0,
    )
    const folder = federation.folderOf('330106')
    const { port } = federation.node('330106')
    await federation.node('330106').close()
    await cp(join(folder, 'data'), join(folder, 'snapshot'), { recursive: true })
    await federation.startNode('330106', {
      config: { ...federation.node('330106').config, listen: { host: '127.0.0.1', port } },
    })
    await federation.until(
      'the county may sign',
      () => federation.node('330106').state === 'serving',
    )
    await send(federation, '330106', ['330000'], 'two')
    await send(federation, '330782', ['330106'], 'down')
    await federation.until(
      'second batch is up, the other is down',
      async () =>
        (await findByRecordId(federation.node('330000').context, 'two-1')).length > 0 &&
        (await findByRecordId(federation.node('330106').context, 'down-1')).length > 0,
    )
    await federation.until('the city cosigned it all', async () => {
      return (
        (await cosignedSize(federation.node('330106').context, federation.name('330100'))) ===
        federation.node('330106').context.log().signed.size
      )
    })
    await federation.node('330106').close()
    await rm(join(folder, 'data'), { recursive: true })
    await cp(join(folder, 'snapshot'), join(folder, 'data'), { recursive: true })
    await federation.startNode('330106')
    await federation.until(
      'the rollback is noticed',
      () => federation.node('330106').state === 'broken',
    )
    await t.rejects(send(federation, '330106', ['330000'], 'never'), { code: 'log_behind' })
    await federation.node('330106').close()
    const recovery = await recoverNode(folder, { clock: systemClock, random: systemRandom })
    t.equal(recovery.newEpoch, 2)
    await federation.startNode('330106')
    await federation.until('everything is back', async () => {
      const { context } = federation.node('330106')
      return (
        await Promise.all(['one-1', 'two-1', 'down-1'].map((id) => findByRecordId(context, id)))
      ).every((found) => found.length > 0)
    })
    await federation.until('the county may sign', () =>
      ['serving', 'degraded'].includes(federation.node('330106').state),
    )
    await send(federation, '330106', ['330782'], 'three')
    await federation.until(
      'the new epoch sends',
      async () => (await findByRecordId(federation.node('330782').context, 'three-1')).length > 0,
    )
    for (const [id, node] of federation.nodes) {
      const { findings } = await checkStore(node.context.store, node.context.log(), node.genesis())
      t.same(findings, [], `fsck of ${id}`)
    }
  },
)

t.test('a rebuild gives the same rows, also after an erasure', async (t) => {
  const federation = await federationWithCatalog(t)
  const published = await send(federation, '330106', ['330000/**'], 'keep')
  await federation.until(
    'it is everywhere',
    async () => (await findByRecordId(federation.node('330782').context, 'keep-2')).length > 0,
  )
  await amend(federation.node('330106').context, {
    provider: BODY,
    source,
    changes: [
      {
        action: 'erase',
        batchId: published.batch!.id,
        position: 2,
        effectiveOn: '2026-01-01',
        basis: 'erase/test',
        document: '',
      },
    ],
  })
  await federation.until(
    'it is erased at the far county',
    async () => (await findByRecordId(federation.node('330782').context, 'keep-2')).length === 0,
  )
  for (const id of ['330106', '330000', '330782']) {
    const node = federation.node(id)
    await node.context.indexer.caughtUp()
    const report = await checkStore(node.context.store, node.context.log(), node.genesis())
    t.same(report.findings, [], `fsck of ${id}`)
    t.equal(report.erased, 1n, `one record is erased lawfully at ${id}`)
    await node.uplink?.stop()
    const before = await derivedRows(node.context.store)
    await rebuildStore(node.context.store, node.genesis())
    t.equal(await derivedRows(node.context.store), before, `rows of ${id}`)
  }
})
