/** What a node finds in its folder: keys, join file, database, checkpoint; and what a fold of its log starts from. */
import { dirname, join } from 'node:path'
import { base64, fromBase64, fromHex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { deniedAt, type Files, systemFiles } from '../base/files.ts'
import { parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import type { Genesis } from '../fsck/genesis.ts'
import { checkRebuilt } from '../fsck/rebuild.ts'
import { readRestorations } from '../exchange/unread.ts'
import { kinds } from '../kinds/kinds.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { checkOwnLanes } from '../ledger/own-lanes.ts'
import { lastSignedTree, type Log } from '../log/log.ts'
import type { CheckpointSlot } from '../log/slot.ts'
import { rowRegister } from './rows.ts'
import { bodyKey, classKey, entryKey, indexAtEnd, tables } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { parseNote } from '../note/note.ts'
import { FederationState } from '../topology/federation.ts'
import { type JoinFile, parseJoinFile } from '../topology/join.ts'
import { type FrozenTree, parseStatement } from '../topology/member.ts'
import { currentEpoch, epochFiles, type NodeConfig, RECOVERY, TRANSITION } from './config.ts'
import { loadKeys, type NodeKeys } from './keys.ts'
import type { Disk } from './ports.ts'

/** The table and eight bytes of index. */
const ENTRY_KEY_BYTES = 9

/** A node's folder, opened for its newest epoch. */
export interface OpenFolder {
  readonly disk: Disk
  readonly join: JoinFile
  readonly keys: NodeKeys
  readonly epoch: number
  readonly store: Store
  readonly slot: CheckpointSlot
  /** What the log of this epoch begins with, when it goes on from a frozen one. */
  readonly transition: Transition | undefined
  /** What was left of the log before, when a root begins this epoch after a loss. */
  readonly recovery: RootRecovery | undefined
  /** The epoch began with a recovery: what the parent holds is taken back. */
  readonly recovering: boolean
}

/** How the log of an epoch goes on from a frozen one. */
export interface Transition {
  /** Statements of this member that the frozen log has not, the one that begins the epoch last. */
  readonly statements: readonly Uint8Array[]
  /** The tree at which the log before ended. */
  readonly frozen: FrozenTree
}

/** How a root's log of an epoch goes on after a loss: with the entries that are left, and with what its children give back. */
export interface RootRecovery {
  /** Origin line of the log before. */
  readonly log: string
  /** What was left of it; no entries where the database is lost. */
  readonly left: FrozenTree
  /** The newest checkpoint of the log before that was found beside it. */
  readonly seen: Uint8Array | undefined
}

/** Text of the file that says it: JSON. */
export function formatRecovery({ log, left: { size, root }, seen }: RootRecovery): string {
  return `${JSON.stringify({ format: 'huxin/recovery/v1', log, size: String(size), root: base64(root), ...(seen ? { seen: base64(seen) } : {}) })}\n`
}

/** What a root found when it prepared an epoch after a loss; undefined for any other epoch. @throws HuxinError config_invalid */
export async function readRecovery(
  folder: string,
  epoch: number,
  files: Pick<Files, 'read'> = systemFiles,
): Promise<RootRecovery | undefined> {
  const text = await files.read(epochFiles(folder, epoch).recovery).then(String, () => undefined)
  return text === undefined ? undefined : parseRecovery(text)
}

/** @throws HuxinError config_invalid */
function parseRecovery(content: string): RootRecovery {
  try {
    const { log, size, root, seen } = JSON.parse(content) as {
      log: string
      size: string
      root: string
      seen?: string
    }
    const left = { size: BigInt(size), root: fromBase64(root)! }
    if (/^[^ /]+\/[^ /]+\/[1-9][0-9]*$/.test(log) && left.root.length === 32 && left.size >= 0n)
      return { log, left, seen: seen === undefined ? undefined : fromBase64(seen) }
  } catch {
    // falls through
  }
  throw new HuxinError(
    'config_invalid',
    text`${RECOVERY} beside the keys of this epoch is damaged: take it from a backup`,
  )
}

/** Text of the file that holds them: JSON. */
export function formatTransition(statements: readonly Uint8Array[]): string {
  return `${JSON.stringify({ format: 'huxin/transition/v1', statements: statements.map(base64) })}\n`
}

/** @throws HuxinError config_invalid */
function parseTransition(content: string): Transition {
  try {
    const { statements: encoded } = JSON.parse(content) as { statements: string[] }
    const statements = encoded.map((one) => fromBase64(one)!)
    const { frozen } = parseStatement(parseNote(statements.at(-1)!).text)
    if (frozen) return { statements, frozen }
  } catch {
    // falls through
  }
  throw new HuxinError(
    'config_invalid',
    text`${TRANSITION} beside the keys of this epoch is damaged: take it from a backup`,
  )
}

/**
 * Opens the newest epoch of a node's folder. The caller closes store and slot. `whole`: every table of the database is checked first.
 * @throws HuxinError config_invalid | store_locked | store_corrupt
 */
export async function openFolder(
  config: NodeConfig,
  disk: Disk,
  { whole = false }: { readonly whole?: boolean } = {},
): Promise<OpenFolder> {
  const { files: onDisk, engine } = disk
  const epoch = await currentEpoch(config.folder, onDisk)
  if (epoch === 0)
    throw new HuxinError('config_invalid', text`${config.folder} has no keys: run huxin node init`)
  const join_ = await readJoin(config, onDisk)
  const keys = await loadKeys(config.folder, epoch, { node: config.node, files: onDisk })
  const files = epochFiles(config.folder, epoch)
  const { transition, recovery } = await placeDatabase(config.folder, epoch, disk)
  await checkOwner(onDisk, dirname(files.database))
  const fresh =
    !transition &&
    (!recovery || recovery.left.size === 0n) &&
    (await engine.isFresh(files.database))
  await onDisk.makeFolder(dirname(files.database))
  const slot = await disk.openSlot(files.checkpoint)
  try {
    // What is signed was durable before.
    const size =
      (await lastSignedTree({ slot, origin: `${config.node}/${epoch}`, signer: keys.note }))
        ?.size ?? 0n
    const isAcknowledged = (key: Uint8Array): boolean =>
      key[0] === tables.entry[0] && key.length === ENTRY_KEY_BYTES && indexAtEnd(key) < size
    const store = await engine.open(files.database, { create: fresh, isAcknowledged, whole })
    const recovering = await onDisk.isThere(files.recovering).catch(() => false)
    return { disk, join: join_, keys, epoch, store, slot, transition, recovery, recovering }
  } catch (error) {
    await slot.close()
    throw error
  }
}

/**
 * The database of an epoch that goes on from a log before is that of the epoch before: moves it, unless it was moved. Nobody
 * may have it open.
 * @returns how the epoch goes on; neither for one that began empty
 * @throws HuxinError config_invalid | store_locked | store_corrupt
 */
export async function placeDatabase(
  folder: string,
  epoch: number,
  { files: disk, engine }: Pick<Disk, 'files' | 'engine'>,
): Promise<{ transition: Transition | undefined; recovery: RootRecovery | undefined }> {
  const files = epochFiles(folder, epoch)
  const text = await disk.read(files.transition).then(String, () => undefined)
  const transition = text === undefined ? undefined : parseTransition(text)
  const recovery = await readRecovery(folder, epoch, disk)
  const from = transition
    ? epoch - 1
    : recovery && recovery.left.size > 0n
      ? Number(recovery.log.slice(recovery.log.lastIndexOf('/') + 1))
      : undefined
  if (from === undefined) return { transition, recovery }
  const before = epochFiles(folder, from).database
  const there = (database: string): Promise<boolean> => disk.isThere(database).catch(() => false)
  if (!(await there(files.database)) && (await there(before))) {
    await (await engine.open(before, { create: false })).close()
    await disk.makeFolder(dirname(files.database))
    await disk.rename(before, files.database)
  }
  return { transition, recovery }
}

/** The tree that the log of an epoch begins with; undefined when it begins empty. */
export function continuesFrom({
  transition,
  recovery,
}: Pick<OpenFolder, 'transition' | 'recovery'>): FrozenTree | undefined {
  return transition?.frozen ?? (recovery && recovery.left.size > 0n ? recovery.left : undefined)
}

/** What a fold of this node's log starts from. */
export function genesisOf(config: NodeConfig, join: JoinFile, subjectKey: Uint8Array): Genesis {
  return {
    self: config.node,
    federation: () => FederationState.from(join.anchors),
    lanes: new Map(
      join.heads.map(({ lane, number, batchId }) => [lane, { number, id: fromHex(batchId)! }]),
    ),
    subjectKey,
    rows: rowRegister,
    kinds,
  }
}

/** Reads what the parent answered. @throws HuxinError config_invalid */
export async function readJoin(
  config: NodeConfig,
  files: Pick<Files, 'read'> = systemFiles,
): Promise<JoinFile> {
  const file = join(config.folder, 'join.json')
  const bytes = await files.read(file).catch(async (error: unknown) => {
    throw new HuxinError(
      'config_invalid',
      (await deniedAt(file, error)) ??
        text`${file} is missing: give application.txt to the parent's operator (huxin member approve) and take the answer with huxin node join`,
    )
  })
  return parseJoinFile(bytes)
}

/**
 * Takes up the log of this epoch: seals what may be sealed now, and marks that it was begun. A first checkpoint says
 * nothing, because it is over no entries or over those of the frozen log before; what else is unsigned waits for those
 * who are asked. A log that was begun is not begun again: an empty one in its place would be a second log with the same
 * key. The mark lies with the keys, because whoever loses the database seldom loses both. It comes after the first
 * checkpoint and before all others: a node that stopped in between has signed nothing that it could contradict.
 * @returns milliseconds since 1970 of its last entry; 0 when it has none of its own
 * @throws HuxinError log_behind | store_corrupt | store_failed
 */
export async function takeUpLog(
  log: Log,
  { config, folder, maySign }: { config: NodeConfig; folder: OpenFolder; maySign: boolean },
): Promise<number> {
  const isNew = log.signed.size < 0n
  const { begun } = epochFiles(config.folder, folder.epoch)
  const marked = await isThere(folder.disk.files, begun)
  // What goes on from a frozen log has a database already: only one that begins empty may find that it was begun.
  if (marked && isNew && !continuesFrom(folder)) {
    throw new HuxinError(
      'log_behind',
      text`the log of epoch ${folder.epoch} was begun, and its database and checkpoint are gone; nothing is signed; ${config.parent ? text`run huxin node recover` : text`restore the newest backup (huxin node restore) or run huxin node recover`}`,
    )
  }
  if (isNew) await log.seal()
  if (!marked)
    await folder.disk.files.writeWhole(
      begun,
      'the log of this epoch was begun; without its database it is not begun again\n',
    )
  if (maySign) await log.seal()
  return isNew || log.size === 0n ? 0 : lastEntryMs(log)
}

/** @throws HuxinError store_failed when that cannot be said */
function isThere(files: Files, file: string): Promise<boolean> {
  return files.isThere(file).catch((error: unknown) => {
    throw new HuxinError('store_failed', text`${file} cannot be looked for: ${textOf(error)}`, {
      cause: error,
    })
  })
}

/** Milliseconds since 1970 at which the last entry was taken in; 0 when it is damaged, which fsck says. */
async function lastEntryMs(log: Log): Promise<number> {
  try {
    return parseEntry((await log.entry(log.size - 1n))!).timeMs
  } catch {
    return 0
  }
}

/** Reads what memory holds of the log, and sees that this node's own lanes stand where the log says. @throws HuxinError store_corrupt */
export async function loadLedger(
  ledger: Ledger,
  { store, epoch }: Pick<OpenFolder, 'store' | 'epoch'>,
): Promise<void> {
  await checkRebuilt(store)
  await readRestorations(store)
  await foldControl(ledger, store)
  await ledger.load()
  await checkOwnLanes(ledger, store, epoch)
}

/** Folds members and catalog, which memory holds whole. @throws HuxinError store_corrupt */
async function foldControl(ledger: Ledger, store: Store): Promise<void> {
  const rows = await store.range({ gte: classKey('control', 0n), lt: classKey('amendment', 0n) })
  for (const [key] of rows) {
    const index = indexAtEnd(key)
    const [entryBytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!entryBytes || !stored)
      throw new HuxinError(
        'store_corrupt',
        text`entry ${index} is missing from the store; run huxin fsck`,
      )
    const entry = parseEntry(entryBytes)
    const batch = parseHeaderNote(entry.header)
    if (entry.verdict.accepted) ledger.learn(index, entry, { ...batch, body: parseBody(stored) })
    else ledger.forget(batch)
  }
}

/**
 * A command that somebody ran on a stopped node as another user leaves files that the service cannot open. Without this a missing
 * right looks like a missing file, and that like damage.
 * @throws HuxinError config_invalid
 */
async function checkOwner(files: Files, data: string): Promise<void> {
  const closed = await files.closedBelow(data).catch((error: unknown) => {
    throw new HuxinError(
      'config_invalid',
      text`${data} cannot be read by this user: ${textOf(error)}`,
    )
  })
  if (closed.length === 0) return
  throw new HuxinError(
    'config_invalid',
    text`${closed.length} file(s) below ${data} belong to another user, ${closed[0]!} for one, and this one may not open them. Was a command run on the stopped node as root? Nothing is damaged: give them back (chown -R to the user of the service)`,
  )
}
