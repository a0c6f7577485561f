/**
 * Backup and restore of a node: its folder at one size of its log, in one encrypted file (room `archive`). The
 * rows come from a snapshot of the database, so the node goes on meanwhile; the checkpoint is the one that was signed
 * before the snapshot was taken, so that the rows are never behind it.
 *
 * Certificates and their keys are not in it: they are issued anew. A restored node that is older than what its
 * parent saw of it says so at its start and signs nothing until `huxin node recover`.
 */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, normalize, sep } from 'node:path'
import { type FileKey, unusable } from '../archive/age-file.ts'
import { BackupWriter, endOf, readBackup } from '../archive/backup-file.ts'
import type { Secret } from '../archive/file-key.ts'
import { concat } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { type Text, text, textOf } from '../base/text.ts'
import { type Files, makeFolder, renameWhole, systemFiles, writeWhole } from '../base/files.ts'
import type { CheckReport, SignedLog } from '../fsck/finding.ts'
import { openSlot } from '../log/slot.ts'
import type { Op, Snapshot } from '../store/store.ts'
import { levelEngine } from '../store/leveldb/engine.ts'
import { NODE_NAME } from '../topology/tier.ts'
import { epochFiles, type NodeConfig } from './config.ts'
import { checkFolder, signedLogOf, withFolder } from './maintenance.ts'

/** What is in a backup, as it says at its end. */
export interface BackupContents {
  readonly node: string
  readonly epoch: number
  /** Size of the log that was signed. */
  readonly size: bigint
  readonly rows: number
}

/** What a backup reads. */
export interface BackupSource {
  readonly config: NodeConfig
  readonly epoch: number
  readonly log: SignedLog
  readonly store: { snapshot(): Snapshot }
}

/** Rows that are in memory at once. */
const ROWS_BYTES = 2 << 20
/** Bytes of one write of a restore. */
const WRITE_BYTES = 8 << 20
const FILES = ['node.yaml', 'join.json', 'application.txt']
const FOLDERS = ['keys', 'evidence']

/** What a backup in progress is told and tells. */
export interface BackupProgress {
  readonly onProgress?: (bytes: number) => void
  /** Gives it up: nothing is left of it. */
  readonly signal?: AbortSignal
}

/**
 * Writes a backup. The file has its name only when all of it is on disk. Needs a few megabytes, whatever the size of the database.
 * @throws HuxinError argument_invalid | store_corrupt | cancelled
 */
export async function writeBackup(
  { config, epoch, log, store }: BackupSource,
  file: string,
  key: FileKey,
  { onProgress, signal }: BackupProgress = {},
): Promise<BackupContents> {
  const { signed } = log
  const snapshot = store.snapshot()
  const archive = await BackupWriter.create(file, key).catch(async (error: unknown) => {
    await snapshot.close()
    throw error
  })
  try {
    for (const name of await filesOf(config.folder))
      await archive.add({ kind: 'file', name, value: await readFile(join(config.folder, name)) })
    await archive.add({ kind: 'checkpoint', value: signed.note })
    let rows = 0
    for (let from: Uint8Array = new Uint8Array(); ;) {
      const page = await snapshot.range({
        gte: from,
        lt: Buffer.of(0xff, 0xff),
        bytesMax: ROWS_BYTES,
      })
      if (page.length === 0) break
      for (const [key, value] of page) await archive.add({ kind: 'row', key, value })
      rows += page.length
      onProgress?.(archive.bytes)
      if (signal?.aborted)
        throw new HuxinError(
          'cancelled',
          text`the backup was given up: the node stops. Ask for another when it runs again`,
        )
      from = concat(page.at(-1)![0], Uint8Array.of(0))
    }
    const contents: BackupContents = { node: config.node, epoch, size: signed.size, rows }
    await archive.add(endOf({ ...contents, size: String(signed.size) }))
    await archive.end()
    return contents
  } catch (error) {
    await archive.abort()
    throw error
  } finally {
    await snapshot.close()
  }
}

/** Backs up a node that does not run. @throws HuxinError config_invalid | store_locked | store_corrupt */
export async function backupFolder(
  folder: string,
  file: string,
  key: FileKey,
): Promise<BackupContents> {
  return withFolder(folder, async (config, open) =>
    writeBackup(
      { config, epoch: open.epoch, store: open.store, log: await signedLogOf(config, open) },
      file,
      key,
    ),
  )
}

async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  const files = FILES.filter((name) => names.includes(name))
  for (const name of FOLDERS) {
    for (const file of await readdir(join(folder, name), {
      recursive: true,
      withFileTypes: true,
    }).catch(() => [])) {
      if (file.isFile())
        files.push(
          join(file.parentPath, file.name)
            .slice(folder.length + 1)
            .replaceAll(sep, '/'),
        )
    }
  }
  return files
}

/** What a restore put back, and what fsck says of it. */
export interface Restored extends BackupContents {
  readonly check: CheckReport
}

/**
 * Makes a node's folder from a backup: beside it first, in place only when the whole file was authentic.
 * @throws HuxinError config_invalid when a node is there already; argument_invalid when the backup cannot be used
 */
export async function restoreBackup(
  file: string,
  folder: string,
  secret: Secret,
): Promise<Restored> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const there = (await readdir(folder)).filter((name) =>
    ['node.yaml', 'join.json', 'keys', 'data'].includes(name),
  )
  if (there.length > 0)
    throw new HuxinError(
      'config_invalid',
      text`${folder} has ${there.join(', ')} already: a backup is restored into an empty folder`,
    )
  const aside = join(folder, 'restoring')
  await rm(aside, { recursive: true, force: true })
  try {
    const { contents, files, checkpoint } = await unpack(file, aside, secret)
    const place = epochFiles(aside, contents.epoch)
    await mkdir(dirname(place.database), { recursive: true, mode: 0o700 })
    await rename(join(aside, 'db'), place.database)
    await writeCheckpoint(place.checkpoint, checkpoint)
    // What makes a folder a node comes last.
    const order = [...new Set(files.map((name) => name.split('/')[0]!))].sort(
      (a, b) => Number(a === 'node.yaml') - Number(b === 'node.yaml'),
    )
    for (const name of ['data', ...order]) await renameWhole(join(aside, name), join(folder, name))
    await rm(aside, { recursive: true })
    return { ...contents, check: await checkFolder(folder) }
  } catch (error) {
    await rm(aside, { recursive: true, force: true })
    throw error
  }
}

async function writeCheckpoint(file: string, note: Uint8Array): Promise<void> {
  const slot = await openSlot(file)
  try {
    if (note.length > 0) await slot.write(note)
  } finally {
    await slot.close()
  }
}

async function unpack(
  file: string,
  aside: string,
  secret: Secret,
): Promise<{ contents: BackupContents; files: string[]; checkpoint: Uint8Array }> {
  const files: string[] = []
  let checkpoint: Uint8Array = new Uint8Array()
  let contents: BackupContents | undefined
  let rows = 0
  let waiting: Op[] = []
  let bytes = 0
  await mkdir(aside, { recursive: true, mode: 0o700 })
  const store = await levelEngine.open(join(aside, 'db'), { create: true })
  try {
    for await (const part of readBackup(file, secret)) {
      if (contents) throw unusable(text`something follows its end`)
      if (part.kind === 'file') files.push(await writeFileOf(aside, part.name, part.value))
      else if (part.kind === 'checkpoint') checkpoint = Uint8Array.from(part.value)
      else if (part.kind === 'end') contents = parseContents(part.value)
      else {
        waiting.push({ key: Uint8Array.from(part.key), value: Uint8Array.from(part.value) })
        bytes += part.key.length + part.value.length
        rows++
      }
      if (bytes < WRITE_BYTES) continue
      await store.write(waiting)
      waiting = []
      bytes = 0
    }
    await store.commit(waiting)
  } finally {
    await store.close()
  }
  if (!contents || contents.rows !== rows)
    throw unusable(
      text`it has ${rows} rows, ${contents?.rows ?? text`nobody knows how many`} were written`,
    )
  for (const name of ['node.yaml', 'join.json'])
    if (!files.includes(name)) throw unusable(text`it has no ${name}`)
  if (!files.includes(`keys/${contents.epoch}/note.key`))
    throw unusable(text`it is of epoch ${contents.epoch}, whose keys it has not`)
  return { contents, files, checkpoint }
}

/** Only files that a backup has, below the folder. */
async function writeFileOf(aside: string, name: string, value: Uint8Array): Promise<string> {
  const [first = ''] = name.split('/')
  const known = FILES.includes(name) || (FOLDERS.includes(first) && name !== first)
  if (!known || normalize(name) !== name || name.split('/').includes('..'))
    throw unusable(text`it has a file ${JSON.stringify(name)}`)
  const file = join(aside, name)
  await makeFolder(dirname(file))
  await writeWhole(file, value)
  return name
}

/** What it says of itself becomes part of names: only numbers are taken for numbers. */
function parseContents(value: Uint8Array): BackupContents {
  let fields: { node?: unknown; epoch?: unknown; size?: unknown; rows?: unknown }
  try {
    fields = JSON.parse(Buffer.from(value).toString()) as typeof fields
  } catch {
    throw unusable(text`its end is not JSON`)
  }
  if (typeof fields !== 'object' || fields === null) throw unusable(text`its end is no object`)
  const { node, epoch, size, rows } = fields
  const isCount = (one: unknown): one is number =>
    typeof one === 'number' && Number.isSafeInteger(one) && one >= 0
  if (typeof node !== 'string' || !NODE_NAME.test(node)) throw unusable(text`its end names no node`)
  if (!isCount(epoch) || epoch === 0)
    throw unusable(text`${JSON.stringify(epoch)?.slice(0, 40)} is no epoch`)
  if (typeof size !== 'string' || !/^-?[0-9]{1,18}$/.test(size) || !isCount(rows))
    throw unusable(text`its end states no size`)
  return { node, epoch, size: BigInt(size), rows }
}

/** How a backup of a running node stands. */
export interface BackupState {
  readonly state: 'none' | 'writing' | 'done' | 'failed'
  readonly file: string
  readonly bytes: number
  readonly contents: BackupContents | undefined
  readonly error: Text | undefined
}

/** The backups of a running node, one at a time, written into its folder. */
export class Backups {
  readonly #source: () => BackupSource
  readonly #files: Pick<Files, 'names' | 'remove'>
  #state: BackupState = { state: 'none', file: '', bytes: 0, contents: undefined, error: undefined }
  #running: Promise<void> = Promise.resolve()
  readonly #stop = new AbortController()

  constructor(source: () => BackupSource, files: Pick<Files, 'names' | 'remove'> = systemFiles) {
    this.#source = source
    this.#files = files
  }

  get state(): BackupState {
    return this.#state
  }

  /** Removes what a process that was killed left of one. Call before the first. */
  async clear(): Promise<void> {
    const folder = join(this.#source().config.folder, 'backup')
    for (const name of await this.#files.names(folder).catch(() => []))
      if (name.endsWith('.backup.part')) await this.#files.remove(join(folder, name))
  }

  /** Begins one. @throws HuxinError overloaded while one is written; not_ready while the node stops */
  begin(key: FileKey): BackupState {
    if (this.#stop.signal.aborted) throw new HuxinError('not_ready', text`the node is stopping`)
    if (this.#state.state === 'writing')
      throw new HuxinError('overloaded', text`a backup is being written: ${this.#state.file}`)
    const source = this.#source()
    const { config, epoch, log } = source
    const file = join(
      config.folder,
      'backup',
      `${config.node.replaceAll('/', '-')}-${epoch}-${log.signed.size}.backup`,
    )
    const base = { file, contents: undefined, error: undefined }
    this.#state = { ...base, state: 'writing', bytes: 0 }
    this.#running = mkdir(dirname(file), { recursive: true, mode: 0o700 })
      .then(() =>
        writeBackup(source, file, key, {
          onProgress: (bytes) => {
            this.#state = { ...base, state: 'writing', bytes }
          },
          signal: this.#stop.signal,
        }),
      )
      .then(
        (contents) => {
          this.#state = { ...this.#state, state: 'done', contents }
        },
        (error: unknown) => {
          this.#state = { ...this.#state, state: 'failed', error: textOf(error) }
        },
      )
    return this.#state
  }

  /** Gives up the one that is being written, and removes what there is of it. */
  close(): Promise<void> {
    this.#stop.abort()
    return this.#running
  }
}
