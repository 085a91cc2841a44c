import { HowdahError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';

export type ConnectOptions = {
  /** A token or an API key; a server on loopback asks for none. */
  token?: string;
  /** In the place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** Ends what is asked and what is followed. */
  signal?: AbortSignal;
};

/** One request; a body that is a text is sent as it is when `headers` names its type. Throws what is refused. */
export type HttpClient = (
  method: string,
  path: string,
  body?: Json,
  headers?: Record<string, string>,
) => Promise<Response>;

export function createHttpClient(
  url: string,
  { token, fetch = globalThis.fetch, signal }: ConnectOptions,
): HttpClient {
  let position: string | undefined; // what was written up to there is to be read, by whichever process
  return async (method, path, body, more = {}) => {
    const isText = typeof body === 'string' && more['content-type'] !== undefined;
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(position !== undefined && { 'x-howdah-lsn': position }),
      ...more,
    };
    const sent = {
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    const response = await fetch(`${url}${path}`, { method, headers, ...sent }).catch(
      (cause: unknown) => {
        throw new HowdahError('EUNREACHABLE', `${url} cannot be reached`, {
          cause,
          hint: 'Check the address, and that the server runs.',
        });
      },
    );
    position = response.headers.get('x-howdah-lsn') ?? position;
    if (!response.ok) throw await problemOf(response);
    return response;
  };
}

async function problemOf(response: Response): Promise<HowdahError> {
  const text = await response.text();
  try {
    const { code, detail, hint, ...rest } = JSON.parse(text) as Record<string, string>;
    return new HowdahError(`${code}`, `${detail}`, { hint, detail: rest });
  } catch {
    return new HowdahError('EUNREACHABLE', `the server answered ${response.status}: ${text}`);
  }
}

/** The body of an answer: JSON, another text as it is, null when there is none. */
export async function bodyOf(response: Response): Promise<Json> {
  const text = await response.text();
  if (text === '') return null;
  const isJson = response.headers.get('content-type')?.includes('json') ?? true;
  return isJson ? (JSON.parse(text) as Json) : text;
}
