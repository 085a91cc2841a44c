import type { ServerResponse } from 'node:http';
import type { IsActiveAccount } from '../login/account-status.ts';
import type { Identity, LoginRefusal } from '../login/auth-result.ts';
import { evictExpired } from '../login/evict-expired.ts';
import { whenClosed } from './connection-draining.ts';
import type { StreamLimits } from './stream-limits.ts';

/**
 * The reason why a request is no longer waited for: the client disconnected, the server closes, or
 * the login of the caller is no longer valid.
 */
export type Leaving = 'gone' | 'closing' | LoginRefusal;

/** A request whose answer takes as long as its run. The reason of its signal is a `Leaving`. */
export type OpenRequest = { signal: AbortSignal; release(): void };

export type OpenRequests = {
  /** Begins a wait. Throws as `StreamLimits` does when the caller has too many open. */
  begin(response: ServerResponse, identity: Identity): OpenRequest;
  /** Ends all waits. */
  close(): void;
};

/**
 * Creates the set of requests that wait for a run. When a token or key has ended, its requests end
 * with the refusal, as sockets do.
 */
export function createOpenRequests({
  exists,
  limits,
}: {
  exists: IsActiveAccount;
  limits: StreamLimits;
}): OpenRequests {
  const open = new Map<AbortController, Identity>();
  const endSweep = evictExpired(exists, () =>
    [...open].map(([leaving, identity]) => ({
      identity,
      leave: (refusal) => leaving.abort(refusal),
    })),
  );
  return {
    begin(response, identity) {
      const uncount = limits.open(identity);
      const leaving = new AbortController();
      const unwatch = whenClosed(response, () => leaving.abort('gone' satisfies Leaving));
      open.set(leaving, identity);
      return {
        signal: leaving.signal,
        release() {
          uncount();
          open.delete(leaving);
          unwatch();
        },
      };
    },
    close() {
      endSweep();
      for (const leaving of open.keys()) leaving.abort('closing' satisfies Leaving);
    },
  };
}
