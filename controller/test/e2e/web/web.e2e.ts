import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { eventually } from '../../eventually.ts';
import { System, withWindow } from '../system.ts';
import { hostName, launchChromium } from './chromium.ts';
import { makeCertificate, startHttpsFront } from './https-front.ts';
import { Visitor } from './visitor.ts';

/** Runs in the page. */
function naturalSize(image: unknown): readonly [number, number] {
  const { naturalWidth, naturalHeight } = image as { readonly naturalWidth: number; readonly naturalHeight: number };
  return [naturalWidth, naturalHeight];
}

describe('the web app, in Chromium through the ingress', function () {
  this.timeout(120_000);
  const certificate = makeCertificate(hostName);
  let system: System;
  let browser: Browser;
  let url: string;
  let photo: Buffer;
  let hasFailed = false;
  const visitors: Visitor[] = [];

  before(async function () {
    // Chromium may have to be installed.
    this.timeout(600_000);
    browser = await launchChromium(certificate.keyDigest);
    const studio = await browser.newPage({ viewport: { width: 2400, height: 1800 } });
    await studio.setContent('<body style="background: linear-gradient(45deg, teal, gold, tomato)">');
    photo = await studio.screenshot();
    await studio.close();
    system = new System({ name: 'web', basePort: 18_500, edit: withWindow(3600) });
    await system.up();
    url = `http://${hostName}:${system.ingressPort}/`;
  });
  afterEach(async function () {
    hasFailed ||= this.currentTest?.state === 'failed';
    for (const visitor of visitors.splice(0)) await visitor.leave();
  });
  after(async () => {
    await browser.close();
    await system.remove(hasFailed);
  });

  async function visit(device: 'phone' | 'desktop', address = url): Promise<Visitor> {
    const visitor = await Visitor.open(browser, address, device);
    visitors.push(visitor);
    return visitor;
  }

  /** Straight through the API, for what is only the scene of a test. */
  async function share(category: string, caption: string, imgB64 = 'aGVsbG8='): Promise<string> {
    const actId = nextActId++;
    const act = { actId, username: 'scene', timestamp: '10-10-2019:45-23-03', caption, categoryName: category, imgB64 };
    const reply = await system.http('POST', '/api/v1/acts', act);
    expect(reply.status, reply.body).to.equal(201);
    return String(actId);
  }
  let nextActId = 1;

  async function scene(category: string, acts = 0): Promise<void> {
    await system.http('POST', '/api/v1/users', { username: 'scene', password: 'a'.repeat(40) });
    expect((await system.http('POST', '/api/v1/categories', [category])).status).to.equal(201);
    for (let index = 0; index < acts; index++) await share(category, `deed ${index}`);
  }

  for (const device of ['phone', 'desktop'] as const) {
    it(`a newcomer must be able to sign up, share, vote and delete on a ${device}, on screens without a fault`, async () => {
      const visitor = await visit(device);
      const { page } = visitor;
      const [name, category] = [`Ada ${device}`, `Trees & "rivers" ${device}`];
      const faults = [...(await visitor.inspect('welcome'))];
      expect(await page.evaluate('isSecureContext')).to.equal(false);

      await page.getByRole('navigation').getByRole('link').last().click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      faults.push(...(await visitor.inspect('people')));
      await visitor.signUp(name);
      await visitor.addCategory(category);
      faults.push(...(await visitor.inspect('empty-category')));
      await visitor.shareAct('Planted an oak where the old one fell', category, photo);

      const card = page.getByRole('listitem').filter({ hasText: 'Planted an oak' });
      await card.waitFor();
      await eventually(async () => expect((await card.locator('img').evaluate(naturalSize))[0]).to.be.greaterThan(100));
      faults.push(...(await visitor.inspect('category')));
      await card.getByRole('link').click();
      await page.getByRole('heading', { level: 1, name: 'Planted an oak' }).waitFor();
      // Made smaller on the device: 2400 x 1800 came in, at most 1280 went out, as JPEG.
      const image = page.getByAltText('Picture: Planted an oak');
      await eventually(async () => expect(await image.evaluate(naturalSize)).to.deep.equal([1280, 960]));
      const source = new URL((await image.getAttribute('src')) ?? '', url);
      expect((await system.http('GET', source.pathname)).headers['content-type']).to.equal('image/jpeg');
      await page.getByRole('button', { name: 'Upvote, 0 votes' }).click();
      await page.getByRole('button', { name: 'Upvote, 1 vote' }).waitFor();
      faults.push(...(await visitor.inspect('act')));
      await eventually(async () => {
        const reply = await system.http('GET', `/api/v1/categories/${encodeURIComponent(category)}/acts?images=none`);
        expect((JSON.parse(reply.body) as { upvotes: number }[])[0]?.upvotes).to.equal(1);
      });

      await page.getByRole('button', { name: 'Delete act' }).click();
      faults.push(...(await visitor.inspect('delete-act')));
      await page.getByRole('dialog').getByRole('button', { name: 'Delete act' }).click();
      await page.getByText('No acts yet').first().waitFor();
      await page.getByRole('navigation').getByRole('link', { name: 'Share an act' }).click();
      await page.getByRole('button', { name: 'Share this act' }).click();
      await page.getByText('Please take or choose a picture.').waitFor();
      faults.push(...(await visitor.inspect('share')));
      await page.getByRole('link', { name: 'Browse' }).click();
      await page.getByRole('link', { name: category }).waitFor();
      faults.push(...(await visitor.inspect('categories')));

      expect(faults).to.deep.equal([]);
      expect(visitor.troubles).to.deep.equal([]);
    });
  }

  it('the keyboard alone must be enough to vote', async () => {
    await scene('By keyboard', 2);
    const { page } = await visit('desktop', `${url}#/categories/By%20keyboard`);
    await page.getByRole('listitem').first().waitFor();
    const focused = (): Promise<string> =>
      page.evaluate(`document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`);
    await eventually(async () => {
      await page.keyboard.press('Tab');
      expect(await focused()).to.equal('Upvote, 0 votes');
    });
    await page.keyboard.press('Enter');
    await eventually(async () => expect(await focused()).to.equal('Upvote, 1 vote'));
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'deed 1' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'By keyboard' }).waitFor();
  });

  it('a category read while acts come and go must show each act once and miss none', async () => {
    await scene('Busy', 130);
    const { page } = await visit('phone', `${url}#/categories/Busy`);
    const seen = new Map<string, number>();
    const doomed = JSON.parse((await system.http('GET', '/api/v1/categories/Busy/acts?start=1&end=100&images=none')).body) as {
      actId: number;
      caption: string;
    }[];
    const removed = new Set<string>();
    let round = 0;
    for (;;) {
      const isAtEnd =
        (await page.getByText('That is all of them.').isVisible()) &&
        (await page.evaluate<boolean>('scrollY + innerHeight >= document.documentElement.scrollHeight - 1'));
      const shown = await page.evaluate<string[]>(
        `[...document.querySelectorAll('[aria-posinset] .caption')].map((each) => each.textContent)`,
      );
      const inView = new Set(shown);
      expect(inView.size, 'an act is shown twice at once').to.equal(shown.length);
      for (const caption of inView) seen.set(caption, (seen.get(caption) ?? 0) + 1);
      if (isAtEnd) break;
      // One arrives at the top and one goes, which was read already or not.
      if (round < 40) await share('Busy', `newcomer ${round}`);
      const victim = doomed[round * 7];
      if (victim !== undefined) {
        await system.http('DELETE', `/api/v1/acts/${victim.actId}`);
        removed.add(victim.caption);
      }
      round++;
      await page.evaluate('scrollBy(0, 900), new Promise((resolve) => setTimeout(resolve, 50))');
    }
    expect(round, 'nothing changed meanwhile').to.be.greaterThan(5);
    const missed = Array.from({ length: 130 }, (_, index) => `deed ${index}`).filter(
      (caption) => !removed.has(caption) && !seen.has(caption),
    );
    expect(missed).to.deep.equal([]);
  });

  it('while replicas crash who reads must notice nothing, and each vote must be counted or taken back', async () => {
    await scene('In a storm', 30);
    await system.command('scale', 'acts', '--replicas', '2');
    await system.untilReplicas(2);
    const visitor = await visit('phone', `${url}#/categories/In%20a%20storm`);
    const { page } = visitor;
    const answers: { readonly path: string; readonly status: number }[] = [];
    page.on('response', (response) => answers.push({ path: new URL(response.url()).pathname, status: response.status() }));
    for (let round = 0; round < 4; round++) {
      // One that has just been started has nothing to crash yet.
      await system.untilReplicas(2);
      const port = system.basePort + (round % 2);
      const victim = (await system.replicas()).find((replica) => replica.port === port)?.id;
      expect((await system.call('POST', port, '/api/v1/_crash')).status).to.equal(200);
      // Until the next one stands in its place the reader goes on.
      await eventually(async () => {
        await page.getByRole('listitem').first().getByRole('link').click();
        await page.getByRole('heading', { level: 1, name: 'deed 29' }).waitFor();
        await page.getByRole('button', { name: /^Upvote/ }).click();
        await page.goBack();
        await page.getByRole('heading', { level: 1, name: 'In a storm' }).waitFor();
        const next = (await system.replicas()).find((replica) => replica.port === port)?.id;
        expect(next !== undefined && next !== victim).to.equal(true);
      }, 20_000);
    }
    const votes = (isCounted: boolean): number =>
      answers.filter(({ path, status }) => path.endsWith('/upvote') && (status === 200) === isCounted).length;
    const stored = async (): Promise<number> => {
      const reply = await system.http('GET', '/api/v1/categories/In%20a%20storm/acts?start=1&end=1&images=none');
      return (JSON.parse(reply.body) as { upvotes: number }[])[0]?.upvotes ?? Number.NaN;
    };
    // A vote may be stored and its answer lost with the replica: the page says it failed, and learns the number with the next look.
    await eventually(async () => expect(await stored()).to.be.within(votes(true), votes(true) + votes(false)));
    expect(votes(true)).to.be.greaterThan(0);
    await eventually(async () => {
      const count = await stored();
      expect(await page.getByRole('button', { name: new RegExp(`^Upvote, ${count} votes?$`) }).count()).to.equal(1);
    }, 20_000);
    // A read may be retried, so none may fail; a vote that reached a crashing replica may not.
    expect(answers.filter(({ path, status }) => status >= 500 && !path.endsWith('/upvote'))).to.deep.equal([]);
    expect(visitor.troubles).to.deep.equal([]);
  });

  it('a vote that failed must be taken back, and the voter told', async () => {
    await scene('Unlucky', 1);
    const { page } = await visit('phone', `${url}#/categories/Unlucky`);
    await page.route('**/api/v1/acts/upvote', (route) =>
      route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{}' }),
    );
    await page.getByRole('button', { name: 'Upvote, 0 votes' }).click();
    await page.locator('.message.problem').waitFor();
    await page.getByRole('button', { name: 'Upvote, 0 votes' }).waitFor();
  });

  it('over https it must be installable, and readable without a network', async () => {
    await scene('Kept for later', 3);
    const front = await startHttpsFront(certificate, system.ingressPort);
    const visitor = await visit('phone', `https://${hostName}:${front.port}/`);
    const { page, context } = visitor;
    await page.evaluate('navigator.serviceWorker.ready.then(() => undefined)');
    const session = await context.newCDPSession(page);
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
    // A private window, as a test has it, is never offered an installation.
    expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).to.deep.equal([]);

    await page.reload();
    await page.getByRole('link', { name: 'Kept for later' }).click();
    await page.getByRole('listitem').filter({ hasText: 'deed 1' }).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: 'deed 1' }).waitFor();
    await front.close();

    await page.goto(`https://${hostName}:${front.port}/`);
    await page.getByText('Showing what was seen before.').waitFor();
    await page.getByRole('link', { name: 'Kept for later' }).click();
    await page.getByRole('listitem').filter({ hasText: 'deed 2' }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'deed 1' }).getByRole('link').click();
    await page.getByRole('heading', { level: 1, name: 'deed 1' }).waitFor();
    expect(visitor.troubles).to.deep.equal([]);
  });

  it('a release of the service must not break a page that is open', async () => {
    await scene('Open page', 1);
    const { page } = await visit('desktop', `${url}#/categories/Open%20page`);
    await page.getByRole('listitem').first().waitFor();
    const before = new Set((await system.replicas()).map(({ id }) => id));
    system.manifest('acts.yaml', (text) => text.replace('value: direct', 'value: any'));
    await eventually(async () => {
      const replicas = await system.replicas();
      expect(replicas.length > 0 && replicas.every(({ id }) => !before.has(id))).to.equal(true);
    }, 40_000);
    await page.getByRole('button', { name: 'Upvote, 0 votes' }).click();
    await page.getByRole('link', { name: 'Browse' }).click();
    await page.getByRole('link', { name: 'Open page' }).waitFor();
    await eventually(async () => {
      const [act] = JSON.parse((await system.http('GET', '/api/v1/categories/Open%20page/acts')).body) as { upvotes: number }[];
      expect(act?.upvotes).to.equal(1);
    });
  });
});
