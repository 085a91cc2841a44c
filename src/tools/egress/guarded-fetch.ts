import type { Readable } from 'node:stream';
import type { RunError } from '../../contracts/errors.ts';
import type { HostPattern } from '../../network/host-pattern.ts';
import type { Egress } from '../egress.ts';
import { egressFailure } from './failures.ts';

export type GuardedFetchOptions = {
  /** Aborts requests without a signal of their own. */
  signal: AbortSignal;
  /** The largest body of an answer, after decompression. */
  maxBytes: number;
  /** Hosts that may be reached although they are not public. */
  allowPrivate?: readonly HostPattern[] | undefined;
  /**
   * Receives the error of a request that was rejected or failed. Some clients wrap the errors of
   * `fetch` and lose their cause.
   */
  onRejected?(error: RunError): void;
  /** Reports that the body of an answer broke off or is too large. */
  onBroken?(method: string, error: RunError): void;
};

const WITHOUT_BODY = [204, 205, 304];

/** Creates a guarded `fetch` for vendors' clients. A redirect is returned as the answer. */
export function guardedFetch(egress: Egress, options: GuardedFetchOptions): typeof fetch {
  return async (input, init = {}) => {
    const signal = init.signal ?? options.signal;
    const outcome = await egress.open({
      url: input instanceof Request ? input.url : String(input),
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: (init.body ?? undefined) as string | undefined,
      signal,
      redirect: 'manual',
      maxBytes: options.maxBytes,
      allowPrivate: options.allowPrivate,
    });
    if (!outcome.ok) {
      options.onRejected?.(outcome.error);
      throw new TypeError(outcome.error.message, { cause: outcome.error });
    }
    const { url, status, headers, body } = outcome.value;
    if (WITHOUT_BODY.includes(status)) {
      body.destroy();
      return new Response(null, { status, headers });
    }
    const onBroken = (error: unknown) => {
      const { hostname } = new URL(url);
      options.onBroken?.(init.method ?? 'GET', egressFailure(error, hostname, signal).error);
    };
    return new Response(streamOf(body, onBroken), { status, headers });
  };
}

/** Converts a body to a web stream. A stream that its reader cancels is not reported as broken. */
function streamOf(body: Readable, onBroken: (error: unknown) => void): ReadableStream {
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
        onBroken(error);
        controller.error(error);
      }
    },
    cancel() {
      isCancelled = true;
      body.destroy();
    },
  });
}
