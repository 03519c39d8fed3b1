// The environment as typed configuration. All mistakes are reported at once; nothing here reads process.env or exits.
import { EnvironmentReader } from './environment-reader.ts';
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

export function readConfig(variables: Readonly<Record<string, string | undefined>>): ConfigResult {
  const env = new EnvironmentReader(variables);
  const role = env.oneOf<Role>('ROLE', ['users', 'acts']);
  const port = env.integer('PORT', 8080, 0, 65_535);
  const faultInjection = env.oneOf<FaultInjection>('ACTS_FAULT_INJECTION', ['off', 'direct', 'any'], 'off');
  const bodyLimitBytes = env.integer('BODY_LIMIT_BYTES', limits.bodyBytes, 1, 256 * 1024 * 1024);
  const logLevel = env.oneOf('LOG_LEVEL', logLevels, 'info');
  const shutdownGraceMs = env.integer('SHUTDOWN_GRACE_MS', limits.shutdownGraceMs, 0, 600_000);

  const metricsPort = env.text('METRICS_PORT') === 'off' ? 0 : env.integer('METRICS_PORT', 9464, 0, 65_535, ' (0 or off: none)');
  const corsOrigins = env.origins('CORS_ORIGINS');
  const writesPerMinute = env.integer('WRITE_LIMIT_PER_MINUTE', limits.writesPerMinute, 0, 1_000_000_000, ' (0: no limit)');
  const trustProxy = env.oneOf('TRUST_PROXY', ['true', 'false'], 'false') === 'true';
  const requestTimeoutMs = env.integer('REQUEST_TIMEOUT_MS', limits.requestTimeoutMs, 100, 3_600_000);
  const webRoot = env.text('WEB_ROOT');
  if (metricsPort !== 0 && metricsPort === port)
    env.errors.push(`METRICS_PORT must be another port than PORT, not "${metricsPort}" as well`);

  const database = readDatabase(env);

  let usersUrl: string | undefined;
  if (role === 'acts') {
    const value = env.text('USERS_URL');
    if (value === undefined) env.errors.push('USERS_URL is required for ROLE=acts');
    else usersUrl = env.httpUrl('USERS_URL', value)?.href;
  }

  let serviceOrigin = `http://${role ?? 'acts'}:${port}`;
  const origin = env.text('SERVICE_ORIGIN');
  if (origin !== undefined) serviceOrigin = env.httpUrl('SERVICE_ORIGIN', origin)?.origin ?? serviceOrigin;

  if (env.errors.length > 0 || role === undefined || faultInjection === undefined || logLevel === undefined) return { errors: env.errors };
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

function readDatabase(env: EnvironmentReader): DatabaseAddress {
  const connectionString = env.text('DATABASE_URL');
  if (connectionString !== undefined) {
    if (/^postgres(ql)?:\/\//.test(connectionString) && URL.canParse(connectionString)) return { connectionString };
    // It may hold a password, so it is never repeated in a message.
    env.errors.push('DATABASE_URL must be a postgres:// URL');
    return {};
  }
  const host = env.text('PGHOST');
  const user = env.text('PGUSER');
  const password = env.text('PGPASSWORD');
  if (host === undefined) env.errors.push('PGHOST (or DATABASE_URL) is required');
  if (user === undefined) env.errors.push('PGUSER (or DATABASE_URL) is required');
  const port = env.integer('PGPORT', 5432, 1, 65_535);
  if (host === undefined || user === undefined) return {};
  return { host, port, user, database: env.text('PGDATABASE') ?? user, ...(password === undefined ? {} : { password }) };
}
