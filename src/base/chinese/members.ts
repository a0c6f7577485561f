/** The Chinese of room `members`. */
export const membersChinese: Readonly<Record<string, string>> = {
  // approvals.ts
  'approval {0} was granted by {1} and is {2}': '双人办理 {0} 已由 {1} 办结，结果为 {2}',
  'it was rejected by {0}, as approval {1}: ask for it under another request id':
    '该事项已由 {0} 驳回（双人办理 {1}）：请换用新的请求号重新提出',
  'request id {0} was used for something else, approval {1}: give each request an id of its own':
    '请求号 {0} 已用于其他事项（双人办理 {1}）：每个请求须有各自的编号',
  '{0} approvals wait at this node for a second person: grant or reject some first (huxin approval list)':
    '本节点有 {0} 件双人办理待第二人处理：请先批准或驳回若干件（huxin approval list）',
  'approval {0} was rejected by {1}: ask for it anew': '双人办理 {0} 已由 {1} 驳回：请重新提出',
  'approval {0} was asked for by {1}: another operator grants it, with a certificate in another name (--as)':
    '双人办理 {0} 由 {1} 提出：须由另一操作员以其本人证书（--as）批准',
  'approval {0} was asked for by {1}, whose certificate was revoked since: reject it, and let somebody else ask anew':
    '双人办理 {0} 由 {1} 提出，其证书此后已被吊销：请驳回，由他人重新提出',
  'the act was refused: {0}': '操作被退回：{0}',
  'approval {0} is over: ask for it anew': '双人办理 {0} 已失效：请重新提出',
  'there is no approval {0} here: see huxin approval list':
    '此处没有双人办理 {0}：见 huxin approval list',
  // authority.ts
  '{0} is no member of this federation: it must be admitted first (huxin member approve)':
    '{0} 不是本联邦成员：须先批准接入（huxin member approve）',
  'the certificate {0} of {1} {2} was issued by {3}, which may not issue in the name of {4}: {5}; have it issued there, or let the parent name the other one (huxin member authorities)':
    '{1} {2} 的证书 {0} 由{3}签发，该机构不得以 {4} 的名义签发：{5}；请由有权机构换发，或由上级登记该机构（huxin member authorities）',
  'an authority that did not come with it': '未随证书出示的机构',
  'the authority sha256:{0}': '机构 sha256:{0} ',
  'its statement names sha256:{0}': '其成员声明登记的是 sha256:{0}',
  'only the authority of its own certificate may, sha256:{0}':
    '仅限其自身证书的签发机构 sha256:{0}',
  // freeze.ts
  'the statement of {0} in epoch {1} has not come down to its own log: freeze it when it is here (huxin member list)':
    '{0} 在纪元 {1} 的成员声明尚未回到其自身日志：待到达后再终结（huxin member list）',
  '{0} is no log of {1} that is kept here': '{0} 不是此处保存的 {1} 的日志',
  // graft.ts
  '{0} has not said anything of itself yet: start it first': '{0} 尚无自身的成员声明：请先启动',
  '{0} has the parent {1}: only a root is grafted': '{0} 已有上级 {1}：只有根节点可接入上级',
  'no root {0} is pinned here: huxin node pin, at every node, and start again':
    '此处未信任根节点 {0}：请在每个节点执行 huxin node pin 并重新启动',
  'the graft of {0} names the parent {1}, this is {2}':
    '{0} 的接入声明所列上级为 {1}，本节点为 {2}',
  'the file grafts {0}, this is {1}': '文件中接入的是 {0}，本节点为 {1}',
  'the file is not of format huxin/graft/v1: it is what huxin member graft writes':
    '文件不是 huxin/graft/v1 格式：应为 huxin member graft 所写文件',
  // members.ts
  'the application of {0} names the parent {1}, this is {2}':
    '{0} 的接入申请所列上级为 {1}，本节点为 {2}',
  '{0} is a member already, with other keys: if it lost them, approve it with --rekey':
    '{0} 已是成员，但密钥不同：若其密钥丢失，请加 --rekey 批准',
  '{0} is no member of this federation: see huxin member list':
    '{0} 不是本联邦成员：见 huxin member list',
  '{0} is a child of {1}: only its parent changes its status':
    '{0} 是 {1} 的下级：只有其上级可变更其状态',
  'status {0} is not one of active, suspended, retired':
    '状态 {0} 须为 active、suspended、retired 之一',
  '{0} is a child of {1}: its parent names its authorities (a root: itself)':
    '{0} 是 {1} 的下级：其签发机构由上级登记（根节点由自己登记）',
  'give 1 to {0} authorities, each as the SHA-256 of its public key, 64 hexadecimal digits':
    '请给出 1 至 {0} 个签发机构，每个为其公钥的 SHA-256（64 位十六进制数字）',
  'the authority sha256:{0} issued the certificate of {1} or yours, and is not among those: name it too until both are renewed, or nobody can reach this node':
    '机构 sha256:{0} 签发了 {1} 或您的证书，却不在其中：在两者换发之前须一并列入，否则无人能连接本节点',
  'the prefixes of {0} are named by {1}, not by {2}': '{0} 的目录前缀由 {1} 登记，不由 {2} 登记',
  '{0} is no catalog prefix: 1 to 32 lower-case letters, digits and "-" are wanted, without the "/"':
    '{0} 不是目录前缀：应为 1 至 32 个小写字母、数字和“-”，不含“/”',
  '{0} prefixes, at most {1}': '有 {0} 个目录前缀，至多 {1} 个',
  'the statement that {0} asks for is not the one after serial {1}: recover again with the newest state':
    '{0} 所请求的声明不接续第 {1} 号：请以最新状态重新恢复',
  '{0} names a final tree of {1} entries, and {2} of {3} came here':
    '{0} 所列最终的树有 {1} 条，而此处收到 {3} 的{2}',
  'no final entry': '没有终结条目',
  'the final entry of {0}': '终结条目于 {0} 条',
  'the tree of {0} that {1} names is not the one that was cosigned here, of {2} entries':
    '{1} 所列 {0} 的树与此处见证的 {2} 条不同',
  'an act of a person states its {0}: give --{1}': '人工操作须写明{0}：请给出 --{1}',
  'actor, reason and document are single lines of at most 500 characters':
    '操作人、理由和文号须为单行，至多 500 字',
  'reason and document may not hold the number of a person: they are logged, and nobody can erase them':
    '理由和文号不得含有个人号码：它们会入账且无法删除',
  // quarantine.ts
  '{0} is not under quarantine here: see huxin quarantine list':
    '{0} 未被本节点暂停接收：见 huxin quarantine list',
  // register.ts
  'client {0} is not in the register of {1}: its operator enters it with huxin client add':
    '客户端 {0} 未在 {1} 的名册登记：请其操作员用 huxin client add 登记',
  'client {0} is suspended at {1}: its operator lifts that with huxin client activate':
    '客户端 {0} 已被 {1} 暂停：请其操作员用 huxin client activate 恢复',
  'client {0} is registered at {1} with other certificates than the one with serial number {2}: its operator adds it with huxin client add':
    '客户端 {0} 在 {1} 登记的证书中没有序列号 {2}：请其操作员用 huxin client add 添加',
  'client {0} is registered at {1} to {2}, not to {3}':
    '客户端 {0} 在 {1} 登记的权限为 {2}，不含 {3}',
  'client {0} acts for {1} and not for {2}': '客户端 {0} 代表 {1}，不代表 {2}',
  '{0} is no body whose records are born at {1}: its operator enters it with huxin provider add':
    '{0} 不是在 {1} 登记的数据提供单位：请其操作员用 huxin provider add 登记',
  '{0} is not in the register of this node: see huxin provider list':
    '{0} 不在本节点名册中：见 huxin provider list',
  'client {0} is not in the register of this node: see huxin client list':
    '客户端 {0} 不在本节点名册中：见 huxin client list',
  '{0} is no body whose records are born at {1}: enter it first with huxin provider add':
    '{0} 不是在 {1} 登记的数据提供单位：请先用 huxin provider add 登记',
  'the register takes no such entry: {0}': '名册不接受该登记：{0}',
  'the register of this node is full': '本节点名册已满',
  'the entry was refused: {0}': '登记被退回：{0}',
  // revocation.ts
  ', valid from a later moment': '，生效时间须在其后',
  ', with every other of its name that was valid by then': '，连同当时有效的全部同名证书',
  'the certificate {0} of {1} was revoked by {2} at {3}{4}: {5} ({6}); have a new one issued{7}':
    '{1} 的证书 {0} 已由 {2} 于 {3} 吊销{4}：{5}（{6}）；请另行签发{7}',
  'the certificate that you use is among them, and nobody may be left who can reinstate it: let another operator revoke it, or say --own, and have a new one issued':
    '其中包括您正在使用的证书，吊销后可能无人能恢复：请由另一操作员吊销，或加 --own 并另行签发',
  'no such certificate of {0} is revoked: see huxin certificate list':
    '{0} 没有这样的已吊销证书：见 huxin certificate list',
  '{0} revoked it, and reinstates it itself': '该吊销由 {0} 作出，须由其自行恢复',
  'the revocation {0}: give --role, and --serial or --name':
    '该吊销{0}：请给出 --role，以及 --serial 或 --name',
  '{0} does not lie below {1}: it revokes its certificates itself, or a node above it does':
    '{0} 不在 {1} 辖区内：其证书由自身或其上级吊销',
}
