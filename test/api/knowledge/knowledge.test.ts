import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Documents are added, searched and deleted over REST, GraphQL and by commands.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const TEXT = '# Refunds\n\nRefunds are possible within 30 days.\n\n# Shipping\n\nShipping is free.';

const database = testDatabase();
let api: ApiServer;
let folder: string;
let owner: string;
/** The key of an owner of another tenant. */
let stranger: string;
let viewer: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  folder = await mkdtemp(join(tmpdir(), 'howdah-kb-'));
  owner = await keyOf('owner');
  viewer = await keyOf('viewer');
  const other = await makeTenant(database.pool);
  stranger = await keyOf('owner', other);
  vi.stubEnv('HOWDAH_API_KEY', owner);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});

async function keyOf(role: string, tenant?: string): Promise<string> {
  const client = await database.pool.connect();
  try {
    await client.query(`select set_config('howdah.tenant_id', $1, false)`, [tenant ?? '']);
    const text = 'select key from howdah.create_api_key($1::text, $1::text::howdah.user_role)';
    return (await one<{ key: string }>(client, text, [role])).key;
  } finally {
    await client.query('discard all');
    client.release();
  }
}

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: owner, ...options });
const makeBase = async (name: string) =>
  (await ask('POST', '/api/knowledge-bases', { name })).body.id as string;
const found = async (id: string, query: string, options?: CallOptions) =>
  ask(
    'GET',
    `/api/knowledge-bases/${id}/search?query=${encodeURIComponent(query)}`,
    undefined,
    options,
  );

describe('REST', () => {
  test('takes documents as JSON and as text, and finds their chunks', async () => {
    const id = await makeBase('rest');
    const path = `/api/knowledge-bases/${id}/documents`;
    const asJson = await ask('POST', path, {
      title: 'Terms',
      content: TEXT,
      metadata: { year: 2026 },
    });
    expect(asJson.status).toBe(201);
    expect(asJson.body).toMatchObject({ title: 'Terms', status: 'pending', error: null });
    const asHtml = await ask('POST', `${path}?title=Page`, '<h1>Opening</h1><p>From nine.</p>', {
      headers: { 'content-type': 'text/html' },
    });
    expect(asHtml.body).toMatchObject({ title: 'Page', type: 'text/html' });
    const asCsv = await ask('POST', `${path}?title=Prices`, 'item,price\nlantern,12\n', {
      headers: { 'content-type': 'text/csv' },
    });
    expect(asCsv.body).toMatchObject({ title: 'Prices', type: 'text/csv' });
    await ingestDocuments(database.pool);
    const read = await ask('GET', asJson.headers.get('location') ?? '');
    expect(read.body).toMatchObject({ status: 'ready' });
    expect(read.body).not.toHaveProperty('content');
    expect((await ask('GET', `${asJson.headers.get('location')}/content`)).body).toBe(TEXT);
    expect((await found(id, 'how long are refunds possible?')).body.chunks).toMatchObject([
      {
        title: 'Terms',
        content: 'Refunds are possible within 30 days.',
        heading_path: ['Refunds'],
        knowledge_base: 'rest',
        ranks: { text: { rank: 1 } },
      },
    ]);
    expect((await found(id, 'opening')).body.chunks).toMatchObject([{ content: 'From nine.' }]);
    const filtered = await ask(
      'GET',
      `/api/knowledge-bases/${id}/search?query=nine refunds&filter={"year":2026}&k=5`,
    );
    expect(filtered.body.chunks).toMatchObject([{ title: 'Terms' }]);
  });

  test('says what is wrong with a request', async () => {
    const id = await makeBase('wrong');
    const path = `/api/knowledge-bases/${id}/documents`;
    const text = { headers: { 'content-type': 'text/markdown' } };
    expect((await ask('POST', path, 'text', text)).body.detail).toBe('title is missing');
    expect((await ask('POST', path, { title: 'a' })).status).toBe(400);
    const mode = await ask('GET', `/api/knowledge-bases/${id}/search?query=x&mode=vector`);
    expect(mode.body).toMatchObject({ code: 'HWINV', field: 'mode' });
    const unknown = await ask('GET', `/api/knowledge-bases/${id}/search?query=x&mode=words`);
    expect(unknown.body.detail).toContain('mode must be hybrid, text or vector');
    expect((await found(crypto.randomUUID(), 'x')).status).toBe(404);
  });

  test('takes the language of a document, and shows the one that was found', async () => {
    const id = await makeBase('languages');
    const path = `/api/knowledge-bases/${id}/documents`;
    const said = await ask('POST', path, { title: 'a', content: TEXT, language: 'de-AT' });
    expect(said.body).toMatchObject({ language: 'de', detected_language: null });
    const asText = await ask('POST', `${path}?title=b&language=de`, TEXT, {
      headers: { 'content-type': 'text/markdown' },
    });
    expect(asText.body).toMatchObject({ language: 'de' });
    const one = `/api/documents/${asText.body.id}`;
    const content = 'Die Rückgabe der Ware ist innerhalb von dreißig Tagen nach dem Kauf möglich.';
    const changed = await ask('PATCH', one, { language: null, content });
    expect(changed.body).toMatchObject({ language: null, status: 'pending' });
    await ingestDocuments(database.pool);
    expect((await ask('GET', one)).body).toMatchObject({ language: null, detected_language: 'de' });
    for (const refused of [
      await ask('POST', path, { title: 'c', content: TEXT, language: 'klingon' }),
      await ask('PATCH', one, { language: 'klingon' }),
    ]) {
      expect(refused.status).toBe(400);
      expect(refused.body).toMatchObject({
        code: 'HWINV',
        field: 'language',
        hint: expect.stringContaining('da, de, el, en'),
      });
    }
    expect((await ask('PATCH', one, { detected_language: 'fr' })).status).toBe(400);
    const base = await ask('PATCH', `/api/knowledge-bases/${id}`, { detects_language: false });
    expect(base.body).toMatchObject({ language: 'english', detects_language: false });
    await ingestDocuments(database.pool);
    expect((await ask('GET', one)).body).toMatchObject({ detected_language: null });
  });

  test('shows nothing to another tenant, and lets viewers only read', async () => {
    const id = await makeBase('closed');
    await ask('POST', `/api/knowledge-bases/${id}/documents`, { title: 'a', content: 'secret' });
    await ingestDocuments(database.pool);
    expect((await found(id, 'secret', { token: stranger })).status).toBe(404);
    const list = await ask('GET', '/api/documents', undefined, { token: stranger });
    expect(list.body.data).toEqual([]);
    const upload = await ask(
      'POST',
      `/api/knowledge-bases/${id}/documents`,
      { title: 'b', content: 'c' },
      { token: stranger },
    );
    expect(upload.status).toBe(404);
    expect((await found(id, 'secret', { token: viewer })).body.chunks).toHaveLength(1);
    const refused = await ask(
      'POST',
      `/api/knowledge-bases/${id}/documents`,
      { title: 'b', content: 'c' },
      { token: viewer },
    );
    expect(refused.status).toBe(403);
  });

  test('counts documents by status and chunks, and lists the chunks of a document', async () => {
    const id = await makeBase('counted');
    const path = `/api/knowledge-bases/${id}/documents`;
    const { body: terms } = await ask('POST', path, { title: 'Terms of Sale', content: TEXT });
    await ingestDocuments(database.pool);
    await ask('POST', path, { title: 'Price list', content: 'Tea costs 3 euros.' });
    const state = `/api/knowledge-bases/${id}/state`;
    const counts = {
      pending: 1,
      working: 0,
      ready: 1,
      failed: 0,
      chunks: 2,
      vectors: null,
      reranking: null,
      recognition: null,
    };
    expect((await ask('GET', state)).body).toEqual(counts);
    const chunks = `/api/documents/${terms.id}/chunks`;
    const first = await ask('GET', `${chunks}?limit=1`);
    expect(first.body.data).toMatchObject([
      { seq: 1, heading_path: ['Refunds'], start_offset: 11, end_offset: 47, trust: 'external' },
    ]);
    const second = await ask('GET', `${chunks}?limit=1&cursor=${first.body.next}`);
    expect(second.body).toMatchObject({
      data: [{ seq: 2, content: 'Shipping is free.' }],
      next: null,
    });
    expect((await ask('GET', `${chunks}?from=2`)).body.data).toEqual(second.body.data);
    for (const from of ['0', '-1', 'x', '9999999999']) {
      expect((await ask('GET', `${chunks}?from=${from}`)).body.errors, from).toMatchObject([
        { field: 'from' },
      ]);
    }
    for (const closed of [state, chunks]) {
      expect((await ask('GET', closed, undefined, { token: stranger })).status).toBe(404);
      expect((await ask('GET', closed, undefined, { token: viewer })).status).toBe(200);
    }
  });

  test('lists the documents of a base by status and words of the title', async () => {
    const id = await makeBase('filtered');
    for (const title of ['Terms of Sale', 'Terms of %_', 'Price list']) {
      await ask('POST', `/api/knowledge-bases/${id}/documents`, { title, content: TEXT });
    }
    const titles = async (filter: string) => {
      const { body } = await ask('GET', `/api/documents?knowledge_base_id=${id}&${filter}`);
      return body.data.map(({ title }: { title: string }) => title);
    };
    expect(await titles('words=sale TERMS')).toEqual(['Terms of Sale']);
    expect(await titles('words=%25_')).toEqual(['Terms of %_']);
    expect(await titles('words= ')).toHaveLength(3);
    expect(await titles('status=ready')).toEqual([]);
    await ingestDocuments(database.pool);
    expect(await titles('status=ready&words=price')).toEqual(['Price list']);
    for (const field of ['status=ready', 'words=price']) {
      const refused = await ask('GET', `/api/documents?${field}`);
      expect(refused.status).toBe(400);
      expect(refused.body).toMatchObject({ code: 'HWINV', field: field.split('=')[0] });
    }
  });

  test('gives an agent its knowledge bases by name', async () => {
    await makeBase('for agents');
    const made = await ask('POST', '/api/agents', {
      name: 'reader',
      knowledge_bases: ['for agents'],
      tools: ['knowledge_search'],
    });
    expect(made.body).toMatchObject({ knowledge_bases: ['for agents'] });
    const changed = await ask('PATCH', `/api/agents/${made.body.id}`, { knowledge_bases: [] });
    expect(changed.body).toMatchObject({ knowledge_bases: [] });
    const wrong = await ask('PATCH', `/api/agents/${made.body.id}`, {
      knowledge_bases: ['for agent'],
    });
    expect(wrong.body.detail).toBe("there is no knowledge base named 'for agent'");
  });
});

describe('GraphQL', () => {
  const graphql = (query: string, variables: object, token = owner) =>
    askGraphql(api, query, variables, token);

  test('creates a base and a document, and searches', async () => {
    const made = await graphql(
      'mutation { createKnowledgeBase(input: {knowledgeBase: {name: "graph"}}) { knowledgeBase { id } } }',
      {},
    );
    const { id } = made.data.createKnowledgeBase.knowledgeBase;
    await graphql(
      `mutation ($base: UUID!, $content: String!) {
        createDocument(input: {document: {knowledgeBaseId: $base, title: "t", content: $content}}) { document { status } } }`,
      { base: id, content: TEXT },
    );
    await ingestDocuments(database.pool);
    const query = `query ($bases: [String]!) {
      search(bases: $bases, query: "refunds") { nodes { title content chunkSeq score trust } } }`;
    expect((await graphql(query, { bases: ['graph'] })).data.search.nodes).toEqual([
      {
        title: 't',
        content: 'Refunds are possible within 30 days.',
        chunkSeq: 1,
        score: expect.any(Number),
        trust: 'external',
      },
    ]);
    const refused = await graphql(query, { bases: ['graph'] }, stranger);
    expect(refused.errors).toMatchObject([{ extensions: { code: 'HWNTF' } }]);
    const create = `mutation ($base: UUID!, $language: String) {
      createDocument(input: {document: {knowledgeBaseId: $base, title: "l", content: "x", language: $language}}) {
        document { language detectedLanguage } } }`;
    const said = await graphql(create, { base: id, language: 'German' });
    expect(said.data.createDocument.document).toEqual({ language: 'de', detectedLanguage: null });
    const unknown = await graphql(create, { base: id, language: 'klingon' });
    expect(unknown.errors).toMatchObject([
      { extensions: { code: 'HWINV', hint: expect.stringContaining('da, de, el, en') } },
    ]);
    const documents = await graphql(
      '{ documents { nodes { title chunks { nodes { seq } } } } }',
      {},
      stranger,
    );
    expect(documents.data.documents.nodes).toEqual([]);
  });
});

describe.each([
  ['a database', (...argv: string[]) => runCli(database.url, ...argv)],
  ['a server', (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url)],
])('howdah kb on %s', (face, run) => {
  const name = face.replace(' ', '-');

  test('adds files, lists, searches and deletes them', async () => {
    const file = join(folder, 'terms.md');
    await writeFile(file, TEXT);
    expect(await run('kb', 'create', name)).toMatchObject({ status: 0 });
    const added = await run('kb', 'add', name, file, '--metadata', '{"year": 2026}');
    expect(added).toMatchObject({ status: 0, stdout: expect.stringContaining('terms.md') });
    await ingestDocuments(database.pool);
    expect((await run('kb', 'ls', name)).stdout).toMatch(/terms\.md .*ready/);
    const wrong = await run('kb', 'add', name, file, '--language', 'klingon');
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('da, de, el, en') });
    const german = await run('kb', 'add', name, file, '--language', 'de', '--json');
    const [{ id, language }] = JSON.parse(german.stdout).items;
    expect(language).toBe('de');
    expect(await run('kb', 'rm', name, id, '--yes')).toMatchObject({ status: 0 });
    const hit = await run('kb', 'search', name, 'refunds', '--k', '1');
    expect(hit.stdout).toContain('terms.md › Refunds');
    expect(hit.stdout).toContain('Refunds are possible within 30 days.');
    const none = await run('kb', 'search', name, 'refunds', '--filter', '{"year": 1999}');
    expect(none).toMatchObject({ status: 0, stderr: expect.stringContaining('Nothing was found') });
    expect(await run('kb', 'rm', name, 'missing.md', '--yes')).toMatchObject({ status: 3 });
    expect(await run('kb', 'rm', name, 'terms.md', '--yes')).toMatchObject({ status: 0 });
    expect((await run('kb', 'search', name, 'refunds')).stderr).toContain('Nothing was found');
  });

  test('sets the language of a document', async () => {
    const base = `languages-${name}`;
    const file = join(folder, 'kurz.md');
    await writeFile(file, 'Drei alte Häuser.');
    await run('kb', 'create', base);
    await run('kb', 'add', base, file);
    await ingestDocuments(database.pool);
    const finds = async () => (await run('kb', 'search', base, 'Haus')).stdout.includes('Häuser');
    expect(await finds()).toBe(false);
    const set = await run('kb', 'set-language', base, 'kurz.md', 'de-AT', '--json');
    expect(set.status).toBe(0);
    expect(JSON.parse(set.stdout)).toMatchObject({ title: 'kurz.md', language: 'de' });
    await ingestDocuments(database.pool);
    expect(await finds()).toBe(true);
    const { id } = JSON.parse(set.stdout);
    expect(await run('kb', 'set-language', base, id, 'auto')).toMatchObject({
      status: 0,
      stdout: 'kurz.md changed: language detected\n',
    });
    await ingestDocuments(database.pool);
    expect(await finds()).toBe(false);
    const wrong = await run('kb', 'set-language', base, 'kurz.md', 'klingon');
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('da, de, el, en') });
    expect(await run('kb', 'set-language', base, 'none.md', 'de')).toMatchObject({ status: 3 });
    expect(await run('kb', 'set-language', base, 'kurz.md')).toMatchObject({ status: 2 });
  });

  test('finds each document of a base with over 1,000', async () => {
    const many = `many-${name}`;
    await run('kb', 'create', many);
    await database.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
       select b.tenant_id, b.id, 'title ' || n, 'text'
       from howdah.knowledge_bases as b, generate_series(1, 1002) as n where b.name = $1`,
      [many],
    );
    const list = async () =>
      JSON.parse((await run('kb', 'ls', many, '--json')).stdout).items as Record<string, string>[];
    const listed = await list();
    expect(listed).toHaveLength(1_002);
    const [older, oldest] = listed.slice(-2);
    expect(await run('kb', 'rm', many, `${oldest?.title}`, '--yes')).toMatchObject({ status: 0 });
    expect(await run('kb', 'rm', many, `${older?.id}`, '--yes')).toMatchObject({ status: 0 });
    expect(await list()).toEqual(listed.slice(0, -2));
    await database.pool.query('delete from howdah.knowledge_bases where name = $1', [many]);
  });

  test('deletes no document that is in another base, or has the title of another one', async () => {
    const [one, other] = [`one-${name}`, `other-${name}`];
    for (const base of [one, other]) await run('kb', 'create', base);
    const file = join(folder, 'same.md');
    await writeFile(file, 'Text.');
    const added = await run('kb', 'add', other, file, file, '--json');
    const [{ id }] = JSON.parse(added.stdout).items;
    expect(await run('kb', 'rm', one, id, '--yes')).toMatchObject({ status: 3 });
    const both = await run('kb', 'rm', other, 'same.md', '--yes');
    expect(both).toMatchObject({ stderr: expect.stringContaining(id) });
    expect(await run('kb', 'rm', other, id, '--yes')).toMatchObject({ status: 0 });
    expect(JSON.parse((await run('kb', 'ls', other, '--json')).stdout).items).toHaveLength(1);
  });

  test('names a file that cannot be read, and a base that does not exist', async () => {
    expect((await run('kb', 'add', name, join(folder, 'none.md'))).stderr).toContain('none.md');
    const binary = join(folder, 'manual.rtf');
    await writeFile(binary, Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1'));
    expect(await run('kb', 'add', name, binary)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('manual.rtf cannot be read: it is not valid UTF-8 text'),
    });
    expect(await run('kb', 'search', 'nowhere', 'x')).toMatchObject({ status: 3 });
  });
});
