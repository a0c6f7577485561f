/** Which version of a record holds: the same at every node, whatever arrived first, and never another origin's. */
import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { amend } from '../../src/publish/amend.ts'
import type { Context } from '../../src/commit/context.ts'
import { publish } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { compareVersions, seriesName, type Version } from '../../src/query/series.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import type { Record as CreditRecord } from '../../src/gen/huxin/v1/record_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { findings, forge, publishRecords } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { enterprise, evaluation, standings } from '../support/lookups.ts'
import { INDUSTRY_ITEM } from '../support/records.ts'
import { act, held, settled, source } from '../support/settled.ts'
import { doorOf } from '../support/doors.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330700', tier: 'city', parent: '330000', divisions: ['330700'] },
]
const NEXT_ITEM = 'zj/industry-evaluation@2026.2'
const EVERYBODY = ['330000/**']

t.test('versions of a record', async (t) => {
  const federation = await TestFederation.start(PLACES)
  t.teardown(() => federation.stop())
  await settled(federation)
  const [province, hangzhou, jinhua] = PLACES.map(({ id }) => federation.node(id).context)
  const everywhere = async (mark: string, context = hangzhou!): Promise<void> => {
    await publishRecords(context, [evaluation({ id: mark, of: 99, grade: 'C' })], EVERYBODY)
    for (const { id } of PLACES)
      await federation.until(`${mark} is at ${id}`, () => held(federation, id, mark))
  }
  const same = async (
    t: Tap,
    request: Parameters<typeof standings>[1],
    expected: string[],
    message: string,
  ): Promise<void> => {
    for (const { id } of PLACES)
      t.same(
        await standings(federation.node(id).context, request),
        expected,
        `${message}, at ${id}`,
      )
  }

  await t.test('of one origin: the newer one replaces the older one', async (t) => {
    for (const grade of ['B', 'A'])
      await publishRecords(hangzhou!, [evaluation({ id: 'V-1', of: 1, grade })], EVERYBODY)
    await everywhere('after-v1')
    await same(
      t,
      { recordId: 'V-1' },
      ['330100 A current', '330100 B superseded'],
      'sealed in order',
    )
  })

  await t.test(
    'of another origin: nothing is replaced, though provider and id are the same',
    async (t) => {
      await publishRecords(jinhua!, [evaluation({ id: 'V-1', of: 1, grade: 'E' })], EVERYBODY)
      await everywhere('after-e', jinhua!)
      for (const { id } of PLACES) {
        t.same(
          (await standings(federation.node(id).context, { recordId: 'V-1' })).sort(),
          ['330100 A current', '330100 B superseded', '330700 E current'],
          `at ${id}`,
        )
      }
    },
  )

  await t.test('of an earlier date: it is superseded when it arrives', async (t) => {
    await publishRecords(
      hangzhou!,
      [evaluation({ id: 'V-2', of: 2, grade: 'A', on: '2026-10-01' })],
      EVERYBODY,
    )
    await publishRecords(
      hangzhou!,
      [evaluation({ id: 'V-2', of: 2, grade: 'E', on: '2021-10-01' })],
      EVERYBODY,
    )
    await everywhere('after-v2')
    await same(t, enterprise(2), ['330100 E superseded', '330100 A current'], 'the date decides')
  })

  await t.test(
    'under the next edition of the item: it replaces the one of the edition before',
    async (t) => {
      const item = starterItems.find(({ id }) => `${id}@2026.1` === INDUSTRY_ITEM)!
      const next = encodeCatalogRecord(
        create(CatalogRecordSchema, {
          content: { case: 'item', value: { ...item, edition: '2026.2' } },
          act,
        }),
      )
      await publish(province!, {
        kind: 'catalog',
        item: undefined,
        provider: BODY,
        targets: ['**'],
        batchClass: 'control',
        records: [next],
        source: { kind: 'self' },
      })
      await federation.until('the next edition is everywhere', () =>
        PLACES.every(({ id }) => federation.node(id).context.ledger().catalog.item(NEXT_ITEM)),
      )
      await publishRecords(hangzhou!, [evaluation({ id: 'CFC-1', of: 3, grade: 'C' })], EVERYBODY)
      await publishRecords(hangzhou!, [evaluation({ id: 'CFC-1', of: 3, grade: 'B' })], EVERYBODY, {
        item: NEXT_ITEM,
      })
      await everywhere('after-edition')
      await same(
        t,
        { recordId: 'CFC-1' },
        ['330100 B current', '330100 C superseded'],
        'editions are one series',
      )
    },
  )

  await t.test('about another subject: it is another series', async (t) => {
    // No honest node seals it: what it published is in its own index.
    const first = forge(hangzhou!, [evaluation({ id: 'V-4', of: 4, grade: 'A' })], EVERYBODY)
    const second = forge(hangzhou!, [evaluation({ id: 'V-4', of: 5, grade: 'E' })], EVERYBODY, {
      after: first,
    })
    for (const { batch, body } of [first, second])
      await doorOf(province!).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'child', node: hangzhou!.self },
      })
    t.same(await standings(province!, { recordId: 'V-4' }), [
      '330100 E current',
      '330100 A current',
    ])
    t.same(await standings(province!, enterprise(4)), ['330100 A current'])
  })

  await t.test(
    'withdrawn: the one before it does not hold again; refused: it never held',
    async (t) => {
      await publishRecords(jinhua!, [evaluation({ id: 'V-5', of: 6, grade: 'B' })], EVERYBODY)
      const newest = await publishRecords(
        jinhua!,
        [evaluation({ id: 'V-5', of: 6, grade: 'A' })],
        EVERYBODY,
      )
      await amend(jinhua!, {
        provider: BODY,
        source,
        changes: [
          {
            action: 'withdraw',
            batchId: newest.batch!.id,
            position: 0,
            effectiveOn: '2026-01-01',
            basis: 'test/wrong',
            document: '',
          },
        ],
      })
      await everywhere('after-withdrawal', jinhua!)
      await federation.until('it is withdrawn everywhere', async () =>
        (
          await Promise.all(
            PLACES.map(({ id }) => standings(federation.node(id).context, { recordId: 'V-5' })),
          )
        ).every(([first]) => first === '330700 - withdrawn'),
      )
      await same(
        t,
        { recordId: 'V-5' },
        ['330700 - withdrawn', '330700 - superseded'],
        'nobody is given the content of either',
      )
      const versions = (await findByRecordId(province!, 'V-5')).map((found) => ({
        ...found,
        record: found.record!,
      }))
      t.equal(new Set(versions.map(({ batch, record }) => seriesName(batch, record))).size, 1)
      t.same(
        versions.sort((a, b) => compareVersions(b, a)).map(({ standing }) => standing),
        ['withdrawn', 'superseded'],
        'newest first',
      )
    },
  )

  await t.test(
    'erased: all that come before it in its series go with it, and nothing else',
    async (t) => {
      const erase = async (
        context: Context,
        chosen: readonly { recordId: string; grade: string; on?: string }[],
      ): Promise<number> => {
        const changes = await Promise.all(
          chosen.map(async ({ recordId, grade, on }) => {
            const found = (await findByRecordId(context, recordId)).find(
              ({ record, batch: { header } }) =>
                header.origin === context.self && gradeOf(record) === grade,
            )!
            return {
              action: 'erase' as const,
              batchId: found.batch.id,
              position: found.position,
              effectiveOn: on ?? '2026-01-01',
              basis: 'test/erase',
              document: '测〔2026〕9号',
            }
          }),
        )
        return (await amend(context, { provider: BODY, source, changes })).published
      }
      t.equal(
        await erase(hangzhou!, [{ recordId: 'V-2', grade: 'A' }]),
        2,
        'the earlier date, though it was logged later',
      )
      t.equal(await erase(hangzhou!, [{ recordId: 'CFC-1', grade: 'B' }]), 2, 'the edition before')
      t.equal(await erase(hangzhou!, [{ recordId: 'V-1', grade: 'A' }]), 2, 'the one before')
      t.same(await findByRecordId(hangzhou!, 'V-2'), [])
      t.same(await findByRecordId(hangzhou!, 'CFC-1'), [])
      t.same(
        await standings(hangzhou!, { recordId: 'V-1' }),
        ['330700 E current'],
        'what another origin says stays',
      )
      for (const grade of ['B', 'A'])
        await publishRecords(hangzhou!, [evaluation({ id: 'V-6', of: 8, grade })], EVERYBODY)
      t.equal(await erase(hangzhou!, [{ recordId: 'V-6', grade: 'B' }]), 1)
      t.same(
        await standings(hangzhou!, { recordId: 'V-6' }),
        ['330100 A current'],
        'the one after it stays',
      )
      await publishRecords(
        hangzhou!,
        [evaluation({ id: 'V-6', of: 8, grade: 'C', on: '2026-05-01' })],
        EVERYBODY,
      )
      await publishRecords(
        hangzhou!,
        [evaluation({ id: 'V-6', of: 8, grade: 'D', on: '2026-04-01' })],
        EVERYBODY,
      )
      const later = [
        { recordId: 'V-6', grade: 'C', on: '2099-01-01' },
        { recordId: 'V-6', grade: 'A' },
      ]
      t.equal(await erase(hangzhou!, later), 3, 'each is named once')
      t.same(await findByRecordId(hangzhou!, 'V-6'), [], 'on the first of the days')
    },
  )

  t.same(await findings(federation), [])
})

type Tap = Pick<typeof t, 'same'>

function gradeOf(record: CreditRecord | undefined): string | undefined {
  return record?.content.case === 'evaluationResult' ? record.content.value.grade : undefined
}

t.test('the order of versions', async (t) => {
  const federation = await TestFederation.start(PLACES.slice(0, 1))
  t.teardown(() => federation.stop())
  const { context } = federation.node('330000')
  const version = (record: Uint8Array, changed: Parameters<typeof forge>[3] = {}): Version => ({
    index: 0n,
    position: 0,
    batch: forge(context, [record], ['330000'], changed).batch,
    record: decodeRecord(record),
  })
  const record = evaluation({ id: 'o', of: 7, grade: 'A' })
  const first = version(record, { createdMs: 1_782_000_000_000 })
  const table: [string, Version, Version][] = [
    [
      'the date comes first',
      version(evaluation({ id: 'o', of: 7, grade: 'A', on: '2026-01-01' }), {
        createdMs: 1_782_000_009_000,
      }),
      first,
    ],
    ['then the epoch', first, version(record, { createdMs: 1_781_000_000_000, epoch: 2 })],
    ['then the time of sealing', first, version(record, { createdMs: 1_782_000_001_000 })],
    [
      'then the number in the lane',
      first,
      version(record, {
        createdMs: 1_782_000_000_000,
        lanes: [{ target: '330000', number: 8n, previous: new Uint8Array(32) }],
      }),
    ],
    ['then the position', first, { ...first, position: 3 }],
  ]
  for (const [title, before, after] of table) {
    t.ok(compareVersions(before, after) < 0, title)
    t.ok(compareVersions(after, before) > 0, `${title}, the other way round`)
  }
  t.equal(compareVersions(first, first), 0)
  t.equal(
    seriesName(version(record, { epoch: 2 }).batch, first.record),
    seriesName(first.batch, first.record),
    'a member keeps its series over its epochs',
  )
  for (const changed of [{ provider: '111000000000000355' }, { item: 'zj/other@2026.1' }]) {
    t.not(
      seriesName(version(record, changed).batch, first.record),
      seriesName(first.batch, first.record),
      JSON.stringify(changed),
    )
  }
})
