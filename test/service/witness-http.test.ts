import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { SeededRandom } from '../../src/base/random.ts'
import { verifyFork } from '../../src/evidence/fork.ts'
import { witnessState } from '../../src/witness/cosigning.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import type { Node } from '../../src/node/node.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import type { Store } from '../../src/store/store.ts'
import { findings } from '../support/checks.ts'
import { FaultyDisk } from '../support/faulty-store.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { HttpsClient, type Reply } from '../support/https.ts'
import { Rogue } from '../support/rogue.ts'

const sha256 = (...parts: Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

/** RFC 6962 section 2.1, word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]!
  const k = below(leaves.length)
  return sha256(Buffer.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}

/** RFC 6962 section 2.1.2, word for word. */
function proof(m: number, leaves: readonly Buffer[], whole = true): Buffer[] {
  const n = leaves.length
  if (m === n) return whole ? [] : [mth(leaves)]
  const k = below(n)
  return m <= k
    ? [...proof(m, leaves.slice(0, k), whole), mth(leaves.slice(k))]
    : [...proof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))]
}

/** The largest power of two below n. */
function below(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** The leaves of the published vectors of RFC 6962. */
const RFC = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((text) => sha256(Buffer.of(0), Buffer.from(text, 'hex')))

/** The log of a county that is not running, by hand: its key read from its file, its notes byte for byte. */
class HandLog {
  readonly origin: string
  readonly #name: string
  readonly #key: KeyObject
  readonly #keyId: Buffer

  static async of(federation: TestFederation, id: string): Promise<HandLog> {
    const file = (await readFile(`${federation.folderOf(id)}/keys/1/note.key`, 'utf8')).trim()
    return new HandLog(
      federation.name(id),
      Buffer.from(file.split('+').slice(4).join('+'), 'base64').subarray(1),
    )
  }

  constructor(name: string, seed: Buffer) {
    this.#name = name
    this.origin = `${name}/1`
    this.#key = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
      format: 'der',
      type: 'pkcs8',
    })
    const raw = createPublicKey(this.#key).export({ format: 'der', type: 'spki' }).subarray(-32)
    this.#keyId = sha256(Buffer.from(`${name}\n\x01`, 'latin1'), raw).subarray(0, 4)
  }

  /** A note over any text. */
  sign(text: string, ...more: string[]): string {
    return `${text}\n${[`— ${this.#name} ${Buffer.concat([this.#keyId, sign(null, Buffer.from(text), this.#key)]).toString('base64')}`, ...more].join('\n')}\n`
  }

  note(size: number, root: Buffer): string {
    return this.sign(`${this.origin}\n${size}\n${root.toString('base64')}\n`)
  }

  /** A body that leads from `old` leaves to all of them. */
  body(
    old: number,
    leaves: readonly Buffer[],
    hashes = old === 0 ? [] : proof(old, leaves),
  ): string {
    return bodyOf(old, hashes, this.note(leaves.length, mth(leaves)))
  }
}

function bodyOf(old: number | string, hashes: readonly Buffer[], note: string): string {
  return `old ${old}\n${hashes.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`
}

/** Checks a cosignature by hand (tlog-cosignature). @returns its time, seconds */
function cosignedAt(line: string, text: string, vkey: string): bigint {
  const [name, id, key] = [
    vkey.split('+')[0],
    vkey.split('+')[1],
    Buffer.from(vkey.split('+').slice(2).join('+'), 'base64'),
  ]
  const match = /^— (\S+) (\S+)\n$/.exec(line)
  const blob = Buffer.from(match?.[2] ?? '', 'base64')
  if (
    match?.[1] !== name ||
    blob.length !== 76 ||
    blob.subarray(0, 4).toString('hex') !== id ||
    key[0] !== 4
  )
    throw new Error(`no cosignature of ${vkey}: ${line}`)
  const publicKey = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.subarray(1)]),
    format: 'der',
    type: 'spki',
  })
  const seconds = blob.readBigUInt64BE(4)
  if (
    !verify(
      null,
      Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`),
      publicKey,
      blob.subarray(12),
    )
  )
    throw new Error('the cosignature does not verify')
  return seconds
}

const CITY: Place = { id: '330100', tier: 'province', divisions: ['330100'] }
const COUNTIES = ['330106', '330110'].map((id): Place => ({
  id,
  tier: 'county',
  parent: '330100',
  divisions: [id],
}))
const AUDIT = 'audit:\n  listen: 127.0.0.1:0\n  public: true\n'

interface Witness {
  readonly federation: TestFederation
  readonly log: HandLog
  readonly city: () => Node
  readonly client: (certificate?: string) => Promise<HttpsClient>
  /** Posts with the certificate of the county. */
  readonly post: (body: string | Uint8Array) => Promise<Reply>
}

/** A city that witnesses over HTTP, and two counties that are members and do not run. */
async function startWitness(t: Test): Promise<Witness> {
  const federation = await TestFederation.start([CITY], { catalog: false })
  t.teardown(() => federation.stop())
  for (const county of COUNTIES) await federation.init(county)
  await federation.writeConfig(CITY, AUDIT)
  await federation.restart('330100')
  const city = (): Node => federation.node('330100')
  const client = (certificate?: string): Promise<HttpsClient> =>
    HttpsClient.open(federation.pki.folder, city().auditPort, certificate)
  const post = async (body: string | Uint8Array): Promise<Reply> =>
    (await client('330106/node')).post('/add-checkpoint', body)
  return { federation, log: await HandLog.of(federation, '330106'), city, client, post }
}

const shown = ({ status, body, headers }: Reply) => [
  status,
  status === 409 ? body.toString() : '',
  status === 409 ? headers['content-type'] : '',
]
const CONFLICT = (size: number) => [409, `${size}\n`, 'text/x.tlog.size']

t.test('the proofs made by hand here are the published ones', (t) => {
  t.equal(
    mth(RFC).toString('hex'),
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  )
  for (const [m, n, published] of [
    [1, 8, '96a296d2 5f083f0a 6b47aaf2'],
    [6, 8, '0ebc5d34 ca854ea1 d37ee418'],
    [2, 5, '5f083f0a bc1a0643'],
    [4, 8, '6b47aaf2'],
    [3, 7, '0298d122 07506a85 fac54203 837dbb15'],
  ] as const) {
    t.equal(
      proof(m, RFC.slice(0, n))
        .map((hash) => hash.toString('hex', 0, 4))
        .join(' '),
      published,
    )
  }
  t.end()
})

t.test('a witness over HTTP', async (t) => {
  const { federation, log, city, client, post } = await startWitness(t)
  const { origin } = log
  const vkey = city().context.cosigner.vkey
  const at = (size: number): Buffer[] => RFC.slice(0, size)
  const textOf = (size: number): string =>
    `${origin}\n${size}\n${mth(at(size)).toString('base64')}\n`
  const known = async (): Promise<number> =>
    Number((await witnessState(city().context, origin))?.size ?? -1n)

  await t.test('cosigns the first tree that it is shown, and one that extends it', async (t) => {
    const first = await post(log.body(0, at(3)))
    t.equal(first.status, 200)
    t.equal(first.headers['content-type'], 'text/plain; charset=utf-8')
    cosignedAt(first.body.toString(), textOf(3), vkey)
    t.equal(await known(), 3)
    const second = await post(log.body(3, at(7)))
    t.equal(second.status, 200)
    cosignedAt(second.body.toString(), textOf(7), vkey)
    t.equal(await known(), 7)
  })

  await t.test('signs with a key that is not the key of its log', async (t) => {
    const [cosigner, logKey] = [vkey, city().context.log().vkey].map((text) =>
      Buffer.from(text.split('+').slice(2).join('+'), 'base64').subarray(1),
    )
    t.notOk(cosigner!.equals(logKey!))
  })

  await t.test('cosigns the same tree again, with a newer time', async (t) => {
    const [one, two] = [await post(log.body(7, at(7))), await post(log.body(7, at(7)))]
    t.ok(
      cosignedAt(two.body.toString(), textOf(7), vkey) >=
        cosignedAt(one.body.toString(), textOf(7), vkey),
    )
  })

  await t.test('says what it cosigned last to whom does not know', async (t) => {
    for (const [old, size] of [
      [0, 7],
      [0, 8],
      [3, 7],
      [6, 8],
      [3, 3],
      [0, 0],
    ] as const)
      t.same(shown(await post(log.body(old, at(size)))), CONFLICT(7), `${old} to ${size}`)
    t.same(
      shown(await post(bodyOf(3, [sha256()], log.note(8, sha256())))),
      CONFLICT(7),
      'before it looks at the proof',
    )
    t.same(city().alarms.list(), [], 'an old checkpoint may be brought by anybody')
  })

  await t.test('refuses a proof that does not hold, and thinks no worse of the log', async (t) => {
    const right = proof(7, RFC)
    const swapped = [right[1]!, right[0]!, ...right.slice(2)]
    for (const [what, hashes] of [
      ['empty', []],
      ['short', right.slice(1)],
      ['long', [...right, sha256()]],
      ['swapped', swapped],
      ['of others', right.map(() => sha256())],
    ] as const) {
      t.equal((await post(log.body(7, RFC, [...hashes]))).status, 422, what)
    }
    t.equal((await post(log.body(7, at(7), [sha256()]))).status, 422, 'hashes at the same size')
    t.equal(await known(), 7)
    t.same(city().alarms.list(), [])
  })

  await t.test('refuses what is not signed by the log', async (t) => {
    const other = new HandLog(federation.name('330106'), Buffer.alloc(32, 7))
    t.equal((await post(other.body(7, RFC))).status, 403, 'another key of the same name')
    const body = log.body(7, RFC)
    const end = body.lastIndexOf(' ')
    const blob = Buffer.from(body.slice(end + 1), 'base64')
    blob[20]! ^= 1
    t.equal(
      (await post(`${body.slice(0, end + 1)}${blob.toString('base64')}\n`)).status,
      403,
      'a signature that is off by a bit',
    )
    t.equal((await post(body.replace('\n8\n', '\n9\n'))).status, 403, 'another text')
    const own = (await post(log.body(7, at(7)))).body.toString()
    t.equal((await post(bodyOf(7, [], `${textOf(7)}\n${own}`))).status, 403, 'a cosignature alone')
    t.equal(await known(), 7)
  })

  await t.test('knows the logs of its children and no other', async (t) => {
    const seed = Buffer.alloc(32, 9)
    for (const name of [
      'example.com/log',
      `${federation.name('330106')}/1`,
      city().context.self,
      federation.name('330199'),
    ]) {
      t.equal((await post(new HandLog(name, seed).body(0, at(3)))).status, 404, name)
    }
    t.equal(
      (await post(bodyOf(0, [], log.sign(textOf(3).replace('/1\n', '/2\n'))))).status,
      404,
      'another epoch',
    )
  })

  await t.test('refuses every body that is not in the one form', async (t) => {
    const note = log.note(8, mth(RFC))
    const hashes = proof(7, RFC)
      .map((hash) => `${hash.toString('base64')}\n`)
      .join('')
    const table: Readonly<Record<string, string | Buffer>> = {
      nothing: '',
      'a line feed': '\n',
      'two line feeds': '\n\n',
      'no old size': `${hashes}\n${note}`,
      'the old size alone': 'old 7\n',
      'no checkpoint': `old 7\n${hashes}\n`,
      'no empty line': `old 7\n${hashes}${note}`,
      'a leading zero': `old 07\n${hashes}\n${note}`,
      'a plus sign': `old +7\n${hashes}\n${note}`,
      'two spaces': `old  7\n${hashes}\n${note}`,
      'a trailing space': `old 7 \n${hashes}\n${note}`,
      'a negative size': `old -1\n${hashes}\n${note}`,
      'an endless size': `old ${'9'.repeat(30)}\n${hashes}\n${note}`,
      hexadecimal: `old 0x7\n${hashes}\n${note}`,
      'carriage returns': `old 7\r\n${hashes}\n${note}`,
      'an old size above the size': `old 9\n\n${note}`,
      'a hash of 31 bytes': `old 7\n${Buffer.alloc(31).toString('base64')}\n\n${note}`,
      'base64 for addresses': `old 7\n${'_'.repeat(43)}=\n\n${note}`,
      'base64 without its end': `old 7\n${hashes.replaceAll('=', '')}\n${note}`,
      '64 hashes': `old 7\n${`${sha256().toString('base64')}\n`.repeat(64)}\n${note}`,
      'an extension line': bodyOf(7, proof(7, RFC), log.sign(`${textOf(8)}more\n`)),
      'a size with a leading zero': bodyOf(7, [], log.sign(textOf(8).replace('\n8\n', '\n08\n'))),
      'a short root': bodyOf(7, [], log.sign(`${origin}\n8\nAAAA\n`)),
      'no last line feed': log.body(7, RFC).slice(0, -1),
      'bytes that are no text': Buffer.concat([
        Buffer.from(`old 7\n${hashes}\n`),
        Buffer.of(0xff, 0xfe),
        Buffer.from(note),
      ]),
    }
    for (const [what, body] of Object.entries(table)) t.equal((await post(body)).status, 400, what)
    t.equal((await post(log.body(7, at(3), []))).status, 400, 'from 7 back to 3')
    t.equal((await post(Buffer.alloc(100_000, 'a'))).status, 413)
    t.equal(await known(), 7)
  })

  await t.test(
    'asks for a certificate of the federation, and takes a checkpoint from any relay that has one',
    async (t) => {
      await issueDevelopmentLeaf(federation.pki, {
        tier: CITY.tier,
        role: 'auditor',
        nodeId: '330100',
        name: 'a',
      })
      await issueDevelopmentLeaf(federation.pki, {
        tier: 'county',
        role: 'auditor',
        nodeId: '330106',
        name: 'b',
      })
      for (const [certificate, status] of [
        [undefined, 403],
        ['330100/client-bench', 403],
        ['330106/auditor-b', 403],
        ['330100/auditor-a', 200],
        ['330110/node', 200],
      ] as const) {
        t.equal(
          (await (await client(certificate)).post('/add-checkpoint', log.body(7, at(7)))).status,
          status,
          certificate ?? 'nobody',
        )
      }
      t.match(await (await client('330106/node')).get('/add-checkpoint'), {
        status: 405,
        headers: { allow: 'POST' },
      })
      t.equal((await (await client('330106/node')).post('/add-checkpoint/', '')).status, 404)
    },
  )

  await t.test('keeps no line that it did not verify', async (t) => {
    const forged = `— ${city().context.self} ${Buffer.concat([Buffer.from(vkey.split('+')[1]!, 'hex'), Buffer.alloc(72)]).toString('base64')}`
    t.equal((await post(bodyOf(7, [], log.sign(textOf(7), forged)))).status, 200)
    t.equal(
      Buffer.from((await witnessState(city().context, origin))!.note).toString(),
      log.note(7, mth(at(7))),
    )
  })

  await t.test('shares what it knows with the link to the child', async (t) => {
    const rogue = await Rogue.at(federation, '330106', '330100')
    t.match(
      await rogue.calls.witness(
        { oldSize: 3n, checkpoint: Buffer.from(log.note(8, mth(RFC))) },
        { timeoutMs: 10_000 },
      ),
      { knownSize: 7n, current: false },
    )
    t.match(
      await rogue.calls.witness(
        { oldSize: 7n, consistency: proof(7, RFC), checkpoint: Buffer.from(log.note(8, mth(RFC))) },
        { timeoutMs: 10_000 },
      ),
      { current: true },
    )
    rogue.close()
    t.same(shown(await post(log.body(7, RFC))), CONFLICT(8))
  })

  await t.test('holds an empty log to the root of the empty tree', async (t) => {
    const empty = await HandLog.of(federation, '330110')
    t.equal((await post(bodyOf(0, [], empty.note(0, sha256(Buffer.of(1)))))).status, 422)
    t.equal(
      (await post(bodyOf(0, [sha256()], empty.note(3, mth(at(3)))))).status,
      422,
      'a proof from nothing',
    )
    t.equal((await post(bodyOf(0, [], empty.note(0, sha256())))).status, 200)
    t.equal((await post(bodyOf(0, [], empty.note(0, sha256())))).status, 200)
    t.equal((await post(empty.body(0, at(5)))).status, 200)
  })

  await t.test('calls two signed trees of one size a fork, whoever brings them', async (t) => {
    t.equal((await post(bodyOf(8, [], log.note(8, sha256())))).status, 422)
    t.match(city().alarms.list(), [
      /^fork zj\.example\/330106: .*fork-zj\.example-330106-1\.txt proves it/,
    ])
    const file = `${federation.folderOf('330100')}/evidence/fork-zj.example-330106-1.txt`
    const roots = [city().context.noteSigner.vkey]
    t.match(
      verifyFork(await readFile(file), roots),
      { log: origin, first: { size: 8n }, second: { size: 8n } },
      'and keeps the proof',
    )
    const kept = await readFile(file, 'utf8')
    t.same(
      shown(await post(bodyOf(3, [], log.note(8, sha256(Buffer.of(2)))))),
      CONFLICT(8),
      'who does not know the size is told it all the same',
    )
    t.equal(await readFile(file, 'utf8'), kept, 'the first proof stays')
    t.equal(await known(), 8)
    t.equal(
      Buffer.from((await witnessState(city().context, origin))!.root).toString('hex'),
      mth(RFC).toString('hex'),
    )
  })

  await t.test(
    'calls a larger tree that begins with another one a fork when the proof shows it, and none when it does not',
    async (t) => {
      const other = await HandLog.of(federation, '330110')
      const fork = [...at(3), sha256(), ...RFC.slice(4, 7)]
      t.equal(
        (await post(other.body(5, fork, proof(5, RFC.slice(0, 7))))).status,
        422,
        'a proof of the other tree',
      )
      t.same(
        city()
          .alarms.list()
          .filter((line) => line.includes('330110')),
        [],
        'proves nothing',
      )
      t.equal((await post(other.body(5, fork))).status, 422)
      t.match(city().alarms.list().at(-1), /^fork zj\.example\/330110: .* of 5 and of 7 entries: /)
      t.match(
        verifyFork(
          await readFile(`${federation.folderOf('330100')}/evidence/fork-zj.example-330110-1.txt`),
          [city().context.noteSigner.vkey],
        ),
        { first: { size: 5n }, second: { size: 7n } },
      )
      t.equal((await post(other.body(5, at(6)))).status, 200, 'the tree that was cosigned goes on')
    },
  )

  await t.test('cosigns nothing of a member that is suspended', async (t) => {
    await setMemberStatus(city().context, {
      member: federation.name('330110'),
      status: 'suspended',
      act: { actor: '张三', reason: 'test', document: '测〔2026〕3号' },
      source: { kind: 'self' },
    })
    t.equal((await post((await HandLog.of(federation, '330110')).body(6, at(7)))).status, 403)
  })

  t.same(await findings(federation), [])
})

t.test(
  'nothing is answered before it is durable, and a write of which the end is unknown is not answered with a cosignature',
  async (t) => {
    const { federation, log, post, city } = await startWitness(t)
    const disk = new FaultyDisk()
    let hold: Promise<void> | undefined
    let held = (): void => undefined
    const wrapStore = (store: Store): Store => {
      const faulty = disk.wrap(store)
      return {
        ...faulty,
        commit: async (ops, expect) => {
          if (hold) held()
          await hold
          return faulty.commit(ops, expect)
        },
      }
    }
    await federation.restart('330100', { wrapStore })
    t.equal((await post(log.body(0, RFC.slice(0, 2)))).status, 200)

    let release = (): void => undefined
    const waiting = new Promise<void>((resolve) => {
      held = resolve
    })
    hold = new Promise((resolve) => {
      release = resolve
    })
    let answered = false
    const answer = post(log.body(2, RFC.slice(0, 3))).then((reply) => {
      answered = true
      return reply
    })
    const rival = post(log.body(2, [...RFC.slice(0, 2), sha256(), sha256()]))
    await waiting
    // Another call is answered from end to end meanwhile.
    t.equal((await post('')).status, 400)
    t.equal(answered, false)
    hold = undefined
    release()
    const replies = await Promise.all([answer, rival])
    t.equal(replies.filter(({ status }) => status === 200).length, 1, 'one of two rivals')
    t.equal(replies.filter(({ status }) => status === 409).length, 1)
    const before = Number((await witnessState(city().context, log.origin))!.size)
    const branch = before === 3 ? RFC : [...RFC.slice(0, 2), sha256(), sha256(), ...RFC.slice(4)]

    disk.state = 'full'
    t.equal((await post(log.body(before, branch.slice(0, 6)))).status, 503)
    disk.state = 'good'
    await federation.until('the store writes again', () => !city().alarms.has('store'))
    t.same(shown(await post(log.body(0, branch))), CONFLICT(before), 'it did not happen')
    disk.state = 'lying'
    t.equal((await post(log.body(before, branch.slice(0, 6)))).status, 503)
    disk.state = 'good'
    await federation.until('the store writes again', () => !city().alarms.has('store'))
    const other = [
      ...branch.slice(0, before),
      ...branch.slice(before).map(() => sha256(Buffer.of(9))),
    ]
    t.same(
      shown(await post(log.body(before, other.slice(0, 6)))),
      CONFLICT(6),
      'it did happen: no rival of it is cosigned',
    )
    t.equal((await post(log.body(6, branch.slice(0, 8)))).status, 200)
    t.same(await findings(federation), [])
  },
)

t.test(
  'a log that forks in every way gets cosignatures on one tree alone, over many calls at once and restarts',
  async (t) => {
    const { federation, log, city, post } = await startWitness(t)
    const at = process.argv.indexOf('--seed')
    const seed = at < 0 ? 'witness' : process.argv[at + 1]!
    const random = new SeededRandom(seed)
    const pick = (n: number): number =>
      Buffer.from(random.fill(new Uint8Array(4))).readUInt32BE() % n
    const cosigned = new Map<number, Buffer>()
    let trunk: Buffer[] = []
    for (let round = 0; round < 8; round++) {
      const base = Number((await witnessState(city().context, log.origin))?.size ?? 0n)
      t.equal(base, trunk.length, 'a restart forgets nothing')
      const branches = [0, 1, 2].map((b) => [
        ...trunk,
        ...Array.from({ length: 12 }, (_, i) => sha256(Buffer.from(`${round} ${b} ${i}`))),
      ])
      const rogue = await Rogue.at(federation, '330106', '330100')
      const lines: { size: number; root: Buffer }[] = []
      const calls = Array.from({ length: 24 }, async (_, i) => {
        const branch = branches[pick(3)]!
        const size = base + 1 + pick(11)
        const leaves = branch.slice(0, size)
        // The client of an honest log would resume at the size of a 409; a dishonest one tries that on every branch.
        let old = base
        for (let attempt = 0; attempt < 3 && old <= size; attempt++) {
          const hashes = old === 0 ? [] : proof(old, leaves)
          if (i % 4 === 0) {
            const answer = await rogue.calls
              .witness(
                {
                  oldSize: BigInt(old),
                  consistency: hashes,
                  checkpoint: Buffer.from(log.note(size, mth(leaves))),
                },
                { timeoutMs: 20_000 },
              )
              .catch(() => undefined)
            if (!answer) return
            if (answer.cosignature.length > 0) return void lines.push({ size, root: mth(leaves) })
            old = Number(answer.knownSize)
            continue
          }
          const reply = await post(log.body(old, leaves, hashes))
          if (reply.status === 200) {
            cosignedAt(
              reply.body.toString(),
              `${log.origin}\n${size}\n${mth(leaves).toString('base64')}\n`,
              city().context.cosigner.vkey,
            )
            return void lines.push({ size, root: mth(leaves) })
          }
          if (reply.status !== 409) return
          old = Number(reply.body.toString())
        }
      })
      // Every other round the witness stops in the middle of it.
      const outcome = Promise.allSettled(calls)
      if (round % 2 === 1)
        await Promise.race([outcome, federation.until('some are cosigned', () => lines.length > 1)])
      else await outcome
      await federation.restart('330100')
      await outcome
      rogue.close()
      const state = (await witnessState(city().context, log.origin))!
      const of = branches.filter((branch) =>
        mth(branch.slice(0, Number(state.size))).equals(state.root),
      )
      t.ok(of.length >= 1, 'what it cosigned last is on a branch')
      trunk = of[0]!.slice(0, Number(state.size))
      for (const { size, root } of lines) cosigned.set(size, root)
      for (const { size, root } of lines)
        t.ok(
          size <= trunk.length && root.equals(mth(trunk.slice(0, size))),
          `round ${round}: the tree of ${size} is a beginning of the one cosigned last, ${trunk.length}`,
        )
    }
    t.ok(cosigned.size > 8, `${cosigned.size} trees were cosigned, --seed ${seed}`)
    for (const [size, root] of cosigned) t.ok(root.equals(mth(trunk.slice(0, size))))
    t.same(await findings(federation), [])
  },
)
