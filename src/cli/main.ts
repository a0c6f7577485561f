#!/usr/bin/env node
/** Entry of the command `huxin`. */
import { runCli } from './program.ts'

process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env })
