/** Federations for benchmarks: set up in this process and closed, then every node in a process of its own. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { AdminService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM } from '../support/records.ts'
import { pause } from './figure.ts'
import { cpuSecondsOf, folderBytes, type Script, startScript } from './script.ts'

export const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
export const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
export const COUNTY: Place = {
  id: '330106',
  tier: 'county',
  parent: '330100',
  divisions: ['330106'],
}

/** Processes of a federation that was set up in this process and then closed. */
export class Processes {
  readonly federation: TestFederation
  readonly ports = new Map<string, number>()
  readonly running = new Map<string, Script>()
  readonly #places: readonly Place[]

  private constructor(federation: TestFederation, places: readonly Place[]) {
    this.federation = federation
    this.#places = places
  }

  static async setUp(places: readonly Place[]): Promise<Processes> {
    const federation = await TestFederation.start(places, { store: 'disk' })
    await federation.until('the catalog is everywhere', () =>
      [...federation.nodes.values()].every((node) =>
        node.context.ledger().catalog.item(INDUSTRY_ITEM),
      ),
    )
    for (const { id } of places) await federation.registerClient(id)
    const processes = new Processes(federation, places)
    for (const node of [...federation.nodes.values()].reverse()) await node.close()
    federation.nodes.clear()
    for (const place of places) {
      processes.ports.set(place.id, await freePort())
      await processes.#configure(place)
    }
    return processes
  }

  async #configure(place: Place): Promise<void> {
    const file = join(this.federation.folderOf(place.id), 'node.yaml')
    const text = await readFile(file, 'utf8')
    const parent =
      place.parent === undefined
        ? text
        : text.replace(/address: .*/, `address: 127.0.0.1:${this.ports.get(place.parent)}`)
    await writeFile(
      file,
      parent.replace(/listen: .*/, `listen: 127.0.0.1:${this.ports.get(place.id)}`),
    )
  }

  async start(ids: readonly string[] = this.#places.map(({ id }) => id)): Promise<void> {
    for (const id of ids) await this.spawn(id)
    for (const id of ids) await this.#ready(id)
  }

  async spawn(id: string): Promise<void> {
    const script = await startScript(
      'node-process.js',
      [this.federation.folderOf(id)],
      (process.env['HUXIN_BENCH_FLAGS'] ?? '').split(' ').filter(Boolean),
    )
    this.running.set(id, script)
  }

  async #ready(id: string): Promise<void> {
    const status = await this.status(id)
    for (let i = 0; i < 500; i++) {
      const { state } = await status()
      if (state === 'serving' || state === 'degraded') return
      await pause(10)
    }
    throw new Error(`node ${id} does not come up`)
  }

  async channel(id: string, role: 'client-bench' | 'operator'): Promise<WireChannel> {
    const folder = join(this.federation.pki.folder, id)
    const file = (await readdir(folder)).find(
      (name) => name.startsWith(role) && name.endsWith('.crt'),
    )!
    const { material } = await loadTlsMaterial(
      {
        certificateFile: join(folder, file),
        keyFile: join(folder, file.replace('.crt', '.key')),
        rootFiles: [join(this.federation.pki.folder, 'root.crt')],
      },
      Date.now(),
    )
    return WireChannel.dial({
      address: `127.0.0.1:${this.ports.get(id)}`,
      expectedNodeName: this.federation.name(id),
      material,
      clock: systemClock,
    })
  }

  async status(id: string) {
    const admin = (await this.channel(id, 'operator')).client(AdminService)
    return () => admin.getStatus({}, { timeoutMs: 20_000 })
  }

  /** CPU seconds used so far by every node and by this process. */
  async cpuSeconds(): Promise<{ nodes: number; client: number }> {
    const nodes = await Promise.all(
      [...this.running.values()].map(({ child }) => cpuSecondsOf(child.pid!)),
    )
    const { user, system } = process.cpuUsage()
    return {
      nodes: nodes.reduce((sum, seconds) => sum + seconds, 0),
      client: (user + system) / 1e6,
    }
  }

  /** Size of all files of a node's data. */
  diskBytes(id: string): Promise<number> {
    return folderBytes(join(this.federation.folderOf(id), 'data'))
  }

  async stop(ids: readonly string[] = [...this.running.keys()]): Promise<void> {
    for (const id of ids) {
      await this.running.get(id)?.stop()
      this.running.delete(id)
    }
  }

  async tearDown(): Promise<void> {
    await this.stop()
    await rm(this.federation.folder, { recursive: true, force: true })
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
