/** The Chinese of room `record`. */
export const recordChinese: Readonly<Record<string, string>> = {
  // item.ts
  'catalog item {0} is not sound: {1}: {2}': '目录项 {0} 不完善：{1}：{2}',
  // record.ts
  'a record has {0} bytes, at most {1} are allowed': '记录有 {0} 字节，至多 {1}',
  'a record is not a well-formed protobuf message of huxin.v1.Record': '记录不是格式正确的 huxin.v1.Record 消息',
  'a record does not decode: {0}': '记录无法解码：{0}',
}
