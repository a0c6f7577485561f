/** Certificates for tests, issued in memory: a root, one issuing CA, and leaves. */
import { X509Certificate } from 'node:crypto'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { PeerIdentity, PeerRole } from '../../src/pki/identity.ts'
import { identityOfCertificate } from '../../src/pki/identity.ts'
import { issueCa, issueLeaf, issueRoot, validityDays } from '../../src/pki/issue.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'

const random = systemRandom

export interface TestIssuer {
  node(id: string): TlsMaterial
  client(id: string, name: string): TlsMaterial
  /** A good certificate whose name is no identity. */
  nameless(): TlsMaterial
}

export function issuer(trustDomain: string): TestIssuer {
  const validity = validityDays(systemClock.nowMs(), 30)
  const root = issueRoot({ commonName: `${trustDomain} root`, validity, random })
  const ca = issueCa({
    issuer: root,
    commonName: `${trustDomain} ca`,
    trustDomain,
    validity,
    random,
  })
  const leaf = (role: PeerRole, nodeId: string, name: string): TlsMaterial => {
    const { certificatePem, keyPem } = issueLeaf({
      issuer: ca,
      role,
      trustDomain,
      nodeId,
      name,
      validity,
      random,
    })
    const x509 = new X509Certificate(certificatePem)
    return {
      certificateChainPem: certificatePem + ca.certificatePem,
      keyPem,
      rootsPem: [root.certificatePem],
      identity: identityOr(x509, new X509Certificate(ca.certificatePem), {
        trustDomain,
        role,
        nodeId,
        name,
        serial: x509.serialNumber,
        nodeName: `${trustDomain}/${nodeId}`,
        issuer: '',
        notBeforeMs: validity.fromMs,
        notAfterMs: validity.toMs,
      }),
      notAfterMs: Date.parse(x509.validTo),
    }
  }
  return {
    node: (id) => leaf('node', id, ''),
    client: (id, name) => leaf('client', id, name),
    nameless: () => leaf('node', 'NOBODY', ''),
  }
}

function identityOr(
  x509: X509Certificate,
  authority: X509Certificate,
  otherwise: PeerIdentity,
): PeerIdentity {
  try {
    return identityOfCertificate(x509, [authority])
  } catch {
    return otherwise
  }
}
