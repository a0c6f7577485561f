/** What goes up over real connections: every batch once, also when the messages of its calls overtake each other. */
import t from 'tap'
import { fromBinary } from '@bufbuild/protobuf'
import { ExchangeService } from '../../src/gen/huxin/v1/exchange_service_pb.ts'
import type { ServiceBinding } from '../../src/wire/service.ts'
import { findings, publishRecords } from '../support/checks.ts'
import { TestFederation } from '../support/federation.ts'
import { INDUSTRY_ITEM, industryRecord, many } from '../support/records.ts'

/** Counts the bulk batches that are handed in, and lets calls that are there together enter in the opposite order. */
class Overtaking {
  batches = 0
  #held: (() => void)[] = []

  readonly wrap = (services: readonly ServiceBinding[]): readonly ServiceBinding[] =>
    services.map((service) =>
      service.typeName !== ExchangeService.typeName
        ? service
        : {
            ...service,
            methods: service.methods.map((method) => ({
              ...method,
              call: async (request, context) => {
                if (method.name === 'Submit') {
                  const { packages } = fromBinary(ExchangeService.method.submit.input, request)
                  this.batches += packages.filter(({ header }) =>
                    Buffer.from(header).includes(' bulk '),
                  ).length
                  await this.#overtaken()
                }
                return method.call(request, context)
              },
            })),
          },
    )

  /** Waits for what the same turns of the event loop bring, then lets the last go first. */
  #overtaken(): Promise<void> {
    return new Promise((resolve) => {
      this.#held.push(resolve)
      if (this.#held.length > 1) return
      setImmediate(() =>
        setImmediate(() => {
          for (const go of this.#held.splice(0).reverse()) go()
        }),
      )
    })
  }
}

t.test('each of many large batches is handed up once', async (t) => {
  const federation = await TestFederation.start([], { catalog: false })
  t.teardown(() => federation.stop())
  const overtaking = new Overtaking()
  await federation.add(
    { id: '330000', tier: 'province', divisions: ['330000'] },
    { wrapServices: overtaking.wrap },
  )
  await federation.add({ id: '330100', tier: 'city', parent: '330000', divisions: ['330100'] })
  await federation.publishCatalog('330000')
  await federation.until(
    'the catalog is at the city',
    () => federation.node('330100').context.ledger().catalog.item(INDUSTRY_ITEM) !== undefined,
  )
  const city = federation.node('330100').context
  const count = 40
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      publishRecords(
        city,
        many(1_000, (n) => industryRecord(n, { prefix: `b${i}` })),
        ['330000'],
        { batchClass: 'bulk' },
      ),
    ),
  )
  const province = federation.node('330000').context
  await federation.until(
    'the province has all',
    () => province.ledger().recordCount >= BigInt(count) * 1_000n,
  )
  t.equal(overtaking.batches, count)
  t.same(await findings(federation), [])
})
