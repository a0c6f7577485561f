/** The Chinese of room `service`. */
export const serviceChinese: Readonly<Record<string, string>> = {
  // admin-service.ts
  'an act on the catalog states its reason and document: give --reason and --document':
    '目录操作须写明理由和文号：请给出 --reason 和 --document',
  '{0} catalog records in one call, allowed are 1 to 1000':
    '一次调用有 {0} 条目录记录，应为 1 至 1000 条',
  '{0} is no subject type: enterprise, natural_person, social_organization, public_institution or government_body':
    '{0} 不是主体类型：应为 enterprise、natural_person、social_organization、public_institution 或 government_body',
  'give a record id or a batch id': '请给出记录编号或批次号',
  'a position goes with a batch id: a record id has its own':
    '位置须与批次号同用：记录编号自有位置',
  'start {0} and limit {1} are positions and numbers from 0 on':
    '起点 {0} 与数目 {1} 须为从 0 起的位置和数目',
  'this entry is not in the log, which has {0}': '该条目不在日志中，日志有 {0} 条',
  'the log has {0} entries, {1} were asked for': '日志有 {0} 条，所要为 {1} 条',
  // approval-calls.ts
  'an approval has an id of 32 bytes, not of {0}: see huxin approval list':
    '双人办理编号应为 32 字节，不是 {0} 字节：见 huxin approval list',
  // audit-server.ts
  'cannot listen on {0} (audit.listen): {1}': '无法监听 {0}（audit.listen）：{1}',
  'this node signs nothing before it has heard from its parent': '本节点在收到上级消息之前不签发',
  // authorize.ts
  'use {0}': '使用 {0}',
  'call {0}': '调用 {0}',
  'a valid certificate is wanted, of role {0}': '须有角色为 {0} 的有效证书',
  'not known here': '此处不知',
  'a certificate of role {0} may not {1}; allowed are {2}':
    '角色为 {0} 的证书不得{1}；可用角色为 {2}',
  'the certificate was issued for {0}, this is {1}': '证书为 {0} 签发，本节点为 {1}',
  // client-register.ts
  'name the body': '请指明单位',
  'name the client': '请指明客户端',
  // exchange-service.ts
  '{0} is not a child of {1}: it must be admitted first (huxin member approve)':
    '{0} 不是 {1} 的下级：须先批准接入（huxin member approve）',
  'the certificate of {0} is not that of a node': '{0} 的证书不是节点证书',
  '{0} takes back what it lost: ask again later': '{0} 正在取回丢失的内容：请稍后再试',
  '{0} batches in one call, allowed are 1 to {1}': '一次调用有 {0} 个批次，应为 1 至 {1} 个',
  'the name of a series has {0} characters, at most {1}': '记录序列名称有 {0} 个字符，至多 {1} 个',
  // get-records.ts
  'give record_id or subject, not both': '请给出 record_id 或 subject，不可同时给出',
  'give a record_id or a subject': '请给出 record_id 或 subject',
  'give the type of the subject, 1 to {0}: it does not follow from the id':
    '请给出主体类型（1 至 {0}）：无法由编号推断',
  'give the id of the subject: its name is not looked for': '请给出主体编号：不按名称查找',
  '{0} is negative: give 1 to 1000, or leave it out': '{0} 为负数：请给出 1 至 1000，或不填',
  'give page_size or limit, not both': '请给出 page_size 或 limit，不可同时给出',
  'it is not one of this list': '不属于该列表',
  // pages.ts
  'page_size {0} is negative: give 1 to {1}, or leave it out':
    'page_size {0} 为负数：请给出 1 至 {1}，或不填',
  'page_token is not one of this list: give the next_page_token of the page before, with the same request':
    'page_token 不属于该列表：请以相同请求给出上一页的 next_page_token',
  // record-service.ts
  '{0} is for recognition, in which the node itself speaks: its operator asks with huxin recognition request and answers with huxin recognition answer':
    '{0} 用于互认，须由节点自身发言：请其操作员用 huxin recognition request 申请、用 huxin recognition answer 答复',
  '{0} records in one call, allowed are 1 to {1}': '一次调用有 {0} 条记录，应为 1 至 {1} 条',
  'class {0} is not one of normal, bulk': '类别 {0} 须为 normal、bulk 之一',
  '{0} changes in one call, allowed are 1 to 1000': '一次调用有 {0} 项变更，应为 1 至 1000 项',
  // static-log.ts
  'tile {0}/{1} is narrower than {2}; run huxin fsck':
    '树块 {0}/{1} 不足 {2} 个；请执行 huxin fsck',
  'of the {0} entries from {1} on {2} are in the store; run huxin fsck':
    '自第 {1} 条起的 {0} 条中，存储只有 {2} 条；请执行 huxin fsck',
  // for-callers.ts
  '{0}: is the name right, with its edition? (huxin catalog list, ListCatalog)':
    '{0}：名称与版次是否正确？（huxin catalog list，ListCatalog）',
}
