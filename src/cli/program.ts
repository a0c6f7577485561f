/**
 * Room `cli`: commands. Thin: a command reads its arguments, calls a node through its services (or works
 * on a folder of a node that does not run), and prints. Exit codes: 0 done; 1 refused, or something was
 * found; 2 usage or configuration; 3 not reachable or not now; 4 broken.
 */
import { Command, CommanderError, Option } from 'commander'
import { catalogCommands } from './commands/catalog.ts'
import { demoCommand } from './commands/demo.ts'
import { importCommand, recordCommands } from './commands/records.ts'
import { logCommands } from './commands/log.ts'
import { memberCommands } from './commands/member.ts'
import { nodeCommands } from './commands/node.ts'
import { pkiCommands } from './commands/pki.ts'
import { recognitionCommands } from './commands/recognition.ts'
import { languageOf, reportError } from './output.ts'
import type { Io, Shell } from './shell.ts'

/** Runs one command line. @returns exit code */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const language = languageOf(io.env, askedLanguage(argv))
  const shell: Shell = {
    io,
    exitCode: 0,
    language,
    output: (command) => ({
      json: command.optsWithGlobals()['json'] === true,
      language,
      terminal: io.stderr.isTTY === true,
      write: (text) => void io.stdout.write(text),
      writeError: (text) => void io.stderr.write(text),
    }),
    common: (command, example) => command
      .option('--json', language === 'zh' ? '输出一个 JSON 文档' : 'print one JSON document')
      .addOption(new Option('--lang <language>', language === 'zh' ? '界面语言' : 'language of the output').choices(['zh', 'en']))
      .addHelpText('after', `\n${language === 'zh' ? '示例' : 'Example'}:\n  ${example}\n`),
  }
  const program = build(shell)
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return shell.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return reportError(shell.output(program), error)
  }
}

function build(shell: Shell): Command {
  const zh = shell.language === 'zh'
  const program = new Command('huxin')
    .description(zh ? '互信：公共信用信息交换结点' : 'huxin: exchange node for public credit information')
    .version('0.1.0')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void shell.io.stdout.write(text), writeErr: (text) => void shell.io.stderr.write(text) })
    .addHelpText('after', zh
      ? '\n退出码：0 成功；1 被退回或有发现；2 用法或配置有误；3 无法连接或暂不可用；4 损坏\n'
      : '\nExit codes: 0 done; 1 refused or found something; 2 usage or configuration; 3 not reachable or not now; 4 broken\n')
  for (const add of [demoCommand, pkiCommands, nodeCommands, memberCommands, catalogCommands, importCommand, recordCommands, recognitionCommands, logCommands]) add(program, shell)
  for (const command of [program, ...program.commands.flatMap((sub) => [sub, ...sub.commands])]) command.exitOverride().copyInheritedSettings(program)
  return program
}

function askedLanguage(argv: readonly string[]): string | undefined {
  const at = argv.indexOf('--lang')
  return at >= 0 ? argv[at + 1] : argv.find((word) => word.startsWith('--lang='))?.slice(7)
}
