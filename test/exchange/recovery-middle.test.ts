/** A node between others loses its disk, its snapshot or its key: nothing that its parent acknowledged is lost, and its children go on by themselves. */
import t from 'tap'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findings } from '../support/checks.ts'
import { CITY, COUNTY, federationOf, has, OTHER, PROVINCE, recover, send, startAgain, well } from '../support/recovery.ts'

t.setTimeout(0)

t.test('a lost disk of a city: what it had acknowledged to its counties is back, and their lanes go on', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY, COUNTY, OTHER])
  await send(federation, '330106', '330000', 'up')
  await send(federation, '330106', '330100', 'kept')
  await send(federation, '330106', '330110', 'across')
  await send(federation, '330000', '330106', 'down')
  await send(federation, '330100', '330000', 'own')
  await federation.until('it is all there', async () => await has(federation, '330000', 'up', 'own') && await has(federation, '330100', 'kept') &&
    await has(federation, '330110', 'across') && await has(federation, '330106', 'down'))
  const { port } = federation.node('330100')
  await federation.node('330100').close()
  await rm(join(federation.folderOf('330100'), 'data'), { recursive: true })
  await recover(federation, '330100')
  await startAgain(federation, '330100', port)
  await federation.until('its own is back, and what its county had sent', () => has(federation, '330100', 'own', 'kept'))
  await send(federation, '330106', '330000', 'up2')
  await send(federation, '330106', '330110', 'across2')
  await send(federation, '330000', '330106', 'down2')
  await federation.until('every lane goes on', async () => await has(federation, '330000', 'up2') && await has(federation, '330110', 'across2') && await has(federation, '330106', 'down2'))
  t.ok(await has(federation, '330000', 'up', 'own'), 'and nothing is twice')
  await well(federation)
  t.same(await findings(federation), [])
})
