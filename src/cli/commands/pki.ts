/** `huxin pki`: the development PKI, and single certificates. */
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import { makeFolder } from '../../base/files.ts'
import { systemRandom } from '../../base/random.ts'
import { createDevelopmentPki, type DevelopmentLeaf, issueDevelopmentCsr, issueDevelopmentLeaf, leafName } from '../../pki/devpki.ts'
import { tiers } from '../../topology/tier.ts'
import { print, say } from '../output.ts'
import { checkFree, type Overwriting, readInput, type Shell, writeOutput } from '../shell.ts'
import { collect, wholeNumber } from './shared.ts'

export function pkiCommands(program: Command, shell: Shell): void {
  const pki = program.command('pki').description(say(shell, 'certificates for development and trials', '开发与试运行用证书'))
  const folderOption = (command: Command): Command => command
    .option('--folder <folder>', say(shell, 'where the PKI lives', '证书目录'), 'certs')
    .requiredOption('--domain <trust domain>', say(shell, 'trust domain, for example zj.example', '信任域，例如 zj.example'))
  shell.common(folderOption(pki.command('init')), 'huxin pki init --domain zj.example')
    .description(say(shell, 'make a root and an issuing CA per tier', '生成根证书与各级签发证书'))
    .option('--host-domain <name>', say(shell, 'DNS name below which nodes answer, beside the trust domain; may be given again', '信任域之外，节点域名所属的上级域名，可多次给出'), collect)
    .option('--force', say(shell, 'replace the PKI that is there', '覆盖已有证书'))
    .action(async (_options, command: Command) => {
      const { folder, domain, force, hostDomain } = command.opts<{ folder: string; domain: string; force?: boolean; hostDomain?: string[] }>()
      await createDevelopmentPki(open(folder, domain), tiers, { force: force ?? false, hostDomains: hostDomain ?? [] })
      print(shell.output(command), { folder }, () => say(shell, `root and ${tiers.length} issuing CAs are in ${folder}`, `根证书与 ${tiers.length} 个签发证书已写入 ${folder}`))
    })
  shell.common(folderOption(pki.command('issue')), 'huxin pki issue --domain zj.example --tier county --role operator --node 330825 --name 张三')
    .description(say(shell, 'issue one certificate, from a CSR or with a new key', '签发单个证书（可由 CSR）'))
    .addOption(new Option('--tier <tier>', say(shell, 'tier whose CA signs', '签发层级')).choices([...tiers]).makeOptionMandatory())
    .addOption(new Option('--role <role>', say(shell, 'node, a department\'s client, a person, or who audits the log', '节点、部门客户端、操作员或审计方')).choices(['node', 'client', 'operator', 'auditor']).makeOptionMandatory())
    .requiredOption('--node <id>', say(shell, 'node id', '节点编号'))
    .option('--name <name>', say(shell, 'client or auditor name, or the person an operator certificate names', '客户端、审计方名称或操作员姓名'), '')
    .option('--days <days>', say(shell, 'days of validity', '有效天数'), wholeNumber(shell, 1, 36_500), 825)
    .option('--host <name>', say(shell, 'DNS name or address where a node answers, beside <id>.<domain>, for clients that check it; may be given again', '节点域名或地址（除 <编号>.<信任域> 外，供校验主机名的客户端），可多次给出'), collect)
    .option('--csr <file>', say(shell, 'certificate signing request; the key stays where it is', '证书签名请求文件'))
    .option('--force', say(shell, 'replace the certificate that is there, to renew it', '覆盖已有证书（换发）'))
    .option('--out <file>', say(shell, 'where the certificate goes, with --csr (default: beside the others of the node)', '证书输出文件，配合 --csr（默认与该节点其他证书同处）'))
    .action(async (_options, command: Command) => {
      const options = command.opts<{ folder: string; domain: string; tier: string; role: DevelopmentLeaf['role']; node: string; name: string; days: number; host?: string[]; csr?: string; out?: string } & Overwriting>()
      if (options.role === 'node' ? options.name !== '' : options.host !== undefined) {
        throw new HuxinError('argument_invalid', options.role === 'node' ? text`a node has its id and no name: leave out --name` : text`--host is for certificates of nodes`)
      }
      const leaf: DevelopmentLeaf = { tier: options.tier, role: options.role, nodeId: options.node, name: options.role === 'node' ? '' : options.name || options.role, days: options.days, ...(options.host ? { hosts: options.host } : {}) }
      const development = open(options.folder, options.domain)
      if (options.csr !== undefined) {
        const file = options.out ?? join(options.folder, options.node, `${leafName(leaf)}.crt`)
        await checkFree(file, options)
        const chain = await issueDevelopmentCsr(development, leaf, Buffer.from(await readInput(options.csr)).toString())
        if (options.out === undefined) await makeFolder(join(options.folder, options.node))
        await writeOutput(file, chain, options)
        print(shell.output(command), { certificate: file }, () => say(shell, `certificate: ${file}`, `证书：${file}`))
        return
      }
      for (const ending of ['crt', 'key']) await checkFree(join(options.folder, options.node, `${leafName(leaf)}.${ending}`), options)
      const files = await issueDevelopmentLeaf(development, leaf)
      print(shell.output(command), files, () => say(shell, `certificate: ${files.certificateFile}\nkey:         ${files.keyFile}`, `证书：${files.certificateFile}\n私钥：${files.keyFile}`))
    })
}

function open(folder: string, trustDomain: string) {
  return { folder, trustDomain, clock: systemClock, random: systemRandom }
}
