/** One administrative division, as the table has it. */
export type DivisionLevel = 'nation' | 'province' | 'city' | 'county'

export interface Division {
  /** Six digits. */
  readonly code: string
  readonly nameZh: string
  readonly level: DivisionLevel
  /** Code of the city it belongs to; undefined where there is none. */
  readonly city: string | undefined
  /** True for a code that stands for no administration of its own (市辖区, 县). */
  readonly placeholder?: boolean
  /** True when the code is no longer in use. */
  readonly withdrawn?: boolean
  /** Codes that now cover its territory, for a withdrawn code; may be several. */
  readonly successors?: readonly string[]
  /** True when the code is in use but once stood for another territory. */
  readonly territoryChanged?: boolean
}
