/** `huxin pki`: the development PKI, and single certificates. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, text } from '../../base/text.ts'
import { makeFolder } from '../../base/files.ts'
import { systemRandom } from '../../base/random.ts'
import {
  createDevelopmentPki,
  type DevelopmentLeaf,
  issueDevelopmentCsr,
  issueDevelopmentLeaf,
  keepFormer,
  leafName,
  tierOf,
  trustDomainOf,
} from '../../pki/devpki.ts'
import { tiers } from '../../topology/tier.ts'
import { print, say } from '../output.ts'
import { checkFree, type Overwriting, readInput, type Shell, writeOutput } from '../shell.ts'
import { wordLists, wordOption } from '../words.ts'
import { collect, wholeNumber } from './shared.ts'

export function pkiCommands(program: Command, shell: Shell): void {
  const pki = program
    .command('pki')
    .description(say(shell, 'certificates for development and trials', '开发与试运行用证书'))
  const folderOption = (command: Command): Command =>
    command.option('--folder <folder>', say(shell, 'where the PKI lives', '证书目录'), 'certs')
  shell
    .common(
      folderOption(pki.command('init')).requiredOption(
        '--domain <trust domain>',
        say(shell, 'trust domain, for example zj.example', '信任域，例如 zj.example'),
      ),
      'huxin pki init --domain zj.example',
    )
    .description(say(shell, 'make a root and an issuing CA per tier', '生成根证书与各级签发证书'))
    .option(
      '--host-domain <name>',
      say(
        shell,
        'DNS name below which nodes answer, beside the trust domain; may be given again',
        '信任域之外，节点域名所属的上级域名，可多次给出',
      ),
      collect,
    )
    .option('--force', say(shell, 'replace the PKI that is there', '覆盖已有证书'))
    .action(async (_options, command: Command) => {
      const { folder, domain, force, hostDomain } = command.opts<{
        folder: string
        domain: string
        force?: boolean
        hostDomain?: string[]
      }>()
      await createDevelopmentPki(open(folder, domain), tiers, {
        force: force ?? false,
        hostDomains: hostDomain ?? [],
      })
      print(shell.output(command), { folder }, () =>
        say(
          shell,
          `root and ${tiers.length} issuing CAs are in ${folder}`,
          `根证书与 ${tiers.length} 个签发证书已写入 ${folder}`,
        ),
      )
    })
  shell
    .common(
      folderOption(pki.command('issue')).option(
        '--domain <trust domain>',
        say(shell, 'trust domain (default: that of the PKI)', '信任域（默认取自证书目录）'),
      ),
      'huxin pki issue --domain zj.example --tier county --role operator --node 330825 --name 张三',
    )
    .description(
      say(shell, 'issue one certificate, from a CSR or with a new key', '签发单个证书（可由 CSR）'),
    )
    .addOption(
      wordOption(shell, '--tier <tier>', {
        en: "tier whose CA signs (default: that of the node's certificate)",
        zh: '签发层级（默认与该节点证书相同）',
        list: wordLists.tier,
      }),
    )
    .addOption(
      wordOption(shell, '--role <role>', {
        en: "a node, a department's client, a person, or who audits the log",
        zh: '证书角色',
        list: wordLists.role,
      }).makeOptionMandatory(),
    )
    .requiredOption('--node <id>', say(shell, 'node id', '节点编号'))
    .option(
      '--name <name>',
      say(
        shell,
        'client or auditor name, or the person an operator certificate names',
        '客户端、审计方名称或操作员姓名',
      ),
      '',
    )
    .option(
      '--days <days>',
      say(shell, 'days of validity', '有效天数'),
      wholeNumber(shell, 1, 36_500),
      825,
    )
    .option(
      '--host <name>',
      say(
        shell,
        'DNS name or address where a node answers, beside <id>.<domain>, for clients that check it; may be given again',
        '节点域名或地址（除 <编号>.<信任域> 外，供校验主机名的客户端），可多次给出',
      ),
      collect,
    )
    .option(
      '--csr <file>',
      say(shell, 'certificate signing request; the key stays where it is', '证书签名请求文件'),
    )
    .option('--force', say(shell, 'replace the file that --out names', '覆盖 --out 所指的已有文件'))
    .option(
      '--out <file>',
      say(
        shell,
        'where the certificate goes, with --csr (default: beside the others of the node)',
        '证书输出文件，配合 --csr（默认与该节点其他证书同处）',
      ),
    )
    .action(async (_options, command: Command) => {
      const options = command.opts<
        {
          folder: string
          domain?: string
          tier?: string
          role: DevelopmentLeaf['role']
          node: string
          name: string
          days: number
          host?: string[]
          csr?: string
          out?: string
        } & Overwriting
      >()
      if (options.role === 'node' ? options.name !== '' : options.host !== undefined) {
        throw new HuxinError(
          'argument_invalid',
          options.role === 'node'
            ? text`a node has its id and no name: leave out --name`
            : text`--host is for certificates of nodes`,
        )
      }
      const {
        domain = await trustDomainOf(options.folder),
        tier = await tierOf(options.folder, options.node),
      } = options
      if (domain === undefined)
        throw new HuxinError(
          'argument_invalid',
          bilingual(
            `${options.folder} holds no PKI that says its trust domain: name the folder with --folder, or give --domain`,
            `${options.folder} 中没有可识别信任域的证书：请用 --folder 指明目录，或给出 --domain`,
          ),
        )
      if (tier === undefined)
        throw new HuxinError(
          'argument_invalid',
          bilingual(
            `${options.node} has no certificate yet that says its tier: give --tier`,
            `${options.node} 尚无可识别层级的证书：请给出 --tier`,
          ),
        )
      const leaf: DevelopmentLeaf = {
        tier,
        role: options.role,
        nodeId: options.node,
        name: options.role === 'node' ? '' : options.name || options.role,
        days: options.days,
        ...(options.host ? { hosts: options.host } : {}),
      }
      const development = open(options.folder, domain)
      if (options.csr !== undefined) {
        const file = options.out ?? join(options.folder, options.node, `${leafName(leaf)}.crt`)
        if (options.out !== undefined) await checkFree(file, options)
        const chain = await issueDevelopmentCsr(
          development,
          leaf,
          Buffer.from(await readInput(options.csr)).toString(),
        )
        if (options.out === undefined) await makeFolder(join(options.folder, options.node))
        if (options.out === undefined) await keepFormer(development, leaf, ['crt'])
        await writeOutput(file, chain, options)
        print(shell.output(command), { certificate: file }, () =>
          say(shell, `certificate: ${file}`, `证书：${file}`),
        )
        return
      }
      const { former, ...files } = await issueDevelopmentLeaf(development, leaf, { keep: true })
      print(
        shell.output(command),
        { ...files, former },
        () =>
          say(
            shell,
            `certificate: ${files.certificateFile}\nkey:         ${files.keyFile}`,
            `证书：${files.certificateFile}\n私钥：${files.keyFile}`,
          ) +
          (former.length > 0
            ? say(
                shell,
                `\nwhat it had so far is kept: ${former.join(', ')}`,
                `\n原证书与私钥已保留：${former.join('、')}`,
              )
            : ''),
      )
    })
}

function open(folder: string, trustDomain: string) {
  return { folder, trustDomain, clock: systemClock, random: systemRandom }
}
