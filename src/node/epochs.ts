/** Runs a node through its epochs: when the next one is in its folder, it is started anew with it. */
import { Node, type NodeOptions } from './node.ts'

/**
 * Resolves when the node is closed after `stopped` resolved.
 * @param onStart called for each start of an epoch
 * @throws HuxinError as Node.start
 */
export async function runEpochs(
  options: NodeOptions,
  stopped: Promise<'stopped'>,
  onStart: (node: Node) => void,
): Promise<void> {
  for (let next = options; ;) {
    const node = await Node.start(next)
    onStart(node)
    const why = await Promise.race([stopped, node.succeeded])
    const { listen, audit } = next.config
    // Children know the port, also when the system chose it.
    next = {
      ...next,
      config: {
        ...next.config,
        listen: { ...listen, port: node.port },
        audit: audit && { ...audit, port: node.auditPort },
      },
    }
    await node.close()
    if (why === 'stopped') {
      options.log.info({}, 'node is stopped')
      return
    }
  }
}
