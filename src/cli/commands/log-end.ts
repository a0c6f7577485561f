/** `huxin log freeze` and `huxin log rotate`: the end of a log, and the next epoch. */
import type { Command } from 'commander'
import { hex } from '../../base/bytes.ts'
import { holdProcess, sleep, systemClock } from '../../base/clock.ts'
import { isHuxinError } from '../../base/errors.ts'
import type { FreezeLogResponse, GetStatusResponse } from '../../gen/huxin/v1/admin_service_pb.ts'
import { exitCodes, print, say } from '../output.ts'
import type { Shell } from '../shell.ts'
import { atNode, CALL, wholeNumber, withAct, withNode } from './shared.ts'

const POLL_MS = 500

export function endingCommands(log: Command, shell: Shell): void {
  shell
    .common(
      withAct(atNode(log.command('freeze'), shell), shell),
      'huxin log freeze --reason 节点撤并 --document 浙信〔2027〕3号 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'end the log with a final entry: it takes no more, and goes on answering',
        '以终结条目冻结日志：不再接收条目，仍可查询与核验',
      ),
    )
    .action(async (_options, command: Command) => {
      const frozen = await freeze(command, { successor: false, keepKeys: false })
      print(shell.output(command), view(frozen), () => frozenText(shell, frozen))
    })
  shell
    .common(
      withAct(atNode(log.command('rotate'), shell), shell),
      'huxin log rotate --reason 计划内更换密钥 --document 浙信〔2027〕4号 --node nodes/330000',
    )
    .description(
      say(
        shell,
        'end the log and go on in the next epoch, with new keys, signed with the old and the new one',
        '冻结日志并转入下一纪元：启用新密钥，新旧密钥共同签名',
      ),
    )
    .option('--keep-keys', say(shell, 'the next epoch has the same keys', '下一纪元沿用现有密钥'))
    .option(
      '--wait <seconds>',
      say(shell, 'how long to wait for the next epoch', '等待下一纪元的秒数'),
      wholeNumber(shell),
      60,
    )
    .action(async (_options, command: Command) => {
      const { keepKeys, wait } = command.opts<{ keepKeys?: boolean; wait: number }>()
      const frozen = await freeze(command, { successor: true, keepKeys: keepKeys ?? false })
      const old = Number(frozen.log.slice(frozen.log.lastIndexOf('/') + 1))
      const status = await waitForEpoch(command, old + 1, wait * 1_000)
      print(
        shell.output(command),
        { ...view(frozen), epoch: status?.epoch ?? old, begun: status !== undefined },
        () =>
          [
            frozenText(shell, frozen),
            status
              ? say(
                  shell,
                  `epoch ${status.epoch} has begun; keep keys/${old} offline: what was signed with it stays valid, nothing new is`,
                  `纪元 ${status.epoch} 已开始；请离线保存 keys/${old}：其既有签名仍有效，不再用于新签名`,
                )
              : say(
                  shell,
                  'its successor has not begun yet: huxin node status says what it waits for; it goes on by itself, also after a restart',
                  '后续日志尚未开始：huxin node status 显示等待事项；将自动继续，重启后亦然',
                ),
          ].join('\n'),
      )
      if (!status) shell.exitCode = exitCodes.notNow
    })
}

function freeze(
  command: Command,
  options: { successor: boolean; keepKeys: boolean },
): Promise<FreezeLogResponse> {
  const { reason, document } = command.opts<{ reason: string; document: string }>()
  return withNode(command, ({ admin }) =>
    admin.freezeLog({ act: { reason, document }, ...options }, CALL),
  )
}

/** Undefined when the time is over. The node starts anew meanwhile and may not answer. */
async function waitForEpoch(
  command: Command,
  epoch: number,
  waitMs: number,
): Promise<GetStatusResponse | undefined> {
  const deadline = systemClock.monotonicMs() + waitMs
  const never = new AbortController().signal
  const release = holdProcess()
  try {
    while (systemClock.monotonicMs() < deadline) {
      const status = await statusOf(command)
      if (status && status.epoch >= epoch) return status
      await sleep(systemClock, POLL_MS, never)
    }
    return undefined
  } finally {
    release()
  }
}

async function statusOf(command: Command): Promise<GetStatusResponse | undefined> {
  try {
    return await withNode(command, ({ admin }) => admin.getStatus({}, { timeoutMs: 5_000 }))
  } catch (error) {
    if (!isHuxinError(error) || error.kind !== 'unavailable') throw error
    return undefined
  }
}

function view({ log, size, root, checkpoint }: FreezeLogResponse): {
  log: string
  size: bigint
  root: string
  checkpoint: string
} {
  return { log, size, root: hex(root), checkpoint: Buffer.from(checkpoint).toString() }
}

function frozenText(shell: Shell, { log, size, root }: FreezeLogResponse): string {
  return say(
    shell,
    `the log ${log} is frozen: ${size} entries, root ${hex(root)}`,
    `日志 ${log} 已冻结：${size} 条，根 ${hex(root)}`,
  )
}
