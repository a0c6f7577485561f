/** What an import did, for people. */
import { decodeRecordId } from '../../record/record-id.ts'
import { type Output, say } from '../output.ts'
import type { ImportSummary } from './import.ts'

type Reader = Pick<Output, 'language'>

/** The summary of an import: each outcome has its count, and what was replaced is shown. */
export function formatSummary(output: Reader, summary: ImportSummary): string {
  const {
    rows,
    published,
    rejected,
    encoding,
    notices,
    reasons,
    rejectFile,
    keptRejects,
    provider,
    item,
  } = summary
  const lines = [
    rows === 0
      ? say(
          output,
          `0 rows (${encoding}): the file has a header and nothing below it; nothing was sent`,
          `共 0 行（${encoding}）：文件只有表头，没有数据行；未报送任何记录`,
        )
      : summary.dryRun
        ? say(
            output,
            `${rows} rows (${encoding}): ${published} good, ${rejected} bad; nothing was sent`,
            `共 ${rows} 行（${encoding}）：合格 ${published} 行，不合格 ${rejected} 行；未入账`,
          )
        : outcomes(output, summary),
  ]
  lines.push(...updates(output, summary), ...contradictions(output, summary))
  for (const { message, messageZh } of rows === 0
    ? notices.filter(({ code }) => code !== 'no_rows')
    : notices)
    lines.push(say(output, `notice: ${message}`, `提示：${messageZh}`))
  for (const { code, reason, reasonZh, rows: count, column, line } of reasons) {
    const at = column === '' ? '' : say(output, `${column}: `, `“${column}”：`)
    lines.push(
      `  ${count} × ${code}: ${at}${say(output, `${reason} (first in row ${line})`, `${reasonZh}（首见第 ${line} 行）`)}`,
    )
  }
  if (rejectFile)
    lines.push(
      say(
        output,
        `rejected rows: ${rejectFile} (mend them there and import that file)`,
        `退回行文件：${rejectFile}（改好后直接导入该文件）`,
      ),
    )
  for (const kept of keptRejects)
    lines.push(
      say(
        output,
        `${kept} was changed and is not imported yet: it is as it was`,
        `${kept} 已改过、尚未导入：按原样保留，请另行导入`,
      ),
    )
  lines.push(
    say(
      output,
      `item: ${item}${provider === '' ? '' : `; provider: ${provider}`}`,
      `目录项：${item}${provider === '' ? '' : `；数据提供单位：${provider}`}`,
    ),
  )
  return lines.join('\n')
}

function outcomes(
  output: Reader,
  {
    rows,
    encoding,
    published,
    added,
    updated,
    widened,
    existing,
    rejected,
    batches,
  }: ImportSummary,
): string {
  const counts = [
    say(output, `${added} new`, `新增 ${added} 条`),
    say(output, `${updated} updated`, `更新 ${updated} 条`),
    say(output, `${existing} unchanged`, `不变 ${existing} 条`),
    ...(widened > 0
      ? [say(output, `${widened} to more targets`, `扩大送达范围 ${widened} 条`)]
      : []),
    say(output, `${rejected} refused`, `退回 ${rejected} 行`),
  ]
  const nothing =
    published === 0 && existing > 0
      ? say(
          output,
          '; nothing new: every good row is in the log as it is',
          '；没有新增：所有合格行均已入账且内容相同',
        )
      : ''
  const sent =
    batches.length > 0
      ? say(output, `; ${batches.length} batch(es)`, `；共 ${batches.length} 批`)
      : ''
  return (
    say(
      output,
      `${rows} rows (${encoding}): ${counts.join(', ')}`,
      `共 ${rows} 行（${encoding}）：${counts.join('，')}`,
    ) +
    sent +
    nothing
  )
}

function updates(output: Reader, { updates: shown, updated }: ImportSummary): string[] {
  if (updated === 0) return []
  const lines = shown.map(({ line, recordId, columns }) =>
    say(
      output,
      `  row ${line}, ${decodeRecordId(recordId)}: ${columns.map(({ column, from, to }) => `${column} ${from || '-'} → ${to || '-'}`).join(', ') || 'another edition of the item'}`,
      `  第 ${line} 行 ${decodeRecordId(recordId)}：${columns.map(({ column, from, to }) => `${column} ${from || '空'} → ${to || '空'}`).join('，') || '目录项版次不同'}`,
    ),
  )
  const more = updated - shown.length
  return more > 0 ? [...lines, say(output, `  and ${more} more`, `  另有 ${more} 条更新`)] : lines
}

/** Results that hold beside another one of the same subject, field and period, which an earlier file gave under another record id. */
function contradictions(
  output: Reader,
  { contradicted, contradictions: shown }: ImportSummary,
): string[] {
  if (contradicted === 0) return []
  return [
    say(
      output,
      `notice: ${contradicted} record(s) give a subject another result than one that was imported before, for the same field and period, under another record id. Both hold now: withdraw the wrong one (huxin amend withdraw <record id>)`,
      `提示：有 ${contradicted} 条与此前入账的另一条结果不同：同一主体、同一领域、同一有效期，而记录编号不同。两条现均有效，请核对并撤回有误的一条（huxin amend withdraw 记录编号）`,
    ),
    ...shown.map(({ line, recordId, other }) =>
      say(
        output,
        `  row ${line}, ${decodeRecordId(recordId)}: beside ${decodeRecordId(other.recordId)} (${other.result})`,
        `  第 ${line} 行 ${decodeRecordId(recordId)}：另一条为 ${decodeRecordId(other.recordId)}（${other.result}）`,
      ),
    ),
    ...(contradicted > shown.length
      ? [
          say(
            output,
            `  and ${contradicted - shown.length} more`,
            `  另有 ${contradicted - shown.length} 条`,
          ),
        ]
      : []),
  ]
}
