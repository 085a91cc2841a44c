import type pg from 'pg';
import {
  answer,
  claim,
  commit,
  completed,
  failed,
  finish,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeWorker,
} from './support.ts';

/** A text in every text column of the second tenant, so that a leak is visible. */
export const MARK = 'belongs-to-b';

/**
 * Creates two tenants with a row in every table that tenants have, as the owner of the database.
 * Add a row here for each new table. `emptyTables` finds tables without rows.
 */
export async function makeTwoTenants(pool: pg.Pool): Promise<{ a: string; b: string }> {
  await pool.query(
    `create schema shop; create function shop.on_event(event jsonb) returns void language sql as 'select'`,
  );
  const worker = await makeWorker(pool);
  const [a, b] = [await makeTenant(pool), await makeTenant(pool, MARK)];
  await fillTenant(pool, a, worker, 'belongs-to-a');
  await fillTenant(pool, b, worker, MARK);
  return { a, b };
}

/**
 * Inserts that need only the tenant ($1), a mark ($2), and the ids of an agent ($3) and a session
 * ($4).
 */
const ROWS = [
  `insert into howdah.users (tenant_id, username, email) values ($1, $2, $2)`,
  `insert into howdah.schedules (tenant_id, name, cron, agent_id, input) values ($1, $2, '@daily', $3, $2)`,
  `insert into howdah.hooks (tenant_id, event, function) values ($1, 'before_run', 'shop.on_event')`,
  `insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) values ($1, 'agent', $3, 'running_runs', 9)`,
  // The tool belongs to no agent, so this limits no call.
  `insert into howdah.limits (tenant_id, scope, subject_id, metric, max_value) select $1, 'tool', id, 'running_calls', 9 from howdah.tools where tenant_id = $1 and name = 'http_request'`,
  `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value) values ($1, 'agent', $3, 'tokens', 'month', 1e9)`,
  `insert into howdah.settings (tenant_id, key, value) values ($1, 'max_depth', '7')`,
  `insert into howdah.tool_policies (tenant_id, agent_id, effect, decision) values ($1, $3, 'pure', 'allow')`,
  `insert into howdah.output_filters (tenant_id, name, pattern, is_active) values ($1, $2, $2, false)`,
  `insert into howdah.grants (tenant_id, agent_id, role, permission) values ($1, $3, 'viewer', 'edit')`,
  `insert into howdah.retention_policies (tenant_id, keep_runs_days) values ($1, 999)`,
  `insert into howdah.usage_totals (tenant_id, day, agent_id, kind, tool, outcome, steps) values ($1, '2020-01-01', $3, 'tool', $2, 'ok', 1)`,
  `insert into howdah.usage_durations (tenant_id, day, tool, calls, buckets, bucket_calls, bucket_micros) values ($1, '2020-01-01', $2, 1, '{1}', '{1}', '{1}')`,
  `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, $2, '')`,
  `insert into howdah.todos (tenant_id, session_id, title) values ($1, $4, $2)`,
  `insert into howdah.mail (tenant_id, to_agent_id, subject, content) values ($1, $3, $2, $2)`,
  `insert into howdah.resources (tenant_id, name, type, bytes, session_id, uri) values ($1, $2, 'text/plain', $2::text::bytea, $4, 'docs://' || $2)`,
  `insert into howdah.approvals (tenant_id, scope, tool, agent_id, created_by) values ($1, 'agent', $2, $3, $2)`,
  `insert into howdah.workflows (tenant_id, name, type, instruction) values ($1, $2, 'chain', $2)`,
  `insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id, role)
   select $1, id, $3, $2 from howdah.workflows where tenant_id = $1 and name = $2`,
  `insert into howdah.model_tests (tenant_id, model_id, created_by)
   select $1, id, $2 from howdah.models where tenant_id = $1 limit 1`,
  `insert into howdah.prompts (tenant_id, name, template) values ($1, $2, $2)`,
  // An inactive skill is part of no version.
  `insert into howdah.skills (tenant_id, name, description, content, is_active) values ($1, $2, $2, $2, false)`,
  `insert into howdah.agent_skills (tenant_id, agent_id, skill_id)
   select $1, $3, id from howdah.skills where tenant_id = $1 and name = $2`,
  `insert into howdah.mcp_servers (tenant_id, name, type, configuration)
   values ($1, $2, 'http', '{"url": "https://mcp.example.com/"}')`,
  `insert into howdah.integrations (tenant_id, name, resource_url)
   values ($1, $2, 'https://api.example.com/')`,
  `insert into howdah.connected_accounts (tenant_id, integration_id)
   select $1, id from howdah.integrations where tenant_id = $1 and name = $2`,
  `insert into howdah.mcp_tools (tenant_id, server_id, name, description, parameters, annotations, digest, status)
   select $1, id, $2, $2, '{}', '{}', $2, 'new' from howdah.mcp_servers where tenant_id = $1`,
  `insert into howdah.mcp_prompts (tenant_id, server_id, name, description, template, variables, digest, status)
   select $1, id, $2, $2, $2, '{}', $2, 'new' from howdah.mcp_servers where tenant_id = $1`,
  `insert into howdah.agent_servers (tenant_id, agent_id, server_id)
   select $1, $3, id from howdah.mcp_servers where tenant_id = $1 and name = $2`,
  `insert into howdah.alert_rules (tenant_id, name, query, is_active) values ($1, $2, 'select ' || quote_literal($2), false)`,
  `insert into howdah.webhooks (tenant_id, url, secret_name) values ($1, 'https://hooks.example.com/' || $2, $2)`,
  `insert into howdah.webhook_deliveries (tenant_id, webhook_id, execution_id, event, url, payload, next_attempt_at)
   select $1, id, howdah.uuid_v7(), 'execution.completed', url, jsonb_build_object('type', $2::text), now() from howdah.webhooks where tenant_id = $1`,
  `insert into howdah.inbound_hooks (tenant_id, name, description, verification, secret_name, agent_id) values ($1, $2, $2, 'github', $2, $3)`,
  `insert into howdah.inbound_deliveries (tenant_id, inbound_hook_id, status, error) select $1, id, 'failed', jsonb_build_object('message', $2::text) from howdah.inbound_hooks where tenant_id = $1`,
  `insert into howdah.table_triggers (tenant_id, table_name, agent_id, input, key_columns)
   values ($1, $2, $3, $2, '{id}')`,
  `insert into howdah.watched_rows (execution_id, tenant_id, table_trigger_id, row_key, watches)
   select howdah.uuid_v7(), $1, id, '{"id": 1}', array[id] from howdah.table_triggers where tenant_id = $1`,
  `insert into howdah.version_labels (tenant_id, agent_id, version, label) values ($1, $3, 1, 'production')`,
  `insert into howdah.agent_systems (tenant_id, name, source, digest) values ($1, $2, $2, $2)`,
  `insert into howdah.agent_system_versions (tenant_id, agent_system_id, version, source, digest, resolved)
   select $1, id, 1, $2, $2, '{}' from howdah.agent_systems where tenant_id = $1`,
  `insert into howdah.api_keys (tenant_id, name, prefix, hash, created_by)
   values ($1, $2, 'hwd_' || left(md5($2), 12), sha256($2::text::bytea), $2)`,
];

async function fillTenant(pool: pg.Pool, tenant_id: string, worker: string, mark: string) {
  const agent_id = await makeAgent(pool, { tenant_id, name: mark, instruction: mark });
  const model = await makeModel(pool, { tenant_id, name: mark });
  const tool = await makeTool(pool, { tenant_id, name: mark, description: mark });
  await pool.query(
    'insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)',
    [tenant_id, agent_id, model],
  );
  await pool.query(
    'insert into howdah.agent_tools (tenant_id, agent_id, tool_id) values ($1, $2, $3)',
    [tenant_id, agent_id, tool],
  );
  const session_id = await makeSession(pool, { tenant_id, title: mark });
  const parameters = [tenant_id, mark, agent_id, session_id];
  for (const text of ROWS) {
    const used = [...text.matchAll(/\$(\d)/g)].map(([, place]) => Number(place));
    // Postgres must know the type of every parameter.
    const all = parameters.slice(0, Math.max(...used));
    const cast = all.map((_, index) => `$${index + 1}::${index === 1 ? 'text' : 'uuid'}`);
    await pool.query(
      `with given as (select ${cast.join(', ')}) ${text.replace(/\$1\b/, '$1::uuid')}`,
      all,
    );
  }
  const run = await makeRun(pool, { tenant_id, agent_id, session_id, input: mark });
  await pool.query(
    `insert into howdah.board_entries (tenant_id, root_execution_id, key, value, written_by_execution_id)
     values ($1, $2, $3, to_jsonb($3::text), $2)`,
    [tenant_id, run, mark],
  );
  await pool.query(
    `insert into howdah.feedback_entries (tenant_id, execution_id, score, comment, created_by)
     values ($1, $2, 1, $3, $3)`,
    [tenant_id, run, mark],
  );
  await pool.query(
    `insert into howdah.questions (tenant_id, execution_id, root_execution_id, kind, prompt, status)
     values ($1, $2, $2, 'question', $3, 'cancelled')`,
    [tenant_id, run, mark],
  );
  await pool.query(
    `insert into howdah.questions (tenant_id, execution_id, root_execution_id, kind, prompt, status)
     values ($1, $2, $2, 'approval', $3, 'cancelled')`,
    [tenant_id, run, mark],
  );
  await finishRun(pool, worker, run, model, mark);
  await finish(pool, worker, await makeRun(pool, { tenant_id, agent_id, input: mark }), failed);
  await routeOnce(pool, tenant_id, mark);
}

/** Inserts an ended run of the tenant's manager with a routing decision and a plan. */
async function routeOnce(pool: pg.Pool, tenant_id: string, mark: string) {
  await pool.query(
    `with run as (
       insert into howdah.executions (id, root_execution_id, tenant_id, workflow_id, workflow_version_id, input, status,
         stop_reason, output, step_count, max_steps, max_seconds, created_by, completed_at)
       select x.id, x.id, $1::uuid, w.id, w.current_version_id, $2::text, 'completed', 'final_answer', $2, 3, 1, 1, $2, now()
       from howdah.workflows as w cross join (select howdah.uuid_v7() as id) as x
       where w.tenant_id = $1 and w.name = 'manager' returning id
     )
     insert into howdah.steps (execution_id, seq, tenant_id, kind, name, call_id, output)
     select id, 1, $1, 'tool'::howdah.step_kind, 'route', 'route', jsonb_build_object('reason', $2::text) from run
     union all select id, 2, $1, 'tool', 'plan', 'plan.1',
       jsonb_build_object('plan', 1, 'steps', jsonb_build_array(jsonb_build_array(jsonb_build_object('member', $2, 'task', $2)))) from run
     union all select id, 3, $1, 'output', null, null, null from run`,
    [tenant_id, mark],
  );
}

/** Claims a run and commits its steps and messages, as a worker does. */
async function finishRun(
  pool: pg.Pool,
  worker: string,
  id: string,
  model_id: string,
  mark: string,
) {
  await claim(pool, worker, [id]);
  const tool = { kind: 'tool', name: mark, call_id: 'call_1', effect: 'idempotent' };
  await commit(pool, worker, [
    {
      id,
      fence: 1,
      after: 0,
      steps: [{ ...answer, model_id }, tool, { kind: 'output', output: mark }],
      to: { ...completed, output: mark },
    },
  ]);
}

/** Returns the tables of the schema in which a tenant has no row. */
export async function emptyTables(pool: pg.Pool, tenant: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select c.relname as name from pg_class as c
     join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id'
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by 1`,
  );
  const empty: string[] = [];
  for (const { name } of rows) {
    const found = await pool.query(`select from howdah.${name} where tenant_id = $1 limit 1`, [
      tenant,
    ]);
    if (found.rowCount === 0) empty.push(name);
  }
  return empty;
}
