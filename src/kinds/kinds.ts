/**
 * Room `kinds`: a file for each kind of batch, and their table. Whoever adds a kind writes its file, a line here and its
 * word in `base/chinese/terms.ts`; door, ledger, index, fsck, rebuild and command line read the table.
 */
import { KindTable } from '../batch/kinds.ts'
import type { Kinds } from '../verdict/kind.ts'
import { access } from './access.ts'
import { act } from './act.ts'
import { amendment } from './amendment.ts'
import { catalog } from './catalog.ts'
import { evaluation } from './evaluation.ts'
import { freeze } from './freeze.ts'
import { heads } from './heads.ts'
import { member } from './member.ts'
import { recognition } from './recognition.ts'
import { record } from './record.ts'
import { register } from './register.ts'
import { revocation } from './revocation.ts'

/** In the order in which they are listed to people. */
export const allKinds = [
  member,
  catalog,
  freeze,
  register,
  revocation,
  amendment,
  evaluation,
  recognition,
  record,
  heads,
  access,
  act,
]

/** The kinds of this version. */
export const kinds: Kinds = new KindTable(allKinds)
