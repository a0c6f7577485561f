/** Words of the formats and services (states, tiers, kinds, standings) in the reader's language; JSON keeps them as they are. */
import { term } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { entrySourceName } from '../ledger/ledger.ts'
import type { Output } from './output.ts'

/** Where an entry came from: machines and persons with their names, neighbours with theirs. */
export function sourceText(output: Pick<Output, 'language'>, source: EntrySource): string {
  const name = source.kind === 'client' || source.kind === 'operator' ? readable(source.name) : source.kind === 'parent' ? '' : entrySourceName(source)
  return name === '' || name === '-' ? word(output, source.kind) : `${word(output, source.kind)} ${name}`
}

/** A name as it was before it was percent-encoded. */
function readable(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** A word as the reader knows it; itself where there is no other. */
export function word(output: Pick<Output, 'language'>, text: string): string {
  return term(text).in(output.language)
}
