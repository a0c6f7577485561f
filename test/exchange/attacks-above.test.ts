import t from 'tap'
import { findBatch } from '../../src/query/query.ts'
import { type Delivery } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { findings, forge, publishRecords } from '../support/checks.ts'
import { industryRecord } from '../support/records.ts'
import { alarmOf, holds, refusal, spread, startLying, VICTIM, WITNESS } from '../support/lies.ts'
import { doorOf } from '../support/doors.ts'

t.test('a parent that delivers something else than its log has', async (t) => {
  const { federation, lies } = await startLying(t)
  const table: {
    title: string
    change: (delivery: Delivery) => Partial<Delivery>
    alarm: RegExp
  }[] = [
    {
      title: 'a changed record',
      change: ({ body }) => ({
        body: Buffer.from(body).map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte)),
      }),
      alarm: /another root than its header states/,
    },
    { title: 'no body', change: () => ({ body: new Uint8Array() }), alarm: /is not there/ },
    {
      title: 'a refusal of what it accepted',
      change: () => ({ body: new Uint8Array(), refusal: refusal('not for you') }),
      alarm: /another verdict/,
    },
    {
      title: 'another signature',
      change: ({ entry }) => ({
        entry: Buffer.from(
          Buffer.from(entry)
            .toString()
            .replace(/— .*\n$/, '— nobody AAAAAAA=\n'),
        ),
      }),
      alarm: /its log has/,
    },
  ]
  for (const { title, change, alarm } of table) {
    await t.test(
      `${title}: the child says so, logs nothing, and takes the truth when it comes; the other child notices nothing`,
      async (t) => {
        lies.tell('readBodies', (answer) => ({
          ...answer,
          deliveries: answer.deliveries.map((delivery) => ({ ...delivery, ...change(delivery) })),
        }))
        // What is wrong is asked for by its lane again: not before the end of the lie.
        lies.tell('readLane', (answer) => ({ ...answer, package: undefined }) as never)
        const id = await spread(federation)
        await federation.until('the other child has it', () => holds(federation, WITNESS, id))
        await federation.until('the victim says what is wrong', () =>
          alarmOf(federation, VICTIM, alarm),
        )
        t.equal(await holds(federation, VICTIM, id), false)
        lies.stop()
        await federation.until('the victim has it', () => holds(federation, VICTIM, id))
        t.equal((await findBatch(federation.node(VICTIM).context, id))!.refused, false)
        t.same(
          federation.alarms().filter((line) => !line.startsWith(VICTIM)),
          [],
        )
      },
    )
  }

  t.same(await findings(federation), [])
})

t.test('a parent that leaves something out', async (t) => {
  const { federation, lies } = await startLying(t)

  await t.test(
    'a batch left out is noticed with the next one of its lane, and fetched',
    async (t) => {
      const first = await spread(federation)
      await federation.until('it is there', () => holds(federation, VICTIM, first))
      // Only the batch after the first names it.
      const after = `sha256:${Buffer.from(first).toString('hex')}`
      lies.tell('readBodies', (answer) => ({
        ...answer,
        deliveries: answer.deliveries.filter(({ entry }) => !Buffer.from(entry).includes(after)),
      }))
      const missing = await spread(federation)
      await federation.until('the other child has it', () => holds(federation, WITNESS, missing))
      t.equal(await holds(federation, VICTIM, missing), false)
      lies.tell('readLane', (answer) => ({ ...answer, package: undefined }) as never)
      const next = await spread(federation)
      await federation.until('the victim says which number is missing', () =>
        alarmOf(
          federation,
          VICTIM,
          /number \d+ is missing; it was last held by zj\.example\/330000/,
        ),
      )
      t.equal(await holds(federation, VICTIM, next), false, 'nothing passes over the gap')
      lies.tell('readLane', (answer) => answer)
      await federation.until(
        'both are there',
        async () =>
          (await holds(federation, VICTIM, missing)) && (await holds(federation, VICTIM, next)),
      )
      lies.stop()
    },
  )

  await t.test(
    'a receipt that proves nothing is not kept, and the batch is sent until there is one',
    async (t) => {
      const { context } = federation.node(VICTIM)
      lies.tell('submit', (answer) => ({
        ...answer,
        outcomes: answer.outcomes.map((outcome) => ({
          ...outcome,
          receipt: {
            ...outcome.receipt!,
            entryPrefix: Buffer.from(
              Buffer.from(outcome.receipt!.entryPrefix)
                .toString()
                .replace('accepted', 'refused record_invalid sha256:' + '0'.repeat(64)),
            ),
          },
        })),
      }))
      const { batch } = await publishRecords(
        context,
        [industryRecord(1, { prefix: 'receipt' })],
        [WITNESS],
      )
      await federation.until('the other child has it', () => holds(federation, WITNESS, batch!.id))
      await federation.until('the victim says so', () =>
        alarmOf(federation, VICTIM, /link push normal/),
      )
      t.ok((await federation.node(VICTIM).uplink!.waiting()) > 0)
      lies.stop()
      await federation.until(
        'it is receipted',
        async () => (await federation.node(VICTIM).uplink!.waiting()) === 0,
      )
    },
  )

  await federation.until('every alarm is over', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
})

t.test('a parent whose refusals are not those it logged', async (t) => {
  const { federation, lies } = await startLying(t)
  const province = federation.node('330000').context
  const { batch, body } = forge(province, [industryRecord(1, { grade: 'Z' })], [WITNESS, VICTIM])
  lies.tell('readBodies', (answer) => ({
    ...answer,
    deliveries: answer.deliveries.map((delivery) => ({
      ...delivery,
      refusal: refusal('other reasons'),
    })),
  }))
  await doorOf(province).accept({ header: batch.note, body: body.bytes, source: { kind: 'self' } })
  await federation.until('the other child has it', () => holds(federation, WITNESS, batch.id))
  await federation.until('the victim says what is wrong', () =>
    alarmOf(federation, VICTIM, /other reasons than its log has/),
  )
  t.equal(await holds(federation, VICTIM, batch.id), false)
  lies.tell('readBodies', (answer) => ({
    ...answer,
    deliveries: answer.deliveries.map((delivery) => ({
      ...delivery,
      refusal: new Uint8Array(),
      body: body.bytes,
    })),
  }))
  await federation.until('nor does it take the batch as accepted', () =>
    alarmOf(federation, VICTIM, /another verdict/),
  )
  t.equal(await holds(federation, VICTIM, batch.id), false)
  lies.stop()
  await federation.until('the victim has the refusal', () => holds(federation, VICTIM, batch.id))
  t.match((await findBatch(federation.node(VICTIM).context, batch.id))!.entry.verdict, {
    accepted: false,
    code: 'record_invalid',
  })
  t.same(await findings(federation), [])
})
