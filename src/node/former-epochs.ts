/**
 * What a recovery leaves behind. The database of the epoch before holds every record in clear, and no erasure reaches it.
 * So when everything that the parent holds is back, what was accepted here and stands nowhere else is published again in
 * the new epoch, and then the old database is removed.
 *
 * Not published again are records that an amendment ended since, and what the federation is told by others: statements,
 * catalog, lane heads. Each step can be repeated: a batch is published under a request id that names its old place. A
 * restoration names withdrawals: one that has another id now is named by that. Whatever was said of a batch that has another id
 * now, here or at a node above, is said of its new place (`former-places.ts`).
 */
import { join } from 'node:path'
import { civilDate, type Clock, sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { type EntrySource, isBornHere, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote, type SealedHeader } from '../batch/seal.ts'
import type { Context } from '../commit/context.ts'
import { publish } from '../publish/publish.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { isInEffect, type StoredAmendment } from '../ledger/amendments.ts'
import { bodyKey, entryKey, prefixRange, tables } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { epochFiles } from './config.ts'
import type { Disk } from './ports.ts'
import { FormerActs } from './former-acts.ts'
import { FormerPlaces, requestIdOf } from './former-places.ts'
import type { NodeLog } from './node-log.ts'

export interface FormerEpochsOptions {
  /** The node's folder. */
  readonly folder: string
  readonly disk: Disk
  readonly epoch: number
  readonly context: Context
  readonly clock: Clock
  readonly log: NodeLog
  /** True when entries may be written. */
  readonly mayAppend: () => boolean
  /** True while something comes back from others. */
  readonly recovering: () => boolean
  readonly signal: AbortSignal
}

const ALARM = 'former_epoch'
const WAIT_MS = 500
const RETRY_MS = 60_000
const PIECE = 256

/** Ends when no database of an earlier epoch is left, or at the signal. */
export async function removeFormerEpochs(options: FormerEpochsOptions): Promise<void> {
  const { clock, context, log, signal, folder } = options
  let revoked: number | undefined
  while (!signal.aborted) {
    const [former] = await formerDatabases(options)
    if (former === undefined) return context.alarms.clear(ALARM)
    if (!options.mayAppend() || (options.recovering() && revoked === former)) {
      await sleep(clock, WAIT_MS, signal)
      continue
    }
    try {
      // Whose certificates count no more waits for nothing else.
      if (revoked !== former) await inFormer(options, former, async (_, acts) => acts.revokeAgain())
      revoked = former
      if (options.recovering()) continue
      const published = await inFormer(options, former, (store, acts) =>
        publishAgain(options, { former, store, acts }),
      )
      await options.disk.files.remove(epochFiles(folder, former).database)
      log.info(
        { epoch: former, batches: published },
        'the database of an earlier epoch is removed; what stood there alone is published again',
      )
    } catch (error) {
      if (signal.aborted) return
      context.alarms.raise(
        ALARM,
        '',
        text`the database of epoch ${former} (data/${former}/db) still holds records in clear and could not be taken over: ${textOf(error)}`,
      )
      await sleep(clock, RETRY_MS, signal)
    }
  }
}

/** Earlier epochs that have a database, newest first. */
async function formerDatabases({
  folder,
  epoch,
  disk: { files },
}: FormerEpochsOptions): Promise<number[]> {
  const names = await files.names(join(folder, 'data')).catch(() => [])
  const epochs = names
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number)
    .filter((one) => one < epoch)
  const there = await Promise.all(
    epochs.map((one) => files.isThere(epochFiles(folder, one).database).catch(() => false)),
  )
  return epochs.filter((_, i) => there[i]).sort((a, b) => b - a)
}

/** @returns what was published again; 0 when nothing can be read */
async function inFormer(
  options: FormerEpochsOptions,
  former: number,
  take: (store: Store, acts: FormerActs) => Promise<number>,
): Promise<number> {
  const store = await openFormer(options, former)
  if (!store) return 0
  try {
    return await take(store, await FormerActs.read(options.context, store))
  } finally {
    await store.close()
  }
}

/** Undefined when it is damaged: it was given up for that, and nothing can be read from it. @throws HuxinError store_locked */
async function openFormer(
  { folder, disk, log }: FormerEpochsOptions,
  former: number,
): Promise<Store | undefined> {
  try {
    return await disk.engine.open(epochFiles(folder, former).database, { create: false })
  } catch (error) {
    if (!isHuxinError(error, 'store_corrupt')) throw error
    log.warn(
      { epoch: former, reason: error.message },
      'the database of an earlier epoch cannot be read, nothing is taken from it',
    )
    return undefined
  }
}

/** @returns number of batches that were published again */
async function publishAgain(
  { context, log, signal }: FormerEpochsOptions,
  { former, store, acts }: { former: number; store: Store; acts: FormerActs },
): Promise<number> {
  const { gte, lt } = prefixRange(tables.entry)
  const places = new FormerPlaces({ context, former, store, ledger: acts.ledger })
  let published = await acts.registerAgain()
  for (let from = gte; ;) {
    if (signal.aborted) throw new HuxinError('not_ready', text`the node is stopping`)
    const rows = await store.range({ gte: from, lt, limit: PIECE })
    for (const [key, bytes] of rows) {
      const read = readEntry(context, bytes)
      if (!read) continue
      const { batch, source, ownKind } = read
      const entry = {
        batch,
        source,
        acts,
        places,
        former,
        store,
        index: Buffer.from(key).readBigUInt64BE(1),
      }
      if (!ownKind || (await context.ledger().known(batch.id))) {
        if (batch.header.kind === 'amendment' && (await sayAgain(context, entry))) published++
        continue
      }
      const refusal = await publishOne(context, entry)
      if (refusal === undefined) published++
      else
        log.warn(
          { batch: batch.idText, kind: batch.header.kind, reason: refusal },
          'a batch of an earlier epoch is not published again',
        )
    }
    const last = rows.at(-1)
    if (!last || rows.length < PIECE) return published
    from = entryKey(Buffer.from(last[0]).readBigUInt64BE(1) + 1n)
  }
}

/** What an entry is to a recovery: accepted here first and of a kind that is taken over, or what anybody said of records. */
function readEntry(
  { self, kinds }: Context,
  bytes: Uint8Array,
): (Pick<FormerEntry, 'batch' | 'source'> & { readonly ownKind: boolean }) | undefined {
  try {
    const { source, verdict, header } = parseEntry(bytes)
    if (!verdict.accepted) return undefined
    const batch = parseHeaderNote(header)
    const kind = kinds.of(batch.header)
    if (!kind) return undefined
    const ownKind = isBornHere(source) && batch.header.origin === self && kind.takenOver === true
    return ownKind || kind.name === 'amendment' ? { batch, source, ownKind } : undefined
  } catch {
    return undefined
  }
}

/** An entry of an earlier epoch, and where it stands. */
interface FormerEntry {
  readonly batch: SealedHeader
  readonly source: EntrySource
  readonly acts: FormerActs
  readonly places: FormerPlaces
  readonly former: number
  readonly store: Store
  readonly index: bigint
}

/** @returns why it is not published, or undefined */
async function publishOne(context: Context, entry: FormerEntry): Promise<string | undefined> {
  const stored = await entry.store.get(bodyKey(entry.index))
  if (!stored) return 'its body is missing'
  const ended = await endedPositions(context, entry)
  const standing = recordsOf(stored).filter(
    (record, i) => record !== undefined && !ended.has(i),
  ) as Uint8Array[]
  if (standing.length === 0) return 'all of its records are ended or erased'
  return publishRecords(
    context,
    entry,
    await Promise.all(standing.map((record) => renamed(entry, record))),
  )
}

/**
 * What is in the new log already says nothing of a batch that has another id now: it is said again of those records. What a
 * node above said of a batch that only this node has any more is said by this node.
 * @returns whether anything was
 */
async function sayAgain(context: Context, entry: FormerEntry): Promise<boolean> {
  const stored = await entry.store.get(bodyKey(entry.index))
  const records = stored
    ? (recordsOf(stored).filter((record) => record !== undefined) as Uint8Array[])
    : []
  const changed = (
    await Promise.all(
      records.map(async (record) => ({ record, now: await renamed(entry, record) })),
    )
  ).filter(({ record, now }) => record !== now)
  if (changed.length === 0) return false
  return (
    (await publishRecords(
      context,
      { ...entry, source: isBornHere(entry.source) ? entry.source : { kind: 'self' } },
      changed.map(({ now }) => now),
    )) === undefined
  )
}

function recordsOf(stored: Uint8Array): (Uint8Array | undefined)[] {
  const body = parseBody(stored)
  return Array.from({ length: body.count }, (_, i) => recordAt(body, i))
}

async function renamed(
  {
    batch: {
      header: { kind },
    },
    places,
  }: FormerEntry,
  record: Uint8Array,
): Promise<Uint8Array> {
  return kind === 'amendment'
    ? places.ofAmendment(record)
    : kind === 'recognition'
      ? places.ofRecognition(record)
      : record
}

/** @returns why they are not published, or undefined */
async function publishRecords(
  context: Context,
  { batch, source, former, index }: FormerEntry,
  records: readonly Uint8Array[],
): Promise<string | undefined> {
  const { kind, item, provider, lanes, batchClass, extra, origin } = batch.header
  try {
    const { refusal } = await publish(context, {
      kind,
      item,
      provider: origin === context.self ? provider : context.body,
      targets: lanes.map(({ target }) => target),
      batchClass,
      records,
      extra,
      source,
      requestId: requestIdOf(former, index),
    })
    return refusal?.message
  } catch (error) {
    if (
      isHuxinError(error) &&
      (error.kind === 'invalid' || error.kind === 'denied' || error.kind === 'refused')
    )
      return error.message
    throw error
  }
}

/**
 * Positions that an amendment withdrew, repaired or erased by today and that nothing restores later: one that nobody else has
 * names the batch by its old id. Of what was known here before, this node knew too whether it was undone, and others may not
 * have heard of that; what takes effect later is said again of the new place.
 */
async function endedPositions(
  context: Context,
  { batch, acts }: FormerEntry,
): Promise<ReadonlySet<number>> {
  const today = civilDate(context.clock.nowMs())
  const ended = new Set<number>()
  const ends = ({ action, undoneOn }: StoredAmendment): boolean =>
    action !== AmendmentAction.OBJECT && undoneOn === ''
  const before = await acts.ledger.amendments(batch.id, batch.header.origin)
  for (const row of before) if (ends(row) && isInEffect(row, today)) ended.add(row.position)
  for (const row of (await context.ledger().amendments(batch.id, batch.header.origin)).filter(
    ends,
  )) {
    if (ended.has(row.position)) continue
    const bytes = await context.store.get(entryKey(row.index))
    const isOld =
      bytes !== undefined &&
      (await acts.ledger.known(parseHeaderNote(parseEntry(bytes).header).id)) !== undefined
    if (!isOld) ended.add(row.position)
  }
  return ended
}
