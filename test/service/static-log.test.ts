import { createHash, createPublicKey, verify } from 'node:crypto'
import { cp, readFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Context } from '../../src/commit/context.ts'
import { Log } from '../../src/log/log.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import { formatSignerKey, parseSignerKey } from '../../src/note/key.ts'
import { createDevelopmentPki, issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { acceptsGzip, parseStaticPath, readStatic } from '../../src/service/static-log.ts'
import { openMemoryStore } from '../../src/store/memory/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { HOST, HttpsClient } from '../support/https.ts'
import { industryRecord } from '../support/records.ts'

const sha256 = (...parts: Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()
const leafOf = (entry: Uint8Array): Buffer => sha256(Buffer.of(0), entry)

/** RFC 6962 section 2.1, word for word. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]!
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return sha256(Buffer.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}

/** tlog-tiles, word for word: the hashes of tile n at level l that a tree of these leaves has. `known` keeps subtrees. */
function naiveTile(
  leaves: readonly Buffer[],
  l: number,
  n: number,
  known: Map<string, Buffer>,
): Buffer[] {
  const span = 256 ** l
  const hashes: Buffer[] = []
  for (let i = 0; i < 256 && (n * 256 + i + 1) * span <= leaves.length; i++) {
    const name = `${l} ${n * 256 + i}`
    if (!known.has(name))
      known.set(name, mth(leaves.slice((n * 256 + i) * span, (n * 256 + i + 1) * span)))
    hashes.push(known.get(name)!)
  }
  return hashes
}

/** The length prefixes by hand. */
function naiveBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 255), entry]),
  )
}

/** A log alone, whose entries may be any bytes. */
async function openLog(t: Test): Promise<{
  log: Log
  context: Context
  stage: (entries: readonly Uint8Array[]) => Promise<void>
}> {
  const store: Store = await openMemoryStore()
  t.teardown(() => store.close())
  const slot: CheckpointSlot = {
    read: async () => [],
    write: async () => undefined,
    close: async () => undefined,
  }
  const signer = parseSignerKey(formatSignerKey('example.com/log', 'ed25519', new Uint8Array(32)))
  const log = await Log.open({ store, origin: 'example.com/log/1', signer, slot })
  await log.seal()
  return {
    log,
    context: { store, log: () => log } as Partial<Context> as Context,
    async stage(entries) {
      const staged = log.stage(entries)
      await store.write(staged.ops)
      staged.apply()
    },
  }
}

async function bytesAt(context: Context, path: string): Promise<Buffer | undefined> {
  const parsed = parseStaticPath(path)
  const found = parsed && (await readStatic(context, parsed))
  return found && Buffer.from(found.bytes)
}

t.test(
  'a log of the leaves of RFC 6962 has the published tile, and bundles as they are made by hand',
  async (t) => {
    const { context, log, stage } = await openLog(t)
    const entries = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ].map((text) => Buffer.from(text, 'hex'))
    await stage(entries)
    await log.seal()
    t.equal(
      (await bytesAt(context, '/tile/0/000.p/5'))!.toString('hex'),
      [
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7',
        '07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ].join(''),
    )
    t.equal(
      (await bytesAt(context, '/tile/entries/000.p/8'))!.toString('hex'),
      '0000' +
        '000100' +
        '000110' +
        '00022021' +
        '00023031' +
        '000440414243' +
        '00085051525354555657' +
        '0010606162636465666768696a6b6c6d6e6f',
    )
    t.match(
      (await bytesAt(context, '/checkpoint'))!.toString(),
      `example.com/log/1\n8\n${Buffer.from('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328', 'hex').toString('base64')}\n\n— example.com/log `,
    )
  },
)

t.test('the entries of the published test log give its published root', async (t) => {
  const { context, log, stage } = await openLog(t)
  await stage(['one', 'two', 'three'].map((text) => Buffer.from(text)))
  await log.seal()
  t.match(
    (await bytesAt(context, '/checkpoint'))!.toString(),
    '\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n',
  )
  t.equal(
    (await bytesAt(context, '/tile/entries/000.p/3'))!.toString('latin1'),
    '\0\x03one\0\x03two\0\x05three',
  )
})

t.test(
  'every tree of 0 to 600 entries serves exactly the tiles of the definition, and nothing before it is signed',
  async (t) => {
    const { context, log, stage } = await openLog(t)
    const entries: Buffer[] = []
    const leaves: Buffer[] = []
    const known = new Map<string, Buffer>()
    const wrong: string[] = []
    const same = async (path: string, wanted: Buffer | undefined): Promise<void> => {
      const found = await bytesAt(context, path)
      if (wanted === undefined ? found !== undefined : !found?.equals(wanted))
        wrong.push(`${leaves.length}: ${path} ${found?.length} bytes`)
    }
    const thorough = new Set([0, 1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 513, 600])
    for (let size = 0; size <= 600; size++) {
      if (size > 0) {
        const entry = Buffer.alloc((size * 37) % 300, size & 255)
        await stage([entry])
        // Durable and not signed: as if it were not there.
        const at = size - 1
        await same(
          at % 256 === 255 ? `/tile/0/00${at >> 8}` : `/tile/0/00${at >> 8}.p/${(at % 256) + 1}`,
          undefined,
        )
        await same(
          at % 256 === 255
            ? `/tile/entries/00${at >> 8}`
            : `/tile/entries/00${at >> 8}.p/${(at % 256) + 1}`,
          undefined,
        )
        await log.seal()
        entries.push(entry)
        leaves.push(leafOf(entry))
      }
      for (const level of [0, 1, 2]) {
        for (const index of [0, 1, 2, 3]) {
          const hashes = naiveTile(leaves, level, index, known)
          const widths = thorough.has(size)
            ? Array.from({ length: 256 }, (_, i) => i + 1)
            : [1, hashes.length, hashes.length + 1, 256]
          for (const width of new Set(widths)) {
            if (width < 1 || width > 256) continue
            const end = width === 256 ? '' : `.p/${width}`
            await same(
              `/tile/${level}/00${index}${end}`,
              width <= hashes.length ? Buffer.concat(hashes.slice(0, width)) : undefined,
            )
            if (
              level === 0 &&
              (thorough.has(size) || width === hashes.length || width === hashes.length + 1)
            ) {
              await same(
                `/tile/entries/00${index}${end}`,
                width <= hashes.length
                  ? naiveBundle(entries.slice(index * 256, index * 256 + width))
                  : undefined,
              )
            }
          }
        }
      }
      if (thorough.has(size)) await same('/checkpoint', Buffer.from(log.signed.note))
      if (thorough.has(size) && !Buffer.from(log.signed.root).equals(mth(leaves)))
        wrong.push(`${size}: root`)
    }
    t.same(wrong.slice(0, 20), [])
  },
)

t.test('a path has one form', (t) => {
  t.same(parseStaticPath('/tile/0/x001/x234/067'), {
    kind: 'tile',
    level: 0,
    index: 1_234_067n,
    width: 256,
  })
  t.same(parseStaticPath('/tile/63/000.p/255'), { kind: 'tile', level: 63, index: 0n, width: 255 })
  t.same(parseStaticPath('/tile/entries/x001/000.p/1'), { kind: 'entries', index: 1000n, width: 1 })
  t.same(parseStaticPath('/checkpoint'), { kind: 'checkpoint' })
  for (const path of WRONG_PATHS) t.equal(parseStaticPath(path), undefined, path)
  t.end()
})

const WRONG_PATHS = [
  '',
  '/',
  'checkpoint',
  '//checkpoint',
  '/checkpoint/',
  '/checkpoint?',
  '/Checkpoint',
  '/checkpoint%00',
  '/tile',
  '/tile/',
  '/tile/0',
  '/tile/0/',
  '/tile/0/0',
  '/tile/0/00',
  '/tile/0/0000',
  '/tile/00/000',
  '/tile/64/000',
  '/tile/-1/000',
  '/tile/+1/000',
  '/tile/0/x000/000',
  '/tile/0/001/067',
  '/tile/0/x001/x067',
  '/tile/0/X001/067',
  '/tile/0/1001',
  '/tile/0/000.p',
  '/tile/0/000.p/',
  '/tile/0/000.p/0',
  '/tile/0/000.p/01',
  '/tile/0/000.p/256',
  '/tile/0/000.p/1/',
  '/tile/0/000.p/1.p/1',
  '/tile/0/000/',
  '/tile/0/000?a=1',
  '/tile/0/../0/000',
  '/tile/0/%30%30%30',
  '/tile/0/٠٠٠',
  '/tile/8/0/000',
  '/tile/data/000',
  '/tile/entries',
  '/tile/entries/0',
  '/tile/entries/000.p/256',
  '/tile/entries/0/000',
  '/../checkpoint',
  '/tile/0/x999/x999/x999/x999/x999/x999/x999/999',
]

t.test('gzip is given only to whom it is no surprise', (t) => {
  for (const yes of ['gzip', 'gzip, identity', 'br;q=1.0, gzip;q=0.5', 'deflate,gzip ; q=1'])
    t.ok(acceptsGzip(yes), yes)
  for (const no of ['', 'identity', 'gzip;q=0', 'gzip;q=0.000', 'xgzip', 'gzipx', '*'])
    t.notOk(acceptsGzip(no), no)
  t.end()
})

const CITY: Place = { id: '330100', tier: 'province', divisions: ['330100'] }
const WIDTH = 256

/** A city that serves its log, with certificates of every kind. */
async function startCity(
  t: Test,
  audit: string,
): Promise<{
  federation: TestFederation
  certs: string
  client: (certificate?: string, more?: object) => Promise<HttpsClient>
}> {
  const federation = await TestFederation.start([CITY])
  t.teardown(() => federation.stop())
  for (const [nodeId, role, name] of [
    ['330100', 'auditor', '审计厅'],
    ['330106', 'operator', '李四'],
    ['330106', 'auditor', '审计局'],
    ['330106', 'node', ''],
  ] as const) {
    await issueDevelopmentLeaf(federation.pki, {
      tier: nodeId === CITY.id ? CITY.tier : 'county',
      role,
      nodeId,
      name,
    })
  }
  await federation.writeConfig(CITY, audit)
  await federation.restart('330100')
  const { folder } = federation.pki
  return {
    federation,
    certs: folder,
    client: (certificate, more) =>
      HttpsClient.open(folder, federation.node('330100').auditPort, certificate, more),
  }
}

const slug = (name: string): string => encodeURIComponent(name).replaceAll('%', '').toLowerCase()
const OPERATOR = `330100/operator-${slug('张三')}`
const AUDITOR = `330100/auditor-${slug('审计厅')}`
const OTHERS = [`330106/operator-${slug('李四')}`, `330106/auditor-${slug('审计局')}`]

/** The ticket of a handshake without a client certificate; undefined when there is none. */
async function sessionWithoutCertificate(certs: string, port: number): Promise<Buffer | undefined> {
  const ca = await readFile(`${certs}/root.crt`, 'utf8')
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: HOST }, () =>
      socket.write('GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n'),
    )
    socket
      .on('error', () => undefined)
      .once('close', () => resolve(undefined))
      .once('session', (ticket: Buffer) => {
        resolve(ticket)
        socket.destroy()
      })
  })
}

t.test('a public static log', async (t) => {
  const { federation, certs, client } = await startCity(
    t,
    'audit:\n  listen: 127.0.0.1:0\n  public: true\n',
  )
  const city = federation.node('330100')
  await Promise.all(
    Array.from({ length: 270 }, (_, i) =>
      publishRecords(city.context, [industryRecord(i)], ['330100']),
    ),
  )
  const { size } = city.context.log().signed
  const partial = Number(size) - WIDTH
  const [anybody, auditor, operator] = await Promise.all([
    client(),
    client(AUDITOR),
    client(OPERATOR),
  ])

  await t.test(
    'lets an auditor find the whole log under its checkpoint, without any of our code',
    async (t) => {
      const { status, headers, body } = await anybody.get('/checkpoint')
      t.equal(status, 200)
      t.equal(headers['content-type'], 'text/plain; charset=utf-8')
      const [origin, count, root, empty, line] = body.toString().split('\n')
      t.same([origin, BigInt(count!), empty], [city.context.log().origin, size, ''])
      const text = body.subarray(0, body.indexOf('\n\n') + 1)
      const blob = Buffer.from(line!.split(' ')[2]!, 'base64')
      const key = Buffer.from(
        city.context.log().vkey.split('+').slice(2).join('+'),
        'base64',
      ).subarray(1)
      const publicKey = createPublicKey({
        key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]),
        format: 'der',
        type: 'spki',
      })
      t.ok(verify(null, text, publicKey, blob.subarray(4)), 'the log signed it')
      const leaves: Buffer[] = []
      for (const path of ['000', `001.p/${partial}`]) {
        const bundle = (await auditor.get(`/tile/entries/${path}`)).body
        const hashes: Buffer[] = []
        for (let at = 0; at < bundle.length;) {
          const length = bundle.readUInt16BE(at)
          hashes.push(leafOf(bundle.subarray(at + 2, at + 2 + length)))
          at += 2 + length
        }
        t.ok(
          (await anybody.get(`/tile/0/${path}`)).body.equals(Buffer.concat(hashes)),
          `the bundle ${path} hashes to its tile`,
        )
        leaves.push(...hashes)
      }
      t.equal(mth(leaves).toString('base64'), root)
      t.ok((await anybody.get('/tile/1/000.p/1')).body.equals(mth(leaves.slice(0, WIDTH))))
    },
  )

  await t.test('says how long each of them may be kept', async (t) => {
    const cacheOf = async (from: HttpsClient, path: string): Promise<string | undefined> =>
      (await from.get(path)).headers['cache-control']
    t.equal(await cacheOf(anybody, '/checkpoint'), 'public, max-age=2')
    for (const path of ['/tile/0/000', `/tile/0/001.p/${partial}`, '/tile/1/000.p/1']) {
      const { status, headers } = await anybody.get(path)
      t.match(
        { status, ...headers },
        {
          status: 200,
          'content-type': 'application/octet-stream',
          'cache-control': 'public, max-age=31536000, immutable',
        },
        path,
      )
    }
    t.equal(await cacheOf(auditor, '/tile/entries/000'), 'private, max-age=31536000, immutable')
    for (const path of [
      '/tile/0/002',
      `/tile/0/001.p/${partial + 1}`,
      '/nothing',
      '/tile/entries/000',
    ])
      t.equal(await cacheOf(anybody, path), 'no-store', path)
  })

  await t.test('has no tile that the signed tree has not', async (t) => {
    for (const path of [
      '/tile/0/001',
      '/tile/0/002',
      `/tile/0/001.p/${partial + 1}`,
      '/tile/1/000',
      '/tile/1/000.p/2',
      '/tile/1/001.p/1',
      '/tile/2/000.p/1',
      '/tile/63/000',
      '/tile/entries/001',
      `/tile/entries/001.p/${partial + 1}`,
      '/tile/0/x018/x446/x744/x073/x709/x551/615',
      ...WRONG_PATHS.filter((path) => /^\/[!-~]*$/.test(path)),
    ]) {
      t.equal((await auditor.get(path)).status, 404, path)
    }
  })

  await t.test('keeps a partial tile after the tile grew', async (t) => {
    t.equal((await anybody.get('/tile/0/000.p/7')).body.length, 7 * 32)
    t.ok(
      (await anybody.get('/tile/0/000')).body
        .subarray(0, 7 * 32)
        .equals((await anybody.get('/tile/0/000.p/7')).body),
    )
  })

  await t.test(
    'gives entries to operators and auditors of this node and to nobody else',
    async (t) => {
      for (const from of [auditor, operator])
        t.equal((await from.get('/tile/entries/000')).status, 200)
      for (const certificate of [
        undefined,
        '330100/client-bench',
        '330100/node',
        '330106/node',
        ...OTHERS,
      ]) {
        const reply = await (await client(certificate)).get('/tile/entries/000')
        t.equal(reply.status, 403, certificate ?? 'nobody')
        t.ok(reply.body.length < 300)
        t.equal(
          (await (await client(certificate)).get('/tile/0/000')).status,
          200,
          certificate ?? 'nobody',
        )
      }
    },
  )

  await t.test('takes an auditor that the CA of another tier issued for nobody', async (t) => {
    await issueDevelopmentLeaf(federation.pki, {
      tier: 'county',
      role: 'auditor',
      nodeId: '330100',
      name: 'by-the-county',
    })
    const reply = await (await client('330100/auditor-by-the-county')).get('/tile/entries/000')
    t.equal(reply.status, 403)
    t.match(reply.body.toString(), /may not issue in the name of zj.example\/330100/)
  })

  await t.test(
    'takes a certificate of another authority, or one that has expired, for none',
    async (t) => {
      const foreign = { ...federation.pki, folder: join(federation.folder, 'foreign') }
      await createDevelopmentPki(foreign, ['county'])
      await issueDevelopmentLeaf(foreign, {
        tier: 'county',
        role: 'auditor',
        nodeId: '330100',
        name: 'x',
      })
      await cp(join(foreign.folder, '330100'), join(certs, 'foreign'), { recursive: true })
      await issueDevelopmentLeaf(
        { ...federation.pki, clock: { ...systemClock, nowMs: () => Date.now() - 10 * 86_400_000 } },
        { tier: 'province', role: 'auditor', nodeId: '330100', name: 'old', days: 1 },
      )
      for (const certificate of ['foreign/auditor-x', '330100/auditor-old']) {
        t.equal(
          (await (await client(certificate)).get('/tile/entries/000')).status,
          403,
          certificate,
        )
      }
    },
  )

  await t.test('takes a resumed session without a certificate for nobody', async (t) => {
    const resumed = await client(undefined, {
      session: await sessionWithoutCertificate(certs, city.auditPort),
    })
    const reply = await resumed.get('/tile/entries/000')
    t.equal(reply.reused, false, 'and resumes none')
    t.equal(reply.status, 403)
  })

  await t.test('compresses bundles for whom it may', async (t) => {
    const plain = await auditor.get('/tile/entries/000')
    const zipped = await auditor.get('/tile/entries/000', {
      headers: { 'Accept-Encoding': 'gzip' },
    })
    t.match(zipped.headers, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    t.equal(plain.headers['content-encoding'], undefined)
    t.ok(gunzipSync(zipped.body).equals(plain.body))
    t.equal(
      (await auditor.get('/tile/0/000', { headers: { 'Accept-Encoding': 'gzip' } })).headers[
        'content-encoding'
      ],
      undefined,
    )
  })

  await t.test('answers HEAD like GET without the body, and no other method', async (t) => {
    const head = await anybody.get('/tile/0/000', { method: 'HEAD' })
    t.match(
      { status: head.status, length: head.headers['content-length'], bytes: head.body.length },
      { status: 200, length: '8192', bytes: 0 },
    )
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      t.match(
        await anybody.get('/tile/0/000', { method }),
        { status: 405, headers: { allow: 'GET, HEAD' } },
        method,
      )
  })

  await t.test('answers many requests on one connection', async (t) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const kept = await client(AUDITOR, { agent })
    for (const path of ['/checkpoint', '/tile/0/000', '/tile/9/000', '/tile/entries/000'])
      t.equal((await kept.get(path)).headers.connection, 'keep-alive', path)
    t.equal((await kept.post('/add-checkpoint', 'old 0\n\n')).headers.connection, 'keep-alive')
    agent.destroy()
  })

  await t.test('speaks TLS 1.3 and no older', async (t) => {
    await t.rejects((await client(AUDITOR, { maxVersion: 'TLSv1.2' })).get('/checkpoint'))
  })

  await t.test('shows a new certificate as soon as the node has read it', async (t) => {
    const before = (await anybody.get('/checkpoint')).serial
    await issueDevelopmentLeaf(federation.pki, {
      tier: 'province',
      role: 'node',
      nodeId: '330100',
      name: '',
    })
    await city.reloadTls()
    const { serial, status } = await anybody.get('/checkpoint')
    t.equal(status, 200)
    t.not(serial, before)
    t.equal((await auditor.get('/tile/entries/000')).status, 200)
  })

  t.same(await findings(federation), [])
})

t.test('a static log that is not public', async (t) => {
  const { federation, certs, client } = await startCity(t, 'audit: { listen: "127.0.0.1:0" }\n')
  await t.test('shows nothing at all without a certificate of the federation', async (t) => {
    await t.rejects((await client()).get('/checkpoint'))
  })
  await federation.registerClient('330100')
  const { size } = federation.node('330100').context.log().signed
  await t.test(
    'shows hashes to every certificate of this node, entries to operators and auditors, and nothing to a node that is no member',
    async (t) => {
      for (const [certificate, tree, entries] of [
        [OPERATOR, 200, 200],
        [AUDITOR, 200, 200],
        ['330100/client-bench', 200, 403],
        ['330106/node', 403, 403],
        [OTHERS[0]!, 403, 403],
        [OTHERS[1]!, 403, 403],
      ] as const) {
        const from = await client(certificate)
        t.same(
          [
            (await from.get('/checkpoint')).status,
            (await from.get(`/tile/0/000.p/${size}`)).status,
            (await from.get(`/tile/entries/000.p/${size}`)).status,
          ],
          [tree, tree, entries],
          certificate,
        )
      }
    },
  )
  await t.test('shows nothing in a session that was begun without one', async (t) => {
    const session = await sessionWithoutCertificate(certs, federation.node('330100').auditPort)
    const resumed = await client(undefined, session ? { session } : {})
    for (const path of ['/checkpoint', `/tile/0/000.p/${size}`, `/tile/entries/000.p/${size}`]) {
      t.ok((await resumed.get(path).catch(() => ({ status: 403 }))).status === 403, path)
    }
  })
  await t.test('is kept by no cache between', async (t) => {
    const from = await client(AUDITOR)
    t.equal((await from.get('/checkpoint')).headers['cache-control'], 'private, max-age=2')
    t.equal(
      (await from.get(`/tile/0/000.p/${size}`)).headers['cache-control'],
      'private, max-age=31536000, immutable',
    )
  })
  await t.test('closes with the node, whoever is still connected', async (t) => {
    const node = federation.node('330100')
    const socket = connect({ host: '127.0.0.1', port: node.auditPort, rejectUnauthorized: false })
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve) => socket.once('connect', resolve))
    await node.close()
    await closed
    t.pass()
  })
})

t.test('a node without an audit block listens for nobody', async (t) => {
  const federation = await TestFederation.start([CITY], { catalog: false })
  t.teardown(() => federation.stop())
  t.equal(federation.node('330100').config.audit, undefined)
  t.equal(federation.node('330100').auditPort, 0)
})
