/** The Chinese of room `note`. */
export const noteChinese: Readonly<Record<string, string>> = {
  // checkpoint.ts
  'has {0} lines, 3 are wanted (no extension lines)': '有 {0} 行，应为 3 行（不得有扩展行）',
  'has no origin of 1 to 255 bytes': '日志名称应为 1 至 255 字节',
  'has no canonical size': '大小不是规范写法',
  'has no root of 32 bytes': '没有 32 字节的根',
  'of an empty tree has a root that is not that of an empty tree': '大小为零，其根却不是空树的根',
  'the checkpoint of {0} is cosigned and not signed by its log':
    '{0} 的签名点有见证签名，却没有其日志的签名',
  'the checkpoint is of the log {0}, not of {1}': '签名点属于日志 {0}，不属于 {1}',
  'checkpoint {0}': '签名点{0}',
  // cosignature.ts
  'a cosignature wants a key of type 0x04': '见证须用 0x04 型密钥',
  'signed note would have {0} signature lines, at most {1}':
    '签名文本将有 {0} 个签名行，至多 {1} 个',
  // key.ts
  'is a degenerate point': '是退化的点',
  '{0} is no key name: no spaces, no plus sign': '{0} 不是密钥名称：不得有空格和加号',
  'the seed of a key has {0} bytes, not 32': '密钥种子有 {0} 字节，应为 32 字节',
  'does not begin with PRIVATE+KEY+': '不以 PRIVATE+KEY+ 开头',
  'has a key id that is not its own': '密钥编号不符',
  'is not "<name>+<key id>+<base64>"': '不是“<名称>+<密钥编号>+<base64>”',
  'is of a type that is not known here (0x01 and 0x04 are)': '类型未知（已知 0x01 和 0x04）',
  'a note key {0}': '签名密钥{0}',
  // note.ts
  'has {0} bytes, at most {1}': '有 {0} 字节，至多 {1}',
  'is not UTF-8': '不是 UTF-8',
  'holds a control character': '含有控制字符',
  'has no empty line before its signatures': '签名之前没有空行',
  'has {0} signature lines, at most {1}': '有 {0} 个签名行，至多 {1} 个',
  'the text of a note must end with a line feed and hold no other control character':
    '签名文本须以换行符结尾，且不含其他控制字符',
  'has a signature line that is not "— <name> <base64>"': '有签名行不是“— <名称> <base64>”',
  'has a signature that is not canonical base64': '有签名不是规范的 base64',
  'the signature of {0} does not verify': '{0} 的签名无效',
  'no signature by a known key; wanted {0}, found {1}': '没有已知密钥的签名；须有 {0}，实有 {1}',
  'signed note {0}': '签名文本{0}',
  // policy.ts
  'line {0} {1}': '第 {0} 行{1}',
  'has no quorum line': '没有 quorum 行',
  'the checkpoint of {0} is cosigned by {1}: not the quorum {2}':
    '{0} 的签名点由 {1} 见证：未达到 {2}',
  'the checkpoint of {0} is not signed by a log of the policy':
    '{0} 的签名点没有策略所列日志的签名',
  'the witness policy {0}': '见证策略{0}',
  // tlog-proof.ts
  'has no empty line before its checkpoint': '签名点之前没有空行',
  'does not begin with c2sp.org/tlog-proof@v1': '不以 c2sp.org/tlog-proof@v1 开头',
  'has an extra line that is not base64': 'extra 行不是 base64',
  'has no index line': '没有 index 行',
  'has {0} hashes, at most 63': '有 {0} 个哈希，至多 63 个',
  'has a hash that is not base64 of 32 bytes': '有哈希不是 32 字节的 base64',
  'the checkpoint of {0} is not signed by its log': '{0} 的签名点没有其日志的签名',
  'tlog-proof {0}': 'tlog-proof {0}',
}
