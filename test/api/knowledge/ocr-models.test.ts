import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { scanOf } from '../../support/files/scans.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// The model of a base that recognizes text, over REST, GraphQL and by commands, with a whole
// worker: its key is a secret, and its address passes the egress guard.

const database = testDatabase();
let api: ApiServer;
let worker: Worker | undefined;
let server: FakeServer;
let key: string;
let base: string;

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: key, ...options });

type Model = { purpose?: string; capabilities?: object; secret_name?: string };

async function makeModel(model: Model = {}, isGuarded = false): Promise<string> {
  const row = { purpose: 'llm', capabilities: { images: true }, ...model };
  const { id } = await one<{ id: string }>(
    database.pool,
    `insert into howdah.models
       (name, provider, model, purpose, base_url, capabilities, secret_name)
     values ($1, 'openai', 'reader-1', $2, $3, $4, $5) returning id`,
    [crypto.randomUUID(), row.purpose, server.url, row.capabilities, row.secret_name],
  );
  await database.pool.query('update howdah.models set is_guarded = $2 where id = $1', [
    ...[id, isGuarded],
  ]);
  return id;
}

const upload = (title: string) =>
  ask('POST', `/api/knowledge-bases/${base}/documents?title=${title}`, scanOf('refund.png'), {
    headers: { 'content-type': 'image/png' },
  });
const untilRead = (title: string) =>
  eventually<{ status: string; code: string | null }>(
    database.pool,
    `the document ${title} is read`,
    `select status::text, error ->> 'code' as code from howdah.documents
     where title = $1 and (status in ('ready', 'failed') or error is not null)`,
    [title],
  );

beforeAll(async () => {
  server = await startOpenAiServer(() => ({
    content: 'Invoice 4711',
    usage: { prompt_tokens: 100, completion_tokens: 5 },
  }));
  api = await startTestApi(database.url, tokenOptions);
  worker = await startTestWorker(database.url);
  ({ key } = await one<{ key: string }>(
    database.pool,
    `select key from howdah.create_api_key('owner', 'owner')`,
  ));
});
beforeEach(async () => {
  await database.pool.query('delete from howdah.knowledge_bases');
  server.requests.splice(0);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await server?.close();
});

test('a base gets a model over REST, which reads uploads with the secret as key', async () => {
  await ask('POST', '/api/secrets', { name: 'reader', value: 'the-key-of-the-reader' });
  const model = await makeModel({ secret_name: 'reader' });
  const made = await ask('POST', '/api/knowledge-bases', { name: 'rest', ocr_model_id: model });
  expect(made).toMatchObject({ status: 201, body: { ocr_model_id: model } });
  base = made.body.id;
  expect((await upload('invoice')).status).toBe(201);
  expect(await untilRead('invoice')).toEqual({ status: 'ready', code: null });
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.headers.authorization).toBe('Bearer the-key-of-the-reader');
  const found = await ask('GET', `/api/knowledge-bases/${base}/search?query=invoice`);
  expect(found.body.chunks).toMatchObject([{ content: 'Invoice 4711', trust: 'external' }]);
  const { body } = await ask('GET', `/api/knowledge-bases/${base}/state`);
  expect(body.recognition).toEqual({
    model: expect.any(String),
    ...{ pages: 1, failures: 0, tokens: 105, cost: 0, error: null },
  });
  const shown = await runCli(database.url, 'kb', 'state', 'rest', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({ recognition: { pages: 1 } });
});

test('a guarded model at a private address is sent nothing', async () => {
  const model = await makeModel({}, true);
  const made = await ask('POST', '/api/knowledge-bases', { name: 'guard', ocr_model_id: model });
  base = made.body.id;
  await upload('guarded');
  const { code } = await untilRead('guarded');
  expect(code).not.toBeNull();
  expect(server.requests).toEqual([]);
});

test('GraphQL and commands set and unset the model', async () => {
  const model = await makeModel();
  base = (await ask('POST', '/api/knowledge-bases', { name: 'both' })).body.id;
  const setByCommand = await runCli(
    ...([database.url, 'kb', 'change', 'both', '--ocr-model', model] as const),
  );
  expect(setByCommand.status).toBe(0);
  const read = `query ($id: UUID!) { knowledgeBase(id: $id) { ocrModel { model } } }`;
  expect((await askGraphql(api, read, { id: base }, key)).data).toEqual({
    knowledgeBase: { ocrModel: { model: 'reader-1' } },
  });
  const write = `mutation ($id: UUID!, $model: UUID) {
    updateKnowledgeBase(input: {id: $id, patch: {ocrModelId: $model}}) {
      knowledgeBase { ocrModelId } } }`;
  expect((await askGraphql(api, write, { id: base, model: null }, key)).data).toEqual({
    updateKnowledgeBase: { knowledgeBase: { ocrModelId: null } },
  });
});

describe.each<[string, Model, string]>([
  ['of another purpose', { purpose: 'embedding' }, 'purpose llm'],
  ['that does not read images', { capabilities: {} }, '{"images": true}'],
])('a model %s is refused', (_, model, hint) => {
  beforeEach(async () => {
    base = (await ask('POST', '/api/knowledge-bases', { name: 'handbook' })).body.id;
  });

  test('over REST', async () => {
    const ocr_model_id = await makeModel(model);
    const { status, body } = await ask('PATCH', `/api/knowledge-bases/${base}`, { ocr_model_id });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      ...{ code: 'HWINV', field: 'ocr_model_id' },
      hint: expect.stringContaining(hint),
    });
  });

  test('by commands', async () => {
    const change = ['kb', 'change', 'handbook', '--ocr-model', await makeModel(model)];
    const { status, stderr } = await runCli(database.url, ...change);
    expect([status, stderr]).toEqual([2, expect.stringContaining(hint)]);
  });

  test('in GraphQL', async () => {
    const { errors } = await askGraphql(
      api,
      `mutation ($id: UUID!, $model: UUID) {
        updateKnowledgeBase(input: {id: $id, patch: {ocrModelId: $model}}) { clientMutationId } }`,
      { id: base, model: await makeModel(model) },
      key,
    );
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'HWINV' });
  });
});
