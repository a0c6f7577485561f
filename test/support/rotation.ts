/** Federations in which a node freezes its log and begins the next epoch. */
import type { SignedTree } from '../../src/log/log.ts'
import type { TestFederation } from './federation.ts'

export const ACT = { actor: '张三', reason: '计划内更换密钥', document: '测〔2026〕20号' }

/** Freezes the log of a node and starts the next epoch as `huxin node start` does. @returns the last tree of the frozen log */
export async function rotate(
  federation: TestFederation,
  id: string,
  options: { keepKeys?: boolean } = {},
): Promise<SignedTree> {
  const node = federation.node(id)
  const tree = await node.rotation.rotate(ACT, { kind: 'self' }, options)
  await succeeded(federation, id)
  await federation.restart(id)
  return tree
}

/** Waits until the folder of a node holds its next epoch. */
export async function succeeded(federation: TestFederation, id: string): Promise<void> {
  let ready = false
  void federation.node(id).succeeded.then(() => {
    ready = true
  })
  await federation.until(`the next epoch of ${id} is there`, () => ready)
}

/** Waits until a node serves in an epoch, and every node that runs knows of it. */
export async function inEpoch(
  federation: TestFederation,
  id: string,
  epoch: number,
): Promise<void> {
  await federation.until(
    `${id} serves in epoch ${epoch}`,
    () =>
      federation.node(id).context.epoch === epoch &&
      federation.node(id).state === 'serving' &&
      [...federation.nodes.values()].every(
        ({ context }) => context.ledger().federation.member(id)?.epoch === epoch,
      ),
  )
}
