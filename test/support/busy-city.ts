/**
 * A city by itself, and one of everything that it ever writes: what its departments, its county and its
 * province bring, made once and brought to as many copies of its folder as a test wants, without a network
 * and so in the same order each time.
 */
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { HuxinError, isHuxinError } from '../../src/base/errors.ts'
import { formatJudged } from '../../src/batch/entry.ts'
import { amend } from '../../src/publish/amend.ts'
import type { Context } from '../../src/commit/context.ts'
import type { SenderClaims } from '../../src/exchange/door.ts'
import { cosignedSize, keepCosignature } from '../../src/witness/cosigned.ts'
import { cosignChild } from '../../src/witness/cosigning.ts'
import { keepChildReceipt } from '../../src/witness/delivery.ts'
import { keepReceipts } from '../../src/witness/kept-receipts.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import type { Published } from '../../src/publish/publish.ts'
import { receiptFor, type StoredReceipt } from '../../src/witness/receipts.ts'
import { Scrub } from '../../src/fsck/scrub.ts'
import {
  AmendmentAction,
  AmendmentSchema,
  CatalogRecordSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import type { SignedTree } from '../../src/log/log.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { parseNote } from '../../src/note/note.ts'
import { epochFiles, loadConfig } from '../../src/node/config.ts'
import { Node } from '../../src/node/node.ts'
import type { NodeLog } from '../../src/node/node-log.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { receiptKey, tables, textKey } from '../../src/store/keys.ts'
import { type BatchClass, laneKey } from '../../src/topology/lane.ts'
import { formatReceiptNote } from '../../src/topology/receipt.ts'
import { forge, type Forged, publishRecords } from './checks.ts'
import { BODY, type Place, TestFederation } from './federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from './records.ts'
import { exchangeQuietly } from './quiet-link.ts'
import type { WritePoints } from './write-points.ts'
import { doorOf, noteNode } from './doors.ts'
import { portsOf } from './ports.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
const COUNTY: Place = { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] }
/** Admitted, and never there. */
const OTHER: Place = { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] }

const silent: NodeLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
const source = { kind: 'client', name: 'test' } as const
const act = { actor: '张三', reason: 'test', document: '测〔2026〕1号' }

/** What the city answered, and must hold to whatever happens to it. */
export interface Acknowledged {
  readonly what: string
  readonly id: Uint8Array
  readonly index: bigint
  readonly receipt: StoredReceipt
}

/** A copy of the city that runs. */
export interface City {
  readonly node: Node
  readonly acknowledged: Acknowledged[]
  /** Batch that the city's own department made first. */
  own: Uint8Array | undefined
}

/** Something that is brought to the city, and may be brought again. */
export interface Step {
  readonly name: string
  run(city: City): Promise<void>
}

/** A lane's next place, for batches that nobody logs while they are made. */
class Sender {
  readonly #context: Context
  readonly #heads = new Map<string, { number: bigint; id: Uint8Array }>()

  constructor(context: Context) {
    this.#context = context
  }

  make(
    records: readonly Uint8Array[],
    targets: readonly string[],
    {
      batchClass = 'normal',
      ...more
    }: { batchClass?: BatchClass; kind?: string; item?: string | undefined } = {},
  ): Forged {
    const { self, epoch } = this.#context
    const lanes = [...targets].sort().map((target) => {
      const lane = laneKey(self, epoch, target, batchClass)
      const head = this.#heads.get(lane) ?? this.#context.ledger().lanes.get(lane)
      return { lane, place: { target, number: head ? head.number + 1n : 0n, previous: head?.id } }
    })
    const made = forge(this.#context, records, targets, {
      lanes: lanes.map(({ place }) => place),
      batchClass,
      ...more,
    })
    for (const { lane, place } of lanes)
      this.#heads.set(lane, { number: place.number, id: made.batch.id })
    return made
  }
}

export class BusyCity {
  readonly federation: TestFederation
  readonly steps: readonly Step[]
  /** Record ids that stand at the city once when all is done. */
  readonly recordIds: readonly string[] = [
    'own-0',
    'own-2',
    'import-0',
    'twice-0',
    'up-1',
    'pulled-0',
    'down-0',
  ]
  #copies = 0

  private constructor(federation: TestFederation, steps: readonly Step[]) {
    this.federation = federation
    this.steps = steps
  }

  static async prepare(): Promise<BusyCity> {
    const federation = await TestFederation.start([PROVINCE, CITY, COUNTY], { store: 'disk' })
    await federation.init(OTHER)
    const [province, city, county] = [PROVINCE, CITY, COUNTY].map(
      ({ id }) => federation.node(id).context,
    )
    await federation.until('everybody knows everything', () =>
      [province, city, county].every(
        (context) =>
          context!.ledger().federation.member(OTHER.id) &&
          context!.ledger().catalog.item(INDUSTRY_ITEM),
      ),
    )
    await federation.until(
      'the city cosigned its county',
      async () => (await cosignedSize(county!, city!.self)) === county!.log().signed.size,
    )
    await federation.node(CITY.id).close()
    return new BusyCity(federation, await stepsOf(province!, county!))
  }

  /** The folder of a copy of the city as it was at first, or of another copy. */
  async copy(from = this.federation.folderOf(CITY.id)): Promise<string> {
    const folder = join(this.federation.folder, 'nodes', `copy${this.#copies++}`)
    await cp(from, folder, { recursive: true })
    return folder
  }

  /** Starts a copy by itself, with nobody above. */
  async start(folder: string, points?: WritePoints): Promise<City> {
    const config = await loadConfig(folder)
    const node = await Node.start({
      config: { ...config, parent: { ...config.parent!, address: '127.0.0.1:1' } },
      ...portsOf(points?.options(epochFiles(folder, 1).checkpoint) ?? {}),
      log: silent,
      alone: true,
    })
    noteNode(node)
    return { node, acknowledged: [], own: undefined }
  }

  async discard(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true })
  }

  stop(): Promise<void> {
    return this.federation.stop()
  }
}

async function acknowledge(
  city: City,
  what: string,
  { id, index, tree }: { id: Uint8Array; index: bigint; tree: SignedTree },
): Promise<void> {
  city.acknowledged.push({
    what,
    id,
    index,
    receipt: await receiptFor(city.node.context, id, index, tree),
  })
}

function publishing(name: string, publish: (city: City) => Promise<Published>): Step {
  return {
    name,
    async run(city) {
      const { batch, index, tree } = await publish(city)
      // An import may find everything there already.
      if (batch) await acknowledge(city, name, { id: batch.id, index, tree })
    },
  }
}

function accepting(name: string, inbound: SenderClaims, times = 1): Step {
  return {
    name,
    async run(city) {
      const answers = await Promise.all(
        Array.from({ length: times }, () => doorOf(city.node.context).accept(inbound)),
      )
      for (const { batch, index, tree } of answers)
        await acknowledge(city, name, { id: batch.id, index, tree })
    },
  }
}

/** A second batch with a number that the county used: it is put under quarantine, and the proof is kept. */
function forking(inbound: SenderClaims): Step {
  return {
    name: 'the county uses a number twice',
    async run({ node: { context, config } }) {
      await doorOf(context)
        .accept(inbound)
        .catch((error: unknown) => {
          if (!isHuxinError(error, 'lane_fork') && !isHuxinError(error, 'quarantined')) throw error
        })
      const files = await readdir(epochFiles(config.folder, 1).evidence).catch(() => [])
      const row = await context.store.get(textKey(tables.quarantine, 'zj.example/330106'))
      if (!row || files.length !== 1)
        throw new Error(`${row ? 'a' : 'no'} quarantine and ${files.length} files of evidence`)
    },
  }
}

async function stepsOf(province: Context, county: Context): Promise<Step[]> {
  const above = new Sender(province)
  const below = new Sender(county)
  const fromChild = ({ batch, body }: Forged): SenderClaims => ({
    header: batch.note,
    body: body.bytes,
    source: { kind: 'child', node: county.self },
  })
  const judged = formatJudged({ timeMs: province.clock.nowMs(), node: province.self })
  const records = (prefix: string, count = 2): Uint8Array[] =>
    many(count, (i) => industryRecord(i, { prefix }))
  await publishRecords(province, records('pulled'), ['330100'])
  let index = province.log().size
  const fromParent = ({ batch, body }: Forged): SenderClaims => ({
    header: batch.note,
    body: body.bytes,
    judged,
    source: {
      kind: 'parent',
      log: province.log().origin,
      index: index++,
      leaf: new Uint8Array(32).fill(1),
    },
  })
  const up = below.make(records('up'), ['330000', '330100'])
  const pass = below.make(records('pass'), ['330000'])
  const twice = below.make(records('twice', 1), ['330100'])
  const bad = below.make([Buffer.of(1)], ['330000', '330100'])
  const erase = below.make([erasure(up.batch.id)], ['**'], {
    kind: 'amendment',
    item: undefined,
    batchClass: 'amendment',
  })
  const down = above.make(records('down'), ['330100'])
  const through = above.make(records('through'), ['330106'])
  const item = { ...starterItems[0]!, edition: '2099.1' }
  const catalog = above.make(
    [
      encodeCatalogRecord(
        create(CatalogRecordSchema, { content: { case: 'item', value: item }, act }),
      ),
    ],
    ['**'],
    { kind: 'catalog', item: undefined, batchClass: 'control' },
  )
  const receipts: StoredReceipt[] = []
  for (const { batch, body } of [up, pass]) {
    const taken = await doorOf(province).accept({
      header: batch.note,
      body: body.bytes,
      judged,
      source: { kind: 'child', node: 'zj.example/330100' },
    })
    receipts.push(await receiptFor(province, batch.id, taken.index))
  }
  return [
    publishing('a department publishes', async (city) => {
      const published = await publishRecords(
        city.node.context,
        records('own', 3),
        ['330000', '330106'],
        { requestId: 'own' },
      )
      city.own = published.batch!.id
      return published
    }),
    publishing('a department imports', ({ node }) =>
      publishRecords(node.context, records('import', 1), ['330106'], {
        skipExisting: true,
        batchClass: 'bulk',
      }),
    ),
    accepting('the county brings a batch', fromChild(up)),
    accepting('the county brings one that only passes', fromChild(pass)),
    accepting('the county brings one twice at once', fromChild(twice), 2),
    accepting('the county brings one that is refused', fromChild(bad)),
    {
      name: 'the link pulls what the province has, and moves on over what it has not to push',
      run: ({ node }) =>
        exchangeQuietly(node.context, province, { pull: ['control', 'normal'], push: ['bulk'] }),
    },
    accepting('the province delivers a catalog item', fromParent(catalog)),
    accepting('the province delivers a batch', fromParent(down)),
    accepting('the province delivers one that only passes', fromParent(through)),
    publishing('the city erases a record', ({ node, own }) =>
      amend(node.context, {
        provider: BODY,
        source,
        requestId: 'erase',
        changes: [
          {
            action: 'erase',
            batchId: own!,
            position: 1,
            effectiveOn: '2026-01-05',
            basis: 'test',
            document: '',
          },
        ],
      }),
    ),
    accepting('the county erases a record', fromChild(erase)),
    {
      name: 'a member is suspended',
      run: async ({ node: { context } }) => {
        if (context.ledger().federation.member(OTHER.id)?.status !== 'suspended')
          await setMemberStatus(context, { member: OTHER.id, status: 'suspended', act, source })
      },
    },
    { name: 'heads are stated', run: ({ node }) => node.exchangeHeads() },
    { name: 'the record index catches up', run: ({ node }) => node.context.indexer.caughtUp() },
    ...(await linkSteps(province, county, receipts)),
    forking(
      fromChild(forge(county, records('fork'), ['330000'], { lanes: pass.batch.header.lanes })),
    ),
  ]
}

function erasure(batchId: Uint8Array): Uint8Array {
  return toBinary(
    AmendmentSchema,
    create(AmendmentSchema, {
      action: AmendmentAction.ERASE,
      batchId,
      index: 0,
      effectiveOn: '2026-01-05',
      basis: 'test',
      document: '-',
    }),
  )
}

/** What goes on between neighbours besides batches, and what the city does by itself. */
async function linkSteps(
  province: Context,
  county: Context,
  receipts: readonly StoredReceipt[],
): Promise<Step[]> {
  const oldSize = county.log().signed.size
  await publishRecords(county, [industryRecord(1, { prefix: 'more' })], ['330106'])
  const tree = county.log().signed
  const consistency = new Map<bigint, readonly Uint8Array[]>()
  for (let size = 1n; size <= oldSize; size++)
    consistency.set(size, await county.log().proveConsistency(size, tree.size))
  return [
    {
      name: 'the county is cosigned',
      run: async ({ node: { context } }) => {
        const asked = { checkpoint: tree.note, broughtBy: 'child' } as const
        const first = await cosignChild(context, county.self, {
          ...asked,
          oldSize: 0n,
          consistency: [],
        })
        if ('line' in first) throw new Error('the city has seen nothing of its county')
        const proof = first.knownSize === tree.size ? [] : consistency.get(first.knownSize)!
        const answer = await cosignChild(context, county.self, {
          ...asked,
          oldSize: first.knownSize,
          consistency: proof,
        })
        if (!('line' in answer)) throw new Error('the city did not cosign')
        // Persisted before it was answered.
        const again = await cosignChild(context, county.self, {
          ...asked,
          oldSize: 0n,
          consistency: [],
        })
        if (!('knownSize' in again) || again.knownSize !== tree.size)
          throw new Error('the city does not know what it cosigned')
      },
    },
    {
      name: 'the province cosigns',
      run: async ({ node: { context } }) => {
        const { note } = context.log().signed
        await keepCosignature(
          context,
          province.self,
          addSignatureLines(note, [
            cosign(parseNote(note).text, province.cosigner, 1_800_000_000n),
          ]),
        )
      },
    },
    {
      name: 'the province gives receipts',
      run: ({ node }) => keepReceipts(node.context, [{ node: province.self, receipts }], []),
    },
    {
      name: 'the county gives its receipt',
      run: async ({ node: { context } }) => {
        const { size, root } = county.log().signed
        const all = context.log().size
        await keepChildReceipt(
          context,
          county.self,
          formatReceiptNote(
            {
              from: county.self,
              log: context.log().origin,
              size: all,
              classes: { control: all, amendment: all, normal: all, bulk: all },
              own: { log: county.log().origin, size, root },
              timeMs: county.clock.nowMs(),
            },
            [county.noteSigner],
          ),
        )
      },
    },
    {
      name: 'the link pushes',
      run: async ({ node, own }) => {
        await exchangeQuietly(node.context, province, { pull: [], push: ['normal'] })
        if (own && !(await node.context.store.get(receiptKey(own, province.self))))
          throw new HuxinError('not_ready', 'what was pushed has no receipt')
      },
    },
    { name: 'what only passed is dropped', run: async ({ node }) => void (await node.sweep(0)) },
    {
      name: 'the log is read again',
      run: async ({ node }) => void (await new Scrub(node.context).run(10_000)),
    },
  ]
}
