/** A city that hands down to one of its counties what is no receipt of the nodes above it. */
import t, { type Test } from 'tap'
import { generateSigner, type Signer } from '../../src/note/key.ts'
import { findBatch } from '../../src/query/query.ts'
import { keepReceipts } from '../../src/witness/kept-receipts.ts'
import { receiptLog, receiptsOf, type StoredReceipt } from '../../src/witness/receipts.ts'
import { checkUpperReceipts } from '../../src/witness/upper-receipts.ts'
import type { Receipt } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import type { Published } from '../../src/publish/publish.ts'
import { batchClasses } from '../../src/topology/lane.ts'
import { forgedReceipt } from '../support/attacks.ts'
import { findings } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { TestFederation } from '../support/federation.ts'
import { alarmOf, Lies } from '../support/lies.ts'
import { INDUSTRY_ITEM } from '../support/records.ts'
import {
  CITY,
  COUNTY,
  loseDisk,
  OTHER,
  PROVINCE,
  recover,
  send,
  startAgain,
  well,
} from '../support/recovery.ts'
import { inEpoch, rotate } from '../support/rotation.ts'

const [NATION_NAME, PROVINCE_NAME, CITY_NAME] = [
  'zj.example/000000',
  'zj.example/330000',
  'zj.example/330100',
]
const VICTIM = COUNTY.id
const MORE_THAN_PATIENCE_MS = 700_000

t.setTimeout(0)

interface Scene {
  readonly federation: TestFederation
  readonly lies: Lies
  readonly clock: MovableClock
}

async function start(t: Test): Promise<Scene> {
  const clock = new MovableClock()
  const federation = await TestFederation.start(
    [
      { id: '000000', tier: 'nation', divisions: ['000000'] },
      { ...PROVINCE, parent: '000000' },
    ],
    { store: 'disk', clock },
  )
  t.teardown(() => federation.stop())
  const lies = new Lies(VICTIM)
  await federation.add(CITY, { wrapServices: lies.wrap })
  for (const place of [COUNTY, OTHER]) await federation.add(place)
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(({ context }) =>
      context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return { federation, lies, clock }
}

async function kept({ federation }: Scene, id: Uint8Array, node = VICTIM): Promise<string[]> {
  return (await receiptsOf(federation.node(node).context, id)).map((receipt) => receipt.node).sort()
}

/** The city changes what it hands down of one node's receipts. */
function change(
  { lies }: Scene,
  of: string,
  make: (receipt: Receipt) => Partial<StoredReceipt>,
): void {
  lies.tell('readLog', (answer) => ({
    ...answer,
    upperReceipts: answer.upperReceipts.map((receipt) =>
      receiptLog(receipt)?.node === of ? { ...receipt, ...make(receipt) } : receipt,
    ),
  }))
}

async function upwards(federation: TestFederation, name: string): Promise<Published> {
  return send(federation, VICTIM, '000000', name)
}

function replaced(bytes: Uint8Array, what: string | RegExp, by: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString().replace(what, by))
}

/** The receipt that the nation gave another batch. */
async function another({ federation }: Scene): Promise<StoredReceipt> {
  const { batch } = await upwards(federation, 'another')
  const of = async (): Promise<StoredReceipt | undefined> =>
    (await receiptsOf(federation.node('330000').context, batch!.id)).find(
      ({ node }) => node === NATION_NAME,
    )?.receipt
  await federation.until('the nation has it', async () => (await of()) !== undefined)
  return (await of())!
}

t.test('a parent that hands down false receipts of a node above it', async (t) => {
  const scene = await start(t)
  const { federation, lies, clock } = scene
  const { context } = federation.node(VICTIM)
  const nation = federation.node('000000').context
  const forge = async (
    batch: Published,
    signer: Signer,
    more: { epoch?: number; index?: number } = {},
  ): Promise<StoredReceipt> =>
    forgedReceipt({ batch: (await findBatch(context, batch.batch!.id))!.batch }, signer, {
      index: 0,
      timeMs: clock.nowMs(),
      origin: CITY_NAME,
      ...more,
    })
  const other = await another(scene)
  await federation.until(
    'the county has its receipts',
    async () => (await kept(scene, other.batchId)).length === 3,
  )

  await t.test('what is found out at once is not kept and said; the others are kept', async (t) => {
    change(scene, NATION_NAME, () => ({ entryPrefix: other.entryPrefix, proof: other.proof }))
    const { batch } = await upwards(federation, 'false')
    await federation.until('the county says so', () =>
      alarmOf(
        federation,
        VICTIM,
        /^receipts: the parent hands down receipts of nodes above it that prove nothing: .*zj\.example\/000000\/1: inclusion proof/,
      ),
    )
    await federation.until("the province's receipt is kept", async () =>
      (await kept(scene, batch!.id)).includes(PROVINCE_NAME),
    )
    t.same(await kept(scene, batch!.id), [PROVINCE_NAME, CITY_NAME])
    lies.stop()
    const next = await upwards(federation, 'true')
    await federation.until(
      'what is true is kept',
      async () => (await kept(scene, next.batch!.id)).length === 3,
    )
    t.ok(context.alarms.has('receipts'), 'the alarm stands')
    context.alarms.clear('receipts')
  })

  await t.test('each way in which a receipt is none', async (t) => {
    lies.tell('readLog', (answer, { receiptsAfter }) => ({
      ...answer,
      upperReceipts: [],
      receiptsNext: receiptsAfter,
    }))
    const published = await upwards(federation, 'withheld')
    const id = published.batch!.id
    await federation.until(
      'the city has all receipts',
      async () => (await kept(scene, id, '330100')).length === 2,
    )
    const { receipt } = (await receiptsOf(federation.node('330100').context, id)).find(
      ({ node }) => node === NATION_NAME,
    )!
    const { entryPrefix, proof } = receipt
    const table: { title: string; changed: Partial<StoredReceipt>; wrong: RegExp }[] = [
      {
        title: 'with the proof of another batch',
        changed: { proof: other.proof },
        wrong: /inclusion proof/,
      },
      {
        title: 'with another verdict',
        changed: {
          entryPrefix: replaced(
            entryPrefix,
            'accepted',
            `refused record_invalid sha256:${'0'.repeat(64)}`,
          ),
        },
        wrong: /inclusion proof/,
      },
      {
        title: 'with an earlier time',
        changed: { entryPrefix: replaced(entryPrefix, /time \d{4}/, 'time 2001') },
        wrong: /inclusion proof/,
      },
      {
        title: 'that begins in the middle of an entry',
        changed: { entryPrefix: entryPrefix.subarray(4) },
        wrong: /inclusion proof/,
      },
      {
        title: 'at another index',
        changed: { proof: replaced(proof, /index \d+/, 'index 0') },
        wrong: /inclusion proof/,
      },
      {
        title: 'with a hash left out',
        changed: { proof: replaced(proof, /(index \d+\n)[^\n]+\n/, '$1') },
        wrong: /inclusion proof has \d+ hashes/,
      },
      {
        title: 'cut off in its checkpoint',
        changed: { proof: proof.subarray(0, proof.length - 20) },
        wrong: /note/,
      },
      {
        title: 'cut off before its checkpoint',
        changed: { proof: proof.subarray(0, 60) },
        wrong: /names no batch or no log/,
      },
      {
        title: 'that is empty',
        changed: { proof: new Uint8Array(), entryPrefix: new Uint8Array() },
        wrong: /names no batch or no log/,
      },
      {
        title: 'without a batch',
        changed: { batchId: new Uint8Array(31) },
        wrong: /names no batch or no log/,
      },
      {
        title: 'of a larger tree than was signed',
        changed: { proof: replaced(proof, /(\n\n\S+\n)\d+\n/, '$1999999\n') },
        wrong: /signature/,
      },
      {
        title: 'under another key of the right name',
        changed: await forge(published, generateSigner(NATION_NAME, 'ed25519')),
        wrong: /signature/,
      },
      {
        title: "of the nation's log under the county's own key",
        changed: await forge(published, { ...context.noteSigner, name: NATION_NAME } as Signer),
        wrong: /signature/,
      },
    ]
    for (const { title, changed, wrong } of table) {
      const found = await checkUpperReceipts(context, [{ ...receipt, ...changed }])
      t.same(found.proven, [], title)
      t.same(found.unknown, [], title)
      t.match(found.wrong, [wrong], title)
    }
    t.same(
      await checkUpperReceipts(context, [other]),
      { proven: [], wrong: [], unknown: [] },
      'what is kept already is looked at no more',
    )
    const unknown: [Promise<StoredReceipt>, RegExp][] = [
      [
        forge(published, federation.node(VICTIM).context.noteSigner),
        /zj\.example\/330106 is not above/,
      ],
      [
        forge(published, federation.node(OTHER.id).context.noteSigner),
        /zj\.example\/330110 is not above/,
      ],
      [
        forge(published, generateSigner('zj.example/339999', 'ed25519')),
        /zj\.example\/339999 is not above/,
      ],
      [
        forge(published, nation.noteSigner, { epoch: 7 }),
        /epoch 7 of zj\.example\/000000 is not known/,
      ],
      [
        Promise.resolve({ ...receipt, batchId: Buffer.alloc(32, 7) }),
        /the batch is not in this log/,
      ],
    ]
    for (const [made, why] of unknown)
      t.match(await checkUpperReceipts(context, [await made]), {
        proven: [],
        wrong: [],
        unknown: [why],
      })
    t.match(await checkUpperReceipts(context, [receipt]), {
      proven: [{ node: NATION_NAME, receipts: [receipt] }],
      wrong: [],
      unknown: [],
    })
    lies.stop()
    await federation.until('what is true is kept', async () => (await kept(scene, id)).length === 3)
  })

  await t.test(
    'a receipt of a member that is not above waits, and is left out when nothing comes that says so',
    async (t) => {
      await waits(
        t,
        scene,
        (batch) => forge(batch, federation.node(OTHER.id).context.noteSigner),
        /is not above zj\.example\/330106/,
      )
    },
  )

  t.same(await findings(federation), [])
  const { batch } = await send(federation, VICTIM, VICTIM, 'here')
  await keepReceipts(
    context,
    [
      {
        node: NATION_NAME,
        receipts: [
          forgedReceipt({ batch: batch! }, generateSigner(NATION_NAME, 'ed25519'), {
            index: 0,
            timeMs: clock.nowMs(),
            origin: CITY_NAME,
          }),
        ],
      },
    ],
    [],
  )
  t.match(
    await findings(federation),
    [/^330106: receipt .*signature/],
    'fsck says which receipt proves nothing',
  )
})

/** In the place of a true receipt comes another, which is found out at once. */
async function deceived(
  t: Test,
  scene: Scene,
  make: (batch: Published) => Promise<StoredReceipt>,
  alarm: RegExp,
): Promise<void> {
  const { federation, lies } = scene
  const { batch } = await instead(scene, make)
  await federation.until('the county says so', () => alarmOf(federation, VICTIM, alarm))
  await federation.until(
    'the other is kept',
    async () => (await kept(scene, batch!.id)).length === 2,
  )
  t.ok((await kept(scene, batch!.id)).includes(CITY_NAME))
  federation.node(VICTIM).alarms.clear('receipts')
  lies.stop()
}

/** In the place of the nation's receipt comes one that nothing is known of. */
async function waits(
  t: Test,
  scene: Scene,
  make: (batch: Published) => Promise<StoredReceipt>,
  alarm: RegExp,
): Promise<void> {
  const { federation, lies, clock } = scene
  const before = federation.alarms()
  const { batch, shown } = await instead(scene, make)
  await federation.until(
    'it is asked for again',
    async () => shown() > 1 && (await kept(scene, batch!.id)).length === 2,
  )
  t.same(federation.alarms(), before, 'it may come yet')
  clock.pass(MORE_THAN_PATIENCE_MS)
  await federation.until(
    'the county says so',
    () => told(federation) && alarmOf(federation, VICTIM, alarm),
  )
  t.same(await kept(scene, batch!.id), [PROVINCE_NAME, CITY_NAME])
  lies.stop()
  federation.node(VICTIM).alarms.clear('receipts')
  const next = await upwards(federation, 'next')
  await federation.until(
    'the next are kept',
    async () => (await kept(scene, next.batch!.id)).length === 3,
  )
}

/** What waits at the city for news is answered. */
function told(federation: TestFederation): true {
  federation.node('330100').context.changes.announce([...batchClasses, 'log'])
  return true
}

let serial = 0

async function instead(
  { federation, lies }: Scene,
  make: (batch: Published) => Promise<StoredReceipt>,
): Promise<Published & { shown: () => number }> {
  let shown = 0
  let receipt: StoredReceipt | undefined
  lies.tell('readLog', (answer, { receiptsAfter }) => {
    // Until the false one is made nothing is handed down.
    if (!receipt) return { ...answer, upperReceipts: [], receiptsNext: receiptsAfter }
    const place = receiptLog(receipt)!.node === PROVINCE_NAME ? PROVINCE_NAME : NATION_NAME
    const at = answer.upperReceipts.findIndex((one) => receiptLog(one)?.node === place)
    if (at >= 0) shown++
    return at < 0
      ? answer
      : {
          ...answer,
          upperReceipts: answer.upperReceipts.with(at, {
            ...answer.upperReceipts[at]!,
            ...receipt,
          }),
        }
  })
  const batch = await upwards(federation, `instead${serial++}`)
  receipt = await make(batch)
  return { ...batch, shown: () => shown }
}

t.test('keys that are not known yet, and keys that were', async (t) => {
  const scene = await start(t)
  const { federation, lies, clock } = scene
  const [nation, province] = ['000000', '330000'].map(
    (id) => federation.node(id).context.noteSigner,
  ) as [Signer, Signer]
  const forge = async (
    batch: Published,
    signer: Signer,
    index: number,
    timeMs: number,
  ): Promise<StoredReceipt> =>
    forgedReceipt(
      { batch: (await findBatch(federation.node(VICTIM).context, batch.batch!.id))!.batch },
      signer,
      { index, timeMs, origin: CITY_NAME },
    )
  const early = await upwards(federation, 'early')
  await federation.until(
    'the receipts are there',
    async () => (await kept(scene, early.batch!.id)).length === 3,
  )

  await t.test('a receipt of a new epoch waits until its statement comes', async (t) => {
    let asked = 0
    lies.tell('readLog', (answer, { receiptsAfter }) => {
      if (receiptsAfter < 2n ** 62n) asked++
      return answer
    })
    lies.tell('readBodies', (answer, { batchClass, start }) =>
      batchClass === 'control' ? { ...answer, deliveries: [], next: start } : answer,
    )
    await rotate(federation, '000000')
    await federation.until(
      'the city knows',
      () => federation.node('330100').context.ledger().federation.member('000000')?.epoch === 2,
    )
    const { batch } = await upwards(federation, 'new')
    await federation.until("the city has the nation's receipt", async () =>
      (await kept(scene, batch!.id, '330100')).includes(NATION_NAME),
    )
    await federation.until(
      "the county has the province's",
      async () => (await kept(scene, batch!.id)).length === 2,
    )
    t.equal(federation.node(VICTIM).context.ledger().federation.member('000000')?.epoch, 1)
    for (const ms of [0, MORE_THAN_PATIENCE_MS]) {
      clock.pass(ms)
      const before = asked
      await federation.until('it is asked for again', () => told(federation) && asked > before)
    }
    t.same(await kept(scene, batch!.id), [PROVINCE_NAME, CITY_NAME])
    t.notOk(
      federation.node(VICTIM).alarms.has('receipts'),
      'what is not read yet is no lie, however long it takes',
    )
    lies.stop()
    clock.pass(60_000)
    await federation.until('it is kept', async () => (await kept(scene, batch!.id)).length === 3)
    t.notOk(federation.node(VICTIM).alarms.has('receipts'))
    await inEpoch(federation, '000000', 2)
  })

  await t.test(
    'a receipt under the key of a frozen log is none beyond its last tree',
    async (t) => {
      const { frozen } = federation.node(VICTIM).context.ledger().federation.member('000000')!
        .epochs[0]!
      await deceived(
        t,
        scene,
        (batch) => forge(batch, nation, Number(frozen!.size), clock.nowMs()),
        /the log zj\.example\/000000\/1 was frozen at \d+ entries: the receipt's tree of \d+ is not of it/,
      )
      await deceived(
        t,
        scene,
        (batch) => forge(batch, nation, Number(frozen!.size) - 1, clock.nowMs()),
        /was frozen at/,
      )
    },
  )

  await t.test(
    'a receipt under the key of an epoch that ended otherwise is none after its end',
    async (t) => {
      const port = await loseDisk(federation, '330000')
      await recover(federation, '330000')
      await startAgain(federation, '330000', port)
      await inEpoch(federation, '330000', 2)
      await well(federation)
      clock.pass(3_600_000)
      await deceived(
        t,
        scene,
        (batch) => forge(batch, province, 0, clock.nowMs()),
        /epoch 1 of zj\.example\/330000 ended at/,
      )
    },
  )

  await t.test('a county that lost its disk has the receipts again, of every epoch', async () => {
    const port = await loseDisk(federation, VICTIM)
    await recover(federation, VICTIM)
    await startAgain(federation, VICTIM, port)
    await federation.until('they are there', async () =>
      (await kept(scene, early.batch!.id)).includes(NATION_NAME),
    )
  })

  await federation.until('every alarm is over', () => federation.alarms().length === 0)
  t.same(await findings(federation), [])
})
