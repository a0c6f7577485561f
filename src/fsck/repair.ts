/**
 * Repair: bodies that are missing or damaged come back from a neighbour. What is put back is proved by this
 * node's own log: a body has the root that the header of its entry states, reasons of a refusal the hash that the entry
 * has. What an amendment erased stays erased, whoever still has it; what only passed here comes back without its records.
 */
import { createHash } from 'node:crypto'
import { equalBytes } from '../base/bytes.ts'
import { type Body, eraseLeaves, recordAt } from '../batch/body.ts'
import { type Entry, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader, verifyHeader } from '../batch/seal.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { isPending } from '../lookup/erased.ts'
import { decodeKnown, type Ledger, type Staged } from '../ledger/ledger.ts'
import { leafHash } from '../merkle/hash.ts'
import { parseVkey } from '../note/key.ts'
import { batchKey, bodyKey, entryKey, indexKey, tables, tileKey } from '../store/keys.ts'
import type { Op, Reader } from '../store/store.ts'
import { laneKey } from '../topology/lane.ts'
import { bodyOf } from './check-derived.ts'
import type { Context } from '../commit/context.ts'
import { introducedKeys } from '../ledger/epochs.ts'

/** A neighbour: gives what it has beside the batch, a body or the reasons of its refusal. Nothing of it is trusted. */
export type AskNeighbour = (batch: SealedHeader, entry: Entry) => Promise<Uint8Array | undefined>

/** What came of one damaged row. */
export interface Repaired {
  readonly index: bigint
  /** The row as it is put back; undefined when nobody has one that matches. */
  readonly op: Op | undefined
}

export interface RepairOptions {
  readonly store: Reader
  /** Members and amendments as they are known here. */
  readonly ledger: Ledger
  readonly ask: AskNeighbour
  /** Rows of the writer's round that are not stored yet, of a batch's amendments. */
  readonly staged?: Staged
}

/** Looks for what belongs at the given log indexes. Writes nothing. */
export async function findRepairs(
  damaged: readonly bigint[],
  options: RepairOptions,
): Promise<Repaired[]> {
  const repaired: Repaired[] = []
  for (const index of damaged)
    repaired.push({ index, op: await findRepair(index, options).catch(() => undefined) })
  return repaired
}

async function findRepair(index: bigint, options: RepairOptions): Promise<Op | undefined> {
  const { store, ledger, ask } = options
  const bytes = await store.get(entryKey(index))
  const tile = await store.get(tileKey(0, index / 256n))
  const at = Number(index % 256n) * 32
  // The header must be the one that was logged: its root is what decides.
  if (!bytes || !tile || !equalBytes(leafHash(bytes), tile.subarray(at, at + 32))) return undefined
  const entry = parseEntry(bytes)
  const batch = parseHeaderNote(entry.header)
  const { origin, epoch } = batch.header
  const given = await ask(batch, entry)
  if (!given) return undefined
  const key =
    ledger.federation.member(origin)?.epochs.find((row) => row.epoch === epoch) ??
    introducedKeys(ledger.federation, batch.header, given)
  if (!key) return undefined
  verifyHeader(batch, parseVkey(key.noteVkey))
  if (!entry.verdict.accepted) {
    return equalBytes(createHash('sha256').update(given).digest(), entry.verdict.reasons)
      ? { key: bodyKey(index), value: given }
      : undefined
  }
  const body = bodyOf(given, batch)
  return (
    body && {
      key: bodyKey(index),
      value: await asItStandsHere(options, index, { entry, batch, body }),
    }
  )
}

async function asItStandsHere(
  { store, ledger, staged }: RepairOptions,
  index: bigint,
  { entry, batch, body }: { entry: Entry; batch: SealedHeader; body: Body },
): Promise<Uint8Array> {
  const passing = !ledger.routes(batch.header, entry.source).kept
  if (passing && !(await store.get(indexKey(tables.transit, index)))) return eraseLeaves(body)
  const rows = await ledger.amendments(batch.id, batch.header.origin, staged)
  const erasing = rows.filter(({ action }) => action === AmendmentAction.ERASE)
  const pending = await Promise.all(erasing.map((row) => isPending(store, row)))
  const erased = new Set(erasing.filter((_, i) => !pending[i]).map(({ position }) => position))
  return [...erased].some(
    (position) => position < body.count && recordAt(body, position) !== undefined,
  )
    ? eraseLeaves(body, erased)
    : body.bytes
}

/** Puts back what the parent has, while the node runs. @returns the log indexes that were put back */
export async function repairRunning(
  context: Context,
  damaged: readonly bigint[],
  read: ReadPackage,
): Promise<bigint[]> {
  const { store } = context
  const done: bigint[] = []
  for (const { index, op } of await findRepairs(damaged, {
    store,
    ledger: context.ledger(),
    ask: askParent(read),
  })) {
    if (!op) continue
    await context.writer.propose(op.value!.length, async (_, view) => {
      // Looked at again in the writer's turn: what was erased meanwhile stays erased.
      const now = await findRepair(index, {
        store,
        ledger: context.ledger(),
        ask: async () => op.value,
        staged: view.staged,
      })
      return { entries: [], ops: now ? [now] : [], remember: () => context.recent.forget(index) }
    })
    await context.indexer.restored(index)
    done.push(index)
  }
  return done
}

/** Asks the database of a neighbour, opened beside. */
export function askStore(store: Reader): AskNeighbour {
  return async (batch, entry) => {
    const row = await store.get(batchKey(batch.id))
    for (const index of row ? decodeKnown(row).indexes : []) {
      const [bytes, stored] = await store.getMany([entryKey(index), bodyKey(index)])
      if (bytes && stored && parseEntry(bytes).verdict.accepted === entry.verdict.accepted)
        return stored
    }
    return undefined
  }
}

/** What the parent answers for a batch of a lane. */
export type ReadPackage = (
  lane: string,
  number: bigint,
) => Promise<{ readonly body: Uint8Array; readonly refusal: Uint8Array } | undefined>

/** Asks the parent, lane by lane of the batch. */
export function askParent(read: ReadPackage): AskNeighbour {
  return async ({ header }, entry) => {
    for (const { target, number } of header.lanes) {
      const found = await read(
        laneKey(header.origin, header.epoch, target, header.batchClass),
        number,
      )
      const given = entry.verdict.accepted ? found?.body : found?.refusal
      if (given && given.length > 0) return given
    }
    return undefined
  }
}
