/** RecordService, for the departments of this node: clients and operators with certificates of this node. */
import { HuxinError, invalidField } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { civilDate, Turns } from '../base/clock.ts'
import { fromBinary } from '@bufbuild/protobuf'
import { amend, type RecordChange } from '../publish/amend.ts'
import { takesTwo } from '../members/approvals.ts'
import type { Context } from '../commit/context.ts'
import { publish, publishedBefore } from '../publish/publish.ts'
import { bodyState, findBatch } from '../query/query.ts'
import { receiptsOf } from '../witness/receipts.ts'
import {
  afterRequest,
  type FoundRecognition,
  pageOfRecognitions,
} from '../recognition/recognize.ts'
import { providerFor } from '../members/register.ts'
import { type Refusal, RefusalSchema } from '../gen/huxin/v1/body_pb.ts'
import type { CatalogRecord } from '../gen/huxin/v1/catalog_pb.ts'
import {
  type AmendRequest,
  type GetBatchRequest,
  type GetRecordsRequest,
  type ListCatalogRequest,
  type ListRecognitionsRequest,
  type PublishRequest,
  RecordService,
} from '../gen/huxin/v1/record_service_pb.ts'
import { bodyKey } from '../store/keys.ts'
import { type CallContext, defineService, type ServiceBinding } from '../wire/service.ts'
import { sourceOf } from './caller.ts'
import { actorOf } from './client-register.ts'
import { forCallers } from './for-callers.ts'
import type { ApprovalPort } from './approval-calls.ts'
import { getRecords, givenRecord, storedRecord, unconfirmed } from './get-records.ts'
import { publishedMessage } from './published.ts'
import { pageOf, pageSizeOf, pageToken, positionOf } from './pages.ts'

const RECORDS_MAX = 10_000

export function recordService(node: ApprovalPort): ServiceBinding {
  return defineService(
    RecordService,
    forCallers({
      publish: (request: PublishRequest, call: CallContext) =>
        publishRecords(node.context, request, call),
      amend: (request: AmendRequest, call: CallContext) => amendRecords(node, request, call),
      getRecords: (request: GetRecordsRequest, call: CallContext) =>
        getRecords(node.context, request, call),
      getBatch: (request: GetBatchRequest) => getBatch(node.context, request),
      listCatalog: (request: ListCatalogRequest) => listCatalog(node.context, request),
      listRecognitions: (request: ListRecognitionsRequest) => recognitions(node.context, request),
    }),
  )
}

async function publishRecords(context: Context, request: PublishRequest, call: CallContext) {
  const item = context.ledger().catalog.item(request.item)
  if (!item)
    throw new HuxinError(
      'item_unknown',
      text`catalog item ${JSON.stringify(request.item)} is not known here: see huxin catalog list`,
      { details: { item: request.item } },
    )
  if (item.kind === 'recognition')
    throw new HuxinError(
      'argument_invalid',
      text`${request.item} is for recognition, in which the node itself speaks: its operator asks with huxin recognition request and answers with huxin recognition answer`,
    )
  if (request.records.length < 1 || request.records.length > RECORDS_MAX) {
    throw new HuxinError(
      'argument_invalid',
      text`${request.records.length} records in one call, allowed are 1 to ${RECORDS_MAX}`,
    )
  }
  const batchClass = request.batchClass === '' ? 'normal' : request.batchClass
  if (batchClass !== 'normal' && batchClass !== 'bulk')
    throw new HuxinError('argument_invalid', text`class ${batchClass} is not one of normal, bulk`)
  const published = await publish(context, {
    kind: item.kind,
    item: request.item,
    provider: providerFor(context, actorOf(context, call), request.provider),
    targets: request.targets,
    batchClass,
    records: request.records,
    source: sourceOf(call),
    skipExisting: request.skipExisting,
    ...(request.requestId === '' ? {} : { requestId: request.requestId }),
  })
  return publishedMessage(context, published)
}

async function amendRecords(
  { context, approvals }: ApprovalPort,
  request: AmendRequest,
  call: CallContext,
) {
  if (request.changes.length < 1 || request.changes.length > 1_000)
    throw new HuxinError(
      'argument_invalid',
      text`${request.changes.length} changes in one call, allowed are 1 to 1000`,
    )
  const changes = request.changes.map((change): RecordChange => ({
    action: change.action as RecordChange['action'],
    batchId: change.batchId,
    position: change.index,
    effectiveOn: change.effectiveOn === '' ? civilDate(context.clock.nowMs()) : change.effectiveOn,
    basis: change.basis,
    document: change.document,
  }))
  const by = actorOf(context, call)
  const asked = {
    provider: providerFor(context, by, request.provider),
    changes,
    source: sourceOf(call),
    requestId: request.requestId,
  }
  if (by.kind === 'client' || !takesTwo(approvals.policy, changes))
    return publishedMessage(
      context,
      await amend(context, { ...asked, by, signal: () => call.signal }),
    )
  const approval = await approvals.propose({ ...asked, by }, () => call.signal)
  return approval.state === 'published'
    ? publishedMessage(context, await publishedBefore(context, approval.batchId))
    : { approvalId: approval.id }
}

async function getBatch(context: Context, request: GetBatchRequest) {
  const found = await findBatch(context, request.batchId)
  if (!found) throw new HuxinError('not_found', text`this batch is not in the log here`)
  const entries = await Promise.all(found.indexes.map((index) => context.log().entry(index)))
  const receipts = await receiptsOf(context, request.batchId)
  const refusal = found.refused ? await refusalAt(context, found.indexes.at(-1)!) : undefined
  return {
    logIndexes: [...found.indexes],
    entries: entries.map((entry) => entry ?? new Uint8Array()),
    bodyState: found.refused ? 'refused' : bodyState(context, found),
    ...(refusal ? { refusal } : {}),
    receipts,
  }
}

async function refusalAt(context: Context, index: bigint): Promise<Refusal | undefined> {
  const stored = await context.store.get(bodyKey(index))
  return stored && fromBinary(RefusalSchema, stored)
}

async function listCatalog(context: Context, request: ListCatalogRequest) {
  const today = civilDate(context.clock.nowMs())
  const found = context
    .ledger()
    .catalog.entries()
    .filter(({ id }) => request.id === '' || id === request.id || id.startsWith(`${request.id}@`))
  const { elements, nextPageToken } = pageOf(
    `catalog ${request.id}`,
    found,
    request,
    ({ bytes }) => bytes.length,
  )
  const entries = []
  const turns = new Turns(context.clock)
  for (const { id, bytes, index, record } of elements) {
    // After a start nobody has read these items yet.
    if (turns.over) await turns.next()
    entries.push({
      id,
      record: bytes,
      logIndex: index,
      standing: context.ledger().catalog.beyond(id)
        ? 'not_understood'
        : catalogStanding(record, today),
    })
  }
  return { entries, nextPageToken }
}

function catalogStanding({ content }: CatalogRecord, today: string): string {
  if (content.case === undefined) return 'ended'
  const { effectiveFrom, effectiveTo } = content.value
  if (today < effectiveFrom) return 'future'
  return effectiveTo !== '' && today > effectiveTo ? 'ended' : 'in_force'
}

async function recognitions(context: Context, request: ListRecognitionsRequest) {
  const list = `recognitions ${request.openOnly} ${request.requestRecordId}`
  const from = positionOf(list, request)
  if (from !== undefined && !/^[0-9a-f]{24}$/.test(from))
    throw invalidField('page_token', text`page_token is not one of this list`)
  const { found, next } = await pageOfRecognitions(context, {
    ...request,
    from,
    size: pageSizeOf(request, RECOGNITIONS_DEFAULT),
  })
  const sinceMs = context.unconfirmedSinceMs()
  const elements = found.map((one) => ({
    state: one.state,
    ...(one.retired
      ? { stateReason: one.retired.reason, stateDocument: one.retired.document }
      : {}),
    request: storedRecord(one.request),
    confirmations: one.confirmations.map((answer) => confirmationView(answer, sinceMs)),
  }))
  let bytes = 0
  const fits = elements.findIndex(({ request: asked, confirmations }) => {
    bytes +=
      asked.record.length +
      confirmations.reduce((sum, { confirmation }) => sum + confirmation.record.length, 0)
    return bytes > limits.readBytesMax
  })
  // One that is too large is a page of its own.
  const end = fits < 0 ? elements.length : Math.max(fits, 1)
  const goOn = end < elements.length ? afterRequest(found[end - 1]!) : next
  return {
    recognitions: elements.slice(0, end),
    nextPageToken: goOn === undefined ? '' : pageToken(list, goOn),
    ...unconfirmed(sinceMs),
  }
}

/** An answer as it is given: nobody is given one that may have fallen meanwhile. */
function confirmationView(
  { confirmation, validity, fellAtMs }: FoundRecognition['confirmations'][number],
  unconfirmedSinceMs: number | undefined,
) {
  if (unconfirmedSinceMs === undefined)
    return { confirmation: storedRecord(confirmation), validity, fellAtMs: BigInt(fellAtMs) }
  return {
    confirmation: givenRecord(confirmation, unconfirmedSinceMs),
    validity: validity === 'valid' || validity === 'unproven' ? 'unconfirmed' : validity,
    fellAtMs: BigInt(fellAtMs),
  }
}

/** Requests of a page of ListRecognitions, by default. */
const RECOGNITIONS_DEFAULT = 100
