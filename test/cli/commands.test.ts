/**
 * The command line: help, usage errors and exit codes, as the built program in a process of its own where
 * that matters (start, signals, locale, exit codes) and in this process for the rest; the life of a node
 * from its certificates to its recovery; every command against running nodes, in English and Chinese.
 */
import t from 'tap'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import {
  appendFile,
  chmod,
  copyFile,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { exitCodeOf, languageOf, width } from '../../src/cli/output.ts'
import { errorTable, HuxinError, type ErrorCode } from '../../src/base/errors.ts'
import { parseVkey } from '../../src/note/key.ts'
import { verifyTlogProof } from '../../src/note/tlog-proof.ts'
import { checkNode } from '../../src/node/setup.ts'
import { issueDevelopmentLeaf } from '../../src/pki/devpki.ts'
import { recordAt } from '../../src/batch/body.ts'
import { findBatch } from '../../src/query/query.ts'
import { OperatorActSchema } from '../../src/gen/huxin/v1/access_pb.ts'
import { checkedValue } from '../../src/store/checked.ts'
import { tables, textKey } from '../../src/store/keys.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { BODY, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many, uscc } from '../support/records.ts'
import { english as englishSentences, englishWords } from './english.ts'
import { freePort, main, type Ran, runHere, runProgram, wordsOf } from './program.ts'

// Another test file runs beside this one, on a machine of two cores.
t.setTimeout(150_000)

const CHINESE = /[\u4e00-\u9fff]/
const folder = await mkdtemp(join(tmpdir(), 'huxin-cli-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

/** Every command with the text of its help: `log list` → text. */
async function helps(language: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const visit = async (path: readonly string[]): Promise<void> => {
    const { code, out } = await runHere([...path, '--help', '--lang', language])
    t.equal(code, 0, `huxin ${path.join(' ')} --help`)
    found.set(path.join(' '), out)
    const commands = /\n(?:Commands:|命令：)\n([\s\S]*?)\n\n/.exec(out)?.[1] ?? ''
    for (const [, name] of commands.matchAll(/^ {2}(\S+)/gm))
      if (name !== 'help') await visit([...path, name!])
  }
  await visit([])
  return found
}

t.test(
  'every command that is promised is there, and its help has an example that can be typed',
  async (t) => {
    const english = await helps('en')
    const promised = [
      'demo',
      'pki init',
      'pki issue',
      'node init',
      'node join',
      'node check',
      'node start',
      'node status',
      'node rebuild',
      'node recover',
      'member approve',
      'member suspend',
      'member catalog',
      'member list',
      'member graft propose',
      'member graft approve',
      'member graft take',
      'member authorities',
      'certificate list',
      'certificate revoke',
      'certificate reinstate',
      'quarantine list',
      'quarantine lift',
      'node pin',
      'catalog publish',
      'catalog list',
      'catalog show',
      'catalog template',
      'import',
      'show',
      'recognition request',
      'recognition answer',
      'recognition show',
      'reconcile',
      'why',
      'log checkpoint',
      'log freeze',
      'log rotate',
      'log status',
      'log list',
      'log prove',
      'log verify',
      'fsck',
      'evidence',
      'verify',
    ]
    for (const command of promised) t.ok(english.has(command), command)
    for (const [command, text] of english) {
      const example = /\nExample:\n {2}(huxin .*)\n/.exec(text)?.[1]
      t.ok(example, `huxin ${command} --help has an example`)
      if (example === undefined) continue
      const words = wordsOf(example).slice(1)
      t.same(
        words.slice(0, command.split(' ').length).join(' '),
        command === '' ? words[0] : command,
        `${example} is of that command`,
      )
      // All options are known and none is missing: then one argument too many is all there is to say.
      // One takes any number.
      if (/Usage: .*\.\.\.\]/.test(text)) continue
      const { code, err } = await runHere([...words.filter((word) => word !== '--help'), 'surplus'])
      if (!words.includes('--help'))
        t.match(
          [code, err],
          [2, /^error: too many arguments.* Expected (\d) arguments? but got \d; see: huxin /],
          example,
        )
      t.equal(
        Number(/but got (\d)/.exec(err)?.[1] ?? 1),
        Number(/Expected (\d)/.exec(err)?.[1] ?? 0) + 1,
        example,
      )
    }
  },
)

t.test('help is in Chinese when asked for, and whole', async (t) => {
  const [english, chinese] = [await helps('en'), await helps('zh')]
  t.same([...chinese.keys()], [...english.keys()])
  for (const [command, text] of chinese) {
    t.match(text, /^用法： huxin[\s\S]*\n选项：\n[\s\S]*\n示例：\n {2}huxin /, command)
    t.notMatch(text, /Usage:|Options:|Commands:|Arguments:|display help|default:|choices:/, command)
    const options = /\n选项：\n([\s\S]*?)\n\n/.exec(text)![1]!
    for (const line of options.split(/\n(?= {2}-)/))
      t.match(line, CHINESE, `${command}: ${line.trim()}`)
  }
  for (const [command, text] of english) {
    const options = /\nOptions:\n([\s\S]*?)\n\n/.exec(text)![1]!
    for (const line of options.split(/\n(?= {2}-)/))
      t.match(
        line,
        /^ {2}-.*?(?: {2,}|\n\s+)[a-zA-Z(]/,
        `${command}: ${line.trim()} says what it is for`,
      )
  }
})

t.test(
  'the built program speaks the language of the locale, and --lang goes before it',
  async (t) => {
    const cases: readonly (readonly [
      readonly string[],
      Readonly<Record<string, string>>,
      boolean,
    ])[] = [
      [['--help'], {}, false],
      [['log', 'list', '--help'], { LANG: 'zh_CN.UTF-8' }, true],
      [['log', '--lang', 'en', '--help'], { LC_ALL: 'zh_CN.UTF-8' }, false],
      [['--lang=zh', 'log', 'verify', '--help'], { LANG: 'en_US.UTF-8' }, true],
    ]
    const ran = await Promise.all(cases.map(([words, env]) => runProgram(words, env)))
    for (const [i, [words, env, chinese]] of cases.entries())
      t.match(
        ran[i],
        { code: 0, err: '', out: chinese ? /^用法：/ : /^Usage:/ },
        `${words.join(' ')} with ${JSON.stringify(env)}`,
      )
    const languages: readonly (readonly [
      Readonly<Record<string, string>>,
      string | undefined,
      string,
    ])[] = [
      [{}, undefined, 'en'],
      [{ LANG: 'C' }, undefined, 'en'],
      [{ LANG: 'zh_TW.UTF-8' }, undefined, 'zh'],
      [{ LC_ALL: '', LANG: 'zh_CN' }, undefined, 'zh'],
      [{ LC_ALL: 'en_US', LANG: 'zh_CN' }, undefined, 'en'],
      [{ LC_MESSAGES: 'zh_CN', LANG: 'en_US' }, undefined, 'zh'],
      [{ LANG: 'zh_CN' }, 'en', 'en'],
      [{ LANG: 'en' }, 'zh', 'zh'],
    ]
    for (const [env, asked, expected] of languages)
      t.equal(languageOf(env, asked), expected, `${JSON.stringify(env)} ${asked}`)
  },
)

t.test('a bad command line gives one line: what is wrong, and where it is explained', async (t) => {
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    [
      'nod',
      /^error: unknown command 'nod' \(did you mean node\?\); see: huxin --help\n$/,
      /^错误：没有命令“nod”（是否为 node？）；参见：huxin --help\n$/,
    ],
    [
      'log lst',
      /^error: unknown command 'lst' \(did you mean list\?\); see: huxin log --help\n$/,
      /^错误：没有命令“lst”（是否为 list？）；参见：huxin log --help\n$/,
    ],
    [
      'log list --limt 3',
      /^error: unknown option '--limt' \(did you mean --limit\?\); see: huxin log list --help\n$/,
      /^错误：没有选项“--limt”/,
    ],
    [
      'log list --limit many',
      /'--limit <entries>' argument 'many' is invalid\. Give a whole number from 1 on; see: huxin log list --help\n$/,
      /“many”无效：须为不小于 1 的整数；参见：huxin log list --help\n$/,
    ],
    ['log list --start -1', /'-1' is invalid/, /“-1”无效/],
    [
      'log list --limit',
      /option '--limit <entries>' argument missing; see/,
      /选项“--limit <entries>”缺少取值；参见/,
    ],
    [
      'log list x',
      /too many arguments for 'list'\. Expected 0 arguments but got 1; see/,
      /参数过多：应为 0 个，实为 1 个；参见/,
    ],
    [
      'log verify --vkey x',
      /missing required argument 'file'; see: huxin log verify --help/,
      /缺少参数“file”；参见/,
    ],
    [
      'import f.csv --item x --target ** --encoding latin1',
      /argument 'latin1' is invalid\. Allowed choices are auto, utf-8, gb18030, .*big5; see/,
      /“latin1”无效，可选：auto, utf-8, gb18030, .*big5；参见/,
    ],
    [
      'member suspend 330100 --reason x',
      /required option '--document <number>' not specified/,
      /缺少必填选项“--document <number>”/,
    ],
    [
      'catalog publish f.yaml --document x',
      /required option '--reason <text>' not specified/,
      /缺少必填选项“--reason <text>”/,
    ],
    [
      'amend repair 00 0 --basis x --on 2026-02-30',
      /'2026-02-30' is invalid\. Give a date YYYY-MM-DD/,
      /须为日期 YYYY-MM-DD/,
    ],
    [
      'pki issue --domain zj.example --tier town --role node --node 1',
      /Allowed choices are nation \(国家\), province \(省\), city \(市\), county \(县\)/,
      /可选：国家（nation）、省（province）、市（city）、县（county）/,
    ],
    [
      'pki issue --domain zj.example --tier city --role node --node 1 --days 0',
      /Give a whole number from 1 on/,
      /不小于 1/,
    ],
    [
      'pki issue --domain zj.example --tier city --role node --node 1 --days 99999999',
      /At most 36500 is allowed/,
      /不得大于 36500/,
    ],
  ]
  for (const [line, english, chinese] of cases) {
    for (const [language, expected] of [
      ['en', english],
      ['zh', chinese],
    ] as const) {
      const { code, out, err } = await runHere(['--lang', language, ...line.split(' ')])
      t.match([code, out, err], [2, '', expected], `${language}: ${line}`)
      t.equal(err.split('\n').length, 2, 'one line')
    }
  }
  const { code, out, err } = await runHere('log list --limit x --json'.split(' '))
  t.match(
    [code, JSON.parse(out), err],
    [2, { error: { code: 'argument_invalid', message: /^option '--limit/ } }, /^error: /],
  )
  for (const group of ['', 'node', 'log'])
    t.match(
      await runHere(group === '' ? [] : [group]),
      { code: 2, out: '', err: /^Usage: huxin/ },
      'a group alone shows its help',
    )
})

const SOME_KEY = 'zj.example/330825+3ed612f6+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c'

t.test('arguments that only the command can judge give one line too', async (t) => {
  const file = join(folder, 'not-a-proof.json')
  await writeFile(file, '{}')
  const nowhere = join(folder, 'no', 'node')
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [
      ['log', 'verify', join(folder, 'none'), '--vkey', 'x'],
      2,
      /^error argument_invalid \(an argument is missing or malformed\): .*none cannot be read/,
    ],
    [
      ['member', 'approve', file, '--reason', 'a', '--document', 'b', '--node', nowhere],
      2,
      /not-a-proof\.json is no application: give the application\.txt/,
    ],
    [
      ['verify', file, '--root', SOME_KEY],
      2,
      /is JSON, not evidence: a proof of huxin log prove is checked with huxin log verify/,
    ],
    [
      ['log', 'verify', main, '--vkey', 'x'],
      2,
      /evidence and \.tlog-proof files are checked with huxin verify/,
    ],
    [
      [
        'pki',
        'issue',
        '--domain',
        'zj.example',
        '--tier',
        'city',
        '--role',
        'node',
        '--node',
        '330100',
        '--name',
        '张三',
      ],
      2,
      /a node has its id and no name/,
    ],
    [['log', 'verify', file, '--vkey', 'x'], 2, /not of format huxin\/proof\/v1/],
    [
      ['log', 'prove', 'first', '-o', 'x', '--node', nowhere],
      2,
      /give a log index or a batch id of 64 hexadecimal digits/,
    ],
    [
      ['catalog', 'publish', '--reason', 'a', '--document', 'b', '--node', nowhere],
      2,
      /give a file, or --builtin/,
    ],
    [
      ['amend', 'repair', 'xyz', '0', '--basis', 'b', '--node', nowhere],
      2,
      /give the batch id \(64 hexadecimal digits\) and the position/,
    ],
    [['trace', 'lane', 'x', '--node', nowhere], 2, /"x" is no lane number/],
    [
      ['node', 'status', '--node', nowhere],
      2,
      /node\.yaml cannot be read: name the node's folder \(--node\), or make one with huxin node init/,
    ],
    [
      ['node', 'init', '--node', nowhere, '--id', 'zj.example/1'],
      2,
      /with --id also give --tier, --body and --certs/,
    ],
    [
      [
        'node',
        'init',
        '--node',
        nowhere,
        '--id',
        'zj.example/1',
        '--tier',
        'city',
        '--body',
        BODY,
        '--certs',
        'c',
        '--parent',
        'zj.example/2',
      ],
      2,
      /with --parent also give --parent-address/,
    ],
    [
      ['node', 'init', '--node', nowhere],
      2,
      /node\.yaml is missing: write it first .*or give --id/,
    ],
    [
      [
        'pki',
        'issue',
        '--folder',
        nowhere,
        '--domain',
        'zj.example',
        '--tier',
        'city',
        '--role',
        'node',
        '--node',
        '330100',
      ],
      2,
      /has no issuing CA for the tier city: make it with huxin pki init/,
    ],
  ]
  for (const [words, code, message] of cases) {
    const ran = await runHere(words)
    t.match(ran, { code, out: '', err: message }, words.join(' '))
    t.equal(ran.err.split('\n').length, 2, `one line: ${ran.err}`)
    const json = await runHere([...words, '--json', '--lang', 'zh'])
    t.match(
      [json.code, JSON.parse(json.out), json.err],
      [
        code,
        {
          error: {
            code: 'argument_invalid|config_invalid'.split('|').find((one) => ran.err.includes(one)),
          },
        },
        /^错误 \w+（[\u4e00-\u9fff]/,
      ],
    )
  }
})

t.test('every error code has an exit code, by its kind', (t) => {
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    const { kind } = errorTable[code]
    const expected = ['argument_invalid', 'config_invalid', 'message_too_large'].includes(code)
      ? 2
      : code === 'store_locked' || kind === 'unavailable'
        ? 3
        : kind === 'broken'
          ? 4
          : 1
    t.equal(exitCodeOf(new HuxinError(code, '')), expected, code)
  }
  t.equal(exitCodeOf(new Error('x')), 4)
  t.end()
})

t.test(
  'the life of a node, from its certificates to a damaged disk, with every exit code',
  async (t) => {
    const certs = join(folder, 'certs')
    const home = join(folder, 'nodes', '330000')
    const port = await freePort()
    const node = ['--node', home]
    const ok = async (words: readonly string[], text: RegExp): Promise<Ran> => {
      const ran = await runProgram(words)
      t.match(ran, { code: 0, err: '', out: text }, `huxin ${words.join(' ')}`)
      return ran
    }
    await ok(
      ['pki', 'init', '--folder', certs, '--domain', 'zj.example'],
      /^root and 4 issuing CAs are in /,
    )
    t.match(await runHere(['pki', 'init', '--folder', certs, '--domain', 'zj.example']), {
      code: 2,
      err: /holds a PKI already: choose another folder, or --force/,
    })
    for (const [role, name] of [
      ['node', ''],
      ['operator', '张三'],
    ] as const) {
      t.match(
        await runHere([
          'pki',
          'issue',
          '--folder',
          certs,
          '--domain',
          'zj.example',
          '--tier',
          'province',
          '--role',
          role,
          '--node',
          '330000',
          '--name',
          name,
          '--json',
        ]),
        { code: 0, out: /"certificateFile": / },
      )
    }
    t.match(
      await runHere([
        'node',
        'init',
        ...node,
        '--id',
        'Zhejiang',
        '--tier',
        'province',
        '--body',
        '1',
        '--certs',
        '../../certs/330000',
      ]),
      {
        code: 2,
        err: /nothing was written, 2 field\(s\) are bad:\n {2}node: .*trust domain and node id.*\n {2}body: /,
      },
    )
    t.match(
      await runHere([
        'node',
        'init',
        ...node,
        '--id',
        'zj.example/330000',
        '--tier',
        'province',
        '--body',
        '11330825TT00000913',
        '--certs',
        '../../certs/330000',
      ]),
      {
        code: 2,
        err: /1 field\(s\) are bad:\n {2}body: "11330825TT00000913" has a wrong check character/,
      },
    )
    await t.rejects(stat(join(home, 'node.yaml')), 'a bad file is not left behind')
    const init = [
      'node',
      'init',
      ...node,
      '--id',
      'zj.example/330000',
      '--tier',
      'province',
      '--divisions',
      '330000',
      '--body',
      BODY,
      '--listen',
      `127.0.0.1:${port}`,
      '--certs',
      '../../certs/330000',
    ]
    t.match(await runHere([...init, '--lang', 'zh']), {
      code: 0,
      out: `根节点已就绪：huxin node check，huxin node start --node ${home}\n`,
    })
    t.match(await runHere(init), { code: 2, err: /has keys already: it was initialized before/ })
    t.match(await runHere(['node', 'init', ...node]), { code: 2, err: /has keys already/ })
    for (const file of ['keys/1/note.key', 'keys/1/cosign.key', 'keys/subject.key'])
      t.equal((await stat(join(home, file))).mode & 0o777, 0o600, `${file} is owner-only`)
    t.match(await runHere(['node', 'check', ...node]), {
      code: 0,
      out: /^check +result +detail\n─[\s\S]*configuration +good +zj\.example\/330000, province\ncertificate +good +valid to 20\d\d-\d\d-\d\d\nkeys +good +epoch 1\nmembership +good.*\nfile handles +good.*\nport +good/,
    })

    t.match(await runHere(['node', 'status', ...node]), {
      code: 3,
      err: '',
      out: new RegExp(
        `^zj\\.example/330000: not running, or it cannot be reached\\. .*Is the node running\\? Start it with: huxin node start --node ${home}\\n$`,
      ),
    })
    const child = spawn(process.execPath, [main, 'node', 'start', ...node, '--lang', 'zh'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    let log = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    const listening = await new Promise<string>((resolve) =>
      child.stderr.setEncoding('utf8').once('data', resolve),
    )
    t.equal(listening, `huxin zj.example/330000 监听 127.0.0.1:${port}\n`)
    await cp(certs, join(folder, 'certs-kept'), { recursive: true })
    await ok(
      ['node', 'status', ...node],
      /^zj\.example\/330000 \(province, epoch 1\): serving\nlog 1 entries[\s\S]*no alarms/,
    )
    t.match(JSON.parse((await runHere(['node', 'status', ...node, '--json'])).out), {
      node: 'zj.example/330000',
      state: 'serving',
      logSize: '1',
    })
    t.match(await runHere(['node', 'check', ...node]), {
      code: 2,
      out: /port +BAD +listen: 127\.0\.0\.1:\d+ cannot be had: another process listens there; is the node running\?/,
    })
    for (const command of ['rebuild', 'start']) {
      t.match(
        await runProgram(['node', command, ...node]),
        { code: 3, err: /^error store_locked .*another process uses .*: stop it first/ },
        `${command} while it runs`,
      )
    }
    t.match(
      await runHere(['fsck', ...node]),
      { code: 0, out: /clean\n$/ },
      'a node that runs is asked',
    )
    const copy = join(folder, 'copies', '330000')
    await cp(home, copy, { recursive: true })
    await rm(certs, { recursive: true })
    t.match(
      await runHere(['fsck', '--node', copy]),
      { code: 0, err: '', out: /clean\n$/ },
      'a copy is looked at itself, without a certificate of an operator',
    )
    await rm(join(copy, 'data'), { recursive: true })
    const empty = await runHere(['fsck', '--node', copy])
    t.not(empty.code, 0, 'also where the node that it is a copy of runs, and is well')
    t.match(empty.err, /^error (?:store_corrupt|log_behind|config_invalid) /)
    await cp(join(folder, 'certs-kept'), certs, { recursive: true })
    const watching = spawn(
      process.execPath,
      [main, 'node', 'status', ...node, '--watch', '--lang', 'zh'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const watched = new Promise<number | null>((resolve) => watching.once('close', resolve))
    let seen = ''
    const said = (what: RegExp): Promise<void> =>
      new Promise((resolve) => watching.stdout.on('data', () => what.test(seen) && resolve()))
    watching.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text
    })
    await said(/^zj\.example\/330000（省，纪元 1）：运行正常\n[\s\S]*无告警\n/)
    child.kill('SIGTERM')
    t.equal(await ended, 0, 'it stops in order')
    await said(
      /\n20\d\d-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d zj\.example\/330000：未运行，或无法连接。/,
    )
    watching.kill('SIGINT')
    t.equal(await watched, 3, 'the exit code is that of the last look')
    t.ok(
      log
        .trim()
        .split('\n')
        .every((line) => typeof (JSON.parse(line) as { msg: string }).msg === 'string'),
      'the log is one JSON object a line',
    )

    await ok(['node', 'rebuild', ...node], /^1 entries were folded anew\n$/)
    await rm(join(home, 'data', '1', 'db', 'CURRENT'))
    t.match(await runProgram(['node', 'start', ...node]), {
      code: 4,
      err: /^error store_corrupt .*CURRENT is missing; run huxin node recover\n$/,
    })
    await ok(
      ['node', 'recover', ...node],
      /^epoch 2 is prepared; of the log of epoch 1 0 entries are here\nthe checkpoint file says that 1 were signed\nnothing is signed yet: start the node now .*\nwhen half of the children /,
    )
    t.match(await runHere(['node', 'recover', ...node]), {
      code: 2,
      err: /a recovery is under way, epoch 2 waits for the children: start the node, it goes on by itself/,
    })
    await rm(join(home, 'keys', '2'), { recursive: true })
    await ok(
      ['node', 'recover', ...node, '--lang', 'zh'],
      /^纪元 2 已准备；纪元 1 的日志本地尚存 0 条\n检查点文件显示曾签发至 1 条\n尚未签发任何内容：现在启动节点/,
    )
    await rm(join(home, 'keys', '2'), { recursive: true })
    await rm(join(home, 'keys', '1', 'note.key'))
    t.match(await runHere(['node', 'recover', ...node]), {
      code: 2,
      err: /the note key of epoch 1 \(.*\) is lost, and nobody stands above a root who could vouch for another: take the folder keys\/ from any backup[\s\S]*new trust anchor/,
    })
  },
)

t.test('node check names every bad field with its path, what is allowed and a hint', async (t) => {
  const federation = await TestFederation.start(
    [
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    ],
    { store: 'disk', catalog: false },
  )
  t.teardown(() => federation.stop())
  const good = federation.folderOf('330100')
  const yaml = await readFile(join(good, 'node.yaml'), 'utf8')
  const bad = async (
    change: (home: string) => Promise<unknown>,
    clock: Clock = systemClock,
  ): Promise<Record<string, string>> => {
    const home = await mkdtemp(join(folder, 'check-'))
    await cp(good, home, { recursive: true, filter: (path) => !path.includes('/data') })
    await change(home)
    const checks = await checkNode(home, { clock })
    return Object.fromEntries(
      checks.flatMap(({ name, ok, detail }) => (ok ? [] : [[name, detail]])),
    )
  }
  const edit =
    (from: string | RegExp, to: string) =>
    (home: string): Promise<void> =>
      writeFile(join(home, 'node.yaml'), yaml.replace(from, to))
  const certificates = join(federation.pki.folder, '330100')
  await issueDevelopmentLeaf(federation.pki, {
    tier: 'city',
    role: 'node',
    nodeId: '330700',
    name: '',
  })
  t.same(await bad(async () => undefined), {}, 'all is well')

  t.match(
    await bad((home) =>
      writeFile(
        join(home, 'node.yaml'),
        [
          'node: ZJ/330100',
          'tier: town',
          'body: 12',
          "divisions: ['3301', '330100', abc]",
          'listen: 0.0.0.0:99999',
          'transitGraceHours: -1',
          'connectionsMax: many',
          'reflection: maybe',
          'logLevel: loud',
          'tls: {certificate: a, roots: []}',
          'parent: {node: zj.example/330000, address: nowhere, prox: x}',
          'lissten: x',
          '',
        ].join('\n'),
      ),
    ),
    {
      node: /"ZJ\/330100" must match pattern.*: trust domain and node id, for example zj\.example\/330825/,
      tier: /allowed values: one of nation, province, city, county/,
      body: /unified social credit code \(18 characters\)/,
      divisions: /"(?:3301|abc)" is no division code: six digits/,
      listen: /"0\.0\.0\.0:99999" has a port above 65535: host:port/,
      transitGraceHours: /-1 must be >= 0: hours, 0 to 8760/,
      connectionsMax: /"many" must be integer: a number of connections, 1 to 100000/,
      reflection: /true or false/,
      logLevel: /one of debug, info, warn, error, silent/,
      'tls.key': /is missing: file with the private key, PEM, readable by its owner only/,
      'tls.roots': /root certificates/,
      'parent.address': /host:port of the parent/,
      'parent.prox': /is no field of the configuration: known are node, address, proxy/,
      lissten: /is no field of the configuration: known are node, tier,/,
    },
  )
  t.match(await bad(edit(/parent:\n.*\n.*\n/, '')), {
    parent: /a city node has a parent: give node and address/,
  })
  t.match(await bad((home) => writeFile(join(home, 'node.yaml'), 'node: [')), {
    '(file)': /YAML is wanted/,
  })
  t.match(await bad((home) => writeFile(join(home, 'node.yaml'), '')), {
    '(file)': /null must be object/,
  })
  t.match(await bad((home) => rm(join(home, 'node.yaml'))), {
    configuration: /node\.yaml cannot be read/,
  })

  t.match(await bad(edit('330100/node.crt', '330100/none.crt')), {
    certificate: /the certificate file .*none\.crt cannot be read/,
  })
  t.match(
    await bad(edit('330100/node.key', '330700/node.key')),
    { certificate: /key/ },
    'the key of another certificate',
  )
  t.match(await bad(edit(/330100\/node\./g, '330700/node.')), {
    certificate:
      /is of node zj\.example\/330700, wanted is node zj\.example\/330100: tls\.certificate names the wrong file/,
  })
  const [operator] = (await readdir(certificates)).filter((name) => /^operator.*crt$/.test(name))
  t.match(await bad(edit(/330100\/node\./g, `330100/${operator!.slice(0, -3)}`)), {
    certificate: /is of operator .*, wanted is node/,
  })
  const leafOnly = join(folder, 'leaf-only.crt')
  await writeFile(
    leafOnly,
    (await readFile(join(certificates, 'node.crt'), 'utf8')).split(
      /(?<=-----END CERTIFICATE-----\n)/,
    )[0]!,
  )
  t.match(
    await bad(edit(/certificate: .*/, `certificate: ${leafOnly}`)),
    { certificate: /chain|issu|root/ },
    'a chain that does not reach the root',
  )
  const year = 366 * 86_400_000
  t.match(
    await bad(async () => undefined, { ...systemClock, nowMs: () => Date.now() + 3 * year }),
    { certificate: /expired|valid/ },
  )
  t.match(await bad(async () => undefined, { ...systemClock, nowMs: () => Date.now() + 600_000 }), {
    parent: /the clock is 10 min off the parent's: set it/,
  })

  t.match(await bad((home) => rm(join(home, 'keys', '1'), { recursive: true })), {
    keys: /there are no keys: run huxin node init/,
  })
  t.match(await bad((home) => chmod(join(home, 'keys', '1', 'note.key'), 0o644)), {
    keys: /note\.key can be read by others: chmod 600/,
  })
  t.match(
    await bad((home) =>
      cp(join(home, 'keys', '1', 'note.key'), join(home, 'keys', '1', 'cosign.key')),
    ),
    { keys: /mixed up/ },
  )
  t.match(await bad((home) => rm(join(home, 'join.json'))), {
    membership: /join\.json is missing: give application\.txt to the parent's operator/,
  })
  t.match(await bad((home) => writeFile(join(home, 'join.json'), '{}')), {
    membership: /not of format huxin\/join\/v1: ask the parent's operator/,
  })

  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address() as { port: number }
  t.match(await bad(edit('listen: 127.0.0.1:0', `listen: 127.0.0.1:${address.port}`)), {
    port: /cannot be had: another process listens there/,
  })
  taken.close()
  t.match(await bad(edit('listen: 127.0.0.1:0', 'listen: 192.0.2.1:7443')), {
    port: /name an address of this machine, or 0\.0\.0\.0/,
  })
  t.match(
    await bad(edit(/address: .*/, `address: 127.0.0.1:${await freePort()}`)),
    { parent: /./ },
    'a parent that is not there',
  )
  t.match(
    await bad(edit(/node: zj\.example\/330000/, 'node: zj.example/330001')),
    { parent: /330000|330001/ },
    'a parent that is another',
  )

  // As the command prints it: one row a fault, aligned in both languages.
  const home = await mkdtemp(join(folder, 'check-'))
  await writeFile(join(home, 'node.yaml'), 'node: x\ntier: city\n')
  for (const [language, head, word] of [
    ['en', 'check', 'BAD'],
    ['zh', '检查项', '有误'],
  ] as const) {
    const { code, out } = await runHere(['node', 'check', '--node', home, '--lang', language])
    const lines = out.trimEnd().split('\n')
    t.equal(code, 2)
    t.ok(lines[0]!.startsWith(head))
    t.same(
      lines.slice(2).map((line) => line.split(/ +/)[1]),
      lines.slice(2).map(() => word),
    )
    t.equal(
      new Set(
        lines.map((line, i) =>
          width(
            line.slice(
              0,
              i === 0
                ? line.indexOf(language === 'en' ? 'detail' : '说明')
                : i === 1
                  ? line.lastIndexOf(' ') + 1
                  : line.indexOf(word) + word.length,
            ),
          ),
        ),
      ).size <= 2,
      true,
    )
  }
  t.match(JSON.parse((await runHere(['node', 'check', '--node', home, '--json'])).out), [
    { name: 'body', ok: false },
    { name: 'tls', ok: false },
    { name: 'node', ok: false },
    { name: 'parent', ok: false },
  ])
})

t.test('a province is put under a nation by commands alone', async (t) => {
  const federation = await TestFederation.start(
    [
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    ],
    { store: 'disk', catalog: false },
  )
  t.teardown(() => federation.stop())
  await federation.add({ id: '000000', tier: 'nation', divisions: ['000000'] })
  const run = async (id: string, ...words: string[]): Promise<string> => {
    const ran = await runHere([
      ...words,
      '--node',
      federation.folderOf(id),
      ...(words[1] === 'pin' ? [] : ['--address', `127.0.0.1:${federation.node(id).port}`]),
    ])
    t.match([ran.code, ran.err], [0, ''], words.join(' '))
    return ran.out
  }
  const [asked, answered] = [join(folder, 'graft.json'), join(folder, 'grafted.json')]
  const vkeyOf = (id: string): string => federation.node(id).context.log().vkey
  for (const id of ['330000', '330100'])
    t.match(
      await run(id, 'node', 'pin', vkeyOf('000000')),
      /^zj\.example\/000000 is pinned; start the node again\n$/,
    )
  await run('000000', 'node', 'pin', vkeyOf('330000'))
  t.match(await runHere(['node', 'pin', 'rubbish', '--node', federation.folderOf('330100')]), {
    code: 2,
    err: /vkey|key/,
  })
  for (const id of ['330000', '330100', '000000']) await federation.restart(id)
  await federation.until('the city serves', () => federation.node('330100').state === 'serving')
  t.match(
    await run(
      '330000',
      'member',
      'graft',
      'propose',
      'zj.example/000000',
      '--reason',
      '接入国家节点',
      '--document',
      '浙信〔2026〕30号',
      '--out',
      asked,
    ),
    /^give .*graft\.json to the operator of zj\.example\/000000 /,
  )
  t.match(
    await run('000000', 'member', 'graft', 'approve', asked, '--out', answered),
    /^signed and published; give .*grafted\.json back /,
  )
  t.match(
    await run('330000', 'member', 'graft', 'take', answered),
    /^zj\.example\/000000 is the parent now: name it in node\.yaml /,
  )
  await federation.writeConfig({
    id: '330000',
    tier: 'province',
    parent: '000000',
    divisions: ['330000'],
  })
  await federation.restart('330000')
  await federation.until('the nation is above everybody', () =>
    [...federation.nodes.values()].every(
      ({ context }) => context.ledger().federation.lineage(context.self)[0]?.id === '000000',
    ),
  )
  await federation.until(
    'the nation knows the city',
    () => federation.node('000000').context.ledger().federation.member('330100') !== undefined,
  )
  t.match(
    federation.node('330100').context.ledger().federation.member('330000'),
    { actor: '张三', reason: '接入国家节点', document: '浙信〔2026〕30号' },
    'the act is recorded with the person',
  )
  t.same(await findings(federation), [])
})

t.test('every command against running nodes, in both languages and as JSON', async (t) => {
  const federation = await TestFederation.start(
    [
      { id: '330000', tier: 'province', divisions: ['330000'] },
      { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
    ],
    { store: 'disk', catalog: false },
  )
  t.teardown(() => federation.stop())
  const at = (id: string): string[] => [
    '--node',
    federation.folderOf(id),
    '--address',
    `127.0.0.1:${federation.node(id).port}`,
  ]
  /** Prints in English, in Chinese and as one JSON document, and gives that. */
  const prints = async (
    id: string,
    words: readonly string[],
    english: RegExp,
    chinese: RegExp,
    code = 0,
  ): Promise<unknown> => {
    t.match(await runHere([...words, ...at(id)]), { code, err: '', out: english }, words.join(' '))
    const inChinese = await runHere([...words, ...at(id), '--lang', 'zh'])
    t.match(inChinese, { code, err: '', out: chinese }, `${words.join(' ')} in Chinese`)
    t.same(
      [
        ...englishSentences(inChinese.out),
        ...englishWords(inChinese.out, ['zjkj', 'bench', 'test', 'bulk']),
      ],
      [],
      `${words.join(' ')} has English in its Chinese`,
    )
    const { out } = await runHere([...words, ...at(id), '--json'])
    t.notMatch(out, /\$typeName|"type": "Buffer"/)
    return JSON.parse(out) as unknown
  }
  /** Runs a command that changes something, once. */
  const does = async (
    id: string,
    words: readonly string[],
    text: RegExp,
    code = 0,
  ): Promise<string> => {
    const ran = await runHere([...words, ...at(id)])
    t.match(ran, { code, out: text }, `${words.join(' ')} ${ran.err}`)
    return ran.out
  }
  const act = ['--reason', '新版目录', '--document', '浙信〔2026〕5号']

  await t.test('catalog', async (t) => {
    await does(
      '330000',
      ['catalog', 'publish', '--builtin', ...act],
      /^\d+ catalog record\(s\) published\n$/,
    )
    await federation.until(
      'the city has the catalog',
      () => federation.node('330100').context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
    )
    await prints(
      '330100',
      ['catalog', 'list'],
      /zj\/industry-evaluation@2026\.1 +item +Industry credit evaluation results +in_force/,
      /行业信用评价结果/,
    )
    const shown = await prints(
      '330100',
      ['catalog', 'show', INDUSTRY_ITEM],
      /^property +value\n[\s\S]*originators +every county node[\s\S]*published by +张三; 浙信〔2026〕5号; 新版目录\n\ncolumn +type[\s\S]*Unified social credit code +uscc +yes +subject\.id\n/,
      /项 +值\n[\s\S]*列名 +类型[\s\S]*统一社会信用代码 +统一社会信用代码 +是 +subject\.id\n/,
    )
    t.match(
      shown,
      [
        {
          record: {
            item: { id: 'zj/industry-evaluation' },
            act: { actor: '张三', reason: '新版目录', document: '浙信〔2026〕5号' },
          },
        },
      ],
      'with the acting person of the certificate',
    )
    await prints(
      '330000',
      ['catalog', 'show', 'zj/five-grade@2020'],
      /grades +A > B > C > D > E/,
      /等级 +A > B > C > D > E/,
    )
    t.match(await runHere(['catalog', 'show', 'zj/none@1', ...at('330000')]), {
      code: 1,
      err: /^error not_found .*zj\/none@1 is not in the catalog: see huxin catalog list\n$/,
    })
    const template = join(folder, '模板.xlsx')
    await does(
      '330100',
      ['catalog', 'template', 'zj/industry-evaluation', '--out', template],
      /模板\.xlsx is written\. Fill it in, and import it: huxin import .* --item zj\/industry-evaluation@2026\.1 /,
    )
    await does(
      '330100',
      ['catalog', 'template', INDUSTRY_ITEM, '--out', join(folder, 't.csv'), '--lang', 'zh'],
      /已生成 .*t\.csv。填写后导入/,
    )
    t.match(
      await readFile(join(folder, 't.csv'), 'utf8'),
      /^\ufeff记录编号,主体类型,统一社会信用代码\*,主体名称\*,行业领域\*,评价等级\*,评价分数,/,
    )
    await appendFile(
      join(folder, 't.csv'),
      ',,91330825TT00000152,甲公司,旅游,A,,2026/6/30,2026/7/1,2027/6/30,11330825TT00000903,,\r\n',
    )
    await does(
      '330100',
      ['import', join(folder, 't.csv'), '--item', INDUSTRY_ITEM, '--target', '330000', '--dry-run'],
      /1 rows \(utf-8\): 1 good, 0 bad/,
    )
    await does(
      '330100',
      ['import', template, '--item', INDUSTRY_ITEM, '--target', '330000', '--dry-run'],
      /0 rows \(xlsx\)[\s\S]*a header and nothing below it/,
      1,
    )
    t.match(
      await runHere([
        'catalog',
        'template',
        INDUSTRY_ITEM,
        '--out',
        join(folder, 'item.yaml'),
        ...at('330100'),
      ]),
      { code: 2, err: /ends in neither \.xlsx nor \.csv/ },
    )
    t.match(await runHere(['catalog', 'template', 'cn/recognition', ...at('330100')]), {
      code: 2,
      err: /has no columns for files/,
    })
    const file = join(folder, 'item.yaml')
    await writeFile(
      file,
      'scale: {id: zj/two, version: "1", name_zh: 两级, name_en: two grades, subject_types: [SUBJECT_TYPE_ENTERPRISE], grades: [A, B], legal_document: x, effective_from: "2026-01-01"}\n',
    )
    await does(
      '330000',
      ['catalog', 'publish', file, ...act],
      /^1 catalog record\(s\) published\n$/,
    )
    await does(
      '330000',
      ['catalog', 'publish', file, '--reason', '再次', '--document', '2号'],
      /^0 catalog record\(s\) published, 1 already there\n$/,
    )
    await writeFile(file, 'skale: {}\n')
    t.match(await runHere(['catalog', 'publish', file, ...act, ...at('330000')]), {
      code: 2,
      err: /the file is no catalog record: .*skale.*is wanted\n$/,
    })
  })

  await t.test('member', async (t) => {
    await prints(
      '330000',
      ['member', 'list'],
      /zj\.example\/330100 +city +zj\.example\/330000 +330100 +- +1 +0 +active/,
      /节点 +层级/,
    )
    const out = join(folder, 'join.json')
    const application = join(folder, 'application.txt')
    const home = await mkdtemp(join(folder, 'ningbo-'))
    t.match(
      await runHere([
        'node',
        'init',
        '--node',
        home,
        '--id',
        'zj.example/330300',
        '--tier',
        'city',
        '--divisions',
        '330300',
        '--body',
        BODY,
        '--certs',
        '../certs',
        '--parent',
        'zj.example/330000',
        '--parent-address',
        '127.0.0.1:1',
      ]),
      { code: 0, out: /give .*application\.txt to the parent's operator/ },
    )
    await writeFile(
      application,
      `\ufeff${(await readFile(join(home, 'application.txt'), 'utf8')).replaceAll('\n', '\r\n')}`,
    )
    const own = join(federation.folderOf('330000'), 'join.json')
    t.match(
      await runHere([
        'member',
        'approve',
        application,
        ...act,
        '--out',
        own,
        '--force',
        ...at('330000'),
      ]),
      { code: 2, err: /is the join file of this node itself: name another file with --out/ },
    )
    await writeFile(out, 'of somebody')
    t.match(
      await runHere(['member', 'approve', application, ...act, '--out', out, ...at('330000')]),
      { code: 2, err: /join\.json is there already/ },
    )
    await rm(out)
    await does(
      '330000',
      ['member', 'approve', application, ...act, '--out', out],
      /^admitted; give .*join\.json to the node \(huxin node join\)\n$/,
    )
    t.equal((await stat(out)).mode & 0o777, 0o600)
    const { statements } = JSON.parse(await readFile(out, 'utf8')) as { statements: string[] }
    t.match(
      Buffer.from(statements.at(-1)!, 'base64').toString(),
      /^huxin\/member[\s\S]*\nactor 张三\n[\s\S]*document 浙信〔2026〕5号\n[\s\S]*reason 新版目录\n/,
      'the act is recorded with the person',
    )
    await does('330000', ['member', 'approve', application, ...act, '--out', out], /^admitted/)
    await writeFile(out, `\ufeff${(await readFile(out, 'utf8')).replaceAll('\n', '\r\n')}`)
    t.match(await runHere(['node', 'join', out, '--node', home]), {
      code: 0,
      out: /may be started now/,
    })
    t.match(await runHere(['node', 'join', out, '--node', federation.folderOf('330100')]), {
      code: 2,
      err: /does not admit the keys/,
    })
    await does(
      '330000',
      ['member', 'suspend', 'zj.example/330300', ...act],
      /^zj\.example\/330300: suspended, from now on; statement 1 goes to every node, with reason and document\n$/,
    )
    t.match(await runHere(['member', 'suspend', 'zj.example/330300', ...act, ...at('330000')]), {
      code: 2,
      err: /zj\.example\/330300 is suspended already, by its statement 1\n$/,
    })
    await prints(
      '330000',
      ['member', 'list'],
      /zj\.example\/330300 .* 1 +1 +suspended/,
      /市 .*已暂停/,
    )
    await does(
      '330000',
      ['member', 'activate', 'zj.example/330300', ...act],
      /: active, from now on; statement 2 /,
    )
    await prints('330000', ['member', 'list'], /zj\.example\/330300 .* 1 +2 +active/, /正常/)
    await does(
      '330000',
      ['member', 'catalog', '330000', '--prefix', 'zjkj', ...act],
      /^330000: zjkj, from now on\n$/,
    )
    await prints(
      '330000',
      ['member', 'list'],
      /zj\.example\/330000 .* zj zjkj +1 +1 +active/,
      /目录前缀/,
    )
    t.match(
      await runHere(['member', 'catalog', '330300', '--prefix', 'nb', ...act, ...at('330000')]),
      { code: 1, err: /the catalog is made by nation and province/ },
    )
    await does(
      '330000',
      ['member', 'catalog', '330000', ...act],
      /^330000: no prefixes, from now on\n$/,
    )
    t.match(await runHere(['member', 'suspend', 'zj.example/999999', ...act, ...at('330000')]), {
      code: 2,
      err: /999999/,
    })
  })

  await t.test('certificate, and who may issue one', async (t) => {
    await prints(
      '330000',
      ['certificate', 'list'],
      /^no certificate is revoked\n\nconnected +role[\s\S]*zj\.example\/330000 +operator +张三[\s\S]*on this machine +role[\s\S]*operator-\S+\.crt +operator +张三 +[0-9A-F]+ +\d{4}-\d\d-\d\d \S+ \S+ +8\d\d d/,
      /^没有被吊销的证书\n\n当前连接/,
    )
    await does(
      '330000',
      ['certificate', 'revoke', '--role', 'client', '--serial', '0a:1b', ...act],
      /^revoked; logged as [0-9a-f]{64}, here alone\. Open connections end within seconds\n$/,
    )
    await does(
      '330000',
      ['certificate', 'revoke', '--role', 'operator', '--name', '李四', ...act],
      /issue the new one after five minutes\noperators who remain/,
    )
    await prints(
      '330000',
      ['certificate', 'list'],
      /zj\.example\/330000 +client +- +A1B +zj\.example\/330000 +\S+ \S+ \S+ +张三 +新版目录 +浙信〔2026〕5号/,
      /操作员 +李四/,
    )
    for (const which of [[], ['--serial', '1', '--name', 'x']])
      t.match(
        await runHere([
          'certificate',
          'revoke',
          '--role',
          'client',
          ...which,
          ...act,
          ...at('330000'),
        ]),
        { code: 2, err: /say which: --serial/ },
      )
    t.match(
      await runHere([
        'certificate',
        'revoke',
        '--role',
        'operator',
        '--name',
        '张三',
        ...act,
        ...at('330000'),
      ]),
      { code: 2, err: /the certificate that you use is among them.*--own/ },
    )
    await does(
      '330000',
      ['certificate', 'reinstate', '--role', 'client', '--serial', 'A1B', ...act],
      /^counts again; logged as [0-9a-f]{64}\n$/,
    )
    t.match(
      await runHere([
        'certificate',
        'reinstate',
        '--role',
        'client',
        '--serial',
        'A1B',
        ...act,
        ...at('330000'),
      ]),
      { code: 1, err: /not_found .*huxin certificate list/ },
    )
    const ca = (tier: string): string[] => ['--ca', join(federation.pki.folder, `ca-${tier}.crt`)]
    await does(
      '330000',
      ['member', 'authorities', '330100', ...ca('city'), ...ca('county'), ...act],
      /^330100: certificates count that were issued by one of these, and no others:\n(?:sha256:[0-9a-f]{64}\n){2}$/,
    )
    await does(
      '330000',
      ['member', 'authorities', '330100', ...ca('city'), ...act],
      /(?:sha256:[0-9a-f]{64}\n){1}$/,
    )
    t.match(
      await runHere(['member', 'authorities', '330000', ...ca('county'), ...act, ...at('330000')]),
      { code: 2, err: /nobody can reach this node/ },
    )
    t.match(
      await runHere([
        'member',
        'authorities',
        '330100',
        '--ca',
        join(federation.folderOf('330000'), 'node.yaml'),
        ...act,
        ...at('330000'),
      ]),
      { code: 2, err: /holds no certificate of a CA/ },
    )
  })

  await t.test('quarantine', async (t) => {
    await prints(
      '330000',
      ['quarantine', 'list'],
      /^nobody is under quarantine here\n$/,
      /^本节点没有暂停接收的来源\n$/,
    )
    const { context } = federation.node('330000')
    const key = textKey(tables.quarantine, 'zj.example/330300')
    await context.store.commit([{ key, value: checkedValue(key, Buffer.alloc(32, 0xab)) }])
    context.ledger().quarantined.add('zj.example/330300')
    const listed = await prints(
      '330000',
      ['quarantine', 'list'],
      /zj\.example\/330300 +(?:ab){32}/,
      /来源 +同号的第二个批次/,
    )
    t.same(listed, [{ origin: 'zj.example/330300', batchId: 'ab'.repeat(32) }])
    const said = await does(
      '330000',
      ['quarantine', 'lift', '330300', ...act],
      /^batches of 330300 are taken again; logged as [0-9a-f]{64}\n$/,
    )
    const { entry, body } = (await findBatch(context, Buffer.from(said.slice(-65, -1), 'hex')))!
    t.match(entry.source, { kind: 'operator' })
    t.match(
      fromBinary(OperatorActSchema, recordAt(body!, 0)!),
      {
        member: 'zj.example/330300',
        person: { actor: '张三', reason: '新版目录', document: '浙信〔2026〕5号' },
      },
      'with the acting person of the certificate',
    )
    t.match(await runHere(['quarantine', 'lift', '330300', ...act, ...at('330000')]), {
      code: 1,
      err: /^error not_found .*zj\.example\/330300 is not under quarantine here/,
    })
  })

  const records = many(3, industryRecord)
  let batch = ''
  await t.test('import and show', async (t) => {
    const file = join(folder, '评价.csv')
    const row = (i: number, change = 'A'): string =>
      [
        `c-${i}`,
        uscc(i),
        `企业${i}`,
        'transport',
        change,
        '2026-06-30',
        '2026-07-01',
        '2027-06-30',
        BODY,
      ].join(',')
    const head =
      '记录编号,统一社会信用代码,主体名称,行业领域,评价等级,评价日期,有效期起,有效期止,评价单位代码'
    await writeFile(file, [head, row(0), row(1), row(2, 'Z'), ''].join('\n'))
    const words = ['import', file, '--item', INDUSTRY_ITEM, '--target', '330000']
    await does(
      '330100',
      words,
      /^3 rows \(utf-8\): 2 new, 0 updated, 0 unchanged, 1 refused; 1 batch\(es\)\n {2}1 × \w+: .*\nrejected rows: .*评价\.csv\.rejected\.csv \(mend them there and import that file\)\nitem: zj\/industry-evaluation@2026\.1; provider: 11330825TT00000903\ntargets: 330000 \(1 province\)\n$/,
      1,
    )
    await does(
      '330100',
      [...words, '--lang', 'zh'],
      /^共 3 行（utf-8）：新增 0 条，更新 0 条，不变 2 条，退回 1 行；没有新增/,
      1,
    )
    t.match(JSON.parse(await does('330100', [...words, '--json'], /^\{/, 1)), {
      rows: 3,
      existing: 2,
      rejected: 1,
    })
    await writeFile(file, [head, row(0), row(1), ''].join('\n'))
    await does('330100', words, /0 new, 0 updated, 2 unchanged/, 0)
    const [newest] = (await prints(
      '330100',
      ['import', 'list'],
      /0 new, 0 updated, 2 unchanged, 0 to more targets, 0 refused/,
      /新增 0，更新 0，不变 2/,
    )) as { id: string; file: string; by: string }[]
    t.match(newest, {
      file: resolve(file),
      by: '张三',
      provider: BODY,
      targets: ['330000'],
      end: { outcome: 'done' },
    })
    const runs = (await prints(
      '330100',
      ['import', 'list', '--limit', '10'],
      /评价\.csv/,
      /评价\.csv/,
    )) as { id: string; batches: number }[]
    const first = runs.find(({ batches }) => batches === 1)!
    await federation.until('the province signed', async () =>
      /zj\.example\/330000 signed for 1 of 1 batches/.test(
        (await runHere(['import', 'show', first.id, ...at('330100')])).out,
      ),
    )
    await prints('330100', ['import', 'show', first.id], /SHA-256 +[0-9a-f]{64}/, /已签收 1／1 批/)
    t.equal((await stat(join(federation.folderOf('330100'), 'imports'))).mode & 0o777, 0o700)
    await writeFile(file, [head, row(0), row(1, 'B'), ''].join('\n'))
    await does(
      '330100',
      ['import', file, '--item', 'zj/industry-evaluation', '--target', '330000'],
      /0 new, 1 updated, 1 unchanged, 0 refused; 1 batch\(es\)\n {2}row 3, c-1: 评价等级 A → B\n/,
      0,
    )
    await writeFile(file, [head, row(0), row(1), ''].join('\n'))
    await does('330100', words, /c-1: 评价等级 B → A\n/, 0)
    t.match(
      await runHere([
        'import',
        file,
        '--item',
        INDUSTRY_ITEM,
        '--target',
        '330000/**',
        ...at('330100'),
      ]),
      { code: 2, err: /330000\/\*\* goes to 1 province, \d+ cit.*--yes/ },
    )
    await does(
      '330100',
      ['import', file, '--item', INDUSTRY_ITEM, '--target', '330000/**', '--yes'],
      /0 new, 0 updated, 0 unchanged, 2 to more targets/,
      0,
    )
    await does(
      '330100',
      ['import', file, '--item', INDUSTRY_ITEM, '--target', '330000/**'],
      /2 unchanged/,
      0,
    )
    await writeFile(file, `${head}\n`)
    await does('330100', words, /^0 rows .* nothing was sent/, 1)
    await writeFile(file, [head, row(0), row(1), ''].join('\n'))
    t.match(await runHere([...words, ...at('330100'), '--target', '999999']), {
      code: 2,
      err: /target 999999 names no member of this federation: see huxin member list/,
    })
    t.match(
      await runHere([
        ...words.slice(0, 3),
        'zj/none@1',
        '--target',
        '**',
        '--yes',
        ...at('330100'),
      ]),
      { code: 2, err: /known are .*zj\/industry-evaluation@2026\.1/ },
    )
    const { err } = await runHere([...words, ...at('330100')], { terminal: true })
    t.equal(err, '', 'no bar for work that is done at once')

    const [shown] = (await prints(
      '330100',
      ['show', 'c-1'],
      /^batch [0-9a-f]{64} position 1, entry \d+\nzj\/industry-evaluation@2026\.1, from zj\.example\/330100: current/,
      /^批次 /,
    )) as { batchId: string; position: number }[]
    t.equal(shown!.position, 1)
    batch = shown!.batchId
    await prints('330100', ['show', batch], /2 records/, /2 条记录/)
    await prints(
      '330100',
      ['show', uscc(1), '--type', 'enterprise'],
      /\nRecord ID +c-1\n/,
      /\n记录编号 +c-1\n主体类型 +企业\n/,
    )
    t.match(
      (await runHere(['show', uscc(1), '--type', '企业', ...at('330100')])).out,
      /\nRecord ID +c-1\n/,
    )
    t.match(await runHere(['show', uscc(1), '--type', '公司', ...at('330100'), '--lang', 'zh']), {
      code: 2,
      err: /取值“公司”无效，可选：企业（enterprise）、.*；参见：huxin show --help/,
    })
    const copied = join(folder, '换了名字.csv')
    await copyFile(file, copied)
    await prints(
      '330100',
      ['why', copied],
      /^import \S+ of \S+评价\.csv on .* by 张三: 2 rows\n[\s\S]*outcome: /,
      /^张三 于 .* 导入 \S+评价\.csv（编号 \S+）：共 2 行\n目录项 .*，送达范围：330000/,
    )
    await prints(
      '330100',
      ['why', first.id],
      /outcome: 2 new, .* 1 refused\nwhat to do: /,
      /结果：新增 2，.*退回 1\n处理办法：[\s\S]*批次共 1 批：被上级退回 0 批/,
      1,
    )
    await appendFile(copied, '\n')
    t.match(await runHere(['why', copied, ...at('330100'), '--lang', 'zh']), {
      code: 1,
      err: /的内容从未在本节点目录导入/,
    })
    await appendFile(file, '\n')
    t.match(await runHere(['why', file, ...at('330100'), '--lang', 'zh']), {
      code: 1,
      err: /同名而内容不同的文件于 .* 导入：用 huxin why \d{8}-\d{6}-/,
    })
    t.match(await runHere(['show', 'no-such', ...at('330100')]), {
      code: 1,
      err: /^error not_found .*no record with the id "no-such" is known here; names are not looked for: /,
    })
    await federation.until(
      'the province has it',
      async () => (await runHere(['show', batch, ...at('330000')])).code === 0,
    )
  })

  await t.test('log', async (t) => {
    const published = await publishRecords(federation.node('330000').context, records, ['330000'])
    const index = published.index
    await prints(
      '330000',
      ['log', 'checkpoint'],
      /^zj\.example\/330000\/1\n\d+\n[\s\S]*— zj\.example\/330000 .*\n[\s\S]*(?:not yet )?final\n/,
      /终局/,
    )
    const rows = await prints(
      '330000',
      ['log', 'list', '--start', String(index), '--limit', '1'],
      /^index +time +batch[\s\S]*\n\d+ .* evaluation +zj\.example\/330000 +zj\/industry-evaluation@2026\.1 +3 +client|evaluation/,
      /^序号 +时间/,
    )
    t.match(rows, [{ index: Number(index), kind: 'evaluation', records: 3, verdict: 'accepted' }])
    const file = join(folder, 'proof.json')
    const { vkey } = JSON.parse(
      await does('330000', ['log', 'prove', String(index), '-o', file, '--json'], /vkey/),
    ) as { vkey: string }
    await does(
      '330000',
      ['log', 'prove', Buffer.from(published.batch!.id).toString('hex'), '-o', file, '--force'],
      /check it anywhere with: huxin log verify /,
    )
    const verify = ['log', 'verify', file, '--vkey', vkey]
    t.match(
      await runProgram(verify),
      {
        code: 0,
        err: '',
        out: /^proven: entry \d+ is in the log zj\.example\/330000\/1 of \d+ entries\n[\s\S]*3 record\(s\), accepted at /,
      },
      'by another process',
    )
    t.match(await runHere([...verify, '--lang', 'zh']), { code: 0, out: /^已证明：/ })
    t.match(JSON.parse((await runHere([...verify, '--json'])).out), {
      index: String(index),
      records: 3,
      verdict: 'accepted',
    })
    const plain = join(folder, 'hub.tlog-proof')
    const named = JSON.parse(
      await does('330000', ['log', 'prove', String(index), '-o', plain, '--json'], /vkey/),
    ) as { entry: string; vkey: string }
    const logVerifier = parseVkey(named.vkey)
    t.equal(logVerifier.name, 'zj.example/330000/1', 'C2SP tools want the key named as its log')
    t.equal(
      verifyTlogProof({
        proofBytes: await readFile(plain),
        leaf: await readFile(named.entry),
        origin: logVerifier.name,
        logVerifier,
      }).index,
      index,
    )
    await does(
      '330000',
      ['log', 'prove', String(index), '-o', plain, '--force'],
      /log key for C2SP tools: zj\.example\/330000\/1\+/,
    )

    const evidence = join(folder, 'evidence.txt')
    const asked = [
      'evidence',
      Buffer.from(published.batch!.id).toString('hex'),
      '--position',
      '0',
      '--purpose',
      'judicial',
      '--document',
      '（2026）浙0106民初12号',
      '--force',
      '-o',
      evidence,
    ]
    const { roots } = JSON.parse(await does('330000', [...asked, '--json'], /accessBatchId/)) as {
      roots: string[]
    }
    await does('330000', asked, /check it anywhere, without a network: huxin verify /)
    await does('330000', [...asked, '--lang', 'zh'], /可在任何地方离线核验：huxin verify /)
    t.match(await runProgram(['verify', evidence, '--root', roots[0]!]), {
      code: 0,
      err: '',
      out: /^PROVEN: record 0 is in batch/,
    })
    const offline = async (...more: string[]): Promise<string> =>
      (await runHere(['verify', evidence, '--root', roots[0]!, '--lang', 'zh', ...more])).out
    t.match(
      await offline(),
      new RegExp(
        `存证材料中没有目录：目录项字段以字段标识列出；需要名称的，在节点上执行 huxin catalog show ${INDUSTRY_ITEM} --json > 文件，再加 --catalog 文件\\n$`,
      ),
    )
    const titles = join(folder, 'titles.json')
    const [shown] = JSON.parse(
      (await runHere(['catalog', 'show', INDUSTRY_ITEM, '--json', ...at('330000')])).out,
    ) as {
      standing: string
      record: { item: { columns: { field: string; headerZh: string }[] } }
    }[]
    shown!.record.item.columns.find(({ field }) => field === 'evaluation_result.grade')!.headerZh =
      '信用等级（试行）'
    for (const words of [[shown], shown!.record]) {
      await writeFile(titles, JSON.stringify(words))
      t.match(
        await offline('--catalog', titles),
        new RegExp(`\\n信用等级（试行） +[^]*字段名称取自 ${titles}，不属于证明内容\\n$`),
        'as it was printed, and as it was published',
      )
    }
    await writeFile(titles, JSON.stringify({ item: { ...shown!.record.item, edition: '1999.1' } }))
    t.match(
      await offline('--catalog', titles),
      new RegExp(`${titles} 中没有 ${INDUSTRY_ITEM}：目录项字段以字段标识列出；`),
    )
    t.match(await runHere(['verify', evidence, '--root', roots[0]!, '--catalog', evidence]), {
      code: 2,
      err: /is no catalog record/,
    })
    t.match(await runHere([...asked.slice(0, -1), join(folder, 'absent', 'x'), ...at('330000')]), {
      code: 2,
      err: /cannot be written/,
    })
    const proof = JSON.parse(await readFile(file, 'utf8')) as { entry: string; proof: string }
    const forged = join(folder, 'forged.json')
    await writeFile(
      forged,
      JSON.stringify({
        ...proof,
        entry: Buffer.from(
          Buffer.from(proof.entry, 'base64')
            .toString()
            .replace(/^time \S+/m, 'time 2020-01-01T00:00:00Z'),
        ).toString('base64'),
      }),
    )
    t.match(await runProgram(['log', 'verify', forged, '--vkey', vkey]), {
      code: 1,
      err: /^error proof_invalid /,
    })
    const other = federation.node('330100').context.noteSigner.vkey
    t.match(await runHere(['log', 'verify', file, '--vkey', other]), {
      code: 1,
      err: /^error signature_invalid .*the proof is of the log zj\.example\/330000\/1, the key of zj\.example\/330100\n/,
    })
    t.match(await runHere(['log', 'verify', file, '--vkey', 'nonsense']), {
      code: 2,
      err: /--vkey/,
    })
    t.match(
      await runHere(['log', 'prove', file.replace('proof', 'x'), '-o', file, ...at('330000')]),
      { code: 2 },
    )
    t.match(
      await runHere([
        'log',
        'prove',
        '1',
        '-o',
        join(folder, 'absent', 'proof.json'),
        ...at('330000'),
      ]),
      { code: 2, err: /cannot be written/ },
    )
    t.match(
      await runHere(['log', 'prove', '99999', '-o', join(folder, 'other.json'), ...at('330000')]),
      { code: 1, err: /^error not_found .*not in the log, which has \d+\n$/ },
    )
  })

  await t.test('recognition', async (t) => {
    const subject = [
      '--subject-type',
      'enterprise',
      '--subject',
      uscc(1),
      '--subject-name',
      '企业1',
    ]
    await does(
      '330000',
      [
        'recognition',
        'request',
        '--holder',
        '330100',
        '--item',
        INDUSTRY_ITEM,
        ...subject,
        '--purpose',
        'mutual-recognition',
        '--basis',
        '互认办法第五条',
      ],
      /^asked: rq-[0-9a-f]{24}; what becomes of it: huxin recognition show rq-[0-9a-f]{24}\n$/,
    )
    let id = ''
    await federation.until('the request arrives', async () => {
      const open = JSON.parse(
        (await runHere(['recognition', 'list', '--open', ...at('330100'), '--json'])).out,
      ) as { request: { record: { recordId: string } } }[]
      id = open[0]?.request.record.recordId ?? ''
      return id !== ''
    })
    await prints('330100', ['recognition', 'list', '--open'], /open/, /待答复/)
    t.notMatch(
      (await runHere(['recognition', 'list', ...at('330100')])).out,
      uscc(1),
      'subjects are masked in tables',
    )
    t.match(await runHere(['recognition', 'answer', id, '--decision', 'maybe', ...at('330100')]), {
      code: 2,
      err: /Allowed choices are recognized \(认可\), conditional \(有条件认可\)/,
    })
    await does(
      '330100',
      ['recognition', 'answer', id, '--decision', '认可'],
      /^answered: rc-[0-9a-f]{24}\n$/,
    )
    await federation.until('the answer arrives', async () =>
      /recognized/.test((await runHere(['recognition', 'show', id, ...at('330000')])).out),
    )
    await prints('330000', ['recognition', 'show', id], /recognized A.* valid/, /认可 A/)
    t.match(await runHere(['recognition', 'show', 'rq-none', ...at('330000')]), {
      code: 1,
      err: /no recognition request rq-none here/,
    })
  })

  await t.test('amend, reconcile, trace, fsck', async (t) => {
    await does(
      '330100',
      [
        'amend',
        'repair',
        batch,
        '0',
        '--basis',
        'repair/order36',
        '--document',
        '浙信修〔2026〕1号',
      ],
      /^c-0 · .*\n1 change\(s\) go to the whole federation, effective on \d{4}-\d\d-\d\d\n$/,
    )
    const withdrawn = JSON.parse(
      await does(
        '330100',
        ['amend', 'withdraw', 'c-1', '--basis', 'wrong', '--document', 'x', '--json'],
        /changes/,
      ),
    ) as { changes: number }
    t.equal(withdrawn.changes, 1, 'named by its record id')
    t.match(
      await runHere([
        'amend',
        'withdraw',
        batch,
        '1',
        '--basis',
        'wrong',
        '--document',
        'x',
        ...at('330100'),
      ]),
      { code: 1, err: /withdrawn already/ },
    )
    await does(
      '330100',
      ['amend', 'restore', 'c-1', '--basis', 'wrong', '--document', 'x'],
      /^(?!.*withdrawn).*\n1 change/,
    )
    t.match(
      await runHere([
        'amend',
        'restore',
        'c-1',
        '--basis',
        'wrong',
        '--document',
        'x',
        '--lang',
        'zh',
        ...at('330100'),
      ]),
      { code: 2, err: /记录 "c-1" 未被撤回，无须恢复.*(有效)/ },
    )
    await does('330100', ['show', 'c-1'], /: current\n/)
    t.match(
      await runHere([
        'amend',
        'repair',
        batch,
        '77',
        '--basis',
        'repair/order36',
        '--document',
        'x',
        ...at('330100'),
      ]),
      { err: /77|position/ },
    )
    await federation.until('all is confirmed', async () =>
      (
        JSON.parse((await runHere(['reconcile', ...at('330000'), '--json'])).out) as {
          way: string
          node: string
          inTransit: number
        }[]
      ).some(
        ({ way, node, inTransit }) =>
          way === 'to_child' && node === 'zj.example/330100' && inTransit === 0,
      ),
    )
    await prints(
      '330000',
      ['reconcile'],
      /\nway +with +item +name +due +sent +accepted/,
      /\n方向 +对方节点 +目录项 +名称 +应送 +已送 +入账/,
    )
    await prints(
      '330100',
      ['trace', 'zj.example/330100 1 330000 bulk', '0'],
      /^node +has it[\s\S]*zj\.example\/330100 +yes/,
      /是/,
    )
    await prints(
      '330000',
      ['fsck'],
      /^\d+ entries, \d+ records: 0 erased lawfully, 0 dropped after transit\nclean\n$/,
      /校验通过/,
    )
    await prints(
      '330100',
      ['node', 'status'],
      /zj\.example\/330100 \(city, epoch 1\): serving[\s\S]*parent +zj\.example\/330000 +connected/,
      /链路[\s\S]*上级/,
    )
    t.same(await findings(federation), [])
  })

  await t.test('who may not, is told so', async (t) => {
    const client = (await readdir(join(federation.pki.folder, '330000'))).find((name) =>
      /^client.*crt$/.test(name),
    )!
    t.match(
      await runHere([
        'member',
        'list',
        ...at('330000'),
        '--as',
        join(federation.pki.folder, '330000', client),
      ]),
      { code: 1, err: /^error role_denied / },
    )
    t.match(await runHere(['member', 'list', ...at('330000'), '--as', 'me.pem']), {
      code: 2,
      err: /nobody named me\.pem has a certificate/,
    })
    t.match(await runHere(['member', 'list', ...at('330000'), '--as', join(folder, 'none.crt')]), {
      code: 2,
      err: /none\.crt cannot be read/,
    })
    t.match(
      await runHere([
        'member',
        'list',
        ...at('330000'),
        '--as',
        join(federation.pki.folder, '330000', 'operator-李四.crt'),
      ]),
      {
        code: 2,
        err: /operator-李四\.crt cannot be read: there is no such file; these persons have one: 张三 \(operator-\S+\.crt\)\n$/,
      },
    )
  })

  await t.test('a reader that has seen enough is no error', async (t) => {
    const child = spawn(process.execPath, [main, 'catalog', 'list', ...at('330000'), '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    t.same([code, err], [0, ''])
  })
})
