/** What is durable and not yet under a signed checkpoint is answered to nobody, whoever asks, and how often. */
import t from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import { receiptFor } from '../../src/exchange/receipts.ts'
import { codeOf, forge, publishRecords } from '../support/checks.ts'
import { federationOf } from '../support/faults.ts'
import type { Place } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
]

/** A checkpoint file that writes when it is told to. */
class Held {
  #gate: Promise<void> | undefined
  #open: (() => void) | undefined
  /** Resolves when something waits to be written. */
  waiting: Promise<void> = Promise.resolve()
  fails = false

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
    this.waiting = new Promise((resolve) => {
      this.#arrived = resolve
    })
  }

  #arrived: (() => void) | undefined

  release(): void {
    this.#open?.()
    this.#gate = undefined
  }

  readonly wrap = (slot: CheckpointSlot): CheckpointSlot => ({
    ...slot,
    write: async (note) => {
      this.#arrived?.()
      await this.#gate
      if (this.fails) throw new HuxinError('store_failed', 'the checkpoint file did not write: Input/output error')
      return slot.write(note)
    },
  })
}

t.setTimeout(0)

t.test('a batch that comes again while its round is being written has the same receipt, when it is sealed', async (t) => {
  const federation = await federationOf(t, PLACES)
  const held = new Held()
  await federation.restart('330000', { wrapSlot: held.wrap })
  await federation.until('it serves', () => federation.node('330000').state === 'serving')
  const { context } = federation.node('330000')
  const { batch, body } = forge(federation.node('330100').context, [industryRecord(1)], ['330000'])
  const bring = async () => {
    const { index, tree } = await context.door.accept({ header: batch.note, body: body.bytes, source: { kind: 'child', node: federation.name('330100') } })
    return { index, receipt: await receiptFor(context, batch.id, index, tree) }
  }
  held.hold()
  const first = bring()
  await held.waiting
  let answered = false
  const second = bring().finally(() => {
    answered = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(answered, 'it waits for the checkpoint')
  held.release()
  t.same(await second, await first)
})

t.test('a request that is repeated while its entry is durable and unsigned is not answered with it', async (t) => {
  const federation = await federationOf(t, PLACES.slice(0, 1))
  const held = new Held()
  await federation.restart('330000', { wrapSlot: held.wrap })
  const { context } = federation.node('330000')
  const publish = async () => {
    const { batch, index, tree } = await publishRecords(context, [industryRecord(1)], ['330000'], { requestId: 'once' })
    return receiptFor(context, batch!.id, index, tree)
  }
  held.fails = true
  t.equal(await codeOf(publish()), 'store_failed')
  await federation.until('the database was opened again', async () => await context.store.get(Buffer.of(0)).then(() => true, () => false) && context.log().size > context.log().signed.size)
  t.match(await codeOf(publish()), /^(?:store_failed|not_ready)$/)
  held.fails = false
  await federation.until('it is well again', () => federation.alarms().length === 0)
  const receipt = await publish()
  t.same(await publish(), receipt)
  t.equal(context.log().signed.size, context.log().size)
})
