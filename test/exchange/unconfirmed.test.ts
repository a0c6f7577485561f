/** What is given of records that have ended, and by a node that cannot know whether they have. */
import t from 'tap'
import { create } from '@bufbuild/protobuf'
import { amend } from '../../src/publish/amend.ts'
import { issueEvidence } from '../../src/rights/evidence.ts'
import { answerRecognition, requestRecognition } from '../../src/recognition/recognize.ts'
import { SubjectSchema, SubjectType } from '../../src/gen/huxin/v1/record_pb.ts'
import { setMemberStatus } from '../../src/members/members.ts'
import { civilDate } from '../../src/base/clock.ts'
import { exitCodes } from '../../src/cli/output.ts'
import { runHere } from '../cli/program.ts'
import { codeOf, findings, publishRecords } from '../support/checks.ts'
import { MovableClock } from '../support/clock.ts'
import { BODY, type Place, TestFederation } from '../support/federation.ts'
import { ask } from '../support/lookups.ts'
import { act } from '../support/settled.ts'
import { INDUSTRY_ITEM, industryRecord, uscc } from '../support/records.ts'

const PROVINCE: Place = { id: '330000', tier: 'province', divisions: ['330000'] }
const COUNTY: Place = { id: '330106', tier: 'county', parent: '330000', divisions: ['330106'] }
const HOUR_MS = 3_600_000

t.setTimeout(0)

t.test(
  'what has ended is answered as label and date, and a node that cannot know gives no content and says since when',
  async (t) => {
    const clock = new MovableClock()
    const federation = await TestFederation.start([PROVINCE, COUNTY], { clock })
    t.teardown(() => federation.stop())
    const county = (): TestFederation['nodes'] extends Map<string, infer N> ? N : never =>
      federation.node('330106')
    const answer = async (id: string, recordId: string): Promise<string> => {
      const { records, unconfirmedSinceMs } = (await ask(federation.node(id).context, {
        recordId,
      })) as Awaited<ReturnType<typeof ask>> & { unconfirmedSinceMs?: bigint }
      const shown = (
        records as { standing: string; standingOn?: string; record: Uint8Array }[]
      ).map(
        ({ standing, standingOn = '', record }) =>
          `${standing} ${standingOn} ${record.length > 0 ? 'content' : 'none'}`,
      )
      return `${shown.join('; ')}${unconfirmedSinceMs === undefined ? '' : ' unconfirmed'}`
    }
    const at = (): string[] => [
      '--node',
      federation.folderOf('330106'),
      '--address',
      `127.0.0.1:${county().port}`,
    ]
    const show = (...words: readonly string[]) => runHere(['show', ...words, ...at()])
    const today = (): string => civilDate(clock.nowMs())
    await federation.until(
      'the catalog is there',
      () => county().context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
    )
    await federation.until('it serves', () => county().state === 'serving')

    const names = ['current', 'repaired', 'withdrawn', 'expired'] as const
    const published = new Map<string, Awaited<ReturnType<typeof publishRecords>>>()
    for (const prefix of names)
      published.set(
        prefix,
        await publishRecords(
          county().context,
          [industryRecord(1, { prefix, ...(prefix === 'expired' ? { validTo: today() } : {}) })],
          ['330000'],
        ),
      )
    const change = (action: 'repair' | 'withdraw', prefix: string) =>
      amend(county().context, {
        provider: BODY,
        source: { kind: 'client', name: 'test' },
        changes: [
          {
            action,
            batchId: published.get(prefix)!.batch!.id,
            position: 0,
            effectiveOn: today(),
            basis: 'test',
            document: '测〔2026〕3号',
          },
        ],
      })
    const first = today()
    await change('repair', 'repaired')
    await change('withdraw', 'withdrawn')

    await t.test(
      'repaired, withdrawn and expired records have a label and a date everywhere, and no content',
      async (t) => {
        for (const id of ['330106', '330000']) {
          await federation.until(`${id} knows it`, async () =>
            (await answer(id, 'withdrawn-1')).startsWith('withdrawn'),
          )
          await federation.until(
            `${id} gives content`,
            async () => (await answer(id, 'current-1')) === 'current  content',
          )
          t.equal(await answer(id, 'repaired-1'), `repaired ${first} none`)
          t.equal(await answer(id, 'withdrawn-1'), `withdrawn ${first} none`)
          t.equal(await answer(id, 'expired-1'), 'current  content', 'to its last day')
        }
        t.match(await show('repaired-1'), {
          code: 0,
          out: new RegExp(`: repaired from ${first} on\\nits content is not given\\n$`),
        })
        t.match(await show('repaired-1', '--lang', 'zh'), {
          code: 0,
          out: new RegExp(`：已修复（自 ${first} 起）\\n不提供内容\\n$`),
        })
        const evidence = await issueEvidence(county().context, {
          wanted: { batchId: published.get('repaired')!.batch!.id, position: 0 },
          purpose: 'judicial',
          document: '测〔2026〕9号',
          caller: '张三',
        })
        t.ok(evidence.file.length > 0, 'a court is shown it, and that is logged')
      },
    )

    const asked = await requestRecognition(county().context, {
      holder: county().context.self,
      item: INDUSTRY_ITEM,
      resultRecordId: 'current-1',
      subject: create(SubjectSchema, {
        type: SubjectType.ENTERPRISE,
        id: uscc(1),
        name: '浙江测试企业1有限公司',
      }),
      purpose: 'mutual-recognition',
      legalBasis: '省内互认办法',
      mapping: '',
      ageDaysMax: 0,
      source: { kind: 'self' },
    })
    t.equal(
      (
        await answerRecognition(county().context, {
          requestRecordId: asked.recordId,
          decision: 'recognized',
          conditions: '',
          validUntil: '',
          source: { kind: 'self' },
        })
      ).refusal,
      undefined,
    )
    t.match(await runHere(['recognition', 'show', asked.recordId, ...at()]), {
      out: /recognized A +valid/,
    })

    await t.test('wrong questions say what is wanted', async (t) => {
      t.match(await show('91330106MA2B10001X'), {
        code: exitCodes.usage,
        err: /looks like the code of a subject: also give --type/,
      })
      t.match(await show('91330106MA2B10001X', '--type', 'enterprise', '--lang', 'zh'), {
        code: exitCodes.usage,
        err: /参数缺失或格式错误/,
      })
      t.match(await show('no-such'), {
        code: exitCodes.found,
        err: /no record with the id "no-such" is known here; names are not looked for/,
      })
      t.match(await show('ab'.repeat(20)), {
        code: exitCodes.usage,
        err: /a batch id has 64 hexadecimal digits/,
      })
    })

    await t.test(
      'a county that is cut off for longer than a day gives labels and since when',
      async (t) => {
        await federation.node('330000').close()
        federation.nodes.delete('330000')
        await publishRecords(
          county().context,
          [industryRecord(1, { prefix: 'waiting' })],
          ['330000'],
        )
        clock.pass(23 * HOUR_MS)
        t.equal(await answer('330106', 'current-1'), 'current  content', 'not for a shorter time')
        clock.pass(2 * HOUR_MS)
        t.equal(await answer('330106', 'current-1'), 'unconfirmed  none unconfirmed')
        t.equal(
          await answer('330106', 'repaired-1'),
          `repaired ${first} none unconfirmed`,
          'what has ended has',
        )
        t.match(await answer('330106', 'expired-1'), /^expired 20\d\d-\d\d-\d\d none unconfirmed$/)
        t.equal(
          await codeOf(
            issueEvidence(county().context, {
              wanted: { recordId: 'current-1' },
              purpose: 'judicial',
              document: '测〔2026〕9号',
              caller: '张三',
            }),
          ),
          'unconfirmed',
        )
        t.match(await show('current-1', '--lang', 'zh'), {
          code: 0,
          out: /^未核实（自 20\S+ \S+ [+-]\d\d:\d\d 起）：.*不提供记录内容\n[\s\S]*：未核实\n不提供内容\n$/,
        })
        t.match(await show('no-such'), {
          code: exitCodes.notNow,
          err: /^error unconfirmed .*nothing is known here under "no-such", and since 20/,
        })
        const listed = () => runHere(['recognition', 'show', asked.recordId, ...at()])
        t.match(
          await listed(),
          { code: 0, out: /^unconfirmed since 20[\s\S]* unconfirmed *\n$/ },
          'an answer may have fallen',
        )
        t.notMatch((await listed()).out, /recognized/)
      },
    )

    await t.test(
      'restarted meanwhile it says so at once, counts what waits, and refuses with the reason',
      async (t) => {
        await county().close()
        federation.nodes.delete('330106')
        await federation.startNode('330106', {})
        t.equal(await answer('330106', 'current-1'), 'unconfirmed  none unconfirmed')
        // The first seconds after a start have no alarm.
        t.match(
          await runHere([
            'import',
            'x.csv',
            '--item',
            INDUSTRY_ITEM,
            '--target',
            '330000',
            '--lang',
            'zh',
            ...at(),
          ]),
          {
            code: exitCodes.notNow,
            err: /节点状态为 启动中，未报送任何记录：正在等待上级 zj\.example\/330000（失联）/,
          },
        )
        clock.pass(11_000)
        t.equal(
          await codeOf(
            publishRecords(county().context, [industryRecord(1, { prefix: 'late' })], ['330000']),
          ),
          'unconfirmed',
        )
        await federation.until('the alarm says it', () => county().alarms.has('start'))
        const { code, out } = await runHere(['node', 'status', '--json', ...at()])
        t.equal(code, exitCodes.notNow)
        const status = JSON.parse(out) as {
          standingAlarms: { code: string }[]
          parent: { waiting: string }
          unconfirmedSinceMs: string
        }
        t.match(
          status.standingAlarms.find((alarm) => alarm.code === 'start'),
          {
            severity: 'fault',
            message: /huxin node start --alone$/,
            messageZh: /^本节点自 20\S+ 启动以来尚未与上级核对日志/,
          },
        )
        t.ok(Number(status.parent.waiting) > 0, 'what waits is counted')
        t.ok(Number(status.unconfirmedSinceMs) > 0)
        t.match(await runHere(['node', 'status', '--lang', 'zh', ...at()]), {
          code: exitCodes.notNow,
          out: /：启动中\n[\s\S]*【故障】本节点自 .*（自 20\S+ \S+ [+-]\d\d:\d\d 起；告警代码 start）\n    处理：等待上级[\s\S]*\n未核实（自 20/,
        })
      },
    )

    await t.test('when the parent is back it gives content again', async (t) => {
      await federation.startNode('330000')
      await county().close()
      await federation.writeConfig(COUNTY)
      await federation.startNode('330106')
      await federation.until(
        'it is confirmed',
        async () => (await answer('330106', 'current-1')) === 'current  content',
      )
      await federation.until(
        'what waited is there',
        async () => (await answer('330000', 'waiting-1')) === 'current  content',
      )
      t.equal(
        await codeOf(
          publishRecords(county().context, [industryRecord(1, { prefix: 'late' })], ['330000']),
        ),
        '',
      )
    })

    await t.test(
      'a county that is started while it is suspended says so, with the reason, and goes on by itself when that is lifted',
      async (t) => {
        const set = (status: 'active' | 'suspended') =>
          setMemberStatus(federation.node('330000').context, {
            member: 'zj.example/330106',
            status,
            act,
            source: { kind: 'self' },
          })
        await set('suspended')
        await county().close()
        await federation.startNode('330106')
        await federation.until('it is told so', () => county().alarms.has('suspended'))
        clock.pass(11_000)
        await t.rejects(
          publishRecords(county().context, [industryRecord(1, { prefix: 'halted' })], ['330000']),
          {
            code: 'unconfirmed',
            message: /has suspended this node: test \(.*huxin member activate/,
          },
        )
        await federation.until(
          'the alarm of the start is over',
          () => !county().alarms.has('start'),
        )
        await set('active')
        await federation.until('it goes on', () => county().state === 'serving')
      },
    )

    await t.test(
      'a county that is started beside a parent with nothing new is confirmed by that',
      async (t) => {
        const parent = federation.node('330000').context
        await federation.until(
          'nothing is on its way',
          async () =>
            (await county().uplink!.waiting()) === 0 &&
            county().uplink!.follower.verified.size === parent.log().size &&
            county().state === 'serving',
        )
        const { size } = parent.log()
        await county().close()
        await federation.startNode('330106')
        await federation.until(
          'nothing new is news too',
          async () => (await answer('330106', 'current-1')) === 'current  content',
          15_000,
        )
        t.equal(parent.log().size, size, 'the parent had nothing new')
      },
    )
    t.same(await findings(federation), [])
  },
)
