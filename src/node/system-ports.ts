/** The ports of this machine. */
import { systemClock } from '../base/clock.ts'
import { systemFiles } from '../base/files.ts'
import { systemRandom } from '../base/random.ts'
import { openSlot } from '../log/slot.ts'
import { type TlsMaterial, TlsMaterialWatcher } from '../pki/material.ts'
import { AuditServer } from '../service/audit-server.ts'
import { levelEngine } from '../store/leveldb/engine.ts'
import { WireChannel } from '../wire/channel.ts'
import { WireServer } from '../wire/server.ts'
import type { Disk, Ports, Transport, TransportEnd } from './ports.ts'

export const systemDisk: Disk = {
  files: systemFiles,
  engine: levelEngine,
  openSlot: (file) => openSlot(file, systemFiles),
}

/** gRPC and HTTPS over TLS. Certificate files are read again when they change; a bad one leaves the last good one, and an alarm. */
const wireTransport: Transport = {
  async open({ config, clock, onChange, onAlarm }) {
    const users: { updateMaterial(material: TlsMaterial): void }[] = []
    const watcher = await TlsMaterialWatcher.open({
      files: {
        certificateFile: config.tls.certificate,
        keyFile: config.tls.key,
        rootFiles: config.tls.roots,
      },
      nodeName: config.node,
      clock,
      onChange: (material) => {
        for (const user of users) user.updateMaterial(material)
        onChange(material.identity)
      },
      onAlarm,
    })
    return endOf(watcher, users)
  },
}

function endOf(
  watcher: TlsMaterialWatcher,
  users: { updateMaterial(material: TlsMaterial): void }[],
): TransportEnd {
  const used = <T extends { updateMaterial(material: TlsMaterial): void }>(user: T): T => {
    users.push(user)
    return user
  }
  return {
    get identity() {
      return watcher.current.identity
    },
    listen: async (options) =>
      used(await WireServer.listen({ ...options, material: watcher.current })),
    serveAudit: async (options) =>
      used(await AuditServer.listen({ ...options, material: watcher.current })),
    dial: (options) => used(WireChannel.dial({ ...options, material: watcher.current })),
    reload: () => watcher.reload(),
    close: () => watcher.close(),
  }
}

export const systemPorts: Ports = {
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  transport: wireTransport,
}
