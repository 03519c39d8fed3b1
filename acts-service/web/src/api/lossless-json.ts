// Reads and writes the API's JSON without losing an actId: it may have 1,000 digits, a JavaScript number keeps 15.

const actIdValue = /[ \t\r\n]*:[ \t\r\n]*([0-9]+)/y;

/** As JSON.parse, except that every member named `actId` is the text of its digits. */
export function parseLossless(text: string): unknown {
  return JSON.parse(quoteActIds(text));
}

/** JSON of `members` with `actId` in front as a number of exactly these digits. */
export function stringifyWithActId(actId: string, members: Readonly<Record<string, unknown>>): string {
  return `{"actId":${checkedDigits(actId)},${JSON.stringify(members).slice(1)}`;
}

/** The digits, or an error: whatever else would become part of the JSON around it. */
export function checkedDigits(actId: string): string {
  if (!/^[0-9]{1,1000}$/.test(actId)) throw new Error('an actId has digits only');
  return actId;
}

function quoteActIds(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  let at = 0;
  for (;;) {
    const open = text.indexOf('"', at);
    if (open < 0) break;
    const close = endOfString(text, open);
    at = close + 1;
    if (close - open !== 6 || !text.startsWith('actId', open + 1)) continue;
    actIdValue.lastIndex = at;
    // Without a colon it was a value that happens to be this word.
    const digits = actIdValue.exec(text)?.[1];
    if (digits === undefined) continue;
    at = actIdValue.lastIndex;
    parts.push(text.slice(copied, at - digits.length), '"', digits, '"');
    copied = at;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(copied);
}

/** Where the string that opens at `open` closes. By indexOf: captions may have megabytes, on which a regular expression's stack gives out. */
function endOfString(text: string, open: number): number {
  for (let from = open + 1; ;) {
    const close = text.indexOf('"', from);
    if (close < 0) return text.length;
    let slashes = 0;
    while (text[close - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return close;
    from = close + 1;
  }
}
