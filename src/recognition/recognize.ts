/**
 * Mutual recognition, first form: a node asks the holder of a result, the holder answers with a signed
 * confirmation that pins what it was given on, and the confirmation falls when its source is withdrawn,
 * repaired, erased or superseded.
 *
 * Every holder of a confirmation sees it fall by itself when an amendment names the source; the confirmer
 * in addition withdraws the confirmation as soon as it learns that the source fell or has a newer
 * version, because only it may hold the source. The agreement and case loop comes later; it will live
 * beside this file.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { createHash } from 'node:crypto'
import { hex } from '../base/bytes.ts'
import { civilDate, isCivilDate, Turns } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { type Said, term, text, textOf } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import {
  RecognitionConfirmationSchema,
  RecognitionDecision,
  RecognitionRequestSchema,
  type RecognitionRequest,
  RecordSchema,
  type Subject,
} from '../gen/huxin/v1/record_pb.ts'
import { confirmationKey } from '../lookup/record-rows.ts'
import { recognizes } from '../record/recognized.ts'
import { inForce, mapGrade, mappingApplies } from '../record/scales.ts'
import { placeKey, prefixRange, tables } from '../store/keys.ts'
import type { Member } from '../topology/member.ts'
import { amend } from '../publish/amend.ts'
import type { Context } from '../commit/context.ts'
import { type Published, publish } from '../publish/publish.ts'
import {
  findByRecordId,
  findBySubject,
  type FoundRecord,
  placeOf,
  readPlace,
} from '../query/query.ts'
import {
  answeredIn,
  askedIn,
  fellAt,
  isOwnWord,
  oldest,
  type Validity,
  validityOf,
} from './recognition-validity.ts'

export interface RecognitionAsk {
  readonly holder: string
  /** `<item>@<edition>` of the result. */
  readonly item: string
  readonly resultRecordId: string
  readonly subject: Subject
  readonly purpose: string
  readonly legalBasis: string
  readonly mapping: string
  readonly ageDaysMax: number
  /** Scales that the requester understands, with version; empty means any. */
  readonly acceptedScales?: readonly string[]
  /** Last civil day for the answer, or '' for none. */
  readonly deadline?: string
  readonly source: EntrySource
}

export interface RecognitionAnswer {
  readonly requestRecordId: string
  readonly decision: 'recognized' | 'conditional' | 'not_recognized' | 'no_result'
  readonly conditions: string
  /** Civil date, or '' for the source's own validity. */
  readonly validUntil: string
  readonly source: EntrySource
}

/**
 * How a request stands: `forged` when another node signed it than its requester, `overdue` when its deadline passed without an
 * answer. A retired member comes back never: without its holder or its requester a request has ended.
 */
export type RequestState =
  | 'open'
  | 'answered'
  | 'overdue'
  | 'withdrawn'
  | 'forged'
  | 'holder_retired'
  | 'requester_retired'

/** A request and what was answered. */
export interface FoundRecognition {
  readonly request: FoundRecord
  readonly state: RequestState
  /** Who was retired, why and on which document: where that ended the request. */
  readonly retired: Member | undefined
  readonly confirmations: readonly {
    readonly confirmation: FoundRecord
    readonly validity: Validity
    readonly fellAtMs: number
  }[]
}

/** Asks the holder of a result for recognition. @throws HuxinError argument_invalid | member_unknown */
export async function requestRecognition(
  context: Context,
  ask: RecognitionAsk,
): Promise<Published & { recordId: string }> {
  const holder = context.ledger().federation.member(ask.holder)
  if (!holder)
    throw new HuxinError(
      'argument_invalid',
      text`${ask.holder} is no member of this federation: see huxin member list`,
    )
  if (holder.status === 'retired') {
    throw new HuxinError(
      'argument_invalid',
      text`${holder.name} is retired (${holder.reason}, ${holder.document}) and answers nothing any more: ask the member that has its records now (huxin member list)`,
    )
  }
  const item = context.ledger().catalog.item(ask.item)
  if (!item)
    throw new HuxinError(
      'item_unknown',
      text`catalog item ${ask.item} is not known here: see huxin catalog list`,
    )
  if (!item.purposes.includes(ask.purpose)) {
    throw new HuxinError(
      'argument_invalid',
      text`purpose ${JSON.stringify(ask.purpose)} is not allowed for ${ask.item}; allowed are ${item.purposes.map(term)}`,
    )
  }
  const { acceptedScales = [], deadline = '' } = ask
  if (ask.mapping !== '' && !context.ledger().catalog.mapping(ask.mapping))
    throw new HuxinError(
      'item_unknown',
      text`grade mapping ${ask.mapping} is not known here: see huxin catalog list`,
    )
  if (
    ask.mapping !== '' &&
    !inForce(context.ledger().catalog.mapping(ask.mapping)!, civilDate(context.clock.nowMs()))
  ) {
    throw new HuxinError(
      'argument_invalid',
      text`grade mapping ${ask.mapping} is not in force today: see huxin catalog show ${ask.mapping}`,
    )
  }
  const unknown = acceptedScales.find((scale) => !item.scales.includes(scale))
  if (unknown !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`results of ${ask.item} are not on the scale ${unknown}; they are on ${item.scales.join(', ')}`,
    )
  const nowMs = context.clock.nowMs()
  if (deadline !== '' && (!isCivilDate(deadline) || deadline < civilDate(nowMs)))
    throw new HuxinError(
      'argument_invalid',
      text`the deadline ${deadline} is no day from today on: YYYY-MM-DD is wanted`,
    )
  const seed = `${context.self}\n${ask.holder}\n${ask.item}\n${ask.resultRecordId}\n${ask.subject.id}\n${nowMs}`
  const recordId = `rq-${createHash('sha256').update(seed).digest('hex').slice(0, 24)}`
  const record = create(RecordSchema, {
    recordId,
    subject: ask.subject,
    content: {
      case: 'recognitionRequest',
      value: create(RecognitionRequestSchema, {
        requester: context.self,
        holder: holder.name,
        item: ask.item,
        resultRecordId: ask.resultRecordId,
        purpose: ask.purpose,
        legalBasis: ask.legalBasis,
        ageDaysMax: ask.ageDaysMax,
        requestedOn: civilDate(nowMs),
        mapping: ask.mapping,
        acceptedScales: [...acceptedScales],
        deadline,
      }),
    },
  })
  const published = await publish(context, {
    kind: 'recognition',
    item: recognitionItem(context),
    provider: context.body,
    targets: [holder.id],
    batchClass: 'normal',
    records: [toBinary(RecordSchema, record)],
    source: ask.source,
  })
  return { ...published, recordId }
}

/**
 * Answers a request that was addressed to this node. An answer stands until it is withdrawn, expires or falls
 * with its source: before that there is no other. What others sign in this node's name is no answer.
 * @throws HuxinError not_found | argument_invalid | item_unknown
 */
export function answerRecognition(
  context: Context,
  answer: RecognitionAnswer,
): Promise<Published & { recordId: string }> {
  return context.oneAtATime.run('answers', () => answerOne(context, answer))
}

async function answerOne(
  context: Context,
  answer: RecognitionAnswer,
): Promise<Published & { recordId: string }> {
  const moment = context.writer.moment()
  const request = await requestToAnswer(context, answer.requestRecordId)
  const asked = askedIn(request)!
  const decision = {
    recognized: RecognitionDecision.RECOGNIZED,
    conditional: RecognitionDecision.RECOGNIZED_WITH_CONDITIONS,
    not_recognized: RecognitionDecision.NOT_RECOGNIZED,
    no_result: RecognitionDecision.NO_RESULT,
  }[answer.decision]
  if (decision === undefined)
    throw new HuxinError(
      'argument_invalid',
      text`decision ${answer.decision} is not one of recognized, conditional, not_recognized, no_result`,
    )
  if (answer.decision === 'conditional' && answer.conditions === '')
    throw new HuxinError('argument_invalid', text`a conditional recognition states its conditions`)
  const standing = (await confirmationsOf(context, request)).find(
    ({ confirmation, validity }) =>
      confirmation.batch.header.origin === context.self && validity === 'valid',
  )
  if (standing) {
    const { batch, position } = standing.confirmation
    throw new HuxinError(
      'argument_invalid',
      text`request ${answer.requestRecordId} was answered, and the answer stands: withdraw it first (huxin amend withdraw ${batch.idText} ${position})`,
    )
  }
  const source = answer.decision === 'no_result' ? undefined : await findSource(context, request)
  if (!source && answer.decision !== 'no_result') {
    throw new HuxinError(
      'not_found',
      text`this node holds no current result of ${asked.item} as request ${answer.requestRecordId} wants it (subject, record id, scale, age): answer no_result`,
    )
  }
  const recordId = `rc-${createHash('sha256').update(`${context.self}\n${answer.requestRecordId}\n${context.clock.nowMs()}`).digest('hex').slice(0, 24)}`
  const record = create(RecordSchema, {
    recordId,
    ...(request.record!.subject ? { subject: request.record!.subject } : {}),
    content: {
      case: 'recognitionConfirmation',
      value: create(RecognitionConfirmationSchema, {
        requestRecordId: answer.requestRecordId,
        requester: asked.requester,
        confirmer: context.self,
        decision,
        conditions: answer.conditions,
        confirmedOn: civilDate(context.clock.nowMs()),
        ...(source
          ? pin(context, recognizes(decision) ? asked.mapping : '', source, answer.validUntil)
          : {}),
      }),
    },
  })
  const published = await publish(context, {
    kind: 'recognition',
    item: recognitionItem(context),
    provider: context.body,
    targets: [context.ledger().federation.member(asked.requester)?.id ?? asked.requester],
    batchClass: 'normal',
    records: [toBinary(RecordSchema, record)],
    source: answer.source,
    moment,
  })
  return { ...published, recordId }
}

/**
 * The request of an id that may be answered here. Its requester signed it; where several nodes gave one id, the first to come.
 * @throws HuxinError not_found | argument_invalid
 */
async function requestToAnswer(context: Context, recordId: string): Promise<FoundRecord> {
  const found = (await findByRecordId(context, recordId, REQUESTS_MAX)).filter((record) =>
    askedIn(record),
  )
  const own = found.filter(isOwnWord)
  const request = own.findLast((record) => askedIn(record)!.holder === context.self) ?? own.at(-1)
  if (!request && found[0])
    throw new HuxinError(
      'argument_invalid',
      text`request ${recordId} says that ${askedIn(found[0])!.requester} asks, and comes from ${found[0].batch.header.origin}: it is forged and wants no answer`,
    )
  if (!request)
    throw new HuxinError(
      'not_found',
      text`no recognition request ${recordId} here: see huxin recognition list`,
    )
  const { holder, requester, item: id, purpose, deadline } = askedIn(request)!
  if (holder !== context.self)
    throw new HuxinError(
      'argument_invalid',
      text`request ${recordId} is addressed to ${holder}, not to ${context.self}`,
    )
  if (isOver(request))
    throw new HuxinError(
      'argument_invalid',
      text`request ${recordId} was withdrawn: it wants no answer`,
    )
  if (isRetired(context, requester))
    throw new HuxinError(
      'argument_invalid',
      text`${requester}, which made request ${recordId}, is retired: it wants no answer`,
    )
  const item = context.ledger().catalog.item(id)
  if (!item)
    throw new HuxinError(
      'item_unknown',
      text`catalog item ${id} of request ${recordId} is not known here yet: answer when the catalog has it`,
    )
  if (!item.purposes.includes(purpose))
    throw new HuxinError(
      'argument_invalid',
      text`request ${recordId} is for the purpose ${JSON.stringify(purpose)}, which ${id} does not allow: it wants no answer`,
    )
  const today = civilDate(context.clock.nowMs())
  if (deadline !== '' && today > deadline)
    throw new HuxinError(
      'argument_invalid',
      text`the deadline of request ${recordId} was ${deadline}: whoever still wants an answer asks again`,
    )
  return request
}

/** Records of one id that are looked at to find the request that is meant. */
const REQUESTS_MAX = 1_000

function isOver({ standing }: FoundRecord): boolean {
  return standing !== 'current' && standing !== 'superseded'
}

/** Which requests are listed. */
export interface RecognitionsAsked {
  /** Those of one record id alone. */
  readonly requestRecordId?: string | undefined
  /** Those that want an answer of this node alone. */
  readonly openOnly?: boolean | undefined
}

/** Rows that one page looks at, whatever it finds: the rest is for the next. */
const PAGE_ROWS_MAX = 1_000
/** Answers of one request that are looked at; an honest one has a few. */
const ANSWERS_MAX = 256

/** Every request known here, with its answers, newest first. */
export async function listRecognitions(
  context: Context,
  asked: RecognitionsAsked,
): Promise<FoundRecognition[]> {
  const all: FoundRecognition[] = []
  for (let from: string | undefined; ;) {
    const { found, next } = await pageOfRecognitions(context, {
      ...asked,
      from,
      size: PAGE_ROWS_MAX,
    })
    all.push(...found)
    if (next === undefined) return all
    from = next
  }
}

/** Where a list goes on after a request: 24 hexadecimal digits. */
export function afterRequest({ request: { index, position } }: FoundRecognition): string {
  return hex(placeKey(new Uint8Array(), index, position))
}

/**
 * Some of the requests known here, with their answers, newest first.
 * @param asked.from `next` of the page before
 * @returns at most `size` of them, and where to go on; a page may be empty and have a next one
 */
export async function pageOfRecognitions(
  context: Context,
  asked: RecognitionsAsked & { readonly from: string | undefined; readonly size: number },
): Promise<{ found: FoundRecognition[]; next: string | undefined }> {
  await context.indexer.caughtUp()
  const { requestRecordId = '', openOnly = false, from, size } = asked
  if (requestRecordId !== '')
    return { found: await requestsOf(context, requestRecordId, openOnly), next: undefined }
  const { gte, lt } = prefixRange(tables.recognition)
  const rows = await context.store.range({
    gte,
    lt: from === undefined ? lt : Buffer.concat([tables.recognition, Buffer.from(from, 'hex')]),
    reverse: true,
    limit: PAGE_ROWS_MAX,
  })
  const found: FoundRecognition[] = []
  const turns = new Turns(context.clock)
  let before: Uint8Array = new Uint8Array()
  for (const [key, family] of rows) {
    if (found.length === size) return { found, next: hex(before) }
    before = key.subarray(1)
    if (Buffer.from(family).toString() !== 'request') continue
    const { index, position } = placeOf(key)
    const request = await readPlace(context, index, position)
    const one = request && (await recognitionOf(context, request, openOnly))
    if (one) found.push(one)
    if (turns.over) await turns.next()
  }
  return { found, next: rows.length < PAGE_ROWS_MAX ? undefined : hex(rows.at(-1)![0].subarray(1)) }
}

async function requestsOf(
  context: Context,
  recordId: string,
  openOnly: boolean,
): Promise<FoundRecognition[]> {
  const found: FoundRecognition[] = []
  for (const request of await findByRecordId(context, recordId, REQUESTS_MAX)) {
    const one = await recognitionOf(context, request, openOnly)
    if (one) found.push(one)
  }
  return found
}

/** A request with its answers; undefined for other records, and for those that are not asked for. */
async function recognitionOf(
  context: Context,
  request: FoundRecord,
  openOnly: boolean,
): Promise<FoundRecognition | undefined> {
  const asked = askedIn(request)
  if (!request.record || !asked || (openOnly && asked.holder !== context.self)) return undefined
  const confirmations = await confirmationsOf(context, request)
  const state = stateOf(context, request, confirmations)
  const retired =
    state === 'holder_retired'
      ? asked.holder
      : state === 'requester_retired'
        ? asked.requester
        : undefined
  return openOnly && state !== 'open'
    ? undefined
    : {
        request,
        state,
        retired: retired === undefined ? undefined : context.ledger().federation.member(retired),
        confirmations,
      }
}

function stateOf(
  context: Context,
  request: FoundRecord,
  confirmations: FoundRecognition['confirmations'],
): RequestState {
  const asked = askedIn(request)!
  if (!isOwnWord(request)) return 'forged'
  if (
    confirmations.some(
      ({ confirmation, validity }) =>
        validity !== 'forged' && confirmation.batch.header.origin === asked.holder,
    )
  )
    return 'answered'
  if (isOver(request)) return 'withdrawn'
  if (isRetired(context, asked.holder)) return 'holder_retired'
  if (isRetired(context, asked.requester)) return 'requester_retired'
  return asked.deadline !== '' && civilDate(context.clock.nowMs()) > asked.deadline
    ? 'overdue'
    : 'open'
}

function isRetired(context: Context, name: string): boolean {
  return context.ledger().federation.member(name)?.status === 'retired'
}

/** Whether this node holds any confirmation at all: most have nothing to review. */
export async function hasConfirmations(context: Context): Promise<boolean> {
  return (await context.store.range({ ...prefixRange(tables.citation), limit: 1 })).length > 0
}

/**
 * Withdraws this node's confirmations whose source fell or has a newer version. Runs after amendments
 * and after records are indexed; harmless to run at any time.
 */
export async function reviewConfirmations(context: Context): Promise<number> {
  const rows = await context.store.range(prefixRange(tables.citation))
  let fallen = 0
  for (const [key] of rows) {
    const { index, position } = placeOf(key)
    const confirmation = await readPlace(context, index, position)
    if (
      !confirmation ||
      confirmation.standing !== 'current' ||
      confirmation.batch.header.origin !== context.self
    )
      continue
    const validity = await validityOf(context, confirmation)
    if (validity !== 'source_withdrawn' && validity !== 'source_superseded') continue
    await amend(context, {
      provider: context.body,
      source: { kind: 'self' },
      changes: [
        {
          action: 'withdraw',
          batchId: confirmation.batch.id,
          position,
          effectiveOn: civilDate(context.clock.nowMs()),
          basis: `recognition/${validity.replace('_', '-')}`,
          document: '',
        },
      ],
    }).catch((error: unknown) =>
      context.alarms.raise(
        'recognition',
        '',
        text`a fallen confirmation could not be withdrawn: ${textOf(error)}`,
      ),
    )
    fallen++
  }
  return fallen
}

/** Confirmations that answer a request of this requester; another that gave its request the same id has its own. */
async function confirmationsOf(
  context: Context,
  request: FoundRecord,
): Promise<FoundRecognition['confirmations']> {
  if (!isOwnWord(request)) return []
  await context.indexer.caughtUp()
  const rows = await context.store.range({
    ...prefixRange(confirmationKey(request.record!.recordId)),
    limit: ANSWERS_MAX,
  })
  const found: { confirmation: FoundRecord; validity: Validity; fellAtMs: number }[] = []
  for (const [key] of rows) {
    const { index, position } = placeOf(key)
    const confirmation = await readPlace(context, index, position)
    if (!confirmation) continue
    const answer = answeredIn(confirmation)
    if (answer && isOwnWord(confirmation) && answer.requester !== askedIn(request)!.requester)
      continue
    found.push({
      confirmation,
      validity: await validityOf(context, confirmation, request),
      fellAtMs: await fellAt(context, confirmation),
    })
  }
  return found
}

async function findSource(
  context: Context,
  request: FoundRecord,
): Promise<FoundRecord | undefined> {
  const asked: RecognitionRequest = askedIn(request)!
  const { subject } = request.record!
  const candidates =
    asked.resultRecordId !== ''
      ? await findByRecordId(context, asked.resultRecordId)
      : subject
        ? await findBySubject(context, subject.type, subject.id)
        : []
  const from =
    asked.ageDaysMax > 0 ? oldest(civilDate(context.clock.nowMs()), asked.ageDaysMax) : ''
  return candidates.find(
    ({ batch, record, standing }) =>
      batch.header.item === asked.item &&
      standing === 'current' &&
      record?.content.case === 'evaluationResult' &&
      record.subject?.type === subject?.type &&
      record.subject?.id === subject?.id &&
      record.content.value.evaluatedOn >= from &&
      (asked.acceptedScales.length === 0 ||
        asked.acceptedScales.includes(record.content.value.scale)),
  )
}

/** What a confirmation states of its source. @throws HuxinError item_unknown | argument_invalid */
function pin(context: Context, mapping: string, source: FoundRecord, validUntil: string) {
  const content = source.record?.content
  if (content?.case !== 'evaluationResult') return {}
  const { scale, grade, validTo } = content.value
  return {
    sourceBatchId: source.batch.id,
    sourceIndex: source.position,
    sourceHash: source.leafHash,
    sourceItem: source.batch.header.item ?? '',
    sourceScale: scale,
    sourceGrade: grade,
    mapping,
    mappedGrade: mapping === '' ? '' : mapped(context, mapping, source),
    validUntil: validUntil !== '' && validUntil < validTo ? validUntil : validTo,
  }
}

/** The grade that a mapping gives today, where it may be applied: nothing is guessed. */
function mapped(context: Context, id: string, { record }: FoundRecord): string {
  const { catalog } = context.ledger()
  const { scale = '', grade = '' } =
    record?.content.case === 'evaluationResult' ? record.content.value : {}
  const mapping = catalog.mapping(id)
  const [from, to] = [catalog.scale(scale), mapping && catalog.scale(mapping.toScale)]
  if (!mapping || !from || !to)
    throw new HuxinError(
      'item_unknown',
      text`grade mapping ${id} or a scale of it is not known here yet: answer when the catalog has it, or not_recognized or no_result`,
    )
  const say = (why: Said): HuxinError =>
    new HuxinError(
      'argument_invalid',
      text`mapping ${id} ${why}: answer no_result or not_recognized`,
    )
  const today = civilDate(context.clock.nowMs())
  if (!inForce(mapping, today))
    throw say(
      text`is in force from ${mapping.effectiveFrom} to ${mapping.effectiveTo || text`further notice`}, and not today`,
    )
  if (mapping.fromScale !== scale || !mappingApplies(from, to, record?.subject?.type ?? 0))
    throw say(text`is not for a result on the scale ${scale} of this subject`)
  const target = mapGrade(mapping, grade)
  if (target === undefined) throw say(text`has no grade for ${grade} of ${scale}`)
  return target
}

/** The catalog item under which recognition travels. */
function recognitionItem(context: Context): string {
  const today = civilDate(context.clock.nowMs())
  const entry = context
    .ledger()
    .catalog.entries()
    .find(
      ({ record }) =>
        record.content.case === 'item' &&
        record.content.value.kind === 'recognition' &&
        record.content.value.effectiveFrom <= today &&
        (record.content.value.effectiveTo === '' || record.content.value.effectiveTo >= today),
    )
  if (!entry)
    throw new HuxinError(
      'item_unknown',
      text`no catalog item of kind recognition is in force here: publish one, for example cn/recognition@2026.1`,
    )
  return entry.id
}
