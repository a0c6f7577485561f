/** `huxin import`: files of departments, with what is asked before and kept afterwards. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { HuxinError, isHuxinError, messageOf } from '../../base/errors.ts'
import { systemRandom } from '../../base/random.ts'
import { bilingual, joined, type Text, text, textOf } from '../../base/text.ts'
import type { PeerStatus } from '../../gen/huxin/v1/admin_service_pb.ts'
import { encodings } from '../../intake/encoding.ts'
import type { Profile } from '../../intake/profile.ts'
import { rejectFileOf } from '../../intake/reject.ts'
import { confirm, mayAsk } from '../confirm.ts'
import type { Connection } from '../connect.ts'
import { type ImportOptions, type ImportSummary, runImport } from '../import/import.ts'
import { formatSummary } from '../import/report.ts'
import { type Reach, reachOf, reachText } from '../import/reach.ts'
import { listRuns, RunLog, writtenRejects } from '../import/runs.ts'
import { notTable, skippedText, type Source, sourcesOf } from '../import/sources.ts'
import { watchFolder } from '../import/watch.ts'
import { exitCodeOf, exitCodes, type Output, print, say, withLocalTimes } from '../output.ts'
import { allPages } from '../pages.ts'
import type { Shell } from '../shell.ts'
import { word, wordLists, wordOption } from '../words.ts'
import { ImportProgress } from '../import/progress.ts'
import { loadProfile } from '../import/profiles.ts'
import { profileCommands } from './import-profile.ts'
import { importRunCommands } from './import-runs.ts'
import { atNode, CALL, collect, withNode } from './shared.ts'

interface Options {
  readonly item?: string
  readonly target?: string[]
  readonly provider?: string
  readonly class: 'normal' | 'bulk'
  readonly encoding: string
  readonly reject?: string
  readonly force?: boolean
  readonly ignoreExtra?: boolean
  readonly acceptOddNames?: boolean
  readonly verbatim?: boolean
  readonly sheet?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly watch?: string
  readonly profile?: string
  readonly node: string
}

/** What holds for every file of one command: what is given stands before what the profile says, and that before node.yaml. */
interface Terms extends Pick<
  ImportOptions,
  'batchClass' | 'encoding' | 'ignoreExtra' | 'sheet' | 'cells' | 'profile'
> {
  readonly item: string
  /** '' where each file says it. */
  readonly provider: string
  readonly targets: readonly string[]
  /** Undefined where the caller may not ask who the members are. */
  readonly reach: Reach | undefined
}

const RUNS_LOOKED_AT = 1_000

export function importCommand(program: Command, shell: Shell): void {
  const command = shell
    .common(
      atNode(program.command('import [files...]'), shell),
      'huxin import 评价结果.csv --item zj/industry-evaluation --target 330000 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'publish the rows of files (CSV, .xlsx, NDJSON), of a folder, or of standard input (-); the same rows again add nothing',
        '导入文件（CSV、.xlsx、NDJSON）、文件夹或标准输入（-）；重复导入不会重复入库',
      ),
    )
    .option(
      '--item <id[@edition]>',
      say(
        shell,
        'catalog item; without edition the newest in force (or import.item in node.yaml)',
        '目录项；不写版次即取最新生效版次（或用 node.yaml 的 import.item）',
      ),
    )
    .option(
      '--target <target>',
      say(
        shell,
        'who gets them: a node, <node>/** or **; may be given again (or import.targets)',
        '送达范围：节点、<节点>/** 或 **，可多次给出（或用 import.targets）',
      ),
      collect,
    )
    .option(
      '--profile <name>',
      say(
        shell,
        'how the files of a department are read: profiles/<name>.yaml of the node',
        '部门配置：节点目录下 profiles/<名称>.yaml',
      ),
    )
    .option(
      '--provider <uscc>',
      say(
        shell,
        'body answerable for the records (or import.provider; without: the only body of the node, or the evaluator that the file names)',
        '数据提供单位（或用 import.provider；不写则取本节点唯一单位，或文件中的评价单位）',
      ),
    )
    .addOption(
      wordOption(shell, '--class <class>', {
        en: 'lane; bulk (the default) yields to normal',
        zh: '通道，批量（默认）让位于普通',
        list: wordLists.lane,
      }).default('bulk'),
    )
    .addOption(
      new Option('--encoding <encoding>', say(shell, 'encoding of the file', '文件编码'))
        .choices(['auto', ...encodings])
        .default('auto'),
    )
    .option(
      '--reject <file>',
      say(
        shell,
        'where bad rows go (default: <file>.rejected.csv)',
        '退回行文件（默认：原文件名.rejected.csv）',
      ),
    )
    .option(
      '--force',
      say(
        shell,
        'replace the file that --reject names, also when somebody changed it',
        '覆盖 --reject 指定的已有文件（即使已改过）',
      ),
    )
    .option(
      '--accept-odd-names',
      say(
        shell,
        'take names and texts that look damaged as they are',
        '疑似有误的名称与文本按原样导入',
      ),
    )
    .option(
      '--verbatim',
      say(
        shell,
        'no spreadsheet had the file: codes that end in 000 are right',
        '文件未经电子表格处理，以 000 结尾的代码属实',
      ),
    )
    .option(
      '--ignore-extra',
      say(
        shell,
        'leave out columns whose name is like that of a missing one',
        '略过名称与所缺列相近的列',
      ),
    )
    .option(
      '--sheet <name>',
      say(
        shell,
        'sheet of a workbook (default: the one whose header fits)',
        '工作表名称（默认：表头相符的那一个）',
      ),
    )
    .option('--dry-run', say(shell, 'check only', '只检查不入库'))
    .option(
      '--yes',
      say(
        shell,
        'do not ask before sending to others than the nodes above',
        '送达上级以外的节点时不再询问',
      ),
    )
    .option(
      '--watch <folder>',
      say(
        shell,
        'take files as they are dropped into a folder, until SIGINT',
        '持续接收放入文件夹的文件，直至收到停止信号',
      ),
    )
    .action((files: string[], _options, self: Command) => importFiles(shell, self, files))
  importRunCommands(command, shell)
  profileCommands(command, shell)
}

async function importFiles(
  shell: Shell,
  command: Command,
  files: readonly string[],
): Promise<void> {
  const options = command.opts<Options>()
  if (files.length === 0 && options.watch === undefined)
    throw new HuxinError('argument_invalid', text`name a file, a folder, or - for standard input`)
  if (files.length > 0 && options.watch !== undefined)
    throw new HuxinError(
      'argument_invalid',
      text`--watch takes the files of its folder: name no others`,
    )
  const profile =
    options.profile === undefined ? undefined : await loadProfile(options.node, options.profile)
  const ending = new AbortController()
  const end = (): void => ending.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  try {
    await withNode(command, async (connection) => {
      await checkStanding(shell, command, connection)
      const terms = await termsOf(shell, command, { connection, options, profile })
      const runner = new Runner({
        shell,
        output: shell.output(command),
        connection,
        options,
        terms,
        signal: ending.signal,
      })
      if (options.watch === undefined) await runner.files(files)
      else await runner.watch(options.watch)
    })
  } finally {
    process.removeListener('SIGINT', end)
    process.removeListener('SIGTERM', end)
  }
}

/** A node that takes nothing now, or hands nothing up, says so before the first row. @throws HuxinError not_ready | member_suspended */
async function checkStanding(shell: Shell, command: Command, { admin }: Connection): Promise<void> {
  const status = await admin.getStatus({}, CALL).catch(unlessDenied)
  if (!status) return
  const { state, parent, membership, standingAlarms } = status
  const faults = standingAlarms
    .filter(({ severity }) => severity === 'fault')
    .map(({ message, messageZh, remedy, remedyZh }) =>
      bilingual(`${message}: ${remedy}`, `${messageZh}：${remedyZh}`),
    )
  if (state === 'starting' || state === 'broken') {
    throw new HuxinError(
      'not_ready',
      text`the node is ${inWords(state)}, nothing was sent: ${faults.length > 0 ? joined(faults, '; ') : state === 'starting' && parent ? waitingFor(parent) : text`see huxin node status`}`,
    )
  }
  if (membership && membership.status !== '' && membership.status !== 'active') {
    const { status: is, reason, document, actor } = membership
    const why = [reason, document, actor].filter((part) => part !== '')
    throw new HuxinError(
      'member_suspended',
      text`this node is ${inWords(is)} (${joined(why.length > 0 ? why : ['-'], '; ')}), nothing was sent: what it takes now would stay here; ask the node above`,
    )
  }
  if (parent && parent.state !== '' && parent.state !== 'connected' && parent.state !== 'none') {
    shell
      .output(command)
      .writeError(
        `${say(
          shell,
          `the parent ${parent.node} is ${parent.state}: what is imported is logged here and goes up when it is back`,
          `上级 ${parent.node} 暂时无法连接：导入的记录先在本节点入账，恢复连接后自动上送`,
        )}\n`,
      )
  }
}

/** The first seconds after a start have no alarm yet. */
function waitingFor({ node, state }: PeerStatus): Text {
  return text`it waits until its parent ${node} (${inWords(state)}) has said what it saw last of this log; try again in a moment, or see huxin node status`
}

function inWords(state: string): Text {
  return bilingual(state, word({ language: 'zh' }, state))
}

async function termsOf(
  shell: Shell,
  command: Command,
  {
    connection,
    options,
    profile,
  }: { connection: Connection; options: Options; profile: Profile | undefined },
): Promise<Terms> {
  const { import: defaults } = connection.config
  const item = options.item ?? profile?.item ?? defaults.item
  if (item === undefined)
    throw new HuxinError(
      'argument_invalid',
      text`name the catalog item: --item, or import.item in node.yaml (huxin catalog list shows them)`,
    )
  const targets = options.target ?? profile?.targets ?? defaults.targets
  if (targets.length === 0)
    throw new HuxinError(
      'argument_invalid',
      text`say who gets the records: --target, or import.targets in node.yaml; --target 330000 is the node 330000 alone`,
    )
  const reach = await reachFor(connection, targets)
  if (reach && options.dryRun !== true)
    await confirmReach(shell, connection, { options, targets, reach })
  return {
    item,
    targets,
    reach,
    provider:
      options.provider ??
      profile?.provider ??
      defaults.provider ??
      (await onlyProvider(connection)),
    batchClass:
      command.getOptionValueSource('class') === 'default'
        ? (profile?.class ?? options.class)
        : options.class,
    encoding:
      options.encoding === 'auto' ? (profile?.encoding ?? options.encoding) : options.encoding,
    ignoreExtra: options.ignoreExtra ?? profile?.ignoreExtra ?? false,
    cells: {
      ...(options.acceptOddNames ? { acceptOdd: true } : {}),
      ...(options.verbatim ? { verbatim: true } : {}),
    },
    sheet: options.sheet,
    profile: profile && { name: options.profile!, profile },
  }
}

async function reachFor(
  { admin, config }: Connection,
  targets: readonly string[],
): Promise<Reach | undefined> {
  const members = await allPages(
    (pageToken) => admin.listMembers({ pageToken }, CALL),
    (answer) => answer.members,
  ).catch(unlessDenied)
  return members && reachOf(members, config.node, targets)
}

/** What goes further than the nodes above is asked before it is done for the first time. @throws HuxinError argument_invalid | cancelled */
async function confirmReach(
  shell: Shell,
  { config }: Connection,
  { options, targets, reach }: { options: Options; targets: readonly string[]; reach: Reach },
): Promise<void> {
  if (reach.beyond === 0 || options.yes === true) return
  const name = (list: readonly string[]): string => [...list].sort().join(' ')
  if (
    (await listRuns(config.folder, RUNS_LOOKED_AT)).some(
      (run) => name(run.targets) === name(targets),
    )
  )
    return
  const [en, zh] = [reachText({ language: 'en' }, reach), reachText({ language: 'zh' }, reach)]
  if (!mayAsk(shell))
    throw new HuxinError(
      'argument_invalid',
      text`${name(targets)} goes to ${bilingual(en, zh)}, and each of them keeps the records: add --yes when that is meant, or name fewer (--target 330000 is the node 330000 alone)`,
    )
  const question = say(
    shell,
    `${name(targets)} goes to ${en}; each of them keeps the records. Is that meant?`,
    `${name(targets)} 将送达：${zh}，各节点均留存记录。确认送达？`,
  )
  if (!(await confirm(shell, question))) throw new HuxinError('cancelled', text`nothing was sent`)
}

/** The one body whose records are born at this node; '' when there are several. */
async function onlyProvider({ admin, config }: Connection): Promise<string> {
  const providers = await allPages(
    (pageToken) => admin.listProviders({ pageToken }, CALL),
    (answer) => answer.providers,
  ).catch(unlessDenied)
  if (!providers) return ''
  const bodies = new Set([
    config.body,
    ...(config.host === undefined ? [] : [config.host]),
    ...providers.filter(({ status }) => status === 'active').map(({ body }) => body),
  ])
  return bodies.size === 1 ? config.body : ''
}

/** A client of the node may not ask everything that an operator may. */
function unlessDenied(error: unknown): undefined {
  if (isHuxinError(error, 'role_denied')) return undefined
  throw error
}

interface RunnerOptions {
  readonly shell: Shell
  readonly output: Output
  readonly connection: Connection
  readonly options: Options
  readonly terms: Terms
  readonly signal: AbortSignal
}

class Runner {
  readonly #of: RunnerOptions

  constructor(options: RunnerOptions) {
    this.#of = options
  }

  /** Imports each; one that fails does not keep the others away. @throws HuxinError of the only one */
  async files(names: readonly string[]): Promise<void> {
    const { shell, output, options, signal } = this.#of
    const { sources, skipped, close } = await sourcesOf(names, {
      input: shell.io.stdin,
      reject: options.reject,
      force: options.force ?? false,
    })
    const results: object[] = []
    for (const one of skipped)
      output.writeError(
        `${one.folder}${say(output, ': ', '：')}${skippedText(one).in(output.language)}\n`,
      )
    try {
      for (const source of sources) {
        if (signal.aborted) break
        if (sources.length > 1 && !output.json) output.write(`${source.name}\n`)
        try {
          const summary = await this.#importOne(source)
          if (summary.rejected > 0 || summary.rows === 0) this.#exit(exitCodes.found)
          const view = { file: source.name, ...summary }
          results.push(view)
          if (sources.length === 1) print(output, view, () => this.#text(summary))
          else if (!output.json) print(output, view, () => this.#text(summary))
        } catch (error) {
          if (sources.length === 1) throw error
          this.#exit(exitCodeOf(error))
          results.push({
            file: source.name,
            error: {
              code: isHuxinError(error) ? error.code : 'internal',
              message: messageOf(error),
              messageZh: textOf(error).zh,
            },
          })
          output.writeError(`${source.name}: ${textOf(error).in(output.language)}\n`)
        }
      }
    } finally {
      await close()
    }
    if (sources.length > 1 && output.json) print(output, results, () => '')
  }

  async watch(folder: string): Promise<void> {
    const { output, signal } = this.#of
    output.writeError(
      `${say(output, `files that are dropped into ${folder} are imported; Ctrl-C ends it`, `正在接收放入 ${folder} 的文件，按 Ctrl-C 结束`)}\n`,
    )
    await watchFolder({
      folder,
      clock: systemClock,
      signal,
      unread: notTable().in(output.language),
      importOne: async (file) => {
        const result = await this.#importOne({
          name: file,
          file,
          rejectFile: rejectFileOf(file),
        }).then(
          (summary) => ({ summary }),
          (error: unknown) => ({ error }),
        )
        const later =
          'error' in result &&
          isHuxinError(result.error) &&
          (result.error.retry === 'later' || result.error.code === 'cancelled')
        const said =
          'summary' in result
            ? this.#text(result.summary)
            : withLocalTimes(textOf(result.error).in(output.language))
        if (output.json)
          output.write(
            `${JSON.stringify({ file, ...('summary' in result ? result.summary : { error: { code: isHuxinError(result.error) ? result.error.code : 'internal', message: messageOf(result.error), later } }) })}\n`,
          )
        else output.write(`${file}\n${said}\n`)
        return { later, text: said }
      },
    }).catch((error: unknown) => {
      throw isHuxinError(error)
        ? error
        : new HuxinError(
            'argument_invalid',
            text`the folder ${folder} cannot be watched: ${textOf(error)}`,
          )
    })
  }

  #exit(code: number): void {
    const { shell } = this.#of
    shell.exitCode = Math.max(shell.exitCode, code)
  }

  #text(summary: ImportSummary): string {
    const { output, terms } = this.#of
    const whom = terms.reach ? reachText(output, terms.reach) : ''
    const goes = say(
      output,
      `targets: ${terms.targets.join(' ')}${whom === '' ? '' : ` (${whom})`}`,
      `送达范围：${terms.targets.join('、')}${whom === '' ? '' : `（${whom}）`}`,
    )
    return `${formatSummary(output, summary)}\n${goes}`
  }

  async #importOne({ name, file, rejectFile }: Source): Promise<ImportSummary> {
    const { output, connection, options, terms, signal } = this.#of
    const { records, config, identity } = connection
    const progress = new ImportProgress(output, systemClock)
    let log: RunLog | undefined
    try {
      const summary = await runImport(
        {
          listCatalog: (request) => records.listCatalog(request, CALL),
          publish: (request) => records.publish(request, { timeoutMs: 120_000 }),
        },
        {
          ...terms,
          file,
          rejectFile,
          force: options.force ?? false,
          written: writtenRejects(config.folder),
          dryRun: options.dryRun ?? false,
          settleMs: SETTLE_MS,
          signal,
          clock: systemClock,
          random: systemRandom,
          onProgress: (phase, rows, share) => progress.show(phase, rows, share),
          onChecked: async (checked) => {
            if (options.dryRun === true) return
            const beginning = {
              file: name === '-' ? name : resolve(file),
              by: identity.name === '' ? identity.role : identity.name,
              targets: terms.targets,
              ...checked,
            }
            log = await RunLog.begin(config.folder, beginning, {
              clock: systemClock,
              random: systemRandom,
              keepDays: config.import.keepDays,
            }).catch((error: unknown) => this.#notKept(error))
          },
          onBatch: (batch) => log?.batch(batch),
        },
      )
      const { added, updated, widened, existing, rejected } = summary
      log?.end({
        outcome: 'done',
        added,
        updated,
        widened,
        existing,
        rejected,
        rejectFile: summary.rejectFile && resolve(summary.rejectFile),
      })
      return summary
    } catch (error) {
      log?.end({
        outcome: isHuxinError(error) ? error.code : 'internal',
        message: messageOf(error),
        messageZh: textOf(error).zh,
      })
      throw error
    } finally {
      progress.end()
    }
  }

  #notKept(error: unknown): undefined {
    const { output } = this.#of
    output.writeError(
      `${say(output, `huxin import list will not show this run: ${messageOf(error)}`, `本次导入无法记入 huxin import list：${textOf(error).zh}`)}\n`,
    )
    return undefined
  }
}

/** Milliseconds that a file has to stand still. */
const SETTLE_MS = 1_000
