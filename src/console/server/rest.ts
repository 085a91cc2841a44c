import type { Json } from '../../json/json.ts';
import { failureOfAnswer, sendRequest } from './request.ts';
import { sessionKey } from './session-key.ts';
import { type Loaded, useRequest } from './use-request.ts';

/** An answer of REST: its body, and the tag of the row as it was then. */
export type RestAnswer<Body> = { body: Body; tag: string | undefined };

type Request = {
  method?: string;
  body?: Json;
  file?: Blob;
  tag?: string | undefined;
  /** The key of something new: sent again, it counts once. */
  key?: string;
};

/** Sends a request to the REST API. Throws a `Failure`. A login that is not valid any more ends. */
export async function callRest<Body>(
  path: string,
  { tag, key: idempotencyKey, ...request }: Request = {},
): Promise<RestAnswer<Body>> {
  const key = sessionKey();
  const headers = {
    ...(tag !== undefined && { 'if-match': tag }),
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
  };
  const answer = await sendRequest(path, { ...request, headers }, key);
  if (!answer.isOk) throw failureOfAnswer(answer, key);
  return { body: answer.body as Body, tag: answer.tag };
}

type Page<Row> = { data: Row[]; next: string | null };

/** Reads all pages of a list, whose path has a query. */
export async function listAll<Row>(path: string): Promise<Row[]> {
  const { body } = await callRest<Page<Row>>(path);
  const rows = body.data;
  for (let { next } = body; next !== null; ) {
    const { body: page } = await callRest<Page<Row>>(`${path}&cursor=${encodeURIComponent(next)}`);
    rows.push(...page.data);
    next = page.next;
  }
  return rows;
}

/** Reads a path, again whenever it changes. Without a path it waits. */
export function useRest<Body>(path: string | undefined): Loaded<RestAnswer<Body>> {
  return useRequest(path ?? '', () => callRest<Body>(path ?? ''));
}
