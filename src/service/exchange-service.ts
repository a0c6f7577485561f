/**
 * Room `service`: the gRPC services, one for each audience, because one audience is one rule of who may
 * call. A service translates between messages and use cases and decides nothing else; identity comes
 * from the TLS peer alone.
 *
 * This file: ExchangeService, for the child nodes.
 */
import type { Clock } from '../base/clock.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { type BatchClass, batchClasses } from '../topology/lane.ts'
import { checkCertificate } from '../members/authority.ts'
import type { Context } from '../commit/context.ts'
import type { Accepted, Door } from '../exchange/door.ts'
import { compareDivisionTable } from '../members/division-table.ts'
import { keepCosignature } from '../witness/cosigned.ts'
import { cosignChild, witnessState } from '../witness/cosigning.ts'
import { keepChildReceipt } from '../witness/delivery.ts'
import { nextReceiptPosition, receiptsFor } from '../witness/kept-receipts.ts'
import { notActive, PROTOCOL_VERSION, renewMember } from '../members/members.ts'
import { traceLane } from '../account/reconcile.ts'
import { receiptFor } from '../witness/receipts.ts'
import { isDropped, isEntitled, packageFor, readBodies, readSpine } from '../exchange/serve.ts'
import {
  ExchangeService,
  type GiveBackRequest,
  type Package,
  type ReadBodiesRequest,
  type ReadLaneRequest,
  type ReadLaneResponse,
  type ReadLogRequest,
  type RecallRequest,
  type RenewRequest,
  type SubmitRequest,
  type WitnessRequest,
} from '../gen/huxin/v1/exchange_service_pb.ts'
import { divisionsVersion } from '../record/divisions.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { type CallContext, defineService, type ServiceBinding } from '../wire/service.ts'
import { CallOrder } from './call-order.ts'

/** How a root takes back what it lost; at any other node nothing is lost. */
export interface GivenBack {
  /** The new log has not begun. */
  readonly due: boolean
  lost(
    child: string,
  ): { readonly log: string; readonly size: bigint; readonly waiting: boolean } | undefined
  giveBack(
    child: string,
    request: GiveBackRequest,
  ): Promise<{ wanted: number[]; errorCodes: string[] }>
}

export interface ExchangeServiceOptions {
  readonly context: () => Context
  /** Takes what children hand up. */
  readonly door: () => Door
  readonly clock: Clock
  /** Called for each call of a child: it is there. */
  readonly onContact: (child: string, peer: PeerIdentity) => void
  /** Called with what a caller has seen of this node's log, before anybody asks whether it is a child. */
  readonly onShown: (
    who: string,
    shown: { readonly checkpoint: Uint8Array; readonly statements: readonly Uint8Array[] },
  ) => Promise<void>
  /** Called when a child has shown it, or had nothing to show; with what its own clock shows, milliseconds since 1970. */
  readonly onRecall: (child: string, clockMs: number) => void
  /** Takes back what this root lost. */
  readonly restoration: () => GivenBack
  /** Asks the parent for a batch of a lane; undefined at a root. */
  readonly askParent:
    | ((lane: string, number: bigint, signal: AbortSignal) => Promise<ReadLaneResponse>)
    | undefined
}

export function exchangeService(options: ExchangeServiceOptions): ServiceBinding {
  const handlers = new ExchangeHandlers(options)
  return defineService(ExchangeService, {
    recall: (request: RecallRequest, call: CallContext) => handlers.recall(request, call),
    submit: (request: SubmitRequest, call: CallContext) => handlers.submit(request, call),
    readLog: (request: ReadLogRequest, call: CallContext) => handlers.readLog(request, call),
    readBodies: (request: ReadBodiesRequest, call: CallContext) =>
      handlers.readBodies(request, call),
    readLane: (request: ReadLaneRequest, call: CallContext) => handlers.readLane(request, call),
    witness: (request: WitnessRequest, call: CallContext) => handlers.witness(request, call),
    renew: (request: RenewRequest, call: CallContext) => handlers.renew(request, call),
    giveBack: (request: GiveBackRequest, call: CallContext) => handlers.giveBack(request, call),
  })
}

const SERIES_CHARS_MAX = 64
/** Lane heads in one answer to Recall. */
const RECALL_HEADS_MAX = 1_000

class ExchangeHandlers {
  readonly #options: ExchangeServiceOptions
  readonly #order: CallOrder

  constructor(options: ExchangeServiceOptions) {
    this.#options = options
    this.#order = new CallOrder(options.clock)
  }

  /** The child that calls. @throws HuxinError role_denied | member_suspended | unauthenticated */
  #child(call: CallContext): { context: Context; child: string } {
    const context = this.#options.context()
    const child = call.peer.nodeName
    const member = context.ledger().federation.member(child)
    if (
      call.peer.role !== 'node' ||
      !member ||
      member.name !== child ||
      member.parent !== context.self
    ) {
      throw new HuxinError(
        'role_denied',
        text`${child} is not a child of ${context.self}: it must be admitted first (huxin member approve)`,
      )
    }
    checkCertificate(context, call.peer)
    if (member.status !== 'active') throw notActive(member)
    this.#options.onContact(child, call.peer)
    return { context, child }
  }

  async recall(request: RecallRequest, call: CallContext) {
    // What this node signed itself needs nobody's word, and an old copy may not know its children.
    await this.#options.onShown(call.peer.nodeName, {
      checkpoint: request.parentCheckpoint,
      statements: request.parentStatements,
    })
    const restoration = this.#options.restoration()
    if (restoration.due) return this.#recallLost(request, call)
    const { context, child } = this.#child(call)
    this.#options.onRecall(child, Number(request.clockMs))
    compareDivisionTable(context, child, request.divisionsVersion)
    const lost = request.givesBack ? restoration.lost(child) : undefined
    const { federation } = context.ledger()
    const { epoch } = federation.member(child)!
    const last = await witnessState(context, request.logOrigin)
    return {
      protocol: PROTOCOL_VERSION,
      logOrigin: context.log().origin,
      timeMs: BigInt(context.trustedMs()),
      lastCheckpoint: last?.note ?? new Uint8Array(),
      laneHeads: await laneHeads(context, child),
      epoch,
      // The nearest first: what its own say is wanted most.
      statements: federation
        .lineage(context.self)
        .toReversed()
        .flatMap(({ name }) => federation.history(name)),
      ...(lost ? { lost } : {}),
      divisionsVersion,
    }
  }

  /** A root that takes back what it lost may not know its children, and answers nothing else. */
  #recallLost({ givesBack }: RecallRequest, call: CallContext) {
    const context = this.#options.context()
    const child = call.peer.nodeName
    if (call.peer.role !== 'node')
      throw new HuxinError('role_denied', text`the certificate of ${child} is not that of a node`)
    if (context.ledger().federation.member(child)) this.#child(call)
    const lost = this.#options.restoration().lost(child)
    if (!givesBack || !lost)
      throw new HuxinError(
        'not_ready',
        text`${context.self} takes back what it lost: ask again later`,
      )
    return {
      protocol: PROTOCOL_VERSION,
      logOrigin: context.log().origin,
      timeMs: BigInt(context.trustedMs()),
      lost,
    }
  }

  async giveBack(request: GiveBackRequest, call: CallContext) {
    const child = call.peer.nodeName
    if (call.peer.role !== 'node')
      throw new HuxinError('role_denied', text`the certificate of ${child} is not that of a node`)
    const restoration = this.#options.restoration()
    // Only a root that takes back what it lost may not know its children; everybody else is asked for as at every call.
    if (!restoration.due || this.#options.context().ledger().federation.member(child))
      this.#child(call)
    return restoration.giveBack(child, request)
  }

  async submit(request: SubmitRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    if (request.packages.length < 1 || request.packages.length > limits.submitBatchesMax) {
      throw new HuxinError(
        'argument_invalid',
        text`${request.packages.length} batches in one call, allowed are 1 to ${limits.submitBatchesMax}`,
      )
    }
    const { series, number } = request
    if (series.length > SERIES_CHARS_MAX)
      throw new HuxinError(
        'argument_invalid',
        text`the name of a series has ${series.length} characters, at most ${SERIES_CHARS_MAX}`,
      )
    if (series !== '') await this.#order.turn(child, series, number, call)
    // It may have waited: a member suspended meanwhile gives nothing.
    this.#child(call)
    const accepting = request.packages.map((pack) =>
      this.#options.door().accept(claimsOf(pack, child)),
    )
    if (series !== '') this.#order.entered(child, series, number)
    const settled = await Promise.allSettled(accepting)
    const outcomes = []
    for (const [i, result] of settled.entries()) {
      outcomes.push(
        result.status === 'fulfilled'
          ? await accepted(context, result.value)
          : await failed(context, request.packages[i]!, result.reason),
      )
    }
    return { outcomes }
  }

  async readLog(request: ReadLogRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    const receiptsAfter = async (): Promise<boolean> =>
      (await nextReceiptPosition(context)) > request.receiptsAfter
    const spine = await readSpine(context, child, {
      start: request.start,
      limit: request.limit,
      waitMs: request.waitMs,
      signal: call.signal,
      receiptsAfter,
    })
    const { receipts, next } = await receiptsFor(context, child, request.receiptsAfter)
    this.#child(call)
    return {
      leafHashes: spine.leafHashes,
      checkpoint: spine.checkpoint,
      upperReceipts: receipts,
      receiptsNext: next,
      confirmedMs: BigInt(Math.round(context.confirmedMs())),
    }
  }

  async readBodies(request: ReadBodiesRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    if (!(batchClasses as readonly string[]).includes(request.batchClass)) {
      throw new HuxinError(
        'argument_invalid',
        text`class ${request.batchClass} is not one of ${batchClasses.join(', ')}`,
      )
    }
    const { deliveries, next } = await readBodies(context, child, {
      batchClass: request.batchClass as BatchClass,
      start: request.start,
      bytesMax: request.bytesMax,
      waitMs: request.waitMs,
      includeOwn: request.includeOwn,
      signal: call.signal,
      hold: (bytes) => call.hold(bytes),
    })
    // The call may have waited: a member suspended meanwhile gets nothing.
    this.#child(call)
    return { deliveries, next }
  }

  async readLane(request: ReadLaneRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    const trace = await traceLane(context, request.lane, request.number)
    const traces = [
      {
        node: trace.node,
        held: trace.held,
        index: trace.index,
        receiptNotes: [...trace.receiptNotes],
      },
    ]
    const found = trace.held ? await packageFor(context, child, trace.index) : undefined
    // What the nodes above say is asked for even when it is here: a relay's word alone is no trace.
    const above = await this.#options
      .askParent?.(request.lane, request.number, call.signal)
      .catch(() => undefined)
    const all = [...traces, ...(above?.traces ?? [])]
    const given =
      above?.package && isEntitled(context, child, above.package.header) ? above.package : undefined
    // What is gone here may be whole above.
    const pack =
      found && (!isDropped(found.body) || !given || isDropped(given.body)) ? found : given
    return pack ? { package: pack, traces: all } : { traces: all }
  }

  async witness(request: WitnessRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    if (request.cosigned.length > 0) await keepCosignature(context, child, request.cosigned)
    if (request.receiptNote.length > 0) await keepChildReceipt(context, child, request.receiptNote)
    if (request.checkpoint.length === 0) return { current: true }
    const answer = await cosignChild(context, child, {
      oldSize: request.oldSize,
      consistency: request.consistency,
      checkpoint: request.checkpoint,
      broughtBy: 'child',
    })
    return 'line' in answer
      ? { cosignature: Buffer.from(answer.line), current: true }
      : { knownSize: answer.knownSize, current: false }
  }

  async renew(request: RenewRequest, call: CallContext) {
    const { context, child } = this.#child(call)
    return renewMember(context, child, request.renewal)
  }
}

function claimsOf(pack: Package, child: string) {
  return {
    header: pack.header,
    body: pack.body,
    ...(pack.refusal.length > 0 ? { refusal: pack.refusal } : {}),
    judged: pack.judged,
    ...(pack.receipt ? { receipt: pack.receipt } : {}),
    source: { kind: 'child', node: child } as const,
  }
}

async function accepted(context: Context, result: Accepted) {
  return {
    receipt: await receiptFor(context, result.batch.id, result.index, result.tree),
    refusal: result.refusal ?? new Uint8Array(),
  }
}

async function failed(context: Context, pack: Package, error: unknown) {
  if (!isHuxinError(error)) throw error
  const lane = error.details['lane']
  const head = lane === undefined ? undefined : await context.ledger().lanes.read(lane)
  return {
    errorCode: error.code,
    errorMessage: error.message,
    laneHeads:
      lane === undefined || pack.header.length === 0
        ? []
        : [{ lane, number: head?.number ?? -1n, batchId: head?.id ?? new Uint8Array() }],
  }
}

/** Heads of the lanes that a child originates, as many as fit. */
async function laneHeads(context: Context, child: string) {
  const heads: { lane: string; number: bigint; batchId: Uint8Array }[] = []
  for await (const [lane, { number, id }] of context.ledger().lanes.heads(`${child} `)) {
    heads.push({ lane, number, batchId: id })
    if (heads.length >= RECALL_HEADS_MAX) break
  }
  return heads
}
