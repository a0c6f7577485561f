/**
 * A node below which something that a verdict rests on does not come: its class goes on for all others, the alarm says what is
 * missing, and when it comes after all, what waited follows with the same verdict as everywhere.
 */
import t, { type Test } from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { systemRandom } from '../../src/base/random.ts'
import { eraseLeaves, parseBody } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import type { BatchHeader } from '../../src/batch/header.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { amend } from '../../src/publish/amend.ts'
import { nextStatement } from '../../src/members/members.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch } from '../../src/query/query.ts'
import {
  AmendmentAction,
  AmendmentSchema,
  CatalogRecordSchema,
  GradeMappingSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { makeKeys } from '../../src/node/keys.ts'
import { signNote } from '../../src/note/note.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterMappings, starterScales } from '../../src/record/data/scales.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { act } from '../support/attacks.ts'
import { findings, type Forged, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { held, passes } from '../support/four.ts'
import { Lies, VICTIM, WITNESS } from '../support/lies.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { packed, Rogue } from '../support/rogue.ts'

const FAR = '330782'
const COUNTY = '330182'

t.setTimeout(180_000)

interface Scene {
  readonly federation: TestFederation
  readonly lies: Lies
}

/** A province that keeps things from one of its cities; that city has a county. */
async function start(t: Test): Promise<Scene> {
  const lies = new Lies(VICTIM)
  const federation = await TestFederation.start([], { catalog: false })
  t.teardown(() => federation.stop())
  await federation.add(
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { wrapServices: lies.wrap },
  )
  for (const id of [WITNESS, VICTIM])
    await federation.add(
      { id, tier: 'city', parent: '330000', divisions: [`${id.slice(0, 4)}00`] },
      { link: { patienceMs: 300 } },
    )
  await federation.add(
    { id: FAR, tier: 'county', parent: VICTIM, divisions: [FAR] },
    { link: { patienceMs: 300 } },
  )
  await federation.publishCatalog('330000')
  await known(federation, INDUSTRY_ITEM)
  return { federation, lies }
}

function known(federation: TestFederation, item: string): Promise<void> {
  return federation.until(`${item} is everywhere`, () =>
    [...federation.nodes.values()].every(({ context }) => context.ledger().catalog.item(item)),
  )
}

/** The province has these batches and shows the city none of them. */
function withhold({ lies }: Scene, hidden: (header: BatchHeader) => boolean): void {
  lies.tell('readBodies', (answer) => ({
    ...answer,
    deliveries: answer.deliveries.filter(
      ({ entry }) => !hidden(parseHeaderNote(parseEntry(entry).header).header),
    ),
  }))
  lies.tell('readLane', (answer) =>
    answer.package && hidden(parseHeaderNote(answer.package.header).header)
      ? ({ ...answer, package: undefined } as never)
      : answer,
  )
}

function says(federation: TestFederation, text: RegExp): Promise<void> {
  return federation.until(`the city says ${String(text)}`, () =>
    federation
      .node(VICTIM)
      .alarms.list()
      .some((line) => text.test(line)),
  )
}

async function verdictAt(
  federation: TestFederation,
  id: string,
  batch: Uint8Array,
): Promise<string | undefined> {
  const found = await findBatch(federation.node(id).context, batch)
  return found && (found.entry.verdict.accepted ? 'accepted' : found.entry.verdict.code)
}

/** What others send still passes the city, in the class of records and in that of amendments. */
async function othersGoOn(federation: TestFederation): Promise<void> {
  await passes(federation, '330000', FAR)
  await passes(federation, FAR, WITNESS)
  const { batch } = await publishRecords(
    federation.node('330000').context,
    [industryRecord(1, { prefix: 'own' })],
    [FAR],
  )
  const { batch: change } = await amend(federation.node('330000').context, {
    provider: BODY,
    source: { kind: 'self' },
    changes: [
      {
        action: 'repair',
        batchId: batch!.id,
        position: 0,
        effectiveOn: '2026-01-05',
        basis: 'test',
        document: '-',
      },
    ],
  })
  await federation.until(
    'the amendment is at the county',
    async () => (await verdictAt(federation, FAR, change!.id)) === 'accepted',
  )
}

/** Waits are over, with the verdict of the other city. */
async function cured(
  t: Test,
  { federation, lies }: Scene,
  batches: readonly Uint8Array[],
  next: () => Promise<unknown>,
): Promise<void> {
  for (const id of batches)
    t.equal(await verdictAt(federation, VICTIM, id), undefined, 'it got no verdict of its own')
  lies.stop()
  await next()
  for (const id of batches) {
    for (const node of [VICTIM, FAR])
      await federation.until(
        `it comes to ${node} after all`,
        async () => (await verdictAt(federation, node, id)) !== undefined,
      )
    t.equal(await verdictAt(federation, VICTIM, id), await verdictAt(federation, WITNESS, id))
    t.equal(await verdictAt(federation, FAR, id), await verdictAt(federation, WITNESS, id))
  }
  await federation.until('no alarm stands', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
}

let edition = 0

/** A new edition of the item by the province. */
async function publishEdition(federation: TestFederation, recipients = ['**']): Promise<string> {
  const template = starterItems.find((item) => `${item.id}@${item.edition}` === INDUSTRY_ITEM)!
  const value = { ...template, edition: `e${edition++}`, recipients }
  await control(federation, [
    encodeCatalogRecord(create(CatalogRecordSchema, { content: { case: 'item', value }, act })),
  ])
  return `${value.id}@${value.edition}`
}

async function control(
  federation: TestFederation,
  records: readonly Uint8Array[],
): Promise<Uint8Array> {
  const { batch, refusal } = await publish(federation.node('330000').context, {
    kind: 'catalog',
    item: undefined,
    provider: BODY,
    targets: ['**'],
    batchClass: 'control',
    records,
    source: { kind: 'self' },
  })
  if (!batch) throw new Error(refusal?.message)
  return batch.id
}

t.test('what a verdict rests on is kept from a city', async (t) => {
  const scene = await start(t)
  const { federation } = scene
  const isCounty = (name: string): boolean => name === federation.name(WITNESS)
  await federation.init({ id: COUNTY, tier: 'county', parent: WITNESS, divisions: [COUNTY] })
  await federation.until('the county is known', () =>
    [...federation.nodes.values()].every(({ context }) =>
      context.ledger().federation.member(COUNTY),
    ),
  )
  const everyone = ['**']

  /** Has the county send these, and waits until the other city's side of the federation has them. */
  const send = async (rogue: Rogue, ...made: Forged[]): Promise<Uint8Array[]> => {
    for (const forged of made) await rogue.send(packed(forged))
    for (const { batch } of made)
      await federation.until(
        'the province has it',
        async () => (await verdictAt(federation, '330000', batch.id)) !== undefined,
      )
    return made.map(({ batch }) => batch.id)
  }
  let others = 330_190
  const nextStatementOfTheCity = (): Promise<void> =>
    federation.init({ id: String(others++), tier: 'county', parent: WITNESS, divisions: [] })

  await t.test('the statement of an origin: batches of every kind wait', async (t) => {
    withhold(scene, ({ kind, origin }) => kind === 'member' && isCounty(origin))
    const id = String(others++)
    await federation.init({ id, tier: 'county', parent: WITNESS, divisions: [] })
    const rogue = await Rogue.at(federation, id, WITNESS)
    t.teardown(() => rogue.close())
    const withdrawal = toBinary(
      AmendmentSchema,
      create(AmendmentSchema, {
        action: AmendmentAction.WITHDRAW,
        batchId: Buffer.alloc(32, 7),
        index: 0,
        effectiveOn: '2026-01-05',
        basis: 'test',
        document: '-',
      }),
    )
    const made = [
      rogue.forge([industryRecord(1)], everyone),
      rogue.forge([industryRecord(2)], everyone, { batchClass: 'bulk' }),
      rogue.forge([industryRecord(3)], [VICTIM, FAR]),
      rogue.forge([Buffer.from('x')], ['330000/**'], { kind: 'x-weather', item: undefined }),
      rogue.forge([Buffer.from('x')], [`${VICTIM}/**`], {
        kind: 'recognition',
        item: 'cn/recognition@2026.1',
      }),
      rogue.forge([withdrawal], everyone, {
        kind: 'amendment',
        item: undefined,
        batchClass: 'amendment',
      }),
      rogue.forge([Buffer.from('x')], everyone, {
        kind: 'member',
        item: undefined,
        batchClass: 'control',
      }),
    ]
    const second = rogue.forge([Buffer.from('x')], everyone, {
      kind: 'catalog',
      item: undefined,
      batchClass: 'control',
      after: made.at(-1)!,
    })
    const third = rogue.forge([Buffer.from('x')], everyone, {
      kind: 'freeze',
      item: undefined,
      batchClass: 'control',
      after: second,
    })
    const more = rogue.forge([industryRecord(4)], everyone, { after: made[0]! })
    const ids = await send(rogue, ...made, second, third, more)
    for (const batchClass of ['control', 'amendment', 'normal', 'bulk'])
      await says(
        federation,
        new RegExp(
          `^waiting zj.example/${id} ${batchClass}: .*member_unknown: .*the statement of that member`,
        ),
      )
    await othersGoOn(federation)
    t.same(
      federation
        .node(VICTIM)
        .alarms.list()
        .filter((line) => !line.includes(id) && !/^(waiting|gap) zj.example\/330100 /.test(line)),
      [],
      'nothing else is wrong',
    )
    t.ok(federation.node(VICTIM).uplink!.follower.verified.size > 0n)
    await federation.restart(VICTIM, { link: { patienceMs: 300 } })
    await says(federation, new RegExp(`^waiting zj.example/${id} normal: `))
    await othersGoOn(federation)
    await cured(t, scene, ids, nextStatementOfTheCity)
  })

  const rogue = await Rogue.at(federation, COUNTY, WITNESS)
  t.teardown(() => rogue.close())

  await t.test('the statement of a target, where the item does not go to everybody', async (t) => {
    const near = await publishEdition(federation, ['330000/**'])
    await known(federation, near)
    withhold(scene, ({ kind, origin }) => kind === 'member' && isCounty(origin))
    const id = String(others++)
    await federation.init({ id, tier: 'county', parent: WITNESS, divisions: [] })
    await federation.until(
      'the province knows it',
      () => federation.node('330000').context.ledger().federation.member(id) !== undefined,
    )
    const ids = await send(
      rogue,
      rogue.forge([industryRecord(1)], [id, VICTIM, FAR], { item: near }),
    )
    await says(
      federation,
      new RegExp(
        `waiting zj.example/${COUNTY} normal: .*member_unknown: the target ${id} names no member`,
      ),
    )
    await othersGoOn(federation)
    await cured(t, scene, ids, nextStatementOfTheCity)
  })

  await t.test('the statement of an epoch', async (t) => {
    withhold(scene, ({ kind, origin }) => kind === 'member' && isCounty(origin))
    const city = federation.node(WITNESS).context
    const keys = await makeKeys(`${federation.folder}/second`, federation.name(COUNTY), {
      random: systemRandom,
    })
    const next = {
      ...nextStatement(city.ledger().federation.member(COUNTY)!),
      ...act,
      epoch: 2,
      noteVkey: keys.note.vkey,
      cosignVkey: keys.cosign.vkey,
    }
    await publish(city, {
      kind: 'member',
      item: undefined,
      provider: BODY,
      targets: everyone,
      batchClass: 'control',
      source: { kind: 'self' },
      records: [signNote(formatStatement(next), [city.noteSigner, rogue.keys.note])],
    })
    await federation.until(
      'the province knows it',
      () => federation.node('330000').context.ledger().federation.member(COUNTY)!.epoch === 2,
    )
    const ids = await send(
      rogue,
      rogue.forge([industryRecord(1)], everyone, { epoch: 2, signer: keys.note }),
    )
    await says(federation, /member_unknown: epoch 2 of zj.example\/330182/)
    await othersGoOn(federation)
    await cured(t, scene, ids, nextStatementOfTheCity)
  })

  await t.test('the item, and the scale of a mapping', async (t) => {
    const base = starterScales[0]!
    const hiddenNumber =
      federation.node('330000').context.ledger().lanes.get('zj.example/330000 1 ** control')!
        .number + 1n
    withhold(
      scene,
      ({ kind, batchClass, lanes }) =>
        kind === 'catalog' && batchClass === 'control' && lanes[0]!.number === hiddenNumber,
    )
    const template = starterItems.find((item) => `${item.id}@${item.edition}` === INDUSTRY_ITEM)!
    const item = `${template.id}@hidden`
    await control(federation, [
      encodeCatalogRecord(
        create(CatalogRecordSchema, {
          content: { case: 'scale', value: { ...base, version: 'hidden' } },
          act,
        }),
      ),
      encodeCatalogRecord(
        create(CatalogRecordSchema, {
          content: { case: 'item', value: { ...template, edition: 'hidden' } },
          act,
        }),
      ),
    ])
    const mapping = create(GradeMappingSchema, {
      ...starterMappings[0]!,
      version: 'hidden',
      fromScale: `${base.id}@hidden`,
      pairs: Object.fromEntries(base.grades.map((grade) => [grade, 'A'])),
    })
    const mapped = await control(federation, [
      encodeCatalogRecord(
        create(CatalogRecordSchema, { content: { case: 'mapping', value: mapping }, act }),
      ),
    ])
    await federation.until(
      'the other city knows it',
      () => federation.node(WITNESS).context.ledger().catalog.item(item) !== undefined,
    )
    const province = federation.node('330000').context
    const made = [
      await publishRecords(province, [industryRecord(1, { prefix: 'hidden' })], everyone, { item }),
      await publishRecords(province, [industryRecord(2, { prefix: 'hidden' })], [FAR], {
        item,
        batchClass: 'bulk',
      }),
      await publishRecords(
        federation.node(WITNESS).context,
        [industryRecord(3, { prefix: 'hidden' })],
        [FAR],
        { item },
      ),
    ]
    await says(
      federation,
      /^waiting zj.example\/330000 normal: .*item_unknown: catalog item zj\/industry-evaluation@hidden .*publishes that item or scale/,
    )
    await says(
      federation,
      /^gap zj.example\/330000 1 \*\* control: number \d+ is missing; it was last held by zj.example\/330000/,
    )
    await passes(federation, FAR, WITNESS)
    await passes(federation, '330000', VICTIM)
    await publishRecords(
      federation.node(WITNESS).context,
      [industryRecord(4, { prefix: 'other-lane' })],
      [VICTIM],
    )
    await federation.until('another lane of that city goes on', () =>
      held(federation, VICTIM, 'other-lane-4'),
    )
    const ids = [mapped, ...made.slice(0, 1).map(({ batch }) => batch!.id)]
    await cured(t, scene, ids, () => Promise.resolve())
    for (const { batch } of made)
      await federation.until(
        'it is at the county',
        async () => (await verdictAt(federation, FAR, batch!.id)) === 'accepted',
      )
  })

  await t.test('the records: none at all', async (t) => {
    scene.lies.tell('readBodies', (answer) => ({
      ...answer,
      deliveries: answer.deliveries.map((delivery) =>
        parseHeaderNote(parseEntry(delivery.entry).header).header.origin === rogue.name
          ? { ...delivery, body: new Uint8Array() }
          : delivery,
      ),
    }))
    const forged = rogue.forge([industryRecord(1)], everyone, { batchClass: 'bulk', epoch: 1 })
    const ids = await send(rogue, forged)
    await says(federation, /waiting zj.example\/330182 bulk: .*body_incomplete: the body of batch/)
    await othersGoOn(federation)
    await cured(t, scene, ids, () => Promise.resolve())
  })

  await t.test(
    'one record, which no amendment erased: it is waited for, then the batch is taken without it',
    async (t) => {
      scene.lies.tell('readBodies', (answer) => ({
        ...answer,
        deliveries: answer.deliveries.map((delivery) =>
          Buffer.from(delivery.body).includes('torn-1')
            ? { ...delivery, body: eraseLeaves(parseBody(delivery.body), new Set([0])) }
            : delivery,
        ),
      }))
      const { batch } = await publishRecords(
        federation.node('330000').context,
        [industryRecord(1, { prefix: 'torn' }), industryRecord(2, { prefix: 'torn' })],
        [VICTIM],
      )
      await says(
        federation,
        new RegExp(
          `^incomplete zj.example/330000: some of the 2 records of batch ${Buffer.from(batch!.id).toString('hex')}`,
        ),
      )
      t.equal(await held(federation, VICTIM, 'torn-1'), false)
      await federation.until('the other one is served', () => held(federation, VICTIM, 'torn-2'))
      await othersGoOn(federation)
      scene.lies.stop()
      // The cure that the alarm names: what nobody has is erased for everybody.
      await amend(federation.node('330000').context, {
        provider: BODY,
        source: { kind: 'self' },
        changes: [
          {
            action: 'erase',
            batchId: batch!.id,
            position: 0,
            effectiveOn: '2026-01-05',
            basis: 'test',
            document: '-',
          },
        ],
      })
      await federation.until('no alarm stands', () => federation.alarms().length === 0)
      t.same(await findings(federation), [])
    },
  )
})
