/** `huxin import`, `huxin show`, `huxin amend`. */
import { fromBinary, toJson } from '@bufbuild/protobuf'
import { type Command, Option } from 'commander'
import { civilDate, systemClock } from '../../base/clock.ts'
import { fromHex, hex } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, text } from '../../base/text.ts'
import { systemRandom } from '../../base/random.ts'
import { parseEntry } from '../../batch/entry.ts'
import { openHeader } from '../../batch/seal.ts'
import { RecordSchema, SubjectType } from '../../gen/huxin/v1/record_pb.ts'
import type { GetBatchResponse, StoredRecord } from '../../gen/huxin/v1/record_service_pb.ts'
import { decodeRecordId } from '../../record/record-id.ts'
import type { Connection } from '../connect.ts'
import { rejectFileOf } from '../../intake/reject.ts'
import { loadProfile } from '../import/profiles.ts'
import { profileCommands } from './import-profile.ts'
import { type ImportSummary, runImport } from '../import/import.ts'
import { encodings } from '../../intake/encoding.ts'
import { refusalText } from '../../exchange/refusal.ts'
import { type Output, print, progress, say, table } from '../output.ts'
import { localTime, unconfirmedText } from '../local-time.ts'
import { allPages } from '../pages.ts'
import type { Shell } from '../shell.ts'
import { sourceText, word } from '../words.ts'
import { atNode, CALL, civilDay, collect, recordIdOf, subjectTypes, withNode } from './shared.ts'

export function importCommand(program: Command, shell: Shell): void {
  const command = shell.common(atNode(program.command('import <file>'), shell), 'huxin import 评价结果.csv --item zj/industry-evaluation@2026.1 --target "330000/**" --node nodes/330825')
    .description(say(shell, 'publish the rows of a .xlsx, CSV or NDJSON file; the same file again adds nothing', '导入 .xlsx、CSV 或 NDJSON；重复导入不会重复入库'))
    .option('--item <id@edition>', say(shell, 'catalog item (default: that of the profile)', '目录项（默认按部门配置）'))
    .option('--target <target>', say(shell, 'node, <node>/** or **; may be given again (default: those of the profile)', '送达范围，可多次给出（默认按部门配置）'), collect)
    .option('--profile <name>', say(shell, 'how the files of a department are read: profiles/<name>.yaml of the node', '部门配置：节点目录下 profiles/<名称>.yaml'))
    .option('--provider <uscc>', say(shell, 'body answerable for the records (default: the node\'s)', '数据提供单位（默认本节点运行单位）'), '')
    .addOption(new Option('--class <class>', say(shell, 'lane: bulk yields to normal', '通道：bulk 让位于 normal')).choices(['normal', 'bulk']).default('bulk'))
    .addOption(new Option('--encoding <encoding>', say(shell, 'encoding of the file', '文件编码')).choices(['auto', ...encodings]).default('auto'))
    .option('--reject <file>', say(shell, 'where bad rows go (default: <file>.rejected.csv)', '退回行文件（默认：原文件名.rejected.csv）'))
    .option('--accept-odd-names', say(shell, 'take names and texts that look damaged as they are', '疑似有误的名称与文本按原样导入'))
    .option('--verbatim', say(shell, 'no spreadsheet had the file: codes that end in 000 are right', '文件未经电子表格处理，以 000 结尾的代码属实'))
    .option('--ignore-extra', say(shell, 'leave out columns whose name is like that of a missing one', '略过名称与所缺列相近的列'))
    .option('--sheet <name>', say(shell, 'sheet of a workbook (default: the one whose header fits)', '工作表名称（默认：表头相符的那一个）'))
    .option('--dry-run', say(shell, 'check only', '只检查不入库'))
    .action(async (file: string, _options, command: Command) => {
      const options = command.opts<GivenOptions>()
      const output = shell.output(command)
      const bar = progress(output, say(output, 'rows', '行'))
      const terms = await termsOf(command, options)
      let provider = terms.provider
      const summary = await withNode(command, ({ records, config }) => runImport({
        listCatalog: (request) => records.listCatalog(request, CALL),
        publish: (request) => records.publish(request, { timeoutMs: 120_000 }),
      }, {
        ...terms, file, provider: provider ||= config.body, rejectFile: options.reject ?? rejectFileOf(file), dryRun: options.dryRun ?? false,
        onProgress: (rows, share) => bar.show(rows, share), clock: systemClock, random: systemRandom,
      })).finally(() => bar.end())
      print(output, { ...summary, provider }, () => `${formatSummary(output, summary)}\n${say(output, `provider: ${provider}`, `数据提供单位：${provider}`)}`)
      if (summary.rejected > 0) shell.exitCode = 1
    })
  profileCommands(command, shell)
}

interface GivenOptions {
  node: string
  item?: string
  target?: string[]
  provider: string
  profile?: string
  class: 'normal' | 'bulk'
  encoding: string
  reject?: string
  sheet?: string
  ignoreExtra?: boolean
  dryRun?: boolean
  acceptOddNames?: boolean
  verbatim?: boolean
}

/** What is imported and how: what is given stands before what the profile says. */
async function termsOf(command: Command, options: GivenOptions) {
  const profile = options.profile === undefined ? undefined : await loadProfile(options.node, options.profile)
  const item = options.item ?? profile?.item
  const targets = options.target ?? profile?.targets
  if (item === undefined) throw new HuxinError('argument_invalid', bilingual('the catalog item is missing: give --item, or a profile that names one', '缺少目录项：请给出 --item，或在部门配置中写 item'))
  if (targets === undefined) throw new HuxinError('argument_invalid', bilingual('the targets are missing: give --target, or a profile that names them', '缺少送达范围：请给出 --target，或在部门配置中写 targets'))
  return {
    item, targets, provider: options.provider || (profile?.provider ?? ''),
    batchClass: command.getOptionValueSource('class') === 'default' ? profile?.class ?? options.class : options.class,
    encoding: options.encoding === 'auto' ? profile?.encoding ?? options.encoding : options.encoding,
    ignoreExtra: options.ignoreExtra ?? profile?.ignoreExtra ?? false,
    cells: { ...(options.acceptOddNames ? { acceptOdd: true } : {}), ...(options.verbatim ? { verbatim: true } : {}) },
    sheet: options.sheet,
    profile: profile && { name: options.profile!, profile },
  }
}

/** The summary of an import, for people. */
export function formatSummary(output: Pick<Output, 'language'>, summary: ImportSummary): string {
  const { rows, published, existing, rejected, encoding, reasons, batches, rejectFile } = summary
  const lines = [summary.dryRun
    ? say(output, `${rows} rows (${encoding}): ${published} good, ${rejected} bad; nothing was sent`, `共 ${rows} 行（${encoding}）：合格 ${published} 行，不合格 ${rejected} 行；未入账`)
    : say(output,
      `${rows} rows (${encoding}): ${published} published in ${batches.length} batch(es), ${existing} already there, ${rejected} rejected`,
      `共 ${rows} 行（${encoding}）：入账 ${published} 条（${batches.length} 批），已存在 ${existing} 条，退回 ${rejected} 行`)]
  if (published === 0 && existing > 0) lines.push(say(output, 'nothing new: every good row is already in the log', '没有新增：所有合格行均已入账'))
  for (const { message, messageZh } of summary.notices) lines.push(say(output, `notice: ${message}`, `提示：${messageZh}`))
  for (const { code, reason, reasonZh, rows: count, column, line } of reasons) {
    const at = column === '' ? '' : say(output, `${column}: `, `“${column}”：`)
    lines.push(`  ${count} × ${code}: ${at}${say(output, `${reason} (first in row ${line})`, `${reasonZh}（首见第 ${line} 行）`)}`)
  }
  if (rejectFile) lines.push(say(output, `rejected rows: ${rejectFile}`, `退回行文件：${rejectFile}`))
  return lines.join('\n')
}

export function recordCommands(program: Command, shell: Shell): void {
  shell.common(atNode(program.command('show <what>'), shell), 'huxin show 91330825TT00000152 --type enterprise --node nodes/330825')
    .description(say(shell, 'a record by its id, a batch by its id (64 hexadecimal digits), or the records of a subject', '按记录编号、批次编号或主体代码查看'))
    .addOption(new Option('--type <type>', say(shell, 'subject type, to look a subject up', '主体类型（按主体查询时）')).choices(subjectTypes))
    .action(async (what: string, _options, command: Command) => {
      const output = shell.output(command)
      const id = fromHex(what)
      if (id?.length === 32) {
        const batch = await withNode(command, ({ records }) => records.getBatch({ batchId: id }, CALL))
        print(output, batchView(batch), () => formatBatch(output, batch))
        return
      }
      const { type } = command.opts<{ type?: string }>()
      const { found, unconfirmedSinceMs } = await withNode(command, (connection) => findRecords(connection, what, type))
      if (found.length === 0) throw nothingFound(what, { type, unconfirmedSinceMs })
      const doubt = unconfirmedSinceMs > 0n ? `${unconfirmedText(output, unconfirmedSinceMs)}\n\n` : ''
      print(output, found.map((record) => ({ ...recordView(record), ...(unconfirmedSinceMs > 0n ? { unconfirmedSinceMs } : {}) })), () => doubt + found.map((record) => formatRecord(output, record)).join('\n\n'))
    })
}

/** Nothing is known, or the question was not one that could find it: the second says what is wanted. */
function nothingFound(what: string, { type, unconfirmedSinceMs }: { readonly type: string | undefined; readonly unconfirmedSinceMs: bigint }): HuxinError {
  const shown = JSON.stringify(what.slice(0, 80))
  if (type === undefined && SUBJECT_CODE.test(what)) {
    return new HuxinError('argument_invalid', text`${shown} is no record id that is known here, and looks like the code of a subject: also give --type, for example --type enterprise`)
  }
  if (type === undefined && BATCH_ID_LIKE.test(what)) {
    return new HuxinError('argument_invalid', text`${shown} looks like a batch id and has ${what.length} characters: a batch id has 64 hexadecimal digits; its beginning is enough for huxin why`)
  }
  if (unconfirmedSinceMs > 0n) return new HuxinError('unconfirmed', text`nothing is known here under ${shown}, and since ${localTime(Number(unconfirmedSinceMs))} this node has not heard what was published: ask again when the link is up (huxin node status)`)
  return new HuxinError('not_found', type === undefined
    ? text`no record with the id ${shown} is known here; names are not looked for: give a record id, a batch id, or the code of a subject with --type`
    : text`nothing about the subject ${shown} is known here`)
}

/** A unified social credit code or the number of a person, by its shape. */
const SUBJECT_CODE = /^[0-9A-Z]{2}[0-9]{6}[0-9A-Z]{10}$/i
const BATCH_ID_LIKE = /^[0-9a-f]{32,}$/i

async function findRecords({ records }: Connection, what: string, type: string | undefined): Promise<{ found: StoredRecord[]; unconfirmedSinceMs: bigint }> {
  const wanted = type === undefined ? { recordId: recordIdOf(what) } : { subject: { type: SubjectType[type.toUpperCase() as keyof typeof SubjectType] as SubjectType, id: what } }
  let unconfirmedSinceMs = 0n
  const found = await allPages((pageToken) => records.getRecords({ ...wanted, pageSize: 1_000, pageToken }, CALL), (answer) => {
    unconfirmedSinceMs = answer.unconfirmedSinceMs
    return answer.records
  })
  return { found, unconfirmedSinceMs }
}

/** A record as JSON. */
export function recordView(stored: StoredRecord): object {
  const { batchId, index, logIndex, item, origin, provider, standing, standingOn, disputed, leafHash } = stored
  return { batchId, position: index, logIndex, item, origin, provider, standing, ...(standingOn === '' ? {} : { standingOn }), disputed, leafHash, record: stored.record.length > 0 ? recordJson(stored.record) : null }
}

/** A record as JSON, its attributes too. */
export function recordJson(bytes: Uint8Array): unknown {
  const record = fromBinary(RecordSchema, bytes)
  const json = toJson(RecordSchema, record) as Record<string, unknown>
  return { ...json, ...(record.attributes.length > 0 ? { attributes: JSON.parse(Buffer.from(record.attributes).toString()) as unknown } : {}) }
}

function formatRecord(output: Output, stored: StoredRecord): string {
  const lines = [
    say(output, `batch ${hex(stored.batchId)} position ${stored.index}, entry ${stored.logIndex}`, `批次 ${hex(stored.batchId)} 位置 ${stored.index}，日志序号 ${stored.logIndex}`),
    say(output, `${stored.item}, from ${stored.origin}: ${stored.standing}${stored.standingOn === '' ? '' : ` from ${stored.standingOn} on`}${stored.disputed ? ', disputed' : ''}`,
      `${stored.item}，来自 ${stored.origin}：${word(output, stored.standing)}${stored.standingOn === '' ? '' : `（自 ${stored.standingOn} 起）`}${stored.disputed ? '，异议中' : ''}`),
  ]
  const { recordId } = stored.record.length > 0 ? fromBinary(RecordSchema, stored.record) : { recordId: '' }
  const number = decodeRecordId(recordId)
  if (number !== recordId) lines.push(say(output, `record id ${recordId}: the department's number is ${number}`, `记录编号 ${recordId}，即部门编号“${number}”`))
  if (stored.record.length > 0) lines.push(JSON.stringify(recordJson(stored.record), undefined, 2))
  else lines.push(say(output, 'its content is not given', '不提供内容'))
  return lines.join('\n')
}

function batchView(batch: GetBatchResponse): object {
  return {
    logIndexes: batch.logIndexes, bodyState: batch.bodyState, entries: batch.entries.map((entry) => Buffer.from(entry).toString()),
    refusal: batch.refusal ? { code: batch.refusal.code, message: batch.refusal.message, messageZh: refusalText(batch.refusal).zh, faults: batch.refusal.faults.map(({ index, path, code, message, messageZh }) => ({ index, path, code, message, messageZh })) } : null,
    receipts: batch.receipts.map(({ node, receipt }) => ({ node, entry: Buffer.from(receipt?.entryPrefix ?? []).toString() })),
  }
}

function formatBatch(output: Output, batch: GetBatchResponse): string {
  const entry = parseEntry(batch.entries[0]!)
  const { header } = openHeader(entry.header)
  const lines = [
    Buffer.from(batch.entries[0]!).toString().trimEnd(),
    '',
    say(output, `from: ${sourceText(output, entry.source)}`, `来自：${sourceText(output, entry.source)}`),
    say(output, `entries: ${batch.logIndexes.join(', ')}; body: ${batch.bodyState}; ${header.records} records`, `日志序号：${batch.logIndexes.join('、')}；批次体：${word(output, batch.bodyState)}；${header.records} 条记录`),
  ]
  if (batch.receipts.length > 0) {
    lines.push(table([say(output, 'receipt of', '回执来自'), say(output, 'verdict', '结论')], batch.receipts.map(({ node, receipt }) => [node, word(output, /^verdict (.*)$/m.exec(Buffer.from(receipt?.entryPrefix ?? []).toString())?.[1]?.split(' sha256')[0] ?? '')])))
  }
  if (batch.refusal) {
    lines.push(say(output, `refused: ${batch.refusal.message}`, `退回：${refusalText(batch.refusal).zh}`))
    lines.push(table(
      [say(output, 'record', '记录'), say(output, 'field', '字段'), say(output, 'code', '代码'), say(output, 'reason', '原因')],
      batch.refusal.faults.slice(0, 20).map(({ index, path, code, message, messageZh }) => [String(index), path, code, say(output, message, messageZh)]),
    ))
  }
  return lines.join('\n')
}
