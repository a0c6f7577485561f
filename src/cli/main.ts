#!/usr/bin/env node
/**
 * Entry of the command `huxin`. A Node.js that is too old reads this file and node-version.ts and says so; everything else it
 * could not even read, and would answer with a stack of somebody's syntax.
 */
import { tooOld } from './node-version.ts'

const said = tooOld(process.versions.node, process.env)
if (said === undefined) await import('./start.ts')
else {
  process.stderr.write(`${said}\n`)
  process.exitCode = 2
}
