import { createHash } from 'node:crypto';
import type { Queryable } from '../db/connection/pool.ts';
import type { LogPlace } from '../db/log/step-log.ts';
import type { SessionMessagePlace } from '../db/queries/chat-session.ts';
import type { JsonPage } from '../db/queries/json-rows.ts';
import {
  type Collection,
  type Condition,
  listRows,
  type TaggedRow,
} from '../db/queries/row-collection.ts';
import { time } from '../resources/fields.ts';
import { RequestRefusal } from '../resources/request-refusal.ts';
import type { Answer } from './operation.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Returns the id in a cursor. A page continues after a row, so rows that are added or deleted in
 * the meantime shift no page.
 */
export function idIn(cursor: string | undefined, url: string): string | undefined {
  return readCursor(cursor, url, (text) => (UUID.test(text) ? text : undefined));
}

/** Returns the ids of a path in a cursor. */
export function idsIn(cursor: string | undefined, url: string): string[] | undefined {
  return readCursor(cursor, url, (text) => {
    const ids = text.split(' ');
    return ids.every((id) => UUID.test(id)) ? ids : undefined;
  });
}

/** Returns the words in a cursor, which has `count` of them. */
export function wordsIn(
  cursor: string | undefined,
  url: string,
  count: number,
): string[] | undefined {
  return readCursor(cursor, url, (text) => {
    const words = text.split(' ');
    return words.length === count ? words : undefined;
  });
}

/** Returns the number in a cursor. */
export function numberIn(cursor: string | undefined, url: string): number | undefined {
  return readCursor(cursor, url, (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined));
}

/** Returns the place in a conversation that a cursor contains. */
export function messagePlaceIn(
  cursor: string | undefined,
  url: string,
): SessionMessagePlace | undefined {
  return readCursor(cursor, url, (text) => {
    const [, turn, seq] = /^(\d{1,9}) (\d{1,9})$/.exec(text) ?? [];
    return turn === undefined ? undefined : { turn: Number(turn), seq: Number(seq) };
  });
}

/** Returns the run and the offset of a citation that a cursor contains. */
export function citationPlaceIn(
  cursor: string | undefined,
  url: string,
): { execution_id: string; start_offset: number } | undefined {
  return readCursor(cursor, url, (text) => {
    const [, execution_id = '', offset] = /^([0-9a-f-]{36}) (\d{1,9})$/.exec(text) ?? [];
    if (!UUID.test(execution_id)) return undefined;
    return { execution_id, start_offset: Number(offset) };
  });
}

/** Returns the place in a log that a cursor contains. */
export function placeIn(cursor: string | undefined, url: string): LogPlace | undefined {
  return readCursor(cursor, url, (text) => {
    const [finished_at = '', execution_id = '', seq = '', ...more] = text.split(' ');
    const isPlace = time.safeParse(finished_at).success && UUID.test(execution_id);
    if (!isPlace || !/^\d{1,9}$/.test(seq) || more.length > 0) return undefined;
    return { finished_at, execution_id, seq: Number(seq) };
  });
}

function readCursor<T>(
  cursor: string | undefined,
  url: string,
  read: (text: string) => T | undefined,
): T | undefined {
  if (cursor === undefined) return undefined;
  const words = Buffer.from(cursor, 'base64url').toString('latin1').split(' ');
  const list = words.pop();
  const value = read(words.join(' '));
  if (value !== undefined && list === listAt(url)) return value;
  throw new RequestRefusal(400, 'the cursor does not belong to this list', {
    hint: 'Use `next` of the previous page, or leave cursor out.',
    detail: { field: 'cursor' },
  });
}

/** The answer with a page of rows. */
export type PageAnswer<T> = Answer<{ data: T[]; next: string | null }>;

/**
 * Returns the answer with a page of rows, and a Link to the next page (RFC 8288). One row more was
 * read than the page shows, unless the page was cut because its rows are large.
 */
export function pageAnswer<T>(
  page: JsonPage<T>,
  limit: number,
  url: string,
  keyOf: (row: T) => string | number,
): PageAnswer<T> {
  const { data, next } = pageBody(page, limit, url, keyOf);
  if (next === null) return { body: { data, next } };
  const link = linkOf(url);
  link.searchParams.set('cursor', next);
  return {
    body: { data, next },
    headers: { link: `<${link.pathname}${link.search}>; rel="next"` },
  };
}

/** Answers with a page of the rows of a collection that meet the conditions, newest first. */
export async function answerPage(
  db: Queryable,
  collection: Collection,
  where: readonly Condition[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  url: string,
): Promise<PageAnswer<TaggedRow['row']>> {
  const before = idIn(cursor, url);
  const rows = await listRows(db, collection, {
    where,
    limit: limit + 1,
    ...(before !== undefined && { before }),
  });
  return pageAnswer(rows, limit, url, (row) => row.id);
}

/** Returns the rows of a page, and the cursor of the next page in the list at `url`. */
export function pageBody<T>(
  { rows, isCut }: JsonPage<T>,
  limit: number,
  url: string,
  keyOf: (row: T) => string | number,
): { data: T[]; next: string | null } {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  if ((rows.length <= limit && !isCut) || last === undefined) return { data, next: null };
  const next = Buffer.from(`${keyOf(last)} ${listAt(url)}`).toString('base64url');
  return { data, next };
}

const linkOf = (url: string) => new URL(url, 'http://localhost');

/**
 * Returns a short digest of the list at `url`. A cursor contains the digest, because an id can
 * occur in another list as well.
 */
function listAt(url: string): string {
  const path = linkOf(url).pathname.toLowerCase();
  return createHash('sha256').update(path).digest('base64url').slice(0, 6);
}
