import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stepLine } from '../../../src/cli/print/step-line.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  all,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  one,
  refusal,
} from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  callTools,
  type Execution,
  kindsOf,
  makeAgent,
  messagesOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { answerAndWait, expectEqualReplay } from '../replay/replay-runs.ts';

// Answers of tools that are used again for equal calls.

const db = testDatabase();
let worker: Worker;
let server: Server;
let base: string;
/** The number of calls that were made, of all tools outside the database. */
let made = 0;
let status: number;

const reading = (name: string, run: CustomTool['run']): CustomTool => ({
  ...{ name, description: '', effect: 'pure', parameters: { type: 'object' } },
  run: (args, context) => {
    made += 1;
    return run(args, context);
  },
});
const tools: CustomTool[] = [
  reading('rate', (args) => ({ z: made, a: args })),
  reading('say', () => `call ${made}`),
  reading('long', () => `${made}`.repeat(2_000)),
  reading('fail', () => Promise.reject(new Error('nothing there'))),
  reading('attach', () => ({
    $content: [{ type: 'resource', resource: { uri: 'file:///a.txt', text: 'a'.repeat(40_000) } }],
  })),
  reading('ask', async (_args, { elicit }) => ({ made, ...(await elicit('Which one?')) })),
];

/** Answers as an MCP server with the tool `read`. */
async function serveMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') return void response.writeHead(405).end();
  const { id, method, params } = JSON.parse(await text(request));
  if (id === undefined) return void response.writeHead(202).end();
  made += method === 'tools/call' ? 1 : 0;
  const tool = { name: 'read', inputSchema: { type: 'object' } };
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'own', version: '1' },
    },
    'tools/list': { tools: [{ ...tool, annotations: { readOnlyHint: true } }] },
    'tools/call': { content: [{ type: 'text', text: `read ${made}` }] },
  };
  response.writeHead(results[method] ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] }));
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    if (request.url === '/mcp') return serveMcp(request, response);
    made += 1;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ made }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  worker = await startTestWorker(db.url, { tools, egressAllow: ['127.0.0.1'] });
  await db.pool.query(`
    create schema shop;
    create table shop.prices (item text primary key, price int not null);
    insert into shop.prices values ('chair', 10);
    grant select on shop.prices to howdah_app;
    create function shop.price(item text) returns int stable language sql as
      'select p.price from shop.prices as p where p.item = price.item';
    select howdah.register_sql_tool('shop.price(text)')`);
  await db.pool.query(
    `insert into howdah.tools (name, kind, effect, parameters, configuration)
     values ('get', 'http', 'pure',
       '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}',
       jsonb_build_object('url', $1 || '/{id}'))`,
    [base],
  );
  await db.pool.query(
    `update howdah.tools set cache_answers_for = 3600
     where name in ('rate', 'say', 'long', 'fail', 'attach', 'ask', 'price', 'get')`,
  );
});
beforeEach(() => {
  status = 200;
});
afterAll(async () => {
  await worker.stop(1_000);
  server.closeAllConnections();
  server.close();
});

/** Creates an agent that makes one call. */
function agentThat(calls: string, args: JsonObject = {}): Promise<string> {
  const script = [callTools({ name: calls, arguments: args }), { content: 'done' }];
  return makeAgent(db.pool, { script, tools: [calls], use_history: false });
}

async function run(agent_id: string, columns: Record<string, unknown> = {}): Promise<Execution> {
  const { user_id } = columns;
  await db.pool.query(
    `insert into howdah.grants (agent_id, user_id, permission)
     select $1, $2, 'run' where $2::uuid is not null on conflict do nothing`,
    [agent_id, user_id],
  );
  return waitForEnd(db.pool, await makeRun(db.pool, { agent_id, input: 'go', ...columns }));
}

/** Runs the agent, and waits until the answer to its call is in the cache. */
async function cached(agent: string, columns: Record<string, unknown> = {}): Promise<Execution> {
  const execution = await run(agent, columns);
  await eventually(
    db.pool,
    'its answer is cached',
    'select from howdah_private.cached_answers where execution_id = $1',
    [execution.id],
  );
  return execution;
}

async function callOf({ id }: Execution) {
  const step = (await stepsOf(db.pool, id)).find(({ kind }) => kind === 'tool');
  if (!step) throw new Error(`run ${id} has no call`);
  return step as typeof step & { annotations: { cached_from?: JsonObject } | null; effect: string };
}
const cachedFrom = async (execution: Execution) =>
  (await callOf(execution)).annotations?.cached_from?.execution_id as string | undefined;
const outputOf = async (execution: Execution): Promise<Json> => (await callOf(execution)).output;
const rowsOf = (agent: string) =>
  all(db.pool, 'select * from howdah_private.cached_answers where agent_id = $1', [agent]);

describe('a hit', () => {
  test('is a step with the output of the earlier call, and no call', async () => {
    const agent = await agentThat('rate', { b: 1, a: [2] });
    const first = await cached(agent);
    const before = made;
    const second = await run(agent);
    expect(made).toBe(before);
    expect(second.status).toBe('completed');
    expect(await kindsOf(db.pool, second.id)).toBe(await kindsOf(db.pool, first.id));
    const [one_, two] = [await callOf(first), await callOf(second)];
    expect(two).toMatchObject({
      ...{ output: one_.output, input: { a: [2], b: 1 }, error: null, effect: 'pure' },
      annotations: { cached_from: { execution_id: first.id, seq: one_.seq } },
    });
    const texts = await Promise.all(
      [first, second].map(async ({ id }) =>
        (await messagesOf(db.pool, id)).find(({ role }) => role === 'tool'),
      ),
    );
    // the text has the keys in the order of the tool
    expect(texts[0]?.content).toMatch(/^{"z"/);
    expect(texts[1]?.content).toBe(texts[0]?.content);
    const step = { ...two, said: 'Yes.', calls: null };
    expect(stepLine({ color: false } as never, step as never)).toMatch(/from the answer cache\)$/);
    await expectEqualReplay(db.pool, second.id);
  });

  test('counts in the view of its tool, and not in that of models', async () => {
    const agent = await agentThat('say');
    const name = `counted_${made}`;
    await db.pool.query(
      `with t as (
         insert into howdah.tools (name, kind, effect, configuration, cache_answers_for)
         select $2, 'http', 'pure', jsonb_build_object('url', $3::text), 60 returning id
       )
       insert into howdah.agent_tools (agent_id, tool_id) select $1, id from t`,
      [agent, name, base],
    );
    await db.pool.query(
      `update howdah.agent_models set request_params = jsonb_build_object('script', $2::jsonb)
       where agent_id = $1`,
      [agent, JSON.stringify([callTools({ name }), { content: 'done' }])],
    );
    const first = await cached(agent);
    for (let n = 0; n < 3; n += 1) expect(await cachedFrom(await run(agent))).toBe(first.id);
    expect(
      await one(db.pool, 'select * from howdah.tool_answer_cache where tool = $1', [name]),
    ).toMatchObject({ answers: '1', calls: '1', hits: '3', hit_rate: '0.7500' });
    expect(
      await one(db.pool, 'select * from howdah.tool_performance where tool = $1', [name]),
    ).toMatchObject({ calls: '1', errors: '0', success_rate: '1.0000', cached_calls: '3' });
    expect(
      await all(db.pool, 'select from howdah.answer_cache where agent_id = $1', [agent]),
    ).toEqual([]);
  });

  test.each(['internal', 'external'])('keeps the trust %s of the answer', async (trust) => {
    const agent = await agentThat('say');
    await db.pool.query(
      `update howdah.agent_tools set configuration = jsonb_build_object('result_trust', $2::text)
       where agent_id = $1`,
      [agent, trust],
    );
    const first = await cached(agent);
    const second = await run(agent);
    expect(await cachedFrom(second)).toBe(first.id);
    const message = (await messagesOf(db.pool, second.id)).find(({ role }) => role === 'tool');
    expect(message).toMatchObject({ trust });
    expect(
      await one(db.pool, 'select trust from howdah.executions where id = $1', [second.id]),
    ).toEqual({ trust });
  });

  test('comes from a function and from a server as well', async () => {
    const priced = await agentThat('price', { item: 'chair' });
    const first = await cached(priced);
    await db.pool.query('update shop.prices set price = price + 1');
    const second = await run(priced);
    expect([await cachedFrom(second), await outputOf(second)]).toEqual([
      first.id,
      await outputOf(first),
    ]);
    const fetching = await agentThat('get', { id: 'A' });
    const got = await cached(fetching);
    expect(await cachedFrom(await run(fetching))).toBe(got.id);
  });

  test('comes from an MCP server, until its settings change', async () => {
    await db.pool.query(
      `insert into howdah.mcp_servers (name, type, trusts_annotations, configuration)
       values ('own', 'http', true, jsonb_build_object('url', $1 || '/mcp'))`,
      [base],
    );
    await eventually(
      db.pool,
      'the server is asked',
      `update howdah.tools set cache_answers_for = 3600 where name = 'own__read' returning id`,
    );
    const agent = await agentThat('own__read');
    const first = await cached(agent);
    const before = made;
    const second = await run(agent);
    expect([await cachedFrom(second), made]).toEqual([first.id, before]);
    expect(await outputOf(second)).toBe(await outputOf(first));
    await db.pool.query(
      `update howdah.mcp_servers set configuration = configuration || '{"headers": {"x-a": "b"}}'
       where name = 'own'`,
    );
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    // the annotations decide on the effect again, and would contradict the setting
    expect(
      await refusal(
        db.pool.query(
          `update howdah.mcp_servers set trusts_annotations = false where name = 'own'`,
        ),
      ),
    ).toMatchObject({ code: 'HWINV', constraint: 'cached_tools_are_pure' });
  });
});

describe('no hit has', () => {
  test('another agent, other arguments, or an agent with another configuration', async () => {
    const agent = await agentThat('say', { n: 1 });
    await cached(agent);
    expect(await cachedFrom(await run(await agentThat('say', { n: 1 })))).toBeUndefined();
    await db.pool.query(
      `update howdah.agent_models set request_params = jsonb_build_object('script', $2::jsonb)
       where agent_id = $1`,
      [agent, JSON.stringify([callTools({ name: 'say', arguments: { n: 2 } }), { content: 'x' }])],
    );
    const second = await cached(agent);
    expect(await cachedFrom(second)).toBeUndefined();
    expect(await cachedFrom(await run(agent))).toBe(second.id);
    await db.pool.query(
      `update howdah.agent_tools set configuration = '{"max_result_bytes": 5000}' where agent_id = $1`,
      [agent],
    );
    expect(await cachedFrom(await run(agent))).toBeUndefined();
  });

  test.each(['say', 'price', 'get'])('another user of %s, or none', async (tool) => {
    const agent = await agentThat(tool, tool === 'price' ? { item: 'chair' } : { id: 'A' });
    const [ada, ben] = [await makeUser(db.pool), await makeUser(db.pool)];
    const hers = await cached(agent, { user_id: ada.id });
    expect(await cachedFrom(await run(agent, { user_id: ben.id }))).toBeUndefined();
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    expect(await cachedFrom(await run(agent, { user_id: ada.id }))).toBe(hers.id);
  });

  test.each([
    ['say', false],
    ['price', false],
    ['get', true],
  ])('another session, other metadata or another trust of %s', async (tool, isShared) => {
    const agent = await agentThat(tool, tool === 'price' ? { item: 'chair' } : { id: 'A' });
    const first = await cached(agent);
    const session_id = await makeSession(db.pool, { agent_id: agent });
    const metadata = { customer: 'B' };
    const others = [{ session_id }, { metadata }, { input_trust: 'external' }];
    for (const columns of others) {
      expect(await cachedFrom(await run(agent, columns))).toBe(isShared ? first.id : undefined);
    }
    expect(await cachedFrom(await run(agent, { session_id }))).toBeDefined();
    expect(await cachedFrom(await run(agent, { metadata }))).toBeDefined();
  });

  test('a user who has connected an account anew', async () => {
    const agent = await agentThat('get', { id: 'A' });
    const ada = await makeUser(db.pool);
    const { id } = await one(
      db.pool,
      `with i as (
         insert into howdah.integrations (name, resource_url) values ($1, 'https://crm.example.com')
         returning id, tenant_id
       )
       insert into howdah.connected_accounts (tenant_id, integration_id, user_id, status, connected_at)
       select tenant_id, id, $2, 'connected', now() - interval '1 day' from i returning id`,
      [`crm_${made}`, ada.id],
    );
    const first = await cached(agent, { user_id: ada.id });
    expect(await cachedFrom(await run(agent, { user_id: ada.id }))).toBe(first.id);
    await db.pool.query('update howdah.connected_accounts set connected_at = now() where id = $1', [
      id,
    ]);
    const second = await cached(agent, { user_id: ada.id });
    expect(await cachedFrom(second)).toBeUndefined();
    await db.pool.query(`update howdah.connected_accounts set status = 'revoked' where id = $1`, [
      id,
    ]);
    expect(await cachedFrom(await run(agent, { user_id: ada.id }))).toBeUndefined();
  });

  test('a tool that was changed, nor a function that was replaced', async () => {
    const agent = await agentThat('say');
    await cached(agent);
    await db.pool.query(`update howdah.tools set timeout_ms = timeout_ms + 1 where name = 'say'`);
    const second = await cached(agent);
    expect(await cachedFrom(second)).toBeUndefined();
    expect(await cachedFrom(await run(agent))).toBe(second.id);
    const priced = await agentThat('price', { item: 'chair' });
    await cached(priced);
    await db.pool.query(
      `create or replace function shop.price(item text) returns int stable language sql as
         'select p.price + 1000 from shop.prices as p where p.item = price.item'`,
    );
    const after = await run(priced);
    expect(await cachedFrom(after)).toBeUndefined();
    expect(Number(await outputOf(after))).toBeGreaterThan(1_000);
  });

  test('an answer that is too old, or a tool without the setting', async () => {
    const agent = await agentThat('say');
    const first = await cached(agent);
    await db.pool.query(
      `update howdah_private.cached_answers set cached_at = cached_at - interval '61 minutes'
       where execution_id = $1`,
      [first.id],
    );
    await db.pool.query(
      `update howdah.tools set updated_at = now() - interval '2 hours' where name = 'say'`,
    );
    const second = await cached(agent);
    expect(await cachedFrom(second)).toBeUndefined();
    expect(await rowsOf(agent)).toMatchObject([{ execution_id: second.id, calls: 2, hits: 0 }]);
    await db.pool.query(`update howdah.tools set cache_answers_for = null where name = 'say'`);
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    expect(await rowsOf(agent)).toMatchObject([{ execution_id: second.id, calls: 2, hits: 0 }]);
    await db.pool.query(`update howdah.tools set cache_answers_for = 3600 where name = 'say'`);
  });
});

describe('not cached', () => {
  test.each([
    ['an error', 'fail'],
    ['a file', 'attach'],
  ])('is %s', async (_what, tool) => {
    const agent = await agentThat(tool);
    expect((await run(agent)).status).toBe('completed');
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    expect(await rowsOf(agent)).toEqual([]);
  });

  test('is an answer that was cut off', async () => {
    const agent = await agentThat('long');
    await db.pool.query(
      `update howdah.agent_tools set configuration = '{"max_result_bytes": 1000}' where agent_id = $1`,
      [agent],
    );
    expect(await outputOf(await run(agent))).toMatch(/cut off/);
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    expect(await rowsOf(agent)).toEqual([]);
    await db.pool.query(`update howdah.agent_tools set configuration = '{}' where agent_id = $1`, [
      agent,
    ]);
    await cached(agent);
  });

  test('is a response that is no success', async () => {
    const agent = await agentThat('get', { id: 'B' });
    status = 404;
    expect(await outputOf(await run(agent))).toMatchObject({ status: 404 });
    status = 200;
    const second = await cached(agent);
    expect(await outputOf(second)).toMatchObject({ status: 200 });
    expect(await cachedFrom(await run(agent))).toBe(second.id);
  });

  test('is an answer to which a person contributed', async () => {
    const agent = await agentThat('ask');
    const id = await makeRun(db.pool, { agent_id: agent, input: 'go' });
    await answerAndWait(db.pool, id, `select howdah.answer_question($1, 'accept', '{}')`);
    expect(await rowsOf(agent)).toEqual([]);
  });

  test('is a call that a person has to approve', async () => {
    const agent = await agentThat('say');
    await cached(agent);
    await db.pool.query(
      'update howdah.agent_tools set requires_approval = true where agent_id = $1',
      [agent],
    );
    const before = made;
    const id = await makeRun(db.pool, { agent_id: agent, input: 'go' });
    const ended = await answerAndWait(db.pool, id, 'select howdah.approve($1)');
    expect([await cachedFrom(ended), made]).toEqual([undefined, before + 1]);
    expect(await rowsOf(agent)).toMatchObject([{ calls: 1, hits: 0 }]);
  });

  test('is a call that a hook could change', async () => {
    await db.pool.query(
      `create function shop.look(event jsonb) returns jsonb language sql as 'select null::jsonb'`,
    );
    const agent = await agentThat('price', { item: 'chair' });
    await cached(agent);
    await db.pool.query(
      `insert into howdah.hooks (agent_id, function, event) values ($1, 'shop.look(jsonb)', 'tool_before')`,
      [agent],
    );
    expect(await cachedFrom(await run(agent))).toBeUndefined();
    expect(await rowsOf(agent)).toMatchObject([{ calls: 1, hits: 0 }]);
  });

  test('is the answer of a failed run, nor one for the same run', async () => {
    const script = [
      callTools({ name: 'say' }),
      callTools({ name: 'say' }),
      { error: { code: 'invalid_request', message: 'no' } },
    ];
    const agent = await makeAgent(db.pool, { script, tools: ['say'], retry_for: 0 });
    const before = made;
    const failed = await cached(agent);
    expect([failed.status, made]).toEqual(['failed', before + 2]);
    await run(agent);
    expect(made).toBe(before + 4);
  });

  test('is a run that is forked', async () => {
    const agent = await agentThat('say');
    const first = await cached(agent);
    const { id } = await one(db.pool, 'select id from howdah.fork_execution($1, 0)', [first.id]);
    const fork = await waitForEnd(db.pool, id);
    expect(await cachedFrom(fork)).toBeUndefined();
    expect(await rowsOf(agent)).toMatchObject([{ execution_id: first.id, calls: 1 }]);
  });
});

test('contents that were erased or encrypted are not used', async () => {
  const agent = await agentThat('say');
  const first = await cached(agent);
  await db.pool.query('update howdah.executions set contents_encrypted_at = now() where id = $1', [
    first.id,
  ]);
  const second = await cached(agent);
  expect(await cachedFrom(second)).toBeUndefined();
  await db.pool.query('select howdah_private.erase_runs(array[$1::uuid])', [second.id]);
  expect(await rowsOf(agent)).toEqual([]);
  expect(await cachedFrom(await run(agent))).toBeUndefined();
});

test('repeats of an evaluation get no answer of each other, and the next evaluation does', async () => {
  const agent = await agentThat('say');
  await db.pool.query(
    `with s as (insert into howdah.datasets (name) values ('tools') returning id),
       g as (insert into howdah.graders (dataset_id, name, kind) select id, 'g', 'exact' from s)
     insert into howdah.dataset_items (dataset_id, input, expected) select id, 'go', '"x"' from s`,
  );
  const evaluate = async () => {
    const { id } = await one(
      db.pool,
      `select id from howdah.evaluate('tools', (select name from howdah.agents where id = $1), repeat => 2)`,
      [agent],
    );
    const results = await all(
      db.pool,
      'select execution_id from howdah.evaluation_results where evaluation_id = $1 order by repeat',
      [id],
    );
    return Promise.all(results.map(({ execution_id }) => waitForEnd(db.pool, execution_id)));
  };
  const first = await evaluate();
  expect(await Promise.all(first.map(cachedFrom))).toEqual([undefined, undefined]);
  await eventually(
    db.pool,
    'both answers are cached',
    'select from howdah_private.cached_answers where agent_id = $1 having count(*) = 2',
    [agent],
  );
  expect(await Promise.all((await evaluate()).map(cachedFrom))).toEqual(first.map(({ id }) => id));
});

test('concurrent runs make their calls, and leave one answer', async () => {
  const agent = await agentThat('say');
  const before = made;
  const runs = await Promise.all(Array.from({ length: 8 }, () => run(agent)));
  const calls = made - before;
  await eventually(
    db.pool,
    'all answers are cached',
    'select from howdah_private.cached_answers where agent_id = $1 and calls = $2 and hits = $3',
    [agent, calls, 8 - calls],
  );
  const [row] = await rowsOf(agent);
  expect(runs.map(({ id }) => id)).toContain(row?.execution_id);
  expect(await cachedFrom(await run(agent))).toBe(row?.execution_id);
});

test('another tenant never gets the answer', async () => {
  const agent = await agentThat('say');
  const first = await cached(agent);
  const [{ digest, tool_id } = {} as JsonObject] = await rowsOf(agent);
  const tenant_id = await makeTenant(db.pool);
  const { id } = await one(
    db.pool,
    `with t as (
       insert into howdah.tools (tenant_id, name, kind, effect, cache_answers_for)
       values ($1, 'say', 'custom', 'pure', 3600) returning id
     ),
     a as (insert into howdah.agents (tenant_id, name) values ($1, 'theirs') returning id)
     insert into howdah.executions (tenant_id, agent_id, input, run_at)
     select $1, a.id, 'go', now() + interval '1 hour' from a returning id`,
    [tenant_id],
  );
  const find = (execution: string, tool: unknown) =>
    all(db.pool, 'select * from howdah_private.use_cached_tool_answer($1, $2, $3)', [
      ...[execution, tool, digest],
    ]);
  // neither the tool of this tenant, nor its own tool with the same digest
  expect(await find(id, tool_id)).toEqual([]);
  const theirs = await one(
    db.pool,
    `select id from howdah.tools where tenant_id = $1 and name = 'say'`,
    [tenant_id],
  );
  const [found] = await find(id, theirs.id);
  expect(found).toMatchObject({ answered_by: null });
  expect(found?.key).not.toEqual(digest);
  expect(first.status).toBe('completed');
});

test.each([
  ['price', 'tool.before:1'],
  ['price', 'tool.after:1'],
  ['get', 'tool.before:1'],
  ['get', 'tool.after:1'],
])('a worker that is killed leaves no answer: %s at %s', { timeout: 60_000 }, async (tool, at) => {
  const agent = await agentThat(tool, tool === 'price' ? { item: 'chair' } : { id: at });
  await worker.stop(10_000);
  const doomed = await (await loadWorkerProcess(db.url, { egressAllow: '127.0.0.1' })).start(
    `${at}:kill`,
  );
  const id = await makeRun(db.pool, { agent_id: agent, input: 'go' });
  await doomed.ended;
  expect(await rowsOf(agent)).toEqual([]);
  worker = await startTestWorker(db.url, { tools, egressAllow: ['127.0.0.1'] });
  expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed' });
  const next = await run(agent);
  expect(await outputOf(next)).toBeDefined();
  const last = await run(agent);
  expect(await cachedFrom(last)).toBeDefined();
});

test('a limit of the tool counts hits as calls', async () => {
  const agent = await agentThat('rate', { limited: true });
  const first = await cached(agent);
  const { id, subject_id } = await one(
    db.pool,
    `insert into howdah.limits (scope, subject_id, metric, period, max_value)
     values ('tool', howdah.tool('rate'), 'calls', 'minute', 100) returning id, subject_id`,
  );
  const used = () =>
    one(db.pool, 'select used from howdah.limit_usage where subject_id = $1', [subject_id]);
  do {
    expect(await cachedFrom(await run(agent))).toBe(first.id);
  } while (Number((await used()).used) === 0); // the minute may have ended in between
  await db.pool.query('delete from howdah.limits where id = $1', [id]);
});
