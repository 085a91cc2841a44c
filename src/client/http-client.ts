import { HowdahError } from '../contracts/errors.ts';
import { positionOf } from '../contracts/log-position.ts';
import type { Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { stringifyJson } from '../json/stringify-json.ts';

export type ConnectOptions = {
  /** A token or an API key, or a function that returns one. A server on loopback needs none. */
  token?: string | (() => string | Promise<string>);
  /** A replacement for the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Ends requests and streams. */
  signal?: AbortSignal;
};

/**
 * Sends a request. A text body is sent unchanged if `headers` has its content type. `signal` ends
 * the request and its response. Throws the error of a rejected request.
 */
export type HttpClient = (
  method: string,
  path: string,
  body?: Json,
  headers?: Record<string, string>,
  signal?: AbortSignal,
) => Promise<Response>;

export function createHttpClient(
  url: string,
  { token, fetch = globalThis.fetch, signal: always }: ConnectOptions,
): HttpClient {
  // Later requests must see all writes up to this position, in whatever process.
  let position: string | undefined;
  return async (method, path, body, more = {}, signal = always) => {
    const bearer = typeof token === 'function' ? await token() : token;
    const isText = typeof body === 'string' && more['content-type'] !== undefined;
    const headers = {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(position !== undefined && { 'x-howdah-lsn': position }),
      ...more,
    };
    const init = {
      ...(body !== undefined && { body: isText ? body : (stringifyJson(body) ?? 'null') }),
      ...(signal && { signal }),
    };
    const response = await fetch(`${url}${path}`, { method, headers, ...init }).catch(
      (cause: unknown) => {
        if (cause instanceof HowdahError) throw cause; // a `fetch` of the program says why
        throw new HowdahError('EUNREACHABLE', `${url} cannot be reached`, {
          cause,
          hint: 'Check the address, and that the server is running.',
        });
      },
    );
    position = laterPosition(position, response.headers.get('x-howdah-lsn'));
    if (!response.ok) throw await problemOf(response);
    return response;
  };
}

/** Returns the later of two log positions, because answers may arrive in any order. */
function laterPosition(known: string | undefined, received: string | null): string | undefined {
  if (received === null) return known;
  const [before, after] = [known ?? '', received].map(positionOf);
  return after === undefined || (before !== undefined && after < before) ? known : received;
}

async function problemOf(response: Response): Promise<HowdahError> {
  const text = await response.text();
  try {
    const { code, detail, hint, ...rest } = parseJson(text) as Record<string, string>;
    return new HowdahError(`${code}`, `${detail}`, { hint, detail: rest });
  } catch {
    return new HowdahError('EUNREACHABLE', `the server answered ${response.status}: ${text}`);
  }
}

/**
 * Returns the body of an answer: JSON as a value, other text unchanged, and null if there is none.
 */
export async function bodyOf(response: Response): Promise<Json> {
  const text = await response.text();
  if (text === '') return null;
  const isJson = response.headers.get('content-type')?.includes('json') ?? true;
  return isJson ? (parseJson(text) as Json) : text;
}
