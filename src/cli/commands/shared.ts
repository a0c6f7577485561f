/** Options that several commands share. */
import { type Command, InvalidArgumentError } from 'commander'
import { holdProcess, isCivilDate } from '../../base/clock.ts'
import { encodeRecordId } from '../../record/record-id.ts'
import { halfWidth } from '../../record/text.ts'
import { connect, type Connection } from '../connect.ts'
import type { Shell } from '../shell.ts'

export const CALL = { timeoutMs: 30_000 }

/** Adds the options that say which running node is meant. */
export function atNode(command: Command, shell: Shell): Command {
  const zh = shell.language === 'zh'
  return command
    .option(
      '--node <folder>',
      zh
        ? '节点目录（默认当前目录或 HUXIN_NODE）'
        : 'folder of the node (default: HUXIN_NODE or .)',
      shell.io.env['HUXIN_NODE'] ?? '.',
    )
    .option(
      '--as <person>',
      zh
        ? '操作员姓名或证书文件（默认 HUXIN_AS，或唯一的操作员）'
        : 'name or certificate file of the operator (default: HUXIN_AS, or the only one)',
      shell.io.env['HUXIN_AS'],
    )
    .option('--address <host:port>', zh ? '节点地址' : 'where the node answers')
}

/** Connects, runs, closes. */
export async function withNode<T>(
  command: Command,
  run: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { node, as, address } = command.opts<{ node: string; as?: string; address?: string }>()
  const release = holdProcess()
  try {
    const connection = await connect({ node, as, address })
    try {
      return await run(connection)
    } finally {
      connection.close()
    }
  } finally {
    release()
  }
}

/** Adds the options of an act of a person. */
export function withAct(command: Command, shell: Shell): Command {
  const zh = shell.language === 'zh'
  return command
    .requiredOption('--reason <text>', zh ? '事由（记入日志）' : 'why, kept in the log')
    .requiredOption(
      '--document <number>',
      zh ? '依据文号（记入日志）' : 'number of the document that orders it, kept in the log',
    )
}

/** Adds the option of a command that writes a file: without it nothing is overwritten. */
export function withForce(command: Command, shell: Shell): Command {
  return command.option(
    '--force',
    shell.language === 'zh' ? '覆盖已有的输出文件' : 'replace the file that is there',
  )
}

/** A record id as a person writes it: a department's own number with Chinese in it is kept as its Punycode. */
export function recordIdOf(what: string): string {
  return encodeRecordId(halfWidth(what)) ?? what
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** Reads a whole number from `from` to `to`. */
export function wholeNumber(
  shell: Shell,
  from = 0,
  to = 999_999_999_999_999,
): (value: string) => number {
  return (value) => {
    if (!/^[0-9]{1,15}$/.test(value) || Number(value) < from) {
      throw new InvalidArgumentError(
        shell.language === 'zh'
          ? `须为不小于 ${from} 的整数。`
          : `Give a whole number from ${from} on.`,
      )
    }
    if (Number(value) > to)
      throw new InvalidArgumentError(
        shell.language === 'zh' ? `不得大于 ${to}。` : `At most ${to} is allowed.`,
      )
    return Number(value)
  }
}

/** Reads a date. */
export function civilDay(shell: Shell): (value: string) => string {
  return (value) => {
    if (!isCivilDate(value))
      throw new InvalidArgumentError(
        shell.language === 'zh' ? '须为日期 YYYY-MM-DD。' : 'Give a date YYYY-MM-DD.',
      )
    return value
  }
}
