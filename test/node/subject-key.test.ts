/** The key of the record index is another one, or the index is half made: a node says so and does not answer that nothing is there. */
import t from 'tap'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkFolder } from '../../src/node/maintenance.ts'
import { epochFiles } from '../../src/node/config.ts'
import { rebuildNode } from '../../src/node/setup.ts'
import { PRESENT, prefixRange, tables, textKey } from '../../src/store/keys.ts'
import { levelEngine } from '../../src/store/leveldb/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { findings } from '../support/checks.ts'
import { runHere } from '../cli/program.ts'
import { federationOf, publishOne, standing, well } from '../support/faults.ts'

/** More than a segment of the index has, so that some of it is on the disk. */
const BATCHES = 9
const RECORDS = 2_000

t.setTimeout(0)

t.test(
  'a node whose subject.key is not that of its record index does not start, and says what to do',
  async (t) => {
    const federation = await federationOf(t, [
      { id: '330000', tier: 'province', divisions: ['330000'] },
    ])
    for (let i = 0; i < BATCHES; i++)
      await publishOne(federation, '330000', `b${i}`, '330000', RECORDS)
    t.equal(await standing(federation, '330000', 'b0-0'), 1)
    const folder = federation.folderOf('330000')
    const file = join(folder, 'keys', 'subject.key')
    const right = await readFile(file, 'utf8')
    const other = right.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    const stop = async (): Promise<void> => {
      await federation.node('330000').close()
      federation.nodes.delete('330000')
    }
    const inStore = async (change: (store: Store) => Promise<void>): Promise<void> => {
      const store = await levelEngine.open(epochFiles(folder, 1).database, { create: false })
      try {
        await change(store)
      } finally {
        await store.close()
      }
    }
    await stop()
    await writeFile(file, other)
    const wrong = {
      code: 'config_invalid',
      message:
        /keys\/subject\.key is not the key .* put the right keys\/subject\.key back from a backup, .* huxin node rebuild/,
    }
    await t.rejects(federation.startNode('330000'), wrong)

    await t.test('also one of before, which has kept nothing to compare with', async (t) => {
      const former = (): Promise<void> =>
        inStore((store) =>
          store.commit([{ key: textKey(tables.meta, 'subject-key'), value: undefined }]),
        )
      await former()
      await t.rejects(federation.startNode('330000'), wrong)
      await writeFile(file, right)
      await federation.startNode('330000')
      t.equal(await standing(federation, '330000', 'b0-0'), 1)
      await stop()
      await writeFile(file, other)
      await t.rejects(
        federation.startNode('330000'),
        wrong,
        'its first start with the right key has kept it',
      )
    })

    await t.test('a rebuild makes the index with the key that is there', async (t) => {
      await rebuildNode(folder)
      await federation.startNode('330000')
      for (const name of ['b0-0', `b${BATCHES - 1}-${RECORDS - 1}`])
        t.equal(await standing(federation, '330000', name), 1)
      t.same(await findings(federation), [])
      await stop()
    })

    await t.test('a rebuild that was cut off is no old copy: it is to be run again', async (t) => {
      await inStore(async (store) => {
        await store.commit([{ key: textKey(tables.meta, 'rebuilding'), value: PRESENT }])
        await store.clear(prefixRange(tables.state))
      })
      await t.rejects(federation.startNode('330000'), {
        code: 'store_corrupt',
        message:
          /a rebuild of this database was cut off, and nothing is lost: run huxin node rebuild again/,
      })
      const report = await checkFolder(folder)
      t.match(report.findings.join('\n'), /a rebuild was cut off: run huxin node rebuild again/)
      t.match(report.findingsZh.join('\n'), /重建中途被打断：请再次执行 huxin node rebuild/)
      t.match(await runHere(['fsck', '--node', folder, '--lang', 'zh']), {
        code: 1,
        out: /：重建中途被打断：请再次执行 huxin node rebuild\n$/,
      })
      await rebuildNode(folder)
      await federation.startNode('330000')
      await well(federation)
      t.equal(await standing(federation, '330000', 'b0-0'), 1)
      t.same(await findings(federation), [])
    })
  },
)
