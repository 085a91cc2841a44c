import { followLog } from '../../../db/log/follow-log.ts';
import { type LogFilter, loggedSteps } from '../../../db/log/step-log.ts';
import { notFound, requireExecution, requireSession } from '../../input/resolve-id.ts';
import { tenantOf } from '../../input/resolve-tenant.ts';
import { idOfNamed } from '../../input/run-filters.ts';
import type { LogBackend, LogSelection } from '../backend.ts';
import type { CliDatabase } from '../with-database.ts';

/** Creates the `LogBackend` of a database, for one tenant. */
export function createDatabaseLog(database: CliDatabase, tenant: string | undefined): LogBackend {
  const { db, pool, url } = database;
  const place = { pool, url, noSuchRun: notFound };
  return {
    async select(selection) {
      const filter = await filterOf(database, tenant, selection);
      return {
        read: (since, most) => loggedSteps(db, filter, { since, limit: most }),
        follow: (readShown, signal) => followLog({ ...place, signal }, filter, readShown),
      };
    },
  };
}

async function filterOf(
  database: CliDatabase,
  tenant: string | undefined,
  { id, agent, workflow, session, status, errors }: LogSelection,
): Promise<LogFilter> {
  if (id !== undefined) return { id: await requireExecution(database.db, id), errors };
  const tenantId = tenant === undefined ? undefined : (await tenantOf(database.db, tenant)).id;
  if (session !== undefined) await requireSession(database.db, session, tenantId);
  return {
    ...{ session, status, errors, tenantId },
    agent: await idOfNamed(database, tenant, 'agent', agent),
    workflow: await idOfNamed(database, tenant, 'workflow', workflow),
  };
}
