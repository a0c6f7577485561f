/** Times for people: in the zone of the machine, with the zone. */

import { type Output, say } from './output.ts'

/** `2026-11-30 21:40:12 +08:00` */
export function localTime(ms: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`
}

/** That content of records is not given, and since when nobody here knows what was done to them. */
export function unconfirmedText(output: Pick<Output, 'language'>, sinceMs: bigint): string {
  const since = localTime(Number(sinceMs))
  return say(output,
    `unconfirmed since ${since}: this node has not heard since then what was repaired, withdrawn or erased, and gives no content of records until it has`,
    `未核实（自 ${since} 起）：本节点此后未获知修复、撤回与删除情况，恢复联系前不提供记录内容`)
}
