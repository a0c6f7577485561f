/** Clients of this node: which of them may call what, by the register, and the calls with which operators keep it. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Context } from '../commit/context.ts'
import type { Actor } from '../publish/actor.ts'
import { registeredClient, setClient, setProvider } from '../members/register.ts'
import type {
  ListClientsRequest,
  ListProvidersRequest,
  SetClientRequest,
  SetProviderRequest,
} from '../gen/huxin/v1/admin_service_pb.ts'
import type { Act } from '../gen/huxin/v1/catalog_pb.ts'
import { RecordService } from '../gen/huxin/v1/record_service_pb.ts'
import type { ClientRole } from '../ledger/register.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import { type CallContext, pathOf } from '../wire/service.ts'
import { personalAct, sourceOf } from './caller.ts'
import { pageOf } from './pages.ts'

/** Bytes of a body or a client in a list, beside its name and serial numbers. */
const ROW_BYTES = 500

/** What a client must be registered for, by method of RecordService; undefined: every registered client may call it. */
const roleOfMethod: Readonly<Record<string, ClientRole | undefined>> = {
  publish: 'publish',
  amend: 'amend',
  getRecords: 'query',
  listRecognitions: 'query',
  getBatch: undefined,
  listCatalog: undefined,
}

const roleOfPath: ReadonlyMap<string, ClientRole | undefined> = new Map(
  RecordService.methods.map((method) => [
    pathOf(method),
    Object.hasOwn(roleOfMethod, method.localName) ? roleOfMethod[method.localName] : 'query',
  ]),
)

/** Asked on every call of a client: an open connection outlives its registration. @throws HuxinError client_unknown | client_suspended | role_denied */
export function checkClient(context: Context, peer: PeerIdentity, path: string): void {
  if (peer.role === 'client') registeredClient(context, peer, roleOfPath.get(path))
}

/** The caller of RecordService, as the register knows it. @throws HuxinError client_unknown | client_suspended */
export function actorOf(context: Context, { peer }: CallContext): Actor {
  if (peer.role === 'operator') return { kind: 'operator', name: peer.name, serial: peer.serial }
  const { name, body } = registeredClient(context, peer, undefined)
  return { kind: 'client', name, body }
}

/** The calls of AdminService about the register. */
export function registerHandlers(current: () => Context) {
  const entering = (act: Act | undefined, call: CallContext) => ({
    act: personalAct(act, call),
    source: sourceOf(call),
  })
  return {
    listProviders: async (request: ListProvidersRequest) => {
      const { elements, nextPageToken } = pageOf(
        'providers',
        current().ledger().register.providers(),
        request,
        ({ name }) => ROW_BYTES + name.length,
      )
      return { providers: [...elements], nextPageToken }
    },
    setProvider: async ({ provider, act }: SetProviderRequest, call: CallContext) => {
      if (!provider) throw new HuxinError('argument_invalid', text`name the body`)
      return {
        batchId: (await setProvider(current(), provider, entering(act, call))) ?? new Uint8Array(),
      }
    },
    listClients: async (request: ListClientsRequest) => {
      const { elements, nextPageToken } = pageOf(
        'clients',
        current().ledger().register.clients(),
        request,
        ({ name, serials }) => ROW_BYTES + name.length + serials.join().length,
      )
      return { clients: [...elements], nextPageToken }
    },
    setClient: async ({ client, act }: SetClientRequest, call: CallContext) => {
      if (!client) throw new HuxinError('argument_invalid', text`name the client`)
      return {
        batchId: (await setClient(current(), client, entering(act, call))) ?? new Uint8Array(),
      }
    },
  }
}
