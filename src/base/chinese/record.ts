/** The Chinese of room `record`. */
export const recordChinese: Readonly<Record<string, string>> = {
  // item.ts
  'catalog item {0} is not sound: {1}: {2}': '目录项 {0} 不完善：{1}：{2}',
  // record.ts
  'a record has {0} bytes, at most {1} are allowed': '记录有 {0} 字节，至多 {1}',
  'a record is not a well-formed protobuf message of huxin.v1.Record': '记录不是格式正确的 huxin.v1.Record 消息',
  'a record does not decode: {0}': '记录无法解码：{0}',
  // personal.ts
  'a document number may not hold the number of a person: everybody reads it, and it cannot be erased': '文号不得含有个人号码：所有人可见且无法删除',
  'a document number is one line of at most {0} characters': '文号须为单行，至多 {0} 字',
  'a basis may not hold the number of a person: everybody reads it, and it cannot be erased': '依据不得含有个人号码：所有人可见且无法删除',
  'a basis is a code of lower-case letters, digits and hyphens, for example repair/order36: everybody reads it': '依据须为小写字母、数字和连字符组成的代码，例如 repair/order36：所有人可见',
}
