/** Who may speak in a recognition, what an answer rests on, and that a forged one stands in nobody's way. */
import { clone, create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { civilDate } from '../../src/base/clock.ts'
import type { Context } from '../../src/commit/context.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import {
  afterRequest,
  answerRecognition,
  listRecognitions,
  pageOfRecognitions,
  requestRecognition,
  type RecognitionAsk,
} from '../../src/recognition/recognize.ts'
import {
  CatalogRecordSchema,
  type GradeMapping,
  GradeMappingSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  RecognitionConfirmationSchema,
  RecognitionDecision,
  RecognitionRequestSchema,
  RecordSchema,
  type Subject,
  SubjectSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import {
  ListRecognitionsRequestSchema,
  ListRecognitionsResponseSchema,
  PublishRequestSchema,
} from '../../src/gen/huxin/v1/record_service_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterMappings } from '../../src/record/data/scales.ts'
import { recordService } from '../../src/service/record-service.ts'
import { codeOf, findings, type Forged, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, uscc } from '../support/records.ts'
import { type Answer, packed, Rogue } from '../support/rogue.ts'
import { act, settled } from '../support/settled.ts'
import { doorOf, nodeOf } from '../support/doors.ts'

const RECOGNITION = 'cn/recognition@2026.1'
const DAY_MS = 86_400_000
const [HOLDER, ASKER, FORGER] = ['zj.example/330100', 'zj.example/330106', 'zj.example/330782']
const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const source = { kind: 'self' } as const

type ConfirmationInit = MessageInitShape<typeof RecognitionConfirmationSchema>
type RequestInit = MessageInitShape<typeof RecognitionRequestSchema>

t.setTimeout(150_000)

t.test('recognitions', async (t) => {
  const clock = new MovableClock()
  const federation = await TestFederation.start(PLACES, { clock })
  t.teardown(() => federation.stop())
  await settled(federation)
  await federation.init({ id: '330782', tier: 'county', parent: '330000', divisions: ['330782'] })
  const forger = await Rogue.at(federation, '330782', '330000')
  t.teardown(() => forger.close())
  const context = (id: string): Context => federation.node(id).context
  const [holder, asker] = [context('330100'), context('330106')]
  const today = (): string => civilDate(clock.nowMs())
  const subject = (i: number): Subject =>
    create(SubjectSchema, {
      type: SubjectType.ENTERPRISE,
      id: uscc(i),
      name: `浙江测试企业${i}有限公司`,
    })

  // A mapping that ends tomorrow, one that reverses grades, and results to be asked for.
  const given = starterMappings.find(({ id }) => id === 'zj-5-to-cn')!
  const offer = (change: Partial<GradeMapping>) =>
    publish(context('330000'), {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source,
      records: [
        encodeCatalogRecord(
          create(CatalogRecordSchema, {
            act,
            content: { case: 'mapping', value: { ...clone(GradeMappingSchema, given), ...change } },
          }),
        ),
      ],
    })
  t.equal(
    (await offer({ version: 'ending', effectiveTo: civilDate(clock.nowMs() + DAY_MS) })).refusal,
    undefined,
  )
  const reversed = (
    await offer({ version: 'reversed', pairs: { A: 'D', B: 'C', C: 'B', D: 'A', E: 'A' } })
  ).refusal
  t.match(
    reversed?.faults,
    [{ path: 'pairs', code: 'mapping_order' }],
    'no mapping turns the order of grades',
  )
  const results = await publishRecords(
    holder,
    [1, 2, 3, 4].map((i) => industryRecord(i, { prefix: 'r', grade: 'E' })),
    ['330100'],
  )
  await federation.until('the mapping is everywhere', () =>
    [holder, asker].every(({ ledger }) => ledger().catalog.mapping('zj-5-to-cn@ending')),
  )

  const wish = (i: number, changed: Partial<RecognitionAsk> = {}): RecognitionAsk => ({
    holder: HOLDER,
    item: INDUSTRY_ITEM,
    resultRecordId: '',
    subject: subject(i),
    purpose: 'mutual-recognition',
    legalBasis: '省内互认办法',
    mapping: 'zj-5-to-cn@1',
    ageDaysMax: 0,
    source,
    ...changed,
  })
  async function ask(i: number, changed: Partial<RecognitionAsk> = {}): Promise<string> {
    const asked = await requestRecognition(asker, wish(i, changed))
    t.equal(asked.refusal, undefined)
    await federation.until(
      'the request is at the holder',
      async () => (await listRecognitions(holder, { requestRecordId: asked.recordId })).length > 0,
    )
    return asked.recordId
  }
  const answer = (
    requestRecordId: string,
    decision: 'recognized' | 'not_recognized' | 'no_result' = 'recognized',
    validUntil = '',
  ) => answerRecognition(holder, { requestRecordId, decision, conditions: '', validUntil, source })
  const confirmation = (
    requestRecordId: string,
    id: string,
    changed: ConfirmationInit = {},
    about = subject(1),
  ): Uint8Array =>
    toBinary(
      RecordSchema,
      create(RecordSchema, {
        recordId: id,
        subject: about,
        content: {
          case: 'recognitionConfirmation',
          value: create(RecognitionConfirmationSchema, {
            requestRecordId,
            requester: ASKER,
            confirmer: FORGER,
            decision: RecognitionDecision.RECOGNIZED,
            confirmedOn: today(),
            validUntil: '2027-06-30',
            sourceBatchId: results.batch!.id,
            sourceIndex: 0,
            sourceHash: new Uint8Array(32).fill(9),
            sourceItem: INDUSTRY_ITEM,
            sourceScale: 'zj/five-grade@2020',
            sourceGrade: 'E',
            ...changed,
          }),
        },
      }),
    )
  const request = (id: string, changed: RequestInit = {}): Uint8Array =>
    toBinary(
      RecordSchema,
      create(RecordSchema, {
        recordId: id,
        subject: subject(1),
        content: {
          case: 'recognitionRequest',
          value: create(RecognitionRequestSchema, {
            requester: FORGER,
            holder: HOLDER,
            item: INDUSTRY_ITEM,
            purpose: 'mutual-recognition',
            legalBasis: '-',
            requestedOn: today(),
            ...changed,
          }),
        },
      }),
    )
  const spoken = (record: Uint8Array, after?: Forged): Forged =>
    forger.forge([record], ['330100', '330106'], {
      kind: 'recognition',
      item: RECOGNITION,
      createdMs: clock.nowMs(),
      ...(after ? { after } : {}),
    })
  async function listed(at: Context, requestRecordId: string) {
    const [found] = await listRecognitions(at, { requestRecordId })
    return {
      state: found?.state ?? '',
      answers: (found?.confirmations ?? [])
        .map(
          ({ confirmation: { record }, validity }) => `${record?.recordId.slice(0, 9)} ${validity}`,
        )
        .sort(),
    }
  }

  const first = await ask(1)

  await t.test(
    'a department cannot publish one: neither under its item, nor under another',
    async (t) => {
      const call = (item: string): Promise<unknown> =>
        recordService(nodeOf(asker))
          .methods.find(({ name }) => name === 'Publish')!
          .call(
            toBinary(
              PublishRequestSchema,
              create(PublishRequestSchema, {
                item,
                targets: ['330100'],
                records: [request('rq-client', { requester: ASKER })],
              }),
            ),
            { peer: { role: 'operator', name: '张三', serial: '1', nodeId: '330106' } } as never,
          )
      t.equal(await codeOf(call(RECOGNITION)), 'argument_invalid')
      const { refusal } = await publishRecords(
        asker,
        [request('rq-client', { requester: ASKER })],
        ['330100'],
      )
      t.match(refusal?.faults, [{ path: 'content', code: 'family_mismatch' }])
    },
  )

  await t.test(
    'every node refuses what is said in the name of another, or against the catalog',
    async (t) => {
      const table: readonly (readonly [string, Uint8Array, string])[] = [
        [
          'an answer in the name of the holder',
          confirmation(first, 'rc-1', { confirmer: HOLDER }),
          'recognition_confirmation.confirmer not_origin',
        ],
        [
          'a request in the name of another',
          request('rq-1', { requester: ASKER }),
          'recognition_request.requester not_origin',
        ],
        [
          'a purpose that the item does not allow',
          request('rq-2', { purpose: 'marketing' }),
          'recognition_request.purpose purpose_not_allowed',
        ],
        [
          'an item of another kind',
          request('rq-3', { item: RECOGNITION }),
          'recognition_request.item family_mismatch',
        ],
        [
          'a mapping from another scale',
          request('rq-4', { mapping: 'cn-2019-to-cn@1' }),
          'recognition_request.mapping mapping_scale',
        ],
        [
          'a request of another day',
          request('rq-5', { requestedOn: '2026-01-05' }),
          'recognition_request.requested_on date_signed',
        ],
        [
          'a grade that the mapping does not give',
          confirmation(first, 'rc-2', { mapping: 'zj-5-to-cn@1', mappedGrade: 'A' }),
          'recognition_confirmation.mapped_grade mapping_grade',
        ],
        [
          'a mapping without its grade',
          confirmation(first, 'rc-3', { mapping: 'zj-5-to-cn@1' }),
          'recognition_confirmation.mapped_grade mapping_grade',
        ],
        [
          'a mapping that is not in force yet',
          confirmation(first, 'rc-4', {
            mapping: 'zj-5-to-cn@1',
            mappedGrade: 'D',
            confirmedOn: '2025-05-31',
          }),
          'recognition_confirmation.mapping mapping_not_in_force',
        ],
        [
          'a grade that the scale does not have',
          confirmation(first, 'rc-5', { sourceGrade: 'Z' }),
          'recognition_confirmation.source_grade grade_unknown',
        ],
        [
          'a scale that the item does not have',
          confirmation(first, 'rc-6', { sourceScale: 'cn/comprehensive@2025', sourceGrade: 'A' }),
          'recognition_confirmation.source_scale scale_not_allowed',
        ],
      ]
      for (const [title, record, fault] of table) {
        const forged = spoken(record)
        const answered: Answer = await forger.send(packed(forged))
        t.equal(answered.code, 'record_invalid', title)
        t.ok(
          answered.refusal!.faults.some(({ path, code }) => `${path} ${code}` === fault),
          `${title}: ${answered.refusal!.faults.map(({ path, code }) => `${path} ${code}`).join(', ')}`,
        )
        await federation.until(
          `${title} is refused at the asker too`,
          async () => (await findBatch(asker, forged.batch.id))?.refused === true,
        )
      }
      t.same(await listed(asker, first), { state: 'open', answers: [] })
    },
  )

  await t.test(
    "what an earlier program let pass is told apart, answers nothing and is in nobody's way",
    async (t) => {
      // Taken at the hub as it would have been, under the edition of the rules before; the others see that in its log.
      const taken = async (record: Uint8Array): Promise<Forged> => {
        const forged = spoken(record)
        const accepted = await doorOf(context('330000')).accept({
          header: forged.batch.note,
          body: forged.body.bytes,
          rules: '2026.1',
          source: { kind: 'child', node: FORGER },
        })
        t.equal(accepted.refusal, undefined)
        await federation.until(
          'it is at the asker',
          async () => (await findBatch(asker, forged.batch.id))?.refused === false,
        )
        return forged
      }
      for (const record of [
        confirmation(first, 'rc-forged', { confirmer: HOLDER }),
        confirmation(first, 'rc-foreign'),
        request(first, { requester: ASKER, purpose: 'marketing' }),
        request('rq-forged', { requester: ASKER, purpose: 'marketing' }),
        request('rq-market', { purpose: 'marketing' }),
      ])
        await taken(record)
      t.same(await listed(asker, 'rq-forged'), { state: 'forged', answers: [] })
      t.same(await listed(asker, first), { state: 'forged', answers: [] }, 'the newest of that id')
      const all = await listRecognitions(asker, { requestRecordId: first })
      t.same(
        all.map(({ state }) => state),
        ['forged', 'open'],
        'and the true one',
      )
      t.same(
        all[1]!.confirmations.map(
          ({ confirmation: { record }, validity }) => `${record!.recordId} ${validity}`,
        ),
        ['rc-forged forged', 'rc-foreign mismatch'],
      )
      t.same(
        (await listRecognitions(holder, { openOnly: true })).map(
          ({ request: { record } }) => record!.recordId,
        ),
        ['rq-market', first],
        'only what its requester signed waits for an answer',
      )
      t.equal(await codeOf(answer('rq-forged')), 'argument_invalid')
      t.equal(
        await codeOf(answer('rq-market')),
        'argument_invalid',
        'nor is a purpose answered that the item does not allow',
      )
      t.equal((await answer(first)).refusal, undefined, 'the true answer goes through')
      await federation.until(
        'it is at the asker',
        async () =>
          (await listRecognitions(asker, { requestRecordId: first }))[1]?.confirmations.length ===
          3,
      )
      const [, asked] = await listRecognitions(asker, { requestRecordId: first })
      t.equal(asked!.state, 'answered')
      t.same(
        asked!.confirmations
          .map(({ confirmation: { batch }, validity }) => `${batch.header.origin} ${validity}`)
          .sort(),
        [`${HOLDER} valid`, `${FORGER} forged`, `${FORGER} mismatch`].sort(),
      )
      const content = asked!.confirmations.find(({ validity }) => validity === 'valid')!
        .confirmation.record!.content
      t.match(content, {
        value: {
          sourceGrade: 'E',
          mapping: 'zj-5-to-cn@1',
          mappedGrade: 'D',
          confirmer: HOLDER,
          requester: ASKER,
        },
      })
      const { recognitions } = await recordService(nodeOf(asker))
        .methods.find(({ name }) => name === 'ListRecognitions')!
        .call(
          toBinary(
            ListRecognitionsRequestSchema,
            create(ListRecognitionsRequestSchema, { requestRecordId: first }),
          ),
          {} as never,
        )
        .then((bytes) => fromBinary(ListRecognitionsResponseSchema, bytes))
      t.same(
        recognitions.map(({ state }) => state),
        ['forged', 'answered'],
      )
    },
  )

  await t.test('the holder sees when its own word does not say what its source says', async (t) => {
    const asked = await ask(2)
    const other = confirmation(
      asked,
      'rc-own',
      {
        confirmer: HOLDER,
        sourceIndex: 1,
        sourceGrade: 'A',
        mapping: 'zj-5-to-cn@1',
        mappedGrade: 'A',
      },
      subject(2),
    )
    const said = await publish(holder, {
      kind: 'recognition',
      item: RECOGNITION,
      provider: BODY,
      targets: ['330106'],
      batchClass: 'normal',
      records: [other],
      source,
    })
    t.equal(said.refusal, undefined, 'by the catalog it is sound')
    t.same(await listed(holder, asked), { state: 'answered', answers: ['rc-own mismatch'] })
    t.equal((await answer(asked)).refusal, undefined, 'and it blocks no true answer')
    t.same(
      (await listed(holder, asked)).answers
        .map((text) => text.split(' ')[1])
        .toSorted((a, b) => a!.localeCompare(b!)),
      ['mismatch', 'valid'],
    )
  })

  await t.test('scales, age, deadline and the time of a mapping are kept to', async (t) => {
    t.equal(
      await codeOf(
        requestRecognition(asker, wish(3, { acceptedScales: ['cn/comprehensive@2025'] })),
      ),
      'argument_invalid',
      'the item has no such scale',
    )
    t.equal(
      await codeOf(requestRecognition(asker, wish(3, { deadline: '2026-01-05' }))),
      'argument_invalid',
      'a deadline that has passed',
    )
    const young = await ask(3, { ageDaysMax: 1 })
    t.equal(await codeOf(answer(young)), 'not_found', 'the result is older')
    t.equal((await answer(young, 'no_result')).refusal, undefined)
    t.match(await listed(holder, young), { state: 'answered', answers: [/ valid$/] })
    const other = await ask(3, { resultRecordId: 'r-4' })
    t.equal(await codeOf(answer(other)), 'not_found', 'the result is of another subject')
    const soon = await ask(3, { deadline: today(), acceptedScales: ['zj/five-grade@2020'] })
    const ending = await ask(4, { mapping: 'zj-5-to-cn@ending' })
    t.equal(
      await codeOf(answer(ending, 'recognized', '2020-01-01')),
      '',
      'a day in the past is for the rules to refuse',
    )
    t.same((await listed(holder, ending)).answers, [], 'and it was refused')
    clock.pass(2 * DAY_MS)
    t.equal(await codeOf(answer(soon)), 'argument_invalid', 'its deadline has passed')
    t.same(await listed(holder, soon), { state: 'overdue', answers: [] })
    t.equal(await codeOf(answer(ending)), 'argument_invalid', 'its mapping has ended')
    t.equal(
      await codeOf(requestRecognition(asker, wish(4, { mapping: 'zj-5-to-cn@ending' }))),
      'argument_invalid',
      'and is not asked for any more',
    )
    t.equal((await answer(ending, 'not_recognized')).refusal, undefined)
  })

  await t.test('they are listed in pages that go on where the one before ended', async (t) => {
    const idOf = ({
      request: { record },
    }: Awaited<ReturnType<typeof listRecognitions>>[number]): string => record!.recordId
    const all = (await listRecognitions(holder, {})).map(idOf)
    t.ok(all.length > 4)
    const paged: string[] = []
    for (let from: string | undefined; ;) {
      const { found, next } = await pageOfRecognitions(holder, { from, size: 2 })
      t.ok(found.length <= 2)
      paged.push(...found.map(idOf))
      if (next === undefined) break
      from = next
    }
    t.same(paged, all)
    const [, second] = await listRecognitions(holder, {})
    t.same(
      (await pageOfRecognitions(holder, { from: afterRequest(second!), size: 100 })).found.map(
        idOf,
      ),
      all.slice(2),
    )
  })

  await t.test('opened again, the log says the same', async (t) => {
    await federation.restart('330106')
    const again = context('330106')
    await federation.until('it serves', () => federation.node('330106').state !== 'starting')
    const states = (await listRecognitions(again, { requestRecordId: first })).map(
      ({ state, confirmations }) => [state, ...confirmations.map(({ validity }) => validity)],
    )
    t.same(states, [['forged'], ['answered', 'forged', 'mismatch', 'valid']])
  })

  await t.test(
    'a request ends when its holder or its requester is retired, and says why at every node',
    async (t) => {
      const [province, county] = [context('330000'), context('330106')]
      const toHolder = (await requestRecognition(county, wish(2, { deadline: '' }))).recordId
      const toRetired = (await requestRecognition(province, wish(2, { holder: ASKER }))).recordId
      const all = async (at: Context): Promise<string[]> =>
        [
          ...(await listRecognitions(at, { requestRecordId: toHolder })),
          ...(await listRecognitions(at, { requestRecordId: toRetired })),
        ].map(({ state, retired }) => `${state} ${retired?.document ?? '-'}`)
      await federation.until(
        'both are where they are read',
        async () =>
          (await all(holder)).includes('open -') &&
          (await all(province)).includes('open -') &&
          (await all(county)).length === 2,
      )
      await setMemberStatus(holder, {
        member: ASKER,
        status: 'retired',
        act: { ...act, document: '国函〔2021〕47号' },
        source,
      })
      t.same(await all(holder), ['requester_retired 国函〔2021〕47号'])
      t.same(
        (await listRecognitions(holder, { openOnly: true })).filter(
          ({ request: { record } }) => record!.recordId === toHolder,
        ),
        [],
        'nobody waits for an answer',
      )
      await t.rejects(answer(toHolder, 'no_result'), {
        code: 'argument_invalid',
        message: /^zj\.example\/330106, which made request rq-\w+, is retired: it wants no answer$/,
      })
      await federation.until('the province knows', async () =>
        (await all(province)).includes('holder_retired 国函〔2021〕47号'),
      )
      await t.rejects(requestRecognition(province, wish(2, { holder: ASKER })), {
        code: 'argument_invalid',
        messageZh:
          /^zj\.example\/330106 已注销（.*国函〔2021〕47号），不再答复：请向承接其记录的节点申请/,
      })
      const shown = fromBinary(
        ListRecognitionsResponseSchema,
        await recordService(nodeOf(province))
          .methods.find(({ name }) => name === 'ListRecognitions')!
          .call(
            toBinary(
              ListRecognitionsRequestSchema,
              create(ListRecognitionsRequestSchema, { requestRecordId: toRetired }),
            ),
            { peer: { role: 'operator', name: '张三', serial: '1', nodeId: '330000' } } as never,
          ),
      )
      t.match(shown.recognitions, [
        { state: 'holder_retired', stateReason: act.reason, stateDocument: '国函〔2021〕47号' },
      ])
    },
  )
  t.same(await findings(federation), [])
})
