// The environment as typed configuration. All mistakes are reported at once; nothing here reads process.env or exits.
import { limits } from './limits.ts';

export type Role = 'users' | 'acts';
export type FaultInjection = 'off' | 'direct' | 'any';

export interface DatabaseAddress {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

export interface Config {
  readonly role: Role;
  readonly port: number;
  readonly database: DatabaseAddress;
  /** Base URL of the users role; only the acts role has it. */
  readonly usersUrl: string | undefined;
  /** Sent as `Origin` with the users check. */
  readonly serviceOrigin: string;
  readonly faultInjection: FaultInjection;
  readonly bodyLimitBytes: number;
  readonly logLevel: string;
  /** Shorter than the container's grace period, or the kernel ends what this would have finished. */
  readonly shutdownGraceMs: number;
  /** Undefined: no metrics. */
  readonly metricsPort: number | undefined;
  /** The origins whose pages may use the API; `*` for all, none for only our own. */
  readonly corsOrigins: '*' | readonly string[];
  /** For each client, over all replicas; 0 is no limit. */
  readonly writesPerMinute: number;
  /** The last entry of X-Forwarded-For is the client. */
  readonly trustProxy: boolean;
  readonly requestTimeoutMs: number;
  /** Where the web app's files are, if not where the build puts them. */
  readonly webRoot: string | undefined;
}

export type ConfigResult = { readonly config: Config } | { readonly errors: readonly string[] };

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const errors: string[] = [];

  /** An empty variable counts as absent: manifests often leave one blank. */
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);

  function oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T | undefined {
    const value = text(name) ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) errors.push(`${name} must be one of ${allowed.join(', ')}${value === undefined ? '' : `, not "${value}"`}`);
    return found;
  }

  function integer(name: string, fallback: number, min: number, max: number, remark = ''): number {
    const value = text(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    errors.push(`${name} must be a whole number from ${min} to ${max}${remark}, not "${value}"`);
    return fallback;
  }

  function httpUrl(name: string, value: string): URL | undefined {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url?.protocol === 'http:') return url;
    errors.push(`${name} must be an http:// URL, not "${value}"`);
    return undefined;
  }

  function origins(name: string): '*' | readonly string[] {
    const value = text(name) ?? '*';
    if (value === '*') return '*';
    if (value === 'off') return [];
    const listed = value.split(',').map((origin) => origin.trim());
    for (const origin of listed) {
      const isOrigin = URL.canParse(origin) && /^https?:/.test(origin) && new URL(origin).origin === origin;
      if (!isOrigin) errors.push(`${name} must be *, off, or origins such as https://app.example separated by commas, not "${origin}"`);
    }
    return listed;
  }

  const role = oneOf<Role>('ROLE', ['users', 'acts']);
  const port = integer('PORT', 8080, 0, 65_535);
  const faultInjection = oneOf<FaultInjection>('ACTS_FAULT_INJECTION', ['off', 'direct', 'any'], 'off');
  const bodyLimitBytes = integer('BODY_LIMIT_BYTES', limits.bodyBytes, 1, 256 * 1024 * 1024);
  const logLevel = oneOf('LOG_LEVEL', logLevels, 'info');
  const shutdownGraceMs = integer('SHUTDOWN_GRACE_MS', limits.shutdownGraceMs, 0, 600_000);

  const metricsPort = text('METRICS_PORT') === 'off' ? 0 : integer('METRICS_PORT', 9464, 0, 65_535, ' (0 or off: none)');
  const corsOrigins = origins('CORS_ORIGINS');
  const writesPerMinute = integer('WRITE_LIMIT_PER_MINUTE', limits.writesPerMinute, 0, 1_000_000_000, ' (0: no limit)');
  const trustProxy = oneOf('TRUST_PROXY', ['true', 'false'], 'false') === 'true';
  const requestTimeoutMs = integer('REQUEST_TIMEOUT_MS', limits.requestTimeoutMs, 100, 3_600_000);
  const webRoot = text('WEB_ROOT');
  if (metricsPort !== 0 && metricsPort === port) errors.push(`METRICS_PORT must be another port than PORT, not "${metricsPort}" as well`);

  let database: DatabaseAddress = {};
  const connectionString = text('DATABASE_URL');
  if (connectionString !== undefined) {
    // The URL may hold a password, so it is never repeated in a message.
    if (/^postgres(ql)?:\/\//.test(connectionString) && URL.canParse(connectionString)) database = { connectionString };
    else errors.push('DATABASE_URL must be a postgres:// URL');
  } else {
    const host = text('PGHOST');
    const user = text('PGUSER');
    const password = text('PGPASSWORD');
    if (host === undefined) errors.push('PGHOST (or DATABASE_URL) is required');
    if (user === undefined) errors.push('PGUSER (or DATABASE_URL) is required');
    const name = text('PGDATABASE') ?? user;
    const address = { port: integer('PGPORT', 5432, 1, 65_535), ...(password === undefined ? {} : { password }) };
    if (host !== undefined && user !== undefined && name !== undefined) database = { ...address, host, user, database: name };
  }

  let usersUrl: string | undefined;
  if (role === 'acts') {
    const value = text('USERS_URL');
    if (value === undefined) errors.push('USERS_URL is required for ROLE=acts');
    else usersUrl = httpUrl('USERS_URL', value)?.href;
  }

  let serviceOrigin = `http://${role ?? 'acts'}:${port}`;
  const origin = text('SERVICE_ORIGIN');
  if (origin !== undefined) serviceOrigin = httpUrl('SERVICE_ORIGIN', origin)?.origin ?? serviceOrigin;

  if (errors.length > 0 || role === undefined || faultInjection === undefined || logLevel === undefined) return { errors };
  return {
    config: {
      role,
      port,
      database,
      usersUrl,
      serviceOrigin,
      faultInjection,
      bodyLimitBytes,
      logLevel,
      shutdownGraceMs,
      metricsPort: metricsPort === 0 ? undefined : metricsPort,
      corsOrigins,
      writesPerMinute,
      trustProxy,
      requestTimeoutMs,
      webRoot,
    },
  };
}
