import type { ServerResponse } from 'node:http';
import type { IsActiveAccount } from '../login/account-status.ts';
import type { Identity, Refusal } from '../login/auth-result.ts';
import { evictExpired } from '../login/evict-expired.ts';
import { whenClosed } from './connection-draining.ts';
import type { StreamLimits } from './stream-limits.ts';

/** Why somebody is not waited for any more: he hung up, the server closes, or he may not be here any longer. */
export type Leaving = 'gone' | 'closing' | Refusal;

/** An answer that takes as long as its run does. The reason of its signal is a `Leaving`. */
export type OpenRequest = { signal: AbortSignal; release(): void };

export type OpenRequests = {
  /** Begins a wait. Throws as `StreamLimits` does when the caller has too many open. */
  begin(response: ServerResponse, identity: Identity): OpenRequest;
  /** Ends all of them. */
  close(): void;
};

/** Keeps an eye on all who wait: those whose token or key has ended are told so, as on a socket. */
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
      const leave = () => leaving.abort('gone' satisfies Leaving);
      whenClosed(response, leave);
      open.set(leaving, identity);
      return {
        signal: leaving.signal,
        release() {
          uncount();
          open.delete(leaving);
          response.off('close', leave);
        },
      };
    },
    close() {
      endSweep();
      for (const leaving of open.keys()) leaving.abort('closing' satisfies Leaving);
    },
  };
}
