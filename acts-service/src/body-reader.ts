// The door to json-body.ts, which is slow to import: a replica must be ready before it can read its first upload, since
// healing time is what starting costs.
import type { Context } from 'koa';
import type * as JsonBodyModule from './json-body.ts';

type Reader = 'readCategory' | 'readUpload' | 'readUser' | 'readVote';

export class BodyReader {
  readonly #limitBytes: number;
  #loading: Promise<typeof JsonBodyModule> | undefined;
  #collect: JsonBodyModule.JsonBody | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  load(): Promise<typeof JsonBodyModule> {
    this.#loading ??= import('./json-body.ts');
    return this.#loading;
  }

  /** The validated body, or a Problem. */
  async read<K extends Reader>(ctx: Context, reader: K): Promise<ReturnType<(typeof JsonBodyModule)[K]>> {
    const module = await this.load();
    this.#collect ??= module.jsonBody(this.#limitBytes);
    const body = await this.#collect(ctx);
    return module[reader](body) as ReturnType<(typeof JsonBodyModule)[K]>;
  }
}
