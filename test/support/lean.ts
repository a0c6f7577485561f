/**
 * Loaded before a test file by the runner (`--import`): tap's hook on every promise does nothing.
 *
 * tap follows each promise and timer (async-hook-domain) to say which subtest an error belongs to that nobody caught. Node then keeps a record of
 * every promise until it is collected: a fifth of the processor time of this suite. Without it such an error still
 * fails the file: Node ends it, tap counts the subtest as unfinished, and standard error has the stack (test/tidy/run.test.ts).
 */
import hooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const none: hooks.AsyncHook = { enable: () => none, disable: () => none }
hooks.createHook = () => none
syncBuiltinESMExports()
