/** `huxin catalog`. */
import { create, fromBinary, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { mapped, text, textOf } from '../../base/text.ts'
import { parseYaml } from '../../base/yaml.ts'
import {
  type CatalogItem,
  type CatalogRecord,
  CatalogRecordSchema,
} from '../../gen/huxin/v1/catalog_pb.ts'
import { starterItems } from '../../record/data/items.ts'
import { starterMappings, starterScales } from '../../record/data/scales.ts'
import { formatEdition } from '../edition.ts'
import { print, say, table } from '../output.ts'
import { allPages } from '../pages.ts'
import { readInput, type Shell, textOfFile } from '../shell.ts'
import { word } from '../words.ts'
import { atNode, CALL, withAct, withNode } from './shared.ts'
import { refusalText } from '../../verdict/refusal.ts'
import { templateCommand } from './template.ts'

export function catalogCommands(program: Command, shell: Shell): void {
  const catalog = program
    .command('catalog')
    .description(
      say(shell, 'catalog items, grade scales, grade mappings', '目录项、等级体系与等级对照'),
    )
  shell
    .common(
      withAct(atNode(catalog.command('publish [file]'), shell), shell),
      'huxin catalog publish item.yaml --reason 新版目录 --document 浙发改〔2026〕5号 --node nodes/330000',
    )
    .description(
      say(
        shell,
        'publish a file (YAML or JSON; one record or a list), or what huxin ships',
        '发布目录文件（YAML/JSON）或内置目录',
      ),
    )
    .option(
      '--builtin',
      say(shell, 'the scales, mappings and items that huxin ships', '内置等级体系、对照与目录项'),
    )
    .action(async (file: string | undefined, _options, command: Command) => {
      const { reason, document, builtin } = command.opts<{
        reason: string
        document: string
        builtin?: boolean
      }>()
      if ((file === undefined) === !builtin)
        throw new HuxinError('argument_invalid', text`give a file, or --builtin`)
      const records =
        file === undefined
          ? builtinRecords()
          : parseRecords(textOfFile(await readInput(file), file))
      // What huxin ships has names of several owners: each publishes its own.
      const answer = await withNode(command, ({ admin }) =>
        admin.publishCatalog(
          { records, act: { reason, document }, ownedOnly: builtin ?? false },
          CALL,
        ),
      )
      if (answer.refusal) throw new HuxinError('record_invalid', refusalText(answer.refusal))
      const { batchId, published, existing } = answer
      const others = records.length - published - existing
      print(shell.output(command), { batchId, published, existing, others }, () =>
        say(
          shell,
          `${published} catalog record(s) published${existing > 0 ? `, ${existing} already there` : ''}${others > 0 ? `, ${others} left to the owners of their names` : ''}`,
          `已发布 ${published} 条目录记录${existing > 0 ? `，已存在 ${existing} 条` : ''}${others > 0 ? `，${others} 条由其名称所有者发布` : ''}`,
        ),
      )
    })
  shell
    .common(atNode(catalog.command('list'), shell), 'huxin catalog list --node nodes/330000')
    .description(say(shell, 'every edition and how it stands today', '列出目录'))
    .action(async (_options, command: Command) => {
      const entries = await withNode(command, ({ records }) =>
        allPages(
          (pageToken) => records.listCatalog({ pageToken }, CALL),
          (answer) => answer.entries,
        ),
      )
      const rows = entries.map(({ id, record, standing }) => ({
        id,
        standing,
        ...nameOf(fromBinary(CatalogRecordSchema, record)),
      }))
      print(shell.output(command), rows, () =>
        table(
          [
            say(shell, 'id', '标识'),
            say(shell, 'kind', '类别'),
            say(shell, 'name', '名称'),
            say(shell, 'standing', '状态'),
          ],
          rows.map((row) => [
            row.id,
            word(shell, row.what),
            shell.language === 'zh' ? row.nameZh : row.nameEn,
            word(shell, row.standing),
          ]),
        ),
      )
    })
  shell
    .common(
      atNode(catalog.command('show <id>'), shell),
      'huxin catalog show zj/industry-evaluation@2026.1 --node nodes/330000',
    )
    .description(say(shell, 'one edition, whole', '查看目录项'))
    .action(async (id: string, _options, command: Command) => {
      const entries = await withNode(command, ({ records }) =>
        allPages(
          (pageToken) => records.listCatalog({ id, pageToken }, CALL),
          (answer) => answer.entries,
        ),
      )
      if (entries.length === 0)
        throw new HuxinError('not_found', text`${id} is not in the catalog: see huxin catalog list`)
      const found = entries.map(({ record, standing }) => ({
        standing,
        record: fromBinary(CatalogRecordSchema, record),
      }))
      print(
        shell.output(command),
        found.map(({ standing, record }) => ({
          standing,
          record: toJson(CatalogRecordSchema, record),
        })),
        () =>
          found.map(({ standing, record }) => formatEdition(shell, record, standing)).join('\n\n'),
      )
    })
  templateCommand(catalog, shell)
}

function builtinRecords(): CatalogRecord[] {
  return [
    ...starterScales.map((value) =>
      create(CatalogRecordSchema, { content: { case: 'scale', value } }),
    ),
    ...starterMappings.map((value) =>
      create(CatalogRecordSchema, { content: { case: 'mapping', value } }),
    ),
    ...starterItems.map((value) =>
      create(CatalogRecordSchema, { content: { case: 'item', value } }),
    ),
  ]
}

/** The item of an id with edition in a catalog file, or in what `huxin catalog show --json` printed; undefined when it is not there. */
export async function itemInFile(file: string, id: string): Promise<CatalogItem | undefined> {
  const items = parseRecords(textOfFile(await readInput(file), file)).flatMap(({ content }) =>
    content.case === 'item' ? [content.value] : [],
  )
  return items.find((item) => `${item.id}@${item.edition}` === id)
}

function parseRecords(content: string): CatalogRecord[] {
  try {
    const value = parseYaml(content) as JsonValue
    return (Array.isArray(value) ? value : [value]).map((one) =>
      fromJson(CatalogRecordSchema, printedRecord(one)),
    )
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`the file is no catalog record: ${mapped(textOf(error), (words) => words.split('\n')[0]!.slice(0, 200))}; {"item": {…}}, {"scale": {…}} or {"mapping": {…}} is wanted`,
    )
  }
}

/** A record as `huxin catalog show --json` prints it stands beside how it stands. */
function printedRecord(value: JsonValue): JsonValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'standing' in value
    ? (value['record'] ?? value)
    : value
}

function nameOf({ content }: CatalogRecord): { what: string; nameZh: string; nameEn: string } {
  switch (content.case) {
    case 'item':
    case 'scale':
      return { what: content.case, nameZh: content.value.nameZh, nameEn: content.value.nameEn }
    case 'mapping':
      return {
        what: content.case,
        nameZh: `${content.value.fromScale} → ${content.value.toScale}`,
        nameEn: `${content.value.fromScale} → ${content.value.toScale}`,
      }
    default:
      return { what: '-', nameZh: '', nameEn: '' }
  }
}
