/**
 * The account of a period (对账): what was born here, what came up and went up, what came down and goes down, counted in
 * batches and records. It is counted from the log each time and nothing is kept for it: a walk over the entries of the
 * period, in pages, whatever the size of the log. Who confirmed what is taken from what neighbours signed.
 *
 * On every line `due` is `sent` + `in transit` + `undelivered`, and `sent` is `accepted` + `refused`; `returned` is the part
 * of `refused` that is back where it was born, and `late` the part of `in transit` that has waited too long. A batch counts
 * on the day on which this node logged it, also where it was refused later.
 */
import { civilDate, type Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { isBornHere } from '../batch/entry.ts'
import { routeOf } from '../ledger/entry-route.ts'
import { decodeKnown, entrySourceName, type KnownBatch } from '../ledger/ledger.ts'
import { batchKey, receiptKey } from '../store/keys.ts'
import type { Member } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'
import type { Period } from './journal.ts'
import { childReceipt } from '../witness/delivery.ts'
import { decodeReceipt, receiptsOf } from '../witness/receipts.ts'
import type { LoggedEntry } from '../batch/logged.ts'
import { entitled } from '../exchange/serve.ts'

/** How batches move past a node: born here, handed up by a child, to the parent, from the parent, to a child. */
export type Way = 'own' | 'from_child' | 'to_parent' | 'from_parent' | 'to_child'

/** What lines may be divided by, beside the way. */
export const accountKeys = ['node', 'origin', 'item', 'provider', 'day', 'month'] as const
export type AccountKey = (typeof accountKeys)[number]

export interface Counts {
  due: number
  sent: number
  accepted: number
  refused: number
  returned: number
  inTransit: number
  late: number
  /** Due to a member that is retired, which fetches nothing any more. */
  undelivered: number
}

/** A line; what it is not divided by is empty. */
export interface AccountLine {
  readonly way: Way
  /** Full name of the neighbour; empty for what was born here. */
  readonly node: string
  readonly origin: string
  /** `<item>@<edition>`, or the kind of a batch without an item. */
  readonly item: string
  readonly provider: string
  /** `YYYY-MM-DD` or `YYYY-MM`, in China. */
  readonly period: string
  readonly batches: Counts
  readonly records: Counts
}

export interface AccountAsked extends Period {
  readonly by: readonly AccountKey[]
  /** Node id or full name of a neighbour: lines of that one alone. */
  readonly node: string | undefined
  /** `<item>` or `<item>@<edition>`. */
  readonly item: string | undefined
  readonly provider: string | undefined
  /** Milliseconds after which what is on its way is late. */
  readonly lateMs: number
}

/** Entries whose receipts are read at once. */
const PIECE = 64n
/** Entries that one page looks at. */
const PAGE_ENTRIES = 8_192n
/** Lines after which a page ends, with those of the piece. */
const PAGE_LINES = 2_000

export type Outcome = 'accepted' | 'refused' | 'returned' | 'in_transit' | 'undelivered'

/** One batch on one way. */
export interface Movement {
  readonly way: Way
  readonly node: string
  readonly outcome: Outcome
}

/** An entry with what neighbours said of it. */
interface Seen {
  readonly logged: LoggedEntry
  readonly known: KnownBatch
  /** What the parent signed for it. */
  readonly above: 'accepted' | 'refused' | undefined
}

/** What is the same for all entries of a page. */
interface Around {
  readonly context: Context
  readonly asked: AccountAsked
  readonly parent: Member | undefined
  readonly children: readonly {
    readonly member: Member
    readonly signed: Readonly<Record<string, bigint>> | undefined
  }[]
}

/**
 * The account of the entries from `start` on, before `end`. Lines of one key may come on several pages: their counts add up.
 * @returns the lines, and where the next page begins
 * @throws HuxinError store_corrupt | cancelled
 */
export async function accountPage(
  context: Context,
  asked: AccountAsked,
  { start, end, turns }: { start: bigint; end: bigint; turns: Turns },
): Promise<{ lines: AccountLine[]; next: bigint }> {
  const around = await look(context, asked)
  const lines = new Map<string, AccountLine>()
  let next = start
  while (next < end && next - start < PAGE_ENTRIES && lines.size < PAGE_LINES) {
    const to = next + PIECE < end ? next + PIECE : end
    for (const seen of await piece(around, next, to)) {
      for (const movement of movementsOf(around, seen)) count(around, lines, seen, movement)
      if (turns.over) await turns.next()
    }
    next = to
  }
  return { lines: [...lines.values()], next }
}

/** How far one batch is on each of its ways. */
export async function waysOf(
  context: Context,
  logged: LoggedEntry,
  known: KnownBatch,
): Promise<Movement[]> {
  const around = await look(context, EVERYTHING)
  const stored =
    around.parent && (await context.store.get(receiptKey(logged.batch.id, around.parent.name)))
  return [
    ...movementsOf(around, { logged, known, above: await wordAbove(context, logged, stored) }),
  ]
}

const EVERYTHING: AccountAsked = {
  sinceMs: 0,
  untilMs: Infinity,
  by: [],
  node: undefined,
  item: undefined,
  provider: undefined,
  lateMs: 0,
}

async function look(context: Context, asked: AccountAsked): Promise<Around> {
  const { federation } = context.ledger()
  const parent = federation.member(context.self)?.parent
  const children = await Promise.all(
    federation.children(context.self).map(async (member) => ({
      member,
      signed: (await childReceipt(context, member.name))?.receipt.classes,
    })),
  )
  return {
    context,
    asked,
    parent: parent === undefined ? undefined : federation.member(parent),
    children,
  }
}

/** The first entry of each counted batch of the period, from `start` to before `end`. */
async function piece(
  { context, asked, parent }: Around,
  start: bigint,
  end: bigint,
): Promise<Seen[]> {
  const indexes = Array.from({ length: Number(end - start) }, (_, i) => start + BigInt(i))
  const logged = (await context.recent.readAll(indexes)).filter((one) =>
    isCounted(context, asked, one),
  )
  const rows = await context.store.getMany(logged.map(({ batch }) => batchKey(batch.id)))
  const firsts = logged.flatMap((one, i) => {
    const row = rows[i]
    if (!row)
      throw new HuxinError(
        'store_corrupt',
        text`batch ${one.batch.idText} is missing from the index; run huxin node rebuild`,
      )
    const known = decodeKnown(row)
    return known.indexes[0] === one.index ? [{ logged: one, known }] : []
  })
  if (!parent) return firsts.map((first) => ({ ...first, above: undefined }))
  const receipts = await context.store.getMany(
    firsts.map(({ logged: { batch } }) => receiptKey(batch.id, parent.name)),
  )
  return Promise.all(
    firsts.map(async (first, i) => ({
      ...first,
      above: await wordAbove(context, first.logged, receipts[i]),
    })),
  )
}

function isCounted(
  { kinds }: Context,
  { sinceMs, untilMs, item, provider }: AccountAsked,
  { entry, batch: { header } }: LoggedEntry,
): boolean {
  if (header.batchClass === 'control' || kinds.get(header.kind)?.ofItself) return false
  if (entry.timeMs < sinceMs || entry.timeMs >= untilMs) return false
  if (provider !== undefined && header.provider !== provider) return false
  return item === undefined || header.item === item || header.item?.startsWith(`${item}@`) === true
}

/** What nodes above signed: the parent, or, where the node was moved since, any of those above it then. */
async function wordAbove(
  context: Context,
  { entry, batch }: LoggedEntry,
  stored: Uint8Array | undefined,
): Promise<Seen['above']> {
  if (stored) return verdictIn(decodeReceipt(batch.id, stored).entryPrefix)
  if (
    entry.source.kind === 'parent' ||
    entry.source.kind === 'fetched' ||
    !context.ledger().goesUp(batch.header, entry.source)
  )
    return undefined
  const [any] = await receiptsOf(context, batch.id)
  return any && verdictIn(any.receipt.entryPrefix)
}

function verdictIn(entryPrefix: Uint8Array): 'accepted' | 'refused' {
  return /^verdict accepted$/m.test(Buffer.from(entryPrefix).toString()) ? 'accepted' : 'refused'
}

function* movementsOf(around: Around, seen: Seen): Generator<Movement> {
  const { context, children } = around
  const {
    logged: {
      index,
      entry,
      batch: { header },
    },
    known,
  } = seen
  const ledger = context.ledger()
  const route = routeOf(entry, header)
  const fetched = entry.source.kind === 'fetched'
  const below = children.find(({ member }) =>
    ledger.federation.isWithin(header.origin, member.name),
  )
  if (isBornHere(entry.source) || header.origin === context.self) {
    yield { way: 'own', node: '', outcome: known.refused ? 'returned' : 'accepted' }
  } else if (entry.source.kind === 'child' || (fetched && below)) {
    const child = entry.source.kind === 'child' ? entry.source.node : below!.member.name
    yield {
      way: 'from_child',
      node: child,
      outcome: known.refused ? outcomeOfRefusal(around, seen, child) : 'accepted',
    }
  } else {
    yield {
      way: 'from_parent',
      node: entrySourceName(entry.source),
      outcome: entry.verdict.accepted && !known.refused ? 'accepted' : 'refused',
    }
  }
  if (!entry.verdict.accepted) return
  if (around.parent && ledger.goesUp(header, entry.source))
    yield {
      way: 'to_parent',
      node: around.parent.name,
      outcome: fetched ? 'accepted' : outcomeAbove(seen),
    }
  for (const { member, signed } of children) {
    if (
      !entitled(ledger, member.name, {
        route,
        batchClass: header.batchClass,
        index,
        includeOwn: false,
      })
    )
      continue
    const has = signed !== undefined && signed[header.batchClass]! > index
    yield {
      way: 'to_child',
      node: member.name,
      outcome: has ? 'accepted' : member.status === 'retired' ? 'undelivered' : 'in_transit',
    }
  }
}

/** What was refused here was told in the same call; of what was refused above the child signs for the second entry. */
function outcomeOfRefusal(
  { children }: Around,
  {
    logged: {
      entry,
      batch: { header },
    },
    known,
  }: Seen,
  child: string,
): Outcome {
  if (!entry.verdict.accepted) return 'returned'
  const signed = children.find(({ member }) => member.name === child)?.signed
  return signed !== undefined && signed[header.batchClass]! > known.indexes.at(-1)!
    ? 'returned'
    : 'refused'
}

function outcomeAbove({ known, above }: Seen): Outcome {
  if (known.refused) return 'returned'
  return above ?? 'in_transit'
}

const noCounts = (): Counts => ({
  due: 0,
  sent: 0,
  accepted: 0,
  refused: 0,
  returned: 0,
  inTransit: 0,
  late: 0,
  undelivered: 0,
})

function count(
  { context, asked }: Around,
  lines: Map<string, AccountLine>,
  {
    logged: {
      entry,
      batch: { header },
    },
  }: Seen,
  { way, node, outcome }: Movement,
): void {
  const { by } = asked
  if (asked.node !== undefined && node !== asked.node && !node.endsWith(`/${asked.node}`)) return
  const day = civilDate(entry.timeMs)
  const names = {
    node: by.includes('node') ? node : '',
    origin: by.includes('origin') ? header.origin : '',
    provider: by.includes('provider') ? header.provider : '',
    item: by.includes('item') ? (header.item ?? header.kind) : '',
    period: by.includes('day') ? day : by.includes('month') ? day.slice(0, 7) : '',
  }
  const key = [way, ...Object.values(names)].join(' ')
  const line = lines.get(key) ?? { way, ...names, batches: noCounts(), records: noCounts() }
  lines.set(key, line)
  const late = entry.timeMs < context.clock.nowMs() - asked.lateMs
  add(line.batches, { outcome, late, number: 1 })
  add(line.records, { outcome, late, number: header.records })
}

function add(
  counts: Counts,
  { outcome, late, number }: { outcome: Outcome; late: boolean; number: number },
): void {
  counts.due += number
  switch (outcome) {
    case 'undelivered':
      counts.undelivered += number
      return
    case 'in_transit':
      counts.inTransit += number
      if (late) counts.late += number
      return
    default:
      counts.sent += number
      if (outcome === 'accepted') counts.accepted += number
      else counts.refused += number
      if (outcome === 'returned') counts.returned += number
  }
}
