import type { ModelTestReport } from '../../../contracts/agents/model-test.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { awaitModelTest, startModelTest } from '../../../db/operations/request-model-test.ts';
import { isAnyWorkerAlive } from '../../../db/queries/queries.ts';
import { forTenant } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import type { Backend } from '../backend.ts';
import { callInDatabase } from '../call-operation.ts';
import type { CliDatabase } from '../with-database.ts';
import { openDatabaseChat } from './database-chat.ts';
import { createDatabaseDefinitions } from './database-definitions.ts';
import { createDatabaseLog } from './database-log.ts';
import { createDatabaseQuestions } from './database-questions.ts';
import { createDatabaseRuns } from './database-runs.ts';
import { withInlineWorker } from './inline-worker.ts';

/** Creates the backend for a tenant of a database, by default the tenant of the login. */
export function createDatabaseBackend(
  io: CliIo,
  database: CliDatabase,
  tenant: string | undefined,
): Backend {
  return {
    runs: createDatabaseRuns(database, tenant),
    questions: createDatabaseQuestions(database, tenant),
    log: createDatabaseLog(database, tenant),
    definitions: createDatabaseDefinitions(database, tenant),
    call: callInDatabase(database, tenant),
    openChat: (options) => openDatabaseChat(database, options),
    testModel: (name) => testModel(io, database, tenant, name),
    isAnyWorkerAlive: () => isAnyWorkerAlive(database.db),
    withWorker: (work) => withInlineWorker(io, database, work),
  };
}

/** Tests a model with a worker of the database, or with one in this process. */
function testModel(
  io: CliIo,
  database: CliDatabase,
  tenant: string | undefined,
  name: string,
): Promise<ModelTestReport> {
  const asTenant = <T>(work: (client: Queryable) => Promise<T>) =>
    forTenant(database, tenant, work);
  return withInlineWorker(io, database, async () =>
    awaitModelTest(await asTenant((client) => startModelTest(client, name)), asTenant),
  );
}
