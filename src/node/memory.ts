/**
 * How the garbage collector is to see this program. Batches are memory outside its heap, which it counts
 * against a limit made for a heap of 20 MB: under load it would go over the whole heap three times a
 * second to find that nothing there is garbage, which cost a fifth of all processor time. With room
 * for the heap to grow ninefold between two full collections a trickle of records comes to one after minutes.
 *
 * A single record waits for whatever stops a node it passes, so pauses count more than processor time:
 *
 * - What survives of 16 MB of new objects is copied by one thread in a few milliseconds. Shared among four it
 *   waits for the last of them to be given a core: 40 to 80 ms on a busy machine of two.
 * - A full collection marks 25 MB of live objects. With one or two processors, threads that mark beside the
 *   program delay a record by 50 to 90 ms; done by the program itself, a little at a time, it is 30 to 65.
 */
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'

const GROWTH_PERCENT = 800
/** With more, marking finds a processor of its own. */
const PROCESSORS_FEW = 2

/** Call once, at the start of a process that runs nodes. */
export function tuneMemory(): void {
  // Each is read by the collection that it is about, so it may be set while the program runs.
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  setFlagsFromString('--no-parallel-scavenge')
  if (availableParallelism() <= PROCESSORS_FEW) setFlagsFromString('--no-concurrent-marking')
}
