/**
 * Room `cli`: commands. Thin: a command reads its arguments, calls a node through its services (or works
 * on a folder of a node that does not run), and prints. Exit codes: 0 done; 1 refused, or something was
 * found; 2 usage or configuration; 3 not reachable or not now; 4 broken.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import type { Language } from '../base/text.ts'
import { VERSION } from '../base/version.ts'
import {
  exitCodes,
  languageOf,
  type Output,
  reportError,
  toJson,
  withLocalTimes,
} from './output.ts'
import type { Io, Shell } from './shell.ts'
import { helpStyle, usageError, usageText } from './usage.ts'

/** Adds commands to the program. */
type Add = (program: Command, shell: Shell) => void

/**
 * The commands, in the order of the help, each with the file that has them. A command line names one of them, and the others are not read:
 * all of them are half a second of a small machine.
 */
export const commandFiles: readonly {
  readonly names: readonly string[]
  readonly load: () => Promise<readonly Add[]>
}[] = [
  { names: ['demo'], load: async () => [(await import('./commands/demo.ts')).demoCommand] },
  { names: ['pki'], load: async () => [(await import('./commands/pki.ts')).pkiCommands] },
  {
    names: ['node', 'fsck', 'reconcile', 'trace'],
    load: async () => [(await import('./commands/node.ts')).nodeCommands],
  },
  { names: ['member'], load: async () => [(await import('./commands/member.ts')).memberCommands] },
  {
    names: ['provider', 'client'],
    load: async () => {
      const { clientCommands, providerCommands } = await import('./commands/register.ts')
      return [providerCommands, clientCommands]
    },
  },
  {
    names: ['approval'],
    load: async () => [(await import('./commands/approval.ts')).approvalCommands],
  },
  {
    names: ['certificate'],
    load: async () => [(await import('./commands/certificate.ts')).certificateCommands],
  },
  {
    names: ['quarantine'],
    load: async () => [(await import('./commands/quarantine.ts')).quarantineCommands],
  },
  {
    names: ['catalog'],
    load: async () => [(await import('./commands/catalog.ts')).catalogCommands],
  },
  { names: ['import'], load: async () => [(await import('./commands/import.ts')).importCommand] },
  { names: ['show'], load: async () => [(await import('./commands/records.ts')).recordCommands] },
  { names: ['amend'], load: async () => [(await import('./commands/amend.ts')).amendCommands] },
  {
    names: ['recognition'],
    load: async () => [(await import('./commands/recognition.ts')).recognitionCommands],
  },
  { names: ['log'], load: async () => [(await import('./commands/log.ts')).logCommands] },
  { names: ['why'], load: async () => [(await import('./commands/why.ts')).whyCommand] },
  {
    names: ['evidence'],
    load: async () => [(await import('./commands/evidence.ts')).evidenceCommands],
  },
  { names: ['verify'], load: async () => [(await import('./commands/verify.ts')).verifyCommands] },
]

/** The files that a command line needs: that of its first word, or all of them for the help and for a word that is none. */
async function commandsFor(argv: readonly string[]): Promise<readonly Add[]> {
  const first = argv.find((word, i) => !word.startsWith('-') && argv[i - 1] !== '--lang')
  const wanted = commandFiles.filter(({ names }) => first !== undefined && names.includes(first))
  return (
    await Promise.all((wanted.length > 0 ? wanted : commandFiles).map(({ load }) => load()))
  ).flat()
}

/** Runs one command line. @returns exit code */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const language = languageOf(
    io.env,
    askedLanguage(argv),
    configuredLanguage(optionOf(argv, '--node') ?? io.env['HUXIN_NODE'] ?? '.'),
  )
  const output = (json: boolean): Output => ({
    json,
    language,
    terminal: io.stderr.isTTY === true,
    write: (text) => void io.stdout.write(text),
    writeError: (text) => void io.stderr.write(withLocalTimes(text)),
  })
  const shell: Shell = {
    io,
    exitCode: exitCodes.done,
    language,
    output: (command) => output(command.optsWithGlobals()['json'] === true),
    common: (command, example) =>
      withExample(command, language, example)
        .option('--json', language === 'zh' ? '输出一个 JSON 文档' : 'print one JSON document')
        .addOption(languageOption(language)),
  }
  const program = build(shell, await commandsFor(argv))
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return shell.exitCode
  } catch (error) {
    const json = argv.includes('--json')
    if (!(error instanceof CommanderError)) return reportError(output(json), error)
    if (error.exitCode === 0) return exitCodes.done
    // The line for people was written by the command itself.
    if (json)
      io.stdout.write(
        `${toJson({ error: { code: 'argument_invalid', message: usageText(error.message, 'en'), messageZh: usageText(error.message, 'zh'), details: {} } })}\n`,
      )
    return exitCodes.usage
  }
}

function build(shell: Shell, commands: readonly Add[]): Command {
  const { io, language } = shell
  const zh = language === 'zh'
  const program = new Command('huxin')
    .description(
      zh ? '互信：公共信用信息交换节点' : 'huxin: exchange node for public credit information',
    )
    .version(VERSION, '-V, --version', zh ? '显示版本' : 'show the version')
    .addOption(languageOption(language))
    // Options behind the name of a command are its own, also where the command above has some of the same name.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .configureHelp(helpStyle(language))
    .helpOption('-h, --help', zh ? '显示帮助' : 'show help')
    .helpCommand('help [command]', zh ? '显示某命令的帮助' : 'show help of a command')
  withExample(program, language, 'huxin demo --exit').addHelpText(
    'after',
    zh
      ? '\n退出码：0 成功；1 被退回或有发现；2 用法或配置有误；3 无法连接或暂不可用；4 损坏\n'
      : '\nExit codes: 0 done; 1 refused or found something; 2 usage or configuration; 3 not reachable or not now; 4 broken\n',
  )
  for (const add of commands) add(program, shell)
  settle(program, '', language)
  for (const command of groupsOf(program)) {
    if (!command.options.some(({ long }) => long === '--lang'))
      command.addOption(languageOption(language))
    withExample(
      command,
      language,
      groupExamples[command.name()] ?? `huxin ${command.name()} --help`,
    )
  }
  return program
}

/** Every command that has commands of its own. */
function groupsOf({ commands }: Command): Command[] {
  return commands.flatMap((command) =>
    command.commands.length > 0 ? [command as Command, ...groupsOf(command as Command)] : [],
  )
}

/** One short example for each group of commands; each command has its own beside it. */
const groupExamples: Readonly<Record<string, string>> = {
  pki: 'huxin pki init --domain zj.example',
  node: 'huxin node check --node nodes/330825',
  member: 'huxin member list --node nodes/330800',
  provider: 'huxin provider list --node nodes/330825',
  client: 'huxin client list --node nodes/330825',
  import: 'huxin import 评价结果.csv --profile 交通局 --node nodes/330825',
  profile: 'huxin import profile list --node nodes/330825',
  approval: 'huxin approval list --node nodes/330825',
  certificate: 'huxin certificate list --node nodes/330825',
  quarantine: 'huxin quarantine list --node nodes/330000',
  graft: 'huxin member graft propose cn.example/000000 --reason … --document … --node nodes/330000',
  catalog: 'huxin catalog list --node nodes/330825',
  amend: 'huxin amend repair --help',
  recognition: 'huxin recognition list --open --node nodes/330106',
  log: 'huxin log list --node nodes/330825',
}

/** Gives every command the settings of the program, and its errors the name of the command whose help to read. */
function settle(command: Command, path: string, language: Language): void {
  const name = path === '' ? command.name() : `${path} ${command.name()}`
  command.configureOutput({
    outputError: (text, write) => write(usageError(text, name, language)),
  })
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    settle(child, name, language)
  }
}

function withExample(command: Command, language: Language, example: string): Command {
  return command.addHelpText(
    'after',
    `\n${language === 'zh' ? '示例：' : 'Example:'}\n  ${example}`,
  )
}

function languageOption(language: Language): Option {
  return new Option(
    '--lang <language>',
    language === 'zh'
      ? '界面语言（默认按 node.yaml 的 lang，其次按系统区域设置）'
      : 'language of the output (default: lang of node.yaml, then the locale)',
  ).choices(['zh', 'en'])
}

function askedLanguage(argv: readonly string[]): string | undefined {
  return optionOf(argv, '--lang')
}

function optionOf(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name)
  return at >= 0
    ? argv[at + 1]
    : argv.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** `lang` of a folder's node.yaml, read as a line: a file with faults says them in that language too. */
function configuredLanguage(folder: string): string | undefined {
  try {
    return /^lang:[ \t]*['"]?(zh|en)['"]?[ \t]*(?:#.*)?\r?$/m.exec(
      readFileSync(join(folder, 'node.yaml'), 'utf8'),
    )?.[1]
  } catch {
    return undefined
  }
}
