/** Messages for JSON. */

/** A message without protobuf's own fields. */
export function plain<T>(message: T): T {
  return JSON.parse(
    JSON.stringify(message, (key, value: unknown) =>
      key === '$typeName' || key === '$unknown'
        ? undefined
        : typeof value === 'bigint'
          ? value.toString()
          : value instanceof Uint8Array
            ? Buffer.from(value).toString('base64')
            : value,
    ),
  ) as T
}
