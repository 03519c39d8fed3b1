/** What a changed directory changes: tables of whole decisions, and every way to cut a shipped manifest short. */
import { expect } from 'chai';
import { identityOf } from '../../src/manifest/manifest-snapshot.ts';
import { decideApplication } from '../../src/manifest/decide-application.ts';
import type { AppliedObject } from '../../src/manifest/decide-application.ts';
import { judgeFiles, parseFile } from '../../src/manifest/parse-manifests.ts';
import { CLAIM, CONFIG_MAP, DEPLOYMENT, edit, INGRESS, join, read, schemas, SECRET, SERVICE, SHIPPED } from './fixtures.ts';

type Files = Readonly<Record<string, string>>;

function applied(files: Files): readonly AppliedObject[] {
  return decideApplication([], read(files)).applied;
}

function decide(before: Files, after: Files, isPruneConfirmed = false): readonly string[] {
  const { upserts, deletions, moves, conditions } = decideApplication(applied(before), read(after), { isPruneConfirmed });
  const list = (verb: string, objects: readonly AppliedObject[]): string[] =>
    objects.map(({ object, file }) => `${verb} ${identityOf(object)} (${file})`);
  return [
    ...list('upsert', upserts),
    ...list('delete', deletions),
    ...list('move', moves),
    ...conditions.map(({ code, message }) => `${code}: ${message}`),
  ];
}

const OTHER = CONFIG_MAP.replace('web', 'other');
const CHANGED = edit(CONFIG_MAP, 'hello', 'goodbye');

interface Row {
  readonly name: string;
  readonly before: Files;
  readonly after: Files;
  readonly isPruneConfirmed?: boolean;
  readonly decision: readonly string[];
}

const ROWS: readonly Row[] = [
  { name: 'nothing changed', before: { 'a.yaml': CONFIG_MAP }, after: { 'a.yaml': CONFIG_MAP }, decision: [] },
  {
    name: 'only comments and order changed',
    before: { 'a.yaml': join(CONFIG_MAP, OTHER) },
    after: { 'a.yaml': `# new\n${join(OTHER, CONFIG_MAP)}` },
    decision: [],
  },
  { name: 'the first files', before: {}, after: { 'a.yaml': CONFIG_MAP }, decision: ['upsert ConfigMap default/web (a.yaml)'] },
  {
    name: 'an object added',
    before: { 'a.yaml': CONFIG_MAP },
    after: { 'a.yaml': join(CONFIG_MAP, OTHER) },
    decision: ['upsert ConfigMap default/other (a.yaml)'],
  },
  {
    name: 'an object changed',
    before: { 'a.yaml': CONFIG_MAP },
    after: { 'a.yaml': CHANGED },
    decision: ['upsert ConfigMap default/web (a.yaml)'],
  },
  {
    name: 'an object removed from its file',
    before: { 'a.yaml': join(CONFIG_MAP, OTHER) },
    after: { 'a.yaml': CONFIG_MAP },
    decision: ['delete ConfigMap default/other (a.yaml)'],
  },
  {
    name: 'a file removed',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: { 'a.yaml': CONFIG_MAP },
    decision: ['delete ConfigMap default/other (b.yaml)'],
  },
  {
    name: 'an object moved to another file',
    before: { 'a.yaml': join(CONFIG_MAP, OTHER) },
    after: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    decision: ['move ConfigMap default/other (b.yaml)'],
  },
  {
    name: 'a file became invalid, another changed',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: { 'a.yaml': 'a: b: c', 'b.yaml': edit(OTHER, 'hello', 'goodbye') },
    decision: [
      'upsert ConfigMap default/other (b.yaml)',
      'InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected',
    ],
  },
  {
    name: 'one object of a file is invalid: the file keeps all it had',
    before: { 'a.yaml': join(CONFIG_MAP, OTHER) },
    after: { 'a.yaml': join(CHANGED, OTHER.replace('data', 'dta')) },
    decision: ['InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
  {
    name: 'a file became invalid while an object was removed elsewhere',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': join(OTHER, SECRET) },
    after: { 'a.yaml': 'a: b: c', 'b.yaml': OTHER },
    decision: ['InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
  {
    name: 'a file became empty',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: { 'a.yaml': '', 'b.yaml': OTHER },
    decision: ['InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
  {
    name: 'an object that another file names was removed: its file keeps it',
    before: { 'a.yaml': INGRESS, 'b.yaml': join(DEPLOYMENT, SERVICE) },
    after: { 'a.yaml': INGRESS, 'b.yaml': edit(DEPLOYMENT, 'replicas: 2', 'replicas: 1') },
    decision: ['InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
  {
    name: 'one object in two files: neither counts',
    before: { 'a.yaml': CONFIG_MAP },
    after: { 'a.yaml': CONFIG_MAP, 'b.yaml': CHANGED },
    decision: ['InvalidManifest: 1 error in b.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
  {
    name: 'every object would go',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: {},
    decision: ['WouldDeleteEverything: this would delete all 2 objects; confirm with "coxswain apply --prune"'],
  },
  {
    name: 'every object would go for others',
    before: { 'a.yaml': CONFIG_MAP },
    after: { 'a.yaml': OTHER },
    decision: [
      'upsert ConfigMap default/other (a.yaml)',
      'WouldDeleteEverything: this would delete the only object; confirm with "coxswain apply --prune"',
    ],
  },
  {
    name: 'every object goes, confirmed',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: {},
    isPruneConfirmed: true,
    decision: ['delete ConfigMap default/web (a.yaml)', 'delete ConfigMap default/other (b.yaml)'],
  },
  {
    name: 'a volume would go, and another object with it',
    before: { 'a.yaml': join(CONFIG_MAP, CLAIM, SECRET) },
    after: { 'a.yaml': CONFIG_MAP },
    decision: [
      'WouldDeleteVolume: this would delete persistentvolumeclaim/data, so nothing is deleted; confirm with "coxswain apply --prune"',
    ],
  },
  {
    name: 'a volume goes, confirmed',
    before: { 'a.yaml': join(CONFIG_MAP, CLAIM) },
    after: { 'a.yaml': CONFIG_MAP },
    isPruneConfirmed: true,
    decision: ['delete PersistentVolumeClaim default/data (a.yaml)'],
  },
  {
    name: 'a confirmation does not outweigh an error',
    before: { 'a.yaml': CONFIG_MAP, 'b.yaml': OTHER },
    after: { 'a.yaml': 'a: b: c' },
    isPruneConfirmed: true,
    decision: ['InvalidManifest: 1 error in a.yaml: what was last declared there is kept, and nothing is removed until it is corrected'],
  },
];

describe('deciding what a snapshot changes', () => {
  for (const { name, before, after, isPruneConfirmed, decision } of ROWS) {
    it(name, () => {
      expect(decide(before, after, isPruneConfirmed)).to.deep.equal(decision);
    });
  }

  it('a missing directory changes nothing', () => {
    const before = applied({ 'a.yaml': CONFIG_MAP });
    const source = { file: '', line: 0, column: 0 };
    const snapshot = {
      objects: [],
      warnings: [],
      errors: [{ code: 'DirectoryMissing' as const, source, object: '', path: '', message: 'the manifests directory is missing' }],
    };
    expect(decideApplication(before, snapshot, { isPruneConfirmed: true })).to.deep.equal({
      upserts: [],
      deletions: [],
      moves: [],
      applied: before,
      conditions: [
        {
          code: 'InvalidManifest',
          message: '1 error in the manifests directory: what was last declared there is kept, and nothing is removed until it is corrected',
        },
      ],
    });
  });

  it('what is applied is what the next decision begins with: applying twice changes nothing', () => {
    for (const { before, after } of ROWS) {
      const first = decideApplication(applied(before), read(after));
      const second = decideApplication(first.applied, read(after));
      expect([second.upserts, second.moves]).to.deep.equal([[], []]);
    }
  });
});

describe('a shipped manifest that is cut short', function () {
  this.timeout(240_000);
  const whole = new Map(SHIPPED.map((file) => [file.path, parseFile(file, { schemas })]));
  const before = decideApplication([], judgeFiles([...whole.values()])).applied;

  for (const { path, content } of SHIPPED) {
    it(`${path}: no object is removed or changed, wherever it is cut`, () => {
      expect(before).to.have.length(10);
      const bytes = Buffer.from(content);
      const contentEnds = Buffer.from(content.trimEnd()).length;
      for (let length = 0; length < bytes.length; length += 1) {
        // Every byte of the last line and about line ends, and every fifth of the rest.
        const isEdge = length > contentEnds - 40 || bytes[length - 1] === 10 || bytes[length] === 10 || bytes[length + 1] === 10;
        if (!isEdge && length % 5 !== 0) continue;
        const cut = parseFile({ path, content: bytes.subarray(0, length).toString('utf8') }, { schemas });
        const others = [...whole.values()].filter((file) => file.path !== path);
        const { upserts, deletions, moves } = decideApplication(before, judgeFiles([...others, cut]));
        const changes = [...upserts, ...deletions, ...moves].map(({ object }) => identityOf(object));
        expect(changes, `cut to ${length} of ${bytes.length} bytes`).to.deep.equal([]);
      }
    });
  }
});
