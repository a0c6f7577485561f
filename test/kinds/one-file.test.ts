/** A kind of batch that stands in this file alone: everything that a node does with batches follows from its table. */
import t from 'tap'
import { term, text } from '../../src/base/text.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { recordAt } from '../../src/batch/body.ts'
import { KindTable } from '../../src/batch/kinds.ts'
import { checkStore } from '../../src/fsck/check.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { allKinds, kinds as ownKinds } from '../../src/kinds/kinds.ts'
import { encodeLaneHead } from '../../src/ledger/lanes.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { publish } from '../../src/publish/publish.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { peekRecord } from '../../src/record/peek.ts'
import { placeKey, reportedKey, tables } from '../../src/store/keys.ts'
import { checkAllRecords } from '../../src/verdict/check-records.ts'
import { judge } from '../../src/verdict/judge.ts'
import type { Kind } from '../../src/verdict/kind.ts'
import { refuse } from '../../src/verdict/refusal.ts'
import { findings, forge } from '../support/checks.ts'
import { doorOf } from '../support/doors.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'

t.setTimeout(60_000)

/** What each ledger has in memory of notices: record ids. */
const heard = new WeakMap<Ledger, string[]>()
const heardBy = (ledger: Ledger): string[] => heard.get(ledger) ?? []

const notice: Kind = {
  name: 'notice',
  classes: ['control'],
  reach: 'everybody',
  indexed: true,
  ofItself: true,
  judge: ({ body }) => {
    for (let i = 0; i < body.count; i++)
      if (peekRecord(recordAt(body, i) ?? new Uint8Array()) === undefined)
        return refuse('record_invalid', text`lane head`)
    return undefined
  },
  judgeInOrder: async ({ ledger, body }) => {
    const { recordId } = peekRecord(recordAt(body, 0)!)!
    return heardBy(ledger).includes(recordId) ? refuse('record_invalid', text`act`) : undefined
  },
  fold: (ledger, { index, header, body }) => {
    const { recordId } = peekRecord(recordAt(body, 0)!)!
    return {
      ops: [
        {
          key: reportedKey(header.origin, recordId),
          value: encodeLaneHead({ number: index, id: header.root }),
        },
      ],
      remember: () => heard.set(ledger, [...heardBy(ledger), recordId]),
    }
  },
  recordRows: ({ index, position }, family) => [
    { key: placeKey(tables.recognition, index, position), value: utf8(`notice ${family}`) },
  ],
}
const kinds = new KindTable<Kind>([...allKinds, notice])

const NATION = '000000'
const PLACES = [
  { id: NATION, tier: 'nation', divisions: ['000000'] },
  { id: '330000', tier: 'province', parent: NATION, divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
] as const

t.test(
  'a kind in one file travels two hops, folds, is indexed, refused, rebuilt and checked',
  async (t) => {
    const federation = await TestFederation.start([], { catalog: false })
    t.teardown(() => federation.stop())
    for (const place of PLACES) await federation.add(place, { kinds })
    const { context: city } = federation.node('330100')
    const { context: nation } = federation.node(NATION)
    const asked = {
      kind: 'notice',
      item: undefined,
      provider: BODY,
      targets: ['**'],
      batchClass: 'control' as const,
      source: { kind: 'self' } as const,
    }

    await federation.until(
      'the city may sign and knows itself',
      () =>
        federation.node('330100').state === 'serving' &&
        city.ledger().federation.member(city.self) !== undefined,
    )
    const { batch, refusal } = await publish(city, {
      ...asked,
      records: [industryRecord(1, { prefix: 'notice' })],
    })
    t.equal(refusal, undefined)
    await federation.until(
      'it came up two hops',
      async () => (await findBatch(nation, batch!.id)) !== undefined,
    )
    const found = (await findBatch(nation, batch!.id))!
    t.equal(found.entry.verdict.accepted, true)

    for (const id of [NATION, '330000', '330100']) {
      const { context } = federation.node(id)
      t.same(heardBy(context.ledger()), ['notice-1'], `${id}: memory`)
      t.ok(await context.store.get(reportedKey(city.self, 'notice-1')), `${id}: rows`)
    }
    // A batch is stored a moment before it is signed, and what is signed is indexed.
    await federation.until(
      'it is found by its record id',
      async () => (await findByRecordId(nation, 'notice-1')).length === 1,
    )
    t.equal(
      Buffer.from(
        (await nation.store.get(placeKey(tables.recognition, found.index, 0)))!,
      ).toString(),
      `notice ${peekRecord(industryRecord(1, { prefix: 'notice' }))!.family}`,
    )

    await t.test('its verdicts are those of its file', async (t) => {
      const terms = { timeMs: city.clock.nowMs(), node: city.self }
      const again = forge(city, [industryRecord(1, { prefix: 'notice' })], ['**'], {
        kind: 'notice',
        item: undefined,
        batchClass: 'control',
      })
      const { index } = await doorOf(city).accept({
        header: again.batch.note,
        body: again.body.bytes,
        source: { kind: 'self' },
      })
      t.match(
        (await findBatch(city, again.batch.id))?.entry.verdict,
        { accepted: false, code: 'record_invalid' },
        `entry ${index} is refused in the order of the log`,
      )
      await federation.until('its refusal is known above', async () => {
        const known = await findBatch(nation, again.batch.id)
        return known !== undefined && nation.log().signed.size > known.index
      })
      const bad = await publish(city, { ...asked, records: [Uint8Array.of(0xff)] })
      t.equal(bad.refusal?.code, 'record_invalid')
      const astray = await publish(city, {
        ...asked,
        targets: [NATION],
        records: [industryRecord(2, { prefix: 'notice' })],
      })
      t.equal(astray.refusal?.code, 'target_not_allowed', 'it goes to everybody')
      const without = { kinds: ownKinds, clock: city.clock, checkRecords: checkAllRecords }
      t.equal(
        (
          await judge(
            { ledger: city.ledger(), header: again.batch.header, body: again.body, terms },
            without,
          )
        )?.code,
        'kind_unknown',
        'whoever has another table does not know it',
      )
      t.equal(term('notice').en, 'notice', 'a kind without a word is told by its name')
    })

    await t.test('a start has it in memory again, and a rebuild the same rows', async (t) => {
      const node = await federation.restart(NATION, { kinds })
      const { context } = node
      t.same(heardBy(context.ledger()), ['notice-1'])
      await context.indexer.caughtUp()
      const before = await derivedRows(context.store)
      t.same(await findings(federation), [])
      const row = await context.store.get(reportedKey(city.self, 'notice-1'))
      await context.store.commit([{ key: reportedKey(city.self, 'notice-1'), value: undefined }])
      t.ok(
        (await checkStore(context.store, context.log(), node.genesis())).findings.length > 0,
        'fsck misses a row of it',
      )
      await context.store.commit([{ key: reportedKey(city.self, 'notice-1'), value: row }])
      await rebuildStore(context.store, node.genesis())
      t.equal(await derivedRows(context.store), before)
      t.same(await findings(federation), [])
    })
  },
)
