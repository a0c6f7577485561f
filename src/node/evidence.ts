/** Files that prove somebody's misbehaviour to anybody, kept beside the log. */
import { join } from 'node:path'
import type { Files } from '../base/files.ts'
import { text } from '../base/text.ts'
import type { Alarms } from '../alarm/alarms.ts'
import { parseNote } from '../note/note.ts'
import { parseStatement } from '../topology/member.ts'

/** Writes a file of evidence, owner-only, and on the disk before it returns. One that is there already stays as it is. @returns where it is */
async function writeEvidence(
  files: Files,
  folder: string,
  { name, content }: { readonly name: string; readonly content: Uint8Array },
): Promise<string> {
  await files.makeFolder(folder)
  const file = join(folder, name)
  if (await files.isThere(file).catch(() => false)) return file
  await files.writeWhole(file, content)
  return file
}

/** Keeps evidence in one folder, and says so. */
export class EvidenceFolder {
  readonly #folder: string
  readonly #files: Files
  readonly #alarms: Alarms
  readonly #log: { warn(fields: object, message: string): void }
  /** What was kept since the start, and where it is. */
  readonly #kept = new Map<string, string>()

  constructor(
    folder: string,
    {
      files,
      alarms,
      log,
    }: { files: Files; alarms: Alarms; log: { warn(fields: object, message: string): void } },
  ) {
    this.#folder = folder
    this.#files = files
    this.#alarms = alarms
    this.#log = log
  }

  /** @returns where it is */
  readonly keep = async (name: string, content: Uint8Array): Promise<string> => {
    const file = await writeEvidence(this.#files, this.#folder, { name, content })
    this.#kept.set(name, file)
    this.#log.warn({ file }, 'evidence was written')
    return file
  }

  /** Where a file of evidence is, when it was kept since the start. */
  readonly at = (name: string): string | undefined => this.#kept.get(name)

  readonly keepFork = async (
    first: Uint8Array,
    second: Uint8Array,
    lane: string,
  ): Promise<void> => {
    const { name, content } = laneForkEvidence(first, second, lane)
    await this.keep(name, content)
    this.#alarms.raise(
      'lane_fork',
      lane,
      text`two different batches carry one number of lane ${lane}: its origin is under quarantine, evidence is kept`,
    )
  }

  readonly keepConflict = async (
    earlier: Uint8Array,
    later: Uint8Array,
    signers: readonly string[],
  ): Promise<void> => {
    const { name, content, member, serial } = statementConflictEvidence(earlier, later, signers)
    await this.keep(name, content)
    this.#alarms.raise(
      'statement',
      `${member} ${serial}`,
      text`${signers} signed two different statements ${serial} of ${member}: the first stays in force, evidence is kept`,
    )
  }
}

/** Two batches with one number of a lane, side by side. */
function laneForkEvidence(
  first: Uint8Array,
  second: Uint8Array,
  lane: string,
): { name: string; content: Uint8Array } {
  return {
    name: `lane-fork-${lane.replaceAll(/[^a-z0-9]+/g, '-')}.txt`,
    content: Buffer.from(
      `Two different batches carry one number of the lane ${lane}.\n\nFirst:\n\n${Buffer.from(first).toString()}\nSecond:\n\n${Buffer.from(second).toString()}`,
    ),
  }
}

/** Two statements of a member with one serial, and who validly signed both. */
function statementConflictEvidence(
  earlier: Uint8Array,
  later: Uint8Array,
  signers: readonly string[],
): { name: string; content: Uint8Array; member: string; serial: number } {
  const { member, serial } = parseStatement(parseNote(earlier).text)
  return {
    name: `statement-conflict-${member.replaceAll(/[^a-z0-9]+/g, '-')}-${serial}.txt`,
    content: Buffer.from(
      `Two different statements ${serial} of ${member}, both signed by ${signers.join(', ')}. The first stays in force.\n\nFirst:\n\n` +
        `${Buffer.from(earlier).toString()}\nSecond:\n\n${Buffer.from(later).toString()}`,
    ),
    member,
    serial,
  }
}
