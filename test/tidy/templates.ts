/** All templates of texts in the program, found by a scan of its sources. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Template {
  /** Path below src, and line. */
  readonly place: string
  /** The English with numbered places, as `templateOf` gives it. */
  readonly template: string
  /** The code in each place. */
  readonly values: readonly string[]
}

/** Every template with the tag `text` below `src`. */
export async function templatesOf(src: string): Promise<readonly Template[]> {
  const paths = (await readdir(src, { recursive: true }))
    .filter((path) => path.endsWith('.ts') && !/^gen\/|^base\/text\.ts$/.test(path))
    .sort()
  return (
    await Promise.all(
      paths.map(async (path) => templatesIn(await readFile(join(src, path), 'utf8'), path)),
    )
  ).flat()
}

/** The templates of one source, those within places too. */
export function templatesIn(source: string, path: string): Template[] {
  const found: Template[] = []
  for (const { index } of source.matchAll(
    /(?<![\w`'.]|(?<!\breturn|\bawait|\bthrow) (?<=\w ))text`/g,
  )) {
    const { parts, values } = readTemplate(source, index + 'text`'.length)
    const template = parts.reduce((all, part, i) => `${all}{${i - 1}}${part}`)
    found.push({ place: `${path}:${source.slice(0, index).split('\n').length}`, template, values })
  }
  return found
}

/** Reads from behind the first backtick to the last one of the same template. */
function readTemplate(
  source: string,
  start: number,
): { parts: string[]; values: string[]; end: number } {
  const parts: string[] = []
  const values: string[] = []
  let part = ''
  let at = start
  for (; source[at] !== '`'; at++) {
    if (at >= source.length) throw new Error(`the template at ${start} does not end`)
    if (source[at] === '\\') part += escapes[source[++at]!] ?? source[at]!
    else if (source.startsWith('${', at)) {
      const end = endOfPlace(source, at + 2)
      values.push(source.slice(at + 2, end))
      parts.push(part)
      part = ''
      at = end
    } else part += source[at]
  }
  return { parts: [...parts, part], values, end: at }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t' }

/** Where the brace is that ends a place. */
function endOfPlace(source: string, start: number): number {
  let depth = 0
  for (let at = start; at < source.length; at++) {
    const char = source[at]!
    if (char === '`') at = readTemplate(source, at + 1).end
    else if (char === "'" || char === '"') at = endOfString(source, at)
    else if (char === '{') depth++
    else if (char === '}' && depth-- === 0) return at
  }
  throw new Error(`the place at ${start} does not end`)
}

function endOfString(source: string, start: number): number {
  let at = start + 1
  while (source[at] !== source[start]) at += source[at] === '\\' ? 2 : 1
  return at
}
