import type { ModelTestReport } from '../../../contracts/agents/model-test.ts';
import type { IssuedSigningKey } from '../../../contracts/secret.ts';
import { type AuditEntry, type AuditFilter, listAuditLog } from '../../../db/access/audit-log.ts';
import { secretRowsOn } from '../../../db/access/secrets.ts';
import { type SigningKeyOf, signingKeyRowsOn } from '../../../db/access/signing-keys.ts';
import { inTenant, type Queryable } from '../../../db/connection/pool.ts';
import { awaitModelTest, startModelTest } from '../../../db/operations/request-model-test.ts';
import { eraseUser } from '../../../db/queries/personal-data.ts';
import { isAnyWorkerAlive } from '../../../db/queries/queries.ts';
import { runSchedule } from '../../../db/queries/schedules.ts';
import { issueSigningKey } from '../../../secrets/signing-keys.ts';
import { createSecretWriter } from '../../../secrets/writer.ts';
import { withDryRun } from '../../input/confirm-option.ts';
import { forTenant, tenantOf } from '../../input/resolve-tenant.ts';
import type { CliIo } from '../../output/output.ts';
import type { Backend } from '../backend.ts';
import { callInDatabase } from '../call-operation.ts';
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
    questions: createDatabaseQuestions(database, tenant),
    log: createDatabaseLog(database, tenant),
    definitions: createDatabaseDefinitions(database, tenant),
    call: callInDatabase(database, tenant),
    settings: (scope) => createDatabaseSettings(database, tenant, scope),
    openChat: (options) => openDatabaseChat(database, options),
    testModel: (name) => testModel(io, database, tenant, name),
    issueSigningKey: (webhookId, rotates) => issueKey(database, tenant, { webhookId, rotates }),
    runSchedule: (id) => forTenant(database, tenant, (client) => runSchedule(client, id)),
    eraseUser: (erasure, isDryRun) =>
      withDryRun(database.pool, isDryRun, (client) => eraseUser(client, erasure)),
    readAuditLog: (filter, most) => readAuditLog(database, tenant, filter, most),
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

/** Generates a signing key with the master key of this process. */
async function issueKey(
  { db, pool, config }: CliDatabase,
  tenant: string | undefined,
  key: SigningKeyOf,
): Promise<IssuedSigningKey> {
  const { masterKeysOf } = await import('../../../bootstrap.ts');
  const { id } = await tenantOf(db, tenant);
  const writer = createSecretWriter(secretRowsOn(pool), masterKeysOf(config));
  return inTenant(pool, id, (client) =>
    issueSigningKey(writer, id, signingKeyRowsOn(client, id, key)),
  );
}

/** Reads the newest entries, page by page, since a page ends after some bytes. */
async function readAuditLog(
  { db, pool }: CliDatabase,
  tenant: string | undefined,
  filter: AuditFilter,
  most: number,
): Promise<readonly AuditEntry[]> {
  const { id } = await tenantOf(db, tenant);
  return inTenant(pool, id, async (client) => {
    const entries: AuditEntry[] = [];
    for (let isCut = true; isCut; ) {
      const from = { before: entries.at(-1)?.seq, limit: most - entries.length };
      const page = await listAuditLog(client, { ...filter, ...from });
      entries.push(...page.rows);
      isCut = page.isCut;
    }
    return entries;
  });
}
