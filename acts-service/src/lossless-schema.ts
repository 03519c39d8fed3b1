// JSON Schema over values whose numbers are kept as they were written (json-text.ts). ajv's own `integer` looks at JavaScript numbers,
// which have lost the digits by then, and takes a kept number for an object; so these two types, and nothing else, are translated.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isActId } from './act-id.ts';
import { LosslessNumber } from './json-text.ts';
import { isStorable } from './name.ts';
import { timestampToSql } from './timestamp.ts';

interface IntegerBounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** An error brings the schema that was broken (`verbose`). */
export function losslessAjv(): Ajv2020 {
  const ajv = new Ajv2020({ ownProperties: true, verbose: true, strict: false });
  ajv.addFormat('storable-text', isStorable);
  ajv.addFormat('act-timestamp', (text: string) => timestampToSql(text) !== undefined);
  ajv.addKeyword({ keyword: 'losslessInteger', schemaType: 'object', validate: isWithin, error: { message: 'must be an integer' } });
  ajv.addKeyword({ keyword: 'losslessObject', schemaType: 'boolean', validate: isNoNumber, error: { message: 'must be object' } });
  return ajv;
}

/** The same schema, or a document full of schemas, for values with kept numbers. */
export function losslessSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(losslessSchema);
  if (schema === null || typeof schema !== 'object') return schema;
  const keywords = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, losslessSchema(value)]));
  if (keywords.type === 'object') return { ...keywords, losslessObject: true };
  if (keywords.type !== 'integer') return keywords;
  const { type: _, minimum, maximum, ...others } = keywords;
  return { ...others, losslessInteger: { minimum, maximum } };
}

function isWithin({ minimum = 0, maximum = Infinity }: IntegerBounds, value: unknown): boolean {
  if (!(value instanceof LosslessNumber) || !isActId(value.value)) return false;
  const nearest = Number(value.value);
  return nearest >= minimum && nearest <= maximum;
}

function isNoNumber(_: unknown, value: unknown): boolean {
  return !(value instanceof LosslessNumber);
}
