/**
 * `huxin import` with the files that departments really produce. Most tests import into a publisher that
 * keeps what it is given, by the rules of RecordService; the last ones into a running node.
 */
import t from 'tap'
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { create, fromBinary } from '@bufbuild/protobuf'
import { parse } from 'csv-parse/sync'
import { loadProfile } from '../../src/cli/import/profiles.ts'
import { systemClock } from '../../src/base/clock.ts'
import { HuxinError } from '../../src/base/errors.ts'
import { systemRandom } from '../../src/base/random.ts'
import { parseBody, recordAt } from '../../src/batch/body.ts'
import { parseEntry } from '../../src/batch/entry.ts'
import { parseHeaderNote } from '../../src/batch/seal.ts'
import { formatSummary } from '../../src/cli/import/report.ts'
import { writtenRejects } from '../../src/cli/import/runs.ts'
import { rejectFileOf } from '../../src/intake/reject.ts'
import {
  type ImportOptions,
  type ImportSummary,
  type Publisher,
  runImport,
} from '../../src/cli/import/import.ts'
import { openTable } from '../../src/intake/open.ts'
import {
  type CatalogItem,
  CatalogItemSchema,
  CatalogRecordSchema,
} from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  type Record as CreditRecord,
  RecordSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { syntheticCitizenId } from '../../src/record/citizen-id.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { bodyKey, entryKey } from '../../src/store/keys.ts'
import { findings } from '../support/checks.ts'
import { runHere } from './program.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, uscc } from '../support/records.ts'

const PERSON_ITEM = 'test/person-evaluation@2026.1'
const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** The industry item for natural persons, with a column of type citizen_id. */
const personItem: CatalogItem = (() => {
  const industry = starterItems.find(({ id }) => id === 'zj/industry-evaluation')!
  return create(CatalogItemSchema, {
    ...industry,
    $typeName: undefined as never,
    id: 'test/person-evaluation',
    nameZh: '个人',
    nameEn: 'persons',
    subjectTypes: [SubjectType.NATURAL_PERSON],
    scales: ['zj/person-score@2018'],
    columns: industry.columns.map((column) => {
      if (column.field === 'subject.id')
        return { ...column, headerZh: '身份证号', headerEn: 'Citizen ID', type: 'citizen_id' }
      if (column.field === 'subject.type')
        return { ...column, defaultValue: 'NATURAL_PERSON', values: { 自然人: 'NATURAL_PERSON' } }
      if (column.field === 'evaluation_result.scale')
        return { ...column, defaultValue: 'zj/person-score@2018' }
      if (column.field === 'evaluation_result.grade') return { ...column, required: false }
      return column
    }),
  })
})()

/** Keeps records by their bytes, as a node does with skipExisting. */
class Shelf implements Publisher {
  readonly records: Buffer[] = []
  readonly calls: { requestId: string; records: number }[] = []
  readonly #known = new Set<string>()
  readonly #answers = new Map<string, number>()
  /** Called before a call is taken and after it is kept; may throw. */
  fault: (when: 'before' | 'after', call: number) => void = () => undefined

  async listCatalog() {
    const contents = [
      ...starterScales.map((value) => ({ case: 'scale' as const, value })),
      ...[...starterItems, personItem].map((value) => ({ case: 'item' as const, value })),
    ]
    return {
      nextPageToken: '',
      entries: contents.map((content) => ({
        id: `${content.value.id}@${content.case === 'item' ? content.value.edition : content.value.version}`,
        record: encodeCatalogRecord(create(CatalogRecordSchema, { content })),
      })),
    }
  }

  async publish({ records, requestId }: { records: Uint8Array[]; requestId: string }) {
    this.calls.push({ requestId, records: records.length })
    const call = this.calls.length
    this.fault('before', call)
    const before = this.#answers.get(requestId)
    if (before !== undefined)
      return { batchId: new Uint8Array(32).fill(1), published: before, existing: 0 }
    let published = 0
    for (const record of records) {
      const key = Buffer.from(record).toString('latin1')
      if (this.#known.has(key)) continue
      this.#known.add(key)
      this.records.push(Buffer.from(record))
      published++
    }
    if (published > 0) this.#answers.set(requestId, published)
    this.fault('after', call)
    return { batchId: new Uint8Array(32).fill(1), published, existing: records.length - published }
  }

  decoded(): CreditRecord[] {
    return this.records.map((record) => fromBinary(RecordSchema, record))
  }
}

// Another test file runs beside this one, on a machine of two cores.
t.setTimeout(150_000)

const folder = await mkdtemp(join(tmpdir(), 'huxin-import-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
let files = 0

async function save(content: string | Uint8Array, ending = 'csv'): Promise<string> {
  const file = join(folder, `${++files}.${ending}`)
  await writeFile(file, content)
  return file
}

async function importFile(
  file: string,
  shelf: Publisher,
  more: Partial<ImportOptions> = {},
): Promise<ImportSummary> {
  return runImport(shelf, {
    file,
    item: INDUSTRY_ITEM,
    provider: BODY,
    targets: ['330000'],
    batchClass: 'bulk',
    encoding: 'auto',
    rejectFile: `${file}.rejected.csv`,
    written: writtenRejects(folder),
    ignoreExtra: false,
    dryRun: false,
    settleMs: 0,
    onProgress: () => undefined,
    clock: systemClock,
    random: systemRandom,
    ...more,
  })
}

/** Imports a text and gives what was kept and what was said. */
async function imported(
  content: string | Uint8Array,
  more: Partial<ImportOptions> = {},
  ending = 'csv',
) {
  const file = await save(content, ending)
  const shelf = new Shelf()
  const summary = await importFile(file, shelf, more)
  return {
    file,
    shelf,
    summary,
    records: shelf.decoded(),
    rejected:
      summary.rejectFile === undefined
        ? []
        : rejectedRows(await readFile(summary.rejectFile, 'utf8')),
  }
}

const OWN = [
  '退回行号 (row)',
  '退回列 (columns)',
  '退回代码 (codes)',
  '退回原因',
  '退回原因 (reasons)',
]

/** Rows of a reject file without its head: row, columns, codes, Chinese reasons, English reasons, then the cells. */
function rejectedRows(text: string): string[][] {
  t.ok(text.startsWith('\ufeff'), 'a reject file begins with a byte order mark')
  const [head, ...rows] = parse(text, { bom: true, relax_column_count: true }) as string[][]
  const at = head!.length - OWN.length
  t.same(head!.slice(at), OWN, 'its own columns stand behind those of the original')
  return rows.map((row) => [
    ...row.slice(at, at + OWN.length),
    ...row.slice(0, at),
    ...row.slice(at + OWN.length),
  ])
}

const HEAD_ZH =
  '记录编号,统一社会信用代码,主体名称,行业领域,评价等级,评价日期,有效期起,有效期止,评价单位代码,行业代码,检查次数'
const HEAD_EN =
  'Record ID,Unified social credit code,Subject name,Industry,Grade,Evaluated on,Valid from,Valid to,Evaluator,Industry code,Inspected count'

function cells(i: number, change: Readonly<Record<number, string>> = {}): string[] {
  const row = [
    `e-${i}`,
    uscc(i),
    `浙江测试企业${i}有限公司`,
    'transport',
    'A',
    '2026-06-30',
    '2026-07-01',
    '2027-06-30',
    BODY,
    'G5430',
    '2',
  ]
  return row.map((cell, at) => change[at] ?? cell)
}

function csv(
  count: number,
  { head = HEAD_ZH, end = '\n', from = 0 }: { head?: string; end?: string; from?: number } = {},
): string {
  return [head, ...Array.from({ length: count }, (_, i) => cells(from + i).join(',')), ''].join(end)
}

function ndjson(count: number): string {
  const names = HEAD_ZH.split(',')
  return Array.from(
    { length: count },
    (_, i) =>
      `${JSON.stringify(Object.fromEntries(cells(i).map((cell, at) => [names[at]!, cell])))}\n`,
  ).join('')
}

/** GB18030, which the platform decodes but does not encode. */
const toGb18030 = (() => {
  const pairs = new Map<string, Buffer>()
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      if (trail === 0x7f) continue
      const bytes = Buffer.of(lead, trail)
      const text = new TextDecoder('gb18030').decode(bytes)
      if ([...text].length === 1 && text !== '\ufffd') pairs.set(text, bytes)
    }
  }
  return (text: string): Buffer =>
    Buffer.concat(
      [...text].map((char) => {
        const code = char.codePointAt(0)!
        if (code < 0x80) return Buffer.of(code)
        const pointer = code - 0x10000 + 189_000
        return code < 0x10000
          ? pairs.get(char)!
          : Buffer.of(
              0x81 + Math.floor(pointer / 12_600),
              0x30 + (Math.floor(pointer / 1_260) % 10),
              0x81 + (Math.floor(pointer / 10) % 126),
              0x30 + (pointer % 10),
            )
      }),
    )
})()

t.test(
  'one table gives the same records in every encoding and with every end of line',
  async (t) => {
    t.same(toGb18030('中'), Buffer.of(0xd6, 0xd0), 'GB 18030 of 中')
    t.same(toGb18030('\u{20000}'), Buffer.of(0x95, 0x32, 0x82, 0x36), 'GB 18030 of U+20000')
    const plain = csv(3).replace('企业1有限', '\u{20000}企业1有限')
    const expected = await imported(plain)
    t.equal(expected.summary.encoding, 'utf-8')
    t.same(expected.summary, {
      ...expected.summary,
      rows: 3,
      published: 3,
      existing: 0,
      rejected: 0,
      rejectFile: undefined,
    })
    t.match(expected.records[1], {
      recordId: 'e-1',
      subject: {
        id: uscc(1),
        name: '浙江测试\u{20000}企业1有限公司',
        type: SubjectType.ENTERPRISE,
      },
    })
    const variants: readonly (readonly [string, string | Uint8Array, string])[] = [
      ['UTF-8 with a byte order mark', `\ufeff${plain}`, 'utf-8'],
      [
        'a byte order mark before a quoted header',
        `\ufeff${plain.replace('记录编号', '"记录编号"')}`,
        'utf-8',
      ],
      ['CRLF', plain.replaceAll('\n', '\r\n'), 'utf-8'],
      ['no newline at the end', plain.trimEnd(), 'utf-8'],
      ['GB18030', toGb18030(plain), 'gb18030'],
      ['GB18030 with CRLF', toGb18030(plain.replaceAll('\n', '\r\n')), 'gb18030'],
      [
        'blank lines, and rows of empty cells as a spreadsheet leaves them',
        `${plain.replaceAll('\n', '\n\n')},,,,,,,,,,\n , ,,,,,,,,,\n`,
        'utf-8',
      ],
      ['every cell quoted', plain.replaceAll(/[^,\n]+/g, '"$&"'), 'utf-8'],
    ]
    for (const [name, content, encoding] of variants) {
      const { shelf, summary } = await imported(content)
      t.equal(summary.encoding, encoding, name)
      t.same(shelf.records, expected.shelf.records, name)
    }
  },
)

t.test('characters that lie across the pieces in which a file is read stay whole', async (t) => {
  for (const encode of [toGb18030, (text: string) => Buffer.from(text)]) {
    for (const shift of [0, 1, 2, 3]) {
      // The probe ends at 64 KiB, a piece at 256 KiB.
      const bytes = encode(csv(3_500).replace('企业0有', `${'x'.repeat(shift)}企业0有`))
      t.ok(bytes.length > 300_000)
      const names: string[] = []
      for await (const row of (
        await openTable(await save(bytes), {
          item: starterItems[0]!,
          encoding: 'auto',
          ignoreExtra: false,
        })
      ).rows)
        names.push(row.cells[2]!)
      t.same(
        names,
        Array.from(
          { length: 3_500 },
          (_, i) => `浙江测试${i === 0 ? 'x'.repeat(shift) : ''}企业${i}有限公司`,
        ),
      )
    }
  }
})

t.test(
  'headers may be Chinese, English or the names of the fields, in any order and case',
  async (t) => {
    const { shelf: expected } = await imported(csv(2))
    const fields =
      'record_id,subject.id,subject.name,evaluation_result.domain,evaluation_result.grade,evaluation_result.evaluated_on,evaluation_result.valid_from,evaluation_result.valid_to,evaluation_result.evaluator,attributes.industry_code,attributes.inspected_count'
    for (const head of [
      HEAD_EN,
      HEAD_EN.toUpperCase(),
      fields,
      HEAD_ZH.split(',')
        .map((name, i) => (i % 2 ? HEAD_EN.split(',')[i]! : ` ${name} `))
        .join(','),
    ]) {
      t.same((await imported(csv(2, { head }))).shelf.records, expected.records, head.slice(0, 40))
    }
    const turned = csv(2)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(',').reverse().join(','))
      .join('\n')
    t.same((await imported(turned)).shelf.records, expected.records, 'from right to left')
  },
)

t.test('a header that does not fit is said at once, with what would fit', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      csv(1, { head: HEAD_ZH.replace('检查次数', '检查次') }),
      /column K \(检查次\) may mean 检查次数 \(Inspected count\): .*--ignore-extra/,
    ],
    [
      csv(1, { head: HEAD_ZH.replace('行业代码', 'Subject name') }),
      /columns C \(主体名称\) and J \(Subject name\) both mean 主体名称/,
    ],
    [
      csv(1, { head: HEAD_ZH.replace('主体名称', '') }),
      /no column 主体名称 \(Subject name\), which .* requires/,
    ],
    ['', /is empty/],
  ]
  for (const [content, message] of cases)
    await t.rejects(imported(content), { code: 'argument_invalid', message })
  const { records } = await imported(csv(1, { head: HEAD_ZH.replace('检查次数', '检查次') }), {
    ignoreExtra: true,
  })
  t.equal(Buffer.from(records[0]!.attributes).toString(), '{"industry_code":"G5430"}')
  await t.rejects(imported(csv(1), { item: 'zj/nothing@1' }), {
    code: 'argument_invalid',
    message: /zj\/nothing@1" is not known at the node; known are .*zj\/industry-evaluation@2026\.1/,
  })
})

t.test('a file of another kind is named as such', async (t) => {
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [Buffer.of(0x50, 0x4b, 3, 4, 0, 0), /is damaged or was not copied whole/],
    [
      Buffer.concat([Buffer.from(csv(1)), Buffer.of(0xff, 0xff)]),
      /row 3 has bytes that are not utf-8/,
    ],
    [
      Buffer.concat([
        toGb18030(csv(3)),
        Buffer.of(0x81, 0xff),
        Buffer.from('\n'),
        toGb18030(csv(1)),
      ]),
      /row 5 has bytes that are not gb18030/,
    ],
  ]
  for (const [bytes, message] of cases)
    await t.rejects(imported(bytes), { code: 'argument_invalid', message })
  await t.rejects(imported(toGb18030(csv(1)), { encoding: 'utf-8' }), {
    code: 'argument_invalid',
    message: /not utf-8: give the right --encoding/,
  })
  for (const ending of ['csv', 'ndjson']) {
    await t.rejects(importFile(join(folder, `none.${ending}`), new Shelf()), {
      code: 'argument_invalid',
      message: /none\.\w+ cannot be read/,
    })
  }
  await t.rejects(importFile(folder, new Shelf()), {
    code: 'argument_invalid',
    message: /cannot be read/,
  })
})

t.test('cells are brought into form: full width, spaces, dates, open ends, quotes', async (t) => {
  const wide = (text: string): string =>
    text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0))
  const cases: readonly (readonly [string, Readonly<Record<number, string>>, object])[] = [
    [
      'full-width digits and letters',
      { 1: wide(uscc(7)), 4: 'ａ', 5: wide('20260630'), 10: '２' },
      { id: uscc(7), grade: 'A', evaluatedOn: '2026-06-30', attributes: /"inspected_count":2/ },
    ],
    [
      'full-width and other spaces',
      { 1: `\u3000${uscc(7)}\u00a0`, 2: ' 某公司\u3000', 5: ' 2026-06-30\t' },
      { id: uscc(7), name: '某公司', evaluatedOn: '2026-06-30' },
    ],
    ['a code in small letters', { 1: uscc(7).toLowerCase() }, { id: uscc(7) }],
    ['YYYY/MM/DD', { 5: '2026/06/30' }, { evaluatedOn: '2026-06-30' }],
    ['YYYY/M/D', { 6: '2026/7/1' }, { validFrom: '2026-07-01' }],
    ['YYYYMMDD', { 7: '20270630' }, { validTo: '2027-06-30' }],
    ['2099/12/31 is an open end', { 7: '2099/12/31' }, { validTo: '9999-12-31' }],
    ['20991231 is an open end', { 7: '20991231' }, { validTo: '9999-12-31' }],
    [
      'a newline and a comma in quotes',
      { 2: '"甲公司,\n乙""分""公司"' },
      { name: /^甲公司,\n乙"分"公司$/ },
    ],
    ['a quote inside a cell', { 2: '浙江"测试"公司' }, { name: '浙江"测试"公司' }],
    ['an optional cell left empty', { 10: '' }, { attributes: /^\{"industry_code":"G5430"\}$/ }],
  ]
  for (const [name, change, expected] of cases) {
    const { records, rejected, summary } = await imported(
      `${HEAD_ZH}\n${cells(7, change).join(',')}\n${cells(8).join(',')}\n`,
    )
    const record = records[0]
    const result = record?.content.case === 'evaluationResult' ? record.content.value : undefined
    if (name.startsWith('a newline') && rejected.length > 0) {
      // Names of one line only: then the row is refused whole, and the next one is read where it begins.
      t.same([rejected[0]![0], summary.published], ['2', 1], name)
      continue
    }
    t.match(
      {
        ...result,
        id: record?.subject?.id,
        name: record?.subject?.name,
        attributes: Buffer.from(record?.attributes ?? []).toString(),
      },
      expected,
      name,
    )
    t.equal(summary.published, 2, `${name}: and the next row`)
  }
})

t.test('what a spreadsheet has damaged is named, never guessed, and masked', async (t) => {
  const id = syntheticCitizenId('33010218900101123')
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['3.30102E+17', 'spreadsheet_scientific', undefined],
    ['3.30102e+17', 'spreadsheet_scientific', undefined],
    ['３.３０１０２Ｅ+17', 'spreadsheet_scientific', undefined],
    [`${id.slice(0, 15)}000`, 'spreadsheet_rounded', undefined],
    [`${id.slice(0, 15)}000.00`, 'spreadsheet_rounded', undefined],
    [`'${id}`, '', id],
    [`’${id}`, '', id],
    [`"=""${id}"""`, '', id],
    [id.slice(0, 17), 'citizen_id_form', undefined],
    [`${id.slice(0, 17)}${id.endsWith('1') ? '2' : '1'}`, 'citizen_id_check', undefined],
    ['', 'missing', undefined],
    [id, '', id],
  ]
  for (const [cell, code, kept] of cases) {
    const { records, rejected, file } = await imported(
      `${HEAD_ZH.replace('统一社会信用代码', '身份证号').replace('评价等级', '评价分数')}\n${cells(1, { 1: cell, 2: '张三', 4: '612.5' }).join(',')}\n`,
      { item: PERSON_ITEM },
    )
    t.same(
      records.map(({ subject }) => subject!.id),
      kept === undefined ? [] : [kept],
      `${cell} ${rejected.join()}`,
    )
    if (kept !== undefined) continue
    const [line, column, found, zh = '', en = ''] = rejected[0]!
    t.same([line, column, found], ['2', '身份证号', code], cell)
    t.match(zh, /[\u4e00-\u9fff]/, 'a reason in Chinese')
    t.match(en.replace(column!, ''), /^[\x20-\x7e…]+$/, 'a reason in English')
    t.notOk(cell.length > 9 && `${zh}${en}`.includes(cell), 'a reason quotes no number')
    t.equal((await stat(`${file}.rejected.csv`)).mode & 0o777, 0o600)
  }
})

t.test(
  'bad rows go to an owner-only file with row, column and reason; good rows go on',
  async (t) => {
    const other = syntheticCitizenId('33010218900101123')
    const bad: readonly (readonly [Readonly<Record<number, string>>, string, string])[] = [
      [{ 1: '3.30102E+17' }, '统一社会信用代码', 'spreadsheet_scientific'],
      [
        { 1: `${uscc(3).slice(0, 12)}${uscc(3)[12] === '3' ? '4' : '3'}${uscc(3).slice(13)}` },
        '统一社会信用代码',
        'uscc_check',
      ],
      [{ 5: '2026-02-30' }, '评价日期', 'date_unreal'],
      [{ 5: '30.06.2026' }, '评价日期', 'date_order_unclear'],
      [{ 3: '' }, '行业领域', 'missing'],
      [{ 10: '二' }, '检查次数', 'number_form'],
      [{ 4: 'Z' }, '评价等级', 'grade_unknown'],
      [{ 2: '甲,乙公司' }, '', 'row_form'],
      [{ 2: `法人${other}有误`, 5: 'x' }, '评价日期', 'date_form'],
      [
        {
          2: `法人${[...other].map((one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0)).join('')}`,
          5: 'x',
        },
        '评价日期',
        'date_form',
      ],
      [
        { 2: `法人${other.slice(0, 6)} ${other.slice(6, 14)} ${other.slice(14)}`, 5: 'x' },
        '评价日期',
        'date_form',
      ],
    ]
    const lines = bad.flatMap(([change], i) => [
      cells(2 * i, change).join(','),
      cells(2 * i + 1).join(','),
    ])
    const file = await save(`${HEAD_ZH}\n${lines.join('\n')}\n`)
    await writeFile(`${file}.rejected.csv`, 'an older one, readable by others')
    await chmod(`${file}.rejected.csv`, 0o644)
    const shelf = new Shelf()
    const summary = await importFile(file, shelf)
    t.match(summary, {
      rows: 2 * bad.length,
      published: bad.length,
      rejected: bad.length,
      rejectFile: `${file}.2.rejected.csv`,
      keptRejects: [`${file}.rejected.csv`],
    })
    t.same(
      shelf.decoded().map(({ recordId }) => recordId),
      bad.map((_, i) => `e-${2 * i + 1}`),
      'every good row, in order',
    )
    t.equal(
      await readFile(`${file}.rejected.csv`, 'utf8'),
      'an older one, readable by others',
      'a file of somebody stays',
    )
    t.equal((await stat(`${file}.2.rejected.csv`)).mode & 0o777, 0o600)
    const text = await readFile(`${file}.2.rejected.csv`, 'utf8')
    const rows = rejectedRows(text)
    t.equal(rows.length, bad.length)
    for (const [i, [, column, code]] of bad.entries()) {
      const [line, inColumn, found = '', zh = '', en = ''] = rows[i]!
      t.same([line, inColumn], [String(2 * i + 2), column], `row ${i}`)
      t.ok(found.startsWith(code), `${found} is ${code}`)
      t.match(zh, /[\u4e00-\u9fff]/)
      t.notMatch(en.replace(column, ''), /[\u4e00-\u9fff]/)
      t.notMatch(`${zh}${en}`, /\d{12}/, 'no reason quotes a code')
      t.ok(text.includes(uscc(2 * i)) || i < 2, 'the cells are those of the file')
    }
    t.same(
      summary.reasons.map(({ code, rows: count, column, line }) => [code, count, column, line])[0],
      ['date_form', 3, '评价日期', 18],
    )
    t.match(
      formatSummary({ language: 'en' }, summary),
      /22 rows \(utf-8\): 11 new, 0 updated, 0 unchanged, 11 refused; 1 batch\(es\)\n {2}3 × date_form: 评价日期: no date.* \(first in row 18\)\n[\s\S]*rejected rows: /,
    )
    t.match(
      formatSummary({ language: 'zh' }, summary),
      /共 22 行（utf-8）：新增 11 条，更新 0 条，不变 0 条，退回 11 行；共 1 批\n {2}3 × date_form: “评价日期”：日期无法识别.*首见第 18 行/,
    )
  },
)

t.test(
  'rows that are refused by one code for different reasons are counted apart, up to a bound',
  async (t) => {
    const names = [
      '=A1',
      '龙游????公司',
      '=B2',
      ...Array.from({ length: 40 }, (_, i) => `龙${'游'.repeat(i)}\ufffd`),
    ]
    const { summary } = await imported(
      `${HEAD_ZH}\n${names.map((name, i) => cells(i, { 2: name }).join(',')).join('\n')}\n`,
    )
    const odd = summary.reasons.filter(({ code }) => code === 'text_odd')
    t.match(odd, [
      { rows: 2, line: 2, reasonZh: /公式/ },
      { rows: 1, line: 3, reasonZh: /问号/ },
    ])
    t.ok(summary.reasons.length <= 30, 'the list has an end')
    t.equal(
      summary.reasons.reduce((sum, { rows }) => sum + rows, 0),
      names.length,
      'no row is left out of the counts',
    )
  },
)

t.test(
  'the number of a rejected row is the one that a spreadsheet shows, also after line breaks in cells',
  async (t) => {
    const lines = [cells(0, { 2: '"一\r\n二"', 5: 'x' }), cells(1), cells(2, { 5: 'x' })].map(
      (row) => row.join(','),
    )
    for (const end of ['\r\n', '\n']) {
      const { rejected } = await imported(
        `${HEAD_ZH}${end}${lines.join(end).replaceAll('\r\n', end)}${end}`,
      )
      t.same(
        rejected.map(([line]) => line),
        ['2', '4'],
      )
    }
  },
)

t.test('a quote that is never closed is found without reading the file into memory', async (t) => {
  await t.rejects(
    imported(`${HEAD_ZH}\n${cells(0, { 2: '"甲公司' }).join(',')}\n${cells(1).join(',')}\n`),
    { code: 'argument_invalid', message: /a quote is opened and never closed/ },
  )
  await t.rejects(imported(`${HEAD_ZH}\n${cells(0, { 2: '"甲公司' }).join(',')}\n${csv(20_000)}`), {
    code: 'argument_invalid',
    message: /longer than 1048576 (bytes|characters), most often because a quote/,
  })
})

t.test(
  'a row of millions of empty cells is refused, and rows of empty cells are not counted',
  async (t) => {
    await t.rejects(imported(`${HEAD_ZH}\n${','.repeat(8_000_000)}\n`), {
      code: 'argument_invalid',
      message: /row 2 is longer than 1048576 characters/,
    })
    const { shelf, summary } = await imported(
      `\n\n,,,,\n${HEAD_ZH}\n${`${','.repeat(10)}\n`.repeat(110_000)}${cells(0).join(',')}\n\n`,
    )
    t.same([shelf.records.length, summary.rows], [1, 1])
  },
)

t.test(
  'a rejected cell that a spreadsheet would run as a formula is text, and comes back as it was',
  async (t) => {
    const names = ['=HYPERLINK(""http://evil/"",""x"")', '@SUM(1)', '+1', '-甲'].map((name) =>
      name.replaceAll('""', '"'),
    )
    const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
    const { file, rejected } = await imported(
      `${HEAD_ZH}\n${names.map((name, i) => cells(i, { 2: quoted(name), 5: 'x' }).join(',')).join('\n')}\n`,
    )
    t.same(
      rejected.map((row) => row[7]),
      names.map((name) => `'${name}`),
    )
    // The officer mends the date and gives the file back as it is.
    const mended = (await readFile(`${file}.rejected.csv`, 'utf8')).replaceAll(
      ',x,',
      ',2026-06-30,',
    )
    const again = await imported(mended, { cells: { acceptOdd: true } })
    t.same(
      again.records.map(({ subject }) => subject?.name),
      names,
      file,
    )
  },
)

t.test('the reject file is mended and imported, shrinks, and is gone when all is in', async (t) => {
  const file = await save(
    `${HEAD_ZH}\n${[cells(0, { 4: 'Z' }), cells(1), cells(2, { 4: 'Y', 5: '2026-13-01' }), cells(3, { 0: '007', 1: '914403001922038216', 4: 'Z' })].map((row) => row.join(',')).join('\n')}\n`,
  )
  const shelf = new Shelf()
  const reject = rejectFileOf(file)
  t.match(await importFile(file, shelf), { published: 1, rejected: 3, rejectFile: reject })
  const rows = rejectedRows(await readFile(reject, 'utf8'))
  t.same(
    rows.map(([line, columns]) => [line, columns]),
    [
      ['2', '评价等级'],
      ['4', '评价日期、评价等级'],
      ['5', '评价等级'],
    ],
    'one line a row, with every column',
  )
  t.match(rows[1]![3], /评价日期：没有这一天.*；评价等级：等级不在/)
  // One of three is mended, and the file is saved as Chinese programs do.
  const one = (await readFile(reject, 'utf8')).replace(',Z,', ',B,')
  await writeFile(reject, toGb18030(one.slice(1)))
  t.equal(rejectFileOf(reject), reject, 'what is left stays in the same file')
  t.match(await importFile(reject, shelf, { rejectFile: reject, dryRun: true }), {
    published: 1,
    rejected: 2,
    rejectFile: undefined,
  })
  t.same(await readFile(reject), Buffer.from(toGb18030(one.slice(1))), 'a dry run leaves it')
  t.match(await importFile(reject, shelf, { rejectFile: reject }), {
    published: 1,
    rejected: 2,
    rejectFile: reject,
  })
  t.equal(rejectedRows(await readFile(reject, 'utf8')).length, 2)
  await writeFile(
    reject,
    (await readFile(reject, 'utf8'))
      .replace(',Y,', ',C,')
      .replace('2026-13-01', '2026-6-30')
      .replace(',Z,', ',D,'),
  )
  t.match(await importFile(reject, shelf, { rejectFile: reject }), {
    published: 2,
    rejected: 0,
    rejectFile: undefined,
  })
  await t.rejects(stat(reject), { code: 'ENOENT' })
  t.same(
    shelf.decoded().map(({ recordId, subject }) => [recordId, subject?.id]),
    [
      ['e-1', uscc(1)],
      ['e-0', uscc(0)],
      ['e-2', uscc(2)],
      ['007', '914403001922038216'],
    ],
    'exactly as they were in the first file',
  )
})

t.test(
  'a clean import of the original removes the reject file of before, and no other file',
  async (t) => {
    const file = await save(`${HEAD_ZH}\n${cells(0, { 5: 'x' }).join(',')}\n`)
    await importFile(file, new Shelf())
    await writeFile(file, csv(1))
    await importFile(file, new Shelf())
    await t.rejects(stat(`${file}.rejected.csv`), { code: 'ENOENT' })
    await writeFile(`${file}.rejected.csv`, 'a file of somebody')
    await importFile(file, new Shelf())
    t.equal(await readFile(`${file}.rejected.csv`, 'utf8'), 'a file of somebody')
  },
)

t.test('an import that is cut off leaves the file that it was made from', async (t) => {
  const file = await save(
    `${HEAD_ZH}\n${[cells(0, { 5: 'x' }), cells(1, { 5: 'y' })].map((row) => row.join(',')).join('\n')}\n`,
  )
  await importFile(file, new Shelf())
  const reject = `${file}.rejected.csv`
  const mended = (await readFile(reject, 'utf8')).replace(',x,', ',2026-06-30,')
  await writeFile(reject, mended)
  const shelf = new Shelf()
  shelf.fault = () => {
    throw new HuxinError('target_not_allowed', 'no')
  }
  await t.rejects(importFile(reject, shelf, { rejectFile: reject }), { code: 'target_not_allowed' })
  t.equal(await readFile(reject, 'utf8'), mended)
  await t.rejects(stat(`${reject}.partial`), { code: 'ENOENT' })
})

t.test(
  'what was taken although it was written otherwise is said, with column, count and first row',
  async (t) => {
    const rows = [
      cells(0, { 1: `="${uscc(0)}"`, 7: '长期' }),
      cells(1, { 1: `="${uscc(1)}"`, 10: '—' }),
      cells(2, { 1: '91350203M0001QKT19', 4: 'Ｂ级', 10: '"1,234"' }),
      cells(3, { 0: '龙交信〔2026〕1号', 2: '王\ue863商行' }),
    ]
    const { records, summary } = await imported(
      `${HEAD_ZH}\n${rows.map((row) => row.join(',')).join('\n')}\n`,
    )
    t.equal(records.length, 4)
    t.same(summary.notices.map(({ code }) => code).sort(), [
      'excel_wrapping',
      'grade_suffix',
      'open_end',
      'placeholder',
      'private_use',
      'record_id_encoded',
      'thousands',
      'uscc_outer_check',
    ])
    const said = formatSummary({ language: 'zh' }, summary)
    t.match(said, /提示：“统一社会信用代码”：已去除电子表格的撇号或 ="…"（2 格，首见第 2 行）/)
    t.match(
      said,
      /提示：“统一社会信用代码”：统一社会信用代码末位校验码与GB 32100算法不符；.*首见第 4 行/,
    )
    t.match(
      formatSummary({ language: 'en' }, summary),
      /notice: 检查次数: a sign for nothing was read as empty \(1 cell, first in row 3\)/,
    )
    t.match(
      records.map(({ content }) => content.value),
      [{ validTo: '9999-12-31' }, {}, { grade: 'B' }, {}],
    )
  },
)

t.test(
  "a profile reads a department's own columns and words, and is kept in the node's folder",
  async (t) => {
    const node = join(folder, 'node')
    await mkdir(join(node, 'profiles'), { recursive: true })
    await writeFile(
      join(node, 'profiles', '交通局.yaml'),
      `title: 交通运输局\nitem: ${INDUSTRY_ITEM}\nsheet: 评价结果\ncolumns: { 证照号: 统一社会信用代码, 考核: 评价等级 }\ndefaults: { 评价单位代码: '${BODY}' }\nvalues: { 评价等级: { 优秀: A } }\n`,
    )
    await writeFile(join(node, 'profiles', '坏.yaml'), 'item: 1\nclas: x\n')
    const at = ['--node', node, '--lang', 'zh']
    t.match(
      (await runHere(['import', 'profile', 'list', ...at])).out,
      /交通局 +交通运输局 +zj\/industry-evaluation@2026.1 +可用\n坏 .*2 处有误/,
    )
    t.match(
      (await runHere(['import', 'profile', 'show', '交通局', ...at])).out,
      /^title: 交通运输局\nitem: /,
    )
    const wrong = await runHere(['import', 'profile', 'check', '坏', ...at])
    t.same([wrong.code, wrong.out.split('\n').length - 1], [1, 2], wrong.out)
    t.match(
      (await runHere(['import', 'profile', 'show', '无', ...at])).err,
      /没有部门配置 .*现有：交通局、坏|there is no profile .* has 交通局, 坏/,
    )
    t.match(
      (await runHere(['import', 'profile', 'show', '../../x', ...at])).err,
      /没有部门配置|there is no profile/,
    )
    t.match(
      (await runHere(['import', 'x.csv', '--profile', '坏', ...at])).err,
      /item：应为文本.*clas：无此项|item: a text is wanted.*clas: not known/,
    )
    t.match((await runHere(['import', 'x.csv', ...at])).err, /node\.yaml/)
    const profile = { name: '交通局', profile: await loadProfile(node, '交通局') }
    const { records } = await imported(
      `记录编号,证照号,主体名称,行业领域,考核,评价日期,有效期起,有效期止\n${cells(0, { 4: '优秀' }).slice(0, 8).join(',')}\n`,
      { profile },
    )
    t.match(records[0], {
      subject: { id: uscc(0) },
      content: { value: { grade: 'A', evaluator: BODY } },
    })
    await t.rejects(
      imported(csv(1), { profile: { name: 'x', profile: { defaults: { 评价日期: '昨天' } } } }),
      { code: 'argument_invalid', messageZh: /部门配置 x：defaults.评价日期：日期无法识别/ },
    )
  },
)

t.test('a name that is the same in every row is asked about', async (t) => {
  const { summary } = await imported(
    `${HEAD_ZH}\n${Array.from({ length: 6 }, (_, i) => cells(i, { 2: '某公司' }).join(',')).join('\n')}\n`,
  )
  t.match(formatSummary({ language: 'zh' }, summary), /全部 6 行的“主体名称”都相同/)
  t.same((await imported(csv(6))).summary.notices, [])
})

t.test('NDJSON is read line by line, and a bad line does not stop the others', async (t) => {
  const names = HEAD_ZH.split(',')
  const object = (i: number, change: Readonly<Record<string, unknown>> = {}): string =>
    JSON.stringify({
      ...Object.fromEntries(cells(i).map((cell, at) => [names[at]!, cell])),
      检查次数: 2,
      ...change,
    })
  const lines = [
    object(0),
    '',
    '{"记录编号": ',
    '[1]',
    object(1, { 检查次数: null }),
    object(2, { 新列: 1 }),
    object(3, { 主体名称: { 名: '甲' } }),
    object(4).replace(`"${uscc(4)}"`, '330102189001011234'),
    object(5).replace(`"${uscc(5)}"`, '3.30102e17'),
    object(6),
    '"x"',
  ]
  const { records, rejected, summary, shelf } = await imported(
    `\ufeff${lines.join('\r\n')}\r\n`,
    {},
    'ndjson',
  )
  t.same(
    records.map(({ recordId }) => recordId),
    ['e-0', 'e-1', 'e-2', 'e-6'],
  )
  t.same(
    rejected.map(([line, column, code]) => [line, column, code]),
    [
      ['3', '', 'row_form'],
      ['4', '', 'row_form'],
      ['7', '主体名称', 'value_form'],
      ['8', '统一社会信用代码', 'number_rounded'],
      ['9', '统一社会信用代码', 'number_rounded'],
      ['11', '', 'row_form'],
    ],
  )
  t.match(summary, {
    rows: 10,
    published: 4,
    rejected: 6,
    encoding: 'utf-8',
    notices: [{ code: 'extra_columns', messageZh: '略过目录项以外的键：新列' }],
  })
  t.same(shelf.records[0], (await imported(csv(1))).shelf.records[0], 'the same record as from CSV')
  t.same((await imported(`${object(0)}\n${object(1)}`, {}, 'jsonl')).records.length, 2)
  await t.rejects(imported('nothing\n', {}, 'ndjson'), {
    code: 'argument_invalid',
    message: /line 1 is no JSON object/,
  })
  await t.rejects(imported('', {}, 'ndjson'), { code: 'argument_invalid', message: /is empty/ })
  await t.rejects(imported(`${object(0)}\n${'x'.repeat(2_000_000)}`, {}, 'ndjson'), {
    code: 'argument_invalid',
    message: /line 2 is longer than/,
  })
})

t.test('the same file again adds nothing and says so; a longer one adds what is new', async (t) => {
  const shelf = new Shelf()
  const file = await save(csv(2_500))
  t.match(await importFile(file, shelf), { published: 2_500, existing: 0 })
  const again = await importFile(file, shelf)
  t.match(again, { rows: 2_500, published: 0, existing: 2_500, batches: [] })
  t.match(
    formatSummary({ language: 'en' }, again),
    /nothing new: every good row is in the log as it is/,
  )
  t.match(formatSummary({ language: 'zh' }, again), /没有新增：所有合格行均已入账/)
  t.match(await importFile(await save(csv(2_510)), shelf), { published: 10, existing: 2_500 })
  t.match(
    await importFile(await save(toGb18030(csv(2_510, { end: '\r\n' }))), shelf),
    { published: 0, existing: 2_510 },
    'the same rows in another encoding',
  )
  t.equal(shelf.records.length, 2_510)
})

t.test('without record ids a row is told from others by subject, field and date', async (t) => {
  const noIds = (text: string): string =>
    text
      .split('\n')
      .map((line) => line.slice(line.indexOf(',') + 1))
      .join('\n')
  const shelf = new Shelf()
  await importFile(await save(noIds(csv(3))), shelf)
  t.match(await importFile(await save(noIds(csv(4))), shelf), { published: 1, existing: 3 })
  const ids = shelf.decoded().map(({ recordId }) => recordId)
  t.equal(new Set(ids).size, 4)
  t.ok(ids.every((id) => /^r-[0-9a-f]{30}$/.test(id)))
})

t.test('a dry run checks everything and sends nothing', async (t) => {
  const { shelf, summary, rejected } = await imported(
    `${csv(3)}${cells(9, { 5: 'x' }).join(',')}\n`,
    { dryRun: true },
  )
  t.same([shelf.calls.length, summary.published, summary.rejected, rejected.length], [0, 3, 1, 1])
  t.match(
    formatSummary({ language: 'en' }, summary),
    /4 rows \(utf-8\): 3 good, 1 bad; nothing was sent/,
  )
})

t.test('the imported file is never taken for the reject file', async (t) => {
  const file = await save(csv(1))
  await t.rejects(
    importFile(file, new Shelf(), { rejectFile: join(folder, '.', `${files}.csv`) }),
    { code: 'argument_invalid', message: /name another/ },
  )
  t.equal(await readFile(file, 'utf8'), csv(1))
  const bad = await save(`${HEAD_ZH}\n${cells(0, { 5: 'x' }).join(',')}\n`)
  await t.rejects(
    importFile(bad, new Shelf(), { rejectFile: join(folder, 'no', 'such', 'x.csv') }),
    { code: 'argument_invalid', message: /the reject file .* cannot be written.*--reject/ },
  )
})

t.test('a call that is cut off is repeated, and every row is in exactly once', async (t) => {
  const shelf = new Shelf()
  shelf.fault = (when, call) => {
    if ((when === 'before' && call === 2) || (when === 'after' && call === 4))
      throw new HuxinError('peer_unreachable', 'cut off')
  }
  const summary = await importFile(await save(csv(5_000)), shelf)
  t.match(summary, { rows: 5_000, published: 5_000, existing: 0 })
  t.equal(new Set(shelf.decoded().map(({ recordId }) => recordId)).size, 5_000)
  t.equal(shelf.records.length, 5_000)
  const repeated = shelf.calls.filter(
    ({ requestId }, i) => shelf.calls.findIndex((call) => call.requestId === requestId) < i,
  )
  t.equal(repeated.length, 2, 'under the name that the first call had')
})

t.test('an error that no retry mends ends the import with that error', async (t) => {
  const shelf = new Shelf()
  shelf.fault = (_when, call) => {
    if (call === 2) throw new HuxinError('target_not_allowed', 'no')
  }
  await t.rejects(importFile(await save(csv(8_000)), shelf), { code: 'target_not_allowed' })
  t.ok(shelf.calls.length < 8, 'and the rest is not sent')
})

t.test('no more than three calls are under way, and reading waits for them', async (t) => {
  const shelf = new Shelf()
  let underWay = 0
  let most = 0
  let rowsAhead = 0
  let rows = 0
  const slow: Publisher = {
    listCatalog: () => shelf.listCatalog(),
    async publish(request) {
      most = Math.max(most, ++underWay)
      for (let turn = 0; turn < 500; turn++) await systemClock.turn()
      rowsAhead = Math.max(rowsAhead, rows - shelf.records.length)
      underWay--
      return shelf.publish(request)
    },
  }
  await importFile(await save(csv(9_000)), slow, {
    onProgress: (phase, done) => {
      if (phase === 'send') rows = done
    },
  })
  t.equal(shelf.records.length, 9_000)
  t.equal(most, 3)
  t.ok(rowsAhead <= 4_000, `${rowsAhead} rows were read and not yet sent`)
})

t.test('memory does not grow with the file', { timeout: 180_000 }, async (t) => {
  for (const [ending, make] of [
    ['csv', csv],
    ['ndjson', ndjson],
  ] as const) {
    const peaks: number[] = []
    for (const rows of [10_000, 50_000]) {
      const file = await save(make(rows), ending)
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--expose-gc',
        fileURLToPath(new URL('read-file.js', import.meta.url)),
        file,
      ])
      const read = JSON.parse(stdout) as { peakBytes: number; rows: number }
      t.equal(read.rows, rows)
      peaks.push(read.peakBytes)
      await rm(file)
    }
    t.ok(
      peaks[1]! < peaks[0]! + 4_000_000,
      `${ending}: ${peaks.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`).join(' for 10,000 rows, ')} for 50,000`,
    )
  }
})

t.test('with a running node', { timeout: 180_000 }, async (t) => {
  const federation = await TestFederation.start(
    [{ id: '330000', tier: 'province', divisions: ['330000'] }],
    { store: 'disk' },
  )
  t.teardown(() => federation.stop())
  const args = (file: string): string[] => [
    main,
    'import',
    file,
    '--item',
    INDUSTRY_ITEM,
    '--target',
    '330000',
    '--node',
    federation.folderOf('330000'),
    '--address',
    `127.0.0.1:${federation.node('330000').port}`,
    '--json',
  ]
  const run = async (file: string): Promise<ImportSummary> =>
    JSON.parse((await promisify(execFile)(process.execPath, args(file))).stdout) as ImportSummary

  /** Record ids in the log, from the bodies of every industry batch. */
  const recordIds = async (): Promise<string[]> => {
    const { context } = federation.node('330000')
    const ids: string[] = []
    for (let index = 0n; index < context.log().size; index++) {
      const { header, id } = parseHeaderNote(
        parseEntry((await context.store.get(entryKey(index)))!).header,
      )
      if (header.item !== INDUSTRY_ITEM) continue
      const body = parseBody((await context.store.get(bodyKey(index)))!)
      t.ok(id)
      for (let i = 0; i < body.count; i++)
        ids.push(fromBinary(RecordSchema, recordAt(body, i)!).recordId)
    }
    return ids
  }

  await t.test('the same file again adds nothing to the log and says so', async (t) => {
    const file = await save(csv(2_200, { from: 100_000 }))
    t.match(await run(file), { published: 2_200, existing: 0, batches: { length: 3 } })
    const size = federation.node('330000').context.log().size
    t.match(await run(file), { published: 0, existing: 2_200, batches: { length: 0 } })
    t.equal(federation.node('330000').context.log().size, size)
  })

  await t.test(
    'killed in the middle and run again, every row is in exactly once',
    { timeout: 180_000 },
    async (t) => {
      const before = (await recordIds()).length
      const begin = federation.node('330000').context.log().size
      const file = await save(csv(8_000))
      const child = spawn(process.execPath, args(file), { stdio: 'ignore' })
      const ended = new Promise<string | null>((resolve) =>
        child.once('exit', (_code, signal) => resolve(signal)),
      )
      await federation.until(
        'two batches are in',
        () => federation.node('330000').context.log().size >= begin + 2n,
        60_000,
      )
      child.kill('SIGKILL')
      t.equal(await ended, 'SIGKILL', 'it was still at work')
      const summary = await run(file)
      t.ok(
        summary.published > 0 && summary.existing >= 2_000,
        `${summary.existing} rows were in already`,
      )
      t.equal(summary.published + summary.existing, 8_000)
      const ids = await recordIds()
      t.equal(ids.length, before + 8_000)
      t.equal(new Set(ids).size, ids.length)
    },
  )

  await t.test(
    'a node that restarts in the middle loses and doubles nothing',
    { timeout: 180_000 },
    async (t) => {
      const before = (await recordIds()).length
      const begin = federation.node('330000').context.log().size
      const running = run(await save(csv(8_000, { from: 50_000 })))
      await federation.until(
        'two batches are in',
        () => federation.node('330000').context.log().size >= begin + 2n,
        60_000,
      )
      await federation.restart('330000')
      const summary = await running
      t.equal(summary.published + summary.existing, 8_000)
      const ids = await recordIds()
      t.equal(ids.length, before + 8_000)
      t.equal(new Set(ids).size, ids.length)
      t.same(await findings(federation), [])
    },
  )
})
