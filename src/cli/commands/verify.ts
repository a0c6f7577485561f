/** `huxin verify`: evidence, a fork, a proof under a policy; without a node, by keys that the reader trusts. */
import type { Command } from 'commander'
import { asBuffer, utf8 } from '../../base/bytes.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, textOf } from '../../base/text.ts'
import { judgeEvidence, verifyProofByPolicy } from '../../evidence/finality.ts'
import { isForkFile, verifyFork } from '../../evidence/fork.ts'
import { verifyEvidence } from '../../evidence/verify.ts'
import { parseVkey } from '../../note/key.ts'
import { parsePolicy, type Policy } from '../../note/policy.ts'
import { type Output, print, say } from '../output.ts'
import {
  formatJudged,
  formatProven,
  formatProvenEntry,
  formatProvenFork,
  judgedView,
  provenEntryView,
  provenForkView,
  provenView,
} from '../proven.ts'
import { readInput, readLines, type Shell } from '../shell.ts'
import { itemInFile } from './catalog.ts'
import { collect } from './shared.ts'

interface Asked {
  readonly root?: string[]
  readonly policy?: string
  readonly entry?: string
  readonly catalog?: string
}

export function verifyCommands(program: Command, shell: Shell): void {
  shell
    .common(
      program.command('verify <file>'),
      'huxin verify evidence.txt --root cn.example/000000+…',
    )
    .description(
      say(
        shell,
        'check a file offline: evidence, the proof of a fork, or with a policy a .tlog-proof',
        '离线核验存证材料、分叉证明，或按见证策略核验 .tlog-proof',
      ),
    )
    .option(
      '--root <vkey>',
      say(
        shell,
        'root key that you trust; repeat for several (not for a .tlog-proof)',
        '您信任的根公钥，可多次给出（.tlog-proof 不需要）',
      ),
      collect,
    )
    .option(
      '--policy <file>',
      say(
        shell,
        'witness policy of your own (C2SP tlog-policy): what is not final by it is not proved',
        '自备见证策略文件（C2SP tlog-policy）；按其未终局者不算证明',
      ),
    )
    .option(
      '--entry <file>',
      say(
        shell,
        'the entry that a .tlog-proof is of (default: the same name with .entry)',
        '.tlog-proof 所证明的条目文件（默认同名 .entry）',
      ),
    )
    .option(
      '--catalog <file>',
      say(
        shell,
        'catalog file with the titles of the fields, as huxin catalog show <item> --json prints it; it is no part of the proof',
        '含字段名称的目录文件（huxin catalog show <目录项> --json 的输出）；不属于证明内容',
      ),
    )
    .action(async (file: string, _options, command: Command) => {
      const output = shell.output(command)
      const asked = command.opts<Asked>()
      const bytes = await readLines(file)
      const policy =
        asked.policy === undefined ? undefined : parsePolicy(await readLines(asked.policy))
      if (asBuffer(bytes).subarray(0, TLOG_PROOF.length).equals(TLOG_PROOF))
        return verifyProof(output, bytes, { file, asked, policy })
      if (asBuffer(bytes).subarray(0, 1).toString() === '{') {
        throw new HuxinError(
          'argument_invalid',
          bilingual(
            `${file} is JSON, not evidence: a proof of huxin log prove is checked with huxin log verify`,
            `${file} 为 JSON，不是存证材料：huxin log prove 导出的证明请用 huxin log verify 核验`,
          ),
        )
      }
      const roots = rootsOf(asked)
      if (isForkFile(bytes)) return verifyForkFile(output, bytes, { roots, policy })
      const { proven, judged } = {
        proven: verifyEvidence(bytes, roots),
        judged: policy && judgeEvidence(bytes, policy),
      }
      const titles =
        asked.catalog === undefined
          ? undefined
          : { file: asked.catalog, item: await itemInFile(asked.catalog, proven.header.item ?? '') }
      print(
        output,
        { ...provenView(proven), ...(judged ? judgedView(judged) : {}) },
        () =>
          `${formatProven(output, proven, titles)}${judged ? `\n\n${formatJudged(output, judged)}` : ''}`,
      )
    })
}

const TLOG_PROOF = asBuffer(utf8('c2sp.org/tlog-proof@v1\n'))

async function verifyProof(
  output: Output,
  bytes: Uint8Array,
  { file, asked, policy }: { file: string; asked: Asked; policy: Policy | undefined },
): Promise<void> {
  if (!policy)
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        'a .tlog-proof is judged by a policy that has the key of its log: give --policy',
        '.tlog-proof 须按含有该日志公钥的策略核验：请给出 --policy',
      ),
    )
  const entry = await readInput(asked.entry ?? `${file.replace(/\.tlog-proof$/, '')}.entry`)
  const proven = verifyProofByPolicy({ proof: bytes, entry, policy })
  print(output, provenEntryView(proven, entry), () => formatProvenEntry(output, proven, entry))
}

function verifyForkFile(
  output: Output,
  bytes: Uint8Array,
  { roots, policy }: { roots: readonly string[]; policy: Policy | undefined },
): void {
  if (policy)
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        'a policy says nothing of a fork: leave out --policy',
        '核验分叉证明不用策略：请去掉 --policy',
      ),
    )
  const proven = verifyFork(bytes, roots)
  print(output, provenForkView(proven), () => formatProvenFork(output, proven))
}

function rootsOf({ root }: Asked): readonly string[] {
  if (root === undefined)
    throw new HuxinError(
      'argument_invalid',
      bilingual('say which root key you trust: give --root', '请用 --root 给出您信任的根公钥'),
    )
  for (const vkey of root) checkRoot(vkey)
  return root
}

function checkRoot(vkey: string): void {
  try {
    if (parseVkey(vkey).type === 'ed25519') return
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        `--root ${JSON.stringify(vkey.slice(0, 80))} is no root key: ${textOf(error).en}`,
        `--root ${JSON.stringify(vkey.slice(0, 80))} 不是根公钥：${textOf(error).zh}`,
      ),
    )
  }
  throw new HuxinError(
    'argument_invalid',
    bilingual(
      `--root ${JSON.stringify(vkey.slice(0, 80))} is a cosigner's key: the root key is wanted`,
      `--root ${JSON.stringify(vkey.slice(0, 80))} 是见证公钥，须为根公钥`,
    ),
  )
}
