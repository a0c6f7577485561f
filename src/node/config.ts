/**
 * Room `node`: configuration and wiring. One program runs every tier; only `node.yaml` differs. A node
 * lives in one folder:
 *
 *   node.yaml              what an operator chooses (this file describes every field)
 *   join.json              what the parent answered to the application; at a root, the pinned root itself
 *   keys/<epoch>/          note.key, cosign.key: secret, owner-only; begun; keys/subject.key
 *   data/<epoch>/          db/ and checkpoint.signed
 *   evidence/              files that prove somebody's misbehaviour
 *
 * The newest epoch under keys/ is the one in force. `node` starts and stops; it decides nothing about
 * batches.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { isDialable, parseAddress } from '../base/address.ts'
import { HuxinError, isHuxinError, messageOf } from '../base/errors.ts'
import { deniedAt, type Files, systemFiles, textFromEditor } from '../base/files.ts'
import { bilingual, joined, type Language, term, type Text, text } from '../base/text.ts'
import { parseYaml } from '../base/yaml.ts'
import { defaultQuotas, type QuotaLimits } from '../commit/quotas.ts'
import { keywordText } from '../record/schema-words.ts'
import { isUscc } from '../record/uscc.ts'
import { importSchema } from './import-schema.ts'
import { isTier, NODE_NAME, type Tier } from '../topology/tier.ts'

/** The configuration of a node, with every default filled in. */
export interface NodeConfig {
  /** The node's folder, absolute. */
  readonly folder: string
  /** Full name, `<trust domain>/<node id>`. */
  readonly node: string
  readonly tier: Tier
  /** GB/T 2260 codes served. */
  readonly divisions: readonly string[]
  /** Operating body, unified social credit code. */
  readonly body: string
  readonly host: string | undefined
  readonly parent: ParentConfig | undefined
  /** Where this node listens: host, and port (0: any free one). */
  readonly listen: { readonly host: string; readonly port: number }
  /** Where the static log and witnessing answer over HTTPS; undefined when they do not. */
  readonly audit: AuditConfig | undefined
  /** `host:port` under which children reach this node; written into their join files. */
  readonly advertise: string | undefined
  readonly tls: {
    readonly certificate: string
    readonly key: string
    readonly roots: readonly string[]
  }
  /** Hours that a body in transit is kept after every next hop has it. */
  readonly transitGraceHours: number
  /** Days that a body in transit waits for a child that does not fetch it. */
  readonly transitDaysMax: number
  /** What one member may put into this log. */
  readonly quotas: QuotaLimits
  /** Bytes of the log that are read again and hashed in a day; 0: none. */
  readonly scrub: { readonly bytesPerDay: number }
  /** Free bytes on its disk below which it warns, and below which it takes no records; undefined: see disk.ts. */
  readonly disk: {
    readonly warnBytes: number | undefined
    readonly reserveBytes: number | undefined
  }
  /** From when on something is an alarm. */
  readonly alarms: AlarmLimits
  /** Hours without word from above after which records are answered as unconfirmed, without their content. */
  readonly unconfirmedAfterHours: number
  /** What of an operator takes another operator, and after how many days nobody grants it any more. */
  readonly approvals: { readonly erase: boolean; readonly amend: boolean; readonly days: number }
  /** What `huxin import` takes where its command line says nothing, and how many days its runs are kept. */
  readonly import: {
    readonly item: string | undefined
    readonly provider: string | undefined
    readonly targets: readonly string[]
    readonly keepDays: number
  }
  /** Connections at once, after their handshake. */
  readonly connectionsMax: number
  /** Whether node.yaml states it. */
  readonly connectionsChosen: boolean
  /** What one caller (one name in certificates) may take: connections, calls under way, bytes held for them. */
  readonly perCaller: {
    readonly connections: number
    readonly calls: number
    readonly bytes: number
  }
  /** Bytes of requests and answers that are held for all calls under way. */
  readonly heldBytesMax: number
  /** Whether grpc reflection answers. */
  readonly reflection: boolean
  /** Language of commands at this folder, unless --lang says otherwise; undefined: by locale. */
  readonly lang: Language | undefined
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

export interface AlarmLimits {
  readonly parentAwayMinutes: number
  readonly childAwayMinutes: number
  /** The same for single children, by node id. */
  readonly childAwayMinutesOf: Readonly<Record<string, number>>
  readonly notFinalMinutes: number
  /** Refused batches of one origin in an hour. */
  readonly refusalsPerHour: number
}

export interface AuditConfig {
  readonly host: string
  readonly port: number
  /** Whether checkpoints and hash tiles are given without a certificate. */
  readonly public: boolean
}

export interface ParentConfig {
  readonly node: string
  /** `host:port` */
  readonly address: string
  /** `http://host:port` of an HTTP CONNECT proxy. */
  readonly proxy: string | undefined
}

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['node', 'tier', 'body', 'tls'],
  properties: {
    node: {
      type: 'string',
      pattern: NODE_NAME.source,
      hint: text`trust domain and node id, for example zj.example/330825`,
    },
    tier: {
      enum: ['nation', 'province', 'city', 'county'],
      hint: text`one of nation, province, city, county`,
    },
    divisions: {
      type: 'array',
      items: { type: ['string', 'integer'], hint: text`a six-digit division code` },
      hint: text`a list of division codes, for example [330825]`,
    },
    body: {
      type: 'string',
      pattern: '^[0-9A-HJ-NPQRTUWXY]{18}$',
      hint: text`the unified social credit code (18 characters) of the operating body`,
    },
    host: {
      type: ['string', 'null'],
      pattern: '^[0-9A-HJ-NPQRTUWXY]{18}$',
      hint: text`the unified social credit code of the body that hosts the node, if another`,
    },
    parent: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['node', 'address'],
      hint: text`node and address of the parent; leave it out at a root`,
      properties: {
        node: {
          type: 'string',
          pattern: NODE_NAME.source,
          hint: text`full name of the parent, for example zj.example/330800`,
        },
        address: {
          type: 'string',
          pattern: '^.+:[0-9]{1,5}$',
          hint: text`host:port of the parent`,
        },
        proxy: {
          type: ['string', 'null'],
          pattern: '^http://',
          hint: text`http://host:port of an HTTP CONNECT proxy`,
        },
      },
    },
    listen: {
      type: 'string',
      pattern: '^.+:[0-9]{1,5}$',
      hint: text`host:port, for example 0.0.0.0:7443`,
    },
    audit: {
      type: ['object', 'null'],
      additionalProperties: false,
      required: ['listen'],
      hint: text`listen, and public; leave it out to serve nothing over HTTPS`,
      properties: {
        listen: {
          type: 'string',
          pattern: '^.+:[0-9]{1,5}$',
          hint: text`host:port, for example 0.0.0.0:7444`,
        },
        public: {
          type: 'boolean',
          hint: text`true gives checkpoints and hash tiles without a certificate`,
        },
      },
    },
    advertise: {
      type: ['string', 'null'],
      pattern: '^.+:[0-9]{1,5}$',
      hint: text`host:port under which children reach this node`,
    },
    tls: {
      type: 'object',
      additionalProperties: false,
      required: ['certificate', 'key', 'roots'],
      hint: text`files: certificate, key, roots`,
      properties: {
        certificate: {
          type: 'string',
          hint: text`file with the node certificate and its issuing CA, PEM`,
        },
        key: {
          type: 'string',
          hint: text`file with the private key, PEM, readable by its owner only`,
        },
        roots: {
          type: 'array',
          minItems: 1,
          items: { type: 'string' },
          hint: text`files with the root certificates, PEM`,
        },
      },
    },
    transitGraceHours: { type: 'number', minimum: 0, maximum: 8760, hint: text`hours, 0 to 8760` },
    quotas: {
      type: 'object',
      additionalProperties: false,
      hint: text`lanes, entriesPerDay, bytesPerDay, unreadBytesPerDay, refusedPerHour`,
      properties: {
        lanes: {
          type: 'integer',
          minimum: 64,
          maximum: 1e6,
          hint: text`lanes of one member, 64 to 1000000`,
        },
        entriesPerDay: {
          type: 'integer',
          minimum: 100,
          maximum: 1e9,
          hint: text`batches of one member in a day, 100 to 1000000000`,
        },
        bytesPerDay: {
          type: 'integer',
          minimum: 1e7,
          maximum: 1e15,
          hint: text`bytes of one member in a day, from 10000000`,
        },
        unreadBytesPerDay: {
          type: 'integer',
          minimum: 0,
          maximum: 1e15,
          hint: text`bytes of one member in a day that are carried without being understood, 0 for none`,
        },
        refusedPerHour: {
          type: 'integer',
          minimum: 10,
          maximum: 1e6,
          hint: text`refused batches of one member in an hour, 10 to 1000000`,
        },
      },
    },
    transitDaysMax: { type: 'number', minimum: 1, maximum: 3650, hint: text`days, 1 to 3650` },
    scrub: {
      type: 'object',
      additionalProperties: false,
      required: ['bytesPerDay'],
      hint: text`bytesPerDay`,
      properties: {
        bytesPerDay: {
          type: 'integer',
          minimum: 0,
          maximum: 1e15,
          hint: text`bytes read again in a day, 0 for none`,
        },
      },
    },
    disk: {
      type: 'object',
      additionalProperties: false,
      hint: text`warnBytes, reserveBytes`,
      properties: {
        warnBytes: {
          type: 'integer',
          minimum: 0,
          maximum: 1e15,
          hint: text`free bytes below which the node warns`,
        },
        reserveBytes: {
          type: 'integer',
          minimum: 0,
          maximum: 1e15,
          hint: text`free bytes below which no records are taken`,
        },
      },
    },
    alarms: {
      type: 'object',
      additionalProperties: false,
      hint: text`parentAwayMinutes, childAwayMinutes, childAwayMinutesOf, notFinalMinutes, refusalsPerHour`,
      properties: {
        parentAwayMinutes: {
          type: 'number',
          minimum: 0.1,
          maximum: 10080,
          hint: text`minutes, 0.1 to 10080`,
        },
        childAwayMinutes: {
          type: 'number',
          minimum: 1,
          maximum: 525600,
          hint: text`minutes, 1 to 525600`,
        },
        childAwayMinutesOf: {
          type: 'object',
          maxProperties: 1000,
          additionalProperties: {
            type: 'number',
            minimum: 1,
            maximum: 525600,
            hint: text`minutes, 1 to 525600`,
          },
          hint: text`minutes by node id, for example { '330825': 1440 }`,
        },
        notFinalMinutes: {
          type: 'number',
          minimum: 1,
          maximum: 10080,
          hint: text`minutes, 1 to 10080`,
        },
        refusalsPerHour: {
          type: 'integer',
          minimum: 1,
          maximum: 1000000,
          hint: text`batches, 1 to 1000000`,
        },
      },
    },
    unconfirmedAfterHours: {
      type: 'number',
      minimum: 0.1,
      maximum: 8760,
      hint: text`hours, 0.1 to 8760`,
    },
    approvals: {
      type: 'object',
      additionalProperties: false,
      hint: text`erase, amend, days`,
      properties: {
        erase: { type: 'boolean', hint: text`true or false` },
        amend: { type: 'boolean', hint: text`true or false` },
        days: { type: 'integer', minimum: 1, maximum: 365, hint: text`days, 1 to 365` },
      },
    },
    import: importSchema,
    connectionsMax: {
      type: 'integer',
      minimum: 1,
      maximum: 100000,
      hint: text`a number of connections, 1 to 100000`,
    },
    perCaller: {
      type: 'object',
      additionalProperties: false,
      hint: text`connections, calls, bytes`,
      properties: {
        connections: {
          type: 'integer',
          minimum: 1,
          maximum: 100000,
          hint: text`connections of one caller, 1 to 100000`,
        },
        calls: {
          type: 'integer',
          minimum: 64,
          maximum: 100000,
          hint: text`calls of one caller under way, 64 to 100000`,
        },
        bytes: {
          type: 'integer',
          minimum: 16 << 20,
          maximum: 1e12,
          hint: text`bytes held for the calls of one caller, at least 16777216`,
        },
      },
    },
    heldBytesMax: {
      type: 'integer',
      minimum: 64 << 20,
      maximum: 1e12,
      hint: text`bytes held for all calls, at least 67108864`,
    },
    reflection: { type: 'boolean', hint: text`true or false` },
    lang: { enum: ['zh', 'en'], hint: text`zh or en` },
    logLevel: {
      enum: ['debug', 'info', 'warn', 'error', 'silent'],
      hint: text`one of debug, info, warn, error, silent`,
    },
  },
} as const

const ajv = new Ajv2020({ allErrors: true, strict: false, verbose: true })
const validate = ajv.compile(schema)

/** One bad field of a configuration. */
export interface ConfigFault {
  readonly path: string
  readonly message: Text
  readonly hint: Text
}

/**
 * Reads and checks `node.yaml` of a folder.
 * @throws HuxinError config_invalid with every bad field, one a line
 */
export async function loadConfig(folder: string): Promise<NodeConfig> {
  const { config, faults } = parseConfig(await readConfigFile(folder), resolve(folder))
  if (!config)
    throw new HuxinError(
      'config_invalid',
      text`${join(resolve(folder), 'node.yaml')} has ${faults.length} bad field(s):\n${formatFaults(faults)}`,
    )
  return config
}

/** @throws HuxinError config_invalid */
export async function readConfigFile(folder: string): Promise<string> {
  const file = join(resolve(folder), 'node.yaml')
  const bytes = await readFile(file).catch(async (error: unknown) => {
    throw new HuxinError(
      'config_invalid',
      (await deniedAt(file, error)) ??
        text`${file} cannot be read: name the node's folder (--node), or make one with huxin node init`,
    )
  })
  const words = textFromEditor(bytes)
  if (words === undefined)
    throw new HuxinError('config_invalid', text`${file} is no text in UTF-8: save it as UTF-8`)
  return words
}

/** One line for each fault: path, what is wrong, what is allowed. */
export function formatFaults(faults: readonly ConfigFault[]): Text {
  return joined(
    faults.map(({ path, message, hint }) => text`  ${path}: ${message} (${hint})`),
    '\n',
  )
}

/** Parses the text of `node.yaml`; gives every fault at once. */
export function parseConfig(
  content: string,
  folder: string,
): { config: NodeConfig | undefined; faults: readonly ConfigFault[] } {
  let raw: unknown
  try {
    raw = parseYaml(content)
  } catch (error) {
    return {
      config: undefined,
      faults: [
        {
          path: '(file)',
          message: isHuxinError(error) ? error.text : yamlFault(error),
          hint: text`YAML is wanted`,
        },
      ],
    }
  }
  const faults = validate(raw) ? [] : (validate.errors ?? []).map(faultOf)
  const fields = raw as RawConfig
  // What does not fit together is said beside what is bad by itself, and of each field once.
  if (typeof raw === 'object' && raw !== null)
    faults.push(
      ...crossChecks(fields).filter(({ path }) => !faults.some((fault) => fault.path === path)),
    )
  if (faults.length > 0) return { config: undefined, faults }
  return { config: fill(fields, folder), faults: [] }
}

/** The first line of what the parser says; in Chinese the place. */
function yamlFault(error: unknown): Text {
  const [place] = (error as { linePos?: readonly { line: number; col: number }[] }).linePos ?? []
  return bilingual(
    messageOf(error).split('\n')[0]!,
    place ? `第 ${place.line} 行第 ${place.col} 列不是正确的 YAML` : '不是正确的 YAML',
  )
}

/** The newest epoch that has keys in a node's folder; 0 when there is none. */
export async function currentEpoch(
  folder: string,
  files: Pick<Files, 'names'> = systemFiles,
): Promise<number> {
  const names = await files.names(join(folder, 'keys')).catch(() => [])
  return Math.max(0, ...names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number))
}

/** Beside the keys of an epoch that goes on from a frozen log: the statements that its first entry brings. */
export const TRANSITION = 'transition.json'

/** Beside the keys of an epoch that a root begins after a loss: what was left of the log before. */
export const RECOVERY = 'recovery.json'

/** Files of one epoch. */
export function epochFiles(folder: string, epoch: number) {
  return {
    noteKey: join(folder, 'keys', String(epoch), 'note.key'),
    cosignKey: join(folder, 'keys', String(epoch), 'cosign.key'),
    subjectKey: join(folder, 'keys', 'subject.key'),
    /** There since the first checkpoint of this epoch was signed, and before the next: a database that is empty then is lost, not new. */
    begun: join(folder, 'keys', String(epoch), 'begun'),
    database: join(folder, 'data', String(epoch), 'db'),
    transition: join(folder, 'keys', String(epoch), TRANSITION),
    recovery: join(folder, 'keys', String(epoch), RECOVERY),
    /** The statement that begins this epoch after a root's loss; written before anybody is shown it. */
    statement: join(folder, 'keys', String(epoch), 'statement.txt'),
    checkpoint: join(folder, 'data', String(epoch), 'checkpoint.signed'),
    /** There until a node that recovered has back what its parent holds. */
    recovering: join(folder, 'data', String(epoch), 'recovering'),
    join: join(folder, 'join.json'),
    evidence: join(folder, 'evidence'),
  }
}

interface RawConfig {
  node: string
  tier: string
  divisions?: (string | number)[]
  body: string
  host?: string | null
  parent?: { node: string; address: string; proxy?: string | null } | null
  listen?: string
  audit?: { listen: string; public?: boolean } | null
  advertise?: string | null
  tls: { certificate: string; key: string; roots: string[] }
  transitGraceHours?: number
  transitDaysMax?: number
  quotas?: Partial<QuotaLimits>
  scrub?: { bytesPerDay: number }
  disk?: { warnBytes?: number; reserveBytes?: number }
  alarms?: Partial<AlarmLimits>
  unconfirmedAfterHours?: number
  approvals?: { erase?: boolean; amend?: boolean; days?: number }
  import?: { item?: string; provider?: string; targets?: (string | number)[]; keepDays?: number }
  connectionsMax?: number
  perCaller?: Partial<NodeConfig['perCaller']>
  heldBytesMax?: number
  reflection?: boolean
  lang?: Language
  logLevel?: NodeConfig['logLevel']
}

/** Checks between fields. Each field may still be of any type: what the schema says of it is said there. */
function crossChecks(fields: RawConfig): ConfigFault[] {
  const faults: ConfigFault[] = []
  const { node, parent, tier } = fields
  const divisions = Array.isArray(fields.divisions) ? fields.divisions : []
  for (const code of divisions.filter((one) => !/^[0-9]{6}$/.test(String(one)))) {
    faults.push({
      path: 'divisions',
      message: text`${JSON.stringify(code)} is no division code`,
      hint: text`six digits in quotes, for example '330825'`,
    })
  }
  for (const [path, code] of [
    ['body', fields.body],
    ['host', fields.host],
  ] as const) {
    if (typeof code === 'string' && !isUscc(code))
      faults.push({
        path,
        message: text`${JSON.stringify(code)} has a wrong check character`,
        hint: text`a unified social credit code (18 characters, GB 32100)`,
      })
  }
  if (parent && parent.node === node)
    faults.push({
      path: 'parent.node',
      message: text`a node is not its own parent`,
      hint: text`name the node above`,
    })
  if ((tier === 'city' || tier === 'county') && !parent) {
    faults.push({
      path: 'parent',
      message: text`a ${term(tier)} node has a parent`,
      hint: text`give node and address of the parent`,
    })
  }
  if (
    typeof fields.listen === 'string' &&
    fields.listen === fields.audit?.listen &&
    !fields.listen.endsWith(':0')
  ) {
    faults.push({
      path: 'audit.listen',
      message: text`${JSON.stringify(fields.listen)} is listen too`,
      hint: text`a port of its own`,
    })
  }
  for (const [path, value] of [
    ['listen', fields.listen],
    ['audit.listen', fields.audit?.listen],
    ['advertise', fields.advertise],
    ['parent.address', parent?.address],
  ] as const) {
    if (typeof value === 'string' && parseAddress(value).port > 65_535)
      faults.push({
        path,
        message: text`${JSON.stringify(value)} has a port above 65535`,
        hint: text`host:port`,
      })
    if (
      typeof value === 'string' &&
      (path === 'advertise' || path === 'parent.address') &&
      !isDialable(value)
    ) {
      faults.push({
        path,
        message: text`${JSON.stringify(value)} is an IPv6 address without brackets`,
        hint: text`for example [2001:db8::8]:7443`,
      })
    }
  }
  return faults
}

function fill(fields: RawConfig, folder: string): NodeConfig {
  if (!isTier(fields.tier)) throw new HuxinError('internal', text`the tier was checked`)
  return {
    folder,
    node: fields.node,
    tier: fields.tier,
    divisions: (fields.divisions ?? []).map(String).sort(),
    body: fields.body,
    host: fields.host ?? undefined,
    parent: fields.parent
      ? {
          node: fields.parent.node,
          address: fields.parent.address,
          proxy: fields.parent.proxy ?? undefined,
        }
      : undefined,
    listen: parseAddress(fields.listen ?? '127.0.0.1:7443'),
    audit: fields.audit
      ? { ...parseAddress(fields.audit.listen), public: fields.audit.public ?? false }
      : undefined,
    advertise: fields.advertise ?? undefined,
    tls: {
      certificate: resolve(folder, fields.tls.certificate),
      key: resolve(folder, fields.tls.key),
      roots: fields.tls.roots.map((file) => resolve(folder, file)),
    },
    transitGraceHours: fields.transitGraceHours ?? 24,
    transitDaysMax: fields.transitDaysMax ?? 30,
    quotas: { ...defaultQuotas, ...fields.quotas },
    scrub: { bytesPerDay: fields.scrub?.bytesPerDay ?? 20_000_000_000 },
    disk: { warnBytes: fields.disk?.warnBytes, reserveBytes: fields.disk?.reserveBytes },
    alarms: {
      parentAwayMinutes: 1,
      childAwayMinutes: 60,
      childAwayMinutesOf: {},
      notFinalMinutes: 15,
      refusalsPerHour: 10,
      ...fields.alarms,
    },
    unconfirmedAfterHours: fields.unconfirmedAfterHours ?? 24,
    approvals: {
      erase: fields.approvals?.erase ?? true,
      amend: fields.approvals?.amend ?? false,
      days: fields.approvals?.days ?? 7,
    },
    import: {
      item: fields.import?.item,
      provider: fields.import?.provider,
      targets: (fields.import?.targets ?? []).map(String),
      keepDays: fields.import?.keepDays ?? 400,
    },
    connectionsMax: fields.connectionsMax ?? 1_000,
    connectionsChosen: fields.connectionsMax !== undefined,
    perCaller: { connections: 16, calls: 128, bytes: 32 << 20, ...fields.perCaller },
    heldBytesMax: fields.heldBytesMax ?? 192 << 20,
    reflection: fields.reflection ?? true,
    lang: fields.lang,
    logLevel: fields.logLevel ?? 'info',
  }
}

function faultOf(error: {
  instancePath: string
  keyword: string
  params: Record<string, unknown>
  message?: string
  data?: unknown
  parentSchema?: object
}): ConfigFault {
  const path = error.instancePath.slice(1).replaceAll('/', '.')
  const hint =
    (error.parentSchema as { hint?: Text } | undefined)?.hint ?? text`see nodes/README.md`
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty'])
    return {
      path: path === '' ? name : `${path}.${name}`,
      message: text`is missing`,
      hint: hintOf(path, name),
    }
  }
  if (error.keyword === 'additionalProperties') {
    const name = String(error.params['additionalProperty'])
    return {
      path: path === '' ? name : `${path}.${name}`,
      message: text`is no field of the configuration`,
      hint: text`known are ${Object.keys((error.parentSchema as { properties: object }).properties).join(', ')}`,
    }
  }
  return {
    path: path || '(file)',
    message: text`${JSON.stringify(error.data)?.slice(0, 80) ?? ''} ${keywordText(error)}`,
    hint,
  }
}

function hintOf(path: string, name: string): Text {
  const place =
    path === ''
      ? schema.properties
      : (schema.properties as unknown as Record<string, { properties?: object }>)[path]?.properties
  return (
    (place as Record<string, { hint?: Text }> | undefined)?.[name]?.hint ??
    text`see nodes/README.md`
  )
}
