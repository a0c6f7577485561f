/** Chinese of what is said of imports and amendments. */
export const importChinese: Readonly<Record<string, string>> = {
  'record {0} of batch {1}': '批次 {1} 的第 {0} 条记录（自 0 起）',
  '{0} is of a recognition, which is not restored: ask or answer anew':
    '{0} 属互认，不予恢复：请重新申请或答复',
  '{0} is {1} since {2}, by {3}: that is not undone': '{0} 已于 {2} {1}（{3}）：不可恢复',
  '{0} is not withdrawn: there is nothing to restore': '{0} 未被撤回，无须恢复',
  '{0} is restored already, from {1} on': '{0} 自 {1} 起已恢复，无须重复恢复',
  '{0} was withdrawn by {1}, which alone restores it, or a node above it':
    '{0} 由 {1} 撤回，只能由该节点或其上级恢复',
  'record {0} of batch {1} is {2} already, since {3}, by {4}':
    '批次 {1} 的第 {0} 条记录（自 0 起）已于 {3} {2}（{4}）',
  '{0}; huxin amend restore undoes it': '{0}；误撤回的用 huxin amend restore 恢复',
  withdrawn: '撤回',
  repaired: '修复',
  'marked as disputed': '标注异议',
  erased: '删除',
  'entry {0}, which withdrew {1}, is missing; run huxin fsck':
    '缺少撤回{1}的第 {0} 条日志：请执行 huxin fsck',
  "client {0} may not restore {1}: somebody else withdrew it, and a person restores it, with an operator's certificate":
    '客户端 {0} 无权恢复{1}：并非由其撤回，须由操作员持证书恢复',
  'one call says {0} and {1} of record {2}: make two calls of it':
    '一次调用对同一记录 {2} 既作 {0} 又作 {1}：请分两次办理',
  'one call restores records and does something else to others: make two calls of it':
    '一次调用既恢复记录又作其他变更：请分两次办理',
  'nothing was changed': '未作任何变更',
  'give the batch id (64 hexadecimal digits) and the position of the record, from 0; or its record id alone':
    '请给出批次编号（64 位十六进制）和记录位置（自 0 起），或只给记录编号',
  'there is no record {0} here: see huxin show': '此处没有记录 {0}：见 huxin show',
  'no record {0} of this node is withdrawn, there is nothing to restore; one of another node is named by batch and position: {1}':
    '本节点报送的记录 {0} 未被撤回，无须恢复；其他节点报送的，请以批次和位置指明：{1}',
  'no record {0} of this node is in force, nothing was changed; one of another node is named by batch and position: {1}':
    '本节点报送的记录 {0} 没有有效的，未作任何变更；其他节点报送的，请以批次和位置指明：{1}',
  '{0} records {1} could be meant; give batch and position of one: {2}':
    '有 {0} 条 {1} 记录可能是所指记录，请给出批次和位置：{2}',
  'what is to be replaced was sealed {0} after the present time of this node: set its clock right, and send the records again':
    '将被替代的记录签署时间比本节点当前时间晚 {0}：请校准时钟后重新报送',
  'no one import is called {0}: see huxin import list':
    '没有编号为 {0} 的唯一导入记录：见 huxin import list',
  'name a file, a folder, or - for standard input': '请给出文件、文件夹，或以 - 表示标准输入',
  '--watch takes the files of its folder: name no others':
    '--watch 只接收其文件夹中的文件：不要另给文件',
  'it waits until its parent {0} ({1}) has said what it saw last of this log; try again in a moment, or see huxin node status':
    '正在等待上级 {0}（{1}）告知其最后所见的本节点日志；请稍候再试，或见 huxin node status',
  'the node is {0}, nothing was sent: {1}': '节点状态为 {0}，未报送任何记录：{1}',
  'this node is {0} ({1}), nothing was sent: what it takes now would stay here; ask the node above':
    '本节点状态为 {0}（{1}），未报送任何记录：此时导入的记录不会上送，请联系上级',
  'name the catalog item: --item, or import.item in node.yaml (huxin catalog list shows them)':
    '请指明目录项：--item，或 node.yaml 的 import.item（可用目录项见 huxin catalog list）',
  'say who gets the records: --target, or import.targets in node.yaml; --target 330000 is the node 330000 alone':
    '请指明送达范围：--target，或 node.yaml 的 import.targets；--target 330000 仅送达节点 330000',
  '{0} goes to {1}, and each of them keeps the records: add --yes when that is meant, or name fewer (--target 330000 is the node 330000 alone)':
    '{0} 将送达：{1}，各节点均留存记录：确需送达请加 --yes，否则请缩小范围（--target 330000 仅送达节点 330000）',
  'nothing was sent': '未报送任何记录',
  'the folder {0} cannot be watched: {1}': '无法接收文件夹 {0}：{1}',
  '{0} changed while it was read: import it when it is whole; nothing was sent':
    '读取期间 {0} 有变化：请待文件完整后再导入，未报送任何记录',
  'say who answers for the records of {0}: --provider, or import.provider in node.yaml':
    '请指明 {0} 的数据提供单位：--provider，或 node.yaml 的 import.provider',
  '{0} has records of several evaluating bodies ({1}, …): say who answers for all of them with --provider, or divide the file':
    '{0} 含多个评价单位的记录（{1} 等）：请用 --provider 指明数据提供单位，或拆分文件',
  'the import was ended; nothing was sent': '导入已中止，未报送任何记录',
  '{0} changed while it was read: rows of both may be in':
    '读取期间 {0} 有变化：变化前后的行都可能已入账',
  'the import was ended': '导入已中止',
  '{0} changed while it was read': '读取期间 {0} 有变化',
  '{0}; of {1} rows {2} are in now and {3} were before: the same import again is safe, what is in is left out':
    '{0}；共 {1} 行，本次已入账 {2} 条，此前已有 {3} 条：可放心重新执行同一导入，已入账的不会重复',
  'the node refuses the rows: {0}': '节点退回这些行：{0}',
  'there is no standard input to import': '没有可导入的标准输入',
  '{0} file(s) are no tables and are left out: {1}; tables end in {2}':
    '略过 {0} 个文件，不是可导入的表格：{1}；可导入的文件类型为 {2}',
  '{0} file(s) have the name of a download that is not done, and are left out: {1}':
    '略过 {0} 个文件，像是尚未传完的临时文件：{1}',
  '{0} reject file(s) are left out: {1}; one that is mended is imported by its name':
    '略过 {0} 个退回行文件：{1}；改好的请指明文件名单独导入',
  '{0} folder(s) in it are not looked into: {1}': '略过 {0} 个子文件夹，其中的文件未读取：{1}',
  'the file is no table and is not imported; tables end in {0}':
    '不是可导入的表格，未导入；可导入的文件类型为 {0}',
  'there is no table in the folder {0}: {1} are looked for':
    '文件夹 {0} 中没有可导入的文件：只接收 {1}',
  '{0} exists and is no reject file: name another with --reject, or replace it with --force':
    '{0} 已存在，且不是退回文件：请用 --reject 另指定，确要覆盖请加 --force',
  'there are too many reject files beside {0}: import them or put them elsewhere':
    '{0} 旁的退回文件过多：请先导入或移走',
  '--reject names one file, and there are {0} to import: leave it out, and each has its own beside it':
    '--reject 只能指定一个文件，而待导入文件有 {0} 个：请去掉该选项，各文件旁会有各自的退回行文件',
  'standard input is longer than {0} bytes: import it as several files':
    '标准输入超过 {0} 字节：请分成多个文件导入',
  'rows {0} and {1} have one record id and say different things, one would replace the other: leave one, or give each an id of its own':
    '第 {0} 行与第 {1} 行记录编号相同而内容不同，后者会替代前者：请保留其一，或分别编号',
  'rows {0} and {1} give one subject for one field and period two results ({2}, {3}): leave the right one':
    '第 {0} 行与第 {1} 行对同一主体、同一领域、同一有效期给出两个结果（{2}、{3}）：请保留正确的一行',
  'up to row {0} more than a million rows repeat the record id, or the subject, field and period, of another, more than can be compared: divide the file before that row, and import the parts one after the other. Nothing was sent':
    '至第 {0} 行已有一百多万行与其他行的记录编号或主体、领域、有效期重复，超出可比对的数量：请在该行之前把文件拆开，分几次先后导入。未报送任何记录',
  '{0} is still being written: import it when it is whole; nothing was sent':
    '{0} 仍在写入：请待文件完整后再导入，未报送任何记录',
  'see huxin node status': '见 huxin node status',
  'item, provider, targets, keepDays': 'item、provider、targets、keepDays',
  'a catalog item, for example zj/industry-evaluation': '目录项，例如 zj/industry-evaluation',
  'a unified social credit code (18 characters)': '统一社会信用代码（18 位）',
  "a list of targets, for example ['330000']": "送达范围列表，例如 ['330000']",
  'days, 1 to 36500': '天数，1 至 36500',
}
