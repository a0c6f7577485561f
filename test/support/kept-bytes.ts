/**
 * A script: `node kept-bytes.js` makes calls over mutual TLS, both ends in this process, and prints how many bytes
 * of objects a call leaves that two collections of new objects did not free. In a process of its own, because a test
 * runner watches every promise.
 */
import { getHeapSpaceStatistics } from 'node:v8'
import { RecordService } from '../../src/gen/huxin/v1/record_service_pb.ts'
import { tuneMemory } from '../../src/node/memory.ts'
import { call, closing, dial, listen } from '../wire/testbed.ts'

const WARM_CALLS = 1_500
const CALLS = 3_000

function oldBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name === 'old_space')
    .reduce((sum, space) => sum + space.space_used_size, 0)
}

tuneMemory()
const server = await listen()
const channel = dial(server.address)
await closing([channel, server], async () => {
  const client = channel.client(RecordService)
  const { signal } = new AbortController()
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++)
      await client.publish({ records: [new Uint8Array(300)] }, { ...call, signal })
  }
  // Code that is compiled for the first time stays.
  await send(WARM_CALLS)
  const before = oldBytes()
  await send(CALLS)
  process.stdout.write(`${Math.round((oldBytes() - before) / CALLS)}\n`)
})
