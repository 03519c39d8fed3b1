// Runs every suite, each in a process of its own, and ends with what failed and one line: N passed, N failed, N skipped.
// Exit code 1 when anything failed, or when a suite ended without counting (a crash is a failure, not silence).
// Usage: node controller/test/run-tests.mjs [suite ...]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Scenarios that mostly wait run beside the others. The suites of one list run one after the other.
const LISTS = {
  beside: ['mission-true', 'faults', 'manifests', 'plan'],
  main: ['unit', 'acts', 'docker', 'mission', 'rollouts', 'fields', 'chaos', 'simulation', 'web'],
};
const SUITES = {
  unit: [
    'controller/test/{state,reconcile,manifest,api,cli,observe,ingress,loop,lifecycle,execute,simulation}/**/*.test.ts',
    'controller/test/runtime/{fake-runtime,docker-errors}.test.ts',
  ],
  acts: ['acts-service/test/**/*.test.ts', 'acts-service/web/test/**/*.test.ts'],
  docker: ['controller/test/runtime/docker-runtime.test.ts', 'controller/test/setup/**/*.test.ts'],
  mission: ['controller/test/e2e/mission-short.e2e.ts'],
  faults: ['controller/test/e2e/faults.e2e.ts'],
  chaos: ['controller/test/chaos/chaos.e2e.ts'],
  rollouts: ['controller/test/e2e/rollouts.e2e.ts'],
  simulation: ['controller/test/simulation/a-minute-of-seeds.e2e.ts'],
  manifests: ['controller/test/e2e/manifests.e2e.ts'],
  plan: ['controller/test/e2e/plan.e2e.ts'],
  fields: ['controller/test/e2e/fields.e2e.ts', 'controller/test/e2e/fields-life.e2e.ts'],
  web: ['controller/test/e2e/web/*.e2e.ts'],
  'mission-true': ['controller/test/e2e/mission-true.e2e.ts'],
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (SUITES[name] !== undefined) continue;
  console.error(`there is no suite "${name}"; there are: ${Object.keys(SUITES).join(', ')}`);
  process.exit(2);
}
const directory = mkdtempSync(join(tmpdir(), 'coxswain-test-'));

function run(command, args, environment, isQuiet) {
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', isQuiet ? 'pipe' : 'inherit', isQuiet ? 'pipe' : 'inherit'],
    });
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

async function runSuite(name, isQuiet) {
  const counts = join(directory, `${name}.json`);
  const startedAt = Date.now();
  if (!isQuiet) console.log(`\n=== ${name}`);
  const mocha = ['node_modules/mocha/bin/mocha.js', '--exit', '--reporter', 'controller/test/counting-reporter.mjs', ...SUITES[name]];
  const { code, output } = await run(process.execPath, mocha, { COUNTS_FILE: counts }, isQuiet);
  if (isQuiet) console.log(`\n=== ${name}\n${output}`);
  let result = { passes: 0, failures: 0, pending: 0, failed: [] };
  try {
    result = JSON.parse(readFileSync(counts, 'utf8'));
  } catch {
    // It ended before it had counted: told as a failure below.
  }
  if ((code !== 0 && result.failures === 0) || result.passes + result.failures === 0) {
    result.failures = 1;
    result.failed.push({ title: 'the suite itself', message: `ended with code ${code} after ${result.passes} passed tests` });
  }
  console.log(
    `=== ${name}: ${result.passes} passed, ${result.failures} failed, ${result.pending} skipped in ${Math.round((Date.now() - startedAt) / 1000)} s`,
  );
  return { ...result, name };
}

async function runList(names, isQuiet) {
  const results = [];
  for (const name of names) if (wanted.length === 0 || wanted.includes(name)) results.push(await runSuite(name, isQuiet));
  return results;
}

// The engine and the images first: on a bare machine this installs and builds them, as `make up` does.
const setUp = await run(process.execPath, ['controller/dist/main.js', 'set-up'], {}, false);
let results = [
  { name: 'set-up', passes: 0, failures: 1, pending: 0, failed: [{ title: 'coxswain set-up', message: `ended with code ${setUp.code}` }] },
];
if (setUp.code === 0) {
  const isBesideQuiet = wanted.length !== 1;
  const [main, beside] = await Promise.all([runList(LISTS.main, false), runList(LISTS.beside, isBesideQuiet)]);
  results = [...main, ...beside];
}
rmSync(directory, { recursive: true, force: true });
// What failed once more, at the end: of a long run, the end is what is read.
const MESSAGE_MOST = 1500;
for (const { name, failed } of results)
  for (const { title, message } of failed) console.log(`FAILED in ${name}: ${title}\n${message.slice(0, MESSAGE_MOST)}\n`);
const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
console.log(`${total('passes')} passed, ${total('failures')} failed, ${total('pending')} skipped`);
process.exitCode = total('failures') === 0 && total('passes') > 0 ? 0 : 1;
