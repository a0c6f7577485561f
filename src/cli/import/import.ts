/**
 * `huxin import`: a file becomes batches, with a reject file for bad rows. The file is read to its end before anything is sent
 * (`survey.ts`), and watched until the last batch is in (`whole-file.ts`). An import that ends early says what is in; the
 * same command again goes on, since what is in is left out.
 */
import { createHash } from 'node:crypto'
import { extname, resolve } from 'node:path'
import { type Clock, holdProcess, sleep } from '../../base/clock.ts'
import { equalBytes, hex } from '../../base/bytes.ts'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { Random } from '../../base/random.ts'
import type { PublishRequest, PublishResponse } from '../../gen/huxin/v1/record_service_pb.ts'
import type { RecordFault } from '../../gen/huxin/v1/body_pb.ts'
import type { CatalogItem } from '../../gen/huxin/v1/catalog_pb.ts'
import type { CompiledItem } from '../../record/item.ts'
import { decodeRecord } from '../../record/record.ts'
import type { CellSettings } from '../../intake/cells.ts'
import { CellNotices, SameText } from '../../intake/notices.ts'
import { openTable } from '../../intake/open.ts'
import type { Profile } from '../../intake/profile.ts'
import { isRejectHeader } from '../../intake/reject-columns.ts'
import { type RejectEnd, RejectFile, type WrittenRejects } from '../../intake/reject.ts'
import { RowReader, underFormerId } from '../../intake/rows.ts'
import type { RowFault, SourceRow, TableSource } from '../../intake/table.ts'
import { refusalText } from '../../verdict/refusal.ts'
import { changedColumns, type Update } from './changes.ts'
import { type CatalogSource, loadItem } from './item.ts'
import { applyProfile, lenient } from './profiles.ts'
import { type Conflicts, type GoodRow, nodeFault, survey } from './survey.ts'
import { WholeFile } from './whole-file.ts'

/** What an import needs of a node; RecordService satisfies it. */
export interface Publisher extends CatalogSource {
  publish(
    request: Pick<
      PublishRequest,
      'item' | 'provider' | 'targets' | 'records' | 'batchClass' | 'skipExisting' | 'requestId'
    >,
  ): Promise<
    Pick<PublishResponse, 'batchId' | 'published' | 'existing' | 'refusal' | 'receipt'> &
      Partial<
        Pick<
          PublishResponse,
          'updated' | 'widened' | 'replaced' | 'contradicted' | 'contradictedCount'
        >
      >
  >
}

export interface ImportOptions {
  readonly file: string
  /** `<id>@<edition>`; the newest edition in force where there is none. */
  readonly item: string
  /** Unified social credit code; '' where the file says it (evaluator). */
  readonly provider: string
  readonly targets: readonly string[]
  readonly batchClass: 'normal' | 'bulk'
  readonly encoding: string
  readonly rejectFile: string
  /** The reject file is replaced, whoever wrote it. */
  readonly force?: boolean
  /** What earlier imports wrote as reject files. */
  readonly written: WrittenRejects
  readonly ignoreExtra: boolean
  /** Sheet of a workbook; undefined for the one whose header fits. */
  readonly sheet?: string | undefined
  /** How cells are read where their form leaves it open. */
  readonly cells?: CellSettings
  /** How the files of a department differ from what the item calls for. */
  readonly profile?: { readonly name: string; readonly profile: Profile } | undefined
  readonly dryRun: boolean
  /** Milliseconds that a file has to stand still before it is read. */
  readonly settleMs: number
  /** What is under way, rows so far, and the share that they are, 0 to 1. */
  readonly onProgress: (phase: 'check' | 'send', rows: number, share: number) => void
  /** Told of each batch, in order of the answers. */
  readonly onBatch?: (batch: SentBatch) => void
  /** Told when the file was read once and the first batch is about to be sent. */
  readonly onChecked?: (checked: Checked) => Promise<void> | void
  /** Aborted when the import is to end. */
  readonly signal?: AbortSignal
  readonly clock: Clock
  readonly random: Random
}

/** A batch that the node took, and what its records are beside what held before. */
export interface SentBatch {
  readonly batchId: string
  readonly records: number
  readonly updated: number
  readonly widened: number
}

/** What is known before anything is sent. */
export interface Checked {
  readonly item: string
  readonly provider: string
  readonly rows: number
  readonly sha256: string
  readonly bytes: number
}

/** A row beside whose result another one holds. */
export interface Contradiction {
  readonly line: number
  readonly recordId: string
  readonly other: { readonly recordId: string; readonly result: string }
}

export interface ImportSummary extends Checked {
  /** With a dry run: rows that would be sent. */
  readonly published: number
  /** Of those published: not known here before. */
  readonly added: number
  /** Of those published: they replace another content. */
  readonly updated: number
  /** Of those published: they were there, and go to more targets now. */
  readonly widened: number
  /** They are there as they are. */
  readonly existing: number
  /** What the first updates change. */
  readonly updates: readonly Update[]
  /** Of those published: another result holds beside them, under another record id. */
  readonly contradicted: number
  /** The first of these. */
  readonly contradictions: readonly Contradiction[]
  readonly rejected: number
  readonly encoding: string
  /** What the reader did on its own account: what it left out, which form it found, what it took from cells written otherwise, what is doubtful. */
  readonly notices: readonly {
    readonly code: string
    readonly message: string
    readonly messageZh: string
  }[]
  /** How many rows have which fault first (code, column and words), most frequent first; row of the first one. */
  readonly reasons: readonly {
    readonly code: string
    readonly reason: string
    readonly reasonZh: string
    readonly column: string
    readonly line: number
    readonly rows: number
  }[]
  readonly batches: readonly SentBatch[]
  readonly rejectFile: string | undefined
  /** Reject files of before that somebody changed: they are as they were. */
  readonly keptRejects: readonly string[]
  readonly dryRun: boolean
}

const CHUNK_RECORDS = 1_000
const CHUNK_BYTES = 2_500_000
const IN_FLIGHT = 3
const RETRY_MS_MAX = 10_000
const RETRIES = 20

const UPDATES_SHOWN = 20
const CONTRADICTIONS_SHOWN = 5
/** Kinds of reasons that are told apart by their words; what comes after is told apart by its code. */
const REASONS_SHOWN = 20
const PROGRESS_ROWS = 1_000

/** @throws HuxinError argument_invalid | item_unknown | cancelled, and what the node answers */
export async function runImport(
  publisher: Publisher,
  options: ImportOptions,
): Promise<ImportSummary> {
  const { file, rejectFile, clock, settleMs } = options
  const release = holdProcess()
  try {
    const { compiled, item } = await loadItem(publisher, options.item)
    const form = formOf(compiled, options)
    const whole = await WholeFile.open(file, { clock, settleMs })
    const { rows, evaluators, conflicts } = await survey(() => goodRows(form, options))
    if (!(await whole.looksSame()))
      throw new HuxinError(
        'argument_invalid',
        text`${file} changed while it was read: import it when it is whole; nothing was sent`,
      )
    const provider = options.provider || (rows === 0 ? '' : providerOf(file, evaluators))
    const checked = { item, provider, rows, sha256: whole.sha256, bytes: whole.size }
    const source = await form.open()
    // What is left of a reject file stays in it.
    if (resolve(rejectFile) === resolve(file) && !isRejectHeader(source.header))
      throw new HuxinError(
        'argument_invalid',
        text`--reject ${rejectFile} is the file that is imported: name another`,
      )
    await options.onChecked?.(checked)
    return await new ImportRun(publisher, options, {
      item: compiled.item,
      source,
      reader: form.reader(source, provider),
      whole,
      conflicts,
      checked,
    }).run()
  } finally {
    release()
  }
}

/** How a file is read, as often as it is. */
interface Form {
  open(): Promise<TableSource>
  reader(source: TableSource, provider: string): RowReader
}

/** @throws HuxinError argument_invalid for a profile that does not fit the item */
function formOf(
  compiled: CompiledItem,
  { file, encoding, ignoreExtra, sheet, cells, profile }: ImportOptions,
): Form {
  const resolved = profile && applyProfile(profile.name, profile.profile, compiled)
  // No spreadsheet writes lines of JSON.
  const verbatim = ['.ndjson', '.jsonl'].includes(extname(file).toLowerCase())
  const settings = { ...resolved?.cells, ...cells, ...(verbatim ? { verbatim } : {}) }
  return {
    open: () =>
      openTable(file, {
        item: resolved ? lenient(compiled.item, resolved) : compiled.item,
        encoding,
        ignoreExtra,
        sheet: sheet ?? profile?.profile.sheet,
        anyKind: sheet === undefined,
        ...(resolved ? { names: resolved.names } : {}),
      }),
    reader: ({ mapping }, provider) =>
      new RowReader({
        compiled,
        mapping,
        provider,
        settings,
        ...(resolved ? { defaults: resolved.defaults } : {}),
      }),
  }
}

/** The body that the file itself names as the evaluating one. @throws HuxinError argument_invalid */
function providerOf(file: string, evaluators: readonly string[]): string {
  if (evaluators.length === 1) return evaluators[0]!
  throw new HuxinError(
    'argument_invalid',
    evaluators.length === 0
      ? text`say who answers for the records of ${file}: --provider, or import.provider in node.yaml`
      : text`${file} has records of several evaluating bodies (${evaluators.join(', ')}, …): say who answers for all of them with --provider, or divide the file`,
  )
}

/** The rows of a file, once. A provider that is not known yet has no part in whether a row is good. */
async function* goodRows(
  form: Form,
  { provider, onProgress, signal }: ImportOptions,
): AsyncGenerator<SourceRow | GoodRow> {
  const source = await form.open()
  const reader = form.reader(source, provider)
  let rows = 0
  for await (const row of source.rows) {
    if (++rows % PROGRESS_ROWS === 0) {
      if (signal?.aborted)
        throw new HuxinError('cancelled', text`the import was ended; nothing was sent`)
      onProgress('check', rows, source.bytesRead() / Math.max(1, source.bytes))
    }
    const result = reader.read(row)
    yield 'faults' in result ? row : { row, record: result.record }
  }
}

interface RunParts {
  readonly item: CatalogItem
  readonly source: TableSource
  readonly reader: RowReader
  readonly whole: WholeFile
  readonly conflicts: Conflicts
  readonly checked: Checked
}

class ImportRun {
  readonly #publisher: Publisher
  readonly #options: ImportOptions
  readonly #parts: RunParts
  readonly #notices = new CellNotices()
  readonly #names = new SameText()
  readonly #reasons = new Map<string, ImportSummary['reasons'][number]>()
  readonly #batches: SentBatch[] = []
  readonly #updates: Update[] = []
  readonly #reject: RejectFile
  /** Rows are written one after the other, whoever refuses them. */
  #rejecting: Promise<void> = Promise.resolve()
  /** Names this run's requests: a repeated call is answered with the first batch, another run asks anew. */
  readonly #runId: string
  #rows = 0
  #rejected = 0
  #published = 0
  #updated = 0
  #widened = 0
  #existing = 0
  #contradicted = 0
  readonly #contradictions: Contradiction[] = []

  constructor(publisher: Publisher, options: ImportOptions, parts: RunParts) {
    this.#publisher = publisher
    this.#options = options
    this.#parts = parts
    this.#reject = new RejectFile(
      { file: options.rejectFile, written: options.written, force: options.force ?? false },
      parts.source.header,
    )
    this.#runId = hex(options.random.fill(new Uint8Array(8)))
  }

  async run(): Promise<ImportSummary> {
    const { source, whole, checked } = this.#parts
    const { file, rejectFile, dryRun } = this.#options
    const imported = resolve(rejectFile) === resolve(file)
    let rejects: RejectEnd = { file: undefined, kept: [] }
    let read = false
    try {
      await this.#sendAll()
      if (!(await whole.isSame()))
        throw new HuxinError(
          'argument_invalid',
          text`${file} changed while it was read: rows of both may be in`,
        )
      read = true
    } catch (error) {
      throw this.#endedEarly(error)
    } finally {
      rejects = await this.#reject.end({ complete: read && !dryRun, read, imported })
    }
    const nameColumn =
      source.mapping.columns.find(({ column }) => column.field === 'subject.name')?.header ?? ''
    return {
      ...checked,
      published: this.#published,
      added: this.#published - this.#updated - this.#widened,
      updated: this.#updated,
      widened: this.#widened,
      existing: this.#existing,
      contradicted: this.#contradicted,
      contradictions: this.#contradictions,
      rejected: this.#rejected,
      encoding: source.encoding,
      updates: this.#updates,
      notices: [...source.notices(), ...this.#notices.list(), ...this.#names.list(nameColumn)].map(
        ({ code, text: said }) => ({ code, message: said.en, messageZh: said.zh }),
      ),
      reasons: [...this.#reasons.values()].sort((a, b) => b.rows - a.rows),
      batches: this.#batches,
      rejectFile: rejects.file,
      keptRejects: rejects.kept,
      dryRun,
    }
  }

  async #sendAll(): Promise<void> {
    const { source, reader, whole, conflicts, checked } = this.#parts
    const { onProgress, signal, file } = this.#options
    const flying: Promise<void>[] = []
    let chunk: GoodRow[] = []
    let bytes = 0
    const send = async (): Promise<void> => {
      if (chunk.length === 0) return
      if (signal?.aborted) throw new HuxinError('cancelled', text`the import was ended`)
      if (!(await whole.looksSame()))
        throw new HuxinError('argument_invalid', text`${file} changed while it was read`)
      const sent = this.#send(chunk)
      // It is awaited below; until then a failure is not an unhandled one.
      sent.catch(() => undefined)
      flying.push(sent)
      chunk = []
      bytes = 0
      if (flying.length >= IN_FLIGHT) await flying.shift()
    }
    try {
      for await (const row of source.rows) {
        if (++this.#rows % PROGRESS_ROWS === 0)
          onProgress('send', this.#rows, this.#rows / Math.max(1, checked.rows))
        const result = reader.read(row)
        const faults =
          'faults' in result
            ? result.faults
            : [conflicts.faultOf(result.record)].filter((fault) => fault !== undefined)
        if ('faults' in result || faults.length > 0) {
          await this.#refuse(row, faults)
          continue
        }
        this.#notices.add(row.line, result.notices)
        this.#names.add(result.name)
        if (chunk.length >= CHUNK_RECORDS || bytes + result.record.length > CHUNK_BYTES)
          await send()
        chunk.push({ row, record: result.record })
        bytes += result.record.length
      }
      await send()
      await Promise.all(flying)
    } finally {
      await Promise.allSettled(flying)
    }
  }

  /** Says what is in already. */
  #endedEarly(error: unknown): unknown {
    if (!isHuxinError(error) || (this.#batches.length === 0 && this.#existing === 0)) return error
    const said = text`${error}; of ${this.#parts.checked.rows} rows ${this.#published} are in now and ${this.#existing} were before: the same import again is safe, what is in is left out`
    return new HuxinError(error.code, said, { cause: error, details: error.details })
  }

  /** Sends rows; those that the node refuses are rejected, and the others sent without them. */
  async #send(rows: readonly GoodRow[]): Promise<void> {
    const { dryRun } = this.#options
    if (dryRun) {
      this.#published += rows.length
      return
    }
    for (let left = rows; left.length > 0;) {
      const answer = await this.#publish(left)
      if (!answer.refusal) return this.#count(left, answer)
      if (answer.refusal.faults.length === 0)
        throw new HuxinError(
          'record_invalid',
          text`the node refuses the rows: ${refusalText(answer.refusal)}`,
        )
      left = await this.#rejectFaults(left, answer.refusal.faults)
    }
  }

  /** @returns the rows that have no fault, and those that are in under a former id with that one */
  async #rejectFaults(
    rows: readonly GoodRow[],
    faults: readonly RecordFault[],
  ): Promise<GoodRow[]> {
    const {
      item,
      checked: { provider },
    } = this.#parts
    const former = new Map(
      faults
        .filter(({ code }) => code === 'record_id_former')
        .map(({ index }) => [index, underFormerId(item, provider, rows[index]!.record)]),
    )
    // Each is sent so once.
    if ([...former].some(([i, record]) => !equalBytes(record, rows[i]!.record)))
      return rows.map((one, i) => ({ ...one, record: former.get(i) ?? one.record }))
    const byRow = new Map<number, RowFault[]>()
    const headerOf = (path: string): string =>
      this.#parts.source.mapping.columns.find(({ column }) => column.field === path)?.header ?? ''
    for (const fault of faults)
      byRow.set(fault.index, [
        ...(byRow.get(fault.index) ?? []),
        nodeFault(headerOf(fault.path), fault),
      ])
    for (const [i, found] of byRow) await this.#refuse(rows[i]!.row, found)
    return rows.filter((_, i) => !byRow.has(i))
  }

  #count(
    rows: readonly GoodRow[],
    {
      batchId,
      published,
      updated = 0,
      widened = 0,
      replaced = [],
      contradicted = [],
      contradictedCount = 0,
    }: Answer,
  ): void {
    const { onBatch } = this.#options
    this.#published += published
    this.#updated += updated
    this.#widened += widened
    // A repeated call is answered with what the first one published.
    this.#existing += rows.length - published
    for (const { index, record } of replaced) {
      if (this.#updates.length >= UPDATES_SHOWN) break
      const { row, record: now } = rows[index]!
      this.#updates.push({
        line: row.line,
        recordId: decodeRecord(now).recordId,
        columns: changedColumns(this.#parts.item, record, now),
      })
    }
    this.#contradicted += contradictedCount
    for (const { index, recordId, result } of contradicted.slice(
      0,
      CONTRADICTIONS_SHOWN - this.#contradictions.length,
    )) {
      const { row, record } = rows[index]!
      this.#contradictions.push({
        line: row.line,
        recordId: decodeRecord(record).recordId,
        other: { recordId, result },
      })
    }
    if (published === 0) return
    const batch = {
      batchId: Buffer.from(batchId).toString('hex'),
      records: published,
      updated,
      widened,
    }
    this.#batches.push(batch)
    onBatch?.(batch)
  }

  async #publish(rows: readonly GoodRow[]): Promise<Answer> {
    const { targets, batchClass, clock, signal } = this.#options
    const { item, provider } = this.#parts.checked
    const digest = createHash('sha256')
    for (const { record } of rows) digest.update(record)
    const requestId = `import-${this.#runId}-${digest.digest('hex').slice(0, 32)}`
    for (
      let attempt = 0, delayMs = 200;
      ;
      attempt++, delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)
    ) {
      try {
        return await this.#publisher.publish({
          item,
          provider,
          targets: [...targets],
          records: rows.map(({ record }) => record),
          batchClass,
          skipExisting: true,
          requestId,
        })
      } catch (error) {
        if (
          !isHuxinError(error) ||
          error.retry !== 'later' ||
          attempt >= RETRIES ||
          signal?.aborted
        )
          throw error
        await sleep(clock, delayMs, signal)
      }
    }
  }

  #refuse(row: SourceRow, faults: readonly RowFault[]): Promise<void> {
    this.#rejecting = this.#rejecting.then(() => this.#writeRejected(row, faults))
    return this.#rejecting
  }

  async #writeRejected(row: SourceRow, faults: readonly RowFault[]): Promise<void> {
    this.#rejected++
    const first = faults[0]!
    const said = `${first.code}\0${first.column}\0${first.reason}`
    const key = this.#reasons.has(said) || this.#reasons.size < REASONS_SHOWN ? said : first.code
    const reason = this.#reasons.get(key) ?? {
      code: first.code,
      reason: first.reason,
      reasonZh: first.reasonZh,
      column: first.column,
      line: row.line,
      rows: 0,
    }
    this.#reasons.set(key, { ...reason, rows: reason.rows + 1 })
    await this.#reject.add(row, faults)
  }
}

type Answer = Awaited<ReturnType<Publisher['publish']>>
