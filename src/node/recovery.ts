/** What a recovery finds in a folder, and how a root begins its own: it asks nobody, its children give back at its next start. */
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text, type Text } from '../base/text.ts'
import { type Files, renameWhole, systemFiles, writeWhole } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import { lastSignedTree, storedSize } from '../log/log.ts'
import { openSlot } from '../log/slot.ts'
import { emptyRoot } from '../merkle/hash.ts'
import { treeRoot } from '../merkle/proof.ts'
import { parseSignerKey, type Signer } from '../note/key.ts'
import { tileKey } from '../store/keys.ts'
import { levelEngine } from '../store/leveldb/engine.ts'
import type { FrozenTree } from '../topology/member.ts'
import { currentEpoch, epochFiles, type NodeConfig, RECOVERY, TRANSITION } from './config.ts'
import { formatRecovery, readRecovery, type RootRecovery } from './folder.ts'
import { createSubjectKey, loadKeys, makeKeys } from './keys.ts'

/** What `huxin node recover` found and did. */
export interface Recovery {
  readonly oldEpoch: number
  readonly newEpoch: number
  /** Entries of the old log that are still here; 0 when the disk is lost. */
  readonly localSize: bigint
  /** Entries of the old log that the parent had cosigned; at a root, that this node itself is known to have signed. */
  readonly parentSize: bigint
  /** Batches made here, in the old database, that never had a receipt of the parent: published again by their departments. */
  readonly unsent: readonly string[]
  /** When the note key is lost: the file for the operator of the parent's parent, whose answer begins the new epoch. */
  readonly application: string | undefined
  /** A root: at its next start its children give back what they have, and then the new epoch begins. */
  readonly waitsForChildren: boolean
}

const there = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

/** The epoch of the newest database; 0 when there is none. */
export async function newestDatabase(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'data')).catch(() => [])
  const epochs = names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number)
  // One that has the mark of a recovery alone was not begun.
  const begun = await Promise.all(
    epochs.map(async (epoch) => ((await there(epochFiles(folder, epoch).database)) ? epoch : 0)),
  )
  return Math.max(0, ...begun)
}

/** The note key of an epoch; undefined when it is lost or damaged. */
export async function noteKeyOf(
  config: NodeConfig,
  epoch: number,
  files: Pick<Files, 'read'> = systemFiles,
): Promise<Signer | undefined> {
  const text = await files
    .read(epochFiles(config.folder, epoch).noteKey)
    .then(String, () => undefined)
  try {
    const signer = text === undefined ? undefined : parseSignerKey(text.trim())
    return signer?.name === config.node && signer.type === 'ed25519' ? signer : undefined
  } catch {
    return undefined
  }
}

/** The epoch of an origin line. */
export function epochOfLog(log: string): number {
  return Number(log.slice(log.lastIndexOf('/') + 1))
}

/**
 * Prepares the next epoch of a root after a loss: new keys, and beside them what is left of the old log, which the log of the new
 * epoch goes on from. Nothing is signed here. Keys and what is beside them take their place by one rename.
 * @throws HuxinError config_invalid | store_locked | store_corrupt | log_forked
 */
export async function recoverRoot(
  config: NodeConfig,
  { random }: { random: Random },
): Promise<Recovery> {
  const { folder, node } = config
  const newest = Math.max(await currentEpoch(folder), await newestDatabase(folder))
  const unsaid = await unsaidRecovery(folder, newest)
  if (unsaid && (await isWhole(config, newest, unsaid))) {
    throw new HuxinError(
      'config_invalid',
      text`a recovery is under way, epoch ${newest} waits for the children: start the node, it goes on by itself (huxin node start)`,
    )
  }
  // Of an epoch that nobody was told of nothing is kept when its database is lost too: it is prepared again, with other keys.
  const oldEpoch = unsaid ? epochOfLog(unsaid.log) : newest
  const old = await noteKeyOf(config, oldEpoch)
  if (!old) throw new HuxinError('config_invalid', lostKeyText(folder, oldEpoch))
  const pending = join(folder, 'keys', 'next')
  if (await there(join(pending, TRANSITION)))
    throw new HuxinError(
      'config_invalid',
      text`a change of epoch is under way and everything for it is here: start the node, it goes on by itself`,
    )
  const { left, seen } = await whatIsLeft(config, {
    epoch: oldEpoch,
    signer: old,
    lost: unsaid !== undefined,
  })
  await makeKeys(pending, node, { random })
  await createSubjectKey(folder, { random })
  await writeWhole(
    join(pending, RECOVERY),
    formatRecovery({ log: `${node}/${oldEpoch}`, left, seen: seen?.note ?? unsaid?.seen }),
  )
  const newEpoch = oldEpoch + 1
  if (unsaid) await discard(folder, newEpoch)
  await renameWhole(pending, join(folder, 'keys', String(newEpoch)))
  return {
    oldEpoch,
    newEpoch,
    localSize: left.size,
    parentSize: seen?.size ?? left.size,
    unsent: [],
    application: undefined,
    waitsForChildren: true,
  }
}

function lostKeyText(folder: string, epoch: number): Text {
  return text`the note key of epoch ${epoch} (${epochFiles(folder, epoch).noteKey}) is lost, and nobody stands above a root who could vouch for another: take the folder keys/ from any backup, also from an old one. Without it the federation needs a new trust anchor: keep this folder for evidence, huxin node init at the root in an empty folder, publish its new vkey, and at each child huxin node init in an empty folder, huxin member approve and huxin node join; what was signed before stays verifiable with the old root key`
}

/** A recovery whose statement was not made yet: nobody was told of its epoch. */
async function unsaidRecovery(folder: string, epoch: number): Promise<RootRecovery | undefined> {
  return (await there(epochFiles(folder, epoch).statement))
    ? undefined
    : readRecovery(folder, epoch)
}

/** Whether the database of a prepared epoch is where it will be looked for. One that a start has made anew in the place of a lost one has no checkpoint beside it. */
async function isWhole(
  { folder, node }: NodeConfig,
  epoch: number,
  { log, left }: RootRecovery,
): Promise<boolean> {
  const files = epochFiles(folder, epoch)
  const made = await levelEngine.isMade(files.database)
  if (left.size > 0n)
    return made || levelEngine.isMade(epochFiles(folder, epochOfLog(log)).database)
  if (!(await there(files.begun))) return true
  const { note: signer } = await loadKeys(folder, epoch, { node })
  return (
    made &&
    (await there(files.checkpoint)) &&
    (await lastTree(files.checkpoint, { signer, origin: `${node}/${epoch}` })) !== undefined
  )
}

async function discard(folder: string, epoch: number): Promise<void> {
  await rm(join(folder, 'data', String(epoch)), { recursive: true, force: true })
  await rm(join(folder, 'keys', String(epoch)), { recursive: true, force: true })
}

/** The tree that the old database still has, and the newest one that was signed, from the file beside it. */
async function whatIsLeft(
  config: NodeConfig,
  { epoch, signer, lost }: { epoch: number; signer: Signer; lost: boolean },
): Promise<{
  left: FrozenTree
  seen: { readonly size: bigint; readonly note: Uint8Array } | undefined
}> {
  const nothing = { size: 0n, root: emptyRoot() }
  if (lost) return { left: nothing, seen: undefined }
  const files = epochFiles(config.folder, epoch)
  const signed = (await there(files.checkpoint))
    ? await lastTree(files.checkpoint, { signer, origin: `${config.node}/${epoch}` })
    : undefined
  const store = await levelEngine
    .open(files.database, { create: false })
    .catch((error: unknown) => {
      if (isHuxinError(error, 'store_locked')) throw error
      return undefined
    })
  if (!store) return { left: nothing, seen: signed }
  try {
    const root = (size: bigint): Promise<Uint8Array> =>
      treeRoot(size, async (tiles) => {
        const read = await store.getMany(tiles.map(({ level, index }) => tileKey(level, index)))
        if (read.some((tile) => tile === undefined))
          throw new HuxinError(
            'store_corrupt',
            text`tiles of the old log are missing: ${elsewhere(files.database)}`,
          )
        return read as Uint8Array[]
      })
    const size = await storedSize(store)
    if (size === 0n) return { left: nothing, seen: signed }
    if (
      signed &&
      signed.size > 0n &&
      signed.size <= size &&
      !equalBytes(await root(signed.size), signed.root)
    ) {
      throw new HuxinError(
        'log_forked',
        text`the first ${signed.size} entries of the old log do not have the root that was signed: ${elsewhere(files.database)}`,
      )
    }
    return { left: { size, root: await root(size) }, seen: signed }
  } finally {
    await store.close()
  }
}

async function lastTree(
  file: string,
  { signer, origin }: { signer: Signer; origin: string },
): ReturnType<typeof lastSignedTree> {
  const slot = await openSlot(file)
  try {
    return await lastSignedTree({ slot, signer, origin })
  } finally {
    await slot.close()
  }
}

function elsewhere(database: string): Text {
  return text`move ${database} elsewhere, keep it, and run huxin node recover again: everything then comes from the children`
}
