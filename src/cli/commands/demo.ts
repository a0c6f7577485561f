/** `huxin demo`. */
import type { Command } from 'commander'
import { runDemo } from '../demo/demo.ts'
import { say } from '../output.ts'
import type { Shell } from '../shell.ts'

export function demoCommand(program: Command, shell: Shell): void {
  shell.common(program.command('demo'), 'huxin demo --exit')
    .description(say(shell, 'seven nodes on this machine exchange records in five scenes', '在本机启动七个节点，用五个场景演示'))
    .option('--exit', say(shell, 'end after the last scene', '演示结束后退出'))
    .option('--detail', say(shell, 'show checkpoints and cosigners', '显示签名点与见证'))
    .option('--keep <folder>', say(shell, 'keep the nodes\' folders there', '保留节点目录'))
    .option('--seed <text>', say(shell, 'seed of the synthetic data', '合成数据种子'), 'huxin')
    .action(async (_options, command: Command) => {
      shell.exitCode = await runDemo(command.opts<{ exit?: boolean; detail?: boolean; keep?: string; seed: string }>(), shell.output(command))
    })
}
