import { z } from 'zod';
import { FINISH_REASONS } from '../../contracts/agents/model.ts';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { EXECUTION_STATUSES } from '../../contracts/runs/step.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { jsonPage, jsonRow } from '../../db/queries/json-rows.ts';
import { RUN_COUNTERS, runCounter } from '../../db/queries/run-counters.ts';
import { id, json, object, time } from '../../resources/fields.ts';
import { noSuch } from '../../resources/request-refusal.ts';

/** Names that other systems use for our statuses. They are accepted in filters. */
const STATUS_ALIASES: Readonly<Record<string, string>> = { pending: 'queued', started: 'running' };
export const statusSchema = z
  .string()
  .transform((text) => text.split(',').map((word) => word.trim().toLowerCase()))
  .transform((words) => words.map((word) => STATUS_ALIASES[word] ?? word))
  .pipe(z.array(z.enum(EXECUTION_STATUSES)))
  .describe(
    `One or more of ${EXECUTION_STATUSES.join(', ')}, separated by commas; case-insensitive; PENDING and STARTED are also accepted`,
  );

const nullableText = z.string().nullable();
const nullableId = id.nullable();

/** A run in the form that the API returns. */
export const executionSchema = z
  .object({
    id,
    execution_id: id.describe('The same as id'),
    status: z.enum(EXECUTION_STATUSES),
    waiting_for: nullableText.describe('child, question, timer, turn or quota'),
    agent_id: nullableId,
    agent: nullableText,
    agent_version_id: nullableId,
    workflow_id: nullableId,
    workflow: nullableText,
    workflow_version_id: nullableId,
    session_id: nullableId,
    turn: z.int().nullable(),
    user_id: nullableId,
    parent_execution_id: nullableId,
    root_execution_id: id,
    forked_from_execution_id: nullableId,
    forked_from_seq: z.int().nullable(),
    input: z.string(),
    input_data: json,
    input_parts: json,
    output: nullableText,
    output_data: json,
    stop_reason: nullableText,
    finish_reason: z
      .enum(FINISH_REASONS)
      .nullable()
      .describe('How the last model answer ended; length: the token limit cut it off'),
    error: object.nullable(),
    tokens_in: z.number(),
    tokens_out: z.number(),
    cost: z.number(),
    step_count: z.int(),
    metrics: object,
    metadata: object,
    priority: z.int(),
    idempotency_key: nullableText,
    concurrency_key: nullableText,
    debounce_key: nullableText,
    created_by: z.string(),
    run_at: time,
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
  })
  .meta({ id: 'Execution' });

export const messageSchema = z
  .object({
    id,
    seq: z.int(),
    step_seq: z.int().nullable(),
    parent_seq: z.int().nullable(),
    role: z.enum(enumLabels.message_role),
    content: nullableText,
    parts: json,
    tool_calls: json,
    tool_call_id: nullableText,
    agent_id: nullableId,
    trust: z.enum(enumLabels.trust),
    tokens_in: z.int(),
    tokens_out: z.int(),
    created_at: time,
  })
  .meta({ id: 'Message' });

const stepColumns = z.object({
  seq: z.int(),
  kind: z.string(),
  name: nullableText,
  call_id: nullableText,
  input: json,
  output: json,
  error: object.nullable(),
  annotations: object
    .nullable()
    .describe('Notes of hooks, the last progress of a tool, and cached_from for a cached answer'),
  model_id: nullableId,
  tokens_in: z.int(),
  tokens_out: z.int(),
  cost: z.number(),
  started_at: time,
  finished_at: time,
});

export const stepSchema = stepColumns
  .extend({
    said: nullableText
      .optional()
      .describe('With said=true: the messages of the step, one line for each'),
    calls: nullableText
      .optional()
      .describe('With said=true: the tool calls of the model with their arguments'),
  })
  .meta({ id: 'Step' });

export const childSchema = executionSchema.pick({
  id: true,
  agent: true,
  workflow: true,
  status: true,
  input: true,
  output: true,
  tokens_in: true,
  tokens_out: true,
  cost: true,
});

type Child = z.output<typeof childSchema>;

const NAME_COLUMNS: Readonly<Record<string, string>> = {
  execution_id: 't.id as execution_id',
  agent: '(select a.name from howdah.agents as a where a.id = t.agent_id) as agent',
  workflow: '(select w.name from howdah.workflows as w where w.id = t.workflow_id) as workflow',
};
const COUNTERS: Readonly<Record<string, string>> = Object.fromEntries(
  RUN_COUNTERS.map((name) => [name, `${runCounter('t', name)} as ${name}`]),
);
const listOf = (schema: z.ZodObject, special: Readonly<Record<string, string>> = {}) =>
  Object.keys(schema.shape)
    .map((name) => special[name] ?? `t.${name}`)
    .join(', ');
const runListOf = (schema: z.ZodObject) => listOf(schema, { ...NAME_COLUMNS, ...COUNTERS });

/** Select lists over `t`. */
export const shownExecution = runListOf(executionSchema);
const shownMessage = listOf(messageSchema);
const shownStep = listOf(stepColumns);

export type Execution = z.output<typeof executionSchema>;

/** Reads a run. Throws `HWNTF` if the run is not visible to the caller. */
export async function findExecution(db: Queryable, id: string): Promise<Execution> {
  const text = `select ${shownExecution} from howdah.executions as t where t.id = $1::uuid`;
  const found = await jsonRow<Execution>(db, text, [id]);
  if (!found) throw noSuch('execution', id);
  return found;
}

export type SeqPage = { after: number; limit: number };

export function messagesOf(db: Queryable, id: string, { after, limit }: SeqPage) {
  return jsonPage<{ seq: number }>(
    db,
    `select ${shownMessage} from howdah.messages as t
     where t.execution_id = $1 and t.seq > $2 order by t.seq limit $3`,
    [id, after, limit],
  );
}

/**
 * Reads a page of steps. With `said`, also reads the messages of each step: once for the page, and
 * not for each step.
 */
export function stepsOf(
  db: Queryable,
  id: string,
  { after, limit, said = false }: SeqPage & { said?: boolean },
) {
  const rows = `select ${shownStep} from howdah.steps as t
     where t.execution_id = $1 and t.seq > $2 order by t.seq limit $3`;
  const values = [id, after, limit];
  if (!said) return jsonPage<{ seq: number }>(db, rows, values);
  return jsonPage<{ seq: number }>(
    db,
    `with page as materialized (${rows}),
     step_messages as (
       select m.step_seq, string_agg(m.content, E'\\n' order by m.seq) as said,
         string_agg(c.calls, ', ' order by m.seq) as calls
       from howdah.messages as m
       left join lateral (
         select string_agg((call.value ->> 'name') || ' ' || (call.value ->> 'arguments'), ', ' order by call.ordinality) as calls
         from jsonb_array_elements(m.tool_calls) with ordinality as call
       ) as c on true
       where m.execution_id = $1 and m.step_seq in (select p.seq from page as p)
       group by m.step_seq
     )
     select p.*, t.said, t.calls from page as p left join step_messages as t on t.step_seq = p.seq order by p.seq`,
    values,
  );
}

/**
 * Reads the child runs of a run after the one with the id `after`, in the order of their creation.
 */
export function childrenOf(
  db: Queryable,
  id: string,
  { after, limit }: { after: string | undefined; limit: number },
) {
  return jsonPage<Child>(
    db,
    `select ${runListOf(childSchema)} from howdah.executions as t
     where t.parent_execution_id = $1 and ($2::uuid is null or t.id > $2) order by t.id limit $3`,
    [id, after ?? null, limit],
  );
}
