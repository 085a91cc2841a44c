import type pg from 'pg';
import { type FakeAnswer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { RunError } from '../../src/contracts/errors.ts';
import type { JsonObject } from '../../src/json/json.ts';
import {
  type AgentSpec,
  callTools,
  insertRun,
  makeAgent,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../runtime/arrange.ts';
import { makeDecidingModel, makeTeam, startTeam, type TeamSpec } from '../runtime/teams.ts';

/**
 * For each code, provokes the error in a run or a tool call, and returns the error that is stored.
 */
export const runErrors: Readonly<Record<string, (pool: pg.Pool) => Promise<RunError | null>>> = {
  rate_limited: modelServerError({
    status: 429,
    error: { message: 'Rate limit reached for requests' },
  }),
  overloaded: modelServerError({ status: 503, error: { message: 'The engine is overloaded' } }),
  async unreachable(pool) {
    const server = await startOpenAiServer([]);
    await server.close();
    return errorOfRun(pool, { models: [{ provider: 'openai', base_url: server.url }] });
  },
  timeout: modelServerError({ status: 504, error: { message: 'upstream request timeout' } }),
  bad_answer: modelServerError({
    raw: '<!doctype html><title>Welcome</title>',
    headers: { 'content-type': 'text/html' },
  }),
  invalid_request: modelServerError({
    status: 400,
    error: { message: 'Unknown parameter: temperatur' },
  }),
  unauthorized: modelServerError({ status: 401, error: { message: 'Incorrect API key provided' } }),
  not_found: modelServerError({ status: 404, error: { message: 'The model m does not exist' } }),
  context_too_long: modelServerError({
    status: 400,
    error: { code: 'context_length_exceeded', message: 'maximum context length is 8192 tokens' },
  }),
  content_filtered: modelServerError({
    status: 400,
    error: { code: 'content_filter', message: 'The prompt was flagged' },
  }),
  refused: modelServerError({
    chunks: [
      {
        choices: [
          { index: 0, delta: { refusal: 'I cannot help with that.' }, finish_reason: 'stop' },
        ],
      },
    ],
  }),
  quota_exhausted: modelServerError({
    status: 429,
    error: { code: 'insufficient_quota', message: 'You exceeded your current quota' },
  }),
  output_truncated: modelServerError({ content: '', finish_reason: 'length' }),
  empty_answer: modelServerError({ content: '' }),
  invalid_arguments: (pool) => errorOfCall(pool, { name: 'calculator', arguments: {} }),
  unknown_tool: (pool) =>
    errorOfCall(pool, { name: 'calculatr', arguments: { expression: '6 * 7' } }),
  tool_failed: (pool) => errorOfCall(pool, { name: 'order_status', arguments: { id: 7 } }),
  rejected: (pool) =>
    errorOfCall(pool, { name: 'calculator', arguments: { expression: '6 * 7' } }, 6),
  member_failed: async (pool) =>
    errorOfTeam(pool, {
      type: 'chain',
      members: [{ agent: await makeFailingAgent(pool), role: 'writer' }],
    }),
  invalid_condition: async (pool) =>
    errorOfTeam(pool, {
      type: 'graph',
      members: [
        await makeSayingMember(pool, 'red', 'judge'),
        await makeSayingMember(pool, 'done', 'painter'),
      ],
      configuration: { edges: [{ from: 'judge', to: 'painter', when: 'output + "x"' }] },
    }),
  tied_vote: async (pool) =>
    errorOfTeam(pool, {
      type: 'voting',
      members: [
        await makeSayingMember(pool, 'red', 'ada'),
        await makeSayingMember(pool, 'blue', 'ben'),
      ],
      configuration: { ties: 'fail' },
    }),
  no_votes: async (pool) =>
    errorOfTeam(pool, {
      type: 'voting',
      members: [
        await makeSayingMember(pool, '[]', 'ada'),
        await makeSayingMember(pool, '[]', 'ben'),
      ],
      configuration: { method: 'ranked' },
    }),
  no_route: async (pool) =>
    errorOfTeam(pool, {
      type: 'router',
      members: [await makeSayingMember(pool, 'Here.', 'orders')],
      configuration: {
        min_confidence: 0.8,
        ...(await makeDecidingModel(pool, 'route', {
          members: [
            { member: 'orders', confidence: 0.3, reason: 'it is no question about orders' },
          ],
        })),
      },
    }),
  query_failed: async (pool) =>
    errorOfTeam(pool, {
      type: 'map',
      members: [await makeSayingMember(pool, 'done', 'worker')],
      configuration: { query: 'select nam from (values (1)) as people (name)' },
    }),
  invalid_output: (pool) =>
    errorOfRun(pool, {
      output_schema: { type: 'object', required: ['total'], properties: { total: {} } },
      script: [{ content: '{"sum": 42}' }, { content: '{"sum": 42}' }],
    }),
  limit_reached: (pool) =>
    errorOfRun(pool, {
      max_steps: 1,
      tools: ['calculator'],
      script: [callTools({ name: 'calculator', arguments: { expression: '6 * 7' } })],
    }),
  async start_refused(pool) {
    const agent = await makeAgent(pool, { script: [] });
    await pool.query(`update howdah.agents set name = 'clerk', is_active = false where id = $1`, [
      agent,
    ]);
    await pool.query('create schema if not exists shop; create table shop.tickets (body text)');
    await pool.query(`select howdah.watch_table('shop.tickets', agent => 'clerk')`);
    await pool.query(`insert into shop.tickets values ('hello')`);
    const { rows } = await pool.query(
      `select error from howdah.executions where metadata ->> 'table' = 'shop.tickets'`,
    );
    return rows[0]?.error ?? null;
  },
  async cancelled(pool) {
    const agent = await makeAgent(pool, { script: [{ content: 'Good day.' }] });
    const id = await insertRun(pool, agent, 'hello', { run_at: new Date('2099-01-01') });
    await pool.query(`select howdah.cancel_execution($1)`, [id]);
    await pool.query('select howdah.retry_execution($1)', [id]);
    return (await stepsOf(pool, id)).find(({ kind }) => kind === 'retry')?.error ?? null;
  },
  script_mismatch: (pool) => errorOfRun(pool, { script: [] }),
  internal: (pool) =>
    errorOfRun(pool, { instruction: 'unlucky', script: [{ content: 'Good day.' }] }),
};

/** Returns the error of a run whose model server gives this answer to every request. */
function modelServerError(answer: FakeAnswer) {
  return async (pool: pg.Pool): Promise<RunError | null> => {
    const server = await startOpenAiServer(() => answer);
    try {
      return await errorOfRun(pool, { models: [{ provider: 'openai', base_url: server.url }] });
    } finally {
      await server.close();
    }
  };
}

async function errorOfRun(pool: pg.Pool, agent: AgentSpec): Promise<RunError | null> {
  const { error } = await runToEnd(pool, await makeAgent(pool, agent));
  return error;
}

/**
 * Returns the error of the last failed tool step of a run. The scripted model makes the call
 * `times` times in one answer.
 */
async function errorOfCall(
  pool: pg.Pool,
  call: { name: string; arguments: JsonObject },
  times = 1,
): Promise<RunError | null> {
  const agent = await makeAgent(pool, {
    tools: ['calculator', 'order_status'],
    script: [
      callTools(...Array.from({ length: times }, (_, at) => ({ ...call, id: `call_${at}` }))),
      { content: 'So be it.' },
    ],
  });
  const { id } = await runToEnd(pool, agent);
  const steps = await stepsOf(pool, id);
  return steps.findLast(({ kind, error }) => kind === 'tool' && error !== null)?.error ?? null;
}

async function errorOfTeam(pool: pg.Pool, team: TeamSpec): Promise<RunError | null> {
  const { error } = await waitForEnd(pool, await startTeam(pool, await makeTeam(pool, team)));
  return error;
}

async function makeSayingMember(pool: pg.Pool, content: string, role: string) {
  return { agent: await makeAgent(pool, { script: [{ content }] }), role };
}

function makeFailingAgent(pool: pg.Pool): Promise<string> {
  return makeAgent(pool, {
    script: [{ error: { status: 401, message: 'Incorrect API key provided' } }],
  });
}
