/** More lanes wait than a node keeps: what is left without being kept is neither signed for nor forgotten. */
import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { publish } from '../../src/publish/publish.ts'
import { childReceipt } from '../../src/witness/delivery.ts'
import { findBatch } from '../../src/query/query.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { act } from '../support/attacks.ts'
import { findings } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { Lies } from '../support/lies.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'

t.setTimeout(60_000)

const link = { patienceMs: 300, asideRoom: { all: 2, each: 2, few: 1 } }

t.test('a class in which more waits than is kept', async (t) => {
  const lies = new Lies('330100')
  const federation = await TestFederation.start([], { catalog: false })
  t.teardown(() => federation.stop())
  await federation.add(
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { wrapServices: lies.wrap },
  )
  await federation.add(
    { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    { link },
  )
  await federation.publishCatalog('330000')
  const province = () => federation.node('330000').context
  const city = () => federation.node('330100').context
  await federation.until(
    'the catalog is there',
    () => city().ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
  )
  const hidden = (kind: string): boolean => kind === 'catalog'
  lies.tell('readBodies', (answer) => ({
    ...answer,
    deliveries: answer.deliveries.filter(
      ({ entry }) => !hidden(parseHeaderNote(parseEntry(entry).header).header.kind),
    ),
  }))
  lies.tell('readLane', (answer) =>
    answer.package && hidden(parseHeaderNote(answer.package.header).header.kind)
      ? ({ ...answer, package: undefined } as never)
      : answer,
  )
  const template = starterItems.find((item) => `${item.id}@${item.edition}` === INDUSTRY_ITEM)!
  const edition = (name: string) =>
    publish(province(), {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source: { kind: 'self' },
      records: [
        encodeCatalogRecord(
          create(CatalogRecordSchema, {
            content: { case: 'item', value: { ...template, edition: name } },
            act,
          }),
        ),
      ],
    })
  const records = (item: string, target: string, n: number) =>
    publish(province(), {
      kind: 'evaluation',
      item,
      provider: BODY,
      targets: [target],
      batchClass: 'normal',
      records: [industryRecord(n, { prefix: `n${n}` })],
      source: { kind: 'self' },
    })
  await edition('late')
  const sent = []
  for (const [i, target] of ['330100', '330100/**', '330000/**', '**'].entries())
    sent.push((await records('zj/industry-evaluation@late', target, i)).batch!)
  const has = async (id: Uint8Array): Promise<boolean> =>
    (await findBatch(city(), id)) !== undefined
  await federation.until('some of it waits', () =>
    federation
      .node('330100')
      .alarms.list()
      .some((line) => line.includes('waiting zj.example/330000')),
  )
  const third = (await findBatch(province(), sent[2]!.id))!.indexes[0]!
  const { batch: after } = await records(INDUSTRY_ITEM, '330100', 9)
  await federation.until(
    'what is signed for goes on',
    async () => ((await childReceipt(province(), city().self))?.receipt.size ?? 0n) > third + 2n,
  )
  t.ok(
    (await childReceipt(province(), city().self))!.receipt.classes.normal <= third,
    'and not past what is missing',
  )
  await federation.restart('330100', { link })
  lies.stop()
  await edition('next')
  for (const { id } of [...sent, after!])
    await federation.until('it comes after all', () => has(id))
  await federation.until('no alarm stands', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
})
