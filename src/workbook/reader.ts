/** Sheets of an .xlsx file, row by row. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { type NumberFormat, type NumberText, numberText, readFormats } from './formats.ts'
import { MergeScan, type Merges } from './merges.ts'
import { columnOf } from './place.ts'
import { readSharedStrings, type SharedStrings, unescaped } from './shared-strings.ts'
import { attribute, readXml, XmlReader } from './xml.ts'
import { damagedFile, Zip } from './zip.ts'

/** Columns beyond are named, not kept. */
const COLUMNS_MAX = 1_000
const ROW_LENGTH_MAX = 1 << 20
const SHEETS_MAX = 1_000

export interface WorkbookRow {
  /** As the spreadsheet shows it, from 1. */
  readonly line: number
  readonly cells: readonly string[]
  /** Positions of cells with the format of a date. */
  readonly dates?: ReadonlySet<number>
  /** Positions of cells that show another number than they have. */
  readonly unlike?: ReadonlySet<number>
  /** Position of the first formula without a stored value. */
  readonly uncalculated?: number
  /** Whether a column beyond the last one that is kept has something. */
  readonly wide?: true
}

/** What was met while a sheet was read. */
export interface SheetCounts {
  formulas: number
  hiddenRows: number
  /** Positions. */
  hiddenColumns: number[]
  /** Cells that have the value of the merged area they belong to. */
  merged: number
  /** Cells that show fewer decimals than they have. */
  rounded: number
}

interface Sheet {
  readonly name: string
  readonly hidden: boolean
  readonly part: string
}

export class Workbook {
  readonly #file: string
  readonly #zip: Zip
  readonly #since1904: boolean
  readonly #formats: readonly NumberFormat[]
  readonly #strings: SharedStrings
  readonly sheets: readonly Sheet[]

  private constructor(
    file: string,
    zip: Zip,
    parts: {
      since1904: boolean
      sheets: readonly Sheet[]
      formats: readonly NumberFormat[]
      strings: SharedStrings
    },
  ) {
    this.#file = file
    this.#zip = zip
    this.#since1904 = parts.since1904
    this.sheets = parts.sheets
    this.#formats = parts.formats
    this.#strings = parts.strings
  }

  /** @throws HuxinError argument_invalid for what is no whole .xlsx */
  static async open(file: string): Promise<Workbook> {
    const zip = await Zip.open(file)
    try {
      refuseOthers(file, zip)
      const root = await relations(zip, '_rels/.rels')
      const workbook =
        [...root.values()].find(({ type }) => type.endsWith('/officeDocument'))?.target ??
        'xl/workbook.xml'
      const folder = workbook.slice(0, workbook.lastIndexOf('/') + 1)
      const parts = await relations(zip, `${folder}_rels/${workbook.slice(folder.length)}.rels`)
      const partOf = (type: string): string =>
        [...parts.values()].find((part) => part.type.endsWith(`/${type}`))?.target ?? ''
      const { since1904, sheets } = await readSheets(zip, workbook, parts)
      if (sheets.length === 0) throw new Error('no sheet')
      return new Workbook(file, zip, {
        since1904,
        sheets,
        formats: await readFormats(zip.bytes(partOf('styles'))),
        strings: await readSharedStrings(zip.bytes(partOf('sharedStrings'))),
      })
    } catch (error) {
      zip.close()
      throw damagedFile(file, error)
    }
  }

  close(): void {
    this.#zip.close()
  }

  /** Bytes of a sheet, of which `onBytes` says how many were read. */
  sizeOf(sheet: Sheet): number {
    return this.#zip.sizeOf(sheet.part)
  }

  /** Rows that have a cell with something in it. @throws HuxinError argument_invalid */
  async *rows(
    sheet: Sheet,
    counts: SheetCounts,
    onBytes: (length: number) => void = () => undefined,
  ): AsyncGenerator<WorkbookRow, undefined> {
    const scan = new MergeScan()
    const rows: WorkbookRow[] = []
    try {
      let reader: XmlReader | undefined
      for await (const piece of this.#zip.bytes(sheet.part, (bytes) => scan.read(bytes))) {
        reader ??= new XmlReader(
          new SheetHandler({
            strings: this.#strings,
            formats: this.#formats,
            since1904: this.#since1904,
            merges: scan.merges,
            counts,
            onRow: (row) => rows.push(row),
          }),
        )
        reader.write(piece)
        onBytes(piece.length)
        yield* rows
        rows.length = 0
      }
      reader?.end()
    } catch (error) {
      throw damagedFile(this.#file, error)
    }
    return undefined
  }
}

function refuseOthers(file: string, zip: Zip): void {
  if (zip.has('xl/workbook.bin'))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is a binary workbook (.xlsb): save it as .xlsx, and import that`,
    )
  if (zip.has('content.xml') && zip.has('mimetype'))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is an OpenDocument file: save it as .xlsx, and import that`,
    )
  if (zip.has('word/document.xml'))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is a text document: put its table into a workbook, and import that`,
    )
  if (!zip.has('[Content_Types].xml'))
    throw new HuxinError(
      'argument_invalid',
      text`${file} is an archive: unpack it, and import the table in it`,
    )
}

interface Relation {
  readonly type: string
  readonly target: string
}

/** id → part, with the path from the root of the file. */
async function relations(zip: Zip, part: string): Promise<Map<string, Relation>> {
  const found = new Map<string, Relation>()
  const base = part.slice(0, part.indexOf('_rels/'))
  await readXml(zip.bytes(part), {
    open: (name, attributes) => {
      if (
        name !== 'Relationship' ||
        attribute(attributes, 'TargetMode') === 'External' ||
        found.size > SHEETS_MAX
      )
        return
      const target = attribute(attributes, 'Target') ?? ''
      found.set(attribute(attributes, 'Id') ?? '', {
        type: attribute(attributes, 'Type') ?? '',
        target: target.startsWith('/') ? target.slice(1) : `${base}${target}`,
      })
    },
  })
  return found
}

async function readSheets(
  zip: Zip,
  workbook: string,
  parts: ReadonlyMap<string, Relation>,
): Promise<{ since1904: boolean; sheets: Sheet[] }> {
  let since1904 = false
  const sheets: Sheet[] = []
  await readXml(zip.bytes(workbook), {
    open: (name, attributes) => {
      if (name === 'workbookPr')
        since1904 = ['1', 'true'].includes(attribute(attributes, 'date1904') ?? '')
      if (name !== 'sheet') return
      const part = parts.get(attribute(attributes, 'id') ?? '')
      const state = attribute(attributes, 'state') ?? 'visible'
      // Charts and dialogs are sheets too.
      if (part?.type.endsWith('/worksheet') && sheets.length < SHEETS_MAX)
        sheets.push({
          name: attribute(attributes, 'name') ?? '',
          hidden: state !== 'visible',
          part: part.target,
        })
    },
  })
  return { since1904, sheets }
}

interface SheetParts {
  readonly strings: SharedStrings
  readonly formats: readonly NumberFormat[]
  readonly since1904: boolean
  readonly merges: Merges
  readonly counts: SheetCounts
  readonly onRow: (row: WorkbookRow) => void
}

/** Elements of a sheet as rows. */
class SheetHandler {
  readonly #parts: SheetParts
  #line = 0
  #hidden = false
  #at = -1
  #cells: string[] = []
  #dates: Set<number> | undefined
  #unlike: Set<number> | undefined
  #uncalculated: number | undefined
  #wide = false
  #length = 0
  #type = 'n'
  #format: NumberFormat = 'general'
  #value: string | undefined
  #formula = false
  #reading: 'value' | 'inline' | undefined
  #phonetic = 0

  constructor(parts: SheetParts) {
    this.#parts = parts
  }

  readonly open = (name: string, attributes: Readonly<Record<string, string>>): void => {
    switch (name) {
      case 'row':
        return this.#openRow(attributes)
      case 'c':
        return this.#openCell(attributes)
      case 'v':
        this.#reading = 'value'
        this.#value ??= ''
        return
      case 't':
        if (this.#phonetic === 0) this.#reading = 'inline'
        this.#value ??= ''
        return
      case 'f':
        this.#formula = true
        return
      case 'col':
        return this.#openColumns(attributes)
      case 'rPh':
        this.#phonetic++
        return
      default:
    }
  }

  readonly text = (words: string): void => {
    if (this.#reading === undefined) return
    this.#length += words.length
    if (this.#length > ROW_LENGTH_MAX) throw new Error(`row ${this.#line} is too long`)
    this.#value += words
  }

  readonly close = (name: string): void => {
    switch (name) {
      case 'v':
      case 't':
        this.#reading = undefined
        return
      case 'rPh':
        this.#phonetic--
        return
      case 'c':
        return this.#closeCell()
      case 'row':
        return this.#closeRow()
      default:
    }
  }

  #openRow(attributes: Readonly<Record<string, string>>): void {
    const line = attributes['r'] === undefined ? this.#line + 1 : Number(attributes['r'])
    if (!Number.isInteger(line) || line <= this.#line || line > 1_048_576)
      throw new Error(`row ${attributes['r']} after row ${this.#line}`)
    this.#line = line
    this.#hidden = attributes['hidden'] === '1' || attributes['hidden'] === 'true'
    this.#at = -1
    this.#cells = []
    this.#dates = undefined
    this.#unlike = undefined
    this.#uncalculated = undefined
    this.#wide = false
    this.#length = 0
  }

  #openColumns({ hidden, min, max }: Readonly<Record<string, string>>): void {
    const { hiddenColumns } = this.#parts.counts
    if (hidden !== '1' && hidden !== 'true') return
    for (
      let at = Number(min) - 1;
      at < Math.min(Number(max), COLUMNS_MAX) && at >= 0 && hiddenColumns.length < COLUMNS_MAX;
      at++
    )
      hiddenColumns.push(at)
  }

  #openCell(attributes: Readonly<Record<string, string>>): void {
    const place = attributes['r']
    this.#at = place === undefined ? this.#at + 1 : columnOf(place)
    this.#type = attributes['t'] ?? 'n'
    this.#format = this.#parts.formats[Number(attributes['s'] ?? 0)] ?? 'general'
    this.#value = undefined
    this.#formula = false
  }

  #closeCell(): void {
    const at = this.#at
    if (this.#formula) this.#parts.counts.formulas++
    // A formula may well give the empty text; a number is never empty.
    if (
      this.#formula &&
      (this.#value ?? '') === '' &&
      !(this.#type === 'str' && this.#value !== undefined)
    )
      this.#uncalculated ??= at
    const cell: NumberText = this.#value === undefined ? { text: '' } : this.#cellText(this.#value)
    if (at >= COLUMNS_MAX) {
      if (cell.text.trim() !== '') this.#wide = true
      return
    }
    while (this.#cells.length < at) this.#cells.push('')
    this.#cells[at] = cell.text
    if (cell.date) (this.#dates ??= new Set()).add(at)
    if (cell.unlike) (this.#unlike ??= new Set()).add(at)
    if (cell.rounded) this.#parts.counts.rounded++
  }

  #cellText(value: string): NumberText {
    switch (this.#type) {
      case 's': {
        const words = this.#parts.strings.get(Number(value))
        if (words === undefined) throw new Error(`row ${this.#line} names a text that is not there`)
        return { text: words }
      }
      case 'inlineStr':
      case 'str':
        return { text: unescaped(value) }
      case 'b':
        return { text: value === '1' || value === 'true' ? 'TRUE' : 'FALSE' }
      case 'e':
        return { text: value }
      case 'd':
        return { text: value.replace(/T00:00:00(?:\.0+)?Z?$/, '').replace('T', ' '), date: true }
      default:
        return numberText(value, this.#format, this.#parts.since1904)
    }
  }

  #closeRow(): void {
    const { merges, counts, onRow } = this.#parts
    const blank = this.#cells.every((cell) => cell.trim() === '')
    if (!blank || this.#uncalculated !== undefined)
      counts.merged += merges.fill(this.#line, this.#cells)
    if (blank && this.#uncalculated === undefined) return
    if (this.#hidden) counts.hiddenRows++
    onRow({
      line: this.#line,
      cells: this.#cells,
      ...(this.#dates && { dates: this.#dates }),
      ...(this.#unlike && { unlike: this.#unlike }),
      ...(this.#uncalculated !== undefined && { uncalculated: this.#uncalculated }),
      ...(this.#wide && { wide: true as const }),
    })
  }
}
