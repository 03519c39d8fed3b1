// Old clients put category names into the URL as they are. Node hands such bytes over as latin1 characters; they are percent-encoded
// before anything parses the target, because parsers differ on raw blanks, quotes, `#` and bytes above 0x7f.

// Everything but the characters RFC 3986 allows in a target, `%` included in the allowed: what is already encoded stays.
const rawCharacter = /[^A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]/g;

export function encodeRawCharacters(target: string): string {
  return target.replace(rawCharacter, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
