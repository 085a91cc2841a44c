import { guardedFetch } from '../egress/guarded-fetch.ts';
import type { Egress } from '../egress.ts';

/** The time for one step with an authorization server, and the largest of its answers. */
const ANSWER_MS = 15_000;
const MAX_BYTES = 256 * 1024;

/** A `fetch` of the OAuth client. */
export type OAuthFetch = typeof fetch;

/**
 * Creates the `fetch` of the OAuth client. Every URL comes from a row of a tenant or from a foreign
 * server, so every request passes the guard of outgoing requests. The client follows redirects
 * within an origin itself, each through the guard again.
 */
export function oauthFetch(egress: Egress): OAuthFetch {
  return (input, init = {}) => {
    const signal = init.signal ?? AbortSignal.timeout(ANSWER_MS);
    const body = init.body instanceof URLSearchParams ? init.body.toString() : init.body;
    const guarded = guardedFetch(egress, { signal, maxBytes: MAX_BYTES });
    return guarded(input, { ...init, signal, ...(body != null && { body }) });
  };
}
