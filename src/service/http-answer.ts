/** One answer of the HTTPS side, whole. */
import { utf8 } from '../base/bytes.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Uint8Array
}

/** One line for people. */
export function plain(
  status: number,
  text: string,
  headers: HttpAnswer['headers'] = {},
): HttpAnswer {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body: utf8(`${text}\n`),
  }
}
