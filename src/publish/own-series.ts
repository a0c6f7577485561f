/**
 * What is published here fits what was published here before: a record id names one subject, and a new version reaches
 * everybody who has the one before it. Other nodes cannot know this and do not judge it: to them another subject is another
 * series. Most ids are new, and are told to be by a filter over the index and a set of what is not indexed yet, so nothing waits
 * for the indexer unless an id comes again.
 */
import { isHuxinError } from '../base/errors.ts'
import { Turns } from '../base/clock.ts'
import { type Body, recordAt } from '../batch/body.ts'
import type { BatchHeader } from '../batch/header.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import { BodyIdentities, type IdPlaces } from '../lookup/record-rows.ts'
import { fault, type RecordFault } from '../record/fault.ts'
import { peekRecord, type RecordPeek } from '../record/peek.ts'
import { targetWithin } from '../topology/target.ts'
import type { Context } from '../commit/context.ts'
import { type Refused, refusedRecords } from '../verdict/refusal.ts'
import { seriesPrefix } from '../query/series.ts'
import { Standings } from '../query/standing.ts'

/** A batch that is about to be published. */
export interface Draft {
  readonly header: BatchHeader
  readonly body: Body
  /** Record ids that were found when the records were checked. */
  readonly idPlaces: IdPlaces
}

/**
 * Runs `seal`, with the identities of the records for the index, unless a record of the batch does not fit what was published before. Two batches with one id that
 * are under way together are checked one after the other.
 */
export async function withOwnSeries<T>(
  context: Context,
  draft: Draft,
  run: { seal: (identities?: BodyIdentities) => Promise<T>; refuse: (refused: Refused) => T },
): Promise<T> {
  const { indexer } = context
  if (!context.kinds.get(draft.header.kind)?.ofDepartments) return run.seal()
  indexer.recentIds.forget(indexer.isCaughtUp)
  await indexer.recentIds.makeRoom(() => indexer.caughtUp())
  // From here to the end of the loop nothing else runs: whoever comes later finds these ids.
  const { before, end } = indexer.recentIds.begin()
  try {
    // Bits that are not in the identity.
    const more = new Uint32Array(2 * draft.body.count)
    const identities = BodyIdentities.of(draft.body, context.subjectKey, {
      places: draft.idPlaces,
      more,
    })
    const again = new Set<number>()
    for (let i = 0; i < draft.body.count; i++) {
      if (indexer.recentIds.add(more[2 * i]!, more[2 * i + 1]!)) again.add(i)
    }
    if (again.size > 0) {
      await Promise.all(before())
      await indexer.caughtUp()
    }
    const suspects = suspectsOf(context, identities, again)
    const faults =
      suspects.length > 0 ? await findFaults(context, draft, { identities, again, suspects }) : []
    return faults.length > 0
      ? run.refuse(refusedRecords(faults, draft.body.count))
      : await run.seal(identities)
  } finally {
    end()
  }
}

/** Records whose ids may be in the index; without a sieve all of them. */
function suspectsOf(
  { indexer }: Context,
  identities: BodyIdentities,
  again: ReadonlySet<number>,
): number[] {
  const sieve = indexer.sieveNow()
  const suspects: number[] = []
  for (let i = 0; i < identities.count; i++) {
    const identity = identities.recordId(i)
    if (identity && (again.has(i) || !sieve || sieve.mayHave(identity))) suspects.push(i)
  }
  return suspects
}

async function findFaults(
  context: Context,
  { header, body }: Draft,
  {
    identities,
    again,
    suspects,
  }: { identities: BodyIdentities; again: ReadonlySet<number>; suspects: readonly number[] },
): Promise<RecordFault[]> {
  const turns = new Turns(context.clock)
  const search = new Search(context, header, turns)
  const faults: RecordFault[] = []
  const inCall = again.size > 0 ? subjectsById(body) : undefined
  for (const i of suspects) {
    const identity = identities.recordId(i)!
    if (turns.over) await turns.next()
    const peek = peekRecord(recordAt(body, i)!)
    if (!peek) continue
    const first = inCall?.get(peek.recordId)
    if (first !== undefined && first !== subjectOf(peek)) {
      faults.push(fault(i, 'record_id', 'record_id_taken'))
      continue
    }
    const wrong = await search.faultOf(peek, await context.indexer.find('recordId', identity))
    if (wrong)
      faults.push(
        fault(
          i,
          wrong.code === 'record_id_taken' ? 'record_id' : 'targets',
          wrong.code,
          wrong.detail,
        ),
      )
  }
  return faults
}

/** The subject of the first record with each id. */
function subjectsById(body: Body): ReadonlyMap<string, string> {
  const subjects = new Map<string, string>()
  for (let i = 0; i < body.count; i++) {
    const peek = peekRecord(recordAt(body, i)!)
    if (peek && !subjects.has(peek.recordId)) subjects.set(peek.recordId, subjectOf(peek))
  }
  return subjects
}

function subjectOf({ subjectType, subjectId }: RecordPeek): string {
  return `${subjectType} ${subjectId}`
}

class Search {
  readonly #context: Context
  readonly #header: BatchHeader
  readonly #standings: Standings
  readonly #prefix: string

  constructor(context: Context, header: BatchHeader, turns: Turns) {
    this.#context = context
    this.#header = header
    this.#prefix = seriesPrefix(header)
    this.#standings = new Standings(context, turns)
  }

  /** What is wrong with a record beside the newest that was published under its id. */
  async faultOf(
    peek: RecordPeek,
    places: readonly { index: bigint; position: number }[],
  ): Promise<{ code: 'record_id_taken' | 'version_targets'; detail: string } | undefined> {
    for (const place of places) {
      const there = await this.#read(place)
      if (there?.peek.recordId !== peek.recordId) continue
      if (subjectOf(there.peek) !== subjectOf(peek)) return { code: 'record_id_taken', detail: '' }
      const missed = there.endedAt(place.position) ? [] : this.#missed(there.header)
      return missed.length === 0 ? undefined : { code: 'version_targets', detail: missed.join(' ') }
    }
    return undefined
  }

  /** The record at a place, when it was published here under the same provider and item and stands. */
  async #read(place: {
    index: bigint
    position: number
  }): Promise<
    { peek: RecordPeek; header: BatchHeader; endedAt: (position: number) => boolean } | undefined
  > {
    try {
      const found = await this.#standings.served(place.index)
      if (
        !found ||
        seriesPrefix(found.batch.header) !== this.#prefix ||
        (await this.#standings.knownOf(found.batch))?.refused
      )
        return undefined
      const bytes = (await this.#standings.read(place))?.bytes
      const peek = bytes && peekRecord(bytes)
      if (!peek) return undefined
      const amendments = await this.#standings.amendmentsOf(found.batch)
      return {
        peek,
        header: found.batch.header,
        endedAt: (position) =>
          (amendments.get(position) ?? []).some(
            ({ action, undoneOn }) => action !== AmendmentAction.OBJECT && undoneOn === '',
          ),
      }
    } catch (error) {
      // Who looks it up is told of the damage.
      if (isHuxinError(error, 'store_corrupt')) return undefined
      throw error
    }
  }

  /** Targets of the other batch to which this one does not go; this node has both. */
  #missed({ lanes }: BatchHeader): string[] {
    const { federation, selfId } = this.#context.ledger()
    return lanes
      .map(({ target }) => target)
      .filter(
        (target) =>
          target !== selfId &&
          !this.#header.lanes.some((lane) => targetWithin(target, lane.target, federation)),
      )
  }
}
