import type { Pool } from '../../db/connection/pool.ts';
import type { Replica, ReplicaTrouble } from '../../db/connection/replica.ts';
import { schemaProbe } from '../../db/schema/readiness.ts';
import type { Check, Readiness } from '../../telemetry/readiness.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { RequestQueue } from '../http/request-queue.ts';

type Parts = {
  pool: Pool;
  hub: FeedHub;
  requestQueue: RequestQueue;
  replica: Pick<Replica, 'trouble'> | undefined;
};

/** Adds the checks of what an API needs for its requests. */
export function watchReadiness(
  readiness: Readiness,
  { pool, hub, requestQueue, replica }: Parts,
): void {
  readiness.watch(schemaProbe(pool));
  readiness.watch(() => [
    {
      name: 'listener',
      ok: hub.isListening,
      ...(hub.isListening ? {} : { reason: NOT_LISTENING }),
    },
    {
      name: 'pool',
      ok: !requestQueue.isFull,
      ...(requestQueue.isFull ? { reason: QUEUE_FULL } : {}),
    },
    ...(replica ? [checkOf(replica)] : []),
  ]);
}

const NOT_LISTENING = 'The connection for live streams is lost and will be opened again.';
const QUEUE_FULL = 'The queue of requests is full; further requests are rejected.';

/**
 * Returns the check of the replica. A replica in trouble does not make the server unready, because
 * the primary answers instead.
 */
function checkOf({ trouble }: Pick<Replica, 'trouble'>): Check {
  return { name: 'replica', ok: true, ...(trouble ? { reason: TROUBLES[trouble] } : {}) };
}

const TROUBLES: Readonly<Record<ReplicaTrouble, string>> = {
  away: 'The replica cannot be reached; reads go to the primary.',
  lagging: 'The replica is far behind; reads go to the primary.',
  promoted: 'The replica is no longer a standby; reads go to the primary.',
  foreign: 'The replica belongs to another server; reads go to the primary.',
};
