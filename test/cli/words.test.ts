/** Words of the formats as people read and type them, records under the titles of their item, and times and durations in words. */
import t from 'tap'
import { create, toBinary } from '@bufbuild/protobuf'
import { durationOf } from '../../src/base/clock.ts'
import { formatEdition } from '../../src/cli/edition.ts'
import { withLocalTimes } from '../../src/cli/output.ts'
import { recordTable } from '../../src/cli/record-table.ts'
import { usageText } from '../../src/cli/usage.ts'
import {
  codeOf,
  purposeOf,
  readWord,
  scopeText,
  verdictOf,
  verdictText,
  wordLists,
} from '../../src/cli/words.ts'
import { CatalogRecordSchema } from '../../src/gen/huxin/v1/catalog_pb.ts'
import {
  RecognitionConfirmationSchema,
  RecognitionDecision,
  RecordSchema,
  SubjectSchema,
  SubjectType,
} from '../../src/gen/huxin/v1/record_pb.ts'
import { starterItems } from '../../src/record/data/items.ts'
import { INDUSTRY_ITEM, industryRecord, uscc } from '../support/records.ts'
import { englishWords } from './english.ts'

const en = { language: 'en' } as const
const zh = { language: 'zh' } as const
const item = starterItems.find(({ id, edition }) => `${id}@${edition}` === INDUSTRY_ITEM)!

t.test(
  'every word of every list is read in Chinese and as its code, and no two codes share one',
  async (t) => {
    for (const [name, list] of Object.entries(wordLists)) {
      const seen = new Set<string>()
      for (const [code, chinese] of list) {
        t.ok(
          chinese.length > 0 && /\p{Script=Han}/u.test(chinese[0]!),
          `${name} ${code} has a Chinese word`,
        )
        for (const typed of [code, ...chinese, code.toUpperCase(), code.replaceAll('_', ' ')])
          t.equal(codeOf(list, typed), code, `${name} ${typed}`)
        for (const one of chinese) t.notOk(seen.has(one), `${name} ${one}`)
        for (const one of chinese) seen.add(one)
      }
    }
  },
)

t.test('an unknown word is answered with all words of both languages', async (t) => {
  t.equal(readWord(wordLists.subjectType, ' 企业 '), 'enterprise')
  t.throws(() => readWord(wordLists.tier, '村'), {
    code: 'commander.invalidArgument',
    message: 'Allowed choices are nation (国家), province (省), city (市), county (县).',
  })
  const said =
    "error: option '--tier <tier>' argument '村' is invalid. Allowed choices are nation (国家), province (省), city (市), county (县)."
  t.equal(
    usageText(said, 'zh'),
    '选项“--tier <tier>”的取值“村”无效，可选：国家（nation）、省（province）、市（city）、县（county）',
  )
  t.equal(purposeOf('司法'), 'judicial')
  t.equal(purposeOf('own-purpose/2'), 'own-purpose/2', 'the catalog has further ones')
  t.throws(() => purposeOf('随便看看'), {
    code: 'commander.invalidArgument',
    message: /^Allowed choices are graded-supervision \(分级分类监管\), /,
  })
  t.same(['入账', '退回', '已退回', 'record_invalid', 'accepted'].map(verdictOf), [
    'accepted',
    'refused',
    'refused',
    'record_invalid',
    'accepted',
  ])
  t.throws(() => verdictOf('x'), { code: 'commander.invalidArgument' })
})

t.test('verdicts and whom an item names are said in words', async (t) => {
  t.same(
    ['tier:county', '330100/**', '**', '330106'].map((scope) => scopeText(zh, scope)),
    ['县级节点', '330100 及其下级', '全部节点', '330106'],
  )
  t.same(
    ['tier:county', '330100/**', '**', '330106'].map((scope) => scopeText(en, scope)),
    ['every county node', '330100 and those below it', 'every node', '330106'],
  )
  t.match(verdictText(zh, 'record_invalid'), /^退回：\p{Script=Han}+$/u)
  t.equal(verdictText(zh, 'accepted'), '已入账')
})

t.test(
  'a record stands under the titles of its item, in its order, with values in words',
  async (t) => {
    const shown = recordTable(zh, industryRecord(1, { validTo: '9999-12-31' }), item)
    t.match(
      shown,
      /^字段 +内容\n[─ ]+\n记录编号 +e-1\n主体类型 +企业\n统一社会信用代码 +\S+\n主体名称 +浙江测试企业1有限公司\n评价类别 +行业\n行业领域 +transport\n/,
    )
    t.match(shown, /有效期止 +长期\n[\s\S]*检查次数 +2$/)
    t.same(englishWords(shown), [])
    t.match(
      recordTable(en, industryRecord(1), item),
      /^field +value\n[─ ]+\nRecord ID +e-1\nSubject type +enterprise\n[\s\S]*Evaluation kind +industry\n[\s\S]*Valid to +2027-06-30\n/,
    )
    t.match(
      recordTable(zh, industryRecord(1), undefined),
      /主体代码 +\S+\n[\s\S]*评价类别 +行业信用评价\n[\s\S]*industry_code +G5430\n/,
      'without its item too',
    )
  },
)

t.test('a confirmation has titles without columns, and says the first position', async (t) => {
  const record = create(RecordSchema, {
    recordId: 'rc-1',
    subject: create(SubjectSchema, {
      type: SubjectType.SOCIAL_ORGANIZATION,
      id: uscc(1),
      name: '甲',
    }),
    content: {
      case: 'recognitionConfirmation',
      value: create(RecognitionConfirmationSchema, {
        requestRecordId: 'rq-1',
        decision: RecognitionDecision.RECOGNIZED_WITH_CONDITIONS,
        conditions: '仅限本市',
        sourceBatchId: new Uint8Array(32).fill(1),
        sourceIndex: 0,
      }),
    },
  })
  const shown = recordTable(
    zh,
    toBinary(RecordSchema, record),
    starterItems.find(({ id }) => id === 'cn/recognition'),
  )
  t.match(
    shown,
    /主体类型 +社会组织\n[\s\S]*答复 +有条件认可\n评价结果所在批次 +(?:01){32}\n认可条件 +仅限本市\n评价结果在批次中的位置 +0$/,
  )
})

t.test('an item has no code of a tier, a type or a purpose where people read it', async (t) => {
  for (const value of starterItems) {
    const shown = formatEdition(
      zh,
      create(CatalogRecordSchema, { content: { case: 'item', value } }),
      'in_force',
    )
    t.same(
      englishWords(
        shown
          .replace(/^.*字段（程序用）/m, '')
          .replaceAll(/ +(?:record_id|subject|evaluation_result|attributes)\S*$/gm, ''),
      ),
      [],
      value.id,
    )
    t.notMatch(shown, /tier:|ENTERPRISE|graded-supervision/)
  }
  t.match(
    formatEdition(
      zh,
      create(CatalogRecordSchema, { content: { case: 'item', value: item } }),
      'in_force',
    ),
    /报送范围 +县级节点、市级节点、省级节点\n送达范围 +全部节点\n[\s\S]*主体类型 +选项 +企业 +企业、社会组织、事业单位、政府机构 +subject\.type\n/,
  )
})

t.test('durations have their two largest units, and UTC times of nodes become local', async (t) => {
  t.same(
    [0, 120, 999, 5_000, 125_000, 7_199_978, 273_600_000, 86_400_000, -7_199_978].map(
      (ms) => durationOf(ms).zh,
    ),
    [
      '0 毫秒',
      '120 毫秒',
      '999 毫秒',
      '5 秒',
      '2 分钟 5 秒',
      '2 小时',
      '3 天 4 小时',
      '1 天',
      '-2 小时',
    ],
  )
  t.equal(durationOf(273_600_000).en, '3 d 4 h')
  const before = process.env['TZ']
  t.teardown(() => {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  })
  process.env['TZ'] = 'Asia/Shanghai'
  t.equal(
    withLocalTimes('自 2026-11-30T13:15:03Z 起，至 2026-12-01。'),
    '自 2026-11-30 21:15:03 +08:00 起，至 2026-12-01。',
  )
  t.equal(withLocalTimes('2026-13-30T13:15:03Z'), '2026-13-30T13:15:03Z')
})
