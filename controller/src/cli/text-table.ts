/** Tables and times as people read them in a terminal; columns without borders, so that grep, awk and cut work on them. */
import Table from 'cli-table3';

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Every line ends with a newline and without trailing blanks. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head], chars: NO_BORDERS, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  for (const row of rows) table.push([...row]);
  return `${table.toString().replace(/[ ]+$/gm, '')}\n`;
}

/** "45s", "12m", "3h", "9d"; "-" when there is no such time. */
export function formatAge(since: string | undefined, now: Date): string {
  const sinceMs = since === undefined ? NaN : Date.parse(since);
  if (Number.isNaN(sinceMs)) return '-';
  return formatSeconds(Math.max(0, Math.floor((now.getTime() - sinceMs) / 1000)));
}

/** "in 45s"; "now" when it has come. */
export function formatUntil(time: string | undefined, now: Date): string {
  const timeMs = time === undefined ? NaN : Date.parse(time);
  if (Number.isNaN(timeMs)) return '-';
  const seconds = Math.ceil((timeMs - now.getTime()) / 1000);
  return seconds <= 0 ? 'now' : `in ${formatSeconds(seconds)}`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
