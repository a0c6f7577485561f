/** The Chinese of room `witness`. */
export const witnessChinese: Readonly<Record<string, string>> = {
  // first-receipt.ts
  '{0}; the log {1} was seen at {2} without entry {3}, which says {4}':
    '{0}；日志 {1} 于 {2} 尚无条目 {3}，而该条目自称时间为 {4}',
  'the receipt of batch {0} is of {1}, which is not on its way':
    '批次 {0} 的回执来自 {1}，后者不在其传送路径上',
  'the receipt of the log {0} shows another entry than was delivered':
    '日志 {0} 的回执所示条目与送达的不同',
  'entry {0} of the log {1} is shown in a tree that {2} has not cosigned':
    '日志 {1} 的条目 {0} 所在的树，{2} 未曾见证',
  'the first receipt (judged) is malformed: "<time> <node>" is wanted':
    '首次回执（judged）格式有误：应为“<时间> <节点>”',
  'batch {0} would not be taken today ({1}): send with it the receipt that shows since when it is logged':
    '批次 {0} 按今日规则不能入账（{1}）：请附可证明入账时间的回执',
  // cosigning.ts, cosigned.ts, delivery.ts
  'what is kept of the log {0} is not the tree of its checkpoint; run huxin fsck':
    '所存日志 {0} 与其签名点的树不符；请执行 huxin fsck',
  '{0} is not known here': '此处不知 {0}',
  '{0} was seen with {1} entries and now shows {2}: run huxin node recover':
    '{0} 此前日志为 {1} 条，现只出示 {2} 条：请执行 huxin node recover',
  '{0} signed two different logs, of {1} and of {2} entries':
    '{0} 签发了两份不同的日志，分别为 {1} 条与 {2} 条',
  'the log {0} was frozen at {1} entries: a checkpoint over {2} is not of it':
    '日志 {0} 已终结于 {1} 条：{2} 条的签名点不属于该日志',
  'no proof leads from {0} back to {1} entries': '没有证明可由 {0} 回到 {1} 条',
  'from 0 entries on no proof is wanted, it has {0} hashes':
    '由 0 条起不需要证明，却给出 {0} 个哈希',
  'the checkpoint carries no valid cosignature of {0}': '签名点上没有 {0} 的有效见证签名',
  '{0} cosigned a tree of {1} entries of this log, which has {2}':
    '{0} 见证过本日志的 {1} 条，本日志只有 {2} 条',
  'the tree of {0} entries that {1} cosigned is not one of the log {2}':
    '{1} 见证的 {0} 条的树不属于日志 {2}',
  'the receipt is of {0} for {1}, not of {2} for {3}':
    '回执由 {0} 出具给 {1}，不是由 {2} 出具给 {3}',
  // receipts.ts
  'the receipt of batch {0} is of the log of no member that is known here':
    '批次 {0} 的回执所属日志不是此处已知成员的',
  'epoch {0} of {1} is not known here yet': '此处尚不知 {1} 的纪元 {0}',
  'the receipt is of another batch than {0}': '回执属于另一批次，不是 {0}',
  'the entry of the receipt is not of batch {0}': '回执中的条目不属于批次 {0}',
  "the log {0} was frozen at {1} entries: the receipt's tree of {2} is not of it":
    '日志 {0} 已终结于 {1} 条：回执中 {2} 条的树不属于该日志',
  // upper-receipts.ts
  'its entry is of {0}, and {1}': '其条目时间为 {0}，而{1}',
}
