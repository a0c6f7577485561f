/** GetStatus of AdminService: how the node stands, its alarms, its links. Whoever may call AdminService may ask; it costs a few reads a neighbour. */
import { isHuxinError } from '../base/errors.ts'
import { VERSION } from '../base/version.ts'
import type { StandingAlarm } from '../alarm/alarms.ts'
import { alarmTable } from '../alarm/alarm-table.ts'
import { cosignedCheckpoint, cosignedSize, finalSize } from '../witness/cosigned.ts'
import { witnessState } from '../witness/cosigning.ts'
import { childReceipt } from '../witness/delivery.ts'
import { waitingFor } from '../account/reconcile.ts'
import { divisionsVersion } from '../record/divisions.ts'
import type { Member } from '../topology/member.ts'
import type { AdminPort } from './admin-port.ts'

/** Milliseconds since its last call for which a child counts as connected. */
const CONNECTED_MS = 60_000

/** What is read while the database can be read: how a node stands, and its alarms, is said also when it cannot. */
function readable<T>(reading: Promise<T>, otherwise: NoInfer<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    if (isHuxinError(error)) return otherwise
    throw error
  })
}

export async function nodeStatus(node: AdminPort) {
  const { context, config } = node
  const standing = context.alarms.standing()
  const unconfirmed = context.unconfirmedSinceMs()
  const children = context.ledger().federation.children(context.self)
  return {
    node: context.self,
    tier: config.tier,
    epoch: context.epoch,
    logSize: context.log().size,
    checkpoint: await readable(cosignedCheckpoint(context), context.log().signed.note),
    finalSize: await readable(finalSize(context), 0n),
    state: node.state,
    alarms: [...context.alarms.list()],
    standingAlarms: standing.map(alarmMessage),
    ...(await parentStatus(node)),
    ...membershipOf(node),
    children: await Promise.all(children.map((child) => childStatus(node, child))),
    indexedSize: context.indexer.cursor,
    memoryBytes: BigInt(process.memoryUsage.rss()),
    recordCount: context.ledger().recordCount,
    quarantined: [...context.ledger().quarantined],
    version: VERSION,
    divisionsVersion,
    ...(unconfirmed === undefined ? {} : { unconfirmedSinceMs: BigInt(Math.round(unconfirmed)) }),
  }
}

function alarmMessage({ code, subject, severity, text, sinceMs }: StandingAlarm) {
  const { remedy, remedyZh } = alarmTable[code]
  return {
    code,
    subject,
    severity,
    message: text.en,
    messageZh: text.zh,
    remedy,
    remedyZh,
    sinceMs: BigInt(Math.round(sinceMs)),
  }
}

async function parentStatus({ context, uplink, config }: AdminPort) {
  const name = config.parent?.node
  if (!uplink || name === undefined) return {}
  return {
    parent: {
      node: name,
      state: uplink.state,
      lastContactMs: BigInt(Math.round(uplink.lastContactMs)),
      waiting: BigInt(await readable(uplink.waiting(), 0)),
      cosignedSize: uplink.follower.verified.size,
      clockOffsetMs: BigInt(uplink.clockOffsetMs),
      receivedSize: await readable(cosignedSize(context, name), 0n),
    },
  }
}

/** By its parent's word, or else by the newest statement here; a root has nobody who could suspend it. */
function membershipOf({ context, uplink }: AdminPort) {
  const member = context.ledger().federation.member(context.self)
  if (!uplink || !member) return {}
  const { status, reason, document, actor } = uplink.suspension ?? member
  if (status === 'active') return { membership: { status } }
  return {
    membership: {
      status,
      reason,
      document,
      actor,
      sinceMs: BigInt(Math.round(uplink.suspension?.sinceMs ?? 0)),
    },
  }
}

async function childStatus(node: AdminPort, child: Member) {
  const { context } = node
  const held = await readable(childReceipt(context, child.name), undefined)
  const last = node.lastContactMs(child.name)
  const waiting = await readable<Record<string, number>>(waitingFor(context, child.name, held), {})
  // One that is retired lacks records and amendments; statements of members are nothing to it any more.
  const counted = Object.entries(waiting).filter(
    ([batchClass]) => child.status !== 'retired' || batchClass !== 'control',
  )
  return {
    node: child.name,
    state:
      child.status !== 'active'
        ? child.status
        : last === 0
          ? 'none'
          : context.clock.nowMs() - last < CONNECTED_MS
            ? 'connected'
            : 'away',
    lastContactMs: BigInt(last),
    waiting: BigInt(counted.reduce((sum, [, count]) => sum + count, 0)),
    cosignedSize:
      (await readable(witnessState(context, `${child.name}/${child.epoch}`), undefined))?.size ??
      0n,
    clockOffsetMs: 0n,
    receivedSize: held?.receipt.size ?? 0n,
  }
}
