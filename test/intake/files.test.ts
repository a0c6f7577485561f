/**
 * Files as departments hand them over: what is certain is taken and said, what is not is named with row and column.
 * The inputs in `cases` were tried by newcomers; the others are made here.
 */
import t from 'tap'
import { join } from 'node:path'
import { uscc } from '../support/records.ts'
import { openCsv } from '../../src/intake/csv.ts'
import { openText } from '../../src/intake/encoding.ts'
import { openTable } from '../../src/intake/open.ts'
import { industryItem, readTable, refusal, Scratch } from './reading.ts'

// Other test files run beside this one, on a machine of two cores.
t.setTimeout(120_000)

const scratch = new Scratch()
const caseFile = (name: string): string => join(process.cwd(), 'test/intake/cases', name)

const HEAD =
  '记录编号,统一社会信用代码,主体名称,行业领域,评价等级,评价日期,有效期起,有效期止,评价单位代码'
const row = (i: number, separator = ',', name = `甲${i}有限公司`): string =>
  [
    `c-${i}`,
    uscc(i),
    name,
    '旅游',
    'B',
    '2026-06-30',
    '2026-07-01',
    '2027-06-30',
    '11330825TT00000903',
  ].join(separator)

t.test('separators are found by the header, and said', async (t) => {
  const tab = await readTable(caseFile('05-tab.csv'))
  t.same(
    [tab.encoding, tab.records.length, tab.records[3]!['主体名称'], tab.faults],
    ['gb18030', 4, '龙游测试504有限公司', []],
  )
  t.same(
    [tab.notices, tab.noticesZh],
    [['separator: cells are separated by tab'], ['单元格以制表符分隔']],
  )
  const semicolon = await readTable(caseFile('06-semicolon.csv'))
  t.same(
    [semicolon.encoding, semicolon.records.length, semicolon.records[0]!['统一社会信用代码']],
    ['utf-8', 4, '91330825MA00060117'],
  )
  for (const [separator, stated] of [
    ['，', ''],
    ['|', ''],
    [';', 'sep=;\r\n'],
    [',', '\ufeffsep=,\n'],
  ] as const) {
    const read = await readTable(
      scratch.save(`${stated}${HEAD.replaceAll(',', separator)}\n${row(1, separator)}\n`),
    )
    t.same(
      read.rows.map(({ line }) => line),
      [2],
      'a spreadsheet shows no row for the line that states the separator',
    )
    t.match(
      read.records,
      [{ 主体名称: '甲1有限公司', 评价单位代码: '11330825TT00000903' }],
      `${stated}${separator}`,
    )
  }
  const commas = await readTable(
    scratch.save(`${HEAD.replaceAll(',', '，')}\n${row(1, '，', '甲，乙公司')}\n`),
  )
  t.same(commas.faults, ['2 row_form'], 'a full-width comma in a name makes a cell too many')
})

t.test(
  'every encoding of departments is read, and what is mixed or uncertain is refused',
  async (t) => {
    for (const [file, encoding] of [
      ['26-utf16le.txt', 'utf-16le'],
      ['26c-utf16-nobom.csv', 'utf-16le'],
    ] as const) {
      const read = await readTable(caseFile(file))
      t.same([read.encoding, read.records.length, read.faults], [encoding, 4, []], file)
      t.match(read.records[0]!['主体名称'], /^龙游测试\d+有限公司$/)
    }
    const plain = `${HEAD}\r\n${row(1, ',', '一二\u{20087}公司')}\r\n`
    const le = Buffer.from(plain, 'utf16le')
    for (const [bytes, encoding] of [
      [Buffer.from(le).swap16(), 'utf-16be'],
      [Buffer.concat([Buffer.of(0xfe, 0xff), Buffer.from(le).swap16()]), 'utf-16be'],
      [le, 'utf-16le'],
    ] as const) {
      const read = await readTable(scratch.save(bytes))
      t.same([read.encoding, read.records[0]!['主体名称']], [encoding, '一二\u{20087}公司'])
    }
    t.same(await refusal(caseFile('28-mixed-enc.csv')), {
      en: '28-mixed-enc.csv: row 4 is UTF-8, what stands before it is GB18030: two files were put together. Save each as "CSV UTF-8", and import them one after the other',
      zh: '28-mixed-enc.csv：第 4 行是 UTF-8 编码，之前的内容是 GB18030：应是两个文件拼在了一起。请分别另存为“CSV UTF-8”，逐个导入',
    })
    // 李 in GB18030.
    const joined = Buffer.concat([
      Buffer.from(`${HEAD}\n${row(1)}\n"c-2`),
      Buffer.from('\n",x,'),
      Buffer.of(0xc0, 0xee),
      Buffer.from('\n'),
    ])
    t.match(
      await refusal(scratch.save(joined)),
      { en: /row 3 is GB18030, what stands before it is UTF-8/ },
      'the row that a spreadsheet shows, also after a line break in a cell',
    )
    const surrogate = Buffer.from(`${HEAD}\n${row(1)}\n${row(2, ',', 'X')}\n`, 'utf16le')
    surrogate.writeUInt16LE(0xd800, surrogate.lastIndexOf(Buffer.from('X', 'utf16le')))
    t.match(
      await refusal(scratch.save(surrogate)),
      { en: /row 3 has bytes that are not utf-16le/ },
      'half of a surrogate pair',
    )
    t.match(await refusal(scratch.save(Buffer.alloc(1_000))), {
      en: /zero bytes throughout/,
      zh: /零字节/,
    })
    t.match(await refusal(scratch.save(Buffer.from(`${HEAD}\n${row(1)}\n${'\0'.repeat(5_000)}`))), {
      en: /from row 3 on the file has zero bytes alone/,
      zh: /没有复制完/,
    })
  },
)

t.test('nothing of a file is handed on that is not of its encoding to its end', async (t) => {
  const late = Buffer.concat([
    Buffer.from(`${HEAD}\n${Array.from({ length: 5_000 }, (_, i) => row(i)).join('\n')}\n`),
    Buffer.of(0xff, 0x0a),
  ])
  t.match(await refusal(scratch.save(late)), { en: /row 5002 has bytes that are not utf-8/ })
  await t.rejects(
    openTable(scratch.save(late), { item: industryItem, encoding: 'auto', ignoreExtra: false }),
    { code: 'argument_invalid' },
    'at once, before any row',
  )
  await t.rejects(
    openTable(scratch.save(Buffer.concat([late.subarray(0, late.length - 2), Buffer.alloc(600)])), {
      item: industryItem,
      encoding: 'auto',
      ignoreExtra: false,
    }),
    { message: /from row 5002 on the file has zero bytes/ },
  )
  for (const [content, name] of [
    [`${HEAD}\n${row(1)}\0`, 'a.csv'],
    [`{"记录编号":"1"}\n\0\0`, 'a.ndjson'],
  ] as const)
    t.match(await refusal(scratch.save(content, name)), {
      en: /ends in zero bytes/,
      zh: /以零字节结尾/,
    })
  t.match(await refusal(scratch.save(`[{"记录编号":"1"}]`, 'a.json')), {
    en: /is a list in JSON/,
    zh: /JSON 数组/,
  })
})

t.test('English headers leave the encoding open until the first Chinese name', async (t) => {
  const head =
    'Record ID,Unified social credit code,Subject name,Industry,Grade,Evaluated on,Valid from,Valid to,Evaluator'
  const line = (i: number, name: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`c-${i},${uscc(i)},`),
      name,
      Buffer.from(',transport,B,2026-06-30,2026-07-01,2027-06-30,11330825TT00000903\r\n'),
    ])
  const ascii = Array.from({ length: 6_000 }, (_, i) => line(i, Buffer.from('Company')))
  const company = Buffer.from('c4bfc2bcb9abcbbe', 'hex')
  const late = await readTable(
    scratch.save(Buffer.concat([Buffer.from(`${head}\r\n`), ...ascii, line(6_000, company)])),
  )
  t.same(
    [late.encoding, late.rows.length, late.records[6_000]!['主体名称']],
    ['gb18030', 6_001, '目录公司'],
    'after 600 kB of ASCII',
  )
  // C4 BF C2 BC is 目录 in GB18030 and Ŀ¼ in UTF-8.
  const open = Buffer.concat([Buffer.from(`${head}\r\n`), line(1, company.subarray(0, 4))])
  t.match(await refusal(scratch.save(open)), {
    en: /two ways: Ŀ¼ in UTF-8 or 目录 in GB18030/,
    zh: /两种读法/,
  })
  t.equal(
    (await readTable(scratch.save(open), { encoding: 'gb18030' })).records[0]!['主体名称'],
    '目录',
  )
  // 臺北公司
  const big5 = Buffer.concat([
    Buffer.from(`${head}\r\n`),
    line(1, Buffer.from('bb4fa55fa4bda571', 'hex')),
  ])
  t.match(await refusal(scratch.save(big5)), {
    en: /is Big5 .*--encoding big5/,
    zh: /Big5（繁体）/,
  })
  t.equal(
    (await readTable(scratch.save(big5), { encoding: 'big5' })).records[0]!['主体名称'],
    '臺北公司',
  )
})

t.test('codes of GB18030 are ideographs where the standard has given them since', async (t) => {
  // FE51 is U+20087 since 2005, FE59 U+9FB4 since 2022, 82358F33 and 95329031 stand for themselves, A2E3 is the euro.
  const bytes = Buffer.concat([
    Buffer.from('甲', 'utf-8').length === 3 ? Buffer.of(0xbc, 0xd7) : Buffer.alloc(0),
    Buffer.from('fe51fe59fe6c95329031', 'hex'),
  ])
  const head = Buffer.from(
    'Record ID,Unified social credit code,Subject name,Industry,Grade,Evaluated on,Valid from,Valid to,Evaluator\n',
  )
  const file = scratch.save(
    Buffer.concat([
      head,
      Buffer.from(`c-1,${uscc(1)},`),
      bytes,
      Buffer.from(',x,B,2026-06-30,2026-07-01,2027-06-30,11330825TT00000903\n'),
    ]),
  )
  t.equal((await readTable(file)).records[0]!['主体名称'], '甲\u{20087}\u{9fb4}\u{215d7}\u{20087}')
})

t.test(
  'titles, two lines of header, sums and signatures are left out, and said with their rows',
  async (t) => {
    const title = await readTable(caseFile('07-title-row.csv'))
    t.same(
      [title.records.length, title.rows[0]!.line, title.noticesZh],
      [4, 3, ['略过表头以上 1 行']],
    )
    const merged = await readTable(caseFile('07c-merged-2line-header.csv'))
    t.match(merged.records[0], {
      统一社会信用代码: '91330825MA0007719Y',
      主体名称: '龙游合并1公司',
      行业领域: '运输',
      评价等级: 'A',
      有效期止: '2027-06-30',
      评价单位代码: '11330825TT00000903',
    })
    t.same(
      [merged.records.length, merged.rows[0]!.line, merged.notices],
      [3, 3, ['extra_columns: columns that the catalog item does not have are left out: A 序号']],
    )
    const total = await readTable(caseFile('08-total-row.csv'))
    t.same(
      [total.records.length, total.faults, total.noticesZh],
      [4, [], ['略过合计 1 行：第 6 行']],
    )
    const groups = HEAD.split(',')
      .map((name) => (name.startsWith('有效期') ? name.slice(3) : name))
      .join(',')
    const upper = HEAD.split(',')
      .map((name) => (name === '有效期起' ? '有效期' : ''))
      .join(',')
    t.match(
      (await readTable(scratch.save(`${upper}\n${groups}\n${row(1)}\n`))).records,
      [{ 有效期起: '2026-07-01', 有效期止: '2027-06-30' }],
      '起 and 止 under 有效期',
    )
    const pages = [
      '某县信用评价结果,,',
      HEAD,
      row(1),
      row(2),
      '小计,,2家',
      '某县信用评价结果,,',
      HEAD,
      '',
      row(3),
      ',,合 计,,3',
      '填表人：张三,,审核人：李四,,,制表日期：2026-07-01',
      '说明：,',
      '1.本表一式三份',
      '第 1 页 共 1 页',
    ].join('\n')
    const read = await readTable(scratch.save(pages))
    t.same(
      read.rows.map(({ line }) => line),
      [3, 4, 9],
    )
    t.same(read.notices, [
      'title_rows: 1 row(s) above the header are left out',
      'header_again: 2 row(s) that repeat the header or the title are left out: 6, 7',
      'total_rows: 2 row(s) of sums are left out: 5, 10',
      'footer_rows: 4 row(s) of signatures or notes are left out: 11, 12, 13, 14',
    ])
    t.notOk(read.notices.join().includes('张三'))
    const named = await readTable(
      scratch.save(
        `${HEAD}\n${row(1, ',', '合计')}\n${row(2, ',', '说明：某公司')}\n备注，见附件\n`,
      ),
    )
    t.same(
      [named.records.length, named.faults],
      [2, ['4 row_form']],
      'a row with a code is data, whatever it is called; one that is neither is named',
    )
    t.same((await readTable(caseFile('22b-header-only.csv'))).noticesZh, [
      '文件只有表头，没有数据行',
    ])
    t.match(await refusal(scratch.save(`${row(1)}\n${row(2)}\n`)), {
      en: /has no header: row 1 looks like data.*统一社会信用代码/,
      zh: /没有表头：第 1 行像是数据/,
    })
    t.match(await refusal(scratch.save(`${row(1)}\n${HEAD}\n${row(2)}\n`)), {
      en: /the header stands in row 2, and row 1 before it looks like data/,
    })
  },
)

t.test('columns are known by what departments call them, and no other', async (t) => {
  const alias = await readTable(caseFile('20c-alias-header.csv'))
  t.match(alias.records[0], {
    统一社会信用代码: '91330825MA0020016T',
    主体名称: '龙游测试2001有限公司',
    有效期止: '2027-06-30',
  })
  t.match(
    alias.noticesZh,
    [/^部分列按目录列名读取：“社会信用代码”按“统一社会信用代码”、“企业名称”按“主体名称”/],
    'what was assumed is said',
  )
  t.match(alias.notices, [
    /^alias_columns: columns .* are taken for its own: .*企业名称 as 主体名称 \(Subject name\)/,
  ])
  const decorated = HEAD.replace('统一社会信用代码', '"统一社会\n信用代码（必填）"')
    .replace('主体名称', '\u00a0主体 名称* ')
    .replace('评价等级', '※评价等级：')
    .replace('有效期起', '有效期（起）')
    .replace('有效期止', '【有效期至】')
    .replace('评价日期', '评价日期(YYYY-MM-DD)')
    .replace('行业领域', 'CF_行业领域')
    .replace('评价单位代码', '评价单位代码（18位）')
  t.equal(
    (await readTable(scratch.save(`\ufeff${decorated}\n${row(1)}\n`))).records[0]!['有效期止'],
    '2027-06-30',
  )
  const extra = await readTable(caseFile('19-extra-col.csv'))
  t.same([extra.records.length, extra.noticesZh], [4, ['略过目录项以外的列：A 序号、M 备注']])
  t.match(await refusal(caseFile('20-missing-col.csv')), {
    en: /no column 有效期止 \(Valid to\), which zj\/industry-evaluation@2026\.1 requires/,
    zh: /^文件缺少列：有效期止（zj\/industry-evaluation@2026\.1 必填）/,
  })
  t.match(
    await refusal(
      scratch.save(
        `${HEAD.replace('主体名称', '负责人').replace('有效期止', '备注')}\n${row(1)}\n`,
      ),
    ),
    { zh: /文件缺少列：主体名称、有效期止/ },
    'all missing columns at once',
  )
  t.match(await refusal(scratch.save(`${HEAD},检查次数合计\n${row(1)},1\n`)), {
    en: /column J \(检查次数合计\) may mean 检查次数 \(Inspected count\)/,
    zh: /J 列“检查次数合计”可能是“检查次数”/,
  })
  t.equal(
    (await readTable(scratch.save(`${HEAD},检查次数合计\n${row(1)},1\n`), { ignoreExtra: true }))
      .records.length,
    1,
  )
  t.match(await refusal(scratch.save(`${HEAD},主体名称\n${row(1)},x\n`)), {
    en: /columns C \(主体名称\) and J \(主体名称\) both mean 主体名称/,
    zh: /都表示“主体名称”：请只保留一列/,
  })
  const twice = await readTable(scratch.save(`企业名称,${HEAD}\nx,${row(1)}\n`))
  t.same(
    [twice.records[0]!['主体名称'], twice.noticesZh],
    ['甲1有限公司', ['略过目录项以外的列：A 企业名称']],
    "the item's own name stands before another",
  )
  const unnamed = await readTable(
    scratch.save(
      `${HEAD.replace('行业领域', ',行业领域,')}\n${row(1).replace('旅游', 'x,旅游,')}\n`,
    ),
  )
  t.same(
    [unnamed.records[0]!['行业领域'], unnamed.noticesZh],
    ['旅游', ['略过没有列名的列：D']],
    'a column without a name is said when it has something',
  )
  const own = await readTable(scratch.save(`${HEAD.replace('主体名称', '客户')}\n${row(1)}\n`), {
    names: { 客户: 'subject.name' },
  })
  t.equal(own.records[0]!['主体名称'], '甲1有限公司', 'names of one department')
})

t.test('a row that is not of the table is named with its row and column', async (t) => {
  const more = await readTable(caseFile('31-more-cells.csv'))
  t.same([more.records.length, more.faults], [2, ['3 row_form']])
  t.match(more.rows[1]!.fault, {
    reason: /12 cells, the header 11: column L is beyond it/,
    reasonZh: /该行有 12 个单元格，表头为 11 列：L 列超出表头/,
  })
  const lines = await readTable(caseFile('65-lineno.csv'))
  t.same(
    lines.rows.map(({ line }) => line),
    [2, 3, 4, 5, 6, 7],
    'rows as a spreadsheet counts them, whatever line breaks cells have',
  )
  const short = await readTable(
    scratch.save(
      `${HEAD},行业代码,检查次数\n\n${row(1)},A01,1\n${row(2)}\n${row(3).split(',').slice(0, 7).join(',')}\n${row(4)},A01,1\n`,
    ),
  )
  t.same(
    [short.records.length, short.faults],
    [3, ['5 row_form']],
    'optional cells at the end may be absent',
  )
  t.match(short.rows[2]!.fault!.reasonZh, /7 个单元格，表头为 11 列：缺少 H 至 K 列/)
  t.same(await refusal(caseFile('27-truncated.csv')), {
    en: '27-truncated.csv is cut off: its last line has 6 cells of 11 and no end. It was not copied or written whole; fetch it again, and import it then',
    zh: '27-truncated.csv 不完整：末行只有 6 个单元格（应为 11 个）且没有换行，文件没有写完或没有复制完。请重新取得该文件后再导入',
  })
  t.match(await refusal(scratch.save(`${HEAD}\n${row(1)}\n\n${row(2, ',', '"乙')}\n${row(3)}\n`)), {
    en: /in row 4, column C a quote is opened and never closed/,
    zh: /第 4 行 C 列的双引号没有闭合/,
  })
  const swallowed = await readTable(
    scratch.save(`${HEAD}\n${row(1, ',', '"甲')}\n${row(2)}\n${row(3, ',', '"')}\n${row(4)}\n`),
  )
  t.same(
    [swallowed.faults, swallowed.rows.map(({ line }) => line)],
    [
      ['2 quote_open', '2 quote_open', '2 quote_open'],
      [2, 2, 2, 3],
    ],
  )
  t.same(
    swallowed.rows.map(({ cells }) => [cells.length, cells[1]]),
    [1, 2, 3, 4].map((i) => [9, row(i).split(',')[1]]),
    'each stands apart, to be mended',
  )
  t.match(swallowed.rows[0]!.fault!.reasonZh, /C 列的双引号在 2 行之后才闭合/)
})

t.test('every end of line is one, also when they are mixed', async (t) => {
  for (const ends of [['\r'], ['\n'], ['\r\n'], ['\r\n', '\n'], ['\n', '\r\n', '\r']]) {
    const content = [HEAD, row(1), '', row(2), row(3)]
      .map((line, i) => `${line}${ends[i % ends.length]}`)
      .join('')
    const read = await readTable(scratch.save(content))
    t.same(
      [read.rows.map(({ line }) => line), read.records[2]!['评价单位代码']],
      [[2, 4, 5], '11330825TT00000903'],
      JSON.stringify(ends),
    )
  }
})

t.test('files of other kinds are named, with what to do', async (t) => {
  const cases: readonly (readonly [Uint8Array, RegExp, RegExp])[] = [
    [
      Buffer.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1),
      /old workbook .* save it as \.xlsx/,
      /旧版工作簿.*另存为 \.xlsx/,
    ],
    [Buffer.from('%PDF-1.7'), /is a PDF/, /PDF/],
    [Buffer.from('MIME-Version: 1.0\r\n'), /web archive/, /网页归档/],
    [Buffer.of(0x1f, 0x8b, 8), /is an archive/, /压缩包/],
    [Buffer.of(0xff, 0xfe, 0, 0, 0x41, 0, 0, 0), /UTF-32/, /UTF-32/],
    [Buffer.alloc(0), /is empty/, /空文件/],
    [Buffer.from('\n\r\n'), /is empty/, /空文件/],
    [
      Buffer.from('a,b\n1,2\n'),
      /no header is found in the first 2 rows; row 1 has a, b\. /,
      /前 2 行中找不到表头；第 1 行为：a、b。/,
    ],
  ]
  for (const [bytes, en, zh] of cases) t.match(await refusal(scratch.save(bytes)), { en, zh })
})

t.test('cells that are long or strange take no time', async (t) => {
  const began = process.cpuUsage()
  for (const part of ['*', '　', '\u200b', '.', '(', '"', '0', '合计', '填表人：', '\t']) {
    const long = part.repeat(150_000 / part.length)
    const read = await readTable(
      scratch.save(
        `${HEAD}\n${row(1)}\n${long}x,${long}x\n${row(3, ',', `"${long.replaceAll('"', '')}"`)}\n`,
      ),
    )
    t.same(read.records.length + read.faults.length >= 1, true)
  }
  const long = await readTable(scratch.save(`${HEAD}\n${row(1, ',', '甲'.repeat(40_000))}\n`))
  t.match(long.rows[0]!.fault, {
    code: 'cell_long',
    column: '主体名称',
    reasonZh: 'C 列有 40000 个字符，超过单元格上限 32767',
  })
  t.match(await refusal(scratch.save(`${'*'.repeat(900_000)}x,${'('.repeat(90_000)}\n`)), {
    zh: /找不到表头/,
  })
  const { user, system } = process.cpuUsage(began)
  t.ok(user + system < 15_000_000, `${Math.round((user + system) / 1_000)} ms of the processor`)
})

t.test('empty lines are left out and counted, and rows without a cell end somewhere', async (t) => {
  const { rows } = await readTable(
    scratch.save(`${HEAD}\n${row(1)}\n${'\n'.repeat(100_000)}${row(2)}\n`),
  )
  t.same(
    rows.map(({ line }) => line),
    [2, 100_003],
  )
  const read = async (count: number): Promise<number> => {
    const file = scratch.save(
      `${HEAD}\n${row(1)}\n${`${','.repeat(8)}\n`.repeat(count)}${row(2)}\n`,
    )
    const { rows: found } = openCsv(file, await openText(file, 'auto'), () => 0, {
      emptyRowsMax: 1_000,
    })
    let taken = 0
    while (!(await found.next()).done) taken++
    return taken
  }
  t.equal(await read(1_000), 3)
  await t.rejects(read(1_001), {
    code: 'argument_invalid',
    text: {
      en: /row 3 and 1000 more behind it have no cell: delete the empty rows/,
      zh: /第 3 行及其后 1000 行都是空行；请删除空行后再导入/,
    },
  })
})

t.test('lines of NDJSON may have other keys, and two that mean one column are named', async (t) => {
  const object = (i: number, more: object = {}): string =>
    JSON.stringify({
      ...Object.fromEntries(HEAD.split(',').map((name, at) => [name, row(i).split(',')[at]])),
      ...more,
    })
  const read = await readTable(
    scratch.save(
      [
        object(1),
        object(2, { 检查次数: 3, 经办人: 'x' }),
        '',
        '[]',
        object(3, { 企业名称: '乙' }),
        object(4, { 检查次数: {} }),
        object(5).replace('}', ',"检查次数":123456789012345678}'),
        object(6).replace('}', ',"检查次数":123456789012.123456}'),
        object(7).replace('}', ',"评价等级":"D"}'),
        object(8, { 主体名称: '甲":"乙\\' }).replace('}', ',"检查次数":0.000000000000000001}'),
        object(9).replace('}', ',"检查次数":1234567890123456}'),
      ].join('\n'),
      'a.ndjson',
    ),
  )
  t.match(read.records, [
    { 检查次数: '' },
    { 检查次数: '3' },
    { 主体名称: '甲":"乙\\', 检查次数: '1e-18' },
    { 检查次数: '1234567890123456' },
  ])
  t.same(read.faults, [
    '4 row_form',
    '5 row_form',
    '6 value_form',
    '7 number_rounded',
    '8 number_rounded',
    '9 row_form',
  ])
  t.same(
    read.rows.filter(({ cells }) => cells.includes('#VALUE!')).map(({ line }) => line),
    [5, 6, 7, 8],
    'what could not be read is refused again in a reject file',
  )
  t.same(read.noticesZh, [
    '部分列按目录列名读取：“企业名称”按“主体名称”',
    '略过目录项以外的键：经办人',
  ])
})
