/**
 * What a recovery leaves behind. The database of the epoch before holds every record in clear, and no erasure reaches it.
 * So when everything that the parent holds is back, what was accepted here and stands nowhere else is published again in
 * the new epoch, and then the old database is removed.
 *
 * Not published again are records that an amendment ended since, and what the federation is told by others: statements,
 * catalog, lane heads. Each step can be repeated: a batch is published under a request id that names its old place. A
 * restoration names withdrawals: one that has another id now is named by that.
 */
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Clock, sleep } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { isBornHere, parseEntry } from '../batch/entry.ts'
import { isRestoring, understood } from '../batch/header.ts'
import { openHeader, type SealedHeader } from '../batch/seal.ts'
import type { Context } from '../exchange/context.ts'
import { publish } from '../exchange/publish.ts'
import { firstBatchOf } from '../exchange/request-ids.ts'
import { AmendmentAction, AmendmentSchema } from '../gen/huxin/v1/catalog_pb.ts'
import type { StoredAmendment } from '../ledger/amendments.ts'
import { bodyKey, entryKey, prefixRange, tables } from '../store/keys.ts'
import { openStore, type Store } from '../store/store.ts'
import { epochFiles } from './config.ts'
import { FormerActs } from './former-acts.ts'
import type { NodeLog } from './node-log.ts'

export interface FormerEpochsOptions {
  /** The node's folder. */
  readonly folder: string
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
/** Kinds that were born here and that nobody else tells. */
const TAKEN_OVER: readonly string[] = ['evaluation', 'record', 'recognition', 'amendment', 'act', 'access']

/** Ends when no database of an earlier epoch is left, or at the signal. */
export async function removeFormerEpochs(options: FormerEpochsOptions): Promise<void> {
  const { clock, context, log, signal, folder, epoch } = options
  let revoked: number | undefined
  while (!signal.aborted) {
    const [former] = await formerDatabases(folder, epoch)
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
      const published = await inFormer(options, former, (store, acts) => publishAgain(options, { former, store, acts }))
      await rm(epochFiles(folder, former).database, { recursive: true, force: true })
      log.info({ epoch: former, batches: published }, 'the database of an earlier epoch is removed; what stood there alone is published again')
    } catch (error) {
      if (signal.aborted) return
      context.alarms.raise(ALARM, '', text`the database of epoch ${former} (data/${former}/db) still holds records in clear and could not be taken over: ${textOf(error)}`)
      await sleep(clock, RETRY_MS, signal)
    }
  }
}

/** Earlier epochs that have a database, newest first. */
async function formerDatabases(folder: string, epoch: number): Promise<number[]> {
  const names = await readdir(join(folder, 'data')).catch(() => [])
  const epochs = names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number).filter((one) => one < epoch)
  const there = await Promise.all(epochs.map((one) => access(epochFiles(folder, one).database).then(() => true, () => false)))
  return epochs.filter((_, i) => there[i]).sort((a, b) => b - a)
}

/** @returns what was published again; 0 when nothing can be read */
async function inFormer(options: FormerEpochsOptions, former: number, take: (store: Store, acts: FormerActs) => Promise<number>): Promise<number> {
  const store = await openFormer(options, former)
  if (!store) return 0
  try {
    return await take(store, await FormerActs.read(options.context, store))
  } finally {
    await store.close()
  }
}

/** Undefined when it is damaged: it was given up for that, and nothing can be read from it. @throws HuxinError store_locked */
async function openFormer({ folder, log }: FormerEpochsOptions, former: number): Promise<Store | undefined> {
  try {
    return await openStore(epochFiles(folder, former).database, { create: false })
  } catch (error) {
    if (!isHuxinError(error, 'store_corrupt')) throw error
    log.warn({ epoch: former, reason: error.message }, 'the database of an earlier epoch cannot be read, nothing is taken from it')
    return undefined
  }
}

/** @returns number of batches that were published again */
async function publishAgain({ context, log, signal }: FormerEpochsOptions, { former, store, acts }: { former: number; store: Store; acts: FormerActs }): Promise<number> {
  const { gte, lt } = prefixRange(tables.entry)
  let published = await acts.registerAgain()
  for (let from = gte; ;) {
    if (signal.aborted) throw new HuxinError('not_ready', text`the node is stopping`)
    const rows = await store.range({ gte: from, lt, limit: PIECE })
    for (const [key, bytes] of rows) {
      const batch = bornHere(bytes, context.self)
      if (!batch || await context.ledger().known(batch.id)) continue
      const index = Buffer.from(key).readBigUInt64BE(1)
      const refusal = await publishOne(context, { batch, bytes, acts, former, store, index })
      if (refusal === undefined) published++
      else log.warn({ batch: batch.idText, kind: batch.header.kind, reason: refusal }, 'a batch of an earlier epoch is not published again')
    }
    const last = rows.at(-1)
    if (!last || rows.length < PIECE) return published
    from = entryKey(Buffer.from(last[0]).readBigUInt64BE(1) + 1n)
  }
}

/** The batch of an entry, when it was accepted here first and is of a kind that is taken over. */
function bornHere(bytes: Uint8Array, self: string): SealedHeader | undefined {
  try {
    const { source, verdict, header } = parseEntry(bytes)
    if (!isBornHere(source) || !verdict.accepted) return undefined
    const batch = openHeader(header)
    return batch.header.origin === self && understood(batch.header) && TAKEN_OVER.includes(batch.header.kind) ? batch : undefined
  } catch {
    return undefined
  }
}

/** An entry of an earlier epoch, and where it stands. */
interface FormerEntry {
  readonly batch: SealedHeader
  readonly bytes: Uint8Array
  readonly acts: FormerActs
  readonly former: number
  readonly store: Store
  readonly index: bigint
}

const requestIdOf = (former: number, index: bigint): string => `former/${former}/${index}`

/** @returns why it is not published, or undefined */
async function publishOne(context: Context, entry: FormerEntry): Promise<string | undefined> {
  const { batch, bytes, acts, former, store, index } = entry
  const stored = await store.get(bodyKey(index))
  if (!stored) return 'its body is missing'
  const { kind, item, provider, lanes, batchClass, extra } = batch.header
  const ended = await endedPositions(context, batch, acts)
  try {
    const body = parseBody(stored)
    const standing = Array.from({ length: body.count }, (_, i) => (ended.has(i) ? undefined : recordAt(body, i))).filter((record) => record !== undefined)
    if (standing.length === 0) return 'all of its records are ended or erased'
    const records = isRestoring(batch.header) ? await Promise.all(standing.map((record) => withNewIds(context, record, entry))) : standing
    const { refusal } = await publish(context, {
      kind, item, provider, targets: lanes.map(({ target }) => target), batchClass, records, extra, source: parseEntry(bytes).source, requestId: requestIdOf(former, index),
    })
    return refusal?.message
  } catch (error) {
    if (isHuxinError(error) && (error.kind === 'invalid' || error.kind === 'denied' || error.kind === 'refused')) return error.message
    throw error
  }
}

/** A restoration that names withdrawals as they are called now. Those of before stand earlier in the log, and are published already. */
async function withNewIds(context: Context, record: Uint8Array, { acts, former, store }: FormerEntry): Promise<Uint8Array> {
  const amendment = fromBinary(AmendmentSchema, record)
  const withdrawals = await Promise.all(amendment.withdrawals.map(async (id) => {
    if (await context.ledger().known(id)) return id
    const index = (await acts.ledger.known(id))?.indexes[0]
    const bytes = index === undefined ? undefined : await store.get(entryKey(index))
    return bytes && await firstBatchOf(context, { requestId: requestIdOf(former, index!), source: parseEntry(bytes).source }) || id
  }))
  return toBinary(AmendmentSchema, create(AmendmentSchema, { ...amendment, withdrawals }))
}

/**
 * Positions that an amendment withdrew, repaired or erased: one that nobody else has names the batch by its old id. Of a
 * withdrawal that was known here before, this node knew too whether it was undone, and others may not have heard of that.
 */
async function endedPositions(context: Context, batch: SealedHeader, acts: FormerActs): Promise<ReadonlySet<number>> {
  const ended = new Set<number>()
  const ends = ({ action }: StoredAmendment): boolean => action !== AmendmentAction.OBJECT
  for (const { position } of (await acts.ledger.amendments(batch.id, batch.header.origin)).filter(ends)) ended.add(position)
  for (const row of (await context.ledger().amendments(batch.id, batch.header.origin)).filter(ends)) {
    if (ended.has(row.position)) continue
    const bytes = await context.store.get(entryKey(row.index))
    const isOld = bytes !== undefined && row.action === AmendmentAction.WITHDRAW && await acts.ledger.known(openHeader(parseEntry(bytes).header).id) !== undefined
    if (!isOld) ended.add(row.position)
  }
  return ended
}
