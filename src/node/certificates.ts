/** The certificate files of a node, read again when they change; a bad one leaves the last good one and an alarm. */
import type { Clock } from '../base/clock.ts'
import type { Alarms } from '../exchange/alarms.ts'
import { type TlsMaterial, TlsMaterialWatcher } from '../pki/material.ts'
import type { NodeConfig } from './config.ts'
import type { NodeLog } from './node-log.ts'

interface Watched {
  readonly config: NodeConfig
  readonly clock: Clock
  readonly alarms: Alarms
  readonly log: NodeLog
  /** Called with each material that replaces another. */
  readonly onChange: (material: TlsMaterial) => void
}

/** @throws HuxinError config_invalid when the files cannot be used at first */
export function watchCertificates({ config, clock, alarms, log, onChange }: Watched): Promise<TlsMaterialWatcher> {
  return TlsMaterialWatcher.open({
    files: { certificateFile: config.tls.certificate, keyFile: config.tls.key, rootFiles: config.tls.roots },
    nodeName: config.node,
    clock,
    onChange: (material) => {
      onChange(material)
      log.info({ serial: material.identity.serial }, 'certificate files were read again')
    },
    onAlarm: (message) => {
      if (message === undefined) alarms.clear('certificate')
      else alarms.raise('certificate', message)
    },
  })
}
