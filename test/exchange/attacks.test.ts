import t, { type Test } from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { limits } from '../../src/base/limits.ts'
import { systemRandom } from '../../src/base/random.ts'
import { bodyRoot, encodeBody, eraseLeaves, parseBody } from '../../src/batch/body.ts'
import { findBatch, findByRecordId } from '../../src/query/query.ts'
import { RefusalSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { formatSignerKey, parseSignerKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signatureLine, signNote } from '../../src/note/note.ts'
import { leafName } from '../../src/pki/devpki.ts'
import { codeOf, findings, type Forged } from '../support/checks.ts'
import { SEVEN, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { dialWith, type Package, packed, Rogue } from '../support/rogue.ts'

const FAR = '330782'

/** The seven, and a county below the first city that holds its keys and never runs. */
async function start(t: Test): Promise<{ federation: TestFederation; rogue: Rogue }> {
  const federation = await TestFederation.start(SEVEN)
  t.teardown(() => federation.stop())
  await federation.init({ id: '330182', tier: 'county', parent: '330100', divisions: ['330182'] })
  await federation.until('the catalog and the rogue are known everywhere', () =>
    [...federation.nodes.values()].every(
      ({ context }) =>
        context.ledger().catalog.item(INDUSTRY_ITEM) &&
        context.ledger().federation.member('330182'),
    ),
  )
  const rogue = await Rogue.at(federation, '330182', '330100')
  t.teardown(() => rogue.close())
  return { federation, rogue }
}

let serial = 0

/** Two records of its own. */
function fresh(rogue: Rogue, changed: Parameters<Rogue['forge']>[2] = {}): Forged {
  serial++
  return rogue.forge(
    many(2, (i) => industryRecord(i, { prefix: `s${serial}` })),
    [FAR],
    changed,
  )
}

/** An honest batch of the rogue and one of its honest sibling still arrive at the far county. */
async function goesOn(t: Test, federation: TestFederation, rogue: Rogue): Promise<void> {
  const honest = fresh(rogue)
  const answer = await rogue.send(packed(honest))
  t.equal(answer.code, '', answer.outcome.errorMessage)
  const far = federation.node(FAR).context
  await federation.until(
    'the honest batch arrives',
    async () => (await findByRecordId(far, `s${serial}-1`)).length > 0,
  )
}

/** The header's text changed after it was signed. */
function retouched({ batch, body }: Forged, from: RegExp | string, to: string): Package {
  const text = batch.text.replace(from, to)
  if (text === batch.text) throw new Error(`nothing matches ${String(from)}`)
  return {
    header: formatNote(
      text,
      batch.signatures.map(({ line }) => line),
    ),
    body: body.bytes,
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}

/** Where the first leaf of a body ends. */
function leafEnd(body: Uint8Array): number {
  return parseBody(body).spans[1]!
}

function refusalOf(code: string): Uint8Array {
  return toBinary(RefusalSchema, create(RefusalSchema, { code, message: 'a verdict of its own' }))
}

t.test('what is not authentic, not whole or not in order', async (t) => {
  const { federation, rogue } = await start(t)
  const city = federation.node('330100').context
  const own = (changed: Parameters<Rogue['forge']>[2] = {}) => packed(fresh(rogue, changed))
  const of = (id: string) => ({
    origin: federation.name(id),
    signer: federation.node(id).context.noteSigner,
  })
  const stranger = parseSignerKey(
    formatSignerKey(rogue.name, 'ed25519', systemRandom.fill(new Uint8Array(32))),
  )

  const withLines = (lines: (forged: Forged) => readonly string[]): Package => {
    const forged = fresh(rogue)
    return { header: formatNote(forged.batch.text, lines(forged)), body: forged.body.bytes }
  }
  const line = (note: Uint8Array): string => parseNote(note).signatures[0]!.line
  const withBody = (change: (forged: Forged) => Uint8Array): Package => {
    const forged = fresh(rogue)
    return { header: forged.batch.note, body: change(forged) }
  }
  const huge = (): Uint8Array =>
    encodeBody(
      many(30, () => Buffer.alloc(limits.recordBytesMax, 1)),
      systemRandom,
    ).bytes

  const table: { title: string; pack: () => Package; code: string }[] = [
    // who
    { title: "a sibling's batch", pack: () => own(of('330110')), code: 'origin_outside_subtree' },
    {
      title: "a batch of another city's county",
      pack: () => own(of('330782')),
      code: 'origin_outside_subtree',
    },
    {
      title: 'a batch of its own parent',
      pack: () => own(of('330100')),
      code: 'origin_outside_subtree',
    },
    { title: 'a batch of the root', pack: () => own(of('000000')), code: 'origin_outside_subtree' },
    {
      title: 'a batch of nobody',
      pack: () => own({ origin: 'zj.example/999999' }),
      code: 'member_unknown',
    },
    {
      title: 'a batch of its namesake in another trust domain',
      pack: () => own({ origin: 'xx.example/330182' }),
      code: 'member_unknown',
    },
    {
      title: 'a batch of an epoch that it does not have yet',
      pack: () => own({ epoch: 2 }),
      code: 'member_unknown',
    },
    {
      title: 'a batch of an epoch that nobody has',
      pack: () => retouched(fresh(rogue), '330182 1', '330182 0'),
      code: 'header_malformed',
    },
    // header
    {
      title: 'another origin in a signed header',
      pack: () => retouched(fresh(rogue), '330182 1', '330110 1'),
      code: 'signature_invalid',
    },
    {
      title: 'another provider in a signed header',
      pack: () => retouched(fresh(rogue), 'TT00000903', 'TT00000904'),
      code: 'signature_invalid',
    },
    {
      title: 'another target in a signed header',
      pack: () => retouched(fresh(rogue), 'lane 330782', 'lane 330700'),
      code: 'signature_invalid',
    },
    {
      title: 'another class in a signed header',
      pack: () => retouched(fresh(rogue), ' normal ', ' bulk '),
      code: 'signature_invalid',
    },
    {
      title: 'another kind in a signed header',
      pack: () => retouched(fresh(rogue), 'kind evaluation', 'kind record'),
      code: 'signature_invalid',
    },
    {
      title: 'another item in a signed header',
      pack: () => retouched(fresh(rogue), '@2026.1', '@2026.2'),
      code: 'signature_invalid',
    },
    {
      title: 'another time in a signed header',
      pack: () => retouched(fresh(rogue), /created 20../, 'created 2019'),
      code: 'signature_invalid',
    },
    {
      title: 'another count in a signed header',
      pack: () => retouched(fresh(rogue), 'records 2', 'records 1'),
      code: 'signature_invalid',
    },
    {
      title: 'another root in a signed header',
      pack: () => retouched(fresh(rogue), /sha256:[0-9a-f]{64}\n$/, `sha256:${'0'.repeat(64)}\n`),
      code: 'signature_invalid',
    },
    {
      title: 'one more line in a signed header',
      pack: () => retouched(fresh(rogue), /$/, 'mood good\n'),
      code: 'signature_invalid',
    },
    {
      title: 'a header line in another order',
      pack: () => retouched(fresh(rogue), /(kind .*\n)(item .*\n)/, '$2$1'),
      code: 'header_malformed',
    },
    {
      title: 'a header with carriage returns',
      pack: () => ({
        ...own(),
        header: Buffer.from(
          Buffer.from(fresh(rogue).batch.note).toString().replaceAll('\n', '\r\n'),
        ),
      }),
      code: 'note_malformed',
    },
    {
      title: 'a header that is not UTF-8',
      pack: () => ({ ...own(), header: Buffer.concat([fresh(rogue).batch.note, Buffer.of(0xff)]) }),
      code: 'note_malformed',
    },
    {
      title: 'no header',
      pack: () => ({ ...own(), header: new Uint8Array() }),
      code: 'note_malformed',
    },
    {
      title: 'a checkpoint in place of a header',
      pack: () => ({ ...own(), header: city.log().signed.note }),
      code: 'header_malformed',
    },
    // signature
    {
      title: 'a signature with one bit changed',
      pack: () =>
        withLines(
          ({
            batch: {
              signatures: [one],
            },
          }) => [signatureLine(one!.name, one!.keyId, flipped(one!.signature, 40))],
        ),
      code: 'signature_invalid',
    },
    { title: 'no signature', pack: () => withLines(() => []), code: 'note_malformed' },
    {
      title: 'another key with the right name',
      pack: () => own({ signer: stranger }),
      code: 'signature_invalid',
    },
    {
      title: "the parent's key",
      pack: () => own({ signer: city.noteSigner }),
      code: 'signature_invalid',
    },
    {
      title: 'its own cosigning key',
      pack: () => own({ signer: rogue.keys.cosign }),
      code: 'signature_invalid',
    },
    {
      title: 'its own signature twice',
      pack: () => withLines(({ batch }) => [line(batch.note), line(batch.note)]),
      code: 'signature_invalid',
    },
    {
      title: "the parent's signature beside its own",
      pack: () =>
        withLines(({ batch }) => [line(batch.note), line(signNote(batch.text, [city.noteSigner]))]),
      code: 'signature_invalid',
    },
    {
      title: "a stranger's signature before its own",
      pack: () =>
        withLines(({ batch }) => [line(signNote(batch.text, [stranger])), line(batch.note)]),
      code: 'signature_invalid',
    },
    {
      title: 'the signature of another header',
      pack: () => withLines(() => [line(fresh(rogue).batch.note)]),
      code: 'signature_invalid',
    },
    // body
    {
      title: 'a changed record',
      pack: () => withBody(({ body }) => flipped(body.bytes, body.spans[0]! + 3)),
      code: 'root_mismatch',
    },
    {
      title: 'a changed salt',
      pack: () => withBody(({ body }) => flipped(body.bytes, 5)),
      code: 'root_mismatch',
    },
    {
      title: 'the body of another batch',
      pack: () => withBody(() => fresh(rogue).body.bytes),
      code: 'root_mismatch',
    },
    {
      title: 'records in another order',
      pack: () =>
        withBody(({ body: { bytes } }) =>
          Buffer.concat([bytes.subarray(leafEnd(bytes)), bytes.subarray(0, leafEnd(bytes))]),
        ),
      code: 'root_mismatch',
    },
    {
      title: 'one record less',
      pack: () => withBody(({ body }) => body.bytes.subarray(0, leafEnd(body.bytes))),
      code: 'root_mismatch',
    },
    {
      title: 'one record twice',
      pack: () =>
        withBody(({ body }) =>
          Buffer.concat([body.bytes, body.bytes.subarray(leafEnd(body.bytes))]),
        ),
      code: 'root_mismatch',
    },
    {
      title: 'a body cut off',
      pack: () => withBody(({ body }) => body.bytes.subarray(0, -1)),
      code: 'body_malformed',
    },
    {
      title: 'a body with a byte too many',
      pack: () => withBody(({ body }) => Buffer.concat([body.bytes, Buffer.of(0)])),
      code: 'body_malformed',
    },
    { title: 'no body', pack: () => withBody(() => new Uint8Array()), code: 'body_incomplete' },
    {
      title: 'a record as a leaf hash alone',
      pack: () => withBody(({ body }) => eraseLeaves(body, new Set([1]))),
      code: 'erased_first_submission',
    },
    { title: 'random leaf hashes', pack: randomLeaves, code: 'erased_first_submission' },
    // lane
    {
      title: 'a lane number too far ahead',
      pack: () => packed(fresh(rogue, { after: fresh(rogue) })),
      code: 'lane_gap',
    },
    // size
    {
      title: 'a header over its limit',
      pack: () => ({ ...own(), header: Buffer.alloc(limits.headerBytesMax + 1, 'a') }),
      code: 'message_too_large',
    },
    {
      title: 'a body over its limit',
      pack: () => ({ ...own(), body: Buffer.concat([huge(), huge()]) }),
      code: 'message_too_large',
    },
    {
      title: 'a refusal over its limit',
      pack: () => ({
        ...own(),
        body: new Uint8Array(),
        refusal: Buffer.alloc(limits.bodyBytesMax + 1),
      }),
      code: 'message_too_large',
    },
    // verdicts of its own
    {
      title: 'a refusal that is none',
      pack: () => ({ ...own(), body: new Uint8Array(), refusal: Buffer.from('nothing') }),
      code: 'body_malformed',
    },
    {
      title: 'a refusal with a code that is no verdict',
      pack: () => ({ ...own(), body: new Uint8Array(), refusal: refusalOf('lane_gap') }),
      code: 'body_malformed',
    },
    // not known yet
    {
      title: 'a batch for somebody who is no member',
      pack: () => packed(rogue.forge([industryRecord(1)], ['999999'])),
      code: 'member_unknown',
    },
    {
      title: 'a batch for everyone and for somebody who is no member',
      pack: () => packed(rogue.forge([industryRecord(1)], ['**', '999999/**'])),
      code: 'member_unknown',
    },
    {
      title: 'a batch for nobody but itself',
      pack: () => packed(rogue.forge([industryRecord(1)], ['330182'])),
      code: 'not_addressed',
    },
    {
      title: 'a statement that it keeps to itself',
      pack: () =>
        packed(
          rogue.forge([Buffer.from('x')], ['330182'], {
            kind: 'member',
            item: undefined,
            batchClass: 'control',
          }),
        ),
      code: 'not_addressed',
    },
    {
      title: 'an item that nobody published',
      pack: () => own({ item: 'zj/no-such@1' }),
      code: 'item_unknown',
    },
  ]

  function randomLeaves(): Package {
    const leaves = systemRandom.fill(Buffer.alloc(64))
    const body = parseBody(
      Buffer.concat([
        Buffer.of(0x0a, 34, 0x1a, 32),
        leaves.subarray(0, 32),
        Buffer.of(0x0a, 34, 0x1a, 32),
        leaves.subarray(32),
      ]),
    )
    return {
      header: fresh(rogue, { root: bodyRoot(body), records: 2 }).batch.note,
      body: body.bytes,
    }
  }

  for (const { title, pack, code } of table) {
    await t.test(`${title} is answered ${code}, is not logged, and stops nobody`, async (t) => {
      const size = city.log().size
      const package_ = pack()
      const answer = await rogue.send(package_)
      t.equal(answer.code, code, answer.outcome.errorMessage)
      t.equal(answer.logged, false)
      t.not(answer.outcome.errorMessage, '')
      t.equal(city.log().size, size)
      t.equal(city.ledger().quarantined.size, 0)
      await goesOn(t, federation, rogue)
    })
  }
  t.same(await findings(federation), [])
})

t.test('calls', async (t) => {
  const { federation, rogue } = await start(t)
  const node = federation.node('330100')
  const { context: city } = node

  await t.test(
    'a batch that is sent again has its first receipt, also with another body or signature, and nothing is logged',
    async (t) => {
      const forged = fresh(rogue)
      const first = await rogue.send(packed(forged))
      const size = city.log().size
      const altered: Package[] = [
        packed(forged),
        { header: forged.batch.note, body: new Uint8Array() },
        { header: forged.batch.note, body: fresh(rogue).body.bytes },
        {
          header: formatNote(forged.batch.text, [signatureLine('nobody', 1, Buffer.alloc(64))]),
          body: forged.body.bytes,
        },
        { header: forged.batch.note, body: new Uint8Array(), refusal: refusalOf('record_invalid') },
      ]
      for (const [i, answer] of (await rogue.submit(...altered)).entries()) {
        t.equal(answer.code, '', `${i}: ${answer.outcome.errorMessage}`)
        t.same(answer.outcome.receipt!.entryPrefix, first.outcome.receipt!.entryPrefix)
      }
      t.equal(city.log().size, size)
      t.same(
        (await findBatch(city, forged.batch.id))!.body!.bytes,
        forged.body.bytes,
        'the body stays what it was',
      )
      await goesOn(t, federation, rogue)
    },
  )

  await t.test(
    'batches in another order are gaps, which name what is wanted, until the first of them comes',
    async (t) => {
      const one = fresh(rogue)
      const two = fresh(rogue, { after: one })
      const three = fresh(rogue, { after: two })
      const lane = one.batch.header.lanes[0]!
      const head = city.ledger().lanes.get(`${rogue.name} 1 ${FAR} normal`)
      const early = await rogue.submit(packed(three), packed(two))
      for (const { code, outcome } of early) {
        t.equal(code, 'lane_gap')
        t.match(outcome.errorMessage, `send number ${lane.number} first`)
        t.same(
          outcome.laneHeads.map(({ lane: name, number, batchId }) => [name, number, batchId]),
          [[`${rogue.name} 1 ${FAR} normal`, head!.number, head!.id]],
        )
      }
      t.same(
        (await rogue.submit(packed(one), packed(three), packed(two), packed(three))).map(
          ({ code }) => code,
        ),
        ['', 'lane_gap', '', ''],
      )
      t.equal(city.ledger().quarantined.size, 0)
      await goesOn(t, federation, rogue)
    },
  )

  await t.test('calls of a series that overtake each other are taken in their order', async (t) => {
    const chain: Forged[] = []
    for (let i = 0; i < 6; i++) chain.push(fresh(rogue, i === 0 ? {} : { after: chain[i - 1]! }))
    const order = [3, 1, 5, 0, 4, 2]
    const answers = await Promise.all(
      order.map((number) =>
        rogue.calls.submit(
          { packages: [packed(chain[number]!)], series: 'overtaking', number },
          { timeoutMs: 20_000 },
        ),
      ),
    )
    t.same(
      answers.map(({ outcomes }) => outcomes[0]!.errorCode),
      order.map(() => ''),
    )
    const indexes = await Promise.all(
      chain.map(async ({ batch }) => (await city.ledger().known(batch.id))!.indexes[0]!),
    )
    t.same(
      indexes,
      [...indexes].sort((a, b) => Number(a - b)),
      'and logged in it',
    )
    t.match(
      await codeOf(
        rogue.calls.submit(
          { packages: [packed(fresh(rogue))], series: 'x'.repeat(65), number: 0 },
          { timeoutMs: 20_000 },
        ),
      ),
      'argument_invalid',
    )
    await goesOn(t, federation, rogue)
  })

  await t.test('one bad package of a call spoils no other that does not build on it', async (t) => {
    const size = city.log().size
    const [bulk, bad, after, good] = await rogue.submit(
      packed(fresh(rogue, { batchClass: 'bulk' })),
      retouched(fresh(rogue), 'records 2', 'records 1'),
      packed(fresh(rogue, { after: fresh(rogue) })),
      packed(fresh(rogue)),
    )
    t.same(
      [bulk, bad, after, good].map((answer) => answer!.code),
      ['', 'signature_invalid', 'lane_gap', ''],
    )
    t.equal(city.log().size, size + 2n)
    await goesOn(t, federation, rogue)
  })

  await t.test(
    'a kind that may be carried unread is, and one that has the name of something else in the program is refused',
    async (t) => {
      for (const [kind, code] of [
        ['x-weather', ''],
        ['constructor', 'kind_unknown'],
        ['x-', ''],
      ] as const) {
        const forged = fresh(rogue, { kind })
        t.equal((await rogue.send(packed(forged))).code, code, kind)
        const far = federation.node(FAR).context
        await federation.until(
          `${kind} arrives`,
          async () => (await findBatch(far, forged.batch.id)) !== undefined,
        )
        t.same(await findByRecordId(far, `s${serial}-1`), [], `${kind} is not served`)
      }
      await goesOn(t, federation, rogue)
    },
  )

  await t.test(
    'calls that are too large, empty or of the wrong caller are refused whole',
    async (t) => {
      const size = city.log().size
      const good = packed(fresh(rogue))
      const submit = (...packages: Package[]): Promise<string> => codeOf(rogue.submit(...packages))
      t.equal(
        await submit({ ...good, body: Buffer.alloc(limits.messageBytesMax + 70_000) }),
        'message_too_large',
      )
      t.equal(await submit(), 'argument_invalid')
      t.equal(
        await submit(...Array.from({ length: limits.submitBatchesMax + 1 }, () => good)),
        'argument_invalid',
      )
      const callers = [
        ['330100/client-bench', 'role_denied'],
        [`330100/${leafName({ role: 'operator', name: '张三' })}`, 'role_denied'],
        ['330100/node', 'role_denied'],
        ['000000/node', 'role_denied'],
        ['330782/node', 'role_denied'],
        ['330182/client-bench', 'role_denied'],
      ] as const
      for (const [certificate, code] of callers) {
        const channel = await dialWith(federation, certificate, node)
        t.equal(
          await codeOf(
            channel.client(ExchangeService).submit({ packages: [good] }, { timeoutMs: 20_000 }),
          ),
          code,
          certificate,
        )
        channel.close()
      }
      t.equal(city.log().size, size)
      await goesOn(t, federation, rogue)
    },
  )
  t.same(federation.alarms(), [])
  t.same(await findings(federation), [])
})
