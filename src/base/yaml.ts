/**
 * YAML that somebody else wrote: settings of a folder, profiles of departments, catalogs. The parser calls itself for each
 * level of nesting, and a process that runs out of stack inside a regular expression is ended by V8, which nobody
 * catches. So levels are counted first, by the parser's own lexer, which does not.
 */
import { Lexer, parse } from 'yaml'
import { HuxinError } from './errors.ts'
import { text } from './text.ts'

/** Lists and tables in each other; columns that a line may be indented. */
const LEVELS_MAX = 64
const INDENT_MAX = 256

/**
 * The value of a text.
 * @throws HuxinError argument_invalid for one that is nested too deep, and the parser's error for one that is no YAML
 */
export function parseYaml(source: string): unknown {
  checkLevels(source)
  return parse(source)
}

function checkLevels(source: string): void {
  let [line, marks] = [1, 0]
  // Marks that stood before each bracket that is open: between brackets a comma ends those behind it, and no new line does.
  const brackets: number[] = []
  for (const token of new Lexer().lex(source)) {
    if (token === '\n' || token === '\r\n')
      [line, marks] = [line + 1, brackets.length > 0 ? marks : 0]
    else if (token === '[' || token === '{') brackets.push(marks)
    else if (token === ']' || token === '}') marks = brackets.pop() ?? 0
    else if (token === ',') marks = brackets.at(-1) ?? 0
    else if (token === '-' || token === '?' || token === ':') marks++
    if (brackets.length + marks > LEVELS_MAX || (token.length > INDENT_MAX && /^ +$/.test(token))) {
      throw new HuxinError(
        'argument_invalid',
        text`line ${line} is nested too deep: lists and tables stand in each other ${LEVELS_MAX} times at most`,
      )
    }
  }
}
