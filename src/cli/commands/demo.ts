/** `huxin demo`. */
import type { Command } from 'commander'
import { type DemoOptions, runDemo } from '../demo/demo.ts'
import { say } from '../output.ts'
import type { Shell } from '../shell.ts'
import { wholeNumber } from './shared.ts'

/** One batch for each of three counties. */
const RECORDS_MIN = 3_000
const RECORDS_MAX = 1_000_000

export function demoCommand(program: Command, shell: Shell): void {
  shell
    .common(program.command('demo'), 'huxin demo --exit')
    .description(
      say(
        shell,
        'seven nodes on this machine exchange records in five scenes',
        '在本机启动七个节点，用五个场景演示',
      ),
    )
    .option('--exit', say(shell, 'end after the last scene', '演示结束后退出'))
    .option('--detail', say(shell, 'show checkpoints and cosigners', '显示签名点与见证'))
    .option('--keep <folder>', say(shell, "keep the nodes' folders there", '保留节点目录'))
    .option('--seed <text>', say(shell, 'seed of the synthetic data', '合成数据种子'), 'huxin')
    .option(
      '--records <count>',
      say(
        shell,
        `records that a county imports and the nation sends back, from ${RECORDS_MIN}`,
        `区县导入并由国家回流的记录数，不少于 ${RECORDS_MIN}`,
      ),
      wholeNumber(shell, RECORDS_MIN, RECORDS_MAX),
      20_000,
    )
    .action(async (_options, command: Command) => {
      shell.exitCode = await runDemo(command.opts<DemoOptions>(), shell.output(command))
    })
}
