/**
 * Revocations that stand: which certificates count no more, and who said so. A fold of the batches of kind
 * `revocation`; memory holds it whole. Attacker-controlled: the records of other nodes, which `members/revocation.ts`
 * judges before. Bounded: so many for each node that certificates name, and those are members.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { recordAt, type RecordSpans } from '../batch/body.ts'
import { type Revocation, RevocationSchema } from '../gen/huxin/v1/revocation_pb.ts'
import { canonicalSerial, type PeerIdentity } from '../pki/identity.ts'

/** A revocation, and who said it when. */
export interface StandingRevocation {
  readonly revocation: Revocation
  /** Full name of the node that revoked. */
  readonly by: string
  /** Milliseconds since 1970 at which it was judged first. */
  readonly timeMs: number
}

/** Revocations of one node that are kept. */
export const REVOCATIONS_MAX = 1_000

type Named = Pick<Revocation, 'node' | 'role' | 'name' | 'serial'>

export class Revocations {
  /** Node → certificates → node that revoked. */
  readonly #standing = new Map<string, Map<string, Map<string, StandingRevocation>>>()

  /** Takes what `by` says. `isWithin(node, top)`: a node ends its own revocations and those of nodes below it. */
  add(
    records: readonly Revocation[],
    {
      by,
      timeMs,
      isWithin,
    }: { by: string; timeMs: number; isWithin: (node: string, top: string) => boolean },
  ): void {
    for (const revocation of records) {
      const ofNode =
        this.#standing.get(revocation.node) ?? new Map<string, Map<string, StandingRevocation>>()
      const key = keyOf(revocation)
      const said = ofNode.get(key) ?? new Map<string, StandingRevocation>()
      if (!revocation.lifted) said.set(by, { revocation, by, timeMs })
      else for (const other of [...said.keys()]) if (isWithin(other, by)) said.delete(other)
      if (said.size > 0) ofNode.set(key, said)
      else ofNode.delete(key)
      if (ofNode.size > 0) this.#standing.set(revocation.node, ofNode)
      else this.#standing.delete(revocation.node)
    }
  }

  /** The revocation that meets a certificate; undefined when none does. */
  of({
    nodeName,
    role,
    name,
    serial,
    notBeforeMs,
  }: Pick<PeerIdentity, 'nodeName' | 'role' | 'name' | 'serial' | 'notBeforeMs'>):
    | StandingRevocation
    | undefined {
    const ofNode = this.#standing.get(nodeName)
    if (!ofNode) return undefined
    const node = nodeName
    const [bySerial] =
      ofNode.get(keyOf({ node, role, name: '', serial: canonicalSerial(serial) }))?.values() ?? []
    if (bySerial) return bySerial
    return [...(ofNode.get(keyOf({ node, role, name, serial: '' }))?.values() ?? [])].find(
      ({ revocation }) => BigInt(notBeforeMs) <= revocation.validFromMsMax,
    )
  }

  /** What stands about the certificates that a revocation names. */
  standing(named: Named): readonly StandingRevocation[] {
    return [...(this.#standing.get(named.node)?.get(keyOf(named))?.values() ?? [])]
  }

  /** How many certificates, or names, of a node are revoked. */
  countOf(node: string): number {
    return this.#standing.get(node)?.size ?? 0
  }

  all(): StandingRevocation[] {
    return [...this.#standing.values()].flatMap((ofNode) =>
      [...ofNode.values()].flatMap((said) => [...said.values()]),
    )
  }
}

function keyOf({ role, name, serial }: Named): string {
  return `${role} ${serial} ${name}`
}

export function encodeRevocation(revocation: Revocation): Uint8Array {
  return toBinary(RevocationSchema, revocation)
}

/** Decodes the revocations of a body. @throws HuxinError record_invalid */
export function decodeRevocations(body: RecordSpans): Revocation[] {
  return Array.from({ length: body.count }, (_, i) => {
    const bytes = recordAt(body, i)
    try {
      if (bytes) return fromBinary(RevocationSchema, bytes)
    } catch {
      // falls through to the one error
    }
    throw new HuxinError('record_invalid', text`revocation ${i} does not decode`)
  })
}
