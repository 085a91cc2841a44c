import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeSession, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { printApiSchema } from '../../support/generate/print-schema.ts';
import { ask, startTestApi } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

test('a todo list is edited with mutations and read as Markdown', async () => {
  const sessionId = await makeSession(db.pool, { title: 'Today' });
  const create = `mutation ($todo: TodoInput!) { createTodo(input: { todo: $todo }) { todo { id position status } } }`;
  const first = await ask(api, create, { todo: { sessionId, title: 'Pack' } });
  const { todo } = first.data.createTodo;
  expect(todo).toMatchObject({ position: 1, status: 'open' });
  const second = await ask(api, create, { todo: { sessionId, title: 'Send', note: 'by noon' } });
  expect(second.data.createTodo.todo.position).toBe(2);
  const { errors } = await ask(
    api,
    `mutation ($id: UUID!) { updateTodo(input: { id: $id, patch: { status: done } }) { todo { status } } }`,
    { id: todo.id },
  );
  expect(errors).toEqual([]);
  const { data } = await ask(
    api,
    `query ($sessionId: UUID!) {
       todolistMarkdown(sessionId: $sessionId)
       session(id: $sessionId) { todos(orderBy: POSITION_DESC) { nodes { title } } }
     }`,
    { sessionId },
  );
  expect(data.todolistMarkdown).toBe('# Today\n\n- [x] Pack\n- [ ] Send — by noon\n');
  expect(data.session.todos.nodes).toEqual([{ title: 'Send' }, { title: 'Pack' }]);
  const gone = await ask(
    api,
    'mutation ($id: UUID!) { deleteTodo(input: { id: $id }) { todo { id } } }',
    { id: todo.id },
  );
  expect(gone.data.deleteTodo.todo.id).toBe(todo.id);
  const again = await ask(
    api,
    'mutation ($id: UUID!) { deleteTodo(input: { id: $id }) { todo { id } } }',
    { id: todo.id },
  );
  expect(again.errors).toMatchObject([
    { message: 'there is no such row in todos', extensions: { code: 'HWNTF' } },
  ]);
});

test('todos are addressed by id, not by a position that changes', async () => {
  const sdl = await printApiSchema(db.url);
  expect(sdl).toContain('updateTodo(');
  expect(sdl).not.toContain('BySessionIdAndPosition');
});

test('a resource is uploaded and read in Base64, and its text as plain text', async () => {
  const upload = await ask(
    api,
    `mutation ($bytes: Base64EncodedBinary!) {
       createResource(input: { resource: { name: "a.txt", type: "text/plain", bytes: $bytes } }) {
         resource { id size sha256 bytes }
       }
     }`,
    { bytes: Buffer.from('Grüße').toString('base64') },
  );
  const { resource } = upload.data.createResource;
  expect(resource).toMatchObject({ size: '7', bytes: Buffer.from('Grüße').toString('base64') });
  expect(
    await one(db.pool, 'select sha256 from howdah.resources where id = $1', [resource.id]),
  ).toEqual({ sha256: resource.sha256 });
  const read = await ask(api, 'query ($id: UUID!) { resourceText(id: $id) }', { id: resource.id });
  expect(read.data.resourceText).toBe('Grüße');
});

test('rejects operations that read the bytes of more than eight files', async () => {
  const sizes = await ask(api, '{ inboundDeliveries(first: 50) { nodes { id bytes } } }');
  expect(sizes.errors).toEqual([]);
  const digests = await ask(api, '{ auditLogs(first: 50) { nodes { hash prevHash } } }');
  expect(digests.errors).toEqual([]);
  const within = await ask(api, '{ resources(first: 8) { nodes { name bytes } } }');
  expect(within.errors).toEqual([]);
  expect((await ask(api, '{ resources { nodes { name size } } }')).errors).toEqual([]);
  for (const query of [
    '{ resources { nodes { bytes } } }',
    '{ resources(first: 9) { nodes { bytes } } }',
    '{ a: resources(first: 5) { nodes { ...f } } b: resources(first: 5) { edges { node { ...f } } } } fragment f on Resource { bytes }',
    '{ sessions(first: 3) { nodes { resources(first: 3) { nodes { bytes } } } } }',
  ]) {
    const { errors } = await ask(api, query);
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/files whose bytes are read, at most 8 are allowed/) },
    ]);
  }
});

test('starts a run with a file', async () => {
  const { data } = await ask(
    api,
    `mutation { createResource(input: { resource: { name: "a", type: "text/plain", bytes: "YQ==" } }) { resource { id } } }`,
  );
  const resource_id = data.createResource.resource.id;
  const run = `mutation ($parts: JSON!) { run(input: { agent: "development", input: "hi", inputParts: $parts }) { result { inputParts } } }`;
  const parts = [{ type: 'resource', resource_id }];
  expect((await ask(api, run, { parts })).data.run.result.inputParts).toEqual(parts);
  const { errors } = await ask(api, run, { parts: [{ type: 'video' }] });
  expect(errors).toMatchObject([
    {
      message: expect.stringContaining('input_parts[0].type must be text, image_url'),
      extensions: { code: 'HWINV', detail: { field: 'input_parts[0].type' } },
    },
  ]);
});
