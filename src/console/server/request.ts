import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { apiUrl } from './base-path.ts';
import { Failure, failureOfProblem, LOGIN_NEEDED, UNREACHABLE } from './failure.ts';
import { sessionKey, setSessionKey } from './session-key.ts';

/** A request whose body is JSON, or a file. */
export type Request = {
  method?: string;
  body?: Json;
  file?: Blob | undefined;
  headers?: Readonly<Record<string, string>>;
};

/** An answer that arrived whole. A body that is no JSON is a text. */
export type Answer = { isOk: boolean; status: number; body: Json; tag: string | undefined };

/** Sends a request. Throws a `Failure` if no answer arrives, or only a part of one. */
export async function sendRequest(
  path: string,
  { method = 'GET', body, file, headers }: Request,
  key: string | undefined,
): Promise<Answer> {
  const init: RequestInit = {
    method,
    headers: {
      ...headers,
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(file !== undefined && { body: file }), // the browser sends its type
    redirect: 'error',
  };
  try {
    const response = await fetch(apiUrl(path), init);
    const text = await response.text();
    const tag = response.headers.get('etag') ?? undefined;
    return { isOk: response.ok, status: response.status, body: readBody(text), tag };
  } catch {
    throw new Failure('The server cannot be reached.', UNREACHABLE);
  }
}

/** Returns why a request was refused. A login that is not valid any more ends. */
export function failureOfAnswer({ body, status }: Answer, key: string | undefined): Failure {
  const failure = failureOfProblem(body, status);
  if (failure.code === LOGIN_NEEDED && key !== undefined && key === sessionKey()) {
    setSessionKey(undefined);
  }
  return failure;
}

/** Returns a body as JSON, or as text if it is none. */
function readBody(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
