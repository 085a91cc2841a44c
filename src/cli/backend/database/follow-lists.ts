import { inTenant, inTransaction, type Queryable } from '../../../db/connection/pool.ts';
import { beginList, followListFeed, type ListStart } from '../../../db/lists/follow-list.ts';
import type { FollowedCollection } from '../../../db/lists/list-changes.ts';
import { createListFeed } from '../../../db/lists/list-feed.ts';
import { runCounter } from '../../../db/queries/run-counters.ts';
import { BELONGS_TO_ROW } from '../../../db/queries/run-search.ts';
import { tenantOf } from '../../input/resolve-tenant.ts';
import { idOfNamed } from '../../input/run-filters.ts';
import type { FollowedQuestion, FollowedRuns, ListedChange } from '../backend.ts';
import { type ListableRun, listedRun } from '../listed-run.ts';
import type { CliDatabase } from '../with-database.ts';
import { withDates } from '../with-dates.ts';

const nameOf = (table: 'agents' | 'workflows', run: string, key: string) =>
  `(select n.name from howdah.${table} as n where n.id = ${run}.${key})`;

/** Runs, with the columns of `ListableRun`. */
const runs = {
  table: 'executions',
  shown: `t.id, t.status, t.stop_reason, t.finish_reason, t.input, t.created_at, t.started_at, t.completed_at,
    ${nameOf('agents', 't', 'agent_id')} as agent, ${nameOf('workflows', 't', 'workflow_id')} as workflow,
    ${(['step_count', 'tokens_in', 'tokens_out', 'cost'] as const)
      .map((column) => `${runCounter('t', column)} as ${column}`)
      .join(', ')}`,
} as const satisfies FollowedCollection;

/** Questions, with the columns of `listQuestions`. */
const questions = {
  table: 'questions',
  shown: `t.id, t.kind, t.root_execution_id as run, t.status, t.created_at, t.expires_at, t.prompt,
    (select coalesce(${nameOf('agents', 'e', 'agent_id')}, ${nameOf('workflows', 'e', 'workflow_id')})
     from howdah.executions as e where e.id = t.execution_id) as agent,
    t.options, t.schema, t.tool_call, t.answer, t.answer_data, t.answered_by, t.execution_id, t.preview`,
} as const satisfies FollowedCollection;

/** Yields the newest runs, then each run that changes, until the signal fires. */
export async function* followRuns(
  database: CliDatabase,
  tenant: string | undefined,
  { status, agent, workflow, ref, limit: first }: FollowedRuns,
  signal: AbortSignal,
): AsyncGenerator<ListedChange, void> {
  const agentId = await idOfNamed(database, tenant, 'agent', agent);
  const workflowId = await idOfNamed(database, tenant, 'workflow', workflow);
  const where = [
    ['t.status = any (?::howdah.execution_status[])', status],
    ['t.agent_id = ?', agentId],
    ['t.workflow_id = ?', workflowId],
    [BELONGS_TO_ROW, ref],
  ].filter(([, value]) => value !== undefined) as [string, unknown][];
  for await (const { id, row } of follow(database, tenant, { list: runs, where, first }, signal)) {
    yield { id, row: row && listedRun(row as ListableRun) };
  }
}

/** Yields the newest open questions, then each that changes, until the signal fires. */
export async function* followQuestions(
  database: CliDatabase,
  tenant: string | undefined,
  first: number,
  signal: AbortSignal,
): AsyncGenerator<FollowedQuestion, void> {
  const open = { list: questions, where: [['t.status = ?', 'open']] as const, first };
  for await (const { id, row: item } of follow(database, tenant, open, signal)) {
    yield { id, item, row: item && (withDates(item) as FollowedQuestion['row']) };
  }
}

/** Follows a list as the login of the command, whose rights every read has. */
async function* follow(
  { db, pool }: CliDatabase,
  slug: string | undefined,
  start: ListStart,
  signal: AbortSignal,
): AsyncGenerator<ListedChange, void> {
  const { id: tenantId } = await tenantOf(db, slug);
  const transaction = <T>(_tenant: string, work: (client: Queryable) => Promise<T>) =>
    slug === undefined ? inTransaction(pool, work) : inTenant(pool, tenantId, work);
  const lists = createListFeed({
    transaction,
    sees: async () => true, // the login reads no row that it may not see
    onShown: () => {},
    isTemporary: () => false,
  });
  const opened = await transaction(tenantId, (client) => beginList(client, start));
  if (signal.aborted) return;
  const watching = { tenantId, userId: undefined, role: 'owner' } as const;
  const events = followListFeed(lists, watching, opened);
  signal.addEventListener('abort', () => void events.return?.(), { once: true });
  for await (const event of events) {
    if (event.type === 'changed') yield { id: event.id, row: event.shown.row };
    else if (event.type === 'removed') yield { id: event.id, row: undefined };
  }
}
