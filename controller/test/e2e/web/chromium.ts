/** A real Chromium for the web app's tests: Debian's, installed when it is missing and we may. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const debianPath = '/usr/bin/chromium';

/** The name under which the app is opened. Being no `localhost`, it is no secure context over plain http. */
export const hostName = 'acts.test';

export function chromiumPath(): string {
  const path = process.env['CHROMIUM_PATH'] ?? debianPath;
  if (existsSync(path)) return path;
  if (process.getuid?.() !== 0) throw new Error(`${path} is missing: install Debian's package chromium, or set CHROMIUM_PATH`);
  console.log('chromium: installing the Debian package');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    installChromium(env);
  } catch {
    // The package lists may be old.
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    installChromium(env);
  }
  return debianPath;
}

function installChromium(env: NodeJS.ProcessEnv): void {
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], { env, stdio: 'ignore' });
}

/** @param trustedKey what `Certificate.keyDigest` says: that certificate is as good as one from an authority */
export function launchChromium(trustedKey?: string): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=MAP ${hostName} 127.0.0.1`,
      ...(trustedKey === undefined ? [] : [`--ignore-certificate-errors-spki-list=${trustedKey}`]),
    ],
  });
}
