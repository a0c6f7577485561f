/**
 * Codes of bodies and numbers of persons as cells have them. Width, case, blanks and what a spreadsheet wraps around a code are
 * taken away where what is left is certainly the code. What is wrong is pointed at: by place and character, and never
 * by quoting the code, since a terminal is read by others.
 */
import { bilingual, type Text } from '../base/text.ts'
import { citizenIdFault, hasCitizenIdShape, isCitizenId } from '../record/citizen-id.ts'
import { codePoint } from '../record/damage.ts'
import { faultTable } from '../record/fault.ts'
import { latin1 } from '../record/latin1.ts'
import { codeCell, damagedIdentifier, damageTable, unwrapped } from '../record/text.ts'
import { strangeCharacter, usccDoubt, usccFault } from '../record/uscc.ts'

export interface Said {
  readonly code: string
  readonly text: Text
}

export interface CodeReading {
  readonly code?: string
  readonly fault?: Said
  readonly notices?: readonly Said[]
}

export type CodeType = 'uscc' | 'citizen_id'

const INNER = /[\s\u00a0\u00ad\u200b-\u200f\u2060\ufeff]+/g

/**
 * Reads the cell of a code.
 * @param verbatim no spreadsheet had the file: digits that end in 000 are what they are
 */
export function readCode(type: CodeType, cell: string, verbatim = false): CodeReading {
  const inner = unwrapped(cell)
  const damage = damagedIdentifier(inner ?? cell)
  // A text in a spreadsheet keeps all its digits.
  if (
    damage === 'spreadsheet_scientific' ||
    (damage === 'spreadsheet_rounded' && inner === undefined && !verbatim)
  ) {
    return { fault: { code: damage, text: bilingual(...damageTable[damage]) } }
  }
  const written = codeCell(inner ?? cell)
  const code = written.replace(INNER, '')
  const notices: Said[] = inner === undefined ? [] : [notes.wrapped]
  if (code !== written) {
    if (!isGood(type, code)) return { fault: blankAt(written) }
    notices.push(notes.blanks)
  }
  const fault = type === 'uscc' ? usccFaultOf(code) : citizenFaultOf(code)
  if (fault) return { fault }
  const doubt = type === 'uscc' ? usccDoubt(code) : undefined
  if (doubt)
    notices.push({ code: doubt, text: bilingual(faultTable[doubt][0], faultTable[doubt][1]) })
  return { code, notices }
}

function isGood(type: CodeType, code: string): boolean {
  return type === 'uscc' ? usccFault(code) === undefined : citizenIdFault(code) === undefined
}

const notes = {
  wrapped: {
    code: 'excel_wrapping',
    text: bilingual(
      'the apostrophe or ="…" of a spreadsheet was taken away',
      '已去除电子表格的撇号或 ="…"',
    ),
  },
  blanks: {
    code: 'inner_blank',
    text: bilingual(
      'blanks inside the code were taken away; its check is right',
      '已去除代码中间的空格，校验无误',
    ),
  },
} as const satisfies Record<string, Said>

/** A fault of the table with more behind it. */
function tabled(code: 'uscc_form' | 'citizen_id_form', en: string, zh: string): Said {
  return {
    code,
    text: bilingual(
      `${faultTable[code][0].split(':')[0]}: ${en}`,
      `${faultTable[code][1].split('：')[0]}：${zh}`,
    ),
  }
}

function plainFault(code: keyof typeof faultTable): Said {
  return { code, text: bilingual(faultTable[code][0], faultTable[code][1]) }
}

function usccFaultOf(code: string): Said | undefined {
  if (isCitizenId(code)) return plainFault('code_personal')
  if (/\p{Script=Han}/u.test(code))
    return tabled('uscc_form', 'the cell holds a name and no code', '单元格里是名称，不是代码')
  if (/^\d{15}$/.test(code)) return plainFault('registration_number_legacy')
  if (/^[0-9A-Z]{8}-?[0-9X]$/.test(code)) return plainFault('organization_code_legacy')
  const at = strangeCharacter(code)
  if (at >= 0) return strangeAt('uscc_form', code, at, at >= 2 && at <= 7)
  const { length } = [...code]
  if (length !== 18)
    return tabled(
      'uscc_form',
      `it has ${length} characters, 18 are wanted`,
      `共 ${length} 位，应为 18 位`,
    )
  const fault = usccFault(code)
  if (fault === undefined || fault === 'uscc_form') return fault && plainFault(fault)
  const bytes = latin1(code)
  if (bytes && hasCitizenIdShape(bytes, 0, bytes.length)) {
    return {
      code: fault,
      text: bilingual(
        `${faultTable[fault][0]}; it looks like the number of a person, and this column wants the code of a body`,
        `${faultTable[fault][1]}；疑似公民身份号码，本列应填机构代码`,
      ),
    }
  }
  return plainFault(fault)
}

function citizenFaultOf(code: string): Said | undefined {
  if (/^\d{15}$/.test(code)) return plainFault('citizen_id_legacy')
  const at = [...code]
    .slice(0, 18)
    .findIndex((one, i) => !(/\d/.test(one) || (i === 17 && one === 'X')))
  if (at >= 0) return strangeAt('citizen_id_form', code, at, true)
  const { length } = [...code]
  if (length !== 18)
    return tabled(
      'citizen_id_form',
      `it has ${length} characters, 18 are wanted`,
      `共 ${length} 位，应为 18 位`,
    )
  const fault = citizenIdFault(code)
  return fault && plainFault(fault)
}

/** Letters that GB 32100 leaves out, and what they are mistaken for. */
const LIKE_DIGITS: Readonly<Record<string, string>> = {
  O: '0',
  I: '1',
  Z: '2',
  S: '5',
  L: '1',
  Q: '0',
  D: '0',
  B: '8',
}
/** Letters of other alphabets that look like those of ours. */
const LIKE_LETTERS: Readonly<Record<string, string>> = {
  А: 'A',
  В: 'B',
  С: 'C',
  Е: 'E',
  Н: 'H',
  К: 'K',
  М: 'M',
  О: '0',
  Р: 'P',
  Т: 'T',
  Х: 'X',
  У: 'Y',
  Ι: '1',
  Α: 'A',
  Β: 'B',
  Ε: 'E',
  Η: 'H',
  Κ: 'K',
  Μ: 'M',
  Ν: 'N',
  Ο: '0',
  Ρ: 'P',
  Τ: 'T',
  Χ: 'X',
  Υ: 'Y',
}

function strangeAt(
  code: 'uscc_form' | 'citizen_id_form',
  text: string,
  at: number,
  digitsOnly: boolean,
): Said {
  const one = [...text][at]!
  const point = one.codePointAt(0)!
  const like =
    LIKE_LETTERS[one] ?? (digitsOnly || /[OISZ]/.test(one) ? LIKE_DIGITS[one] : undefined)
  const name = point > 0x20 && point < 0x7f ? `"${one}"` : codePoint(point)
  const zhName = point > 0x20 && point < 0x7f ? `“${one}”` : codePoint(point)
  const hint = like === undefined ? ['', ''] : [`; is ${like} meant?`, `，是否应为 ${like}？`]
  return tabled(
    code,
    `character ${at + 1} is ${name}, ${digitsOnly ? 'a digit is wanted there' : 'which no code has'}${hint[0]}`,
    `第 ${at + 1} 位是${zhName}，${digitsOnly ? '此处应为数字' : '代码中不使用该字符'}${hint[1]}`,
  )
}

function blankAt(written: string): Said {
  const at = [...written].findIndex((one) => one.replace(INNER, '') === '')
  return {
    code: 'inner_blank',
    text: bilingual(
      `character ${at + 1} is a blank or invisible, and without it this is no right code`,
      `第 ${at + 1} 位是空格或不可见字符，去掉后也不是正确的代码`,
    ),
  }
}
