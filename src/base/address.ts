/** `host:port` as people write it. An IPv6 address stands in brackets (RFC 3986, 3.2.2): without them nobody sees where it ends. */

export interface HostPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

/** Takes an IPv6 address without brackets too, where the last colon can only be that of the port. Gives NaN for no number. */
export function parseAddress(address: string): HostPort {
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at)
  return {
    host: /^\[.*\]$/.test(host) ? host.slice(1, -1) : host,
    port: Number(address.slice(at + 1)),
  }
}

export function formatAddress({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** False for an IPv6 address without brackets, which nobody can dial. */
export function isDialable(address: string): boolean {
  return !parseAddress(address).host.includes(':') || address.startsWith('[')
}
