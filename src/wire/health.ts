/**
 * grpc.health.v1, for whoever has a valid certificate. The library keeps a name that somebody watches
 * for ever, and repeats one it does not know in its error; only names of services reach it from here.
 */
import type {
  Server,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import { statusOfError } from './status.ts'

interface HealthRequest {
  readonly service: string
}

export class Health {
  readonly #names: ReadonlySet<string>
  readonly #health: HealthImplementation

  /** `names` without '', which is the whole server. All start as not serving. */
  constructor(names: readonly string[]) {
    this.#names = new Set(['', ...names])
    this.#health = new HealthImplementation(
      Object.fromEntries([...this.#names].map((name) => [name, 'NOT_SERVING'])),
    )
  }

  setServing(service: string, serving: boolean): void {
    this.#health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING')
  }

  addToServer(server: Server): void {
    const addService: Server['addService'] = (service, handlers) =>
      server.addService(service, this.#guarded(handlers as unknown as HealthHandlers))
    this.#health.addToServer({ addService } as Server)
  }

  #guarded(handlers: HealthHandlers): UntypedServiceImplementation {
    return {
      ...handlers,
      check: (
        call: ServerUnaryCall<HealthRequest, unknown>,
        answer: sendUnaryData<unknown>,
      ): void => {
        if (this.#names.has(call.request.service)) handlers.check(call, answer)
        else
          answer(
            statusOfError(
              new HuxinError(
                'not_found',
                text`health knows no service ${JSON.stringify(call.request.service.slice(0, 80))}`,
              ),
            ),
          )
      },
      watch: (call: ServerWritableStream<HealthRequest, unknown>): void => {
        if (this.#names.has(call.request.service)) handlers.watch(call)
        // No service is added later, so that this stays true.
        else call.write({ status: 'SERVICE_UNKNOWN' })
      },
    }
  }
}

interface HealthHandlers extends UntypedServiceImplementation {
  check(call: ServerUnaryCall<HealthRequest, unknown>, answer: sendUnaryData<unknown>): void
  watch(call: ServerWritableStream<HealthRequest, unknown>): void
}
