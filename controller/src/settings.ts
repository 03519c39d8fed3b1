/** The settings of every command, from the environment: read once in main.ts, checked here, all errors at once. */
import { isAbsolute, join, resolve } from 'node:path';

export interface Settings {
  readonly home: string;
  readonly instance: string;
  readonly manifestDirectory: string;
  readonly ingressHost: string;
  readonly ingressPort: number;
  readonly engineSocketPath: string;
  readonly logLevel: string;
  readonly isHostPathAllowed: boolean;
  readonly isPrivilegedAllowed: boolean;
  /** The repository: where sources, images and manifests are. */
  readonly repositoryDir: string;
  /** Fault injection, for tests only: see loop/kill-at-step.ts. */
  readonly killAtFile?: string;
}

/** The settings as an environment: daemons start in another directory, where a relative path would mean something else. */
export function environmentOf(settings: Settings): Readonly<Record<string, string>> {
  return {
    COXSWAIN_HOME: settings.home,
    COXSWAIN_INSTANCE: settings.instance,
    COXSWAIN_MANIFESTS: settings.manifestDirectory,
    INGRESS_HOST: settings.ingressHost,
    INGRESS_PORT: String(settings.ingressPort),
    DOCKER_HOST: `unix://${settings.engineSocketPath}`,
  };
}

export class SettingsError extends Error {}

export const SETTINGS_HELP = `Environment:
  COXSWAIN_HOME        state, secrets, sockets, logs (default: .coxswain in the repository)
  COXSWAIN_INSTANCE    whose Docker objects these are (default: default)
  COXSWAIN_MANIFESTS   the directory of manifests (default: manifests in the repository)
  INGRESS_PORT         the public port (default: 80)
  INGRESS_HOST         the address it listens on (default: 0.0.0.0)
  DOCKER_HOST          the engine, unix:// only (default: unix:///var/run/docker.sock)
  COXSWAIN_ALLOW_HOST_PATH, COXSWAIN_ALLOW_PRIVILEGED   "true" allows pods that reach out of their container
  LOG_LEVEL            trace, debug, info, warn, error (default: info)`;

const INSTANCE = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function readSettings(environment: Readonly<Record<string, string | undefined>>, repositoryDir: string): Settings {
  const problems: string[] = [];
  const get = (name: string, fallback: string): string => {
    const value = environment[name];
    return value === undefined || value === '' ? fallback : value;
  };
  const directory = (name: string, fallback: string): string => {
    const value = get(name, fallback);
    return isAbsolute(value) ? value : resolve(value);
  };
  const instance = get('COXSWAIN_INSTANCE', 'default');
  if (!INSTANCE.test(instance))
    problems.push(`COXSWAIN_INSTANCE: expected at most 40 lower-case letters, digits and dashes, found "${instance}"`);
  const portText = get('INGRESS_PORT', '80');
  const ingressPort = /^\d{1,5}$/.test(portText) ? Number(portText) : NaN;
  if (!Number.isInteger(ingressPort) || ingressPort < 1 || ingressPort > 65535)
    problems.push(`INGRESS_PORT: expected a port from 1 to 65535, found "${get('INGRESS_PORT', '')}"`);
  const dockerHost = get('DOCKER_HOST', 'unix:///var/run/docker.sock');
  if (!dockerHost.startsWith('unix:///')) problems.push(`DOCKER_HOST: expected unix://PATH (one host, one engine), found "${dockerHost}"`);
  const logLevel = get('LOG_LEVEL', 'info');
  if (!LEVELS.includes(logLevel)) problems.push(`LOG_LEVEL: expected one of ${LEVELS.join(', ')}, found "${logLevel}"`);
  const killAtFile = get('COXSWAIN_KILL_AT_FILE', '');
  if (problems.length > 0) throw new SettingsError(problems.join('\n'));
  return {
    home: directory('COXSWAIN_HOME', join(repositoryDir, '.coxswain')),
    instance,
    manifestDirectory: directory('COXSWAIN_MANIFESTS', join(repositoryDir, 'manifests')),
    ingressHost: get('INGRESS_HOST', '0.0.0.0'),
    ingressPort,
    engineSocketPath: dockerHost.slice('unix://'.length),
    logLevel,
    isHostPathAllowed: get('COXSWAIN_ALLOW_HOST_PATH', '') === 'true',
    isPrivilegedAllowed: get('COXSWAIN_ALLOW_PRIVILEGED', '') === 'true',
    repositoryDir,
    ...(killAtFile !== '' && { killAtFile }),
  };
}
