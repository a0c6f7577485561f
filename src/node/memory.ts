/**
 * How the garbage collector is to see this program. Batches are memory outside its heap, which it counts
 * against a limit made for a heap of 20 MB: under load it would go over the whole heap three times a
 * second to find that nothing there is garbage, which cost a fifth of all processor time. With room
 * for the heap to quadruple between two full collections it goes over it every two seconds.
 *
 * What survives of 16 MB of new objects is one or two megabytes, which one thread copies in two
 * milliseconds. Shared among four it waits for the last of them to be given a core: 40 to 80 ms on a
 * busy machine of two.
 */
import { setFlagsFromString } from 'node:v8'

const GROWTH_PERCENT = 300

/** Call once, at the start of a process that runs nodes. */
export function tuneMemory(): void {
  // Read by each full collection for the next one, so it may be set while the program runs.
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  setFlagsFromString('--no-parallel-scavenge')
}
