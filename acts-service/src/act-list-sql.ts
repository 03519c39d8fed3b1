// Reading acts in their order, as the JSON text of the answer: PostgreSQL builds it, so a row is one string here and nothing is parsed,
// copied or escaped again. A place is found by the blocks of migration 0003, never by walking over the acts before it.
import { limits } from './limits.ts';
import type { Prepared } from './prepared.ts';
import { timestampFormat } from './timestamp.ts';

/** Base64 without PostgreSQL's line breaks. The last four characters are kept as uploaded (base64-image.ts). */
const imageText = (bytes: string): string => `replace(encode(${bytes}, 'base64'), E'\\n', '')`;
const wholeGroups = '(octet_length(image) - 1) / 3 * 3';

const fields = `'{"actId":', act_id, ',"username":', to_json(username), ',"timestamp":"', to_char(performed_at, '${timestampFormat}'),
  '","caption":', to_json(caption), ',"upvotes":', upvotes, ',"categoryName":', to_json(c.name)`;

/** What a listed act carries as `imgB64`: its picture, its thumbnail (empty when it has none), or nothing at all. */
export type ListedImages = 'full' | 'thumbnails' | 'none';

const imageField: Readonly<Record<ListedImages, string>> = {
  full: `, ',"imgB64":"', ${imageText(`substring(image FROM 1 FOR ${wholeGroups})`)}, image_tail, '"'`,
  thumbnails: `, ',"imgB64":"', ${imageText('thumbnail')}, '"'`,
  none: '',
};

const imageBytes: Readonly<Record<ListedImages, string>> = {
  full: ' + octet_length(image)',
  thumbnails: ' + coalesce(octet_length(thumbnail), 0)',
  none: '',
};

const actText = (images: ListedImages): string => `concat(${fields}${imageField[images]}, '}')`;

const actBytes = (images: ListedImages): string =>
  `octet_length(caption) + octet_length(username) + octet_length(c.name)${imageBytes[images]}`;

/** Made once: these texts are long, and lists are asked for all the time. */
function forEachKind(make: (images: ListedImages) => Prepared): Readonly<Record<ListedImages, Prepared>> {
  return { full: make('full'), thumbnails: make('thumbnails'), none: make('none') };
}

/**
 * -> total, and `answer` of the acts from place $2 to $3 (null: the category's size) in the category with digest $1, newest first. Of no
 * acts when that is no range to answer with.
 */
const pageOf = (answer: string, columns: string): string => `
SELECT c.act_count AS total, page.answer
  FROM categories c
  CROSS JOIN LATERAL (SELECT coalesce($3::bigint, act_count) AS last) AS wanted
  LEFT JOIN LATERAL (
    SELECT upper_at, upper_seq, through - act_count AS passed
      FROM (SELECT performed_at, seq, act_count, sum(act_count) OVER newest AS through,
                   lag(performed_at, 1, 'infinity') OVER newest AS upper_at, lag(seq, 1, 0) OVER newest AS upper_seq
              FROM act_blocks WHERE category_id = c.id WINDOW newest AS (ORDER BY performed_at DESC, seq DESC)) AS counted
     WHERE through >= $2 ORDER BY performed_at DESC, seq DESC LIMIT 1) AS block ON true
  CROSS JOIN LATERAL (
    SELECT ${answer} AS answer
      FROM (SELECT act.*, sum(bytes) OVER () AS bytes_in_all
              FROM (SELECT ${columns} FROM acts
                     WHERE category_id = c.id AND (performed_at, seq) < (block.upper_at, block.upper_seq)
                     ORDER BY performed_at DESC, seq DESC OFFSET $2::bigint - 1 - block.passed
                     LIMIT CASE WHEN last <= c.act_count AND last - $2 < ${limits.actsPerAnswer} THEN last - $2 + 1 ELSE 0 END) AS act
           ) AS sized) AS page
 WHERE c.name_digest = $1`;

/** -> total, and the acts' texts, joined; null when there are none or they have more than $4 bytes. $1 to $3 as above. */
export const wholePage = forEachKind((images) => ({
  name: `acts-page-${images}`,
  text: pageOf(
    `string_agg(CASE WHEN bytes_in_all <= $4 THEN ${actText(images)} END, ',' ORDER BY performed_at DESC, seq DESC)`,
    `acts.*, ${actBytes(images)} AS bytes`,
  ),
}));

/** -> total, and the acts' keys and sizes. $1 to $3 as above. */
export const pageKeys = forEachKind((images) => ({
  name: `acts-keys-${images}`,
  text: pageOf(
    `json_agg(json_build_object('id', seq::text, 'bytes', bytes) ORDER BY performed_at DESC, seq DESC)`,
    `performed_at, seq, ${actBytes(images)} AS bytes`,
  ),
}));

/** -> one text per act that is still there, in the order of the keys $1. */
export const actTexts = forEachKind((images) => ({
  name: `acts-by-key-${images}`,
  text: `
SELECT ${actText(images)} AS text
  FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (seq, place) JOIN acts USING (seq) JOIN categories c ON c.id = category_id
 ORDER BY place`,
}));

/** -> an act up to its picture, and what the picture's text is made of. */
export const actHead: Prepared = {
  name: 'act-head',
  text: `
SELECT concat(${fields}, ',"imgB64":"') AS head, ${wholeGroups} AS image_bytes, image_tail AS tail
  FROM acts JOIN categories c ON c.id = category_id WHERE seq = $1`,
};

/** -> the base64 of $3 bytes of a picture from the $2nd. */
export const imageSlice: Prepared = {
  name: 'image-slice',
  text: `SELECT ${imageText('substring(image FROM $2 FOR $3)')} AS text FROM acts WHERE seq = $1`,
};
