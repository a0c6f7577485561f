/** The account of a period, the search of the log and the story of a batch, at a province, a city and two counties. */
import t from 'tap'
import { unzipSync } from 'fflate'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { civilDate, systemClock, Turns } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { RunLog } from '../../src/cli/import/runs.ts'
import { accountPage, type AccountAsked } from '../../src/account/account.ts'
import { indexesOf, searchLog } from '../../src/account/journal.ts'
import { receiptsOf } from '../../src/witness/receipts.ts'
import { Alarms } from '../../src/alarm/alarms.ts'
import type { Context } from '../../src/commit/context.ts'
import { Neighbours } from '../../src/node/neighbours.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, type Place, silent, TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'
import { held, settled } from '../support/settled.ts'
import { english, englishWords } from './english.ts'
import { runHere } from './program.ts'

const PLACES: readonly Place[] = [
  { id: '330000', tier: 'province', divisions: ['330000'] },
  { id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] },
  { id: '330106', tier: 'county', parent: '330100', divisions: ['330106'] },
  { id: '330110', tier: 'county', parent: '330100', divisions: ['330110'] },
]

t.setTimeout(60_000)

interface Line {
  way: string
  node: string
  origin: string
  item: string
  provider: string
  period: string
  due: number
  sent: number
  accepted: number
  refused: number
  returned: number
  inTransit: number
  late: number
  undelivered: number
  dueRecords: number
  acceptedRecords: number
  refusedRecords: number
  inTransitRecords: number
}

t.test(
  'a month is accounted for in both directions, and a refused batch is explained',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'huxin-account-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const federation = await TestFederation.start(PLACES.slice(0, 3), { store: 'disk' })
    t.teardown(() => federation.stop())
    // A county whose program checks nothing: its city refuses what it lets pass.
    await federation.add(PLACES[3]!, { checkRecords: async () => [] })
    await settled(federation)
    await federation.until('all may sign', () =>
      [...federation.nodes.values()].every(({ state }) => state === 'serving'),
    )
    const at = (id: string): string[] => [
      '--node',
      federation.folderOf(id),
      '--address',
      `127.0.0.1:${federation.node(id).port}`,
    ]
    const today = civilDate(systemClock.nowMs())
    const month = today.slice(0, 7)
    const account = async (id: string, ...more: string[]): Promise<Line[]> =>
      JSON.parse(
        (await runHere(['reconcile', '--month', month, ...at(id), '--json', ...more])).out,
      ) as Line[]

    await publishRecords(federation.node('330106').context, many(3, industryRecord), ['330000'])
    await publishRecords(federation.node('330106').context, [industryRecord(7)], ['330100'], {
      kind: 'evaluation',
      batchClass: 'bulk',
    })
    await publishRecords(
      federation.node('330110').context,
      [industryRecord(10, { prefix: 'good' })],
      ['330000'],
    )
    const bad = await publishRecords(
      federation.node('330110').context,
      [industryRecord(11, { prefix: 'bad' }), industryRecord(12, { prefix: 'bad', grade: 'Z' })],
      ['330000'],
    )
    await publishRecords(
      federation.node('330000').context,
      [industryRecord(20, { prefix: 'down' })],
      ['330106'],
    )
    await federation.until(
      'all is where it belongs',
      async () =>
        (await held(federation, '330000', 'good-10')) &&
        (await held(federation, '330106', 'down-20')) &&
        (await held(federation, '330000', 'e-2')),
    )
    await federation.until(
      'the county has the refusal',
      async () =>
        (await federation.node('330110').context.ledger().known(bad.batch!.id))?.refused === true,
    )
    await federation.until('and the receipt of the city', async () =>
      (await receiptsOf(federation.node('330110').context, bad.batch!.id)).some(
        ({ node }) => node === 'zj.example/330100',
      ),
    )
    await federation.until('everything is signed for', async () =>
      (await Promise.all(['330000', '330100', '330106', '330110'].map((id) => account(id))))
        .flat()
        .every(({ inTransit }) => inTransit === 0),
    )

    await t.test(
      'lines add up: due is sent and in transit, sent is accepted and refused',
      async (t) => {
        for (const id of federation.nodes.keys()) {
          for (const line of await account(id, '--by', 'node,origin,item,provider,day')) {
            t.equal(line.due, line.sent + line.inTransit + line.undelivered, JSON.stringify(line))
            t.equal(line.sent, line.accepted + line.refused, JSON.stringify(line))
            t.equal(line.period, today)
            t.equal(line.provider, BODY)
            t.equal(line.item, INDUSTRY_ITEM)
          }
        }
      },
    )

    await t.test('the county sees what it sent and what came down', async (t) => {
      const lines = await account('330106')
      t.match(lines, [
        { way: 'own', node: '', due: 2, accepted: 2, refused: 0, acceptedRecords: 4 },
        {
          way: 'to_parent',
          node: 'zj.example/330100',
          due: 2,
          sent: 2,
          accepted: 2,
          dueRecords: 4,
        },
        { way: 'from_parent', node: 'zj.example/330100', due: 1, accepted: 1, acceptedRecords: 1 },
      ])
      t.equal(lines.length, 3)
    })

    await t.test('the city sees each county, the province, and what it refused', async (t) => {
      const lines = await account('330100')
      const line = (way: string, node: string): Line =>
        lines.find((one) => one.way === way && one.node === `zj.example/${node}`)!
      t.match(line('from_child', '330106'), { due: 2, accepted: 2, acceptedRecords: 4 })
      t.match(line('from_child', '330110'), {
        due: 2,
        accepted: 1,
        refused: 1,
        returned: 1,
        refusedRecords: 2,
      })
      t.match(
        line('to_parent', '330000'),
        { due: 2, sent: 2, accepted: 2, dueRecords: 4 },
        'what is for the city alone does not go up, what it refused neither',
      )
      t.match(line('to_child', '330106'), { due: 1, sent: 1, accepted: 1 })
      t.equal(line('to_child', '330110'), undefined)
      t.match(await account('330110'), [
        { way: 'own', due: 2, accepted: 1, refused: 1, returned: 1 },
        { way: 'to_parent', due: 2, accepted: 1, refused: 1, returned: 1 },
      ])
    })

    await t.test('lines are divided and chosen as asked', async (t) => {
      t.match(await account('330000', '--by', 'origin,month', '--with', '330100'), [
        {
          way: 'from_child',
          origin: 'zj.example/330106',
          period: month,
          node: '',
          acceptedRecords: 3,
        },
        { way: 'from_child', origin: 'zj.example/330110', acceptedRecords: 1 },
        { way: 'to_child', origin: 'zj.example/330000', acceptedRecords: 1 },
      ])
      t.same(await account('330000', '--item', 'zj/other'), [])
      t.equal((await account('330000', '--item', 'zj/industry-evaluation')).length, 3)
      const empty = await runHere([
        'reconcile',
        '--month',
        '2020-02',
        ...at('330000'),
        '--lang',
        'zh',
      ])
      t.match(empty, { code: 0, out: /^2020-02-01 至 2020-02-29（北京时间）.*\n本期没有往来\n$/ })
    })

    await t.test('it is printed as a table and written for a spreadsheet', async (t) => {
      const printed = await runHere(['reconcile', ...at('330100'), '--lang', 'zh'])
      t.match(printed, {
        code: 0,
        err: '',
        out: /北京时间[\s\S]*方向 +对方节点 +目录项 +名称 +应送 +已送 +入账 +退回 +退回已达 +在途 +逾期\n[\s\S]*下级上报 +zj\.example\/330106 +zj\/industry-evaluation@2026\.1 +行业信用评价结果 +4 \(2\) +4 \(2\)[\s\S]*下级上报 合计/,
      })
      const file = join(folder, '对账.csv')
      t.match(await runHere(['reconcile', ...at('330100'), '--lang', 'zh', '--out', file]), {
        code: 0,
        out: /对账\.csv：5 行/,
      })
      const csv = await readFile(file, 'utf8')
      t.match(csv, /^\ufeff方向,对方节点,目录项,名称,应送记录,/)
      t.match(
        csv,
        /\r\n下级上报,zj\.example\/330110,zj\/industry-evaluation@2026\.1,行业信用评价结果,3,3,1,2,2,0,0,0,2,2,1,1,1,0,0,0\r\n/,
      )
      const book = join(folder, '对账.xlsx')
      t.match(await runHere(['reconcile', ...at('330100'), '--lang', 'zh', '--out', book]), {
        code: 0,
      })
      const parts = unzipSync(await readFile(book))
      const sheet = Buffer.from(parts['xl/worksheets/sheet1.xml']!).toString()
      for (const cell of ['应送记录', '下级上报', 'zj.example/330110', INDUSTRY_ITEM])
        t.ok(sheet.includes(cell), cell)
      t.match(sheet, /<v>3<\/v>/, 'numbers are numbers')
      t.match(await runHere(['reconcile', ...at('330100'), '--out', join(folder, 'x.pdf')]), {
        code: 2,
        err: /ends with \.csv or \.xlsx/,
      })
      t.match(await runHere(['reconcile', ...at('330100'), '--out', file]), {
        code: 2,
        err: /is there already: name another file, or give --force/,
      })
      t.match(await runHere(['reconcile', ...at('330100'), '--out', file, '--force']), { code: 0 })
      t.match(
        await runHere(['reconcile', ...at('330100'), '--month', '2026-11', '--day', '2026-11-02']),
        { code: 2, err: /give one period/ },
      )
      t.match(await runHere(['reconcile', ...at('330100'), '--month', '2026-13']), {
        code: 2,
        err: /Give a month YYYY-MM/,
      })
    })

    await t.test('pages add up to the same, wherever they end', async (t) => {
      const { context } = federation.node('330100')
      const asked: AccountAsked = {
        sinceMs: 0,
        untilMs: systemClock.nowMs() + 1,
        by: ['node'],
        node: undefined,
        item: undefined,
        provider: undefined,
        lateMs: 3_600_000,
      }
      const { start, end } = await indexesOf(context, asked)
      t.same([start, end], [0n, context.log().signed.size])
      const sum = new Map<string, number>()
      for (let from = start; from < end; from++) {
        const { lines, next } = await accountPage(context, asked, {
          start: from,
          end: from + 1n,
          turns: new Turns(systemClock),
        })
        t.equal(next, from + 1n)
        for (const { way, node, batches } of lines)
          sum.set(`${way} ${node}`, (sum.get(`${way} ${node}`) ?? 0) + batches.due)
      }
      t.same(
        new Map(
          (
            await accountPage(context, asked, { start, end, turns: new Turns(systemClock) })
          ).lines.map(({ way, node, batches }) => [`${way} ${node}`, batches.due]),
        ),
        new Map(sum),
      )
      t.same(
        await indexesOf(context, { sinceMs: 0, untilMs: 1 }),
        { start: 0n, end: 0n },
        'a period before the log looks at nothing',
      )
    })

    await t.test(
      'the log is listed newest first, by what is asked for, with the names of who sent it',
      async (t) => {
        const list = async (
          id: string,
          ...words: string[]
        ): Promise<{ index: number; origin: string; verdict: string; kind: string }[]> =>
          JSON.parse((await runHere(['log', 'list', ...words, ...at(id), '--json'])).out) as []
        const all = await list('330100', '--last', '10000')
        t.same(
          all.map(({ index }) => index),
          Array.from({ length: all.length }, (_, i) => all.length - 1 - i),
        )
        t.match(await list('330100', '--last', '2'), [
          { index: all.length - 1 },
          { index: all.length - 2 },
        ])
        t.match(await list('330100', '--origin', '330110', '--verdict', 'refused'), [
          { origin: 'zj.example/330110', verdict: 'record_invalid' },
        ])
        t.equal(
          (await list('330000', '--origin', '330100', '--kind', 'evaluation')).length,
          3,
          'of a node and of those below it',
        )
        t.same(await list('330100', '--verdict', 'item_not_in_force'), [])
        t.same(await list('330100', '--until', '2026-01-01'), [])
        t.equal(
          (
            await list(
              '330100',
              '--since',
              today,
              '--item',
              'zj/industry-evaluation',
              '--provider',
              BODY,
            )
          ).length,
          5,
        )
        t.match(
          (await list('330100', '--start', '0', '--limit', '2')).map(({ index }) => index),
          [0, 1],
        )
        t.match(
          await runHere(['log', 'list', '--start', '0', '--origin', '330110', ...at('330100')]),
          { code: 2, err: /leave out --last and the filters/ },
        )
        t.match(await runHere(['log', 'list', '--origin', '339999', ...at('330100')]), {
          code: 2,
          err: /no member 339999 is known here/,
        })
        t.match(await runHere(['log', 'list', '--last', '50', ...at('330106')]), {
          code: 0,
          out: /\n\d+ .* client test +accepted\n/,
        })
        const { context } = federation.node('330100')
        const piece = await searchLog(
          context,
          {
            origin: undefined,
            kinds: [],
            verdict: undefined,
            item: undefined,
            provider: undefined,
            sinceMs: 0,
            untilMs: systemClock.nowMs() + 1,
          },
          { before: 5n, size: 3, turns: new Turns(systemClock) },
        )
        t.same([piece.found.map(({ index }) => index), piece.next], [[4n, 3n, 2n], 2n])
      },
    )

    await t.test("the city answers in one command why the county's file failed", async (t) => {
      const words = ['why', '--from', '330110', '--last', ...at('330100')]
      t.match(await runHere(words), {
        code: 1,
        err: '',
        out: /^batch [0-9a-f]{64}: 2 record\(s\) of zj\/industry-evaluation@2026\.1, born at zj\.example\/330110[\s\S]*: refused\n[\s\S]*\nrefused by zj\.example\/330100: records break the catalog item \(record_invalid\)\n {2}record 2, Grade: .*\nwhat to do: nothing of this batch is in: /,
      })
      const zh = await runHere([...words, '--lang', 'zh'])
      t.match(zh, {
        code: 1,
        out: /退回方：zj\.example\/330100；原因：记录不符合目录项（record_invalid）\n {2}第 2 条记录，评价等级：[\s\S]*\n处理办法：该批次全部未入账/,
      })
      t.match(JSON.parse((await runHere([...words, '--json'])).out), [
        {
          origin: 'zj.example/330110',
          refusal: { by: 'zj.example/330100', code: 'record_invalid', faultCount: 1 },
        },
      ])
    })

    await t.test(
      'the county is told which of its records it was, and by whom it was refused',
      async (t) => {
        const story = await runHere(['why', bad.batch!.idText.slice(0, 12), ...at('330110')])
        t.match(story, {
          code: 1,
          out: /zj\.example\/330100: refused \(record_invalid\)[\s\S]*refused by zj\.example\/330100[\s\S]*the refusal came back here as entry \d+\n {2}record 2 \(bad-12\), Grade: /,
        })
        t.match(
          await runHere(['why', 'bad-12', ...at('330110')]),
          { code: 1, out: /record 2 \(bad-12\)/ },
          'by a record of it as well',
        )
        t.match(await runHere(['why', 'good-10', ...at('330110')]), {
          code: 0,
          out: /zj\.example\/330100: accepted[\s\S]*zj\.example\/330000: accepted[\s\S]*zj\.example\/330100 has it, and signed for it\n$/,
        })
      },
    )

    await t.test(
      'a file is told of by its content, whatever it is called: the refused batch with rule and remedy first',
      async (t) => {
        const file = join(folder, '又名.csv')
        await writeFile(file, '记录编号,评价等级\nbad-12,Z\n')
        const home = federation.folderOf('330110')
        const log = await RunLog.begin(
          home,
          {
            file: '/data/六月.csv',
            sha256: createHash('sha256')
              .update(await readFile(file))
              .digest('hex'),
            bytes: 30,
            rows: 2,
            by: '张三',
            item: INDUSTRY_ITEM,
            provider: BODY,
            targets: ['330100'],
          },
          { clock: systemClock, random: systemRandom, keepDays: 1 },
        )
        log.batch({ batchId: bad.batch!.idText, records: 2, updated: 0, widened: 0 })
        log.end({ outcome: 'done', added: 2, updated: 0, widened: 0, existing: 0, rejected: 0 })
        const told = await runHere(['why', file, ...at('330110'), '--lang', 'zh'])
        t.match(told, {
          code: 1,
          err: '',
          out: /^张三 于 \S+ \S+ \S+ 导入 \/data\/六月\.csv（编号 \S+）：共 2 行\n目录项 .*\n结果：新增 2，[\s\S]*\n批次共 1 批：被上级退回 1 批，尚未全部送达 0 批，下一站均已签收 0 批\n\n批次 [0-9a-f]{64}：行业信用评价结果[\s\S]*第 2 条记录（bad-12），评价等级：[\s\S]*\n处理办法：/,
        })
        t.same([...english(told.out), ...englishWords(told.out, ['test'])], [])
        t.match(
          JSON.parse((await runHere(['why', '六月.csv', ...at('330110'), '--json'])).out),
          [
            {
              file: '/data/六月.csv',
              batches: [{ batch: bad.batch!.idText, refusal: { code: 'record_invalid' } }],
            },
          ],
          'by its name, where it is gone',
        )
        t.match(
          await runHere(['why', file, ...at('330100'), '--lang', 'zh']),
          { code: 1, err: /从未在本节点目录导入.*huxin why --from 节点 --last/ },
          'the city knows batches, not files',
        )
      },
    )

    await t.test('where nothing was refused, it says how the node stands', async (t) => {
      t.match(await runHere(['why', '--from', '330106', ...at('330100')]), {
        code: 0,
        out: /^nothing of 330106 was refused here\nthe newest batch of it that was accepted: entry \d+ .*\nit is connected/,
      })
      t.match(await runHere(['why', 'no-such', ...at('330100'), '--lang', 'zh']), {
        code: 1,
        err: /"no-such"/,
      })
      t.match(await runHere(['why', 'ab'.repeat(32), ...at('330100')]), {
        code: 1,
        err: /^error not_found .*not in the log of zj\.example\/330100/,
      })
      t.match(await runHere(['why', ...at('330100')]), {
        code: 2,
        err: /give a file, a batch or a record, or --from/,
      })
    })

    await t.test(
      'what waits for a county that is away is in transit, and undelivered once it is retired',
      async (t) => {
        await federation.node('330106').close()
        federation.nodes.delete('330106')
        const late = await publishRecords(
          federation.node('330000').context,
          [industryRecord(30, { prefix: 'late' })],
          ['330106'],
        )
        await federation.until(
          'the city has it',
          async () =>
            (await federation.node('330100').context.ledger().known(late.batch!.id)) !== undefined,
        )
        const toCounty = async (): Promise<Line | undefined> =>
          (await account('330100')).find(
            ({ way, node }) => way === 'to_child' && node === 'zj.example/330106',
          )
        t.match(await toCounty(), {
          due: 2,
          sent: 1,
          inTransit: 1,
          late: 0,
          undelivered: 0,
          inTransitRecords: 1,
        })
        t.match(await runHere(['why', late.batch!.idText, ...at('330100')]), {
          code: 0,
          out: /zj\.example\/330106 does not have it yet: /,
        })
        const city = federation.node('330100').context
        const clock = new MovableClock()
        // What the node itself looks at every few seconds, with another clock.
        const alarms = new Alarms({ clock, log: silent })
        const neighbours = await Neighbours.open({
          context: Object.create(city, { alarms: { value: alarms } }) as Context,
          clock,
          limits: {
            parentAwayMinutes: 1,
            childAwayMinutes: 60,
            childAwayMinutesOf: {},
            notFinalMinutes: 15,
            refusalsPerHour: 10,
          },
        })
        const said = async (): Promise<string[]> => {
          await neighbours.review()
          return alarms
            .standing()
            .flatMap(({ code, text: { zh } }) => (code === 'undelivered' ? [zh] : []))
        }
        t.same(await said(), [], 'for one that is merely away there is another alarm')
        t.match(
          await runHere([
            'member',
            'suspend',
            '330106',
            '--reason',
            '核查',
            '--document',
            '0号',
            ...at('330100'),
          ]),
          { code: 0 },
        )
        t.same(await said(), ['zj.example/330106 已暂停（核查，0号），有 1 批待送'])
        t.match(
          await runHere([
            'member',
            'retire',
            '330106',
            '--reason',
            '撤并',
            '--document',
            '1号',
            ...at('330100'),
          ]),
          { code: 0 },
        )
        await publishRecords(city, [industryRecord(32, { prefix: 'after' })], ['330100/**'])
        t.match(
          await toCounty(),
          { due: 2, sent: 1, inTransit: 0, undelivered: 1 },
          'what comes later is not due to it',
        )
        t.same(await said(), ['zj.example/330106 已注销（撤并，1号），有 1 批未及送达'])
        t.match(await runHere(['node', 'status', ...at('330100'), '--lang', 'zh']), {
          out: /zj\.example\/330106 +已注销 .* 1 批未送达/,
        })
        clock.pass(7.1 * 86_400_000)
        t.same(await said(), [], 'time was to see to it; the account says it on')
        t.match(await runHere(['why', late.batch!.idText, ...at('330100'), '--lang', 'zh']), {
          code: 0,
          out: /zj\.example\/330106 已注销，未曾取走/,
        })
        t.match(await runHere(['reconcile', ...at('330100'), '--lang', 'zh']), {
          out: /逾期 +无法送达/,
        })
        await federation.until(
          'the province knows',
          () =>
            federation.node('330000').context.ledger().federation.member('330106')!.status ===
            'retired',
        )
        for (const target of ['330106', '330106/**'])
          await t.rejects(
            publishRecords(federation.node('330000').context, [industryRecord(31)], [target]),
            { code: 'argument_invalid', message: /is retired and fetches nothing any more/ },
          )
        const yaml = join(federation.folderOf('330110'), 'node.yaml')
        await writeFile(
          yaml,
          (await readFile(yaml, 'utf8')).replace(
            "divisions: ['330110']",
            "divisions: ['330106', '330110']",
          ),
        )
        t.match(
          await runHere(['node', 'check', '--offline', '--node', federation.folderOf('330110')]),
          {
            code: 2,
            out: /membership +BAD +divisions of node\.yaml are 330106 330110, those of the statement of zj\.example\/330110 330110: the statement holds/,
          },
        )
      },
    )

    t.same(await findings(federation), [])
  },
)
