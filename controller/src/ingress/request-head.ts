/**
 * What of a client's request head decides its way, and the head that the endpoint gets: everything as sent (case, order, duplicates, raw bytes)
 * except hop-by-hop headers and those named in Connection; X-Forwarded-* and X-Request-Id are added.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Rewritten below.
  'x-forwarded-for',
]);
/** A client must not be able to strip these by naming them in Connection: they frame the message or tell who asked. */
const NEVER_NAMED = ['host', 'content-length', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'close', 'keep-alive', 'upgrade'];

/** Unique per process and request; a UUID each would be a thirtieth of all memory per request. */
const REQUEST_ID_PREFIX = `${randomBytes(9).toString('base64url')}.`;
let requestCount = 0;

export interface RequestTarget {
  /** Lower case, no port. */
  readonly host: string;
  /** Without query. "*" (OPTIONS *) counts as "/". */
  readonly path: string;
}

export function requestTarget(url: string, hostHeader: string | undefined): RequestTarget {
  if (url.startsWith('/')) return { host: hostName(hostHeader ?? ''), path: pathOf(url) };
  const scheme = url.indexOf('://');
  if (scheme < 0) return { host: hostName(hostHeader ?? ''), path: '/' };
  // Absolute form: its authority overrules the Host header (RFC 9112, 3.2.2).
  const slash = url.indexOf('/', scheme + 3);
  const authority = slash < 0 ? url.slice(scheme + 3) : url.slice(scheme + 3, slash);
  return { host: hostName(authority), path: slash < 0 ? '/' : pathOf(url.slice(slash)) };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function hostName(authority: string): string {
  const colon = authority.startsWith('[') ? authority.indexOf(':', authority.indexOf(']')) : authority.indexOf(':');
  return (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase();
}

export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length !== undefined && Number(length) > 0;
}

/** Why a request cannot be forwarded without changing its meaning; undefined when it can. */
export function refusal(request: IncomingMessage, isUpgrade: boolean): { status: number; reason: string } | undefined {
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return { status: 501, reason: 'transfer codings other than chunked are not supported' };
  }
  if (isUpgrade && hasBody(request)) return { status: 501, reason: 'an upgrade request with a body is not supported' };
  let hosts = 0;
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return { status: 400, reason: 'more than one Host header' };
  return undefined;
}

export function requestHead(request: IncomingMessage, isUpgrade: boolean): string {
  const { headers, rawHeaders: raw } = request;
  const named = namedInConnection(headers.connection);
  let head = `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1\r\n`;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lowerCase = name.toLowerCase();
    if (HOP_BY_HOP.has(lowerCase) || named?.has(lowerCase) === true) continue;
    head += `${name}: ${raw[i + 1] ?? ''}\r\n`;
  }
  // HTTP/1.0 clients may omit it, HTTP/1.1 endpoints must refuse that.
  if (headers.host === undefined) head += 'Host: localhost\r\n';
  else if (headers['x-forwarded-host'] === undefined) head += `X-Forwarded-Host: ${headers.host}\r\n`;
  const forwardedFor = headers['x-forwarded-for'];
  const earlier = Array.isArray(forwardedFor) ? forwardedFor.join(', ') : forwardedFor;
  const client = clientAddress(request);
  head += `X-Forwarded-For: ${earlier === undefined ? client : `${earlier}, ${client}`}\r\n`;
  if (headers['x-forwarded-proto'] === undefined) head += 'X-Forwarded-Proto: http\r\n';
  if (headers['x-request-id'] === undefined) head += `X-Request-Id: ${REQUEST_ID_PREFIX}${(++requestCount).toString(36)}\r\n`;
  if (headers['transfer-encoding'] !== undefined) head += 'Transfer-Encoding: chunked\r\n';
  if (isUpgrade) head += `Connection: Upgrade\r\nUpgrade: ${headers.upgrade ?? ''}\r\n`;
  return head + '\r\n';
}

function clientAddress(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? 'unknown';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function namedInConnection(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const named = new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  for (const name of NEVER_NAMED) named.delete(name);
  return named.size === 0 ? undefined : named;
}
