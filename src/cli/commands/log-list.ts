/** `huxin log list`: what stands in the log, newest first, or from an index on. */
import type { Command } from 'commander'
import { civilDayMs, formatTime } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual } from '../../base/text.ts'
import { parseEntry } from '../../batch/entry.ts'
import { parseHeaderNote } from '../../batch/seal.ts'
import type { Connection } from '../connect.ts'
import { localTime, print, say, table } from '../output.ts'
import type { Shell } from '../shell.ts'
import {
  collectWords,
  sourceText,
  verdictOf,
  verdictText,
  word,
  wordLists,
  wordsIn,
} from '../words.ts'
import { atNode, CALL, civilDay, wholeNumber, withNode } from './shared.ts'

const LAST_MAX = 10_000
const DAY_MS = 86_400_000

interface Filters {
  readonly origin: string
  readonly kind?: string[]
  readonly verdict: string
  readonly item: string
  readonly provider: string
  readonly since?: string
  readonly until?: string
}

interface Asked extends Filters {
  readonly start?: number
  readonly limit?: number
  readonly last?: number
}

export interface ListedEntry {
  readonly index: bigint
  readonly entry: Uint8Array
}

export function listCommand(log: Command, shell: Shell): void {
  const filtered = (command: Command): Command =>
    command
      .option(
        '--origin <node>',
        say(shell, 'born at this node or below it', '仅该节点及其下级报送的批次'),
        '',
      )
      .option(
        '--kind <kind>',
        say(
          shell,
          `kind of batch; may be given again: ${[...wordLists.kind.keys()].join(', ')}`,
          `批次种类，可多次给出：${wordsIn(shell, wordLists.kind)}`,
        ),
        collectWords(wordLists.kind),
      )
      .option(
        '--verdict <verdict>',
        say(
          shell,
          'accepted, refused, or the code of a refusal',
          '结论：入账（accepted）、退回（refused），或退回代码',
        ),
        verdictOf,
        '',
      )
      .option(
        '--since <date>',
        say(shell, 'logged on this day or later', '起始日期'),
        civilDay(shell),
      )
      .option(
        '--until <date>',
        say(shell, 'logged on this day or before', '截止日期'),
        civilDay(shell),
      )
      .option(
        '--item <id>',
        say(shell, 'catalog item, with or without its edition', '目录项（可不带版本）'),
        '',
      )
      .option('--provider <uscc>', say(shell, 'provider', '数据提供单位'), '')
  shell
    .common(
      filtered(atNode(log.command('list'), shell)),
      'huxin log list --origin 330825 --verdict refused --last 20 --node nodes/330000',
    )
    .description(
      say(
        shell,
        'entries, newest first, with filters; with --start in order from there',
        '列出日志，最新在前，可筛选；给出 --start 则由该序号起按序列出',
      ),
    )
    .option(
      '--last <entries>',
      say(
        shell,
        `how many of the newest, 1 to ${LAST_MAX} (default: 20)`,
        `最新多少条，1 至 ${LAST_MAX}（默认 20）`,
      ),
      wholeNumber(shell, 1, LAST_MAX),
    )
    .option(
      '--start <index>',
      say(shell, 'first entry, from 0; then in order', '起始序号，从 0 开始，按序列出'),
      wholeNumber(shell),
    )
    .option(
      '--limit <entries>',
      say(
        shell,
        'how many at most, with --start (default: 20)',
        '最多条数，与 --start 同用（默认 20）',
      ),
      wholeNumber(shell, 1),
    )
    .action(async (_options, command: Command) => {
      const asked = command.opts<Asked>()
      const found = await withNode(command, (connection) =>
        asked.start === undefined
          ? newest(connection, asked, asked.last ?? asked.limit ?? 20)
          : inOrder(connection, asked),
      )
      const rows = found.map((listed) => rowOf(shell, listed))
      print(shell.output(command), rows, () =>
        rows.length === 0
          ? say(shell, 'no entry fits', '没有符合条件的日志')
          : table(
              [
                say(shell, 'index', '序号'),
                say(shell, 'time', '时间'),
                say(shell, 'batch', '批次'),
                say(shell, 'kind', '种类'),
                say(shell, 'origin', '报送节点'),
                say(shell, 'item', '目录项'),
                say(shell, 'provider', '数据提供单位'),
                say(shell, 'records', '记录'),
                say(shell, 'from', '来自'),
                say(shell, 'verdict', '结论'),
              ],
              rows.map((row) => [
                String(row.index),
                localTime(Date.parse(row.time)),
                row.batchId.slice(0, 12),
                word(shell, row.kind),
                row.origin,
                row.item,
                row.provider,
                String(row.records),
                row.by,
                verdictText(shell, row.verdict),
              ]),
            ),
      )
    })
}

/** The newest entries that fit. */
export async function newest(
  { log }: Connection,
  { origin, kind = [], verdict, item, provider, since, until }: Filters,
  last: number,
): Promise<ListedEntry[]> {
  const sought = {
    origin,
    kinds: kind,
    verdict,
    item,
    provider,
    sinceMs: since === undefined ? 0n : BigInt(civilDayMs(since)),
    untilMs: until === undefined ? 0n : BigInt(civilDayMs(until) + DAY_MS),
  }
  const found: ListedEntry[] = []
  for (let pageToken = ''; ;) {
    const { entries, nextPageToken } = await log.searchEntries(
      { ...sought, pageSize: Math.min(1_000, last - found.length), pageToken },
      CALL,
    )
    found.push(...entries)
    if (nextPageToken === '' || found.length >= last) return found
    pageToken = nextPageToken
  }
}

async function inOrder(
  { log }: Connection,
  { start = 0, limit = 20, last, ...filters }: Asked,
): Promise<ListedEntry[]> {
  if (
    last !== undefined ||
    Object.entries(filters).some(
      ([name, value]) => FILTERS.has(name) && value !== '' && value !== undefined,
    )
  ) {
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        '--start lists every entry in order: leave out --last and the filters',
        '--start 为按序列出全部日志：请去掉 --last 与筛选条件',
      ),
    )
  }
  const found: ListedEntry[] = []
  while (found.length < limit) {
    const { entries } = await log.listEntries(
      { start: BigInt(start + found.length), limit: limit - found.length },
      CALL,
    )
    if (entries.length === 0) break
    for (const entry of entries) found.push({ index: BigInt(start + found.length), entry })
  }
  return found
}

const FILTERS = new Set(['origin', 'kind', 'verdict', 'since', 'until', 'item', 'provider'])

function rowOf(shell: Shell, { index, entry: bytes }: ListedEntry) {
  const entry = parseEntry(bytes)
  const { header, idText } = parseHeaderNote(entry.header)
  return {
    index: Number(index),
    time: formatTime(entry.timeMs),
    batchId: idText,
    kind: header.kind,
    origin: header.origin,
    item: header.item ?? '-',
    provider: header.provider,
    records: header.records,
    from: entry.source.kind,
    by: sourceText(shell, entry.source),
    verdict: entry.verdict.accepted ? 'accepted' : entry.verdict.code,
  }
}
