/**
 * What follows from the register of this node: whom a client acts for, what it may call, and for which bodies
 * records are born here. Persons (operators) enter bodies and clients; each entry is logged here, with the person, and
 * never leaves. A client that is not registered may do nothing, whatever its certificate says.
 *
 * Who may say it: operators of this node. Who may read it: they. What it costs: one small batch for each
 * change. What is left when it ends: the entries, as the log of who was allowed what and when.
 */
import { create, equals } from '@bufbuild/protobuf'
import { HuxinError } from '../base/errors.ts'
import { term, text } from '../base/text.ts'
import type { EntrySource } from '../batch/entry.ts'
import {
  type RegisteredClient,
  RegisteredClientSchema,
  type RegisteredProvider,
  RegisteredProviderSchema,
  type RegisterEntry,
  RegisterEntrySchema,
} from '../gen/huxin/v1/register_pb.ts'
import {
  type ClientRole,
  clientRoles,
  encodeRegisterEntry,
  normalSerial,
  registerFault,
} from '../ledger/register.ts'
import type { Actor, PersonalAct } from '../publish/actor.ts'
import type { Context } from '../commit/context.ts'
import { checkAct } from './members.ts'
import { publish } from '../publish/publish.ts'
import { refusalText } from '../verdict/refusal.ts'

/** What a certificate says of its holder. */
export interface Credential {
  readonly name: string
  /** Hexadecimal. */
  readonly serial: string
}

interface Entering {
  readonly act: PersonalAct
  readonly source: EntrySource
}

/**
 * The client that a certificate names, when it may do what it asks for. `role` undefined: what every client may.
 * @throws HuxinError client_unknown | client_suspended | role_denied
 */
export function registeredClient(
  context: Context,
  { name, serial }: Credential,
  role: ClientRole | undefined,
): RegisteredClient {
  const client = context.ledger().register.client(name)
  if (!client || client.status === 'ended') {
    throw new HuxinError(
      'client_unknown',
      text`client ${JSON.stringify(name)} is not in the register of ${context.self}: its operator enters it with huxin client add`,
    )
  }
  if (client.status !== 'active') {
    throw new HuxinError(
      'client_suspended',
      text`client ${JSON.stringify(name)} is suspended at ${context.self}: its operator lifts that with huxin client activate`,
    )
  }
  if (client.serials.length > 0 && !client.serials.includes(normalSerial(serial))) {
    throw new HuxinError(
      'client_unknown',
      text`client ${JSON.stringify(name)} is registered at ${context.self} with other certificates than the one with serial number ${normalSerial(serial)}: its operator adds it with huxin client add`,
    )
  }
  if (role !== undefined && !client.roles.includes(role)) {
    throw new HuxinError(
      'role_denied',
      text`client ${JSON.stringify(name)} is registered at ${context.self} to ${client.roles.map(term)}, not to ${term(role)}`,
    )
  }
  return client
}

/**
 * The body that answers for what a caller publishes: that of a client, and for an operator the one asked for.
 * @throws HuxinError provider_denied
 */
export function providerFor(context: Context, actor: Actor, asked: string): string {
  if (actor.kind === 'client' && asked !== '' && asked !== actor.body) {
    throw new HuxinError(
      'provider_denied',
      text`client ${JSON.stringify(actor.name)} acts for ${actor.body} and not for ${JSON.stringify(asked.slice(0, 40))}`,
    )
  }
  const provider = actor.kind === 'client' ? actor.body : asked === '' ? context.body : asked
  if (!isProvider(context, provider)) {
    throw new HuxinError(
      'provider_denied',
      text`${JSON.stringify(provider.slice(0, 40))} is no body whose records are born at ${context.self}: its operator enters it with huxin provider add`,
    )
  }
  return provider
}

/** Whether records of a body are born here: those of the bodies that operate and host this node always are. */
export function isProvider(context: Context, body: string): boolean {
  const { federation, register } = context.ledger()
  return (
    body === context.body ||
    body === federation.member(context.self)?.host ||
    register.provider(body)?.status === 'active'
  )
}

/**
 * Enters a body, or ends it. An empty name stays what it was.
 * @returns batch id of the entry; undefined when the register says so already
 * @throws HuxinError argument_invalid | not_found, and what publishing throws
 */
export async function setProvider(
  context: Context,
  asked: RegisteredProvider,
  entering: Entering,
): Promise<Uint8Array | undefined> {
  const before = context.ledger().register.provider(asked.body)
  const { body, name, status } = asked
  if (name === '' && !before)
    throw new HuxinError(
      'not_found',
      text`${JSON.stringify(body.slice(0, 40))} is not in the register of this node: see huxin provider list`,
    )
  const provider = create(RegisteredProviderSchema, {
    body,
    name: name === '' ? before!.name : name.trim(),
    status: status === '' ? 'active' : status,
  })
  if (before && equals(RegisteredProviderSchema, before, provider)) return undefined
  return enter(context, { case: 'provider', value: provider }, { ...entering, isNew: !before })
}

/**
 * Enters a client, or changes it. Without body, serials and roles the status alone is set; without a status a suspension
 * stays.
 * @returns batch id of the entry; undefined when the register says so already
 * @throws HuxinError argument_invalid | not_found | provider_denied, and what publishing throws
 */
export async function setClient(
  context: Context,
  asked: RegisteredClient,
  entering: Entering,
): Promise<Uint8Array | undefined> {
  const before = context.ledger().register.client(asked.name)
  const statusAlone = asked.body === '' && asked.serials.length === 0 && asked.roles.length === 0
  if (statusAlone && !before)
    throw new HuxinError(
      'not_found',
      text`client ${JSON.stringify(asked.name.slice(0, 200))} is not in the register of this node: see huxin client list`,
    )
  const terms = statusAlone ? before! : asked
  const client = create(RegisteredClientSchema, {
    name: asked.name,
    body: terms.body,
    serials: [...new Set(terms.serials.map(normalSerial))].sort(),
    roles: [...new Set(terms.roles.length === 0 ? clientRoles : terms.roles)].sort(),
    status:
      asked.status !== '' ? asked.status : before?.status === 'suspended' ? 'suspended' : 'active',
  })
  if (before && equals(RegisteredClientSchema, before, client)) return undefined
  if (client.status === 'active' && !isProvider(context, client.body)) {
    throw new HuxinError(
      'provider_denied',
      text`${JSON.stringify(client.body.slice(0, 40))} is no body whose records are born at ${context.self}: enter it first with huxin provider add`,
    )
  }
  return enter(context, { case: 'client', value: client }, { ...entering, isNew: !before })
}

async function enter(
  context: Context,
  subject: RegisterEntry['subject'],
  { act, source, isNew }: Entering & { isNew: boolean },
): Promise<Uint8Array> {
  checkAct(act)
  const fault = registerFault(create(RegisterEntrySchema, { subject, act }))
  if (fault !== undefined)
    throw new HuxinError('argument_invalid', text`the register takes no such entry: ${fault}`)
  if (isNew && context.ledger().register.isFull())
    throw new HuxinError('argument_invalid', text`the register of this node is full`)
  const published = await publish(context, {
    kind: 'register',
    item: undefined,
    provider: context.body,
    targets: [context.ledger().selfId],
    batchClass: 'control',
    records: [encodeRegisterEntry(subject, act)],
    source,
  })
  if (!published.batch)
    throw new HuxinError(
      'internal',
      text`the entry was refused: ${published.refusal ? refusalText(published.refusal) : ''}`,
    )
  return published.batch.id
}
