import t from 'tap'
import { oneLine, printable } from '../../src/base/printable.ts'

t.test(
  'what could drive a terminal is shown as an escape, and everything else stays',
  async (t) => {
    const rows = [
      ['状态 ok, 浙信〔2026〕1号 𠮷', '状态 ok, 浙信〔2026〕1号 𠮷'],
      ['\x1b[2J no alarms', '\\u{1b}[2J no alarms'],
      ['a\rb\x07', 'a\\u{d}b\\u{7}'],
      ['\x9b31m', '\\u{9b}31m'],
      ['\u202ecod.exe', '\\u{202e}cod.exe'],
      ['\ud800x\udc00', '\\u{d800}x\\u{dc00}'],
      ['one\n\ttwo', 'one\n\ttwo'],
    ] as const
    for (const [text, wanted] of rows) t.equal(printable(text), wanted)
    t.equal(oneLine('one\n\ntwo\tthree\x1b'), 'one two three\\u{1b}')
  },
)
