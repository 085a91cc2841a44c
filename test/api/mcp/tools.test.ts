import type { Client } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { type CustomTool, defineTool } from '../../../src/index.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { kindsOf, waitForStatus } from '../../runtime/arrange.ts';
import { makeApiKey, makeTenant, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi, until } from '../harness.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';
import { type ClientOptions, connect, REVISIONS, type Result, textOf } from './mcp-client.ts';

// Tools called over `/mcp` without a model: each call is a run of an agent that consists of the
// tool.

const parameters = z.object({ order: z.string().regex(/^A-\d+$/), copies: z.int().default(1) });
const runs: string[] = [];

const tools: CustomTool[] = [
  defineTool({
    name: 'label',
    description: 'Makes labels.',
    parameters,
    effect: 'pure',
    run: ({ order, copies }) => ({ order, copies }),
  }),
  {
    name: 'broken',
    description: 'Fails.',
    parameters: { type: 'object', properties: {} },
    run: () => {
      throw new Error('the printer is on fire');
    },
  },
  {
    name: 'colour',
    description: 'Asks for a colour.',
    parameters: { type: 'object', properties: {} },
    effect: 'once',
    async run(_args, { elicit, execution_id }) {
      runs.push(execution_id);
      const schema = {
        type: 'object',
        properties: { colour: { type: 'string' } },
        required: ['colour'],
      };
      const said = await elicit('Which colour?', schema);
      return said.action === 'accept'
        ? `It is ${said.content.colour}.`
        : `Nobody said: ${said.action}.`;
    },
  },
  {
    name: 'poem',
    description: 'Has a poem written.',
    parameters: { type: 'object', properties: {} },
    run: async (_args, { sample }) =>
      (await sample({ messages: [{ role: 'user', content: 'Write.' }], max_tokens: 9 })).content,
  },
  {
    name: 'verse',
    description: 'Has a verse written by a model of the tenant.',
    parameters: { type: 'object', properties: {} },
    async run(_args, { sample }) {
      const { content, model, finish_reason } = await sample({
        messages: [{ role: 'user', content: 'Write.' }],
        system: 'You rhyme.',
      });
      return `${model}: ${content} (${finish_reason})`;
    },
  },
  {
    name: 'chatty',
    description: 'Says a lot.',
    parameters: { type: 'object', properties: {} },
    run(_args, { log, progress }) {
      log('debug', 'too small');
      log('warning', { paper: 'low' });
      progress(1, 2, 'half');
      return 'said';
    },
  },
  {
    name: 'faulty_content',
    description: 'Gives what is no content.',
    parameters: { type: 'object', properties: {} },
    run: () => ({ $content: [{ type: 'image', data: '!', mimeType: 'image/png' }] }),
  },
  {
    name: 'hidden',
    description: 'Nobody said that it is called from outside.',
    parameters: { type: 'object', properties: {} },
    run: () => 'hidden',
  },
];

const db = testDatabase();
let api: ApiServer;
let guarded: ApiServer;
let worker: Worker;
let models: FakeServer;
const clients: Client[] = [];

beforeAll(async () => {
  [api, guarded] = await Promise.all([startTestApi(db.url), startTestApi(db.url, tokenOptions)]);
  models = await startOpenAiServer([{ content: 'Violets are', finish_reason: 'length' }]);
  worker = await startTestWorker(db.url, { tools, openai: models.url });
  for (const { name } of tools.slice(0, -1)) await offer(name);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all([api?.close(), guarded?.close()]);
  await models?.close();
});

/** Publishes a tool over MCP, as an admin does. */
async function offer(tool: string, name = tool): Promise<string> {
  const { id } = await one(
    db.pool,
    `insert into howdah.agents (name, engine, engine_configuration)
     values ($1, 'custom', jsonb_build_object('tool', $2::text)) returning id`,
    [name, tool],
  );
  await db.pool.query(
    'insert into howdah.agent_tools (agent_id, tool_id) select $1, id from howdah.tools where name = $2',
    [id, tool],
  );
  return id;
}

const runOf = (result: Result): string => result._meta['howdah/execution_id'];

describe.each(REVISIONS)('in revision %s', (revision) => {
  const open = async (options: ClientOptions = {}, at = api) => {
    const client = await connect(at, { revision, ...options });
    clients.push(client);
    return client;
  };
  const call = (client: Client, name: string, args: object = {}, options: object = {}) =>
    client.callTool({ name, arguments: args as never }, options) as Promise<Result>;

  test('a tool has its own schema and returns structured content', async () => {
    const client = await open();
    const { tools: listed } = await client.listTools();
    expect(listed.find(({ name }) => name === 'label')).toMatchObject({
      description: 'Makes labels.',
      inputSchema: { properties: { order: { pattern: '^A-\\d+$' } }, required: ['order'] },
    });
    expect(listed.map(({ name }) => name)).not.toContain('hidden');
    const result = await call(client, 'label', { order: 'A-1' });
    expect(result).toMatchObject({ structuredContent: { order: 'A-1', copies: 1 } });
    expect(result.isError).toBeUndefined();
    expect(await kindsOf(db.pool, runOf(result))).toBe('model tool output');
    const run = await one(
      db.pool,
      'select input, output_data, tokens_in, tokens_out, cost::float8 as cost from howdah.executions where id = $1',
      [runOf(result)],
    );
    expect(run).toMatchObject({
      input: '{"order":"A-1"}',
      output_data: { order: 'A-1', copies: 1 },
      cost: 0,
    });
    expect([Number(run.tokens_in), Number(run.tokens_out)]).toEqual([0, 0]);
  });

  test('invalid arguments, failures and invalid results are tool errors', async () => {
    const client = await open();
    const wrong = await call(client, 'label', { order: 'B' });
    expect(wrong).toMatchObject({ isError: true });
    expect(textOf(wrong)).toMatch(/order/);
    const broken = await call(client, 'broken');
    expect(broken).toMatchObject({ isError: true });
    expect(textOf(broken)).toContain('the printer is on fire');
    const faulty = await call(client, 'faulty_content');
    expect(faulty).toMatchObject({ isError: true });
    expect(textOf(faulty)).toContain('$content.0.data is not in base64');
    await expect(call(client, 'hidden')).rejects.toThrow(/Unknown tool: hidden/);
  });

  test('a tool asks a person, and the repeated call receives the answer', async () => {
    const client = await open({ elicit: () => ({ action: 'accept', content: { colour: 'red' } }) });
    const result = await call(client, 'colour');
    expect(textOf(result)).toBe('It is red.');
    expect(runs.filter((id) => id === runOf(result))).toHaveLength(2);
    const shy = await open({ elicit: () => ({ action: 'decline' }) });
    expect(textOf(await call(shy, 'colour'))).toBe('Nobody said: decline.');
    const mute = await open();
    const waiting = await call(mute, 'colour');
    expect(textOf(waiting)).toContain('The tool colour asks: Which colour?');
    const [{ id }] = waiting._meta['howdah/questions'];
    const answer = { question_id: id, data: { colour: 'blue' } };
    expect(textOf(await call(mute, 'answer_question', answer))).toBe('It is blue.');
  });

  test('the model of the client answers a sampling request of a tool', async () => {
    const samplingRequests: unknown[] = [];
    const client = await open({
      sample: ({ messages, maxTokens }) => {
        samplingRequests.push([messages[0]?.content.text, maxTokens]);
        return 'Roses are red.';
      },
    });
    expect(textOf(await call(client, 'poem'))).toBe('Roses are red.');
    expect(samplingRequests).toEqual([['Write.', 9]]);
  });

  test('log messages of a tool reach the client from the requested level on', async () => {
    const client = await open();
    const heard: unknown[] = [];
    const progressUpdates: unknown[] = [];
    client.setNotificationHandler('notifications/message', ({ params }) => {
      if (params.logger === 'chatty') heard.push([params.level, params.data]);
    });
    const meta = { 'io.modelcontextprotocol/logLevel': 'warning' };
    const result = (await client.callTool(
      { name: 'chatty', arguments: {}, ...(revision === '2026-07-28' && { _meta: meta }) },
      {
        onprogress: ({ progress, total, message }) =>
          progressUpdates.push([progress, total, message]),
      },
    )) as Result;
    expect(textOf(result)).toBe('said');
    expect(heard).toEqual([['warning', { paper: 'low' }]]);
    expect(progressUpdates).toEqual([[1, 2, 'half']]);
  });

  test('a viewer cannot call, and another tenant does not have the tool', async () => {
    const key = async (values: object, tenant?: string) =>
      (await makeApiKey(db.pool, tenant ?? (await defaultTenant()), values)).key;
    const viewer = await open({ token: await key({ role: 'viewer' }) }, guarded);
    await expect(call(viewer, 'label', { order: 'A-1' })).rejects.toThrow(/Unknown tool/);
    expect((await viewer.listTools()).tools).toEqual([]);
    const reader = await open({ token: await key({ role: 'member', scopes: ['read'] }) }, guarded);
    await expect(call(reader, 'label', { order: 'A-1' })).rejects.toThrow(/Unknown tool/);
    const outsider = await open({ token: await key({}, await makeTenant(db.pool)) }, guarded);
    await expect(call(outsider, 'label', { order: 'A-1' })).rejects.toThrow(/Unknown tool/);
    const member = await open({ token: await key({ role: 'member' }) }, guarded);
    const result = await call(member, 'label', { order: 'A-1' });
    expect(result).toMatchObject({ structuredContent: { order: 'A-1' } });
  });
});

const defaultTenant = async () =>
  (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;

test('the tenant model named by a tool answers sampling, at the cost of the run', async () => {
  await db.pool.query(
    `insert into howdah.models (name, provider, model, input_price, output_price) values ('small', 'openai', 'tiny', 1, 2)`,
  );
  await db.pool.query(
    `update howdah.tools set configuration = '{"sampling_model": "small"}' where name = 'verse'`,
  );
  const client = await connect(api);
  clients.push(client);
  const result: Result = await client.callTool({ name: 'verse', arguments: {} });
  expect(textOf(result)).toBe('small: Violets are (length)');
  expect(models.requests[0]?.body.messages).toEqual([
    { role: 'system', content: 'You rhyme.' },
    { role: 'user', content: 'Write.' },
  ]);
  const run = await one(
    db.pool,
    'select cost::float8 as cost from howdah.executions where id = $1',
    [runOf(result)],
  );
  expect(run.cost).toBeGreaterThan(0);
});

test('a call that needs approval waits for it, and a rejection is an error', async () => {
  await db.pool.query(
    `update howdah.agent_tools set requires_approval = true
     where agent_id = $1`,
    [await offer('label', 'checked_label')],
  );
  for (const [decision, isError] of [
    ['approve', undefined],
    ['reject', true],
  ] as const) {
    const client = await connect(api, {
      elicit: () => ({ action: 'accept', content: { decision } }),
    });
    clients.push(client);
    const result: Result = await client.callTool({
      name: 'checked_label',
      arguments: { order: 'A-7' },
    });
    expect(result.isError).toBe(isError);
  }
});

test('retrying a failed run calls the tool again', async () => {
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input) select id, '{}' from howdah.agents where name = 'broken' returning id`,
  );
  await waitForStatus(db.pool, id, 'failed');
  await db.pool.query('select howdah.retry_execution($1)', [id]);
  await eventually(
    db.pool,
    'the tool is called again',
    `select from howdah.steps where execution_id = $1 and kind = 'tool' having count(*) = 2`,
    [id],
  );
  await waitForStatus(db.pool, id, 'failed');
});

test('an agent fails with a reason if it lacks the tool it is bound to', async () => {
  const { id } = await one(
    db.pool,
    `insert into howdah.agents (name, engine, engine_configuration) values ('empty', 'custom', '{"tool": "label"}') returning id`,
  );
  const run = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input) values ($1, '{}') returning id`,
    [id],
  );
  await waitForStatus(db.pool, run.id, 'failed');
  const { error } = await one(db.pool, 'select error from howdah.executions where id = $1', [
    run.id,
  ]);
  expect(error.message).toContain('but this tool is not assigned to it');
});

test('a file with a URI is readable, listed once, and announced when replaced', async () => {
  const put = (content: string) =>
    db.pool.query(
      `insert into howdah.resources (uri, name, type, bytes) values ('docs://rules', 'rules', 'text/markdown', $1::text::bytea)`,
      [content],
    );
  await put('# Old');
  await db.pool.query(
    `insert into howdah.resources (uri, name, type, bytes)
     values ('docs://{shelf}/{book}.json', 'books', 'application/json', '{"on": "{{shelf}}", "book": "{{book}}"}')`,
  );
  const client = await connect(api, {});
  clients.push(client);
  const changed: string[] = [];
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    changed.push(params.uri);
  });
  await client.subscribeResource({ uri: 'docs://rules' });
  await put('# New');
  const { resources } = await client.listResources();
  expect(resources.filter(({ uri }) => uri === 'docs://rules')).toMatchObject([
    { name: 'rules', mimeType: 'text/markdown', size: 5 },
  ]);
  const { contents } = await client.readResource({ uri: 'docs://rules' });
  expect(contents).toEqual([{ uri: 'docs://rules', mimeType: 'text/markdown', text: '# New' }]);
  await until(() => changed.includes('docs://rules'));
  const { resourceTemplates } = await client.listResourceTemplates();
  expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain(
    'docs://{shelf}/{book}.json',
  );
  const book = await client.readResource({ uri: 'docs://top%22/a.json' });
  expect(JSON.parse((book.contents[0] as Result).text)).toEqual({ on: 'top"', book: 'a' });
  await expect(client.readResource({ uri: 'docs://a/b/c.json' })).rejects.toThrow(/not found/i);
  await expect(client.subscribeResource({ uri: 'docs://none' })).rejects.toThrow(/not found/i);
});
