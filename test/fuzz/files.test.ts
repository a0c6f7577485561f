/**
 * Every file gives a table, or a sentence to who made it, and does so at once: on valid ones that were changed, and on
 * workbooks whose parts were changed and packed again. `--seconds N --seed TEXT` for a long run.
 */
import t from 'tap'
import { strToU8, unzipSync, type Zippable, zipSync } from 'fflate'
import { performance } from 'node:perf_hooks'
import { isHuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { workbookBytes } from '../../src/workbook/writer.ts'
import { readTable, Scratch } from '../intake/reading.ts'
import { uscc } from '../support/records.ts'
import { mutated } from './mutate.ts'

const option = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined
const seconds = Number(option('--seconds') ?? 5)
const seed = option('--seed') ?? 'files'
const random = new SeededRandom(seed)
const FILE_MS_MAX = 5_000

t.setTimeout((seconds + 60) * 1_000)

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
const rows = [
  ['某县汇总表'],
  HEAD,
  ...[1, 2, 3].map((i) => [
    `c-${i}`,
    uscc(i),
    `甲"${i}"公司`,
    '旅游',
    'B',
    '2026-06-30',
    '2026-07-01',
    '2027-06-30',
    '11330825TT00000903',
  ]),
  ['合计', '', '3家'],
  ['填表人：张三'],
]
const csv = rows
  .map((cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
  .join('\r\n')
const workbook = workbookBytes([
  { name: '封面', columns: [], rows: [['函']] },
  {
    name: '数据',
    columns: HEAD.map(() => ({ width: 10, format: 'date' as const, choices: ['A', 'B'] })),
    rows: rows.slice(1),
  },
])
const html = `<html><style>a</style><table><tr><td><table>${rows.map((cells) => `<tr>${cells.map((cell) => `<td rowspan=1 colspan="1">${cell}<br>`).join('</td>')}</tr>`).join('')}</table></table>`
const xml = `<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="x"><Worksheet><Table>${rows
  .slice(1)
  .map(
    (cells, i) =>
      `<Row ss:Index="${i + 2}">${cells.map((cell) => `<Cell><Data ss:Type="String">${cell.replaceAll('"', '')}</Data></Cell>`).join('')}</Row>`,
  )
  .join('')}</Table></Worksheet></Workbook>`
const ndjson = rows
  .slice(2, 5)
  .map((cells) => JSON.stringify(Object.fromEntries(HEAD.map((name, at) => [name, cells[at]]))))
  .join('\n')

/** A workbook with one part changed: its checksums are right again. */
function repacked(): Uint8Array {
  const parts: Zippable = {
    ...unzipSync(workbook),
    'xl/sharedStrings.xml': strToU8('<sst><si><t>a</t></si></sst>'),
  }
  const name = random.pick(Object.keys(parts))
  parts[name] = mutated([parts[name] as Uint8Array], random)
  return zipSync(parts)
}

const kinds: readonly {
  readonly name: string
  readonly make: () => Uint8Array
  readonly ending: string
  readonly valid: Uint8Array
}[] = [
  {
    name: 'UTF-8',
    ending: 'csv',
    valid: Buffer.from(csv),
    make: () => mutated([Buffer.from(csv)], random),
  },
  {
    name: 'UTF-16',
    ending: 'txt',
    valid: Buffer.from(csv, 'utf16le'),
    make: () => mutated([Buffer.from(csv, 'utf16le')], random),
  },
  { name: 'workbook', ending: 'xlsx', valid: workbook, make: () => mutated([workbook], random) },
  { name: 'workbook packed again', ending: 'xlsx', valid: workbook, make: repacked },
  {
    name: 'web page',
    ending: 'xls',
    valid: Buffer.from(html),
    make: () => mutated([Buffer.from(html)], random),
  },
  {
    name: 'XML spreadsheet',
    ending: 'xls',
    valid: Buffer.from(xml),
    make: () => mutated([Buffer.from(xml)], random),
  },
  {
    name: 'NDJSON',
    ending: 'ndjson',
    valid: Buffer.from(ndjson),
    make: () => mutated([Buffer.from(ndjson)], random),
  },
]

t.test(`every file is read or refused, at once (seed ${seed})`, async (t) => {
  const scratch = new Scratch()
  for (const { name, ending, valid } of kinds) {
    const read = await readTable(scratch.save(valid, `a.${ending}`))
    t.same(
      [name, read.records.length, read.faults],
      [name, 3, []],
      'the unchanged one is a table of three rows',
    )
  }
  const began = performance.now()
  const counts = { read: 0, refused: 0 }
  let slowest = 0
  for (let i = 0; performance.now() - began < seconds * 1_000; i++) {
    const { name, ending, make } = kinds[i % kinds.length]!
    const bytes = make()
    const at = process.cpuUsage()
    try {
      const { rows: found } = await readTable(scratch.save(bytes, `a.${ending}`))
      if (found.some(({ line }, k) => k > 0 && line <= found[k - 1]!.line))
        t.fail(`${name}: rows out of order ${Buffer.from(bytes).toString('base64')}`)
      counts.read++
    } catch (error) {
      if (!isHuxinError(error, 'argument_invalid') || error.messageZh === error.message)
        t.fail(`${name}: ${String(error)} ${Buffer.from(bytes).toString('base64')}`)
      counts.refused++
    }
    const { user, system } = process.cpuUsage(at)
    slowest = Math.max(slowest, (user + system) / 1_000)
  }
  t.ok(counts.read > 10 && counts.refused > 10, `${counts.read} read, ${counts.refused} refused`)
  t.ok(slowest < FILE_MS_MAX, `the slowest took ${Math.round(slowest)} ms of the processor`)
})
