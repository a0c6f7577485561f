/** The parent's ExchangeService as the loops call it; `wire` gives the real one, tests may give another. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  GiveBackRequestSchema,
  GiveBackResponse,
  ReadBodiesRequestSchema,
  ReadBodiesResponse,
  ReadLaneRequestSchema,
  ReadLaneResponse,
  ReadLogRequestSchema,
  ReadLogResponse,
  RecallRequestSchema,
  RecallResponse,
  RenewRequestSchema,
  RenewResponse,
  SubmitRequestSchema,
  SubmitResponse,
  WitnessRequestSchema,
  WitnessResponse,
} from '../gen/huxin/v1/exchange_service_pb.ts'

export interface ParentCalls {
  recall(
    request: MessageInitShape<typeof RecallRequestSchema>,
    signal: AbortSignal,
  ): Promise<RecallResponse>
  submit(
    request: MessageInitShape<typeof SubmitRequestSchema>,
    signal: AbortSignal,
  ): Promise<SubmitResponse>
  readLog(
    request: MessageInitShape<typeof ReadLogRequestSchema>,
    signal: AbortSignal,
  ): Promise<ReadLogResponse>
  readBodies(
    request: MessageInitShape<typeof ReadBodiesRequestSchema>,
    signal: AbortSignal,
  ): Promise<ReadBodiesResponse>
  readLane(
    request: MessageInitShape<typeof ReadLaneRequestSchema>,
    signal: AbortSignal,
  ): Promise<ReadLaneResponse>
  witness(
    request: MessageInitShape<typeof WitnessRequestSchema>,
    signal: AbortSignal,
  ): Promise<WitnessResponse>
  giveBack(
    request: MessageInitShape<typeof GiveBackRequestSchema>,
    signal: AbortSignal,
  ): Promise<GiveBackResponse>
  renew(
    request: MessageInitShape<typeof RenewRequestSchema>,
    signal: AbortSignal,
  ): Promise<RenewResponse>
}
