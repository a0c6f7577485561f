/** Alarms: codes of one table with texts in both languages, and what the log says of them. */
import t from 'tap'
import { text } from '../../src/base/text.ts'
import { Alarms } from '../../src/alarm/alarms.ts'
import { alarmTable } from '../../src/alarm/alarm-table.ts'

interface Line {
  readonly fields: object
  readonly message: string
}

function made() {
  const lines: Line[] = []
  let nowMs = 1_000
  const keep = (fields: object, message: string): void => void lines.push({ fields, message })
  return {
    lines,
    pass: (ms: number) => void (nowMs += ms),
    alarms: new Alarms({ log: { warn: keep, info: keep }, clock: { nowMs: () => nowMs } }),
  }
}

t.test(
  'an alarm has code, subject, severity, both languages, and since when it stands',
  async (t) => {
    const { alarms, pass } = made()
    alarms.raise(
      'rollback',
      'zj.example/330106',
      text`${'zj.example/330106'} shows a log of ${3n} entries after one of ${7n}: it was restored from a copy and must recover`,
    )
    pass(500)
    alarms.raise(
      'rollback',
      'zj.example/330106',
      text`${'zj.example/330106'} shows a log of ${4n} entries after one of ${7n}: it was restored from a copy and must recover`,
    )
    const [alarm, ...more] = alarms.standing()
    t.same(more, [])
    t.match(alarm, {
      code: 'rollback',
      subject: 'zj.example/330106',
      severity: 'warning',
      sinceMs: 1_000,
    })
    t.equal(
      alarm!.text.zh,
      'zj.example/330106 此前日志 7 条，现只有 4 条：系由旧备份恢复，须执行恢复',
    )
    t.same(alarms.list(), [
      'rollback zj.example/330106: zj.example/330106 shows a log of 4 entries after one of 7: it was restored from a copy and must recover',
    ])
    t.ok(alarms.has('rollback', 'zj.example/330106'))
    t.notOk(alarms.has('rollback'))
  },
)

t.test(
  'the log has code, subject and values, once for each text, and when the alarm is over',
  async (t) => {
    const { alarms, lines } = made()
    for (let i = 0; i < 3; i++)
      alarms.raise(
        'gap',
        'zj.example/330106 1 330782 normal',
        text`number ${2n} is missing; it was last held by ${text`nobody who answers`}`,
      )
    alarms.clear('gap', 'zj.example/330106 1 330782 normal')
    alarms.clear('gap', 'zj.example/330106 1 330782 normal')
    t.same(lines, [
      {
        fields: {
          alarm: 'gap',
          subject: 'zj.example/330106 1 330782 normal',
          severity: 'warning',
          values: ['2', 'nobody who answers'],
        },
        message: 'number 2 is missing; it was last held by nobody who answers',
      },
      {
        fields: { alarm: 'gap', subject: 'zj.example/330106 1 330782 normal' },
        message: 'alarm is over',
      },
    ])
  },
)

t.test('what a neighbour says stays in its line', async (t) => {
  const { alarms, lines } = made()
  alarms.raise('link', 'spine', text`${'all is well\n\u001b[2J no alarms'}: ${'x'}`)
  t.same(alarms.list(), ['link spine: all is well \\u{1b}[2J no alarms: x'])
  t.notMatch(JSON.stringify(lines), /\\n|\\u001b/)
})

t.test(
  'alarms of one code end together by what their subjects begin with, and the worst decides',
  async (t) => {
    const { alarms } = made()
    t.equal(alarms.worst, undefined)
    alarms.raise('silence', 'zj.example/330106', 'is silent')
    t.equal(alarms.worst, 'warning')
    alarms.raise('lane_fork', 'zj.example/330106 1 ** normal', 'forked')
    alarms.raise('lane_fork', 'zj.example/330107 1 ** normal', 'forked')
    t.equal(alarms.worst, 'fault')
    alarms.clearAll('lane_fork', 'zj.example/330106 ')
    t.same(
      alarms.standing().map(({ code, subject }) => `${code} ${subject}`),
      ['silence zj.example/330106', 'lane_fork zj.example/330107 1 ** normal'],
    )
  },
)

t.test('each code says in both languages what it means and what helps', async (t) => {
  for (const [code, row] of Object.entries(alarmTable)) {
    t.match(code, /^[a-z]+(_[a-z]+)*$/)
    for (const words of [row.meaning, row.remedy])
      t.ok(words.length > 10 && !/[\u4e00-\u9fff]/.test(words), `${code}: ${words}`)
    for (const words of [row.meaningZh, row.remedyZh]) t.match(words, /[\u4e00-\u9fff]{4}/, code)
  }
})
