/** The calls of the one dialled link, each with the deadline that its service states. */
import { limits } from '../base/limits.ts'
import { ExchangeService } from '../gen/huxin/v1/exchange_service_pb.ts'
import type { ParentCalls } from '../uplink/parent.ts'
import type { WireChannel } from '../wire/channel.ts'

export function parentCalls(channel: WireChannel): ParentCalls {
  const client = channel.client(ExchangeService)
  const poll = limits.pollWaitMsMax + 15_000
  return {
    recall: (request, signal) => client.recall(request, { timeoutMs: 10_000, signal }),
    submit: (request, signal) => client.submit(request, { timeoutMs: 60_000, signal }),
    readLog: (request, signal) => client.readLog(request, { timeoutMs: poll, signal }),
    readBodies: (request, signal) => client.readBodies(request, { timeoutMs: poll, signal }),
    readLane: (request, signal) => client.readLane(request, { timeoutMs: 20_000, signal }),
    witness: (request, signal) => client.witness(request, { timeoutMs: 20_000, signal }),
    renew: (request, signal) => client.renew(request, { timeoutMs: 30_000, signal }),
  }
}
