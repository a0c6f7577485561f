/** Kind `revocation`: certificates of a node count no more, or again. */
import { term, text, type Text } from '../base/text.ts'
import type { Revocation } from '../gen/huxin/v1/revocation_pb.ts'
import { decodeRevocations, REVOCATIONS_MAX } from '../ledger/revocations.ts'
import type { PeerRole } from '../pki/identity.ts'
import type { BatchInQuestion, Kind } from '../verdict/kind.ts'
import { type Refused, refuse, refuseUnreadable } from '../verdict/refusal.ts'

const ROLES: readonly string[] = ['node', 'client', 'operator', 'auditor'] satisfies PeerRole[]

export const revocation: Kind = {
  name: 'revocation',
  classes: ['control'],
  reach: 'everybody',
  lasting: true,
  judge: judgeRevocation,
  fold: ({ revocations, federation }, { header, entry, body }) => ({
    ops: [],
    remember: () =>
      revocations.add(decodeRevocations(body), {
        by: header.origin,
        timeMs: Math.floor(entry.judged.timeMs / 1000) * 1000,
        isWithin: (node, top) => federation.isWithin(node, top),
      }),
  }),
}

/** Every record names certificates of its origin or of a node below it, by one of the two ways. */
function judgeRevocation({ ledger, header, body }: BatchInQuestion): Refused | undefined {
  return refuseUnreadable(() => {
    for (const [i, said] of decodeRevocations(body).entries()) {
      const fault = revocationFault(said)
      if (fault !== undefined) return refuse('record_invalid', text`revocation ${i} ${fault}`)
      const { node, role } = said
      if (
        !ledger.federation.isWithin(node, header.origin) ||
        ledger.federation.member(node)?.name !== node
      ) {
        return refuse(
          'origin_not_allowed',
          text`${header.origin} may not revoke certificates of ${node}: that node does, or one above it`,
        )
      }
      const stays = header.lanes.every(({ target }) => target !== '**')
      if (stays && (node !== header.origin || role === 'node'))
        return refuse(
          'target_not_allowed',
          text`revocation ${i} is of ${term(role)} certificates of ${node}: it goes to everybody`,
        )
      if (
        !said.lifted &&
        ledger.revocations.countOf(node) >= REVOCATIONS_MAX &&
        ledger.revocations.standing(said).length === 0
      ) {
        return refuse(
          'record_invalid',
          text`${REVOCATIONS_MAX} certificates of ${node} are revoked already: reinstate those that have expired`,
        )
      }
    }
    return undefined
  })
}

/** Why a record revokes nothing; undefined when it does. */
export function revocationFault({
  role,
  name,
  serial,
  validFromMsMax,
  act,
}: Revocation): Text | undefined {
  if (!ROLES.includes(role))
    return text`is of role ${JSON.stringify(role.slice(0, 40))}, which none has`
  if (
    !act ||
    [act.actor, act.reason, act.document].some(
      (text) => text.trim() === '' || text.length > 500 || /[\x00-\x1f\x7f]/.test(text),
    )
  )
    return text`does not say by whom, why and on which document`
  if (serial !== '')
    return /^[1-9A-F][0-9A-F]{0,39}$/.test(serial) && name === '' && validFromMsMax === 0n
      ? undefined
      : text`by serial number has no such number, or more than it`
  if ((role === 'node') !== (name === '') || name.length > 200 || /[\x00-\x1f\x7f]/.test(name))
    return text`names no certificates`
  return validFromMsMax > 0n && validFromMsMax < 10n ** 15n
    ? undefined
    : text`by name says not up to when`
}
