/** `huxin show`. */
import { fromBinary, toJson } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { fromHex, hex } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { parseEntry } from '../../batch/entry.ts'
import { parseHeaderNote } from '../../batch/seal.ts'
import { RecordSchema, SubjectType } from '../../gen/huxin/v1/record_pb.ts'
import type { CatalogItem } from '../../gen/huxin/v1/catalog_pb.ts'
import type { GetBatchResponse, StoredRecord } from '../../gen/huxin/v1/record_service_pb.ts'
import { decodeRecordId } from '../../record/record-id.ts'
import type { Connection } from '../connect.ts'
import { refusalText } from '../../verdict/refusal.ts'
import { localTime, type Output, print, say, table, unconfirmedText } from '../output.ts'
import { allPages } from '../pages.ts'
import type { Shell } from '../shell.ts'
import { fieldTitle, type Items, itemsOf, recordTable } from '../record-table.ts'
import {
  listed,
  scopeText,
  sourceText,
  verdictText,
  word,
  wordLists,
  wordOption,
} from '../words.ts'
import { atNode, CALL, recordIdOf, withNode } from './shared.ts'

export function recordCommands(program: Command, shell: Shell): void {
  shell
    .common(
      atNode(program.command('show <what>'), shell),
      'huxin show 91330825TT00000152 --type enterprise --node nodes/330825',
    )
    .description(
      say(
        shell,
        'a record by its id, a batch by its id (64 hexadecimal digits), or the records of a subject',
        '按记录编号、批次编号或主体代码查看',
      ),
    )
    .addOption(
      wordOption(shell, '--type <type>', {
        en: 'subject type, to look a subject up',
        zh: '主体类型（按主体查询时）',
        list: wordLists.subjectType,
      }),
    )
    .action(async (what: string, _options, command: Command) => {
      const output = shell.output(command)
      const id = fromHex(what)
      if (id?.length === 32) {
        const { batch, items } = await withNode(command, async (connection) => {
          const answer = await connection.records.getBatch({ batchId: id }, CALL)
          return {
            batch: answer,
            items: output.json
              ? (new Map() as Items)
              : await itemsOf(connection, [
                  parseHeaderNote(parseEntry(answer.entries[0]!).header).header.item ?? '',
                ]),
          }
        })
        print(output, batchView(batch), () => formatBatch(output, batch, items))
        return
      }
      const { type } = command.opts<{ type?: string }>()
      const { found, unconfirmedSinceMs, items } = await withNode(command, async (connection) => {
        const answer = await findRecords(connection, what, type)
        return {
          ...answer,
          items: output.json
            ? (new Map() as Items)
            : await itemsOf(
                connection,
                answer.found.map(({ item }) => item),
              ),
        }
      })
      if (found.length === 0) throw nothingFound(what, { type, unconfirmedSinceMs })
      const doubt =
        unconfirmedSinceMs > 0n ? `${unconfirmedText(output, unconfirmedSinceMs)}\n\n` : ''
      print(
        output,
        found.map((record) => ({
          ...recordView(record),
          ...(unconfirmedSinceMs > 0n ? { unconfirmedSinceMs } : {}),
        })),
        () =>
          doubt +
          found.map((record) => formatRecord(output, record, items.get(record.item))).join('\n\n'),
      )
    })
}

/** Nothing is known, or the question was not one that could find it: the second says what is wanted. */
function nothingFound(
  what: string,
  {
    type,
    unconfirmedSinceMs,
  }: { readonly type: string | undefined; readonly unconfirmedSinceMs: bigint },
): HuxinError {
  const shown = JSON.stringify(what.slice(0, 80))
  if (type === undefined && SUBJECT_CODE.test(what)) {
    return new HuxinError(
      'argument_invalid',
      text`${shown} is no record id that is known here, and looks like the code of a subject: also give --type, for example --type enterprise`,
    )
  }
  if (type === undefined && BATCH_ID_LIKE.test(what)) {
    return new HuxinError(
      'argument_invalid',
      text`${shown} looks like a batch id and has ${what.length} characters: a batch id has 64 hexadecimal digits; its beginning is enough for huxin why`,
    )
  }
  if (unconfirmedSinceMs > 0n)
    return new HuxinError(
      'unconfirmed',
      text`nothing is known here under ${shown}, and since ${localTime(Number(unconfirmedSinceMs))} this node has not heard what was published: ask again when the link is up (huxin node status)`,
    )
  return new HuxinError(
    'not_found',
    type === undefined
      ? text`no record with the id ${shown} is known here; names are not looked for: give a record id, a batch id, or the code of a subject with --type`
      : text`nothing about the subject ${shown} is known here`,
  )
}

/** A unified social credit code or the number of a person, by its shape. */
const SUBJECT_CODE = /^[0-9A-Z]{2}[0-9]{6}[0-9A-Z]{10}$/i
const BATCH_ID_LIKE = /^[0-9a-f]{32,}$/i

async function findRecords(
  { records }: Connection,
  what: string,
  type: string | undefined,
): Promise<{ found: StoredRecord[]; unconfirmedSinceMs: bigint }> {
  const wanted =
    type === undefined
      ? { recordId: recordIdOf(what) }
      : {
          subject: {
            type: SubjectType[type.toUpperCase() as keyof typeof SubjectType] as SubjectType,
            id: what,
          },
        }
  let unconfirmedSinceMs = 0n
  const found = await allPages(
    (pageToken) => records.getRecords({ ...wanted, pageSize: 1_000, pageToken }, CALL),
    (answer) => {
      unconfirmedSinceMs = answer.unconfirmedSinceMs
      return answer.records
    },
  )
  return { found, unconfirmedSinceMs }
}

/** A record as JSON. */
export function recordView(stored: StoredRecord): object {
  const {
    batchId,
    index,
    logIndex,
    item,
    origin,
    provider,
    standing,
    standingOn,
    disputed,
    leafHash,
  } = stored
  return {
    batchId,
    position: index,
    logIndex,
    item,
    origin,
    provider,
    standing,
    ...(standingOn === '' ? {} : { standingOn }),
    disputed,
    leafHash,
    record: stored.record.length > 0 ? recordJson(stored.record) : null,
  }
}

/** A record as JSON, its attributes too. */
export function recordJson(bytes: Uint8Array): unknown {
  const record = fromBinary(RecordSchema, bytes)
  const json = toJson(RecordSchema, record) as Record<string, unknown>
  return {
    ...json,
    ...(record.attributes.length > 0
      ? { attributes: JSON.parse(Buffer.from(record.attributes).toString()) as unknown }
      : {}),
  }
}

function formatRecord(output: Output, stored: StoredRecord, item: CatalogItem | undefined): string {
  const lines = [
    say(
      output,
      `batch ${hex(stored.batchId)} position ${stored.index}, entry ${stored.logIndex}`,
      `批次 ${hex(stored.batchId)} 位置 ${stored.index}，日志序号 ${stored.logIndex}`,
    ),
    say(
      output,
      `${stored.item}, from ${originText(output, stored.origin)}: ${stored.standing}${stored.standingOn === '' ? '' : ` from ${stored.standingOn} on`}${stored.disputed ? ', disputed' : ''}`,
      `${item ? `${item.nameZh}（${stored.item}）` : stored.item}，来自 ${originText(output, stored.origin)}：${word(output, stored.standing)}${stored.standingOn === '' ? '' : `（自 ${stored.standingOn} 起）`}${stored.disputed ? '，异议中' : ''}`,
    ),
  ]
  const { recordId } =
    stored.record.length > 0 ? fromBinary(RecordSchema, stored.record) : { recordId: '' }
  const number = decodeRecordId(recordId)
  if (number !== recordId)
    lines.push(
      say(
        output,
        `record id ${recordId}: the department's number is ${number}`,
        `记录编号 ${recordId}，即部门编号“${number}”`,
      ),
    )
  if (stored.record.length > 0)
    lines.push(
      say(output, `provider ${stored.provider}`, `数据提供单位 ${stored.provider}`),
      recordTable(output, stored.record, item),
    )
  else lines.push(say(output, 'its content is not given', '不提供内容'))
  return lines.join('\n')
}

/** A node, and its epoch where that is not the first. */
function originText(output: Output, origin: string): string {
  const [node = '', epoch = '1'] = origin.split(' ')
  return epoch === '1' ? node : say(output, `${node} (epoch ${epoch})`, `${node}（纪元 ${epoch}）`)
}

function batchView(batch: GetBatchResponse): object {
  return {
    logIndexes: batch.logIndexes,
    bodyState: batch.bodyState,
    entries: batch.entries.map((entry) => Buffer.from(entry).toString()),
    refusal: batch.refusal
      ? {
          code: batch.refusal.code,
          message: batch.refusal.message,
          messageZh: refusalText(batch.refusal).zh,
          faults: batch.refusal.faults.map(({ index, path, code, message, messageZh }) => ({
            index,
            path,
            code,
            message,
            messageZh,
          })),
        }
      : null,
    receipts: batch.receipts.map(({ node, receipt }) => ({
      node,
      entry: Buffer.from(receipt?.entryPrefix ?? []).toString(),
    })),
  }
}

function formatBatch(output: Output, batch: GetBatchResponse, items: Items): string {
  const entry = parseEntry(batch.entries[0]!)
  const { header, idText } = parseHeaderNote(entry.header)
  const item = header.item === undefined ? undefined : items.get(header.item)
  const targets = header.lanes.map(({ target }) => target)
  const lines = [
    say(
      output,
      `batch ${idText}: ${header.kind}, ${header.records} records`,
      `批次 ${idText}：${word(output, header.kind)}，${header.records} 条记录`,
    ),
    ...(header.item === undefined
      ? []
      : [
          say(
            output,
            `item: ${header.item}`,
            `目录项：${item ? `${item.nameZh}（${header.item}）` : header.item}`,
          ),
        ]),
    say(
      output,
      `sealed by: ${originText(output, `${header.origin} ${header.epoch}`)}, ${localTime(header.createdMs)}; provider ${header.provider}`,
      `报送：${originText(output, `${header.origin} ${header.epoch}`)}，${localTime(header.createdMs)}；数据提供单位 ${header.provider}`,
    ),
    say(
      output,
      `targets: ${targets.join(' ')}; class ${header.batchClass}`,
      `送达范围：${listed(
        output,
        targets.map((target) => scopeText(output, target)),
      )}；通道：${word(output, header.batchClass)}`,
    ),
    ...header.lanes.map(({ target, number }) =>
      say(
        output,
        `way: huxin trace "${header.origin} ${header.epoch} ${target} ${header.batchClass}" ${number}`,
        `逐级查询：huxin trace "${header.origin} ${header.epoch} ${target} ${header.batchClass}" ${number}`,
      ),
    ),
    say(
      output,
      `from: ${sourceText(output, entry.source)}`,
      `来自：${sourceText(output, entry.source)}`,
    ),
    say(
      output,
      `logged: ${localTime(entry.timeMs)}, ${entry.verdict.accepted ? 'accepted' : `refused (${entry.verdict.code})`}`,
      `入账时间：${localTime(entry.timeMs)}；结论：${verdictText(output, entry.verdict.accepted ? 'accepted' : entry.verdict.code)}`,
    ),
    say(
      output,
      `entries: ${batch.logIndexes.join(', ')}; body: ${batch.bodyState}`,
      `日志序号：${batch.logIndexes.join('、')}；批次体：${word(output, batch.bodyState)}`,
    ),
  ]
  if (batch.receipts.length > 0) {
    lines.push(
      table(
        [say(output, 'receipt of', '回执来自'), say(output, 'verdict', '结论')],
        batch.receipts.map(({ node, receipt }) => [
          node,
          verdictText(
            output,
            /^verdict (?:refused )?(\S+)/m.exec(
              Buffer.from(receipt?.entryPrefix ?? []).toString(),
            )?.[1] ?? '',
          ),
        ]),
      ),
    )
  }
  if (batch.refusal) {
    const { code, message, faults, faultCount } = batch.refusal
    lines.push(
      faults.length === 0
        ? say(output, `refused: ${message}`, `退回：${refusalText(batch.refusal).zh}`)
        : say(
            output,
            `refused (${code}), ${faultCount} fault(s); why and what to do: huxin why ${idText}`,
            `${verdictText(output, code)}，共 ${faultCount} 处；原因与处理办法：huxin why ${idText}`,
          ),
    )
    if (faults.length > 0) {
      lines.push(
        table(
          [
            say(output, 'position', '位置'),
            say(output, 'field', '字段'),
            say(output, 'code', '代码'),
            say(output, 'reason', '原因'),
          ],
          faults
            .slice(0, 20)
            .map(({ index, path, code: rule, message: en, messageZh }) => [
              String(index),
              fieldTitle(output, path, item),
              rule,
              say(output, en, messageZh),
            ]),
        ),
      )
    }
  }
  return lines.join('\n')
}
