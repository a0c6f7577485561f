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
import { TestFederation } from './federation.ts'
import { INDUSTRY_ITEM } from './records.ts'

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
export async function caller(
  t: Test,
  federation: TestFederation,
  id: string,
  { role, name, tier }: { role: 'client' | 'operator'; name: string; tier: Tier },
): Promise<Caller> {
  const { certificateFile, keyFile } = await issueDevelopmentLeaf(federation.pki, {
    tier,
    role,
    nodeId: id,
    name,
  })
  const { material } = await loadTlsMaterial(
    { certificateFile, keyFile, rootFiles: [`${federation.pki.folder}/root.crt`] },
    systemClock.nowMs(),
  )
  const node = federation.node(id)
  const channel = WireChannel.dial({
    address: `127.0.0.1:${node.port}`,
    expectedNodeName: node.context.self,
    material,
    clock: systemClock,
  })
  t.teardown(() => channel.close())
  const { serialNumber } = new X509Certificate(await readFile(certificateFile))
  return {
    records: recordsOf(channel),
    admin: adminOf(channel),
    log: logOf(channel),
    serial: serialNumber,
    certificateFile,
  }
}

/** A province and its city with the catalog, and who calls the province. */
export async function provinceAndCity(t: Test) {
  const federation = await TestFederation.start([
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  ])
  t.teardown(() => federation.stop())
  await federation.until(
    'the catalog is everywhere',
    () => federation.node('330100').context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
  )
  const calling =
    (role: 'client' | 'operator') =>
    (name: string): Promise<Caller> =>
      caller(t, federation, '330000', { role, name, tier: 'province' })
  return {
    federation,
    province: () => federation.node('330000').context,
    client: calling('client'),
    operator: calling('operator'),
  }
}
