/** The calls of AdminService about certificates: who may issue them, which are revoked, who is connected. */
import { create } from '@bufbuild/protobuf'
import type { Context } from '../commit/context.ts'
import { setAuthorities } from '../members/members.ts'
import { reinstateCertificates, revokeCertificates } from '../members/revocation.ts'
import {
  type CertificateView,
  CertificateViewSchema,
  type ListCertificatesRequest,
  type ReinstateCertificateRequest,
  type RevokeCertificateRequest,
  type SetMemberAuthoritiesRequest,
} from '../gen/huxin/v1/admin_service_pb.ts'
import type { PeerIdentity } from '../pki/identity.ts'
import type { CallContext } from '../wire/service.ts'
import { personalAct, sourceOf } from './caller.ts'
import { pageOf } from './pages.ts'

/** What these calls need of the running node. */
export interface CertificatePort {
  readonly context: Context
  /** Who is connected; one for each connection. */
  connected(): readonly PeerIdentity[]
}

/** Bytes of a revocation in a list, at most. */
const ROW_BYTES = 3_000
const CONNECTED_MAX = 500

export function certificateHandlers(node: CertificatePort) {
  return {
    setMemberAuthorities: async (
      { member, authorities, act }: SetMemberAuthoritiesRequest,
      call: CallContext,
    ) => ({
      statement: await setAuthorities(node.context, {
        member,
        authorities,
        act: personalAct(act, call),
        issuer: call.peer.issuer,
        source: sourceOf(call),
      }),
    }),
    revokeCertificate: (
      { node: of, role, name, serial, own, act }: RevokeCertificateRequest,
      call: CallContext,
    ) =>
      revokeCertificates(
        node.context,
        { node: of, role, name, serial },
        { act: personalAct(act, call), source: sourceOf(call), caller: call.peer, own },
      ),
    reinstateCertificate: (
      { node: of, role, name, serial, act }: ReinstateCertificateRequest,
      call: CallContext,
    ) =>
      reinstateCertificates(
        node.context,
        { node: of, role, name, serial },
        { act: personalAct(act, call), source: sourceOf(call) },
      ),
    listCertificates: async (request: ListCertificatesRequest) => {
      const { elements, nextPageToken } = pageOf(
        'certificates',
        node.context.ledger().revocations.all(),
        request,
        () => ROW_BYTES,
      )
      return {
        revocations: elements.map(({ revocation, by, timeMs }) => ({
          revocation,
          by,
          timeMs: BigInt(timeMs),
        })),
        connected: request.pageToken === '' ? connected(node.connected()) : [],
        nextPageToken,
      }
    },
  }
}

function connected(peers: readonly PeerIdentity[]): CertificateView[] {
  const rows = new Map<string, CertificateView>()
  for (const { nodeName, role, name, serial, issuer } of peers) {
    const key = `${issuer} ${serial}`
    const row =
      rows.get(key) ??
      create(CertificateViewSchema, { node: nodeName, role, name, serial, authority: issuer })
    row.connections++
    rows.set(key, row)
  }
  return [...rows.values()].slice(0, CONNECTED_MAX)
}
