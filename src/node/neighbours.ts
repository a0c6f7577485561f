/**
 * What a node watches of those around it: which children called when, whose certificate ends, and whether its log is
 * cosigned in time. When a child called last is kept, so that one that is away stays an alarm over a restart.
 */
import { be64, fromBe64 } from '../base/bytes.ts'
import { type Clock, formatTime } from '../base/clock.ts'
import { text } from '../base/text.ts'
import { recordsWaitingFor } from '../account/reconcile.ts'
import { parseEntry } from '../batch/entry.ts'
import type { Context } from '../commit/context.ts'
import { cosigners, finalSize } from '../witness/cosigned.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Member } from '../topology/member.ts'
import type { AlarmLimits } from './config.ts'
import { contactRows } from './own-rows.ts'

export interface NeighboursOptions {
  readonly context: Context
  readonly clock: Clock
  readonly limits: AlarmLimits
}

interface Contact {
  readonly ms: number
  /** Of the certificate that was shown; undefined when it did not call since the start. */
  readonly notAfterMs: number | undefined
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Children that have an alarm each; more of them have one together. */
const EACH_MAX = 3
const NAMED_MAX = 5
/** Days before its end in which a certificate is an alarm. */
const CERTIFICATE_DAYS = 30
const SAVE_MS = 60_000
/** Milliseconds between two counts of what waits for a child that is suspended. */
const COUNT_MS = 60_000
/** Days for which it is said that a retired child never fetched something: time to see to it. */
const UNDELIVERED_DAYS = 7

export class Neighbours {
  readonly #options: NeighboursOptions
  readonly #contacts = new Map<string, Contact>()
  readonly #saved = new Map<string, number>()
  #savedMs = -Infinity
  /** Batches that wait for a child that is not active, when they were counted, and how it stood then. */
  readonly #undelivered = new Map<
    string,
    { readonly batches: number; readonly monotonicMs: number; readonly serial: number }
  >()

  private constructor(options: NeighboursOptions) {
    this.#options = options
  }

  /** With what was kept; of a child that never called, what it cosigned last. */
  static async open(options: NeighboursOptions): Promise<Neighbours> {
    const { context } = options
    const neighbours = new Neighbours(options)
    const parent = context.ledger().federation.member(context.self)?.parent
    for (const [key, stored] of await context.store.range(contactRows.range)) {
      const value = openChecked(key, stored)
      if (value?.length === 8)
        neighbours.#contacts.set(contactRows.restOf(key).toString(), {
          ms: Number(fromBe64(value)),
          notAfterMs: undefined,
        })
    }
    for (const { node, last } of await cosigners(context)) {
      if (last && node !== parent && !neighbours.#contacts.has(node))
        neighbours.#contacts.set(node, {
          ms: Number(last.timeSeconds) * 1000,
          notAfterMs: undefined,
        })
    }
    return neighbours
  }

  /** A child called. */
  called(child: string, { notAfterMs }: Pick<PeerIdentity, 'notAfterMs'>): void {
    this.#contacts.set(child, { ms: this.#options.clock.nowMs(), notAfterMs })
  }

  /** Milliseconds since 1970 of a child's last call; 0 when it never called. */
  lastContactMs(child: string): number {
    return this.#contacts.get(child)?.ms ?? 0
  }

  /** Raises and clears the alarms. Call it every few seconds while the clock is right. */
  async review(): Promise<void> {
    const { context } = this.#options
    const children = context.ledger().federation.children(context.self)
    this.#sayAway(children.filter(({ status }) => status === 'active'))
    this.#sayCertificates(children.filter(({ status }) => status !== 'retired'))
    this.#endDivisions(children)
    await this.#sayUndelivered(children)
    await this.#sayNotFinal()
    await this.#save()
  }

  /** One that never called is not away: it may not be set up yet. */
  #sayAway(children: readonly Member[]): void {
    const {
      context: { alarms },
      clock,
      limits,
    } = this.#options
    const limitOf = ({ id }: Member): number =>
      (limits.childAwayMinutesOf[id] ?? limits.childAwayMinutes) * MINUTE_MS
    const away = children
      .filter(
        (child) =>
          this.#contacts.has(child.name) &&
          clock.nowMs() - this.lastContactMs(child.name) > limitOf(child),
      )
      .map(({ name }) => name)
    const each = new Set(away.length <= EACH_MAX ? away : [''])
    for (const { code, subject } of alarms.standing())
      if (code === 'child_away' && !each.has(subject)) alarms.clear(code, subject)
    if (away.length <= EACH_MAX) {
      for (const name of away)
        alarms.raise(
          'child_away',
          name,
          text`${name} has not called since ${formatTime(this.lastContactMs(name))}`,
        )
      return
    }
    const first = [...away]
      .sort((a, b) => this.lastContactMs(a) - this.lastContactMs(b))
      .slice(0, NAMED_MAX)
    alarms.raise(
      'child_away',
      '',
      text`${away.length} of ${children.length} children have not called for longer than they may; for longest: ${first.map((name) => text`${name} since ${formatTime(this.lastContactMs(name))}`)}`,
    )
  }

  #sayCertificates(children: readonly Member[]): void {
    const {
      context: { alarms },
      clock,
    } = this.#options
    const ending = new Map(
      children.flatMap(({ name }) => {
        const notAfterMs = this.#contacts.get(name)?.notAfterMs
        return notAfterMs !== undefined && notAfterMs - clock.nowMs() < CERTIFICATE_DAYS * DAY_MS
          ? [[name, notAfterMs] as const]
          : []
      }),
    )
    for (const { code, subject } of alarms.standing())
      if (code === 'child_certificate' && !ending.has(subject)) alarms.clear(code, subject)
    for (const [name, notAfterMs] of ending)
      alarms.raise(
        'child_certificate',
        name,
        text`the certificate of ${name} ends at ${formatTime(notAfterMs)}`,
      )
  }

  /** One that does not call any more does not say that it has the same table now. */
  #endDivisions(children: readonly Member[]): void {
    const { alarms } = this.#options.context
    const gone = new Set(
      children.filter(({ status }) => status !== 'active').map(({ name }) => name),
    )
    for (const { code, subject } of alarms.standing())
      if (code === 'divisions' && gone.has(subject)) alarms.clear(code, subject)
  }

  async #sayUndelivered(children: readonly Member[]): Promise<void> {
    const {
      context,
      context: { alarms },
    } = this.#options
    const said = new Set<string>()
    for (const child of children) {
      const batches = child.status === 'active' ? 0 : await this.#undeliveredTo(child)
      if (batches === 0) continue
      said.add(child.name)
      const { name, reason, document } = child
      alarms.raise(
        'undelivered',
        name,
        child.status === 'retired'
          ? text`${batches} batches never reached ${name}, which is retired (${reason}, ${document})`
          : text`${batches} batches wait for ${name}, which is suspended (${reason}, ${document})`,
      )
    }
    for (const { code, subject } of alarms.standing())
      if (code === 'undelivered' && !said.has(subject)) alarms.clear(code, subject)
    for (const name of this.#undelivered.keys())
      if (context.ledger().federation.member(name)?.status === 'active')
        this.#undelivered.delete(name)
  }

  /** Nothing changes for one that is retired; for one that is suspended it is counted once a minute. */
  async #undeliveredTo({ name, status, serial }: Member): Promise<number> {
    const { context, clock } = this.#options
    const isRetired = status === 'retired'
    if (
      isRetired &&
      clock.nowMs() - (context.ledger().retirements.get(name)?.timeMs ?? 0) >
        UNDELIVERED_DAYS * DAY_MS
    )
      return 0
    const before = this.#undelivered.get(name)
    if (
      before?.serial === serial &&
      (isRetired || clock.monotonicMs() - before.monotonicMs < COUNT_MS)
    )
      return before.batches
    const batches = await recordsWaitingFor(context, name)
    this.#undelivered.set(name, { batches, monotonicMs: clock.monotonicMs(), serial })
    return batches
  }

  /** While the parent is away, or has suspended this node, that is what is said. */
  async #sayNotFinal(): Promise<void> {
    const { context, clock, limits } = this.#options
    const { alarms } = context
    const final = await finalSize(context)
    const { signed } = context.log()
    const bytes = final < signed.size ? await context.log().entry(final) : undefined
    const sinceMs = bytes && parseEntry(bytes).timeMs
    const isSaid = alarms.has('away') || alarms.has('suspended') || alarms.has('start')
    if (
      sinceMs === undefined ||
      isSaid ||
      clock.nowMs() - sinceMs < limits.notFinalMinutes * MINUTE_MS
    )
      return alarms.clear('not_final')
    alarms.raise(
      'not_final',
      '',
      text`entry ${final} of this log and those after it wait to be cosigned since ${formatTime(sinceMs)}`,
    )
  }

  /** Losing the last minute costs nothing. */
  async #save(): Promise<void> {
    const { context, clock } = this.#options
    if (clock.monotonicMs() - this.#savedMs < SAVE_MS) return
    this.#savedMs = clock.monotonicMs()
    const ops = [...this.#contacts]
      .filter(([child, { ms }]) => this.#saved.get(child) !== ms)
      .map(([child, { ms }]) => {
        const key = contactRows.key(child)
        return { key, value: checkedValue(key, be64(BigInt(Math.round(ms)))), child, ms }
      })
    if (ops.length === 0) return
    await context.store.write(ops)
    for (const { child, ms } of ops) this.#saved.set(child, ms)
  }
}
