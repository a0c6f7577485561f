/** `huxin demo`: seven nodes, five scenes, a reconciliation and a file of evidence. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { civilDate, holdProcess, systemClock } from '../../base/clock.ts'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { type Said, text } from '../../base/text.ts'
import { systemRandom } from '../../base/random.ts'
import { type EntrySource, parseEntry } from '../../batch/entry.ts'
import { parseHeaderNote } from '../../batch/seal.ts'
import { formatSummary } from '../import/report.ts'
import { writtenRejects } from '../import/runs.ts'
import { runImport } from '../import/import.ts'
import { localTime, ago, type Output, say, table } from '../output.ts'
import { starterItems } from '../../record/data/items.ts'
import { decodeRecord } from '../../record/record.ts'
import { starterMappings, starterScales } from '../../record/data/scales.ts'
import { BODY, DemoData, INDUSTRY_ITEM, NATIONAL_ITEM } from './data.ts'
import { DemoProcesses, places, until } from './processes.ts'

export interface DemoOptions {
  readonly exit?: boolean
  readonly detail?: boolean
  readonly keep?: string
  readonly seed: string
  /** Records that the county imports and that the nation sends back. */
  readonly records: number
}

const CALL = { timeoutMs: 60_000 }
const WAIT_MS = 60_000
const COUNTIES = ['330106', '330110', '330782'] as const

const validityZh: Readonly<Record<string, string>> = {
  valid: '有效',
  withdrawn: '已撤回',
  source_withdrawn: '来源已撤回',
  source_superseded: '来源已更新',
  expired: '已过期',
  refused: '已退回',
}
const sourcesZh: Readonly<Record<EntrySource['kind'], string>> = {
  self: '本节点',
  client: '本级客户端',
  operator: '本级操作员',
  child: '下级',
  parent: '上级',
  fetched: '补取',
}

/** Runs the demo. @returns exit code */
export async function runDemo(options: DemoOptions, output: Output): Promise<number> {
  const folder =
    options.keep === undefined
      ? await mkdtemp(join(tmpdir(), 'huxin-demo-'))
      : resolve(options.keep)
  const demo = new Demo(options, output, folder)
  const stopped = new Promise<void>((stop) => {
    process.once('SIGINT', () => stop())
    process.once('SIGTERM', () => stop())
  })
  try {
    const code = await Promise.race([demo.run(), stopped.then(() => 130)])
    if (code === 0 && !options.exit) {
      demo.say('The nodes keep running; Ctrl-C ends them.', '节点继续运行，按 Ctrl-C 结束。')
      demo.say(
        `Try: huxin node status --node ${demo.nodes.nodeFolder('330000')}`,
        `可试：huxin node status --node ${demo.nodes.nodeFolder('330000')}`,
      )
      await stopped.finally(holdProcess())
    }
    return code
  } finally {
    await demo.nodes.stopAll()
    if (options.keep === undefined)
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

class Demo {
  readonly nodes: DemoProcesses
  readonly #options: DemoOptions
  readonly #output: Output
  readonly #folder: string
  readonly #data: DemoData
  readonly #beganMs = systemClock.monotonicMs()
  #batch: Uint8Array = new Uint8Array()

  constructor(options: DemoOptions, output: Output, folder: string) {
    this.#options = options
    this.#output = output
    this.#folder = folder
    this.nodes = new DemoProcesses(folder)
    this.#data = new DemoData(options.seed, systemClock.nowMs())
  }

  async run(): Promise<number> {
    this.#title(
      'Seven nodes start: one nation, one province (the hub), two cities, three counties',
      '启动七个节点：国家、省（枢纽）、两市、三县',
    )
    await this.nodes.setUp((place) =>
      this.say(`  ${place.id} ${place.en} (${place.tier})`, `  ${place.id} ${place.zh}`),
    )
    await this.#publishCatalog()
    await this.#sceneImport()
    await this.#sceneReturnFlow()
    await this.#sceneDark()
    await this.#sceneWithheld()
    await this.#sceneRecognition()
    await this.#close()
    return 0
  }

  say(en: string, zh: string): void {
    this.#output.write(`${say(this.#output, en, zh)}\n`)
  }

  #title(en: string, zh: string): void {
    const seconds = ((systemClock.monotonicMs() - this.#beganMs) / 1000).toFixed(0)
    this.#output.write(`\n▌ ${say(this.#output, en, zh)}  (${seconds} s)\n`)
  }

  async #publishCatalog(): Promise<void> {
    const records = [
      ...starterScales.map((value) => ({ content: { case: 'scale' as const, value } })),
      ...starterMappings.map((value) => ({ content: { case: 'mapping' as const, value } })),
      ...starterItems.map((value) => ({ content: { case: 'item' as const, value } })),
    ]
    // Each publishes its own names: the nation those of cn, the province those of zj.
    for (const id of ['000000', '330000']) {
      await this.#must(text`catalog of ${id}`, async () => {
        const { admin } = await this.nodes.connection(id)
        const answer = await admin
          .publishCatalog(
            { records, act: { reason: '演示目录', document: '演〔2026〕2号' }, ownedOnly: true },
            CALL,
          )
          .catch((error: unknown) => {
            // Mappings of the province name scales of the nation, which are on their way.
            if (isHuxinError(error, 'item_unknown')) return undefined
            throw error
          })
        return answer && !answer.refusal ? true : undefined
      })
    }
    for (const { id } of places) {
      await this.#must(text`catalog at ${id}`, async () => {
        const { entries } = await (
          await this.nodes.connection(id)
        ).records.listCatalog({ id: INDUSTRY_ITEM }, CALL)
        return entries.length > 0 ? true : undefined
      })
    }
    this.say(
      `Nation and province published ${starterItems.length} catalog items, ${starterScales.length} grade scales; every node has them.`,
      `国家与省发布 ${starterItems.length} 个目录项、${starterScales.length} 个等级体系，各节点均已收到。`,
    )
  }

  async #sceneImport(): Promise<void> {
    this.#title(
      `Scene 1: county Xihu imports a department's file of ${this.#options.records.toLocaleString('en-US')} industry evaluations, 12 of them bad`,
      `场景一：西湖区导入部门文件，${this.#options.records} 条行业信用评价，其中 12 条有误`,
    )
    const file = join(this.#folder, '行业评价.csv')
    await writeFile(file, this.#data.industryCsv('330106', this.#options.records))
    const { records } = await this.nodes.connection('330106')
    const begin = systemClock.monotonicMs()
    const summary = await runImport(
      {
        listCatalog: (request) => records.listCatalog(request, CALL),
        publish: (request) => records.publish(request, CALL),
      },
      {
        file,
        item: INDUSTRY_ITEM,
        provider: BODY,
        targets: ['330000'],
        batchClass: 'bulk',
        encoding: 'auto',
        rejectFile: `${file}.rejected.csv`,
        written: writtenRejects(this.#folder),
        ignoreExtra: false,
        dryRun: false,
        settleMs: 0,
        onProgress: () => undefined,
        clock: systemClock,
        random: systemRandom,
      },
    )
    this.#output.write(`${formatSummary(this.#output, summary)}\n`)
    this.say(
      `durable and logged after ${seconds(begin)}`,
      `用时 ${seconds(begin)}，均已落盘并记入日志`,
    )
    this.#batch = Buffer.from(summary.batches.at(-1)!.batchId, 'hex')
    const receipt = await this.#must(text`the hub's receipt`, async () => {
      const { receipts } = await records.getBatch({ batchId: this.#batch }, CALL)
      return receipts.find(({ node }) => node === this.nodes.name('330000'))?.receipt
    })
    this.say(
      "the hub's receipt has come back down, through the city, to the county:",
      '省枢纽的回执已经市级返回到区县：',
    )
    for (const line of Buffer.from(receipt.entryPrefix).toString().trim().split('\n'))
      this.#output.write(`  ${line}\n`)
  }

  async #sceneReturnFlow(): Promise<void> {
    this.#title(
      `Scene 2: the nation's A–D results (${this.#options.records.toLocaleString('en-US')}) flow back to the counties concerned`,
      `场景二：国家 A–D 综合评价结果（${this.#options.records} 条）回流到相关区县`,
    )
    const nation = await this.nodes.connection('000000')
    const { records: count } = this.#options
    const begin = systemClock.monotonicMs()
    const sent = new Map<string, number>()
    for (let number = 0; number < count; number += 1_000) {
      const county = COUNTIES[(number / 1_000) % COUNTIES.length]!
      const batch = Array.from({ length: Math.min(1_000, count - number) }, (_, i) =>
        this.#data.national(county, 200_000 + number + i),
      )
      await nation.records.publish(
        {
          item: NATIONAL_ITEM,
          provider: BODY,
          targets: [county],
          records: batch,
          batchClass: 'bulk',
        },
        CALL,
      )
      sent.set(county, (sent.get(county) ?? 0) + batch.length)
    }
    const rows: string[][] = []
    for (const county of COUNTIES) {
      const expected = sent.get(county) ?? 0
      await this.#must(text`return flow to ${county}`, async () =>
        (await this.#nationalAt(county)) >= expected ? true : undefined,
      )
      rows.push([this.#place(county), String(expected), seconds(begin)])
    }
    this.#output.write(
      `${table([say(this.#output, 'county', '区县'), say(this.#output, 'results received', '收到结果'), say(this.#output, 'complete after', '完成用时')], rows)}\n`,
    )
    this.say(
      'province and cities passed them on without indexing them; each county sees its own only',
      '省、市仅过境传送、不建索引；各区县只见到自己的',
    )
  }

  async #sceneDark(): Promise<void> {
    this.#title(
      'Scene 3: county Yuhang goes dark; the others go on; it returns and catches up',
      '场景三：余杭区断电离线，其他节点照常；恢复后自动补齐',
    )
    const [xihu, yuhang] = [await this.#nationalAt('330106'), await this.#nationalAt('330110')]
    await this.nodes.stop('330110', 'SIGKILL')
    const nation = await this.nodes.connection('000000')
    for (let k = 0; k < 10; k++) {
      const batch = Array.from({ length: 1_000 }, (_, i) =>
        this.#data.national('330110', 300_000 + k * 1_000 + i),
      )
      await nation.records.publish(
        {
          item: NATIONAL_ITEM,
          provider: BODY,
          targets: ['330110', '330106'],
          records: batch,
          batchClass: 'bulk',
        },
        CALL,
      )
    }
    await this.#must(text`the others go on`, async () =>
      (await this.#nationalAt('330106')) >= xihu + 10_000 ? true : undefined,
    )
    this.say(
      '10,000 more results arrived at Xihu while Yuhang was dark',
      '余杭离线期间，西湖照常收到 10000 条',
    )
    const begin = systemClock.monotonicMs()
    await this.nodes.start('330110')
    await this.#must(text`Yuhang catches up`, async () =>
      (await this.#nationalAt('330110')) >= yuhang + 10_000 ? true : undefined,
    )
    this.say(
      `Yuhang is back and has everything ${seconds(begin)} after its start; nothing was queued for it meanwhile`,
      `余杭启动后 ${seconds(begin)} 补齐全部结果；期间无需为其排队`,
    )
  }

  async #sceneWithheld(): Promise<void> {
    this.#title(
      'Scene 4: city Jinhua withholds one batch; the far county names it and who had it last',
      '场景四：金华市扣留一个批次，远端区县指出缺号及最后持有者',
    )
    const lane = `${this.nodes.name('330106')} 1 330782 normal`
    await this.nodes.stop('330700')
    await this.nodes.startWithholding('330700', lane, 1)
    const { records } = await this.nodes.connection('330106')
    for (let number = 0; number < 3; number++) {
      const enterprise = this.#data.enterprise('330782', 400_000 + number)
      await records.publish(
        {
          item: INDUSTRY_ITEM,
          provider: BODY,
          targets: ['330782'],
          records: [this.#data.industry(enterprise, `SIDE-${number}`)],
          batchClass: 'normal',
        },
        CALL,
      )
    }
    const yiwu = await this.nodes.connection('330782')
    const alarm = await this.#must(text`the county names the gap`, async () => {
      const { alarms } = await yiwu.admin.getStatus({}, CALL)
      return alarms.find((line) => line.startsWith('gap '))
    })
    this.say(`alarm at Yiwu: ${alarm}`, `义乌告警：${alarm}`)
    const traces = await this.#must(text`the trace`, async () => {
      const answer = await yiwu.admin.traceLane({ lane, number: 1n }, CALL)
      return answer.traces.some(({ receiptNotes }) => receiptNotes.length > 0)
        ? answer.traces
        : undefined
    })
    this.#output.write(
      `${table(
        [
          say(this.#output, 'node', '节点'),
          say(this.#output, 'says it has number 1', '称持有 1 号'),
          say(this.#output, 'next hop that signed for it', '已签收的下一站'),
        ],
        traces.map(({ node, held, receiptNotes }) => [
          this.#place(node.slice(node.lastIndexOf('/') + 1)),
          held ? say(this.#output, 'yes', '是') : say(this.#output, 'no', '否'),
          receiptNotes
            .map((note) => /^from (.*)$/m.exec(Buffer.from(note).toString())?.[1] ?? '')
            .join(', '),
        ]),
      )}\n`,
    )
    this.say(
      "Jinhua says no, but the province holds Jinhua's signed receipt for it: Jinhua had it last",
      '金华称没有，但省枢纽持有金华对该批的签名回执：最后持有者是金华',
    )
    const begin = systemClock.monotonicMs()
    await this.nodes.stop('330700')
    await this.nodes.start('330700')
    await this.#must(text`the gap closes`, async () =>
      (await yiwu.records.getRecords({ recordId: 'SIDE-2' }, CALL)).records.length > 0
        ? true
        : undefined,
    )
    this.say(
      `Jinhua runs honestly again; the gap closed ${seconds(begin)} later, in order`,
      `金华恢复正常后 ${seconds(begin)}，缺号按序补齐`,
    )
  }

  async #sceneRecognition(): Promise<void> {
    this.#title(
      'Scene 5: Jinhua recognizes a result of Hangzhou; the source is withdrawn; the recognition falls',
      '场景五：金华认可杭州的评价结果；来源撤回，互认随之失效',
    )
    const hangzhou = await this.nodes.connection('330100')
    const jinhua = await this.nodes.connection('330700')
    const enterprise = this.#data.enterprise('330100', 500_000)
    const source = await hangzhou.records.publish(
      {
        item: INDUSTRY_ITEM,
        provider: BODY,
        targets: ['330100'],
        records: [this.#data.industry(enterprise, 'HZ-1')],
      },
      CALL,
    )
    await jinhua.admin.requestRecognition(
      {
        holder: this.nodes.name('330100'),
        item: INDUSTRY_ITEM,
        resultRecordId: 'HZ-1',
        subjectType: 'enterprise',
        subjectId: enterprise.uscc,
        subjectName: enterprise.name,
        purpose: 'mutual-recognition',
        legalBasis: '演〔2026〕3号',
        mapping: 'zj-5-to-cn@1',
      },
      CALL,
    )
    const request = await this.#must(
      text`the request arrives`,
      async () =>
        (await hangzhou.records.listRecognitions({ openOnly: true }, CALL)).recognitions[0]
          ?.request,
    )
    await hangzhou.admin.answerRecognition(
      {
        requestRecordId: decodeRecord(request.record).recordId,
        decision: 'recognized',
        validUntil: '',
      },
      CALL,
    )
    const answered = await this.#must(
      text`the answer arrives`,
      async () =>
        (await jinhua.records.listRecognitions({}, CALL)).recognitions[0]?.confirmations[0],
    )
    this.say(
      `Jinhua holds Hangzhou's signed confirmation: ${answered.validity}`,
      `金华已持有杭州签名的互认确认：${validityZh[answered.validity] ?? answered.validity}`,
    )
    const begin = systemClock.monotonicMs()
    const withdrawn = await hangzhou.records.amend(
      {
        changes: [
          {
            action: 'withdraw',
            batchId: source.batchId,
            index: 0,
            effectiveOn: civilDate(systemClock.nowMs()),
            basis: 'correction/source',
          },
        ],
      },
      CALL,
    )
    const fallen = await this.#must(text`the recognition falls`, async () => {
      const found = (await jinhua.records.listRecognitions({}, CALL)).recognitions[0]
        ?.confirmations[0]
      return found && found.validity !== 'valid' ? found : undefined
    })
    this.say(
      `the source was withdrawn; at Jinhua the recognition fell (${fallen.validity}) ${seconds(begin)} later`,
      `来源撤回 ${seconds(begin)} 后，金华的互认失效（${validityZh[fallen.validity] ?? fallen.validity}）`,
    )
    const rows: string[][] = []
    for (const { id } of places) {
      const { records } = await this.nodes.connection(id)
      const batch = await this.#must(
        text`withdrawal at ${id}`,
        async () =>
          await records.getBatch({ batchId: withdrawn.batchId }, CALL).catch(() => undefined),
      )
      const entry = parseEntry(batch.entries[0]!)
      rows.push([
        this.#place(id),
        String(batch.logIndexes[0]),
        localTime(entry.timeMs),
        say(this.#output, entry.source.kind, sourcesZh[entry.source.kind]),
      ])
    }
    this.#output.write(
      `${table([say(this.#output, 'node', '节点'), say(this.#output, 'log entry', '日志序号'), say(this.#output, 'applied at', '执行时间'), say(this.#output, 'came from', '来自')], rows)}\n`,
    )
  }

  async #close(): Promise<void> {
    this.#title('Reconciliation', '对账')
    const rows = await this.#must(text`everything is confirmed`, async () => {
      const lines = (
        await Promise.all(
          (['330100', '330700'] as const).map(
            async (city) =>
              (await (await this.nodes.connection(city)).admin.reconcile({}, CALL)).lines,
          ),
        )
      ).flat()
      return lines.every(({ inTransit }) => inTransit === 0n) ? lines : undefined
    })
    this.#output.write(
      `${table(
        [
          say(this.#output, 'county', '区县'),
          say(this.#output, 'due', '应送'),
          say(this.#output, 'received', '已收'),
          say(this.#output, 'returned', '退回'),
          say(this.#output, 'in transit', '在途'),
          say(this.#output, 'last contact', '最近联系'),
        ],
        rows.map((row) => [
          this.#place(row.node.slice(row.node.lastIndexOf('/') + 1)),
          String(row.due),
          String(row.received),
          String(row.returned),
          String(row.inTransit),
          ago(this.#output, Number(row.lastContactMs), systemClock.nowMs()),
        ]),
      )}\n`,
    )
    if (this.#options.detail) await this.#detail()
    await this.#evidence()
    const seconds_ = (systemClock.monotonicMs() - this.#beganMs) / 1000
    this.#output.write('\n')
    this.say(`Done in ${seconds_.toFixed(0)} s.`, `演示完成，用时 ${seconds_.toFixed(0)} 秒。`)
  }

  async #evidence(): Promise<void> {
    this.#title(
      "The province issues evidence of one record; another process, which has only the file and the nation's key, checks it",
      '省枢纽出具一条记录的存证材料，由只有该文件与国家根公钥的另一进程核验',
    )
    const province = await this.nodes.connection('330000')
    const { file: content, roots } = await province.admin.issueEvidence(
      { batchId: this.#batch, position: 0, purpose: 'judicial', document: '（2026）演0106民初1号' },
      CALL,
    )
    const file = join(this.#folder, 'evidence.txt')
    await writeFile(file, content)
    const words = ['verify', file, ...roots.flatMap((root) => ['--root', root])]
    const head = Buffer.from(content).toString().split('\n').slice(0, 8)
    for (const line of [
      ...head,
      say(
        this.#output,
        `… (${content.length.toLocaleString('en-US')} bytes)`,
        `……（共 ${content.length} 字节）`,
      ),
    ])
      this.#output.write(`  │ ${line}\n`)
    this.#output.write(`\n  huxin ${words.join(' ')}\n`)
    const home = await mkdtemp(join(tmpdir(), 'huxin-empty-'))
    try {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          fileURLToPath(new URL('../main.js', import.meta.url)),
          ...words,
          '--lang',
          this.#output.language,
        ],
        { cwd: home, env: { HOME: home } },
      )
      // The record itself names its subject; it is left to whoever runs the command.
      for (const line of stdout.slice(0, stdout.lastIndexOf('\n\n')).split('\n'))
        this.#output.write(`  ${line}\n`)
    } finally {
      await rm(home, { recursive: true, force: true })
    }
    if (this.#options.keep === undefined && this.#options.exit)
      this.say('(with --keep <folder> the file stays)', '（加 --keep <目录> 可保留该文件）')
  }

  async #detail(): Promise<void> {
    for (const { id } of places) {
      const { checkpoint, final } = await (
        await this.nodes.connection(id)
      ).log.getCheckpoint({}, CALL)
      this.#output.write(
        `\n${this.#place(id)}${final ? say(this.#output, ' (final)', '（已终局）') : ''}\n${Buffer.from(checkpoint).toString()}`,
      )
    }
  }

  /** How many national results a county holds, from the headers of its log. */
  async #nationalAt(id: string): Promise<number> {
    const { log } = await this.nodes.connection(id)
    let count = 0
    for (let start = 0n; ;) {
      const { entries } = await log.listEntries({ start, limit: 1_000 }, CALL)
      for (const bytes of entries) {
        const { header } = parseHeaderNote(parseEntry(bytes).header)
        if (header.item === NATIONAL_ITEM) count += header.records
      }
      if (entries.length === 0) return count
      start += BigInt(entries.length)
    }
  }

  #place(id: string): string {
    const place = places.find((candidate) => candidate.id === id)
    return place ? `${id} ${say(this.#output, place.en, place.zh)}` : id
  }

  async #must<T>(what: Said, look: () => Promise<T | undefined>): Promise<T> {
    const found = await until(look, WAIT_MS, this.nodes.stopped)
    if (found === undefined)
      throw new HuxinError(
        'deadline_exceeded',
        text`waited ${WAIT_MS / 1000} s in vain: ${what}; logs are in ${this.#folder}/nodes/*/node.log (keep them with --keep)`,
      )
    return found
  }
}

function seconds(beginMs: number): string {
  return `${((systemClock.monotonicMs() - beginMs) / 1000).toFixed(1)} s`
}
