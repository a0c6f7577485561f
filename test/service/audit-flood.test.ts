import { once } from 'node:events'
import { request } from 'node:https'
import { connect as tcpConnect, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Context } from '../../src/commit/context.ts'
import type { TlsMaterial } from '../../src/pki/material.ts'
import { AuditServer } from '../../src/service/audit-server.ts'
import { county, federation, hub, nodeName, until } from '../wire/testbed.ts'

const department = federation.client('330000', 'loans')

/** A server of no log: who gets a connection is what counts here. */
async function listen(isPublic: boolean): Promise<AuditServer> {
  const kin = { name: county.identity.nodeName, parent: nodeName, status: 'active' }
  const context = {
    self: nodeName,
    ledger: () => ({
      federation: { member: (name: string) => (name === kin.name ? kin : undefined) },
    }),
  } as unknown as Context
  return AuditServer.listen({
    host: '127.0.0.1',
    port: 0,
    public: isPublic,
    material: hub,
    context: () => context,
    maySign: () => false,
    maxConnections: 40,
    clock: systemClock,
    log: { warn: () => undefined },
  })
}

function open(port: number, material?: TlsMaterial): TLSSocket {
  const { certificateChainPem: cert, keyPem: key } = material ?? {}
  return connect({
    host: '127.0.0.1',
    port,
    ca: [...hub.rootsPem],
    ...(cert && key ? { cert, key } : {}),
    checkServerIdentity: () => undefined,
  })
    .on('error', () => undefined)
    .resume() as TLSSocket
}

function status(port: number, material: TlsMaterial): Promise<number | undefined> {
  const { certificateChainPem: cert, keyPem: key } = material
  return new Promise((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        port,
        path: '/nothing',
        cert,
        key,
        ca: [...hub.rootsPem],
        agent: false,
        checkServerIdentity: () => undefined,
      },
      (response) => resolve(response.resume().statusCode),
    )
      .on('error', reject)
      .end()
  })
}

t.test(
  'readers without a certificate take a quarter of the connections from one network, and kin are served',
  async (t) => {
    const server = await listen(true)
    const sockets = Array.from({ length: 60 }, () => open(server.port))
    const left = (): number => sockets.filter((socket) => !socket.destroyed).length
    await until(() => left() === 10)
    t.equal(await status(server.port, county), 404)
    for (const socket of sockets) socket.destroy()
    const after = open(server.port)
    await once(after, 'secureConnect')
    t.equal(left(), 0)
    await server.close(0)
  },
)

t.test('one certificate takes a quarter, and silent connections none', async (t) => {
  const server = await listen(false)
  const sockets: Socket[] = Array.from({ length: 60 }, () => open(server.port, department))
  await until(() => sockets.filter((socket) => !socket.destroyed).length === 10)
  const silent = Array.from({ length: 300 }, () =>
    tcpConnect(server.port, '127.0.0.1').on('error', () => undefined),
  )
  await until(
    () =>
      silent.filter((socket) => socket.destroyed || socket.readyState === 'open').length === 300,
  )
  t.equal(await status(server.port, county), 404)
  for (const socket of [...sockets, ...silent]) socket.destroy()
  await server.close(0)
})
