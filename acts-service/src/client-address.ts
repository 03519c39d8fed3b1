// Who a request comes from, as far as limits go.
import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';

/**
 * An IPv4 address, or the /64 of an IPv6 address: one customer's network, in which a client can pick addresses at will.
 * Behind a trusted proxy it is the last entry of X-Forwarded-For, the one that the proxy itself has added; those before it are anybody's claim.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const socketAddress = request.socket.remoteAddress ?? 'unknown';
  const forwarded = trustProxy ? lastForwarded(request.headers['x-forwarded-for']) : undefined;
  return networkOf(forwarded ?? socketAddress);
}

function lastForwarded(header: string | string[] | undefined): string | undefined {
  const text = String(header ?? '');
  const last = text.slice(text.lastIndexOf(',') + 1).trim();
  return isIP(last) === 0 ? undefined : last;
}

function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return mapped;
  // URL writes every spelling of an address the same way, without the zone.
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
