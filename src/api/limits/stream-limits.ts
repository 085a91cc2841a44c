import { HowdahError } from '../../contracts/errors.ts';
import { BUSY } from '../http/request-queue.ts';
import type { ServerLimits } from '../http/server-limits.ts';
import type { Identity } from '../login/auth-result.ts';
import { isLoggedIn } from '../login/expiry.ts';

/**
 * Counts open streams: event streams, sockets, subscriptions on sockets, and answers that a client
 * waits for. All endpoints share one count, so that the limit of a tenant or user holds for all of
 * them together.
 */
export type StreamLimits = {
  /** True when no further connection may be opened. */
  readonly isFull: boolean;
  /**
   * Counts one more stream. The result ends the count and may be called more than once. Throws
   * `HWQTA` when the tenant or user of the caller has too many, and `53300` when the server has.
   */
  open(identity: Identity, kind?: StreamKind): () => void;
};

/**
 * A kind of stream. A subscription shares the connection of its socket, so only the limit of the
 * server ignores it.
 */
export type StreamKind = 'connection' | 'subscription';

/**
 * Creates the count. Without a login there is one tenant and no user, so only the limit of the
 * server applies.
 */
export function createStreamLimits({
  sockets,
  tenantStreams,
  userStreams,
}: Pick<ServerLimits, 'sockets' | 'tenantStreams' | 'userStreams'>): StreamLimits {
  const tenants = new Counts();
  const users = new Counts();
  let all = 0;
  const check = (identity: Identity, kind: StreamKind = 'connection') => {
    const { tenantId, userId } = identity;
    if (isLoggedIn(identity)) {
      if (userId !== undefined && users.of(userId) >= userStreams) {
        throw tooMany('user', userStreams);
      }
      if (tenants.of(tenantId) >= tenantStreams) throw tooMany('tenant', tenantStreams);
    }
    if (kind === 'connection' && all >= sockets) {
      const message = `the server has reached its limit of ${sockets} open streams; try again later`;
      throw new HowdahError(BUSY, message, {
        hint: 'Close unused streams, or start more API processes.',
      });
    }
  };
  return {
    get isFull() {
      return all >= sockets;
    },
    open(identity, kind = 'connection') {
      check(identity, kind);
      const { tenantId, userId } = identity;
      const connections = kind === 'connection' ? 1 : 0;
      all += connections;
      tenants.add(tenantId, 1);
      if (userId !== undefined) users.add(userId, 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        all -= connections;
        tenants.add(tenantId, -1);
        if (userId !== undefined) users.add(userId, -1);
      };
    },
  };
}

const VARIABLES = { tenant: 'HOWDAH_TENANT_STREAMS', user: 'HOWDAH_USER_STREAMS' };

function tooMany(scope: 'tenant' | 'user', most: number): HowdahError {
  const message = `the ${scope} has reached its limit of ${most} open streams, sockets, subscriptions and waits per API process`;
  return new HowdahError('HWQTA', message, {
    hint: `Close some of them. An operator raises the bound with ${VARIABLES[scope]}.`,
    detail: { limit: 'streams', scope, most },
  });
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
