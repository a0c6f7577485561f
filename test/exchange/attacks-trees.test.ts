import t from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { asBuffer } from '../../src/base/bytes.ts'
import { verifyFork } from '../../src/evidence/fork.ts'
import { keepCosignature } from '../../src/witness/cosigned.ts'
import { witnessState } from '../../src/witness/cosigning.ts'
import type { ReadLogResponse } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { rootOfLeaves } from '../../src/merkle/hash.ts'
import { openCheckpoint, signCheckpoint } from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign } from '../../src/note/cosignature.ts'
import { formatNote, parseNote } from '../../src/note/note.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { TestFederation } from '../support/federation.ts'
import { industryRecord } from '../support/records.ts'
import { Rogue } from '../support/rogue.ts'
import { alarmOf, holds, spread, startLying, VICTIM, WITNESS } from '../support/lies.ts'

async function evidence(federation: TestFederation, node: string, name: string): Promise<string[]> {
  const { folder } = federation.node(node).config
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.includes(name))
  return Promise.all(files.map((file) => readFile(`${folder}/${file}`, 'utf8')))
}

t.test('a parent that shows two trees', async (t) => {
  const { federation, lies } = await startLying(t)
  const province = federation.node('330000').context
  const victim = federation.node(VICTIM).context
  const { origin } = province.log()
  await federation.until('both children cosigned the present tree', async () =>
    (
      await Promise.all(
        [WITNESS, VICTIM].map(
          async (id) =>
            (await witnessState(federation.node(id).context, origin))?.size === province.log().size,
        ),
      )
    ).every(Boolean),
  )
  const agreed = province.log().size

  // The victim is shown a log in which one entry, of which it may know only the hash, is another.
  let leaves = Buffer.from(await province.log().leafHashes(0n, agreed))
  lies.tell('readLog', (answer, request) => {
    if (answer.leafHashes.length === 0) return answer
    const other = Buffer.from(answer.leafHashes)
    other[0]! ^= 1
    leaves = Buffer.concat([leaves.subarray(0, Number(request.start) * 32), other])
    return {
      ...answer,
      leafHashes: other,
      checkpoint: signCheckpoint(
        { origin, size: BigInt(leaves.length / 32), root: rootOfLeaves(leaves) },
        province.noteSigner,
      ),
    }
  })
  const first = await spread(federation, [WITNESS])
  await federation.until('the other child has it', () => holds(federation, WITNESS, first))
  const split = agreed + 1n
  const cosigned = async (id: string) =>
    openCheckpoint(
      (await witnessState(federation.node(id).context, origin))!.note,
      [province.log().verifier],
      origin,
    )
  await federation.until(
    'each child cosigned what it was shown',
    async () => (await cosigned(WITNESS)).size >= split && (await cosigned(VICTIM)).size >= split,
  )

  await t.test('has signed the proof against itself, one note at each child', async (t) => {
    const [one, other] = [await cosigned(WITNESS), await cosigned(VICTIM)]
    t.equal(one.size, other.size)
    t.not(Buffer.from(one.root).equals(other.root), true)
  })

  await t.test(
    'is told by the cosignature of a child, if it was not itself that signed',
    async (t) => {
      await federation.until('the province notices', () =>
        alarmOf(federation, '330000', /two_trees/),
      )
      const { note } = (await witnessState(victim, origin))!
      const line = cosign(parseNote(note).text, victim.cosigner, 1n)
      t.equal(
        await codeOf(keepCosignature(province, victim.self, addSignatureLines(note, [line]))),
        'log_forked',
      )
      const [own] = await evidence(federation, '330000', 'fork-')
      t.match(
        verifyFork(Buffer.from(own!), [province.noteSigner.vkey]),
        { log: origin, first: { size: split } },
        'and keeps the proof that its key signed another log',
      )
    },
  )

  await t.test(
    'cannot go back to the other one: both notes are kept, and nothing more is taken from it',
    async (t) => {
      lies.stop()
      const second = await spread(federation)
      await federation.until('the other child has it', () => holds(federation, WITNESS, second))
      await federation.until('the victim says so', () =>
        alarmOf(federation, VICTIM, /does not extend the one verified/),
      )
      t.equal(await holds(federation, VICTIM, second), false)
      const [text, ...more] = await evidence(federation, VICTIM, 'fork-')
      t.equal(more.length, 0)
      const shown = Buffer.from(text!)
      t.ok(
        shown.includes(asBuffer((await witnessState(victim, origin))!.note)),
        'what it had verified',
      )
      t.ok(shown.includes(parseNote(province.log().signed.note).text), 'what it is shown now')
      const proven = verifyFork(shown, [province.noteSigner.vkey])
      t.match(
        proven,
        { log: origin, first: { size: split }, keys: [province.noteSigner.vkey] },
        'anybody can check it with the root key',
      )
      t.ok(proven.second.size > split)
      t.equal(
        federation
          .node(VICTIM)
          .alarms.list()
          .filter((line) => /proves it \(huxin verify\)/.test(line)).length,
        1,
      )
      t.equal((await cosigned(VICTIM)).size, split, 'it cosigns neither')
    },
  )

  await t.test('and the other child goes on', async (t) => {
    const { batch } = await publishRecords(
      federation.node(WITNESS).context,
      [industryRecord(1, { prefix: 'on' })],
      ['330000'],
    )
    await federation.until('its batch arrives', () => holds(federation, '330000', batch!.id))
    t.same(federation.node(WITNESS).alarms.list(), [])
  })
  t.same(await findings(federation), [])
})

t.test('a checkpoint', async (t) => {
  const { federation, lies } = await startLying(t)
  const province = federation.node('330000').context
  const { origin, verifier } = province.log()
  const signed =
    (
      changed: Partial<{ origin: string; size: bigint; root: Uint8Array }>,
      signer = province.noteSigner,
    ) =>
    (note: Uint8Array) =>
      signCheckpoint({ ...openCheckpoint(note, [verifier], origin), ...changed }, signer)

  const bare = (answer: ReadLogResponse, checkpoint: Uint8Array): ReadLogResponse => ({
    ...answer,
    checkpoint,
  })
  const table: {
    title: string
    change: (answer: ReadLogResponse) => ReadLogResponse
    alarm: RegExp
  }[] = [
    {
      title: 'signed by another member',
      change: (answer) =>
        bare(answer, signed({}, federation.node(WITNESS).context.noteSigner)(answer.checkpoint)),
      alarm: /no signature by a known key/,
    },
    {
      title: 'of another log',
      change: (answer) => bare(answer, signed({ origin: `${province.self}/2` })(answer.checkpoint)),
      alarm: /is of the log zj\.example\/330000\/2/,
    },
    {
      title: 'with its signature stripped',
      change: (answer) => bare(answer, formatNote(parseNote(answer.checkpoint).text, [])),
      alarm: /signed note/,
    },
    {
      title: 'over fewer entries than it has leaf hashes',
      change: (answer) => ({
        ...answer,
        leafHashes: Buffer.concat([answer.leafHashes, Buffer.alloc(32)]),
      }),
      alarm: /leaf hashes for a log of/,
    },
    {
      title: 'beside a torn leaf hash',
      change: (answer) => ({ ...answer, leafHashes: answer.leafHashes.subarray(0, -1) }),
      alarm: /torn/,
    },
    {
      title: 'over fewer entries than before',
      change: (answer) => bare(answer, signed({ size: 1n })(answer.checkpoint)),
      alarm: /the parent shows a log of 1 entries after one of/,
    },
  ]
  for (const { title, change, alarm } of table) {
    await t.test(
      `${title} is not taken from a parent, and the truth is taken afterwards`,
      async (t) => {
        lies.tell('readLog', (answer) => (answer.leafHashes.length === 0 ? answer : change(answer)))
        const id = await spread(federation)
        await federation.until('the other child has it', () => holds(federation, WITNESS, id))
        await federation.until('the victim says what is wrong', () =>
          alarmOf(federation, VICTIM, alarm),
        )
        t.equal(await holds(federation, VICTIM, id), false)
        lies.stop()
        await federation.until('the victim has it', () => holds(federation, VICTIM, id))
      },
    )
  }

  await t.test(
    'with another root at the size that was verified is proof of a fork, and the tree that was verified goes on',
    async (t) => {
      lies.tell('readLog', (answer, { start }) => ({
        ...answer,
        leafHashes: new Uint8Array(),
        checkpoint: signed({ size: start, root: Buffer.alloc(32, 7) })(answer.checkpoint),
      }))
      const id = await spread(federation)
      await federation.until('the victim says so', () =>
        alarmOf(federation, VICTIM, /^fork zj\.example\/330000: .*proves it/),
      )
      const [file] = await evidence(federation, VICTIM, 'fork-')
      const { first, second } = verifyFork(Buffer.from(file!), [province.noteSigner.vkey])
      t.equal(first.size, second.size)
      lies.stop()
      await federation.until('the victim has it', () => holds(federation, VICTIM, id))
      t.ok(alarmOf(federation, VICTIM, /^fork zj\.example\/330000: /), 'the alarm stands')
    },
  )

  await t.test(
    'whose leaf hashes do not have its root proves nothing against anybody',
    async (t) => {
      lies.tell('readLog', (answer) => {
        const leafHashes = Buffer.from(answer.leafHashes)
        if (leafHashes.length > 0) leafHashes[0]! ^= 1
        return { ...answer, leafHashes }
      })
      const before = await evidence(federation, VICTIM, 'fork-')
      const id = await spread(federation)
      await federation.until('the victim doubts', () =>
        alarmOf(federation, VICTIM, /^parent_log: .*which proves nothing/),
      )
      t.same(await evidence(federation, VICTIM, 'fork-'), before)
      lies.stop()
      await federation.until('the victim has it', () => holds(federation, VICTIM, id))
      t.notOk(alarmOf(federation, VICTIM, /^parent_log/), 'and it is over')
    },
  )

  await t.test('that does not extend the last one is not cosigned for a child', async (t) => {
    await federation.init({ id: '330900', tier: 'city', parent: '330000', divisions: ['330900'] })
    const rogue = await Rogue.at(federation, '330900', '330000')
    t.teardown(() => rogue.close())
    const leaf = (text: string) => Buffer.from(text.padEnd(32, '.'))
    const log = `${rogue.name}/1`
    const tree = (
      leaves: Uint8Array[],
      changed: { origin?: string } = {},
      signer = rogue.keys.note,
    ) =>
      signCheckpoint(
        {
          origin: log,
          size: BigInt(leaves.length),
          root: rootOfLeaves(Buffer.concat(leaves)),
          ...changed,
        },
        signer,
      )
    const [a, b, c, d] = [leaf('a'), leaf('b'), leaf('c'), leaf('d')]
    const ask = (checkpoint: Uint8Array, oldSize = 0n, consistency: Uint8Array[] = []) =>
      rogue.calls.witness({ checkpoint, oldSize, consistency }, { timeoutMs: 20_000 })
    const size = province.log().size
    t.equal(
      await codeOf(ask(tree([a, b], {}, rogue.keys.cosign))),
      'signature_invalid',
      'with a wrong key',
    )
    t.equal(
      await codeOf(ask(tree([a, b], { origin: origin }))),
      'signature_invalid',
      "of another's log",
    )
    t.equal(await codeOf(ask(Buffer.from('no note'))), 'note_malformed')
    t.equal((await ask(tree([a, b]))).current, true)
    t.same(
      [(await ask(tree([a, b, c]))).knownSize, (await ask(tree([a, b, c]), 1n)).cosignature.length],
      [2n, 0],
      'it is told what was seen',
    )
    t.equal(await codeOf(ask(tree([a, b, c]), 2n)), 'proof_invalid', 'without a proof')
    t.equal(
      await codeOf(ask(tree([a, d, c]), 2n, [c])),
      'proof_invalid',
      'with a proof of another tree: of two entries it does not name the root',
    )
    t.equal(await codeOf(ask(tree([a, d]), 2n)), 'log_forked', 'of the same size')
    t.equal(await codeOf(ask(tree([a]), 2n)), 'log_behind')
    t.match(
      federation.node('330000').alarms.list().join('\n'),
      /fork zj\.example\/330900.*rollback zj\.example\/330900/s,
    )
    const [file, ...more] = await evidence(federation, '330000', 'fork-')
    t.same(
      [more.length, verifyFork(Buffer.from(file!), [province.noteSigner.vkey]).first.size],
      [0, 2n],
      'the two trees of one size are kept',
    )
    t.match(federation.node('330000').alarms.list().join('\n'), /unproven zj\.example\/330900/)
    t.equal((await ask(tree([a, b, c]), 2n, [c])).current, true, 'one that extends it is')
    t.notOk(
      federation.node('330000').alarms.has('unproven', 'zj.example/330900'),
      'and takes the doubt away',
    )
    t.equal(province.log().size, size)
    t.equal(
      await codeOf(ask(tree([a, d, c, b]), 3n, [c, b, rootOfLeaves(Buffer.concat([a, d]))])),
      'log_forked',
      'a proof that leads to another tree of three',
    )
    const id = await spread(federation)
    await federation.until(
      'the children go on',
      async () => (await holds(federation, WITNESS, id)) && (await holds(federation, VICTIM, id)),
    )
  })
  t.same(await findings(federation), [])
})
