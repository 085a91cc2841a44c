import type { LogPlace } from '../../db/step-log.ts';
import { time } from './fields.ts';
import { RequestRefusal } from './request-refusal.ts';
import type { Answer } from './route.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id a cursor stands for: pages go on behind a row, so what is added or deleted meanwhile shifts none of them. */
export function idIn(cursor: string | undefined): string | undefined {
  return readCursor(cursor, (text) => (UUID.test(text) ? text : undefined));
}

/** The ids of a path that a cursor stands for. */
export function idsIn(cursor: string | undefined): string[] | undefined {
  return readCursor(cursor, (text) => {
    const ids = text.split(' ');
    return ids.every((id) => UUID.test(id)) ? ids : undefined;
  });
}

/** The number a cursor stands for. */
export function numberIn(cursor: string | undefined): number | undefined {
  return readCursor(cursor, (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined));
}

/** The place in a log that a cursor stands for. */
export function placeIn(cursor: string | undefined): LogPlace | undefined {
  return readCursor(cursor, (text) => {
    const [finished_at = '', execution_id = '', seq = '', ...more] = text.split(' ');
    const isPlace = time.safeParse(finished_at).success && UUID.test(execution_id);
    if (!isPlace || !/^\d{1,9}$/.test(seq) || more.length > 0) return undefined;
    return { finished_at, execution_id, seq: Number(seq) };
  });
}

function readCursor<T>(
  cursor: string | undefined,
  read: (text: string) => T | undefined,
): T | undefined {
  if (cursor === undefined) return undefined;
  const value = read(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (value !== undefined) return value;
  throw new RequestRefusal(400, 'this is no cursor of this list', {
    hint: 'Take `next` of the page before, or leave cursor out.',
    detail: { field: 'cursor' },
  });
}

/** A page of rows, of which one more was read than it shows: the body, and a Link to the next one (RFC 8288). */
export function pageAnswer<T>(
  rows: readonly T[],
  limit: number,
  url: string,
  keyOf: (row: T) => string | number,
): Answer {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  if (rows.length <= limit || last === undefined) return { body: { data, next: null } };
  const next = Buffer.from(`${keyOf(last)}`).toString('base64url');
  const link = new URL(url, 'http://localhost');
  link.searchParams.set('cursor', next);
  return {
    body: { data, next },
    headers: { link: `<${link.pathname}${link.search}>; rel="next"` },
  };
}
