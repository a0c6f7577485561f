/**
 * File handles. Each connection takes one, and so does each file of the database: where connections may take the last, the
 * database cannot open a file and closes. So a node starts only where both fit.
 */
import { readFile } from 'node:fs/promises'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { handshakesOf } from './budgets.ts'
import type { NodeConfig } from './config.ts'

/** The database's files, keys, evidence, a backup, certificates, standard output, what the platform itself has open. */
const RESERVE = 160
/** A default below this would serve nobody. */
const CONNECTIONS_MIN = 64

/** How many handles this process may have; undefined where the system does not say (it is not Linux). */
export async function handleLimit(): Promise<number | undefined> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1]
  return soft === undefined ? undefined : Number(soft)
}

/** Handles that a node takes with as many connections as it may have. */
export function handlesOf({
  connectionsMax,
  audit,
}: Pick<NodeConfig, 'connectionsMax' | 'audit'>): number {
  return connectionsMax * (audit ? 2 : 1) + handshakesOf(connectionsMax) + RESERVE
}

/**
 * The configuration with connections that fit the limit. Only a number that nobody chose is made smaller.
 * @throws HuxinError config_invalid
 */
export function fitHandles(config: NodeConfig, limit: number | undefined): NodeConfig {
  const wanted = handlesOf(config)
  if (limit === undefined || wanted <= limit) return config
  let rest = Math.max(0, limit - RESERVE)
  while (rest > 0 && handlesOf({ ...config, connectionsMax: rest }) > limit) rest--
  if (!config.connectionsChosen && rest >= CONNECTIONS_MIN)
    return { ...config, connectionsMax: rest }
  const least = handlesOf({ ...config, connectionsMax: CONNECTIONS_MIN })
  throw new HuxinError(
    'config_invalid',
    text`connectionsMax ${config.connectionsMax} takes ${wanted} file handles, this process may have ${limit}: raise the limit (ulimit -n ${wanted}, or LimitNOFILE=${wanted} in the service)${rest >= 1 ? text`, or set connectionsMax to ${rest} or less` : text`, at least to ${least} with a smaller connectionsMax`}`,
  )
}
