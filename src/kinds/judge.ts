/**
 * What a node thinks of a batch, as of its first receipt: the catalog gate. Pure reading of the ledger;
 * the same batch judged anywhere with the same catalog gives the same verdict.
 *
 * "Not yet knowing" an item is not a verdict: it is unavailable and the batch is sent again.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { civilDate, isCivilDate, type TurnClock, Turns } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type Body, recordAt } from '../batch/body.ts'
import { bindsAll, type Judged } from '../batch/entry.ts'
import { type BatchHeader, isRestoring, understood } from '../batch/header.ts'
import { OperatorActSchema } from '../gen/huxin/v1/access_pb.ts'
import { type Amendment, AmendmentAction, type CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import { decodeAmendments } from '../ledger/amendments.ts'
import { decodeAccesses, decodeHeads, type Ledger } from '../ledger/ledger.ts'
import { type IdPlaces, notePlaces } from '../lookup/record-rows.ts'
import { decodeRegisterEntry, registerFault } from '../ledger/register.ts'
import { checkRecordBytes, type CompiledItem, type RecordFault } from '../record/item.ts'
import { basisFault, documentFault } from '../record/personal.ts'
import { parseVkey } from '../note/key.ts'
import { openFreeze } from '../topology/freeze.ts'
import { parseLaneKey } from '../topology/lane.ts'
import { parseTarget, targetWithin } from '../topology/target.ts'
import { judgeCatalog } from './judge-catalog.ts'
import { judgeRecognitions } from './judge-recognition.ts'
import { judgeReach } from './reach.ts'
import { type Refused, refuse, refusedRecords } from './refusal.ts'
import { judgeRevocation } from './revocation-rules.ts'

/** As of when, and by which edition of the rules, a batch is judged. */
export interface Terms extends Judged {
  /** The edition under which a node on the way logged it first; that of this program when absent. */
  readonly rules?: string
}

/** Replaceable for tests that need a node with other rules. Long work takes turns by the clock; may note where record ids are, where it is given room for that. */
export type CheckRecords = (compiled: CompiledItem, body: Body, how: { readonly clock: TurnClock; readonly ids?: IdPlaces }) => readonly RecordFault[] | Promise<readonly RecordFault[]>

/** What a judgement works with. */
export interface Judging {
  readonly checkRecords: CheckRecords
  /** Long work takes turns by it. */
  readonly clock: TurnClock
}

/**
 * Judges a batch whose header is authentic and whose body has the header's root. Records are checked in turns with
 * whatever else the node does.
 * @returns undefined when accepted
 * @throws HuxinError item_unknown | member_unknown
 */
export function judge(ledger: Ledger, header: BatchHeader, body: Body, terms: Terms, judging: Judging): Promise<Refused | undefined> | Refused | undefined {
  const astray = judgeReach(ledger.federation, header)
  if (astray) return refuse(astray.code, astray.said)
  if (!understood(header)) return header.item === undefined ? undefined : judgeItem(ledger, { ...header, item: header.item }, terms)
  switch (header.kind) {
    case 'member': return undefined
    case 'catalog': return judgeCatalog(ledger, header, body, { ...terms, clock: judging.clock })
    case 'freeze': return judgeFreeze(ledger, header, body)
    case 'amendment': return judgeAmendment(body, { coded: bindsAll(terms.rules), restores: isRestoring(header) })
    case 'heads': return judgeHeads(body)
    case 'access': return judgeAccess(body)
    case 'act': return judgeAct(body)
    case 'revocation': return judgeRevocation(ledger, header, body)
    case 'register': return judgeRegister(ledger, header, body)
    default: return judgeRecords(ledger, header, body, terms, judging)
  }
}

/** Records, and bytes of them, between two looks at the clock. */
const PIECE = 32
const PIECE_BYTES = 65_536

/** Every record of a body against its item. Nothing is awaited for a batch that takes less than a turn. */
export const checkAllRecords: CheckRecords = (compiled, body, { clock, ids }) => {
  const faults: RecordFault[] = []
  const turns = new Turns(clock)
  const from = checkFrom(compiled, body, { start: 0, faults, turns, ids })
  return from < body.count ? checkRest(compiled, body, { start: from, faults, turns, ids }) : faults
}

interface Checking {
  readonly start: number
  readonly faults: RecordFault[]
  readonly turns: Turns
  readonly ids: IdPlaces | undefined
}

/** @returns the first record that was not checked, because the turn was over */
function checkFrom(compiled: CompiledItem, body: Body, { start: first, faults, turns, ids }: Checking): number {
  let looked = { at: first, offset: body.spans[2 * first]! }
  for (let i = first; i < body.count; i++) {
    const start = body.spans[2 * i]!
    if (i - looked.at >= PIECE || start - looked.offset >= PIECE_BYTES) {
      if (turns.over) return i
      looked = { at: i, offset: start }
    }
    if (start === 0) continue
    if (compiled.passes(body.bytes, start, body.spans[2 * i + 1]!)) {
      // What passes was scanned, and its ids are ASCII.
      if (ids) notePlaces(ids, i)
      continue
    }
    const found = checkRecordBytes(compiled, recordAt(body, i)!, i)
    // Of the rest only the number of bad records is told.
    faults.push(...faults.length < limits.faultsMax ? found : found.slice(0, 1))
  }
  return body.count
}

async function checkRest(compiled: CompiledItem, body: Body, { start, faults, turns, ids }: Checking): Promise<readonly RecordFault[]> {
  for (let at = start; at < body.count;) {
    await turns.next()
    at = checkFrom(compiled, body, { start: at, faults, turns, ids })
  }
  return faults
}

/**
 * Item, origin and targets of a header, before its records are looked at.
 * @returns undefined when the item says what this version does not know: who does judges the records
 */
export function judgeContract(ledger: Ledger, header: Pick<BatchHeader, 'kind' | 'item' | 'origin' | 'lanes'>, judged: Judged): Refused | CompiledItem | undefined {
  if (header.item === undefined) return refuse('item_kind_mismatch', text`a batch of kind ${term(header.kind)} names no catalog item`)
  const item = itemOf(ledger, header.item)
  const compiled = ledger.catalog.compiled(header.item)
  const absent = compiled?.missingScales[0]
  if (absent !== undefined) {
    throw new HuxinError('item_unknown', text`grade scale ${absent} of ${header.item} is not known at ${ledger.self} yet: it is asked for again later`, { details: { item: absent } })
  }
  if (item.kind !== header.kind) return refuse('item_kind_mismatch', text`catalog item ${header.item} is for batches of kind ${term(item.kind)}, not ${term(header.kind)}`)
  return judgeItem(ledger, { ...header, item: header.item }, judged) ?? compiled
}

function itemOf(ledger: Ledger, id: string): CatalogItem {
  const item = ledger.catalog.item(id)
  if (!item) throw new HuxinError('item_unknown', text`catalog item ${id} is not known at ${ledger.self} yet: it is asked for again later`, { details: { item: id } })
  return item
}

/**
 * Whether an item is in force and lets this origin write to these targets; it binds also what is carried unread.
 * @throws HuxinError item_unknown | member_unknown
 */
function judgeItem(ledger: Ledger, header: Pick<BatchHeader, 'origin' | 'lanes'> & { readonly item: string }, judged: Judged): Refused | undefined {
  const item = itemOf(ledger, header.item)
  const outside = outOfForce(item, header.item, civilDate(judged.timeMs))
  if (outside) return outside
  if (!ledger.federation.member(header.origin)) {
    throw new HuxinError('member_unknown', text`${header.origin} is not known at ${ledger.self} yet: send the batch again later`)
  }
  if (!matches(ledger, item.originators, header.origin)) {
    return refuse('origin_not_allowed', text`${header.origin} may not originate ${header.item}; allowed are ${item.originators.join(', ')}`)
  }
  const beyond = header.lanes.find(({ target }) => !targetAllowed(ledger, item, target))
  if (beyond) return refuse('target_not_allowed', text`${header.item} may not go to ${beyond.target}; allowed are ${item.recipients.join(', ')}`)
  return undefined
}

/** The refusal of a batch of an item that is not in force on a day. */
export function outOfForce({ effectiveFrom, effectiveTo }: CatalogItem, id: string, date: string): Refused | undefined {
  if (date >= effectiveFrom && (effectiveTo === '' || date <= effectiveTo)) return undefined
  return refuse('item_not_in_force', text`catalog item ${id} is in force from ${effectiveFrom} to ${effectiveTo || text`further notice`}, not on ${date}`)
}

async function judgeRecords(ledger: Ledger, header: BatchHeader, body: Body, terms: Terms, { checkRecords, clock }: Judging): Promise<Refused | undefined> {
  const contract = judgeContract(ledger, header, terms)
  if (!contract || 'refusal' in contract) return contract
  const faults = await checkRecords(contract, body, { clock })
  if (faults.length > 0) return refusedRecords(faults, body.count)
  return header.kind === 'recognition' && bindsAll(terms.rules) ? judgeRecognitions(ledger, header, body) : undefined
}

/** One note, of the origin's log of this epoch, signed with its key. */
function judgeFreeze(ledger: Ledger, { origin, epoch }: BatchHeader, body: Body): Refused | undefined {
  const key = ledger.federation.member(origin)?.epochs.find((row) => row.epoch === epoch)
  if (!key) throw new HuxinError('member_unknown', text`epoch ${epoch} of ${origin} is not known at ${ledger.self} yet: send the batch again later`)
  const record = body.count === 1 ? recordAt(body, 0) : undefined
  if (!record) return refuse('statement_invalid', text`a final entry has one record`)
  try {
    const { log } = openFreeze(record, parseVkey(key.noteVkey))
    return log === `${origin}/${epoch}` ? undefined : refuse('statement_invalid', text`a final entry of ${origin}, epoch ${epoch}, ends its own log and not ${log}`)
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse('statement_invalid', error.text)
  }
}

/** `restores`: the header says that all of them are restorations, which are nowhere else. */
function judgeAmendment(body: Body, { coded, restores }: { coded: boolean; restores: boolean }): Refused | undefined {
  try {
    for (const [i, amendment] of decodeAmendments(body).entries()) {
      if (amendment.batchId.length !== 32) return refuse('amendment_invalid', text`amendment ${i} names no batch`)
      const isKnown = restores ? amendment.action === AmendmentAction.RESTORE : amendment.action >= AmendmentAction.WITHDRAW && amendment.action <= AmendmentAction.ERASE
      if (restores && !restoresWell(amendment)) return refuse('amendment_invalid', text`amendment ${i} restores and names no withdrawal: 1 to ${limits.withdrawalsMax} batch ids are wanted`)
      if (!isKnown) return refuse('amendment_invalid', text`amendment ${i} has action ${amendment.action}, which is not known`)
      if (!isCivilDate(amendment.effectiveOn)) return refuse('amendment_invalid', text`amendment ${i} takes effect on no date: YYYY-MM-DD is wanted`)
      // An erasure of before may have another basis, and erases at a node that begins later too.
      if (amendment.basis === '') return refuse('amendment_invalid', text`amendment ${i} has no basis`)
      const fault = coded ? basisFault(amendment.basis) ?? documentFault(amendment.document) : undefined
      if (fault) return refuse('amendment_invalid', text`amendment ${i}: ${fault}`)
    }
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse(error.code, error.text)
  }
  return undefined
}

function restoresWell({ withdrawals }: Amendment): boolean {
  return withdrawals.length >= 1 && withdrawals.length <= limits.withdrawalsMax && withdrawals.every(({ length }) => length === 32)
}

function judgeHeads(body: Body): Refused | undefined {
  try {
    for (const [i, { lane, number, batchId }] of decodeHeads(body).entries()) {
      if (!parseLaneKey(lane) || number < 0n || batchId.length !== 32) return refuse('record_invalid', text`lane head ${i} names no lane, number or batch`)
    }
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse(error.code, error.text)
  }
  return undefined
}

function judgeAccess(body: Body): Refused | undefined {
  try {
    for (const [i, { act, batchId, caller, purpose, document }] of decodeAccesses(body).entries()) {
      if (act === '' || batchId.length !== 32 || caller.length !== 16) return refuse('record_invalid', text`access record ${i} names no act, batch or caller`)
      if (purpose === '' || document === '') return refuse('record_invalid', text`access record ${i} names no purpose or document`)
    }
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return refuse(error.code, error.text)
  }
  return undefined
}

function judgeAct(body: Body): Refused | undefined {
  for (let i = 0; i < body.count; i++) {
    const bytes = recordAt(body, i)
    try {
      const { act, member, batchId, person } = fromBinary(OperatorActSchema, bytes ?? new Uint8Array())
      if (act !== '' && member !== '' && batchId.length === 32 && person && person.reason !== '' && person.document !== '') continue
    } catch {
      // falls through to the one refusal
    }
    return refuse('record_invalid', text`act ${i} does not say what was done, to whom, by whom, why and on which document`)
  }
  return undefined
}

/** A register says who may publish at its own node: it is made there, stays there, and is nobody else's business. */
function judgeRegister(ledger: Ledger, header: BatchHeader, body: Body): Refused | undefined {
  if (header.origin !== ledger.self) return refuse('origin_not_allowed', text`the register of ${header.origin} is its own: ${ledger.self} takes none`)
  for (let i = 0; i < body.count; i++) {
    const entry = decodeRegisterEntry(recordAt(body, i) ?? new Uint8Array())
    const fault = entry ? registerFault(entry) : text`it does not decode`
    if (fault !== undefined) return refuse('record_invalid', text`register entry ${i}: ${fault}`)
  }
  return undefined
}

/** True when a node is named by one of the patterns: id, `<id>/**`, `tier:<tier>` or `**`. */
export function matches(ledger: Ledger, patterns: readonly string[], nodeName: string): boolean {
  const member = ledger.federation.member(nodeName)
  if (!member) return false
  return patterns.some((pattern) => pattern === '**' || pattern === member.id || pattern === `tier:${member.tier}` ||
    (pattern.endsWith('/**') && ledger.federation.isWithin(member.id, pattern.slice(0, -3))))
}

/** @throws HuxinError member_unknown */
function targetAllowed(ledger: Ledger, item: CatalogItem, target: string): boolean {
  const named = parseTarget(target)
  if (!item.recipients.includes('**') && named && named.kind !== 'everyone' && !ledger.federation.member(named.id)) {
    throw new HuxinError('member_unknown', text`the target ${target} names no member that is known at ${ledger.self} yet: send the batch again later`, { details: { member: named.id } })
  }
  return item.recipients.some((pattern) => {
    if (pattern === '**') return true
    if (pattern.startsWith('tier:')) return !target.endsWith('**') && ledger.federation.member(target)?.tier === pattern.slice(5)
    return targetWithin(target, pattern, ledger.federation)
  })
}
