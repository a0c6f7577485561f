/** Losses in a federation of four tiers: a key that only the parent's parent can vouch for, and one disk after another. */
import t from 'tap'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { approveMember } from '../../src/members/members.ts'
import { joinNode } from '../../src/node/setup.ts'
import { findings } from '../support/checks.ts'
import type { Place } from '../support/federation.ts'
import {
  accusations,
  CITY,
  COUNTY,
  federationOf,
  has,
  loseDisk,
  PROVINCE,
  recover,
  send,
  startAgain,
  well,
} from '../support/recovery.ts'

const NATION: Place = { id: '000000', tier: 'nation', divisions: ['000000'] }
const BELOW: Place = { ...PROVINCE, parent: '000000' }

t.setTimeout(0)

t.test(
  'a lost key of a city: its county takes the new key, which the nation signed, from the statements that the city shows',
  async (t) => {
    const federation = await federationOf(t, [NATION, BELOW, CITY, COUNTY])
    const folder = federation.folderOf('330100')
    await send(federation, '330106', '330000 330100', 'up')
    await send(federation, '330000', '330106', 'down')
    await federation.until(
      'it is there',
      async () =>
        (await has(federation, '330000', 'up')) && (await has(federation, '330106', 'down')),
    )
    const { port } = federation.node('330100')
    await federation.node('330100').close()
    await rm(join(folder, 'keys'), { recursive: true })
    const { application } = await recover(federation, '330100')
    const nation = federation.node('000000')
    const { joinFile } = await approveMember(nation.context, {
      application: await readFile(application!),
      act: { actor: '张三', reason: '密钥丢失', document: '测〔2026〕9号' },
      rekey: true,
      anchors: nation.join.anchors,
      parentAddress: '127.0.0.1:1',
      source: { kind: 'self' },
    })
    await joinNode(folder, joinFile)
    await federation.until(
      'the parent knows',
      () => federation.node('330000').context.ledger().federation.member('330100')?.epoch === 2,
    )
    t.equal(
      federation.node('330106').context.ledger().federation.member('330100')?.epoch,
      1,
      'the county cannot have heard',
    )
    await startAgain(federation, '330100', port)
    await federation.until('all of it is back', () => has(federation, '330100', 'up'))
    await send(federation, '330106', '330000 330100', 'new')
    await send(federation, '330000', '330106', 'again')
    await federation.until(
      'both directions go on',
      async () =>
        (await has(federation, '330000', 'new')) &&
        (await has(federation, '330100', 'new')) &&
        (await has(federation, '330106', 'again')),
    )
    // The statement comes in another class than the records, maybe after them.
    await federation.until(
      'the county logged the statement',
      () => federation.node('330106').context.ledger().federation.member('330100')?.epoch === 2,
    )
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
  },
)

t.test(
  'a city, then its county, then the province lose their disks: each takes back what the next has, also what that took back',
  async (t) => {
    const federation = await federationOf(t, [NATION, BELOW, CITY, COUNTY])
    const lose = async (id: string): Promise<void> => {
      const port = await loseDisk(federation, id)
      await recover(federation, id)
      await startAgain(federation, id, port)
      await well(federation)
    }
    await send(federation, '330106', '000000', 'far')
    await send(federation, '330106', '330000', 'near')
    await send(federation, '330106', '330000 330100', 'both')
    await send(federation, '330100', '330000', 'own')
    await send(federation, '330000', '330106', 'down')
    await federation.until(
      'it is there',
      async () =>
        (await has(federation, '000000', 'far')) &&
        (await has(federation, '330000', 'near', 'both', 'own')) &&
        (await has(federation, '330106', 'down')),
    )
    await lose('330100')
    await lose('330106')
    await federation.until('the county has its own back', () =>
      has(federation, '330106', 'far', 'near', 'both', 'down'),
    )
    await lose('330000')
    await federation.until('the city gave the province what it had once taken back from it', () =>
      has(federation, '330000', 'near', 'both', 'own'),
    )
    await send(federation, '330106', '000000 330000 330100', 'new')
    await send(federation, '330000', '330106', 'again')
    await federation.until(
      'both directions go on',
      async () =>
        (await has(federation, '000000', 'new')) &&
        (await has(federation, '330000', 'new')) &&
        (await has(federation, '330106', 'again')),
    )
    await well(federation)
    t.same(await accusations(federation), [])
    t.same(await findings(federation), [])
  },
)
