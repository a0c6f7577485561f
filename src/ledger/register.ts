/**
 * The register of this node: the bodies whose records are born here and the clients that act for them. A fold of its own
 * batches of kind `register`, which address this node alone; the newest entry of a body or a client decides. Memory
 * holds it whole. It says who is registered as what; `members/register.ts` says what follows from that.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { isSeen } from '../base/printable.ts'
import { term, text, type Text } from '../base/text.ts'
import { recordAt, type RecordSpans } from '../batch/body.ts'
import {
  type RegisteredClient,
  type RegisteredProvider,
  type RegisterEntry,
  RegisterEntrySchema,
} from '../gen/huxin/v1/register_pb.ts'
import { citizenIdFault } from '../record/citizen-id.ts'
import { isUscc } from '../record/uscc.ts'

/** What a client may be allowed to do. */
export const clientRoles = ['amend', 'publish', 'query'] as const
export type ClientRole = (typeof clientRoles)[number]

export const providerStatuses: readonly string[] = ['active', 'ended']
export const clientStatuses: readonly string[] = ['active', 'suspended', 'ended']

/** Bodies, and clients, that one register holds; ended ones count. */
const ROWS_MAX = 10_000
const SERIALS_MAX = 16
const SERIAL = /^[1-9A-F][0-9A-F]{0,39}$/
const NAME_CHARACTERS_MAX = 200

export class Register {
  readonly #providers = new Map<string, RegisteredProvider>()
  readonly #clients = new Map<string, RegisteredClient>()

  /** The entry of a body, by its unified social credit code. */
  provider(body: string): RegisteredProvider | undefined {
    return this.#providers.get(body)
  }

  /** The entry of a client, by the name in its certificate. */
  client(name: string): RegisteredClient | undefined {
    return this.#clients.get(name)
  }

  /** Bodies, in the order in which they were entered. */
  providers(): RegisteredProvider[] {
    return [...this.#providers.values()]
  }

  /** Clients, in the order in which they were entered. */
  clients(): RegisteredClient[] {
    return [...this.#clients.values()]
  }

  /** Whether there is no room for another body or client. */
  isFull(): boolean {
    return this.#providers.size >= ROWS_MAX || this.#clients.size >= ROWS_MAX
  }

  /** Takes the entries of a batch that was accepted; what does not decode says nothing. */
  add(body: RecordSpans): void {
    for (let i = 0; i < body.count; i++) {
      const record = recordAt(body, i)
      const subject = record && decodeRegisterEntry(record)?.subject
      if (subject?.case === 'provider') this.#providers.set(subject.value.body, subject.value)
      if (subject?.case === 'client') this.#clients.set(subject.value.name, subject.value)
    }
  }
}

/** Undefined when the bytes are no entry. */
export function decodeRegisterEntry(bytes: Uint8Array): RegisterEntry | undefined {
  try {
    return fromBinary(RegisterEntrySchema, bytes)
  } catch {
    return undefined
  }
}

export function encodeRegisterEntry(
  subject: RegisterEntry['subject'],
  act: { actor: string; reason: string; document: string },
): Uint8Array {
  return toBinary(RegisterEntrySchema, create(RegisterEntrySchema, { subject, act }))
}

/** Why an entry is not of the form that it should have; undefined when it is. */
export function registerFault({ subject, act }: RegisterEntry): Text | undefined {
  if (!act || act.actor === '' || act.reason === '' || act.document === '')
    return text`it does not say who entered it, why and on which document`
  switch (subject.case) {
    case 'provider':
      return providerFault(subject.value)
    case 'client':
      return clientFault(subject.value)
    default:
      return text`it is about neither a body nor a client`
  }
}

function providerFault({ body, name, status }: RegisteredProvider): Text | undefined {
  return bodyFault(body) ?? nameFault(name) ?? statusFault(status, providerStatuses)
}

function clientFault({ name, body, serials, roles, status }: RegisteredClient): Text | undefined {
  if (serials.length > SERIALS_MAX)
    return text`it has ${serials.length} serial numbers, allowed are ${SERIALS_MAX}`
  const serial = serials.find((one) => !SERIAL.test(one))
  if (serial !== undefined)
    return text`${JSON.stringify(serial.slice(0, 60))} is no serial number: upper-case hexadecimal digits, as openssl x509 -serial prints them`
  const role = roles.find((one) => !(clientRoles as readonly string[]).includes(one))
  if (role !== undefined)
    return text`role ${JSON.stringify(role.slice(0, 40))} is not one of ${clientRoles.map(term)}`
  if (roles.length === 0 || roles.some((one, i) => i > 0 && one <= roles[i - 1]!))
    return text`its roles are none or not sorted`
  return nameFault(name) ?? bodyFault(body) ?? statusFault(status, clientStatuses)
}

/** A code stands in signed headers for ever, so that an identity number, which may look like one, is none. */
function bodyFault(body: string): Text | undefined {
  if (!isUscc(body))
    return text`${JSON.stringify(body.slice(0, 40))} is no unified social credit code (GB 32100)`
  return citizenIdFault(body) === undefined
    ? text`the code of the body is an identity number of a person: give the unified social credit code of a body`
    : undefined
}

function nameFault(name: string): Text | undefined {
  if (name.trim() === '' || name.length > NAME_CHARACTERS_MAX || !isSeen(name)) {
    return text`a name is one line of 1 to ${NAME_CHARACTERS_MAX} characters, without characters that nobody sees`
  }
  return undefined
}

function statusFault(status: string, allowed: readonly string[]): Text | undefined {
  return allowed.includes(status)
    ? undefined
    : text`status ${JSON.stringify(status.slice(0, 40))} is not one of ${allowed.join(', ')}`
}

/** A serial number as the register writes it: upper-case, without colons and leading zeros. */
export function normalSerial(serial: string): string {
  return serial
    .replaceAll(':', '')
    .toUpperCase()
    .replace(/^0+(?=.)/, '')
}
