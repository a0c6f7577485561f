/** The Chinese of room `pki`. */
export const pkiChinese: Readonly<Record<string, string>> = {
  // devpki.ts
  '{0} is no DNS name: for example credit.zj.gov.cn': '{0} 不是域名：例如 credit.zj.gov.cn',
  '{0} holds a PKI already: choose another folder, or --force to replace it (every certificate from it becomes useless)':
    '{0} 中已有 PKI：请另选文件夹，或用 --force 替换（由其签发的证书将全部作废）',
  '{0} is no trust domain: lower-case letters, digits, points and hyphens, for example zj.example':
    '{0} 不是信任域：应为小写字母、数字、点和连字符，例如 zj.example',
  '{0} is no node id: 1 to 32 lower-case letters, digits and hyphens, for example 330825':
    '{0} 不是节点编号：应为 1 至 32 个小写字母、数字和连字符，例如 330825',
  '{0} is neither a DNS name nor an address': '{0} 既不是域名，也不是地址',
  'the CA of tier {0} may issue for {1} and below, not for {2}: make the PKI with huxin pki init --host-domain, or reach the node by another name and check {3}':
    '层级 {0} 的 CA 只能为 {1} 及其下签发，不能为 {2} 签发：请用 huxin pki init --host-domain 建立 PKI，或以其他名称连接节点并核对 {3}',
  'the PKI in {0} was made for the trust domain {1}: it signs nothing for {2}':
    '{0} 中的 PKI 属于信任域 {1}：不为 {2} 签发',
  '{0} has no issuing CA for the tier {1}: make it with huxin pki init':
    '{0} 中没有层级 {1} 的签发 CA：请执行 huxin pki init',
  // identity.ts
  'the certificate has {0} URI(s) in its subject alternative name, wanted is exactly one, of the form spiffe://<trust domain>/node/<id>':
    '证书的使用者可选名称中有 {0} 个 URI，应恰有一个，形如 spiffe://<信任域>/node/<编号>',
  'the certificate does not parse': '证书无法解析',
  // issue.ts
  'the certificate signing request is not usable: {0}; an ECDSA P-256 request is wanted':
    '证书请求不可用：{0}；须为 ECDSA P-256 请求',
  // material.ts
  root: '根证书',
  key: '密钥',
  certificate: '证书',
  'the certificate is that of an authority (CA:TRUE): whoever calls has one of its own, which issues nothing':
    '该证书是签发机构的证书（CA:TRUE）：调用者须用自己的证书，且不得签发其他证书',
  '{0} holds no certificate': '{0} 中没有证书',
  '{0} is of {1} {2}, wanted is node {3}: tls.certificate names the wrong file':
    '{0} 属于 {1} {2}，应属于节点 {3}：tls.certificate 指向了错误的文件',
  'the {0} file {1} cannot be read: {2}. Put it back where it was kept, or have a new one issued (certs/README.md)':
    '{0}文件 {1} 无法读取：{2}。请放回备份的文件，或另行签发（见 certs/README.zh-CN.md）',
  '{0} holds a certificate that does not parse': '{0} 中有证书无法解析',
  '{0} holds no private key in PEM': '{0} 中没有 PEM 格式的私钥',
  '{0} begins with the certificate of its CA: the one of {1} comes first, then the CA that issued it':
    '{0} 以其 CA 的证书开头：应先放 {1} 的证书，再放签发它的 CA',
  '{0} is not the key of {1}': '{0} 不是 {1} 的密钥',
  '{0} holds a chain in which a certificate was not issued by the next one':
    '{0} 的证书链中，有证书不是由其后一张签发',
  '{0} hold no root certificate': '{0} 中没有根证书',
  "the chain of {0} does not lead to a root of {1}: is the issuing CA in the file, after the node's certificate?":
    '{0} 的证书链不能追溯到 {1} 中的根：签发 CA 是否在文件中，且位于节点证书之后？',
  "{0} is not valid before {1}: is this machine's clock right?":
    '{0} 在 {1} 之前无效：本机时钟是否正确？',
  '{0} expired on {1}: have a new one issued (huxin pki issue)':
    '{0} 已于 {1} 过期：请换发（huxin pki issue）',
}
