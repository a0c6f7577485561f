#!/usr/bin/env node
/**
 * Entry of the command `huxin`. A Node.js that is too old reads this file and node-version.ts and says so; everything else it
 * could not even read, and would answer with a stack of somebody's syntax. What cannot be loaded otherwise is said in a sentence too.
 */
import { tooOld } from './node-version.ts'
import { unloadable } from './unloadable.ts'

function end(said: string): void {
  process.stderr.write(`${said}\n`)
  process.exitCode = 2
}

const said = tooOld(process.versions.node, process.env)
if (said !== undefined) end(said)
else {
  try {
    await import('./start.ts')
  } catch (error) {
    const why = unloadable(error, process.env)
    if (why === undefined) throw error
    end(why)
  }
}
