/** A province that tells one of its two cities something else than the truth, over the real connection. */
import { type Test } from 'tap'
import { create, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { findBatch } from '../../src/query/query.ts'
import { RefusalSchema } from '../../src/gen/huxin/v1/body_pb.ts'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import type { ServiceBinding } from '../../src/wire/service.ts'
import { publishRecords } from './checks.ts'
import { TestFederation } from './federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from './records.ts'

export const WITNESS = '330100'
export const VICTIM = '330700'

type Method = keyof typeof ExchangeService.method
type Answer<M extends Method> = MessageShape<(typeof ExchangeService.method)[M]['output']>

/** What a hub answers one of its children instead of the truth. */
export class Lies {
  readonly #lies = new Map<string, (answer: never, request: never) => unknown>()
  readonly #victim: string

  constructor(victim: string) {
    this.#victim = victim
  }

  tell<M extends Method>(
    method: M,
    lie: (
      answer: Answer<M>,
      request: MessageShape<(typeof ExchangeService.method)[M]['input']>,
    ) => Answer<M>,
  ): void {
    this.#lies.set(method, lie as never)
  }

  stop(): void {
    this.#lies.clear()
  }

  readonly wrap = (services: readonly ServiceBinding[]): readonly ServiceBinding[] =>
    services.map((service) =>
      service.typeName !== ExchangeService.typeName
        ? service
        : {
            ...service,
            methods: service.methods.map((method) => ({
              ...method,
              call: async (request, context) => {
                const truth = await method.call(request, context)
                const { localName, input, output } = ExchangeService.methods.find(
                  ({ name }) => name === method.name,
                )!
                const lie =
                  context.peer.nodeId === this.#victim ? this.#lies.get(localName) : undefined
                return lie
                  ? toBinary(
                      output,
                      lie(
                        fromBinary(output, truth) as never,
                        fromBinary(input, request) as never,
                      ) as never,
                    )
                  : truth
              },
            })),
          },
    )
}

/** A province that can lie to one of its two cities. */
export async function startLying(
  t: Test,
  store: 'memory' | 'disk' = 'memory',
): Promise<{ federation: TestFederation; lies: Lies }> {
  const federation = await TestFederation.start([], { catalog: false, store })
  t.teardown(() => federation.stop())
  const lies = new Lies(VICTIM)
  await federation.add(
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { wrapServices: lies.wrap },
  )
  for (const id of [WITNESS, VICTIM])
    await federation.add(
      { id, tier: 'city', parent: '330000', divisions: [id] },
      { link: { patienceMs: 300 } },
    )
  await federation.publishCatalog('330000')
  await federation.until('the catalog is everywhere', () =>
    [...federation.nodes.values()].every(({ context }) =>
      context.ledger().catalog.item(INDUSTRY_ITEM),
    ),
  )
  return { federation, lies }
}

let serial = 0

/** Publishes two records at the province. */
export async function spread(
  federation: TestFederation,
  targets: readonly string[] = [WITNESS, VICTIM],
): Promise<Uint8Array> {
  serial++
  const { batch } = await publishRecords(
    federation.node('330000').context,
    many(2, (i) => industryRecord(i, { prefix: `a${serial}` })),
    targets,
  )
  return batch!.id
}

export async function holds(
  federation: TestFederation,
  node: string,
  id: Uint8Array,
): Promise<boolean> {
  return (await findBatch(federation.node(node).context, id)) !== undefined
}

export function refusal(message: string): Uint8Array {
  return toBinary(RefusalSchema, create(RefusalSchema, { code: 'record_invalid', message }))
}

export function alarmOf(federation: TestFederation, node: string, text: RegExp): boolean {
  return federation
    .node(node)
    .alarms.list()
    .some((line) => text.test(line))
}
