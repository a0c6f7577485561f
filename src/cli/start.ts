/** Runs the command `huxin`; loaded by main.ts, once the program that runs it is known to be new enough. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { systemClock } from '../base/clock.ts'
import { runCli } from './program.ts'

/** Milliseconds that what was printed may take to go out. */
const LINGER_MS = 3_000

// What the library would print beside a command's own error says the same in other words.
if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : 4),
)
// Nobody is left to be told.
process.stderr.on('error', () => undefined)

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
})

// A connection attempt that somebody answers with silence has no end of its own, and would keep the process.
systemClock.after(LINGER_MS, () => process.exit())
