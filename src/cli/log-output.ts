/**
 * Where the log lines of a node go: standard output, whatever stands behind it. A pipe that nobody reads, a reader that
 * has ended, a file on a full disk neither stop the node nor make it grow: what is not taken waits, up to a megabyte; what
 * comes beyond that is dropped, and how much is said before the next line.
 */
import { fstatSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { messageOf } from '../base/errors.ts'

const WAITING_BYTES_MAX = 1 << 20
/** Bytes handed over at once. */
const PIECE_BYTES = 1 << 16
const WARN = 40

export interface LogOutputOptions {
  /** Brings text out; rejects when it is not taken. One call at a time. */
  readonly put: (text: string) => Promise<void>
  readonly nowMs: () => number
}

interface Waiting {
  readonly text: string
  /** Lines that are lost when it is. */
  readonly lines: number
}

/** What pino writes to. */
export class LogOutput {
  readonly #options: LogOutputOptions
  #waiting: Waiting[] = []
  #bytes = 0
  #busy = false
  #dropped = 0
  /** Why lines were dropped last. */
  #reason = ''

  constructor(options: LogOutputOptions) {
    this.#options = options
  }

  /** Lines that were dropped and are not spoken of yet. */
  get dropped(): number {
    return this.#dropped
  }

  /** Never waits, never throws. */
  write(line: string): void {
    const missing = this.#missing()
    if (this.#bytes + missing.length + line.length > WAITING_BYTES_MAX) {
      this.#drop(1, 'nobody takes them')
      return
    }
    if (missing !== '') this.#add({ text: missing, lines: this.#dropped })
    this.#dropped = 0
    this.#add({ text: line, lines: 1 })
    if (!this.#busy) void this.#run()
  }

  #add(piece: Waiting): void {
    this.#waiting.push(piece)
    this.#bytes += piece.text.length
  }

  async #run(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const pieces = this.#take()
      await this.#options.put(pieces.map(({ text }) => text).join('')).catch((error: unknown) =>
        this.#drop(
          pieces.reduce((sum, { lines }) => sum + lines, 0),
          messageOf(error),
        ),
      )
    }
    this.#busy = false
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && bytes < PIECE_BYTES)
      bytes += this.#waiting[count++]!.text.length
    this.#bytes -= bytes
    return this.#waiting.splice(0, count)
  }

  /** A line that says what is missing before the next; after a line feed, because what went before may be half a line. */
  #missing(): string {
    if (this.#dropped === 0) return ''
    return `\n${JSON.stringify({
      level: WARN,
      time: this.#options.nowMs(),
      dropped: this.#dropped,
      reason: this.#reason,
      msg: 'log lines are missing here: standard output did not take them',
    })}\n`
  }

  #drop(count: number, reason: string): void {
    this.#dropped += count
    this.#reason = reason
  }
}

/**
 * Standard output of this process. A pipe or socket is written without waiting for its reader; anything else by a
 * thread of its own, so that a terminal that was stopped or a slow disk does not stop the process either.
 */
export function standardOutput(
  stdout: NodeJS.WriteStream & { readonly fd: number },
  nowMs: () => number,
): LogOutput {
  const kind = fstatSync(stdout.fd)
  if (!kind.isFIFO() && !kind.isSocket())
    return new LogOutput({ put: (text) => writeWhole(stdout.fd, text), nowMs })
  // Each write says itself what became of it.
  stdout.removeAllListeners('error').on('error', () => undefined)
  return new LogOutput({
    put: (text) =>
      new Promise((done, fail) => stdout.write(text, (error) => (error ? fail(error) : done()))),
    nowMs,
  })
}

async function writeWhole(fd: number, text: string): Promise<void> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;)
    at += (await promisify(write)(fd, bytes, at, bytes.length - at)).bytesWritten
}
