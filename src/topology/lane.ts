/** Names of lanes (报送序列): `<origin> <epoch> <target> <class>`. */
import { parseTarget } from './target.ts'
import { COUNT } from './member.ts'
import { NODE_NAME } from './tier.ts'

/** Classes in order of priority: a class never waits behind a later one. */
export const batchClasses = ['control', 'amendment', 'normal', 'bulk'] as const
export type BatchClass = (typeof batchClasses)[number]

export interface LaneName {
  readonly origin: string
  readonly epoch: number
  readonly target: string
  readonly batchClass: BatchClass
}

export function laneKey(origin: string, epoch: number, target: string, batchClass: string): string {
  return `${origin} ${epoch} ${target} ${batchClass}`
}

/** Undefined for anything but the text of laneKey. */
export function parseLaneKey(text: string): LaneName | undefined {
  const [origin = '', epoch = '', target = '', batchClass = '', ...rest] = text.split(' ')
  if (
    !NODE_NAME.test(origin) ||
    !COUNT.test(epoch) ||
    epoch === '0' ||
    !parseTarget(target) ||
    rest.length > 0
  )
    return undefined
  if (!(batchClasses as readonly string[]).includes(batchClass)) return undefined
  return { origin, epoch: Number(epoch), target, batchClass: batchClass as BatchClass }
}
