/** What happens to a folder before a node runs, cut off between any two of its steps, and done again. */
import t from 'tap'
import { access, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { cosignedSize } from '../../src/exchange/links.ts'
import { initNode, joinNode } from '../../src/node/setup.ts'
import { codeOf, findings } from '../support/checks.ts'
import { COUNTY, CITY, federationOf, has, loseDisk, PROVINCE, recover, send, startAgain, well } from '../support/recovery.ts'

/** Children look for their parent again at once. */
const QUICK = { backoffMsMax: 100, retryMsMax: 100 }

t.setTimeout(0)

const there = (file: string): Promise<boolean> => access(file).then(() => true, () => false)

t.test('an init that was cut off is done again with the keys that it made', async (t) => {
  const federation = await federationOf(t, [PROVINCE])
  const folder = await mkdtemp(join(tmpdir(), 'huxin-init-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const init = (): Promise<string | undefined> => initNode(folder, undefined, { clock: systemClock, random: systemRandom })
  await mkdir(federation.folderOf(CITY.id))
  await federation.writeConfig(CITY)
  await cp(join(federation.folderOf(CITY.id), 'node.yaml'), join(folder, 'node.yaml'))
  await init()
  const [key, application] = await Promise.all(['keys/1/note.key', 'application.txt'].map((name) => readFile(join(folder, name), 'utf8')))
  t.equal(await codeOf(init()), 'config_invalid', 'once it is done it is not done again')
  for (const lost of [[], ['application.txt'], ['application.txt', 'keys/next/cosign.key'], ['application.txt', 'keys/next/cosign.key', 'keys/subject.key']]) {
    await rename(join(folder, 'keys/1'), join(folder, 'keys/next'))
    for (const name of lost) await rm(join(folder, name))
    await writeFile(join(folder, 'keys/next/cosign.key.part'), 'torn')
    await init()
    t.equal(await readFile(join(folder, 'keys/1/note.key'), 'utf8'), key)
    if (lost.length < 2) t.equal(await readFile(join(folder, 'application.txt'), 'utf8'), application)
    t.notOk(await there(join(folder, 'keys/next')))
  }
})

for (const cut of ['after the parent signed', 'before the new keys are in force'] as const) {
  t.test(`a recovery that was cut off ${cut} is done again, in the same epoch, and takes everything back`, async (t) => {
    const federation = await federationOf(t, [PROVINCE, CITY, COUNTY], QUICK)
    const folder = federation.folderOf(COUNTY.id)
    await send(federation, COUNTY.id, '330000', 'up')
    await federation.until('it is up, and seen', async () => await has(federation, '330000', 'up') && await cosignedSize(federation.node(COUNTY.id).context, federation.name(CITY.id)) > 0n)
    const port = await loseDisk(federation, COUNTY.id)
    t.match(await recover(federation, COUNTY.id), { oldEpoch: 1, newEpoch: 2 })
    await rename(join(folder, 'keys/2'), join(folder, 'keys/next'))
    if (cut === 'after the parent signed') await rm(join(folder, 'data'), { recursive: true })
    const again = await recover(federation, COUNTY.id)
    t.match(again, { oldEpoch: 1, newEpoch: 2 })
    t.ok(again.parentSize > 0n, 'what the parent saw is said again')
    t.same((await readdir(join(folder, 'keys'))).sort(), ['1', '2', 'subject.key'])
    await startAgain(federation, COUNTY.id, port)
    await federation.until('it is back', () => has(federation, COUNTY.id, 'up'))
    await send(federation, COUNTY.id, '330000', 'new')
    await federation.until('the new epoch sends', () => has(federation, '330000', 'new'))
    await well(federation)
    t.same(await findings(federation), [])
  })
}

t.test('a join file that was half taken is taken again', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY])
  const folder = federation.folderOf(CITY.id)
  const answer = await readFile(join(folder, 'join.json'))
  await federation.node(CITY.id).close()
  // As after `recover --lost key` had made its keys, and join had marked the epoch.
  await rename(join(folder, 'keys/1'), join(folder, 'keys/next'))
  for (let i = 0; i < 2; i++) {
    await writeFile(join(folder, 'join.json'), 'old')
    await joinNode(folder, answer)
    t.same(await readFile(join(folder, 'join.json')), answer)
    t.ok(await there(join(folder, 'data/1/recovering')))
    t.ok(await there(join(folder, 'keys/1/note.key')))
  }
})
