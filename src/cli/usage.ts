/** What commander says about a wrong command line, on one line, in the reader's language; and its help in Chinese. */
import { Help, type HelpConfiguration, Option } from 'commander'
import type { Language } from '../base/text.ts'

/** commander's words → Chinese. The order matters: the first that fits is taken. */
const chinese: readonly (readonly [RegExp, string])[] = [
  [/^missing required argument '(.*)'$/, '缺少参数“$1”'],
  [/^option '(.*)' argument missing$/, '选项“$1”缺少取值'],
  [/^required option '(.*)' not specified$/, '缺少必填选项“$1”'],
  [/^unknown option '(.*)'$/, '没有选项“$1”'],
  [/^unknown command '(.*)'$/, '没有命令“$1”'],
  [
    /^too many arguments.* Expected (\d+) arguments? but got (\d+)\.$/,
    '参数过多：应为 $1 个，实为 $2 个',
  ],
  [
    /^option '(.*)' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/,
    '选项“$1”的取值“$2”无效，可选：$3',
  ],
  [/^option '(.*)' argument '(.*)' is invalid\. (.*)$/, '选项“$1”的取值“$2”无效：$3'],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. (.*)$/,
    '参数“$2”的取值“$1”无效：$3',
  ],
]

const titles: Readonly<Record<string, string>> = {
  'Usage:': '用法：',
  'Arguments:': '参数：',
  'Options:': '选项：',
  'Commands:': '命令：',
  'Global Options:': '全局选项：',
}

/** One line: what is wrong, and where it is explained. */
export function usageError(said: string, command: string, language: Language): string {
  return language === 'en'
    ? `error: ${usageText(said, 'en')}; see: ${command} --help\n`
    : `错误：${usageText(said, 'zh')}；参见：${command} --help\n`
}

/** What commander says is wrong, in a language. */
export function usageText(said: string, language: Language): string {
  const [first = '', ...rest] = said
    .trim()
    .replace(/^error: /, '')
    .split('\n')
  const line = (words: string): string => words.replace(/[.。]$/, '')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(rest.join(' '))?.[1]
  if (language === 'en')
    return `${line(first)}${suggestion ? ` (did you mean ${suggestion}?)` : ''}`
  const found = chinese.find(([pattern]) => pattern.test(first))
  return `${line(found ? withChoices(first.replace(found[0], found[1])) : first)}${suggestion ? `（是否为 ${suggestion}？）` : ''}`
}

/** Choices that have words come as `county (县)`: the reader's word first. */
function withChoices(line: string): string {
  const [said = '', ...choices] = line.split('可选：')
  return [
    said,
    ...choices.map((all) =>
      all.replaceAll(/([\w-]+) \((\p{Script=Han}+)\)/gu, '$2（$1）').replaceAll('）, ', '）、'),
    ),
  ].join('可选：')
}

/** How help is shown in a language. */
export function helpStyle(language: Language): HelpConfiguration {
  const plain = new Help()
  // A default that is nothing, or that the description names, is not shown.
  const described = (option: Option): string =>
    plain.optionDescription(
      option.defaultValue === '' || /default|默认/.test(option.description)
        ? Object.assign(new Option(option.flags, option.description), option, {
            defaultValue: undefined,
          })
        : option,
    )
  if (language === 'en') return { optionDescription: described }
  return {
    styleTitle: (title) => titles[title] ?? title,
    commandUsage: (command) =>
      plain.commandUsage(command).replace('[options]', '[选项]').replace('[command]', '[命令]'),
    subcommandTerm: (command) => plain.subcommandTerm(command).replace(' [options]', ' [选项]'),
    optionDescription: (option) =>
      described(option).replace(/ \((?:choices|default): .*\)$/, (extra) =>
        extra
          .replace(' (', '（')
          .replace(/\)$/, '）')
          .replace('choices: ', '可选：')
          .replace(', default: ', '；默认：')
          .replace('default: ', '默认：')
          .replaceAll('"', ''),
      ),
  }
}
