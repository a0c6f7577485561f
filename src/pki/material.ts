/** The certificate files of a node or client: read, checked, watched. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { deniedAt, textFromEditor } from '../base/files.ts'
import { HuxinError } from '../base/errors.ts'
import { joined, type Said, term, type Text, text, textOf } from '../base/text.ts'
import { identityOfCertificate, type PeerIdentity, splitPem } from './identity.ts'

export interface TlsFiles {
  /** Leaf first, then its issuing CA. */
  readonly certificateFile: string
  readonly keyFile: string
  readonly rootFiles: readonly string[]
}

/** What TLS works with. */
export interface TlsMaterial {
  readonly certificateChainPem: string
  readonly keyPem: string
  readonly rootsPem: readonly string[]
  readonly identity: PeerIdentity
  readonly notAfterMs: number
}

/** What is doubtful but usable. */
export interface LoadedMaterial {
  readonly material: TlsMaterial
  readonly warnings: readonly Text[]
}

const WARN_DAYS = 30
const WATCH_MS = 5_000

/**
 * Reads and checks: the key belongs to the certificate, the chain leads to a root, it is valid now.
 * @throws HuxinError config_invalid
 */
export async function loadTlsMaterial(files: TlsFiles, nowMs: number): Promise<LoadedMaterial> {
  const certificateChainPem = await read(files.certificateFile, text`certificate`)
  const keyPem = await read(files.keyFile, text`key`)
  const rootsPem = await Promise.all(files.rootFiles.map((file) => read(file, text`root`)))
  const chain = splitPem(certificateChainPem).map((pem) => certificate(pem, files.certificateFile))
  const [leaf] = chain
  if (!leaf) throw bad(text`${files.certificateFile} holds no certificate`)
  checkKey(chain, keyPem, files)
  const roots = rootsPem
    .flatMap(splitPem)
    .map((pem) => certificate(pem, files.rootFiles.join(', ')))
  const root = checkChain(chain, roots, files)
  const notAfterMs = Math.min(
    ...[...chain, root].map((one) =>
      checkValidity(
        one,
        nowMs,
        one === leaf ? files.certificateFile : `the CA ${one.subject} of ${files.certificateFile}`,
      ),
    ),
  )
  const warnings = await warningsOf(files, notAfterMs, nowMs)
  return {
    material: {
      certificateChainPem,
      keyPem,
      rootsPem,
      identity: identity(leaf, [...chain.slice(1), ...roots], files.certificateFile),
      notAfterMs,
    },
    warnings,
  }
}

/** The same for the files of a node. @throws HuxinError config_invalid, also when they are of another holder */
export async function loadNodeMaterial(
  files: TlsFiles,
  nodeName: string,
  nowMs: number,
): Promise<LoadedMaterial> {
  const loaded = await loadTlsMaterial(files, nowMs)
  const { role, nodeName: named } = loaded.material.identity
  if (role !== 'node' || named !== nodeName)
    throw bad(
      text`${files.certificateFile} is of ${term(role)} ${named}, wanted is node ${nodeName}: tls.certificate names the wrong file`,
    )
  return loaded
}

async function warningsOf(files: TlsFiles, notAfterMs: number, nowMs: number): Promise<Text[]> {
  const warnings: Text[] = []
  const mode = await stat(files.keyFile).then(
    (found) => found.mode,
    () => 0,
  )
  if ((mode & 0o077) !== 0)
    warnings.push(text`${files.keyFile} can be read by others: chmod 600 it`)
  const days = Math.floor((notAfterMs - nowMs) / 86_400_000)
  if (nowMs > notAfterMs)
    warnings.push(text`${files.certificateFile} has expired: have a new one issued`)
  else if (days < WARN_DAYS)
    warnings.push(text`${files.certificateFile} expires in ${days} day(s): have a new one issued`)
  return warnings
}

export interface WatcherOptions {
  readonly files: TlsFiles
  /** The holder, `<trust domain>/<node id>`. */
  readonly nodeName: string
  readonly clock: Clock
  /** Takes new material; throws when it cannot be used, and the last good stays. */
  readonly onChange: (material: TlsMaterial) => void
  /** What is wrong with the files now, said at every look; undefined when nothing is. */
  readonly onAlarm: (what: Text | undefined) => void
}

/** Reads the files again when they change. A bad or half-written file keeps the last good one, and is tried again. */
export class TlsMaterialWatcher {
  readonly #options: WatcherOptions
  #current: TlsMaterial
  /** Of the files that #current was read from; undefined while the files there cannot be used. */
  #stamp: string | undefined
  #cancel: (() => void) | undefined
  #closed = false

  /** @throws HuxinError config_invalid */
  static async open(options: WatcherOptions): Promise<TlsMaterialWatcher> {
    const stamp = await stampOf(options.files)
    const { material, warnings } = await loadNodeMaterial(
      options.files,
      options.nodeName,
      options.clock.nowMs(),
    )
    options.onAlarm(alarmOf(warnings))
    return new TlsMaterialWatcher(options, material, stamp)
  }

  private constructor(options: WatcherOptions, material: TlsMaterial, stamp: string) {
    this.#options = options
    this.#current = material
    this.#stamp = stamp
    this.#schedule()
  }

  get current(): TlsMaterial {
    return this.#current
  }

  /** Looks now instead of in a few seconds. */
  async reload(): Promise<void> {
    const { files, nodeName, clock, onChange, onAlarm } = this.#options
    const stamp = await stampOf(files)
    try {
      if (stamp !== this.#stamp) {
        const { material } = await loadNodeMaterial(files, nodeName, clock.nowMs())
        onChange(material)
        this.#current = material
        this.#stamp = stamp
      }
      onAlarm(alarmOf(await warningsOf(files, this.#current.notAfterMs, clock.nowMs())))
    } catch (error) {
      this.#stamp = undefined
      onAlarm(
        text`changed certificate files cannot be used, the last good ones stay: ${textOf(error)}`,
      )
    }
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#cancel = this.#options.clock.after(WATCH_MS, () => {
      void this.reload().finally(() => this.#schedule())
    })
  }
}

function alarmOf(warnings: readonly Text[]): Text | undefined {
  return warnings.length === 0 ? undefined : joined(warnings, '; ')
}

/** Changes when one of the files does. */
export async function stampOf({ certificateFile, keyFile, rootFiles }: TlsFiles): Promise<string> {
  const stamps = await Promise.all(
    [certificateFile, keyFile, ...rootFiles].map(async (file) => {
      const found = await stat(file).catch(() => undefined)
      return found ? `${found.mtimeMs}/${found.size}/${found.ino}` : 'missing'
    }),
  )
  return stamps.join(' ')
}

async function read(file: string, what: Said): Promise<string> {
  const bytes = await readFile(file).catch(async (error: unknown) => {
    throw bad(
      (await deniedAt(file, error)) ??
        text`the ${what} file ${file} cannot be read: ${textOf(error)}. Put it back where it was kept, or have a new one issued (certs/README.md)`,
    )
  })
  const words = textFromEditor(bytes)
  if (words === undefined) throw bad(text`${file} is no text in UTF-8: save it as UTF-8`)
  return words
}

function certificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw bad(text`${file} holds a certificate that does not parse`)
  }
}

function checkKey(chain: readonly X509Certificate[], keyPem: string, files: TlsFiles): void {
  let owner = -1
  try {
    const key = createPrivateKey(keyPem)
    owner = chain.findIndex((one) => one.checkPrivateKey(key))
  } catch {
    throw bad(text`${files.keyFile} holds no private key in PEM`)
  }
  if (owner > 0)
    throw bad(
      text`${files.certificateFile} begins with the certificate of its CA: the one of ${files.keyFile} comes first, then the CA that issued it`,
    )
  if (owner < 0) throw bad(text`${files.keyFile} is not the key of ${files.certificateFile}`)
}

/** @returns the root that the chain leads to */
function checkChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  files: TlsFiles,
): X509Certificate {
  let at = chain[0]!
  for (const next of chain.slice(1)) {
    if (!at.checkIssued(next) || !at.verify(next.publicKey))
      throw bad(
        text`${files.certificateFile} holds a chain in which a certificate was not issued by the next one`,
      )
    at = next
  }
  if (roots.length === 0) throw bad(text`${files.rootFiles.join(', ')} hold no root certificate`)
  const found = roots.find(
    (root) =>
      root.fingerprint256 === at.fingerprint256 ||
      (at.checkIssued(root) && at.verify(root.publicKey)),
  )
  if (!found) {
    throw bad(
      text`the chain of ${files.certificateFile} does not lead to a root of ${files.rootFiles.join(', ')}: is the issuing CA in the file, after the node's certificate?`,
    )
  }
  return found
}

function checkValidity(leaf: X509Certificate, nowMs: number, file: string): number {
  const fromMs = Date.parse(leaf.validFrom)
  const toMs = Date.parse(leaf.validTo)
  if (nowMs < fromMs)
    throw bad(text`${file} is not valid before ${leaf.validFrom}: is this machine's clock right?`)
  if (nowMs > toMs)
    throw bad(text`${file} expired on ${leaf.validTo}: have a new one issued (huxin pki issue)`)
  return toMs
}

function identity(
  leaf: X509Certificate,
  authorities: readonly X509Certificate[],
  file: string,
): PeerIdentity {
  try {
    return identityOfCertificate(leaf, authorities)
  } catch (error) {
    throw bad(text`${file}: ${textOf(error)}`)
  }
}

function bad(what: Said): HuxinError {
  return new HuxinError('config_invalid', what)
}
