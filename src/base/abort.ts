/**
 * Who wants to know that a signal is aborted. `addEventListener` links each listener to the next one, also after it was
 * removed: on a signal that lives as long as a connection, the collections of new objects then find every call
 * that ever waited on it reachable from the first one, copy it, and leave it to a collection of the whole heap.
 * Here a signal has one listener, and who no longer waits is forgotten at once.
 */

/** What is called, while it is wanted: memory that is not collected yet may still lead here. */
interface Waiting {
  callback: (() => void) | undefined
}

const waitingOn = new WeakMap<AbortSignal, Set<Waiting>>()

/**
 * Calls back once when the signal is aborted, soon when it is already; never before this has returned.
 * @returns a function that forgets it; may be called twice
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const waiting: Waiting = { callback }
  if (signal.aborted) {
    queueMicrotask(() => waiting.callback?.())
    return () => {
      waiting.callback = undefined
    }
  }
  const all = waitingOn.get(signal) ?? listen(signal)
  all.add(waiting)
  return () => {
    waiting.callback = undefined
    all.delete(waiting)
  }
}

function listen(signal: AbortSignal): Set<Waiting> {
  const all = new Set<Waiting>()
  waitingOn.set(signal, all)
  signal.addEventListener(
    'abort',
    () => {
      for (const waiting of [...all]) {
        const { callback } = waiting
        waiting.callback = undefined
        callback?.()
      }
      all.clear()
    },
    { once: true },
  )
  return all
}
