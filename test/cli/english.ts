/** Finds English sentences in what is said in Chinese. */

/** What is typed or is a name stands as it is: commands, options, paths, keys, codes. */
const TYPED = /huxin [a-z]+(?: [a-z]+)?|--?[a-z-]+|<[^>]*>|\[[^\]]*\]|\S*[/.@=_]\S*/g

/** Lines with three English words one behind the other, but for what is typed. */
export function english(text: string): string[] {
  return text
    .split('\n')
    .filter(
      (line) =>
        !/^\s*(?:huxin|用法)/.test(line) &&
        /(?:(?:^|[\s（“：])[A-Za-z][a-z']+){3}(?![-\w])/.test(line.replaceAll(TYPED, ' · ')),
    )
}

/** Names that stand in Chinese text as they are, and what tests write into records. */
const NAMES = new Set(['huxin', 'sha', 'utf', 'csv', 'xlsx', 'json', 'ndjson', 'transport'])

/** English words in columns and sentences: single ones count too, where they are lower-case and no name, code or command. */
export function englishWords(text: string, allowed: readonly string[] = []): string[] {
  const plain = text
    .replaceAll(/huxin [a-z]+(?: [a-z]+)*/g, ' ')
    .replaceAll(
      /"[^"]*"|告警代码 [^）]*|--[a-z-]+|\b[0-9a-f]{8,}\b|[（(][a-z]+(?:[-_][a-z]+)*[）)]/g,
      ' ',
    )
    .replaceAll(/\S*[/.@=_+:-]\S*/g, ' ')
  const words = [...plain.matchAll(/(?<![\w'-])[a-z]{3,}(?![\w'-])/g)].map(([word]) => word)
  return [...new Set(words)].filter((word) => !NAMES.has(word) && !allowed.includes(word))
}
