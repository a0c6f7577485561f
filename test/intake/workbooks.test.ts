/** Workbooks: read as a spreadsheet program shows them, bounded whatever they hold, and written so that they can be filled in. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { strToU8, unzipSync, zipSync } from 'fflate'
import { dateOfSerial, formatOf, numberText } from '../../src/workbook/formats.ts'
import { SharedStrings } from '../../src/workbook/shared-strings.ts'
import { workbookBytes } from '../../src/workbook/writer.ts'
import { templateCsv, templateWorkbook } from '../../src/intake/template.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { uscc } from '../support/records.ts'
import { industryItem, readTable, refusal, Scratch } from './reading.ts'

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
  '行业代码',
  '检查次数',
]

/** Cells of a row as XML; a text stands inline. */
const cell = (value: string): string =>
  value.startsWith('<') ? value : `<c t="inlineStr"><is><t>${value}</t></is></c>`
const rowXml = (cells: readonly string[], attributes = ''): string =>
  `<row${attributes}>${cells.map(cell).join('')}</row>`
const good = (i: number, change: Readonly<Record<number, string>> = {}): string[] =>
  [
    `c-${i}`,
    uscc(i),
    `甲${i}有限公司`,
    '旅游',
    'B',
    '2026-06-30',
    '2026-07-01',
    '2027-06-30',
    '11330825TT00000903',
    'G5430',
    '2',
  ].map((value, at) => change[at] ?? value)

interface Parts {
  readonly sheets: readonly (readonly [name: string, rows: string, more?: string])[]
  readonly strings?: string
  readonly styles?: string
  readonly workbook?: string
  readonly states?: readonly string[]
  readonly extra?: Readonly<Record<string, string>>
}

function xlsx({
  sheets,
  strings,
  styles,
  workbook = '',
  states = [],
  extra = {},
}: Parts): Uint8Array {
  const type = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
  const names = sheets
    .map(
      ([name], i) =>
        `<sheet name="${name}" sheetId="${i + 1}" ${states[i] ? `state="${states[i]}"` : ''} r:id="r${i}"/>`,
    )
    .join('')
  const relations = [
    ...sheets.map(
      (_, i) => `<Relationship Id="r${i}" Type="${type}/worksheet" Target="worksheets/s${i}.xml"/>`,
    ),
    `<Relationship Id="x" Type="${type}/sharedStrings" Target="/xl/strings.xml"/>`,
    `<Relationship Id="y" Type="${type}/styles" Target="styles.xml"/>`,
  ]
  const parts: Record<string, string> = {
    '[Content_Types].xml': '<Types/>',
    '_rels/.rels': `<Relationships><Relationship Id="a" Type="${type}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `<workbook xmlns:r="x">${workbook}<sheets>${names}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${relations.join('')}</Relationships>`,
    ...Object.fromEntries(
      sheets.map(([, rows, more = ''], i) => [
        `xl/worksheets/s${i}.xml`,
        `<worksheet><sheetData>${rows}</sheetData>${more}</worksheet>`,
      ]),
    ),
    ...(strings === undefined ? {} : { 'xl/strings.xml': `<sst>${strings}</sst>` }),
    ...(styles === undefined ? {} : { 'xl/styles.xml': styles }),
    ...extra,
  }
  return zipSync(
    Object.fromEntries(Object.entries(parts).map(([name, xml]) => [name, strToU8(xml)])),
  )
}

/** The first sheet of a workbook. */
const templateSheet = (bytes: Uint8Array): Uint8Array =>
  unzipSync(bytes)['xl/worksheets/sheet1.xml']!

const styles = `<styleSheet><numFmts><numFmt numFmtId="200" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/><numFmt numFmtId="201" formatCode="000000"/><numFmt numFmtId="202" formatCode="&quot;第&quot;0&quot;号&quot;"/><numFmt numFmtId="203" formatCode="0!.0,&quot;万&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
  <cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="200"/><xf numFmtId="9"/><xf numFmtId="201"/><xf numFmtId="202"/><xf numFmtId="203"/><xf numFmtId="2"/></cellXfs></styleSheet>`

t.test('a workbook of a department is read', async (t) => {
  const read = await readTable(join(process.cwd(), 'test/intake/cases/21-file.xlsx'))
  t.same(
    [read.encoding, read.faults, read.rows.map(({ line }) => line)],
    ['xlsx', [], [2, 3, 4, 5]],
  )
  t.match(read.records[3], {
    记录编号: 'R002104',
    统一社会信用代码: '91330825MA0021043U',
    主体名称: '龙游测试2104有限公司',
  })
})

t.test(
  'numbers are what the spreadsheet shows, dates are days, and formulas have their stored value',
  async (t) => {
    const strings =
      '<si><t>甲_x000D_乙&amp;公司</t></si><si><r><t>分</t></r><r><t>两段</t></r><rPh sb="0" eb="1"><t>ふり</t></rPh></si>'
    const rows = [
      rowXml(HEAD, ' r="2"'),
      rowXml(
        good(1, {
          2: '<c t="s"><v>0</v></c>',
          5: '<c s="1"><v>46203</v></c>',
          6: '<c s="2"><v>46204.5</v></c>',
          10: '<c><v>1.0000000000000002</v></c>',
        }),
        ' r="4" hidden="1"',
      ),
      rowXml(
        good(2, {
          2: '<c t="s"><v>1</v></c>',
          1: '<c><v>9.1330825000000416E17</v></c>',
          9: '<c s="4"><v>5430</v></c>',
          10: '<c s="3"><v>0.95</v></c>',
        }),
      ),
      rowXml(
        good(3, {
          2: '<c t="str"><f>VLOOKUP(B5,x!A:B,2)</f><v>查得公司</v></c>',
          4: '<c t="b"><v>1</v></c>',
          10: '<c t="e"><v>#N/A</v></c>',
        }),
      ),
      rowXml(good(4, { 2: '<c><f>A1</f></c>' })),
      rowXml(good(5, { 0: '<c s="1"><v>46204</v></c>' })),
      rowXml(good(6, { 10: '<c><f>1+1</f><v></v></c>' })),
      rowXml(good(7, { 9: '<c t="str"><f>IF(A1="","",1)</f><v></v></c>' })),
      rowXml(good(8, { 0: '<c s="5"><v>5</v></c>', 10: '<c s="7"><v>2.004</v></c>' })),
      rowXml(good(9, { 10: '<c s="6"><v>20000</v></c>' })),
    ].join('')
    const {
      rows: read,
      records,
      faults,
      notices,
      noticesZh,
    } = await readTable(scratch.save(xlsx({ sheets: [['数据', rows]], strings, styles }), 'a.xlsx'))
    t.match(records[0], {
      主体名称: '甲\r乙&公司',
      评价日期: '2026-06-30',
      有效期起: '2026-07-01 12:00:00',
      检查次数: '1',
    })
    t.match(records[1], {
      主体名称: '分两段',
      统一社会信用代码: '9.13308250000004E+17',
      行业代码: '005430',
      检查次数: '95%',
    })
    t.match(records[2], { 主体名称: '查得公司', 评价等级: 'TRUE', 检查次数: '#N/A' })
    t.same(
      [faults, read.map(({ line }) => line)],
      [
        ['7 formula_empty', '8 cell_date', '9 formula_empty', '12 cell_format'],
        [4, 5, 6, 7, 8, 9, 10, 11, 12],
      ],
    )
    t.match(
      records[4],
      { 记录编号: '第5号', 检查次数: '2.004' },
      'words of the format are shown, and belong to the text',
    )
    t.match(read[8]!.fault, { column: '检查次数', reasonZh: /K 列的数字格式/ })
    t.same(
      [read[3]!.cells[2], read[4]!.cells[0], read[5]!.cells[10]],
      ['#VALUE!', '#VALUE!', '#VALUE!'],
      'what could not be read is refused again in a reject file',
    )
    t.match(read[3]!.fault, { reasonZh: /C 列的公式没有存下计算结果/ })
    t.match(read[4]!.fault, { column: '记录编号', reasonZh: /把 A 列的内容变成了日期/ })
    t.same(notices, [
      'formulas: 4 cell(s) are formulas: the values that were stored with them are taken',
      'hidden_rows: 1 row(s) are hidden or filtered out, and are taken like the others',
      'rounded_cells: 1 cell(s) have more decimals than they show: all of them are taken',
    ])
    t.match(noticesZh, [/4 个单元格是公式/, /1 行被隐藏或筛选掉/])
  },
)

t.test('cells at the end of a row that the file leaves out are empty', async (t) => {
  const bytes = xlsx({
    sheets: [['a', '']],
    extra: {
      'xl/worksheets/s0.xml': `<worksheet><cols><col min="2" max="3" hidden="1"/><col min="4" max="9"/></cols><sheetData>${rowXml(HEAD) + rowXml(good(1).slice(0, 6))}</sheetData></worksheet>`,
    },
  })
  const read = await readTable(scratch.save(bytes, 'a.xlsx'))
  t.same(read.noticesZh, ['B、C 列被隐藏，仍与其他列一并读取'])
  t.same(
    [read.faults, read.rows[0]!.cells.length, read.records[0]!['评价单位代码']],
    [[], 11, ''],
    'what is missing is said of the cell, not of the row',
  )
})

t.test('formats and serial numbers of both date systems', async (t) => {
  const formats: readonly (readonly [string, unknown])[] = [
    ['yyyy/m/d', 'date'],
    ['[$-804]yyyy"年"m"月"', 'date'],
    ['m/d', 'date'],
    ['d-mmm-yy', 'date'],
    ['h:mm', 'time'],
    ['[h]:mm:ss', 'time'],
    ['yyyy-mm-dd hh:mm', 'date'],
    ['General', 'general'],
    ['#,##0.00', { decimals: 2 }],
    ['0.00%', { decimals: 2, percent: true }],
    ['@', 'general'],
    ['0000', { digits: 4, decimals: 0 }],
    ['"day"0', { decimals: 0, words: ['day', ''] }],
    ['0.00E+00', 'general'],
    ['[Red]0.0', { decimals: 1 }],
    ['_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', { decimals: 2 }],
    ['# ?/?', 'general'],
    ['\\第\\ 0', { decimals: 0, words: ['第 ', ''] }],
  ]
  const shown: readonly (readonly [code: string, stored: string, text: string, more?: string])[] = [
    ['"第"0"号"', '5', '第5号'],
    ['"龙交信〔2026〕"0"号"', '12', '龙交信〔2026〕12号'],
    ['"R"000000', '2104', 'R002104'],
    ['General"次"', '3', '3次'],
    ['0.0"万元"', '3.25', '3.25万元', 'rounded'],
    ['0号', '7', '7号'],
    ['0"分";"负"0"分";"零";@', '95', '95分'],
    ['0"分";"负"0"分";"零";@', '0', '0', 'unlike'],
    ['0!.0,"万"', '12345', '12345万', 'unlike'],
    ['#,##0,', '5000', '5000', 'unlike'],
    ['000-000', '123456', '123456', 'unlike'],
    ['# ##0', '1234', '1234'],
    ['000\\-000', '123456', '123456', 'unlike'],
    ['[>=10000]0!.0,"万";0', '9', '9'],
    ['[>=10000]0!.0,"万";0', '20000', '20000万', 'unlike'],
    ['0.00', '95.333', '95.333', 'rounded'],
    ['0%', '0.9512', '95.12%', 'rounded'],
    ['0.0', '95', '95'],
  ]
  for (const [code, stored, text, more] of shown)
    t.same(
      numberText(stored, formatOf(code), false),
      { text, ...(more && { [more]: true }) },
      `${code} ${stored}`,
    )
  for (const [code, format] of formats) t.same(formatOf(code), format, code)
  t.same(
    [1, 59, 60, 61, 46203, 2_958_465, 0, 2_958_466].map((serial) => dateOfSerial(serial, false)),
    [
      '1900-01-01',
      '1900-02-28',
      undefined,
      '1900-03-01',
      '2026-06-30',
      '9999-12-31',
      undefined,
      undefined,
    ],
  )
  t.same(dateOfSerial(44741, true), '2026-06-30')
  t.same(
    ['0.30000000000000004', '1E-7', '123456789012345', '12.50', '-3'].map(
      (stored) => numberText(stored, 'general', false).text,
    ),
    ['0.3', '0.0000001', '123456789012345', '12.5', '-3'],
  )
  t.same(numberText('0.07', { percent: true, decimals: 0 }, false).text, '7%')
  const since1904 = await readTable(
    scratch.save(
      xlsx({
        workbook: '<workbookPr date1904="1"/>',
        sheets: [['a', rowXml(HEAD) + rowXml(good(1, { 5: '<c s="1"><v>44741</v></c>' }))]],
        styles,
      }),
      'a.xlsx',
    ),
  )
  t.equal(since1904.records[0]!['评价日期'], '2026-06-30')
})

t.test(
  'the sheet whose header fits is taken, merged cells hold for their rows, and what is not certain is asked',
  async (t) => {
    const table =
      rowXml(['2026年二季度']) +
      rowXml(HEAD) +
      rowXml(good(1)) +
      rowXml(good(2, { 8: '' })) +
      rowXml(good(3, { 8: '' })) +
      rowXml(good(4))
    const merged = '<mergeCells><mergeCell ref="A1:K1"/><mergeCell ref="I3:I5"/></mergeCells>'
    const cover: readonly [string, string] = [
      '封面',
      rowXml(['关于报送信用评价结果的函', '龙游县']),
    ]
    const file = scratch.save(
      xlsx({
        sheets: [cover, ['结果', table, merged], ['旧数据', table]],
        states: ['', '', 'hidden'],
      }),
      'a.xlsx',
    )
    const read = await readTable(file)
    t.same(
      [read.records.length, read.records.map((record) => record['评价单位代码'])],
      [4, Array(4).fill('11330825TT00000903')],
    )
    t.same(read.noticesZh, [
      '读取工作表“结果”，未读取：封面、旧数据（隐藏）',
      '2 个单元格取自所属合并单元格的内容',
      '略过表头以上 1 行',
    ])
    t.equal((await readTable(file, { sheet: '旧数据' })).faults.length, 0)
    t.match(await refusal(file, { sheet: '新' }), {
      zh: /没有工作表“新”，现有：封面、结果、旧数据/,
    })
    t.match(
      await refusal(
        scratch.save(
          xlsx({
            sheets: [
              ['一', table],
              ['二', table],
            ],
          }),
          'a.xlsx',
        ),
      ),
      {
        en: /more than one sheet with such a table: 一, 二\. Say which with --sheet/,
        zh: /请用 --sheet 指明/,
      },
    )
    t.match(await refusal(scratch.save(xlsx({ sheets: [cover] }), 'a.xlsx')), { zh: /找不到表头/ })
  },
)

t.test(
  'what is no whole workbook is refused with what to do, and nothing in one is without bounds',
  async (t) => {
    const whole = xlsx({ sheets: [['a', rowXml(HEAD) + rowXml(good(1))]] })
    t.match(await refusal(scratch.save(whole.subarray(0, whole.length - 30), 'a.xlsx')), {
      en: /is damaged or was not copied whole/,
      zh: /已损坏或没有复制完/,
    })
    // The CRC-32 of the sheet in the directory.
    const at = Buffer.from(whole).lastIndexOf('xl/worksheets/s0.xml')
    const changed = Buffer.from(whole)
    changed.writeUInt32LE(changed.readUInt32LE(at - 30) ^ 1, at - 30)
    t.match(await refusal(scratch.save(changed, 'a.xlsx')), { en: /a checksum is wrong/ })
    const lying = Buffer.from(whole)
    lying.writeUInt32LE(10, at - 22)
    t.match(await refusal(scratch.save(lying, 'a.xlsx')), { en: /more bytes than it says/ })
    const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
      [
        'entities',
        xlsx({
          sheets: [['a', '']],
          extra: {
            'xl/worksheets/s0.xml':
              '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet><sheetData><row><c t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>',
          },
        }),
        /row 1 has &b;|row 1 has/,
      ],
      ['depth', xlsx({ sheets: [['a', '<a>'.repeat(5_000)]] }), /nested too deeply/],
      [
        'an attribute without end',
        xlsx({ sheets: [['a', `<row r="${'1'.repeat(9_000_000)}`]] }),
        /too long|row/,
      ],
      [
        'a text without end',
        xlsx({
          sheets: [
            ['a', `<row><c t="inlineStr"><is><t>${'a'.repeat(3_000_000)}</t></is></c></row>`],
          ],
        }),
        /row 1 is too long/,
      ],
      [
        'a shared text without end',
        xlsx({ sheets: [['a', '']], strings: `<si><t>${'a'.repeat(3_000_000)}</t></si>` }),
        /a text is too long/,
      ],
      [
        'rows out of order',
        xlsx({ sheets: [['a', rowXml(HEAD, ' r="5"') + rowXml(good(1), ' r="2"')]] }),
        /row 2 after row 5/,
      ],
      [
        'a text that is not there',
        xlsx({ sheets: [['a', rowXml(HEAD) + rowXml(good(1, { 2: '<c t="s"><v>7</v></c>' }))]] }),
        /names a text that is not there/,
      ],
      [
        'a cell nowhere',
        xlsx({ sheets: [['a', '<row><c r="AAAA1"><v>1</v></c></row>']] }),
        /cell AAAA1/,
      ],
      [
        'not closed',
        xlsx({
          sheets: [['a', '']],
          extra: { 'xl/worksheets/s0.xml': `<worksheet><sheetData>${rowXml(HEAD)}` },
        }),
        /is not closed/,
      ],
      ['.xlsb', xlsx({ sheets: [], extra: { 'xl/workbook.bin': '' } }), /binary workbook/],
      ['.ods', zipSync({ mimetype: strToU8('x'), 'content.xml': strToU8('x') }), /OpenDocument/],
      ['.docx', xlsx({ sheets: [], extra: { 'word/document.xml': '' } }), /text document/],
      ['.zip', zipSync({ 'a.csv': strToU8('x') }), /is an archive: unpack it/],
    ]
    for (const [name, bytes, en] of cases)
      t.match(await refusal(scratch.save(bytes, 'a.xlsx')), { en }, name)
    const wide = await readTable(
      scratch.save(
        xlsx({
          sheets: [
            [
              'a',
              rowXml(HEAD) + rowXml(good(1)).replace('</row>', '<c r="XFD2"><v>1</v></c></row>'),
            ],
          ],
        }),
        'a.xlsx',
      ),
    )
    t.same(wide.faults, ['2 row_form'])
  },
)

t.test('a template is filled in and read back, in both languages', async (t) => {
  const scales = starterScales.filter((scale) =>
    industryItem.scales.includes(`${scale.id}@${scale.version}`),
  )
  for (const language of ['zh', 'en'] as const) {
    const bytes = templateWorkbook({ item: industryItem, scales, language })
    t.same(
      templateWorkbook({ item: industryItem, scales, language }),
      bytes,
      'the same bytes each time',
    )
    const empty = await readTable(scratch.save(bytes, 'a.xlsx'))
    t.same(
      [empty.rows.length, empty.notices.at(-1)],
      [0, 'no_rows: the file has a header and no rows below it'],
    )
  }
  const sheet = Buffer.from(
    templateSheet(templateWorkbook({ item: industryItem, scales, language: 'zh' })),
  ).toString()
  t.match(sheet, /<t xml:space="preserve">统一社会信用代码\*<\/t>/, 'required columns have a star')
  t.match(
    sheet,
    /<col min="2" max="3"|<col min="3" max="3" width="24" style="1"/,
    'codes are typed as text',
  )
  t.match(
    sheet,
    /<dataValidation type="list" errorStyle="warning"[^>]* sqref="F2:F1048576"><formula1>lists!\$B\$1:\$B\$5<\/formula1>/,
    'grades are chosen from a list',
  )
  const csv = await readTable(
    scratch.save(
      `${templateCsv({ item: industryItem, scales, language: 'zh' })}c-1,企业,${uscc(1)},甲公司,旅游,A,95.5,2026-06-30,2026-07-01,2027-06-30,11330825TT00000903,G5430,2\r\n`,
    ),
  )
  t.match(csv.records, [{ 主体名称: '甲公司', 评价分数: '95.5', 检查次数: '2' }])
})

t.test('what is written is what is read, whatever stands in it', async (t) => {
  const names = [
    '=HYPERLINK("x")',
    '甲&<乙>"丙"',
    'a_x000D_b',
    'a\rb\tc',
    '\u{20087}公司',
    '+86',
    ' 首尾 ',
  ]
  const rows = [
    HEAD,
    ...names.map((name, i) => [...good(i).slice(0, 2), name, ...good(i).slice(3, 10), i]),
  ]
  const read = await readTable(
    scratch.save(
      workbookBytes([
        { name: 'a&b', columns: HEAD.map(() => ({ width: 10, format: 'text' })), rows },
      ]),
      'a.xlsx',
    ),
  )
  t.same(
    read.records.map((record) => record['主体名称']),
    names,
  )
  t.same(
    read.records.map((record) => record['检查次数']),
    names.map((_, i) => String(i)),
  )
})

t.test('memory does not grow with the rows of a sheet', async (t) => {
  const peaks: number[] = []
  for (const rows of [10_000, 40_000]) {
    const file = scratch.save(
      workbookBytes([
        {
          name: 'a',
          columns: [],
          rows: [HEAD, ...Array.from({ length: rows }, (_, i) => good(i))],
        },
      ]),
      'a.xlsx',
    )
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      fileURLToPath(new URL('../cli/read-file.js', import.meta.url)),
      file,
    ])
    const read = JSON.parse(stdout) as { peakBytes: number; rows: number }
    t.equal(read.rows, rows)
    peaks.push(read.peakBytes)
  }
  t.ok(
    peaks[1]! < peaks[0]! + 4_000_000,
    `${peaks.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(' for 10,000 rows, ')} for 40,000`,
  )
})

t.test('texts that rows share are packed, and come back as they were', async (t) => {
  const strings = new SharedStrings()
  const words = (i: number): string => `龙游${i}${'\u{20087}'.repeat(i % 7)}`
  for (let i = 0; i < 300_000; i++) strings.add(words(i))
  t.same(
    [0, 1, 4_096, 4_097, 299_999, 1].map((i) => strings.get(i)),
    [0, 1, 4_096, 4_097, 299_999, 1].map(words),
  )
  t.same(
    [-1, 300_000, 0.5, NaN].map((i) => strings.get(i)),
    [undefined, undefined, undefined, undefined],
  )
  t.throws(() => strings.add('a'.repeat(2_000_000)), /too long/)
  const small = new SharedStrings(2)
  for (let i = 0; i < 2; i++) small.add('a'.repeat(1 << 20))
  t.throws(() => small.add('a'), /too many texts/)
})
