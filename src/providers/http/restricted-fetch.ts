/** The standard `fetch`, in the form in which the vendor's client calls it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** The only headers of the package `openai` that are sent, besides the key. */
const SENT = ['accept', 'content-type'];
/** The headers in which vendors expect their key. */
const KEY_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key', 'xi-api-key'];
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * Limits the requests to a server with OpenAI's format. Only known headers are sent, so that
 * headers from the environment (organisation, custom headers) never reach an unknown server. With
 * `key` null no `Authorization` is sent.
 */
export function restrictModelFetch(fetch: Fetch, key: string | null, traceparent?: string): Fetch {
  return limitedFetch(fetch, traceparent, (original) => {
    const headers = new Headers();
    for (const name of SENT) headers.set(name, original.get(name) ?? 'application/json');
    if (key !== null) headers.set('authorization', `Bearer ${key}`);
    return headers;
  });
}

/**
 * Limits the requests of a package of the AI SDK. The headers of its vendor are kept, because each
 * has its own. With `key` null no header with a key is sent.
 */
export function restrictSdkFetch(fetch: Fetch, key: string | null, traceparent?: string): Fetch {
  return limitedFetch(fetch, traceparent, (original) => {
    const headers = new Headers(original);
    if (key === null) for (const name of KEY_HEADERS) headers.delete(name);
    return headers;
  });
}

/**
 * Wraps a fetch. A redirect is not followed, because it could send the conversation anywhere. The
 * size of a body is limited.
 */
function limitedFetch(
  fetch: Fetch,
  traceparent: string | undefined,
  headersOf: (original: Headers) => Headers,
): Fetch {
  return async (input, original) => {
    const form = original?.body instanceof FormData ? original.body : undefined;
    const init = original && form ? await encodeForm(original, form) : original;
    const headers = headersOf(new Headers(init?.headers));
    headers.set('user-agent', 'howdah');
    if (traceparent) headers.set('traceparent', traceparent);
    const response = await fetch(input, { ...init, headers, redirect: 'manual' });
    if (response.body === null) return response;
    const { status, statusText } = response;
    const body = response.body.pipeThrough(limitBytes());
    return new Response(body, { status, statusText, headers: response.headers });
  };
}

/** Encodes a form as bytes, which every `fetch` sends, with the content type of the form. */
async function encodeForm(init: RequestInit, form: FormData): Promise<RequestInit> {
  const encoded = new Response(form);
  const headers = new Headers(init.headers);
  headers.set('content-type', encoded.headers.get('content-type') ?? '');
  return { ...init, headers, body: await encoded.bytes() };
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
