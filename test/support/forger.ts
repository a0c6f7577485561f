/** Certificates as an attacker uses them: whatever a CA's key can sign, whether or not it should. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { DevelopmentPki } from '../../src/pki/devpki.ts'
import {
  certificatesOf,
  identityOfCertificate,
  type PeerIdentity,
  type PeerRole,
} from '../../src/pki/identity.ts'
import { issueCa, issueLeaf, type Issuer, validityDays } from '../../src/pki/issue.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'
import { DOMAIN } from './federation.ts'

const DAY_MS = 86_400_000

export async function readIssuer(folder: string, name: string): Promise<Issuer> {
  const [certificatePem, keyPem] = await Promise.all([
    readFile(join(folder, `${name}.crt`), 'utf8'),
    readFile(join(folder, `${name}.key`), 'utf8'),
  ])
  return { certificatePem, keyPem }
}

export interface Leaf {
  readonly role?: PeerRole
  readonly nodeId: string
  readonly name?: string
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly trustDomain?: string
}

/** Certificates as an attacker uses them: no file of its own node is checked. */
export class Forger {
  readonly #pki: DevelopmentPki
  readonly #rootsPem: readonly string[]

  private constructor(pki: DevelopmentPki, rootsPem: readonly string[]) {
    this.#pki = pki
    this.#rootsPem = rootsPem
  }

  static async open(pki: DevelopmentPki, roots = pki): Promise<Forger> {
    return new Forger(pki, [(await readIssuer(roots.folder, 'root')).certificatePem])
  }

  /** A leaf of a tier's CA. */
  async leaf(tier: string, leaf: Leaf): Promise<TlsMaterial> {
    return this.by(await readIssuer(this.#pki.folder, `ca-${tier}`), leaf)
  }

  /** A leaf of any issuer. */
  by(
    issuer: Issuer,
    { role = 'node', nodeId, name = '', from = -1, to = 30, trustDomain = DOMAIN }: Leaf,
  ): TlsMaterial {
    const now = systemClock.nowMs()
    const validity = { fromMs: now + from * DAY_MS, toMs: now + to * DAY_MS }
    const { certificatePem, keyPem } = issueLeaf({
      issuer,
      role,
      trustDomain,
      nodeId,
      name,
      validity,
      random: systemRandom,
    })
    return {
      certificateChainPem: certificatePem + issuer.certificatePem,
      keyPem,
      rootsPem: this.#rootsPem,
      notAfterMs: validity.toMs,
      identity: identityOf(certificatePem, {
        trustDomain,
        role,
        nodeId,
        name,
        serial: '',
        nodeName: `${trustDomain}/${nodeId}`,
        issuer: '',
        notBeforeMs: validity.fromMs,
        notAfterMs: validity.toMs,
      }),
    }
  }

  /** An issuing CA of this root that is bound to another trust domain. */
  async foreignCa(): Promise<Issuer> {
    return issueCa({
      issuer: await readIssuer(this.#pki.folder, 'root'),
      commonName: 'foreign',
      trustDomain: 'js.example',
      validity: validityDays(systemClock.nowMs(), 30),
      random: systemRandom,
    })
  }
}

function identityOf(certificatePem: string, otherwise: PeerIdentity): PeerIdentity {
  try {
    return identityOfCertificate(certificatesOf(certificatePem)[0]!)
  } catch {
    return otherwise
  }
}
