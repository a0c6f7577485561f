/** Federations in which a node loses its disk, snapshot or key, and how it comes back. */
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Published } from '../../src/publish/publish.ts'
import { findByRecordId } from '../../src/query/query.ts'
import type { Recovery } from '../../src/node/recovery.ts'
import { recoverNode } from '../../src/node/setup.ts'
import type { NodeOptions } from '../../src/node/node.ts'
import { publishRecords } from './checks.ts'
import { type Place, TestFederation } from './federation.ts'
import { industryRecord, INDUSTRY_ITEM, many } from './records.ts'

export const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
export const CITY: Place = { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] }
export const COUNTY: Place = {
  id: '330106',
  tier: 'county',
  parent: '330100',
  divisions: ['330106'],
}
export const OTHER: Place = {
  id: '330110',
  tier: 'county',
  parent: '330100',
  divisions: ['330110'],
}

export async function federationOf(
  t: { teardown(stop: () => Promise<void>): void },
  places: readonly Place[] = [PROVINCE, CITY, COUNTY],
  link?: NodeOptions['link'],
): Promise<TestFederation> {
  const federation = await TestFederation.start(places, {
    store: 'disk',
    ...(link ? { link } : {}),
  })
  t.teardown(() => federation.stop())
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every((node) =>
      node.context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return federation
}

/** Publishes three records; `targets` are parted by spaces. */
export async function send(
  federation: TestFederation,
  id: string,
  targets: string,
  name: string,
): Promise<Published> {
  const published = await publishRecords(
    federation.node(id).context,
    many(3, (i) => industryRecord(i, { prefix: name })),
    targets.split(' '),
  )
  if (published.refusal)
    throw new Error(`${name}: ${published.refusal.code}: ${published.refusal.message}`)
  return published
}

/** Whether a node has the records of these names, each once. */
export async function has(
  federation: TestFederation,
  id: string,
  ...names: string[]
): Promise<boolean> {
  const { context } = federation.node(id)
  for (const name of names)
    if ((await findByRecordId(context, `${name}-2`)).length !== 1) return false
  return true
}

export const recover = (federation: TestFederation, id: string): Promise<Recovery> =>
  recoverNode(federation.folderOf(id), { clock: systemClock, random: systemRandom })

/** Starts a node that recovered, at the port that its children know, and waits until it has everything back. */
export async function startAgain(
  federation: TestFederation,
  id: string,
  port: number,
): Promise<void> {
  const mark = join(
    federation.folderOf(id),
    'data',
    String(await newestEpoch(federation, id)),
    'recovering',
  )
  await access(mark)
  const config = { ...federation.node(id).config, listen: { host: '127.0.0.1', port } }
  await federation.startNode(id, { config })
  await federation.until('the mark of the recovery is gone', () =>
    access(mark).then(
      () => false,
      () => true,
    ),
  )
}

async function newestEpoch(federation: TestFederation, id: string): Promise<number> {
  return Math.max(
    ...(await readdir(join(federation.folderOf(id), 'keys')))
      .map(Number)
      .filter((epoch) => epoch > 0),
  )
}

/** A loss that nobody can undo is said for a week. */
export async function well(federation: TestFederation): Promise<void> {
  await federation.until(
    'every node serves without an alarm',
    () =>
      federation.alarms().every((alarm) => alarm.includes(': lost: ')) &&
      [...federation.nodes.values()].every(
        ({ state, alarms }) => state === 'serving' || (state === 'degraded' && alarms.has('lost')),
      ),
  )
}

/** Stops a node and takes its database away. @returns its port, which its children know */
export async function loseDisk(federation: TestFederation, id: string): Promise<number> {
  const { port } = federation.node(id)
  await federation.node(id).close()
  await rm(join(federation.folderOf(id), 'data'), { recursive: true })
  return port
}

/** Starts a node that was stopped, at the port that its children know. */
export async function startAt(federation: TestFederation, id: string, port: number): Promise<void> {
  await federation.startNode(id, {
    config: { ...federation.node(id).config, listen: { host: '127.0.0.1', port } },
  })
}

/** What nobody may be accused of: quarantines and evidence files of every node. */
export async function accusations(federation: TestFederation): Promise<string[]> {
  const found: string[] = []
  for (const [id, node] of federation.nodes) {
    found.push(
      ...[...node.context.ledger().quarantined].map(
        (origin) => `${id}: ${origin} is under quarantine`,
      ),
    )
    const files = await readdir(federation.folderOf(id), { recursive: true })
    found.push(...files.filter((file) => /evidence.+/.test(file)).map((file) => `${id}: ${file}`))
  }
  return found
}
