/** What the catalog takes: editions that never change, and mappings that fit the scales they name. */
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { recordAt } from '../../src/batch/body.ts'
import type { Context } from '../../src/commit/context.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import {
  type CatalogItem,
  CatalogRecordSchema,
  type GradeMapping,
  GradeMappingSchema,
  type GradeScale,
  GradeScaleSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  type CatalogEntry,
  ListCatalogRequestSchema,
  ListCatalogResponseSchema,
} from '../../src/gen/huxin/v1/record_service_pb.ts'
import type { SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterMappings, starterScales } from '../../src/record/data/scales.ts'
import { recordService } from '../../src/service/record-service.ts'
import { codeOf, findings, type Forged, forge, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { withLoopDelay } from '../support/loop-delay.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { doorOf, nodeOf } from '../support/doors.ts'

const act = { actor: '张三', reason: 'test', document: '测〔2026〕3号' }
const scale = (value: GradeScale): Uint8Array =>
  encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'scale', value }, act }))
const mapping = (value: GradeMapping): Uint8Array =>
  encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'mapping', value }, act }))

/** The first page of what a client is told. */
async function listCatalog(context: Context): Promise<CatalogEntry[]> {
  const bytes = await recordService(nodeOf(context))
    .methods.find(({ name }) => name === 'ListCatalog')!
    .call(toBinary(ListCatalogRequestSchema, create(ListCatalogRequestSchema, {})), {} as never)
  return fromBinary(ListCatalogResponseSchema, bytes).entries
}

t.test('a catalog batch', async (t) => {
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
  ])
  t.teardown(() => federation.stop())
  const { context } = federation.node('330000')
  const offer = (...records: Uint8Array[]) =>
    publish(context, {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source: { kind: 'self' },
      records,
    })
  const size = (): bigint => context.log().size
  const given = starterMappings[0]!
  const edition = (
    version: string,
    change: (value: GradeMapping) => void = () => undefined,
  ): Uint8Array => {
    const value = clone(GradeMappingSchema, given)
    value.version = version
    change(value)
    return mapping(value)
  }
  const another = clone(
    GradeScaleSchema,
    starterScales.find((one) => `${one.id}@${one.version}` === given.fromScale)!,
  )
  another.version = '2099'
  const fromAnother = (version: string): Uint8Array =>
    edition(version, (value) => {
      value.fromScale = `${another.id}@${another.version}`
    })

  await t.test('waits for the scale that a mapping names', async (t) => {
    const before = size()
    t.equal(await codeOf(offer(fromAnother('later'))), 'item_unknown')
    t.equal(size(), before, 'nothing is logged')
    t.equal(
      (await offer(scale(another), fromAnother('later'))).refusal,
      undefined,
      'the scale may stand before it in the batch',
    )
  })

  await t.test(
    'is refused with a mapping that leaves a grade out, or leads to a grade that is none',
    async (t) => {
      const [grade] = Object.keys(given.pairs)
      const refusals = await Promise.all([
        offer(
          edition('partial', (value) => {
            delete value.pairs[grade!]
          }),
        ),
        offer(
          edition('wrong', (value) => {
            value.pairs[grade!] = 'no such grade'
          }),
        ),
      ])
      t.match(
        refusals.map(({ refusal }) => refusal?.code),
        ['record_invalid', 'record_invalid'],
      )
    },
  )

  await t.test(
    'is refused when it names one edition twice, or one that is published with another content',
    async (t) => {
      t.equal(
        (
          await offer(
            edition('twice'),
            edition('twice', (value) => {
              value.pairs = { ...value.pairs }
            }),
          )
        ).refusal?.code,
        'record_invalid',
      )
      t.equal((await offer(edition('once'))).refusal, undefined)
      t.equal(
        (
          await offer(
            edition('once', (value) => {
              value.legalDocument = '测〔2026〕4号'
            }),
          )
        ).refusal?.code,
        'record_invalid',
      )
      t.equal((await offer(edition('once'))).refusal, undefined, 'the same again changes nothing')
    },
  )

  await t.test(
    'of the widest schemas leaves room for others, when it is judged and when it is listed',
    async (t) => {
      const properties = Object.fromEntries(
        Array.from({ length: 1_200 }, (_, i) => [
          `p${i}`,
          { type: 'string', 'x-personal-data': 'none' },
        ]),
      )
      const attributesSchema = JSON.stringify({
        type: 'object',
        additionalProperties: false,
        properties,
      })
      const template = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!
      const wide = Array.from({ length: 8 }, (_, i) =>
        encodeCatalogRecord(
          create(CatalogRecordSchema, {
            content: {
              case: 'item',
              value: { ...template, id: `zj/wide-${i}`, columns: [], attributesSchema },
            },
            act,
          }),
        ),
      )
      const published = await withLoopDelay(() => offer(...wide))
      t.equal(published.value.refusal, undefined)
      t.ok(
        published.worstMs < 600,
        `the loop worked for ${published.worstMs.toFixed(0)} ms at a time`,
      )
      const listed = await withLoopDelay(() => listCatalog(context))
      t.equal(
        listed.value.filter(
          ({ id, standing }) => id.startsWith('zj/wide-') && standing === 'in_force',
        ).length,
        8,
      )
      t.ok(listed.worstMs < 600, `the loop worked for ${listed.worstMs.toFixed(0)} ms at a time`)
    },
  )
})

t.test(
  'what a later version publishes is carried, marked and not served by nodes that do not know it',
  async (t) => {
    const federation = await TestFederation.start([
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    ])
    t.teardown(() => federation.stop())
    const [province, city] = [federation.node('330000').context, federation.node('330100').context]
    await federation.until(
      'the catalog is there',
      () => city.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
    )
    const template = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!
    const item = (changed: Partial<CatalogItem>): Uint8Array =>
      encodeCatalogRecord(
        create(CatalogRecordSchema, {
          content: { case: 'item', value: { ...template, ...changed } },
          act,
        }),
      )
    // A content that is neither item, scale nor mapping: field 9, with three bytes.
    const strange = Buffer.concat([
      toBinary(CatalogRecordSchema, create(CatalogRecordSchema, { act })),
      Buffer.of(0x4a, 3, 1, 2, 3),
    ])
    const taken = async ({ batch, body }: Forged): Promise<void> => {
      await doorOf(province).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'self' },
      })
      await federation.until(
        'it is at the city',
        async () => (await findBatch(city, batch.id)) !== undefined,
      )
    }
    const catalogOf = (...records: Uint8Array[]): Forged =>
      forge(province, records, ['**'], { kind: 'catalog', item: undefined, batchClass: 'control' })
    const { columns } = template
    const later = catalogOf(
      item({ edition: 'permits', kind: 'x-permit', scales: [] }),
      item({ edition: 'spirits', subjectTypes: [9 as SubjectType] }),
      item({ edition: 'maps', columns: [{ ...columns[0]!, type: 'geo' }, ...columns.slice(1)] }),
      item({ edition: 'known' }),
      strange,
      strange,
    )

    await t.test(
      'the catalog batch is accepted, and what is known of it is in force',
      async (t) => {
        await taken(later)
        t.equal((await findBatch(city, later.batch.id))!.refused, false)
        t.same(
          recordAt((await findBatch(city, later.batch.id))!.body!, 4),
          strange,
          'byte for byte',
        )
        const entries = await listCatalog(city)
        const standing = new Map(entries.map((entry) => [entry.id, entry.standing]))
        t.same(
          ['permits', 'spirits', 'maps', 'known'].map((edition) =>
            standing.get(`${template.id}@${edition}`),
          ),
          ['not_understood', 'not_understood', 'not_understood', 'in_force'],
        )
      },
    )

    await t.test('batches of its items go on, and are not served', async (t) => {
      const permit = forge(province, [industryRecord(1, { prefix: 'permit' })], ['330100'], {
        kind: 'x-permit',
        item: `${template.id}@permits`,
        origin: province.self,
      })
      await taken(permit)
      const spirit = forge(
        province,
        [industryRecord(2, { prefix: 'spirit', grade: 'Z' })],
        ['330100'],
        { item: `${template.id}@spirits` },
      )
      await taken(spirit)
      for (const { batch } of [permit, spirit])
        t.match(await findBatch(city, batch.id), { refused: false, body: { erased: 0 } })
      const known = forge(province, [industryRecord(3, { prefix: 'known' })], ['330100'], {
        item: `${template.id}@known`,
      })
      await taken(known)
      t.match((await findBatch(city, known.batch.id))!.entry.verdict, { accepted: true })
      await federation.until(
        'it is served',
        async () => (await findByRecordId(city, 'known-3')).length === 1,
      )
      t.same(
        [...(await findByRecordId(city, 'permit-1')), ...(await findByRecordId(city, 'spirit-2'))],
        [],
      )
    })

    await t.test(
      'but what contradicts what is known is refused, and nobody publishes what his own node does not know',
      async (t) => {
        const wrong = catalogOf(item({ edition: 'wrong', retentionYears: 1_000 }))
        await taken(wrong)
        t.match((await findBatch(city, wrong.batch.id))!.entry.verdict, {
          accepted: false,
          code: 'record_invalid',
        })
        const mismatch = forge(province, [industryRecord(4, { prefix: 'mismatch' })], ['330100'], {
          item: `${template.id}@permits`,
        })
        await taken(mismatch)
        t.match((await findBatch(city, mismatch.batch.id))!.entry.verdict, {
          accepted: false,
          code: 'item_kind_mismatch',
        })
        for (const record of [
          item({ edition: 'slip', kind: 'evaluaton' }),
          item({ edition: 'slip', subjectTypes: [9 as SubjectType] }),
          strange,
        ]) {
          const { refusal } = await publish(province, {
            kind: 'catalog',
            item: undefined,
            provider: BODY,
            targets: ['**'],
            batchClass: 'control',
            source: { kind: 'self' },
            records: [record],
          })
          t.equal(refusal?.code, 'record_invalid')
        }
        t.equal(
          await codeOf(
            publishRecords(province, [industryRecord(5)], ['330100'], {
              item: `${template.id}@spirits`,
            }),
          ),
          'argument_invalid',
        )
      },
    )
    t.same(await findings(federation), [])
  },
)
