/** `huxin quarantine`: origins whose batches are not taken here, since they sent two with one number. */
import type { Command } from 'commander'
import { print, say, table } from '../output.ts'
import type { Shell } from '../shell.ts'
import { atNode, CALL, withAct, withNode } from './shared.ts'

export function quarantineCommands(program: Command, shell: Shell): void {
  const quarantine = program
    .command('quarantine')
    .description(say(shell, 'origins whose batches are not taken here', '本节点暂停接收的来源'))
  shell
    .common(atNode(quarantine.command('list'), shell), 'huxin quarantine list --node nodes/330000')
    .description(
      say(
        shell,
        'who is under quarantine here, and for which batch',
        '列出暂停接收的来源及所涉批次',
      ),
    )
    .action(async (_options, command: Command) => {
      const { quarantines } = await withNode(command, ({ admin }) =>
        admin.listQuarantines({}, CALL),
      )
      const rows = quarantines.map(({ origin, batchId }) => ({
        origin,
        batchId: Buffer.from(batchId).toString('hex'),
      }))
      print(shell.output(command), rows, () =>
        rows.length === 0
          ? say(shell, 'nobody is under quarantine here', '本节点没有暂停接收的来源')
          : table(
              [
                say(shell, 'origin', '来源'),
                say(shell, 'second batch with one number', '同号的第二个批次'),
              ],
              rows.map(({ origin, batchId }) => [origin, batchId]),
            ),
      )
    })
  shell
    .common(
      withAct(atNode(quarantine.command('lift <origin>'), shell), shell),
      'huxin quarantine lift 330825 --reason 已更换密钥 --document 浙信〔2026〕31号 --node nodes/330000',
    )
    .description(say(shell, 'take batches of an origin again', '恢复接收某来源的批次'))
    .action(async (origin: string, _options, command: Command) => {
      const { reason, document } = command.opts<{ reason: string; document: string }>()
      const { actBatchId } = await withNode(command, ({ admin }) =>
        admin.liftQuarantine({ origin, act: { reason, document } }, CALL),
      )
      const act = Buffer.from(actBatchId).toString('hex')
      print(shell.output(command), { origin, act }, () =>
        say(
          shell,
          `batches of ${origin} are taken again; logged as ${act}`,
          `已恢复接收 ${origin} 的批次，记入日志：${act}`,
        ),
      )
    })
}
