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
import { amendCommands } from './commands/amend.ts'
import { approvalCommands } from './commands/approval.ts'
import { catalogCommands } from './commands/catalog.ts'
import { certificateCommands } from './commands/certificate.ts'
import { demoCommand } from './commands/demo.ts'
import { evidenceCommands } from './commands/evidence.ts'
import { verifyCommands } from './commands/verify.ts'
import { importCommand } from './commands/import.ts'
import { recordCommands } from './commands/records.ts'
import { logCommands } from './commands/log.ts'
import { memberCommands } from './commands/member.ts'
import { nodeCommands } from './commands/node.ts'
import { pkiCommands } from './commands/pki.ts'
import { quarantineCommands } from './commands/quarantine.ts'
import { recognitionCommands } from './commands/recognition.ts'
import { whyCommand } from './commands/why.ts'
import { clientCommands, providerCommands } from './commands/register.ts'
import { exitCodes, languageOf, type Output, reportError, toJson, withLocalTimes } from './output.ts'
import type { Io, Shell } from './shell.ts'
import { helpStyle, usageError, usageText } from './usage.ts'

/** Runs one command line. @returns exit code */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const language = languageOf(io.env, askedLanguage(argv), configuredLanguage(optionOf(argv, '--node') ?? io.env['HUXIN_NODE'] ?? '.'))
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
    common: (command, example) => withExample(command, language, example)
      .option('--json', language === 'zh' ? '输出一个 JSON 文档' : 'print one JSON document')
      .addOption(languageOption(language)),
  }
  const program = build(shell)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return shell.exitCode
  } catch (error) {
    const json = argv.includes('--json')
    if (!(error instanceof CommanderError)) return reportError(output(json), error)
    if (error.exitCode === 0) return exitCodes.done
    // The line for people was written by the command itself.
    if (json) io.stdout.write(`${toJson({ error: { code: 'argument_invalid', message: usageText(error.message, 'en'), messageZh: usageText(error.message, 'zh'), details: {} } })}\n`)
    return exitCodes.usage
  }
}

function build(shell: Shell): Command {
  const { io, language } = shell
  const zh = language === 'zh'
  const program = new Command('huxin')
    .description(zh ? '互信：公共信用信息交换节点' : 'huxin: exchange node for public credit information')
    .version(VERSION, '-V, --version', zh ? '显示版本' : 'show the version')
    .addOption(languageOption(language))
    // Options behind the name of a command are its own, also where the command above has some of the same name.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: (text) => void io.stderr.write(text) })
    .configureHelp(helpStyle(language))
    .helpOption('-h, --help', zh ? '显示帮助' : 'show help')
    .helpCommand('help [command]', zh ? '显示某命令的帮助' : 'show help of a command')
  withExample(program, language, 'huxin demo --exit')
    .addHelpText('after', zh
      ? '\n退出码：0 成功；1 被退回或有发现；2 用法或配置有误；3 无法连接或暂不可用；4 损坏\n'
      : '\nExit codes: 0 done; 1 refused or found something; 2 usage or configuration; 3 not reachable or not now; 4 broken\n')
  for (const add of [demoCommand, pkiCommands, nodeCommands, memberCommands, providerCommands, clientCommands, approvalCommands, certificateCommands, quarantineCommands, catalogCommands, importCommand, recordCommands, amendCommands, recognitionCommands, logCommands, whyCommand, evidenceCommands, verifyCommands]) add(program, shell)
  settle(program, '', language)
  for (const command of groupsOf(program)) {
    if (!command.options.some(({ long }) => long === '--lang')) command.addOption(languageOption(language))
    withExample(command, language, groupExamples[command.name()] ?? `huxin ${command.name()} --help`)
  }
  return program
}

/** Every command that has commands of its own. */
function groupsOf({ commands }: Command): Command[] {
  return commands.flatMap((command) => (command.commands.length > 0 ? [command as Command, ...groupsOf(command as Command)] : []))
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
  return command.addHelpText('after', `\n${language === 'zh' ? '示例：' : 'Example:'}\n  ${example}`)
}

function languageOption(language: Language): Option {
  return new Option('--lang <language>', language === 'zh' ? '界面语言（默认按 node.yaml 的 lang，其次按系统区域设置）' : 'language of the output (default: lang of node.yaml, then the locale)').choices(['zh', 'en'])
}

function askedLanguage(argv: readonly string[]): string | undefined {
  return optionOf(argv, '--lang')
}

function optionOf(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name)
  return at >= 0 ? argv[at + 1] : argv.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** `lang` of a folder's node.yaml, read as a line: a file with faults says them in that language too. */
function configuredLanguage(folder: string): string | undefined {
  try {
    return /^lang:[ \t]*['"]?(zh|en)['"]?[ \t]*(?:#.*)?\r?$/m.exec(readFileSync(join(folder, 'node.yaml'), 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
