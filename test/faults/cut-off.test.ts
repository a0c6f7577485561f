/** What happens to a folder before a node runs, cut off between any two of its steps, and done again. */
import t, { type Test } from 'tap'
import {
  access,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { epochFiles } from '../../src/node/config.ts'
import type { Node } from '../../src/node/node.ts'
import { initNode, joinNode } from '../../src/node/setup.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { codeOf, findings } from '../support/checks.ts'
import type { TestFederation } from '../support/federation.ts'
import {
  COUNTY,
  CITY,
  federationOf,
  has,
  loseDisk,
  PROVINCE,
  recover,
  send,
  startAgain,
  well,
} from '../support/recovery.ts'
import { ACT, succeeded } from '../support/rotation.ts'
import { type Failing, type Fault, pointName, WritePoints } from '../support/write-points.ts'
import type { TestOptions } from '../support/ports.ts'

/** Children look for their parent again at once. */
const QUICK = { backoffMsMax: 100, retryMsMax: 100 }

t.setTimeout(0)

const there = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

t.test('an init that was cut off is done again with the keys that it made', async (t) => {
  const federation = await federationOf(t, [PROVINCE])
  const folder = await mkdtemp(join(tmpdir(), 'huxin-init-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const init = (): Promise<string | undefined> =>
    initNode(folder, undefined, { clock: systemClock, random: systemRandom })
  await mkdir(federation.folderOf(CITY.id))
  await federation.writeConfig(CITY)
  await cp(join(federation.folderOf(CITY.id), 'node.yaml'), join(folder, 'node.yaml'))
  await init()
  const [key, application] = await Promise.all(
    ['keys/1/note.key', 'application.txt'].map((name) => readFile(join(folder, name), 'utf8')),
  )
  t.equal(await codeOf(init()), 'config_invalid', 'once it is done it is not done again')
  for (const lost of [
    [],
    ['application.txt'],
    ['application.txt', 'keys/next/cosign.key'],
    ['application.txt', 'keys/next/cosign.key', 'keys/subject.key'],
  ]) {
    await rename(join(folder, 'keys/1'), join(folder, 'keys/next'))
    for (const name of lost) await rm(join(folder, name))
    await writeFile(join(folder, 'keys/next/cosign.key.part'), 'torn')
    await init()
    t.equal(await readFile(join(folder, 'keys/1/note.key'), 'utf8'), key)
    if (lost.length < 2)
      t.equal(await readFile(join(folder, 'application.txt'), 'utf8'), application)
    t.notOk(await there(join(folder, 'keys/next')))
  }
})

for (const cut of ['after the parent signed', 'before the new keys are in force'] as const) {
  t.test(
    `a recovery that was cut off ${cut} is done again, in the same epoch, and takes everything back`,
    async (t) => {
      const federation = await federationOf(t, [PROVINCE, CITY, COUNTY], QUICK)
      const folder = federation.folderOf(COUNTY.id)
      await send(federation, COUNTY.id, '330000', 'up')
      await federation.until(
        'it is up, and seen',
        async () =>
          (await has(federation, '330000', 'up')) &&
          (await cosignedSize(federation.node(COUNTY.id).context, federation.name(CITY.id))) > 0n,
      )
      const port = await loseDisk(federation, COUNTY.id)
      t.match(await recover(federation, COUNTY.id), { oldEpoch: 1, newEpoch: 2 })
      await rename(join(folder, 'keys/2'), join(folder, 'keys/next'))
      if (cut === 'after the parent signed') await rm(join(folder, 'data'), { recursive: true })
      const again = await recover(federation, COUNTY.id)
      t.match(again, { oldEpoch: 1, newEpoch: 2 })
      t.ok(again.parentSize > 0n, 'what the parent saw is said again')
      t.same((await readdir(join(folder, 'keys'))).sort(), ['1', '2', 'subject.key'])
      await startAgain(federation, COUNTY.id, port)
      await federation.until('it is back', () => has(federation, COUNTY.id, 'up'))
      await send(federation, COUNTY.id, '330000', 'new')
      await federation.until('the new epoch sends', () => has(federation, '330000', 'new'))
      await well(federation)
      t.same(await findings(federation), [])
    },
  )
}

t.test('a join file that was half taken is taken again', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY])
  const folder = federation.folderOf(CITY.id)
  const answer = await readFile(join(folder, 'join.json'))
  await federation.node(CITY.id).close()
  // As after `recover --lost key` had made its keys, and join had marked the epoch.
  await rename(join(folder, 'keys/1'), join(folder, 'keys/next'))
  for (let i = 0; i < 2; i++) {
    await writeFile(join(folder, 'join.json'), 'old')
    await joinNode(folder, answer)
    t.same(await readFile(join(folder, 'join.json')), answer)
    t.ok(await there(join(folder, 'data/1/recovering')))
    t.ok(await there(join(folder, 'keys/1/note.key')))
  }
})

/** A node whose newest epoch has not begun, and how the parts of a folder get there. */
interface Unbegun {
  readonly title: string
  readonly epoch: number
  /** Entries of the tree that the first checkpoint is over. */
  readonly size: (federation: TestFederation) => bigint
  prepare(federation: TestFederation): Promise<void>
}

const UNBEGUN: readonly Unbegun[] = [
  {
    title: 'a new node',
    epoch: 1,
    size: () => 0n,
    prepare: (federation) => federation.init(COUNTY),
  },
  {
    title: 'a node that recovered',
    epoch: 2,
    size: () => 0n,
    prepare: async (federation) => {
      await federation.add(COUNTY)
      await loseDisk(federation, COUNTY.id)
      await recover(federation, COUNTY.id)
    },
  },
  {
    title: 'the successor of a frozen log',
    epoch: 2,
    size: (federation) => federation.node(COUNTY.id).context.log().signed.size,
    prepare: async (federation) => {
      const { context } = await federation.add(COUNTY)
      await federation.until(
        'it knows itself',
        () => context.ledger().federation.member(context.self) !== undefined,
      )
      await federation.node(COUNTY.id).rotation.rotate(ACT, { kind: 'self' })
      await succeeded(federation, COUNTY.id)
      await federation.node(COUNTY.id).close()
    },
  },
]

for (const unbegun of UNBEGUN) {
  t.test(`${unbegun.title} begins its log, cut off at every step`, async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY], QUICK)
    await unbegun.prepare(federation)
    const first = unbegun.size(federation)
    const folder = federation.folderOf(COUNTY.id)
    await cp(folder, `${folder}-before`, { recursive: true })
    const files = epochFiles(folder, unbegun.epoch)
    // Nobody is asked, so that each try finds the federation as the one before did.
    const start = (options: TestOptions = {}): Promise<Node> =>
      federation.startNode(COUNTY.id, { link: { backoffMsMax: 60_000 }, ...options })
    const again = async (): Promise<void> => {
      await rm(folder, { recursive: true })
      await cp(`${folder}-before`, folder, { recursive: true })
    }
    await federation.node(CITY.id).close()
    const counted = new WritePoints(undefined, /probe/)
    const began = start(counted.options(files.checkpoint))
    await began.then((node) => node.close())
    t.equal(counted.points.filter(({ what }) => what === 'checkpoint').length, 1)
    for (const point of counted.points) {
      for (const how of ['lost', 'kept', { torn: 0.5 }] as const) {
        if (typeof how === 'object' && !point.file) continue
        await again()
        await cutOff(t, { fault: { point, how, fatal: true }, first, files, start })
      }
    }
    await again()
    await withoutMark(t, { first, files, start })
  })
}

interface Beginning {
  readonly first: bigint
  readonly files: ReturnType<typeof epochFiles>
  readonly start: (options?: TestOptions) => Promise<Node>
}

/** The machine stops at a write of the first start: the second one begins the log, with the same tree. */
async function cutOff(
  t: Test,
  { fault, first, files, start }: Beginning & { fault: Fault },
): Promise<void> {
  const name = `${pointName(fault.point)}: ${howName(fault.how)}`
  const points = new WritePoints(fault, /probe/)
  await start(points.options(files.checkpoint)).then(
    (node) => node.close(),
    (error: unknown) => {
      if (!(error instanceof HuxinError) || error.code !== 'store_failed') throw error
    },
  )
  t.not(points.hit, '', name)
  if (fault.point.what === 'checkpoint')
    t.notOk(await there(files.begun), `${name}: the mark comes after the checkpoint`)
  await isBegun(t, { first, files, start }, name)
  for (const note of points.signed)
    t.match(Buffer.from(note).toString().split('\n')[1], String(first), name)
}

/** The mark is not there, torn, or lost later: it is written by whatever start finds that. Whoever loses the database after it does not begin again. */
async function withoutMark(t: Test, beginning: Beginning): Promise<void> {
  const { first, files, start } = beginning
  await writeFile(`${files.begun}.part`, 'torn')
  await isBegun(t, beginning, 'the mark was being written')
  await rm(files.begun)
  await isBegun(t, beginning, 'the mark was not written')
  // As LevelDB leaves a database whose making is cut off.
  if (first === 0n) {
    await Promise.all([rm(files.database, { recursive: true }), rm(files.checkpoint)])
    await mkdir(files.database)
    await writeFile(join(files.database, 'MANIFEST-000001'), 'torn')
  } else await rm(files.database, { recursive: true })
  t.equal(
    await codeOf(start()),
    first === 0n ? 'log_behind' : 'store_corrupt',
    'with its mark it is lost, not new',
  )
  if (first > 0n) return
  await rm(files.begun)
  await isBegun(t, beginning, 'the database was being made')
}

async function isBegun(t: Test, { first, files, start }: Beginning, name: string): Promise<void> {
  const node = await start()
  const { signed, verifier, origin } = node.context.log()
  const { size, root } = openCheckpoint(signed.note, [verifier], origin)
  t.same(
    { size, root: Buffer.from(root) },
    { size: first, root: Buffer.from(await node.context.log().root(first)) },
    name,
  )
  t.ok(await there(files.begun), `${name}: the mark is there`)
  await node.close()
}

const howName = (how: Failing): string => (typeof how === 'string' ? how : `torn at ${how.torn}`)
