/** Inputs for parsers: arbitrary bytes, valid ones that were changed, and valid ones joined at any place. */
import { utf8 } from '../../src/base/bytes.ts'
import type { SeededRandom } from '../../src/base/random.ts'

/** Texts on which parsers of texts, numbers, JSON, base64 and protobuf have stumbled. */
const TOKENS = [
  '\n',
  '\n\n',
  ' ',
  '  ',
  '\t',
  '\r',
  '\0',
  '\x7f',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\u3000',
  '浙',
  '\ud83d\ude00',
  '—',
  '— ',
  '-',
  '+',
  '=',
  '==',
  '/',
  '..',
  '%',
  '#',
  '"',
  '\\',
  "'",
  '=== ',
  '=== end\n',
  '\n=== ',
  '0',
  '00',
  '-0',
  '1',
  '-1',
  '0x10',
  '1e9',
  '1_0',
  'NaN',
  'Infinity',
  '٣',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551616',
  '99999999999999999999999999999999',
  '0001-01-01',
  '9999-12-31',
  '2026-02-30T25:61:61Z',
  '-271821-04-20',
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  'A'.repeat(43) + '=',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '{}',
  '[]',
  'null',
  'true',
  '[[[[',
  '{"a":',
  '"\\u0000"',
  '**',
  '/**',
  'none',
  'any',
  'all',
  'quorum',
  'index ',
  'extra ',
  'old ',
  'line\n'.repeat(70),
  'x'.repeat(300),
].map(utf8)

/** `seeds`: valid inputs of one parser. */
export function mutated(seeds: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  const kind = random.below(12)
  if (kind === 0) return random.fill(new Uint8Array(random.below(300)))
  const bytes = Buffer.from(random.pick(seeds))
  if (kind === 1) {
    const other = Buffer.from(random.pick(seeds))
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length + 1)),
      other.subarray(random.below(other.length + 1)),
    ])
  }
  return changed(bytes, random)
}

/** One to four changes: bytes, bits, tokens, pieces removed, doubled, moved. */
export function changed(input: Buffer, random: SeededRandom): Buffer {
  let bytes = input
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(bytes.length + 1)
    const to = Math.min(
      bytes.length,
      at + random.pick([0, 1, 1, 2, 4, 16, 64, random.below(bytes.length + 1)]),
    )
    const [before, piece, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, to),
      bytes.subarray(to),
    ]
    const kind = random.below(7)
    if (kind === 0)
      bytes = Buffer.concat([before, random.fill(new Uint8Array(piece.length)), after])
    else if (kind === 1)
      bytes = Buffer.concat([
        before,
        random.pick(TOKENS),
        random.below(2) === 0 ? after : bytes.subarray(at),
      ])
    else if (kind === 2) bytes = Buffer.concat([before, after])
    else if (kind === 3) bytes = Buffer.concat([before, piece, piece, after])
    else if (kind === 4) bytes = Buffer.concat([before, after, piece])
    else if (kind === 5) bytes = bytes.subarray(0, at)
    else if (bytes.length > 0) {
      bytes = Buffer.from(bytes)
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    }
  }
  return bytes.length > 300_000 ? bytes.subarray(0, 300_000) : bytes
}

/** A text of which one word, or one line, is another. */
export function otherWord(text: string, random: SeededRandom): string {
  const words = text.split(/( |\n)/)
  const at = random.below(words.length)
  words[at] = random.below(3) === 0 ? '' : Buffer.from(random.pick(TOKENS)).toString()
  return words.join('')
}
