import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { beginAlert, checkAlert } from '../../src/db/alerts.ts';
import type { Pool } from '../../src/db/pool.ts';
import { checkAlertPayload } from '../payloads.ts';
import { TenantSlots } from '../tenant-slots.ts';

/** So many rules are asked at once: each holds one of the connections that queries of models need too. */
const AT_ONCE = 3;
/** Whose queries take long waits for them himself. */
const OF_ONE_TENANT = 1;
/** Who finds none of them free comes again. */
const LATER_MS = 1_000;

/**
 * An alert rule is due. It is asked beside the job, since a query may be slow, and wake-ups shall not wait for that; should this
 * process end before, it is asked the next time.
 */
export function checkAlertTask(pools: { pool: Pool; queryPool: Pool }, log: Logger): Task {
  const { pool, queryPool } = pools;
  const slots = new TenantSlots(AT_ONCE, OF_ONE_TENANT);
  return async (payload, { addJob }) => {
    const { id, tenant_id } = checkAlertPayload.parse(payload);
    if (!slots.enter(tenant_id, id)) {
      const runAt = new Date(Date.now() + LATER_MS);
      await addJob('check_alert', { id, tenant_id }, { jobKey: `alert ${id}`, runAt });
      return;
    }
    const rule = await beginAlert(pool, { id, tenant_id }).catch((error: unknown) => {
      slots.leave(tenant_id, id);
      throw error;
    });
    if (!rule) {
      slots.leave(tenant_id, id);
      return;
    }
    void checkAlert(pool, queryPool, rule)
      .catch((err) =>
        log.warn({ err, alert_rule_id: id, tenant_id }, 'an alert rule was not asked'),
      )
      .finally(() => slots.leave(tenant_id, id));
  };
}
