/** What alarms say, and the parts of it that they share with errors. */
export const alarmChinese: Readonly<Record<string, string>> = {
  '{0}: {1}': '{0}：{1}',
  // this node
  '--alone overrides': '可用 --alone 启动，不再等待',
  '--alone <entries> overrides, with the number that a child cosigned: its operator reads it in huxin node status':
    '可用 --alone <条数> 启动，条数为某下级已见证的条数，由其操作员在 huxin node status 中读取',
  'nothing is signed until {0} of the {1} children that cosigned this log have said what they last saw of it; {2} did ({3})':
    '曾见证本日志的 {1} 个下级中须有 {0} 个核对之后方可签发，已核对 {2} 个（{3}）',
  'entry {0} or its body is not what was logged, and its records may not be found: run huxin fsck --repair, then start again':
    '条目 {0} 或其批次体与入账内容不符，其记录可能查不到：执行 huxin fsck --repair，再重新启动',
  '{0}: it is not what was logged': '{0}：与入账内容不符',
  '{0}: is not what was logged': '{0}：与入账内容不符',
  '{0}: record {1} is not what was logged': '{0}：第 {1} 条记录与入账内容不符',
  '{0}: is missing': '{0}：缺失',
  '{0}: its leaf hash is not the one in {1}': '{0}：叶哈希与 {1} 不符',
  '{0}, and {1} more places': '{0}，另有 {1} 处',
  '{0}, and {1} more': '{0}，另有 {1} 处',
  '{0}: run huxin fsck --repair': '{0}：请执行 huxin fsck --repair',
  '{0}: the operator of this node has to make room': '{0}：请本节点操作员腾出空间',
  '{0} MB are free of {1} MB at {2}, and {3} MB (disk.reserveBytes) are kept for amendments and erasures':
    '{2} 所在磁盘共 {1} MB，剩余 {0} MB，其中 {3} MB（disk.reserveBytes）留作变更与删除之用',
  '{0} MB are free of {1} MB at {2}, less than {3} MB (disk.warnBytes): no records are taken from {4} MB on':
    '{2} 所在磁盘共 {1} MB，剩余 {0} MB，低于 {3} MB（disk.warnBytes）；低于 {4} MB 时不再接收记录',
  '{0} files (inodes) of {1} are free at {2}, and {3} are kept for amendments and erasures':
    '{2} 所在磁盘可建文件（inode）{1} 个，剩余 {0} 个，其中 {3} 个留作变更与删除之用',
  '{0} files (inodes) of {1} are free at {2}: no records are taken from {3} on':
    '{2} 所在磁盘可建文件（inode）{1} 个，剩余 {0} 个；低于 {3} 个时不再接收记录',
  '{0} can be read by others: chmod 600 it': '{0} 可被他人读取：请 chmod 600',
  '{0} has expired: have a new one issued': '{0} 已过期：请换发',
  '{0} expires in {1} day(s): have a new one issued': '{0} 将在 {1} 天后到期：请换发',
  'changed certificate files cannot be used, the last good ones stay: {0}':
    '更换后的证书文件不可用，沿用原证书：{0}',
  '{0}; until then its neighbours refuse it': '{0}；在此之前上下级拒绝连接',
  'the statements of {0} name no authority, so that every CA under the pinned roots can issue certificates in their names':
    '{0} 的成员声明未登记签发机构，任何受信 CA 均可以其名义签发证书',
  'the database of epoch {0} (data/{1}/db) still holds records in clear and could not be taken over: {2}':
    '纪元 {0} 的数据库（data/{1}/db）仍存有明文记录，尚未接管：{2}',
  'a fallen confirmation could not be withdrawn: {0}': '已失效的互认答复未能撤回：{0}',
  'this node has just started and has not heard from {0} yet: send again in a moment':
    '本节点刚刚启动，尚未与{0}核对日志：请稍后再试',
  'its parent': '上级',
  'enough of its children': '足够多的下级',
  "{0}; since this node was started again it takes and signs nothing, and goes on by itself when the parent's operator has lifted that (huxin member activate)":
    '{0}；本节点重新启动后不接收、不签发任何内容，上级执行 huxin member activate 恢复后自动继续',
  'since it was started, {0}, this node has not heard from its parent what that last saw of its log, and takes and signs nothing before: is the parent up (huxin node status)? Where it is gone for long, stop this node and start it with huxin node start --alone':
    '本节点自 {0} 启动以来尚未与上级核对日志，核对前不接收、不签发：上级是否运行（huxin node status）？上级长期不可用时，停止本节点，再执行 huxin node start --alone',
  'since it was started, {0}, this node has not heard from enough of its children what they last saw of its log, and takes and signs nothing before: are they up (huxin node status)? Where they are gone for long, stop this node and start it with huxin node start --alone <entries>':
    '本节点自 {0} 启动以来尚未与足够多的下级核对日志，核对前不接收、不签发：下级是否运行（huxin node status）？下级长期不可用时，停止本节点，再执行 huxin node start --alone <条数>',
  // the end of a log, and a root's loss
  'the log {0} is frozen at {1} entries and takes no more': '日志 {0} 已终结于 {1} 条，不再入账',
  'the log {0} is frozen at {1} entries; its successor waits: {2}':
    '日志 {0} 已终结于 {1} 条；后续日志等待中：{2}',
  'the parent has not said what it last saw of it': '上级尚未核对本日志',
  'enough of the children have not said what they last saw of it': '核对过本日志的下级不足',
  'not everything in it has gone up to the parent': '尚有内容未报送上级',
  'it is final up to {0}: the parent must cosign it': '终局至 {0} 条，尚须上级见证',
  'it is final up to {0}: more than half of the children must cosign it':
    '终局至 {0} 条，尚须半数以上下级见证',
  'a child': '一个下级',
  '{0} of the {1} children': '{1} 个下级中的 {0} 个',
  none: '无',
  nothing: '无',
  ' (--alone: the first one is enough)': '（--alone：一个即可）',
  '{0} was lost from entry {1} on: epoch {2} begins when {3} gave back what they have; {4} did{5}':
    '{0} 自条目 {1} 起丢失：{3}交还所存内容后，纪元 {2} 开始；已交还：{4}{5}',
  'entries {0} to {1} of {2} were lost; {3} batches came back from the children, and what their branches sent comes again. What was addressed to this node by itself alone (acts of persons, access records, its register) and what nobody below has is gone: see to it':
    '{2} 的条目 {0} 至 {1} 已丢失；下级交还 {3} 批，其所辖报送内容将再次送达。仅由本节点写给自身的内容（操作留痕、查询留痕、名册）及下级均未持有的内容已无法找回，请处理',
  // what nobody here can say now
  'since {0} this node has not heard what was done to records: issue evidence at the node above, or when the link is up again (huxin node status)':
    '本节点自 {0} 起未获知记录的变更：请到上级节点出具存证材料，或待链路恢复后再办（huxin node status）',
  '{0} is no record id that is known here, and looks like the code of a subject: also give --type, for example --type enterprise':
    '此处没有记录编号 {0}；它像是主体代码：按主体查询须另加 --type，例如 --type 企业',
  '{0} looks like a batch id and has {1} characters: a batch id has 64 hexadecimal digits; its beginning is enough for huxin why':
    '{0} 像是批次编号，但有 {1} 个字符：批次编号为 64 位十六进制数字；只有开头部分时请用 huxin why',
  'nothing is known here under {0}, and since {1} this node has not heard what was published: ask again when the link is up (huxin node status)':
    '此处没有 {0} 的内容；本节点自 {1} 起未获知新报送的内容：请待链路恢复后再查（huxin node status）',
  'no record with the id {0} is known here; names are not looked for: give a record id, a batch id, or the code of a subject with --type':
    '此处没有记录编号 {0}；不按名称查询：请给出记录编号、批次编号，或主体代码并加 --type',
  'nothing about the subject {0} is known here': '此处没有主体 {0} 的内容',
  // neighbours
  '{0} has not called since {1}': '{0} 自 {1} 起未联系',
  '{0} of {1} children have not called for longer than they may; for longest: {2}':
    '{1} 个下级中有 {0} 个超过时限未联系；最久者：{2}',
  '{0} since {1}': '{0}（自 {1} 起）',
  'the certificate of {0} ends at {1}': '{0} 的证书将于 {1} 到期',
  'entry {0} of this log and those after it wait to be cosigned since {1}':
    '本日志自条目 {0} 起，自 {1} 以来未获见证',
  '{0} batches of {1} were refused in this hour': '{1} 本小时内有 {0} 批被退回',
  '{0} has the table of divisions {1}, this node {2}: what one of them takes the other may refuse':
    '{0} 的区划表为 {1}，本节点为 {2}：一方接收的，另一方可能退回',
  '{0} has another table of divisions than this node ({1}) and does not say which: what one of them takes the other may refuse':
    '{0} 的区划表与本节点（{1}）不同，且未说明版本：一方接收的，另一方可能退回',
  '{0} batches never reached {1}, which is retired ({2}, {3})':
    '{1} 已注销（{2}，{3}），有 {0} 批未及送达',
  '{0} batches wait for {1}, which is suspended ({2}, {3})':
    '{1} 已暂停（{2}，{3}），有 {0} 批待送',
  '{0} is suspended': '{0} 已被暂停',
  '{0} is retired': '{0} 已注销',
  '{0} has suspended this node{1}': '{0} 已暂停本节点{1}',
  '{0} has retired this node{1}': '{0} 已注销本节点{1}',
  ': {0} ({1})': '：{0}（{1}）',
  '{0} has not been reached since {1}: {2}': '自 {1} 起无法连接 {0}：{2}',
  'lane {0} has another batch at number {1} there than here':
    '序列 {0} 的 {1} 号批次在该处与此处不同',
  'lane {0} stands at {1} there; number {2} was logged here at {3}':
    '序列 {0} 在该处至 {1} 号；{2} 号已于 {3} 在此入账',
  '{0}, and {1} more lanes': '{0}，另有 {1} 个序列',
  'some of the {0} records of batch {1} of {2}, or all, are not here, and nobody on their way has them any more: ask the origin to publish them again and to erase this batch{3}':
    '{2} 的批次 {1} 共 {0} 条记录，此处缺少部分或全部，沿途也已不存：请来源重新报送并删除该批次{3}',
  '; {0} batches after it came without records too': '；其后另有 {0} 批同样缺少记录',
  '{0} shows a log of {1} entries after one of {2}: it was restored from a copy and must recover':
    '{0} 此前日志 {2} 条，现只有 {1} 条：系由旧备份恢复，须执行恢复',
  '{0} signed two different logs, of {1} and of {2} entries: {3} proves it (huxin verify)':
    '{0} 签发了两份不同的日志，分别为 {1} 条与 {2} 条：证据文件 {3}（huxin verify 可核验）',
  'a checkpoint of {0} over {1} entries is signed, and that log was frozen at {2}: its old key was used again; it is not cosigned':
    '{0} 已终结于 {2} 条，又出现 {1} 条的签名点：旧密钥被再次使用，不予见证',
  '{0} shows a log of {1} entries and does not prove that it extends the one of {2}: {3}':
    '{0} 出示 {1} 条的日志，未能证明由 {2} 条续成：{3}',
  "{0} cosigned {1} entries that are signed with this node's key, this log has {2}: it is an old copy, or another copy of this node is running":
    '{0} 见证过以本节点密钥签发的 {1} 条，本日志只有 {2} 条：本节点系旧备份，或另有副本在运行',
  "{0} was shown two trees: it cosigned one of {1} entries that is signed with this node's key and is not of this log ({2} proves it); a copy of this node is running, or its key was stolen":
    '{0} 见到两棵不同的树：其见证的 {1} 条以本节点密钥签发，却不属于本日志（证据 {2}）；本节点另有副本在运行，或密钥失窃',
  '{0} wants to go on from another tree of {1} than the one of {2} entries that was cosigned here':
    '{0} 要求接续的 {1} 与此处见证的 {2} 条不是同一棵树',
  'two different batches carry one number of lane {0}: its origin is under quarantine, evidence is kept':
    '序列 {0} 同一序号出现两个不同批次：已暂停接收该来源，证据已保存',
  '{0} signed two different statements {1} of {2}: the first stays in force, evidence is kept':
    '{0} 对 {2} 签发了两份序号为 {1} 的不同声明：以先到者为准，证据已保存',
  '{0} has {1} lanes here and may have {2} (quotas.lanes): what opens more is not taken':
    '{0} 在此已有 {1} 个序列，上限 {2}（quotas.lanes）：超出者不予接收',
  '{0} has used {1} of {2} (quotas.{3}): what goes beyond is not taken until {4}':
    '{0} 已用 {1}，上限 {2}（quotas.{3}）：超出部分至 {4} 前不予接收',
  'the branch of {0}': '{0} 所辖',
  '{0}, for statements, catalog and amendments,': '{0}（声明、目录与变更）',
  'bodies in transit to {0} were dropped, because it did not fetch them within {1} days (transitDaysMax): when it comes back it says which are incomplete, and their origins publish them again':
    '{0} 在 {1} 天（transitDaysMax）内未取，过境批次体已清除：其恢复后会指出所缺，由来源重新报送',
  // what comes from the parent, and what it does not take
  'it was left before the node was started': '本节点启动之前即已搁置',
  'it was not taken before this node was started': '本节点启动之前即未被接收',
  '{0}, whose next hop {1} signed for it': '{0}（其下一站 {1} 已签收）',
  'number {0} is missing; it was last held by {1}': '缺少 {0} 号；最后持有者：{1}',
  'nobody who answers': '无人应答',
  'number {0} is missing, and nobody on the way gives it': '缺少 {0} 号，沿途均未提供',
  ' and {0} more of that origin': '及该来源另外 {0} 个',
  'lane {0}{1} waits since {2} for a batch that cannot be taken here, entry {3} of {4} or one before it: {5}: {6}. Everything else goes on, and it is asked for again by itself; {7}':
    '序列 {0}{1}自 {2} 起等待：{4} 的条目 {3} 或其前一条暂不能接收：{5}：{6}。其余照常，并会自动再次索取；{7}',
  '{0} gives what does not belong to its log: keep this message and ask its operator':
    '{0} 给出的内容不属于其日志：请保存本信息并联系其操作员',
  'if it stays, the nodes on the way are asked whether they have the statement of that member (huxin member list), which the node above it sent to everybody in its control lane (huxin trace)':
    '如持续存在，逐级查询沿途节点是否有该成员的声明（huxin member list），该声明由其上级经控制序列送达各方（huxin trace）',
  'if it stays, who publishes that item or scale does it again, and the nodes on the way are asked whether they have it (huxin catalog list)':
    '如持续存在，请目录项或等级体系的发布方重新发布，并逐级查询沿途节点（huxin catalog list）',
  'if it stays, the origin publishes the records again': '如持续存在，请来源重新报送',
  'if it stays, the node that lost the records repairs itself (huxin fsck --repair), or the origin publishes them again and erases this batch':
    '如持续存在，由丢失记录的节点修复（huxin fsck --repair），或由来源重新报送并删除该批次',
  'if it stays, the node that had it last is asked (huxin trace), or the origin publishes the records again':
    '如持续存在，查询最后持有该批次的节点（huxin trace），或由来源重新报送',
  '{0} does not go on from the tree of {1} entries at which {2} was frozen by the word of its own statement':
    '{0} 未接续其声明所称 {2} 终结时的 {1} 条',
  'the parent shows {0} entries of {1}, which was frozen at {2}':
    '{1} 已终结于 {2} 条，上级却出示 {0} 条',
  '{0}: evidence is kept, nothing more is taken from it': '{0}：证据已保存，不再接收其内容',
  'the parent shows a log of {0} entries and does not show that it extends the one verified at {1}: its leaf hashes do not have the root that it signed, which proves nothing; nothing more is taken from it':
    '上级出示 {0} 条的日志，未能表明由已核验的 {1} 条续成：其叶哈希与所签根不符，尚不足以证明分叉；不再接收其内容',
  'the parent signed a log of {0} entries that does not extend the one verified at {1}: {2} proves it (huxin verify); nothing of it is taken':
    '上级签发了 {0} 条的日志，与已核验的 {1} 条不是同一日志：证据 {2}（huxin verify 可核验）；不予接收',
  'the parent hands down receipts of nodes above it that prove nothing: they are not kept, the others are. The first is {0}':
    '上级转来的部分回执无法证明，未保存，其余照常。第一份：{0}',
  'of {0}… in {1}': '批次 {0}…，日志 {1}',
  'no log': '无日志',
  '{0}: it names no batch or no log': '{0}：未指明批次或日志',
  '{0}: {1} is not above {2}': '{0}：{1} 不是 {2} 的上级',
  '{0}: the batch is not in this log': '{0}：本日志中没有该批次',
  'what {0} sends waits, because its next batch was not taken by the parent: {1}: {2}; it is offered again by itself, and what others send goes on':
    '上级未接收 {0} 的下一批次，其报送内容等待中：{1}：{2}；会自动再次报送，其他来源照常',
  'entry {0} of the log {1} is none that can be read ({2}); it is passed over':
    '日志 {1} 的条目 {0} 无法读取（{2}），已略过',
  'batch {0} of {1} was not taken by the parent: {2}: {3}': '上级未接收 {1} 的批次 {0}：{2}：{3}',
}
