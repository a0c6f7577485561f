/**
 * Records are born here: checked, sealed into one batch, logged, and only then acknowledged. Lane
 * numbers are given inside the commit, and the header is signed there, so that no signature leaves the
 * process before its entry is durable and no number is given twice.
 */
import { asBuffer, hex } from '../base/bytes.ts'
import { durationOf, sleep, Turns } from '../base/clock.ts'
import { HuxinError, invalidField } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import {
  type Body,
  bodyRoot,
  checkRecordSizes,
  encodeBody,
  recordAt,
  recordSpans,
} from '../batch/body.ts'
import {
  type Entry,
  type EntrySource,
  formatEntry,
  type Judged,
  RULES_EDITION,
} from '../batch/entry.ts'
import type { BatchHeader, LanePlace } from '../batch/header.ts'
import type { BatchClass } from '../topology/lane.ts'
import { type SealedHeader, sealHeader } from '../batch/seal.ts'
import type { Refusal } from '../gen/huxin/v1/body_pb.ts'
import { type BodyIdentities, noPlaces } from '../lookup/record-rows.ts'
import { bodyKey } from '../store/keys.ts'
import { isCitizenId } from '../record/citizen-id.ts'
import { fault, type RecordFault } from '../record/fault.ts'
import { peekRecord } from '../record/peek.ts'
import { isUscc } from '../record/uscc.ts'
import type { Op } from '../store/store.ts'
import { laneKey } from '../topology/lane.ts'
import { parseTarget } from '../topology/target.ts'
import type { Context } from '../commit/context.ts'
import { compare, type Contradicted, type Outcome } from './comparison.ts'
import { firstBatchOf, requestKey } from './request-ids.ts'
import { judgeContract } from '../verdict/contract.ts'
import { judge } from '../verdict/judge.ts'
import { atPlaces, type Refused, refusedRecords } from '../verdict/refusal.ts'
import type { SignedTree } from '../log/log.ts'
import { nothingFound, ownFindings } from './own-records.ts'
import { withOwnSeries } from './own-series.ts'
import type { Decision, Moment, RoundView } from '../commit/writer.ts'

export interface Publication {
  readonly kind: string
  readonly item: string | undefined
  /** Unified social credit code of the body answerable for the records. */
  readonly provider: string
  readonly targets: readonly string[]
  readonly batchClass: BatchClass
  readonly records: readonly Uint8Array[]
  readonly source: EntrySource
  /** Compares the records with what holds here, and leaves out those that are there as they are to be. */
  readonly skipExisting?: boolean
  /** A repeated call with the same id is answered with the first batch. 1 to 64 printable ASCII characters. */
  readonly requestId?: string
  /** Whether this request made these records; without it they are compared byte for byte. */
  readonly repeats?: (stored: readonly (Uint8Array | undefined)[]) => boolean
  /** When the caller began to read what these records rest on; without it, when the call's turn came. */
  readonly moment?: Moment
  /** Further header lines. */
  readonly extra?: readonly string[]
  /** It is the first entry of a log that goes on from a frozen one. */
  readonly begins?: boolean
  /** More rows for the same commit, for use cases that keep their own. */
  readonly extraOps?: (batch: SealedHeader, index: bigint) => readonly Op[]
}

export interface Published {
  readonly batch: SealedHeader | undefined
  readonly index: bigint
  readonly tree: SignedTree
  readonly published: number
  readonly existing: number
  /** Set when nothing was published because it would be refused. */
  readonly refusal: Refusal | undefined
  /** Of those published, what they are beside what held before. */
  readonly beside?: Beside
  /** What is doubtful about records that were published, the first of them, and how many there are in all. */
  readonly warnings?: readonly RecordFault[]
  readonly warningCount?: number
}

/** What published records are beside what held before. */
export interface Beside {
  /** They replace another content. */
  readonly updated: number
  /** They were there as they are, and go to more targets now. */
  readonly widened: number
  /** What was replaced, of the first few; position in the caller's list. */
  readonly replaced: readonly { readonly position: number; readonly record: Uint8Array }[]
  /** Beside them another result holds, under another record id; position in the caller's list. */
  readonly contradicted: readonly Contradicted[]
}

/**
 * Publishes records as one batch.
 * @throws HuxinError argument_invalid | item_unknown | message_too_large | not_ready | clock_wrong | store_failed
 */
export async function publish(context: Context, publication: Publication): Promise<Published> {
  context.checkClock()
  if (!isUscc(publication.provider)) {
    throw invalidField(
      'provider',
      text`provider ${JSON.stringify(publication.provider.slice(0, 40))} is no unified social credit code (GB 32100)`,
    )
  }
  // It stands in the signed header, which everybody reads and nobody can erase.
  if (isCitizenId(publication.provider))
    throw invalidField(
      'provider',
      text`the provider is the number of a person (GB 11643): give the unified social credit code of a body`,
    )
  const targets = checkTargets(context, publication.targets, publication.item !== undefined)
  // Places are those of the caller's list: what is published already is left out of it later.
  checkRecordSizes(publication.records)
  return inTurn(context, publication, async () => {
    const placed = {
      ...publication,
      targets,
      moment: publication.moment ?? context.writer.moment(),
    }
    const repeated = await firstAnswer(context, placed)
    if (repeated) return repeated
    // What persons do is logged whatever room there is: an erasure rests on it.
    if (!context.kinds.get(publication.kind)?.evenWhenFull)
      context.checkRoom(publication.batchClass)
    if (publication.skipExisting) return publishNew(context, placed)
    return seal(context, placed, 0)
  })
}

/** By client and request id: the second of two looks at what became of the first. */
function inTurn(
  context: Context,
  publication: Publication,
  run: () => Promise<Published>,
): Promise<Published> {
  const key = requestKey(context, publication)
  return key ? context.oneAtATime.run(`request ${Buffer.from(key).toString('latin1')}`, run) : run()
}

/** One at a time: two imports of the same rows must not both find them new. */
function publishNew(context: Context, publication: Publication): Promise<Published> {
  return context.oneAtATime.run('import', () => publishMissing(context, publication))
}

/** Milliseconds that an update may wait until it is ordered after what it replaces. */
const SEAL_WAIT_MS_MAX = 5_000

async function publishMissing(context: Context, publication: Publication): Promise<Published> {
  const { records } = publication
  const { outcomes, contradicted, sealFromMs } = await compare(context, publication, records)
  const twice = repeatsOf(records)
  const faults = outcomes.flatMap((outcome, i) => {
    if (twice.other.has(i)) return [fault(i, 'record_id', 'record_id_twice')]
    return outcome.kind === 'refused' ? [fault(i, 'record_id', outcome.code, outcome.detail)] : []
  })
  const none = { batch: undefined, index: 0n, tree: context.log().signed, published: 0 }
  if (faults.length > 0)
    return { ...none, existing: 0, refusal: refusedRecords(faults, records.length).refusal }
  const places = [...records.keys()].filter(
    (i) => outcomes[i]!.kind !== 'unchanged' && !twice.same.has(i),
  )
  const existing = records.length - places.length
  if (places.length === 0) return { ...none, existing, refusal: undefined }
  await sealableFrom(context, sealFromMs)
  const published = await seal(
    context,
    { ...publication, records: places.map((i) => records[i]!) },
    existing,
  )
  if (published.refusal)
    return { ...published, refusal: atPlaces(published.refusal, places, records.length) }
  const warnings =
    published.warnings?.map((warning) => ({ ...warning, index: places[warning.index]! })) ?? []
  return {
    ...published,
    warnings,
    beside: {
      ...besideOf(places.map((position) => ({ position, outcome: outcomes[position]! }))),
      contradicted,
    },
  }
}

/** Records of a call that repeat the id of one before: the same again, or something else. */
function repeatsOf(records: readonly Uint8Array[]): {
  same: ReadonlySet<number>
  other: ReadonlySet<number>
} {
  const [same, other] = [new Set<number>(), new Set<number>()]
  const byId = new Map<string, Uint8Array>()
  for (const [i, record] of records.entries()) {
    const id = peekRecord(record)?.recordId ?? asBuffer(record).toString('latin1')
    const before = byId.get(id)
    if (!before) byId.set(id, record)
    else if (asBuffer(before).equals(record)) same.add(i)
    else other.add(i)
  }
  return { same, other }
}

/** @throws HuxinError clock_wrong when what is to be replaced was sealed later than now */
async function sealableFrom({ clock }: Context, fromMs: number): Promise<void> {
  const waitMs = fromMs - clock.nowMs()
  if (waitMs > SEAL_WAIT_MS_MAX)
    throw new HuxinError(
      'clock_wrong',
      text`what is to be replaced was sealed ${durationOf(waitMs)} after the present time of this node: set its clock right, and send the records again`,
    )
  if (waitMs > 0) await sleep(clock, waitMs)
}

function besideOf(
  published: readonly { position: number; outcome: Outcome }[],
): Omit<Beside, 'contradicted'> {
  return {
    updated: published.filter(({ outcome }) => outcome.kind === 'updated').length,
    widened: published.filter(({ outcome }) => outcome.kind === 'widened').length,
    replaced: published.flatMap(({ position, outcome }) =>
      outcome.kind === 'updated' && outcome.replaced
        ? [{ position, record: outcome.replaced }]
        : [],
    ),
  }
}

async function seal(
  context: Context,
  publication: Publication,
  existing: number,
): Promise<Published> {
  const turns = new Turns(context.clock)
  const judged: Judged = { timeMs: context.clock.nowMs(), node: context.self }
  const draft = draftHeader(context, publication)
  const kind = context.kinds.get(publication.kind)
  const gated = kind?.reach === 'item' ? judgeContract(context.ledger(), draft, judged) : undefined
  if (publication.item !== undefined && context.ledger().catalog.beyond(publication.item)) {
    throw new HuxinError(
      'argument_invalid',
      text`${publication.item} says what this version does not know: upgrade before publishing under it`,
    )
  }
  const body = encodeBody(publication.records, context.random)
  const header: BatchHeader = { ...draft, records: body.count, root: bodyRoot(body) }
  const idPlaces = noPlaces(body.count)
  const refused =
    (gated && 'refusal' in gated
      ? gated
      : await judge(
          { ledger: context.ledger(), header, body, terms: judged },
          {
            kinds: context.kinds,
            clock: context.clock,
            checkRecords: (compiled, records, how) =>
              context.checkRecords(compiled, records, { ...how, ids: idPlaces }),
          },
        )) ?? (await kind?.judgeOwn?.({ ledger: context.ledger(), body, clock: context.clock }))
  const unpublished = ({ refusal }: Refused): Published => ({
    batch: undefined,
    index: 0n,
    tree: context.log().signed,
    published: 0,
    existing,
    refusal,
  })
  if (refused) return unpublished(refused)
  const own =
    gated && 'item' in gated
      ? await ownFindings(gated, body, { idPlaces, clock: context.clock })
      : nothingFound
  if (own.faults.length > 0) return unpublished(refusedRecords(own.faults, body.count))
  if (turns.over) await turns.next()
  const { warnings, warningCount } = own
  return withOwnSeries(
    context,
    { header, body, idPlaces },
    {
      seal: async (identities) => ({
        ...(await commit(context, publication, { header, body, judged, existing, identities })),
        warnings,
        warningCount,
      }),
      refuse: unpublished,
    },
  )
}

interface Sealing {
  readonly header: BatchHeader
  readonly body: Body
  readonly judged: Judged
  readonly existing: number
  /** Of the records, for the index. */
  readonly identities: BodyIdentities | undefined
}

async function commit(
  context: Context,
  publication: Publication,
  { header, body, judged, existing, identities }: Sealing,
): Promise<Published> {
  let batch: SealedHeader | undefined
  const committed = await context.writer.propose(
    body.bytes.length,
    async (index, view) => {
      const numbered = await numberLanes(context, header, view)
      context.quotas.check(header, publication.source, body.bytes.length)
      await context.quotas.checkLanes(
        header.origin,
        publication.source,
        context.ledger().opens(header, publication.source),
      )
      const sealed = sealHeader(numbered, context.noteSigner)
      batch = sealed
      return decide(context, publication, { sealed, body, judged, index, view, identities })
    },
    publication.moment,
  )
  announce(context, header)
  return {
    batch,
    index: committed.index,
    tree: committed.tree,
    published: body.count,
    existing,
    refusal: undefined,
  }
}

interface Sealed extends Pick<Sealing, 'body' | 'judged'> {
  readonly sealed: SealedHeader
  readonly index: bigint
  readonly view: RoundView
  readonly identities?: BodyIdentities | undefined
}

/** What a sealed batch puts into the round. */
export function decide(
  context: Context,
  publication: Publication,
  sealed: Sealed,
): Decision | Promise<Decision> {
  const { sealed: batch, body, judged, index, view, identities } = sealed
  const kind = context.kinds.get(publication.kind)
  kind?.checkOwnInOrder?.(context.ledger(), publication.records)
  const entry: Entry = {
    timeMs: judged.timeMs,
    source: publication.source,
    judged,
    rules: RULES_EDITION,
    verdict: { accepted: true },
    header: batch.note,
  }
  const opened = context.ledger().opens(batch.header, publication.source)
  const folded = context.ledger().fold(index, entry, batch, undefined, body)
  const ops: Op[] = [
    ...folded.ops,
    { key: bodyKey(index), value: body.bytes },
    ...(publication.extraOps?.(batch, index) ?? []),
  ]
  const request = requestKey(context, publication)
  if (request) ops.push({ key: request, value: batch.id })
  const bytes = formatEntry(entry)
  const remember = (): void => {
    folded.remember()
    context.quotas.count(batch.header, publication.source, {
      bytes: batch.note.length + body.bytes.length,
      refused: false,
      opened,
    })
    context.recent.add({ index, bytes, entry, batch }, body.bytes)
    if (identities) context.indexer.keep(index, identities)
  }
  const decision = {
    entries: [bytes],
    ops,
    remember,
    begins: publication.begins ?? false,
    ends: kind?.endsLog ?? false,
  }
  if (!kind?.erases) return decision
  return context
    .eraseOps({ by: context.self, index, body }, view)
    .then((erasing) => ({ ...decision, ops: [...ops, ...erasing] }))
}

/** A header without lane numbers and body. */
export function draftHeader(context: Context, publication: Publication): BatchHeader {
  if (publication.records.length < 1)
    throw new HuxinError('argument_invalid', text`nothing to publish: give at least one record`)
  return {
    origin: context.self,
    epoch: context.epoch,
    provider: publication.provider,
    batchClass: publication.batchClass,
    lanes: publication.targets.map((target) => ({ target, number: 0n, previous: undefined })),
    kind: publication.kind,
    item: publication.item,
    createdMs: context.clock.nowMs(),
    records: publication.records.length,
    root: new Uint8Array(32),
    extra: publication.extra ?? [],
  }
}

/** Gives the batch the next number of each of its lanes; inside a round of the writer. */
export async function numberLanes(
  context: Context,
  header: BatchHeader,
  view: RoundView,
): Promise<BatchHeader> {
  const { lanes } = context.ledger()
  const numbered: LanePlace[] = []
  for (const { target } of header.lanes) {
    const head = await lanes.find(
      laneKey(header.origin, header.epoch, target, header.batchClass),
      view,
    )
    numbered.push(
      head
        ? { target, number: head.number + 1n, previous: head.id }
        : { target, number: 0n, previous: undefined },
    )
  }
  return { ...header, lanes: numbered }
}

function checkTargets(context: Context, targets: readonly string[], ofItem: boolean): string[] {
  const sorted = [...new Set(targets)].sort()
  if (sorted.length < 1 || sorted.length > limits.lanesMax) {
    throw invalidField(
      'targets',
      text`${sorted.length} targets: give 1 to ${limits.lanesMax}, for example 330106 or 330100/**`,
    )
  }
  for (const target of sorted) {
    const parsed = parseTarget(target)
    const path = `targets[${targets.indexOf(target)}]`
    if (!parsed)
      throw invalidField(
        path,
        text`target ${JSON.stringify(target.slice(0, 80))} is neither a node id (330106), a subtree (330100/**) nor everyone (**)`,
      )
    const member =
      target === '**' ? undefined : context.ledger().federation.member(target.replace('/**', ''))
    if (target !== '**' && !member)
      throw invalidField(
        path,
        text`target ${target} names no member of this federation: see huxin member list`,
      )
    // What this node says itself goes to those above it, whatever became of them.
    if (ofItem && member?.status === 'retired') {
      throw invalidField(
        path,
        text`target ${target} is retired and fetches nothing any more: name the member that serves its divisions now (huxin member list)`,
      )
    }
  }
  return sorted
}

/**
 * The first answer to a request that was made before.
 * @throws HuxinError argument_invalid when its id belongs to a request for something else
 */
async function firstAnswer(
  context: Context,
  publication: Publication,
): Promise<Published | undefined> {
  const id = await firstBatchOf(context, publication)
  if (!id || !(await context.ledger().known(id))) return undefined
  const first = await publishedBefore(context, id)
  const body = await context.store.get(bodyKey(first.index))
  if (!answers(publication, first.batch.header, body && recordsOf(body))) {
    throw new HuxinError(
      'argument_invalid',
      text`request id ${JSON.stringify(publication.requestId)} was used for something else, batch ${hex(id)}: give each request an id of its own`,
      { details: { batch: hex(id) } },
    )
  }
  return publication.skipExisting && body
    ? {
        ...first,
        beside: await besideBefore(context, publication, {
          index: first.index,
          stored: recordsOf(body),
        }),
      }
    : first
}

/** What the records of a batch were beside what held before it. */
async function besideBefore(
  context: Context,
  publication: Publication,
  { index, stored }: { index: bigint; stored: readonly (Uint8Array | undefined)[] },
): Promise<Beside> {
  const positions = new Map(
    publication.records.map((record, i) => [asBuffer(record).toString('latin1'), i]),
  )
  const records = stored.filter((record) => record !== undefined)
  const { outcomes, contradicted } = await compare(
    context,
    { ...publication, before: index },
    records,
  )
  const positionOf = (i: number): number => positions.get(asBuffer(records[i]!).toString('latin1'))!
  return {
    ...besideOf(outcomes.map((outcome, i) => ({ position: positionOf(i), outcome }))),
    contradicted: contradicted.map((one) => ({ ...one, position: positionOf(one.position) })),
  }
}

/** What was answered when a batch was published here. @throws HuxinError not_found */
export async function publishedBefore(
  context: Context,
  id: Uint8Array,
): Promise<Published & { readonly batch: SealedHeader }> {
  const index = (await context.ledger().known(id))?.indexes[0]
  const logged = index === undefined ? undefined : await context.recent.find(index)
  if (index === undefined || !logged)
    throw new HuxinError('not_found', text`batch ${hex(id)} is not in this log`)
  const { batch } = logged
  return {
    batch,
    index,
    tree: await context.writer.sealed(index),
    published: batch.header.records,
    existing: 0,
    refusal: undefined,
  }
}

/** The records of a stored body; undefined in the place of an erased one. */
function recordsOf(body: Uint8Array): (Uint8Array | undefined)[] {
  const stored = recordSpans(body)
  return Array.from({ length: stored.count }, (_, i) => recordAt(stored, i))
}

/** Whether a batch may be what a request made: the same, as far as it is still here. */
function answers(
  publication: Publication,
  header: BatchHeader,
  stored: readonly (Uint8Array | undefined)[] | undefined,
): boolean {
  const { kind, item, provider, targets, batchClass, records, skipExisting, repeats } = publication
  const lanes = header.lanes.map(({ target }) => target)
  if (
    kind !== header.kind ||
    item !== header.item ||
    provider !== header.provider ||
    batchClass !== header.batchClass ||
    targets.join(' ') !== lanes.join(' ')
  )
    return false
  if (!stored) return true
  if (repeats) return repeats(stored)
  const text = (record: Uint8Array): string => asBuffer(record).toString('latin1')
  if (!skipExisting)
    return (
      records.length === stored.length &&
      records.every((record, i) => stored[i] === undefined || text(record) === text(stored[i]))
    )
  const given = new Set(records.map(text))
  return stored.every((record) => record === undefined || given.has(text(record)))
}

export function announce(context: Context, header: BatchHeader): void {
  context.changes.announce(['log', header.batchClass, header.kind])
}
