/** What goes on while a log is frozen, what holds after its successor has begun, and a node that stops on the way. */
import t from 'tap'
import { access, cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { verifyEvidence } from '../../src/evidence/verify.ts'
import { issueEvidence } from '../../src/rights/evidence.ts'
import { frozenAt, treeOf } from '../../src/members/freeze.ts'
import { finalSize } from '../../src/witness/cosigned.ts'
import { findBatch } from '../../src/query/query.ts'
import { newFileKey, type Secret } from '../../src/archive/file-key.ts'
import { backupFolder, restoreBackup } from '../../src/node/backup.ts'
import { checkFolder } from '../../src/node/maintenance.ts'
import { rebuildNode } from '../../src/node/setup.ts'
import { verifyConsistency } from '../../src/merkle/proof.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { parseVkey } from '../../src/note/key.ts'
import { parseNote } from '../../src/note/note.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { parseStaticPath, readStatic } from '../../src/service/static-log.ts'
import { recordAt, parseBody } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { bodyKey } from '../../src/store/keys.ts'
import { parseStatement } from '../../src/topology/member.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import type { TestFederation } from '../support/federation.ts'
import { industryRecord, many } from '../support/records.ts'
import {
  CITY,
  COUNTY,
  federationOf,
  has,
  OTHER,
  PROVINCE,
  send,
  startAt,
  well,
} from '../support/recovery.ts'
import { ACT, inEpoch, rotate, succeeded } from '../support/rotation.ts'

t.setTimeout(0)

const evidenceOf = async (
  federation: TestFederation,
  id: string,
  recordId: string,
): Promise<Uint8Array> =>
  (
    await issueEvidence(federation.node(id).context, {
      wanted: { recordId },
      purpose: 'judicial',
      document: '（2026）浙01民初1号',
      caller: '张三',
    })
  ).file

t.test('a frozen log takes nothing, answers everything, and is frozen once', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
  const { batch } = await send(federation, '330100', '330000', 'before')
  const node = federation.node('330100')
  const { context } = node
  const log = context.log().origin
  const [tree, again] = await Promise.all([
    node.rotation.freeze(ACT, { kind: 'self' }),
    node.rotation.freeze({ ...ACT, reason: 'again' }, { kind: 'self' }),
  ])
  t.same([again.size, again.root], [tree.size, tree.root])
  t.equal(frozenAt(context), tree.size)
  t.equal((await node.rotation.freeze(ACT, { kind: 'self' })).size, tree.size, 'nor later')
  const { header } = parseHeaderNote(
    parseEntry((await context.log().entry(tree.size - 1n))!).header,
  )
  t.match(header, { kind: 'freeze', origin: context.self, epoch: 1, batchClass: 'control' })
  t.equal(await codeOf(send(federation, '330100', '330000', 'after')), 'log_frozen')
  await send(federation, '330106', '330000', 'below')
  await send(federation, '330000', '330106', 'above')
  await federation.until(
    'the last tree is final',
    async () => (await finalSize(context)) === tree.size,
  )
  await federation.until(
    'it says so',
    () =>
      node.state === 'degraded' && node.alarms.list().some((line) => line.startsWith('frozen: ')),
  )
  t.equal(context.log().size, tree.size)
  const index = (await findBatch(context, batch!.id))!.indexes[0]!
  verifyTlogProof({
    proofBytes: await context.log().prove(index),
    leaf: (await context.log().entry(index))!,
    origin: log,
    logVerifier: context.log().verifier,
  })
  t.equal(
    await codeOf(evidenceOf(federation, '330100', 'before-0')),
    'log_frozen',
    'evidence is issued by a log that goes on: the issue is logged in it',
  )
  // Later the operator wants a successor after all.
  await rotate(federation, '330100')
  await inEpoch(federation, '330100', 2)
  await federation.until(
    'what waited has gone both ways',
    async () =>
      (await has(federation, '330000', 'below')) && (await has(federation, '330106', 'above')),
  )

  await t.test(
    'the frozen log goes on being served: checkpoint, tiles, entries, proofs',
    async (t) => {
      const { context: now } = federation.node('330100')
      const read = async (path: string): Promise<Uint8Array | undefined> =>
        (await readStatic(now, parseStaticPath(path)!))?.bytes
      const note = (await read('/1/checkpoint'))!
      t.equal(openCheckpoint(note, [context.log().verifier], log).size, tree.size)
      t.ok(
        parseNote(note).signatures.some(({ name }) => name === 'zj.example/330000'),
        'cosigned by the parent',
      )
      const width = Number(tree.size)
      t.equal((await read(`/1/tile/0/000.p/${width}`))!.length, width * 32)
      t.ok(await read(`/1/tile/entries/000.p/${width}`))
      t.equal(await read(`/1/tile/0/000.p/${width + 1}`), undefined, 'nothing beyond its end')
      t.ok(await read(`/tile/0/000.p/${width + 1}`), 'which the present log has')
      t.ok(await read('/2/checkpoint'))
      t.equal(await read('/3/checkpoint'), undefined)
      const old = await treeOf(now, log)
      const proofBytes = await now.log().prove(index, old)
      verifyTlogProof({
        proofBytes,
        leaf: (await now.log().entry(index))!,
        origin: log,
        logVerifier: parseVkey(old.vkey),
      })
    },
  )

  await t.test('an auditor walks from one log to the next', async () => {
    const { context: now } = federation.node('330100')
    const first = now.log()
    // The first entry of the new log names the end of the old one.
    const entry = parseEntry((await first.entry(tree.size))!)
    const statement = parseStatement(
      parseNote(recordAt(parseBody((await now.store.get(bodyKey(tree.size)))!), 0)!).text,
    )
    t.match(parseHeaderNote(entry.header).header, { kind: 'member', epoch: 2 })
    t.equal(statement.frozen!.size, tree.size)
    t.same(statement.frozen!.root, tree.root)
    const { size, root } = first.signed
    verifyConsistency({
      oldSize: tree.size,
      newSize: size,
      oldRoot: tree.root,
      newRoot: root,
      proof: await first.proveConsistency(tree.size, size),
    })
  })
  await well(federation)
  t.same(await findings(federation), [])
})

t.test(
  'evidence of before and after the root changed its key, twice, follows from the first root key',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
    const roots = federation
      .node('330000')
      .context.ledger()
      .federation.anchors.map(({ vkey }) => vkey)
    await send(federation, '330106', '330000', 'early')
    await federation.until('it is up', () => has(federation, '330000', 'early'))
    await federation.until(
      'it is final',
      async () =>
        (await finalSize(federation.node('330000').context)) ===
        federation.node('330000').context.log().size,
    )
    const before = await evidenceOf(federation, '330000', 'early-0')
    for (const epoch of [2, 3]) {
      await rotate(federation, '330000')
      await inEpoch(federation, '330000', epoch)
    }
    await send(federation, '330106', '330000', 'late')
    await federation.until('it is up', () => has(federation, '330000', 'late'))
    await federation.until(
      'it is final',
      async () =>
        (await finalSize(federation.node('330000').context)) ===
        federation.node('330000').context.log().size,
    )
    await federation.confirmed()
    t.match(
      verifyEvidence(before, roots),
      { logs: [{ log: 'zj.example/330000/1' }] },
      'what was issued before stands',
    )
    const old = verifyEvidence(await evidenceOf(federation, '330000', 'early-0'), roots)
    t.match(
      old,
      { header: { epoch: 1 }, logs: [{ log: 'zj.example/330000/3' }] },
      'an old record is in the log that goes on',
    )
    const late = verifyEvidence(await evidenceOf(federation, '330000', 'late-0'), roots)
    t.match(late, { issuance: { epoch: 3 }, logs: [{ log: 'zj.example/330000/3' }] })
    t.ok(late.logs[0]!.cosigners.length > 0)
    verifyEvidence(await evidenceOf(federation, '330106', 'early-0'), roots)
    verifyEvidence(await evidenceOf(federation, '330106', 'late-0'), roots)
    // Its own key changes too: the origin's chain has two keys then.
    await rotate(federation, '330106')
    await inEpoch(federation, '330106', 2)
    await send(federation, '330106', '330000', 'last')
    await federation.until('it is up', () => has(federation, '330000', 'last'))
    await federation.confirmed()
    for (const name of ['early', 'late', 'last'])
      t.match(verifyEvidence(await evidenceOf(federation, '330106', `${name}-0`), roots), {
        header: { epoch: name === 'last' ? 2 : 1 },
      })

    await t.test('a member that joins now follows from the key that was pinned first', async () => {
      await federation.add(OTHER)
      await federation.until(
        'it is in',
        () =>
          federation.node('330110').state === 'serving' &&
          federation.node('330110').context.ledger().federation.member('330110') !== undefined,
      )
      await send(federation, '330000', '330110', 'welcome')
      await federation.until('it gets what is for it', () => has(federation, '330110', 'welcome'))
    })
    await well(federation)
    t.same(await findings(federation), [])
  },
)

t.test(
  'a node that stops between freeze and successor goes on at its next start, wherever it stopped',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
    const folder = federation.folderOf('330106')
    const there = (...path: string[]): Promise<boolean> =>
      access(join(folder, ...path)).then(
        () => true,
        () => false,
      )
    await send(federation, '330106', '330106 330000', 'one')

    await t.test('after the final entry', async (t) => {
      const node = federation.node('330106')
      await node.rotation.rotate(ACT, { kind: 'self' })
      await node.close()
      t.equal(await there('keys', '2'), false)
      await federation.startNode('330106')
      await succeeded(federation, '330106')
    })
    await t.test('with its keys in place and its database not', async (t) => {
      await federation.node('330106').close()
      t.same(
        [
          await there('keys', '2', 'transition.json'),
          await there('data', '1', 'db'),
          await there('data', '2', 'db'),
        ],
        [true, true, false],
      )
      await federation.startNode('330106')
      await inEpoch(federation, '330106', 2)
      t.same([await there('data', '1', 'db'), await there('data', '2', 'db')], [false, true])
    })
    await t.test('with an answer of the parent that was lost', async (t) => {
      const node = federation.node('330106')
      await federation.until('the link stands', () => node.uplink?.state === 'connected')
      await node.rotation.rotate(ACT, { kind: 'self' })
      await succeeded(federation, '330106')
      await node.close()
      // As if the rename had never happened.
      await cp(join(folder, 'keys', '3'), join(folder, 'keys', 'next'), { recursive: true })
      await rm(join(folder, 'keys', '3'), { recursive: true })
      await rm(join(folder, 'keys', 'next', 'transition.json'))
      await federation.startNode('330106')
      t.equal(federation.node('330106').context.epoch, 2)
      await succeeded(federation, '330106')
      await federation.restart('330106')
      await inEpoch(federation, '330106', 3)
    })
    await t.test('and nothing is lost or twice', async () => {
      await send(federation, '330106', '330106 330000', 'two')
      await federation.until(
        'it goes on',
        async () =>
          (await has(federation, '330000', 'one', 'two')) &&
          (await has(federation, '330106', 'one', 'two')),
      )
      await well(federation)
      t.same(await findings(federation), [])
    })
  },
)

t.test('what the parent refuses after the log was frozen is logged by its successor', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY])
  await federation.add(COUNTY, { checkRecords: () => [] })
  await federation.until(
    'it knows itself',
    async () => (await codeOf(send(federation, '330106', '330106', 'first'))) === '',
  )
  const { port } = federation.node('330100')
  await federation.node('330100').close()
  const { context, rotation } = federation.node('330106')
  const bad = await publishRecords(
    context,
    [industryRecord(1, { prefix: 'bad', grade: 'Z' })],
    ['330000'],
  )
  await publishRecords(
    context,
    many(3, (i) => industryRecord(i, { prefix: 'good' })),
    ['330000'],
  )
  await rotation.freeze(ACT, { kind: 'self' })
  t.equal(
    await codeOf(rotation.rotate(ACT, { kind: 'self' })),
    'parent_unreachable',
    'no successor is begun without the parent',
  )
  await startAt(federation, '330100', port)
  await federation.until(
    'the link stands',
    () => federation.node('330106').uplink?.state === 'connected',
  )
  await federation.until('what was good is up', () => has(federation, '330000', 'good'))
  await rotate(federation, '330106')
  await inEpoch(federation, '330106', 2)
  await federation.until(
    'the refusal is logged',
    async () =>
      (await findBatch(federation.node('330106').context, bad.batch!.id))?.refused === true,
  )
  const found = (await findBatch(federation.node('330106').context, bad.batch!.id))!
  t.equal(found.indexes.length, 2)
  await well(federation)
  t.same(await findings(federation), [])
})

t.test('with the same keys, then backed up, restored, checked and rebuilt', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
  await send(federation, '330106', '330106 330000', 'one')
  await federation.until('it is up', () => has(federation, '330000', 'one'))
  const vkey = federation.node('330106').context.noteSigner.vkey
  await rotate(federation, '330106', { keepKeys: true })
  await inEpoch(federation, '330106', 2)
  t.equal(federation.node('330106').context.noteSigner.vkey, vkey)
  await send(federation, '330106', '330106 330000', 'two')
  await federation.until(
    'all of it is cosigned',
    async () =>
      (await finalSize(federation.node('330106').context)) ===
      federation.node('330106').context.log().size,
  )
  await federation.node('330106').close()
  const folder = federation.folderOf('330106')
  t.same((await checkFolder(folder)).findings, [])
  const secret: Secret = { kind: 'key', bytes: new Uint8Array(32).fill(3) }
  const file = join(federation.folder, 'one.backup')
  await backupFolder(folder, file, await newFileKey(secret))
  await rm(folder, { recursive: true })
  t.same((await restoreBackup(file, folder, secret)).check.findings, [])
  t.ok((await rebuildNode(folder)) > 0n)
  await federation.startNode('330106')
  await inEpoch(federation, '330106', 2)
  t.ok(await has(federation, '330106', 'one', 'two'))
  t.equal((await treeOf(federation.node('330106').context, 'zj.example/330106/1')).vkey, vkey)
  await send(federation, '330106', '330000', 'three')
  await federation.until('it goes on', () => has(federation, '330000', 'three'))
  await well(federation)
  t.same(await findings(federation), [])
})
