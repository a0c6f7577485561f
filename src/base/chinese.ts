/** The Chinese of all templates, gathered from the tables of the rooms. */
import { accountChinese } from './chinese/account.ts'
import { alarmChinese } from './chinese/alarm.ts'
import { archiveChinese } from './chinese/archive.ts'
import { baseChinese } from './chinese/base.ts'
import { batchChinese } from './chinese/batch.ts'
import { cliChinese } from './chinese/cli.ts'
import { clientChinese } from './chinese/client.ts'
import { commitChinese } from './chinese/commit.ts'
import { evidenceChinese } from './chinese/evidence.ts'
import { exchangeChinese } from './chinese/exchange.ts'
import { filesChinese } from './chinese/files.ts'
import { foreignChinese } from './chinese/foreign.ts'
import { fsckChinese } from './chinese/fsck.ts'
import { importChinese } from './chinese/import.ts'
import { intakeChinese } from './chinese/intake.ts'
import { kindsChinese } from './chinese/kinds.ts'
import { ledgerChinese } from './chinese/ledger.ts'
import { logChinese } from './chinese/log.ts'
import { lookupChinese } from './chinese/lookup.ts'
import { membersChinese } from './chinese/members.ts'
import { merkleChinese } from './chinese/merkle.ts'
import { nodeChinese } from './chinese/node.ts'
import { noteChinese } from './chinese/note.ts'
import { operatorsChinese } from './chinese/operators.ts'
import { pkiChinese } from './chinese/pki.ts'
import { publishChinese } from './chinese/publish.ts'
import { queryChinese } from './chinese/query.ts'
import { recognitionChinese } from './chinese/recognition.ts'
import { recordChinese } from './chinese/record.ts'
import { rightsChinese } from './chinese/rights.ts'
import { serviceChinese } from './chinese/service.ts'
import { storeChinese } from './chinese/store.ts'
import { systemChinese } from './chinese/system.ts'
import { termsChinese } from './chinese/terms.ts'
import { topologyChinese } from './chinese/topology.ts'
import { uplinkChinese } from './chinese/uplink.ts'
import { verdictChinese } from './chinese/verdict.ts'
import { wireChinese } from './chinese/wire.ts'
import { witnessChinese } from './chinese/witness.ts'
import { workbookChinese } from './chinese/workbook.ts'

const tables: readonly Readonly<Record<string, string>>[] = [
  accountChinese,
  alarmChinese,
  archiveChinese,
  baseChinese,
  batchChinese,
  cliChinese,
  clientChinese,
  commitChinese,
  evidenceChinese,
  exchangeChinese,
  filesChinese,
  fsckChinese,
  importChinese,
  intakeChinese,
  kindsChinese,
  ledgerChinese,
  logChinese,
  lookupChinese,
  membersChinese,
  merkleChinese,
  nodeChinese,
  noteChinese,
  operatorsChinese,
  pkiChinese,
  publishChinese,
  queryChinese,
  recognitionChinese,
  recordChinese,
  rightsChinese,
  serviceChinese,
  storeChinese,
  systemChinese,
  topologyChinese,
  uplinkChinese,
  verdictChinese,
  wireChinese,
  witnessChinese,
  workbookChinese,
]

const rows: ReadonlyMap<string, string> = new Map(tables.flatMap((table) => Object.entries(table)))

/** The Chinese template for an English one; undefined where there is none. */
export function chineseOf(template: string): string | undefined {
  return rows.get(template)
}

/** What a library said, in Chinese; undefined where nobody knows it. The codes of the system are looked for too. */
export function chineseOfForeign(said: string): string | undefined {
  const code = /\bE[A-Z_]{3,}\b/.exec(said)?.[0]
  const meaning = code === undefined ? undefined : rows.get(code)
  return meaning === undefined
    ? foreignChinese.find(([pattern]) => pattern.test(said))?.[1]
    : `${meaning}（${code}）`
}

/** The Chinese of a word of the formats; undefined where it has none. */
export function chineseOfTerm(code: string): string | undefined {
  return Object.hasOwn(termsChinese, code) ? termsChinese[code] : undefined
}

/** Every row, also one whose English stands twice; for the test that compares them with the program. */
export function chineseRows(): readonly (readonly [english: string, chinese: string])[] {
  return tables.flatMap((table) => Object.entries(table))
}
