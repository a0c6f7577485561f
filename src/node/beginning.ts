/** The first entry of a log: a root's own statement, or the one by which a log goes on from a frozen one. */
import { hex } from '../base/bytes.ts'
import { HuxinError } from '../base/errors.ts'
import { text } from '../base/text.ts'
import type { Context } from '../commit/context.ts'
import { forgetCosigned, forgetReceipts } from '../members/freeze.ts'
import { publish } from '../publish/publish.ts'
import { idOf } from '../ledger/ledger.ts'
import { continuesFrom, type OpenFolder } from './folder.ts'

/** Statements of nodes above that are looked at. */
const ABOVE_MAX = 256

export class Beginning {
  readonly #context: Context
  readonly #folder: Pick<OpenFolder, 'join' | 'transition' | 'recovery'>
  readonly #root: boolean
  #under: Promise<void> | undefined

  private constructor(
    context: Context,
    {
      folder,
      root,
    }: { folder: Pick<OpenFolder, 'join' | 'transition' | 'recovery'>; root: boolean },
  ) {
    this.#context = context
    this.#folder = folder
    this.#root = root
  }

  /** What neighbours said of the log before does not count for this one. */
  static async open(
    context: Context,
    { folder, root }: { folder: OpenFolder; root: boolean },
  ): Promise<Beginning> {
    if (continuesFrom(folder)) await forgetCosigned(folder.store, context.log().origin)
    if (folder.recovery) await forgetReceipts(folder.store, context.log().origin)
    return new Beginning(context, { folder, root })
  }

  /** True until the first entry of a log that goes on from a frozen one is there: nothing else may be written. */
  get due(): boolean {
    return this.#context.log().size === this.#folder.transition?.frozen.size
  }

  /**
   * Writes the first entry, unless it is there. Call it when the node may sign, with what the parent says of itself and those above it.
   * @throws HuxinError as publish; config_invalid
   */
  begin(unverifiedAbove: readonly Uint8Array[] = []): Promise<void> {
    this.#under ??= this.#begin(unverifiedAbove).finally(() => {
      this.#under = undefined
    })
    return this.#under
  }

  async #begin(unverifiedAbove: readonly Uint8Array[]): Promise<void> {
    if (this.due)
      return this.#publish(this.#withAbove(this.#folder.transition!.statements, unverifiedAbove))
    if (!this.#root || this.#folder.recovery || this.#context.log().size > 0n) return
    const [statement] = this.#folder.join.statements
    if (!statement)
      throw new HuxinError(
        'config_invalid',
        text`join.json of a root holds its own statement: run huxin node init again`,
      )
    return this.#publish([statement])
  }

  /**
   * Whoever signed the statement of this epoch may have a new key since this log was frozen, which could not be logged in it: then its
   * statements are part of the first entry.
   */
  #withAbove(
    statements: readonly Uint8Array[],
    unverifiedAbove: readonly Uint8Array[],
  ): readonly Uint8Array[] {
    const { federation } = this.#context.ledger()
    if (federation.inOrder(statements).length === statements.length) return statements
    const known = new Set(
      federation
        .all()
        .flatMap(({ name }) => federation.history(name))
        .map(hex),
    )
    const above = unverifiedAbove.filter((note) => !known.has(hex(note))).slice(0, ABOVE_MAX)
    const all = federation.inOrder([...statements, ...above])
    // What still does not follow is said by whoever checks it.
    return statements.every((note) => all.includes(note)) ? all : statements
  }

  async #publish(statements: readonly Uint8Array[]): Promise<void> {
    // What a parent signed it tells the federation itself.
    const target = this.#root ? '**' : idOf(this.#context.self)
    await publish(this.#context, {
      kind: 'member',
      item: undefined,
      provider: this.#context.body,
      targets: [target],
      batchClass: 'control',
      records: statements,
      source: { kind: 'self' },
      begins: true,
    })
  }
}
