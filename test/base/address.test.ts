import t from 'tap'
import { formatAddress, isDialable, parseAddress } from '../../src/base/address.ts'

t.test('host and port, IPv6 in brackets', async (t) => {
  for (const [text, host, port, canonical] of [
    ['127.0.0.1:7443', '127.0.0.1', 7443, undefined],
    ['node.example:1', 'node.example', 1, undefined],
    ['[::1]:7443', '::1', 7443, undefined],
    ['[::]:0', '::', 0, undefined],
    ['::1:7443', '::1', 7443, '[::1]:7443'],
    [':::7443', '::', 7443, '[::]:7443'],
    ['[2001:db8::8]:65535', '2001:db8::8', 65_535, undefined],
  ] as const) {
    t.same(parseAddress(text), { host, port }, text)
    t.equal(formatAddress({ host, port }), canonical ?? text)
  }
  t.same(
    ['[::1]:7443', '10.0.0.8:7443', 'node.example:7443', '::1:7443', ':::7443'].map(isDialable),
    [true, true, true, false, false],
  )
})
