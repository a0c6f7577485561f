/**
 * What one member may put into this log: lanes opened, entries and bytes a day, batches carried unread, batches refused an hour.
 * Counted where a batch comes in from below, for its origin and for the branch of the child that hands it up, and where it is born.
 * What would go beyond is answered `quota_exceeded` and not logged; others do not notice. Counts are kept every few
 * seconds, so that starting anew is no way around them.
 */
import { be64, concat, fromBe64 } from '../base/bytes.ts'
import { type Clock, formatTime } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, text } from '../base/text.ts'
import { type EntrySource, isBornHere } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Store } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import type { Alarms } from '../alarm/alarms.ts'

/** Who → window and amount of each rate. */
export const quotaRows = defineRows({
  table: 'meta',
  name: 'quota',
  keys: textKeys,
  check: hasCheckValue(64),
})

/** Limits for one origin; a child's whole branch may have BRANCH times as much. */
export interface QuotaLimits {
  /** Lanes opened, of all epochs. */
  readonly lanes: number
  readonly entriesPerDay: number
  /** Bytes of headers and bodies. */
  readonly bytesPerDay: number
  /** Bytes of batches that are carried without being understood. */
  readonly unreadBytesPerDay: number
  readonly refusedPerHour: number
}

export const defaultQuotas: QuotaLimits = {
  lanes: 4_096,
  entriesPerDay: 2_000_000,
  bytesPerDay: 50_000_000_000,
  unreadBytesPerDay: 100_000_000,
  refusedPerHour: 1_000,
}

export interface QuotasOptions {
  readonly limits: QuotaLimits
  readonly ledger: () => Ledger
  readonly store: Store
  readonly clock: Clock
  readonly alarms: Alarms
  /** Refused batches of one origin in an hour that are an alarm. */
  readonly refusalsWarn?: number
}

/** A batch that was logged. */
export interface Counted {
  readonly bytes: number
  readonly refused: boolean
  /** Lanes that it opened. */
  readonly opened: number
}

type Rate = 'entriesPerDay' | 'bytesPerDay' | 'unreadBytesPerDay' | 'refusedPerHour'

const RATES: readonly Rate[] = [
  'entriesPerDay',
  'bytesPerDay',
  'unreadBytesPerDay',
  'refusedPerHour',
]
const HOUR_MS = 3_600_000
const windowMs = (rate: Rate): number => (rate === 'refusedPerHour' ? HOUR_MS : 24 * HOUR_MS)
/** Origins of one branch that may all use their quota. */
const BRANCH = 16
const WARN = 0.8
const REFUSALS_WARN = 10
const SAVE_MS = 5_000

/** How much of each rate was used, and in which window. */
type Used = Record<Rate, { window: number; amount: number }>

export class Quotas {
  readonly #options: QuotasOptions
  readonly #used = new Map<string, Used>()
  readonly #lanes = new Map<string, number>()
  readonly #unsaved = new Set<string>()
  readonly #warned = new Set<string>()
  /** For whom the alarm of many refusals stands. */
  readonly #refusing = new Set<string>()
  #savedMs = 0

  private constructor(options: QuotasOptions) {
    this.#options = options
  }

  /** With what was used before the node was started. */
  static async open(options: QuotasOptions): Promise<Quotas> {
    const quotas = new Quotas(options)
    for (const [key, stored] of await options.store.range(quotaRows.range)) {
      const value = openChecked(key, stored)
      if (value?.length !== RATES.length * 16) continue
      quotas.#used.set(
        quotaRows.restOf(key).toString(),
        Object.fromEntries(
          RATES.map((rate, i) => [
            rate,
            {
              window: Number(fromBe64(value, 16 * i)),
              amount: Number(fromBe64(value, 16 * i + 8)),
            },
          ]),
        ) as Used,
      )
    }
    for (const who of quotas.#used.keys()) if (!who.endsWith('/**')) quotas.#sayRefusals(who)
    return quotas
  }

  /** Forgets what is counted from the store, after it was loaded again. */
  reset(): void {
    this.#lanes.clear()
  }

  /** Whether an origin may send another batch. @throws HuxinError quota_exceeded */
  check(header: BatchHeader, source: EntrySource, bytes: number): void {
    for (const { who, times } of counters(this.#options.ledger(), header, source)) {
      for (const rate of RATES) {
        const limit = this.#options.limits[rate] * times
        const more = this.#share(rate, header, { bytes, refused: false, opened: 0 })
        if (
          this.#amount(who, rate) + more > limit ||
          (rate === 'refusedPerHour' && this.#amount(who, rate) >= limit)
        )
          throw this.#exceeded(who, rate, limit)
      }
    }
  }

  /** Whether an origin may open more lanes; call it in a round of the writer. @throws HuxinError quota_exceeded */
  async checkLanes(origin: string, source: EntrySource, opened: number): Promise<void> {
    const {
      limits: { lanes: limit },
      alarms,
    } = this.#options
    if (opened === 0) return
    const there = await this.#lanesOf(origin)
    if ((source.kind === 'child' || isBornHere(source)) && there + opened > limit) {
      throw new HuxinError(
        'quota_exceeded',
        text`${origin} has ${there} lanes here and may have ${limit} (quotas.lanes in node.yaml): it sends to fewer targets, or the operator of ${this.#options.ledger().self} raises its quota`,
        {
          details: { quota: 'lanes', limit: String(limit) },
        },
      )
    }
    if (there + opened > limit * WARN)
      alarms.raise(
        'quota',
        `${origin} lanes`,
        text`${origin} has ${there + opened} lanes here and may have ${limit} (quotas.lanes): what opens more is not taken`,
      )
  }

  /** Counts a batch that is logged. */
  count(header: BatchHeader, source: EntrySource, counted: Counted): void {
    const lanes = this.#lanes.get(header.origin)
    if (lanes !== undefined) this.#lanes.set(header.origin, lanes + counted.opened)
    for (const { who, times } of counters(this.#options.ledger(), header, source)) {
      const used = this.#usedOf(who)
      for (const rate of RATES) {
        const amount = this.#amount(who, rate) + this.#share(rate, header, counted)
        used[rate] = { window: this.#window(rate), amount }
        if (amount > this.#options.limits[rate] * times * WARN)
          this.#warn(who, rate, { amount, limit: this.#options.limits[rate] * times })
      }
      if (times === 1 && counted.refused) this.#sayRefusals(who)
      this.#unsaved.add(who)
    }
  }

  /** A batch of this node was refused above. */
  countReturned(origin: string): void {
    const used = this.#usedOf(origin)
    used.refusedPerHour = {
      window: this.#window('refusedPerHour'),
      amount: this.#amount(origin, 'refusedPerHour') + 1,
    }
    this.#sayRefusals(origin)
    this.#unsaved.add(origin)
  }

  #sayRefusals(who: string): void {
    const amount = this.#amount(who, 'refusedPerHour')
    if (amount < (this.#options.refusalsWarn ?? REFUSALS_WARN)) return
    this.#refusing.add(who)
    this.#options.alarms.raise(
      'refusals',
      who,
      text`${amount} batches of ${nameOf(who)} were refused in this hour`,
    )
  }

  /** Ends the alarms whose hour or day is over, and keeps the counts. Losing the last seconds costs nothing. */
  async review(): Promise<void> {
    for (const name of this.#warned) {
      const [who = '', rate = ''] = name.split(' ')
      if (this.#usedOf(who)[rate as Rate].window === this.#window(rate as Rate)) continue
      this.#warned.delete(name)
      this.#options.alarms.clear('quota', name)
    }
    for (const who of this.#refusing) {
      if (this.#usedOf(who).refusedPerHour.window === this.#window('refusedPerHour')) continue
      this.#refusing.delete(who)
      this.#options.alarms.clear('refusals', who)
    }
    const now = this.#options.clock.monotonicMs()
    if (now - this.#savedMs < SAVE_MS) return
    this.#savedMs = now
    await this.save()
  }

  /** Keeps the counts. */
  async save(): Promise<void> {
    if (this.#unsaved.size === 0) return
    const ops = [...this.#unsaved].map((who) => {
      const key = quotaRows.key(who)
      return {
        key,
        value: checkedValue(
          key,
          concat(
            ...RATES.flatMap((rate) => [
              be64(BigInt(this.#usedOf(who)[rate].window)),
              be64(BigInt(this.#usedOf(who)[rate].amount)),
            ]),
          ),
        ),
      }
    })
    const names = [...this.#unsaved]
    this.#unsaved.clear()
    await this.#options.store.write(ops).catch((error: unknown) => {
      for (const who of names) this.#unsaved.add(who)
      throw error
    })
  }

  async #lanesOf(origin: string): Promise<number> {
    const known = this.#lanes.get(origin)
    if (known !== undefined) return known
    const counted = await this.#options
      .ledger()
      .lanes.count(`${origin} `, this.#options.limits.lanes + 1)
    this.#lanes.set(origin, counted)
    return counted
  }

  #share(rate: Rate, header: BatchHeader, { bytes, refused }: Counted): number {
    switch (rate) {
      case 'entriesPerDay':
        return 1
      case 'bytesPerDay':
        return bytes
      case 'unreadBytesPerDay':
        return this.#options.ledger().kinds.of(header) ? 0 : bytes
      case 'refusedPerHour':
        return refused ? 1 : 0
    }
  }

  #window(rate: Rate): number {
    return Math.floor(this.#options.clock.nowMs() / windowMs(rate))
  }

  #amount(who: string, rate: Rate): number {
    const used = this.#used.get(who)?.[rate]
    return used?.window === this.#window(rate) ? used.amount : 0
  }

  #usedOf(who: string): Used {
    let used = this.#used.get(who)
    if (!used)
      this.#used.set(
        who,
        (used = Object.fromEntries(RATES.map((rate) => [rate, { window: 0, amount: 0 }])) as Used),
      )
    return used
  }

  #warn(
    who: string,
    rate: Rate,
    { amount, limit }: { readonly amount: number; readonly limit: number },
  ): void {
    const name = `${who} ${rate}`
    if (this.#warned.has(name)) return
    this.#warned.add(name)
    this.#options.alarms.raise(
      'quota',
      name,
      text`${nameOf(who)} has used ${amount} of ${limit} (quotas.${rate}): what goes beyond is not taken until ${this.#until(rate)}`,
    )
  }

  #exceeded(who: string, rate: Rate, limit: number): HuxinError {
    return new HuxinError(
      'quota_exceeded',
      text`${nameOf(who)} has used its quota of ${limit} here (quotas.${rate} in node.yaml): send the batch again at ${this.#until(rate)}, or ask the operator of ${this.#options.ledger().self} to raise it`,
      {
        details: { quota: rate, limit: String(limit), until: this.#until(rate) },
      },
    )
  }

  #until(rate: Rate): string {
    return formatTime((this.#window(rate) + 1) * windowMs(rate))
  }
}

/** Who a batch counts for; what comes from above counts for nobody, it was counted where it came in. */
function counters(
  { kinds }: Ledger,
  { origin, batchClass, kind }: BatchHeader,
  source: EntrySource,
): { readonly who: string; readonly times: number }[] {
  const bornHere = isBornHere(source)
  const what =
    batchClass === 'control' ||
    batchClass === 'amendment' ||
    (bornHere && kinds.get(kind)?.ofItself)
      ? ACTS
      : ''
  if (bornHere) return [{ who: `${origin}${what}`, times: 1 }]
  if (source.kind !== 'child') return []
  return [
    { who: `${origin}${what}`, times: 1 },
    { who: `${source.node}/**${what}`, times: BRANCH },
  ]
}

/** Acts have counts of their own, so that no flood of records keeps an amendment away. */
const ACTS = '#acts'

function nameOf(who: string): Said {
  const name = who.replace(ACTS, '')
  const called = name.endsWith('/**') ? text`the branch of ${name.slice(0, -3)}` : name
  return who === name ? called : text`${called}, for statements, catalog and amendments,`
}
