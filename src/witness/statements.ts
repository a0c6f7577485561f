/** Member statements for readers outside, who know nothing but a root key. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { parseBody, recordAt } from '../batch/body.ts'
import { parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import type { EvidencePart } from '../evidence/file.ts'
import { parseNote } from '../note/note.ts'
import { bodyKey, classKey, entryKey, indexAtEnd } from '../store/keys.ts'
import { type MemberStatement, parseStatement } from '../topology/member.ts'
import type { Context } from '../commit/context.ts'

/**
 * Parts `statement`: the whole chains of these members and of everyone whom their statements name as
 * parent, in the order of the log here, which is the order in which each follows from those before it.
 */
export async function showStatements(
  context: Context,
  names: ReadonlySet<string>,
): Promise<EvidencePart[]> {
  const all = await statementsInOrder(context)
  const wanted = new Set(names)
  for (let size = -1; size !== wanted.size;) {
    size = wanted.size
    for (const {
      statement: { member, parent },
    } of all)
      if (parent !== undefined && wanted.has(member)) wanted.add(parent)
  }
  return all
    .filter(({ statement: { member } }) => wanted.has(member))
    .map(({ statement: { member, serial }, bytes }) => ({
      name: `statement ${member} ${serial}`,
      bytes,
    }))
}

async function statementsInOrder(
  context: Context,
): Promise<{ statement: MemberStatement; bytes: Uint8Array }[]> {
  const found = new Map<string, { statement: MemberStatement; bytes: Uint8Array }>()
  for (const [key] of await context.store.range({
    gte: classKey('control', 0n),
    lt: classKey('amendment', 0n),
  })) {
    const index = indexAtEnd(key)
    const [entryBytes, stored] = await context.store.getMany([entryKey(index), bodyKey(index)])
    if (!entryBytes || !stored)
      throw new HuxinError(
        'store_corrupt',
        text`entry ${index} is missing from the store; run huxin fsck`,
      )
    const entry = parseEntry(entryBytes)
    if (!entry.verdict.accepted || parseHeaderNote(entry.header).header.kind !== 'member') continue
    const body = parseBody(stored)
    for (let i = 0; i < body.count; i++) {
      const bytes = recordAt(body, i)
      if (!bytes) continue
      const statement = parseStatement(parseNote(bytes).text)
      const name = `${statement.member} ${statement.serial}`
      if (!found.has(name)) found.set(name, { statement, bytes })
    }
  }
  return [...found.values()]
}
