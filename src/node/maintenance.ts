/** What is done to the folder of a node that does not run: fsck without a start. */
import { emptyRoot } from '../merkle/hash.ts'
import { parseVkey } from '../note/key.ts'
import { type CheckReport, checkStore, type SignedLog } from '../exchange/check.ts'
import { lastSignedTree } from '../log/log.ts'
import { loadConfig, type NodeConfig } from './config.ts'
import { genesisOf, type OpenFolder, openFolder } from './folder.ts'

/**
 * Opens the folder of a node that does not run, for as long as `work` takes.
 * @throws HuxinError config_invalid | store_locked | store_corrupt
 */
export async function withFolder<T>(folder: string, work: (config: NodeConfig, open: OpenFolder) => Promise<T>): Promise<T> {
  const config = await loadConfig(folder)
  const open = await openFolder(config)
  try {
    return await work(config, open)
  } finally {
    await open.slot.close()
    await open.store.close()
  }
}

/** The newest tree that this folder's node signed, without a look at its database. */
export async function signedLogOf(config: NodeConfig, { keys, slot, epoch }: OpenFolder): Promise<SignedLog> {
  const origin = `${config.node}/${epoch}`
  const signed = await lastSignedTree({ slot, origin, signer: keys.note }) ?? { size: 0n, root: emptyRoot(), note: new Uint8Array() }
  return { signed, origin, verifier: parseVkey(keys.note.vkey) }
}

/** fsck of a node that does not run, or does not start. @throws HuxinError config_invalid | store_locked | store_corrupt */
export async function checkFolder(folder: string): Promise<CheckReport> {
  return withFolder(folder, async (config, open) => checkStore(open.store, await signedLogOf(config, open), genesisOf(config, open.join, open.keys.subject)))
}
