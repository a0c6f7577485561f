/** The table of alarms, code by code: who ends each, and that those which nobody comes upon again stand after a start until their cause is gone. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { text } from '../../src/base/text.ts'
import { type AlarmCode, alarmTable } from '../../src/alarm/alarm-table.ts'
import { Alarms } from '../../src/alarm/alarms.ts'
import type { Context } from '../../src/commit/context.ts'
import { KeptAlarms, keptAlarms } from '../../src/node/kept-alarms.ts'
import { openMemoryStore } from '../../src/store/memory/engine.ts'
import { tables, textKey } from '../../src/store/keys.ts'
import { findings } from '../support/checks.ts'
import { FaultyDisk } from '../support/faulty-store.ts'
import { silent } from '../support/federation.ts'
import { CITY, federationOf, PROVINCE, send } from '../support/recovery.ts'

t.setTimeout(60_000)

/** Ended by nobody while the process runs, and why that is right. */
const UNTIL_THE_END: Partial<Record<AlarmCode, string>> = {
  log: 'a broken node signs nothing until huxin node recover; whoever showed it shows it again after a start',
  frozen: 'a frozen log stays frozen; its successor begins with a start',
}

t.test('each code has somebody who ends it', async (t) => {
  const folder = join(import.meta.dirname, '../../src')
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.js'))
  const sources = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  t.ok(sources.length > 100)
  const all = sources.join('\n')
  for (const code of Object.keys(alarmTable) as AlarmCode[]) {
    const isCleared =
      new RegExp(`\\.clear(All)?\\('${code}'|code === '${code}'[^]{0,80}\\.clear\\(code`).test(
        all,
      ) ||
      (code === 'former_epoch' && all.includes(`ALARM = '${code}'`))
    t.ok(keptAlarms[code] !== undefined || isCleared || UNTIL_THE_END[code] !== undefined, code)
  }
})

t.test(
  'alarms that the disk did not take are kept by the next look, whether or not it took them',
  async (t) => {
    const disk = new FaultyDisk()
    const store = disk.wrap(await openMemoryStore())
    const log = { origin: 'zj.example/330000/1', signed: { size: 9n } }
    const nobody = { federation: { member: () => undefined } }
    const started = (): Context =>
      ({
        self: 'zj.example/330000',
        epoch: 1,
        clock: systemClock,
        store,
        ledger: () => nobody,
        log: () => log,
        alarms: new Alarms({ clock: systemClock, log: silent }),
      }) as unknown as Context
    const context = started()
    const kept = await KeptAlarms.open(context)
    for (const [i, state] of (['full', 'lying', 'full', 'lying'] as const).entries()) {
      if (i === 2) context.alarms.clear('receipts')
      else context.alarms.raise('receipts', '', text`${i} is suspended`)
      disk.state = state
      await t.rejects(kept.review(), { code: 'store_failed' })
      disk.state = 'good'
      await kept.review()
      const after = started()
      await KeptAlarms.open(after)
      t.same(
        after.alarms.standing().map(({ text: said }) => said.en),
        i === 2 ? [] : [`${i} is suspended`],
      )
    }
  },
)

t.test('what nobody comes upon again stands after a start, and ends with its cause', async (t) => {
  const federation = await federationOf(t, [PROVINCE, CITY])
  const child = 'zj.example/330100'
  const lane = `${child} 1 330000 normal`
  const node = () => federation.node('330000')
  const subjects: Readonly<Record<string, string>> = {
    rollback: child,
    unproven: child,
    fork: child,
    frozen_child: child,
    unreadable: child,
    two_trees: child,
    transit: child,
    receipts: '',
    lost: '',
    lane_fork: lane,
    statement: `${child} 7`,
  }
  t.same(Object.keys(subjects).sort(), Object.keys(keptAlarms).sort(), 'each of them is asked')
  const entries = Object.entries(subjects) as [AlarmCode, string][]
  node().context.ledger().quarantined.add(child)
  await node().context.store.write([
    { key: textKey(tables.quarantine, child), value: new Uint8Array(32) },
  ])
  // A tree of the child that is cosigned ends two of them: it is away meanwhile.
  await federation.node('330100').close()
  federation.nodes.delete('330100')
  // What it has not read yet.
  await send(federation, '330000', '330100', 'later')
  for (const [code, subject] of entries)
    node().alarms.raise(code, subject, text`${child} is suspended`)
  const since = new Map(
    node()
      .alarms.standing()
      .map(({ code, sinceMs }) => [code, sinceMs]),
  )
  await federation.restart('330000')
  await federation.until('they stand again', () =>
    entries.every(([code, subject]) => node().alarms.has(code, subject)),
  )
  for (const { code, sinceMs, text: said } of node().alarms.standing()) {
    if (!since.has(code)) continue
    t.equal(sinceMs, since.get(code), code)
    t.match(said.zh, /[\u4e00-\u9fff]/, `${code} in both languages`)
  }

  const { context } = node()
  const ends = async (code: AlarmCode, changed: object): Promise<boolean> =>
    keptAlarms[code]!(context, {
      code,
      subject: subjects[code]!,
      en: '',
      zh: '',
      sinceMs: context.clock.nowMs(),
      epoch: 1,
      size: String(2n ** 40n),
      ...changed,
    })
  for (const code of [
    'rollback',
    'unproven',
    'fork',
    'frozen_child',
    'unreadable',
    'two_trees',
  ] as const) {
    t.notOk(await ends(code, {}), `${code} stands`)
    t.ok(await ends(code, { epoch: 0 }), `${code} ends with the epoch`)
  }
  const days = (count: number): object => ({ sinceMs: context.clock.nowMs() - count * 86_400_000 })
  for (const [code, ended] of [
    ['receipts', 1.1],
    ['lost', 7.1],
  ] as const)
    t.same(
      [await ends(code, days(ended - 0.2)), await ends(code, days(ended))],
      [false, true],
      code,
    )
  t.same(
    [await ends('statement', {}), await ends('statement', { subject: `${child} -1` })],
    [false, true],
    'a later statement settles it',
  )
  t.same(
    [
      await ends('transit', {}),
      await ends('transit', { size: '0' }),
      await ends('transit', { subject: 'zj.example/330999' }),
    ],
    [false, true, true],
    'the child has read on, or is none',
  )
  t.notOk(await ends('lane_fork', {}))
  context.ledger().quarantined.delete(child)
  t.ok(await ends('lane_fork', {}), 'lifted')
  await context.store.write([{ key: textKey(tables.quarantine, child), value: undefined }])
  const kept = await KeptAlarms.open(context)
  await kept.review()
  t.notOk(context.alarms.has('lane_fork', lane))
  for (const [code, subject] of entries) context.alarms.clear(code, subject)
  await kept.review()
  await federation.startNode('330100')
  await federation.restart('330000')
  await federation.until('it serves', () => node().state === 'serving')
  t.same(
    node()
      .alarms.standing()
      .filter(({ code }) => code in keptAlarms),
    [],
    'what was ended does not come back',
  )
  t.same(await findings(federation), [])
})
