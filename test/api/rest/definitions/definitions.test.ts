import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { type CallOptions, call } from '../call.ts';

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/** Values that are created, changed by PATCH, and rejected, for each kind. */
const KINDS: Record<string, { made: object; patch: object; faulty: [object, string] }> = {
  models: {
    made: { name: 'm1', provider: 'openai', model: 'gpt', capabilities: { tools: true } },
    patch: { input_price: 0.15, domain: 'law' },
    faulty: [{ name: 'm2', provider: 'openai', model: 'gpt', input_price: -1 }, 'constraint'],
  },
  prompts: {
    made: { name: 'p1', template: 'Be {{tone}}.', variables: { tone: { type: 'string' } } },
    patch: { description: 'Manners.' },
    faulty: [{ name: 'p2', template: 'Be {{tone}}.' }, 'field'],
  },
  tools: {
    made: { name: 't1', kind: 'custom', description: 'Does.', effect: 'pure' },
    patch: { requires_approval: true, timeout_ms: 5 },
    faulty: [{ name: 'not a name', kind: 'custom' }, 'constraint'],
  },
  'mcp-servers': {
    made: { name: 's1', type: 'http', configuration: { url: 'https://mcp.example.com/' } },
    patch: { description: 'Far away.', is_active: false },
    faulty: [{ name: 's2', type: 'http', configuration: { uri: 'x' } }, 'field'],
  },
  'alert-rules': {
    made: { name: 'r1', query: 'select 1 where false', interval_seconds: 30 },
    patch: { description: 'Should be empty.', is_active: false },
    faulty: [{ name: 'r2', query: 'select 1', interval_seconds: 3 }, 'constraint'],
  },
  resources: {
    made: { name: 'a.txt', type: 'text/plain', content: 'Hello', metadata: { lang: 'en' } },
    patch: { name: 'b.txt' },
    faulty: [{ name: 'c.txt', type: 'text/plain' }, 'hint'],
  },
  workflows: {
    made: { name: 'w1', type: 'chain', members: ['development'] },
    patch: { members: ['development', { agent: 'development', role: 'second' }] },
    faulty: [{ name: 'w2', type: 'chain', members: ['developer'] }, 'field'],
  },
};

describe.each(Object.entries(KINDS))('/api/%s', (path, { made, patch, faulty }) => {
  const url = `/api/${path}`;
  const visible = (body: object) =>
    Object.fromEntries(
      Object.entries(body).filter(([name]) => !['content', 'members'].includes(name)),
    );

  test('rows are created, read, listed, changed, replaced and deleted', async () => {
    const first = await ask('POST', url, made);
    expect(first).toMatchObject({ status: 201, body: visible(made) });
    const place = first.headers.get('location') ?? '';
    expect(place).toBe(`${url}/${first.body.id}`);
    expect((await ask('GET', place)).body).toEqual(first.body);
    const name = encodeURIComponent(first.body.name);
    expect((await ask('GET', `${url}?name=${name}`)).body.data).toEqual([first.body]);

    const changed = await ask('PATCH', place, patch);
    expect(changed).toMatchObject({ status: 200, body: visible(patch) });
    const same = await ask('PUT', place, changed.body);
    expect(same.status).toBe(200);
    const { updated_at: _before, ...before } = changed.body;
    const { updated_at: _after, ...after } = same.body;
    expect(after).toEqual(before);
    const etag = first.headers.get('etag') ?? '';
    const stale = await ask('PATCH', place, patch, { headers: { 'if-match': etag } });
    expect(stale).toMatchObject({ status: 412, body: { code: 'HWCNF' } });

    expect((await ask('DELETE', place)).status).toBe(204);
    expect(await ask('GET', place)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
    expect(await ask('PATCH', place, patch)).toMatchObject({ status: 404 });
    expect(await ask('DELETE', place)).toMatchObject({ status: 404 });
  });

  test('invalid rows are rejected, and nothing is written', async () => {
    const [body, member] = faulty;
    const refused = await ask('POST', url, body);
    expect([400, 404]).toContain(refused.status);
    expect(refused.body[member]).toBeTruthy();
    const name = encodeURIComponent((body as { name: string }).name);
    expect((await ask('GET', `${url}?name=${name}`)).body.data).toEqual([]);
    const unknown = await ask('POST', url, { ...made, nothing: 1 });
    expect(unknown).toMatchObject({ status: 400, body: { field: 'nothing' } });
  });
});

test('PUT rejects the id of another row, and a workflow rejects an ambiguous member', async () => {
  const model = { name: 'placed', provider: 'openai', model: 'gpt' };
  const { body } = await ask('POST', '/api/models', model);
  const { body: other } = await ask('POST', '/api/models', { ...model, name: 'placed too' });
  for (const wrong of [{ id: other.id }, { model_id: other.id }]) {
    expect(await ask('PUT', `/api/models/${body.id}`, { ...model, ...wrong })).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'id' },
    });
  }
  const own = { ...model, id: body.id.toUpperCase() };
  expect(await ask('PUT', `/api/models/${body.id}`, own)).toMatchObject({ status: 200 });
  for (const member of [{ agent: 'development', workflow: 'both' }, { role: 'none' }]) {
    const both = { name: 'both', type: 'chain', members: ['development', member] };
    expect(await ask('POST', '/api/workflows', both)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'members.1' },
    });
  }
});

test('newly discovered data of an MCP server does not change its ETag', async () => {
  const configuration = { url: 'https://mcp.example.com/' };
  const made = await ask('POST', '/api/mcp-servers', {
    name: 'found',
    type: 'http',
    configuration,
  });
  const place = made.headers.get('location') ?? '';
  const match = { headers: { 'if-match': made.headers.get('etag') ?? '' } };
  await db.pool.query(
    `update howdah.mcp_servers set error = 'nobody is there', failed_at = now() where id = $1`,
    [made.body.id],
  );
  expect(await ask('PATCH', place, { description: 'Ours.' }, match)).toMatchObject({ status: 200 });
  expect(await ask('PATCH', place, { description: 'Mine.' }, match)).toMatchObject({ status: 412 });
});

test.each([
  [
    '/api/models',
    { name: 'm', provider: 'openai', model_id: 'gpt' },
    'model_id',
    'Did you mean model?',
  ],
  ['/api/models', { name: 'm', provider: 'openai', modle: 'g' }, 'modle', 'Did you mean model?'],
  ['/api/agents', { name: 'a', engine: 'a2aa' }, 'engine', 'Did you mean a2a?'],
  ['/api/tools', { name: 't', kind: 'custom', capabilities: [' '] }, 'capabilities', /Remove/],
  [
    '/api/workflows',
    {
      name: 'w',
      type: 'parallel',
      members: ['development'],
      configuration: { aggregator: 'developmet' },
    },
    'configuration',
    /member/,
  ],
  [
    '/api/workflows',
    {
      name: 'w',
      type: 'chain',
      members: ['development'],
      configuration: { stop_when: "output.map//\n(a, a) == ['x']" },
    },
    'configuration.stop_when',
    /CEL/,
  ],
  [
    '/api/workflows',
    {
      name: 'w',
      type: 'graph',
      members: ['development'],
      configuration: {
        edges: [
          { from: 'a', to: 'b' },
          { from: 'a', to: 'b', when: 'a ==' },
        ],
      },
    },
    'configuration.edges[1].when',
    /CEL/,
  ],
])('POST %s %j is refused with the field %s and a suggestion', async (path, body, field, hint) => {
  const found = await ask('POST', path, body);
  expect(found).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field, hint: expect.stringMatching(hint) },
  });
  expect(found.body.errors ?? []).toHaveLength(found.body.errors ? 1 : 0);
});

test('a changed aggregator must be a member', async () => {
  const row = { name: 'joined', type: 'parallel', members: ['development'] };
  const { body } = await ask('POST', '/api/workflows', row);
  const path = `/api/workflows/${body.id}`;
  const patch = (aggregator: string) =>
    ask('PATCH', path, { configuration: { aggregator }, is_active: false });
  expect(await patch('nobody')).toMatchObject({ status: 400, body: { field: 'configuration' } });
  expect((await patch('development')).status).toBe(200);
});

test('capabilities are trimmed, and repeated ones dropped', async () => {
  const row = { name: 'able', kind: 'custom', capabilities: [' search ', 'translate', 'search'] };
  const { body } = await ask('POST', '/api/tools', row);
  expect(body.capabilities).toEqual(['search', 'translate']);
});

test('prices per thousand tokens and alternative names in workflows are accepted', async () => {
  const priced = await ask('POST', '/api/models', {
    name: 'priced',
    provider: 'openai',
    model: 'gpt',
    cost_per_1k_tokens: 0.0003,
  });
  expect(priced.body).toMatchObject({ input_price: 0.3, output_price: 0.3 });
  const judged = await ask('POST', '/api/workflows', {
    name: 'judged',
    type: 'evaluator-optimizer',
    members: ['development', 'development'],
    active: false,
  });
  expect(judged.body).toMatchObject({
    type: 'evaluator_optimizer',
    is_active: false,
    members: [{ agent: 'development' }, { agent: 'development' }],
  });
  const versions = await ask('GET', `/api/workflows/${judged.body.id}/versions`);
  expect(versions.body.data).toMatchObject([{ version: 1 }]);
});

test('MCP server presets are commands, which nobody writes over HTTP', async () => {
  const body = { name: 'files', type: 'filesystem', configuration: { args: ['/tmp'] } };
  const { key } = await one(db.pool, `select key from howdah.create_api_key('presets', 'owner')`);
  for (const login of [{ token: key }, {}]) {
    expect(await ask('POST', '/api/mcp-servers', body, login)).toMatchObject({
      status: 403,
      body: { code: 'HWDEN', field: 'type' },
    });
  }
});

test('write-once fields cannot be changed', async () => {
  const { body } = await ask('POST', '/api/resources', {
    name: 'x',
    type: 'text/plain',
    content: 'a',
  });
  const refused = await ask('PATCH', `/api/resources/${body.id}`, { content: 'b' });
  expect(refused).toMatchObject({ status: 400, body: { field: 'content' } });
  const content = await ask('GET', `/api/resources/${body.id}/content`);
  expect(content.body).toBe('a');
  expect(content.headers.get('content-disposition')).toContain('attachment');
  const bytes = await ask('POST', '/api/resources', {
    name: 'y',
    type: 'image/png',
    base64: 'AAEC',
  });
  expect(bytes.body.size).toBe(3);
  const dataset = await ask('POST', '/api/datasets', { name: 'write-once' });
  const item = await ask('POST', '/api/dataset-items', {
    dataset_id: dataset.body.id,
    input: '2 + 2',
  });
  const changed = await ask('PATCH', `/api/dataset-items/${item.body.id}`, { expected: '4' });
  expect(changed.body).toMatchObject({
    field: 'expected',
    detail: 'expected of an item cannot be changed',
  });
});

test('two fields with the same meaning are rejected together', async () => {
  const both = { name: 'twice.txt', type: 'text/plain', content: 'a', base64: 'YQ==' };
  expect(await ask('POST', '/api/resources', both)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'base64' },
  });
  const prices = { input_price: 1, cost_per_1k_tokens: 2 };
  const model = { name: 'twice', provider: 'scripted', model: 'm', ...prices };
  expect(await ask('POST', '/api/models', model)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'cost_per_1k_tokens' },
  });
  const words = { name: 'twice', type: 'chain', active: true, is_active: false };
  expect(await ask('POST', '/api/workflows', words)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'active', hint: 'Set only one of them.' },
  });
});

test('a number out of range is rejected by field', async () => {
  const model = { name: 'wide', provider: 'scripted', model: 'm', context_tokens: 99_999_999_999 };
  expect(await ask('POST', '/api/models', model)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'context_tokens' },
  });
  const most = await ask('POST', '/api/agents', { name: 'wide', max_tokens: 99_999_999_999 });
  expect(most).toMatchObject({ status: 201, body: { max_tokens: 99_999_999_999 } });
});

test('the ETag covers everything that is shown', async () => {
  const file = { name: 'tagged.txt', type: 'text/plain', content: 'a' };
  const made = await ask('POST', '/api/resources', file);
  const place = `/api/resources/${made.body.id}`;
  const known = { headers: { 'if-none-match': made.headers.get('etag') ?? '' } };
  expect((await ask('GET', place, undefined, known)).status).toBe(304);
  await ask('PATCH', place, { uri: 'notes://tagged' });
  expect(await ask('GET', place, undefined, known)).toMatchObject({
    status: 200,
    body: { uri: 'notes://tagged' },
  });
});

test('an alert rule is read with its current state, and its ETag covers only user fields', async () => {
  const made = await ask('POST', '/api/alert-rules', {
    name: 'read',
    query: 'select 1 where false',
  });
  const place = `/api/alert-rules/${made.body.id}`;
  const etag = made.headers.get('etag') ?? '';
  await db.pool.query(`update howdah.alert_rules set state = 'failed' where id = $1`, [
    made.body.id,
  ]);
  expect(await ask('GET', place, undefined, { headers: { 'if-none-match': etag } })).toMatchObject({
    status: 200,
    body: { state: 'failed' },
  });
  const changed = { headers: { 'if-match': etag } };
  expect((await ask('PATCH', place, { is_active: false }, changed)).status).toBe(200);
});

test('/tools lists the tools of the tenant or of an agent', async () => {
  await ask('POST', '/api/agents', { name: 'armed', tools: ['todo'] });
  const all = await ask('GET', '/tools');
  expect(all.body.data.map(({ name }: { name: string }) => name)).toContain('calculator');
  const own = await ask('GET', '/tools?agent=armed');
  expect(own.body.data).toMatchObject([
    { name: 'todo', kind: 'builtin', parameters: { type: 'object' }, type: 'function' },
  ]);
  expect(all.body).not.toHaveProperty('offered');
  const [{ function: todo }] = own.body.data;
  expect(todo).toMatchObject({ name: 'todo', parameters: { type: 'object' } });
  const profile = { capabilities: ['planning', 'todos'], domain: null };
  expect(own.body.offered).toEqual([{ type: 'function', function: todo, ...profile }]);
  expect(await ask('GET', '/tools?agent=amred')).toMatchObject({
    status: 404,
    body: { code: 'HWNTF' },
  });
});

test('/tools shows what a sub-agent can do, and finds tools by capability and domain', async () => {
  const made = { name: 'analyst', capabilities: ['figures'], domain: 'finance' };
  const { id } = (await ask('POST', '/api/agents', { ...made, tools: ['sql_query'] })).body;
  const tool = { name: 'ask_analyst', kind: 'agent', agent_id: id };
  expect((await ask('POST', '/api/tools', tool)).body).toMatchObject({
    capabilities: [],
    domain: null,
  });
  await ask('POST', '/api/agents', { name: 'boss', tools: ['ask_analyst'] });
  const expected = {
    name: 'ask_analyst',
    capabilities: ['figures'],
    domain: 'finance',
    function: { name: 'ask_analyst', parameters: { type: 'object' } },
    actions: [{ name: 'sql_query', parameters: { required: ['query'] } }],
  };
  const own = await ask('GET', '/tools?agent=boss');
  expect(own.body.data).toMatchObject([expected]);
  const { name: _, ...entry } = expected;
  expect(own.body.offered).toMatchObject([entry]);
  for (const query of ['capability=figures', 'domain=finance', 'capability=figures&agent=boss']) {
    expect((await ask('GET', `/tools?${query}`)).body.data).toMatchObject([expected]);
  }
  await db.pool.query(
    `update howdah.agent_tools set configuration = '{"allowed_tools": ["todo"]}'
     where agent_id = howdah.agent('boss') and tool_id = howdah.tool('ask_analyst')`,
  );
  const limited = (await ask('GET', '/tools?agent=boss')).body;
  expect([limited.data[0].actions, limited.offered[0].actions]).toEqual([[], []]);
  expect((await ask('GET', '/tools?capability=figures&agent=armed')).body.data).toEqual([]);
  expect((await ask('GET', '/tools?capability=sql')).body.data).toMatchObject([
    { name: 'sql_query', capabilities: ['sql', 'query', 'data'] },
  ]);
});

test('/api/tools writes capabilities and domain, and PUT without them clears them', async () => {
  const made = { name: 'rates', kind: 'custom', capabilities: ['exchange'], domain: 'finance' };
  const { id, capabilities } = (await ask('POST', '/api/tools', made)).body;
  expect(capabilities).toEqual(['exchange']);
  const path = `/api/tools/${id}`;
  const changed = await ask('PATCH', path, { capabilities: ['exchange', 'rates'] });
  expect(changed.body).toMatchObject({ capabilities: ['exchange', 'rates'], domain: 'finance' });
  const replaced = await ask('PUT', path, { name: 'rates', kind: 'custom' });
  expect(replaced.body).toMatchObject({ capabilities: [], domain: null });
  expect((await ask('PATCH', path, { capabilities: 'rates' })).status).toBe(400);
});

test('a member may edit agents but not models, by role in the database', async () => {
  const shut = await startTestApi(db.url, tokenOptions);
  const person = await makePerson(db.pool, 'ada');
  await db.pool.query(`update howdah.users set role = 'member' where id = $1`, [person.sub]);
  const token = await tokenFor(person);
  const made = await call(shut, 'POST', '/api/agents', { name: 'hers' }, { token });
  expect(made.status).toBe(201);
  const refused = await call(shut, 'POST', '/api/models', KINDS.models?.made, { token });
  expect(refused).toMatchObject({ status: 403, body: { code: 'HWDEN', required_role: 'admin' } });
  expect((await call(shut, 'GET', '/api/agents')).status).toBe(401);
  const { created_by } = await one(
    db.pool,
    'select v.created_by from howdah.agent_versions as v where v.agent_id = $1',
    [made.body.id],
  );
  expect(created_by).toContain('ada');
  await shut.close();
});

test('workflow performance is reported by version and includes child runs', async () => {
  const body = { name: 'measured', type: 'chain', members: ['development'] };
  const { id } = (await ask('POST', '/api/workflows', body)).body;
  const path = `/api/workflows/${id}/performance`;
  const nothing = { workflow_id: id, workflow: 'measured', data: [] };
  expect((await ask('GET', path)).body).toEqual(nothing);
  const begin = async () =>
    (await ask('POST', '/api/execute', { workflow_id: id, message: 'x' })).body.execution_id;
  await begin();
  await ask('PATCH', `/api/workflows/${id}`, { instruction: 'Otherwise.' });
  const [ended, cancelled] = [await begin(), await begin()];
  await ask('POST', `/api/executions/${cancelled}/cancel`);
  await finish(ended);
  const { status, body: responseBody } = await ask('GET', path);
  expect(status).toBe(200);
  expect(responseBody.data).toEqual([
    {
      ...{ version: 2, runs: 2, completed: 1, failed: 0, success_rate: 0.5, steps_per_run: 1 },
      ...{ tokens_in: 110, tokens_out: 22, cost: 0.75, seconds_p50: 10, seconds_p95: 10 },
    },
    {
      ...{ version: 1, runs: 1, completed: 0, failed: 0, success_rate: null, steps_per_run: 0 },
      ...{ tokens_in: 0, tokens_out: 0, cost: 0, seconds_p50: null, seconds_p95: null },
    },
  ]);
  const missingPath = '/api/workflows/aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa/performance';
  expect(await ask('GET', missingPath)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
  expect(await ask('GET', '/api/workflows/measured/performance')).toMatchObject({
    status: 400,
    body: { field: 'id' },
  });
});

/**
 * Sets a run to the state after ten seconds of work and its end, without the triggers that forbid
 * such an update.
 */
async function finish(execution: string): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    await client.query(
      `update howdah.executions set status = 'completed', stop_reason = 'final_answer', output = 'done', step_count = 2, tokens_in = 10, tokens_out = 2, cost = 0.25,
         children_tokens_in = 100, children_tokens_out = 20, children_cost = 0.5, started_at = created_at,
         completed_at = created_at + interval '10 seconds'
       where id = $1`,
      [execution],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
