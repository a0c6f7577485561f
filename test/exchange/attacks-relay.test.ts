import t, { type Test } from 'tap'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { eraseLeaves, recordAt } from '../../src/batch/body.ts'
import { amend } from '../../src/publish/amend.ts'
import { liftQuarantine, listQuarantines } from '../../src/members/quarantine.ts'
import { nextStatement } from '../../src/members/members.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { OperatorActSchema } from '../../src/gen/huxin/v1/access_pb.ts'
import { RefusalSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import { AmendmentAction, AmendmentSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RecordSchema } from '../../src/gen/huxin/v1/record_pb.ts'
import { addSignatureLines } from '../../src/note/cosignature.ts'
import { generateSigner, type Signer } from '../../src/note/key.ts'
import { loadKeys } from '../../src/node/keys.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { formatStatement } from '../../src/topology/member.ts'
import { act, arrives, type Changed, FAR, fresh, goesOn } from '../support/attacks.ts'
import { codeOf, findings, type Forged, holders } from '../support/checks.ts'
import { BODY, SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'
import { type Package, packed, Rogue } from '../support/rogue.ts'

t.setTimeout(0)

interface Scene {
  readonly federation: TestFederation
  /** A city below the province, and a county below it. */
  readonly relay: Rogue
  readonly below: {
    readonly name: string
    readonly signer: Signer
    forge(changed?: Changed): Forged
  }
}

/** The seven, and two members whose keys are in the hands of the test. */
async function start(t: Test): Promise<Scene> {
  const federation = await TestFederation.start(SEVEN)
  t.teardown(() => federation.stop())
  await federation.add({ id: '330900', tier: 'city', parent: '330000', divisions: ['330900'] })
  await federation.until(
    'the relay knows itself',
    () =>
      federation.node('330900').context.ledger().federation.member('330900') !== undefined &&
      federation.node('330900').state === 'serving',
  )
  await federation.init({ id: '330902', tier: 'county', parent: '330900', divisions: ['330902'] })
  await federation.until('members and catalog are known everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().catalog.item(INDUSTRY_ITEM) &&
        context.ledger().federation.member('330902'),
    ),
  )
  await federation.node('330900').close()
  federation.nodes.delete('330900')
  const relay = await Rogue.at(federation, '330900', '330000')
  const name = federation.name('330902')
  const keys = await loadKeys(federation.folderOf('330902'), 1, { node: name })
  t.teardown(() => relay.close())
  return {
    federation,
    relay,
    below: {
      name,
      signer: keys.note,
      forge: (changed) => fresh(relay, { origin: name, signer: keys.note, ...changed }),
    },
  }
}

/** Files of evidence at the province. */
async function evidenceOf(federation: TestFederation, name: string): Promise<string[]> {
  const { folder } = federation.node('330000').config
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.includes(name))
  return Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
}

t.test('a relay', async (t) => {
  const { federation, relay, below } = await start(t)
  const province = federation.node('330000').context
  const far = federation.node(FAR).context
  const first = `2026-07-01T00:00:00Z ${relay.name}`
  const carried = (forged: Forged, changed: Package = {}): Package => ({
    ...packed(forged),
    judged: first,
    ...changed,
  })

  const table: { title: string; pack: (forged: Forged) => Package; code: string }[] = [
    {
      title: 'a record turned into its leaf hash',
      pack: (forged) => carried(forged, { body: eraseLeaves(forged.body, new Set([1])) }),
      code: 'body_incomplete',
    },
    {
      title: 'every record turned into its leaf hash',
      pack: (forged) => carried(forged, { body: eraseLeaves(forged.body) }),
      code: 'body_incomplete',
    },
    {
      title: 'the body left out',
      pack: (forged) => carried(forged, { body: new Uint8Array() }),
      code: 'body_incomplete',
    },
    {
      title: "another batch's body",
      pack: (forged) => carried(forged, { body: below.forge().body.bytes }),
      code: 'root_mismatch',
    },
    {
      title: "its own signature in place of the origin's",
      pack: ({ batch, body }) => ({
        header: signNote(batch.text, [relay.keys.note]),
        body: body.bytes,
        judged: first,
      }),
      code: 'signature_invalid',
    },
    {
      title: "its own signature beside the origin's",
      pack: ({ batch, body }) => ({
        header: addSignatureLines(
          batch.note,
          parseNote(signNote(batch.text, [relay.keys.note])).signatures.map(({ line }) => line),
        ),
        body: body.bytes,
        judged: first,
      }),
      code: 'signature_invalid',
    },
    {
      title: 'a first receipt that is none',
      pack: (forged) => carried(forged, { judged: 'yesterday' }),
      code: 'argument_invalid',
    },
    {
      title: 'the batch before it held back',
      pack: (forged) => carried(below.forge({ after: forged })),
      code: 'lane_gap',
    },
  ]
  for (const { title, pack, code } of table) {
    await t.test(
      `${title} is answered ${code}, is not logged, and the whole batch is taken afterwards`,
      async (t) => {
        const forged = below.forge()
        const size = province.log().size
        const answer = await relay.send(pack(forged))
        t.equal(answer.code, code, answer.outcome.errorMessage)
        t.equal(province.log().size, size)
        t.equal((await relay.send(carried(forged))).code, '')
        await arrives(federation, forged)
        t.equal((await findBatch(far, forged.batch.id))!.body!.erased, 0)
        await goesOn(t, federation, relay)
      },
    )
  }

  await t.test(
    'that refuses a batch says so in every log, with its reasons, and the lane goes on',
    async (t) => {
      const forged = below.forge()
      const refusal = toBinary(
        RefusalSchema,
        create(RefusalSchema, { code: 'record_invalid', message: 'not to my taste' }),
      )
      const answer = await relay.send(carried(forged, { body: new Uint8Array(), refusal }))
      t.equal(answer.code, 'record_invalid')
      await arrives(federation, forged)
      t.match((await findBatch(far, forged.batch.id))!.entry.verdict, {
        code: 'record_invalid',
        reasons: createHash('sha256').update(refusal).digest(),
      })
      const next = below.forge()
      t.equal((await relay.send(carried(next))).code, '')
      await arrives(federation, next)
      await goesOn(t, federation, relay)
    },
  )

  await t.test(
    'that sends an erased record again gets its receipt, and the bytes stay away',
    async (t) => {
      const name = '浙江测试企业434343有限公司'
      const forged = relay.forge([industryRecord(434_343, { prefix: 'gone' })], [FAR], {
        origin: below.name,
        signer: below.signer,
      })
      await relay.send(carried(forged))
      await arrives(federation, forged)
      const erased = await amend(province, {
        provider: BODY,
        source: { kind: 'self' },
        changes: [
          {
            action: 'erase',
            batchId: forged.batch.id,
            position: 0,
            effectiveOn: '2026-01-05',
            basis: 'test',
            document: '-',
          },
        ],
      })
      for (const id of federation.nodes.keys())
        await arrives(federation, { batch: erased.batch! } as Forged, id)
      const again = await relay.send(carried(forged))
      t.equal(again.code, '')
      t.equal((await findBatch(province, forged.batch.id))!.body!.erased, 1)
      await goesOn(t, federation, relay)
      await federation.until(
        'the bytes are gone from every disk',
        async () => (await holders(federation, name)).length === 0,
      )
    },
  )

  await t.test(
    'that gives one member two statements with one serial: the second is refused and logged, and both are kept as evidence against who signed them',
    async (t) => {
      const member = () => province.ledger().federation.member('330902')!
      const before = member().serial
      const statement = (document: string) =>
        signNote(formatStatement({ ...nextStatement(member()), ...act, document }), [
          relay.keys.note,
        ])
      const batch = (...records: Uint8Array[]) =>
        packed(
          relay.forge(records, ['**'], { kind: 'member', item: undefined, batchClass: 'control' }),
        )
      const [one, two, three] = [statement('first'), statement('second'), statement('third')]
      const together = await relay.send(batch(one, two))
      t.equal(together.code, 'statement_invalid', 'not in one batch')
      t.equal(member().serial, before, 'and the first of the two is not in force either')
      t.equal((await relay.send(batch(one))).code, '')
      const later = await relay.send(batch(three))
      t.equal(later.code, 'statement_invalid')
      t.equal(later.logged, true)
      t.match(later.refusal!.message, `both are evidence against ${relay.name}`)
      const [evidence, ...more] = await evidenceOf(federation, 'statement-conflict')
      t.same(more, [])
      t.match(evidence, Buffer.from(one).toString())
      t.match(evidence, Buffer.from(three).toString())
      await federation.until('every node has the first statement', () =>
        [...federation.nodes.values()].every(
          ({ context }) => context.ledger().federation.member('330902')!.serial === before + 1,
        ),
      )
      await goesOn(t, federation, relay)
      for (const [id, { context }] of federation.nodes)
        t.equal(context.ledger().federation.member('330902')!.document, 'first', id)
      t.equal((await relay.send(carried(below.forge()))).code, '', 'the member goes on')
    },
  )

  await t.test(
    'which tells the hub alone of a child: the statement is refused, and nothing of that child is taken',
    async (t) => {
      const child = generateSigner(federation.name('330909'), 'ed25519', new Uint8Array(32).fill(9))
      const city = province.ledger().federation.member('330900')!
      const statement = signNote(
        formatStatement({
          ...nextStatement(city),
          ...act,
          member: federation.name('330909'),
          serial: 0,
          previous: undefined,
          tier: 'county',
          parent: relay.name,
          divisions: [],
          noteVkey: child.vkey,
          cosignVkey: city.cosignVkey,
        }),
        [relay.keys.note],
      )
      t.equal(
        (
          await relay.send(
            packed(
              relay.forge([statement], ['330000'], {
                kind: 'member',
                item: undefined,
                batchClass: 'control',
              }),
            ),
          )
        ).code,
        'target_not_allowed',
      )
      t.equal(
        (
          await relay.send(
            carried(fresh(relay, { origin: federation.name('330909'), signer: child })),
          )
        ).code,
        'member_unknown',
      )
      await goesOn(t, federation, relay)
    },
  )

  await t.test(
    'whose child forks a lane: both notes are kept, that origin alone is under quarantine, and its records can still be amended',
    async (t) => {
      const standing = below.forge()
      await relay.send(carried(standing))
      await arrives(federation, standing)
      const again = fresh(relay, {
        origin: below.name,
        signer: below.signer,
        lanes: standing.batch.header.lanes,
      })
      const size = province.log().size
      const answer = await relay.send(carried(again))
      t.equal(answer.code, 'lane_fork', answer.outcome.errorMessage)
      t.same([...province.ledger().quarantined], [below.name])
      const [evidence, ...more] = await evidenceOf(federation, 'lane-fork')
      t.same(more, [])
      t.match(evidence, Buffer.from(standing.batch.note).toString())
      t.match(evidence, Buffer.from(again.batch.note).toString())
      t.same(
        federation.alarms().map((line) => line.split(' ', 2).join(' ')),
        ['330000: statement', '330000: lane_fork'],
      )

      t.equal((await relay.send(carried(below.forge()))).code, 'quarantined')
      t.equal((await relay.send(carried(below.forge({ batchClass: 'bulk' })))).code, 'quarantined')
      t.equal(province.log().size, size, 'nothing of it is logged')
      await goesOn(t, federation, relay)

      const byItself = relay.forge(
        [
          toBinary(
            AmendmentSchema,
            create(AmendmentSchema, {
              action: AmendmentAction.WITHDRAW,
              batchId: standing.batch.id,
              index: 0,
              effectiveOn: '2026-01-05',
              basis: 'test',
              document: '-',
            }),
          ),
        ],
        ['**'],
        {
          origin: below.name,
          signer: below.signer,
          kind: 'amendment',
          item: undefined,
          batchClass: 'amendment',
        },
      )
      t.equal((await relay.send(carried(byItself))).code, '')
      await amend(province, {
        provider: BODY,
        source: { kind: 'self' },
        changes: [
          {
            action: 'repair',
            batchId: standing.batch.id,
            position: 1,
            effectiveOn: '2026-01-05',
            basis: 'test',
            document: '-',
          },
        ],
      })
      const standings = async () => {
        const found = (await findBatch(far, standing.batch.id))!
        const ids = Array.from(
          { length: 2 },
          (_, i) => fromBinary(RecordSchema, recordAt(found.body!, i)!).recordId,
        )
        return (await Promise.all(ids.map((id) => findByRecordId(far, id)))).map(
          ([version]) => version?.standing,
        )
      }
      await federation.until(
        'both amendments are at the far county',
        async () => (await standings()).join() === 'withdrawn,repaired',
      )

      await federation.restart('330000')
      const after = federation.node('330000').context
      t.same([...after.ledger().quarantined], [below.name], 'the quarantine outlives a restart')
      const again2 = await Rogue.at(federation, '330900', '330000')
      t.teardown(() => again2.close())

      // A person lifts it, and says why.
      const operator = { kind: 'client', name: 'operator' } as const
      t.same(
        (await listQuarantines(after)).map(({ origin, batchId }) => [origin, Buffer.from(batchId)]),
        [[below.name, Buffer.from(again.batch.id)]],
      )
      t.equal(
        await codeOf(
          liftQuarantine(after, {
            origin: '330902',
            act: { ...act, reason: ' ' },
            source: operator,
          }),
        ),
        'argument_invalid',
      )
      t.equal(
        await codeOf(liftQuarantine(after, { origin: '330700', act, source: operator })),
        'not_found',
      )
      t.equal((await again2.send(carried(below.forge()))).code, 'quarantined')
      const id = await liftQuarantine(after, { origin: '330902', act, source: operator })
      const { entry, batch, body } = (await findBatch(after, id))!
      t.match(
        [entry.source, batch.header.kind, batch.header.lanes.map(({ target }) => target)],
        [operator, 'act', ['330000']],
        'the act is in the log here and goes nowhere else',
      )
      t.match(fromBinary(OperatorActSchema, recordAt(body!, 0)!), {
        act: 'quarantine-lift',
        member: below.name,
        person: act,
      })
      t.equal(
        await codeOf(liftQuarantine(after, { origin: '330902', act, source: operator })),
        'not_found',
        'once',
      )
      t.same(await listQuarantines(after), [])
      const next = fresh(again2, { origin: below.name, signer: below.signer })
      t.equal((await again2.send(carried(next))).code, '', 'its batches are taken again')
      await arrives(federation, next)
      t.equal(
        (await again2.send(carried(again))).code,
        'lane_fork',
        'the second batch with that number is still none, and says so anew',
      )
      t.same([...after.ledger().quarantined], [below.name])
      await liftQuarantine(after, { origin: below.name, act, source: operator })

      // Both in one round of the writer, so that neither is durable when the other is judged.
      const side = fresh(again2, { origin: below.name, signer: below.signer, batchClass: 'bulk' })
      const other = fresh(again2, {
        origin: below.name,
        signer: below.signer,
        batchClass: 'bulk',
        lanes: side.batch.header.lanes,
      })
      const propose = after.writer.propose.bind(after.writer)
      const waiting: (() => void)[] = []
      after.writer.propose = (...words) =>
        new Promise((resolve, reject) => {
          waiting.push(() => void propose(...words).then(resolve, reject))
        })
      const both = again2.submit(carried(side), carried(other))
      await federation.until('both wait for the round', () => waiting.length >= 2)
      after.writer.propose = propose
      for (const go of waiting) go()
      t.same(
        (await both).map(({ code }) => code),
        ['', 'lane_fork'],
      )
      t.same([...after.ledger().quarantined], [below.name])
      t.ok(
        (await evidenceOf(federation, 'lane-fork')).some(
          (file) =>
            file.includes(Buffer.from(other.batch.note).toString()) &&
            file.includes(Buffer.from(side.batch.note).toString()),
        ),
        'both notes are kept',
      )
      await arrives(federation, side)
      await liftQuarantine(after, { origin: below.name, act, source: operator })
      await federation.restart('330000')
      t.same(
        [...federation.node('330000').context.ledger().quarantined],
        [],
        'lifted is lifted, after a restart too',
      )
    },
  )
  t.same(await findings(federation), [])
})
