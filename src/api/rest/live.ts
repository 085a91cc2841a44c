import { liveChildrenOf, runsOf, turnsFrom } from '../../db/followed.ts';
import { whoSees } from '../../db/identity.ts';
import type { Pool } from '../../db/pool.ts';
import { storiesOf, type ToldStep } from '../../db/stories.ts';
import type { FeedHub } from '../feed-hub.ts';
import type { Sight } from '../graphql/sight.ts';
import { createLookup } from '../login/lookup.ts';
import type { Identity } from '../login/verdict.ts';
import { together } from '../together.ts';
import { type Execution, shownExecution } from './execution-rows.ts';
import { noSuch } from './request-refusal.ts';
import type { Live } from './run-events.ts';
import type { SessionLive } from './session-events.ts';

/** What streams are made of, for one caller, who was shown the run or session before. */
export type LiveFor = (identity: Identity) => Live & SessionLive;

export type LiveOptions = { hub: FeedHub; sight: Sight; pool: Pool };

/**
 * Steps come from the feed that all doors share; whatever else a stream asks is asked for all streams together, so a
 * thousand that end at once are no thousand requests.
 */
export function createLive({ hub, sight, pool }: LiveOptions): LiveFor {
  const story = createLookup({
    keyOf: ({ id, seq, after }: ToldStep) => `${id} ${seq} ${after}`,
    ask: (steps) => storiesOf(pool, steps),
  });
  const find = together((ids: string[]) => runsOf<Execution>(pool, ids, shownExecution));
  const childrenOf = together((ids: string[]) => liveChildrenOf(pool, ids));
  const turnFrom = together((places: { id: string; turn: number }[]) => turnsFrom(pool, places));
  const sees = together((watching: Parameters<typeof whoSees>[1][number][]) =>
    whoSees(pool, watching),
  );
  return ({ tenantId, userId, role }) => {
    const isSeen = (id: string) => sees({ tenantId, userId, role, id });
    const seen = <T>(events: AsyncIterableIterator<T>, id: string, one: string) =>
      sight.whileSeen(events, { tenantId, userId, role, id }, () => noSuch(one, id));
    return {
      hub,
      story,
      find,
      isSeen,
      steps: (id, after) => seen(hub.steps(id, after), id, 'execution'),
      messages: (id, after) => seen(hub.messages(id, after), id, 'session'),
      async liveChildren(id) {
        const children = await childrenOf(id);
        const shown = await Promise.all(children.map(isSeen));
        return children.filter((_child, index) => shown[index]);
      },
      turnFrom: (id, turn) => turnFrom({ id, turn }),
    };
  };
}
