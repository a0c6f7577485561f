/** What is durable and not yet under a signed checkpoint is answered to nobody, whoever asks, and how often. */
import t from 'tap'
import { HuxinError } from '../../src/base/errors.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import { checkAllRecords } from '../../src/verdict/check-records.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { receiptFor } from '../../src/witness/receipts.ts'
import type { Store } from '../../src/store/store.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { federationOf } from '../support/faults.ts'
import type { Place } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'

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
      if (this.fails)
        throw new HuxinError(
          'store_failed',
          'the checkpoint file did not write: Input/output error',
        )
      return slot.write(note)
    },
  })
}

t.setTimeout(0)

t.test(
  'a batch that comes again while its round is being written has the same receipt, when it is sealed',
  async (t) => {
    const federation = await federationOf(t, PLACES)
    const held = new Held()
    await federation.restart('330000', { wrapSlot: held.wrap })
    await federation.until('it serves', () => federation.node('330000').state === 'serving')
    const { context } = federation.node('330000')
    const { batch, body } = forge(
      federation.node('330100').context,
      [industryRecord(1)],
      ['330000'],
    )
    const bring = async () => {
      const { index, tree } = await doorOf(context).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'child', node: federation.name('330100') },
      })
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
  },
)

t.test(
  'a request that is repeated while its entry is durable and unsigned is not answered with it',
  async (t) => {
    const federation = await federationOf(t, PLACES.slice(0, 1))
    const held = new Held()
    await federation.restart('330000', { wrapSlot: held.wrap })
    const { context } = federation.node('330000')
    const publish = async () => {
      const { batch, index, tree } = await publishRecords(
        context,
        [industryRecord(1)],
        ['330000'],
        { requestId: 'once' },
      )
      return receiptFor(context, batch!.id, index, tree)
    }
    held.fails = true
    t.equal(await codeOf(publish()), 'store_failed')
    await federation.until(
      'the database was opened again',
      async () =>
        (await context.store.get(Buffer.of(0)).then(
          () => true,
          () => false,
        )) && context.log().size > context.log().signed.size,
    )
    t.match(await codeOf(publish()), /^(?:store_failed|not_ready)$/)
    held.fails = false
    await federation.until('it is well again', () => federation.alarms().length === 0)
    const receipt = await publish()
    t.same(await publish(), receipt)
    t.equal(context.log().signed.size, context.log().size)
  },
)

/** A write that is answered with an error and happens: it is there when the database is open again, which waits until it is told. */
class Late {
  armed = false
  readonly reopening: Promise<void>
  readonly go: () => void
  readonly #begun: () => void
  readonly #may: Promise<void>

  constructor() {
    const [reopening, begun] = signalled()
    const [may, go] = signalled()
    this.reopening = reopening
    this.go = go
    this.#begun = begun
    this.#may = may
  }

  readonly wrap = (store: Store): Store => {
    let happening: (() => Promise<void>) | undefined
    return {
      ...store,
      commit: (ops, expect) => {
        if (!this.armed) return store.commit(ops, expect)
        this.armed = false
        happening = () => store.commit(ops, expect)
        return Promise.reject(
          new HuxinError('store_failed', 'the database did not write: Input/output error'),
        )
      },
      reopen: async () => {
        this.#begun()
        await this.#may
        await store.reopen()
        await happening?.()
        happening = undefined
      },
    }
  }
}

/** A promise, and what resolves it. */
function signalled(): [Promise<void>, () => void] {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return [promise, resolve]
}

t.test(
  'what is looked up while a failed write is found out about is looked up again: nothing is published twice',
  async (t) => {
    const federation = await federationOf(t, PLACES.slice(0, 1))
    for (const [name, call] of [
      ['an import', { skipExisting: true }],
      ['a request', { requestId: 'once' }],
    ] as const) {
      const late = new Late()
      const [checking, checked] = [signalled(), signalled()]
      let holds = false
      await federation.restart('330000', {
        wrapStore: late.wrap,
        checkRecords: async (...args) => {
          if (holds) {
            checking[1]()
            await checked[0]
          }
          return checkAllRecords(...args)
        },
      })
      await federation.until('it serves', () => federation.node('330000').state === 'serving')
      const { context } = federation.node('330000')
      const record = industryRecord(1, { prefix: name.replaceAll(' ', '-') })
      const publish = (): Promise<string> =>
        codeOf(publishRecords(context, [record], ['330000'], call))
      late.armed = true
      // The second call comes before the first is answered, and is between its look and its commit when the state is read again.
      const first = publish()
      await late.reopening
      t.equal(await first, 'store_failed', `${name} whose write fails`)
      holds = true
      const second = publish()
      await Promise.race([checking[0], second])
      late.go()
      await federation.until('it is well again', () => federation.alarms().length === 0)
      await context.writer.save([])
      checked[1]()
      t.equal(await second, 'store_failed', `${name} that began meanwhile`)
      holds = false
      t.equal(await publish(), '')
      t.equal(
        (await findByRecordId(context, `${name.replaceAll(' ', '-')}-1`)).length,
        1,
        `${name} is there once`,
      )
    }
    t.same(await findings(federation), [])
  },
)
