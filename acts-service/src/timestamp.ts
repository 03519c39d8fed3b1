// The contract's `DD-MM-YYYY:SS-MM-HH` (seconds before minutes before hours) to and from what PostgreSQL sorts.

const shape = /^([0-9]{2})-([0-9]{2})-([0-9]{4}):([0-9]{2})-([0-9]{2})-([0-9]{2})$/;

/** What `to_char` needs to give the uploaded text back. */
export const timestampFormat = 'DD-MM-YYYY:SS-MI-HH24';

/** `YYYY-MM-DD HH:MM:SS`, or undefined when the text is not a real calendar date and time. The calendar has no year 0. */
export function timestampToSql(text: string): string | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [, day = '', month = '', year = '', second = '', minute = '', hour = ''] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(year) < 1) return undefined;
  if (Number(month) < 1 || Number(month) > 12) return undefined;
  if (Number(day) < 1 || Number(day) > daysInMonth(Number(year), Number(month))) return undefined;
  return `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
