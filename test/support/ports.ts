/** A node's ports with something between them and the machine. */
import { type Disk, type Ports, withServices } from '../../src/node/ports.ts'
import { systemPorts } from '../../src/node/system-ports.ts'
import type { NodeOptions } from '../../src/node/node.ts'
import type { CheckpointSlot } from '../../src/log/slot.ts'
import type { Engine, Store } from '../../src/store/store.ts'
import type { ServiceBinding } from '../../src/wire/service.ts'

/** What a test puts between a node and the machine. */
export interface Wraps {
  readonly wrapServices?: (services: readonly ServiceBinding[]) => readonly ServiceBinding[]
  /** Around the database of the epoch that runs. */
  readonly wrapStore?: (store: Store) => Store
  /** Around the file of the last signed checkpoint. */
  readonly wrapSlot?: (slot: CheckpointSlot) => CheckpointSlot
}

/** What a node is started with in a test. */
export type TestOptions = Partial<NodeOptions> & Wraps

/** The machine's ports, with what a test puts between, and databases by another engine. */
export function portsOf(
  {
    wrapServices = (services) => services,
    wrapStore = (store) => store,
    wrapSlot = (slot) => slot,
  }: Wraps,
  engine: Engine = systemPorts.disk.engine,
): Ports {
  const { transport } = systemPorts
  const disk = { ...systemPorts.disk, engine }
  const wrapped: Disk = {
    ...disk,
    // A node opens its own database with what it knows to be signed; others to take over what stands in them.
    engine: {
      isMade: (folder) => engine.isMade(folder),
      isFresh: (folder) => engine.isFresh(folder),
      open: async (folder, options) =>
        options.isAcknowledged
          ? wrapStore(await engine.open(folder, options))
          : engine.open(folder, options),
    },
    openSlot: async (file) => wrapSlot(await disk.openSlot(file)),
  }
  return { ...systemPorts, disk: wrapped, transport: withServices(transport, wrapServices) }
}
