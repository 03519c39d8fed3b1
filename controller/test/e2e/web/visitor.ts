/** One person at one device: a fresh browser profile, everything that goes wrong in the page is kept, each screen can be held against axe. */
import { AxeBuilder } from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export type Device = 'phone' | 'desktop';

const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'light' },
  desktop: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
} as const;

export class Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the page's script, and what its Content-Security-Policy refused. */
  readonly troubles: string[] = [];
  readonly #device: Device;

  constructor(context: BrowserContext, page: Page, device: Device) {
    this.context = context;
    this.page = page;
    this.#device = device;
    page.on('pageerror', (error) => this.troubles.push(error.message));
    page.on('console', (message) => {
      // What the network answers is seen in the page itself.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.troubles.push(message.text());
    });
  }

  static async open(browser: Browser, url: string, device: Device): Promise<Visitor> {
    const context = await browser.newContext({ ...devices[device], reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const visitor = new Visitor(context, page, device);
    await page.goto(url);
    await page.locator('html[data-ready="true"]').waitFor();
    return visitor;
  }

  async signUp(name: string): Promise<void> {
    const { page } = this;
    await page.getByRole('navigation').getByRole('link').last().click();
    await page.getByLabel('Username').fill(name);
    await page.getByLabel('Password').fill('a secret of mine');
    await page.getByRole('button', { name: 'Sign up' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: `Hello, ${name}` })
      .waitFor();
  }

  async addCategory(name: string): Promise<void> {
    const { page } = this;
    await page.getByRole('link', { name: 'Browse' }).click();
    await page.getByRole('button', { name: 'Add category' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill(name);
    await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
  }

  async shareAct(caption: string, category: string, picture: Buffer): Promise<void> {
    const { page } = this;
    await page.getByRole('navigation').getByRole('link', { name: 'Share an act' }).click();
    await page.getByLabel('Choose a picture').setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer: picture });
    await page.getByAltText('Your picture').waitFor();
    await page.getByLabel('Caption').fill(caption);
    await page.getByLabel('Category').selectOption(category);
    await page.getByRole('button', { name: 'Share this act' }).click();
    await page.getByRole('heading', { level: 1, name: category }).waitFor();
  }

  /** What axe finds wrong with the screen as it is, as texts. Keeps a picture of it where SCREENSHOTS says. */
  async inspect(name: string): Promise<readonly string[]> {
    const directory = process.env['SCREENSHOTS'];
    if (directory !== undefined) {
      mkdirSync(directory, { recursive: true });
      await this.page.screenshot({ path: join(directory, `${name}-${this.#device}.png`) });
    }
    const { violations } = await new AxeBuilder({ page: this.page }).analyze();
    return violations.map(({ id, help, nodes }) => `${name}: ${id}: ${help} (${nodes.map((node) => node.target.join(' ')).join(', ')})`);
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
