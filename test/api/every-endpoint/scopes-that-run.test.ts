import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeQuestion } from '../../sql/open-questions.ts';
import { failed, finish, makeApiKey, makeWorker, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { connect } from '../mcp/mcp-client.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// A key without the scope `run` starts no run: neither now, nor later by a row that it writes.

const db = testDatabase();
const TEXT = 'Run without the scope';
let api: ApiServer;
let tenant: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
  const make = async (name: string, text: string) => {
    ids[name] = (await one(db.pool, text)).id;
  };
  await make('agent', `select howdah.agent('development') as id`);
  await make('session', `select id from howdah.start_session('development')`);
  await make('run', `select id from howdah.run('development', 'live')`);
  await make('ended', `select id from howdah.run('development', 'ended')`);
  await finish(db.pool, await makeWorker(db.pool), ids.ended ?? '', failed);
  await make(
    'schedule',
    `insert into howdah.schedules (name, cron, agent_id, input, is_active)
     values ('paused', '* * * * *', howdah.agent('development'), '${TEXT}', false) returning id`,
  );
  await db.pool.query(
    `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'hook_secret', '')`,
    [tenant],
  );
  ids.question = await makeQuestion(db.pool, { kind: 'question' }).then(({ id }) => id);
});
afterAll(async () => {
  await api?.close();
});

type Sent = { isRefused: boolean; answer: string };
type Door = (token: string) => Promise<Sent>;

const rest =
  (method: string, path: () => string, body: () => object): Door =>
  async (token) => {
    const { status, body: answer } = await call(api, method, path(), body(), { token });
    return { isRefused: status === 403, answer: `${status} ${JSON.stringify(answer)}` };
  };
const graphql =
  (mutation: string, variables: () => object): Door =>
  async (token) => {
    const { errors } = await ask(api, mutation, variables(), token);
    return {
      isRefused: errors.some(({ extensions }) => extensions.code === 'HWDEN'),
      answer: JSON.stringify(errors),
    };
  };
const schedule = (name: string) => ({
  name,
  cron: '* * * * *',
  agent_id: ids.agent,
  input: TEXT,
});

const doors: Record<string, Door> = {
  'REST execute': rest(
    'POST',
    () => '/api/execute',
    () => ({ agent: 'development', message: TEXT }),
  ),
  'REST execute with a callback': rest(
    'POST',
    () => '/api/execute',
    () => ({
      agent: 'development',
      message: TEXT,
      callback_url: 'https://example.com/',
    }),
  ),
  'REST query': rest(
    'POST',
    () => '/query',
    () => ({ question: TEXT }),
  ),
  'REST message of a session': rest(
    'POST',
    () => `/sessions/${ids.session}/messages`,
    () => ({
      content: TEXT,
    }),
  ),
  'REST retry': rest(
    'POST',
    () => `/api/executions/${ids.ended}/retry`,
    () => ({}),
  ),
  'REST fork': rest(
    'POST',
    () => `/api/executions/${ids.ended}/fork`,
    () => ({ seq: 0 }),
  ),
  'REST resume': rest(
    'POST',
    () => `/api/executions/${ids.run}/resume`,
    () => ({}),
  ),
  'REST input to a live run': rest(
    'POST',
    () => `/api/executions/${ids.run}/input`,
    () => ({
      content: TEXT,
    }),
  ),
  'REST answer': rest(
    'POST',
    () => `/api/questions/${ids.question}/answer`,
    () => ({
      answer: TEXT,
    }),
  ),
  'REST new schedule': rest(
    'POST',
    () => '/api/schedules',
    () => schedule(randomUUID()),
  ),
  'REST change of a schedule': rest(
    'PATCH',
    () => `/api/schedules/${ids.schedule}`,
    () => ({
      cron: '*/2 * * * *',
    }),
  ),
  'REST activation of a schedule': rest(
    'PATCH',
    () => `/api/schedules/${ids.schedule}`,
    () => ({
      is_active: true,
    }),
  ),
  'REST run of a schedule': rest(
    'POST',
    () => `/api/schedules/${ids.schedule}/run`,
    () => ({}),
  ),
  'REST new inbound hook': rest(
    'POST',
    () => '/api/inbound-hooks',
    () => ({
      name: 'hook',
      verification: 'github',
      secret_name: 'hook_secret',
      agent_id: ids.agent,
    }),
  ),
  'chat completions': rest(
    'POST',
    () => '/v1/chat/completions',
    () => ({
      model: 'development',
      messages: [{ role: 'user', content: TEXT }],
    }),
  ),
  responses: rest(
    'POST',
    () => '/v1/responses',
    () => ({ model: 'development', input: TEXT }),
  ),
  'chats of user interfaces': rest(
    'POST',
    () => '/api/chat',
    () => ({
      id: randomUUID(),
      agent: 'development',
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', text: TEXT }] }],
    }),
  ),
  'AG-UI': rest(
    'POST',
    () => '/ag-ui/agents/development',
    () => ({
      threadId: randomUUID(),
      runId: randomUUID(),
      state: {},
      messages: [{ id: '1', role: 'user', content: TEXT }],
      tools: [],
      context: [],
      forwardedProps: {},
    }),
  ),
  A2A: async (token) => {
    const { body } = await call(
      api,
      'POST',
      '/a2a/development',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'message/send',
        params: {
          message: {
            kind: 'message',
            messageId: randomUUID(),
            role: 'user',
            parts: [{ kind: 'text', text: TEXT }],
          },
        },
      },
      { token },
    );
    return { isRefused: 'error' in body, answer: JSON.stringify(body) };
  },
  MCP: async (token) => {
    const client = await connect(api, { token });
    try {
      const result = await client.callTool({ name: 'development', arguments: { message: TEXT } });
      return { isRefused: result.isError === true, answer: JSON.stringify(result) };
    } catch (error) {
      return { isRefused: true, answer: String(error) };
    } finally {
      await client.close();
    }
  },
  'GraphQL run': graphql(
    'mutation ($t: String!) { run(input: {agent: "development", input: $t}) { result { id } } }',
    () => ({ t: TEXT }),
  ),
  'GraphQL createExecution': graphql(
    'mutation ($a: UUID!, $t: String!) { createExecution(input: {execution: {agentId: $a, input: $t}}) { execution { id } } }',
    () => ({ a: ids.agent, t: TEXT }),
  ),
  'GraphQL sendMessage': graphql(
    'mutation ($s: UUID!, $t: String!) { sendMessage(input: {sessionId: $s, content: $t}) { result { id } } }',
    () => ({ s: ids.session, t: TEXT }),
  ),
  'GraphQL createMail': graphql(
    'mutation ($a: UUID!, $t: String!) { createMail(input: {mail: {toAgentId: $a, content: $t}}) { mail { id } } }',
    () => ({ a: ids.agent, t: TEXT }),
  ),
  'GraphQL retryExecution': graphql(
    'mutation ($id: UUID!) { retryExecution(input: {id: $id}) { result { id } } }',
    () => ({ id: ids.ended }),
  ),
  'GraphQL forkExecution': graphql(
    'mutation ($id: UUID!) { forkExecution(input: {id: $id, seq: 0}) { result { id } } }',
    () => ({ id: ids.ended }),
  ),
  'GraphQL answerQuestion': graphql(
    'mutation ($id: UUID!) { answerQuestion(input: {id: $id, answer: "x"}) { result { id } } }',
    () => ({ id: ids.question }),
  ),
  'GraphQL createSchedule': graphql(
    'mutation ($a: UUID!, $n: String!) { createSchedule(input: {schedule: {name: $n, cron: "* * * * *", agentId: $a, input: "x"}}) { schedule { id } } }',
    () => ({ a: ids.agent, n: randomUUID() }),
  ),
  'GraphQL updateSchedule': graphql(
    'mutation ($id: UUID!) { updateSchedule(input: {id: $id, patch: {isActive: true}}) { schedule { id } } }',
    () => ({ id: ids.schedule }),
  ),
  'GraphQL runSchedule': graphql(
    'mutation ($id: UUID!) { runSchedule(input: {id: $id}) { result { id } } }',
    () => ({ id: ids.schedule }),
  ),
  'GraphQL createInboundHook': graphql(
    'mutation ($a: UUID!) { createInboundHook(input: {inboundHook: {name: "hook", verification: github, secretName: "hook_secret", agentId: $a}}) { inboundHook { id } } }',
    () => ({ a: ids.agent }),
  ),
};

const state = () =>
  one(
    db.pool,
    `select (select count(*) from howdah.executions) as runs,
       (select count(*) from howdah.schedules where is_active) as active,
       (select count(*) from howdah.schedules) as schedules,
       (select count(*) from howdah.inbound_hooks) as hooks,
       (select count(*) from howdah_private.inbox) as inbox,
       (select count(*) from howdah.mail) as mail`,
  );

describe.each([['read'], ['edit'], ['manage'], ['edit', 'manage']])(
  'a key with the scopes %s %s',
  (...scopes) => {
    test.each(Object.keys(doors))('starts no run over %s', async (name) => {
      const { key } = await makeApiKey(db.pool, tenant, {
        role: 'owner',
        scopes: scopes.filter(Boolean),
      });
      const before = await state();
      const sent = await (doors[name] as Door)(key);
      expect(sent).toMatchObject({ isRefused: true });
      await db.pool.query('update howdah.schedules set next_at = now() where is_active');
      await db.pool.query('select howdah_private.fire_schedules(10)');
      expect(await state()).toEqual(before);
    });
  },
);

test.each(
  Object.keys(doors).filter((name) => /^(REST|GraphQL)/.test(name) && name !== 'REST query'),
)('a key with all scopes is not refused over %s', async (name) => {
  const scopes = ['run', 'edit', 'manage'];
  const { key } = await makeApiKey(db.pool, tenant, { role: 'owner', scopes });
  expect(await (doors[name] as Door)(key)).toMatchObject({ isRefused: false });
});
