/** The calls of the one dialled link, each with the deadline that its service states. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { limits } from '../base/limits.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { ExchangeService, type ReadBodiesResponse } from '../gen/huxin/v1/exchange_service_pb.ts'
import type { ParentCalls } from '../uplink/parent.ts'
import { FederationState } from '../topology/federation.ts'
import type { JoinFile } from '../topology/join.ts'
import type { Member } from '../topology/member.ts'
import type { Link } from './ports.ts'

export function parentCalls(channel: Pick<Link, 'client'>): ParentCalls {
  const client = channel.client(ExchangeService)
  const poll = limits.pollWaitMsMax + 15_000
  return {
    recall: (request, signal) => client.recall(request, { timeoutMs: 10_000, signal }),
    submit: (request, signal) => client.submit(request, { timeoutMs: 60_000, signal }),
    readLog: (request, signal) => client.readLog(request, { timeoutMs: poll, signal }),
    readBodies: (request, signal) => client.readBodies(request, { timeoutMs: poll, signal }),
    readLane: (request, signal) => client.readLane(request, { timeoutMs: 20_000, signal }),
    witness: (request, signal) => client.witness(request, { timeoutMs: 20_000, signal }),
    giveBack: (request, signal) => client.giveBack(request, { timeoutMs: 60_000, signal }),
    renew: (request, signal) => client.renew(request, { timeoutMs: 30_000, signal }),
  }
}

type ReadControl = (request: {
  batchClass: string
  start: bigint
  bytesMax: number
  waitMs: number
  includeOwn: boolean
}) => Promise<ReadBodiesResponse>

/** This member, by its newest statement and with all of them, oldest first, as the parent's control lane has them. @throws HuxinError member_unknown */
export async function memberAtParent(
  read: ReadControl,
  { anchors }: Pick<JoinFile, 'anchors'>,
  node: string,
): Promise<{ member: Member; history: readonly Uint8Array[] }> {
  const federation = FederationState.from(anchors)
  for (let start = 0n; ;) {
    const page = await read({
      batchClass: 'control',
      start,
      bytesMax: limits.readBytesMax,
      waitMs: 0,
      includeOwn: true,
    })
    for (const { entry, body } of page.deliveries) {
      const parsed = parseEntry(entry)
      const { header } = parseHeaderNote(parsed.header)
      if (header.kind !== 'member' || !parsed.verdict.accepted) continue
      const records = parseBody(body)
      for (let i = 0; i < records.count; i++) federation.applyStatement(recordAt(records, i)!)
    }
    if (page.deliveries.length === 0) break
    start = page.next
  }
  const member = federation.member(node)
  if (!member) throw new HuxinError('member_unknown', text`the parent does not know ${node}`)
  return { member, history: federation.history(node) }
}
