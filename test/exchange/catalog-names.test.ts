/** Whose the names of the catalog are: nobody publishes another's edition, and nobody takes it first. */
import { create } from '@bufbuild/protobuf'
import t from 'tap'
import { amend } from '../../src/publish/amend.ts'
import type { Context } from '../../src/commit/context.ts'
import { setMemberCatalog } from '../../src/members/members.ts'
import { type Published, publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import {
  AmendmentAction,
  type CatalogItem,
  CatalogRecordSchema,
  GradeMappingSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import { recordAt } from '../../src/batch/body.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterMappings } from '../../src/record/data/scales.ts'
import { amendmentByHand, codeOf, findings, type Forged } from '../support/checks.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { packed, Rogue } from '../support/rogue.ts'
import { act, settled } from '../support/settled.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(150_000)

const PLACES: readonly Place[] = [
  { id: '000000', tier: 'nation', divisions: ['000000'] },
  { id: '330000', tier: 'province', parent: '000000', divisions: ['330000'] },
  { id: 'xpcc', tier: 'province', parent: '000000', divisions: ['659001'] },
  { id: '330106', tier: 'county', parent: '330000', divisions: ['330106'] },
]
const source = { kind: 'self' } as const
const template = starterItems.find(({ id }) => id === 'zj/industry-evaluation')!
const item = (id: string, edition: string, changed: Partial<CatalogItem> = {}): Uint8Array =>
  encodeCatalogRecord(
    create(CatalogRecordSchema, {
      act,
      content: { case: 'item', value: { ...template, id, edition, ...changed } },
    }),
  )
const mapping = (id: string): Uint8Array =>
  encodeCatalogRecord(
    create(CatalogRecordSchema, {
      act,
      content: {
        case: 'mapping',
        value: create(GradeMappingSchema, {
          ...starterMappings.find((one) => one.id === 'zj-5-to-cn')!,
          id,
        }),
      },
    }),
  )

t.test('names of the catalog', async (t) => {
  const federation = await TestFederation.start(PLACES)
  t.teardown(() => federation.stop())
  await settled(federation)
  await federation.init({ id: '320000', tier: 'province', parent: '000000', divisions: ['320000'] })
  const jiangsu = await Rogue.at(federation, '320000', '000000')
  t.teardown(() => jiangsu.close())
  const context = (id: string): Context => federation.node(id).context
  const everybody = [...federation.nodes.keys()]
  const offer = (at: string, ...records: Uint8Array[]): Promise<Published> =>
    publish(context(at), {
      kind: 'catalog',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control',
      source,
      records,
    })
  const basis = (at: string, id: string): string | undefined =>
    context(at).ledger().catalog.item(id)?.legalBasis
  const everywhere = (id: string, legalBasis: string): Promise<void> =>
    federation.until(`${id} is ${legalBasis} everywhere`, () =>
      everybody.every((at) => basis(at, id) === legalBasis),
    )
  const squat = (...records: Uint8Array[]): Forged =>
    jiangsu.forge(records, ['**'], { kind: 'catalog', item: undefined, batchClass: 'control' })

  await t.test(
    "are their owner's: another's are refused to the publisher, and at every node",
    async (t) => {
      for (const [at, id] of [
        ['330000', 'cn/comprehensive-evaluation'],
        ['330000', 'js/anything'],
        ['330000', 'made-up/anything'],
        ['xpcc', 'zj/industry-evaluation'],
        ['000000', 'zj/industry-evaluation'],
      ] as const) {
        const { batch, refusal } = await offer(at, item(id, '2026.2'))
        t.equal(refusal?.code, 'catalog_name_not_owned', `${id} by ${at}`)
        t.equal(batch, undefined)
      }
      t.match(
        (await offer('330000', item('cn/x', '1'))).refusal?.message,
        /zj.example\/000000 publishes the names of prefix cn; its own prefixes are zj/,
      )
      t.equal(
        (await offer('330000', mapping('cn-5-to-cn'))).refusal?.code,
        'catalog_name_not_owned',
        'also where an id has no slash',
      )
      t.equal((await offer('330000', mapping('zj-five-to-cn'))).refusal, undefined)
      for (const records of [
        [item('zj/industry-evaluation', '2026.2', { legalBasis: 'made up' })],
        [item('js/own', '1'), item('cn/comprehensive-evaluation', '2026.2')],
        [mapping('zj-6-to-cn')],
      ]) {
        const forged = squat(...records)
        const answer = await jiangsu.send(packed(forged))
        t.equal(answer.code, 'catalog_name_not_owned')
        for (const at of everybody)
          await federation.until(
            `it is refused at ${at}`,
            async () => (await findBatch(context(at), forged.batch.id))?.refused === true,
          )
      }
      t.equal(basis('330106', 'js/own@1'), undefined, 'a batch is refused whole')
      t.equal(
        (
          await offer(
            '330000',
            item('zj/industry-evaluation', '2026.2', { legalBasis: '浙〔2026〕2号' }),
          )
        ).refusal,
        undefined,
        'what was refused before does not count as published',
      )
      await everywhere('zj/industry-evaluation@2026.2', '浙〔2026〕2号')
      const own = squat(item('js/own', '1', { legalBasis: '苏〔2026〕1号' }))
      t.equal((await jiangsu.send(packed(own))).code, '', 'its own are its own')
      await everywhere('js/own@1', '苏〔2026〕1号')
    },
  )

  await t.test('which nobody owns the root publishes, or gives', async (t) => {
    t.equal((await offer('000000', item('common/x', '1'))).refusal, undefined)
    t.equal((await offer('xpcc', item('bt/x', '1'))).refusal?.code, 'catalog_name_not_owned')
    const give = (at: string, member: string, ...prefixes: string[]): Promise<string> =>
      codeOf(setMemberCatalog(context(at), { member, prefixes, act, source }))
    t.equal(await give('000000', 'xpcc', 'bt'), '')
    await federation.until(
      'xpcc knows',
      () => context('xpcc').ledger().federation.member('xpcc')?.catalog?.includes('bt') === true,
    )
    t.equal(
      (await offer('xpcc', item('bt/x', '1', { legalBasis: '兵〔2026〕1号' }))).refusal,
      undefined,
    )
    await everywhere('bt/x@1', '兵〔2026〕1号')
    t.equal(
      (await offer('000000', item('bt/y', '1'))).refusal?.code,
      'catalog_name_not_owned',
      "from then on it is not the root's",
    )
    t.equal(await give('000000', '330000', 'bt'), 'statement_invalid', 'no two own one')
    t.equal(
      await give('000000', '330000', 'js'),
      'statement_invalid',
      'letters of a province are never given',
    )
    t.equal(await give('330000', '330106', 'xh'), 'statement_invalid', 'a county makes no catalog')
    t.equal(await give('330000', 'xpcc', 'x'), 'argument_invalid', 'only the parent gives')
    t.equal(await give('000000', 'xpcc', 'bt/'), 'argument_invalid')
  })

  await t.test(
    "that were squatted before block nobody: the owner's edition is in force wherever it came",
    async (t) => {
      const taken = squat(
        item('zj/industry-evaluation', '2027.1', { legalBasis: 'made up' }),
        item('cn/comprehensive-evaluation', '2027.1', {
          legalBasis: 'made up',
          originators: ['**'],
        }),
      )
      const accepted = await doorOf(context('000000')).accept({
        header: taken.batch.note,
        body: taken.body.bytes,
        rules: '2026.1',
        source: { kind: 'child', node: 'zj.example/320000' },
      })
      t.equal(accepted.refusal, undefined, 'as a program of before would have taken it')
      await everywhere('zj/industry-evaluation@2027.1', 'made up')
      t.equal(
        (
          await offer(
            '330000',
            item('zj/industry-evaluation', '2027.1', { legalBasis: '浙〔2027〕1号' }),
          )
        ).refusal,
        undefined,
      )
      t.equal(
        (
          await offer(
            '000000',
            item('cn/comprehensive-evaluation', '2027.1', { legalBasis: '国〔2027〕1号' }),
          )
        ).refusal,
        undefined,
      )
      await everywhere('zj/industry-evaluation@2027.1', '浙〔2027〕1号')
      await everywhere('cn/comprehensive-evaluation@2027.1', '国〔2027〕1号')
      t.equal(
        (
          await offer(
            '330000',
            item('zj/industry-evaluation', '2027.1', { legalBasis: '浙〔2027〕9号' }),
          )
        ).refusal?.code,
        'record_invalid',
        'and it never changes',
      )
      await federation.restart('330106')
      t.equal(
        basis('330106', 'zj/industry-evaluation@2027.1'),
        '浙〔2027〕1号',
        'opened again, too',
      )
    },
  )

  await t.test(
    'are not withdrawn with an edition: that is refused, and says what to do',
    async (t) => {
      const { batch } = await offer('330000', item('zj/short', '1'))
      const change = {
        action: 'withdraw',
        batchId: batch!.id,
        position: 0,
        effectiveOn: '2026-01-05',
        basis: 'x',
        document: '',
      } as const
      await t.rejects(amend(context('330000'), { provider: BODY, source, changes: [change] }), {
        code: 'amendment_invalid',
        message: /kind catalog, .*: an edition ends on its effective_to/,
      })
      const forged = amendmentByHand(context('330000'), batch!.id, 0, AmendmentAction.ERASE)
      const answer = await doorOf(context('330000')).accept({
        header: forged.batch.note,
        body: forged.body.bytes,
        source: { kind: 'self' },
      })
      t.ok(answer.refusal, 'nor does a node that asks nobody erase it')
      for (const at of everybody)
        await federation.until(
          `it is refused at ${at}`,
          async () => (await findBatch(context(at), forged.batch.id))?.refused === true,
        )
      // As it could come before its batch, when nobody knows what it is of.
      const before = squat(item('js/early', '1'))
      const early = jiangsu.forge(
        [
          recordAt(
            amendmentByHand(context('330000'), before.batch.id, 0, AmendmentAction.ERASE).body,
            0,
          )!,
        ],
        ['**'],
        { kind: 'amendment', item: undefined, batchClass: 'amendment' },
      )
      t.equal((await jiangsu.send(packed(early))).code, '')
      await federation.until(
        'it is at the county',
        async () => (await findBatch(context('330106'), early.batch.id)) !== undefined,
      )
      t.equal((await jiangsu.send(packed(before))).code, '')
      await federation.until('the edition is there all the same', () =>
        everybody.every((at) => context(at).ledger().catalog.item('js/early@1') !== undefined),
      )
      await federation.restart('xpcc')
      t.ok(context('xpcc').ledger().catalog.item('js/early@1'), 'and stays')
    },
  )

  await t.test('a node that begins later has the same catalog', async (t) => {
    await federation.add({ id: '330110', tier: 'county', parent: '330000', divisions: ['330110'] })
    const catalog = (at: string): string =>
      context(at)
        .ledger()
        .catalog.entries()
        .map(({ id, bytes }) => `${id} ${Buffer.from(bytes).toString('base64')}`)
        .sort()
        .join('\n')
    await federation.until('it has read all', () =>
      ['000000', 'xpcc', '330106', '330110'].every((at) => catalog(at) === catalog('330000')),
    )
    t.equal(basis('330110', 'cn/comprehensive-evaluation@2027.1'), '国〔2027〕1号')
  })
  t.same(await findings(federation), [])
})
