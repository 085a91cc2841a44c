import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { mapMessages } from './map-messages.ts';

// The client of the SDK checks a whole result, and rejects it because of one odd entry. The entries
// of lists therefore pass the client in the metadata of the result, beside an empty list, and are
// read one by one (results/entries.ts).

/** The fields of results whose entries are read one by one. */
const LISTS = [
  'tools',
  'prompts',
  'resources',
  'resourceTemplates',
  'content',
  'contents',
  'messages',
] as const;
export type ListName = (typeof LISTS)[number];

/** The metadata with the fields that the client does not check. */
const UNCHECKED = 'howdah/unchecked';

/** Lets results with odd entries pass the checks of the client. */
export function loosenResults(transport: Transport): Transport {
  return mapMessages(transport, (message) => {
    const { result } = message as { result?: unknown };
    return isJsonObject(result)
      ? ({ ...message, result: loosened(result) } as unknown as JSONRPCMessage)
      : message;
  });
}

function loosened(result: JsonObject): JsonObject {
  // null counts as absent
  const members = Object.entries(result).filter(
    ([name, value]) => value !== null || (LISTS as readonly string[]).includes(name),
  );
  const { structuredContent, ...given } = Object.fromEntries(members);
  const named = LISTS.filter((name) => isListed(given[name]));
  const isCall = structuredContent !== undefined || Object.hasOwn(given, 'isError');
  const hasContent = Object.hasOwn(given, 'content');
  if (named.length === 0 && !isCall) return given;
  const unchecked = Object.fromEntries(named.map((name) => [name, given[name] as Json]));
  const { nextCursor, isError, _meta, ...rest } = given;
  return {
    ...rest,
    ...Object.fromEntries(named.map((name) => [name, []])),
    ...(isCall && !hasContent ? { content: [] } : {}),
    ...(typeof nextCursor === 'string' && nextCursor !== '' ? { nextCursor } : {}),
    ...(isError === true || isError === 'true' ? { isError: true } : {}),
    _meta: {
      ...(isJsonObject(_meta) ? _meta : {}),
      [UNCHECKED]: {
        ...unchecked,
        ...(structuredContent === undefined ? {} : { structuredContent }),
      },
    },
  };
}

/** Some servers write null for an empty list. */
function isListed(value: Json | undefined): boolean {
  return Array.isArray(value) || value === null;
}

/** Returns the entries of a result as the server sent them. */
export function entriesOf(result: object, name: ListName): Json[] {
  const value = uncheckedOf(result)?.[name] ?? (result as Partial<Record<ListName, Json>>)[name];
  return Array.isArray(value) ? value : [];
}

/** Returns the structured content of a result as the server sent it. */
export function structuredContentOf(result: object): Json | undefined {
  return (
    uncheckedOf(result)?.structuredContent ??
    (result as { structuredContent?: Json }).structuredContent
  );
}

function uncheckedOf(result: object): JsonObject | undefined {
  const { _meta } = result as { _meta?: Json };
  const unchecked = isJsonObject(_meta) ? _meta[UNCHECKED] : undefined;
  return isJsonObject(unchecked) ? unchecked : undefined;
}
