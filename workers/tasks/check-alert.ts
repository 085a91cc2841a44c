import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { beginAlert, checkAlert } from '../../src/db/operations/alerts.ts';
import type { QueryPool } from '../../src/db/sql-tools/query-pool.ts';
import { FairTaskQueue } from '../fair-task-queue.ts';
import { checkAlertPayload } from '../payloads.ts';

/**
 * Rules that are checked at the same time. Each takes a place of the queries of models, and a
 * tenant with slow queries waits for its own.
 */
const ROOM = { atOnce: 3, ofOneTenant: 1 };

/**
 * Creates the task that checks an alert rule that is due. The rule is checked outside of the job,
 * because a query may be slow and must not delay wake-ups. If this process ends before, the rule is
 * checked the next time.
 */
export function checkAlertTask(
  { pool, queries }: { pool: Pool; queries: QueryPool },
  log: Logger,
): Task {
  const line = new FairTaskQueue(
    ROOM,
    {
      begin: (rule) => beginAlert(pool, rule),
      go: (rule) => checkAlert(pool, queries, rule),
    },
    (err, { id, tenant_id }) =>
      log.warn({ err, alert_rule_id: id, tenant_id }, 'an alert rule could not be checked'),
  );
  return async (payload, { addJob }) => {
    const { id, tenant_id } = checkAlertPayload.parse(payload);
    const runAt = await line.submit({ id, tenant_id });
    if (runAt) await addJob('check_alert', { id, tenant_id }, { jobKey: `alert ${id}`, runAt });
  };
}
