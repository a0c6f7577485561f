/** The Chinese of room `uplink`. */
export const uplinkChinese: Readonly<Record<string, string>> = {
  // follower.ts
  'the parent delivered entry {0} with leaf hash {1}, its log has {2} there':
    '上级送来的条目 {0} 叶哈希为 {1}，其日志中却为 {2}',
  'the parent sent a torn piece of its spine': '上级送来的日志片段被截断',
  'the parent shows a log of {0} entries after one of {1}':
    '上级此前出示 {1} 条的日志，现只出示 {0} 条',
  'the parent sent {0} leaf hashes for a log of {1} entries':
    '上级送来 {0} 个叶哈希，其日志只有 {1} 条',
  "the parent's log of {0} entries does not extend the one verified at {1}, as it did not before":
    '上级 {0} 条的日志不能由已核验的 {1} 条续成，此前亦然',
  "the parent's log of {0} entries does not have the root that its leaf hashes give":
    '上级 {0} 条的日志的根，与其叶哈希推出的不符',
  'the parent signed two different logs, of {0} and of {1} entries':
    '上级签发了两份不同的日志，分别为 {0} 条与 {1} 条',
  "tile {0} of the parent's spine is missing from the store; run huxin fsck":
    '存储中缺少上级日志的树块 {0}；请执行 huxin fsck',
  "what is kept of the parent's log does not fit together; run huxin fsck":
    '所存的上级日志前后不符；请执行 huxin fsck',
  // giver.ts
  'the parent takes back what it lost and answers {0}: it is tried again':
    '上级正在取回丢失的内容，答复 {0}：将自动再试',
  // parent-keys.ts
  'the parent shows the log {0}, and no statement that makes it one of {1}: it is asked again later':
    '上级出示日志 {0}，却没有声明表明其属于 {1}：稍后自动再问',
  // puller.ts
  'the parent delivered entry {0} with another verdict or other reasons than its log has':
    '上级送来的条目 {0}，处理结论或理由与其日志不同',
  // pusher.ts
  'the parent answered {0} of {1} batches': '上级只答复了 {1} 个批次中的 {0} 个',
  'the parent gave the receipt of another batch': '上级给出的是另一批次的回执',
  'the refusal of batch {0} was not logged: {1}': '批次 {0} 的退回未能入账：{1}',
  // uplink.ts
  'the parent speaks protocol {0}, this node {1}: the first digits must agree; upgrade one of them':
    '上级的协议版本为 {0}，本节点为 {1}：首位数字须一致；请升级其中一方',
  '{0} lost {1} from entry {2} on and has what this node gave back of it; it waits for others':
    '{0} 丢失了 {1} 自条目 {2} 起的内容，已收到本节点交还的部分；正等待其他节点',
  // witness-loop.ts
  'the parent has seen {0} entries of this log, which has {1}: run huxin node recover':
    '上级见过本日志的 {0} 条，现只有 {1} 条：请执行 huxin node recover',
}
