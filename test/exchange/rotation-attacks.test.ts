/** What is tried with a frozen log, its old key and its successor, and who notices. */
import t from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { systemRandom } from '../../src/base/random.ts'
import { limits } from '../../src/base/limits.ts'
import { bodyRoot, encodeBody } from '../../src/batch/body.ts'
import { finalSize } from '../../src/witness/cosigned.ts'
import { cosignChild, witnessState } from '../../src/witness/cosigning.ts'
import { nextStatement, setMemberStatus } from '../../src/members/members.ts'
import { rootOfLeaves } from '../../src/merkle/hash.ts'
import { signCheckpoint } from '../../src/note/checkpoint.ts'
import { generateSigner } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import type { Node } from '../../src/node/node.ts'
import { addCheckpoint } from '../../src/service/witness-http.ts'
import { signFreeze } from '../../src/topology/freeze.ts'
import { formatStatement, type MemberStatement } from '../../src/topology/member.ts'
import { codeOf, findings, forge } from '../support/checks.ts'
import { industryRecord } from '../support/records.ts'
import { packed, Rogue } from '../support/rogue.ts'
import { alarmOf, startLying, VICTIM, WITNESS } from '../support/lies.ts'
import { CITY, COUNTY, federationOf, has, PROVINCE, send, well } from '../support/recovery.ts'
import { ACT, inEpoch, rotate, succeeded } from '../support/rotation.ts'
import type { TestFederation } from '../support/federation.ts'
import { doorOf } from '../support/doors.ts'

t.setTimeout(0)

async function evidence(federation: TestFederation, node: string, name: string): Promise<string[]> {
  const folder = federation.folderOf(node)
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.includes(name))
  return Promise.all(files.map((file) => readFile(`${folder}/${file}`, 'utf8')))
}

/** The loops that wait for news get an answer. */
function told(node: Node): true {
  node.context.changes.announce(['log', 'receipts'])
  return true
}

t.test('a child that lies about its end', async (t) => {
  const federation = await federationOf(t, [PROVINCE])
  await federation.init({ id: '330900', tier: 'city', parent: '330000', divisions: ['330900'] })
  const rogue = await Rogue.at(federation, '330900', '330000')
  t.teardown(() => rogue.close())
  const province = federation.node('330000').context
  const log = `${rogue.name}/1`
  const fresh = {
    note: generateSigner(rogue.name, 'ed25519'),
    cosign: generateSigner(rogue.name, 'cosignature'),
  }
  const leaves = ['a', 'b', 'c', 'd'].map((text) => Buffer.from(text.padEnd(32, '.')))
  const tree = (size: number, signer = rogue.keys.note) =>
    signCheckpoint(
      { origin: log, size: BigInt(size), root: rootOfLeaves(Buffer.concat(leaves.slice(0, size))) },
      signer,
    )
  const root = (size: number): Uint8Array => rootOfLeaves(Buffer.concat(leaves.slice(0, size)))
  const draft = (changed: Partial<MemberStatement> = {}): MemberStatement => ({
    ...nextStatement(province.ledger().federation.member('330900')!),
    epoch: 2,
    noteVkey: fresh.note.vkey,
    cosignVkey: fresh.cosign.vkey,
    ...ACT,
    frozen: { size: 3n, root: root(3) },
    ...changed,
  })
  const renew = (statement: MemberStatement, signers = [rogue.keys.note, fresh.note]) =>
    codeOf(
      rogue.calls.renew(
        { renewal: signNote(formatStatement(statement), signers) },
        { timeoutMs: 20_000 },
      ),
    )
  const cosign = (size: number, oldSize: bigint, consistency: Uint8Array[] = []) =>
    codeOf(
      rogue.calls.witness({ checkpoint: tree(size), oldSize, consistency }, { timeoutMs: 20_000 }),
    )
  const freeze = (size: bigint, changed: { log?: string } = {}) =>
    rogue.forge([signFreeze({ log, size, ...ACT, ...changed }, rogue.keys.note)], ['**'], {
      kind: 'freeze',
      item: undefined,
      batchClass: 'control',
    })

  await t.test('begins no epoch before a final entry came', async (t) => {
    t.equal(await cosign(3, 0n), '')
    t.equal(await renew(draft()), 'argument_invalid')
  })
  await t.test(
    'is refused a final entry of another log, or one that is not signed with its key',
    async (t) => {
      t.equal(
        (await rogue.send(packed(freeze(3n, { log: 'zj.example/330000/1' })))).code,
        'statement_invalid',
      )
      const body = encodeBody([signFreeze({ log, size: 3n, ...ACT }, fresh.note)], systemRandom)
      const forged = rogue.forge([new Uint8Array(1)], ['**'], {
        kind: 'freeze',
        item: undefined,
        batchClass: 'control',
        records: 1,
        root: bodyRoot(body),
      })
      t.equal(
        (await rogue.send({ header: forged.batch.note, body: body.bytes })).code,
        'statement_invalid',
      )
      t.equal(province.ledger().frozen.size, 0)
    },
  )
  await t.test(
    'begins no epoch with one signature, nor from another tree than was cosigned',
    async (t) => {
      t.equal((await rogue.send(packed(freeze(3n)))).code, '')
      t.equal(
        await renew(draft(), [rogue.keys.note]),
        'statement_invalid',
        'with the old key alone',
      )
      t.equal(await renew(draft(), [fresh.note]), 'signature_invalid', 'with the new key alone')
      t.equal(
        await renew(draft(), [rogue.keys.note, generateSigner(rogue.name, 'ed25519')]),
        'statement_invalid',
        'with another key than it names',
      )
      t.equal(
        await renew(draft({ frozen: { size: 2n, root: root(2) } })),
        'argument_invalid',
        'of another size than its final entry says',
      )
      t.equal(
        await renew(draft({ frozen: { size: 3n, root: root(4) } })),
        'log_forked',
        'with another root',
      )
      t.ok(alarmOf(federation, '330000', /frozen_child zj\.example\/330900: .* another tree/))
      t.equal(province.ledger().federation.member('330900')!.epoch, 1)
    },
  )
  await t.test(
    'gets no cosignature beyond its final entry, over the link or over HTTP',
    async (t) => {
      t.equal(await cosign(4, 3n, [leaves[3]!]), 'log_forked')
      t.ok(alarmOf(federation, '330000', /over 4 entries is signed, and that log was frozen at 3/))
      const http = await addCheckpoint(province, Buffer.concat([Buffer.from('old 3\n\n'), tree(4)]))
      t.equal(http.status, 422)
      t.equal((await witnessState(province, log))!.size, 3n)
    },
  )
  await t.test(
    'then tells the truth and goes on; its old key is good for nothing new',
    async (t) => {
      t.equal(await renew(draft()), '')
      t.equal(await renew(draft()), '', 'asked again, it is answered the same')
      const { periods } = province.ledger()
      const late = Date.now() + limits.clockOffsetMsMax + 60_000
      t.match(
        [periods.lapse(rogue.name, 1, late), periods.lapse(rogue.name, 2, late)],
        [/epoch 1 of zj\.example\/330900 ended/, undefined],
        'what it seals with it is not taken',
      )
      t.equal(await cosign(4, 3n, [leaves[3]!]), 'log_forked')
      t.equal(await cosign(3, 3n), '', 'the last tree of the frozen log is cosigned as before')
      const http = await addCheckpoint(province, Buffer.concat([Buffer.from('old 3\n\n'), tree(3)]))
      t.equal(http.status, 200, 'over HTTP too')
      // The successor is to be seen to go on from the frozen tree.
      const successor = (size: number, changed = {}) =>
        signCheckpoint(
          { origin: `${rogue.name}/2`, size: BigInt(size), root: root(size), ...changed },
          fresh.note,
        )
      const ask = (checkpoint: Uint8Array, oldSize: bigint, consistency: Uint8Array[] = []) =>
        cosignChild(province, rogue.name, { checkpoint, oldSize, consistency, broughtBy: 'child' })
      t.same(await ask(successor(4), 0n), { knownSize: 3n }, 'it begins where the frozen one ended')
      t.equal(
        await codeOf(ask(successor(4, { root: createHash('sha256').digest() }), 3n, [leaves[3]!])),
        'proof_invalid',
        'another tree',
      )
      const proof = [leaves[2]!, leaves[3]!, rootOfLeaves(Buffer.concat(leaves.slice(0, 2)))]
      t.match(await ask(successor(4), 3n, proof), { line: /^— zj\.example\/330000 / })
    },
  )
  t.same(await findings(federation), [])
})

t.test('a parent that goes on after its end', async (t) => {
  const { federation, lies } = await startLying(t, 'disk')
  const node = federation.node('330000')
  const { noteSigner, self } = node.context
  const { origin } = node.context.log()
  const tree = await node.rotation.freeze(ACT, { kind: 'self' })
  await federation.until(
    'the victim knows the end',
    () => federation.node(VICTIM).context.ledger().frozen.get(origin) === tree.size,
  )
  await federation.until('both children cosigned it', async () =>
    (
      await Promise.all(
        [WITNESS, VICTIM].map(
          async (id) =>
            (await witnessState(federation.node(id).context, origin))?.size === tree.size,
        ),
      )
    ).every(Boolean),
  )
  const leaves = await node.context.log().leafHashes(0n, tree.size)

  await t.test(
    'is found out when its frozen log grows: evidence is kept, and nothing more is taken',
    async (t) => {
      const more = Buffer.alloc(32, 9)
      lies.tell('readLog', (answer, request) =>
        request.start !== tree.size
          ? answer
          : {
              ...answer,
              leafHashes: more,
              checkpoint: signCheckpoint(
                { origin, size: tree.size + 1n, root: rootOfLeaves(Buffer.concat([leaves, more])) },
                noteSigner,
              ),
            },
      )
      await federation.until(
        'the victim says so',
        () =>
          told(node) &&
          alarmOf(
            federation,
            VICTIM,
            /parent_log: the parent shows \d+ entries of .*, which was frozen at/,
          ),
      )
      const [text] = await evidence(federation, VICTIM, 'frozen-')
      t.match(text, /ended with its final entry, number \d+, and signed a tree of/)
      t.equal(
        (await witnessState(federation.node(VICTIM).context, origin))!.size,
        tree.size,
        'it is not cosigned',
      )
      lies.stop()
      await federation.until(
        'the truth is taken again',
        () => federation.node(WITNESS).alarms.list().length === 0,
      )
    },
  )

  await t.test('is found out when the next epoch names another end', async (t) => {
    const fresh = generateSigner(self, 'ed25519')
    const member = federation.node(VICTIM).context.ledger().federation.member('330000')!
    const statement = signNote(
      formatStatement({
        ...nextStatement(member),
        epoch: 2,
        noteVkey: fresh.vkey,
        cosignVkey: generateSigner(self, 'cosignature').vkey,
        ...ACT,
        frozen: { size: tree.size, root: Buffer.alloc(32, 5) },
      }),
      [noteSigner, fresh],
    )
    lies.tell('recall', (answer) => ({
      ...answer,
      logOrigin: `${self}/2`,
      statements: [...answer.statements, statement],
    }))
    lies.tell('readLog', (answer) => ({
      ...answer,
      leafHashes: new Uint8Array(),
      checkpoint: signCheckpoint({ origin: `${self}/2`, size: tree.size, root: tree.root }, fresh),
    }))
    await federation.node(VICTIM).close()
    await federation.startNode(VICTIM)
    await federation.until(
      'the victim says so',
      () =>
        told(node) &&
        alarmOf(
          federation,
          VICTIM,
          /330000\/2 does not go on from the tree of \d+ entries at which .*\/1 was frozen/,
        ),
    )
    t.match(
      (await evidence(federation, VICTIM, 'successor-'))[0],
      /was frozen at \d+ entries with the root 0505/,
    )
    t.equal(await witnessState(federation.node(VICTIM).context, `${self}/2`), undefined)
    lies.stop()
  })
})

t.test(
  "a batch of the closed epoch is taken from nobody: not from the parent's new log either",
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
    const old = federation.node('330000').context
    const tree = await rotate(federation, '330000')
    await inEpoch(federation, '330000', 2)
    await send(federation, '330000', '330100', 'new')
    await federation.until('it is there', () => has(federation, '330100', 'new'))
    const city = federation.node('330100').context
    const forged = forge(city, [industryRecord(1, { prefix: 'old' })], ['330100'], {
      origin: old.self,
      epoch: 1,
      signer: old.noteSigner,
    })
    const source = {
      kind: 'parent',
      log: `${old.self}/2`,
      index: tree.size + 1n,
      leaf: new Uint8Array(32),
    } as const
    const inbound = {
      header: forged.batch.note,
      body: forged.body.bytes,
      judged: '2026-11-23T01:14:08Z zj.example/330000',
    }
    t.equal(await codeOf(doorOf(city).accept({ ...inbound, source })), 'log_forked')
    t.equal(
      await codeOf(
        doorOf(city).accept({ ...inbound, source: { ...source, index: tree.size - 1n } }),
      ),
      '',
      'before the end it may stand',
    )
    await well(federation)
  },
)

t.test(
  'a member that is suspended on the way waits, and goes on when it is active again',
  async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY])
    const set = (status: 'active' | 'suspended') =>
      setMemberStatus(federation.node('330100').context, {
        member: '330106',
        status,
        act: ACT,
        source: { kind: 'self' },
      })
    const node = federation.node('330106')
    const rotating = node.rotation.rotate(ACT, { kind: 'self' })
    await set('suspended')
    await rotating
    await federation.until(
      'it says that it waits, or is through',
      () => alarmOf(federation, '330106', /its successor waits/) || node.context.epoch === 2,
    )
    await set('active')
    await succeeded(federation, '330106')
    await federation.restart('330106')
    await inEpoch(federation, '330106', 2)
    await send(federation, '330106', '330000', 'new')
    await federation.until('it sends', () => has(federation, '330000', 'new'))
    await well(federation)
    t.ok((await finalSize(federation.node('330106').context)) > 0n)
    t.same(await findings(federation), [])
  },
)
