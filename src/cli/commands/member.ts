/** `huxin member`. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { bilingual, text } from '../../base/text.ts'
import { parseNote } from '../../note/note.ts'
import { print, say, table } from '../output.ts'
import { authorityOf, certificatesOf } from '../../pki/identity.ts'
import { parseJoinFile } from '../../topology/join.ts'
import { parseStatement } from '../../topology/member.ts'
import { allPages } from '../pages.ts'
import {
  checkFree,
  type Overwriting,
  readInput,
  readSignedText,
  type Shell,
  textOfFile,
  writeOutput,
} from '../shell.ts'
import { word } from '../words.ts'
import { plain } from '../plain.ts'
import { atNode, CALL, collect, withAct, withForce, withNode } from './shared.ts'

export function memberCommands(program: Command, shell: Shell): void {
  const member = program
    .command('member')
    .description(say(shell, 'members of the federation', '接入节点管理'))
  shell
    .common(
      withForce(withAct(atNode(member.command('approve <application>'), shell), shell), shell),
      'huxin member approve application.txt --reason 新接入 --document 浙信〔2026〕12号 --out join.json --node nodes/330800',
    )
    .description(
      say(
        shell,
        'admit a child from its application and write its join file',
        '批准下级接入并生成接入文件',
      ),
    )
    .option('--out <file>', say(shell, 'where the join file goes', '接入文件'), 'join.json')
    .option(
      '--rekey',
      say(
        shell,
        'the member lost its keys: admit the new ones as a new epoch',
        '成员密钥丢失：以新纪元接纳新密钥',
      ),
    )
    .action(async (file: string, _options, command: Command) => {
      const { reason, document, out, rekey, force, node } = command.opts<
        {
          reason: string
          document: string
          out: string
          rekey?: boolean
          node: string
        } & Overwriting
      >()
      const words = await readSignedText(file)
      if (!words.startsWith('huxin/application/v1\n'))
        throw new HuxinError(
          'argument_invalid',
          text`${file} is no application: give the application.txt that huxin node init wrote`,
        )
      const application = Buffer.from(words)
      const replace = await mayReplace(out, { application, node, force })
      await checkFree(out, replace)
      const { joinFile } = await withNode(command, ({ admin }) =>
        admin.approveMember(
          { application, act: { reason, document }, rekey: rekey ?? false },
          CALL,
        ),
      )
      await writeOutput(out, joinFile, replace)
      print(shell.output(command), { joinFile: out }, () =>
        say(
          shell,
          `admitted; give ${out} to the node (huxin node join)`,
          `已批准；请将 ${out} 交该节点导入（huxin node join）`,
        ),
      )
    })
  for (const [verb, status, en, zh] of [
    ['suspend', 'suspended', 'suspend a child', '暂停下级'],
    ['activate', 'active', 'lift a suspension', '恢复下级'],
    ['retire', 'retired', 'retire a child for good', '注销下级'],
  ] as const) {
    shell
      .common(
        withAct(atNode(member.command(`${verb} <node>`), shell), shell),
        `huxin member ${verb} 330825 --reason … --document … --node nodes/330800`,
      )
      .description(say(shell, en, zh))
      .action(async (name: string, _options, command: Command) => {
        const { reason, document } = command.opts<{ reason: string; document: string }>()
        const { statement } = await withNode(command, ({ admin }) =>
          admin.setMemberStatus({ member: name, status, act: { reason, document } }, CALL),
        )
        const { serial } = parseStatement(parseNote(statement).text)
        print(shell.output(command), { member: name, status, serial }, () =>
          say(
            shell,
            `${name}: ${status}, from now on; statement ${serial} goes to every node, with reason and document`,
            `${name}：${word(shell, status)}，即刻生效；声明序号 ${serial}，连同事由与文号送达各节点`,
          ),
        )
      })
  }
  shell
    .common(
      withAct(atNode(member.command('catalog <node>'), shell), shell),
      'huxin member catalog xpcc --prefix bt --reason … --document … --node nodes/000000',
    )
    .description(
      say(
        shell,
        'name the prefixes of catalog ids that a child owns beside those of its place; without --prefix none',
        '设定下级另有的目录名称前缀；不给 --prefix 即全部收回',
      ),
    )
    .option(
      '--prefix <prefix>',
      say(
        shell,
        'prefix of catalog ids, without the "/"; may be given again',
        '目录名称前缀（不含"/"），可重复',
      ),
      collect,
    )
    .action(async (name: string, _options, command: Command) => {
      const {
        reason,
        document,
        prefix = [],
      } = command.opts<{ reason: string; document: string; prefix?: string[] }>()
      await withNode(command, ({ admin }) =>
        admin.setMemberCatalog({ member: name, prefixes: prefix, act: { reason, document } }, CALL),
      )
      print(shell.output(command), { member: name, prefixes: prefix }, () =>
        say(
          shell,
          `${name}: ${prefix.join(' ') || 'no prefixes'}, from now on`,
          `${name}：${prefix.join(' ') || '无前缀'}，即刻生效`,
        ),
      )
    })
  shell
    .common(
      withAct(atNode(member.command('authorities <node>'), shell), shell),
      'huxin member authorities 330825 --ca certs/ca-county.crt --reason … --document … --node nodes/330800',
    )
    .description(
      say(
        shell,
        'name the CAs that may issue certificates in the name of a child, or at a root of itself',
        '指定可为某下级（根节点则为其自身）签发证书的机构',
      ),
    )
    .requiredOption(
      '--ca <file>',
      say(
        shell,
        'certificate of such a CA, PEM; may be given again. They replace those named before',
        '签发机构证书（PEM），可多次给出；取代先前所列',
      ),
      collect,
    )
    .action(async (name: string, _options, command: Command) => {
      const { ca, reason, document } = command.opts<{
        ca: string[]
        reason: string
        document: string
      }>()
      const authorities = [...new Set((await Promise.all(ca.map(authoritiesIn))).flat())].sort()
      await withNode(command, ({ admin }) =>
        admin.setMemberAuthorities({ member: name, authorities, act: { reason, document } }, CALL),
      )
      print(shell.output(command), { member: name, authorities }, () =>
        [
          say(
            shell,
            `${name}: certificates count that were issued by one of these, and no others:`,
            `${name}：仅以下机构签发的证书有效：`,
          ),
          ...authorities.map((one) => `sha256:${one}`),
        ].join('\n'),
      )
    })
  graftCommands(member, shell)
  shell
    .common(atNode(member.command('list'), shell), 'huxin member list --node nodes/330000')
    .description(say(shell, 'all members', '列出接入节点'))
    .action(async (_options, command: Command) => {
      const members = await withNode(command, ({ admin }) =>
        allPages(
          (pageToken) => admin.listMembers({ pageToken }, CALL),
          (answer) => answer.members,
        ),
      )
      print(shell.output(command), plain(members), () =>
        table(
          [
            say(shell, 'node', '节点'),
            say(shell, 'tier', '层级'),
            say(shell, 'parent', '上级'),
            say(shell, 'divisions', '辖区'),
            say(shell, 'catalog', '目录前缀'),
            say(shell, 'epoch', '纪元'),
            say(shell, 'serial', '声明序号'),
            say(shell, 'status', '状态'),
          ],
          members.map((row) => [
            row.node,
            word(shell, row.tier),
            row.parent || '-',
            row.divisions.join(' '),
            row.prefixes.join(' ') || '-',
            String(row.epoch),
            String(row.serial),
            word(shell, row.status),
          ]),
        ),
      )
    })
}

/**
 * A join file for the same member may be written again: asking twice is no fault. That of the node itself never, whatever is
 * forced: without it the node does not start.
 */
async function mayReplace(
  out: string,
  {
    application,
    node,
    force,
  }: { application: Uint8Array; node: string; force: boolean | undefined },
): Promise<Overwriting> {
  if (resolve(out) === resolve(node, 'join.json')) {
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        `${out} is the join file of this node itself: name another file with --out`,
        `${out} 是本节点自己的接入文件：请用 --out 换一个文件名`,
      ),
    )
  }
  const there = await readFile(out).catch(() => undefined)
  return {
    force:
      force === true ||
      (there !== undefined &&
        memberOf(there) === /^member (\S+)$/m.exec(Buffer.from(application).toString())?.[1]),
  }
}

/** Whom a join file lets in; undefined for any other file. */
function memberOf(file: Uint8Array): string | undefined {
  try {
    const last = parseJoinFile(file).statements.at(-1)
    return last && parseStatement(parseNote(last).text).member
  } catch (error) {
    if (!isHuxinError(error)) throw error
    return undefined
  }
}

/** The authorities of the CA certificates in a file. */
async function authoritiesIn(file: string): Promise<string[]> {
  const certificates = certificatesOf(Buffer.from(await readInput(file)).toString())
  const found = certificates.filter(({ ca }) => ca).map(authorityOf)
  if (found.length === 0)
    throw new HuxinError(
      'argument_invalid',
      text`${file} holds no certificate of a CA in PEM: give the one that issues the certificates, for example certs/ca-county.crt`,
    )
  return found
}

/** A root gets a parent: proposed at the root, approved at the parent, taken at the root. */
function graftCommands(member: Command, shell: Shell): void {
  const graft = member
    .command('graft')
    .description(say(shell, 'put a federation under a higher root', '将本联邦接入上级根节点'))
  const written = (command: Command, file: string, en: string, zh: string): void =>
    print(shell.output(command), { file }, () => say(shell, en, zh))
  shell
    .common(
      withForce(withAct(atNode(graft.command('propose <parent>'), shell), shell), shell),
      'huxin member graft propose cn.example/000000 --reason 接入国家节点 --document 浙信〔2026〕30号 --node nodes/330000',
    )
    .description(
      say(
        shell,
        'at a root: draft the statement that gives it a parent',
        '在根节点：拟定接入上级的声明',
      ),
    )
    .option('--out <file>', say(shell, 'where the proposal goes', '申请文件'), 'graft.json')
    .action(async (parent: string, _options, command: Command) => {
      const { reason, document, out, force } = command.opts<
        { reason: string; document: string; out: string } & Overwriting
      >()
      await checkFree(out, { force })
      const { file } = await withNode(command, ({ admin }) =>
        admin.proposeGraft({ parent, act: { reason, document } }, CALL),
      )
      await writeOutput(out, file, { force })
      written(
        command,
        out,
        `give ${out} to the operator of ${parent} (huxin member graft approve)`,
        `请将 ${out} 交 ${parent} 的操作员（huxin member graft approve）`,
      )
    })
  shell
    .common(
      withForce(atNode(graft.command('approve <proposal>'), shell), shell),
      'huxin member graft approve graft.json --out grafted.json --node nodes/000000',
    )
    .description(
      say(shell, 'at the parent: sign a proposal and publish it', '在上级节点：签署并发布申请'),
    )
    .option('--out <file>', say(shell, 'where the answer goes', '批复文件'), 'grafted.json')
    .action(async (proposal: string, _options, command: Command) => {
      const { out, force } = command.opts<{ out: string } & Overwriting>()
      await checkFree(out, { force })
      const asked = Buffer.from(textOfFile(await readInput(proposal), proposal))
      const { file } = await withNode(command, ({ admin }) =>
        admin.approveGraft({ file: asked }, CALL),
      )
      await writeOutput(out, file, { force })
      written(
        command,
        out,
        `signed and published; give ${out} back (huxin member graft take)`,
        `已签署并发布；请将 ${out} 交回（huxin member graft take）`,
      )
    })
  shell
    .common(
      atNode(graft.command('take <answer>'), shell),
      'huxin member graft take grafted.json --node nodes/330000',
    )
    .description(
      say(shell, 'at the root that proposed it: publish the answer', '在申请节点：发布批复'),
    )
    .action(async (answer: string, _options, command: Command) => {
      const file = Buffer.from(textOfFile(await readInput(answer), answer))
      const { parent } = await withNode(command, ({ admin }) => admin.takeGraft({ file }, CALL))
      print(shell.output(command), { parent }, () =>
        say(
          shell,
          `${parent} is the parent now: name it in node.yaml (parent: node and address), and start the node again`,
          `上级现为 ${parent}：请在 node.yaml 中填写 parent（node 与 address），并重新启动节点`,
        ),
      )
    })
}
