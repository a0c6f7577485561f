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
import { civilDate } from '../base/clock.ts'
import { HuxinError, messageOf } from '../base/errors.ts'
import { type EntrySource, parseEntry } from '../batch/entry.ts'
import {
  RecognitionConfirmationSchema, RecognitionDecision, RecognitionRequestSchema, type RecognitionRequest, RecordSchema, type Subject,
} from '../gen/huxin/v1/record_pb.ts'
import type { StoredAmendment } from '../ledger/ledger.ts'
import { confirmationKey } from '../ledger/record-rows.ts'
import { mapGrade } from '../record/scales.ts'
import { prefixRange, tables } from '../store/keys.ts'
import { amend } from './amend.ts'
import type { Context } from './context.ts'
import { type Published, publish } from './publish.ts'
import { findBatch, findByRecordId, findBySubject, type FoundRecord, placeOf, readPlace, standingOf } from './query.ts'

export type Validity = 'valid' | 'withdrawn' | 'source_withdrawn' | 'source_superseded' | 'expired' | 'refused'

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

/** A request and what was answered. */
export interface FoundRecognition {
  readonly request: FoundRecord
  readonly confirmations: readonly { readonly confirmation: FoundRecord; readonly validity: Validity; readonly fellAtMs: number }[]
}

/** Asks the holder of a result for recognition. @throws HuxinError argument_invalid | member_unknown */
export async function requestRecognition(context: Context, ask: RecognitionAsk): Promise<Published & { recordId: string }> {
  const holder = context.ledger().federation.member(ask.holder)
  if (!holder) throw new HuxinError('argument_invalid', `${ask.holder} is no member of this federation: see huxin member list`)
  const item = context.ledger().catalog.item(ask.item)
  if (!item) throw new HuxinError('item_unknown', `catalog item ${ask.item} is not known here: see huxin catalog list`)
  if (!item.purposes.includes(ask.purpose)) {
    throw new HuxinError('argument_invalid', `purpose ${JSON.stringify(ask.purpose)} is not allowed for ${ask.item}; allowed are ${item.purposes.join(', ')}`)
  }
  if (ask.mapping !== '' && !context.ledger().catalog.mapping(ask.mapping)) throw new HuxinError('item_unknown', `grade mapping ${ask.mapping} is not known here: see huxin catalog list`)
  const nowMs = context.clock.nowMs()
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
      }),
    },
  })
  const published = await publish(context, {
    kind: 'recognition', item: recognitionItem(context), provider: context.body, targets: [holder.id], batchClass: 'normal',
    records: [toBinary(RecordSchema, record)], source: ask.source,
  })
  return { ...published, recordId }
}

/** One at a time: two answers to one request must not both find none before them. */
const answering = new WeakMap<Context, Promise<unknown>>()

/**
 * Answers a request that was addressed to this node. An answer stands until it is withdrawn, expires or falls
 * with its source: before that there is no other.
 * @throws HuxinError not_found | argument_invalid | item_unknown
 */
export function answerRecognition(context: Context, answer: RecognitionAnswer): Promise<Published & { recordId: string }> {
  const before = answering.get(context) ?? Promise.resolve()
  const mine = before.catch(() => undefined).then(() => answerOne(context, answer))
  answering.set(context, mine)
  return mine
}

async function answerOne(context: Context, answer: RecognitionAnswer): Promise<Published & { recordId: string }> {
  const [request] = await findByRecordId(context, answer.requestRecordId)
  const content = request?.record?.content
  if (!request?.record || content?.case !== 'recognitionRequest') {
    throw new HuxinError('not_found', `no recognition request ${answer.requestRecordId} here: see huxin recognition list`)
  }
  const asked = content.value
  if (asked.holder !== context.self) throw new HuxinError('argument_invalid', `request ${answer.requestRecordId} is addressed to ${asked.holder}, not to ${context.self}`)
  const decision = { recognized: RecognitionDecision.RECOGNIZED, conditional: RecognitionDecision.RECOGNIZED_WITH_CONDITIONS,
    not_recognized: RecognitionDecision.NOT_RECOGNIZED, no_result: RecognitionDecision.NO_RESULT }[answer.decision]
  if (decision === undefined) throw new HuxinError('argument_invalid', `decision ${answer.decision} is not one of recognized, conditional, not_recognized, no_result`)
  if (answer.decision === 'conditional' && answer.conditions === '') throw new HuxinError('argument_invalid', 'a conditional recognition states its conditions')
  await context.indexer.caughtUp()
  const standing = (await confirmationsOf(context, answer.requestRecordId)).find(({ validity }) => validity === 'valid')
  if (standing) {
    const { batch, position } = standing.confirmation
    throw new HuxinError('argument_invalid', `request ${answer.requestRecordId} was answered, and the answer stands: withdraw it first (huxin amend withdraw ${batch.idText} ${position})`)
  }
  const source = answer.decision === 'no_result' ? undefined : await findSource(context, asked, request.record.subject)
  if (!source && answer.decision !== 'no_result') {
    throw new HuxinError('not_found', `this node holds no current result of ${asked.item} for the request ${answer.requestRecordId}: answer no_result`)
  }
  const recordId = `rc-${createHash('sha256').update(`${context.self}\n${answer.requestRecordId}\n${context.clock.nowMs()}`).digest('hex').slice(0, 24)}`
  const record = create(RecordSchema, {
    recordId,
    ...(request.record.subject ? { subject: request.record.subject } : {}),
    content: {
      case: 'recognitionConfirmation',
      value: create(RecognitionConfirmationSchema, {
        requestRecordId: answer.requestRecordId,
        requester: asked.requester,
        confirmer: context.self,
        decision,
        conditions: answer.conditions,
        confirmedOn: civilDate(context.clock.nowMs()),
        ...(source ? pin(context, { ...asked, mapping: answer.decision === 'not_recognized' ? '' : asked.mapping }, source, answer.validUntil) : {}),
      }),
    },
  })
  const published = await publish(context, {
    kind: 'recognition', item: recognitionItem(context), provider: context.body,
    targets: [context.ledger().federation.member(asked.requester)?.id ?? asked.requester], batchClass: 'normal',
    records: [toBinary(RecordSchema, record)], source: answer.source,
  })
  return { ...published, recordId }
}

/** Requests known here, with their answers, newest first. */
export async function listRecognitions(context: Context, { requestRecordId, openOnly }: { requestRecordId?: string; openOnly?: boolean }): Promise<FoundRecognition[]> {
  await context.indexer.caughtUp()
  const rows = await context.store.range({ ...prefixRange(tables.recognition), reverse: true, limit: 10_000 })
  const found: FoundRecognition[] = []
  for (const [key, family] of rows) {
    if (Buffer.from(family).toString() !== 'request') continue
    const { index, position } = placeOf(key)
    const request = await readPlace(context, index, position)
    const content = request?.record?.content
    if (!request?.record || content?.case !== 'recognitionRequest') continue
    if (requestRecordId && request.record.recordId !== requestRecordId) continue
    const confirmations = await confirmationsOf(context, request.record.recordId)
    if (openOnly && (confirmations.length > 0 || content.value.holder !== context.self)) continue
    found.push({ request, confirmations })
  }
  return found
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
    if (!confirmation || confirmation.standing !== 'current' || confirmation.batch.header.origin !== context.self) continue
    const validity = await validityOf(context, confirmation)
    if (validity !== 'source_withdrawn' && validity !== 'source_superseded') continue
    await amend(context, {
      provider: context.body,
      source: { kind: 'self' },
      changes: [{
        action: 'withdraw', batchId: confirmation.batch.id, position, effectiveOn: civilDate(context.clock.nowMs()),
        basis: `recognition/${validity.replace('_', '-')}`, document: '',
      }],
    }).catch((error: unknown) => context.alarms.raise('recognition', `a fallen confirmation could not be withdrawn: ${messageOf(error)}`))
    fallen++
  }
  return fallen
}

/** Whether a confirmation still holds today, as far as this node knows. */
export async function validityOf(context: Context, confirmation: FoundRecord): Promise<Validity> {
  const content = confirmation.record?.content
  const fell = await sourceFell(context, confirmation)
  if (fell) return fell
  if (confirmation.standing === 'refused') return 'refused'
  if (confirmation.standing === 'withdrawn' || confirmation.standing === 'erased') return 'withdrawn'
  if (content?.case === 'recognitionConfirmation' && content.value.validUntil !== '' && civilDate(context.clock.nowMs()) > content.value.validUntil) return 'expired'
  return 'valid'
}

async function sourceFell(context: Context, confirmation: FoundRecord): Promise<Validity | undefined> {
  const content = confirmation.record?.content
  if (content?.case !== 'recognitionConfirmation' || content.value.sourceBatchId.length !== 32) return undefined
  const { sourceBatchId, sourceIndex } = content.value
  const today = civilDate(context.clock.nowMs())
  const amended = (await sourceAmendments(context, content.value.confirmer, sourceBatchId))
    .some((row) => row.position === sourceIndex && row.effectiveOn <= today && row.action !== 3)
  if (amended) return 'source_withdrawn'
  const source = await findBatch(context, sourceBatchId)
  if (!source?.body) return source?.refused ? 'source_withdrawn' : undefined
  const record = await readPlace(context, source.index, sourceIndex)
  if (!record) return undefined
  const { standing } = await standingOf(context, { ...record, record: record.record })
  return standing === 'superseded' ? 'source_superseded' : standing === 'refused' ? 'source_withdrawn' : undefined
}

/**
 * Amendments of the source of a confirmation. Where its batch is not known, nobody here can tell who may
 * amend it: then those count whose node stands above or below the confirmer, and the confirmer itself
 * withdraws what falls for another reason.
 */
async function sourceAmendments(context: Context, confirmer: string, sourceBatchId: Uint8Array): Promise<StoredAmendment[]> {
  const ledger = context.ledger()
  const source = await findBatch(context, sourceBatchId)
  if (source) return ledger.amendments(sourceBatchId, source.batch.header.origin)
  return ledger.amendmentsBy(sourceBatchId, (by) => ledger.federation.isWithin(by, confirmer) || ledger.federation.isWithin(confirmer, by))
}

async function confirmationsOf(context: Context, requestRecordId: string): Promise<FoundRecognition['confirmations']> {
  const rows = await context.store.range(prefixRange(confirmationKey(requestRecordId)))
  const found: { confirmation: FoundRecord; validity: Validity; fellAtMs: number }[] = []
  for (const [key] of rows) {
    const { index, position } = placeOf(key)
    const confirmation = await readPlace(context, index, position)
    if (!confirmation) continue
    found.push({ confirmation, validity: await validityOf(context, confirmation), fellAtMs: await fellAt(context, confirmation) })
  }
  return found
}

/** Time of the first entry here that made a confirmation fall; 0 when it stands. */
async function fellAt(context: Context, confirmation: FoundRecord): Promise<number> {
  const content = confirmation.record?.content
  const rows = (await context.ledger().amendments(confirmation.batch.id, confirmation.batch.header.origin)).filter(({ position, action }) => position === confirmation.position && action !== 3)
  if (content?.case === 'recognitionConfirmation' && content.value.sourceBatchId.length === 32) {
    const { confirmer, sourceBatchId, sourceIndex } = content.value
    rows.push(...(await sourceAmendments(context, confirmer, sourceBatchId)).filter(({ position, action }) => position === sourceIndex && action !== 3))
  }
  const indexes = rows.map(({ index }) => index).sort((a, b) => (a < b ? -1 : 1))
  const entry = indexes[0] === undefined ? undefined : await context.log().entry(indexes[0])
  if (!entry) return 0
  return parseEntry(entry).timeMs
}

async function findSource(context: Context, asked: RecognitionRequest, subject: Subject | undefined): Promise<FoundRecord | undefined> {
  const candidates = asked.resultRecordId !== ''
    ? await findByRecordId(context, asked.resultRecordId)
    : subject ? await findBySubject(context, subject.type, subject.id) : []
  const oldest = asked.ageDaysMax > 0 ? civilDate(context.clock.nowMs() - asked.ageDaysMax * 86_400_000) : ''
  return candidates.find(({ batch, record, standing }) =>
    batch.header.item === asked.item && standing === 'current' && record?.content.case === 'evaluationResult' &&
    (subject === undefined || record.subject?.id === subject.id) && record.content.value.evaluatedOn >= oldest &&
    (asked.acceptedScales.length === 0 || asked.acceptedScales.includes(record.content.value.scale)))
}

function pin(context: Context, asked: Pick<RecognitionRequest, 'mapping'>, source: FoundRecord, validUntil: string) {
  const content = source.record?.content
  if (content?.case !== 'evaluationResult') return {}
  const { scale, grade, validTo } = content.value
  const mapping = asked.mapping === '' ? undefined : context.ledger().catalog.mapping(asked.mapping)
  if (asked.mapping !== '' && !mapping) throw new HuxinError('item_unknown', `grade mapping ${asked.mapping} is not known here yet: answer when the catalog has it, or not_recognized or no_result`)
  const mapped = mapping && mapping.fromScale === scale ? mapGrade(mapping, grade) : undefined
  if (mapping && mapped === undefined) {
    throw new HuxinError('argument_invalid', `mapping ${asked.mapping} has no grade for ${grade} of ${scale}: answer no_result or not_recognized`)
  }
  return {
    sourceBatchId: source.batch.id,
    sourceIndex: source.position,
    sourceHash: source.leafHash,
    sourceItem: source.batch.header.item ?? '',
    sourceScale: scale,
    sourceGrade: grade,
    mapping: asked.mapping,
    mappedGrade: mapped ?? '',
    validUntil: validUntil !== '' && validUntil < validTo ? validUntil : validTo,
  }
}

/** The catalog item under which recognition travels. */
function recognitionItem(context: Context): string {
  const today = civilDate(context.clock.nowMs())
  const entry = context.ledger().catalog.entries().find(({ record }) => record.content.case === 'item' && record.content.value.kind === 'recognition' &&
    record.content.value.effectiveFrom <= today && (record.content.value.effectiveTo === '' || record.content.value.effectiveTo >= today))
  if (!entry) throw new HuxinError('item_unknown', 'no catalog item of kind recognition is in force here: publish one, for example cn/recognition@2026.1')
  return entry.id
}
