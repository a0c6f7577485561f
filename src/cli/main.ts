#!/usr/bin/env node
/** Entry of the command `huxin`. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { runCli } from './program.ts'

// What the library would print beside a command's own error says the same in other words.
if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 4))
// Nobody is left to be told.
process.stderr.on('error', () => undefined)

process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env })
