import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { makeAgent } from './arrange.ts';

/** A member: the id of an agent or of another workflow, or a question to a person. */
export type MemberSpec = {
  agent?: string;
  workflow?: string;
  question?: JsonObject;
  role?: string;
  configuration?: JsonObject;
};

export type TeamSpec = {
  type: string;
  members: MemberSpec[];
  configuration?: JsonObject;
  instruction?: string;
  max_tokens?: number;
};

/** Makes a workflow with its members, and returns its id. */
export async function makeTeam(pool: pg.Pool, spec: TeamSpec): Promise<string> {
  const { type, members, configuration = {}, instruction = '', max_tokens = null } = spec;
  const { rows } = await pool.query(
    `with workflow as (
       insert into howdah.workflows (name, type, configuration, instruction, max_tokens)
       values ($1, $2, $3, $4, $5) returning id
     ), members as (
       insert into howdah.workflow_agents (workflow_id, agent_id, member_workflow_id, question, role, configuration, sequence_order)
       select w.id, m.agent, m.workflow, nullif(m.question, 'null'), m.role, coalesce(m.configuration, '{}'), m.place
       from workflow as w, rows from (jsonb_to_recordset($6) as (
         agent uuid, workflow uuid, question jsonb, role text, configuration jsonb)) with ordinality
         as m (agent, workflow, question, role, configuration, place)
     )
     select id from workflow`,
    [
      `team_${randomBytes(6).toString('hex')}`,
      type,
      configuration,
      instruction,
      max_tokens,
      JSON.stringify(members),
    ],
  );
  return rows[0].id;
}

export async function startTeam(
  pool: pg.Pool,
  workflow: string,
  input = 'Go.',
  data: unknown = null,
): Promise<string> {
  const { rows } = await pool.query(
    'insert into howdah.executions (workflow_id, input, input_data) values ($1, $2, $3) returning id',
    [workflow, input, data === null ? null : JSON.stringify(data)],
  );
  return rows[0].id;
}

/**
 * Returns the configuration of a deciding model that makes these decisions one after the other, by
 * calls of the tool.
 */
export async function makeDecidingModel(
  pool: pg.Pool,
  tool: string,
  ...decisions: JsonObject[]
): Promise<JsonObject> {
  const name = `decider_${randomBytes(6).toString('hex')}`;
  await pool.query(
    `insert into howdah.models (name, provider, model) values ($1, 'scripted', 'm')`,
    [name],
  );
  const script = decisions.map((decision) => ({
    tool_calls: [{ name: tool, arguments: decision }],
    usage: { tokens_in: 10, tokens_out: 5 },
  }));
  return { model: name, request_params: { script } };
}

/**
 * Returns the answer of a member to its input. `left` resolves when the client has disconnected.
 */
type MemberAnswer = (input: string, left: Promise<unknown>) => string | Promise<string>;

/**
 * Starts a server that answers for several agents, which it distinguishes by their instructions.
 * `behave` returns the answer to the last message of a user. The server reports its exceptions as
 * errors.
 */
export async function startMembers(
  pool: pg.Pool,
  behave: Record<string, MemberAnswer>,
): Promise<{ server: FakeServer; agent(part: string): Promise<string> }> {
  const server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as { role: string; content: string }[];
    const part = messages.find(({ role }) => role === 'system')?.content ?? '';
    const input = messages.findLast(({ role }) => role === 'user')?.content ?? '';
    try {
      return { content: await (behave[part] as MemberAnswer)(input, left) };
    } catch (error) {
      return { status: 400, error: { message: (error as Error).message } };
    }
  });
  return {
    server,
    agent: (part) =>
      makeAgent(pool, {
        instruction: part,
        models: [{ provider: 'openai', base_url: server.url }],
      }),
  };
}
