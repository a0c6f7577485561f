/** What a node says of those around it: absent children, certificates that end, entries that nobody cosigns. */
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { Alarms } from '../../src/alarm/alarms.ts'
import type { Context } from '../../src/commit/context.ts'
import { Neighbours } from '../../src/node/neighbours.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord } from '../support/records.ts'

const MINUTE_MS = 60_000
const LIMITS = {
  parentAwayMinutes: 1,
  childAwayMinutes: 60,
  childAwayMinutesOf: { 330105: 600 },
  notFinalMinutes: 15,
  refusalsPerHour: 10,
}
const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const [ONE, TWO]: [Place, Place] = [
  { id: '330106', tier: 'county', parent: '330000', divisions: ['330106'] },
  { id: '330110', tier: 'county', parent: '330000', divisions: ['330110'] },
]

t.setTimeout(0)

t.test(
  'few absent children have an alarm each, many one that counts them, and each its own time',
  async (t) => {
    const clock = new MovableClock()
    const alarms = new Alarms({ log: { warn: () => undefined, info: () => undefined }, clock })
    const children = ['330101', '330102', '330103', '330104', '330105', '330106'].map((id) => ({
      id,
      name: `zj.example/${id}`,
      status: 'active',
    }))
    const written = new Map<string, Uint8Array>()
    const context = {
      self: 'zj.example/330100',
      alarms,
      ledger: () => ({ federation: { member: () => undefined, children: () => children } }),
      log: () => ({ signed: { size: 0n } }),
      store: {
        get: async () => undefined,
        getMany: async () => [],
        write: async (ops: readonly { key: Uint8Array; value: Uint8Array }[]) =>
          ops.forEach(({ key, value }) => written.set(Buffer.from(key).toString('latin1'), value)),
        range: async () => [...written].map(([key, value]) => [Buffer.from(key, 'latin1'), value]),
      },
    } as unknown as Context
    const neighbours = await Neighbours.open({ context, clock, limits: LIMITS })
    const call = (...ids: readonly string[]): void =>
      ids.forEach((id) => neighbours.called(`zj.example/${id}`, { notAfterMs: Infinity }))
    const said = async (of = neighbours): Promise<string[]> => {
      await of.review()
      return alarms.list().map((line) => line.replace(/ since 20\S+Z/g, ''))
    }
    call('330101', '330102', '330103', '330104', '330105')
    t.same(await said(), [])
    clock.pass(50 * MINUTE_MS)
    call('330103', '330104')
    clock.pass(20 * MINUTE_MS)
    t.same(
      await said(),
      [
        'child_away zj.example/330101: zj.example/330101 has not called',
        'child_away zj.example/330102: zj.example/330102 has not called',
      ],
      'one that may be away for longer and one that never called are none',
    )
    clock.pass(60 * MINUTE_MS)
    t.same(await said(), [
      'child_away: 4 of 6 children have not called for longer than they may; for longest: zj.example/330101, zj.example/330102, zj.example/330103, zj.example/330104',
    ])
    t.match(
      alarms.standing()[0]!.text.zh,
      /^6 个下级中有 4 个超过时限未联系；最久者：zj\.example\/330101（自 20\S+Z 起）、/,
    )
    t.same(
      await said(await Neighbours.open({ context, clock, limits: LIMITS })),
      await said(),
      'a restart forgets nobody',
    )
    call('330101', '330102', '330103')
    t.same(await said(), ['child_away zj.example/330104: zj.example/330104 has not called'])
    call('330104')
    t.same(await said(), [])
  },
)

t.test(
  'an absent child, an ending certificate and entries that nobody cosigns are alarms that end with their cause',
  async (t) => {
    const clock = new MovableClock()
    const federation = await TestFederation.start([PROVINCE, ONE, TWO], { clock })
    t.teardown(() => federation.stop())
    const province = (): TestFederation['nodes'] extends Map<string, infer N> ? N : never =>
      federation.node('330000')
    const said = (code: string): string[] =>
      province()
        .alarms.list()
        .filter((line) => line.startsWith(code))
    const publish = (id: string, prefix: string): Promise<unknown> =>
      publishRecords(federation.node(id).context, [industryRecord(1, { prefix })], ['330000'])
    await federation.until('all serve', () =>
      [...federation.nodes.values()].every(
        ({ state, context }) =>
          state === 'serving' && context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
      ),
    )
    await publish('330106', 'first')
    await federation.until('both cosign', () => said('').length === 0)

    await federation.node('330110').close()
    federation.nodes.delete('330110')
    await publishRecords(province().context, [industryRecord(2, { prefix: 'waits' })], ['330106'])
    clock.pass(61 * MINUTE_MS)
    await federation.until(
      'the county and what it does not cosign are said',
      () => said('child_away').length === 1 && said('not_final').length === 1,
    )
    t.match(
      said('child_away')[0],
      /^child_away zj\.example\/330110: zj\.example\/330110 has not called since 20\S+Z$/,
    )
    t.match(
      said('not_final')[0],
      /^not_final: entry \d+ of this log and those after it wait to be cosigned since 20\S+Z$/,
    )
    await federation.restart('330000')
    await federation.until(
      'a restart ends neither',
      () => said('child_away').length === 1 && said('not_final').length === 1,
    )

    // TLS looks at the clock of the machine.
    const pki = { ...federation.pki, clock: systemClock }
    await issueDevelopmentLeaf(pki, {
      tier: 'county',
      role: 'node',
      nodeId: '330110',
      name: '',
      days: 20,
    })
    await federation.writeConfig(TWO)
    await federation.startNode('330110')
    await federation.until(
      'it is back, with a certificate that ends soon',
      () =>
        said('child_away').length === 0 &&
        said('not_final').length === 0 &&
        said('child_certificate').length === 1,
    )
    t.match(said('child_certificate'), [
      /^child_certificate zj\.example\/330110: the certificate of zj\.example\/330110 ends at 20\S+Z$/,
    ])
    await issueDevelopmentLeaf(pki, { tier: 'county', role: 'node', nodeId: '330110', name: '' })
    await federation.restart('330110')
    await federation.until('a new one ends that', () => said('child_certificate').length === 0)

    t.same(await findings(federation), [])
  },
)
