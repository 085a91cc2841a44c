import './environment.ts';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'postgraphile/graphql';
import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';

/**
 * The names that a client gives an operation: its text, an id, or the SHA-256 (hex) of the text.
 */
export type OperationNames = {
  query?: unknown;
  id?: unknown;
  documentId?: unknown;
  extensions?: unknown;
};

/** The operations of a server that runs no others. */
export type Operations = {
  /** Returns the text of the named operation, or undefined if there is no such operation. */
  find(names: OperationNames): string | undefined;
};

/**
 * Reads the operations from a folder with one document per `.graphql` file, or from a JSON file of
 * ids and documents, as Relay and GraphQL Code Generator write it. Throws `HWINV` with the name of
 * the invalid file.
 */
export function loadOperations(path: string): Operations {
  const texts = new Map<string, string>();
  for (const [name, text] of documentsIn(path)) {
    refuseUnreadable(name, text);
    texts.set(name, text);
    texts.set(digestOf(text), text);
  }
  if (texts.size === 0) throw unusableOperations(path, 'it contains no operation');
  return {
    find: (names) =>
      namesOf(names)
        .map((name) => texts.get(name))
        .find((text) => text),
  };
}

/** Returns the names of an operation. An id takes precedence over a text that comes with it. */
function namesOf({ query, id, documentId, extensions }: OperationNames): string[] {
  const persisted = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | undefined)
    ?.persistedQuery?.sha256Hash;
  const named = [documentId, id, persisted].filter((name) => typeof name === 'string');
  if (named.length > 0) return named.map((name) => name.replace(/^sha256:/, ''));
  return typeof query === 'string' ? [digestOf(query)] : [];
}

function digestOf(text: string): string {
  return createHash('sha256').update(text.trim()).digest('hex');
}

function documentsIn(path: string): [string, string][] {
  try {
    if (!statSync(path).isDirectory())
      return documentsOf(path, parseJson(readFileSync(path, 'utf8')));
    return readdirSync(path)
      .filter((name) => name.endsWith('.graphql'))
      .map((name) => [basename(name, '.graphql'), readFileSync(join(path, name), 'utf8')]);
  } catch (error) {
    throw error instanceof HowdahError
      ? error
      : unusableOperations(path, (error as Error).message, error);
  }
}

function documentsOf(path: string, json: Json): [string, string][] {
  const entries = isJsonObject(json) ? Object.entries(json) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length === entries.length) return texts;
  throw unusableOperations(path, 'it is not a JSON object of ids and documents');
}

function refuseUnreadable(name: string, text: string): void {
  try {
    parse(text);
  } catch (error) {
    throw unusableOperations(name, (error as Error).message, error);
  }
}

function unusableOperations(path: string, reason: string, cause?: unknown): HowdahError {
  return new HowdahError('HWINV', `the operations in ${path} cannot be used: ${reason}`, {
    hint: 'Set HOWDAH_GRAPHQL_OPERATIONS to a folder of .graphql files, or to a JSON file {"id": "query …"}.',
    detail: { variable: 'HOWDAH_GRAPHQL_OPERATIONS' },
    cause,
  });
}
