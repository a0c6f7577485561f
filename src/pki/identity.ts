/**
 * Room `pki`: certificates. Issues them for development and single ones from a CSR, loads and reloads
 * the files of a node, and reads who a peer is. X.509 v3, ECDSA P-256 with SHA-256; node-forge serves as
 * DER toolkit only, every key and signature is node:crypto's, and chains are verified by TLS.
 *
 * Identity is one URI subject alternative name in SPIFFE form:
 *
 *   spiffe://<trust domain>/node/<node id>
 *   spiffe://<trust domain>/client/<node id>/<name>
 *   spiffe://<trust domain>/operator/<node id>/<person>
 *   spiffe://<trust domain>/auditor/<node id>/<name>
 *
 * Name constraints bind each issuing CA to its trust domain. A certificate with another number of such
 * names, or a name in another form or with characters that nobody sees, is nobody; so is one that may itself issue. Which authority may issue in whose name is pinned in member
 * statements, so an identity says who issued it: the SHA-256 of the key that signed the certificate.
 */
import { createHash, X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import { HuxinError } from '../base/errors.ts'
import { isSeen } from '../base/printable.ts'
import { text } from '../base/text.ts'

export type PeerRole = 'node' | 'client' | 'operator' | 'auditor'

export interface PeerIdentity {
  readonly trustDomain: string
  readonly role: PeerRole
  readonly nodeId: string
  /** Client, person or auditor name; '' for a node. */
  readonly name: string
  /** Serial number, upper-case hexadecimal. */
  readonly serial: string
  /**
   * The authority that signed the certificate: SHA-256 of its SubjectPublicKeyInfo (DER), 64 hexadecimal digits. ''
   * where none of the certificates at hand did.
   */
  readonly issuer: string
  /** Milliseconds since 1970 from which the certificate is valid. */
  readonly notBeforeMs: number
  /** Milliseconds since 1970 until which it is. */
  readonly notAfterMs: number
  /** `<trust domain>/<node id>` */
  readonly nodeName: string
}

/** The URI of an identity. */
export function spiffeUri({
  trustDomain,
  role,
  nodeId,
  name,
}: Pick<PeerIdentity, 'trustDomain' | 'role' | 'nodeId' | 'name'>): string {
  // Node.js shows a URI with an apostrophe in quotes.
  return `spiffe://${trustDomain}/${role}/${nodeId}${role === 'node' ? '' : `/${encodeURIComponent(name).replaceAll("'", '%27')}`}`
}

/**
 * Who a certificate says its holder is, and which of `authorities` signed it. The chain was verified by TLS before, so
 * that some order of them leads to a pinned root; whose key signed the leaf is verified here.
 * @throws HuxinError unauthenticated
 */
export function identityOfCertificate(
  certificate: X509Certificate | Uint8Array,
  authorities: readonly X509Certificate[] = [],
): PeerIdentity {
  const x509 = certificate instanceof X509Certificate ? certificate : parse(certificate)
  const names = (x509.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:') || name.startsWith('"'))
  const [first = ''] = names
  const identity = names.length === 1 ? parseSpiffe(first.slice(4)) : undefined
  if (!identity)
    throw new HuxinError(
      'unauthenticated',
      text`the certificate has ${names.length} URI(s) in its subject alternative name, wanted is exactly one, of the form spiffe://<trust domain>/node/<id>`,
    )
  if (x509.ca)
    throw new HuxinError(
      'unauthenticated',
      text`the certificate is that of an authority (CA:TRUE): whoever calls has one of its own, which issues nothing`,
    )
  return {
    ...identity,
    serial: x509.serialNumber,
    nodeName: `${identity.trustDomain}/${identity.nodeId}`,
    issuer: issuerOf(x509, authorities),
    notBeforeMs: Date.parse(x509.validFrom),
    notAfterMs: Date.parse(x509.validTo),
  }
}

/**
 * The identity at the far end of a connection, from the certificate that node:tls verified and those that came with it.
 * `pinned` are the roots (PEM, several in one text).
 * @throws HuxinError unauthenticated
 */
export function identityOfPeer(peer: PeerCertificate, pinned: readonly string[]): PeerIdentity {
  const chain: X509Certificate[] = []
  // node:tls links the certificates by their names alone, and the root to itself.
  for (
    let at = (peer as Linked).issuerCertificate;
    at && chain.length < CHAIN_MAX;
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate
  ) {
    chain.push(parse(at.raw))
  }
  return identityOfCertificate(peer.raw, [...chain, ...pinned.flatMap(certificatesOf)])
}

interface Linked {
  readonly raw: Buffer
  readonly issuerCertificate?: Linked | undefined
}

/** Certificates of a chain that are looked at. */
const CHAIN_MAX = 8

/** The certificates in a PEM text, in its order. @throws HuxinError unauthenticated */
export function certificatesOf(pem: string): X509Certificate[] {
  return splitPem(pem).map((one) => parse(one))
}

/** The blocks of a PEM text that hold certificates. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
}

/** What a member statement names an authority by: SHA-256 of its SubjectPublicKeyInfo (DER), hexadecimal. */
export function authorityOf(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex')
}

function issuerOf(leaf: X509Certificate, authorities: readonly X509Certificate[]): string {
  const signed = authorities.find(
    (one) => leaf.issuer === one.subject && leaf.verify(one.publicKey),
  )
  return signed ? authorityOf(signed) : ''
}

/** The serial number as it is compared: without separators and leading zeros, in capitals. */
export function canonicalSerial(serial: string): string {
  return serial
    .replaceAll(/[\s:]/g, '')
    .toUpperCase()
    .replace(/^(?:0X)?0*/, '')
}

function parseSpiffe(
  uri: string,
): Pick<PeerIdentity, 'trustDomain' | 'role' | 'nodeId' | 'name'> | undefined {
  const match =
    /^spiffe:\/\/([a-z0-9.-]{1,128})\/(node|client|operator|auditor)\/([a-z0-9-]{1,32})(?:\/([A-Za-z0-9%._~!'()*-]{1,600}))?$/.exec(
      uri,
    )
  if (!match || (match[2] === 'node') !== (match[4] === undefined)) return undefined
  try {
    const name = decodeURIComponent(match[4] ?? '')
    if ((match[4] !== undefined && name.trim() === '') || name.length > 200 || !isSeen(name))
      return undefined
    return { trustDomain: match[1]!, role: match[2] as PeerRole, nodeId: match[3]!, name }
  } catch {
    return undefined
  }
}

function parse(der: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (error) {
    throw new HuxinError('unauthenticated', text`the certificate does not parse`, { cause: error })
  }
}
