/** TLS in front of the ingress, as an operator would put it there, with a certificate made for the test. */
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface HttpsFront {
  readonly port: number;
  /** Stops answering, as a phone without a network sees it. */
  close(): Promise<void>;
}

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
  /** base64 of the SHA-256 of its public key */
  readonly keyDigest: string;
}

export async function startHttpsFront({ key, cert }: Certificate, ingressPort: number): Promise<HttpsFront> {
  const server = createServer({ key, cert }, (incoming, outgoing) => {
    const headers = { ...incoming.headers, 'x-forwarded-proto': 'https' };
    const options = { host: '127.0.0.1', port: ingressPort, method: incoming.method, path: incoming.url, headers };
    const onward = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

export function makeCertificate(hostName: string): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'coxswain-tls-'));
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', `/CN=${hostName}`, '-addext', `subjectAltName=DNS:${hostName}`];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
  rmSync(directory, { recursive: true });
  const publicKey = createPublicKey(cert).export({ type: 'spki', format: 'der' });
  return { key, cert, keyDigest: createHash('sha256').update(publicKey).digest('base64') };
}
