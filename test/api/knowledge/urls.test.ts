import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { createEgress } from '../../../src/tools/egress.ts';
import { runCli } from '../../cli/run-cli.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { dialTo, startServer } from '../../tools/servers.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Documents of URLs are added over REST, GraphQL and by commands. Private addresses are refused.

const database = testDatabase();
/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const PAGE = 'https://docs.example.com/terms';
let api: ApiServer;
let key: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  const made = await one<{ key: string }>(
    database.pool,
    `select key from howdah.create_api_key('urls', 'member')`,
  );
  key = made.key;
  vi.stubEnv('HOWDAH_API_KEY', key);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: key, ...options });

async function makeBase(): Promise<{ id: string; name: string }> {
  return one(
    database.pool,
    'insert into howdah.knowledge_bases (name) values ($1) returning id, name',
    [randomUUID()],
  );
}

const CREATE = `mutation ($document: DocumentInput!) {
  createDocument(input: {document: $document}) { document { url rereadSeconds readAt status } }
}`;

test('the same document over REST, GraphQL and a command', async () => {
  const base = await makeBase();
  const sent = { title: 'Terms', url: PAGE, reread_seconds: 86_400 };
  const shown = { ...sent, status: 'pending', read_at: null };
  const rest = await ask('POST', '/api/documents', { knowledge_base_id: base.id, ...sent });
  expect(rest).toMatchObject({ status: 201, body: shown });
  const nested = await ask('POST', `/api/knowledge-bases/${base.id}/documents`, sent);
  expect(nested).toMatchObject({ status: 201, body: shown });
  const document = { knowledgeBaseId: base.id, title: 'Terms', url: PAGE, rereadSeconds: 86_400 };
  const { data } = await askGraphql(api, CREATE, { document }, key);
  expect(data.createDocument.document).toEqual({
    ...{ url: PAGE, rereadSeconds: 86_400, readAt: null, status: 'pending' },
  });
  const added = ['kb', 'add', base.name, PAGE, '--reread', '1d', '--json', '--api', api.url];
  const run = await runCli(UNREACHABLE, ...added);
  expect(JSON.parse(run.stdout).items).toMatchObject([{ ...shown, title: PAGE }]);
});

test('a changed interval, and no changed address or text', async () => {
  const { id } = await makeBase();
  const made = await ask('POST', '/api/documents', {
    ...{ knowledge_base_id: id, title: 'Terms', url: PAGE },
  });
  const path = `/api/documents/${made.body.id}`;
  expect(await ask('PATCH', path, { reread_seconds: 3_600 })).toMatchObject({
    ...{ status: 200, body: { reread_seconds: 3_600 } },
  });
  for (const change of [{ url: 'https://other.example.com/' }, { content: 'other' }]) {
    expect((await ask('PATCH', path, change)).status).toBe(400);
  }
});

test.each([
  'http://127.0.0.1:5432/',
  'http://169.254.169.254/latest/meta-data/',
  'http://[::1]/',
  'http://2852039166/',
])('refuses %s when it is written', async (url) => {
  const { id } = await makeBase();
  const refused = await ask('POST', '/api/documents', { knowledge_base_id: id, title: 'x', url });
  expect(refused).toMatchObject({ status: 403, body: { field: 'url' } });
});

test('the search over REST finds what a worker has fetched', async () => {
  const { id } = await makeBase();
  const server = await startServer((_request, response) => response.end('Refunds in 30 days.'));
  const made = await ask('POST', '/api/documents', {
    ...{ knowledge_base_id: id, title: 'Terms', url: 'http://docs.example.com/terms.md' },
  });
  await database.pool.query('delete from howdah.documents where url = $1', [PAGE]);
  const egress = createEgress({
    ...{ allowPrivate: [], dial: dialTo(() => server.port) },
    resolve: async () => [{ address: '93.184.215.14', family: 4 }],
  });
  await ingestDocuments(database.pool, {}, { egress });
  expect(await ask('GET', `/api/documents/${made.body.id}`)).toMatchObject({
    body: { status: 'ready', type: 'text/markdown', read_at: expect.any(String) },
  });
  const found = await ask('GET', `/api/knowledge-bases/${id}/search?query=refunds`);
  expect(found.body.chunks).toMatchObject([{ content: 'Refunds in 30 days.', trust: 'external' }]);
});
