/** Reading the log by period: the account, and entries that fit. For operators, entries for auditors too; both in pages. */
import { concat, hex } from '../base/bytes.ts'
import { Turns } from '../base/clock.ts'
import { invalidField } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import {
  accountKeys,
  type AccountKey,
  type AccountLine,
  accountPage,
  type Counts,
} from '../account/account.ts'
import type { Context } from '../commit/context.ts'
import { indexesOf, searchLog } from '../account/journal.ts'
import { storyOf } from '../account/story.ts'
import type {
  ExplainBatchRequest,
  ReadAccountRequest,
  SearchEntriesRequest,
} from '../gen/huxin/v1/admin_service_pb.ts'
import { batchKey, prefixRange } from '../store/keys.ts'
import type { CallContext } from '../wire/service.ts'
import { pageSizeOf, pageToken, positionOf } from './pages.ts'

const LATE_AFTER_S = 3_600
const FOUND_DEFAULT = 100
const ID_BYTES = 32
const ID_BYTES_MIN = 4
/** The last millisecond of the year 9999. */
const TIME_MAX = 253_402_300_799_999

export async function readAccount(
  context: Context,
  request: ReadAccountRequest,
  { signal }: Pick<CallContext, 'signal'>,
) {
  const { node, item, provider } = request
  const unknown = request.by.find((key) => !accountKeys.includes(key as AccountKey))
  if (unknown !== undefined)
    throw invalidField(
      'by',
      text`lines are divided by ${accountKeys.join(', ')}, not by ${unknown.slice(0, 40)}`,
    )
  if (request.untilMs <= request.sinceMs)
    throw invalidField(
      'until_ms',
      text`the period ends before it begins: give an end after the beginning`,
    )
  const asked = {
    sinceMs: timeOf('since_ms', request.sinceMs),
    untilMs: timeOf('until_ms', request.untilMs),
    by: request.by as AccountKey[],
    node: given(node),
    item: given(item),
    provider: given(provider),
    lateMs: timeOf('late_after_s', request.lateAfterS || BigInt(LATE_AFTER_S)) * 1_000,
  }
  const list = `account ${JSON.stringify(asked)}`
  const { first, start, end } = await rangeOf(context, asked, positionOf(list, request))
  const { lines, next } = await accountPage(context, asked, {
    start,
    end,
    turns: new Turns(context.clock, () => signal),
  })
  return {
    lines: lines.map(lineOf),
    entries: end - first,
    entriesDone: next - first,
    nextPageToken: next < end ? pageToken(list, `${first}.${next}.${end}`) : '',
  }
}

/** All pages look at the entries that the first one found. */
async function rangeOf(
  context: Context,
  asked: { readonly sinceMs: number; readonly untilMs: number },
  position: string | undefined,
): Promise<{ first: bigint; start: bigint; end: bigint }> {
  if (position === undefined) {
    const { start, end } = await indexesOf(context, asked)
    return { first: start, start, end }
  }
  const match = /^(\d{1,18})\.(\d{1,18})\.(\d{1,18})$/.exec(position)
  const [first = 0n, start = 0n, end = 0n] = (match ?? []).slice(1).map(BigInt)
  if (!match || start < first || end < start || end > context.log().signed.size)
    throw invalidField('page_token', text`page_token is not one of this list`)
  return { first, start, end }
}

function lineOf({ way, node, origin, item, provider, period, batches, records }: AccountLine) {
  return {
    way,
    node,
    origin,
    item,
    provider,
    period,
    batches: countsOf(batches),
    records: countsOf(records),
  }
}

function countsOf({
  due,
  sent,
  accepted,
  refused,
  returned,
  inTransit,
  late,
  undelivered,
}: Counts) {
  return {
    due: BigInt(due),
    sent: BigInt(sent),
    accepted: BigInt(accepted),
    refused: BigInt(refused),
    returned: BigInt(returned),
    inTransit: BigInt(inTransit),
    late: BigInt(late),
    undelivered: BigInt(undelivered),
  }
}

export async function searchEntries(
  context: Context,
  request: SearchEntriesRequest,
  { signal }: Pick<CallContext, 'signal'>,
) {
  const { origin, kinds, verdict, item, provider } = request
  if (origin !== '' && !context.ledger().federation.member(origin))
    throw invalidField(
      'origin',
      text`no member ${origin.slice(0, 80)} is known here: see huxin member list`,
    )
  const sought = {
    origin: given(origin),
    kinds,
    verdict: given(verdict),
    item: given(item),
    provider: given(provider),
    sinceMs: timeOf('since_ms', request.sinceMs),
    untilMs: request.untilMs === 0n ? TIME_MAX : timeOf('until_ms', request.untilMs),
  }
  const list = `entries ${JSON.stringify(sought)}`
  const position = positionOf(list, request)
  if (position !== undefined && !/^\d{1,18}$/.test(position))
    throw invalidField('page_token', text`page_token is not one of this list`)
  const { found, next } = await searchLog(context, sought, {
    before: position === undefined ? undefined : BigInt(position),
    size: pageSizeOf(request, FOUND_DEFAULT),
    turns: new Turns(context.clock, () => signal),
  })
  let bytes = 0
  const cut = found.findIndex((logged) => (bytes += logged.bytes.length) > limits.readBytesMax)
  // One that is too large is a page of its own.
  const page = cut < 0 ? found : found.slice(0, Math.max(cut, 1))
  const goOn = page.length < found.length ? page.at(-1)!.index : next
  return {
    entries: page.map((logged) => ({ index: logged.index, entry: logged.bytes })),
    nextPageToken: goOn === undefined ? '' : pageToken(list, String(goOn)),
  }
}

export async function explainBatch(context: Context, { batchId }: ExplainBatchRequest) {
  const { entries, bodyState, refusal, refusedBy, above, hops, names, originStatus, quarantined } =
    await storyOf(context, await wholeId(context, batchId))
  return {
    entries: entries.map(({ index, bytes }) => ({ index, entry: bytes })),
    bodyState,
    ...(refusal ? { refusal } : {}),
    refusedBy: refusedBy ?? '',
    above: above.map(({ node, verdict, timeMs }) => ({ node, verdict, timeMs: BigInt(timeMs) })),
    nextHops: hops.map(({ node, way, outcome }) => ({ node, way, state: outcome })),
    recordNames: [...names],
    originStatus,
    quarantined,
  }
}

/** The id that begins so. @throws HuxinError argument_invalid when several do */
async function wholeId(context: Context, beginning: Uint8Array): Promise<Uint8Array> {
  if (beginning.length === ID_BYTES) return beginning
  if (beginning.length < ID_BYTES_MIN || beginning.length > ID_BYTES)
    throw invalidField(
      'batch_id',
      text`a batch id has ${ID_BYTES} bytes, and its beginning at least ${ID_BYTES_MIN}; this one has ${beginning.length}`,
    )
  const rows = await context.store.range({ ...prefixRange(batchKey(beginning)), limit: 2 })
  if (rows.length > 1)
    throw invalidField(
      'batch_id',
      text`several batches begin with ${hex(beginning)}: give more of the number`,
    )
  // Of an id that is nobody's nothing is found.
  return rows[0]?.[0].subarray(1) ?? concat(beginning, new Uint8Array(ID_BYTES - beginning.length))
}

function given(value: string): string | undefined {
  return value === '' ? undefined : value
}

function timeOf(field: string, value: bigint): number {
  if (value < 0n || value > BigInt(TIME_MAX))
    throw invalidField(field, text`${value} is no time from 1970 to 9999`)
  return Number(value)
}
