/**
 * Results that contradict each other under two record ids: of one subject, kind, field, scale, evaluator and period, with another
 * grade or score. Neither replaces the other, so that both hold. It is no reason to refuse a record, which nobody but the
 * department can decide, and it is said to whoever publishes it.
 */
import { Turns } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import type { EvaluationResult, Record } from '../gen/huxin/v1/record_pb.ts'
import { subjectIdentity } from '../lookup/record-rows.ts'
import type { Identity } from '../lookup/segments.ts'
import { peekRecord } from '../record/peek.ts'
import { decodeRecord } from '../record/record.ts'
import { Standings } from '../query/standing.ts'
import type { Context } from '../commit/context.ts'

/** Records of one subject that are looked at, the newest first. */
const PLACES_MAX = 64

export interface Contradiction {
  /** Record id of the result that holds. */
  readonly recordId: string
  /** Its grade and score. */
  readonly result: string
}

/** Looks for results of this node beside those that are published. */
export class Contradictions {
  readonly #context: Context
  readonly #mayStand: (identity: Identity) => boolean
  readonly #before: bigint | undefined
  readonly #turns: Turns
  readonly #standings: Standings

  /** @param before only what was logged before this entry counts */
  constructor(
    context: Context,
    { mayStand, before }: { mayStand: (identity: Identity) => boolean; before: bigint | undefined },
  ) {
    this.#context = context
    this.#mayStand = mayStand
    this.#before = before
    this.#turns = new Turns(context.clock)
    this.#standings = new Standings(context, this.#turns)
  }

  /** The newest result that contradicts a record. */
  async of(bytes: Uint8Array): Promise<Contradiction | undefined> {
    const peek = peekRecord(bytes)
    if (!peek || peek.subjectId === '') return undefined
    const identity = subjectIdentity(this.#context.subjectKey, peek.subjectType, peek.subjectId)
    if (!this.#mayStand(identity)) return undefined
    const record = decodeRecord(bytes)
    if (record.content.case !== 'evaluationResult') return undefined
    for (const place of (await this.#context.indexer.find('subject', identity)).slice(
      0,
      PLACES_MAX,
    )) {
      if (this.#turns.over) await this.#turns.next()
      if (this.#before !== undefined && place.index >= this.#before) continue
      const other = await this.#holding(place, record)
      if (other) return other
    }
    return undefined
  }

  async #holding(
    place: { index: bigint; position: number },
    record: Record,
  ): Promise<Contradiction | undefined> {
    try {
      const batch = (await this.#standings.served(place.index))?.batch
      if (batch?.header.origin !== this.#context.self) return undefined
      const bytes = (await this.#standings.read(place))?.bytes
      const other = bytes && decodeRecord(bytes)
      if (!other || !contradicts(record, other)) return undefined
      const { standing } = await this.#standings.of({ ...place, batch, record: other })
      return standing === 'current' || standing === 'not_yet'
        ? { recordId: other.recordId, result: resultOf(other) }
        : undefined
    } catch (error) {
      // Who looks it up is told of the damage.
      if (isHuxinError(error, 'store_corrupt')) return undefined
      throw error
    }
  }
}

function contradicts(one: Record, other: Record): boolean {
  if (
    one.recordId === other.recordId ||
    one.subject?.type !== other.subject?.type ||
    one.subject?.id !== other.subject?.id
  )
    return false
  if (one.content.case !== 'evaluationResult' || other.content.case !== 'evaluationResult')
    return false
  return (
    claimOf(one.content.value) === claimOf(other.content.value) && resultOf(one) !== resultOf(other)
  )
}

/** What a result is of, beside its subject. */
function claimOf({ kind, domain, scale, evaluator, validFrom, validTo }: EvaluationResult): string {
  return JSON.stringify([kind, domain, scale, evaluator, validFrom, validTo])
}

function resultOf({ content }: Record): string {
  return content.case === 'evaluationResult'
    ? [content.value.grade, content.value.score].filter((part) => part !== '').join(' ')
    : ''
}
