/** The Chinese of room `topology`. */
export const topologyChinese: Readonly<Record<string, string>> = {
  // federation.ts
  'the pinned key of {0} is a {1} key named {2}': '所信任的 {0} 公钥是名为 {2} 的 {1} 型公钥',
  'the pinned roots {0} and {1} have one id: pin each root once':
    '所信任的根 {0} 与 {1} 编号相同：每个根只信任一次',
  'stands in the join file apart from those before it': '在接入文件中不与前面的声明相连',
  'does not follow from a pinned root': '不能由所信任的根推出',
  'the join file has no statement': '接入文件中没有成员声明',
  'has the parent {0}, to which the join file does not lead from a pinned root':
    '的上级为 {0}，接入文件不能由所信任的根推出该上级',
  'is not signed by {0}{1}': '没有 {0}{1} 的签名',
  ' or {0}': '或 {0} ',
  'does not name the statement before it': '未指明前一声明',
  'statement {0} of {1} is not kept here': '此处没有保存 {1} 的第 {0} 号声明',
  'goes from epoch {0} to {1}': '由纪元 {0} 变为 {1}',
  'names a frozen log and begins no epoch': '指明了已终结的日志，却未开始新纪元',
  'says what was lost and is not that of a root that begins an epoch after it':
    '写明了丢失内容，却不是根节点其后开始新纪元的声明',
  'begins with epoch {0}, not 1': '由纪元 {0} 开始，应为 1',
  'has no parent and is not a pinned root': '没有上级，也不是所信任的根',
  'the parent {0} of {1} is not known yet': '{1} 的上级 {0} 尚不知',
  'takes the id {0} of {1}': '占用了 {1} 的编号 {0}',
  'is of tier {0}, which is not below {1} of its parent {2}':
    '层级为 {0}，不低于其上级 {2} 的层级 {1}',
  'moves below itself ({0})': '移到了自身之下（{0}）',
  // place.ts
  'has the id {0}, a division that its parent {1} does not serve':
    '的编号 {0} 是行政区划代码，而其上级 {1} 不管辖该区划',
  'is of the trust domain {0}, and its parent {1} of {2}': '属于信任域 {0}，而其上级 {1} 属于 {2}',
  'serves no division, and its id {0} is none': '未写明辖区，而编号 {0} 又不是行政区划代码',
  'serves {0}, which its parent {1} does not serve': '所辖 {0} 不在其上级 {1} 所辖之内',
  'is of tier {0}, which is not above {1} of its child {2}':
    '层级为 {0}，不高于其下级 {2} 的层级 {1}',
  'gives up {0}, which its child {1} serves': '放弃了其下级 {1} 所辖的 {0}',
  'brings back a retired member': '恢复了已注销的成员',
  '{0} is not known yet': '尚不知 {0}',
  ' (a new epoch is signed by {0} and the old key, or by {1})':
    '（新纪元须由 {0} 与旧密钥签名，或由 {1} 签名）',
  'statement {0} of {1} came before statement {2}': '{1} 的第 {0} 号声明先于第 {2} 号到达',
  'is not the one known with that serial, which stays in force{0}':
    '与已知的同号声明不同，已知的仍有效{0}',
  ': both are evidence against {0}': '：两者均为针对 {0} 的证据',
  // freeze.ts
  'huxin/freeze/v1: the line "log" is not valid': 'huxin/freeze/v1：“log”行无效',
  'huxin/freeze/v1: the line "size" is not valid': 'huxin/freeze/v1：“size”行无效',
  // join.ts
  'the application has a line that is not valid: write it with huxin node init':
    '接入申请有一行无效：请用 huxin node init 生成',
  'is not JSON': '不是 JSON',
  'is not of format huxin/join/v1': '不是 huxin/join/v1 格式',
  'has an anchor that is not valid': '有无效的锚点',
  'has a lane head that is not valid': '有无效的序列端点',
  'pins no root': '没有信任任何根',
  'has no parentAddress or protocol': '没有 parentAddress 或 protocol',
  'has a list that is missing': '缺少某个列表',
  'has a {0} that is not base64': '{0} 不是 base64',
  "the join file {0}: ask the parent's operator for it again (huxin member approve)":
    '接入文件{0}：请向上级操作员重新索取（huxin member approve）',
  // member.ts
  'the {0} key is no {1} key named {2}': '{0} 公钥不是名为 {2} 的 {1} 型公钥',
  note: '签名',
  cosign: '见证',
  'this is no {0}: its first line is {1}': '这不是 {0}：其首行为 {1}',
  '{0} has {1} lines, {2} are wanted': '{0} 有 {1} 行，应为 {2} 行',
  '{0}: line {1} is not "{2} <value>"': '{0}：第 {1} 行不是“{2} <值>”',
  'the line "{0}" is not valid': '“{0}”行无效',
  // place.ts
  'names the catalog prefix {0}, and is of tier {1}: the catalog is made by nation and province':
    '登记了目录前缀 {0}，而其层级为 {1}：目录由国家和省级制定',
  'names the catalog prefix {0}, which is of whoever serves that place':
    '登记了目录前缀 {0}，该前缀属于管辖该地的节点',
  'takes the catalog prefix {0} of {1}': '占用了 {1} 的目录前缀 {0}',
  // receipt.ts
  'the receipt has a line that is not valid': '回执有一行无效',
  'the receipt has a number that is not canonical': '回执有数字不是规范写法',
  // transition.ts
  'moves and goes on from a frozen log at once': '既变更上级，又接续已终结的日志',
  'is not signed by {0}': '没有 {0} 的签名',
  'goes on from a frozen log and is not signed with the old key of {0}':
    '接续已终结的日志，却没有 {0} 旧密钥的签名',
  'goes on from a frozen log and is not signed with the new key of {0}':
    '接续已终结的日志，却没有 {0} 新密钥的签名',
  'statement {0} of {1} {2}': '{1} 的第 {0} 号声明{2}',
}
