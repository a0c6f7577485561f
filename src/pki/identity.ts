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
 * names, or a name in another form, is nobody.
 */
import { X509Certificate } from 'node:crypto'
import { HuxinError } from '../base/errors.ts'

export type PeerRole = 'node' | 'client' | 'operator' | 'auditor'

export interface PeerIdentity {
  readonly trustDomain: string
  readonly role: PeerRole
  readonly nodeId: string
  /** Client, person or auditor name; '' for a node. */
  readonly name: string
  /** Serial number, upper-case hexadecimal. */
  readonly serial: string
  /** `<trust domain>/<node id>` */
  readonly nodeName: string
}

/** The URI of an identity. */
export function spiffeUri({ trustDomain, role, nodeId, name }: Pick<PeerIdentity, 'trustDomain' | 'role' | 'nodeId' | 'name'>): string {
  // Node.js shows a URI with an apostrophe in quotes.
  return `spiffe://${trustDomain}/${role}/${nodeId}${role === 'node' ? '' : `/${encodeURIComponent(name).replaceAll("'", '%27')}`}`
}

/**
 * Who a certificate says its holder is. The chain was verified by TLS before.
 * @throws HuxinError unauthenticated
 */
export function identityOfCertificate(certificate: X509Certificate | Uint8Array): PeerIdentity {
  const x509 = certificate instanceof X509Certificate ? certificate : parse(certificate)
  const names = (x509.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:') || name.startsWith('"'))
  const [first = ''] = names
  const identity = names.length === 1 ? parseSpiffe(first.slice(4)) : undefined
  if (!identity) throw new HuxinError('unauthenticated', `the certificate has ${names.length} URI(s) in its subject alternative name, wanted is exactly one, of the form spiffe://<trust domain>/node/<id>`)
  return { ...identity, serial: x509.serialNumber, nodeName: `${identity.trustDomain}/${identity.nodeId}` }
}

function parseSpiffe(uri: string): Pick<PeerIdentity, 'trustDomain' | 'role' | 'nodeId' | 'name'> | undefined {
  const match = /^spiffe:\/\/([a-z0-9.-]{1,128})\/(node|client|operator|auditor)\/([a-z0-9-]{1,32})(?:\/([A-Za-z0-9%._~!'()*-]{1,600}))?$/.exec(uri)
  if (!match || (match[2] === 'node') !== (match[4] === undefined)) return undefined
  try {
    const name = decodeURIComponent(match[4] ?? '')
    if (/[\x00-\x1f\x7f]/.test(name) || name.length > 200) return undefined
    return { trustDomain: match[1]!, role: match[2] as PeerRole, nodeId: match[3]!, name }
  } catch {
    return undefined
  }
}

function parse(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch (error) {
    throw new HuxinError('unauthenticated', 'the certificate does not parse', { cause: error })
  }
}
