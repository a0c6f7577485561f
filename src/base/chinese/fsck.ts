/** What fsck finds, in Chinese; each finding begins with table and key of its row. */
export const fsckChinese: Readonly<Record<string, string>> = {
  'run huxin node rebuild': '请执行 huxin node rebuild',
  // check.ts
  'says that the log has {0} entries, the newest there is number {1} and {2} are signed: {3}':
    '所记日志条数为 {0}，实际最新为第 {1} 条，已签名 {2} 条：{3}',
  'the {0} entries from here on do not have the root that was signed':
    '自此起的 {0} 条日志与已签名的根不符',
  'origin {0} epoch {1} is not a member known by then': '报送节点 {0} 第 {1} 纪元当时并非已知成员',
  'it stands after the final entry of {0}/{1}, which is number {2}':
    '位于 {0}/{1} 的终结条目（第 {2} 条）之后',
  'as final entry it states a log of {0} entries': '作为终结条目，所记日志条数 {0} 与其位置不符',
  'the body of {0} is missing: run huxin fsck --repair':
    '批次 {0} 的批次体缺失：请执行 huxin fsck --repair',
  'the reasons of its refusal are not those that were logged: run huxin fsck --repair':
    '退回原因与日志所记不符：请执行 huxin fsck --repair',
  'the body of {0} does not have the root of its header: run huxin fsck --repair':
    '批次 {0} 的批次体与批次头的根不符：请执行 huxin fsck --repair',
  'record {0} of {1} is lost: no amendment erased it':
    '批次 {1} 的第 {0} 号记录丢失：并无删除该记录的变更',
  'lane {0} number {1} does not lie between its neighbours': '序列 {0} 第 {1} 号与前后批次不相接',
  'lane {0} goes from {1} to {2}': '序列 {0} 由第 {1} 号跳至第 {2} 号',
  'lane {0} number {1} does not name the batch before it': '序列 {0} 第 {1} 号所指的前一批次不符',
  'there is no such entry, the log has {0}': '没有该条日志，日志共 {0} 条',
  'it is a row of no table': '不属于任何表',
  // check-derived.ts
  '{0} rows are stored, {1} follow from the log: {2}': '存有 {0} 行，按日志应有 {1} 行：{2}',
  'it does not name entry {0}: {1}': '未指向第 {0} 条日志：{1}',
  'it names entry {0}, which is of another batch: {1}': '所指第 {0} 条日志属于另一批次：{1}',
  'batch {0} is in the log twice, first at {1}': '批次 {0} 在日志中出现两次，首次为第 {1} 条',
  'it is not what its entries give: {0}': '与其日志条目推得的不符：{0}',
  'it is missing: {0}': '缺失：{0}',
  'it is not what the log gives: {0}': '与日志推得的不符：{0}',
  'it is no state that is known': '不是已知的状态',
  'nothing in the log gives it: {0}': '日志中没有其来由：{0}',
  // check-index.ts
  'it is damaged or of another version: a node that starts makes the index anew, or {0}':
    '已损坏或版本不同：节点启动时自动重建索引，或{0}',
  'it counts {0} segments up to entry {1}, the log gives {2} up to {3}: {4}':
    '所记为 {0} 段、至第 {1} 条日志，按日志应为 {2} 段、至第 {3} 条：{4}',
  'it is not what the log gives': '与日志推得的不符',
  'it is missing': '缺失',
  'it lacks a record of the log or is damaged: {0}': '缺少日志中的记录，或已损坏：{0}',
  'it names no record that was erased: {0}': '所指记录并未被删除：{0}',
  'there is no such segment: {0}': '没有该段：{0}',
  'it is damaged: {0}': '已损坏：{0}',
  // check-pieces.ts
  'there is no such entry': '没有该条日志',
  'it is damaged': '已损坏',
  'it is not of the body that the entry states: {0}': '与该条日志所记批次体不符：{0}',
  // check-tiles.ts
  'it is not what the entries give: {0}': '与各条日志推得的不符：{0}',
  'its leaf hash is not the one in {0}': '其叶哈希与 {0} 所存不符',
  // check-kept.ts
  'it names a receipt that is not there': '所指回执不存在',
  '{0} rows are stored for {1} receipts': '{1} 份回执存有 {0} 行',
  'size and root are not those of its checkpoint': '条数与根和其签名点不符',
  'it is not as large as what is followed of this log': '与已跟随的该日志条数不符',
  'nothing is known of this log': '对该日志一无所知',
  'it is a receipt of {0}': '是 {0} 的回执',
  'it does not have its check value': '校验值不符',
  'it is no receipt of {0}': '不是 {0} 的回执',
  'it is of a batch that the log has under another id': '所属批次在日志中编号不同',
  'it has no valid cosignature of {0}': '没有 {0} 的有效见证签名',
  'it is of another tree': '属于另一棵树',
  'it names a batch that is not in the log': '所指批次不在日志中',
  'it names no body': '没有所指的批次体',
  'it is not of the size at which that log was frozen': '与该日志冻结时的条数不符',
  'a rebuild was cut off: run huxin node rebuild again':
    '重建中途被打断：请再次执行 huxin node rebuild',
  'it is no row that is known': '不是已知的行',
  'it is no frontier': '不是日志前沿',
  'it does not have the root of the tree that was verified': '与已核验的树的根不符',
  'it has not as many hashes as were verified': '哈希数少于已核验的',
  'the hashes {0} to {1} are not those that were verified': '第 {0} 至 {1} 个哈希与已核验的不符',
  '{0} is the log of no member that is known here': '{0} 不是本节点已知成员的日志',
  // what the node asks for elsewhere
  'stop it, and restore its newest backup (huxin node restore), or run huxin node recover':
    '请停止节点，由最新备份恢复（huxin node restore），或执行 huxin node recover',
  'put the right keys/subject.key back from a backup, or, when it is lost, run huxin node rebuild: it makes the index with the key that is there':
    '请由备份放回正确的 keys/subject.key；已丢失的，执行 huxin node rebuild，以现有密钥重建索引',
  '{0} publishes the names of prefix {1}': '前缀 {1} 的名称由 {0} 发布',
  'nobody owns the prefix {0}: the root publishes it, or gives it to {1}':
    '前缀 {0} 尚无所有者：由根节点发布，或由其授予 {1}',
  'both of {0} entries': '两者均为 {0} 条',
  'of {0} and of {1} entries': '分别为 {0} 条与 {1} 条',
  // rebuild.ts
  'a rebuild of this database was cut off, and nothing is lost: run huxin node rebuild again':
    '本数据库的重建曾被中断，内容未丢失：请再次执行 huxin node rebuild',
  // subject-key.ts
  'keys/subject.key is not the key with which the record index here was made: no record would be found. {0}':
    'keys/subject.key 不是此处记录索引所用的密钥：将查不到任何记录。{0}',
}
