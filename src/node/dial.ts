/** The link to the parent: one channel, and the loops over it. */
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Context } from '../commit/context.ts'
import type { AsideRoom } from '../uplink/link.ts'
import type { UplinkOptions } from '../uplink/link.ts'
import { Uplink } from '../uplink/uplink.ts'
import type { WireChannelOptions } from '../wire/channel.ts'
import { checkParent } from './certificates.ts'
import type { NodeConfig } from './config.ts'
import type { NodeLog } from './node-log.ts'
import { parentCalls } from './parent-calls.ts'
import type { Link, TransportEnd } from './ports.ts'

/** Times of the link, for tests with networks that are quicker to cut than real ones. */
export type LinkTimes = Pick<
  WireChannelOptions,
  'keepaliveMs' | 'keepaliveTimeoutMs' | 'backoffMsMax'
> & {
  readonly retryMsMax?: number
  readonly recallMs?: number
  readonly patienceMs?: number
  readonly asideRoom?: AsideRoom
}

export interface DialOptions extends Pick<
  UplinkOptions,
  'door' | 'onRecall' | 'frozen' | 'recovering' | 'onCaughtUp' | 'awayMs'
> {
  readonly context: Context
  readonly parent: NonNullable<NodeConfig['parent']>
  readonly end: Pick<TransportEnd, 'dial'>
  readonly clock: Clock
  readonly random: Random
  readonly log: NodeLog
  readonly times: LinkTimes | undefined
}

/** Dials the parent and starts the loops; the caller stops them, then closes the channel. */
export function dialParent({
  context,
  door,
  parent,
  end,
  clock,
  random,
  log,
  times,
  ...hooks
}: DialOptions): { channel: Link; uplink: Uplink } {
  const channel = end.dial({
    address: parent.address,
    expectedNodeName: parent.node,
    checkServer: (server) => checkParent(context, server),
    clock,
    backoffMsMax: 5_000,
    ...(parent.proxy === undefined ? {} : { proxy: parent.proxy }),
    ...times,
  })
  const uplink = new Uplink({
    context,
    door,
    parent: parent.node,
    calls: parentCalls(channel),
    clock,
    retryMsMax: times?.retryMsMax ?? 5_000,
    recallMs: times?.recallMs,
    ...(times?.patienceMs === undefined ? {} : { patienceMs: times.patienceMs }),
    ...(times?.asideRoom === undefined ? {} : { asideRoom: times.asideRoom }),
    trust: () => context.joined,
    random: () => random.fill(new Uint8Array(1))[0]! / 256,
    onAway: ({ code, message }) =>
      log.warn({ code, reason: message }, 'the parent cannot be reached'),
    ...hooks,
  })
  uplink.start()
  return { channel, uplink }
}
