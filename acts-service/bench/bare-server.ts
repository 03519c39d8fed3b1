// The peer of the listing's benchmark: node:http and pg, the service's own statement, and nothing else - no router, no log, no count, no
// checks of what is asked.
import { createServer } from 'node:http';
import pg from 'pg';
import { wholePage } from '../src/act-list-sql.ts';
import { limits } from '../src/limits.ts';
import { nameDigest } from '../src/name.ts';

// The address comes from the environment, as the service's does.
const pool = new pg.Pool({ max: limits.poolConnections });
// Its server is ended under it.
pool.on('error', () => undefined);
const path = /^\/api\/v1\/categories\/([^/]+)\/acts$/;

createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const name = path.exec(url.pathname)?.[1];
  if (name === undefined) {
    response.end();
    return;
  }
  const statement = wholePage[url.searchParams.get('images') === 'none' ? 'none' : 'full'];
  const values = [
    nameDigest(decodeURIComponent(name)),
    Number(url.searchParams.get('start')),
    Number(url.searchParams.get('end')),
    limits.listBatchBytes,
  ];
  pool.query<{ answer: string }>({ ...statement, values }).then(
    ({ rows }) => {
      const body = `[${rows[0]?.answer ?? ''}]`;
      response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) });
      response.end(body);
    },
    (error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
}).listen(Number(process.env.PORT), '127.0.0.1');
