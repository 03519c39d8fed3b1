/** An image registry on loopback (Docker needs no TLS there): serves one image under every name and tag it is told of, and counts who asks. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import { busyboxTar } from './test-image.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export class TestRegistry {
  readonly #server: Server;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifest: Buffer;
  readonly #port: number;
  /** "name:tag" that it has. */
  readonly tags = new Set<string>();
  /** How often a manifest was asked for, by "name:tag". */
  readonly asked = new Map<string, number>();

  constructor(port: number) {
    this.#port = port;
    const tar = busyboxTar();
    const layer = gzipSync(tar, { level: 1 });
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        // Unlike any image that is on the host already: it would not be pulled, and not go when it is removed.
        config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'], Labels: { 'coxswain.dev/test-registry': `${process.pid}` } },
        rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
        history: [{ created_by: 'test' }],
      }),
    );
    for (const blob of [layer, config]) this.#blobs.set(digestOf(blob), blob);
    this.#manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.length, digest: digestOf(config) },
        layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: layer.length, digest: digestOf(layer) }],
      }),
    );
    this.#server = createServer((request, response) => {
      const { body, type } = this.#answer(request.url ?? '/', request.method ?? 'GET');
      if (body === undefined) {
        response.writeHead(404, { 'Content-Type': 'application/json' });
        response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
        return;
      }
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length, 'Docker-Content-Digest': digestOf(body) });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Adds a tag and gives its whole reference. */
  reference(nameAndTag: string): string {
    this.tags.add(nameAndTag);
    return `127.0.0.1:${this.#port}/${nameAndTag}`;
  }

  #answer(url: string, method: string): { readonly body: Buffer | undefined; readonly type: string } {
    if (url === '/v2/') return { body: Buffer.from('{}'), type: 'application/json' };
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url);
    if (manifest !== null) {
      const tag = `${manifest[1] ?? ''}:${manifest[2] ?? ''}`;
      const isDigest = manifest[2] === digestOf(this.#manifest);
      // Docker asks by HEAD first, and only then for what it does not have.
      if (method === 'HEAD' || !isDigest) this.asked.set(tag, (this.asked.get(tag) ?? 0) + 1);
      return { body: isDigest || this.tags.has(tag) ? this.#manifest : undefined, type: MANIFEST };
    }
    return { body: this.#blobs.get(url.slice(url.lastIndexOf('/') + 1)), type: 'application/octet-stream' };
  }
}
