/** The calls with which operators grant and reject what takes a second person. */
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Approvals, Decision } from '../members/approvals.ts'
import type { Context } from '../commit/context.ts'
import type {
  GrantApprovalRequest,
  ListApprovalsRequest,
  RejectApprovalRequest,
} from '../gen/huxin/v1/admin_service_pb.ts'
import type { CallContext } from '../wire/service.ts'
import { personalAct, sourceOf } from './caller.ts'
import { publishedMessage } from './published.ts'

/** What these calls need of the running node. */
export interface ApprovalPort {
  readonly context: Context
  readonly approvals: Approvals
}

/** The calls of AdminService about approvals. */
export function approvalHandlers(node: ApprovalPort) {
  return {
    listApprovals: async ({ id }: ListApprovalsRequest) => ({
      approvals: await node.approvals.list(id.length === 0 ? undefined : checkId(id)),
    }),
    grantApproval: async (request: GrantApprovalRequest, call: CallContext) => {
      return {
        published: await publishedMessage(
          node.context,
          await node.approvals.grant(decisionOf(request, call)),
        ),
      }
    },
    rejectApproval: async (request: RejectApprovalRequest, call: CallContext) => ({
      actBatchId: (await node.approvals.reject(decisionOf(request, call))) ?? new Uint8Array(),
    }),
  }
}

function decisionOf(
  { id, act }: GrantApprovalRequest | RejectApprovalRequest,
  call: CallContext,
): Decision {
  const { name, serial } = call.peer
  return {
    id: checkId(id),
    by: { kind: 'operator', name, serial },
    act: personalAct(act, call),
    source: sourceOf(call),
  }
}

function checkId(id: Uint8Array): Uint8Array {
  if (id.length !== 32)
    throw new HuxinError(
      'argument_invalid',
      text`an approval has an id of 32 bytes, not of ${id.length}: see huxin approval list`,
    )
  return Uint8Array.from(id)
}
