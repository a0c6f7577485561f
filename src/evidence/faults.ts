/** Every way in which a file of evidence can be wrong: fault → meaning. Programs match on the fault. */
import { HuxinError } from '../base/errors.ts'
import { bilingual, type Said, text } from '../base/text.ts'

interface FaultRow {
  readonly meaning: string
  readonly meaningZh: string
}

const row = (meaning: string, meaningZh: string): FaultRow => ({ meaning, meaningZh })

export const evidenceFaults = {
  // the file
  not_evidence: row('this is no file of evidence', '不是存证材料文件'),
  cut_off: row('the file is cut off', '文件不完整'),
  part_removed: row('a part was removed', '有部分被删去'),
  part_added: row('a part was added', '有部分被添入'),
  part_moved: row('a part is not in its place', '有部分被移位'),
  part_malformed: row('a part is not of its format', '有部分格式不符'),
  // who may be believed
  root_unknown: row(
    'the file does not begin at the root key that you gave',
    '材料不是从您给出的根公钥开始',
  ),
  statement_invalid: row(
    'a member statement does not follow from the root key',
    '成员声明不能由根公钥推出',
  ),
  statement_changed: row(
    'a member statement is not the one that was issued',
    '成员声明与出具时不同',
  ),
  // the issuance
  issuance_malformed: row('the issuance is not in canonical form', '出具说明格式不规范'),
  issuance_signature: row(
    'the issuance is not signed by the node that it names',
    '出具说明没有所称节点的有效签名',
  ),
  // the log
  entry_changed: row('the log entry is not the one that was issued', '日志条目与出具时不同'),
  proof_changed: row('the proof is not the one that was issued', '日志证明与出具时不同'),
  log_unknown: row('no member statement names the key of this log', '没有成员声明给出该日志的公钥'),
  log_other: row('the proof is of another log or entry', '证明属于另一日志或条目'),
  checkpoint_signature: row(
    'the checkpoint is not signed by its log',
    '日志签名点没有该日志的有效签名',
  ),
  cosignature_invalid: row('a cosignature does not verify', '见证签名无效'),
  log_frozen: row(
    'the checkpoint is not of the log that was frozen',
    '日志签名点超出或不符该日志冻结时的内容',
  ),
  not_logged: row('the entry is not in the log that was signed', '该条目不在所签名的日志中'),
  no_log: row('no log is shown to hold the batch', '没有证明任何日志记有该批次'),
  // two logs of one key
  not_a_fork: row(
    'the two checkpoints are of one log: this is no fork',
    '两个签名点属于同一日志：不构成分叉',
  ),
  fork_unproven: row(
    'nothing shows that the two checkpoints are of different logs: this is no proof of a fork',
    '不足以说明两个签名点属于不同日志：不构成分叉证明',
  ),
  // a policy of the reader's own
  policy_log: row('the policy does not know this log', '见证策略中没有该日志'),
  policy_signature: row(
    'the checkpoint is not signed with the key that the policy has for this log',
    '签名点没有见证策略所列日志公钥的有效签名',
  ),
  policy_cosignature: row(
    'a cosignature of a witness of the policy does not verify',
    '见证策略所列见证方的签名无效',
  ),
  policy_quorum: row(
    'too few witnesses of the policy have cosigned: not final by it',
    '见证策略所列见证方签名不足：按该策略尚未终局',
  ),
  // the batch
  batch_other: row('the entry is of another batch', '日志条目属于另一批次'),
  header_signature: row('the batch is not signed by its origin', '批次没有报送节点的有效签名'),
  // the record
  record_changed: row('the record is not the one that was issued', '记录与出具时不同'),
  path_changed: row(
    'the path of the record is not the one that was issued',
    '记录路径与出具时不同',
  ),
  record_other: row(
    'the record does not have the hash that the issuance states',
    '记录与出具说明所载哈希不符',
  ),
  record_not_in_batch: row(
    'the record is not in the batch that the origin signed',
    '记录不在报送节点签名的批次中',
  ),
} as const satisfies Record<string, FaultRow>

export type EvidenceFault = keyof typeof evidenceFaults

/** `detail` names the part and quotes values. */
export function evidenceFault(fault: EvidenceFault, detail: Said): HuxinError {
  const { meaning, meaningZh } = evidenceFaults[fault]
  return new HuxinError('evidence_invalid', text`${bilingual(meaning, meaningZh)}: ${detail}`, {
    details: { fault, detail: String(detail) },
  })
}
