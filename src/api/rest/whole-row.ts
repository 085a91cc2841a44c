import { z } from 'zod';
import { type Client, jsonRow } from '../../db/json-rows.ts';
import { execution } from './execution-rows.ts';
import { count, id, json, time } from './fields.ts';
import { noSuch } from './request-refusal.ts';

const of = execution.shape;

/** All columns of a run but where it calls back to, in the order of the table; then who it is of, by name and version. */
export const wholeRow = z
  .object({
    id: of.id,
    tenant_id: id,
    agent_id: of.agent_id,
    agent_version_id: of.agent_version_id,
    session_id: of.session_id,
    turn: of.turn,
    user_id: of.user_id,
    parent_execution_id: of.parent_execution_id,
    root_execution_id: of.root_execution_id,
    depth: z.int(),
    status: of.status,
    waiting_for: of.waiting_for,
    input: of.input,
    input_data: of.input_data,
    output: of.output,
    output_data: of.output_data,
    stop_reason: of.stop_reason,
    error: of.error,
    tokens_in: of.tokens_in,
    tokens_out: of.tokens_out,
    cost: of.cost,
    step_count: of.step_count,
    model_count: z.int(),
    message_count: z.int(),
    max_steps: z.int(),
    max_tokens: count.nullable(),
    max_cost: count.nullable(),
    max_seconds: z.int(),
    metrics: of.metrics,
    priority: of.priority,
    run_at: of.run_at,
    idempotency_key: of.idempotency_key,
    metadata: of.metadata,
    created_by: of.created_by,
    owner_worker: id.nullable(),
    fence: z.int(),
    crashes_without_progress: z.int(),
    at_risk: z.boolean(),
    active_ms: count,
    active_since: time.nullable(),
    wake_at: time.nullable(),
    created_at: of.created_at,
    updated_at: time,
    started_at: of.started_at,
    completed_at: of.completed_at,
    ancestors: z.array(id),
    parent_call_id: z.string().nullable(),
    forked_from_execution_id: of.forked_from_execution_id,
    forked_from_seq: of.forked_from_seq,
    compensates_execution_id: id.nullable(),
    live_children: z.int(),
    children_tokens_in: count,
    children_tokens_out: count,
    children_cost: count,
    has_inbox: z.boolean(),
    is_pause_requested: z.boolean(),
    paused_from: z.string().nullable(),
    messages_at_retry: z.int(),
    first_limits: json,
    moves: z.int(),
    input_parts: of.input_parts,
    contents_erased_at: time.nullable(),
    workflow_id: of.workflow_id,
    workflow_version_id: of.workflow_version_id,
    wakes_on: z.string().nullable(),
    members_at_once: z.int().nullable(),
    members_waiting: z.int(),
    overrides: json,
    handoffs: z.int(),
    input_trust: z.string(),
    trust: z.string(),
    table_trigger_id: id.nullable(),
    history: json,
    client_tools: json,
    agent: of.agent,
    agent_version: z.int().nullable(),
    workflow: of.workflow,
    workflow_version: z.int().nullable(),
  })
  .meta({ id: 'WholeExecution' });
export type WholeRow = z.output<typeof wholeRow>;

const NAMED: Readonly<Record<string, string>> = {
  agent: 'a.name as agent',
  agent_version: 'v.version as agent_version',
  workflow: 'w.name as workflow',
  workflow_version: 'x.version as workflow_version',
};
const shown = Object.keys(wholeRow.shape).map((name) => NAMED[name] ?? `t.${name}`);

/** By a function, since the application may not read each column. Throws `HWNTF`. */
export async function findWhole(db: Client, id: string): Promise<WholeRow> {
  const found = await jsonRow<WholeRow>(
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
