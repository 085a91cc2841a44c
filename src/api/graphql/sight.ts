import { type Watching, whoSees } from '../../db/identity.ts';
import type { Pool } from '../../db/pool.ts';
import { createLookup, FRESH_MS } from '../login/lookup.ts';

/** Judges those who follow something again and again, as sockets are: what was granted may be taken away. */
export type Sight = {
  /** The events for as long as he may see them; then `next()` rejects with `gone`. */
  whileSeen<T>(
    events: AsyncIterableIterator<T>,
    watching: Watching,
    gone: () => Error,
  ): AsyncIterableIterator<T>;
  close(): void;
};

type Follower = { watching: Watching; end(): void };

/** Asks the database about all followers at once. `onShown` is told whom something was given. */
export function createSight(pool: Pool, onShown: (watching: Watching) => void = () => {}): Sight {
  const followers = new Set<Follower>();
  const sees = createLookup({
    keyOf: ({ tenantId, userId, role, id }: Watching) => `${tenantId} ${userId} ${role} ${id}`,
    ask: (all) => whoSees(pool, all),
  });
  const sweep = async () => {
    const checks = [...followers].map(async (follower) => {
      if (!(await sees(follower.watching))) follower.end();
    });
    await Promise.allSettled(checks); // a lost database lets nobody in, and cuts nobody off
  };
  const timer = setInterval(sweep, FRESH_MS);
  return {
    whileSeen(events, watching, gone) {
      let isGone = false;
      const end = () => {
        isGone = true;
        followers.delete(follower);
        void events.return?.();
      };
      const follower = { watching, end };
      followers.add(follower);
      return {
        [Symbol.asyncIterator]() {
          return this;
        },
        async next() {
          const item = await events.next();
          if (isGone) throw gone();
          if (item.done) followers.delete(follower);
          else onShown(watching);
          return item;
        },
        async return() {
          followers.delete(follower);
          return (await events.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
    close: () => clearInterval(timer),
  };
}
