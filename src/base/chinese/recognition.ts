/** The Chinese of room `recognition`. */
export const recognitionChinese: Readonly<Record<string, string>> = {
  // recognize.ts
  'catalog item {0} is not known here: see huxin catalog list':
    '此处不知目录项 {0}：见 huxin catalog list',
  'grade mapping {0} is not known here: see huxin catalog list':
    '此处不知等级对照 {0}：见 huxin catalog list',
  'grade mapping {0} is not in force today: see huxin catalog show {1}':
    '等级对照 {0} 今日未生效或已失效：见 huxin catalog show {1}',
  'results of {0} are not on the scale {1}; they are on {2}':
    '{0} 的结果不用等级体系 {1}；所用为 {2}',
  'the deadline {0} is no day from today on: YYYY-MM-DD is wanted':
    '截止日期 {0} 须为今日或以后：应为 YYYY-MM-DD',
  'decision {0} is not one of recognized, conditional, not_recognized, no_result':
    '决定 {0} 须为 recognized、conditional、not_recognized、no_result 之一',
  'a conditional recognition states its conditions': '附条件互认须写明条件',
  'request {0} was answered, and the answer stands: withdraw it first (huxin amend withdraw {1} {2})':
    '申请 {0} 已答复且答复有效：请先撤回该答复（huxin amend withdraw {1} {2}）',
  'this node holds no current result of {0} as request {1} wants it (subject, record id, scale, age): answer no_result':
    '本节点没有申请 {1} 所要的 {0} 有效结果（主体、记录编号、等级体系、时效）：请答复 no_result',
  'request {0} says that {1} asks, and comes from {2}: it is forged and wants no answer':
    '申请 {0} 称由 {1} 提出，却来自 {2}：系伪造，无须答复',
  'no recognition request {0} here: see huxin recognition list':
    '此处没有互认申请 {0}：见 huxin recognition list',
  'request {0} is addressed to {1}, not to {2}': '申请 {0} 是向 {1} 提出的，不是向 {2}',
  '{0} is retired ({1}, {2}) and answers nothing any more: ask the member that has its records now (huxin member list)':
    '{0} 已注销（{1}，{2}），不再答复：请向承接其记录的节点申请（huxin member list）',
  '{0}, which made request {1}, is retired: it wants no answer':
    '提出申请 {1} 的 {0} 已注销：无须答复',
  'request {0} was withdrawn: it wants no answer': '申请 {0} 已撤回：无须答复',
  'catalog item {0} of request {1} is not known here yet: answer when the catalog has it':
    '此处尚不知申请 {1} 的目录项 {0}：待目录到达后再答复',
  'request {0} is for the purpose {1}, which {2} does not allow: it wants no answer':
    '申请 {0} 的使用目的为 {1}，{2} 不允许：无须答复',
  'the deadline of request {0} was {1}: whoever still wants an answer asks again':
    '申请 {0} 的截止日期为 {1}：仍需答复的请重新申请',
  'grade mapping {0} or a scale of it is not known here yet: answer when the catalog has it, or not_recognized or no_result':
    '此处尚不知等级对照 {0} 或其等级体系：待目录到达后再答复，或答复 not_recognized 或 no_result',
  'mapping {0} {1}: answer no_result or not_recognized':
    '等级对照 {0} {1}：请答复 no_result 或 not_recognized',
  'is in force from {0} to {1}, and not today': '有效期为 {0} 至 {1}，今日不在其内',
  'further notice': '另行通知',
  'is not for a result on the scale {0} of this subject': '不适用于该主体在等级体系 {0} 上的结果',
  'has no grade for {0} of {1}': '没有 {1} 的等级 {0} 的对照',
  'no catalog item of kind recognition is in force here: publish one, for example cn/recognition@2026.1':
    '此处没有生效的互认类目录项：请先发布，例如 cn/recognition@2026.1',
}
