/**
 * A city that misbehaves, for the demo's fourth scene: it takes part in everything but hides one batch
 * from its children. Arguments: node folder, lane, number. The node itself is the ordinary one; only the
 * answers to its children are changed on their way out.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { pino } from 'pino'
import { parseEntry } from '../../batch/entry.ts'
import { parseHeaderNote } from '../../batch/seal.ts'
import {
  ReadBodiesResponseSchema,
  ReadLaneResponseSchema,
} from '../../gen/huxin/v1/exchange_service_pb.ts'
import { loadConfig } from '../../node/config.ts'
import { Node } from '../../node/node.ts'
import { laneKey } from '../../topology/lane.ts'
import type { ServiceBinding } from '../../wire/service.ts'
import { systemPorts } from '../../node/system-ports.ts'
import { withServices } from '../../node/ports.ts'

const [folder = '', lane = '', number = ''] = process.argv.slice(2)

/** True for the batch that is hidden. */
function hidden(note: Uint8Array): boolean {
  const { header } = parseHeaderNote(note)
  return header.lanes.some(
    (place) =>
      laneKey(header.origin, header.epoch, place.target, header.batchClass) === lane &&
      place.number === BigInt(number),
  )
}

function withhold(services: readonly ServiceBinding[]): readonly ServiceBinding[] {
  return services.map((service) => ({
    ...service,
    methods: service.methods.map((method) => ({
      ...method,
      async call(request, context) {
        const answer = await method.call(request, context)
        if (method.name === 'ReadBodies') {
          const response = fromBinary(ReadBodiesResponseSchema, answer)
          response.deliveries = response.deliveries.filter(
            ({ entry }) => !hidden(parseEntry(entry).header),
          )
          return toBinary(ReadBodiesResponseSchema, response)
        }
        if (method.name === 'ReadLane') {
          const response = fromBinary(ReadLaneResponseSchema, answer)
          if (response.package && hidden(response.package.header)) delete response.package
          for (const trace of response.traces.slice(0, 1)) {
            trace.held = false
            trace.receiptNotes = []
          }
          return toBinary(ReadLaneResponseSchema, response)
        }
        return answer
      },
    })),
  }))
}

const config = await loadConfig(folder)
const node = await Node.start({
  ...systemPorts,
  transport: withServices(systemPorts.transport, withhold),
  config,
  log: pino(
    { level: config.logLevel, base: { node: config.node } },
    pino.destination({ fd: 1, sync: true }),
  ),
})
const stop = (): void => {
  void node.close().then(() => process.exit(0))
}
process.once('SIGTERM', stop)
process.once('disconnect', stop)
