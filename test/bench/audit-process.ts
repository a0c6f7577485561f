/**
 * A log over HTTPS in a process of its own, with the node's own audit server:
 * `node audit-process.js <folder of a BenchLog> <certificate> <key> <root>`; with `raw` for the folder, a plain
 * node:https server that answers /<n> with n bytes from memory. Stops at SIGTERM.
 */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/base/clock.ts'
import type { Context } from '../../src/commit/context.ts'
import { tuneMemory } from '../../src/node/memory.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { AuditServer } from '../../src/service/audit-server.ts'
import { secureContextOptions } from '../../src/wire/tls.ts'
import { BenchLog, LOG_NODE } from './bench-log.ts'

tuneMemory()
const [folder = '', certificateFile = '', keyFile = '', root = ''] = process.argv.slice(2)
const { material } = await loadTlsMaterial(
  { certificateFile, keyFile, rootFiles: [root] },
  systemClock.nowMs(),
)

if (folder === 'raw') {
  const answers = new Map<string, Buffer>()
  const server = createServer(
    { ...secureContextOptions(material), requestCert: true },
    (request, response) => {
      const path = request.url ?? ''
      let body = answers.get(path)
      if (!body) answers.set(path, (body = Buffer.alloc(Number(path.slice(1)), 9)))
      response.writeHead(200, { 'Content-Length': body.length })
      response.end(body)
    },
  )
  server.listen(0, '127.0.0.1', () =>
    process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`),
  )
} else {
  const { log, store } = await BenchLog.open(folder)
  const server = await AuditServer.listen({
    host: '127.0.0.1',
    port: 0,
    public: false,
    material,
    context: () => ({ self: LOG_NODE, store, log: () => log }) as unknown as Context,
    maySign: () => false,
    maxConnections: 100,
    clock: systemClock,
    log: {
      warn: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
    },
  })
  process.stdout.write(`listening ${server.port}\n`)
}
process.on('SIGTERM', () => process.exit(0))
