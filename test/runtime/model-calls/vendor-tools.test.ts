import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runToEnd, stepsOf } from '../arrange.ts';

// Parameters that make a vendor search the web obey the tool policies of the tenant.

const database = testDatabase();
const WEB = { web_search_options: {}, plugins: [{ id: 'web' }], temperature: 0.5 };
let server: FakeServer;
let worker: Worker;
let agent: string;

beforeAll(async () => {
  server = await startOpenAiServer(() => ({ content: 'done' }));
  worker = await startTestWorker(database.url, { openai: server.url });
  const { rows } = await database.pool.query(
    `with model as (
       insert into howdah.models (name, provider, model) values ('web', 'openai', 'm') returning id),
     agent as (
       insert into howdah.agents (name, instruction) values ('searcher', 'Search.') returning id)
     insert into howdah.agent_models (agent_id, model_id, request_params)
     select agent.id, model.id, $1 from agent, model returning agent_id`,
    [WEB],
  );
  agent = rows[0].agent_id;
});
afterAll(async () => {
  await worker?.stop(0);
  await server?.close();
});
beforeEach(async () => {
  server.requests.length = 0;
  await database.pool.query('delete from howdah.tool_policies');
});

/** Runs the agent. Returns the parameters received by its model, and the content of its step. */
async function runAgent() {
  const { id } = await runToEnd(database.pool, agent);
  const body = server.requests.at(-1)?.body ?? {};
  const step = (await stepsOf(database.pool, id)).find(({ kind }) => kind === 'model');
  const sent = Object.keys(WEB).filter((name) => name in body);
  return { sent, withheld: (step?.output as { withheld_params?: string[] })?.withheld_params };
}
const policy = (values: string) =>
  database.pool.query(
    `insert into howdah.tool_policies (tool_id, kind, agent_id, min_trust, decision) ${values}`,
  );
const HTTP = `select id from howdah.tools where name = 'http_request' and tenant_id = howdah.current_tenant()`;
const ALL = { sent: Object.keys(WEB), withheld: undefined };
const NONE = { sent: ['temperature'], withheld: ['plugins', 'web_search_options'] };

test('without a policy, the vendor may search', async () => {
  expect(await runAgent()).toEqual(ALL);
});

test.each(['deny', 'ask'])(
  'a policy that says %s about http_request withholds them',
  async (say) => {
    await policy(`select (${HTTP}), null, null, 'system', '${say}'`);
    expect(await runAgent()).toEqual(NONE);
  },
);

test('a policy about built-in tools or about other agents counts as for tools', async () => {
  await policy(`select null, 'builtin', null, 'system', 'deny'`);
  expect(await runAgent()).toEqual(NONE);
  await policy(`select (${HTTP}), null, '${agent}', 'system', 'allow'`);
  expect(await runAgent()).toEqual(ALL);
});

test('a policy for less trusted runs does not concern a trusted one', async () => {
  await policy(`select (${HTTP}), null, null, 'internal', 'deny'`);
  expect(await runAgent()).toEqual(ALL);
});

test('a tenant that limits http_request to hosts, or switches it off, limits the vendor too', async () => {
  const set = (change: string) =>
    database.pool.query(`update howdah.tools set ${change} where id = (${HTTP})`);
  await set(`configuration = '{"allow": ["api.example.com:443"]}'`);
  expect(await runAgent()).toEqual(NONE);
  await set(`configuration = '{}', is_active = false`);
  expect(await runAgent()).toEqual(NONE);
  await set('is_active = true');
  expect(await runAgent()).toEqual(ALL);
});
