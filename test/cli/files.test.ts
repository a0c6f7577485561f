/** Files that people bring and that commands write: nothing is lost, whatever an editor did to them, and rights are named as that. */
import t from 'tap'
import { Command } from 'commander'
import { commandFiles } from '../../src/cli/program.ts'
import type { Shell } from '../../src/cli/shell.ts'
import { spawnSync } from 'node:child_process'
import {
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deniedAt, textFromEditor } from '../../src/base/files.ts'
import { tooOld } from '../../src/cli/node-version.ts'
import { readLines, readSignedText, writeOutput } from '../../src/cli/shell.ts'
import { loadConfig } from '../../src/node/config.ts'
import { certificatesOf, identityOfCertificate } from '../../src/pki/identity.ts'
import { codeOf } from '../support/checks.ts'
import { BODY } from '../support/federation.ts'
import { runHere } from './program.ts'

const folder = await mkdtemp(join(tmpdir(), 'huxin-files-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

const utf16 = (text: string): Buffer =>
  Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(text, 'utf16le')])

t.test(
  'a signed text is read as it was signed, whatever editor or mail it went through',
  async (t) => {
    const text = 'huxin/application/v1\nmember zj.example/330825\n\n— zj.example/330825 AAAA\n'
    const file = join(folder, 'application.txt')
    for (const [what, bytes] of Object.entries({
      'as it was': Buffer.from(text),
      CRLF: Buffer.from(text.replaceAll('\n', '\r\n')),
      'a mark': Buffer.from(`\ufeff${text}`),
      'no last line feed': Buffer.from(text.trimEnd()),
      'UTF-16': utf16(text.replaceAll('\n', '\r\n')),
      'spaces and an empty line': Buffer.from(`${text.replaceAll('\n', '  \n')}\n\n`),
    })) {
      await writeFile(file, bytes)
      t.equal(await readSignedText(file), text, what)
    }
    await writeFile(file, Buffer.of(0xff, 0x00, 0xd8))
    t.equal(await codeOf(readSignedText(file)), 'argument_invalid')
    const lines = 'a \nb\n'
    for (const bytes of [Buffer.from('a \r\nb\r\n'), Buffer.from(`\ufeff${lines}`), utf16(lines)]) {
      await writeFile(file, bytes)
      t.equal(Buffer.from(await readLines(file)).toString(), lines)
    }
    const raw = Buffer.of(0x61, 0xff, 0x0d, 0x0a)
    await writeFile(file, raw)
    t.same(await readLines(file), raw, 'what is no text stays as it is')
    t.equal(textFromEditor(raw), undefined)
  },
)

t.test(
  'a file that is there is not overwritten unless it has the same content or that is asked for',
  async (t) => {
    const file = join(folder, 'out.txt')
    await writeOutput(file, 'one', {})
    await writeOutput(file, 'one', {})
    await t.rejects(writeOutput(file, 'two', {}), {
      code: 'argument_invalid',
      message: /out\.txt is there already: name another file, or give --force/,
    })
    t.equal(await readFile(file, 'utf8'), 'one')
    await writeOutput(file, 'two', { force: true })
    t.equal(await readFile(file, 'utf8'), 'two')
    t.equal(await codeOf(writeOutput(join(folder, 'none', 'x'), '', {})), 'argument_invalid')
  },
)

t.test(
  'a backup that is not there is a wrong name, and nothing is begun in the folder',
  async (t) => {
    const secret = join(folder, 'secret.txt')
    await writeFile(secret, 'a passphrase of many words\n')
    const target = join(folder, 'restored')
    for (const name of [join(folder, 'nix.backup'), folder]) {
      t.match(
        await runHere([
          'node',
          'restore',
          name,
          '--node',
          target,
          '--passphrase-file',
          secret,
          '--lang',
          'zh',
        ]),
        {
          code: 2,
          err: new RegExp(`argument_invalid.*${name} 无法读取：没有该文件，请核对文件名`),
        },
      )
    }
    t.equal(await readdir(target).catch(() => 'none'), 'none')
  },
)

t.test(
  'a certificate that is issued again loses nothing, and one of another holder is left alone',
  async (t) => {
    const certs = join(folder, 'certs')
    const pki = (...words: string[]) => runHere(['pki', ...words, '--folder', certs])
    t.match(await pki('issue', '--role', 'node', '--node', '330825'), {
      code: 2,
      err: /holds no PKI that says its trust domain/,
    })
    t.match(await pki('init', '--domain', 'zj.example'), { code: 0 })
    t.match(await pki('issue', '--role', 'node', '--node', '330825'), {
      code: 2,
      err: /330825 has no certificate yet that says its tier: give --tier/,
    })
    t.match(
      await pki('issue', '--role', 'node', '--node', '330825', '--tier', 'county'),
      { code: 0, out: /^certificate: \S+node\.crt\nkey: +\S+node\.key\n$/ },
      'the domain is that of the PKI',
    )
    const operator = await pki('issue', '--role', 'operator', '--node', '330825', '--name', '张三')
    t.match(operator, { code: 0 }, 'the tier is that of the node')
    const before = await Promise.all(
      ['crt', 'key'].map((ending) => readFile(join(certs, '330825', `node.${ending}`), 'utf8')),
    )
    t.match(await pki('issue', '--role', 'node', '--node', '330825', '--lang', 'zh'), {
      code: 0,
      out: /原证书与私钥已保留：\S+node\.crt\.former、\S+node\.key\.former\n$/,
    })
    t.same(
      await Promise.all(
        ['crt', 'key'].map((ending) =>
          readFile(join(certs, '330825', `node.${ending}.former`), 'utf8'),
        ),
      ),
      before,
    )
    t.match(await pki('issue', '--role', 'node', '--node', '330825'), {
      code: 0,
      out: /node\.crt\.former-2, /,
    })
    const file = /certificate: (\S+)/.exec(operator.out)![1]!
    await copyFile(join(certs, '330825', 'node.crt'), file)
    t.match(await pki('issue', '--role', 'operator', '--node', '330825', '--name', '张三'), {
      code: 2,
      err: /is the certificate of node zj\.example\/330825: choose another name/,
    })
    const [leaf] = certificatesOf(await readFile(file, 'utf8'))
    t.equal(identityOfCertificate(leaf!).role, 'node')
    const csr = join(folder, 'x.csr')
    await writeFile(csr, 'none')
    t.match(await pki('issue', '--role', 'node', '--node', '330825', '--csr', csr, '--out', csr), {
      code: 2,
      err: /x\.csr is there already/,
    })
  },
)

t.test(
  'what one may not read is named with its owner, and nobody is sent to make it anew',
  async (t) => {
    const home = join(folder, 'node')
    await chmod(folder, 0o755)
    await mkdir(home, { mode: 0o755 })
    t.match(
      await runHere([
        'node',
        'init',
        '--node',
        home,
        '--id',
        'zj.example/330825',
        '--tier',
        'county',
        '--body',
        BODY,
        '--certs',
        'certs',
        '--parent',
        'zj.example/330800',
        '--parent-address',
        '127.0.0.1:1',
      ]),
      { code: 0 },
    )
    const yaml = join(home, 'node.yaml')
    const key = join(home, 'keys', '1', 'note.key')
    await asAnother(async () => {
      t.match(await runHere(['node', 'check', '--offline', '--node', home]), {
        code: 2,
        out: /node\.yaml .*may not (?:be opened|open it)/,
      })
      t.notMatch(
        (await runHere(['node', 'start', '--node', home])).err,
        /huxin node (?:init|recover)/,
      )
      await t.rejects(loadConfig(home), {
        code: 'config_invalid',
        messageZh: /node\.yaml.*无权打开/,
      })
      t.match(
        await runHere(['log', 'verify', key, '--vkey', 'x']),
        { code: 2, err: /keys .*may not (?:be opened|open it)/ },
        'the first folder on the way that is closed',
      )
    }, [yaml, join(home, 'keys')])
    t.equal(
      await deniedAt(yaml, Object.assign(new Error('x'), { code: 'ENOENT' })),
      undefined,
      'what is missing is not closed',
    )
    const secret = await readFile(key, 'utf8')
    await asAnother(
      async () => t.match(await runHere(['node', 'init', '--node', home]), { code: 2 }),
      [yaml, join(home, 'keys')],
    )
    t.equal(await readFile(key, 'utf8'), secret)
    t.ok((await readdir(home)).includes('application.txt'))
  },
)

/** Does something as a user who may not open these. */
async function asAnother(doing: () => Promise<unknown>, closed: readonly string[]): Promise<void> {
  if (process.getuid!() !== 0) {
    for (const file of closed) await chmod(file, 0)
    await doing()
    for (const file of closed) await chmod(file, 0o700)
    return
  }
  for (const file of closed) await chown(file, 0, 0).then(() => chmod(file, 0o700))
  process.seteuid!(65_534)
  try {
    await doing()
  } finally {
    process.seteuid!(0)
  }
}

t.test('a Node.js that is too old is named in a sentence, by files that it can read', async (t) => {
  for (const version of ['14.21.3', '18.20.4', '20.18.9'])
    t.match(
      tooOld(version, {}),
      new RegExp(`^huxin needs Node\\.js 20\\.19 or later, this is ${version}: `),
    )
  t.match(
    tooOld('18.20.4', { LANG: 'zh_CN.UTF-8' }),
    /^huxin 需要 Node\.js 20\.19 或更高版本，当前为 18\.20\.4/,
  )
  for (const version of ['20.19.0', '22.0.0', '24.11.0', process.versions.node])
    t.equal(tooOld(version, {}), undefined, version)
  const imports = async (name: string): Promise<string[]> =>
    [
      ...(await readFile(new URL(`../../src/cli/${name}`, import.meta.url), 'utf8')).matchAll(
        /^import .* from '(.*)'|^import '(.*)'/gm,
      ),
    ].map(([, from, bare]) => from ?? bare!)
  t.same(
    [await imports('main.js'), await imports('node-version.js'), await imports('unloadable.js')],
    [['./node-version.js', './unloadable.js'], [], []],
  )
})

t.test(
  'a program that is not whole, or has no database engine for its machine, says so in a sentence',
  async (t) => {
    const part = await mkdtemp(join(tmpdir(), 'huxin-part-'))
    t.teardown(() => rm(part, { recursive: true }))
    await writeFile(join(part, 'package.json'), '{"type":"module"}')
    for (const name of ['main.js', 'node-version.js', 'unloadable.js'])
      await cp(new URL(`../../src/cli/${name}`, import.meta.url), join(part, name))
    const run = (lang: string): { status: number | null; said: string } => {
      const { status, stderr } = spawnSync(process.execPath, [join(part, 'main.js'), '--help'], {
        encoding: 'utf8',
        env: { LANG: lang },
      })
      return { status, said: stderr }
    }
    t.match(run('zh_CN.UTF-8'), {
      status: 2,
      said: /^程序文件不全，缺少 .*start\.js：.*npm ci.*\n$/,
    })
    t.match(run('C'), {
      status: 2,
      said: /^a file of the program is missing, .*start\.js: .*npm ci.*\n$/,
    })
    await writeFile(
      join(part, 'start.js'),
      "throw new Error('No native build was found for platform=linux arch=loong64\\n    loaded from: /x\\n')\n",
    )
    t.match(run('zh_CN.UTF-8'), {
      status: 2,
      said: /^本机没有可用的数据库引擎（platform=linux arch=loong64）.*\n$/,
    })
    t.match(run('C'), {
      status: 2,
      said: /^there is no database engine for this machine \(platform=linux arch=loong64\).*\n$/,
    })
    await writeFile(
      join(part, 'start.js'),
      "throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })\n",
    )
    t.match(run('C'), { status: 2, said: /ulimit -n/ })
    await writeFile(join(part, 'start.js'), "throw new Error('another fault')\n")
    t.match(run('C'), { status: 1, said: /another fault\n {4}at / })
  },
)

t.test('every command is in the file that is read for it', async (t) => {
  const shell = {
    io: { env: {} },
    language: 'en',
    exitCode: 0,
    common: (command: Command) => command,
    output: () => ({}),
  } as unknown as Shell
  for (const { names, load } of commandFiles) {
    const program = new Command('huxin')
    for (const add of await load()) add(program, shell)
    t.same(
      program.commands.map((command) => command.name()),
      names,
    )
  }
})
