/** What a check of the store reads, and what it says. */
import type { Text } from '../base/text.ts'
import type { Log } from '../log/log.ts'

/** What of the log a check needs: the newest signed tree and whose it is. */
export type SignedLog = Pick<Log, 'signed' | 'origin' | 'verifier'>

/** Takes one finding: key of the row, and what is wrong with it. */
export type Find = (key: Uint8Array, what: Text) => void

/** What a check found. */
export interface CheckReport {
  /** One line each, in English. */
  readonly findings: readonly string[]
  /** The same lines in Chinese. */
  readonly findingsZh: readonly string[]
  /** Log indexes whose body (or refusal) is missing, damaged, or lost records; `huxin fsck --repair` asks neighbours for them. */
  readonly damaged: readonly bigint[]
  readonly entries: bigint
  readonly records: bigint
  readonly erased: bigint
  readonly dropped: bigint
}
