// The API's timestamps, `DD-MM-YYYY:SS-MM-HH` (seconds before minutes before hours). They carry no zone: this app writes UTC, so that
// acts from different places sort rightly, and shows the reader's own time.

const shape = /^([0-9]{2})-([0-9]{2})-([0-9]{4}):([0-9]{2})-([0-9]{2})-([0-9]{2})$/;

export function formatTimestamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [two(date.getUTCDate()), two(date.getUTCMonth() + 1), String(date.getUTCFullYear()).padStart(4, '0')];
  const time = [two(date.getUTCSeconds()), two(date.getUTCMinutes()), two(date.getUTCHours())];
  return `${day.join('-')}:${time.join('-')}`;
}

/** Undefined when it is no timestamp of the API. */
export function parseTimestamp(text: string): Date | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [day = 0, month = 0, year = 0, second = 0, minute = 0, hour = 0] = match.slice(1).map(Number);
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return formatTimestamp(date) === text ? date : undefined;
}

/** How a person says it; the timestamp's own text when it is none. `zone` and `locale` are the reader's unless given. */
export function describeTime(text: string, style: 'short' | 'full', locale?: string, zone?: string): string {
  const date = parseTimestamp(text);
  if (date === undefined) return text;
  return formatter(style, locale, zone).format(date);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Kept: making one takes a hundred times as long as using it. */
function formatter(style: 'short' | 'full', locale: string | undefined, zone: string | undefined): Intl.DateTimeFormat {
  const key = [style, locale, zone].join();
  const known = formatters.get(key);
  if (known !== undefined) return known;
  const parts: Intl.DateTimeFormatOptions =
    style === 'short' ? { day: 'numeric', month: 'short', year: 'numeric' } : { dateStyle: 'long', timeStyle: 'short' };
  const made = new Intl.DateTimeFormat(locale, zone === undefined ? parts : { ...parts, timeZone: zone });
  formatters.set(key, made);
  return made;
}
