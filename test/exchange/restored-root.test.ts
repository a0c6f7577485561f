/** A root has no parent to ask: a copy of it, older or empty, asks its children, signs nothing that forks, and says what to do. */
import t, { type Test } from 'tap'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isHuxinError } from '../../src/base/errors.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { cosignedSize } from '../../src/witness/cosigned.ts'
import type { Node } from '../../src/node/node.ts'
import { openCheckpoint } from '../../src/note/checkpoint.ts'
import { prefixRange, tables } from '../../src/store/keys.ts'
import { codeOf, findings } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { federationOf, has, send, startAt, well } from '../support/recovery.ts'

const ROOT = '330000'
const [ONE, TWO, THREE] = ['330100', '330700', '330800'] as const
const PLACES: readonly Place[] = [
  { id: ROOT, tier: 'province', divisions: [ROOT] },
  ...[ONE, TWO, THREE].map((id): Place => ({ id, tier: 'city', parent: ROOT, divisions: [id] })),
]

const ACT = { actor: '张三', reason: '换钥', document: '测〔2026〕7号' }

/** Children look for their parent again at once. */
const QUICK = { backoffMsMax: 100, retryMsMax: 100 }

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

/** A federation whose root did something after a copy of its whole folder was taken, seen by these children. */
async function copied(
  t: Test,
  seenBy: readonly string[],
): Promise<{ federation: TestFederation; port: number; size: bigint }> {
  const federation = await federationOf(t, PLACES, QUICK)
  await cosigned(federation, ONE, TWO, THREE)
  const { port } = federation.node(ROOT)
  const folder = federation.folderOf(ROOT)
  await federation.node(ROOT).close()
  await cp(folder, `${folder}-copy`, { recursive: true })
  for (const id of [ONE, TWO, THREE]) if (!seenBy.includes(id)) await federation.node(id).close()
  await startAt(federation, ROOT, port)
  await serving(federation)
  await send(federation, ROOT, seenBy.join(' '), 'later')
  await federation.until('it is there', async () =>
    (await Promise.all(seenBy.map((id) => has(federation, id, 'later')))).every(Boolean),
  )
  await cosigned(federation, ...seenBy)
  const { size } = federation.node(ROOT).context.log().signed
  await federation.node(ROOT).close()
  return { federation, port, size }
}

/** The database, the checkpoint and everything else are those of the copy. */
async function restore(federation: TestFederation, what: '' | 'keys' = ''): Promise<void> {
  const folder = federation.folderOf(ROOT)
  await rm(folder, { recursive: true })
  await cp(`${folder}-copy`, folder, { recursive: true })
  if (what === 'keys') await rm(join(folder, 'data'), { recursive: true })
}

function serving(federation: TestFederation): Promise<void> {
  return federation.until('the root may sign', () => federation.node(ROOT).state === 'serving')
}

/** Trees of the root's log that were verified anywhere below, by size: a second root hash for one is a fork. */
async function treesSeen(federation: TestFederation): Promise<Map<bigint, string>> {
  const seen = new Map<bigint, string>()
  const { verifier, origin } = federation.node(ROOT).context.log()
  for (const { context } of federation.nodes.values()) {
    for (const [, value] of await context.store
      .range(prefixRange(tables.witness))
      .catch(() => [])) {
      try {
        const { size, root } = openCheckpoint(value.subarray(40), [verifier], origin)
        const hash = Buffer.from(root).toString('hex')
        if ((seen.get(size) ?? hash) !== hash)
          throw new Error(`two trees of ${size} entries were shown`)
        seen.set(size, hash)
      } catch (error) {
        if (!isHuxinError(error)) throw error
      }
    }
  }
  return seen
}

t.test(
  'an old copy of a root, database and checkpoint, hears of it from its children before it signs',
  async (t) => {
    const { federation, port, size } = await copied(t, [ONE, TWO, THREE])
    await restore(federation)
    await startAt(federation, ROOT, port)
    const root = federation.node(ROOT)
    const before = root.context.log().signed.size
    t.ok(before < size)
    t.match(await codeOf(send(federation, ROOT, ONE, 'forked')), /^(?:not_ready|log_behind)$/)
    await federation.until('it is noticed', () => root.state === 'broken')
    t.match(
      root.alarms.list().join('\n'),
      new RegExp(
        `has seen ${size} entries of this log, there are ${before}: the database is an old copy .*restore its newest backup`,
      ),
    )
    t.equal(await codeOf(send(federation, ROOT, ONE, 'forked')), 'log_behind')
    t.equal(root.context.log().signed.size, before, 'nothing was signed')
    t.equal((await treesSeen(federation)).has(size), true)
  },
)

t.test(
  'one of its children that was there is enough, whoever comes first; the others may have seen nothing of it',
  async (t) => {
    const { federation, port } = await copied(t, [ONE, TWO])
    await federation.node(TWO).close()
    await restore(federation)
    await federation.startNode(THREE)
    await startAt(federation, ROOT, port)
    await federation.until('it is noticed', () => federation.node(ROOT).state === 'broken')
    t.equal(await codeOf(send(federation, ROOT, THREE, 'forked')), 'log_behind')
    t.notOk(await has(federation, THREE, 'forked'))
  },
)

t.test(
  'a root waits for half of the children that know its log, says so, and signs when they have come',
  async (t) => {
    const federation = await federationOf(t, PLACES, QUICK)
    await cosigned(federation, ONE, TWO, THREE)
    const { port } = federation.node(ROOT)
    for (const id of [TWO, THREE]) await federation.node(id).close()
    await federation.node(ROOT).close()
    await startAt(federation, ROOT, port)
    await federation.until('one child has come', () =>
      federation
        .alarms()
        .some(
          (line) =>
            line.startsWith(`${ROOT}: start: nothing is signed until 2 of the 3 children`) &&
            line.includes('; 1 did'),
        ),
    )
    t.equal(federation.node(ROOT).state, 'starting')
    t.match(await codeOf(send(federation, ROOT, ONE, 'early')), /^(not_ready|unconfirmed)$/)
    await federation.startNode(TWO)
    await serving(federation)
    await send(federation, ROOT, [ONE, TWO].join(' '), 'now')
    await federation.until(
      'it is there',
      async () => (await has(federation, ONE, 'now')) && (await has(federation, TWO, 'now')),
    )
    await federation.startNode(THREE)
    // Suspended children and those who were never there are not waited for.
    await setMemberStatus(federation.node(ROOT).context, {
      member: THREE,
      status: 'suspended',
      act: { actor: '张三', reason: 'test', document: '-' },
      source: { kind: 'self' },
    })
    await federation.init({ id: '330900', tier: 'city', parent: ROOT, divisions: ['330900'] })
    for (const id of [ONE, TWO]) await federation.node(id).close()
    await federation.node(ROOT).close()
    await startAt(federation, ROOT, port)
    await federation.until('it waits for one', () =>
      federation.alarms().some((line) => line.includes('until 1 of the 2 children')),
    )
    await federation.node(ROOT).close()
    const { size } = federation.node(ROOT).context.log().signed
    const start = (alone: boolean | bigint): Promise<Node> =>
      federation.startNode(ROOT, {
        alone,
        config: { ...federation.node(ROOT).config, listen: { host: '127.0.0.1', port } },
      })
    const unsaid = await start(true)
    t.equal(unsaid.state, 'starting', 'a root that was cosigned goes on at no word alone')
    t.match(
      unsaid.alarms.list().join(),
      /--alone <entries> overrides, with the number that a child cosigned/,
    )
    t.match(await codeOf(send(federation, ROOT, ONE, 'unsaid')), /^(not_ready|unconfirmed)$/)
    await unsaid.close()
    const behind = await start(size + 1n)
    t.equal(behind.state, 'broken')
    t.match(
      behind.alarms.list().join(),
      new RegExp(
        `the operator says that ${size + 1n} entries of this log were cosigned, there are ${size}`,
      ),
    )
    await behind.close()
    // What the operator answers for is not waited for.
    const alone = await start(size)
    t.equal(alone.state, 'serving')
    await send(federation, ROOT, ONE, 'alone')
    t.equal(
      await codeOf(alone.rotation.freeze(ACT, { kind: 'self' })),
      'not_ready',
      'but its log is not ended',
    )
    t.equal(await codeOf(alone.rotation.rotate(ACT, { kind: 'self' })), 'not_ready')
    await federation.startNode(ONE)
    await federation.until(
      'half of them have spoken',
      async () => (await codeOf(alone.rotation.freeze(ACT, { kind: 'self' }))) === '',
    )
  },
)

t.test(
  'an old copy that is started alone and told to rotate at once signs no second tree, also after a restart',
  async (t) => {
    const { federation, port, size } = await copied(t, [ONE, TWO, THREE])
    await restore(federation)
    const children = [ONE, TWO, THREE].map((id) => federation.node(id))
    const start = (alone: boolean | bigint): Promise<Node> =>
      federation.startNode(ROOT, {
        alone,
        config: { ...federation.node(ROOT).config, listen: { host: '127.0.0.1', port } },
      })
    for (const child of children) await child.close()
    for (const word of [true, size]) {
      const root = await start(word)
      const before = root.context.log().signed
      t.ok(before.size < size)
      const codes = await Promise.all(
        [
          root.rotation.rotate(ACT, { kind: 'self' }),
          root.rotation.freeze(ACT, { kind: 'self' }),
          send(federation, ROOT, ONE, 'forked'),
        ].map(codeOf),
      )
      t.same(
        codes.map((code) => code.replace('unconfirmed', 'not_ready')),
        Array(3).fill(word === true ? 'not_ready' : 'log_behind'),
      )
      t.same(root.context.log().signed, before, 'nothing was signed')
      await root.close()
    }
    // The operator says too little: what he answers for is signed, and the log is still not ended.
    const root = await start(1n)
    t.same(
      await Promise.all(
        [
          root.rotation.rotate(ACT, { kind: 'self' }),
          root.rotation.freeze(ACT, { kind: 'self' }),
        ].map(codeOf),
      ),
      ['not_ready', 'not_ready'],
    )
    await federation.startNode(ONE)
    await federation.startNode(TWO)
    await federation.until('they have spoken', () => root.state === 'broken')
    t.equal(await codeOf(root.rotation.rotate(ACT, { kind: 'self' })), 'log_behind')
  },
)

t.test(
  'a copy from while its log was frozen hears of the successor before it makes another',
  async (t) => {
    const federation = await federationOf(t, PLACES, QUICK)
    await cosigned(federation, ONE, TWO, THREE)
    const folder = federation.folderOf(ROOT)
    const { port } = federation.node(ROOT)
    for (const id of [ONE, TWO, THREE]) await federation.node(id).close()
    await federation.node(ROOT).rotation.rotate(ACT, { kind: 'self' })
    await federation.node(ROOT).close()
    await cp(folder, `${folder}-copy`, { recursive: true })
    await startAt(federation, ROOT, port)
    for (const id of [ONE, TWO, THREE]) await federation.startNode(id)
    await federation.node(ROOT).succeeded
    await federation.node(ROOT).close()
    await startAt(federation, ROOT, port)
    await federation.until('the children follow', () =>
      [ONE, TWO, THREE].every(
        (id) => federation.node(id).context.ledger().federation.member(ROOT)?.epoch === 2,
      ),
    )
    const after = federation.node(ROOT).context.ledger().federation.member(ROOT)!
    await federation.node(ROOT).close()
    await restore(federation)
    await startAt(federation, ROOT, port)
    const root = federation.node(ROOT)
    await federation.until('it is noticed', () => root.state === 'broken')
    t.match(
      root.alarms.list().join('\n'),
      /the federation has epoch 2 of this node, the keys here are of epoch 1: this is an old copy/,
    )
    t.equal(root.context.ledger().federation.member(ROOT)!.epoch, 1)
    t.equal(federation.node(ONE).context.ledger().federation.member(ROOT)!.noteVkey, after.noteVkey)
    t.same(
      federation.alarms().filter((line) => line.includes('statement') || line.includes('fork')),
      [],
    )
  },
)

t.test('a root that lost its database does not begin a second log with its key', async (t) => {
  const { federation, port } = await copied(t, [ONE, TWO, THREE])
  await restore(federation, 'keys')
  t.equal(await codeOf(startAt(federation, ROOT, port)), 'log_behind')
  // A copy of the keys from before the first start has no mark; its children know better.
  await rm(join(federation.folderOf(ROOT), 'keys/1/begun'))
  await rm(join(federation.folderOf(ROOT), 'data'), { recursive: true, force: true })
  await startAt(federation, ROOT, port)
  await federation.until('it is noticed', () => federation.node(ROOT).state === 'broken')
  t.match(federation.node(ROOT).alarms.list().join('\n'), /the database is an old copy/)
})

t.test('the newest copy goes on', async (t) => {
  const { federation, port } = await copied(t, [ONE, TWO, THREE])
  await startAt(federation, ROOT, port)
  await serving(federation)
  await send(federation, ROOT, THREE, 'again')
  await federation.until('it is there', () => has(federation, THREE, 'again'))
  await well(federation)
  t.same(await findings(federation), [])
})
