/**
 * fsck and rebuild. `checkStore` derives everything again from entries and bodies and compares; it
 * changes nothing. `rebuildStore` drops every derived table and folds it anew.
 */
import { createHash } from 'node:crypto'
import { be64, equalBytes, fromBe64, hex } from '../base/bytes.ts'
import { systemClock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { bodyRoot, parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { understood } from '../batch/header.ts'
import { openHeader, verifyHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { Indexer } from '../ledger/indexer.ts'
import { decodeKnown, Ledger, type LaneHead, type PassingLane } from '../ledger/ledger.ts'
import { type Log, sizeKey, storedSize } from '../log/log.ts'
import { appendLeaves, emptyFrontier, type Frontier, frontierRoot } from '../merkle/frontier.ts'
import { leafHash } from '../merkle/hash.ts'
import { growTiles, rightEdgeTiles } from '../merkle/tile.ts'
import { parseVkey } from '../note/key.ts'
import { batchKey, bodyKey, derivedTables, entryKey, laneIndexKey, prefixRange, tileKey } from '../store/keys.ts'
import type { Op, Store } from '../store/store.ts'
import type { FederationState } from '../topology/federation.ts'

export interface CheckReport {
  readonly findings: readonly string[]
  readonly entries: bigint
  readonly records: bigint
  readonly erased: bigint
  readonly dropped: bigint
}

/** What a fresh fold starts from. */
export interface Genesis {
  readonly self: string
  readonly federation: () => FederationState
  readonly lanes: ReadonlyMap<string, LaneHead>
  readonly subjectKey: Uint8Array
}

const PIECE = 256
const FINDINGS_MAX = 1_000

/**
 * Checks every entry, body, header signature, lane, tile and the signed root.
 * A record that is gone is lawful when an amendment erased it or the body was in transit only.
 */
export async function checkStore(store: Store, log: Log, genesis: Genesis): Promise<CheckReport> {
  const findings: string[] = []
  const find = (text: string): void => {
    if (findings.length < FINDINGS_MAX) findings.push(text)
  }
  const ledger = new Ledger({ store, self: genesis.self, federation: genesis.federation(), genesisLanes: genesis.lanes })
  await ledger.loadAmended()
  const size = log.signed.size
  let frontier: Frontier = emptyFrontier
  let [records, erased, dropped] = [0n, 0n, 0n]
  for (let index = 0n; index < size; index++) {
    const [entryBytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
    if (!entryBytes) {
      find(`entry ${index} is missing`)
      break
    }
    frontier = appendLeaves(frontier, leafHash(entryBytes))
    try {
      const checked = await checkEntry(ledger, store, index, entryBytes, stored, find)
      records += checked.records
      erased += checked.erased
      dropped += checked.dropped
    } catch (error) {
      find(`entry ${index}: ${messageOf(error)}`)
    }
  }
  if (findings.length === 0 && frontier.size === size && !equalBytes(frontierRoot(frontier), log.signed.root)) {
    find(`the ${size} entries have root ${hex(frontierRoot(frontier))}, signed was ${hex(log.signed.root)}`)
  }
  if (!equalBytes(await log.root(size).catch(() => new Uint8Array()), log.signed.root)) find('the stored tiles do not have the signed root: run huxin node rebuild')
  return { findings, entries: size, records, erased, dropped }
}

async function checkEntry(
  ledger: Ledger, store: Store, index: bigint, entryBytes: Uint8Array, stored: Uint8Array | undefined, find: (text: string) => void,
): Promise<{ records: bigint; erased: bigint; dropped: bigint }> {
  const none = { records: 0n, erased: 0n, dropped: 0n }
  const entry = parseEntry(entryBytes)
  const batch = openHeader(entry.header)
  const { header } = batch
  const key = ledger.federation.member(header.origin)?.epochs.find(({ epoch }) => epoch === header.epoch)
  if (key) verifyHeader(batch, parseVkey(key.noteVkey))
  else find(`entry ${index}: origin ${header.origin} epoch ${header.epoch} is not a member known by then`)
  const row = await store.get(batchKey(batch.id))
  const known = row && decodeKnown(row)
  if (!known?.indexes.includes(index)) find(`entry ${index}: the table of batches does not name it: run huxin node rebuild`)
  const earlier = known?.indexes.filter((other) => other < index) ?? []
  if (earlier.length > 0 && entry.verdict.accepted) find(`entry ${index}: batch ${batch.idText} is in the log twice, first at ${earlier[0]}`)
  if (!stored) {
    find(`entry ${index}: its body is missing`)
    return none
  }
  if (!entry.verdict.accepted) {
    const digest = createHash('sha256').update(stored).digest()
    if (!equalBytes(digest, entry.verdict.reasons)) find(`entry ${index}: the reasons of its refusal are not those that were logged`)
    if (earlier.length === 0) await checkLanes({ ledger, store }, index, batch, entry, find)
    ledger.fold(index, entry, batch, earlier.length > 0 ? { refused: false, indexes: earlier } : undefined, undefined).remember()
    return none
  }
  const body = parseBody(stored)
  if (body.count !== header.records || !equalBytes(bodyRoot(body), header.root)) {
    find(`entry ${index}: the body of ${batch.idText} does not have the root of its header`)
    return none
  }
  if (earlier.length === 0) await checkLanes({ ledger, store }, index, batch, entry, find)
  const { kept } = ledger.routes(header, entry.source)
  const lawful = await lawfulErasures(ledger, batch.id, header.origin)
  let [erased, dropped] = [0n, 0n]
  for (let i = 0; i < body.count && body.erased > 0; i++) {
    if (recordAt(body, i) !== undefined) continue
    if (lawful.has(i)) erased++
    else if (!kept) dropped++
    else find(`entry ${index}: record ${i} of ${batch.idText} is lost: no amendment erased it`)
  }
  const folded = ledger.fold(index, entry, batch, undefined, body)
  for (const { key: rowKey, value } of folded.ops) {
    if (rowKey[0] !== 0x6c || !value) continue // lanes by number
    const there = await store.get(rowKey)
    if (!there || !equalBytes(there, value)) find(`entry ${index}: a lane row is wrong: run huxin node rebuild`)
  }
  folded.remember()
  return { records: understood(header) ? BigInt(body.count) : 0n, erased, dropped }
}

async function checkLanes(
  { ledger, store }: { ledger: Ledger; store: Store }, index: bigint, batch: ReturnType<typeof openHeader>, entry: ReturnType<typeof parseEntry>, find: (text: string) => void,
): Promise<void> {
  for (const lane of ledger.passingLanes(batch.header, entry.source)) {
    const { key, number, previous } = lane
    const head = ledger.lanes.get(key)
    const next = head ? head.number + 1n : 0n
    if (number > next ? lane.takenBack : number < next && lane.ownBranch) {
      if (!await standsInLane(store, index, lane)) find(`entry ${index}: lane ${key} number ${number} does not lie between its neighbours`)
    } else if (number !== next) find(`entry ${index}: lane ${key} goes from ${next - 1n} to ${number}`)
    else if (head && (!previous || !equalBytes(previous, head.id))) find(`entry ${index}: lane ${key} number ${number} does not name the batch before it`)
  }
}

/** A number that came out of turn: it follows the one before it, which only what was taken back may lack. */
async function standsInLane(store: Store, index: bigint, { key, number, previous, takenBack }: PassingLane): Promise<boolean> {
  const [own, before] = await store.getMany([laneIndexKey(key, number), laneIndexKey(key, number - (number > 0n ? 1n : 0n))])
  if (!own || fromBe64(own) !== index) return false
  if (number === 0n) return previous === undefined
  const entry = before && await store.get(entryKey(fromBe64(before)))
  return entry ? previous !== undefined && equalBytes(openHeader(parseEntry(entry).header).id, previous) : takenBack
}

async function lawfulErasures(ledger: Ledger, id: Uint8Array, origin: string): Promise<ReadonlySet<number>> {
  const rows = await ledger.amendments(id, origin)
  return new Set(rows.filter(({ action }) => action === AmendmentAction.ERASE).map(({ position }) => position))
}

/**
 * Drops everything derived and folds it anew from entries and bodies. Run it on a node that is not
 * started. Byte-identical whenever it runs: it asks no clock.
 */
export async function rebuildStore(store: Store, genesis: Genesis, onProgress: (done: bigint, total: bigint) => void = () => undefined): Promise<bigint> {
  const size = await countEntries(store)
  for (const table of derivedTables) await store.clear(prefixRange(table))
  const ledger = new Ledger({ store, self: genesis.self, federation: genesis.federation(), genesisLanes: genesis.lanes })
  let edge = new Map<string, Uint8Array>()
  for (let start = 0n; start < size; start += BigInt(PIECE)) {
    const end = start + BigInt(PIECE) < size ? start + BigInt(PIECE) : size
    const entries = await store.range({ gte: entryKey(start), lt: entryKey(end) })
    const ops: Op[] = []
    const leaves: Uint8Array[] = []
    for (const [i, [, bytes]] of entries.entries()) {
      leaves.push(leafHash(bytes))
      ops.push(...await refold(ledger, store, start + BigInt(i), bytes, ops))
    }
    const tiles = growTiles(start, Buffer.concat(leaves), edge)
    for (const [name, value] of tiles) {
      const [level = '', tile = ''] = name.split('/')
      ops.push({ key: tileKey(Number(level), BigInt(tile)), value })
      edge.set(name, value)
    }
    edge = new Map(rightEdgeTiles(end).map((tile) => [`${tile.level}/${tile.index}`, edge.get(`${tile.level}/${tile.index}`)!]))
    ops.push({ key: sizeKey, value: be64(end) })
    await store.commit(ops)
    onProgress(end, size)
  }
  const indexer = new Indexer({ store, ledger: () => ledger, subjectKey: genesis.subjectKey, size: () => size, clock: systemClock })
  await indexer.load()
  while (indexer.cursor < size) await indexer.step()
  return storedSize(store)
}

async function refold(ledger: Ledger, store: Store, index: bigint, bytes: Uint8Array, staged: readonly Op[]): Promise<readonly Op[]> {
  const entry = parseEntry(bytes)
  const batch = openHeader(entry.header)
  const key = batchKey(batch.id)
  const pending = staged.findLast((op) => equalBytes(op.key, key))?.value
  const row = pending ?? await store.get(key)
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
    for (const [key, value] of await store.range(prefixRange(table))) digest.update(key).update('\0').update(value).update('\0')
  }
  return digest.digest('hex')
}
