/** Writes .xlsx files of moderate size: texts that no spreadsheet program takes for formulas, numbers, lists to choose from. */
import { type Zippable, zipSync } from 'fflate'
import { columnLetters } from './place.ts'

/** How the cells of a column are typed. A text is left as it is typed: no code becomes a number. */
export type CellFormat = 'text' | 'date' | 'general'

export interface WrittenColumn {
  /** In characters. */
  readonly width: number
  readonly format: CellFormat
  /** What is shown beside a cell of the column when it is chosen, at most 255 characters. */
  readonly prompt?: string
  /** Values to choose from; others are asked about and taken. */
  readonly choices?: readonly string[]
}

export interface WrittenSheet {
  readonly name: string
  readonly columns: readonly WrittenColumn[]
  readonly rows: readonly (readonly (string | number)[])[]
}

const TIME = new Date(Date.UTC(2026, 0, 1))
const ROWS = 1_048_576
const FORMATS: readonly CellFormat[] = ['text', 'date', 'general']
/** Styles of cells, then those of the first row. */
const styleOf = (format: CellFormat, header: boolean): number =>
  1 + FORMATS.indexOf(format) + (header ? FORMATS.length : 0)

/** The file. The first row of each sheet is its header, which stays in sight. The same sheets give the same bytes. */
export function workbookBytes(sheets: readonly WrittenSheet[]): Uint8Array {
  const choices = sheets.flatMap(({ columns }) =>
    columns.flatMap((column) => (column.choices ? [column.choices] : [])),
  )
  const lists = choices.length === 0 ? [] : [listSheet(choices)]
  const all = [...sheets, ...lists]
  const parts: Record<string, string> = {
    '[Content_Types].xml': contentTypes(all.length),
    '_rels/.rels': relationships([['rId1', 'officeDocument', 'xl/workbook.xml']]),
    'xl/workbook.xml': workbookPart(all, lists.length > 0),
    'xl/_rels/workbook.xml.rels': relationships([
      ...all.map((_, i): Relationship => [
        `rId${i + 1}`,
        'worksheet',
        `worksheets/sheet${i + 1}.xml`,
      ]),
      [`rId${all.length + 1}`, 'styles', 'styles.xml'],
    ]),
    'xl/styles.xml': STYLES,
  }
  for (const [i, sheet] of all.entries())
    parts[`xl/worksheets/sheet${i + 1}.xml`] = sheetPart(sheet, choices)
  const encoder = new TextEncoder()
  const zippable: Zippable = Object.fromEntries(
    Object.entries(parts).map(([name, xml]) => [
      name,
      [
        encoder.encode(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${xml}`),
        { mtime: TIME },
      ],
    ]),
  )
  return zipSync(zippable)
}

const LISTS = 'lists'

/** Choices stand in a hidden sheet, because a list in the rule itself has 255 characters and no commas. */
function listSheet(choices: readonly (readonly string[])[]): WrittenSheet {
  const longest = Math.max(...choices.map(({ length }) => length))
  return {
    name: LISTS,
    columns: choices.map(() => ({ width: 20, format: 'text' })),
    rows: Array.from({ length: longest }, (_, row) => choices.map((list) => list[row] ?? '')),
  }
}

type Relationship = readonly [id: string, type: string, target: string]

function relationships(all: readonly Relationship[]): string {
  const lines = all.map(
    ([id, type, target]) =>
      `<Relationship Id="${id}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${type}" Target="${target}"/>`,
  )
  return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${lines.join('')}</Relationships>`
}

function contentTypes(sheets: number): string {
  const main = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
  const parts = Array.from(
    { length: sheets },
    (_, i) =>
      `<Override PartName="/xl/worksheets/sheet${i + 1}.xml" ContentType="${main}.worksheet+xml"/>`,
  )
  return (
    `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
    `<Override PartName="/xl/workbook.xml" ContentType="${main}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${main}.styles+xml"/>${parts.join('')}</Types>`
  )
}

const SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

function workbookPart(sheets: readonly WrittenSheet[], hidesLast: boolean): string {
  const lines = sheets.map(
    ({ name }, i) =>
      `<sheet name="${escaped(name)}" sheetId="${i + 1}"${hidesLast && i === sheets.length - 1 ? ' state="hidden"' : ''} r:id="rId${i + 1}"/>`,
  )
  return `<workbook ${SPREADSHEET} xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>${lines.join('')}</sheets></workbook>`
}

/** Format 49 is text, 164 the date; the header is bold on grey. */
const STYLES =
  `<styleSheet ${SPREADSHEET}><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>` +
  '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>' +
  '<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFD9E2EC"/><bgColor indexed="64"/></patternFill></fill></fills>' +
  '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>' +
  `<cellXfs count="7"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>${[49, 164, 0].map((id) => `<xf numFmtId="${id}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`).join('')}` +
  `${[0, 1, 2].map(() => '<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1"/>').join('')}</cellXfs>` +
  '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'

function sheetPart(
  { columns, rows }: WrittenSheet,
  choices: readonly (readonly string[])[],
): string {
  const widths = columns.map(
    ({ width, format }, at) =>
      `<col min="${at + 1}" max="${at + 1}" width="${width}" style="${styleOf(format, false)}" customWidth="1"/>`,
  )
  const lines = rows.map(
    (cells, i) =>
      `<row r="${i + 1}">${cells.map((cell, at) => cellXml(cell, `${columnLetters(at)}${i + 1}`, styleOf(columns[at]?.format ?? 'general', i === 0))).join('')}</row>`,
  )
  const rules = columns.flatMap((column, at) => rule(column, at, choices))
  return (
    `<worksheet ${SPREADSHEET}><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>` +
    `<cols>${widths.join('')}</cols><sheetData>${lines.join('')}</sheetData>${rules.length === 0 ? '' : `<dataValidations count="${rules.length}">${rules.join('')}</dataValidations>`}</worksheet>`
  )
}

function cellXml(cell: string | number, place: string, style: number): string {
  if (cell === '') return ''
  if (typeof cell === 'number') return `<c r="${place}" s="${style}"><v>${cell}</v></c>`
  return `<c r="${place}" s="${style}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`
}

function rule(
  { prompt, choices: list }: WrittenColumn,
  at: number,
  choices: readonly (readonly string[])[],
): string[] {
  if (prompt === undefined && !list) return []
  const letters = columnLetters(at)
  const shown =
    prompt === undefined ? '' : ` showInputMessage="1" prompt="${escaped(prompt.slice(0, 255))}"`
  const range = `sqref="${letters}2:${letters}${ROWS}"`
  if (!list) return [`<dataValidation allowBlank="1"${shown} ${range}/>`]
  const from = columnLetters(choices.indexOf(list))
  return [
    `<dataValidation type="list" errorStyle="warning" allowBlank="1" showErrorMessage="1"${shown} ${range}><formula1>${LISTS}!$${from}$1:$${from}$${list.length}</formula1></dataValidation>`,
  ]
}

/** What XML cannot have is written as spreadsheet programs do. */
function escaped(words: string): string {
  return words
    .replace(/_(?=x[0-9A-Fa-f]{4}_)/g, '_x005F_')
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      (one) => `_x${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`,
    )
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
}
