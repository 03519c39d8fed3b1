// The compiled service as a process of its own, and its peers: the numbers are those of what runs in the image.
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/free-port.ts';
import type { Database } from './durable-postgres.ts';
import { startMeasured, type MeasuredProcess } from './measured-process.ts';

const compiledMain = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));

export async function startReplica(database: Database): Promise<MeasuredProcess> {
  return startMeasured([compiledMain], serviceEnv(database), await freePort(), '/api/v1/_health');
}

/** A file of this folder, run as it is. */
export async function startPeer(file: string, database: Database, path = '/api/v1/_health'): Promise<MeasuredProcess> {
  const script = fileURLToPath(new URL(file, import.meta.url));
  return startMeasured(['--import', 'tsx', script], serviceEnv(database), await freePort(), path);
}

function serviceEnv(database: Database): Record<string, string> {
  return {
    NODE_ENV: 'production',
    ROLE: 'acts',
    PGHOST: database.host,
    PGPORT: String(database.port),
    PGUSER: database.user,
    PGPASSWORD: database.password,
    PGDATABASE: database.database,
    // Nothing uploads here.
    USERS_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: 'warn',
    METRICS_PORT: 'off',
    // At work, and never reached.
    WRITE_LIMIT_PER_MINUTE: '1000000000',
  };
}
