/** `huxin node backup`, `huxin node restore`. */
import { copyFile, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { FileKey } from '../../archive/age-file.ts'
import { newFileKey, type Secret } from '../../archive/file-key.ts'
import { holdProcess, sleep, systemClock } from '../../base/clock.ts'
import { HuxinError, isHuxinError } from '../../base/errors.ts'
import { bilingual, term, text } from '../../base/text.ts'
import {
  backupFolder,
  type BackupContents,
  type Restored,
  restoreBackup,
} from '../../node/backup.ts'
import { print, progress, say } from '../output.ts'
import {
  checkFree,
  checkReadable,
  type Overwriting,
  readInput,
  type Shell,
  textOfFile,
} from '../shell.ts'
import { atNode, CALL, withForce, withNode } from './shared.ts'

const POLL_MS = 200

export function backupCommands(node: Command, shell: Shell): void {
  const withSecret = (command: Command): Command =>
    command
      .option(
        '--passphrase-file <file>',
        say(
          shell,
          'file whose first line is the passphrase, at least 12 characters',
          '口令文件（首行为口令，至少 12 个字符）',
        ),
      )
      .option(
        '--key-file <file>',
        say(
          shell,
          'key file: keys of age (age-keygen), or at least 32 random bytes',
          '密钥文件：age 密钥（age-keygen），或至少 32 字节随机数',
        ),
      )
  shell
    .common(
      withForce(withSecret(atNode(node.command('backup'), shell)), shell),
      'huxin node backup --node nodes/330825 --out 330825.backup --passphrase-file secret.txt',
    )
    .description(
      say(
        shell,
        'write one encrypted file with database, keys, join file and checkpoint, while the node runs or not',
        '备份为一个加密文件：数据库、密钥、接入文件与签名点（节点运行与否均可）',
      ),
    )
    .requiredOption('--out <file>', say(shell, 'where it goes', '输出文件'))
    .action(async (_options, command: Command) => {
      const {
        out,
        node: folder,
        force,
      } = command.opts<{ out: string; node: string } & Overwriting>()
      await checkFree(out, { force })
      const key = await newFileKey((await secretsOf(command))[0])
      const output = shell.output(command)
      const bar = progress(output, say(output, 'bytes', '字节'))
      const contents = await backupRunning(command, {
        key,
        out,
        onBytes: (bytes) => bar.show(bytes, 0),
      })
        .catch((error: unknown) => {
          if (isHuxinError(error, 'peer_unreachable') && !(error instanceof Stopped))
            return backupFolder(resolve(folder), resolve(out), key)
          throw error
        })
        .finally(() => bar.end())
      print(output, { file: out, size: String(contents.size), rows: contents.rows }, () =>
        say(
          shell,
          `${out} holds the log at ${contents.size} entries, ${contents.rows} rows. Keep passphrase or key file elsewhere; certificates are not in it`,
          `${out} 含日志 ${contents.size} 条、${contents.rows} 行。口令或密钥文件请另行保管；证书不在其中`,
        ),
      )
    })
  shell
    .common(
      withSecret(node.command('restore <file>')),
      'huxin node restore 330825.backup --node nodes/330825 --passphrase-file secret.txt',
    )
    .description(
      say(
        shell,
        'make the folder of a node from a backup, and check it',
        '由备份恢复节点目录并校验',
      ),
    )
    .option(
      '--node <folder>',
      say(
        shell,
        'empty folder of the node (default: HUXIN_NODE or .)',
        '节点空目录（默认当前目录或 HUXIN_NODE）',
      ),
      shell.io.env['HUXIN_NODE'] ?? '.',
    )
    .action(async (file: string, _options, command: Command) => {
      await checkReadable(file)
      const restored = await restore(
        file,
        resolve(command.opts<{ node: string }>().node),
        await secretsOf(command),
      )
      const { findings, findingsZh } = restored.check
      print(
        shell.output(command),
        {
          node: restored.node,
          epoch: restored.epoch,
          size: String(restored.size),
          rows: restored.rows,
          findings,
          findingsZh,
        },
        () =>
          [
            say(
              shell,
              `${restored.node}, epoch ${restored.epoch}, is back at ${restored.size} entries`,
              `${restored.node} 纪元 ${restored.epoch} 已恢复至日志 ${restored.size} 条`,
            ),
            findings.length === 0
              ? say(shell, 'fsck: clean', '校验通过')
              : say(shell, findings.join('\n'), findingsZh.join('\n')),
            say(
              shell,
              'put the certificates that node.yaml names in place, then start it. Stop every other copy first. When its parent has seen more of this log, it says so and signs nothing: huxin node recover',
              '请放好 node.yaml 所列证书后启动，并先停止其他副本。若上级见过更长的日志，节点会提示且不再签发：huxin node recover',
            ),
          ].join('\n'),
      )
      if (findings.length > 0) shell.exitCode = 1
    })
}

/** The secret; then, for backups of before, what earlier versions read from the same file. */
async function secretsOf(command: Command): Promise<readonly [Secret, ...Secret[]]> {
  const { passphraseFile, keyFile } = command.opts<{ passphraseFile?: string; keyFile?: string }>()
  if ((passphraseFile === undefined) === (keyFile === undefined))
    throw new HuxinError('argument_invalid', text`give --passphrase-file or --key-file`)
  if (keyFile !== undefined) return [{ kind: 'key', bytes: await readInput(keyFile) }]
  const [first, ...before] = passphrasesOf(await readInput(passphraseFile!), passphraseFile!)
  return [
    { kind: 'passphrase', text: first! },
    ...before.map((words) => ({ kind: 'passphrase' as const, text: words })),
  ]
}

/** The first line, without what editors leave around it; then, where that is another text, all of it. @throws HuxinError argument_invalid */
function passphrasesOf(bytes: Uint8Array, file: string): string[] {
  const whole = textOfFile(bytes, file, { keepMark: true }).split(/\r?\n/)[0]!
  return [...new Set([whole.replace(/^\ufeff/, '').trimEnd(), whole])]
}

async function restore(
  file: string,
  folder: string,
  [secret, ...before]: readonly [Secret, ...Secret[]],
): Promise<Restored> {
  try {
    return await restoreBackup(file, folder, secret)
  } catch (error) {
    const [next, ...rest] = before
    if (!next || !isHuxinError(error, 'argument_invalid')) throw error
    return restore(file, folder, [next, ...rest]).catch(() => {
      throw error
    })
  }
}

/** Lets the running node write the file beside itself, encrypted, and fetches it from there. */
async function backupRunning(
  command: Command,
  { key, out, onBytes }: { key: FileKey; out: string; onBytes: (bytes: number) => void },
): Promise<BackupContents> {
  const release = holdProcess()
  try {
    return await withNode(command, async ({ admin, config }) => {
      let answer = await admin.backup({ head: key.head, key: key.key }, CALL)
      while (answer.state === 'writing') {
        onBytes(Number(answer.bytes))
        await sleep(systemClock, POLL_MS)
        answer = await admin.backup({}, CALL).catch((error: unknown) => {
          throw isHuxinError(error, 'peer_unreachable') ? new Stopped(error) : error
        })
      }
      if (answer.state !== 'done')
        throw new HuxinError(
          'store_failed',
          text`the node did not write the backup: ${answer.error === '' ? term(answer.state) : bilingual(answer.error, answer.errorZh || answer.error)}`,
        )
      await move(answer.file, resolve(out))
      return { node: config.node, epoch: 0, size: answer.logSize, rows: Number(answer.rows) }
    })
  } finally {
    release()
  }
}

/** The node stopped while it wrote: it may be starting again, and this command must not be in its way. */
class Stopped extends HuxinError {
  constructor(cause: unknown) {
    super(
      'peer_unreachable',
      text`the node stopped while it wrote the backup, and nothing is kept of it: ask again when it runs, or when it stays stopped`,
      { cause },
    )
  }
}

/** Also to another disk. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async () => {
    await copyFile(from, to).catch(() => {
      throw new HuxinError(
        'argument_invalid',
        text`the backup is written, but cannot be put at ${to}: it is on the node's machine at ${from}`,
      )
    })
    await rm(from)
  })
}
