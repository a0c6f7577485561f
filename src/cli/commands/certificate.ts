/** `huxin certificate`: certificates that count no more, and who is connected with which. */
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { formatTime, systemClock } from '../../base/clock.ts'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import type { ListCertificatesResponse } from '../../gen/huxin/v1/admin_service_pb.ts'
import { certificatesIn, type FiledCertificate } from '../operators.ts'
import { duration, localTime, print, say, table } from '../output.ts'
import type { Shell } from '../shell.ts'
import { word, wordLists, wordOption } from '../words.ts'
import { plain } from '../plain.ts'
import { atNode, CALL, withAct, withNode } from './shared.ts'

interface Selected {
  readonly of: string
  readonly role: string
  readonly name: string
  readonly serial: string
  readonly reason: string
  readonly document: string
}

export function certificateCommands(program: Command, shell: Shell): void {
  const certificate = program
    .command('certificate')
    .description(
      say(shell, 'certificates that are revoked, and those connected now', '证书吊销与当前连接'),
    )
  shell
    .common(
      atNode(certificate.command('list'), shell),
      'huxin certificate list --node nodes/330825',
    )
    .description(
      say(
        shell,
        'revocations that stand, who is connected with which certificate, and the certificates of persons and machines on this machine with their ends',
        '列出有效的吊销、当前连接所用证书，以及本机所存各人员与客户端证书及其有效期',
      ),
    )
    .action(async (_options, command: Command) => {
      const { pages, files } = await withNode(command, async ({ admin, config }) => {
        const all = [await admin.listCertificates({}, CALL)]
        for (let token = all[0]!.nextPageToken; token !== ''; token = all.at(-1)!.nextPageToken)
          all.push(await admin.listCertificates({ pageToken: token }, CALL))
        return { pages: all, files: await certificatesIn(dirname(config.tls.certificate)) }
      })
      const listed = {
        revocations: pages.flatMap(({ revocations }) => revocations),
        connected: pages[0]!.connected,
      }
      const said = files.map(({ notAfterMs, ...file }) => ({
        ...file,
        notAfter: formatTime(notAfterMs),
      }))
      print(
        shell.output(command),
        { ...plain(listed), files: said },
        () =>
          `${revoked(shell, listed)}\n\n${connected(shell, listed)}\n\n${onFile(shell, files, listed)}`,
      )
    })
  const selecting = (command: Command): Command =>
    withAct(atNode(command, shell), shell)
      .addOption(
        wordOption(shell, '--role <role>', {
          en: 'role in the certificate',
          zh: '证书角色',
          list: wordLists.role,
        }).makeOptionMandatory(),
      )
      .option(
        '--serial <number>',
        say(
          shell,
          'serial number of the one certificate (huxin certificate list, or openssl x509 -serial)',
          '单个证书的序列号（见 huxin certificate list 或 openssl x509 -serial）',
        ),
        '',
      )
      .option(
        '--name <name>',
        say(
          shell,
          'every certificate of this name that is valid by now',
          '该名称名下此刻已生效的全部证书',
        ),
        '',
      )
      .option(
        '--of <node>',
        say(
          shell,
          'node that the certificate names: this one or one below it (default: this one)',
          '证书所属节点：本节点或其下级（默认本节点）',
        ),
        '',
      )
  shell
    .common(
      selecting(certificate.command('revoke')).option(
        '--own',
        say(shell, 'also where it is the certificate that you use', '即使包括您正在使用的证书'),
      ),
      'huxin certificate revoke --role operator --name 张三 --reason 离职 --document 浙信〔2026〕33号 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'let a certificate count no more, on open connections too',
        '吊销证书，已建立的连接一并中断',
      ),
    )
    .action(async (_options, command: Command) => {
      const selected = selection(command)
      const { own } = command.opts<{ own?: boolean }>()
      const { batchId, everywhere } = await withNode(command, ({ admin }) =>
        admin.revokeCertificate({ ...selected, own: own ?? false }, CALL),
      )
      const batch = Buffer.from(batchId).toString('hex')
      print(shell.output(command), { batch, everywhere }, () =>
        [
          say(
            shell,
            `revoked; logged as ${batch}, ${everywhere ? 'and sent to every node' : 'here alone'}. Open connections end within seconds`,
            `已吊销；记入日志：${batch}，${everywhere ? '并送达各节点' : '仅限本节点'}。已建立的连接将在数秒内中断`,
          ),
          ...(selected.serial === ''
            ? [
                say(
                  shell,
                  'a certificate that is valid from a later moment counts: huxin pki issue dates it back five minutes, so issue the new one after five minutes',
                  '此刻之后才生效的证书不受影响：huxin pki issue 会将生效时间提前五分钟，请在五分钟后签发新证书',
                ),
              ]
            : []),
          ...(selected.role === 'node'
            ? [
                say(
                  shell,
                  'the node has no link until it has a certificate that counts; a node that takes back the revocation of its own needs a new one all the same where its parent has heard of it',
                  '该节点换上有效的新证书之前没有链路；节点撤销对自身证书的吊销后，若上级已获知吊销，仍须换新证书',
                ),
              ]
            : []),
          ...(selected.role === 'operator'
            ? [
                say(
                  shell,
                  'operators who remain are those with another certificate; if there is none, have one issued by the authority of the node',
                  '其余操作员须持有其他证书；若已无操作员，请由本节点的签发机构另行签发',
                ),
              ]
            : []),
        ].join('\n'),
      )
    })
  shell
    .common(
      selecting(certificate.command('reinstate')),
      'huxin certificate reinstate --role client --serial 5F3A --reason 误报 --document 浙信〔2026〕34号 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'end a revocation, named by the same role and number or name',
        '撤销吊销（以相同的角色及序列号或名称指明）',
      ),
    )
    .action(async (_options, command: Command) => {
      const selected = selection(command)
      const { batchId } = await withNode(command, ({ admin }) =>
        admin.reinstateCertificate(selected, CALL),
      )
      const batch = Buffer.from(batchId).toString('hex')
      print(shell.output(command), { batch }, () =>
        say(shell, `counts again; logged as ${batch}`, `已恢复；记入日志：${batch}`),
      )
    })
}

function selection(command: Command) {
  const { of, role, name, serial, reason, document } = command.opts<Selected>()
  if (serial !== '' ? name !== '' : (role === 'node') === (name !== '')) {
    throw new HuxinError(
      'argument_invalid',
      text`say which: --serial for one certificate, or --name for all of a name; a node has no name, so --role node alone is all of it`,
    )
  }
  return { node: of, role, name, serial, act: { reason, document } }
}

function revoked(
  shell: Shell,
  { revocations }: Pick<ListCertificatesResponse, 'revocations'>,
): string {
  if (revocations.length === 0) return say(shell, 'no certificate is revoked', '没有被吊销的证书')
  return table(
    [
      say(shell, 'node', '节点'),
      say(shell, 'role', '角色'),
      say(shell, 'name', '名称'),
      say(shell, 'serial number', '序列号'),
      say(shell, 'by', '吊销节点'),
      say(shell, 'since', '时间'),
      say(shell, 'person', '操作人'),
      say(shell, 'reason', '事由'),
      say(shell, 'document', '依据文号'),
    ],
    revocations.map(({ revocation, by, timeMs }) => [
      revocation?.node ?? '',
      word(shell, revocation?.role ?? ''),
      revocation?.name || '-',
      revocation?.serial || '-',
      by,
      localTime(Number(timeMs)),
      revocation?.act?.actor ?? '',
      revocation?.act?.reason ?? '',
      revocation?.act?.document ?? '',
    ]),
  )
}

/** What is kept beside the certificate of the node; one that was issued elsewhere is known by its connections alone. */
function onFile(
  shell: Shell,
  files: readonly FiledCertificate[],
  { revocations }: Pick<ListCertificatesResponse, 'revocations'>,
): string {
  const ended = new Set(revocations.map(({ revocation }) => revocation?.serial ?? ''))
  const now = systemClock.nowMs()
  const stands = ({ serial, notAfterMs }: FiledCertificate): string =>
    ended.has(serial)
      ? say(shell, 'revoked', '已吊销')
      : notAfterMs < now
        ? say(shell, 'expired', '已过期')
        : say(
            shell,
            `${duration(shell, notAfterMs - now)} left`,
            `尚余 ${duration(shell, notAfterMs - now)}`,
          )
  return table(
    [
      say(shell, 'on this machine', '本机所存证书'),
      say(shell, 'role', '角色'),
      say(shell, 'name', '名称'),
      say(shell, 'serial number', '序列号'),
      say(shell, 'valid until', '有效期至'),
      say(shell, 'stands', '状态'),
    ],
    files.map((file) => [
      file.file,
      word(shell, file.role),
      file.name || '-',
      file.serial,
      localTime(file.notAfterMs),
      stands(file),
    ]),
  )
}

function connected(
  shell: Shell,
  { connected: rows }: Pick<ListCertificatesResponse, 'connected'>,
): string {
  return table(
    [
      say(shell, 'connected', '当前连接'),
      say(shell, 'role', '角色'),
      say(shell, 'name', '名称'),
      say(shell, 'serial number', '序列号'),
      say(shell, 'authority (sha256)', '签发机构（sha256）'),
      say(shell, 'connections', '连接数'),
    ],
    rows.map(({ node, role, name, serial, authority, connections }) => [
      node,
      word(shell, role),
      name || '-',
      serial,
      authority.slice(0, 16),
      String(connections),
    ]),
  )
}
