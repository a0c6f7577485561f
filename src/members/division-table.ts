/**
 * Whether a neighbour has the same table of divisions. Every node judges divisions by its own table, so that with two of
 * them what one takes the next may refuse. Older programs do not say theirs.
 */
import { text } from '../base/text.ts'
import type { Context } from '../commit/context.ts'
import { divisionsVersion } from '../record/divisions.ts'

/** What any program calls its table; whatever else is said is nothing that a person can compare. */
const VERSION_NAME = /^[a-z0-9][a-z0-9.-]{0,39}$/

/** Raises or ends the alarm; call it with what a neighbour says of its table, '' when it says nothing. */
export function compareDivisionTable(
  { alarms }: Pick<Context, 'alarms'>,
  neighbour: string,
  theirs: string,
): void {
  if (theirs === '' || theirs === divisionsVersion) return alarms.clear('divisions', neighbour)
  alarms.raise(
    'divisions',
    neighbour,
    VERSION_NAME.test(theirs)
      ? text`${neighbour} has the table of divisions ${theirs}, this node ${divisionsVersion}: what one of them takes the other may refuse`
      : text`${neighbour} has another table of divisions than this node (${divisionsVersion}) and does not say which: what one of them takes the other may refuse`,
  )
}
