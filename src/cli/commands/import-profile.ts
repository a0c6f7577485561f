/** `huxin import profile`: the profiles of departments in the folder of a node. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { bilingual } from '../../base/text.ts'
import { loadItem } from '../import/item.ts'
import {
  faultText,
  loadProfile,
  profileFile,
  profileNames,
  readProfile,
} from '../import/profiles.ts'
import { resolveProfile } from '../../intake/profile.ts'
import { print, say, table } from '../output.ts'
import { type Shell, textOfFile } from '../shell.ts'
import { atNode, CALL, withNode } from './shared.ts'

export function profileCommands(importing: Command, shell: Shell): void {
  const profile = importing
    .command('profile')
    .description(
      say(
        shell,
        "profiles of departments, profiles/<name>.yaml in the node's folder",
        '部门配置（节点目录下 profiles/<名称>.yaml）',
      ),
    )
  shell
    .common(atNode(profile.command('list'), shell), 'huxin import profile list --node nodes/330825')
    .description(say(shell, 'the profiles of this node', '列出部门配置'))
    .action(async (_options, command: Command) => {
      const { node } = command.opts<{ node: string }>()
      const rows = await Promise.all(
        (await profileNames(node)).map(async (name) => {
          const { profile: found, faults } = await readProfile(node, name)
          return { name, title: found?.title ?? '', item: found?.item ?? '', faults: faults.length }
        }),
      )
      print(shell.output(command), rows, () =>
        table(
          [
            say(shell, 'name', '名称'),
            say(shell, 'title', '说明'),
            say(shell, 'item', '目录项'),
            say(shell, 'state', '状态'),
          ],
          rows.map((row) => [
            row.name,
            row.title,
            row.item,
            row.faults === 0
              ? say(shell, 'good', '可用')
              : say(shell, `${row.faults} fault(s)`, `${row.faults} 处有误`),
          ]),
        ),
      )
    })
  shell
    .common(
      atNode(profile.command('show <name>'), shell),
      'huxin import profile show 交通局 --node nodes/330825',
    )
    .description(say(shell, 'one profile as it is written', '查看部门配置'))
    .action(async (name: string, _options, command: Command) => {
      const { node } = command.opts<{ node: string }>()
      const found = await loadProfile(node, name)
      const file = profileFile(node, name)
      const text = textOfFile(await readFile(file), file)
      print(shell.output(command), found, () => text.trimEnd())
    })
  shell
    .common(
      atNode(profile.command('check <name>'), shell),
      'huxin import profile check 交通局 --item zj/industry-evaluation@2026.1 --node nodes/330825',
    )
    .description(
      say(
        shell,
        'a profile or a file of one, held against the catalog of the running node',
        '检查部门配置（对照运行中节点的目录）',
      ),
    )
    .option(
      '--item <id@edition>',
      say(shell, 'catalog item, where the profile names none', '目录项（配置未写时给出）'),
    )
    .action(async (name: string, _options, command: Command) => {
      const { node, item } = command.opts<{ node: string; item?: string }>()
      const { file, profile: found, faults } = await readProfile(node, name)
      const all = [...faults]
      if (found) {
        const id = item ?? found.item
        if (id === undefined)
          throw new HuxinError(
            'argument_invalid',
            bilingual(
              'the profile names no catalog item: give --item',
              '配置未写目录项：请给出 --item',
            ),
          )
        const { compiled } = await withNode(command, ({ records }) =>
          loadItem({ listCatalog: (request) => records.listCatalog(request, CALL) }, id),
        )
        all.push(...resolveProfile(found, compiled).faults)
      }
      const rows = all.map((one) => ({
        path: one.path,
        message: one.text.en,
        messageZh: one.text.zh,
      }))
      print(shell.output(command), { file, faults: rows }, () =>
        all.length === 0
          ? say(shell, `${file}: good`, `${file}：可用`)
          : all.map((one) => `${file}: ${faultText(one).in(shell.language)}`).join('\n'),
      )
      if (all.length > 0) shell.exitCode = 1
    })
}
