/** A fetch as the standard has it, in the form the vendor's client calls it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** The only headers that leave: nothing of the environment (organisation, custom headers) reaches a stranger. */
const SENT = ['accept', 'content-type'];
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * What may pass between us and a model server. `key` null sends no `Authorization` at all, a
 * redirect is not followed (it could lead anywhere, with the conversation), and a body has an end.
 */
export function guardedFetch(fetch: Fetch, key: string | null, traceparent?: string): Fetch {
  return async (input, init) => {
    const given = new Headers(init?.headers);
    const headers = new Headers({ 'user-agent': 'howdah' });
    for (const name of SENT) headers.set(name, given.get(name) ?? 'application/json');
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
