import type { Pool } from '../../db/connection/pool.ts';
import type { Replica, ReplicaTrouble } from '../../db/connection/replica.ts';
import { schemaProbe } from '../../db/schema/readiness.ts';
import type { Check, Readiness } from '../../telemetry/readiness.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { Admission } from '../http/admission.ts';

type Parts = {
  pool: Pool;
  hub: FeedHub;
  admission: Admission;
  replica: Pick<Replica, 'trouble'> | undefined;
};

/** Adds the checks of what an API needs for its requests. */
export function watchReadiness(
  readiness: Readiness,
  { pool, hub, admission, replica }: Parts,
): void {
  readiness.watch(schemaProbe(pool));
  readiness.watch(() => [
    { name: 'listener', ok: hub.isListening, ...(hub.isListening ? {} : { reason: DEAF }) },
    { name: 'pool', ok: !admission.isFull, ...(admission.isFull ? { reason: FULL } : {}) },
    ...(replica ? [checkOf(replica)] : []),
  ]);
}

const DEAF = 'The connection that live streams listen on is lost; it is opened again each moment.';
const FULL = 'As many requests wait as may: the next one would be refused.';

/**
 * Returns the check of the replica. A replica in trouble does not make the server unready, because
 * the primary answers instead.
 */
function checkOf({ trouble }: Pick<Replica, 'trouble'>): Check {
  return { name: 'replica', ok: true, ...(trouble ? { reason: TROUBLES[trouble] } : {}) };
}

const TROUBLES: Readonly<Record<ReplicaTrouble, string>> = {
  away: 'The replica cannot be reached: the primary answers what is read.',
  lagging: 'The replica is far behind: the primary answers what is read.',
  promoted: 'The replica is no standby any more: the primary answers what is read.',
  foreign: 'The replica is one of another server: the primary answers what is read.',
};
