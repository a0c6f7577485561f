/**
 * TLS options that both ends share: 1.3 only, pinned roots, our certificate. Sessions are not resumed: a resumed one has no
 * chain to tell the issuer from, and was verified against the roots of an earlier day.
 */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { HuxinError } from '../base/errors.ts'
import { text, textOf } from '../base/text.ts'
import type { TlsMaterial } from '../pki/material.ts'

export function secureContextOptions(material: TlsMaterial): SecureContextOptions {
  return {
    ca: [...material.rootsPem],
    cert: material.certificateChainPem,
    key: material.keyPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

/** Throws config_invalid when OpenSSL refuses the certificate, the key or a root. */
export function secureContext(material: TlsMaterial): SecureContext {
  try {
    return createSecureContext(secureContextOptions(material))
  } catch (error) {
    throw new HuxinError(
      'config_invalid',
      text`certificate or key of ${material.identity.nodeName} cannot be used: ${textOf(error)}`,
      { cause: error },
    )
  }
}
