/**
 * The folders of three nodes as version 0.1.0 left them (`folders-0.1.0.json.gz`): they open, say the same as before, and go on.
 * Its statements name no authorities, its log has a basis that is no code today, its request ids stand in clear.
 */
import t from 'tap'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { findByRecordId } from '../../src/query/query.ts'
import { listRecognitions } from '../../src/recognition/recognize.ts'
import { checkFolder } from '../../src/node/maintenance.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { type Place, TestFederation } from '../support/federation.ts'
import { industryRecord, many } from '../support/records.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
]
const CLIENT = { kind: 'client', name: 'tax' } as const

t.setTimeout(0)

t.test('folders of 0.1.0', async (t) => {
  const packed = await readFile(join(process.cwd(), 'test/node/folders-0.1.0.json.gz'))
  const files = JSON.parse(gunzipSync(packed).toString()) as Record<string, string>
  const federation = await TestFederation.start([], { store: 'disk', catalog: false })
  t.teardown(() => federation.stop())
  const at = (id: string) => federation.node(id).context
  const standings = async (id: string, recordId: string): Promise<string[]> =>
    (await findByRecordId(at(id), recordId)).map(
      ({ standing, disputed }) => `${standing}${disputed ? ' disputed' : ''}`,
    )

  await t.test('open, and are whole', async (t) => {
    for (const place of PLACES) {
      await federation.adopt(
        place,
        Object.entries(files)
          .filter(([name]) => name.startsWith(`${place.id}/`))
          .map(([name, base64]) => [name.slice(7), Buffer.from(base64, 'base64')]),
      )
      t.same((await checkFolder(federation.folderOf(place.id))).findings, [], place.id)
      await federation.startNode(place.id)
    }
    await federation.until('they are connected', () =>
      PLACES.slice(1).every(({ id }) => federation.node(id).uplink?.state === 'connected'),
    )
    await federation.until('they serve', () =>
      PLACES.every(({ id }) => ['serving', 'degraded'].includes(federation.node(id).state)),
    )
    t.match(
      federation.node('330000').alarms.list().join('\n'),
      /authorit/,
      'whoever upgrades is told that no authority is named',
    )
  })

  await t.test('say of each record what they said', async (t) => {
    for (const id of ['330000', '330106']) {
      t.same(await standings(id, 'old-0'), ['current', 'superseded'], id)
      t.same(await standings(id, 'old-1'), ['withdrawn'])
      t.same(await standings(id, 'old-2'), [], 'what was erased')
      t.same(await standings(id, 'old-3'), ['current disputed'])
      t.same(await standings(id, 'old-19'), ['current'])
    }
    t.same(await standings('330106', 'own-2'), ['current'])
    t.same(await standings('330106', 'down-4'), ['current'])
    t.same(await standings('330000', 'own-2'), [])
    const [recognition] = await listRecognitions(at('330000'), {})
    t.same(
      recognition?.confirmations.map(({ validity }) => validity),
      ['valid'],
    )
  })

  await t.test('go on', async (t) => {
    const again = await publishRecords(
      at('330106'),
      many(20, (i) => industryRecord(i, { prefix: 'old' })),
      ['330000/**'],
      { source: CLIENT, requestId: 'tax no 7' },
    )
    t.equal(
      again.index,
      (await findByRecordId(at('330106'), 'old-1'))[0]!.index,
      'a request of before is answered with its batch',
    )
    await publishRecords(
      at('330106'),
      [industryRecord(0, { prefix: 'old', grade: 'C' })],
      ['330000/**'],
      { source: CLIENT },
    )
    await federation.until(
      'it is at the province',
      async () => (await standings('330000', 'old-0')).length === 3,
    )
    t.same(await standings('330000', 'old-0'), ['current', 'superseded', 'superseded'])
    t.same(await findings(federation), [])
    await federation.restart('330100')
    await federation.until('the city serves again', () =>
      ['serving', 'degraded'].includes(federation.node('330100').state),
    )
    t.same(await findings(federation), [])
  })

  await t.test('are taken in by a node that joins now', async (t) => {
    await federation.add({ id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] })
    await publishRecords(at('330000'), [industryRecord(1, { prefix: 'new' })], ['330110'])
    await federation.until(
      'it gets what is sent to it',
      async () => (await standings('330110', 'new-1')).length === 1,
    )
    t.same(await findings(federation), [])
  })
})
