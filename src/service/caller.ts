/** Who called, as the log says it. */
import type { PersonalAct } from '../publish/actor.ts'
import type { EntrySource } from '../batch/entry.ts'
import type { Act } from '../gen/huxin/v1/catalog_pb.ts'
import type { CallContext } from '../wire/service.ts'

/** Machines (clients) and persons (operators) are told apart; both by the name in their certificate. */
export function sourceOf({ peer: { role, name, nodeId } }: CallContext): EntrySource {
  return {
    kind: role === 'operator' ? 'operator' : 'client',
    name: encodeURIComponent(name === '' ? nodeId : name),
  }
}

/** The person is the one that the certificate names, whatever the request says. */
export function personalAct(act: Act | undefined, call: CallContext): PersonalAct {
  return { actor: call.peer.name, reason: act?.reason ?? '', document: act?.document ?? '' }
}
