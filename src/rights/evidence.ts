/**
 * Issuing evidence: gathers what proves a record or a batch to somebody outside (room `evidence`), and
 * logs, before anything is given, who was given what, for what purpose, on which document. The access
 * record stays at this node and names persons by keyed pseudonyms only.
 *
 * A record that this node holds in transit, or that is erased, is proved by its hash alone.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { concat } from '../base/bytes.ts'
import { formatTime } from '../base/clock.ts'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { leafHashAt, recordAt } from '../batch/body.ts'
import type { SealedHeader } from '../batch/seal.ts'
import {
  DOCUMENT,
  type EvidencePart,
  formatEvidence,
  formatPathPart,
  formatRecordPart,
  PURPOSE,
} from '../evidence/file.ts'
import { verifyEvidence } from '../evidence/verify.ts'
import { AccessRecordSchema } from '../gen/huxin/v1/access_pb.ts'
import { BodySchema } from '../gen/huxin/v1/body_pb.ts'
import { subjectPseudonym } from '../lookup/record-rows.ts'
import { proveInclusionInMemory } from '../merkle/proof.ts'
import { openCheckpoint, parseCheckpoint } from '../note/checkpoint.ts'
import { addSignatureLines } from '../note/cosignature.ts'
import { parseVkey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { formatTlogProof, parseTlogProof, withLogName } from '../note/tlog-proof.ts'
import { decodeRecord } from '../record/record.ts'
import { prefixRange, tables } from '../store/keys.ts'
import type { Context } from '../commit/context.ts'
import { publish } from '../publish/publish.ts'
import { findBatch, findByRecordId, type FoundBatch } from '../query/query.ts'
import { receiptsOf } from '../witness/receipts.ts'
import { showStatements } from '../witness/statements.ts'
import { refusalText } from '../verdict/refusal.ts'

export interface EvidenceRequest {
  /** A record id that stands at one place, or a batch id with or without a position. */
  readonly wanted:
    | { readonly recordId: string }
    | { readonly batchId: Uint8Array; readonly position?: number | undefined }
  readonly purpose: string
  readonly document: string
  /** Who asks, as the certificate names them. */
  readonly caller: string
}

export interface IssuedEvidence {
  readonly file: Uint8Array
  /** Batch id of the access record. */
  readonly access: Uint8Array
  /** Vkeys of the pinned roots. */
  readonly roots: readonly string[]
}

/** What an identity number looks like; a document number has none. */
const IDENTITY_NUMBER = /[0-9]{15}|[0-9A-HJ-NPQRTUWXY]{18}/
/** Cosigners shown: room for the log's two lines stays. */
const COSIGNERS_MAX = limits.noteSignaturesMax - 2

/**
 * Issues evidence. Every call makes an access record.
 * @throws HuxinError argument_invalid | not_found | not_ready | unconfirmed | clock_wrong | store_failed | store_corrupt
 */
export async function issueEvidence(
  context: Context,
  request: EvidenceRequest,
): Promise<IssuedEvidence> {
  checkPurpose(request)
  checkConfirmed(context)
  const { found, position } = await locate(context, request)
  checkAllowed(context, found.batch, request.purpose)
  const record = position === undefined ? undefined : showRecord(context, found, position)
  const access = await logAccess(context, request, {
    batch: found.batch,
    position,
    subject: record?.subject,
  })
  const logs = await showLogs(context, found)
  const statements = await showStatements(context, membersOf(context, found.batch, logs))
  const parts = [...(record?.parts ?? []), ...logs, ...statements]
  const file = formatEvidence(
    {
      issuer: context.self,
      epoch: context.epoch,
      issuedMs: context.clock.nowMs(),
      purpose: request.purpose,
      document: request.document,
      access,
      batchId: found.batch.id,
      record: record && { position: position!, leafHash: record.leafHash },
    },
    parts,
    context.noteSigner,
  )
  const roots = context.ledger().federation.anchors.map(({ vkey }) => vkey)
  // What does not convince this node is given to nobody.
  verifyEvidence(file, roots)
  return { file, access, roots }
}

/** A record that was repaired or erased meanwhile may not be shown. @throws HuxinError unconfirmed */
function checkConfirmed(context: Context): void {
  const sinceMs = context.unconfirmedSinceMs()
  if (sinceMs === undefined) return
  throw new HuxinError(
    'unconfirmed',
    text`since ${formatTime(sinceMs)} this node has not heard what was done to records: issue evidence at the node above, or when the link is up again (huxin node status)`,
  )
}

function checkPurpose({ purpose, document }: EvidenceRequest): void {
  if (!PURPOSE.test(purpose))
    throw new HuxinError(
      'argument_invalid',
      text`the purpose is a code of lower-case letters, digits and "-", for example judicial: give --purpose`,
    )
  if (document.trim() === '' || !DOCUMENT.test(document))
    throw new HuxinError(
      'argument_invalid',
      text`the document that asks for evidence has a number, one line of 1 to 200 characters: give --document`,
    )
  if (IDENTITY_NUMBER.test(document))
    throw new HuxinError(
      'argument_invalid',
      text`the document number holds what looks like an identity number, which may not be logged`,
    )
}

/** What records of an item may be asked for is said by the item. */
function checkAllowed(context: Context, { header }: SealedHeader, purpose: string): void {
  const item =
    header.item !== undefined && context.kinds.of(header)
      ? context.ledger().catalog.item(header.item)
      : undefined
  if (!item || item.purposes.includes(purpose)) return
  throw new HuxinError(
    'argument_invalid',
    text`purpose ${JSON.stringify(purpose)} is not allowed for ${header.item ?? ''}; allowed are ${item.purposes.map(term)}`,
    {
      details: { item: header.item!, allowed: item.purposes.join(', ') },
    },
  )
}

async function locate(
  context: Context,
  { wanted }: EvidenceRequest,
): Promise<{ found: FoundBatch; position: number | undefined }> {
  if ('recordId' in wanted) {
    const places = await findByRecordId(context, wanted.recordId, 10)
    if (places.length === 0)
      throw new HuxinError(
        'not_found',
        text`no record ${JSON.stringify(wanted.recordId.slice(0, 80))} is held here; evidence of an erased one is issued by batch id and position`,
      )
    if (places.length > 1) {
      const list = places
        .map(({ batch, position }) => `${batch.idText} --position ${position}`)
        .join(', ')
      throw new HuxinError(
        'argument_invalid',
        text`the record stands at ${places.length} places, newest first; name one: ${list}`,
      )
    }
    return {
      found: (await findBatch(context, places[0]!.batch.id))!,
      position: places[0]!.position,
    }
  }
  const found = await findBatch(context, wanted.batchId)
  if (!found) throw new HuxinError('not_found', text`this batch is not in the log here`)
  return { found, position: wanted.position }
}

interface ShownRecord {
  readonly parts: readonly EvidencePart[]
  readonly leafHash: Uint8Array
  /** Type and id; undefined when the record is not shown. */
  readonly subject: { readonly type: number; readonly id: string } | undefined
}

function showRecord(
  context: Context,
  { batch, entry, body }: FoundBatch,
  position: number,
): ShownRecord {
  const { records } = batch.header
  if (position >= records)
    throw new HuxinError(
      'argument_invalid',
      text`the batch has ${records} records: positions 0 to ${records - 1}`,
    )
  if (!body)
    throw new HuxinError(
      'argument_invalid',
      text`the batch was refused, and its records are not kept: leave out --position`,
    )
  const leafHash = leafHashAt(body, position)
  const path = {
    index: position,
    size: body.count,
    proof: proveInclusionInMemory(position, body.leafHashes),
  }
  const bytes = context.ledger().routes(batch.header, entry.source).kept
    ? recordAt(body, position)
    : undefined
  const salt = bytes && fromBinary(BodySchema, body.bytes).leaves[position]!.salt
  const { subject } =
    bytes && context.kinds.get(batch.header.kind)?.indexed ? decodeRecord(bytes) : {}
  return {
    parts: [
      { name: 'record', bytes: formatRecordPart(bytes && salt ? { salt, bytes } : { leafHash }) },
      { name: 'path', bytes: formatPathPart(path) },
    ],
    leafHash,
    subject: subject && { type: subject.type, id: subject.id },
  }
}

/** Logged before anything is given. @returns batch id of the access record */
async function logAccess(
  context: Context,
  { purpose, document, caller }: EvidenceRequest,
  {
    batch,
    position,
    subject,
  }: { batch: SealedHeader; position: number | undefined; subject: ShownRecord['subject'] },
): Promise<Uint8Array> {
  const record = toBinary(
    AccessRecordSchema,
    create(AccessRecordSchema, {
      act: 'evidence',
      batchId: batch.id,
      ...(position === undefined ? {} : { position }),
      purpose,
      document,
      caller: callerPseudonym(context, caller),
      ...(subject
        ? { subject: subjectPseudonym(context.subjectKey, subject.type, subject.id) }
        : {}),
    }),
  )
  const published = await publish(context, {
    kind: 'access',
    item: undefined,
    provider: context.body,
    targets: [context.ledger().selfId],
    batchClass: 'normal',
    records: [record],
    source: { kind: 'self' },
  })
  if (!published.batch)
    throw new HuxinError(
      'internal',
      text`the access record was refused: ${published.refusal ? refusalText(published.refusal) : ''}`,
    )
  return published.batch.id
}

/** Keyed as subjects are; 0 is the type of no subject. */
export function callerPseudonym(
  { subjectKey }: Pick<Context, 'subjectKey'>,
  caller: string,
): Uint8Array {
  return subjectPseudonym(subjectKey, 0, caller)
}

/** Parts `entry` and `proof`: every entry of the batch in the log here, and every receipt of a higher tier. */
async function showLogs(context: Context, { batch, indexes }: FoundBatch): Promise<EvidencePart[]> {
  const parts: EvidencePart[] = []
  const show = (log: string, index: bigint, entry: Uint8Array, proof: Uint8Array): void => {
    parts.push(
      { name: `entry ${log} ${index}`, bytes: entry },
      { name: `proof ${log} ${index}`, bytes: proof },
    )
  }
  for (const index of indexes) {
    const entry = await context.log().entry(index)
    if (!entry)
      throw new HuxinError(
        'store_corrupt',
        text`entry ${index} is missing from the store; run huxin fsck`,
      )
    const tree = await bestTree(context, index)
    show(
      context.log().origin,
      index,
      entry,
      await context.log().prove(index, tree, withLogName(tree.note, context.log().verifier)),
    )
  }
  for (const { node, receipt } of await receiptsOf(context, batch.id)) {
    const { index, proof, checkpointNote } = parseTlogProof(receipt.proof)
    const { origin } = parseCheckpoint(parseNote(checkpointNote).text)
    const epoch = Number(origin.slice(origin.lastIndexOf('/') + 1))
    const key = context
      .ledger()
      .federation.member(node)
      ?.epochs.find((keys) => keys.epoch === epoch)
    const named = key ? withLogName(checkpointNote, parseVkey(key.noteVkey)) : checkpointNote
    show(
      origin,
      index,
      concat(receipt.entryPrefix, batch.note),
      formatTlogProof({ index, proof, checkpointNote: named }),
    )
  }
  return parts
}

/**
 * The signed tree that holds an entry and says most: one that the parent cosigned, then that of most
 * cosigners, then the newest.
 */
async function bestTree(
  context: Context,
  index: bigint,
): Promise<{ size: bigint; root: Uint8Array; note: Uint8Array }> {
  const log = context.log()
  const parent = context.ledger().federation.member(context.self)?.parent
  const linesOf = new Map<string, string[]>()
  for (const [, note] of await context.store.range(prefixRange(tables.cosigned))) {
    const { text, signatures } = parseNote(note)
    const lines = linesOf.get(text) ?? []
    lines.push(...signatures.filter(({ line }) => !lines.includes(line)).map(({ line }) => line))
    linesOf.set(text, lines)
  }
  let best = { ...log.signed, rank: -1 }
  for (const [text, lines] of linesOf) {
    const { size, root } = parseCheckpoint(text)
    if (size <= index) continue
    const own = lines.filter((line) => line.startsWith(`— ${log.verifier.name} `)).slice(0, 1)
    const others = lines.filter((line) => !line.startsWith(`— ${log.verifier.name} `))
    others.sort(
      (a, b) => Number(b.startsWith(`— ${parent} `)) - Number(a.startsWith(`— ${parent} `)),
    )
    const rank =
      others.length +
      (parent !== undefined && others[0]?.startsWith(`— ${parent} `) ? limits.noteSignaturesMax : 0)
    if (rank < best.rank || (rank === best.rank && size <= best.size)) continue
    const note = addSignatureLines(
      Buffer.from(`${text}\n${own.map((line) => `${line}\n`).join('')}`),
      others.slice(0, COSIGNERS_MAX),
    )
    openCheckpoint(note, [log.verifier], log.origin)
    best = { size, root, note, rank }
  }
  return best
}

/** Everyone whose keys the reader needs: issuer, origin, logs, cosigners. */
function membersOf(
  context: Context,
  batch: SealedHeader,
  logs: readonly EvidencePart[],
): Set<string> {
  const names = new Set([context.self, batch.header.origin])
  for (const { name, bytes } of logs) {
    const [kind, origin = ''] = name.split(' ')
    if (kind !== 'proof') continue
    names.add(origin.slice(0, origin.lastIndexOf('/')))
    for (const line of parseNote(parseTlogProof(bytes).checkpointNote).signatures)
      if (context.ledger().federation.member(line.name)) names.add(line.name)
  }
  return names
}
