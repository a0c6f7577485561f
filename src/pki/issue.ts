/** Issues certificates: DER built with node-forge's asn1, keys and signatures by node:crypto. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { isIPv4 } from 'node:net'
import forge from 'node-forge'
import type { Random } from '../base/random.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { spiffeUri, type PeerRole } from './identity.ts'

const { asn1 } = forge
type Asn1 = forge.asn1.Asn1
const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class

/** A certificate with its private key. */
export interface Issued {
  readonly certificatePem: string
  readonly keyPem: string
}

/** Who signs: a CA certificate and its key. */
export interface Issuer {
  readonly certificatePem: string
  readonly keyPem: string
}

export interface Validity {
  /** Milliseconds since 1970. */
  readonly fromMs: number
  readonly toMs: number
}

const BACKDATE_MS = 5 * 60_000

/** A self-signed root. */
export function issueRoot({
  commonName,
  validity,
  random,
}: {
  commonName: string
  validity: Validity
  random: Random
}): Issued {
  const keys = newKeys()
  const certificatePem = build({
    subject: commonName,
    issuer: undefined,
    publicKey: keys.publicKey,
    signer: keys.privateKey,
    validity,
    random,
    extensions: [basicConstraints(true, 1), keyUsage(0x06), subjectKeyId(keys.publicKey)],
  })
  return { certificatePem, keyPem: pemOf(keys.privateKey) }
}

/**
 * An issuing CA, bound by critical name constraints to a trust domain: URIs of it, and DNS names below it, so that it
 * cannot be a server of another domain to clients that look at DNS names alone. `hostDomains` are further DNS names
 * below which its nodes answer.
 */
export function issueCa({
  issuer,
  commonName,
  trustDomain,
  hostDomains = [],
  validity,
  random,
}: {
  issuer: Issuer
  commonName: string
  trustDomain: string
  hostDomains?: readonly string[]
  validity: Validity
  random: Random
}): Issued {
  const keys = newKeys()
  const certificatePem = build({
    subject: commonName,
    issuer: issuer.certificatePem,
    publicKey: keys.publicKey,
    signer: createPrivateKey(issuer.keyPem),
    validity,
    random,
    extensions: [
      basicConstraints(true, 0),
      keyUsage(0x06),
      nameConstraints(trustDomain, hostDomains),
      subjectKeyId(keys.publicKey),
      authorityKeyId(issuer.certificatePem),
    ],
  })
  return { certificatePem, keyPem: pemOf(keys.privateKey) }
}

export interface LeafRequest {
  readonly issuer: Issuer
  readonly role: PeerRole
  readonly trustDomain: string
  readonly nodeId: string
  /** Client, person or auditor name. */
  readonly name: string
  readonly validity: Validity
  readonly random: Random
  /** For foreign clients that check host names. */
  readonly dnsNames?: readonly string[]
  /** IPv4 and IPv6. */
  readonly ipAddresses?: readonly string[]
}

/** A leaf with a new key. */
export function issueLeaf(request: LeafRequest): Issued {
  const keys = newKeys()
  return { certificatePem: buildLeaf(request, keys.publicKey), keyPem: pemOf(keys.privateKey) }
}

/**
 * A leaf for a key that its holder keeps; only the public key is taken from the CSR.
 * @throws HuxinError argument_invalid when the CSR's own signature does not verify
 */
export function issueFromCsr(request: LeafRequest, csrPem: string): string {
  return buildLeaf(request, publicKeyOfCsr(csrPem))
}

/** A certificate signing request (PKCS #10) for a new or given key. */
export function createCsr(commonName: string, keyPem?: string): { csrPem: string; keyPem: string } {
  const privateKey = keyPem === undefined ? newKeys().privateKey : createPrivateKey(keyPem)
  const info = sequence([
    integer(Buffer.from([0])),
    name(commonName),
    spkiOf(createPublicKey(privateKey)),
    context(0, []),
  ])
  const der = signed(info, privateKey)
  return { csrPem: pem('CERTIFICATE REQUEST', der), keyPem: pemOf(privateKey) }
}

/** Validity from now (backdated five minutes for clocks that differ) over some days. */
export function validityDays(nowMs: number, days: number): Validity {
  return { fromMs: nowMs - BACKDATE_MS, toMs: nowMs + days * 86_400_000 }
}

function buildLeaf(request: LeafRequest, publicKey: KeyObject): string {
  const {
    issuer,
    role,
    nodeId,
    name: own,
    validity,
    random,
    dnsNames = [],
    ipAddresses = [],
  } = request
  const names = [
    general(6, Buffer.from(spiffeUri({ ...request, name: own }))),
    ...dnsNames.map((dns) => general(2, Buffer.from(dns))),
    ...ipAddresses.map((ip) => general(7, addressBytes(ip))),
  ]
  return build({
    // A common name with a point would be held against the DNS constraints of the CA, where no DNS name stands beside it.
    subject: own === '' ? nodeId : own.includes('.') ? `${role} ${own}` : own,
    issuer: issuer.certificatePem,
    publicKey,
    signer: createPrivateKey(issuer.keyPem),
    validity,
    random,
    extensions: [
      basicConstraints(false),
      keyUsage(0x80),
      extendedKeyUsage(role),
      extension('2.5.29.17', sequence(names), false),
      subjectKeyId(publicKey),
      authorityKeyId(issuer.certificatePem),
    ],
  })
}

function build({
  subject,
  issuer,
  publicKey,
  signer,
  validity,
  random,
  extensions,
}: {
  subject: string
  issuer: string | undefined
  publicKey: KeyObject
  signer: KeyObject
  validity: Validity
  random: Random
  extensions: Asn1[]
}): string {
  const serial = Buffer.from(random.fill(new Uint8Array(16)))
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const info = sequence([
    context(0, [integer(Buffer.from([2]))]),
    integer(serial),
    ecdsaSha256(),
    issuer === undefined ? name(subject) : subjectOf(issuer),
    sequence([time(validity.fromMs), time(validity.toMs)]),
    name(subject),
    spkiOf(publicKey),
    context(3, [sequence(extensions)]),
  ])
  return pem('CERTIFICATE', signed(info, signer))
}

function signed(info: Asn1, key: KeyObject): Buffer {
  const signature = sign('sha256', der(info), key)
  return der(sequence([info, ecdsaSha256(), bitString(signature)]))
}

function publicKeyOfCsr(csrPem: string): KeyObject {
  try {
    const request = fromDer(pemBody(csrPem))
    const [info, , signature] = children(request)
    const publicKey = createPublicKey({
      key: der(children(info!)[2]!),
      format: 'der',
      type: 'spki',
    })
    const bits = Buffer.from(signature!.value as string, 'latin1').subarray(1)
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
      throw new Error('its key is of another kind')
    if (!verify('sha256', der(info!), publicKey, bits))
      throw new Error('its signature does not verify')
    return publicKey
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the certificate signing request is not usable: ${textOf(error)}; an ECDSA P-256 request is wanted`,
    )
  }
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

function subjectOf(certificatePem: string): Asn1 {
  const certificate = fromDer(new X509Certificate(certificatePem).raw)
  return children(children(certificate)[0]!)[5]!
}

function keyIdOf(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ format: 'der', type: 'spki' }).subarray(-65))
    .digest()
}

// DER

function node(
  tagClass: forge.asn1.Class,
  type: number,
  constructed: boolean,
  value: string | Asn1[],
): Asn1 {
  return asn1.create(tagClass, type, constructed, value)
}

function sequence(values: Asn1[]): Asn1 {
  return node(UNIVERSAL, asn1.Type.SEQUENCE, true, values)
}

function context(tag: number, values: Asn1[]): Asn1 {
  return node(CONTEXT_SPECIFIC, tag, true, values)
}

function general(tag: number, bytes: Buffer): Asn1 {
  return node(CONTEXT_SPECIFIC, tag, false, bytes.toString('latin1'))
}

/** 4 or 16 bytes of an address that `isIP` takes. */
function addressBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number))
  // The URL parser writes the address in groups of hexadecimal digits, also one that ends like an IPv4 address.
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string | undefined): number[] =>
    text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []
  const [before, after] = [groups(head), groups(tail)]
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]))
}

function integer(bytes: Buffer): Asn1 {
  return node(UNIVERSAL, asn1.Type.INTEGER, false, bytes.toString('latin1'))
}

function octets(bytes: Buffer): Asn1 {
  return node(UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes.toString('latin1'))
}

function bitString(bytes: Buffer, unused = 0): Asn1 {
  return node(
    UNIVERSAL,
    asn1.Type.BITSTRING,
    false,
    Buffer.concat([Buffer.from([unused]), bytes]).toString('latin1'),
  )
}

function oid(text: string): Asn1 {
  return node(UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(text).getBytes())
}

/** A common name; Chinese needs the UTF8String tag, node-forge's default would not parse elsewhere. */
function name(commonName: string): Asn1 {
  const value = node(UNIVERSAL, asn1.Type.UTF8, false, Buffer.from(commonName).toString('latin1'))
  return sequence([node(UNIVERSAL, asn1.Type.SET, true, [sequence([oid('2.5.4.3'), value])])])
}

function time(ms: number): Asn1 {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  const year = Number(text.slice(0, 4))
  return year < 2050
    ? node(UNIVERSAL, asn1.Type.UTCTIME, false, text.slice(2))
    : node(UNIVERSAL, asn1.Type.GENERALIZEDTIME, false, text)
}

function ecdsaSha256(): Asn1 {
  return sequence([oid('1.2.840.10045.4.3.2')])
}

function spkiOf(key: KeyObject): Asn1 {
  return fromDer(key.export({ format: 'der', type: 'spki' }))
}

function extension(id: string, value: Asn1, critical: boolean): Asn1 {
  const flag = critical ? [node(UNIVERSAL, asn1.Type.BOOLEAN, false, '\xff')] : []
  return sequence([oid(id), ...flag, octets(der(value))])
}

function basicConstraints(ca: boolean, pathLength?: number): Asn1 {
  const values = ca ? [node(UNIVERSAL, asn1.Type.BOOLEAN, false, '\xff')] : []
  if (pathLength !== undefined) values.push(integer(Buffer.from([pathLength])))
  return extension('2.5.29.19', sequence(values), true)
}

/** Bits from the left: 0x80 digitalSignature, 0x04 keyCertSign, 0x02 cRLSign. */
function keyUsage(bits: number): Asn1 {
  let unused = 0
  while (((bits >> unused) & 1) === 0) unused++
  return extension('2.5.29.15', bitString(Buffer.from([bits]), unused), true)
}

function extendedKeyUsage(role: PeerRole): Asn1 {
  const uses = role === 'node' ? ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] : ['1.3.6.1.5.5.7.3.2']
  return extension('2.5.29.37', sequence(uses.map(oid)), false)
}

/** URI names are permitted on this host only, DNS names on it and below, and below the others (RFC 5280 section 4.2.1.10). */
function nameConstraints(trustDomain: string, hostDomains: readonly string[]): Asn1 {
  const names = [
    general(6, Buffer.from(trustDomain)),
    ...[trustDomain, ...hostDomains].map((domain) => general(2, Buffer.from(domain))),
  ]
  return extension(
    '2.5.29.30',
    sequence([
      context(
        0,
        names.map((name) => sequence([name])),
      ),
    ]),
    true,
  )
}

/** DNS names on which, and below which, a CA may issue; undefined where it may on any. Only the constraints that this file writes are read. */
export function hostDomainsOf(certificatePem: string): string[] | undefined {
  const tbs = children(fromDer(new X509Certificate(certificatePem).raw))[0]!
  const extensions = children(
    children(tbs).find((value) => value.tagClass === CONTEXT_SPECIFIC && value.type === 3)!,
  )[0]!
  const found = children(extensions).find(
    (one) => asn1.derToOid(children(one)[0]!.value as string) === '2.5.29.30',
  )
  if (!found) return undefined
  const permitted = children(
    fromDer(Buffer.from(children(found).at(-1)!.value as string, 'latin1')),
  ).find(({ type }) => type === 0)
  const names = permitted ? children(permitted).map((subtree) => children(subtree)[0]!) : []
  const domains = names
    .filter(({ tagClass, type }) => tagClass === CONTEXT_SPECIFIC && type === 2)
    .map(({ value }) => value as string)
  return domains.length === 0 ? undefined : domains
}

function subjectKeyId(key: KeyObject): Asn1 {
  return extension('2.5.29.14', octets(keyIdOf(key)), false)
}

function authorityKeyId(issuerPem: string): Asn1 {
  return extension(
    '2.5.29.35',
    sequence([general(0, keyIdOf(new X509Certificate(issuerPem).publicKey))]),
    false,
  )
}

function der(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1')
}

function fromDer(bytes: Uint8Array): Asn1 {
  return asn1.fromDer(Buffer.from(bytes).toString('latin1'), { decodeBitStrings: false } as never)
}

function children(value: Asn1): Asn1[] {
  return value.value as Asn1[]
}

function pem(label: string, bytes: Buffer): string {
  return `-----BEGIN ${label}-----\n${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`
}

function pemBody(text: string): Buffer {
  const match = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)
  if (!match) throw new Error('it is no PEM CERTIFICATE REQUEST')
  return Buffer.from(match[1]!, 'base64')
}
