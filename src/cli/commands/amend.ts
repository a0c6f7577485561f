/** `huxin amend`: withdraw, repair, dispute, erase or restore a record, which is shown before. */
import { fromBinary } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { civilDate, systemClock } from '../../base/clock.ts'
import { fromHex, hex } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, joined, text } from '../../base/text.ts'
import { RecordSchema } from '../../gen/huxin/v1/record_pb.ts'
import type { StoredRecord } from '../../gen/huxin/v1/record_service_pb.ts'
import { recordDate } from '../../query/series.ts'
import { confirm, mayAsk } from '../confirm.ts'
import type { Connection } from '../connect.ts'
import { print, say } from '../output.ts'
import { allPages } from '../pages.ts'
import type { Shell } from '../shell.ts'
import { word } from '../words.ts'
import { atNode, CALL, civilDay, recordIdOf, withNode } from './shared.ts'
import { refusalText } from '../../verdict/refusal.ts'

const actions = [
  [
    'withdraw',
    'a record is no longer in force; restore undoes it',
    '撤回记录（误撤回可用 restore 恢复）',
  ],
  ['restore', 'undo a withdrawal that was made here or below', '恢复误撤回的记录'],
  ['repair', 'a record is no longer published, shared or used', '信用修复'],
  ['object', 'mark a record as disputed', '异议标注'],
  ['erase', 'destroy a record everywhere', '删除记录'],
] as const

export function amendCommands(program: Command, shell: Shell): void {
  const amend = program
    .command('amend')
    .description(
      say(
        shell,
        'withdraw, restore, repair, dispute or erase a record',
        '撤回、恢复、修复、异议标注或删除记录',
      ),
    )
  for (const [action, en, zh] of actions) {
    shell
      .common(
        atNode(amend.command(`${action} <record> [position]`), shell),
        `huxin amend ${action} 9f2c…e1 0 --basis ${action}/order36 --document 龙信〔2026〕9号 --node nodes/330825`,
      )
      .description(
        say(
          shell,
          `${en}; named by its record id, or by batch and position`,
          `${zh}；以记录编号，或批次和位置指明`,
        ),
      )
      .requiredOption('--basis <code>', say(shell, 'basis code', '依据代码'))
      .option(
        '--document <number>',
        say(
          shell,
          'deciding document; required to erase, and for records of others',
          '决定文号（删除及变更他方记录时必填）',
        ),
        '',
      )
      .option(
        '--on <date>',
        say(shell, 'effective on, YYYY-MM-DD (default: today)', '生效日期（默认今天）'),
        civilDay(shell),
      )
      .option('--yes', say(shell, 'do not ask before', '不再询问'))
      .action((what: string, position: string | undefined, _options, command: Command) => {
        const place = placeOf(what, position)
        return withNode(command, (connection) =>
          amendOne(shell, command, { connection, action, what, place }),
        )
      })
  }
}

async function amendOne(
  shell: Shell,
  command: Command,
  {
    connection,
    action,
    what,
    place,
  }: { connection: Connection; action: string; what: string; place: Place | undefined },
): Promise<void> {
  const { basis, document, on, yes } = command.opts<{
    basis: string
    document: string
    on?: string
    yes?: boolean
  }>()
  const effectiveOn = on ?? civilDate(systemClock.nowMs())
  const record = await find(connection, action, { what, place })
  const output = shell.output(command)
  const label = labelOf(shell, record, place ? '' : what)
  const question = say(
    shell,
    `${action} this record, effective on ${effectiveOn}, at every node?`,
    `在全体节点${word(shell, action)}该记录，自 ${effectiveOn} 起生效？`,
  )
  if (!yes && mayAsk(shell) && !(await confirm(shell, `${label}\n${question}`))) {
    throw new HuxinError('cancelled', text`nothing was changed`)
  }
  const answer = await connection.records.amend(
    {
      changes: [
        { action, batchId: record.batchId, index: record.index, basis, document, effectiveOn },
      ],
    },
    CALL,
  )
  if (answer.refusal) throw new HuxinError('amendment_invalid', refusalText(answer.refusal))
  if (answer.approvalId.length > 0) {
    const id = hex(answer.approvalId)
    print(
      output,
      { approval: id, record: label },
      () =>
        `${label}\n` +
        say(
          shell,
          `nothing is published yet: another operator grants it with huxin approval grant ${id}`,
          `尚未发布：须由另一名操作员批准（huxin approval grant ${id}）`,
        ),
    )
    return
  }
  // How it stood before the change is no longer so.
  const changed = labelOf(shell, { ...record, standing: '' }, place ? '' : what)
  print(
    output,
    { batchId: answer.batchId, changes: answer.published, effectiveOn, record: changed },
    () =>
      `${changed}\n` +
      say(
        shell,
        `${answer.published} change(s) go to the whole federation, effective on ${effectiveOn}`,
        `${answer.published} 项变更已送往全体节点，自 ${effectiveOn} 起生效`,
      ),
  )
}

interface Place {
  readonly batchId: Uint8Array
  readonly index: number
}

/** The place on the command line; undefined where a record id stands there. @throws HuxinError argument_invalid */
function placeOf(what: string, position: string | undefined): Place | undefined {
  if (position === undefined) return undefined
  const batchId = fromHex(what)
  if (batchId?.length !== 32 || !/^[0-9]{1,6}$/.test(position))
    throw new HuxinError(
      'argument_invalid',
      text`give the batch id (64 hexadecimal digits) and the position of the record, from 0; or its record id alone`,
    )
  return { batchId, index: Number(position) }
}

/** The one record that is meant. @throws HuxinError argument_invalid | not_found */
async function find(
  { records, config }: Connection,
  action: string,
  { what, place }: { what: string; place: Place | undefined },
): Promise<StoredRecord> {
  if (place) {
    const {
      records: [one],
    } = await records.getRecords({ place }, CALL)
    // What this node does not serve may be amended all the same; its service says whether it may be.
    return one ?? ({ ...place, record: new Uint8Array(), standing: '' } as StoredRecord)
  }
  const found = await allPages(
    (pageToken) =>
      records.getRecords({ recordId: recordIdOf(what), pageSize: 1_000, pageToken }, CALL),
    (answer) => answer.records,
  )
  const fits = found.filter(
    ({ standing, origin }) =>
      (action === 'restore'
        ? standing === 'withdrawn'
        : !['superseded', 'withdrawn', 'refused', 'erased'].includes(standing)) &&
      (found.length === 1 || origin.startsWith(`${config.node} `)),
  )
  if (fits.length === 1) return fits[0]!
  if (found.length === 0)
    throw new HuxinError(
      'not_found',
      text`there is no record ${JSON.stringify(what)} here: see huxin show`,
    )
  const places = (fits.length > 0 ? fits : found)
    .slice(0, 10)
    .map(
      (one) =>
        text`${hex(one.batchId)} ${one.index} (${bilingual(one.standing, word({ language: 'zh' }, one.standing))})`,
    )
  if (fits.length > 0)
    throw new HuxinError(
      'argument_invalid',
      text`${fits.length} records ${JSON.stringify(what)} could be meant; give batch and position of one: ${joined(places, ', ')}`,
    )
  throw new HuxinError(
    'argument_invalid',
    action === 'restore'
      ? text`no record ${JSON.stringify(what)} of this node is withdrawn, there is nothing to restore; one of another node is named by batch and position: ${joined(places, ', ')}`
      : text`no record ${JSON.stringify(what)} of this node is in force, nothing was changed; one of another node is named by batch and position: ${joined(places, ', ')}`,
  )
}

/** What a record is, in one line. Of one whose content is not given only the id is known that was asked for. */
export function labelOf(
  shell: Pick<Shell, 'language'>,
  { batchId, index, record: bytes, item, standing }: StoredRecord,
  askedId = '',
): string {
  const place = say(
    shell,
    `batch ${hex(batchId)} position ${index}`,
    `批次 ${hex(batchId)} 位置 ${index}`,
  )
  if (bytes.length === 0)
    return [askedId, item, word(shell, standing), place].filter((part) => part !== '').join(' · ')
  const record = fromBinary(RecordSchema, bytes)
  const content =
    record.content.case === 'evaluationResult'
      ? [record.content.value.domain, record.content.value.grade || record.content.value.score]
      : []
  return [
    record.recordId,
    `${record.subject?.name ?? ''} ${record.subject?.id ?? ''}`,
    ...content,
    recordDate(record),
    item,
    word(shell, standing),
    place,
  ]
    .filter((part) => part !== '')
    .join(' · ')
}
