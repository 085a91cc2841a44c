import type { Json, JsonObject } from '../../json/json.ts';
import type { Queryable } from '../connection/pool.ts';

/** An agent or workflow as a tool of our MCP server. */
export type OfferedTool = {
  tool: string;
  kind: 'agent' | 'workflow';
  id: string;
  name: string;
  description: string;
  parameters: JsonObject;
  /** The tool that is called without a model. Such a tool receives the arguments directly. */
  calls: string | null;
};

/** Returns the agents and workflows that the caller may run, ordered by tool name, after a name. */
export async function offeredTools(
  client: Queryable,
  after: string | undefined,
  atMost: number,
): Promise<OfferedTool[]> {
  const { rows } = await client.query<OfferedTool>(
    'select * from howdah_private.offered_tools(after => $1, at_most => $2)',
    [after ?? null, atMost],
  );
  return rows;
}

/** Returns the tool with this name, if the caller may run its agent or workflow. */
export async function offeredTool(
  client: Queryable,
  tool: string,
): Promise<OfferedTool | undefined> {
  const { rows } = await client.query<OfferedTool>(
    'select * from howdah_private.offered_tools(tool => $1)',
    [tool],
  );
  return rows[0];
}

/** Returns whether the caller may run anything, and so answer anything. */
export async function mayRun(client: Queryable): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    `select howdah_private.may('executions', 'run') as may`,
  );
  return rows[0]?.may === true;
}

/** Starts a run and returns its id. Throws the error of a refused insert. */
export async function startRun(
  client: Queryable,
  { kind, id }: Pick<OfferedTool, 'kind' | 'id'>,
  { message, data, metadata }: { message: string; data: Json | undefined; metadata: JsonObject },
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into howdah.executions (${kind}_id, input, input_data, metadata)
     values ($1, $2, $3, $4) returning id::uuid::text as id`,
    [id, message, data === undefined ? null : JSON.stringify(data), JSON.stringify(metadata)],
  );
  return (rows[0] as { id: string }).id;
}

/**
 * Returns the status of a run and what the run waits for, or undefined when there is no such run.
 */
export async function runStatus(
  client: Queryable,
  id: string,
): Promise<{ status: string; waiting_for: string | null } | undefined> {
  const { rows } = await client.query(
    'select e.status, e.waiting_for from howdah.executions as e where e.id = $1',
    [id],
  );
  return rows[0];
}

/** Ends the run at once, unless it has ended. Throws `HWNTF` and `HWDEN`. */
export async function cancelToolRun(client: Queryable, id: string): Promise<void> {
  await client.query('savepoint cancelling');
  await client.query('select howdah.cancel_execution($1)', [id]).catch(async (error) => {
    if (error.code !== 'HWTRM') throw error;
    await client.query('rollback to savepoint cancelling');
  });
}

/** Returns the live run whose metadata contains this metadata. */
export async function findLive(
  client: Queryable,
  metadata: JsonObject,
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `select e.id::uuid::text as id from howdah.executions as e
     where e.tenant_id = howdah.current_tenant() and e.metadata @> $1 and e.completed_at is null
     order by e.id desc limit 1`,
    [JSON.stringify(metadata)],
  );
  return rows[0]?.id;
}

/** A question and the root run that it belongs to. */
export type QuestionRef = { id: string; root_execution_id: string; kind: string };

export async function findQuestion(
  client: Queryable,
  id: string,
): Promise<QuestionRef | undefined> {
  const { rows } = await client.query<QuestionRef>(
    `select q.id, q.root_execution_id::uuid::text as root_execution_id, q.kind
     from howdah.questions as q where q.id = $1`,
    [id],
  );
  return rows[0];
}

/** Answers a question of any kind. Throws the errors of SQL. */
export async function answer(
  client: Queryable,
  id: string,
  text: string | null,
  data?: Json,
): Promise<void> {
  await client.query('select howdah.answer_question($1, $2, $3)', [
    id,
    text,
    data === undefined ? null : JSON.stringify(data),
  ]);
}

/** Returns the steps of a run without their content. */
export async function outlineOf(
  client: Queryable,
  id: string,
  atMost: number,
): Promise<JsonObject[]> {
  const { rows } = await client.query<JsonObject>(
    `select s.seq, s.kind, s.name, s.error, s.tokens_in, s.tokens_out, s.finished_at
     from howdah.steps as s where s.execution_id = $1 order by s.seq desc limit $2`,
    [id, atMost],
  );
  return rows.reverse();
}

/** A prompt of the tenant with the JSON Schemas of its variables. */
export type PromptRow = {
  name: string;
  description: string;
  variables: Record<string, JsonObject>;
};

export async function listPrompts(
  client: Queryable,
  after: string | undefined,
  atMost: number,
): Promise<PromptRow[]> {
  const { rows } = await client.query<PromptRow>(
    `select p.name, p.description, p.variables from howdah.prompts as p
     where p.tenant_id = howdah.current_tenant() and p.deleted_at is null
       and ($1::text is null or p.name > $1)
     order by p.name limit $2`,
    [after ?? null, atMost],
  );
  return rows;
}

/** Returns the prompt with this name. Throws `HWNTF`. */
export async function findPrompt(client: Queryable, name: string): Promise<PromptRow> {
  const { rows } = await client.query<PromptRow>(
    'select p.name, p.description, p.variables from howdah.prompts as p where p.id = howdah.prompt($1)',
    [name],
  );
  return rows[0] as PromptRow;
}

/** Renders the text of a prompt with these values. Throws `HWINV`. */
export async function renderPrompt(
  client: Queryable,
  name: string,
  values: JsonObject,
): Promise<string> {
  const { rows } = await client.query<{ text: string }>(
    'select howdah.render_prompt($1, $2) as text',
    [name, JSON.stringify(values)],
  );
  return rows[0]?.text ?? '';
}
