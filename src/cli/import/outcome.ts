/** How an import ended, in one line. */
import { errorTable, isErrorCode } from '../../base/errors.ts'
import { type Output, say } from '../output.ts'
import type { Run } from './runs.ts'

export function outcomeOf(output: Pick<Output, 'language'>, { end, batches }: Run): string {
  const sent = batches.reduce((sum, { records }) => sum + records, 0)
  if (!end) return say(output, `not ended: ${sent} in`, `未结束：已入账 ${sent} 条`)
  if (end.outcome !== 'done')
    return say(
      output,
      `${end.outcome}: ${sent} in`,
      `${isErrorCode(end.outcome) ? errorTable[end.outcome].meaningZh : end.outcome}：已入账 ${sent} 条`,
    )
  const { added = 0, updated = 0, widened = 0, existing = 0, rejected = 0 } = end
  return say(
    output,
    `${added} new, ${updated} updated, ${existing} unchanged, ${widened} to more targets, ${rejected} refused`,
    `新增 ${added}，更新 ${updated}，不变 ${existing}，扩大送达范围 ${widened}，退回 ${rejected}`,
  )
}
