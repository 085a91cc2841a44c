import type { HookEvent, HookRow } from '../../contracts/agents/hook.ts';
import type { JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool, PoolClient } from '../connection/pool.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';
import { boundQuery, inSandbox } from '../sql-tools/sql-sandbox.ts';

/** The result of a hook call in the database, as `HookAnswer` of the runtime. */
export type SqlHookAnswer =
  | { did: 'answer'; answer: unknown }
  | { did: 'refuse'; message: string }
  | { did: 'fail'; message: string; cause: JsonObject };

const RIGHTS =
  'Hooks run with the rights of howdah_app: grant howdah_app what the function reads and writes, or make the function security definer.';

/**
 * Calls a hook with the rights of the application, in the transaction that will commit its step.
 * Undoes the writes of a hook that failed or refused. Throws errors that are not faults of the
 * hook: a lost connection or a deadlock.
 */
export async function callSqlHook(
  client: PoolClient,
  hook: HookRow,
  event: HookEvent,
): Promise<SqlHookAnswer> {
  try {
    const call = `select case when pg_typeof(r.*) <> 'void'::regtype then to_json(r.*) end::text
      from ${hook.function}($1::jsonb) as r`; // quoted by the trigger that wrote it
    const boundTo = {
      tenantId: event.tenant_id,
      executionId: event.execution_id,
      isUserless: true,
    };
    const [answer] = await inSandbox(client, boundTo, hook.timeout_ms, () =>
      boundQuery(client, call, storableJson(event), hook.timeout_ms),
    );
    return { did: 'answer', answer: parseJson(answer ?? 'null') };
  } catch (error) {
    const { code, message, hint, detail } = faultOf(error);
    if (isConnectionLoss(error) || /^40/.test(code) || !/^[0-9A-Z]{5}$/.test(code)) {
      throw error;
    }
    if (code === 'HWDEN') {
      return { did: 'refuse', message };
    }
    const said = hint ?? (code === '42501' ? RIGHTS : undefined);
    const cause = {
      sqlstate: code,
      ...(said ? { hint: said } : {}),
      ...(detail ? { detail } : {}),
    };
    const sentence = code === '57014' ? `it took longer than ${hook.timeout_ms} ms` : message;
    return { did: 'fail', message: sentence, cause };
  }
}

/** The state of a run when its hooks are about to be called. */
export type HookedRun = { step_count: number; is_owned: boolean; has_inbox: boolean };

/**
 * Begins the transaction of hooks and their step. Returns undefined when the run belongs to another
 * worker.
 */
export async function beginHooks(
  database: Pool | PoolClient,
  worker: string,
  run: { id: string; fence: number },
): Promise<HookedRun | undefined> {
  const { rows } = await database.query('select * from howdah_private.begin_hooks($1, $2, $3)', [
    worker,
    run.id,
    run.fence,
  ]);
  return rows[0];
}

/** A run that was ended from outside and whose hooks have not been called yet. */
export type EndedRunEvent = {
  tenant_id: string;
  execution_id: string;
  event: HookEvent & { event: 'execution_complete' };
  hooks: HookRow[] | null;
};

/** Claims an ended run, for the transaction that calls its hooks. */
export async function takeEnded(
  client: PoolClient,
  id: string,
): Promise<EndedRunEvent | undefined> {
  const { rows } = await client.query('select * from howdah_private.claim_ended_run($1)', [id]);
  return rows[0];
}

/** Adds to the metrics of a run that has ended. */
export async function recordHookMetrics(
  database: Pool | PoolClient,
  executionId: string,
  metrics: JsonObject,
): Promise<void> {
  await database.query('select howdah_private.record_hook_results($1, $2)', [
    executionId,
    storableJson(metrics),
  ]);
}
