/**
 * YAML or JSON text -> plain values with the place of each, within limits that hold for hostile text too.
 * Never throws for bad text. Syntax only: what the values mean is decided by manifest-check.ts.
 */
import { Composer, CST, isAlias, isMap, isPair, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml';
import type { Document, Node, ParsedNode } from 'yaml';
import { MANIFEST_LIMITS } from './limits.ts';
import type { ManifestErrorCode } from './manifest-error.ts';

/** A step into a value: a map key or a list index. */
export type PathStep = string | number;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  readonly value: unknown;
  /** Where a path begins: the key of a map entry, the value of a list item; the nearest parent when the path does not exist. */
  readonly positionOf: (path: readonly PathStep[]) => Position;
}

export interface YamlError {
  readonly code: ManifestErrorCode;
  readonly position: Position;
  readonly message: string;
}

export interface YamlText {
  /** The documents that are not empty and have no error. */
  readonly documents: readonly YamlDocument[];
  readonly errors: readonly YamlError[];
}

class LimitExceeded extends Error {
  readonly problem: YamlError;
  constructor(code: ManifestErrorCode, position: Position, message: string) {
    super(message);
    this.problem = { code, position, message };
  }
}

export function parseYaml(text: string): YamlText {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let tokens: readonly CST.Token[];
  try {
    tokens = tokenize(text, lines, positionAt);
  } catch (error) {
    if (error instanceof LimitExceeded) return { documents: [], errors: [error.problem] };
    throw error;
  }
  const documents: YamlDocument[] = [];
  const errors: YamlError[] = [];
  const composer = new Composer({ merge: true, stringKeys: true, prettyErrors: false, logLevel: 'silent' });
  for (const document of composer.compose(tokens, true, text.length)) {
    const outcome = readDocument(document, positionAt);
    if ('code' in outcome) errors.push(outcome);
    else if (outcome.value !== null && outcome.value !== undefined) documents.push(outcome);
  }
  return { documents, errors: errors.slice(0, MANIFEST_LIMITS.errorsPerFile) };
}

/** What yaml's lexer puts before the text of a scalar. */
const SCALAR_MARK = CST.SCALAR;

function tooDeep(position: Position): LimitExceeded {
  return new LimitExceeded('TooDeep', position, `nested deeper than ${MANIFEST_LIMITS.nestingDepth} levels`);
}

/** Lexes and parses without recursion, and checks every limit that the recursive composer needs kept. */
function tokenize(text: string, lines: LineCounter, positionAt: (offset: number) => Position): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  let brackets = 0;
  let previous = '';
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    // A lexeme after this mark is text. Brackets are counted here because the parser's time grows with the square of their depth.
    if (previous !== SCALAR_MARK) brackets += lexeme === '[' || lexeme === '{' ? 1 : lexeme === ']' || lexeme === '}' ? -1 : 0;
    previous = lexeme;
    if (brackets > MANIFEST_LIMITS.nestingDepth) throw tooDeep(positionAt(parser.offset));
    if (lexemes > MANIFEST_LIMITS.lexemesPerFile) {
      const message = `more than ${MANIFEST_LIMITS.lexemesPerFile} words and signs in one file`;
      throw new LimitExceeded('TooLarge', positionAt(parser.offset), message);
    }
    tokens.push(...parser.next(lexeme));
  }
  tokens.push(...parser.end());
  const documents = tokens.filter((token) => token.type === 'document');
  const surplus = documents[MANIFEST_LIMITS.documentsPerFile];
  if (surplus !== undefined) {
    throw new LimitExceeded('TooLarge', positionAt(surplus.offset), `more than ${MANIFEST_LIMITS.documentsPerFile} documents in one file`);
  }
  for (const document of documents) checkShape(document, positionAt);
  return tokens;
}

function checkShape(document: CST.Document, positionAt: (offset: number) => Position): void {
  const pending: { readonly token: CST.Token; readonly depth: number }[] = [];
  if (document.value !== undefined) pending.push({ token: document.value, depth: 1 });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (!('items' in token)) continue;
    if (depth > MANIFEST_LIMITS.nestingDepth) throw tooDeep(positionAt(token.offset));
    if (token.type !== 'block-seq' && token.items.length > MANIFEST_LIMITS.keysPerMap) {
      throw new LimitExceeded(
        'TooLarge',
        positionAt(token.offset),
        `more than ${MANIFEST_LIMITS.keysPerMap} entries in one map or flow list`,
      );
    }
    for (const item of token.items) {
      if (item.key) pending.push({ token: item.key, depth: depth + 1 });
      if (item.value) pending.push({ token: item.value, depth: depth + 1 });
    }
  }
}

function readDocument(document: Document.Parsed, positionAt: (offset: number) => Position): YamlDocument | YamlError {
  // What follows the first error is mostly its consequence.
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) return { code: 'BadYaml', position: positionAt(problem.pos[0]), message: shorten(problem.message) };
  const root = document.contents;
  const start = positionAt(root === null ? document.range[0] : root.range[0]);
  let value: unknown;
  try {
    // `toJS` shares what aliases point to; the round trip makes a plain tree of it, and fails on cycles.
    value = document.toJS({ maxAliasCount: MANIFEST_LIMITS.aliases });
    value = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  } catch (error) {
    const bomb = error instanceof ReferenceError && error.message.startsWith('Excessive');
    if (bomb) return { code: 'AliasBomb', position: start, message: `more than ${MANIFEST_LIMITS.aliases} values come out of aliases` };
    return {
      code: 'BadYaml',
      position: start,
      message: shorten(error instanceof ReferenceError ? error.message : 'an alias contains itself'),
    };
  }
  return { value, positionOf: (path) => positionAt(offsetOf(document, root, path)) };
}

function offsetOf(document: Document.Parsed, root: ParsedNode | null, path: readonly PathStep[]): number {
  let node: Node | null = root;
  let offset = root?.range[0] ?? document.range[0];
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    const entry = entryOf(document, node, step);
    if (entry === undefined) break;
    offset = entry.offset;
    node = entry.value;
  }
  return offset;
}

function entryOf(document: Document.Parsed, node: Node | null, step: PathStep): { offset: number; value: Node | null } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)] as Node | undefined;
    return item === undefined ? undefined : { offset: item.range?.[0] ?? 0, value: item };
  }
  if (!isMap(node)) return undefined;
  for (const pair of node.items) {
    if (!isPair(pair) || !isScalar(pair.key)) continue;
    const value = pair.value as Node | null;
    if (String(pair.key.value) === String(step)) return { offset: pair.key.range?.[0] ?? 0, value };
  }
  // Not there in so many words: it came from a merge, "<<: *defaults".
  for (const pair of node.items) {
    if (!isScalar(pair.key) || pair.key.source !== '<<') continue;
    const value = pair.value as Node | null;
    for (const merged of isSeq(value) ? (value.items as Node[]) : [value]) {
      const entry = entryOf(document, isAlias(merged) ? (merged.resolve(document) ?? null) : merged, step);
      if (entry !== undefined) return entry;
    }
  }
  return undefined;
}

function shorten(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  return line.length > 2 * MANIFEST_LIMITS.quotedText ? `${line.slice(0, 2 * MANIFEST_LIMITS.quotedText)}...` : line;
}
