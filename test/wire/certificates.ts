/** Certificates for tests, issued in memory. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import type { TlsMaterial } from '../../src/pki/material.ts'
import { identityOfCertificate } from '../../src/pki/identity.ts'

export function issuer(trustDomain: string) {
  const dir = mkdtempSync('/tmp/d-cert-')
  const run = (...a: string[]) => execFileSync('openssl', a, { cwd: dir, stdio: 'ignore' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  run('req', '-x509', ...ec, '-keyout', 'root.key', '-out', 'root.crt', '-subj', `/CN=${trustDomain}`, '-days', '30')
  const rootPem = readFileSync(`${dir}/root.crt`, 'utf8')
  let n = 0
  const leaf = (uri: string): TlsMaterial => {
    const name = `leaf${n++}`
    run('req', '-x509', ...ec, '-CA', 'root.crt', '-CAkey', 'root.key', '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`, '-days', '10', '-addext', `subjectAltName=URI:${uri}`, '-addext', 'basicConstraints=critical,CA:FALSE')
    const certificateChainPem = readFileSync(`${dir}/${name}.crt`, 'utf8')
    const x = new X509Certificate(certificateChainPem)
    let identity: any = { nodeName: 'broken' }
    try { identity = identityOfCertificate(x.raw) } catch { /* wanted */ }
    return { certificateChainPem, keyPem: readFileSync(`${dir}/${name}.key`, 'utf8'), rootsPem: [rootPem], identity, notAfterMs: Date.parse(x.validTo) }
  }
  return {
    rootPem,
    node: (id: string) => leaf(`spiffe://${trustDomain}/node/${id}`),
    client: (id: string, name: string) => leaf(`spiffe://${trustDomain}/client/${id}/${name}`),
    nameless: () => leaf('https://nobody.example/'),
  }
}
