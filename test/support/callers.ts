/** Clients and operators of a test node, each with a certificate and a connection of its own. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { AdminService, LogService } from '../../src/gen/huxin/v1/admin_service_pb.ts'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import type { Tier } from '../../src/topology/tier.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import type { TestFederation } from './federation.ts'

export interface Caller {
  readonly records: ReturnType<typeof recordsOf>
  readonly admin: ReturnType<typeof adminOf>
  readonly log: ReturnType<typeof logOf>
  /** Of the certificate, hexadecimal. */
  readonly serial: string
  readonly certificateFile: string
}

const recordsOf = (channel: WireChannel) => channel.client(RecordService)
const adminOf = (channel: WireChannel) => channel.client(AdminService)
const logOf = (channel: WireChannel) => channel.client(LogService)

/** Issues a certificate and connects; the connection ends with the test. A name that is issued again has a new certificate. */
export async function caller(t: Test, federation: TestFederation, id: string, { role, name, tier }: { role: 'client' | 'operator'; name: string; tier: Tier }): Promise<Caller> {
  const { certificateFile, keyFile } = await issueDevelopmentLeaf(federation.pki, { tier, role, nodeId: id, name })
  const { material } = await loadTlsMaterial({ certificateFile, keyFile, rootFiles: [`${federation.pki.folder}/root.crt`] }, systemClock.nowMs())
  const node = federation.node(id)
  const channel = WireChannel.dial({ address: `127.0.0.1:${node.port}`, expectedNodeName: node.context.self, material, clock: systemClock })
  t.teardown(() => channel.close())
  const { serialNumber } = new X509Certificate(await readFile(certificateFile))
  return { records: recordsOf(channel), admin: adminOf(channel), log: logOf(channel), serial: serialNumber, certificateFile }
}
