/** One bit of one stored value is wrong: fsck names it, whatever the table, and the node signs nothing that its log is not. */
import t, { type Test } from 'tap'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { Level } from 'level'
import { equalBytes } from '../../src/base/bytes.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { amend } from '../../src/publish/amend.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import { findByRecordId } from '../../src/query/query.ts'
import {
  answerRecognition,
  listRecognitions,
  requestRecognition,
} from '../../src/recognition/recognize.ts'
import { SubjectSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { decodeLaneHead } from '../../src/ledger/lanes.ts'
import { appendLeaves, emptyFrontier, frontierRoot } from '../../src/merkle/frontier.ts'
import { leafHash } from '../../src/merkle/hash.ts'
import { loadConfig } from '../../src/node/config.ts'
import { checkFolder, signedLogOf, withFolder } from '../../src/node/maintenance.ts'
import { Node } from '../../src/node/node.ts'
import { rowRegister } from '../../src/node/rows.ts'
import type { NodeLog } from '../../src/node/node-log.ts'
import { indexKey, prefixRange, tables, textKey } from '../../src/store/keys.ts'
import { codeOf, findings, forge, publishRecords } from '../support/checks.ts'
import { BODY, type Place, SeededRandom, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, uscc } from '../support/records.ts'
import { doorOf } from '../support/doors.ts'
import { systemPorts } from '../../src/node/system-ports.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
/** The node in the middle has rows in every table: it has a parent, a child, and bodies that only pass. */
const MIDDLE = '330100'
const source = { kind: 'client', name: 'test' } as const
const silent: NodeLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

t.setTimeout(0)

type Rows = [Buffer, Buffer][]

/** A federation whose middle node has a row in every table, and is stopped. */
async function stopped(t: Test): Promise<TestFederation> {
  const federation = await TestFederation.start(PLACES, { store: 'disk' })
  t.teardown(() => federation.stop())
  const [province, city, county] = PLACES.map(({ id }) => federation.node(id).context)
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context, state }) => state === 'serving' && context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  const erased = await publishRecords(
    city!,
    many(3, (i) => industryRecord(i, { prefix: 'own' })),
    ['330000', '330106'],
    { requestId: 'once' },
  )
  await amend(city!, {
    provider: BODY,
    source,
    changes: [
      {
        action: 'erase',
        batchId: erased.batch!.id,
        position: 0,
        effectiveOn: '2026-01-01',
        basis: 'test',
        document: '',
      },
    ],
  })
  await publishRecords(
    county!,
    many(3, (i) => industryRecord(i, { prefix: 'up' })),
    ['330000', '330100'],
  )
  await publishRecords(
    county!,
    many(2, (i) => industryRecord(i, { prefix: 'pass' })),
    ['330000'],
  )
  await publishRecords(
    city!,
    many(70, (i) => industryRecord(i, { prefix: 'wide' })),
    ['330000'],
  )
  // As many as end a segment of the record index; those that only pass count too.
  for (let i = 0; i < 17; i++)
    await publishRecords(county!, many(1_000, industryRecord, 1_000 * i), ['330000'])
  const asked = await requestRecognition(city!, {
    holder: county!.self,
    item: INDUSTRY_ITEM,
    resultRecordId: 'up-1',
    subject: create(SubjectSchema, {
      type: SubjectType.ENTERPRISE,
      id: uscc(1),
      name: '浙江测试企业1有限公司',
    }),
    purpose: 'mutual-recognition',
    legalBasis: '省内互认办法',
    mapping: '',
    ageDaysMax: 0,
    source,
  })
  await federation.until(
    'the request is there',
    async () =>
      (await listRecognitions(county!, { requestRecordId: asked.recordId, openOnly: true }))
        .length === 1,
  )
  await answerRecognition(county!, {
    requestRecordId: asked.recordId,
    decision: 'recognized',
    conditions: '',
    validUntil: '',
    source,
  })
  await federation.until(
    'the answer is there',
    async () =>
      (await listRecognitions(city!, { requestRecordId: asked.recordId, openOnly: false }))[0]
        ?.confirmations.length === 1,
  )
  for (const id of ['330106', '330100']) await federation.node(id).exchangeHeads()
  await federation.until(
    'all of it is at the province',
    async () =>
      (await province!.ledger().known(erased.batch!.id)) !== undefined &&
      (await cosignedSize(city!, province!.self)) === city!.log().signed.size &&
      (await cosignedSize(city!, county!.self)) > 0n,
  )
  // A second batch with a number that the county used.
  const { batch, body } = forge(county!, [industryRecord(9, { prefix: 'fork' })], ['330000'], {
    lanes: [{ target: '330000', number: 0n, previous: undefined }],
  })
  t.equal(
    await codeOf(
      doorOf(city!).accept({
        header: batch.note,
        body: body.bytes,
        source: { kind: 'child', node: county!.self },
      }),
    ),
    'lane_fork',
  )
  for (const id of [MIDDLE, '330106', '330000'])
    await federation.node(id).context.indexer.caughtUp()
  t.equal(
    (await findByRecordId(city!, 'wide-69')).length,
    1,
    'a body of two pieces is divided when it is asked',
  )
  t.same(await findings(federation), [])
  await federation.node(MIDDLE).close()
  return federation
}

/** Opens the database of a stopped node without any of its rules. */
async function raw<T>(folder: string, work: (db: Level<Buffer, Buffer>) => Promise<T>): Promise<T> {
  const db = new Level<Buffer, Buffer>(join(folder, 'data', '1', 'db'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
    compression: false,
  })
  await db.open()
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}

function rowsOf(db: Level<Buffer, Buffer>, table: Uint8Array): Promise<Rows> {
  const { gte, lt } = prefixRange(table)
  return db.iterator({ gte: Buffer.from(gte), lt: Buffer.from(lt) }).all()
}

/** One bit of the value is turned, or of the key where there is no value, so that no other row has it. */
function flipped([key, value]: Rows[number], random: SeededRandom): Rows[number] {
  const into = Buffer.from(value.length > 0 ? value : key)
  const at = value.length > 0 ? random.below(into.length) : into.length - 4
  into[at] = into[at]! ^ (1 << random.below(8))
  return value.length > 0 ? [key, into] : [into, value]
}

async function replace(folder: string, [key]: Rows[number], by: Rows[number]): Promise<void> {
  await raw(folder, (db) =>
    db
      .batch()
      .del(key)
      .put(by[0], by[1])
      .write({ sync: true } as object),
  )
}

/** Rows whose value is written again all the time and says nothing. */
const probe = textKey(tables.meta, 'probe')

t.test('a bit', async (t) => {
  const federation = await stopped(t)
  const folder = federation.folderOf(MIDDLE)
  t.same((await checkFolder(folder)).findings, [], 'before')
  const rows = new Map<string, Rows>()
  await raw(folder, async (db) => {
    for (const [name, table] of Object.entries(tables))
      rows.set(
        name,
        (await rowsOf(db, table)).filter(([key]) => !equalBytes(key, probe)),
      )
  })
  t.same(
    [...rows].flatMap(([name, found]) => (found.length === 0 ? [name] : [])),
    [],
    'every table has rows',
  )
  t.same(
    [...rows].flatMap(([name, found]) =>
      found.some(([, value]) => value.length === 0) ? [name] : [],
    ),
    [],
    'and no row without a value, for each of which the engine loses memory',
  )

  await t.test('in any table is named by fsck, with its key', async (t) => {
    for (const [name, found] of rows) {
      const random = new SeededRandom(name)
      // Of the tables with rows of several kinds, each of them.
      const some = ['meta', 'state', 'lane'].includes(name)
        ? found
        : [found[0]!, found.at(-1)!, random.pick(found)]
      for (const row of some) {
        const damaged = flipped(row, random)
        await replace(folder, row, damaged)
        const { findings: said, findingsZh } = await checkFolder(folder).catch((error: Error) => ({
          findings: [error.message],
          findingsZh: ['未能检查'],
        }))
        const notChinese = findingsZh.filter((line) => !/\p{Script=Han}/u.test(line))
        if (notChinese.length > 0 || findingsZh.length !== said.length)
          t.fail('each finding has its Chinese', { notChinese })
        const named = [row[0], ...(row[1].length > 0 ? [] : [damaged[0]])].map(
          (key) => `${rowRegister.text(key)}: `,
        )
        if (!said.some((line) => named.some((begin) => line.startsWith(begin))))
          t.fail(
            `${rowRegister.text(row[0])}: ${row[1].toString('hex').slice(0, 200)} became ${damaged[1].toString('hex').slice(0, 200)}`,
            { said },
          )
        await replace(folder, damaged, row)
      }
      t.pass(name)
    }
    t.same((await checkFolder(folder)).findings, [], 'after')
  })

  await t.test('in any table does not make the node sign what its log is not', async (t) => {
    const config = await loadConfig(folder)
    const entries = rows.get('entry')!.map(([, value]) => value)
    const lane = `${config.node} 1 330106 normal`
    const head = decodeLaneHead(
      rows.get('lane')!.find(([key]) => equalBytes(key, textKey(tables.lane, lane)))![1],
    )
    for (const [name, found] of rows) {
      const random = new SeededRandom(`start ${name}`)
      for (const row of new Set([
        found[0]!,
        found.at(-1)!,
        ...found.filter(([key]) => equalBytes(key, textKey(tables.lane, lane))),
      ])) {
        const copy = join(federation.folder, 'nodes', 'copy')
        await rm(copy, { recursive: true, force: true })
        await cp(folder, copy, { recursive: true })
        await replace(copy, row, flipped(row, random))
        const code = await codeOf(startAndPublish(copy))
        t.not(code, 'not a HuxinError', `${rowRegister.text(row[0])}: ${code}`)
        const { size, after } = await withFolder(copy, async (its, open) => {
          const { signed } = await signedLogOf(its, open)
          return {
            size: signed,
            after: (
              await open.store.range({
                gte: indexKey(tables.entry, BigInt(entries.length)),
                lt: prefixRange(tables.entry).lt,
              })
            ).map(([, value]) => value),
          }
        })
        const own = after.slice(0, Math.max(0, Number(size.size) - entries.length))
        const root = frontierRoot(
          appendLeaves(
            emptyFrontier,
            Buffer.concat([...entries.slice(0, Number(size.size)), ...own].map(leafHash)),
          ),
        )
        if (!equalBytes(root, size.root))
          t.fail(
            `${rowRegister.text(row[0])}: a tree of ${size.size} entries was signed that does not extend the one of ${entries.length}`,
          )
        for (const entry of own) {
          const { header } = parseHeaderNote(parseEntry(entry).header)
          const place = header.lanes.find(({ target }) => target === '330106')
          if (header.batchClass !== 'normal' || header.origin !== config.node || !place) continue
          if (
            place.number !== head.number + 1n ||
            !equalBytes(place.previous ?? new Uint8Array(), head.id)
          )
            t.fail(
              `${rowRegister.text(row[0])}: lane number ${place.number} was signed after ${head.number}`,
            )
        }
      }
    }
  })
})

/** Starts a copy of the node by itself and lets it make a batch. */
async function startAndPublish(folder: string): Promise<void> {
  const node = await Node.start({
    config: { ...(await loadConfig(folder)), folder },
    ...systemPorts,
    log: silent,
    alone: true,
  })
  try {
    await publishRecords(node.context, [industryRecord(77, { prefix: 'new' })], ['330106'])
  } finally {
    await node.close()
  }
}
