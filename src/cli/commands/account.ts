/** `huxin reconcile`: the account of a period with every neighbour, in both directions; `huxin trace`: one batch up the tree. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { civilDate, civilDayMs, isCivilDate, systemClock } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, text } from '../../base/text.ts'
import {
  accountCsv,
  accountJson,
  type AccountView,
  accountWorkbook,
  formatAccount,
  gather,
  type Named,
} from '../account.ts'
import type { Connection } from '../connect.ts'
import { print, progress, say, table } from '../output.ts'
import { allPages } from '../pages.ts'
import { checkFree, type Shell, writeOutput } from '../shell.ts'
import { itemNames } from '../edition.ts'
import { plain } from '../plain.ts'
import { readWord, wordLists, wordsIn } from '../words.ts'
import { atNode, CALL, civilDay, withForce, withNode } from './shared.ts'

interface Asked {
  readonly month?: string
  readonly day?: string
  readonly from?: string
  readonly until?: string
  readonly by: string[]
  readonly with: string
  readonly item: string
  readonly provider: string
  readonly out?: string
  readonly force?: boolean
}

export function accountCommands(program: Command, shell: Shell): void {
  shell
    .common(
      withForce(atNode(program.command('reconcile'), shell), shell),
      'huxin reconcile --month 2026-11 --by node,item --out 对账.csv --node nodes/330000',
    )
    .description(
      say(
        shell,
        'the account of a period with parent and children: due, sent, accepted, refused, returned, in transit, late',
        '按期间与上级、下级对账：应送、已送、入账、退回、退回已达、在途、逾期',
      ),
    )
    .option(
      '--month <month>',
      say(shell, 'month YYYY-MM (default: this month)', '月份 YYYY-MM（默认本月）'),
      month(shell),
    )
    .option('--day <date>', say(shell, 'one day YYYY-MM-DD', '某日 YYYY-MM-DD'), civilDay(shell))
    .option(
      '--from <date>',
      say(shell, 'first day, with --until', '起始日期，与 --until 同用'),
      civilDay(shell),
    )
    .option(
      '--until <date>',
      say(shell, 'last day (default: today)', '截止日期（默认今天）'),
      civilDay(shell),
    )
    .option(
      '--by <keys>',
      say(
        shell,
        `how lines are divided: ${[...wordLists.accountKey.keys()].join(', ')}, comma-separated (default: node,item)`,
        `分列方式，逗号分隔（默认上下级与目录项）：${wordsIn(shell, wordLists.accountKey)}`,
      ),
      keys,
      ['node', 'item'],
    )
    .option('--with <node>', say(shell, 'one neighbour alone', '仅某一上级或下级'), '')
    .option(
      '--item <id>',
      say(shell, 'one catalog item alone, with or without its edition', '仅某目录项（可不带版本）'),
      '',
    )
    .option('--provider <uscc>', say(shell, 'one provider alone', '仅某数据提供单位'), '')
    .addOption(
      new Option(
        '--out <file>',
        say(shell, 'write it to this file, .csv or .xlsx', '写入文件（.csv 或 .xlsx）'),
      ),
    )
    .action(async (_options, command: Command) => {
      const asked = command.opts<Asked>()
      const { out } = asked
      if (out !== undefined && !/\.(?:csv|xlsx)$/i.test(out))
        throw new HuxinError(
          'argument_invalid',
          bilingual(
            `--out ${out}: give the file a name that ends with .csv or .xlsx`,
            `--out ${out}：文件名须以 .csv 或 .xlsx 结尾`,
          ),
        )
      if (out !== undefined) await checkFree(out, asked)
      const period = periodOf(asked)
      const { lines, names } = await withNode(command, (connection) =>
        readAccount(connection, shell, { command, asked, period }),
      )
      const view: AccountView = { period, lines, names, by: asked.by }
      if (out !== undefined)
        await writeOutput(
          out,
          /\.xlsx$/i.test(out) ? accountWorkbook(shell, view) : accountCsv(shell, view),
          asked,
        )
      print(
        shell.output(command),
        out === undefined ? accountJson(lines) : { file: out, lines: lines.length },
        () =>
          out === undefined
            ? formatAccount(shell, view)
            : say(shell, `${out}: ${lines.length} line(s)`, `${out}：${lines.length} 行`),
      )
    })
  traceCommand(program, shell)
}

async function readAccount(
  { admin, records }: Connection,
  shell: Shell,
  {
    command,
    asked,
    period,
  }: { command: Command; asked: Asked; period: { from: string; until: string } },
) {
  const output = shell.output(command)
  const bar = progress(output, say(output, 'entries', '日志'))
  const request = {
    sinceMs: BigInt(civilDayMs(period.from)),
    untilMs: BigInt(civilDayMs(period.until) + DAY_MS),
    by: asked.by,
    node: asked.with,
    item: asked.item,
    provider: asked.provider,
  }
  const lines = await gather(
    (pageToken) => admin.readAccount({ ...request, pageToken }, CALL),
    (done, of) => bar.show(done, of === 0 ? 1 : done / of),
  ).finally(() => bar.end())
  const names: Named = asked.by.includes('item')
    ? itemNames(
        shell,
        await allPages(
          (pageToken) => records.listCatalog({ pageToken }, CALL),
          (answer) => answer.entries,
        ),
      )
    : new Map()
  return { lines, names }
}

const DAY_MS = 86_400_000

/** First and last day. @throws HuxinError argument_invalid */
function periodOf({ month: asked, day, from, until }: Asked): { from: string; until: string } {
  if (
    [asked, day, from].filter((one) => one !== undefined).length > 1 ||
    (until !== undefined && from === undefined)
  ) {
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        'give one period: --month, or --day, or --from with --until',
        '请只给出一种期间：--month，或 --day，或 --from 与 --until',
      ),
    )
  }
  const today = civilDate(systemClock.nowMs())
  if (day !== undefined) return { from: day, until: day }
  if (from !== undefined) {
    if ((until ?? today) < from)
      throw new HuxinError(
        'argument_invalid',
        bilingual(
          `the period ${from} to ${until ?? today} ends before it begins`,
          `期间 ${from} 至 ${until ?? today} 的截止早于起始`,
        ),
      )
    return { from, until: until ?? today }
  }
  const wanted = asked ?? today.slice(0, 7)
  const [year = 0, number = 0] = wanted.split('-').map(Number)
  return {
    from: `${wanted}-01`,
    until: new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10),
  }
}

function month(shell: Shell): (value: string) => string {
  return (value) => {
    if (!isCivilDate(`${value}-01`))
      throw new InvalidArgumentError(say(shell, 'Give a month YYYY-MM.', '须为月份 YYYY-MM。'))
    return value
  }
}

function keys(typed: string): string[] {
  return typed
    .split(/[,，、]/)
    .filter((key) => key.trim() !== '')
    .map((key) => readWord(wordLists.accountKey, key))
}

function traceCommand(program: Command, shell: Shell): void {
  shell
    .common(
      atNode(program.command('trace <lane> <number>'), shell),
      'huxin trace "zj.example/330106 1 330782 normal" 2 --node nodes/330782',
    )
    .description(
      say(shell, 'who has a batch of a lane, asked up the tree', '逐级查询某序列号批次的下落'),
    )
    .action(async (lane: string, number: string, _options, command: Command) => {
      if (!/^[0-9]{1,18}$/.test(number))
        throw new HuxinError('argument_invalid', text`${JSON.stringify(number)} is no lane number`)
      const { traces } = await withNode(command, ({ admin }) =>
        admin.traceLane({ lane, number: BigInt(number) }, CALL),
      )
      print(shell.output(command), plain(traces), () =>
        table(
          [
            say(shell, 'node', '节点'),
            say(shell, 'has it', '持有'),
            say(shell, 'entry', '日志序号'),
            say(shell, 'next hops that signed for it', '已签收的下一站'),
          ],
          traces.map(({ node, held, index, receiptNotes }) => [
            node,
            held ? say(shell, 'yes', '是') : say(shell, 'no', '否'),
            held ? String(index) : '',
            receiptNotes
              .map((note) => /^from (.*)$/m.exec(Buffer.from(note).toString())?.[1] ?? '?')
              .join(', '),
          ]),
        ),
      )
    })
}
