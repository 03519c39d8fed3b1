import { resolve } from 'node:path';
import { expect } from 'chai';
import { readSettings, SETTINGS_HELP, SettingsError } from '../../src/settings.ts';
import type { Settings } from '../../src/settings.ts';

const REPOSITORY = '/opt/coxswain';

const DEFAULTS: Settings = {
  home: '/opt/coxswain/.coxswain',
  instance: 'default',
  manifestDirectory: '/opt/coxswain/manifests',
  ingressHost: '0.0.0.0',
  ingressPort: 80,
  engineSocketPath: '/var/run/docker.sock',
  logLevel: 'info',
  isHostPathAllowed: false,
  isPrivilegedAllowed: false,
  repositoryDir: REPOSITORY,
};

function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readSettings(environment, REPOSITORY);
  } catch (error) {
    expect(error).to.be.instanceOf(SettingsError);
    return (error as SettingsError).message.split('\n');
  }
  return [];
}

describe('readSettings', () => {
  it('nothing is set: every default', () => {
    expect(readSettings({}, REPOSITORY)).to.deep.equal(DEFAULTS);
  });

  it('what is set to nothing is not set', () => {
    const names = [...SETTINGS_HELP.matchAll(/\b(?:COXSWAIN_[A-Z_]+|INGRESS_[A-Z]+|DOCKER_HOST|LOG_LEVEL)\b/g)].map(([name]) => name);
    expect(names).to.have.length(9);
    expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])), REPOSITORY)).to.deep.equal(DEFAULTS);
  });

  it('everything is set', () => {
    const environment = {
      COXSWAIN_HOME: '/var/lib/coxswain',
      COXSWAIN_INSTANCE: 'blue-2',
      COXSWAIN_MANIFESTS: '/etc/coxswain',
      INGRESS_HOST: '127.0.0.1',
      INGRESS_PORT: '8088',
      DOCKER_HOST: 'unix:///run/user/1000/docker.sock',
      COXSWAIN_ALLOW_HOST_PATH: 'true',
      COXSWAIN_ALLOW_PRIVILEGED: 'true',
      LOG_LEVEL: 'silent',
    };
    expect(readSettings(environment, REPOSITORY)).to.deep.equal({
      home: '/var/lib/coxswain',
      instance: 'blue-2',
      manifestDirectory: '/etc/coxswain',
      ingressHost: '127.0.0.1',
      ingressPort: 8088,
      engineSocketPath: '/run/user/1000/docker.sock',
      logLevel: 'silent',
      isHostPathAllowed: true,
      isPrivilegedAllowed: true,
      repositoryDir: REPOSITORY,
    });
  });

  it('a relative directory is relative to where the command was given', () => {
    const { home, manifestDirectory } = readSettings({ COXSWAIN_HOME: 'state', COXSWAIN_MANIFESTS: '../m' }, REPOSITORY);
    expect([home, manifestDirectory]).to.deep.equal([resolve('state'), resolve('../m')]);
  });

  it('only "true" allows what reaches out of a container', () => {
    for (const value of ['1', 'yes', 'TRUE', ' true', 'false']) {
      const { isHostPathAllowed, isPrivilegedAllowed } = readSettings(
        { COXSWAIN_ALLOW_HOST_PATH: value, COXSWAIN_ALLOW_PRIVILEGED: value },
        REPOSITORY,
      );
      expect([isHostPathAllowed, isPrivilegedAllowed], value).to.deep.equal([false, false]);
    }
  });

  it('tells all problems at once', () => {
    const environment = { COXSWAIN_INSTANCE: 'No_Good', INGRESS_PORT: '0', DOCKER_HOST: 'tcp://10.0.0.1:2375', LOG_LEVEL: 'loud' };
    expect(problemsOf(environment)).to.deep.equal([
      'COXSWAIN_INSTANCE: expected at most 40 lower-case letters, digits and dashes, found "No_Good"',
      'INGRESS_PORT: expected a port from 1 to 65535, found "0"',
      'DOCKER_HOST: expected unix://PATH (one host, one engine), found "tcp://10.0.0.1:2375"',
      'LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, found "loud"',
    ]);
  });

  const tables: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
    COXSWAIN_INSTANCE: {
      good: ['a', '0', 'a-b', 'a'.repeat(40)],
      bad: ['A', '-a', 'a-', 'a.b', 'a/b', 'a b', 'ä', '../x', 'a\n', 'a'.repeat(41)],
    },
    INGRESS_PORT: { good: ['1', '65535'], bad: ['0', '65536', '-1', '80.5', 'http', '80 81', 'NaN', 'Infinity', '0x50', '8e1', ' '] },
    DOCKER_HOST: { good: ['unix:///x.sock'], bad: ['/var/run/docker.sock', 'ssh://host', 'UNIX:///x', 'unix://', 'unix://relative.sock'] },
    LOG_LEVEL: { good: ['trace', 'fatal'], bad: ['INFO', 'verbose', ' info'] },
  };
  for (const [name, { good, bad }] of Object.entries(tables)) {
    for (const value of good)
      it(`${name}=${JSON.stringify(value)} is taken`, () => expect(problemsOf({ [name]: value })).to.deep.equal([]));
    for (const value of bad) {
      it(`${name}=${JSON.stringify(value)} is refused by name and value`, () => {
        const text = problemsOf({ [name]: value }).join('\n');
        expect(text).to.match(new RegExp(`^${name}: expected `));
        expect(text.endsWith(`, found "${value}"`), text).to.equal(true);
      });
    }
  }
});
