/** The Chinese of room `evidence`. */
export const evidenceChinese: Readonly<Record<string, string>> = {
  // file.ts
  'it has {0} bytes, at most {1}': '文件有 {0} 字节，至多 {1}',
  'its first line is not huxin/evidence/v1': '首行不是 huxin/evidence/v1',
  'its last line is not "=== end"': '末行不是“=== end”',
  'record: neither "salt <base64>" and "record <base64>" nor "hash <hex>"':
    'record 部分：既不是“salt <base64>”加“record <base64>”，也不是“hash <十六进制>”',
  'path: not "index <n>", "size <n>" and hashes': 'path 部分：不是“index <n>”“size <n>”加哈希',
  'line {0} is not valid': '第 {0} 行无效',
  'issuer, time, purpose or document is not valid': '出具方、时间、目的或文号无效',
  'it is no signed note': '不是签名文本',
  'it ends inside a line "=== …"': '在“=== …”行中间截断',
  'it names a part {0} that is not valid or named before': '部分 {0} 的名称无效或重复',
  // finality.ts
  '{0}; it knows {1}': '{0}；策略所知为 {1}',
  '{0}: no line by {1}': '{0}：没有 {1} 的签名行',
  '{0}, {1} entries: cosigned by {2}, wanted is {3}': '{0}，{1} 条：已由 {2} 见证，须 {3}',
  'there is no part "proof"': '缺少“proof”部分',
  // fork.ts
  'its first line is not huxin/fork/v1': '首行不是 huxin/fork/v1',
  'the second line is not "log <origin>", or it is not the last before the parts':
    '第二行不是“log <日志>”，或不是各部分之前的最后一行',
  '{0} is of {1}, not of {2}': '{0} 属于 {1}，不属于 {2}',
  'beginning: not 1 to {0} hashes, base64, one a line':
    'beginning 部分：应为 1 至 {0} 个哈希，base64，每行一个',
  'checkpoint 1 is of {0} entries, checkpoint 2 of {1}: the smaller one comes first':
    '签名点 1 有 {0} 条，签名点 2 有 {1} 条：应由小到大',
  'with one root': '两者同根',
  'the smaller one the beginning of the larger': '较小的是较大的开头',
  '{0}, and no part "beginning" shows with which tree of {1} entries the larger one begins':
    '{0}，且没有“beginning”部分说明较大者以哪棵 {1} 条的树开头',
  '{0}, and the hashes in "beginning" do not lead to the root of the larger one':
    '{0}，且“beginning”中的哈希推不出较大者的根',
  // verify.ts
  'there is no part "entry"': '缺少“entry”部分',
  '{0} is of {1} {2}': '{0} 属于 {1}（第 {2} 号）',
  'it begins at {0}, the key is of {1}': '起自 {0}，而公钥属于 {1}',
  nobody: '无',
  'the first statement of {0} is not signed with the key {1}': '{0} 的首个声明未用公钥 {1} 签名',
  '{0} has SHA-256 {1}…, issued was {2}…': '{0} 的 SHA-256 为 {1}…，出具时为 {2}…',
  'proof {0}': 'proof {0}',
  'proof {0} is of entry {1}': 'proof {0} 对应条目 {1}',
  '{0} holds batch {1}, issued was {2}': '{0} 中的批次为 {1}，出具时为 {2}',
  'the checkpoint is of {0}, not of {1}': '签名点属于 {0}，不属于 {1}',
  '{0} on the checkpoint of {1}': '{0} 在 {1} 签名点上的签名',
  '{0} was frozen at {1} entries, this checkpoint is over {2}':
    '{0} 已终结于 {1} 条，该签名点却有 {2} 条',
  'no statement names a key of {0} in epoch {1}': '没有声明载明 {0} 在纪元 {1} 的密钥',
  '{0}, epoch {1}': '{0}，纪元 {1}',
  'it has {0}, the issuance states {1}': '实为 {0}，出具说明所载为 {1}',
  'the path is of record {0} of {1}, wanted is {2} of {3}':
    '路径对应第 {0} 条（共 {1} 条），应为第 {2} 条（共 {3} 条）',
}
