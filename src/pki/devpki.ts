/**
 * The development PKI in `certs/`: a root, an issuing CA per tier, and certificates for nodes, clients,
 * operators and auditors. For trying huxin out and for tests; a real federation has its own CAs and gives them
 * the same names (certs/README.md).
 *
 *   root.crt root.key                     the root
 *   ca-<tier>.crt ca-<tier>.key           issuing CAs
 *   <node id>/node.crt node.key           leaf and CA; the key is owner-only; DNS name <node id>.<trust domain>
 *   <node id>/client-<name>.crt .key
 *   <node id>/operator-<name>.crt .key
 *   <node id>/auditor-<name>.crt .key
 */
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { access, chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { Random } from '../base/random.ts'
import { NODE_ID } from '../topology/tier.ts'
import { certificatesOf, identityOfCertificate, type PeerRole } from './identity.ts'
import {
  hostDomainsOf,
  type Issued,
  issueCa,
  issueFromCsr,
  issueLeaf,
  issueRoot,
  type Issuer,
  validityDays,
} from './issue.ts'

export interface DevelopmentPki {
  readonly folder: string
  readonly trustDomain: string
  readonly clock: Clock
  readonly random: Random
}

export interface DevelopmentLeaf {
  readonly tier: string
  readonly role: PeerRole
  readonly nodeId: string
  /** Client or auditor name, or the person whom an operator certificate names; '' for a node. */
  readonly name: string
  /** Days from now; default 825. */
  readonly days?: number
  /** DNS names and addresses of a node, beside the name that each has (`nodeHost`), for clients of other makes that are not told to check that one. */
  readonly hosts?: readonly string[]
}

const ROOT_DAYS = 3_650
const LEAF_DAYS = 825

/** Makes root and issuing CAs. @throws HuxinError argument_invalid for a name that is none, and when there is one already and not `force` */
export async function createDevelopmentPki(
  pki: DevelopmentPki,
  tiers: readonly string[],
  { force = false, hostDomains = [] }: { force?: boolean; hostDomains?: readonly string[] } = {},
): Promise<void> {
  checkDomain(pki.trustDomain)
  for (const domain of hostDomains)
    if (!HOST.test(domain))
      throw new HuxinError(
        'argument_invalid',
        text`${JSON.stringify(domain)} is no DNS name: for example credit.zj.gov.cn`,
      )
  await mkdir(pki.folder, { recursive: true, mode: 0o700 })
  const existing = await readFile(join(pki.folder, 'root.key')).catch(() => undefined)
  if (existing && !force)
    throw new HuxinError(
      'argument_invalid',
      text`${pki.folder} holds a PKI already: choose another folder, or --force to replace it (every certificate from it becomes useless)`,
    )
  const validity = validityDays(pki.clock.nowMs(), ROOT_DAYS)
  const root = issueRoot({
    commonName: `huxin development root ${pki.trustDomain}`,
    validity,
    random: pki.random,
  })
  await save(pki.folder, 'root', root)
  for (const tier of tiers) {
    const ca = issueCa({
      issuer: root,
      commonName: `huxin development CA ${tier}`,
      trustDomain: pki.trustDomain,
      hostDomains: ['localhost', ...hostDomains],
      validity,
      random: pki.random,
    })
    await save(pki.folder, `ca-${tier}`, ca)
  }
}

/**
 * Issues one certificate with a new key. With `keep` the pair that its holder had so far is put aside, and that of another is left alone.
 * @returns paths of certificate chain and key, and of what was put aside
 * @throws HuxinError argument_invalid
 */
export async function issueDevelopmentLeaf(
  pki: DevelopmentPki,
  leaf: DevelopmentLeaf,
  { keep = false }: { keep?: boolean } = {},
): Promise<{ certificateFile: string; keyFile: string; former: readonly string[] }> {
  const issuer = await issuerOf(pki, leaf)
  const issued = issueLeaf(requestOf(pki, leaf, issuer))
  const folder = join(pki.folder, leaf.nodeId)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = leafName(leaf)
  const former = keep ? await keepFormer(pki, leaf, ['crt', 'key']) : []
  await save(folder, file, {
    certificatePem: issued.certificatePem + issuer.certificatePem,
    keyPem: issued.keyPem,
  })
  return {
    certificateFile: join(folder, `${file}.crt`),
    keyFile: join(folder, `${file}.key`),
    former,
  }
}

/** Issues one certificate for a key that stays where it is. @returns the chain, PEM */
export async function issueDevelopmentCsr(
  pki: DevelopmentPki,
  leaf: DevelopmentLeaf,
  csrPem: string,
): Promise<string> {
  const issuer = await issuerOf(pki, leaf)
  return issueFromCsr(requestOf(pki, leaf, issuer), csrPem) + issuer.certificatePem
}

/** File name of a leaf without its ending. */
export function leafName({ role, name }: Pick<DevelopmentLeaf, 'role' | 'name'>): string {
  return role === 'node' ? 'node' : `${role}-${slug(name)}`
}

function requestOf(pki: DevelopmentPki, leaf: DevelopmentLeaf, issuer: Issuer) {
  return {
    issuer,
    role: leaf.role,
    trustDomain: pki.trustDomain,
    nodeId: leaf.nodeId,
    name: leaf.name,
    random: pki.random,
    validity: validityDays(pki.clock.nowMs(), leaf.days ?? LEAF_DAYS),
    ...(leaf.role === 'node'
      ? hostNames([nodeHost(pki.trustDomain, leaf.nodeId), ...(leaf.hosts ?? [])])
      : {}),
  }
}

/** The DNS name of a node and of no other: what clients of other makes check, wherever they reach it. */
export function nodeHost(trustDomain: string, nodeId: string): string {
  return `${nodeId}.${trustDomain}`
}

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i

function hostNames(hosts: readonly string[]): { dnsNames: string[]; ipAddresses: string[] } {
  const all = [...new Set(hosts)]
  return {
    dnsNames: all.filter((host) => isIP(host) === 0),
    ipAddresses: all.filter((host) => isIP(host) !== 0),
  }
}

function checkDomain(trustDomain: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{0,127}$/.test(trustDomain)) {
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(trustDomain)} is no trust domain: lower-case letters, digits, points and hyphens, for example zj.example`,
    )
  }
}

/** The CA for a leaf, when the leaf can be one of its own. */
async function issuerOf(pki: DevelopmentPki, leaf: DevelopmentLeaf): Promise<Issuer> {
  checkDomain(pki.trustDomain)
  if (!NODE_ID.test(leaf.nodeId))
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(leaf.nodeId)} is no node id: 1 to 32 lower-case letters, digits and hyphens, for example 330825`,
    )
  for (const host of leaf.hosts ?? []) {
    if (host.includes('%') || (isIP(host) === 0 && !HOST.test(host)))
      throw new HuxinError(
        'argument_invalid',
        text`${JSON.stringify(host)} is neither a DNS name nor an address`,
      )
  }
  const issuer = await loadCa(pki.folder, leaf.tier)
  const domains = hostDomainsOf(issuer.certificatePem)
  const outside =
    domains &&
    leaf.hosts?.find(
      (host) =>
        isIP(host) === 0 &&
        !domains.some(
          (domain) => host.toLowerCase() === domain || host.toLowerCase().endsWith(`.${domain}`),
        ),
    )
  if (outside !== undefined) {
    throw new HuxinError(
      'argument_invalid',
      text`the CA of tier ${term(leaf.tier)} may issue for ${domains!.join(', ')} and below, not for ${outside}: make the PKI with huxin pki init --host-domain, or reach the node by another name and check ${nodeHost(pki.trustDomain, leaf.nodeId)}`,
    )
  }
  const made = await trustDomainOf(pki.folder)
  if (made && made !== pki.trustDomain) {
    throw new HuxinError(
      'argument_invalid',
      text`the PKI in ${pki.folder} was made for the trust domain ${made}: it signs nothing for ${pki.trustDomain}`,
    )
  }
  return issuer
}

/** The trust domain that a PKI was made for; undefined where there is none, or one of another make. */
export async function trustDomainOf(folder: string): Promise<string | undefined> {
  const root = await readFile(join(folder, 'root.crt'), 'utf8').catch(() => undefined)
  return root === undefined
    ? undefined
    : /^CN=huxin development root (.*)$/m.exec(new X509Certificate(root).subject)?.[1]
}

/** The tier whose CA issued the certificate of a node; undefined where the node has none here. */
export async function tierOf(folder: string, nodeId: string): Promise<string | undefined> {
  const leaf = await readFile(join(folder, nodeId, 'node.crt'), 'utf8').catch(() => undefined)
  return leaf === undefined
    ? undefined
    : /^CN=huxin development CA (.*)$/m.exec(new X509Certificate(leaf).issuer)?.[1]
}

/**
 * Puts the files that a leaf had so far aside, as `<file>.former`, when they are of the same holder: renewing loses nothing.
 * @returns their new names
 * @throws HuxinError argument_invalid when the files are of another holder
 */
export async function keepFormer(
  pki: Pick<DevelopmentPki, 'folder' | 'trustDomain'>,
  leaf: DevelopmentLeaf,
  endings: readonly ('crt' | 'key')[],
): Promise<string[]> {
  const base = join(pki.folder, leaf.nodeId, leafName(leaf))
  const pem = await readFile(`${base}.crt`, 'utf8').catch(() => undefined)
  if (pem !== undefined) checkSameHolder(pki, leaf, { pem, file: `${base}.crt` })
  const kept: string[] = []
  const number = await freeNumber(base)
  for (const file of endings.map((ending) => `${base}.${ending}`)) {
    const to = `${file}.former${number === 1 ? '' : `-${number}`}`
    if (
      await rename(file, to).then(
        () => true,
        () => false,
      )
    )
      kept.push(to)
  }
  return kept
}

function checkSameHolder(
  { trustDomain }: Pick<DevelopmentPki, 'trustDomain'>,
  { role, nodeId, name }: DevelopmentLeaf,
  { pem, file }: { pem: string; file: string },
): void {
  const [there] = certificatesOf(pem)
  const holder = there && identityOfCertificate(there)
  if (
    !holder ||
    (holder.nodeName === `${trustDomain}/${nodeId}` && holder.role === role && holder.name === name)
  )
    return
  throw new HuxinError(
    'argument_invalid',
    text`${file} is the certificate of ${term(holder.role)} ${holder.name || holder.nodeName}: choose another name`,
  )
}

async function freeNumber(base: string): Promise<number> {
  for (let number = 1; ; number++) {
    const ending = number === 1 ? '' : `-${number}`
    const taken = await Promise.all(
      [`${base}.crt`, `${base}.key`].map((file) =>
        access(`${file}.former${ending}`).then(
          () => true,
          () => false,
        ),
      ),
    )
    if (!taken.includes(true)) return number
  }
}

async function loadCa(folder: string, tier: string): Promise<Issuer> {
  try {
    const [certificatePem, keyPem] = await Promise.all([
      readFile(join(folder, `ca-${tier}.crt`), 'utf8'),
      readFile(join(folder, `ca-${tier}.key`), 'utf8'),
    ])
    return { certificatePem, keyPem }
  } catch {
    throw new HuxinError(
      'argument_invalid',
      text`${folder} has no issuing CA for the tier ${term(tier)}: make it with huxin pki init`,
    )
  }
}

async function save(
  folder: string,
  name: string,
  { certificatePem, keyPem }: Issued,
): Promise<void> {
  await writeFile(join(folder, `${name}.crt`), certificatePem, { mode: 0o644 })
  await writeFile(join(folder, `${name}.key`), keyPem, { mode: 0o600 })
  await chmod(join(folder, `${name}.key`), 0o600)
}

/**
 * ASCII file name for a name in any script; two names never give one. A name of small letters, digits and `._~-` is itself,
 * one without any ASCII its UTF-8 in hexadecimal; every other has the beginning of its hash behind it, and so has what looks like one of those.
 */
function slug(name: string): string {
  const plain =
    /^[a-z0-9._~-]{1,60}$/.test(name) && !/[c-f][0-9a-f][89ab][0-9a-f]|-[0-9a-f]{8}$/.test(name)
  const encoded = encodeURIComponent(name).replaceAll('%', '').toLowerCase()
  if (plain || (/^[^\x00-\x7f]+$/.test(name) && encoded.length <= 60)) return encoded
  return `${encoded.replaceAll(/[^a-z0-9._~-]/g, '').slice(0, 40)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}
