/** `huxin provider` and `huxin client`: the bodies whose records are born at this node and the machines that act for them. */
import { X509Certificate } from 'node:crypto'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { bilingual, text } from '../../base/text.ts'
import type { RegisteredClient, RegisteredProvider } from '../../gen/huxin/v1/register_pb.ts'
import { identityOfCertificate, type PeerIdentity } from '../../pki/identity.ts'
import type { Connection } from '../connect.ts'
import { print, say, table } from '../output.ts'
import { readInput, type Shell } from '../shell.ts'
import { collectWords, word, wordLists, wordsIn } from '../words.ts'
import { atNode, CALL, collect, withAct, withNode } from './shared.ts'

/** What a command says when it is done: that the register says it now, or said it already. */
function entered(
  shell: Shell,
  command: Command,
  row: object,
  { batchId, en, zh }: { batchId: Uint8Array; en: string; zh: string },
): void {
  const logged = batchId.length > 0
  print(shell.output(command), { ...row, batchId: Buffer.from(batchId).toString('hex') }, () =>
    say(
      shell,
      `${en}${logged ? `; logged as ${Buffer.from(batchId).toString('hex')}` : '; the register said so already'}`,
      `${zh}${logged ? `；记入日志：${Buffer.from(batchId).toString('hex')}` : '；名册原已如此'}`,
    ),
  )
}

export function providerCommands(program: Command, shell: Shell): void {
  const provider = program
    .command('provider')
    .description(
      say(shell, 'bodies whose records are born at this node', '在本节点报送的数据提供单位'),
    )
  shell
    .common(
      withAct(atNode(provider.command('add <body> <name>'), shell), shell),
      'huxin provider add 11330825TT00000110 县市场监管局 --reason 新接入 --document 龙信〔2026〕7号 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'enter a body by its unified social credit code',
        '登记数据提供单位（统一社会信用代码、名称）',
      ),
    )
    .action(async (body: string, name: string, _options, command: Command) =>
      setProvider(shell, command, { body, name, status: 'active' }),
    )
  shell
    .common(
      withAct(atNode(provider.command('remove <body>'), shell), shell),
      'huxin provider remove 11330825TT00000110 --reason 机构撤并 --document 龙信〔2026〕9号 --node nodes/330825',
    )
    .description(
      say(shell, 'end a body: its clients publish no more', '注销数据提供单位，其客户端不得再报送'),
    )
    .action(async (body: string, _options, command: Command) =>
      setProvider(shell, command, { body, name: '', status: 'ended' }),
    )
  shell
    .common(atNode(provider.command('list'), shell), 'huxin provider list --node nodes/330825')
    .description(say(shell, 'all bodies', '列出数据提供单位'))
    .action(async (_options, command: Command) => {
      const { rows, own } = await withNode(command, async (connection) => ({
        rows: await listProviders(connection),
        own: connection.config,
      }))
      const all = [
        own.body,
        ...(own.host === undefined || own.host === own.body ? [] : [own.host]),
      ].filter((body) => !rows.some((row) => row.body === body))
      const shown = [
        ...all.map((body) => ({
          body,
          name: say(shell, '(this node)', '（本节点）'),
          status: 'active',
        })),
        ...rows.map(({ body, name, status }) => ({ body, name, status })),
      ]
      print(shell.output(command), shown, () =>
        table(
          [
            say(shell, 'body', '统一社会信用代码'),
            say(shell, 'name', '名称'),
            say(shell, 'status', '状态'),
          ],
          shown.map((row) => [row.body, row.name, word(shell, row.status)]),
        ),
      )
    })
}

async function setProvider(
  shell: Shell,
  command: Command,
  provider: Pick<RegisteredProvider, 'body' | 'name' | 'status'>,
): Promise<void> {
  const { reason, document } = command.opts<{ reason: string; document: string }>()
  const { batchId } = await withNode(command, ({ admin }) =>
    admin.setProvider({ provider, act: { reason, document } }, CALL),
  )
  const { body, status } = provider
  entered(
    shell,
    command,
    { body, status },
    { batchId, en: `${body}: ${status}`, zh: `${body}：${word(shell, status)}` },
  )
}

export function clientCommands(program: Command, shell: Shell): void {
  const client = program
    .command('client')
    .description(
      say(shell, 'machines of departments that may call this node', '可调用本节点的部门客户端'),
    )
  shell
    .common(
      withAct(atNode(client.command('add [name]'), shell), shell),
      'huxin client add gxj --body 11330825TT00000110 --reason 新接入 --document 龙信〔2026〕7号 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'enter a client, by the name in its certificate; again: change what is entered',
        '登记客户端（证书中的名称）；重复执行即修改登记',
      ),
    )
    .requiredOption(
      '--body <uscc>',
      say(shell, 'body that it acts for', '所代表单位的统一社会信用代码'),
    )
    .option(
      '--certificate <file>',
      say(
        shell,
        'its certificate: this one and no other of its name; may be given again',
        '客户端证书：只认所列证书，可多次给出',
      ),
      collect,
    )
    .option(
      '--serial <number>',
      say(
        shell,
        'serial number of its certificate, instead of the file; may be given again',
        '证书序列号（代替证书文件），可多次给出',
      ),
      collect,
    )
    .option(
      '--role <role>',
      say(
        shell,
        `what it may do; may be given again (default: all): ${wordsIn(shell, wordLists.clientRole)}`,
        `允许的操作，可多次给出（默认全部）：${wordsIn(shell, wordLists.clientRole)}`,
      ),
      collectWords(wordLists.clientRole),
    )
    .action(async (given: string | undefined, _options, command: Command) =>
      addClient(shell, command, given),
    )
  for (const [verb, status, en, zh] of [
    ['suspend', 'suspended', 'take no call of a client, from now on', '立即暂停客户端'],
    ['activate', 'active', 'lift a suspension', '恢复客户端'],
    ['remove', 'ended', 'end a client', '注销客户端'],
  ] as const) {
    shell
      .common(
        withAct(atNode(client.command(`${verb} <name>`), shell), shell),
        `huxin client ${verb} gxj --reason … --document … --node nodes/330825`,
      )
      .description(say(shell, en, zh))
      .action(async (name: string, _options, command: Command) => {
        const { reason, document } = command.opts<{ reason: string; document: string }>()
        const { batchId } = await withNode(command, ({ admin }) =>
          admin.setClient({ client: { name, status }, act: { reason, document } }, CALL),
        )
        entered(
          shell,
          command,
          { client: name, status },
          { batchId, en: `${name}: ${status}`, zh: `${name}：${word(shell, status)}` },
        )
      })
  }
  shell
    .common(atNode(client.command('list'), shell), 'huxin client list --node nodes/330825')
    .description(say(shell, 'all clients', '列出客户端'))
    .action(async (_options, command: Command) => {
      const rows = (await withNode(command, listClients)).map(
        ({ name, body, serials, roles, status }) => ({ name, body, serials, roles, status }),
      )
      print(shell.output(command), rows, () =>
        rows.length === 0
          ? say(
              shell,
              'no client is registered: enter one with huxin client add',
              '尚未登记客户端：请用 huxin client add 登记',
            )
          : table(
              [
                say(shell, 'client', '客户端'),
                say(shell, 'body', '所代表单位'),
                say(shell, 'may', '允许'),
                say(shell, 'certificates', '证书序列号'),
                say(shell, 'status', '状态'),
              ],
              rows.map((row) => [
                row.name,
                row.body,
                row.roles.map((role) => word(shell, role)).join(say(shell, ', ', '、')),
                row.serials.join('\n') || say(shell, 'any', '不限'),
                word(shell, row.status),
              ]),
            ),
      )
    })
}

async function addClient(shell: Shell, command: Command, given: string | undefined): Promise<void> {
  const {
    body,
    certificate = [],
    serial = [],
    role = [],
    reason,
    document,
  } = command.opts<{
    body: string
    certificate?: string[]
    serial?: string[]
    role?: string[]
    reason: string
    document: string
  }>()
  const identities = await Promise.all(
    certificate.map(async (file) => ({ file, ...identityOfFile(file, await readInput(file)) })),
  )
  const name = given ?? identities[0]?.name
  if (name === undefined)
    throw new HuxinError(
      'argument_invalid',
      bilingual(
        'name the client, as its certificate does, or give --certificate',
        '请给出客户端名称（与证书一致）或 --certificate',
      ),
    )
  const { batchId } = await withNode(command, ({ admin, config }) => {
    for (const identity of identities) {
      if (identity.role === 'client' && identity.nodeName === config.node && identity.name === name)
        continue
      throw new HuxinError(
        'argument_invalid',
        notTheClient(shell, identity, { name, node: config.node }),
      )
    }
    return admin.setClient(
      {
        client: {
          name,
          body,
          serials: [...serial, ...identities.map((identity) => identity.serial)],
          roles: role,
          status: '',
        },
        act: { reason, document },
      },
      CALL,
    )
  })
  entered(
    shell,
    command,
    { client: name, body },
    { batchId, en: `${name} acts for ${body}`, zh: `客户端 ${name} 代表 ${body}` },
  )
}

/** What is wrong with a certificate of somebody else; that of a node or operator names no client. */
function notTheClient(
  shell: Shell,
  { file, role, name, nodeName }: { file: string } & PeerIdentity,
  wanted: { name: string; node: string },
): string {
  const client = wanted.name === '' ? '' : ` ${wanted.name}`
  return say(
    shell,
    `${file} is the certificate of ${role}${name === '' ? '' : ` ${name}`} of ${nodeName}: give that of client${client} of ${wanted.node} (huxin pki issue --role client)`,
    `${file} 是 ${nodeName} 的${word(shell, role)}${name === '' ? '' : ` ${name}`} 的证书：须为 ${wanted.node} 的客户端${client} 的证书（huxin pki issue --role client）`,
  )
}

function identityOfFile(file: string, pem: Uint8Array) {
  try {
    return identityOfCertificate(new X509Certificate(pem))
  } catch (error) {
    throw new HuxinError('argument_invalid', text`${file} is no certificate of a client (PEM)`, {
      cause: error,
    })
  }
}

async function listProviders({ admin }: Connection): Promise<RegisteredProvider[]> {
  return pages(async (pageToken) => {
    const { providers, nextPageToken } = await admin.listProviders({ pageToken }, CALL)
    return { rows: providers, next: nextPageToken }
  })
}

async function listClients({ admin }: Connection): Promise<RegisteredClient[]> {
  return pages(async (pageToken) => {
    const { clients, nextPageToken } = await admin.listClients({ pageToken }, CALL)
    return { rows: clients, next: nextPageToken }
  })
}

async function pages<T>(
  read: (token: string) => Promise<{ rows: T[]; next: string }>,
): Promise<T[]> {
  const all: T[] = []
  for (let token = ''; ;) {
    const { rows, next } = await read(token)
    all.push(...rows)
    if (next === '') return all
    token = next
  }
}
