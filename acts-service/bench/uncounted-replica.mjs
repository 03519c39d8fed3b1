// The peer of the count's benchmark: the compiled service with `_count` left out, and nothing else.
import { RequestCount } from '../dist/src/request-count.js';

RequestCount.prototype.add = () => Promise.resolve();
await import('../dist/src/main.js');
