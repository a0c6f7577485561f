/** Scripts of this folder in processes of their own, and what processes and folders take. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Script {
  readonly child: ChildProcess
  readonly port: number
  /** With SIGTERM; resolves when it is gone. */
  stop(): Promise<void>
}

/** @throws Error when it ends before it listens */
export async function startScript(name: string, args: readonly string[], flags: readonly string[] = []): Promise<Script> {
  const child = spawn(process.execPath, [...flags, fileURLToPath(new URL(name, import.meta.url)), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
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
    if (file.isFile()) bytes += await stat(join(file.parentPath, file.name)).then(({ size }) => size, () => 0)
  }
  return bytes
}
