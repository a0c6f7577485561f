/** `huxin node`. */
import { access } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { pino } from 'pino'
import { formatAddress } from '../../base/address.ts'
import { systemClock } from '../../base/clock.ts'
import { systemRandom } from '../../base/random.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { loadConfig } from '../../node/config.ts'
import { fitHandles, handleLimit } from '../../node/handles.ts'
import { tuneMemory } from '../../node/memory.ts'
import { runEpochs } from '../../node/epochs.ts'
import {
  checkNode,
  initNode,
  joinNode,
  type NodeFields,
  pinRoot,
  rebuildNode,
  recoverNode,
} from '../../node/setup.ts'
import type { Recovery } from '../../node/recovery.ts'
import { standardOutput } from '../log-output.ts'
import { print, progress, say, table } from '../output.ts'
import { readInput, type Shell, textOfFile } from '../shell.ts'
import { word, wordLists, wordOption } from '../words.ts'
import { accountCommands } from './account.ts'
import { backupCommands } from './backup.ts'
import { fsckCommand } from './fsck.ts'
import { statusCommand } from './node-status.ts'
import { systemPorts } from '../../node/system-ports.ts'

export function nodeCommands(program: Command, shell: Shell): void {
  const node = program
    .command('node')
    .description(say(shell, 'set up, run and look after a node', '安装、运行与维护节点'))
  const folder = (command: Command): Command =>
    command.option(
      '--node <folder>',
      say(
        shell,
        'folder of the node (default: HUXIN_NODE or .)',
        '节点目录（默认当前目录或 HUXIN_NODE）',
      ),
      shell.io.env['HUXIN_NODE'] ?? '.',
    )
  initCommand(folder(node.command('init')), shell)
  shell
    .common(folder(node.command('join <file>')), 'huxin node join join.json --node nodes/330825')
    .description(
      say(shell, 'take the join file that the parent answered', '导入上级发回的接入文件'),
    )
    .action(async (file: string, _options, command: Command) => {
      await joinNode(folderOf(command), Buffer.from(textOfFile(await readInput(file), file)))
      print(shell.output(command), { joined: true }, () =>
        say(
          shell,
          'the node may be started now: huxin node start; where it runs, restart it',
          '接入完成，可以启动：huxin node start；正在运行的须重新启动',
        ),
      )
    })
  shell
    .common(
      folder(node.command('pin <vkey>')),
      'huxin node pin cn.example/000000+421ab3f4+Ae1J… --node nodes/330825',
    )
    .description(
      say(
        shell,
        'trust one more root key, from the next start on',
        '增加信任的根公钥（下次启动生效）',
      ),
    )
    .action(async (vkey: string, _options, command: Command) => {
      const { name } = await pinRoot(folderOf(command), vkey)
      print(shell.output(command), { pinned: name }, () =>
        say(shell, `${name} is pinned; start the node again`, `已信任 ${name}，请重新启动节点`),
      )
    })
  checkCommand(folder(node.command('check')), shell)
  startCommand(folder(node.command('start')), shell)
  statusCommand(node, shell)
  shell
    .common(folder(node.command('rebuild')), 'huxin node rebuild --node nodes/330825')
    .description(
      say(
        shell,
        'drop everything derived and fold it anew (the node must not run)',
        '重建派生数据（节点须停止）',
      ),
    )
    .action(async (_options, command: Command) => {
      const output = shell.output(command)
      const bar = progress(output, say(output, 'entries', '日志'))
      const entries = await rebuildNode(folderOf(command), (done, total) =>
        bar.show(Number(done), Number(done) / Math.max(1, Number(total))),
      ).finally(() => bar.end())
      print(output, { entries }, () =>
        say(shell, `${entries} entries were folded anew`, `已由 ${entries} 条日志重建`),
      )
    })
  recoverCommand(folder(node.command('recover')), shell)
  backupCommands(node, shell)
  serviceCommands(program, shell)
}

function folderOf(command: Command): string {
  return resolve(command.opts<{ node: string }>().node)
}

function initCommand(command: Command, shell: Shell): void {
  shell
    .common(
      command,
      'huxin node init --node nodes/330825 --id zj.example/330825 --tier county --body 11330825TT00000903 --parent zj.example/330800 --parent-address 10.0.0.8:7443 --certs certs/330825',
    )
    .description(say(shell, 'make keys, and the application for the parent', '生成密钥与接入申请'))
    .option(
      '--id <name>',
      say(shell, 'full name, <trust domain>/<node id>', '全称：信任域/节点编号'),
    )
    .addOption(
      wordOption(shell, '--tier <tier>', {
        en: 'tier of the node',
        zh: '层级',
        list: wordLists.tier,
      }),
    )
    .option(
      '--divisions <codes>',
      say(shell, 'division codes served, comma-separated', '辖区行政区划代码，逗号分隔'),
      '',
    )
    .option(
      '--body <uscc>',
      say(shell, 'operating body, unified social credit code', '运行单位统一社会信用代码'),
    )
    .option('--parent <name>', say(shell, 'full name of the parent', '上级节点全称'))
    .option('--parent-address <host:port>', say(shell, 'where the parent answers', '上级节点地址'))
    .option(
      '--listen <host:port>',
      say(shell, 'where this node listens', '监听地址'),
      '127.0.0.1:7443',
    )
    .option(
      '--host <uscc>',
      say(
        shell,
        'body that hosts the node, if another',
        '托管单位统一社会信用代码（与运行单位不同时）',
      ),
    )
    .option('--certs <folder>', say(shell, 'folder of the node certificate', '节点证书目录'))
    .action(async (_options, self: Command) => {
      const options = self.opts<InitOptions>()
      const certs =
        options.certs === undefined
          ? undefined
          : await certificatesAt(options.certs, folderOf(self))
      const application = await initNode(
        folderOf(self),
        fieldsOf({ ...options, certs: certs?.folder }),
        { clock: systemClock, random: systemRandom },
      )
      const missing =
        certs && !certs.there
          ? say(
              shell,
              `\nthere is no node.crt in ${certs.seen} yet: it must be there before huxin node check`,
              `\n${certs.seen} 中尚无 node.crt：须在 huxin node check 之前放好`,
            )
          : ''
      print(
        shell.output(self),
        { application: application ?? null, ...(certs ? { certificateThere: certs.there } : {}) },
        () =>
          (application === undefined
            ? say(
                shell,
                `the root is ready: huxin node check, huxin node start --node ${self.opts<{ node: string }>().node}`,
                `根节点已就绪：huxin node check，huxin node start --node ${self.opts<{ node: string }>().node}`,
              )
            : say(
                shell,
                `give ${application} to the parent's operator (huxin member approve), and take the answer with: huxin node join`,
                `请将 ${application} 交上级操作员（huxin member approve），再用 huxin node join 导入答复`,
              )) + missing,
      )
    })
}

interface InitOptions {
  readonly id?: string
  readonly tier?: string
  readonly divisions: string
  readonly body?: string
  readonly host?: string
  readonly parent?: string
  readonly parentAddress?: string
  readonly listen: string
  readonly certs?: string | undefined
}

/** The folder of certificates as node.yaml names it: it is given as seen from here, and, as in former manuals, from the node's folder. */
async function certificatesAt(
  certs: string,
  folder: string,
): Promise<{ folder: string; seen: string; there: boolean }> {
  const hasCertificate = (at: string): Promise<boolean> =>
    access(join(at, 'node.crt')).then(
      () => true,
      () => false,
    )
  const here = resolve(certs)
  if (!(await hasCertificate(here)) && (await hasCertificate(resolve(folder, certs))))
    return { folder: certs, seen: resolve(folder, certs), there: true }
  return {
    folder: isAbsolute(certs) ? certs : relative(folder, here),
    seen: here,
    there: await hasCertificate(here),
  }
}

function fieldsOf({
  id,
  tier,
  body,
  host,
  certs,
  parent,
  parentAddress,
  listen,
  divisions,
}: InitOptions): NodeFields | undefined {
  if (id === undefined) return undefined
  if (tier === undefined || body === undefined || certs === undefined)
    throw new HuxinError('argument_invalid', text`with --id also give --tier, --body and --certs`)
  if (parent !== undefined && parentAddress === undefined)
    throw new HuxinError('argument_invalid', text`with --parent also give --parent-address`)
  return {
    node: id,
    tier,
    body,
    host,
    certs,
    listen,
    actor: '-',
    divisions: divisions === '' ? [] : divisions.split(','),
    parent: parent === undefined ? undefined : { node: parent, address: parentAddress! },
  }
}

function checkCommand(command: Command, shell: Shell): void {
  shell
    .common(command, 'huxin node check --node nodes/330825')
    .description(
      say(
        shell,
        'check configuration, files, certificate, port and parent before a start',
        '启动前检查配置、文件、证书、端口与上级',
      ),
    )
    .option('--offline', say(shell, 'do not ask the parent', '不连接上级'))
    .action(async (_options, self: Command) => {
      const checks = await checkNode(folderOf(self), {
        clock: systemClock,
        parent: !self.opts<{ offline?: boolean }>().offline,
      })
      print(
        shell.output(self),
        checks.map(({ name, ok, detail }) => ({ name, ok, detail })),
        () =>
          table(
            [
              say(shell, 'check', '检查项'),
              say(shell, 'result', '结果'),
              say(shell, 'detail', '说明'),
            ],
            checks.map(({ name, ok, detail, detailZh }) => [
              word(shell, name),
              ok ? say(shell, 'good', '正常') : say(shell, 'BAD', '有误'),
              say(shell, detail, detailZh),
            ]),
          ),
      )
      if (checks.some(({ ok }) => !ok)) shell.exitCode = 2
    })
}

function startCommand(command: Command, shell: Shell): void {
  shell
    .common(command, 'huxin node start --node nodes/330825')
    .description(
      say(
        shell,
        'run the node until it is stopped (SIGINT, SIGTERM)',
        '运行节点，直至收到停止信号',
      ),
    )
    .option(
      '--alone [entries]',
      say(
        shell,
        'do not wait for the parent, or at a root the children, before signing; a root that was cosigned wants the number of entries that a child has cosigned; logged',
        '不等待上级（根节点：下级）即可签发（记入日志）；已被见证的根节点须给出下级已见证的条数',
      ),
    )
    .action(async (_options, self: Command) => {
      const chosen = await loadConfig(folderOf(self))
      const config = fitHandles(chosen, await handleLimit())
      const log = pino(
        { level: config.logLevel, base: { node: config.node } },
        standardOutput(process.stdout, () => systemClock.nowMs()),
      )
      if (config.connectionsMax < chosen.connectionsMax)
        log.warn(
          { connectionsMax: config.connectionsMax },
          'fewer connections than usual: more would take more file handles than this process may have (ulimit -n)',
        )
      tuneMemory()
      const stopped = new Promise<'stopped'>((stop) => {
        process.once('SIGINT', () => stop('stopped'))
        process.once('SIGTERM', () => stop('stopped'))
        process.once('disconnect', () => stop('stopped'))
      })
      const options = {
        ...systemPorts,
        config,
        log,
        alone: aloneOf(self.opts<{ alone?: true | string }>().alone),
      }
      await runEpochs(options, stopped, ({ port }) =>
        shell.io.stderr.write(
          `huxin ${config.node} ${say(shell, 'listens on', '监听')} ${formatAddress({ host: config.listen.host, port })}\n`,
        ),
      )
      // A channel to a parent process would keep this one alive.
      if (process.connected) process.disconnect()
    })
}

/** @throws HuxinError argument_invalid */
function aloneOf(word: true | string | undefined): boolean | bigint {
  if (word === undefined || word === true) return word ?? false
  if (!/^[0-9]{1,18}$/.test(word))
    throw new HuxinError(
      'argument_invalid',
      text`--alone ${word}: the number of entries that a child has cosigned is wanted (huxin node status there, "we cosigned")`,
    )
  return BigInt(word)
}

function recoverCommand(command: Command, shell: Shell): void {
  shell
    .common(command, 'huxin node recover --node nodes/330825')
    .description(
      say(
        shell,
        'come back after a restored snapshot or a lost disk, as a new epoch, also at a root (the node must not run)',
        '快照回滚或磁盘丢失后恢复为新纪元，根节点亦可（节点须停止）',
      ),
    )
    .action(async (_options, self: Command) => {
      const recovery = await recoverNode(folderOf(self), {
        clock: systemClock,
        random: systemRandom,
      })
      print(shell.output(self), recovery, () =>
        recovery.waitsForChildren
          ? formatRootRecovery(shell, recovery)
          : [
              ...(recovery.application === undefined
                ? [
                    say(
                      shell,
                      `epoch ${recovery.oldEpoch} is closed, epoch ${recovery.newEpoch} begins`,
                      `纪元 ${recovery.oldEpoch} 结束，纪元 ${recovery.newEpoch} 开始`,
                    ),
                  ]
                : [
                    say(
                      shell,
                      `the note key is lost: give ${recovery.application} to the operator of the parent's parent, or of the parent where that is a root (huxin member approve --rekey), and take the answer with: huxin node join`,
                      `签名密钥已丢失：请将 ${recovery.application} 交上级之上级操作员，上级为根节点时交上级操作员（huxin member approve --rekey），再用 huxin node join 导入答复`,
                    ),
                  ]),
              ...(recovery.application === undefined
                ? [
                    say(
                      shell,
                      `the parent had seen ${recovery.parentSize} entries, ${recovery.localSize} are here`,
                      `上级已见证 ${recovery.parentSize} 条，本地尚存 ${recovery.localSize} 条`,
                    ),
                  ]
                : []),
              ...(recovery.unsent.length > 0
                ? [
                    say(
                      shell,
                      'batches made here that the parent never had; publish them again:',
                      '上级从未收到、需要重新报送的批次：',
                    ),
                    ...recovery.unsent.map((line) => `  ${line}`),
                  ]
                : recovery.localSize === 0n
                  ? []
                  : [
                      say(
                        shell,
                        'nothing in the old database is unknown to the parent',
                        '旧库中没有上级未收到的批次',
                      ),
                    ]),
              ...(recovery.parentSize > recovery.localSize
                ? [
                    say(
                      shell,
                      `${recovery.parentSize - recovery.localSize} entries are not here: what went through the parent comes back at the next start; what was local only is lost`,
                      `缺 ${recovery.parentSize - recovery.localSize} 条：经上级者启动后取回，仅在本地者已丢失`,
                    ),
                  ]
                : []),
              ...(recovery.application === undefined
                ? [
                    say(
                      shell,
                      'start the node now: it takes back what the parent holds',
                      '现在启动节点，将取回上级保存的内容',
                    ),
                  ]
                : []),
            ].join('\n'),
      )
    })
}

function formatRootRecovery(
  shell: Shell,
  { oldEpoch, newEpoch, localSize, parentSize }: Recovery,
): string {
  return [
    say(
      shell,
      `epoch ${newEpoch} is prepared; of the log of epoch ${oldEpoch} ${localSize} entries are here`,
      `纪元 ${newEpoch} 已准备；纪元 ${oldEpoch} 的日志本地尚存 ${localSize} 条`,
    ),
    ...(parentSize > localSize
      ? [
          say(
            shell,
            `the checkpoint file says that ${parentSize} were signed`,
            `检查点文件显示曾签发至 ${parentSize} 条`,
          ),
        ]
      : []),
    say(
      shell,
      'nothing is signed yet: start the node now (huxin node start), its children give back what they have; the alarm "recovery" says whom it waits for',
      '尚未签发任何内容：现在启动节点（huxin node start），由各下级交还所存内容；告警 recovery 说明仍在等待哪些下级',
    ),
    say(
      shell,
      'when half of the children gave everything, the new epoch begins with a signed statement of what was lost',
      '半数下级交还完毕后，新纪元以签名声明开始，并写明丢失的条目',
    ),
  ].join('\n')
}

function serviceCommands(program: Command, shell: Shell): void {
  fsckCommand(program, shell)
  accountCommands(program, shell)
}
