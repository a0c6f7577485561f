/** Tables in HTML under the name of a workbook, and XML Spreadsheet 2003. */
import t from 'tap'
import { join } from 'node:path'
import { uscc } from '../support/records.ts'
import { readTable, refusal, Scratch } from './reading.ts'

// Other test files run beside this one, on a machine of two cores.
t.setTimeout(120_000)

const scratch = new Scratch()
const HEAD = [
  '记录编号',
  '统一社会信用代码',
  '主体名称',
  '行业领域',
  '评价等级',
  '评价日期',
  '有效期起',
  '有效期止',
  '评价单位代码',
]
const good = (i: number): string[] => [
  `c-${i}`,
  uscc(i),
  `甲${i}有限公司`,
  '旅游',
  'B',
  '2026-06-30',
  '2026-07-01',
  '2027-06-30',
  '11330825TT00000903',
]
const tr = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('\n')}</tr>`

t.test('a web page named as a workbook is read by the table whose header fits', async (t) => {
  const layout = `<html><head><meta charset="gb2312"><style>td { color: red }</style></head><body><table><tr><td>报送<td>系统<tr><td><table border=1>
    <tr><th>记录编号<th>统一社会<br>信用代码<th>主体名称<th>行业领域<th>评价等级<th>评价日期<th colspan=2>有效期起<th>评价单位代码</tr></table></td></tr></table>`
  const table = `<table>${tr(['龙游县汇总', '']).replace('<td>', '<td colspan="9">')}${tr(HEAD)}${tr(good(1)).replace('甲1有限公司', '\n  甲&amp;\n 乙<br>公司&nbsp;')}
    ${tr(good(2)).replace('<td>旅游</td>', '<td rowspan=2>旅游</td>')}${tr(good(3)).replace('<td>旅游</td>', '')}<tr></tr>${tr(['合计', '', '3家'])}</table><script>var a = "<td>x</td>"</script></body></html>`
  const read = await readTable(scratch.save(`${layout}${table}`, 'a.xls'))
  t.same(
    [
      read.records.map((record) => record['主体名称']),
      read.records.map((record) => record['行业领域']),
      read.faults,
    ],
    [['甲& 乙\n公司', '甲2有限公司', '甲3有限公司'], ['旅游', '旅游', '旅游'], []],
  )
  t.same(read.records[2]!['评价单位代码'], '11330825TT00000903')
  t.same(read.notices, [
    'markup: the file is a web page: its table is read',
    'title_rows: 1 row(s) above the header are left out',
    'total_rows: 1 row(s) of sums are left out: 7',
  ])
  t.match(await refusal(scratch.save(`<html>${table}${table}`, 'a.xls')), {
    en: /more than one table with such a header: the tables 1, 2/,
    zh: /有多个表格的表头相符/,
  })
  t.match(await refusal(join(process.cwd(), 'test/intake/cases/21d-html-table.xls')), {
    en: /no header is found in the first 1 rows; row 1 has 记录编号/,
    zh: /找不到表头；第 1 行为：记录编号/,
  })
  t.match(await refusal(scratch.save('<html><body>登录已超时</body></html>', 'a.xls')), {
    zh: /没有表格/,
  })
})

t.test('an XML spreadsheet is read with its types and gaps', async (t) => {
  const data = (type: string, value: string, more = ''): string =>
    `<Cell${more}><Data ss:Type="${type}">${value}</Data></Cell>`
  const row = (cells: readonly string[], more = ''): string =>
    `<Row${more}>${cells.map((cell) => (cell.startsWith('<') ? cell : data('String', cell))).join('')}</Row>`
  const book = (
    rows: string,
  ): string => `<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
    <Worksheet ss:Name="封面"><Table>${row(['函'])}</Table></Worksheet><Worksheet ss:Name="a"><Table>${rows}</Table></Worksheet></Workbook>`
  const dated = good(1).map((cell, at) =>
    at === 5 ? data('DateTime', '2026-06-30T00:00:00.000') : cell,
  )
  const gap = [
    ...good(2).slice(0, 3),
    data('String', '旅游', ' ss:Index="4"'),
    ...good(2).slice(4),
    data('Number', '3.0000000000000004', ' ss:Index="10"'),
  ]
  const read = await readTable(
    scratch.save(
      book(
        row([...HEAD, '检查次数']) +
          row(dated, ' ss:Index="4"') +
          row(gap) +
          row(
            good(3).map((cell, at) =>
              at === 0 ? data('DateTime', '2026-07-01T00:00:00.000') : cell,
            ),
          ),
      ),
      'a.xls',
    ),
  )
  t.same(
    read.rows.map(({ line }) => line),
    [4, 5, 6],
  )
  t.match(read.records, [{ 评价日期: '2026-06-30' }, { 行业领域: '旅游', 检查次数: '3' }])
  t.same(read.faults, ['6 cell_date'])
  t.match(await refusal(scratch.save('<?xml version="1.0"?><data><row/></data>', 'a.xml')), {
    en: /XML of another kind/,
  })
})

t.test('nothing in a page is without bounds', async (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['depth', `<table><tr><td>${'<b>'.repeat(5_000)}`, /nested too deeply/],
    ['a cell without end', `<table><tr><td>${'a'.repeat(3_000_000)}`, /a row is too long/],
    [
      'an attribute without end',
      `<table><tr><td class="${'a'.repeat(9_000_000)}`,
      /an element is too long/,
    ],
    ['columns', `<table><tr><td colspan=1000000>a</td></tr></table>`, /too many columns/],
    ['cells', `<table><tr>${'<td>a'.repeat(5_000)}`, /too many columns/],
  ]
  for (const [name, page, en] of cases)
    t.match(await refusal(scratch.save(`<html>${page}`, 'a.xls')), { en }, name)
})
