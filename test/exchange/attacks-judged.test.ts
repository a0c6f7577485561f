import t, { type Test } from 'tap'
import { createHash } from 'node:crypto'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { recordAt } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { nextStatement } from '../../src/members/members.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import {
  AmendmentAction,
  AmendmentSchema,
  CatalogRecordSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { parseVkey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { formatStatement, type MemberStatement } from '../../src/topology/member.ts'
import { act, arrives, FAR, fresh, goesOn } from '../support/attacks.ts'
import { findings, type Forged } from '../support/checks.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, NATIONAL_ITEM } from '../support/records.ts'
import { packed, Rogue } from '../support/rogue.ts'

/** The seven, some more editions of an item, and a county below the first city whose keys are in the hands of the test. */
async function start(t: Test): Promise<{ federation: TestFederation; county: Rogue }> {
  const federation = await TestFederation.start(SEVEN)
  t.teardown(() => federation.stop())
  const template = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!
  const items = [
    { ...template, edition: 'future', effectiveFrom: '2099-01-01' },
    { ...template, edition: 'past', effectiveFrom: '2020-01-01', effectiveTo: '2020-12-31' },
    { ...template, edition: 'near', recipients: ['330100/**'] },
  ]
  await publish(federation.node('330000').context, {
    kind: 'catalog',
    item: undefined,
    provider: BODY,
    targets: ['**'],
    batchClass: 'control',
    source: { kind: 'self' },
    records: items.map((value) =>
      encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'item', value }, act })),
    ),
  })
  await federation.init({ id: '330182', tier: 'county', parent: '330100', divisions: ['330182'] })
  await federation.until('member and catalog are known everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().catalog.item('zj/industry-evaluation@near') &&
        context.ledger().federation.member('330182'),
    ),
  )
  const county = await Rogue.at(federation, '330182', '330100')
  t.teardown(() => county.close())
  return { federation, county }
}

t.test('what is judged and refused', async (t) => {
  const { federation, county } = await start(t)
  const city = federation.node('330100').context
  const everyone = ['**']
  const amendment = (changed: MessageInitShape<typeof AmendmentSchema>) => () =>
    county.forge(
      [
        toBinary(
          AmendmentSchema,
          create(AmendmentSchema, {
            action: AmendmentAction.WITHDRAW,
            batchId: Buffer.alloc(32, 7),
            index: 0,
            effectiveOn: '2026-01-05',
            basis: 'test',
            document: '-',
            ...changed,
          }),
        ),
      ],
      everyone,
      { kind: 'amendment', item: undefined, batchClass: 'amendment' },
    )
  const control =
    (kind: string, ...records: Uint8Array[]) =>
    () =>
      county.forge(records, everyone, { kind, item: undefined, batchClass: 'control' })
  const sibling = (changed: Partial<MemberStatement>) => statement('330110', changed)
  function statement(id: string, changed: Partial<MemberStatement>): Uint8Array {
    return signNote(
      formatStatement({
        ...nextStatement(city.ledger().federation.member(id)!),
        ...act,
        ...changed,
      }),
      [county.keys.note],
    )
  }
  const toHub = ({ batch: { header }, body }: Forged, targets = ['330000']): Forged =>
    county.forge([recordAt(body, 0)!], targets, {
      kind: header.kind,
      item: undefined,
      batchClass: header.batchClass,
    })
  const item = { ...starterItems[0]!, edition: 'mine' }

  const table: {
    title: string
    make: () => Forged
    judged?: string
    code: string
    everywhere?: boolean
    at?: readonly string[]
  }[] = [
    {
      title: 'an item that is not in force yet',
      make: () => fresh(county, { item: 'zj/industry-evaluation@future' }),
      code: 'item_not_in_force',
    },
    {
      title: 'an item that is in force no more',
      make: () => fresh(county, { item: 'zj/industry-evaluation@past' }),
      code: 'item_not_in_force',
    },
    {
      title: 'an item that was in force when the origin says it was judged',
      make: () => fresh(county, { item: 'zj/industry-evaluation@past' }),
      judged: '2020-06-01T00:00:00Z zj.example/330100',
      code: 'item_not_in_force',
    },
    {
      title: 'a target outside what the item allows',
      make: () => fresh(county, { item: 'zj/industry-evaluation@near' }),
      code: 'target_not_allowed',
    },
    {
      title: 'a batch to everyone of an item for some',
      make: () =>
        county.forge([industryRecord(1)], everyone, { item: 'zj/industry-evaluation@near' }),
      code: 'target_not_allowed',
      everywhere: true,
    },
    {
      title: 'an item that others originate',
      make: () => fresh(county, { item: NATIONAL_ITEM }),
      code: 'origin_not_allowed',
    },
    {
      title: 'an item of another kind',
      make: () => fresh(county, { item: 'cn/recognition@2026.1' }),
      code: 'item_kind_mismatch',
    },
    {
      title: 'records of no item',
      make: () => fresh(county, { item: undefined }),
      code: 'item_kind_mismatch',
    },
    {
      title: 'a record that breaks its item',
      make: () => county.forge([industryRecord(1), industryRecord(2, { grade: 'Z' })], [FAR]),
      code: 'record_invalid',
    },
    {
      title: 'a record that is no record',
      make: () => county.forge([Buffer.from('not a record')], [FAR]),
      code: 'record_invalid',
    },
    {
      title: 'an amendment of nothing',
      make: amendment({ batchId: Buffer.alloc(31) }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment without a basis',
      make: amendment({ basis: '' }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment whose basis is the number of a person',
      make: amendment({ basis: 'objection/440524188001010014' }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment with an action of its own',
      make: amendment({ action: 9 as AmendmentAction }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment on a day that is none',
      make: amendment({ effectiveOn: '2026-02-30' }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment whose day holds the name of a higher node',
      make: amendment({ effectiveOn: '2026-01-05\nzj.example/000000' }),
      code: 'amendment_invalid',
      everywhere: true,
    },
    {
      title: 'an amendment that does not decode',
      make: () =>
        county.forge([Buffer.of(0x0a, 5, 1)], everyone, {
          kind: 'amendment',
          item: undefined,
          batchClass: 'amendment',
        }),
      code: 'record_invalid',
      everywhere: true,
    },
    {
      title: 'a catalog of its own',
      make: control(
        'catalog',
        encodeCatalogRecord(
          create(CatalogRecordSchema, { content: { case: 'item', value: item }, act }),
        ),
      ),
      code: 'origin_not_allowed',
      everywhere: true,
    },
    {
      title: 'a statement that suspends its sibling',
      make: () => control('member', sibling({ status: 'suspended' }))(),
      code: 'statement_invalid',
      everywhere: true,
    },
    {
      title: 'a statement that gives itself a division',
      make: () => control('member', statement('330182', { divisions: ['330182', '330110'] }))(),
      code: 'statement_invalid',
      everywhere: true,
    },
    {
      title: 'an erasure for the hub alone',
      make: () => toHub(amendment({ action: AmendmentAction.ERASE })()),
      code: 'target_not_allowed',
      at: ['330000'],
    },
    {
      title: 'an erasure for everyone and for the hub',
      make: () => toHub(amendment({ action: AmendmentAction.ERASE })(), ['**', '330000']),
      code: 'target_not_allowed',
      everywhere: true,
    },
    {
      title: 'a statement for the hub alone',
      make: () => toHub(control('member', sibling({ status: 'suspended' }))()),
      code: 'target_not_allowed',
      at: ['330000'],
    },
    {
      title: 'a catalog for the hub alone',
      make: () => toHub(control('catalog', Buffer.from('x'))()),
      code: 'target_not_allowed',
      at: ['330000'],
    },
    {
      title: 'a final entry for the hub alone',
      make: () => toHub(control('freeze', Buffer.from('x'))()),
      code: 'target_not_allowed',
      at: ['330000'],
    },
    {
      title: "a revocation for its city's neighbour",
      make: () => toHub(control('revocation', Buffer.from('x'))(), ['330700/**']),
      code: 'target_not_allowed',
      at: ['330000', '330700', FAR],
    },
    {
      title: 'its own register for everyone',
      make: control('register', Buffer.from('x')),
      code: 'target_not_allowed',
      everywhere: true,
    },
    {
      title: 'lane heads for everyone',
      make: () => county.forge([Buffer.from('x')], everyone, { kind: 'heads', item: undefined }),
      code: 'target_not_allowed',
      everywhere: true,
    },
    {
      title: 'lane heads for another city',
      make: () => county.forge([Buffer.from('x')], ['330700'], { kind: 'heads', item: undefined }),
      code: 'target_not_allowed',
      at: ['330000', '330700'],
    },
    {
      title: 'acts of its own for everyone',
      make: () => county.forge([Buffer.from('x')], everyone, { kind: 'act', item: undefined }),
      code: 'target_not_allowed',
      everywhere: true,
    },
    {
      title: 'a kind of its own',
      make: () => county.forge([Buffer.from('x')], everyone, { kind: 'anything', item: undefined }),
      code: 'kind_unknown',
      everywhere: true,
    },
    {
      title: 'a header line of its own',
      make: () => county.forge([industryRecord(1)], everyone, { extra: ['mood good'] }),
      code: 'kind_unknown',
      everywhere: true,
    },
    {
      title: 'a header line that may be carried beside one that may not',
      make: () =>
        county.forge([industryRecord(1)], everyone, { extra: ['x-mood good', 'mood good'] }),
      code: 'kind_unknown',
      everywhere: true,
    },
    {
      title: 'a statement in the class of records',
      make: () => county.forge([Buffer.from('x')], everyone, { kind: 'member', item: undefined }),
      code: 'kind_unknown',
      everywhere: true,
    },
    {
      title: 'an item that others originate, with a line that may be carried',
      make: () =>
        county.forge([industryRecord(1)], everyone, {
          item: NATIONAL_ITEM,
          extra: ['x-mood good'],
        }),
      code: 'origin_not_allowed',
      everywhere: true,
    },
    {
      title: 'an item that others originate, under a kind that may be carried',
      make: () =>
        county.forge([industryRecord(1)], everyone, { item: NATIONAL_ITEM, kind: 'x-weather' }),
      code: 'origin_not_allowed',
      everywhere: true,
    },
    {
      title: 'a statement that is none',
      make: control('member', Buffer.from('no statement')),
      code: 'statement_invalid',
      everywhere: true,
    },
  ]
  for (const { title, make, judged, code, everywhere, at } of table) {
    await t.test(
      `${title} is refused as ${code}, logged with its reasons at every node, and stops nobody`,
      async (t) => {
        const forged = make()
        const size = city.log().size
        const answer = await county.send({ ...packed(forged), judged: judged ?? '' })
        t.equal(answer.code, code, answer.outcome.errorMessage)
        t.equal(answer.logged, true)
        t.equal(city.log().size, size + 1n)
        t.not(answer.refusal!.message, '')
        const { receipt, refusal } = answer.outcome
        const leaf = Buffer.concat([receipt!.entryPrefix, forged.batch.note])
        verifyTlogProof({
          proofBytes: receipt!.proof,
          leaf,
          origin: city.log().origin,
          logVerifier: parseVkey(city.ledger().federation.member('330100')!.noteVkey),
        })
        t.match(parseEntry(leaf).verdict, { accepted: false, code })
        t.same(
          (parseEntry(leaf).verdict as { reasons: Uint8Array }).reasons,
          createHash('sha256').update(refusal).digest(),
        )
        const again = await county.send({ ...packed(forged), judged: judged ?? '' })
        t.same(
          again.outcome.receipt!.entryPrefix,
          receipt!.entryPrefix,
          'sent again it has the same receipt',
        )
        t.equal(city.log().size, size + 1n)
        for (const id of everywhere
          ? [...federation.nodes.keys()]
          : (at ?? ['330000', '330700', FAR])) {
          await arrives(federation, forged, id)
          const found = await findBatch(federation.node(id).context, forged.batch.id)
          t.match(found!.entry.verdict, { accepted: false, code }, id)
          t.equal(found!.body, undefined, 'no node keeps its records')
        }
        await goesOn(t, federation, county)
      },
    )
  }
  await t.test(
    'an erasure that only the hub was told of erases nothing, there or elsewhere, and the batch passes whole',
    async (t) => {
      const batch = county.forge(
        [industryRecord(1, { prefix: 'poison' }), industryRecord(2, { prefix: 'poison' })],
        everyone,
      )
      t.equal(
        (
          await county.send(
            packed(toHub(amendment({ action: AmendmentAction.ERASE, batchId: batch.batch.id })())),
          )
        ).code,
        'target_not_allowed',
      )
      t.equal((await county.send(packed(batch))).code, '')
      for (const id of federation.nodes.keys()) {
        await arrives(federation, batch, id)
        t.equal((await findBatch(federation.node(id).context, batch.batch.id))!.body!.erased, 0, id)
      }
      await goesOn(t, federation, county)
    },
  )
  t.equal(city.ledger().federation.member('330110')!.status, 'active')
  t.equal(
    federation.node('000000').context.ledger().catalog.item('zj/industry-evaluation@mine'),
    undefined,
  )
  t.same(await findings(federation), [])
})
