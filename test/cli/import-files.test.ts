/** Whole files: what contradicts itself, what changes while it is read, what is left when an import ends early; folders, standard input, and kept runs. */
import t from 'tap'
import { createHash } from 'node:crypto'
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { create, fromBinary } from '@bufbuild/protobuf'
import { holdProcess, systemClock } from '../../src/base/clock.ts'
import { HuxinError, messageOf } from '../../src/base/errors.ts'
import { systemRandom } from '../../src/base/random.ts'
import {
  type ImportOptions,
  type ImportSummary,
  type Publisher,
  runImport,
} from '../../src/cli/import/import.ts'
import { reachOf, reachText } from '../../src/cli/import/reach.ts'
import { formatSummary } from '../../src/cli/import/report.ts'
import { findRun, listRuns, RunLog, writtenRejects } from '../../src/cli/import/runs.ts'
import { skippedText, sourcesOf } from '../../src/cli/import/sources.ts'
import { Claims } from '../../src/cli/import/claims.ts'
import { type GoodRow, survey } from '../../src/cli/import/survey.ts'
import { resultFile, watchFolder } from '../../src/cli/import/watch.ts'
import { localTime } from '../../src/cli/output.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import { RecordSchema } from '../../src/gen/huxin/v1/record_pb.ts'
import { encodeCatalogRecord } from '../../src/ledger/catalog.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { starterScales } from '../../src/record/data/scales.ts'
import { BODY } from '../support/federation.ts'
import { evaluation } from '../support/lookups.ts'
import { INDUSTRY_ITEM, uscc } from '../support/records.ts'

const HEAD =
  '记录编号,统一社会信用代码,主体名称,行业领域,评价等级,评价日期,有效期起,有效期止,评价单位代码'

function line(
  id: string,
  of: number,
  grade = 'A',
  {
    domain = '运输',
    from = '2026-07-01',
    evaluator = BODY,
  }: { domain?: string; from?: string; evaluator?: string } = {},
): string {
  return [
    id,
    uscc(of),
    `浙江测试企业${of}有限公司`,
    domain,
    grade,
    '2026-06-30',
    from,
    '2027-06-30',
    evaluator,
  ].join(',')
}

/** Takes what it is given, but for the record ids that it refuses. */
class Taker implements Publisher {
  readonly ids: string[] = []
  readonly providers = new Set<string>()
  refuses: ReadonlySet<string> = new Set()
  refusal = 'record_id_taken'
  contradicted: NonNullable<Awaited<ReturnType<Publisher['publish']>>['contradicted']> = []
  before: (call: number) => Promise<void> | void = () => undefined
  #calls = 0

  async listCatalog() {
    const contents = [
      ...starterScales.map((value) => ({ case: 'scale' as const, value })),
      ...starterItems.map((value) => ({ case: 'item' as const, value })),
      ...starterItems.map((value) => ({
        case: 'item' as const,
        value: { ...value, edition: '2099.1', effectiveFrom: '2099-01-01' },
      })),
    ]
    return {
      nextPageToken: '',
      entries: contents.map((content) => ({
        id: `${content.value.id}@${content.case === 'item' ? content.value.edition : content.value.version}`,
        record: encodeCatalogRecord(create(CatalogRecordSchema, { content })),
        standing: content.value.effectiveFrom < '2090' ? 'in_force' : 'future',
      })),
    }
  }

  async publish({
    records,
    provider,
  }: {
    records: Uint8Array[]
    provider: string
  }): Promise<Awaited<ReturnType<Publisher['publish']>>> {
    await this.before(++this.#calls)
    this.providers.add(provider)
    const ids = records.map((record) => fromBinary(RecordSchema, record).recordId)
    const faults = ids.flatMap((id, index) =>
      this.refuses.has(id)
        ? [
            {
              $typeName: 'huxin.v1.RecordFault' as const,
              index,
              path: 'record_id',
              code: this.refusal,
              message: 'of another subject',
              messageZh: '属于另一主体',
            },
          ]
        : [],
    )
    const none = { batchId: new Uint8Array(), published: 0, existing: 0 }
    if (faults.length > 0)
      return {
        ...none,
        refusal: {
          $typeName: 'huxin.v1.Refusal' as const,
          code: 'record_invalid',
          message: 'bad',
          messageZh: '有误',
          faults,
          faultCount: faults.length,
        },
      }
    this.ids.push(...ids)
    return {
      ...none,
      batchId: new Uint8Array(32).fill(this.#calls),
      published: ids.length,
      contradicted: this.contradicted,
      contradictedCount: this.contradicted.length,
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), 'huxin-files-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
let files = 0

async function save(lines: readonly string[], name = `${++files}.csv`): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, [HEAD, ...lines, ''].join('\n'))
  return file
}

function importFile(
  file: string,
  taker: Publisher,
  more: Partial<ImportOptions> = {},
): Promise<ImportSummary> {
  return runImport(taker, {
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

t.test(
  'rows that replace or contradict each other are rejected, both, with both numbers',
  async (t) => {
    const taker = new Taker()
    const file = await save([
      line('twice', 1),
      line('alone', 2),
      line('twice', 1, 'C'),
      line('same', 3),
      line('same', 3),
      line('company', 4),
      line('company', 5),
      line('two-a', 6),
      line('two-b', 6, 'E'),
      line('next-year', 6, 'E', { from: '2026-08-01' }),
      line('other-field', 6, 'E', { domain: '环保' }),
      line('agrees-a', 7),
      line('agrees-b', 7),
    ])
    const summary = await importFile(file, taker)
    t.same(taker.ids, ['alone', 'same', 'same', 'next-year', 'other-field', 'agrees-a', 'agrees-b'])
    t.match(summary, {
      rows: 13,
      rejected: 6,
      reasons: [
        { code: 'record_id_twice', rows: 2 },
        { code: 'record_id_twice', rows: 2 },
        { code: 'result_twice', rows: 2 },
      ],
    })
    const rejected = await readFile(summary.rejectFile!, 'utf8')
    t.match(rejected, /第 2 行与第 4 行记录编号相同而内容不同/)
    t.match(rejected, /第 7 行与第 8 行记录编号相同/)
    t.match(rejected, /第 9 行与第 10 行对同一主体、同一领域、同一有效期给出两个结果（A、E）/)
    t.equal((await stat(summary.rejectFile!)).mode & 0o777, 0o600)
  },
)

t.test(
  'rows that repeat others are compared by the hundred thousand, and beyond the bound it is said where to divide',
  async (t) => {
    const rows = 20_000
    const record = (i: number, grade: string): Uint8Array =>
      evaluation({ id: `c-${i}`, of: i, grade })
    async function* read(): AsyncGenerator<GoodRow> {
      for (let i = 0; i < 2 * rows; i++)
        yield {
          row: { line: i + 2, cells: [] },
          record: record(i % rows, i >= rows && i % rows < 3 ? 'E' : 'A'),
        }
    }
    const found = await survey(read)
    t.same(
      [
        found.rows,
        [0, 2, 3].map((i) => found.conflicts.faultOf(record(i, 'A'))?.reason.slice(0, 18)),
      ],
      [2 * rows, ['rows 2 and 20002 h', 'rows 4 and 20004 h', undefined]],
      'rows that are the same are no conflict',
    )
    await t.rejects(survey(read, new Claims(1 << 12)), {
      code: 'argument_invalid',
      messageZh: /至第 \d+ 行.*请在该行之前把文件拆开/,
    })
  },
)

t.test(
  'rows without a number are two records where kind or scale is another, and the usual ones have the ids of before',
  async (t) => {
    const rows = (kind: string, of: number): string => `${line('', of, 'A').slice(1)},${kind}`
    const file = join(folder, `${++files}.csv`)
    await writeFile(
      file,
      [
        `${HEAD.slice('记录编号,'.length)},评价类别`,
        rows('行业', 1),
        rows('综合', 1),
        rows('', 2),
        '',
      ].join('\n'),
    )
    const taker = new Taker()
    t.match(await importFile(file, taker), { published: 3, rejected: 0 })
    const idOf = (...parts: string[]): string =>
      `r-${createHash('sha256')
        .update([BODY, 'zj/industry-evaluation', 'ENTERPRISE', ...parts].join('\n'))
        .digest('hex')
        .slice(0, 30)}`
    const [first, second] = [1, 2].map((of) => [uscc(of), '运输', '2026-06-30', '', ''])
    const unusual = idOf(...first!, 'COMPREHENSIVE', 'zj/five-grade@2020')
    t.same(taker.ids, [idOf(...first!), unusual, idOf(...second!)])
    const before = new Taker()
    before.refuses = new Set([unusual])
    before.refusal = 'record_id_former'
    t.match(
      await importFile(file, before),
      { published: 3, rejected: 0 },
      'one that is in under its former id is sent under that one',
    )
    t.same(before.ids, [idOf(...first!), idOf(...first!), idOf(...second!)])
  },
)

t.test(
  'rows that the node refuses are rejected, and the others are sent without them',
  async (t) => {
    const taker = new Taker()
    taker.refuses = new Set(['b'])
    const summary = await importFile(await save([line('a', 1), line('b', 2), line('c', 3)]), taker)
    t.same(taker.ids, ['a', 'c'])
    t.match(summary, {
      published: 2,
      rejected: 1,
      reasons: [{ code: 'record_id_taken', line: 3, column: '记录编号' }],
    })
  },
)

t.test(
  'the provider is what somebody said, or what the file says alone, and is never guessed',
  async (t) => {
    const other = '11330000TT00000901'
    const taker = new Taker()
    t.match(await importFile(await save([line('a', 1)]), taker, { provider: '' }), {
      provider: BODY,
    })
    t.same([...taker.providers], [BODY], 'the evaluator that the file names')
    const mixed = await save([line('a', 1), line('b', 2, 'A', { evaluator: other })])
    await t.rejects(importFile(mixed, taker, { provider: '' }), {
      code: 'argument_invalid',
      message: /several evaluating bodies .*--provider/,
    })
    t.match(await importFile(mixed, taker, { provider: other }), { provider: other, published: 2 })
  },
)

t.test('an item without an edition is the newest in force', async (t) => {
  t.match(
    await importFile(await save([line('a', 1)]), new Taker(), { item: 'zj/industry-evaluation' }),
    { item: INDUSTRY_ITEM },
  )
})

t.test('a header without rows is no import', async (t) => {
  const summary = await importFile(await save([]), new Taker())
  t.match(summary, { rows: 0, published: 0 })
  t.match(formatSummary({ language: 'zh' }, summary), /只有表头，没有数据行；未报送任何记录/)
})

t.test(
  'nothing is sent of a file that does not read to its end, or is still being written',
  async (t) => {
    const taker = new Taker()
    const rows = Array.from({ length: 2_500 }, (_, i) => line(`r-${i}`, i))
    await t.rejects(importFile(await save([...rows, '"never closed']), taker), {
      code: 'argument_invalid',
    })
    const growing = await save(rows)
    await t.rejects(
      importFile(growing, taker, {
        settleMs: 60_000,
        clock: {
          ...systemClock,
          after: (_ms, then) =>
            systemClock.after(1, () => void appendFile(growing, line('late', 1)).then(then)),
        },
      }),
      { message: /still being written/ },
    )
    const old = await save([line('old', 1)])
    await utimes(old, new Date(), new Date(Date.now() - 5_000))
    await importFile(old, new Taker(), {
      settleMs: 1_000,
      clock: {
        ...systemClock,
        after: () => t.fail('a file that nobody wrote to for seconds is not waited for') as never,
      },
    })
    const changed = await save(rows)
    await t.rejects(
      importFile(changed, taker, {
        onProgress: () => void utimes(changed, new Date(), new Date(1)),
      }),
      { message: /changed while it was read.*nothing was sent/ },
    )
    t.same(taker.ids, [])
  },
)

t.test('an import that ends early says what is in, and the same again is safe', async (t) => {
  const rows = Array.from({ length: 5_000 }, (_, i) => line(`e-${i}`, i))
  const file = await save(rows)
  const lost = new Taker()
  lost.before = (call) => {
    if (call > 3) throw new HuxinError('store_failed', 'the disk is gone')
  }
  const failed = await importFile(file, lost).catch((error: unknown) => error)
  t.match(failed, {
    code: 'store_failed',
    message:
      /the disk is gone; of 5000 rows 3000 are in now and 0 were before: the same import again is safe/,
  })
  t.match((failed as HuxinError).messageZh, /本次已入账 3000 条/)
  const ending = new AbortController()
  const taker = new Taker()
  taker.before = () => ending.abort()
  t.match(
    await importFile(file, taker, { signal: ending.signal }).catch(messageOf),
    /the import was ended; of 5000 rows \d000 are in now/,
  )
  const edited = new Taker()
  edited.before = (call) => (call === 2 ? appendFile(file, line('new', 1)) : undefined)
  t.match(
    await importFile(file, edited).catch(messageOf),
    /changed while it was read.*the same import again is safe/s,
  )
})

t.test(
  'a reject file that somebody changed is never replaced, and one that nobody changed is',
  async (t) => {
    const bad = (id: string, of: number): string => line(id, of).replace('2026-06-30', 'x')
    const file = await save([bad('k-1', 1), bad('k-2', 2), line('k-3', 3)])
    const [first, second] = [`${file}.rejected.csv`, `${file}.2.rejected.csv`]
    t.match(await importFile(file, new Taker(), { dryRun: true }), {
      rejectFile: first,
      keptRejects: [],
    })
    t.match(
      await importFile(file, new Taker()),
      { rejectFile: first, keptRejects: [] },
      'what a check wrote is replaced',
    )
    const whole = await readFile(first, 'utf8')
    const mended = whole.replace(',x,', ',2026-06-30,')
    await writeFile(first, mended)
    for (const turn of [1, 2]) {
      const summary = await importFile(file, new Taker())
      t.match(
        summary,
        { rejectFile: second, keptRejects: [first] },
        `import ${turn} of the original`,
      )
      t.match(
        formatSummary({ language: 'zh' }, summary),
        new RegExp(`${first} 已改过、尚未导入：按原样保留`),
      )
      t.same([await readFile(first, 'utf8'), await readFile(second, 'utf8')], [mended, whole])
    }
    const lost = new Taker()
    lost.before = () => {
      throw new HuxinError('store_failed', 'the disk is gone')
    }
    await t.rejects(importFile(file, lost), { code: 'store_failed' })
    t.same(
      [await readFile(first, 'utf8'), await readFile(second, 'utf8')],
      [mended, whole],
      'an import that ends early replaces nothing',
    )
    t.match(
      await importFile(first, new Taker(), { rejectFile: first }),
      { published: 1, rejected: 1, rejectFile: first, keptRejects: [] },
      'what is left of the mended file stays in it',
    )
    await writeFile(first, mended)
    await writeFile(file, [HEAD, line('k-1', 1), ''].join('\n'))
    t.match(
      await importFile(file, new Taker()),
      { rejectFile: undefined, keptRejects: [first] },
      'a clean import says what is left',
    )
    await t.rejects(stat(second), { code: 'ENOENT' })
    t.equal(await readFile(first, 'utf8'), mended)
    await writeFile(file, [HEAD, bad('k-1', 1), ''].join('\n'))
    t.match(await importFile(file, new Taker(), { force: true }), {
      rejectFile: first,
      keptRejects: [],
    })
    const early = await save([
      ...Array.from({ length: 1_001 }, (_, i) => line(`l-${i}`, i)),
      bad('l', 2),
    ])
    await t.rejects(importFile(early, lost), { code: 'store_failed' })
    await writeFile(join(folder, 'theirs.csv'), 'a,b\n')
    const reject = join(folder, 'theirs.csv')
    await t.rejects(sourcesOf([file], { input: undefined, reject }), {
      code: 'argument_invalid',
      message: /no reject file.*--force/,
    })
    t.equal((await sourcesOf([file], { input: undefined, reject, force: true })).sources.length, 1)
    t.equal((await sourcesOf([file], { input: undefined, reject: first })).sources.length, 1)
  },
)

t.test(
  'rows that an open quote made one stand apart in the reject file, and are in when that is imported',
  async (t) => {
    const taker = new Taker()
    const summary = await importFile(
      await save([
        line('q-1', 1).replace('浙江', '"浙江'),
        line('q-2', 2),
        line('q-3', 3).replace('有限公司', '有限公司"'),
        line('q-4', 4),
      ]),
      taker,
    )
    t.match(summary, {
      published: 1,
      rejected: 3,
      reasons: [{ code: 'quote_open', rows: 3, line: 2 }],
    })
    const file = summary.rejectFile!
    t.match(await importFile(file, taker, { rejectFile: file }), { published: 3, rejected: 0 })
    t.same(taker.ids, ['q-4', 'q-1', 'q-2', 'q-3'])
    await t.rejects(stat(file), 'nothing is left to mend')
  },
)

t.test('updates are shown, the first few, and then counted', async (t) => {
  const summary = await importFile(await save([line('a', 1)]), new Taker())
  const shown = {
    ...summary,
    published: 30,
    updated: 30,
    added: 0,
    updates: [{ line: 2, recordId: 'a', columns: [{ column: '评价等级', from: 'A', to: 'C' }] }],
  }
  t.match(
    formatSummary({ language: 'zh' }, shown),
    /新增 0 条，更新 30 条.*\n {2}第 2 行 a：评价等级 A → C\n {2}另有 29 条更新/,
  )
})

t.test('a result beside which another one holds is said, with both numbers', async (t) => {
  const taker = new Taker()
  taker.contradicted = Array.from({ length: 6 }, (_, index) => ({
    $typeName: 'huxin.v1.ContradictedResult' as const,
    index,
    recordId: index === 0 ? 'xn--21-9l3b27y' : `former-${index}`,
    result: 'E 40',
  }))
  const summary = await importFile(
    await save(Array.from({ length: 7 }, (_, i) => line(`now-${i}`, i))),
    taker,
  )
  t.match(summary, {
    published: 7,
    contradicted: 6,
    contradictions: [{ line: 2, recordId: 'now-0', other: { result: 'E 40' } }],
  })
  t.match(
    formatSummary({ language: 'zh' }, summary),
    /提示：有 6 条与此前入账的另一条结果不同.*均有效.*huxin amend withdraw.*\n {2}第 2 行 now-0：另一条为 .*（E 40）\n {2}第 3 行 now-1：另一条为 former-1（E 40）[\s\S]*另有 1 条/,
  )
  t.match(
    formatSummary({ language: 'en' }, summary),
    /notice: 6 record\(s\) .*Both hold now.*\n {2}row 2, now-0: beside/,
  )
})

t.test('targets are said in words: how many of each tier get the records', async (t) => {
  const member = (
    id: string,
    tier: string,
    parent = '',
  ): Parameters<typeof reachOf>[0][number] => ({
    node: `zj.example/${id}`,
    tier,
    parent: parent && `zj.example/${parent}`,
    status: 'active',
  })
  const members = [
    member('330000', 'province'),
    member('330100', 'city', '330000'),
    member('330106', 'county', '330100'),
    member('330110', 'county', '330100'),
    { ...member('330199', 'county', '330100'), status: 'retired' },
  ]
  const reach = (...targets: string[]) => reachOf(members, 'zj.example/330106', targets)
  t.equal(reachText({ language: 'en' }, reach('330000/**')), '1 province, 1 city, 1 county')
  t.equal(
    reachText({ language: 'zh' }, reach('**')),
    '省 1 个、市 1 个、区县 1 个'.replace('区县', '县'),
  )
  t.same(
    [
      reach('330000'),
      reach('330100', '330000'),
      reach('330106'),
      reach('330100/**'),
      reach('330110'),
    ].map(({ beyond }) => beyond),
    [0, 0, 0, 1, 1],
  )
  t.equal(reachText({ language: 'en' }, reach('330106')), 'nobody but this node')
  t.throws(() => reach('330999'), { code: 'argument_invalid' })
})

t.test(
  'several files, a folder and standard input are sources; what an import wrote and half a download are none',
  async (t) => {
    const place = join(folder, 'drop')
    await mkdir(place)
    for (const name of [
      'b.csv',
      'a.xlsx',
      'b.csv.rejected.csv',
      'a.xlsx.result.txt',
      '~$a.xlsx',
      '.hidden.csv',
      'c.tmp.csv',
      'note.pdf',
      'd.xlsx.crdownload',
      'b.csv.rejected.csv.partial',
      '函.docx',
    ])
      await writeFile(join(place, name), 'x')
    await mkdir(join(place, '旧'))
    const { sources, skipped, close } = await sourcesOf([place, 'one.csv', '-'], {
      input: Readable.from([Buffer.from('piped')]),
      reject: undefined,
    })
    t.same(
      sources.slice(0, 3).map(({ name }) => name),
      [join(place, 'a.xlsx'), join(place, 'b.csv'), 'one.csv'],
    )
    t.same(
      skipped.map((one) => skippedText(one).zh),
      [
        '略过 2 个文件，不是可导入的表格：note.pdf、函.docx；可导入的文件类型为 .csv、.tsv、.txt、.xlsx、.xls、.et、.ndjson、.jsonl',
        '略过 2 个文件，像是尚未传完的临时文件：c.tmp.csv、d.xlsx.crdownload',
        '略过 1 个退回行文件：b.csv.rejected.csv；改好的请指明文件名单独导入',
        '略过 1 个子文件夹，其中的文件未读取：旧',
      ],
      'what is left out is named, but for what programs hide',
    )
    await t.rejects(sourcesOf([join(place, '旧')], { input: undefined, reject: undefined }), {
      message: /no table in the folder/,
    })
    t.equal(await readFile(sources[3]!.file, 'utf8'), 'piped')
    t.equal((await stat(sources[3]!.file)).mode & 0o777, 0o600)
    await close()
    await t.rejects(stat(sources[3]!.file))
    await t.rejects(sourcesOf([place], { input: undefined, reject: 'x.csv' }), {
      code: 'argument_invalid',
    })
  },
)

t.test(
  'a watched folder: whole files once, failures beside the others, and nothing again after a restart',
  async (t) => {
    const place = join(folder, 'watched')
    await mkdir(place)
    const taken: string[] = []
    const watch = async (
      until: () => boolean | Promise<boolean>,
      answer = (file: string) => ({ later: false, text: `result of ${file}` }),
    ): Promise<void> => {
      const ending = new AbortController()
      const release = holdProcess()
      let looks = 0
      const clock = {
        ...systemClock,
        after: (_ms: number, then: () => void) =>
          systemClock.after(
            1,
            () =>
              void Promise.resolve(until()).then((done) => {
                if (done || ++looks > 2_000) ending.abort()
                then()
              }),
          ),
      }
      await watchFolder({
        folder: place,
        clock,
        signal: ending.signal,
        unread: 'no table',
        importOne: async (file) => {
          taken.push(file)
          return answer(file)
        },
      }).finally(release)
    }
    await writeFile(join(place, 'a.csv'), 'a')
    await writeFile(join(place, 'b.csv'), 'b')
    await watch(() => taken.length === 2)
    t.same(taken, [join(place, 'a.csv'), join(place, 'b.csv')])
    t.match(
      await readFile(resultFile(join(place, 'a.csv')), 'utf8'),
      /^result of .*a\.csv\n# huxin\/import-result\/v1 1 /,
    )
    t.equal((await stat(resultFile(join(place, 'a.csv')))).mode & 0o777, 0o600)
    let looks = 0
    await writeFile(join(place, 'letter.docx'), 'x')
    await watch(() => ++looks > 4)
    t.match(
      await readFile(resultFile(join(place, 'letter.docx')), 'utf8'),
      /^no table\n/,
      'a file that is no table is told so',
    )
    t.equal(taken.length, 2, 'after a restart nothing is taken again')
    let grown = 0
    await writeFile(join(place, 'c.csv'), 'c')
    await watch(async () => {
      if (++grown < 6) await appendFile(join(place, 'c.csv'), 'c')
      return taken.length === 3
    })
    t.ok(grown >= 6, 'one that grows is not taken')
    await writeFile(join(place, 'b.csv'), 'changed')
    await watch(
      () => taken.length === 4,
      () => ({ later: true, text: 'the node is away' }),
    )
    t.notMatch(
      await readFile(resultFile(join(place, 'b.csv')), 'utf8'),
      /away/,
      'what is tried again has no result',
    )
    await watch(() => taken.length === 5)
    t.equal(taken.at(-1), join(place, 'b.csv'))
    await writeFile(join(folder, 'precious'), 'precious')
    for (const name of ['d.csv', 'e.csv.result.txt'])
      await symlink(join(folder, 'precious'), join(place, name))
    await writeFile(join(place, 'e.csv'), 'e')
    await writeFile(join(place, 'f.csv'), 'f')
    await mkdir(join(place, 'f.csv.result.txt', 'full'), { recursive: true })
    await watch(() => taken.length === 7)
    t.same(
      taken.slice(5),
      [join(place, 'e.csv'), join(place, 'f.csv')],
      'no link is taken, and a result that cannot be written ends nothing',
    )
    t.equal(
      await readFile(join(folder, 'precious'), 'utf8'),
      'precious',
      'no result is written through a link',
    )
    t.match(await readFile(resultFile(join(place, 'e.csv')), 'utf8'), /^result of /)
  },
)

t.test(
  'a run is kept owner-only, also one that was killed, newest first, and for so many days',
  async (t) => {
    const home = join(folder, 'node')
    await mkdir(home)
    const keep = { clock: systemClock, random: systemRandom, keepDays: 400 }
    const beginning = {
      file: '/in/张三的文件.csv',
      sha256: 'ab',
      bytes: 1,
      rows: 3,
      by: '张三',
      item: INDUSTRY_ITEM,
      provider: BODY,
      targets: ['330000'],
    }
    const old = await RunLog.begin(home, beginning, {
      ...keep,
      clock: { ...systemClock, nowMs: () => Date.parse('2020-01-01T00:00:00Z') },
    })
    t.equal(
      old.id.slice(0, 15),
      localTime(Date.parse('2020-01-01T00:00:00Z'))
        .slice(0, 19)
        .replace(/[-:]/g, '')
        .replace(' ', '-'),
      'the time where the machine stands, as in the table',
    )
    const killed = await RunLog.begin(home, beginning, keep)
    t.notOk(await findRun(home, old.id), 'the old one is gone')
    killed.batch({ batchId: 'cd', records: 2, updated: 1, widened: 0 })
    await appendFile(join(home, 'imports', `${killed.id}.jsonl`), '{"end":{"outc')
    t.match(await findRun(home, killed.id), {
      ...beginning,
      batches: [{ batchId: 'cd', records: 2 }],
      end: undefined,
    })
    const done = await RunLog.begin(home, beginning, {
      ...keep,
      clock: { ...systemClock, nowMs: () => systemClock.nowMs() + 5_000 },
    })
    done.end({ outcome: 'done', added: 1, updated: 1, widened: 0, existing: 1, rejected: 0 })
    t.match(await listRuns(home, 10), [
      { id: done.id, end: { outcome: 'done' } },
      { id: killed.id },
    ])
    t.equal((await stat(join(home, 'imports'))).mode & 0o777, 0o700)
    for (const name of await readdir(join(home, 'imports')))
      t.equal((await stat(join(home, 'imports', name))).mode & 0o777, 0o600)
  },
)
