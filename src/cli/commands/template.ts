/** `huxin catalog template`. */
import { fromBinary } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { HuxinError } from '../../base/errors.ts'
import { text } from '../../base/text.ts'
import {
  type CatalogItem,
  CatalogRecordSchema,
  type GradeScale,
} from '../../gen/huxin/v1/catalog_pb.ts'
import { templateCsv, templateWorkbook } from '../../intake/template.ts'
import type { Connection } from '../connect.ts'
import { print, say } from '../output.ts'
import { allPages } from '../pages.ts'
import { checkFree, type Shell, writeOutput } from '../shell.ts'
import { atNode, CALL, withForce, withNode } from './shared.ts'

export function templateCommand(catalog: Command, shell: Shell): void {
  shell
    .common(
      withForce(atNode(catalog.command('template <item>'), shell), shell),
      'huxin catalog template zj/industry-evaluation --out 行业评价.xlsx --node nodes/330825',
    )
    .description(
      say(
        shell,
        'write a file to fill in: .xlsx with explanations and lists, or .csv',
        '生成填报模板：.xlsx（含填写说明与下拉列表）或 .csv',
      ),
    )
    .option(
      '--out <file>',
      say(
        shell,
        'where it goes (default: the name of the item, .xlsx)',
        '输出文件（默认：目录项名称.xlsx）',
      ),
    )
    .action(async (id: string, _options, command: Command) => {
      const { out, force } = command.opts<{ out?: string; force?: boolean }>()
      const output = shell.output(command)
      if (out !== undefined && !/\.(?:xlsx|csv)$/i.test(out))
        throw new HuxinError(
          'argument_invalid',
          text`${out} ends in neither .xlsx nor .csv: a template is one of them`,
        )
      const template = {
        ...(await withNode(command, ({ records }) => itemWithScales(records, id))),
        language: output.language,
      }
      if (template.item.columns.length === 0)
        throw new HuxinError(
          'argument_invalid',
          text`${id} has no columns for files: its records come by a program`,
        )
      const file =
        out ??
        `${say(output, template.item.nameEn, template.item.nameZh).replace(/[\\/:*?"<>|\p{C}]/gu, '-')}.xlsx`
      await checkFree(file, { force })
      await writeOutput(
        file,
        /\.csv$/i.test(file) ? templateCsv(template) : templateWorkbook(template),
        { force },
      )
      const { item } = template
      print(
        output,
        { file, item: `${item.id}@${item.edition}`, columns: item.columns.length },
        () =>
          say(
            output,
            `${file} is written. Fill it in, and import it: huxin import ${file} --item ${item.id}@${item.edition} --target …`,
            `已生成 ${file}。填写后导入：huxin import ${file} --item ${item.id}@${item.edition} --target …`,
          ),
      )
    })
}

/** The item, in the edition that is named or the newest in force, and the scales that it allows. */
async function itemWithScales(
  records: Connection['records'],
  id: string,
): Promise<{ item: CatalogItem; scales: GradeScale[] }> {
  const found = (await entriesOf(records, id)).flatMap(({ standing, content }) =>
    content.case === 'item' ? [{ standing, item: content.value }] : [],
  )
  const standing = found.some((one) => one.standing === 'in_force')
    ? found.filter((one) => one.standing === 'in_force')
    : found
  const newest = standing
    .map(({ item }) => item)
    .sort((a, b) => (a.effectiveFrom + a.edition < b.effectiveFrom + b.edition ? 1 : -1))[0]
  if (!newest)
    throw new HuxinError('not_found', text`${id} is no item of the catalog: see huxin catalog list`)
  const scales: GradeScale[] = []
  for (const scale of newest.scales)
    for (const { content } of await entriesOf(records, scale))
      if (content.case === 'scale') scales.push(content.value)
  return { item: newest, scales }
}

async function entriesOf(records: Connection['records'], id: string) {
  const entries = await allPages(
    (pageToken) => records.listCatalog({ id, pageToken }, CALL),
    (answer) => answer.entries,
  )
  return entries.map(({ record, standing }) => ({
    standing,
    content: fromBinary(CatalogRecordSchema, record).content,
  }))
}
