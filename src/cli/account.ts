/** The account of a period as people read it: gathered from its pages, as a table, as CSV. */
import { HuxinError } from '../base/errors.ts'
import { bilingual } from '../base/text.ts'
import type { AccountLine as CountedLine, Counts } from '../account/account.ts'
import type {
  AccountCounts,
  AccountLine,
  ReadAccountResponse,
} from '../gen/huxin/v1/admin_service_pb.ts'
import { toTextCell } from '../intake/text-cell.ts'
import { type WrittenColumn, workbookBytes } from '../workbook/writer.ts'
import { type Output, say, table } from './output.ts'
import { word } from './words.ts'

type Speaker = Pick<Output, 'language'>

/** Catalog item with edition → its name. */
export type Named = ReadonlyMap<string, string>

type CountName = keyof Counts
const countNames: readonly CountName[] = [
  'due',
  'sent',
  'accepted',
  'refused',
  'returned',
  'inTransit',
  'late',
  'undelivered',
]

/** A line of the account as it comes from a node, which may know further ways. */
export type AccountRow = Omit<CountedLine, 'way'> & { readonly way: string }

export interface AccountView {
  readonly period: { readonly from: string; readonly until: string }
  readonly lines: readonly AccountRow[]
  readonly names: Named
  /** What the lines are divided by. */
  readonly by: readonly string[]
}

/** Lines that one account may have. */
const LINES_MAX = 200_000
const ways = ['own', 'from_child', 'to_parent', 'from_parent', 'to_child']

/** Asks for page after page and adds the lines of one key up. @throws HuxinError argument_invalid when there are too many */
export async function gather(
  ask: (pageToken: string) => Promise<ReadAccountResponse>,
  onPage: (done: number, of: number) => void,
): Promise<AccountRow[]> {
  const rows = new Map<string, AccountRow>()
  for (let pageToken = ''; ;) {
    const { lines, nextPageToken, entries, entriesDone } = await ask(pageToken)
    for (const line of lines) addTo(rows, line)
    if (rows.size > LINES_MAX) {
      throw new HuxinError(
        'argument_invalid',
        bilingual(
          `the account has more than ${LINES_MAX} lines: give a shorter period, or fewer keys with --by`,
          `对账超过 ${LINES_MAX} 行：请缩短期间，或减少 --by 的分列`,
        ),
      )
    }
    onPage(Number(entriesDone), Number(entries))
    if (nextPageToken === '') return [...rows.values()].sort(byPlace)
    pageToken = nextPageToken
  }
}

function addTo(
  rows: Map<string, AccountRow>,
  { way, node, origin, item, provider, period, batches, records }: AccountLine,
): void {
  const key = [way, node, origin, item, provider, period].join(' ')
  const before = rows.get(key)
  rows.set(key, {
    way,
    node,
    origin,
    item,
    provider,
    period,
    batches: sum(before?.batches, batches),
    records: sum(before?.records, records),
  })
}

function sum(
  before: Counts | undefined,
  counts: Pick<AccountCounts, CountName> | Counts | undefined,
): Counts {
  return Object.fromEntries(
    countNames.map((name) => [name, (before?.[name] ?? 0) + Number(counts?.[name] ?? 0)]),
  ) as unknown as Counts
}

function byPlace(a: AccountRow, b: AccountRow): number {
  const place = ({ way, period, node, origin, item, provider }: AccountRow): string =>
    [ways.indexOf(way), period, node, origin, item, provider].join(' ')
  return place(a) < place(b) ? -1 : 1
}

/** Lines as JSON gives them. */
export function accountJson(lines: readonly AccountRow[]): object[] {
  return lines.map(({ way, node, origin, item, provider, period, batches, records }) => ({
    way,
    node,
    origin,
    item,
    provider,
    period,
    ...batches,
    ...Object.fromEntries(countNames.map((name) => [`${name}Records`, records[name]])),
  }))
}

interface Column {
  readonly head: string
  cell(row: AccountRow): string
}

/** The columns that say which line it is; those that are not asked for are left out. */
function placeColumns(speaker: Speaker, { by, names }: AccountView): Column[] {
  const when = (asked: boolean, head: string, cell: Column['cell']): Column[] =>
    asked ? [{ head, cell }] : []
  return [
    { head: say(speaker, 'way', '方向'), cell: ({ way }) => word(speaker, way) },
    ...when(
      by.includes('day') || by.includes('month'),
      by.includes('day') ? say(speaker, 'day', '日期') : say(speaker, 'month', '月份'),
      ({ period }) => period,
    ),
    ...when(by.includes('node'), say(speaker, 'with', '对方节点'), ({ node }) => node || '-'),
    ...when(by.includes('origin'), say(speaker, 'origin', '报送节点'), ({ origin }) => origin),
    ...when(by.includes('item'), say(speaker, 'item', '目录项'), ({ item }) => word(speaker, item)),
    ...when(by.includes('item'), say(speaker, 'name', '名称'), ({ item }) => names.get(item) ?? ''),
    ...when(
      by.includes('provider'),
      say(speaker, 'provider', '数据提供单位'),
      ({ provider }) => provider,
    ),
  ]
}

const countHeads: Readonly<Record<CountName, readonly [string, string]>> = {
  due: ['due', '应送'],
  sent: ['sent', '已送'],
  accepted: ['accepted', '入账'],
  refused: ['refused', '退回'],
  returned: ['returned', '退回已达'],
  inTransit: ['in transit', '在途'],
  late: ['late', '逾期'],
  undelivered: ['undelivered', '无法送达'],
}

/** A table with the sum of each way where it has several lines; records, and batches in brackets. */
export function formatAccount(speaker: Speaker, view: AccountView): string {
  const {
    period: { from, until },
    lines,
  } = view
  const head = say(
    speaker,
    `${from} to ${until} (China time); records, and batches in brackets`,
    `${from} 至 ${until}（北京时间）；记录数，括号内为批次数`,
  )
  if (lines.length === 0) return `${head}\n${say(speaker, 'nothing was exchanged', '本期没有往来')}`
  const places = placeColumns(speaker, view)
  const shown = countNames.filter(
    (name) => name !== 'undelivered' || lines.some(({ batches }) => batches.undelivered > 0),
  )
  const cells = ({ batches, records }: Pick<AccountRow, 'batches' | 'records'>): string[] =>
    shown.map((name) => (batches[name] === 0 ? '0' : `${records[name]} (${batches[name]})`))
  const rows = ways.flatMap((way) => {
    const of = lines.filter((line) => line.way === way)
    const total =
      of.length < 2
        ? []
        : [
            [
              `${word(speaker, way)} ${say(speaker, 'total', '合计')}`,
              ...places.slice(1).map(() => ''),
              ...cells(totalOf(of)),
            ],
          ]
    return [
      ...of.map((line) => [...places.map((column) => column.cell(line)), ...cells(line)]),
      ...total,
    ]
  })
  return `${head}\n${table([...places.map(({ head: title }) => title), ...shown.map((name) => say(speaker, ...countHeads[name]))], rows)}`
}

function totalOf(lines: readonly AccountRow[]): Pick<AccountRow, 'batches' | 'records'> {
  return lines.reduce(
    (before, { batches, records }) => ({
      batches: sum(before.batches, batches),
      records: sum(before.records, records),
    }),
    { batches: sum(undefined, undefined), records: sum(undefined, undefined) },
  )
}

/** Head and cells of a sheet; numbers are numbers. */
export function accountSheet(speaker: Speaker, view: AccountView): (string | number)[][] {
  const places = placeColumns(speaker, view)
  const head = [
    ...places.map((column) => column.head),
    ...countNames.map((name) =>
      say(speaker, `${countHeads[name][0]}, records`, `${countHeads[name][1]}记录`),
    ),
    ...countNames.map((name) =>
      say(speaker, `${countHeads[name][0]}, batches`, `${countHeads[name][1]}批次`),
    ),
  ]
  return [
    head,
    ...view.lines.map((line) => [
      ...places.map((column) => column.cell(line)),
      ...countNames.map((name) => line.records[name]),
      ...countNames.map((name) => line.batches[name]),
    ]),
  ]
}

/** Lines that a workbook may have: it is made in memory. */
const WORKBOOK_LINES_MAX = 50_000

/** One sheet, in which no code becomes a number. @throws HuxinError argument_invalid */
export function accountWorkbook(speaker: Speaker, view: AccountView): Uint8Array {
  if (view.lines.length > WORKBOOK_LINES_MAX) {
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        `a workbook has at most ${WORKBOOK_LINES_MAX} lines, this account ${view.lines.length}: give a .csv, or fewer keys with --by`,
        `工作簿最多 ${WORKBOOK_LINES_MAX} 行，本次对账 ${view.lines.length} 行：请改用 .csv，或减少 --by 的分列`,
      ),
    )
  }
  const rows = accountSheet(speaker, view)
  const places = rows[0]!.length - 2 * countNames.length
  const columns = rows[0]!.map((_, i): WrittenColumn =>
    i < places ? { width: 24, format: 'text' } : { width: 12, format: 'general' },
  )
  return workbookBytes([{ name: `${view.period.from} ${view.period.until}`, columns, rows }])
}

/** UTF-8 with the mark by which spreadsheets know it, and their line ends. */
export function accountCsv(speaker: Speaker, view: AccountView): string {
  return `\ufeff${accountSheet(speaker, view)
    .map(
      (row) =>
        `${row.map((cell) => (typeof cell === 'number' ? String(cell) : csvCell(cell))).join(',')}\r\n`,
    )
    .join('')}`
}

/** Quoted where that is needed; never a formula. */
function csvCell(cell: string): string {
  const safe = toTextCell(cell)
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
