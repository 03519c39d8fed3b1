/** The web app's first load in a real Chromium through the ingress, with the processor and the network of a cheap phone. */
import { execFileSync } from 'node:child_process';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { hostName, launchChromium } from '../test/e2e/web/chromium.ts';
import type { System } from '../test/e2e/system.ts';
import { median } from './statistics.ts';

const LOADS = 5;
/** Lighthouse's "slow 4G" as DevTools applies it: 150 ms round trips cost a request 562 ms, since connecting is not simulated. */
const SLOW_4G = {
  offline: false,
  latency: 562.5,
  downloadThroughput: (1.6 * 1024 * 1024 * 0.9) / 8,
  uploadThroughput: (750 * 1024 * 0.9) / 8,
};
const CPU_SLOWDOWN = 4;
const DEADLINE_MS = 30_000;
const ACTS_ON_A_PAGE = 20;

export interface WebFigures {
  readonly scriptAndStyleKb: number;
  readonly usableMs: number;
  /** From the tap on a category until the thumbnails of its first 20 acts are there, on a screen that has room for all of them. */
  readonly pageMs: number;
  /** What that took on the wire. */
  readonly pageKb: number;
}

export async function benchWeb(system: System): Promise<WebFigures> {
  const url = `http://127.0.0.1:${system.ingressPort}`;
  execFileSync(process.execPath, ['acts-service/dist/seed/main.js', '--acts', '200', '--url', url], { stdio: 'ignore' });
  const browser = await launchChromium();
  try {
    const loads: WebFigures[] = [];
    for (let index = 0; index < LOADS; index++) loads.push(await firstLoad(browser, `http://${hostName}:${system.ingressPort}/`));
    const middle = (figure: keyof WebFigures): number => median(loads.map((load) => load[figure]));
    return {
      scriptAndStyleKb: middle('scriptAndStyleKb'),
      usableMs: middle('usableMs'),
      pageMs: middle('pageMs'),
      pageKb: middle('pageKb'),
    };
  } finally {
    await browser.close();
  }
}

async function firstLoad(browser: Browser, url: string): Promise<WebFigures> {
  // Four columns of five cards and a little more.
  const context = await browser.newContext({ viewport: { width: 1200, height: 1800 } });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const received = await countBytes(session);
  await session.send('Network.emulateNetworkConditions', SLOW_4G);
  await session.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN });
  await page.goto(url, { waitUntil: 'commit' });
  await page.locator('html[data-ready="true"]').waitFor({ timeout: DEADLINE_MS });
  const usableMs = Number(await page.evaluate(`performance.getEntriesByName('usable')[0].startTime`));
  const scriptAndStyleKb = (received.get('Script') ?? 0) + (received.get('Stylesheet') ?? 0);
  const kbBefore = sum(received);
  const pageMs = await openFirstCategory(page);
  const pageKb = sum(received) - kbBefore;
  await context.close();
  return { scriptAndStyleKb, usableMs, pageMs, pageKb };
}

/** Compressed kB by resource type, as they come. */
async function countBytes(session: CDPSession): Promise<ReadonlyMap<string, number>> {
  const types = new Map<string, string>();
  const received = new Map<string, number>();
  session.on('Network.responseReceived', ({ requestId, type }) => types.set(requestId, type));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const type = types.get(requestId) ?? 'Other';
    received.set(type, (received.get(type) ?? 0) + encodedDataLength / 1024);
  });
  await session.send('Network.enable');
  return received;
}

function sum(received: ReadonlyMap<string, number>): number {
  return [...received.values()].reduce((total, kb) => total + kb, 0);
}

async function openFirstCategory(page: Page): Promise<number> {
  const startedAt = performance.now();
  await page
    .locator('a.category')
    .filter({ hasText: /[0-9]{2} acts/ })
    .first()
    .click();
  const loaded = page.locator('.card .picture.shown img');
  await loaded.nth(ACTS_ON_A_PAGE - 1).waitFor({ timeout: DEADLINE_MS });
  return performance.now() - startedAt;
}
