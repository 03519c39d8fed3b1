// Single variables of the environment, each checked. What is wrong is gathered, so that all of it can be told at once.

export class EnvironmentReader {
  readonly errors: string[] = [];
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** An empty variable counts as absent: manifests often leave one blank. */
  text(name: string): string | undefined {
    return this.#env[name] === '' ? undefined : this.#env[name];
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback?: T): T | undefined {
    const value = this.text(name) ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    const given = value === undefined ? '' : `, not "${value}"`;
    if (found === undefined) this.errors.push(`${name} must be one of ${allowed.join(', ')}${given}`);
    return found;
  }

  integer(name: string, fallback: number, min: number, max: number, remark = ''): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    this.errors.push(`${name} must be a whole number from ${min} to ${max}${remark}, not "${value}"`);
    return fallback;
  }

  httpUrl(name: string, value: string): URL | undefined {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url?.protocol === 'http:') return url;
    this.errors.push(`${name} must be an http:// URL, not "${value}"`);
    return undefined;
  }

  /** `*`, or a list, empty for `off`. */
  origins(name: string): '*' | readonly string[] {
    const value = this.text(name) ?? '*';
    if (value === '*') return '*';
    if (value === 'off') return [];
    const listed = value.split(',').map((origin) => origin.trim());
    for (const origin of listed) {
      const isOrigin = URL.canParse(origin) && /^https?:/.test(origin) && new URL(origin).origin === origin;
      if (!isOrigin) {
        this.errors.push(`${name} must be *, off, or origins such as https://app.example separated by commas, not "${origin}"`);
      }
    }
    return listed;
  }
}
