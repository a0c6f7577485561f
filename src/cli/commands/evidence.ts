/** `huxin evidence`, `huxin verify`: one file that a court can keep, and its verification without a node. */
import type { Command } from 'commander'
import { formatTime } from '../../base/clock.ts'
import { fromHex } from '../../base/bytes.ts'
import { HuxinError, isHuxinError, messageOf } from '../../base/errors.ts'
import { faultMessageZh } from '../../evidence/faults.ts'
import { type ProvenEvidence, type ProvenLog, verifyEvidence } from '../../evidence/verify.ts'
import { parseVkey } from '../../note/key.ts'
import { type Output, print, say } from '../output.ts'
import { readInput, type Shell, writeOutput } from '../shell.ts'
import { recordJson } from './records.ts'
import { atNode, CALL, collect, wholeNumber, withNode } from './shared.ts'

export function evidenceCommands(program: Command, shell: Shell): void {
  shell.common(atNode(program.command('evidence <what>'), shell), 'huxin evidence 9f2c…e1 --position 0 --purpose judicial --document （2026）浙0106民初12号 -o evidence.txt --node nodes/330000')
    .description(say(shell, 'issue evidence of a record or a batch, for keeping outside; the access is logged', '出具记录或批次的存证材料，出具行为记入日志'))
    .requiredOption('-o, --out <file>', say(shell, 'where it goes', '输出文件'))
    .requiredOption('--purpose <code>', say(shell, 'what it is for, one of the purposes of the item, such as judicial (kept in the log)', '用途代码，须为目录项允许的使用目的，如 judicial（记入日志）'))
    .requiredOption('--document <number>', say(shell, 'number of the document that asks for it (kept in the log)', '调取文书文号（记入日志）'))
    .option('--position <number>', say(shell, 'position of the record in the batch, from 0; without it the evidence is of the batch alone', '记录在批次中的位置，从 0 开始；不填则只证明批次'), wholeNumber(shell))
    .action(async (what: string, _options, command: Command) => {
      const { out, purpose, document, position } = command.opts<{ out: string; purpose: string; document: string; position?: number }>()
      const id = fromHex(what)
      const wanted = id?.length === 32 ? { batchId: id } : { recordId: what }
      const { file, accessBatchId, roots } = await withNode(command, ({ admin }) => admin.issueEvidence({ ...wanted, purpose, document, ...(position === undefined ? {} : { position }) }, CALL))
      await writeOutput(out, file)
      const verify = `huxin verify ${out} ${roots.map((root) => `--root ${root}`).join(' ')}`
      print(shell.output(command), { file: out, accessBatchId, roots }, () => [
        out,
        say(shell, `access record: ${Buffer.from(accessBatchId).toString('hex')}`, `查询留痕：${Buffer.from(accessBatchId).toString('hex')}`),
        say(shell, `check it anywhere, without a network: ${verify}`, `可在任何地方离线核验：${verify}`),
        say(shell, 'whoever checks it takes the root key from a publication that they trust, not from here', '核验者应从其信任的公开渠道取得根公钥，而非由此处取得'),
      ].join('\n'))
    })
  shell.common(program.command('verify <file>'), 'huxin verify evidence.txt --root cn.example/000000+…')
    .description(say(shell, 'check a file of evidence offline, with nothing but the root key', '仅凭根公钥离线核验存证材料'))
    .requiredOption('--root <vkey>', say(shell, 'root key that you trust; repeat for several', '您信任的根公钥，可多次给出'), collect)
    .action(async (file: string, _options, command: Command) => {
      const output = shell.output(command)
      const proven = verifyIn(output, await readInput(file), command.opts<{ root: string[] }>().root)
      print(output, provenView(proven), () => formatProven(output, proven))
    })
}

function verifyIn(output: Output, bytes: Uint8Array, roots: readonly string[]): ProvenEvidence {
  for (const root of roots) checkRoot(root)
  try {
    return verifyEvidence(bytes, roots)
  } catch (error) {
    const chinese = output.language === 'zh' && isHuxinError(error) ? faultMessageZh(error) : undefined
    throw chinese === undefined || !isHuxinError(error) ? error : new HuxinError(error.code, chinese, { details: error.details })
  }
}

function checkRoot(vkey: string): void {
  try {
    if (parseVkey(vkey).type === 'ed25519') return
  } catch (error) {
    throw new HuxinError('argument_invalid', `--root ${JSON.stringify(vkey.slice(0, 80))} is no root key: ${messageOf(error)}`)
  }
  throw new HuxinError('argument_invalid', `--root ${JSON.stringify(vkey.slice(0, 80))} is a cosigner's key`)
}

const seconds = (timeSeconds: bigint): string => formatTime(Number(timeSeconds) * 1_000)
const verdictOf = ({ entry }: ProvenLog): string => (entry.verdict.accepted ? 'accepted' : `refused ${entry.verdict.code}`)

function provenView(proven: ProvenEvidence): object {
  const { issuance, header, record, logs, roots, batchId } = proven
  return {
    proven: true, showsInForce: false, batchId, origin: header.origin, epoch: header.epoch, provider: header.provider, kind: header.kind, item: header.item ?? null,
    created: formatTime(header.createdMs), records: header.records,
    record: record ? { position: record.position, leafHash: record.leafHash, content: record.bytes ? recordOf(proven, record.bytes) : null } : null,
    logs: logs.map((log) => ({
      log: log.log, index: log.index, size: log.size, time: formatTime(log.entry.timeMs), verdict: verdictOf(log),
      cosigners: log.cosigners.map(({ name, timeSeconds }) => ({ name, time: seconds(timeSeconds) })), unchecked: log.unchecked,
    })),
    issued: { by: issuance.issuer, time: formatTime(issuance.issuedMs), purpose: issuance.purpose, document: issuance.document, accessBatchId: issuance.access },
    roots,
  }
}

function formatProven(output: Output, proven: ProvenEvidence): string {
  const { issuance, header, record, logs, roots, batchId } = proven
  const lines = [
    record
      ? say(output, `PROVEN: record ${record.position} is in batch ${batchId}, which ${header.origin} signed, and the logs below hold that batch.`, `已证明：第 ${record.position} 号记录在批次 ${batchId} 中，该批次由 ${header.origin} 签名，并已记入下列日志。`)
      : say(output, `PROVEN: ${header.origin} signed batch ${batchId}, and the logs below hold it.`, `已证明：批次 ${batchId} 由 ${header.origin} 签名，并已记入下列日志。`),
    say(output, 'It does NOT show that the record is in force: it may have been withdrawn, repaired, corrected or replaced since. Nor that what it says is true.', '不说明记录现行有效：此后可能已撤回、修复、更正或被替代；亦不说明其内容属实。'),
    '',
    say(output, `sealed by ${header.origin} (epoch ${header.epoch}), ${formatTime(header.createdMs)} by its own clock; provider ${header.provider}`, `报送：${header.origin}（纪元 ${header.epoch}），其自述时间 ${formatTime(header.createdMs)}；数据提供单位 ${header.provider}`),
    say(output, `kind ${header.kind}, item ${header.item ?? '-'}, ${header.records} record(s) in the batch`, `种类 ${header.kind}，目录项 ${header.item ?? '-'}，批次共 ${header.records} 条记录`),
    ...logs.flatMap((log) => logLines(output, log)),
    say(output, `issued by ${issuance.issuer}, ${formatTime(issuance.issuedMs)}; purpose ${issuance.purpose}, document ${issuance.document}; access record ${Buffer.from(issuance.access).toString('hex')}`, `出具：${issuance.issuer}，${formatTime(issuance.issuedMs)}；用途 ${issuance.purpose}，文书 ${issuance.document}；查询留痕 ${Buffer.from(issuance.access).toString('hex')}`),
    say(output, `all of it follows from the root key ${roots.join(', ')}`, `以上均由根公钥推出：${roots.join('、')}`),
  ]
  if (record) lines.push('', ...recordLines(output, proven, record))
  return lines.join('\n')
}

function logLines(output: Output, log: ProvenLog): string[] {
  const cosigned = log.cosigners.map(({ name, timeSeconds }) => `${name} ${seconds(timeSeconds)}`)
  const lines = [say(output, `logged by ${log.log}: entry ${log.index} of ${log.size}, ${formatTime(log.entry.timeMs)}, ${verdictOf(log)}`, `日志 ${log.log}：第 ${log.index} 条（共 ${log.size} 条），${formatTime(log.entry.timeMs)}，${log.entry.verdict.accepted ? '已接收' : `已退回 ${log.entry.verdict.code}`}`)]
  lines.push(cosigned.length > 0
    ? say(output, `  cosigned by ${cosigned.join(', ')}`, `  见证：${cosigned.join('、')}`)
    : say(output, '  cosigned by nobody: this proof is provisional and rests on that log alone', '  尚无见证：此证明为暂定，仅凭该日志自身'))
  if (log.unchecked.length > 0) lines.push(say(output, `  not checked, keys not in the file: ${log.unchecked.join(', ')}`, `  未核验（文件中无其公钥）：${log.unchecked.join('、')}`))
  return lines
}

function recordLines(output: Output, proven: ProvenEvidence, record: NonNullable<ProvenEvidence['record']>): string[] {
  if (!record.bytes) return [say(output, `the record itself is erased or not held by the issuer; its salted hash is ${Buffer.from(record.leafHash).toString('hex')}`, `记录本身已删除或出具结点不持有；其加盐哈希为 ${Buffer.from(record.leafHash).toString('hex')}`)]
  return [say(output, 'the record:', '记录内容：'), JSON.stringify(recordOf(proven, record.bytes), undefined, 2)]
}

/** Credit records as JSON; those of other kinds as they are. */
function recordOf({ header }: ProvenEvidence, bytes: Uint8Array): unknown {
  if (['evaluation', 'recognition', 'record'].includes(header.kind)) return recordJson(bytes)
  return header.kind === 'member' ? Buffer.from(bytes).toString() : Buffer.from(bytes).toString('base64')
}
