/** What a call leaves behind is found by the collections of new objects, and does not wait for one of the whole heap. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { forgetEndedRequests } from '../../src/wire/grpc-internals.ts'

forgetEndedRequests()

/** It was 15,000 while each request left its hidden classes. */
const KEPT_BYTES_MAX = 5_000
/** From this version of Node on its streams keep themselves: 12,000 bytes a call. */
const STREAMS_STAY = 24

const skip =
  Number.parseInt(process.versions.node, 10) >= STREAMS_STAY &&
  'the streams of this Node stay until the whole heap is collected'

t.test(
  'thousands of calls with a signal that outlives them leave next to nothing behind',
  { skip },
  async (t) => {
    const script = fileURLToPath(new URL('../support/kept-bytes.js', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    t.match(stdout, /^-?\d+\n$/)
    t.ok(
      Number(stdout) < KEPT_BYTES_MAX,
      `${stdout.trim()} bytes a call outlived two collections of new objects`,
    )
  },
)

t.test(
  'what is bound to a resource runs in its scope, with its receiver and its arguments',
  (t) => {
    const storage = new AsyncLocalStorage<string>()
    const resource = storage.run('there', () => new AsyncResource('TEST'))
    const seen = function (this: unknown, ...args: number[]): unknown {
      return [storage.getStore(), this, args]
    }
    const free = resource.bind(seen)
    // The types leave the second argument out.
    const given = (
      resource as unknown as { bind(bound: typeof seen, thisArg: string): typeof seen }
    ).bind(seen, 'fixed')
    storage.run('here', () => {
      t.same(free.call('caller', 1, 2), ['there', 'caller', [1, 2]])
      t.same(given.call('caller', 3), ['there', 'fixed', [3]])
    })
    t.same(AsyncResource.bind(seen).call('caller', 4), [undefined, 'caller', [4]])
    t.end()
  },
)
