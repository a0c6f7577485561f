/** `huxin evidence`: one file that a court can keep; `huxin verify` (verify.ts) checks it. */
import type { Command } from 'commander'
import { fromHex } from '../../base/bytes.ts'
import { print, say } from '../output.ts'
import { checkFree, type Overwriting, type Shell, writeOutput } from '../shell.ts'
import { purposeOption } from '../words.ts'
import { atNode, CALL, recordIdOf, wholeNumber, withForce, withNode } from './shared.ts'

export function evidenceCommands(program: Command, shell: Shell): void {
  shell
    .common(
      withForce(atNode(program.command('evidence <what>'), shell), shell),
      'huxin evidence 9f2c…e1 --position 0 --purpose judicial --document （2026）浙0106民初12号 -o evidence.txt --node nodes/330000',
    )
    .description(
      say(
        shell,
        'issue evidence of a record or a batch, for keeping outside; the access is logged',
        '出具记录或批次的存证材料，出具行为记入日志',
      ),
    )
    .requiredOption('-o, --out <file>', say(shell, 'where it goes', '输出文件'))
    .addOption(
      purposeOption(
        shell,
        say(
          shell,
          'what it is for, one of the purposes of the item (kept in the log)',
          '使用目的，须为目录项允许者（记入日志）',
        ),
      ).makeOptionMandatory(),
    )
    .requiredOption(
      '--document <number>',
      say(
        shell,
        'number of the document that asks for it (kept in the log)',
        '调取文书文号（记入日志）',
      ),
    )
    .option(
      '--position <number>',
      say(
        shell,
        'position of the record in the batch, from 0; without it the evidence is of the batch alone',
        '记录在批次中的位置，从 0 开始；不填则只证明批次',
      ),
      wholeNumber(shell),
    )
    .action(async (what: string, _options, command: Command) => {
      const { out, purpose, document, position, force } = command.opts<
        { out: string; purpose: string; document: string; position?: number } & Overwriting
      >()
      await checkFree(out, { force })
      const id = fromHex(what)
      const wanted = id?.length === 32 ? { batchId: id } : { recordId: recordIdOf(what) }
      const { file, accessBatchId, roots } = await withNode(command, ({ admin }) =>
        admin.issueEvidence(
          { ...wanted, purpose, document, ...(position === undefined ? {} : { position }) },
          CALL,
        ),
      )
      await writeOutput(out, file, { force })
      const verify = `huxin verify ${out} ${roots.map((root) => `--root ${root}`).join(' ')}`
      print(shell.output(command), { file: out, accessBatchId, roots }, () =>
        [
          out,
          say(
            shell,
            `access record: ${Buffer.from(accessBatchId).toString('hex')}`,
            `查询留痕：${Buffer.from(accessBatchId).toString('hex')}`,
          ),
          say(
            shell,
            `check it anywhere, without a network: ${verify}`,
            `可在任何地方离线核验：${verify}`,
          ),
          say(
            shell,
            'whoever checks it takes the root key from a publication that they trust, not from here',
            '核验者应从其信任的公开渠道取得根公钥，而非由此处取得',
          ),
        ].join('\n'),
      )
    })
}
