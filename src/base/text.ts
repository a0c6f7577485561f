/**
 * Texts for people, in English and Chinese. A text keeps its template and its values apart, as gettext does:
 *
 *   text`the file has no column ${name}`   →   the file has no column NAME   ·   文件缺少“NAME”列
 *
 * The Chinese stands in `chinese/<room>.ts`, under the English with numbered places (`the file has no column {0}`), and
 * may have the places in another order. A value may be a text itself, an error, or a list of these. A test gathers
 * every template of the program and fails where one has no Chinese, or other places. Never put a translated word into a
 * value as a string: nest a text, so that it follows the language.
 */
import { chineseOf, chineseOfForeign, chineseOfTerm } from './chinese.ts'

export type Language = 'zh' | 'en'

/** What a place of a template takes. Strings are data (names, numbers, codes, file names) and stand as they are in both languages. */
export type TextValue = string | number | bigint | boolean | Text | Error | readonly TextValue[]

/** What is said to people: a text in both languages, or data without a language. */
export type Said = string | Text

/** One text in both languages. Immutable; the words are put together when they are asked for. */
export class Text {
  readonly #render: (language: Language) => string
  readonly #values: readonly TextValue[]

  constructor(render: (language: Language) => string, values: readonly TextValue[] = []) {
    this.#render = render
    this.#values = values
  }

  /** What stands in the places of the template, in English, for programs. */
  get values(): readonly string[] {
    return this.#values.map((value) => rendered(value, 'en'))
  }

  get en(): string {
    return this.#render('en')
  }

  get zh(): string {
    return this.#render('zh')
  }

  in(language: Language): string {
    return this.#render(language)
  }

  /** English, for logs of programmers and comparisons. */
  toString(): string {
    return this.en
  }
}

/** The text of a template: what stands between its places is looked up for the Chinese. */
export function text(parts: TemplateStringsArray, ...values: readonly TextValue[]): Text {
  return new Text((language) => {
    const template = language === 'zh' ? chineseOf(templateOf(parts)) : undefined
    if (template !== undefined)
      return template.replace(/\{(\d+)\}/g, (_place, number: string) =>
        rendered(values[Number(number)] ?? '', language),
      )
    return parts.reduce((said, part, i) => said + rendered(values[i - 1] ?? '', language) + part)
  }, values)
}

/** The English with numbered places, under which the Chinese stands. */
export function templateOf(parts: readonly string[]): string {
  return parts.reduce((template, part, i) => `${template}{${i - 1}}${part}`)
}

/** A text whose two languages are there already: from a peer, from a table. */
export function bilingual(en: string, zh: string): Text {
  return new Text((language) => (language === 'zh' ? zh : en))
}

const separators = {
  ', ': '、',
  '; ': '；',
  ' ': '',
  '\n': '\n',
  ' and ': '和',
  ' or ': '或',
} as const

/** Several texts as one. */
export function joined(values: readonly TextValue[], separator: keyof typeof separators): Text {
  return new Text((language) =>
    values
      .map((value) => rendered(value, language))
      .join(language === 'zh' ? separators[separator] : separator),
  )
}

/** The same text with something done to its words in each language, for example cut. */
export function mapped(said: Said, change: (words: string) => string): Text {
  return new Text((language) => change(rendered(said, language)))
}

/** A value in a language. */
export function rendered(value: TextValue, language: Language): string {
  if (value instanceof Text) return value.in(language)
  if (value instanceof Error) return textOf(value).in(language)
  if (typeof value === 'object') return joined(value, ', ').in(language)
  return String(value)
}

/** What anything thrown says. Errors of the system and of libraries have Chinese by their codes and words, where those are known. */
export function textOf(error: unknown): Text {
  if (error instanceof Error && 'text' in error && error.text instanceof Text) return error.text
  return foreign(error instanceof Error ? error.message : String(error))
}

/** A word of the formats (a status, a tier, an action) as people read it; itself where it has no Chinese. */
export function term(code: string): Text {
  return bilingual(code, chineseOfTerm(code) ?? code)
}

/** What other software said in English. */
export function foreign(said: string): Text {
  return new Text((language) => (language === 'zh' ? chineseOfForeign(said) : undefined) ?? said)
}
