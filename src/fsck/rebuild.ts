/** rebuild: drops every derived table and folds it anew. What fsck holds these tables against is in `check-derived.ts`. */
import { createHash } from 'node:crypto'
import { be64, equalBytes, fromBe64 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { systemClock } from '../base/clock.ts'
import { parseBody } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { Indexer } from '../lookup/indexer.ts'
import { decodeKnown, Ledger } from '../ledger/ledger.ts'
import { sizeKey, storedSize } from '../log/log.ts'
import { leafHash } from '../merkle/hash.ts'
import { growTiles, rightEdgeTiles } from '../merkle/tile.ts'
import {
  batchKey,
  bodyKey,
  derivedTables,
  entryKey,
  prefixRange,
  PRESENT,
  tileKey,
} from '../store/keys.ts'
import { defineRows, onlyKey } from '../store/rows.ts'
import type { Op, Reader, Store } from '../store/store.ts'
import type { Genesis } from './genesis.ts'
import { subjectKeyOp } from './subject-key.ts'

const PIECE = 256
/** There while a rebuild is under way: what is derived is not whole, and looks like an old copy. */
export const rebuildingRow = defineRows({
  table: 'meta',
  name: 'rebuilding',
  keys: onlyKey,
  check: () => {
    throw new HuxinError('store_corrupt', text`a rebuild was cut off: run huxin node rebuild again`)
  },
})
const rebuildingKey = rebuildingRow.key()

/** @throws HuxinError store_corrupt when a rebuild was cut off */
export async function checkRebuilt(store: Reader): Promise<void> {
  if (await store.get(rebuildingKey))
    throw new HuxinError(
      'store_corrupt',
      text`a rebuild of this database was cut off, and nothing is lost: run huxin node rebuild again`,
    )
}

/**
 * Drops everything derived and folds it anew from entries and bodies. Run it on a node that is not
 * started. Byte-identical whenever it runs: it asks no clock.
 */
export async function rebuildStore(
  store: Store,
  genesis: Genesis,
  onProgress: (done: bigint, total: bigint) => void = () => undefined,
): Promise<bigint> {
  const size = await countEntries(store)
  await store.commit([{ key: rebuildingKey, value: PRESENT }])
  for (const range of genesis.rows.derivedRanges()) await store.clear(range)
  const ledger = new Ledger({
    store,
    self: genesis.self,
    federation: genesis.federation(),
    genesisLanes: genesis.lanes,
    kinds: genesis.kinds,
    wholeLanes: true,
  })
  let edge = new Map<string, Uint8Array>()
  for (let start = 0n; start < size; start += BigInt(PIECE)) {
    const end = start + BigInt(PIECE) < size ? start + BigInt(PIECE) : size
    const entries = await store.range({ gte: entryKey(start), lt: entryKey(end) })
    const ops: Op[] = []
    const leaves: Uint8Array[] = []
    for (const [i, [, bytes]] of entries.entries()) {
      leaves.push(leafHash(bytes))
      ops.push(...(await refold(ledger, store, start + BigInt(i), bytes, ops)))
    }
    const tiles = growTiles(start, Buffer.concat(leaves), edge)
    for (const [name, value] of tiles) {
      const [level = '', tile = ''] = name.split('/')
      ops.push({ key: tileKey(Number(level), BigInt(tile)), value })
      edge.set(name, value)
    }
    edge = new Map(
      rightEdgeTiles(end).map((tile) => [
        `${tile.level}/${tile.index}`,
        edge.get(`${tile.level}/${tile.index}`)!,
      ]),
    )
    ops.push({ key: sizeKey, value: be64(end) })
    await store.commit(ops)
    onProgress(end, size)
  }
  const indexer = new Indexer({
    store,
    ledger: () => ledger,
    subjectKey: genesis.subjectKey,
    size: () => size,
    clock: systemClock,
    ...(genesis.shape ? { shape: genesis.shape } : {}),
  })
  await indexer.load()
  await indexer.finish()
  await store.commit([subjectKeyOp(genesis.subjectKey), { key: rebuildingKey, value: undefined }])
  return storedSize(store)
}

async function refold(
  ledger: Ledger,
  store: Store,
  index: bigint,
  bytes: Uint8Array,
  staged: readonly Op[],
): Promise<readonly Op[]> {
  const entry = parseEntry(bytes)
  const batch = parseHeaderNote(entry.header)
  const key = batchKey(batch.id)
  const pending = staged.findLast((op) => equalBytes(op.key, key))?.value
  const row = pending ?? (await store.get(key))
  const stored = await store.get(bodyKey(index))
  const body = entry.verdict.accepted && stored ? parseBody(stored) : undefined
  const folded = ledger.fold(index, entry, batch, row && decodeKnown(row), body)
  folded.remember()
  return folded.ops
}

async function countEntries(store: Store): Promise<bigint> {
  const { gte, lt } = prefixRange(Buffer.from('e'))
  const [last] = await store.range({ gte, lt, limit: 1, reverse: true })
  return last ? fromBe64(last[0], 1) + 1n : 0n
}

/** Every derived row, for comparing two rebuilds. */
export async function derivedRows(store: Store): Promise<string> {
  const digest = createHash('sha256')
  for (const table of derivedTables) {
    for (const [key, value] of await store.range(prefixRange(table)))
      digest.update(key).update('\0').update(value).update('\0')
  }
  return digest.digest('hex')
}
