/** The texts of coxswain.dev/* annotations as values. Pure; `undefined` means the text is not one. */

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** "8000-8009" or "8000". */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && last <= 65535 && first <= last ? { first, last } : undefined;
}

export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** "deployment/postgres, deployment/cache" -> the names. */
export function parseDependsOn(text: string): readonly string[] | undefined {
  const names = splitList(text).map((item) => /^deployment\/([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/.exec(item)?.[1]);
  return names.length > 0 && names.every((name) => name !== undefined) ? names : undefined;
}

/** Comma separated keys of a Secret. */
export function parseGeneratedKeys(text: string): readonly string[] | undefined {
  const keys = splitList(text);
  return keys.length > 0 && keys.every((key) => /^(?!__proto__$)[-._a-zA-Z0-9]{1,253}$/.test(key)) ? keys : undefined;
}

/** Comma separated path prefixes or patterns, each beginning with "/". */
export function parsePathList(text: string): readonly string[] | undefined {
  const paths = splitList(text);
  return paths.length > 0 && paths.every((path) => /^\/\S*$/.test(path)) ? paths : undefined;
}

export function parseIpv4(text: string): string | undefined {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255) ? text : undefined;
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
