/** Text made to harm: it must be refused in a moment, and never end the process. */
import { expect } from 'chai';
import fc from 'fast-check';
import { MANIFEST_LIMITS } from '../../src/manifest/limits.ts';
import { CONFIG_MAP, DEPLOYMENT, read } from './fixtures.ts';

const MEBIBYTE = MANIFEST_LIMITS.bytesPerFile;
const DEADLINE_MS = 3000;

const TEXTS: Readonly<Record<string, string>> = {
  'opening brackets': '['.repeat(MEBIBYTE),
  'opening braces': '{a: '.repeat(MEBIBYTE / 4),
  'closing brackets': ']'.repeat(MEBIBYTE),
  'nested lists': '- '.repeat(MEBIBYTE / 2),
  'nested keys': '? '.repeat(MEBIBYTE / 2),
  'keys of keys': 'a: '.repeat(MEBIBYTE / 3),
  'a map of 90,000 keys': Array.from({ length: 90_000 }, (_, index) => `k${index}: v`).join('\n'),
  'a flow map of 90,000 keys': `{${Array.from({ length: 90_000 }, (_, index) => `k${index}: v`).join(',')}}`,
  documents: '---\n'.repeat(MEBIBYTE / 4),
  anchors: '&a '.repeat(MEBIBYTE / 3),
  aliases: `a: &a 1\nb: [${'*a,'.repeat(MEBIBYTE / 4)}]`,
  merges: `a: &a {x: 1}\n${'<<: *a\n'.repeat(MEBIBYTE / 8)}`,
  quotes: '"'.repeat(MEBIBYTE),
  'empty strings': "''\n".repeat(MEBIBYTE / 3),
  commas: `[${','.repeat(MEBIBYTE)}]`,
  'one long word': 'x'.repeat(MEBIBYTE),
  'one long number': `a: ${'1'.repeat(MEBIBYTE)}`,
  'exclamation marks': '!'.repeat(MEBIBYTE),
  'zero bytes': '\0'.repeat(MEBIBYTE),
  spaces: ' '.repeat(MEBIBYTE),
  'line breaks': '\n'.repeat(MEBIBYTE),
  comments: '#\n'.repeat(MEBIBYTE / 2),
  'dashes in a name': CONFIG_MAP.replace('web', 'a'.repeat(MEBIBYTE / 2) + '!'),
};

describe('hostile text', function () {
  this.timeout(30_000);

  for (const [name, text] of Object.entries(TEXTS)) {
    it(`a mebibyte of ${name} is refused within ${DEADLINE_MS} ms`, () => {
      const startedMs = performance.now();
      const { errors } = read(text);
      expect(performance.now() - startedMs).to.be.below(DEADLINE_MS);
      expect(errors).not.to.be.empty;
      for (const { message } of errors) expect(message.length).to.be.below(1000);
    });
  }

  it('a list of brackets inside text is not nesting', () => {
    const data = Array.from({ length: 200 }, (_, index) => `  k${index}: "["\n  l${index}: |\n    [\n`).join('');
    expect(read(`apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n${data}`).errors).to.be.empty;
  });

  it('no text at all makes it throw', () => {
    const word = fc.constantFrom(
      ...[
        'a',
        ': ',
        '- ',
        '\n',
        '  ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&a',
        '*a',
        '<<: ',
        '!!',
        '|',
        '>',
        '---',
        '...',
        '#',
        '?',
        '%',
        '\t',
        'kind',
        'apiVersion',
        '\u0000',
        '\u{1F6A3}',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        read(words.join(''));
      }),
      { numRuns: 2000 },
    );
  });

  it('no value in any place makes it throw', () => {
    const base = JSON.parse(JSON.stringify(read(DEPLOYMENT).objects[0]!.object)) as Record<string, unknown>;
    const paths = [...pathsOf(base)];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        const copy = structuredClone(base);
        let parent: Record<string, unknown> = copy;
        for (const step of path.slice(0, -1)) parent = parent[step] as Record<string, unknown>;
        parent[path.at(-1)!] = value;
        read(JSON.stringify(copy));
      }),
      { numRuns: 500 },
    );
  });
});

function* pathsOf(value: unknown, path: readonly string[] = []): Iterable<readonly string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key]);
}
