/** What kind of file it is, by its first bytes: names lie. */
import { HuxinError } from '../base/errors.ts'
import { type Text, text } from '../base/text.ts'

export type FileKind = 'workbook' | 'text'

/** First bytes → what the file is and what to do. */
const foreign: readonly {
  readonly begin: readonly number[] | string
  readonly said: (file: string) => Text
}[] = [
  {
    begin: [0xd0, 0xcf, 0x11, 0xe0],
    said: (file) =>
      text`${file} is an old workbook (.xls, .et), or one with a password: open it, take the password away, save it as .xlsx, and import that`,
  },
  { begin: '%PDF', said: (file) => text`${file} is a PDF: import the table that it was made from` },
  {
    begin: 'Rar!',
    said: (file) => text`${file} is an archive: unpack it, and import the table in it`,
  },
  {
    begin: [0x37, 0x7a, 0xbc, 0xaf],
    said: (file) => text`${file} is an archive: unpack it, and import the table in it`,
  },
  {
    begin: [0x1f, 0x8b],
    said: (file) => text`${file} is an archive: unpack it, and import the table in it`,
  },
  {
    begin: [0x89, 0x50, 0x4e, 0x47],
    said: (file) => text`${file} is a picture: import the table that it shows`,
  },
  {
    begin: [0xff, 0xd8, 0xff],
    said: (file) => text`${file} is a picture: import the table that it shows`,
  },
  {
    begin: 'MIME-Version:',
    said: (file) =>
      text`${file} is a web archive: open it in a spreadsheet program, save it as .xlsx, and import that`,
  },
]

/** @throws HuxinError argument_invalid for a file of a kind that is not read */
export function kindOf(file: string, beginning: Buffer): FileKind {
  for (const { begin, said } of foreign) {
    const bytes = typeof begin === 'string' ? Buffer.from(begin) : Buffer.from(begin)
    if (beginning.subarray(0, bytes.length).equals(bytes))
      throw new HuxinError('argument_invalid', said(file))
  }
  return beginning.subarray(0, 4).equals(Buffer.of(0x50, 0x4b, 3, 4)) ? 'workbook' : 'text'
}
