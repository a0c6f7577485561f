/** `huxin recognition`. */
import { fromBinary } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { RecognitionDecision, RecordSchema } from '../../gen/huxin/v1/record_pb.ts'
import type { Recognition } from '../../gen/huxin/v1/record_service_pb.ts'
import { mask } from '../../record/citizen-id.ts'
import { localTime, print, say, table, unconfirmedText } from '../output.ts'
import type { Shell } from '../shell.ts'
import { allPages } from '../pages.ts'
import { purposeOption, word, wordLists, wordOption } from '../words.ts'
import { recordView } from './records.ts'
import { atNode, CALL, civilDay, collect, wholeNumber, withNode } from './shared.ts'
import { refusalText } from '../../verdict/refusal.ts'

export function recognitionCommands(program: Command, shell: Shell): void {
  const recognition = program
    .command('recognition')
    .description(say(shell, 'mutual recognition of evaluation results', '评价结果互认'))
  shell
    .common(
      atNode(recognition.command('request'), shell),
      'huxin recognition request --holder 330106 --item zj/industry-evaluation@2026.1 --subject-type enterprise --subject 91330106… --subject-name … --purpose mutual-recognition --basis …',
    )
    .description(say(shell, 'ask the holder of a result', '向持有节点申请互认'))
    .requiredOption('--holder <node>', say(shell, 'node that holds the result', '持有节点'))
    .requiredOption(
      '--item <id@edition>',
      say(shell, 'catalog item of the result', '评价结果目录项'),
    )
    .option(
      '--result <record id>',
      say(
        shell,
        "record id of the result; the subject's current one by default",
        '评价结果记录编号（默认当前结果）',
      ),
      '',
    )
    .addOption(
      wordOption(shell, '--subject-type <type>', {
        en: 'type of the subject',
        zh: '主体类型',
        list: wordLists.subjectType,
      }).makeOptionMandatory(),
    )
    .requiredOption(
      '--subject <id>',
      say(shell, 'unified social credit code, or citizen id', '统一社会信用代码或公民身份号码'),
    )
    .requiredOption('--subject-name <name>', say(shell, 'name of the subject', '主体名称'))
    .addOption(
      purposeOption(
        shell,
        say(shell, 'purpose, one of those of the item', '使用目的，须为目录项允许者'),
      ).makeOptionMandatory(),
    )
    .requiredOption('--basis <text>', say(shell, 'legal basis', '法律依据'))
    .option('--mapping <id@version>', say(shell, 'grade mapping to apply', '等级对照'), '')
    .option(
      '--scale <id@version>',
      say(
        shell,
        'scale that is accepted; may be given again (default: any)',
        '可接受的等级体系，可重复（默认不限）',
      ),
      collect,
    )
    .option(
      '--deadline <date>',
      say(shell, 'last day for the answer', '答复截止日期'),
      civilDay(shell),
      '',
    )
    .option(
      '--max-age <days>',
      say(shell, 'oldest result accepted, days (0: any)', '可接受的最早结果（天，0 为不限）'),
      wholeNumber(shell),
      0,
    )
    .action(async (_options, command: Command) => {
      const options = command.opts<{
        holder: string
        item: string
        result: string
        subjectType: string
        subject: string
        subjectName: string
        purpose: string
        basis: string
        mapping: string
        maxAge: number
        scale?: string[]
        deadline: string
      }>()
      const answer = await withNode(command, ({ admin }) =>
        admin.requestRecognition(
          {
            holder: options.holder,
            item: options.item,
            resultRecordId: options.result,
            subjectType: options.subjectType,
            subjectId: options.subject,
            subjectName: options.subjectName,
            purpose: options.purpose,
            legalBasis: options.basis,
            mapping: options.mapping,
            ageDaysMax: options.maxAge,
            acceptedScales: options.scale ?? [],
            deadline: options.deadline,
          },
          CALL,
        ),
      )
      if (answer.refusal) throw new HuxinError('record_invalid', refusalText(answer.refusal))
      const { batchId, recordId } = answer
      print(shell.output(command), { requestId: recordId, batchId }, () =>
        say(
          shell,
          `asked: ${recordId}; what becomes of it: huxin recognition show ${recordId}`,
          `已申请：${recordId}；查看答复：huxin recognition show ${recordId}`,
        ),
      )
    })
  shell
    .common(
      atNode(recognition.command('answer <request>'), shell),
      'huxin recognition answer rq-… --decision recognized --node nodes/330106',
    )
    .description(say(shell, 'answer a request addressed to this node', '答复互认申请'))
    .addOption(
      wordOption(shell, '--decision <decision>', {
        en: 'the answer',
        zh: '答复',
        list: wordLists.decision,
      }).makeOptionMandatory(),
    )
    .option('--conditions <text>', say(shell, 'required for conditional', '有条件认可的条件'), '')
    .option(
      '--valid-until <date>',
      say(
        shell,
        'last day of the recognition (default: that of the result)',
        '互认有效期止（默认同评价结果）',
      ),
      civilDay(shell),
      '',
    )
    .action(async (request: string, _options, command: Command) => {
      const { decision, conditions, validUntil } = command.opts<{
        decision: string
        conditions: string
        validUntil: string
      }>()
      const answer = await withNode(command, ({ admin }) =>
        admin.answerRecognition(
          { requestRecordId: request, decision, conditions, validUntil },
          CALL,
        ),
      )
      if (answer.refusal) throw new HuxinError('record_invalid', refusalText(answer.refusal))
      print(
        shell.output(command),
        { confirmationId: answer.recordId, batchId: answer.batchId },
        () => say(shell, `answered: ${answer.recordId}`, `已答复：${answer.recordId}`),
      )
    })
  const list = (command: Command, request: string, open: boolean): Promise<void> =>
    withNode(command, async ({ records }) => {
      let sinceMs = 0n
      const recognitions = await allPages(
        (pageToken) =>
          records.listRecognitions({ requestRecordId: request, openOnly: open, pageToken }, CALL),
        (answer) => {
          sinceMs = answer.unconfirmedSinceMs
          return answer.recognitions
        },
      )
      const output = shell.output(command)
      if (request !== '' && recognitions.length === 0)
        throw new HuxinError('not_found', text`no recognition request ${request} here`)
      const doubt = sinceMs > 0n ? { unconfirmedSinceMs: sinceMs } : {}
      print(
        output,
        recognitions.map((one) => ({ ...view(one), ...doubt })),
        () =>
          [
            ...(sinceMs > 0n ? [unconfirmedText(output, sinceMs), ''] : []),
            ...(request === '' ? [] : [formatAsked(shell, recognitions[0]!), '']),
            formatRecognitions(shell, recognitions),
          ].join('\n'),
      )
    })
  shell
    .common(
      atNode(recognition.command('show <request>'), shell),
      'huxin recognition show rq-… --node nodes/330782',
    )
    .description(say(shell, 'one request with its answers', '查看互认申请与答复'))
    .action((request: string, _options, command: Command) => list(command, request, false))
  shell
    .common(
      atNode(recognition.command('list'), shell),
      'huxin recognition list --open --node nodes/330106',
    )
    .description(say(shell, 'requests sent and received', '列出互认申请'))
    .option('--open', say(shell, 'only those that want an answer of this node', '仅待本节点答复'))
    .action((_options, command: Command) =>
      list(command, '', command.opts<{ open?: boolean }>().open ?? false),
    )
}

function view({ request, state, stateReason, stateDocument, confirmations }: Recognition): object {
  return {
    state,
    ...(stateReason === '' ? {} : { stateReason, stateDocument }),
    request: request ? recordView(request) : null,
    confirmations: confirmations.map(({ confirmation, validity, fellAtMs }) => ({
      confirmation: confirmation ? recordView(confirmation) : null,
      validity,
      fellAtMs,
    })),
  }
}

const decisions: Readonly<Record<number, readonly [string, string]>> = {
  [RecognitionDecision.RECOGNIZED]: ['recognized', '认可'],
  [RecognitionDecision.RECOGNIZED_WITH_CONDITIONS]: ['recognized with conditions', '有条件认可'],
  [RecognitionDecision.NOT_RECOGNIZED]: ['not recognized', '不予认可'],
  [RecognitionDecision.NO_RESULT]: ['no result', '无结果'],
}

/** What is asked, on what grounds: what whoever answers has to know. */
function formatAsked(
  shell: Shell,
  { request, state, stateReason, stateDocument }: Recognition,
): string {
  const record =
    request && request.record.length > 0 ? fromBinary(RecordSchema, request.record) : undefined
  if (record?.content.case !== 'recognitionRequest') return ''
  const asked = record.content.value
  const rows: readonly (readonly [string, string, string])[] = [
    ['subject', '主体', `${record.subject?.name ?? ''} ${mask(record.subject?.id ?? '')}`.trim()],
    [
      'result',
      '评价结果',
      `${asked.item}${asked.resultRecordId === '' ? '' : `, ${asked.resultRecordId}`}`,
    ],
    ['purpose', '使用目的', word(shell, asked.purpose)],
    ['legal basis', '法律依据', asked.legalBasis],
    ['mapping', '等级对照', asked.mapping],
    ['accepted scales', '可接受的等级体系', asked.acceptedScales.join(' ')],
    ['deadline', '截止日期', asked.deadline],
    ['oldest, days', '最早结果（天）', asked.ageDaysMax > 0 ? String(asked.ageDaysMax) : ''],
    ['requested on', '申请日期', asked.requestedOn],
    ['state', '办理状态', word(shell, state)],
    [
      'why',
      '事由',
      stateReason === ''
        ? ''
        : say(
            shell,
            `${stateReason}, document ${stateDocument}`,
            `${stateReason}，依据 ${stateDocument}`,
          ),
    ],
    [
      'next',
      '后续',
      state === 'holder_retired'
        ? say(
            shell,
            'ask the member that has its records now (huxin member list)',
            '请向承接其记录的节点重新申请（huxin member list）',
          )
        : '',
    ],
    [
      'batch',
      '批次',
      request ? `${Buffer.from(request.batchId).toString('hex')} ${request.index}` : '',
    ],
  ]
  return table(
    [say(shell, 'property', '项'), say(shell, 'value', '值')],
    rows
      .filter(([, , value]) => value !== '')
      .map(([en, zh, value]) => [say(shell, en, zh), value]),
  )
}

/** A table of requests and answers; subjects are masked. */
function formatRecognitions(shell: Shell, recognitions: readonly Recognition[]): string {
  const rows = recognitions.flatMap(({ request, state, confirmations }) => {
    const asked =
      request && request.record.length > 0 ? fromBinary(RecordSchema, request.record) : undefined
    const content = asked?.content.case === 'recognitionRequest' ? asked.content.value : undefined
    const head = [
      asked?.recordId ?? '',
      content?.requester ?? '',
      content?.holder ?? '',
      mask(asked?.subject?.id ?? ''),
    ]
    if (confirmations.length === 0) return [[...head, word(shell, state), '', '']]
    return confirmations.map(({ confirmation, validity, fellAtMs }) => {
      const answered =
        confirmation && confirmation.record.length > 0
          ? fromBinary(RecordSchema, confirmation.record)
          : undefined
      const decision =
        answered?.content.case === 'recognitionConfirmation' ? answered.content.value : undefined
      const pair = decisions[decision?.decision ?? 0] ?? ['', '']
      const grade = decision
        ? `${decision.sourceGrade}${decision.mappedGrade ? ` → ${decision.mappedGrade}` : ''}`
        : ''
      return [
        ...head,
        `${say(shell, pair[0], pair[1])} ${grade}`.trim(),
        word(shell, validity),
        fellAtMs > 0n ? localTime(Number(fellAtMs)) : '',
      ]
    })
  })
  return table(
    [
      say(shell, 'request', '申请'),
      say(shell, 'requester', '申请节点'),
      say(shell, 'holder', '持有节点'),
      say(shell, 'subject', '主体'),
      say(shell, 'answer', '答复'),
      say(shell, 'holds', '效力'),
      say(shell, 'fell at', '失效时间'),
    ],
    rows,
  )
}
