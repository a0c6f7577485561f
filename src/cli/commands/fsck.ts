/** `huxin fsck`: asks the node when it runs, and looks into its folder when it does not. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { checkFolder, repairFolder, withFolder } from '../../node/maintenance.ts'
import { print, say } from '../output.ts'
import type { Shell } from '../shell.ts'
import { atNode, withNode } from './shared.ts'

/** A province's log has tens of millions of records, of which some 25,000 are checked in a second. */
const CHECK_MS = 6 * 3_600_000

interface Said {
  readonly clean: boolean
  readonly findings: readonly string[]
  readonly findingsZh: readonly string[]
  readonly entries: string
  readonly records: string
  readonly erased: string
  readonly dropped: string
  readonly repaired: readonly string[]
}

export function fsckCommand(program: Command, shell: Shell): void {
  shell
    .common(atNode(program.command('fsck'), shell), 'huxin fsck --node nodes/330000')
    .description(
      say(
        shell,
        'check every row of every table against the signed log, of a node that runs or not',
        '对照签名日志校验全部存储内容（节点运行与否均可）',
      ),
    )
    .option(
      '--repair',
      say(
        shell,
        'put back damaged bodies that the parent has, when they match the log',
        '从上级取回损坏的批次体（与日志相符者方予写回）',
      ),
    )
    .option(
      '--from <folder>',
      say(
        shell,
        'with --repair: take them from the folder of a neighbour; neither node may run',
        '与 --repair 同用：取自相邻节点目录（两节点均须停止）',
      ),
    )
    .action(async (_options, command: Command) => {
      const {
        repair = false,
        from,
        node,
      } = command.opts<{ repair?: boolean; from?: string; node: string }>()
      if (from !== undefined && !repair)
        throw new HuxinError('argument_invalid', text`--from goes with --repair`)
      const report =
        repair && from !== undefined
          ? await repairedFrom(resolve(node), resolve(from))
          : await checked(command, { repair, folder: resolve(node) })
      print(shell.output(command), report, () =>
        [
          say(
            shell,
            `${report.entries} entries, ${report.records} records: ${report.erased} erased lawfully, ${report.dropped} dropped after transit`,
            `日志 ${report.entries} 条，记录 ${report.records} 条：依法删除 ${report.erased}，过境清除 ${report.dropped}`,
          ),
          ...(report.repaired.length > 0
            ? [
                say(
                  shell,
                  `put back: the bodies of entries ${report.repaired.join(', ')}`,
                  `已写回批次体，日志序号：${report.repaired.join('、')}`,
                ),
              ]
            : []),
          report.clean ? say(shell, 'clean', '校验通过') : findingLines(shell, report),
        ].join('\n'),
      )
      if (!report.clean) shell.exitCode = 1
    })
}

/**
 * Looks into the folder where nobody has it open, whatever node answers elsewhere: that may be the one that this folder is a copy
 * of. A node that runs is asked.
 */
async function checked(
  command: Command,
  { repair, folder }: { repair: boolean; folder: string },
): Promise<Said> {
  const { address } = command.opts<{ address?: string }>()
  if (address === undefined) {
    try {
      if (!repair) return said(await checkFolder(folder), [])
      await withFolder(folder, () => Promise.resolve())
      throw new HuxinError(
        'peer_unreachable',
        text`a node asks its parent while it runs: start it, or name the folder of a stopped neighbour with --from`,
      )
    } catch (error) {
      if (!isHuxinError(error, 'store_locked')) throw error
    }
  }
  const { clean, findings, findingsZh, entries, records, erased, dropped, repaired } =
    await withNode(command, ({ admin }) => admin.checkStore({ repair }, { timeoutMs: CHECK_MS }))
  return {
    clean,
    findings,
    findingsZh,
    entries: String(entries),
    records: String(records),
    erased: String(erased),
    dropped: String(dropped),
    repaired: repaired.map(String),
  }
}

/** A line for each; a node of before says them in English alone. */
function findingLines(shell: Shell, { findings, findingsZh }: Said): string {
  return say(
    shell,
    findings.join('\n'),
    findings.map((finding, i) => findingsZh[i] ?? finding).join('\n'),
  )
}

async function repairedFrom(folder: string, neighbour: string): Promise<Said> {
  const { repaired, report } = await repairFolder(folder, neighbour)
  return said(report, repaired)
}

function said(
  {
    findings,
    findingsZh,
    entries,
    records,
    erased,
    dropped,
  }: Awaited<ReturnType<typeof checkFolder>>,
  repaired: readonly bigint[],
): Said {
  return {
    clean: findings.length === 0,
    findings,
    findingsZh,
    entries: String(entries),
    records: String(records),
    erased: String(erased),
    dropped: String(dropped),
    repaired: repaired.map(String),
  }
}
