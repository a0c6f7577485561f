/** `huxin why`: what became of a file, a batch, the newest refused batch of a child, or a record. */
import type { Command } from 'commander'
import { fromHex, hex } from '../../base/bytes.ts'
import { formatTime } from '../../base/clock.ts'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { bilingual } from '../../base/text.ts'
import { parseEntry } from '../../batch/entry.ts'
import { parseHeaderNote } from '../../batch/seal.ts'
import type { ExplainBatchResponse } from '../../gen/huxin/v1/admin_service_pb.ts'
import type { Connection } from '../connect.ts'
import { exitCodes, localTime, print, say } from '../output.ts'
import { word } from '../words.ts'
import type { Shell } from '../shell.ts'
import { formatStory, storyJson, tellingOf } from '../why.ts'
import { importsOf, tellOfImports } from '../why-file.ts'
import { newest } from './log-list.ts'
import { atNode, CALL, recordIdOf, wholeNumber, withNode } from './shared.ts'

/** Versions of a record whose batches are told. */
const VERSIONS_TOLD = 3
const LAST_MAX = 20

interface Asked {
  readonly from?: string
  readonly last?: number | true
}

export function whyCommand(program: Command, shell: Shell): void {
  shell
    .common(
      atNode(program.command('why [what]'), shell),
      'huxin why 9f2c44d1a07b --node nodes/330000',
    )
    .description(
      say(
        shell,
        'what became of a file that was imported here, a batch (64 hexadecimal digits or the beginning, 8 or more) or a record, and why; with --from the newest refused of a node',
        '查明文件（在本节点目录导入过的）、批次（编号全部或前 8 位以上）或记录的下落与原因；用 --from 查某节点最近被退回的批次',
      ),
    )
    .option(
      '--from <node>',
      say(
        shell,
        'the newest refused batches of this node and those below it',
        '该节点及其下级最近被退回的批次',
      ),
    )
    .option(
      '--last [batches]',
      say(
        shell,
        `with --from: how many, 1 to ${LAST_MAX} (default: 1)`,
        `与 --from 同用：最近几批，1 至 ${LAST_MAX}（默认 1）`,
      ),
      wholeNumber(shell, 1, LAST_MAX),
    )
    .action(async (what: string | undefined, _options, command: Command) => {
      const { from, last } = command.opts<Asked>()
      if ((what === undefined) === (from === undefined)) {
        throw new HuxinError(
          'argument_invalid',
          bilingual(
            'give a file, a batch or a record, or --from with a node',
            '请给出文件、批次或记录编号，或用 --from 给出节点',
          ),
        )
      }
      await withNode(command, async (connection) => {
        const asked =
          what === undefined ? undefined : await importsOf(connection.config.folder, what)
        if (asked) return tellOfImports(connection, shell, { command, asked })
        const ids =
          what !== undefined
            ? await batchesOf(connection, what)
            : await refusedOf(connection, from!, typeof last === 'number' ? last : 1)
        if (ids.length === 0) return tellOfNode(connection, shell, { command, from: from! })
        const stories: ExplainBatchResponse[] = []
        for (const batchId of ids)
          stories.push(await connection.admin.explainBatch({ batchId }, CALL))
        const telling = await tellingOf(connection, stories)
        print(shell.output(command), stories.map(storyJson), () =>
          stories.map((story) => formatStory(shell, story, telling)).join('\n\n'),
        )
        if (stories.some(({ refusal }) => refusal)) shell.exitCode = exitCodes.found
      })
    })
}

async function refusedOf(
  connection: Connection,
  origin: string,
  last: number,
): Promise<Uint8Array[]> {
  const found = await newest(
    connection,
    { origin, verdict: 'refused', item: '', provider: '' },
    last,
  )
  return found.map(({ entry }) => batchIdOf(entry))
}

/** Batches by their number or its beginning, or by a record id. @throws HuxinError not_found */
async function batchesOf({ records }: Connection, what: string): Promise<Uint8Array[]> {
  const id = /^(?:[0-9a-f]{2}){4,32}$/i.test(what) ? fromHex(what.toLowerCase()) : undefined
  if (id) return [id]
  const { records: found } = await records
    .getRecords({ recordId: recordIdOf(what), pageSize: 100 }, CALL)
    .catch((error: unknown) => {
      if (isHuxinError(error, 'argument_invalid')) throw noSuch(what)
      throw error
    })
  const ids = [...new Set(found.map(({ batchId }) => hex(batchId)))].slice(0, VERSIONS_TOLD)
  if (ids.length === 0) throw noSuch(what)
  return ids.map((text) => fromHex(text)!)
}

function noSuch(what: string): HuxinError {
  const shown = JSON.stringify(what.slice(0, 80))
  return new HuxinError(
    'not_found',
    bilingual(
      `${shown} is no file that was imported with this node's folder, and no record that is here: a record of a refused batch does not get in; ask with huxin why --from NODE --last, or with the number of the batch`,
      `${shown} 既不是在本节点目录导入过的文件，此处也没有该记录：被退回批次中的记录不会入账；请用 huxin why --from 节点 --last，或给出批次编号`,
    ),
  )
}

/** Nothing of a node was refused here: then something else is in the way, or all is well. */
async function tellOfNode(
  connection: Connection,
  shell: Shell,
  { command, from }: { command: Command; from: string },
): Promise<void> {
  const [status, [latest]] = [
    await connection.admin.getStatus({}, CALL),
    await newest(connection, { origin: from, verdict: 'accepted', item: '', provider: '' }, 1),
  ]
  const child = status.children.find(({ node }) => node === from || node.endsWith(`/${from}`))
  const entry = latest && parseEntry(latest.entry)
  const quarantined = status.quarantined.some((node) => node === from || node.endsWith(`/${from}`))
  const alarms = status.standingAlarms.filter(
    ({ subject, message }) => subject.includes(from) || message.includes(from),
  )
  print(
    shell.output(command),
    {
      node: from,
      refused: 0,
      link: child?.state ?? null,
      quarantined,
      lastAccepted:
        entry && latest ? { index: latest.index, time: formatTime(entry.timeMs) } : null,
      alarms: alarms.map(({ code, message, messageZh }) => ({ code, message, messageZh })),
    },
    () =>
      [
        say(shell, `nothing of ${from} was refused here`, `本节点没有退回过 ${from} 的批次`),
        entry && latest
          ? say(
              shell,
              `the newest batch of it that was accepted: entry ${latest.index} of ${localTime(entry.timeMs)}`,
              `最近一次入账：日志第 ${latest.index} 条，${localTime(entry.timeMs)}`,
            )
          : say(shell, 'no batch of it ever came', '从未收到其批次'),
        ...(child ? [linkText(shell, child.state)] : []),
        ...(quarantined
          ? [
              say(
                shell,
                'its batches are not taken here since it sent two with one number: huxin quarantine list',
                '因同一序号出现两个批次，本节点已暂停接收其批次：见 huxin quarantine list',
              ),
            ]
          : []),
        ...alarms.map(({ message, messageZh, remedy, remedyZh }) =>
          say(shell, `${message}; what to do: ${remedy}`, `${messageZh}；处理办法：${remedyZh}`),
        ),
      ].join('\n'),
  )
}

function linkText(shell: Shell, state: string): string {
  switch (state) {
    case 'suspended':
      return say(
        shell,
        'it is suspended: nothing of it is taken until it is activated (huxin member activate)',
        '该节点已暂停：恢复（huxin member activate）之前不接收其批次',
      )
    case 'retired':
      return say(
        shell,
        'it is retired: nothing of it is taken any more',
        '该节点已注销：不再接收其批次',
      )
    case 'connected':
      return say(
        shell,
        'it is connected: what it has not sent yet waits there (huxin why at that node)',
        '链路正常：尚未送出的批次仍在该节点（请在该节点执行 huxin why）',
      )
    default:
      return say(
        shell,
        `its link is ${state}: what it has waits there until the link stands`,
        `链路${word(shell, state)}：其批次在该节点等待，链路恢复后自动送达`,
      )
  }
}

function batchIdOf(entry: Uint8Array): Uint8Array {
  return parseHeaderNote(parseEntry(entry).header).id
}
