/**
 * Reads HTTP/1.1 responses from an endpoint's connection (RFC 9112): head, body by length, chunks or close, trailers, 1xx, 101.
 * Anything that leaves the end of a response in doubt is an error, never a guess. Bytes handed out are views of a shared read buffer: valid
 * during the call only.
 */
import { RESPONSE_HEAD_SIZE } from './limits.ts';

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** name, value, name, value: as sent, without hop-by-hop ones. */
  readonly headers: readonly string[];
  /** The Upgrade header of a 101. */
  readonly upgrade: string | undefined;
}

export interface ResponseSink {
  onInformational(status: number, headers: readonly string[]): void;
  onHead(head: ResponseHead): void;
  onBody(bytes: Buffer, isLast: boolean): void;
  /** The response is complete. */
  onComplete(trailers: readonly string[]): void;
  /** 101: from here on both directions are raw bytes, `rest` first. */
  onSwitch(head: ResponseHead, rest: Buffer): void;
}

/** The endpoint sent something that is no HTTP/1.1 response. */
export class ResponseError extends Error {
  readonly code = 'InvalidResponse';
}

interface Framing {
  isChunked: boolean;
  length: number | undefined;
  isHttp11: boolean;
  connection: string;
  keepAlive: string;
  upgrade: string | undefined;
}

type State = 'idle' | 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'close' | 'switched';

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,13})[ \t]*(?:;.*)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LINE_LENGTH = 16_384;
const NONE: readonly string[] = [];

export class ResponseReader {
  /** False as soon as the connection cannot carry another response. */
  isReusable = true;
  /** What the endpoint's Keep-Alive header allows, in milliseconds. */
  keepAliveMs: number | undefined;
  /** Whether any byte of the current response came. */
  hasBytes = false;
  #state: State = 'idle';
  #sink: ResponseSink | undefined;
  #isHead = false;
  #isUpgrade = false;
  #pending: Buffer | undefined;
  #remaining = 0;
  #line = '';
  #trailers: string[] = [];
  #trailerSize = 0;

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** After a 101: bytes are no longer HTTP. */
  get isSwitched(): boolean {
    return this.#state === 'switched';
  }

  /** @param isHead the request is a HEAD: its response has no body whatever the headers say. */
  expect(sink: ResponseSink, isHead: boolean, isUpgrade: boolean): void {
    this.#sink = sink;
    this.#isHead = isHead;
    this.#isUpgrade = isUpgrade;
    this.#state = 'head';
    this.hasBytes = false;
  }

  /** @throws ResponseError */
  read(bytes: Buffer): void {
    this.hasBytes = true;
    let at = 0;
    while (at < bytes.length) at = this.#step(bytes, at);
  }

  /** The endpoint closed. True when that completed the response or none was due. */
  end(): boolean {
    if (this.#state === 'close') {
      this.#complete();
      return true;
    }
    return this.#state === 'idle';
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at);
      case 'length':
      case 'chunk':
        return this.#readCounted(bytes, at);
      case 'close':
        this.#sink?.onBody(at === 0 ? bytes : bytes.subarray(at), false);
        return bytes.length;
      case 'chunk-size':
      case 'chunk-end':
      case 'trailers':
        return this.#readLine(bytes, at);
      case 'idle':
      case 'switched':
        throw new ResponseError('bytes after the end of the response');
    }
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= end - at;
    const isLength = this.#state === 'length';
    const isDone = this.#remaining === 0;
    if (isDone && !isLength) this.#state = 'chunk-end';
    this.#sink?.onBody(bytes.subarray(at, end), isDone && isLength);
    if (isDone && isLength) this.#complete();
    return end;
  }

  #readLine(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(10, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    this.#line += bytes.toString('latin1', at, end);
    if (this.#line.length > LINE_LENGTH) throw new ResponseError('chunk line too long');
    if (newline < 0) return end;
    if (!this.#line.endsWith('\r\n')) throw new ResponseError('chunk line ends in a bare line feed');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    if (this.#state === 'chunk-size') this.#chunkSize(line);
    else if (this.#state === 'trailers') this.#trailer(line);
    else if (line === '') this.#state = 'chunk-size';
    else throw new ResponseError('chunk longer than its size');
    return end;
  }

  #chunkSize(line: string): void {
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) throw new ResponseError('chunk size is no number');
    this.#remaining = Number.parseInt(size, 16);
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk';
  }

  #trailer(line: string): void {
    if (line === '') {
      this.#complete();
      return;
    }
    this.#trailerSize += line.length;
    if (this.#trailerSize > LINE_LENGTH) throw new ResponseError('trailers too long');
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw new ResponseError('invalid trailer');
    this.#trailers.push(name, trimSpaces(line.slice(colon + 1)));
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#pending?.length ?? 0;
    let text: Buffer;
    let end: number;
    if (this.#pending === undefined) {
      text = bytes;
      end = bytes.indexOf(END_OF_HEAD, at);
    } else {
      text = Buffer.concat([this.#pending, bytes.subarray(at)]);
      end = text.indexOf(END_OF_HEAD, Math.max(0, before - 3));
    }
    if (end < 0) {
      this.#pending = this.#pending === undefined ? Buffer.from(bytes.subarray(at)) : text;
      if (this.#pending.length > RESPONSE_HEAD_SIZE) throw new ResponseError('response head too long');
      return bytes.length;
    }
    const wasPending = this.#pending !== undefined;
    this.#pending = undefined;
    const rest = wasPending ? at + end + END_OF_HEAD.length - before : end + END_OF_HEAD.length;
    return this.#head(text.toString('latin1', wasPending ? 0 : at, end), bytes, rest);
  }

  #head(text: string, bytes: Buffer, rest: number): number {
    const lines = text.split('\r\n');
    const statusLine = STATUS_LINE.exec(lines[0] ?? '');
    if (statusLine === null) throw new ResponseError('invalid status line');
    const status = Number(statusLine[2]);
    const framing: Framing = {
      isChunked: false,
      length: undefined,
      isHttp11: statusLine[1] === '1',
      connection: '',
      keepAlive: '',
      upgrade: undefined,
    };
    const headers = readHeaders(lines, framing);
    const head: ResponseHead = { status, reason: statusLine[3] ?? '', headers, upgrade: framing.upgrade };
    if (status === 101) {
      if (!this.#isUpgrade || framing.upgrade === undefined) throw new ResponseError('101 to a request without Upgrade');
      this.#state = 'switched';
      this.isReusable = false;
      this.#sink?.onSwitch(head, bytes.subarray(rest));
      return bytes.length;
    }
    if (status < 200) {
      this.#sink?.onInformational(status, headers);
      return rest;
    }
    this.#frame(head, framing);
    return rest;
  }

  #frame(head: ResponseHead, framing: Framing): void {
    const connection = framing.connection === '' ? '' : framing.connection.toLowerCase();
    if (framing.isHttp11 ? connection.includes('close') : !connection.includes('keep-alive')) this.isReusable = false;
    if (framing.keepAlive !== '') {
      const seconds = /timeout\s*=\s*"?(\d{1,6})/i.exec(framing.keepAlive)?.[1];
      if (seconds !== undefined) this.keepAliveMs = Number(seconds) * 1_000;
    }
    const hasNoBody = this.#isHead || head.status === 204 || head.status === 304;
    if (hasNoBody) this.#state = 'idle';
    else if (framing.isChunked) {
      if (framing.length !== undefined) this.isReusable = false;
      this.#state = 'chunk-size';
    } else if (framing.length !== undefined) {
      this.#remaining = framing.length;
      this.#state = framing.length === 0 ? 'idle' : 'length';
    } else {
      this.isReusable = false;
      this.#state = 'close';
    }
    const isComplete = this.#state === 'idle';
    this.#sink?.onHead(head);
    if (isComplete) this.#complete();
  }

  #complete(): void {
    const sink = this.#sink;
    const trailers = this.#trailers;
    this.#state = 'idle';
    this.#sink = undefined;
    if (trailers.length > 0) {
      this.#trailers = [];
      this.#trailerSize = 0;
    }
    sink?.onComplete(trailers.length > 0 ? trailers : NONE);
  }
}

/** Keeps end-to-end headers as they were sent and notes what frames the body. */
function readHeaders(lines: readonly string[], framing: Framing): string[] {
  let headers: string[] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw new ResponseError('invalid header line');
    const value = trimSpaces(line.slice(colon + 1));
    if (noteHopByHop(name.toLowerCase(), value, framing)) headers.push(name, value);
  }
  if (framing.connection !== '') headers = withoutNamed(headers, framing.connection);
  if (framing.isChunked) headers = withoutNamed(headers, 'content-length', true);
  return headers;
}

/** True when the header travels on. */
function noteHopByHop(name: string, value: string, framing: Framing): boolean {
  switch (name) {
    case 'content-length': {
      const length = /^\d{1,15}$/.test(value) ? Number(value) : undefined;
      if (length === undefined || (framing.length !== undefined && framing.length !== length)) {
        throw new ResponseError('invalid Content-Length');
      }
      const isFirst = framing.length === undefined;
      framing.length = length;
      return isFirst;
    }
    case 'transfer-encoding':
      if (framing.isChunked || value.toLowerCase() !== 'chunked') {
        // Another coding would have to be undone or announced: no one uses it, so it is refused rather than passed on broken.
        throw new ResponseError('unsupported Transfer-Encoding');
      }
      framing.isChunked = true;
      return false;
    case 'connection':
      framing.connection = framing.connection === '' ? value : `${framing.connection}, ${value}`;
      return false;
    case 'keep-alive':
      framing.keepAlive = value;
      return false;
    case 'upgrade':
      framing.upgrade = value;
      return false;
    case 'proxy-connection':
    case 'proxy-authenticate':
      return false;
    default:
      return true;
  }
}

function withoutNamed(headers: string[], connection: string, isContentLength = false): string[] {
  const named = new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  named.delete('close');
  named.delete('keep-alive');
  named.delete('upgrade');
  if (!isContentLength) named.delete('content-length');
  if (named.size === 0) return headers;
  return headers.filter((_, index) => !named.has((headers[index - (index % 2)] ?? '').toLowerCase()));
}

/** Spaces and tabs only: String.trim() would also eat the bytes of other characters. */
function trimSpaces(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value.charCodeAt(start))) start++;
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9;
}
