/**
 * Words of the formats and services (states, tiers, kinds, standings) in the reader's language; JSON keeps them as they are.
 * The same tables read what a person types: the code, or its Chinese word.
 */
import { InvalidArgumentError, Option } from 'commander'
import { errorTable, isErrorCode } from '../base/errors.ts'
import { term } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import { kinds } from '../kinds/kinds.ts'
import { SubjectType } from '../gen/huxin/v1/record_pb.ts'
import { entrySourceName } from '../ledger/ledger.ts'
import { clientRoles } from '../ledger/register.ts'
import { tiers } from '../topology/tier.ts'
import { type Output, say } from './output.ts'

type Reader = Pick<Output, 'language'>

/** Code → Chinese words, of which the first is printed and all are read. */
export type WordList = ReadonlyMap<string, readonly string[]>

/** A list of codes with their Chinese; `also` has words that are read besides, or instead where a code has another meaning here. */
function wordList(
  codes: readonly string[],
  also: Readonly<Record<string, readonly string[]>> = {},
): WordList {
  return new Map(
    codes.map((code) => {
      const chinese = term(code).zh
      return [code, [...new Set([...(chinese === code ? [] : [chinese]), ...(also[code] ?? [])])]]
    }),
  )
}

/** Everything that an option takes as a word. */
export const wordLists = {
  subjectType: wordList(
    Object.keys(SubjectType)
      .filter((name) => /^[A-Z]/.test(name) && name !== 'UNSPECIFIED')
      .map((name) => name.toLowerCase()),
  ),
  tier: wordList(tiers),
  /** Roles of certificates. */
  role: wordList(['node', 'client', 'operator', 'auditor'], { client: ['部门客户端'] }),
  /** What a client may do. */
  clientRole: wordList(clientRoles),
  lane: wordList(['normal', 'bulk']),
  decision: wordList(['recognized', 'conditional', 'not_recognized', 'no_result']),
  kind: wordList(kinds.names),
  verdict: wordList(['accepted', 'refused'], { accepted: ['入账'], refused: ['退回'] }),
  /** What an account is divided by. */
  accountKey: new Map([
    ['node', ['上下级', '对方节点']],
    ['origin', ['报送节点']],
    ['item', ['目录项']],
    ['provider', ['数据提供单位']],
    ['day', ['日', '日期']],
    ['month', ['月', '月份']],
  ]),
  purpose: wordList(
    [
      'graded-supervision',
      'random-inspection',
      'administrative-approval',
      'mutual-recognition',
      'judicial',
    ],
    { 'mutual-recognition': ['互认'] },
  ),
} as const satisfies Readonly<Record<string, WordList>>

/** The code for what a person typed; undefined where the list has neither such a code nor such a word. */
export function codeOf(list: WordList, typed: string): string | undefined {
  const asked = typed.normalize('NFKC').trim()
  if (list.has(asked)) return asked
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[ _-]+/g, '-')
  return [...list].find(
    ([code, words]) => words.includes(asked) || plain(code) === plain(asked),
  )?.[0]
}

/** Every word of a list, with its code: `企业（enterprise）、…`. */
export function wordsIn(reader: Reader, list: WordList): string {
  return [...list]
    .map(([code, [zh]]) =>
      zh === undefined ? code : say(reader, `${code} (${zh})`, `${zh}（${code}）`),
    )
    .join(say(reader, ', ', '、'))
}

/** Reads a word of a list. @throws InvalidArgumentError with all of them, which usage.ts turns to the reader's language */
export function readWord(list: WordList, typed: string): string {
  const code = codeOf(list, typed)
  if (code === undefined)
    throw new InvalidArgumentError(`Allowed choices are ${wordsIn({ language: 'en' }, list)}.`)
  return code
}

/** Reads the words of an option that may be given again. */
export function collectWords(
  list: WordList,
): (typed: string, before: string[] | undefined) => string[] {
  return (typed, before) => [...(before ?? []), readWord(list, typed)]
}

/** An option that takes a word of a list; its help has all of them. */
export function wordOption(
  reader: Reader,
  flags: string,
  { en, zh, list }: { readonly en: string; readonly zh: string; readonly list: WordList },
): Option {
  return new Option(
    flags,
    say(reader, `${en}: ${[...list.keys()].join(', ')}`, `${zh}：${wordsIn(reader, list)}`),
  ).argParser((typed: string) => readWord(list, typed))
}

/** Option `--purpose`: a word, or a code of the catalog. */
export function purposeOption(reader: Reader, description: string): Option {
  return new Option(
    '--purpose <code>',
    say(
      reader,
      `${description}: ${[...wordLists.purpose.keys()].join(', ')} …`,
      `${description}：${wordsIn(reader, wordLists.purpose)}等`,
    ),
  ).argParser(purposeOf)
}

/** A purpose: one of those that have a word, or a code of the catalog as it is. */
export function purposeOf(typed: string): string {
  return (
    codeOf(wordLists.purpose, typed) ??
    (/^[a-z0-9][a-z0-9_/-]{0,63}$/.test(typed) ? typed : readWord(wordLists.purpose, typed))
  )
}

/** A verdict: accepted, refused, or the code of a refusal or what it means. */
export function verdictOf(typed: string): string {
  const code =
    codeOf(wordLists.verdict, typed) ??
    Object.entries(errorTable).find(([code, { meaning, meaningZh }]) =>
      [code, meaning, meaningZh].includes(typed),
    )?.[0]
  return code ?? readWord(wordLists.verdict, typed)
}

/** A verdict in words: `退回：记录不符合目录项`. */
export function verdictText(reader: Reader, verdict: string): string {
  if (verdict === 'accepted' || verdict === 'refused' || !isErrorCode(verdict))
    return word(reader, verdict)
  return say(reader, `refused: ${verdict}`, `退回：${errorTable[verdict].meaningZh}`)
}

/** Whom a catalog item names: `县级节点`, `330100 及其下级`, `全部节点`. */
export function scopeText(reader: Reader, scope: string): string {
  const [, tier, subtree] = /^(?:tier:(\w+)|(\S+)\/\*\*)$/.exec(scope) ?? []
  if (tier !== undefined) return say(reader, `every ${tier} node`, `${word(reader, tier)}级节点`)
  if (subtree !== undefined)
    return say(reader, `${subtree} and those below it`, `${subtree} 及其下级`)
  return scope === '**' ? say(reader, 'every node', '全部节点') : scope
}

/** Several in one line. */
export function listed(reader: Reader, texts: readonly string[]): string {
  return texts.join(say(reader, ', ', '、'))
}

/** A person's date: what never ends is said so. */
export function dateText(reader: Reader, date: string): string {
  return date === '9999-12-31' ? say(reader, 'no end', '长期') : date
}

/** Where an entry came from: machines and persons with their names, neighbours with theirs. */
export function sourceText(output: Reader, source: EntrySource): string {
  const name =
    source.kind === 'client' || source.kind === 'operator'
      ? readable(source.name)
      : source.kind === 'parent'
        ? ''
        : entrySourceName(source)
  const kind =
    source.kind === 'client' || source.kind === 'operator'
      ? say(output, source.kind, `本级${word(output, source.kind)}`)
      : word(output, source.kind)
  return name === '' || name === '-' ? kind : `${kind} ${name}`
}

/** A name as it was before it was percent-encoded. */
function readable(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** A word as the reader knows it; itself where there is no other. */
export function word(output: Reader, text: string): string {
  return term(text).in(output.language)
}
