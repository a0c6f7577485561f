/**
 * SHA-256 (FIPS 180-4) of many short messages at once: four lanes of a WebAssembly vector carry four
 * messages through the same rounds. One call of the platform's digest costs more in passing arguments
 * and results than in hashing 200 bytes; a body of a thousand records needs two thousand of them at
 * every node on its way. Measured on one core: leaf and node of a record 2.3 us one by one, 0.7 us here.
 *
 * The kernel is generated below, because nothing is needed to build it then and every instruction can be
 * read beside the standard. At first use it is compared with the platform's digest over lengths around
 * every block boundary; where it differs, or where vectors are not supported, it is not used and
 * `lanes()` is undefined: callers then hash one by one. Nothing secret enters the memory of
 * `lanes()`: messages with a key in them are hashed by `secretLanes()`, which has memory of its own, and are wiped after each use.
 */
import { hash } from 'node:crypto'

/** Messages of the form prefix ‖ first ‖ second, both pieces taken from one input. */
export interface Lanes {
  /** Copies the input in, and `more` after it; valid until the next load. Room for `results` digests is made beside it. */
  load(input: Uint8Array, results: number, more?: Uint8Array): void
  /**
   * Adds the message prefix ‖ input[from, from + size) ‖ input[from2, from2 + size2), at most 70,000 bytes,
   * whose digest becomes result `result`.
   */
  add(
    prefix: number,
    from: number,
    size: number,
    from2: number,
    size2: number,
    result: number,
  ): void
  /** Makes every result that was added; they may then be read. */
  finish(): void
  /** Copies results [0, count) out, 32 bytes each. */
  results(count: number): Buffer
  /** Overwrites with zeros whatever was loaded, staged and made since the last time. */
  wipe(): void
  /** Root of an RFC 6962 tree of n leaf hashes, n x 32 bytes, n > 0. Loads them, so earlier results are gone. */
  root(leafHashes: Uint8Array): Buffer
}

// The types of Node 20 leave these out.
declare namespace WebAssembly {
  export class Module {
    constructor(bytes: Uint8Array)
  }
  export class Memory {
    readonly buffer: ArrayBuffer
    constructor(options: { initial: number })
  }
  export class Instance {
    readonly exports: Readonly<Record<string, unknown>>
    constructor(module: Module, imports: { e: { m: Memory } })
  }
}

const MESSAGE_BYTES_MAX = 70_000
const LANE_BYTES = 70_144
const BLOCK = 64
const HASH = 32
const PAGE = 65_536
const NOTHING = new Uint8Array(0)
/** Memory kept between uses; a larger input gets memory of its own, which is dropped after it. */
const KEPT_BYTES = 2 << 20

let known: Lanes | null | undefined
let secret: Lanes | null | undefined

/** The vector hasher, or undefined where it cannot be trusted or run. One at a time: not reentrant. */
export function lanes(): Lanes | undefined {
  if (known === undefined) known = openTested()
  return known ?? undefined
}

/** One of its own for messages with a secret in them. Whoever uses it wipes it in the same turn. */
export function secretLanes(): Lanes | undefined {
  if (secret === undefined) secret = openTested()
  return secret ?? undefined
}

function openTested(): Lanes | null {
  const opened = open()
  return opened && agrees(opened) ? opened : null
}

interface Kernel {
  readonly memory: WebAssembly.Memory
  stage(
    to: number,
    prefix: number,
    from: number,
    size: number,
    from2: number,
    size2: number,
    end: number,
  ): void
  compress(
    m0: number,
    m1: number,
    m2: number,
    m3: number,
    blocks: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
  ): void
}

function open(): Lanes | undefined {
  try {
    return new VectorLanes(new WebAssembly.Module(kernelBytes()))
  } catch {
    return undefined
  }
}

/** Every length around the ends of the first blocks, several at once, against the platform's digest. */
function agrees(candidate: Lanes): boolean {
  const input = Uint8Array.from({ length: 400 }, (_, i) => (i * 167 + 13) & 0xff)
  const sizes = Array.from({ length: 200 }, (_, i) => i)
  candidate.load(input, sizes.length)
  for (const size of sizes)
    candidate.add(0x5a, 3, size, 7 + size, 200 - size > 60 ? size % 60 : 0, size)
  candidate.finish()
  const results = candidate.results(sizes.length)
  return sizes.every((size) => {
    const second = input.subarray(7 + size, 7 + size + (200 - size > 60 ? size % 60 : 0))
    const expected = hash(
      'sha256',
      Buffer.concat([Uint8Array.of(0x5a), input.subarray(3, 3 + size), second]),
      'hex',
    )
    return results.toString('hex', HASH * size, HASH * (size + 1)) === expected
  })
}

class VectorLanes implements Lanes {
  readonly #module: WebAssembly.Module
  #kernel: Kernel
  #bytes: Buffer
  // Memory holds the four lanes, then the input, then the results.
  readonly #inputAt = 4 * LANE_BYTES
  #resultsAt = 0
  /** Messages staged and not compressed, all of #blocks blocks. */
  #waiting = 0
  #blocks = 0
  readonly #targets = new Int32Array(4)
  /** Most blocks that a message had, and the end of what was loaded and made, since the last wiping. */
  #blocksMax = 0
  #end = 0

  constructor(module: WebAssembly.Module) {
    this.#module = module
    this.#kernel = instantiate(module, KEPT_BYTES)
    this.#bytes = Buffer.from(this.#kernel.memory.buffer)
  }

  load(input: Uint8Array, results: number, more: Uint8Array = NOTHING): void {
    this.#resultsAt = this.#inputAt + ((input.length + more.length + 63) & ~63)
    const wanted = this.#resultsAt + HASH * results
    if (wanted > this.#bytes.length || (this.#bytes.length > KEPT_BYTES && wanted <= KEPT_BYTES)) {
      this.#kernel = instantiate(this.#module, Math.max(wanted, KEPT_BYTES))
      this.#bytes = Buffer.from(this.#kernel.memory.buffer)
    }
    this.#end = Math.max(this.#end, wanted)
    this.#bytes.set(input, this.#inputAt)
    if (more.length > 0) this.#bytes.set(more, this.#inputAt + input.length)
    this.#waiting = 0
  }

  add(
    prefix: number,
    from: number,
    size: number,
    from2: number,
    size2: number,
    result: number,
  ): void {
    const input = this.#inputAt
    this.#stage(prefix, input + from, size, input + from2, size2, this.#resultsAt + HASH * result)
  }

  finish(): void {
    if (this.#waiting === 0) return
    // Lanes without a message repeat the first.
    for (let lane = this.#waiting; lane < 4; lane++) this.#targets[lane] = this.#targets[0]!
    const at = (lane: number): number => (lane < this.#waiting ? lane * LANE_BYTES : 0)
    this.#compress(0, at(1), at(2), at(3))
  }

  results(count: number): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#resultsAt, this.#resultsAt + HASH * count))
  }

  wipe(): void {
    for (let lane = 0; lane < 4; lane++)
      this.#bytes.fill(0, lane * LANE_BYTES, lane * LANE_BYTES + this.#blocksMax * BLOCK)
    this.#bytes.fill(0, this.#inputAt, this.#end)
    this.#blocksMax = this.#end = this.#waiting = 0
  }

  root(leafHashes: Uint8Array): Buffer {
    this.load(leafHashes, 0)
    const at = this.#inputAt
    let left = leafHashes.length / HASH
    while (left > 1) {
      const pairs = left >> 1
      for (let i = 0; i < pairs; i++)
        this.#stage(1, at + 2 * HASH * i, 2 * HASH, at, 0, at + HASH * i)
      this.finish()
      if (left & 1)
        this.#bytes.copyWithin(at + HASH * pairs, at + HASH * (left - 1), at + HASH * left)
      left = pairs + (left & 1)
    }
    return Buffer.from(this.#bytes.subarray(at, at + HASH))
  }

  #stage(
    prefix: number,
    from: number,
    size: number,
    from2: number,
    size2: number,
    target: number,
  ): void {
    const length = 1 + size + size2
    if (length > MESSAGE_BYTES_MAX)
      throw new RangeError(`a message of ${length} bytes is too long for a lane`)
    const blocks = ((length + 8) >>> 6) + 1
    if (this.#waiting > 0 && blocks !== this.#blocks) this.finish()
    this.#blocks = blocks
    if (blocks > this.#blocksMax) this.#blocksMax = blocks
    const to = this.#waiting * LANE_BYTES
    this.#kernel.stage(to, prefix, from, size, from2, size2, to + blocks * BLOCK)
    this.#targets[this.#waiting++] = target
    if (this.#waiting === 4) this.#compress(0, LANE_BYTES, 2 * LANE_BYTES, 3 * LANE_BYTES)
  }

  #compress(m0: number, m1: number, m2: number, m3: number): void {
    const targets = this.#targets
    this.#kernel.compress(
      m0,
      m1,
      m2,
      m3,
      this.#blocks,
      targets[0]!,
      targets[1]!,
      targets[2]!,
      targets[3]!,
    )
    this.#waiting = 0
  }
}

function instantiate(module: WebAssembly.Module, bytes: number): Kernel {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) })
  const { exports } = new WebAssembly.Instance(module, { e: { m: memory } })
  return {
    memory,
    stage: exports['s'] as Kernel['stage'],
    compress: exports['c'] as Kernel['compress'],
  }
}

// The kernel. Numbers of instructions are those of the WebAssembly specification, section 5.4.

const I32 = 0x7f
const V128 = 0x7b

/** First 32 bits of the fractional parts of the square roots of the first 8 primes, FIPS 180-4 section 5.3.3. */
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes, section 4.2.2. */
function roundConstants(): number[] {
  const constants: number[] = []
  for (let n = 2n; constants.length < 64; n++) {
    let prime = true
    for (let d = 2n; d * d <= n; d++) if (n % d === 0n) prime = false
    if (prime) constants.push(Number(BigInt.asUintN(32, cubeRoot(n << 96n))))
  }
  return constants
}

function cubeRoot(n: bigint): bigint {
  let low = 0n
  let high = 1n << 40n
  while (low < high) {
    const middle = (low + high + 1n) >> 1n
    if (middle * middle * middle <= n) low = middle
    else high = middle - 1n
  }
  return low
}

type Code = number[]

function leb(value: number): Code {
  const bytes: Code = []
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}

function signedLeb(value: number): Code {
  const bytes: Code = []
  let rest = value | 0
  for (;;) {
    const byte = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0))
      return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}

const get = (local: number): Code => [0x20, ...leb(local)]
const set = (local: number): Code => [0x21, ...leb(local)]
const constant = (value: number): Code => [0x41, ...signedLeb(value)]
const ADD = [0x6a]
const SUB = [0x6b]
const vector = (instruction: number, ...rest: number[]): Code => [
  0xfd,
  ...leb(instruction),
  ...rest,
]
const vectorLoad = (offset: number): Code => vector(0x00, 0, ...leb(offset))
const vectorStore = (offset: number): Code => vector(0x0b, 0, ...leb(offset))
const splat = (word: number): Code =>
  vector(0x0c, ...Array.from({ length: 16 }, (_, i) => (word >>> (8 * (i % 4))) & 0xff))
const shuffle = (order: readonly number[]): Code => vector(0x0d, ...order)
const XOR = vector(0x51)
const OR = vector(0x50)
const SELECT = vector(0x52)
const PLUS = vector(0xae)
const shiftLeft = (bits: number): Code => [...constant(bits), ...vector(0xab)]
const shiftRight = (bits: number): Code => [...constant(bits), ...vector(0xad)]
const rotate = (local: number, bits: number): Code => [
  ...get(local),
  ...shiftRight(bits),
  ...get(local),
  ...shiftLeft(32 - bits),
  ...OR,
]

/** Bytes of words of a (0 to 3) and b (4 to 7), each reversed: the standard's words are big-endian. */
const reversed = (...words: readonly number[]): Code =>
  shuffle(words.flatMap((word) => [3, 2, 1, 0].map((byte) => word * 4 + byte)))
const words = (...order: readonly number[]): Code =>
  shuffle(order.flatMap((word) => [0, 1, 2, 3].map((byte) => word * 4 + byte)))

function kernelBytes(): Uint8Array<ArrayBuffer> {
  const section = (id: number, ...content: Code[]): Code => {
    const bytes = content.flat()
    return [id, ...leb(bytes.length), ...bytes]
  }
  const parameters = (count: number): Code => [
    0x60,
    ...leb(count),
    ...Array.from({ length: count }, () => I32),
    0,
  ]
  const body = (locals: Code, code: Code): Code => {
    const bytes = [...locals, ...code, 0x0b]
    return [...leb(bytes.length), ...bytes]
  }
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [2], parameters(7), parameters(9)),
    ...section(2, [1], [1, 0x65, 1, 0x6d, 0x02, 0x00, 1]),
    ...section(3, [2, 0, 1]),
    ...section(7, [2], [1, 0x73, 0x00, 0], [1, 0x63, 0x00, 1]),
    ...section(
      10,
      [2],
      body([1, 1, I32], stageCode()),
      body([2, 1, I32, ...leb(VECTORS), V128], compressCode()),
    ),
  ])
}

/** Writes a padded message (section 5.1.1): to, prefix, from, size, from2, size2, end; local 7 is a place. */
function stageCode(): Code {
  const [to, prefix, from, size, from2, size2, end, place] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const copy = [0xfc, 0x0a, 0, 0]
  const fill = [0xfc, 0x0b, 0]
  const storeByte = [0x3a, 0, 0]
  const length = [...get(size), ...get(size2), ...ADD, ...constant(1), ...ADD]
  const lengthByte = (before: number, shift: number): Code => [
    ...get(end),
    ...constant(before),
    ...SUB,
    ...length,
    ...(shift >= 0 ? [...constant(shift), 0x76] : [...constant(-shift), 0x74]),
    ...storeByte,
  ]
  return [
    ...get(to),
    ...get(prefix),
    ...storeByte,
    ...get(to),
    ...constant(1),
    ...ADD,
    ...get(from),
    ...get(size),
    ...copy,
    ...get(to),
    ...constant(1),
    ...ADD,
    ...get(size),
    ...ADD,
    ...get(from2),
    ...get(size2),
    ...copy,
    ...get(to),
    ...length,
    ...ADD,
    ...set(place),
    ...get(place),
    ...constant(0),
    ...get(end),
    ...get(place),
    ...SUB,
    ...fill,
    ...get(place),
    ...constant(0x80),
    ...storeByte,
    ...lengthByte(1, -3),
    ...lengthByte(2, 5),
    ...lengthByte(3, 13),
    ...lengthByte(4, 21),
  ]
}

// Locals of compress: 0…3 messages, 4 blocks left, 5…8 results, 9 offset, then vectors.
const OFFSET = 9
const W = 10
const STATE = W + 16
const SAVED = STATE + 8
const T = SAVED + 8
const VECTORS = 16 + 8 + 8 + 5

function compressCode(): Code {
  const code: Code = []
  INITIAL.forEach((word, i) => code.push(...splat(word), ...set(STATE + i)))
  code.push(0x03, 0x40) // loop
  for (let quarter = 0; quarter < 4; quarter++) code.push(...loadWords(quarter))
  for (let i = 0; i < 8; i++) code.push(...get(STATE + i), ...set(SAVED + i))
  roundConstants().forEach((k, round) => code.push(...roundCode(round, k)))
  for (let i = 0; i < 8; i++)
    code.push(...get(STATE + i), ...get(SAVED + i), ...PLUS, ...set(STATE + i))
  code.push(...get(OFFSET), ...constant(BLOCK), ...ADD, ...set(OFFSET))
  code.push(...get(4), ...constant(1), ...SUB, 0x22, 4, 0x0d, 0, 0x0b) // br_if 0, end
  for (const half of [0, 1]) code.push(...storeWords(half))
  return code
}

/** Words 4 * quarter … + 3 of the four messages, one word of each in a vector. */
function loadWords(quarter: number): Code {
  const at = (message: number): Code => [
    ...get(message),
    ...get(OFFSET),
    ...ADD,
    ...vectorLoad(16 * quarter),
  ]
  const low = reversed(0, 4, 1, 5)
  const high = reversed(2, 6, 3, 7)
  const code: Code = []
  for (const [pair, local] of [
    [0, T],
    [2, T + 2],
  ] as const) {
    code.push(...at(pair), ...set(T + 4), ...get(T + 4), ...at(pair + 1), ...low, ...set(local))
    code.push(...get(T + 4), ...at(pair + 1), ...high, ...set(local + 1))
  }
  const w = W + 4 * quarter
  return [
    ...code,
    ...get(T),
    ...get(T + 2),
    ...words(0, 1, 4, 5),
    ...set(w),
    ...get(T),
    ...get(T + 2),
    ...words(2, 3, 6, 7),
    ...set(w + 1),
    ...get(T + 1),
    ...get(T + 3),
    ...words(0, 1, 4, 5),
    ...set(w + 2),
    ...get(T + 1),
    ...get(T + 3),
    ...words(2, 3, 6, 7),
    ...set(w + 3),
  ]
}

/** Digest words 4 * half … + 3 of every lane to its result. */
function storeWords(half: number): Code {
  const s = STATE + 4 * half
  const code = [
    ...get(s),
    ...get(s + 1),
    ...reversed(0, 4, 1, 5),
    ...set(T),
    ...get(s),
    ...get(s + 1),
    ...reversed(2, 6, 3, 7),
    ...set(T + 1),
    ...get(s + 2),
    ...get(s + 3),
    ...reversed(0, 4, 1, 5),
    ...set(T + 2),
    ...get(s + 2),
    ...get(s + 3),
    ...reversed(2, 6, 3, 7),
    ...set(T + 3),
  ]
  for (let lane = 0; lane < 4; lane++) {
    const from = T + (lane >> 1)
    code.push(
      ...get(5 + lane),
      ...get(from),
      ...get(from + 2),
      ...(lane & 1 ? words(2, 3, 6, 7) : words(0, 1, 4, 5)),
      ...vectorStore(16 * half),
    )
  }
  return code
}

/** One round, section 6.2.2; from round 16 on with its word of the message schedule. */
function roundCode(round: number, k: number): Code {
  const [a, b, c, d, e, f, g, h] = Array.from(
    { length: 8 },
    (_, i) => STATE + ((i - round) & 7),
  ) as [number, number, number, number, number, number, number, number]
  const w = (back: number): number => W + ((round + 16 - back) & 15)
  const code: Code = []
  if (round >= 16) {
    const old = w(15)
    const late = w(2)
    code.push(
      ...get(w(16)),
      ...get(w(7)),
      ...PLUS,
      ...rotate(old, 7),
      ...rotate(old, 18),
      ...XOR,
      ...get(old),
      ...shiftRight(3),
      ...XOR,
      ...PLUS,
      ...rotate(late, 17),
      ...rotate(late, 19),
      ...XOR,
      ...get(late),
      ...shiftRight(10),
      ...XOR,
      ...PLUS,
      ...set(w(16)),
    )
  }
  return [
    ...code,
    ...get(h),
    ...splat(k),
    ...PLUS,
    ...get(w(16)),
    ...PLUS,
    ...rotate(e, 6),
    ...rotate(e, 11),
    ...XOR,
    ...rotate(e, 25),
    ...XOR,
    ...PLUS,
    ...get(f),
    ...get(g),
    ...get(e),
    ...SELECT,
    ...PLUS,
    ...set(T),
    ...get(d),
    ...get(T),
    ...PLUS,
    ...set(d),
    ...get(T),
    ...rotate(a, 2),
    ...rotate(a, 13),
    ...XOR,
    ...rotate(a, 22),
    ...XOR,
    ...PLUS,
    ...get(c),
    ...get(a),
    ...get(a),
    ...get(b),
    ...XOR,
    ...SELECT,
    ...PLUS,
    ...set(h),
  ]
}
