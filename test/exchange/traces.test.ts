/** Who has a batch, as others say it: only what is signed counts. */
import t from 'tap'
import { findByRecordId } from '../../src/query/query.ts'
import { provenReceipts, traceLane } from '../../src/account/reconcile.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const LANE = 'zj.example/330000 1 330106 normal'

t.setTimeout(60_000)

t.test(
  'a next hop is named only when its own signed receipt says that it has the batch',
  async (t) => {
    const federation = await TestFederation.start(PLACES)
    t.teardown(() => federation.stop())
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.values()].every((node) =>
        node.context.ledger().catalog.item(INDUSTRY_ITEM),
      ),
    )
    const published = await publishRecords(
      federation.node('330000').context,
      [industryRecord(1)],
      ['330106'],
    )
    t.equal(published.refusal, undefined)
    await federation.until(
      'it is there',
      async () => (await findByRecordId(federation.node('330106').context, 'e-1')).length === 1,
    )
    const look = () => traceLane(federation.node('330000').context, LANE, 0n)
    await federation.until(
      'the city signed for it',
      async () => (await look()).receiptNotes.length > 0,
    )
    const trace = await look()
    const { context } = federation.node('330106')
    const named = (change: Partial<typeof trace>, batchClass: 'normal' | 'bulk' = 'normal') =>
      provenReceipts(context, { ...trace, ...change }, batchClass).map(({ from }) => from)
    t.same(named({}), ['zj.example/330100'])
    const [note] = trace.receiptNotes as [Uint8Array]
    const edited = (from: string, to: string) => [
      Buffer.from(Buffer.from(note).toString().replace(from, to)),
    ]
    t.same(named({ node: 'zj.example/330100' }), [], 'a receipt for another log')
    t.same(named({ index: trace.index + 1_000n }), [], 'a receipt that does not reach so far')
    t.same(
      named({ receiptNotes: edited('from zj.example/330100', 'from zj.example/330106') }),
      [],
      'a receipt in another name',
    )
    t.same(
      named({ receiptNotes: edited('from zj.example/330100', 'from zj.example/nobody') }),
      [],
      'a receipt of nobody',
    )
    t.same(
      named({ receiptNotes: edited('\nnormal ', '\nnormal 1') }),
      [],
      'a receipt that was changed',
    )
    t.same(
      named({ receiptNotes: [Buffer.from('from zj.example/330100\n')] }),
      [],
      'no receipt at all',
    )
    t.same(await findings(federation), [])
  },
)
