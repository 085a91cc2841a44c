import { createHash } from 'node:crypto';
import type { SessionMessagePlace } from '../../../db/feed/chat-session.ts';
import type { LogPlace } from '../../../db/feed/step-log.ts';
import type { JsonPage } from '../../../db/queries/json-rows.ts';
import { RequestRefusal } from '../../errors/request-refusal.ts';
import { time } from '../../http/fields.ts';
import type { Answer } from './route.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id a cursor stands for: pages go on behind a row, so what is added or deleted meanwhile shifts none of them. */
export function idIn(cursor: string | undefined, url: string): string | undefined {
  return readCursor(cursor, url, (text) => (UUID.test(text) ? text : undefined));
}

/** The ids of a path that a cursor stands for. */
export function idsIn(cursor: string | undefined, url: string): string[] | undefined {
  return readCursor(cursor, url, (text) => {
    const ids = text.split(' ');
    return ids.every((id) => UUID.test(id)) ? ids : undefined;
  });
}

/** The number a cursor stands for. */
export function numberIn(cursor: string | undefined, url: string): number | undefined {
  return readCursor(cursor, url, (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined));
}

/** The place in a conversation that a cursor stands for. */
export function saidPlaceIn(
  cursor: string | undefined,
  url: string,
): SessionMessagePlace | undefined {
  return readCursor(cursor, url, (text) => {
    const [, turn, seq] = /^(\d{1,9}) (\d{1,9})$/.exec(text) ?? [];
    return turn === undefined ? undefined : { turn: Number(turn), seq: Number(seq) };
  });
}

/** The place in a log that a cursor stands for. */
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
  const list = words.length > 1 ? words.pop() : undefined;
  const value = read(words.join(' '));
  const isOfThisList = list === undefined || list === listAt(url); // the release before named no list
  if (value !== undefined && isOfThisList) return value;
  throw new RequestRefusal(400, 'this is no cursor of this list', {
    hint: 'Take `next` of the page before, or leave cursor out.',
    detail: { field: 'cursor' },
  });
}

export type PageAnswer<T> = Pick<Answer, 'headers'> & { body: { data: T[]; next: string | null } };

/**
 * Answers with a page of rows and a Link to the next page (RFC 8288). One row more was read than
 * the page shows, unless the page was cut because its rows are large.
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

/** The rows of a page, and the cursor of the next one in the list at `url`. */
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

/** Which list a cursor is of: an id is one of another list as well. */
function listAt(url: string): string {
  const path = linkOf(url).pathname.toLowerCase();
  return createHash('sha256').update(path).digest('base64url').slice(0, 6);
}
