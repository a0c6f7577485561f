/** Which edition is in force where several nodes published one. */
import { create } from '@bufbuild/protobuf'
import t from 'tap'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { Catalog, encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { federationOf } from '../topology/members.ts'

const NATION = 'cn.example/000000'
const [ZJ, JS] = ['zj.example/330000', 'js.example/320000']
const members = federationOf([
  { name: NATION, tier: 'nation', divisions: ['000000'] },
  { name: ZJ!, tier: 'province', parent: NATION, divisions: ['330000'] },
  { name: JS!, tier: 'province', parent: NATION, divisions: ['320000'] },
]).all()
const edition = (legalBasis: string): Uint8Array =>
  encodeCatalogRecord(
    create(CatalogRecordSchema, {
      content: {
        case: 'item',
        value: { ...starterItems[0]!, id: 'cn/x', edition: '1', legalBasis },
      },
    }),
  )
const from = (origin: string, createdMs: number, index: number) => ({
  origin,
  createdMs,
  batch: `batch ${index}`,
  index: BigInt(index),
})

t.test("the owner's edition is in force, whatever came before and after it", (t) => {
  const publications = [
    [ZJ!, 10, 'zj'],
    [JS!, 5, 'js'],
    [NATION, 20, 'cn'],
  ] as const
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    const catalog = new Catalog()
    for (const i of order) {
      const [origin, createdMs, text] = publications[i]!
      catalog.add(edition(text), from(origin, createdMs, i), members)
    }
    t.equal(catalog.item('cn/x@1')?.legalBasis, 'cn')
    t.equal(catalog.entries().length, 1)
    catalog.drop('batch 2')
    t.equal(
      catalog.item('cn/x@1')?.legalBasis,
      'js',
      'refused above, it counts no more: of those who stood in the first that was signed',
    )
    catalog.drop('batch 1')
    t.equal(catalog.item('cn/x@1')?.legalBasis, 'zj')
    catalog.drop('batch 0')
    t.equal(catalog.item('cn/x@1'), undefined)
    t.same(catalog.entries(), [])
  }
  t.end()
})

t.test('what is checked against an edition is checked against the one in force', (t) => {
  const catalog = new Catalog()
  catalog.add(edition('zj'), from(ZJ!, 10, 0), members)
  t.equal(catalog.compiled('cn/x@1')?.item.legalBasis, 'zj')
  catalog.add(edition('cn'), from(NATION, 20, 1), members)
  t.equal(catalog.compiled('cn/x@1')?.item.legalBasis, 'cn')
  t.end()
})

t.test("an edition never changes: its owner's for anybody, another's for himself", (t) => {
  const catalog = new Catalog()
  const conflict = (origin: string, text: string): string | undefined => {
    const bytes = edition(text)
    return catalog.conflict(
      create(CatalogRecordSchema, {
        content: {
          case: 'item',
          value: { ...starterItems[0]!, id: 'cn/x', edition: '1', legalBasis: text },
        },
      }),
      bytes,
      { origin, standing: origin === NATION ? 'owner' : 'stand-in' },
    )
  }
  t.equal(conflict(ZJ!, 'zj'), undefined)
  catalog.add(edition('zj'), from(ZJ!, 10, 0), members)
  t.equal(conflict(ZJ!, 'zj'), undefined, 'the same again')
  t.equal(conflict(ZJ!, 'other'), ZJ)
  t.equal(conflict(NATION, 'cn'), undefined, 'the owner is not held up')
  catalog.add(edition('cn'), from(NATION, 20, 1), members)
  t.equal(conflict(NATION, 'other'), NATION)
  t.equal(conflict(JS!, 'js'), undefined, 'what stands in is kept, and not in force')
  t.ok(catalog.isContinuedBy(ZJ!, 'cn/y') === false && !catalog.isContinuedBy(ZJ!, 'cn/x'))
  t.end()
})
