import { Kysely, PostgresDialect, type Selectable, sql } from 'kysely';
import { firstCharacters } from '../../text/truncate.ts';
import type { Pool, Queryable } from '../connection/pool.ts';
import type { DB, ExecutionStatus } from '../schema.generated.ts';
import { type RunCounter, runCounter } from './run-counters.ts';
import { impliedByStatuses } from './run-search.ts';

export type Queries = Kysely<DB>;

/** Creates typed queries over the public schema, on a pool of the caller. */
export function queriesOn(pool: Pool): Queries {
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }).withSchema('howdah');
}

/** Creates typed queries on one connection, within any transaction that the caller has begun. */
export function queriesWithin(client: Queryable): Queries {
  const connection = { query: client.query.bind(client), release() {} };
  const pool = { connect: async () => connection, end: async () => {} };
  return queriesOn(pool as unknown as Pool);
}

const ownTenant = sql<string>`howdah.current_tenant()`;

/**
 * Exports a run as one document, in the bytes that Postgres returns: on one line or formatted for
 * people, whole or redacted. Throws `HWNTF`.
 */
export async function exportRun(
  db: Queries,
  id: string,
  { isForPeople = false, redact = false } = {},
): Promise<string> {
  const { rows } = await sql<{ run: string }>`
    select case when ${isForPeople}::boolean then jsonb_pretty(r) else r::text end as run
    from howdah.export_run(${id}, ${redact}) as r`.execute(db);
  return rows[0]?.run ?? '';
}

/**
 * Lists the agents of a tenant that are not deleted, with model, version and number of tools.
 * Without `tenantId`, the tenant is that of the login.
 */
export function listAgents(db: Queries, tenantId?: string) {
  return db
    .selectFrom('agents as a')
    .leftJoin('agent_versions as v', 'v.id', 'a.current_version_id')
    .select(['a.id', 'a.name', 'v.version', 'a.is_active', 'a.description'])
    .select([
      sql<string>`v.definition #>> '{models,0,name}'`.as('model'),
      sql<number>`jsonb_array_length(v.definition -> 'tools')`.as('tools'),
    ])
    .where('a.tenant_id', '=', tenantId ?? ownTenant)
    .where('a.deleted_at', 'is', null)
    .orderBy('a.name')
    .execute();
}

/** A tool as OpenAI describes it, and what it can do. */
export type FunctionTool = {
  type: 'function';
  function: { name: string; description: string; parameters: unknown };
  capabilities?: string[];
  domain?: string | null;
  /** The tools that a sub-agent may call. */
  actions?: { name: string; description: string; parameters: unknown }[];
};

/** Lists the tools of an agent as its models see them. Throws `HWNTF` if there is no such agent. */
export async function toolsOfAgent(client: Queryable, agent: string): Promise<FunctionTool[]> {
  const { rows } = await client.query<{ tools: FunctionTool[] }>(
    'select howdah.agent_tool_list($1) as tools',
    [agent],
  );
  return rows[0]?.tools ?? [];
}

/** Describes the tenant's model for agents that name no model, in one line for people. */
export async function describeDefaultModel(db: Queries): Promise<string> {
  const row = await db
    .selectFrom('models')
    .select(['provider', 'model', 'base_url'])
    .where('tenant_id', '=', ownTenant)
    .where('name', '=', 'default')
    .executeTakeFirst();
  if (!row) {
    return 'none: agents without a model of their own cannot run';
  }
  return row.provider === 'local'
    ? 'local: extractive, without an LLM; it looks up facts and cites them. For an LLM set the key of a vendor, such as OPENAI_API_KEY or ANTHROPIC_API_KEY'
    : `${row.model} by ${row.provider}${row.base_url ? ` at ${new URL(row.base_url).host}` : ''}`;
}

export type ExecutionFilter = {
  /** The tenant of the executions, by default the tenant of the login. */
  tenantId?: string | undefined;
  /** The statuses of the executions. */
  status?: readonly ExecutionStatus[] | undefined;
  agent?: string | undefined;
  workflow?: string | undefined;
  /** A row of a table that the executions belong to, such as `shop.orders:4711`. */
  ref?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  /** The id of an execution. Only older executions are listed. */
  before?: string | undefined;
  limit: number;
};

const counter = <T>(column: RunCounter) => sql.raw<T>(runCounter('e', column));

/** The number of characters of an input in a list. */
const LISTED_INPUT = 48;

/** Lists the newest executions of a tenant. The seconds of a live run are those so far. */
export async function listExecutions(
  db: Queries,
  filter: Omit<ExecutionFilter, 'ref'> & { ids?: readonly string[] | undefined },
) {
  let query = db
    .selectFrom('executions as e')
    .leftJoin('agents as a', 'a.id', 'e.agent_id')
    .leftJoin('workflows as w', 'w.id', 'e.workflow_id')
    .select(['e.id', sql<string>`coalesce(a.name, w.name)`.as('agent'), 'e.status'])
    .select(['e.stop_reason', 'e.finish_reason'])
    .select([
      counter<number>('step_count').as('steps'),
      sql<string>`${counter('tokens_in')} + ${counter('tokens_out')}`.as('tokens'),
      counter<string>('cost').as('cost'),
      sql<number | null>`round(extract(epoch from
        coalesce(e.completed_at, clock_timestamp()) - e.started_at), 3)`.as('seconds'),
      'e.created_at',
      // an encrypted input is decrypted as a whole, and cut below
      sql<string>`case when e.contents_encrypted_at is null then left(e.input, ${LISTED_INPUT})
        else e.input end`.as('input'),
    ])
    .where('e.tenant_id', '=', filter.tenantId ?? ownTenant)
    .orderBy('e.id', 'desc')
    .limit(filter.limit);
  if (filter.status) {
    query = query.where('e.status', 'in', filter.status);
    for (const implied of impliedByStatuses(filter.status)) {
      query = query.where(sql.raw<boolean>(implied.replace('t.', 'e.')));
    }
  }
  if (filter.agent) {
    query = query.where('a.name', '=', filter.agent);
  }
  if (filter.workflow) {
    query = query.where('w.name', '=', filter.workflow);
  }
  if (filter.ids) {
    query = query.where('e.id', '=', sql<string>`any (${filter.ids}::uuid[])`);
  }
  if (filter.since) {
    query = query.where('e.created_at', '>=', filter.since);
  }
  if (filter.until) {
    query = query.where('e.created_at', '<', filter.until);
  }
  if (filter.before) {
    query = query.where('e.id', '<', filter.before);
  }
  const rows = await query.execute();
  return rows.map((row) => ({
    ...row,
    input: firstCharacters(row.input, LISTED_INPUT).replaceAll('\n', ' '),
  }));
}

/**
 * Reads all columns of one execution, or undefined. Uses a function, because a guest may not read
 * each column of the table.
 */
export function findExecutionRow(db: Queries, id: string) {
  return db
    .selectFrom(sql<Selectable<DB['executions']>>`howdah_private.execution_row(${id})`.as('e'))
    .leftJoin('agents as a', 'a.id', 'e.agent_id')
    .leftJoin('agent_versions as v', 'v.id', 'e.agent_version_id')
    .leftJoin('workflows as w', 'w.id', 'e.workflow_id')
    .leftJoin('workflow_versions as x', 'x.id', 'e.workflow_version_id')
    .selectAll('e')
    .select(['a.name as agent', 'v.version as agent_version'])
    .select(['w.name as workflow', 'x.version as workflow_version'])
    .where('e.id', '=', id)
    .executeTakeFirst();
}

export type ExecutionRow = NonNullable<Awaited<ReturnType<typeof findExecutionRow>>>;

/** Lists a run and all runs below it, parents before their children. */
export function treeOf(db: Queries, rootExecutionId: string) {
  return db
    .selectFrom('execution_tree')
    .select(['execution_id', 'parent_execution_id', 'depth', 'agent', 'workflow', 'status'])
    .select(['waiting_for'])
    .select(['stop_reason', 'finish_reason', 'tokens_in', 'tokens_out', 'cost', 'total_tokens_in'])
    .select(['total_tokens_out', 'total_cost', 'started_at', 'completed_at'])
    .where('root_execution_id', '=', rootExecutionId)
    .orderBy('path')
    .execute();
}

export type TreeNode = Awaited<ReturnType<typeof treeOf>>[number];

/** Lists the steps of a run after a cursor, each with the text of its messages. */
export function stepsAfter(db: Queries, executionId: string, after: number, most?: number) {
  return db
    .selectFrom('steps as s')
    .select(['s.seq', 's.kind', 's.name', 's.input', 's.output', 's.error', 's.annotations'])
    .select(['s.tokens_in', 's.tokens_out', 's.cost', 's.started_at', 's.finished_at'])
    .select((step) =>
      step
        .selectFrom('messages as m')
        .select(sql<string | null>`string_agg(m.content, E'\n' order by m.seq)`.as('said'))
        .whereRef('m.execution_id', '=', 's.execution_id')
        .whereRef('m.step_seq', '=', 's.seq')
        .as('said'),
    )
    .select((step) =>
      step
        .selectFrom('messages as m')
        .innerJoin(
          sql<{
            call: { name: string; arguments: string };
          }>`jsonb_array_elements(m.tool_calls)`.as<'c'>(sql`c (call)`),
          (join) => join.onTrue(),
        )
        .select(
          sql<
            string | null
          >`string_agg((c.call ->> 'name') || ' ' || (c.call ->> 'arguments'), ', ')`.as('calls'),
        )
        .whereRef('m.execution_id', '=', 's.execution_id')
        .whereRef('m.step_seq', '=', 's.seq')
        .as('calls'),
    )
    .where('s.execution_id', '=', executionId)
    .where('s.seq', '>', after)
    .orderBy('s.seq')
    .$if(most !== undefined, (query) => query.limit(most ?? 0))
    .execute();
}

export type Step = Awaited<ReturnType<typeof stepsAfter>>[number];

/** Returns whether any worker is alive, for a login that may not count workers. */
export async function isAnyWorkerAlive(db: Queries): Promise<boolean> {
  const { rows } = await sql<{ is_alive: boolean }>`
    select howdah_private.is_any_worker_alive() as is_alive`.execute(db);
  return rows[0]?.is_alive === true;
}

/** Lists the violated guarantees. The list is empty if all is well. */
export function listViolations(db: Queries) {
  return db.selectFrom('violations').selectAll().execute();
}
