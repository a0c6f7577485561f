/**
 * Room `base`: what every other room may use and nothing that knows the domain: errors, bytes,
 * clock, randomness, limits, time text. It imports no other room.
 *
 * This file holds the one table of error codes: code → kind → gRPC status → retry. A code is
 * stable: programs match on it, never on the message. Kinds:
 * - refused: judged and final; sending the same again gives the same answer.
 * - unavailable: not judged; try again later.
 * - broken: an invariant or a stored byte is wrong; the node stops writing and says why.
 * - denied: the caller may not do this.
 * - invalid: the call itself is malformed.
 */
import { bilingual, rendered, type Said, Text, text } from './text.ts'

export type ErrorKind = 'refused' | 'unavailable' | 'broken' | 'denied' | 'invalid'

interface ErrorRow {
  readonly kind: ErrorKind
  /** gRPC status code (google.rpc.Code). */
  readonly status: number
  readonly retry: 'never' | 'later' | 'stop'
  readonly meaning: string
  readonly meaningZh: string
}

const refused = (meaning: string, meaningZh: string): ErrorRow => ({
  kind: 'refused',
  status: 9,
  retry: 'never',
  meaning,
  meaningZh,
})
const unavailable = (meaning: string, meaningZh: string): ErrorRow => ({
  kind: 'unavailable',
  status: 14,
  retry: 'later',
  meaning,
  meaningZh,
})
const broken = (meaning: string, meaningZh: string): ErrorRow => ({
  kind: 'broken',
  status: 15,
  retry: 'stop',
  meaning,
  meaningZh,
})
const denied = (meaning: string, meaningZh: string): ErrorRow => ({
  kind: 'denied',
  status: 7,
  retry: 'never',
  meaning,
  meaningZh,
})
const invalid = (meaning: string, meaningZh: string): ErrorRow => ({
  kind: 'invalid',
  status: 3,
  retry: 'never',
  meaning,
  meaningZh,
})

/** The table. `proto/README.md` prints it; a test keeps the two equal. */
export const errorTable = {
  // the call
  argument_invalid: invalid('an argument is missing or malformed', '参数缺失或格式错误'),
  message_too_large: {
    ...invalid('a message is larger than its limit', '消息超过大小上限'),
    status: 8,
  },
  compression_refused: {
    ...invalid('requests are taken uncompressed only', '不接受压缩的请求'),
    status: 12,
  },
  not_found: { ...invalid('no such thing here', '此处没有该对象'), status: 5 },
  item_not_found: {
    ...invalid(
      'no such catalog item, scale or mapping is known here',
      '此处没有该目录项、等级体系或等级对照',
    ),
    status: 5,
  },
  config_invalid: invalid('the configuration has bad fields', '配置有误'),
  // who calls
  unauthenticated: {
    ...denied(
      'the caller has no valid certificate of this federation',
      '调用方没有本联邦的有效证书',
    ),
    status: 16,
  },
  role_denied: denied(
    'the certificate has a role that may not call this service',
    '证书角色无权调用此服务',
  ),
  client_unknown: denied(
    'the client is not in the register of this node',
    '客户端未在本节点名册登记',
  ),
  client_suspended: denied(
    'the client is suspended in the register of this node',
    '客户端已被本节点暂停',
  ),
  provider_denied: denied('the caller may not publish for this body', '调用方无权以该单位名义报送'),
  member_suspended: denied('the member is suspended or retired', '成员已暂停或注销'),
  origin_outside_subtree: denied(
    'the caller may not carry batches of this origin',
    '调用方无权报送该来源的批次',
  ),
  not_addressed: denied(
    'no target of the batch lies beyond the branch that it comes from',
    '批次的送达范围不出报送方所辖范围',
  ),
  // formats: never logged
  note_malformed: invalid('a signed note is not in canonical form', '签名文本格式不规范'),
  signature_invalid: invalid(
    'a signature does not verify or is not the expected one',
    '签名无效或不符',
  ),
  header_malformed: invalid('a batch header is not in canonical form', '批次头格式不规范'),
  body_malformed: invalid('a batch body is not in canonical form', '批次体格式不规范'),
  entry_malformed: invalid('a log entry is not in canonical form', '日志条目格式不规范'),
  statement_malformed: invalid('a member statement is not in canonical form', '成员声明格式不规范'),
  proof_invalid: invalid('a Merkle proof does not verify', '默克尔证明不成立'),
  root_mismatch: invalid(
    'the body does not have the root that the header states',
    '批次体与批次头的根不符',
  ),
  evidence_invalid: invalid('a file of evidence does not prove what it says', '存证材料不成立'),
  erased_first_submission: invalid(
    'a first submission may not contain erased records',
    '首次报送不得含已删除记录',
  ),
  // lanes: never logged
  lane_gap: {
    ...unavailable('an earlier batch of the lane is missing', '报送序列缺号'),
    status: 9,
  },
  lane_fork: {
    ...denied('two different batches carry one number of a lane', '同一序号出现两个不同批次'),
    status: 9,
  },
  quarantined: denied('the origin is under quarantine after a fork', '该来源因分叉被暂停接收'),
  // not judged
  log_frozen: unavailable(
    'the log is frozen and takes no entry: its successor does',
    '日志已冻结，不再接收条目，由后续日志接收',
  ),
  member_unknown: unavailable('this member is not known here yet', '此处尚不知该成员'),
  item_unknown: unavailable('this catalog item is not known here yet', '此处尚不知该目录项'),
  parent_unreachable: unavailable('the parent cannot be reached', '无法连接上级节点'),
  peer_unreachable: unavailable('the other side cannot be reached', '无法连接对方'),
  disk_full: {
    ...unavailable('the disk has no room for more records', '磁盘空间不足，暂不接收新记录'),
    status: 8,
    retry: 'stop' as const,
  },
  not_ready: unavailable('the node is starting or not ready', '节点尚未就绪'),
  unconfirmed: {
    ...unavailable(
      'the node has not heard from its parent (a root: its children) what was done meanwhile, and may lack it',
      '本节点尚未与上级（根节点：下级）核对，可能缺少期间的变更',
    ),
    retry: 'stop' as const,
  },
  overloaded: { ...unavailable('the node has too much waiting', '节点过载'), status: 8 },
  quota_exceeded: {
    ...unavailable('the member has used up its quota here', '该成员在此处的配额已用尽'),
    status: 8,
  },
  body_incomplete: unavailable('the body is not complete here', '此处批次体不完整'),
  deadline_exceeded: { ...unavailable('the deadline passed', '超时'), status: 4 },
  cancelled: {
    ...unavailable('the caller gave the call up', '调用方已取消调用'),
    status: 1,
    retry: 'never' as const,
  },
  receipt_wanted: unavailable(
    'the batch is late: the receipt that shows since when it is logged is wanted',
    '批次已过期，须附可证明入账时间的回执',
  ),
  // judged: logged as refused
  member_not_in_force: refused(
    'the origin was suspended, or its key had ended',
    '来源节点已暂停或其密钥所属纪元已结束',
  ),
  item_not_in_force: refused('the catalog item is not in force', '目录项未生效或已失效'),
  item_kind_mismatch: refused(
    'the catalog item is not for batches of this kind',
    '目录项与批次种类不符',
  ),
  origin_not_allowed: refused(
    'the catalog item does not let this node originate it',
    '目录项不允许该节点报送',
  ),
  target_not_allowed: refused(
    'the kind of the batch or the catalog item does not allow this target',
    '批次种类或目录项不允许该送达范围',
  ),
  kind_unknown: refused(
    'the kind or a header line is not known and not marked as optional',
    '批次种类或批次头行未知，且未标明可不识别转送',
  ),
  catalog_name_not_owned: refused(
    'the name belongs to another publisher of the catalog',
    '目录名称不属于该发布节点',
  ),
  record_invalid: refused('records break the catalog item', '记录不符合目录项'),
  statement_invalid: refused('the member statement breaks its chain', '成员声明不合链'),
  amendment_invalid: refused('the amendment is not allowed', '变更不被允许'),
  // here
  store_locked: {
    ...broken('another process uses this folder', '另一进程正在使用此目录'),
    status: 14,
  },
  store_failed: broken('the database failed to write', '数据库写入失败'),
  store_corrupt: broken('stored bytes are wrong', '存储内容损坏'),
  log_conflict: broken('the log is not the size it should be', '日志大小与预期不符'),
  log_forked: broken('a log shows two different trees', '日志出现两棵不同的树'),
  log_behind: broken(
    'this log is older than what others have seen of it',
    '本地日志落后于他方所见',
  ),
  clock_wrong: unavailable('the clock is too far off', '时钟偏差过大'),
  internal: {
    ...broken('an error inside the program', '程序内部错误'),
    status: 13,
    retry: 'later' as const,
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** One field of a request that is wrong: its path as in the proto file, for example `records[3]`, and what is wrong with it. */
export interface FieldFault {
  readonly path: string
  readonly message: string
  /** Where it differs from the English. */
  readonly messageZh?: string
}

/** The same as it is said. */
interface FieldSaid {
  readonly path: string
  readonly message: Said
  readonly messageZh?: string
}

/** The one error class. `code` is for programs, `message` (English) and `messageZh` for people; neither holds personal data. */
export class HuxinError extends Error {
  override readonly name = 'HuxinError'
  readonly code: ErrorCode
  readonly #text: Text
  /** Machine-readable values, quoted in the message too. Travel as ErrorInfo metadata. */
  readonly details: Readonly<Record<string, string>>
  /** Fields of the request that are wrong. Travel as BadRequest field violations. */
  readonly fields: readonly FieldFault[]

  constructor(
    code: ErrorCode,
    said: Said,
    options: {
      cause?: unknown
      details?: Readonly<Record<string, string>>
      fields?: readonly FieldSaid[]
    } = {},
  ) {
    const words = said instanceof Text ? said : bilingual(said, said)
    super(words.en, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.#text = words
    this.details = options.details ?? {}
    this.fields = (options.fields ?? []).map(faultOf)
  }

  /** What the error says, in both languages. */
  get text(): Text {
    return this.#text
  }

  get messageZh(): string {
    return this.#text.zh
  }

  get kind(): ErrorKind {
    return errorTable[this.code].kind
  }

  get retry(): 'never' | 'later' | 'stop' {
    return errorTable[this.code].retry
  }
}

function faultOf({ path, message, messageZh }: FieldSaid): FieldFault {
  const en = String(message)
  const zh = messageZh ?? rendered(message, 'zh')
  return zh === en ? { path, message: en } : { path, message: en, messageZh: zh }
}

/** An argument that names the field that is wrong. */
export function invalidField(path: string, message: Said): HuxinError {
  return new HuxinError('argument_invalid', message, { fields: [{ path, message }] })
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code)
}

/** True when `error` is a HuxinError, of the given code if one is named. */
export function isHuxinError(error: unknown, code?: ErrorCode): error is HuxinError {
  return error instanceof HuxinError && (code === undefined || error.code === code)
}

/** The English message of anything thrown, for logs; `textOf` in text.ts has both languages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Stops the program's present course: an invariant does not hold. */
export function assert(condition: boolean, message: Said): asserts condition {
  if (!condition) throw new HuxinError('internal', text`invariant broken: ${message}`)
}
