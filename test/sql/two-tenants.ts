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
import { TABLE_SAMPLES } from './tables/table-samples.ts';

/** A text in every text column of the second tenant, so that a leak is visible. */
export const MARK = 'belongs-to-b';

/**
 * Creates two tenants with a row in every table that tenants have, as the owner of the database.
 * `emptyTables` finds tables without rows.
 */
export async function makeTwoTenants(pool: pg.Pool): Promise<{ a: string; b: string }> {
  await pool.query(
    `create schema shop; create function shop.on_event(event jsonb) returns void language sql as 'select'`,
  );
  const worker = await makeWorker(pool);
  const [a, b] = [await makeTenant(pool), await makeTenant(pool, MARK)];
  await fillTenant(pool, a, worker, 'belongs-to-a');
  await fillTenant(pool, b, worker, MARK);
  for (const [name, { row }] of Object.entries(TABLE_SAMPLES)) {
    if (row === undefined) continue;
    const { rowCount } = await pool.query(`select from howdah.${name} where tenant_id = $1`, [b]);
    if (rowCount === 0) throw new Error(`the sample ${name}.row inserts no row: ${row}`);
  }
  return { a, b };
}

export async function fillTenant(pool: pg.Pool, tenant_id: string, worker: string, mark: string) {
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
  const run = await makeRun(pool, { tenant_id, agent_id, session_id, input: mark });
  const parameters = [tenant_id, mark, agent_id, session_id, run];
  for (const text of Object.values(TABLE_SAMPLES).flatMap(({ row = [] }) => row)) {
    const used = [...text.matchAll(/\$(\d)/g)].map(([, place]) => Number(place));
    // Postgres must know the type of every parameter.
    const all = parameters.slice(0, Math.max(...used));
    const cast = all.map((_, index) => `$${index + 1}::${index === 1 ? 'text' : 'uuid'}`);
    await pool.query(
      `with given as (select ${cast.join(', ')}) ${text.replace(/\$1\b/, '$1::uuid')}`,
      all,
    );
  }
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
    `with search as (
       insert into howdah.searches (tenant_id, execution_id, step_seq, mode, knowledge_base_ids)
       select tenant_id, $2, 1, 'text', array[knowledge_base_id] from howdah.documents where tenant_id = $1 limit 1
       returning id, tenant_id, execution_id, step_seq
     ),
     result as (
       insert into howdah.search_results (search_id, tenant_id, execution_id, step_seq, rank, knowledge_base_id, document_id, chunk_number, score, digest)
       select s.id, s.tenant_id, s.execution_id, s.step_seq, 1, d.knowledge_base_id, d.id, 0, 1, $3
       from search as s join howdah.documents as d on d.tenant_id = s.tenant_id limit 1
       returning tenant_id, execution_id, step_seq, rank
     )
     insert into howdah.citations (tenant_id, execution_id, start_offset, end_offset, step_seq, rank)
     select tenant_id, execution_id, 0, 4, step_seq, rank from result`,
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
  await pool.query(
    `insert into howdah_private.cached_answers
       (tenant_id, agent_id, digest, repeat, execution_id, message_seq, tool_id)
     values ($1, $3, sha256('request'), 1, $2, 1, null),
       ($1, $3, sha256('call'), 1, $2, 1, (
         select t.id from howdah.tools as t where t.tenant_id = $1 order by t.id limit 1))`,
    [tenant_id, run, agent_id],
  );
  await finishRun(pool, worker, run, model, mark);
  await pool.query(
    `update howdah.evaluation_results
     set execution_id = $2, graded_at = now(), score = 1, passed = true where tenant_id = $1`,
    [tenant_id, run],
  );
  const worse = await makeRun(pool, { tenant_id, agent_id, input: mark });
  await finish(pool, worker, worse);
  await pool.query(
    `insert into howdah.evaluation_results
       (tenant_id, evaluation_id, item_id, repeat, execution_id, graded_at, score, passed)
     select tenant_id, evaluation_id, item_id, 2, $2, now(), 0, false
     from howdah.evaluation_results where tenant_id = $1`,
    [tenant_id, worse],
  );
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
