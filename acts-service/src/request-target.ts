// Old clients put category names into the URL as they are. What Node's parser lets through of that (printable ASCII; it refuses blanks and
// bytes above 0x7f with 400 itself) is percent-encoded before anything reads the target, because readers differ on raw quotes, braces and `#`.

// Everything but the characters RFC 3986 allows in a target, `%` included in the allowed: what is already encoded stays.
const rawCharacter = /[^A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]/g;

// A scheme and an authority, as clients send them to proxies: they change nothing here, and URL parsers throw on broken ones.
const authority = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i;

export function encodeRawCharacters(target: string): string {
  const local = authority.test(target) ? target.replace(authority, '').replace(/^(?!\/)/, '/') : target;
  return local.replace(rawCharacter, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
