import { type ParsedCronItem, parseCronItems, type TaskList } from 'graphile-worker';
import type { Logger } from 'pino';
import type { TestedModel } from '../src/contracts/agents/model-test.ts';
import type { AccountUpkeep } from '../src/contracts/connected-account.ts';
import type { Pool } from '../src/db/connection/pool.ts';
import { mcpRowsOn } from '../src/db/mcp/servers.ts';
import type { MonthOptions } from '../src/db/retention/drop-months.ts';
import type { QueryPool } from '../src/db/sql-tools/query-pool.ts';
import { deliveriesOn } from '../src/db/worker/delivery-attempts.ts';
import { modelTestsOn } from '../src/db/worker/model-tests.ts';
import type { RuntimeDependencies } from '../src/runtime/environment/runtime-dependencies.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import type { McpClient } from '../src/tools/mcp/mcp-client.ts';
import type { McpServer } from '../src/tools/mcp/server.ts';
import type { DeliveryResult, WebhookDelivery } from '../src/tools/webhooks/send.ts';
import { accountTask } from './tasks/account.ts';
import { admitTask } from './tasks/admit.ts';
import { advanceTask } from './tasks/advance.ts';
import { type AuditAnchor, auditCheckpointsTask } from './tasks/audit-checkpoints.ts';
import { checkAlertTask } from './tasks/check-alert.ts';
import { deliverTask } from './tasks/deliver.ts';
import { deliverMailTask } from './tasks/deliver-mail.ts';
import { discoverToolsTask } from './tasks/discover-tools.ts';
import { executionCompleteTask } from './tasks/execution-complete.ts';
import { extractMemoriesTask } from './tasks/extract-memories.ts';
import { gradeByRuleTask } from './tasks/grade-by-rule.ts';
import { embedQueryTask } from './tasks/knowledge/embed-query.ts';
import { rerankQueryTask } from './tasks/knowledge/rerank-query.ts';
import { indexVectorsTask } from './tasks/nightly/index-vectors.ts';
import { partitionsTask } from './tasks/nightly/partitions.ts';
import { retentionTask } from './tasks/nightly/retention.ts';
import { recountLimitTask } from './tasks/recount-limit.ts';
import { testModelTask } from './tasks/test-model.ts';
import { writeBackTask } from './tasks/write-back.ts';

/** Returns all tasks by job name. */
export function taskList(
  runtime: Runtime,
  pools: { pool: Pool; sqlToolPool: Pool; queries: QueryPool },
  ready: Promise<void>,
  audit: { anchor: AuditAnchor; log: Logger },
  mcp: McpClient,
  accounts: AccountUpkeep,
  send: (delivery: WebhookDelivery) => Promise<DeliveryResult>,
  months: MonthOptions,
  { provider }: Pick<RuntimeDependencies, 'provider'>,
): TaskList {
  return {
    admit: admitTask(pools.pool),
    advance: advanceTask(pools.pool, runtime, ready),
    audit_checkpoints: auditCheckpointsTask(pools.pool, audit.anchor, audit.log),
    check_alert: checkAlertTask(pools, audit.log),
    deliver_mail: deliverMailTask(pools.pool),
    deliver: deliverTask(deliveriesOn(pools.pool), send, audit.log),
    deliver_reply: deliverTask(deliveriesOn(pools.pool), send, audit.log, 'deliver_reply'),
    discover_tools: discoverToolsTask(mcp, mcpRowsOn<McpServer>(pools.pool).begin),
    embed_query: embedQueryTask(pools.pool, provider, audit.log),
    execution_complete: executionCompleteTask(pools.sqlToolPool),
    extract_memories: extractMemoriesTask(pools.pool),
    grade_by_rule: gradeByRuleTask(pools.pool, audit.log),
    index_vectors: indexVectorsTask(pools.pool, { url: months.url }, audit.log),
    partitions: partitionsTask(pools.pool, audit.log),
    recount_limit: recountLimitTask(pools.pool),
    refresh_account: accountTask('refresh_account', accounts.refresh, audit.log),
    rerank_query: rerankQueryTask(pools.pool, provider, audit.log),
    retention: retentionTask(pools.pool, months, audit.log),
    revoke_account: accountTask('revoke_account', accounts.revoke, audit.log),
    test_model: testModelTask(modelTestsOn<TestedModel>(pools.pool), provider, audit.log),
    write_back: writeBackTask(pools.pool),
  };
}

/**
 * Returns the tasks without wake-ups, for a worker with a scope. Other workers take the wake-ups,
 * since most belong to runs outside of the scope.
 */
export function withoutWakeUps({ advance: _, ...others }: TaskList): TaskList {
  return others;
}

const DAY_MS = 86_400_000;

/** Returns the jobs that begin at fixed times. One worker does each. */
export function cronItems(): ParsedCronItem[] {
  return parseCronItems([
    { task: 'index_vectors', match: '7 2 * * *', identifier: 'index_vectors' },
    {
      task: 'partitions',
      match: '17 3 * * *',
      identifier: 'partitions',
      // Workers that were off last night do it when they start.
      options: { backfillPeriod: DAY_MS },
    },
    {
      task: 'retention',
      match: '41 3 * * *',
      identifier: 'retention',
      // Retry for half an hour. Then the alert jobs_given_up fires. The next night starts anew.
      options: { maxAttempts: 8 },
    },
    { task: 'audit_checkpoints', match: '*/5 * * * *', identifier: 'audit_checkpoints' },
  ]);
}
