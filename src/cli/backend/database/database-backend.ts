import { isAnyWorkerAlive } from '../../../db/queries/queries.ts';
import type { CliIo } from '../../output/output.ts';
import type { Backend } from '../backend.ts';
import type { CliDatabase } from '../with-database.ts';
import { openDatabaseChat } from './database-chat.ts';
import { createDatabaseDefinitions } from './database-definitions.ts';
import { createDatabaseLog } from './database-log.ts';
import { createDatabaseQuestions } from './database-questions.ts';
import { createDatabaseRuns } from './database-runs.ts';
import { createDatabaseSettings } from './database-settings.ts';
import { withInlineWorker } from './inline-worker.ts';

/** Creates the backend for a tenant of a database, by default the tenant of the login. */
export function createDatabaseBackend(
  io: CliIo,
  database: CliDatabase,
  tenant: string | undefined,
): Backend {
  return {
    runs: createDatabaseRuns(database, tenant),
    questions: createDatabaseQuestions(database),
    log: createDatabaseLog(database, tenant),
    definitions: createDatabaseDefinitions(database, tenant),
    settings: (scope) => createDatabaseSettings(database, tenant, scope),
    openChat: (options) => openDatabaseChat(database, options),
    isAnyWorkerAlive: () => isAnyWorkerAlive(database.db),
    withWorker: (work) => withInlineWorker(io, database, work),
  };
}
