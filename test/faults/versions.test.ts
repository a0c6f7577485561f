import { create, toBinary } from '@bufbuild/protobuf'
import t from 'tap'
import { kinds } from '../../src/kinds/kinds.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { RefusalSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import {
  RecallRequestSchema,
  RecallResponseSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { divisionsVersion } from '../../src/record/divisions.ts'
import type { Wraps } from '../support/ports.ts'
import type { CallContext } from '../../src/wire/service.ts'
import { codeOf, forge, publishRecords } from '../support/checks.ts'
import { bothWays, clean, held, passes, serving, startFour } from '../support/four.ts'
import { industryRecord } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

// The whole file, on a slow machine.
t.setTimeout(120_000)

/** A field that no message has, after the bytes of one. */
const UNKNOWN_FIELD = Buffer.concat([Buffer.from([0xba, 0x3e, 5]), Buffer.from('later')])

/** The services as a peer of protocol `protocol` sees and gives them: newer fields in every message, both ways. */
function later(
  protocol: number,
  seen: Set<string>,
  divisions: { table: string } = { table: '' },
): NonNullable<Wraps['wrapServices']> {
  return (services) =>
    services.map((service) => ({
      ...service,
      methods: service.methods.map((method) => ({
        ...method,
        call: async (request: Uint8Array, context: CallContext) => {
          seen.add(method.name)
          // Of a field that comes twice, the last counts.
          const isRecall = method.name === 'Recall'
          const version = isRecall
            ? toBinary(
                RecallResponseSchema,
                create(RecallResponseSchema, { protocol, divisionsVersion: divisions.table }),
              )
            : Buffer.alloc(0)
          const asked = isRecall
            ? toBinary(
                RecallRequestSchema,
                create(RecallRequestSchema, { protocol, divisionsVersion: divisions.table }),
              )
            : UNKNOWN_FIELD
          const answer = await method.call(Buffer.concat([request, asked]), context)
          return Buffer.concat([answer, version, UNKNOWN_FIELD])
        },
      })),
    }))
}

t.test(
  'two peers one minor version apart work together, and carry what only one of them knows',
  async (t) => {
    const federation = await startFour(t)
    const seen = new Set<string>()
    const divisions = { table: '' }
    await federation.restart('330100', { wrapServices: later(1_001, seen, divisions) })
    await federation.restart('330106')
    await serving(federation)
    await bothWays(federation)
    t.same(
      ['ReadBodies', 'ReadLog', 'Recall', 'Submit', 'Witness'].filter((name) => !seen.has(name)),
      [],
    )

    const county = federation.node('330106').context
    const far = federation.node('330110').context
    await t.test('a field of a record, byte for byte', async (t) => {
      const record = Buffer.concat([industryRecord(1, { prefix: 'field' }), UNKNOWN_FIELD])
      await publishRecords(county, [record], ['330110'])
      await federation.until('it arrives', () => held(federation, '330110', 'field-1'))
      t.same(Buffer.from((await findByRecordId(far, 'field-1'))[0]!.bytes!), record)
    })

    await t.test('a kind and a header line: held in full, marked, and not served', async (t) => {
      const kind = await publishRecords(
        county,
        [industryRecord(1, { prefix: 'later' })],
        ['330110'],
        { kind: 'x-weather' },
      )
      const { batch, body } = forge(county, [industryRecord(2, { prefix: 'later' })], ['330110'], {
        extra: ['x-mood good'],
      })
      await doorOf(county).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'self' },
      })
      for (const id of [kind.batch!.id, batch.id]) {
        await federation.until('it arrives', async () => (await findBatch(far, id)) !== undefined)
        const found = (await findBatch(far, id))!
        t.equal(found.body!.erased, 0)
        t.equal(kinds.of(found.batch.header), undefined)
      }
      t.notOk(await held(federation, '330110', 'later-1'))
      t.notOk(await held(federation, '330110', 'later-2'))
    })

    await t.test('a reason to refuse', async (t) => {
      const { context } = federation.node('330000')
      const { batch } = forge(context, [industryRecord(3, { prefix: 'later' })], ['330106'])
      const refusal = toBinary(
        RefusalSchema,
        create(RefusalSchema, { code: 'moon_phase', message: 'not today' }),
      )
      await doorOf(context).accept({
        header: batch.note,
        body: new Uint8Array(),
        refusal,
        source: { kind: 'self' },
      })
      await publishRecords(context, [industryRecord(4, { prefix: 'later' })], ['330106'])
      await federation.until('the batch after it arrives', () =>
        held(federation, '330106', 'later-4'),
      )
      t.match((await findBatch(county, batch.id))!.entry.verdict, {
        accepted: false,
        code: 'moon_phase',
      })
    })
    await t.test(
      'two tables of divisions are an alarm at both, until they have one again',
      async (t) => {
        const said = (): string[] =>
          ['330100', '330106'].flatMap((id) =>
            federation
              .node(id)
              .alarms.standing()
              .flatMap(({ code, subject, text: { zh } }) =>
                code === 'divisions' ? [`${id} ${subject}: ${zh}`] : [],
              ),
          )
        t.same(said(), [], 'the same table')
        divisions.table = 'mca-2025-12'
        await federation.restart('330106')
        await federation.until('both say so', () => said().length === 2)
        t.same(
          said(),
          [
            ['330100', '330106'],
            ['330106', '330100'],
          ].map(
            ([at, other]) =>
              `${at} zj.example/${other}: zj.example/${other} 的区划表为 mca-2025-12，本节点为 ${divisionsVersion}：一方接收的，另一方可能退回`,
          ),
        )
        divisions.table = '\u001b[2J 无告警'
        await federation.restart('330106')
        await federation.until(
          'it says another thing',
          () =>
            said().length === 2 &&
            said().every((line) =>
              line.endsWith(
                `的区划表与本节点（${divisionsVersion}）不同，且未说明版本：一方接收的，另一方可能退回`,
              ),
            ),
        )
        divisions.table = divisionsVersion
        await federation.restart('330106')
        await federation.until(
          'it is over',
          () => federation.node('330106').state === 'serving' && said().length === 0,
        )
      },
    )
    await passes(federation, '330110', '330000')
    await clean(t, federation)
  },
)

t.test(
  'a peer of another major version is told so, signs nothing, and the others go on',
  async (t) => {
    const federation = await startFour(t)
    const seen = new Set<string>()
    const wrap = later(2_000, seen)
    // The city speaks another version to the county alone.
    await federation.restart('330100', {
      wrapServices: (services) =>
        services.map((service, i) => ({
          ...service,
          methods: service.methods.map((method, j) => ({
            ...method,
            call: (request: Uint8Array, context: CallContext) =>
              (context.peer.nodeId === '330106' ? wrap(services)[i]!.methods[j]! : method).call(
                request,
                context,
              ),
          })),
        })),
    })
    await federation.restart('330106')
    await federation.until('the county says why', () =>
      federation
        .alarms()
        .some((text) =>
          text.startsWith('330106: link recall: the parent speaks protocol 2000, this node 1000'),
        ),
    )
    t.match(
      await codeOf(
        publishRecords(
          federation.node('330106').context,
          [industryRecord(1, { prefix: 'major' })],
          ['330000'],
        ),
      ),
      /^(not_ready|unconfirmed)$/,
    )
    await passes(federation, '330110', '330000')
    t.same([...seen], ['Recall'], 'it asks for nothing more')
    await federation.restart('330100')
    await serving(federation)
    await bothWays(federation)
    await clean(t, federation)
  },
)
