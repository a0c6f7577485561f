/** What the catalog takes: editions that never change, and mappings that fit the scales they name. */
import { clone, create } from '@bufbuild/protobuf'
import t from 'tap'
import { publish } from '../../src/exchange/publish.ts'
import { CatalogRecordSchema, type GradeMapping, GradeMappingSchema, type GradeScale, GradeScaleSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterMappings, starterScales } from '../../src/record/data/scales.ts'
import { codeOf } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'

const act = { actor: '张三', reason: 'test', document: '测〔2026〕3号' }
const scale = (value: GradeScale): Uint8Array => encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'scale', value }, act }))
const mapping = (value: GradeMapping): Uint8Array => encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'mapping', value }, act }))

t.test('a catalog batch', async (t) => {
  const federation = await TestFederation.start([{ id: '330000', tier: 'province', divisions: ['330000'] }])
  t.teardown(() => federation.stop())
  const { context } = federation.node('330000')
  const offer = (...records: Uint8Array[]) => publish(context, {
    kind: 'catalog', item: undefined, provider: BODY, targets: ['**'], batchClass: 'control', source: { kind: 'self' }, records,
  })
  const size = (): bigint => context.log().size
  const given = starterMappings[0]!
  const edition = (version: string, change: (value: GradeMapping) => void = () => undefined): Uint8Array => {
    const value = clone(GradeMappingSchema, given)
    value.version = version
    change(value)
    return mapping(value)
  }
  const another = clone(GradeScaleSchema, starterScales.find((one) => `${one.id}@${one.version}` === given.fromScale)!)
  another.version = '2099'
  const fromAnother = (version: string): Uint8Array => edition(version, (value) => {
    value.fromScale = `${another.id}@${another.version}`
  })

  await t.test('waits for the scale that a mapping names', async (t) => {
    const before = size()
    t.equal(await codeOf(offer(fromAnother('later'))), 'item_unknown')
    t.equal(size(), before, 'nothing is logged')
    t.equal((await offer(scale(another), fromAnother('later'))).refusal, undefined, 'the scale may stand before it in the batch')
  })

  await t.test('is refused with a mapping that leaves a grade out, or leads to a grade that is none', async (t) => {
    const [grade] = Object.keys(given.pairs)
    const refusals = await Promise.all([
      offer(edition('partial', (value) => { delete value.pairs[grade!] })),
      offer(edition('wrong', (value) => { value.pairs[grade!] = 'no such grade' })),
    ])
    t.match(refusals.map(({ refusal }) => refusal?.code), ['record_invalid', 'record_invalid'])
  })

  await t.test('is refused when it names one edition twice, or one that is published with another content', async (t) => {
    t.equal((await offer(edition('twice'), edition('twice', (value) => { value.pairs = { ...value.pairs } }))).refusal?.code, 'record_invalid')
    t.equal((await offer(edition('once'))).refusal, undefined)
    t.equal((await offer(edition('once', (value) => { value.legalDocument = '测〔2026〕4号' }))).refusal?.code, 'record_invalid')
    t.equal((await offer(edition('once'))).refusal, undefined, 'the same again changes nothing')
  })
})
