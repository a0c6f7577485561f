/**
 * What takes a second person. An operator's call is kept until another operator grants or rejects it, or until it
 * expires; both persons are on record as acts, which stay at this node, and the amendments name the approval. The other
 * person has another name and another certificate.
 *
 * Who may say it: operators of this node. Who may read it: they. What it costs: rows beside the log, bounded in number
 * and bytes. What is left when it ends: the acts; the row goes when its time is over.
 */
import { createHash, createHmac } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { equalBytes, hex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { OperatorActSchema } from '../gen/huxin/v1/access_pb.ts'
import { ActSchema } from '../gen/huxin/v1/catalog_pb.ts'
import { ChangeSchema } from '../gen/huxin/v1/record_service_pb.ts'
import { type Approval, ApprovalSchema } from '../gen/huxin/v1/register_pb.ts'
import { checkedValue, openChecked } from '../store/checked.ts'
import type { Op } from '../store/store.ts'
import { defineRows, hasCheckValue, textKeys } from '../store/rows.ts'
import { amend, checkAmending, type RecordChange } from '../publish/amend.ts'
import type { Context } from '../commit/context.ts'
import { checkAct } from './members.ts'
import { type Published, publish, publishedBefore } from '../publish/publish.ts'
import type { Actor, PersonalAct } from '../publish/actor.ts'
import type { Moment } from '../commit/writer.ts'
import { refusalText } from '../verdict/refusal.ts'

/** What takes a second person at a node. */
export interface ApprovalPolicy {
  /** Erasing. */
  readonly erase: boolean
  /** Everything else that takes a person. */
  readonly amend: boolean
  /** After so many days nobody grants it any more. */
  readonly days: number
}

export type Operator = Actor & { readonly kind: 'operator' }

/** What a person wants to be published. */
export interface Proposal {
  readonly provider: string
  readonly changes: readonly RecordChange[]
  readonly by: Operator
  readonly source: EntrySource
  readonly requestId: string
}

/** What a second person says. */
export interface Decision {
  readonly id: Uint8Array
  readonly by: Operator
  readonly act: PersonalAct
  readonly source: EntrySource
}

/** Id → what waits for a second person. */
export const approvalRows = defineRows({
  table: 'meta',
  name: 'approval',
  keys: textKeys,
  check: hasCheckValue(),
})
const WAITING_MAX = 100
const ROWS_MAX = 1_000
const BYTES_MAX = 8 << 20
const SHOWN_CHANGES = 10
const LISTED_MAX = 100
const DAY_MS = 86_400_000

/** Whether changes wait for a second person when an operator asks for them. */
export function takesTwo(
  { erase, amend: others }: ApprovalPolicy,
  changes: readonly RecordChange[],
): boolean {
  return others || (erase && changes.some(({ action }) => action === 'erase'))
}

export class Approvals {
  readonly #context: () => Context
  readonly policy: ApprovalPolicy
  /** One decision at a time: nobody grants what somebody else rejects in that moment. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(context: () => Context, policy: ApprovalPolicy) {
    this.#context = context
    this.policy = policy
  }

  /**
   * Keeps what an operator wants until another grants it. The same request again gives the same approval.
   * @throws HuxinError argument_invalid | overloaded, and what amending and publishing throw
   */
  async propose(proposal: Proposal, signal: () => AbortSignal): Promise<Approval> {
    await checkAmending(this.#context(), { changes: proposal.changes, by: proposal.by, signal })
    return this.#inTurn((moment) => this.#propose(proposal, moment))
  }

  /**
   * Grants it, and publishes it. Again: gives the same batch, and publishes what was granted and is not published yet.
   * @throws HuxinError not_found | role_denied | argument_invalid, and what amending throws
   */
  grant(decision: Decision): Promise<Published> {
    checkAct(decision.act)
    return this.#inTurn((moment) => this.#grant(decision, moment))
  }

  /** Rejects it. @returns batch id of the act; undefined when it was rejected before. @throws HuxinError not_found | argument_invalid */
  reject(decision: Decision): Promise<Uint8Array | undefined> {
    checkAct(decision.act)
    return this.#inTurn(async (moment) => {
      const row = await this.#row(decision.id)
      if (row.state === 'rejected') return undefined
      if (row.state !== 'waiting')
        throw new HuxinError(
          'argument_invalid',
          text`approval ${hex(row.id)} was granted by ${row.decision?.actor ?? ''} and is ${term(row.state)}`,
        )
      return this.#log('amendment-reject', { ...decision, moment }, [
        rowOp(decided({ ...row, state: 'rejected', decision: create(ActSchema, decision.act) })),
      ])
    })
  }

  /** Removes what is over. */
  sweep(): Promise<void> {
    return this.#inTurn(async () => {
      const over = (await this.#rows()).filter(({ row }) => this.#isOver(row))
      if (over.length > 0)
        await this.#context().writer.save(over.map(({ key }) => ({ key, value: undefined })))
    })
  }

  /** Newest first; with an id that one, whole. */
  async list(id?: Uint8Array): Promise<Approval[]> {
    if (id) return [await this.#row(id)]
    const rows = (await this.#rows()).filter(({ row }) => !this.#isOver(row)).map(({ row }) => row)
    return rows
      .sort((a, b) => Number(b.proposedMs - a.proposedMs))
      .slice(0, LISTED_MAX)
      .map((row) => ({ ...row, changes: row.changes.slice(0, SHOWN_CHANGES) }))
  }

  async #propose(
    { provider, changes, by, source, requestId }: Proposal,
    moment: Moment,
  ): Promise<Approval> {
    const context = this.#context()
    const contentHash = hashOf(provider, changes)
    const id =
      requestId === '' ? context.random.fill(new Uint8Array(32)) : idOf(context, by, requestId)
    const before = await this.#read(id)
    if (before && !this.#isOver(before)) {
      if (before.state === 'rejected')
        throw new HuxinError(
          'argument_invalid',
          text`it was rejected by ${before.decision?.actor ?? ''}, as approval ${hex(id)}: ask for it under another request id`,
        )
      if (equalBytes(before.contentHash, contentHash)) return before
      throw new HuxinError(
        'argument_invalid',
        text`request id ${JSON.stringify(requestId)} was used for something else, approval ${hex(id)}: give each request an id of its own`,
      )
    }
    const nowMs = context.clock.nowMs()
    const row = create(ApprovalSchema, {
      id,
      state: 'waiting',
      provider,
      changes: changes.map(({ position, ...change }) =>
        create(ChangeSchema, { ...change, index: position }),
      ),
      changeCount: changes.length,
      proposer: by.name,
      proposerSerial: by.serial,
      proposedMs: BigInt(nowMs),
      expiresMs: BigInt(nowMs + this.policy.days * DAY_MS),
      contentHash,
    })
    const rows = await this.#rows()
    const over = rows.filter((one) => this.#isOver(one.row))
    this.#checkRoom(
      rows.filter((one) => !over.includes(one)),
      toBinary(ApprovalSchema, row).length,
    )
    const act = {
      actor: by.name,
      reason: [...new Set(changes.map(({ basis }) => basis))].join(', ').slice(0, 500),
      document: changes.find(({ document }) => document !== '')?.document ?? '-',
    }
    await this.#log('amendment-propose', { id, act, source, moment }, [
      ...over.map(({ key }): Op => ({ key, value: undefined })),
      rowOp(row),
    ])
    return row
  }

  #checkRoom(
    rows: readonly { readonly row: Approval; readonly bytes: number }[],
    bytes: number,
  ): void {
    const waiting = rows.filter(({ row }) => row.state === 'waiting').length
    if (
      waiting < WAITING_MAX &&
      rows.length < ROWS_MAX &&
      rows.reduce((sum, row) => sum + row.bytes, bytes) <= BYTES_MAX
    )
      return
    throw new HuxinError(
      'overloaded',
      text`${waiting} approvals wait at this node for a second person: grant or reject some first (huxin approval list)`,
    )
  }

  async #grant(decision: Decision, moment: Moment): Promise<Published> {
    const { id, by, act } = decision
    let row = await this.#row(id)
    if (row.state === 'rejected')
      throw new HuxinError(
        'argument_invalid',
        text`approval ${hex(id)} was rejected by ${row.decision?.actor ?? ''}: ask for it anew`,
      )
    if (row.state === 'waiting') {
      if (by.name === row.proposer || by.serial === row.proposerSerial) {
        throw new HuxinError(
          'role_denied',
          text`approval ${hex(id)} was asked for by ${row.proposer}: another operator grants it, with a certificate in another name (--as)`,
        )
      }
      this.#checkProposer(row)
      await checkAmending(this.#context(), { changes: changesOf(row), by: proposerOf(row) })
      row = { ...row, state: 'granted', decision: create(ActSchema, act) }
      await this.#log('amendment-grant', { ...decision, moment }, [rowOp(row)])
    }
    return this.#publish(row, moment)
  }

  /** What somebody asked for whose certificate counts no more may be a thief's wish. @throws HuxinError role_denied */
  #checkProposer({ id, proposer, proposerSerial, proposedMs }: Approval): void {
    const { self, ledger } = this.#context()
    const revoked = ledger().revocations.of({
      nodeName: self,
      role: 'operator',
      name: proposer,
      serial: proposerSerial,
      notBeforeMs: Number(proposedMs),
    })
    if (!revoked) return
    throw new HuxinError(
      'role_denied',
      text`approval ${hex(id)} was asked for by ${proposer}, whose certificate was revoked since: reject it, and let somebody else ask anew`,
    )
  }

  /** The row changes in the commit of the amendments, so that nothing is published twice. */
  async #publish(row: Approval, moment: Moment): Promise<Published> {
    const context = this.#context()
    if (row.state === 'published') return publishedBefore(context, row.batchId)
    return amend(context, {
      provider: row.provider,
      changes: changesOf(row),
      source: { kind: 'operator', name: encodeURIComponent(row.decision?.actor ?? '') },
      approval: row.id,
      by: proposerOf(row),
      moment,
      extraOps: (batch) => [rowOp(decided({ ...row, state: 'published', batchId: batch.id }))],
    })
  }

  /** Logs what a person did, in one commit with the rows. */
  async #log(
    act: string,
    { id, act: person, source, moment }: Omit<Decision, 'by'> & { readonly moment: Moment },
    rows: readonly Op[],
  ): Promise<Uint8Array> {
    const context = this.#context()
    const record = toBinary(
      OperatorActSchema,
      create(OperatorActSchema, {
        act,
        member: context.self,
        batchId: id,
        person: create(ActSchema, person),
      }),
    )
    const published = await publish(context, {
      kind: 'act',
      item: undefined,
      provider: context.body,
      targets: [context.ledger().selfId],
      batchClass: 'normal',
      records: [record],
      source,
      moment,
      extraOps: () => rows,
    })
    if (!published.batch)
      throw new HuxinError(
        'internal',
        text`the act was refused: ${published.refusal ? refusalText(published.refusal) : ''}`,
      )
    return published.batch.id
  }

  /** @throws HuxinError not_found */
  async #row(id: Uint8Array): Promise<Approval> {
    const row = await this.#read(id)
    if (row && !this.#isOver(row)) return row
    throw new HuxinError(
      'not_found',
      row
        ? text`approval ${hex(id)} is over: ask for it anew`
        : text`there is no approval ${hex(id).slice(0, 64)} here: see huxin approval list`,
    )
  }

  async #read(id: Uint8Array): Promise<Approval | undefined> {
    const key = keyOf(id)
    return openRow(key, await this.#context().store.get(key))
  }

  async #rows(): Promise<{ key: Uint8Array; row: Approval; bytes: number }[]> {
    const rows = await this.#context().store.range(approvalRows.range)
    return rows.flatMap(([key, value]) => {
      const row = openRow(key, value)
      return row ? [{ key, row, bytes: value.length }] : []
    })
  }

  /** What is granted is published, however late. */
  #isOver({ state, expiresMs }: Approval): boolean {
    return state !== 'granted' && this.#context().clock.nowMs() >= Number(expiresMs)
  }

  /** `run` is given the moment from which on it reads. */
  #inTurn<T>(run: (moment: Moment) => Promise<T>): Promise<T> {
    const mine = this.#turn.then(() => run(this.#context().writer.moment()))
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

/** Everybody reads the id in the amendments: a keyed hash says nothing of who asked under which request id. */
function idOf({ subjectKey }: Context, { name }: Operator, requestId: string): Uint8Array {
  return createHmac('sha256', subjectKey)
    .update(`huxin/approval/v1\n${name}\n${requestId}`)
    .digest()
}

/** Of what is decided the changes are in the log. */
function decided(row: Approval): Approval {
  return { ...row, changes: row.changes.slice(0, SHOWN_CHANGES) }
}

function changesOf({ changes }: Approval): RecordChange[] {
  return changes.map(({ action, batchId, index, effectiveOn, basis, document }) => ({
    action: action as RecordChange['action'],
    batchId,
    position: index,
    effectiveOn,
    basis,
    document,
  }))
}

function proposerOf({ proposer, proposerSerial }: Approval): Operator {
  return { kind: 'operator', name: proposer, serial: proposerSerial }
}

function keyOf(id: Uint8Array): Uint8Array {
  return approvalRows.key(hex(id))
}

function rowOp(row: Approval): Op {
  const key = keyOf(row.id)
  return { key, value: checkedValue(key, toBinary(ApprovalSchema, row)) }
}

/** One that is damaged is taken for lost: it can be asked for again. */
function openRow(key: Uint8Array, stored: Uint8Array | undefined): Approval | undefined {
  const value = openChecked(key, stored)
  return value && fromBinary(ApprovalSchema, value)
}

/** The day is not compared: a request without one means the day of its first call. */
function hashOf(provider: string, changes: readonly RecordChange[]): Uint8Array {
  const rows = changes.map(({ action, batchId, position, basis, document }) => [
    action,
    hex(batchId),
    position,
    basis,
    document,
  ])
  return createHash('sha256')
    .update(JSON.stringify([provider, rows]))
    .digest()
}
