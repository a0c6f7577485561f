import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { base64, fromHex, hex, utf8 } from '../../src/base/bytes.ts'
import { type ErrorCode, isHuxinError } from '../../src/base/errors.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { leafHash, rootOfLeaves } from '../../src/merkle/hash.ts'
import { proveInclusionInMemory } from '../../src/merkle/proof.ts'
import {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from '../../src/note/checkpoint.ts'
import { addSignatureLines, cosign, verifyCosignatureLine } from '../../src/note/cosignature.ts'
import {
  formatSignerKey,
  formatVkey,
  generateSigner,
  keyId,
  parseSignerKey,
  parseVkey,
} from '../../src/note/key.ts'
import {
  formatNote,
  parseNote,
  parseSignatureLine,
  signatureLine,
  signNote,
  verifyNote,
} from '../../src/note/note.ts'
import { openCosignedCheckpoint, parsePolicy, quorumReached } from '../../src/note/policy.ts'
import { formatTlogProof, parseTlogProof, verifyTlogProof } from '../../src/note/tlog-proof.ts'

// golang.org/x/mod/sumdb/note, note_test.go. The private keys here and below are published for tests.
const peterVkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const peterKey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const enochVkey = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
const goText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const peterLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='
const enochLine =
  '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ='

// transparency-dev/trillian-tessera, testdata/log and testdata/build_log.sh.
const logVkey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
const logKey =
  'PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg'
const logOrigin = 'example.com/log/testdata'
const logEntries =
  'one two three four five six seven eit nain ten ileven twelf threeten fourten fivten'
    .split(' ')
    .map(utf8)
const logArena = Buffer.concat(logEntries.map(leafHash))
const emptyLogNote =
  'example.com/log/testdata\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n' +
  '— example.com/log/testdata M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=\n'
const size3Text = 'example.com/log/testdata\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n'
const size3Note =
  `${size3Text}\n` +
  '— example.com/log/testdata M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=\n'
const wit1Seed = Buffer.from('AeadRiG7XM4XiieCHzD8lxysXMwcViy5nYsoXURWGrlE', 'base64').subarray(1)
const wit1Line =
  '— Wit1 mz+y1QAAAABkGFDLuA/qs4toUQd1DYJvf5+953bHolyMPEjtAW1Gw3cw3klXIvwfYEC4KmOr+qGIVtee6DsZAbOLzQHa//mZky0QBw=='

// FiloSottile/sunlight, cmd/skylight/testdata/witness.
const romeNote =
  'rome2026h1.example.org\n300\nlCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=\n\n' +
  '— rome2026h1.example.org kVB1JgAAAZtxtEwABAMARzBFAiEAi+mTa2xjL1IdWpH82OeciGsGvwRAP+f1WkfKaSZCfFECIHoNPZ/Q3y6UNzvKOO9cuLr6V16vPNfhwhle9f6r5H/Z\n' +
  '— witness.example.org uKLPIAAAAABpVGeAhm2bOvKc3LaB9PFN1ruG19Y5yqslmcAAbhftnn1Zznmo0LXFZq4LGvqKqLX8jWlwLKasxEGTLIqAVusneCBmBw==\n'
const romeWitness = 'witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN'

const note = (text: string, ...lines: readonly string[]): Uint8Array =>
  utf8(`${text}\n${lines.map((line) => `${line}\n`).join('')}`)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const seedOf = (name: string): Uint8Array => createHash('sha256').update(name).digest()

function throwsCode(
  t: Test,
  code: ErrorCode,
  act: () => unknown,
  title: string,
  message?: RegExp,
): void {
  try {
    act()
    t.fail(`${title}: nothing was thrown`)
  } catch (error) {
    t.ok(isHuxinError(error, code), `${title}: ${String(error)}`)
    if (message) t.match(String(error), message, title)
  }
}

t.test('the example of the signed-note specification verifies', async (t) => {
  const verifier = parseVkey(
    'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  )
  const bytes = note(
    'This is an example message.\n',
    '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=',
  )
  const opened = verifyNote(parseNote(bytes), [verifier])
  t.equal(opened.text, 'This is an example message.\n')
  t.equal(opened.verified[0]?.keyId, 0x530d903a)
})

t.test('signing with a published key gives the published note', async (t) => {
  const signer = parseSignerKey(peterKey)
  t.equal(signer.vkey, peterVkey)
  t.equal(text(signNote(goText, [signer])), `${goText}\n${peterLine}\n`)
  t.equal(
    formatSignerKey(
      'PeterNeumann',
      'ed25519',
      Buffer.from(peterKey.split('+').slice(4).join('+'), 'base64').subarray(1),
    ),
    peterKey,
  )
})

t.test('a signature by an unknown key is ignored and by a known key must verify', async (t) => {
  const [peter, enoch] = [parseVkey(peterVkey), parseVkey(enochVkey)]
  const both = parseNote(note(goText, peterLine, enochLine))
  t.same(
    verifyNote(both, [peter]).verified.map(({ line }) => line),
    [peterLine],
  )
  t.same(
    verifyNote(both, [peter, enoch]).verified.map(({ line }) => line),
    [peterLine, enochLine],
  )
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(both, []),
    'no key is known',
    /wanted none, found PeterNeumann, EnochRoot/,
  )
  const inserted = `${peterLine.slice(0, 58)}ABCD${peterLine.slice(58)}`
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(parseNote(note(goText, inserted)), [peter]),
    'a known key signed wrongly',
  )
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(parseNote(note(goText, enochLine, inserted)), [peter, enoch]),
    'one good and one bad',
  )
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(parseNote(note(goText, peterLine, inserted)), [peter]),
    'a bad second line of one key',
  )
  t.doesNotThrow(
    () => verifyNote(parseNote(note(goText, enochLine, inserted)), [enoch]),
    'a bad line of an unknown key',
  )
  throwsCode(
    t,
    'signature_invalid',
    () =>
      verifyNote(parseNote(note(goText, peterLine.replace('PeterNeumann', 'CarmenSandiego'))), [
        peter,
      ]),
    'another name',
  )
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(parseNote(note(goText, peterLine.replace('x08g', 'xxxx'))), [peter]),
    'another key id',
  )
})

t.test('a key counts once, however often its signature stands there', async (t) => {
  const repeated = parseNote(note(goText, peterLine, peterLine, enochLine, peterLine))
  t.same(
    verifyNote(repeated, [parseVkey(peterVkey)]).verified.map(({ line }) => line),
    [peterLine],
  )
})

t.test('a note is split at its last empty line', async (t) => {
  const signer = generateSigner('x', 'ed25519', seedOf('x'))
  const inner = `first\n\n— x ${base64(Buffer.alloc(68))}\n`
  const bytes = signNote(inner, [signer])
  t.equal(parseNote(bytes).text, inner)
  t.equal(parseNote(bytes).signatures.length, 1)
  t.equal(verifyNote(parseNote(bytes), [parseVkey(signer.vkey)]).text, inner)
  t.equal(parseNote(note('abc\n\n', peterLine)).text, 'abc\n\n')
  t.equal(parseNote(note('\n', peterLine)).text, '\n')
})

t.test('malformed notes are refused with a reason', async (t) => {
  const cases: readonly (readonly [title: string, bytes: Uint8Array | string, reason: RegExp])[] = [
    ['nothing', '', /no empty line/],
    ['text only', goText, /no empty line/],
    ['no signature', `${goText}\n`, /line feed|signature line/],
    ['no final line feed', `${goText}\n${peterLine}`, /does not end with a line feed/],
    ['control character', `\x01${goText}\n${peterLine}\n`, /control character/],
    ['tab', `a\tb\n\n${peterLine}\n`, /control character/],
    ['carriage return', `a\r\n\n${peterLine}\n`, /control character/],
    ['not UTF-8', Buffer.concat([Buffer.from([0xff]), note(goText, peterLine)]), /not UTF-8/],
    [
      'overlong UTF-8',
      Buffer.concat([Buffer.from([0xc0, 0x80]), note(goText, peterLine)]),
      /not UTF-8/,
    ],
    [
      'a surrogate',
      Buffer.concat([Buffer.from([0xed, 0xa0, 0x80]), note(goText, peterLine)]),
      /not UTF-8/,
    ],
    [
      'space in a name',
      note(goText, peterLine.replace('PeterNeumann', 'Bad Name')),
      /signature line/,
    ],
    [
      'ideographic space in a name',
      note(goText, peterLine.replace('PeterNeumann', 'Bad\u3000Name')),
      /signature line/,
    ],
    [
      'next line U+0085 in a name',
      note(goText, peterLine.replace('PeterNeumann', 'Bad\u0085Name')),
      /signature line/,
    ],
    [
      'plus in a name',
      note(goText, peterLine.replace('PeterNeumann', 'Bad+Name')),
      /signature line/,
    ],
    ['no name', note(goText, peterLine.replace('PeterNeumann', '')), /signature line/],
    ['line without dash', note(goText, peterLine, 'Unexpected line.'), /signature line/],
    ['hyphen for dash', note(goText, peterLine.replace('—', '-')), /signature line/],
    ['trailing space', note(goText, `${peterLine} `), /signature line/],
    ['two spaces', note(goText, peterLine.replace('— ', '—  ')), /signature line/],
    ['base64 without padding', note(goText, peterLine.slice(0, -1)), /canonical base64/],
    ['base64 with stray bits', note(goText, peterLine.replace('AM=', 'AN=')), /canonical base64/],
    ['base64 for URLs', note(goText, peterLine.replaceAll('/', '_')), /canonical base64/],
    ['a key id alone', note(goText, '— x AAAAAA=='), /canonical base64/],
    ['no signature bytes', note(goText, '— x '), /canonical base64/],
    [
      'too many lines',
      note(goText, ...Array.from({ length: 65 }, () => peterLine)),
      /65 signature lines, at most 64/,
    ],
    ['too many bytes', note(`${'a'.repeat(65_536)}\n`, peterLine), /at most 65536/],
  ]
  for (const [title, bytes, reason] of cases) {
    throwsCode(
      t,
      'note_malformed',
      () => parseNote(typeof bytes === 'string' ? utf8(bytes) : bytes),
      title,
      reason,
    )
  }
  t.equal(
    parseNote(note(goText, ...Array.from({ length: 64 }, () => peterLine))).signatures.length,
    64,
  )
})

t.test('a valid note with any one byte raised is refused', async (t) => {
  const verifiers = [parseVkey(peterVkey), parseVkey(enochVkey)]
  const valid = note(goText, peterLine)
  t.doesNotThrow(() => verifyNote(parseNote(valid), verifiers))
  for (let i = 0; i < valid.length; i++) {
    const bytes = Buffer.from(valid)
    bytes[i] = bytes[i]! + 1
    t.throws(
      () => verifyNote(parseNote(bytes), verifiers),
      { name: 'HuxinError', code: /^(note_malformed|signature_invalid)$/ },
      `byte ${i}`,
    )
  }
  for (let length = 0; length < valid.length; length++) {
    t.throws(
      () => verifyNote(parseNote(valid.subarray(0, length)), verifiers),
      { code: /^(note_malformed|signature_invalid)$/ },
      `cut to ${length}`,
    )
  }
})

t.test('a text that no reader would accept is not signed', async (t) => {
  const signer = parseSignerKey(peterKey)
  for (const bad of ['', 'abc', 'a\tb\n', 'a\rb\n', '\0\n'])
    throwsCode(t, 'argument_invalid', () => signNote(bad, [signer]), JSON.stringify(bad))
  t.equal(text(formatNote('浙江\n', ['— x y'])), '浙江\n\n— x y\n')
})

t.test('a signature line is its name, key id and signature', async (t) => {
  const line = signatureLine('zj.example/330000', 0x01020304, Uint8Array.of(5, 6))
  t.equal(line, '— zj.example/330000 AQIDBAUG')
  t.same(parseSignatureLine(line), {
    name: 'zj.example/330000',
    keyId: 0x01020304,
    signature: Buffer.from([5, 6]),
    line,
  })
})

t.test('key ids and vkeys are the published ones', async (t) => {
  for (const vkey of [peterVkey, enochVkey, logVkey, romeWitness]) {
    const verifier = parseVkey(vkey)
    t.equal(formatVkey(verifier.name, verifier.type, verifier.publicKey), vkey)
    t.equal(keyId(verifier.name, verifier.type, verifier.publicKey), verifier.keyId)
  }
  t.equal(parseVkey(romeWitness).type, 'cosignature')
  t.equal(parseVkey(logVkey).type, 'ed25519')
  const wit1 = generateSigner('Wit1', 'cosignature', wit1Seed)
  t.equal(wit1.keyId, 0x9b3fb2d5)
  t.equal(
    generateSigner('Wit1', 'ed25519', wit1Seed).vkey,
    'Wit1+55ee4561+AVhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk',
  )
})

t.test('mangled vkeys and signer keys are refused, and never quoted', async (t) => {
  for (const [key, parse] of [
    [peterVkey, parseVkey],
    [peterKey, parseSignerKey],
  ] as const) {
    let accepted = 0
    let quoted = 0
    const attempt = (mangled: string): void => {
      try {
        parse(mangled)
        accepted++
      } catch (error) {
        if (!isHuxinError(error, 'note_malformed')) throw error
        if (error.message.includes('AYEKFALV')) quoted++
      }
    }
    for (let from = 0; from <= key.length; from++) {
      for (let to = from + 1; to <= key.length; to++)
        if (from !== 0 || to !== key.length) attempt(key.slice(from, to))
    }
    for (let i = 0; i < key.length; i++)
      attempt(key.slice(0, i) + String.fromCharCode(key.charCodeAt(i) + 1) + key.slice(i + 1))
    attempt(`${key}\n`)
    attempt(` ${key}`)
    t.equal(accepted, 0, key.slice(0, 12))
    t.equal(quoted, 0)
  }
  throwsCode(
    t,
    'note_malformed',
    () => parseVkey('PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='),
    'wrong length, right id',
  )
  throwsCode(
    t,
    'note_malformed',
    () => parseVkey('PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'),
    'unknown algorithm, right id',
  )
  throwsCode(
    t,
    'note_malformed',
    () => parseVkey(peterVkey.replace('c74f20a3', 'C74F20A3')),
    'upper-case id',
  )
})

t.test('degenerate public keys are refused when configured', async (t) => {
  const points = [
    '0100000000000000000000000000000000000000000000000000000000000000', // the identity
    '0100000000000000000000000000000000000000000000000000000000000080',
    '0000000000000000000000000000000000000000000000000000000000000000', // order 4
    '0000000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // order 2
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', // not canonical
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  ]
  for (const point of points)
    throwsCode(
      t,
      'note_malformed',
      () => parseVkey(formatVkey('x', 'ed25519', fromHex(point)!)),
      point,
      /degenerate/,
    )
})

t.test('Ed25519 verdicts are those of Go for a key of mixed order', async (t) => {
  const verifier = parseVkey(
    formatVkey(
      'x',
      'ed25519',
      fromHex('678c8edde71e8f4dd2d05c673807d7951ab5e93763a16363f14a1812c7bd8fac')!,
    ),
  )
  const signature = fromHex(
    '032bc2b7e1cf18bd44686ac76094ea4c80547a461de1dea46055e5059f8df8dfb65ed101a84ad476d3b3715c03644f9564a48c92b0d84ea8ae9736cd99e59005',
  )!
  t.equal(signature.length, 64)
  t.equal(verifier.verify(utf8('hi'), signature), false)
})

t.test('keys are made only of good names and whole seeds', async (t) => {
  for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u0085b', 'a\u2003b', 'a\x01b'])
    throwsCode(t, 'argument_invalid', () => generateSigner(name, 'ed25519'), JSON.stringify(name))
  for (const length of [0, 31, 33])
    throwsCode(
      t,
      'argument_invalid',
      () => generateSigner('x', 'ed25519', new Uint8Array(length)),
      `${length} bytes`,
    )
  t.not(
    generateSigner('x', 'ed25519').vkey,
    generateSigner('x', 'ed25519').vkey,
    'two new keys differ',
  )
  const signer = generateSigner('浙.example/330000', 'ed25519')
  const verifier = parseVkey(signer.vkey)
  const signature = signer.sign(utf8('hi'))
  t.equal(verifier.verify(utf8('hi'), signature), true)
  t.equal(verifier.verify(utf8('ii'), signature), false)
  t.equal(verifier.verify(utf8('hi'), signature.subarray(1)), false)
  t.equal(verifier.verify(utf8('hi'), Buffer.concat([signature, signature])), false)
})

t.test('checkpoints of the published log verify, and signing gives the same bytes', async (t) => {
  const verifier = parseVkey(logVkey)
  const signer = parseSignerKey(logKey)
  const empty = openCheckpoint(utf8(emptyLogNote), [verifier], logOrigin)
  t.equal(empty.size, 0n)
  t.equal(text(signCheckpoint(empty, signer)), emptyLogNote)
  const three = openCheckpoint(utf8(size3Note), [verifier], logOrigin)
  t.same(three, { origin: logOrigin, size: 3n, root: rootOfLeaves(logArena.subarray(0, 96)) })
  t.equal(text(signCheckpoint(three, signer)), size3Note)
  const roots: Record<number, string> = {
    1: '0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=',
    2: 'T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=',
    4: 'zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=',
    5: 'gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=',
    6: 'a6sWvsc2eEzmj72vah7mZ5dwFltivehh2b11qwlp5Jg=',
    7: 'IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=',
    14: 'SvCd38yNade7xEPY1a/aAc1M3A2AHYVF8lIiUnsH1ao=',
    15: 'rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=',
  }
  for (const [size, root] of Object.entries(roots))
    t.equal(base64(rootOfLeaves(logArena.subarray(0, Number(size) * 32))), root, `size ${size}`)
})

t.test(
  'the checkpoint of C2SP issue 99 verifies as corrected and not as first written',
  async (t) => {
    const origin =
      'sigsum.org/v1/tree/e796172b92befd62d9dc67e41c2f5bc9d3100a3023b20b1ca40288dd1c679e69'
    const body = `${origin}\n10\nHA5HAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n`
    const rest =
      '0n8F8olcerUF1FFdv235A/5as/coWrpLrtE7ovMeP5whgwouYExowG/lTznxu6OUGjjt5yJQ6bXtTcf718MqAQ='
    const verifier = parseVkey(
      formatVkey(
        origin,
        'ed25519',
        fromHex('66e0b858e462a609e66fe71370c816d8846ff103d5499a22a7fec37fdbc424a7')!,
      ),
    )
    t.equal(verifier.keyId, 0x809da1a3)
    t.equal(openCheckpoint(note(body, `— ${origin} gJ2ho${rest}`), [verifier], origin).size, 10n)
    throwsCode(
      t,
      'signature_invalid',
      () => openCheckpoint(note(body, `— ${origin} pOZUn${rest}`), [verifier], origin),
      'wrong key id',
    )
    const seed = Buffer.alloc(32)
    seed[0] = 0x11
    t.equal(
      text(signNote(body, [generateSigner(origin, 'ed25519', seed)])),
      text(note(body, `— ${origin} gJ2ho${rest}`)),
    )
  },
)

t.test('only canonical checkpoints are read', async (t) => {
  const root = base64(Buffer.alloc(32, 7))
  t.same(parseCheckpoint(`zj.example/330000/1\n9223372036854775807\n${root}\n`), {
    origin: 'zj.example/330000/1',
    size: 2n ** 63n - 1n,
    root: Buffer.alloc(32, 7),
  })
  t.equal(formatCheckpoint({ origin: 'o', size: 5n, root: Buffer.alloc(32, 7) }), `o\n5\n${root}\n`)
  const refused: readonly (readonly [text: string, reason: RegExp])[] = [
    ['', /0 lines/],
    [`o\n5\n${root}`, /2 lines/],
    [`o\n5\n${root}\nextension\n`, /no extension lines/],
    [`o\n5\n${root}\n\n`, /4 lines/],
    [`\n5\n${root}\n`, /no origin/],
    [`${'浙'.repeat(86)}\n5\n${root}\n`, /no origin of 1 to 255 bytes/],
    [`o\n05\n${root}\n`, /no canonical size/],
    [`o\n0x10\n${root}\n`, /no canonical size/],
    [`o\n-1\n${root}\n`, /no canonical size/],
    [`o\n+1\n${root}\n`, /no canonical size/],
    [`o\n5 \n${root}\n`, /no canonical size/],
    [`o\n\n${root}\n`, /no canonical size/],
    [`o\n9223372036854775808\n${root}\n`, /no canonical size/],
    [`o\n5\n${root.slice(0, -1)}\n`, /no root/],
    [`o\n5\n${base64(Buffer.alloc(31))}\n`, /no root/],
    [`o\n5\n${base64(Buffer.alloc(33))}\n`, /no root/],
    [`o\n5\n${root.slice(0, -2)}d=\n`, /no root/],
    [`o\n0\n${root}\n`, /empty tree/],
  ]
  for (const [body, reason] of refused)
    throwsCode(
      t,
      'note_malformed',
      () => parseCheckpoint(body),
      JSON.stringify(body.slice(0, 30)),
      reason,
    )
})

t.test('a checkpoint of another log, or only cosigned, is refused', async (t) => {
  const log = parseVkey(logVkey)
  const signer = generateSigner('Wit1', 'cosignature', wit1Seed)
  const witness = parseVkey(signer.vkey)
  throwsCode(
    t,
    'signature_invalid',
    () => openCheckpoint(utf8(size3Note), [log], 'example.com/other'),
    'another origin',
    /not of example.com\/other/,
  )
  const cosigned = addSignatureLines(utf8(size3Note), [wit1Line])
  t.equal(openCheckpoint(cosigned, [log, witness], logOrigin).size, 3n)
  throwsCode(
    t,
    'signature_invalid',
    () => openCheckpoint(cosigned, [witness], logOrigin),
    'the log is not known',
    /not signed by its log/,
  )
  const wrong = addSignatureLines(utf8(size3Note), [
    cosign(size3Text.replace('3', '4'), signer, 1n),
  ])
  t.equal(openCheckpoint(wrong, [log], logOrigin).size, 3n, 'an unknown cosigner is ignored')
  throwsCode(
    t,
    'signature_invalid',
    () => openCheckpoint(wrong, [log, witness], logOrigin),
    'a known cosigner must verify',
  )
})

t.test('a cosignature binds time and checkpoint, big-endian', async (t) => {
  const signer = generateSigner('Wit1', 'cosignature', wit1Seed)
  const verifier = parseVkey(signer.vkey)
  t.equal(cosign(size3Text, signer, 1_679_315_147n), wit1Line)
  const line = parseSignatureLine(wit1Line)
  t.equal(line.signature.length, 72)
  t.equal(hex(line.signature.subarray(0, 8)), '00000000641850cb')
  t.same(verifyCosignatureLine(size3Text, line, verifier), { timeSeconds: 1_679_315_147n })
  t.equal(
    verifyCosignatureLine(size3Text.replace('\n3\n', '\n4\n'), line, verifier),
    undefined,
    'another checkpoint',
  )
  t.equal(
    verifyCosignatureLine(`${size3Text}extension\n`, line, verifier),
    undefined,
    'an extension line',
  )
  const moved = Buffer.from(line.signature)
  moved[7] = moved[7]! + 1
  t.equal(
    verifyCosignatureLine(size3Text, { ...line, signature: moved }, verifier),
    undefined,
    'another time',
  )
  const reversed = Buffer.concat([
    Buffer.from(line.signature.subarray(0, 8)).reverse(),
    line.signature.subarray(8),
  ])
  t.equal(
    verifyCosignatureLine(size3Text, { ...line, signature: reversed }, verifier),
    undefined,
    'little-endian',
  )
  t.equal(
    verifyCosignatureLine(size3Text, { ...line, name: 'Wit2' }, verifier),
    undefined,
    'another name',
  )
  t.equal(
    verifyCosignatureLine(size3Text, { ...line, signature: line.signature.subarray(8) }, verifier),
    undefined,
    'no time',
  )
  const late = parseSignatureLine(cosign(size3Text, signer, 2n ** 63n))
  t.equal(verifyCosignatureLine(size3Text, late, verifier), undefined, 'a time of 2^63')
  t.same(
    verifyCosignatureLine(
      size3Text,
      parseSignatureLine(cosign(size3Text, signer, 2n ** 63n - 1n)),
      verifier,
    ),
    { timeSeconds: 2n ** 63n - 1n },
  )
})

t.test('a note key does not cosign and its signature is no cosignature', async (t) => {
  const signer = generateSigner('Wit1', 'ed25519', wit1Seed)
  throwsCode(t, 'internal', () => cosign(size3Text, signer, 1n), 'cosign')
  const [line] = parseNote(utf8(size3Note)).signatures
  t.equal(verifyCosignatureLine(size3Text, line!, parseVkey(logVkey)), undefined)
  // The same 64 bytes under the cosigner's key id are no cosignature either.
  const cosigner = generateSigner('Wit1', 'cosignature', wit1Seed)
  const plain = parseNote(
    note(size3Text, signatureLine('Wit1', cosigner.keyId, cosigner.sign(utf8(size3Text)))),
  )
  throwsCode(
    t,
    'signature_invalid',
    () => verifyNote(plain, [parseVkey(cosigner.vkey)]),
    'a plain signature by a cosigner',
  )
})

t.test("the published witness's cosignature verifies at its time", async (t) => {
  const unverified = parseNote(utf8(romeNote))
  const witness = parseVkey(romeWitness)
  t.same(
    unverified.signatures.map((line) => verifyCosignatureLine(unverified.text, line, witness)),
    [undefined, { timeSeconds: 1_767_139_200n }],
  )
  t.same(
    verifyNote(unverified, [witness]).verified.map(({ name }) => name),
    ['witness.example.org'],
  )
  t.equal(
    createHash('sha256').update(parseCheckpoint(unverified.text).origin).digest('hex'),
    '000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706',
  )
})

t.test('signature lines are added once, at the end, and only well-formed', async (t) => {
  const once = addSignatureLines(utf8(size3Note), [wit1Line, wit1Line])
  t.equal(text(once), `${size3Note}${wit1Line}\n`)
  t.equal(text(addSignatureLines(once, [wit1Line])), text(once))
  t.equal(text(addSignatureLines(once, [])), text(once))
  for (const bad of ['', 'x', `${wit1Line}\n`, `${wit1Line}\n${peterLine}`, `${wit1Line} `, '\n'])
    throwsCode(
      t,
      'note_malformed',
      () => addSignatureLines(once, [bad]),
      JSON.stringify(bad.slice(0, 20)),
    )
  const many = Array.from({ length: 64 }, (_, i) => signatureLine(`w${i}`, i, Uint8Array.of(1)))
  throwsCode(
    t,
    'note_malformed',
    () => addSignatureLines(utf8(size3Note), many),
    'too many',
    /65 signature lines/,
  )
})

t.test('tlog-proofs have the published form', async (t) => {
  // transparency-dev/formats, proof/tlog_proof_test.go: hashes are SHA-256 of "hash1" and "hash2".
  const hashes = ['hash1', 'hash2'].map((word) => createHash('sha256').update(word).digest())
  const form = (index: bigint, proof: Uint8Array[], checkpoint: string, extra?: string): string =>
    text(
      formatTlogProof({
        index,
        proof,
        checkpointNote: utf8(checkpoint),
        ...(extra === undefined ? {} : { extra: utf8(extra) }),
      }),
    )
  t.equal(
    form(5n, hashes, 'test checkpoint\n'),
    'c2sp.org/tlog-proof@v1\nindex 5\nHASH1\nHASH2\n\ntest checkpoint\n'
      .replace('HASH1', base64(hashes[0]!))
      .replace('HASH2', base64(hashes[1]!)),
  )
  t.equal(
    form(10n, [], 'checkpoint data\n', 'extra information'),
    'c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n\ncheckpoint data\n',
  )
  t.equal(form(0n, [], 'checkpoint\n'), 'c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n')
  t.equal(
    form(0n, [], 'checkpoint\n', ''),
    'c2sp.org/tlog-proof@v1\nextra \nindex 0\n\ncheckpoint\n',
  )
})

const proofOf = (index: number, extra?: Uint8Array): Uint8Array =>
  formatTlogProof({
    index: BigInt(index),
    proof: proveInclusionInMemory(index, logArena),
    checkpointNote: signCheckpoint(
      { origin: logOrigin, size: 15n, root: rootOfLeaves(logArena) },
      parseSignerKey(logKey),
    ),
    ...(extra ? { extra } : {}),
  })

t.test('a tlog-proof proves its entry and no other', async (t) => {
  const logVerifier = parseVkey(logVkey)
  for (const [index, leaf] of logEntries.entries()) {
    const proved = verifyTlogProof({
      proofBytes: proofOf(index),
      leaf,
      origin: logOrigin,
      logVerifier,
    })
    t.same([proved.index, proved.checkpoint.size], [BigInt(index), 15n])
    throwsCode(
      t,
      'proof_invalid',
      () =>
        verifyTlogProof({
          proofBytes: proofOf(index),
          leaf: logEntries[(index + 1) % 15]!,
          origin: logOrigin,
          logVerifier,
        }),
      `entry ${index} for another`,
    )
  }
  const [leaf] = logEntries
  throwsCode(
    t,
    'signature_invalid',
    () => verifyTlogProof({ proofBytes: proofOf(0), leaf: leaf!, origin: 'other', logVerifier }),
    'another origin',
  )
  throwsCode(
    t,
    'signature_invalid',
    () =>
      verifyTlogProof({
        proofBytes: proofOf(0),
        leaf: leaf!,
        origin: logOrigin,
        logVerifier: parseVkey(peterVkey),
      }),
    'another key',
  )
  t.equal(
    verifyTlogProof({
      proofBytes: proofOf(0, utf8('x')),
      leaf: leaf!,
      origin: logOrigin,
      logVerifier,
    }).index,
    0n,
    'extra bytes are carried and prove nothing',
  )
})

t.test('a tlog-proof with any one byte raised is refused', async (t) => {
  const logVerifier = parseVkey(logVkey)
  const valid = proofOf(6)
  for (let i = 0; i < valid.length; i++) {
    const proofBytes = Buffer.from(valid)
    proofBytes[i] = proofBytes[i]! + 1
    t.throws(
      () => verifyTlogProof({ proofBytes, leaf: logEntries[6]!, origin: logOrigin, logVerifier }),
      { code: /^(proof_invalid|note_malformed|signature_invalid)$/ },
      `byte ${i}`,
    )
  }
})

t.test('only canonical tlog-proofs are read', async (t) => {
  const hash = base64(Buffer.alloc(32))
  const head = 'c2sp.org/tlog-proof@v1\n'
  const parsed = parseTlogProof(utf8(`${head}extra eA==\nindex 9\n${hash}\n\nrest\n\nmore\n`))
  t.same(
    { ...parsed, checkpointNote: text(parsed.checkpointNote) },
    {
      index: 9n,
      proof: [Buffer.alloc(32)],
      checkpointNote: 'rest\n\nmore\n',
      extra: Buffer.from('x'),
    },
  )
  t.equal(text(formatTlogProof(parsed)), `${head}extra eA==\nindex 9\n${hash}\n\nrest\n\nmore\n`)
  const refused: readonly (readonly [text: string, reason: RegExp])[] = [
    ['', /no empty line/],
    [`${head}index 0\n`, /no empty line/],
    ['c2sp.org/tlog-proof@v2\nindex 0\n\nrest\n', /does not begin/],
    [`\n\n${head}index 0\n\nrest\n`, /does not begin/],
    [`${head}\nrest\n`, /no index/],
    [`${head}index 00\n\nrest\n`, /no index/],
    [`${head}index -1\n\nrest\n`, /no index/],
    [`${head}index\n\nrest\n`, /no index/],
    [`${head}index 1\r\n\nrest\n`, /no index/],
    [`${head}index 99999999999999999999\n\nrest\n`, /no index/],
    [`${head}extra eA\nindex 0\n\nrest\n`, /not base64/],
    [`${head}extra eA==\nextra eA==\nindex 0\n\nrest\n`, /no index/],
    [`${head}index 0\nextra eA==\n\nrest\n`, /hash/],
    [`${head}index 0\n${hash.slice(0, -1)}\n\nrest\n`, /hash/],
    [`${head}index 0\n${base64(Buffer.alloc(31))}\n\nrest\n`, /hash/],
    [`${head}index 0\n${`${hash}\n`.repeat(64)}\nrest\n`, /64 hashes/],
    [`${head}index 0\n\n${'x'.repeat(65_536)}`, /at most 65536/],
  ]
  for (const [proof, reason] of refused)
    throwsCode(
      t,
      'proof_invalid',
      () => parseTlogProof(utf8(proof)),
      JSON.stringify(proof.slice(0, 50)),
      reason,
    )
  throwsCode(
    t,
    'proof_invalid',
    () => parseTlogProof(Buffer.concat([utf8(head), Buffer.from([0xff]), utf8('\n\n')])),
    'not UTF-8',
  )
})

const witnessKeys = new Map(
  ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'].map((name) => [
    name,
    generateSigner(`${name}.example`, 'cosignature', seedOf(name)),
  ]),
)
const witnessLines = [...witnessKeys]
  .map(([name, { vkey }]) => `witness ${name} ${vkey}\n`)
  .join('')
const examplePolicy = `log ${logVkey}\n\n${witnessLines}group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n`

t.test('the quorum of the tlog-policy example is two of X and one of Y', async (t) => {
  const policy = parsePolicy(utf8(examplePolicy))
  t.same(
    policy.witnesses.map(({ name }) => name),
    ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'],
  )
  t.same(policy.groups, [
    { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
    { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
    { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
  ])
  const cases: readonly (readonly [names: string, reached: boolean])[] = [
    ['X1 X2 Y1', true],
    ['X2 X3 Y3', true],
    ['X1 X2 X3 Y1 Y2 Y3', true],
    ['', false],
    ['X1 Y1', false],
    ['X1 X2', false],
    ['X1 X1 Y1', false],
    ['Y1 Y2 Y3', false],
    ['X-witnesses Y-witnesses', false],
    ['X-and-Y', false],
    ['x1 x2 y1', false],
  ]
  for (const [names, reached] of cases)
    t.equal(quorumReached(policy, names.split(' ')), reached, names)
})

t.test('a quorum may be one witness or none', async (t) => {
  t.equal(quorumReached(parsePolicy(utf8('quorum none')), []), true)
  const one = parsePolicy(utf8(`${witnessLines}quorum X2\n`))
  t.equal(quorumReached(one, ['X2']), true)
  t.equal(quorumReached(one, ['X1', 'X3']), false)
})

t.test('a policy may hold comments, tabs, URLs, and Chinese names', async (t) => {
  const [x1] = witnessKeys.values()
  const policy = parsePolicy(
    utf8(
      `  # 策略\n\t log\t${logVkey}  https://log.example/ \n\nwitness 杭州 ${x1!.vkey} https://w.example/\ngroup 各市 1 杭州\nquorum 各市`,
    ),
  )
  t.same(
    policy.logs.map(({ url, verifier }) => [url, verifier.name]),
    [['https://log.example/', logOrigin]],
  )
  t.same(
    policy.witnesses.map(({ name, url }) => [name, url]),
    [['杭州', 'https://w.example/']],
  )
  t.equal(quorumReached(policy, ['杭州']), true)
})

t.test('a wrong policy is refused with its line', async (t) => {
  const [x1, x2] = [...witnessKeys.values()]
  const w = (name: string): string => `witness ${name} ${witnessKeys.get(name)!.vkey}\n`
  const sameKey = formatVkey('other.example', 'cosignature', parseVkey(x1!.vkey).publicKey)
  const refused: readonly (readonly [policy: string, reason: RegExp])[] = [
    ['', /no quorum line/],
    [w('X1'), /no quorum line/],
    ['quorum X1\n', /line 1 names "X1", which is not defined/],
    [`quorum X1\n${w('X1')}`, /line 1 names "X1"/],
    ['quorum none\nquorum none\n', /line 2 is a second quorum/],
    ['quorum\n', /line 1 is not "quorum <name>"/],
    ['quorum a b\n', /line 1 is not "quorum <name>"/],
    ['Quorum none\n', /line 1 does not begin/],
    ['quorum none # all of them\n', /line 1 is not "quorum <name>"/],
    ['quorum none\r\n', /line 1 holds a control character/],
    ['quorum none\x7f\n', /control character/],
    [`log ${x1!.vkey}\nquorum none\n`, /line 1 has a key of type cosignature/],
    [`witness a ${logVkey}\nquorum none\n`, /line 1 has a key of type ed25519/],
    [`log ${logVkey}\nlog ${logVkey}\nquorum none\n`, /line 2 has a key that another line has/],
    [`${w('X1')}witness b ${x1!.vkey}\nquorum none\n`, /line 2 has a key that another line has/],
    [`${w('X1')}witness b ${sameKey}\nquorum none\n`, /line 2 has a key that another line has/],
    [
      `${w('X1')}witness X1 ${x2!.vkey}\nquorum none\n`,
      /line 2 defines "X1", which is defined already/,
    ],
    [`witness none ${x1!.vkey}\nquorum none\n`, /line 1 defines "none", which is reserved/],
    [`witness a\nquorum none\n`, /line 1 is not "witness/],
    [`witness a ${x1!.vkey} url more\nquorum none\n`, /line 1 is not "witness/],
    ['log\nquorum none\n', /line 1 is not "log/],
    ['log x\nquorum none\n', /line 1 a note key/],
    [`${w('X1')}group g any\nquorum none\n`, /line 2 is not "group/],
    [`${w('X1')}group g 0 X1\nquorum none\n`, /line 2 wants "0" of 1/],
    [`${w('X1')}group g 2 X1\nquorum none\n`, /line 2 wants "2" of 1/],
    [`${w('X1')}group g 01 X1\nquorum none\n`, /line 2 wants "01"/],
    [`${w('X1')}group g some X1\nquorum none\n`, /line 2 wants "some"/],
    [`${w('X1')}group g any X2\nquorum none\n`, /line 2 names "X2", which is not defined/],
    [`${w('X1')}group g any g\nquorum none\n`, /line 2 names "g", which is not defined/],
    [`${w('X1')}group g any none\nquorum none\n`, /line 2 names "none", which is not defined/],
    [`${w('X1')}group g any X1 X1\nquorum none\n`, /line 2 names "X1", which is a member already/],
    [
      `${w('X1')}group g any X1\ngroup h any X1\nquorum none\n`,
      /line 3 names "X1", which is a member already/,
    ],
    [`${w('X1')}group X1 any X1\nquorum none\n`, /line 2 defines "X1", which is defined already/],
    [`#${'x'.repeat(65_536)}\n`, /at most 65536/],
  ]
  for (const [policy, reason] of refused)
    throwsCode(
      t,
      'config_invalid',
      () => parsePolicy(utf8(policy)),
      JSON.stringify(policy.slice(0, 40)),
      reason,
    )
  throwsCode(t, 'config_invalid', () => parsePolicy(Uint8Array.of(0xff, 0x0a)), 'not UTF-8')
})

t.test('a checkpoint counts when its log signed it and the quorum cosigned it', async (t) => {
  const policy = parsePolicy(utf8(examplePolicy))
  const by = (...names: readonly string[]): Uint8Array =>
    addSignatureLines(
      utf8(size3Note),
      names.map((name) => cosign(size3Text, witnessKeys.get(name)!, 5n)),
    )
  const opened = openCosignedCheckpoint(by('X3', 'Y2', 'X1'), policy)
  t.equal(opened.checkpoint.size, 3n)
  t.same(opened.witnesses, ['X1', 'X3', 'Y2'])
  throwsCode(
    t,
    'signature_invalid',
    () => openCosignedCheckpoint(by('X1', 'Y2'), policy),
    'no quorum',
    /cosigned by X1, Y2: not the quorum X-and-Y/,
  )
  throwsCode(
    t,
    'signature_invalid',
    () => openCosignedCheckpoint(utf8(size3Note), policy),
    'nobody',
    /cosigned by none/,
  )
  const other = parseSignerKey(peterKey)
  const foreign = signNote(size3Text, [other])
  const cosigned = addSignatureLines(
    foreign,
    parseNote(by('X1', 'X2', 'Y1'))
      .signatures.slice(1)
      .map(({ line }) => line),
  )
  throwsCode(
    t,
    'signature_invalid',
    () => openCosignedCheckpoint(cosigned, policy),
    'a log that is not listed',
    /not signed by a log of the policy/,
  )
  const misnamed = size3Text.replace(logOrigin, 'example.com/other')
  const lines = ['X1', 'X2', 'Y1'].map((name) => cosign(misnamed, witnessKeys.get(name)!, 5n))
  throwsCode(
    t,
    'signature_invalid',
    () =>
      openCosignedCheckpoint(
        addSignatureLines(signNote(misnamed, [parseSignerKey(logKey)]), lines),
        policy,
      ),
    "a listed key for another's origin",
  )
})

t.test('no input makes a parser throw anything but its own errors', async (t) => {
  const random = new SeededRandom('note-fuzz')
  const targets: readonly (readonly [
    name: string,
    seed: Uint8Array,
    parse: (bytes: Uint8Array) => unknown,
    codes: readonly ErrorCode[],
  ])[] = [
    [
      'note',
      note(goText, peterLine, enochLine),
      (bytes) => verifyNote(parseNote(bytes), [parseVkey(peterVkey)]),
      ['note_malformed', 'signature_invalid'],
    ],
    [
      'cosigned checkpoint',
      utf8(romeNote),
      (bytes) => openCheckpoint(bytes, [parseVkey(romeWitness)], 'x'),
      ['note_malformed', 'signature_invalid'],
    ],
    ['checkpoint', utf8(size3Text), (bytes) => parseCheckpoint(text(bytes)), ['note_malformed']],
    ['vkey', utf8(peterVkey), (bytes) => parseVkey(text(bytes)), ['note_malformed']],
    ['signer key', utf8(peterKey), (bytes) => parseSignerKey(text(bytes)), ['note_malformed']],
    [
      'signature line',
      utf8(wit1Line),
      (bytes) => parseSignatureLine(text(bytes)),
      ['note_malformed'],
    ],
    [
      'tlog-proof',
      proofOf(6, utf8('x')),
      (bytes) =>
        verifyTlogProof({
          proofBytes: bytes,
          leaf: logEntries[6]!,
          origin: logOrigin,
          logVerifier: parseVkey(logVkey),
        }),
      ['proof_invalid', 'note_malformed', 'signature_invalid'],
    ],
    ['policy', utf8(examplePolicy), parsePolicy, ['config_invalid']],
  ]
  for (const [name, seed, parse, codes] of targets) {
    let foreign: unknown
    let refused = 0
    for (let round = 0; round < 400; round++) {
      try {
        parse(mutate(seed, random))
      } catch (error) {
        refused++
        if (!codes.some((code) => isHuxinError(error, code))) foreign = error
      }
    }
    t.equal(foreign, undefined, name)
    t.ok(refused > 100, `${name}: ${refused} of 400 refused`)
  }
})

function mutate(seed: Uint8Array, random: SeededRandom): Buffer {
  let bytes: Buffer = Buffer.from(seed)
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(bytes.length + 1)
    const to = at + random.below(bytes.length - at + 1)
    const kind = random.below(5)
    const piece =
      kind === 0
        ? random.fill(new Uint8Array(1 + random.below(8)))
        : kind === 1
          ? utf8(
              random.pick([
                '\n',
                '\n\n',
                ' ',
                '+',
                '—',
                '0',
                '=',
                '\0',
                '浙',
                '#',
                '99999999999999999999',
              ]),
            )
          : kind === 2
            ? bytes.subarray(at, to)
            : new Uint8Array()
    bytes = Buffer.concat([
      bytes.subarray(0, at),
      piece,
      bytes.subarray(kind === 3 ? to : Math.min(at + random.below(2), bytes.length)),
    ])
  }
  return bytes
}
