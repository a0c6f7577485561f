/** `huxin import`: streams a file into batches, with a reject file for bad rows. */
import { createHash } from 'node:crypto'
import { extname, resolve } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { type Clock, holdProcess, sleep } from '../../base/clock.ts'
import { hex } from '../../base/bytes.ts'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { Random } from '../../base/random.ts'
import type { PublishRequest, PublishResponse } from '../../gen/huxin/v1/record_service_pb.ts'
import { CatalogRecordSchema, type GradeScale } from '../../gen/huxin/v1/catalog_pb.ts'
import { compileItem, type CompiledItem } from '../../record/item.ts'
import { scaleId } from '../../record/scales.ts'
import { allPages } from '../pages.ts'
import { applyProfile, lenient } from './profiles.ts'
import type { CellSettings } from '../../intake/cells.ts'
import { CellNotices, SameText } from '../../intake/notices.ts'
import { openTable } from '../../intake/open.ts'
import type { Profile } from '../../intake/profile.ts'
import { isRejectHeader, RejectFile } from '../../intake/reject.ts'
import { RowReader } from '../../intake/rows.ts'
import type { RowFault, SourceRow, TableSource } from '../../intake/table.ts'
import { refusalText } from '../../exchange/refusal.ts'

/** What an import needs of a node; RecordService satisfies it. */
export interface Publisher {
  listCatalog(request: { id?: string; pageToken?: string }): Promise<{ entries: { id: string; record: Uint8Array }[]; nextPageToken: string }>
  publish(request: Pick<PublishRequest, 'item' | 'provider' | 'targets' | 'records' | 'batchClass' | 'skipExisting' | 'requestId'>): Promise<Pick<PublishResponse, 'batchId' | 'published' | 'existing' | 'refusal' | 'receipt'>>
}

export interface ImportOptions {
  readonly file: string
  readonly item: string
  readonly provider: string
  readonly targets: readonly string[]
  readonly batchClass: 'normal' | 'bulk'
  readonly encoding: string
  readonly rejectFile: string
  readonly ignoreExtra: boolean
  /** Sheet of a workbook; undefined for the one whose header fits. */
  readonly sheet?: string | undefined
  /** How cells are read where their form leaves it open. */
  readonly cells?: CellSettings
  /** How the files of a department differ from what the item calls for. */
  readonly profile?: { readonly name: string; readonly profile: Profile } | undefined
  readonly dryRun: boolean
  /** Rows read, and the share of the file they are, 0 to 1. */
  readonly onProgress: (rows: number, share: number) => void
  readonly clock: Clock
  readonly random: Random
}

export interface ImportSummary {
  readonly rows: number
  /** With a dry run: rows that would be sent. */
  readonly published: number
  readonly existing: number
  readonly rejected: number
  readonly encoding: string
  /** What the reader did on its own account: what it left out, which form it found, what it took from cells written otherwise, what is doubtful. */
  readonly notices: readonly { readonly code: string; readonly message: string; readonly messageZh: string }[]
  /** How many rows have which fault first, most frequent first; column and row of the first one. */
  readonly reasons: readonly { readonly code: string; readonly reason: string; readonly reasonZh: string; readonly column: string; readonly line: number; readonly rows: number }[]
  readonly batches: readonly { readonly batchId: string; readonly records: number }[]
  readonly rejectFile: string | undefined
  readonly dryRun: boolean
}

const CHUNK_RECORDS = 1_000
const CHUNK_BYTES = 2_500_000
const IN_FLIGHT = 3
const RETRY_MS_MAX = 10_000
const RETRIES = 20

/** @throws HuxinError argument_invalid | item_unknown, and what the node answers */
export async function runImport(publisher: Publisher, options: ImportOptions): Promise<ImportSummary> {
  const compiled = await loadItem(publisher, options.item)
  const resolved = options.profile && applyProfile(options.profile.name, options.profile.profile, compiled)
  const source = await openTable(options.file, {
    item: resolved ? lenient(compiled.item, resolved) : compiled.item, encoding: options.encoding, ignoreExtra: options.ignoreExtra,
    sheet: options.sheet ?? options.profile?.profile.sheet, ...(resolved ? { names: resolved.names } : {}),
  })
  // What is left of a reject file stays in it.
  if (resolve(options.rejectFile) === resolve(options.file) && !isRejectHeader(source.header)) throw new HuxinError('argument_invalid', text`--reject ${options.rejectFile} is the file that is imported: name another`)
  // No spreadsheet writes lines of JSON.
  const verbatim = ['.ndjson', '.jsonl'].includes(extname(options.file).toLowerCase())
  const cells = { ...resolved?.cells, ...options.cells, ...(verbatim ? { verbatim } : {}) }
  const run = new ImportRun(publisher, options, { source, reader: new RowReader({ compiled, mapping: source.mapping, provider: options.provider, settings: cells, ...(resolved ? { defaults: resolved.defaults } : {}) }) })
  return run.run()
}

class ImportRun {
  readonly #publisher: Publisher
  readonly #options: ImportOptions
  readonly #source: TableSource
  readonly #reasons = new Map<string, ImportSummary['reasons'][number]>()
  readonly #batches: { batchId: string; records: number }[] = []
  readonly #reject: RejectFile
  readonly #reader: RowReader
  readonly #notices = new CellNotices()
  readonly #names = new SameText()
  readonly #nameColumn: string
  /** Names this run's requests: a repeated call is answered with the first batch, another run asks anew. */
  readonly #runId: string
  #rows = 0
  #rejected = 0
  #published = 0
  #existing = 0

  constructor(publisher: Publisher, options: ImportOptions, parts: { source: TableSource; reader: RowReader }) {
    this.#publisher = publisher
    this.#options = options
    this.#source = parts.source
    this.#reject = new RejectFile(options.rejectFile, parts.source.header)
    this.#reader = parts.reader
    this.#nameColumn = parts.source.mapping.columns.find(({ column }) => column.field === 'subject.name')?.header ?? ''
    this.#runId = hex(options.random.fill(new Uint8Array(8)))
  }

  async run(): Promise<ImportSummary> {
    const flying: Promise<void>[] = []
    const release = holdProcess()
    let chunk: Uint8Array[] = []
    let bytes = 0
    const send = async (): Promise<void> => {
      if (chunk.length === 0) return
      const sent = this.#send(chunk)
      // It is awaited below; until then a failure is not an unhandled one.
      sent.catch(() => undefined)
      flying.push(sent)
      chunk = []
      bytes = 0
      if (flying.length >= IN_FLIGHT) await flying.shift()
    }
    let rejectFile: string | undefined
    let complete = false
    try {
      for await (const row of this.#source.rows) {
        if (++this.#rows % 1_000 === 0) this.#options.onProgress(this.#rows, this.#source.bytesRead() / Math.max(1, this.#source.bytes))
        const result = this.#reader.read(row)
        if ('faults' in result) {
          await this.#refuse(row, result.faults)
          continue
        }
        this.#notices.add(row.line, result.notices)
        this.#names.add(result.name)
        if (chunk.length >= CHUNK_RECORDS || bytes + result.record.length > CHUNK_BYTES) await send()
        chunk.push(result.record)
        bytes += result.record.length
      }
      await send()
      await Promise.all(flying)
      complete = !this.#options.dryRun
    } finally {
      await Promise.allSettled(flying)
      rejectFile = await this.#reject.end({ complete, imported: resolve(this.#options.rejectFile) === resolve(this.#options.file) })
      release()
    }
    return {
      rows: this.#rows, published: this.#published, existing: this.#existing, rejected: this.#rejected, encoding: this.#source.encoding,
      notices: [...this.#source.notices(), ...this.#notices.list(), ...this.#names.list(this.#nameColumn)].map(({ code, text }) => ({ code, message: text.en, messageZh: text.zh })),
      reasons: [...this.#reasons.values()].sort((a, b) => b.rows - a.rows), batches: this.#batches,
      rejectFile, dryRun: this.#options.dryRun,
    }
  }

  async #send(records: readonly Uint8Array[]): Promise<void> {
    const { item, provider, targets, batchClass, dryRun, clock } = this.#options
    if (dryRun) {
      this.#published += records.length
      return
    }
    const digest = createHash('sha256')
    for (const record of records) digest.update(record)
    const requestId = `import-${this.#runId}-${digest.digest('hex').slice(0, 32)}`
    for (let attempt = 0, delayMs = 200; ; attempt++, delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      try {
        const answer = await this.#publisher.publish({ item, provider, targets: [...targets], records: [...records], batchClass, skipExisting: true, requestId })
        if (answer.refusal) throw new HuxinError('record_invalid', text`the node refused rows that are good by its own catalog: ${refusalText(answer.refusal)}`)
        this.#published += answer.published
        // A repeated call is answered with what the first one published.
        this.#existing += records.length - answer.published
        if (answer.published > 0) this.#batches.push({ batchId: Buffer.from(answer.batchId).toString('hex'), records: answer.published })
        return
      } catch (error) {
        if (!isHuxinError(error) || error.retry !== 'later' || attempt >= RETRIES) throw error
        await sleep(clock, delayMs)
      }
    }
  }

  async #refuse(row: SourceRow, faults: readonly RowFault[]): Promise<void> {
    this.#rejected++
    const first = faults[0]!
    const reason = this.#reasons.get(first.code) ?? { code: first.code, reason: first.reason, reasonZh: first.reasonZh, column: first.column, line: row.line, rows: 0 }
    this.#reasons.set(first.code, { ...reason, rows: reason.rows + 1 })
    await this.#reject.add(row, faults)
  }
}

/** A catalog item of the node, ready to check records with. @throws HuxinError argument_invalid when it has none of that id */
export async function loadItem(publisher: Pick<Publisher, 'listCatalog'>, id: string): Promise<CompiledItem> {
  const entries = await allPages((pageToken) => publisher.listCatalog({ pageToken }), (answer) => answer.entries)
  const scales = new Map<string, GradeScale>()
  let item
  for (const entry of entries) {
    const { content } = fromBinary(CatalogRecordSchema, entry.record)
    if (content.case === 'scale') scales.set(scaleId(content.value), content.value)
    if (content.case === 'item' && entry.id === id) item = content.value
  }
  if (!item) {
    const known = entries.filter(({ record }) => fromBinary(CatalogRecordSchema, record).content.case === 'item').map((entry) => entry.id)
    throw new HuxinError('argument_invalid', text`catalog item ${JSON.stringify(id)} is not known at the node; known are ${known.join(', ') || text`none`}`)
  }
  return compileItem(item, (scale) => scales.get(scale))
}
