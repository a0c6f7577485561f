/** The Chinese of room `archive`. */
export const archiveChinese: Readonly<Record<string, string>> = {
  'the backup was made with a {0}': '备份所用的是{0}',
  'passphrase: give --passphrase-file': '口令：请给出 --passphrase-file',
  'key file: give --key-file': '密钥文件：请给出 --key-file',
  'the key file has {0} bytes, at least 32 are wanted: head -c 32 /dev/urandom':
    '密钥文件有 {0} 字节，至少须 32 字节：head -c 32 /dev/urandom',
  'the passphrase has fewer than 12 characters': '口令不足 12 个字符',
  'this is no backup of this version: {0}': '这不是本版本的备份：{0}',
  'its first line is not JSON': '首行不是 JSON',
  'its first line does not name {0}': '首行未标明 {0}',
  'it has no salt of 32 bytes': '没有 32 字节的盐',
  'it names no way to make the key that is known': '未标明已知的密钥生成方式',
  "its key costs {0} times what a backup's does": '其密钥的计算量是备份应有的 {0} 倍',
  'it ends inside a frame': '在帧中间截断',
  'chunk {0} has no valid head': '数据块 {0} 没有有效的块头',
  'the passphrase or key is another one, or its beginning was changed':
    '口令或密钥不符，或开头被改动',
  'chunk {0} was changed': '数据块 {0} 被改动',
  'a frame is too long': '帧过长',
  'it is cut off': '被截断',
  'the backup cannot be used: {0}': '备份不可用：{0}',
  'it has no header of age': '开头不是 age 文件头',
  'the key of a backup is not that of its header': '备份的密钥与其文件头不符',
  'chunk {0} was changed, or what follows it is missing': '数据块 {0} 被改动，或其后的内容缺失',
  'the key file has a line that is no key of age: ask age-keygen for one':
    '密钥文件中有一行不是 age 密钥：请用 age-keygen 生成',
  "its key costs more than twice what a backup's does": '其密钥的计算量超过备份应有的两倍',
  'what is in it is no tar': '其内容不是 tar',
  '{0} is no file': '{0} 不是普通文件',
  '{0} is too long': '{0} 过长',
  'it ends inside a row': '在行中间截断',
  'it has a part {0} that is not known': '其中有未知部分 {0}',
}
