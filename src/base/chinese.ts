/** The Chinese of all templates, gathered from the tables of the rooms. */
import { accountChinese } from './chinese/account.ts'
import { alarmsChinese } from './chinese/alarms.ts'
import { importChinese } from './chinese/import.ts'
import { intakeChinese } from './chinese/intake.ts'
import { systemChinese } from './chinese/system.ts'
import { workbookChinese } from './chinese/workbook.ts'

const tables: readonly Readonly<Record<string, string>>[] = [accountChinese, alarmsChinese, importChinese, intakeChinese, systemChinese, workbookChinese]

const rows: ReadonlyMap<string, string> = new Map(tables.flatMap((table) => Object.entries(table)))

/** The Chinese template for an English one; undefined where there is none. */
export function chineseOf(template: string): string | undefined {
  return rows.get(template)
}
