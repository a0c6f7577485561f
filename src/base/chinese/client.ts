/** The Chinese of room `client`. */
export const clientChinese: Readonly<Record<string, string>> = {
  // record-client.ts
  'the authority file {0} cannot be read: {1}': '签发机构文件 {0} 无法读取：{1}',
  'the certificate of {0} was issued by the authority sha256:{1}, and that of this client by sha256:{2}: if both may speak for the node, name the other in authorityFiles':
    '{0} 的证书由机构 sha256:{1} 签发，本客户端的证书由 sha256:{2} 签发：若两者均可代表该节点，请将另一机构列入 authorityFiles',
}
