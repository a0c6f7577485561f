/** A record id names one subject, and a new version goes wherever the one before it went: what is published is held against what was published. */
import t from 'tap'
import { amend } from '../../src/publish/amend.ts'
import type { Published } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import type { Context } from '../../src/commit/context.ts'
import { toBinary } from '@bufbuild/protobuf'
import { EvaluationKind, RecordSchema } from '../../src/gen/huxin/v1/record_pb.ts'
import { decodeRecord } from '../../src/record/record.ts'
import { type DerivedIds, derivedIdsOf } from '../../src/record/record-id.ts'
import { syntheticUscc } from '../../src/record/uscc.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { evaluation, standings } from '../support/lookups.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { settled, source } from '../support/settled.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
]
const EVERYBODY = ['330000/**']

/** `published`, or the places and codes of the faults. */
async function say(
  context: Context,
  records: readonly Uint8Array[],
  targets = EVERYBODY,
  more: Parameters<typeof publishRecords>[3] = {},
): Promise<string> {
  const { refusal, published } = await publishRecords(context, records, targets, more)
  return refusal
    ? refusal.faults.map(({ index, path, code }) => `${index} ${path} ${code}`).join(', ')
    : `published ${published}`
}

/** The place that the reason of a refusal names. */
function placeIn({ refusal }: Published): [Uint8Array, number] {
  const [, batchId = '', position = ''] =
    /([0-9a-f]{64}) (\d+)$/.exec(refusal!.faults[0]!.messageZh) ?? []
  return [Buffer.from(batchId, 'hex'), Number(position)]
}

/** Where the newest version of a record is. */
async function place(context: Context, recordId: string): Promise<[Uint8Array, number]> {
  const [found] = await findByRecordId(context, recordId)
  return [found!.batch.id, found!.position]
}

function gradeIn(record: Uint8Array): string {
  const { content } = decodeRecord(record)
  return content.case === 'evaluationResult' ? content.value.grade : ''
}

t.test('a record id', async (t) => {
  const federation = await TestFederation.start(PLACES)
  t.teardown(() => federation.stop())
  await settled(federation)
  let { context } = federation.node('330100')
  const one = (id: string, of: number, grade = 'A', on?: string): Uint8Array =>
    evaluation({ id, of, grade, ...(on ? { on } : {}) })

  await t.test('is of one subject in one call', async (t) => {
    t.equal(
      await say(context, [one('a', 1), one('b', 2), one('a', 3)]),
      '2 record_id record_id_taken',
    )
    t.equal(
      await say(context, [one('a', 1), one('b', 2), one('a', 1, 'B')]),
      'published 3',
      'two versions are no two subjects',
    )
    const { refusal } = await publishRecords(context, [one('a', 3)], EVERYBODY)
    t.match(refusal!.faults[0], { message: /another subject/, messageZh: /另一主体/ })
  })

  await t.test(
    'is of one subject, whether the one before is in the index yet or not',
    async (t) => {
      t.equal(await say(context, [one('new', 4)]), 'published 1')
      t.equal(
        await say(context, [one('x-1', 1), one('new', 5), one('x-2', 2)]),
        '1 record_id record_id_taken',
        'at once',
      )
      await context.indexer.caughtUp()
      t.equal(await say(context, [one('new', 5)]), '0 record_id record_id_taken', 'later')
      const again = await federation.restart('330100')
      await federation.confirmed()
      await federation.until('it serves again', () => again.state === 'serving')
      context = again.context
      t.equal(await say(context, [one('new', 5)]), '0 record_id record_id_taken', 'after a restart')
      t.equal(await say(context, [one('new', 4, 'E')]), 'published 1', 'its own subject goes on')
    },
  )

  await t.test('is given to one of two that come at the same moment', async (t) => {
    const said = await Promise.all([7, 8, 9].map((of) => say(context, [one('race', of)])))
    t.same(said.sort(), [
      '0 record_id record_id_taken',
      '0 record_id record_id_taken',
      'published 1',
    ])
  })

  await t.test('is another one for another provider', async (t) => {
    t.equal(
      await say(context, [one('new', 5)], EVERYBODY, {
        provider: syntheticUscc('11330100', 'TT000777'),
      }),
      'published 1',
    )
  })

  await t.test(
    'keeps its versions together: a new one reaches everybody who has the one before',
    async (t) => {
      t.equal(await say(context, [one('wide', 10)], ['330000', '330100']), 'published 1')
      t.equal(
        await say(context, [one('wide', 10, 'E')], ['330100']),
        '0 targets version_targets',
        'the province would call the old one current',
      )
      t.equal(
        await say(context, [one('wide', 10, 'E')], ['330000/**']),
        'published 1',
        'more targets are none too few',
      )
      const province = federation.node('330000').context
      await federation.until(
        'it is at the province',
        async () => (await standings(province, { recordId: 'wide' })).length === 2,
      )
      t.same(await standings(province, { recordId: 'wide' }), [
        '330100 E current',
        '330100 A superseded',
      ])
      const last = await publishRecords(context, [one('ended', 11)], EVERYBODY)
      await amend(context, {
        provider: BODY,
        source,
        changes: [
          {
            action: 'withdraw',
            batchId: last.batch!.id,
            position: 0,
            effectiveOn: '2026-01-01',
            basis: 'test/ended',
            document: '',
          },
        ],
      })
      t.equal(
        await say(context, [one('ended', 11)], ['330100']),
        'published 1',
        'what is withdrawn everywhere holds nothing up',
      )
    },
  )

  await t.test(
    'is left out of what is imported again only where it stands as it is to stand',
    async (t) => {
      const other = syntheticUscc('11330100', 'TT000778')
      const again = async (targets: string[], provider = BODY): Promise<number[]> => {
        const { published, existing } = await publishRecords(
          context,
          [one('import', 12)],
          targets,
          { provider, skipExisting: true },
        )
        return [published, existing]
      }
      t.same(await again(['330100']), [1, 0])
      t.same(await again(['330100']), [0, 1], 'the same')
      t.same(await again(['330000', '330100']), [1, 0], 'the province has not got it')
      t.same(await again(['330000']), [0, 1], 'now it has')
      t.same(await again(['330000'], other), [1, 0], 'another provider did not say it')
    },
  )

  await t.test('is compared with the version that holds when it is imported', async (t) => {
    const wanted = { skipExisting: true }
    const outcome = async (
      records: readonly Uint8Array[],
      targets = EVERYBODY,
    ): Promise<string> => {
      const { published, existing, refusal, beside } = await publishRecords(
        context,
        records,
        targets,
        wanted,
      )
      if (refusal) return refusal.faults.map(({ index, code }) => `${index} ${code}`).join(', ')
      const grades = beside?.replaced.map(({ record }) => gradeIn(record)).join('') ?? ''
      return `new ${published - (beside?.updated ?? 0) - (beside?.widened ?? 0)} updated ${beside?.updated ?? 0}${grades} widened ${beside?.widened ?? 0} unchanged ${existing}`
    }
    t.equal(await outcome([one('back', 20)]), 'new 1 updated 0 widened 0 unchanged 0')
    t.equal(await outcome([one('back', 20, 'C')]), 'new 0 updated 1A widened 0 unchanged 0')
    t.equal(
      await outcome([one('back', 20, 'A')]),
      'new 0 updated 1C widened 0 unchanged 0',
      'a correction back to a former value',
    )
    t.same(await standings(context, { recordId: 'back' }), [
      '330100 A current',
      '330100 C superseded',
      '330100 A superseded',
    ])
    t.equal(
      await outcome([one('back', 20, 'A')]),
      'new 0 updated 0 widened 0 unchanged 1',
      'and again adds nothing',
    )
    t.equal(await outcome([one('narrow', 21)], ['330100']), 'new 1 updated 0 widened 0 unchanged 0')
    t.equal(
      await outcome([one('narrow', 21, 'C')]),
      'new 0 updated 1A widened 0 unchanged 0',
      'to more targets in the same second',
    )
    t.same(
      await standings(context, { recordId: 'narrow' }),
      ['330100 C current', '330100 A superseded'],
      'what was sealed later holds',
    )
    t.equal(
      await outcome([one('back', 20, 'A'), one('wider', 22)], ['330000/**', '330100']),
      'new 1 updated 0 widened 0 unchanged 1',
    )
    t.equal(
      await outcome([one('back', 20, 'E', '2025-06-30')]),
      '0 version_older',
      'it would not hold',
    )
    t.equal(
      await outcome([one('p', 23), one('q', 24), one('p', 23, 'B'), one('q', 24)]),
      '2 record_id_twice',
    )
    t.equal(
      await outcome(
        [one('back', 20, 'A'), one('back-2', 25), one('wider', 99)],
        ['330000/**', '330100'],
      ),
      '2 record_id_taken',
      'places are those of the caller',
    )
  })

  await t.test('is answered with the same counts when the call is repeated', async (t) => {
    const call = (): Promise<unknown> =>
      publishRecords(context, [one('back', 20, 'B'), one('fresh', 26)], EVERYBODY, {
        skipExisting: true,
        requestId: 'counts',
      })
    t.match(await call(), {
      published: 2,
      beside: { updated: 1, widened: 0, replaced: [{ position: 0 }] },
    })
    t.match(await call(), {
      published: 2,
      beside: { updated: 1, widened: 0, replaced: [{ position: 0 }] },
    })
  })

  await t.test('that was withdrawn or repaired is not taken again unchanged', async (t) => {
    const take = async (record: Uint8Array): Promise<string> =>
      say(context, [record], EVERYBODY, { skipExisting: true })
    const end = async (record: Uint8Array, action: 'withdraw' | 'repair'): Promise<void> => {
      const { batch } = await publishRecords(context, [record], EVERYBODY)
      await amend(context, {
        provider: BODY,
        source,
        changes: [
          {
            action,
            batchId: batch!.id,
            position: 0,
            effectiveOn: '2026-01-01',
            basis: 'test/ended',
            document: '',
          },
        ],
      })
    }
    await end(one('gone', 30), 'withdraw')
    t.equal(await take(one('gone', 30)), '0 record_id record_withdrawn')
    const [batchId, position] = placeIn(
      await publishRecords(context, [one('gone', 30)], EVERYBODY, { skipExisting: true }),
    )
    const change = {
      batchId,
      position,
      effectiveOn: '2026-01-01',
      basis: 'test/wrong',
      document: '',
    }
    await amend(context, { provider: BODY, source, changes: [{ action: 'restore', ...change }] })
    t.same(
      await standings(context, { recordId: 'gone' }),
      ['330100 A current'],
      'the refusal says what restores it',
    )
    t.equal(await take(one('gone', 30)), 'published 0', 'and it is there')
    await amend(context, { provider: BODY, source, changes: [{ action: 'withdraw', ...change }] })
    t.equal(
      await take(one('gone', 30, 'E', '2025-01-01')),
      '0 record_id version_older',
      'the withdrawn one would go before it',
    )
    t.equal(await take(one('gone', 30, 'B')), 'published 1', 'a corrected one is taken')
    await end(one('healed', 31, 'E'), 'repair')
    t.equal(await take(one('healed', 31, 'E')), '0 record_id record_repaired')
    t.equal(
      await take(one('healed', 31, 'D')),
      '0 record_id record_repaired',
      'with another cell it is still what was repaired',
    )
    t.equal(await take(one('healed', 31, 'B', '2026-11-01')), 'published 1', 'a new decision')
  })

  await t.test('that was derived before kind and scale were part of it goes on', async (t) => {
    const item = context.ledger().catalog.item(INDUSTRY_ITEM)!
    const made = (
      id: (ids: DerivedIds) => string,
      of: number,
      kind: EvaluationKind,
      grade = 'A',
    ): Uint8Array => {
      const record = decodeRecord(one('', of, grade))
      if (record.content.case === 'evaluationResult') record.content.value.kind = kind
      return toBinary(RecordSchema, { ...record, recordId: id(derivedIdsOf(item, BODY, record)) })
    }
    const [now, former] = [
      (ids: DerivedIds): string => ids.id,
      (ids: DerivedIds): string => ids.former,
    ]
    const { INDUSTRY, COMPREHENSIVE } = EvaluationKind
    const take = async (...records: Uint8Array[]): Promise<string> =>
      say(context, records, EVERYBODY, { skipExisting: true })
    t.equal(
      await take(made(former, 40, COMPREHENSIVE), made(now, 41, INDUSTRY)),
      'published 2',
      'as a program before sent them',
    )
    t.equal(
      await take(made(now, 40, COMPREHENSIVE, 'C'), made(now, 42, COMPREHENSIVE)),
      '0 record_id record_id_former',
    )
    t.equal(await take(made(former, 40, COMPREHENSIVE)), 'published 0', 'under that id it is there')
    t.equal(
      await take(made(now, 41, COMPREHENSIVE)),
      'published 1',
      'another kind under the former id is another record',
    )
    t.same(await standings(context, { recordId: decodeRecord(made(now, 41, INDUSTRY)).recordId }), [
      '330100 A current',
    ])
  })

  await t.test(
    'of another result for the same subject, field and period is said, while that one holds',
    async (t) => {
      const beside = async (...records: Uint8Array[]): Promise<string[]> => {
        const answer = await publishRecords(context, records, EVERYBODY, { skipExisting: true })
        return (
          answer.beside?.contradicted.map(
            ({ position, recordId, result }) => `${position} ${recordId} ${result}`,
          ) ?? []
        )
      }
      t.same(await beside(one('first-file', 50), one('alone', 51)), [])
      t.same(
        await beside(one('agrees', 50), one('next-year', 50, 'E', '2026-07-31')),
        [],
        'the same result, and another period',
      )
      t.same(
        await beside(
          one('other', 51, 'A'),
          one('second-file', 50, 'E'),
          one('third-file', 51, 'C'),
        ),
        ['1 agrees A', '2 alone A'],
      )
      t.same(await beside(one('alone', 51, 'B')), ['0 third-file C'], 'a correction too')
      t.same(await beside(one('alone', 51, 'B')), [], 'what is there is not published')
      const many = Array.from({ length: 30 }, (_, i) => one(`fill-${i}`, 60 + i))
      t.same(await beside(...many, one('sieved', 50, 'D')), ['30 second-file E'], 'among many')
      const [batchId, position] = await place(context, 'second-file')
      await amend(context, {
        provider: BODY,
        source,
        changes: [
          {
            action: 'withdraw',
            batchId,
            position,
            effectiveOn: '2026-01-01',
            basis: 'test/wrong',
            document: '',
          },
        ],
      })
      t.same(
        await beside(one('sieved', 50, 'C')),
        ['0 agrees A'],
        'what was withdrawn says nothing',
      )
    },
  )

  await t.test('is looked for among thousands of others', async (t) => {
    for (let i = 0; i < 3; i++)
      t.equal(
        await say(
          context,
          many(1_000, (n) => industryRecord(n, { prefix: `m${i}` })),
        ),
        'published 1000',
      )
    t.equal(
      await say(
        context,
        many(1_000, (n) => (n === 500 ? one('m1-500', 1) : industryRecord(n, { prefix: 'm3' }))),
      ),
      '500 record_id record_id_taken',
    )
    t.equal(
      await say(
        context,
        many(1_000, (n) => industryRecord(n, { prefix: 'm2', grade: 'B' })),
      ),
      'published 1000',
      'a thousand new versions',
    )
    t.same(await standings(context, { recordId: 'm2-999' }), [
      '330100 B current',
      '330100 A superseded',
    ])
  })

  t.same(await findings(federation), [])
})
