import type { Readable } from 'node:stream';
import type { RunError } from '../../contracts/errors.ts';
import type { Egress } from '../egress.ts';

export type GuardedFetchOptions = {
  /** Calls a request off that has no signal of its own. */
  signal: AbortSignal;
  /** Of one answer's body, after decompression. */
  maxBytes: number;
  /** Is told why a request was not sent, or broke: some clients wrap what a fetch throws, and lose its cause. */
  refused?(error: RunError): void;
  /** Is told that the body of an answer broke off. */
  broke?(method: string): void;
};

const WITHOUT_BODY = [204, 205, 304];

/** `fetch` for vendors' clients, whose requests go out under guard; a redirect is handed back as the answer. */
export function guardedFetch(egress: Egress, options: GuardedFetchOptions): typeof fetch {
  return async (input, init = {}) => {
    const outcome = await egress.open({
      url: input instanceof Request ? input.url : String(input),
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: (init.body ?? undefined) as string | undefined,
      signal: init.signal ?? options.signal,
      redirect: 'manual',
      maxBytes: options.maxBytes,
    });
    if (!outcome.ok) {
      options.refused?.(outcome.error);
      throw new TypeError(outcome.error.message, { cause: outcome.error });
    }
    const { status, headers, body } = outcome.value;
    if (WITHOUT_BODY.includes(status)) {
      body.destroy();
      return new Response(null, { status, headers });
    }
    const broke = () => options.broke?.(init.method ?? 'GET');
    return new Response(streamOf(body, broke), { status, headers });
  };
}

/** What is cancelled by its reader has not broken. */
function streamOf(body: Readable, broke: () => void): ReadableStream {
  const chunks = body[Symbol.asyncIterator]();
  let isCancelled = false;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        if (isCancelled) return;
        broke();
        controller.error(error);
      }
    },
    cancel() {
      isCancelled = true;
      body.destroy();
    },
  });
}
