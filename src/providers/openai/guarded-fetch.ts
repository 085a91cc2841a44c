/** The standard `fetch`, in the form in which the vendor's client calls it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * The only headers that are sent. Headers from the environment (organisation, custom headers) never
 * reach an unknown server.
 */
const SENT = ['accept', 'content-type'];
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Limits the requests to a model server and its answers. With `key` null no `Authorization` is
 * sent. A redirect is not followed, because it could send the conversation anywhere. The size of a
 * body is limited.
 */
export function guardedFetch(fetch: Fetch, key: string | null, traceparent?: string): Fetch {
  return async (input, init) => {
    const requestHeaders = new Headers(init?.headers);
    const headers = new Headers({ 'user-agent': 'howdah' });
    for (const name of SENT) headers.set(name, requestHeaders.get(name) ?? 'application/json');
    if (traceparent) headers.set('traceparent', traceparent);
    if (key !== null) headers.set('authorization', `Bearer ${key}`);
    const response = await fetch(input, { ...init, headers, redirect: 'manual' });
    if (response.body === null) return response;
    const { status, statusText } = response;
    const body = response.body.pipeThrough(limitBytes());
    return new Response(body, { status, statusText, headers: response.headers });
  };
}

function limitBytes(): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) controller.error(new Error('The answer is longer than 64 MB.'));
      else controller.enqueue(chunk);
    },
  });
}
