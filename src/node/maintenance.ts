/** What is done to the folder of a node that does not run: fsck and repair without a start. */
import { access } from 'node:fs/promises'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { bodyOf } from '../fsck/check-derived.ts'
import { checkStore } from '../fsck/check.ts'
import type { CheckReport, SignedLog } from '../fsck/finding.ts'
import { type AskNeighbour, askStore, findRepairs } from '../fsck/repair.ts'
import { Ledger } from '../ledger/ledger.ts'
import { lastSignedTree } from '../log/log.ts'
import { emptyRoot } from '../merkle/hash.ts'
import { parseVkey } from '../note/key.ts'
import { bodyKey, classKey, entryKey, indexAtEnd } from '../store/keys.ts'
import type { Reader } from '../store/store.ts'
import { currentEpoch, epochFiles, loadConfig, type NodeConfig } from './config.ts'
import { systemDisk } from './system-ports.ts'
import { genesisOf, type OpenFolder, openFolder } from './folder.ts'

/**
 * Opens the folder of a node that does not run, for as long as `work` takes.
 * @throws HuxinError config_invalid | store_locked | store_corrupt
 */
export async function withFolder<T>(
  folder: string,
  work: (config: NodeConfig, open: OpenFolder) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(folder)
  // Whoever looks into a folder by hand suspects it.
  const open = await openFolder(config, systemDisk, { whole: true })
  try {
    return await work(config, open)
  } finally {
    await open.slot.close()
    await open.store.close()
  }
}

/** The newest tree that this folder's node signed, without a look at its database. */
export async function signedLogOf(
  config: NodeConfig,
  { keys, slot, epoch }: OpenFolder,
): Promise<SignedLog> {
  const origin = `${config.node}/${epoch}`
  const signed = (await lastSignedTree({ slot, origin, signer: keys.note })) ?? {
    size: 0n,
    root: emptyRoot(),
    note: new Uint8Array(),
  }
  return { signed, origin, verifier: parseVkey(keys.note.vkey) }
}

/** fsck of a node that does not run, or does not start. @throws HuxinError config_invalid | store_locked | store_corrupt */
export async function checkFolder(folder: string): Promise<CheckReport> {
  await checkHasDatabase(folder)
  return withFolder(folder, async (config, open) =>
    checkStore(
      open.store,
      await signedLogOf(config, open),
      genesisOf(config, open.join, open.keys.subject),
    ),
  )
}

/** A folder whose database is gone would be opened as a new and empty one, in which nothing is wrong. @throws HuxinError store_corrupt */
async function checkHasDatabase(folder: string): Promise<void> {
  const epoch = await currentEpoch(folder)
  const isThere = (file: string): Promise<boolean> =>
    access(file).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    )
  const { begun, database } = epochFiles(folder, epoch)
  if (
    !(await isThere(begun)) ||
    (await isThere(database)) ||
    (await isThere(epochFiles(folder, epoch - 1).database))
  )
    return
  throw new HuxinError(
    'store_corrupt',
    text`the log of epoch ${epoch} was begun, and there is no database in ${folder}: restore a backup (huxin node restore), or run huxin node recover`,
  )
}

/** Repairs a node that does not run from the folder of a neighbour that does not either. @returns the log indexes that were put back, and what fsck says then */
export async function repairFolder(
  folder: string,
  neighbour: string,
): Promise<{ repaired: readonly bigint[]; report: CheckReport }> {
  return withFolder(folder, async (config, open) => {
    const { store, join, keys } = open
    const genesis = genesisOf(config, join, keys.subject)
    const log = await signedLogOf(config, open)
    const { damaged } = await checkStore(store, log, genesis)
    const ops = await withFolder(neighbour, async (_, other) => {
      const ledger = new Ledger({
        store,
        self: genesis.self,
        federation: genesis.federation(),
        genesisLanes: genesis.lanes,
        kinds: genesis.kinds,
      })
      await foldControlFrom(ledger, { store, ask: askStore(other.store) })
      await ledger.loadAmended()
      return (await findRepairs(damaged, { store, ledger, ask: askStore(other.store) })).flatMap(
        ({ op }) => (op ? [op] : []),
      )
    })
    if (ops.length > 0) await store.commit(ops)
    return {
      repaired: ops.map(({ key }) => indexAtEnd(key)),
      report: await checkStore(store, log, genesis),
    }
  })
}

/** Members as the log has them; a statement whose body is damaged here is taken from the neighbour when it has the root. */
async function foldControlFrom(
  ledger: Ledger,
  { store, ask }: { store: Reader; ask: AskNeighbour },
): Promise<void> {
  for (const [key] of await store.range({
    gte: classKey('control', 0n),
    lt: classKey('amendment', 0n),
  })) {
    const index = indexAtEnd(key)
    const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!bytes) continue
    const entry = parseEntry(bytes)
    if (!entry.verdict.accepted) continue
    const batch = parseHeaderNote(entry.header)
    const given =
      (stored && bodyOf(stored, batch)) ??
      (await ask(batch, entry).then((other) => other && bodyOf(other, batch)))
    if (given) ledger.learn(index, entry, { ...batch, body: given })
  }
}
