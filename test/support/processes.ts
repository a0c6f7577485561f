/**
 * A federation whose nodes are processes of their own, started with `huxin node start` as an operator
 * would, so that they can be killed. It is set up in this process, closed, and then only its folders
 * are used; `adopt` opens the folders in this process again, for looking into them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../../src/base/clock.ts'
import { HuxinClient } from '../../src/client/record-client.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { type Place, TestFederation } from './federation.ts'
import { INDUSTRY_ITEM } from './records.ts'
import { Patience } from './own-time.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** Below the ports that systems give to outgoing connections, so that nobody takes one while its node is down. */
const [PORT_FIRST, PORT_LAST] = [15_000, 32_000]

export class NodeProcesses {
  readonly federation: TestFederation
  readonly #places: readonly Place[]
  readonly #ports = new Map<string, number>()
  readonly #running = new Map<string, { process: ChildProcess; ended: Promise<void> }>()
  readonly #said = new Map<string, string>()

  private constructor(federation: TestFederation, places: readonly Place[]) {
    this.federation = federation
    this.#places = places
  }

  /** Makes the folders, with the catalog everywhere; no node runs yet. */
  static async setUp(places: readonly Place[]): Promise<NodeProcesses> {
    const federation = await TestFederation.start(places, { store: 'disk' })
    const processes = new NodeProcesses(federation, places)
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.values()].every((node) =>
        node.context.ledger().catalog.item(INDUSTRY_ITEM),
      ),
    )
    for (const { id } of places) await federation.registerClient(id)
    for (const node of [...federation.nodes.values()].reverse()) await node.close()
    federation.nodes.clear()
    for (const place of places) {
      processes.#ports.set(place.id, await freePort())
      await processes.#configure(place)
    }
    return processes
  }

  /** Starts a node; resolves when it listens. @throws Error when it ends before */
  async start(
    id: string,
    { stdout = 'pipe' }: { stdout?: 'pipe' | 'unread' | number } = {},
  ): Promise<void> {
    const child = spawn(
      process.execPath,
      [MAIN, 'node', 'start', '--node', this.federation.folderOf(id)],
      {
        // The channel ends with this process, and the node with the channel.
        stdio: ['ignore', stdout === 'unread' ? 'pipe' : stdout, 'pipe', 'ipc'],
        env: { PATH: process.env['PATH'] ?? '', LANG: 'C' },
      },
    )
    let said = ''
    const hear = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000)
      this.#said.set(id, said)
    }
    if (stdout === 'pipe') child.stdout!.on('data', hear)
    // Its reader ends when the first lines are there.
    if (stdout === 'unread') child.stdout!.once('data', () => child.stdout!.destroy())
    child.stderr!.on('data', hear)
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
    this.#running.set(id, { process: child, ended })
    const listening = new Promise<void>((resolve) =>
      child.stderr!.on('data', () => said.includes('listens on') && resolve()),
    )
    await Promise.race([
      listening,
      ended.then(() => {
        if (child.signalCode === null)
          throw new Error(`node ${id} ended with ${child.exitCode}:\n${said}`)
      }),
    ])
  }

  /** Ends a node at once, whatever it is doing; resolves when it is gone. */
  async kill(id: string, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const running = this.#running.get(id)
    if (!running) return
    running.process.kill(signal)
    await running.ended
    this.#running.delete(id)
  }

  pid(id: string): number {
    return this.#running.get(id)!.process.pid!
  }

  /** What a node printed since it started, its end. */
  said(id: string): string {
    return this.#said.get(id) ?? ''
  }

  /** A department of a node, which is entered into the register when the folders are made. */
  async client(id: string, options: { retryForMs?: number } = {}): Promise<HuxinClient> {
    return HuxinClient.connect({
      address: `127.0.0.1:${this.#ports.get(id)}`,
      node: this.federation.name(id),
      ...(await this.#files(id, 'client')),
      ...options,
    })
  }

  /** The operator of a node. */
  async operator(id: string): Promise<WireChannel> {
    const { material } = await loadTlsMaterial(
      await this.#files(id, 'operator'),
      systemClock.nowMs(),
    )
    return WireChannel.dial({
      address: `127.0.0.1:${this.#ports.get(id)}`,
      expectedNodeName: this.federation.name(id),
      material,
      clock: systemClock,
      backoffMsMax: 500,
    })
  }

  /** Opens every folder in this process; the processes must be gone. */
  async adopt(): Promise<TestFederation> {
    for (const { id } of this.#places) await this.federation.startNode(id)
    return this.federation
  }

  /** Where a node listens. */
  port(id: string): number {
    return this.#ports.get(id)!
  }

  async tearDown(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.kill(id)))
    await this.federation.stop()
  }

  async #files(
    id: string,
    role: 'client' | 'operator',
  ): Promise<{ certificateFile: string; keyFile: string; rootFiles: string[] }> {
    const folder = join(this.federation.pki.folder, id)
    const file = (await readdir(folder)).find(
      (name) => name.startsWith(role) && name.endsWith('.crt'),
    )
    if (!file) throw new Error(`${folder} has no certificate of role ${role}`)
    return {
      certificateFile: join(folder, file),
      keyFile: join(folder, file.replace('.crt', '.key')),
      rootFiles: [join(this.federation.pki.folder, 'root.crt')],
    }
  }

  async #configure(place: Place): Promise<void> {
    const file = join(this.federation.folderOf(place.id), 'node.yaml')
    const text = (await readFile(file, 'utf8')).replace(
      /listen: .*/,
      `listen: 127.0.0.1:${this.#ports.get(place.id)}`,
    )
    await writeFile(
      file,
      place.parent === undefined
        ? text
        : text.replace(/address: .*/, `address: 127.0.0.1:${this.#ports.get(place.parent)}`),
    )
  }
}

/** A port that is free now, and likely to stay so. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST))
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error(`no port between ${PORT_FIRST} and ${PORT_LAST} is free`)
}

/** Waits until a condition holds, looking again every few milliseconds. */
export async function until(
  what: () => string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const patience = new Patience(timeoutMs)
  try {
    while (!(await condition())) {
      if (patience.over) throw new Error(`waited ${timeoutMs} ms in vain: ${what()}`)
      await sleep(systemClock, 10)
    }
  } finally {
    patience.end()
  }
}
