/** Scripts of this folder in processes of their own, and what processes and folders take. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bench, Figure } from './figure.ts'

export interface Script {
  readonly child: ChildProcess
  readonly port: number
  /** With SIGTERM; resolves when it is gone. */
  stop(): Promise<void>
}

/** @throws Error when it ends before it listens */
export async function startScript(
  name: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<Script> {
  const child = spawn(
    process.execPath,
    [...flags, fileURLToPath(new URL(name, import.meta.url)), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let ended = false
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true
      resolve()
    })
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const said = /listening (\d+)/.exec(String(chunk))
      if (said) resolve(Number(said[1]))
    })
    child.once('exit', (code) => reject(new Error(`${name} ${args.join(' ')} ended with ${code}`)))
  })
  return {
    child,
    port,
    async stop() {
      if (!ended) child.kill('SIGTERM')
      await gone
    },
  }
}

/** Runs a part in a process of its own: the script is sent what every part is given and sends its figures. @throws Error when it ends before */
export async function partOf(name: string, bench: Bench): Promise<readonly Figure[]> {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [], {
    serialization: 'advanced',
  })
  const ended = new Promise<never>((_resolve, reject) =>
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`))),
  )
  ended.catch(() => undefined)
  child.send(bench)
  return Promise.race([
    ended,
    new Promise<readonly Figure[]>((resolve) =>
      child.once('message', (figures) => resolve(figures as readonly Figure[])),
    ),
  ])
}

/** Processor time of a process so far, seconds; 0 when it is gone. Linux. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100
}

/** Size of all files in a folder and below. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
    // A file may go away while the database compacts.
    if (file.isFile())
      bytes += await stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      )
  }
  return bytes
}
