import { visibleTo, type Watching } from '../../../db/access/subjects.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { createCachedLoader, FRESH_MS } from '../../login/cached-loader.ts';

/**
 * A guard that checks at an interval whether followers may still see the rows, since access may be
 * revoked. Sockets are checked in the same way.
 */
export type VisibilityGuard = {
  /** Passes events on for as long as the caller may see them. Then `next()` rejects with `gone`. */
  whileVisible<T>(
    events: AsyncIterableIterator<T>,
    watching: Watching,
    gone: () => Error,
  ): AsyncIterableIterator<T>;
  close(): void;
};

/**
 * Followers of the same rows with the same rights. `ends` has a function for each follower that
 * ends it.
 */
type Followers = { watching: Watching; ends: Set<() => void> };

/**
 * Creates the guard. It checks all followers in one query. `onShown` is called for each event that
 * a follower gets.
 */
export function createVisibilityGuard(
  pool: Pool,
  onShown: (watching: Watching) => void = () => {},
): VisibilityGuard {
  const followed = new Map<string, Followers>();
  const sees = createCachedLoader({ keyOf, ask: (all) => visibleTo(pool, all) });
  const sweep = async () => {
    // Check once for all followers of a run, because each check allocates, and a thousand run in
    // one turn.
    const checks = Array.from(followed.values(), async ({ watching, ends }) => {
      if (await sees(watching)) return;
      for (const end of [...ends]) end();
    });
    await Promise.allSettled(checks); // a lost database disconnects no caller
  };
  /** Adds a follower. Returns a function that removes the follower. */
  const follow = (watching: Watching, end: () => void): (() => void) => {
    const key = keyOf(watching);
    const same = followed.get(key) ?? { watching, ends: new Set() };
    followed.set(key, same);
    same.ends.add(end);
    return () => {
      same.ends.delete(end);
      if (same.ends.size === 0 && followed.get(key) === same) followed.delete(key);
    };
  };
  const timer = setInterval(sweep, FRESH_MS);
  return {
    whileVisible(events, watching, gone) {
      let isGone = false;
      const leave = follow(watching, () => {
        isGone = true;
        leave();
        void events.return?.();
      });
      return {
        [Symbol.asyncIterator]() {
          return this;
        },
        async next() {
          const item = await events.next();
          if (isGone) throw gone();
          if (item.done) leave();
          else onShown(watching);
          return item;
        },
        async return() {
          leave();
          return (await events.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
    close: () => clearInterval(timer),
  };
}

function keyOf({ tenantId, userId, role, id }: Watching): string {
  return `${tenantId} ${userId} ${role} ${id}`;
}
