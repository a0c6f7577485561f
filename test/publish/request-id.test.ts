import t from 'tap'
import { amend } from '../../src/publish/amend.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { hashRequestIds } from '../../src/publish/request-ids.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import { prefixRange, tables, textKey } from '../../src/store/keys.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'

t.test('what a department calls with', async (t) => {
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { id: '330106', tier: 'county', parent: '330000', divisions: ['330106'] },
  ])
  t.teardown(() => federation.stop())
  await federation.until(
    'the catalog is everywhere',
    () => federation.node('330106').context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
  )

  await t.test(
    'a request id stands for one request: with anything else it is refused, and what is repeated is not',
    async (t) => {
      const { context } = federation.node('330106')
      const three = many(3, (i) => industryRecord(i, { prefix: 'id' }))
      const ask = (
        records: readonly Uint8Array[],
        targets: readonly string[],
        requestId: string,
        skipExisting = false,
      ): Promise<string> =>
        codeOf(publishRecords(context, records, targets, { requestId, skipExisting }))
      t.equal(await ask(three, ['330000', '330106'], 'mine'), '')
      const { size } = context.log()
      t.equal(await ask(three, ['330106', '330000'], 'mine'), '')
      for (const [records, targets] of [
        [three.slice(0, 2), ['330000', '330106']],
        [[...three].reverse(), ['330000', '330106']],
        [three, ['330000']],
        [
          [industryRecord(7, { prefix: 'id' }), ...three.slice(1)],
          ['330000', '330106'],
        ],
      ] as const)
        t.equal(await ask(records, targets, 'mine'), 'argument_invalid')
      t.equal(context.log().size, size)

      // Of these three are there already: the batch has the other two.
      const five = many(5, (i) => industryRecord(i, { prefix: 'id' }))
      for (let call = 0; call < 2; call++)
        t.equal(await ask(five, ['330000', '330106'], 'rest', true), '')
      t.equal(context.log().size, size + 1n)
      t.equal(
        await ask(
          many(4, (i) => industryRecord(i, { prefix: 'id' })),
          ['330000', '330106'],
          'rest',
          true,
        ),
        'argument_invalid',
      )
      for (const bad of ['请求', 'a\nb', 'x'.repeat(65)])
        t.equal(await ask(three, ['330000'], bad), 'argument_invalid')
    },
  )

  await t.test(
    'an amendment that is repeated under its request id is answered, another is refused',
    async (t) => {
      const { context } = federation.node('330106')
      const { batch } = await publishRecords(
        context,
        many(2, (i) => industryRecord(i, { prefix: 'am' })),
        ['330000'],
      )
      const change = (position: number, basis: string, effectiveOn = '2026-01-05') =>
        amend(context, {
          provider: BODY,
          source: { kind: 'client', name: 'test' },
          requestId: 'amend',
          changes: [
            { action: 'erase', batchId: batch!.id, position, effectiveOn, basis, document: '' },
          ],
        })
      const first = await change(0, 'test')
      t.equal(
        (await change(0, 'test', '2026-01-06')).batch!.idText,
        first.batch!.idText,
        'a day later the day that is meant is another',
      )
      t.equal(await codeOf(change(1, 'test')), 'argument_invalid')
      t.equal(await codeOf(change(0, 'other')), 'argument_invalid')
    },
  )

  await t.test(
    'the store holds no request id, and one of an earlier program is hashed and still answers',
    async (t) => {
      const { context } = federation.node('330106')
      const record = [industryRecord(1, { prefix: 'hashed' })]
      const ask = { requestId: 'tax 2026/11/30 no 7' }
      const { batch } = await publishRecords(context, record, ['330106'], ask)
      const rows = async (): Promise<string[]> =>
        (await context.store.range(prefixRange(textKey(tables.meta, 'request/')))).map(([key]) =>
          Buffer.from(key).toString(),
        )
      t.ok((await rows()).every((row) => /^prequest\/[0-9a-f]{32}$/.test(row)))
      const [hashed] = (
        await context.store.range(prefixRange(textKey(tables.meta, 'request/')))
      ).filter(([, value]) => equalBytes(value, batch!.id))
      // As an earlier program left it.
      const former = textKey(tables.meta, `request/test/${ask.requestId}`)
      await context.store.write([
        { key: hashed![0], value: undefined },
        { key: former, value: batch!.id },
      ])
      t.equal((await publishRecords(context, record, ['330106'], ask)).batch!.idText, batch!.idText)
      t.equal(await hashRequestIds(context), 1)
      t.same(await context.store.get(hashed![0]), batch!.id)
      t.equal(await context.store.get(former), undefined)
      t.equal((await publishRecords(context, record, ['330106'], ask)).batch!.idText, batch!.idText)
      t.equal(await hashRequestIds(context), 0)
      t.equal(
        await codeOf(
          publishRecords(context, record, ['330106'], {
            requestId: `no ${syntheticCitizenId('33010218900101123')}`,
          }),
        ),
        'argument_invalid',
      )
    },
  )

  await t.test(
    'a provider that is no unified social credit code is refused as an argument',
    async (t) => {
      const { context } = federation.node('330106')
      t.equal(
        await codeOf(
          publishRecords(context, [industryRecord(1)], ['330000'], {
            provider: '11330825TT00000913',
          }),
        ),
        'argument_invalid',
      )
    },
  )

  t.same(await findings(federation), [])
})
