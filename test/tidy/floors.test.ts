/** The shape that `src/README.md` promises: floors, no cycles, one way in for time and chance, small files. */
import t from 'tap'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'

const root = process.cwd()
const ROOM_FILES_MAX = 15
const ROOM_LINES_MAX = 2_500

/** Rooms that use another of their own floor; src/README.md names the same. */
const sideways: Readonly<Record<string, string>> = {
  note: 'merkle',
  topology: 'note',
  wire: 'pki',
  kinds: 'verdict',
}

interface SourceFile {
  /** Path below src. */
  readonly path: string
  readonly room: string
  readonly text: string
  /** Without comments. */
  readonly code: string
  /** Paths below src. */
  readonly imports: readonly string[]
}

async function sources(): Promise<SourceFile[]> {
  const src = join(root, 'src')
  const paths = (await readdir(src, { recursive: true }))
    .filter((path) => path.endsWith('.ts'))
    .sort()
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(src, path), 'utf8')
      const code = withoutComments(text)
      const found = [
        ...code.matchAll(
          /^(?:(?:import|export)\s+([^'=;()]*?)\s+from|import)\s+'(\.\.?\/[^']*)'|\bimport\s*\(\s*'(\.[^']*)'/gm,
        ),
      ].map(([, , target, dynamic]) =>
        relative(src, resolve(src, dirname(path), target ?? dynamic!)),
      )
      return { path, room: path.split('/')[0]!, text, code, imports: found }
    }),
  )
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/^\s*\/\/.*$/gm, '')
}

/** room → floor, from the table in src/README.md. */
async function floors(rooms: ReadonlySet<string>): Promise<Map<string, number>> {
  const readme = await readFile(join(root, 'src/README.md'), 'utf8')
  const found = new Map<string, number>()
  for (const [, floor, line] of readme.matchAll(/^ ?(\d{1,2}) {2}(.*)$/gm)) {
    for (const name of line!.split(/\s+/)) {
      if (!rooms.has(name)) break
      found.set(name, Number(floor))
    }
  }
  return found
}

t.test('imports go strictly downward by the table in src/README.md', async (t) => {
  const files = await sources()
  const rooms = new Set(files.map(({ room }) => room))
  const floorOf = await floors(rooms)
  t.same(
    [...rooms].filter((room) => !floorOf.has(room)),
    [],
    'every room stands in the table',
  )
  const wrong = files.flatMap(({ path, room, imports }) =>
    imports.flatMap((target) => {
      const other = target.split('/')[0]!
      if (other === room || sideways[room] === other) return []
      return floorOf.get(other)! < floorOf.get(room)! ? [] : [`${path} imports ${target}`]
    }),
  )
  t.same(wrong, [])
  const readme = await readFile(join(root, 'src/README.md'), 'utf8')
  for (const [room, other] of Object.entries(sideways))
    t.ok(
      readme.includes(`\`${room}\` uses \`${other}\``),
      `src/README.md says that ${room} uses ${other}`,
    )
})

/** Rooms that are larger than a room may be; the list may only shrink. */
const LARGE_ROOMS: Readonly<Record<string, { readonly files: number; readonly lines: number }>> = {
  cli: { files: 68, lines: 12_600 },
  intake: { files: 23, lines: 4_520 },
  node: { files: 37, lines: 6_760 },
  record: { files: 25, lines: 3_520 },
  service: { files: 21, lines: 2_800 },
  uplink: { files: 15, lines: 3_240 },
  wire: { files: 15, lines: 2_730 },
}

t.test(`a room has at most ${ROOM_FILES_MAX} files and ${ROOM_LINES_MAX} lines`, async (t) => {
  const size = new Map<string, { files: number; lines: number }>()
  // Tables of Chinese and shipped catalogs are data.
  for (const { room, text } of (await sources()).filter(
    ({ path, room }) => room !== 'gen' && !/^(?:base\/chinese|record\/data)\//.test(path),
  )) {
    const one = size.get(room) ?? { files: 0, lines: 0 }
    size.set(room, { files: one.files + 1, lines: one.lines + text.split('\n').length - 1 })
  }
  t.ok(size.size > 20, 'rooms were found')
  for (const [room, { files, lines }] of size) {
    const most = LARGE_ROOMS[room] ?? { files: ROOM_FILES_MAX, lines: ROOM_LINES_MAX }
    if (files > most.files || lines > most.lines)
      t.fail(
        `${room} has ${files} files and ${lines} lines, at most ${most.files} and ${most.lines}: divide it by subject`,
      )
    if (room in LARGE_ROOMS && files <= ROOM_FILES_MAX && lines <= ROOM_LINES_MAX)
      t.fail(`${room} is no longer large: take it off the list`)
  }
})

t.test('no files import each other in a circle, nor for types alone', async (t) => {
  const files = await sources()
  const loadsOf = new Map(
    files.map(({ path, room, imports }) => [path, room === 'gen' ? [] : imports]),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' → '))
    else if (!done.has(path)) {
      for (const next of loadsOf.get(path) ?? []) visit(next, [...way, path])
      done.add(path)
    }
  }
  for (const path of loadsOf.keys()) visit(path, [])
  t.same(circles, [])
  t.same(
    files.flatMap(({ path, imports }) =>
      imports.filter((target) => !loadsOf.has(target)).map((target) => `${path} imports ${target}`),
    ),
    [],
    'every import was followed',
  )
  t.ok([...loadsOf.values()].flat().length > 300, 'imports were found')
})

t.test('there are no barrels, no default exports and no loading by name at run time', async (t) => {
  const wrong: string[] = []
  for (const { path, room, code } of await sources()) {
    if (room === 'gen') continue
    if (/^export\s+\*/m.test(code)) wrong.push(`${path}: export *`)
    if (/^export\s+default\b/m.test(code)) wrong.push(`${path}: export default`)
    // The entry looks at the version of Node.js before anything is read that an old one could not; what backups are locked with is a tenth of a second at each start, and the commands that were not named half a second.
    if (
      /\bimport\s*\(/.test(code) &&
      !/^(?:cli\/main|cli\/program|archive\/file-key)\.ts$/.test(path)
    )
      wrong.push(`${path}: import()`)
    if (/(?:^|\/)index\.ts$/.test(path)) wrong.push(`${path}: a barrel`)
  }
  t.same(wrong, [])
})

t.test(
  'time, timers, chance, the environment and the console are used where they enter and nowhere else',
  async (t) => {
    const rules: readonly {
      readonly what: string
      readonly pattern: RegExp
      readonly allowed: RegExp
    }[] = [
      {
        what: 'the clock',
        pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
        allowed: /^base\/clock\.ts$/,
      },
      {
        what: 'a timer',
        pattern: /\bset(?:Timeout|Interval|Immediate)\b|\bnode:timers\b/,
        allowed: /^base\/clock\.ts$/,
      },
      {
        what: 'randomness',
        pattern: /\bMath\.random\b|\brandom(?:Bytes|Fill|FillSync|UUID|Int)\b|\bgetRandomValues\b/,
        allowed: /^base\/random\.ts$/,
      },
      // The private key of a certificate is made by OpenSSL with its own randomness.
      {
        what: 'key generation',
        pattern: /\bgenerateKey(?:Pair)?(?:Sync)?\b/,
        allowed: /^pki\/issue\.ts$/,
      },
      {
        what: 'the environment',
        pattern: /\bprocess\.(?:env|argv|cwd|exit|exitCode|stdin|stdout|stderr|on|once|kill)\b/,
        allowed: /^cli\//,
      },
      // What a node has in its folder it reaches through its port; these read settings and certificates, or work for commands on a folder whose node does not run.
      {
        what: 'the disk',
        pattern: /'node:fs(?:\/promises)?'/,
        allowed:
          /^(?:base\/files|store\/leveldb\/\w+(?:-\w+)*|pki\/(?:material|devpki)|client\/record-client|node\/(?:config|handles|setup|recovery|backup|maintenance))\.ts$|^(?:cli|intake|archive)\//,
      },
      { what: 'the console', pattern: /\bconsole\./, allowed: /^cli\// },
    ]
    const files = await sources()
    for (const { what, pattern, allowed } of rules) {
      const users = files
        .filter(({ room, code }) => room !== 'gen' && pattern.test(code))
        .map(({ path }) => path)
      t.same(
        users.filter((path) => !allowed.test(path)),
        [],
        what,
      )
      if (what !== 'the console') t.ok(users.length > 0, `${what} does enter somewhere`)
    }
  },
)

t.test(
  'what a module holds by itself is a cache of what anybody would compute alike',
  async (t) => {
    const caches = [
      'base/abort.ts',
      'base/clock.ts',
      'merkle/hash.ts',
      'merkle/sha256-lanes.ts',
      'note/checkpoint.ts',
      'note/key.ts',
      'record/damage.ts',
      'record/divisions.ts',
      'record/scan.ts',
      'record/schema.ts',
      'wire/encode.ts',
    ]
    const holds =
      /^(?:export )?(?:let |const \w+(?:: [^=]+)? = new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\))/m
    t.same(
      (await sources())
        .filter(({ room, code }) => room !== 'gen' && holds.test(code))
        .map(({ path }) => path),
      caches,
      'state with a lifetime has an owner',
    )
  },
)

t.test('names say what a thing is', async (t) => {
  const vague = /^(?:utils?|helpers?|common|misc|manager|impl|info|index)$/i
  t.same(
    (await sources()).flatMap(({ path }) =>
      path
        .replace(/\.ts$/, '')
        .split('/')
        .some((part) => vague.test(part))
        ? [path]
        : [],
    ),
    [],
  )
})

t.test('every dependency is used, and everything used is a dependency', async (t) => {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>
  }
  const used = new Set(
    (await sources())
      .flatMap(({ code }) => [...code.matchAll(/\bfrom '([^'.][^']*)'/g)].map((match) => match[1]!))
      .filter((name) => !name.startsWith('node:'))
      .map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
  )
  t.same([...used].sort(), Object.keys(dependencies).sort())
  for (const [name, version] of Object.entries(dependencies))
    t.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned`)
})

t.test('the store is written by the files that src/README.md lists, and by no other', async (t) => {
  const readme = await readFile(join(root, 'src/README.md'), 'utf8')
  const section = readme.slice(readme.indexOf('### Who writes'), readme.indexOf('## Evidence'))
  const rows = section.split('\n').filter((line) => line.startsWith('| `'))
  const listed = new Map(
    rows.flatMap((row) =>
      [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(
        ([, path]) => [path!, row.split('|')[3]!] as const,
      ),
    ),
  )
  const calls = new Map<string, Set<string>>()
  for (const { path, room, code } of await sources()) {
    const found = [
      ...code.matchAll(/\bstore(?:\(\))?\s*\.(commit|write|clear|destroyDeleted)\(/g),
    ].map(([, how]) => how!)
    if (room !== 'store' && found.length > 0) calls.set(path, new Set(found))
  }
  t.same([...calls.keys()].sort(), [...listed.keys()].sort())
  for (const [path, hows] of calls)
    t.same(
      [...hows].filter((how) => !listed.get(path)?.includes(how)),
      [],
      path,
    )
  t.ok(calls.size > 20, 'writers were found')
})
