import { createHash, createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { systemRandom as random } from '../../src/base/random.ts'
import {
  createDevelopmentPki,
  type DevelopmentPki,
  issueDevelopmentCsr,
  issueDevelopmentLeaf,
  leafName,
} from '../../src/pki/devpki.ts'
import { identityOfCertificate } from '../../src/pki/identity.ts'
import {
  createCsr,
  hostDomainsOf,
  issueCa,
  issueFromCsr,
  issueLeaf,
  issueRoot,
  type Issued,
  type Issuer,
  type LeafRequest,
  type Validity,
  validityDays,
} from '../../src/pki/issue.ts'
import {
  loadTlsMaterial,
  type TlsFiles,
  type TlsMaterial,
  TlsMaterialWatcher,
} from '../../src/pki/material.ts'
import {
  AUTHORITY_AS_OPERATOR,
  ONE_URI,
  P256_CSR,
  P384_CSR,
  RSA_CSR,
  TWO_URIS,
  URI_AMONG_OTHERS,
  URI_IN_HOST_NAME,
} from './foreign.ts'

const NOW = systemClock.nowMs()
const DAY_MS = 86_400_000
const trustDomain = 'zj.example'
const month = validityDays(NOW, 40.5)
const root = issueRoot({ commonName: 'root', validity: month, random })
const ca = caOf(root, trustDomain)

function caOf(
  issuer: Issuer,
  domain: string,
  validity: Validity = month,
  commonName = `ca of ${domain}`,
): Issued {
  return issueCa({ issuer, commonName, trustDomain: domain, validity, random })
}

function leafOf(changed: Partial<LeafRequest> = {}): Issued {
  return issueLeaf({
    issuer: ca,
    role: 'node',
    trustDomain,
    nodeId: '330106',
    name: '',
    validity: month,
    random,
    ...changed,
  })
}

function x509(pem: string): X509Certificate {
  return new X509Certificate(pem)
}

t.test('exactly one URI says who the holder is, in certificates of other tools too', async (t) => {
  t.match(identityOfCertificate(x509(ONE_URI)), {
    trustDomain,
    role: 'node',
    nodeId: '330106',
    name: '',
    nodeName: 'zj.example/330106',
  })
  t.match(identityOfCertificate(x509(ONE_URI).raw), {
    nodeName: 'zj.example/330106',
    serial: x509(ONE_URI).serialNumber,
  })
  t.match(identityOfCertificate(x509(URI_AMONG_OTHERS)), {
    role: 'client',
    nodeId: '330106',
    name: 'obrien',
  })
  t.throws(() => identityOfCertificate(x509(TWO_URIS)), {
    code: 'unauthenticated',
    message: /has 2 URI/,
  })
  t.throws(() => identityOfCertificate(x509(URI_IN_HOST_NAME)), {
    code: 'unauthenticated',
    message: /has 0 URI/,
  })
  t.throws(() => identityOfCertificate(x509(root.certificatePem)), { code: 'unauthenticated' })
  t.throws(() => identityOfCertificate(Uint8Array.of(1, 2, 3)), {
    code: 'unauthenticated',
    message: /does not parse/,
  })
})

t.test('names in any script come back as they were given', async (t) => {
  for (const name of [
    '张三',
    "o'brien",
    'x y/z%',
    'a!b(c)*~d',
    'a,b="c"\\',
    'URI:spiffe://zj.example/node/330000',
  ]) {
    for (const role of ['client', 'operator', 'auditor'] as const) {
      t.match(identityOfCertificate(x509(leafOf({ role, name }).certificatePem)), {
        role,
        name,
        nodeName: 'zj.example/330106',
      })
    }
  }
})

t.test('a name in another form is nobody', async (t) => {
  const table: readonly [string, Partial<LeafRequest>][] = [
    ['capital letters', { nodeId: 'NODE' }],
    ['no node', { nodeId: '' }],
    ['a long node', { nodeId: 'a'.repeat(33) }],
    ['a longer path', { nodeId: '330106/330000' }],
    ['another role', { role: 'inspector' as 'node', name: 'x' }],
    ['a client without a name', { role: 'client', name: '' }],
    ['an auditor without a name', { role: 'auditor', name: '' }],
    ['a line feed in a name', { role: 'client', name: 'a\nb' }],
    ['an override of direction in a name', { role: 'operator', name: 'a\u202eb' }],
    ['a mark of direction in a name', { role: 'operator', name: '张三\u200f' }],
    ['a character of no width in a name', { role: 'client', name: 'a\u200bb' }],
    ['a line separator in a name', { role: 'auditor', name: 'a\u2028b' }],
    ['a blank name', { role: 'operator', name: ' \u3000' }],
    ['a name of 201 characters', { role: 'client', name: 'a'.repeat(201) }],
    ['no trust domain', { trustDomain: '' }],
    ['a port', { trustDomain: 'zj.example:443' }],
    ['a user', { trustDomain: 'zj.example@js.example' }],
  ]
  for (const [what, changed] of table)
    t.throws(
      () => identityOfCertificate(x509(leafOf(changed).certificatePem)),
      { code: 'unauthenticated' },
      what,
    )
})

t.test('an authority is nobody itself, whatever name it has', async (t) => {
  const own = x509(AUTHORITY_AS_OPERATOR)
  t.ok(own.ca)
  t.throws(() => identityOfCertificate(own), { code: 'unauthenticated', message: /CA:TRUE/ })
})

t.test('a leaf is what its role needs and no more', async (t) => {
  const node = x509(leafOf({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }).certificatePem)
  t.same(node.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  t.equal(
    node.subjectAltName,
    'URI:spiffe://zj.example/node/330106, DNS:localhost, IP Address:127.0.0.1',
  )
  t.same(x509(leafOf({ role: 'client', name: 'x' }).certificatePem).keyUsage, ['1.3.6.1.5.5.7.3.2'])
  t.equal(node.ca, false)
  t.equal(x509(ca.certificatePem).ca, true)
  t.equal(node.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.ok(node.checkIssued(x509(ca.certificatePem)) && node.verify(x509(ca.certificatePem).publicKey))
  t.not(leafOf().keyPem, leafOf().keyPem)
  t.not(x509(leafOf().certificatePem).serialNumber, x509(leafOf().certificatePem).serialNumber)
})

t.test('validity is written to the second on both sides of 2050', async (t) => {
  for (const [from, to] of [
    ['2026-01-02T03:04:05Z', '2049-12-31T23:59:59Z'],
    ['2050-01-01T00:00:00Z', '2099-06-07T08:09:10Z'],
  ] as const) {
    const { validFrom, validTo } = x509(
      leafOf({ validity: { fromMs: Date.parse(from), toMs: Date.parse(to) } }).certificatePem,
    )
    t.same([Date.parse(validFrom), Date.parse(validTo)], [Date.parse(from), Date.parse(to)])
  }
  t.same(validityDays(1_000_000_000, 2), {
    fromMs: 1_000_000_000 - 300_000,
    toMs: 1_000_000_000 + 2 * DAY_MS,
  })
})

/** What a TLS server says of a client's chain: OpenSSL's reason, or 'good'. */
async function verified(leaf: Issued, ...chain: readonly Issued[]): Promise<string> {
  const own = leafOf()
  const server = createServer({
    cert: own.certificatePem + ca.certificatePem,
    key: own.keyPem,
    ca: root.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    key: leaf.keyPem,
    cert: [leaf, ...chain].map(({ certificatePem }) => certificatePem).join(''),
    ca: root.certificatePem,
    checkServerIdentity: () => undefined,
  })
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
  const reason = socket.authorized ? 'good' : String(socket.authorizationError)
  client.destroy()
  socket.destroy()
  server.close()
  return reason
}

t.test(
  'an issuing CA can name members of its own trust domain only, and make no further CA',
  async (t) => {
    t.equal(await verified(leafOf(), ca), 'good')
    // Node.js has no name for OpenSSL's reasons "permitted subtree violation" and "invalid CA".
    const foreign = caOf(root, 'js.example')
    t.equal(
      await verified(leafOf({ issuer: foreign }), foreign),
      'UNSPECIFIED',
      'a CA of another domain',
    )
    t.equal(
      await verified(leafOf({ issuer: foreign, trustDomain: 'js.example' }), foreign),
      'good',
      'the same CA in its own domain',
    )
    for (const domain of ['a.zj.example', 'zj.example.js.example', 'xzj.example', 'example']) {
      t.equal(await verified(leafOf({ trustDomain: domain }), ca), 'UNSPECIFIED', domain)
    }
    // A CA of the same name would be one that changes its key (RFC 5280 section 4.2.1.9).
    const below = caOf(ca, trustDomain, month, 'below')
    t.equal(
      await verified(leafOf({ issuer: below }), below, ca),
      'PATH_LENGTH_EXCEEDED',
      'a CA of a CA',
    )
    const node = leafOf()
    t.equal(
      await verified(leafOf({ issuer: node, nodeId: '330000' }), node, ca),
      'UNSPECIFIED',
      'a node as a CA',
    )
    const other = issueRoot({ commonName: 'root', validity: month, random })
    const stranger = caOf(other, trustDomain)
    t.not(
      await verified(leafOf({ issuer: stranger }), stranger),
      'good',
      'another root of the same name',
    )
  },
)

t.test(
  'from a request only the key is taken, and only a P-256 key whose holder signed',
  async (t) => {
    const request: LeafRequest = {
      issuer: ca,
      role: 'node',
      trustDomain,
      nodeId: '330106',
      name: '',
      validity: month,
      random,
    }
    const issued = x509(issueFromCsr(request, P256_CSR))
    t.match(
      identityOfCertificate(issued),
      { nodeName: 'zj.example/330106' },
      'not the names that it asks for',
    )
    t.equal(issued.subject, 'CN=330106')
    t.ok(issued.publicKey.equals(x509(ONE_URI).publicKey), 'the key is that of the request')
    t.ok(issued.verify(x509(ca.certificatePem).publicKey))

    const { csrPem, keyPem } = createCsr('张三')
    t.ok(x509(issueFromCsr(request, csrPem)).publicKey.equals(createPublicKey(keyPem)))
    t.equal(createCsr('x', keyPem).keyPem, keyPem, 'a key that is there is used')
    const bytes = Buffer.from(csrPem.replaceAll(/-----.*-----|\n/g, ''), 'base64')
    const altered = Buffer.from(bytes)
    altered[20]! ^= 1
    const table: readonly [string, string, RegExp][] = [
      ['P-384', P384_CSR, /key is of another kind/],
      ['RSA', RSA_CSR, /key is of another kind/],
      [
        'altered',
        `-----BEGIN CERTIFICATE REQUEST-----\n${altered.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
        /not usable/,
      ],
      [
        'cut',
        `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.subarray(0, 60).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
        /not usable/,
      ],
      ['a certificate', ONE_URI, /no PEM CERTIFICATE REQUEST/],
      ['nothing', '', /no PEM CERTIFICATE REQUEST/],
    ]
    for (const [what, csr, message] of table)
      t.throws(() => issueFromCsr(request, csr), { code: 'argument_invalid', message }, what)
  },
)

async function temporary(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'huxin-pki-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

interface Written {
  readonly leaf?: Issued
  readonly chain?: string
  readonly key?: string
  readonly roots?: string
}

async function write(
  folder: string,
  {
    leaf = leafOf(),
    chain = leaf.certificatePem + ca.certificatePem,
    key = leaf.keyPem,
    roots = root.certificatePem,
  }: Written = {},
): Promise<TlsFiles> {
  const files = {
    certificateFile: join(folder, 'node.crt'),
    keyFile: join(folder, 'node.key'),
    rootFiles: [join(folder, 'root.crt')],
  }
  await writeFile(files.certificateFile, chain)
  await writeFile(files.keyFile, key, { mode: 0o600 })
  await writeFile(files.rootFiles[0]!, roots)
  return files
}

t.test('files that do not fit together are said in plain words', async (t) => {
  const folder = await temporary(t)
  const leaf = leafOf()
  const past = { fromMs: NOW - 2 * DAY_MS, toMs: NOW - DAY_MS }
  const future = { fromMs: NOW + DAY_MS, toMs: NOW + 2 * DAY_MS }
  const oldCa = caOf(root, trustDomain, past)
  const oldRoot = issueRoot({ commonName: 'old', validity: past, random })
  const caOfOldRoot = caOf(oldRoot, trustDomain)
  const of = (issuer: Issued): Written => {
    const issued = leafOf({ issuer })
    return { leaf: issued, chain: issued.certificatePem + issuer.certificatePem }
  }
  const table: readonly [string, Written, RegExp][] = [
    [
      'the key of another certificate',
      { leaf, key: leafOf().keyPem },
      /node.key is not the key of .*node.crt/,
    ],
    ['no key', { key: 'x' }, /node.key holds no private key in PEM/],
    [
      'the certificate in place of the key',
      { leaf, key: leaf.certificatePem },
      /node.key holds no private key in PEM/,
    ],
    ['no certificate', { chain: '' }, /node.crt holds no certificate/],
    ['without its CA', { leaf, chain: leaf.certificatePem }, /does not lead to a root/],
    [
      'the CA first',
      { leaf, chain: ca.certificatePem + leaf.certificatePem },
      /begins with the certificate of its CA/,
    ],
    [
      'another CA',
      { leaf, chain: leaf.certificatePem + caOf(root, trustDomain).certificatePem },
      /was not issued by the next one/,
    ],
    ['another root', { roots: oldRoot.certificatePem }, /does not lead to a root/],
    ['no root', { roots: '\n' }, /hold no root certificate/],
    ['expired', { leaf: leafOf({ validity: past }) }, /node.crt expired on/],
    ['not yet valid', { leaf: leafOf({ validity: future }) }, /node.crt is not valid before/],
    ['an expired CA', of(oldCa), /the CA .*ca of zj.example.* expired on/],
    [
      'an expired root',
      { ...of(caOfOldRoot), roots: oldRoot.certificatePem },
      /the CA .*old.* expired on/,
    ],
    ['nobody', { leaf: leafOf({ nodeId: 'NOBODY' }) }, /URI\(s\) in its subject alternative name/],
  ]
  for (const [what, written, message] of table) {
    await t.rejects(
      loadTlsMaterial(await write(folder, written), NOW),
      { code: 'config_invalid', message },
      what,
    )
  }
  const files = await write(folder)
  await t.rejects(loadTlsMaterial({ ...files, certificateFile: join(folder, 'no.crt') }, NOW), {
    code: 'config_invalid',
    message: /the certificate file .*no.crt cannot be read: ENOENT: no such file/,
    messageZh: /^证书文件 .*no.crt 无法读取：没有该文件或文件夹（ENOENT）。请放回备份的文件/,
  })

  const two = await loadTlsMaterial(
    await write(folder, { roots: oldRoot.certificatePem + root.certificatePem }),
    NOW,
  )
  t.match(
    two,
    { warnings: [], material: { identity: { nodeName: 'zj.example/330106' } } },
    'one of several roots',
  )
  await chmod(files.keyFile, 0o640)
  t.match((await loadTlsMaterial(files, NOW)).warnings, [
    /node.key can be read by others: chmod 600 it/,
  ])
  await chmod(files.keyFile, 0o600)
  t.match((await loadTlsMaterial(files, NOW + 30 * DAY_MS)).warnings, [
    /node.crt expires in 10 day/,
  ])
})

t.test(
  'private keys of the development PKI are owner-only, also where one lay open before',
  async (t) => {
    const folder = join(await temporary(t), 'certs')
    const pki: DevelopmentPki = { folder, trustDomain, clock: systemClock, random }
    await createDevelopmentPki(pki, ['city', 'county'])
    await issueDevelopmentLeaf(pki, { tier: 'county', role: 'node', nodeId: '330106', name: '' })
    await chmod(join(folder, '330106', 'node.key'), 0o644)
    await issueDevelopmentLeaf(pki, { tier: 'county', role: 'node', nodeId: '330106', name: '' })
    const operator = await issueDevelopmentLeaf(pki, {
      tier: 'county',
      role: 'operator',
      nodeId: '330106',
      name: '张三',
    })
    const keys = (await readdir(folder, { recursive: true })).filter((name) =>
      name.endsWith('.key'),
    )
    t.equal(keys.length, 5)
    for (const key of keys) t.equal((await stat(join(folder, key))).mode & 0o777, 0o600, key)
    for (const name of [folder, join(folder, '330106')]) t.equal((await stat(name)).mode & 0o077, 0)
    const { material, warnings } = await loadTlsMaterial(
      { ...operator, rootFiles: [join(folder, 'root.crt')] },
      NOW,
    )
    t.match(material.identity, { role: 'operator', name: '张三' })
    t.same(warnings, [])

    await t.rejects(createDevelopmentPki(pki, ['county']), {
      code: 'argument_invalid',
      message: /holds a PKI already/,
    })
    await t.rejects(
      issueDevelopmentLeaf(pki, { tier: 'nation', role: 'node', nodeId: '000000', name: '' }),
      { code: 'argument_invalid', message: /no issuing CA for the tier nation/ },
    )
    const before = await readFile(join(folder, '330106', 'node.key'), 'utf8')
    const chain = await issueDevelopmentCsr(
      pki,
      { tier: 'county', role: 'node', nodeId: '330106', name: '' },
      createCsr('x', before).csrPem,
    )
    const taken = await write(folder, {
      chain,
      key: before,
      roots: await readFile(join(folder, 'root.crt'), 'utf8'),
    })
    t.match((await loadTlsMaterial(taken, NOW)).material.identity, {
      nodeName: 'zj.example/330106',
    })
  },
)

t.test('the development PKI signs no certificate that nobody would take', async (t) => {
  const folder = join(await temporary(t), 'certs')
  const pki: DevelopmentPki = { folder, trustDomain, clock: systemClock, random }
  for (const domain of ['', 'ZJ_example', '.example', 'zj example']) {
    await t.rejects(
      createDevelopmentPki({ ...pki, trustDomain: domain }, ['county']),
      { code: 'argument_invalid', message: /is no trust domain/ },
      domain,
    )
  }
  await t.rejects(stat(folder), 'nothing was made')
  await createDevelopmentPki(pki, ['county'])
  const leaf = { tier: 'county', role: 'node', nodeId: '330106', name: '' } as const
  await t.rejects(issueDevelopmentLeaf({ ...pki, trustDomain: 'other.example' }, leaf), {
    code: 'argument_invalid',
    message: /was made for the trust domain zj\.example: it signs nothing for other\.example/,
  })
  for (const nodeId of ['', '../330106', '33/0106', 'ZJ'])
    await t.rejects(
      issueDevelopmentLeaf(pki, { ...leaf, nodeId }),
      { code: 'argument_invalid', message: /is no node id/ },
      nodeId,
    )
  for (const host of ['a b', '::1%eth0', '1.2.3.4.5/x'])
    await t.rejects(
      issueDevelopmentLeaf(pki, { ...leaf, hosts: [host] }),
      { code: 'argument_invalid', message: /neither a DNS name nor an address/ },
      host,
    )
  const namesOf = async (
    of: DevelopmentPki,
    hosts?: readonly string[],
  ): Promise<string | undefined> =>
    new X509Certificate(
      await readFile(
        (await issueDevelopmentLeaf(of, { ...leaf, ...(hosts ? { hosts } : {}) })).certificateFile,
      ),
    ).subjectAltName
  t.equal(
    await namesOf(pki),
    'URI:spiffe://zj.example/node/330106, DNS:330106.zj.example',
    'a name that no other node has, and no other',
  )
  t.equal(
    await namesOf(pki, [
      'node.zj.example',
      'localhost',
      '10.0.0.8',
      '::1',
      '2001:db8::7f00:1',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:7:8',
    ]),
    'URI:spiffe://zj.example/node/330106, DNS:330106.zj.example, DNS:node.zj.example, DNS:localhost, IP Address:10.0.0.8, IP Address:0:0:0:0:0:0:0:1, ' +
      'IP Address:2001:DB8:0:0:0:0:7F00:1, IP Address:0:0:0:0:0:FFFF:102:304, IP Address:1:2:3:4:5:6:7:8',
  )
  await t.rejects(issueDevelopmentLeaf(pki, { ...leaf, hosts: ['node.js.example'] }), {
    code: 'argument_invalid',
    message:
      /may issue for zj\.example, localhost and below, not for node\.js\.example.*--host-domain.*330106\.zj\.example/,
  })
  const wide = { ...pki, folder: join(folder, 'wide') }
  await createDevelopmentPki(wide, ['county'], { hostDomains: ['gov.example'] })
  t.match(await namesOf(wide, ['xy.gov.example']), /DNS:xy\.gov\.example$/)
  await t.rejects(
    createDevelopmentPki({ ...pki, folder: join(folder, 'bad') }, ['county'], {
      hostDomains: ['a b'],
    }),
    { code: 'argument_invalid' },
  )
})

t.test('two names never give one file', async (t) => {
  const names = [
    '张三',
    '阿卜杜热依木·阿卜杜热合曼',
    '阿卜杜热依木·阿卜杜热西提',
    'a1',
    'A1',
    'e5bca0e4b889',
    '张e4b889',
    'a b',
    'a20b',
    'a%20b',
    "a'b",
    'gxj',
    'gxj.1',
    '../x',
    '..2fx',
    'é',
    'c3a9',
    `a1-${createHash('sha256').update('A1').digest('hex').slice(0, 8)}`,
    ...['a', 'b'].map(
      (end) => `zhejiang-market-supervision-administration-credit-department-${end}`,
    ),
  ]
  const files = names.map((name) => leafName({ role: 'operator', name }))
  t.equal(new Set(files).size, names.length)
  for (const file of files) t.match(file, /^operator-[a-z0-9._~-]{1,70}$/)
  t.same(files.slice(0, 1), ['operator-e5bca0e4b889'], 'and the usual ones stay what they were')
  t.equal(leafName({ role: 'client', name: 'gxj' }), 'client-gxj')
})

t.test(
  'a CA is bound to DNS names of its domain too, for verifiers that look at those alone',
  async (t) => {
    const dns = (issuer: Issued, ...dnsNames: string[]): Issued => leafOf({ issuer, dnsNames })
    t.equal(await verified(dns(ca, '330106.zj.example'), ca), 'good')
    for (const name of ['330106.js.example', 'zj.example.js.example', 'xzj.example', 'localhost'])
      t.equal(await verified(dns(ca, name), ca), 'UNSPECIFIED', name)
    // A name in the subject is held against the constraints where no DNS name stands beside it.
    for (const name of ['gxj.example', '张三', 'a.b c'])
      t.equal(await verified(leafOf({ role: 'client', name }), ca), 'good', name)
    const named = caOf(root, trustDomain, month, 'named')
    t.same(
      [hostDomainsOf(named.certificatePem), hostDomainsOf(root.certificatePem)],
      [['zj.example'], undefined],
    )
  },
)

/** A clock that stands until it is put forward; timers come then. */
function handClock(): Clock & { pass(ms: number): void } {
  let nowMs = NOW
  const timers = new Set<{ atMs: number; callback: () => void }>()
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    turn: () => Promise.resolve(),
    after: (delayMs, callback) => {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    pass: (ms) => {
      nowMs += ms
      for (const timer of [...timers]) {
        if (timer.atMs <= nowMs && timers.delete(timer)) timer.callback()
      }
    },
  }
}

t.test('the files of a running node are looked at every five seconds', async (t) => {
  const folder = await temporary(t)
  const clock = handClock()
  const files = await write(folder)
  const taken: TlsMaterial[] = []
  let alarm: string | undefined
  let looks = 0
  let usable = true
  const watcher = await TlsMaterialWatcher.open({
    files,
    nodeName: 'zj.example/330106',
    clock,
    onChange: (material) => {
      if (!usable) throw new HuxinError('config_invalid', 'TLS does not want it')
      taken.push(material)
    },
    onAlarm: (message) => {
      alarm = message?.en
      looks++
    },
  })
  t.teardown(() => watcher.close())
  const look = async (ms = 5_000): Promise<void> => {
    const before = looks
    clock.pass(ms)
    while (looks === before) await new Promise((resolve) => setImmediate(resolve))
    // The next look is planned after this one.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const first = watcher.current
  await look()
  t.same([taken.length, alarm], [0, undefined], 'nothing changed')

  await write(folder)
  await look()
  t.equal(taken.length, 1)
  t.equal(watcher.current, taken[0])
  t.not(watcher.current.keyPem, first.keyPem)

  await writeFile(files.keyFile, leafOf().keyPem)
  await look()
  t.match(alarm, /the last good ones stay: .*node.key is not the key of/)
  t.equal(watcher.current, taken[0])
  await writeFile(files.keyFile, taken[0]!.keyPem)
  await look()
  t.equal(alarm, undefined, 'what was put back is good again')

  await write(folder, { leaf: leafOf({ nodeId: '330000' }) })
  await look()
  t.match(alarm, /is of node zj.example\/330000, wanted is node zj.example\/330106/)
  await write(folder, { leaf: leafOf({ role: 'client', name: 'x' }) })
  await look()
  t.match(alarm, /is of client zj.example\/330106, wanted is node/)

  usable = false
  await write(folder)
  const held = watcher.current
  await look()
  t.match(alarm, /the last good ones stay: TLS does not want it/)
  t.equal(watcher.current, held)
  usable = true
  await look()
  t.not(watcher.current, held)
  t.equal(alarm, undefined, 'it is tried again')

  await write(folder, {
    leaf: leafOf({ validity: { fromMs: NOW + DAY_MS, toMs: NOW + 41.5 * DAY_MS } }),
  })
  const until = taken.length
  await look()
  t.match(alarm, /not valid before/)
  await look(DAY_MS)
  t.equal(taken.length, until + 1, 'it is taken when its day comes, unchanged')

  await chmod(files.keyFile, 0o644)
  await look()
  t.match(alarm, /can be read by others/)
  await chmod(files.keyFile, 0o600)
  await look()
  t.equal(alarm, undefined)
  await look(20 * DAY_MS)
  t.match(alarm, /expires in 19 day/, 'also when nothing changed; its CA goes first')
  await look(21 * DAY_MS)
  t.match(alarm, /has expired/)
})
