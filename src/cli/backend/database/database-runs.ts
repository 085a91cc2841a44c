import { inTransaction, type Queryable } from '../../../db/connection/pool.ts';
import { followExecutions } from '../../../db/feed/follow-runs.ts';
import { compareExecutions } from '../../../db/queries/comparisons.ts';
import { explainExecution } from '../../../db/queries/explanations.ts';
import {
  type ExecutionFilter,
  type ExecutionRow,
  findExecutionRow,
  listExecutions,
  stepsAfter,
  treeOf,
} from '../../../db/queries/queries.ts';
import { questionsInTheWay } from '../../../db/queries/questions.ts';
import { type Attachment, partsOf } from '../../input/attach-option.ts';
import { noRunYet, notFound, requireExecution } from '../../input/resolve-id.ts';
import { forTenant, tenantOf } from '../../input/resolve-tenant.ts';
import { idOfNamed } from '../../input/run-filters.ts';
import type { PrintedRun } from '../../print/print-run.ts';
import { stepIn } from '../../print/step.ts';
import type { ControlledRun, ControlResult, NewRun, RunBackend } from '../backend.ts';
import type { CliDatabase } from '../with-database.ts';
import { followRuns } from './follow-lists.ts';

/**
 * Creates the `RunBackend` of a database. A login that owns the database finds runs of any tenant
 * by id, whatever `tenant` is.
 */
export function createDatabaseRuns(database: CliDatabase, tenant: string | undefined): RunBackend {
  const { url, pool, db, decrypt } = database;
  const find = async (id: string) => {
    const found = await findExecutionRow(db, id);
    if (!found) throw notFound(id);
    return found;
  };
  return {
    list: (filter) => listRuns(database, tenant, filter),
    followList: (filter, signal) => followRuns(database, tenant, filter, signal),
    latest: () => forTenant(database, tenant, findLatestRun),
    find: async (id) => printable(await find(id)),
    steps: (id) => stepsAfter(db, id, 0),
    step: async (id, seq) =>
      stepIn(await stepsAfter(db, await requireExecution(db, id), seq - 1, 1), { id, seq }),
    tree: async (id) => treeOf(db, (await find(id)).root_execution_id),
    openQuestions: (id) => questionsInTheWay(db, id),
    explain: async (id) => explainExecution(db, await requireExecution(db, id)),
    compare: async (a, b) =>
      compareExecutions(db, await requireExecution(db, a), await requireExecution(db, b)),
    control: (id, action) => callOnRun(database, `${action}_execution`, id),
    async controlMany(ids, action) {
      const text = `select id, status, error from howdah.${action}_executions($1)`;
      return (await pool.query<ControlResult>(text, [ids])).rows;
    },
    addInput: (id, content) => callOnRun(database, 'add_input', id, content),
    start: (run) =>
      tenant === undefined
        ? inTransaction(pool, (client) => insertRun(client, run))
        : forTenant(database, tenant, (client) => insertRun(client, run)),
    async fork(id, { seq, input, version, data, changes, overrides }) {
      const { rows } = await pool.query(
        'select id from howdah.fork_execution($1, $2, $3, $4, $5, $6, $7)',
        [await requireExecution(db, id), seq, input, version, data, changes, overrides],
      );
      return rows[0].id;
    },
    async *follow(named, { after, tree }, signal) {
      const id = await requireExecution(db, named);
      yield* followExecutions(url, [id], signal, { after: tree ? 0 : after, tree, decrypt });
    },
  };
}

/** Returns a run without its callback and without what only the engine needs. */
function printable(row: ExecutionRow): PrintedRun['execution'] {
  const { callback_url: _url, contents_key_id: _key, counted_steps: _steps, ...execution } = row;
  return execution;
}

/** Calls a function of a run, and returns the row of the run that the function returns. */
async function callOnRun(
  { pool, db }: CliDatabase,
  name: string,
  id: string,
  ...values: unknown[]
): Promise<ControlledRun> {
  const places = values.map((_value, index) => `, $${index + 2}`).join('');
  const text = `select * from howdah.${name}($1${places})`;
  const { rows } = await pool.query<ControlledRun>(text, [
    await requireExecution(db, id),
    ...values,
  ]);
  return rows[0] as ControlledRun;
}

async function listRuns(
  database: CliDatabase,
  tenant: string | undefined,
  { ref, ...filter }: ExecutionFilter,
) {
  const { db } = database;
  // throws if there is none
  await idOfNamed(database, tenant, 'agent', filter.agent);
  await idOfNamed(database, tenant, 'workflow', filter.workflow);
  const tenantId = tenant === undefined ? undefined : (await tenantOf(db, tenant)).id;
  const ids = ref === undefined ? undefined : await runsOf(database, tenant, ref);
  return listExecutions(db, { tenantId, ids, ...filter });
}

/** Returns the ids of the runs that belong to a row of a table. */
async function runsOf(database: CliDatabase, tenant: string | undefined, ref: string) {
  const { rows } = await forTenant(database, tenant, (client) =>
    client.query<{ id: string }>('select howdah.runs_of($1) as id', [ref]),
  );
  return rows.map(({ id }) => id);
}

async function findLatestRun(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select e.id from howdah.executions as e
     where e.tenant_id = howdah.current_tenant() and e.parent_execution_id is null
       and (howdah.current_user_id() is null or e.user_id = howdah.current_user_id())
     order by e.id desc limit 1`,
  );
  if (!rows[0]) throw noRunYet();
  return rows[0].id;
}

/**
 * Inserts the run and its files in the transaction of `client`, so that a rejected run stores no
 * files.
 */
async function insertRun(client: Queryable, run: NewRun): Promise<string> {
  const { agent, input, data, metadata, overrides, files, budget, options } = run;
  const { session_id = null } = options;
  const resourceIds = await insertFiles(client, files, session_id);
  const { rows } = await client.query(
    `select (howdah.run($1, $2, session_id => $3, run_at => $4, priority => $5,
     idempotency_key => $6, metadata => $7, version => $8, input_data => $9, input_parts => $10,
     max_cost => $11, overrides => $12, concurrency_key => $13, debounce_key => $14,
     debounce_ms => $15)).id`,
    [
      agent,
      input,
      session_id,
      options.run_at ?? null,
      options.priority ?? 0,
      options.idempotency_key ?? null,
      metadata ?? '{}',
      options.version ?? null,
      data ?? null,
      resourceIds.length > 0 ? JSON.stringify(partsOf(resourceIds)) : null,
      budget ?? null,
      overrides === undefined ? null : JSON.stringify(overrides),
      options.concurrency_key ?? null,
      options.debounce_key ?? null,
      options.debounce_ms ?? null,
    ],
  );
  return rows[0].id;
}

async function insertFiles(
  client: Queryable,
  files: readonly Attachment[],
  session_id: string | null,
): Promise<string[]> {
  const ids: string[] = [];
  for (const { name, type, bytes } of files) {
    const { rows } = await client.query(
      `insert into howdah.resources (name, type, bytes, session_id) values ($1, $2, $3, $4) returning id`,
      [name, type, bytes, session_id],
    );
    ids.push(rows[0].id);
  }
  return ids;
}
