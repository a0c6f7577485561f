/**
 * The value of a row of the class index: what decides who may have an entry, so that the log can be
 * searched for one neighbour's entries without reading those of all others. Eleven children that come
 * back after a day ask for eleven different parts of one log.
 *
 * Form, UTF-8: `<accepted|refused> <records> <origin> <child it came from | -> <target> …`.
 */
import { utf8 } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Entry } from '../batch/entry.ts'
import type { BatchHeader } from '../batch/header.ts'

export interface EntryRoute {
  readonly accepted: boolean
  /** Records that the header states. */
  readonly records: number
  /** Full name of the node where the batch was born. */
  readonly origin: string
  /** Full name of the child that handed it up; undefined when it came another way. */
  readonly child: string | undefined
  /** One to 64 targets, in the header's order. */
  readonly targets: readonly string[]
}

export function routeOf(entry: Entry, header: BatchHeader): EntryRoute {
  return {
    accepted: entry.verdict.accepted,
    records: header.records,
    origin: header.origin,
    child: entry.source.kind === 'child' ? entry.source.node : undefined,
    targets: header.lanes.map(({ target }) => target),
  }
}

export function formatRoute({ accepted, records, origin, child, targets }: EntryRoute): Uint8Array {
  return utf8(
    `${accepted ? 'accepted' : 'refused'} ${records} ${origin} ${child ?? '-'} ${targets.join(' ')}`,
  )
}

/** @throws HuxinError store_corrupt for anything that formatRoute does not write */
export function parseRoute(bytes: Uint8Array): EntryRoute {
  const [verdict, records = '', origin = '', child = '', ...targets] = Buffer.from(bytes)
    .toString()
    .split(' ')
  if (
    (verdict !== 'accepted' && verdict !== 'refused') ||
    !/^[1-9][0-9]{0,6}$/.test(records) ||
    targets.length === 0
  ) {
    throw new HuxinError(
      'store_corrupt',
      text`a row of the class index reads ${JSON.stringify(Buffer.from(bytes).toString().slice(0, 80))}; run huxin node rebuild`,
    )
  }
  return {
    accepted: verdict === 'accepted',
    records: Number(records),
    origin,
    child: child === '-' ? undefined : child,
    targets,
  }
}
