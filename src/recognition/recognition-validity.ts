/**
 * Whether a confirmation holds, as far as this node can tell. Everybody checks who signed it and that it keeps to
 * the catalog; who has the request, that it answers it; who holds the cited source, that the source says so and stands.
 * Verdicts in the log are not decided again, so what an earlier program accepted is told apart here.
 */
import { civilDate, civilDayMs } from '../base/clock.ts'
import { equalBytes } from '../base/bytes.ts'
import { parseEntry } from '../batch/entry.ts'
import { AmendmentAction } from '../gen/huxin/v1/catalog_pb.ts'
import {
  type RecognitionConfirmation,
  RecognitionDecision,
  type RecognitionRequest,
  type Record,
} from '../gen/huxin/v1/record_pb.ts'
import { isInEffect, type StoredAmendment } from '../ledger/amendments.ts'
import { recognitionFaults, recognizes } from '../record/recognized.ts'
import type { Context } from '../commit/context.ts'
import { findBatch, type FoundRecord, readPlace } from '../query/query.ts'

/**
 * - `forged`: another node signed it than the one in whose name it speaks;
 * - `mismatch`: it does not answer the request, its source does not say so, or its mapping does not;
 * - `unproven`: the catalog here does not have its mapping yet.
 */
export type Validity =
  | 'valid'
  | 'forged'
  | 'mismatch'
  | 'unproven'
  | 'withdrawn'
  | 'source_withdrawn'
  | 'source_superseded'
  | 'expired'
  | 'refused'

const DAY_MS = 86_400_000

/** The request of a record that was found; undefined for others. */
export function askedIn(found: FoundRecord | undefined): RecognitionRequest | undefined {
  const content = found?.record?.content
  return content?.case === 'recognitionRequest' ? content.value : undefined
}

/** The confirmation of a record that was found; undefined for others. */
export function answeredIn(found: FoundRecord | undefined): RecognitionConfirmation | undefined {
  const content = found?.record?.content
  return content?.case === 'recognitionConfirmation' ? content.value : undefined
}

/** True for a request or a confirmation whose batch the node signed in whose name it speaks. */
export function isOwnWord(found: FoundRecord): boolean {
  const speaker = askedIn(found)?.requester ?? answeredIn(found)?.confirmer
  return speaker === found.batch.header.origin
}

/** Whether a confirmation still holds today, as far as this node knows. `request` is the one that it should answer. */
export async function validityOf(
  context: Context,
  confirmation: FoundRecord,
  request?: FoundRecord,
): Promise<Validity> {
  const answer = answeredIn(confirmation)
  if (answer && !isOwnWord(confirmation)) return 'forged'
  const source = answer && (await sourceOf(context, answer))
  if (
    answer &&
    (faulty(context, confirmation) ||
      !fits(answer, confirmation.record!, request) ||
      !cites(answer, confirmation.record!, source, request))
  )
    return 'mismatch'
  const fell = answer && (await sourceFell(context, answer, source))
  if (fell) return fell
  if (confirmation.standing === 'refused') return 'refused'
  if (confirmation.standing === 'withdrawn' || confirmation.standing === 'erased')
    return 'withdrawn'
  if (answer && answer.validUntil !== '' && civilDate(context.clock.nowMs()) > answer.validUntil)
    return 'expired'
  if (
    answer &&
    recognizes(answer.decision) &&
    answer.mapping !== '' &&
    !context.ledger().catalog.mapping(answer.mapping)
  )
    return 'unproven'
  return 'valid'
}

function faulty(context: Context, { record, batch }: FoundRecord): boolean {
  return recognitionFaults(record!, 0, batch.header, context.ledger().catalog).length > 0
}

/** Whether a confirmation answers a request. */
function fits(
  answer: RecognitionConfirmation,
  { subject }: Record,
  request: FoundRecord | undefined,
): boolean {
  const asked = askedIn(request)
  if (!asked) return true
  if (answer.requester !== asked.requester || answer.confirmer !== asked.holder) return false
  if (asked.deadline !== '' && answer.confirmedOn > asked.deadline) return false
  const about = request!.record!.subject
  if (subject?.type !== about?.type || subject?.id !== about?.id) return false
  if (answer.decision === RecognitionDecision.NO_RESULT) return true
  if (answer.sourceItem !== asked.item) return false
  if (!recognizes(answer.decision)) return true
  return (
    answer.mapping === asked.mapping &&
    (asked.acceptedScales.length === 0 || asked.acceptedScales.includes(answer.sourceScale))
  )
}

/** The cited source: its record when this node holds it, `absent` when its batch has no such record. */
interface Source {
  readonly absent: boolean
  readonly record: FoundRecord | undefined
  readonly refused: boolean
}

async function sourceOf(
  context: Context,
  { sourceBatchId, sourceIndex }: RecognitionConfirmation,
): Promise<Source | undefined> {
  const source = sourceBatchId.length === 32 ? await findBatch(context, sourceBatchId) : undefined
  if (!source) return undefined
  const record = source.body ? await readPlace(context, source.index, sourceIndex) : undefined
  return { absent: sourceIndex >= source.batch.header.records, record, refused: source.refused }
}

/** Whether the cited source says what is confirmed; what is not here, or erased, is not contradicted. */
function cites(
  answer: RecognitionConfirmation,
  { subject }: Record,
  source: Source | undefined,
  request: FoundRecord | undefined,
): boolean {
  if (source?.absent) return false
  const cited = source?.record
  if (!cited) return true
  if (
    !equalBytes(cited.leafHash, answer.sourceHash) ||
    cited.batch.header.item !== answer.sourceItem
  )
    return false
  if (!cited.record) return true
  const { content, recordId, subject: about } = cited.record
  if (
    content.case !== 'evaluationResult' ||
    about?.type !== subject?.type ||
    about?.id !== subject?.id
  )
    return false
  const { scale, grade, evaluatedOn, validTo } = content.value
  if (scale !== answer.sourceScale || grade !== answer.sourceGrade || answer.validUntil > validTo)
    return false
  const asked = askedIn(request)
  if (!asked) return true
  const old =
    asked.ageDaysMax > 0 &&
    recognizes(answer.decision) &&
    evaluatedOn < oldest(answer.confirmedOn, asked.ageDaysMax)
  return !old && (asked.resultRecordId === '' || asked.resultRecordId === recordId)
}

/** The first day on which a result may have been evaluated to be young enough on a day. */
export function oldest(day: string, ageDaysMax: number): string {
  return civilDate(civilDayMs(day) - ageDaysMax * DAY_MS)
}

async function sourceFell(
  context: Context,
  answer: RecognitionConfirmation,
  source: Source | undefined,
): Promise<Validity | undefined> {
  if (answer.sourceBatchId.length !== 32) return undefined
  const today = civilDate(context.clock.nowMs())
  const amended = (await sourceAmendments(context, answer)).some((row) => isInEffect(row, today))
  if (amended || source?.refused) return 'source_withdrawn'
  const standing = source?.record?.standing
  return standing === 'superseded'
    ? 'source_superseded'
    : standing === 'refused'
      ? 'source_withdrawn'
      : undefined
}

/**
 * Amendments that end the source of a confirmation. Where its batch is not known, nobody here can tell who may
 * amend it: then those count whose node stands above or below the confirmer, and the confirmer itself
 * withdraws what falls for another reason.
 */
async function sourceAmendments(
  context: Context,
  { confirmer, sourceBatchId, sourceIndex }: RecognitionConfirmation,
): Promise<StoredAmendment[]> {
  const ledger = context.ledger()
  const source = await findBatch(context, sourceBatchId)
  const rows = source
    ? await ledger.amendments(sourceBatchId, source.batch.header.origin)
    : await ledger.amendmentsBy(
        sourceBatchId,
        (by) =>
          ledger.federation.isWithin(by, confirmer) || ledger.federation.isWithin(confirmer, by),
      )
  return rows.filter(
    ({ position, action }) => position === sourceIndex && action !== AmendmentAction.OBJECT,
  )
}

/** Time of the first entry here that made a confirmation fall; 0 when it stands. */
export async function fellAt(context: Context, confirmation: FoundRecord): Promise<number> {
  const answer = answeredIn(confirmation)
  const rows = (
    await context.ledger().amendments(confirmation.batch.id, confirmation.batch.header.origin)
  ).filter(
    ({ position, action }) =>
      position === confirmation.position && action !== AmendmentAction.OBJECT,
  )
  if (answer && answer.sourceBatchId.length === 32)
    rows.push(...(await sourceAmendments(context, answer)))
  const today = civilDate(context.clock.nowMs())
  const indexes = rows
    .filter((row) => isInEffect(row, today))
    .map(({ index }) => index)
    .sort((a, b) => (a < b ? -1 : 1))
  const entry = indexes[0] === undefined ? undefined : await context.log().entry(indexes[0])
  return entry ? parseEntry(entry).timeMs : 0
}
