import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { jsonRow } from '../../../db/queries/json-rows.ts';
import { executionSchema } from '../../../operations/runs/run-rows.ts';
import { count, id, json, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';

const of = executionSchema.shape;

/**
 * All columns of a run except its callback address and data key, in the order of the table. The
 * name and version of its agent or workflow follow.
 */
export const executionRecord = z
  .object({
    id: of.id,
    tenant_id: id,
    root_execution_id: of.root_execution_id,
    tokens_in: of.tokens_in,
    tokens_out: of.tokens_out,
    run_at: of.run_at,
    active_ms: count,
    created_at: of.created_at,
    updated_at: time,
    children_tokens_in: count,
    children_tokens_out: count,
    status: of.status,
    step_count: of.step_count,
    model_count: z.int(),
    message_count: z.int(),
    max_steps: z.int(),
    max_seconds: z.int(),
    fence: z.int(),
    live_children: z.int(),
    messages_at_retry: z.int(),
    moves: z.int(),
    members_waiting: z.int(),
    handoffs: z.int(),
    input_trust: z.string(),
    trust: z.string(),
    depth: z.int(),
    priority: of.priority,
    crashes_without_progress: z.int(),
    at_risk: z.boolean(),
    has_inbox: z.boolean(),
    is_pause_requested: z.boolean(),
    agent_id: of.agent_id,
    agent_version_id: of.agent_version_id,
    session_id: of.session_id,
    user_id: of.user_id,
    parent_execution_id: of.parent_execution_id,
    owner_worker: id.nullable(),
    forked_from_execution_id: of.forked_from_execution_id,
    compensates_execution_id: id.nullable(),
    workflow_id: of.workflow_id,
    workflow_version_id: of.workflow_version_id,
    table_trigger_id: id.nullable(),
    max_tokens: count.nullable(),
    active_since: time.nullable(),
    wake_at: time.nullable(),
    started_at: of.started_at,
    completed_at: of.completed_at,
    contents_erased_at: time.nullable(),
    debounced_at: time.nullable(),
    turn: of.turn,
    waiting_for: of.waiting_for,
    stop_reason: of.stop_reason,
    forked_from_seq: of.forked_from_seq,
    paused_from: z.string().nullable(),
    wakes_on: z.string().nullable(),
    members_at_once: z.int().nullable(),
    debounce_ms: z.int().nullable(),
    cost: of.cost,
    children_cost: count,
    max_cost: count.nullable(),
    input: of.input,
    metrics: of.metrics,
    metadata: of.metadata,
    created_by: of.created_by,
    ancestors: z.array(id),
    input_data: of.input_data,
    output: of.output,
    output_data: of.output_data,
    error: of.error,
    idempotency_key: of.idempotency_key,
    parent_call_id: z.string().nullable(),
    first_limits: json,
    input_parts: of.input_parts,
    overrides: json,
    history: json,
    client_tools: json,
    concurrency_key: of.concurrency_key,
    debounce_key: of.debounce_key,
    input_hits: json,
    contents_encrypted_at: time.nullable(),
    finish_reason: of.finish_reason,
    started_by_execution_id: id.nullable(),
    agent: of.agent,
    agent_version: z.int().nullable(),
    workflow: of.workflow,
    workflow_version: z.int().nullable(),
  })
  .meta({ id: 'WholeExecution' });
export type ExecutionRecord = z.output<typeof executionRecord>;

const NAMED: Readonly<Record<string, string>> = {
  agent: 'a.name as agent',
  agent_version: 'v.version as agent_version',
  workflow: 'w.name as workflow',
  workflow_version: 'x.version as workflow_version',
};
const shown = Object.keys(executionRecord.shape).map((name) => NAMED[name] ?? `t.${name}`);

/**
 * Returns the record of a run. Reads by a SQL function, because the application may not read each
 * column. Throws `HWNTF`.
 */
export async function findExecutionRecord(db: Queryable, id: string): Promise<ExecutionRecord> {
  const found = await jsonRow<ExecutionRecord>(
    db,
    `select ${shown.join(', ')} from howdah_private.execution_row($1) as t
     left join howdah.agents as a on a.id = t.agent_id
     left join howdah.agent_versions as v on v.id = t.agent_version_id
     left join howdah.workflows as w on w.id = t.workflow_id
     left join howdah.workflow_versions as x on x.id = t.workflow_version_id
     where t.id is not null`,
    [id],
  );
  if (!found) throw noSuch('execution', id);
  return found;
}
