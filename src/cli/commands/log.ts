/** `huxin log`: checkpoint, entries, proofs; verification needs no node. */
import type { Command } from 'commander'
import { fromHex, hex } from '../../base/bytes.ts'
import { formatSeconds } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { parseCheckpoint } from '../../note/checkpoint.ts'
import { parseNote } from '../../note/note.ts'
import { parsePolicy, type Policy } from '../../note/policy.ts'
import type { Connection } from '../connect.ts'
import { judgeByPolicy, type PolicyVerdict } from '../log-status.ts'
import { exitCodes, print, say, table } from '../output.ts'
import { formatProofFile, namedProof, verifyProofFile } from '../proof-file.ts'
import {
  checkFree,
  type Overwriting,
  readInput,
  readLines,
  type Shell,
  writeOutput,
} from '../shell.ts'
import { endingCommands } from './log-end.ts'
import { verdictText } from '../words.ts'
import { listCommand } from './log-list.ts'
import { atNode, CALL, withForce, withNode } from './shared.ts'

export function logCommands(program: Command, shell: Shell): void {
  const log = program.command('log').description(say(shell, 'the signed log', '签名日志'))
  const ofLog = (command: Command): Command =>
    command.option(
      '--log <origin>',
      say(
        shell,
        'a frozen log of this node, for example zj.example/330000/1',
        '本节点已冻结的日志，如 zj.example/330000/1',
      ),
      '',
    )
  shell
    .common(
      ofLog(atNode(log.command('checkpoint'), shell)),
      'huxin log checkpoint --node nodes/330000',
    )
    .description(say(shell, 'the newest checkpoint with its cosignatures', '最新签名点与见证签名'))
    .action(async (_options, command: Command) => {
      const { checkpoint, final, vkey } = await withNode(command, (connection) =>
        connection.log.getCheckpoint({ log: command.opts<{ log: string }>().log }, CALL),
      )
      const note = Buffer.from(checkpoint).toString()
      print(
        shell.output(command),
        { checkpoint: note, final, vkey },
        () =>
          `${note}\n${final ? say(shell, 'final', '已终局') : say(shell, 'not yet final', '尚未终局')}\n${vkey}`,
      )
    })
  endingCommands(log, shell)
  shell
    .common(
      atNode(log.command('status'), shell),
      'huxin log status --policy policy.txt --node nodes/330000',
    )
    .description(
      say(
        shell,
        'who cosigned how much of the log, and whether that is enough',
        '各见证方签到何处，是否已终局',
      ),
    )
    .option(
      '--policy <file>',
      say(
        shell,
        'witness policy of your own (C2SP tlog-policy); exit code 1 when the newest checkpoint is not final by it',
        '自备见证策略文件（C2SP tlog-policy）；最新签名点未终局时退出码为 1',
      ),
    )
    .action(async (_options, command: Command) => {
      const file = command.opts<{ policy?: string }>().policy
      const policy = file === undefined ? undefined : parsePolicy(await readLines(file))
      const status = await withNode(command, (connection) => logStatus(connection, policy))
      if (status.policy && !status.policy.final) shell.exitCode = exitCodes.found
      print(shell.output(command), status, () => statusText(shell, status))
    })
  listCommand(log, shell)
  shell
    .common(
      withForce(ofLog(atNode(log.command('prove <entry>'), shell)), shell),
      'huxin log prove 57 -o proof.json --node nodes/330000',
    )
    .description(
      say(
        shell,
        'a proof of one entry (index or batch id), for keeping; as FILE.tlog-proof and FILE.entry for any C2SP tool',
        '导出一条日志的证明；文件名以 .tlog-proof 结尾时，另存 .entry，可用任何 C2SP 工具核验',
      ),
    )
    .requiredOption('-o, --out <file>', say(shell, 'where it goes', '输出文件'))
    .action(async (what: string, _options, command: Command) => {
      const { out, log: origin, force } = command.opts<{ out: string; log: string } & Overwriting>()
      const entryFile = out.endsWith('.tlog-proof') ? [out.replace(/\.tlog-proof$/, '.entry')] : []
      for (const file of [out, ...entryFile]) await checkFree(file, { force })
      const batchId = fromHex(what)
      const byBatch = batchId?.length === 32
      if (!byBatch && !/^[0-9]{1,18}$/.test(what))
        throw new HuxinError(
          'argument_invalid',
          text`give a log index or a batch id of 64 hexadecimal digits`,
        )
      const answer = await withNode(command, (connection) =>
        connection.log.proveEntry(
          { log: origin, ...(byBatch ? { batchId } : { index: BigInt(what) }) },
          CALL,
        ),
      )
      if (entryFile.length > 0) {
        const { proof, vkey } = namedProof(answer)
        const entry = entryFile[0]!
        await writeOutput(out, proof, { force })
        await writeOutput(entry, answer.entry, { force })
        print(shell.output(command), { file: out, entry, vkey }, () =>
          say(
            shell,
            `${out}, of the leaf ${entry}; log key for C2SP tools: ${vkey}`,
            `${out}，叶为 ${entry}；供 C2SP 工具使用的日志公钥：${vkey}`,
          ),
        )
        return
      }
      await writeOutput(out, formatProofFile(answer), { force })
      print(shell.output(command), { file: out, vkey: answer.vkey }, () =>
        say(
          shell,
          `${out}; check it anywhere with: huxin log verify ${out} --vkey ${answer.vkey}`,
          `${out}；可在任何地方核验：huxin log verify ${out} --vkey ${answer.vkey}`,
        ),
      )
    })
  shell
    .common(log.command('verify <file>'), 'huxin log verify proof.json --vkey zj.example/330000+…')
    .description(say(shell, 'check a proof file offline', '离线核验证明文件'))
    .requiredOption('--vkey <key>', say(shell, 'log key that you trust', '您信任的日志公钥'))
    .action(async (file: string, _options, command: Command) => {
      const proven = verifyProofFile(await readInput(file), command.opts<{ vkey: string }>().vkey)
      print(shell.output(command), proven, () =>
        [
          say(
            shell,
            `proven: entry ${proven.index} is in the log ${proven.log} of ${proven.size} entries`,
            `已证明：第 ${proven.index} 条在日志 ${proven.log}（共 ${proven.size} 条）中`,
          ),
          say(
            shell,
            `batch ${proven.batchId} of ${proven.origin}: ${proven.records} record(s), ${proven.verdict} at ${proven.time}`,
            `批次 ${proven.batchId}，报送节点 ${proven.origin}：${proven.records} 条记录，${proven.time} ${verdictText(shell, proven.verdict.replace('refused ', ''))}`,
          ),
          say(
            shell,
            `cosigned by: ${proven.cosigners.join(', ') || 'nobody'} (not checked here)`,
            `见证：${proven.cosigners.join('、') || '无'}（此处未核验）`,
          ),
          say(
            shell,
            'it does not show that the records are still in force',
            '本证明不表示记录现行有效',
          ),
        ].join('\n'),
      )
    })
}

interface LogStatus {
  readonly log: string
  readonly size: bigint
  readonly final: boolean
  readonly frozen: boolean
  /** The log that this one goes on from. */
  readonly predecessor:
    | { readonly log: string; readonly size: bigint; readonly root: string }
    | undefined
  readonly cosigners: readonly {
    readonly node: string
    readonly size: bigint
    readonly behind: bigint
    readonly time: string | undefined
  }[]
  readonly policy: PolicyVerdict | undefined
}

async function logStatus({ log }: Connection, policy: Policy | undefined): Promise<LogStatus> {
  const { checkpoint, final, frozen, cosigners, ...before } = await log.getCheckpoint({}, CALL)
  const { origin, size } = parseCheckpoint(parseNote(checkpoint).text)
  return {
    log: origin,
    size,
    final,
    frozen,
    predecessor:
      before.predecessor === ''
        ? undefined
        : {
            log: before.predecessor,
            size: before.predecessorSize,
            root: hex(before.predecessorRoot),
          },
    cosigners: cosigners.map((cosigner) => ({
      node: cosigner.node,
      size: cosigner.size,
      behind: cosigner.size > size ? 0n : size - cosigner.size,
      time: cosigner.size === 0n ? undefined : formatSeconds(cosigner.timeS),
    })),
    policy:
      policy &&
      (await judgeByPolicy(policy, {
        newest: checkpoint,
        cosigned: cosigners
          .map((cosigner) => cosigner.checkpoint)
          .filter(({ length }) => length > 0),
        prove: async (oldSize, newSize) =>
          (await log.proveConsistency({ oldSize, newSize }, CALL)).hashes,
      })),
  }
}

function statusText(
  shell: Shell,
  { log, size, final, frozen, predecessor, cosigners, policy }: LogStatus,
): string {
  const rows = cosigners.map(({ node, size: cosigned, behind, time }) => [
    node,
    String(cosigned),
    String(behind),
    time ?? say(shell, 'never', '从未'),
  ])
  return [
    say(
      shell,
      `log ${log}: ${size} entries, ${final ? 'final' : 'not yet final'} by the federation's rule`,
      `日志 ${log}：${size} 条，按联邦规则${final ? '已终局' : '尚未终局'}`,
    ),
    ...(frozen ? [say(shell, 'frozen: it takes no more entries', '已冻结：不再接收条目')] : []),
    ...(predecessor
      ? [
          say(
            shell,
            `goes on from ${predecessor.log}, frozen at ${predecessor.size} entries, root ${predecessor.root}`,
            `承接 ${predecessor.log}，冻结于 ${predecessor.size} 条，根 ${predecessor.root}`,
          ),
        ]
      : []),
    '',
    table(
      [
        say(shell, 'cosigner', '见证方'),
        say(shell, 'cosigned', '已签至'),
        say(shell, 'behind', '落后'),
        say(shell, 'at', '时间'),
      ],
      rows,
    ),
    ...(policy
      ? [
          '',
          say(
            shell,
            `by the policy: ${policy.final ? 'final' : `not final; final up to ${policy.finalSize} entries`} (quorum ${policy.quorum})`,
            `按策略：${policy.final ? '已终局' : `未终局，已终局至 ${policy.finalSize} 条`}（法定 ${policy.quorum}）`,
          ),
          ...policy.witnesses.map((witness) => `  ${witness.name}  ${witness.size}`),
        ]
      : []),
  ].join('\n')
}
