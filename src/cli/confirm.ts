/** A question before something that reaches others, asked where somebody can answer. */
import { createInterface } from 'node:readline/promises'
import { say } from './output.ts'
import type { Shell } from './shell.ts'

/** True where a person sits who can be asked. */
export function mayAsk({ io }: Shell): boolean {
  return io.stdin?.isTTY === true && io.stderr.isTTY === true
}

/** Asks on the terminal; anything but yes is no. Only where `mayAsk`. */
export async function confirm(shell: Shell, question: string): Promise<boolean> {
  const { stdin, stderr } = shell.io
  if (!stdin) return false
  const asking = createInterface({
    input: stdin,
    output: stderr as NodeJS.WritableStream,
    terminal: false,
  })
  try {
    const answer = await asking.question(`${question} ${say(shell, '[y/N]', '[是 y／否 N]')} `)
    return /^(y|yes|是)$/i.test(answer.trim())
  } finally {
    asking.close()
  }
}
