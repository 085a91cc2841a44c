import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { apiUrl } from './base-path.ts';
import { Failure, failureOfProblem, LOGIN_NEEDED, UNREACHABLE } from './failure.ts';
import { sessionKey, setSessionKey } from './session-key.ts';
import { type Loaded, useRequest } from './use-request.ts';

/** An answer of REST: its body, and the tag of the row as it was then. */
export type RestAnswer<Body> = { body: Body; tag: string | undefined };

type Request = { method?: string; body?: Json; tag?: string | undefined };

/** Sends a request to the REST API. Throws a `Failure`. A login that is not valid any more ends. */
export async function callRest<Body>(
  path: string,
  { method = 'GET', body, tag }: Request = {},
): Promise<RestAnswer<Body>> {
  const key = sessionKey();
  const response = await send(path, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(tag !== undefined && { 'if-match': tag }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.ok) {
    return { body: readBody(text) as Body, tag: response.headers.get('etag') ?? undefined };
  }
  const failure = failureOfProblem(readBody(text), response.status);
  if (failure.code === LOGIN_NEEDED && key !== undefined && key === sessionKey()) {
    setSessionKey(undefined);
  }
  throw failure;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(apiUrl(path), { ...init, redirect: 'error' });
  } catch {
    throw new Failure('The server cannot be reached.', UNREACHABLE);
  }
}

/** Returns a body as JSON, or as text if it is none. */
function readBody(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Reads a path, again whenever it changes. Without a path it waits. */
export function useRest<Body>(path: string | undefined): Loaded<RestAnswer<Body>> {
  return useRequest(path ?? '', () => callRest<Body>(path ?? ''));
}
