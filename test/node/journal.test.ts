/** Sectors of the journal that are zeros, of a node: what was acknowledged is not gone without a word. */
import t from 'tap'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { epochFiles } from '../../src/node/config.ts'
import { findings } from '../support/checks.ts'
import { federationOf, publishOne, standing, well } from '../support/faults.ts'

t.setTimeout(0)

t.test(
  'a node whose journal has a sector of zeros before commits that it signed does not start, and stays as it is',
  async (t) => {
    const federation = await federationOf(t, [
      { id: '330000', tier: 'province', divisions: ['330000'] },
    ])
    await federation.restart('330000')
    for (let i = 0; i < 10; i++) await publishOne(federation, '330000', `b${i}`, '330000', 150)
    const { size } = federation.node('330000').context.log()
    const stop = async (): Promise<void> => {
      await federation.node('330000').close()
      federation.nodes.delete('330000')
    }
    await stop()
    const { database } = epochFiles(federation.folderOf('330000'), 1)
    const name = (await readdir(database)).find((one) => /^\d+\.log$/.test(one))!
    const file = join(database, name)
    const journal = await readFile(file)
    for (const share of [0.3, 0.5, 0.7]) {
      const hole = Buffer.from(journal)
      const sector = Math.floor((journal.length * share) / 512) * 512
      hole.fill(0, sector, sector + 512)
      await writeFile(file, hole)
      await t.rejects(federation.startNode('330000'), {
        code: 'store_corrupt',
        message: /the journal .* is damaged at byte \d+, and whole commits follow/,
      })
    }
    await writeFile(file, journal)
    await federation.startNode('330000')
    t.equal(federation.node('330000').context.log().size, size)
    await well(federation)
    t.equal(await standing(federation, '330000', 'b5-3'), 1)
    t.same(await findings(federation), [])
  },
)
