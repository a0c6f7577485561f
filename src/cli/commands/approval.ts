/** `huxin approval`: what an operator asked for and another operator grants or rejects. */
import type { Command } from 'commander'
import { fromHex } from '../../base/bytes.ts'
import { formatTime } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { Approval } from '../../gen/huxin/v1/register_pb.ts'
import { localTime, print, say, table } from '../output.ts'
import type { Shell } from '../shell.ts'
import { word } from '../words.ts'
import { atNode, CALL, withAct, withNode } from './shared.ts'
import { refusalText } from '../../verdict/refusal.ts'

export function approvalCommands(program: Command, shell: Shell): void {
  const approval = program
    .command('approval')
    .description(say(shell, 'what takes a second person', '须双人办理的事项'))
  shell
    .common(atNode(approval.command('list'), shell), 'huxin approval list --node nodes/330825')
    .description(say(shell, 'what waits, and what was decided lately', '列出待办与近期已办'))
    .action(async (_options, command: Command) => {
      const { approvals } = await withNode(command, ({ admin }) => admin.listApprovals({}, CALL))
      print(shell.output(command), approvals.map(viewOf), () =>
        approvals.length === 0
          ? say(shell, 'nothing waits for a second person', '没有待双人办理的事项')
          : table(
              [
                say(shell, 'approval', '编号'),
                say(shell, 'what', '事项'),
                say(shell, 'asked for by', '申请人'),
                say(shell, 'until', '有效期至'),
                say(shell, 'state', '状态'),
                say(shell, 'decided by', '办理人'),
              ],
              approvals.map((row) => [
                Buffer.from(row.id).toString('hex'),
                whatOf(shell, row),
                row.proposer,
                localTime(Number(row.expiresMs)),
                word(shell, row.state),
                row.decision?.actor ?? '',
              ]),
            ),
      )
    })
  shell
    .common(
      atNode(approval.command('show <id>'), shell),
      'huxin approval show 5d41…9c --node nodes/330825',
    )
    .description(say(shell, 'every change that is asked for', '查看全部申请内容'))
    .action(async (id: string, _options, command: Command) => {
      const {
        approvals: [row],
      } = await withNode(command, ({ admin }) => admin.listApprovals({ id: idOf(id) }, CALL))
      print(shell.output(command), viewOf(row!), () =>
        [
          say(
            shell,
            `${row!.state}; asked for by ${row!.proposer} for ${row!.provider}, ${localTime(Number(row!.proposedMs))}, until ${localTime(Number(row!.expiresMs))}`,
            `${word(shell, row!.state)}；${row!.proposer} 以 ${row!.provider} 名义申请，${localTime(Number(row!.proposedMs))}，有效期至 ${localTime(Number(row!.expiresMs))}`,
          ),
          table(
            [
              say(shell, 'action', '操作'),
              say(shell, 'batch', '批次'),
              say(shell, 'position', '位置'),
              say(shell, 'on', '生效日期'),
              say(shell, 'basis', '依据'),
              say(shell, 'document', '文号'),
            ],
            row!.changes.map(({ action, batchId, index, effectiveOn, basis, document }) => [
              word(shell, action),
              Buffer.from(batchId).toString('hex'),
              String(index),
              effectiveOn,
              basis,
              document,
            ]),
          ),
        ].join('\n'),
      )
    })
  shell
    .common(
      withAct(atNode(approval.command('grant <id>'), shell), shell),
      'huxin approval grant 5d41…9c --reason 已核实 --document 龙信〔2026〕9号 --as certs/330825/operator-e69d8ee59b9b.crt --node nodes/330825',
    )
    .description(
      say(
        shell,
        'grant it as another operator than who asked for it, and publish it',
        '由申请人以外的操作员批准并发布',
      ),
    )
    .action(async (id: string, _options, command: Command) => {
      const { reason, document } = command.opts<{ reason: string; document: string }>()
      const { published } = await withNode(command, ({ admin }) =>
        admin.grantApproval({ id: idOf(id), act: { reason, document } }, CALL),
      )
      if (published?.refusal)
        throw new HuxinError('amendment_invalid', refusalText(published.refusal))
      print(
        shell.output(command),
        { approval: id, batchId: published?.batchId, changes: published?.published },
        () =>
          say(
            shell,
            `granted; ${published?.published ?? 0} change(s) go to the whole federation`,
            `已批准；${published?.published ?? 0} 项变更已送往全体节点`,
          ),
      )
    })
  shell
    .common(
      withAct(atNode(approval.command('reject <id>'), shell), shell),
      'huxin approval reject 5d41…9c --reason 依据不足 --document 龙信〔2026〕9号 --node nodes/330825',
    )
    .description(say(shell, 'reject it', '驳回'))
    .action(async (id: string, _options, command: Command) => {
      const { reason, document } = command.opts<{ reason: string; document: string }>()
      await withNode(command, ({ admin }) =>
        admin.rejectApproval({ id: idOf(id), act: { reason, document } }, CALL),
      )
      print(shell.output(command), { approval: id, state: 'rejected' }, () =>
        say(shell, 'rejected; nothing is published', '已驳回，未发布任何变更'),
      )
    })
}

function idOf(content: string): Uint8Array {
  const id = fromHex(content)
  if (id?.length !== 32)
    throw new HuxinError(
      'argument_invalid',
      text`give the id of the approval (64 hexadecimal digits): see huxin approval list`,
    )
  return id
}

/** `erase 3 records`. */
function whatOf(shell: Shell, { changes, changeCount }: Approval): string {
  const names = [...new Set(changes.map(({ action }) => action))]
    .map((action) => word(shell, action))
    .join(say(shell, ', ', '、'))
  return say(shell, `${names}: ${changeCount}`, `${names}：${changeCount} 条`)
}

function viewOf({
  id,
  state,
  provider,
  proposer,
  proposedMs,
  expiresMs,
  decision,
  batchId,
  changeCount,
  changes,
}: Approval): object {
  return {
    id,
    state,
    provider,
    proposer,
    proposedAt: formatTime(Number(proposedMs)),
    expiresAt: formatTime(Number(expiresMs)),
    decision: decision
      ? { actor: decision.actor, reason: decision.reason, document: decision.document }
      : null,
    batchId,
    changeCount,
    changes: changes.map(({ action, batchId: batch, index, effectiveOn, basis, document }) => ({
      action,
      batchId: batch,
      position: index,
      effectiveOn,
      basis,
      document,
    })),
  }
}
