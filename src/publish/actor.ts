/** Who calls, as this node knows them. */
export type Actor =
  /** A machine; `body` is the unified social credit code that it acts for. */
  | { readonly kind: 'client'; readonly name: string; readonly body: string }
  /** A person. */
  | { readonly kind: 'operator'; readonly name: string; readonly serial: string }

/** Who acts, why, and on which document. */
export interface PersonalAct {
  readonly actor: string
  readonly reason: string
  readonly document: string
}
