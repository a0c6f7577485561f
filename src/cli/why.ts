/** What became of a batch, told in words: where it is, who refused it and by which rule, which record, what to do. */
import { errorTable, isErrorCode } from '../base/errors.ts'
import { formatTime } from '../base/clock.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import type { CatalogItem } from '../gen/huxin/v1/catalog_pb.ts'
import type { ExplainBatchResponse, GetStatusResponse } from '../gen/huxin/v1/admin_service_pb.ts'
import { refusalText } from '../verdict/refusal.ts'
import { CALL } from './commands/shared.ts'
import type { Connection } from './connect.ts'
import { localTime, type Output, say } from './output.ts'
import { fieldTitle, type Items, itemsOf } from './record-table.ts'
import { sourceText, verdictText, word } from './words.ts'

type Speaker = Pick<Output, 'language'>

/** Faults that are listed; the count of all stands above them. */
const FAULTS_SHOWN = 20

/** What the node that is asked says beside the stories. */
export async function tellingOf(
  connection: Pick<Connection, 'admin' | 'records'>,
  stories: readonly ExplainBatchResponse[],
): Promise<Telling> {
  const ids = stories.map(
    ({ entries }) => parseHeaderNote(parseEntry(entries[0]!.entry).header).header.item ?? '',
  )
  return {
    status: await connection.admin.getStatus({}, CALL),
    items: await itemsOf(connection, ids),
  }
}

/** The story of a batch as JSON gives it. */
export function storyJson({
  entries,
  bodyState,
  refusal,
  refusedBy,
  above,
  nextHops,
  recordNames,
  originStatus,
  quarantined,
}: ExplainBatchResponse): object {
  const { header, idText } = parseHeaderNote(parseEntry(entries[0]!.entry).header)
  const nameAt = new Map(recordNames.map(({ position, recordId }) => [position, recordId]))
  return {
    batch: idText,
    origin: header.origin,
    originStatus,
    quarantined,
    provider: header.provider,
    kind: header.kind,
    item: header.item ?? null,
    records: header.records,
    bodyState,
    entries: entries.map(({ index, entry }) => {
      const { timeMs, source, verdict } = parseEntry(entry)
      return {
        index,
        time: formatTime(timeMs),
        from: source.kind,
        verdict: verdict.accepted ? 'accepted' : verdict.code,
      }
    }),
    refusal: refusal
      ? {
          by: refusedBy,
          code: refusal.code,
          message: refusal.message,
          messageZh: refusalText(refusal).zh,
          faultCount: refusal.faultCount,
          faults: refusal.faults.map(({ index, path, code, message, messageZh }) => ({
            index,
            recordId: nameAt.get(index) ?? null,
            path,
            code,
            message,
            messageZh,
          })),
        }
      : null,
    above: above.map(({ node, verdict, timeMs }) => ({
      node,
      verdict,
      time: formatTime(Number(timeMs)),
    })),
    nextHops: nextHops.map(({ node, way, state }) => ({ node, way, state })),
  }
}

/** What a story is told with: how the node that is asked stands, and the items of the batches. */
export interface Telling {
  readonly status: GetStatusResponse
  readonly items: Items
}

/** The story of a batch for people. */
export function formatStory(
  speaker: Speaker,
  story: ExplainBatchResponse,
  { status, items }: Telling,
): string {
  const entry = parseEntry(story.entries[0]!.entry)
  const { header, idText } = parseHeaderNote(entry.header)
  const item = header.item === undefined ? undefined : items.get(header.item)
  const what = header.item ?? word(speaker, header.kind)
  const whatZh = item ? `${item.nameZh}（${what}）` : what
  return [
    say(
      speaker,
      `batch ${idText}: ${header.records} record(s) of ${what}, born at ${header.origin} on ${localTime(header.createdMs)}, provider ${header.provider}`,
      `批次 ${idText}：${whatZh}，${header.records} 条记录，${header.origin} 于 ${localTime(header.createdMs)} 报送，数据提供单位 ${header.provider}`,
    ),
    say(
      speaker,
      `here (${status.node}): entry ${story.entries[0]!.index} of ${localTime(entry.timeMs)}, from ${sourceText(speaker, entry.source)}: ${entry.verdict.accepted ? 'accepted' : 'refused'}`,
      `本节点（${status.node}）：日志第 ${story.entries[0]!.index} 条，${localTime(entry.timeMs)}，来自${sourceText(speaker, entry.source)}：${entry.verdict.accepted ? '已入账' : '已退回'}`,
    ),
    ...story.above.map(({ node, verdict, timeMs }) =>
      say(
        speaker,
        `${node}: ${verdict === 'accepted' ? 'accepted' : `refused (${verdict})`}, ${localTime(Number(timeMs))}`,
        `${node}：${verdictText(speaker, verdict)}，${localTime(Number(timeMs))}`,
      ),
    ),
    ...(story.refusal ? refusedLines(speaker, story, item) : hopLines(speaker, story, status)),
    ...originLines(speaker, story, header.origin),
  ].join('\n')
}

function refusedLines(
  speaker: Speaker,
  { refusal, refusedBy, recordNames, entries }: ExplainBatchResponse,
  item: CatalogItem | undefined,
): string[] {
  const { code, message, faults, faultCount } = refusal!
  const nameAt = new Map(recordNames.map(({ position, recordId }) => [position, recordId]))
  const meaning = isErrorCode(code)
    ? say(speaker, errorTable[code].meaning, errorTable[code].meaningZh)
    : code
  const second = entries[1]
  return [
    say(
      speaker,
      `refused by ${refusedBy}: ${meaning} (${code})`,
      `退回方：${refusedBy}；原因：${meaning}（${code}）`,
    ),
    ...(second && entries.length > 1
      ? [
          say(
            speaker,
            `the refusal came back here as entry ${second.index}`,
            `退回已记入本节点日志第 ${second.index} 条`,
          ),
        ]
      : []),
    ...(faults.length === 0
      ? [say(speaker, `reason: ${message}`, `说明：${refusalText(refusal!).zh}`)]
      : faults.slice(0, FAULTS_SHOWN).map(({ index, path, code: rule, message: en, messageZh }) => {
          const name = nameAt.get(index)
          const field = fieldTitle(speaker, path, item)
          return say(
            speaker,
            `  record ${index + 1}${name ? ` (${name})` : ''}, ${field}: ${en} (${rule})`,
            `  第 ${index + 1} 条记录${name ? `（${name}）` : ''}，${field}：${messageZh}（${rule}）`,
          )
        })),
    ...(faultCount > Math.min(faults.length, FAULTS_SHOWN)
      ? [
          say(
            speaker,
            `  and ${faultCount - Math.min(faults.length, FAULTS_SHOWN)} more`,
            `  另有 ${faultCount - Math.min(faults.length, FAULTS_SHOWN)} 处`,
          ),
        ]
      : []),
    adviceFor(speaker, code, refusedBy),
  ]
}

/** What to do, by the code of the refusal. */
function adviceFor(speaker: Speaker, code: string, refusedBy: string): string {
  const [en, zh] = advice[code] ?? [
    `ask the operator of ${refusedBy}, and give the batch number`,
    `请联系 ${refusedBy} 的操作员，并告知批次编号`,
  ]
  return say(speaker, `what to do: ${en}`, `处理办法：${zh}`)
}

const advice: Readonly<Record<string, readonly [string, string]>> = {
  record_invalid: [
    'nothing of this batch is in: correct these records in the file of the department, and import the whole file again; what is in already stays as it is',
    '该批次全部未入账：请报送部门改正上述记录后，将整个文件重新导入；已入账的不受影响',
  ],
  item_not_in_force: [
    'take an edition of the item that is in force (huxin catalog list), and import again',
    '请改用生效中的目录项版本（huxin catalog list）后重新导入',
  ],
  item_kind_mismatch: [
    'take an item that is for such data (huxin catalog list), and import again',
    '请改用与数据种类相符的目录项（huxin catalog list）后重新导入',
  ],
  origin_not_allowed: [
    'the item says who reports it (huxin catalog show ITEM, originators): it is reported there, or its publisher changes it',
    '该目录项规定了报送范围（huxin catalog show 目录项）：由所列节点报送，或请目录发布方调整',
  ],
  target_not_allowed: [
    'the item says who receives it (huxin catalog show ITEM, recipients): give narrower targets, and import again',
    '该目录项规定了送达范围（huxin catalog show 目录项）：请缩小送达范围后重新导入',
  ],
  kind_unknown: [
    'the node that refused it has an older program, or the sender is no huxin: bring both to one version',
    '退回方程序版本较旧，或报送方并非互信程序：请将两方升级到同一版本',
  ],
  member_not_in_force: [
    'the origin was suspended, or its key had ended (huxin member list): when it is active again, import again',
    '报送节点已被暂停，或其密钥所属纪元已结束（huxin member list）：恢复后请重新导入',
  ],
  catalog_name_not_owned: [
    'the name belongs to another publisher: take a name with a prefix of your own (huxin member list, catalog)',
    '该名称属于其他发布方：请使用本节点的目录前缀（huxin member list）',
  ],
  amendment_invalid: [
    'see the reason above, and amend again with what it asks for',
    '请按上述原因更正后重新办理变更',
  ],
}

function hopLines(
  speaker: Speaker,
  { nextHops }: ExplainBatchResponse,
  status: GetStatusResponse,
): string[] {
  if (nextHops.length === 0)
    return [say(speaker, 'it goes no further from here', '本节点即为终点，无须继续送达')]
  return nextHops.flatMap(({ node, way, state }) => {
    if (state === 'accepted')
      return [say(speaker, `${node} has it, and signed for it`, `${node} 已签收`)]
    if (state === 'undelivered')
      return [
        say(
          speaker,
          `${node} is retired and never fetched it: publish the records again to its successor`,
          `${node} 已注销，未曾取走：请向承接其辖区的节点重新报送`,
        ),
      ]
    const peer =
      way === 'to_parent' ? status.parent : status.children.find((child) => child.node === node)
    return [
      say(
        speaker,
        `${node} does not have it yet: ${peer?.state ?? 'no link'}, ${peer?.waiting ?? 0} batch(es) wait for it`,
        `尚未送达 ${node}：链路${word(speaker, peer?.state ?? 'none')}，待送 ${peer?.waiting ?? 0} 批`,
      ),
      peer?.state === 'connected'
        ? say(
            speaker,
            'what to do: it goes by itself; where it stays so, huxin node status says what it waits for',
            '处理办法：将自动送达；若一直未送达，请查看 huxin node status 的告警',
          )
        : say(
            speaker,
            'what to do: it goes by itself when the link stands; see to the network and to the other node',
            '处理办法：链路恢复后自动送达；请检查网络与对方节点是否运行',
          ),
    ]
  })
}

function originLines(
  speaker: Speaker,
  { originStatus, quarantined }: Pick<ExplainBatchResponse, 'originStatus' | 'quarantined'>,
  origin: string,
): string[] {
  return [
    ...(originStatus === 'suspended' || originStatus === 'retired'
      ? [
          say(
            speaker,
            `${origin} is ${originStatus} now: nothing of it is taken (huxin member list)`,
            `${origin} 现${word(speaker, originStatus)}，其报送不予接收（huxin member list）`,
          ),
        ]
      : []),
    ...(quarantined
      ? [
          say(
            speaker,
            `batches of ${origin} are not taken here: huxin quarantine list`,
            `本节点暂停接收 ${origin} 的批次：见 huxin quarantine list`,
          ),
        ]
      : []),
  ]
}
