// What set-up decides to do, as tables over facts.
import { expect } from 'chai';
import { LABEL_BUILT, LABEL_IMAGE, LABEL_INPUTS, planSetUp, type SetUpFacts, type SetUpStep } from '../../src/setup/plan-set-up.ts';
import { SetUpError } from '../../src/setup/set-up-error.ts';

const node = { kind: 'node', name: 'coxswain/node-base:n1' } as const;
const debian = { kind: 'debian', name: 'coxswain/debian-base:d1' } as const;
const acts = { image: 'acts', names: ['acts:latest', 'users:latest'], inputs: 'a1', base: 'node' } as const;
const postgres = { image: 'postgres', names: ['postgres:coxswain'], inputs: 'p1', base: 'debian' } as const;

function image(name: string, inputs: string, tags: readonly string[]) {
  return { id: `sha256:${name}-${inputs}`, tags, labels: { [LABEL_BUILT]: 'true', [LABEL_IMAGE]: name, [LABEL_INPUTS]: inputs } };
}

const bases = [image('node-base', '', [node.name]), image('debian-base', '', [debian.name])];
const complete = [...bases, image('acts', 'a1', acts.names), image('postgres', 'p1', postgres.names)];

const ready: SetUpFacts = {
  nodeVersion: 'v20.19.0',
  isRoot: true,
  engine: 'reachable',
  socketPath: '/var/run/docker.sock',
  isDefaultSocket: true,
  images: complete,
  bases: [node, debian],
  wanted: [acts, postgres],
  hasModules: true,
  disks: [{ dir: '/var/lib/docker', freeBytes: 50e9 }],
};

function text(step: SetUpStep): string {
  switch (step.kind) {
    case 'PrepareBase':
      return `PrepareBase ${step.base.kind}: ${step.cause}`;
    case 'BuildImage':
      return `BuildImage ${step.image.image}: ${step.cause}`;
    case 'TagImage':
      return `TagImage ${step.id} ${step.name}: ${step.cause}`;
    default:
      return `${step.kind}: ${step.cause}`;
  }
}

describe('planSetUp', () => {
  const cases: readonly { readonly name: string; readonly facts: Partial<SetUpFacts>; readonly plan: readonly string[] }[] = [
    { name: 'does nothing when everything is there', facts: {}, plan: [] },
    { name: 'needs no root when everything is there', facts: { isRoot: false, hasModules: false }, plan: [] },
    {
      name: 'does everything on a bare machine',
      facts: { engine: 'absent', images: [], hasModules: false },
      plan: [
        'InstallEngine: there is no dockerd',
        'StartEngine: nothing answers on /var/run/docker.sock',
        'InstallModules: no packages for this lockfile yet',
        'PrepareBase node: an image needs it',
        'PrepareBase debian: an image needs it',
        'BuildImage acts: there is none',
        'BuildImage postgres: there is none',
      ],
    },
    {
      name: 'starts a stopped engine without installing one',
      facts: { engine: 'stopped' },
      plan: ['StartEngine: nothing answers on /var/run/docker.sock'],
    },
    {
      name: 'rebuilds only the image whose inputs changed, on the base it has',
      facts: { wanted: [{ ...acts, inputs: 'a2' }, postgres] },
      plan: ['BuildImage acts: its inputs changed'],
    },
    {
      name: 'installs packages again when the lockfile changed',
      facts: { wanted: [{ ...acts, inputs: 'a2' }, postgres], hasModules: false },
      plan: ['InstallModules: no packages for this lockfile yet', 'BuildImage acts: its inputs changed'],
    },
    {
      name: 'makes only the base that a missing image needs',
      facts: { images: [image('acts', 'a1', acts.names)] },
      plan: ['PrepareBase debian: an image needs it', 'BuildImage postgres: there is none'],
    },
    {
      name: 'gives a lost name back instead of building',
      facts: { images: [...bases, image('acts', 'a1', ['acts:latest']), image('postgres', 'p1', postgres.names)] },
      plan: ['TagImage sha256:acts-a1 users:latest: the image is there under another name'],
    },
    {
      name: 'does not take an image for another that has the same inputs',
      facts: { images: [...bases, image('acts', 'a1', acts.names), image('acts', 'p1', postgres.names)] },
      plan: ['BuildImage postgres: there is none'],
    },
  ];
  for (const { name, facts, plan } of cases) {
    it(name, () => {
      expect(planSetUp({ ...ready, ...facts }).map(text)).to.deep.equal(plan);
    });
  }

  const refusals: readonly { readonly name: string; readonly facts: Partial<SetUpFacts>; readonly code: string; readonly says: string }[] =
    [
      {
        name: 'an engine that only root could install',
        facts: { engine: 'absent', isRoot: false },
        code: 'NotRoot',
        says: 'Docker is not installed and installing it takes root. Run "sudo make up", or install it yourself: sudo apt-get install docker.io',
      },
      {
        name: 'an engine that only root could start',
        facts: { engine: 'stopped', isRoot: false },
        code: 'NotRoot',
        says: 'The Docker engine is not running and starting it takes root. Run "sudo make up", or start it yourself: sudo systemctl start docker',
      },
      {
        name: "somebody else's socket with nothing behind it",
        facts: { engine: 'stopped', isDefaultSocket: false, socketPath: '/tmp/other.sock' },
        code: 'EngineUnreachable',
        says:
          'No Docker engine answers on /tmp/other.sock, the socket DOCKER_HOST names. ' +
          'Start that engine, or unset DOCKER_HOST so that "make up" uses (and if need be installs) the standard one.',
      },
      {
        name: 'an old Node.js',
        facts: { nodeVersion: 'v18.20.4' },
        code: 'NodeTooOld',
        says: 'This is Node.js v18.20.4; Coxswain needs 20.19 or later. Install a current Node.js LTS release, then run "make up" again.',
      },
      {
        name: 'a disk too full for what there is to do',
        facts: { engine: 'absent', images: [], hasModules: false, disks: [{ dir: '/var/lib/docker', freeBytes: 2e9 }] },
        code: 'DiskFull',
        says:
          '/var/lib/docker has 2000 MB free, and set-up needs 2050 MB there. Free some space (images that nothing uses: docker image prune; ' +
          'downloaded packages: apt-get clean), then run "make up" again.',
      },
    ];
  for (const { name, facts, code, says } of refusals) {
    it(`refuses ${name}`, () => {
      let refusal: unknown;
      try {
        planSetUp({ ...ready, ...facts });
      } catch (error) {
        refusal = error;
      }
      expect(refusal).to.be.instanceOf(SetUpError);
      expect((refusal as SetUpError).code).to.equal(code);
      expect((refusal as SetUpError).message).to.equal(says);
    });
  }

  it('lets a full disk be when there is nothing to do', () => {
    expect(planSetUp({ ...ready, disks: [{ dir: '/', freeBytes: 0 }] })).to.deep.equal([]);
  });
});
