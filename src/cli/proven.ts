/** What was verified without a node, for people and as JSON. */
import { formatSeconds, formatTime } from '../base/clock.ts'
import { isHuxinError } from '../base/errors.ts'
import { textOf } from '../base/text.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import type { FinalByPolicy, JudgedLog, ProvenEntry } from '../evidence/finality.ts'
import type { ProvenFork } from '../evidence/fork.ts'
import type { ProvenEvidence, ProvenLog } from '../evidence/verify.ts'
import type { CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import { kinds } from '../kinds/kinds.ts'
import { recordJson } from './commands/records.ts'
import { localTime, type Output, say } from './output.ts'
import { recordTable } from './record-table.ts'
import { verdictText, word } from './words.ts'

const verdictOf = ({ entry }: ProvenLog): string =>
  entry.verdict.accepted ? 'accepted' : `refused ${entry.verdict.code}`

export function provenView(proven: ProvenEvidence): object {
  const { issuance, header, record, logs, roots, batchId } = proven
  return {
    proven: true,
    showsInForce: false,
    batchId,
    origin: header.origin,
    epoch: header.epoch,
    provider: header.provider,
    kind: header.kind,
    item: header.item ?? null,
    created: formatTime(header.createdMs),
    records: header.records,
    record: record
      ? {
          position: record.position,
          leafHash: record.leafHash,
          content: record.bytes ? recordOf(proven, record.bytes) : null,
        }
      : null,
    logs: logs.map((log) => ({
      log: log.log,
      index: log.index,
      size: log.size,
      time: formatTime(log.entry.timeMs),
      verdict: verdictOf(log),
      cosigners: log.cosigners.map(({ name, timeSeconds }) => ({
        name,
        time: formatSeconds(timeSeconds),
      })),
      unchecked: log.unchecked,
    })),
    issued: {
      by: issuance.issuer,
      time: formatTime(issuance.issuedMs),
      purpose: issuance.purpose,
      document: issuance.document,
      accessBatchId: issuance.access,
    },
    roots,
  }
}

/** A catalog file that the reader gave, and the item of the record in it. */
export interface Titles {
  readonly file: string
  readonly item: CatalogItem | undefined
}

export function formatProven(output: Output, proven: ProvenEvidence, titles?: Titles): string {
  const { issuance, header, record, logs, roots, batchId } = proven
  const lines = [
    record
      ? say(
          output,
          `PROVEN: record ${record.position} is in batch ${batchId}, which ${header.origin} signed, and the logs below hold that batch.`,
          `已证明：第 ${record.position} 号记录在批次 ${batchId} 中，该批次由 ${header.origin} 签名，并已记入下列日志。`,
        )
      : say(
          output,
          `PROVEN: ${header.origin} signed batch ${batchId}, and the logs below hold it.`,
          `已证明：批次 ${batchId} 由 ${header.origin} 签名，并已记入下列日志。`,
        ),
    say(
      output,
      'It does NOT show that the record is in force: it may have been withdrawn, repaired, corrected or replaced since. Nor that what it says is true.',
      '不说明记录现行有效：此后可能已撤回、修复、更正或被替代；亦不说明其内容属实。',
    ),
    '',
    say(
      output,
      `sealed by ${header.origin} (epoch ${header.epoch}), ${localTime(header.createdMs)} by its own clock; provider ${header.provider}`,
      `报送：${header.origin}（纪元 ${header.epoch}），其自述时间 ${localTime(header.createdMs)}；数据提供单位 ${header.provider}`,
    ),
    say(
      output,
      `kind ${header.kind}, item ${header.item ?? '-'}, ${header.records} record(s) in the batch`,
      `种类 ${word(output, header.kind)}，目录项 ${header.item ?? '-'}，批次共 ${header.records} 条记录`,
    ),
    ...logs.flatMap((log) => logLines(output, log)),
    say(
      output,
      `issued by ${issuance.issuer}, ${localTime(issuance.issuedMs)}; purpose ${issuance.purpose}, document ${issuance.document}; access record ${Buffer.from(issuance.access).toString('hex')}`,
      `出具：${issuance.issuer}，${localTime(issuance.issuedMs)}；用途 ${word(output, issuance.purpose)}，文书 ${issuance.document}；查询留痕 ${Buffer.from(issuance.access).toString('hex')}`,
    ),
    say(
      output,
      `all of it follows from the root key ${roots.join(', ')}`,
      `以上均由根公钥推出：${roots.join('、')}`,
    ),
  ]
  if (record) lines.push('', ...recordLines(output, { proven, record, titles }))
  return lines.join('\n')
}

function logLines(output: Output, log: ProvenLog): string[] {
  const cosigned = log.cosigners.map(
    ({ name, timeSeconds }) => `${name} ${formatSeconds(timeSeconds)}`,
  )
  const lines = [
    say(
      output,
      `logged by ${log.log}: entry ${log.index} of ${log.size}, ${localTime(log.entry.timeMs)}, ${verdictOf(log)}`,
      `日志 ${log.log}：第 ${log.index} 条（共 ${log.size} 条），${localTime(log.entry.timeMs)}，${verdictText(output, log.entry.verdict.accepted ? 'accepted' : log.entry.verdict.code)}`,
    ),
  ]
  lines.push(
    cosigned.length > 0
      ? say(output, `  cosigned by ${cosigned.join(', ')}`, `  见证：${cosigned.join('、')}`)
      : say(
          output,
          '  cosigned by nobody: this proof is provisional and rests on that log alone',
          '  尚无见证：此证明为暂定，仅凭该日志自身',
        ),
  )
  if (log.unchecked.length > 0)
    lines.push(
      say(
        output,
        `  not checked, keys not in the file: ${log.unchecked.join(', ')}`,
        `  未核验（文件中无其公钥）：${log.unchecked.join('、')}`,
      ),
    )
  return lines
}

function recordLines(
  output: Output,
  {
    proven,
    record,
    titles,
  }: {
    proven: ProvenEvidence
    record: NonNullable<ProvenEvidence['record']>
    titles: Titles | undefined
  },
): string[] {
  if (!record.bytes)
    return [
      say(
        output,
        `the record itself is erased or not held by the issuer; its salted hash is ${Buffer.from(record.leafHash).toString('hex')}`,
        `记录本身已删除或出具节点不持有；其加盐哈希为 ${Buffer.from(record.leafHash).toString('hex')}`,
      ),
    ]
  return [
    say(output, 'the record:', '记录内容：'),
    recordText(output, { proven, bytes: record.bytes, item: titles?.item }),
    ...titlesNote(output, proven, titles),
  ]
}

/** Where the titles come from, or why there are none: they are never proved. */
function titlesNote(
  output: Output,
  { header: { item } }: ProvenEvidence,
  titles: Titles | undefined,
): string[] {
  if (item === undefined) return []
  if (titles?.item)
    return [
      say(
        output,
        `titles are those of ${titles.file}, which is no part of the proof`,
        `字段名称取自 ${titles.file}，不属于证明内容`,
      ),
    ]
  const how = say(
    output,
    `huxin catalog show ${item} --json > FILE at a node, then --catalog FILE`,
    `在节点上执行 huxin catalog show ${item} --json > 文件，再加 --catalog 文件`,
  )
  return [
    titles
      ? say(
          output,
          `${titles.file} does not have ${item}: fields of the item stand under their names; ${how}`,
          `${titles.file} 中没有 ${item}：目录项字段以字段标识列出；${how}`,
        )
      : say(
          output,
          `the titles of the catalog are not in the file: fields of the item stand under their names; for titles ${how}`,
          `存证材料中没有目录：目录项字段以字段标识列出；需要名称的，${how}`,
        ),
  ]
}

/** Credit records under titles in words; without a catalog attributes keep their names. */
function recordText(
  output: Output,
  {
    proven,
    bytes,
    item,
  }: { proven: ProvenEvidence; bytes: Uint8Array; item: CatalogItem | undefined },
): string {
  if (isCreditRecord(proven)) {
    try {
      return recordTable(output, bytes, item)
    } catch {
      // What an origin sealed that is no record is shown as it is.
    }
  }
  const content = recordOf(proven, bytes)
  return typeof content === 'string' ? content : JSON.stringify(content, undefined, 2)
}

const isCreditRecord = ({ header }: ProvenEvidence): boolean =>
  kinds.get(header.kind)?.indexed === true

/** Credit records as JSON; those of other kinds, and what an origin sealed that is none, as they are. */
function recordOf(proven: ProvenEvidence, bytes: Uint8Array): unknown {
  const shown = kinds.get(proven.header.kind)?.shown
  if (shown) return shown(bytes)
  if (!isCreditRecord(proven)) return Buffer.from(bytes).toString('base64')
  try {
    return recordJson(bytes)
  } catch {
    return Buffer.from(bytes).toString('base64')
  }
}

export function judgedView(judged: readonly JudgedLog[]): object {
  return {
    final: true,
    policy: judged.map(({ log, index, final, error }) => ({
      log,
      index,
      final: final !== undefined,
      witnesses: final?.witnesses ?? [],
      ...(final ? {} : { reason: textOf(error).en, reasonZh: textOf(error).zh }),
    })),
  }
}

export function formatJudged(output: Output, judged: readonly JudgedLog[]): string {
  return judged
    .map(({ log, index, final, error }) =>
      final
        ? say(
            output,
            `FINAL by your policy: ${log}, entry ${index}, ${byWitnesses(final)}`,
            `按您的策略已终局：${log} 第 ${index} 条，${byWitnessesZh(final)}`,
          )
        : say(
            output,
            `not final by your policy: ${log}, entry ${index}: ${textOf(error).en}`,
            `按您的策略未终局：${log} 第 ${index} 条：${textOf(error).zh}`,
          ),
    )
    .join('\n')
}

const byWitnesses = ({ witnesses, quorum, checkpoint }: FinalByPolicy): string =>
  `the tree of ${checkpoint.size} cosigned by ${witnesses.join(', ') || 'nobody'} (quorum ${quorum})`
const byWitnessesZh = ({ witnesses, quorum, checkpoint }: FinalByPolicy): string =>
  `共 ${checkpoint.size} 条的日志由 ${witnesses.join('、') || '无人'} 见证（法定 ${quorum}）`

/** What an entry of one of our logs says; undefined for another's. */
function entryView(entry: Uint8Array):
  | {
      readonly batchId: string
      readonly origin: string
      readonly records: number
      readonly time: string
      readonly verdict: string
    }
  | undefined {
  try {
    const parsed = parseEntry(entry)
    const { header, idText } = parseHeaderNote(parsed.header)
    return {
      batchId: idText,
      origin: header.origin,
      records: header.records,
      time: formatTime(parsed.timeMs),
      verdict: parsed.verdict.accepted ? 'accepted' : `refused ${parsed.verdict.code}`,
    }
  } catch (error) {
    if (isHuxinError(error)) return undefined
    throw error
  }
}

export function provenEntryView(
  { checkpoint, index, witnesses, quorum }: ProvenEntry,
  entry: Uint8Array,
): object {
  return {
    proven: true,
    final: true,
    showsInForce: false,
    log: checkpoint.origin,
    index,
    size: checkpoint.size,
    witnesses,
    quorum,
    entry: entryView(entry) ?? null,
  }
}

export function formatProvenEntry(output: Output, proven: ProvenEntry, entry: Uint8Array): string {
  const {
    checkpoint: { origin },
    index,
  } = proven
  const what = entryView(entry)
  return [
    say(
      output,
      `PROVEN: this is entry ${index} of the log ${origin}`,
      `已证明：该条目是日志 ${origin} 的第 ${index} 条`,
    ),
    say(
      output,
      `FINAL by your policy: ${byWitnesses(proven)}`,
      `按您的策略已终局：${byWitnessesZh(proven)}`,
    ),
    what
      ? say(
          output,
          `batch ${what.batchId}, which says it is of ${what.origin} (not checked here): ${what.records} record(s), ${what.verdict} at ${what.time}`,
          `批次 ${what.batchId}，自称报送节点 ${what.origin}（此处未核验）：${what.records} 条记录，${what.time} ${verdictText(output, what.verdict.replace('refused ', ''))}`,
        )
      : say(
          output,
          `an entry of ${entry.length} bytes, not of this product`,
          `条目 ${entry.length} 字节，并非本产品格式`,
        ),
    say(output, 'it does not show that the records are still in force', '本证明不表示记录现行有效'),
  ].join('\n')
}

export function provenForkView({ log, first, second, keys, roots }: ProvenFork): object {
  const tree = ({ size, root }: ProvenFork['first']): object => ({
    size,
    root: Buffer.from(root).toString('base64'),
  })
  return { proven: true, fork: true, log, first: tree(first), second: tree(second), keys, roots }
}

export function formatProvenFork(
  output: Output,
  { log, first, second, keys, roots }: ProvenFork,
): string {
  const tree = ({ size, root }: ProvenFork['first']): string =>
    `${size} ${Buffer.from(root).toString('base64')}`
  return [
    say(
      output,
      `PROVEN: the holder of the key below signed two different logs, both as ${log}: no log has both trees.`,
      `已证明：下列公钥的持有者以 ${log} 的名义签名了两份不同的日志：任何日志都不可能同时有这两棵树。`,
    ),
    say(
      output,
      'It does NOT show which of the two is the true one, who holds the key, or whether it was meant: a copy of a node, a restored backup or a stolen key does the same.',
      '不说明哪一份为真、何人持有该密钥、是否故意：节点副本、恢复的备份或被盗的密钥均会造成同样结果。',
    ),
    '',
    say(output, `key: ${keys.join(', ')}`, `公钥：${keys.join('、')}`),
    say(output, `first tree (size, root): ${tree(first)}`, `第一棵树（条数、根）：${tree(first)}`),
    say(
      output,
      `second tree (size, root): ${tree(second)}`,
      `第二棵树（条数、根）：${tree(second)}`,
    ),
    first.size === second.size
      ? say(output, 'they are of one size and have two roots', '两者条数相同而根不同')
      : say(
          output,
          `the second one begins with another tree of ${first.size} entries than the first`,
          `第二棵树的前 ${first.size} 条与第一棵树不同`,
        ),
    say(
      output,
      `all of it follows from the root key ${roots.join(', ')}`,
      `以上均由根公钥推出：${roots.join('、')}`,
    ),
  ].join('\n')
}
