import type { BuiltinTool } from '../src/contracts/agents/tool.ts';
import type { AccountUpkeep } from '../src/contracts/connected-account.ts';
import { accountRowsOn } from '../src/db/access/connected-accounts.ts';
import { secretRowsOn } from '../src/db/access/secrets.ts';
import { missingSigningKeyOn } from '../src/db/access/signing-keys.ts';
import { MAX_CONNECTIONS } from '../src/db/connection/connection-limits.ts';
import { decryptableFor } from '../src/db/connection/decrypt-run-rows.ts';
import type { Pool } from '../src/db/connection/pool.ts';
import { createExternalReader } from '../src/db/external-database/reader.ts';
import { loadResource } from '../src/db/files/load-resource.ts';
import { runFilesOn } from '../src/db/files/run-files.ts';
import { mcpRowsOn } from '../src/db/mcp/servers.ts';
import { describeTables } from '../src/db/query-analysis/describe-tables.ts';
import { answerCacheOn, toolAnswerCacheOn } from '../src/db/runs/answer-cache.ts';
import { resolveModel } from '../src/db/runs/models.ts';
import { hasRunEnded } from '../src/db/runs/runs.ts';
import { createQueryPool, type QueryPool } from '../src/db/sql-tools/query-pool.ts';
import { querySettings } from '../src/db/sql-tools/query-settings.ts';
import { withSecrets } from '../src/providers/with-secret.ts';
import {
  type RuntimeDependencies,
  sleep,
} from '../src/runtime/environment/runtime-dependencies.ts';
import { MAX_ATTACHMENT_BYTES } from '../src/runtime/messages/resolve-attachments.ts';
import { createContentDecryptor } from '../src/secrets/contents.ts';
import { isEncrypted } from '../src/secrets/encrypted-values.ts';
import { noMasterKeys } from '../src/secrets/master-keys.ts';
import { createDocumentSealer } from '../src/secrets/oauth-documents.ts';
import { createSecretReader } from '../src/secrets/reader.ts';
import { keepSigningKey } from '../src/secrets/signing-keys.ts';
import { createSecretWriter } from '../src/secrets/writer.ts';
import { tapSecrets } from '../src/telemetry/tap-secrets.ts';
import { customTools } from '../src/tools/custom/custom-tools.ts';
import { createEgress, type Egress } from '../src/tools/egress.ts';
import { createLazyMcpClient } from '../src/tools/mcp/lazy-mcp-client.ts';
import type { McpClient } from '../src/tools/mcp/mcp-client.ts';
import type { McpServer } from '../src/tools/mcp/server.ts';
import { createLazyAccessTokens } from '../src/tools/oauth/lazy-access-tokens.ts';
import { sqlQueryTool } from '../src/tools/sql-query.ts';
import {
  createSender,
  type DeliveryResult,
  type WebhookDelivery,
} from '../src/tools/webhooks/send.ts';
import type { WorkerPools } from './pools.ts';
import type { McpAccess, WorkerOptions } from './worker-options.ts';

const { worker: MOST } = MAX_CONNECTIONS;

/** The access of a worker for which none is set: the public internet, and no commands. */
const PUBLIC_ACCESS: McpAccess = {
  egress: createEgress({ allowPrivate: [] }),
  commands: [],
  environment: {},
};

/** The resources that runs and tasks of a worker share. */
export type WorkerDependencies = {
  /** The environment of each run. `customTools` may be replaced while the worker runs. */
  runs: RuntimeDependencies;
  mcp: McpClient;
  accounts: AccountUpkeep;
  queries: QueryPool;
  /** Sends a delivery to a webhook. */
  send(delivery: WebhookDelivery): Promise<DeliveryResult>;
};

/** Creates the resources of a worker on its pools. */
export function createDependencies(
  options: WorkerOptions,
  { pool, sqlToolPool, queryPool }: WorkerPools,
): WorkerDependencies {
  const access = options.mcp ?? PUBLIC_ACCESS;
  const readSecret = tapSecrets(
    createSecretReader(secretRowsOn(pool), options.masterKeys ?? noMasterKeys),
    options.onSecret,
  );
  const decryptFor = contentReader(pool, options);
  const rows = mcpRowsOn<McpServer>(pool);
  const accounts = createLazyAccessTokens({
    ...{ rows: accountRowsOn(pool), egress: access.egress, readSecret },
    sealer: createDocumentSealer(secretRowsOn(pool), options.masterKeys ?? noMasterKeys),
    onSecret: options.onSecret,
  });
  const mcp = createLazyMcpClient({ ...access, rows, readSecret, accounts, log: options.log });
  const queries = createQueryPool(queryPool, MOST.queries);
  const builtins = [...options.builtins, createSqlQuery(queryPool, queries, access.egress)];
  const readFile = fileReader(pool, options);
  const runs: RuntimeDependencies = {
    provider: withSecrets(options.provider, readSecret),
    answerCache: answerCacheOn(pool),
    toolAnswerCache: toolAnswerCacheOn(pool),
    customTools: customTools(options.tools),
    builtins: new Map(builtins.map((tool) => [tool.name, tool])),
    mcp,
    sqlToolPool,
    queries,
    querySettings: (tenantId) => querySettings(pool, tenantId),
    hooks: options.hooks ?? {},
    readSecret,
    accounts,
    modelNamed: (tenantId, name) => resolveModel(pool, tenantId, name),
    loadResource: readFile,
    filesOf: runFilesOn(pool, readFile),
    decryptFor,
    hasRunEnded: (executionId) => hasRunEnded(pool, executionId),
    random: Math.random,
    sleep,
  };
  const readBody = bodyReader(decryptFor);
  const generateKey = keyGenerator(pool, options);
  const send = createSender({ egress: access.egress, readSecret, readBody, generateKey });
  return { runs, mcp, accounts, queries, send };
}

/** Returns the function that loads a resource of a tenant. */
function fileReader(
  pool: Pool,
  { resourceFolder: folder }: WorkerOptions,
): RuntimeDependencies['loadResource'] {
  return (tenantId, id) =>
    loadResource(pool, tenantId, id, { folder, maxBytes: MAX_ATTACHMENT_BYTES });
}

/** Returns the function that decrypts contents for a run. */
function contentReader(
  pool: Pool,
  { masterKeys = noMasterKeys }: WorkerOptions,
): RuntimeDependencies['decryptFor'] {
  const decrypt = createContentDecryptor(secretRowsOn(pool), masterKeys);
  return (executionId, value, which) => decrypt(value, decryptableFor(pool, executionId, which));
}

/** Returns the function that decrypts the body of a delivery. */
function bodyReader(decryptFor: RuntimeDependencies['decryptFor']) {
  return async ({ execution_id, body }: WebhookDelivery): Promise<string | undefined> => {
    if (execution_id === null || !isEncrypted(body)) return body;
    const plain = await decryptFor(execution_id, body);
    return isEncrypted(plain) ? undefined : plain;
  };
}

/** Returns the function that generates the signing key of a delivery without one. */
function keyGenerator(pool: Pool, { masterKeys = noMasterKeys }: WorkerOptions) {
  const writer = createSecretWriter(secretRowsOn(pool), masterKeys);
  return async ({ tenant_id, webhook_id }: WebhookDelivery): Promise<string[]> => {
    const rows = missingSigningKeyOn(pool, tenant_id, webhook_id);
    await keepSigningKey(writer, tenant_id, rows);
    return rows.names();
  };
}

/** Creates the tool that queries this database and others. */
function createSqlQuery(queryPool: Pool, queries: QueryPool, egress: Egress): BuiltinTool {
  return sqlQueryTool(
    {
      rows: queries.rows,
      tables: (request, names) => describeTables(queries.readOurs, request, names),
    },
    createExternalReader(queryPool, (host, port, signal) => egress.addresses(host, port, signal)),
  );
}
