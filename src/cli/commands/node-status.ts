/** `huxin node status`: how a running node stands, once or as it changes. Its exit code is for monitoring. */
import type { Command } from 'commander'
import { formatAddress } from '../../base/address.ts'
import { holdProcess, sleep, systemClock } from '../../base/clock.ts'
import { type HuxinError, isHuxinError } from '../../base/errors.ts'
import type { Alarm, GetStatusResponse, PeerStatus } from '../../gen/huxin/v1/admin_service_pb.ts'
import { loadConfig, type NodeConfig } from '../../node/config.ts'
import {
  ago,
  duration,
  exitCodes,
  localTime,
  type Output,
  print,
  say,
  table,
  toJson,
  unconfirmedText,
} from '../output.ts'
import { plain } from '../plain.ts'
import type { Shell } from '../shell.ts'
import { word } from '../words.ts'
import { atNode, CALL, withNode } from './shared.ts'

/** Milliseconds between two looks. */
const WATCH_MS = 2_000

/** What was found: the node's own word, or why it gives none. */
type Found =
  | { readonly status: GetStatusResponse }
  | { readonly config: NodeConfig; readonly error: HuxinError }

export function statusCommand(node: Command, shell: Shell): void {
  shell
    .common(atNode(node.command('status'), shell), 'huxin node status --node nodes/330825')
    .description(
      say(
        shell,
        'how the node stands; exit code 0: no alarm, 1: warnings, 3: starting or not running, 4: faults',
        '节点状态；退出码 0 无告警，1 有告警，3 启动中或未运行，4 故障',
      ),
    )
    .option(
      '--watch',
      say(
        shell,
        'go on and show what changes, until SIGINT (Ctrl-C)',
        '持续显示变化，按 Ctrl-C 结束',
      ),
    )
    .action(async (_options, command: Command) => {
      const output = shell.output(command)
      if (command.opts<{ watch?: boolean }>().watch) return watch(shell, command)
      const found = await look(command)
      print(output, viewOf(found), () => formatFound(output, found))
      shell.exitCode = exitCodeOf(found)
    })
}

/** @throws HuxinError anything but that nobody answers */
async function look(command: Command): Promise<Found> {
  try {
    return { status: await withNode(command, ({ admin }) => admin.getStatus({}, CALL)) }
  } catch (error) {
    if (!isHuxinError(error, 'peer_unreachable')) throw error
    return { config: await loadConfig(command.opts<{ node: string }>().node), error }
  }
}

/** 0 no alarm, 1 warnings, 3 not now, 4 faults: as the table of README.md says. */
export function exitCodeOf(found: Found): number {
  if (!('status' in found)) return exitCodes.notNow
  const { state, alarms, standingAlarms } = found.status
  if (state === 'broken') return exitCodes.broken
  if (state === 'starting') return exitCodes.notNow
  if (standingAlarms.some(({ severity }) => severity === 'fault')) return exitCodes.broken
  return alarms.length > 0 ? exitCodes.found : exitCodes.done
}

function viewOf(found: Found): unknown {
  if ('status' in found) return plain(found.status)
  const {
    config: { node, listen },
    error,
  } = found
  return {
    node,
    state: 'not_running',
    address: formatAddress(listen),
    message: error.message,
    messageZh: error.messageZh,
  }
}

function formatFound(output: Output, found: Found): string {
  return 'status' in found ? formatStatus(output, found.status) : notRunning(output, found)
}

function notRunning(
  output: Output,
  { config, error }: Extract<Found, { error: HuxinError }>,
): string {
  return say(
    output,
    `${config.node}: not running, or it cannot be reached. ${error.message}`,
    `${config.node}：未运行，或无法连接。${error.messageZh}`,
  )
}

function formatStatus(output: Output, status: GetStatusResponse): string {
  const now = systemClock.nowMs()
  // The index waits for a pause in what is appended.
  const behind = status.logSize - status.indexedSize
  const peers = [
    ...(status.parent ? [[say(output, 'parent', '上级'), status.parent] as const] : []),
    ...status.children.map((child) => [say(output, 'child', '下级'), child] as const),
  ]
  const row = ([role, peer]: readonly [string, PeerStatus]): string[] => [
    role,
    peer.node,
    word(output, peer.state),
    ago(output, Number(peer.lastContactMs), now),
    waitingText(output, peer),
    String(peer.receivedSize),
    String(peer.cosignedSize),
    duration(output, Number(peer.clockOffsetMs)),
  ]
  return [
    say(
      output,
      `${status.node} (${status.tier}, epoch ${status.epoch}): ${status.state}`,
      `${status.node}（${word(output, status.tier)}，纪元 ${status.epoch}）：${word(output, status.state)}`,
    ),
    say(
      output,
      `log ${status.logSize} entries, final ${status.finalSize}, indexed ${status.indexedSize}${behind > 0n ? ` (${behind} follow by themselves in a moment)` : ''}; ${status.recordCount} records; ${Math.round(Number(status.memoryBytes) / 1e6)} MB`,
      `日志 ${status.logSize} 条，终局 ${status.finalSize}，已索引 ${status.indexedSize}${behind > 0n ? `（其余 ${behind} 条片刻后自动索引）` : ''}；记录 ${status.recordCount} 条；内存 ${Math.round(Number(status.memoryBytes) / 1e6)} MB`,
    ),
    say(
      output,
      `program ${status.version}, table of divisions ${status.divisionsVersion || 'not said'}`,
      `程序 ${status.version}，区划表 ${status.divisionsVersion || '未说明'}`,
    ),
    ...formatAlarms(output, status),
    ...formatMembership(output, status),
    ...(status.unconfirmedSinceMs > 0n ? [unconfirmedText(output, status.unconfirmedSinceMs)] : []),
    ...(status.quarantined.length > 0
      ? [
          say(
            output,
            `quarantined: ${status.quarantined.join(', ')}`,
            `暂停接收：${status.quarantined.join('、')}`,
          ),
        ]
      : []),
    ...(peers.length > 0
      ? [
          '',
          table(
            [
              say(output, 'link', '链路'),
              say(output, 'node', '节点'),
              say(output, 'state', '状态'),
              say(output, 'last contact', '最近联系'),
              say(output, 'waiting', '待送'),
              say(output, 'has of ours', '已收本方至'),
              say(output, 'we cosigned', '本方见证至'),
              say(output, 'clock', '时差'),
            ],
            peers.map(row),
          ),
        ]
      : []),
  ].join('\n')
}

/** What never reached a child that is retired waits for nothing. */
function waitingText(output: Output, { state, waiting }: PeerStatus): string {
  return state === 'retired' && waiting > 0n
    ? say(output, `${waiting} undelivered`, `${waiting} 批未送达`)
    : String(waiting)
}

/** Who suspended this node is said beside why: it is whom to ask. */
function formatMembership(output: Output, { membership }: GetStatusResponse): string[] {
  if (!membership || membership.status === 'active') return []
  const { status, reason, document, actor } = membership
  return [
    say(
      output,
      `this node is ${status}${reason === '' ? '' : `: ${reason}, document ${document}, decided by ${actor}`}`,
      `本节点${word(output, status)}${reason === '' ? '' : `：事由 ${reason}，依据 ${document}，决定人 ${actor}`}`,
    ),
  ]
}

function formatAlarms(output: Output, { alarms, standingAlarms }: GetStatusResponse): string[] {
  if (alarms.length === 0) return [say(output, 'no alarms', '无告警')]
  // A program of before has lines alone.
  if (standingAlarms.length === 0)
    return [say(output, 'alarms:', '告警：'), ...alarms.map((line) => `  ${line}`)]
  return [
    say(output, 'alarms:', '告警：'),
    ...standingAlarms.flatMap((alarm) => [
      say(
        output,
        `  ${nameOf(output, alarm)}, since ${localTime(Number(alarm.sinceMs))}: ${alarm.message}`,
        `  ${alarm.severity === 'fault' ? '【故障】' : ''}${alarm.messageZh}（自 ${localTime(Number(alarm.sinceMs))} 起；告警代码 ${keyOf(alarm)}）`,
      ),
      `    ${say(output, `do: ${alarm.remedy}`, `处理：${alarm.remedyZh}`)}`,
    ]),
  ]
}

/** By what the manual lists it. */
function keyOf({ code, subject }: Alarm): string {
  return subject === '' ? code : `${code} ${subject}`
}

function nameOf(output: Output, alarm: Alarm): string {
  const name = keyOf(alarm)
  return alarm.severity === 'fault' ? say(output, `FAULT ${name}`, `【故障】${name}`) : name
}

/** Redraws on a terminal; elsewhere the first status, and then a line for each change. Ends with SIGINT, with the exit code of the last look. */
async function watch(shell: Shell, command: Command): Promise<void> {
  const output = shell.output(command)
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once('SIGINT', end)
  const release = holdProcess()
  try {
    let before: Found | undefined
    while (!stop.signal.aborted) {
      const found = await look(command)
      shell.exitCode = exitCodeOf(found)
      show(shell, output, { before, found })
      before = found
      await sleep(systemClock, WATCH_MS, stop.signal)
    }
  } finally {
    release()
    process.removeListener('SIGINT', end)
  }
}

function show(
  shell: Shell,
  output: Output,
  { before, found }: { readonly before: Found | undefined; readonly found: Found },
): void {
  if (output.json) {
    const changed = before === undefined || changesOf(output, before, found).length > 0
    if (changed) output.write(`${JSON.stringify(JSON.parse(toJson(viewOf(found))))}\n`)
  } else if (shell.io.stdout.isTTY === true) {
    output.write('\x1b[H\x1b[2J')
    print(
      output,
      undefined,
      () => `${formatFound(output, found)}\n\n${localTime(systemClock.nowMs())}`,
    )
  } else if (before === undefined) {
    print(output, undefined, () => formatFound(output, found))
  } else {
    for (const change of changesOf(output, before, found))
      print(output, undefined, () => `${localTime(systemClock.nowMs())} ${change}`)
  }
}

/** What is otherwise than at the look before, a line each. */
function changesOf(output: Output, before: Found, found: Found): string[] {
  if (!('status' in found)) return 'status' in before ? [notRunning(output, found)] : []
  if (!('status' in before)) return [`${found.status.node}: ${word(output, found.status.state)}`]
  const [old, now] = [before.status, found.status]
  const was = new Map(old.standingAlarms.map((alarm) => [`${alarm.code} ${alarm.subject}`, alarm]))
  const is = new Map(now.standingAlarms.map((alarm) => [`${alarm.code} ${alarm.subject}`, alarm]))
  const links = (status: GetStatusResponse): readonly PeerStatus[] => [
    ...(status.parent ? [status.parent] : []),
    ...status.children,
  ]
  const linkBefore = new Map(links(old).map((peer) => [peer.node, peer.state]))
  return [
    ...(old.state === now.state
      ? []
      : [`${now.node}: ${word(output, old.state)} → ${word(output, now.state)}`]),
    ...[...is]
      .filter(([name, alarm]) => was.get(name)?.message !== alarm.message)
      .map(
        ([, alarm]) =>
          `${nameOf(output, alarm)}${say(output, `: ${alarm.message}. Do: ${alarm.remedy}`, `：${alarm.messageZh}。处理：${alarm.remedyZh}`)}`,
      ),
    ...[...was]
      .filter(([name]) => !is.has(name))
      .map(([, alarm]) =>
        say(output, `${nameOf(output, alarm)} is over`, `${nameOf(output, alarm)} 已解除`),
      ),
    ...links(now)
      .filter(({ node, state }) => linkBefore.get(node) !== state)
      .map(
        ({ node, state }) =>
          `${node}: ${word(output, linkBefore.get(node) ?? 'none')} → ${word(output, state)}`,
      ),
  ]
}
