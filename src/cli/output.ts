/** Printing: one JSON document, or tables whose columns align in Chinese too (East Asian Width: two cells). */
import { durationOf } from '../base/clock.ts'
import { type ErrorCode, isHuxinError, errorTable } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { type Language, textOf } from '../base/text.ts'

/** Where a command prints, and in which language. */
export interface Output {
  readonly json: boolean
  readonly language: Language
  /** Standard error is a terminal: progress may be shown. */
  readonly terminal: boolean
  write(text: string): void
  writeError(text: string): void
}

/** Chinese when --lang, else the node's configuration, else the locale says so. */
export function languageOf(
  env: Readonly<Record<string, string | undefined>>,
  asked?: string,
  configured?: string,
): Language {
  // An empty variable is as good as none (POSIX).
  const locale = asked || configured || env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || ''
  return /^zh/i.test(locale) ? 'zh' : 'en'
}

/** Picks the text of the language. */
export function say(output: Pick<Output, 'language'>, en: string, zh: string): string {
  return output.language === 'zh' ? zh : en
}

/** Prints one JSON document with --json, else what `text` gives. */
export function print(output: Output, value: unknown, text: () => string): void {
  output.write(
    output.json ? `${toJson(value)}\n` : `${printable(withLocalTimes(text())).trimEnd()}\n`,
  )
}

/** JSON with bigint as decimal strings and bytes as hexadecimal. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (typeof item === 'bigint') return item.toString()
      if (item instanceof Uint8Array) return Buffer.from(item).toString('hex')
      if (
        typeof item === 'object' &&
        item !== null &&
        'type' in item &&
        item.type === 'Buffer' &&
        'data' in item
      )
        return Buffer.from(item.data as number[]).toString('hex')
      return item
    },
    2,
  )
}

/** A table with a head; empty cells are kept, a cell of several lines makes several lines. */
export function table(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = cells.flatMap((row) => {
    const parts = row.map((cell) => withLocalTimes(cell).split('\n'))
    return Array.from({ length: Math.max(1, ...parts.map((lines) => lines.length)) }, (_, i) =>
      parts.map((lines) => lines[i] ?? ''),
    )
  })
  const widths = head.map((cell, i) =>
    Math.max(width(cell), ...rows.map((row) => width(row[i] ?? ''))),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell + ' '.repeat(widths[i]! - width(cell)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((cells) => '─'.repeat(cells)).join('  '), ...rows.map(line)].join(
    '\n',
  )
}

/** Terminal cells of a text. */
export function width(text: string): number {
  let cells = 0
  for (const char of text) cells += WIDE.test(char) ? 2 : 1
  return cells
}

/** A progress bar on standard error, `share` from 0 to 1; silent unless that is a terminal. */
export function progress(
  output: Output,
  label: string,
): { show(done: number, share: number): void; end(): void } {
  if (!output.terminal || output.json) return { show: () => undefined, end: () => undefined }
  let shown = false
  return {
    show(done, share) {
      shown = true
      const cells = Math.round(Math.max(0, Math.min(1, share)) * 30)
      output.writeError(
        `\r${label} [${'█'.repeat(cells).padEnd(30, '·')}] ${done.toLocaleString('en-US')}`,
      )
    },
    end() {
      if (shown) output.writeError('\r\x1b[K')
      shown = false
    },
  }
}

/** What the exit codes mean; `--help` and README.md say the same. */
export const exitCodes = { done: 0, found: 1, usage: 2, notNow: 3, broken: 4 } as const

const usageErrors: readonly ErrorCode[] = [
  'argument_invalid',
  'config_invalid',
  'message_too_large',
]

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  if (!isHuxinError(error)) return exitCodes.broken
  if (usageErrors.includes(error.code)) return exitCodes.usage
  // A folder that another process uses is free again when that process ends.
  if (error.kind === 'unavailable' || error.code === 'store_locked') return exitCodes.notNow
  return error.kind === 'broken' ? exitCodes.broken : exitCodes.found
}

/** Prints an error: one JSON document with --json, and always a line for people. @returns exit code */
export function reportError(output: Output, error: unknown): number {
  const code = isHuxinError(error) ? error.code : 'internal'
  const row = errorTable[code]
  const said = textOf(error)
  if (output.json)
    output.write(
      `${toJson({ error: { code, message: said.en, messageZh: said.zh, details: isHuxinError(error) ? error.details : {} } })}\n`,
    )
  output.writeError(
    say(
      output,
      `error ${code} (${row.meaning}): ${printable(said.en)}\n`,
      `错误 ${code}（${row.meaningZh}）：${printable(said.zh)}\n`,
    ),
  )
  return exitCodeOf(error)
}

/** A time as people read it, where the machine stands (`TZ` counts): `2026-11-30 21:15:03 +08:00`. JSON has UTC (RFC 3339). */
export function localTime(ms: number): string {
  const date = new Date(ms)
  const ahead = -date.getTimezoneOffset()
  const two = (number: number): string => String(Math.trunc(number)).padStart(2, '0')
  const local = new Date(ms + ahead * 60_000).toISOString()
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${ahead < 0 ? '-' : '+'}${two(Math.abs(ahead) / 60)}:${two(Math.abs(ahead) % 60)}`
}

/**
 * A text of a node with its times as the reader's machine shows them: nodes say them in UTC (RFC 3339, whole seconds), because who reads
 * an alarm or an error may be anywhere.
 */
export function withLocalTimes(text: string): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z/g, (time) => {
    const ms = Date.parse(time)
    return Number.isNaN(ms) ? time : localTime(ms)
  })
}

/** How long something lasts: `3 d 4 h`. */
export function duration(output: Pick<Output, 'language'>, ms: number): string {
  return durationOf(ms).in(output.language)
}

/** That content of records is not given, and since when nobody here knows what was done to them. */
export function unconfirmedText(output: Pick<Output, 'language'>, sinceMs: bigint): string {
  const since = localTime(Number(sinceMs))
  return say(
    output,
    `unconfirmed since ${since}: this node has not heard since then what was repaired, withdrawn or erased, and gives no content of records until it has`,
    `未核实（自 ${since} 起）：本节点此后未获知修复、撤回与删除情况，恢复联系前不提供记录内容`,
  )
}

/** `3 min ago`, short. */
export function ago(output: Output, ms: number, nowMs: number): string {
  if (ms === 0) return say(output, 'never', '从未')
  if (nowMs - ms < 1_000) return say(output, 'just now', '刚刚')
  const since = duration(output, Math.max(0, Math.round((nowMs - ms) / 1_000) * 1_000))
  return say(output, `${since} ago`, `${since}前`)
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u
