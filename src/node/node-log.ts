/** What a node says of itself while it runs. */

/** Structured logging; pino satisfies it. */
export interface NodeLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
