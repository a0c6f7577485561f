/** The Chinese of room `merkle`. */
export const merkleChinese: Readonly<Record<string, string>> = {
  // frontier.ts
  'leaf hashes are n × 32 bytes': '叶哈希须为 32 字节的整数倍',
  // proof.ts
  'no consistency proof leads from {0} to {1} entries': '没有一致性证明可由 {0} 条到 {1} 条',
  'entry {0} is not in a tree of {1}': '条目 {0} 不在 {1} 条的树中',
  'inclusion proof has {0} hashes, entry {1} of tree size {2} needs {3}':
    '包含证明有 {0} 个哈希，大小为 {2} 的树中条目 {1} 须有 {3} 个',
  'inclusion proof of entry {0} does not lead to the root of tree size {1}':
    '条目 {0} 的包含证明推不出大小为 {1} 的树根',
  'consistency proof has {0} hashes, {1} to {2} needs {3}':
    '一致性证明有 {0} 个哈希，由 {1} 到 {2} 须有 {3} 个',
  'two trees of size {0} have different roots': '两棵大小为 {0} 的树根不同',
  'consistency proof does not lead from the root of {0} to the root of {1} entries':
    '一致性证明不能由 {0} 条的根推出 {1} 条的根',
  'tile {0}/{1} is missing; run huxin fsck': '缺少树块 {0}/{1}；请执行 huxin fsck',
  'there is no entry {0} in a tree of {1}': '{1} 条的树中没有条目 {0}',
  'a hash of the proof is not 32 bytes': '证明中有一个哈希不是 32 字节',
  // tile.ts
  'tile {0} has {1} hashes, the tree needs {2}; run huxin fsck':
    '树块 {0} 有 {1} 个哈希，树须有 {2} 个；请执行 huxin fsck',
  no: '0',
  'a tile has {0} hashes, {1} are needed; run huxin fsck':
    '树块有 {0} 个哈希，须有 {1} 个；请执行 huxin fsck',
}
