/**
 * Load from a process of its own, in a network namespace of its choice: `load-process.ts PORT OPTIONS`, OPTIONS being LoadOptions as JSON. SIGTERM
 * ends it; it then waits for what is under way and prints a LoadResult, whose times count from this process's performance.timeOrigin, printed first.
 */
import { Load } from '../e2e/load.ts';
import type { LoadOptions } from '../e2e/load.ts';

const [port, options] = process.argv.slice(2);
const load = new Load({ ingressPort: Number(port) }, JSON.parse(options ?? '{}') as LoadOptions);
process.once('SIGTERM', () => void load.stop().then((result) => process.stdout.write(JSON.stringify(result), () => process.exit(0))));
process.stdout.write(`${performance.timeOrigin}\n`);
