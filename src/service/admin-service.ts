/** AdminService for the operators of this node, LogService for auditors. */
import { create } from '@bufbuild/protobuf'
import { formatAddress } from '../base/address.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import type { Context } from '../commit/context.ts'
import { checkStore } from '../fsck/check.ts'
import type { CheckReport } from '../fsck/finding.ts'
import { frozenAt, frozenCheckpoint, treeOf } from '../members/freeze.ts'
import { issueEvidence } from '../rights/evidence.ts'
import { cosignedCheckpoint, cosigners, finalSize } from '../witness/cosigned.ts'
import { approveGraft, proposeGraft, takeGraft } from '../members/graft.ts'
import { approveMember, setMemberCatalog, setMemberStatus } from '../members/members.ts'
import { publishCatalog } from '../publish/publish-catalog.ts'
import { liftQuarantine, listQuarantines } from '../members/quarantine.ts'
import { repairRunning } from '../fsck/repair.ts'
import { answerRecognition, requestRecognition } from '../recognition/recognize.ts'
import { provenReceipts, reconcile, traceLane } from '../account/reconcile.ts'
import {
  AdminService,
  type AnswerRecognitionRequest,
  type ApproveMemberRequest,
  type BackupRequest,
  type CheckStoreRequest,
  type ExplainBatchRequest,
  type FreezeLogRequest,
  type GetCheckpointRequest,
  type GraftFile,
  type IssueEvidenceRequest,
  type LiftQuarantineRequest,
  type ListEntriesRequest,
  type ListMembersRequest,
  LogService,
  type ProposeGraftRequest,
  type ProveConsistencyRequest,
  type ProveEntryRequest,
  type PublishCatalogRequest,
  type ReadAccountRequest,
  type RequestRecognitionRequest,
  type SearchEntriesRequest,
  type SetMemberCatalogRequest,
  type SetMemberStatusRequest,
  type TraceLaneRequest,
} from '../gen/huxin/v1/admin_service_pb.ts'
import { SubjectSchema, SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { prefixesOf } from '../topology/catalog-names.ts'
import { predecessorOf } from '../topology/member.ts'
import { parseLaneKey } from '../topology/lane.ts'
import { type CallContext, defineService, type ServiceBinding } from '../wire/service.ts'
import { explainBatch, readAccount, searchEntries } from './account-calls.ts'
import type { AdminPort } from './admin-port.ts'
import { approvalHandlers } from './approval-calls.ts'
import { personalAct, sourceOf } from './caller.ts'
import { certificateHandlers } from './certificate-calls.ts'
import { registerHandlers } from './client-register.ts'
import { forCallers } from './for-callers.ts'
import { nodeStatus } from './node-status.ts'
import { pageOf } from './pages.ts'
import { publishedMessage } from './published.ts'

export function adminServices(node: AdminPort): readonly ServiceBinding[] {
  const admin = defineService(
    AdminService,
    forCallers({
      getStatus: () => nodeStatus(node),
      listMembers: async (request: ListMembersRequest) => listMembers(node, request),
      approveMember: (request: ApproveMemberRequest, call: CallContext) =>
        approve(node, request, call),
      setMemberStatus: (request: SetMemberStatusRequest, call: CallContext) =>
        changeStatus(node.context, request, call),
      proposeGraft: async (request: ProposeGraftRequest, call: CallContext) => ({
        file: proposeGraft(node.context, {
          parent: request.parent,
          act: personalAct(request.act, call),
        }),
      }),
      approveGraft: async (request: GraftFile, call: CallContext) => ({
        file: await approveGraft(node.context, request.file, sourceOf(call)),
      }),
      takeGraft: async (request: GraftFile, call: CallContext) => ({
        parent: await takeGraft(node.context, request.file, sourceOf(call)),
      }),
      listQuarantines: async () => ({ quarantines: await listQuarantines(node.context) }),
      liftQuarantine: async ({ origin, act }: LiftQuarantineRequest, call: CallContext) => ({
        actBatchId: await liftQuarantine(node.context, {
          origin,
          act: personalAct(act, call),
          source: sourceOf(call),
        }),
      }),
      freezeLog: (request: FreezeLogRequest, call: CallContext) => freeze(node, request, call),
      setMemberCatalog: async (
        { member, prefixes, act }: SetMemberCatalogRequest,
        call: CallContext,
      ) => ({
        statement: await setMemberCatalog(node.context, {
          member,
          prefixes,
          act: personalAct(act, call),
          source: sourceOf(call),
        }),
      }),
      publishCatalog: (request: PublishCatalogRequest, call: CallContext) =>
        publishCatalogRecords(node.context, request, call),
      requestRecognition: (request: RequestRecognitionRequest, call: CallContext) =>
        askRecognition(node.context, request, call),
      answerRecognition: (request: AnswerRecognitionRequest, call: CallContext) =>
        answer(node.context, request, call),
      checkStore: (request: CheckStoreRequest) => check(node, request),
      backup: (request: BackupRequest) => backup(node, request),
      reconcile: () => reconcileAll(node),
      readAccount: (request: ReadAccountRequest, call: CallContext) =>
        readAccount(node.context, request, call),
      explainBatch: (request: ExplainBatchRequest) => explainBatch(node.context, request),
      traceLane: (request: TraceLaneRequest) => trace(node, request),
      issueEvidence: (request: IssueEvidenceRequest, call: CallContext) =>
        evidence(node.context, request, call),
      ...registerHandlers(() => node.context),
      ...approvalHandlers(node),
      ...certificateHandlers(node),
    }),
  )
  const log = defineService(LogService, {
    getCheckpoint: (request: GetCheckpointRequest) => checkpoint(node.context, request),
    listEntries: (request: ListEntriesRequest) => listEntries(node.context, request),
    searchEntries: (request: SearchEntriesRequest, call: CallContext) =>
      searchEntries(node.context, request, call),
    proveEntry: (request: ProveEntryRequest) => proveEntry(node.context, request),
    proveConsistency: (request: ProveConsistencyRequest) => proveConsistency(node.context, request),
  })
  return [admin, log]
}

function listMembers({ context, uplink }: AdminPort, request: ListMembersRequest) {
  // A node that is suspended is not given the statement: its parent's word counts.
  const own = uplink?.suspension?.status
  const { elements, nextPageToken } = pageOf(
    'members',
    context.ledger().federation.all(),
    request,
    ({ noteBytes }) => noteBytes.length,
  )
  const members = elements.map((member) => ({
    node: member.name,
    serial: BigInt(member.serial),
    tier: member.tier,
    parent: member.parent ?? '',
    divisions: [...member.divisions],
    body: member.body,
    epoch: member.epoch,
    status: member.name === context.self ? (own ?? member.status) : member.status,
    statement: member.noteBytes,
    prefixes: [...prefixesOf(member)],
  }))
  return { members, nextPageToken }
}

async function approve(node: AdminPort, request: ApproveMemberRequest, call: CallContext) {
  const { joinFile, statement } = await approveMember(node.context, {
    application: request.application,
    act: personalAct(request.act, call),
    rekey: request.rekey,
    anchors: node.join.anchors,
    parentAddress:
      node.config.advertise ?? formatAddress({ host: node.config.listen.host, port: node.port }),
    source: sourceOf(call),
  })
  return { joinFile, statement }
}

async function changeStatus(context: Context, request: SetMemberStatusRequest, call: CallContext) {
  const statement = await setMemberStatus(context, {
    member: request.member,
    status: request.status as 'active',
    act: personalAct(request.act, call),
    source: sourceOf(call),
  })
  return { statement }
}

async function freeze(
  { context, rotation }: AdminPort,
  { act, successor, keepKeys }: FreezeLogRequest,
  call: CallContext,
) {
  const log = context.log().origin
  const tree = successor
    ? await rotation.rotate(personalAct(act, call), sourceOf(call), { keepKeys })
    : await rotation.freeze(personalAct(act, call), sourceOf(call))
  return { log, size: tree.size, root: tree.root, checkpoint: tree.note }
}

async function publishCatalogRecords(
  context: Context,
  { act, records, ownedOnly }: PublishCatalogRequest,
  call: CallContext,
) {
  const { published, existing } = await publishCatalog(context, {
    act: personalAct(act, call),
    records,
    ownedOnly,
    source: sourceOf(call),
  })
  return published
    ? { ...(await publishedMessage(context, published)), existing }
    : { published: 0, existing }
}

async function askRecognition(
  context: Context,
  request: RequestRecognitionRequest,
  call: CallContext,
) {
  const type = SubjectType[request.subjectType.toUpperCase() as keyof typeof SubjectType]
  if (type === undefined || typeof type !== 'number')
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(request.subjectType)} is no subject type: enterprise, natural_person, social_organization, public_institution or government_body`,
    )
  const published = await requestRecognition(context, {
    holder: request.holder,
    item: request.item,
    resultRecordId: request.resultRecordId,
    subject: create(SubjectSchema, { type, id: request.subjectId, name: request.subjectName }),
    purpose: request.purpose,
    legalBasis: request.legalBasis,
    mapping: request.mapping,
    ageDaysMax: request.ageDaysMax,
    acceptedScales: request.acceptedScales,
    deadline: request.deadline,
    source: sourceOf(call),
  })
  return { ...(await publishedMessage(context, published)), recordId: published.recordId }
}

async function answer(context: Context, request: AnswerRecognitionRequest, call: CallContext) {
  const published = await answerRecognition(context, {
    requestRecordId: request.requestRecordId,
    decision: request.decision as 'recognized',
    conditions: request.conditions,
    validUntil: request.validUntil,
    source: sourceOf(call),
  })
  return { ...(await publishedMessage(context, published)), recordId: published.recordId }
}

async function check(node: AdminPort, { repair }: CheckStoreRequest) {
  const look = (): Promise<CheckReport> =>
    checkStore(node.context.store, node.context.log(), node.genesis())
  let report = await look()
  const { uplink } = node
  const repaired =
    repair && uplink && report.damaged.length > 0
      ? await repairRunning(node.context, report.damaged, (lane, number) =>
          uplink.readPackage(lane, number),
        )
      : []
  if (repaired.length > 0) report = await look()
  return {
    repaired,
    clean: report.findings.length === 0,
    findings: [...report.findings],
    findingsZh: [...report.findingsZh],
    entries: report.entries,
    records: report.records,
    erased: report.erased,
    dropped: report.dropped,
  }
}

/** Begins a backup when a key is given; says how it stands in any case. */
async function backup({ backups }: AdminPort, { head, key }: BackupRequest) {
  const { state, file, bytes, contents, error } =
    key.length > 0 ? backups.begin({ head, key }) : backups.state
  return {
    state,
    file,
    bytes: BigInt(bytes),
    logSize: contents?.size ?? 0n,
    rows: BigInt(contents?.rows ?? 0),
    error: error?.en ?? '',
    errorZh: error?.zh ?? '',
  }
}

async function reconcileAll(node: AdminPort) {
  const rows = await reconcile(node.context)
  return {
    lines: rows.map((row) => ({
      node: row.node,
      due: BigInt(row.due),
      received: BigInt(row.received),
      returned: BigInt(row.returned),
      inTransit: BigInt(row.inTransit),
      lastContactMs: BigInt(node.lastContactMs(row.node)),
      gaps: [],
      dueRecords: BigInt(row.dueRecords),
      receivedRecords: BigInt(row.receivedRecords),
    })),
  }
}

async function trace(node: AdminPort, request: TraceLaneRequest) {
  const own = await traceLane(node.context, request.lane, request.number)
  const above = (await node.uplink?.traceAbove(request.lane, request.number)) ?? []
  const { batchClass } = parseLaneKey(request.lane)!
  const checked = above.map((trace) => ({
    ...trace,
    receiptNotes: provenReceipts(node.context, trace, batchClass).map(({ note }) => note),
  }))
  return {
    traces: [
      { node: own.node, held: own.held, index: own.index, receiptNotes: [...own.receiptNotes] },
      ...checked,
    ],
  }
}

async function evidence(
  context: Context,
  { recordId, batchId, position, purpose, document }: IssueEvidenceRequest,
  call: CallContext,
) {
  if ((recordId === '') === (batchId.length === 0))
    throw new HuxinError('argument_invalid', text`give a record id or a batch id`)
  if (recordId !== '' && position !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`a position goes with a batch id: a record id has its own`,
    )
  const issued = await issueEvidence(context, {
    wanted: recordId !== '' ? { recordId } : { batchId, position },
    purpose,
    document,
    caller: call.peer.name === '' ? call.peer.nodeId : call.peer.name,
  })
  return { file: issued.file, accessBatchId: issued.access, roots: [...issued.roots] }
}

async function checkpoint(context: Context, { log: wanted }: GetCheckpointRequest) {
  const { federation } = context.ledger()
  const log = wanted === '' ? context.log().origin : wanted
  const member = federation.member(context.self)
  const before = member && predecessorOf(member, log)
  const predecessor = before
    ? {
        predecessor: before.log,
        predecessorSize: before.tree.size,
        predecessorRoot: before.tree.root,
      }
    : {}
  if (log !== context.log().origin) {
    const { note, vkey } = await treeOf(context, log)
    return { checkpoint: note, final: true, vkey, cosigners: [], frozen: true, ...predecessor }
  }
  return {
    ...predecessor,
    frozen: frozenAt(context) !== undefined,
    checkpoint: await cosignedCheckpoint(context),
    final: (await finalSize(context)) >= context.log().signed.size,
    vkey: context.log().vkey,
    cosigners: (await cosigners(context)).map(({ node, vkey, last }) => ({
      node,
      vkey,
      size: last?.size ?? 0n,
      timeS: last?.timeSeconds ?? 0n,
      checkpoint: last?.note ?? new Uint8Array(),
    })),
  }
}

/** Entries read at once: an answer is bounded by its bytes. */
const ENTRIES_PIECE = 100

async function listEntries(context: Context, request: ListEntriesRequest) {
  if (request.start < 0n || request.limit < 0)
    throw new HuxinError(
      'argument_invalid',
      text`start ${request.start} and limit ${request.limit} are positions and numbers from 0 on`,
      { details: { field: request.start < 0n ? 'start' : 'limit' } },
    )
  const { size } = context.log().signed
  // What is durable and not yet under a signed tree is told to nobody.
  const count = Math.min(request.limit || 100, 1_000, Number(size - request.start))
  const entries: Uint8Array[] = []
  let bytes = 0
  while (entries.length < count) {
    const piece = await context
      .log()
      .entries(
        request.start + BigInt(entries.length),
        Math.min(ENTRIES_PIECE, count - entries.length),
      )
    for (const entry of piece) {
      bytes += entry.length
      if (entries.length > 0 && bytes > limits.readBytesMax)
        return { entries, start: request.start, size }
      entries.push(entry)
    }
    if (piece.length === 0) break
  }
  return { entries, start: request.start, size }
}

async function proveEntry(context: Context, request: ProveEntryRequest) {
  const index =
    request.batchId.length > 0
      ? (await context.ledger().known(request.batchId))?.indexes[0]
      : request.index
  const { vkey, ...tree } = await treeOf(context, request.log)
  const entry =
    index === undefined || index >= tree.size ? undefined : await context.log().entry(index)
  if (index === undefined || !entry)
    throw new HuxinError('not_found', text`this entry is not in the log, which has ${tree.size}`)
  return {
    entry,
    proof: await context
      .log()
      .prove(index, tree, await frozenCheckpoint(context, request.log || context.log().origin)),
    vkey,
  }
}

async function proveConsistency(context: Context, request: ProveConsistencyRequest) {
  const tree = context.log().signed
  const newSize = request.newSize === 0n ? tree.size : request.newSize
  if (newSize > tree.size)
    throw new HuxinError(
      'argument_invalid',
      text`the log has ${tree.size} entries, ${newSize} were asked for`,
    )
  return {
    hashes: [...(await context.log().proveConsistency(request.oldSize, newSize))],
    checkpoint: await cosignedCheckpoint(context),
  }
}
