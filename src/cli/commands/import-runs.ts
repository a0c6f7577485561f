/** `huxin import list` and `huxin import show`: what was imported with this node's folder, and what the nodes above signed for. */
import { basename } from 'node:path'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { Connection } from '../connect.ts'
import { outcomeOf } from '../import/outcome.ts'
import { findRun, listRuns, type Run } from '../import/runs.ts'
import { localTime, type Output, print, say, table } from '../output.ts'
import { loadConfig } from '../../node/config.ts'
import type { Shell } from '../shell.ts'
import { listed, scopeText } from '../words.ts'
import { atNode, CALL, wholeNumber, withNode } from './shared.ts'

/** Batches that are asked for side by side. */
const ASKED_AT_ONCE = 16
/** Batches that are listed for people. */
const BATCHES_SHOWN = 20

/** What became of the batches of a run. */
interface Signed {
  /** Node above → how many it signed for. */
  readonly byNode: ReadonlyMap<string, number>
  /** How many a node above refused. */
  readonly refused: number
}

export function importRunCommands(command: Command, shell: Shell): void {
  shell
    .common(atNode(command.command('list'), shell), 'huxin import list --node nodes/330825')
    .description(
      say(shell, "imports of this node's folder, newest first", '列出本节点的导入记录，最近的在前'),
    )
    .option('--limit <runs>', say(shell, 'how many', '条数'), wholeNumber(shell, 1), 20)
    .action(async (_options, self: Command) => {
      const { node, limit } = self.opts<{ node: string; limit: number }>()
      const output = shell.output(self)
      await loadConfig(node)
      const runs = await listRuns(node, limit)
      print(
        output,
        runs.map(({ batches, ...run }) => ({ ...run, batches: batches.length })),
        () =>
          runs.length === 0
            ? say(output, 'nothing was imported with this folder', '本节点目录下没有导入记录')
            : formatRuns(output, runs),
      )
    })
  shell
    .common(
      atNode(command.command('show <run>'), shell),
      'huxin import show 20261130-213045 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'one import: its batches, and who signed for them',
        '查看一次导入：批次与各级回执',
      ),
    )
    .action(async (id: string, _options, self: Command) => {
      const { node } = self.opts<{ node: string }>()
      const output = shell.output(self)
      const run = await findRun(node, id)
      if (!run)
        throw new HuxinError(
          'not_found',
          text`no one import is called ${id}: see huxin import list`,
        )
      const signed = await withNode(self, (connection) => signedFor(connection, run))
      print(
        output,
        { ...run, signedBy: Object.fromEntries(signed.byNode), refused: signed.refused },
        () => formatRun(output, run, signed),
      )
    })
}

/** Which of the nodes above signed for the batches of a run. */
async function signedFor({ records }: Connection, { batches }: Run): Promise<Signed> {
  const byNode = new Map<string, number>()
  let refused = 0
  for (let from = 0; from < batches.length; from += ASKED_AT_ONCE) {
    const answers = await Promise.all(
      batches
        .slice(from, from + ASKED_AT_ONCE)
        .map(({ batchId }) => records.getBatch({ batchId: Buffer.from(batchId, 'hex') }, CALL)),
    )
    for (const { receipts, refusal } of answers) {
      if (refusal) refused++
      for (const { node } of receipts) byNode.set(node, (byNode.get(node) ?? 0) + 1)
    }
  }
  return { byNode, refused }
}

function formatRuns(output: Output, runs: readonly Run[]): string {
  return table(
    [
      say(output, 'import', '编号'),
      say(output, 'began', '时间'),
      say(output, 'file', '文件'),
      say(output, 'by', '经办人'),
      say(output, 'item', '目录项'),
      say(output, 'outcome', '结果'),
      say(output, 'batches', '批次'),
    ],
    runs.map((run) => [
      run.id,
      localTime(run.beganMs),
      basename(run.file),
      run.by,
      run.item,
      outcomeOf(output, run),
      String(run.batches.length),
    ]),
  )
}

function formatRun(output: Output, run: Run, { byNode, refused }: Signed): string {
  const { batches, end } = run
  const count = batches.length
  const lines: [string, string][] = [
    [say(output, 'import', '编号'), run.id],
    [say(output, 'began', '时间'), localTime(run.beganMs)],
    [
      say(output, 'file', '文件'),
      `${run.file} (${run.bytes.toLocaleString('en-US')} ${say(output, 'bytes', '字节')})`,
    ],
    ['SHA-256', run.sha256],
    [say(output, 'by', '经办人'), run.by],
    [say(output, 'item', '目录项'), run.item],
    [say(output, 'provider', '数据提供单位'), run.provider],
    [
      say(output, 'targets', '送达范围'),
      listed(
        output,
        run.targets.map((target) => scopeText(output, target)),
      ),
    ],
    [say(output, 'rows', '行数'), String(run.rows)],
    [say(output, 'outcome', '结果'), outcomeOf(output, run)],
    ...(end && end.outcome !== 'done'
      ? [
          [say(output, 'reason', '原因'), say(output, end.message ?? '', end.messageZh ?? '')] as [
            string,
            string,
          ],
        ]
      : []),
    ...(end?.rejectFile
      ? [[say(output, 'rejected rows', '退回行文件'), end.rejectFile] as [string, string]]
      : []),
    [say(output, 'batches', '批次'), String(count)],
  ]
  const receipts = [...byNode].map(([node, signed]) =>
    say(
      output,
      `${node} signed for ${signed} of ${count} batches`,
      `${node} 已签收 ${signed}／${count} 批`,
    ),
  )
  if (refused > 0)
    receipts.push(
      say(
        output,
        `${refused} batches were refused above: huxin why ${run.id} says by which rule`,
        `上级退回 ${refused} 批：原因与处理办法见 huxin why ${run.id}`,
      ),
    )
  if (count > 0 && byNode.size === 0 && refused === 0)
    receipts.push(say(output, 'no node above signed for any of them yet', '上级尚未签收任何批次'))
  const shown = batches
    .slice(0, BATCHES_SHOWN)
    .map(({ batchId, records }) =>
      say(output, `  ${batchId} (${records})`, `  ${batchId}（${records} 条）`),
    )
  const more =
    count > BATCHES_SHOWN
      ? [
          say(
            output,
            `  and ${count - BATCHES_SHOWN} more: --json lists all`,
            `  另有 ${count - BATCHES_SHOWN} 批：--json 列出全部`,
          ),
        ]
      : []
  return [
    table([say(output, 'property', '项'), say(output, 'value', '值')], lines),
    ...shown,
    ...more,
    ...receipts,
  ].join('\n')
}
