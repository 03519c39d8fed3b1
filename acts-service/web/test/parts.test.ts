// The web app's small parts that know nothing of the page.
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { describeTime, formatTimestamp, parseTimestamp } from '../src/acts/act-time.ts';
import { shownVotes, tallyOf, voteAccepted, voteRefused, voteSent, votesListed } from '../src/acts/vote-tally.ts';
import { parseLossless, stringifyWithActId } from '../src/api/lossless-json.ts';
import { columnsIn, gridWindow } from '../src/list/grid-window.ts';
import { fitWithin } from '../src/pictures/fit-within.ts';
import { sha1Hex } from '../src/session/sha1.ts';

describe('lossless JSON', () => {
  it('keeps every digit of an actId, there and back', () => {
    const digits = fc.stringMatching(/^[1-9][0-9]{0,999}$/);
    fc.assert(
      fc.property(digits, fc.string(), fc.integer(), (actId, caption, upvotes) => {
        const act = stringifyWithActId(actId, { caption, upvotes });
        expect(parseLossless(`[${act},${act}]`)).to.deep.equal(Array(2).fill({ actId, caption, upvotes }));
      }),
    );
  });
  it('reads everything else as JSON.parse does', () => {
    fc.assert(fc.property(fc.json(), (text) => void expect(parseLossless(text)).to.deep.equal(JSON.parse(text))));
  });
  const tricky: readonly [name: string, text: string, value: unknown][] = [
    ['the word as a value', '["actId", 12]', ['actId', 12]],
    ['the word inside a caption', String.raw`{"caption":"\"actId\":1","actId" : 7}`, { caption: '"actId":1', actId: '7' }],
    ['a caption that ends in a backslash', String.raw`{"caption":"\\","actId":8}`, { caption: '\\', actId: '8' }],
    ['a longer name', '{"actIdentity":5}', { actIdentity: 5 }],
    ['one quote in a caption', String.raw`{"caption":"\"","actId":6}`, { caption: '"', actId: '6' }],
    ['an actId that is text already', '{"actId":"9"}', { actId: '9' }],
  ];
  for (const [name, text, value] of tricky) it(`is not misled by ${name}`, () => expect(parseLossless(text)).to.deep.equal(value));
  it('is not brought down by a caption of megabytes', () => {
    const caption = '"\\'.repeat(1_000_000);
    expect(parseLossless(`[${stringifyWithActId('1', { caption })}]`)).to.deep.equal([{ actId: '1', caption }]);
  });
  it('refuses to write an actId that is not digits', () => expect(() => stringifyWithActId('1,"x":2', {})).to.throw('digits'));
});

describe('SHA-1', () => {
  const vectors: readonly [text: string, digest: string][] = [
    ['', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '84983e441c3bd26ebaae4aa1f95129e5e54670f1'],
  ];
  for (const [text, digest] of vectors) it(`of "${text}"`, () => expect(sha1Hex(text)).to.equal(digest));
  it('of any text is what Node says', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    fc.assert(fc.property(text, (value) => void expect(sha1Hex(value)).to.equal(createHash('sha1').update(value).digest('hex'))));
  });
});

describe('timestamps of the API', () => {
  it('are seconds before minutes before hours', () => {
    expect(formatTimestamp(new Date('2026-03-09T23:05:07Z'))).to.equal('09-03-2026:07-05-23');
  });
  it('read back as the same second', () => {
    const date = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(date, (value) => {
        expect(parseTimestamp(formatTimestamp(value))?.getTime()).to.equal(Math.floor(value.getTime() / 1000) * 1000);
      }),
    );
  });
  for (const text of ['31-02-2026:00-00-00', '01-13-2026:00-00-00', '01-01-2026:60-00-00', '1-1-2026:00-00-00', 'yesterday']) {
    it(`${text} is none, and is shown as it is`, () => {
      expect([parseTimestamp(text), describeTime(text, 'full')]).to.deep.equal([undefined, text]);
    });
  }
  it('are shown in the reader’s zone', () => {
    expect(describeTime('10-10-2019:45-23-23', 'short', 'en-GB', 'UTC')).to.equal('10 Oct 2019');
    expect(describeTime('10-10-2019:45-23-23', 'short', 'en-GB', 'Asia/Kolkata')).to.equal('11 Oct 2019');
  });
});

describe('an optimistic vote', () => {
  const sent = voteSent(tallyOf(4));
  it('shows at once', () => expect(shownVotes(sent)).to.equal(5));
  it('stays when it is accepted', () => expect(shownVotes(voteAccepted(sent, 10))).to.equal(5));
  it('is taken back when it is refused', () => expect(shownVotes(voteRefused(sent, 10))).to.equal(4));
  it('marks the act as voted for until it is refused', () => {
    expect([tallyOf(4), sent, voteAccepted(sent, 10), voteRefused(sent, 10)].map(({ own }) => own)).to.deep.equal([0, 1, 1, 0]);
  });
  it('is not counted twice by a list that came meanwhile', () => {
    expect(shownVotes(voteAccepted(votesListed(sent, 5, 5), 10))).to.equal(5);
  });
  it('is not lost to a list asked for before it was answered', () => {
    expect(shownVotes(votesListed(voteAccepted(sent, 10), 4, 9))).to.equal(5);
  });
  it('gives way to what a later list says', () => expect(shownVotes(votesListed(voteAccepted(sent, 10), 9, 11))).to.equal(9));
});

describe('a picture’s size', () => {
  const cases: readonly [width: number, height: number, fitted: readonly [number, number]][] = [
    [4000, 3000, [1280, 960]],
    [3000, 4000, [960, 1280]],
    [1280, 1280, [1280, 1280]],
    [640, 480, [640, 480]],
    [100_000, 10, [1280, 1]],
  ];
  for (const [width, height, [fittedWidth, fittedHeight]] of cases) {
    it(`${width} x ${height} becomes ${fittedWidth} x ${fittedHeight}`, () => {
      expect(fitWithin({ width, height }, 1280)).to.deep.equal({ width: fittedWidth, height: fittedHeight });
    });
  }
});

describe('the window on a long grid', () => {
  const grid = fc.record({ count: fc.nat(20_000), columns: fc.integer({ min: 1, max: 5 }), rowHeight: fc.integer({ min: 50, max: 900 }) });
  it('begins where its first card stands and never holds more than a few screens of cards', () => {
    fc.assert(
      fc.property(grid, fc.integer({ min: -500, max: 20_000_000 }), fc.integer({ min: 100, max: 2000 }), (shape, top, height) => {
        const { first, end, paddingTop } = gridWindow(shape, top, height);
        const rows = Math.ceil((end - first) / shape.columns);
        expect(paddingTop).to.equal((first / shape.columns) * shape.rowHeight);
        expect(rows).to.be.at.most(Math.ceil(height / shape.rowHeight) + 7);
        expect(first % shape.columns).to.equal(0);
      }),
    );
  });
  it('holds every card in view', () => {
    const { first, end } = gridWindow({ count: 1000, columns: 2, rowHeight: 100 }, 10_050, 800);
    expect([first <= 200, end >= 2 * 109]).to.deep.equal([true, true]);
  });
  const widths: readonly [width: number, columns: number][] = [
    [288, 1],
    [560, 1],
    [576, 2],
    [1100, 3],
  ];
  for (const [width, columns] of widths)
    it(`${width} px hold ${columns} columns`, () => expect(columnsIn(width, 280, 16)).to.equal(columns));
});
