/** What may go wrong while a root takes back what it lost: it stops anywhere, a child lies or comes late, the disk is lost again. */
import t from 'tap'
import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HuxinError } from '../../src/base/errors.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import type { Node } from '../../src/node/node.ts'
import { parseCheckpoint, signCheckpoint } from '../../src/note/checkpoint.ts'
import { parseNote } from '../../src/note/note.ts'
import type { Store } from '../../src/store/store.ts'
import { parseStatement } from '../../src/topology/member.ts'
import { codeOf, findings, forge } from '../support/checks.ts'
import type { Place, TestFederation } from '../support/federation.ts'
import {
  accusations,
  federationOf,
  has,
  recover,
  send,
  startAt,
  well,
} from '../support/recovery.ts'
import { industryRecord } from '../support/records.ts'
import { Rogue } from '../support/rogue.ts'
import type { TestOptions, Wraps } from '../support/ports.ts'

const ROOT = '330000'
const [ONE, TWO, THREE] = ['330100', '330700', '330800'] as const
const PLACES: readonly Place[] = [
  { id: ROOT, tier: 'province', divisions: [ROOT] },
  ...[ONE, TWO, THREE].map((id): Place => ({ id, tier: 'city', parent: ROOT, divisions: [id] })),
]
const QUICK = { backoffMsMax: 100, retryMsMax: 100 }

t.setTimeout(0)

/** Everything that the root published is with its children, and they cosigned all of it. */
async function cosigned(federation: TestFederation): Promise<bigint> {
  const { context } = federation.node(ROOT)
  await federation.until('the children cosigned it', async () => {
    for (const id of [ONE, TWO, THREE])
      if ((await cosignedSize(context, federation.name(id))) !== context.log().signed.size)
        return false
    return true
  })
  return context.log().signed.size
}

/** The machine stops at a write, of the database or the checkpoint, and nothing is written any more. */
class Machine {
  stopped = false
  readonly signed: Uint8Array[] = []
  readonly #kept: boolean
  #left: number

  /** With `kept` the last write is done, and answered with an error. */
  constructor(writes: number, kept: boolean) {
    this.#left = writes
    this.#kept = kept
  }

  options(): Wraps {
    return {
      wrapStore: (store: Store): Store => ({
        ...store,
        commit: (ops, expect) => this.#write(() => store.commit(ops, expect)),
        write: (ops) => this.#write(() => store.write(ops)),
        reopen: () => (this.stopped ? refuse() : store.reopen()),
      }),
      wrapSlot: (slot: CheckpointSlot): CheckpointSlot => ({
        ...slot,
        write: (note) => {
          this.signed.push(note)
          return this.#write(() => slot.write(note))
        },
      }),
    }
  }

  async #write(write: () => Promise<void>): Promise<void> {
    if (!this.stopped && this.#left-- > 0) return write()
    if (!this.stopped && this.#kept) await write()
    this.stopped = true
    return refuse()
  }
}

function refuse(): Promise<never> {
  return Promise.reject(
    new HuxinError('store_failed', 'the disk did not write: Input/output error'),
  )
}

t.test(
  'a root that stops at any write of its recovery goes on, and signs one statement and one tree of each size',
  async (t) => {
    const federation = await federationOf(t, PLACES, QUICK)
    await cosigned(federation)
    const folder = federation.folderOf(ROOT)
    const { port } = federation.node(ROOT)
    await federation.node(ROOT).close()
    await cp(folder, `${folder}-copy`, { recursive: true })
    await startAt(federation, ROOT, port)
    await federation.until('the root may sign', () => federation.node(ROOT).state === 'serving')
    await send(federation, ROOT, '330000/**', 'all')
    await send(federation, ONE, '330000 330700', 'up')
    await federation.until(
      'it is there',
      async () =>
        (await has(federation, TWO, 'all', 'up')) &&
        (await has(federation, ROOT, 'up')) &&
        (await has(federation, ONE, 'all')) &&
        (await has(federation, THREE, 'all')),
    )
    await cosigned(federation)
    await federation.node(ROOT).close()
    await rm(folder, { recursive: true })
    await cp(`${folder}-copy`, folder, { recursive: true })
    await recover(federation, ROOT)
    const trees = new Map<bigint, string>()
    const begun = (): boolean => federation.node(ROOT).alarms.has('lost')
    let stops = 0
    for (let writes = 0; ; writes++) {
      const machine = new Machine(writes, writes % 2 === 1)
      const config = { ...federation.node(ROOT).config, listen: { host: '127.0.0.1', port } }
      const started = await federation.startNode(ROOT, { config, ...machine.options() }).then(
        (node) => node,
        (error: unknown) => {
          if (!(error instanceof HuxinError) || error.code !== 'store_failed') throw error
          return undefined
        },
      )
      if (started)
        await federation.until(
          'it stopped, or the epoch has begun',
          () => machine.stopped || begun(),
        )
      await started?.close()
      for (const note of machine.signed) {
        const { size, root } = parseCheckpoint(parseNote(note).text)
        const hash = Buffer.from(root).toString('hex')
        if ((trees.get(size) ?? hash) !== hash) t.fail(`two trees of ${size} entries were signed`)
        trees.set(size, hash)
      }
      if (!machine.stopped) break
      stops++
    }
    t.ok(stops >= 4, `it stopped ${stops} times`)
    await startAt(federation, ROOT, port)
    await federation.until('everybody follows', () =>
      [ONE, TWO, THREE].every(
        (id) => federation.node(id).context.ledger().federation.member(ROOT)?.epoch === 2,
      ),
    )
    await federation.until('all of it is back', () => has(federation, ROOT, 'all', 'up'))
    await send(federation, ROOT, '330000/**', 'new')
    await federation.until(
      'it goes on',
      async () => (await has(federation, ONE, 'new')) && (await has(federation, THREE, 'new')),
    )
    const keys = new Set(
      [ROOT, ONE, TWO, THREE].map(
        (id) => federation.node(id).context.ledger().federation.member(ROOT)!.noteVkey,
      ),
    )
    t.equal(keys.size, 1, 'one statement')
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
  },
)

t.test(
  'an old copy that went on by a false word: what is left is of a second log, which its children prove, and then all of it comes from them',
  async (t) => {
    const federation = await federationOf(t, PLACES, QUICK)
    await cosigned(federation)
    const folder = federation.folderOf(ROOT)
    const { port } = federation.node(ROOT)
    const start = (alone: boolean | bigint = false): Promise<Node> =>
      federation.startNode(ROOT, {
        alone,
        config: { ...federation.node(ROOT).config, listen: { host: '127.0.0.1', port } },
      })
    await federation.node(ROOT).close()
    await cp(folder, `${folder}-copy`, { recursive: true })
    await start()
    await federation.until('the root may sign', () => federation.node(ROOT).state === 'serving')
    for (const name of ['one', 'two', 'three']) await send(federation, ROOT, '330000/**', name)
    await federation.until('it is there', async () =>
      (
        await Promise.all([ONE, TWO, THREE].map((id) => has(federation, id, 'one', 'two', 'three')))
      ).every(Boolean),
    )
    const size = await cosigned(federation)
    for (const id of [ONE, TWO, THREE, ROOT]) await federation.node(id).close()
    await rm(folder, { recursive: true })
    await cp(`${folder}-copy`, folder, { recursive: true })
    const copy = await start(1n)
    await send(federation, ROOT, '330000/**', 'second')
    t.ok(copy.context.log().size < size)
    await copy.close()
    const { localSize } = await recover(federation, ROOT)
    t.equal(localSize, copy.context.log().size)
    const forked = await start()
    await federation.startNode(ONE)
    await federation.until('it is proved', () => forked.state === 'broken')
    t.match(
      forked.alarms.list().join(),
      new RegExp(
        `log: what is left here of zj.example/330000/1 is of another log than the ${size} entries that zj.example/${ONE} saw`,
      ),
    )
    t.equal(await codeOf(send(federation, ROOT, ONE, 'never')), 'log_forked')
    await forked.close()
    await rm(join(folder, 'data', '2', 'db'), { recursive: true })
    t.match(await recover(federation, ROOT), { newEpoch: 2, localSize: 0n })
    const root = await start()
    for (const id of [TWO, THREE]) await federation.startNode(id)
    await federation.until('the new epoch has begun', () => root.alarms.has('lost'))
    await federation.until('what its children saw is there', () =>
      has(federation, ROOT, 'one', 'two', 'three'),
    )
    t.notOk(await has(federation, ROOT, 'second'))
    await federation.restart(ROOT)
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
  },
)

t.test('a root without its database', async (t) => {
  const federation = await federationOf(t, PLACES, QUICK)
  const folder = federation.folderOf(ROOT)
  const { port } = federation.node(ROOT)
  const start = (options: TestOptions = {}): Promise<Node> =>
    federation.startNode(ROOT, {
      config: { ...federation.node(ROOT).config, listen: { host: '127.0.0.1', port } },
      ...options,
    })
  await send(federation, ROOT, '330000/**', 'all')
  await send(federation, ROOT, TWO, 'two')
  await send(federation, ONE, '330000', 'mine')
  await federation.until(
    'it is there',
    async () =>
      (await has(federation, ONE, 'all')) &&
      (await has(federation, TWO, 'all', 'two')) &&
      (await has(federation, ROOT, 'mine')),
  )
  const size = await cosigned(federation)
  for (const id of [ONE, TWO, THREE, ROOT]) await federation.node(id).close()
  await cp(folder, `${folder}-first`, { recursive: true })
  const lose = (epoch: number): Promise<void> =>
    rm(join(folder, 'data', String(epoch)), { recursive: true })
  await lose(1)

  await t.test(
    'loses the next one too, before anybody has come, and prepares the same epoch again',
    async (t) => {
      t.match(await recover(federation, ROOT), { newEpoch: 2, localSize: 0n })
      const first = await start()
      t.equal(first.state, 'starting')
      t.match(
        first.alarms.list().join(),
        /recovery: zj.example\/330000\/1 was lost from entry 0 on: epoch 2 begins when a child gave back what they have; none did/,
      )
      const vkey = first.context.noteSigner.vkey
      await first.close()
      await lose(2)
      t.equal(await codeOf(start()), 'log_behind')
      t.match(await recover(federation, ROOT), { newEpoch: 2, localSize: 0n })
      t.not((await start()).context.noteSigner.vkey, vkey, 'with other keys')
    },
  )

  await t.test('takes nothing from those who prove nothing', async (t) => {
    const root = federation.node(ROOT)
    const rogue = await Rogue.at(federation, THREE, ROOT)
    t.teardown(() => rogue.close())
    const { note } = rogue.keys
    // A larger tree, which this root did not sign.
    const signed = signCheckpoint(
      { origin: `${federation.name(ROOT)}/1`, size: size + 100n, root: new Uint8Array(32) },
      note,
    )
    const answer = await rogue.calls.recall(
      {
        protocol: 1000,
        logOrigin: `${rogue.name}/1`,
        parentCheckpoint: signed,
        parentStatements: [signed],
        givesBack: true,
      },
      { timeoutMs: 10_000 },
    )
    t.match(answer.lost, { log: `${federation.name(ROOT)}/1`, size: 0n, waiting: true })
    t.equal(
      await codeOf(
        rogue.calls.recall({ protocol: 1000, logOrigin: `${rogue.name}/1` }, { timeoutMs: 10_000 }),
      ),
      'not_ready',
      'a program that gives nothing back is told to come later',
    )
    const give = (
      request: Parameters<typeof rogue.calls.giveBack>[0],
    ): ReturnType<typeof rogue.calls.giveBack> =>
      rogue.calls.giveBack(request, { timeoutMs: 10_000 })
    t.equal(
      await codeOf(give({ batchClass: 'normal' })),
      'role_denied',
      'who is not known gives statements and catalog alone',
    )
    t.equal(await codeOf(give({ batchClass: 'control', end: true })), 'role_denied')
    t.equal(
      await codeOf(give({ batchClass: 'control', offered: [new Uint8Array(31)] })),
      'argument_invalid',
    )
    t.equal(
      await codeOf(give({ batchClass: 'control', offered: Array(5_000).fill(new Uint8Array(32)) })),
      'argument_invalid',
    )
    const forged = forge(root.context, [Buffer.from('x')], ['**'], {
      origin: federation.name(ROOT),
      epoch: 1,
      signer: note,
      kind: 'member',
      item: undefined,
      batchClass: 'control',
    })
    const taken = await give({
      batchClass: 'control',
      packages: [{ header: forged.batch.note, body: forged.body.bytes, judged: '' }],
    })
    t.match(taken.errorCodes, ['signature_invalid'])
    t.equal(root.context.log().size, 0n, 'nothing is logged')
  })

  await t.test(
    'begins when half of its children gave what they have, and what a late one has comes still',
    async (t) => {
      const root = federation.node(ROOT)
      await federation.startNode(ONE)
      await federation.until('one gave it', () =>
        root.alarms
          .list()
          .join()
          .includes(
            `epoch 2 begins when 2 of the 3 children gave back what they have; ${federation.name(ONE)} did`,
          ),
      )
      t.equal(root.state, 'starting')
      t.equal(await codeOf(send(federation, ROOT, ONE, 'early')), 'not_ready')
      const rogue = await Rogue.at(federation, THREE, ROOT)
      t.teardown(() => rogue.close())
      // Now it is known, and a batch of its neighbour that it never had is no more believed than before.
      const forged = forge(
        federation.node(ONE).context,
        [industryRecord(1, { prefix: 'forged' })],
        [ROOT],
        { signer: rogue.keys.note },
      )
      const { errorCodes } = await rogue.calls.giveBack(
        {
          batchClass: 'normal',
          packages: [
            {
              header: forged.batch.note,
              body: forged.body.bytes,
              judged: '2026-01-01T00:00:00.000Z zj.example/330000',
            },
          ],
        },
        { timeoutMs: 10_000 },
      )
      t.match(errorCodes, ['signature_invalid'])
      await rogue.calls.giveBack({ batchClass: 'bulk', end: true }, { timeoutMs: 10_000 })
      await federation.until('the new epoch has begun', () => root.alarms.has('lost'))
      t.match(
        parseStatement(parseNote(root.context.ledger().federation.member(ROOT)!.noteBytes).text)
          .lost,
        { from: 0n, seen: { size } },
      )
      await federation.until('all is back but what the late one has', () =>
        has(federation, ROOT, 'all', 'mine'),
      )
      t.notOk(await has(federation, ROOT, 'two'))
      await federation.startNode(TWO)
      await federation.until('that comes too', () => has(federation, ROOT, 'two'))
      await federation.startNode(THREE)
      await send(federation, ROOT, '330000/**', 'new')
      await federation.until(
        'it goes on',
        async () =>
          (await has(federation, ONE, 'new')) &&
          (await has(federation, TWO, 'new')) &&
          (await has(federation, THREE, 'new', 'all')),
      )
    },
  )

  await t.test(
    'hears from a child that it recovered once already, when a backup of before is recovered again',
    async (t) => {
      const { noteVkey } = federation.node(ROOT).context.ledger().federation.member(ROOT)!
      await federation.node(ROOT).close()
      await rename(folder, `${folder}-second`)
      await cp(`${folder}-first`, folder, { recursive: true })
      await lose(1)
      t.match(await recover(federation, ROOT), { newEpoch: 2, localSize: 0n })
      const again = await start()
      await federation.until('it is told', () => again.state === 'broken')
      t.match(
        again.alarms.list().join(),
        /the federation has epoch 2 of this node with other keys, .* restore a backup that has the keys of that epoch/,
      )
      t.equal(again.context.log().signed.size, 0n, 'nothing was signed')
      await again.close()
      await rm(folder, { recursive: true })
      await rename(`${folder}-second`, folder)
      await start()
      for (const id of [ONE, TWO, THREE])
        t.equal(federation.node(id).context.ledger().federation.member(ROOT)!.noteVkey, noteVkey)
    },
  )

  await t.test(
    'and loses that one: the third epoch begins with the first child, by the word of the operator',
    async (t) => {
      await cosigned(federation)
      for (const id of [TWO, THREE, ROOT]) await federation.node(id).close()
      await lose(2)
      t.match(await recover(federation, ROOT), { oldEpoch: 2, newEpoch: 3 })
      const root = await start({ alone: true })
      await federation.until('the new epoch has begun', () => root.alarms.has('lost'))
      t.equal(root.context.ledger().federation.member(ROOT)!.epoch, 3)
      for (const id of [TWO, THREE]) await federation.startNode(id)
      await federation.until('all of it is back', () =>
        has(federation, ROOT, 'all', 'two', 'mine', 'new'),
      )
      await send(federation, ROOT, '330000/**', 'third')
      await federation.until(
        'it goes on',
        async () =>
          (await has(federation, ONE, 'third')) &&
          (await has(federation, TWO, 'third')) &&
          (await has(federation, THREE, 'third')),
      )
      await federation.restart(ROOT)
      await well(federation)
      t.same(await accusations(federation), [])
      t.same(await findings(federation), [])
    },
  )
})
