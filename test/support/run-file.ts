/** Runs one tap file in a process of its own and judges it: its standard output is TAP, its exit code the verdict. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly pass: number
  /** With one for a file that died, hung or ran no test. */
  readonly fail: number
  readonly seconds: number
  readonly signal: NodeJS.Signals | null
  readonly out: string
}

/**
 * Node's options for a test file. `lean.js` says what tap would cost. A young generation of 32 MB is
 * collected less often; the collector keeps its threads, for what is promised in milliseconds holds with them.
 */
const OPTIONS = [
  '--max-semi-space-size=32',
  `--import=${new URL('./lean.js', import.meta.url).href}`,
]

export function runFile(file: string, { msMax }: { msMax: number }): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...OPTIONS, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TAP_BAIL: '0', TAP_TIMEOUT: String(msMax / 1000) },
    })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), msMax)
    const begin = performance.now()
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const total = /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?/m.exec(out)
      const pass = Number(total?.[2] ?? 0)
      const fail = Number(total?.[3] ?? 0)
      // A file that dies, hangs or runs no test has failed whatever it counted.
      const broken = total === null || pass + fail === 0 || (code !== 0 && fail === 0)
      resolve({
        pass,
        fail: fail + (broken ? 1 : 0),
        seconds: (performance.now() - begin) / 1000,
        signal,
        out,
      })
    })
  })
}

/** What of a file's output says why it failed. */
export function reasonsIn(out: string): string {
  return (
    out
      .split('\n')
      .filter((line) => /not ok|^\s*(?:error|message|diff|\+|-)|Error/.test(line))
      .slice(0, 60)
      .join('\n') || out.slice(-2_000)
  )
}

/** Path of a built file of `support/outcomes`. */
export function outcomeFile(name: string): string {
  return fileURLToPath(new URL(`./outcomes/${name}.js`, import.meta.url))
}
