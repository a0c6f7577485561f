/** Connections and files of the database share the file handles of a process: a node starts where both fit. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { fitHandles, handleLimit, handlesOf } from '../../src/node/handles.ts'
import type { NodeConfig } from '../../src/node/config.ts'
import { federationOf } from '../support/faults.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

t.setTimeout(0)

const config = (connectionsMax: number, more: Partial<NodeConfig> = {}): NodeConfig =>
  ({ connectionsMax, connectionsChosen: false, audit: undefined, ...more }) as NodeConfig
const fitted = (one: NodeConfig, limit: number | undefined): number | string => {
  try {
    return fitHandles(one, limit).connectionsMax
  } catch (error) {
    return (error as Error).message
  }
}
const audit = { host: '127.0.0.1', port: 0, public: false }

t.test(
  'a default is made smaller where handles are few, what an operator chose is refused with both remedies',
  async (t) => {
    t.equal(fitted(config(1_000), undefined), 1_000)
    t.equal(fitted(config(1_000), 1 << 20), 1_000)
    for (const [one, limit] of [
      [config(1_000), 1_024],
      [config(1_000, { audit }), 1_024],
      [config(1_000), 300],
      [config(1_000), 2_159],
    ] as const) {
      const connectionsMax = fitted(one, limit)
      t.ok(
        typeof connectionsMax === 'number' && connectionsMax >= 64 && connectionsMax < 1_000,
        `${limit}: ${connectionsMax}`,
      )
      t.ok(handlesOf({ ...one, connectionsMax: connectionsMax as number }) <= limit)
      t.ok(
        handlesOf({ ...one, connectionsMax: (connectionsMax as number) + 1 }) > limit,
        'not smaller than it has to be',
      )
    }
    t.equal(fitted(config(1_000), handlesOf(config(1_000))), 1_000)
    const refused = String(fitted(config(1_000, { connectionsChosen: true }), 600))
    t.match(
      refused,
      /^connectionsMax 1000 takes 2160 file handles, this process may have 600: raise the limit \(ulimit -n 2160, or LimitNOFILE=2160 in the service\), or set connectionsMax to 220 or less$/,
    )
    t.match(
      String(fitted(config(1_000), 200)),
      /^connectionsMax 1000 takes 2160 file handles, this process may have 200/,
    )
    t.match(String(fitted(config(1_000), 40)), /at least to 288 with a smaller connectionsMax$/)
  },
)

t.test(
  'huxin node start and node check say so',
  { skip: process.platform !== 'linux' && 'the limit is read from /proc' },
  async (t) => {
    t.ok(await handleLimit())
    const federation = await federationOf(t, [
      { id: '330000', tier: 'province', divisions: ['330000'] },
    ])
    const folder = federation.folderOf('330000')
    await federation.node('330000').close()
    federation.nodes.delete('330000')
    await federation.writeConfig(
      { id: '330000', tier: 'province', divisions: ['330000'] },
      'connectionsMax: 500\n',
    )
    const run = (limit: number, command: string) =>
      promisify(execFile)(
        'sh',
        [
          '-c',
          `ulimit -n ${limit}; exec "$0" "$1" node ${command} --node "$2"`,
          process.execPath,
          MAIN,
          folder,
        ],
        { env: { PATH: process.env['PATH'] ?? '', LANG: 'C' } },
      ).then(
        ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
        (error: { code: number; stdout: string; stderr: string }) => ({
          code: error.code,
          said: error.stdout + error.stderr,
        }),
      )
    t.match(await run(600, 'start'), {
      code: 2,
      said: /error config_invalid .*connectionsMax 500 takes 1160 file handles, this process may have 600: raise the limit/,
    })
    t.match(await run(600, 'check'), {
      code: 2,
      said: /file handles +BAD +connectionsMax 500 takes 1160/,
    })
    t.match(await run(1_200, 'check'), {
      code: 0,
      said: /file handles +good +500 connections take 1160, 1200 may be open here/,
    })
  },
)
