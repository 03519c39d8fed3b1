/** Reading the engine's streams: multiplexed output, JSON lines, and the last bytes of something long. */

const FRAME_HEADER_BYTES = 8;

/**
 * Strips the frame headers from the output of a container without a TTY: [stream 0|1|2, 0, 0, 0, length big-endian 4 bytes] payload.
 * Payload is passed on as it arrives, in pieces, so no frame is ever held in memory. Anything else is passed through as it is.
 */
export class OutputDemultiplexer {
  readonly #onPayload: (chunk: Uint8Array) => void;
  #header = Buffer.alloc(0);
  #payloadLeft = 0;
  #isRaw = false;

  constructor(onPayload: (chunk: Uint8Array) => void) {
    this.#onPayload = onPayload;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#isRaw || this.#payloadLeft > 0) {
        const piece = this.#isRaw ? rest : rest.subarray(0, this.#payloadLeft);
        this.#payloadLeft = Math.max(0, this.#payloadLeft - piece.length);
        this.#onPayload(piece);
        rest = rest.subarray(piece.length);
        continue;
      }
      const missing = FRAME_HEADER_BYTES - this.#header.length;
      const header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      if (header.length < FRAME_HEADER_BYTES) {
        this.#header = header;
        return;
      }
      this.#header = Buffer.alloc(0);
      if (header.readUIntBE(0, 4) & 0xfcffffff) {
        // Not a frame: a container with a TTY. What was taken for a header is output.
        this.#isRaw = true;
        this.#onPayload(header);
      } else {
        this.#payloadLeft = header.readUInt32BE(4);
      }
      rest = rest.subarray(missing);
    }
  }
}

/** Keeps the last `maximumBytes` of what is written to it. */
export class OutputTail {
  readonly #maximumBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > 2 * this.#maximumBytes) this.#compact();
  }

  toString(): string {
    this.#compact();
    return Buffer.concat(this.#chunks).toString();
  }

  #compact(): void {
    const tail = Buffer.concat(this.#chunks).subarray(-this.#maximumBytes);
    this.#chunks = [tail];
    this.#bytes = tail.length;
  }
}

/** One parsed JSON document a line, whatever the chunks. A line longer than `maximumBytes` ends the stream with an error. */
export async function* readJsonLines(stream: AsyncIterable<Buffer>, maximumBytes: number): AsyncGenerator {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
      const line = pending.toString('utf8', 0, end).trim();
      pending = pending.subarray(end + 1);
      if (line !== '') yield JSON.parse(line) as unknown;
    }
    if (pending.length > maximumBytes) throw new Error(`a line of more than ${maximumBytes} bytes`);
  }
}
