/** A member with real keys and a real certificate that keeps to no rule: it speaks to its parent by hand. */
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { systemClock } from '../../src/base/clock.ts'
import type { BatchHeader } from '../../src/batch/header.ts'
import {
  ExchangeService,
  type Outcome,
  type PackageSchema,
} from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import { type Refusal, RefusalSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import { loadKeys, type NodeKeys } from '../../src/node/keys.ts'
import type { Node } from '../../src/node/node.ts'
import { loadTlsMaterial } from '../../src/pki/material.ts'
import { WireChannel } from '../../src/wire/channel.ts'
import { forge, type Forged } from './checks.ts'
import type { TestFederation } from './federation.ts'

export type Package = MessageInitShape<typeof PackageSchema>

/** What became of one package. */
export interface Answer {
  /** Error code when it was not logged, code of the verdict when it was logged refused, '' when accepted. */
  readonly code: string
  readonly logged: boolean
  readonly refusal: Refusal | undefined
  readonly outcome: Outcome
}

const CALL = { timeoutMs: 20_000 }

/** Dials a node with any certificate of the development PKI, `330182/node` for example. */
export async function dialWith(
  federation: TestFederation,
  certificate: string,
  node: Node,
): Promise<WireChannel> {
  const file = `${federation.pki.folder}/${certificate}`
  const { material } = await loadTlsMaterial(
    {
      certificateFile: `${file}.crt`,
      keyFile: `${file}.key`,
      rootFiles: [`${federation.pki.folder}/root.crt`],
    },
    systemClock.nowMs(),
  )
  return WireChannel.dial({
    address: `127.0.0.1:${node.port}`,
    expectedNodeName: node.context.self,
    material,
    clock: systemClock,
  })
}

export class Rogue {
  readonly name: string
  readonly keys: NodeKeys
  readonly parent: Node
  readonly #channel: WireChannel

  /** Takes the place of a member that was initialized below a running parent and is not running itself. */
  static async at(federation: TestFederation, id: string, parent: string): Promise<Rogue> {
    const node = federation.node(parent)
    const keys = await loadKeys(federation.folderOf(id), 1, { node: federation.name(id) })
    return new Rogue(
      federation.name(id),
      keys,
      node,
      await dialWith(federation, `${id}/node`, node),
    )
  }

  private constructor(name: string, keys: NodeKeys, parent: Node, channel: WireChannel) {
    this.name = name
    this.keys = keys
    this.parent = parent
    this.#channel = channel
  }

  get calls() {
    return this.#channel.client(ExchangeService)
  }

  close(): void {
    this.#channel.close()
  }

  /** A batch of its own that its parent would take, with anything changed. */
  forge(
    records: readonly Uint8Array[],
    targets: readonly string[],
    changed: Parameters<typeof forge>[3] = {},
  ): Forged {
    return forge(this.parent.context, records, targets, {
      origin: this.name,
      epoch: 1,
      signer: this.keys.note,
      ...changed,
    } as Partial<BatchHeader>)
  }

  /** Hands packages up in one call. */
  async submit(...packages: Package[]): Promise<Answer[]> {
    const { outcomes } = await this.calls.submit({ packages }, CALL)
    return outcomes.map((outcome) => {
      const refusal =
        outcome.refusal.length > 0 ? fromBinary(RefusalSchema, outcome.refusal) : undefined
      return {
        code: outcome.errorCode || (refusal?.code ?? ''),
        logged: outcome.receipt !== undefined,
        refusal,
        outcome,
      }
    })
  }

  /** Hands one package up. */
  async send(pack: Package): Promise<Answer> {
    const [answer] = await this.submit(pack)
    return answer!
  }
}

/** A forged batch as it is handed up. */
export function packed({ batch, body }: Forged): { header: Uint8Array; body: Uint8Array } {
  return { header: batch.note, body: body.bytes }
}
