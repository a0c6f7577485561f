/** What became of a file that was imported with a node's folder: of each import of it in few lines, refused batches first. */
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { fromHex } from '../base/bytes.ts'
import { fileDigest } from '../base/files.ts'
import { HuxinError } from '../base/errors.ts'
import { bilingual } from '../base/text.ts'
import type { ExplainBatchResponse } from '../gen/huxin/v1/admin_service_pb.ts'
import { CALL } from './commands/shared.ts'
import type { Connection } from './connect.ts'
import { outcomeOf } from './import/outcome.ts'
import { findRun, listRuns, type Run } from './import/runs.ts'
import { exitCodes, localTime, type Output, print, say } from './output.ts'
import type { Shell } from './shell.ts'
import { formatStory, storyJson, type Telling, tellingOf } from './why.ts'
import { listed, scopeText } from './words.ts'

/** Imports of one file that are told. */
const RUNS_TOLD = 3
/** Batches that are told whole; the others are counted. */
const REFUSED_TOLD = 5
const WAITING_TOLD = 2
/** Batches that are asked for side by side. */
const ASKED_AT_ONCE = 16

/** Imports that are meant, newest first. */
export interface AskedImports {
  /** As it was asked for. */
  readonly what: string
  readonly runs: readonly Run[]
  /** Imports of a file of that name with another content, where none has this one. */
  readonly others: readonly Run[]
}

/**
 * Imports of a file: by the hash of its content, whatever it was called; one that is no longer there by its name; a run by its id.
 * Undefined for what is neither.
 */
export async function importsOf(folder: string, what: string): Promise<AskedImports | undefined> {
  const run = /^\d{8}-\d{6}/.test(what) ? await findRun(folder, what) : undefined
  if (run) return { what, runs: [run], others: [] }
  const named = (one: Run): boolean =>
    one.file === resolve(what) ||
    basename(one.file) === what ||
    one.end?.rejectFile === resolve(what)
  const isFile = await stat(what).then(
    (found) => found.isFile(),
    () => false,
  )
  if (isFile) {
    const sha256 = await fileDigest(what)
    const runs = await listRuns(folder, RUNS_TOLD, (one) => one.sha256 === sha256)
    return { what, runs, others: runs.length > 0 ? [] : await listRuns(folder, RUNS_TOLD, named) }
  }
  const runs = await listRuns(folder, RUNS_TOLD, named)
  return runs.length > 0 ? { what, runs, others: [] } : undefined
}

/** @throws HuxinError not_found when no import is of this content */
export async function tellOfImports(
  connection: Connection,
  shell: Shell,
  { command, asked: { what, runs, others } }: { command: Command; asked: AskedImports },
): Promise<void> {
  if (runs.length === 0) throw notImported(what, others)
  const told: { run: Run; stories: ExplainBatchResponse[] }[] = []
  for (const run of runs) told.push({ run, stories: await storiesOf(connection, run) })
  const telling = await tellingOf(
    connection,
    told.flatMap(({ stories }) => stories.slice(0, 1)),
  )
  print(
    shell.output(command),
    told.map(({ run, stories }) => ({ ...run, batches: stories.map(storyJson) })),
    () => told.map((one) => formatImport(shell, one, telling)).join('\n\n'),
  )
  if (
    told.some(
      ({ run, stories }) =>
        run.end?.outcome !== 'done' ||
        (run.end.rejected ?? 0) > 0 ||
        stories.some(({ refusal }) => refusal),
    )
  )
    shell.exitCode = exitCodes.found
}

function notImported(what: string, others: readonly Run[]): HuxinError {
  const [newest] = others
  if (newest) {
    const when = localTime(newest.beganMs)
    return new HuxinError(
      'not_found',
      bilingual(
        `the content of ${what} was not imported with this node's folder; a file of this name with another content was, on ${when}: huxin why ${newest.id} tells of that one, huxin import brings this one in`,
        `${what} 的现有内容未在本节点目录导入过；同名而内容不同的文件于 ${when} 导入：用 huxin why ${newest.id} 查看该次导入，现有内容须用 huxin import 导入`,
      ),
    )
  }
  return new HuxinError(
    'not_found',
    bilingual(
      `the content of ${what} was never imported with this node's folder (huxin import list has all that was); at a node above ask by its origin: huxin why --from NODE --last`,
      `${what} 的内容从未在本节点目录导入（导入记录见 huxin import list）；在上级节点请按报送节点查询：huxin why --from 节点 --last`,
    ),
  )
}

async function storiesOf({ admin }: Connection, { batches }: Run): Promise<ExplainBatchResponse[]> {
  const stories: ExplainBatchResponse[] = []
  for (let from = 0; from < batches.length; from += ASKED_AT_ONCE) {
    stories.push(
      ...(await Promise.all(
        batches
          .slice(from, from + ASKED_AT_ONCE)
          .map(({ batchId }) => admin.explainBatch({ batchId: fromHex(batchId)! }, CALL)),
      )),
    )
  }
  return stories
}

type Reader = Pick<Output, 'language'>

function formatImport(
  reader: Reader,
  { run, stories }: { run: Run; stories: readonly ExplainBatchResponse[] },
  telling: Telling,
): string {
  const refused = stories.filter(({ refusal }) => refusal)
  const waiting = stories.filter(
    ({ refusal, nextHops }) => !refusal && nextHops.some(({ state }) => state !== 'accepted'),
  )
  const told = [...refused.slice(0, REFUSED_TOLD), ...waiting.slice(0, WAITING_TOLD)]
  return [
    ...beginning(reader, run),
    ...(stories.length === 0
      ? []
      : [
          say(
            reader,
            `batches: ${stories.length}; refused above: ${refused.length}; not everywhere yet: ${waiting.length}; signed for by all who are next: ${stories.length - refused.length - waiting.length}`,
            `批次共 ${stories.length} 批：被上级退回 ${refused.length} 批，尚未全部送达 ${waiting.length} 批，下一站均已签收 ${stories.length - refused.length - waiting.length} 批`,
          ),
        ]),
    ...signedLines(reader, stories),
    ...told.flatMap((story) => ['', formatStory(reader, story, telling)]),
    ...(told.length < refused.length + waiting.length
      ? [
          '',
          say(
            reader,
            `and ${refused.length + waiting.length - told.length} more: --json has all`,
            `另有 ${refused.length + waiting.length - told.length} 批：--json 列出全部`,
          ),
        ]
      : []),
  ].join('\n')
}

/** What the import itself said: what did not get as far as a batch is not refused above. */
function beginning(reader: Reader, run: Run): string[] {
  const { end, batches } = run
  const lines = [
    say(
      reader,
      `import ${run.id} of ${run.file} on ${localTime(run.beganMs)} by ${run.by}: ${run.rows} rows`,
      `${run.by} 于 ${localTime(run.beganMs)} 导入 ${run.file}（编号 ${run.id}）：共 ${run.rows} 行`,
    ),
    say(
      reader,
      `item ${run.item}, targets ${run.targets.join(' ')}`,
      `目录项 ${run.item}，送达范围：${listed(
        reader,
        run.targets.map((target) => scopeText(reader, target)),
      )}`,
    ),
    say(reader, `outcome: ${outcomeOf(reader, run)}`, `结果：${outcomeOf(reader, run)}`),
  ]
  if (!end) {
    lines.push(
      say(
        reader,
        'what to do: it was ended before its time, or still runs; import the same file again, what is in stays as it is',
        '处理办法：导入中途结束或仍在进行；重新导入同一文件即可，已入账的不受影响',
      ),
    )
  } else if (end.outcome !== 'done') {
    lines.push(
      say(reader, `reason: ${end.message ?? ''}`, `原因：${end.messageZh ?? ''}`),
      say(
        reader,
        'what to do: when that is mended, import the same file again; what is in stays as it is',
        '处理办法：排除上述原因后重新导入同一文件，已入账的不受影响',
      ),
    )
  }
  if ((end?.rejected ?? 0) > 0) {
    lines.push(
      end?.rejectFile === undefined
        ? say(
            reader,
            `what to do: import the file again, it says of the ${end?.rejected} rows what is wrong with them`,
            `处理办法：${end?.rejected} 行未能入账，重新导入该文件可看到原因`,
          )
        : say(
            reader,
            `what to do: ${end.rejected} rows stand with their reasons in ${end.rejectFile}; mend them there and import that file`,
            `处理办法：${end.rejected} 行及原因在 ${end.rejectFile} 中，改好后直接导入该文件`,
          ),
    )
  }
  if (batches.length === 0 && end?.outcome === 'done')
    lines.push(
      say(
        reader,
        'nothing was sent: every good row was in already, as it is',
        '本次没有发送批次：合格各行此前均已入账且内容相同',
      ),
    )
  return lines
}

/** Who above accepted how many. */
function signedLines(reader: Reader, stories: readonly ExplainBatchResponse[]): string[] {
  const counts = new Map<string, number>()
  for (const { above } of stories)
    for (const { node, verdict } of above)
      if (verdict === 'accepted') counts.set(node, (counts.get(node) ?? 0) + 1)
  return [...counts].map(([node, count]) =>
    say(
      reader,
      `${node} accepted ${count} of ${stories.length}`,
      `${node} 已入账 ${count}／${stories.length} 批`,
    ),
  )
}
