import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { DOCUMENT_TYPES } from '../../../src/contracts/document-types.ts';
import { runCli } from '../../cli/run-cli.ts';
import { all } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { makeDocx, paragraph } from '../../support/files/make-office.ts';
import { makePdf } from '../../support/files/make-pdf.ts';
import { makeTesseractData, scanOf } from '../../support/files/scans.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';

// Files become documents over REST, GraphQL and by commands.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const PDF = makePdf([['Die Frist ist drei Monate.'], ['Größere Beträge später.']]);
const DOCX = makeDocx(paragraph('Kündigung', 'berschrift1') + paragraph('Drei Monate für Möbel.'));
const MAIL = 'From: a@example.com\r\nSubject: Rabatt\r\n\r\nZehn Prozent für Sie.';

const database = testDatabase();
let api: ApiServer;
let folder: string;

beforeAll(async () => {
  api = await startTestApi(database.url);
  folder = await mkdtemp(join(tmpdir(), 'howdah-files-'));
  await writeFile(join(folder, 'frist.pdf'), PDF);
  await writeFile(join(folder, 'k.docx'), DOCX);
  await writeFile(join(folder, 'mail.eml'), MAIL);
});
afterAll(async () => {
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => database.pool.query('delete from howdah.knowledge_bases'));

const resources = () => all(database.pool, 'select name, type from howdah.resources order by id');

describe('REST', () => {
  const makeBase = async () =>
    (await call(api, 'POST', '/api/knowledge-bases', { name: 'rest' })).body.id as string;
  const upload = (path: string, type: string, bytes: Uint8Array) =>
    call(api, 'POST', path, bytes, { headers: { 'content-type': type } });

  test('stores an upload as a file, and its chunks have pages', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const query = `?title=frist.pdf&metadata=${encodeURIComponent('{"year": 2026}')}`;
    const made = await upload(path + query, 'application/pdf', PDF);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      ...{ title: 'frist.pdf', type: 'application/pdf', status: 'pending' },
      ...{ metadata: { year: 2026 }, owns_resource: true, resource_id: expect.any(String) },
    });
    const file = await call(api, 'GET', `/api/resources/${made.body.resource_id}`);
    expect(file.body).toMatchObject({ name: 'frist.pdf', size: PDF.length });
    await ingestDocuments(database.pool);
    const place = `/api/documents/${made.body.id}`;
    expect((await call(api, 'GET', `${place}/chunks`)).body.data).toMatchObject([
      { page: 1, content: 'Die Frist ist drei Monate.' },
      { page: 2, content: 'Größere Beträge später.' },
    ]);
    const text = await call(api, 'GET', `${place}/content`);
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(text.body).toBe('Die Frist ist drei Monate.\fGrößere Beträge später.');
    const { body: shown } = await call(api, 'GET', place);
    const { knowledge_base_id, title, type, metadata, resource_id, owns_resource } = shown;
    const same = { knowledge_base_id, title, type, metadata, resource_id, owns_resource };
    for (const whole of [same, { knowledge_base_id, title: 'Fristen' }]) {
      const replaced = await call(api, 'PUT', place, whole);
      expect(replaced).toMatchObject({ status: 200, body: { title: whole.title, type } });
    }
    expect((await call(api, 'GET', `${place}/content`)).body).toBe(text.body);
    const changed = await call(api, 'PATCH', place, { content: 'x' });
    expect(changed.body).toMatchObject({ status: 400, code: 'HWINV', field: 'content' });
    expect((await call(api, 'DELETE', place)).status).toBe(204);
    expect(await resources()).toEqual([]);
  });

  const form = (fields: Record<string, string | File>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, value);
    return data;
  };
  /** Sends a form as `curl -F` does. */
  const sendForm = async (path: string, data: FormData) => {
    const request = new Request('http://localhost', { method: 'POST', body: data });
    return upload(path, request.headers.get('content-type') ?? '', await request.bytes());
  };

  test('takes a file of a form', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const pdf = new File([new Uint8Array(PDF)], 'frist.pdf', { type: 'application/pdf' });
    const metadata = '{"year": 2026}';
    const made = await sendForm(path, form({ metadata, language: 'de', file: pdf }));
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      ...{ title: 'frist.pdf', type: 'application/pdf', metadata: { year: 2026 } },
      ...{ language: 'de', owns_resource: true },
    });
    // curl does not know the type of each file
    const notes = new File(['# Notes\n\nÜber alles.'], 'notes.md', {
      type: 'application/octet-stream',
    });
    const text = await sendForm(`${path}?title=Memo`, form({ title: 'Notes', file: notes }));
    expect(text.body).toMatchObject({ title: 'Memo', type: 'text/markdown' });
    const read = await call(api, 'GET', `/api/documents/${text.body.id}/content`);
    expect(read.body).toBe('# Notes\n\nÜber alles.');
  });

  test('says what is wrong with a form, and stores nothing', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const file = new File(['text'], 'a.txt');
    for (const [fields, field] of [
      [{ title: 'alone' }, 'file'],
      [{ file, other: 'x' }, 'other'],
      [{ file: 'a.txt' }, 'file'],
      [{ file, metadata: '{' }, 'metadata'],
      [{ file: new File(['x'], 'a.exe') }, 'file'],
      [{ file: new File([new Uint8Array([0xff, 0xfe])], 'a.txt') }, 'file'],
    ] as const) {
      const { status, body } = await sendForm(path, form(fields));
      expect({ status, field: body.detail?.field ?? body.field }).toEqual({ status: 400, field });
    }
    const cut = await upload(path, 'multipart/form-data; boundary=x', Buffer.from('--x\r\n'));
    expect({ status: cut.status, hint: cut.body.hint }).toEqual({
      status: 400,
      hint: expect.stringContaining('in the field file'),
    });
    expect(await resources()).toEqual([]);
    expect(await all(database.pool, 'select from howdah.documents')).toEqual([]);
  });

  test('takes a file in JSON, and a file that is stored already', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const base64 = DOCX.toString('base64');
    const made = await call(api, 'POST', path, {
      ...{ title: 'k.docx', type: DOCUMENT_TYPES['.docx'], base64 },
    });
    expect(made.status).toBe(201);
    const { body: file } = await call(api, 'POST', '/api/resources', {
      ...{ name: 'k.docx', type: 'docx', base64 },
    });
    const { body: mail } = await call(api, 'POST', '/api/resources', {
      ...{ name: 'a', type: '.EML', base64 },
    });
    expect(mail.type).toBe(DOCUMENT_TYPES['.eml']);
    await database.pool.query('delete from howdah.resources where id = $1', [mail.id]);
    const other = await call(api, 'POST', path, { title: 'again', resource_id: file.id });
    expect(other.body).toMatchObject({ type: DOCUMENT_TYPES['.docx'], owns_resource: false });
    await ingestDocuments(database.pool);
    const { body } = await call(api, 'GET', `${path.replace('documents', 'search')}?query=Möbel`);
    expect(body.chunks.map(({ title }: { title: string }) => title).sort()).toEqual([
      'again',
      'k.docx',
    ]);
    await call(api, 'DELETE', `/api/documents/${other.body.id}`);
    expect(await resources()).toHaveLength(2);
    await database.pool.query('delete from howdah.resources where id = $1', [file.id]);
  });

  test('takes an image, whose text is recognized', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const made = await upload(`${path}?title=refund`, 'image/png', scanOf('refund.png'));
    expect(made).toMatchObject({ status: 201, body: { type: 'image/png', owns_resource: true } });
    await ingestDocuments(database.pool, {}, { tesseractData: makeTesseractData() });
    const place = `/api/documents/${made.body.id}`;
    const chunks = await call(api, 'GET', `${place}/chunks`);
    expect(chunks.body.data).toMatchObject([
      { page: 1, content: 'Invoice 4711\n\nThe refund is possible within 30 days.' },
    ]);
    expect((await call(api, 'DELETE', place)).status).toBe(204);
  });

  test('says what is wrong with a file, and stores nothing', async () => {
    const path = `/api/knowledge-bases/${await makeBase()}/documents`;
    const title = `${path}?title=a`;
    expect((await upload(path, 'application/pdf', PDF)).body.detail).toBe('title is missing');
    expect((await upload(title, 'image/gif', PDF)).status).toBe(415);
    const large = await upload(title, 'application/pdf', new Uint8Array(8 * 1024 * 1024 + 1));
    expect(large.body).toMatchObject({ status: 400, code: 'HWINV' });
    expect((await upload(title, 'application/pdf', new Uint8Array(13_000_000))).status).toBe(413);
    expect((await upload(`${title}&metadata=x`, 'application/pdf', PDF)).body).toMatchObject({
      errors: [{ field: 'metadata' }],
    });
    const withoutType = await call(api, 'POST', path, { title: 'a', base64: 'AAAA' });
    expect(withoutType.body).toMatchObject({ code: 'HWINV', field: 'type' });
    const both = await call(api, 'POST', path, {
      ...{ title: 'a', type: 'application/pdf', base64: 'AAAA', content: 'x' },
    });
    expect(both.body).toMatchObject({ code: 'HWINV', field: 'base64' });
    const image = await call(api, 'POST', path, { title: 'a', type: 'image/gif', base64: 'AAAA' });
    expect(image.body).toMatchObject({ code: 'HWINV', hint: expect.stringContaining('.pdf') });
    expect(await resources()).toEqual([]);
  });
});

test('GraphQL makes a document of a resource', async () => {
  const made = await askGraphql(
    api,
    `mutation ($bytes: Base64EncodedBinary!) {
      createKnowledgeBase(input: {knowledgeBase: {name: "graph"}}) { knowledgeBase { id } }
      createResource(input: {resource: {name: "frist.pdf", type: "application/pdf", bytes: $bytes}}) { resource { id } }
    }`,
    { bytes: PDF.toString('base64') },
  );
  const base = made.data.createKnowledgeBase.knowledgeBase.id;
  const file = made.data.createResource.resource.id;
  await askGraphql(
    api,
    `mutation ($base: UUID!, $file: UUID!) {
      createDocument(input: {document: {knowledgeBaseId: $base, title: "t", resourceId: $file, ownsResource: true}}) { document { type } } }`,
    { base, file },
  );
  await ingestDocuments(database.pool);
  const { data } = await askGraphql(
    api,
    '{ documents { nodes { status resource { name } chunks { nodes { page } } } } }',
    {},
  );
  expect(data.documents.nodes).toEqual([
    {
      status: 'ready',
      resource: { name: 'frist.pdf' },
      chunks: { nodes: [{ page: 1 }, { page: 2 }] },
    },
  ]);
});

describe.each([
  ['a database', (...argv: string[]) => runCli(database.url, ...argv)],
  ['a server', (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url)],
])('howdah kb on %s', (_face, run) => {
  test('adds files, and says why one failed', async () => {
    await run('kb', 'create', 'cli');
    const broken = join(folder, 'broken.pdf');
    await writeFile(broken, PDF.subarray(0, 200));
    const files = ['frist.pdf', 'k.docx', 'mail.eml'].map((name) => join(folder, name));
    const added = await run('kb', 'add', 'cli', ...files, broken, '--metadata', '{"year": 2026}');
    expect(added).toMatchObject({ status: 0, stderr: '' });
    await ingestDocuments(database.pool);
    const listed = JSON.parse((await run('kb', 'ls', 'cli', '--json')).stdout).items;
    expect(listed).toMatchObject([
      { title: 'broken.pdf', status: 'failed', error: { code: 'unreadable' } },
      { title: 'mail.eml', status: 'ready', type: 'message/rfc822', metadata: { year: 2026 } },
      { title: 'k.docx', status: 'ready' },
      { title: 'frist.pdf', status: 'ready' },
    ]);
    expect((await run('kb', 'chunks', 'cli', 'frist.pdf')).stdout).toMatch(/ 2 .*Größere/);
    expect((await run('kb', 'search', 'cli', 'Prozent')).stdout).toContain('mail.eml › Rabatt');
    for (const { title } of listed) {
      expect(await run('kb', 'rm', 'cli', title, '--yes')).toMatchObject({ status: 0 });
    }
    expect(await resources()).toEqual([]);
  });

  test('adds an image, and says what its text needs', async () => {
    await run('kb', 'create', 'cli');
    const image = join(folder, 'Receipt.WEBP');
    await writeFile(image, scanOf('receipt.webp'));
    expect(await run('kb', 'add', 'cli', image)).toMatchObject({ status: 0, stderr: '' });
    await ingestDocuments(database.pool);
    const listed = JSON.parse((await run('kb', 'ls', 'cli', '--json')).stdout).items;
    expect(listed).toMatchObject([
      {
        ...{ title: 'Receipt.WEBP', type: 'image/webp', status: 'failed' },
        error: { message: expect.stringContaining('HOWDAH_TESSERACT_DATA') },
      },
    ]);
    expect(await run('kb', 'rm', 'cli', 'Receipt.WEBP', '--yes')).toMatchObject({ status: 0 });
  });

  test('names a file that cannot be added', async () => {
    await run('kb', 'create', 'cli');
    const [large, empty] = [join(folder, 'large.pdf'), join(folder, 'empty.pdf')];
    await writeFile(large, Buffer.alloc(8 * 1024 * 1024 + 1));
    await writeFile(empty, '');
    for (const [file, why] of [
      [large, 'the maximum is 8388608'],
      [empty, 'it is empty'],
    ] as const) {
      expect(await run('kb', 'add', 'cli', join(folder, 'k.docx'), file)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining(why),
      });
    }
    expect(await resources()).toEqual([]);
  });
});
