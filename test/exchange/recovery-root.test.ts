/** A root lost its newest entries, or its whole database: its children give back what they verified, and a signed new epoch says what was lost. */
import t, { type Test } from 'tap'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { clone, create } from '@bufbuild/protobuf'
import { formatJudged, parseEntry } from '../../src/batch/entry.ts'
import { amend } from '../../src/publish/amend.ts'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import { issueEvidence } from '../../src/rights/evidence.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { publish } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import { derivedRows, rebuildStore } from '../../src/fsck/rebuild.ts'
import { CatalogRecordSchema, GradeScaleSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import type { Node } from '../../src/node/node.ts'
import { parseNote } from '../../src/note/note.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { parseStatement } from '../../src/topology/member.ts'
import { codeOf, findings } from '../support/checks.ts'
import { BODY, type Place, type TestFederation } from '../support/federation.ts'
import {
  accusations,
  federationOf,
  has,
  recover,
  send,
  startAt,
  well,
} from '../support/recovery.ts'

const ROOT = '330000'
const [ONE, TWO, THREE, LATER] = ['330100', '330700', '330800', '330900'] as const
const COUNTY = '330106'
const PLACES: readonly Place[] = [
  { id: ROOT, tier: 'province', divisions: [ROOT] },
  ...[ONE, TWO, THREE].map((id): Place => ({ id, tier: 'city', parent: ROOT, divisions: [id] })),
  { id: COUNTY, tier: 'county', parent: ONE, divisions: [COUNTY] },
]
const QUICK = { backoffMsMax: 100, retryMsMax: 100 }
const ACT = { actor: '张三', reason: 'test', document: '测〔2026〕9号' }

t.setTimeout(0)

/** Everything of the root's log is cosigned by these children. */
function cosigned(federation: TestFederation, ...children: string[]): Promise<void> {
  const { context } = federation.node(ROOT)
  return federation.until('the children cosigned it', async () => {
    for (const id of children)
      if ((await cosignedSize(context, federation.name(id))) !== context.log().signed.size)
        return false
    return true
  })
}

/** The scale that is published after the copy was taken. */
const NEW_SCALE = clone(GradeScaleSchema, starterScales[0]!)
NEW_SCALE.version = '2099'

async function publishScale(node: Node): Promise<void> {
  const { refusal } = await publish(node.context, {
    kind: 'catalog',
    item: undefined,
    provider: BODY,
    targets: ['**'],
    batchClass: 'control',
    source: { kind: 'self' },
    records: [
      encodeCatalogRecord(
        create(CatalogRecordSchema, { content: { case: 'scale', value: NEW_SCALE }, act: ACT }),
      ),
    ],
  })
  if (refusal) throw new Error(refusal.message)
}

interface Loss {
  readonly federation: TestFederation
  readonly port: number
  /** Entries of the root's log before the loss. */
  readonly size: bigint
  /** A batch that a city handed up after the copy, and since when it was judged. */
  readonly wide: { readonly id: Uint8Array; readonly judged: string }
  /** Of a record that came after the copy. */
  readonly evidence: Uint8Array
}

/** Since when a batch is judged at the root, by its own log. */
async function judgedAtRoot(federation: TestFederation, id: Uint8Array): Promise<string> {
  const { context } = federation.node(ROOT)
  const known = await context.ledger().known(id)
  return formatJudged(parseEntry((await context.log().entry(known!.indexes[0]!))!).judged)
}

/** A federation whose root had a copy taken, went on with everything that a root does, and stopped. */
async function worked(t: Test): Promise<Loss> {
  const federation = await federationOf(t, PLACES, QUICK)
  const old = await send(federation, COUNTY, '330000 330700', 'old')
  await send(federation, ROOT, '330000/**', 'early')
  await federation.until(
    'it is there',
    async () =>
      (await has(federation, ROOT, 'old')) && (await has(federation, TWO, 'old', 'early')),
  )
  await cosigned(federation, ONE, TWO, THREE)
  const root = federation.node(ROOT)
  const { port } = root
  const folder = federation.folderOf(ROOT)
  await root.close()
  await cp(folder, `${folder}-copy`, { recursive: true })
  await startAt(federation, ROOT, port)
  await federation.until('the root may sign', () => federation.node(ROOT).state === 'serving')
  await send(federation, COUNTY, '330000 330800', 'up')
  const wide = (await send(federation, TWO, '330000/**', 'wide')).batch!
  await send(federation, ROOT, '330000/**', 'all')
  await send(federation, ROOT, '330100', 'one')
  await publishScale(federation.node(ROOT))
  await federation.add({ id: LATER, tier: 'city', parent: ROOT, divisions: [LATER] })
  await amend(federation.node(COUNTY).context, {
    provider: BODY,
    source: { kind: 'client', name: 'test' },
    changes: [
      {
        action: 'erase',
        batchId: old.batch!.id,
        position: 1,
        effectiveOn: '2026-01-01',
        basis: 'erase/test',
        document: '',
      },
    ],
  })
  await federation.until(
    'it is all there',
    async () =>
      (await has(federation, ROOT, 'up', 'wide')) &&
      (await has(federation, THREE, 'up', 'wide', 'all')) &&
      (await has(federation, ONE, 'one', 'all', 'wide')) &&
      (await has(federation, COUNTY, 'all')) &&
      [ROOT, TWO].every(
        (id) => federation.node(id).context.ledger().federation.member(LATER) !== undefined,
      ) &&
      (
        await Promise.all(
          [ROOT, TWO].map((id) => findByRecordId(federation.node(id).context, 'old-1')),
        )
      ).every((found) => found.length === 0),
  )
  // Its access record stays at the root, and is lost with it.
  const { file: evidence } = await issueEvidence(federation.node(ROOT).context, {
    wanted: { recordId: 'all-0' },
    purpose: 'judicial',
    document: '（2026）浙0106民初11号',
    caller: '张三',
  })
  await cosigned(federation, ONE, TWO, THREE, LATER)
  const { size } = federation.node(ROOT).context.log().signed
  const judged = await judgedAtRoot(federation, wide.id)
  await federation.node(ROOT).close()
  return { federation, port, size, wide: { id: wide.id, judged }, evidence }
}

async function restore(federation: TestFederation): Promise<void> {
  const folder = federation.folderOf(ROOT)
  await rm(folder, { recursive: true })
  await cp(`${folder}-copy`, folder, { recursive: true })
}

/** Everything that the root had, and both directions go on in the new epoch. */
async function isBack(
  t: Test,
  { federation, size, wide, evidence }: Loss,
  { epoch, from }: { epoch: number; from: bigint },
): Promise<void> {
  const root = federation.node(ROOT)
  await federation.until('the new epoch has begun', () => root.alarms.has('lost'), 40_000)
  const member = root.context.ledger().federation.member(ROOT)!
  t.equal(member.epoch, epoch)
  t.match(
    parseStatement(parseNote(member.noteBytes).text).lost,
    { from, seen: { size } },
    'the statement says what was lost',
  )
  t.match(
    root.alarms.list().join('\n'),
    new RegExp(`lost: entries ${from} to ${size - 1n} of zj.example/330000/${epoch - 1} were lost`),
  )
  await federation.until(
    'all of it is back',
    async () => await has(federation, ROOT, 'old', 'early', 'up', 'wide', 'all', 'one'),
    40_000,
  )
  t.equal(
    await judgedAtRoot(federation, wide.id),
    wide.judged,
    'what came again is judged as of the first time',
  )
  const ledger = root.context.ledger()
  t.ok(ledger.federation.member(LATER), 'a child that was admitted after the copy')
  t.ok(
    ledger.catalog.scale(`${NEW_SCALE.id}@${NEW_SCALE.version}`),
    'what was published of the catalog',
  )
  t.same(await findByRecordId(root.context, 'old-1'), [], 'what was erased stays erased')
  await send(federation, COUNTY, '330000 330800', 'new')
  await send(federation, ROOT, '330000/**', 'again')
  await send(federation, LATER, '330000/**', 'fresh')
  await federation.until(
    'every direction goes on',
    async () =>
      (await has(federation, ROOT, 'new', 'fresh')) &&
      (await has(federation, THREE, 'new', 'again', 'fresh')) &&
      (await has(federation, COUNTY, 'again', 'fresh')) &&
      (await has(federation, LATER, 'again')),
  )
  for (const id of [ONE, TWO, THREE, LATER])
    await federation.until(
      `${id} follows`,
      () => federation.node(id).context.ledger().federation.member(ROOT)?.epoch === epoch,
    )
  await federation.until('nothing but the loss is said', () =>
    federation.alarms().every((line) => line.startsWith(`${ROOT}: lost: `)),
  )
  t.ok(
    await has(federation, ROOT, 'old', 'early', 'up', 'wide', 'all', 'one'),
    'and nothing is twice',
  )
  const { file, roots } = await issueEvidence(root.context, {
    wanted: { recordId: 'all-1' },
    purpose: 'judicial',
    document: '（2026）浙0106民初12号',
    caller: '张三',
  })
  t.ok(
    verifyEvidence(file, roots).record?.bytes,
    'what came back is proved from the root key of before',
  )
  t.ok(verifyEvidence(evidence, roots), 'and so is evidence of before')
  await federation.restart(ROOT)
  await well(federation)
  t.same(await accusations(federation), [])
  t.same(await findings(federation), [])
  const { context } = federation.node(ROOT)
  await context.indexer.caughtUp()
  const before = await derivedRows(context.store)
  await rebuildStore(context.store, federation.node(ROOT).genesis())
  t.equal(await derivedRows(context.store), before, 'a rebuild gives the same rows')
}

t.test(
  'a restored snapshot of a root: children give back what they saw, and the new epoch says what was lost',
  async (t) => {
    const loss = await worked(t)
    const { federation, port } = loss
    await restore(federation)
    await startAt(federation, ROOT, port)
    const copy = federation.node(ROOT)
    await federation.until('it is noticed', () => copy.state === 'broken')
    const from = copy.context.log().size
    await copy.close()
    t.match(await recover(federation, ROOT), {
      oldEpoch: 1,
      newEpoch: 2,
      localSize: from,
      unsent: [],
      waitsForChildren: true,
    })
    t.equal(await codeOf(recover(federation, ROOT)), 'config_invalid', 'once is enough')
    await startAt(federation, ROOT, port)
    await isBack(t, loss, { epoch: 2, from })
  },
)

t.test(
  'a root that lost its whole database does not know its children, and has everything back from them',
  async (t) => {
    const loss = await worked(t)
    const { federation, port } = loss
    await rm(join(federation.folderOf(ROOT), 'data'), { recursive: true })
    t.equal(await codeOf(startAt(federation, ROOT, port)), 'log_behind')
    t.match(await recover(federation, ROOT), { oldEpoch: 1, newEpoch: 2, localSize: 0n })
    await startAt(federation, ROOT, port)
    await isBack(t, loss, { epoch: 2, from: 0n })
  },
)
